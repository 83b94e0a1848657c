#include "ops/update.h"
#include "ops/vbasic.h"

#define FMA(a, b, c) _Generic((a), vf: vf_fma, vd: vd_fma)(a, b, c)
#define SQRT(a) _Generic((a), vf: vf_sqrt, vd: vd_sqrt)(a)

/* The sweep of a rule over n weights of one dtype. The rule itself is a body over vectors: it changes w and the states s[] by the
 * gradient g and the numbers c[]. The last vector is filled up with zeros. */
#define SWEEP(name, states, T, V, N, suffix)                                                                        \
    HEED_ISA_DECLARE(heed_update_fn, name##_##suffix);                                                              \
    void HEED_ISA_FN(name##_##suffix)(int64_t n, void *weights, const void *gradient, void *const *state, const heed_update *u) \
    {                                                                                                               \
        T *restrict weight = weights;                                                                               \
        const T *restrict from = gradient;                                                                          \
        V scale = V##_set((T)u->scale), limit = V##_set((T)u->limit), decay = V##_set((T)u->decay);                 \
        V c[HEED_UPDATE_NUMBERS], s[HEED_UPDATE_STATES];                                                            \
        for (int k = 0; k < HEED_UPDATE_NUMBERS; k++) c[k] = V##_set((T)u->c[k]);                                   \
        int64_t i = 0;                                                                                              \
        for (; i + N <= n; i += N) {                                                                                \
            V w = V##_load(weight + i);                                                                             \
            V g = FMA(decay, w, V##_clamp(V##_load(from + i) * scale, -limit, limit));                              \
            for (int k = 0; k < states; k++) s[k] = V##_load((const T *)state[k] + i);                              \
            name##_##V(&w, g, s, c);                                                                                \
            V##_store(weight + i, w);                                                                               \
            for (int k = 0; k < states; k++) V##_store((T *)state[k] + i, s[k]);                                    \
        }                                                                                                           \
        if (i == n) return;                                                                                         \
        V w = V##_load_n(weight + i, n - i);                                                                        \
        V g = FMA(decay, w, V##_clamp(V##_load_n(from + i, n - i) * scale, -limit, limit));                         \
        for (int k = 0; k < states; k++) s[k] = V##_load_n((const T *)state[k] + i, n - i);                         \
        name##_##V(&w, g, s, c);                                                                                    \
        V##_store_n(weight + i, w, n - i);                                                                          \
        for (int k = 0; k < states; k++) V##_store_n((T *)state[k] + i, s[k], n - i);                               \
    }
#define RULE(name, states, ...)                                                                                     \
    static inline void name##_vf(vf *w, vf g, vf *s, const vf *c) { (void)s; __VA_ARGS__ }                          \
    static inline void name##_vd(vd *w, vd g, vd *s, const vd *c) { (void)s; __VA_ARGS__ }                          \
    SWEEP(name, states, float, vf, VF, f32)                                                                         \
    SWEEP(name, states, double, vd, VD, f64)

/* c = {lr} */
RULE(sgd, 0,
     *w -= c[0] * g;)

/* c = {lr, mu, 1 or for Nesterov mu, 0 or for Nesterov 1}      b = mu b + g      w -= lr (c2 b + c3 g) */
RULE(momentum, 1,
     s[0] = FMA(c[1], s[0], g);
     *w -= c[0] * FMA(c[2], s[0], c[3] * g);)

/* c = {lr, eps}      sum += g^2      w -= lr g / (sqrt(sum) + eps) */
RULE(adagrad, 1,
     s[0] = FMA(g, g, s[0]);
     *w -= c[0] * g / (SQRT(s[0]) + c[1]);)

/* c = {lr, eps, alpha, 1 - alpha}      v = alpha v + (1 - alpha) g^2      w -= lr g / (sqrt(v) + eps) */
RULE(rmsprop, 1,
     s[0] = FMA(c[3] * g, g, c[2] * s[0]);
     *w -= c[0] * g / (SQRT(s[0]) + c[1]);)

/* c = {lr, eps, alpha, 1 - alpha, mu}      v likewise      b = mu b + g / (sqrt(v) + eps)      w -= lr b */
RULE(rmsprop_momentum, 2,
     s[0] = FMA(c[3] * g, g, c[2] * s[0]);
     s[1] = FMA(c[4], s[1], g / (SQRT(s[0]) + c[1]));
     *w -= c[0] * s[1];)

/* c = {lr / (1 - beta1^t), eps, 1 - beta1, beta2, 1 - beta2, 1 / sqrt(1 - beta2^t), 1 - lr decay}
 * m += (1 - beta1) (g - m)      v = beta2 v + (1 - beta2) g^2      w = (1 - lr decay) w - c0 m / (sqrt(v) c5 + eps) */
RULE(adam, 2,
     s[0] = FMA(c[2], g - s[0], s[0]);
     s[1] = FMA(c[4] * g, g, c[3] * s[1]);
     *w = c[6] * *w - c[0] * s[0] / FMA(SQRT(s[1]), c[5], c[1]);)

/* c = {share}      w += share (g - w): for running averages, which take the place of w */
RULE(towards, 0,
     *w = FMA(c[0], g - *w, *w);)

/* sum of x^2 in 16 lanes, then their sum by halving: wide enough for every path, so that all have the same bits */
#define SQUARE_SUM(T, suffix)                                                        \
    HEED_ISA_DECLARE(heed_square_sum_fn, square_sum_##suffix);                       \
    double HEED_ISA_FN(square_sum_##suffix)(int64_t n, const void *array)            \
    {                                                                                \
        const T *x = array;                                                          \
        double sum[16] = {0};                                                        \
        int64_t i = 0;                                                               \
        for (; i + 16 <= n; i += 16)                                                 \
            for (int k = 0; k < 16; k++) sum[k] += (double)x[i + k] * (double)x[i + k]; \
        for (int k = 0; i < n; i++, k++) sum[k] += (double)x[i] * (double)x[i];      \
        for (int half = 8; half; half /= 2)                                          \
            for (int k = 0; k < half; k++) sum[k] += sum[k + half];                  \
        return sum[0];                                                               \
    }
SQUARE_SUM(float, f32)
SQUARE_SUM(double, f64)

#if HEED_ISA_BASE
#define TABLES(name) {HEED_ISA_TABLE(name##_f32), HEED_ISA_TABLE(name##_f64)}
const heed_update_rule heed_update_sgd = {{NULL}, TABLES(sgd)};
const heed_update_rule heed_update_momentum = {{"momentum"}, TABLES(momentum)};
const heed_update_rule heed_update_adagrad = {{"sum"}, TABLES(adagrad)};
const heed_update_rule heed_update_rmsprop = {{"v"}, TABLES(rmsprop)};
const heed_update_rule heed_update_rmsprop_momentum = {{"v", "momentum"}, TABLES(rmsprop_momentum)};
const heed_update_rule heed_update_adam = {{"m", "v"}, TABLES(adam)};
const heed_update_rule heed_update_towards = {{NULL}, TABLES(towards)};
heed_square_sum_fn *const heed_square_sum[2][HEED_ISA_COUNT] = TABLES(square_sum);
#endif
