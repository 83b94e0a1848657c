#include "io/brackets.h"

#include "autograd/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct bracket { size_t begin, end; const char *label; } bracket;

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(text, *list)) return true;
    return false;
}

static bool is_punctuation(const char *tag) { return is_one_of(tag, (const char *const[]){",", ".", ":", "``", "''", NULL}); }
static bool is_root(const char *label) { return is_one_of(label, (const char *const[]){"", "TOP", "ROOT", "S1", NULL}); }

static int by_place(const void *a, const void *b)
{
    const bracket *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->label, y->label);
}

/* The tree's brackets, sorted. before[i]: how many of the words before word i count. */
static size_t list_brackets(const heed_tree *t, const size_t *before, bracket *list)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        const heed_tree_node *p = &t->nodes[i];
        bracket b = {before[p->begin], before[p->end], strcmp(p->label, "PRT") ? p->label : "ADVP"};
        if (!p->word && !is_root(p->label) && b.begin < b.end) list[n++] = b;
    }
    qsort(list, n, sizeof *list, by_place);
    return n;
}

static int64_t count_matches(const bracket *a, size_t m, const bracket *b, size_t n)
{
    int64_t matches = 0;
    for (size_t i = 0, k = 0; i < m && k < n;) {
        int order = by_place(&a[i], &b[k]);
        matches += order == 0;
        i += order <= 0;
        k += order >= 0;
    }
    return matches;
}

static int64_t count_crossing(const bracket *gold, size_t m, const bracket *output, size_t n)
{
    int64_t crossing = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++)
            if ((gold[k].begin < output[i].begin && output[i].begin < gold[k].end && gold[k].end < output[i].end) ||
                (output[i].begin < gold[k].begin && gold[k].begin < output[i].end && output[i].end < gold[k].end)) {
                crossing++;
                break;
            }
    return crossing;
}

heed_code heed_brackets_add(heed_brackets *m, const heed_tree *gold, const heed_tree *output, heed_error *e)
{
    if (gold->words != output->words)
        return heed_fail(e, HEED_INVALID, "the right tree has %zu words and the other %zu: they belong to different sentences", gold->words,
                         output->words);
    size_t *before = heed_alloc((gold->words + 1) * sizeof *before);
    bracket *right = heed_alloc(gold->count * sizeof *right), *given = heed_alloc(output->count * sizeof *given);
    if (before && right && given) {
        before[0] = 0;
        for (size_t i = 0, k = 0; i < gold->count; i++)
            if (gold->nodes[i].word) before[k + 1] = before[k] + !is_punctuation(gold->nodes[i].label), k++;
        size_t rights = list_brackets(gold, before, right), givens = list_brackets(output, before, given);
        int64_t match = count_matches(right, rights, given, givens);
        m->sentences++;
        m->exact += match == (int64_t)rights && rights == givens;
        m->gold += (int64_t)rights;
        m->output += (int64_t)givens;
        m->match += match;
        m->crossing += count_crossing(right, rights, given, givens);
    } else heed_fail(e, HEED_NO_MEMORY, "no memory for the brackets of %zu words", gold->words);
    bool done = before && right && given;
    heed_free(before);
    heed_free(right);
    heed_free(given);
    return done ? HEED_OK : HEED_NO_MEMORY;
}

static double share(int64_t part, int64_t whole) { return whole ? (double)part / (double)whole : NAN; }

double heed_brackets_precision(const heed_brackets *m) { return share(m->match, m->output); }
double heed_brackets_recall(const heed_brackets *m) { return share(m->match, m->gold); }
double heed_brackets_f1(const heed_brackets *m) { return share(2 * m->match, m->output + m->gold); }
