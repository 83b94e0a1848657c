/* The `key = value` files of options.h, and the nearest name. */
#include "options.h"

#include "autograd/memory.h"
#include "metrics.h"
#include "utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LARGEST = 1 << 20 }; /* bytes of a configuration file */

static heed_code check_text(const char *line, size_t length, const char *where, heed_error *e)
{
    if (strlen(line) != length) return heed_fail(e, HEED_FORMAT, "%s: a zero byte; this is no text file", where);
    for (const char *p = line; *p;) {
        int32_t c = heed_utf8_next(&p);
        if (c >= HEED_UTF8_INVALID) return heed_fail(e, HEED_FORMAT, "%s: not UTF-8", where);
        if ((c < ' ' && c != '\t') || c == 127)
            return heed_fail(e, HEED_FORMAT, "%s: a control character; this is no text file", where);
    }
    return HEED_OK;
}

/* Cuts blanks off both ends of [*text, end) and ends it with 0. */
static char *trim(char *text, char *end)
{
    while (text < end && (*text == ' ' || *text == '\t')) text++;
    while (text < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
    *end = 0;
    return text;
}

static heed_code take_line(const heed_option *table, void *values, char *line, long long number, long long *seen,
                           const char *where, heed_error *e)
{
    for (char *p = line; *p; p++)
        if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) { *p = 0; break; }
    line = trim(line, line + strlen(line));
    if (!*line) return HEED_OK;
    char *equals = strchr(line, '=');
    if (!equals) return heed_fail(e, HEED_FORMAT, "%s: \"%.60s\" is not \"key = value\"", where, line);
    char *value = trim(equals + 1, equals + strlen(equals)), *key = trim(line, equals);
    for (size_t i = 0; table[i].key; i++) {
        if (strcmp(table[i].key, key)) continue;
        if (seen[i]) return heed_fail(e, HEED_FORMAT, "%s: %s is set in line %lld already", where, key, seen[i]);
        seen[i] = number;
    }
    return heed_options_set(table, values, where, key, value, e);
}

heed_code heed_options_parse(const heed_option *table, void *values, const char *name, const char *text, size_t length,
                             heed_error *e)
{
    size_t count = 0;
    while (table[count].key) count++;
    long long *seen = heed_calloc(count, sizeof *seen), number = 0;
    heed_code code = seen ? HEED_OK : heed_fail(e, HEED_NO_MEMORY, "%s: no memory for the configuration", name);
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3, length -= 3; /* a byte order mark */
    for (size_t used; length && !code; text += used, length -= used) {
        const char *newline = memchr(text, '\n', length);
        char where[300];
        snprintf(where, sizeof where, "%.250s:%lld", name, ++number);
        used = newline ? (size_t)(newline - text) + 1 : length;
        size_t shown = used - (newline != NULL);
        shown -= shown && text[shown - 1] == '\r';
        char *line = heed_strndup(text, shown);
        if (!line) code = heed_fail(e, HEED_NO_MEMORY, "%s: no memory for the line", where);
        else if (!(code = check_text(line, shown, where, e))) code = take_line(table, values, line, number, seen, where, e);
        heed_free(line);
    }
    heed_free(seen);
    return code;
}

heed_code heed_options_load(const heed_option *table, void *values, const char *path, heed_error *e)
{
    FILE *f = fopen(path, "r");
    if (!f) return heed_fail_errno(e, "cannot open the configuration %s", path);
    char *text = heed_alloc(LARGEST + 1);
    heed_code code;
    if (!text) {
        code = heed_fail(e, HEED_NO_MEMORY, "%s: no memory for the configuration", path);
    } else {
        size_t length = fread(text, 1, LARGEST + 1, f);
        if (ferror(f)) code = heed_fail_errno(e, "cannot read the configuration %s", path);
        else if (length > LARGEST) code = heed_fail(e, HEED_FORMAT, "%s: larger than 1 MiB; this is no configuration", path);
        else code = heed_options_parse(table, values, path, text, length, e);
    }
    heed_free(text);
    fclose(f);
    return code;
}

enum { NAME = 64 };

/* Lower case with "_" for "-"; the length, or -1 when it is too long for a name. */
static int plain(const char *name, int32_t out[NAME], char text[NAME])
{
    size_t n = strlen(name);
    if (n >= NAME) return -1;
    for (size_t i = 0; i <= n; i++) {
        text[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i] == '-' ? '_' : name[i]);
        if (i < n) out[i] = text[i];
    }
    return (int)n;
}

const char *heed_nearest(const char *name, const char *const *names)
{
    int32_t a[NAME], b[NAME];
    char text[NAME], other[NAME];
    int length = plain(name, a, text);
    int64_t least = length > 4 ? (length + 1) / 3 : 1, edits;
    const char *best = NULL, *container = NULL;
    for (; length > 0 && *names; names++) {
        int n = plain(*names, b, other);
        if (n < 0 || heed_edit_distance(a, length, b, n, &edits, NULL)) continue;
        if (edits < least + !best && edits < n) {
            best = *names;
            least = edits;
        }
        if (!container && length > 2 && strstr(other, text)) container = *names;
    }
    return best ? best : container;
}
