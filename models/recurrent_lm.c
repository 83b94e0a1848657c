#include "models/recurrent_lm.h"

#include "autograd/memory.h"
#include "models/kept.h"

static heed_rnn_config stack_of(const heed_rnn_lm_config *c)
{
    return (heed_rnn_config){c->kind, c->emb, c->hidden, c->layers, false, c->dropout, c->forget_bias};
}

static bool projects(const heed_rnn_lm_config *c) { return c->tied && c->hidden != c->emb; }

void heed_rnn_lm_init(heed_rnn_lm *m, heed_params *ps, const heed_rnn_lm_config *c)
{
    *m = (heed_rnn_lm){.config = *c};
    heed_rnn_config stack = stack_of(c);
    if (c->vocab < 1 || c->emb < 1) heed_params_fail(ps, HEED_INVALID, "language model: vocab and emb must be at least 1");
    if (heed_params_error(ps)->code) return;
    heed_embed_init(&m->embed, ps, "tgt", c->vocab, c->emb);
    heed_rnn_init(&m->rnn, ps, "dec", &stack);
    if (projects(c)) heed_dense_init(&m->project, ps, "project", c->hidden, c->emb, false);
    if (c->tied) m->out_bias = heed_param_new(ps, "out.bias", heed_params_dtype_now(ps), 1, &c->vocab, HEED_ZEROS);
    else heed_dense_init(&m->out, ps, "out", c->hidden, c->vocab, true);
}

int64_t heed_rnn_lm_size(const heed_rnn_lm_config *c)
{
    heed_rnn_config stack = stack_of(c);
    double v = (double)c->vocab, emb = (double)c->emb, hidden = (double)c->hidden, n = v * emb + (double)heed_rnn_size(&stack);
    n += (projects(c) ? hidden * emb : 0) + (c->tied ? v : (hidden + 1) * v);
    return n < 9007199254740992.0 ? (int64_t)n : INT64_MAX;
}

static int states_of(const heed_rnn_lm_config *c) { return c->kind == HEED_LSTM ? 2 : 1; }
int64_t heed_rnn_lm_state(const heed_rnn_lm_config *c) { return c->layers * c->hidden * states_of(c); }

heed_tensor *heed_rnn_lm_apply(heed_graph *g, const heed_rnn_lm *m, heed_tensor *ids, heed_tensor *state, heed_tensor **final)
{
    const heed_rnn_lm_config *c = &m->config;
    heed_rnn_state begin[HEED_MAX_LAYERS] = {{NULL, NULL}}, end[HEED_MAX_LAYERS];
    heed_tensor *part[2 * HEED_MAX_LAYERS];
    int per = states_of(c), parts = per * c->layers;
    if (final) *final = ids;
    if (heed_graph_error(g)->code) return ids;
    if (state && (heed_rank(state) != 2 || heed_dim(state, 1) != heed_rnn_lm_state(c))) {
        char text[96];
        return heed_graph_fail(g, HEED_INVALID, "language model: a state of shape %s, not [B,%lld]", heed_shape_text(state, text, sizeof text),
                               (long long)heed_rnn_lm_state(c));
    }
    if (state) heed_split(g, state, 1, parts, NULL, part);
    for (int i = 0; state && i < c->layers; i++) begin[i] = (heed_rnn_state){part[per * i], per == 2 ? part[per * i + 1] : NULL};
    heed_tensor *x = heed_dropout(g, heed_embed_apply(g, &m->embed, ids), c->emb_dropout);
    x = heed_dropout(g, heed_rnn_apply(g, &m->rnn, x, NULL, state ? begin : NULL, end), c->out_dropout);
    for (int i = 0; i < c->layers; i++) {
        part[per * i] = end[i].h;
        if (per == 2) part[per * i + 1] = end[i].c;
    }
    if (final) *final = heed_concat(g, parts, part, 1);
    if (!c->tied) return heed_dense_apply(g, &m->out, x);
    if (projects(c)) x = heed_dense_apply(g, &m->project, x);
    heed_tensor *b = heed_use(g, m->out_bias);
    return heed_add(g, heed_embed_logits(g, &m->embed, x), b);
}

/* --- as a model --------------------------------------------------------------------------------------------------------------- */

static heed_tensor *logits(heed_graph *g, const void *self, const heed_teaching *t, heed_tensor **final)
{
    return heed_rnn_lm_apply(g, self, t->tgt, t->state, final);
}

static const heed_rnn_lm_config *config_of(const void *self) { return &((const heed_rnn_lm *)self)->config; }
static int64_t symbols(const void *self) { return config_of(self)->vocab; }
static int64_t state_width(const void *self) { return heed_rnn_lm_state(config_of(self)); }

static bool reads(const void *self)
{
    (void)self;
    return false;
}

typedef struct writer {
    const heed_rnn_lm *m;
    heed_kept state;   /* of each row; nothing at first */
    heed_tensor *next; /* after the step that was recorded last */
} writer;

static void *writer_new(const void *self)
{
    writer *w = heed_calloc(1, sizeof *w);
    if (w) w->m = self;
    return w;
}

static void writer_free(void *self)
{
    heed_kept_free(&((writer *)self)->state);
    heed_free(self);
}

static heed_code begin(void *self, const heed_rows *r, const int32_t *src, heed_error *e)
{
    writer *w = self;
    (void)r;
    (void)src;
    (void)e;
    heed_kept_free(&w->state);
    w->next = NULL;
    return HEED_OK;
}

static heed_tensor *step(void *self, const heed_rows *r, const int32_t *ids)
{
    writer *w = self;
    int64_t rows = r->sentences * r->width;
    heed_tensor *state = w->state.data ? heed_kept_use(&w->state, r->g, rows) : NULL;
    heed_tensor *x = heed_rnn_lm_apply(r->g, w->m, heed_input(r->g, HEED_I32, 2, (int64_t[]){rows, 1}, ids), state, &w->next);
    heed_keep(r->g, w->next);
    return heed_reshape(r->g, x, 2, (int64_t[]){rows, w->m->config.vocab});
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
    return heed_kept_select(&((writer *)self)->state, sentences * r->width, from, 1, e);
}

heed_model heed_rnn_lm_model(const heed_rnn_lm *m)
{
    static const heed_model_kind kinds[] = {
#define KIND(n) {.name = n, .logits = logits, .symbols = symbols, .reads = reads, .state = state_width, \
                 .writer = writer_new, .free = writer_free, .begin = begin, .keep = keep, .step = step, .select = select_rows}
        [HEED_RNN_TANH] = KIND("rnn"), [HEED_RNN_RELU] = KIND("rnn"), [HEED_LSTM] = KIND("lstm"), [HEED_GRU] = KIND("gru")};
    return (heed_model){&kinds[m->config.kind], m};
}
