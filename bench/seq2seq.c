/* Recurrent encoder-decoder, a training step: bidirectional LSTM encoder, LSTM decoder with additive attention that is fed what it read
 * last, begins with the mean of the annotations, and says softmax(W [s ; c] + b). */
#include "bench/bench.h"

#include <math.h>

#define INT(member, range, help) HEED_OPTION_INT(bench_shape, member, range, "2", help)

static const heed_option keys[] = {
    INT(vocab, "[2,100000000]", "symbols"),
    INT(emb, "[1,65536]", "width of the embedding"),
    INT(hid, "[2,65536]", "width of the decoder's state, and of both directions of the encoder together"),
    INT(batch, "[1,1000000]", "sentences"),
    INT(src_len, "[1,1000000]", "source symbols of a sentence"),
    INT(tgt_len, "[1,1000000]", "target symbols of a sentence"),
    BENCH_SHARDS,
    {0},
};

/* The peer's v . tanh(W_y y + b + W_h h + c) + d, with biases that change nothing */
static void additive_init(heed_attend *m, heed_params *ps)
{
    heed_dense_init(&m->w, ps, "query", m->query, m->width, true);
    heed_dense_init(&m->u, ps, "memory", m->memory, m->width, true);
    m->v = heed_param_new(ps, "v", HEED_F32, 1, &m->width, HEED_UNIFORM(-1 / sqrt((double)m->width), 1 / sqrt((double)m->width)));
    m->own = heed_param_new(ps, "d", HEED_F32, 1, (int64_t[]){1}, HEED_ZEROS);
}

static heed_tensor *additive_keys(heed_graph *g, const heed_attend *m, heed_tensor *memory) { return heed_dense_apply(g, &m->u, memory); }

static heed_tensor *additive_score(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *s)
{
    heed_tensor *y = heed_unsqueeze(g, heed_dense_apply(g, &m->w, query), 2), *h = heed_unsqueeze(g, s->keys, 1);
    heed_tensor *v = heed_use(g, m->v), *d = heed_use(g, m->own);
    return heed_add(g, heed_sum(g, heed_mul(g, heed_tanh(g, heed_add(g, y, h)), v), HEED_LAST, false), d);
}

static const heed_score additive = {.name = "additive", .init = additive_init, .keys = additive_keys, .score = additive_score};

static heed_code start(bench_work *w, heed_error *e)
{
    const bench_shape *s = &w->shape;
    if (s->hid % 2) return heed_fail(e, HEED_INVALID, "--set: hid=%lld cannot be halved for two directions", (long long)s->hid);
    heed_seq2seq_config c = {
        .kind = HEED_LSTM, .src_vocab = s->vocab, .tgt_vocab = s->vocab, .emb = s->emb, .enc_hidden = s->hid / 2, .hidden = s->hid,
        .layers = 1, .bidirectional = true, .score = &additive, .feed = HEED_FEED_CONTEXT,
        .initial = HEED_INITIAL_MEAN, .plain = true, .tie = HEED_TIE_NONE, .joint = true,
    };
    heed_seq2seq *m = w->modules = heed_calloc(1, sizeof *m);
    if (!m) return heed_fail(e, HEED_NO_MEMORY, "no memory for the model");
    heed_seq2seq_init(m, w->params, &c);
    w->optimizer = heed_optimizer_new(w->params, "adam");
    heed_optimizer_set(w->optimizer, "lr", 4e-4);
    heed_graph_training(w->graph, true);
    w->src = bench_ids(s->batch * s->src_len, s->vocab, 1, e);
    w->tgt = bench_ids(s->batch * s->tgt_len, s->vocab, 2, e);
    return e->code;
}

static heed_tensor *loss(const bench_work *w, heed_graph *g, int64_t from, int64_t rows)
{
    const bench_shape *s = &w->shape;
    heed_teaching t = {.src = heed_input(g, HEED_I32, 2, (int64_t[]){rows, s->src_len}, w->src + from * s->src_len),
                       .tgt = heed_input(g, HEED_I32, 2, (int64_t[]){rows, s->tgt_len}, w->tgt + from * s->tgt_len)};
    heed_tensor *logits = heed_model_logits(g, heed_seq2seq_model(w->modules), &t);
    return heed_scale(g, heed_cross_entropy(g, logits, t.tgt, -1, 0, HEED_TOTAL), 1 / (double)(s->batch * s->tgt_len));
}

static void step(bench_work *w) { bench_teach(w, loss); }

static int64_t units(const bench_shape *s) { return s->batch * s->tgt_len; }

const bench_family bench_seq2seq = {keys, "target tokens", units, start, step};
