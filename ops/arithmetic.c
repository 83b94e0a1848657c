/* Sums and products of tensors, with NumPy broadcasting. */
#include "ops/map.h"
#include "ops/ops.h"

/* add    y = a + b      da = dy, db = dy
 * sub    y = a - b      da = dy, db = -dy
 * mul    y = a b        da = b dy, db = a dy
 * div    y = a / b      da = dy / b, db = -y dy / b
 * neg    y = -x         dx = -dy */
HEED_MAP2(add, a + b)
HEED_MAP2(sub, a - b)
HEED_MAP2(mul, a * b)
HEED_MAP2(div, a / b)
HEED_MAP1(neg, -x)

#if HEED_ISA_BASE
static void add_vjp(heed_graph *g, const heed_vjp *v)
{
    (void)g;
    v->dx[0] = v->dx[1] = v->dy;
}

static void sub_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = v->dy;
    if (v->need[1]) v->dx[1] = heed_neg(g, v->dy);
}

static void mul_vjp(heed_graph *g, const heed_vjp *v)
{
    if (v->need[0]) v->dx[0] = heed_mul(g, v->dy, v->x[1]);
    if (v->need[1]) v->dx[1] = heed_mul(g, v->dy, v->x[0]);
}

static void div_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *d = heed_div(g, v->dy, v->x[1]);
    v->dx[0] = d;
    if (v->need[1]) v->dx[1] = heed_neg(g, heed_mul(g, v->y, d));
}

static void neg_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_neg(g, v->dy); }

HEED_MAP_OP(add, 2)
HEED_MAP_OP(sub, 2)
HEED_MAP_OP(mul, 2)
HEED_MAP_OP(div, 2)
HEED_MAP_OP(neg, 1)

heed_tensor *heed_add(heed_graph *g, heed_tensor *a, heed_tensor *b) { return heed_apply(g, &heed_op_add, 2, (heed_tensor *[]){a, b}, NULL); }
heed_tensor *heed_sub(heed_graph *g, heed_tensor *a, heed_tensor *b) { return heed_apply(g, &heed_op_sub, 2, (heed_tensor *[]){a, b}, NULL); }
heed_tensor *heed_mul(heed_graph *g, heed_tensor *a, heed_tensor *b) { return heed_apply(g, &heed_op_mul, 2, (heed_tensor *[]){a, b}, NULL); }
heed_tensor *heed_div(heed_graph *g, heed_tensor *a, heed_tensor *b) { return heed_apply(g, &heed_op_div, 2, (heed_tensor *[]){a, b}, NULL); }
heed_tensor *heed_neg(heed_graph *g, heed_tensor *x) { return heed_apply(g, &heed_op_neg, 1, &x, NULL); }
heed_tensor *heed_add_scalar(heed_graph *g, heed_tensor *x, double s) { return heed_add(g, x, heed_scalar(g, heed_dtype_of(x), s)); }
heed_tensor *heed_scale(heed_graph *g, heed_tensor *x, double s) { return heed_mul(g, x, heed_scalar(g, heed_dtype_of(x), s)); }
#endif
