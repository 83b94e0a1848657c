/* Accuracy, edit distance, BLEU and chrF; the last two against sacrebleu's numbers (tests/data/make_bleu.py). */
#include "check.h"
#include "io/metrics.h"
#include "refusals.h"

#include <math.h>

static void accuracy_counts_positions_and_sequences(void)
{
    heed_accuracy m = {0};
    CU_ASSERT(isnan(heed_token_accuracy(&m)) && isnan(heed_sequence_accuracy(&m)));
    heed_accuracy_add(&m, (int32_t[]){1, 2, 9}, (int32_t[]){1, 2, -1}, 3, -1); /* right: the wrong one is ignored */
    heed_accuracy_add(&m, (int32_t[]){1, 2, 3}, (int32_t[]){1, 3, 3}, 3, -1);
    heed_accuracy_add(&m, (int32_t[]){1}, (int32_t[]){-1}, 1, -1);             /* nothing to count */
    heed_accuracy_add(&m, NULL, NULL, 0, -1);
    CU_ASSERT_EQUAL(m.tokens, 5);
    CU_ASSERT_DOUBLE_EQUAL(heed_token_accuracy(&m), 4.0 / 5, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(heed_sequence_accuracy(&m), 1.0 / 2, 1e-15);
}

static int64_t distance(const char *a, const char *b)
{
    int32_t x[32], y[32];
    for (size_t i = 0; a[i]; i++) x[i] = a[i];
    for (size_t i = 0; b[i]; i++) y[i] = b[i];
    int64_t edits = -1;
    CU_ASSERT_EQUAL(heed_edit_distance(x, (int64_t)strlen(a), y, (int64_t)strlen(b), &edits, NULL), HEED_OK);
    return edits;
}

static void edit_distances(void)
{
    CU_ASSERT_EQUAL(distance("", ""), 0);
    CU_ASSERT_EQUAL(distance("", "abc"), 3);
    CU_ASSERT_EQUAL(distance("abc", ""), 3);
    CU_ASSERT_EQUAL(distance("kitten", "sitting"), 3);
    CU_ASSERT_EQUAL(distance("sunday", "saturday"), 3);
    CU_ASSERT_EQUAL(distance("ab", "ba"), 2);
    heed_error e = {0};
    int64_t edits;
    CU_ASSERT_EQUAL(heed_edit_distance(NULL, -1, NULL, 0, &edits, &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "negative length"));
}

static void the_best_answer_counts(void)
{
    heed_edits m = {0};
    CU_ASSERT(isnan(heed_wrong_rate(&m)) && isnan(heed_edit_rate(&m)));
    heed_edits_add(&m, "HH IY D", (const char *const[]){"HH EH D", "HH IY D"}, 2, NULL); /* the second is right: 0 of 3 */
    heed_edits_add(&m, "T AH M", (const char *const[]){"T AH", "T AH M OW"}, 2, NULL);   /* a tie: 1 of 4, not 1 of 2 */
    heed_edits_add(&m, "T AH M", (const char *const[]){"T AH M OW", "T AH"}, 2, NULL);   /* in whatever order */
    heed_edits_add(&m, " ", (const char *const[]){"AA"}, 1, NULL);                       /* 1 of 1 */
    CU_ASSERT_EQUAL(m.edits, 3);
    CU_ASSERT_EQUAL(m.length, 12);
    CU_ASSERT_DOUBLE_EQUAL(heed_wrong_rate(&m), 3.0 / 4, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(heed_edit_rate(&m), 3.0 / 12, 1e-15);
    heed_error e = {0};
    CU_ASSERT_EQUAL(heed_edits_add(&m, "AA", NULL, 0, &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "sequence 5 has no right answer"));
    CU_ASSERT_EQUAL(m.sequences, 4);
}

enum { LINES = 22 };
static char *sentences[LINES][3];

static void read_sentences(void)
{
    FILE *f = fopen(TEST_DATA "/bleu.tsv", "r");
    char line[1024];
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int i = 0; i < LINES; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof line, f));
        line[strcspn(line, "\n")] = 0;
        char *p = line;
        for (int k = 0; k < 3; k++) {
            size_t n = strcspn(p, "\t");
            sentences[i][k] = heed_strndup(p, n);
            p += n + (k < 2);
        }
    }
    CU_ASSERT_PTR_NULL(fgets(line, sizeof line, f));
    fclose(f);
}

static void free_sentences(void)
{
    for (int i = 0; i < LINES; i++)
        for (int k = 0; k < 3; k++) heed_free(sentences[i][k]);
}

static void bleu_and_chrf_are_sacrebleus(void)
{
    read_sentences();
    FILE *f = fopen(TEST_DATA "/bleu.expected", "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    int first, last, references, rows = 0;
    CU_ASSERT_EQUAL(fscanf(f, "#%*[^\n]"), 0);
    for (; fscanf(f, "%d %d %d", &first, &last, &references) == 3; rows++) {
        heed_bleu bleu[2] = {{.tokens = HEED_BLEU_AS_GIVEN}, {.tokens = HEED_BLEU_13A}};
        heed_chrf chrf = {0};
        for (int i = first; i < last; i++) {
            const char *const *refs = (const char *const *)&sentences[i][1];
            for (int k = 0; k < 2; k++)
                CU_ASSERT_EQUAL(heed_bleu_add(&bleu[k], sentences[i][0], refs, (size_t)references, NULL), HEED_OK);
            CU_ASSERT_EQUAL(heed_chrf_add(&chrf, sentences[i][0], refs, (size_t)references, NULL), HEED_OK);
        }
        double want[13] = {0};
        for (int k = 0; k < 13; k++) CU_ASSERT_EQUAL(fscanf(f, "%lf", &want[k]), 1);
        for (int k = 0; k < 2; k++) {
            heed_bleu_value v = heed_bleu_score(&bleu[k]);
            CU_ASSERT_DOUBLE_EQUAL(v.score, want[6 * k], 1e-9);
            CU_ASSERT_DOUBLE_EQUAL(v.brevity, want[6 * k + 1], 1e-12);
            for (int n = 0; n < 4; n++) CU_ASSERT_DOUBLE_EQUAL(v.precision[n], want[6 * k + 2 + n], 1e-10);
        }
        CU_ASSERT_DOUBLE_EQUAL(heed_chrf_score(&chrf), want[12], 1e-9);
    }
    CU_ASSERT_EQUAL(rows, 2 * (LINES + LINES - 1));
    fclose(f);
    free_sentences();
}

static void nothing_and_no_reference(void)
{
    heed_bleu bleu = {.tokens = HEED_BLEU_13A};
    heed_chrf chrf = {0};
    heed_error e = {0};
    char text[HEED_SIGNATURE_SIZE];
    CU_ASSERT_EQUAL(heed_bleu_score(&bleu).score, 0);
    CU_ASSERT_EQUAL(heed_chrf_score(&chrf), 0);
    CU_ASSERT_EQUAL(heed_bleu_add(&bleu, "a", NULL, 0, &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "BLEU: sentence 1 has no reference"));
    heed_bleu_add(&bleu, "a", (const char *const[]){"a"}, 1, NULL);
    CU_ASSERT_STRING_EQUAL(heed_bleu_signature(&bleu, text),
                           "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:heed-" HEED_VERSION);
    heed_bleu_add(&bleu, "a", (const char *const[]){"a", "b"}, 2, NULL);
    CU_ASSERT(check_says(heed_bleu_signature(&bleu, text), "nrefs:var|"));
    heed_chrf_add(&chrf, "\xff", (const char *const[]){"\xff\xc0"}, 1, NULL); /* no UTF-8: bytes are characters */
    CU_ASSERT_EQUAL(chrf.match[0], 1);
    CU_ASSERT(check_says(heed_chrf_signature(&chrf, text), "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:heed-"));
    e = (heed_error){0};
    CU_ASSERT_EQUAL(heed_chrf_add(&chrf, "a", NULL, 0, &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "chrF: sentence 2 has no reference"));
}

static bool adds_all(void *unused)
{
    (void)unused;
    const char *const references[] = {"one &amp; two , three", "one two ( three )"};
    heed_bleu bleu = {.tokens = HEED_BLEU_13A}, none = {0};
    heed_chrf chrf = {0};
    heed_edits edits = {0};
    heed_error e = {0};
    heed_bleu_add(&bleu, "one two, three", references, 2, &e);
    heed_bleu_add(&none, "one two, three", references, 2, &e);
    heed_chrf_add(&chrf, "one two, three", references, 2, &e);
    heed_edits_add(&edits, "one two, three", references, 2, &e);
    int added = (bleu.sentences > 0) + (none.sentences > 0) + (chrf.sentences > 0) + (edits.sequences > 0);
    CU_ASSERT_EQUAL(e.code, added == 4 ? HEED_OK : HEED_NO_MEMORY);
    return !e.code;
}

static void refused_memory_is_an_error(void) { CU_ASSERT(check_refusals(adds_all, NULL) > 20); }

CHECK_MAIN("metrics", {"accuracy counts positions and sequences", accuracy_counts_positions_and_sequences},
           {"edit distances", edit_distances}, {"the best of several answers counts", the_best_answer_counts},
           {"BLEU and chrF are sacrebleu's", bleu_and_chrf_are_sacrebleus},
           {"nothing and no reference", nothing_and_no_reference}, {"refused memory is an error", refused_memory_is_an_error})
