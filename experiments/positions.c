/* What makes a good positional encoding, measured for the sinusoidal one, for a learned one and for none. */
#include "experiments/learn.h"
#include "experiments/list.h"

#include <math.h>
#include <string.h>

static const char see[] =
    "The sinusoidal encoding of \"Attention Is All You Need\" (section 3.5), a learned one and none are put to the test on what a good "
    "encoding should be: unique (no two positions alike), consistent (the product PE(p).PE(p+k) depends on the distance k alone, and one "
    "matrix M_k leads from PE(p) to PE(p+k), whatever p), bounded, deterministic (another seed gives the same) and generalising. For "
    "the last, a small Transformer encoder learns to tell the symbol before each symbol in sequences of up to L symbols, and is tested in "
    "longer ones. See that only the sinusoidal curves of different p lie on each other, that its M_k is exact up to rounding while the "
    "learned one has none, that without positions nothing is learned, and that the learned encoding falls to chance where its training "
    "ended, while the sinusoidal one fades.";

enum { D = 32, L = 64, LONGEST = 3 * L, SYMBOLS = 16, ROWS = 32, FURTHEST = 16, LENGTHS = 6, TEST_ROWS = 64, BUCKET = 8, BUCKETS = LONGEST / BUCKET };

/* --- the model: tells at every position which symbol stands before it ------------------------------------------------------- */

typedef struct model {
    heed_embed embed;
    heed_positions positions;
    heed_encoder_layer layer;
    heed_dense out;
    heed_random draws;
    int32_t *symbols, *before; /* [ROWS or TEST_ROWS, up to LONGEST] */
    int64_t rows, steps;
} model;

static void init(model *m, heed_params *ps, heed_position_kind kind)
{
    heed_layer_config c = {.d = D, .heads = 2, .dk = D / 2, .dv = D / 2, .ff = 2 * D, .pre_norm = true};
    heed_embed_init(&m->embed, ps, "embed", SYMBOLS, D);
    heed_positions_init(&m->positions, ps, "positions", kind, LONGEST, D);
    heed_encoder_layer_init(&m->layer, ps, &c);
    heed_dense_init(&m->out, ps, "out", D, SYMBOLS, true);
}

static heed_tensor *logits(heed_graph *g, const model *m)
{
    heed_tensor *ids = heed_input(g, HEED_I32, 2, (int64_t[]){m->rows, m->steps}, m->symbols);
    heed_tensor *x = heed_scale(g, heed_embed_apply(g, &m->embed, ids), sqrt(D));
    x = heed_positions_apply(g, &m->positions, x, 0);
    return heed_dense_apply(g, &m->out, heed_encoder_layer_apply(g, &m->layer, x, (heed_mask){0}));
}

static void draw(model *m, int64_t rows, int64_t steps)
{
    m->rows = rows;
    m->steps = steps;
    for (int64_t i = 0; i < rows * steps; i++) {
        m->before[i] = i % steps ? m->symbols[i - 1] : -1; /* nothing stands before the first */
        m->symbols[i] = (int32_t)heed_random_below(&m->draws, SYMBOLS);
    }
}

static heed_tensor *loss(heed_graph *g, void *context, int64_t step)
{
    model *m = context;
    m->draws = (heed_random){m->draws.seed, 1, (uint64_t)step << 20};
    draw(m, ROWS, L / 2 + (int64_t)heed_random_below(&m->draws, L / 2 + 1));
    heed_tensor *targets = heed_input(g, HEED_I32, 2, (int64_t[]){m->rows, m->steps}, m->before);
    return heed_cross_entropy(g, logits(g, m), targets, -1, 0, HEED_MEAN);
}

/* Share of right answers in sequences of one length, and of BUCKET positions each in `by_position` (or NULL). */
static double accuracy(lab *l, model *m, int64_t length, double *by_position)
{
    heed_graph *g = lab_graph(l);
    heed_graph_reset(g);
    m->draws = (heed_random){m->draws.seed, 2, (uint64_t)length << 20};
    draw(m, TEST_ROWS, length);
    const int32_t *said = heed_data(g, heed_argmax(g, logits(g, m), -1, false));
    if (!lab_check(l, heed_graph_error(g))) return NAN;
    heed_accuracy all = {0};
    for (int64_t p = 0; p < length; p += BUCKET) {
        heed_accuracy part = {0};
        for (int64_t r = 0; r < m->rows; r++) heed_accuracy_add(&part, said + r * length + p, m->before + r * length + p, BUCKET, -1);
        all.tokens += part.tokens;
        all.right_tokens += part.right_tokens;
        if (by_position) by_position[p / BUCKET] = heed_token_accuracy(&part);
    }
    return heed_token_accuracy(&all);
}

/* --- the criteria ----------------------------------------------------------------------------------------------------------- */

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < D; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static double least_distance(const float *pe, int count)
{
    double least = INFINITY;
    for (int p = 0; p < count; p++)
        for (int q = 0; q < p; q++) {
            double square = 0;
            for (int i = 0; i < D; i++) square += pow((double)pe[p * D + i] - (double)pe[q * D + i], 2);
            least = fmin(least, sqrt(square));
        }
    return least;
}

/* How much PE(p).PE(p+k) differs between positions p, at the worst k, compared with the mean of PE(p).PE(p). */
static double spread(const float *pe, int count)
{
    double worst = 0, norm = 0;
    for (int p = 0; p < count; p++) norm += dot(pe + p * D, pe + p * D) / count;
    for (int k = 0; k < count / 2; k++) {
        double low = INFINITY, high = -INFINITY;
        for (int p = 0; p + k < count; p++) {
            double v = dot(pe + p * D, pe + (p + k) * D);
            low = fmin(low, v);
            high = fmax(high, v);
        }
        worst = fmax(worst, high - low);
    }
    return norm > 0 ? worst / norm : 0;
}

enum { MOST_ROWS = L };

static double column_dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Takes from v [n] what lies in the span of the orthonormal q[0..rank), twice for rounding's sake (Daniel et al. 1976). */
static void project_out(double *v, double (*q)[MOST_ROWS], int rank, int n)
{
    for (int twice = 0; twice < 2; twice++)
        for (int j = 0; j < rank; j++) {
            double part = column_dot(v, q[j], n);
            for (int i = 0; i < n; i++) v[i] -= part * q[j][i];
        }
}

/* The largest element of PE(p+k) - M PE(p) for the matrix M that is best in the sense of least squares over all p: what of the columns of
 * PE(p+k) lies outside the span of the columns of PE(p). */
static double map_error(const float *pe, int count, int k)
{
    double q[D][MOST_ROWS], v[MOST_ROWS], worst = 0;
    int n = count - k, rank = 0;
    for (int j = 0; j < D; j++) {
        for (int i = 0; i < n; i++) v[i] = (double)pe[i * D + j];
        double before = sqrt(column_dot(v, v, n));
        project_out(v, q, rank, n);
        double after = sqrt(column_dot(v, v, n));
        if (!(after > 1e-12 * before)) continue;
        for (int i = 0; i < n; i++) q[rank][i] = v[i] / after;
        rank++;
    }
    for (int j = 0; j < D; j++) {
        for (int i = 0; i < n; i++) v[i] = (double)pe[(i + k) * D + j];
        project_out(v, q, rank, n);
        for (int i = 0; i < n; i++) worst = fmax(worst, fabs(v[i]));
    }
    return worst;
}

static void measure(lab *l, const float *pe)
{
    double error = 0, largest = 0;
    for (int k = 1; k <= FURTHEST; k++) error = fmax(error, map_error(pe, L, k));
    for (int i = 0; i < LONGEST * D; i++) largest = fmax(largest, fabs((double)pe[i]));
    lab_put(l, "least_distance", least_distance(pe, L));
    lab_put(l, "spread", spread(pe, L));
    lab_put(l, "map_error", error);
    lab_put(l, "largest", largest);
    lab_put_floats(l, "encoding", 2, (int64_t[]){LONGEST, D}, pe);
}

/* --- an encoding ------------------------------------------------------------------------------------------------------------ */

/* What the model adds at positions 0 ... LONGEST - 1. */
static const float *encoding(lab *l, const model *m)
{
    heed_graph *g = lab_graph(l);
    heed_graph_reset(g);
    heed_tensor *nothing = heed_full(g, HEED_F32, 3, (int64_t[]){1, LONGEST, D}, 0);
    const float *pe = heed_data(g, heed_positions_apply(g, &m->positions, nothing, 0));
    return lab_check(l, heed_graph_error(g)) ? pe : NULL;
}

static void work(lab *l, heed_position_kind kind, uint64_t seed)
{
    heed_params *ps = heed_params_new(seed);
    model m = {.draws = {.seed = seed}};
    m.symbols = lab_alloc(l, TEST_ROWS * LONGEST, sizeof *m.symbols);
    m.before = lab_alloc(l, TEST_ROWS * LONGEST, sizeof *m.before);
    init(&m, ps, kind);
    learn t = {.name = "positions", .params = ps, .loss = loss, .context = &m, .steps = lab_quick(l) ? 300 : 1500,
               .schedule = {.kind = HEED_SCHEDULE_COSINE, .lr = 3e-3, .warmup = 50}};
    if (lab_check(l, heed_params_error(ps)) && learn_run(l, &t)) {
        double lengths[LENGTHS], right[LENGTHS], places[BUCKETS], by_position[BUCKETS], beyond = 0;
        for (int i = 0; i < LENGTHS; i++) {
            lengths[i] = (i + 1) * L / 2.0;
            right[i] = accuracy(l, &m, (int64_t)lengths[i], i == LENGTHS - 1 ? by_position : NULL);
        }
        for (int i = 0; i < BUCKETS; i++) {
            places[i] = BUCKET * (i + 0.5);
            if (i >= L / BUCKET) beyond += by_position[i] / (BUCKETS - L / BUCKET);
        }
        const float *pe = encoding(l, &m);
        if (pe) measure(l, pe);
        lab_put_array(l, "length", 1, (int64_t[]){LENGTHS}, lengths);
        lab_put_array(l, "accuracy", 1, (int64_t[]){LENGTHS}, right);
        lab_put(l, "accuracy_L", right[1]);
        lab_put_array(l, "place", 1, (int64_t[]){BUCKETS}, places);
        lab_put_array(l, "by_position", 1, (int64_t[]){BUCKETS}, by_position);
        lab_put(l, "accuracy_3L", right[LENGTHS - 1]);
        lab_put(l, "beyond", beyond);
        lab_put(l, "steps", (double)t.done);
    }
    heed_params_free(ps);
}

/* --- pictures --------------------------------------------------------------------------------------------------------------- */

static char *draw_products(lab *l, const char *const *pieces, int count)
{
    enum { STARTS = 4, MOST = 3 };
    static const int starts[STARTS] = {0, 8, 16, 32};
    static const char *const names[STARTS] = {"p = 0", "p = 8", "p = 16", "p = 32"};
    static double k[L / 2], y[MOST][STARTS][L / 2];
    heed_curve curves[MOST][STARTS];
    heed_plot plots[MOST];
    int64_t shape[2];
    for (int i = 0; i < L / 2; i++) k[i] = i;
    for (int i = 0; i < count; i++) {
        const float *pe = lab_floats(l, pieces[i], "encoding", 2, shape);
        for (int s = 0; s < STARTS; s++) {
            for (int j = 0; pe && j < L / 2; j++) y[i][s][j] = dot(pe + starts[s] * D, pe + (starts[s] + j) * D);
            curves[i][s] = (heed_curve){names[s], k, y[i][s], pe ? L / 2 : 0};
        }
        plots[i] = (heed_plot){lab_text(l, "PE(p).PE(p+k), %s", pieces[i]), curves[i], STARTS, false};
    }
    return heed_figure_curves("How alike are positions at a distance?", "distance k", plots, (size_t)count, lab_error(l));
}

static char *draw_accuracy(lab *l, const char *const *pieces, int count)
{
    heed_curve curves[2][4];
    int64_t n = 0;
    for (int i = 0; i < count; i++) {
        const double *x = lab_array(l, pieces[i], "length", 1, &n), *y = lab_array(l, pieces[i], "accuracy", 1, &n);
        curves[0][i] = (heed_curve){pieces[i], x, y, (size_t)n};
        x = lab_array(l, pieces[i], "place", 1, &n);
        y = lab_array(l, pieces[i], "by_position", 1, &n);
        curves[1][i] = (heed_curve){pieces[i], x, y, (size_t)n};
    }
    heed_plot plots[] = {{"right answers in sequences of a length", curves[0], (size_t)count, false},
                         {lab_text(l, "right answers at a position, in sequences of %d", LONGEST), curves[1], (size_t)count, false}};
    return heed_figure_curves(lab_text(l, "Trained on lengths up to %d", L), "length; position", plots, 2, lab_error(l));
}

/* The sinusoidal encoding at a usual width. */
static char *draw_sinusoid(lab *l)
{
    enum { WIDE = 128 };
    heed_graph *g = lab_graph(l);
    heed_graph_reset(g);
    const float *wide = heed_data(g, heed_sinusoid(g, HEED_F32, 0, L, WIDE));
    if (!lab_check(l, heed_graph_error(g))) return NULL;
    return heed_figure_values("The sinusoidal encoding", lab_text(l, "positions 0 to %d", L - 1), lab_text(l, "%d dimensions", WIDE), "PE",
                              &(heed_heatmap){NULL, wide, L, WIDE, NULL, NULL}, 1, lab_error(l));
}

/* The encodings that the models had. */
static char *draw_maps(lab *l, const char *const *pieces, int count)
{
    enum { MOST = 2 };
    heed_heatmap maps[MOST] = {{0}};
    int64_t shape[2];
    for (int i = 0; i < count && i < MOST; i++)
        maps[i] = (heed_heatmap){pieces[i], lab_floats(l, pieces[i], "encoding", 2, shape), L, D, NULL, NULL};
    return heed_figure_values("The encodings of the models", lab_text(l, "positions 0 to %d", L - 1), lab_text(l, "%d dimensions", D), "PE", maps,
                              (size_t)count, lab_error(l));
}

static void run(lab *l)
{
    static const struct { const char *name; heed_position_kind kind; int other; } list[] = {
        {"sinusoidal", HEED_POSITIONS_SINUSOIDAL, 0}, {"learned", HEED_POSITIONS_LEARNED, 0}, {"none", HEED_POSITIONS_NONE, 0},
        {"sinusoidal, another seed", HEED_POSITIONS_SINUSOIDAL, 1}, {"learned, another seed", HEED_POSITIONS_LEARNED, 1},
        {"none, another seed", HEED_POSITIONS_NONE, 1}};
    enum { PIECES = sizeof list / sizeof *list, KINDS = 3 };
    lab_plan(l, PIECES);
    for (int i = 0; i < PIECES; i++)
        if (lab_begin(l, 1, list[i].name)) {
            work(l, list[i].kind, lab_seed(l) + (uint64_t)list[i].other);
            lab_end(l);
        }
    if (!lab_ok(l)) return;

    static const heed_table_column columns[] = {
        {"least_distance", "least distance", -3}, {"spread", "spread of products", -2}, {"map_error", "error of M_k", -2},
        {"largest", "largest", -3}, {"change", "change by seed", -2},
        {"accuracy_L", "right at L", 3}, {"accuracy_3L", "at 3L", 3}, {"beyond", "beyond L", 3},
        {"steps", "steps", 0}, {"seconds", "seconds", 1}};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    const char *names[KINDS];
    double values[KINDS * COLUMNS];
    for (int r = 0; r < KINDS; r++) {
        int64_t shape[2];
        names[r] = list[r].name;
        for (int c = 0; c < COLUMNS; c++) values[r * COLUMNS + c] = lab_get(l, names[r], columns[c].key);
        const float *a = lab_floats(l, names[r], "encoding", 2, shape), *b = lab_floats(l, list[r + KINDS].name, "encoding", 2, shape);
        double change = 0;
        for (int i = 0; a && b && i < L * D; i++) change = fmax(change, fabs((double)a[i] - (double)b[i]));
        values[r * COLUMNS + 4] = change;
    }
    lab_table(l, "criteria", &(heed_table){"Criteria of a positional encoding", "encoding", columns, COLUMNS, names, values, KINDS});
    lab_picture(l, "sinusoid", "Each row is a position. The sinusoids turn more slowly from one pair of dimensions to the next.", draw_sinusoid(l));
    lab_picture(l, "maps", "A learned encoding has no order that the eye can see.",
                draw_maps(l, names, 2));
    lab_picture(l, "products", "The product of two positions' encodings against their distance, from different positions on.",
                draw_products(l, names, 2));
    lab_picture(l, "lengths", "Each curve is a model that was trained on sequences of up to 64 symbols; beyond, the learned positions were never trained.",
                draw_accuracy(l, names, KINDS));
}

const lab_experiment lab_positions = {
    .name = "positions", .title = "what makes a good positional encoding", .see = see, .run = run};
