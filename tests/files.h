/* Files for a test: a new folder under /tmp, and what is written there. */
#ifndef HEED_FILES_H
#define HEED_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct test_file {
    char folder[32], path[64];
} test_file;

static inline const char *write_file(test_file *f, const char *name, const void *bytes, size_t length)
{
    strcpy(f->folder, "/tmp/heed-XXXXXX");
    if (!mkdtemp(f->folder)) exit(2);
    snprintf(f->path, sizeof f->path, "%s/%s", f->folder, name);
    FILE *out = fopen(f->path, "wb");
    if (!out || fwrite(bytes, 1, length, out) != length || fclose(out)) exit(2);
    return f->path;
}

static inline const char *write_text(test_file *f, const char *name, const char *text)
{
    return write_file(f, name, text, strlen(text));
}

static inline void remove_file(test_file *f)
{
    unlink(f->path);
    rmdir(f->folder);
}

#endif
