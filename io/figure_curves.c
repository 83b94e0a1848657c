#include "figure.h"

#include "number.h"
#include "svg.h"

#include <math.h>

enum { WIDTH = 820, LEFT = 66, RIGHT = 22, PLOT = 190, ABOVE = 34, BELOW = 26, HEAD = 52, FOOT = 34, LINE = 18, WIDEST_NAME = 160 };
enum { SPAN = WIDTH - LEFT - RIGHT };

typedef struct { double low, high; bool logarithmic; } axis;

/* Where on the axis, 0..1; NaN: nowhere. */
static double along(const axis *a, double v)
{
    if (!isfinite(v) || (a->logarithmic && v <= 0)) return NAN;
    return a->logarithmic ? log(v / a->low) / log(a->high / a->low) : (v - a->low) / (a->high - a->low);
}

static void include(axis *a, const double *v, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isfinite(v[i]) && (!a->logarithmic || v[i] > 0)) {
            if (!(v[i] >= a->low)) a->low = v[i];
            if (!(v[i] <= a->high)) a->high = v[i];
        }
}

/* Leaves room at the ends; values that come near zero are shown from zero on. False: there is nothing to show. */
static bool settle(axis *a, double room)
{
    if (isnan(a->low)) return false;
    double low = a->low, high = a->high;
    if (a->logarithmic) {
        double factor = high / low < 1.5 ? 1.5 : pow(high / low, room);
        a->low = low / factor;
        a->high = high * factor;
    } else {
        double size = fmax(fabs(low), fabs(high)), span = high - low;
        if (!(span > 1e-9 * size)) span = fmax(size, 1e-300); /* a constant, but for rounding */
        a->low = low >= 0 && low < 0.4 * high ? 0 : low - span * room;
        a->high = high + span * room;
        if (!(a->high - a->low > 1e-9 * size)) a->high = a->low + span;
    }
    return isfinite(a->low) && isfinite(a->high) && a->high > a->low;
}

/* The step of round ticks, 1, 2 or 5 times a power of ten, that gives about `wanted` of them (Heckbert 1990, Graphics Gems). */
static double round_step(double span, double wanted)
{
    double raw = span / wanted, power = pow(10, floor(log10(raw))), digit = raw / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

/* The tick after `v` (NaN: the first), which may lie beyond the axis: multiples of `step`, or, on a long logarithmic axis, 1, 2
 * and 5 times powers of ten or the powers alone. */
static double next_tick(const axis *a, double step, double v)
{
    if (!a->logarithmic || a->high / a->low < 8) {
        double k = isnan(v) ? ceil(a->low / step - 1e-9) : round(v / step) + 1;
        return k * step;
    }
    double decades = log10(a->high / a->low);
    if (isnan(v)) v = pow(10, floor(log10(a->low)) - 1);
    do {
        double power = pow(10, floor(log10(v) + 1e-9)), digit = round(v / power);
        v = power * (decades > 2.3 ? pow(10, ceil(decades / 12)) : digit >= 5 ? 10 : digit >= 2 ? 5 : 2);
    } while (v < a->low * (1 - 1e-9));
    return v;
}

static void tick_text(const axis *a, double v, char text[HEED_NUMBER_SIZE])
{
    double largest = fmax(fabs(a->low), fabs(a->high));
    const char *unit = largest >= 1e6 && largest < 1e12 ? "M" : largest >= 1e4 && largest < 1e6 ? "k" : "";
    heed_digits_text(!a->logarithmic && fabs(v) < 1e-9 * largest ? 0 : *unit == 'M' ? v / 1e6 : *unit == 'k' ? v / 1e3 : v, 6, text);
    for (int i = 0; *unit && v != 0; i++)
        if (!text[i]) {
            text[i] = *unit;
            text[i + 1] = 0;
            break;
        }
}

static void put_axes(heed_buffer *b, const axis *x, const axis *y, double top, bool last, const char *x_name)
{
    char text[HEED_NUMBER_SIZE];
    double step = round_step(y->high - y->low, 5);
    for (double v = next_tick(y, step, NAN); v <= y->high + 1e-9 * step; v = next_tick(y, step, v)) {
        double at = top + PLOT * (1 - along(y, v));
        heed_svg_point(b, "<path class=\"grid\" stroke=\"#ddd\" d=\"M", LEFT, at);
        heed_buffer_format(b, "h%d\"/>\n", SPAN);
        tick_text(y, v, text);
        heed_svg_put_text(b, LEFT - 7, at + 4, (heed_svg_text){.size = 11, .anchor = HEED_SVG_END, .class = "soft"}, text);
    }
    step = round_step(x->high - x->low, 8);
    for (double v = next_tick(x, step, NAN); v <= x->high + 1e-9 * step; v = next_tick(x, step, v)) {
        double at = LEFT + SPAN * along(x, v);
        heed_svg_point(b, "<path class=\"frame\" stroke=\"#888\" d=\"M", at, top + PLOT);
        heed_buffer_put(b, "v4\"/>\n");
        tick_text(x, v, text);
        heed_svg_put_text(b, at, top + PLOT + 17, (heed_svg_text){.size = 11, .anchor = HEED_SVG_MIDDLE, .class = "soft"}, text);
    }
    heed_svg_point(b, "<path class=\"frame\" fill=\"none\" stroke=\"#888\" d=\"M", LEFT, top);
    heed_buffer_format(b, "v%dh%d\"/>\n", PLOT, SPAN);
    if (last)
        heed_svg_put_text(b, LEFT + SPAN / 2.0, top + PLOT + 38, (heed_svg_text){.size = 12, .anchor = HEED_SVG_MIDDLE}, x_name);
}

static double column(double along_x, double wide) { return floor(fmin(SPAN * along_x, SPAN - wide / 2) / wide); }

/* A line through the points. Where `wide` pixel columns hold several, they are one: their mean, or, if `extremes`, their least
 * and largest in order. */
static void put_line(heed_buffer *b, const heed_curve *c, const axis *x, const axis *y, double top, double wide, bool extremes)
{
    bool pen = false;
    for (size_t i = 0, end; i < c->count; i = end) {
        double first = column(along(x, c->x[i]), wide), least = 2, largest = -1, sum = 0, sum_x = 0;
        bool falls = false;
        for (end = i; end < c->count; end++) {
            double px = along(x, c->x[end]), py = along(y, c->y[end]);
            if (isnan(px) || isnan(py) || column(px, wide) > first) break;
            if (py < least) least = py, falls = true;
            if (py > largest) largest = py, falls = false;
            sum += py;
            sum_x += px;
        }
        if (end == i) { /* no point: a gap */
            pen = false;
            end++;
            continue;
        }
        double count = (double)(end - i), at = LEFT + SPAN * sum_x / count;
        double values[2] = {extremes ? (falls ? largest : least) : sum / count, falls ? least : largest};
        for (int k = 0; k <= (extremes && least < largest); k++, pen = true)
            heed_svg_point(b, pen ? "L" : "M", at, top + PLOT * (1 - values[k]));
    }
}

static void put_curve(heed_buffer *b, const heed_curve *c, const axis *x, const axis *y, double top, const char *colour)
{
    bool dense = c->count > SPAN / 2;
    if (dense) {
        heed_buffer_format(b, "<path fill=\"none\" stroke=\"#%s\" stroke-opacity=\".3\" d=\"", colour);
        put_line(b, c, x, y, top, 1, true);
        heed_buffer_put(b, "\"/>\n");
    }
    heed_buffer_format(b, "<path fill=\"none\" stroke=\"#%s\" stroke-width=\"1.6\" stroke-linejoin=\"round\" d=\"", colour);
    put_line(b, c, x, y, top, dense ? 4 : 1e-6, false);
    heed_buffer_put(b, "\"/>\n");
    for (size_t i = 0; i < c->count && c->count <= 60; i++) { /* few points are marked */
        double px = along(x, c->x[i]), py = along(y, c->y[i]);
        if (isnan(px) || isnan(py)) continue;
        heed_buffer_put(b, "<circle r=\"2.6\" cx=\"");
        heed_buffer_fixed(b, LEFT + SPAN * px, 1);
        heed_buffer_put(b, "\" cy=\"");
        heed_buffer_fixed(b, top + PLOT * (1 - py), 1);
        heed_buffer_format(b, "\" fill=\"#%s\"/>\n", colour);
    }
}

static double entry_width(const heed_curve *c) { return fmin(heed_svg_text_width(c->name, 12), WIDEST_NAME) + 40; }

/* Lines that the legend needs below the title: 0 where it fits beside it. */
static int legend_lines(const heed_plot *p)
{
    double used = heed_svg_text_width(p->title, 13) + 30;
    for (size_t i = 0; p->count > 1 && i < p->count; i++) used += entry_width(&p->curves[i]);
    if (p->count < 2 || used <= SPAN) return 0;
    int lines = 1;
    used = 0;
    for (size_t i = 0; i < p->count; i++) {
        double width = entry_width(&p->curves[i]);
        if (used > 0 && used + width > SPAN) lines++, used = 0;
        used += width;
    }
    return lines;
}

static void put_entry(heed_buffer *b, const heed_plot *p, size_t i, double x, double y)
{
    heed_buffer_format(b, "<path stroke=\"#%s\" stroke-width=\"3\" d=\"", heed_svg_colour(i));
    heed_svg_point(b, "M", x, y - 4);
    heed_buffer_put(b, "h18\"/>\n");
    heed_svg_put_text(b, x + 24, y, (heed_svg_text){.size = 12, .widest = WIDEST_NAME}, p->curves[i].name);
}

/* Above the plot: title at the left, legend at the right, or in lines of its own. */
static void put_legend(heed_buffer *b, const heed_plot *p, double top)
{
    int lines = legend_lines(p);
    double at = lines ? LEFT : WIDTH - RIGHT + 16, y = top - 10 - LINE * lines;
    heed_svg_put_text(b, LEFT, y, (heed_svg_text){.size = 13, .bold = true, .widest = SPAN}, p->title);
    for (size_t i = p->count; !lines && p->count > 1 && i-- > 0;) put_entry(b, p, i, at -= entry_width(&p->curves[i]), y);
    for (size_t i = 0; lines && i < p->count; i++) {
        double width = entry_width(&p->curves[i]);
        if (i == 0 || at + width > LEFT + SPAN) at = LEFT, y += LINE;
        put_entry(b, p, i, at, y);
        at += width;
    }
}

static char *draw(const char *title, const char *x_name, bool log_x, const heed_plot *plots, size_t count, heed_error *e)
{
    if (!count) {
        heed_fail(e, HEED_INVALID, "a picture of curves needs at least one plot");
        return NULL;
    }
    axis x = {NAN, NAN, log_x};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < plots[i].count; k++) include(&x, plots[i].curves[k].x, plots[i].curves[k].count);
    bool some = settle(&x, 0);
    heed_buffer b = {0};
    double height = HEAD + FOOT, top = HEAD;
    for (size_t i = 0; i < count; i++) height += ABOVE + LINE * legend_lines(&plots[i]) + PLOT + BELOW;
    heed_svg_begin(&b, WIDTH, height, title);
    heed_svg_put_text(&b, LEFT, 34, (heed_svg_text){.size = 17, .bold = true, .widest = SPAN}, title);
    for (size_t i = 0; i < count; i++) {
        const heed_plot *p = &plots[i];
        top += ABOVE + LINE * legend_lines(p);
        axis y = {NAN, NAN, p->log_scale};
        for (size_t k = 0; k < p->count; k++) include(&y, p->curves[k].y, p->curves[k].count);
        put_legend(&b, p, top);
        if (some && settle(&y, 0.05)) {
            put_axes(&b, &x, &y, top, i + 1 == count, x_name);
            for (size_t k = 0; k < p->count; k++) put_curve(&b, &p->curves[k], &x, &y, top, heed_svg_colour(k));
        } else {
            heed_svg_rect(&b, LEFT, top, SPAN, PLOT, "class=\"frame\" fill=\"none\" stroke=\"#888\"");
            heed_svg_put_text(&b, LEFT + SPAN / 2.0, top + PLOT / 2.0,
                              (heed_svg_text){.size = 13, .anchor = HEED_SVG_MIDDLE, .class = "soft"}, "nothing to show yet");
        }
        top += PLOT + BELOW;
    }
    heed_svg_end(&b);
    return heed_buffer_take(&b, "a picture of curves", e);
}

char *heed_figure_curves(const char *title, const char *x_name, const heed_plot *plots, size_t count, heed_error *e)
{
    return draw(title, x_name, false, plots, count, e);
}

char *heed_figure_curves_log(const char *title, const char *x_name, const heed_plot *plots, size_t count, heed_error *e)
{
    return draw(title, x_name, true, plots, count, e);
}
