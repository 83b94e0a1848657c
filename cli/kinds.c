/* The kinds of job: what each learns from, what it is called, how its lines are cut where nothing else is said. */
#include "cli/job.h"

#include <string.h>

#define LINES "this model makes lines of lines: give --src and --tgt, or --dict"

const job_traits job_kinds[JOB_KINDS] = {
    [JOB_PAIRS] = {"pairs", "--src and --tgt", "encoder-decoder", "encoder-decoder on pairs of lines", LINES, "chars", "chars"},
    [JOB_DICTIONARY] = {"dictionary", "--dict", "encoder-decoder", "encoder-decoder on a dictionary", LINES, "chars", "words"},
    [JOB_TEXT] = {"text", "--text", "language model", "language model on text", "this is a language model: give --text", NULL, "chars"},
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
