/* Examples: sources and their right answers as ids, ready to be batched.
 *
 * Training takes an example for every answer; evaluation one for every source, with all answers to compare with; decoding takes
 * sources alone.
 */
#ifndef HEED_EXAMPLES_H
#define HEED_EXAMPLES_H

#include "dictionary.h"
#include "vocab.h"

typedef struct heed_examples heed_examples;

heed_examples *heed_examples_create(heed_error *e);
void heed_examples_free(heed_examples *x);

/* One example, and then its answers one after the other; ids are copied. `origin` is the caller's, such as a line or a word. */
heed_code heed_examples_add(heed_examples *x, size_t origin, const int32_t *source, size_t length, heed_error *e);
heed_code heed_examples_add_answer(heed_examples *x, const int32_t *ids, size_t length, heed_error *e);

/* How the lines of one side become ids. */
typedef struct heed_side {
    heed_units *units;
    const heed_vocab *vocab;
    bool strict; /* a unit that the vocabulary lacks is an error, or else it is HEED_ID_UNKNOWN */
} heed_side;

/* Which words of a dictionary; the share is that of heed_held_out. */
typedef enum heed_part { HEED_ALL_WORDS, HEED_TRAINING_WORDS, HEED_HELD_OUT_WORDS } heed_part;

/* An example for every line (origin: its index); `target` NULL: without answers. Lines with an empty side are left out. */
heed_code heed_examples_add_text(heed_examples *x, const heed_text *source, const heed_text *target, const heed_side *from,
                                 const heed_side *to, heed_error *e);

/* An example for every word (origin: its index) with all its answers, or for every answer of every word. */
heed_code heed_examples_add_dictionary(heed_examples *x, const heed_dictionary *d, heed_part part, double share,
                                       bool every_answer, const heed_side *from, const heed_side *to, heed_error *e);

/* What is there */

size_t heed_examples_count(const heed_examples *x);
size_t heed_examples_left_out(const heed_examples *x); /* lines with an empty side */
size_t heed_examples_unknown(const heed_examples *x);  /* units that the vocabularies lack */
size_t heed_examples_origin(const heed_examples *x, size_t i);
size_t heed_examples_answers(const heed_examples *x, size_t i); /* how many example i has */
const int32_t *heed_examples_source(const heed_examples *x, size_t i, size_t *length);
const int32_t *heed_examples_answer(const heed_examples *x, size_t i, size_t k,
                                    size_t *length); /* the pointers: until more is added */

/* A hash of all of it, to tell whether training goes on with the examples it began with. */
uint64_t heed_examples_hash(const heed_examples *x);

#endif
