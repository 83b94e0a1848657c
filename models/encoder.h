/* Encoder-only models: an encoder, Transformer or recurrent, and what stands on it (classify.h).
 *
 *     classes    of sequences    logits [B, classes]
 *     tags       of tokens       logits [B, T, classes]
 *     masked     tokens          logits [B, N, vocabulary]      at N chosen places of each sequence (Devlin et al. 2019)
 *
 * The encoder's parameters ("src", "enc...") have the same names whatever stands on it, the head's are "head" or "mlm": a model of masked
 * tokens is pre-trained, and its encoder is copied by name into a model of classes or tags.
 */
#ifndef HEED_ENCODER_H
#define HEED_ENCODER_H

#include "classify.h"
#include "model.h"
#include "recurrent.h"
#include "transformer.h"

typedef enum heed_encoder_task { HEED_ENCODER_CLASSES, HEED_ENCODER_TAGS, HEED_ENCODER_MASKED } heed_encoder_task;

typedef struct heed_encoder_config {
    heed_encoder_task task;
    int64_t vocabulary, classes;         /* classes of sequences or of tokens */
    heed_pooling pooling;                /* of classes of sequences */
    double dropout;                      /* on the head's input, unless tokens are masked */
    double emb_dropout;                  /* on the embeddings of a recurrent encoder; a Transformer has its layer's */
    bool recurrent;
    heed_rnn_config rnn;                 /* if recurrent: `in` is the width of the embedding */
    heed_transformer_config transformer; /* if not: layer, enc_layers, positions and max_len count */
} heed_encoder_config;

typedef struct heed_encoder {
    heed_encoder_config config;
    heed_embed embed;                    /* of both */
    heed_rnn rnn;
    heed_transformer transformer;
    heed_classifier head;
    heed_guesser guesser;
} heed_encoder;

/* The struct must stay where it is. */
void heed_encoder_init(heed_encoder *m, heed_params *ps, const heed_encoder_config *c);
/* The weights it would make, counted without making them; INT64_MAX from 2^53 on. */
int64_t heed_encoder_size(const heed_encoder_config *c);
int64_t heed_encoder_width(const heed_encoder_config *c); /* of a state */

/* ids int32 [B, T], lengths int32 [B] or NULL: the states [B, T, width] */
heed_tensor *heed_encoder_states(heed_graph *g, const heed_encoder *m, heed_tensor *ids, heed_tensor *lengths);
/* The logits of the table above; `places` int32 [B, N], rows of the [B T, width] states as in heed_masked_batch, else NULL. */
heed_tensor *heed_encoder_logits(heed_graph *g, const heed_encoder *m, heed_tensor *ids, heed_tensor *lengths, heed_tensor *places);

/* As a model to train, which does not write (heed_decoder_new gives NULL): of heed_teaching, `tgt` are the places. Its name is
 * "encoder", or "recurrent encoder". */
heed_model heed_encoder_model(const heed_encoder *m);

#endif
