/* Every task is run once, whatever the number of threads. */
#include "autograd/parallel.h"
#include "autograd/plan.h"
#include "check.h"
#include "ops/ops.h"

enum { TASKS = 1000 };

static void mark(void *context, int64_t i) { ((int *)context)[i]++; }

static void each_task_once(void)
{
    for (int threads = 0; threads <= 9; threads++) {
        int done[TASKS + 1] = {0}, right = 0;
        heed_parallel(threads, TASKS, mark, done);
        for (int i = 0; i < TASKS; i++) right += done[i] == 1;
        CU_ASSERT_EQUAL(right, TASKS);
        CU_ASSERT_EQUAL(done[TASKS], 0);
        heed_parallel(threads, 0, mark, done);
        heed_parallel(threads, 1, mark, done);
        CU_ASSERT_EQUAL(done[0], 2);
    }
}

static void the_count(void)
{
    CU_ASSERT(heed_thread_count(0) >= 1);
#ifdef _OPENMP
    CU_ASSERT_EQUAL(heed_thread_count(3), 3);
#endif
    heed_graph *g = heed_graph_new();
    CU_ASSERT_EQUAL(heed_graph_threads_now(g), 0);
    heed_graph_threads(g, 3);
    heed_graph_reset(g);
    CU_ASSERT_EQUAL(heed_graph_threads_now(g), 3);
    heed_graph_free(g);
}

/* A small plan is run by one thread or by all, whatever was faster: both are tried, and the bits are the same. */
static void small_plans_try_both_ways(void)
{
    enum { N = 64, RUNS = 1200 };
    static float x[N * N], first[N * N];
    for (int i = 0; i < N * N; i++) x[i] = (float)(i * 37 % 101) / 101;
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, 2);
    plan *p = NULL;
    for (int run = 0; run < RUNS; run++) {
        heed_graph_reset(g);
        heed_tensor *a = heed_input(g, HEED_F32, 2, (int64_t[]){N, N}, x), *y = heed_softmax(g, heed_matmul(g, heed_softmax(g, a, -1), a), -1);
        p = heed_plan_for(g, 1, &y, true);
        const float *bits = heed_data(g, y);
        CU_ASSERT_PTR_NOT_NULL_FATAL(bits);
        if (run == 0) memcpy(first, bits, sizeof first);
        CU_ASSERT(!memcmp(first, bits, sizeof first));
    }
    if (heed_thread_count(2) > 1) CU_ASSERT(p && p->runs == RUNS && p->alone > 0 && p->together > 0);
    heed_graph_free(g);
}

CHECK_MAIN("parallel", {"every task is run once", each_task_once}, {"the number of threads", the_count},
           {"small plans try both ways", small_plans_try_both_ways})
