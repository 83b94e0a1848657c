/* Vectors at the edge of a row: the first n lanes, 0 <= n <= lanes, without the calls that a memcpy of unknown length turns into. */
#ifndef HEED_SIMD_EDGE_H
#define HEED_SIMD_EDGE_H

#include "ops/simd.h"

#if defined(HEED_ISA_AVX512)

static inline vf vf_load_edge(const float *p, int64_t n) { return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
static inline void vf_store_edge(float *p, vf v, int64_t n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v); }
static inline vd vd_load_edge(const double *p, int64_t n) { return (vd)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p); }
static inline void vd_store_edge(double *p, vd v, int64_t n) { _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v); }

#elif defined(HEED_ISA_AVX2)

static inline __m256i edge32(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline __m256i edge64(int64_t n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
static inline vf vf_load_edge(const float *p, int64_t n) { return (vf)_mm256_maskload_ps(p, edge32(n)); }
static inline void vf_store_edge(float *p, vf v, int64_t n) { _mm256_maskstore_ps(p, edge32(n), (__m256)v); }
static inline vd vd_load_edge(const double *p, int64_t n) { return (vd)_mm256_maskload_pd(p, edge64(n)); }
static inline void vd_store_edge(double *p, vd v, int64_t n) { _mm256_maskstore_pd(p, edge64(n), (__m256d)v); }

#else

static inline vf vf_load_edge(const float *p, int64_t n)
{
    vf v = {0};
    for (int i = 0; i < VF && i < n; i++) v[i] = p[i];
    return v;
}
static inline void vf_store_edge(float *p, vf v, int64_t n) { for (int i = 0; i < VF && i < n; i++) p[i] = v[i]; }
static inline vd vd_load_edge(const double *p, int64_t n)
{
    vd v = {0};
    for (int i = 0; i < VD && i < n; i++) v[i] = p[i];
    return v;
}
static inline void vd_store_edge(double *p, vd v, int64_t n) { for (int i = 0; i < VD && i < n; i++) p[i] = v[i]; }

#endif

#endif
