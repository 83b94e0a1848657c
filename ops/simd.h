/* Vectors for kernels: one source, compiled once for each instruction set.
 *
 * Every file of ops/ is compiled with HEED_ISA_PORTABLE, HEED_ISA_AVX2 and HEED_ISA_AVX512 (the last two on x86-64 only). A kernel
 * is written once in the compiler's vector types, named through HEED_ISA_FN, and the path is chosen at run time (heed_isa). The
 * same path gives the same bits on every machine. What has to exist only once (descriptors, derivatives, shape rules)
 * stands under `#if HEED_ISA_BASE`.
 */
#ifndef HEED_SIMD_H
#define HEED_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(HEED_ISA_AVX512) || defined(HEED_ISA_AVX2)
#include <immintrin.h>
#endif

#if defined(HEED_ISA_AVX512)
#define HEED_VBYTES 64
#define HEED_ISA_SUFFIX _avx512
#elif defined(HEED_ISA_AVX2)
#define HEED_VBYTES 32
#define HEED_ISA_SUFFIX _avx2
#else
#define HEED_VBYTES 16
#define HEED_ISA_SUFFIX _portable
#define HEED_ISA_BASE 1
#endif

#define HEED_CAT_(a, b) a##b
#define HEED_CAT(a, b) HEED_CAT_(a, b)
#define HEED_ISA_FN(name) HEED_CAT(name, HEED_ISA_SUFFIX)

/* `HEED_ISA_DECLARE(heed_tile_fn, exp_f32);` declares exp_f32_portable, exp_f32_avx2, exp_f32_avx512;
 * `HEED_ISA_TABLE(exp_f32)` is the initialiser that lists them by heed_isa. */
#if defined(__x86_64__)
#define HEED_ISA_DECLARE(type, name) type name##_portable, name##_avx2, name##_avx512
#define HEED_ISA_TABLE(name) {name##_portable, name##_avx2, name##_avx512}
#else
#define HEED_ISA_DECLARE(type, name) type name##_portable
#define HEED_ISA_TABLE(name) {name##_portable}
#endif

typedef float   vf __attribute__((vector_size(HEED_VBYTES)));   /* VF floats */
typedef int32_t vi __attribute__((vector_size(HEED_VBYTES)));
typedef double  vd __attribute__((vector_size(HEED_VBYTES)));   /* VD doubles */
typedef int64_t vl __attribute__((vector_size(HEED_VBYTES)));
enum { VF = HEED_VBYTES / 4, VD = HEED_VBYTES / 8 };

static inline vf   vf_load(const float *p) { vf v; memcpy(&v, p, sizeof v); return v; }
static inline void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
static inline vf   vf_set(float x) { return x - (vf){0}; }
static inline vd   vd_load(const double *p) { vd v; memcpy(&v, p, sizeof v); return v; }
static inline void vd_store(double *p, vd v) { memcpy(p, &v, sizeof v); }
static inline vd   vd_set(double x) { return x - (vd){0}; }

/* the first n < VF elements; the rest of the vector is zero */
static inline vf vf_load_n(const float *p, int64_t n) { vf v = {0}; memcpy(&v, p, (size_t)n * 4); return v; }
static inline void vf_store_n(float *p, vf v, int64_t n) { memcpy(p, &v, (size_t)n * 4); }
static inline vd vd_load_n(const double *p, int64_t n) { vd v = {0}; memcpy(&v, p, (size_t)n * 8); return v; }
static inline void vd_store_n(double *p, vd v, int64_t n) { memcpy(p, &v, (size_t)n * 8); }

/* a * b + c, in one rounding where the instruction set has it */
static inline vf vf_fma(vf a, vf b, vf c)
{
#if defined(HEED_ISA_AVX512)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(HEED_ISA_AVX2)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}
static inline vd vd_fma(vd a, vd b, vd c)
{
#if defined(HEED_ISA_AVX512)
    return (vd)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(HEED_ISA_AVX2)
    return (vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

/* mask (all ones or all zeros in each lane) ? a : b */
static inline vf vf_select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
static inline vd vd_select(vl mask, vd a, vd b) { return (vd)((mask & (vl)a) | (~mask & (vl)b)); }

#endif
