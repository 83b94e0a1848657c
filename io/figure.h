/* Pictures as SVG: curves over steps, attention as heat maps. A picture is a text; it is saved as .svg, or several of them on one
 * .html page that needs nothing else. Both follow the reader's choice of a light or dark screen. The same input gives the same
 * bytes.
 *
 * The SVG is written by hand. Of the libraries, cairo turns text into outlines of whatever font is installed (labels can neither
 * be searched nor copied, bytes differ by machine), gnuplot is a program that a library would have to start while training, and
 * PLplot keeps its state in globals; what is needed here is rectangles, lines and text.
 *
 * All texts are UTF-8 of any script; what cannot stand in an XML file is shown by a substitute. Functions that return a picture
 * return a text for heed_free, or NULL with `e` set.
 */
#ifndef HEED_FIGURE_H
#define HEED_FIGURE_H

#include "treebank.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Curves: plots below each other over one x axis. */

typedef struct heed_curve {
    const char *name;    /* for the legend */
    const double *x, *y; /* [count], x rising; a y that is no finite number leaves a gap */
    size_t count;
} heed_curve;

typedef struct heed_plot {
    const char *title; /* what the y axis shows, with its unit */
    const heed_curve *curves;
    size_t count;
    bool log_scale; /* of y; values that are not above 0 leave a gap */
} heed_plot;

char *heed_figure_curves(const char *title, const char *x_name, const heed_plot *plots, size_t count, heed_error *e);

/* The same over a logarithmic x axis; points whose x is not above 0 leave a gap. */
char *heed_figure_curves_log(const char *title, const char *x_name, const heed_plot *plots, size_t count, heed_error *e);

/* Heat maps: a row is one query, a column one key. The colours run from 0 to the largest weight of the picture (rounded up); a
 * NaN is left grey. In a browser the strongest columns of a row are told when the pointer rests on it. */

typedef struct heed_heatmap {
    const char *title;                               /* such as "head 1"; may be NULL */
    const float *weights;                            /* [rows, columns], 0 or more */
    int64_t rows, columns;                           /* up to 1024 */
    const char *const *row_labels, *const *column_labels; /* tokens; NULL for none */
} heed_heatmap;

/* A panel for each map, as many side by side as fit. `rows` and `columns` say what these are, such as "output" and "input". */
char *heed_figure_heatmaps(const char *title, const char *rows, const char *columns, const heed_heatmap *maps, size_t count,
                           heed_error *e);

/* The same of any numbers, called `name`: where some are below 0, blue below, white at 0 and red above it. Values are not limited. */
char *heed_figure_values(const char *title, const char *rows, const char *columns, const char *name, const heed_heatmap *maps, size_t count,
                         heed_error *e);

/* A grid of small panels without labels: maps[layer * heads + head], a name for each layer; a map without weights leaves its
 * place empty. The maps' titles are shown when the pointer rests on them. */
char *heed_figure_overview(const char *title, const heed_heatmap *maps, const char *const *layer_names, size_t layers,
                           size_t heads, heed_error *e);

/* Arcs, as in figures 3 to 5 of "Attention Is All You Need": the tokens of the rows above those of the columns, and a line between two
 * of them as strong as the weight, in a colour for each map. Weights below 0.02 are left out. */

typedef struct heed_arcs {
    const char *title;
    const heed_heatmap *maps; /* drawn over each other: of the same size; labels are those of the first */
    size_t count;
    int64_t row;              /* lines of this row only; -1: of all */
} heed_arcs;

/* A panel below the other for each. */
char *heed_figure_arcs(const char *title, const char *rows, const char *columns, const heed_arcs *panels, size_t count, heed_error *e);

/* Trees of one sentence below each other, words at the bottom. Phrases that the first tree does not have are in another colour. */
char *heed_figure_trees(const char *title, const heed_tree *const *trees, const char *const *names, size_t count, heed_error *e);

/* Files. */

typedef struct heed_picture {
    const char *svg;     /* of one of the functions above */
    const char *caption; /* a sentence or two for the page; NULL for none */
} heed_picture;

/* Writes `path` by way of a temporary file beside it, so that a reader never sees half a picture. ".html": all pictures on a page
 * with this title. ".svg": the one picture. */
heed_code heed_figure_save(const char *path, const char *title, const heed_picture *pictures, size_t count, heed_error *e);

#endif
