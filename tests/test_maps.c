/* Elementwise ops: values against libm, also at zeros, infinities, NaN and large arguments; derivatives at kinks as in PyTorch. */
#include "check.h"
#include "ops/ops.h"

#include <math.h>

/* --- values ---------------------------------------------------------------------------------------------------------------------- */

static double square_of(double x) { return x * x; }
static double rsqrt_of(double x) { return 1 / sqrt(x); }
static double reciprocal_of(double x) { return 1 / x; }
static double sigmoid_of(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double softplus_of(double x) { return isnan(x) ? x : fmax(x, 0) + log1p(exp(-fabs(x))); }
static double relu_of(double x) { return x < 0 ? 0 : x; }
static double silu_of(double x) { return x * sigmoid_of(x); }
static double gelu_of(double x) { return x * 0.5 * (1 + erf(x / sqrt(2))); }
static double gelu_tanh_of(double x) { return x * 0.5 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x))); }
static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static double neg_of(double x) { return -x; }
static double leaky_relu_of(double x) { return x > 0 ? x : 0.2 * x; }
static double elu_of(double x) { return x > 0 ? x : 1.5 * expm1(x); }
static double clamp_of(double x) { return x < -0.75 ? -0.75 : x > 2 ? 2 : x; }
static double cube_of(double x) { return x * x * x; }

static heed_tensor *leaky_relu(heed_graph *g, heed_tensor *x) { return heed_leaky_relu(g, x, 0.2); }
static heed_tensor *elu(heed_graph *g, heed_tensor *x) { return heed_elu(g, x, 1.5); }
static heed_tensor *clamp(heed_graph *g, heed_tensor *x) { return heed_clamp(g, x, -0.75, 2); }
static heed_tensor *cube(heed_graph *g, heed_tensor *x) { return heed_pow_scalar(g, x, 3); }

typedef heed_tensor *unary_fn(heed_graph *g, heed_tensor *x);
static const struct { const char *name; unary_fn *op; double (*f)(double); } functions[] = {
    {"square", heed_square, square_of}, {"sqrt", heed_sqrt, sqrt}, {"rsqrt", heed_rsqrt, rsqrt_of},
    {"reciprocal", heed_reciprocal, reciprocal_of}, {"exp", heed_exp, exp}, {"expm1", heed_expm1, expm1}, {"log", heed_log, log},
    {"log1p", heed_log1p, log1p}, {"sin", heed_sin, sin}, {"cos", heed_cos, cos}, {"erf", heed_erf, erf}, {"tanh", heed_tanh, tanh},
    {"sigmoid", heed_sigmoid, sigmoid_of}, {"softplus", heed_softplus, softplus_of}, {"relu", heed_relu, relu_of}, {"silu", heed_silu, silu_of},
    {"gelu", heed_gelu, gelu_of}, {"gelu_tanh", heed_gelu_tanh, gelu_tanh_of}, {"abs", heed_abs, fabs}, {"sign", heed_sign, sign_of},
    {"neg", heed_neg, neg_of}, {"leaky_relu", leaky_relu, leaky_relu_of}, {"elu", elu, elu_of}, {"clamp", clamp, clamp_of}, {"cube", cube, cube_of},
};

/* `ulps` of the value, or of 1 where the value is below 1 and the formula adds numbers of that size */
static bool near(double got, double want, double eps, double ulps)
{
    if (isnan(want)) return isnan(got);
    if (isinf(want)) return got == want;
    return fabs(got - want) <= ulps * eps * fmax(fabs(want), 1);
}

static void values(void)
{
    static const double points[] = {0, -0.0, 1, -1, 0.5, -0.5, 1e-3, -1e-3, 2, -2, 3.25, -3.25, 7, -7, 12.5, -12.5, 30, -30, 80, -80, 0x1p-140, -0x1p-140,
                                    1e6, -1e6, INFINITY, -INFINITY, NAN};
    enum { N = sizeof points / sizeof *points };
    float single[N];
    for (int i = 0; i < N; i++) single[i] = (float)points[i];
    heed_graph *g = heed_graph_new();
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++) {
        heed_graph_reset(g);
        const int64_t n = N;
        const float *y = heed_data(g, functions[k].op(g, heed_input(g, HEED_F32, 1, &n, single)));
        const double *z = heed_data(g, functions[k].op(g, heed_input(g, HEED_F64, 1, &n, points)));
        CU_ASSERT_FATAL(y && z);
        for (int i = 0; i < N; i++) {
            double want = functions[k].f((double)single[i]);
            if (functions[k].op == heed_silu && isinf(points[i]) && points[i] < 0) continue; /* -inf times 0, as in PyTorch */
            bool ok = near(y[i], (double)(float)want, 0x1p-23, 4) && near(z[i], functions[k].f(points[i]), 0x1p-52, 4);
            if (!ok) fprintf(stderr, "\n    %s(%g): %.9g in float32, %.17g in float64, not %.17g\n", functions[k].name, points[i], (double)y[i], z[i], want);
            CU_ASSERT(ok);
        }
    }
    heed_graph_free(g);
}

/* Small arguments keep their digits where the formula promises it. */
static void small_arguments(void)
{
    heed_graph *g = heed_graph_new();
    const double tiny[] = {1e-20, -1e-20, 1e-9, -1e-9};
    const int64_t n = 4;
    heed_tensor *x = heed_input(g, HEED_F64, 1, &n, tiny);
    const double *a = heed_data(g, heed_expm1(g, x)), *b = heed_data(g, heed_log1p(g, x)), *c = heed_data(g, elu(g, x));
    for (int i = 0; i < 4; i++) CU_ASSERT(fabs(a[i] / tiny[i] - 1) < 1e-8 && fabs(b[i] / tiny[i] - 1) < 1e-8 && c[i] == elu_of(tiny[i]));
    const double far[] = {-700, -40, -745};
    const int64_t three = 3;
    x = heed_input(g, HEED_F64, 1, &three, far);
    a = heed_data(g, heed_softplus(g, x));
    b = heed_data(g, heed_sigmoid(g, x));
    for (int i = 0; i < 3; i++) CU_ASSERT(a[i] == exp(far[i]) && fabs(b[i] - exp(far[i])) <= 1e-15 * exp(far[i]));
    heed_graph_free(g);
}

static void powers(void)
{
    static const double a[] = {2, -2, -2, 0, 0, -0.0, 0, 1, -1, INFINITY, 0.5, NAN, 1, NAN, 9, 3.5};
    static const double b[] = {3, 3, 0.5, 2, 0, -1, -2, NAN, INFINITY, -2, -INFINITY, 0, 5, 2, 0.5, 1.25};
    enum { N = sizeof a / sizeof *a };
    heed_graph *g = heed_graph_new();
    const int64_t n = N;
    heed_tensor *x = heed_input(g, HEED_F64, 1, &n, a), *e = heed_input(g, HEED_F64, 1, &n, b);
    const double *y = heed_data(g, heed_pow(g, x, e));
    const float *z = heed_data(g, heed_pow(g, heed_cast(g, x, HEED_F32), heed_cast(g, e, HEED_F32)));
    for (int i = 0; i < N; i++) CU_ASSERT(near(y[i], pow(a[i], b[i]), 0x1p-52, 1) && near(z[i], (double)powf((float)a[i], (float)b[i]), 0x1p-23, 1));
    heed_graph_free(g);
}

static void comparisons(void)
{
    static const double a[] = {1, 2, 3, NAN, 0, INFINITY}, b[] = {2, 2, 2, 2, -0.0, INFINITY};
    static const int32_t ia[] = {1, 2, 3, -5, INT32_MAX, INT32_MIN}, ib[] = {2, 2, 2, 2, INT32_MIN, INT32_MIN};
    heed_tensor *(*const op[])(heed_graph *, heed_tensor *, heed_tensor *) = {heed_eq, heed_ne, heed_lt, heed_le, heed_gt, heed_ge};
    const int64_t n = 6;
    heed_graph *g = heed_graph_new();
    heed_tensor *x = heed_input(g, HEED_F64, 1, &n, a), *y = heed_input(g, HEED_F64, 1, &n, b);
    heed_tensor *ix = heed_input(g, HEED_I32, 1, &n, ia), *iy = heed_input(g, HEED_I32, 1, &n, ib);
    for (int k = 0; k < 6; k++) {
        const uint8_t *m = heed_data(g, op[k](g, x, y)), *im = heed_data(g, op[k](g, ix, iy));
        const uint8_t *fm = heed_data(g, op[k](g, heed_cast(g, x, HEED_F32), heed_cast(g, y, HEED_F32)));
        for (int i = 0; i < 6; i++) {
            bool want[] = {a[i] == b[i], a[i] != b[i], a[i] < b[i], a[i] <= b[i], a[i] > b[i], a[i] >= b[i]};
            bool int_want[] = {ia[i] == ib[i], ia[i] != ib[i], ia[i] < ib[i], ia[i] <= ib[i], ia[i] > ib[i], ia[i] >= ib[i]};
            CU_ASSERT(m[i] == want[k] && fm[i] == want[k] && im[i] == int_want[k]);
        }
    }
    heed_graph_free(g);
}

static void masks(void)
{
    static const uint8_t a[] = {0, 0, 1, 1, 7, 7}, b[] = {0, 1, 0, 1, 0, 200};
    static const float p[] = {1, 2, 3, 4, NAN, 6}, q[] = {-1, NAN, -3, -4, -5, -6};
    const int64_t n = 6;
    heed_graph *g = heed_graph_new();
    heed_tensor *x = heed_input(g, HEED_U8, 1, &n, a), *y = heed_input(g, HEED_U8, 1, &n, b);
    const uint8_t *both = heed_data(g, heed_and(g, x, y)), *one = heed_data(g, heed_or(g, x, y)), *none = heed_data(g, heed_not(g, x));
    const float *w = heed_data(g, heed_where(g, x, heed_input(g, HEED_F32, 1, &n, p), heed_input(g, HEED_F32, 1, &n, q)));
    for (int i = 0; i < 6; i++) {
        CU_ASSERT(both[i] == (a[i] && b[i]) && one[i] == (a[i] || b[i]) && none[i] == !a[i]);
        CU_ASSERT(!memcmp(&w[i], a[i] ? &p[i] : &q[i], sizeof *w));
    }
    heed_graph_free(g);
}

static void larger_and_smaller(void)
{
    static const double a[] = {1, 3, NAN, 2, -INFINITY}, b[] = {2, 2, 2, NAN, 2};
    const int64_t n = 5;
    heed_graph *g = heed_graph_new();
    heed_tensor *x = heed_input(g, HEED_F64, 1, &n, a), *y = heed_input(g, HEED_F64, 1, &n, b);
    const double *high = heed_data(g, heed_maximum(g, x, y)), *low = heed_data(g, heed_minimum(g, x, y));
    CU_ASSERT(high[0] == 2 && high[1] == 3 && isnan(high[2]) && isnan(high[3]) && high[4] == 2);
    CU_ASSERT(low[0] == 1 && low[1] == 2 && isnan(low[2]) && isnan(low[3]) && low[4] == -INFINITY);
    heed_graph_free(g);
}

static void casts(void)
{
    static const double a[] = {1.9, -1.9, 0, 0.3, 3e9, -3e9, NAN, INFINITY};
    static const int32_t whole[] = {1, -1, 0, 0, INT32_MAX, INT32_MIN, 0, INT32_MAX};
    const int64_t n = 8;
    heed_graph *g = heed_graph_new();
    heed_tensor *x = heed_input(g, HEED_F64, 1, &n, a);
    const int32_t *i32 = heed_data(g, heed_cast(g, x, HEED_I32)), *from32 = heed_data(g, heed_cast(g, heed_cast(g, x, HEED_F32), HEED_I32));
    const uint8_t *u8 = heed_data(g, heed_cast(g, x, HEED_U8));
    const float *f32 = heed_data(g, heed_cast(g, x, HEED_F32));
    for (int i = 0; i < 8; i++) {
        CU_ASSERT(i32[i] == whole[i] && from32[i] == whole[i] && u8[i] == (a[i] != 0));
        CU_ASSERT(isnan(a[i]) ? isnan(f32[i]) : f32[i] == (float)a[i]);
    }
    CU_ASSERT(heed_cast(g, x, HEED_F64) == x);
    heed_tensor *dx; /* the gradient comes back in x's dtype */
    heed_grad(g, heed_scale(g, heed_cast(g, x, HEED_F32), 3), NULL, 1, &x, &dx);
    const double *d = heed_data(g, dx);
    CU_ASSERT(d && heed_dtype_of(dx) == HEED_F64 && d[0] == 3 && d[7] == 3);
    heed_graph_free(g);
}

/* --- derivatives where there is none, by convention ------------------------------------------------------------------------------- */

static double slope_at(unary_fn *op, double at)
{
    heed_graph *g = heed_graph_new();
    heed_tensor *x = heed_input(g, HEED_F64, 0, NULL, &at), *dx;
    heed_grad(g, op(g, x), NULL, 1, &x, &dx);
    double d = heed_item(g, dx);
    heed_graph_free(g);
    return d;
}

static void kinks(void)
{
    CU_ASSERT(slope_at(heed_relu, 0) == 0 && slope_at(heed_relu, 1e-300) == 1);
    CU_ASSERT(slope_at(leaky_relu, 0) == 0.2);
    CU_ASSERT(slope_at(elu, 0) == 1.5);
    CU_ASSERT(slope_at(heed_abs, 0) == 0);
    CU_ASSERT(slope_at(heed_sign, 3) == 0);
    CU_ASSERT(slope_at(clamp, 2) == 1 && slope_at(clamp, -0.75) == 1 && slope_at(clamp, 2.001) == 0);
    CU_ASSERT(slope_at(heed_sqrt, 0) == INFINITY);
    CU_ASSERT(slope_at(heed_softplus, 800) == 1 && slope_at(heed_softplus, -800) == 0);
    CU_ASSERT(slope_at(heed_sigmoid, 800) == 0 && slope_at(heed_sigmoid, -800) == 0);
    CU_ASSERT(slope_at(cube, 0) == 0);
    CU_ASSERT(slope_at(heed_gelu, 40) == 1 && slope_at(heed_gelu, -40) == 0 && slope_at(heed_gelu_tanh, 1e6) == 1);
}

typedef heed_tensor *binary_fn(heed_graph *g, heed_tensor *a, heed_tensor *b);
static void slopes_at(binary_fn *op, double a, double b, double d[2])
{
    heed_graph *g = heed_graph_new();
    heed_tensor *x[] = {heed_input(g, HEED_F64, 0, NULL, &a), heed_input(g, HEED_F64, 0, NULL, &b)}, *dx[2];
    heed_grad(g, op(g, x[0], x[1]), NULL, 2, x, dx);
    d[0] = heed_item(g, dx[0]);
    d[1] = heed_item(g, dx[1]);
    heed_graph_free(g);
}

static void kinks_of_two(void)
{
    double d[2];
    slopes_at(heed_maximum, 2, 2, d);
    CU_ASSERT(d[0] == 0.5 && d[1] == 0.5);
    slopes_at(heed_minimum, 2, 3, d);
    CU_ASSERT(d[0] == 1 && d[1] == 0);
    slopes_at(heed_pow, 0, 0, d);
    CU_ASSERT(d[0] == 0 && d[1] == 0);
    slopes_at(heed_pow, 0, 2, d);
    CU_ASSERT(d[0] == 0 && d[1] == 0);
    slopes_at(heed_pow, -2, 3, d);
    CU_ASSERT(d[0] == 12 && isnan(d[1]));
    slopes_at(heed_pow, 3, 0, d);
    CU_ASSERT(d[0] == 0 && fabs(d[1] - log(3)) < 1e-15);
}

/* What is not chosen has no part in the gradient, even if it is infinite. */
static void not_chosen(void)
{
    heed_graph *g = heed_graph_new();
    static const double a[] = {0, 4};
    const int64_t n = 2;
    heed_tensor *x = heed_input(g, HEED_F64, 1, &n, a), *dx;
    heed_tensor *y = heed_where(g, heed_gt(g, x, heed_scalar(g, HEED_F64, 0)), heed_sqrt(g, heed_maximum(g, x, heed_scalar(g, HEED_F64, 1e-300))), x);
    heed_grad(g, y, NULL, 1, &x, &dx);
    const double *d = heed_data(g, dx);
    CU_ASSERT(d && d[0] == 1 && d[1] == 0.25);
    heed_graph_free(g);
}

/* --- refusals --------------------------------------------------------------------------------------------------------------------------- */

static void refusals(void)
{
    heed_graph *g = heed_graph_new();
    const double real[] = {1, 2};
    const uint8_t byte[] = {1, 0};
    const int32_t index[] = {1, 0};
    const int64_t n = 2;
    struct { int op; const char *says; } list[] = {{0, "mul: operand 0 is uint8, not a float"}, {1, "exp: operand 0 is int32, not a float"},
        {2, "where: the mask is float64, not uint8"}, {3, "where: operands differ in dtype: float64 and uint8"},
        {4, "eq: operands differ in dtype: float64 and uint8"}, {5, "and: operand 1 is float64, not a mask of uint8"},
        {6, "clamp: 2 to 1 is no range"}, {7, "cast: no dtype 9"}, {8, "clamp: nan to 1 is no range"}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        heed_graph_reset(g);
        heed_tensor *x = heed_input(g, HEED_F64, 1, &n, real), *m = heed_input(g, HEED_U8, 1, &n, byte), *k = heed_input(g, HEED_I32, 1, &n, index);
        switch (list[i].op) {
        case 0: heed_mul(g, m, x); break;
        case 1: heed_exp(g, k); break;
        case 2: heed_where(g, x, x, x); break;
        case 3: heed_where(g, m, x, m); break;
        case 4: heed_eq(g, x, m); break;
        case 5: heed_and(g, m, x); break;
        case 6: heed_clamp(g, x, 2, 1); break;
        case 7: heed_cast(g, x, (heed_dtype)9); break;
        default: heed_clamp(g, x, NAN, 1);
        }
        CU_ASSERT(check_says(heed_graph_error(g)->message, list[i].says));
    }
    heed_graph_free(g);
}

CHECK_MAIN("maps", {"functions have libm's values", values}, {"small and far arguments keep their digits", small_arguments},
           {"powers", powers}, {"comparisons", comparisons}, {"masks", masks}, {"the larger and the smaller", larger_and_smaller},
           {"conversions", casts}, {"derivatives at kinks", kinks}, {"derivatives at kinks of two", kinks_of_two},
           {"what is not chosen does not count", not_chosen}, {"refusals", refusals})
