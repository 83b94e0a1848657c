#include "cli/labels.h"

#include <math.h>
#include <string.h>

/* --- the model over a batch ------------------------------------------------------------------------------------------------- */

/* The masks of all rows in order, as rows of the states. */
static int64_t find_masks(const int32_t *ids, int64_t count, int32_t *places)
{
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++)
        if (ids[i] == HEED_ID_MASK) places[n++] = (int32_t)i;
    return n;
}

heed_code labels_run(writer *w, heed_error *e)
{
    int64_t rows = 0, masks = 0;
    bool masked = w->j.kind == JOB_MASKED;
    w->logits = NULL;
    w->next_mask = 0;
    for (int64_t r = 0; r < w->rows; r++) w->place[r] = w->length[r] ? rows++ : -1;
    if (!rows) return HEED_OK;
    size_t places_size = masked ? (size_t)(rows * w->longest) : 1;
    int32_t *lengths = heed_alloc((size_t)rows * sizeof *lengths), *places = heed_alloc(places_size * sizeof *places);
    int32_t *source = lengths && places ? writer_padded(w, rows, lengths) : NULL;
    if (!source) heed_fail(e, HEED_NO_MEMORY, "no memory for a batch of %lld lines", (long long)rows);
    else if (masked) masks = find_masks(source, rows * w->longest, places);
    heed_graph_reset(w->g);
    heed_graph_training(w->g, false);
    if (source && (!masked || masks)) {
        heed_teaching t = {.src = heed_input(w->g, HEED_I32, 2, (int64_t[]){rows, w->longest}, source),
                           .lengths = heed_input(w->g, HEED_I32, 1, &rows, lengths),
                           .tgt = masked ? heed_input(w->g, HEED_I32, 1, &masks, places) : NULL};
        w->logits = heed_data(w->g, heed_model_logits(w->g, w->j.model, &t));
        const heed_error *failed = heed_graph_error(w->g);
        if (failed->code) heed_fail(e, failed->code, "%s", failed->message);
    }
    heed_free(lengths);
    heed_free(places);
    heed_free(source);
    return e->code;
}

/* --- what it says ----------------------------------------------------------------------------------------------------------- */

/* The likeliest class from `first` on that is not likelier than `above` allows: the best below (value, number). */
static int64_t next_best(const float *logits, int64_t first, int64_t classes, int64_t above)
{
    int64_t best = -1;
    for (int64_t c = first; c < classes; c++) {
        bool below = above < 0 || logits[c] < logits[above] || (logits[c] == logits[above] && c > above);
        if (below && (best < 0 || logits[c] > logits[best])) best = c;
    }
    return best;
}

static double probability(const float *logits, int64_t classes, int64_t of)
{
    double sum = 0;
    for (int64_t c = 0; c < classes; c++) sum += exp((double)logits[c] - (double)logits[of]);
    return 1 / sum;
}

/* Classes are named by labels, the symbols behind a mask by units, the fixed four of which are never the answer. */
static int64_t first_class(const job *j) { return j->kind == JOB_MASKED ? HEED_ID_FIRST : 0; }
static int64_t classes_of(const job *j) { return j->kind == JOB_MASKED ? j->src_symbols : j->tgt_symbols; }

static const char *name_of(const job *j, int64_t class)
{
    return j->kind == JOB_MASKED ? heed_vocab_unit(j->src_vocab, (int32_t)class).bytes : heed_labels_name(j->tgt_vocab, (int32_t)class).bytes;
}

static void print_best(const job *j, const float *logits, int64_t number, int64_t many, FILE *out)
{
    int64_t best = -1, classes = classes_of(j);
    for (int64_t k = 0; k < many && (best = next_best(logits, first_class(j), classes, best)) >= 0; k++)
        fprintf(out, "%lld\t%.4f\t%s\n", (long long)number, probability(logits, classes, best), name_of(j, best));
}

/* The row's masks are w->next_mask and those after it. */
static heed_code print_filled(writer *w, int64_t row, int64_t number, int64_t many, bool raw, FILE *out, heed_error *e)
{
    const job *j = &w->j;
    int64_t length = w->length[row], classes = classes_of(j);
    int32_t *ids = heed_alloc((size_t)length * sizeof *ids);
    if (!ids) return heed_fail(e, HEED_NO_MEMORY, "no memory for a line");
    memcpy(ids, w->ids.items + w->start[row], (size_t)length * sizeof *ids);
    for (int64_t t = 0; t < length; t++) {
        if (ids[t] != HEED_ID_MASK) continue;
        const float *logits = w->logits + w->next_mask++ * classes;
        if (many) print_best(j, logits, number, many, out);
        int64_t best = next_best(logits, HEED_ID_FIRST, classes, -1);
        ids[t] = best < 0 ? HEED_ID_UNKNOWN : (int32_t)best;
    }
    for (int64_t t = 0; !many && raw && t < length; t++)
        if (ids[t] != HEED_ID_BEGIN) fprintf(out, "%s%s", heed_vocab_unit(j->src_vocab, ids[t]).bytes, t < length - 1 ? " " : "");
    heed_line line = {NULL, 0};
    if (!many && !raw) line = heed_vocab_decode(j->src_vocab, j->src_units, ids, (size_t)length, e);
    if (line.bytes) fwrite(line.bytes, 1, line.length, out);
    if (!many) fputc('\n', out);
    heed_free(ids);
    return e->code;
}

heed_code labels_print(writer *w, int64_t row, int64_t number, int64_t many, bool raw, FILE *out, heed_error *e)
{
    const job *j = &w->j;
    int64_t place = w->place[row], classes = classes_of(j);
    if (place < 0) { /* an empty line */
        if (!many) fputc('\n', out);
        return HEED_OK;
    }
    if (j->kind == JOB_MASKED) return print_filled(w, row, number, many, raw, out, e);
    int64_t steps = j->kind == JOB_TAGS ? w->longest : 1, count = j->kind == JOB_TAGS ? w->length[row] : 1;
    const float *logits = w->logits + place * steps * classes;
    if (many) print_best(j, logits, number, many, out);
    for (int64_t t = 0; !many && t < count; t++)
        fprintf(out, "%s%s", name_of(j, next_best(logits + t * classes, 0, classes, -1)), t < count - 1 ? " " : "\n");
    return HEED_OK;
}
