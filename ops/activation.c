/* Activation functions. Those whose derivative is a longer formula have it as an op of its own, NAME_slope. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/vmath.h"

/* tanh          y = tanh(x)                          dx = (1 - y^2) dy
 * sigmoid       y = s(x) = 1 / (1 + e^-x)            dx = y (1 - y) dy
 * softplus      y = log(1 + e^x)                     dx = s(x) dy
 * relu          y = max(x, 0)                        dx = y > 0 ? dy : 0
 * gate          y = a > 0 ? b : slope b              db = gate(a, dy): what relu and leaky_relu derive to
 * leaky_relu    y = x > 0 ? x : slope x              dx = gate(x, dy)
 * elu           y = x > 0 ? x : alpha (e^x - 1)      dx = x > 0 ? dy : (y + alpha) dy */
HEED_MAP1(tanh, v_tanh(x))
HEED_MAP1(sigmoid, v_sigmoid(x))
HEED_MAP1(softplus, HEED_V(x, above)(V_LIKE(x, 0), x) + v_log1p(v_exp_neg(-v_abs(x))))
HEED_MAP1(relu, HEED_V(x, above)(V_LIKE(x, 0), x))
HEED_MAP2(gate, v_select(a > 0.0f, b, V_LIKE(b, *p) * b))
HEED_MAP1(leaky_relu, v_select(x > 0.0f, x, V_LIKE(x, *p) * x))
HEED_MAP1(elu, v_select(x > 0.0f, x, V_LIKE(x, *p) * v_expm1(x)))

/* silu          y = x s(x)                           dx = s (1 + x (1 - s)) dy
 * gelu          y = x F(x), F the normal distribution, f its density: dx = (F + x f) dy           (Hendrycks and Gimpel 2016)
 * gelu_tanh     y = x (1 + t) / 2, t = tanh u, u = sqrt(2/pi) (x + 0.044715 x^3): dx = ((1 + t) + x (1 - t^2) u') / 2 dy */
#define ROOT_2_BY_PI 0.7978845608028654
#define CUBIC 0.044715
#define NORMAL_AT(x) (0.5f * (1.0f + v_erf(x * V_LIKE(x, 0.7071067811865476))))
#define DENSITY_AT(x) (V_LIKE(x, 0.3989422804014327) * v_exp_neg(HALF(-x) * x))
#define HALF(x) (0.5f * (x))
#define FOR_BOTH(name, result) \
    static inline vf vf_##name(vf x, vf t) { return result; } \
    static inline vd vd_##name(vd x, vd t) { return result; }
FOR_BOTH(silu_derivative, t * (1.0f + x * (1.0f - t)))
FOR_BOTH(gelu_tanh_derivative,
         HALF((1.0f + t) + x * (1.0f - t * t) * (V_LIKE(x, ROOT_2_BY_PI) + V_LIKE(x, 3 * CUBIC * ROOT_2_BY_PI) * (x * x))))
#define TANH_IN_GELU(x) v_tanh(x * (V_LIKE(x, ROOT_2_BY_PI) + V_LIKE(x, CUBIC * ROOT_2_BY_PI) * (x * x)))

HEED_MAP1(silu, x * v_sigmoid(x))
HEED_MAP1(silu_slope, HEED_V(x, silu_derivative)(x, v_sigmoid(x)))
HEED_MAP1(gelu, x * NORMAL_AT(x))
HEED_MAP1(gelu_slope, NORMAL_AT(x) + x * DENSITY_AT(x))
HEED_MAP1(gelu_tanh, HALF(x) * (1.0f + TANH_IN_GELU(x)))
HEED_MAP1(gelu_tanh_slope, HEED_V(x, gelu_tanh_derivative)(x, TANH_IN_GELU(x)))

#if HEED_ISA_BASE
static void tanh_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_sub(g, v->dy, heed_mul(g, heed_square(g, v->y), v->dy));
}

static void sigmoid_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *d = heed_mul(g, v->y, v->dy);
    v->dx[0] = heed_sub(g, d, heed_mul(g, v->y, d));
}

static void softplus_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, heed_sigmoid(g, v->x[0]), v->dy); }

static heed_tensor *gate(heed_graph *g, heed_tensor *a, heed_tensor *b, double slope)
{
    return heed_apply(g, &heed_op_gate, 2, (heed_tensor *[]){a, b}, &slope);
}
static void gate_vjp(heed_graph *g, const heed_vjp *v)
{
    if (v->need[1]) v->dx[1] = gate(g, v->x[0], v->dy, *(const double *)v->attr);
}
static void relu_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = gate(g, v->y, v->dy, 0); }
static void leaky_relu_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = gate(g, v->x[0], v->dy, *(const double *)v->attr); }

static void elu_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *zero = heed_scalar(g, heed_dtype_of(v->y), 0), *below = heed_add_scalar(g, v->y, *(const double *)v->attr);
    v->dx[0] = heed_where(g, heed_gt(g, v->x[0], zero), v->dy, heed_mul(g, below, v->dy));
}

static heed_tensor *silu_slope(heed_graph *g, heed_tensor *x) { return heed_apply(g, &heed_op_silu_slope, 1, &x, NULL); }
static heed_tensor *gelu_slope(heed_graph *g, heed_tensor *x) { return heed_apply(g, &heed_op_gelu_slope, 1, &x, NULL); }
static heed_tensor *gelu_tanh_slope(heed_graph *g, heed_tensor *x) { return heed_apply(g, &heed_op_gelu_tanh_slope, 1, &x, NULL); }
static void silu_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, silu_slope(g, v->x[0]), v->dy); }
static void gelu_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, gelu_slope(g, v->x[0]), v->dy); }
static void gelu_tanh_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_mul(g, gelu_tanh_slope(g, v->x[0]), v->dy); }

/* s (1 - s) (2 + x (1 - 2 s)) */
static void silu_slope_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *x = v->x[0], *s = heed_sigmoid(g, x), *rest = heed_add_scalar(g, heed_neg(g, s), 1);
    heed_tensor *bend = heed_add_scalar(g, heed_mul(g, x, heed_sub(g, rest, s)), 2);
    v->dx[0] = heed_mul(g, heed_mul(g, heed_mul(g, s, rest), bend), v->dy);
}

/* f(x) (2 - x^2) */
static void gelu_slope_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *square = heed_square(g, v->x[0]), *density = heed_scale(g, heed_exp(g, heed_scale(g, square, -0.5)), 0.3989422804014327);
    v->dx[0] = heed_mul(g, heed_mul(g, density, heed_add_scalar(g, heed_neg(g, square), 2)), v->dy);
}

/* (1 - t^2) (u' + x (u'' / 2 - t u'^2)) */
static void gelu_tanh_slope_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *x = v->x[0], *square = heed_square(g, x);
    heed_tensor *t = heed_tanh(g, heed_mul(g, x, heed_add_scalar(g, heed_scale(g, square, CUBIC * ROOT_2_BY_PI), ROOT_2_BY_PI)));
    heed_tensor *u1 = heed_add_scalar(g, heed_scale(g, square, 3 * CUBIC * ROOT_2_BY_PI), ROOT_2_BY_PI);
    heed_tensor *half_u2 = heed_scale(g, x, 3 * CUBIC * ROOT_2_BY_PI);
    heed_tensor *bend = heed_add(g, u1, heed_mul(g, x, heed_sub(g, half_u2, heed_mul(g, t, heed_square(g, u1)))));
    heed_tensor *d = heed_mul(g, bend, v->dy);
    v->dx[0] = heed_sub(g, d, heed_mul(g, heed_square(g, t), d));
}

HEED_UNARY(tanh)
HEED_UNARY(sigmoid)
HEED_UNARY(softplus)
HEED_UNARY(relu)
HEED_UNARY(silu)
HEED_UNARY(gelu)
HEED_UNARY(gelu_tanh)
HEED_MAP_OP(silu_slope, 1)
HEED_MAP_OP(gelu_slope, 1)
HEED_MAP_OP(gelu_tanh_slope, 1)
HEED_MAP_ATTR_OP(gate, 2, 1)
HEED_MAP_ATTR_OP(leaky_relu, 1, 1)
HEED_MAP_ATTR_OP(elu, 1, 1)

heed_tensor *heed_leaky_relu(heed_graph *g, heed_tensor *x, double slope) { return heed_apply(g, &heed_op_leaky_relu, 1, &x, &slope); }
heed_tensor *heed_elu(heed_graph *g, heed_tensor *x, double alpha) { return heed_apply(g, &heed_op_elu, 1, &x, &alpha); }
#endif
