/* Memory: every allocation of heed goes through one hook, so that a program can count, limit or refuse them.
 *
 * The hook is the only process-wide setting of the library. It is set before any other call and not changed while heed
 * objects live; an allocator in every constructor would be the alternative, and nobody would use it.
 */
#ifndef HEED_MEMORY_H
#define HEED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Like realloc, with the old size: `size` 0 frees and returns NULL, `p` NULL allocates; NULL is a refusal and leaves `p` as it was. */
typedef void *heed_realloc_fn(void *context, void *p, size_t old_size, size_t size);

/* Takes all memory from `hook` from now on; NULL goes back to the system's. */
void heed_set_allocator(heed_realloc_fn *hook, void *context);

/* Memory of `size` bytes, 64-byte aligned, or NULL. Size 0 gives a pointer that may be freed. */
void *heed_alloc(size_t size);
void *heed_calloc(size_t count, size_t size);            /* zeroed; NULL too when count * size overflows */
void *heed_realloc(void *p, size_t size);                /* keeps the content; NULL leaves `p` as it was */
void  heed_free(void *p);
char *heed_strdup(const char *text);
char *heed_strndup(const char *text, size_t length);

/* Grows an array of `size`-byte items to hold `need` at least, in steps of a half, and updates `*capacity`. False: refused, nothing changed. */
bool heed_grow(void **items, size_t *capacity, size_t need, size_t size);

/* Overflow-checked arithmetic: false when the result does not fit. */
static inline bool heed_size_mul(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool heed_size_add(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }

#endif
