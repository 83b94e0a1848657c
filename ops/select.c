/* Comparisons, masks, and what chooses between values. A mask is uint8: 0 is false, anything else true, 1 is written. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/vmath.h"

/* eq ne lt le gt ge    y = a == b, ... as in C: comparisons with NaN are false, but for ne      no gradient */
#define COMPARE_ROW(name, operator, T, V, N)                                                                     \
    static inline void name##_row_##V(int64_t n, uint8_t *y, const T *a, int64_t ca, const T *b, int64_t cb)     \
    {                                                                                                            \
        int64_t c = 0;                                                                                           \
        for (; c + N <= n; c += N) V##_store_mask(y + c, heed_get_##V(a, ca, c) operator heed_get_##V(b, cb, c), N); \
        if (c < n) V##_store_mask(y + c, heed_get_n_##V(a, ca, c, n - c) operator heed_get_n_##V(b, cb, c, n - c), n - c); \
    }
#define COMPARE_PLAIN(name, operator, T)                                                                         \
    static inline void name##_row_##T(int64_t n, uint8_t *y, const T *a, int64_t ca, const T *b, int64_t cb)     \
    {                                                                                                            \
        for (int64_t c = 0; c < n; c++) y[c] = a[c * ca] operator b[c * cb];                                     \
    }
#define COMPARE_TILE(name, T, row_, suffix)                                                                      \
    HEED_ISA_DECLARE(heed_tile_fn, name##_##suffix);                                                             \
    void HEED_ISA_FN(name##_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                       \
    {                                                                                                            \
        for (int64_t r = 0; r < t->rows; r++) {                                                                  \
            uint8_t *o = (uint8_t *)y.p + r * y.row;                                                             \
            const T *a = (const T *)x[0].p + r * x[0].row, *b = (const T *)x[1].p + r * x[1].row;                \
            if (x[0].col && x[1].col) name##_row_##row_(t->cols, o, a, 1, b, 1);                                 \
            else if (x[0].col) name##_row_##row_(t->cols, o, a, 1, b, 0);                                        \
            else name##_row_##row_(t->cols, o, a, 0, b, x[1].col);                                               \
        }                                                                                                        \
    }
#define COMPARE(name, operator)                                                                                  \
    COMPARE_ROW(name, operator, float, vf, VF)                                                                   \
    COMPARE_ROW(name, operator, double, vd, VD)                                                                  \
    COMPARE_PLAIN(name, operator, int32_t)                                                                       \
    COMPARE_PLAIN(name, operator, uint8_t)                                                                       \
    COMPARE_TILE(name, float, vf, f32)                                                                           \
    COMPARE_TILE(name, double, vd, f64)                                                                          \
    COMPARE_TILE(name, int32_t, int32_t, i32)                                                                    \
    COMPARE_TILE(name, uint8_t, uint8_t, u8)
COMPARE(eq, ==)
COMPARE(ne, !=)
COMPARE(lt, <)
COMPARE(le, <=)
COMPARE(gt, >)
COMPARE(ge, >=)

/* and or    y = a && b, y = a || b         no gradient        not is eq with 0 */
COMPARE_PLAIN(and, && 0 !=, uint8_t)
COMPARE_PLAIN(or, || 0 !=, uint8_t)
COMPARE_TILE(and, uint8_t, uint8_t, u8)
COMPARE_TILE(or, uint8_t, uint8_t, u8)

/* where     y = m ? a : b                  da = m ? dy : 0, db = m ? 0 : dy */
#define WHERE_ROW(T, V, N)                                                                                       \
    static inline void where_row_##T(int64_t n, T *y, const uint8_t *m, int64_t cm, const T *a, int64_t ca, const T *b, int64_t cb) \
    {                                                                                                            \
        if (!cm) { /* one choice for the whole row */                                                            \
            const T *from = *m ? a : b;                                                                          \
            int64_t step = *m ? ca : cb;                                                                         \
            for (int64_t c = 0; c < n; c++) y[c] = from[c * step];                                               \
            return;                                                                                              \
        }                                                                                                        \
        int64_t c = 0;                                                                                           \
        for (; c + N <= n; c += N) V##_store(y + c, V##_select(V##_load_mask(m + c, N), heed_get_##V(a, ca, c), heed_get_##V(b, cb, c))); \
        int64_t k = n - c;                                                                                       \
        if (k) V##_store_n(y + c, V##_select(V##_load_mask(m + c, k), heed_get_n_##V(a, ca, c, k), heed_get_n_##V(b, cb, c, k)), k); \
    }
#define WHERE_PLAIN(T)                                                                                           \
    static inline void where_row_##T(int64_t n, T *y, const uint8_t *m, int64_t cm, const T *a, int64_t ca, const T *b, int64_t cb) \
    {                                                                                                            \
        for (int64_t c = 0; c < n; c++) y[c] = m[c * cm] ? a[c * ca] : b[c * cb];                                \
    }
#define WHERE_TILE(T, suffix)                                                                                    \
    HEED_ISA_DECLARE(heed_tile_fn, where_##suffix);                                                              \
    void HEED_ISA_FN(where_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                        \
    {                                                                                                            \
        for (int64_t r = 0; r < t->rows; r++) {                                                                  \
            T *o = (T *)y.p + r * y.row;                                                                         \
            const uint8_t *m = (const uint8_t *)x[0].p + r * x[0].row;                                           \
            const T *a = (const T *)x[1].p + r * x[1].row, *b = (const T *)x[2].p + r * x[2].row;                \
            if (x[1].col && x[2].col) where_row_##T(t->cols, o, m, x[0].col, a, 1, b, 1);                        \
            else if (x[1].col) where_row_##T(t->cols, o, m, x[0].col, a, 1, b, 0);                               \
            else if (x[2].col) where_row_##T(t->cols, o, m, x[0].col, a, 0, b, 1);                               \
            else where_row_##T(t->cols, o, m, x[0].col, a, 0, b, 0);                                             \
        }                                                                                                        \
    }
WHERE_ROW(float, vf, VF)
WHERE_ROW(double, vd, VD)
WHERE_PLAIN(int32_t)
WHERE_PLAIN(uint8_t)
WHERE_TILE(float, f32)
WHERE_TILE(double, f64)
WHERE_TILE(int32_t, i32)
WHERE_TILE(uint8_t, u8)

/* maximum minimum   y = max(a, b)          da = a > b ? dy : a == b ? dy / 2 : 0      NaN where either is NaN
 * clamp             y = x in [low, high]   dx = low <= x <= high ? dy : 0             NaN stays
 * abs               y = |x|                dx = sign(x) dy
 * sign              y = -1, 0 or 1         none                                       NaN stays */
HEED_MAP2(maximum, v_max(a, b))
HEED_MAP2(minimum, v_min(a, b))
HEED_MAP1(clamp, v_clamp(x, V_LIKE(x, p[0]), V_LIKE(x, p[1])))
HEED_MAP1(abs, v_abs(x))
HEED_MAP1(sign, v_select(x > 0.0f, V_LIKE(x, 1), v_select(x < 0.0f, V_LIKE(x, -1), x)))

#if HEED_ISA_BASE
static bool compare_shape(heed_shaping *s)
{
    if (heed_dtype_of(s->x[0]) != heed_dtype_of(s->x[1]))
        return heed_reject(s, "operands differ in dtype: %s and %s", heed_dtype_name(heed_dtype_of(s->x[0])), heed_dtype_name(heed_dtype_of(s->x[1])));
    if (!heed_shape_broadcast(s)) return false;
    s->dtype = HEED_U8;
    return true;
}

static bool mask_shape(heed_shaping *s)
{
    for (int i = 0; i < 2; i++)
        if (heed_dtype_of(s->x[i]) != HEED_U8) return heed_reject(s, "operand %d is %s, not a mask of uint8", i, heed_dtype_name(heed_dtype_of(s->x[i])));
    return heed_shape_broadcast(s);
}

static bool where_shape(heed_shaping *s)
{
    if (heed_dtype_of(s->x[0]) != HEED_U8) return heed_reject(s, "the mask is %s, not uint8", heed_dtype_name(heed_dtype_of(s->x[0])));
    if (heed_dtype_of(s->x[1]) != heed_dtype_of(s->x[2]))
        return heed_reject(s, "operands differ in dtype: %s and %s", heed_dtype_name(heed_dtype_of(s->x[1])), heed_dtype_name(heed_dtype_of(s->x[2])));
    return heed_shape_broadcast(s);
}

static void where_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *zero = heed_scalar(g, heed_dtype_of(v->dy), 0);
    if (v->need[1]) v->dx[1] = heed_where(g, v->x[0], v->dy, zero);
    if (v->need[2]) v->dx[2] = heed_where(g, v->x[0], zero, v->dy);
}

/* dy to the winner; where there is none, half to each */
static heed_tensor *won(heed_graph *g, const heed_vjp *v, heed_tensor *wins)
{
    heed_tensor *half = heed_where(g, heed_eq(g, v->x[0], v->x[1]), heed_scale(g, v->dy, 0.5), heed_scalar(g, heed_dtype_of(v->dy), 0));
    return heed_where(g, wins, v->dy, half);
}
static void maximum_vjp(heed_graph *g, const heed_vjp *v)
{
    if (v->need[0]) v->dx[0] = won(g, v, heed_gt(g, v->x[0], v->x[1]));
    if (v->need[1]) v->dx[1] = won(g, v, heed_lt(g, v->x[0], v->x[1]));
}
static void minimum_vjp(heed_graph *g, const heed_vjp *v)
{
    if (v->need[0]) v->dx[0] = won(g, v, heed_lt(g, v->x[0], v->x[1]));
    if (v->need[1]) v->dx[1] = won(g, v, heed_gt(g, v->x[0], v->x[1]));
}

static void clamp_vjp(heed_graph *g, const heed_vjp *v)
{
    const double *p = v->attr;
    heed_dtype dtype = heed_dtype_of(v->dy);
    heed_tensor *in = heed_and(g, heed_ge(g, v->x[0], heed_scalar(g, dtype, p[0])), heed_le(g, v->x[0], heed_scalar(g, dtype, p[1])));
    v->dx[0] = heed_where(g, in, v->dy, heed_scalar(g, dtype, 0));
}

static void abs_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, heed_sign(g, v->x[0]), v->dy); }

#define COMPARISON(name_)                                                                                        \
    const heed_op heed_op_##name_ = {.name = #name_, .kind = HEED_MAP, .operands = 2, .flags = HEED_NO_GRADIENT, .shape = compare_shape, \
        .tile = {HEED_ISA_TABLE(name_##_f32), HEED_ISA_TABLE(name_##_f64), HEED_ISA_TABLE(name_##_i32), HEED_ISA_TABLE(name_##_u8)}}; \
    heed_tensor *heed_##name_(heed_graph *g, heed_tensor *a, heed_tensor *b)                                     \
    {                                                                                                            \
        return heed_apply(g, &heed_op_##name_, 2, (heed_tensor *[]){a, b}, NULL);                                \
    }
COMPARISON(eq)
COMPARISON(ne)
COMPARISON(lt)
COMPARISON(le)
COMPARISON(gt)
COMPARISON(ge)

const heed_op heed_op_and = {.name = "and", .kind = HEED_MAP, .operands = 2, .flags = HEED_NO_GRADIENT, .shape = mask_shape,
                             .tile = {[HEED_U8] = HEED_ISA_TABLE(and_u8)}};
const heed_op heed_op_or = {.name = "or", .kind = HEED_MAP, .operands = 2, .flags = HEED_NO_GRADIENT, .shape = mask_shape,
                            .tile = {[HEED_U8] = HEED_ISA_TABLE(or_u8)}};
heed_tensor *heed_and(heed_graph *g, heed_tensor *a, heed_tensor *b) { return heed_apply(g, &heed_op_and, 2, (heed_tensor *[]){a, b}, NULL); }
heed_tensor *heed_or(heed_graph *g, heed_tensor *a, heed_tensor *b) { return heed_apply(g, &heed_op_or, 2, (heed_tensor *[]){a, b}, NULL); }
heed_tensor *heed_not(heed_graph *g, heed_tensor *x) { return heed_eq(g, x, heed_scalar(g, HEED_U8, 0)); }

const heed_op heed_op_where = {.name = "where", .kind = HEED_MAP, .operands = 3, .flags = HEED_SMOOTH, .shape = where_shape, .vjp = where_vjp,
    .tile = {HEED_ISA_TABLE(where_f32), HEED_ISA_TABLE(where_f64), HEED_ISA_TABLE(where_i32), HEED_ISA_TABLE(where_u8)}};
heed_tensor *heed_where(heed_graph *g, heed_tensor *mask, heed_tensor *a, heed_tensor *b)
{
    return heed_apply(g, &heed_op_where, 3, (heed_tensor *[]){mask, a, b}, NULL);
}

HEED_BINARY(maximum)
HEED_BINARY(minimum)
HEED_UNARY(abs)
HEED_MAP_ATTR_OP(clamp, 1, 2)
const heed_op heed_op_sign = {.name = "sign", .kind = HEED_MAP, .operands = 1, .flags = HEED_NO_GRADIENT, .shape = heed_shape_real,
                              .tile = HEED_TILES(sign)};
heed_tensor *heed_sign(heed_graph *g, heed_tensor *x) { return heed_apply(g, &heed_op_sign, 1, &x, NULL); }
heed_tensor *heed_clamp(heed_graph *g, heed_tensor *x, double low, double high)
{
    if (!(low <= high)) return heed_graph_fail(g, HEED_INVALID, "clamp: %g to %g is no range", low, high);
    return heed_apply(g, &heed_op_clamp, 1, &x, (double[]){low, high});
}
#endif
