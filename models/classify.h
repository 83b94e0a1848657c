/* What stands on an encoder: its states [B, T, d] become classes of sequences, classes of tokens, or the tokens that were masked.
 *
 *     classes of a sequence    heed_classifier_apply(g, &head, heed_pool(g, states, lengths, HEED_POOL_MEAN))     [B, classes]
 *     classes of its tokens    heed_classifier_apply(g, &head, states)                                            [B, T, classes]
 *     tokens that were masked  heed_guesser_apply(g, &head, heed_take(g, heed_flatten(g, states, 0, 1), 0, rows)) [n, vocabulary]
 *
 * The encoder may be a Transformer (heed_transformer with dec_layers 0) or recurrent; `rows` are those of heed_masked_batch (io/masking.h).
 */
#ifndef HEED_CLASSIFY_H
#define HEED_CLASSIFY_H

#include "layers.h"

/* pool     mean: (1 / n) sum_{t < n} x_t     first: x_0        x [B, T, d] -> [B, d]; lengths n int32 [B], or NULL where all are T.
 * What lies behind a sequence's end counts nothing and gets no gradient. The mean of an empty sequence is 0. */
typedef enum heed_pooling { HEED_POOL_MEAN, HEED_POOL_FIRST } heed_pooling;
heed_tensor *heed_pool(heed_graph *g, heed_tensor *x, heed_tensor *lengths, heed_pooling pooling);

/* classifier   logits = dropout(x) W + b        x [..., in] -> [..., classes] */
typedef struct heed_classifier { heed_dense out; double dropout; } heed_classifier;
void heed_classifier_init(heed_classifier *m, heed_params *ps, const char *name, int64_t in, int64_t classes, double dropout);
heed_tensor *heed_classifier_apply(heed_graph *g, const heed_classifier *m, heed_tensor *x);

/* guesser      logits = LN(gelu(x W + c)) E^T + b       x [..., in] -> [..., vocabulary]
 * The head of a masked language model (Devlin et al. 2019), tied to the embedding E [vocabulary, d] of its encoder; W [in, d]. */
typedef struct heed_guesser { const char *name; heed_dense transform; heed_norm norm; heed_param *bias; const heed_embed *embed; } heed_guesser;
/* `embed` must live as long as the guesser. */
void heed_guesser_init(heed_guesser *m, heed_params *ps, const char *name, int64_t in, const heed_embed *embed);
heed_tensor *heed_guesser_apply(heed_graph *g, const heed_guesser *m, heed_tensor *x);

#endif
