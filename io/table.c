#include "table.h"

#include "autograd/memory.h"
#include "buffer.h"
#include "number.h"
#include "table_cell.h"
#include "utf8.h"

#include <math.h>
#include <string.h>

enum { GAP = 2 };

const char *heed_table_cell(const heed_table_column *c, double v, char text[HEED_NUMBER_SIZE])
{
    if (isnan(v)) return strcpy(text, "-");
    if (c->decimals < 0 || fabs(v) >= 1e12) return heed_digits_text(v, c->decimals < 0 ? -c->decimals : 6, text);
    heed_fixed_text(v, c->decimals, text);
    if (!c->decimals || isinf(v)) return text;
    char *point = strchr(text, '.');
    if (!point) strcpy(point = text + strlen(text), ".");
    for (size_t have = strlen(point + 1); have < (size_t)c->decimals; have++) strcat(text, "0");
    return text;
}

static size_t width(const char *text)
{
    size_t columns = 0;
    while (*text) columns += (size_t)heed_utf8_width(heed_utf8_next(&text));
    return columns;
}

static void put_blanks(heed_buffer *b, size_t count)
{
    while (count--) heed_buffer_put(b, " ");
}

static size_t column_width(const heed_table *t, size_t c)
{
    size_t widest = width(t->columns[c].title);
    char text[HEED_NUMBER_SIZE];
    for (size_t r = 0; r < t->row_count; r++) {
        size_t n = width(heed_table_cell(&t->columns[c], t->values[r * t->column_count + c], text));
        if (n > widest) widest = n;
    }
    return widest;
}

char *heed_table_text(const heed_table *t, heed_error *e)
{
    heed_buffer b = {0};
    char text[HEED_NUMBER_SIZE];
    size_t first = width(t->names_key);
    for (size_t r = 0; r < t->row_count; r++)
        if (width(t->names[r]) > first) first = width(t->names[r]);
    heed_buffer_put(&b, t->title);
    heed_buffer_put(&b, "\n\n");
    for (size_t line = 0; line <= t->row_count; line++) { /* line 0 is the head */
        const char *name = line ? t->names[line - 1] : t->names_key;
        heed_buffer_put(&b, name);
        put_blanks(&b, first - width(name));
        for (size_t c = 0; c < t->column_count; c++) {
            const char *cell = t->columns[c].title;
            if (line) cell = heed_table_cell(&t->columns[c], t->values[(line - 1) * t->column_count + c], text);
            put_blanks(&b, GAP + column_width(t, c) - width(cell));
            heed_buffer_put(&b, cell);
        }
        heed_buffer_put(&b, "\n");
    }
    return heed_buffer_take(&b, "a table", e);
}

/* RFC 4180: a field with a comma, a quote or a line end stands in quotes. */
static void put_field(heed_buffer *b, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        heed_buffer_put(b, text);
        return;
    }
    heed_buffer_put(b, "\"");
    for (const char *p = text; *p; p++) heed_buffer_bytes(b, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1);
    heed_buffer_put(b, "\"");
}

char *heed_table_csv(const heed_table *t, heed_error *e)
{
    heed_buffer b = {0};
    put_field(&b, t->names_key);
    for (size_t c = 0; c < t->column_count; c++) {
        heed_buffer_put(&b, ",");
        put_field(&b, t->columns[c].key);
    }
    heed_buffer_put(&b, "\n");
    for (size_t r = 0; r < t->row_count; r++) {
        put_field(&b, t->names[r]);
        for (size_t c = 0; c < t->column_count; c++) {
            double v = t->values[r * t->column_count + c];
            heed_buffer_put(&b, ",");
            if (!isnan(v)) heed_buffer_real(&b, v);
        }
        heed_buffer_put(&b, "\n");
    }
    return heed_buffer_take(&b, "a table", e);
}
