/* The numbers of heed eval, for people or as JSON. */
#ifndef HEED_CLI_REPORT_H
#define HEED_CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>

/* value NaN: does not apply, is left out; infinite: null in JSON, where nothing is scaled */
typedef struct report_line { const char *key; double value, scale; const char *unit, *what; } report_line;

void report_print(const report_line *lines, size_t count, bool json);

#endif
