#include "figure.h"

#include "autograd/memory.h"
#include "number.h"
#include "svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Every fifth colour of viridis (S. van der Walt and N. Smith 2015, https://bids.github.io/colormap, CC0): perceptually uniform,
 * also in grey and for the colour blind. A step is 2 % of the scale. */
static const char *const viridis[] = {"440154", "46085c", "471063", "481769", "481d6f", "482475", "472a7a", "46307e", "453781",
                                      "433d84", "414287", "3f4889", "3d4e8a", "3a538b", "38598c", "355e8d", "33638d", "31688e",
                                      "2e6d8e", "2c718e", "2a768e", "297b8e", "27808e", "25848e", "23898e", "218e8d", "20928c",
                                      "1f978b", "1e9c89", "1fa188", "21a585", "24aa83", "28ae80", "2eb37c", "35b779", "3dbc74",
                                      "46c06f", "50c46a", "5ac864", "65cb5e", "70cf57", "7cd250", "89d548", "95d840", "a2da37",
                                      "b0dd2f", "bddf26", "cae11f", "d8e219", "e5e419", "f1e51d", "fde725"};

enum { LEVELS = sizeof viridis / sizeof *viridis, MOST = 1024, EMPTY = -1 };

/* What the colours stand for. */
typedef struct {
    double low, high;
    const char *name; /* of the quantity */
    bool percent;     /* told so */
} scale;

static int level_of(float weight, const scale *s)
{
    if (isnan(weight)) return EMPTY;
    double level = floor(((double)weight - s->low) / (s->high - s->low) * (LEVELS - 1) + 0.5);
    return level > LEVELS - 1 ? LEVELS - 1 : level > 0 ? (int)level : 0;
}

/* Viridis; where there are values below 0, blue, white at 0 and red, the ends of ColorBrewer's RdBu (Brewer 2002, colorbrewer2.org). */
static const char *colour_of(int level, const scale *s, char text[8])
{
    if (s->low >= 0) return viridis[level];
    static const int ends[2][3] = {{0x21, 0x66, 0xac}, {0xb2, 0x18, 0x2b}};
    int from_middle = abs(2 * level - (LEVELS - 1));
    double far = (double)(from_middle > 1 ? from_middle : 0) / (LEVELS - 1);
    const int *end = ends[2 * level > LEVELS - 1];
    int rgb[3];
    for (int i = 0; i < 3; i++) rgb[i] = (int)(0xf7 + far * (end[i] - 0xf7) + 0.5) & 255;
    snprintf(text, 8, "%02x%02x%02x", (unsigned)rgb[0], (unsigned)rgb[1], (unsigned)rgb[2]);
    return text;
}

/* From 0 to the largest weight, rounded up to twentieths. */
static scale scale_of_weights(const heed_heatmap *maps, size_t count)
{
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        for (int64_t k = 0; maps[i].weights && k < maps[i].rows * maps[i].columns; k++)
            if (maps[i].weights[k] > largest) largest = maps[i].weights[k];
    double top = ceil((double)largest * 20 - 1e-5) / 20;
    return (scale){0, top > 0.05 && isfinite(top) ? top : 0.05, "weight", true};
}

/* From 0, or from as far below 0 as above it, to the largest size, rounded up to two digits. */
static scale scale_of_values(const heed_heatmap *maps, size_t count, const char *name)
{
    double largest = 0;
    bool below = false;
    for (size_t i = 0; i < count; i++)
        for (int64_t k = 0; maps[i].weights && k < maps[i].rows * maps[i].columns; k++) {
            double v = (double)maps[i].weights[k];
            if (!isfinite(v)) continue;
            largest = fmax(largest, fabs(v));
            below = below || v < 0;
        }
    double digit = largest > 0 ? pow(10, floor(log10(largest)) - 1) : 0, top = largest > 0 ? ceil(largest / digit - 1e-5) * digit : 1;
    return (scale){below ? -top : 0, top, name, false};
}

static heed_code check(const heed_heatmap *maps, size_t count, heed_error *e)
{
    if (!count) return heed_fail(e, HEED_INVALID, "a picture of heat maps needs at least one map");
    for (size_t i = 0; i < count; i++)
        if (maps[i].rows < 0 || maps[i].columns < 0 || maps[i].rows > MOST || maps[i].columns > MOST)
            return heed_fail(e, HEED_INVALID, "heat map %zu has %lld rows and %lld columns; it may have up to %d of each", i + 1,
                             (long long)maps[i].rows, (long long)maps[i].columns, MOST);
    return HEED_OK;
}

static void put_whole(heed_buffer *b, const char *command, int64_t n) { heed_buffer_format(b, "%s%lld", command, (long long)n); }

/* The cells of one colour as one path, neighbours in a row joined, in units of a cell. */
static void put_level(heed_buffer *b, const heed_heatmap *m, const scale *s, int level)
{
    bool begun = false;
    char colour[8];
    for (int64_t r = 0; r < m->rows; r++) {
        const float *row = m->weights + r * m->columns;
        for (int64_t c = 0, end; c < m->columns; c = end) {
            for (end = c; end < m->columns && level_of(row[end], s) == level;) end++;
            if (end == c && ++end) continue;
            if (!begun && level == EMPTY) heed_buffer_put(b, "<path class=\"void\" fill=\"#ccc\" d=\"");
            else if (!begun) heed_buffer_format(b, "<path fill=\"#%s\" d=\"", colour_of(level, s, colour));
            begun = true;
            put_whole(b, "M", c);
            put_whole(b, " ", r);
            put_whole(b, "h", end - c);
            put_whole(b, "v1h", c - end);
            heed_buffer_put(b, "z");
        }
    }
    if (begun) heed_buffer_put(b, "\"/>\n");
}

static const char *label(const char *const *labels, int64_t i, char number[HEED_NUMBER_SIZE])
{
    return labels && labels[i] ? labels[i] : heed_fixed_text((double)(i + 1), 0, number);
}

/* "AH: e 62%, a 21%, o 5%" */
static void tell_row(heed_buffer *b, const heed_heatmap *m, const scale *s, int64_t r)
{
    char number[HEED_NUMBER_SIZE];
    int64_t told[3];
    heed_svg_escape(b, label(m->row_labels, r, number), true);
    for (int n = 0; n < 3 && n < m->columns; n++) {
        told[n] = -1;
        for (int64_t c = 0; c < m->columns; c++) {
            bool before = (n > 0 && c == told[0]) || (n > 1 && c == told[1]);
            if (!before && !isnan(m->weights[r * m->columns + c]) &&
                (told[n] < 0 || m->weights[r * m->columns + c] > m->weights[r * m->columns + told[n]])) told[n] = c;
        }
        if (told[n] < 0) break;
        heed_buffer_put(b, n ? ", " : ": ");
        heed_svg_escape(b, label(m->column_labels, told[n], number), true);
        heed_buffer_put(b, " ");
        double v = (double)m->weights[r * m->columns + told[n]];
        heed_buffer_put(b, s->percent ? heed_fixed_text(100 * v, 0, number) : heed_digits_text(v, 3, number));
        if (s->percent) heed_buffer_put(b, "%");
    }
}

/* The cells with their frame; thin lines between cells that are large enough to be told apart. */
static void put_cells(heed_buffer *b, const heed_heatmap *m, double x, double y, double cell, const scale *s)
{
    char colour[8];
    heed_buffer_put(b, "<g shape-rendering=\"crispEdges\" transform=\"translate(");
    heed_buffer_fixed(b, x, 2);
    heed_buffer_put(b, " ");
    heed_buffer_fixed(b, y, 2);
    heed_buffer_put(b, ") scale(");
    heed_buffer_fixed(b, cell, 4);
    heed_buffer_format(b, ")\">\n<path fill=\"#%s\" d=\"M0 0h%lldv%lldH0z\"/>\n", colour_of(0, s, colour), (long long)m->columns,
                       (long long)m->rows);
    for (int level = EMPTY; level < LEVELS; level++)
        if (level) put_level(b, m, s, level);
    heed_buffer_put(b, "</g>\n");
    double width = cell * (double)m->columns, height = cell * (double)m->rows;
    if (cell >= 8) {
        heed_buffer_put(b, "<path stroke=\"#fff\" stroke-opacity=\".16\" d=\"");
        for (int64_t r = 1; r < m->rows; r++) {
            heed_svg_point(b, "M", x, y + cell * (double)r);
            heed_buffer_put(b, "h");
            heed_buffer_fixed(b, width, 1);
        }
        for (int64_t c = 1; c < m->columns; c++) {
            heed_svg_point(b, "M", x + cell * (double)c, y);
            heed_buffer_put(b, "v");
            heed_buffer_fixed(b, height, 1);
        }
        heed_buffer_put(b, "\"/>\n");
    }
    heed_svg_rect(b, x, y, width, height, "class=\"frame\" fill=\"none\" stroke=\"#888\"");
}

/* "weight 0 [colours] 0.8", its right end at x. */
static void put_scale(heed_buffer *b, double x, double y, const scale *s)
{
    enum { WIDTH = 3 * LEVELS };
    char number[HEED_NUMBER_SIZE], low[HEED_NUMBER_SIZE], colour[8];
    const char *end = heed_digits_text(s->high, 4, number);
    double bar = x - heed_svg_text_width(end, 12) - 6 - WIDTH;
    heed_svg_text how = {.size = 12, .anchor = HEED_SVG_END, .class = "soft"};
    heed_svg_put_text(b, bar - 6, y, how, heed_digits_text(s->low, 4, low));
    heed_svg_put_text(b, bar - 12 - heed_svg_text_width(low, 12), y, how, s->name);
    heed_buffer_put(b, "<g shape-rendering=\"crispEdges\">\n");
    for (int i = 0; i < LEVELS; i++) {
        char fill[24];
        snprintf(fill, sizeof fill, "fill=\"#%s\"", colour_of(i, s, colour));
        heed_svg_rect(b, bar + 3 * i, y - 10, 3, 12, fill);
    }
    heed_buffer_put(b, "</g>\n");
    heed_svg_put_text(b, x, y, how, end);
}

/* How large a panel of labelled cells gets; the same for all panels of a picture. */
typedef struct {
    double cell, font, left, top; /* left and top: room for labels and, above them, the panel's title */
    double width, height;         /* of everything */
    double flat;                  /* column labels up to this width lie, others stand */
    int64_t every;                /* every n-th label is shown */
} layout;

enum { MARGIN = 20, GAP = 28, LONGEST = 110, WIDEST = 1240, HEAD = 66 };

static double widest_label(const char *const *labels, int64_t count, double font)
{
    double widest = 0;
    for (int64_t i = 0; labels && i < count; i++) {
        double width = labels[i] ? heed_svg_text_width(labels[i], font) : 0;
        if (width > widest) widest = width;
    }
    return widest < LONGEST ? widest : LONGEST;
}

static layout lay_out(const heed_heatmap *maps, size_t count)
{
    layout l = {.every = 1};
    int64_t rows = 1, columns = 1;
    for (size_t i = 0; i < count; i++) {
        if (maps[i].rows > rows) rows = maps[i].rows;
        if (maps[i].columns > columns) columns = maps[i].columns;
    }
    double most = (double)(rows > columns ? rows : columns);
    l.cell = most <= 60 ? fmin(26, fmax(10, 300 / most)) : 600 / most;
    l.font = fmin(12, fmax(9, l.cell - 2));
    while (l.cell * (double)l.every < l.font) l.every++;
    double above = 0;
    int64_t labels = 0, narrow = 0;
    for (size_t i = 0; i < count; i++) {
        l.left = fmax(l.left, widest_label(maps[i].row_labels, maps[i].rows, l.font));
        above = fmax(above, widest_label(maps[i].column_labels, maps[i].columns, l.font));
        for (int64_t c = 0; maps[i].column_labels && c < maps[i].columns; c++, labels++)
            narrow += !maps[i].column_labels[c] || heed_svg_text_width(maps[i].column_labels[c], l.font) <= l.cell - 2;
    }
    l.flat = 4 * narrow >= 3 * labels ? l.cell - 2 : -1; /* letters lie, words stand, all of them if many have to */
    l.left += 6;
    l.top = 24 + (!labels ? 0 : above <= l.flat ? l.font + 3 : fmax(above, l.font) + 5);
    l.width = l.left + l.cell * (double)columns;
    l.height = l.top + l.cell * (double)rows;
    return l;
}

static void put_panel(heed_buffer *b, const heed_heatmap *m, double x, double y, const layout *l, const scale *s)
{
    double left = x + l->left, first = y + l->top;
    if (m->title)
        heed_svg_put_text(b, left, y + 13, (heed_svg_text){.size = 13, .bold = true, .widest = l->width - l->left + GAP - 8},
                          m->title);
    put_cells(b, m, left, first, l->cell, s);
    for (int64_t r = 0; m->row_labels && r < m->rows; r += l->every)
        if (m->row_labels[r])
            heed_svg_put_text(b, left - 5, first + l->cell * ((double)r + 0.5) + l->font * 0.35,
                              (heed_svg_text){.size = l->font, .widest = LONGEST, .anchor = HEED_SVG_END}, m->row_labels[r]);
    for (int64_t c = 0; m->column_labels && c < m->columns; c += l->every) {
        const char *text = m->column_labels[c] ? m->column_labels[c] : "";
        double middle = left + l->cell * ((double)c + 0.5);
        bool stands = heed_svg_text_width(text, l->font) > l->flat;
        heed_svg_text how = {
            .size = l->font, .widest = LONGEST, .anchor = stands ? HEED_SVG_START : HEED_SVG_MIDDLE, .upright = stands};
        heed_svg_put_text(b, stands ? middle + l->font * 0.35 : middle, first - 5, how, text);
    }
    for (int64_t r = 0; r < m->rows && m->columns; r++) {
        heed_buffer_put(b, "<g fill-opacity=\"0\"><title>");
        tell_row(b, m, s, r);
        heed_buffer_put(b, "</title>");
        heed_svg_rect(b, x, first + l->cell * (double)r, l->left + l->cell * (double)m->columns, l->cell, "");
        heed_buffer_put(b, "</g>\n");
    }
}

static char *draw(const char *title, const char *rows, const char *columns, const scale *s, const heed_heatmap *maps, size_t count,
                  heed_error *e)
{
    for (size_t i = 0; i < count; i++)
        if (!maps[i].weights) {
            heed_fail(e, HEED_INVALID, "heat map %zu has no weights", i + 1);
            return NULL;
        }
    layout l = lay_out(maps, count);
    size_t across = count > 1 ? 2 : 1; /* two of the largest panels are 1460 wide */
    while (across < count && l.width * (double)(across + 1) + GAP * (double)across <= WIDEST) across++;
    size_t down = (count + across - 1) / across;
    across = (count + down - 1) / down;
    double inner = fmax(440, l.width * (double)across + GAP * (double)(across - 1));
    heed_buffer b = {0}, axes = {0};
    heed_svg_begin(&b, inner + 2 * MARGIN, HEAD + l.height * (double)down + GAP * (double)(down - 1) + MARGIN, title);
    heed_svg_put_text(&b, MARGIN, 32, (heed_svg_text){.size = 17, .bold = true, .widest = inner}, title);
    heed_buffer_format(&axes, "rows: %s, columns: %s", rows, columns);
    heed_svg_put_text(&b, MARGIN, 52, (heed_svg_text){.size = 12, .class = "soft", .widest = inner - 260},
                      axes.text ? axes.text : "");
    b.failed = b.failed || axes.failed;
    heed_buffer_free(&axes);
    put_scale(&b, MARGIN + inner, 52, s);
    for (size_t i = 0; i < count; i++)
        put_panel(&b, &maps[i], MARGIN + (l.width + GAP) * (double)(i % across), HEAD + (l.height + GAP) * (double)(i / across),
                  &l, s);
    heed_svg_end(&b);
    return heed_buffer_take(&b, "a picture of heat maps", e);
}

char *heed_figure_heatmaps(const char *title, const char *rows, const char *columns, const heed_heatmap *maps, size_t count,
                           heed_error *e)
{
    if (check(maps, count, e)) return NULL;
    scale s = scale_of_weights(maps, count);
    return draw(title, rows, columns, &s, maps, count, e);
}

char *heed_figure_values(const char *title, const char *rows, const char *columns, const char *name, const heed_heatmap *maps, size_t count,
                         heed_error *e)
{
    if (check(maps, count, e)) return NULL;
    scale s = scale_of_values(maps, count, name);
    return draw(title, rows, columns, &s, maps, count, e);
}

/* The overview. */

enum { TILE = 112, TILE_GAP = 8 };

static double tallest(const heed_heatmap *maps, size_t count, double cell)
{
    double height = 14; /* of the layer's name */
    for (size_t i = 0; i < count; i++) height = fmax(height, cell * (double)maps[i].rows);
    return height;
}

char *heed_figure_overview(const char *title, const heed_heatmap *maps, const char *const *layer_names, size_t layers,
                           size_t heads, heed_error *e)
{
    size_t count;
    if (!heed_size_mul(layers, heads, &count)) {
        heed_fail(e, HEED_INVALID, "%zu layers of %zu heads cannot be", layers, heads);
        return NULL;
    }
    if (check(maps, count, e)) return NULL;
    int64_t most = 1;
    for (size_t i = 0; i < count; i++) {
        if (maps[i].rows > most) most = maps[i].rows;
        if (maps[i].columns > most) most = maps[i].columns;
    }
    scale s = scale_of_weights(maps, count);
    double cell = fmin(16, TILE / (double)most),
           names = widest_label(layer_names, (int64_t)layers, 13) + 10;
    double tile = cell * (double)most, left = MARGIN + names, step = fmax(tile, 48) + TILE_GAP;
    double width = fmax(440, names + step * (double)heads - TILE_GAP), y = HEAD + 22;
    heed_buffer b = {0};
    char text[HEED_NUMBER_SIZE];
    double height = y + MARGIN - TILE_GAP;
    for (size_t i = 0; i < layers; i++) height += tallest(maps + i * heads, heads, cell) + TILE_GAP;
    heed_svg_begin(&b, width + 2 * MARGIN, height, title);
    heed_svg_put_text(&b, MARGIN, 32, (heed_svg_text){.size = 17, .bold = true, .widest = width}, title);
    put_scale(&b, MARGIN + width, 52, &s);
    for (size_t h = 0; h < heads; h++)
        heed_svg_put_text(&b, left + step * (double)h + tile / 2, y - 8, (heed_svg_text){.size = 12, .anchor = HEED_SVG_MIDDLE},
                          heed_fixed_text((double)(h + 1), 0, text));
    heed_svg_put_text(&b, left - 8, y - 8, (heed_svg_text){.size = 12, .anchor = HEED_SVG_END, .class = "soft"}, "head");
    for (size_t i = 0; i < layers; i++) {
        double tall = tallest(maps + i * heads, heads, cell);
        heed_svg_put_text(&b, left - 8, y + tall / 2 + 4, (heed_svg_text){.size = 13, .anchor = HEED_SVG_END, .widest = LONGEST},
                          layer_names[i]);
        for (size_t h = 0; h < heads; h++) {
            const heed_heatmap *m = &maps[i * heads + h];
            if (!m->weights) continue;
            heed_buffer_put(&b, "<g>");
            if (m->title) {
                heed_buffer_put(&b, "<title>");
                heed_svg_escape(&b, m->title, false);
                heed_buffer_put(&b, "</title>");
            }
            put_cells(&b, m, left + step * (double)h, y, cell, &s);
            heed_buffer_put(&b, "</g>\n");
        }
        y += tall + TILE_GAP;
    }
    heed_svg_end(&b);
    return heed_buffer_take(&b, "an overview of heat maps", e);
}
