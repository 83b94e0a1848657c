/* Several texts as sequences of small numbers, equal symbols having equal numbers within one call; and the n-grams they share.
 * For use inside io/. */
#ifndef HEED_SYMBOLS_H
#define HEED_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEED_NGRAM_MAX = 6 };

typedef struct heed_symbols {
    int32_t *ids;  /* followed by HEED_NGRAM_MAX times -1, so that an n-gram may be read from any position */
    size_t length;
} heed_symbols;

/* Fills out[0..count) from the texts; false when an allocation was refused, with nothing to free. */
bool heed_symbols_of_words(heed_symbols *out, const char *const *texts, size_t count);      /* what white space separates */
bool heed_symbols_of_characters(heed_symbols *out, const char *const *texts, size_t count); /* white space left out */
void heed_symbols_free(heed_symbols *s, size_t count);

/* match[n - 1] for n = 1..orders: n-grams of `hypothesis` that are in a reference, each at most as often as the reference that
 * has it most often. False when an allocation was refused. */
bool heed_ngram_matches(const heed_symbols *hypothesis, const heed_symbols *references, size_t count, int orders, int64_t *match);

#endif
