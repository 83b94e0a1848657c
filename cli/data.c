#include "cli/data.h"

#include <math.h>
#include <string.h>

heed_code data_kind(const data_files *f, job_kind *kind, heed_error *e)
{
    static const char all[] = "--src with --tgt, --labels or --tags; or --dict, or --text";
    int seconds = (f->tgt != NULL) + (f->labels != NULL) + (f->tags != NULL), sorts = (f->src || seconds) + (f->dict != NULL) + (f->text != NULL);
    if (sorts != 1) return heed_fail(e, HEED_INVALID, "give %s: %s", all, sorts ? "only one of them" : "none was given");
    if (seconds > 1) return heed_fail(e, HEED_INVALID, "give one of --tgt, --labels and --tags: that decides what is learned");
    if (seconds && !f->src) return heed_fail(e, HEED_INVALID, "--src and %s belong together", f->tgt ? "--tgt" : f->labels ? "--labels" : "--tags");
    if (f->src && !seconds) return heed_fail(e, HEED_INVALID, "--src and --tgt, --labels or --tags belong together");
    *kind = f->text ? JOB_TEXT : f->dict ? JOB_DICTIONARY : f->labels ? JOB_CLASSES : f->tags ? JOB_TAGS : JOB_PAIRS;
    return HEED_OK;
}

heed_code data_read(data *d, const data_files *f, heed_error *e)
{
    *d = (data){0};
    if (f->dict) d->dict = heed_dictionary_read(f->dict, e);
    if (f->text) d->text = heed_text_read(f->text, &(heed_text_rules){.max_line = SIZE_MAX}, e);
    if (f->src) d->src = heed_text_read(f->src, NULL, e);
    const char *target = f->tgt ? f->tgt : f->labels ? f->labels : f->tags;
    if (target && !e->code) d->tgt = heed_text_read(target, NULL, e);
    if (d->src && d->tgt) heed_text_parallel(d->src, d->tgt, e);
    return e->code;
}

void data_free(data *d)
{
    heed_masking_free(d->masking);
    heed_batches_free(d->batches);
    heed_windows_free(d->windows);
    heed_examples_free(d->examples);
    heed_free(d->ids.items);
    heed_dictionary_free(d->dict);
    heed_text_free(d->src);
    heed_text_free(d->tgt);
    heed_text_free(d->text);
    *d = (data){0};
}

/* --- units and vocabularies ------------------------------------------------------------------------------------------------------- */

static void count_units(heed_counts *c, heed_units *u, const data *d, bool target, double share, heed_error *e)
{
    for (size_t i = 0; d->text && i < heed_text_count(d->text) && !e->code; i++) /* of text for windows the end is kept back, not lines */
        if (target || !heed_held_out(heed_text_line(d->text, i), share)) heed_counts_add_line(c, u, heed_text_line(d->text, i), e);
    for (size_t i = 0; d->src && i < heed_text_count(d->src) && !e->code; i++)
        if (!heed_held_out(heed_text_line(d->src, i), share)) heed_counts_add_line(c, u, heed_text_line(target ? d->tgt : d->src, i), e);
    for (size_t i = 0; d->dict && i < heed_dictionary_count(d->dict) && !e->code; i++) {
        heed_line word = heed_dictionary_word(d->dict, i);
        if (heed_held_out(word, share)) continue;
        if (!target) heed_counts_add_line(c, u, word, e);
        for (size_t k = 0; target && k < heed_dictionary_answers(d->dict, i) && !e->code; k++)
            heed_counts_add_line(c, u, heed_dictionary_answer(d->dict, i, k, NULL), e);
    }
}

/* A window of text holds the line end as a unit of its own, HEED_ID_END, which every vocabulary has. Labels are counted over all lines, so
 * that those of the held out ones are known. */
heed_code data_vocabularies(job *j, const data *d, bool hold_out, const char *src_units, const char *tgt_units, heed_error *e)
{
    double share = hold_out ? j->set.hold_out : 0;
    uint64_t least = (uint64_t)j->set.min_count;
    size_t most = (size_t)j->set.vocab_size;
    bool reads = job_reads(j) && !j->src_vocab, writes = job_traits_of(j)->tgt_units != NULL, joint = reads && writes && j->set.tie == TIE_YES;
    if (writes) j->tgt_units = heed_units_create(tgt_units, e);
    if (reads) j->src_units = writes && !strcmp(src_units, tgt_units) ? j->tgt_units : heed_units_create(src_units, e);
    heed_counts *target = writes ? heed_counts_create(e) : NULL, *source = reads && !joint ? heed_counts_create(e) : NULL;
    if (!e->code && writes) count_units(target, j->tgt_units, d, true, share, e);
    if (!e->code && reads) count_units(joint ? target : source, j->src_units, d, false, share, e);
    if (!e->code && writes) j->tgt_vocab = heed_vocab_create(target, least, most, e);
    if (!e->code && reads) j->src_vocab = joint ? j->tgt_vocab : heed_vocab_create(source, least, most, e);
    if (!e->code && (j->kind == JOB_CLASSES || j->kind == JOB_TAGS))
        j->tgt_vocab = heed_labels_vocabulary(d->tgt, j->kind == JOB_TAGS ? HEED_LABEL_TOKENS : HEED_LABEL_LINES, e);
    heed_counts_free(target);
    heed_counts_free(source);
    return e->code;
}

/* --- ids and batches ---------------------------------------------------------------------------------------------------------------- */

static heed_code add_pairs(data *d, const job *j, heed_part part, heed_error *e)
{
    heed_side from = {j->src_units, j->src_vocab, false}, to = {j->tgt_units, j->tgt_vocab, false};
    if (d->dict) return heed_examples_add_dictionary(d->examples, d->dict, part, j->set.hold_out, true, &from, &to, e);
    if (part == HEED_ALL_WORDS) return heed_examples_add_text(d->examples, d->src, d->tgt, &from, &to, e);
    heed_ids source = {0}, target = {0};
    for (size_t i = 0; i < heed_text_count(d->src) && !e->code; i++) {
        heed_line line = heed_text_line(d->src, i);
        if (heed_held_out(line, j->set.hold_out) != (part == HEED_HELD_OUT_WORDS)) continue;
        source.count = target.count = 0;
        heed_vocab_encode(j->src_vocab, j->src_units, line, NULL, i + 1, &source, NULL, e);
        heed_vocab_encode(j->tgt_vocab, j->tgt_units, heed_text_line(d->tgt, i), NULL, i + 1, &target, NULL, e);
        if (e->code || !source.count || !target.count) continue;
        heed_examples_add(d->examples, i, source.items, source.count, e);
        heed_examples_add_answer(d->examples, target.items, target.count, e);
    }
    heed_free(source.items);
    heed_free(target.items);
    return e->code;
}

static heed_code add_labelled(data *d, const job *j, heed_part part, heed_error *e)
{
    heed_side from = {j->src_units, j->src_vocab, false};
    heed_label_rules rules = {j->kind == JOB_TAGS ? HEED_LABEL_TOKENS : HEED_LABEL_LINES, part, j->set.hold_out, job_begins(j)};
    return heed_labels_add(d->examples, d->src, d->tgt, &from, j->tgt_vocab, &rules, e);
}

/* Every line without answers; a longer one than max_length in pieces. */
static heed_code add_masked(data *d, const job *j, heed_part part, heed_error *e)
{
    heed_ids ids = {0};
    size_t first = job_begins(j), most = (size_t)j->set.max_length - (j->set.max_length > 1 && first);
    for (size_t i = 0; i < heed_text_count(d->text) && !e->code; i++) {
        heed_line line = heed_text_line(d->text, i);
        if (part != HEED_ALL_WORDS && heed_held_out(line, j->set.hold_out) != (part == HEED_HELD_OUT_WORDS)) continue;
        ids.count = 0;
        if (!heed_grow((void **)&ids.items, &ids.capacity, first, sizeof *ids.items)) heed_fail(e, HEED_NO_MEMORY, "no memory for a line");
        if (!e->code && first) ids.items[ids.count++] = HEED_ID_BEGIN;
        if (!e->code) heed_vocab_encode(j->src_vocab, j->src_units, line, NULL, i + 1, &ids, NULL, e);
        for (size_t from = first; from < ids.count && !e->code; from += most) {
            size_t length = ids.count - from < most ? ids.count - from : most;
            if (first) ids.items[from - 1] = HEED_ID_BEGIN; /* over the last of the piece before */
            heed_examples_add(d->examples, i, ids.items + from - first, length + first, e);
        }
    }
    heed_free(ids.items);
    return e->code;
}

static heed_code encode_text(data *d, const job *j, heed_part part, heed_error *e)
{
    heed_side side = {j->tgt_units, j->tgt_vocab, false};
    if (heed_windows_add_text(&d->ids, d->text, &side, NULL, e)) return e->code;
    size_t cut = d->ids.count - (size_t)(j->set.hold_out * (double)d->ids.count);
    size_t from = part == HEED_HELD_OUT_WORDS ? cut : 0, end = part == HEED_TRAINING_WORDS ? cut : d->ids.count;
    if (end - from < 2) return heed_fail(e, HEED_INVALID, "%s: too short: %zu symbols to %s", heed_text_name(d->text), end - from,
                                         part == HEED_HELD_OUT_WORDS ? "validate with" : "learn from");
    d->windows = heed_windows_create(d->ids.items + from, end - from, (size_t)j->set.rows, (size_t)j->set.window, e);
    if (!d->windows) return e->code;
    d->streams = heed_model_state(j->model) > 0;
    d->count = (int64_t)(d->streams ? heed_windows_through_count : heed_windows_count)(d->windows);
    if (d->streams && part != HEED_HELD_OUT_WORDS && !heed_windows_stream_count(d->windows))
        heed_fail(e, HEED_INVALID, "%s: too short: %zu symbols for rows=%lld", heed_text_name(d->text), end - from, (long long)j->set.rows);
    return e->code;
}

bool data_starts_over(const data *d, uint64_t i) { return !d->streams || i % heed_windows_stream_count(d->windows) == 0; }

heed_code data_encode(data *d, const job *j, heed_part part, bool in_order, heed_error *e)
{
    if (j->kind == JOB_TEXT) return encode_text(d, j, part, e);
    d->examples = heed_examples_create(e);
    bool encoder = job_traits_of(j)->encoder;
    if (!d->examples || (j->kind == JOB_MASKED ? add_masked : encoder ? add_labelled : add_pairs)(d, j, part, e)) return e->code;
    heed_batches_options how = {.tokens = (size_t)j->set.batch_tokens, .max_rows = (size_t)j->set.batch_rows,
                                .max_length = (size_t)j->set.max_length, .in_order = in_order,
                                .bare = encoder, .seed = (uint64_t)j->set.seed};
    heed_error none = {0};
    d->batches = heed_batches_create(d->examples, &how, &none);
    if (none.code)
        heed_fail(e, none.code, "%s: %s%s", d->dict ? heed_dictionary_name(d->dict) : heed_text_name(d->src ? d->src : d->text), none.message,
                  part == HEED_HELD_OUT_WORDS ? "; give validation files, a larger hold_out, or hold_out=0" : "");
    if (d->batches && j->kind == JOB_MASKED)
        d->masking = heed_masking_create(d->batches, heed_vocab_size(j->src_vocab), j->set.mask_share, e);
    d->count = d->batches ? (int64_t)heed_batches_count(d->batches).batches : 0;
    return e->code;
}

const heed_batch *data_batch(data *d, const job *j, uint64_t i)
{
    if (d->streams) return heed_windows_streams(d->windows, i);
    if (d->windows) return heed_windows_random(d->windows, (uint64_t)j->set.seed, i);
    const heed_batch *b = heed_batches_at(d->batches, i);
    return d->masking ? heed_masked_batch(d->masking, b, (uint64_t)j->set.seed, i) : b;
}

/* The masks of a validation are always the same. */
const heed_batch *data_valid_batch(data *d, int64_t i)
{
    if (d->windows) return (d->streams ? heed_windows_through : heed_windows_in_order)(d->windows, (size_t)i);
    const heed_batch *b = heed_batches_at(d->batches, (uint64_t)i);
    return d->masking ? heed_masked_batch(d->masking, b, 0, UINT64_MAX) : b;
}

heed_code data_loss(data *d, const job *j, heed_graph *g, double *loss, double *accuracy, heed_error *e)
{
    double sum = 0, tokens = 0, right = 0;
    bool encoder = job_traits_of(j)->encoder;
    carry c;
    if (carry_begin(&c, j, e)) return e->code;
    heed_graph_training(g, false);
    for (int64_t i = 0; i < d->count && !e->code; i++) {
        const heed_batch *b = data_valid_batch(d, i);
        heed_tensor *values[2], *logits;
        heed_graph_reset(g);
        values[0] = job_loss(j, g, b, 0, &logits, &c);
        if (encoder) values[1] = job_right(g, b, logits);
        heed_run(g, 1 + encoder, values);
        sum += heed_item(g, values[0]);
        if (encoder) right += heed_item(g, values[1]);
        carry_on(&c, g);
        tokens += (double)b->target_tokens;
        const heed_error *failed = heed_graph_error(g);
        if (failed->code) heed_fail(e, failed->code, "%s", failed->message);
    }
    carry_free(&c);
    *loss = sum / tokens;
    *accuracy = encoder ? right / tokens : NAN;
    return e->code;
}
