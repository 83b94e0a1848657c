#include "models/encoder.h"

#include <stdio.h>

int64_t heed_encoder_width(const heed_encoder_config *c)
{
    return c->recurrent ? c->rnn.hidden * (c->rnn.bidirectional ? 2 : 1) : c->transformer.layer.d;
}

static heed_transformer_config only_encoder(const heed_encoder_config *c)
{
    heed_transformer_config t = c->transformer;
    t.src_vocab = c->vocabulary;
    t.dec_layers = 0;
    return t;
}

void heed_encoder_init(heed_encoder *m, heed_params *ps, const heed_encoder_config *c)
{
    *m = (heed_encoder){.config = *c};
    if (c->vocabulary < 1 || (c->task != HEED_ENCODER_MASKED && c->classes < 1)) {
        heed_params_fail(ps, HEED_INVALID, "encoder: %lld symbols and %lld classes; both must be at least 1", (long long)c->vocabulary,
                         (long long)c->classes);
        return;
    }
    if (c->recurrent) {
        heed_embed_init(&m->embed, ps, "src", c->vocabulary, c->rnn.in);
        heed_rnn_init(&m->rnn, ps, "enc", &c->rnn);
    } else {
        m->config.transformer = only_encoder(c);
        heed_transformer_init(&m->transformer, ps, &m->config.transformer);
        m->embed = m->transformer.src;
    }
    if (heed_params_error(ps)->code) return;
    int64_t width = heed_encoder_width(c);
    if (c->task == HEED_ENCODER_MASKED) heed_guesser_init(&m->guesser, ps, "mlm", width, &m->embed);
    else heed_classifier_init(&m->head, ps, "head", width, c->classes, c->dropout);
}

int64_t heed_encoder_size(const heed_encoder_config *c)
{
    heed_transformer_config t = only_encoder(c);
    double width = (double)heed_encoder_width(c), d = (double)(c->recurrent ? c->rnn.in : t.layer.d), symbols = (double)c->vocabulary;
    double n = c->recurrent ? symbols * d + (double)heed_rnn_size(&c->rnn) : (double)heed_transformer_size(&t);
    n += c->task == HEED_ENCODER_MASKED ? (width + 1) * d + 2 * d + symbols : (width + 1) * (double)c->classes;
    return n < 9007199254740992.0 ? (int64_t)n : INT64_MAX;
}

heed_tensor *heed_encoder_states(heed_graph *g, const heed_encoder *m, heed_tensor *ids, heed_tensor *lengths)
{
    if (!m->config.recurrent) return heed_transformer_encode(g, &m->transformer, ids, lengths);
    heed_tensor *x = heed_dropout(g, heed_embed_apply(g, &m->embed, ids), m->config.emb_dropout);
    return heed_rnn_apply(g, &m->rnn, x, lengths, NULL, NULL);
}

heed_tensor *heed_encoder_logits(heed_graph *g, const heed_encoder *m, heed_tensor *ids, heed_tensor *lengths, heed_tensor *places)
{
    heed_tensor *x = heed_encoder_states(g, m, ids, lengths);
    switch (m->config.task) {
    case HEED_ENCODER_MASKED:
        if (!places) return heed_graph_fail(g, HEED_INVALID, "encoder: a model of masked tokens needs their places");
        return heed_guesser_apply(g, &m->guesser, heed_take(g, heed_flatten(g, x, 0, 1), 0, places));
    case HEED_ENCODER_CLASSES: x = heed_pool(g, x, lengths, m->config.pooling); /* fall through */
    default: return heed_classifier_apply(g, &m->head, x);
    }
}

/* --- as a model ------------------------------------------------------------------------------------------------------------- */

static heed_tensor *logits(heed_graph *g, const void *self, const heed_teaching *t, heed_tensor **final)
{
    (void)final; /* carries no state */
    return heed_encoder_logits(g, self, t->src, t->lengths, t->tgt);
}

static int64_t symbols(const void *self)
{
    const heed_encoder_config *c = &((const heed_encoder *)self)->config;
    return c->task == HEED_ENCODER_MASKED ? c->vocabulary : c->classes;
}

static bool reads(const void *self) { return self != NULL; }

static int64_t positions(const void *self)
{
    const heed_encoder_config *c = &((const heed_encoder *)self)->config;
    return !c->recurrent && c->transformer.positions == HEED_POSITIONS_LEARNED ? c->transformer.max_len : INT64_MAX;
}

static bool attention(const void *self, int i, heed_attention_place *place)
{
    const heed_transformer_config *c = &((const heed_encoder *)self)->config.transformer;
    if (i >= c->enc_layers) return false;
    *place = (heed_attention_place){.heads = c->layer.heads, .layer = i, .layers = c->enc_layers, .source_looks = true, .source_shown = true};
    snprintf(place->name, sizeof place->name, "enc.%d.self", i);
    return true;
}

heed_model heed_encoder_model(const heed_encoder *m)
{
    static const heed_model_kind transformer = {.name = "encoder", .logits = logits, .symbols = symbols, .reads = reads,
                                                .positions = positions, .attention = attention};
    static const heed_model_kind recurrent = {.name = "recurrent encoder", .logits = logits, .symbols = symbols, .reads = reads,
                                              .positions = positions};
    return (heed_model){m->config.recurrent ? &recurrent : &transformer, m};
}
