/* What kernels over rows share: loops over a row of n elements, vector by vector, and sums in a fixed order.
 *
 * In the loops' statements `at` is the position in the row and `k` how many elements there are from it on, at most a vector; in
 * all but the last step k is the constant N, so that conditions on it vanish. `col` of an operand is 1, or 0 where one number
 * stands for the row.
 */
#ifndef HEED_ROWS_H
#define HEED_ROWS_H

#include "ops/vmath.h"

#define ROW_ACCESS(T, V, N)                                                                                              \
    static inline V V##_get(const T *p, int64_t col, int64_t at, int64_t k)                                              \
    {                                                                                                                    \
        return !col ? V##_set(*p) : k == N ? V##_load(p + at) : V##_load_n(p + at, k);                                   \
    }                                                                                                                    \
    static inline void V##_put(T *p, V v, int64_t k)                                                                     \
    {                                                                                                                    \
        if (k == N) V##_store(p, v);                                                                                     \
        else V##_store_n(p, v, k);                                                                                       \
    }                                                                                                                    \
    static inline V V##_first(V v, int64_t k) /* the first k lanes, zeros after them */                                  \
    {                                                                                                                    \
        if (k == N) return v;                                                                                            \
        T lane[N] = {0};                                                                                                 \
        V##_store_n(lane, v, k);                                                                                         \
        return V##_load(lane);                                                                                           \
    }                                                                                                                    \
    /* the largest element; NaN if one is; -inf of nothing */                                                            \
    static inline T V##_row_max(int64_t n, const T *p, int64_t col)                                                      \
    {                                                                                                                    \
        if (!col && n > 0) return *p;                                                                                    \
        if (n < N) {                                                                                                     \
            T m = -INFINITY;                                                                                             \
            for (int64_t c = 0; c < n; c++) m = p[c] > m || p[c] != p[c] ? p[c] : m;                                     \
            return m;                                                                                                    \
        }                                                                                                                \
        V m0 = V##_load(p + n - N), m1 = m0, m2 = m0, m3 = m0;                                                           \
        int64_t c = 0;                                                                                                   \
        for (; c + 4 * N <= n; c += 4 * N) {                                                                             \
            m0 = V##_max(m0, V##_load(p + c));                                                                           \
            m1 = V##_max(m1, V##_load(p + c + N));                                                                       \
            m2 = V##_max(m2, V##_load(p + c + 2 * N));                                                                   \
            m3 = V##_max(m3, V##_load(p + c + 3 * N));                                                                   \
        }                                                                                                                \
        for (; c + N <= n; c += N) m0 = V##_max(m0, V##_load(p + c));                                                    \
        return V##_hmax(V##_max(V##_max(m0, m1), V##_max(m2, m3)));                                                      \
    }
ROW_ACCESS(float, vf, VF)
ROW_ACCESS(double, vd, VD)

/* statement for every vector of a row */
#define ROW_EACH(N, n, ...)                                                       \
    do {                                                                          \
        int64_t c_ = 0;                                                           \
        for (; c_ + N <= (n); c_ += N) { const int64_t at = c_, k = N; __VA_ARGS__; } \
        if (c_ < (n)) { const int64_t at = c_, k = (n) - c_; __VA_ARGS__; }       \
    } while (0)

/* total = sum of the vector `term` over the row: four accumulators, added as a tree */
#define ROW_SUM(V, N, n, total, term)                                             \
    do {                                                                          \
        V s0_ = {0}, s1_ = {0}, s2_ = {0}, s3_ = {0};                             \
        int64_t c_ = 0;                                                           \
        for (; c_ + 4 * N <= (n); c_ += 4 * N) {                                  \
            { const int64_t at = c_, k = N; s0_ += term; }                        \
            { const int64_t at = c_ + N, k = N; s1_ += term; }                    \
            { const int64_t at = c_ + 2 * N, k = N; s2_ += term; }                \
            { const int64_t at = c_ + 3 * N, k = N; s3_ += term; }                \
        }                                                                         \
        for (; c_ + N <= (n); c_ += N) { const int64_t at = c_, k = N; s0_ += term; } \
        if (c_ < (n)) { const int64_t at = c_, k = (n) - c_; s1_ += V##_first(term, k); } \
        total = V##_sum((s0_ + s1_) + (s2_ + s3_));                               \
    } while (0)

/* y = softmax of a row; zeros where all x are -inf */
#define ROW_SOFTMAX(T, V, N)                                                                                           \
    static inline void V##_row_softmax(int64_t n, T *y, const T *x, int64_t col)                                       \
    {                                                                                                                  \
        T sum;                                                                                                         \
        V top = V##_set(V##_row_max(n, x, col)), e;                                                                    \
        if (top[0] == -INFINITY) top = V##_set(0);                                                                     \
        if (col) ROW_SUM(V, N, n, sum, (e = V##_exp_neg(V##_get(x, 1, at, k) - top), V##_put(y + at, e, k), e));       \
        else ROW_SUM(V, N, n, sum, (e = V##_exp_neg(V##_get(x, 0, at, k) - top), V##_put(y + at, e, k), e));           \
        V scale = V##_set(sum == 0 ? 0 : 1 / sum);                                                                     \
        ROW_EACH(N, n, V##_put(y + at, V##_get(y, 1, at, k) * scale, k));                                              \
    }
ROW_SOFTMAX(float, vf, VF)
ROW_SOFTMAX(double, vd, VD)

#endif
