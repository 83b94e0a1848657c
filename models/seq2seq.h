/* Recurrent encoder-decoders: with one context vector of fixed size, or with attention.
 *
 *     encoder      h_s = [->h_s ; <-h_s]  of E_src x_s                         the annotations, a stack of RNN, LSTM or GRU layers
 *     start        s_0 = tanh(W mean_s h_s)   or the encoder's last state, itself or tanh(W last)
 *     decoder      s_t = f(s_{t-1}, [E y_{t-1} ; fed_t])
 *     attention    c_t = sum_s a_ts h_s,   a_t = softmax_s score(s_t, h_s)     (score.h)
 *     output       o_t = tanh(W_o [s_t ; c_t ; E y_{t-1}]),   p(y_t) = softmax(E o_t + b)
 *
 *     attention none, fed nothing          the last state alone carries the source        Sutskever, Vinyals and Le 2014
 *     attention none, fed c                c, the encoder's last state, at every step     Cho et al. 2014
 *     attention, fed nothing               attention after a decoder of its own           Luong, Pham and Manning 2015
 *     attention, fed c_{t-1}               what was read last                             Bahdanau, Cho and Bengio 2015, with s_t asking
 *     attention, fed o_{t-1}               input feeding                                  Luong et al. 2015, section 3.3
 *     conditional                          s'_t = f1(s_{t-1}, E y_{t-1})   c_t of s'_t   s_t = f2(s'_t, c_t)
 *                                          conditional GRU: Sennrich et al. 2017 (Nematus); Caglayan et al. 2017
 *
 * B sentences of S source and T target positions, padded at the end.
 */
#ifndef HEED_SEQ2SEQ_H
#define HEED_SEQ2SEQ_H

#include "model.h"
#include "recurrent.h"
#include "score.h"

typedef enum heed_feed { HEED_FEED_NOTHING, HEED_FEED_CONTEXT, HEED_FEED_OUTPUT } heed_feed;
typedef enum heed_initial { HEED_INITIAL_LAST, HEED_INITIAL_MEAN, HEED_INITIAL_ZERO } heed_initial;

typedef struct heed_seq2seq_config {
    heed_rnn_kind kind;
    int64_t src_vocab, tgt_vocab;
    int64_t emb;               /* width of both embeddings, and of o */
    int64_t enc_hidden;        /* of each direction of the encoder */
    int64_t hidden;            /* of the decoder */
    int layers;                /* of the encoder, and of the decoder */
    bool bidirectional;        /* the encoder */
    const heed_score *score;   /* NULL: no attention */
    int64_t attention_width;   /* of the additive score; 0: that of the annotations */
    int64_t max_len;           /* of the location score */
    heed_feed feed;            /* ignored with `conditional` */
    bool conditional;          /* needs attention and one layer */
    heed_initial initial;      /* MEAN: an LSTM's cells begin at 0 */
    bool bridge;               /* tanh(W ...) also where the widths agree; false: the state itself */
    bool plain;                /* p(y_t) = softmax(W [s_t ; c_t] + b) without o_t: HEED_TIE_NONE */
    heed_tie tie;
    bool joint;                /* HEED_TIE_NONE: source and target have one embedding all the same */
    double forget_bias;        /* of LSTM cells at first; 0: random */
    double emb_dropout;        /* on the source's embeddings */
    double memory_dropout;     /* on the annotations */
    double dropout;            /* between layers */
    double out_dropout;        /* on o_t before the output projection */
} heed_seq2seq_config;

typedef struct heed_seq2seq {
    heed_seq2seq_config config;
    heed_embed src, tgt;       /* the same with HEED_TIE_ALL, and if joint */
    heed_rnn enc, dec;
    heed_rnn_cell second;      /* f2 of a conditional decoder */
    heed_dense start_h[HEED_MAX_LAYERS], start_c[HEED_MAX_LAYERS]; /* where a start has a W */
    heed_attend attend;
    heed_dense deep;           /* W_o */
    heed_dense out;            /* HEED_TIE_NONE */
    heed_param *out_bias;      /* else */
} heed_seq2seq;

/* Makes the parameters; a sentence in the store's error when the sizes cannot be. */
void heed_seq2seq_init(heed_seq2seq *m, heed_params *ps, const heed_seq2seq_config *c);
/* The weights it would make, counted without making them; INT64_MAX from 2^53 on. */
int64_t heed_seq2seq_size(const heed_seq2seq_config *c);

/* What the decoder needs of the source. */
typedef struct heed_seq2seq_memory {
    heed_source source;                    /* with attention; otherwise `memory` of it alone */
    heed_tensor *context;                  /* c [B, m] of a model without attention */
    heed_rnn_state start[HEED_MAX_LAYERS]; /* s_0 of each layer */
} heed_seq2seq_memory;

/* src int32 [B, S], lengths int32 [B] or NULL */
void heed_seq2seq_encode(heed_graph *g, const heed_seq2seq *m, heed_tensor *src, heed_tensor *lengths, heed_seq2seq_memory *to);
/* tgt int32 [B, T], begin symbol first: logits [B, T, tgt_vocab]. The weights [B, T, S] are named "attend.weights". */
heed_tensor *heed_seq2seq_decode(heed_graph *g, const heed_seq2seq *m, heed_tensor *tgt, const heed_seq2seq_memory *from);

/* As a model to train and to write with. */
heed_model heed_seq2seq_model(const heed_seq2seq *m);

/* --- one step (heed_seq2seq_decode makes T of them; a decoder one at a time) -------------------------------------------------- */

typedef struct heed_seq2seq_state {
    heed_rnn_state s[HEED_MAX_LAYERS];
    heed_tensor *fed;               /* c_{t-1} or o_{t-1}, zeros at first; NULL: nothing is fed */
    heed_tensor *context, *weights; /* after a step: c_t [R, m] and a_t [B, R / B, S]; NULL without attention */
    heed_tensor *fed_weight;        /* the rows of f's W that meet what is fed */
} heed_seq2seq_state;

/* Where the rows begin: `from` for R = B rows. */
heed_seq2seq_state heed_seq2seq_start(heed_graph *g, const heed_seq2seq *m, const heed_seq2seq_memory *from);
/* The part of a step's input that does not wait for it: e [..., emb] -> [..., G H]. */
heed_tensor *heed_seq2seq_input(heed_graph *g, const heed_seq2seq *m, heed_tensor *e);
/* `input` [R, G H] of the step's embeddings e [R, emb]; R a multiple of B, rows of a sentence next to each other. Replaces *state. */
void heed_seq2seq_step(heed_graph *g, const heed_seq2seq *m, heed_tensor *input, heed_tensor *e, const heed_seq2seq_memory *from,
                       heed_seq2seq_state *state);
/* The logits of states s [..., hidden], contexts c [..., m] (NULL without attention) and embeddings e [..., emb]. */
heed_tensor *heed_seq2seq_logits(heed_graph *g, const heed_seq2seq *m, heed_tensor *s, heed_tensor *c, heed_tensor *e);

#endif
