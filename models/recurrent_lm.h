/* Recurrent language models: the state after all symbols so far says which comes next (Mikolov et al. 2010; Zaremba et al. 2014).
 *
 *     s_t = f(s_{t-1}, E x_t)     p(x_{t+1}) = softmax(W s_t + b), or tied: softmax(E o_t + b), o_t = s_t, W_o s_t where it is not as wide as E
 *
 * f is a stack of RNN, LSTM or GRU layers. The state at the end of a window of a text is where the next window begins; gradients are cut
 * there (truncated back-propagation through time): heed_teaching's `state` is an input, [B, N] with h (and c) of each layer side by side.
 */
#ifndef HEED_RECURRENT_LM_H
#define HEED_RECURRENT_LM_H

#include "model.h"
#include "recurrent.h"

typedef struct heed_rnn_lm_config {
    heed_rnn_kind kind;
    int64_t vocab, emb, hidden;
    int layers;
    bool tied;
    double forget_bias; /* of LSTM cells at first; 0: random */
    double emb_dropout; /* on the embeddings */
    double dropout;     /* between layers */
    double out_dropout; /* on the last layer's states */
} heed_rnn_lm_config;

typedef struct heed_rnn_lm {
    heed_rnn_lm_config config;
    heed_embed embed;
    heed_rnn rnn;
    heed_dense project, out; /* W_o; W and b of a model that is not tied */
    heed_param *out_bias;    /* of one that is */
} heed_rnn_lm;

/* Makes the parameters; a sentence in the store's error when the sizes cannot be. */
void heed_rnn_lm_init(heed_rnn_lm *m, heed_params *ps, const heed_rnn_lm_config *c);
/* The weights it would make, counted without making them; INT64_MAX from 2^53 on. */
int64_t heed_rnn_lm_size(const heed_rnn_lm_config *c);
int64_t heed_rnn_lm_state(const heed_rnn_lm_config *c); /* N */

/* ids int32 [B, T] -> logits [B, T, vocab]. state [B, N] or NULL: zeros; *final the state at the end, NULL: not wanted. */
heed_tensor *heed_rnn_lm_apply(heed_graph *g, const heed_rnn_lm *m, heed_tensor *ids, heed_tensor *state, heed_tensor **final);

/* As a model to train and to write with. */
heed_model heed_rnn_lm_model(const heed_rnn_lm *m);

#endif
