/* A cell of a table as text. For use inside io/. */
#ifndef HEED_TABLE_CELL_H
#define HEED_TABLE_CELL_H

#include "number.h"
#include "table.h"

const char *heed_table_cell(const heed_table_column *c, double value, char text[HEED_NUMBER_SIZE]);

#endif
