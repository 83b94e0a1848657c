/* What the kernels' benchmarks share: a clock, medians and threads. */
#ifndef HEED_BENCH_PEAK_H
#define HEED_BENCH_PEAK_H

#include "autograd/isa.h"
#include "ops/peak.h"

#if defined(_OPENMP)
#include <omp.h>
#endif
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

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
