#include "experiments/teach.h"

#include <math.h>

heed_teaching teach_batch(heed_graph *g, const heed_batch *b)
{
    int64_t rows = (int64_t)b->rows, steps[] = {rows, (int64_t)b->source_steps}, answers[] = {rows, (int64_t)b->target_steps};
    return (heed_teaching){.src = heed_input(g, HEED_I32, 2, steps, b->source), .lengths = heed_input(g, HEED_I32, 1, &rows, b->source_length),
                           .tgt = heed_input(g, HEED_I32, 2, answers, b->target_in)};
}

static heed_tensor *loss_of(heed_graph *g, const teach *t, const heed_batch *b, double smoothing, heed_reduction how, heed_tensor **logits)
{
    heed_teaching x = teach_batch(g, b);
    heed_tensor *targets = heed_input(g, HEED_I32, 2, (int64_t[]){(int64_t)b->rows, (int64_t)b->target_steps}, b->target_out);
    heed_tensor *y = heed_model_logits(g, t->model, &x);
    if (logits) *logits = y;
    return heed_cross_entropy(g, y, targets, HEED_ID_PAD, smoothing, how);
}

static heed_tensor *record(heed_graph *g, void *context, int64_t step)
{
    teach *t = context;
    const heed_batch *b = heed_batches_at(t->data->train, (uint64_t)step - 1);
    t->tokens += (int64_t)b->target_tokens;
    return loss_of(g, t, b, t->label_smoothing, HEED_MEAN, NULL);
}

teach_loss teach_measure(lab *l, const teach *t, heed_batches *batches)
{
    heed_graph *g = lab_graph(l);
    heed_accuracy right = {0};
    double sum = 0, tokens = 0, sure = 0;
    size_t count = heed_batches_count(batches).batches;
    heed_graph_training(g, false);
    for (size_t i = 0; i < count && lab_ok(l); i++) {
        const heed_batch *b = heed_batches_at(batches, i);
        heed_tensor *values[3], *logits;
        heed_graph_reset(g);
        values[0] = loss_of(g, t, b, 0, HEED_TOTAL, &logits);
        values[1] = heed_argmax(g, logits, -1, false);
        values[2] = heed_max(g, heed_softmax(g, logits, -1), HEED_LAST, false);
        heed_run(g, 3, values);
        sum += heed_item(g, values[0]);
        tokens += (double)b->target_tokens;
        const int32_t *said = heed_data(g, values[1]);
        const float *highest = heed_data(g, values[2]);
        if (!lab_check(l, heed_graph_error(g))) break;
        heed_accuracy_add(&right, said, b->target_out, (int64_t)(b->rows * b->target_steps), HEED_ID_PAD);
        for (size_t k = 0; k < b->rows * b->target_steps; k++)
            if (b->target_out[k] != HEED_ID_PAD) sure += (double)highest[k];
    }
    heed_graph_reset(g);
    return (teach_loss){sum / tokens, heed_token_accuracy(&right), sure / tokens};
}

/* --- training --------------------------------------------------------------------------------------------------------------- */

static void look(lab *l, void *context, int64_t step, double loss)
{
    teach *t = context;
    if (!lab_ok(l)) return;
    t->steps[t->points] = (double)step;
    t->train[t->points] = loss;
    t->valid[t->points++] = teach_measure(l, t, t->data->valid).loss;
}

bool teach_run(lab *l, teach *t)
{
    t->how.loss = record;
    t->how.context = t;
    t->points = t->tokens = 0;
    if (t->curve) {
        size_t longest = (size_t)(t->how.looks > 0 ? t->how.looks : 0) + 1;
        t->how.look = look;
        t->steps = lab_alloc(l, longest, sizeof *t->steps);
        t->train = lab_alloc(l, longest, sizeof *t->train);
        t->valid = lab_alloc(l, longest, sizeof *t->valid);
    }
    if (!learn_run(l, &t->how)) return false;
    t->tokens_per_second = (double)t->tokens / t->how.seconds;
    if (t->curve) {
        lab_put_array(l, lab_text(l, "%s_step", t->curve), 1, &t->points, t->steps);
        lab_put_array(l, lab_text(l, "%s_train", t->curve), 1, &t->points, t->train);
        lab_put_array(l, lab_text(l, "%s_valid", t->curve), 1, &t->points, t->valid);
    }
    return lab_ok(l);
}

/* --- what it writes --------------------------------------------------------------------------------------------------------- */

typedef struct sums { int64_t outputs, wrong, edits, length; heed_bleu bleu; bool uneven; } sums;

/* Symbols as numbers with blanks between them, as BLEU takes texts. */
static const char *as_text(lab *l, const int32_t *ids, size_t count)
{
    char *text = lab_alloc(l, count + 1, 12), *end = text;
    for (size_t i = 0; text && i < count; i++) end += snprintf(end, 12, "%d ", (int)ids[i]);
    return text ? text : "";
}

static void add_output(lab *l, const heed_examples *x, size_t example, heed_hypothesis h, sums *s)
{
    enum { MOST = 16 };
    const char *answers[MOST];
    int64_t best = -1, best_length = 0;
    size_t count = heed_examples_answers(x, example);
    for (size_t k = 0; k < count; k++) {
        size_t length;
        int64_t edits = 0;
        const int32_t *answer = heed_examples_answer(x, example, k, &length);
        if (heed_edit_distance(h.ids, h.length, answer, (int64_t)length, &edits, lab_error(l))) return;
        bool better = best < 0 || edits < best || (edits == best && (int64_t)length > best_length);
        if (better) best = edits, best_length = (int64_t)length;
        if (k < MOST) answers[k] = as_text(l, answer, length);
    }
    s->outputs++;
    s->wrong += best != 0;
    s->edits += best;
    s->length += best_length;
    s->uneven = s->uneven || count > MOST;
    heed_bleu_add(&s->bleu, as_text(l, h.ids, (size_t)h.length), answers, count < MOST ? count : MOST, lab_error(l));
}

void teach_write_by_length(lab *l, const teach *t, int64_t beam, int64_t width, int groups, teach_errors *e)
{
    sums *s = lab_alloc(l, (size_t)groups, sizeof *s);
    heed_decoder *d = lab_ok(l) ? heed_decoder_new(lab_graph(l), t->model) : NULL;
    if (!d && lab_ok(l)) heed_fail(lab_error(l), HEED_NO_MEMORY, "no memory to write with %s", t->how.name);
    heed_search how = heed_search_greedy(HEED_ID_PAD, HEED_ID_BEGIN, HEED_ID_END);
    how.beam = beam;
    how.alpha = beam > 1 ? 0.6 : 0;
    size_t count = heed_batches_count(t->data->valid).batches;
    for (size_t i = 0; d && i < count && lab_ok(l); i++) {
        const heed_batch *b = heed_batches_at(t->data->valid, i);
        heed_prompts p = {.sentences = (int64_t)b->rows, .steps = (int64_t)b->source_steps, .source = b->source, .source_length = b->source_length};
        heed_found *f = heed_search_run(d, &how, &p, lab_error(l));
        for (size_t r = 0; f && r < b->rows; r++) {
            int64_t group = (b->source_length[r] - 1) / width;
            add_output(l, t->data->valid_examples, b->example[r], heed_found_at(f, (int64_t)r, 0), &s[group < groups ? group : groups - 1]);
        }
        heed_found_free(f);
    }
    heed_decoder_free(d);
    heed_graph_reset(lab_graph(l));
    for (int i = 0; i < groups; i++) {
        e[i] = (teach_errors){0, NAN, NAN, NAN};
        if (!s || !s[i].outputs) continue;
        e[i] = (teach_errors){s[i].outputs, (double)s[i].wrong / (double)s[i].outputs, (double)s[i].edits / (double)s[i].length,
                              s[i].uneven || s[i].bleu.references < 0 ? NAN : heed_bleu_score(&s[i].bleu).score};
    }
}

teach_errors teach_write(lab *l, const teach *t, int64_t beam)
{
    teach_errors e;
    teach_write_by_length(l, t, beam, INT64_MAX, 1, &e);
    return e;
}
