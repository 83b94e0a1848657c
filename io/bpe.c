/* A word starts as its characters, the last one with `</w>` after it. Then, as long as a pair of neighbours is in the table,
 * every place of the pair of lowest rank is merged, from left to right. Symbols are numbers here, so a pair is one 64-bit key. */
#include "io/bpe.h"

#include "autograd/memory.h"
#include "io/strings.h"
#include "io/utf8.h"

#include <string.h>

static const char ending[] = "</w>";
enum { ENDING = sizeof ending - 1 };
#define MOST_CACHED ((size_t)1 << 18) /* words; text has a core of frequent ones, so a full cache may stay as it is */

typedef struct merge {
    uint64_t pair;   /* left << 32 | right */
    uint32_t rank;   /* 1 for the first line; 0: free slot */
    uint32_t symbol; /* left and right together */
} merge;

typedef struct part {
    uint32_t symbol, length; /* NO_SYMBOL: occurs in no merge */
} part;

#define NO_SYMBOL UINT32_MAX

struct heed_bpe {
    heed_strings *symbols;
    merge *table; /* open addressing, at most half full */
    size_t mask;
    heed_strings *words; /* the cache: word i has lengths[first[i]] to lengths[first[i + 1]] */
    size_t *first;
    uint32_t *lengths;
    part *parts; /* of the word at hand */
    char *scratch;
    size_t first_capacity, lengths_capacity, parts_capacity, scratch_capacity;
};

static merge *find(const heed_bpe *b, uint64_t pair)
{
    size_t at = (size_t)((pair * 0x9E3779B97F4A7C15u) >> 32) & b->mask;
    while (b->table[at].rank && b->table[at].pair != pair) at = (at + 1) & b->mask;
    return &b->table[at];
}

static bool grow_scratch(heed_bpe *b, size_t bytes) { return heed_grow((void **)&b->scratch, &b->scratch_capacity, bytes, 1); }

/* The numbers of left, right and both together; a pair that was there before keeps its rank. False: no memory. */
static bool add_merge(heed_bpe *b, heed_line left, heed_line right, uint32_t rank)
{
    if (!grow_scratch(b, left.length + right.length)) return false;
    memcpy(b->scratch, left.bytes, left.length);
    memcpy(b->scratch + left.length, right.bytes, right.length);
    size_t x = heed_strings_add(b->symbols, left.bytes, left.length), y = heed_strings_add(b->symbols, right.bytes, right.length);
    size_t z = heed_strings_add(b->symbols, b->scratch, left.length + right.length);
    if (x == HEED_NO_STRING || y == HEED_NO_STRING || z == HEED_NO_STRING) return false;
    uint64_t pair = (uint64_t)x << 32 | y;
    merge *m = find(b, pair);
    if (!m->rank) *m = (merge){pair, rank, (uint32_t)z};
    return true;
}

heed_bpe *heed_bpe_create(const heed_text *codes, heed_error *e)
{
    const char *name = heed_text_name(codes);
    size_t count = heed_text_count(codes), slots = 64;
    if (!count || strcmp(heed_text_line(codes, 0).bytes, "#version: 0.2") != 0) {
        heed_fail(e, HEED_FORMAT, "%s:1: not a merges file of subword-nmt: its first line must be `#version: 0.2`", name);
        return NULL;
    }
    if (count > UINT32_MAX / 4) {
        heed_fail(e, HEED_FORMAT, "%s: %zu merges are too many", name, count);
        return NULL;
    }
    while (slots < 2 * count) slots *= 2;
    heed_bpe *b = heed_calloc(1, sizeof *b);
    bool ok = b && (b->symbols = heed_strings_create()) && (b->words = heed_strings_create()) &&
              (b->table = heed_calloc(slots, sizeof *b->table)) &&
              heed_grow((void **)&b->first, &b->first_capacity, 1, sizeof *b->first);
    if (ok) b->mask = slots - 1, b->first[0] = 0;
    for (size_t i = 1; ok && i < count; i++) {
        heed_line line = heed_text_line(codes, i);
        const char *blank = memchr(line.bytes, ' ', line.length);
        heed_line left = {line.bytes, blank ? (size_t)(blank - line.bytes) : 0},
                  right = {blank ? blank + 1 : NULL, line.length - left.length - 1};
        if (!left.length || !right.length || memchr(right.bytes, ' ', right.length)) {
            heed_fail(e, HEED_FORMAT, "%s:%zu: expected a merge, two symbols with a blank between them", name, i + 1);
            heed_bpe_free(b);
            return NULL;
        }
        ok = add_merge(b, left, right, (uint32_t)i);
    }
    if (ok) return b;
    heed_bpe_free(b);
    heed_fail(e, HEED_NO_MEMORY, "%s: no memory for %zu merges", name, count);
    return NULL;
}

void heed_bpe_free(heed_bpe *b)
{
    if (!b) return;
    heed_strings_free(b->symbols);
    heed_strings_free(b->words);
    heed_free(b->table);
    heed_free(b->first);
    heed_free(b->lengths);
    heed_free(b->parts);
    heed_free(b->scratch);
    heed_free(b);
}

static merge *pair_at(const heed_bpe *b, size_t i)
{
    uint32_t x = b->parts[i].symbol, y = b->parts[i + 1].symbol;
    if (x == NO_SYMBOL || y == NO_SYMBOL) return NULL;
    merge *m = find(b, (uint64_t)x << 32 | y);
    return m->rank ? m : NULL;
}

/* Merges all that can be merged; returns how many parts are left. */
static size_t merge_parts(heed_bpe *b, size_t n)
{
    for (;;) {
        const merge *best = NULL;
        for (size_t i = 0; i + 1 < n; i++) {
            const merge *m = pair_at(b, i);
            if (m && (!best || m->rank < best->rank)) best = m;
        }
        if (!best) return n;
        size_t out = 0;
        for (size_t i = 0; i < n; i++)
            if (i + 1 < n && pair_at(b, i) == best) {
                b->parts[out++] = (part){best->symbol, b->parts[i].length + b->parts[i + 1].length};
                i++;
            } else {
                b->parts[out++] = b->parts[i];
            }
        n = out;
    }
}

const uint32_t *heed_bpe_cut(heed_bpe *b, heed_line word, size_t *count, heed_error *e)
{
    size_t known = heed_strings_find(b->words, word.bytes, word.length), cached = heed_strings_count(b->words);
    if (known != HEED_NO_STRING) {
        *count = b->first[known + 1] - b->first[known];
        return b->lengths + b->first[known];
    }
    if (word.length > UINT32_MAX - ENDING || !grow_scratch(b, word.length + ENDING) ||
        !heed_grow((void **)&b->parts, &b->parts_capacity, word.length, sizeof *b->parts))
        goto refused;
    memcpy(b->scratch, word.bytes, word.length);
    memcpy(b->scratch + word.length, ending, ENDING);
    size_t n = 0;
    for (const char *c = b->scratch, *next = c, *end = c + word.length; c < end; c = next) {
        heed_utf8_next(&next);
        size_t length = (size_t)(next - c) + (next == end ? ENDING : 0);
        size_t symbol = heed_strings_find(b->symbols, c, length);
        b->parts[n++] = (part){symbol == HEED_NO_STRING ? NO_SYMBOL : (uint32_t)symbol, (uint32_t)length};
    }
    n = merge_parts(b, n);
    b->parts[n - 1].length -= ENDING;
    size_t start = b->first[cached];
    if (!heed_grow((void **)&b->lengths, &b->lengths_capacity, start + n, sizeof *b->lengths) ||
        !heed_grow((void **)&b->first, &b->first_capacity, cached + 2, sizeof *b->first))
        goto refused;
    for (size_t i = 0; i < n; i++) b->lengths[start + i] = b->parts[i].length;
    if (cached < MOST_CACHED) {
        if (heed_strings_add(b->words, word.bytes, word.length) == HEED_NO_STRING) goto refused;
        b->first[cached + 1] = start + n;
    }
    *count = n;
    return b->lengths + start;
refused:
    heed_fail(e, HEED_NO_MEMORY, "no memory for the subwords of a word of %zu bytes", word.length);
    return NULL;
}
