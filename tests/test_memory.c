/* Errors stick, and every allocation goes through the hook. */
#include "autograd/memory.h"
#include "autograd/status.h"
#include "check.h"

#include <stdlib.h>

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

CHECK_MAIN("memory", {"the first error sticks", first_error_sticks}, {"the hook sees every allocation", the_hook_sees_everything})
