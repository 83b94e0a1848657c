#include "models/recurrent.h"

#include <math.h>

/* --- a cell ---------------------------------------------------------------------------------------------------------------------- */

void heed_rnn_cell_init(heed_rnn_cell *m, heed_params *ps, const char *name, heed_rnn_kind kind, int64_t in, int64_t hidden)
{
    *m = (heed_rnn_cell){.name = name, .kind = kind, .in = in, .hidden = hidden};
    heed_dtype dtype = heed_params_dtype_now(ps);
    int64_t width = heed_rnn_gates(kind) * hidden;
    double bound = 1 / sqrt((double)(hidden > 0 ? hidden : 1));
    if (in < 1 || hidden < 1)
        heed_params_fail(ps, HEED_INVALID, "%s: a cell from %lld to %lld; both must be at least 1", name, (long long)in, (long long)hidden);
    heed_params_scope(ps, "%s", name);
    m->w_ih = heed_param_new(ps, "w_ih", dtype, 2, (int64_t[]){in, width}, HEED_UNIFORM(-bound, bound));
    m->w_hh = heed_param_new(ps, "w_hh", dtype, 2, (int64_t[]){hidden, width}, HEED_UNIFORM(-bound, bound));
    m->b_ih = heed_param_new(ps, "b_ih", dtype, 1, &width, HEED_UNIFORM(-bound, bound));
    m->b_hh = heed_param_new(ps, "b_hh", dtype, 1, &width, HEED_UNIFORM(-bound, bound));
    heed_params_scope_end(ps);
}

static void put(heed_param *p, int64_t at, double value)
{
    if (heed_param_dtype(p) == HEED_F64) ((double *)heed_param_data(p))[at] = value;
    else ((float *)heed_param_data(p))[at] = (float)value;
}

void heed_rnn_cell_forget_bias(heed_rnn_cell *m, double bias)
{
    int64_t width = 4 * m->hidden;
    if (m->kind != HEED_LSTM || heed_param_size(m->b_ih) != width || heed_param_size(m->b_hh) != width) return;
    for (int64_t j = m->hidden; j < 2 * m->hidden; j++) {
        put(m->b_ih, j, bias);
        put(m->b_hh, j, 0);
    }
}

static heed_tensor *zeros(heed_graph *g, heed_dtype dtype, int64_t batch, int64_t width)
{
    return heed_full(g, dtype, 2, (int64_t[]){batch, width}, 0);
}

heed_rnn_state heed_rnn_zeros(heed_graph *g, const heed_rnn_cell *m, int64_t batch)
{
    heed_tensor *h = zeros(g, heed_param_dtype(m->w_hh), batch, m->hidden);
    return (heed_rnn_state){h, m->kind == HEED_LSTM ? h : NULL};
}

heed_tensor *heed_rnn_cell_input(heed_graph *g, const heed_rnn_cell *m, heed_tensor *x)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *w = heed_use(g, m->w_ih);
    heed_tensor *b = heed_use(g, m->b_ih);
    heed_tensor *y = heed_linear(g, x, w, b);
    heed_scope_end(g);
    return y;
}

heed_rnn_state heed_rnn_cell_step(heed_graph *g, const heed_rnn_cell *m, heed_tensor *projected, heed_rnn_state state)
{
    heed_scope(g, "%s", m->name);
    heed_tensor *w = heed_use(g, m->w_hh);
    heed_tensor *b = heed_use(g, m->b_hh);
    state = heed_rnn_step(g, m->kind, projected, state, w, b);
    heed_scope_end(g);
    return state;
}

heed_rnn_state heed_rnn_cell_apply(heed_graph *g, const heed_rnn_cell *m, heed_tensor *x, heed_rnn_state state)
{
    return heed_rnn_cell_step(g, m, heed_rnn_cell_input(g, m, x), state);
}

/* --- layers over sequences --------------------------------------------------------------------------------------------------------- */

static int directions_of(const heed_rnn_config *c) { return c->bidirectional ? 2 : 1; }

void heed_rnn_init(heed_rnn *m, heed_params *ps, const char *name, const heed_rnn_config *c)
{
    *m = (heed_rnn){.name = name, .config = *c};
    if (c->in < 1 || c->hidden < 1)
        heed_params_fail(ps, HEED_INVALID, "%s: in and hidden must be at least 1, they are %lld and %lld", name, (long long)c->in,
                         (long long)c->hidden);
    if (c->layers < 1 || c->layers > HEED_MAX_LAYERS)
        heed_params_fail(ps, HEED_INVALID, "%s: %d layers; there may be 1 to %d", name, c->layers, HEED_MAX_LAYERS);
    if (!(c->dropout >= 0 && c->dropout < 1))
        heed_params_fail(ps, HEED_INVALID, "%s: dropout %g is not in 0 ... 1, without 1", name, c->dropout);
    if (heed_params_error(ps)->code) return;
    int directions = directions_of(c);
    for (int i = 0; i < c->layers; i++) {
        heed_params_scope(ps, "%s.%d", name, i);
        for (int d = 0; d < directions; d++) {
            heed_rnn_cell *cell = &m->cells[i][d];
            heed_rnn_cell_init(cell, ps, d ? "backward" : "forward", c->kind, i ? directions * c->hidden : c->in, c->hidden);
            if (c->forget_bias != 0) heed_rnn_cell_forget_bias(cell, c->forget_bias);
        }
        heed_params_scope_end(ps);
    }
}

int64_t heed_rnn_size(const heed_rnn_config *c)
{
    double directions = directions_of(c), h = (double)c->hidden, width = heed_rnn_gates(c->kind) * h;
    double first = ((double)c->in + h + 2) * width, other = (directions * h + h + 2) * width;
    double n = directions * (first + (c->layers - 1) * other);
    return n < 9007199254740992.0 ? (int64_t)n : INT64_MAX;
}

heed_tensor *heed_rnn_apply(heed_graph *g, const heed_rnn *m, heed_tensor *x, heed_tensor *lengths, const heed_rnn_state *initial,
                            heed_rnn_state *final)
{
    const heed_rnn_config *c = &m->config;
    int directions = directions_of(c);
    int64_t batch = heed_dim(x, 0);
    heed_scope(g, "%s", m->name);
    for (int i = 0; i < c->layers; i++) {
        heed_tensor *y[2];
        heed_scope(g, "%d", i);
        for (int d = 0; d < directions; d++) {
            const heed_rnn_cell *cell = &m->cells[i][d];
            int at = i * directions + d;
            heed_rnn_state start = initial ? initial[at] : heed_rnn_zeros(g, cell, batch);
            heed_tensor *projected = heed_rnn_cell_input(g, cell, x);
            heed_scope(g, "%s", cell->name);
            heed_tensor *w = heed_use(g, cell->w_hh);
            heed_tensor *b = heed_use(g, cell->b_hh);
            y[d] = heed_recurrent(g, c->kind, projected, start, w, b, lengths, d == 1, final ? &final[at] : NULL);
            heed_scope_end(g);
        }
        x = heed_name(g, c->bidirectional ? heed_concat(g, 2, y, -1) : y[0], "states");
        heed_scope_end(g);
        if (i + 1 < c->layers) x = heed_dropout(g, x, c->dropout);
    }
    heed_scope_end(g);
    return x;
}
