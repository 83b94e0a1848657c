/* Bump allocation from chunks that are never given back singly, and huge pages for the large ones. */
#include "autograd/slab.h"
#include "autograd/memory.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20, LEAST_CHUNK = 1 << 14 };

typedef struct slab_chunk { struct slab_chunk *next; void *block; char *at, *end; } slab_chunk;

void heed_lock(int *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) sched_yield();
}
void heed_unlock(int *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

static char *alloc_huge(size_t *size, void **block)
{
    if (*size > SIZE_MAX / 2) return NULL;
    *size = (*size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    *block = heed_alloc(*size + HUGE_PAGE);
    if (!*block) return NULL;
    char *base = (char *)(((uintptr_t)*block + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    madvise(base, *size, MADV_HUGEPAGE); /* only a wish: a kernel without huge pages is slower, not wrong */
    return base;
}

char *heed_alloc_large(size_t *size, void **block)
{
    return *size >= HUGE_PAGE ? alloc_huge(size, block) : (*block = heed_alloc(*size));
}

static slab_chunk *open_chunk(heed_slab *s, size_t size)
{
    if (size < s->bytes / 2) size = s->bytes / 2;
    if (size < LEAST_CHUNK) size = LEAST_CHUNK;
    slab_chunk *c = heed_alloc(sizeof *c);
    if (!c) return NULL;
    void *block;
    char *base = heed_alloc_large(&size, &block);
    if (!base) {
        heed_free(c);
        return NULL;
    }
    *c = (slab_chunk){s->chunks, block, base, base + size};
    s->bytes += size;
    return s->chunks = c;
}

void *heed_slab_take(heed_slab *s, size_t size)
{
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + 63) & ~(size_t)63;
    heed_lock(&s->lock);
    slab_chunk *c = s->chunks;
    if (!c || (size_t)(c->end - c->at) < size) c = open_chunk(s, size);
    void *p = c ? c->at : NULL;
    if (c) c->at += size;
    heed_unlock(&s->lock);
    return p;
}

void *heed_slab_zeroed(heed_slab *s, size_t size)
{
    void *p = heed_slab_take(s, size);
    return p ? memset(p, 0, size) : NULL;
}

void heed_slab_free(heed_slab *s)
{
    for (slab_chunk *c = s->chunks, *next; c; c = next) {
        next = c->next;
        heed_free(c->block);
        heed_free(c);
    }
    *s = (heed_slab){0};
}
