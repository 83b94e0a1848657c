/* Vanishing gradients: how much of the loss's gradient reaches the states at every earlier step and layer, and what can be learned then. */
#include "experiments/learn.h"
#include "experiments/list.h"

#include <math.h>

static const char see[] =
    "A model reads a sequence of random symbols and must say the first one at the end. The gradient of this loss by the state of every layer at "
    "every step is what training can use to keep the first symbol in mind: in an RNN it is multiplied by the recurrent weights and the slope "
    "of tanh at each step and vanishes exponentially (Hochreiter 1991; Bengio, Simard and Frasconi 1994); the gates of LSTM and GRU can "
    "hold it, but at first are half open and lose it too; self-attention connects the end with every position directly, so that all of "
    "them get gradients of one size (of a Transformer's layer, by what it reads). See the straight lines on the logarithmic axis before "
    "training, and how training opens the gates. Recall follows: that of an RNN of one layer ends after a few symbols; LSTM and "
    "GRU reach far where short distances show them the way, but learn nothing from long ones alone; the Transformer does not need the way.";

enum { D = 64, ROWS = 32, TEST_ROWS = 128, FLOW_ROWS = 8, LONGEST = 200, MOST_LAYERS = 4, FLOW = 100, DISTANCES = 8, MOST_ONES = 5 };
typedef struct own { int64_t symbols; } own;
static const heed_option options[] = {HEED_OPTION_INT(own, symbols, "[2,10000]", "32", "different symbols, one of which is to be recalled"), {0}};

static const int distances[DISTANCES] = {2, 5, 10, 20, 50, 100, 150, 200};

typedef struct kind { const char *name; bool recurrent; heed_rnn_kind cell; double lr; } kind;
static const kind kinds[] = {{"RNN", true, HEED_RNN_TANH, 4e-3}, {"LSTM", true, HEED_LSTM, 4e-3}, {"GRU", true, HEED_GRU, 4e-3},
                             {"Transformer", false, HEED_RNN_TANH, 2e-3}};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct model {
    const kind *is;
    int layers;
    heed_embed embed;
    heed_rnn rnn;
    heed_positions positions;
    heed_encoder_layer encoder[MOST_LAYERS];
    heed_dense out;
    int64_t symbols;
    uint64_t seed;
    int64_t only;        /* distance to train with; 0: all up to LONGEST */
    int64_t rows, steps; /* of the batch */
    int32_t ids[TEST_ROWS * (LONGEST + 1)], first[TEST_ROWS];
} model;

static void init(model *m, heed_params *ps)
{
    heed_layer_config c = {.d = D, .heads = 4, .dk = D / 4, .dv = D / 4, .ff = 2 * D, .pre_norm = true};
    heed_embed_init(&m->embed, ps, "embed", m->symbols, D);
    if (m->is->recurrent) heed_rnn_init(&m->rnn, ps, "rnn", &(heed_rnn_config){.kind = m->is->cell, .in = D, .hidden = D, .layers = m->layers,
                                                                              .forget_bias = 1});
    else heed_positions_init(&m->positions, ps, "positions", HEED_POSITIONS_SINUSOIDAL, LONGEST + 1, D);
    for (int i = 0; i < m->layers && !m->is->recurrent; i++) {
        heed_params_scope(ps, "enc.%d", i);
        heed_encoder_layer_init(&m->encoder[i], ps, &c);
        heed_params_scope_end(ps);
    }
    heed_dense_init(&m->out, ps, "out", D, m->symbols, true);
}

/* Sequences of a length of `distance` + 1. */
static void draw(model *m, uint64_t part, int64_t number, int64_t rows, int64_t distance)
{
    heed_random r = {m->seed, part, (uint64_t)number << 24};
    m->rows = rows;
    m->steps = distance + 1;
    for (int64_t i = 0; i < rows * m->steps; i++) m->ids[i] = (int32_t)heed_random_below(&r, (uint64_t)m->symbols);
    for (int64_t i = 0; i < rows; i++) m->first[i] = m->ids[i * m->steps];
}

static heed_tensor *inputs(heed_graph *g, const model *m)
{
    heed_tensor *ids = heed_input(g, HEED_I32, 2, (int64_t[]){m->rows, m->steps}, m->ids);
    return heed_scale(g, heed_embed_apply(g, &m->embed, ids), sqrt(D));
}

/* The last layer's states [B, T, D]; of a Transformer, `each` gets what every layer reads. */
static heed_tensor *states(heed_graph *g, const model *m, heed_tensor **each)
{
    heed_tensor *x = inputs(g, m);
    if (m->is->recurrent) return heed_rnn_apply(g, &m->rnn, x, NULL, NULL, NULL);
    x = heed_positions_apply(g, &m->positions, x, 0);
    for (int i = 0; i < m->layers; i++) {
        if (each) each[i] = x;
        x = heed_encoder_layer_apply(g, &m->encoder[i], x, (heed_mask){0});
    }
    return x;
}

/* What is said at the end: logits [B, symbols] of states there [B, D]. */
static heed_tensor *answer_loss(heed_graph *g, const model *m, heed_tensor *last, heed_reduction how)
{
    heed_tensor *first = heed_input(g, HEED_I32, 1, &m->rows, m->first);
    return heed_cross_entropy(g, heed_dense_apply(g, &m->out, last), first, -1, 0, how);
}

/* One distance alone, or from 1 to 200, evenly on a logarithmic scale, so that long ones can be learned by way of short ones. */
static heed_tensor *loss(heed_graph *g, void *context, int64_t step)
{
    model *m = context;
    heed_random r = {m->seed, 1, (uint64_t)step << 24};
    int64_t any = (int64_t)pow(LONGEST + 1, heed_random_uniform(&r));
    draw(m, 2, step, ROWS, m->only ? m->only : any);
    return answer_loss(g, m, heed_select(g, states(g, m, NULL), 1, m->steps - 1), HEED_MEAN);
}

static double recall(lab *l, model *m, int64_t distance)
{
    heed_graph *g = lab_graph(l);
    heed_graph_reset(g);
    draw(m, 3, distance, TEST_ROWS, distance);
    heed_tensor *last = heed_select(g, states(g, m, NULL), 1, distance);
    const int32_t *said = heed_data(g, heed_argmax(g, heed_dense_apply(g, &m->out, last), -1, false));
    if (!lab_check(l, heed_graph_error(g))) return NAN;
    heed_accuracy right = {0};
    heed_accuracy_add(&right, said, m->first, TEST_ROWS, -1);
    return heed_token_accuracy(&right);
}

/* --- gradients -------------------------------------------------------------------------------------------------------------- */

/* The steps one by one, so that every state is a tensor to ask a gradient for: x[layer * T + t], its h and, of an LSTM, its c. Returns
 * the last layer's last h. */
static heed_tensor *unroll(heed_graph *g, const model *m, heed_tensor **x)
{
    heed_tensor *in = inputs(g, m);
    int64_t steps = m->steps;
    bool cells = m->is->cell == HEED_LSTM;
    for (int i = 0; i < m->layers; i++) {
        const heed_rnn_cell *cell = &m->rnn.cells[i][0];
        heed_tensor *all = heed_rnn_cell_input(g, cell, in), *h[LONGEST + 1];
        heed_rnn_state s = heed_rnn_zeros(g, cell, m->rows);
        for (int64_t t = 0; t < steps; t++) {
            s = heed_rnn_cell_step(g, cell, heed_select(g, all, 1, t), s);
            h[t] = s.h;
            x[i * steps + t] = s.h;
            if (cells) x[(m->layers + i) * steps + t] = s.c;
        }
        in = heed_stack(g, (int)steps, h, 1);
    }
    return x[m->layers * steps - 1];
}

static heed_tensor *squares(heed_graph *g, heed_tensor *dx, int axes)
{
    return heed_sum(g, heed_square(g, heed_cast(g, dx, HEED_F64)), axes, false);
}

/* norms[layer * T + t]: the norm of the gradient by the state there, of a batch at distance FLOW. */
static bool measure_flow(lab *l, model *m, double *norms)
{
    heed_graph *g = lab_graph(l);
    heed_graph_reset(g);
    draw(m, 4, 0, FLOW_ROWS, FLOW);
    int64_t steps = m->steps;
    bool recurrent = m->is->recurrent, cells = recurrent && m->is->cell == HEED_LSTM;
    int count = recurrent ? (int)steps * m->layers * (1 + cells) : m->layers;
    heed_tensor **x = lab_alloc(l, (size_t)count, sizeof *x), **dx = lab_alloc(l, (size_t)count, sizeof *dx);
    if (!x || !dx) return false;
    heed_tensor *last = recurrent ? unroll(g, m, x) : heed_select(g, states(g, m, x), 1, steps - 1);
    heed_grad(g, answer_loss(g, m, last, HEED_MEAN), NULL, count, x, dx);
    for (int i = 0; i < count; i++) dx[i] = squares(g, dx[i], recurrent ? HEED_ALL : HEED_AXIS(0) | HEED_AXIS(2));
    if (recurrent) dx[0] = heed_stack(g, count, dx, 0);
    heed_run(g, recurrent ? 1 : count, dx);
    for (int64_t i = 0; i < m->layers * steps; i++) {
        const double *values = heed_data(g, recurrent ? dx[0] : dx[i / steps]);
        if (!values) break;
        double sum = recurrent ? values[i] : values[i % steps];
        if (cells) sum += values[i + m->layers * steps];
        norms[i] = sqrt(sum);
    }
    return lab_check(l, heed_graph_error(g));
}

static void put_flow(lab *l, model *m, const char *when)
{
    enum { T = FLOW + 1 };
    double norms[MOST_LAYERS * T] = {0};
    if (!measure_flow(l, m, norms)) return;
    const double *top = norms + (m->layers - 1) * T;
    lab_put_array(l, lab_text(l, "flow_%s", when), 2, (int64_t[]){m->layers, T}, norms);
    /* the first step's share of the last one's: a Transformer's last layer has gradients at the end alone, so the layer is the first */
    lab_put(l, lab_text(l, "ratio_%s", when), norms[0] / fmax(norms[FLOW], 1e-300));
    lab_put(l, lab_text(l, "end_%s", when), top[FLOW]);
}

static model *make(lab *l, heed_params *ps, const kind *is, int layers)
{
    model *m = lab_alloc(l, 1, sizeof *m);
    if (!m) return NULL;
    *m = (model){.is = is, .layers = layers, .symbols = ((const own *)lab_options(l))->symbols, .seed = lab_seed(l)};
    init(m, ps);
    return lab_check(l, heed_params_error(ps)) ? m : NULL;
}

/* All recurrent ones with one rate. */
static learn training(heed_params *ps, model *m, int64_t steps)
{
    double lr = m->is->lr;
    return (learn){.name = m->is->name, .params = ps, .loss = loss, .context = m, .steps = steps,
                   .schedule = {.kind = HEED_SCHEDULE_COSINE, .lr = lr, .lowest = lr / 10, .warmup = 20}};
}

/* Trained on all distances: gradients before and after, and recall at every distance. */
static void train_on_all(lab *l, const kind *is, int layers)
{
    heed_params *ps = heed_params_new(lab_seed(l));
    model *m = make(l, ps, is, layers);
    if (m) {
        learn t = training(ps, m, lab_quick(l) ? 200 : 600);
        put_flow(l, m, "start");
        if (learn_run(l, &t)) {
            double right[DISTANCES];
            put_flow(l, m, "trained");
            for (int i = 0; i < DISTANCES; i++) {
                right[i] = recall(l, m, distances[i]);
                lab_put(l, lab_text(l, "recall_%d", distances[i]), right[i]);
            }
            lab_put_array(l, "recall", 1, (int64_t[]){DISTANCES}, right);
            lab_put(l, "steps", (double)t.done);
        }
    }
    heed_params_free(ps);
}

/* Trained on one distance alone. */
static void train_on_one(lab *l, const kind *is, int64_t distance)
{
    heed_params *ps = heed_params_new(lab_seed(l));
    model *m = make(l, ps, is, 1);
    if (m) {
        learn t = training(ps, m, lab_quick(l) ? 200 : 400);
        m->only = distance;
        if (learn_run(l, &t)) lab_put(l, "recall", recall(l, m, distance));
    }
    heed_params_free(ps);
}

/* --- pictures --------------------------------------------------------------------------------------------------------------- */

static const char *piece(lab *l, int k, int layers) { return lab_text(l, "%s, %d layer%s", kinds[k].name, layers, layers > 1 ? "s" : ""); }

static const char *one_piece(lab *l, int k, int distance) { return lab_text(l, "%s, at %d alone", kinds[k].name, distance); }

/* The norms of one layer, from the end back. */
static heed_curve flow(lab *l, const char *name, const char *of, const char *when, int layer, const double *x)
{
    int64_t shape[2] = {0};
    const double *norms = lab_array(l, of, lab_text(l, "flow_%s", when), 2, shape);
    double *y = lab_alloc(l, FLOW + 1, sizeof *y);
    for (int t = 0; norms && y && t <= FLOW; t++) y[t] = norms[layer * (FLOW + 1) + FLOW - t];
    return (heed_curve){name, x, y, norms && y ? FLOW + 1 : 0};
}

/* The first layer of stacks of one height, of all kinds. */
static char *draw_kinds(lab *l, int layers, const double *x)
{
    static const char *const whens[] = {"start", "trained"}, *const titles[] = {"at the start", "after training"};
    heed_curve curves[2][KINDS];
    heed_plot plots[2];
    for (int w = 0; w < 2; w++) {
        for (int k = 0; k < KINDS; k++) curves[w][k] = flow(l, kinds[k].name, piece(l, k, layers), whens[w], 0, x);
        plots[w] = (heed_plot){titles[w], curves[w], KINDS, true};
    }
    return heed_figure_curves(lab_text(l, "Gradient by the first layer's state, models of %d layer%s", layers, layers > 1 ? "s" : ""),
                              "steps before the end", plots, 2, lab_error(l));
}

/* Every layer of the highest stacks. */
static char *draw_layers(lab *l, int layers, const char *when, const char *title, const double *x)
{
    heed_curve curves[KINDS][MOST_LAYERS];
    heed_plot plots[KINDS];
    for (int k = 0; k < KINDS; k++) {
        for (int i = 0; i < layers; i++) curves[k][i] = flow(l, lab_text(l, "layer %d", i + 1), piece(l, k, layers), when, i, x);
        plots[k] = (heed_plot){kinds[k].name, curves[k], (size_t)layers, true};
    }
    return heed_figure_curves(title, "steps before the end", plots, KINDS, lab_error(l));
}

static char *draw_recall(lab *l, int layers, const int *ones, int count)
{
    double *x = lab_alloc(l, DISTANCES, sizeof *x), *single = lab_alloc(l, MOST_ONES, sizeof *single);
    heed_curve curves[2][KINDS];
    for (int i = 0; x && i < DISTANCES; i++) x[i] = distances[i];
    for (int i = 0; single && i < count; i++) single[i] = ones[i];
    for (int k = 0; k < KINDS; k++) {
        int64_t n = 0;
        const double *all = lab_array(l, piece(l, k, layers), "recall", 1, &n);
        double *one = lab_alloc(l, MOST_ONES, sizeof *one);
        for (int i = 0; one && i < count; i++) one[i] = lab_get(l, one_piece(l, k, ones[i]), "recall");
        curves[0][k] = (heed_curve){kinds[k].name, x, all, (size_t)n};
        curves[1][k] = (heed_curve){kinds[k].name, single, one, one ? (size_t)count : 0};
    }
    heed_plot plots[] = {{"right answers, one model a kind, trained on all distances up to 200", curves[0], KINDS, false},
                         {"right answers, a model for each distance, trained on that alone", curves[1], KINDS, false}};
    return lab_ok(l) ? heed_figure_curves_log("Recall of the first symbol, models of 1 layer", "distance", plots, 2, lab_error(l)) : NULL;
}

static void table_of_ones(lab *l, const int *ones, int count)
{
    heed_table_column columns[MOST_ONES];
    double values[KINDS * MOST_ONES];
    const char *names[KINDS];
    for (int i = 0; i < count; i++) columns[i] = (heed_table_column){lab_text(l, "at_%d", ones[i]), lab_text(l, "at %d", ones[i]), 3};
    for (int k = 0; k < KINDS; k++) {
        names[k] = kinds[k].name;
        for (int i = 0; i < count; i++) values[k * count + i] = lab_get(l, one_piece(l, k, ones[i]), "recall");
    }
    lab_table(l, "single", &(heed_table){"Recall of models of 1 layer, each trained on one distance alone", "model", columns, (size_t)count, names,
                                         values, KINDS});
}

static void run(lab *l)
{
    static const int quick[] = {1, 2}, full[] = {1, 2, 3, 4}, quick_ones[] = {10, 50}, ones[MOST_ONES] = {10, 20, 50, 100, 200};
    const int *heights = lab_quick(l) ? quick : full, *single = lab_quick(l) ? quick_ones : ones;
    int count = lab_quick(l) ? 2 : 4, singles = lab_quick(l) ? 2 : MOST_ONES, most = heights[count - 1];
    const char *names[KINDS * MOST_LAYERS];
    double x[FLOW + 1], total = 0;
    int64_t symbols = ((const own *)lab_options(l))->symbols;
    for (int h = 0; h < count; h++) total += heights[h] * KINDS;
    for (int i = 0; i < singles; i++) total += single[i] / 65.0 * KINDS; /* of all distances the mean is 43, in 1.5 times the steps */
    lab_plan(l, total);
    for (int k = 0; k < KINDS; k++)
        for (int h = 0; h < count; h++) {
            names[k * count + h] = piece(l, k, heights[h]);
            if (!lab_begin(l, heights[h], names[k * count + h])) continue;
            train_on_all(l, &kinds[k], heights[h]);
            lab_end(l);
        }
    for (int k = 0; k < KINDS; k++)
        for (int i = 0; i < singles; i++) {
            if (!lab_begin(l, single[i] / 65.0, one_piece(l, k, single[i]))) continue;
            train_on_one(l, &kinds[k], single[i]);
            lab_end(l);
        }
    if (!lab_ok(l)) return;
    static const heed_table_column columns[] = {
        {"ratio_start", "first / last gradient, start", -2}, {"ratio_trained", "trained", -2}, {"recall_10", "recall at 10", 3},
        {"recall_50", "50", 3}, {"recall_100", "100", 3}, {"recall_200", "200", 3}, {"steps", "steps", 0}, {"seconds", "seconds", 1}};
    lab_table_of_pieces(l, "recall", lab_text(l, "Gradients over %d steps by the first layer's states, and recall of one of %d symbols (%.3f by chance)",
                                                FLOW, (int)symbols, 1.0 / (double)symbols),
                        "model", columns, sizeof columns / sizeof *columns, names, (size_t)(KINDS * count));
    table_of_ones(l, single, singles);
    for (int t = 0; t <= FLOW; t++) x[t] = t;
    lab_picture(l, "kinds", "How much a change of the state would matter, the further back the less.", draw_kinds(l, 1, x));
    lab_picture(l, "layers-start", "Every layer of the highest stacks, before training.",
                draw_layers(l, most, "start", "Gradient by the states of every layer, at the start", x));
    lab_picture(l, "layers-trained", "The same after training.",
                draw_layers(l, most, "trained", "Gradient by the states of every layer, after training", x));
    lab_picture(l, "recall", "Short distances on the way help: gates learn to stay open where gradients still arrive.",
                draw_recall(l, 1, single, singles));
}

const lab_experiment lab_vanishing = {.name = "vanishing", .title = "gradients that vanish on their way back, and recall at a distance", .see = see,
                                      .options = options, .options_size = sizeof(own), .run = run};
