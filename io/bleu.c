#include "metrics.h"

#include "autograd/memory.h"
#include "buffer.h"
#include "symbols.h"
#include "utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void replace(heed_buffer *b, const char *from, const char *to)
{
    heed_buffer out = {.failed = b->failed};
    const char *p = b->text ? b->text : "";
    for (const char *q; (q = strstr(p, from)); p = q + strlen(from)) {
        heed_buffer_bytes(&out, p, (size_t)(q - p));
        heed_buffer_put(&out, to);
    }
    heed_buffer_put(&out, p);
    heed_buffer_free(b);
    *b = out;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_stop(char c) { return c == '.' || c == ','; }
static bool always_apart(char c)
{
    return c > 0 && c < 127 && !is_digit(c) && !strchr("',-.", c) && ((c >= ' ' && c < 'A') || (c > 'Z' && c < 'a') || c > 'z');
}

/* The four substitutions of mteval-v13a, each over the whole line, from left to right, without overlap:
 *     [{-~[-` -&(-+:-@/]  ->  " c "       every ASCII sign but ' , - .
 *     [^0-9][.,]          ->  "x c "      a stop that no digit stands before
 *     [.,][^0-9]          ->  " c x"      a stop that no digit follows
 *     [0-9]-              ->  "d - "      a dash after a digit
 * A byte of a longer UTF-8 character is [^0-9] as the character is, so bytes do. */
static void separate(heed_buffer *b, int pass)
{
    heed_buffer out = {.failed = b->failed};
    const char *p = b->text ? b->text : "";
    for (; *p; p++) {
        bool pair = (pass == 1 && !is_digit(p[0]) && is_stop(p[1])) || (pass == 2 && is_stop(p[0]) && p[1] && !is_digit(p[1])) ||
                    (pass == 3 && is_digit(p[0]) && p[1] == '-');
        char text[4] = {' ', p[0], ' ', p[1]};
        if (pass == 0 && always_apart(*p)) heed_buffer_bytes(&out, text, 3);
        else if (!pair) heed_buffer_bytes(&out, p, 1);
        else if (pass == 2) heed_buffer_bytes(&out, text, 4);
        else heed_buffer_bytes(&out, (const char[]){p[0], ' ', p[1], ' '}, 4);
        p += pair;
    }
    heed_buffer_put(&out, "");
    heed_buffer_free(b);
    *b = out;
}

static char *tokenise_13a(const char *line, heed_error *e)
{
    const char *end = line;
    for (const char *p = line; *p;)
        if (!heed_utf8_is_space(heed_utf8_next(&p))) end = p;
    heed_buffer b = {0};
    heed_buffer_bytes(&b, line, (size_t)(end - line));
    static const char *const plain[][2] = {{"<skipped>", ""}, {"-\n", ""}, {"\n", " "}, {"&quot;", "\""}, {"&amp;", "&"},
                                           {"&lt;", "<"}, {"&gt;", ">"}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (b.text && strstr(b.text, plain[i][0])) replace(&b, plain[i][0], plain[i][1]);
    heed_buffer spaced = {.failed = b.failed};
    heed_buffer_format(&spaced, " %s ", b.text ? b.text : "");
    heed_buffer_free(&b);
    for (int pass = 0; pass < 4; pass++) separate(&spaced, pass);
    return heed_buffer_take(&spaced, "a tokenised sentence", e);
}

static void add_counts(heed_bleu *m, const heed_symbols *s, size_t count, const int64_t match[4])
{
    int64_t length = (int64_t)s[0].length, closest = (int64_t)s[1].length;
    for (size_t i = 2; i <= count; i++) {
        int64_t other = (int64_t)s[i].length, near = llabs(other - length), nearest = llabs(closest - length);
        if (near < nearest || (near == nearest && other < closest)) closest = other;
    }
    m->hypothesis_length += length;
    m->reference_length += closest;
    for (int n = 0; n < 4; n++) {
        m->match[n] += match[n];
        m->total[n] += length > n ? length - n : 0;
    }
    m->references = m->sentences && m->references != (int64_t)count ? -1 : (int64_t)count;
    m->sentences++;
}

heed_code heed_bleu_add(heed_bleu *m, const char *hypothesis, const char *const *references, size_t count, heed_error *e)
{
    if (!count) return heed_fail(e, HEED_INVALID, "BLEU: sentence %lld has no reference", (long long)m->sentences + 1);
    char **texts = heed_calloc(count + 1, sizeof *texts);
    heed_symbols *s = heed_calloc(count + 1, sizeof *s);
    heed_code code = HEED_OK;
    int64_t match[4];
    for (size_t i = 0; i <= count && texts && !code; i++) {
        const char *line = i ? references[i - 1] : hypothesis;
        texts[i] = m->tokens == HEED_BLEU_13A ? tokenise_13a(line, e) : heed_strdup(line);
        if (!texts[i]) code = HEED_NO_MEMORY;
    }
    if (!texts || !s || code || !heed_symbols_of_words(s, (const char *const *)texts, count + 1)) code = HEED_NO_MEMORY;
    else if (!heed_ngram_matches(s, s + 1, count, 4, match)) code = HEED_NO_MEMORY;
    else add_counts(m, s, count, match);
    if (code) heed_fail(e, code, "no memory to count the n-grams of sentence %lld", (long long)m->sentences + 1);
    if (s) heed_symbols_free(s, count + 1);
    for (size_t i = 0; i <= count && texts; i++) heed_free(texts[i]);
    heed_free(texts);
    heed_free(s);
    return code;
}

heed_bleu_value heed_bleu_score(const heed_bleu *m)
{
    heed_bleu_value v = {.brevity = 1};
    double h = (double)m->hypothesis_length, r = (double)m->reference_length, logs = 0, halved = 1;
    if (h < r) v.brevity = h > 0 ? exp(1 - r / h) : 0;
    if (!m->match[0]) return v; /* no unigram: no longer n-gram either */
    for (int n = 0; n < 4 && m->total[n]; n++) {
        if (!m->match[n]) halved *= 2;
        v.precision[n] = m->match[n] ? 100 * (double)m->match[n] / (double)m->total[n] : 100 / (halved * (double)m->total[n]);
    }
    for (int n = 0; n < 4; n++) logs += log(v.precision[n]); /* -inf for an order that no hypothesis is long enough for */
    v.score = v.brevity * exp(logs / 4);
    return v;
}

const char *heed_bleu_signature(const heed_bleu *m, char text[HEED_SIGNATURE_SIZE])
{
    char references[24] = "var";
    if (m->references >= 0) snprintf(references, sizeof references, "%lld", (long long)m->references);
    snprintf(text, HEED_SIGNATURE_SIZE, "nrefs:%s|case:mixed|eff:no|tok:%s|smooth:exp|version:heed-" HEED_VERSION, references,
             m->tokens == HEED_BLEU_13A ? "13a" : "none");
    return text;
}
