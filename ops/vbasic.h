/* What vectors need and the compiler's operators lack: minimum, maximum, rounding, roots, reductions across lanes.
 *
 * Operators + - * / and comparisons work on vf and vd as they stand; a comparison gives a mask (vi or vl, all ones or all zeros
 * in each lane) that & | ~ combine and vf_select and vd_select take. Every function is exact or correctly rounded.
 */
#ifndef HEED_VBASIC_H
#define HEED_VBASIC_H

#include "simd.h"

#include <math.h>
#include <stdbool.h>

typedef uint32_t vu __attribute__((vector_size(HEED_VBYTES)));
typedef uint64_t vul __attribute__((vector_size(HEED_VBYTES)));

static inline vi vi_set(int32_t x) { return x - (vi){0}; }
static inline vl vl_set(int64_t x) { return x - (vl){0}; }

/* name(x) = f(x) lane by lane */
#define HEED_LANES(name, type, count, f)                               \
    static inline type name(type x)                                    \
    {                                                                  \
        for (int lane = 0; lane < count; lane++) x[lane] = f(x[lane]); \
        return x;                                                      \
    }

/* One operation in its AVX-512, AVX2 and portable form */
#if defined(HEED_ISA_AVX512)
#define HEED_V3(avx512, avx2, portable) avx512
#elif defined(HEED_ISA_AVX2)
#define HEED_V3(avx512, avx2, portable) avx2
#else
#define HEED_V3(avx512, avx2, portable) portable
#endif

/* a > b ? a : b and a < b ? a : b: where either is NaN, b */
static inline vf vf_above(vf a, vf b)
{
    return HEED_V3((vf)_mm512_max_ps((__m512)a, (__m512)b), (vf)_mm256_max_ps((__m256)a, (__m256)b), vf_select(a > b, a, b));
}
static inline vf vf_below(vf a, vf b)
{
    return HEED_V3((vf)_mm512_min_ps((__m512)a, (__m512)b), (vf)_mm256_min_ps((__m256)a, (__m256)b), vf_select(a < b, a, b));
}
static inline vd vd_above(vd a, vd b)
{
    return HEED_V3((vd)_mm512_max_pd((__m512d)a, (__m512d)b), (vd)_mm256_max_pd((__m256d)a, (__m256d)b), vd_select(a > b, a, b));
}
static inline vd vd_below(vd a, vd b)
{
    return HEED_V3((vd)_mm512_min_pd((__m512d)a, (__m512d)b), (vd)_mm256_min_pd((__m256d)a, (__m256d)b), vd_select(a < b, a, b));
}

/* Maximum and minimum: NaN where either is NaN; of zeros of both signs, b. */
static inline vf vf_max(vf a, vf b) { return vf_select(a != a, a, vf_above(a, b)); }
static inline vf vf_min(vf a, vf b) { return vf_select(a != a, a, vf_below(a, b)); }
static inline vd vd_max(vd a, vd b) { return vd_select(a != a, a, vd_above(a, b)); }
static inline vd vd_min(vd a, vd b) { return vd_select(a != a, a, vd_below(a, b)); }

/* x between low and high; NaN stays NaN */
static inline vf vf_clamp(vf x, vf low, vf high) { return vf_below(high, vf_above(low, x)); }
static inline vd vd_clamp(vd x, vd low, vd high) { return vd_below(high, vd_above(low, x)); }

static inline vf vf_abs(vf x) { return (vf)((vi)x & vi_set(INT32_MAX)); }
static inline vd vd_abs(vd x) { return (vd)((vl)x & vl_set(INT64_MAX)); }
static inline vf vf_copysign(vf x, vf sign) { return (vf)(((vi)x & vi_set(INT32_MAX)) | ((vi)sign & vi_set(INT32_MIN))); }
static inline vd vd_copysign(vd x, vd sign) { return (vd)(((vl)x & vl_set(INT64_MAX)) | ((vl)sign & vl_set(INT64_MIN))); }

/* floor, and round to the nearest integer (halves to the even one, as in IEEE 754 and PyTorch); square root */
#if defined(HEED_ISA_AVX512)
static inline vf vf_floor(vf x) { return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
static inline vf vf_round(vf x) { return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vd vd_floor(vd x) { return (vd)_mm512_roundscale_pd((__m512d)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
static inline vd vd_round(vd x) { return (vd)_mm512_roundscale_pd((__m512d)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf vf_sqrt(vf x) { return (vf)_mm512_sqrt_ps((__m512)x); }
static inline vd vd_sqrt(vd x) { return (vd)_mm512_sqrt_pd((__m512d)x); }
#elif defined(HEED_ISA_AVX2)
static inline vf vf_floor(vf x) { return (vf)_mm256_floor_ps((__m256)x); }
static inline vf vf_round(vf x) { return (vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vd vd_floor(vd x) { return (vd)_mm256_floor_pd((__m256d)x); }
static inline vd vd_round(vd x) { return (vd)_mm256_round_pd((__m256d)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf vf_sqrt(vf x) { return (vf)_mm256_sqrt_ps((__m256)x); }
static inline vd vd_sqrt(vd x) { return (vd)_mm256_sqrt_pd((__m256d)x); }
#else
HEED_LANES(vf_floor, vf, VF, floorf)
HEED_LANES(vf_round, vf, VF, rintf)
HEED_LANES(vd_floor, vd, VD, floor)
HEED_LANES(vd_round, vd, VD, rint)
HEED_LANES(vf_sqrt, vf, VF, sqrtf)
HEED_LANES(vd_sqrt, vd, VD, sqrt)
#endif

/* 1 / sqrt(x) in two roundings: no estimate instructions, whose bits differ between processors */
static inline vf vf_rsqrt(vf x) { return vf_set(1) / vf_sqrt(x); }
static inline vd vd_rsqrt(vd x) { return vd_set(1) / vd_sqrt(x); }

/* whether any lane of a mask is set */
static inline bool vi_any(vi mask)
{
    return HEED_V3(_mm512_movepi32_mask((__m512i)mask), _mm256_movemask_ps((__m256)mask),
                   (mask[0] | mask[1] | mask[2] | mask[3])) != 0;
}

/* Lane i of the result is lane i ^ step; step is a power of two below the number of lanes. */
static inline vf vf_swap(vf v, int step)
{
#if defined(HEED_ISA_AVX512)
    if (step == 8) return (vf)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0x4E);
    if (step == 4) return (vf)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0xB1);
    return step == 2 ? (vf)_mm512_permute_ps((__m512)v, 0x4E) : (vf)_mm512_permute_ps((__m512)v, 0xB1);
#elif defined(HEED_ISA_AVX2)
    if (step == 4) return (vf)_mm256_permute2f128_ps((__m256)v, (__m256)v, 1);
    return step == 2 ? (vf)_mm256_permute_ps((__m256)v, 0x4E) : (vf)_mm256_permute_ps((__m256)v, 0xB1);
#else
    return step == 2 ? (vf){v[2], v[3], v[0], v[1]} : (vf){v[1], v[0], v[3], v[2]};
#endif
}
static inline vd vd_swap(vd v, int step)
{
#if defined(HEED_ISA_AVX512)
    if (step == 4) return (vd)_mm512_shuffle_f64x2((__m512d)v, (__m512d)v, 0x4E);
    return step == 2 ? (vd)_mm512_shuffle_f64x2((__m512d)v, (__m512d)v, 0xB1) : (vd)_mm512_permute_pd((__m512d)v, 0x55);
#elif defined(HEED_ISA_AVX2)
    return step == 2 ? (vd)_mm256_permute2f128_pd((__m256d)v, (__m256d)v, 1) : (vd)_mm256_permute_pd((__m256d)v, 5);
#else
    (void)step;
    return (vd){v[1], v[0]};
#endif
}

/* Sum, maximum and minimum of all lanes, by halving: lane i with lane i + VF/2, then the quarters, and so on. */
#define HEED_ACROSS(name, scalar, type, count, swap, combined)  \
    static inline scalar name(type a)                           \
    {                                                           \
        for (int step = count / 2; step > 0; step /= 2) {       \
            type b = swap(a, step);                             \
            a = combined;                                       \
        }                                                       \
        return a[0];                                            \
    }
HEED_ACROSS(vf_sum, float, vf, VF, vf_swap, a + b)
HEED_ACROSS(vf_hmax, float, vf, VF, vf_swap, vf_max(a, b))
HEED_ACROSS(vf_hmin, float, vf, VF, vf_swap, vf_min(a, b))
HEED_ACROSS(vd_sum, double, vd, VD, vd_swap, a + b)
HEED_ACROSS(vd_hmax, double, vd, VD, vd_swap, vd_max(a, b))
HEED_ACROSS(vd_hmin, double, vd, VD, vd_swap, vd_min(a, b))

#endif
