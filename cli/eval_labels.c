/* heed eval of encoder-only models. */
#include "cli/labels.h"
#include "cli/report.h"

#include <math.h>
#include <string.h>

enum { MOST_CLASSES = 200 }; /* of a confusion matrix */

typedef struct sums {
    heed_accuracy accuracy;
    heed_spans spans;
    double loss;
    const char **names, **said, **right; /* of classes; of a sentence's tags */
    int32_t *best;                       /* of a row */
    int64_t *confusion;                  /* [classes, classes] or NULL: right by predicted */
    bool has_spans;
} sums;

static heed_code make_sums(sums *s, const writer *w, const char *confusion, heed_error *e)
{
    int64_t n = w->j.tgt_symbols;
    *s = (sums){.best = NULL};
    if (w->j.kind == JOB_MASKED) return confusion ? heed_fail(e, HEED_INVALID, "--confusion is for labels and tags") : HEED_OK;
    if (confusion && n > MOST_CLASSES)
        return heed_fail(e, HEED_INVALID, "--confusion: %lld classes; a picture has up to %d", (long long)n, MOST_CLASSES);
    s->names = heed_alloc((size_t)n * sizeof *s->names);
    if (confusion) s->confusion = heed_calloc((size_t)(n * n), sizeof *s->confusion);
    if (!s->names || (confusion && !s->confusion)) return heed_fail(e, HEED_NO_MEMORY, "no memory for %lld classes", (long long)n);
    for (int32_t c = 0; c < n; c++) s->names[c] = heed_labels_name(w->j.tgt_vocab, c).bytes;
    s->has_spans = w->j.kind == JOB_TAGS && heed_spans_have(s->names, (size_t)n);
    return HEED_OK;
}

static heed_code grow_rows(sums *s, size_t steps, heed_error *e)
{
    int32_t *best = heed_realloc(s->best, steps * sizeof *best);
    if (best) s->best = best;
    const char **said = heed_realloc(s->said, steps * sizeof *said), **right = heed_realloc(s->right, steps * sizeof *right);
    if (said) s->said = said;
    if (right) s->right = right;
    return best && said && right ? HEED_OK : heed_fail(e, HEED_NO_MEMORY, "no memory for a batch");
}

static void add_row(sums *s, const job *j, const float *logits, int64_t classes, const int32_t *target, int64_t steps)
{
    int64_t count = 0;
    for (int64_t t = 0; t < steps; t++, logits += classes) {
        s->best[t] = 0;
        for (int32_t c = 1; c < classes; c++)
            if (logits[c] > logits[s->best[t]]) s->best[t] = c;
        if (target[t] == HEED_NO_CLASS) continue;
        if (s->confusion) s->confusion[target[t] * j->tgt_symbols + s->best[t]]++;
        if (s->has_spans) s->said[count] = s->names[s->best[t]], s->right[count++] = s->names[target[t]];
    }
    heed_accuracy_add(&s->accuracy, s->best, target, steps, HEED_NO_CLASS);
    if (s->has_spans) heed_spans_add(&s->spans, s->said, s->right, count);
}

static heed_code add_batch(sums *s, writer *w, const heed_batch *b, heed_error *e)
{
    heed_tensor *values[2];
    heed_graph_reset(w->g);
    values[0] = job_loss(&w->j, w->g, b, 0, &values[1], NULL);
    heed_run(w->g, 2, values);
    s->loss += heed_item(w->g, values[0]);
    const float *logits = heed_data(w->g, values[1]);
    const heed_error *failed = heed_graph_error(w->g);
    if (failed->code) return heed_fail(e, failed->code, "%s", failed->message);
    int64_t classes = heed_dim(values[1], -1), steps = (int64_t)b->target_steps;
    if (grow_rows(s, b->target_steps, e)) return e->code;
    for (int64_t r = 0; r < (int64_t)b->rows; r++)
        add_row(s, &w->j, logits + r * steps * classes, classes, b->target_out + r * steps, steps);
    return HEED_OK;
}

/* A row is a right class, its weights the shares that were predicted as each. */
static heed_code draw_confusion(const sums *s, const job *j, const char *file, heed_error *e)
{
    int64_t n = j->tgt_symbols;
    float *shares = heed_calloc((size_t)(n * n), sizeof *shares);
    if (!shares) return heed_fail(e, HEED_NO_MEMORY, "no memory for a picture");
    for (int64_t r = 0; r < n; r++) {
        int64_t all = 0;
        for (int64_t c = 0; c < n; c++) all += s->confusion[r * n + c];
        for (int64_t c = 0; c < n && all; c++) shares[r * n + c] = (float)((double)s->confusion[r * n + c] / (double)all);
    }
    heed_heatmap map = {NULL, shares, n, n, s->names, s->names};
    char *svg = heed_figure_values("Confusion: what each right class was taken for", "right", "said", "share", &map, 1, e);
    if (svg) heed_figure_save(file, "Confusion", &(heed_picture){svg, NULL}, 1, e);
    heed_free(svg);
    heed_free(shares);
    return e->code;
}

static void print_sums(const sums *s, const job *j, bool json)
{
    bool masked = j->kind == JOB_MASKED, tags = j->kind == JOB_TAGS;
    double loss = s->loss / (double)s->accuracy.tokens;
    const report_line lines[] = {
        {"loss", loss, 1, "", masked ? "nats a masked symbol" : tags ? "nats a tag" : "nats a label"},
        {"perplexity", masked ? exp(loss) : NAN, 1, "", "e^loss"},
        {"accuracy", heed_token_accuracy(&s->accuracy), 100, " %", masked ? "of masked symbols" : tags ? "of tags" : "of labels"},
        {"sequence_accuracy", tags ? heed_sequence_accuracy(&s->accuracy) : NAN, 100, " %", "of lines with all tags right"},
        {"precision", s->has_spans ? heed_spans_precision(&s->spans) : NAN, 100, " %", "of predicted spans"},
        {"recall", s->has_spans ? heed_spans_recall(&s->spans) : NAN, 100, " %", "of right spans"},
        {"f1", s->has_spans ? heed_spans_f1(&s->spans) : NAN, 100, " %", "2 precision recall / (precision + recall)"},
    };
    report_print(lines, sizeof lines / sizeof *lines, json);
    if (json) return;
    printf("%-18s %9lld\n", masked ? "masked symbols" : job_traits_of(j)->targets, (long long)s->accuracy.tokens);
    if (s->has_spans) printf("%-18s %9lld right, %lld predicted, %lld found\n", "spans", (long long)s->spans.target,
                             (long long)s->spans.predicted, (long long)s->spans.right);
}

heed_code labels_eval(writer *w, data *d, bool json, const char *confusion, heed_error *e)
{
    sums s;
    heed_graph_training(w->g, false);
    if (!make_sums(&s, w, confusion, e))
        for (int64_t i = 0; i < d->count && !e->code; i++) add_batch(&s, w, data_valid_batch(d, i), e);
    if (!e->code && confusion) draw_confusion(&s, &w->j, confusion, e);
    if (!e->code) print_sums(&s, &w->j, json);
    heed_free(s.names);
    heed_free(s.said);
    heed_free(s.right);
    heed_free(s.best);
    heed_free(s.confusion);
    return e->code;
}
