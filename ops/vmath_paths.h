/* The vector functions over arrays, for every instruction-set path: how tests and benchmarks reach each path this CPU has. */
#ifndef HEED_VMATH_PATHS_H
#define HEED_VMATH_PATHS_H

#include "../autograd/isa.h"
#include "simd.h"

/* heed_random_words on this path: what a dropout kernel draws */
typedef void heed_words_fn(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, uint32_t *out);
HEED_ISA_DECLARE(heed_words_fn, heed_dropout_words);

/* The functions of one argument, by what follows vf_ and vd_. */
#define HEED_VMATH_UNARY(X) \
    X(exp) X(exp_neg) X(expm1) X(log) X(log1p) X(tanh) X(erf) X(sin) X(cos) X(sigmoid) X(sqrt) X(rsqrt) X(abs) X(floor) X(round)

#define HEED_VMATH_MEMBER(name)                                \
    void (*name##_f32)(int64_t n, float *y, const float *x);   \
    void (*name##_f64)(int64_t n, double *y, const double *x);

typedef struct heed_vmath {
    HEED_VMATH_UNARY(HEED_VMATH_MEMBER)
    void (*pow_f32)(int64_t n, float *z, const float *x, const float *y);
    void (*pow_f64)(int64_t n, double *z, const double *x, const double *y);
    void (*max_f32)(int64_t n, float *z, const float *x, const float *y);
    void (*max_f64)(int64_t n, double *z, const double *x, const double *y);
    void (*min_f32)(int64_t n, float *z, const float *x, const float *y);
    void (*min_f64)(int64_t n, double *z, const double *x, const double *y);
    int lanes; /* VF */
    void (*across_f32)(float sum_max_min[3], const float *x);   /* of `lanes` elements */
    void (*across_f64)(double sum_max_min[3], const double *x); /* of lanes / 2 elements */
    heed_words_fn *dropout_words;
} heed_vmath;

/* The functions of one path, or NULL when this build or CPU lacks it. */
const heed_vmath *heed_vmath_of(heed_isa isa);

#endif
