#include "page.h"

#include "atomic.h"
#include "autograd/memory.h"
#include "svg.h"
#include "table_cell.h"

#include <string.h>

struct heed_page { heed_buffer b; };

static const char before_title[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>";

static const char after_title[] =
    "</title>\n<style>body{margin:2em auto;max-width:1560px;padding:0 1em;font:15px/1.5 Helvetica,Arial,sans-serif;"
    "background:#fff;color:#1f2328}figure{margin:0 0 2.5em;overflow-x:auto}figcaption,caption{color:#59636e}"
    "figcaption{padding:0 20px;max-width:56em}p{max-width:56em}caption{text-align:left;padding:4px 0}"
    "table{border-collapse:collapse;margin:0 0 2em;font-variant-numeric:tabular-nums}"
    "td,th{padding:2px 12px;text-align:right;border-bottom:1px solid #d1d9e0}td:first-child,th:first-child{text-align:left}"
    "@media (prefers-color-scheme:dark){body{background:#0d1117;color:#f0f6fc}figcaption,caption{color:#9198a1}"
    "td,th{border-color:#3d444d}}</style>\n</head>\n<body>\n<h1>";

static void put_element(heed_buffer *b, const char *tag, const char *text)
{
    heed_buffer_format(b, "<%s>", tag);
    heed_svg_escape(b, text, false);
    heed_buffer_format(b, "</%s>", tag);
}

heed_page *heed_page_new(const char *title)
{
    heed_page *p = heed_calloc(1, sizeof *p);
    if (!p) return NULL;
    heed_buffer_put(&p->b, before_title);
    heed_svg_escape(&p->b, title, false);
    heed_buffer_put(&p->b, after_title);
    heed_svg_escape(&p->b, title, false);
    heed_buffer_put(&p->b, "</h1>\n");
    return p;
}

void heed_page_free(heed_page *p)
{
    if (p) heed_buffer_free(&p->b);
    heed_free(p);
}

static void put_line(heed_page *p, const char *tag, const char *text)
{
    if (!p) return;
    put_element(&p->b, tag, text);
    heed_buffer_put(&p->b, "\n");
}

void heed_page_heading(heed_page *p, const char *text) { put_line(p, "h2", text); }
void heed_page_text(heed_page *p, const char *text) { put_line(p, "p", text); }

void heed_page_table(heed_page *p, const heed_table *t)
{
    if (!p) return;
    char text[HEED_NUMBER_SIZE];
    heed_buffer_put(&p->b, "<table>\n");
    put_line(p, "caption", t->title);
    heed_buffer_put(&p->b, "<tr>");
    put_element(&p->b, "th", t->names_key);
    for (size_t c = 0; c < t->column_count; c++) put_element(&p->b, "th", t->columns[c].title);
    heed_buffer_put(&p->b, "</tr>\n");
    for (size_t r = 0; r < t->row_count; r++) {
        heed_buffer_put(&p->b, "<tr>");
        put_element(&p->b, "td", t->names[r]);
        for (size_t c = 0; c < t->column_count; c++)
            put_element(&p->b, "td", heed_table_cell(&t->columns[c], t->values[r * t->column_count + c], text));
        heed_buffer_put(&p->b, "</tr>\n");
    }
    heed_buffer_put(&p->b, "</table>\n");
}

void heed_page_picture(heed_page *p, const char *svg, const char *caption)
{
    if (!p) return;
    heed_buffer_put(&p->b, "<figure>\n");
    heed_buffer_put(&p->b, svg);
    if (caption) put_line(p, "figcaption", caption);
    heed_buffer_put(&p->b, "</figure>\n");
}

heed_code heed_page_save(heed_page *p, const char *path, heed_error *e)
{
    static const char end[] = "</body>\n</html>\n";
    if (!p || p->b.failed) return heed_fail(e, HEED_NO_MEMORY, "no memory for the page %s", path);
    heed_writer *w = heed_writer_open(path, e);
    heed_writer_write(w, p->b.text, p->b.length, e);
    heed_writer_write(w, end, strlen(end), e);
    return heed_writer_commit(w, e);
}
