/* How good an output is: accuracy, spans of tags, edit distance (WER, PER), BLEU, chrF.
 *
 *     heed_bleu bleu = {.tokens = HEED_BLEU_13A};
 *     for each sentence: heed_bleu_add(&bleu, hypothesis, (const char *const[]){reference}, 1, &e);
 *     printf("%.2f\n", heed_bleu_score(&bleu).score);
 *
 * Every measure is a plain struct of sums that starts as {0}: add a sentence at a time, ask for the value at any moment. Sums of
 * several parts may be added field by field. Adding needs memory only while it runs; a failed call leaves the sums as they were.
 * Texts are UTF-8, and white space is what Unicode says; a byte that is no UTF-8 counts as a character of its own.
 */
#ifndef HEED_METRICS_H
#define HEED_METRICS_H

#include "../autograd/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Accuracy with the right beginning given (teacher forcing): position by position. */

typedef struct heed_accuracy {
    int64_t tokens, right_tokens;       /* targets equal to the ignored index are not counted */
    int64_t sequences, right_sequences; /* right: all its counted tokens are right; a sequence without any is not counted */
} heed_accuracy;

void   heed_accuracy_add(heed_accuracy *m, const int32_t *predicted, const int32_t *target, int64_t length, int32_t ignore);
double heed_token_accuracy(const heed_accuracy *m);    /* 0..1, NaN when nothing was counted */
double heed_sequence_accuracy(const heed_accuracy *m);

/* Spans that tags mark: share of predicted spans that are right, of right spans that are found, and their harmonic mean, as the shared tasks
 * CoNLL-2000 and CoNLL-2003 count (conlleval; Tjong Kim Sang and Buchholz 2000). A span is right when beginning, end and type are.
 *
 * Tags are O, B-TYPE and I-TYPE, also B and I alone. Both IOB2 (every span begins with B-) and IOB1 (B- only where a span of the same type
 * stands before) are read: I- behind O, at the beginning of a sentence or behind another type begins a span. Any other tag counts as O. */

typedef struct heed_spans { int64_t right, predicted, target; } heed_spans;

bool   heed_spans_have(const char *const *names, size_t count); /* whether a set of tags is such a set, with one span tag at least */
void   heed_spans_add(heed_spans *m, const char *const *predicted, const char *const *target, int64_t length); /* a sentence */
double heed_spans_precision(const heed_spans *m);               /* 0..1; as conlleval has it, 0 where nothing was predicted */
double heed_spans_recall(const heed_spans *m);
double heed_spans_f1(const heed_spans *m);

/* Edit distance: how many substitutions, insertions and deletions of symbols turn one sequence into the other. */

heed_code heed_edit_distance(const int32_t *a, int64_t a_length, const int32_t *b, int64_t b_length, int64_t *edits,
                             heed_error *e);

/* Symbols are what white space separates. Of several right answers the one with the fewest edits counts, of equals the longest,
 * so that their order does not matter (Yao & Zweig 2015, "Sequence-to-sequence neural net models for grapheme-to-phoneme
 * conversion").
 *
 *     pronunciations: symbols are phonemes    WER = heed_wrong_rate    PER = heed_edit_rate
 *     sentences:      symbols are words       WER = heed_edit_rate */
typedef struct heed_edits {
    int64_t sequences, wrong; /* wrong: equal to none of its answers */
    int64_t edits, length;    /* edits to the best answer; length of that answer */
} heed_edits;

heed_code heed_edits_add(heed_edits *m, const char *hypothesis, const char *const *answers, size_t count, heed_error *e);
double    heed_wrong_rate(const heed_edits *m); /* wrong / sequences, NaN when nothing was added */
double    heed_edit_rate(const heed_edits *m);  /* edits / length: may exceed 1; NaN when the answers are empty */

/* Corpus BLEU (Papineni et al. 2002) as sacrebleu 2 computes it: orders 1 to 4, exponential smoothing, case kept, the reference
 * length closest to the hypothesis (the shorter one when two are as close). */

typedef enum heed_bleu_tokens {
    HEED_BLEU_AS_GIVEN, /* the text is tokenised already: split at white space (sacrebleu's "none") */
    HEED_BLEU_13A       /* mteval-v13a, the tokeniser of the WMT shared tasks and sacrebleu's default */
} heed_bleu_tokens;

typedef struct heed_bleu {
    heed_bleu_tokens tokens;
    int64_t match[4], total[4]; /* n-grams of the hypotheses found in a reference, and all of them */
    int64_t hypothesis_length, reference_length;
    int64_t sentences, references; /* references of a sentence, -1: not the same for all */
} heed_bleu;

typedef struct heed_bleu_value {
    double score, precision[4]; /* 0..100 */
    double brevity;             /* 0..1, the penalty for hypotheses shorter than their references */
} heed_bleu_value;

heed_code       heed_bleu_add(heed_bleu *m, const char *hypothesis, const char *const *references, size_t count, heed_error *e);
heed_bleu_value heed_bleu_score(const heed_bleu *m);

/* What has to stand next to a published score, such as "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:heed-0.1.0". */
enum { HEED_SIGNATURE_SIZE = 128 };
const char *heed_bleu_signature(const heed_bleu *m, char text[HEED_SIGNATURE_SIZE]);

/* chrF2 (Popović 2015) as sacrebleu 2 computes it: character orders 1 to 6 without white space, no word orders, recall counts
 * twice (beta 2). Of several references the one with the best score for the sentence counts. */

typedef struct heed_chrf {
    int64_t hypothesis[6], reference[6], match[6]; /* n-grams of each order */
    int64_t sentences, references;                 /* as in heed_bleu */
} heed_chrf;

heed_code   heed_chrf_add(heed_chrf *m, const char *hypothesis, const char *const *references, size_t count, heed_error *e);
double      heed_chrf_score(const heed_chrf *m); /* 0..100 */
const char *heed_chrf_signature(const heed_chrf *m, char text[HEED_SIGNATURE_SIZE]);

#endif
