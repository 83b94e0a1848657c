#include "io/windows.h"

#include "autograd/memory.h"
#include "autograd/random.h"

#include <string.h>

struct heed_windows {
    const int32_t *ids;
    size_t targets, rows, length; /* targets: ids that follow another */
    heed_batch batch;
    int32_t *in, *out, *lengths; /* what batch shows */
    size_t *starts;
};

heed_code heed_windows_add_text(heed_ids *ids, const heed_text *text, const heed_side *side, size_t *unknown, heed_error *e)
{
    const char *file = side->strict ? heed_text_name(text) : NULL;
    for (size_t i = 0; i < heed_text_count(text); i++) {
        heed_code code = heed_vocab_encode(side->vocab, side->units, heed_text_line(text, i), file, i + 1, ids, unknown, e);
        if (code) return code;
        if (!heed_grow((void **)&ids->items, &ids->capacity, ids->count + 1, sizeof *ids->items))
            return heed_fail(e, HEED_NO_MEMORY, "%s: no memory for %zu ids", heed_text_name(text), ids->count + 1);
        ids->items[ids->count++] = HEED_ID_END;
    }
    return HEED_OK;
}

heed_windows *heed_windows_create(const int32_t *ids, size_t count, size_t rows, size_t length, heed_error *e)
{
    if (!rows || !length || length > INT32_MAX || count < 2) {
        heed_fail(e, HEED_INVALID, "%zu windows of %zu ids, in a text of %zu: 1 window of 1 id and a text of 2 are the least",
                  rows, length, count);
        return NULL;
    }
    if (length > count - 1) length = count - 1;
    size_t places;
    heed_windows *w = heed_calloc(1, sizeof *w);
    if (w && heed_size_mul(rows, length, &places)) {
        w->ids = ids;
        w->targets = count - 1;
        w->rows = rows;
        w->length = length;
        if ((w->in = heed_calloc(places, sizeof *w->in)) && (w->out = heed_calloc(places, sizeof *w->out)) &&
            (w->lengths = heed_calloc(rows, sizeof *w->lengths)) && (w->starts = heed_calloc(rows, sizeof *w->starts)))
            return w;
    }
    heed_windows_free(w);
    heed_fail(e, HEED_NO_MEMORY, "no memory for %zu windows of %zu ids", rows, length);
    return NULL;
}

void heed_windows_free(heed_windows *w)
{
    if (!w) return;
    heed_free(w->in);
    heed_free(w->out);
    heed_free(w->lengths);
    heed_free(w->starts);
    heed_free(w);
}

static void begin(heed_windows *w, size_t steps)
{
    w->batch = (heed_batch){
        .target_steps = steps, .target_in = w->in, .target_out = w->out, .target_length = w->lengths, .example = w->starts};
}

/* One more row of the batch: the window that begins at `start`. */
static void add(heed_windows *w, size_t start, size_t length)
{
    size_t row = w->batch.rows++, steps = w->batch.target_steps;
    int32_t *in = w->in + row * steps, *out = w->out + row * steps;
    memcpy(in, w->ids + start, length * sizeof *in);
    memcpy(out, w->ids + start + 1, length * sizeof *out);
    for (size_t t = length; t < steps; t++) in[t] = out[t] = HEED_ID_PAD;
    w->lengths[row] = (int32_t)length;
    w->starts[row] = start;
    w->batch.target_tokens += length;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t divided_up(size_t a, size_t b) { return a / b + (a % b != 0); }

size_t heed_windows_count(const heed_windows *w) { return divided_up(divided_up(w->targets, w->length), w->rows); }
size_t heed_windows_through_count(const heed_windows *w) { return divided_up(divided_up(w->targets, w->rows), w->length); }
size_t heed_windows_stream_count(const heed_windows *w) { return divided_up(w->targets / w->rows, w->length); }

const heed_batch *heed_windows_random(heed_windows *w, uint64_t seed, uint64_t step)
{
    heed_random random = {seed, heed_hash_name("windows") + step, 0};
    begin(w, w->length);
    for (size_t r = 0; r < w->rows; r++) add(w, (size_t)heed_random_below(&random, w->targets - w->length + 1), w->length);
    return &w->batch;
}

const heed_batch *heed_windows_streams(heed_windows *w, uint64_t step)
{
    size_t stream = w->targets / w->rows, batches = heed_windows_stream_count(w);
    size_t at = batches ? (size_t)(step % batches) * w->length : 0, length = smaller(w->length, stream - at);
    begin(w, length);
    for (size_t r = 0; batches && r < w->rows; r++) add(w, r * stream + at, length);
    return &w->batch;
}

const heed_batch *heed_windows_in_order(heed_windows *w, size_t i)
{
    begin(w, w->length);
    size_t windows = divided_up(w->targets, w->length);
    for (size_t r = 0; r < w->rows && i * w->rows + r < windows; r++) {
        size_t start = (i * w->rows + r) * w->length;
        add(w, start, smaller(w->length, w->targets - start));
    }
    return &w->batch;
}

const heed_batch *heed_windows_through(heed_windows *w, size_t i)
{
    size_t stream = divided_up(w->targets, w->rows), at = i * w->length, length = at < stream ? smaller(w->length, stream - at) : 0;
    begin(w, length);
    for (size_t r = 0; r < w->rows; r++) {
        size_t start = smaller(r * stream + at, w->targets);
        add(w, start, smaller(length, w->targets - start));
    }
    return &w->batch;
}
