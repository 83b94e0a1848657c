/* One run in a folder at a time, and the last few checkpoints kept. */
#include "io/folder.h"

#include <inttypes.h>
#include <signal.h>

#include "autograd/memory.h"
#include "check.h"
#include "io/atomic.h"
#include "io/checkpoint.h"
#include "refusals.h"
#include "scratch.h"

static int opens(const char *path)
{
    heed_error e = {0};
    heed_folder *f = heed_folder_open(path, &e);
    heed_folder_close(f);
    return f && e.code == HEED_OK;
}

static void folders_are_made(void)
{
    CU_ASSERT(opens(scratch("runs/deep/first")));
    CU_ASSERT(opens(scratch("runs/deep/first")));
    CU_ASSERT(opens(scratch("runs//with a blank/")));
    heed_error e = {0};
    heed_folder *f = heed_folder_open(scratch("runs/deep/first"), &e);
    char *file = heed_folder_file(f, "last.h5", &e), *step = heed_folder_step_file(f, 12, &e);
    CU_ASSERT_STRING_EQUAL(file, scratch("runs/deep/first/last.h5"));
    CU_ASSERT_STRING_EQUAL(step, scratch("runs/deep/first/step-000000012.h5"));
    CU_ASSERT_STRING_EQUAL(heed_folder_path(f), scratch("runs/deep/first"));
    heed_free(file);
    heed_free(step);
    heed_folder_close(f);
    CU_ASSERT_EQUAL(e.code, HEED_OK);
}

static void folders_that_cannot_be(void)
{
    heed_error e = {0};
    int64_t *steps;
    size_t count;
    CU_ASSERT_EQUAL(heed_folder_rotate(NULL, "last.h5", 1, 2, &e), HEED_STATE); /* after a failed open */
    CU_ASSERT_NOT_EQUAL(heed_folder_steps(NULL, &steps, &count, &e), HEED_OK);
    e = (heed_error){0};
    scratch_save(scratch("file"), "x", 1);
    CU_ASSERT_PTR_NULL(heed_folder_open(scratch("file"), &e));
    CU_ASSERT(e.code == HEED_IO && check_says(e.message, "file: Not a directory"));
    e = (heed_error){0};
    CU_ASSERT_PTR_NULL(heed_folder_open(scratch("file/below"), &e));
    CU_ASSERT(e.code == HEED_IO && check_says(e.message, "Not a directory"));
    e = (heed_error){0};
    CU_ASSERT_PTR_NULL(heed_folder_open("", &e));
    CU_ASSERT(e.code == HEED_INVALID && check_says(e.message, "is empty"));
}

static int refused_here(void)
{
    heed_error e = {0};
    char part[80];
    snprintf(part, sizeof part, "is in use by another run (process %ld)", (long)getppid());
    heed_folder *f = heed_folder_open(scratch("locked"), &e);
    return !f && e.code == HEED_STATE && check_says(e.message, part) && check_says(e.message, "locked");
}

static int opens_here(void) { return opens(scratch("locked")); }

static void two_runs_in_one_folder(void)
{
    heed_error e = {0};
    heed_folder *f = heed_folder_open(scratch("locked"), &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT(scratch_child(refused_here));
    CU_ASSERT_PTR_NULL(heed_folder_open(scratch("locked"), &e)); /* this process is no exception */
    CU_ASSERT_EQUAL(e.code, HEED_STATE);
    heed_folder_close(f);
    CU_ASSERT(scratch_child(opens_here));
}

static void the_dead_hold_no_lock(void)
{
    int ready[2], status;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        heed_folder *f = heed_folder_open(scratch("locked"), NULL);
        heed_writer *w = f ? heed_writer_open(scratch("locked/last.h5"), NULL) : NULL;
        if (write(ready[1], w ? "y" : "n", 1) == 1) pause();
        _exit(1);
    }
    char answer = 0;
    CU_ASSERT(read(ready[0], &answer, 1) == 1 && answer == 'y');
    CU_ASSERT_FALSE(opens(scratch("locked")));
    CU_ASSERT_EQUAL(scratch_count(scratch("locked"), HEED_TEMPORARY), 1);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    heed_error e = {0};
    heed_writer *w = heed_writer_open(scratch("locked/alive"), &e); /* its temporary is not swept away */
    CU_ASSERT_EQUAL(scratch_count(scratch("locked"), HEED_TEMPORARY), 2);
    CU_ASSERT(opens(scratch("locked")));
    CU_ASSERT_EQUAL(scratch_count(scratch("locked"), HEED_TEMPORARY), 1);
    CU_ASSERT_EQUAL(heed_writer_commit(w, &e), HEED_OK);
    close(ready[0]);
    close(ready[1]);
}

static int kept(const heed_folder *f, size_t count, const int64_t *expected)
{
    int64_t *steps;
    size_t have;
    int same = heed_folder_steps(f, &steps, &have, NULL) == HEED_OK && have == count;
    for (size_t i = 0; same && i < count; i++) {
        char text[32], name[64];
        size_t size = 0;
        same = steps[i] == expected[i];
        snprintf(name, sizeof name, "rotate/step-%09" PRId64 ".h5", steps[i]);
        snprintf(text, sizeof text, "%" PRId64, steps[i]);
        unsigned char *bytes = scratch_load(scratch(name), &size);
        same = same && bytes && size == strlen(text) && memcmp(bytes, text, size) == 0;
        free(bytes);
    }
    heed_free(steps);
    return same;
}

static heed_code save(const heed_folder *f, int64_t step, int keep)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, step);
    if (heed_write_file(scratch("rotate/last.h5"), text, strlen(text), NULL)) return HEED_IO;
    return heed_folder_rotate(f, "last.h5", step, keep, NULL);
}

static void the_last_few_are_kept(void)
{
    heed_error e = {0};
    heed_folder *f = heed_folder_open(scratch("rotate"), &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    scratch_save(scratch("rotate/step-7.h5"), "mine", 4);             /* not names of ours: left alone */
    scratch_save(scratch("rotate/step-000000001.h5.txt"), "mine", 4);
    CU_ASSERT(kept(f, 0, NULL));
    for (int64_t step = 100; step <= 500; step += 100) CU_ASSERT_EQUAL(save(f, step, 3), HEED_OK);
    CU_ASSERT(kept(f, 3, (int64_t[]){300, 400, 500}));
    CU_ASSERT_EQUAL(save(f, 500, 3), HEED_OK); /* once more */
    CU_ASSERT(kept(f, 3, (int64_t[]){300, 400, 500}));
    CU_ASSERT_EQUAL(save(f, 10000000000, 2), HEED_OK); /* more digits than the name has room for */
    CU_ASSERT(kept(f, 2, (int64_t[]){500, 10000000000}));
    CU_ASSERT_EQUAL(save(f, 450, 3), HEED_OK); /* the run went back: what lay ahead is no more */
    CU_ASSERT(kept(f, 1, (int64_t[]){450}));
    CU_ASSERT_EQUAL(save(f, 460, 0), HEED_OK);
    CU_ASSERT(kept(f, 0, NULL));
    CU_ASSERT_EQUAL(access(scratch("rotate/step-7.h5"), F_OK), 0);
    CU_ASSERT_EQUAL(access(scratch("rotate/step-000000001.h5.txt"), F_OK), 0);
    CU_ASSERT_EQUAL(heed_folder_rotate(f, "last.h5", -1, 3, &e), HEED_INVALID);
    heed_folder_close(f);
}

static void the_best_is_kept(void)
{
    heed_error e = {0};
    heed_folder *f = heed_folder_open(scratch("rotate"), &e);
    heed_write_file(scratch("rotate/last.h5"), "good", 4, &e);
    CU_ASSERT_EQUAL(heed_folder_keep(f, "last.h5", "best.h5", &e), HEED_OK);
    heed_write_file(scratch("rotate/last.h5"), "worse", 5, &e);
    scratch_save(scratch("expected"), "good", 4);
    CU_ASSERT(scratch_same(scratch("rotate/best.h5"), scratch("expected")));
    CU_ASSERT_EQUAL(e.code, HEED_OK);
    CU_ASSERT_EQUAL(heed_folder_keep(f, "nothing.h5", "best.h5", &e), HEED_IO);
    CU_ASSERT(check_says(e.message, "nothing.h5"));
    CU_ASSERT(scratch_same(scratch("rotate/best.h5"), scratch("expected")));
    heed_folder_close(f);
}

/* The example of folder.h. */
static void as_the_header_shows(void)
{
    heed_error e = {0};
    int64_t step = 1000;
    heed_checkpoint *state = heed_checkpoint_new(&e);
    heed_folder *run = heed_folder_open(scratch("runs/first"), &e);
    char *last = heed_folder_file(run, "last.h5", &e);
    heed_checkpoint_write(state, last, &e);
    heed_folder_keep(run, "last.h5", "best.h5", &e);
    heed_folder_rotate(run, "last.h5", step, 5, &e);
    CU_ASSERT_STRING_EQUAL(e.message, "");
    CU_ASSERT(scratch_same(scratch("runs/first/best.h5"), scratch("runs/first/step-000001000.h5")));
    heed_free(last);
    heed_folder_close(run);
    heed_checkpoint_free(state);
}

static check_budget meter;

static void every_allocation_may_fail(void)
{
    heed_set_allocator(check_refuse, &meter);
    int done = 0;
    for (long budget = 0; !done && budget < 100; budget++) {
        heed_error e = {0};
        meter.left = budget;
        heed_folder *f = heed_folder_open(scratch("metered"), &e);
        done = f && !heed_write_file(scratch("metered/last.h5"), "x", 1, &e) && !heed_folder_rotate(f, "last.h5", 1, 2, &e);
        heed_folder_close(f);
        CU_ASSERT_EQUAL(e.code, done ? HEED_OK : HEED_NO_MEMORY);
        CU_ASSERT_EQUAL(meter.live, 0);
    }
    heed_set_allocator(NULL, NULL);
    CU_ASSERT(done);
}

CHECK_MAIN("folder", {"folders are made", folders_are_made}, {"folders that cannot be", folders_that_cannot_be},
           {"two runs in one folder", two_runs_in_one_folder}, {"the dead hold no lock", the_dead_hold_no_lock},
           {"the last few are kept", the_last_few_are_kept}, {"the best is kept", the_best_is_kept},
           {"as the header shows", as_the_header_shows}, {"every allocation may fail", every_allocation_may_fail})
