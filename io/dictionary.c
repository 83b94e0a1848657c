#include "io/dictionary.h"

#include "autograd/memory.h"
#include "io/atomic.h"
#include "io/buffer.h"
#include "io/strings.h"

#include <string.h>

/* An answer of a word is a link of its chain; words share the text of equal answers. */
typedef struct answer {
    size_t text, next; /* number in `answers`; 1 + link, 0 at the end */
    size_t number;     /* of the line */
} answer;

typedef struct chain {
    size_t first, last, count; /* 1 + link */
} chain;

struct heed_dictionary {
    char *name;
    heed_strings *words, *answers;
    chain *chains; /* one a word */
    answer *links;
    size_t link_count, chain_capacity, link_capacity;
    char *scratch; /* an answer being made canonical */
    size_t scratch_capacity;
};

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static heed_line trim(heed_line x)
{
    while (x.length && is_blank(*x.bytes)) x.bytes++, x.length--;
    while (x.length && is_blank(x.bytes[x.length - 1])) x.length--;
    return x;
}

static int shown(heed_line x) { return (int)(x.length < 80 ? x.length : 80); } /* bytes of it in a message */

static heed_code no_memory(heed_error *e) { return heed_fail(e, HEED_NO_MEMORY, "no memory for the dictionary"); }

heed_dictionary *heed_dictionary_create(const char *name, heed_error *e)
{
    heed_dictionary *d = heed_calloc(1, sizeof *d);
    if (d) {
        d->name = heed_strdup(name);
        d->words = heed_strings_create();
        d->answers = heed_strings_create();
        if (d->name && d->words && d->answers) return d;
    }
    heed_dictionary_free(d);
    no_memory(e);
    return NULL;
}

void heed_dictionary_free(heed_dictionary *d)
{
    if (!d) return;
    heed_free(d->name);
    heed_strings_free(d->words);
    heed_strings_free(d->answers);
    heed_free(d->chains);
    heed_free(d->links);
    heed_free(d->scratch);
    heed_free(d);
}

/* The symbols with single blanks between them, in d->scratch; bytes NULL: no memory. */
static heed_line canonical(heed_dictionary *d, heed_line symbols)
{
    symbols = trim(symbols);
    if (!heed_grow((void **)&d->scratch, &d->scratch_capacity, symbols.length + 1, 1)) return (heed_line){0};
    size_t n = 0;
    for (size_t i = 0; i < symbols.length; i++)
        if (!is_blank(symbols.bytes[i])) d->scratch[n++] = symbols.bytes[i];
        else if (d->scratch[n - 1] != ' ') d->scratch[n++] = ' ';
    d->scratch[n] = 0;
    return (heed_line){d->scratch, n};
}

heed_code heed_dictionary_add(heed_dictionary *d, heed_line word, heed_line symbols, size_t number, heed_error *e)
{
    symbols = canonical(d, symbols);
    if (!symbols.bytes) return no_memory(e);
    if (!word.length) return heed_fail(e, HEED_FORMAT, "a dictionary's word is empty");
    if (!symbols.length) return heed_fail(e, HEED_FORMAT, "the word '%.*s' has no symbols", shown(word), word.bytes);
    if (!heed_grow((void **)&d->chains, &d->chain_capacity, heed_strings_count(d->words) + 1, sizeof *d->chains) ||
        !heed_grow((void **)&d->links, &d->link_capacity, d->link_count + 1, sizeof *d->links))
        return no_memory(e);
    size_t text = heed_strings_add(d->answers, symbols.bytes, symbols.length), known = heed_strings_count(d->words), w;
    if (text == HEED_NO_STRING || (w = heed_strings_add(d->words, word.bytes, word.length)) == HEED_NO_STRING)
        return no_memory(e);
    if (w == known) d->chains[w] = (chain){0};
    chain *c = &d->chains[w];
    for (size_t at = c->first; at; at = d->links[at - 1].next)
        if (d->links[at - 1].text == text) return HEED_OK;
    d->links[d->link_count++] = (answer){text, 0, number};
    if (c->last) d->links[c->last - 1].next = d->link_count;
    else c->first = d->link_count;
    c->last = d->link_count;
    c->count++;
    return HEED_OK;
}

/* `word(2)` is `word`. */
static heed_line without_number(heed_line word)
{
    size_t n = word.length;
    if (n < 4 || word.bytes[n - 1] != ')') return word;
    size_t k = n - 1;
    while (k > 1 && word.bytes[k - 1] >= '0' && word.bytes[k - 1] <= '9') k--;
    if (k < n - 1 && k > 1 && word.bytes[k - 1] == '(') word.length = k - 1;
    return word;
}

static bool is_comment(heed_line x, bool tab)
{
    if (x.length >= 3 && memcmp(x.bytes, ";;;", 3) == 0) return true;
    return !tab && x.length && *x.bytes == '#' && (x.length == 1 || x.bytes[1] == '#' || x.bytes[1] == ' ');
}

static heed_line until(heed_line *rest, char stop)
{
    const char *at = memchr(rest->bytes, stop, rest->length);
    heed_line head = {rest->bytes, at ? (size_t)(at - rest->bytes) : rest->length};
    size_t skip = head.length + (at ? 1 : 0);
    *rest = (heed_line){rest->bytes + skip, rest->length - skip};
    return head;
}

static heed_code add_line(heed_dictionary *d, size_t number, heed_line line, heed_error *e)
{
    bool tab = memchr(line.bytes, '\t', line.length) != NULL;
    heed_line rest = tab ? line : trim(line);
    if (is_comment(rest, tab) || !trim(rest).length) return HEED_OK;
    heed_line word = trim(until(&rest, tab ? '\t' : ' '));
    if (!tab)
        for (size_t i = 0; i + 1 < rest.length; i++)
            if (rest.bytes[i] == '#' && rest.bytes[i + 1] == ' ' && (i == 0 || rest.bytes[i - 1] == ' ')) rest.length = i;
    if (!word.length)
        return heed_fail(e, HEED_FORMAT, "%s:%zu: no word before the TAB; expected `word TAB symbols`", d->name, number);
    word = without_number(word);
    bool any = false;
    while (rest.length) {
        heed_line symbols = trim(tab ? until(&rest, '\t') : rest);
        if (!tab) rest.length = 0;
        if (!symbols.length) continue; /* a TAB too many */
        heed_code code = heed_dictionary_add(d, word, symbols, number, e);
        if (code) return code;
        any = true;
    }
    if (any) return HEED_OK;
    return heed_fail(e, HEED_FORMAT,
                     "%s:%zu: the word '%.*s' has no symbols after it; expected `word TAB symbols` or `word symbols`", d->name,
                     number, shown(word), word.bytes);
}

heed_dictionary *heed_dictionary_read(const char *path, heed_error *e)
{
    heed_text *t = heed_text_read(path, NULL, e);
    heed_dictionary *d = t ? heed_dictionary_create(path, e) : NULL;
    heed_code code = d ? HEED_OK : HEED_INVALID;
    for (size_t i = 0; !code && i < heed_text_count(t); i++) code = add_line(d, i + 1, heed_text_line(t, i), e);
    if (!code && !heed_dictionary_count(d))
        code = heed_fail(e, HEED_FORMAT, "%s: no words in this dictionary, only comments or blank lines", path);
    heed_text_free(t);
    if (!code) return d;
    heed_dictionary_free(d);
    return NULL;
}

size_t heed_dictionary_count(const heed_dictionary *d) { return heed_strings_count(d->words); }
heed_line heed_dictionary_word(const heed_dictionary *d, size_t i)
{
    return (heed_line){heed_strings_at(d->words, i), heed_strings_length(d->words, i)};
}
size_t heed_dictionary_answers(const heed_dictionary *d, size_t i) { return d->chains[i].count; }
size_t heed_dictionary_find(const heed_dictionary *d, const char *word)
{
    return heed_strings_find(d->words, word, strlen(word));
}

const char *heed_dictionary_name(const heed_dictionary *d) { return d->name; }

heed_line heed_dictionary_answer(const heed_dictionary *d, size_t i, size_t k, size_t *number)
{
    size_t at = d->chains[i].first;
    while (k--) at = d->links[at - 1].next;
    size_t text = d->links[at - 1].text;
    if (number) *number = d->links[at - 1].number;
    return (heed_line){heed_strings_at(d->answers, text), heed_strings_length(d->answers, text)};
}

heed_code heed_dictionary_write(const heed_dictionary *d, const char *path, heed_error *e)
{
    heed_buffer b = {0};
    for (size_t i = 0; i < heed_dictionary_count(d); i++) {
        heed_buffer_put(&b, heed_dictionary_word(d, i).bytes);
        for (size_t k = 0; k < heed_dictionary_answers(d, i); k++)
            heed_buffer_format(&b, "\t%s", heed_dictionary_answer(d, i, k, NULL).bytes);
        heed_buffer_put(&b, "\n");
    }
    size_t length = b.length;
    char *text = heed_buffer_take(&b, "the dictionary", e);
    heed_code code = text ? heed_write_file(path, text, length, e) : HEED_NO_MEMORY;
    heed_free(text);
    return code;
}

bool heed_held_out(heed_line word, double share)
{
    return (double)(heed_strings_hash(word.bytes, word.length) >> 11) * 0x1p-53 < share;
}
