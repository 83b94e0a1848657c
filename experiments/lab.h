/* The frame of `heed experiment NAME`: what an experiment is, and what it does its work with.
 *
 *     static void run(lab *l)
 *     {
 *         lab_plan(l, 3);                                              three pieces of work of equal length
 *         for (int i = 0; i < 3; i++)
 *             if (lab_begin(l, 1, names[i])) {                         false: done in an earlier start, or the lab has failed
 *                 lab_put(l, "error", compute(l, i));
 *                 lab_end(l);                                          saved, whole or not at all
 *             }
 *         lab_table_of_pieces(l, "errors", "Errors", "way", columns, 1, names, 3);
 *         lab_picture(l, "errors", "What is seen here.", heed_figure_curves(..., lab_error(l)));
 *     }
 *     const lab_experiment lab_example = {.name = "example", .title = "...", .see = "...", .run = run};
 *
 * An experiment has a line in list.h, a section in docs/experiments.md, and a check of its claim in tests/test_experiments.c.
 *
 * The work is done in pieces; each finished piece is a file of the folder, and a later start with the same options takes it from
 * there. What is drawn and tabled comes from the pieces alone. Without a budget the number of training steps is the experiment's
 * own, so the same seed gives the same numbers on any number of threads; with --minutes it follows from the speed that is measured.
 *
 * The first error sticks to the lab, and a signal to stop is one; all calls bear it.
 */
#ifndef HEED_LAB_H
#define HEED_LAB_H

#include "heed.h"

#include <signal.h>

typedef struct lab lab;

typedef struct lab_experiment {
    const char *name, *title;  /* the title is one line */
    const char *see;           /* a paragraph: what is done, and what to see */
    const heed_option *options; /* its own, `--key VALUE` on the command line with - for _; NULL: none */
    size_t options_size;        /* of the struct that holds them */
    void (*run)(lab *l);
} lab_experiment;

/* --- what was asked for ----------------------------------------------------------------------------------------------------- */

bool lab_quick(const lab *l);           /* the quick form: well below a minute on two cores */
uint64_t lab_seed(const lab *l);
const void *lab_options(const lab *l);  /* the struct of the experiment's own options */
heed_error *lab_error(lab *l);          /* to be given to functions of the library */
heed_code lab_fail(lab *l, const char *format, ...) HEED_PRINTF(2, 3); /* an error of the kind HEED_INVALID */
bool lab_ok(lab *l);                    /* no error so far; a signal to stop becomes one here */

/* A new graph with the threads that were asked for; the lab's: freed at its end, reset and out of training at every lab_begin. */
heed_graph *lab_graph(lab *l);
/* Memory that is zeroed and lives as long as the lab; NULL, and an error, where it is refused. */
void *lab_alloc(lab *l, size_t count, size_t size);
/* printf into such memory; "" where it is refused. */
const char *lab_text(lab *l, const char *format, ...) HEED_PRINTF(2, 3);
/* Takes over the error of a graph, a parameter store or an optimizer, if there is one. Returns lab_ok. */
bool lab_check(lab *l, const heed_error *other);

/* --- the work, piece by piece ----------------------------------------------------------------------------------------------- */

/* How long all pieces are together, in the same measure as `share` below. */
void lab_plan(lab *l, double shares);
/* True: the piece of that name is to be computed now, and lab_end ends it. A name is printable ASCII, unique in the experiment. */
bool lab_begin(lab *l, double share, const char *name);
/* A number, an array (row-major, rank up to 8), or a text of the piece. Keys are printable ASCII without blanks and slashes. */
void lab_put(lab *l, const char *key, double value);
void lab_put_array(lab *l, const char *key, int rank, const int64_t *shape, const double *values);
void lab_put_floats(lab *l, const char *key, int rank, const int64_t *shape, const float *values);
void lab_put_text(lab *l, const char *key, const char *text);
void lab_end(lab *l);
/* Seconds that the running piece may take from now on, where --minutes gave a budget; 0: there is none. */
double lab_budget(lab *l);
/* A line on standard error that stays. */
void lab_note(lab *l, const char *format, ...) HEED_PRINTF(2, 3);

/* What finished pieces hold: NaN, NULL where there is none. Pointers live as long as the lab. "seconds" is there for every piece. */
double lab_get(lab *l, const char *piece, const char *key);
const double *lab_array(lab *l, const char *piece, const char *key, int rank, int64_t *shape); /* shape[rank] is written */
const float *lab_floats(lab *l, const char *piece, const char *key, int rank, int64_t *shape);
const char *lab_get_text(lab *l, const char *piece, const char *key);

/* --- results ---------------------------------------------------------------------------------------------------------------- */

/* Prints the table, writes NAME.csv, and puts it on the page. Nothing happens once the lab has failed. */
void lab_table(lab *l, const char *name, const heed_table *t);
/* A row for each piece, a column for each key of theirs. */
void lab_table_of_pieces(lab *l, const char *name, const char *title, const char *names_key, const heed_table_column *columns,
                         size_t column_count, const char *const *pieces, size_t piece_count);
/* Writes NAME.svg, puts it on the page, and frees `svg`, which may be NULL after an error of lab_error(l). */
void lab_picture(lab *l, const char *name, const char *caption, char *svg);
/* A paragraph on the page and on standard output: what these very numbers say. */
void lab_say(lab *l, const char *format, ...) HEED_PRINTF(2, 3);

/* --- for the command -------------------------------------------------------------------------------------------------------- */

typedef struct lab_request {
    const lab_experiment *what;
    const char *folder;
    const void *options;                /* filled in by the experiment's table */
    bool quick;
    double minutes;                     /* 0: no budget */
    int64_t seed;
    int threads;                        /* 0: as heed_graph_threads */
    const volatile sig_atomic_t *stop;  /* not 0: stop */
} lab_request;

/* Runs an experiment in its folder, going on with what is there, and prints the results. HEED_STOPPED: a signal came; what was finished is saved.
 * `page` (or NULL) gets all that the experiment's own page gets. */
heed_code lab_run(const lab_request *r, heed_page *page, heed_error *e);

#endif
