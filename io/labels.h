/* Labels: the classes of lines (one label a line) or of their tokens (one tag a token, separated by blanks).
 *
 * Blanks and TABs around a label do not count. Class c is unit c + HEED_ID_FIRST of the labels' vocabulary: the most frequent one is class 0.
 * Class numbers are the answers of the examples, for batches that are `bare`.
 */
#ifndef HEED_LABELS_H
#define HEED_LABELS_H

#include "examples.h"

typedef enum heed_label_kind { HEED_LABEL_LINES, HEED_LABEL_TOKENS } heed_label_kind;

/* The labels of a file. An empty line instead of a label, and fewer than two different labels, are errors. The names of the vocabulary's
 * fixed units ("<s>") are no labels. */
heed_vocab *heed_labels_vocabulary(const heed_text *labels, heed_label_kind kind, heed_error *e);
size_t heed_labels_count(const heed_vocab *labels);                  /* classes */
heed_line heed_labels_name(const heed_vocab *labels, int32_t number); /* "<unk>" for a number that is no class */

/* An example for every line (origin: its index) with its class, or the classes of its tokens, as the one answer. Lines without a token are
 * left out. An unknown label, and tags that are not as many as the line's tokens, are errors that name file and line.
 * `part` and `share` choose lines as heed_held_out has it of the source line; with `begin` HEED_ID_BEGIN stands before the tokens. */
typedef struct heed_label_rules { heed_label_kind kind; heed_part part; double share; bool begin; } heed_label_rules;
heed_code heed_labels_add(heed_examples *x, const heed_text *source, const heed_text *labels, const heed_side *from, const heed_vocab *classes,
                          const heed_label_rules *rules, heed_error *e);

#endif
