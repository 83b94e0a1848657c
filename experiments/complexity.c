/* Table 1 of "Attention Is All You Need", measured: operations and steps from the graph, paths from gradients, and seconds. */
#include "experiments/lab.h"
#include "experiments/list.h"
#include "experiments/table1.h"

#include <math.h>
#include <string.h>
#include <time.h>

static const char see[] =
    "Table 1 of \"Attention Is All You Need\", measured instead of derived. Operations and steps that wait for each other are read from "
    "the recorded graph (for the recurrent layer recorded step by step), nothing is computed for them. The longest path between two "
    "positions is the number of exchanges after which no output depends on a further input: gradients of every output by every input are "
    "computed for stacks of growing depth. Seconds are those of a forward and backward pass of one layer. See that operations are the "
    "formula times a constant, that n counts twice for self-attention and d twice for the others, and that self-attention alone needs one "
    "exchange and a constant number of steps, whatever n. \"multi-head\" is self-attention with the projections that table 1 leaves out; "
    "\"dilated\" is the second convolution, each layer with k times the distance of the one below.";

typedef struct options { int64_t n, d, kernel, r; } options;

static const heed_option option_table[] = {
    HEED_OPTION_INT(options, n, "[0,65536]", "0", "largest number of positions; 0: 4096, in the quick form 512"),
    HEED_OPTION_INT(options, d, "[0,4096]", "0", "width; 0: 256, in the quick form 64"),
    HEED_OPTION_INT(options, kernel, "[3,63]", "5", "positions that a convolution sees, an odd number"),
    HEED_OPTION_INT(options, r, "[2,4096]", "32", "neighbourhood of restricted attention, half on each side, an even number"),
    {0}};

enum { SIZES = 7, LEAST = 16, MOST_PROBED = 128, PROBE_WIDTH = 4 };

typedef struct sizes { int64_t n[SIZES], probed[SIZES], d, kernel, r; int count, probes; } sizes; /* n doubles up to the largest */

static sizes read_sizes(lab *l)
{
    const options *o = lab_options(l);
    int64_t n = o->n ? o->n : lab_quick(l) ? 512 : 4096, most = lab_quick(l) ? 32 : MOST_PROBED;
    sizes s = {.d = o->d ? o->d : lab_quick(l) ? 64 : 256, .kernel = o->kernel, .r = o->r};
    if (o->kernel % 2 == 0) lab_fail(l, "kernel=%lld: an odd number is needed, for as many positions on each side", (long long)o->kernel);
    if (o->r % 2) lab_fail(l, "r=%lld: an even number is needed, for as many positions on each side", (long long)o->r);
    if (n < LEAST) lab_fail(l, "n=%lld: there are to be %d positions at least", (long long)n, LEAST);
    while (s.count < SIZES && n >> s.count >= LEAST) s.count++;
    for (int i = 0; i < s.count; i++) s.n[i] = n >> (s.count - 1 - i);
    for (int64_t p = 8; p <= most && s.probes < SIZES; p *= 2) s.probed[s.probes++] = p;
    return s;
}

/* --- operations and steps ----------------------------------------------------------------------------------------------------- */

static heed_cost count(lab *l, const sizes *s, table1_kind kind, int64_t n, int64_t d)
{
    heed_graph *g = lab_graph(l);
    heed_graph_reset(g);
    heed_params *ps = heed_params_new(lab_seed(l));
    table1 m;
    table1_init(&m, ps, kind, d, s->kernel, s->r);
    heed_cost cost = {0};
    heed_graph_explain(g, table1_stepwise(g, &m, heed_full(g, HEED_F32, 3, (int64_t[]){1, n, d}, 1)), false, &cost, NULL);
    lab_check(l, heed_params_error(ps));
    lab_check(l, heed_graph_error(g));
    heed_graph_reset(g);
    heed_params_free(ps);
    return cost;
}

static void count_all(lab *l, const sizes *s, table1_kind kind)
{
    double operations[SIZES], steps[SIZES], formula[SIZES];
    table1 m = {.kind = kind, .d = s->d, .kernel = s->kernel, .r = s->r};
    for (int i = 0; i < s->count && lab_ok(l); i++) {
        heed_cost c = count(l, s, kind, s->n[i], s->d);
        operations[i] = (double)c.flops;
        steps[i] = (double)c.depth;
        formula[i] = table1_operations(&m, s->n[i]);
    }
    if (!lab_ok(l)) return;
    int last = s->count - 1;
    double wider = (double)count(l, s, kind, s->n[last], 2 * s->d).flops, longer = (double)count(l, s, kind, 2 * s->n[last], s->d).flops;
    lab_put_array(l, "operations_by_n", 1, (int64_t[]){s->count}, operations);
    lab_put_array(l, "steps_by_n", 1, (int64_t[]){s->count}, steps);
    lab_put(l, "operations", operations[last]);
    lab_put(l, "formula", formula[last]);
    lab_put(l, "ratio", operations[last] / formula[last]);
    lab_put(l, "power_of_n", log2(longer / operations[last]));
    lab_put(l, "power_of_d", log2(wider / operations[last]));
    lab_put(l, "steps", steps[last]);
}

/* --- paths -------------------------------------------------------------------------------------------------------------------- */

/* Small ones, for paths of some length. */
static int64_t probed_kernel(const sizes *s) { return s->kernel < 7 ? s->kernel : 7; }
static int64_t probed_r(const sizes *s) { return s->r < 8 ? s->r : 8; }

/* How many of the n^2 pairs of output and input are connected by `depth` exchanges. Sentence b of the batch asks for output b. */
static int64_t connected(lab *l, const table1 *m, int64_t n, int64_t depth)
{
    heed_graph *g = lab_graph(l);
    heed_graph_reset(g);
    int64_t size = n * n * m->d, pairs = 0;
    double *x = heed_alloc((size_t)size * sizeof *x), *asked = heed_calloc((size_t)size, sizeof *asked);
    heed_random draws = {lab_seed(l), 7, 0};
    for (int64_t i = 0; i < size && x && asked; i++) {
        x[i] = heed_random_normal(&draws);
        double weight = heed_random_normal(&draws);
        if (i / m->d % n == i / (m->d * n)) asked[i] = weight;
    }
    int64_t shape[] = {n, n, m->d};
    heed_tensor *in = x && asked ? heed_input(g, HEED_F64, 3, shape, x)
                                 : heed_graph_fail(g, HEED_NO_MEMORY, "no memory for %lld pairs", (long long)(n * n));
    heed_tensor *y = NULL, *dx;
    for (int64_t i = 0; i < depth && lab_ok(l); i++) y = table1_exchange(g, m, in, y, (int)i);
    if (x && asked) y = heed_sum(g, heed_mul(g, y, heed_input(g, HEED_F64, 3, shape, asked)), HEED_ALL, false);
    heed_grad(g, y, NULL, 1, &in, &dx);
    const double *gradient = heed_data(g, dx);
    for (int64_t i = 0; i < n * n && gradient; i++) {
        bool some = false;
        for (int64_t j = 0; j < m->d; j++) some |= gradient[i * m->d + j] != 0;
        pairs += some;
    }
    lab_check(l, heed_graph_error(g));
    heed_graph_reset(g);
    heed_free(x);
    heed_free(asked);
    return pairs;
}

/* The fewest exchanges after which further ones connect no more pairs. */
static int64_t longest_path(lab *l, const table1 *m, int64_t n)
{
    int64_t low = 0, high = 1, all = connected(l, m, n, 1);
    for (int64_t more; (more = connected(l, m, n, 2 * high)) > all && lab_ok(l); all = more) {
        low = high;
        high *= 2;
    }
    while (high - low > 1 && lab_ok(l)) { /* low connects fewer than high */
        int64_t middle = (low + high) / 2;
        if (connected(l, m, n, middle) == all) high = middle;
        else low = middle;
    }
    return high;
}

static void measure_paths(lab *l, const sizes *s, table1_kind kind)
{
    double path[SIZES];
    heed_params *ps = heed_params_new(lab_seed(l));
    heed_params_dtype(ps, HEED_F64);
    table1 m;
    table1_init(&m, ps, kind, PROBE_WIDTH, probed_kernel(s), probed_r(s));
    lab_check(l, heed_params_error(ps));
    for (int i = 0; i < s->probes && lab_ok(l); i++) path[i] = (double)longest_path(l, &m, s->probed[i]);
    if (lab_ok(l)) {
        int last = s->probes - 1;
        lab_put_array(l, "path_by_n", 1, (int64_t[]){s->probes}, path);
        lab_put(l, "path", path[last]);
        lab_put(l, "path_formula", table1_path(&m, s->probed[last]));
    }
    heed_params_free(ps);
}

/* --- seconds ------------------------------------------------------------------------------------------------------------------ */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of a forward and backward pass: the least of a few, for others may use the machine too. */
static double pass_seconds(lab *l, const sizes *s, table1_kind kind, int64_t n)
{
    heed_graph *g = lab_graph(l);
    heed_params *ps = heed_params_new(lab_seed(l));
    table1 m;
    table1_init(&m, ps, kind, s->d, s->kernel, s->r);
    heed_param *input = heed_param_new(ps, "input", HEED_F32, 3, (int64_t[]){1, n, s->d}, HEED_NORMAL(0, 1));
    double least = INFINITY, began = seconds(), limit = lab_quick(l) ? 0.05 : 1;
    lab_check(l, heed_params_error(ps));
    for (int i = 0; (i < 4 || (seconds() - began < limit && i < 1000)) && lab_ok(l); i++) {
        heed_graph_reset(g);
        double start = seconds();
        heed_backward(g, heed_sum(g, heed_square(g, table1_apply(g, &m, heed_use(g, input), 0)), HEED_ALL, false));
        if (i) least = fmin(least, seconds() - start); /* the first one makes plans and touches memory */
        heed_params_zero_grad(ps);
        lab_check(l, heed_graph_error(g));
    }
    heed_graph_reset(g);
    heed_params_free(ps);
    return least;
}

static void time_all(lab *l, const sizes *s, table1_kind kind)
{
    double time[SIZES];
    for (int i = 0; i < s->count && lab_ok(l); i++) time[i] = pass_seconds(l, s, kind, s->n[i]);
    if (!lab_ok(l)) return;
    lab_put_array(l, "seconds_by_n", 1, (int64_t[]){s->count}, time);
    lab_put(l, "milliseconds", 1000 * time[s->count - 1]);
}

/* --- results ------------------------------------------------------------------------------------------------------------------ */

static char *draw(lab *l, const char *title, const char *const *keys, const char *const *titles, const int64_t *n, int points)
{
    static double x[SIZES];
    heed_curve curves[2][TABLE1_KINDS];
    heed_plot plots[2];
    for (int i = 0; i < points; i++) x[i] = (double)n[i];
    for (int p = 0; p < 2; p++) {
        int count = 0;
        for (int k = 0; k < TABLE1_KINDS && keys[p]; k++) {
            int64_t size = 0;
            const double *y = lab_array(l, table1_name((table1_kind)k), keys[p], 1, &size);
            curves[p][count++] = (heed_curve){table1_name((table1_kind)k), x, y, y ? (size_t)size : 0};
        }
        plots[p] = (heed_plot){titles[p], curves[p], (size_t)count, true};
    }
    return heed_figure_curves_log(title, "positions n", plots, keys[1] ? 2 : 1, lab_error(l));
}

/* The largest n at which self-attention has less of it than the recurrent layer; 0: nowhere. */
static int64_t less_up_to(lab *l, const sizes *s, const char *key)
{
    int64_t size, n = 0;
    const double *a = lab_array(l, "self-attention", key, 1, &size), *b = lab_array(l, "recurrent", key, 1, &size);
    for (int i = 0; a && b && i < s->count; i++)
        if (a[i] < b[i]) n = s->n[i];
    return n;
}

static void tell(lab *l, const sizes *s)
{
    lab_say(l, "At d = %lld, among the lengths measured, self-attention takes fewer operations than the recurrent layer up to n = %lld, "
               "and less time up to n = %lld (the paper: fewer operations where n is smaller than d).",
            (long long)s->d, (long long)less_up_to(l, s, "operations_by_n"), (long long)less_up_to(l, s, "seconds_by_n"));
}

static void run(lab *l)
{
    static const heed_table_column columns[] = {
        {"operations", "FLOPs", -4}, {"formula", "formula", -4}, {"ratio", "FLOPs/formula", 3}, {"power_of_n", "power of n", 2},
        {"power_of_d", "power of d", 2}, {"steps", "steps", 0}, {"path", "path", 0}, {"path_formula", "its formula", -3},
        {"milliseconds", "ms", -3}};
    const char *names[TABLE1_KINDS];
    sizes s = read_sizes(l);
    lab_plan(l, TABLE1_KINDS);
    for (int k = 0; k < TABLE1_KINDS && lab_ok(l); k++) {
        table1_kind kind = (table1_kind)k;
        names[k] = table1_name(kind);
        if (!lab_begin(l, 1, names[k])) continue;
        count_all(l, &s, kind);
        measure_paths(l, &s, kind);
        time_all(l, &s, kind);
        lab_end(l);
    }
    if (!lab_ok(l)) return;
    const char *title = lab_text(l, "Table 1 measured: n = %lld, d = %lld, k = %lld, r = %lld; paths of n = %lld, k = %lld, r = %lld",
                                 (long long)s.n[s.count - 1], (long long)s.d, (long long)s.kernel, (long long)s.r,
                                 (long long)s.probed[s.probes - 1], (long long)probed_kernel(&s), (long long)probed_r(&s));
    lab_table_of_pieces(l, "layers", title, "layer", columns, sizeof columns / sizeof *columns, names, TABLE1_KINDS);
    tell(l, &s);
    lab_picture(l, "cost", "Operations of a forward pass, seconds of a forward and backward pass. Equal curves lie on each other.",
                draw(l, lab_text(l, "One layer, d = %lld", (long long)s.d), (const char *[]){"operations_by_n", "seconds_by_n"},
                     (const char *[]){"FLOPs", "seconds"}, s.n, s.count));
    lab_picture(l, "steps", "Passes and kernels that wait for each other in one layer.",
                draw(l, "Sequential depth", (const char *[]){"steps_by_n", NULL}, (const char *[]){"steps", NULL}, s.n, s.count));
    lab_picture(l, "paths", "Exchanges until every output depends on every input that it can depend on. Equal curves lie on each other.",
                draw(l, "Longest path between positions", (const char *[]){"path_by_n", NULL}, (const char *[]){"exchanges", NULL},
                     s.probed, s.probes));
}

const lab_experiment lab_complexity = {.name = "complexity", .title = "table 1 of the Transformer paper, measured from the graph", .see = see,
                                       .options = option_table, .options_size = sizeof(options), .run = run};
