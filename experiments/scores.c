/* The attention scores that came before the Transformer, and its own, in one encoder-decoder on one task. */
#include "experiments/list.h"
#include "experiments/teach.h"

#include <math.h>
#include <string.h>

static const char see[] =
    "An encoder-decoder (bidirectional GRU, GRU decoder that is fed what it read) differs in its attention score alone: content-based (cosine; Graves "
    "et al. 2014), additive (Bahdanau et al. 2015), location-based, general and dot (Luong et al. 2015), scaled dot (Vaswani et al. 2017), and none "
    "at all: the last state of the encoder for every step. Same data, same seeds, same steps. See the error rates against what each one costs, and in "
    "the maps where the decoder looks while it writes: on reversed symbols all that learn it draw the other diagonal, on letters and phonemes a "
    "crooked one. The location-based score looks at places without regard to what stands there. Cosine and scaled dot start with flat weights, "
    "for their scores are small, and take longer to look at one place: the states of a GRU lie between -1 and 1, unlike the queries and keys "
    "for which the Transformer's scale is made.";

typedef struct own { char *dict; int64_t hidden; } own;
static const heed_option options[] = {
    HEED_OPTION_TEXT(own, dict, "", "dictionary, such as letters to phonemes, instead of symbols to reverse"),
    HEED_OPTION_INT(own, hidden, "[4,4096]", "64", "states of each direction of the encoder, half of the decoder's"),
    {0},
};

enum { SYMBOLS = 16, LONGEST = 16, MOST_SCORES = 16, MOST_MAP = 64 };

static bool has_dictionary(const lab *l) { return *((const own *)lab_options(l))->dict; }

static bool open_data(lab *l, pairs *p)
{
    const own *o = lab_options(l);
    *p = (pairs){.batch_tokens = lab_quick(l) ? 512 : 1024, .most_train = has_dictionary(l) ? 0 : 60000, .most_valid = lab_quick(l) ? 300 : 2000};
    return has_dictionary(l) ? pairs_from_dictionary(l, p, o->dict)
                             : pairs_from_task(l, p, &(task){TASK_REVERSE, SYMBOLS, 3, lab_quick(l) ? LONGEST / 2 : LONGEST, lab_seed(l)});
}

/* The weights while the right answer of an example is written: rows are its symbols, the end too, columns those of the source. */
static void put_weights(lab *l, const teach *t, size_t example)
{
    heed_graph *g = lab_graph(l);
    size_t sources, answers;
    const int32_t *source = heed_examples_source(t->data->valid_examples, example, &sources);
    const int32_t *answer = heed_examples_answer(t->data->valid_examples, example, 0, &answers);
    int32_t said[MOST_MAP + 1] = {HEED_ID_BEGIN};
    if (sources > MOST_MAP || answers >= MOST_MAP) return;
    memcpy(said + 1, answer, answers * sizeof *answer);
    int64_t rows = (int64_t)answers + 1, columns = (int64_t)sources;
    heed_graph_reset(g);
    heed_keep_named(g, "*weights");
    heed_teaching x = {.src = heed_input(g, HEED_I32, 2, (int64_t[]){1, columns}, source),
                       .tgt = heed_input(g, HEED_I32, 2, (int64_t[]){1, rows}, said)};
    heed_tensor *logits = heed_model_logits(g, t->model, &x), *a = heed_find(g, "attend.weights");
    heed_run(g, 1, &logits);
    const float *weights = a ? heed_data(g, a) : NULL;
    if (lab_check(l, heed_graph_error(g)) && weights) lab_put_floats(l, "attention", 2, (int64_t[]){rows, columns}, weights);
    heed_keep_clear(g);
    heed_graph_reset(g);
}

/* An example of a length that makes a picture; what it says is kept with the first piece. */
static size_t choose(const pairs *p)
{
    size_t count = heed_examples_count(p->valid_examples), best = 0, best_length = 0, length;
    for (size_t i = 0; i < count; i++) {
        heed_examples_source(p->valid_examples, i, &length);
        if (length <= 12 && length > best_length) best = i, best_length = length;
    }
    return best;
}

static void put_labels(lab *l, const pairs *p, size_t example)
{
    for (int source = 0; source < 2; source++) {
        size_t count;
        const int32_t *ids = source ? heed_examples_source(p->valid_examples, example, &count)
                                    : heed_examples_answer(p->valid_examples, example, 0, &count);
        const char *text = "";
        for (size_t i = 0; i < count; i++) text = lab_text(l, "%s%s%s", text, i ? " " : "", pairs_symbol(l, p, source, ids[i]));
        lab_put_text(l, source ? "source" : "answer", text);
    }
}

static void work(lab *l, const pairs *p, const heed_score *score)
{
    heed_params *ps = heed_params_new(lab_seed(l));
    heed_seq2seq *m = lab_alloc(l, 1, sizeof *m);
    int64_t hidden = ((const own *)lab_options(l))->hidden;
    heed_seq2seq_config c = {.kind = HEED_GRU, .src_vocab = p->src_symbols, .tgt_vocab = p->tgt_symbols, .emb = hidden, .enc_hidden = hidden,
                             .hidden = 2 * hidden, .layers = 1, .bidirectional = true, .score = score, .max_len = p->longest_source,
                             .feed = HEED_FEED_CONTEXT, .initial = HEED_INITIAL_LAST, .tie = HEED_TIE_OUTPUT};
    if (m) heed_seq2seq_init(m, ps, &c);
    teach t = {.how = {.name = score ? score->name : "none", .params = ps, .steps = lab_quick(l) ? 250 : has_dictionary(l) ? 3000 : 1500, .looks = 20,
                       .schedule = {.kind = HEED_SCHEDULE_COSINE, .lr = 3e-3, .lowest = 1e-4, .warmup = 50}},
               .model = heed_seq2seq_model(m), .data = p, .curve = "curve"};
    if (m && lab_check(l, heed_params_error(ps)) && teach_run(l, &t)) {
        teach_errors e = teach_write(l, &t, 1);
        size_t example = choose(p);
        lab_put(l, "wrong", e.wrong);
        lab_put(l, "edits", e.edits);
        lab_put(l, "loss", t.valid[t.points - 1]);
        lab_put(l, "weights", (double)heed_params_size(ps));
        lab_put(l, "speed", t.tokens_per_second);
        lab_put(l, "steps", (double)t.how.done);
        put_labels(l, p, example);
        if (score) put_weights(l, &t, example);
    }
    heed_params_free(ps);
}

/* --- results ---------------------------------------------------------------------------------------------------------------- */

/* The words of a text as labels; *count is at most MOST_MAP. */
static const char **words_of(lab *l, const char *text, int64_t *count)
{
    const char **words = lab_alloc(l, MOST_MAP + 1, sizeof *words);
    *count = 0;
    for (const char *at = text; words && at && *at && *count < MOST_MAP; at += strspn(at, " ")) {
        int n = (int)strcspn(at, " ");
        words[(*count)++] = lab_text(l, "%.*s", n, at);
        at += n;
    }
    return words;
}

static void show(lab *l, const char *const *names, int count)
{
    static const heed_table_column columns[] = {{"wrong", "wrong outputs", 3}, {"edits", "edits a symbol", 3}, {"loss", "validation loss", 3},
                                                {"weights", "weights", 0},     {"speed", "symbols/s", 0},      {"steps", "steps", 0},
                                                {"seconds", "seconds", 1}};
    lab_table_of_pieces(l, "scores", has_dictionary(l) ? "Attention scores on a dictionary (wrong outputs: WER; edits a symbol: PER)"
                                                       : "Attention scores on reversed symbols",
                        "score", columns, sizeof columns / sizeof *columns, names, (size_t)count);
    heed_heatmap maps[MOST_SCORES];
    heed_curve curves[MOST_SCORES];
    size_t drawn = 0;
    int64_t inputs, outputs, n, shape[2];
    const char **input = words_of(l, lab_get_text(l, names[0], "source"), &inputs),
               **output = words_of(l, lab_get_text(l, names[0], "answer"), &outputs);
    if (!lab_ok(l)) return;
    output[outputs] = "</s>";
    for (int i = 0; i < count; i++) {
        const float *a = lab_floats(l, names[i], "attention", 2, shape);
        if (a && shape[0] == outputs + 1 && shape[1] == inputs) maps[drawn++] = (heed_heatmap){names[i], a, shape[0], shape[1], output, input};
        const double *steps = lab_array(l, names[i], "curve_step", 1, &n), *valid = lab_array(l, names[i], "curve_valid", 1, &n);
        curves[i] = (heed_curve){names[i], steps, valid, (size_t)n};
    }
    if (drawn) lab_picture(l, "alignments", "Rows are the symbols of the output, columns those of the input; a row's weights sum to 1.",
                           heed_figure_heatmaps("Where the decoder looks", "output", "input", maps, drawn, lab_error(l)));
    heed_plot plot = {"validation loss (nats a symbol)", curves, (size_t)count, true};
    lab_picture(l, "learning", "Loss on pairs that were held out.", heed_figure_curves("How they learn", "step", &plot, 1, lab_error(l)));
}

static void run(lab *l)
{
    const char *names[MOST_SCORES];
    int count = 0;
    pairs p = {0};
    bool ready = false;
    for (const heed_score *s = heed_scores; s->name && count < MOST_SCORES - 1; s++) names[count++] = s->name;
    names[count++] = "none";
    lab_plan(l, count);
    for (int i = 0; i < count; i++) {
        if (!lab_begin(l, 1, names[i])) continue;
        if (!ready) ready = open_data(l, &p);
        if (ready) work(l, &p, heed_score_find(names[i]));
        lab_end(l);
    }
    pairs_free(&p);
    if (lab_ok(l)) show(l, names, count);
}

const lab_experiment lab_scores = {.name = "scores", .title = "six attention scores on the same task", .see = see, .options = options,
                                   .options_size = sizeof(own), .run = run};
