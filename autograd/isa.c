#include "isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"portable", "avx2", "avx512"};

const char *heed_isa_name(heed_isa isa) { return names[isa]; }

static heed_isa best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma"))
        return HEED_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return HEED_AVX2;
#endif
    return HEED_PORTABLE;
}

heed_isa heed_isa_now(void)
{
    static int cached = -1; /* the same value whoever writes it first */
    int isa = __atomic_load_n(&cached, __ATOMIC_RELAXED);
    if (isa >= 0) return (heed_isa)isa;
    isa = (int)best();
    const char *wish = getenv("HEED_ISA");
    for (int i = 0; wish && i < isa; i++)
        if (!strcmp(wish, names[i])) isa = i;
    __atomic_store_n(&cached, isa, __ATOMIC_RELAXED);
    return (heed_isa)isa;
}
