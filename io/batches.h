/* Batches of examples: of similar length, within a budget of tokens, in an order that a seed and an epoch determine.
 *
 * Examples are sorted by the longer of their two sides; in every epoch those of equal length are shuffled among each other; then
 * they are cut into batches, as many as fit the budget, and the batches are shuffled. Where to cut depends on the lengths alone,
 * so every epoch has the same number of batches, and batch `step` of the endless sequence of epochs is found without a look at
 * those before it: a position in the data is one number.
 */
#ifndef HEED_BATCHES_H
#define HEED_BATCHES_H

#include "examples.h"

/* Rows of ids, filled up with HEED_ID_PAD. B rows, S source steps, T target steps; arrays are row by row. */
typedef struct heed_batch {
    size_t rows, source_steps, target_steps; /* B, S, T: the longest row's; 0 where there is no such side */
    const int32_t *source;                   /* [B,S] */
    const int32_t *source_length;            /* [B] */
    const int32_t *target_in;                /* [B,T] HEED_ID_BEGIN, then the answer */
    const int32_t *target_out;               /* [B,T] the answer, then HEED_ID_END: what is to be said after target_in */
    const int32_t *target_length;            /* [B] with begin or end; 0 without an answer */
    const size_t *example;                   /* [B] the index of the example; in windows of a text, that of the first id */
    size_t source_tokens, target_tokens;     /* without padding: the sums of the lengths */
} heed_batch;

/* Rows from .. from + rows - 1 of a batch, as a batch of as many steps over the same arrays: what a shard learns from. Not of a batch with masks, whose
 * target_in counts places in all of it (masking.h). */
heed_batch heed_batch_rows(const heed_batch *b, size_t from, size_t rows);

enum { HEED_NO_CLASS = -1 }; /* as a target: to be ignored */

typedef struct heed_batches_options {
    size_t tokens;     /* B * max(S, T) is at most this, padding included; examples that exceed it alone are dropped */
    size_t max_rows;   /* 0: no limit */
    size_t max_length; /* examples with a longer source, or answer with its end, are dropped too; 0: no limit */
    bool in_order;     /* sorted, not shuffled, every epoch the same: for evaluation and decoding */
    bool bare;         /* answers are classes: target_out is the answer alone, filled up with HEED_NO_CLASS; no target_in */
    uint64_t seed;
} heed_batches_options;

typedef struct heed_batches heed_batches;

/* The examples must outlive the batches and not be added to. Answer 0 is the target. No usable example is an error. */
heed_batches *heed_batches_create(const heed_examples *x, const heed_batches_options *options, heed_error *e);
void heed_batches_free(heed_batches *b);

typedef struct heed_batches_counts {
    size_t batches;                      /* an epoch has */
    size_t examples;                     /* in them */
    size_t empty, too_long;              /* dropped: without a source unit, over the limit */
    size_t source_tokens, target_tokens; /* an epoch has, without padding */
    size_t most_rows, most_places;       /* of a batch: B, and B * max(S, T) */
    double padding;                      /* the share of all places that is padding, source and target, in the first epoch */
} heed_batches_counts;

heed_batches_counts heed_batches_count(const heed_batches *b);

/* Batch `step` % batches of epoch `step` / batches, valid until the next call. Allocates nothing and cannot fail. */
const heed_batch *heed_batches_at(heed_batches *b, uint64_t step);

#endif
