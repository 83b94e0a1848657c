/* The words of autograd/random.h, many counters at once: the same bits on every instruction-set path. */
#ifndef HEED_VPHILOX_H
#define HEED_VPHILOX_H

#include "vbasic.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* the lower halves' product, all 64 bits; upper halves are ignored */
static inline vul vul_mul(vul a, uint32_t b)
{
#if defined(HEED_ISA_AVX512)
    return (vul)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
#elif defined(HEED_ISA_AVX2)
    return (vul)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#elif defined(__SSE2__)
    return (vul)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(b));
#else
    return (a & 0xFFFFFFFFu) * b;
#endif
}

typedef uint32_t heed_half_vu __attribute__((vector_size(HEED_VBYTES / 2)));

/* The four words of every lane's block, in the lower halves. A lane of 64 bits carries one counter; words sit in its lower half, so that
 * products need no masks. */
static inline void v_philox_each(uint64_t seed, uint64_t stream, vul block, vul word[4])
{
    vul c0 = block, c1 = c0 >> 32, c2 = stream - (vul){0}, c3 = c2 >> 32;
    vul k0 = seed - (vul){0}, k1 = k0 >> 32; /* in vectors, since broadcasts are dearer than sums */
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        vul p = vul_mul(c0, 0xD2511F53u), q = vul_mul(c2, 0xCD9E8D57u);
        c0 = (q >> 32) ^ c1 ^ k0;
        c2 = (p >> 32) ^ c3 ^ k1;
        c1 = q;
        c3 = p;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

/* Words 4 block, 4 block + 1, ..., 4 block + 2 VF - 1 of (seed, stream): the first VF in *a, the others in *b. */
static inline void v_philox(uint64_t seed, uint64_t stream, uint64_t block, vi *a, vi *b)
{
    vul lanes = {0}, word[4], low, high;
    for (int lane = 0; lane < VD; lane++) lanes[lane] = (uint64_t)lane;
    v_philox_each(seed, stream, lanes + block, word);
    low = (word[0] & 0xFFFFFFFFu) | (word[1] << 32);
    high = (word[2] & 0xFFFFFFFFu) | (word[3] << 32);
#if defined(HEED_ISA_AVX512)
    *a = (vi)_mm512_permutex2var_epi64((__m512i)low, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), (__m512i)high);
    *b = (vi)_mm512_permutex2var_epi64((__m512i)low, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), (__m512i)high);
#elif defined(HEED_ISA_AVX2)
    __m256i even = _mm256_unpacklo_epi64((__m256i)low, (__m256i)high), odd = _mm256_unpackhi_epi64((__m256i)low, (__m256i)high);
    *a = (vi)_mm256_permute2x128_si256(even, odd, 0x20);
    *b = (vi)_mm256_permute2x128_si256(even, odd, 0x31);
#else
    *a = (vi)(vul){low[0], high[0]};
    *b = (vi)(vul){low[1], high[1]};
#endif
}

#endif
