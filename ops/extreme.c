/* The largest and the smallest over axes, and where the largest is. */
#include "ops/axes.h"
#include "ops/map.h"
#include "ops/vmath.h"

/* fold_max  y = max_c x_c over the last axis     dx_c = x_c == y ? dy / how many are : 0       NaN if any is
 * fold_min  the same with min
 * fold_argmax  y = the first c with x_c = max x (the first NaN, if there is one)               no gradient */
#define EXTREME_OF(name, T, V, N, best, better)                                               \
    static inline T name##_of_##T(int64_t n, const T *x)                                      \
    {                                                                                         \
        T y = x[0];                                                                           \
        if (n < N) {                                                                          \
            for (int64_t c = 1; c < n; c++) y = y != y || y better x[c] ? y : x[c];           \
            return y;                                                                         \
        }                                                                                     \
        V s[4];                                                                               \
        for (int i = 0; i < 4; i++) s[i] = V##_load(x);                                       \
        int64_t c = 0;                                                                        \
        for (; c + 4 * N <= n; c += 4 * N)                                                    \
            for (int i = 0; i < 4; i++) s[i] = V##_##best(s[i], V##_load(x + c + i * N));     \
        for (; c + N <= n; c += N) s[0] = V##_##best(s[0], V##_load(x + c));                  \
        s[1] = V##_##best(s[1], V##_load(x + n - N)); /* some of them once more */            \
        return V##_h##best(V##_##best(V##_##best(s[0], s[1]), V##_##best(s[2], s[3])));       \
    }
#define EXTREME_PLAIN(name, T, better)                                                        \
    static inline T name##_of_##T(int64_t n, const T *x)                                      \
    {                                                                                         \
        T y = x[0];                                                                           \
        for (int64_t c = 1; c < n; c++) y = x[c] better y ? x[c] : y;                         \
        return y;                                                                             \
    }
#define EXTREME_TILE(name, T, suffix)                                                         \
    HEED_ISA_DECLARE(heed_tile_fn, fold_##name##_##suffix);                                   \
    void HEED_ISA_FN(fold_##name##_##suffix)(const heed_tile *t, heed_span y, const heed_span *x) \
    {                                                                                         \
        for (int64_t r = 0; r < t->rows; r++) {                                               \
            const T *a = (const T *)x->p + r * x->row;                                        \
            ((T *)y.p)[r * y.row] = x->col ? name##_of_##T(t->cols, a) : *a;                  \
        }                                                                                     \
    }
#define EXTREME(name, better)                       \
    EXTREME_OF(name, float, vf, VF, name, better)   \
    EXTREME_OF(name, double, vd, VD, name, better)  \
    EXTREME_PLAIN(name, int32_t, better)            \
    EXTREME_PLAIN(name, uint8_t, better)            \
    EXTREME_TILE(name, float, f32)                  \
    EXTREME_TILE(name, double, f64)                 \
    EXTREME_TILE(name, int32_t, i32)                \
    EXTREME_TILE(name, uint8_t, u8)
EXTREME(max, >)
EXTREME(min, <)

#define ARGMAX_TILE(T, suffix)                                                                \
    HEED_ISA_DECLARE(heed_tile_fn, fold_argmax_##suffix);                                     \
    void HEED_ISA_FN(fold_argmax_##suffix)(const heed_tile *t, heed_span y, const heed_span *x) \
    {                                                                                         \
        for (int64_t r = 0; r < t->rows; r++) {                                               \
            const T *a = (const T *)x->p + r * x->row;                                        \
            int32_t at = 0;                                                                   \
            if (x->col) {                                                                     \
                T most = max_of_##T(t->cols, a);                                              \
                while (most == most ? a[at] != most : a[at] == a[at]) at++;                   \
            }                                                                                 \
            ((int32_t *)y.p)[r * y.row] = at;                                                 \
        }                                                                                     \
    }
ARGMAX_TILE(float, f32)
ARGMAX_TILE(double, f64)

#if HEED_ISA_BASE
static bool extreme_shape(heed_shaping *s)
{
    heed_shape_like(s, s->x[0]);
    if (s->rank == 0 || s->shape[s->rank - 1] == 0) return heed_reject(s, "there is no element to choose from");
    s->shape[s->rank - 1] = 1;
    return true;
}

static bool argmax_shape(heed_shaping *s)
{
    if (!heed_shape_float(s) || !extreme_shape(s)) return false;
    if (heed_dim(s->x[0], -1) > INT32_MAX) return heed_reject(s, "%lld elements are more than an int32 can number", (long long)heed_dim(s->x[0], -1));
    s->dtype = HEED_I32;
    return true;
}

static void extreme_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *is = heed_eq(g, v->x[0], v->y), *many = heed_sum(g, heed_cast(g, is, heed_dtype_of(v->dy)), HEED_LAST, true);
    v->dx[0] = heed_where(g, is, heed_div(g, v->dy, many), heed_scalar(g, heed_dtype_of(v->dy), 0));
}

#define EXTREME_OP(name_)                                                                                               \
    const heed_op heed_op_##name_ = {.name = #name_, .kind = HEED_FOLD, .operands = 1, .flags = HEED_SMOOTH,            \
        .shape = extreme_shape, .vjp = extreme_vjp,                                                                     \
        .tile = {HEED_ISA_TABLE(name_##_f32), HEED_ISA_TABLE(name_##_f64), HEED_ISA_TABLE(name_##_i32), HEED_ISA_TABLE(name_##_u8)}};
EXTREME_OP(fold_max)
EXTREME_OP(fold_min)
const heed_op heed_op_fold_argmax = {.name = "fold_argmax", .kind = HEED_FOLD, .operands = 1, .flags = HEED_NO_GRADIENT, .shape = argmax_shape,
                                     .tile = HEED_TILES(fold_argmax)};

static heed_tensor *extreme(heed_graph *g, const heed_op *op, const char *name, heed_tensor *x, int axes, bool keep)
{
    if (!heed_axes_set(g, name, x, &axes)) return heed_graph_fail(g, HEED_INVALID, "%s", name);
    if (!axes) return x;
    heed_tensor *rows = heed_axes_last(g, x, axes);
    return heed_axes_shape(g, heed_apply(g, op, 1, &rows, NULL), x, axes, keep);
}
heed_tensor *heed_max(heed_graph *g, heed_tensor *x, int axes, bool keep) { return extreme(g, &heed_op_fold_max, "max", x, axes, keep); }
heed_tensor *heed_min(heed_graph *g, heed_tensor *x, int axes, bool keep) { return extreme(g, &heed_op_fold_min, "min", x, axes, keep); }

heed_tensor *heed_argmax(heed_graph *g, heed_tensor *x, int axis, bool keep)
{
    int rank = heed_rank(x);
    if (axis < -rank || axis >= rank) return heed_graph_fail(g, HEED_INVALID, "argmax: axis %d of a tensor of rank %d", axis, rank);
    return extreme(g, &heed_op_fold_argmax, "argmax", x, HEED_AXIS(axis < 0 ? axis + rank : axis), keep);
}
heed_tensor *heed_argmin(heed_graph *g, heed_tensor *x, int axis, bool keep) { return heed_argmax(g, heed_neg(g, x), axis, keep); }

/* of masks: nothing holds for any of no elements, and everything for all of them */
static heed_tensor *quantified(heed_graph *g, const char *name, heed_tensor *x, int axes, bool keep, bool all)
{
    if (!heed_axes_set(g, name, x, &axes)) return heed_graph_fail(g, HEED_INVALID, "%s", name);
    heed_tensor *mask = heed_ne(g, x, heed_scalar(g, HEED_U8, 0));
    if (heed_axes_size(x, axes) == 0) return heed_axes_full(g, mask, axes, keep, all);
    return all ? heed_min(g, mask, axes, keep) : heed_max(g, mask, axes, keep);
}
heed_tensor *heed_any(heed_graph *g, heed_tensor *mask, int axes, bool keep) { return quantified(g, "any", mask, axes, keep, false); }
heed_tensor *heed_all(heed_graph *g, heed_tensor *mask, int axes, bool keep) { return quantified(g, "all", mask, axes, keep, true); }
#endif
