#include "models/transformer.h"

#include <math.h>

/* --- layers --------------------------------------------------------------------------------------------------------------------- */

void heed_encoder_layer_init(heed_encoder_layer *m, heed_params *ps, const heed_layer_config *c)
{
    *m = (heed_encoder_layer){.dropout = c->dropout, .pre_norm = c->pre_norm};
    heed_multihead_init(&m->self, ps, "self", c->d, c->heads, c->dk, c->dv, c->attention_dropout);
    heed_norm_init(&m->norm1, ps, "norm1", c->d);
    heed_ffn_init(&m->ffn, ps, "ffn", c->d, c->ff, c->activation, c->ff_dropout);
    heed_norm_init(&m->norm2, ps, "norm2", c->d);
}

void heed_decoder_layer_init(heed_decoder_layer *m, heed_params *ps, const heed_layer_config *c, bool has_cross)
{
    *m = (heed_decoder_layer){.dropout = c->dropout, .pre_norm = c->pre_norm, .has_cross = has_cross};
    heed_multihead_init(&m->self, ps, "self", c->d, c->heads, c->dk, c->dv, c->attention_dropout);
    heed_norm_init(&m->norm1, ps, "norm1", c->d);
    if (has_cross) {
        heed_multihead_init(&m->cross, ps, "cross", c->d, c->heads, c->dk, c->dv, c->attention_dropout);
        heed_norm_init(&m->norm2, ps, "norm2", c->d);
    }
    heed_ffn_init(&m->ffn, ps, "ffn", c->d, c->ff, c->activation, c->ff_dropout);
    heed_norm_init(&m->norm3, ps, "norm3", c->d);
}

/* post-norm    x' = LN(x + MHA(x, x))            y = LN(x' + FFN(x'))
 * pre-norm     x' = x + MHA(LN(x), LN(x))        y = x' + FFN(LN(x')) */
heed_tensor *heed_encoder_layer_apply(heed_graph *g, const heed_encoder_layer *m, heed_tensor *x, heed_mask mask)
{
    heed_tensor *in = m->pre_norm ? heed_norm_apply(g, &m->norm1, x) : x;
    heed_tensor *a = heed_multihead_apply(g, &m->self, in, in, mask);
    x = heed_add(g, x, heed_dropout(g, a, m->dropout));
    x = m->pre_norm ? x : heed_norm_apply(g, &m->norm1, x);
    in = m->pre_norm ? heed_norm_apply(g, &m->norm2, x) : x;
    heed_tensor *f = heed_ffn_apply(g, &m->ffn, in);
    x = heed_add(g, x, heed_dropout(g, f, m->dropout));
    return m->pre_norm ? x : heed_norm_apply(g, &m->norm2, x);
}

/* as the encoder's layer, with causal self-attention, and attention to the encoder's output between the two parts */
heed_tensor *heed_decoder_layer_apply(heed_graph *g, const heed_decoder_layer *m, heed_tensor *x, heed_tensor *memory, heed_tensor *lengths)
{
    heed_tensor *in = m->pre_norm ? heed_norm_apply(g, &m->norm1, x) : x;
    heed_tensor *a = heed_multihead_apply(g, &m->self, in, in, (heed_mask){.causal = true});
    x = heed_add(g, x, heed_dropout(g, a, m->dropout));
    x = m->pre_norm ? x : heed_norm_apply(g, &m->norm1, x);
    if (m->has_cross) {
        in = m->pre_norm ? heed_norm_apply(g, &m->norm2, x) : x;
        heed_tensor *c = heed_multihead_apply(g, &m->cross, in, memory, (heed_mask){.lengths = lengths});
        x = heed_add(g, x, heed_dropout(g, c, m->dropout));
        x = m->pre_norm ? x : heed_norm_apply(g, &m->norm2, x);
    }
    in = m->pre_norm ? heed_norm_apply(g, &m->norm3, x) : x;
    heed_tensor *f = heed_ffn_apply(g, &m->ffn, in);
    x = heed_add(g, x, heed_dropout(g, f, m->dropout));
    return m->pre_norm ? x : heed_norm_apply(g, &m->norm3, x);
}

/* --- models ------------------------------------------------------------------------------------------------------------------------ */

heed_transformer_config heed_transformer_base(int64_t vocabulary)
{
    return (heed_transformer_config){
        .layer = {.d = 512, .heads = 8, .dk = 64, .dv = 64, .ff = 2048, .activation = HEED_RELU, .dropout = 0.1},
        .src_vocab = vocabulary, .tgt_vocab = vocabulary, .enc_layers = 6, .dec_layers = 6, .max_len = 1024,
    };
}

static bool check(heed_params *ps, const heed_transformer_config *c)
{
    const heed_layer_config *l = &c->layer;
    if (l->d < 1 || l->heads < 1 || l->dk < 1 || l->dv < 1 || l->ff < 1)
        heed_params_fail(ps, HEED_INVALID, "transformer: d, heads, dk, dv and ff must be at least 1");
    if (c->enc_layers < 0 || c->dec_layers < 0 || c->enc_layers > HEED_MAX_LAYERS || c->dec_layers > HEED_MAX_LAYERS ||
        c->enc_layers + c->dec_layers == 0)
        heed_params_fail(ps, HEED_INVALID, "transformer: %d encoder and %d decoder layers; each may be 0 to %d, not both 0", c->enc_layers,
                         c->dec_layers, HEED_MAX_LAYERS);
    if (c->tie == HEED_TIE_ALL && c->enc_layers && c->dec_layers && c->src_vocab != c->tgt_vocab)
        heed_params_fail(ps, HEED_INVALID, "transformer: tied embeddings need one vocabulary, the source has %lld symbols and the target %lld",
                         (long long)c->src_vocab, (long long)c->tgt_vocab);
    return heed_params_error(ps)->code == HEED_OK;
}

void heed_transformer_init(heed_transformer *m, heed_params *ps, const heed_transformer_config *c)
{
    *m = (heed_transformer){.config = *c};
    if (!check(ps, c)) return;
    int64_t d = c->layer.d;
    bool shared = c->tie == HEED_TIE_ALL && c->enc_layers && c->dec_layers;
    if (c->enc_layers) heed_embed_init(&m->src, ps, shared ? "embed" : "src", c->src_vocab, d);
    if (shared) m->tgt = m->src;
    else if (c->dec_layers) heed_embed_init(&m->tgt, ps, "tgt", c->tgt_vocab, d);
    if (c->enc_layers) heed_positions_init(&m->enc_positions, ps, "enc_positions", c->positions, c->max_len, d);
    if (c->dec_layers) heed_positions_init(&m->dec_positions, ps, "dec_positions", c->positions, c->max_len, d);
    for (int i = 0; i < c->enc_layers; i++) {
        heed_params_scope(ps, "enc.%d", i);
        heed_encoder_layer_init(&m->enc[i], ps, &c->layer);
        heed_params_scope_end(ps);
    }
    if (c->enc_layers && c->layer.pre_norm) heed_norm_init(&m->enc_norm, ps, "enc_norm", d);
    for (int i = 0; i < c->dec_layers; i++) {
        heed_params_scope(ps, "dec.%d", i);
        heed_decoder_layer_init(&m->dec[i], ps, &c->layer, c->enc_layers > 0);
        heed_params_scope_end(ps);
    }
    if (c->dec_layers && c->layer.pre_norm) heed_norm_init(&m->dec_norm, ps, "dec_norm", d);
    if (c->dec_layers && c->tie == HEED_TIE_NONE) heed_dense_init(&m->out, ps, "out", d, c->tgt_vocab, true);
}

int64_t heed_transformer_size(const heed_transformer_config *c)
{
    const heed_layer_config *l = &c->layer;
    bool both = c->enc_layers && c->dec_layers;
    double d = (double)l->d, ff = (double)l->ff, keys = (double)l->heads * (double)l->dk, values = (double)l->heads * (double)l->dv;
    double attention = 2 * (d + 1) * keys + (d + 1) * values + (values + 1) * d, ffn = (d + 1) * ff + (ff + 1) * d, norm = 2 * d;
    double encoder = attention + ffn + 2 * norm, decoder = encoder + (c->enc_layers ? attention + norm : 0);
    double source = c->enc_layers ? (double)c->src_vocab * d : 0, target = c->dec_layers ? (double)c->tgt_vocab * d : 0;
    double stacks = (c->enc_layers > 0) + (c->dec_layers > 0);
    double n = c->enc_layers * encoder + c->dec_layers * decoder + (c->tie == HEED_TIE_ALL && both ? source : source + target);
    if (c->positions == HEED_POSITIONS_LEARNED) n += stacks * (double)c->max_len * d;
    if (l->pre_norm) n += stacks * norm;
    if (c->dec_layers && c->tie == HEED_TIE_NONE) n += (d + 1) * (double)c->tgt_vocab;
    return n < 9007199254740992.0 ? (int64_t)n : INT64_MAX;
}

/* sqrt(d) E[ids] + PE, then dropout (sections 3.4 and 5.4) */
static heed_tensor *embedded(heed_graph *g, const heed_transformer *m, const heed_embed *table, const heed_positions *positions, heed_tensor *ids)
{
    heed_tensor *x = heed_scale(g, heed_embed_apply(g, table, ids), sqrt((double)m->config.layer.d));
    return heed_dropout(g, heed_positions_apply(g, positions, x, 0), m->config.layer.dropout);
}

heed_tensor *heed_transformer_encode(heed_graph *g, const heed_transformer *m, heed_tensor *src, heed_tensor *lengths)
{
    heed_tensor *x = embedded(g, m, &m->src, &m->enc_positions, src);
    for (int i = 0; i < m->config.enc_layers; i++) {
        heed_scope(g, "enc.%d", i);
        x = heed_encoder_layer_apply(g, &m->enc[i], x, (heed_mask){.lengths = lengths});
        heed_scope_end(g);
    }
    return m->config.layer.pre_norm ? heed_norm_apply(g, &m->enc_norm, x) : x;
}

heed_tensor *heed_transformer_decode(heed_graph *g, const heed_transformer *m, heed_tensor *tgt, heed_tensor *memory, heed_tensor *lengths)
{
    heed_tensor *x = embedded(g, m, &m->tgt, &m->dec_positions, tgt);
    for (int i = 0; i < m->config.dec_layers; i++) {
        heed_scope(g, "dec.%d", i);
        x = heed_decoder_layer_apply(g, &m->dec[i], x, memory, lengths);
        heed_scope_end(g);
    }
    return m->config.layer.pre_norm ? heed_norm_apply(g, &m->dec_norm, x) : x;
}

heed_tensor *heed_transformer_logits(heed_graph *g, const heed_transformer *m, heed_tensor *states)
{
    return m->config.tie == HEED_TIE_NONE ? heed_dense_apply(g, &m->out, states) : heed_embed_logits(g, &m->tgt, states);
}
