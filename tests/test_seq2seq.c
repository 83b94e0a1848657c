/* Recurrent encoder-decoders: sizes, gradients, steps against all at once, and decoders that write what the model would say. */
#include "autograd/gradcheck.h"
#include "autograd/memory.h"
#include "fixture.h"
#include "models/decoding.h"
#include "models/seq2seq.h"
#include "refusals.h"

#include <math.h>
#include <stdlib.h>

enum { PAD, UNK, BEGIN, END, V = 11, B = 3, S = 5, T = 6 };
static const int32_t source[] = {4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 9, 9, 5, 4, 0}, lengths[] = {5, 2, 4};

/* Every kind of decoder there is. */
static const struct variant { const char *score; heed_feed feed; bool conditional; heed_initial initial; heed_tie tie; int layers; bool plain; } variants[] = {
    {NULL, HEED_FEED_NOTHING, false, HEED_INITIAL_LAST, HEED_TIE_ALL, 2, false},
    {NULL, HEED_FEED_NOTHING, false, HEED_INITIAL_LAST, HEED_TIE_NONE, 1, true},
    {NULL, HEED_FEED_CONTEXT, false, HEED_INITIAL_MEAN, HEED_TIE_OUTPUT, 1, false},
    {NULL, HEED_FEED_CONTEXT, false, HEED_INITIAL_ZERO, HEED_TIE_NONE, 2, true},
    {"additive", HEED_FEED_CONTEXT, false, HEED_INITIAL_MEAN, HEED_TIE_NONE, 1, true},
    {"additive", HEED_FEED_NOTHING, true, HEED_INITIAL_MEAN, HEED_TIE_ALL, 1, false},
    {"cosine", HEED_FEED_NOTHING, false, HEED_INITIAL_LAST, HEED_TIE_ALL, 2, false},
    {"location", HEED_FEED_OUTPUT, false, HEED_INITIAL_LAST, HEED_TIE_OUTPUT, 2, false},
    {"general", HEED_FEED_CONTEXT, false, HEED_INITIAL_ZERO, HEED_TIE_NONE, 2, false},
    {"dot", HEED_FEED_OUTPUT, false, HEED_INITIAL_MEAN, HEED_TIE_ALL, 1, false},
    {"scaled_dot", HEED_FEED_NOTHING, true, HEED_INITIAL_ZERO, HEED_TIE_OUTPUT, 1, false},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static heed_seq2seq_config config_of(int variant, heed_rnn_kind kind)
{
    const struct variant *v = &variants[variant];
    return (heed_seq2seq_config){
        .kind = kind, .src_vocab = v->tie == HEED_TIE_ALL ? V : V + 2, .tgt_vocab = V, .emb = 4, .enc_hidden = 3, .hidden = 5,
        .layers = v->layers, .bidirectional = variant % 2, .score = v->score ? heed_score_find(v->score) : NULL, .max_len = 4,
        .attention_width = variant % 3 ? 0 : 6, .feed = v->feed, .conditional = v->conditional, .initial = v->initial, .bridge = true,
        .plain = v->plain, .tie = v->tie, .forget_bias = variant % 2};
}

typedef struct world {
    heed_graph *g;
    heed_params *ps;
    heed_seq2seq *m;
} world;

static world world_new(const heed_seq2seq_config *c, heed_dtype dtype)
{
    world w = {heed_graph_new(), heed_params_new(7), heed_calloc(1, sizeof *w.m)};
    heed_params_dtype(w.ps, dtype);
    heed_seq2seq_init(w.m, w.ps, c);
    CU_ASSERT_EQUAL_FATAL(heed_params_error(w.ps)->code, HEED_OK);
    for (int i = 0; i < heed_params_count(w.ps); i++) { /* larger than at first, so that everything matters */
        heed_param *p = heed_params_at(w.ps, i);
        for (int64_t k = 0; k < heed_param_size(p); k++) {
            if (dtype == HEED_F64) ((double *)heed_param_data(p))[k] = 2 * ((double *)heed_param_data(p))[k] + 0.1 * sin((double)k);
            else ((float *)heed_param_data(p))[k] *= 2;
        }
    }
    return w;
}

static void world_free(world *w)
{
    heed_graph_free(w->g);
    heed_params_free(w->ps);
    heed_free(w->m);
}

static heed_teaching teaching(heed_graph *g, int64_t rows, int64_t steps, const int32_t *src, const int32_t *src_lengths, const int32_t *tgt)
{
    return (heed_teaching){.src = heed_input(g, HEED_I32, 2, (int64_t[]){rows, S}, src), .lengths = heed_input(g, HEED_I32, 1, &rows, src_lengths),
                           .tgt = heed_input(g, HEED_I32, 2, (int64_t[]){rows, steps}, tgt)};
}

static void sizes(void)
{
    for (int v = 0; v < VARIANTS; v++)
        for (int kind = HEED_RNN_TANH; kind <= HEED_GRU; kind++) {
            heed_seq2seq_config c = config_of(v, (heed_rnn_kind)kind);
            world w = world_new(&c, HEED_F32);
            CU_ASSERT_EQUAL(heed_seq2seq_size(&c), heed_params_size(w.ps));
            CU_ASSERT_STRING_EQUAL(heed_seq2seq_model(w.m).kind->name, kind == HEED_LSTM ? "lstm" : kind == HEED_GRU ? "gru" : "rnn");
            world_free(&w);
        }
    heed_seq2seq_config c = config_of(5, HEED_GRU);
    c.hidden = INT64_MAX / 4;
    CU_ASSERT_EQUAL(heed_seq2seq_size(&c), INT64_MAX);
}

/* --- PyTorch's (tests/data/make_seq2seq.py) -------------------------------------------------------------------------------- */

static heed_tensor *ids_of(heed_graph *g, const fixture *f, const char *name, int32_t *room)
{
    const array *a = find(f, "", name);
    for (int64_t i = 0; i < a->count; i++) room[i] = (int32_t)a->values[i];
    return heed_input(g, HEED_I32, a->rank, a->shape, room);
}

static void is_as_in_pytorch(const char *name, const heed_seq2seq_config *c)
{
    fixture *f = load("seq2seq.expected", name);
    world w = world_new(c, HEED_F64);
    int32_t ids[3][16];
    int gradients = 0;
    for (int i = 0; i < f->count; i++) gradients += !strncmp(f->items[i].name, "d.", 2);
    CU_ASSERT_EQUAL(gradients, heed_params_count(w.ps));
    for (int i = 0; i < heed_params_count(w.ps); i++) {
        heed_param *p = heed_params_at(w.ps, i);
        const array *a = find(f, "", heed_param_name(p));
        CU_ASSERT_FATAL(same_shape(a, heed_param_rank(p), heed_param_shape(p)));
        memcpy(heed_param_data(p), a->values, (size_t)a->count * sizeof(double));
    }
    heed_teaching t = {.src = ids_of(w.g, f, "src", ids[0]), .lengths = ids_of(w.g, f, "lengths", ids[1]), .tgt = ids_of(w.g, f, "tgt", ids[2])};
    heed_tensor *y = heed_model_logits(w.g, heed_seq2seq_model(w.m), &t);
    compare("y", find(f, "", "y"), heed_data(w.g, y));
    const array *above = find(f, "", "dy");
    heed_tensor *dy = heed_input(w.g, HEED_F64, above->rank, above->shape, above->values);
    heed_backward(w.g, heed_sum(w.g, heed_mul(w.g, y, dy), HEED_ALL, false));
    for (int i = 0; i < heed_params_count(w.ps); i++) {
        heed_param *p = heed_params_at(w.ps, i);
        compare(heed_param_name(p), find(f, "d.", heed_param_name(p)), heed_param_grad(p));
    }
    CU_ASSERT_EQUAL(heed_graph_error(w.g)->code, HEED_OK);
    world_free(&w);
    free(f);
}

static void pytorch(void)
{
    heed_seq2seq_config c = {.kind = HEED_LSTM, .src_vocab = 7, .tgt_vocab = 7, .emb = 3, .enc_hidden = 2, .hidden = 4, .layers = 1,
                             .bidirectional = true, .score = heed_score_find("additive"), .attention_width = 5, .feed = HEED_FEED_CONTEXT,
                             .initial = HEED_INITIAL_LAST, .bridge = true, .tie = HEED_TIE_NONE};
    is_as_in_pytorch("lstm", &c);
    c.kind = HEED_GRU;
    c.conditional = true;
    c.initial = HEED_INITIAL_MEAN;
    c.tie = HEED_TIE_OUTPUT;
    is_as_in_pytorch("cgru", &c);
}

/* --- gradients -------------------------------------------------------------------------------------------------------------- */

static heed_tensor *logits_of(heed_graph *g, heed_tensor *const *x, void *context)
{
    static const int32_t tgt[B * 3] = {2, 4, 5, 2, 9, 9, 2, 7, 10};
    const world *w = context;
    heed_teaching t = teaching(g, B, 3, source, lengths, tgt);
    (void)x;
    return heed_model_logits(g, heed_seq2seq_model(w->m), &t);
}

static void gradients(void)
{
    for (int v = 0; v < VARIANTS; v++) {
        heed_seq2seq_config c = config_of(v, v % 3 == 0 ? HEED_LSTM : v % 3 == 1 ? HEED_GRU : HEED_RNN_TANH);
        c.emb_dropout = c.dropout = c.memory_dropout = c.out_dropout = 0.3;
        world w = world_new(&c, HEED_F64);
        heed_gradcheck_options how = {.params = w.ps, .training = true, .elementwise = 8, .directions = 3};
        heed_gradcheck_report r = heed_gradcheck(logits_of, &w, 0, NULL, &how);
        if (!r.ok) fprintf(stderr, "\n    variant %d: %s\n", v, r.message);
        CU_ASSERT(r.ok);
        world_free(&w);
    }
}

/* --- decoding --------------------------------------------------------------------------------------------------------------- */

/* Rows change places, sentences leave: what is written stays what the model says of each row's own history. */
static double written_difference(const heed_seq2seq_config *c)
{
    world w = world_new(c, HEED_F64);
    heed_error e = {0};
    heed_decoder *d = heed_decoder_new(w.g, heed_seq2seq_model(w.m));
    int32_t history[6][T] = {{0}}, next[6][T], ids[6], src[6 * S], src_lengths[6];
    const int32_t first[] = {1, 0, 2, 2, 5, 4}, second[] = {3, 2, 4, 4}; /* sentence 0 leaves then */
    int sentence[] = {0, 0, 1, 1, 2, 2};
    int64_t rows = 6;
    double worst = 0;
    heed_decoder_start(d, B, 2, S, source, lengths, &e);
    for (int t = 0; t < T; t++) {
        for (int r = 0; r < rows; r++) history[r][t] = ids[r] = (int32_t)(4 + (r * 3 + t) % 7);
        const double *logits = heed_data(w.g, heed_decoder_step(d, ids));
        CU_ASSERT_PTR_NOT_NULL_FATAL(logits);
        double cached[6 * V];
        memcpy(cached, logits, (size_t)(rows * V) * sizeof *cached);
        heed_graph *plain = heed_graph_new();
        int32_t all[6 * T];
        for (int r = 0; r < rows; r++) {
            memcpy(all + r * (t + 1), history[r], (size_t)(t + 1) * sizeof *all);
            memcpy(src + r * S, source + sentence[r] * S, S * sizeof *src);
            src_lengths[r] = lengths[sentence[r]];
        }
        heed_teaching given = teaching(plain, rows, t + 1, src, src_lengths, all);
        const double *expected = heed_data(plain, heed_model_logits(plain, heed_seq2seq_model(w.m), &given));
        CU_ASSERT_PTR_NOT_NULL_FATAL(expected);
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < V; k++) worst = fmax(worst, fabs(cached[r * V + k] - expected[(r * (t + 1) + t) * V + k]));
        heed_graph_free(plain);
        if (t != 1 && t != 3) continue;
        const int32_t *from = t == 1 ? first : second;
        int64_t sentences = t == 1 ? 3 : 2;
        CU_ASSERT_EQUAL(heed_decoder_select(d, sentences, from, &e), HEED_OK);
        int old[6];
        memcpy(old, sentence, sizeof old);
        for (int r = 0; r < sentences * 2; r++) {
            memcpy(next[r], history[from[r]], sizeof next[r]);
            sentence[r] = old[from[r]];
        }
        rows = sentences * 2;
        memcpy(history, next, sizeof next);
    }
    CU_ASSERT_EQUAL(e.code, HEED_OK);
    heed_decoder_free(d);
    world_free(&w);
    return worst;
}

static void written_is_taught(void)
{
    for (int v = 0; v < VARIANTS; v++) {
        heed_seq2seq_config c = config_of(v, v % 2 ? HEED_LSTM : HEED_GRU);
        double off = written_difference(&c);
        if (!(off < 1e-12)) fprintf(stderr, "\n    variant %d is off by %g\n", v, off);
        CU_ASSERT(off < 1e-12);
    }
}

static void beam_scores_are_log_probabilities(void)
{
    const heed_prompts three = {.sentences = 3, .steps = S, .source = source, .source_length = lengths};
    for (int v = 0; v < VARIANTS; v++) {
        heed_seq2seq_config c = config_of(v, HEED_GRU);
        world w = world_new(&c, HEED_F64);
        heed_error e = {0};
        heed_decoder *d = heed_decoder_new(w.g, heed_seq2seq_model(w.m));
        heed_search how = heed_search_greedy(PAD, BEGIN, END);
        how.beam = 3;
        heed_found *f = heed_search_run(d, &how, &three, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        for (int s = 0; s < 3; s++) {
            heed_hypothesis h = heed_found_at(f, s, 0);
            int32_t in[64] = {BEGIN}, out[64] = {0};
            memcpy(in + 1, h.ids, (size_t)h.length * sizeof *in);
            memcpy(out, h.ids, (size_t)h.length * sizeof *in);
            out[h.length] = h.ended ? END : PAD;
            heed_graph_reset(w.g);
            heed_teaching t = teaching(w.g, 1, h.length + 1, source + s * S, lengths + s, in);
            heed_tensor *score = heed_model_score(w.g, heed_seq2seq_model(w.m), &t, heed_input(w.g, HEED_I32, 2, (int64_t[]){1, h.length + 1}, out), PAD);
            CU_ASSERT_DOUBLE_EQUAL(heed_item(w.g, score), h.log_probability, 1e-5);
        }
        heed_found_free(f);
        heed_decoder_free(d);
        world_free(&w);
    }
}

/* --- the rest --------------------------------------------------------------------------------------------------------------- */

static void weights_can_be_kept(void)
{
    static const int32_t tgt[B * 3] = {2, 4, 5, 2, 9, 9, 2, 7, 10};
    for (int v = 4; v < VARIANTS; v++) {
        heed_seq2seq_config c = config_of(v, HEED_GRU);
        world w = world_new(&c, HEED_F64);
        heed_attention_place place;
        heed_model m = heed_seq2seq_model(w.m);
        CU_ASSERT(m.kind->attention(m.self, 0, &place) && !m.kind->attention(m.self, 1, &place));
        heed_keep_named(w.g, "*.weights");
        heed_teaching t = teaching(w.g, B, 3, source, lengths, tgt);
        heed_data(w.g, heed_model_logits(w.g, m, &t));
        heed_tensor *kept = heed_find(w.g, "attend.weights");
        CU_ASSERT_FATAL(kept && heed_rank(kept) == 3 && heed_dim(kept, 0) == B && heed_dim(kept, 1) == 3 && heed_dim(kept, 2) == S);
        const double *a = heed_data(w.g, kept);
        for (int b = 0; b < B; b++)
            for (int i = 0; i < 3; i++) {
                double sum = 0;
                for (int s = 0; s < S; s++) {
                    sum += a[(b * 3 + i) * S + s];
                    if (s >= lengths[b]) CU_ASSERT_EQUAL(a[(b * 3 + i) * S + s], 0);
                }
                CU_ASSERT_DOUBLE_EQUAL(sum, 1, 1e-12);
            }
        world_free(&w);
    }
}

/* A step of training and a search, of variant *which. */
static bool trains_and_writes(void *which)
{
    static const int32_t tgt[B * 3] = {2, 4, 5, 2, 9, 9, 2, 7, 10};
    const heed_prompts three = {.sentences = 3, .steps = S, .source = source, .source_length = lengths};
    heed_seq2seq_config c = config_of(*(const int *)which, HEED_GRU);
    world w = {heed_graph_new(), heed_params_new(7), heed_calloc(1, sizeof *w.m)};
    heed_graph_threads(w.g, 1);
    heed_error e = {0};
    heed_found *found = NULL;
    heed_decoder *d = NULL;
    bool trained = false;
    if (w.m) heed_seq2seq_init(w.m, w.ps, &c);
    if (w.m && !heed_params_error(w.ps)->code) {
        heed_keep_named(w.g, "*.weights");
        heed_teaching t = teaching(w.g, B, 3, source, lengths, tgt);
        trained = heed_backward(w.g, heed_sum(w.g, heed_model_logits(w.g, heed_seq2seq_model(w.m), &t), HEED_ALL, false)) == HEED_OK;
        d = heed_decoder_new(w.g, heed_seq2seq_model(w.m));
    }
    heed_search how = heed_search_greedy(PAD, BEGIN, END);
    how.beam = 2;
    how.factor = 0;
    how.extra = 3;
    if (d) found = heed_search_run(d, &how, &three, &e);
    bool worked = trained && found;
    heed_found_free(found);
    heed_decoder_free(d);
    world_free(&w);
    return worked;
}

static void every_allocation_may_be_refused(void)
{
    for (int v = 3; v < 6; v++) CU_ASSERT(check_refusals(trains_and_writes, &v) > 0);
}

static void refused(heed_seq2seq_config c, const char *part)
{
    heed_params *ps = heed_params_new(1);
    static heed_seq2seq m;
    heed_seq2seq_init(&m, ps, &c);
    CU_ASSERT_EQUAL(heed_params_error(ps)->code, HEED_INVALID);
    CU_ASSERT(check_says(heed_params_error(ps)->message, part));
    heed_params_free(ps);
}

static void refusals(void)
{
    heed_seq2seq_config c = config_of(5, HEED_GRU), d = c;
    d.layers = 2;
    refused(d, "one layer");
    d = c;
    d.score = NULL;
    refused(d, "conditional");
    d = c;
    d.src_vocab = V + 1;
    refused(d, "one vocabulary");
    d = c;
    d.plain = true;
    refused(d, "plain");
    d = config_of(0, HEED_GRU);
    d.initial = HEED_INITIAL_ZERO;
    refused(d, "nothing of the source");
    d.feed = HEED_FEED_OUTPUT;
    refused(d, "not the output");
    d = c;
    d.emb = 0;
    refused(d, "at least 1");
}

CHECK_MAIN("recurrent encoder-decoders", {"sizes are counted", sizes}, {"logits and gradients are PyTorch's", pytorch}, {"gradients of every kind of decoder", gradients},
           {"what is written is what was taught", written_is_taught}, {"beams score as the model does", beam_scores_are_log_probabilities},
           {"weights can be kept", weights_can_be_kept}, {"every allocation may be refused", every_allocation_may_be_refused},
           {"what cannot be is refused", refusals})
