/* A file is replaced whole or not at all: full disks, folders that refuse or vanish, kills at any moment. */
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "autograd/memory.h"
#include "check.h"
#include "checkpoint_sample.h"
#include "io/atomic.h"
#include "scratch.h"

static int holds(const char *file, const char *text)
{
    size_t size = 0;
    unsigned char *bytes = scratch_load(file, &size);
    int same = bytes && size == strlen(text) && memcmp(bytes, text, size) == 0;
    free(bytes);
    return same;
}

static int no_temporaries(void) { return scratch_count(scratch(""), HEED_TEMPORARY) == 0; }

static void small_files(void)
{
    heed_error e = {0};
    CU_ASSERT_EQUAL(heed_write_file(scratch("a"), "first", 5, &e), HEED_OK);
    CU_ASSERT_EQUAL(heed_write_file(scratch("a"), "second", 6, &e), HEED_OK);
    CU_ASSERT(holds(scratch("a"), "second"));
    CU_ASSERT_EQUAL(heed_write_file(scratch("empty"), NULL, 0, &e), HEED_OK);
    CU_ASSERT(holds(scratch("empty"), ""));
    struct stat info;
    mode_t mask = umask(0);
    umask(mask);
    CU_ASSERT(stat(scratch("a"), &info) == 0 && (info.st_mode & 0777) == (0666 & ~mask));
    heed_writer *w = heed_writer_open(scratch("a"), &e);
    heed_writer_write(w, "third", 5, &e);
    CU_ASSERT(holds(scratch("a"), "second"));
    heed_writer_cancel(w);
    CU_ASSERT(holds(scratch("a"), "second"));
    CU_ASSERT(no_temporaries());
    CU_ASSERT_EQUAL(e.code, HEED_OK);
}

static void in_the_current_folder(void)
{
    heed_error e = {0};
    char before[512];
    CU_ASSERT_FATAL(getcwd(before, sizeof before) && chdir(scratch("")) == 0);
    CU_ASSERT_EQUAL(heed_write_file("plain", "x", 1, &e), HEED_OK);
    CU_ASSERT_EQUAL(chdir(before), 0);
    CU_ASSERT(holds(scratch("plain"), "x"));
}

static void links(void)
{
    heed_error e = {0};
    heed_write_file(scratch("a"), "one", 3, &e);
    CU_ASSERT_EQUAL(heed_link_file(scratch("a"), scratch("b"), &e), HEED_OK);
    CU_ASSERT_EQUAL(heed_link_file(scratch("a"), scratch("b"), &e), HEED_OK); /* links to one file already */
    CU_ASSERT_EQUAL(heed_link_file(scratch("a"), scratch("a"), &e), HEED_OK);
    heed_write_file(scratch("a"), "two", 3, &e);
    CU_ASSERT(holds(scratch("a"), "two") && holds(scratch("b"), "one"));
    CU_ASSERT_EQUAL(heed_link_file(scratch("a"), scratch("b"), &e), HEED_OK);
    CU_ASSERT(holds(scratch("b"), "two"));
    CU_ASSERT(no_temporaries());
    CU_ASSERT_EQUAL(e.code, HEED_OK);
    CU_ASSERT_EQUAL(heed_link_file(scratch("nothing"), scratch("b"), &e), HEED_IO);
    CU_ASSERT(check_says(e.message, "nothing as "));
    CU_ASSERT(holds(scratch("b"), "two"));
    e = (heed_error){0};
    /* from another file system, where no link is possible, it is a copy */
    struct stat here, shm;
    if (stat(scratch(""), &here) || stat("/dev/shm", &shm) || here.st_dev == shm.st_dev) return;
    char other[64];
    snprintf(other, sizeof other, "/dev/shm/heed-test-%ld", (long)getpid());
    heed_write_file(other, "far", 3, &e);
    CU_ASSERT_EQUAL(heed_link_file(other, scratch("b"), &e), HEED_OK);
    CU_ASSERT(holds(scratch("b"), "far"));
    unlink(other);
}

static void leftovers_do_not_disturb(void)
{
    heed_error e = {0};
    char name[64];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, HEED_TEMPORARY "%ld-%d", (long)getpid(), i);
        scratch_save(scratch(name), "stale", 5);
    }
    CU_ASSERT_EQUAL(heed_write_file(scratch("a"), "new", 3, &e), HEED_OK);
    CU_ASSERT(holds(scratch("a"), "new"));
    CU_ASSERT_EQUAL(scratch_count(scratch(""), HEED_TEMPORARY), 3);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, HEED_TEMPORARY "%ld-%d", (long)getpid(), i);
        unlink(scratch(name));
    }
}

/* ---- the system refuses; each returns true when all is as it should be ---- */

static int fails_with(heed_code code, const heed_error *e, const char *part)
{
    return code == HEED_IO && e->code == HEED_IO && check_says(e->message, part);
}

static int on_a_full_disk(void)
{
    heed_error e = {0};
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    return fails_with(sample_write(scratch("old.h5"), &e), &e, "(what it held before is untouched): File too large");
}

static void a_full_disk(void)
{
    heed_error e = {0};
    CU_ASSERT_EQUAL(sample_write(scratch("old.h5"), &e), HEED_OK);
    CU_ASSERT(scratch_child(on_a_full_disk));
    heed_checkpoint *c = heed_checkpoint_read(scratch("old.h5"), &e);
    CU_ASSERT(c && sample_holds(c));
    heed_checkpoint_free(c);
    CU_ASSERT(no_temporaries());
}

static int in_a_read_only_folder(void)
{
    heed_error e = {0};
    if (geteuid() == 0 && setuid(65534) < 0) { /* root may write everywhere */
        printf("(skipped: root, and no other user to be) ");
        fflush(stdout);
        return 1;
    }
    return fails_with(sample_write(scratch("shut/old.h5"), &e), &e, "Permission denied") && check_says(e.message, "shut/old.h5");
}

static void a_read_only_folder(void)
{
    heed_error e = {0};
    CU_ASSERT_EQUAL(mkdir(scratch("shut"), 0755), 0);
    CU_ASSERT_EQUAL(sample_write(scratch("shut/old.h5"), &e), HEED_OK);
    CU_ASSERT_EQUAL(chmod(scratch("shut"), 0555), 0);
    CU_ASSERT(scratch_child(in_a_read_only_folder));
    heed_checkpoint *c = heed_checkpoint_read(scratch("shut/old.h5"), &e);
    CU_ASSERT(c && sample_holds(c));
    heed_checkpoint_free(c);
    CU_ASSERT_EQUAL(scratch_count(scratch("shut"), HEED_TEMPORARY), 0);
}

static void folders_that_are_not_there(void)
{
    heed_error e = {0};
    CU_ASSERT(fails_with(sample_write(scratch("nowhere/a.h5"), &e), &e, "its folder cannot be opened: No such file"));
    e = (heed_error){0};
    scratch_save(scratch("file"), "x", 1);
    CU_ASSERT(fails_with(sample_write(scratch("file/a.h5"), &e), &e, "Not a directory"));
    e = (heed_error){0};
    mkdir(scratch("folder"), 0755);
    CU_ASSERT(fails_with(sample_write(scratch("folder"), &e), &e, "Is a directory"));
    CU_ASSERT(no_temporaries());
    e = (heed_error){0};
    CU_ASSERT(fails_with(heed_write_file(scratch(""), "x", 1, &e), &e, "cannot write"));
    e = (heed_error){0};
    heed_writer *w = heed_writer_open(scratch("folder/a"), &e); /* it vanishes in the middle */
    heed_writer_write(w, "x", 1, &e);
    scratch_remove_tree(scratch("folder"));
    CU_ASSERT(fails_with(heed_writer_commit(w, &e), &e, "No such file"));
}

/* ---- killed at any moment ---- */

enum { KILLS = 50, VALUES = 20000 };
static volatile int64_t *reported; /* the step that the child has told as saved */

static void save_for_ever(int64_t step)
{
    static int32_t values[VALUES];
    for (;; step++) {
        heed_error e = {0};
        for (int i = 0; i < VALUES; i++) values[i] = (int32_t)step;
        heed_checkpoint *c = heed_checkpoint_new(&e);
        heed_checkpoint_set_int(c, "step", step, &e);
        heed_checkpoint_put(c, "values", HEED_CHECKPOINT_I32, 1, (int64_t[]){VALUES}, values, &e);
        if (heed_checkpoint_write(c, scratch("killed.h5"), &e)) _exit(1);
        heed_checkpoint_free(c);
        *reported = step;
    }
}

static void killed_at_any_moment(void)
{
    reported = mmap(NULL, sizeof *reported, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(reported != MAP_FAILED);
    unsigned random = 7;
    int64_t step = 0;
    for (int i = 0; i < KILLS; i++) {
        int status;
        int64_t begin = step;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) save_for_ever(step + 1);
        while (*reported == begin && waitpid(child, &status, WNOHANG) == 0) nanosleep(&(struct timespec){0, 100000}, NULL);
        CU_ASSERT_FATAL(*reported > begin); /* it has begun */
        random = random * 1103515245 + 12345;
        nanosleep(&(struct timespec){0, (long)(random >> 16 & 0x7fff) * 300}, NULL); /* up to 10 ms */
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        CU_ASSERT_FATAL(WIFSIGNALED(status));
        heed_error e = {0};
        heed_checkpoint *c = heed_checkpoint_read(scratch("killed.h5"), &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        const void *data;
        CU_ASSERT_EQUAL(heed_checkpoint_get_int(c, "step", &step, &e), HEED_OK);
        CU_ASSERT_EQUAL(heed_checkpoint_get(c, "values", HEED_CHECKPOINT_I32, 1, (int64_t[]){VALUES}, &data, &e), HEED_OK);
        CU_ASSERT(step == *reported || step == *reported + 1);
        for (int j = 0; j < VALUES; j++)
            if (((const int32_t *)data)[j] != (int32_t)step) CU_FAIL_FATAL("a mixture of two checkpoints");
        heed_checkpoint_free(c);
        *reported = step;
    }
    int midway = scratch_count(scratch(""), HEED_TEMPORARY);
    CU_ASSERT(midway > 0); /* else the kills came at harmless moments only */
    printf("(%d of %d kills while writing, %lld saved) ", midway, KILLS, (long long)step);
}

CHECK_MAIN("atomic files", {"small files", small_files}, {"in the current folder", in_the_current_folder}, {"links", links},
           {"leftovers do not disturb", leftovers_do_not_disturb}, {"a full disk", a_full_disk},
           {"a read-only folder", a_read_only_folder}, {"folders that are not there", folders_that_are_not_there},
           {"killed at any moment", killed_at_any_moment})
