/* Shards: parts of a batch side by side give the batch's gradient, in the same bits on any number of threads, or change nothing. */
#include "autograd/memory.h"
#include "check.h"
#include "heed.h"
#include "refusals.h"

#include <math.h>

enum { ROWS = 7, IN = 33, OUT = 70, WEIGHTS = IN * OUT };

typedef struct world {
    heed_params *ps;
    heed_param *w, *b, *some; /* some: read by the first shard alone */
    heed_dtype dtype;
    double x[ROWS * IN];
    float x32[ROWS * IN];
    int shards, bad, odd;     /* bad: the shard that fails; odd: the one with a NaN out of numbers; -1: none */
    double dropout;
} world;

static void begin(world *w, heed_dtype dtype)
{
    *w = (world){.ps = heed_params_new(3), .dtype = dtype, .bad = -1, .odd = -1};
    heed_params_dtype(w->ps, dtype);
    w->w = heed_param_new(w->ps, "w", dtype, 2, (int64_t[]){IN, OUT}, HEED_NORMAL(0, 1));
    w->b = heed_param_new(w->ps, "b", dtype, 1, (int64_t[]){OUT}, HEED_NORMAL(0, 1));
    w->some = heed_param_new(w->ps, "some", dtype, 1, (int64_t[]){OUT}, HEED_NORMAL(0, 1));
    for (int i = 0; i < ROWS * IN; i++) w->x32[i] = (float)(w->x[i] = (i * 37 % 101 - 50) / 25.0);
}

static heed_tensor *loss(void *context, heed_graph *g, int shard)
{
    const world *w = context;
    const int64_t from = ROWS * shard / w->shards, rows = ROWS * (shard + 1) / w->shards - from;
    if (!rows) return NULL;
    if (shard == w->bad) return heed_graph_fail(g, HEED_INVALID, "shard %d has no data", shard);
    const void *x = w->dtype == HEED_F64 ? (const void *)(w->x + from * IN) : w->x32 + from * IN;
    heed_tensor *y = heed_linear(g, heed_input(g, w->dtype, 2, (int64_t[]){rows, IN}, x), heed_use(g, w->w), heed_use(g, w->b));
    if (from == 0) y = heed_add(g, y, heed_use(g, w->some));
    if (shard == w->odd) y = heed_log(g, heed_neg(g, heed_exp(g, y)));
    return heed_sum(g, heed_square(g, heed_dropout(g, heed_tanh(g, y), w->dropout)), HEED_ALL, false);
}

/* --- values ---------------------------------------------------------------------------------------------------------------------- */

/* Against one graph in which the parts are recorded one after another. */
static void the_gradient_of_the_batch(void)
{
    world w;
    begin(&w, HEED_F64);
    for (w.shards = 1; w.shards <= 9; w.shards++) {
        heed_graph *g = heed_graph_new(), *one = heed_graph_new();
        heed_shards *s = heed_shards_new(w.shards);
        double got[WEIGHTS], some[OUT], furthest = 0, norm = 0;
        heed_graph_threads(g, 2);
        heed_params_zero_grad(w.ps);
        double total = heed_shards_backward(s, g, loss, &w);
        CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
        memcpy(got, heed_param_grad(w.w), sizeof got);
        memcpy(some, heed_param_grad(w.some), sizeof some);

        heed_params_zero_grad(w.ps);
        heed_tensor *sum = loss(&w, one, w.shards - 1);
        for (int i = w.shards - 2; i >= 0; i--) {
            heed_tensor *l = loss(&w, one, i);
            if (l) sum = heed_add(one, sum, l);
        }
        CU_ASSERT_EQUAL(heed_backward(one, sum), HEED_OK);
        CU_ASSERT_DOUBLE_EQUAL(total, heed_item(one, sum), 1e-9);
        const double *dw = heed_param_grad(w.w), *ds = heed_param_grad(w.some);
        for (int i = 0; i < WEIGHTS; i++) {
            furthest = fmax(furthest, fabs(dw[i] - got[i]));
            norm += got[i] * got[i];
        }
        for (int i = 0; i < OUT; i++) furthest = fmax(furthest, fabs(ds[i] - some[i]));
        CU_ASSERT(furthest < 1e-12 && norm > 1);
        heed_shards_free(s);
        heed_graph_free(g);
        heed_graph_free(one);
    }
    heed_params_free(w.ps);
}

/* Twice, so that what there is is added to, with dropout. */
static void any_threads(void)
{
    world w;
    begin(&w, HEED_F32);
    w.dropout = 0.4;
    for (w.shards = 2; w.shards <= 5; w.shards++) {
        float first[WEIGHTS] = {0};
        double total = 0;
        for (int threads = 1; threads <= 8; threads++) {
            heed_graph *g = heed_graph_new();
            heed_shards *s = heed_shards_new(w.shards);
            heed_graph_threads(g, threads);
            heed_graph_training(g, true);
            heed_params_zero_grad(w.ps);
            double sum = 0;
            for (uint64_t step = 0; step < 2; step++) {
                heed_graph_reset(g);
                heed_graph_seed(g, 11, step);
                sum += heed_shards_backward(s, g, loss, &w);
                CU_ASSERT_EQUAL(heed_graph_threads_now(g), threads);
            }
            CU_ASSERT(sum > 0);
            if (threads == 1) {
                total = sum;
                memcpy(first, heed_param_grad(w.w), sizeof first);
            }
            CU_ASSERT(sum == total && !memcmp(first, heed_param_grad(w.w), sizeof first));
            heed_shards_free(s);
            heed_graph_free(g);
        }
    }
    heed_params_free(w.ps);
}

static heed_tensor *same_rows(void *context, heed_graph *g, int shard)
{
    world *w = context;
    (void)shard;
    heed_tensor *x = heed_input(g, HEED_F64, 1, (int64_t[]){IN}, w->x);
    return heed_sum(g, heed_dropout(g, heed_square(g, x), 0.5), HEED_ALL, false);
}

static void shards_draw_differently(void)
{
    world w;
    begin(&w, HEED_F64);
    heed_graph *g = heed_graph_new(), *one = heed_graph_new();
    heed_shards *s = heed_shards_new(2), *alone = heed_shards_new(1);
    heed_graph_training(g, true);
    heed_graph_training(one, true);
    double both = heed_shards_backward(s, g, same_rows, &w), first = heed_shards_backward(alone, one, same_rows, &w);
    CU_ASSERT(both > 0 && first > 0 && both != 2 * first);
    CU_ASSERT_EQUAL(heed_params_error(w.ps)->code, HEED_OK);
    heed_shards_free(s);
    heed_shards_free(alone);
    heed_graph_free(g);
    heed_graph_free(one);
    heed_params_free(w.ps);
}

/* --- failures ---------------------------------------------------------------------------------------------------------------------- */

static void one_shard_fails(void)
{
    world w;
    begin(&w, HEED_F32);
    w.shards = 3;
    heed_graph *g = heed_graph_new();
    heed_shards *s = heed_shards_new(3);
    CU_ASSERT_PTR_NULL(heed_shards_graph(s, 0));
    for (w.bad = 0; w.bad < 3; w.bad++) {
        heed_graph_reset(g);
        CU_ASSERT(isnan(heed_shards_backward(s, g, loss, &w)));
        char sentence[40];
        snprintf(sentence, sizeof sentence, "shard %d has no data", w.bad);
        CU_ASSERT(check_says(heed_graph_error(g)->message, sentence));
        CU_ASSERT(heed_param_grad_is_zero(w.w) && heed_param_grad_is_zero(w.some));
        CU_ASSERT(isnan(heed_shards_backward(s, g, loss, &w))); /* it sticks */
    }
    w.bad = -1;
    heed_graph_reset(g);
    CU_ASSERT(heed_shards_backward(s, g, loss, &w) > 0);
    CU_ASSERT(!heed_param_grad_is_zero(w.w));
    CU_ASSERT_PTR_EQUAL(heed_shards_graph(s, 0), g);
    CU_ASSERT(heed_shards_graph(s, 2) && !heed_shards_graph(s, 3) && !heed_shards_graph(s, -1));


    heed_params_zero_grad(w.ps);
    w.odd = 2;
    heed_graph_anomaly(g, true);
    heed_graph_reset(g);
    CU_ASSERT(isnan(heed_shards_backward(s, g, loss, &w)));
    CU_ASSERT(check_says(heed_graph_error(g)->message, "log"));
    CU_ASSERT(heed_param_grad_is_zero(w.w) && heed_param_grad_is_zero(w.some));
    heed_shards_free(s);
    heed_graph_free(g);
    heed_params_free(w.ps);
}

static void not_so_many(void)
{
    world w;
    begin(&w, HEED_F32);
    static const int counts[] = {0, -1, HEED_MOST_SHARDS + 1};
    for (int i = 0; i < 3; i++) {
        heed_graph *g = heed_graph_new();
        heed_shards *s = heed_shards_new(counts[i]);
        w.shards = 1;
        CU_ASSERT(isnan(heed_shards_backward(s, g, loss, &w)));
        CU_ASSERT(check_says(heed_graph_error(g)->message, "not 1 to 64"));
        heed_shards_free(s);
        heed_graph_free(g);
    }
    heed_shards_free(NULL);
    heed_params_free(w.ps);
}

static bool learn(void *context)
{
    world w;
    (void)context;
    begin(&w, HEED_F32);
    w.shards = 3;
    heed_graph *g = heed_graph_new();
    heed_shards *s = heed_shards_new(3);
    heed_graph_threads(g, 1);
    double total = heed_params_error(w.ps)->code ? NAN : heed_shards_backward(s, g, loss, &w);
    bool passed = total > 0 && !heed_graph_error(g)->code;
    if (!passed && !heed_params_error(w.ps)->code) CU_ASSERT(heed_param_grad_is_zero(w.w) && heed_param_grad_is_zero(w.some));
    heed_shards_free(s);
    heed_graph_free(g);
    heed_params_free(w.ps);
    return passed;
}

/* What the sentence about too small a budget says is about all shards, and does. */
static void a_budget_is_shared(void)
{
    world w;
    begin(&w, HEED_F32);
    w.shards = 3;
    heed_graph *g = heed_graph_new();
    heed_shards *s = heed_shards_new(w.shards);
    double least = 0;
    heed_graph_budget(g, 3 << 9);
    CU_ASSERT(isnan(heed_shards_backward(s, g, loss, &w)));
    const char *says = heed_graph_error(g)->message, *from = strstr(says, "at least ");
    CU_ASSERT(check_says(says, "a memory budget of 1.5 KiB for values is too small: at least "));
    CU_ASSERT_FATAL(from && sscanf(from, "at least %lf", &least) == 1);
    heed_graph_reset(g);
    heed_graph_budget(g, (size_t)(least * 1024) - 1024);
    CU_ASSERT(isnan(heed_shards_backward(s, g, loss, &w)));
    heed_graph_reset(g);
    heed_graph_budget(g, (size_t)(least * 1024));
    CU_ASSERT(heed_shards_backward(s, g, loss, &w) > 0);
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
    heed_shards_free(s);
    heed_graph_free(g);
    heed_params_free(w.ps);
}

static void memory_is_refused(void) { CU_ASSERT(check_refusals(learn, NULL) > 20); }

CHECK_MAIN("shards", {"the gradient of the batch", the_gradient_of_the_batch}, {"any number of threads", any_threads},
           {"draws differ from shard to shard", shards_draw_differently}, {"one shard fails", one_shard_fails}, {"counts", not_so_many},
           {"a budget is shared", a_budget_is_shared}, {"memory is refused", memory_is_refused})
