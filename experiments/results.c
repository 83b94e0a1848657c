/* Results: tables, pictures and sentences, in files, on pages and on standard output. */
#include "experiments/private.h"

#include <stdarg.h>
#include <string.h>

enum { LINE = 100 };

/* NAME and its ending in the lab's folder, replaced whole. */
static void save(lab *l, const char *name, const char *ending, const char *text)
{
    if (!text || l->error.code) return;
    char *file = heed_folder_file(l->folder, lab_text(l, "%s%s", name, ending), &l->error);
    if (file) heed_write_file(file, text, strlen(text), &l->error);
    heed_free(file);
}

void lab_table(lab *l, const char *name, const heed_table *t)
{
    if (!lab_ok(l)) return;
    char *csv = heed_table_csv(t, &l->error), *text = heed_table_text(t, &l->error);
    save(l, name, ".csv", csv);
    if (text) printf("%s\n", text);
    heed_page_table(l->page, t);
    heed_page_table(l->outer, t);
    heed_free(csv);
    heed_free(text);
}

void lab_table_of_pieces(lab *l, const char *name, const char *title, const char *names_key, const heed_table_column *columns,
                         size_t column_count, const char *const *pieces, size_t piece_count)
{
    double *values = lab_ok(l) ? lab_alloc(l, piece_count * column_count, sizeof *values) : NULL;
    if (!values) return;
    for (size_t r = 0; r < piece_count; r++)
        for (size_t c = 0; c < column_count; c++) values[r * column_count + c] = lab_get(l, pieces[r], columns[c].key);
    lab_table(l, name, &(heed_table){title, names_key, columns, column_count, pieces, values, piece_count});
}

void lab_picture(lab *l, const char *name, const char *caption, char *svg)
{
    if (svg && lab_ok(l)) {
        save(l, name, ".svg", svg);
        heed_page_picture(l->page, svg, caption);
        heed_page_picture(l->outer, svg, caption);
    }
    heed_free(svg);
}

/* In lines of at most LINE bytes, where blanks allow it. */
static void print_wrapped(const char *text)
{
    size_t used = 0;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, " ");
        if (used && used + 1 + n > LINE) {
            putchar('\n');
            used = 0;
        }
        printf("%s%.*s", used ? " " : "", (int)n, at);
        used += n + (used > 0);
        at += n;
        at += strspn(at, " ");
    }
    printf("\n\n");
}

void lab_say(lab *l, const char *format, ...)
{
    if (!lab_ok(l)) return;
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_wrapped(text);
    heed_page_text(l->page, text);
    heed_page_text(l->outer, text);
}
