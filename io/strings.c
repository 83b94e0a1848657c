#include "io/strings.h"

#include "autograd/memory.h"

#include <string.h>

typedef struct item {
    uint64_t hash;
    size_t start, length; /* in `bytes` */
} item;

struct heed_strings {
    char *bytes; /* all strings, each with a NUL */
    item *items;
    size_t *slots; /* open addressing, linear probing: 1 + number, 0 for free; a power of two, at most half full */
    size_t used, count, slot_count;
    size_t bytes_capacity, items_capacity;
};

uint64_t heed_strings_hash(const char *bytes, size_t length)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDu;
    h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53u;
    return h ^ (h >> 33);
}

heed_strings *heed_strings_create(void) { return heed_calloc(1, sizeof(heed_strings)); }

void heed_strings_free(heed_strings *s)
{
    if (!s) return;
    heed_free(s->bytes);
    heed_free(s->items);
    heed_free(s->slots);
    heed_free(s);
}

/* The slot that holds the string, or the free one where it belongs. */
static size_t *slot_of(const heed_strings *s, uint64_t hash, const char *bytes, size_t length)
{
    size_t mask = s->slot_count - 1, at = (size_t)hash & mask;
    for (; s->slots[at]; at = (at + 1) & mask) {
        const item *x = &s->items[s->slots[at] - 1];
        if (x->hash == hash && x->length == length && memcmp(s->bytes + x->start, bytes, length) == 0) break;
    }
    return &s->slots[at];
}

static int grow_slots(heed_strings *s)
{
    size_t count = s->slot_count ? 2 * s->slot_count : 64, mask = count - 1;
    size_t *slots = heed_calloc(count, sizeof *slots);
    if (!slots) return 0;
    for (size_t i = 0; i < s->count; i++) {
        size_t at = (size_t)s->items[i].hash & mask;
        while (slots[at]) at = (at + 1) & mask;
        slots[at] = i + 1;
    }
    heed_free(s->slots);
    s->slots = slots;
    s->slot_count = count;
    return 1;
}

size_t heed_strings_add(heed_strings *s, const char *bytes, size_t length)
{
    if (2 * (s->count + 1) > s->slot_count && !grow_slots(s)) return HEED_NO_STRING;
    uint64_t hash = heed_strings_hash(bytes, length);
    size_t *slot = slot_of(s, hash, bytes, length), need;
    if (*slot) return *slot - 1;
    if (!heed_size_add(s->used, length, &need) || !heed_size_add(need, 1, &need)) return HEED_NO_STRING;
    if (!heed_grow((void **)&s->bytes, &s->bytes_capacity, need, 1)) return HEED_NO_STRING;
    if (!heed_grow((void **)&s->items, &s->items_capacity, s->count + 1, sizeof *s->items)) return HEED_NO_STRING;
    memcpy(s->bytes + s->used, bytes, length);
    s->bytes[s->used + length] = 0;
    s->items[s->count] = (item){hash, s->used, length};
    s->used = need;
    *slot = ++s->count;
    return s->count - 1;
}

size_t heed_strings_find(const heed_strings *s, const char *bytes, size_t length)
{
    if (!s->count) return HEED_NO_STRING;
    size_t slot = *slot_of(s, heed_strings_hash(bytes, length), bytes, length);
    return slot ? slot - 1 : HEED_NO_STRING;
}

size_t heed_strings_count(const heed_strings *s) { return s->count; }
const char *heed_strings_at(const heed_strings *s, size_t i) { return s->bytes + s->items[i].start; }
size_t heed_strings_length(const heed_strings *s, size_t i) { return s->items[i].length; }
