/* Table 3 of "Attention Is All You Need": the sizes of all its models, and the same rows, scaled down, trained. */
#include "experiments/list.h"
#include "experiments/teach.h"

#include <math.h>
#include <string.h>

static const char see[] =
    "Table 3 of \"Attention Is All You Need\" varies the Transformer: A the number of heads at equal cost, B the width of the keys, C its "
    "size, D dropout and label smoothing, E learned instead of sinusoidal positions. First the weights of every row at the paper's sizes, "
    "counted exactly and checked against what the paper prints. Then the same rows scaled down (an eighth of every width, half as many "
    "layers) are trained for equally many steps, and tell perplexity and errors on what was held out. See what the paper says, as far as "
    "short training of small models can show it: one head is worse than several, and so are too many; narrow keys are worse; wider is "
    "better, shallower worse; learned positions do about as well as sinusoidal ones; label smoothing makes perplexity worse and errors "
    "not. In so few steps no model learns its data by heart, so dropout does not help yet, and the deepest model and the big one, with its "
    "dropout of 0.3, come out behind the base model.";

typedef struct options { char *dict, *src, *tgt, *valid_src, *valid_tgt, *units; } options;

static const heed_option option_table[] = {
    HEED_OPTION_TEXT(options, dict, "", "a dictionary to learn from, as heed train --dict; without any path: numbers and their names"),
    HEED_OPTION_TEXT(options, src, "", "or parallel text: its source"),
    HEED_OPTION_TEXT(options, tgt, "", "and its target"),
    HEED_OPTION_TEXT(options, valid_src, "", "parallel text to validate on; without it a part of the other is held out"),
    HEED_OPTION_TEXT(options, valid_tgt, "", "and its target"),
    HEED_OPTION_TEXT(options, units, "words", "units of parallel text: words, chars, bpe:CODES"),
    {0}};

/* --- the rows ------------------------------------------------------------------------------------------------------------------- */

enum { NARROWER = 8, SHALLOWER = 2, VOCABULARY = 40960, BIG_VOCABULARY = 36000, POSITIONS = 1024, BASE = 0 };

typedef struct row {
    const char *name;
    int layers, d, ff, heads, dk, dv;
    double dropout, smoothing;
    bool learned;
    double printed; /* millions of parameters in the paper's table, where it prints them; 0 elsewhere */
} row;

static const row rows[] = {
    {"base", 6, 512, 2048, 8, 64, 64, 0.1, 0.1, false, 65},
    {"A h=1 dk=512", 6, 512, 2048, 1, 512, 512, 0.1, 0.1, false, 0},
    {"A h=4 dk=128", 6, 512, 2048, 4, 128, 128, 0.1, 0.1, false, 0},
    {"A h=16 dk=32", 6, 512, 2048, 16, 32, 32, 0.1, 0.1, false, 0},
    {"A h=32 dk=16", 6, 512, 2048, 32, 16, 16, 0.1, 0.1, false, 0},
    {"B dk=16", 6, 512, 2048, 8, 16, 64, 0.1, 0.1, false, 58},
    {"B dk=32", 6, 512, 2048, 8, 32, 64, 0.1, 0.1, false, 60},
    {"C N=2", 2, 512, 2048, 8, 64, 64, 0.1, 0.1, false, 36},
    {"C N=4", 4, 512, 2048, 8, 64, 64, 0.1, 0.1, false, 50},
    {"C N=8", 8, 512, 2048, 8, 64, 64, 0.1, 0.1, false, 80},
    {"C d=256", 6, 256, 2048, 8, 32, 32, 0.1, 0.1, false, 28},
    {"C d=1024", 6, 1024, 2048, 8, 128, 128, 0.1, 0.1, false, 168},
    {"C ff=1024", 6, 512, 1024, 8, 64, 64, 0.1, 0.1, false, 53},
    {"C ff=4096", 6, 512, 4096, 8, 64, 64, 0.1, 0.1, false, 90},
    {"D dropout 0", 6, 512, 2048, 8, 64, 64, 0, 0.1, false, 0},
    {"D dropout 0.2", 6, 512, 2048, 8, 64, 64, 0.2, 0.1, false, 0},
    {"D smoothing 0", 6, 512, 2048, 8, 64, 64, 0.1, 0, false, 0},
    {"D smoothing 0.2", 6, 512, 2048, 8, 64, 64, 0.1, 0.2, false, 0},
    {"E learned positions", 6, 512, 2048, 8, 64, 64, 0.1, 0.1, true, 0},
    {"big", 6, 1024, 4096, 16, 64, 64, 0.3, 0.1, false, 213},
};
enum { ROWS = sizeof rows / sizeof *rows };

static heed_transformer_config config_of(const row *r, int narrower, int shallower, int64_t src, int64_t tgt, heed_tie tie)
{
    return (heed_transformer_config){
        .layer = {.d = r->d / narrower, .heads = r->heads, .dk = r->dk / narrower, .dv = r->dv / narrower, .ff = r->ff / narrower,
                  .activation = HEED_RELU, .dropout = r->dropout},
        .src_vocab = src, .tgt_vocab = tgt, .enc_layers = r->layers / shallower, .dec_layers = r->layers / shallower,
        .positions = r->learned ? HEED_POSITIONS_LEARNED : HEED_POSITIONS_SINUSOIDAL, .max_len = POSITIONS, .tie = tie};
}

/* At the paper's sizes; fails the lab where the paper prints another number. The printed numbers fit these vocabularies. */
static double weights_of(lab *l, const row *r)
{
    int64_t vocabulary = r->printed == 213 ? BIG_VOCABULARY : VOCABULARY;
    heed_transformer_config c = config_of(r, 1, 1, vocabulary, vocabulary, HEED_TIE_ALL);
    double weights = (double)heed_transformer_size(&c);
    if (r->printed > 0 && round(weights / 1e6) != r->printed)
        lab_fail(l, "row %s has %.0f weights, and the paper prints %g million", r->name, weights, r->printed);
    return weights;
}

/* --- training ------------------------------------------------------------------------------------------------------------------- */

static bool open_data(lab *l, pairs *p)
{
    const options *o = lab_options(l);
    bool text = *o->src || *o->tgt;
    p->batch_tokens = lab_quick(l) ? 128 : 512;
    p->most_valid = lab_quick(l) ? 30 : 1000;
    if (text && *o->dict) lab_fail(l, "give either --dict or --src and --tgt");
    if (!*o->src != !*o->tgt) lab_fail(l, "--src and --tgt belong together");
    if (!*o->valid_src != !*o->valid_tgt || (*o->valid_src && !text))
        lab_fail(l, "--valid-src and --valid-tgt belong together, and to --src and --tgt");
    if (!lab_ok(l)) return false;
    const char *const files[] = {o->src, o->tgt}, *const valid[] = {o->valid_src, o->valid_tgt};
    if (text) return pairs_from_text(l, p, files, *o->valid_src ? valid : NULL, o->units);
    return *o->dict ? pairs_from_dictionary(l, p, o->dict) : pairs_from_numbers(l, p, 20000, 7919);
}

static void train(lab *l, const row *r, const pairs *p)
{
    heed_transformer *m = lab_alloc(l, 1, sizeof *m);
    heed_params *ps = heed_params_new(lab_seed(l));
    heed_transformer_config c = config_of(r, lab_quick(l) ? 2 * NARROWER : NARROWER, SHALLOWER, p->src_symbols, p->tgt_symbols,
                                          p->src_vocab == p->tgt_vocab ? HEED_TIE_ALL : HEED_TIE_OUTPUT);
    if (m) heed_transformer_init(m, ps, &c);
    /* the paper's schedule but for a factor: the rate falls with the root of d and of the step */
    heed_schedule schedule = {.kind = HEED_SCHEDULE_INVERSE_SQRT, .lr = 0.024 / sqrt((double)c.layer.d), .warmup = lab_quick(l) ? 8 : 300};
    teach t = {.how = {.name = r->name, .params = ps, .steps = lab_quick(l) ? 24 : 1500, .schedule = schedule},
               .data = p, .label_smoothing = r->smoothing};
    if (m) t.model = heed_transformer_model(m);
    if (m && lab_check(l, heed_params_error(ps)) && teach_run(l, &t)) {
        teach_loss valid = teach_measure(l, &t, p->valid);
        teach_errors errors = teach_write(l, &t, lab_quick(l) ? 1 : 4);
        lab_put(l, "weights", (double)heed_params_size(ps));
        lab_put(l, "loss", valid.loss);
        lab_put(l, "perplexity", exp(valid.loss));
        lab_put(l, "wrong", 100 * errors.wrong);
        lab_put(l, "edits", 100 * errors.edits);
        lab_put(l, "steps", (double)t.how.done);
    }
    heed_params_free(ps);
}

/* About what a step costs: weights outside of embeddings, and something for everything else. */
static double cost_of(const row *r)
{
    heed_transformer_config c = config_of(r, NARROWER, SHALLOWER, 1, 1, HEED_TIE_OUTPUT);
    return 1e5 + (double)heed_transformer_size(&c);
}

/* --- results -------------------------------------------------------------------------------------------------------------------- */

/* Perplexity against weights, a curve for each thing that is varied, from its smallest row to its largest; base belongs to all. */
static char *draw(lab *l)
{
    static const char *const groups[] = {"A", "B", "C N", "C d", "C ff", "D", "E", "big"};
    enum { GROUPS = sizeof groups / sizeof *groups };
    static double x[GROUPS][ROWS], y[GROUPS][ROWS];
    heed_curve curves[GROUPS];
    for (int k = 0; k < GROUPS; k++) {
        size_t n = 0;
        for (int i = 0; i < ROWS; i++) {
            if (i != BASE && strncmp(rows[i].name, groups[k], strlen(groups[k]))) continue;
            double weights = lab_get(l, rows[i].name, "weights"), perplexity = lab_get(l, rows[i].name, "perplexity");
            size_t at = n++;
            for (; at && x[k][at - 1] > weights; at--) x[k][at] = x[k][at - 1], y[k][at] = y[k][at - 1];
            x[k][at] = weights;
            y[k][at] = perplexity;
        }
        curves[k] = (heed_curve){groups[k], x[k], y[k], n};
    }
    heed_plot plot = {"perplexity on what was held out", curves, GROUPS, false};
    return heed_figure_curves_log("The rows of table 3, scaled down", "weights", &plot, 1, lab_error(l));
}

static void run(lab *l)
{
    static const heed_table_column columns[] = {
        {"paper_weights", "weights in the paper's size", 0}, {"paper_printed", "printed, million", 0}, {"weights", "weights here", 0},
        {"perplexity", "perplexity", 3}, {"wrong", "wrong, %", 1}, {"edits", "edits, %", 1}, {"steps", "steps", 0}, {"seconds", "seconds", 1}};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    double *values = lab_alloc(l, ROWS * COLUMNS, sizeof *values), shares = 0;
    const char *names[ROWS];
    for (int i = 0; i < ROWS && values; i++) {
        values[i * COLUMNS] = weights_of(l, &rows[i]);
        values[i * COLUMNS + 1] = rows[i].printed > 0 ? rows[i].printed : NAN;
        shares += cost_of(&rows[i]);
    }
    pairs p = {0};
    if (!values || !open_data(l, &p)) {
        pairs_free(&p);
        return;
    }
    lab_plan(l, shares);
    for (int i = 0; i < ROWS; i++)
        if (lab_begin(l, cost_of(&rows[i]), rows[i].name)) {
            train(l, &rows[i], &p);
            lab_end(l);
        }
    pairs_free(&p);
    if (!lab_ok(l)) return;
    for (int i = 0; i < ROWS; i++) {
        names[i] = rows[i].name;
        for (int c = 2; c < COLUMNS; c++) values[i * COLUMNS + c] = lab_get(l, names[i], columns[c].key);
    }
    lab_table(l, "rows", &(heed_table){"Table 3", "row", columns, COLUMNS, names, values, ROWS});
    lab_picture(l, "perplexity", "A curve for each thing that is varied, over the weights of its rows and of the base model.", draw(l));
}

const lab_experiment lab_table3 = {.name = "table3", .title = "table 3 of the Transformer paper: sizes, and a sweep of its rows", .see = see,
                                   .options = option_table, .options_size = sizeof(options), .run = run};
