#include "models/attention.h"

#include <math.h>

void heed_multihead_init(heed_multihead *m, heed_params *ps, const char *name, int64_t d, int64_t heads, int64_t dk, int64_t dv, double dropout)
{
    *m = (heed_multihead){.name = name, .heads = heads, .dk = dk, .dv = dv, .dropout = dropout};
    heed_params_scope(ps, "%s", name);
    heed_dense_init(&m->q, ps, "q", d, heads * dk, true);
    heed_dense_init(&m->k, ps, "k", d, heads * dk, true);
    heed_dense_init(&m->v, ps, "v", d, heads * dv, true);
    heed_dense_init(&m->o, ps, "o", heads * dv, d, true);
    heed_params_scope_end(ps);
}

heed_tensor *heed_split_heads(heed_graph *g, heed_tensor *x, int64_t heads)
{
    int64_t shape[] = {heed_dim(x, 0), heed_dim(x, 1), heads, heed_dim(x, 2) / heads};
    return heed_transpose(g, heed_reshape(g, x, 4, shape), 1, 2);
}

heed_tensor *heed_join_heads(heed_graph *g, heed_tensor *x)
{
    int64_t shape[] = {heed_dim(x, 0), heed_dim(x, 2), heed_dim(x, 1) * heed_dim(x, 3)};
    return heed_reshape(g, heed_transpose(g, x, 1, 2), 3, shape);
}

void heed_multihead_keys(heed_graph *g, const heed_multihead *m, heed_tensor *memory, heed_tensor **k, heed_tensor **v)
{
    heed_scope(g, "%s", m->name);
    *k = heed_split_heads(g, heed_dense_apply(g, &m->k, memory), m->heads);
    *v = heed_split_heads(g, heed_dense_apply(g, &m->v, memory), m->heads);
    heed_scope_end(g);
}

heed_tensor *heed_multihead_attend(heed_graph *g, const heed_multihead *m, heed_tensor *x, heed_tensor *k, heed_tensor *v, heed_mask mask)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *q = heed_split_heads(g, heed_dense_apply(g, &m->q, x), m->heads);
    heed_attention_options how = {.scale = 1 / sqrt((double)m->dk), .causal = mask.causal, .lengths = mask.lengths, .mask = mask.additive,
                                  .dropout = m->dropout};
    heed_tensor *heads = heed_attention(g, q, k, v, &how);
    heed_tensor *y = heed_dense_apply(g, &m->o, heed_join_heads(g, heads));
    heed_scope_end(g);
    return y;
}

heed_tensor *heed_multihead_apply(heed_graph *g, const heed_multihead *m, heed_tensor *x, heed_tensor *memory, heed_mask mask)
{
    heed_tensor *k, *v;
    heed_multihead_keys(g, m, memory, &k, &v);
    return heed_multihead_attend(g, m, x, k, v, mask);
}
