/* How good a parser's trees are: labelled brackets, as evalb (Sekine and Collins 1997) counts them with COLLINS.prm.
 *
 * A bracket is a phrase's label with its first and last word; tags do not count. Words with the tags `,` `.` `:` `` `` `` `''` are taken
 * out first (in both trees by the right tree's tags), and phrases of nothing else with them. Brackets without a label or labelled
 * TOP, ROOT or S1 do not count; ADVP and PRT are the same label. Equal brackets of one tree (NP over NP) match one by one.
 *
 *     precision = match / output     recall = match / gold     F1 = 2 match / (output + gold)
 */
#ifndef HEED_BRACKETS_H
#define HEED_BRACKETS_H

#include "treebank.h"

#include <stdint.h>

typedef struct heed_brackets {   /* sums that start as {0}; those of several parts may be added field by field */
    int64_t sentences, exact;    /* exact: their brackets are all the same */
    int64_t gold, output, match; /* brackets */
    int64_t crossing;            /* brackets of the output that cross one of gold's: they overlap, neither is within the other */
} heed_brackets;

/* Refused when the two have different numbers of words; a failed call leaves the sums as they were. */
heed_code heed_brackets_add(heed_brackets *m, const heed_tree *gold, const heed_tree *output, heed_error *e);
double heed_brackets_precision(const heed_brackets *m); /* 0..1; NaN when there is nothing to divide by */
double heed_brackets_recall(const heed_brackets *m);
double heed_brackets_f1(const heed_brackets *m);

#endif
