#include "options.h"

#include "autograd/memory.h"
#include "buffer.h"
#include "number.h"

#include <math.h>
#include <string.h>

static void *place(const heed_option *o, const void *values) { return (char *)values + o->offset; }

/* Ranges: "[low,high)". */

static bool bound(const char *text, size_t length, heed_option_type type, double *real, int64_t *whole)
{
    char copy[HEED_NUMBER_SIZE] = "";
    if (length >= sizeof copy) return false;
    memcpy(copy, text, length);
    bool infinite = !strcmp(copy, "inf") || !strcmp(copy, "-inf");
    *real = *copy == '-' ? -INFINITY : INFINITY;
    *whole = *copy == '-' ? INT64_MIN : INT64_MAX;
    return infinite || (type == HEED_OPTION_IS_INT ? heed_int_parse(copy, whole) : heed_real_parse(copy, real));
}

typedef struct { double low, high; int64_t least, most; bool low_in, high_in; } interval;

static bool read_range(const heed_option *o, interval *r)
{
    const char *s = o->range ? o->range : "", *comma = strchr(s, ','), *end = s + strlen(s);
    if (!comma || (*s != '[' && *s != '(') || (end[-1] != ']' && end[-1] != ')')) return false;
    r->low_in = *s == '[' || !strncmp(s + 1, "-inf", 4); /* every finite number is inside an endless range */
    r->high_in = end[-1] == ']' || !strncmp(comma + 1, "inf", 3);
    return bound(s + 1, (size_t)(comma - s - 1), o->type, &r->low, &r->least) &&
           bound(comma + 1, (size_t)(end - comma - 2), o->type, &r->high, &r->most);
}

static bool real_fits(const heed_option *o, double x)
{
    interval r;
    return read_range(o, &r) && (r.low_in ? x >= r.low : x > r.low) && (r.high_in ? x <= r.high : x < r.high);
}

static bool int_fits(const heed_option *o, int64_t x)
{
    interval r;
    return read_range(o, &r) && (r.low_in ? x >= r.least : x > r.least) && (r.high_in ? x <= r.most : x < r.most);
}

/* The place of `value` in "a|b|c", or -1. */
static int choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (int i = 0; choices; i++) {
        size_t n = strcspn(choices, "|");
        if (n == length && !memcmp(choices, value, n)) return i;
        choices = choices[n] ? choices + n + 1 : NULL;
    }
    return -1;
}

/* Setting. */

static const heed_option *find(const heed_option *table, const char *where, const char *key, heed_error *e)
{
    size_t count = 0;
    for (const heed_option *o = table; o->key; o++, count++)
        if (!strcmp(o->key, key)) return o;
    const char **names = heed_calloc(count + 1, sizeof *names); /* without memory there is no suggestion */
    for (size_t i = 0; names && i < count; i++) names[i] = table[i].key;
    const char *near = names ? heed_nearest(key, names) : NULL;
    if (near) heed_fail(e, HEED_INVALID, "%s: unknown key \"%.60s\"; did you mean \"%s\"?", where, key, near);
    else heed_fail(e, HEED_INVALID, "%s: unknown key \"%.60s\"", where, key);
    heed_free(names);
    return NULL;
}

static heed_code refuse(const heed_option *o, const char *where, const char *value, heed_error *e)
{
    static const char *const kinds[] = {"a whole number in", "a number in", "one of", "one of",
                                        "one line without blanks at its ends or \" #\" in it"};
    return heed_fail(e, HEED_INVALID, "%s: %s = \"%.60s\": must be %s%s%s", where, o->key, value, kinds[o->type],
                     o->range ? " " : "", o->range ? o->range : "");
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool is_line(const char *s)
{
    size_t n = strlen(s);
    if (n && (is_blank(s[0]) || is_blank(s[n - 1]) || s[0] == '#')) return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 127 || (i && s[i] == '#' && is_blank(s[i - 1]))) return false;
    return true;
}

static heed_code set(const heed_option *o, void *values, const char *where, const char *value, heed_error *e)
{
    static const char *const bools = "no|false|0|off|yes|true|1|on";
    void *v = place(o, values);
    double real;
    int64_t whole;
    int i;
    switch (o->type) {
    case HEED_OPTION_IS_INT:
        if (!heed_int_parse(value, &whole) || !int_fits(o, whole)) return refuse(o, where, value, e);
        *(int64_t *)v = whole;
        return HEED_OK;
    case HEED_OPTION_IS_REAL:
        if (!heed_real_parse(value, &real) || !real_fits(o, real)) return refuse(o, where, value, e);
        *(double *)v = real;
        return HEED_OK;
    case HEED_OPTION_IS_BOOL:
        if ((i = choice(bools, value)) < 0) return refuse(o, where, value, e);
        *(bool *)v = i >= 4;
        return HEED_OK;
    case HEED_OPTION_IS_CHOICE:
        if ((i = choice(o->range, value)) < 0) return refuse(o, where, value, e);
        *(int *)v = i;
        return HEED_OK;
    case HEED_OPTION_IS_TEXT: break;
    }
    if (!is_line(value)) return refuse(o, where, value, e);
    char *copy = heed_strdup(value);
    if (!copy) return heed_fail(e, HEED_NO_MEMORY, "%s: no memory for %s", where, o->key);
    heed_free(*(char **)v);
    *(char **)v = copy;
    return HEED_OK;
}

heed_code heed_options_set(const heed_option *table, void *values, const char *where, const char *key, const char *value,
                           heed_error *e)
{
    const heed_option *o = find(table, where, key, e);
    return o ? set(o, values, where, value, e) : HEED_INVALID;
}

heed_code heed_options_assign(const heed_option *table, void *values, const char *where, const char *key_and_value, heed_error *e)
{
    const char *equals = strchr(key_and_value, '=');
    if (!equals) return heed_fail(e, HEED_INVALID, "%s: \"%.60s\" is not KEY=VALUE", where, key_and_value);
    char *key = heed_strndup(key_and_value, (size_t)(equals - key_and_value));
    if (!key) return heed_fail(e, HEED_NO_MEMORY, "%s: no memory for a key", where);
    heed_code code = heed_options_set(table, values, where, key, equals + 1, e);
    heed_free(key);
    return code;
}

heed_code heed_options_defaults(const heed_option *table, void *values, heed_error *e)
{
    for (const heed_option *o = table; o->key; o++) {
        heed_code code = set(o, values, "default", o->standard, e);
        if (code) return code;
    }
    return HEED_OK;
}

void heed_options_free(const heed_option *table, void *values)
{
    for (const heed_option *o = table; o->key; o++) {
        if (o->type != HEED_OPTION_IS_TEXT) continue;
        heed_free(*(char **)place(o, values));
        *(char **)place(o, values) = NULL;
    }
}

/* Printing. */

static void put_value(heed_buffer *b, const heed_option *o, const void *values)
{
    const void *v = place(o, values);
    if (o->type == HEED_OPTION_IS_INT) heed_buffer_format(b, "%lld", (long long)*(const int64_t *)v);
    else if (o->type == HEED_OPTION_IS_REAL) heed_buffer_real(b, *(const double *)v);
    else if (o->type == HEED_OPTION_IS_BOOL) heed_buffer_put(b, *(const bool *)v ? "yes" : "no");
    else if (o->type == HEED_OPTION_IS_TEXT) heed_buffer_put(b, *(char *const *)v ? *(char *const *)v : "");
    else {
        const char *s = o->range;
        for (int i = *(const int *)v; i > 0 && *s; i--) s += strcspn(s, "|") + (strchr(s, '|') != NULL);
        heed_buffer_bytes(b, s, strcspn(s, "|"));
    }
}

char *heed_options_value(const heed_option *option, const void *values, heed_error *e)
{
    heed_buffer b = {0};
    put_value(&b, option, values);
    return heed_buffer_take(&b, option->key, e);
}

char *heed_options_text(const heed_option *table, const void *values, heed_error *e)
{
    heed_buffer b = {0};
    for (const heed_option *o = table; o->key; o++) {
        heed_buffer_format(&b, "%s =", o->key);
        size_t before = b.length;
        heed_buffer_put(&b, " ");
        put_value(&b, o, values);
        if (b.length == before + 1) b.length = before; /* an empty text: no blank at the line's end */
        heed_buffer_put(&b, "\n");
    }
    return heed_buffer_take(&b, "the configuration", e);
}

char *heed_options_help(const heed_option *table, heed_error *e)
{
    size_t key = 0, range = 0;
    for (const heed_option *o = table; o->key; o++) {
        if (strlen(o->key) > key) key = strlen(o->key);
        if (o->range && strlen(o->range) > range) range = strlen(o->range);
    }
    heed_buffer b = {0};
    for (const heed_option *o = table; o->key; o++) {
        heed_buffer_format(&b, "  %-*s  %-*s  %s", (int)key, o->key, (int)range, o->range ? o->range : "text", o->help);
        heed_buffer_format(&b, *o->standard ? " (%s)\n" : "\n", o->standard);
    }
    return heed_buffer_take(&b, "the help", e);
}
