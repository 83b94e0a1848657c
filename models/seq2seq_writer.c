/* The recurrent encoder-decoder as a model (model.h): teaching, and writing with the annotations and the rows' states kept. */
#include "models/kept.h"
#include "models/seq2seq.h"

#include "autograd/memory.h"

static heed_tensor *logits(heed_graph *g, const void *self, const heed_teaching *t, heed_tensor **final)
{
    heed_seq2seq_memory memory;
    (void)final;
    heed_seq2seq_encode(g, self, t->src, t->lengths, &memory);
    return heed_seq2seq_decode(g, self, t->tgt, &memory);
}

static const heed_seq2seq_config *config_of(const void *self) { return &((const heed_seq2seq *)self)->config; }
static int64_t symbols(const void *self) { return config_of(self)->tgt_vocab; }

static bool reads(const void *self)
{
    (void)self;
    return true;
}

static bool attention(const void *self, int i, heed_attention_place *place)
{
    if (i || !config_of(self)->score) return false;
    *place = (heed_attention_place){.name = "attend", .heads = 1, .layers = 1, .source_shown = true};
    return true;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

typedef struct writer {
    const heed_seq2seq *m;
    heed_kept memory, keys, context; /* of each sentence; keys that all share are found anew */
    heed_kept state;                 /* of each row: h and c of each layer, and what is fed, side by side */
    bool own_keys;
    heed_tensor *next;               /* the state after the step that was recorded last */
} writer;

static void *writer_new(const void *self)
{
    writer *w = heed_calloc(1, sizeof *w);
    if (w) w->m = self;
    return w;
}

static void writer_free(void *self)
{
    writer *w = self;
    heed_kept_free(&w->memory);
    heed_kept_free(&w->keys);
    heed_kept_free(&w->context);
    heed_kept_free(&w->state);
    heed_free(w);
}

enum { MOST_PARTS = 2 * HEED_MAX_LAYERS + 1 };

/* The places of a state's tensors: h and c of each layer, then what is fed. */
static int parts_of(const heed_seq2seq *m, heed_seq2seq_state *s, heed_tensor **part[MOST_PARTS])
{
    int n = 0;
    for (int i = 0; i < m->config.layers; i++) {
        part[n++] = &s->s[i].h;
        if (m->config.kind == HEED_LSTM) part[n++] = &s->s[i].c;
    }
    if (s->fed && m->config.score) part[n++] = &s->fed; /* a fixed context is the sentence's */
    return n;
}

static heed_tensor *packed(heed_graph *g, const heed_seq2seq *m, heed_seq2seq_state *s)
{
    heed_tensor **part[MOST_PARTS], *list[MOST_PARTS];
    int n = parts_of(m, s, part);
    for (int i = 0; i < n; i++) list[i] = *part[i];
    return heed_concat(g, n, list, -1);
}

static heed_code begin(void *self, const heed_rows *r, const int32_t *src, heed_error *e)
{
    writer *w = self;
    heed_graph *g = r->g;
    heed_seq2seq_memory memory;
    heed_tensor *ids = heed_input(g, HEED_I32, 2, (int64_t[]){r->sentences, r->steps}, src);
    heed_seq2seq_encode(g, w->m, ids, heed_input(g, HEED_I32, 1, &r->sentences, r->lengths), &memory);
    heed_seq2seq_state start = heed_seq2seq_start(g, w->m, &memory);
    heed_tensor *wanted[4] = {packed(g, w->m, &start)};
    bool attends = w->m->config.score;
    w->next = NULL;
    w->own_keys = attends && w->m->attend.score->keys && heed_dim(memory.source.keys, 0) == r->sentences;
    wanted[1] = attends ? heed_contiguous(g, memory.source.memory) : memory.context;
    wanted[2] = w->own_keys ? heed_contiguous(g, memory.source.keys) : wanted[1];
    heed_run(g, 3, wanted);
    heed_kept_set(&w->state, g, wanted[0], r->width, e);
    if (!e->code) heed_kept_set(attends ? &w->memory : &w->context, g, wanted[1], 1, e);
    if (!e->code && w->own_keys) heed_kept_set(&w->keys, g, wanted[2], 1, e);
    return e->code;
}

/* Each sentence's item for each of its rows. */
static heed_tensor *for_rows(heed_graph *g, const heed_rows *r, heed_tensor *x) { return r->width == 1 ? x : heed_repeat(g, x, 0, r->width); }

static heed_seq2seq_memory recall(const writer *w, const heed_rows *r)
{
    heed_graph *g = r->g;
    heed_seq2seq_memory from = {.context = NULL};
    if (!w->m->config.score) {
        from.context = for_rows(g, r, heed_kept_use(&w->context, g, r->sentences));
        return from;
    }
    heed_tensor *lengths = heed_input(g, HEED_I32, 1, &r->sentences, r->lengths), *memory = heed_kept_use(&w->memory, g, r->sentences);
    if (!w->own_keys) from.source = heed_attend_source(g, &w->m->attend, memory, lengths);
    else from.source = (heed_source){memory, heed_kept_use(&w->keys, g, r->sentences), heed_beyond(g, lengths, r->steps)};
    return from;
}

static heed_tensor *step(void *self, const heed_rows *r, const int32_t *ids)
{
    writer *w = self;
    heed_graph *g = r->g;
    const heed_seq2seq_config *c = &w->m->config;
    int64_t rows = r->sentences * r->width, at = 0;
    heed_tensor *all = heed_kept_use(&w->state, g, rows), **part[MOST_PARTS];
    heed_seq2seq_memory from = recall(w, r);
    for (int i = 0; i < c->layers; i++) from.start[i] = heed_rnn_zeros(g, &w->m->dec.cells[i][0], rows);
    heed_seq2seq_state state = heed_seq2seq_start(g, w->m, &from);
    int n = parts_of(w->m, &state, part);
    for (int i = 0; i < n; i++) {
        int64_t width = heed_dim(*part[i], 1);
        *part[i] = heed_slice(g, all, 1, at, at + width, 1);
        at += width;
    }
    heed_tensor *e = heed_embed_apply(g, &w->m->tgt, heed_input(g, HEED_I32, 1, &rows, ids));
    heed_seq2seq_step(g, w->m, heed_seq2seq_input(g, w->m, e), e, &from, &state);
    w->next = heed_keep(g, packed(g, w->m, &state));
    return heed_seq2seq_logits(g, w->m, state.s[c->layers - 1].h, c->score ? state.context : state.fed, e);
}

static heed_code keep(void *self, const heed_rows *r, heed_error *e)
{
    writer *w = self;
    heed_tensor *next = w->next;
    w->next = NULL;
    return next && !heed_graph_error(r->g)->code ? heed_kept_set(&w->state, r->g, next, 1, e) : HEED_OK;
}

static heed_code select_rows(void *self, const heed_rows *r, int64_t sentences, const int32_t *from, heed_error *e)
{
    writer *w = self;
    heed_kept *each[] = {&w->memory, &w->keys, &w->context};
    if (heed_kept_select(&w->state, sentences * r->width, from, 1, e)) return e->code;
    for (int i = 0; i < 3 && !e->code; i++) heed_kept_select(each[i], sentences, from, r->width, e);
    return e->code;
}

heed_model heed_seq2seq_model(const heed_seq2seq *m)
{
    static const heed_model_kind kinds[] = {
#define KIND(n) {.name = n, .logits = logits, .symbols = symbols, .reads = reads, .attention = attention, \
                 .writer = writer_new, .free = writer_free, .begin = begin, .keep = keep, .step = step, .select = select_rows}
        [HEED_RNN_TANH] = KIND("rnn"), [HEED_RNN_RELU] = KIND("rnn"), [HEED_LSTM] = KIND("lstm"), [HEED_GRU] = KIND("gru")};
    return (heed_model){&kinds[m->config.kind], m};
}
