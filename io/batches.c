#include "io/batches.h"

#include "autograd/memory.h"
#include "autograd/random.h"

#include <stdlib.h>
#include <string.h>

typedef struct shape { /* of an example */
    size_t source, target, index;
} shape;

struct heed_batches {
    const heed_examples *examples;
    heed_batches_options options;
    heed_batches_counts counts;
    shape *shapes;  /* of what is used, sorted */
    size_t *first;  /* batch i holds places first[i] to first[i + 1] of the sorted examples */
    int64_t *order; /* which shape is at which place in this epoch */
    int64_t *turn;  /* which batch comes when */
    uint64_t epoch;
    heed_batch batch;
    int32_t *source, *target_in, *target_out, *source_length, *target_length; /* what batch shows */
    size_t *example;
};

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static size_t size_of(const shape *s) { return larger(s->source, s->target); }

static int by_size(const void *a, const void *b)
{
    const shape *x = a, *y = b;
    if (size_of(x) != size_of(y)) return size_of(x) < size_of(y) ? -1 : 1;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    if (x->target != y->target) return x->target < y->target ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Sorts what is neither empty nor too long. */
static heed_code choose(heed_batches *b, heed_error *e)
{
    const heed_examples *x = b->examples;
    size_t limit = b->options.tokens, all = heed_examples_count(x), n = 0;
    if (b->options.max_length && b->options.max_length < limit) limit = b->options.max_length;
    if (!(b->shapes = heed_calloc(all, sizeof *b->shapes)))
        return heed_fail(e, HEED_NO_MEMORY, "no memory to sort %zu examples", all);
    for (size_t i = 0; i < all; i++) {
        shape s = {.index = i};
        heed_examples_source(x, i, &s.source);
        if (heed_examples_answers(x, i)) heed_examples_answer(x, i, 0, &s.target), s.target += !b->options.bare;
        if (!s.source) b->counts.empty++;
        else if (size_of(&s) > limit) b->counts.too_long++;
        else b->shapes[n++] = s, b->counts.source_tokens += s.source, b->counts.target_tokens += s.target;
    }
    b->counts.examples = n;
    if (!n)
        return heed_fail(e, HEED_INVALID, "no usable example: of %zu, %zu are empty and %zu longer than %zu", all,
                         b->counts.empty, b->counts.too_long, limit);
    qsort(b->shapes, n, sizeof *b->shapes, by_size);
    return HEED_OK;
}

/* Finds the cuts; `*rows` and `*places` become what the largest batches need. */
static void cut(heed_batches *b, size_t *rows, size_t *places)
{
    size_t n = b->counts.examples, first = 0;
    for (size_t i = 0; i < n; i++) {
        size_t size = size_of(&b->shapes[i]), count = i + 1 - first;
        if (count > b->options.tokens / size || (b->options.max_rows && count > b->options.max_rows)) {
            b->first[++b->counts.batches] = first = i;
            count = 1;
        }
        *rows = larger(*rows, count);
        *places = larger(*places, count * size);
    }
    b->first[++b->counts.batches] = n;
}

static void measure(const heed_batches *b, size_t from, size_t to, size_t *source, size_t *target)
{
    *source = *target = 0;
    for (size_t i = from; i < to; i++) {
        const shape *s = &b->shapes[b->order[i]];
        *source = larger(*source, s->source);
        *target = larger(*target, s->target);
    }
}

static void begin_epoch(heed_batches *b, uint64_t epoch)
{
    int64_t n = (int64_t)b->counts.examples, batches = (int64_t)b->counts.batches;
    heed_random random = {b->options.seed, heed_hash_name("batches") + epoch, 0};
    b->epoch = epoch;
    for (int64_t i = 0; i < n; i++) b->order[i] = i;
    for (int64_t i = 0; i < batches; i++) b->turn[i] = i;
    if (b->options.in_order) return;
    for (int64_t i = 0, same; i < n; i += same) {
        for (same = 1; i + same < n && size_of(&b->shapes[i + same]) == size_of(&b->shapes[i]);) same++;
        heed_shuffle(&random, same, b->order + i);
    }
    heed_shuffle(&random, batches, b->turn);
}

heed_batches *heed_batches_create(const heed_examples *x, const heed_batches_options *options, heed_error *e)
{
    if (!options->tokens) {
        heed_fail(e, HEED_INVALID, "a batch of 0 tokens; 1 or more are needed");
        return NULL;
    }
    heed_batches *b = heed_calloc(1, sizeof *b);
    if (!b) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for batches");
        return NULL;
    }
    b->examples = x;
    b->options = *options;
    size_t rows = 0, places = 0;
    if (choose(b, e)) goto failed;
    size_t n = b->counts.examples;
    if (!(b->first = heed_calloc(n + 1, sizeof *b->first)) || !(b->order = heed_calloc(n, sizeof *b->order))) goto refused;
    cut(b, &rows, &places);
    if (!(b->turn = heed_calloc(b->counts.batches, sizeof *b->turn)) || !(b->source = heed_calloc(places, sizeof *b->source)) ||
        !(b->target_in = heed_calloc(places, sizeof *b->target_in)) ||
        !(b->target_out = heed_calloc(places, sizeof *b->target_out)) ||
        !(b->source_length = heed_calloc(rows, sizeof *b->source_length)) ||
        !(b->target_length = heed_calloc(rows, sizeof *b->target_length)) ||
        !(b->example = heed_calloc(rows, sizeof *b->example)))
        goto refused;
    begin_epoch(b, 0);
    b->counts.most_rows = rows;
    b->counts.most_places = places;
    double padded = 0;
    for (size_t i = 0; i < b->counts.batches; i++) {
        size_t source, target;
        measure(b, b->first[i], b->first[i + 1], &source, &target);
        padded += (double)(b->first[i + 1] - b->first[i]) * (double)(source + target);
    }
    b->counts.padding = 1 - (double)(b->counts.source_tokens + b->counts.target_tokens) / padded;
    return b;
refused:
    heed_fail(e, HEED_NO_MEMORY, "no memory for batches of %zu examples and %zu tokens", n, places);
failed:
    heed_batches_free(b);
    return NULL;
}

void heed_batches_free(heed_batches *b)
{
    if (!b) return;
    heed_free(b->shapes);
    heed_free(b->first);
    heed_free(b->order);
    heed_free(b->turn);
    heed_free(b->source);
    heed_free(b->target_in);
    heed_free(b->target_out);
    heed_free(b->source_length);
    heed_free(b->target_length);
    heed_free(b->example);
    heed_free(b);
}

heed_batches_counts heed_batches_count(const heed_batches *b) { return b->counts; }

/* `length` ids after `head` of them that are there already, then `pad` up to `steps`. */
static void fill(int32_t *row, size_t head, const int32_t *ids, size_t length, size_t steps, int32_t pad)
{
    if (length) memcpy(row + head, ids, length * sizeof *row);
    for (size_t t = head + length; t < steps; t++) row[t] = pad;
}

const heed_batch *heed_batches_at(heed_batches *b, uint64_t step)
{
    if (step / b->counts.batches != b->epoch && !b->options.in_order) begin_epoch(b, step / b->counts.batches);
    size_t at = (size_t)b->turn[step % b->counts.batches], from = b->first[at], rows = b->first[at + 1] - from, S, T;
    measure(b, from, from + rows, &S, &T);
    b->batch =
        (heed_batch){rows, S, T, b->source, b->source_length, b->target_in, b->target_out, b->target_length, b->example, 0, 0};
    if (b->options.bare) b->batch.target_in = NULL;
    for (size_t i = 0; i < rows; i++) {
        const shape *s = &b->shapes[b->order[from + i]];
        size_t length;
        const int32_t *ids = heed_examples_source(b->examples, s->index, &length);
        fill(b->source + i * S, 0, ids, length, S, HEED_ID_PAD);
        int32_t *in = b->target_in + i * T, *out = b->target_out + i * T;
        if (s->target && b->options.bare) {
            ids = heed_examples_answer(b->examples, s->index, 0, &length);
            fill(out, 0, ids, length, T, HEED_NO_CLASS);
        } else if (s->target) {
            ids = heed_examples_answer(b->examples, s->index, 0, &length);
            in[0] = HEED_ID_BEGIN;
            fill(in, 1, ids, length, T, HEED_ID_PAD);
            fill(out, 0, ids, length, T, HEED_ID_PAD);
            out[length] = HEED_ID_END;
        } else {
            fill(in, 0, NULL, 0, T, HEED_ID_PAD);
            fill(out, 0, NULL, 0, T, b->options.bare ? HEED_NO_CLASS : HEED_ID_PAD);
        }
        b->source_length[i] = (int32_t)s->source;
        b->target_length[i] = (int32_t)s->target;
        b->example[i] = s->index;
        b->batch.source_tokens += s->source;
        b->batch.target_tokens += s->target;
    }
    return &b->batch;
}

static size_t sum_of(const int32_t *length, size_t rows)
{
    size_t sum = 0;
    for (size_t i = 0; i < rows && length; i++) sum += (size_t)length[i];
    return sum;
}

heed_batch heed_batch_rows(const heed_batch *b, size_t from, size_t rows)
{
    const size_t s = from * b->source_steps, t = from * b->target_steps;
    heed_batch part = {.rows = rows, .source_steps = b->source_steps, .target_steps = b->target_steps,
                       .source = b->source ? b->source + s : NULL,
                       .source_length = b->source_length ? b->source_length + from : NULL,
                       .target_in = b->target_in ? b->target_in + t : NULL,
                       .target_out = b->target_out ? b->target_out + t : NULL,
                       .target_length = b->target_length ? b->target_length + from : NULL,
                       .example = b->example ? b->example + from : NULL};
    part.source_tokens = sum_of(part.source_length, rows);
    part.target_tokens = sum_of(part.target_length, rows);
    return part;
}
