/* A number of a CSV file whose first column names the rows. */
#ifndef HEED_CSV_H
#define HEED_CSV_H

#include "scratch.h"

#include <math.h>
#include <stdbool.h>

/* By row and column; NaN: it is not there. */
static inline double csv_cell(const char *file, const char *row, const char *column)
{
    size_t n = 0, at = 0;
    char *text = (char *)scratch_load(file, &n), *rest = text, *line, *field;
    double value = NAN;
    if (!text) return NAN;
    text[n] = 0; /* scratch_load leaves room */
    for (int number = 0; (line = strsep(&rest, "\n")) && *line; number++) {
        bool quoted = *line == '"';
        char *name = line + quoted, *end = strchr(name, quoted ? '"' : ',');
        bool here = number && end && strlen(row) == (size_t)(end - name) && !strncmp(name, row, strlen(row));
        if (!end || (number && !here)) continue;
        char *fields = end + 1 + quoted;
        for (size_t i = 0; (field = strsep(&fields, ",")); i++) {
            if (!number && !strcmp(field, column)) at = i + 1;
            if (here && i + 1 == at && *field) value = strtod(field, NULL);
        }
    }
    free(text);
    return value;
}

#endif
