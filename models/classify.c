#include "models/classify.h"

/* mean:  sum_t [t < n] x_t / max(n, 1) */
heed_tensor *heed_pool(heed_graph *g, heed_tensor *x, heed_tensor *lengths, heed_pooling pooling)
{
    if (heed_rank(x) != 3 || heed_dim(x, 1) < 1)
        return heed_graph_fail(g, HEED_INVALID, "pool: states must be [B, T, d] with T of at least 1, not of rank %d", heed_rank(x));
    if (pooling == HEED_POOL_FIRST) return heed_select(g, x, 1, 0);
    if (!lengths) return heed_mean(g, x, HEED_AXIS(1), false);
    heed_tensor *n = heed_unsqueeze(g, lengths, 1);                                                         /* [B, 1] */
    heed_tensor *inside = heed_lt(g, heed_arange(g, HEED_I32, heed_dim(x, 1), 0, 1), n);                    /* [B, T] */
    heed_tensor *zero = heed_scalar(g, heed_dtype_of(x), 0);
    heed_tensor *sum = heed_sum(g, heed_where(g, heed_unsqueeze(g, inside, 2), x, zero), HEED_AXIS(1), false); /* [B, d] */
    return heed_div(g, sum, heed_clamp(g, heed_cast(g, n, heed_dtype_of(x)), 1, INT32_MAX));
}

void heed_classifier_init(heed_classifier *m, heed_params *ps, const char *name, int64_t in, int64_t classes, double dropout)
{
    *m = (heed_classifier){.dropout = dropout};
    heed_dense_init(&m->out, ps, name, in, classes, true);
}

heed_tensor *heed_classifier_apply(heed_graph *g, const heed_classifier *m, heed_tensor *x)
{
    return heed_dense_apply(g, &m->out, heed_dropout(g, x, m->dropout));
}

void heed_guesser_init(heed_guesser *m, heed_params *ps, const char *name, int64_t in, const heed_embed *embed)
{
    const int64_t *table = heed_param_shape(embed->table); /* [vocabulary, d] */
    *m = (heed_guesser){.name = name, .embed = embed};
    if (heed_params_error(ps)->code) return;
    heed_params_scope(ps, "%s", name);
    heed_dense_init(&m->transform, ps, "transform", in, table[1], true);
    heed_norm_init(&m->norm, ps, "norm", table[1]);
    m->bias = heed_param_new(ps, "bias", heed_params_dtype_now(ps), 1, table, HEED_ZEROS);
    heed_params_scope_end(ps);
}

heed_tensor *heed_guesser_apply(heed_graph *g, const heed_guesser *m, heed_tensor *x)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *h = heed_norm_apply(g, &m->norm, heed_gelu(g, heed_dense_apply(g, &m->transform, x)));
    heed_tensor *bias = heed_use(g, m->bias);
    heed_tensor *logits = heed_add(g, heed_embed_logits(g, m->embed, h), bias);
    heed_scope_end(g);
    return logits;
}
