/* Streams: large values between a product and what reads its rows are in memory as blocks of rows, and nothing else changes. */
#include "autograd/memory.h"
#include "check.h"
#include "heed.h"

#include <math.h>
#include <stdlib.h>

enum { B = 6, T = 200, N = B * T, V = 1400, D = 6 };
static const double whole = (double)N * V * sizeof(double);

typedef enum formula { TIED, BIAS, LOG_SOFTMAX, DROPOUT, BY_HAND, POSITIONS, OF_MEAN, PENALTY, SCORES, FORMULAS } formula;

typedef struct world { heed_params *ps; heed_param *x, *w, *u, *b; int32_t target[N], some[2 * N]; } world;

static world *world_new(void)
{
    world *w = heed_calloc(1, sizeof *w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    w->ps = heed_params_new(5);
    w->x = heed_param_new(w->ps, "x", HEED_F64, 3, (int64_t[]){B, T, D}, HEED_NORMAL(0, 1));
    w->w = heed_param_new(w->ps, "w", HEED_F64, 2, (int64_t[]){D, V}, HEED_NORMAL(0, 1));
    w->u = heed_param_new(w->ps, "u", HEED_F64, 2, (int64_t[]){V, D}, HEED_NORMAL(0, 1));
    w->b = heed_param_new(w->ps, "b", HEED_F64, 1, (int64_t[]){V}, HEED_NORMAL(0, 1));
    for (int i = 0; i < N; i++) w->target[i] = i % 7 == 0 ? -1 : i * 31 % V;
    for (int i = 0; i < 2 * N; i++) w->some[i] = i * 13 % V;
    return w;
}

static void world_free(world *w)
{
    heed_params_free(w->ps);
    heed_free(w);
}

/* The loss; *logits is the large value. */
static heed_tensor *loss_of(heed_graph *g, const world *w, formula f, heed_tensor **logits)
{
    heed_tensor *x = heed_tanh(g, heed_use(g, w->x)), *bias = heed_use(g, w->b);
    heed_tensor *targets = heed_input(g, HEED_I32, 2, (int64_t[]){B, T}, w->target);
    heed_tensor *y = *logits = f == TIED ? heed_matmul(g, x, heed_transpose(g, heed_use(g, w->u), 0, 1)) : heed_linear(g, x, heed_use(g, w->w), f == BIAS ? bias : NULL);
    heed_tensor *e;
    switch (f) {
    case LOG_SOFTMAX: return heed_nll(g, heed_log_softmax(g, heed_scale(g, y, 0.5), -1), targets, -1, HEED_MEAN);
    case DROPOUT: return heed_cross_entropy(g, heed_dropout(g, heed_add(g, y, bias), 0.3), targets, -1, 0.1, HEED_TOTAL);
    case BY_HAND: /* sum of squared softmax over the columns, written out */
        e = heed_exp(g, heed_sub(g, y, heed_max(g, y, HEED_LAST, true)));
        e = heed_div(g, e, heed_sum(g, e, HEED_LAST, true));
        return heed_sum(g, heed_mul(g, e, e), HEED_ALL, false);
    case POSITIONS: /* a bias that differs from step to step has no one stride over all rows */
        y = heed_add(g, y, heed_reshape(g, heed_sum(g, heed_use(g, w->x), HEED_AXIS(0) | HEED_AXIS(2), false), 2, (int64_t[]){T, 1}));
        return heed_cross_entropy(g, y, targets, -1, 0, HEED_MEAN);
    case OF_MEAN: /* every row needs all others */
        return heed_cross_entropy(g, heed_sub(g, y, heed_mean(g, heed_mul(g, y, y), HEED_ALL, false)), targets, -1, 0.1, HEED_MEAN);
    case PENALTY: { /* a gradient of a gradient */
        heed_tensor *l = heed_cross_entropy(g, y, targets, -1, 0.1, HEED_MEAN), *dx;
        heed_grad(g, l, NULL, 1, &x, &dx);
        return heed_add(g, l, heed_scale(g, heed_sum(g, heed_mul(g, dx, dx), HEED_ALL, false), 100));
    }
    case SCORES: /* log-probabilities of a few symbols a row */
        return heed_sum(g, heed_gather(g, heed_log_softmax(g, y, -1), -1, heed_input(g, HEED_I32, 3, (int64_t[]){B, T, 2}, w->some)), HEED_ALL, false);
    default: return heed_cross_entropy(g, y, targets, -1, 0.1, HEED_MEAN);
    }
}

static const char *const name[FORMULAS] = {"tied", "bias", "log_softmax", "dropout", "by hand", "positions", "of mean", "penalty", "scores"};

/* Loss and all gradients one after another. */
typedef struct result { double *v; size_t count; } result;

static result run(formula f, bool eager, int threads, bool kept, int times)
{
    world *w = world_new();
    heed_graph *g = heed_graph_new();
    result r = {heed_calloc((size_t)heed_params_size(w->ps) + 1, sizeof(double)), 1};
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.v);
    heed_graph_eager(g, eager);
    heed_graph_threads(g, threads);
    heed_graph_seed(g, 3, 4);
    for (int i = 0; i < times; i++) {
        heed_tensor *logits;
        heed_graph_reset(g);
        heed_tensor *loss = loss_of(g, w, f, &logits);
        if (kept) heed_keep(g, logits);
        CU_ASSERT_EQUAL(heed_backward(g, loss), HEED_OK);
        r.v[0] = heed_item(g, loss);
    }
    for (int k = 0; k < heed_params_count(w->ps); k++) {
        heed_param *p = heed_params_at(w->ps, k);
        memcpy(r.v + r.count, heed_param_grad(p), (size_t)heed_param_size(p) * sizeof(double));
        r.count += (size_t)heed_param_size(p);
    }
    heed_graph_free(g);
    world_free(w);
    return r;
}

static double distance(result a, result b)
{
    double most = 0, scale = 1e-300;
    for (size_t i = 0; i < a.count; i++) {
        if (!(fabs(a.v[i] - b.v[i]) <= most)) most = fabs(a.v[i] - b.v[i]);
        if (fabs(b.v[i]) > scale) scale = fabs(b.v[i]);
    }
    return most / scale;
}

/* Streamed or not, with gradients that are added to, it is what ops alone give. */
static void as_ops_alone(void)
{
    for (formula f = 0; f < FORMULAS; f++) {
        result slow = run(f, true, 2, false, 2);
        for (int kept = 0; kept < 2; kept++) {
            result fast = run(f, false, 2, kept, 2);
            double d = distance(fast, slow);
            if (!(d < 1e-11)) fprintf(stderr, "\n    %s%s: %g\n", name[f], kept ? ", kept" : "", d);
            CU_ASSERT(d < 1e-11);
            heed_free(fast.v);
        }
        heed_free(slow.v);
    }
}

static void the_same_bits(void)
{
    for (formula f = 0; f < FORMULAS; f++) {
        result one = run(f, false, 1, false, 1);
        for (int threads = 2; threads < 4; threads++) {
            result more = run(f, false, threads, false, 1);
            CU_ASSERT_EQUAL(memcmp(one.v, more.v, one.count * sizeof *one.v), 0);
            heed_free(more.v);
        }
        heed_free(one.v);
    }
}

/* What explain says, in *text too (the caller frees it). */
static heed_cost cost_of(formula f, bool backward, bool kept, char **text)
{
    world *w = world_new();
    heed_graph *g = heed_graph_new();
    heed_tensor *logits;
    heed_cost c;
    size_t size;
    FILE *out = open_memstream(text, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    heed_tensor *loss = loss_of(g, w, f, &logits);
    if (kept) heed_keep(g, logits);
    CU_ASSERT_EQUAL(heed_graph_explain(g, loss, backward, &c, out), HEED_OK);
    fclose(out);
    heed_graph_free(g);
    world_free(w);
    return c;
}

static bool has_stream(formula f, bool backward, bool kept, double most)
{
    char *text;
    heed_cost c = cost_of(f, backward, kept, &text);
    bool has = strstr(text, "\nstream: ");
    if (has) CU_ASSERT((double)c.peak < most * whole);
    free(text);
    return has;
}

/* Logits and their gradient are not in memory at once where they need not be: two blocks of about half the rows. */
static void memory_of_a_block(void)
{
    for (formula f = 0; f < FORMULAS; f++) {
        bool rows_are_alone = f != OF_MEAN, one_stride = f != POSITIONS, usual = f <= DROPOUT;
        CU_ASSERT_EQUAL(has_stream(f, true, false, usual ? 1.1 : 3.2), rows_are_alone && one_stride);
        CU_ASSERT_EQUAL(has_stream(f, false, false, usual ? 0.55 : 1.1), rows_are_alone && one_stride);
    }
    CU_ASSERT_FALSE(has_stream(TIED, true, true, 0));
}

static void explain_tells(void)
{
    char *text, *other;
    heed_cost c = cost_of(TIED, true, false, &text), whole_values = cost_of(TIED, true, true, &other);
    CU_ASSERT(check_says(text, "stream: 4 passes and kernels on 608 of 1200 rows at a time: 2 values of 25.63 MiB in 12.99 MiB"));
    CU_ASSERT_EQUAL(c.nodes, whole_values.nodes);
    CU_ASSERT_EQUAL(c.kernels, whole_values.kernels); /* counted once, however many blocks */
    CU_ASSERT_EQUAL(c.flops, whole_values.flops);
    free(text);
    free(other);
}

/* The values of a block are gone; who asks for them gets them all. */
static void asked_for_later(void)
{
    world *w = world_new();
    heed_graph *g = heed_graph_new();
    heed_tensor *logits;
    heed_tensor *loss = loss_of(g, w, TIED, &logits);
    heed_backward(g, loss);
    const double *all = heed_data(g, logits), *u = heed_param_data(w->u), *x = heed_param_data(w->x);
    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    for (int i = 0; i < N; i += 97)
        for (int c = 0; c < V; c += 131) {
            double sum = 0;
            for (int k = 0; k < D; k++) sum += tanh(x[i * D + k]) * u[c * D + k];
            CU_ASSERT_DOUBLE_EQUAL(all[(int64_t)i * V + c], sum, 1e-12);
        }
    heed_graph_free(g);
    world_free(w);
}

CHECK_MAIN("streams", {"as ops alone", as_ops_alone}, {"the same bits", the_same_bits}, {"memory of a block", memory_of_a_block},
           {"explain tells", explain_tells}, {"asked for later", asked_for_later})
