/* Threads for the few places that compute outside a graph, such as the optimizer's sweep over all parameters. */
#ifndef HEED_PARALLEL_H
#define HEED_PARALLEL_H

#include <stdint.h>

/* `asked`, or where that is 0 OMP_NUM_THREADS, else the CPUs this process may run on. 1 in a build without OpenMP. */
int heed_thread_count(int asked);

/* Calls task(context, i) for every i below `tasks`, in any order, on up to heed_thread_count(threads) threads; returns when all are
 * done. A task writes only what is its own, so that no bit depends on the number of threads. */
void heed_parallel(int threads, int64_t tasks, void (*task)(void *context, int64_t i), void *context);

#endif
