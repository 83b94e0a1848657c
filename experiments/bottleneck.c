/* The bottleneck of a context of fixed size: what an encoder-decoder gets through it, and what attention does to that. */
#include "experiments/list.h"
#include "experiments/teach.h"

#include <math.h>

static const char see[] =
    "Encoder-decoders learn to copy random symbols. The first kind passes one vector of fixed size from encoder to decoder, the last state of a GRU "
    "(Sutskever, Vinyals and Le 2014; Cho et al. 2014), whatever the length of the source; the second lets the decoder attend to all states "
    "(Bahdanau, Cho and Bengio 2015; Luong, Pham and Manning 2015); the third is a Transformer. See that with the fixed context accuracy falls with "
    "the length of the source, later for larger hidden sizes, as what the vector holds is limited, while with attention the hidden size hardly "
    "matters. With parallel text given, see the same in BLEU by the length of the sentence.";

typedef struct own { char *src, *tgt, *units; int64_t examples; } own;
static const heed_option options[] = {
    HEED_OPTION_TEXT(own, src, "", "source lines of parallel text, instead of symbols to copy"),
    HEED_OPTION_TEXT(own, tgt, "", "their target lines"),
    HEED_OPTION_TEXT(own, units, "words", "units of both, as heed train takes them"),
    HEED_OPTION_INT(own, examples, "[0,100000000]", "0", "pairs of lines to learn from; 0: all"),
    {0},
};

enum { SYMBOLS = 16, LONGEST = 30, GROUPS = 6, WIDTH = LONGEST / GROUPS, MOST_SIZES = 4, KINDS = 3 };
typedef enum kind { FIXED, ATTENTION, TRANSFORMER } kind;
static const char *const kinds[KINDS] = {"fixed context", "attention", "Transformer"};

static bool has_text(const lab *l) { return *((const own *)lab_options(l))->src || *((const own *)lab_options(l))->tgt; }

static bool open_data(lab *l, pairs *p)
{
    const own *o = lab_options(l);
    if (!has_text(l)) {
        *p = (pairs){.batch_tokens = 1024, .most_train = lab_quick(l) ? 20000 : 60000, .most_valid = 600};
        return pairs_from_task(l, p, &(task){TASK_COPY, SYMBOLS, 1, LONGEST, lab_seed(l)});
    }
    if (!*o->src || !*o->tgt) return lab_fail(l, "--src and --tgt belong together"), false;
    *p = (pairs){.batch_tokens = 2048, .most_train = (size_t)o->examples, .most_valid = 1000};
    return pairs_from_text(l, p, (const char *const[]){o->src, o->tgt}, NULL, o->units);
}

/* --- models ----------------------------------------------------------------------------------------------------------------- */

static heed_model recurrent(lab *l, heed_params *ps, const pairs *p, int64_t hidden, bool attention)
{
    heed_seq2seq *m = lab_alloc(l, 1, sizeof *m);
    if (m) heed_seq2seq_init(m, ps, &(heed_seq2seq_config){.kind = HEED_GRU, .src_vocab = p->src_symbols, .tgt_vocab = p->tgt_symbols, .emb = hidden,
                                                           .enc_hidden = hidden, .hidden = hidden, .layers = 1,
                                                           .score = attention ? heed_score_find("general") : NULL, .feed = HEED_FEED_CONTEXT,
                                                           .tie = HEED_TIE_OUTPUT});
    return heed_seq2seq_model(m);
}

static heed_model transformer(lab *l, heed_params *ps, const pairs *p, int64_t hidden)
{
    heed_transformer *m = lab_alloc(l, 1, sizeof *m);
    heed_transformer_config c = {.layer = {.d = hidden, .heads = 4, .dk = hidden / 4, .dv = hidden / 4, .ff = 2 * hidden, .pre_norm = true},
                                 .src_vocab = p->src_symbols, .tgt_vocab = p->tgt_symbols, .enc_layers = 2, .dec_layers = 2, .tie = HEED_TIE_OUTPUT};
    if (m) heed_transformer_init(m, ps, &c);
    return heed_transformer_model(m);
}

static void work(lab *l, const pairs *p, kind k, int64_t hidden)
{
    heed_params *ps = heed_params_new(lab_seed(l));
    heed_model m = k == TRANSFORMER ? transformer(l, ps, p, hidden) : recurrent(l, ps, p, hidden, k == ATTENTION);
    teach t = {.how = {.name = kinds[k], .params = ps, .steps = lab_quick(l) ? 400 : has_text(l) ? 4000 : 1500, .looks = 20,
                       .schedule = {.kind = HEED_SCHEDULE_COSINE, .lr = hidden > 128 ? 1.5e-3 : 3e-3, .lowest = 1e-4, .warmup = 50}},
               .model = m, .data = p, .curve = "curve"};
    if (lab_check(l, heed_params_error(ps)) && teach_run(l, &t)) {
        teach_errors by[GROUPS], all = teach_write(l, &t, 1);
        double wrong[GROUPS], edits[GROUPS], bleu[GROUPS];
        teach_write_by_length(l, &t, 1, WIDTH, GROUPS, by);
        for (int i = 0; i < GROUPS; i++) wrong[i] = by[i].wrong, edits[i] = by[i].edits, bleu[i] = by[i].bleu;
        lab_put_array(l, "wrong", 1, (int64_t[]){GROUPS}, wrong);
        lab_put_array(l, "edits", 1, (int64_t[]){GROUPS}, edits);
        lab_put_array(l, "bleu", 1, (int64_t[]){GROUPS}, bleu);
        lab_put(l, "all_edits", all.edits);
        lab_put(l, "all_wrong", all.wrong);
        if (!isnan(all.bleu)) lab_put(l, "all_bleu", all.bleu);
        lab_put(l, "weights", (double)heed_params_size(ps));
        lab_put(l, "loss", t.points ? t.valid[t.points - 1] : NAN);
        lab_put(l, "steps", (double)t.how.done);
    }
    heed_params_free(ps);
}

/* --- results ---------------------------------------------------------------------------------------------------------------- */

/* Of a piece: right symbols (1 - edits a symbol) by length, or BLEU. A 0 stands behind them: at no length, it makes every plot begin at 0. */
static double *by_length(lab *l, const char *piece, bool bleu)
{
    int64_t n = 0;
    const double *v = lab_array(l, piece, bleu ? "bleu" : "edits", 1, &n);
    double *y = lab_alloc(l, GROUPS + 1, sizeof *y);
    for (int i = 0; y && i < GROUPS; i++) y[i] = v ? (bleu ? v[i] : fmax(0, 1 - v[i])) : NAN;
    return y;
}

static void show(lab *l, const char *const *names, const int *sizes, int count)
{
    bool text = has_text(l);
    double values[KINDS * MOST_SIZES * (GROUPS + 4)], x[GROUPS + 1];
    heed_table_column columns[GROUPS + 4];
    heed_curve curves[KINDS][MOST_SIZES];
    heed_plot plots[KINDS];
    for (int i = 0; i < GROUPS; i++) {
        const char *range = i < GROUPS - 1 || !text ? lab_text(l, "%d-%d", i * WIDTH + 1, (i + 1) * WIDTH) : lab_text(l, "%d-", i * WIDTH + 1);
        columns[i] = (heed_table_column){lab_text(l, "to_%d", (i + 1) * WIDTH), range, text ? 1 : 3};
        x[i] = (i + 0.5) * WIDTH + 0.5;
    }
    x[GROUPS] = NAN;
    static const heed_table_column last[] = {{"all_wrong", "wrong outputs", 3}, {"weights", "weights", 0}, {"steps", "steps", 0},
                                             {"seconds", "seconds", 1}};
    for (int i = 0; i < 4; i++) columns[GROUPS + i] = last[i];
    for (int i = 0; i < KINDS * count; i++) {
        double *y = by_length(l, names[i], text);
        for (int c = 0; c < GROUPS + 4; c++)
            values[i * (GROUPS + 4) + c] = c < GROUPS ? (y ? y[c] : NAN) : lab_get(l, names[i], columns[c].key);
        curves[i / count][i % count] = (heed_curve){lab_text(l, "hidden %d", sizes[i % count]), x, y, y ? GROUPS + 1 : 0};
    }
    const char *what = text ? "BLEU (of units)" : "right symbols";
    lab_table(l, "lengths", &(heed_table){lab_text(l, "%s by the length of the source", text ? what : "Right symbols (1 - edits a symbol)"), "model",
                                          columns, GROUPS + 4, names, values, (size_t)(KINDS * count)});
    for (int k = 0; k < KINDS; k++) plots[k] = (heed_plot){lab_text(l, "%s, %s", what, kinds[k]), curves[k], (size_t)count, false};
    if (!lab_ok(l)) return;
    lab_picture(l, "lengths", "Each curve is a model that was trained on all lengths; written by greedy search from sources it has not seen.",
                heed_figure_curves(text ? "Translations by length" : "Copying by length", "length of the source", plots, KINDS, lab_error(l)));
    for (int i = 0; i < KINDS * count; i++) {
        int64_t n = 0;
        const double *steps = lab_array(l, names[i], "curve_step", 1, &n), *valid = lab_array(l, names[i], "curve_valid", 1, &n);
        curves[i / count][i % count] = (heed_curve){lab_text(l, "hidden %d", sizes[i % count]), steps, valid, (size_t)n};
    }
    for (int k = 0; k < KINDS; k++) plots[k].title = lab_text(l, "validation loss (nats a symbol), %s", kinds[k]);
    lab_picture(l, "learning", "Loss on pairs that were held out.", heed_figure_curves("How they learn", "step", plots, KINDS, lab_error(l)));
}

static void run(lab *l)
{
    static const int full[MOST_SIZES] = {32, 64, 128, 256}, quick[] = {64}, text[] = {64, 256};
    const int *sizes = lab_quick(l) ? quick : has_text(l) ? text : full;
    int count = lab_quick(l) ? 1 : has_text(l) ? 2 : MOST_SIZES;
    const char *names[KINDS * MOST_SIZES];
    double total = 0;
    for (int i = 0; i < KINDS * count; i++) {
        names[i] = lab_text(l, "%s, hidden %d", kinds[i / count], sizes[i % count]);
        total += 10 + sizes[i % count];
    }
    lab_plan(l, total);
    pairs p = {0};
    bool ready = false;
    for (int i = 0; i < KINDS * count; i++) {
        if (!lab_begin(l, 10 + sizes[i % count], names[i])) continue;
        if (!ready) ready = open_data(l, &p);
        if (ready) work(l, &p, (kind)(i / count), sizes[i % count]);
        lab_end(l);
    }
    pairs_free(&p);
    if (lab_ok(l)) show(l, names, sizes, count);
}

const lab_experiment lab_bottleneck = {.name = "bottleneck", .see = see,
                                       .title = "a context of fixed size against attention, by the length of the source", .options = options, .options_size = sizeof(own), .run = run};
