#include "io/vocab.h"

#include "autograd/memory.h"
#include "io/atomic.h"
#include "io/buffer.h"
#include "io/strings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Unit i of `units` was seen counts[i] times; in a vocabulary its id is i + HEED_ID_FIRST. */
struct heed_counts {
    heed_strings *units;
    uint64_t *counts;
    size_t capacity;
};

struct heed_vocab {
    heed_counts list;
};

static const heed_line fixed[HEED_ID_FIRST] = {{"<pad>", 5}, {"<unk>", 5}, {"<s>", 3}, {"</s>", 4}};

static bool is_fixed(heed_line unit)
{
    for (size_t i = 0; i < HEED_ID_FIRST; i++)
        if (unit.length == fixed[i].length && memcmp(unit.bytes, fixed[i].bytes, unit.length) == 0) return true;
    return false;
}

static heed_code no_memory(heed_error *e) { return heed_fail(e, HEED_NO_MEMORY, "no memory for the vocabulary"); }

heed_counts *heed_counts_create(heed_error *e)
{
    heed_counts *c = heed_calloc(1, sizeof *c);
    if (c && (c->units = heed_strings_create())) return c;
    heed_free(c);
    no_memory(e);
    return NULL;
}

void heed_counts_free(heed_counts *c)
{
    if (!c) return;
    heed_strings_free(c->units);
    heed_free(c->counts);
    heed_free(c);
}

heed_code heed_counts_add(heed_counts *c, heed_line unit, uint64_t times, heed_error *e)
{
    if (is_fixed(unit)) return HEED_OK;
    size_t known = heed_strings_count(c->units), i;
    if (known >= INT32_MAX - HEED_ID_FIRST) return heed_fail(e, HEED_INVALID, "a vocabulary of more than %d units", INT32_MAX);
    if (!heed_grow((void **)&c->counts, &c->capacity, known + 1, sizeof *c->counts) ||
        (i = heed_strings_add(c->units, unit.bytes, unit.length)) == HEED_NO_STRING)
        return no_memory(e);
    if (i == known) c->counts[i] = 0;
    c->counts[i] = c->counts[i] > UINT64_MAX - times ? UINT64_MAX : c->counts[i] + times;
    return HEED_OK;
}

heed_code heed_counts_add_line(heed_counts *c, heed_units *u, heed_line line, heed_error *e)
{
    heed_code code = HEED_OK;
    while (!code && line.length) {
        size_t count;
        const heed_line *units = heed_units_split(u, heed_units_part(u, &line), &count, e);
        if (!units) return HEED_NO_MEMORY;
        for (size_t i = 0; !code && i < count; i++) code = heed_counts_add(c, units[i], 1, e);
    }
    return code;
}

typedef struct entry {
    heed_line unit;
    uint64_t count;
} entry;

static int by_count_then_bytes(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return strcmp(x->unit.bytes, y->unit.bytes); /* as unsigned bytes; units have no NUL */
}

heed_vocab *heed_vocab_create(const heed_counts *c, uint64_t min_count, size_t max_size, heed_error *e)
{
    size_t known = heed_strings_count(c->units), n = 0;
    if (max_size && max_size <= HEED_ID_FIRST) {
        heed_fail(e, HEED_INVALID, "a vocabulary of at most %zu has no room for units: the first %d are fixed", max_size,
                  HEED_ID_FIRST);
        return NULL;
    }
    entry *list = heed_calloc(known, sizeof *list);
    heed_counts *v = list ? heed_counts_create(e) : NULL;
    if (!v) {
        heed_free(list);
        no_memory(e);
        return NULL;
    }
    for (size_t i = 0; i < known; i++)
        if (c->counts[i] >= min_count)
            list[n++] = (entry){{heed_strings_at(c->units, i), heed_strings_length(c->units, i)}, c->counts[i]};
    if (n) qsort(list, n, sizeof *list, by_count_then_bytes);
    if (max_size && n > max_size - HEED_ID_FIRST) n = max_size - HEED_ID_FIRST;
    heed_code code = HEED_OK;
    for (size_t i = 0; !code && i < n; i++) code = heed_counts_add(v, list[i].unit, list[i].count, e);
    heed_free(list);
    if (!code) return (heed_vocab *)v;
    heed_counts_free(v);
    return NULL;
}

void heed_vocab_free(heed_vocab *v) { heed_counts_free((heed_counts *)v); }
size_t heed_vocab_size(const heed_vocab *v) { return heed_strings_count(v->list.units) + HEED_ID_FIRST; }

int32_t heed_vocab_id(const heed_vocab *v, heed_line unit)
{
    size_t i = heed_strings_find(v->list.units, unit.bytes, unit.length);
    return i == HEED_NO_STRING ? HEED_ID_UNKNOWN : (int32_t)i + HEED_ID_FIRST;
}

heed_line heed_vocab_unit(const heed_vocab *v, int32_t id)
{
    if (id < 0 || (size_t)id >= heed_vocab_size(v)) id = HEED_ID_UNKNOWN;
    if (id < HEED_ID_FIRST) return fixed[id];
    size_t i = (size_t)id - HEED_ID_FIRST;
    return (heed_line){heed_strings_at(v->list.units, i), heed_strings_length(v->list.units, i)};
}

uint64_t heed_vocab_count(const heed_vocab *v, int32_t id)
{
    return id < HEED_ID_FIRST || (size_t)id >= heed_vocab_size(v) ? 0 : v->list.counts[id - HEED_ID_FIRST];
}

/* heed_vocab_encode for a part of a line. */
static heed_code encode(const heed_vocab *v, heed_units *u, heed_line part, const char *file, size_t number, heed_ids *out,
                        size_t *missing, heed_error *e)
{
    size_t count, need;
    const heed_line *units = heed_units_split(u, part, &count, e);
    if (!units) return HEED_NO_MEMORY;
    if (!heed_size_add(out->count, count, &need) || !heed_grow((void **)&out->items, &out->capacity, need, sizeof *out->items))
        return no_memory(e);
    for (size_t i = 0; i < count; i++) {
        int32_t id = heed_vocab_id(v, units[i]);
        if (id == HEED_ID_UNKNOWN && file)
            return heed_fail(e, HEED_FORMAT, "%s:%zu: the symbol '%.80s' is not in the vocabulary", file, number, units[i].bytes);
        *missing += id == HEED_ID_UNKNOWN;
        out->items[out->count++] = id;
    }
    return HEED_OK;
}

heed_code heed_vocab_encode(const heed_vocab *v, heed_units *u, heed_line line, const char *file, size_t number, heed_ids *out,
                            size_t *unknown, heed_error *e)
{
    size_t before = out->count, missing = 0;
    heed_code code = HEED_OK;
    while (!code && line.length) code = encode(v, u, heed_units_part(u, &line), file, number, out, &missing, e);
    if (code) out->count = before;
    else if (unknown) *unknown += missing;
    return code;
}

heed_line heed_vocab_decode(const heed_vocab *v, heed_units *u, const int32_t *ids, size_t count, heed_error *e)
{
    heed_line *units = heed_calloc(count, sizeof *units), line = {0};
    size_t n = 0;
    for (size_t i = 0; units && i < count && ids[i] != HEED_ID_END; i++)
        if (ids[i] != HEED_ID_PAD && ids[i] != HEED_ID_BEGIN) units[n++] = heed_vocab_unit(v, ids[i]);
    if (units) line = heed_units_join(u, units, n, e);
    else no_memory(e);
    heed_free(units);
    return line;
}

char *heed_vocab_save(const heed_vocab *v, size_t *length, heed_error *e)
{
    heed_buffer b = {0};
    for (size_t i = 0; i < heed_strings_count(v->list.units); i++)
        heed_buffer_format(&b, "%s\t%" PRIu64 "\n", heed_strings_at(v->list.units, i), v->list.counts[i]);
    *length = b.length;
    return heed_buffer_take(&b, "the vocabulary", e);
}

/* A count in decimal without sign; false where it is none or too large. */
static bool parse_count(const char *digits, uint64_t *out)
{
    uint64_t x = 0;
    if (!*digits) return false;
    for (const char *p = digits; *p; p++) {
        if (*p < '0' || *p > '9') return false;
        unsigned digit = (unsigned)(*p - '0');
        if (x > (UINT64_MAX - digit) / 10) return false;
        x = 10 * x + digit;
    }
    *out = x;
    return true;
}

static heed_code restore_line(heed_counts *v, const char *name, size_t number, heed_line line, heed_error *e)
{
    uint64_t times;
    const char *tab = strrchr(line.bytes, '\t');
    if (!tab || tab == line.bytes || !parse_count(tab + 1, &times))
        return heed_fail(e, HEED_FORMAT, "%s:%zu: expected `unit TAB count`", name, number);
    heed_line unit = {line.bytes, (size_t)(tab - line.bytes)};
    if (is_fixed(unit) || heed_strings_find(v->units, unit.bytes, unit.length) != HEED_NO_STRING)
        return heed_fail(e, HEED_FORMAT, "%s:%zu: the unit '%.*s' %s", name, number, (int)(unit.length < 80 ? unit.length : 80),
                         unit.bytes, is_fixed(unit) ? "is always there and must not be listed" : "is listed twice");
    return heed_counts_add(v, unit, times, e);
}

heed_vocab *heed_vocab_restore(const char *name, const char *bytes, size_t length, heed_error *e)
{
    const heed_text_rules rules = {SIZE_MAX, true};
    heed_text *t = heed_text_parse(name, bytes, length, &rules, e);
    heed_counts *v = t ? heed_counts_create(e) : NULL;
    heed_code code = v ? HEED_OK : HEED_NO_MEMORY;
    for (size_t i = 0; !code && i < heed_text_count(t); i++) code = restore_line(v, name, i + 1, heed_text_line(t, i), e);
    heed_text_free(t);
    if (!code) return (heed_vocab *)v;
    heed_counts_free(v);
    return NULL;
}

heed_code heed_vocab_write(const heed_vocab *v, const char *path, heed_error *e)
{
    size_t length;
    char *text = heed_vocab_save(v, &length, e);
    if (!text) return HEED_NO_MEMORY;
    heed_code code = heed_write_file(path, text, length, e);
    heed_free(text);
    return code;
}

heed_vocab *heed_vocab_read(const char *path, heed_error *e)
{
    size_t length;
    char *bytes = heed_read_file(path, &length, e);
    heed_vocab *v = bytes ? heed_vocab_restore(path, bytes, length, e) : NULL;
    heed_free(bytes);
    return v;
}
