/* Ops as a user adds them, one or two of every kind, for tests of the engine: they need nothing from ops/ but its public functions. */
#ifndef HEED_OWN_OPS_H
#define HEED_OWN_OPS_H

#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* --- elementwise: exp, tanh, 1/sqrt; a mask and a choice by a mask ---------------------------------------------------------------- */

#define OWN_MAP(name, T, expression)                                                                     \
    static void name(const heed_tile *t, heed_span y, const heed_span *x)                                \
    {                                                                                                    \
        for (int64_t r = 0; r < t->rows; r++)                                                            \
            for (int64_t c = 0; c < t->cols; c++) {                                                      \
                T a = ((const T *)x->p)[r * x->row + c * x->col];                                        \
                ((T *)y.p)[r * y.row + c] = expression;                                                  \
            }                                                                                            \
    }
#define OWN_MAP_OP(name_, expression_f32, expression_f64)                                                \
    OWN_MAP(name_##_f32, float, expression_f32)                                                          \
    OWN_MAP(name_##_f64, double, expression_f64)                                                         \
    static const heed_op name_ = {.name = #name_, .kind = HEED_MAP, .operands = 1, .flags = HEED_SMOOTH, \
                                  .shape = heed_shape_broadcast, .vjp = name_##_vjp,                     \
                                  .tile = {[HEED_F32] = {name_##_f32}, [HEED_F64] = {name_##_f64}}};

static void own_exp_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, v->dy, v->y); }
static void own_tanh_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_mul(g, v->dy, heed_add_scalar(g, heed_neg(g, heed_mul(g, v->y, v->y)), 1));
}
static void own_rsqrt_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_scale(g, heed_mul(g, v->dy, heed_mul(g, v->y, heed_mul(g, v->y, v->y))), -0.5);
}
OWN_MAP_OP(own_exp, expf(a), exp(a))
OWN_MAP_OP(own_tanh, tanhf(a), tanh(a))
OWN_MAP_OP(own_rsqrt, 1 / sqrtf(a), 1 / sqrt(a))

/* own_above   y = x > 0.3, a byte; own_choose   y = mask ? a : b */
#define OWN_MASKS(T, suffix)                                                                                             \
    static void own_above_##suffix(const heed_tile *t, heed_span y, const heed_span *x)                                 \
    {                                                                                                                    \
        for (int64_t r = 0; r < t->rows; r++)                                                                            \
            for (int64_t c = 0; c < t->cols; c++)                                                                        \
                ((uint8_t *)y.p)[r * y.row + c] = ((const T *)x->p)[r * x->row + c * x->col] > (T)0.3;                  \
    }                                                                                                                    \
    static void own_choose_##suffix(const heed_tile *t, heed_span y, const heed_span *x)                                \
    {                                                                                                                    \
        for (int64_t r = 0; r < t->rows; r++)                                                                            \
            for (int64_t c = 0; c < t->cols; c++) {                                                                      \
                int which = ((const uint8_t *)x[0].p)[r * x[0].row + c * x[0].col] ? 1 : 2;                              \
                ((T *)y.p)[r * y.row + c] = ((const T *)x[which].p)[r * x[which].row + c * x[which].col];                \
            }                                                                                                            \
    }
OWN_MASKS(float, f32)
OWN_MASKS(double, f64)

static bool own_above_shape(heed_shaping *s)
{
    s->dtype = HEED_U8;
    return heed_shape_float(s) && heed_shape_like(s, s->x[0]);
}
static void own_choose_vjp(heed_graph *g, const heed_vjp *v);
static const heed_op own_above = {.name = "own_above", .kind = HEED_MAP, .operands = 1, .flags = HEED_NO_GRADIENT, .shape = own_above_shape,
                                  .tile = {[HEED_F32] = {own_above_f32}, [HEED_F64] = {own_above_f64}}};
static const heed_op own_choose = {.name = "own_choose", .kind = HEED_MAP, .operands = 3, .flags = HEED_SMOOTH, .shape = heed_shape_broadcast,
                                   .vjp = own_choose_vjp, .tile = {[HEED_F32] = {own_choose_f32}, [HEED_F64] = {own_choose_f64}}};
static void own_choose_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *zero = heed_scalar(g, heed_dtype_of(v->dy), 0);
    if (v->need[1]) v->dx[1] = heed_apply(g, &own_choose, 3, (heed_tensor *[]){v->x[0], v->dy, zero}, NULL);
    if (v->need[2]) v->dx[2] = heed_apply(g, &own_choose, 3, (heed_tensor *[]){v->x[0], zero, v->dy}, NULL);
}

/* --- rows: a running sum along the row; the largest of a row (no gradient, for use where it cancels) --------------------------------- */

#define OWN_ROWS(T, suffix)                                                                                              \
    static void own_running_##suffix(const heed_tile *t, heed_span y, const heed_span *x)                               \
    {                                                                                                                    \
        int back = *(const int *)t->attr;                                                                                \
        for (int64_t r = 0; r < t->rows; r++) {                                                                          \
            T sum = 0;                                                                                                   \
            for (int64_t i = 0; i < t->cols; i++) {                                                                      \
                int64_t c = back ? t->cols - 1 - i : i;                                                                  \
                ((T *)y.p)[r * y.row + c] = sum += ((const T *)x->p)[r * x->row + c * x->col];                           \
            }                                                                                                            \
        }                                                                                                                \
    }                                                                                                                    \
    static void own_largest_##suffix(const heed_tile *t, heed_span y, const heed_span *x)                               \
    {                                                                                                                    \
        for (int64_t r = 0; r < t->rows; r++) {                                                                          \
            T most = 0;                                                                                                  \
            for (int64_t c = 0; c < t->cols; c++) {                                                                      \
                T a = ((const T *)x->p)[r * x->row + c * x->col];                                                        \
                if (c == 0 || a > most) most = a;                                                                        \
            }                                                                                                            \
            ((T *)y.p)[r * y.row] = most;                                                                                \
        }                                                                                                                \
    }
OWN_ROWS(float, f32)
OWN_ROWS(double, f64)

static bool own_row_shape(heed_shaping *s)
{
    if (!heed_shape_float(s) || !heed_shape_like(s, s->x[0])) return false;
    return s->rank > 0 || heed_reject(s, "a scalar has no row");
}
static bool own_fold_shape(heed_shaping *s)
{
    if (!own_row_shape(s)) return false;
    s->shape[s->rank - 1] = 1;
    return true;
}
static void own_running_vjp(heed_graph *g, const heed_vjp *v);
static const heed_op own_running = {.name = "own_running", .kind = HEED_ROW, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(int),
                                    .shape = own_row_shape, .vjp = own_running_vjp,
                                    .tile = {[HEED_F32] = {own_running_f32}, [HEED_F64] = {own_running_f64}}};
static void own_running_vjp(heed_graph *g, const heed_vjp *v)
{
    int back = !*(const int *)v->attr;
    v->dx[0] = heed_apply(g, &own_running, 1, &v->dy, &back);
}
static const heed_op own_largest = {.name = "own_largest", .kind = HEED_FOLD, .operands = 1, .flags = HEED_NO_GRADIENT, .shape = own_fold_shape,
                                    .tile = {[HEED_F32] = {own_largest_f32}, [HEED_F64] = {own_largest_f64}}};

/* --- a view with offset and step along one axis, and the kernel that puts its gradient back ------------------------------------------ */

typedef struct own_part_attr { int axis; int64_t from, step, count, whole; } own_part_attr;

static bool own_part_shape(heed_shaping *s)
{
    const own_part_attr *a = s->attr;
    heed_shape_like(s, s->x[0]);
    for (int i = 0; i < s->rank; i++) s->stride[i] = heed_stride(s->x[0], i);
    s->offset = a->from * s->stride[a->axis];
    s->stride[a->axis] *= a->step;
    s->shape[a->axis] = a->count;
    return true;
}
static bool own_put_shape(heed_shaping *s)
{
    const own_part_attr *a = s->attr;
    heed_shape_like(s, s->x[0]);
    s->shape[a->axis] = a->whole;
    return true;
}
static void own_put_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase, (void)task, (void)scratch;
    const own_part_attr *a = c->attr;
    size_t size = heed_dtype_size(c->y.dtype);
    if (c->y.size) memset(c->y.p, 0, (size_t)c->y.size * size);
    for (int64_t i = 0; i < c->x[0].size; i++) {
        int64_t rest = i, to = 0, from = 0, step = 1;
        for (int k = c->y.rank; k-- > 0; step *= c->y.shape[k], rest /= c->x[0].shape[k]) {
            int64_t at = rest % c->x[0].shape[k];
            to += (k == a->axis ? a->from + at * a->step : at) * step;
            from += at * c->x[0].stride[k];
        }
        memcpy((char *)c->y.p + (size_t)to * size, (const char *)c->x[0].p + from * (int64_t)size, size);
    }
}
static void own_part_vjp(heed_graph *g, const heed_vjp *v);
static void own_put_vjp(heed_graph *g, const heed_vjp *v);
static const heed_op own_part_op = {.name = "own_part", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(own_part_attr),
                                    .shape = own_part_shape, .vjp = own_part_vjp};
static const heed_op own_put = {.name = "own_put", .kind = HEED_KERNEL, .operands = 1, .flags = HEED_SMOOTH | HEED_ANY_STRIDE,
                                .attr_size = sizeof(own_part_attr), .shape = own_put_shape, .vjp = own_put_vjp, .run = own_put_run};
static void own_part_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_apply(g, &own_put, 1, &v->dy, v->attr); }
static void own_put_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_apply(g, &own_part_op, 1, &v->dy, v->attr); }

/* elements from, from + step, ... of an axis, `count` of them; the step may be negative */
static inline heed_tensor *own_part(heed_graph *g, heed_tensor *x, int axis, int64_t from, int64_t step, int64_t count)
{
    own_part_attr a = {axis, from, step, count, heed_dim(x, axis)};
    return heed_apply(g, &own_part_op, 1, &x, &a);
}

/* --- formulas --------------------------------------------------------------------------------------------------------------------------- */

static inline heed_tensor *own_map(heed_graph *g, const heed_op *op, heed_tensor *x) { return heed_apply(g, op, 1, &x, NULL); }

static inline heed_tensor *own_softmax(heed_graph *g, heed_tensor *x)
{
    heed_tensor *e = own_map(g, &own_exp, heed_sub(g, x, own_map(g, &own_largest, x)));
    return heed_div(g, e, heed_sum(g, e, HEED_LAST, true));
}

static inline heed_tensor *own_layer_norm(heed_graph *g, heed_tensor *x)
{
    double share = heed_dim(x, -1) ? 1 / (double)heed_dim(x, -1) : 1;
    heed_tensor *centred = heed_sub(g, x, heed_scale(g, heed_sum(g, x, HEED_LAST, true), share));
    heed_tensor *variance = heed_scale(g, heed_sum(g, heed_mul(g, centred, centred), HEED_LAST, true), share);
    return heed_mul(g, centred, own_map(g, &own_rsqrt, heed_add_scalar(g, variance, 0.1)));
}

#endif
