/* Memory: a loop of steps of random lengths asks the system for nothing, peaks are what explain says, and every refused allocation of a
 * training step leaves parameters and graph as they should be. */
#include "autograd/node.h"
#include "check.h"
#include "own_ops.h"
#include "autograd/random.h"
#include "refusals.h"

#include <stdio.h>
#include <unistd.h>

enum { WIDTH = 24, LONGEST = 60, STEPS = 2000 };

static float input[LONGEST * WIDTH];

typedef struct net { heed_params *ps; heed_param *w, *u, *b; } net;

static void make_input(void)
{
    for (int i = 0; i < LONGEST * WIDTH; i++) input[i] = sinf(1 + 3.7f * (float)i);
}

static net make_net(void)
{
    net n = {.ps = heed_params_new(7)};
    heed_params_scope(n.ps, "cell");
    n.w = heed_param_new(n.ps, "w", HEED_F32, 2, (int64_t[]){WIDTH, WIDTH}, HEED_XAVIER);
    n.u = heed_param_new(n.ps, "u", HEED_F32, 2, (int64_t[]){WIDTH, WIDTH}, (heed_init){HEED_INIT_ORTHOGONAL, 1, 0});
    n.b = heed_param_new(n.ps, "b", HEED_F32, 1, (int64_t[]){WIDTH}, HEED_ZEROS);
    heed_params_scope_end(n.ps);
    return n;
}

/* Attention of a sequence on itself and two layers; `deep`: as many more layers, so that the structure differs too. */
static heed_tensor *loss_of(heed_graph *g, const net *n, int64_t length, int deep)
{
    heed_tensor *x = heed_input(g, HEED_F32, 2, (int64_t[]){length, WIDTH}, input);
    heed_scope(g, "layer");
    heed_tensor *q = heed_linear(g, x, heed_use(g, n->w), heed_use(g, n->b));
    heed_tensor *a = heed_name(g, own_softmax(g, heed_matmul(g, q, heed_transpose(g, x, 0, 1))), "weights");
    x = heed_add(g, x, heed_matmul(g, a, q));
    heed_scope_end(g);
    for (int i = 0; i <= deep; i++) x = own_map(g, &own_tanh, heed_linear(g, own_layer_norm(g, x), heed_use(g, n->u), heed_use(g, n->b)));
    return heed_scale(g, heed_sum(g, heed_mul(g, x, x), HEED_ALL, false), 0.01);
}

static void descend(heed_params *ps)
{
    for (int k = 0; k < heed_params_count(ps); k++) {
        heed_param *p = heed_params_at(ps, k);
        float *data = heed_param_data(p);
        const float *dx = heed_param_grad(p);
        for (int64_t i = 0; dx && i < heed_param_size(p); i++) data[i] -= 0.01f * dx[i];
    }
    heed_params_zero_grad(ps);
}

/* --- steady state ------------------------------------------------------------------------------------------------------------------ */

static long resident_pages(void)
{
    long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%ld %ld", &all, &resident) != 2) resident = 0;
    fclose(f);
    return resident;
}

static void run_loop(int deepest, int warm_up)
{
    long asked = 0, warm = 0, pages = 0;
    heed_random random = {.seed = 1};
    make_input();
    heed_set_allocator(check_count, &asked);
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, 1);
    net n = make_net();
    heed_keep_named(g, "layer.weights");
    for (int step = 0; step < STEPS; step++) {
        if (step == warm_up) {
            warm = asked;
            pages = resident_pages();
        }
        int64_t length = 1 + (int64_t)heed_random_below(&random, LONGEST);
        int deep = (int)heed_random_below(&random, (uint64_t)deepest + 1);
        if (step < 2) length = LONGEST, deep = deepest;
        heed_graph_reset(g);
        CU_ASSERT_EQUAL(heed_backward(g, loss_of(g, &n, length, deep)), HEED_OK);
        CU_ASSERT_PTR_NOT_NULL(heed_data(g, heed_find(g, "layer.weights")));
        descend(n.ps);
    }
    CU_ASSERT_EQUAL(asked, warm);
    CU_ASSERT(resident_pages() - pages < 64);
    if (asked != warm) fprintf(stderr, "\n    %ld allocations before step %d, %ld after it\n", warm, warm_up, asked - warm);
    heed_params_free(n.ps);
    heed_graph_free(g);
    heed_set_allocator(NULL, NULL);
}

static void random_lengths(void) { run_loop(0, 100); }
/* Each place for a plan, and each for a derivative, has to have seen a large one. */
static void random_lengths_and_structures(void) { run_loop(5, 1500); }

/* --- explain and the pool ------------------------------------------------------------------------------------------------------------ */

static void peak_is_what_the_pool_takes(void)
{
    make_input();
    net n = make_net();
    for (int64_t length = 1; length <= LONGEST; length += 13) {
        heed_graph *g = heed_graph_new();
        heed_tensor *loss = loss_of(g, &n, length, 3);
        heed_cost c;
        CU_ASSERT_EQUAL(heed_graph_explain(g, loss, false, &c, NULL), HEED_OK);
        CU_ASSERT_PTR_NULL(g->values.chunk); /* nothing was computed */
        /* a pool that has exactly so much: the run fits */
        char *room = heed_alloc((size_t)c.peak);
        pool_chunk exact = {room, room, (size_t)c.peak, NULL};
        g->values.chunk = &exact;
        CU_ASSERT(isfinite(heed_item(g, loss)));
        CU_ASSERT_PTR_EQUAL(g->values.chunk, &exact);
        CU_ASSERT(g->values.used <= (size_t)c.peak);
        g->values.chunk = NULL;
        heed_free(room);
        heed_graph_free(g);
    }
    heed_params_free(n.ps);
}

/* A chain of steps with two values alive at a time needs room for two, however long it is. */
static void dead_values_give_room(void)
{
    make_input();
    heed_graph *g = heed_graph_new();
    heed_tensor *x = heed_input(g, HEED_F32, 2, (int64_t[]){WIDTH, WIDTH}, input), *y = x;
    for (int i = 0; i < 100; i++) y = heed_matmul(g, heed_transpose(g, y, 0, 1), x);
    heed_cost c;
    CU_ASSERT_EQUAL(heed_graph_explain(g, y, false, &c, NULL), HEED_OK);
    CU_ASSERT(c.kernels == 100 && c.depth == 100 && c.flops == 100 * 2 * WIDTH * WIDTH * WIDTH);
    CU_ASSERT(c.peak <= 3 * 4 * WIDTH * WIDTH + 4096 * 8);
    heed_graph_free(g);
}

/* --- refusals ---------------------------------------------------------------------------------------------------------------------------- */

static float right_loss, right_grad[WIDTH * WIDTH];
static check_budget *the_budget; /* of the attempt that is running */

static void note(bool ok, const char *what)
{
    if (!ok) fprintf(stderr, "\n    %s\n", what);
    CU_ASSERT(ok);
}

/* A training step while allocations are refused; then, with memory again, the same objects give the right result. */
static bool train_once(void *unused)
{
    (void)unused;
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, 2);
    heed_keep_named(g, "layer.*");
    heed_scope(g, "outer");
    heed_scope_end(g);
    net n = make_net();
    heed_tensor *loss = loss_of(g, &n, 40, 1);
    heed_code code = heed_backward(g, loss);
    bool passed = code == HEED_OK && !heed_params_error(n.ps)->code;
    if (passed) passed = heed_data(g, heed_find(g, "layer.weights")) && heed_param_grad(n.w) && heed_graph_explain(g, loss, true, NULL, NULL) == HEED_OK;
    if (!passed) {
        note(heed_graph_error(g)->code == HEED_NO_MEMORY, "the graph's error is not HEED_NO_MEMORY");
        for (int i = 0; i < heed_params_count(n.ps) && code; i++)
            note(heed_param_grad_is_zero(heed_params_at(n.ps, i)), "a gradient was touched by a step that failed");
        note(isnan(heed_item(g, loss)) && heed_rank(heed_neg(g, loss)) == 0, "a failed graph gives values");
        the_budget->left = 1000000;
        heed_graph_reset(g);
        if (!heed_params_error(n.ps)->code && heed_graph_error(g)->code == HEED_OK) {
            heed_params_zero_grad(n.ps);
            loss = loss_of(g, &n, 40, 1);
            note(heed_backward(g, loss) == HEED_OK && (float)heed_item(g, loss) == right_loss, "the graph is of no use after a reset");
            const float *dw = heed_param_grad(n.w);
            note(dw && !memcmp(dw, right_grad, sizeof right_grad), "the gradients are wrong after a reset");
        }
    }
    heed_params_free(n.ps);
    heed_graph_free(g);
    return passed;
}

static void every_refusal(void)
{
    make_input();
    heed_graph *g = heed_graph_new();
    net n = make_net();
    heed_tensor *loss = loss_of(g, &n, 40, 1);
    CU_ASSERT_EQUAL(heed_backward(g, loss), HEED_OK);
    right_loss = (float)heed_item(g, loss);
    memcpy(right_grad, heed_param_grad(n.w), sizeof right_grad);
    heed_params_free(n.ps);
    heed_graph_free(g);
    int refused = 0;
    for (bool passed = false; !passed && refused < 1000; refused++) {
        check_budget b = {.left = refused};
        the_budget = &b;
        heed_set_allocator(check_refuse, &b);
        passed = train_once(NULL);
        heed_set_allocator(NULL, NULL);
        note(b.live == 0, "a block was not given back");
    }
    CU_ASSERT(refused > 20 && refused < 1000);
}

/* After warm-up nothing is asked for, so nothing can be refused. */
static void no_memory_is_needed_after_warm_up(void)
{
    make_input();
    check_budget b = {.left = 1000000};
    heed_set_allocator(check_refuse, &b);
    heed_graph *g = heed_graph_new();
    net n = make_net();
    for (int step = 0; step < 6; step++) {
        if (step == 3) b.left = 0;
        heed_graph_reset(g);
        CU_ASSERT_EQUAL(heed_backward(g, loss_of(g, &n, 40, 2)), HEED_OK);
        descend(n.ps);
    }
    heed_params_free(n.ps);
    heed_graph_free(g);
    heed_set_allocator(NULL, NULL);
    CU_ASSERT_EQUAL(b.live, 0);
}

static void *refusing_the_huge(void *context, void *p, size_t old, size_t size)
{
    (void)context, (void)old;
    if (!size) free(p);
    return size && size < (size_t)1 << 30 ? malloc(size) : NULL;
}

/* Sizes that no machine has are refused, not wrapped around. */
static void sizes_beyond_memory(void)
{
    heed_set_allocator(refusing_the_huge, NULL);
    heed_graph *g = heed_graph_new();
    const int64_t huge = (int64_t)1 << 44;
    for (int i = 0; i < 3; i++) {
        heed_tensor *x = heed_expand(g, heed_scalar(g, HEED_F64, 1), 1, (int64_t[]){i == 2 ? INT64_MAX / 4 : huge}), *sum = x;
        for (int k = 0; k < 140000 && i == 1; k++) sum = heed_keep(g, heed_neg(g, sum)); /* together more than 2^64 bytes */
        heed_tensor *y = heed_add(g, sum, heed_scalar(g, HEED_F64, 1));
        CU_ASSERT_PTR_NULL(heed_data(g, y));
        CU_ASSERT(heed_graph_error(g)->code == HEED_NO_MEMORY || heed_graph_error(g)->code == HEED_INVALID);
        heed_graph_reset(g);
    }
    heed_input(g, HEED_F32, 3, (int64_t[]){(int64_t)1 << 40, (int64_t)1 << 40, 1}, input);
    CU_ASSERT(check_says(heed_graph_error(g)->message, "too many elements"));
    heed_graph_free(g);
    heed_params *ps = heed_params_new(1);
    heed_param *p = heed_param_new(ps, "huge", HEED_F64, 2, (int64_t[]){INT64_MAX, INT64_MAX}, HEED_ZEROS);
    CU_ASSERT(check_says(heed_params_error(ps)->message, "huge: "));
    CU_ASSERT_EQUAL(heed_param_size(p), 0);
    heed_params_free(ps);
    heed_set_allocator(NULL, NULL);
}

CHECK_MAIN("memory of runs", {"a loop of random lengths asks for nothing", random_lengths},
           {"nor one of random structures", random_lengths_and_structures}, {"peak is what the pool takes", peak_is_what_the_pool_takes},
           {"dead values give room", dead_values_give_room}, {"every refused allocation of a training step", every_refusal},
           {"no memory is needed after warm-up", no_memory_is_needed_after_warm_up}, {"sizes beyond memory", sizes_beyond_memory})
