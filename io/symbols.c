#include "symbols.h"

#include "autograd/memory.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

static bool reserve(heed_symbols *s, size_t length)
{
    size_t padded;
    s->length = length;
    s->ids = heed_size_add(length, HEED_NGRAM_MAX, &padded) && padded <= SIZE_MAX / sizeof *s->ids
                 ? heed_alloc(padded * sizeof *s->ids) : NULL;
    if (s->ids) memset(s->ids + length, -1, HEED_NGRAM_MAX * sizeof *s->ids);
    return s->ids;
}

void heed_symbols_free(heed_symbols *s, size_t count)
{
    for (size_t i = 0; i < count; i++) heed_free(s[i].ids);
    memset(s, 0, count * sizeof *s);
}

typedef struct { const char *text; size_t length; int32_t *id; } word;

/* The next word of *text, which moves behind it; false at the end. */
static bool next_word(const char **text, word *w)
{
    const char *p = *text, *q = p;
    while (*p && (q = p, heed_utf8_is_space(heed_utf8_next(&q)))) p = q;
    w->text = p;
    while (*p && (q = p, !heed_utf8_is_space(heed_utf8_next(&q)))) p = q;
    w->length = (size_t)(p - w->text);
    *text = p;
    return w->length > 0;
}

static int by_content(const void *a, const void *b)
{
    const word *v = a, *w = b;
    int order = memcmp(v->text, w->text, v->length < w->length ? v->length : w->length);
    return order ? order : (v->length > w->length) - (v->length < w->length);
}

bool heed_symbols_of_words(heed_symbols *out, const char *const *texts, size_t count)
{
    word *words = NULL, w;
    size_t used = 0, capacity = 0;
    memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        size_t first = used;
        for (const char *p = texts[i]; next_word(&p, &w); words[used++] = w)
            if (!heed_grow((void **)&words, &capacity, used + 1, sizeof *words)) goto refused;
        if (!reserve(&out[i], used - first)) goto refused;
        for (size_t k = first; k < used; k++) words[k].id = out[i].ids + (k - first);
    }
    if (used) qsort(words, used, sizeof *words, by_content);
    int32_t id = 0;
    for (size_t k = 0; k < used; k++) {
        if (k && by_content(&words[k - 1], &words[k])) id++;
        *words[k].id = id;
    }
    heed_free(words);
    return true;
refused:
    heed_free(words);
    heed_symbols_free(out, count);
    return false;
}

bool heed_symbols_of_characters(heed_symbols *out, const char *const *texts, size_t count)
{
    memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        for (const char *p = texts[i]; *p;) length += !heed_utf8_is_space(heed_utf8_next(&p));
        if (!reserve(&out[i], length)) {
            heed_symbols_free(out, count);
            return false;
        }
        int32_t *id = out[i].ids;
        for (const char *p = texts[i]; *p;) {
            int32_t c = heed_utf8_next(&p);
            if (!heed_utf8_is_space(c)) *id++ = c;
        }
    }
    return true;
}
