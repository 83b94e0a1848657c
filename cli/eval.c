/* heed eval: how good a model is on files. */
#include "cli/labels.h"
#include "cli/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char about[] =
    "usage: heed eval CHECKPOINT --src FILE --tgt FILE | --dict FILE | --text FILE\n"
    "                            | --src FILE --labels FILE | --src FILE --tags FILE  [option ...]\n\n"
    "With the right beginning of each target given (every answer of a dictionary is a target):\n"
    "    loss                mean negative log-probability of a target symbol, the end included, in nats\n"
    "    perplexity          e^loss\n"
    "    token_accuracy      share of target symbols that were the likeliest\n"
    "Of decoded outputs (not with --text); of several right answers the one nearest to the output counts:\n"
    "    sequence_accuracy   share of outputs that are entirely right\n"
    "    wer, per            dictionaries: share of words that are wrong; edits for a phoneme (symbol) of the answers\n"
    "    wer, bleu, chrf     lines: edits for a word of the targets; BLEU and chrF2, from 0 to 100\n"
    "Of encoders, beside the loss:\n"
    "    accuracy            share of labels, tags or masked symbols that are right; the same symbols are masked every time\n"
    "    sequence_accuracy   tags: share of lines with all of them right\n"
    "    precision, recall, f1   tags B-TYPE, I-TYPE and O: of spans, counted as CoNLL-2000 and CoNLL-2003 do (conlleval), which\n"
    "                        take I- behind O or behind another type as a span's beginning: IOB2 and IOB1 alike\n\n";

typedef struct asked { data_files files; const char *confusion; bool json, held_out; heed_bleu_tokens bleu_tokens; } asked;

typedef struct report {
    int64_t tokens, decoded;
    double loss, perplexity, token_accuracy, sequence_accuracy, wer, per, bleu, chrf; /* NaN: does not apply */
} report;

/* --- with the right beginning given ----------------------------------------------------------------------------------------- */

/* One more batch whose logits are known. */
static void add_accuracy(heed_accuracy *m, const heed_batch *b, const float *logits, int64_t symbols, int32_t *said)
{
    for (size_t i = 0; i < b->rows; i++) {
        for (size_t t = 0; t < b->target_steps; t++) {
            const float *row = logits + (int64_t)(i * b->target_steps + t) * symbols;
            said[t] = 0;
            for (int32_t id = 1; id < symbols; id++)
                if (row[id] > row[said[t]]) said[t] = id;
        }
        heed_accuracy_add(m, said, b->target_out + i * b->target_steps, (int64_t)b->target_steps, HEED_ID_PAD);
    }
}

static heed_code score_targets(const writer *w, data *d, report *r, heed_error *e)
{
    heed_accuracy accuracy = {0};
    double sum = 0;
    carry c;
    if (carry_begin(&c, &w->j, e)) return e->code;
    heed_graph_training(w->g, false);
    for (int64_t i = 0; i < d->count && !e->code; i++) {
        const heed_batch *b = data_valid_batch(d, i);
        heed_tensor *values[2];
        heed_graph_reset(w->g);
        values[0] = job_loss(&w->j, w->g, b, 0, &values[1], &c);
        heed_run(w->g, 2, values);
        sum += heed_item(w->g, values[0]);
        const float *logits = heed_data(w->g, values[1]);
        const heed_error *failed = heed_graph_error(w->g);
        int32_t *said = heed_alloc(b->target_steps * sizeof *said);
        if (failed->code) heed_fail(e, failed->code, "%s", failed->message);
        else if (!said) heed_fail(e, HEED_NO_MEMORY, "no memory for a batch");
        else add_accuracy(&accuracy, b, logits, w->j.tgt_symbols, said);
        heed_free(said);
        carry_on(&c, w->g);
        r->tokens += (int64_t)b->target_tokens;
    }
    carry_free(&c);
    r->loss = sum / (double)r->tokens;
    r->perplexity = exp(r->loss);
    r->token_accuracy = heed_token_accuracy(&accuracy);
    return e->code;
}

/* Every pair counts here, also those that training would leave out as too long: a unit is a byte at least. */
static void allow_all_lengths(job *j, const data *d)
{
    size_t longest = (size_t)j->set.batch_tokens;
    if (j->kind == JOB_MASKED) { /* these are cut */
        if (j->set.max_length > j->set.batch_tokens) j->set.batch_tokens = j->set.max_length;
        return;
    }
    for (size_t i = 0; d->src && i < heed_text_count(d->src); i++) {
        size_t a = heed_text_line(d->src, i).length + 8, b = heed_text_line(d->tgt, i).length + 8;
        if (a > longest) longest = a;
        if (b > longest) longest = b;
    }
    j->set.batch_tokens = (int64_t)longest;
    j->set.max_length = 0;
}

/* --- decoded ---------------------------------------------------------------------------------------------------------------- */

typedef struct item { heed_line source; size_t index; } item;

static int by_length(const void *a, const void *b)
{
    const item *x = a, *y = b;
    return x->source.length != y->source.length ? (x->source.length < y->source.length ? -1 : 1)
                                                : (x->index > y->index) - (x->index < y->index);
}

/* The sources of the part, shortest first, so that batches are of one length. */
static item *sources(const data *d, const job *j, bool held_out, size_t *count, heed_error *e)
{
    size_t all = d->dict ? heed_dictionary_count(d->dict) : heed_text_count(d->src);
    item *list = heed_alloc((all + !all) * sizeof *list);
    *count = 0;
    if (!list) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for %zu sources", all);
        return NULL;
    }
    for (size_t i = 0; i < all; i++) {
        heed_line source = d->dict ? heed_dictionary_word(d->dict, i) : heed_text_line(d->src, i);
        if (!held_out || heed_held_out(source, j->set.hold_out)) list[(*count)++] = (item){source, i};
    }
    qsort(list, *count, sizeof *list, by_length);
    return list;
}

/* The targets with words that BPE has cut whole again. */
static heed_code join_targets(data *d, heed_error *e)
{
    size_t count = heed_text_count(d->tgt), room = 1, used = 0;
    for (size_t i = 0; i < count; i++) room += heed_text_line(d->tgt, i).length + 1;
    char *bytes = heed_alloc(room);
    if (!bytes) return heed_fail(e, HEED_NO_MEMORY, "no memory for the targets");
    for (size_t i = 0; i < count; i++) {
        used += heed_remove_bpe(heed_text_line(d->tgt, i), bytes + used).length;
        bytes[used++] = '\n';
    }
    heed_text *joined = heed_text_parse(heed_text_name(d->tgt), bytes, used, NULL, e);
    heed_free(bytes);
    if (!joined) return e->code;
    heed_text_free(d->tgt);
    d->tgt = joined;
    return HEED_OK;
}

typedef struct sums { heed_edits edits; heed_bleu bleu; heed_chrf chrf; int64_t right; } sums;

static heed_code compare(sums *s, const data *d, size_t index, const char *output, heed_error *e)
{
    size_t count = d->dict ? heed_dictionary_answers(d->dict, index) : 1;
    const char **answers = heed_alloc(count * sizeof *answers);
    if (!answers) return heed_fail(e, HEED_NO_MEMORY, "no memory for %zu answers", count);
    bool right = false;
    for (size_t k = 0; k < count; k++) {
        answers[k] = d->dict ? heed_dictionary_answer(d->dict, index, k, NULL).bytes : heed_text_line(d->tgt, index).bytes;
        right = right || !strcmp(answers[k], output);
    }
    s->right += right;
    heed_edits_add(&s->edits, output, answers, count, e);
    if (!d->dict) {
        heed_bleu_add(&s->bleu, output, answers, 1, e);
        heed_chrf_add(&s->chrf, output, answers, 1, e);
    }
    heed_free(answers);
    return e->code;
}

static heed_code decode_sources(writer *w, const data *d, const asked *a, report *r, heed_error *e)
{
    sums s = {.bleu.tokens = a->bleu_tokens};
    size_t count, at = 0;
    item *list = sources(d, &w->j, a->held_out, &count, e);
    for (size_t first = 0; first < count && !e->code; first += (size_t)w->rows) {
        writer_begin(w);
        for (; at < count && !e->code && !writer_is_full(w, 64); at++)
            writer_add(w, list[at].source, list[at].index + 1, NULL, e);
        if (e->code || writer_run(w, e)) break;
        size_t done = first + (size_t)w->rows;
        if (isatty(STDERR_FILENO)) fprintf(stderr, "\rdecoded %zu of %zu%s", done, count, done < count ? "" : "\n");
        for (int64_t row = 0; row < w->rows && !e->code; row++) {
            const char *output = writer_count(w, row) ? writer_text(w, writer_at(w, row, 0), e).bytes : "";
            if (!e->code) compare(&s, d, list[first + (size_t)row].index, output, e);
        }
    }
    heed_free(list);
    r->decoded = (int64_t)count;
    r->sequence_accuracy = (double)s.right / (double)count;
    r->wer = d->dict ? heed_wrong_rate(&s.edits) : heed_edit_rate(&s.edits);
    if (d->dict) r->per = heed_edit_rate(&s.edits);
    else if (!e->code) {
        r->bleu = heed_bleu_score(&s.bleu).score;
        r->chrf = heed_chrf_score(&s.chrf);
    }
    return e->code;
}

/* --- the report ------------------------------------------------------------------------------------------------------------- */

static void print_report(const report *r, const asked *a)
{
    bool dictionary = a->files.dict != NULL;
    const report_line lines[] = {
        {"loss", r->loss, 1, "", "nats a target symbol, right beginning given"},
        {"perplexity", r->perplexity, 1, "", "e^loss"},
        {"token_accuracy", r->token_accuracy, 100, " %", "of target symbols, right beginning given"},
        {"sequence_accuracy", r->sequence_accuracy, 100, " %", "of decoded outputs entirely right"},
        {"wer", r->wer, 100, " %", dictionary ? "of words decoded wrong" : "edits for a word of the targets"},
        {"per", r->per, 100, " %", "edits for a symbol of the answers"},
        {"bleu", r->bleu, 1, "", a->bleu_tokens == HEED_BLEU_13A ? "tokenised as 13a, 0 to 100" : "of lines tokenised as they are, 0 to 100"},
        {"chrf", r->chrf, 1, "", "chrF2, 0 to 100"},
    };
    report_print(lines, sizeof lines / sizeof *lines, a->json);
    if (a->json) return;
    printf("%-18s %9lld\n", "target symbols", (long long)r->tokens);
    if (r->decoded) printf("%-18s %9lld\n", "decoded", (long long)r->decoded);
}

static heed_code evaluate(writer *w, const asked *a, heed_error *e)
{
    job *j = &w->j;
    job_kind kind;
    data d;
    report r = {0, 0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    bool encoder = job_traits_of(j)->encoder;
    if (data_kind(&a->files, &kind, e)) return e->code;
    if (!job_kind_takes(j->kind, kind)) return heed_fail(e, HEED_INVALID, "%s", job_traits_of(j)->wants);
    if (a->held_out && j->set.hold_out == 0)
        return heed_fail(e, HEED_INVALID, "--held-out: the run was trained with hold_out=0, nothing was kept back");
    if (a->confusion && !encoder) return heed_fail(e, HEED_INVALID, "--confusion is for labels and tags");
    if (!data_read(&d, &a->files, e)) {
        allow_all_lengths(j, &d);
        data_encode(&d, j, a->held_out ? HEED_HELD_OUT_WORDS : HEED_ALL_WORDS, true, e);
        if (!e->code && encoder) labels_eval(w, &d, a->json, a->confusion, e);
        else if (!e->code) {
            if (!score_targets(w, &d, &r, e) && w->remove_bpe && d.tgt) join_targets(&d, e);
            if (!e->code && job_reads(j)) decode_sources(w, &d, a, &r, e);
            if (!e->code) print_report(&r, a);
        }
    }
    data_free(&d);
    return e->code;
}

int verb_eval(int argc, char **argv)
{
    search_flags search = {0};
    asked a = {.bleu_tokens = HEED_BLEU_13A};
    const char *file, *tokens = NULL;
    const flag flags[] = {
        {"src", "FILE", &a.files.src, NULL, NULL, "source lines"},
        {"tgt", "FILE", &a.files.tgt, NULL, NULL, "target lines, one for every source line"},
        {"dict", "FILE", &a.files.dict, NULL, NULL, "dictionary"},
        {"text", "FILE", &a.files.text, NULL, NULL, "plain text, for a language model"},
        {"labels", "FILE", &a.files.labels, NULL, NULL, "one label for every source line, for a classifier"},
        {"tags", "FILE", &a.files.tags, NULL, NULL, "one tag for every source token, for a tagger"},
        {"confusion", "FILE.svg", &a.confusion, NULL, NULL, "of labels and tags: draw which classes were taken for which"},
        {"held-out", NULL, NULL, NULL, &a.held_out, "only what heed train kept back of the same file, having no validation files"},
        {"tokens", "13a|none", &tokens, NULL, NULL, "BLEU's own tokeniser (13a), or none for lines that are tokenised already"},
        {"json", NULL, NULL, NULL, &a.json, "one object on one line"},
        SEARCH_FLAGS(search),
        {0},
    };
    int words, status = read_flags("eval", about, flags, argc, argv, &file, 1, &words);
    if (status >= 0) return status;
    if (!words) return usage_error("eval", "name a checkpoint, such as RUN/best.h5");
    if (tokens && strcmp(tokens, "13a") && strcmp(tokens, "none")) return usage_error("eval", "--tokens is 13a or none, not '%s'", tokens);
    heed_error e = {0};
    writer w;
    status = writer_open(&w, "eval", file, &search, &e);
    if (status < 0) {
        if (tokens && !strcmp(tokens, "none")) a.bleu_tokens = HEED_BLEU_AS_GIVEN;
        evaluate(&w, &a, &e);
        if (!e.code && (fflush(stdout) || ferror(stdout))) heed_fail_errno(&e, "standard output");
        status = e.code ? failure("eval", &e) : STATUS_OK;
    }
    writer_free(&w);
    return status;
}
