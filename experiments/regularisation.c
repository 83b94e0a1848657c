/* How the paper trains (sections 5.3 and 5.4): the learning rate's schedule, label smoothing, dropout. */
#include "experiments/list.h"
#include "experiments/teach.h"

#include <math.h>
#include <string.h>

static const char see[] =
    "First the learning rate of \"Attention Is All You Need\" (section 5.3), which rises during the warm-up and then falls with the root of the "
    "step; wider models and longer warm-ups peak lower. Then label smoothing (section 5.4): the target distribution, read off the gradient "
    "of the loss, and the loss of a model that gives the right symbol the probability p and shares the rest evenly: with smoothing, being "
    "too sure costs. Last, a small Transformer learns from few examples with dropout and label smoothing on and off. See how the "
    "validation loss turns and rises without dropout while the training loss goes to zero, and how label smoothing keeps the model from being "
    "surer than it is right.";

typedef struct own { char *dict; int64_t examples; } own;
static const heed_option options[] = {
    HEED_OPTION_TEXT(own, dict, "", "dictionary to learn from, such as letters to phonemes; without it numbers and their names"),
    HEED_OPTION_INT(own, examples, "[10,10000000]", "200", "examples to learn from"),
    {0},
};

/* --- the learning rate ------------------------------------------------------------------------------------------------------ */

static void show_rates(lab *l)
{
    static const struct { int64_t width, warmup; } list[] = {{512, 4000}, {512, 8000}, {256, 4000}};
    enum { PAIRS = 3, POINTS = 400, STEPS = 20000 };
    static const heed_table_column columns[] = {{"peak", "highest rate", -3}, {"at", "at step", 0}, {"end", "at step 20000", -3}};
    double x[POINTS], y[PAIRS][POINTS], values[PAIRS][3];
    heed_curve curves[PAIRS];
    const char *names[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        heed_schedule s = heed_schedule_paper(1, list[i].width, list[i].warmup);
        names[i] = lab_text(l, "width %d, warm-up %d", (int)list[i].width, (int)list[i].warmup);
        values[i][0] = 0;
        for (int64_t k = 1; k <= STEPS; k++) {
            double rate = heed_schedule_at(&s, k);
            if (rate > values[i][0]) values[i][0] = rate, values[i][1] = (double)k;
            if (k % (STEPS / POINTS) == 0) x[k / (STEPS / POINTS) - 1] = (double)k, y[i][k / (STEPS / POINTS) - 1] = rate;
        }
        values[i][2] = heed_schedule_at(&s, STEPS);
        curves[i] = (heed_curve){names[i], x, y[i], POINTS};
    }
    heed_plot plot = {"learning rate", curves, PAIRS, false};
    lab_table(l, "rates", &(heed_table){"Learning rates", "model", columns, 3, names, values[0], PAIRS});
    lab_picture(l, "rates", "factor d^-1/2 min(step^-1/2, step warmup^-3/2)",
                heed_figure_curves("The paper's learning rate", "step", &plot, 1, lab_error(l)));
}

/* --- label smoothing -------------------------------------------------------------------------------------------------------- */

enum { CLASSES = 6, CHANCES = 120, SMOOTHINGS = 3 };
static const double smoothings[SMOOTHINGS] = {0, 0.1, 0.4};

/* The distribution that the loss asks for: the gradient by the logits is softmax - target, and the softmax of zeros is even. */
static void find_targets(lab *l, double smoothing, float *target)
{
    heed_graph *g = lab_graph(l);
    static const float zeros[CLASSES * CLASSES];
    static const int32_t right[CLASSES] = {0, 1, 2, 3, 4, 5};
    heed_graph_reset(g);
    heed_tensor *logits = heed_input(g, HEED_F32, 2, (int64_t[]){CLASSES, CLASSES}, zeros), *gradient;
    heed_tensor *loss = heed_cross_entropy(g, logits, heed_input(g, HEED_I32, 1, (int64_t[]){CLASSES}, right), -1, smoothing, HEED_TOTAL);
    heed_grad(g, loss, NULL, 1, &logits, &gradient);
    const float *values = heed_data(g, gradient);
    if (!lab_check(l, heed_graph_error(g))) return;
    for (int i = 0; i < CLASSES * CLASSES; i++) target[i] = fmaxf(0, 1.0f / CLASSES - values[i]);
}

/* The loss of a model that gives the right one of 10 classes the chance p[i]. */
static void find_losses(lab *l, double smoothing, const double *p, double *loss)
{
    enum { TEN = 10 };
    heed_graph *g = lab_graph(l);
    double logits[CHANCES][TEN];
    int32_t right[CHANCES] = {0};
    for (int i = 0; i < CHANCES; i++)
        for (int c = 0; c < TEN; c++) logits[i][c] = log(c ? (1 - p[i]) / (TEN - 1) : p[i]);
    heed_graph_reset(g);
    heed_tensor *x = heed_input(g, HEED_F64, 2, (int64_t[]){CHANCES, TEN}, logits);
    heed_tensor *each = heed_cross_entropy(g, x, heed_input(g, HEED_I32, 1, (int64_t[]){CHANCES}, right), -1, smoothing, HEED_EACH);
    const double *values = heed_data(g, each);
    if (lab_check(l, heed_graph_error(g))) memcpy(loss, values, CHANCES * sizeof *loss);
}

static void show_smoothing(lab *l)
{
    static const char *const classes[CLASSES] = {"a", "b", "c", "d", "e", "f"};
    float targets[SMOOTHINGS][CLASSES * CLASSES] = {{0}};
    double p[CHANCES], losses[SMOOTHINGS][CHANCES] = {{0}}, values[SMOOTHINGS][4];
    heed_heatmap maps[SMOOTHINGS];
    heed_curve curves[SMOOTHINGS];
    const char *names[SMOOTHINGS];
    for (int i = 0; i < CHANCES; i++) p[i] = 1 - pow(10, -4.0 * i / (CHANCES - 1)) * 0.9; /* 0.1 to 0.99991, denser towards 1 */
    for (int i = 0; i < SMOOTHINGS; i++) {
        names[i] = lab_text(l, "smoothing %g", smoothings[i]);
        find_targets(l, smoothings[i], targets[i]);
        find_losses(l, smoothings[i], p, losses[i]);
        maps[i] = (heed_heatmap){names[i], targets[i], CLASSES, CLASSES, classes, classes};
        curves[i] = (heed_curve){names[i], p, losses[i], CHANCES};
        int best = 0;
        for (int k = 0; k < CHANCES; k++)
            if (losses[i][k] < losses[i][best]) best = k;
        values[i][0] = (double)targets[i][0];
        values[i][1] = (double)targets[i][1];
        values[i][2] = p[best];
        values[i][3] = losses[i][CHANCES - 1] - losses[i][best];
    }
    static const heed_table_column columns[] = {{"right", "target of the right symbol", 3}, {"others", "of each other", 3},
                                                {"best", "best p of 10 symbols", 4}, {"sure", "loss added at p = 0.9999", 3}};
    lab_table(l, "smoothing", &(heed_table){"Label smoothing", "loss", columns, 4, names, values[0], SMOOTHINGS});
    lab_picture(l, "targets", "Rows are right symbols, columns the distribution that the loss asks for.",
                heed_figure_heatmaps("Targets with label smoothing", "right symbol", "symbol", maps, SMOOTHINGS, lab_error(l)));
    heed_plot plot = {"loss (nats)", curves, SMOOTHINGS, false};
    lab_picture(l, "penalty", "With smoothing the loss is least before p reaches 1, and rises again beyond.",
                heed_figure_curves("What it costs to be sure", "p, the probability of the right symbol", &plot, 1, lab_error(l)));
}

/* --- dropout and label smoothing on and off --------------------------------------------------------------------------------- */

typedef struct setting { const char *name; double dropout, smoothing; } setting;
static const setting settings[] = {{"neither", 0, 0}, {"label smoothing", 0, 0.1}, {"dropout", 0.2, 0}, {"dropout, label smoothing", 0.2, 0.1}};
enum { SETTINGS = sizeof settings / sizeof *settings };

static bool open_data(lab *l, pairs *p)
{
    const own *o = lab_options(l);
    int64_t examples = lab_quick(l) && o->examples > 100 ? 100 : o->examples;
    *p = (pairs){.batch_tokens = 1024, .most_train = (size_t)examples, .most_valid = lab_quick(l) ? 100 : 400, .hold_out = *o->dict ? 0.05 : 0.2};
    return *o->dict ? pairs_from_dictionary(l, p, o->dict) : pairs_from_numbers(l, p, 4000, 9973);
}

static void train(lab *l, const pairs *p, const setting *s)
{
    heed_params *ps = heed_params_new(lab_seed(l));
    heed_transformer *m = lab_alloc(l, 1, sizeof *m);
    heed_transformer_config c = heed_transformer_base(p->tgt_symbols);
    c.src_vocab = p->src_symbols;
    c.enc_layers = c.dec_layers = 2;
    c.tie = HEED_TIE_OUTPUT;
    c.layer = (heed_layer_config){.d = 64, .heads = 4, .dk = 16, .dv = 16, .ff = 256, .dropout = s->dropout, .pre_norm = true};
    if (m) heed_transformer_init(m, ps, &c);
    teach t = {.how = {.name = s->name, .params = ps, .steps = lab_quick(l) ? 160 : 1000, .looks = lab_quick(l) ? 10 : 30,
                       .schedule = {.kind = HEED_SCHEDULE_INVERSE_SQRT, .lr = 2e-3, .warmup = lab_quick(l) ? 40 : 200}},
               .model = heed_transformer_model(m), .data = p, .label_smoothing = s->smoothing, .curve = "curve"};
    if (m && lab_check(l, heed_params_error(ps)) && teach_run(l, &t)) {
        teach_loss learned = teach_measure(l, &t, p->train), valid = teach_measure(l, &t, p->valid);
        teach_errors e = teach_write(l, &t, 1);
        lab_put(l, "train_loss", learned.loss);
        lab_put(l, "valid_loss", valid.loss);
        lab_put(l, "sure", valid.confidence);
        lab_put(l, "right", valid.token_accuracy);
        lab_put(l, "surer", valid.confidence - valid.token_accuracy);
        lab_put(l, "wrong", e.wrong);
        lab_put(l, "edits", e.edits);
        lab_put(l, "steps", (double)t.how.done);
    }
    heed_params_free(ps);
}

static void show_training(lab *l, const char *const *names)
{
    static const heed_table_column columns[] = {
        {"train_loss", "training loss", 3}, {"valid_loss", "validation loss", 3}, {"right", "right symbols", 3}, {"sure", "mean confidence", 3},
        {"surer", "confidence - right", 3}, {"wrong", "wrong outputs", 3}, {"edits", "edits a symbol", 3}, {"steps", "steps", 0},
        {"seconds", "seconds", 1}};
    lab_table_of_pieces(l, "training", "A small Transformer that learns from few examples: dropout 0.2 and label smoothing 0.1, on and off", "with",
                        columns, sizeof columns / sizeof *columns, names, SETTINGS);
    heed_curve curves[2][SETTINGS];
    for (int i = 0; i < SETTINGS; i++) {
        int64_t n = 0;
        const double *x = lab_array(l, names[i], "curve_step", 1, &n), *train = lab_array(l, names[i], "curve_train", 1, &n),
                     *valid = lab_array(l, names[i], "curve_valid", 1, &n);
        curves[0][i] = (heed_curve){names[i], x, train, (size_t)n};
        curves[1][i] = (heed_curve){names[i], x, valid, (size_t)n};
    }
    if (!lab_ok(l)) return;
    heed_plot plots[] = {{"loss in training, with its smoothing (nats a symbol)", curves[0], SETTINGS, true},
                         {"validation loss, without smoothing (nats a symbol)", curves[1], SETTINGS, true}};
    lab_picture(l, "training", "The training loss of smoothed targets cannot fall to zero: it ends at their entropy.",
                heed_figure_curves("Dropout and label smoothing, on and off", "step", plots, 2, lab_error(l)));
}

static void run(lab *l)
{
    const char *names[SETTINGS];
    pairs p = {0};
    bool ready = false;
    lab_plan(l, SETTINGS);
    for (int i = 0; i < SETTINGS; i++) {
        names[i] = settings[i].name;
        if (!lab_begin(l, 1, names[i])) continue;
        if (!ready) ready = open_data(l, &p);
        if (ready) train(l, &p, &settings[i]);
        lab_end(l);
    }
    pairs_free(&p);
    show_rates(l);
    show_smoothing(l);
    show_training(l, names);
}

const lab_experiment lab_regularisation = {.name = "regularisation", .title = "learning rate, label smoothing and dropout", .see = see,
                                           .options = options, .options_size = sizeof(own), .run = run};
