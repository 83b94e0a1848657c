#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* Every block is preceded by a 64-byte header that holds its size, so that the hook can be told the old size. */
enum { HEADER = 64 };

static heed_realloc_fn *the_hook;
static void *the_context;

void heed_set_allocator(heed_realloc_fn *hook, void *context)
{
    the_hook = hook;
    the_context = context;
}

static size_t *size_of(void *p) { return (size_t *)((char *)p - HEADER); }

/* The hook's memory has malloc's alignment only, so the header keeps the shift to its start as well. */
static void *place(char *raw, size_t size)
{
    uintptr_t at = ((uintptr_t)raw + HEADER + 63) & ~(uintptr_t)63;
    size_t *head = (size_t *)(at - HEADER);
    head[0] = size;
    head[1] = at - (uintptr_t)raw;
    return (void *)at;
}

void *heed_alloc(size_t size)
{
    size_t whole;
    if (!heed_size_add(size, 2 * HEADER, &whole)) return NULL;
    char *raw = the_hook ? the_hook(the_context, NULL, 0, whole) : malloc(whole);
    return raw ? place(raw, size) : NULL;
}

void *heed_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!heed_size_mul(count, size, &bytes)) return NULL;
    void *p = heed_alloc(bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

void *heed_realloc(void *p, size_t size)
{
    if (!p) return heed_alloc(size);
    void *q = heed_alloc(size);
    if (!q) return NULL;
    size_t old = *size_of(p);
    memcpy(q, p, old < size ? old : size);
    heed_free(p);
    return q;
}

void heed_free(void *p)
{
    if (!p) return;
    size_t *head = size_of(p);
    char *raw = (char *)p - head[1];
    if (the_hook) the_hook(the_context, raw, head[0] + 2 * HEADER, 0);
    else free(raw);
}

char *heed_strndup(const char *text, size_t length)
{
    char *copy = heed_alloc(length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *heed_strdup(const char *text) { return heed_strndup(text, strlen(text)); }

bool heed_grow(void **items, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) return true;
    size_t count = *capacity + *capacity / 2, bytes;
    if (count < need) count = need < 16 ? 16 : need;
    if (!heed_size_mul(count, size, &bytes)) return false;
    void *p = heed_realloc(*items, bytes);
    if (!p) return false;
    *items = p;
    *capacity = count;
    return true;
}
