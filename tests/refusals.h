/* Every allocation of a piece of code refused in turn: the first, the second, ... until it passes.
 *
 *     static bool makes_it(void *unused) { ...; return worked; }      frees what it made, in success and failure
 *     CU_ASSERT(check_refusals(makes_it, NULL) > 0);                  -1: it leaked, passed in spite of a refusal or never passed
 */
#ifndef HEED_REFUSALS_H
#define HEED_REFUSALS_H

#include "autograd/memory.h"

#include <stdlib.h>

typedef struct { long left, live; bool one; } check_budget; /* one: after `left` allocations a single one is refused, not all */

static inline void *check_refuse(void *context, void *p, size_t old, size_t size)
{
    check_budget *b = context;
    (void)old;
    if (!size) {
        b->live--;
        free(p);
        return NULL;
    }
    if (b->one ? b->left-- == 0 : b->left-- <= 0) return NULL;
    b->live++;
    return malloc(size);
}

/* Counts allocations in a long: heed_set_allocator(check_count, &count). */
static inline void *check_count(void *context, void *p, size_t old, size_t size)
{
    (void)old;
    if (!size) {
        free(p);
        return NULL;
    }
    ++*(long *)context;
    return malloc(size);
}

/* How many allocations were refused before `run` passed. */
static inline int check_refusals(bool (*run)(void *), void *context)
{
    for (int allowed = 0; allowed < 100000; allowed++) {
        check_budget b = {.left = allowed};
        heed_set_allocator(check_refuse, &b);
        bool passed = run(context);
        heed_set_allocator(NULL, NULL);
        if (b.live) return -1;
        if (passed) return b.left < 0 ? -1 : allowed;
    }
    return -1;
}

#endif
