/* What the kernels' benchmarks share: a clock, medians, threads, and the machine's FMA peak measured beside the work. */
#ifndef HEED_BENCH_PEAK_H
#define HEED_BENCH_PEAK_H

#include "autograd/isa.h"

#if defined(_OPENMP)
#include <omp.h>
#endif
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* a monotonic clock */
static inline double bench_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int bench_ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sorts */
static inline double bench_median(double *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, bench_ascending);
    return times[count / 2];
}

static inline int bench_threads(void)
{
#if defined(_OPENMP)
    return omp_get_max_threads();
#else
    return 1;
#endif
}

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif

/* 12 independent chains of v = v * x + y: more than latency times ports of any CPU so far. */
#if defined(__x86_64__)
#define CHAINS(name, isa, vector, set, fma, reg)                                                 \
    __attribute__((target(isa))) static inline void name(int64_t rounds)                             \
    {                                                                                            \
        vector x = set(0.999f), y = set(0.001f), v[12];                                          \
        UNROLL for (int i = 0; i < 12; i++) v[i] = y;                                                   \
        for (int64_t r = 0; r < rounds; r++)                                                     \
            UNROLL for (int i = 0; i < 12; i++) { v[i] = fma(v[i], x, y); __asm__("" : reg(v[i])); } \
        UNROLL for (int i = 0; i < 12; i++) __asm__ volatile("" : reg(v[i]));                    \
    }
CHAINS(chains_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, "+x")
CHAINS(chains_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, "+v")
#endif

static inline void chains_portable(int64_t rounds)
{
    typedef float v4 __attribute__((vector_size(16)));
    v4 x = {0.999f, 0.999f, 0.999f, 0.999f}, y = {0.001f, 0.001f, 0.001f, 0.001f}, v[12];
    UNROLL for (int i = 0; i < 12; i++) v[i] = y;
    for (int64_t r = 0; r < rounds; r++)
        UNROLL for (int i = 0; i < 12; i++) { v[i] = v[i] * x + y; __asm__("" : "+x"(v[i])); }
    UNROLL for (int i = 0; i < 12; i++) __asm__ volatile("" : "+x"(v[i]));
}

/* GFLOP/s of fused multiply-adds in registers, all threads, on the path of heed_isa_now */
static inline double bench_peak(int64_t rounds)
{
    heed_isa isa = heed_isa_now();
    double start = bench_seconds();
#if defined(_OPENMP)
#pragma omp parallel
#endif
    {
#if defined(__x86_64__)
        if (isa == HEED_AVX512) chains_avx512(rounds);
        else if (isa == HEED_AVX2) chains_avx2(rounds);
        else
#endif
            chains_portable(rounds);
    }
    int lanes = isa == HEED_AVX512 ? 16 : isa == HEED_AVX2 ? 8 : 4;
    return 1e-9 * (double)(rounds * 12 * 2 * lanes * bench_threads()) / (bench_seconds() - start);
}

/* Runs task 0 .. tasks - 1, handed out dynamically; `scratch` has a buffer for each thread. */
typedef void bench_task_fn(void *context, int64_t task, void *scratch);
static inline void bench_tasks(bench_task_fn *run, void *context, int64_t tasks, void **scratch)
{
#if defined(_OPENMP)
    if (bench_threads() > 1 && tasks > 1) {
#pragma omp parallel for schedule(dynamic)
        for (int64_t t = 0; t < tasks; t++) run(context, t, scratch[omp_get_thread_num()]);
        return;
    }
#endif
    for (int64_t t = 0; t < tasks; t++) run(context, t, scratch[0]);
}

#endif
