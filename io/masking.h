/* Masked language models: batches of tokens some of which are to be guessed (Devlin et al. 2019, section 3.1, task 1).
 *
 * Of each sequence of n tokens max(1, round(share n)) are chosen, any set of that size as likely as another. Of the chosen, 80 % become
 * HEED_ID_MASK, 10 % a unit of the vocabulary at random, 10 % stay. HEED_ID_BEGIN is never chosen. The choice is a function of a seed, a stream
 * and the example, whatever batch it is in: one stream for all of a validation, another one for every step of training.
 */
#ifndef HEED_MASKING_H
#define HEED_MASKING_H

#include "batches.h"

enum { HEED_ID_MASK = HEED_ID_END }; /* the end symbol, which an encoder's input has no other use for */

typedef struct heed_masking heed_masking;

/* For the batches of `b`, whose examples need no answers; `vocabulary`: its size; `share`: in (0, 1]. */
heed_masking *heed_masking_create(const heed_batches *b, size_t vocabulary, double share, heed_error *e);
void heed_masking_free(heed_masking *m);

/* The batch with masks, valid until the next call: `source` [B,S] with what was put in place of the chosen; T the most chosen in a row;
 * `target_in` [B,T] where they are, as rows of a [B S] matrix; `target_out` [B,T] what they were, filled up with HEED_NO_CLASS (and
 * target_in with a row of the sequence); `target_length` [B] how many. Everything else is as in `b`. Allocates nothing and cannot fail. */
const heed_batch *heed_masked_batch(heed_masking *m, const heed_batch *b, uint64_t seed, uint64_t stream);

#endif
