#include "figure.h"

#include "number.h"
#include "svg.h"

#include <math.h>

enum { PITCH = 22, MARGIN = 24, LINES = 130, HEAD = 52, TITLE = 30, GAP = 8, BELOW = 26, LEAST = 460, MOST = 1024, LINE = 18 };
static const double font = 12.5, widest = 120, faintest = 0.02;

typedef struct panel_size { double above, below, width; } panel_size; /* room of the labels above and below; of the panel */

static const char *label(const char *const *labels, int64_t i, char number[HEED_NUMBER_SIZE])
{
    return labels && labels[i] ? labels[i] : heed_fixed_text((double)(i + 1), 0, number);
}

static double widest_label(const char *const *labels, int64_t count)
{
    char number[HEED_NUMBER_SIZE];
    double width = 0;
    for (int64_t i = 0; i < count; i++) width = fmax(width, heed_svg_text_width(label(labels, i, number), font));
    return fmin(width, widest);
}

static panel_size size_of(const heed_arcs *p)
{
    const heed_heatmap *m = p->maps;
    double tokens = (double)(m->rows > m->columns ? m->rows : m->columns);
    return (panel_size){widest_label(m->row_labels, m->rows), widest_label(m->column_labels, m->columns), tokens * PITCH + 2 * MARGIN};
}

static heed_code check(const heed_arcs *panels, size_t count, heed_error *e)
{
    if (!count) return heed_fail(e, HEED_INVALID, "a picture of arcs needs at least one panel");
    for (size_t i = 0; i < count; i++) {
        const heed_arcs *p = &panels[i];
        if (!p->count) return heed_fail(e, HEED_INVALID, "panel %zu of a picture of arcs has no map", i + 1);
        for (size_t k = 0; k < p->count; k++)
            if (p->maps[k].rows != p->maps->rows || p->maps[k].columns != p->maps->columns || p->maps[k].rows < 0 ||
                p->maps[k].columns < 0 || p->maps[k].rows > MOST || p->maps[k].columns > MOST)
                return heed_fail(e, HEED_INVALID,
                                 "map %zu of panel %zu has %lld rows and %lld columns, the first one %lld and %lld; they agree, up to %d",
                                 k + 1, i + 1, (long long)p->maps[k].rows, (long long)p->maps[k].columns, (long long)p->maps->rows,
                                 (long long)p->maps->columns, MOST);
        if (p->row < -1 || p->row >= p->maps->rows)
            return heed_fail(e, HEED_INVALID, "panel %zu of a picture of arcs asks for row %lld of %lld", i + 1, (long long)p->row,
                             (long long)p->maps->rows);
    }
    return HEED_OK;
}

static double place(int64_t i) { return MARGIN + PITCH * ((double)i + 0.5); }

static void put_labels(heed_buffer *b, const char *const *labels, int64_t count, double y, heed_svg_anchor anchor, int64_t only)
{
    char number[HEED_NUMBER_SIZE];
    for (int64_t i = 0; i < count; i++) {
        heed_svg_text how = {.size = font, .widest = widest, .anchor = anchor, .upright = true, .bold = i == only,
                             .class = only >= 0 && i != only ? "soft" : NULL};
        heed_svg_put_text(b, place(i) + 0.35 * font, y, how, label(labels, i, number));
    }
}

/* The lines of one map; maps stand a little beside each other, so that equal lines are seen. */
static void put_lines(heed_buffer *b, const heed_arcs *p, size_t k, double top)
{
    const heed_heatmap *m = &p->maps[k];
    double beside = 2.4 * ((double)k - 0.5 * (double)(p->count - 1));
    heed_buffer_format(b, "<g stroke=\"#%s\" stroke-width=\"2\">\n", heed_svg_colour(k));
    for (int64_t r = 0; m->weights && r < m->rows; r++)
        for (int64_t c = 0; c < m->columns && (p->row < 0 || r == p->row); c++) {
            double weight = (double)m->weights[r * m->columns + c];
            if (!(weight >= faintest)) continue;
            heed_svg_point(b, "<path d=\"M", place(r) + beside, top);
            heed_svg_point(b, "L", place(c) + beside, top + LINES);
            heed_buffer_put(b, "\" stroke-opacity=\"");
            heed_buffer_fixed(b, fmin(weight, 1), 2);
            heed_buffer_put(b, "\"/>\n");
        }
    heed_buffer_put(b, "</g>\n");
}

static const char *name_of(const heed_arcs *p, size_t k) { return p->maps[k].title ? p->maps[k].title : ""; }
static double entry_width(const heed_arcs *p, size_t k) { return fmin(heed_svg_text_width(name_of(p, k), 12), 110) + 38; }

/* Lines of the legend below the panel's title: 0 where it fits beside it, or where there is one map. */
static int legend_lines(const heed_arcs *p, double width)
{
    double used = heed_svg_text_width(p->title ? p->title : "", 13) + 20, room = width - 2 * MARGIN;
    if (p->count < 2) return 0;
    for (size_t k = 0; k < p->count; k++) used += entry_width(p, k);
    if (used <= room) return 0;
    int lines = 1;
    used = 0;
    for (size_t k = 0; k < p->count; k++) {
        if (used > 0 && used + entry_width(p, k) > room) lines++, used = 0;
        used += entry_width(p, k);
    }
    return lines;
}

static void put_entry(heed_buffer *b, const heed_arcs *p, size_t k, double x, double y)
{
    heed_buffer_format(b, "<path stroke=\"#%s\" stroke-width=\"3\" d=\"", heed_svg_colour(k));
    heed_svg_point(b, "M", x, y - 4);
    heed_buffer_put(b, "h16\"/>\n");
    heed_svg_put_text(b, x + 22, y, (heed_svg_text){.size = 12, .widest = 110}, name_of(p, k));
}

static void put_legend(heed_buffer *b, const heed_arcs *p, double width, double y)
{
    int lines = legend_lines(p, width);
    double at = lines ? MARGIN : width - MARGIN + 16;
    heed_svg_put_text(b, MARGIN, y, (heed_svg_text){.size = 13, .bold = true, .widest = width - 2 * MARGIN}, p->title ? p->title : "");
    for (size_t k = p->count; !lines && p->count > 1 && k-- > 0;) put_entry(b, p, k, at -= entry_width(p, k), y);
    for (size_t k = 0; lines && k < p->count; k++) {
        if (k == 0 || at + entry_width(p, k) > width - MARGIN) at = MARGIN, y += LINE;
        put_entry(b, p, k, at, y);
        at += entry_width(p, k);
    }
}

char *heed_figure_arcs(const char *title, const char *rows, const char *columns, const heed_arcs *panels, size_t count, heed_error *e)
{
    if (check(panels, count, e)) return NULL;
    double width = LEAST, height = HEAD;
    for (size_t i = 0; i < count; i++) {
        panel_size s = size_of(&panels[i]);
        width = fmax(width, s.width);
        height += TITLE + s.above + s.below + 2 * GAP + LINES + BELOW;
    }
    for (size_t i = 0; i < count; i++) height += LINE * legend_lines(&panels[i], width);
    heed_buffer b = {0};
    heed_svg_begin(&b, width, height, title);
    heed_svg_put_text(&b, MARGIN, 26, (heed_svg_text){.size = 17, .bold = true, .widest = width - 2 * MARGIN}, title);
    heed_buffer about = {0};
    heed_buffer_format(&about, "above: %s, below: %s; a line as strong as the weight", rows, columns);
    heed_svg_text soft = {.size = 12, .class = "soft", .widest = width - 2 * MARGIN};
    if (about.text) heed_svg_put_text(&b, MARGIN, 44, soft, about.text);
    b.failed |= about.failed;
    heed_buffer_free(&about);
    double y = HEAD;
    for (size_t i = 0; i < count; i++) {
        const heed_arcs *p = &panels[i];
        panel_size s = size_of(p);
        double top = y + TITLE + LINE * legend_lines(p, width) + s.above + GAP;
        put_legend(&b, p, width, y + 18);
        put_labels(&b, p->maps->row_labels, p->maps->rows, top - GAP, HEED_SVG_START, p->row);
        for (size_t k = 0; k < p->count; k++) put_lines(&b, p, k, top);
        put_labels(&b, p->maps->column_labels, p->maps->columns, top + LINES + GAP, HEED_SVG_END, -1);
        y = top + LINES + GAP + s.below + BELOW;
    }
    heed_svg_end(&b);
    return heed_buffer_take(&b, "a picture of arcs", e);
}
