#include "metrics.h"

#include "autograd/memory.h"
#include "symbols.h"

/* Levenshtein 1966, one row at a time: row[j] = edits between a[0..i) and b[0..j) */
heed_code heed_edit_distance(const int32_t *a, int64_t a_length, const int32_t *b, int64_t b_length, int64_t *edits,
                             heed_error *e)
{
    if (a_length < 0 || b_length < 0) return heed_fail(e, HEED_INVALID, "edit distance: a sequence has a negative length");
    int64_t *row = heed_calloc((size_t)b_length + 1, sizeof *row);
    if (!row) return heed_fail(e, HEED_NO_MEMORY, "no memory for an edit distance of %lld symbols", (long long)b_length);
    for (int64_t j = 0; j <= b_length; j++) row[j] = j;
    for (int64_t i = 0; i < a_length; i++) {
        int64_t diagonal = row[0]++;
        for (int64_t j = 0; j < b_length; j++) {
            int64_t best = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            if (best > diagonal + 1) best = diagonal + 1;
            if (best > row[j] + 1) best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    *edits = row[b_length];
    heed_free(row);
    return HEED_OK;
}

heed_code heed_edits_add(heed_edits *m, const char *hypothesis, const char *const *answers, size_t count, heed_error *e)
{
    if (!count)
        return heed_fail(e, HEED_INVALID, "edit distance: sequence %lld has no right answer", (long long)m->sequences + 1);
    int64_t best = INT64_MAX, best_length = 0;
    for (size_t i = 0; i < count; i++) {
        heed_symbols s[2]; /* hypothesis, answer */
        int64_t edits = 0;
        if (!heed_symbols_of_words(s, (const char *const[]){hypothesis, answers[i]}, 2))
            return heed_fail(e, HEED_NO_MEMORY, "no memory for the symbols of sequence %lld", (long long)m->sequences + 1);
        int64_t length = (int64_t)s[1].length;
        heed_code code = heed_edit_distance(s[0].ids, (int64_t)s[0].length, s[1].ids, length, &edits, e);
        heed_symbols_free(s, 2);
        if (code) return code;
        if (edits < best || (edits == best && length > best_length)) {
            best = edits;
            best_length = length;
        }
    }
    m->sequences++;
    m->wrong += best > 0;
    m->edits += best;
    m->length += best_length;
    return HEED_OK;
}
