/* Powers, roots, exponentials, logarithms, circular functions. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/vmath.h"

/* square        y = x^2            dx = 2 x dy
 * sqrt          y = sqrt(x)        dx = dy / 2y
 * rsqrt         y = 1 / sqrt(x)    dx = -y^3 dy / 2
 * reciprocal    y = 1 / x          dx = -y^2 dy
 * exp           y = e^x            dx = y dy
 * expm1         y = e^x - 1        dx = (y + 1) dy
 * log           y = log(x)         dx = dy / x
 * log1p         y = log(1 + x)     dx = dy / (1 + x)
 * sin           y = sin(x)         dx = cos(x) dy
 * cos           y = cos(x)         dx = -sin(x) dy
 * erf           y = erf(x)         dx = 2 / sqrt(pi) exp(-x^2) dy */
HEED_MAP1(square, x * x)
HEED_MAP1(sqrt, v_sqrt(x))
HEED_MAP1(rsqrt, v_rsqrt(x))
HEED_MAP1(reciprocal, 1.0f / x)
HEED_MAP1(exp, v_exp(x))
HEED_MAP1(expm1, v_expm1(x))
HEED_MAP1(log, v_log(x))
HEED_MAP1(log1p, v_log1p(x))
HEED_MAP1(sin, v_sin(x))
HEED_MAP1(cos, v_cos(x))
HEED_MAP1(erf, v_erf(x))

/* pow           y = a^b            da = b a^(b-1) dy (0 where b = 0), db = y log(a) dy (0 where a = 0 and b >= 0)
 * pow_scalar    y = x^p            dx = p x^(p-1) dy */
HEED_MAP2(pow, v_pow(a, b))
HEED_MAP1(pow_scalar, v_pow(x, V_LIKE(x, *p)))

#if HEED_ISA_BASE
static void square_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, heed_scale(g, v->x[0], 2), v->dy); }
static void sqrt_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_scale(g, heed_div(g, v->dy, v->y), 0.5); }
static void rsqrt_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_mul(g, heed_scale(g, v->dy, -0.5), heed_mul(g, v->y, heed_square(g, v->y)));
}
static void reciprocal_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_neg(g, heed_mul(g, heed_square(g, v->y), v->dy)); }
static void exp_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, v->y, v->dy); }
static void expm1_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, heed_add_scalar(g, v->y, 1), v->dy); }
static void log_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_div(g, v->dy, v->x[0]); }
static void log1p_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_div(g, v->dy, heed_add_scalar(g, v->x[0], 1)); }
static void sin_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, heed_cos(g, v->x[0]), v->dy); }
static void cos_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_neg(g, heed_mul(g, heed_sin(g, v->x[0]), v->dy)); }
static void erf_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *slope = heed_exp(g, heed_neg(g, heed_square(g, v->x[0])));
    v->dx[0] = heed_mul(g, heed_scale(g, slope, 1.1283791670955126), v->dy);
}

/* What must not count is made harmless before pow and log see it, so that its own derivative is no NaN either. */
static void pow_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *a = v->x[0], *b = v->x[1], *zero = heed_scalar(g, heed_dtype_of(a), 0), *one = heed_scalar(g, heed_dtype_of(a), 1);
    if (v->need[0]) {
        heed_tensor *less = heed_where(g, heed_eq(g, b, zero), zero, heed_sub(g, b, one));
        v->dx[0] = heed_mul(g, heed_mul(g, b, heed_pow(g, a, less)), v->dy);
    }
    if (v->need[1]) {
        heed_tensor *flat = heed_and(g, heed_eq(g, a, zero), heed_ge(g, b, zero));
        v->dx[1] = heed_mul(g, heed_mul(g, v->y, heed_log(g, heed_where(g, flat, one, a))), v->dy);
    }
}

static void pow_scalar_vjp(heed_graph *g, const heed_vjp *v)
{
    double p = *(const double *)v->attr;
    v->dx[0] = heed_mul(g, heed_scale(g, heed_pow_scalar(g, v->x[0], p - 1), p), v->dy);
}

HEED_UNARY(square)
HEED_UNARY(sqrt)
HEED_UNARY(rsqrt)
HEED_UNARY(reciprocal)
HEED_UNARY(exp)
HEED_UNARY(expm1)
HEED_UNARY(log)
HEED_UNARY(log1p)
HEED_UNARY(sin)
HEED_UNARY(cos)
HEED_UNARY(erf)
HEED_BINARY(pow)
HEED_MAP_ATTR_OP(pow_scalar, 1, 1)

heed_tensor *heed_pow_scalar(heed_graph *g, heed_tensor *x, double p)
{
    if (p == 1) return x;
    if (p == 2) return heed_square(g, x);
    if (p == 0.5) return heed_sqrt(g, x);
    if (p == -1) return heed_reciprocal(g, x);
    if (p == -0.5) return heed_rsqrt(g, x);
    return heed_apply(g, &heed_op_pow_scalar, 1, &x, &p);
}
#endif
