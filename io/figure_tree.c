#include "figure.h"

#include "autograd/memory.h"
#include "svg.h"

#include <math.h>
#include <string.h>

enum { MARGIN = 24, HEAD = 52, NAME = 26, LEVEL = 34, BELOW = 22, BETWEEN = 14, LEAST = 420, MOST_WORDS = 400 };
static const double font = 12.5;

/* Where the nodes of a tree stand. */
typedef struct layout {
    const heed_tree *tree;
    double *x;
    int *depth;
    int deepest;
    double width;
} layout;

static bool place(layout *o, const heed_tree *t)
{
    *o = (layout){.tree = t, .x = heed_alloc(2 * t->count * sizeof *o->x), .depth = heed_alloc(t->count * sizeof *o->depth), .width = MARGIN};
    if (!o->x || !o->depth) return false;
    double *left = o->x, *right = o->x + t->count; /* of a phrase's children; then `left` is the middle */
    for (size_t i = 0; i < t->count; i++) {
        const heed_tree_node *n = &t->nodes[i];
        o->depth[i] = n->parent == SIZE_MAX ? 0 : o->depth[n->parent] + 1;
        if (o->depth[i] > o->deepest) o->deepest = o->depth[i];
        left[i] = INFINITY;
        right[i] = -INFINITY;
        if (!n->word) continue;
        double wide = fmax(heed_svg_text_width(n->word, font), heed_svg_text_width(n->label, font)) + BETWEEN;
        left[i] = right[i] = o->width + wide / 2;
        o->width += wide;
    }
    for (size_t i = t->count; i-- > 0;) {
        size_t above = t->nodes[i].parent;
        left[i] = right[i] = (left[i] + right[i]) / 2;
        if (above == SIZE_MAX) continue;
        left[above] = fmin(left[above], left[i]);
        right[above] = fmax(right[above], right[i]);
    }
    o->width += MARGIN;
    return true;
}

static void free_layout(layout *o)
{
    heed_free(o->x);
    heed_free(o->depth);
}

static double height_of(const layout *o) { return NAME + LEVEL * (o->deepest + 1) + BELOW; }

/* The first tree has the same phrase. */
static bool is_known(const heed_tree *first, const heed_tree_node *n)
{
    for (size_t i = 0; i < first->count; i++) {
        const heed_tree_node *m = &first->nodes[i];
        if (!m->word && m->begin == n->begin && m->end == n->end && !strcmp(m->label, n->label)) return true;
    }
    return n->word || !*n->label;
}

static void draw(heed_buffer *b, const layout *o, const heed_tree *first, double top)
{
    const heed_tree *t = o->tree;
    for (size_t i = 0; i < t->count; i++) {
        const heed_tree_node *n = &t->nodes[i];
        double x = o->x[i], y = top + LEVEL * (n->word ? o->deepest : o->depth[i]);
        if (n->parent != SIZE_MAX) {
            double from = top + LEVEL * o->depth[n->parent] + 4;
            heed_svg_point(b, "<path class=\"frame\" fill=\"none\" stroke=\"#888\" d=\"M", o->x[n->parent], from);
            heed_svg_point(b, "L", x, top + LEVEL * o->depth[i] - 13); /* a word's line goes straight down from its level, so none cross */
            heed_svg_point(b, "L", x, y - 13);
            heed_buffer_put(b, "\"/>\n");
        }
        bool known = is_known(first, n);
        heed_svg_text how = {.size = font, .anchor = HEED_SVG_MIDDLE, .bold = !n->word, .class = n->word ? "soft" : known ? NULL : "other"};
        heed_svg_put_text(b, x, y, how, n->label);
        if (n->word) heed_svg_put_text(b, x, y + 16, (heed_svg_text){.size = font, .anchor = HEED_SVG_MIDDLE}, n->word);
    }
}

char *heed_figure_trees(const char *title, const heed_tree *const *trees, const char *const *names, size_t count, heed_error *e)
{
    if (!count) {
        heed_fail(e, HEED_INVALID, "a picture of trees needs at least one");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (trees[i]->words > MOST_WORDS) {
            heed_fail(e, HEED_INVALID, "tree %zu has %zu words; a picture has room for %d", i + 1, trees[i]->words, MOST_WORDS);
            return NULL;
        }
    layout *all = heed_calloc(count, sizeof *all);
    double width = LEAST, height = HEAD;
    bool fine = all;
    for (size_t i = 0; i < count && fine; i++) {
        fine = place(&all[i], trees[i]);
        width = fmax(width, all[i].width);
        height += height_of(&all[i]);
    }
    char *svg = NULL;
    if (fine) {
        heed_buffer b = {0};
        double y = HEAD;
        heed_svg_begin(&b, width, height, title);
        heed_svg_put_text(&b, MARGIN, 26, (heed_svg_text){.size = 17, .bold = true, .widest = width - 2 * MARGIN}, title);
        for (size_t i = 0; i < count; i++) {
            heed_svg_put_text(&b, MARGIN, y, (heed_svg_text){.size = 13, .bold = true, .widest = width - 2 * MARGIN}, names[i]);
            draw(&b, &all[i], trees[0], y + NAME);
            y += height_of(&all[i]);
        }
        heed_svg_end(&b);
        svg = heed_buffer_take(&b, "a picture of trees", e);
    } else heed_fail(e, HEED_NO_MEMORY, "no memory for a picture of trees");
    for (size_t i = 0; i < count && all; i++) free_layout(&all[i]);
    heed_free(all);
    return svg;
}
