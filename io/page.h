/* A page for a browser: headings, paragraphs, tables and pictures in one .html file that needs nothing else and follows the
 * reader's choice of a light or dark screen.
 *
 *     heed_page *p = heed_page_new("Results");
 *     heed_page_text(p, "What was measured, and how.");
 *     heed_page_table(p, &table);
 *     heed_page_picture(p, svg, "Loss on words held out.");
 *     heed_page_save(p, "results.html", &e);
 *     heed_page_free(p);
 */
#ifndef HEED_PAGE_H
#define HEED_PAGE_H

#include "table.h"

typedef struct heed_page heed_page;

/* NULL without memory; the other calls bear that NULL, and saving says so. All texts are UTF-8 and copied. */
heed_page *heed_page_new(const char *title);
void heed_page_free(heed_page *p);

void heed_page_heading(heed_page *p, const char *text);
void heed_page_text(heed_page *p, const char *text);
void heed_page_table(heed_page *p, const heed_table *t);
/* `svg` as the functions of figure.h make it; `caption` may be NULL. */
void heed_page_picture(heed_page *p, const char *svg, const char *caption);

/* Replaces the file whole or not at all. */
heed_code heed_page_save(heed_page *p, const char *path, heed_error *e);

#endif
