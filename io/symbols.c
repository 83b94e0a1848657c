#include "symbols.h"

#include "autograd/memory.h"
#include "strings.h"
#include "utf8.h"

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

/* The next word: moves *text to its end and returns its beginning; NULL when there is none. */
static const char *next_word(const char **text)
{
    const char *p = *text, *q = p;
    while (*p && (q = p, heed_utf8_is_space(heed_utf8_next(&q)))) p = q;
    const char *word = p;
    while (*p && (q = p, !heed_utf8_is_space(heed_utf8_next(&q)))) p = q;
    *text = p;
    return p > word ? word : NULL;
}

bool heed_symbols_of_words(heed_symbols *out, const char *const *texts, size_t count)
{
    heed_strings *known = heed_strings_create();
    bool good = known;
    memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < count && good; i++) {
        size_t length = 0;
        for (const char *p = texts[i]; next_word(&p);) length++;
        good = reserve(&out[i], length);
        const char *p = texts[i], *word;
        for (int32_t *id = out[i].ids; good && (word = next_word(&p)); id++) {
            size_t number = heed_strings_add(known, word, (size_t)(p - word));
            good = number < INT32_MAX; /* HEED_NO_STRING is beyond */
            *id = (int32_t)number;
        }
    }
    heed_strings_free(known);
    if (!good) heed_symbols_free(out, count);
    return good;
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
