/* Constituency parsing as translation: section 6.3 of "Attention Is All You Need", after Vinyals et al. 2015. */
#include "experiments/grammar.h"
#include "experiments/list.h"
#include "experiments/teach.h"
#include "experiments/weights.h"

#include <math.h>
#include <string.h>

static const char see[] =
    "Section 6.3 of \"Attention Is All You Need\": a Transformer of four layers reads a sentence and writes its tree as symbols, "
    "\"(S (NP XX XX )NP (VP XX )VP XX )S\", XX for a word (Vinyals et al. 2015). It is a translator and knows nothing of trees: nothing "
    "but training makes its brackets balance. Measured on held-out sentences are labelled brackets as evalb counts them, and the share of "
    "well-formed outputs: brackets that balance, with as many XX as words. Others are repaired before they are measured. See that nearly "
    "all are well-formed, that F1 falls with the length of the sentence, and how little a wider beam adds to the greedy search (the paper: "
    "beam 21, length penalty 0.3, at most 300 symbols more than words).";

typedef struct options { char *treebank, *valid; double alpha; } options;

static const heed_option option_table[] = {
    HEED_OPTION_TEXT(options, treebank, "", "trees in brackets to learn from; without it a grammar makes some up"),
    HEED_OPTION_TEXT(options, valid, "", "trees to test on; without it a twentieth of the others is held out"),
    HEED_OPTION_REAL(options, alpha, "[0,10]", "0.3", "length penalty of the beam search"),
    {0}};

/* --- data ----------------------------------------------------------------------------------------------------------------------- */

typedef struct data {
    heed_treebank *train, *valid; /* valid NULL: held out of train */
    pairs pairs;                  /* sentences and symbols; an example's origin is the number of its tree */
} data;

static const heed_tree *tree_of(const data *d, size_t origin) { return heed_treebank_at(d->valid ? d->valid : d->train, origin); }

/* A line for every tree, of words or of symbols. */
static heed_text *lines_of(lab *l, const heed_treebank *b, char *(*line_of)(const heed_tree *, heed_error *))
{
    char *all = NULL;
    size_t capacity = 0, used = 0;
    for (size_t i = 0; b && i < heed_treebank_count(b) && lab_ok(l); i++) {
        char *line = line_of(heed_treebank_at(b, i), lab_error(l));
        size_t n = line ? strlen(line) : 0;
        if (line && heed_grow((void **)&all, &capacity, used + n + 1, 1)) {
            memcpy(all + used, line, n);
            all[used + n] = '\n';
            used += n + 1;
        } else if (line) heed_fail(lab_error(l), HEED_NO_MEMORY, "no memory for the treebank's lines");
        heed_free(line);
    }
    heed_text *text = b && lab_ok(l) ? heed_text_parse("the treebank", all, used, NULL, lab_error(l)) : NULL;
    heed_free(all);
    return text;
}

static heed_treebank *make_up(lab *l, uint64_t part, size_t count)
{
    size_t length = 0;
    char *text = lab_ok(l) ? grammar_trees(lab_seed(l), part, count, lab_quick(l) ? 12 : 40, &length, lab_error(l)) : NULL;
    heed_treebank *b = text ? heed_treebank_parse("the grammar", text, length, lab_error(l)) : NULL;
    heed_free(text);
    return b;
}

static void read_trees(lab *l, data *d)
{
    const options *o = lab_options(l);
    if (*o->valid && !*o->treebank) lab_fail(l, "--valid belongs to --treebank");
    if (!lab_ok(l)) return;
    if (*o->treebank) d->train = heed_treebank_read(o->treebank, lab_error(l));
    if (*o->valid && lab_ok(l)) d->valid = heed_treebank_read(o->valid, lab_error(l));
    if (*o->treebank) return;
    d->train = make_up(l, 0, lab_quick(l) ? 2000 : 20000);
    d->valid = make_up(l, 1, lab_quick(l) ? 60 : 1000);
}

static bool open_data(lab *l, data *d)
{
    const options *o = lab_options(l);
    read_trees(l, d);
    heed_text *texts[4] = {lines_of(l, d->train, heed_tree_sentence), lines_of(l, d->train, heed_tree_symbols),
                           lines_of(l, d->valid, heed_tree_sentence), lines_of(l, d->valid, heed_tree_symbols)};
    pairs_lines x = {.src = texts[0], .tgt = texts[1], .valid_src = texts[2], .valid_tgt = texts[3], .units = "words",
                     .min_count = *o->treebank ? 2 : 1}; /* words seen once teach what is unknown */
    d->pairs.batch_tokens = lab_quick(l) ? 256 : 1024;
    bool fine = lab_ok(l) && pairs_from_lines(l, &d->pairs, &x);
    for (int i = 0; i < 4; i++) heed_text_free(texts[i]);
    return fine;
}

static void close_data(data *d)
{
    pairs_free(&d->pairs);
    heed_treebank_free(d->train);
    heed_treebank_free(d->valid);
}

/* --- the model ------------------------------------------------------------------------------------------------------------------ */

typedef struct parser { heed_params *params; heed_transformer *model; teach teach; } parser;

static const char trained[] = "training";

static bool make(lab *l, parser *m, const data *d)
{
    int64_t width = lab_quick(l) ? 32 : 64;
    int layers = lab_quick(l) ? 2 : 4;
    heed_transformer_config c = {
        /* the norm before each part, and no dropout: at this size the paper's order takes several times as many steps */
        .layer = {.d = width, .heads = 4, .dk = width / 4, .dv = width / 4, .ff = 4 * width, .activation = HEED_RELU, .pre_norm = true},
        .src_vocab = d->pairs.src_symbols, .tgt_vocab = d->pairs.tgt_symbols, .enc_layers = layers, .dec_layers = layers,
        .tie = HEED_TIE_OUTPUT};
    *m = (parser){.params = heed_params_new(lab_seed(l)), .model = lab_alloc(l, 1, sizeof *m->model)};
    if (!m->model) return false;
    heed_transformer_init(m->model, m->params, &c);
    heed_schedule schedule = {.kind = HEED_SCHEDULE_COSINE, .lr = lab_quick(l) ? 5e-3 : 3e-3, .warmup = lab_quick(l) ? 100 : 200};
    /* without label smoothing, which makes every symbol dear: beams would prefer trees that are too short */
    m->teach = (teach){.how = {.name = "parsing", .params = m->params, .steps = lab_quick(l) ? 1500 : 4000, .schedule = schedule},
                       .model = heed_transformer_model(m->model), .data = &d->pairs};
    return lab_check(l, heed_params_error(m->params));
}

static void train(lab *l, const data *d)
{
    parser m;
    if (make(l, &m, d) && teach_run(l, &m.teach)) {
        lab_put(l, "steps", (double)m.teach.how.done);
        lab_put(l, "weights", (double)heed_params_size(m.params));
        lab_put(l, "loss", teach_measure(l, &m.teach, d->pairs.valid).loss);
        weights_keep(l, m.params);
    }
    heed_params_free(m.params);
}

/* --- parsing -------------------------------------------------------------------------------------------------------------------- */

enum { BINS = 8, BIN = 5, FEWEST = 5, EXTRA = 300 }; /* bins of sentences by length, the last without end */

typedef struct score { heed_brackets brackets; int64_t sentences, formed, words; } score;

static void add(lab *l, score *s, const heed_tree *gold, const heed_tree *output, const heed_tree_repairs *r)
{
    heed_brackets_add(&s->brackets, gold, output, lab_error(l));
    s->sentences++;
    s->formed += !heed_tree_repaired(r);
    s->words += (int64_t)gold->words;
}

/* A sentence with a few wrong brackets, the longest that a picture shows well. */
typedef struct example { size_t words; char *right, *given; } example;

static void consider(lab *l, example *x, const heed_tree *gold, const heed_tree *output)
{
    heed_brackets b = {0};
    heed_brackets_add(&b, gold, output, lab_error(l));
    if (b.exact || gold->words > 14 || gold->words <= x->words || b.gold - b.match > 3) return;
    heed_free(x->right);
    heed_free(x->given);
    *x = (example){gold->words, heed_tree_brackets(gold, lab_error(l)), heed_tree_brackets(output, lab_error(l))};
}

static void take_output(lab *l, const data *d, size_t number, heed_hypothesis h, score *all, score *bins, example *x)
{
    heed_tree_repairs r;
    const heed_tree *gold = tree_of(d, heed_examples_origin(d->pairs.valid_examples, number));
    heed_line line = heed_vocab_decode(d->pairs.tgt_vocab, d->pairs.tgt_units, h.ids, (size_t)h.length, lab_error(l));
    heed_tree *output = line.bytes ? heed_tree_write(line.bytes, gold, &r, lab_error(l)) : NULL;
    size_t bin = (gold->words - 1) / BIN;
    if (output) {
        add(l, all, gold, output, &r);
        add(l, &bins[bin < BINS ? bin : BINS - 1], gold, output, &r);
        consider(l, x, gold, output);
    }
    heed_tree_free(output);
}

static void put_results(lab *l, const score *all, const score *bins)
{
    double length[BINS], f1[BINS], formed[BINS], sentences[BINS];
    for (int i = 0; i < BINS; i++) {
        sentences[i] = (double)bins[i].sentences;
        length[i] = (double)bins[i].words / sentences[i];
        bool some = bins[i].sentences >= FEWEST;
        f1[i] = some ? 100 * heed_brackets_f1(&bins[i].brackets) : NAN;
        formed[i] = some ? 100 * (double)bins[i].formed / sentences[i] : NAN;
    }
    lab_put(l, "precision", 100 * heed_brackets_precision(&all->brackets));
    lab_put(l, "recall", 100 * heed_brackets_recall(&all->brackets));
    lab_put(l, "f1", 100 * heed_brackets_f1(&all->brackets));
    lab_put(l, "exact", 100 * (double)all->brackets.exact / (double)all->sentences);
    lab_put(l, "crossing", (double)all->brackets.crossing / (double)all->sentences);
    lab_put(l, "formed", 100 * (double)all->formed / (double)all->sentences);
    lab_put(l, "sentences", (double)all->sentences);
    lab_put_array(l, "length", 1, (int64_t[]){BINS}, length);
    lab_put_array(l, "f1_by_length", 1, (int64_t[]){BINS}, f1);
    lab_put_array(l, "formed_by_length", 1, (int64_t[]){BINS}, formed);
    lab_put_array(l, "sentences_by_length", 1, (int64_t[]){BINS}, sentences);
}

static void parse(lab *l, const data *d, int64_t beam)
{
    parser m;
    score all = {0}, bins[BINS] = {{{0}, 0, 0, 0}};
    example x = {0};
    heed_batches *batches = NULL;
    heed_decoder *writer = NULL;
    if (make(l, &m, d)) weights_take(l, trained, m.params);
    heed_batches_options in_order = {.tokens = 2048, .in_order = true};
    if (lab_ok(l)) batches = heed_batches_create(d->pairs.valid_examples, &in_order, lab_error(l));
    if (lab_ok(l) && !(writer = heed_decoder_new(lab_graph(l), m.teach.model)))
        heed_fail(lab_error(l), HEED_NO_MEMORY, "no memory to parse");
    heed_search how = heed_search_greedy(HEED_ID_PAD, HEED_ID_BEGIN, HEED_ID_END);
    how.beam = beam;
    how.alpha = beam > 1 ? ((const options *)lab_options(l))->alpha : 0;
    how.factor = 1;
    how.extra = lab_quick(l) ? 60 : EXTRA;
    for (size_t i = 0; lab_ok(l) && i < heed_batches_count(batches).batches; i++) {
        const heed_batch *b = heed_batches_at(batches, i);
        heed_prompts p = {.sentences = (int64_t)b->rows, .steps = (int64_t)b->source_steps, .source = b->source,
                          .source_length = b->source_length};
        heed_found *f = heed_search_run(writer, &how, &p, lab_error(l));
        for (size_t r = 0; f && r < b->rows && lab_ok(l); r++)
            take_output(l, d, b->example[r], heed_found_at(f, (int64_t)r, 0), &all, bins, &x);
        heed_found_free(f);
    }
    if (lab_ok(l)) put_results(l, &all, bins);
    if (lab_ok(l) && x.right) {
        lab_put_text(l, "right_tree", x.right);
        lab_put_text(l, "given_tree", x.given);
    }
    heed_free(x.right);
    heed_free(x.given);
    heed_decoder_free(writer);
    heed_batches_free(batches);
    heed_params_free(m.params);
}

/* --- results -------------------------------------------------------------------------------------------------------------------- */

static char *draw_lengths(lab *l, const char *const *names, int count)
{
    heed_curve curves[2][4];
    for (int i = 0; i < count; i++) {
        int64_t n = 0;
        const double *x = lab_array(l, names[i], "length", 1, &n), *f1 = lab_array(l, names[i], "f1_by_length", 1, &n),
                     *formed = lab_array(l, names[i], "formed_by_length", 1, &n);
        curves[0][i] = (heed_curve){names[i], x, f1, x ? (size_t)n : 0};
        curves[1][i] = (heed_curve){names[i], x, formed, x ? (size_t)n : 0};
    }
    heed_plot plots[] = {{"F1 of labelled brackets, %", curves[0], (size_t)count, false}, {"well-formed, %", curves[1], (size_t)count, false}};
    return heed_figure_curves("Parsing by the length of the sentence", "words", plots, 2, lab_error(l));
}

/* NULL where everything was right. */
static char *draw_example(lab *l, const char *piece)
{
    const char *right = lab_get_text(l, piece, "right_tree"), *given = lab_get_text(l, piece, "given_tree");
    heed_treebank *a = right ? heed_treebank_parse("the right tree", right, strlen(right), lab_error(l)) : NULL;
    heed_treebank *b = given ? heed_treebank_parse("the tree that was written", given, strlen(given), lab_error(l)) : NULL;
    char *svg = NULL;
    if (a && b) {
        const heed_tree *trees[] = {heed_treebank_at(a, 0), heed_treebank_at(b, 0)};
        static const char *const names[] = {"the right tree", "the tree that was written"};
        svg = heed_figure_trees("A sentence that was not parsed right", trees, names, 2, lab_error(l));
    }
    heed_treebank_free(a);
    heed_treebank_free(b);
    return svg;
}

static void table_of_lengths(lab *l, const char *piece)
{
    static const heed_table_column columns[] = {
        {"sentences", "sentences", 0}, {"length", "words", 1}, {"f1", "F1, %", 1}, {"formed", "well-formed, %", 1}};
    static const char *const keys[] = {"sentences_by_length", "length", "f1_by_length", "formed_by_length"};
    const char *names[BINS];
    double values[BINS * 4];
    for (int c = 0; c < 4; c++) {
        int64_t n = 0;
        const double *v = lab_array(l, piece, keys[c], 1, &n);
        for (int i = 0; i < BINS; i++) values[i * 4 + c] = v ? v[i] : NAN;
    }
    for (int i = 0; i < BINS; i++)
        names[i] = i + 1 < BINS ? lab_text(l, "%d to %d", i * BIN + 1, (i + 1) * BIN) : lab_text(l, "from %d", i * BIN + 1);
    lab_table(l, "lengths", &(heed_table){lab_text(l, "By length, %s", piece), "words", columns, 4, names, values, BINS});
}

static void run(lab *l)
{
    static const struct { const char *name; int64_t beam; double share; } searches[] = {
        {"greedy", 1, 1}, {"beam 4", 4, 2}, {"beam 21", 21, 6}};
    static const heed_table_column columns[] = {
        {"precision", "precision, %", 1}, {"recall", "recall, %", 1}, {"f1", "F1, %", 1}, {"exact", "exact, %", 1},
        {"crossing", "crossing a sentence", 2}, {"formed", "well-formed, %", 1}, {"sentences", "sentences", 0}, {"seconds", "seconds", 1}};
    enum { SEARCHES = sizeof searches / sizeof *searches };
    const char *names[SEARCHES];
    data d = {0};
    int count = lab_quick(l) ? 2 : SEARCHES;
    if (open_data(l, &d)) {
        lab_plan(l, 100);
        if (lab_begin(l, 91, trained)) {
            train(l, &d);
            lab_end(l);
        }
        for (int i = 0; i < count; i++) {
            names[i] = searches[i].name;
            if (!lab_begin(l, searches[i].share, names[i])) continue;
            parse(l, &d, searches[i].beam);
            lab_end(l);
        }
    }
    close_data(&d);
    if (!lab_ok(l)) return;
    lab_table_of_pieces(l, "searches", "Trees of held-out sentences", "search", columns, sizeof columns / sizeof *columns, names,
                        (size_t)count);
    table_of_lengths(l, names[count - 1]);
    lab_say(l, "%.0f weights, %.0f steps of training, %.3f nats a symbol on held-out trees.", lab_get(l, trained, "weights"),
            lab_get(l, trained, "steps"), lab_get(l, trained, "loss"));
    lab_picture(l, "lengths", "Sentences in groups of five lengths.", draw_lengths(l, names, count));
    lab_picture(l, "tree", "Brackets that the right tree does not have are in another colour.", draw_example(l, names[count - 1]));
}

const lab_experiment lab_parsing = {.name = "parsing", .title = "trees written as symbols: section 6.3 of the Transformer paper", .see = see,
                                    .options = option_table, .options_size = sizeof(options), .run = run};
