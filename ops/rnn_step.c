/* One step of a recurrent network, composed: the equations are in ops.h. */
#include "ops/ops.h"
#include "ops/simd.h"

#if HEED_ISA_BASE

int heed_rnn_gates(heed_rnn_kind kind) { return kind == HEED_LSTM ? 4 : kind == HEED_GRU ? 3 : 1; }

static heed_rnn_state elman_step(heed_graph *g, heed_rnn_kind kind, heed_tensor *x, heed_tensor *u)
{
    heed_tensor *sum = heed_add(g, u, x);
    return (heed_rnn_state){kind == HEED_RNN_RELU ? heed_relu(g, sum) : heed_tanh(g, sum), NULL};
}

static heed_rnn_state lstm_step(heed_graph *g, heed_tensor *x, heed_tensor *u, heed_tensor *c)
{
    heed_tensor *part[4];
    heed_split(g, heed_add(g, u, x), -1, 4, NULL, part);
    heed_tensor *i = heed_sigmoid(g, part[0]), *f = heed_sigmoid(g, part[1]), *n = heed_tanh(g, part[2]), *o = heed_sigmoid(g, part[3]);
    c = heed_add(g, heed_mul(g, f, c), heed_mul(g, i, n));
    return (heed_rnn_state){heed_mul(g, o, heed_tanh(g, c)), c};
}

static heed_rnn_state gru_step(heed_graph *g, heed_tensor *x, heed_tensor *u, heed_tensor *h)
{
    heed_tensor *xs[3], *us[3];
    heed_split(g, x, -1, 3, NULL, xs);
    heed_split(g, u, -1, 3, NULL, us);
    heed_tensor *r = heed_sigmoid(g, heed_add(g, xs[0], us[0])), *z = heed_sigmoid(g, heed_add(g, xs[1], us[1]));
    heed_tensor *n = heed_tanh(g, heed_add(g, xs[2], heed_mul(g, r, us[2])));
    return (heed_rnn_state){heed_add(g, n, heed_mul(g, z, heed_sub(g, h, n))), NULL}; /* (1 - z) n + z h */
}

heed_rnn_state heed_rnn_step(heed_graph *g, heed_rnn_kind kind, heed_tensor *x, heed_rnn_state state, heed_tensor *w, heed_tensor *bias)
{
    int64_t width = heed_dim(x, -1), hidden = width / heed_rnn_gates(kind);
    char tx[96], th[96], tw[96];
    if (heed_graph_error(g)->code) return state;
    bool fits = heed_rank(x) == 2 && heed_rank(state.h) == 2 && heed_rank(w) == 2 && hidden * heed_rnn_gates(kind) == width &&
                heed_dim(state.h, 1) == hidden && heed_dim(state.h, 0) == heed_dim(x, 0) && heed_dim(w, 0) == hidden && heed_dim(w, 1) == width;
    if (kind == HEED_LSTM) fits = fits && state.c && heed_rank(state.c) == 2 && heed_dim(state.c, 0) == heed_dim(x, 0) && heed_dim(state.c, 1) == hidden;
    if (bias) fits = fits && heed_rank(bias) == 1 && heed_dim(bias, 0) == width;
    if (!fits) {
        heed_graph_fail(g, HEED_INVALID, "rnn_step: x %s, state %s and weights %s should be [B,G H], [B,H] and [H,G H] with G = %d",
                        heed_shape_text(x, tx, sizeof tx), heed_shape_text(state.h, th, sizeof th), heed_shape_text(w, tw, sizeof tw),
                        heed_rnn_gates(kind));
        return state;
    }
    heed_tensor *u = heed_linear(g, state.h, w, bias);
    switch (kind) {
    case HEED_LSTM: return lstm_step(g, x, u, state.c);
    case HEED_GRU: return gru_step(g, x, u, state.h);
    default: return elman_step(g, kind, x, u);
    }
}
#endif
