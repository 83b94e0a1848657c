/* Nanoseconds an element of the float32 vector functions on one thread, on every instruction-set path of this CPU: the best of
 * 200 rounds over 4096 elements, which fit into L1. The last column is the C library's function in a plain loop. */
#include "autograd/random.h"
#include "ops/vmath_paths.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

enum { N = 4096, ROUNDS = 200, PASSES = 4 };
static float x[N], y[N], z[N];
static uint32_t words[N];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define BEST(call)                                                        \
    double best = 1;                                                      \
    for (int round = 0; round < ROUNDS; round++) {                        \
        double start = now();                                             \
        for (int pass = 0; pass < PASSES; pass++) call;                   \
        double took = now() - start;                                      \
        if (took < best) best = took;                                     \
    }                                                                     \
    printf(" %9.3f", best * 1e9 / (N * PASSES))

typedef void unary_fn(int64_t n, float *out, const float *in);
typedef void binary_fn(int64_t n, float *out, const float *a, const float *b);

static void time_unary(unary_fn *f) { BEST(f(N, y, x)); }
static void time_binary(binary_fn *f) { BEST(f(N, z, x, y)); }
static void time_words(heed_words_fn *f) { BEST(f(1, 2, 0, N, words)); }

#define LIBM(name, f)                                     \
    static void libm_##name(int64_t n, float *out, const float *in) \
    {                                                     \
        for (int64_t i = 0; i < n; i++) out[i] = f(in[i]); \
    }
static float sigmoidf(float v) { return 1 / (1 + expf(-v)); }
static float rsqrtf(float v) { return 1 / sqrtf(v); }
LIBM(exp, expf) LIBM(exp_neg, expf) LIBM(expm1, expm1f) LIBM(log, logf) LIBM(log1p, log1pf) LIBM(tanh, tanhf) LIBM(erf, erff)
LIBM(sin, sinf) LIBM(cos, cosf) LIBM(sigmoid, sigmoidf) LIBM(sqrt, sqrtf) LIBM(rsqrt, rsqrtf) LIBM(abs, fabsf) LIBM(floor, floorf)
LIBM(round, rintf)
static void libm_pow(int64_t n, float *out, const float *a, const float *b)
{
    for (int64_t i = 0; i < n; i++) out[i] = powf(a[i], b[i]);
}
static void words_scalar(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, uint32_t *out)
{
    heed_random_words(seed, stream, first, n, out);
}

#define EACH_PATH for (int isa = 0; isa < HEED_ISA_COUNT; isa++) if (heed_vmath_of((heed_isa)isa))
#define LINE(name, timer, member, reference)                              \
    printf("%-14s", name);                                                \
    EACH_PATH timer(heed_vmath_of((heed_isa)isa)->member);                \
    timer(reference);                                                     \
    printf("\n");

int main(void)
{
    heed_random r = {.seed = 1};
    for (int i = 0; i < N; i++) {
        x[i] = 4 * (float)heed_random_uniform(&r);
        y[i] = (float)heed_random_normal(&r);
    }
    printf("%-14s", "ns an element");
    EACH_PATH printf(" %9s", heed_isa_name((heed_isa)isa));
    printf(" %9s\n", "libm");
    LINE("pow", time_binary, pow_f32, libm_pow)
#define UNARY_LINE(name) LINE(#name, time_unary, name##_f32, libm_##name)
    HEED_VMATH_UNARY(UNARY_LINE)
    LINE("dropout_words", time_words, dropout_words, words_scalar)
    return 0;
}
