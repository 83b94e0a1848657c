/* The vector functions on every instruction-set path this CPU has: error in ulp over all exponents, special values, tails. */
#include "autograd/random.h"
#include "check.h"
#include "ops/vmath.h"
#include "ops/vmath_paths.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double rsqrt(double x) { return 1 / sqrt(x); }

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* |got - truth| in units of the last place of truth as a float; infinity when only one is NaN, or where a zero's sign differs */
static double ulps(float got, double truth)
{
    float rounded = (float)truth;
    if (isnan(truth) || isnan(got)) return isnan(truth) && isnan(got) ? 0 : INFINITY;
    if (isinf(got) && isinf(rounded)) return (got > 0) == (rounded > 0) ? 0 : INFINITY;
    if (got == 0 && truth == 0) return !signbit(got) == !signbit(truth) ? 0 : INFINITY;
    int exponent = truth == 0 ? -149 : ilogb(truth) - 23;
    return fabs((isinf(got) ? copysign(0x1p128, got) : (double)got) - truth) / ldexp(1, exponent < -149 ? -149 : exponent);
}

static const float special[] = {
    0.0f, -0.0f, 1, -1, 0.5f, -0.5f, 1.5f, -1.5f, 2.5f, -2.5f, 2, -2, INFINITY, -INFINITY, NAN, FLT_MIN, -FLT_MIN, FLT_MAX,
    -FLT_MAX, 0x1p-149f, -0x1p-149f, 0x1p-127f, 88.72283f, 88.72284f, 88.8f, -87.33654f, -87.33655f, -103.2789f, -103.9720f,
    -103.9721f, -104.5f, 17.32868f, -17.32868f, 0x1.fffffep-1f, 0x1.000002p0f, -0x1.fffffep-1f, 9.01f, 9.02f, -9.2f, 3.9f,
    4.1f, 0.9277f, 0.92771f, 1.57079637f, 3.14159274f, 6.28318548f, 1e5f, 100000.01f, 1e10f, 8388607.5f, 8388608, 16777216,
    0x1p31f, 0x1p64f
};

enum { SPECIALS = sizeof special / sizeof *special, EACH = 701, POINTS = 2 * 255 * EACH + SPECIALS };

/* every sign and exponent (denormals as exponent 0) with random mantissas, and the special values */
static void fill(float *x, uint64_t stream)
{
    heed_random r = {.seed = 11, .stream = stream};
    memcpy(x, special, sizeof special);
    for (uint32_t i = 0; i < 2 * 255 * EACH; i++)
        x[SPECIALS + i] = float_of((i % 2) << 31 | (i / 2 % 255) << 23 | heed_random_u32(&r) >> 9);
}

static float input[POINTS], output[POINTS];

typedef void unary_fn(int64_t n, float *y, const float *x);

/* The largest error over fill's points (those outside [low, high] too if `all`) and as many uniform in [low, high] */
static double worst(unary_fn *f, double (*truth)(double), float low, float high, bool all)
{
    double most = 0;
    for (int dense = 0; dense < 2; dense++) {
        heed_random r = {.seed = 12};
        if (dense)
            for (int i = 0; i < POINTS; i++) input[i] = low + (high - low) * (float)heed_random_uniform(&r);
        else fill(input, 1);
        f(POINTS, output, input);
        for (int i = 0; i < POINTS; i++) {
            if (!all && !(input[i] >= low && input[i] <= high) && !isnan(input[i])) continue;
            double e = ulps(output[i], truth((double)input[i]));
            if (e <= most) continue;
            most = e;
            if (e > 3)
                fprintf(stderr, "\n    f(%a) = %a, not %a\n", (double)input[i], (double)output[i], truth((double)input[i]));
        }
    }
    return most;
}

#define EACH_PATH(v) \
    for (int isa = 0; isa < HEED_ISA_COUNT; isa++) for (const heed_vmath *v = heed_vmath_of((heed_isa)isa); v; v = NULL)

/* The bounds are those of ops/vmath.h. */
static void float32_error_is_as_stated(void)
{
#define BOUND(name, truth, low, high, all, bound)                                                                         \
    do {                                                                                                                  \
        double e = worst(v->name##_f32, truth, low, high, all);                                                        \
        printf("\n    %-8s %-8s %.3f ulp", heed_isa_name((heed_isa)isa), #name, e);                                       \
        CU_ASSERT(e <= bound);                                                                                            \
    } while (0)
    EACH_PATH(v) {
        BOUND(exp, exp, -104, 89, true, 1.1);
        BOUND(exp_neg, exp, -104, 0, false, 1.1);
        BOUND(expm1, expm1, -18, 10, true, 2);
        BOUND(log, log, 0.1f, 10, true, 1);
        BOUND(log1p, log1p, -0.999f, 5, true, 2);
        BOUND(tanh, tanh, -10, 10, true, 3);
        BOUND(erf, erf, -5, 5, true, 1.5);
        BOUND(sin, sin, -1e5f, 1e5f, true, 1.7);
        BOUND(sin, sin, -7, 7, true, 1.7);
        BOUND(cos, cos, -1e5f, 1e5f, true, 1.7);
        BOUND(cos, cos, -7, 7, true, 1.7);
        BOUND(sigmoid, sigmoid, -104, 20, true, 2.5);
        BOUND(sqrt, sqrt, 0, 4, true, 0.5);
        BOUND(rsqrt, rsqrt, 0, 4, true, 1.5);
        BOUND(abs, fabs, -1, 1, true, 0);
        BOUND(floor, floor, -9, 9, true, 0);
        BOUND(round, rint, -9, 9, true, 0);
    }
}

static void exp_neg_gives_zero_for_masked_scores(void)
{
    const float x[] = {-INFINITY, -1e30f, -200, -0.0f, NAN};
    EACH_PATH(v) {
        float y[5];
        v->exp_neg_f32(5, y, x);
        CU_ASSERT(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 1 && isnan(y[4]));
    }
}

static double pow_error(const heed_vmath *v, int n, const float *x, const float *y)
{
    double most = 0;
    v->pow_f32(n, output, x, y);
    for (int i = 0; i < n; i++) {
        double e = ulps(output[i], pow((double)x[i], (double)y[i]));
        if (e > 3) fprintf(stderr, "\n    pow(%a, %a) = %a\n", (double)x[i], (double)y[i], (double)output[i]);
        if (e > most) most = e;
    }
    return most;
}

static void pow_is_as_stated(void)
{
    static float exponent[POINTS];
    EACH_PATH(v) {
        for (int i = 0; i < SPECIALS; i++) {
            for (int j = 0; j < SPECIALS; j++) exponent[j] = special[(i + j) % SPECIALS];
            CU_ASSERT(pow_error(v, SPECIALS, special, exponent) <= 0.6);
        }
        heed_random r = {.seed = 13};
        double most = 0;
        for (int kind = 0; kind < 3; kind++) { /* moderate results; whole exponents; anything */
            fill(input, 2);
            fill(exponent, 3);
            for (int i = 0; i < POINTS; i++) {
                double u = heed_random_uniform(&r) - 0.5, size = log2(fabs((double)input[i]));
                if (kind == 0) exponent[i] = (float)(isfinite(size) && size != 0 ? 300 * u / size : u);
                if (kind == 1) exponent[i] = rintf((float)(16 * u));
            }
            double e = pow_error(v, POINTS, input, exponent);
            if (e > most) most = e;
        }
        printf("\n    %-8s pow      %.3f ulp", heed_isa_name((heed_isa)isa), most);
        CU_ASSERT(most <= 0.6);
    }
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void float64_is_libm(void)
{
    enum { N = 1001 };
    double x[N], y[N], z[N];
    heed_random r = {.seed = 14};
    for (int i = 0; i < N; i++) x[i] = i < SPECIALS ? (double)special[i] : 20 * heed_random_uniform(&r) - 10;
    for (int i = 0; i < N; i++) z[i] = x[(i * 7) % N];
#define SAME(name, truth)                                                     \
    v->name##_f64(N, y, x);                                                   \
    for (int i = 0; i < N; i++) CU_ASSERT(same(y[i], truth(x[i])));
    EACH_PATH(v) {
        SAME(exp, exp) SAME(expm1, expm1) SAME(log, log) SAME(log1p, log1p) SAME(tanh, tanh) SAME(erf, erf) SAME(sin, sin)
        SAME(cos, cos) SAME(sqrt, sqrt) SAME(rsqrt, rsqrt) SAME(abs, fabs) SAME(floor, floor) SAME(round, rint)
        v->sigmoid_f64(N, y, x);
        for (int i = 0; i < N; i++) CU_ASSERT(isnan(x[i]) ? isnan(y[i]) : fabs(y[i] - sigmoid(x[i])) <= 4e-16 * sigmoid(x[i]));
        v->pow_f64(N, y, x, z);
        for (int i = 0; i < N; i++) CU_ASSERT(same(y[i], pow(x[i], z[i])));
        v->max_f64(N, y, x, z);
        for (int i = 0; i < N; i++) CU_ASSERT(same(y[i], isnan(x[i]) || isnan(z[i]) ? (double)NAN : fmax(x[i], z[i])));
        v->min_f64(N, y, x, z);
        for (int i = 0; i < N; i++) CU_ASSERT(same(y[i], isnan(x[i]) || isnan(z[i]) ? (double)NAN : fmin(x[i], z[i])));
    }
}

static void extremes_keep_nan(void)
{
    float x[SPECIALS * SPECIALS], y[SPECIALS * SPECIALS], z[SPECIALS * SPECIALS];
    for (int i = 0; i < SPECIALS * SPECIALS; i++) {
        x[i] = special[i % SPECIALS];
        y[i] = special[i / SPECIALS];
    }
    EACH_PATH(v) {
        v->max_f32(SPECIALS * SPECIALS, z, x, y);
        for (int i = 0; i < SPECIALS * SPECIALS; i++)
            CU_ASSERT(same((double)z[i], isnan(x[i]) || isnan(y[i]) ? (double)NAN : fmax((double)x[i], (double)y[i])));
        v->min_f32(SPECIALS * SPECIALS, z, x, y);
        for (int i = 0; i < SPECIALS * SPECIALS; i++)
            CU_ASSERT(same((double)z[i], isnan(x[i]) || isnan(y[i]) ? (double)NAN : fmin((double)x[i], (double)y[i])));
    }
}

static void reductions_take_the_stated_tree(void)
{
    EACH_PATH(v) {
        float x[16], tree[16], got[3];
        double x64[8], tree64[8], got64[3];
        heed_random r = {.seed = 15};
        for (int place = 0; place < v->lanes; place++) {
            const float peaks[] = {10, -10, NAN};
            for (int i = 0; i < v->lanes; i++) x[i] = (float)heed_random_uniform(&r);
            for (int i = 0; i < v->lanes / 2; i++) x64[i] = heed_random_uniform(&r);
            for (int peak = 0; peak < 3; peak++) {
                x64[place / 2] = x[place] = peaks[peak];
                v->across_f32(got, x);
                v->across_f64(got64, x64);
                for (int k = 1; k < 3; k++) /* the maximum sees the first, the minimum the second, both the third */
                    if (k == peak + 1 || peak == 2) CU_ASSERT(same(got[k], peaks[peak]) && same(got64[k], peaks[peak]));
            }
        }
        for (int i = 0; i < v->lanes; i++) tree[i] = x[i] = (float)heed_random_normal(&r);
        for (int i = 0; i < v->lanes / 2; i++) tree64[i] = x64[i] = heed_random_normal(&r);
        for (int half = v->lanes / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++) tree[i] += tree[i + half];
        for (int half = v->lanes / 4; half > 0; half /= 2)
            for (int i = 0; i < half; i++) tree64[i] += tree64[i + half];
        v->across_f32(got, x);
        v->across_f64(got64, x64);
        CU_ASSERT(got[0] == tree[0] && got64[0] == tree64[0]);
    }
}

static void an_element_does_not_know_its_neighbours(void)
{
    enum { N = 37 };
    float x[N], whole[N], part[N + 1];
    double x64[N], whole64[N], part64[N + 1];
    for (int i = 0; i < N; i++) x64[i] = x[i] = i % 5 == 4 ? 1e6f * (float)i : 0.25f * (float)i; /* some leave sin's fast range */
#define PARTS(name)                                                                                     \
    v->name##_f32(N, whole, x);                                                                         \
    v->name##_f64(N, whole64, x64);                                                                     \
    for (int first = 0; first < 3; first++)                                                             \
        for (int n = 0; n < N - first; n++) {                                                           \
            part[n] = 77, part64[n] = 77;                                                               \
            v->name##_f32(n, part, x + first);                                                          \
            v->name##_f64(n, part64, x64 + first);                                                      \
            CU_ASSERT(!memcmp(part, whole + first, (size_t)n * 4) && part[n] == 77);                    \
            CU_ASSERT(!memcmp(part64, whole64 + first, (size_t)n * 8) && part64[n] == 77);              \
        }
    EACH_PATH(v) { HEED_VMATH_UNARY(PARTS) }
}

static void dropout_words_are_those_of_random(void)
{
    const uint64_t seed = 0xfedcba9812345678, stream = heed_hash_name("enc.0.dropout");
    const uint64_t starts[] = {0, 0x100000000u * 4 - 30, UINT64_MAX / 2};
    uint32_t truth[100], got[101];
    EACH_PATH(v)
        for (int s = 0; s < 3; s++)
            for (uint64_t shift = 0; shift < 9; shift++)
                for (int n = 0; n <= 100; n++) {
                    got[n] = 77;
                    heed_random_words(seed, stream, starts[s] + shift, n, truth);
                    v->dropout_words(seed, stream, starts[s] + shift, n, got);
                    CU_ASSERT(!memcmp(got, truth, (size_t)n * 4) && got[n] == 77);
                }
}

/* the examples of ops/vmath.h */
static void one_text_serves_both_dtypes(void)
{
#define LEAKY_RELU(type, x, slope) v_select(x < V_SET(type, 0), x * V_SET(type, slope), x)
#define SOFTPLUS(type, x) v_max(x, V_SET(type, 0)) + v_log1p(v_exp_neg(-v_abs(x)))
    for (float a = -30; a < 30; a += 0.37f) {
        const float in[VF] = {a};
        const double in64[VD] = {a};
        vf x = v_load(in), leaky = LEAKY_RELU(vf, x, 0.1), plus = SOFTPLUS(vf, x);
        vd x64 = v_load(in64), leaky64 = LEAKY_RELU(vd, x64, 0.1), plus64 = SOFTPLUS(vd, x64);
        CU_ASSERT(leaky[0] == (a < 0 ? a * 0.1f : a) && leaky64[0] == (a < 0 ? (double)a * 0.1 : (double)a));
        double truth = log1p(exp((double)a));
        CU_ASSERT(ulps(plus[0], truth) < 3 && fabs(plus64[0] - truth) <= 1e-15 * truth);
    }
}

CHECK_MAIN("vmath", {"float32 errors are as stated", float32_error_is_as_stated},
           {"exp_neg gives zero for masked scores", exp_neg_gives_zero_for_masked_scores},
           {"pow is as stated", pow_is_as_stated},
           {"float64 is libm", float64_is_libm},
           {"max and min keep NaN", extremes_keep_nan},
           {"reductions take the stated tree", reductions_take_the_stated_tree},
           {"an element does not know its neighbours", an_element_does_not_know_its_neighbours},
           {"dropout words are those of random", dropout_words_are_those_of_random},
           {"one text serves both dtypes", one_text_serves_both_dtypes})
