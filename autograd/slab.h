/* Memory for arrays that live until their owner goes: weights, gradients, an optimizer's moments, packed forms. Pieces of a few chunks,
 * each half as large as all before; those of 2 MiB and more lie on huge pages, because reading weights in pages of 4 KiB costs up to a
 * third of a product's speed. Safe to take from on several threads at once. */
#ifndef HEED_SLAB_H
#define HEED_SLAB_H

#include <stddef.h>

typedef struct heed_slab { struct slab_chunk *chunks; size_t bytes; int lock; } heed_slab; /* zeroed: empty */

void *heed_slab_take(heed_slab *s, size_t size);   /* 64-byte aligned, not zeroed; NULL: refused */
void *heed_slab_zeroed(heed_slab *s, size_t size);
void  heed_slab_free(heed_slab *s);                /* all that was taken; then it is empty */

/* The memory behind it: *size bytes or more, told there, 64-byte aligned; from 2 MiB on on huge pages where the system has them. *block is what to
 * give to heed_free. NULL: refused. */
char *heed_alloc_large(size_t *size, void **block);

/* A lock for short work that may allocate: who waits gives its core away. */
void heed_lock(int *lock);
void heed_unlock(int *lock);

#endif
