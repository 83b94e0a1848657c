/* The Transformer, "Attention Is All You Need" (Vaswani et al. 2017): layers, stacks, and models with an encoder, a decoder or both.
 *
 * Shapes: B sentences, S source and T target positions, d the width of the model. Sequences start at position 0 and are padded at the end;
 * lengths tell how much of each is real. Post-norm is the paper's; pre-norm puts the norm before each part and one more at the end of
 * each stack (Xiong et al. 2020).
 */
#ifndef HEED_TRANSFORMER_H
#define HEED_TRANSFORMER_H

#include "attention.h"
#include "model.h"

/* --- layers --------------------------------------------------------------------------------------------------------------------- */

typedef struct heed_layer_config {
    int64_t d, heads, dk, dv, ff;
    heed_activation activation;
    double dropout;           /* on each part's output, before it is added (section 5.4) */
    double attention_dropout; /* on the attention weights */
    double ff_dropout;        /* inside the feed-forward part */
    bool pre_norm;
} heed_layer_config;

typedef struct heed_encoder_layer {
    heed_multihead self;
    heed_ffn ffn;
    heed_norm norm1, norm2;
    double dropout;
    bool pre_norm;
} heed_encoder_layer;

typedef struct heed_decoder_layer {
    heed_multihead self, cross;
    heed_ffn ffn;
    heed_norm norm1, norm2, norm3;
    double dropout;
    bool pre_norm, has_cross; /* without cross-attention it is the layer of a language model */
} heed_decoder_layer;

void heed_encoder_layer_init(heed_encoder_layer *m, heed_params *ps, const heed_layer_config *c);
heed_tensor *heed_encoder_layer_apply(heed_graph *g, const heed_encoder_layer *m, heed_tensor *x, heed_mask mask);

void heed_decoder_layer_init(heed_decoder_layer *m, heed_params *ps, const heed_layer_config *c, bool has_cross);
/* `memory` [B, S, d] is the encoder's output (NULL without cross-attention), `lengths` int32 [B] its lengths or NULL. */
heed_tensor *heed_decoder_layer_apply(heed_graph *g, const heed_decoder_layer *m, heed_tensor *x, heed_tensor *memory, heed_tensor *lengths);

/* --- models ------------------------------------------------------------------------------------------------------------------------ */

typedef struct heed_transformer_config {
    heed_layer_config layer;
    int64_t src_vocab, tgt_vocab;
    int enc_layers, dec_layers;    /* 0 enc_layers: a language model; 0 dec_layers: an encoder */
    heed_position_kind positions;
    int64_t max_len;               /* of learned positions */
    heed_tie tie;
} heed_transformer_config;

typedef struct heed_transformer {
    heed_transformer_config config;
    heed_embed src, tgt;           /* the same with HEED_TIE_ALL */
    heed_positions enc_positions, dec_positions;
    heed_encoder_layer enc[HEED_MAX_LAYERS];
    heed_decoder_layer dec[HEED_MAX_LAYERS];
    heed_norm enc_norm, dec_norm;  /* pre-norm only */
    heed_dense out;                /* HEED_TIE_NONE only */
} heed_transformer;

/* The paper's base model (table 3): N 6, d 512, ff 2048, h 8, dropout 0.1, tied, for the given joint vocabulary. */
heed_transformer_config heed_transformer_base(int64_t vocabulary);
/* Makes the parameters; a sentence in the store's error when the sizes cannot be. */
void heed_transformer_init(heed_transformer *m, heed_params *ps, const heed_transformer_config *c);
/* The weights it would make, counted without making them; INT64_MAX from 2^53 on. */
int64_t heed_transformer_size(const heed_transformer_config *c);

/* src int32 [B, S], lengths int32 [B] or NULL: the encoder's output [B, S, d] */
heed_tensor *heed_transformer_encode(heed_graph *g, const heed_transformer *m, heed_tensor *src, heed_tensor *lengths);
/* tgt int32 [B, T] (begin symbol first): the decoder's states [B, T, d]; memory and lengths NULL for a language model */
heed_tensor *heed_transformer_decode(heed_graph *g, const heed_transformer *m, heed_tensor *tgt, heed_tensor *memory, heed_tensor *lengths);
/* states [..., d]: logits [..., tgt_vocab] */
heed_tensor *heed_transformer_logits(heed_graph *g, const heed_transformer *m, heed_tensor *states);
/* With a decoder, as a model to train and to write with. */
heed_model heed_transformer_model(const heed_transformer *m);

#endif
