/* What depends on an element's index or on a mask: triangles, one-hot, ranges, masked fill. */
#include "ops/map.h"
#include "ops/ops.h"

typedef struct triangle_attr { int64_t diagonal; } triangle_attr;
typedef struct range_attr { double start, step; int64_t count, dtype; } range_attr;

/* tril   y_ij = x_ij where j - i <= diagonal, else 0      dx = tril(dy)
 * triu   y_ij = x_ij where j - i >= diagonal, else 0      dx = triu(dy)
 * A row of the tile may run through several rows of the matrix: it is cut at their ends. */
#define TRIANGLE(name, T, keep)                                                               \
    HEED_ISA_DECLARE(heed_tile_fn, name);                                                     \
    void HEED_ISA_FN(name)(const heed_tile *t, heed_span y, const heed_span *x)               \
    {                                                                                         \
        int64_t m = t->shape[t->rank - 2], n = t->shape[t->rank - 1], d = ((const triangle_attr *)t->attr)->diagonal; \
        for (int64_t r = 0; r < t->rows; r++) {                                               \
            T *o = (T *)y.p + r * y.row;                                                      \
            const T *a = (const T *)x->p + r * x->row;                                        \
            for (int64_t c = 0; c < t->cols;) {                                               \
                int64_t at = t->first + r * t->pitch + c, i = at / n % m, j = at % n;         \
                int64_t end = c + n - j < t->cols ? c + n - j : t->cols;                      \
                for (; c < end; c++, j++) o[c] = j - i keep d ? a[c * x->col] : (T)0;         \
            }                                                                                 \
        }                                                                                     \
    }
#define TRIANGLES(T, suffix) TRIANGLE(tril_##suffix, T, <=) TRIANGLE(triu_##suffix, T, >=)
TRIANGLES(float, f32)
TRIANGLES(double, f64)
TRIANGLES(int32_t, i32)
TRIANGLES(uint8_t, u8)

/* arange   y_i = start + i step */
#define ARANGE(T, suffix)                                                                     \
    HEED_ISA_DECLARE(heed_tile_fn, arange_##suffix);                                          \
    void HEED_ISA_FN(arange_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)    \
    {                                                                                         \
        (void)x;                                                                              \
        const range_attr *a = t->attr;                                                        \
        for (int64_t r = 0; r < t->rows; r++)                                                 \
            for (int64_t c = 0; c < t->cols; c++)                                             \
                ((T *)y.p)[r * y.row + c] = (T)(a->start + (double)(t->first + r * t->pitch + c) * a->step); \
    }
ARANGE(float, f32)
ARANGE(double, f64)
ARANGE(int32_t, i32)
ARANGE(uint8_t, u8)

/* one_hot   y_c = 1 where c = id, else 0 */
#define ONE_HOT(T)                                                                            \
    for (int64_t r = 0; r < t->rows; r++)                                                     \
        for (int64_t c = 0; c < t->cols; c++)                                                 \
            ((T *)y.p)[r * y.row + c] = (t->first + r * t->pitch + c) % n == ((const int32_t *)x->p)[r * x->row + c * x->col];
HEED_ISA_DECLARE(heed_tile_fn, one_hot_i32);
void HEED_ISA_FN(one_hot_i32)(const heed_tile *t, heed_span y, const heed_span *x)
{
    int64_t n = t->shape[t->rank - 1];
    switch (t->to) {
    case HEED_F32: ONE_HOT(float) break;
    case HEED_F64: ONE_HOT(double) break;
    case HEED_I32: ONE_HOT(int32_t) break;
    default: ONE_HOT(uint8_t)
    }
}

#if HEED_ISA_BASE
#define ALL_TILES(name)                                                                       \
    {HEED_ISA_TABLE(name##_f32), HEED_ISA_TABLE(name##_f64), HEED_ISA_TABLE(name##_i32), HEED_ISA_TABLE(name##_u8)}

static bool triangle_shape(heed_shaping *s)
{
    char text[96];
    if (heed_rank(s->x[0]) < 2) return heed_reject(s, "%s is not a matrix", heed_shape_text(s->x[0], text, sizeof text));
    return heed_shape_like(s, s->x[0]);
}

static void tril_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_tril(g, v->dy, ((const triangle_attr *)v->attr)->diagonal);
}
static void triu_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_triu(g, v->dy, ((const triangle_attr *)v->attr)->diagonal);
}

#define TRIANGLE_OP(name_)                                                                                       \
    const heed_op heed_op_##name_ = {.name = #name_, .kind = HEED_MAP, .operands = 1, .flags = HEED_SMOOTH,      \
        .attr_size = sizeof(triangle_attr), .shape = triangle_shape, .vjp = name_##_vjp, .tile = ALL_TILES(name_)};
TRIANGLE_OP(tril)
TRIANGLE_OP(triu)

heed_tensor *heed_tril(heed_graph *g, heed_tensor *x, int64_t diagonal)
{
    return heed_apply(g, &heed_op_tril, 1, &x, &(triangle_attr){diagonal});
}
heed_tensor *heed_triu(heed_graph *g, heed_tensor *x, int64_t diagonal)
{
    return heed_apply(g, &heed_op_triu, 1, &x, &(triangle_attr){diagonal});
}

heed_tensor *heed_masked_fill(heed_graph *g, heed_tensor *x, heed_tensor *mask, double value)
{
    heed_dtype dtype = heed_dtype_of(x);
    if (!heed_dtype_holds(dtype, value))
        return heed_graph_fail(g, HEED_INVALID, "masked_fill: %g is no %s", value, heed_dtype_name(dtype));
    return heed_where(g, mask, heed_scalar(g, dtype, value), x);
}

static bool arange_shape(heed_shaping *s)
{
    const range_attr *a = s->attr;
    s->dtype = (heed_dtype)a->dtype;
    s->rank = 1;
    s->shape[0] = a->count;
    return true;
}

const heed_op heed_op_arange = {.name = "arange", .kind = HEED_MAP, .flags = HEED_NO_GRADIENT, .attr_size = sizeof(range_attr),
    .shape = arange_shape, .tile = ALL_TILES(arange)};

heed_tensor *heed_arange(heed_graph *g, heed_dtype dtype, int64_t count, double start, double step)
{
    double last = start + step * (double)(count ? count - 1 : 0);
    if (count < 0) return heed_graph_fail(g, HEED_INVALID, "arange: %lld numbers cannot be", (long long)count);
    if (!heed_dtype_holds(dtype, start) || !heed_dtype_holds(dtype, last))
        return heed_graph_fail(g, HEED_INVALID, "arange: %g to %g does not fit %s", start, last, heed_dtype_name(dtype));
    return heed_apply(g, &heed_op_arange, 0, NULL, &(range_attr){start, step, count, dtype});
}

typedef struct one_hot_attr { int64_t classes, dtype; } one_hot_attr;

static bool one_hot_shape(heed_shaping *s)
{
    const one_hot_attr *a = s->attr;
    heed_shape_like(s, s->x[0]);
    if (s->dtype != HEED_I32) return heed_reject(s, "ids are %s, they must be int32", heed_dtype_name(s->dtype));
    s->shape[s->rank - 1] = a->classes;
    s->dtype = (heed_dtype)a->dtype;
    return true;
}

const heed_op heed_op_one_hot = {.name = "one_hot", .kind = HEED_MAP, .operands = 1, .flags = HEED_NO_GRADIENT, .attr_size =
    sizeof(one_hot_attr), .shape = one_hot_shape, .tile = {[HEED_I32] = HEED_ISA_TABLE(one_hot_i32)}};

heed_tensor *heed_one_hot(heed_graph *g, heed_tensor *ids, int64_t classes, heed_dtype dtype)
{
    if (classes < 0) return heed_graph_fail(g, HEED_INVALID, "one_hot: %lld classes cannot be", (long long)classes);
    ids = heed_unsqueeze(g, ids, -1);
    return heed_apply(g, &heed_op_one_hot, 1, &ids, &(one_hot_attr){classes, dtype});
}
#endif
