#include "io/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/memory.h"
#include "io/atomic.h"

enum { NAME_BYTES = 64 };

struct heed_folder {
    char *path;
    int lock;
};

/* mkdir -p */
static heed_code make_folder(char *path, heed_error *e)
{
    if (!*path) return heed_fail(e, HEED_INVALID, "the name of a run's folder is empty");
    for (char *at = path + 1;; at++) {
        char c = *at;
        if (c && c != '/') continue;
        *at = 0;
        int made = mkdir(path, 0777), number = errno;
        struct stat info;
        bool there = made == 0 || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
        if (!there) {
            if (number == EEXIST) number = ENOTDIR;
            errno = number;
            return heed_fail_errno(e, "cannot create the folder %s", path);
        }
        *at = c;
        if (!c) return HEED_OK;
    }
}

static heed_code lock_folder(heed_folder *f, heed_error *e)
{
    char *file = heed_folder_file(f, ".lock", e);
    if (!file) return HEED_NO_MEMORY;
    f->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    heed_free(file);
    if (f->lock < 0) return heed_fail_errno(e, "cannot write in the folder %s", f->path);
    int got;
    do got = flock(f->lock, LOCK_EX | LOCK_NB);
    while (got < 0 && errno == EINTR);
    char owner[32] = "";
    if (got == 0) { /* for the other one's message only */
        int n = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());
        return ftruncate(f->lock, 0) < 0 || write(f->lock, owner, (size_t)n) != n
                   ? heed_fail_errno(e, "cannot write in the folder %s", f->path) : HEED_OK;
    }
    if (errno != EWOULDBLOCK) return heed_fail_errno(e, "cannot lock the folder %s", f->path);
    ssize_t n = read(f->lock, owner, sizeof owner - 1);
    owner[n > 0 ? strspn(owner, "0123456789") : 0] = 0;
    return heed_fail(e, HEED_STATE, "the folder %s is in use by another run (process %s); wait for it or choose another folder",
                     f->path, owner[0] ? owner : "unknown");
}

static DIR *list(const heed_folder *f, heed_error *e)
{
    DIR *d = f ? opendir(f->path) : NULL;
    if (!f) heed_fail(e, HEED_STATE, "there is no open folder to list");
    else if (!d) heed_fail_errno(e, "cannot list the folder %s", f->path);
    return d;
}

/* Removes temporaries that nobody holds a lock on: whoever wrote them is dead. (Its process number may be in use again, so
 * that tells nothing.) A file that cannot be removed does no harm. */
static heed_code sweep(const heed_folder *f, heed_error *e)
{
    DIR *d = list(f, e);
    if (!d) return HEED_IO;
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        if (strncmp(entry->d_name, HEED_TEMPORARY, strlen(HEED_TEMPORARY)) != 0) continue;
        int fd = openat(dirfd(d), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) unlinkat(dirfd(d), entry->d_name, 0);
        if (fd >= 0) close(fd);
    }
    closedir(d);
    return HEED_OK;
}

heed_folder *heed_folder_open(const char *path, heed_error *e)
{
    heed_folder *f = heed_calloc(1, sizeof *f);
    if (f) f->path = heed_strdup(path);
    if (!f || !f->path) {
        heed_free(f);
        heed_fail(e, HEED_NO_MEMORY, "no memory for the folder %s", path);
        return NULL;
    }
    f->lock = -1;
    if (make_folder(f->path, e) || lock_folder(f, e) || sweep(f, e)) {
        heed_folder_close(f);
        return NULL;
    }
    return f;
}

void heed_folder_close(heed_folder *f)
{
    if (!f) return;
    if (f->lock >= 0) close(f->lock);
    heed_free(f->path);
    heed_free(f);
}

const char *heed_folder_path(const heed_folder *f) { return f->path; }

char *heed_folder_file(const heed_folder *f, const char *name, heed_error *e)
{
    if (!f) {
        heed_fail(e, HEED_STATE, "there is no open folder for %s", name);
        return NULL;
    }
    size_t size = strlen(f->path) + strlen(name) + 2;
    char *file = heed_alloc(size);
    if (file) snprintf(file, size, "%s/%s", f->path, name);
    else heed_fail(e, HEED_NO_MEMORY, "no memory for the name %s/%s", f->path, name);
    return file;
}

static const char *step_name(char name[NAME_BYTES], int64_t step)
{
    snprintf(name, NAME_BYTES, "step-%09" PRId64 ".h5", step);
    return name;
}

char *heed_folder_step_file(const heed_folder *f, int64_t step, heed_error *e)
{
    char name[NAME_BYTES];
    return heed_folder_file(f, step_name(name, step), e);
}

heed_code heed_folder_keep(const heed_folder *f, const char *name, const char *as, heed_error *e)
{
    char *from = heed_folder_file(f, name, e), *to = heed_folder_file(f, as, e);
    heed_code code = from && to ? heed_link_file(from, to, e) : f ? HEED_NO_MEMORY : HEED_STATE;
    heed_free(from);
    heed_free(to);
    return code;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

heed_code heed_folder_steps(const heed_folder *f, int64_t **steps, size_t *count, heed_error *e)
{
    *steps = NULL;
    *count = 0;
    DIR *d = list(f, e);
    if (!d) return HEED_IO;
    size_t capacity = 0;
    heed_code code = HEED_OK;
    struct dirent *entry;
    while (!code && (entry = readdir(d)) != NULL) {
        char name[NAME_BYTES];
        if (strncmp(entry->d_name, "step-", 5) != 0) continue;
        int64_t step = strtoll(entry->d_name + 5, NULL, 10);
        if (step < 0 || strcmp(step_name(name, step), entry->d_name) != 0) continue; /* somebody else's */
        if (!heed_grow((void **)steps, &capacity, *count + 1, sizeof **steps))
            code = heed_fail(e, HEED_NO_MEMORY, "no memory to list the folder %s", f->path);
        else (*steps)[(*count)++] = step;
    }
    closedir(d);
    if (*count > 0) qsort(*steps, *count, sizeof **steps, ascending);
    return code;
}

heed_code heed_folder_rotate(const heed_folder *f, const char *name, int64_t step, int keep, heed_error *e)
{
    if (step < 0 || keep < 0) return heed_fail(e, HEED_INVALID, "cannot keep %d checkpoints at step %" PRId64, keep, step);
    int64_t *steps = NULL;
    size_t count = 0;
    char as[NAME_BYTES];
    heed_code code = keep > 0 ? heed_folder_keep(f, name, step_name(as, step), e) : HEED_OK;
    if (!code) code = heed_folder_steps(f, &steps, &count, e);
    size_t past = 0; /* steps up to this one */
    while (past < count && steps[past] <= step) past++;
    for (size_t i = 0; !code && i < count; i++) {
        if (i < past && past - i <= (size_t)keep) continue;
        char *old = heed_folder_step_file(f, steps[i], e);
        if (!old) code = HEED_NO_MEMORY;
        else if (unlink(old) < 0 && errno != ENOENT) code = heed_fail_errno(e, "cannot remove %s", old);
        heed_free(old);
    }
    heed_free(steps);
    return code;
}
