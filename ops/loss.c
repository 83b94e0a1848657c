/* Losses elementwise, and what is like them. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/vmath.h"

/* kl_term   y = p (log p - l), 0 where p = 0      dp = (log p + 1 - l) dy, dl = -p dy
 * bce       y = max(x, 0) - x t + log(1 + exp(-|x|)), which is -t log sigmoid(x) - (1 - t) log sigmoid(-x)
 *                                                 dx = (sigmoid(x) - t) dy, dt = -x dy */
HEED_MAP2(kl_term, v_select(a == V_LIKE(a, 0), V_LIKE(a, 0), a * (v_log(a) - b)))
HEED_MAP2(bce, v_max(a, V_LIKE(a, 0)) - a * b + v_log1p(v_exp_neg(-v_abs(a))))

#if HEED_ISA_BASE
static void kl_term_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *p = v->x[0], *l = v->x[1];
    if (v->need[0]) v->dx[0] = heed_mul(g, v->dy, heed_sub(g, heed_add_scalar(g, heed_log(g, p), 1), l));
    if (v->need[1]) v->dx[1] = heed_neg(g, heed_mul(g, v->dy, p));
}

static void bce_vjp(heed_graph *g, const heed_vjp *v)
{
    if (v->need[0]) v->dx[0] = heed_mul(g, v->dy, heed_sub(g, heed_sigmoid(g, v->x[0]), v->x[1]));
    if (v->need[1]) v->dx[1] = heed_neg(g, heed_mul(g, v->dy, v->x[0]));
}

HEED_MAP_OP(kl_term, 2)
HEED_MAP_OP(bce, 2)

static heed_tensor *reduced(heed_graph *g, heed_tensor *each, heed_reduction reduction)
{
    if (reduction == HEED_EACH) return each;
    heed_tensor *sum = heed_sum(g, each, HEED_ALL, false);
    return reduction == HEED_TOTAL ? sum : heed_scale(g, sum, 1 / (double)heed_size(each));
}

heed_tensor *heed_kl(heed_graph *g, heed_tensor *p, heed_tensor *log_q, heed_reduction reduction)
{
    return reduced(g, heed_apply(g, &heed_op_kl_term, 2, (heed_tensor *[]){p, log_q}, NULL), reduction);
}

heed_tensor *heed_mse(heed_graph *g, heed_tensor *x, heed_tensor *target, heed_reduction reduction)
{
    return reduced(g, heed_square(g, heed_sub(g, x, target)), reduction);
}

heed_tensor *heed_bce_with_logits(heed_graph *g, heed_tensor *logits, heed_tensor *target, heed_reduction reduction)
{
    return reduced(g, heed_apply(g, &heed_op_bce, 2, (heed_tensor *[]){logits, target}, NULL), reduction);
}

heed_tensor *heed_cosine_similarity(heed_graph *g, heed_tensor *a, heed_tensor *b, double eps)
{
    heed_tensor *dot = heed_sum(g, heed_mul(g, a, b), HEED_LAST, false);
    heed_tensor *aa = heed_sum(g, heed_square(g, a), HEED_LAST, false), *bb = heed_sum(g, heed_square(g, b), HEED_LAST, false);
    heed_tensor *least = heed_scalar(g, heed_dtype_of(a), eps * eps);
    return heed_div(g, dot, heed_sqrt(g, heed_mul(g, heed_maximum(g, aa, least), heed_maximum(g, bb, least))));
}

/* stop_gradient   y = x      dx = 0 */
static bool stop_shape(heed_shaping *s)
{
    for (int i = 0; i < heed_rank(s->x[0]); i++) s->stride[i] = heed_stride(s->x[0], i);
    return heed_shape_like(s, s->x[0]);
}
const heed_op heed_op_stop_gradient = {.name = "stop_gradient", .kind = HEED_VIEW, .operands = 1, .flags = HEED_NO_GRADIENT,
    .shape = stop_shape};
heed_tensor *heed_stop_gradient(heed_graph *g, heed_tensor *x) { return heed_apply(g, &heed_op_stop_gradient, 1, &x, NULL); }
#endif
