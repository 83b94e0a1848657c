/* Where values lie: chunks backed by huge pages, kept over resets. A run that does not fit opens a chunk of its own, in place of one in
 * which nothing is stored; at the next reset all chunks become one that would have held everything, with room to spare, so a loop soon asks
 * the system for nothing. */
#include "autograd/node.h"

static pool_chunk *chunk_new(size_t size)
{
    pool_chunk *c = heed_alloc(sizeof *c);
    if (!c) return NULL;
    void *block;
    char *base = heed_alloc_large(&size, &block);
    if (!base) {
        heed_free(c);
        return NULL;
    }
    *c = (pool_chunk){block, base, size, NULL};
    return c;
}

static void chunks_free(pool_chunk *c)
{
    for (pool_chunk *next; c; c = next) {
        next = c->next;
        heed_free(c->block);
        heed_free(c);
    }
}

char *pool_take(pool *p, size_t size)
{
    p->used = (p->used + 63) & ~(size_t)63;
    if (p->chunk && size <= p->chunk->size && p->used <= p->chunk->size - size) return p->chunk->base + p->used;
    size_t want = size < p->wish ? p->wish : size;
    if (p->chunk && !p->used) { /* too small, and nothing is stored in it: its pages serve the larger one */
        pool_chunk *small = p->chunk;
        p->chunk = small->next;
        small->next = NULL;
        chunks_free(small);
        if (want < size + size / 4) want = size + size / 4; /* what is never touched costs nothing */
    }
    if (!p->chunk && want < ((size_t)1 << 16)) want = (size_t)1 << 16;
    pool_chunk *c = chunk_new(want);
    if (!c) return NULL;
    c->next = p->chunk;
    p->chunk = c;
    p->used = 0;
    return c->base;
}

void pool_reset(pool *p)
{
    p->used = 0;
    if (!p->chunk || !p->chunk->next) return;
    size_t all = 0;
    for (const pool_chunk *c = p->chunk; c; c = c->next) all += c->size;
    chunks_free(p->chunk);
    p->chunk = NULL;
    p->wish = all + all / 4; /* taken by the next run */
}

void pool_free(pool *p)
{
    chunks_free(p->chunk);
    *p = (pool){NULL, 0, 0};
}
