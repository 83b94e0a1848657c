/* heed attend: who looks at whom, every layer and head, as pictures. */
#include "cli/labels.h"

#include <string.h>

static const char about[] =
    "usage: heed attend CHECKPOINT 'INPUT' -o PICTURE.html|.svg [option ...]\n\n"
    "Decodes the input and draws the attention of every layer and head while that output is written. A row is a symbol that\n"
    "looks, a column one that is looked at; a row's weights sum to 1. Of a language model or an encoder, within the input.\n"
    "    -o PICTURE.html    one page: an overview, then a picture of every layer\n"
    "    -o PICTURE.svg     the overview, and the layers beside it: PICTURE-enc.0.self.svg, PICTURE-dec.0.cross.svg, ...\n\n";

enum { MOST_PICTURES = 3 * HEED_MAX_LAYERS };

typedef struct part {
    char name[40], title[128], short_title[24];
    const char *rows, *columns, *caption;
    bool source_looks, source_shown;
} part;

typedef struct drawing {
    writer w;
    const char *output, *page_title;
    int32_t *in, *out;          /* what was said so far, what was said next */
    int64_t inputs, outputs;
    const int32_t *source;
    const char **source_labels, **in_labels, **out_labels;
    part parts[MOST_PICTURES];
    int count, heads;
    char said[256];             /* what an encoder says of the input */
    heed_heatmap *maps;         /* [count, heads] */
    char (*map_titles)[24];     /* [heads] */
} drawing;

/* --- what is to be drawn ---------------------------------------------------------------------------------------------------- */

static void list_parts(drawing *d)
{
    heed_model m = d->w.j.model;
    heed_attention_place p;
    for (int i = 0; d->count < MOST_PICTURES && m.kind->attention && m.kind->attention(m.self, i, &p); i++) {
        part *to = &d->parts[d->count++];
        bool cross = !p.source_looks && p.source_shown;
        to->source_looks = p.source_looks;
        to->source_shown = p.source_shown;
        snprintf(to->name, sizeof to->name, "%s", p.name);
        char layer[48] = "";
        if (p.layers > 1) snprintf(layer, sizeof layer, " layer %d of %d", p.layer + 1, p.layers);
        snprintf(to->title, sizeof to->title, "%s%s: %s", p.source_looks ? "encoder" : "decoder", layer,
                 cross ? "the output looks at the input" : p.source_looks ? "the input looks at itself" : "the output looks at itself");
        snprintf(to->short_title, sizeof to->short_title, "%s %d", cross ? "cross" : p.source_looks ? "encoder" : "decoder", p.layer + 1);
        to->rows = p.source_looks ? "input" : cross ? "output" : "next";
        to->columns = p.source_shown ? "input" : "so far";
        to->caption = p.source_looks ? "A row is an input symbol, and what of the input its new representation is made of."
                      : cross ? "A row is the symbol that is said next, and which input symbols were looked at for it."
                              : "A row is the symbol that is said next, and which of those said so far (begin first) were looked at for it.";
        d->heads = (int)p.heads;
    }
}

/* --- input and output ------------------------------------------------------------------------------------------------------- */

/* The one line of an argument, which has to be UTF-8. */
static heed_text *one_line(const char *name, const char *text, heed_error *e)
{
    heed_text *t = heed_text_parse(name, text, strlen(text), &(heed_text_rules){.may_be_empty = true}, e);
    if (t && heed_text_count(t) == 1) return t;
    if (t) heed_fail(e, HEED_INVALID, "%s has %zu lines; one is drawn at a time", name, heed_text_count(t));
    heed_text_free(t);
    return NULL;
}

/* Ids of the output, from `target` or by decoding the input that the writer holds. */
static heed_code find_output(drawing *d, const char *target, heed_ids *ids, heed_error *e)
{
    writer *w = &d->w;
    if (target) {
        heed_text *t = one_line("--target", target, e);
        if (t) heed_vocab_encode(w->j.tgt_vocab, w->j.tgt_units, heed_text_line(t, 0), NULL, 1, ids, NULL, e);
        heed_text_free(t);
        return e->code;
    }
    if (writer_run(w, e)) return e->code;
    heed_hypothesis h = writer_at(w, 0, 0);
    if (!heed_grow((void **)&ids->items, &ids->capacity, (size_t)h.length + 1, sizeof *ids->items))
        return heed_fail(e, HEED_NO_MEMORY, "no memory");
    memcpy(ids->items, h.ids, (size_t)h.length * sizeof *h.ids);
    ids->count = (size_t)h.length;
    return HEED_OK;
}

/* What an encoder says of the input, without the line's end. */
static heed_code find_said(drawing *d, heed_error *e)
{
    FILE *out = fmemopen(d->said, sizeof d->said, "w");
    if (!out) return heed_fail(e, HEED_NO_MEMORY, "no memory for a title");
    if (!labels_run(&d->w, e)) labels_print(&d->w, 0, 1, 0, false, out, e);
    fclose(out);
    d->said[sizeof d->said - 1] = 0;
    d->said[strcspn(d->said, "\n")] = 0;
    return e->code;
}

static const char **labels(const heed_vocab *v, const int32_t *ids, int64_t count)
{
    const char **list = heed_alloc((size_t)(count + 1) * sizeof *list);
    for (int64_t i = 0; list && i < count; i++) list[i] = heed_vocab_unit(v, ids[i]).bytes;
    return list;
}

static heed_code read_input(drawing *d, const char *input, const char *target, heed_error *e)
{
    writer *w = &d->w;
    bool text = w->j.kind == JOB_TEXT, encoder = job_traits_of(&w->j)->encoder;
    heed_ids said = {0};
    size_t unknown = 0;
    heed_text *t = one_line("the input", input, e);
    writer_begin(w);
    if (t) writer_add(w, heed_text_line(t, 0), 1, &unknown, e);
    heed_text_free(t);
    if (!e->code && !w->ids.count) heed_fail(e, HEED_INVALID, "the input has no symbols: there is nothing to look at");
    if (unknown)
        fprintf(stderr, "heed attend: %zu of the input's symbols are not in the vocabulary; they are read as <unk>\n", unknown);
    if (!e->code && encoder) find_said(d, e);
    else if (!e->code && !text) find_output(d, target, &said, e);
    if (e->code) {
        heed_free(said.items);
        return e->code;
    }
    const heed_ids *out = text ? &w->ids : &said;
    d->outputs = encoder ? 0 : (int64_t)out->count + 1;
    d->in = heed_alloc((size_t)(d->outputs + 1) * sizeof *d->in);
    d->out = heed_alloc((size_t)(d->outputs + 1) * sizeof *d->out);
    d->inputs = text ? 0 : (int64_t)w->ids.count;
    d->source = w->ids.items;
    for (int64_t i = 0; d->in && d->out && i < d->outputs; i++) {
        d->in[i] = i ? out->items[i - 1] : w->how.begin;
        d->out[i] = i < d->outputs - 1 ? out->items[i] : HEED_ID_END;
    }
    heed_free(said.items);
    if (!d->in || !d->out) return heed_fail(e, HEED_NO_MEMORY, "no memory for labels");
    d->in_labels = labels(w->j.tgt_vocab, d->in, d->outputs);
    d->out_labels = labels(w->j.tgt_vocab, d->out, d->outputs);
    d->source_labels = d->inputs ? labels(w->j.src_vocab, d->source, d->inputs) : NULL;
    if (!d->in_labels || !d->out_labels || (d->inputs && !d->source_labels))
        return heed_fail(e, HEED_NO_MEMORY, "no memory for labels");
    for (int64_t i = 0; i < d->inputs && w->j.kind == JOB_MASKED; i++)
        if (d->source[i] == HEED_ID_MASK) d->source_labels[i] = "<mask>";
    if (d->inputs > 1024 || d->outputs > 1024)
        return heed_fail(e, HEED_INVALID, "%lld input and %lld output symbols: a picture has up to 1024", (long long)d->inputs,
                         (long long)d->outputs);
    return HEED_OK;
}

/* --- the weights ------------------------------------------------------------------------------------------------------------ */

/* One forward pass with all weights kept. */
static heed_code run_model(drawing *d, heed_error *e)
{
    heed_graph *g = d->w.g;
    const job *j = &d->w.j;
    int32_t length = (int32_t)d->inputs;
    heed_graph_reset(g);
    heed_graph_training(g, false);
    heed_keep_named(g, "*.weights");
    const int32_t first = 0; /* a masked language model is asked for some place */
    bool encoder = job_traits_of(j)->encoder;
    heed_teaching t = {.tgt = encoder ? heed_input(g, HEED_I32, 1, (int64_t[]){1}, &first)
                                      : heed_input(g, HEED_I32, 2, (int64_t[]){1, d->outputs}, d->in)};
    if (d->inputs) {
        t.src = heed_input(g, HEED_I32, 2, (int64_t[]){1, d->inputs}, d->source);
        t.lengths = heed_input(g, HEED_I32, 1, (int64_t[]){1}, &length);
    }
    heed_data(g, heed_model_logits(g, j->model, &t));
    d->maps = heed_calloc((size_t)(d->count * d->heads), sizeof *d->maps);
    d->map_titles = heed_calloc((size_t)d->heads, sizeof *d->map_titles);
    if (!d->maps || !d->map_titles) return heed_fail(e, HEED_NO_MEMORY, "no memory for pictures");
    for (int h = 0; h < d->heads; h++) snprintf(d->map_titles[h], sizeof *d->map_titles, "head %d", h + 1);
    for (int i = 0; i < d->count; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s.weights", d->parts[i].name);
        heed_tensor *weights = heed_find(g, name);
        const float *values = weights ? heed_data(g, weights) : NULL;
        bool looks = d->parts[i].source_looks, from_source = d->parts[i].source_shown;
        int64_t rows = looks ? d->inputs : d->outputs, columns = from_source ? d->inputs : d->outputs;
        for (int h = 0; values && h < d->heads; h++)
            d->maps[i * d->heads + h] = (heed_heatmap){d->map_titles[h], values + h * rows * columns, rows, columns,
                                                       looks ? d->source_labels : d->out_labels,
                                                       from_source ? d->source_labels : d->in_labels};
    }
    const heed_error *failed = heed_graph_error(g);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : HEED_OK;
}

/* --- the pictures ----------------------------------------------------------------------------------------------------------- */

static char *draw_overview(const drawing *d, heed_error *e)
{
    const char *names[MOST_PICTURES];
    for (int i = 0; i < d->count; i++) names[i] = d->parts[i].short_title;
    return heed_figure_overview(d->page_title, d->maps, names, (size_t)d->count, (size_t)d->heads, e);
}

static char *draw_part(const drawing *d, int i, heed_error *e)
{
    const part *p = &d->parts[i];
    return heed_figure_heatmaps(p->title, p->rows, p->columns, d->maps + i * d->heads, (size_t)d->heads, e);
}

static heed_code save_page(const drawing *d, heed_error *e)
{
    heed_picture pictures[MOST_PICTURES + 1] = {{draw_overview(d, e), "Every head at a glance: a row of panels is a layer."}};
    int n = 1;
    for (int i = 0; i < d->count && !e->code; i++, n++) pictures[n] = (heed_picture){draw_part(d, i, e), d->parts[i].caption};
    if (!e->code) heed_figure_save(d->output, d->page_title, pictures, (size_t)n, e);
    for (int i = 0; i < n; i++) heed_free((char *)(uintptr_t)pictures[i].svg);
    return e->code;
}

static heed_code save_files(const drawing *d, heed_error *e)
{
    char *svg = draw_overview(d, e), path[4096];
    size_t stem = strlen(d->output) - strlen(".svg");
    if (stem + sizeof d->parts->name + 8 > sizeof path) heed_fail(e, HEED_INVALID, "%.40s...: the name is too long", d->output);
    if (!e->code) heed_figure_save(d->output, d->page_title, &(heed_picture){svg, NULL}, 1, e);
    heed_free(svg);
    for (int i = 0; i < d->count && !e->code; i++) {
        svg = draw_part(d, i, e);
        snprintf(path, sizeof path, "%.*s-%s.svg", (int)stem, d->output, d->parts[i].name);
        if (svg) heed_figure_save(path, d->parts[i].title, &(heed_picture){svg, NULL}, 1, e);
        heed_free(svg);
    }
    return e->code;
}

/* "input: output" */
static heed_code title(drawing *d, const char *input, char *text, size_t size, heed_error *e)
{
    d->page_title = text;
    snprintf(text, size, "%s", input);
    if (!d->inputs) return HEED_OK;
    if (job_traits_of(&d->w.j)->encoder) {
        snprintf(text, size, "%s \xe2\x86\x92 %s", input, d->said);
        printf("%s\n", d->said);
        return HEED_OK;
    }
    heed_line line = heed_vocab_decode(d->w.j.tgt_vocab, d->w.j.tgt_units, d->out, (size_t)d->outputs, e);
    if (line.bytes) {
        snprintf(text, size, "%s \xe2\x86\x92 %s", input, line.bytes);
        printf("%s\n", line.bytes);
    }
    return e->code;
}

static bool ends_in(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a > b && !strcmp(text + a - b, end);
}

int verb_attend(int argc, char **argv)
{
    search_flags search = {0};
    const char *word[2], *target = NULL, *output = NULL;
    const flag flags[] = {
        {"output", "FILE", &output, NULL, NULL, "the picture, also -o; .html or .svg"},
        {"target", "TEXT", &target, NULL, NULL, "draw for this output instead of the decoded one"},
        SEARCH_FLAGS(search),
        {0},
    };
    int words, status = read_flags("attend", about, flags, argc, argv, word, 2, &words);
    if (status >= 0) return status;
    if (words < 2) return usage_error("attend", "name a checkpoint and give an input");
    if (!output) return usage_error("attend", "say where the picture goes: -o FILE.html or FILE.svg");
    bool page = ends_in(output, ".html");
    if (!page && !ends_in(output, ".svg")) return usage_error("attend", "-o %s: the name has to end in .html or .svg", output);
    heed_error e = {0};
    drawing *d = heed_calloc(1, sizeof *d);
    if (!d) return failure("attend", &(heed_error){HEED_NO_MEMORY, "no memory"});
    d->output = output;
    status = writer_open(&d->w, "attend", word[0], &search, &e);
    if (status < 0 && target && (d->w.j.kind == JOB_TEXT || job_traits_of(&d->w.j)->encoder))
        status = usage_error("attend", "--target: a %s has none, its input is drawn", job_traits_of(&d->w.j)->name);
    if (status < 0) {
        char text[400];
        list_parts(d);
        if (!d->count) heed_fail(&e, HEED_INVALID, "%s: this model has no attention", word[0]);
        else if (!read_input(d, word[1], target, &e) && !run_model(d, &e) && !title(d, word[1], text, sizeof text, &e)) {
            if (page) save_page(d, &e);
            else save_files(d, &e);
        }
        status = e.code ? failure("attend", &e) : STATUS_OK;
        if (!e.code) printf("%s%s\n", output, page ? "" : " (the overview), and a picture of every layer beside it");
    }
    writer_free(&d->w);
    heed_free(d->in);
    heed_free(d->out);
    heed_free(d->in_labels);
    heed_free(d->out_labels);
    heed_free(d->source_labels);
    heed_free(d->maps);
    heed_free(d->map_titles);
    heed_free(d);
    return status;
}
