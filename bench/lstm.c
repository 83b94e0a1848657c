/* Recurrent cases: a training step of a language model by stacked LSTM (or GRU, or Elman's network), with embedding and output projection of its own. */
#include "bench/bench.h"

#define INT(member, range, help) HEED_OPTION_INT(bench_shape, member, range, "2", help)

static const heed_option keys[] = {
    INT(vocab, "[2,100000000]", "symbols"),
    INT(hid, "[1,65536]", "width of embedding and state"),
    INT(layers, "[1,64]", "layers"),
    INT(batch, "[1,1000000]", "sequences"),
    INT(length, "[1,1000000]", "symbols of a sequence"),
    HEED_OPTION_CHOICE(bench_shape, cell, "lstm|gru|rnn", "lstm", "cells"),
    HEED_OPTION_BOOL(bench_shape, both, "no", "both directions"),
    BENCH_SHARDS,
    {0},
};
static const heed_rnn_kind kinds[] = {HEED_LSTM, HEED_GRU, HEED_RNN_TANH};

typedef struct lstm_model { heed_embed embed; heed_rnn rnn; heed_dense out; } lstm_model;

static heed_code start(bench_work *w, heed_error *e)
{
    const bench_shape *s = &w->shape;
    lstm_model *m = w->modules = heed_calloc(1, sizeof *m);
    if (!m) return heed_fail(e, HEED_NO_MEMORY, "no memory for the model");
    heed_embed_init(&m->embed, w->params, "embed", s->vocab, s->hid);
    heed_rnn_init(&m->rnn, w->params, "rnn", &(heed_rnn_config){.kind = kinds[s->cell], .in = s->hid, .hidden = s->hid, .layers = (int)s->layers,
                                                                 .bidirectional = s->both});
    heed_dense_init(&m->out, w->params, "out", s->hid * (1 + s->both), s->vocab, true);
    const heed_error *failed = heed_params_error(w->params);
    if (failed->code) return heed_fail(e, failed->code, "%s", failed->message);
    w->optimizer = heed_optimizer_new(w->params, "adam");
    heed_optimizer_set(w->optimizer, "lr", 1e-3);
    heed_graph_training(w->graph, true);
    w->src = bench_ids(s->batch * s->length, s->vocab, 1, e);
    return e->code;
}

static heed_tensor *loss(const bench_work *w, heed_graph *g, int64_t from, int64_t rows)
{
    const lstm_model *m = w->modules;
    const int64_t length = w->shape.length;
    heed_tensor *ids = heed_input(g, HEED_I32, 2, (int64_t[]){rows, length}, w->src + from * length);
    heed_tensor *states = heed_rnn_apply(g, &m->rnn, heed_embed_apply(g, &m->embed, ids), NULL, NULL, NULL);
    heed_tensor *total = heed_cross_entropy(g, heed_dense_apply(g, &m->out, states), ids, -1, 0, HEED_TOTAL);
    return heed_scale(g, total, 1 / (double)(w->shape.batch * length));
}

static void step(bench_work *w) { bench_teach(w, loss); }

static int64_t units(const bench_shape *s) { return s->batch * s->length; }

const bench_family bench_lstm = {keys, "tokens", units, start, step};
