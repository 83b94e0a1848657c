#include "cli/writer.h"

#include <string.h>

enum { MOST_PLACES = 1 << 15, DEFAULT_NEW = 200 };

/* --- life ------------------------------------------------------------------------------------------------------------------- */

/* A text model was never shown a begin symbol: its lines follow the end of another. */
static bool search_options(writer *w, const char *verb, const search_flags *f)
{
    bool text = w->j.kind == JOB_TEXT;
    heed_search *how = &w->how;
    *how = heed_search_greedy(HEED_ID_PAD, text ? HEED_ID_END : HEED_ID_BEGIN, HEED_ID_END);
    how->beam = text ? 1 : 5;
    how->alpha = 0.6;
    if (text) how->banned[1] = HEED_ID_BEGIN, how->factor = 0, how->extra = DEFAULT_NEW;
    if (f->beam && !flag_int(verb, "beam", f->beam, 1, 1000, &how->beam)) return false;
    if (f->length_penalty && !flag_real(verb, "length-penalty", f->length_penalty, 0, 100, &how->alpha)) return false;
    if (f->length_mean) {
        how->rule = HEED_LENGTH_POWER;
        if (!flag_real(verb, "length-mean", f->length_mean, 0, 100, &how->alpha)) return false;
    }
    if (f->max_len) {
        how->factor = 0;
        if (!flag_int(verb, "max-len", f->max_len, 1, 1000000, &how->extra)) return false;
    }
    return true;
}

/* --src-units: the model's vocabulary, met by another way of cutting lines */
static heed_code replace_units(job *j, const char *specification, heed_error *e)
{
    if (j->kind == JOB_TEXT) return heed_fail(e, HEED_INVALID, "--src-units: a language model has no source");
    heed_units *units = heed_units_create(specification, e);
    if (!units) return e->code;
    if (j->src_units != j->tgt_units) heed_units_free(j->src_units);
    j->src_units = units;
    return HEED_OK;
}

int writer_open(writer *w, const char *verb, const char *file, const search_flags *f, heed_error *e)
{
    int64_t threads = 0;
    *w = (writer){.rows = 0};
    if (f->length_penalty && f->length_mean) return usage_error(verb, "--length-penalty and --length-mean exclude each other");
    if (f->threads && !flag_int(verb, "threads", f->threads, 1, 256, &threads)) return STATUS_USAGE;
    if (job_load(&w->j, file, false, e)) return failure(verb, e);
    bool encoder = job_traits_of(&w->j)->encoder;
    if (encoder && (f->beam || f->length_penalty || f->length_mean || f->max_len || f->remove_bpe))
        return usage_error(verb, "this is a %s: it does not search, so --beam, --length-..., --max-len and --remove-bpe are not for it",
                           job_traits_of(&w->j)->name);
    if (!search_options(w, verb, f)) return STATUS_USAGE;
    if (f->src_units && replace_units(&w->j, f->src_units, e)) return failure(verb, e);
    w->remove_bpe = f->remove_bpe;
    w->g = heed_graph_new();
    heed_graph_threads(w->g, (int)threads);
    if (encoder) return -1;
    w->d = heed_decoder_new(w->g, w->j.model);
    if (w->d) return -1;
    heed_fail(e, HEED_NO_MEMORY, "no memory");
    return failure(verb, e);
}

void writer_free(writer *w)
{
    heed_found_free(w->found);
    heed_decoder_free(w->d);
    heed_graph_free(w->g);
    heed_free(w->ids.items);
    heed_free(w->start);
    heed_free(w->length);
    heed_free(w->stream);
    heed_free(w->place);
    heed_free(w->joined);
    job_free(&w->j);
}

/* --- a batch ---------------------------------------------------------------------------------------------------------------- */

void writer_begin(writer *w)
{
    heed_found_free(w->found);
    w->found = NULL;
    w->longest = 0;
    w->ids.count = 0;
    if (w->pending) { /* behind the last row */
        memmove(w->ids.items, w->ids.items + w->start[w->rows], (size_t)w->length[w->rows] * sizeof *w->ids.items);
        w->longest = w->length[0] = w->length[w->rows];
        w->ids.count = (size_t)w->longest;
        w->start[0] = 0;
        w->stream[0] = w->stream[w->rows];
    }
    w->rows = w->pending;
    w->pending = false;
}

static bool grow(writer *w)
{
    if (w->rows < w->capacity) return true;
    int64_t more = w->capacity ? 2 * w->capacity : 64;
    void **arrays[] = {(void **)&w->start, (void **)&w->length, (void **)&w->stream, (void **)&w->place};
    for (int i = 0; i < 4; i++) {
        void *new = heed_realloc(*arrays[i], (size_t)more * sizeof(int64_t));
        if (!new) return false;
        *arrays[i] = new;
    }
    w->capacity = more;
    return true;
}

static heed_code put_id(writer *w, int32_t id, heed_error *e)
{
    if (!heed_grow((void **)&w->ids.items, &w->ids.capacity, w->ids.count + 1, sizeof *w->ids.items))
        return heed_fail(e, HEED_NO_MEMORY, "no memory for a line");
    w->ids.items[w->ids.count++] = id;
    return HEED_OK;
}

/* A line's ids, appended; of a masked language model "<mask>" is a mask wherever it stands. */
static heed_code encode(writer *w, heed_line line, uint64_t number, size_t *unknown, heed_error *e)
{
    static const char mask[] = "<mask>";
    const job *j = &w->j;
    heed_vocab *v = job_reads(j) ? j->src_vocab : j->tgt_vocab;
    heed_units *u = job_reads(j) ? j->src_units : j->tgt_units;
    size_t before = w->ids.count;
    if (job_begins(j) && put_id(w, HEED_ID_BEGIN, e)) return e->code;
    size_t begun = w->ids.count;
    for (const char *at; !e->code && j->kind == JOB_MASKED && (at = strstr(line.bytes, mask));) {
        size_t left = (size_t)(at - line.bytes);
        char *part = heed_strdup(line.bytes); /* lines end in a NUL, and so must what is cut off */
        if (!part) return heed_fail(e, HEED_NO_MEMORY, "no memory for a line");
        part[left] = 0;
        if (!heed_vocab_encode(v, u, (heed_line){part, left}, NULL, (size_t)number, &w->ids, unknown, e)) put_id(w, HEED_ID_MASK, e);
        heed_free(part);
        line.bytes += left + strlen(mask);
        line.length -= left + strlen(mask);
    }
    if (!e->code) heed_vocab_encode(v, u, line, NULL, (size_t)number, &w->ids, unknown, e);
    if (w->ids.count == begun) w->ids.count = before; /* an empty line stays one */
    return e->code;
}

heed_code writer_add(writer *w, heed_line line, uint64_t number, size_t *unknown, heed_error *e)
{
    const job *j = &w->j;
    int64_t start = (int64_t)w->ids.count;
    if (!grow(w)) return heed_fail(e, HEED_NO_MEMORY, "no memory for a batch of %lld lines", (long long)w->rows);
    if (encode(w, line, number, unknown, e)) return e->code;
    int64_t length = (int64_t)w->ids.count - start, positions = j->model.kind->positions ? j->model.kind->positions(j->model.self) : INT64_MAX;
    if (length > positions)
        return heed_fail(e, HEED_INVALID,
                         "line %llu: %lld symbols, and the model has %lld positions; max_len was set so when it was trained",
                         (unsigned long long)number, (long long)length, (long long)positions);
    w->start[w->rows] = start;
    w->length[w->rows] = length;
    w->stream[w->rows] = number;
    int64_t longest = length > w->longest ? length : w->longest;
    w->pending = w->rows && (w->rows + 1) * longest > MOST_PLACES;
    if (w->pending) return HEED_OK;
    w->longest = longest;
    w->rows++;
    return HEED_OK;
}

bool writer_is_full(const writer *w, int64_t rows) { return w->pending || w->rows >= rows; }

int32_t *writer_padded(const writer *w, int64_t rows, int32_t *lengths)
{
    int32_t *source = heed_alloc((size_t)(rows * w->longest) * sizeof *source);
    for (int64_t r = 0, b = 0; source && r < w->rows; r++) {
        if (!w->length[r]) continue;
        lengths[b] = (int32_t)w->length[r];
        for (int64_t k = 0; k < w->longest; k++)
            source[b * w->longest + k] = k < w->length[r] ? w->ids.items[w->start[r] + k] : HEED_ID_PAD;
        b++;
    }
    return source;
}

heed_code writer_run(writer *w, heed_error *e)
{
    bool text = w->j.kind == JOB_TEXT;
    int64_t rows = 0;
    for (int64_t r = 0; r < w->rows; r++) w->place[r] = text || w->length[r] ? rows++ : -1;
    if (!rows) return HEED_OK;
    size_t n = (size_t)rows;
    uint64_t *stream = heed_alloc(n * sizeof *stream);
    int32_t *lengths = heed_alloc(n * sizeof *lengths), *source = NULL;
    const int32_t **prefix = heed_alloc(n * sizeof *prefix);
    bool ready = stream && lengths && prefix && (text || (source = writer_padded(w, rows, lengths)));
    if (!ready) heed_fail(e, HEED_NO_MEMORY, "no memory for a batch of %lld lines", (long long)rows);
    for (int64_t r = 0; ready && r < w->rows; r++)
        if (w->place[r] >= 0) {
            stream[w->place[r]] = w->stream[r];
            prefix[w->place[r]] = w->ids.items + w->start[r];
        }
    heed_prompts p = {.sentences = rows, .stream = stream};
    if (text) {
        p.prefix = prefix;
        p.prefix_length = w->length;
    } else {
        p.steps = w->longest;
        p.source = source;
        p.source_length = lengths;
    }
    if (ready) w->found = heed_search_run(w->d, &w->how, &p, e);
    heed_free(stream);
    heed_free(lengths);
    heed_free(prefix);
    heed_free(source);
    return e->code;
}

int64_t writer_count(const writer *w, int64_t row)
{
    return w->found && w->place[row] >= 0 ? heed_found_count(w->found, w->place[row]) : 0;
}

heed_hypothesis writer_at(const writer *w, int64_t row, int64_t rank) { return heed_found_at(w->found, w->place[row], rank); }

static heed_line whole(writer *w, heed_line line, heed_error *e)
{
    char *joined = heed_realloc(w->joined, line.length + 1);
    if (!joined) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for a line of %zu bytes", line.length);
        return (heed_line){NULL, 0};
    }
    w->joined = joined;
    return heed_remove_bpe(line, joined);
}

heed_line writer_text(writer *w, heed_hypothesis h, heed_error *e)
{
    heed_line line = heed_vocab_decode(w->j.tgt_vocab, w->j.tgt_units, h.ids, (size_t)h.length, e);
    return w->remove_bpe && line.bytes ? whole(w, line, e) : line;
}

void writer_print(writer *w, heed_hypothesis h, bool raw, FILE *out, heed_error *e)
{
    if (raw) {
        for (int64_t k = 0; k < h.length; k++) fprintf(out, "%s%s", k ? " " : "", heed_vocab_unit(w->j.tgt_vocab, h.ids[k]).bytes);
        return;
    }
    heed_line line = writer_text(w, h, e);
    if (line.bytes) fwrite(line.bytes, 1, line.length, out);
}
