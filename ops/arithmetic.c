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
bool heed_shape_real(heed_shaping *s) { return heed_shape_float(s) && heed_shape_broadcast(s); }

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

HEED_BINARY(add)
HEED_BINARY(sub)
HEED_BINARY(mul)
HEED_BINARY(div)
HEED_UNARY(neg)

heed_tensor *heed_add_scalar(heed_graph *g, heed_tensor *x, double s) { return heed_add(g, x, heed_scalar(g, heed_dtype_of(x), s)); }
heed_tensor *heed_scale(heed_graph *g, heed_tensor *x, double s) { return heed_mul(g, x, heed_scalar(g, heed_dtype_of(x), s)); }
#endif
