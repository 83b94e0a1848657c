/* What the heads of a trained encoder look at: figures 3 to 5 of "Attention Is All You Need", with heads found by measure. */
#include "experiments/language.h"
#include "experiments/learn.h"
#include "experiments/list.h"
#include "experiments/measures.h"
#include "experiments/trained.h"
#include "experiments/weights.h"

#include <stdlib.h>
#include <string.h>

static const char see[] =
    "Figures 3 to 5 of \"Attention Is All You Need\" show heads that follow long-distance dependencies, resolve anaphora and differ in what "
    "they look at. Here such heads are found by measure. An encoder learns to translate a generated language word by word, in which "
    "a verb depends on its subject and its particle, and \"it\" and \"its\" on the first clause's subject; so it is known which word each has "
    "to look at. Of every head is measured how far it looks on the average, its entropy, its weight on the word itself, the one before, the "
    "one behind, on delimiters, and on the word that each word depends on. See that nobody told the heads what to do, and yet some give nearly "
    "all their weight to one sort of dependence, over any distance, and that heads of one layer differ.";

typedef struct options { char *checkpoint, *src; } options;

static const heed_option option_table[] = {
    HEED_OPTION_TEXT(options, checkpoint, "", "a Transformer with an encoder, trained by heed train, to look at instead"),
    HEED_OPTION_TEXT(options, src, "", "and lines for it to read"),
    {0}};

enum { TESTED = 200, QUICK_TESTED = 60, ROWS = 32, MOST_SHOWN = 40 };

static const char training[] = "training", measuring[] = "heads";

/* --- the encoder that translates word by word ----------------------------------------------------------------------------------- */

typedef struct translator {
    heed_params *params;
    heed_transformer *encoder;
    heed_dense out;
    uint64_t seed;
    int32_t *words, *translations, lengths[ROWS];
} translator;

static bool make(lab *l, translator *m)
{
    int64_t d = lab_quick(l) ? 32 : 64;
    heed_transformer_config c = {
        .layer = {.d = d, .heads = 4, .dk = d / 4, .dv = d / 4, .ff = 4 * d, .activation = HEED_RELU, .dropout = lab_quick(l) ? 0 : 0.1},
        .src_vocab = language_words(), .enc_layers = lab_quick(l) ? 2 : 4};
    *m = (translator){.params = heed_params_new(lab_seed(l)), .encoder = lab_alloc(l, 1, sizeof *m->encoder), .seed = lab_seed(l),
                      .words = lab_alloc(l, ROWS * LANGUAGE_LONGEST, sizeof *m->words),
                      .translations = lab_alloc(l, ROWS * LANGUAGE_LONGEST, sizeof *m->translations)};
    if (!lab_ok(l)) return false;
    heed_transformer_init(m->encoder, m->params, &c);
    heed_dense_init(&m->out, m->params, "out", d, language_translations(), true);
    return lab_check(l, heed_params_error(m->params));
}

static heed_tensor *logits(heed_graph *g, const translator *m, heed_tensor *ids, heed_tensor *lengths)
{
    return heed_dense_apply(g, &m->out, heed_transformer_encode(g, m->encoder, ids, lengths));
}

static heed_tensor *loss(heed_graph *g, void *context, int64_t step)
{
    translator *m = context;
    int64_t longest = 0, rows = ROWS;
    language_sentence s[ROWS];
    for (int r = 0; r < ROWS; r++) {
        language_draw(&s[r], m->seed, 0, (uint64_t)step * ROWS + (uint64_t)r);
        m->lengths[r] = s[r].length;
        if (s[r].length > longest) longest = s[r].length;
    }
    longest = (longest + 3) / 4 * 4; /* fewer shapes */
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t t = 0; t < longest; t++) {
            bool there = t < s[r].length;
            m->words[r * longest + t] = there ? s[r].words[t] : 0;
            m->translations[r * longest + t] = there ? s[r].translation[t] : -1;
        }
    int64_t shape[] = {ROWS, longest};
    heed_tensor *ids = heed_input(g, HEED_I32, 2, shape, m->words), *lengths = heed_input(g, HEED_I32, 1, &rows, m->lengths);
    heed_tensor *right = heed_input(g, HEED_I32, 2, shape, m->translations);
    return heed_cross_entropy(g, logits(g, m, ids, lengths), right, -1, 0, HEED_MEAN);
}

static void train(lab *l)
{
    translator m;
    if (make(l, &m)) {
        learn t = {.name = "heads", .params = m.params, .loss = loss, .context = &m, .steps = lab_quick(l) ? 700 : 4000,
                   .schedule = {.kind = HEED_SCHEDULE_COSINE, .lr = lab_quick(l) ? 5e-3 : 3e-3, .warmup = 100}};
        if (learn_run(l, &t)) weights_keep(l, m.params);
        lab_put(l, "steps", (double)t.done);
    }
    heed_params_free(m.params);
}

/* --- what is looked at ------------------------------------------------------------------------------------------------------------ */

/* The encoder's weights [layers * heads, n, n] in a sentence; NULL after an error. */
static const float **look(lab *l, const heed_transformer *m, const int32_t *ids, int n, const float **maps)
{
    heed_graph *g = lab_graph(l);
    heed_tensor *kept[HEED_MAX_LAYERS];
    heed_graph_reset(g);
    heed_keep_named(g, "enc.*.self.weights");
    heed_transformer_encode(g, m, heed_input(g, HEED_I32, 2, (int64_t[]){1, n}, ids), NULL);
    for (int i = 0; i < m->config.enc_layers; i++) {
        char name[40];
        snprintf(name, sizeof name, "enc.%d.self.weights", i);
        kept[i] = heed_find(g, name);
    }
    heed_keep_clear(g);
    if (!lab_check(l, heed_graph_error(g)) || heed_run(g, m->config.enc_layers, kept)) return NULL;
    for (int i = 0; i < m->config.enc_layers; i++)
        for (int64_t h = 0; h < m->config.layer.heads; h++)
            maps[i * m->config.layer.heads + h] = (const float *)heed_data(g, kept[i]) + h * n * n;
    return lab_check(l, heed_graph_error(g)) ? maps : NULL;
}

/* A sentence to show: the one with the longest link, of those that have a pronoun too. */
typedef struct shown { int length, far_row, pronoun_row, reach; int32_t ids[MOST_SHOWN]; } shown;

static void consider(shown *x, const language_sentence *s)
{
    int row = -1, reach = 0, pronoun = -1;
    for (int i = 0; i < s->length; i++) {
        int to = s->particle[i] >= 0 ? s->particle[i] : s->link[i] == LINK_SUBJECT ? s->to[i] : i;
        if (abs(to - i) > reach) row = i, reach = abs(to - i);
        if (s->link[i] == LINK_ANTECEDENT) pronoun = i;
    }
    if (s->length > MOST_SHOWN || pronoun < 0 || reach <= x->reach) return;
    *x = (shown){.length = s->length, .far_row = row, .pronoun_row = pronoun, .reach = reach};
    memcpy(x->ids, s->words, (size_t)s->length * sizeof *s->words);
}

static void put_shown(lab *l, const heed_transformer *m, const shown *x, const char *(*word)(const void *, int32_t), const void *context)
{
    const float *maps[MOST_HEADS];
    int64_t heads = m->config.enc_layers * m->config.layer.heads, n = x->length;
    float *all = lab_alloc(l, (size_t)(heads * n * n), sizeof *all);
    if (!all || !n || !look(l, m, x->ids, x->length, maps)) return;
    for (int64_t h = 0; h < heads; h++) memcpy(all + h * n * n, maps[h], (size_t)(n * n) * sizeof *all);
    lab_put_floats(l, "weights", 3, (int64_t[]){heads, n, n}, all);
    const char *text = "";
    for (int i = 0; i < x->length; i++) text = lab_text(l, "%s%s%s", text, i ? " " : "", word(context, x->ids[i]));
    lab_put_text(l, "sentence", text);
    lab_put(l, "far_row", x->far_row);
    lab_put(l, "pronoun_row", x->pronoun_row);
}

static const char *word_of_language(const void *unused, int32_t id)
{
    (void)unused;
    return language_word(id);
}

static void measure_language(lab *l)
{
    translator m;
    shown x = {0};
    heed_accuracy right = {0};
    const float *maps[MOST_HEADS];
    if (make(l, &m)) weights_take(l, training, m.params);
    measures *sums = lab_alloc(l, 1, sizeof *sums);
    if (lab_ok(l)) measures_begin(sums, m.encoder->config.enc_layers, (int)m.encoder->config.layer.heads);
    int count = lab_quick(l) ? QUICK_TESTED : TESTED;
    for (int i = 0; i < count && lab_ok(l); i++) {
        language_sentence s;
        measured_sentence a = {0};
        language_draw(&s, lab_seed(l), 1, (uint64_t)i);
        if (!look(l, m.encoder, s.words, s.length, maps)) break;
        a.length = s.length;
        for (int t = 0; t < s.length; t++) {
            a.delimiter[t] = language_is_delimiter(s.words[t]);
            a.link[t] = s.link[t];
            a.to[t] = s.to[t];
            a.particle[t] = s.particle[t];
        }
        measures_add(sums, &a, maps);
        consider(&x, &s);
        heed_graph *g = lab_graph(l);
        heed_graph_reset(g);
        heed_tensor *ids = heed_input(g, HEED_I32, 2, (int64_t[]){1, s.length}, s.words);
        const int32_t *said = heed_data(g, heed_argmax(g, logits(g, &m, ids, NULL), -1, false));
        if (lab_check(l, heed_graph_error(g))) heed_accuracy_add(&right, said, s.translation, s.length, -1);
    }
    if (lab_ok(l)) {
        measures_put(l, sums);
        lab_put(l, "accuracy", heed_token_accuracy(&right));
        put_shown(l, m.encoder, &x, word_of_language, NULL);
    }
    heed_params_free(m.params);
}

/* --- a checkpoint ----------------------------------------------------------------------------------------------------------------- */

static const char *word_of_checkpoint(const void *context, int32_t id)
{
    return heed_vocab_unit(((const trained *)context)->vocab, id).bytes;
}

static bool is_punctuation(const char *text)
{
    return *text && !text[strspn(text, "!\"'(),-.:;?[]{}/`")];
}

static void measure_checkpoint(lab *l, const options *o)
{
    trained t = {0};
    shown x = {.far_row = -1, .pronoun_row = -1};
    const float *maps[MOST_HEADS];
    heed_text *lines = heed_text_read(o->src, NULL, lab_error(l));
    heed_ids ids = {0};
    measures *sums = lab_alloc(l, 1, sizeof *sums);
    if (lab_ok(l) && trained_open(l, &t, o->checkpoint)) measures_begin(sums, t.model->config.enc_layers, (int)t.model->config.layer.heads);
    size_t read = 0;
    for (size_t i = 0; lab_ok(l) && i < heed_text_count(lines) && read < TESTED; i++) {
        ids.count = 0;
        heed_vocab_encode(t.vocab, t.units, heed_text_line(lines, i), NULL, i + 1, &ids, NULL, lab_error(l));
        if (ids.count < 2 || ids.count > MEASURED_LONGEST || !look(l, t.model, ids.items, (int)ids.count, maps)) continue;
        measured_sentence a = {.length = (int)ids.count};
        for (int k = 0; k < a.length; k++) {
            a.delimiter[k] = is_punctuation(word_of_checkpoint(&t, ids.items[k]));
            a.to[k] = a.particle[k] = -1;
        }
        measures_add(sums, &a, maps);
        if (a.length <= MOST_SHOWN && a.length > x.length) {
            x.length = a.length;
            memcpy(x.ids, ids.items, ids.count * sizeof *ids.items);
        }
        read++;
    }
    if (lab_ok(l) && !x.length) lab_fail(l, "%s: has no line of 2 to %d units to show", o->src, MOST_SHOWN);
    if (lab_ok(l)) {
        measures_put(l, sums);
        put_shown(l, t.model, &x, word_of_checkpoint, &t);
    }
    heed_free(ids.items);
    heed_text_free(lines);
    trained_close(&t);
}

/* --- results ----------------------------------------------------------------------------------------------------------------------- */

typedef struct view { /* the shown sentence */
    int layers, heads, n;
    const float *weights;
    const char *words[MOST_SHOWN], *titles[MOST_HEADS];
    heed_heatmap maps[MOST_HEADS];
    int far_row, pronoun_row;
} view;

static bool open_view(lab *l, view *v)
{
    int64_t shape[3];
    const char *text = lab_get_text(l, measuring, "sentence");
    v->weights = lab_floats(l, measuring, "weights", 3, shape);
    if (!text || !v->weights) return false;
    v->layers = (int)lab_get(l, measuring, "layers");
    v->heads = (int)lab_get(l, measuring, "heads");
    v->n = (int)shape[1];
    v->far_row = (int)lab_get(l, measuring, "far_row");
    v->pronoun_row = (int)lab_get(l, measuring, "pronoun_row");
    char *copy = (char *)(uintptr_t)lab_text(l, "%s", text), *rest = copy;
    for (int i = 0; i < v->n; i++) v->words[i] = strsep(&rest, " ");
    for (int h = 0; h < v->layers * v->heads; h++) {
        v->titles[h] = lab_text(l, "layer %d head %d", h / v->heads + 1, h % v->heads + 1);
        v->maps[h] = (heed_heatmap){v->titles[h], v->weights + (int64_t)h * v->n * v->n, v->n, v->n, v->words, v->words};
    }
    return lab_ok(l);
}

static int strongest_row(const view *v, int head)
{
    int row = 0;
    double most = -1;
    for (int i = 0; i < v->n; i++)
        for (int k = 0; k < v->n; k++) {
            double w = (double)v->weights[((int64_t)head * v->n + i) * v->n + k];
            if (abs(i - k) >= FAR && w > most) row = i, most = w;
        }
    return row;
}

/* Figure 3: from one word, all heads of the layer. */
static char *draw_far(lab *l, const view *v, int head)
{
    int row = v->far_row >= 0 ? v->far_row : strongest_row(v, head), first = head / v->heads * v->heads;
    heed_arcs panels[] = {{lab_text(l, "from '%s', %s", v->words[row], v->titles[head]), &v->maps[head], 1, row},
                          {lab_text(l, "from '%s', all", v->words[row]), &v->maps[first], (size_t)v->heads, row}};
    return heed_figure_arcs("A long-distance dependency", "words that look", "words looked at", panels, 2, lab_error(l));
}

/* Figure 4: all of a head, then one word of it and of the head of its layer that is next best. */
static char *draw_pronoun(lab *l, const view *v, int head, int other)
{
    heed_heatmap two[] = {v->maps[head], v->maps[other]};
    heed_arcs panels[] = {{v->titles[head], &v->maps[head], 1, -1},
                          {lab_text(l, "from '%s'", v->words[v->pronoun_row]), two, 2, v->pronoun_row}};
    return heed_figure_arcs("Anaphora", "words that look", "words looked at", panels, 2, lab_error(l));
}

/* Figure 5 */
static char *draw_unlike(lab *l, const view *v, int a, int b)
{
    heed_arcs panels[] = {{v->titles[a], &v->maps[a], 1, -1}, {v->titles[b], &v->maps[b], 1, -1}};
    return heed_figure_arcs("Two heads of one layer", "words that look", "words looked at", panels, 2, lab_error(l));
}

static void draw(lab *l)
{
    view *v = lab_alloc(l, 1, sizeof *v);
    if (!v || !open_view(l, v)) return;
    const char *layers[HEED_MAX_LAYERS];
    for (int i = 0; i < v->layers; i++) layers[i] = lab_text(l, "layer %d", i + 1);
    bool known = v->far_row >= 0;
    int far = measures_best(l, measuring, known ? MEASURE_FAR_LINK : MEASURE_FAR), a, b;
    measures_most_unlike(l, measuring, &a, &b);
    lab_picture(l, "far", "As figure 3: one word with a dependence over a distance, the head that was found, and all heads of its layer.",
                draw_far(l, v, far));
    if (known) {
        int pronoun = measures_best(l, measuring, MEASURE_ANTECEDENT), next = measures_next_best(l, measuring, MEASURE_ANTECEDENT, pronoun);
        lab_picture(l, "anaphora", "As figure 4: the head that looks at antecedents most, and a pronoun with the next best of its layer too.",
                    draw_pronoun(l, v, pronoun, next));
    }
    lab_picture(l, "unlike", "As figure 5: the two heads of one layer that differ most.", draw_unlike(l, v, a, b));
    lab_picture(l, "overview", "Every head in this sentence; a row of panels is a layer.",
                heed_figure_overview("All heads", v->maps, layers, (size_t)v->layers, (size_t)v->heads, lab_error(l)));
    for (int i = 0; i < v->layers; i++)
        lab_picture(l, lab_text(l, "layer-%d", i + 1), lab_text(l, "The heads of layer %d.", i + 1),
                    heed_figure_heatmaps(lab_text(l, "Layer %d", i + 1), "words that look", "words looked at", &v->maps[i * v->heads],
                                         (size_t)v->heads, lab_error(l)));
}

static void run(lab *l)
{
    const options *o = lab_options(l);
    if (!*o->checkpoint != !*o->src) lab_fail(l, "--checkpoint and --src belong together");
    lab_plan(l, 100);
    if (!*o->checkpoint && lab_begin(l, 95, training)) {
        train(l);
        lab_end(l);
    }
    if (lab_begin(l, 5, measuring)) {
        if (*o->checkpoint) measure_checkpoint(l, o);
        else measure_language(l);
        lab_end(l);
    }
    if (!lab_ok(l)) return;
    measures_tables(l, measuring, !*o->checkpoint);
    if (!*o->checkpoint)
        lab_say(l, "%.0f steps of training; %.1f %% of the words of sentences never seen are translated right.", lab_get(l, training, "steps"),
                100 * lab_get(l, measuring, "accuracy"));
    draw(l);
}

const lab_experiment lab_heads = {.name = "heads", .title = "figures 3 to 5 of the Transformer paper, heads found by measure", .see = see,
                                  .options = option_table, .options_size = sizeof(options), .run = run};
