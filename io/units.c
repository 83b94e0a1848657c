#include "io/units.h"

#include "autograd/memory.h"
#include "io/bpe.h"
#include "io/utf8.h"
#ifdef HEED_SENTENCEPIECE
#include "io/sentencepiece.h"
#endif

#include <string.h>

typedef struct kind {
    const char *name;
    bool has_data; /* a specification `name:FILE`, and bytes after the name in a checkpoint */
    heed_code (*open)(heed_units *u, const char *name, heed_error *e);                     /* from u->data */
    heed_code (*split)(heed_units *u, heed_line line, heed_error *e);                      /* adds units by push() */
    heed_code (*join)(heed_units *u, const heed_line *units, size_t count, heed_error *e); /* adds bytes by append() */
} kind;

typedef struct buffer {
    char *bytes;
    size_t used, capacity;
} buffer;

struct heed_units {
    const kind *kind;
    char *data; /* the content of the codes or model file */
    size_t data_length;
    heed_bpe *bpe;
#ifdef HEED_SENTENCEPIECE
    heed_sentencepiece *sentencepiece;
#endif
    buffer text; /* of the units, each with a NUL */
    heed_line *units;
    size_t count, units_capacity;
    buffer line; /* the joined one */
};

static heed_code no_memory(heed_error *e) { return heed_fail(e, HEED_NO_MEMORY, "no memory for the units of a line"); }

/* A NUL follows what was appended, and is not counted. */
static bool append(buffer *b, const char *bytes, size_t length)
{
    size_t need;
    if (!heed_size_add(b->used, length, &need) || !heed_size_add(need, 1, &need)) return false;
    if (!heed_grow((void **)&b->bytes, &b->capacity, need, 1)) return false;
    memcpy(b->bytes + b->used, bytes, length);
    b->used += length;
    b->bytes[b->used] = 0;
    return true;
}

/* One more unit: `bytes` and then `more`. Its place is known when the text grows no more; see heed_units_split. */
static bool push(heed_units *u, const char *bytes, size_t length, const char *more)
{
    if (!heed_grow((void **)&u->units, &u->units_capacity, u->count + 1, sizeof *u->units)) return false;
    if (!append(&u->text, bytes, length) || !append(&u->text, more, strlen(more))) return false;
    u->text.used++;
    u->units[u->count++].length = length + strlen(more);
    return true;
}

/* Characters */

static const char blank_shown[] = "\xE2\x96\x81"; /* U+2581 */

static heed_code split_chars(heed_units *u, heed_line line, heed_error *e)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *c = line.bytes, *next = c; c < line.bytes + line.length; c = next) {
        unsigned char code = (unsigned char)*c;
        heed_utf8_next(&next);
        size_t step = (size_t)(next - c);
        const char control[] = {'<', 'U', '+', '0', '0', digits[code >> 4], digits[code & 15], '>', 0};
        bool ok;
        if (code == ' ') ok = push(u, blank_shown, 3, "");
        else if (code < ' ' || code == 0x7F) ok = push(u, control, 8, "");
        else if (step == 3 && memcmp(c, blank_shown, 3) == 0) ok = push(u, "<U+2581>", 8, "");
        else ok = push(u, c, step, "");
        if (!ok) return no_memory(e);
    }
    return HEED_OK;
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static heed_code join_chars(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    for (size_t i = 0; i < count; i++) {
        heed_line x = units[i];
        char control;
        if (x.length == 3 && memcmp(x.bytes, blank_shown, 3) == 0) {
            x = (heed_line){" ", 1};
        } else if (x.length == 8 && memcmp(x.bytes, "<U+2581>", 8) == 0) {
            x = (heed_line){blank_shown, 3};
        } else if (x.length == 8 && memcmp(x.bytes, "<U+00", 5) == 0 && x.bytes[7] == '>' && hex_digit(x.bytes[5]) >= 0 &&
                   hex_digit(x.bytes[6]) >= 0) {
            control = (char)(16 * hex_digit(x.bytes[5]) + hex_digit(x.bytes[6]));
            x = (heed_line){&control, 1};
        }
        if (!append(&u->line, x.bytes, x.length)) return no_memory(e);
    }
    return HEED_OK;
}

/* Words */

/* Cuts the next word off `*rest`; its length is 0 at the end. */
static heed_line next_word(heed_line *rest)
{
    const char *p = rest->bytes, *end = p + rest->length;
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    heed_line word = {p, 0};
    while (p < end && *p != ' ' && *p != '\t') p++;
    word.length = (size_t)(p - word.bytes);
    *rest = (heed_line){p, (size_t)(end - p)};
    return word;
}

static heed_code split_words(heed_units *u, heed_line line, heed_error *e)
{
    for (heed_line word; (word = next_word(&line)).length;)
        if (!push(u, word.bytes, word.length, "")) return no_memory(e);
    return HEED_OK;
}

static heed_code join_words(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    for (size_t i = 0; i < count; i++)
        if ((i && !append(&u->line, " ", 1)) || !append(&u->line, units[i].bytes, units[i].length)) return no_memory(e);
    return HEED_OK;
}

/* Subwords of a merges file */

static heed_code open_bpe(heed_units *u, const char *name, heed_error *e)
{
    heed_text *codes = heed_text_parse(name, u->data, u->data_length, NULL, e);
    u->bpe = codes ? heed_bpe_create(codes, e) : NULL;
    heed_text_free(codes);
    return u->bpe ? HEED_OK : HEED_FORMAT;
}

static heed_code split_bpe(heed_units *u, heed_line line, heed_error *e)
{
    for (heed_line word; (word = next_word(&line)).length;) {
        size_t count;
        const uint32_t *lengths = heed_bpe_cut(u->bpe, word, &count, e);
        if (!lengths) return HEED_NO_MEMORY;
        for (size_t i = 0; i < count; word.bytes += lengths[i++])
            if (!push(u, word.bytes, lengths[i], i + 1 < count ? "@@" : "")) return no_memory(e);
    }
    return HEED_OK;
}

static heed_code join_bpe(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    bool goes_on = true; /* no blank before the first */
    for (size_t i = 0; i < count; i++) {
        heed_line x = units[i];
        if (!goes_on && !append(&u->line, " ", 1)) return no_memory(e);
        goes_on = i + 1 < count && x.length > 2 && memcmp(x.bytes + x.length - 2, "@@", 2) == 0;
        if (!append(&u->line, x.bytes, x.length - (goes_on ? 2 : 0))) return no_memory(e);
    }
    return HEED_OK;
}

/* SentencePiece */

#ifdef HEED_SENTENCEPIECE
static bool push_piece(void *u, const char *bytes, size_t length) { return push(u, bytes, length, ""); }
static bool append_line(void *line, const char *bytes, size_t length) { return append(line, bytes, length); }

static heed_code open_spm(heed_units *u, const char *name, heed_error *e)
{
    u->sentencepiece = heed_sentencepiece_create(name, u->data, u->data_length, e);
    return u->sentencepiece ? HEED_OK : HEED_FORMAT;
}

static heed_code split_spm(heed_units *u, heed_line line, heed_error *e)
{
    return heed_sentencepiece_split(u->sentencepiece, line, push_piece, u, e);
}

static heed_code join_spm(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    return heed_sentencepiece_join(u->sentencepiece, units, count, append_line, &u->line, e);
}
#else
static heed_code open_spm(heed_units *u, const char *name, heed_error *e)
{
    (void)u;
    return heed_fail(e, HEED_UNSUPPORTED,
                     "%s: this build is without SentencePiece; install libsentencepiece-dev and a C++ compiler and build again",
                     name);
}
#define split_spm NULL
#define join_spm NULL
#endif

/* All of them */

static const kind kinds[] = {
    {"chars", false, NULL, split_chars, join_chars},
    {"words", false, NULL, split_words, join_words},
    {"bpe", true, open_bpe, split_bpe, join_bpe},
    {"spm", true, open_spm, split_spm, join_spm},
};

/* The kind that a text begins with, before `stop` where it has data, before the end or `stop` where it has none. */
static const kind *find_kind(heed_line x, char stop)
{
    const char *at = memchr(x.bytes, stop, x.length);
    size_t length = at ? (size_t)(at - x.bytes) : x.length;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (length == strlen(kinds[i].name) && memcmp(x.bytes, kinds[i].name, length) == 0 && (at ? 1 : 0) == kinds[i].has_data)
            return &kinds[i];
    return NULL;
}

/* Takes `data`, which is NULL for kinds without. */
static heed_units *create(const kind *k, const char *name, char *data, size_t length, heed_error *e)
{
    heed_units *u = heed_calloc(1, sizeof *u);
    if (!u) {
        heed_free(data);
        no_memory(e);
        return NULL;
    }
    u->kind = k;
    u->data = data;
    u->data_length = length;
    if (!k->open || !k->open(u, name, e)) return u;
    heed_units_free(u);
    return NULL;
}

heed_units *heed_units_create(const char *specification, heed_error *e)
{
    size_t length = 0;
    char *data = NULL;
    const kind *k = find_kind((heed_line){specification, strlen(specification)}, ':');
    if (!k) {
        heed_fail(e, HEED_INVALID, "units '%s': expected chars, words, bpe:CODES or spm:MODEL", specification);
        return NULL;
    }
    const char *path = specification + strlen(k->name) + 1;
    if (k->has_data && !(data = heed_read_file(path, &length, e))) return NULL;
    return create(k, k->has_data ? path : k->name, data, length, e);
}

void heed_units_free(heed_units *u)
{
    if (!u) return;
#ifdef HEED_SENTENCEPIECE
    heed_sentencepiece_free(u->sentencepiece);
#endif
    heed_bpe_free(u->bpe);
    heed_free(u->data);
    heed_free(u->text.bytes);
    heed_free(u->line.bytes);
    heed_free(u->units);
    heed_free(u);
}

bool heed_units_have_sentencepiece(void)
{
#ifdef HEED_SENTENCEPIECE
    return true;
#else
    return false;
#endif
}

const char *heed_units_kind(const heed_units *u) { return u->kind->name; }

const heed_line *heed_units_split(heed_units *u, heed_line line, size_t *count, heed_error *e)
{
    u->text.used = u->count = *count = 0;
    if (!heed_grow((void **)&u->units, &u->units_capacity, 1, sizeof *u->units)) {
        no_memory(e);
        return NULL;
    }
    if (u->kind->split(u, line, e)) return NULL;
    const char *p = u->text.bytes;
    for (size_t i = 0; i < u->count; p += u->units[i++].length + 1) u->units[i].bytes = p;
    *count = u->count;
    return u->units;
}

heed_line heed_units_join(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    u->line.used = 0;
    if (!append(&u->line, "", 0)) {
        no_memory(e);
        return (heed_line){0};
    }
    return u->kind->join(u, units, count, e) ? (heed_line){0} : (heed_line){u->line.bytes, u->line.used};
}

/* Stored are the kind and, where it has data, a line end and the data. */
char *heed_units_save(const heed_units *u, size_t *length, heed_error *e)
{
    size_t name = strlen(u->kind->name), head = name + (u->kind->has_data ? 1 : 0), whole;
    char *bytes = heed_size_add(head, u->data_length, &whole) ? heed_alloc(whole) : NULL;
    if (!bytes) {
        no_memory(e);
        return NULL;
    }
    memcpy(bytes, u->kind->name, name);
    if (u->kind->has_data) {
        bytes[name] = '\n';
        memcpy(bytes + head, u->data, u->data_length);
    }
    *length = whole;
    return bytes;
}

heed_units *heed_units_restore(const char *bytes, size_t length, heed_error *e)
{
    const kind *k = find_kind((heed_line){bytes, length}, '\n');
    if (!k) {
        heed_fail(e, HEED_FORMAT, "stored units of no known kind; expected chars, words, bpe or spm");
        return NULL;
    }
    size_t head = strlen(k->name) + 1;
    char *data = NULL;
    if (k->has_data) {
        if (!(data = heed_alloc(length - head))) {
            no_memory(e);
            return NULL;
        }
        memcpy(data, bytes + head, length - head);
    }
    return create(k, "the stored units", data, k->has_data ? length - head : 0, e);
}
