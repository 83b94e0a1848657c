/* Pairs to learn from, as batches: a generated task, a dictionary (letters to phonemes), parallel text; a part is held out. */
#ifndef HEED_EXPERIMENTS_PAIRS_H
#define HEED_EXPERIMENTS_PAIRS_H

#include "experiments/tasks.h"

typedef struct pairs {
    /* to be set before opening */
    size_t batch_tokens;    /* of B * max(S, T); 0: 2048 */
    size_t most_train;      /* examples; 0: all */
    size_t most_valid;      /* likewise */
    double hold_out;        /* share of a dictionary's words or a text's lines; 0: 0.05 */
    /* then there are */
    heed_examples *train_examples, *valid_examples;
    heed_batches *train, *valid;
    int64_t src_symbols, tgt_symbols; /* sizes of the vocabularies; equal, and the same symbols, for a task */
    int64_t longest_source;
    bool task;
    heed_units *src_units, *tgt_units;
    heed_vocab *src_vocab, *tgt_vocab;
} pairs;

/* False: the lab has failed. pairs_free in any case. */
bool pairs_from_task(lab *l, pairs *p, const task *t); /* most_train (20000) and most_valid (500) examples */
bool pairs_from_dictionary(lab *l, pairs *p, const char *path); /* chars to words; validation has every word once, with all its answers */
bool pairs_from_numbers(lab *l, pairs *p, size_t count, uint64_t step); /* numbers and their English names: chars to words */
/* Two files line by line, one vocabulary for both; `valid`: files to validate on, NULL: a part is held out. */
bool pairs_from_text(lab *l, pairs *p, const char *const src_and_tgt[2], const char *const valid[2], const char *units);

typedef struct pairs_lines {
    const heed_text *src, *tgt, *valid_src, *valid_tgt; /* valid_src NULL: a part of the other is held out */
    const char *units;
    bool joint;         /* one vocabulary for both sides */
    uint64_t min_count; /* units seen less often are unknown */
} pairs_lines;
bool pairs_from_lines(lab *l, pairs *p, const pairs_lines *x); /* an example's origin is its line, from 0 */
void pairs_free(pairs *p);

/* A symbol as text, for labels: "a", "b" ... in a task. Lives as long as the lab. */
const char *pairs_symbol(lab *l, const pairs *p, bool source, int32_t id);

#endif
