/* Cases of recurrent layers. */
#include "op_cases.h"

/* n: kind, reverse, last states wanted, composed, a bias, lengths. Operands: x, w, h, c of an LSTM, bias, lengths */
enum { KIND, REVERSE, ENDS, COMPOSED, BIAS, LENGTHS };

static heed_tensor *recurrent(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_rnn_kind kind = (heed_rnn_kind)c->n[KIND];
    int at = 2;
    heed_rnn_state start = {.h = x[at++]}, end;
    if (kind == HEED_LSTM) start.c = x[at++];
    heed_tensor *bias = c->n[BIAS] ? x[at++] : NULL, *lengths = c->n[LENGTHS] ? x[at] : NULL;
    heed_tensor *y = (c->n[COMPOSED] ? heed_recurrent_composed : heed_recurrent)(g, kind, x[0], start, x[1], bias, lengths, c->n[REVERSE],
                                                                                 c->n[ENDS] ? &end : NULL);
    if (!c->n[ENDS]) return y;
    heed_tensor *flat[] = {heed_flatten(g, end.h, 0, -1), heed_flatten(g, y, 0, -1), end.c ? heed_flatten(g, end.c, 0, -1) : NULL};
    return heed_concat(g, end.c ? 3 : 2, flat, 0);
}

/* All gradients of a weighed sum, as one vector. */
static heed_tensor *recurrent_grad(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    int n = 3 + (c->n[KIND] == HEED_LSTM) + (c->n[BIAS] != 0);
    heed_tensor *d[5], *y = recurrent(g, x, c);
    heed_grad(g, heed_sum(g, heed_sin(g, y), HEED_ALL, false), NULL, n, x, d);
    for (int i = 0; i < n; i++) d[i] = heed_flatten(g, d[i], 0, -1);
    return heed_concat(g, n, d, 0);
}

#define X(...) REAL(-1, 1, __VA_ARGS__)
#define RECURRENT_CASES(name, f)                                                                                                       \
    OP_CASES(name,                                                                                                                     \
        {"tanh", f, .x = {X(2, 3, 4), X(4, 4), X(2, 4)}, .n = {HEED_RNN_TANH}},                                                        \
        {"relu, backwards", f, .x = {X(2, 3, 4), X(4, 4), X(2, 4)}, .n = {HEED_RNN_RELU, 1}},                                          \
        {"tanh over lengths with last states", f, .x = {X(3, 3, 2), X(2, 2), X(3, 2), X(2), INDEX(4, 3)},                              \
            .n = {HEED_RNN_TANH, 0, 1, 0, 1, 1}},                                                                                      \
        {"LSTM", f, .x = {X(2, 3, 12), X(3, 12), X(2, 3), X(2, 3)}, .n = {HEED_LSTM}},                                                 \
        {"LSTM with last states", f, .x = {X(1, 2, 8), X(2, 8), X(1, 2), X(1, 2), X(8)}, .n = {HEED_LSTM, 0, 1, 0, 1}},                \
        {"LSTM backwards over lengths", f, .x = {X(4, 3, 8), X(2, 8), X(4, 2), X(4, 2), INDEX(4, 4)}, .n = {HEED_LSTM, 1, 1, 0, 0, 1}}, \
        {"GRU", f, .x = {X(2, 3, 9), X(3, 9), X(2, 3), X(9)}, .n = {HEED_GRU, 0, 0, 0, 1}},                                            \
        {"GRU over lengths", f, .x = {X(4, 2, 6), X(2, 6), X(4, 2), INDEX(3, 4)}, .n = {HEED_GRU, 0, 1, 0, 0, 1}},                     \
        {"GRU backwards over lengths", f, .x = {X(3, 3, 3), X(1, 3), X(3, 1), X(3), INDEX(4, 3)}, .n = {HEED_GRU, 1, 1, 0, 1, 1}},     \
        {"no sequence", f, .x = {X(0, 3, 8), X(2, 8), X(0, 2), X(0, 2)}, .n = {HEED_LSTM, 0, 1}},                                      \
        {"no step", f, .x = {X(2, 0, 6), X(2, 6), X(2, 2)}, .n = {HEED_GRU, 0, 1}},                                                    \
        {"large LSTM", f, .x = {X(24, 21, 196), X(49, 196), X(24, 49), X(24, 49), X(196), INDEX(22, 24)},                              \
            .n = {HEED_LSTM, 0, 1, 0, 1, 1}, .large = true},                                                                           \
        {"large GRU", f, .x = {X(33, 16, 132), X(44, 132), X(33, 44), X(132), INDEX(17, 33)}, .n = {HEED_GRU, 1, 1, 0, 1, 1},          \
            .large = true},                                                                                                            \
        {"large RNN", f, .x = {X(24, 21, 50), X(50, 50), X(24, 50)}, .n = {HEED_RNN_TANH}, .large = true})
RECURRENT_CASES(recurrent, recurrent)
RECURRENT_CASES(recurrent_pack, recurrent)
RECURRENT_CASES(recurrent_part, recurrent_grad)
RECURRENT_CASES(recurrent_pack_grad, recurrent_grad)
RECURRENT_CASES(recurrent_rows, recurrent_grad)
