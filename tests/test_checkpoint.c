/* What is written is read back, the same content gives the same bytes, and no failed call goes unnoticed. */
#include <malloc.h>
#include <pthread.h>
#include <time.h>

#include "autograd/memory.h"
#include "check.h"
#include "checkpoint_sample.h"
#include "io/digest.h"
#include "refusals.h"
#include "scratch.h"

static void everything_comes_back(void)
{
    heed_error e = {0};
    CU_ASSERT_EQUAL(sample_write(scratch("a.h5"), &e), HEED_OK);
    heed_checkpoint *c = heed_checkpoint_read(scratch("a.h5"), &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT(sample_holds(c));
    CU_ASSERT_STRING_EQUAL(heed_checkpoint_array_at(c, 0)->name, "data/none");
    CU_ASSERT_STRING_EQUAL(heed_checkpoint_array_at(c, SAMPLE_ARRAYS - 1)->name, "vocabulary.merges");
    CU_ASSERT_STRING_EQUAL(heed_checkpoint_attribute_at(c, 0)->name, "config");
    for (size_t i = 0; heed_checkpoint_array_at(c, i); i++)
        CU_ASSERT_EQUAL((uintptr_t)heed_checkpoint_array_at(c, i)->data % 64, 0);
    CU_ASSERT_EQUAL(heed_checkpoint_write(c, scratch("b.h5"), &e), HEED_OK);
    CU_ASSERT(scratch_same(scratch("a.h5"), scratch("b.h5")));
    heed_checkpoint_free(c);
    CU_ASSERT_STRING_EQUAL(e.message, "");
}

/* The example of checkpoint.h. */
static void as_the_header_shows(void)
{
    static float weights[512 * 512] = {1, 2, 3};
    const char *file = scratch("last.h5");
    const void *data;
    heed_error e = {0};
    heed_checkpoint *c = heed_checkpoint_new(&e);
    heed_checkpoint_set_int(c, "step", 1000, &e);
    heed_checkpoint_put(c, "params/enc.0.attn.q", HEED_CHECKPOINT_F32, 2, (int64_t[]){512, 512}, weights, &e);
    heed_checkpoint_write(c, file, &e);
    heed_checkpoint_free(c);
    c = heed_checkpoint_read(file, &e);
    heed_checkpoint_get(c, "params/enc.0.attn.q", HEED_CHECKPOINT_F32, 2, (int64_t[]){512, 512}, &data, &e);
    CU_ASSERT_FATAL(e.code == HEED_OK);
    CU_ASSERT_EQUAL(memcmp(data, weights, sizeof weights), 0);
    heed_checkpoint_free(c);
}

static void every_type_and_rank(void)
{
    int64_t threes[HEED_CHECKPOINT_RANK] = {3, 1, 3, 2, 1, 1, 3, 2};
    unsigned char bytes[8 * 128];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 37);
    heed_error e = {0};
    heed_checkpoint *c = heed_checkpoint_new(&e);
    char name[32];
    for (int type = HEED_CHECKPOINT_F32; type <= HEED_CHECKPOINT_U8; type++)
        for (int rank = 0; rank <= HEED_CHECKPOINT_RANK; rank++) {
            snprintf(name, sizeof name, "t/%d.%d", type, rank);
            heed_checkpoint_put(c, name, (heed_checkpoint_type)type, rank, threes, bytes, &e);
        }
    CU_ASSERT_EQUAL(heed_checkpoint_write(c, scratch("a.h5"), &e), HEED_OK);
    heed_checkpoint_free(c);
    c = heed_checkpoint_read(scratch("a.h5"), &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    for (int type = HEED_CHECKPOINT_F32; type <= HEED_CHECKPOINT_U8; type++)
        for (int rank = 0; rank <= HEED_CHECKPOINT_RANK; rank++) {
            const void *data = NULL;
            snprintf(name, sizeof name, "t/%d.%d", type, rank);
            size_t size = heed_checkpoint_type_size((heed_checkpoint_type)type), count = 1;
            for (int i = 0; i < rank; i++) count *= (size_t)threes[i];
            heed_checkpoint_get(c, name, (heed_checkpoint_type)type, rank, threes, &data, &e);
            CU_ASSERT_FATAL(data != NULL);
            CU_ASSERT_EQUAL(memcmp(data, bytes, count * size), 0);
        }
    CU_ASSERT_STRING_EQUAL(e.message, "");
    heed_checkpoint_free(c);
}

static void many_arrays_and_long_names(void)
{
    enum { COUNT = 2000 };
    static float values[COUNT][5];
    char name[HEED_CHECKPOINT_NAME + 2], text[HEED_CHECKPOINT_TEXT_MAX + 2];
    heed_error e = {0};
    heed_checkpoint *c = heed_checkpoint_new(&e);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "params/layer.%d.weight", i);
        for (int j = 0; j < 5; j++) values[i][j] = (float)(i + j);
        heed_checkpoint_put(c, name, HEED_CHECKPOINT_F32, 1, (int64_t[]){5}, values[i], &e);
    }
    memset(name, 'n', sizeof name);
    name[HEED_CHECKPOINT_NAME] = 0;
    memset(text, 't', sizeof text);
    text[HEED_CHECKPOINT_TEXT_MAX] = 0;
    heed_checkpoint_put(c, name, HEED_CHECKPOINT_F32, 1, (int64_t[]){5}, values[1], &e);
    heed_checkpoint_set_text(c, name, text, &e);
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "key.%d", i);
        heed_checkpoint_set_int(c, key, i, &e);
    }
    CU_ASSERT_EQUAL(heed_checkpoint_write(c, scratch("a.h5"), &e), HEED_OK);
    heed_checkpoint_free(c);
    c = heed_checkpoint_read(scratch("a.h5"), &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    const heed_checkpoint_array *a = heed_checkpoint_find(c, "params/layer.1999.weight");
    CU_ASSERT(a && memcmp(a->data, values[1999], sizeof values[0]) == 0);
    CU_ASSERT_PTR_NOT_NULL(heed_checkpoint_find(c, name));
    CU_ASSERT_PTR_NULL(heed_checkpoint_find(c, "params"));
    const char *found = "";
    CU_ASSERT_EQUAL(heed_checkpoint_get_text(c, name, &found, &e), HEED_OK);
    CU_ASSERT_STRING_EQUAL(found, text);
    heed_checkpoint_free(c);
    CU_ASSERT_STRING_EQUAL(e.message, "");
}

static void an_empty_one(void)
{
    heed_error e = {0};
    heed_checkpoint *c = heed_checkpoint_new(&e);
    CU_ASSERT_EQUAL(heed_checkpoint_write(c, scratch("a.h5"), &e), HEED_OK);
    heed_checkpoint_free(c);
    c = heed_checkpoint_read(scratch("a.h5"), &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_PTR_NULL(heed_checkpoint_array_at(c, 0));
    heed_checkpoint_free(c);
}

/* Another order of calls, another process, another second, other rubbish in fresh memory. */
static int write_in_another_world(void)
{
    heed_error e = {0};
#ifdef M_PERTURB
    mallopt(M_PERTURB, 0x5a);
#endif
    heed_checkpoint *c = sample_make(5, &e);
    return heed_checkpoint_write(c, scratch("b.h5"), &e) == HEED_OK;
}

static void same_content_same_bytes(void)
{
    heed_error e = {0};
    char a[HEED_SHA256_HEX], b[HEED_SHA256_HEX];
    CU_ASSERT_EQUAL(sample_write(scratch("a.h5"), &e), HEED_OK);
    nanosleep(&(struct timespec){1, 100 * 1000 * 1000}, NULL); /* HDF5's time stamps have whole seconds */
    CU_ASSERT(scratch_child(write_in_another_world));
    CU_ASSERT(scratch_same(scratch("a.h5"), scratch("b.h5")));
    CU_ASSERT_EQUAL(heed_sha256_file(scratch("a.h5"), a, &e), HEED_OK);
    CU_ASSERT_EQUAL(heed_sha256_file(scratch("b.h5"), b, &e), HEED_OK);
    CU_ASSERT_STRING_EQUAL(a, b);
    scratch_save(scratch("abc"), "abc", 3);
    CU_ASSERT_EQUAL(heed_sha256_file(scratch("abc"), a, &e), HEED_OK); /* FIPS 180-4's example */
    CU_ASSERT_STRING_EQUAL(a, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void one_value_another_digest(void)
{
    heed_error e = {0};
    CU_ASSERT_EQUAL(sample_write(scratch("a.h5"), &e), HEED_OK);
    sample_f32[0] += 1;
    CU_ASSERT_EQUAL(sample_write(scratch("b.h5"), &e), HEED_OK);
    sample_f32[0] -= 1;
    CU_ASSERT_FALSE(scratch_same(scratch("a.h5"), scratch("b.h5")));
}

static void *write_often(void *file)
{
    heed_error e = {0};
    for (int i = 0; i < 20 && !e.code; i++) {
        heed_checkpoint *c = sample_make(i, &e);
        heed_checkpoint_write(c, file, &e);
        heed_checkpoint_free(c);
    }
    return e.code ? NULL : file;
}

static void threads_write_at_once(void)
{
    heed_error e = {0};
    char files[3][512];
    pthread_t threads[3];
    void *done[3];
    sample_write(scratch("a.h5"), &e); /* makes the sample's numbers too */
    for (int i = 0; i < 3; i++) {
        snprintf(files[i], sizeof files[i], "%s.%d", scratch("thread.h5"), i);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, write_often, files[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], &done[i]);
        CU_ASSERT_PTR_NOT_NULL(done[i]);
        CU_ASSERT(scratch_same(files[i], scratch("a.h5")));
    }
}

#define REFUSES(call, part)                                                                    \
    do {                                                                                       \
        heed_error e = {0};                                                                    \
        heed_checkpoint *c = sample_make(0, &e);                                               \
        CU_ASSERT_NOT_EQUAL(call, HEED_OK);                                                    \
        CU_ASSERT(check_says(e.message, part));                                                \
        e = (heed_error){0};                                                                   \
        CU_ASSERT_EQUAL(heed_checkpoint_write(c, scratch("refused.h5"), &e), HEED_STATE);      \
        CU_ASSERT(check_says(e.message, "content is incomplete"));                             \
        CU_ASSERT_NOT_EQUAL(access(scratch("refused.h5"), F_OK), 0);                           \
        heed_checkpoint_free(c);                                                               \
    } while (0)

static void bad_calls_are_refused(void)
{
    static const char *const names[] = {"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a b", "\xc3\xa9", "a/b/c/d/e/f/g/h/i"};
    int64_t one[HEED_CHECKPOINT_RANK + 1] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, huge[] = {INT64_MAX, 2};
    int64_t round[] = {INT64_C(1) << 62, 8}, minus[] = {-1};
    char text[HEED_CHECKPOINT_TEXT_MAX + 2];
    memset(text, 't', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        REFUSES(heed_checkpoint_put(c, names[i], HEED_CHECKPOINT_U8, 1, one, "x", &e), "cannot name an array");
    REFUSES(heed_checkpoint_set_int(c, "a/b", 1, &e), "cannot name an attribute");
    REFUSES(heed_checkpoint_set_int(c, "step", 1, &e), "attribute \"step\" already");
    REFUSES(heed_checkpoint_set_text(c, "heed.version", "9", &e), "already");
    REFUSES(heed_checkpoint_set_text(c, "text", text, &e), "60001 bytes");
    REFUSES(heed_checkpoint_put(c, "vocabulary", HEED_CHECKPOINT_U8, 1, one, "x", &e), "already");
    REFUSES(heed_checkpoint_put(c, "x", HEED_CHECKPOINT_U8, 9, one, "x", &e), "rank 9");
    REFUSES(heed_checkpoint_put(c, "x", HEED_CHECKPOINT_U8, -1, one, "x", &e), "rank -1");
    REFUSES(heed_checkpoint_put(c, "x", HEED_CHECKPOINT_U8, 2, huge, "x", &e), "cannot be");
    REFUSES(heed_checkpoint_put(c, "x", HEED_CHECKPOINT_U8, 2, round, "x", &e), "cannot be");
    REFUSES(heed_checkpoint_put(c, "x", HEED_CHECKPOINT_U8, 1, minus, "x", &e), "cannot be");
    REFUSES(heed_checkpoint_put(c, "x", HEED_CHECKPOINT_U8, 1, one, NULL, &e), "no data");
    REFUSES(heed_checkpoint_put(c, "x", (heed_checkpoint_type)6, 1, one, "x", &e), "type 6");
    REFUSES(heed_checkpoint_put(c, "x", (heed_checkpoint_type)0, 1, one, "x", &e), "type 0");
    heed_error e = {0};
    heed_checkpoint *c = sample_make(0, &e);
    heed_checkpoint_put(c, "vocabulary/x", HEED_CHECKPOINT_U8, 1, one, "x", &e);
    CU_ASSERT_EQUAL(heed_checkpoint_write(c, scratch("refused.h5"), &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "\"vocabulary\" is an array and a folder"));
    heed_checkpoint_free(c);
    e = (heed_error){0};
    CU_ASSERT_EQUAL(heed_checkpoint_set_int(NULL, "step", 1, &e), HEED_STATE);
    e = (heed_error){0};
    CU_ASSERT_EQUAL(heed_checkpoint_write(NULL, scratch("refused.h5"), &e), HEED_STATE);
    e = (heed_error){.code = HEED_UNSUPPORTED}; /* something else went wrong before */
    c = sample_make(0, NULL);
    CU_ASSERT_EQUAL(heed_checkpoint_write(c, scratch("refused.h5"), &e), HEED_UNSUPPORTED);
    CU_ASSERT_NOT_EQUAL(access(scratch("refused.h5"), F_OK), 0);
    heed_checkpoint_free(c);
}

#define SAYS(call, part)                        \
    do {                                        \
        heed_error e = {0};                     \
        CU_ASSERT_EQUAL(call, HEED_FORMAT);     \
        CU_ASSERT(check_says(e.message, part)); \
        CU_ASSERT(check_says(e.message, "a.h5: ")); \
    } while (0)

static void lookups_tell_what_differs(void)
{
    heed_error failed = {0};
    sample_write(scratch("a.h5"), &failed);
    heed_checkpoint *c = heed_checkpoint_read(scratch("a.h5"), &failed);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    const void *data = NULL;
    int64_t number, shape[] = {2, 4}, any[] = {-1, 3};
    const char *text;
    double real;
    SAYS(heed_checkpoint_get(c, "params/enc.0.attn.q", HEED_CHECKPOINT_F32, 2, shape, &data, &e),
         "the array \"params/enc.0.attn.q\" is float32 [2,3], expected is float32 [2,4]");
    SAYS(heed_checkpoint_get(c, "params/enc.0.attn.q", HEED_CHECKPOINT_F64, 2, any, &data, &e), "expected is float64 [*,3]");
    SAYS(heed_checkpoint_get(c, "optimizer/steps", HEED_CHECKPOINT_I64, 1, any, &data, &e), "is int64 []");
    SAYS(heed_checkpoint_get(c, "params", HEED_CHECKPOINT_F32, 2, shape, &data, &e), "no array \"params\"");
    SAYS(heed_checkpoint_get_int(c, "lr", &number, &e), "\"lr\" is a real number, expected is an integer");
    SAYS(heed_checkpoint_get_text(c, "step", &text, &e), "\"step\" is an integer, expected is a text");
    SAYS(heed_checkpoint_get_real(c, "nothing", &real, &e), "no attribute \"nothing\"");
    CU_ASSERT_PTR_NULL(data);
    CU_ASSERT_EQUAL(heed_checkpoint_get(c, "params/enc.0.attn.q", HEED_CHECKPOINT_F32, 2, any, &data, &failed), HEED_OK);
    CU_ASSERT_EQUAL(heed_checkpoint_set_int(c, "more", 1, &failed), HEED_STATE);
    CU_ASSERT(check_says(failed.message, "was read takes no more attributes"));
    heed_checkpoint_free(c);
}

/* ---- every allocation refused in turn ---- */

static check_budget meter;

static void every_allocation_may_fail(void)
{
    heed_error e = {0};
    sample_write(scratch("good.h5"), &e);
    heed_set_allocator(check_refuse, &meter);
    long budget = -1;
    bool done = false;
    while (!done && ++budget < 1000) { /* writing */
        meter.left = budget;
        e = (heed_error){0};
        done = sample_write(scratch("metered.h5"), &e) == HEED_OK;
        CU_ASSERT_EQUAL(e.code, done ? HEED_OK : HEED_NO_MEMORY);
        CU_ASSERT_EQUAL(meter.live, 0);
        CU_ASSERT_EQUAL(access(scratch("metered.h5"), F_OK) == 0, done);
        CU_ASSERT_EQUAL(scratch_count(scratch(""), ".heed-tmp-"), 0);
    }
    CU_ASSERT(done && budget > 20);
    done = false;
    for (budget = -1; !done && ++budget < 1000;) { /* reading */
        meter.left = budget;
        e = (heed_error){0};
        heed_checkpoint *c = heed_checkpoint_read(scratch("good.h5"), &e);
        done = c != NULL;
        CU_ASSERT_EQUAL(e.code, done ? HEED_OK : HEED_NO_MEMORY);
        heed_checkpoint_free(c);
        CU_ASSERT_EQUAL(meter.live, 0);
    }
    CU_ASSERT(done && budget > 3);
    heed_set_allocator(NULL, NULL);
}

CHECK_MAIN("checkpoint", {"everything comes back", everything_comes_back}, {"as the header shows", as_the_header_shows},
           {"every type and rank", every_type_and_rank},
           {"many arrays and long names", many_arrays_and_long_names}, {"an empty one", an_empty_one},
           {"the same content gives the same bytes", same_content_same_bytes},
           {"one value more gives another digest", one_value_another_digest}, {"threads write at once", threads_write_at_once},
           {"bad calls are refused", bad_calls_are_refused},
           {"lookups tell what differs", lookups_tell_what_differs}, {"every allocation may fail", every_allocation_may_fail})
