#include "experiments/pairs.h"

#include <string.h>

static bool begin(lab *l, pairs *p)
{
    if (!p->batch_tokens) p->batch_tokens = 2048;
    if (!(p->hold_out > 0)) p->hold_out = 0.05;
    if (lab_ok(l)) p->train_examples = heed_examples_create(lab_error(l));
    if (lab_ok(l)) p->valid_examples = heed_examples_create(lab_error(l));
    return lab_ok(l);
}

static bool finish(lab *l, pairs *p)
{
    heed_batches_options how = {.tokens = p->batch_tokens, .seed = lab_seed(l)};
    if (!lab_ok(l)) return false;
    p->train = heed_batches_create(p->train_examples, &how, lab_error(l));
    how.in_order = true;
    how.tokens *= 4; /* no gradients, so longer batches cost no memory */
    if (lab_ok(l)) p->valid = heed_batches_create(p->valid_examples, &how, lab_error(l));
    for (size_t i = 0; lab_ok(l) && i < heed_examples_count(p->train_examples); i++) {
        size_t length;
        heed_examples_source(p->train_examples, i, &length);
        if ((int64_t)length > p->longest_source) p->longest_source = (int64_t)length;
    }
    return lab_ok(l);
}

bool pairs_from_task(lab *l, pairs *p, const task *t)
{
    if (!begin(l, p)) return false;
    p->task = true;
    p->src_symbols = p->tgt_symbols = HEED_ID_FIRST + t->symbols;
    task_examples(l, p->train_examples, t, 0, p->most_train ? p->most_train : 20000);
    task_examples(l, p->valid_examples, t, 1, p->most_valid ? p->most_valid : 500);
    return finish(l, p);
}

/* --- dictionaries ----------------------------------------------------------------------------------------------------------- */

/* The first `most` examples, in an order that depends on the seed. */
static void some_of(lab *l, heed_examples **all, size_t most)
{
    size_t count = heed_examples_count(*all);
    if (!lab_ok(l) || !most || count <= most) return;
    int64_t *order = lab_alloc(l, count, sizeof *order);
    heed_examples *some = heed_examples_create(lab_error(l));
    for (size_t i = 0; order && i < count; i++) order[i] = (int64_t)i;
    if (lab_ok(l)) heed_shuffle(&(heed_random){lab_seed(l), heed_hash_name("pairs"), 0}, (int64_t)count, order);
    for (size_t n = 0; n < most && lab_ok(l); n++) {
        size_t i = (size_t)order[n], length;
        const int32_t *source = heed_examples_source(*all, i, &length);
        heed_examples_add(some, heed_examples_origin(*all, i), source, length, lab_error(l));
        for (size_t k = 0; k < heed_examples_answers(*all, i); k++) {
            const int32_t *answer = heed_examples_answer(*all, i, k, &length);
            heed_examples_add_answer(some, answer, length, lab_error(l));
        }
    }
    heed_examples_free(*all);
    *all = some;
}

static void count_dictionary(const heed_dictionary *d, const pairs *p, heed_counts *source, heed_counts *target, heed_error *e)
{
    for (size_t i = 0; i < heed_dictionary_count(d) && !e->code; i++) {
        if (heed_held_out(heed_dictionary_word(d, i), p->hold_out)) continue;
        heed_counts_add_line(source, p->src_units, heed_dictionary_word(d, i), e);
        for (size_t k = 0; k < heed_dictionary_answers(d, i); k++)
            heed_counts_add_line(target, p->tgt_units, heed_dictionary_answer(d, i, k, NULL), e);
    }
}

static bool from_dictionary(lab *l, pairs *p, const heed_dictionary *d)
{
    heed_error *e = lab_error(l);
    if (!begin(l, p)) return false;
    p->src_units = heed_units_create("chars", e);
    p->tgt_units = heed_units_create("words", e);
    heed_counts *source = heed_counts_create(e), *target = heed_counts_create(e);
    if (!e->code) count_dictionary(d, p, source, target, e);
    if (!e->code) p->src_vocab = heed_vocab_create(source, 1, 0, e);
    if (!e->code) p->tgt_vocab = heed_vocab_create(target, 1, 0, e);
    heed_counts_free(source);
    heed_counts_free(target);
    if (!lab_ok(l)) return false;
    heed_side from = {p->src_units, p->src_vocab, false}, to = {p->tgt_units, p->tgt_vocab, false};
    heed_examples_add_dictionary(p->train_examples, d, HEED_TRAINING_WORDS, p->hold_out, true, &from, &to, e);
    heed_examples_add_dictionary(p->valid_examples, d, HEED_HELD_OUT_WORDS, p->hold_out, false, &from, &to, e);
    some_of(l, &p->train_examples, p->most_train);
    some_of(l, &p->valid_examples, p->most_valid);
    p->src_symbols = (int64_t)heed_vocab_size(p->src_vocab);
    p->tgt_symbols = (int64_t)heed_vocab_size(p->tgt_vocab);
    return finish(l, p);
}

bool pairs_from_dictionary(lab *l, pairs *p, const char *path)
{
    heed_dictionary *d = lab_ok(l) ? heed_dictionary_read(path, lab_error(l)) : NULL;
    bool fine = d && from_dictionary(l, p, d);
    heed_dictionary_free(d);
    return fine;
}

bool pairs_from_numbers(lab *l, pairs *p, size_t count, uint64_t step)
{
    heed_dictionary *d = lab_ok(l) ? heed_number_dictionary(count, step, lab_error(l)) : NULL;
    bool fine = d && from_dictionary(l, p, d);
    heed_dictionary_free(d);
    return fine;
}

/* --- parallel text ---------------------------------------------------------------------------------------------------------- */

static void add_line(const pairs *p, heed_examples *x, heed_line source, heed_line target, size_t i, heed_ids ids[2], heed_error *e)
{
    ids[0].count = ids[1].count = 0;
    heed_vocab_encode(p->src_vocab, p->src_units, source, NULL, i + 1, &ids[0], NULL, e);
    heed_vocab_encode(p->tgt_vocab, p->tgt_units, target, NULL, i + 1, &ids[1], NULL, e);
    if (e->code || !ids[0].count || !ids[1].count) return;
    heed_examples_add(x, i, ids[0].items, ids[0].count, e);
    heed_examples_add_answer(x, ids[1].items, ids[1].count, e);
}

static void add_lines(pairs *p, const heed_text *source, const heed_text *target, heed_examples *held_out, heed_examples *others, heed_error *e)
{
    heed_ids ids[2] = {{0}};
    if (!e->code) heed_text_parallel(source, target, e);
    for (size_t i = 0; !e->code && i < heed_text_count(source); i++) {
        heed_line line = heed_text_line(source, i);
        add_line(p, heed_held_out(line, p->hold_out) ? held_out : others, line, heed_text_line(target, i), i, ids, e);
    }
    heed_free(ids[0].items);
    heed_free(ids[1].items);
}

static void count_lines(const pairs *p, const pairs_lines *x, heed_counts *source, heed_counts *target, heed_error *e)
{
    if (!e->code) heed_text_parallel(x->src, x->tgt, e);
    for (size_t i = 0; !e->code && i < heed_text_count(x->src); i++) {
        if (!x->valid_src && heed_held_out(heed_text_line(x->src, i), p->hold_out)) continue;
        heed_counts_add_line(source, p->src_units, heed_text_line(x->src, i), e);
        heed_counts_add_line(target, p->tgt_units, heed_text_line(x->tgt, i), e);
    }
}

bool pairs_from_lines(lab *l, pairs *p, const pairs_lines *x)
{
    heed_error *e = lab_error(l);
    if (!begin(l, p)) return false;
    p->src_units = heed_units_create(x->units, e);
    p->tgt_units = x->joint ? p->src_units : heed_units_create(x->units, e);
    heed_counts *source = heed_counts_create(e), *target = x->joint ? source : heed_counts_create(e);
    count_lines(p, x, source, target, e);
    if (!e->code) p->src_vocab = heed_vocab_create(source, x->min_count, 0, e);
    if (!e->code) p->tgt_vocab = x->joint ? p->src_vocab : heed_vocab_create(target, x->min_count, 0, e);
    if (target != source) heed_counts_free(target);
    heed_counts_free(source);
    add_lines(p, x->src, x->tgt, x->valid_src ? p->train_examples : p->valid_examples, p->train_examples, e);
    if (x->valid_src) add_lines(p, x->valid_src, x->valid_tgt, p->valid_examples, p->valid_examples, e);
    if (!lab_ok(l)) return false;
    some_of(l, &p->train_examples, p->most_train);
    some_of(l, &p->valid_examples, p->most_valid);
    p->src_symbols = (int64_t)heed_vocab_size(p->src_vocab);
    p->tgt_symbols = (int64_t)heed_vocab_size(p->tgt_vocab);
    return finish(l, p);
}

bool pairs_from_text(lab *l, pairs *p, const char *const src_and_tgt[2], const char *const valid[2], const char *units)
{
    const char *const paths[] = {src_and_tgt[0], src_and_tgt[1], valid ? valid[0] : NULL, valid ? valid[1] : NULL};
    heed_text *texts[4] = {NULL};
    for (int i = 0; i < 4 && lab_ok(l); i++)
        if (paths[i]) texts[i] = heed_text_read(paths[i], NULL, lab_error(l));
    pairs_lines x = {.src = texts[0], .tgt = texts[1], .valid_src = texts[2], .valid_tgt = texts[3], .units = units, .joint = true,
                     .min_count = 1};
    bool fine = lab_ok(l) && pairs_from_lines(l, p, &x);
    for (int i = 0; i < 4; i++) heed_text_free(texts[i]);
    return fine;
}

/* ---------------------------------------------------------------------------------------------------------------------------- */

void pairs_free(pairs *p)
{
    heed_batches_free(p->train);
    heed_batches_free(p->valid);
    heed_examples_free(p->train_examples);
    heed_examples_free(p->valid_examples);
    if (p->tgt_units != p->src_units) heed_units_free(p->tgt_units);
    if (p->tgt_vocab != p->src_vocab) heed_vocab_free(p->tgt_vocab);
    heed_units_free(p->src_units);
    heed_vocab_free(p->src_vocab);
}

const char *pairs_symbol(lab *l, const pairs *p, bool source, int32_t id)
{
    const heed_vocab *v = source ? p->src_vocab : p->tgt_vocab;
    if (v) return lab_text(l, "%s", heed_vocab_unit(v, id).bytes);
    static const char *const fixed[] = {"<pad>", "<unk>", "<s>", "</s>"};
    if (id < HEED_ID_FIRST) return fixed[id < 0 ? 0 : id];
    int number = (int)(id - HEED_ID_FIRST);
    return number < 26 ? lab_text(l, "%c", 'a' + number) : lab_text(l, "%c%d", 'a' + number % 26, number / 26);
}
