/* Dictionaries: a word and one or more right answers, such as its pronunciations.
 *
 *     word TAB symbols [TAB symbols ...]       with a TAB in the line; the word may contain blanks
 *     word symbols                             without: the first run of blanks ends the word, as in the CMU dictionary
 *
 * More lines with the same word give more answers, and so does the CMU file's `word(2)`. Equal answers of a word are one.
 * Symbols are separated by blanks. Blank lines and lines that begin with `;;;` are skipped; so are, where they hold no TAB,
 * lines that are `#`, or begin with `##` or `# `; ` # ` and what follows ends a line without TAB. (`#HASH HH AE SH` has a word.)
 * Words and answers keep the order of the file.
 */
#ifndef HEED_DICTIONARY_H
#define HEED_DICTIONARY_H

#include "text.h"

#include <stdint.h>

typedef struct heed_dictionary heed_dictionary;

heed_dictionary *heed_dictionary_read(const char *path, heed_error *e);   /* a file without a word is refused */
heed_dictionary *heed_dictionary_create(const char *name, heed_error *e); /* empty, to be filled */
void heed_dictionary_free(heed_dictionary *d);

/* `symbols` is made canonical: one blank between symbols, none around them. Refuses an empty word or answer. `number` is that of
 * the line, for messages. */
heed_code heed_dictionary_add(heed_dictionary *d, heed_line word, heed_line symbols, size_t number, heed_error *e);

size_t heed_dictionary_count(const heed_dictionary *d); /* of words */
heed_line heed_dictionary_word(const heed_dictionary *d, size_t i);
size_t heed_dictionary_answers(const heed_dictionary *d, size_t i);      /* of word i: 1 or more */
size_t heed_dictionary_find(const heed_dictionary *d, const char *word); /* SIZE_MAX: not there */

const char *heed_dictionary_name(const heed_dictionary *d); /* the path */

/* Answer k of word i, symbols with single blanks between them, and the number of its line (NULL: not wanted). */
heed_line heed_dictionary_answer(const heed_dictionary *d, size_t i, size_t k, size_t *number);

/* Writes `word TAB answer [TAB answer ...]`, a line a word; as heed_write_file does. */
heed_code heed_dictionary_write(const heed_dictionary *d, const char *path, heed_error *e);

/* Whether the word belongs to the share (0 to 1) that is held out for validation. A hash of the word alone decides, so all its
 * answers are on one side, whatever else the dictionary holds. A larger share holds out a superset. */
bool heed_held_out(heed_line word, double share);

#endif
