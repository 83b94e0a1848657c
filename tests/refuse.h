/* Runs a piece of work again and again, refusing its first allocation, then its second, ... until none is left to refuse. */
#ifndef HEED_REFUSE_H
#define HEED_REFUSE_H

#include "autograd/memory.h"
#include "autograd/status.h"
#include "check.h"

#include <stdlib.h>

typedef struct refusal {
    long live, until; /* blocks held; allocations that are still granted */
} refusal;

static void *refusing_hook(void *context, void *p, size_t old, size_t size)
{
    (void)old;
    refusal *r = context;
    if (size == 0) {
        r->live--;
        free(p);
        return NULL;
    }
    if (r->until-- <= 0) return NULL;
    r->live++;
    return malloc(size);
}

/* `work` frees what it made and returns its error. Every refusal must be told and leave nothing behind; returns how many there were. */
static inline long check_refusals(heed_code (*work)(heed_error *e))
{
    for (long n = 0;; n++) {
        refusal r = {0, n};
        heed_error e = {0};
        heed_set_allocator(refusing_hook, &r);
        heed_code code = work(&e);
        heed_set_allocator(NULL, NULL);
        CU_ASSERT_EQUAL(r.live, 0);
        CU_ASSERT_EQUAL(code, e.code);
        if (r.until >= 0) {
            CU_ASSERT_EQUAL(code, HEED_OK);
            return n;
        }
        CU_ASSERT_EQUAL(code, HEED_NO_MEMORY);
        if (code != HEED_NO_MEMORY) return n;
    }
}

#endif
