/* What experiments claim: their quick form is run through the command, and its tables are read.
 *
 * Every experiment of experiments/list.h has a file here with a function claim_NAME; one without does not link.
 */
#ifndef HEED_CLAIMS_H
#define HEED_CLAIMS_H

#include <stdbool.h>

/* Runs the quick form in the folder NAME, with further words of the command. */
void claims_run(const char *name, const char *words);
/* A number of a table of it, by row and column; NaN: it is not there. */
double claims_cell(const char *csv, const char *row, const char *column);
void claims_hold(bool holds, const char *what);
#define CLAIM(x) claims_hold(x, #x)

#endif
