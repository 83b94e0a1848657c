#include "io/units.h"

#include "autograd/memory.h"
#include "io/bpe.h"
#include "io/buffer.h"
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
    heed_code (*join)(heed_units *u, const heed_line *units, size_t count, heed_error *e); /* adds bytes to u->line */
} kind;

struct heed_units {
    const kind *kind;
    char *data; /* the content of the codes or model file */
    size_t data_length;
    heed_bpe *bpe;
#ifdef HEED_SENTENCEPIECE
    heed_sentencepiece *sentencepiece;
#endif
    heed_buffer text; /* of the units, each with a NUL */
    heed_line *units;
    size_t count, units_capacity;
    heed_buffer line; /* the joined one */
};

static heed_code no_memory(heed_error *e) { return heed_fail(e, HEED_NO_MEMORY, "no memory for the units of a line"); }

/* One more unit: `bytes` and then `more`. Its place is known when the text grows no more; see heed_units_split. */
static void push(heed_units *u, const char *bytes, size_t length, const char *more)
{
    if (!heed_grow((void **)&u->units, &u->units_capacity, u->count + 1, sizeof *u->units)) u->text.failed = true;
    if (u->text.failed) return;
    heed_buffer_bytes(&u->text, bytes, length);
    heed_buffer_bytes(&u->text, more, strlen(more) + 1);
    u->units[u->count++].length = length + strlen(more);
}

/* Characters */

static const char blank_shown[] = "\xE2\x96\x81"; /* U+2581 */

static heed_code split_chars(heed_units *u, heed_line line, heed_error *e)
{
    (void)e;
    static const char digits[] = "0123456789ABCDEF";
    for (const char *c = line.bytes, *next = c; c < line.bytes + line.length; c = next) {
        unsigned char code = (unsigned char)*c;
        heed_utf8_next(&next);
        size_t step = (size_t)(next - c);
        const char control[] = {'<', 'U', '+', '0', '0', digits[code >> 4], digits[code & 15], '>', 0};
        if (code == ' ') push(u, blank_shown, 3, "");
        else if (code < ' ' || code == 0x7F) push(u, control, 8, "");
        else if (step == 3 && memcmp(c, blank_shown, 3) == 0) push(u, "<U+2581>", 8, "");
        else push(u, c, step, "");
    }
    return HEED_OK;
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* The control character that `<U+0009>` shows, or 0: also for NUL and LF, which no line has. */
static char control_of(heed_line x)
{
    if (x.length != 8 || memcmp(x.bytes, "<U+00", 5) != 0 || x.bytes[7] != '>') return 0;
    int high = hex_digit(x.bytes[5]), low = hex_digit(x.bytes[6]), code = high < 0 || low < 0 ? 0 : 16 * high + low;
    return (code < ' ' && code != '\n') || code == 0x7F ? (char)code : 0;
}

static heed_code join_chars(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    (void)e;
    for (size_t i = 0; i < count; i++) {
        heed_line x = units[i];
        char control = control_of(x);
        if (control) x = (heed_line){&control, 1};
        else if (x.length == 3 && memcmp(x.bytes, blank_shown, 3) == 0) x = (heed_line){" ", 1};
        else if (x.length == 8 && memcmp(x.bytes, "<U+2581>", 8) == 0) x = (heed_line){blank_shown, 3};
        heed_buffer_bytes(&u->line, x.bytes, x.length);
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
    (void)e;
    for (heed_line word; (word = next_word(&line)).length;) push(u, word.bytes, word.length, "");
    return HEED_OK;
}

static heed_code join_words(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    (void)e;
    for (size_t i = 0; i < count; i++) {
        if (i) heed_buffer_put(&u->line, " ");
        heed_buffer_bytes(&u->line, units[i].bytes, units[i].length);
    }
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
        for (size_t i = 0; i < count; word.bytes += lengths[i++]) push(u, word.bytes, lengths[i], i + 1 < count ? "@@" : "");
    }
    return HEED_OK;
}

static heed_code join_bpe(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    (void)e;
    bool goes_on = true; /* no blank before the first */
    for (size_t i = 0; i < count; i++) {
        heed_line x = units[i];
        if (!goes_on) heed_buffer_put(&u->line, " ");
        goes_on = i + 1 < count && x.length > 2 && memcmp(x.bytes + x.length - 2, "@@", 2) == 0;
        heed_buffer_bytes(&u->line, x.bytes, x.length - (goes_on ? 2 : 0));
    }
    return HEED_OK;
}

/* SentencePiece */

#ifdef HEED_SENTENCEPIECE
static bool push_piece(void *units, const char *bytes, size_t length)
{
    heed_units *u = units;
    push(u, bytes, length, "");
    return !u->text.failed;
}

static bool put_line(void *line, const char *bytes, size_t length)
{
    heed_buffer_bytes(line, bytes, length);
    return true;
}

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
    return heed_sentencepiece_join(u->sentencepiece, units, count, put_line, &u->line, e);
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
    heed_buffer_free(&u->text);
    heed_buffer_free(&u->line);
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
    u->text.length = u->count = *count = 0;
    u->text.failed = !heed_grow((void **)&u->units, &u->units_capacity, 1, sizeof *u->units); /* not NULL for no unit */
    if (u->kind->split(u, line, e)) return NULL;
    if (u->text.failed) {
        no_memory(e);
        return NULL;
    }
    const char *p = u->text.text;
    for (size_t i = 0; i < u->count; p += u->units[i++].length + 1) u->units[i].bytes = p;
    *count = u->count;
    return u->units;
}

heed_line heed_units_part(const heed_units *u, heed_line *rest)
{
    size_t length = (size_t)1 << 16;
    if (rest->length <= length || u->kind->split == split_spm) length = rest->length;
    bool by_character = u->kind->split == split_chars;
    while (length < rest->length && (by_character ? (rest->bytes[length] & 0xC0) == 0x80 : rest->bytes[length] != ' ')) length++;
    heed_line part = {rest->bytes, length};
    *rest = (heed_line){rest->bytes + length, rest->length - length};
    return part;
}

heed_line heed_units_join(heed_units *u, const heed_line *units, size_t count, heed_error *e)
{
    u->line.length = 0;
    u->line.failed = false;
    heed_buffer_put(&u->line, "");
    if (u->kind->join(u, units, count, e)) return (heed_line){0};
    if (!u->line.failed) return (heed_line){u->line.text, u->line.length};
    no_memory(e);
    return (heed_line){0};
}

heed_line heed_remove_bpe(heed_line line, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < line.length; i++) {
        bool cut = line.bytes[i] == '@' && i + 1 < line.length && line.bytes[i + 1] == '@';
        if (cut && i + 2 < line.length && line.bytes[i + 2] == ' ') i += 2;
        else if (cut && i + 2 == line.length) break;
        else out[n++] = line.bytes[i];
    }
    out[n] = 0;
    return (heed_line){out, n};
}

/* Stored are the kind and, where it has data, a line end and the data. */
char *heed_units_save(const heed_units *u, size_t *length, heed_error *e)
{
    heed_buffer b = {0};
    heed_buffer_put(&b, u->kind->name);
    if (u->kind->has_data) {
        heed_buffer_put(&b, "\n");
        heed_buffer_bytes(&b, u->data, u->data_length);
    }
    *length = b.length;
    return heed_buffer_take(&b, "the units", e);
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
