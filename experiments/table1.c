#include "experiments/table1.h"

#include <math.h>

static const struct { const char *name, *formula; } kinds[TABLE1_KINDS] = {
    {"self-attention", "n^2 d"}, {"multi-head", "n^2 d + n d^2"}, {"recurrent", "n d^2"},
    {"convolution", "k n d^2"}, {"dilated", "k n d^2"}, {"restricted", "r n d"}};

const char *table1_name(table1_kind kind) { return kinds[kind].name; }
const char *table1_formula(table1_kind kind) { return kinds[kind].formula; }

double table1_operations(const table1 *m, int64_t positions)
{
    double n = (double)positions, d = (double)m->d, k = (double)m->kernel, r = (double)m->r;
    switch (m->kind) {
    case TABLE1_ATTENTION: return n * n * d;
    case TABLE1_MULTI_HEAD: return n * n * d + n * d * d;
    case TABLE1_RECURRENT: return n * d * d;
    case TABLE1_RESTRICTED: return r * n * d;
    default: return k * n * d * d;
    }
}

double table1_path(const table1 *m, int64_t positions)
{
    double n = (double)positions, k = (double)m->kernel, r = (double)m->r;
    switch (m->kind) {
    case TABLE1_RECURRENT: return n;
    case TABLE1_CONVOLUTION: return n / k;
    case TABLE1_DILATED: return log(n) / log(k);
    case TABLE1_RESTRICTED: return n / r;
    default: return 1;
    }
}

void table1_init(table1 *m, heed_params *ps, table1_kind kind, int64_t d, int64_t kernel, int64_t r)
{
    *m = (table1){.kind = kind, .d = d, .heads = d % 64 ? 1 : d / 64, .kernel = kernel, .r = r};
    heed_rnn_config recurrent = {.kind = HEED_RNN_TANH, .in = d, .hidden = d, .layers = 1};
    if (kind == TABLE1_MULTI_HEAD) heed_multihead_init(&m->attention, ps, "attention", d, m->heads, d / m->heads, d / m->heads, 0);
    if (kind == TABLE1_RECURRENT) heed_rnn_init(&m->rnn, ps, "recurrent", &recurrent);
    if (kind == TABLE1_CONVOLUTION || kind == TABLE1_DILATED) heed_dense_init(&m->filter, ps, "filter", kernel * d, d, true);
}

static heed_tensor *attend(heed_graph *g, const table1 *m, heed_tensor *x, heed_tensor *memory, heed_tensor *mask)
{
    heed_tensor *q = heed_split_heads(g, x, m->heads), *k = heed_split_heads(g, memory, m->heads);
    return heed_join_heads(g, heed_attention(g, q, k, k, &(heed_attention_options){.mask = mask}));
}

/* x with zeros around it along the positions */
static heed_tensor *padded(heed_graph *g, heed_tensor *x, int64_t before, int64_t after)
{
    return heed_pad(g, x, (int64_t[]){0, before, 0}, (int64_t[]){0, after, 0}, 0);
}

/* The k positions around each beside each other, [B, n, k d], times one matrix. */
static heed_tensor *convolve(heed_graph *g, const table1 *m, heed_tensor *x, int64_t dilation)
{
    heed_tensor *taps[64];
    int64_t n = heed_dim(x, 1), k = m->kernel, side = (k - 1) / 2;
    dilation = dilation < n ? dilation : n; /* from n on all but the middle one are zeros */
    heed_tensor *wide = padded(g, x, side * dilation, side * dilation);
    for (int64_t j = 0; j < k; j++) taps[j] = heed_slice(g, wide, 1, j * dilation, j * dilation + n, 1);
    return heed_dense_apply(g, &m->filter, heed_concat(g, (int)k, taps, -1));
}

/* Blocks of w positions with the blocks before and behind them: [B, n, c] -> [B blocks, 3 w, c]. */
static heed_tensor *neighbourhoods(heed_graph *g, heed_tensor *x, int64_t w)
{
    heed_tensor *parts[3];
    int64_t blocks = (heed_dim(x, 1) + w - 1) / w, shape[] = {heed_dim(x, 0) * blocks, w, heed_dim(x, 2)};
    heed_tensor *wide = padded(g, x, w, (blocks + 1) * w - heed_dim(x, 1));
    for (int j = 0; j < 3; j++) parts[j] = heed_reshape(g, heed_slice(g, wide, 1, j * w, (j + blocks) * w, 1), 3, shape);
    return heed_concat(g, 3, parts, 1);
}

/* 0 where `allowed` is 1, where it is 0 a number that softmax makes 0 */
static heed_tensor *penalty(heed_graph *g, heed_tensor *allowed) { return heed_scale(g, heed_add_scalar(g, allowed, -1), 1e30); }

/* Queries in blocks of w = r/2 see three blocks of keys, of which the positions up to w before and behind count. */
static heed_tensor *attend_nearby(heed_graph *g, const table1 *m, heed_tensor *x)
{
    int64_t batch = heed_dim(x, 0), n = heed_dim(x, 1), w = m->r / 2, blocks = (n + w - 1) / w;
    heed_dtype dtype = heed_dtype_of(x);
    heed_tensor *keys = neighbourhoods(g, x, w), *queries = heed_slice(g, keys, 1, w, 2 * w, 1);
    heed_tensor *real = neighbourhoods(g, heed_full(g, dtype, 3, (int64_t[]){batch, n, 1}, 1), w);
    /* key j of query i is near: 0 <= j - i <= 2 w */
    heed_tensor *near = heed_triu(g, heed_tril(g, heed_full(g, dtype, 2, (int64_t[]){w, 3 * w}, 1), 2 * w), 0);
    heed_tensor *mask = heed_add(g, penalty(g, heed_reshape(g, real, 4, (int64_t[]){batch * blocks, 1, 1, 3 * w})), penalty(g, near));
    heed_tensor *y = heed_reshape(g, attend(g, m, queries, keys, mask), 3, (int64_t[]){batch, blocks * w, m->d});
    return heed_slice(g, y, 1, 0, n, 1);
}

heed_tensor *table1_apply(heed_graph *g, const table1 *m, heed_tensor *x, int i)
{
    switch (m->kind) {
    case TABLE1_ATTENTION: return attend(g, m, x, x, NULL);
    case TABLE1_MULTI_HEAD: return heed_multihead_apply(g, &m->attention, x, x, (heed_mask){0});
    case TABLE1_RECURRENT: return heed_rnn_apply(g, &m->rnn, x, NULL, NULL, NULL);
    case TABLE1_CONVOLUTION: return convolve(g, m, x, 1);
    case TABLE1_DILATED: return convolve(g, m, x, (int64_t)fmin(pow((double)m->kernel, i), 1e9));
    default: return attend_nearby(g, m, x);
    }
}

heed_tensor *table1_stepwise(heed_graph *g, const table1 *m, heed_tensor *x)
{
    if (m->kind != TABLE1_RECURRENT) return table1_apply(g, m, x, 0);
    const heed_rnn_cell *cell = &m->rnn.cells[0][0];
    heed_tensor *all = heed_rnn_cell_input(g, cell, x), *last = NULL;
    heed_rnn_state state = heed_rnn_zeros(g, cell, heed_dim(x, 0));
    for (int64_t t = 0; t < heed_dim(x, 1); t++) {
        state = heed_rnn_cell_step(g, cell, heed_select(g, all, 1, t), state);
        last = state.h;
    }
    return last ? last : x;
}

heed_tensor *table1_exchange(heed_graph *g, const table1 *m, heed_tensor *x, heed_tensor *state, int i)
{
    if (m->kind != TABLE1_RECURRENT) return table1_apply(g, m, state ? state : x, i);
    const heed_rnn_cell *cell = &m->rnn.cells[0][0];
    int64_t rows[] = {heed_dim(x, 0) * heed_dim(x, 1), m->d}, shape[] = {heed_dim(x, 0), heed_dim(x, 1), m->d};
    heed_tensor *all = heed_reshape(g, heed_rnn_cell_input(g, cell, x), 2, rows);
    heed_rnn_state before = heed_rnn_zeros(g, cell, rows[0]);
    if (state) before.h = heed_reshape(g, padded(g, heed_slice(g, state, 1, 0, -1, 1), 1, 0), 2, rows); /* h_(t-1) at t */
    return heed_reshape(g, heed_rnn_cell_step(g, cell, all, before).h, 3, shape);
}
