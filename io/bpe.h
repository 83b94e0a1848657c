/* The merges of a subword-nmt codes file, applied as subword-nmt applies them. Part of units.c; not installed. */
#ifndef HEED_BPE_H
#define HEED_BPE_H

#include "text.h"

#include <stdint.h>

typedef struct heed_bpe heed_bpe;

heed_bpe *heed_bpe_create(const heed_text *codes, heed_error *e);
void heed_bpe_free(heed_bpe *b);

/* Lengths in bytes of the parts of a word without blanks, which is not empty; valid until the next call. NULL: no memory. */
const uint32_t *heed_bpe_cut(heed_bpe *b, heed_line word, size_t *count, heed_error *e);

#endif
