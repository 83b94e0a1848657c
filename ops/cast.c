/* Conversion between dtypes. */
#include "ops/map.h"
#include "ops/ops.h"

/* cast    y = x in another dtype      dx = dy, cast back, between floats
 * To int32: towards zero, NaN to 0, what does not fit to the nearest that does. To uint8 (masks): 0 if x is 0, else 1. */
static inline int32_t to_int(double x) { return x != x ? 0 : x >= INT32_MAX ? INT32_MAX : x <= INT32_MIN ? INT32_MIN : (int32_t)x; }

#define CAST_LOOP(to, convert)                                                          \
    for (int64_t r = 0; r < t->rows; r++)                                               \
        for (int64_t c = 0; c < t->cols; c++) ((to *)y.p)[r * y.row + c] = convert(a[r * x->row + c * x->col]);
#define CAST_TILE(T, suffix)                                                            \
    HEED_ISA_DECLARE(heed_tile_fn, cast_##suffix);                                      \
    void HEED_ISA_FN(cast_##suffix)(const heed_tile *t, heed_span y, const heed_span *x) \
    {                                                                                   \
        const T *a = x->p;                                                              \
        switch (t->to) {                                                                \
        case HEED_F32: CAST_LOOP(float, (float)) break;                                 \
        case HEED_F64: CAST_LOOP(double, (double)) break;                               \
        case HEED_I32: CAST_LOOP(int32_t, to_int) break;                                \
        default: CAST_LOOP(uint8_t, 0 !=)                                               \
        }                                                                               \
    }
CAST_TILE(float, f32)
CAST_TILE(double, f64)
CAST_TILE(int32_t, i32)
CAST_TILE(uint8_t, u8)

#if HEED_ISA_BASE
static bool cast_shape(heed_shaping *s)
{
    heed_shape_like(s, s->x[0]);
    s->dtype = *(const heed_dtype *)s->attr;
    return true;
}

static void cast_vjp(heed_graph *g, const heed_vjp *v)
{
    if (heed_dtype_of(v->x[0]) <= HEED_F64) v->dx[0] = heed_cast(g, v->dy, heed_dtype_of(v->x[0]));
}

const heed_op heed_op_cast = {.name = "cast", .kind = HEED_MAP, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(heed_dtype),
    .shape = cast_shape, .vjp = cast_vjp,
    .tile = {HEED_ISA_TABLE(cast_f32), HEED_ISA_TABLE(cast_f64), HEED_ISA_TABLE(cast_i32), HEED_ISA_TABLE(cast_u8)}};

heed_tensor *heed_cast(heed_graph *g, heed_tensor *x, heed_dtype dtype)
{
    if ((unsigned)dtype >= HEED_DTYPES) return heed_graph_fail(g, HEED_INVALID, "cast: no dtype %d", (int)dtype);
    return heed_dtype_of(x) == dtype ? x : heed_apply(g, &heed_op_cast, 1, &x, &dtype);
}
#endif
