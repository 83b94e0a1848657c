/* A folder of a test program's own, removed at its end, and small helpers for files in it. */
#ifndef HEED_SCRATCH_H
#define HEED_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch_folder[256];
static pid_t scratch_owner;

static inline void scratch_remove_tree(const char *path)
{
    char command[1100];
    snprintf(command, sizeof command, "chmod -R u+rwx '%s'; rm -rf '%s'", path, path);
    if (system(command) != 0) fprintf(stderr, "cannot remove %s\n", path);
}

static void scratch_remove(void)
{
    if (getpid() == scratch_owner) scratch_remove_tree(scratch_folder); /* not a forked child */
}

/* The path of `name` in the folder; one of eight buffers in turn. */
static inline const char *scratch(const char *name)
{
    static char paths[8][512];
    static int turn;
    if (!scratch_folder[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(scratch_folder, sizeof scratch_folder, "%.200s/tests-of-heed-XXXXXX", base && *base ? base : "/tmp");
        if (!mkdtemp(scratch_folder) || chmod(scratch_folder, 0755) < 0) {
            perror(scratch_folder);
            exit(2);
        }
        scratch_owner = getpid();
        atexit(scratch_remove);
    }
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
    return path;
}

/* The whole file in malloc's memory, or NULL. */
static inline unsigned char *scratch_load(const char *file, size_t *size)
{
    FILE *in = fopen(file, "rb");
    if (!in) return NULL;
    fseek(in, 0, SEEK_END);
    *size = (size_t)ftell(in);
    rewind(in);
    unsigned char *bytes = malloc(*size + 1);
    if (bytes && fread(bytes, 1, *size, in) != *size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(in);
    return bytes;
}

static inline void scratch_save(const char *file, const void *bytes, size_t size)
{
    FILE *out = fopen(file, "wb");
    if (!out || fwrite(bytes, 1, size, out) != size || fclose(out) != 0) {
        perror(file);
        exit(2);
    }
}

static inline int scratch_same(const char *a, const char *b)
{
    size_t na = 0, nb = 0;
    unsigned char *x = scratch_load(a, &na), *y = scratch_load(b, &nb);
    int same = x && y && na == nb && memcmp(x, y, na) == 0;
    free(x);
    free(y);
    return same;
}

/* How many names of a folder begin with `prefix`. */
static inline int scratch_count(const char *folder, const char *prefix)
{
    int count = 0;
    DIR *d = opendir(folder);
    struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL) count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (d) closedir(d);
    return count;
}

/* Runs `body` in a child of its own and returns whether it returned true there. */
static inline int scratch_child(int (*body)(void))
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(body() ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
