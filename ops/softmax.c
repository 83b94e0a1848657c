/* Softmax and its logarithm. A row that is -inf throughout (all masked) has no softmax: here it is zeros, and its logarithm -inf,
 * so that masked rows add nothing and carry no NaN. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/rows.h"

/* softmax      y_c = exp(x_c) / sum_j exp(x_j)           dx_c = y_c (dy_c - sum_j dy_j y_j)
 * log_softmax  y_c = x_c - log sum_j exp(x_j)            dx_c = dy_c - exp(y_c) sum_j dy_j
 * logsumexp    y = log sum_j exp(x_j)                    dx_c = dy softmax(x)_c
 * The largest element is taken off first, so that nothing overflows. */
#define SOFTMAX(T, V, N, suffix)                                                                       \
    HEED_ISA_DECLARE(heed_tile_fn, softmax_##suffix);                                                  \
    void HEED_ISA_FN(softmax_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)            \
    {                                                                                                  \
        for (int64_t r = 0; r < t->rows; r++)                                                          \
            V##_row_softmax(t->cols, (T *)y.p + r * y.row, (const T *)x->p + r * x->row, x->col);      \
    }                                                                                                  \
    static inline T log_of_sum_##V(int64_t n, const T *a, int64_t col, V top)                          \
    {                                                                                                  \
        T sum;                                                                                         \
        if (col) ROW_SUM(V, N, n, sum, V##_exp_neg(V##_get(a, 1, at, k) - top));                       \
        else ROW_SUM(V, N, n, sum, V##_exp_neg(V##_get(a, 0, at, k) - top));                           \
        return V##_log(V##_set(sum))[0];                                                               \
    }                                                                                                  \
    HEED_ISA_DECLARE(heed_tile_fn, log_softmax_##suffix);                                              \
    void HEED_ISA_FN(log_softmax_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)        \
    {                                                                                                  \
        const int64_t n = t->cols;                                                                     \
        for (int64_t r = 0; r < t->rows; r++) {                                                        \
            T *o = (T *)y.p + r * y.row;                                                               \
            const T *a = (const T *)x->p + r * x->row;                                                 \
            V top = V##_set(V##_row_max(n, a, x->col)), rest = {0};                                    \
            if (top[0] == -INFINITY) top = V##_set(0);                                                 \
            else rest = V##_set(log_of_sum_##V(n, a, x->col, top));                                    \
            ROW_EACH(N, n, V##_put(o + at, V##_get(a, x->col, at, k) - top - rest, k));                \
        }                                                                                              \
    }                                                                                                  \
    HEED_ISA_DECLARE(heed_tile_fn, logsumexp_##suffix);                                                \
    void HEED_ISA_FN(logsumexp_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)          \
    {                                                                                                  \
        for (int64_t r = 0; r < t->rows; r++) {                                                        \
            const T *a = (const T *)x->p + r * x->row;                                                 \
            T top = V##_row_max(t->cols, a, x->col);                                                   \
            bool finite = top - top == 0 || top != top;                                                \
            ((T *)y.p)[r * y.row] = finite ? top + log_of_sum_##V(t->cols, a, x->col, V##_set(top)) : top; \
        }                                                                                              \
    }
SOFTMAX(float, vf, VF, f32)
SOFTMAX(double, vd, VD, f64)

#if HEED_ISA_BASE
static bool row_shape(heed_shaping *s)
{
    if (!heed_shape_float(s) || !heed_shape_like(s, s->x[0])) return false;
    return s->rank > 0 || heed_reject(s, "a scalar has no last axis");
}

static bool number_shape(heed_shaping *s)
{
    if (!row_shape(s)) return false;
    s->shape[s->rank - 1] = 1;
    return true;
}

static void softmax_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *dot = heed_sum(g, heed_mul(g, v->dy, v->y), HEED_LAST, true);
    v->dx[0] = heed_mul(g, v->y, heed_sub(g, v->dy, dot));
}

static void log_softmax_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *total = heed_sum(g, v->dy, HEED_LAST, true);
    v->dx[0] = heed_sub(g, v->dy, heed_mul(g, heed_exp(g, v->y), total));
}

static void logsumexp_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, heed_softmax(g, v->x[0], -1), v->dy); }

const heed_op heed_op_softmax = {.name = "softmax", .kind = HEED_ROW, .operands = 1, .flags = HEED_SMOOTH, .shape = row_shape,
    .vjp = softmax_vjp, .tile = HEED_TILES(softmax)};
const heed_op heed_op_log_softmax = {.name = "log_softmax", .kind = HEED_ROW, .operands = 1, .flags = HEED_SMOOTH,
    .shape = row_shape, .vjp = log_softmax_vjp, .tile = HEED_TILES(log_softmax)};
const heed_op heed_op_logsumexp = {.name = "logsumexp", .kind = HEED_FOLD, .operands = 1, .flags = HEED_SMOOTH,
    .shape = number_shape, .vjp = logsumexp_vjp, .tile = HEED_TILES(logsumexp)};

/* The op works along the last axis; another one is moved there and back. */
static heed_tensor *along(heed_graph *g, const heed_op *op, heed_tensor *x, int axis)
{
    int rank = heed_rank(x);
    if (heed_graph_error(g)->code) return x;
    if (axis < -rank || axis >= rank)
        return heed_graph_fail(g, HEED_INVALID, "%s: axis %d of a tensor of rank %d", op->name, axis, rank);
    bool last = axis == -1 || axis == rank - 1;
    if (!last) x = heed_transpose(g, x, axis, -1);
    heed_tensor *y = heed_apply(g, op, 1, &x, NULL);
    return last ? y : heed_transpose(g, y, axis, -1);
}

heed_tensor *heed_softmax(heed_graph *g, heed_tensor *x, int axis) { return along(g, &heed_op_softmax, x, axis); }
heed_tensor *heed_log_softmax(heed_graph *g, heed_tensor *x, int axis) { return along(g, &heed_op_log_softmax, x, axis); }
#endif
