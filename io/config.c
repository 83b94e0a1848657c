/* The `key = value` files of options.h, and the nearest name. */
#include "options.h"

#include "autograd/memory.h"
#include "metrics.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

/* Cuts blanks off both ends of [*text, end) and ends it with 0. */
static char *trim(char *text, char *end)
{
    while (text < end && (*text == ' ' || *text == '\t')) text++;
    while (text < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
    *end = 0;
    return text;
}

static heed_code take_line(const heed_option *table, void *values, char *line, size_t number, size_t *seen, const char *where,
                           heed_error *e)
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
        if (seen[i]) return heed_fail(e, HEED_FORMAT, "%s: %s is set in line %zu already", where, key, seen[i]);
        seen[i] = number;
    }
    return heed_options_set(table, values, where, key, value, e);
}

static heed_code take_lines(const heed_option *table, void *values, const heed_text *text, heed_error *e)
{
    size_t count = 0;
    while (table[count].key) count++;
    size_t *seen = heed_calloc(count, sizeof *seen); /* the line that set a key, from 1 */
    heed_code code = seen ? HEED_OK : heed_fail(e, HEED_NO_MEMORY, "%s: no memory for the configuration", heed_text_name(text));
    for (size_t i = 0; i < heed_text_count(text) && !code; i++) {
        char where[300], *line = heed_strdup(heed_text_line(text, i).bytes);
        snprintf(where, sizeof where, "%.250s:%zu", heed_text_name(text), i + 1);
        if (line) code = take_line(table, values, line, i + 1, seen, where, e);
        else code = heed_fail(e, HEED_NO_MEMORY, "%s: no memory for the line", where);
        heed_free(line);
    }
    heed_free(seen);
    return code;
}

static const heed_text_rules rules = {.max_line = 4096, .may_be_empty = true};

heed_code heed_options_load(const heed_option *table, void *values, const char *path, heed_error *e)
{
    heed_error own = {0};
    heed_text *text = heed_text_read(path, &rules, &own);
    if (text) take_lines(table, values, text, &own);
    heed_text_free(text);
    return own.code ? heed_fail(e, own.code, "%s", own.message) : HEED_OK;
}

heed_code heed_options_parse(const heed_option *table, void *values, const char *name, const char *text, size_t length,
                             heed_error *e)
{
    heed_error own = {0};
    heed_text *lines = heed_text_parse(name, text, length, &rules, &own);
    if (lines) take_lines(table, values, lines, &own);
    heed_text_free(lines);
    return own.code ? heed_fail(e, own.code, "%s", own.message) : HEED_OK;
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
