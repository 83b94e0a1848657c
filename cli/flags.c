/* Command-line options: getopt_long driven by one table a verb, which is its --help too. */
#include "cli/cli.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FLAGS = 48, FIRST_FLAG = 256 }; /* 1 stands for a word, letters for short options */

int usage_error(const char *verb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "heed %s: ", verb);
    vfprintf(stderr, format, args);
    fprintf(stderr, "; see heed %s --help\n", verb);
    va_end(args);
    return STATUS_USAGE;
}

int failure(const char *verb, const heed_error *e)
{
    fprintf(stderr, "heed %s: %s\n", verb, e->message);
    return STATUS_FAILED;
}

static void print_help(const char *about, const flag *flags)
{
    fputs(about, stdout);
    int width = 0;
    for (const flag *f = flags; f->name; f++) {
        int n = (int)strlen(f->name) + (f->value_name ? (int)strlen(f->value_name) + 1 : 0);
        if (n > width) width = n;
    }
    for (const flag *f = flags; f->name; f++) {
        int n = printf("  --%s%s%s", f->name, f->value_name ? " " : "", f->value_name ? f->value_name : "");
        printf("%*s  %s\n", width + 4 - n, "", f->help);
    }
}

static int unknown(const char *verb, const flag *flags, const char *word)
{
    const char *names[MOST_FLAGS + 2];
    int n = 0;
    for (const flag *f = flags; f->name; f++) names[n++] = f->name;
    names[n++] = "help";
    names[n] = NULL;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *bare = name + strspn(name, "-"), *near = heed_nearest(bare, names);
    return near ? usage_error(verb, "unknown option '%s'; did you mean '--%s'?", name, near) : usage_error(verb, "unknown option '%s'", name);
}

int read_flags(const char *verb, const char *about, const flag *flags, int argc, char **argv, const char **words, int most, int *count)
{
    struct option list[MOST_FLAGS + 2] = {{0}};
    int n = 0;
    for (const flag *f = flags; f->name; f++, n++) list[n] = (struct option){f->name, f->value_name ? required_argument : no_argument, NULL, FIRST_FLAG + n};
    list[n] = (struct option){"help", no_argument, NULL, 'h'};
    *count = 0;
    optind = 1;
    opterr = 0;
    int c;
    while ((c = getopt_long(argc, argv, "-:ho:", list, NULL)) != -1) {
        if (c == 1) { /* a word that is no option */
            if (*count == most) return usage_error(verb, "one word too many: '%s'", optarg);
            words[(*count)++] = optarg;
        } else if (c == 'h') {
            print_help(about, flags);
            return STATUS_OK;
        } else if (c == ':') return usage_error(verb, "option '%s' needs a value", argv[optind - 1]);
        else if (c == '?') return unknown(verb, flags, argv[optind - 1]);
        else {
            const flag *f = NULL;
            if (c == 'o') {
                for (const flag *k = flags; k->name; k++)
                    if (!strcmp(k->name, "output")) f = k;
                if (!f) return unknown(verb, flags, "-o");
            } else f = &flags[c - FIRST_FLAG];
            if (f->given) *f->given = true;
            if (f->text) *f->text = optarg;
            if (f->many) f->many->items[f->many->count++] = optarg;
        }
    }
    for (; optind < argc; optind++) { /* after "--" */
        if (*count == most) return usage_error(verb, "one word too many: '%s'", argv[optind]);
        words[(*count)++] = argv[optind];
    }
    return -1;
}

bool flag_int(const char *verb, const char *name, const char *text, int64_t low, int64_t high, int64_t *value)
{
    char *end;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || v < low || v > high) {
        usage_error(verb, "--%s takes a whole number from %lld to %lld, not '%s'", name, (long long)low, (long long)high, text);
        return false;
    }
    *value = v;
    return true;
}

bool flag_real(const char *verb, const char *name, const char *text, double low, double high, double *value)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= low && v <= high)) {
        usage_error(verb, "--%s takes a number from %g to %g, not '%s'", name, low, high, text);
        return false;
    }
    *value = v;
    return true;
}

bool flag_size(const char *verb, const char *name, const char *text, size_t *value)
{
    static const char units[] = "KMGT";
    char *end;
    double v = strtod(text, &end);
    const char *unit = end != text && *end ? strchr(units, *end) : NULL;
    for (int i = 0; unit && i <= unit - units; i++) v *= 1024;
    if (end == text || end[unit != NULL] || !(v >= 1 && v <= (double)(SIZE_MAX / 4))) {
        usage_error(verb, "--%s takes bytes, as 512M or 1.5G, not '%s'", name, text);
        return false;
    }
    *value = (size_t)v;
    return true;
}
