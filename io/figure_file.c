#include "figure.h"

#include "atomic.h"
#include "page.h"

#include <string.h>

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
    heed_page *p = heed_page_new(title);
    for (size_t i = 0; i < count; i++) heed_page_picture(p, pictures[i].svg, pictures[i].caption);
    heed_code code = heed_page_save(p, path, e);
    heed_page_free(p);
    return code;
}
