#include "figure.h"

#include "autograd/memory.h"
#include "atomic.h"
#include "svg.h"

#include <string.h>

static const char before_title[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>";

static const char after_title[] =
    "</title>\n<style>body{margin:2em auto;max-width:1560px;padding:0 1em;font:15px/1.5 Helvetica,Arial,sans-serif;"
    "background:#fff;color:#1f2328}figure{margin:0 0 2.5em;overflow-x:auto}figcaption{color:#59636e;padding:0 20px}"
    "@media (prefers-color-scheme:dark){body{background:#0d1117;color:#f0f6fc}figcaption{color:#9198a1}}</style>\n"
    "</head>\n<body>\n<h1>";

static void put_page(heed_buffer *b, const char *title, const heed_picture *pictures, size_t count)
{
    heed_buffer_put(b, before_title);
    heed_svg_escape(b, title, false);
    heed_buffer_put(b, after_title);
    heed_svg_escape(b, title, false);
    heed_buffer_put(b, "</h1>\n");
    for (size_t i = 0; i < count; i++) {
        heed_buffer_put(b, "<figure>\n");
        heed_buffer_put(b, pictures[i].svg);
        if (pictures[i].caption) {
            heed_buffer_put(b, "<figcaption>");
            heed_svg_escape(b, pictures[i].caption, false);
            heed_buffer_put(b, "</figcaption>\n");
        }
        heed_buffer_put(b, "</figure>\n");
    }
    heed_buffer_put(b, "</body>\n</html>\n");
}

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && !strcmp(path + n - m, end);
}

heed_code heed_figure_save(const char *path, const char *title, const heed_picture *pictures, size_t count, heed_error *e)
{
    if (ends_in(path, ".svg")) {
        if (count == 1) return heed_write_file(path, pictures->svg, strlen(pictures->svg), e);
        return heed_fail(e, HEED_INVALID, "%s: a .svg file holds one picture, there are %zu; a .html file holds them all", path,
                         count);
    }
    if (!ends_in(path, ".html"))
        return heed_fail(e, HEED_INVALID, "%s: a picture's file name ends in .svg or .html", path);
    heed_buffer b = {0};
    put_page(&b, title, pictures, count);
    size_t length = b.length;
    char *page = heed_buffer_take(&b, "a page of pictures", e);
    if (!page) return HEED_NO_MEMORY;
    heed_code code = heed_write_file(path, page, length, e);
    heed_free(page);
    return code;
}
