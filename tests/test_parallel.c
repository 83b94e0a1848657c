/* Every task is run once, whatever the number of threads. */
#include "autograd/graph.h"
#include "autograd/parallel.h"
#include "check.h"

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

CHECK_MAIN("parallel", {"every task is run once", each_task_once}, {"the number of threads", the_count})
