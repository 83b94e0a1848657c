/* Queries, keys and values as retrieval, and why the scores are scaled (section 3.2.1 of "Attention Is All You Need"). */
#include "experiments/learn.h"
#include "experiments/list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char see[] =
    "Attention is retrieval: a query is compared with every key by q.k, and the softmax of these scores mixes the values. First, queries "
    "and keys are drawn with unit variance: the variance of q.k is then d_k, so that for large d_k the softmax of unscaled scores is all "
    "but one-hot, its entropy near 0, and hardly any gradient passes through it; divided by sqrt(d_k) the variance is 1 and the entropy "
    "stays, whatever d_k. Then one head learns to look up entries: it is shown pairs of a key and a value, drawn anew each time, and a "
    "key to answer with its value. See in the maps that every query finds its key, and in the curves that with scaling the head learns "
    "at every d_k, while without it large d_k learns late or not at all.";

/* --- random queries and keys ------------------------------------------------------------------------------------------------ */

enum { QUERIES = 256, KEYS = 64 };
static const int widths[] = {4, 8, 16, 32, 64, 128, 256, 512, 1024};
enum { WIDTHS = sizeof widths / sizeof *widths };

static heed_tensor *normals(lab *l, uint64_t stream, int64_t rows, int64_t columns)
{
    float *x = lab_alloc(l, (size_t)(rows * columns), sizeof *x);
    heed_random r = {lab_seed(l), stream, 0};
    for (int64_t i = 0; x && i < rows * columns; i++) x[i] = (float)heed_random_normal(&r);
    return heed_input(lab_graph(l), HEED_F32, 2, (int64_t[]){rows, columns}, x);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of scores [QUERIES, KEYS]: their variance; the mean entropy of their softmax a, in nats; and how much of a gradient passes through it: the
 * median over queries of the norm of da/ds, where da_i/ds_j = a_i (1 if i = j, else 0) - a_i a_j, so that the sum of its squares is
 * sum a^2 (1 - a)^2 + (sum a^2)^2 - sum a^4. */
static void measure(lab *l, heed_tensor *scores, double *variance, double *entropy, double *passes)
{
    heed_graph *g = lab_graph(l);
    heed_tensor *log_a = heed_log_softmax(g, scores, -1), *a = heed_exp(g, log_a), *square = heed_square(g, a);
    heed_tensor *h = heed_mean(g, heed_neg(g, heed_sum(g, heed_mul(g, a, log_a), HEED_LAST, false)), HEED_ALL, false);
    heed_tensor *own = heed_sum(g, heed_square(g, heed_mul(g, a, heed_sub(g, heed_scalar(g, HEED_F32, 1), a))), HEED_LAST, false);
    heed_tensor *others = heed_sub(g, heed_square(g, heed_sum(g, square, HEED_LAST, false)), heed_sum(g, heed_square(g, square), HEED_LAST, false));
    heed_tensor *targets[] = {heed_var(g, scores, HEED_ALL, false, 0), h, heed_add(g, own, others)};
    heed_run(g, 3, targets);
    *variance = heed_item(g, targets[0]);
    *entropy = heed_item(g, targets[1]);
    const float *norms = heed_data(g, targets[2]);
    if (!lab_check(l, heed_graph_error(g))) return;
    float sorted[QUERIES];
    memcpy(sorted, norms, sizeof sorted);
    qsort(sorted, QUERIES, sizeof *sorted, ascending);
    *passes = sqrt(fmax(0, (double)sorted[QUERIES / 2]));
}

static void draw_scores(lab *l)
{
    static const char *const keys[2][3] = {{"variance", "entropy", "gradient"}, {"scaled_variance", "scaled_entropy", "scaled_gradient"}};
    double values[2][3][WIDTHS], x[WIDTHS];
    for (int i = 0; i < WIDTHS && lab_ok(l); i++) {
        heed_graph *g = lab_graph(l);
        heed_graph_reset(g);
        x[i] = widths[i];
        heed_tensor *q = normals(l, 1, QUERIES, widths[i]), *k = normals(l, 2, KEYS, widths[i]);
        heed_tensor *scores = heed_matmul(g, q, heed_transpose(g, k, 0, 1));
        for (int s = 0; s < 2; s++)
            measure(l, s ? heed_scale(g, scores, 1 / sqrt(widths[i])) : scores, &values[s][0][i], &values[s][1][i], &values[s][2][i]);
    }
    lab_put_array(l, "width", 1, (int64_t[]){WIDTHS}, x);
    for (int s = 0; s < 2; s++)
        for (int v = 0; v < 3; v++) lab_put_array(l, keys[s][v], 1, (int64_t[]){WIDTHS}, values[s][v]);
}

static void show_scores(lab *l)
{
    static const char *const keys[2][3] = {{"variance", "entropy", "gradient"}, {"scaled_variance", "scaled_entropy", "scaled_gradient"}};
    int64_t n = 0;
    const double *x = lab_array(l, "scores", "width", 1, &n), *y[2][3];
    for (int s = 0; s < 2; s++)
        for (int v = 0; v < 3; v++) y[s][v] = lab_array(l, "scores", keys[s][v], 1, &n);
    if (!lab_ok(l) || !x) return;
    static const heed_table_column columns[] = {
        {"variance", "variance of q.k", -3}, {"scaled_variance", "of q.k / sqrt(d_k)", -3}, {"entropy", "entropy (nats)", 3},
        {"scaled_entropy", "scaled", 3}, {"gradient", "gradient passed", -3}, {"scaled_gradient", "scaled", -3}};
    static const int order[6][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {0, 2}, {1, 2}};
    const char *names[WIDTHS];
    double values[WIDTHS * 6], even[WIDTHS];
    for (int i = 0; i < WIDTHS; i++) {
        names[i] = lab_text(l, "%.0f", x[i]);
        even[i] = log(KEYS);
        for (int c = 0; c < 6; c++) values[i * 6 + c] = y[order[c][0]][order[c][1]][i];
    }
    lab_table(l, "scores", &(heed_table){lab_text(l, "%d queries and %d keys of unit variance", QUERIES, KEYS), "d_k", columns, 6, names, values,
                                         WIDTHS});
    heed_curve variance[] = {{"q.k", x, y[0][0], WIDTHS}, {"q.k / sqrt(d_k)", x, y[1][0], WIDTHS}, {"d_k", x, x, WIDTHS}};
    heed_curve entropy[] = {{"q.k", x, y[0][1], WIDTHS}, {"q.k / sqrt(d_k)", x, y[1][1], WIDTHS},
                            {lab_text(l, "log %d: all weights equal", KEYS), x, even, WIDTHS}};
    heed_curve gradient[] = {{"q.k", x, y[0][2], WIDTHS}, {"q.k / sqrt(d_k)", x, y[1][2], WIDTHS}};
    heed_plot plots[] = {{"variance of the scores", variance, 3, true}, {"entropy of their softmax (nats)", entropy, 3, false},
                         {"gradient that passes it: norm of da/ds (median of queries)", gradient, 2, true}};
    lab_picture(l, "scores", "Unscaled scores grow with d_k and close the softmax: nearly all weight is on one key, and little gradient comes through.",
                heed_figure_curves_log("Why the scores are scaled", "d_k", plots, 3, lab_error(l)));
}

/* --- one head learns to look up --------------------------------------------------------------------------------------------- */

enum { WIDTH = 64, WORDS = 64, VALUES = 16, PAIRS = 16, BATCH = 32, LOOKS = 50 };

typedef struct head {
    heed_embed query, key, value;
    heed_param *w_query, *w_key;
    heed_dense w_value, out;
    int64_t dk;
    bool scaled;
    heed_random draws;
    int32_t keys[BATCH * PAIRS], values[BATCH * PAIRS], asked[BATCH * PAIRS], answers[BATCH * PAIRS]; /* every key is asked for */
    double step[LOOKS], accuracy[LOOKS];
    int points;
} head;

static void init(head *m, heed_params *ps)
{
    heed_init unit = HEED_NORMAL(0, 1 / sqrt(WIDTH)); /* elements of queries and keys have unit variance */
    heed_embed_init(&m->query, ps, "query", WORDS, WIDTH);
    heed_embed_init(&m->key, ps, "key", WORDS, WIDTH);
    heed_embed_init(&m->value, ps, "value", VALUES, WIDTH);
    m->w_query = heed_param_new(ps, "w_query", HEED_F32, 2, (int64_t[]){WIDTH, m->dk}, unit);
    m->w_key = heed_param_new(ps, "w_key", HEED_F32, 2, (int64_t[]){WIDTH, m->dk}, unit);
    heed_dense_init(&m->w_value, ps, "w_value", WIDTH, WIDTH, false);
    heed_dense_init(&m->out, ps, "out", WIDTH, VALUES, true);
}

/* Different keys for a row, with values, all asked for in another order. */
static void draw_pairs(head *m, uint64_t part, int64_t step)
{
    m->draws = (heed_random){m->draws.seed, part, (uint64_t)step << 24};
    for (int b = 0; b < BATCH; b++) {
        int64_t words[WORDS], places[PAIRS];
        for (int i = 0; i < WORDS; i++) words[i] = i;
        for (int i = 0; i < PAIRS; i++) places[i] = i;
        heed_shuffle(&m->draws, WORDS, words);
        heed_shuffle(&m->draws, PAIRS, places);
        for (int i = 0; i < PAIRS; i++) {
            m->keys[b * PAIRS + i] = (int32_t)words[i];
            m->values[b * PAIRS + i] = (int32_t)heed_random_below(&m->draws, VALUES);
        }
        for (int i = 0; i < PAIRS; i++) {
            m->asked[b * PAIRS + i] = m->keys[b * PAIRS + places[i]];
            m->answers[b * PAIRS + i] = m->values[b * PAIRS + places[i]];
        }
    }
}

/* softmax(q k^T (/ sqrt(d_k))) v, and what it says */
static heed_tensor *logits(heed_graph *g, const head *m, heed_tensor **weights)
{
    int64_t shape[] = {BATCH, PAIRS};
    heed_tensor *asked = heed_embed_apply(g, &m->query, heed_input(g, HEED_I32, 2, shape, m->asked));
    heed_tensor *keys = heed_embed_apply(g, &m->key, heed_input(g, HEED_I32, 2, shape, m->keys));
    heed_tensor *values = heed_embed_apply(g, &m->value, heed_input(g, HEED_I32, 2, shape, m->values));
    heed_tensor *q = heed_matmul(g, heed_scale(g, asked, sqrt(WIDTH)), heed_use(g, m->w_query));
    heed_tensor *k = heed_matmul(g, heed_scale(g, keys, sqrt(WIDTH)), heed_use(g, m->w_key));
    heed_tensor *v = heed_dense_apply(g, &m->w_value, heed_scale(g, values, sqrt(WIDTH)));
    heed_tensor *scores = heed_scale(g, heed_matmul(g, q, heed_transpose(g, k, 1, 2)), m->scaled ? 1 / sqrt((double)m->dk) : 1);
    heed_tensor *a = heed_softmax(g, scores, -1);
    if (weights) *weights = a;
    return heed_dense_apply(g, &m->out, heed_matmul(g, a, v));
}

static heed_tensor *loss(heed_graph *g, void *context, int64_t step)
{
    head *m = context;
    draw_pairs(m, 1, step);
    heed_tensor *answers = heed_input(g, HEED_I32, 2, (int64_t[]){BATCH, PAIRS}, m->answers);
    return heed_cross_entropy(g, logits(g, m, NULL), answers, -1, 0, HEED_MEAN);
}

static void look(lab *l, void *context, int64_t step, double now)
{
    head *m = context;
    heed_graph *g = lab_graph(l);
    (void)now;
    draw_pairs(m, 2, 0);
    const int32_t *said = heed_data(g, heed_argmax(g, logits(g, m, NULL), -1, false));
    if (!lab_check(l, heed_graph_error(g))) return;
    heed_accuracy right = {0};
    heed_accuracy_add(&right, said, m->answers, BATCH * PAIRS, -1);
    m->step[m->points] = (double)step;
    m->accuracy[m->points++] = heed_token_accuracy(&right);
}

/* The weights of the first row of the test batch: queries in the order of their keys, so that what is found lies on the diagonal. */
static void put_weights(lab *l, head *m)
{
    heed_graph *g = lab_graph(l);
    heed_tensor *a;
    heed_graph_reset(g);
    draw_pairs(m, 2, 0);
    for (int i = 0; i < PAIRS; i++) m->asked[i] = m->keys[i];
    logits(g, m, &a);
    const float *weights = heed_data(g, a);
    if (!lab_check(l, heed_graph_error(g))) return;
    double entropy = 0;
    for (int i = 0; i < BATCH * PAIRS * PAIRS; i++)
        if (weights[i] > 0) entropy -= (double)weights[i] * log((double)weights[i]) / (BATCH * PAIRS);
    lab_put(l, "entropy", entropy);
    lab_put_floats(l, "weights", 2, (int64_t[]){PAIRS, PAIRS}, weights);
}

static void learn_head(lab *l, int64_t dk, bool scaled)
{
    head *m = lab_alloc(l, 1, sizeof *m);
    if (!m) return;
    heed_params *ps = heed_params_new(lab_seed(l));
    *m = (head){.dk = dk, .scaled = scaled, .draws = {.seed = lab_seed(l)}};
    init(m, ps);
    learn t = {.name = "lookup", .params = ps, .loss = loss, .look = look, .looks = LOOKS, .context = m, .steps = lab_quick(l) ? 150 : 1500,
               .schedule = {.kind = HEED_SCHEDULE_CONSTANT, .lr = 2e-3}};
    if (lab_check(l, heed_params_error(ps)) && learn_run(l, &t)) {
        double reached = NAN, last = 0;
        for (int i = m->points; i-- > 0 && m->accuracy[i] >= 0.99;) reached = m->step[i];
        if (m->points) last = m->accuracy[m->points - 1];
        lab_put_array(l, "step", 1, (int64_t[]){m->points}, m->step);
        lab_put_array(l, "accuracy", 1, (int64_t[]){m->points}, m->accuracy);
        lab_put(l, "d_k", (double)dk);
        lab_put(l, "right", last);
        if (!isnan(reached)) lab_put(l, "reached", reached);
        lab_put(l, "steps", (double)t.done);
        put_weights(l, m);
    }
    heed_params_free(ps);
}

/* --- all of it -------------------------------------------------------------------------------------------------------------- */

static const int learned[] = {16, 64, 256};
enum { LEARNED = sizeof learned / sizeof *learned, HEADS = 2 * LEARNED };

static double share(int width) { return 10 + width / 16.0; }

static void show_heads(lab *l, const char *const *names)
{
    static const heed_table_column columns[] = {{"right", "right answers", 3}, {"reached", "steps to 99 %", 0}, {"entropy", "entropy (nats)", 3},
                                                {"steps", "steps", 0}, {"seconds", "seconds", 1}};
    lab_table_of_pieces(l, "heads", lab_text(l, "One head looks up one of %d entries; by chance %.3f are right", PAIRS, 1.0 / VALUES), "head", columns, 5,
                        names, HEADS);
    heed_curve curves[2][LEARNED];
    heed_heatmap maps[HEADS];
    const char *keys[PAIRS];
    int64_t n, shape[2];
    for (int i = 0; i < PAIRS; i++) keys[i] = lab_text(l, "%d", i + 1);
    for (int i = 0; i < HEADS; i++) {
        const double *x = lab_array(l, names[i], "step", 1, &n), *y = lab_array(l, names[i], "accuracy", 1, &n);
        curves[i >= LEARNED][i % LEARNED] = (heed_curve){lab_text(l, "d_k %d", learned[i % LEARNED]), x, y, x && y ? (size_t)n : 0};
        maps[i] = (heed_heatmap){names[i], lab_floats(l, names[i], "weights", 2, shape), PAIRS, PAIRS, keys, keys};
    }
    heed_plot plots[] = {{"right answers, scores scaled by 1/sqrt(d_k)", curves[0], LEARNED, false},
                         {"right answers, scores not scaled", curves[1], LEARNED, false}};
    if (!lab_ok(l)) return;
    lab_picture(l, "learning", "Every point is a test with entries that were not seen before.",
                heed_figure_curves("One head learns a dictionary", "step", plots, 2, lab_error(l)));
    lab_picture(l, "weights", "Rows are queries, one for each entry in order, so that a head that finds its entries has all its weight on the diagonal.",
                heed_figure_heatmaps("What each query looks at", "query", "key", maps, HEADS, lab_error(l)));
}

static void run(lab *l)
{
    const char *names[HEADS];
    double shares = 1;
    for (int i = 0; i < HEADS; i++) {
        names[i] = lab_text(l, "d_k %d, %s", learned[i % LEARNED], i < LEARNED ? "scaled" : "not scaled");
        shares += share(learned[i % LEARNED]);
    }
    lab_plan(l, shares);
    if (lab_begin(l, 1, "scores")) {
        draw_scores(l);
        lab_end(l);
    }
    for (int i = 0; i < HEADS; i++)
        if (lab_begin(l, share(learned[i % LEARNED]), names[i])) {
            learn_head(l, learned[i % LEARNED], i < LEARNED);
            lab_end(l);
        }
    if (!lab_ok(l)) return;
    show_scores(l);
    show_heads(l, names);
}

const lab_experiment lab_lookup = {
    .name = "lookup", .title = "queries, keys and values as retrieval, and why scores are scaled", .see = see, .run = run};
