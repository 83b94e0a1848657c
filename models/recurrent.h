/* Recurrent networks: a cell that makes one step, and stacks of layers over whole sequences, in one or both directions.
 *
 * The equations, gate order and both biases are PyTorch's (RNN, LSTM, GRU); with x the input and h the state:
 *
 *     RNN     h' = tanh(x W_ih + b_ih + h W_hh + b_hh)            or max(..., 0)                    Elman 1990
 *     LSTM    [i f g o] = x W_ih + b_ih + h W_hh + b_hh           Hochreiter and Schmidhuber 1997; Gers et al. 2000
 *             c' = s(f) c + s(i) tanh(g)          h' = s(o) tanh(c')
 *     GRU     [x_r x_z x_n] = x W_ih + b_ih       [u_r u_z u_n] = h W_hh + b_hh                     Cho et al. 2014
 *             r = s(x_r + u_r)    z = s(x_z + u_z)    n = tanh(x_n + r u_n)        h' = (1 - z) n + z h
 *
 * s is the logistic function. Weights are [in, G H], the transpose of PyTorch's. All start uniform in +- 1/sqrt(H), as there.
 */
#ifndef HEED_RECURRENT_H
#define HEED_RECURRENT_H

#include "layers.h"

/* --- a cell ---------------------------------------------------------------------------------------------------------------------- */

typedef struct heed_rnn_cell {
    const char *name;
    heed_rnn_kind kind;
    int64_t in, hidden;
    heed_param *w_ih, *w_hh, *b_ih, *b_hh; /* [in, G H], [H, G H], [G H], [G H] */
} heed_rnn_cell;

void heed_rnn_cell_init(heed_rnn_cell *m, heed_params *ps, const char *name, heed_rnn_kind kind, int64_t in, int64_t hidden);
/* An LSTM's forget gates begin with this bias (Jozefowicz et al. 2015 recommend 1); call it after the init. Other kinds have none. */
void heed_rnn_cell_forget_bias(heed_rnn_cell *m, double bias);
/* A state of zeros for so many sequences. */
heed_rnn_state heed_rnn_zeros(heed_graph *g, const heed_rnn_cell *m, int64_t batch);

/* x [B, in] and a state [B, H]: the next state. */
heed_rnn_state heed_rnn_cell_apply(heed_graph *g, const heed_rnn_cell *m, heed_tensor *x, heed_rnn_state state);

/* The same in two halves, for inputs that are known before the steps begin: one product for all steps,
 *
 *     heed_tensor *all = heed_rnn_cell_input(g, m, x);                           x [B, T, in]: x W_ih + b_ih [B, T, G H]
 *     for each t: s = heed_rnn_cell_step(g, m, heed_select(g, all, 1, t), s);
 *
 * Where a part of the input comes step by step (input feeding), cut W_ih once, before the steps: heed_split along axis 0, a product of each
 * part with its rows, and the sum of the products is what heed_rnn_cell_step takes. */
heed_tensor *heed_rnn_cell_input(heed_graph *g, const heed_rnn_cell *m, heed_tensor *x);
heed_rnn_state heed_rnn_cell_step(heed_graph *g, const heed_rnn_cell *m, heed_tensor *projected, heed_rnn_state state);

/* --- layers over sequences --------------------------------------------------------------------------------------------------------- */

typedef struct heed_rnn_config {
    heed_rnn_kind kind;
    int64_t in, hidden;     /* of each direction */
    int layers;
    bool bidirectional;     /* a layer's output, and the next one's input, is [forward, backward], 2 H wide */
    double dropout;         /* between layers: on every layer's output but the last's */
    double forget_bias;     /* of an LSTM; 0: as PyTorch, random like the others */
} heed_rnn_config;

typedef struct heed_rnn {
    const char *name;
    heed_rnn_config config;
    heed_rnn_cell cells[HEED_MAX_LAYERS][2]; /* "NAME.0.forward", "NAME.0.backward", "NAME.1.forward" ... */
} heed_rnn;

void heed_rnn_init(heed_rnn *m, heed_params *ps, const char *name, const heed_rnn_config *c);
/* Weights of the module that an init would make, counted without making them; INT64_MAX from 2^53 on. */
int64_t heed_rnn_size(const heed_rnn_config *c);

/* x [B, T, in] -> [B, T, H * directions]. Each layer's is named: "NAME.0.states", ...
 *
 * With lengths (int32 [B], or NULL) it is as with PyTorch's packed sequences: a sentence's state stops at its end, the backward direction
 * starts at its own last token, and what lies beyond the end is zero. `initial` and `final` are arrays of layers * directions states
 * [B, H], in order of layers and within one forward before backward; initial NULL: zeros; final NULL: not wanted. */
heed_tensor *heed_rnn_apply(heed_graph *g, const heed_rnn *m, heed_tensor *x, heed_tensor *lengths, const heed_rnn_state *initial,
                            heed_rnn_state *final);

#endif
