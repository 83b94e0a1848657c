#include "vmath_paths.h"
#include "vmath.h"
#include "vphilox.h"

/* a loop of whole vectors, and one of a part */
#define UNARY(name, suffix, scalar, width)                                                           \
    static void name##_##suffix(int64_t n, scalar *y, const scalar *x)                               \
    {                                                                                                \
        int64_t i = 0;                                                                               \
        for (; i + width <= n; i += width) v_store(y + i, v_##name(v_load(x + i)));                  \
        if (i < n) v_store_n(y + i, v_##name(v_load_n(x + i, n - i)), n - i);                        \
    }
#define BINARY(name, suffix, scalar, width)                                                          \
    static void name##_##suffix(int64_t n, scalar *z, const scalar *x, const scalar *y)              \
    {                                                                                                \
        int64_t i = 0;                                                                               \
        for (; i + width <= n; i += width) v_store(z + i, v_##name(v_load(x + i), v_load(y + i)));   \
        if (i < n) v_store_n(z + i, v_##name(v_load_n(x + i, n - i), v_load_n(y + i, n - i)), n - i); \
    }
#define ACROSS(suffix, scalar)                                         \
    static void across_##suffix(scalar sum_max_min[3], const scalar *x) \
    {                                                                  \
        sum_max_min[0] = v_sum(v_load(x));                             \
        sum_max_min[1] = v_hmax(v_load(x));                            \
        sum_max_min[2] = v_hmin(v_load(x));                            \
    }
#define UNARY_BOTH(name) UNARY(name, f32, float, VF) UNARY(name, f64, double, VD)
#define BINARY_BOTH(name) BINARY(name, f32, float, VF) BINARY(name, f64, double, VD)

HEED_VMATH_UNARY(UNARY_BOTH)
BINARY_BOTH(pow)
BINARY_BOTH(max)
BINARY_BOTH(min)
ACROSS(f32, float)
ACROSS(f64, double)

void HEED_ISA_FN(heed_dropout_words)(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, uint32_t *out)
{
    int64_t skip = (int64_t)(first % 4), done = 0; /* words of the first block that come before `first` */
    for (uint64_t block = first / 4; done < n; block += VD) {
        vi words[2];
        v_philox(seed, stream, block, &words[0], &words[1]);
        if (skip == 0 && n - done >= 2 * VF) {
            memcpy(out + done, words, sizeof words);
            done += 2 * VF;
        } else {
            int64_t count = 2 * VF - skip < n - done ? 2 * VF - skip : n - done;
            memcpy(out + done, (const uint32_t *)words + skip, (size_t)count * 4);
            done += count;
            skip = 0;
        }
    }
}

#define ENTRY(name) .name##_f32 = name##_f32, .name##_f64 = name##_f64,

extern const heed_vmath HEED_ISA_FN(heed_vmath_table);
const heed_vmath HEED_ISA_FN(heed_vmath_table) = {
    HEED_VMATH_UNARY(ENTRY) ENTRY(pow) ENTRY(max) ENTRY(min) ENTRY(across)
    .lanes = VF, .dropout_words = HEED_ISA_FN(heed_dropout_words),
};

#if HEED_ISA_BASE
extern HEED_ISA_DECLARE(const heed_vmath, heed_vmath_table);

const heed_vmath *heed_vmath_of(heed_isa isa)
{
#if defined(__x86_64__)
    static const heed_vmath *const tables[] = {&heed_vmath_table_portable, &heed_vmath_table_avx2, &heed_vmath_table_avx512};
#else
    static const heed_vmath *const tables[] = {&heed_vmath_table_portable};
#endif
    return isa <= heed_isa_now() ? tables[isa] : NULL;
}
#endif
