/* The arithmetic of matrix products for one instruction set: gemm_body.h for float and for double. */
#include "ops/gemm_internal.h"
#include "ops/simd_edge.h"
#include "ops/unroll.h"
#include "ops/vbasic.h"

/* What pack_tiles makes: tiles as high as they are, panels of one or two vectors as they need, or all of two. */
enum { TILES_OF_A, PANELS, WIDE_PANELS };
enum { GEMM_SLICE = 8, GEMM_AHEAD = 8 }; /* rows of the source that are read together; how far ahead they are fetched */

#define KEEP_POINTER(p) __asm__("" : "+r"(p))

#if defined(HEED_ISA_AVX512)

/* 4 consecutive floats of each of 4 rows `step` apart, one row a quarter of the vector */
static inline vf quarters(const float *const row[16], int i, int64_t at)
{
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(row[i] + at));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(row[i + 4] + at), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(row[i + 8] + at), 2);
    return (vf)_mm512_insertf32x4(v, _mm_loadu_ps(row[i + 12] + at), 3);
}
#define LOW_PAIRS(x, y)  (vf)_mm512_unpacklo_ps((__m512)(x), (__m512)(y))
#define HIGH_PAIRS(x, y) (vf)_mm512_unpackhi_ps((__m512)(x), (__m512)(y))
#define LOW_HALVES(x, y)  (vf)_mm512_shuffle_ps((__m512)(x), (__m512)(y), 0x44)
#define HIGH_HALVES(x, y) (vf)_mm512_shuffle_ps((__m512)(x), (__m512)(y), 0xee)

#elif defined(HEED_ISA_AVX2)

static inline vf quarters(const float *const row[8], int i, int64_t at)
{
    return (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[i] + at)), _mm_loadu_ps(row[i + 4] + at), 1);
}
#define LOW_PAIRS(x, y)  (vf)_mm256_unpacklo_ps((__m256)(x), (__m256)(y))
#define HIGH_PAIRS(x, y) (vf)_mm256_unpackhi_ps((__m256)(x), (__m256)(y))
#define LOW_HALVES(x, y)  (vf)_mm256_shuffle_ps((__m256)(x), (__m256)(y), 0x44)
#define HIGH_HALVES(x, y) (vf)_mm256_shuffle_ps((__m256)(x), (__m256)(y), 0xee)

#else

static inline vf quarters(const float *const row[4], int i, int64_t at) { return vf_load(row[i] + at); }
#define LOW_PAIRS(x, y)  __builtin_shufflevector(x, y, 0, 4, 1, 5)
#define HIGH_PAIRS(x, y) __builtin_shufflevector(x, y, 2, 6, 3, 7)
#define LOW_HALVES(x, y)  __builtin_shufflevector(x, y, 0, 1, 4, 5)
#define HIGH_HALVES(x, y) __builtin_shufflevector(x, y, 2, 3, 6, 7)

#endif

/* Columns at .. at + 3 of VF rows, as 4 vectors. */
static inline void transpose4(vf out[4], const float *const row[VF], int64_t at)
{
    vf r0 = quarters(row, 0, at), r1 = quarters(row, 1, at), r2 = quarters(row, 2, at), r3 = quarters(row, 3, at);
    vf t0 = LOW_PAIRS(r0, r1), t1 = LOW_PAIRS(r2, r3), t2 = HIGH_PAIRS(r0, r1), t3 = HIGH_PAIRS(r2, r3);
    out[0] = LOW_HALVES(t0, t1);
    out[1] = HIGH_HALVES(t0, t1);
    out[2] = LOW_HALVES(t2, t3);
    out[3] = HIGH_HALVES(t2, t3);
}

/* out[p * step + i] = in[i * stride + p] for i < count <= VF, p < k; lanes beyond `count` and below `room` get the last row too. */
static void transpose_f32(float *out, int64_t step, int64_t room, const float *in, int64_t stride, int64_t count, int64_t k)
{
    const float *row[VF];
    for (int64_t i = 0; i < VF; i++) row[i] = in + (i < count ? i : count - 1) * stride;
    int64_t beyond = room < VF ? VF - room : 0; /* a whole vector may reach into the next p, but not beyond the last */
    int64_t p = 0, whole = k - (beyond + step - 1) / step;
    for (; p + 4 <= whole; p += 4) {
        vf v[4];
        transpose4(v, row, p);
        for (int q = 0; q < 4; q++) vf_store(out + (p + q) * step, v[q]);
    }
    for (; p < k; p++)
        for (int64_t i = 0; i < VF && i < room; i++) out[p * step + i] = row[i][p];
}

static void transpose_f64(double *out, int64_t step, int64_t room, const double *in, int64_t stride, int64_t count, int64_t k)
{
    for (int64_t p = 0; p < k; p++)
        for (int64_t i = 0; i < VD && i < room; i++) out[p * step + i] = in[(i < count ? i : count - 1) * stride + p];
}

#define REAL float
#define VEC vf
#define LANES VF
#define V(name) HEED_CAT(vf_, name)
#define FN(name) HEED_CAT(name, _f32)
#define PUBLIC(name) HEED_ISA_FN(HEED_CAT(heed_gemm_##name, _f32))
#include "ops/gemm_body.h"
#undef REAL
#undef VEC
#undef LANES
#undef V
#undef FN
#undef PUBLIC

#define REAL double
#define VEC vd
#define LANES VD
#define V(name) HEED_CAT(vd_, name)
#define FN(name) HEED_CAT(name, _f64)
#define PUBLIC(name) HEED_ISA_FN(HEED_CAT(heed_gemm_##name, _f64))
#include "ops/gemm_body.h"
