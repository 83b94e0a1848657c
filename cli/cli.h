/* The verbs of the command, and what they share. Each verb returns the process's exit status. */
#ifndef HEED_CLI_H
#define HEED_CLI_H

#include "heed.h"

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

int verb_train(int argc, char **argv);
int verb_decode(int argc, char **argv);
int verb_eval(int argc, char **argv);
int verb_attend(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_experiment(int argc, char **argv);
int verb_bench(int argc, char **argv);
int verb_numbers(int argc, char **argv);

/* One sentence on standard error, as "heed VERB: ...". Returns STATUS_USAGE, or STATUS_FAILED for the second. */
int usage_error(const char *verb, const char *format, ...) HEED_PRINTF(2, 3);
int failure(const char *verb, const heed_error *e);

/* --- options of a verb ---------------------------------------------------------------------------------------------------------- */

/* A long option "--name VALUE" (or without value), kept where the caller wants it; `many` collects several values. */
typedef struct flag {
    const char *name, *value_name; /* value_name NULL: no value, and *given becomes true */
    const char **text;             /* the value as given; the last one counts */
    struct flag_list *many;        /* or all of them in order */
    bool *given;
    const char *help;
} flag;
typedef struct flag_list { const char **items; int count; } flag_list;

/* Reads options anywhere in argv (from argv[1] on) and leaves the rest, at most `most` words, in words[]. Returns -1 to go on,
 * or an exit status: 0 after --help, 2 after a sentence about a wrong option (with the nearest name) or too many words. `about` is
 * the text of --help above the options. */
int read_flags(const char *verb, const char *about, const flag *flags, int argc, char **argv, const char **words, int most, int *count);

/* Whole numbers and decimals of options; false after a sentence. */
bool flag_int(const char *verb, const char *name, const char *text, int64_t low, int64_t high, int64_t *value);
/* Bytes, or with K, M, G or T times 1024, 1024^2, ...: "512M", "1.5G"; above 0. */
bool flag_size(const char *verb, const char *name, const char *text, size_t *value);
bool flag_real(const char *verb, const char *name, const char *text, double low, double high, double *value);

#endif
