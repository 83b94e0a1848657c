/* Vocabulary: units and their numbers. Four numbers are fixed; the others go by falling count, equal counts by bytes.
 *
 * The fixed ones are never looked up: a text that holds "</s>" as a word has an unknown word there, not an end.
 */
#ifndef HEED_VOCAB_H
#define HEED_VOCAB_H

#include "units.h"

#include <stdint.h>

enum {
    HEED_ID_PAD,     /* "<pad>": fills up rows of a batch; as a target it is ignored */
    HEED_ID_UNKNOWN, /* "<unk>" */
    HEED_ID_BEGIN,   /* "<s>" */
    HEED_ID_END,     /* "</s>" */
    HEED_ID_FIRST    /* the most frequent unit */
};

/* Counting */

typedef struct heed_counts heed_counts;

heed_counts *heed_counts_create(heed_error *e);
void heed_counts_free(heed_counts *c);
heed_code heed_counts_add(heed_counts *c, heed_line unit, uint64_t times, heed_error *e);
heed_code heed_counts_add_line(heed_counts *c, heed_units *u, heed_line line, heed_error *e); /* every unit of it once more */

/* The vocabulary */

typedef struct heed_vocab heed_vocab;

/* Units seen `min_count` times or more; of these the most frequent that fit, where `max_size` is not 0 (it includes the four). */
heed_vocab *heed_vocab_create(const heed_counts *c, uint64_t min_count, size_t max_size, heed_error *e);
void heed_vocab_free(heed_vocab *v);

size_t heed_vocab_size(const heed_vocab *v);                /* ids are 0 to size - 1 */
int32_t heed_vocab_id(const heed_vocab *v, heed_line unit); /* HEED_ID_UNKNOWN: not there */
heed_line heed_vocab_unit(const heed_vocab *v, int32_t id); /* "<unk>" for numbers that are no id */
uint64_t heed_vocab_count(const heed_vocab *v, int32_t id); /* how often it was seen; 0 for the fixed four */

/* Lines as ids */

typedef struct heed_ids { /* begin with all zero; heed_free(items) at the end */
    int32_t *items;
    size_t count, capacity;
} heed_ids;

/* Appends the line's ids to `out`. A missing unit becomes HEED_ID_UNKNOWN and adds 1 to `*unknown` (may be NULL); or, where
 * `file` is given, it is an error that names file, line number and unit, and `out` is as before. */
heed_code heed_vocab_encode(const heed_vocab *v, heed_units *u, heed_line line, const char *file, size_t number, heed_ids *out,
                            size_t *unknown, heed_error *e);

/* The line of ids up to the first HEED_ID_END, without pads and begins. Owned as in heed_units_join; bytes NULL: failed. */
heed_line heed_vocab_decode(const heed_vocab *v, heed_units *u, const int32_t *ids, size_t count, heed_error *e);

/* As text: `unit TAB count`, a line a unit, in the order of ids from HEED_ID_FIRST on; so for people and for checkpoints */

char *heed_vocab_save(const heed_vocab *v, size_t *length, heed_error *e); /* the caller frees it with heed_free; NULL: failed */
heed_vocab *heed_vocab_restore(const char *name, const char *bytes, size_t length, heed_error *e); /* `name` is for messages */
heed_code heed_vocab_write(const heed_vocab *v, const char *path, heed_error *e); /* as heed_write_file does */
heed_vocab *heed_vocab_read(const char *path, heed_error *e);

#endif
