/* Examples and batches: everything once, nothing too large, the same for a seed and a step; windows of a long text. */
#include "check.h"
#include "io/batches.h"
#include "io/windows.h"
#include "autograd/memory.h"

#include <stdlib.h>

enum { MANY = 500 };

/* Example i has source 1000 i + 4, ... and, if wanted, an answer of other lengths. */
static heed_examples *many(size_t count, bool with_answers, heed_error *e)
{
    heed_examples *x = heed_examples_create(e);
    for (size_t i = 0; x && !e->code && i < count; i++) {
        int32_t ids[64];
        for (int32_t k = 0; k < 64; k++) ids[k] = (int32_t)(1000 * i) + k + HEED_ID_FIRST;
        heed_examples_add(x, i, ids, 1 + i * i % 29, e);
        if (with_answers) heed_examples_add_answer(x, ids, i * 7 % 31, e);
    }
    return x;
}

/* Every row is its example, padded. */
static void check_rows(const heed_examples *x, const heed_batch *b)
{
    size_t source_tokens = 0, target_tokens = 0, longest_source = 0, longest_target = 0;
    for (size_t r = 0; r < b->rows; r++) {
        size_t n, m = 0;
        bool answered = heed_examples_answers(x, b->example[r]) > 0;
        const int32_t *source = heed_examples_source(x, b->example[r], &n);
        const int32_t *answer = answered ? heed_examples_answer(x, b->example[r], 0, &m) : NULL;
        size_t target = answered ? m + 1 : 0;
        CU_ASSERT_EQUAL((size_t)b->source_length[r], n);
        CU_ASSERT_EQUAL((size_t)b->target_length[r], target);
        bool same = true;
        for (size_t t = 0; t < b->source_steps; t++)
            same &= b->source[r * b->source_steps + t] == (t < n ? source[t] : HEED_ID_PAD);
        for (size_t t = 0; t < b->target_steps; t++) {
            int32_t in = b->target_in[r * b->target_steps + t], out = b->target_out[r * b->target_steps + t];
            same &= in == (t >= target ? HEED_ID_PAD : t == 0 ? HEED_ID_BEGIN : answer[t - 1]);
            same &= out == (t >= target ? HEED_ID_PAD : t == m ? HEED_ID_END : answer[t]);
        }
        CU_ASSERT(same);
        source_tokens += n;
        target_tokens += target;
        if (n > longest_source) longest_source = n;
        if (target > longest_target) longest_target = target;
    }
    CU_ASSERT_EQUAL(b->source_tokens, source_tokens);
    CU_ASSERT_EQUAL(b->target_tokens, target_tokens);
    CU_ASSERT_EQUAL(b->source_steps, longest_source);
    CU_ASSERT_EQUAL(b->target_steps, longest_target);
}

/* Cut in two, a batch is the same rows. */
static void check_halves(const heed_batch *b)
{
    const size_t cut = b->rows / 2;
    const heed_batch half[] = {heed_batch_rows(b, 0, cut), heed_batch_rows(b, cut, b->rows - cut)};
    CU_ASSERT_EQUAL(half[0].rows + half[1].rows, b->rows);
    CU_ASSERT_EQUAL(half[0].source_tokens + half[1].source_tokens, b->source_tokens);
    CU_ASSERT_EQUAL(half[0].target_tokens + half[1].target_tokens, b->target_tokens);
    for (int i = 0; i < 2; i++) {
        const heed_batch *h = &half[i];
        const size_t from = i ? cut : 0;
        CU_ASSERT(h->source_steps == b->source_steps && h->target_steps == b->target_steps);
        CU_ASSERT(h->source == b->source + from * b->source_steps && h->source_length == b->source_length + from);
        CU_ASSERT(h->target_in == b->target_in + from * b->target_steps && h->target_out == b->target_out + from * b->target_steps);
        CU_ASSERT(h->target_length == b->target_length + from && h->example == b->example + from);
    }
    const heed_batch bare = heed_batch_rows(&(heed_batch){.rows = 3, .source_steps = 2, .source = b->source}, 1, 2);
    CU_ASSERT(bare.source == b->source + 2 && !bare.source_length && !bare.target_in && !bare.target_out && !bare.target_length && !bare.example);
    CU_ASSERT(bare.source_tokens == 0 && bare.target_tokens == 0);
}

static void an_epoch_has_everything_once(void)
{
    for (int variant = 0; variant < 4; variant++) {
        heed_error e = {0};
        heed_examples *x = many(MANY, variant != 3, &e);
        const heed_batches_options options = {
            .tokens = 200, .max_rows = variant == 1 ? 3 : 0, .seed = 5, .in_order = variant == 2};
        heed_batches *b = heed_batches_create(x, &options, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        heed_batches_counts counts = heed_batches_count(b);
        CU_ASSERT_EQUAL(counts.examples, MANY);
        for (size_t epoch = 0; epoch < 3; epoch++) {
            int seen[MANY] = {0};
            size_t source = 0, target = 0;
            for (size_t i = 0; i < counts.batches; i++) {
                const heed_batch *batch = heed_batches_at(b, epoch * counts.batches + i);
                size_t steps = batch->source_steps > batch->target_steps ? batch->source_steps : batch->target_steps;
                CU_ASSERT(batch->rows >= 1 && batch->rows * steps <= 200);
                CU_ASSERT(!options.max_rows || batch->rows <= options.max_rows);
                check_rows(x, batch);
                check_halves(batch);
                for (size_t r = 0; r < batch->rows; r++) seen[batch->example[r]]++;
                source += batch->source_tokens;
                target += batch->target_tokens;
            }
            for (size_t i = 0; i < MANY; i++) CU_ASSERT_EQUAL(seen[i], 1);
            CU_ASSERT_EQUAL(source, counts.source_tokens);
            CU_ASSERT_EQUAL(target, counts.target_tokens);
        }
        heed_batches_free(b);
        heed_examples_free(x);
    }
}

static uint64_t mark(const heed_batch *b)
{
    uint64_t h = 1;
    for (size_t r = 0; r < b->rows; r++) h = h * 1000003 + b->example[r];
    return h;
}

static void a_step_is_found_again(void)
{
    heed_error e = {0};
    heed_examples *x = many(MANY, true, &e);
    heed_batches_options options = {.tokens = 300, .seed = 1};
    heed_batches *b = heed_batches_create(x, &options, &e), *again = heed_batches_create(x, &options, &e);
    options.seed = 2;
    heed_batches *other = heed_batches_create(x, &options, &e);
    CU_ASSERT_FATAL(b && again && other);
    size_t n = heed_batches_count(b).batches, as_other = 0, as_next = 0, same_rows = 0;
    CU_ASSERT_EQUAL(heed_batches_count(other).batches, n);
    uint64_t marks[1000];
    CU_ASSERT_FATAL(3 * n < 1000);
    for (size_t step = 0; step < 3 * n; step++) {
        marks[step] = mark(heed_batches_at(b, step));
        as_other += marks[step] == mark(heed_batches_at(other, step));
        if (step >= n) as_next += marks[step] == marks[step - n];
        same_rows += heed_batches_at(b, step)->rows == heed_batches_at(again, step + n)->rows;
    }
    CU_ASSERT(as_other < n / 2);
    CU_ASSERT(as_next < n / 2);
    CU_ASSERT(same_rows < 3 * n / 2); /* batches of other lengths at the same place of the next epoch */
    for (size_t step = 3 * n; step-- > 0;) CU_ASSERT_EQUAL(mark(heed_batches_at(again, step)), marks[step]);
    heed_batches_free(b);
    heed_batches_free(again);
    heed_batches_free(other);
    heed_examples_free(x);
}

static size_t step_of(heed_batches *b, size_t from, size_t example)
{
    for (size_t step = from;; step++) {
        const heed_batch *batch = heed_batches_at(b, step);
        for (size_t r = 0; r < batch->rows; r++)
            if (batch->example[r] == example) return step;
    }
}

static void neighbours_change(void)
{
    heed_error e = {0};
    heed_examples *x = heed_examples_create(&e);
    for (size_t i = 0; i < 100; i++) heed_examples_add(x, i, (const int32_t[]){4, 5}, 2, &e);
    heed_batches *b = heed_batches_create(x, &(heed_batches_options){.tokens = 20}, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    size_t n = heed_batches_count(b).batches, together = 0, pairs = 0;
    CU_ASSERT_EQUAL(n, 10);
    for (size_t k = 1; k < 100; k++) {
        if (step_of(b, 0, k) != step_of(b, 0, 0)) continue;
        pairs++;
        together += step_of(b, n, k) == step_of(b, n, 0);
    }
    CU_ASSERT_EQUAL(pairs, 9);
    CU_ASSERT(together < 6);
    heed_batches_free(b);
    heed_examples_free(x);
}

static void little_is_padding(void)
{
    heed_error e = {0};
    heed_examples *x = heed_examples_create(&e);
    int32_t ids[40] = {0};
    for (size_t i = 0; i < 5000; i++) { /* answers about as long as the source, as in real pairs */
        size_t length = 5 + i * 2654435761u % 31;
        heed_examples_add(x, i, ids, length, &e);
        heed_examples_add_answer(x, ids, length - i % 4, &e);
    }
    heed_batches *b = heed_batches_create(x, &(heed_batches_options){.tokens = 2000}, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT(heed_batches_count(b).padding > 0.01 && heed_batches_count(b).padding < 0.08);
    heed_batches_free(b);
    heed_examples_free(x);
}

static void what_is_dropped_is_counted(void)
{
    heed_error e = {0};
    heed_examples *x = heed_examples_create(&e);
    const int32_t ids[] = {4, 5, 6, 7, 8};
    for (size_t source = 0; source <= 5; source++)
        for (size_t target = 0; target <= 5; target++) {
            heed_examples_add(x, 0, ids, source, &e);
            heed_examples_add_answer(x, ids, target, &e);
        }
    heed_batches *b = heed_batches_create(x, &(heed_batches_options){.tokens = 100, .max_length = 4}, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    heed_batches_counts counts = heed_batches_count(b);
    CU_ASSERT_EQUAL(counts.empty, 6);
    CU_ASSERT_EQUAL(counts.examples, 16); /* 1 to 4 source units, 0 to 3 target units and the end */
    CU_ASSERT_EQUAL(counts.too_long, 14);
    heed_batches_free(b);
    b = heed_batches_create(x, &(heed_batches_options){.tokens = 1}, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(heed_batches_count(b).examples, 1);
    heed_batches_free(b);
    CU_ASSERT_PTR_NULL(heed_batches_create(x, &(heed_batches_options){.tokens = 0}, &e));
    CU_ASSERT(check_says(e.message, "a batch of 0 tokens"));
    heed_examples_free(x);
    heed_error f = {0};
    x = heed_examples_create(&f);
    heed_examples_add(x, 0, ids, 0, &f);
    heed_examples_add(x, 0, ids, 5, &f);
    CU_ASSERT_PTR_NULL(heed_batches_create(x, &(heed_batches_options){.tokens = 4}, &f));
    CU_ASSERT(check_says(f.message, "no usable example: of 2, 1 are empty and 1 longer than 4"));
    heed_examples_free(x);
}

static long allocations;

static void *counting_hook(void *context, void *p, size_t old, size_t size)
{
    (void)context;
    (void)old;
    if (size) allocations++;
    if (size) return malloc(size);
    free(p);
    return NULL;
}

static void batches_allocate_nothing(void)
{
    heed_error e = {0};
    heed_examples *x = many(MANY, true, &e);
    heed_batches *b = heed_batches_create(x, &(heed_batches_options){.tokens = 300}, &e);
    heed_windows *w = heed_windows_create((const int32_t[]){4, 5, 6, 7, 8, 9, 10}, 7, 2, 3, &e);
    CU_ASSERT_FATAL(b && w);
    heed_set_allocator(counting_hook, NULL);
    for (uint64_t step = 0; step < 1000; step++) {
        heed_batches_at(b, step * 7919);
        heed_windows_random(w, 1, step);
        heed_windows_streams(w, step);
        heed_windows_in_order(w, (size_t)step);
        heed_windows_through(w, (size_t)step);
    }
    heed_set_allocator(NULL, NULL);
    CU_ASSERT_EQUAL(allocations, 0);
    heed_windows_free(w);
    heed_batches_free(b);
    heed_examples_free(x);
}

static void windows_hold_what_follows(void)
{
    heed_error e = {0};
    int32_t ids[101];
    for (int32_t i = 0; i < 101; i++) ids[i] = HEED_ID_FIRST + i;
    heed_windows *w = heed_windows_create(ids, 101, 3, 8, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    int random_starts[101] = {0}, predicted[101] = {0};
    for (uint64_t step = 0; step < 2000; step++) {
        const heed_batch *b = heed_windows_random(w, 3, step);
        CU_ASSERT(b->rows == 3 && b->target_steps == 8 && b->source_steps == 0 && b->target_tokens == 24);
        for (size_t r = 0; r < 3; r++) {
            random_starts[b->example[r]]++;
            CU_ASSERT_EQUAL(memcmp(b->target_in + 8 * r, ids + b->example[r], 8 * sizeof *ids), 0);
            CU_ASSERT_EQUAL(memcmp(b->target_out + 8 * r, ids + b->example[r] + 1, 8 * sizeof *ids), 0);
        }
    }
    for (size_t i = 0; i < 101; i++) CU_ASSERT_EQUAL(random_starts[i] > 0, i <= 92); /* 93 places, 6,000 draws */
    size_t first = heed_windows_random(w, 3, 77)->example[0];
    CU_ASSERT_EQUAL(heed_windows_random(w, 3, 78)->rows, 3);
    CU_ASSERT_EQUAL(heed_windows_random(w, 3, 77)->example[0], first);
    CU_ASSERT_EQUAL(heed_windows_count(w), 5); /* 100 predictions in 13 windows */
    for (size_t i = 0; i < 5; i++) {
        const heed_batch *b = heed_windows_in_order(w, i);
        CU_ASSERT_EQUAL(b->rows, i < 4 ? 3 : 1);
        for (size_t r = 0; r < b->rows; r++)
            for (size_t t = 0; t < 8; t++) {
                int32_t out = b->target_out[8 * r + t], in = b->target_in[8 * r + t];
                CU_ASSERT_EQUAL(out == HEED_ID_PAD, t >= (size_t)b->target_length[r]);
                if (out != HEED_ID_PAD) predicted[out - HEED_ID_FIRST]++;
                CU_ASSERT_EQUAL(in, out == HEED_ID_PAD ? HEED_ID_PAD : out - 1);
            }
    }
    for (size_t i = 0; i < 101; i++) CU_ASSERT_EQUAL(predicted[i], i > 0);
    CU_ASSERT_EQUAL(heed_windows_stream_count(w), 5); /* 33 predictions a stream: four windows of 8 and one of 1 */
    for (uint64_t step = 0; step < 10; step++) {
        const heed_batch *b = heed_windows_streams(w, step);
        CU_ASSERT_EQUAL(b->target_steps, step % 5 < 4 ? 8 : 1);
        for (size_t r = 0; r < 3; r++) CU_ASSERT_EQUAL(b->example[r], 33 * r + 8 * (step % 5));
    }
    memset(predicted, 0, sizeof predicted);
    CU_ASSERT_EQUAL(heed_windows_through_count(w), 5); /* 34, 34 and 32 predictions */
    for (size_t i = 0; i < 5; i++) {
        const heed_batch *b = heed_windows_through(w, i);
        CU_ASSERT(b->rows == 3 && b->target_steps == (i < 4 ? 8 : 2) && b->target_tokens == (i < 4 ? 24 : 4));
        for (size_t k = 0; k < b->rows * b->target_steps; k++) {
            int32_t out = b->target_out[k];
            CU_ASSERT_EQUAL(b->target_in[k], out == HEED_ID_PAD ? HEED_ID_PAD : out - 1);
            if (out == HEED_ID_PAD) continue;
            predicted[out - HEED_ID_FIRST]++;
            CU_ASSERT_EQUAL(out, HEED_ID_FIRST + (int32_t)(34 * (k / b->target_steps) + 8 * i + k % b->target_steps) + 1);
        }
    }
    for (size_t i = 0; i < 101; i++) CU_ASSERT_EQUAL(predicted[i], i > 0);
    heed_windows_free(w);
    w = heed_windows_create(ids, 3, 5, 8, &e); /* shorter than a window, fewer than rows */
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    CU_ASSERT_EQUAL(heed_windows_random(w, 0, 0)->target_steps, 2);
    CU_ASSERT_EQUAL(heed_windows_stream_count(w), 0);
    CU_ASSERT_EQUAL(heed_windows_streams(w, 0)->rows, 0);
    CU_ASSERT_EQUAL(heed_windows_through_count(w), 1);
    CU_ASSERT(heed_windows_through(w, 0)->rows == 5 && heed_windows_through(w, 0)->target_tokens == 2);
    heed_windows_free(w);
    CU_ASSERT_PTR_NULL(heed_windows_create(ids, 1, 1, 1, &e));
    CU_ASSERT(check_says(e.message, "1 windows of 1 ids, in a text of 1"));
}

CHECK_MAIN("batches", {"an epoch has everything once", an_epoch_has_everything_once},
           {"a step is found again", a_step_is_found_again}, {"neighbours change", neighbours_change},
           {"little is padding", little_is_padding}, {"what is dropped is counted", what_is_dropped_is_counted},
           {"batches allocate nothing", batches_allocate_nothing}, {"windows hold what follows", windows_hold_what_follows})
