#include "models/decoder.h"

#include "autograd/memory.h"

#include <string.h>

struct heed_decoder {
    heed_model m;
    void *writer;
    heed_rows rows;   /* sentences 0: nothing was started */
    int32_t *lengths; /* rows.lengths */
    bool stepped;     /* a step was recorded that the writer has not been asked to keep */
};

heed_decoder *heed_decoder_new(heed_graph *g, heed_model m)
{
    heed_decoder *d = heed_calloc(1, sizeof *d);
    if (!d) return NULL;
    *d = (heed_decoder){.m = m, .writer = m.kind->writer ? m.kind->writer(m.self) : NULL, .rows.g = g};
    heed_graph_packed(g, HEED_PACK_SAME);
    if (d->writer) return d;
    heed_free(d);
    return NULL;
}

void heed_decoder_free(heed_decoder *d)
{
    if (!d) return;
    d->m.kind->free(d->writer);
    heed_free(d->lengths);
    heed_free(d);
}

int64_t heed_decoder_rows(const heed_decoder *d) { return d->rows.sentences * d->rows.width; }
int64_t heed_decoder_position(const heed_decoder *d) { return d->rows.position; }
int64_t heed_decoder_symbols(const heed_decoder *d) { return d->m.kind->symbols(d->m.self); }
heed_graph *heed_decoder_graph(const heed_decoder *d) { return d->rows.g; }

int64_t heed_decoder_limit(const heed_decoder *d)
{
    return d->m.kind->positions ? d->m.kind->positions(d->m.self) : INT64_MAX;
}

heed_code heed_decoder_start(heed_decoder *d, int64_t sentences, int64_t width, int64_t steps, const int32_t *src,
                             const int32_t *lengths, heed_error *e)
{
    heed_graph *g = d->rows.g;
    heed_free(d->lengths);
    d->lengths = NULL;
    d->rows = (heed_rows){.g = g};
    d->stepped = false;
    heed_graph_reset(g);
    heed_graph_training(g, false);
    if (sentences < 1 || width < 1 || (steps > 0) != d->m.kind->reads(d->m.self))
        return heed_fail(e, HEED_INVALID, "decoder: %lld sentences of %lld symbols, %lld rows each", (long long)sentences,
                         (long long)steps, (long long)width);
    for (int64_t b = 0; steps && b < sentences; b++)
        if (lengths[b] < 1 || lengths[b] > steps)
            return heed_fail(e, HEED_INVALID, "decoder: sentence %lld has %d symbols in rows of %lld", (long long)b, lengths[b],
                             (long long)steps);
    if (steps) {
        d->lengths = heed_alloc((size_t)sentences * sizeof *d->lengths);
        if (!d->lengths) return heed_fail(e, HEED_NO_MEMORY, "decoder: no memory");
        memcpy(d->lengths, lengths, (size_t)sentences * sizeof *lengths);
    }
    heed_rows rows = {.g = g, .sentences = sentences, .width = width, .steps = steps, .lengths = d->lengths};
    if (d->m.kind->begin(d->writer, &rows, src, e)) return e->code;
    d->rows = rows;
    return HEED_OK;
}

static heed_code keep(heed_decoder *d, heed_error *e)
{
    bool stepped = d->stepped;
    d->stepped = false;
    return stepped && d->m.kind->keep ? d->m.kind->keep(d->writer, &d->rows, e) : HEED_OK;
}

heed_tensor *heed_decoder_step(heed_decoder *d, const int32_t *ids)
{
    heed_graph *g = d->rows.g;
    heed_error e = {0};
    keep(d, &e);
    heed_graph_reset(g);
    if (e.code) return heed_graph_fail(g, e.code, "%s", e.message);
    if (!d->rows.sentences) return heed_graph_fail(g, HEED_STATE, "decoder: nothing was started");
    heed_tensor *logits = d->m.kind->step(d->writer, &d->rows, ids);
    d->rows.position++;
    d->stepped = true;
    return logits;
}

heed_code heed_decoder_select(heed_decoder *d, int64_t sentences, const int32_t *from, heed_error *e)
{
    int64_t width = d->rows.width, old_rows = heed_decoder_rows(d);
    bool same = sentences == d->rows.sentences;
    if (sentences > d->rows.sentences)
        return heed_fail(e, HEED_INVALID, "decoder: %lld sentences of %lld", (long long)sentences, (long long)d->rows.sentences);
    for (int64_t i = 0; i < sentences * width; i++) {
        if (from[i] < 0 || from[i] >= old_rows || from[i] / width < i / width || from[i] / width != from[i / width * width] / width)
            return heed_fail(e, HEED_INVALID, "decoder: row %lld cannot go on from row %d", (long long)i, from[i]);
        same = same && from[i] == i;
    }
    if (keep(d, e) || same) return e->code;
    if (d->m.kind->select(d->writer, &d->rows, sentences, from, e)) return e->code;
    for (int64_t s = 0; d->lengths && s < sentences; s++) d->lengths[s] = d->lengths[from[s * width] / width];
    d->rows.sentences = sentences;
    return HEED_OK;
}
