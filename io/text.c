#include "io/text.h"

#include "autograd/memory.h"
#include "io/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct heed_text {
    char *name, *bytes;
    heed_line *lines;
    size_t count, capacity;
};

struct heed_lines {
    FILE *in;
    char *name, *bytes;
    size_t number, max_line, capacity;
};

static size_t limit_of(size_t max_line) { return max_line ? max_line : HEED_MAX_LINE; }

static heed_code too_long(const char *name, size_t number, size_t max_line, heed_error *e)
{
    return heed_fail(e, HEED_FORMAT, "%s:%zu: the line is longer than the limit of %zu bytes; split it", name, number, max_line);
}

/* Checks line `number` (from 1), without its LF: shortens it by a CR, moves it past a byte order mark. */
static heed_code check_line(const char *name, size_t number, heed_line *line, size_t max_line, heed_error *e)
{
    if (line->length && line->bytes[line->length - 1] == '\r') line->length--;
    if (number == 1 && line->length >= 3 && memcmp(line->bytes, "\xEF\xBB\xBF", 3) == 0) {
        line->bytes += 3;
        line->length -= 3;
    }
    if (line->length > max_line) return too_long(name, number, max_line, e);
    const char *nul = memchr(line->bytes, 0, line->length);
    if (nul)
        return heed_fail(e, HEED_FORMAT, "%s:%zu: byte %zu of the line is NUL: this is a binary file, not text", name, number,
                         (size_t)(nul - line->bytes) + 1);
    size_t valid = heed_utf8_valid(line->bytes, line->length);
    if (valid < line->length)
        return heed_fail(e, HEED_FORMAT, "%s:%zu: byte %zu of the line (0x%02X) is not UTF-8; convert the file to UTF-8", name,
                         number, valid + 1, (unsigned)(unsigned char)line->bytes[valid]);
    return HEED_OK;
}

/* Cuts t->bytes (`length` bytes and room for a NUL) into lines. */
static heed_code cut(heed_text *t, size_t length, const heed_text_rules *rules, heed_error *e)
{
    char *p = t->bytes, *end = t->bytes + length;
    while (p < end) {
        char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        heed_line line = {p, (size_t)(stop - p)};
        heed_code code = check_line(t->name, t->count + 1, &line, limit_of(rules->max_line), e);
        if (code) return code;
        if (!heed_grow((void **)&t->lines, &t->capacity, t->count + 1, sizeof *t->lines))
            return heed_fail(e, HEED_NO_MEMORY, "%s: no memory for %zu lines", t->name, t->count + 1);
        p[(line.bytes - p) + (ptrdiff_t)line.length] = 0;
        t->lines[t->count++] = line;
        p = stop + 1;
    }
    if (!t->count && !rules->may_be_empty) return heed_fail(e, HEED_FORMAT, "%s: the file is empty", t->name);
    return HEED_OK;
}

/* Takes `bytes`, which has room for a NUL after `length`; NULL counts as no memory. */
static heed_text *adopt(const char *name, char *bytes, size_t length, const heed_text_rules *rules, heed_error *e)
{
    heed_text *t = bytes ? heed_calloc(1, sizeof *t) : NULL;
    if (t) t->name = heed_strdup(name);
    if (!t || !t->name) {
        heed_free(t);
        heed_free(bytes);
        heed_fail(e, HEED_NO_MEMORY, "%s: no memory for %zu bytes", name, length);
        return NULL;
    }
    t->bytes = bytes;
    if (!cut(t, length, rules ? rules : &(heed_text_rules){0}, e)) return t;
    heed_text_free(t);
    return NULL;
}

/* Reads `size` bytes; what a file has grown by meanwhile is left. */
static heed_code read_all(int file, const char *path, char *bytes, size_t size, heed_error *e)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(file, bytes + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return heed_fail_errno(e, "%s", path);
        if (got == 0) return heed_fail(e, HEED_IO, "%s: became shorter while it was read", path);
        done += (size_t)got;
    }
    bytes[size] = 0;
    return HEED_OK;
}

char *heed_read_file(const char *path, size_t *length, heed_error *e)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
    struct stat about;
    char *bytes = NULL;
    size_t size, whole;
    if (file < 0 || fstat(file, &about)) {
        heed_fail_errno(e, "%s", path);
    } else if (!S_ISREG(about.st_mode)) {
        heed_fail(e, HEED_IO, "%s: %s, not a regular file", path, S_ISDIR(about.st_mode) ? "a folder" : "a pipe or device");
    } else if (size = (size_t)about.st_size, !heed_size_add(size, 1, &whole) || !(bytes = heed_alloc(whole))) {
        heed_fail(e, HEED_NO_MEMORY, "%s: no memory for %zu bytes", path, size);
    } else if (read_all(file, path, bytes, size, e)) {
        heed_free(bytes);
        bytes = NULL;
    } else {
        *length = size;
    }
    if (file >= 0) close(file);
    return bytes;
}

heed_text *heed_text_read(const char *path, const heed_text_rules *rules, heed_error *e)
{
    size_t length;
    char *bytes = heed_read_file(path, &length, e);
    return bytes ? adopt(path, bytes, length, rules, e) : NULL;
}

heed_text *heed_text_parse(const char *name, const char *bytes, size_t length, const heed_text_rules *rules, heed_error *e)
{
    size_t whole;
    char *copy = heed_size_add(length, 1, &whole) ? heed_alloc(whole) : NULL;
    if (copy && length) memcpy(copy, bytes, length);
    return adopt(name, copy, length, rules, e);
}

void heed_text_free(heed_text *t)
{
    if (!t) return;
    heed_free(t->name);
    heed_free(t->bytes);
    heed_free(t->lines);
    heed_free(t);
}

size_t heed_text_count(const heed_text *t) { return t->count; }
heed_line heed_text_line(const heed_text *t, size_t i) { return t->lines[i]; }
const char *heed_text_name(const heed_text *t) { return t->name; }

heed_code heed_text_parallel(const heed_text *source, const heed_text *target, heed_error *e)
{
    if (source->count == target->count) return HEED_OK;
    return heed_fail(e, HEED_FORMAT, "%s has %zu lines but %s has %zu: parallel files must have as many lines as each other",
                     source->name, source->count, target->name, target->count);
}

heed_lines *heed_lines_open(FILE *in, const char *name, size_t max_line, heed_error *e)
{
    heed_lines *r = heed_calloc(1, sizeof *r);
    if (r && (r->name = heed_strdup(name))) {
        r->in = in;
        r->max_line = limit_of(max_line);
        return r;
    }
    heed_free(r);
    heed_fail(e, HEED_NO_MEMORY, "%s: no memory to read lines", name);
    return NULL;
}

bool heed_lines_next(heed_lines *r, heed_line *line, heed_error *e)
{
    size_t length = 0;
    int c;
    while ((c = getc_unlocked(r->in)) != EOF && c != '\n') {
        if (length > r->max_line && length - r->max_line > 3) { /* room for a CR and a byte order mark's beginning */
            too_long(r->name, r->number + 1, r->max_line, e);
            return false;
        }
        if (!heed_grow((void **)&r->bytes, &r->capacity, length + 2, 1)) {
            heed_fail(e, HEED_NO_MEMORY, "%s:%zu: no memory for the line", r->name, r->number + 1);
            return false;
        }
        r->bytes[length++] = (char)c;
    }
    if (c == EOF && ferror(r->in)) {
        heed_fail_errno(e, "%s", r->name);
        return false;
    }
    if (c == EOF && length == 0) return false;
    if (r->bytes) r->bytes[length] = 0;
    *line = (heed_line){r->bytes ? r->bytes : "", length};
    if (check_line(r->name, ++r->number, line, r->max_line, e)) return false;
    if (r->bytes) r->bytes[(line->bytes - r->bytes) + (ptrdiff_t)line->length] = 0;
    return true;
}

void heed_lines_free(heed_lines *r)
{
    if (!r) return;
    heed_free(r->name);
    heed_free(r->bytes);
    heed_free(r);
}
