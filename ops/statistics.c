/* Mean, variance, product and logsumexp over axes, composed of other ops; cumulative sums. */
#include "ops/axes.h"
#include "ops/map.h"

#include <math.h>

/* cumsum    y_c = sum_(k <= c) x_k along the last axis, added in float64      dx_c = sum_(k >= c) dy_k, the cumsum from the other end */
#define CUMSUM_TILE(T, suffix)                                                                \
    HEED_ISA_DECLARE(heed_tile_fn, cumsum_##suffix);                                          \
    void HEED_ISA_FN(cumsum_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)    \
    {                                                                                         \
        bool back = *(const bool *)t->attr;                                                   \
        int64_t from = back ? t->cols - 1 : 0, step = back ? -1 : 1;                          \
        for (int64_t r = 0; r < t->rows; r++) {                                               \
            T *o = (T *)y.p + r * y.row + from;                                               \
            const T *a = (const T *)x->p + r * x->row + from * x->col;                        \
            double sum = 0;                                                                   \
            for (int64_t c = 0; c < t->cols; c++) {                                           \
                sum += (double)a[c * step * x->col];                                          \
                o[c * step] = (T)sum;                                                         \
            }                                                                                 \
        }                                                                                     \
    }
CUMSUM_TILE(float, f32)
CUMSUM_TILE(double, f64)

#if HEED_ISA_BASE
static heed_tensor *cumsum(heed_graph *g, heed_tensor *x, bool back);

static bool cumsum_shape(heed_shaping *s) { return heed_shape_float(s) && heed_shape_like(s, s->x[0]); }
static void cumsum_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = cumsum(g, v->dy, !*(const bool *)v->attr); }

const heed_op heed_op_cumsum = {.name = "cumsum", .kind = HEED_ROW, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(bool),
                                .shape = cumsum_shape, .vjp = cumsum_vjp, .tile = HEED_TILES(cumsum)};

static heed_tensor *cumsum(heed_graph *g, heed_tensor *x, bool back) { return heed_apply(g, &heed_op_cumsum, 1, &x, &back); }

heed_tensor *heed_cumsum(heed_graph *g, heed_tensor *x, int axis, bool back)
{
    int rank = heed_rank(x);
    if (axis < -rank || axis >= rank) return heed_graph_fail(g, HEED_INVALID, "cumsum: axis %d of a tensor of rank %d", axis, rank);
    if (axis == -1 || axis == rank - 1) return cumsum(g, x, back);
    return heed_transpose(g, cumsum(g, heed_transpose(g, x, axis, -1), back), axis, -1);
}

/* --- composed --------------------------------------------------------------------------------------------------------------------- */

static heed_tensor *divided(heed_graph *g, heed_tensor *x, double by) { return heed_div(g, x, heed_scalar(g, heed_dtype_of(x), by)); }

heed_tensor *heed_mean(heed_graph *g, heed_tensor *x, int axes, bool keep)
{
    if (!heed_axes_set(g, "mean", x, &axes)) return heed_graph_fail(g, HEED_INVALID, "mean");
    return divided(g, heed_sum(g, x, axes, keep), (double)heed_axes_size(x, axes));
}

heed_tensor *heed_var(heed_graph *g, heed_tensor *x, int axes, bool keep, int correction)
{
    if (!heed_axes_set(g, "var", x, &axes)) return heed_graph_fail(g, HEED_INVALID, "var");
    heed_tensor *square = heed_square(g, heed_sub(g, x, heed_mean(g, x, axes, true)));
    return divided(g, heed_sum(g, square, axes, keep), fmax(0, (double)(heed_axes_size(x, axes) - correction)));
}

heed_tensor *heed_std(heed_graph *g, heed_tensor *x, int axes, bool keep, int correction)
{
    return heed_sqrt(g, heed_var(g, x, axes, keep, correction));
}

heed_tensor *heed_logsumexp(heed_graph *g, heed_tensor *x, int axes, bool keep)
{
    if (!heed_axes_set(g, "logsumexp", x, &axes)) return heed_graph_fail(g, HEED_INVALID, "logsumexp");
    if (!axes) return x;
    heed_tensor *rows = heed_axes_last(g, x, axes);
    return heed_axes_shape(g, heed_apply(g, &heed_op_logsumexp, 1, &rows, NULL), x, axes, keep);
}

/* Halves are multiplied until one is left, so that no derivative divides by a zero. Of an odd number, the last waits. */
heed_tensor *heed_prod(heed_graph *g, heed_tensor *x, int axes, bool keep)
{
    if (!heed_axes_set(g, "prod", x, &axes)) return heed_graph_fail(g, HEED_INVALID, "prod");
    if (!axes) return x;
    int64_t n = heed_axes_size(x, axes);
    if (n == 0) return heed_axes_full(g, x, axes, keep, 1);
    heed_tensor *y = heed_axes_last(g, x, axes), *rest = NULL;
    while (n > 1) {
        if (n % 2) {
            heed_tensor *last = heed_slice(g, y, -1, n - 1, n, 1);
            rest = rest ? heed_mul(g, rest, last) : last;
        }
        n /= 2;
        y = heed_mul(g, heed_slice(g, y, -1, 0, n, 1), heed_slice(g, y, -1, n, 2 * n, 1));
    }
    return heed_axes_shape(g, rest ? heed_mul(g, y, rest) : y, x, axes, keep);
}
#endif
