/* A set of byte strings, numbered 0, 1, 2, ... in the order in which they were first added: words, units, symbols.
 *
 * Numbers depend on the order of adding alone, never on the hash, so whatever is built on them is deterministic.
 */
#ifndef HEED_STRINGS_H
#define HEED_STRINGS_H

#include <stddef.h>
#include <stdint.h>

typedef struct heed_strings heed_strings;

#define HEED_NO_STRING SIZE_MAX

heed_strings *heed_strings_create(void); /* NULL: no memory */
void heed_strings_free(heed_strings *s);

/* The string's number, adding it where it is new; HEED_NO_STRING: no memory, nothing changed. `bytes` is copied. */
size_t heed_strings_add(heed_strings *s, const char *bytes, size_t length);
size_t heed_strings_find(const heed_strings *s, const char *bytes, size_t length); /* HEED_NO_STRING: not there */

size_t heed_strings_count(const heed_strings *s);
const char *heed_strings_at(const heed_strings *s, size_t i); /* NUL at its end; valid until the next heed_strings_add */
size_t heed_strings_length(const heed_strings *s, size_t i);

/* 64 bits of the bytes: FNV-1a, its bits mixed by MurmurHash3's finaliser. Part of what splits a dictionary: never to change. */
uint64_t heed_strings_hash(const char *bytes, size_t length);

#endif
