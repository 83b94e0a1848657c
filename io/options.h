/* Options as a table: what keys there are, what values they take, and where in a struct of the caller's the values live. The same
 * table reads `key = value` files and `--set key=value`, prints the effective configuration, and prints the help.
 *
 *     typedef struct { int64_t heads; double dropout; int norm; bool tie; char *note; } config;
 *     static const heed_option table[] = {
 *         HEED_OPTION_INT(config, heads, "[1,64]", "8", "attention heads"),
 *         HEED_OPTION_REAL(config, dropout, "[0,1)", "0.1", "share of values that are dropped"),
 *         HEED_OPTION_CHOICE(config, norm, "post|pre", "post", "layer norm after or before a sublayer"),
 *         HEED_OPTION_BOOL(config, tie, "no", "one embedding for source and target"),
 *         HEED_OPTION_TEXT(config, note, "", "what this run is about"),
 *         {0}};
 *     config c = {0};
 *     heed_options_defaults(table, &c, &e);
 *     heed_options_load(table, &c, "small.conf", &e);
 *     heed_options_assign(table, &c, "--set", "dropout=0.2", &e);      now c.dropout is 0.2
 *     heed_options_free(table, &c);
 *
 * An error says file and line (or `where`), key, value and what is allowed; the value it speaks of stays as it was.
 */
#ifndef HEED_OPTIONS_H
#define HEED_OPTIONS_H

#include "../autograd/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum heed_option_type {
    HEED_OPTION_IS_INT,    /* int64_t */
    HEED_OPTION_IS_REAL,   /* double */
    HEED_OPTION_IS_BOOL,   /* bool; text: yes or no, also true, false, 1, 0, on, off */
    HEED_OPTION_IS_CHOICE, /* int, the place in the list of choices, from 0 */
    HEED_OPTION_IS_TEXT    /* char * from heed_strdup; text: one line without blanks at its ends or " #" in it, may be empty */
} heed_option_type;

typedef struct heed_option {
    const char *key;        /* NULL ends a table */
    heed_option_type type;
    size_t offset;          /* of the value in the struct */
    const char *range;      /* "[1,64]", "(0,1]", "[0,inf)" for numbers: a round bracket leaves the end out; "a|b|c" */
    const char *standard;   /* the default, as text */
    const char *help;       /* a line, lower case, no full stop */
} heed_option;

/* A line of the table; the key is the member's name, and a member of another type does not compile. */
#define HEED_OPTION_AT(type, member, c) (offsetof(type, member) + 0 * sizeof(_Generic(&((type *)0)->member, c *: 1)))
#define HEED_OPTION_INT(type, member, range, standard, help) \
    {#member, HEED_OPTION_IS_INT, HEED_OPTION_AT(type, member, int64_t), range, standard, help}
#define HEED_OPTION_REAL(type, member, range, standard, help) \
    {#member, HEED_OPTION_IS_REAL, HEED_OPTION_AT(type, member, double), range, standard, help}
#define HEED_OPTION_BOOL(type, member, standard, help) \
    {#member, HEED_OPTION_IS_BOOL, HEED_OPTION_AT(type, member, bool), "yes|no", standard, help}
#define HEED_OPTION_CHOICE(type, member, choices, standard, help) \
    {#member, HEED_OPTION_IS_CHOICE, HEED_OPTION_AT(type, member, int), choices, standard, help}
#define HEED_OPTION_TEXT(type, member, standard, help) \
    {#member, HEED_OPTION_IS_TEXT, HEED_OPTION_AT(type, member, char *), NULL, standard, help}

/* Sets every value to its default, texts included (so the struct must be zeroed or filled before); checks the whole table. */
heed_code heed_options_defaults(const heed_option *table, void *values, heed_error *e);
void      heed_options_free(const heed_option *table, void *values); /* the texts */

/* `where` begins an error's sentence, such as "--set" or "small.conf:3". */
heed_code heed_options_set(const heed_option *table, void *values, const char *where, const char *key, const char *value,
                           heed_error *e);
heed_code heed_options_assign(const heed_option *table, void *values, const char *where, const char *key_and_value,
                              heed_error *e);

/* A regular file of `key = value` lines in UTF-8, each up to 4096 bytes. Empty lines are skipped, "#" at the beginning of a line
 * or after a blank starts a comment, a key stands once at most. heed_options_parse reads the same from memory, `name` being for
 * errors. A failure leaves the lines before it set. */
heed_code heed_options_load(const heed_option *table, void *values, const char *path, heed_error *e);
heed_code heed_options_parse(const heed_option *table, void *values, const char *name, const char *text, size_t length,
                             heed_error *e);

/* Texts for heed_free, NULL on failure: all values in the table's order, as heed_options_parse reads them; a value; the keys with
 * range, default and help in columns. A number is written with the fewest digits that read back as the same. */
char *heed_options_text(const heed_option *table, const void *values, heed_error *e);
char *heed_options_value(const heed_option *option, const void *values, heed_error *e);
char *heed_options_help(const heed_option *table, heed_error *e);

/* The one of `names` (ended by NULL) that `name` was probably meant to be, for verbs and options too: fewest edits, about a third
 * of its letters at most, or else the first that contains it; NULL when there is none. Case and the difference of "-" and "_"
 * count nothing. */
const char *heed_nearest(const char *name, const char *const *names);

#endif
