#include "ops/peak.h"

#include "autograd/isa.h"
#include "autograd/parallel.h"
#include "ops/simd.h"

#include <time.h>

/* 12 independent chains of v = v x + y: more than latency times ports of any CPU so far, and with x and y within 16 registers. */
enum { CHAINS = 12, ROUNDS = 20000, TASKS = 8, TRIES = 5 };

typedef float fma_fn(int64_t rounds);
HEED_ISA_DECLARE(fma_fn, heed_fma_chains);

float HEED_ISA_FN(heed_fma_chains)(int64_t rounds)
{
    vf x = vf_set(0.999f), y = vf_set(0.001f), v[CHAINS], sum = y;
    for (int i = 0; i < CHAINS; i++) v[i] = vf_set((float)i);
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++) v[i] = vf_fma(v[i], x, y);
    for (int i = 0; i < CHAINS; i++) sum += v[i];
    return sum[0];
}

#if HEED_ISA_BASE
static fma_fn *const chains[HEED_ISA_COUNT] = HEED_ISA_TABLE(heed_fma_chains);

static void task(void *sums, int64_t i) { ((float *)sums)[i] = chains[heed_isa_now()](ROUNDS); }

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double heed_peak_flops(int threads)
{
    static const int lanes[HEED_ISA_COUNT] = {4, 8, 16};
    enum { MOST = 256 };
    float sums[MOST * TASKS];
    int n = heed_thread_count(threads);
    double best = 0, work = 2.0 * CHAINS * ROUNDS * lanes[heed_isa_now()] * TASKS * n;
    for (int i = 0; i <= TRIES; i++) { /* the first one wakes up */
        double start = seconds();
        heed_parallel(n, (int64_t)TASKS * n, task, sums);
        double rate = work / (seconds() - start);
        if (i && rate > best) best = rate;
    }
    return best;
}
#endif
