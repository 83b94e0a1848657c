/* Where nodes lie: blocks that are filled one after another and kept over resets. */
#include "autograd/node.h"

#include <string.h>

enum { BLOCK = 1 << 16, HEAD = 32 };

void *arena_next(arena *a, size_t size)
{
    while (a->now && a->now->used + size > a->now->size && a->now->next) {
        a->now = a->now->next;
        a->now->used = HEAD;
    }
    if (!a->now || a->now->used + size > a->now->size) {
        size_t whole = size + HEAD > BLOCK ? size + HEAD : BLOCK;
        arena_block *b = heed_alloc(whole);
        if (!b) return NULL;
        *b = (arena_block){NULL, whole, HEAD};
        if (a->now) a->now->next = b;
        else a->first = b;
        a->now = b;
    }
    void *p = (char *)a->now + a->now->used;
    a->now->used += size;
    return p;
}

bool arena_grow(arena *a, void **items, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) return true;
    size_t count = *capacity * 2 < need ? (need < 16 ? 16 : need) : *capacity * 2;
    void *p = arena_alloc(a, count * size);
    if (!p) return false;
    if (*capacity) memcpy(p, *items, *capacity * size);
    *items = p;
    *capacity = count;
    return true;
}

void arena_reset(arena *a)
{
    a->now = a->first;
    if (a->now) a->now->used = HEAD;
}

void arena_free(arena *a)
{
    for (arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        heed_free(b);
    }
    *a = (arena){NULL, NULL};
}
