#include "io/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/memory.h"

enum { TEMPORARY_MAX = 64, COPY_CHUNK = 1 << 16 };

struct heed_writer {
    char *file;       /* as the caller named it, for messages */
    const char *name; /* its last part */
    int folder, fd;   /* -1 when not open */
    char temporary[TEMPORARY_MAX]; /* in `folder`; "" when there is none */
    heed_code code;
};

static heed_code cannot_write(heed_writer *w, heed_error *e)
{
    return w->code = heed_fail_errno(e, "cannot write %s (what it held before is untouched)", w->file);
}

static void free_writer(heed_writer *w)
{
    if (w->fd >= 0) close(w->fd);
    if (w->temporary[0]) unlinkat(w->folder, w->temporary, 0);
    if (w->folder >= 0) close(w->folder);
    heed_free(w->file);
    heed_free(w);
}

/* A temporary name that nobody has: a new file, or a hard link to `from`. */
static int make_temporary(heed_writer *w, const char *from)
{
    for (int i = 0; i < 10000; i++) {
        char name[TEMPORARY_MAX];
        snprintf(name, sizeof name, HEED_TEMPORARY "%ld-%d", (long)getpid(), i);
        int got = from ? linkat(AT_FDCWD, from, w->folder, name, AT_SYMLINK_FOLLOW)
                       : openat(w->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (got < 0 && errno == EEXIST) continue;
        if (got >= 0) memcpy(w->temporary, name, sizeof name);
        return got;
    }
    return -1;
}

/* A writer without its temporary. */
static heed_writer *open_folder_of(const char *file, heed_error *e)
{
    heed_writer *w = heed_calloc(1, sizeof *w);
    if (w) w->file = heed_strdup(file);
    if (!w || !w->file) {
        heed_free(w);
        heed_fail(e, HEED_NO_MEMORY, "no memory to write %s", file);
        return NULL;
    }
    w->fd = -1;
    char *slash = strrchr(w->file, '/');
    w->name = slash ? slash + 1 : w->file;
    char cut = slash ? slash[1] : 0;
    if (slash) slash[1] = 0;
    w->folder = open(slash ? w->file : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->folder < 0) heed_fail_errno(e, "cannot write %s: its folder cannot be opened", file);
    if (slash) slash[1] = cut;
    if (w->folder >= 0) return w;
    free_writer(w);
    return NULL;
}

heed_writer *heed_writer_open(const char *file, heed_error *e)
{
    heed_writer *w = open_folder_of(file, e);
    if (!w) return NULL;
    w->fd = make_temporary(w, NULL);
    if (w->fd >= 0) {
        flock(w->fd, LOCK_EX | LOCK_NB); /* as long as this lasts, the temporary is nobody's leftover */
        return w;
    }
    cannot_write(w, e);
    free_writer(w);
    return NULL;
}

heed_code heed_writer_write(heed_writer *w, const void *data, size_t size, heed_error *e)
{
    if (!w) return HEED_IO;
    const char *at = data;
    while (!w->code && size > 0) {
        ssize_t n = write(w->fd, at, size);
        if (n < 0 && errno != EINTR) cannot_write(w, e);
        if (n > 0) at += n, size -= (size_t)n;
    }
    return w->code;
}

heed_code heed_writer_rewrite(heed_writer *w, uint64_t offset, const void *data, size_t size, heed_error *e)
{
    if (!w) return HEED_IO;
    const char *at = data;
    while (!w->code && size > 0) {
        ssize_t n = pwrite(w->fd, at, size, (off_t)offset);
        if (n < 0 && errno != EINTR) cannot_write(w, e);
        if (n > 0) at += n, size -= (size_t)n, offset += (uint64_t)n;
    }
    return w->code;
}

/* A file system that cannot sync a folder says EINVAL; there is nothing more to be done on it. */
static int sync_folder(int folder) { return fsync(folder) < 0 && errno != EINVAL ? -1 : 0; }

heed_code heed_writer_commit(heed_writer *w, heed_error *e)
{
    if (!w) return HEED_IO;
    if (!w->code && w->fd >= 0 && fsync(w->fd) < 0) cannot_write(w, e);
    if (!w->code) {
        if (renameat(w->folder, w->temporary, w->folder, w->name) < 0) cannot_write(w, e);
        else w->temporary[0] = 0;
    }
    if (!w->code && sync_folder(w->folder) < 0)
        w->code = heed_fail_errno(e, "%s is written, but its folder cannot be synced to the disk", w->file);
    heed_code code = w->code;
    free_writer(w);
    return code;
}

void heed_writer_cancel(heed_writer *w)
{
    if (w) free_writer(w);
}

heed_code heed_write_file(const char *file, const void *data, size_t size, heed_error *e)
{
    heed_writer *w = heed_writer_open(file, e);
    heed_writer_write(w, data, size, e);
    return heed_writer_commit(w, e);
}

static heed_code copy_file(const char *from, const char *to, heed_error *e)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) return heed_fail_errno(e, "cannot open %s", from);
    heed_writer *w = heed_writer_open(to, e);
    char chunk[COPY_CHUNK];
    heed_code code = w ? HEED_OK : HEED_IO;
    while (!code) {
        ssize_t n = read(in, chunk, sizeof chunk);
        if (n == 0) break;
        if (n > 0) code = heed_writer_write(w, chunk, (size_t)n, e);
        else if (errno != EINTR) code = heed_fail_errno(e, "cannot read %s", from);
    }
    close(in);
    if (!code) return heed_writer_commit(w, e);
    heed_writer_cancel(w);
    return code;
}

/* rename does nothing, and leaves the temporary, where both names are links to one file. */
static bool same_file(const heed_writer *w)
{
    struct stat a, b;
    return fstatat(w->folder, w->temporary, &a, 0) == 0 && fstatat(w->folder, w->name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

heed_code heed_link_file(const char *from, const char *to, heed_error *e)
{
    heed_writer *w = open_folder_of(to, e);
    if (!w) return HEED_IO;
    if (make_temporary(w, from) >= 0) {
        if (!same_file(w)) return heed_writer_commit(w, e);
        free_writer(w);
        return HEED_OK;
    }
    bool refused = errno == EPERM || errno == EXDEV || errno == EMLINK || errno == EOPNOTSUPP || errno == ENOSYS;
    heed_code code = refused ? HEED_OK : heed_fail_errno(e, "cannot keep %s as %s", from, to);
    free_writer(w);
    return refused ? copy_file(from, to, e) : code;
}
