#include "models/layers.h"

#include <math.h>

/* --- dense ------------------------------------------------------------------------------------------------------------------- */

void heed_dense_init(heed_dense *m, heed_params *ps, const char *name, int64_t in, int64_t out, bool bias)
{
    *m = (heed_dense){.name = name};
    heed_dtype dtype = heed_params_dtype_now(ps);
    heed_params_scope(ps, "%s", name);
    m->weight = heed_param_new(ps, "weight", dtype, 2, (int64_t[]){in, out}, HEED_XAVIER);
    if (bias) m->bias = heed_param_new(ps, "bias", dtype, 1, &out, HEED_ZEROS);
    heed_params_scope_end(ps);
}

heed_tensor *heed_dense_apply(heed_graph *g, const heed_dense *m, heed_tensor *x)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *weight = heed_use(g, m->weight);
    heed_tensor *bias = m->bias ? heed_use(g, m->bias) : NULL;
    heed_tensor *y = heed_linear(g, x, weight, bias);
    heed_scope_end(g);
    return y;
}

/* --- embed ------------------------------------------------------------------------------------------------------------------- */

void heed_embed_init(heed_embed *m, heed_params *ps, const char *name, int64_t vocabulary, int64_t d)
{
    *m = (heed_embed){.name = name};
    heed_params_scope(ps, "%s", name);
    m->table = heed_param_new(ps, "weight", heed_params_dtype_now(ps), 2, (int64_t[]){vocabulary, d}, HEED_NORMAL(0, 1 / sqrt((double)d)));
    heed_params_scope_end(ps);
}

heed_tensor *heed_embed_apply(heed_graph *g, const heed_embed *m, heed_tensor *ids)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *y = heed_embedding(g, heed_use(g, m->table), ids);
    heed_scope_end(g);
    return y;
}

heed_tensor *heed_embed_logits(heed_graph *g, const heed_embed *m, heed_tensor *x)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *table = heed_use(g, m->table);
    heed_tensor *logits = heed_matmul(g, x, heed_transpose(g, table, 0, 1));
    heed_scope_end(g);
    return logits;
}

/* --- norm -------------------------------------------------------------------------------------------------------------------- */

void heed_norm_init(heed_norm *m, heed_params *ps, const char *name, int64_t d)
{
    *m = (heed_norm){.name = name, .eps = 1e-5};
    heed_dtype dtype = heed_params_dtype_now(ps);
    heed_params_scope(ps, "%s", name);
    m->gamma = heed_param_new(ps, "gamma", dtype, 1, &d, HEED_ONES);
    m->beta = heed_param_new(ps, "beta", dtype, 1, &d, HEED_ZEROS);
    heed_params_scope_end(ps);
}

heed_tensor *heed_norm_apply(heed_graph *g, const heed_norm *m, heed_tensor *x)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *gamma = heed_use(g, m->gamma);
    heed_tensor *beta = heed_use(g, m->beta);
    heed_tensor *y = heed_layer_norm(g, x, gamma, beta, m->eps);
    heed_scope_end(g);
    return y;
}

/* --- ffn ---------------------------------------------------------------------------------------------------------------------- */

void heed_ffn_init(heed_ffn *m, heed_params *ps, const char *name, int64_t d, int64_t inner, heed_activation activation, double dropout)
{
    *m = (heed_ffn){.name = name, .activation = activation, .dropout = dropout};
    heed_params_scope(ps, "%s", name);
    heed_dense_init(&m->up, ps, "up", d, inner, true);
    heed_dense_init(&m->down, ps, "down", inner, d, true);
    heed_params_scope_end(ps);
}

static heed_tensor *activate(heed_graph *g, heed_activation activation, heed_tensor *x)
{
    switch (activation) {
    case HEED_GELU: return heed_gelu(g, x);
    case HEED_SILU: return heed_silu(g, x);
    default: return heed_relu(g, x);
    }
}

heed_tensor *heed_ffn_apply(heed_graph *g, const heed_ffn *m, heed_tensor *x)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *inner = activate(g, m->activation, heed_dense_apply(g, &m->up, x));
    heed_tensor *y = heed_dense_apply(g, &m->down, heed_dropout(g, inner, m->dropout));
    heed_scope_end(g);
    return y;
}

/* --- positions ------------------------------------------------------------------------------------------------------------------ */

void heed_positions_init(heed_positions *m, heed_params *ps, const char *name, heed_position_kind kind, int64_t max_len, int64_t d)
{
    *m = (heed_positions){.name = name, .kind = kind};
    if (kind != HEED_POSITIONS_LEARNED) return;
    heed_params_scope(ps, "%s", name);
    m->table = heed_param_new(ps, "weight", heed_params_dtype_now(ps), 2, (int64_t[]){max_len, d}, HEED_NORMAL(0, 1 / sqrt((double)d)));
    heed_params_scope_end(ps);
}

heed_tensor *heed_positions_apply(heed_graph *g, const heed_positions *m, heed_tensor *x, int64_t start)
{
    int64_t length = heed_dim(x, 1), d = heed_dim(x, 2);
    if (m->kind == HEED_POSITIONS_NONE) return x;
    heed_scope(g, "%s", m->name);
    heed_tensor *pe;
    if (m->kind == HEED_POSITIONS_LEARNED) {
        heed_tensor *table = heed_use(g, m->table);
        if (start + length > heed_dim(table, 0))
            pe = heed_graph_fail(g, HEED_INVALID, "a sequence of %lld is longer than the %lld learned positions", (long long)(start + length),
                                 (long long)heed_dim(table, 0));
        else pe = heed_slice(g, table, 0, start, start + length, 1);
    } else pe = heed_sinusoid(g, heed_dtype_of(x), start, length, d);
    heed_tensor *y = heed_add(g, x, pe);
    heed_scope_end(g);
    return y;
}
