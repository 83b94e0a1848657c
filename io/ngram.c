/* Shared n-grams without a hash table: the positions of a sequence, sorted by the symbols that follow, have equal n-grams side by
 * side for every n at once, and two sorted sequences are compared by walking along both. */
#include "symbols.h"

#include "autograd/memory.h"

#include <stdlib.h>
#include <string.h>

typedef const int32_t *position;

static int compare(position a, position b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int by_what_follows(const void *a, const void *b)
{
    return compare(*(const position *)a, *(const position *)b, HEED_NGRAM_MAX);
}

static position *sorted(const heed_symbols *s)
{
    position *p = heed_calloc(s->length, sizeof *p);
    if (!p) return NULL;
    for (size_t i = 0; i < s->length; i++) p[i] = s->ids + i;
    if (s->length) qsort(p, s->length, sizeof *p, by_what_follows);
    return p;
}

/* A run of equal n-grams: [first, end) of the sorted positions. */
typedef struct { size_t first, end; } run;

static bool next_run(run *r, const position *p, size_t count, int n)
{
    for (r->first = r->end; r->first < count && p[r->first][n - 1] < 0;) r->first++; /* too near the end of the sequence */
    for (r->end = r->first; r->end < count && !compare(p[r->first], p[r->end], n);) r->end++;
    return r->first < r->end;
}

/* best[i] = the most often any reference so far has the n-gram whose run begins at h[i], at most the run's length */
static void raise_best(int64_t *best, const position *h, size_t h_count, const position *r, size_t r_count, int n)
{
    run a = {0}, b = {0};
    bool more = next_run(&b, r, r_count, n);
    while (next_run(&a, h, h_count, n)) {
        while (more && compare(r[b.first], h[a.first], n) < 0) more = next_run(&b, r, r_count, n);
        if (!more || compare(r[b.first], h[a.first], n)) continue;
        size_t least = a.end - a.first < b.end - b.first ? a.end - a.first : b.end - b.first;
        if (best[a.first] < (int64_t)least) best[a.first] = (int64_t)least;
    }
}

bool heed_ngram_matches(const heed_symbols *hypothesis, const heed_symbols *references, size_t count, int orders, int64_t *match)
{
    size_t length = hypothesis->length;
    position *h = sorted(hypothesis);
    int64_t *best = heed_calloc(length, (size_t)orders * sizeof *best);
    bool good = h && best;
    for (size_t i = 0; i < count && good; i++) {
        position *r = sorted(&references[i]);
        for (int n = 1; r && n <= orders; n++)
            raise_best(best + (size_t)(n - 1) * length, h, length, r, references[i].length, n);
        good = r;
        heed_free(r);
    }
    for (int n = 0; good && n < orders; n++) {
        match[n] = 0;
        for (size_t i = 0; i < length; i++) match[n] += best[(size_t)n * length + i];
    }
    heed_free(best);
    heed_free(h);
    return good;
}
