/* An array that a decoder keeps from one step to the next: an item for every row that is written, or for every sentence. */
#ifndef HEED_KEPT_H
#define HEED_KEPT_H

#include "../ops/ops.h"

typedef struct heed_kept {
    heed_dtype dtype;
    int rank;
    int64_t shape[HEED_MAX_RANK]; /* of an item: without the first axis */
    char *data, *spare;           /* NULL: nothing is kept */
    int64_t room;                 /* items */
} heed_kept;

void heed_kept_free(heed_kept *k);
/* Keeps the values of t [n, ...], each item `copies` times, one after the other; they are computed if they are not known. */
heed_code heed_kept_set(heed_kept *k, heed_graph *g, heed_tensor *t, int64_t copies, heed_error *e);
/* The first n items as a tensor, valid until the next change. */
heed_tensor *heed_kept_use(const heed_kept *k, heed_graph *g, int64_t n);
/* Item i becomes what was item from[i * stride] / stride, for i below n. */
heed_code heed_kept_select(heed_kept *k, int64_t n, const int32_t *from, int64_t stride, heed_error *e);

#endif
