/* Steps of a plan side by side: who waits for whom, and equal bits however they are run. */
#include "autograd/flow.h"
#include "autograd/parallel.h"
#include "check.h"
#include "ops/ops.h"

enum { N = 48, CHAIN = 9, WIDE = 6, RUNS = 300 };

static float numbers[N * N];

static heed_tensor *matrix(heed_graph *g)
{
    for (int i = 0; i < N * N; i++) numbers[i] = sinf(1 + 2.3f * (float)i) / 8;
    return heed_input(g, HEED_F32, 2, (int64_t[]){N, N}, numbers);
}

/* Chains of products that know nothing of each other, and one that reads the ends of all. */
static heed_tensor *chains(heed_graph *g, int count)
{
    heed_tensor *x = matrix(g), *end[WIDE];
    for (int c = 0; c < count; c++) end[c] = heed_scale(g, x, 1.0 + c);
    for (int k = 0; k < CHAIN; k++)
        for (int c = 0; c < count; c++) end[c] = heed_matmul(g, end[c], x);
    return heed_concat(g, count, end, 0);
}

/* The step that computes node t, or -1. */
static int step_of(const plan *p, const heed_tensor *t)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->steps[i].node == t->id) return (int)i;
    return -1;
}

static bool waits_for(const plan *p, int i, int j) { return i > j && i - j <= HEED_FLOW_WINDOW && p->steps[i].after >> (i - j - 1) & 1; }

static void who_waits(void)
{
    heed_graph *g = heed_graph_new();
    heed_tensor *x = matrix(g), *a = heed_matmul(g, x, x), *b = heed_matmul(g, x, heed_transpose(g, x, 0, 1));
    heed_tensor *aa = heed_matmul(g, a, a), *ab = heed_matmul(g, a, b), *targets[] = {aa, ab};
    plan *p = heed_plan_for(g, 2, targets, true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    int of_a = step_of(p, a), of_b = step_of(p, b), of_aa = step_of(p, aa), of_ab = step_of(p, ab);
    CU_ASSERT(of_a >= 0 && of_b >= 0 && of_aa >= 0 && of_ab >= 0);
    CU_ASSERT_FALSE(waits_for(p, of_b, of_a));
    CU_ASSERT(waits_for(p, of_aa, of_a));
    CU_ASSERT_FALSE(waits_for(p, of_aa, of_b));
    CU_ASSERT(waits_for(p, of_ab, of_a) && waits_for(p, of_ab, of_b));
    CU_ASSERT_FALSE(waits_for(p, of_ab, of_aa));
    heed_graph_free(g);
}

/* A value's memory is written again only after it has been read. */
static void memory_that_is_taken_again(void)
{
    heed_graph *g = heed_graph_new();
    heed_tensor *t = chains(g, 1);
    plan *p = heed_plan_for(g, 1, &t, true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    for (size_t i = 1; i < p->count; i++) CU_ASSERT(waits_for(p, (int)i, (int)i - 1));
    heed_graph_free(g);
}

/* Two results that go into one gradient wait for each other. */
static void one_gradient(void)
{
    heed_graph *g = heed_graph_new();
    heed_params *ps = heed_params_new(1);
    heed_param *w = heed_param_new(ps, "w", HEED_F32, 2, (int64_t[]){N, N}, HEED_XAVIER);
    heed_tensor *x = matrix(g), *u = heed_use(g, w), **targets;
    heed_tensor *y = heed_matmul(g, heed_tanh(g, heed_matmul(g, x, u)), heed_transpose(g, u, 0, 1));
    size_t count;
    heed_record_backward(g, heed_sum(g, heed_mul(g, y, y), HEED_ALL, false), &count, &targets);
    plan *p = heed_plan_for(g, (int)count, targets, true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    int into[8], n = 0;
    for (size_t i = 0; i < p->count && n < 8; i++)
        if (p->steps[i].kernel && p->steps[i].kernel->param == 0) into[n++] = (int)i;
    CU_ASSERT(n >= 2);
    for (int k = 1; k < n; k++) CU_ASSERT(waits_for(p, into[k], into[k - 1]));
    heed_graph_free(g);
    heed_params_free(ps);
}

/* More steps than may be under way at once, on more threads than there are tasks or processors. */
static void equal_bits(void)
{
    enum { SIZE = WIDE * N * N };
    static float first[SIZE];
    heed_graph *g = heed_graph_new();
    for (int run = 0, right = 0; run <= RUNS; run++) {
        heed_graph_reset(g);
        heed_graph_threads(g, run == 0 ? 1 : 2 + run % 4);
        heed_tensor *t = chains(g, WIDE);
        const float *y = heed_data(g, t);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        if (run == 0) memcpy(first, y, sizeof first);
        right += !memcmp(first, y, sizeof first);
        if (run == RUNS) CU_ASSERT_EQUAL(right, RUNS + 1);
    }
    heed_graph_free(g);
}

/* Counters for 1, 2 and many threads, of which some come late or never. */
static void missing_threads(void)
{
    heed_graph *g = heed_graph_new();
    heed_tensor *t = chains(g, 2);
    double sum[2];
    for (int k = 0; k < 2; k++) {
        heed_graph_reset(g);
        heed_graph_threads(g, k ? 40 : 1);
        t = chains(g, 2);
        sum[k] = heed_item(g, heed_sum(g, t, HEED_ALL, false));
    }
    CU_ASSERT_EQUAL(sum[0], sum[1]);
    heed_graph_free(g);
}

CHECK_MAIN("flow", {"who waits for whom", who_waits}, {"memory that is taken again", memory_that_is_taken_again},
           {"one gradient", one_gradient}, {"equal bits", equal_bits}, {"more threads than processors", missing_threads})
