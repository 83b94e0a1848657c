/* Cases of a single part: attention, and the price of a node. */
#include "bench/bench.h"

#include <math.h>

#define INT(member, range, help) HEED_OPTION_INT(bench_shape, member, range, "2", help)

/* --- scaled dot-product attention, forward and gradients of q, k, v ---------------------------------------------------------------- */

static const heed_option attention_keys[] = {
    INT(batch, "[1,1000000]", "sentences"),
    INT(heads, "[1,1024]", "heads"),
    INT(length, "[1,1000000]", "positions of a sentence"),
    INT(dk, "[1,65536]", "width of a head"),
    HEED_OPTION_BOOL(bench_shape, causal, "no", "a position sees those before it and itself"),
    {0},
};

static heed_code attention_start(bench_work *w, heed_error *e)
{
    const bench_shape *s = &w->shape;
    int64_t n = s->batch * s->heads * s->length * s->dk;
    float **arrays[] = {&w->q, &w->k, &w->v, &w->dy};
    for (uint64_t i = 0; i < 4 && !e->code; i++) *arrays[i] = bench_normal(n, i, e);
    return e->code;
}

static void attention_step(bench_work *w)
{
    heed_graph *g = w->graph;
    const bench_shape *s = &w->shape;
    const int64_t shape[] = {s->batch, s->heads, s->length, s->dk};
    heed_tensor *q = heed_input(g, HEED_F32, 4, shape, w->q), *k = heed_input(g, HEED_F32, 4, shape, w->k);
    heed_tensor *v = heed_input(g, HEED_F32, 4, shape, w->v), *dy = heed_input(g, HEED_F32, 4, shape, w->dy);
    heed_attention_options how = {.scale = 1 / sqrt((double)s->dk), .causal = s->causal};
    heed_tensor *y = heed_attention(g, q, k, v, &how), *dx[3];
    heed_grad(g, y, dy, 3, (heed_tensor *[]){q, k, v}, dx);
    heed_run(g, 4, (heed_tensor *[]){y, dx[0], dx[1], dx[2]});
}

static int64_t attention_units(const bench_shape *s) { return s->batch * s->length; }

const bench_family bench_attention = {attention_keys, "query positions", attention_units, attention_start, attention_step};

/* --- a chain of scalar multiply and add nodes, recorded and differentiated ---------------------------------------------------------- */

static const heed_option scalar_keys[] = {INT(nodes, "[2,1000000]", "nodes, rounded down to an even number"), {0}};

static heed_code scalar_start(bench_work *w, heed_error *e)
{
    heed_param_new(w->params, "x", HEED_F32, 0, NULL, HEED_ONES);
    const heed_error *failed = heed_params_error(w->params);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : HEED_OK;
}

static void scalar_step(bench_work *w)
{
    heed_graph *g = w->graph;
    heed_tensor *y = heed_use(g, heed_params_at(w->params, 0));
    heed_tensor *a = heed_scalar(g, HEED_F32, 1.0001), *b = heed_scalar(g, HEED_F32, -0.0001);
    for (int64_t i = 0; i < w->shape.nodes / 2; i++) y = heed_add(g, heed_mul(g, y, a), b);
    heed_params_zero_grad(w->params);
    heed_backward(g, y);
}

static int64_t scalar_units(const bench_shape *s) { return s->nodes; }

const bench_family bench_scalar = {scalar_keys, "nodes", scalar_units, scalar_start, scalar_step};
