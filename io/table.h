/* Tables of numbers: a row has a name and a number in every column. As text in columns, as CSV, and on a page (page.h). */
#ifndef HEED_TABLE_H
#define HEED_TABLE_H

#include "../autograd/status.h"

#include <stddef.h>

typedef struct heed_table_column {
    const char *key;   /* the column's name in CSV */
    const char *title; /* what a reader sees, with its unit */
    int decimals;      /* 0 or more: digits after the point, always all of them; -n: n digits that count, for numbers of any size */
} heed_table_column;

typedef struct heed_table {
    const char *title;
    const char *names_key; /* what the rows are: the first column's name */
    const heed_table_column *columns;
    size_t column_count;
    const char *const *names; /* [row_count] */
    const double *values;     /* [row_count, column_count]; NaN: there is none */
    size_t row_count;
} heed_table;

/* Texts for heed_free, NULL on failure. A missing value is "-" in the text and empty in CSV, where numbers are written in full. */
char *heed_table_text(const heed_table *t, heed_error *e);
char *heed_table_csv(const heed_table *t, heed_error *e);

#endif
