/* The kinds of job: what each learns from, what it is called, how its lines are cut where nothing else is said. */
#include "cli/job.h"

#include <string.h>

#define DECODER " attention attention_width feed cond initial deep memory_dropout "
#define LINES "this model makes lines of lines: give --src and --tgt, or --dict"

const job_traits job_kinds[JOB_KINDS] = {
    [JOB_PAIRS] = {"pairs", "--src and --tgt", "encoder-decoder", "encoder-decoder on pairs of lines", LINES,
                   "target symbols", "chars", "chars", "", 0, false},
    [JOB_DICTIONARY] = {"dictionary", "--dict", "encoder-decoder", "encoder-decoder on a dictionary", LINES,
                        "target symbols", "chars", "words", "", 0, false},
    [JOB_TEXT] = {"text", "--text", "language model", "language model on text", "this is a language model: give --text",
                  "target symbols", NULL, "chars", DECODER "bidirectional enc_hidden ", 0, false},
    [JOB_CLASSES] = {"classes", "--src and --labels", "classifier", "classifier of lines", "this model labels lines: give --src and --labels",
                     "labels", "words", NULL, DECODER "dec_layers tie ", HEED_ENCODER_CLASSES, true},
    [JOB_TAGS] = {"tags", "--src and --tags", "tagger", "tagger of tokens", "this model tags tokens: give --src and --tags",
                  "tags", "words", NULL, DECODER "dec_layers tie ", HEED_ENCODER_TAGS, true},
    [JOB_MASKED] = {"masked", "--text and objective=mlm", "masked language model", "masked language model on text",
                    "this is a masked language model: give --text", "symbols", "words", NULL, DECODER "dec_layers tie shards ", HEED_ENCODER_MASKED, true},
};

bool job_kind_named(const char *task, job_kind *kind)
{
    for (int k = 0; k < JOB_KINDS; k++)
        if (!strcmp(job_kinds[k].task, task)) {
            *kind = (job_kind)k;
            return true;
        }
    return false;
}

bool job_kind_takes(job_kind kind, job_kind files)
{
    return kind == files || (kind == JOB_MASKED && files == JOB_TEXT) ||
           (kind <= JOB_DICTIONARY && files <= JOB_DICTIONARY);
}

/* What --text is for depends on the settings, and which of these mean anything depends on that. */
heed_code job_kind_of(job_kind files, const settings *s, job_kind *kind, heed_error *e)
{
    bool masked = s->objective == OBJECTIVE_MLM;
    *kind = masked ? JOB_MASKED : files;
    if (masked && files != JOB_TEXT) return heed_fail(e, HEED_INVALID, "objective=mlm goes with --text, not with %s", job_kinds[files].files);
    return settings_without(s, job_kinds[*kind].without, job_kinds[*kind].name, e);
}
