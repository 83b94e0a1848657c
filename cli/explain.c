/* heed explain: what a model would cost, before it runs. */
#include "cli/cli.h"
#include "cli/job.h"

#include <math.h>
#include <string.h>

enum { MOST_SETS = 128 };

typedef struct shape { int64_t vocab, rows, src_len, tgt_len, classes; } shape;

/* One training step of the given shape is recorded and planned, not run. */
static int explain(job *j, const shape *s, heed_error *e)
{
    size_t ids = (size_t)s->rows * (size_t)(s->src_len > s->tgt_len ? s->src_len : s->tgt_len);
    int32_t *zeros = heed_calloc(ids, sizeof *zeros), *lengths = heed_alloc((size_t)s->rows * sizeof *lengths);
    heed_graph *g = heed_graph_new();
    if (!zeros || !lengths) heed_fail(e, HEED_NO_MEMORY, "no memory");
    else if (!job_build(j, false, e)) {
        for (int64_t i = 0; i < s->rows; i++) lengths[i] = (int32_t)s->src_len;
        bool masked = j->kind == JOB_MASKED;
        int64_t targets = j->kind == JOB_CLASSES ? 1 : j->kind == JOB_TAGS ? s->src_len : s->tgt_len;
        if (masked) targets = (int64_t)lround(j->set.mask_share * (double)s->src_len);
        heed_batch b = {.rows = (size_t)s->rows, .source_steps = (size_t)s->src_len, .target_steps = (size_t)(targets + !targets), .source = zeros,
                        .source_length = lengths, .target_in = zeros, .target_out = zeros};
        heed_params_summary(j->params, stdout);
        printf("\none training step of %lld sentences, %lld source and %lld %s each:\n\n", (long long)s->rows,
               (long long)(job_reads(j) ? s->src_len : 0), (long long)b.target_steps, masked ? "masked symbols" : job_traits_of(j)->targets);
        heed_graph_training(g, true);
        heed_cost c;
        if (heed_graph_explain(g, job_loss(j, g, &b, j->set.label_smoothing, NULL, NULL), true, &c, stdout))
            heed_fail(e, heed_graph_error(g)->code, "%s", heed_graph_error(g)->message);
        else {
            double weights = (double)heed_params_size(j->params) * 4 / 1048576;
            printf("%.3g GFLOP a step; %.1f MiB of weights, as much of gradients, twice as much of Adam's state, %.1f MiB of values: %.1f MiB\n",
                   (double)c.flops / 1e9, weights, (double)c.peak / 1048576, 4 * weights + (double)c.peak / 1048576);
        }
    }
    heed_graph_free(g);
    heed_free(zeros);
    heed_free(lengths);
    return e->code ? failure("explain", e) : STATUS_OK;
}

int verb_explain(int argc, char **argv)
{
    const char *set_items[MOST_SETS], *config = NULL, *model = NULL, *vocab = "10000", *rows = "32", *src_len = "32", *tgt_len = "32", *labels = NULL, *tags = NULL;
    flag_list sets = {set_items, 0};
    bool text = false;
    const flag flags[] = {
        {"set", "KEY=VALUE", NULL, &sets, NULL, "a setting, as in heed train"},
        {"model", "NAME", &model, NULL, NULL, "transformer (the default), rnn, lstm or gru"},
        {"config", "FILE", &config, NULL, NULL, "settings as lines of key = value"},
        {"vocab", "N", &vocab, NULL, NULL, "symbols of the vocabulary (10000)"},
        {"rows", "N", &rows, NULL, NULL, "sentences in a batch (32)"},
        {"src-len", "N", &src_len, NULL, NULL, "source symbols of each (32)"},
        {"tgt-len", "N", &tgt_len, NULL, NULL, "target symbols of each (32)"},
        {"text", NULL, NULL, NULL, &text, "a language model instead of an encoder-decoder; masked with objective=mlm"},
        {"labels", "N", &labels, NULL, NULL, "a classifier of lines of N classes instead"},
        {"tags", "N", &tags, NULL, NULL, "a tagger of N classes instead"},
        {0},
    };
    shape s;
    int words, status = argc > MOST_SETS ? usage_error("explain", "too many words") : -1;
    if (status < 0)
        status = read_flags("explain",
                            "usage: heed explain [option ...]\n\nPrints the parameters, the memory and the FLOPs of a training step of the model that "
                            "heed train\nwould make of the same settings. Nothing is computed.\n\n",
                            flags, argc, argv, NULL, 0, &words);
    if (status >= 0) return status;
    if (!flag_int("explain", "vocab", vocab, 5, 100000000, &s.vocab) || !flag_int("explain", "rows", rows, 1, 1000000, &s.rows) ||
        !flag_int("explain", "src-len", src_len, 1, 1000000, &s.src_len) || !flag_int("explain", "tgt-len", tgt_len, 1, 1000000, &s.tgt_len))
        return STATUS_USAGE;
    if (text + (labels != NULL) + (tags != NULL) > 1) return usage_error("explain", "--text, --labels and --tags exclude each other");
    if ((labels && !flag_int("explain", "labels", labels, 2, 1000000, &s.classes)) ||
        (tags && !flag_int("explain", "tags", tags, 2, 1000000, &s.classes)))
        return STATUS_USAGE;
    heed_error e = {0};
    job_kind files = text ? JOB_TEXT : labels ? JOB_CLASSES : tags ? JOB_TAGS : JOB_PAIRS;
    job j = {.src_symbols = s.vocab, .tgt_symbols = labels || tags ? s.classes : s.vocab};
    heed_options_defaults(settings_table, &j.set, &e);
    if (config && !e.code) heed_options_load(settings_table, &j.set, config, &e);
    heed_error wrong = {0};
    for (int i = 0; i < sets.count && !wrong.code; i++) heed_options_assign(settings_table, &j.set, "--set", sets.items[i], &wrong);
    if (model && !wrong.code) heed_options_set(settings_table, &j.set, "--model", "model", model, &wrong);
    if (!wrong.code && !e.code) settings_check(&j.set, &wrong);
    if (!wrong.code && !e.code) job_kind_of(files, &j.set, &j.kind, &wrong);
    status = e.code ? failure("explain", &e) : wrong.code ? usage_error("explain", "%s", wrong.message) : explain(&j, &s, &e);
    job_free(&j);
    return status;
}
