/* Errors stick, and every allocation goes through the hook. */
#include "autograd/memory.h"
#include "autograd/slab.h"
#include "autograd/status.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

static void first_error_sticks(void)
{
    heed_error e = {0};
    CU_ASSERT_EQUAL(heed_fail(&e, HEED_INVALID, "first %d", 1), HEED_INVALID);
    CU_ASSERT_EQUAL(heed_fail(&e, HEED_IO, "second"), HEED_IO);
    CU_ASSERT_EQUAL(e.code, HEED_INVALID);
    CU_ASSERT_STRING_EQUAL(e.message, "first 1");
}

static void *counting(void *context, void *p, size_t old, size_t size)
{
    (void)old;
    long *live = context;
    if (size == 0) { *live -= 1; free(p); return NULL; }
    *live += 1;
    return malloc(size);
}

static void *refusing(void *context, void *p, size_t old, size_t size)
{
    (void)context; (void)old; (void)size;
    free(p);
    return NULL;
}

static void the_hook_sees_everything(void)
{
    long live = 0;
    heed_set_allocator(counting, &live);
    char *p = heed_alloc(10), *q = heed_strdup("heed");
    CU_ASSERT_EQUAL(live, 2);
    CU_ASSERT_EQUAL((uintptr_t)p % 64, 0);
    p = heed_realloc(p, 1000);
    CU_ASSERT_STRING_EQUAL(q, "heed");
    heed_free(p);
    heed_free(q);
    CU_ASSERT_EQUAL(live, 0);
    heed_set_allocator(refusing, NULL);
    CU_ASSERT_PTR_NULL(heed_alloc(1));
    CU_ASSERT_PTR_NULL(heed_calloc(SIZE_MAX / 2, 3));
    heed_set_allocator(NULL, NULL);
}

/* Pieces of all sizes, those beyond a huge page too: aligned, not in one another, all given back at once; a refusal changes nothing. */
static void a_slab_keeps_pieces_apart(void)
{
    enum { PIECES = 40 };
    long live = 0;
    heed_set_allocator(counting, &live);
    heed_slab s = {0};
    unsigned char *piece[PIECES];
    for (int i = 0; i < PIECES; i++) {
        size_t size = (size_t)1 << i % 22;
        piece[i] = heed_slab_zeroed(&s, size);
        CU_ASSERT_PTR_NOT_NULL_FATAL(piece[i]);
        CU_ASSERT_EQUAL((uintptr_t)piece[i] % 64, 0);
        CU_ASSERT(piece[i][0] == 0 && piece[i][size - 1] == 0);
        memset(piece[i], i + 1, size);
    }
    for (int i = 0; i < PIECES; i++) CU_ASSERT(piece[i][0] == i + 1 && piece[i][((size_t)1 << i % 22) - 1] == i + 1);
    CU_ASSERT(live < PIECES);
    CU_ASSERT_PTR_NULL(heed_slab_take(&s, SIZE_MAX));
    heed_set_allocator(refusing, NULL);
    CU_ASSERT_PTR_NULL(heed_slab_take(&s, (size_t)1 << 24));
    heed_set_allocator(counting, &live);
    CU_ASSERT_PTR_NOT_NULL(heed_slab_take(&s, 1));
    heed_slab_free(&s);
    CU_ASSERT_EQUAL(live, 0);
    CU_ASSERT_EQUAL(s.bytes, 0);
    heed_set_allocator(NULL, NULL);
}

CHECK_MAIN("memory", {"the first error sticks", first_error_sticks}, {"the hook sees every allocation", the_hook_sees_everything},
           {"a slab keeps pieces apart", a_slab_keeps_pieces_apart})
