/* Losses elementwise, and what is like them. */
#include "ops/ops.h"
#include "ops/simd.h"

#if HEED_ISA_BASE
static heed_tensor *reduced(heed_graph *g, heed_tensor *each, heed_reduction reduction)
{
    if (reduction == HEED_EACH) return each;
    heed_tensor *sum = heed_sum(g, each, HEED_ALL, false);
    return reduction == HEED_TOTAL ? sum : heed_scale(g, sum, 1 / (double)heed_size(each));
}

heed_tensor *heed_mse(heed_graph *g, heed_tensor *x, heed_tensor *target, heed_reduction reduction)
{
    heed_tensor *difference = heed_sub(g, x, target);
    return reduced(g, heed_mul(g, difference, difference), reduction);
}

/* stop_gradient   y = x      dx = 0 */
static bool stop_shape(heed_shaping *s)
{
    for (int i = 0; i < heed_rank(s->x[0]); i++) s->stride[i] = heed_stride(s->x[0], i);
    return heed_shape_like(s, s->x[0]);
}
const heed_op heed_op_stop_gradient = {.name = "stop_gradient", .kind = HEED_VIEW, .operands = 1, .flags = HEED_NO_GRADIENT, .shape = stop_shape};
heed_tensor *heed_stop_gradient(heed_graph *g, heed_tensor *x) { return heed_apply(g, &heed_op_stop_gradient, 1, &x, NULL); }
#endif
