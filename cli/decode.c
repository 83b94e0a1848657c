/* heed decode: lines in, what the model makes of them out. */
#include "cli/labels.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char about[] =
    "usage: heed decode CHECKPOINT [option ...] < lines > outputs\n\n"
    "Writes a line for every line of standard input, in order: what an encoder-decoder makes of it, or a language model's\n"
    "prompt with its continuation up to the end of the line (with --symbols N through line ends, N symbols long). An empty line\n"
    "gives an empty line (of a language model: any line). With --nbest, lines of\n"
    "    number of the input line TAB score TAB output                 (score: log-probability after the length penalty)\n"
    "best first. With --sample, outputs are drawn, N of them with --nbest; the score is the log-probability.\n"
    "A classifier writes labels, a tagger a tag for every token, a masked language model the line with each <mask> filled in;\n"
    "with --nbest, lines of number TAB probability TAB label (or unit, for each mask).\n\n";

typedef struct output { bool many, raw; int64_t nbest, written, symbols; } output;

static heed_code put_labels(writer *w, output *o, heed_error *e)
{
    for (int64_t r = 0; r < w->rows && !e->code; r++) labels_print(w, r, ++o->written, o->many ? o->nbest : 0, o->raw, stdout, e);
    if (!e->code && (fflush(stdout) || ferror(stdout))) heed_fail_errno(e, "standard output");
    return e->code;
}

static heed_code put_batch(writer *w, output *o, heed_error *e)
{
    for (int64_t r = 0; r < w->rows && !e->code; r++) {
        int64_t count = writer_count(w, r);
        o->written++;
        if (!count && !o->many) putchar('\n');
        for (int64_t k = 0; k < count && k < o->nbest && !e->code; k++) {
            heed_hypothesis h = writer_at(w, r, k);
            if (o->many) printf("%lld\t%.4f\t", (long long)o->written, h.score);
            writer_print(w, h, o->raw, stdout, e);
            putchar('\n');
        }
    }
    if (!e->code && (fflush(stdout) || ferror(stdout))) heed_fail_errno(e, "standard output");
    return e->code;
}

static heed_code put_texts(writer *w, output *o, heed_error *e)
{
    for (int64_t r = 0; r < w->rows && !e->code; r++) writer_go_on(w, r, o->symbols, o->raw, stdout, e);
    if (!e->code && (fflush(stdout) || ferror(stdout))) heed_fail_errno(e, "standard output");
    return e->code;
}

static heed_code answer(writer *w, output *o, heed_error *e)
{
    if (o->symbols) return put_texts(w, o, e);
    if (job_traits_of(&w->j)->encoder) return labels_run(w, e) ? e->code : put_labels(w, o, e);
    return writer_run(w, e) ? e->code : put_batch(w, o, e);
}

/* Up to `rows` lines into the batch; false when there are no more, or when one cannot be read. */
static bool read_batch(writer *w, heed_lines *in, int64_t rows, uint64_t *number, bool *told, heed_error *e)
{
    heed_line line;
    while (!writer_is_full(w, rows)) {
        size_t unknown = 0;
        if (!heed_lines_next(in, &line, e) || writer_add(w, line, ++*number, &unknown, e)) return false;
        if (unknown && !*told)
            fprintf(stderr, "heed decode: line %llu has symbols that the vocabulary lacks (%zu); they are read as <unk>\n",
                    (unsigned long long)*number, unknown);
        *told = *told || unknown;
    }
    return true;
}

static int decode(writer *w, output *o, int64_t rows, heed_error *e)
{
    heed_lines *in = heed_lines_open(stdin, "standard input", HEED_MAX_LINE, e);
    uint64_t number = 0;
    bool more = in != NULL, told = false;
    heed_error unread = {0};
    while ((more || w->pending) && !e->code) {
        writer_begin(w);
        if (more) more = read_batch(w, in, rows, &number, &told, &unread);
        answer(w, o, e);
    }
    if (unread.code) heed_fail(e, unread.code, "%s", unread.message);
    heed_lines_free(in);
    return e->code ? failure("decode", e) : STATUS_OK;
}

int verb_decode(int argc, char **argv)
{
    search_flags search = {0};
    const char *nbest = NULL, *temperature = NULL, *top_k = NULL, *top_p = NULL, *seed = NULL, *symbols = NULL, *batch = NULL, *weights = NULL,
               *file;
    output o = {.nbest = 1};
    bool sample = false;
    const flag flags[] = {
        SEARCH_FLAGS(search),
        {"nbest", "N", &nbest, NULL, NULL, "the N best (or N draws) of each line, with scores; a beam of N at least"},
        {"sample", NULL, NULL, NULL, &sample, "draw instead of searching"},
        {"temperature", "T", &temperature, NULL, NULL, "below 1: the likely more often; above 1: less (1)"},
        {"top-k", "K", &top_k, NULL, NULL, "draw among the K likeliest symbols only (0: all)"},
        {"top-p", "P", &top_p, NULL, NULL, "draw among the fewest symbols that have P of the probability (1)"},
        {"seed", "N", &seed, NULL, NULL, "of the draws; line i's do not depend on the other lines (1)"},
        {"symbols", "N", &symbols, NULL, NULL, "a language model: goes on for N symbols, through the ends of lines"},
        {"raw", NULL, NULL, NULL, &o.raw, "the vocabulary's units with blanks between them, not joined to text"},
        {"batch", "N", &batch, NULL, NULL, "lines read before the first is answered (32; 1 on a terminal)"},
        {"weights", "KIND", &weights, NULL, NULL, "float32, or rounded for speed: bf16, int8 (float32)"},
        {0},
    };
    int words, status = read_flags("decode", about, flags, argc, argv, &file, 1, &words);
    if (status >= 0) return status;
    if (!words) return usage_error("decode", "name a checkpoint, such as RUN/best.h5");
    if (!sample && (temperature || top_k || top_p || seed))
        return usage_error("decode", "--temperature, --top-k, --top-p and --seed go with --sample");
    if (sample && search.beam) return usage_error("decode", "--sample and --beam exclude each other");
    if (symbols && (nbest || search.max_len)) return usage_error("decode", "--symbols excludes --nbest and --max-len");
    static const char *const kinds[] = {"float32", "bf16", "int8", NULL};
    int kind = 0;
    while (weights && kinds[kind] && strcmp(weights, kinds[kind])) kind++;
    if (!kinds[kind]) return usage_error("decode", "--weights: '%s' is not float32, bf16 or int8", weights);
    int64_t rows = isatty(STDIN_FILENO) ? 1 : 32, number = 1;
    double t = 1, p = 1;
    int64_t k = 0;
    if ((nbest && !flag_int("decode", "nbest", nbest, 1, 1000, &o.nbest)) ||
        (batch && !flag_int("decode", "batch", batch, 1, 100000, &rows)) ||
        (temperature && !flag_real("decode", "temperature", temperature, 1e-3, 1e3, &t)) ||
        (top_k && !flag_int("decode", "top-k", top_k, 0, INT32_MAX, &k)) ||
        (top_p && !flag_real("decode", "top-p", top_p, 1e-6, 1, &p)) ||
        (symbols && !flag_int("decode", "symbols", symbols, 1, 100000000, &o.symbols)) ||
        (seed && !flag_int("decode", "seed", seed, 0, INT64_MAX, &number)))
        return STATUS_USAGE;
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error like any other */
    heed_error e = {0};
    writer w;
    status = writer_open(&w, "decode", file, &search, &e);
    if (status < 0 && sample && job_traits_of(&w.j)->encoder)
        status = usage_error("decode", "this is a %s: it does not draw, so --sample is not for it", job_traits_of(&w.j)->name);
    if (status < 0 && symbols && w.j.kind != JOB_TEXT)
        status = usage_error("decode", "this is a %s: --symbols is for language models", job_traits_of(&w.j)->name);
    if (status < 0 && nbest && w.j.kind == JOB_TAGS) status = usage_error("decode", "--nbest: a tagger gives every token its likeliest tag");
    if (status < 0) {
        heed_graph_packed(w.g, (heed_packing)((int)HEED_PACK_SAME + kind));
        o.many = nbest != NULL;
        w.how.sample = sample;
        w.how.temperature = t;
        w.how.top_k = k;
        w.how.top_p = p;
        w.how.seed = (uint64_t)number;
        if (sample) w.how.beam = o.nbest, w.how.alpha = 0;
        else if (o.nbest > w.how.beam) w.how.beam = o.nbest;
        status = decode(&w, &o, rows, &e);
    }
    writer_free(&w);
    return status;
}
