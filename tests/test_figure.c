/* Pictures: well-formed whatever the labels are, sized to what they show, always the same bytes; files and their errors. */
#include "check.h"
#include "io/figure.h"
#include "refusals.h"

#include <locale.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is wrong with an XML text, NULL if nothing: tags that match, attributes in quotes, known entities, no controls. */
static const char *xml_error(const char *p)
{
    char open[16][16];
    int depth = 0;
    for (; *p; p++) {
        if ((unsigned char)*p < 0x20 && *p != '\n') return "a control character";
        if (*p == '>') return "a bare >";
        if (*p == '&' && strncmp(p, "&amp;", 5) && strncmp(p, "&lt;", 4) && strncmp(p, "&gt;", 4) && strncmp(p, "&quot;", 6))
            return "an unknown entity";
        if (*p != '<') continue;
        bool closing = p[1] == '/';
        p += 1 + closing;
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz");
        if (!n || n > 15 || depth == 16) return "a bad name";
        char name[16] = "";
        memcpy(name, p, n);
        bool quoted = false, empty = false;
        for (p += n; *p && (quoted || *p != '>'); p++) {
            if (*p == '"') quoted = !quoted;
            if (*p == '<') return "a < in a tag";
            empty = *p == '/' && !quoted;
        }
        if (!*p) return "an open tag";
        if (closing && (!depth || strcmp(open[--depth], name))) return "tags that do not match";
        if (!closing && !empty) strcpy(open[depth++], name);
    }
    return depth ? "an element without end" : NULL;
}

/* Checks a picture and frees it; its width and height if wanted. */
static void good(char *svg, double *width, double *height)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(svg);
    const char *wrong = xml_error(svg);
    if (wrong) fprintf(stderr, "\n    %s\n", wrong);
    CU_ASSERT_PTR_NULL(wrong);
    CU_ASSERT(!strstr(svg, "nan") && !strstr(svg, "inf"));
    double w = 0, h = 0;
    CU_ASSERT_EQUAL(sscanf(strstr(svg, "viewBox"), "viewBox=\"0 0 %lf %lf\"", &w, &h), 2);
    if (width) *width = w;
    if (height) *height = h;
    heed_free(svg);
}

static const char *const strange[] = {
    "a&b", "<pad>", "\"q\"", "", " ", "x ", "\x01\x1b", "\xff\xfe", "\xef\xbf\xbf", "שלום", "العربية", "e\xcc\x81", "\xcc\x81",
    "猫", "\xe2\x80\xae turned", "🌞", "'", "]]>", NULL, "donaudampfschifffahrtsgesellschaft & company"};
enum { STRANGE = sizeof strange / sizeof *strange };

static float weights[64 * 64];

static heed_heatmap square(int64_t n, const char *const *labels)
{
    for (int64_t i = 0; i < n * n; i++) weights[i] = (float)((i * 7919) % 101) / 100;
    return (heed_heatmap){"head <1>", weights, n, n, labels, labels};
}

static int count(const char *text, const char *part)
{
    int n = 0;
    while ((text = strstr(text, part))) n++, text++;
    return n;
}

static void any_label_makes_a_sound_picture(void)
{
    heed_heatmap m = square(STRANGE, strange);
    char *svg = heed_figure_heatmaps("T & <T>\n", "\"out\"", "in&", &m, 1, NULL);
    CU_ASSERT(check_says(svg, "T &amp; &lt;T&gt;"));
    CU_ASSERT(check_says(svg, ">a&amp;b</text>"));
    CU_ASSERT(check_says(svg, ">&lt;pad&gt;</text>"));
    CU_ASSERT(check_says(svg, ">x\xe2\x90\xa3</text>"));                 /* a blank is seen */
    CU_ASSERT(check_says(svg, ">\xe2\x90\x81\xe2\x90\x9b</text>"));       /* controls have pictures */
    CU_ASSERT(check_says(svg, ">\xef\xbf\xbd\xef\xbf\xbd</text>"));       /* no UTF-8 */
    CU_ASSERT(check_says(svg, ">\xef\xbf\xbd</text>"));                   /* U+FFFF is not allowed in XML */
    CU_ASSERT(check_says(svg, ">e\xcc\x81</text>"));
    CU_ASSERT(check_says(svg, ">\xe2\x97\x8c\xcc\x81</text>"));           /* a lone accent stands on a circle */
    CU_ASSERT(check_says(svg, "<title>donaudampfschifffahrtsgesellschaft &amp; company</title>donaudampf"));
    CU_ASSERT(check_says(svg, "\xe2\x80\xa6</text>"));                    /* cut */
    CU_ASSERT(check_says(svg, "]]&gt;"));
    good(svg, NULL, NULL);
}

static void sizes_follow_the_tokens(void)
{
    const char *labels[64];
    double width, height, before = 0;
    for (int i = 0; i < 64; i++) labels[i] = "ab";
    for (int64_t n = 0; n <= 64; n += n < 2 ? 1 : 2) {
        heed_heatmap m = square(n, labels);
        good(heed_figure_heatmaps("t", "rows", "columns", &m, 1, NULL), &width, &height);
        CU_ASSERT(width <= 760 && height <= 820);
        CU_ASSERT(height >= before - 30); /* cells shrink in steps, the whole hardly does */
        before = height;
    }
    heed_heatmap many[16], wide = {"wide", weights, 1, 1024, NULL, NULL}, plain = {NULL, weights, 3, 2, NULL, NULL};
    for (int i = 0; i < 16; i++) many[i] = square(60, labels);
    good(heed_figure_heatmaps("t", "rows", "columns", many, 16, NULL), &width, &height);
    CU_ASSERT(width <= 1540);
    good(heed_figure_heatmaps("t", "rows", "columns", &wide, 1, NULL), NULL, NULL);
    good(heed_figure_heatmaps("t", "rows", "columns", &plain, 1, NULL), NULL, NULL);
}

static void weights_become_colours(void)
{
    float w[] = {0, 0.5f, 1, NAN, 0.25f, 0.25f};
    const char *const rows[] = {"r1", "r2"}, *const columns[] = {"x", "y", "z"};
    heed_heatmap m = {"h", w, 2, 3, rows, columns};
    char *svg = heed_figure_heatmaps("t", "rows", "columns", &m, 1, NULL);
    CU_ASSERT(check_says(svg, "<path fill=\"#440154\" d=\"M0 0h3v2H0z\"/>"));     /* zero is the ground */
    CU_ASSERT(check_says(svg, "<path fill=\"#fde725\" d=\"M2 0h1v1h-1z\"/>"));    /* one */
    CU_ASSERT(check_says(svg, "<path class=\"void\" fill=\"#ccc\" d=\"M0 1h1v1h-1z\"/>")); /* no number */
    CU_ASSERT(check_says(svg, "d=\"M1 1h2v1h-2z\""));                             /* equal neighbours are one shape */
    CU_ASSERT(check_says(svg, "<title>r1: z 100%, y 50%, x 0%</title>"));
    CU_ASSERT(check_says(svg, "<title>r2: y 25%, z 25%</title>"));
    good(svg, NULL, NULL);
    m.weights = (float[]){0.01f, 0.33f, 0.31f, 0, 0, 0};
    svg = heed_figure_heatmaps("t", "rows", "columns", &m, 1, NULL);
    CU_ASSERT(check_says(svg, ">0.35</text>")); /* the scale ends at the next twentieth */
    good(svg, NULL, NULL);
}

static void an_overview_has_every_head(void)
{
    heed_heatmap maps[6];
    const char *const names[] = {"enc.0 & co", "dec.0"};
    double width, height;
    for (int i = 0; i < 6; i++) maps[i] = square(5, NULL);
    maps[5].weights = NULL;
    char *svg = heed_figure_overview("overview", maps, names, 2, 3, NULL);
    CU_ASSERT_EQUAL(count(svg, "<title>head &lt;1&gt;</title>"), 5);
    CU_ASSERT(check_says(svg, ">enc.0 &amp; co</text>"));
    good(svg, &width, &height);
    for (int i = 0; i < 6; i++) maps[i] = square(64, NULL);
    good(heed_figure_overview("overview", maps, names, 2, 3, NULL), &width, &height);
    CU_ASSERT(width < 600 && height < 400);
}

static void curves(void)
{
    enum { N = 5000 };
    static double x[N], y[N];
    for (int i = 0; i < N; i++) {
        x[i] = i + 1;
        y[i] = 4 * exp(-i / 900.0) + (i % 7) * 0.01;
    }
    y[1000] = NAN;
    y[2000] = INFINITY;
    heed_curve two[] = {{"training & more", x, y, N}, {"validation", x + 9, y + 9, 10}}, none = {"none", NULL, NULL, 0};
    heed_plot plots[] = {{"loss", two, 2, false}, {"log", two, 2, true}, {"empty", &none, 1, false}, {"no curve", NULL, 0, true}};
    char *svg = heed_figure_curves("run", "step", plots, 4, NULL);
    CU_ASSERT(check_says(svg, ">training &amp; more</text>"));
    CU_ASSERT(check_says(svg, ">4000</text>"));
    CU_ASSERT(check_says(svg, ">0.1</text>"));
    CU_ASSERT_EQUAL(count(svg, "nothing to show yet"), 2);
    CU_ASSERT_EQUAL(count(svg, "<circle"), 2 * 10); /* few points are marked */
    CU_ASSERT(strlen(svg) < 120000);                /* many are thinned */
    good(svg, NULL, NULL);
    /* one point, a constant, huge and tiny values, negative values on a logarithmic axis */
    double few[] = {7, 7, 7}, huge[] = {-1e300, 0, 1e300}, tiny[] = {1e-300, 2e-300, 3e-300}, negative[] = {-1, -2, -3},
           steps[] = {1, 2, 3};
    double close[] = {1e16, 1e16 + 2, 1e16 + 4}, far_apart[] = {1e-290, 1, 1e290};
    heed_curve cases[] = {{"point", steps, few, 1},   {"constant", steps, few, 3},       {"huge", steps, huge, 3},
                          {"tiny", steps, tiny, 3},   {"negative", steps, negative, 3},  {"huge steps", huge, few, 3},
                          {"close", close, close, 3}, {"far apart", steps, far_apart, 3}};
    for (int i = 0; i < 16; i++) {
        heed_plot p = {"p", &cases[i / 2], 1, i % 2};
        good(heed_figure_curves("case", "step", &p, 1, NULL), NULL, NULL);
    }
    double millions[] = {0, 2.5e6, 1e7};
    heed_curve far = {"far", millions, few, 3};
    heed_plot p = {"p", &far, 1, false};
    svg = heed_figure_curves("case", "step", &p, 1, NULL);
    CU_ASSERT(check_says(svg, ">4M</text>"));
    good(svg, NULL, NULL);
}

static void curves_over_a_logarithmic_axis(void)
{
    double x[] = {0, 16, 64, 256, 1024, 4096}, y[] = {1, 1, 4, 16, 64, 256};
    heed_curve c = {"time", x, y, 6};
    heed_plot p = {"seconds", &c, 1, true};
    char *svg = heed_figure_curves_log("case", "positions", &p, 1, NULL);
    CU_ASSERT_EQUAL(count(svg, "<circle"), 5); /* 0 has no place */
    CU_ASSERT(check_says(svg, "cx=\"66\"") && check_says(svg, "cx=\"249\"") && check_says(svg, "cx=\"432\"") && check_says(svg, "cx=\"798\""));
    CU_ASSERT(check_says(svg, ">100</text>") && check_says(svg, ">1000</text>"));
    good(svg, NULL, NULL);
    good(heed_figure_curves_log("case", "positions", &(heed_plot){"none", &(heed_curve){"c", x, y, 1}, 1, true}, 1, NULL), NULL, NULL);
}

static void arcs_join_tokens(void)
{
    float w[] = {0.9f, 0.1f, 0.01f, NAN, 0.03f, 1.5f}, v[] = {0, 0, 1, 1, 0, 0};
    const char *const rows[] = {"r1", "a&b"}, *const columns[] = {"x", "y", "z"};
    heed_heatmap maps[] = {{"head 1", w, 2, 3, rows, columns}, {"head 2", v, 2, 3, NULL, NULL}};
    heed_arcs panels[] = {{"all & more", maps, 1, -1}, {"one row", maps, 2, 1}};
    double width, height, both;
    char *svg = heed_figure_arcs("arcs", "queries", "keys", panels, 2, NULL);
    CU_ASSERT_EQUAL(count(svg, "stroke-opacity"), 4 + 3); /* from 0.02 on, not NaN; the second panel has one row of both maps */
    CU_ASSERT_EQUAL(count(svg, "stroke-opacity=\"1\""), 3);
    CU_ASSERT_EQUAL(count(svg, "d=\"M35 "), 2);             /* r1 is above x: from there to x and y */
    CU_ASSERT_EQUAL(count(svg, "font-weight=\"600\">a&amp;b</text>"), 1);
    CU_ASSERT_EQUAL(count(svg, ">head 2</text>"), 1);       /* a legend where there are several */
    CU_ASSERT(check_says(svg, "above: queries, below: keys"));
    CU_ASSERT(check_says(svg, "all &amp; more"));
    good(svg, &width, &both);
    good(heed_figure_arcs("arcs", "queries", "keys", panels, 1, NULL), &width, &height);
    CU_ASSERT(both > height && width == 460);
    heed_heatmap many[6];
    for (int i = 0; i < 6; i++) many[i] = maps[0], many[i].title = "layer 1 head 1";
    good(heed_figure_arcs("arcs", "queries", "keys", &(heed_arcs){"a legend of its own", many, 6, 1}, 1, NULL), &width, &both);
    CU_ASSERT(both == height + 36 && width == 460); /* in two lines */
    heed_heatmap strangers = square(STRANGE, strange), none = {NULL, NULL, 0, 0, NULL, NULL};
    good(heed_figure_arcs("a<b", "&", "\"", (heed_arcs[]){{"<t>", &strangers, 1, -1}, {NULL, &none, 1, -1}}, 2, NULL), &width, NULL);
    CU_ASSERT(width > 460);
    const struct { heed_arcs panel; size_t count; const char *says; } bad[] = {
        {{0}, 0, "needs at least one panel"},
        {{"t", maps, 0, -1}, 1, "panel 1 of a picture of arcs has no map"},
        {{"t", maps, 1, 2}, 1, "panel 1 of a picture of arcs asks for row 2 of 2"},
        {{"t", (heed_heatmap[]){maps[0], strangers}, 2, -1}, 1, "map 2 of panel 1 has 20 rows and 20 columns, the first one 2 and 3"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        heed_error e = {0};
        CU_ASSERT_PTR_NULL(heed_figure_arcs("t", "r", "c", &bad[i].panel, bad[i].count, &e));
        CU_ASSERT(check_says(e.message, bad[i].says));
    }
}

static void trees_are_drawn(void)
{
    static const char text[] = "(S (NP (D the) (N <dog>)) (VP (V barks)) (. .)) (S (NP (D the)) (VP (N <dog>) (V barks)) (. .)) (X (Y y))";
    heed_treebank *b = heed_treebank_parse("trees", text, strlen(text), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    const heed_tree *trees[] = {heed_treebank_at(b, 0), heed_treebank_at(b, 1)}, *small = heed_treebank_at(b, 2);
    double width, height, one;
    char *svg = heed_figure_trees("trees", trees, (const char *[]){"right", "given & taken"}, 2, NULL);
    CU_ASSERT_EQUAL(count(svg, "class=\"other\""), 2); /* NP and VP of the second */
    CU_ASSERT_EQUAL(count(svg, "&lt;dog&gt;</text>"), 2);
    CU_ASSERT_EQUAL(count(svg, "<path class=\"frame\""), 2 * 6);
    CU_ASSERT(check_says(svg, "given &amp; taken"));
    good(svg, &width, &height);
    good(heed_figure_trees("trees", &small, (const char *[]){"small"}, 1, NULL), &width, &one);
    CU_ASSERT(one < height);
    heed_error e = {0};
    CU_ASSERT_PTR_NULL(heed_figure_trees("trees", NULL, NULL, 0, &e));
    CU_ASSERT(check_says(e.message, "needs at least one"));
    char *many = malloc(401 * 6 + 8), *p = many + sprintf(many, "(S");
    for (int i = 0; i < 401; i++) p += sprintf(p, " (A a)");
    strcpy(p, ")");
    heed_treebank *large = heed_treebank_parse("trees", many, strlen(many), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(large);
    trees[1] = heed_treebank_at(large, 0);
    e = (heed_error){0};
    CU_ASSERT_PTR_NULL(heed_figure_trees("trees", trees, (const char *[]){"", ""}, 2, &e));
    CU_ASSERT(check_says(e.message, "tree 2 has 401 words; a picture has room for 400"));
    heed_treebank_free(large);
    heed_treebank_free(b);
    free(many);
}

static void the_same_input_gives_the_same_bytes(void)
{
    heed_heatmap m = square(STRANGE, strange);
    char *first = heed_figure_heatmaps("t", "rows", "columns", &m, 1, NULL);
    setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed: a decimal comma */
    char *second = heed_figure_heatmaps("t", "rows", "columns", &m, 1, NULL);
    setlocale(LC_ALL, "C");
    CU_ASSERT_STRING_EQUAL(first, second);
    heed_free(first);
    heed_free(second);
}

static char folder[] = "/tmp/heed-figure-XXXXXX";

static const char *saved(const char *name, const heed_picture *pictures, size_t n, heed_code code)
{
    static heed_error e;
    char path[256];
    e = (heed_error){0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CU_ASSERT_EQUAL(heed_figure_save(path, "A & B", pictures, n, &e), code);
    CU_ASSERT_EQUAL(e.code, code);
    return e.message;
}

static void files(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    heed_heatmap m = square(3, NULL);
    char *svg = heed_figure_heatmaps("t", "rows", "columns", &m, 1, NULL), path[256], text[32768];
    const heed_picture two[] = {{svg, "one < two"}, {svg, NULL}};
    saved("a.svg", two, 1, HEED_OK);
    saved("a.html", two, 2, HEED_OK);
    snprintf(path, sizeof path, "%s/a.html", folder);
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    CU_ASSERT(check_says(text, "<title>A &amp; B</title>"));
    CU_ASSERT(check_says(text, "<figcaption>one &lt; two</figcaption>"));
    CU_ASSERT_EQUAL(count(text, "<svg "), 2);
    CU_ASSERT(!strstr(text, "src=") && !strstr(text, "href=") && !strstr(text, "url(")); /* needs nothing else */
    CU_ASSERT(check_says(saved("a.svg", two, 2, HEED_INVALID), "a.svg: a .svg file holds one picture, there are 2"));
    CU_ASSERT(check_says(saved("a.png", two, 1, HEED_INVALID), "a.png: a picture's file name ends in .svg or .html"));
    CU_ASSERT(check_says(saved("none/a.svg", two, 1, HEED_IO), "none/a.svg"));
    snprintf(path, sizeof path, "%s/b.svg", folder);
    mkdir(path, 0777);
    CU_ASSERT(check_says(saved("b.svg", two, 1, HEED_IO), "cannot write "));
    rmdir(path);
    const char *const names[] = {"a.svg", "a.html"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0); /* no temporary file was left */
    heed_free(svg);
}

static void bad_input_is_told(void)
{
    heed_error e = {0};
    heed_heatmap m = {"h", NULL, 2, 2, NULL, NULL};
    CU_ASSERT_PTR_NULL(heed_figure_heatmaps("t", "r", "c", &m, 1, &e));
    CU_ASSERT(check_says(e.message, "heat map 1 has no weights"));
    e = (heed_error){0};
    m = (heed_heatmap){"h", weights, -1, 2000, NULL, NULL};
    CU_ASSERT_PTR_NULL(heed_figure_overview("t", &m, (const char *const[]){"l"}, 1, 1, &e));
    CU_ASSERT(check_says(e.message, "heat map 1 has -1 rows and 2000 columns; it may have up to 1024 of each"));
    e = (heed_error){0};
    CU_ASSERT_PTR_NULL(heed_figure_overview("t", &m, NULL, SIZE_MAX, 2, &e));
    CU_ASSERT(check_says(e.message, "layers of 2 heads cannot be"));
    e = (heed_error){0};
    CU_ASSERT_PTR_NULL(heed_figure_heatmaps("t", "r", "c", NULL, 0, &e));
    CU_ASSERT(check_says(e.message, "needs at least one map"));
    e = (heed_error){0};
    CU_ASSERT_PTR_NULL(heed_figure_curves("t", "step", NULL, 0, &e));
    CU_ASSERT(check_says(e.message, "needs at least one plot"));
}

static bool draws(void *unused)
{
    (void)unused;
    heed_error e = {0};
    double x[] = {1, 2}, y[] = {3, 4};
    heed_heatmap m = square(2, strange);
    heed_curve c = {"c", x, y, 2};
    heed_plot p = {"p", &c, 1, false};
    char *a = heed_figure_heatmaps("t", "r", "c", &m, 1, &e), *b = heed_figure_curves("t", "step", &p, 1, &e);
    heed_tree_node nodes[] = {{"S", NULL, SIZE_MAX, 0, 1}, {"N", "dog", 0, 0, 1}};
    const heed_tree tree = {nodes, 2, 1, 1}, *trees[] = {&tree};
    char *t = heed_figure_trees("t", trees, strange, 1, &e);
    char *o = heed_figure_overview("t", &m, strange, 1, 1, &e),
         *arcs = heed_figure_arcs("t", "r", "c", &(heed_arcs){"t", &m, 1, -1}, 1, &e);
    if (a) heed_figure_save("/tmp/heed-figure.html", "t", &(heed_picture){a, "caption"}, 1, &e);
    unlink("/tmp/heed-figure.html");
    CU_ASSERT(e.code == HEED_OK || e.code == HEED_NO_MEMORY);
    heed_free(a);
    heed_free(b);
    heed_free(o);
    heed_free(arcs);
    heed_free(t);
    return !e.code;
}

/* Below 0 blue, 0 white, above red; without negative values the colours of weights. Values are told as they are. */
static void values_may_be_negative(void)
{
    const float w[] = {-2.5f, 0, 1, NAN}, positive[] = {0, 250, 1, 2};
    heed_heatmap m = {"m", w, 2, 2, NULL, NULL};
    char *svg = heed_figure_values("t", "r", "c", "height", &m, 1, NULL);
    CU_ASSERT(check_says(svg, ">height</text>"));
    CU_ASSERT(check_says(svg, ">-2.5</text>"));
    CU_ASSERT(check_says(svg, ">2.5</text>"));
    CU_ASSERT(check_says(svg, "#2166ac"));
    CU_ASSERT(check_says(svg, "<path fill=\"#f7f7f7\""));
    CU_ASSERT(check_says(svg, "1: 2 0, 1 -2.5"));
    CU_ASSERT(check_says(svg, "class=\"void\""));
    good(svg, NULL, NULL);
    m.weights = positive;
    svg = heed_figure_values("t", "r", "c", "height", &m, 1, NULL);
    CU_ASSERT(check_says(svg, ">250</text>"));
    CU_ASSERT(check_says(svg, "#fde725"));
    CU_ASSERT(!strstr(svg, "#2166ac"));
    good(svg, NULL, NULL);
}

/* A legend that does not fit beside the title has lines of its own, and the picture grows by them. */
static void long_legends_wrap(void)
{
    static const char *const names[] = {"a curve of a long name", "another one of a long name", "a third one of a long name", "a fourth curve",
                                        "a fifth curve of a name", "a sixth curve of a name"};
    const double x[] = {1, 2}, y[] = {1, 3};
    heed_curve curves[6];
    for (int i = 0; i < 6; i++) curves[i] = (heed_curve){names[i], x, y, 2};
    double one, two;
    good(heed_figure_curves("t", "x", &(heed_plot){"title", curves, 2, false}, 1, NULL), NULL, &one);
    char *svg = heed_figure_curves("t", "x", &(heed_plot){"title", curves, 6, false}, 1, NULL);
    for (int i = 0; i < 6; i++) CU_ASSERT(check_says(svg, names[i]));
    good(svg, NULL, &two);
    CU_ASSERT(two >= one + 36);
}

static void refused_memory_is_an_error(void) { CU_ASSERT(check_refusals(draws, NULL) > 10); }

CHECK_MAIN("figures", {"any label makes a sound picture", any_label_makes_a_sound_picture},
           {"sizes follow the tokens", sizes_follow_the_tokens}, {"weights become colours", weights_become_colours},
           {"an overview has every head", an_overview_has_every_head}, {"curves", curves},
           {"curves over a logarithmic axis", curves_over_a_logarithmic_axis}, {"arcs join tokens", arcs_join_tokens},
           {"trees are drawn", trees_are_drawn},
           {"the same input gives the same bytes", the_same_input_gives_the_same_bytes}, {"files", files},
           {"values may be negative", values_may_be_negative}, {"long legends wrap", long_legends_wrap},
           {"bad input is told", bad_input_is_told}, {"refused memory is an error", refused_memory_is_an_error})
