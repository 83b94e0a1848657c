#include "models/seq2seq.h"

#include "autograd/memory.h"
#include "models/classify.h"

/* --- sizes ------------------------------------------------------------------------------------------------------------------ */

static int directions(const heed_seq2seq_config *c) { return c->bidirectional ? 2 : 1; }
static int64_t memory_width(const heed_seq2seq_config *c) { return c->enc_hidden * directions(c); }
static bool is_lstm(const heed_seq2seq_config *c) { return c->kind == HEED_LSTM; }

/* A context takes part in the output: that of attention, or the fixed one where it is fed. */
static bool has_context(const heed_seq2seq_config *c) { return c->score || c->feed == HEED_FEED_CONTEXT; }

static bool one_embedding(const heed_seq2seq_config *c) { return c->tie == HEED_TIE_ALL || (c->tie == HEED_TIE_NONE && c->joint); }

static int64_t fed_width(const heed_seq2seq_config *c)
{
    if (c->conditional || c->feed == HEED_FEED_NOTHING) return 0;
    return c->feed == HEED_FEED_CONTEXT ? memory_width(c) : c->emb;
}

/* Of what the output is made of: [s ; c], with E y for o_t. */
static int64_t output_width(const heed_seq2seq_config *c)
{
    return c->hidden + (has_context(c) ? memory_width(c) : 0) + (c->plain ? 0 : c->emb);
}

static bool has_start(const heed_seq2seq_config *c)
{
    return c->initial != HEED_INITIAL_ZERO && (c->bridge || memory_width(c) != c->hidden);
}

static heed_rnn_config encoder_config(const heed_seq2seq_config *c)
{
    return (heed_rnn_config){c->kind, c->emb, c->enc_hidden, c->layers, c->bidirectional, c->dropout, c->forget_bias};
}

static heed_rnn_config decoder_config(const heed_seq2seq_config *c)
{
    return (heed_rnn_config){c->kind, c->emb + fed_width(c), c->hidden, c->layers, false, c->dropout, c->forget_bias};
}

static bool check(heed_params *ps, const heed_seq2seq_config *c)
{
    if (c->src_vocab < 1 || c->tgt_vocab < 1 || c->emb < 1 || c->enc_hidden < 1 || c->hidden < 1)
        heed_params_fail(ps, HEED_INVALID, "seq2seq: vocabularies, emb, enc_hidden and hidden must be at least 1");
    if (one_embedding(c) && c->src_vocab != c->tgt_vocab)
        heed_params_fail(ps, HEED_INVALID, "seq2seq: tied embeddings need one vocabulary, the source has %lld symbols and the target %lld",
                         (long long)c->src_vocab, (long long)c->tgt_vocab);
    if (c->conditional && (!c->score || c->layers != 1))
        heed_params_fail(ps, HEED_INVALID, "seq2seq: a conditional decoder has attention and one layer");
    if (!c->score && !c->conditional && c->feed == HEED_FEED_OUTPUT)
        heed_params_fail(ps, HEED_INVALID, "seq2seq: without attention the context can be fed, or nothing, but not the output");
    if (!c->score && c->feed == HEED_FEED_NOTHING && c->initial == HEED_INITIAL_ZERO)
        heed_params_fail(ps, HEED_INVALID, "seq2seq: nothing of the source would reach the decoder: give it a start, a context or attention");
    if (c->plain && (c->tie != HEED_TIE_NONE || c->feed == HEED_FEED_OUTPUT))
        heed_params_fail(ps, HEED_INVALID, "seq2seq: a plain output has no o_t: it can be neither tied nor fed");
    return heed_params_error(ps)->code == HEED_OK;
}

void heed_seq2seq_init(heed_seq2seq *m, heed_params *ps, const heed_seq2seq_config *c)
{
    *m = (heed_seq2seq){.config = *c};
    if (!check(ps, c)) return;
    int64_t memory = memory_width(c);
    heed_rnn_config enc = encoder_config(c), dec = decoder_config(c);
    heed_embed_init(&m->src, ps, one_embedding(c) ? "embed" : "src", c->src_vocab, c->emb);
    if (one_embedding(c)) m->tgt = m->src;
    else heed_embed_init(&m->tgt, ps, "tgt", c->tgt_vocab, c->emb);
    heed_rnn_init(&m->enc, ps, "enc", &enc);
    for (int i = 0; i < c->layers && has_start(c); i++) {
        heed_params_scope(ps, "start.%d", i);
        heed_dense_init(&m->start_h[i], ps, "h", memory, c->hidden, true);
        if (is_lstm(c) && c->initial == HEED_INITIAL_LAST) heed_dense_init(&m->start_c[i], ps, "c", memory, c->hidden, true);
        heed_params_scope_end(ps);
    }
    heed_rnn_init(&m->dec, ps, "dec", &dec);
    if (c->conditional) {
        heed_rnn_cell_init(&m->second, ps, "second", c->kind, memory, c->hidden);
        if (c->forget_bias != 0) heed_rnn_cell_forget_bias(&m->second, c->forget_bias);
    }
    if (c->score) heed_attend_init(&m->attend, ps, "attend", c->score, c->hidden, memory, c->attention_width, c->max_len);
    if (!c->plain) heed_dense_init(&m->deep, ps, "deep", output_width(c), c->emb, true);
    if (c->tie == HEED_TIE_NONE) heed_dense_init(&m->out, ps, "out", c->plain ? output_width(c) : c->emb, c->tgt_vocab, true);
    else m->out_bias = heed_param_new(ps, "out.bias", heed_params_dtype_now(ps), 1, &c->tgt_vocab, HEED_ZEROS);
}

int64_t heed_seq2seq_size(const heed_seq2seq_config *c)
{
    heed_rnn_config enc = encoder_config(c), dec = decoder_config(c), second = dec;
    double memory = (double)memory_width(c), hidden = (double)c->hidden, emb = (double)c->emb, output = (double)output_width(c);
    double v = (double)c->tgt_vocab, n = (double)heed_rnn_size(&enc) + (double)heed_rnn_size(&dec);
    second.in = memory_width(c);
    n += one_embedding(c) ? v * emb : ((double)c->src_vocab + v) * emb;
    if (has_start(c)) n += c->layers * (memory + 1) * hidden * (is_lstm(c) && c->initial == HEED_INITIAL_LAST ? 2 : 1);
    if (c->conditional) n += (double)heed_rnn_size(&second);
    if (c->score) n += (double)heed_attend_size(c->score, c->hidden, memory_width(c), c->attention_width, c->max_len);
    if (!c->plain) n += (output + 1) * emb;
    n += c->tie == HEED_TIE_NONE ? ((c->plain ? output : emb) + 1) * v : v;
    return n < 9007199254740992.0 ? (int64_t)n : INT64_MAX;
}

/* --- the source ------------------------------------------------------------------------------------------------------------- */

/* The encoder's last state of a layer: h, or [->h ; <-h]. */
static heed_tensor *last(heed_graph *g, const heed_seq2seq *m, const heed_rnn_state *final, int layer, bool cell)
{
    const heed_rnn_state *s = final + layer * directions(&m->config);
    if (!m->config.bidirectional) return cell ? s->c : s->h;
    return heed_concat(g, 2, (heed_tensor *[]){cell ? s[0].c : s[0].h, cell ? s[1].c : s[1].h}, -1);
}

/* tanh(W x), or x itself where it has no W */
static heed_tensor *bridged(heed_graph *g, const heed_dense *w, heed_tensor *x)
{
    return w->weight ? heed_tanh(g, heed_dense_apply(g, w, x)) : x;
}

static heed_rnn_state start_of(heed_graph *g, const heed_seq2seq *m, int layer, heed_tensor *mean, const heed_rnn_state *final, int64_t rows)
{
    heed_rnn_state s = heed_rnn_zeros(g, &m->dec.cells[layer][0], rows);
    heed_scope(g, "start.%d", layer);
    if (mean) s.h = bridged(g, &m->start_h[layer], mean);
    else if (m->config.initial == HEED_INITIAL_LAST) {
        s.h = bridged(g, &m->start_h[layer], last(g, m, final, layer, false));
        if (s.c) s.c = bridged(g, &m->start_c[layer], last(g, m, final, layer, true));
    }
    heed_scope_end(g);
    return s;
}

void heed_seq2seq_encode(heed_graph *g, const heed_seq2seq *m, heed_tensor *src, heed_tensor *lengths, heed_seq2seq_memory *to)
{
    const heed_seq2seq_config *c = &m->config;
    heed_rnn_state final[2 * HEED_MAX_LAYERS];
    heed_tensor *x = heed_dropout(g, heed_embed_apply(g, &m->src, src), c->emb_dropout);
    heed_tensor *memory = heed_dropout(g, heed_rnn_apply(g, &m->enc, x, lengths, NULL, final), c->memory_dropout);
    heed_tensor *mean = c->initial == HEED_INITIAL_MEAN ? heed_pool(g, memory, lengths, HEED_POOL_MEAN) : NULL;
    *to = (heed_seq2seq_memory){.source.memory = memory};
    for (int i = 0; i < c->layers; i++) to->start[i] = start_of(g, m, i, mean, final, heed_dim(src, 0));
    if (c->score) to->source = heed_attend_source(g, &m->attend, memory, lengths);
    else to->context = heed_dropout(g, last(g, m, final, c->layers - 1, false), c->memory_dropout);
}

/* --- a step ----------------------------------------------------------------------------------------------------------------- */

/* The rows of f's input weights that belong to E y, or to what is fed. */
static heed_tensor *input_weight(heed_graph *g, const heed_seq2seq *m, bool fed)
{
    heed_tensor *w = heed_use(g, m->dec.cells[0][0].w_ih);
    if (!fed_width(&m->config)) return w;
    return fed ? heed_slice(g, w, 0, m->config.emb, HEED_END, 1) : heed_slice(g, w, 0, 0, m->config.emb, 1);
}

heed_seq2seq_state heed_seq2seq_start(heed_graph *g, const heed_seq2seq *m, const heed_seq2seq_memory *from)
{
    const heed_seq2seq_config *c = &m->config;
    heed_seq2seq_state state = {.fed = NULL};
    for (int i = 0; i < c->layers; i++) state.s[i] = from->start[i];
    if (!fed_width(c)) return state;
    int64_t shape[] = {heed_dim(from->start[0].h, 0), fed_width(c)};
    state.fed = c->score ? heed_full(g, heed_dtype_of(from->start[0].h), 2, shape, 0) : from->context;
    state.fed_weight = input_weight(g, m, true);
    return state;
}

heed_tensor *heed_seq2seq_input(heed_graph *g, const heed_seq2seq *m, heed_tensor *e)
{
    heed_scope(g, "dec.input");
    heed_tensor *w = input_weight(g, m, false);
    heed_tensor *b = heed_use(g, m->dec.cells[0][0].b_ih);
    heed_tensor *y = heed_linear(g, e, w, b);
    heed_scope_end(g);
    return y;
}

/* c_t and a_t: the R / B rows of a sentence ask as its queries, so that they share its annotations. */
static void attend(heed_graph *g, const heed_seq2seq *m, heed_tensor *query, const heed_source *source, heed_seq2seq_state *state)
{
    int64_t sentences = heed_dim(source->memory, 0), rows = heed_dim(query, 0);
    query = heed_reshape(g, query, 3, (int64_t[]){sentences, rows / (sentences + !sentences), heed_dim(query, 1)});
    heed_tensor *c = heed_attend_apply(g, &m->attend, query, source, &state->weights);
    state->context = heed_reshape(g, c, 2, (int64_t[]){rows, heed_dim(c, 2)});
}

/* o = tanh(W_o [s ; c ; E y]) */
static heed_tensor *deep(heed_graph *g, const heed_seq2seq *m, heed_tensor *s, heed_tensor *c, heed_tensor *e)
{
    heed_tensor *parts[] = {s, c ? c : e, e};
    return heed_tanh(g, heed_dense_apply(g, &m->deep, heed_concat(g, c ? 3 : 2, parts, -1)));
}

void heed_seq2seq_step(heed_graph *g, const heed_seq2seq *m, heed_tensor *input, heed_tensor *e, const heed_seq2seq_memory *from,
                       heed_seq2seq_state *state)
{
    const heed_seq2seq_config *c = &m->config;
    heed_rnn_state *s = state->s;
    heed_scope(g, "dec");
    if (state->fed) input = heed_add(g, heed_matmul(g, state->fed, state->fed_weight), input);
    s[0] = heed_rnn_cell_step(g, &m->dec.cells[0][0], input, s[0]);
    for (int i = 1; i < c->layers; i++) s[i] = heed_rnn_cell_apply(g, &m->dec.cells[i][0], heed_dropout(g, s[i - 1].h, c->dropout), s[i]);
    heed_scope_end(g);
    if (c->score) attend(g, m, s[c->layers - 1].h, &from->source, state);
    if (c->conditional) s[0] = heed_rnn_cell_apply(g, &m->second, state->context, s[0]);
    else if (c->score && c->feed == HEED_FEED_CONTEXT) state->fed = state->context;
    else if (c->feed == HEED_FEED_OUTPUT) state->fed = deep(g, m, s[c->layers - 1].h, state->context, e);
}

/* softmax(E o + b), of o known */
static heed_tensor *logits_of(heed_graph *g, const heed_seq2seq *m, heed_tensor *o)
{
    o = heed_dropout(g, o, m->config.out_dropout);
    if (m->config.tie == HEED_TIE_NONE) return heed_dense_apply(g, &m->out, o);
    heed_tensor *b = heed_use(g, m->out_bias);
    return heed_add(g, heed_embed_logits(g, &m->tgt, o), b);
}

heed_tensor *heed_seq2seq_logits(heed_graph *g, const heed_seq2seq *m, heed_tensor *s, heed_tensor *c, heed_tensor *e)
{
    if (!m->config.plain) return logits_of(g, m, deep(g, m, s, c, e));
    return logits_of(g, m, c ? heed_concat(g, 2, (heed_tensor *[]){s, c}, -1) : s);
}

/* --- all steps -------------------------------------------------------------------------------------------------------------- */

/* Where no step waits for what the one before read, layers run over the whole sequence, and all positions ask at once. */
static heed_tensor *decode_at_once(heed_graph *g, const heed_seq2seq *m, heed_tensor *e, const heed_seq2seq_memory *from)
{
    const heed_seq2seq_config *c = &m->config;
    heed_seq2seq_state state = heed_seq2seq_start(g, m, from);
    heed_tensor *x = heed_seq2seq_input(g, m, e), *context = NULL;
    heed_scope(g, "dec");
    if (state.fed) x = heed_add(g, x, heed_unsqueeze(g, heed_matmul(g, state.fed, state.fed_weight), 1));
    for (int i = 0; i < c->layers; i++) {
        const heed_rnn_cell *f = &m->dec.cells[i][0];
        if (i) x = heed_rnn_cell_input(g, f, heed_dropout(g, x, c->dropout));
        heed_tensor *w = heed_use(g, f->w_hh);
        heed_tensor *b = heed_use(g, f->b_hh);
        x = heed_recurrent(g, c->kind, x, state.s[i], w, b, NULL, false, NULL);
    }
    heed_scope_end(g);
    if (c->score) context = heed_attend_apply(g, &m->attend, x, &from->source, NULL);
    else if (state.fed) {
        int64_t shape[] = {heed_dim(e, 0), heed_dim(e, 1), heed_dim(state.fed, 1)};
        context = heed_expand(g, heed_unsqueeze(g, state.fed, 1), 3, shape);
    }
    return heed_seq2seq_logits(g, m, x, context, e);
}

/* What the steps leave behind: arrays of T tensors each. */
typedef struct trace { heed_tensor **s, **c, **o, **a; } trace;

static heed_tensor *decode_by_steps(heed_graph *g, const heed_seq2seq *m, heed_tensor *e, const heed_seq2seq_memory *from, trace *t)
{
    const heed_seq2seq_config *c = &m->config;
    int steps = (int)heed_dim(e, 1);
    bool fed_output = !c->conditional && c->feed == HEED_FEED_OUTPUT;
    heed_seq2seq_state state = heed_seq2seq_start(g, m, from);
    heed_tensor *input = heed_seq2seq_input(g, m, e);
    for (int i = 0; i < steps && !heed_graph_error(g)->code; i++) {
        heed_seq2seq_step(g, m, heed_select(g, input, 1, i), heed_select(g, e, 1, i), from, &state);
        t->s[i] = state.s[c->layers - 1].h;
        t->c[i] = state.context;
        t->o[i] = state.fed;
        t->a[i] = state.weights;
    }
    heed_scope(g, "%s", m->attend.name);
    if (heed_wanted(g, "weights")) heed_name(g, heed_concat(g, steps, t->a, 1), "weights");
    heed_scope_end(g);
    if (fed_output) return logits_of(g, m, heed_stack(g, steps, t->o, 1));
    return heed_seq2seq_logits(g, m, heed_stack(g, steps, t->s, 1), heed_stack(g, steps, t->c, 1), e);
}

heed_tensor *heed_seq2seq_decode(heed_graph *g, const heed_seq2seq *m, heed_tensor *tgt, const heed_seq2seq_memory *from)
{
    const heed_seq2seq_config *c = &m->config;
    heed_tensor *e = heed_embed_apply(g, &m->tgt, tgt);
    if (!c->score || (!c->conditional && c->feed == HEED_FEED_NOTHING) || heed_dim(tgt, 1) == 0) return decode_at_once(g, m, e, from);
    size_t steps = (size_t)heed_dim(tgt, 1);
    heed_tensor **all = heed_calloc(4 * steps, sizeof *all);
    if (!all) return heed_graph_fail(g, HEED_NO_MEMORY, "seq2seq: no memory for %zu steps", steps);
    heed_tensor *logits = decode_by_steps(g, m, e, from, &(trace){all, all + steps, all + 2 * steps, all + 3 * steps});
    heed_free(all);
    return logits;
}
