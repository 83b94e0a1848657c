/* heed inspect: what a checkpoint holds.   heed numbers: pairs to learn from. */
#include "cli/cli.h"
#include "cli/job.h"

#include <math.h>

int verb_inspect(int argc, char **argv)
{
    const flag flags[] = {{0}};
    const char *file;
    int words, status = read_flags("inspect",
                                   "usage: heed inspect CHECKPOINT\n\nPrints what the checkpoint is, the settings it was trained with, and every "
                                   "parameter's name, shape and size.\n",
                                   flags, argc, argv, &file, 1, &words);
    if (status >= 0) return status;
    if (!words) return usage_error("inspect", "name a checkpoint, such as RUN/best.h5");
    heed_error e = {0};
    job j;
    if (job_load(&j, file, false, &e)) return failure("inspect", &e);
    printf("%s: %s, after %lld steps\n", file,
           job_traits_of(&j)->title,
           (long long)j.step);
    if (isfinite(j.best_loss)) printf("best validation loss %.4f (perplexity %.3f) at step %lld\n", j.best_loss, exp(j.best_loss), (long long)j.best_step);
    if (j.src_vocab) printf("source: %s, %lld symbols\n", heed_units_kind(j.src_units), (long long)j.src_symbols);
    if (j.tgt_units)
        printf("target: %s, %lld symbols%s\n", heed_units_kind(j.tgt_units), (long long)j.tgt_symbols,
               j.src_vocab == j.tgt_vocab ? ", the same vocabulary" : "");
    else if (j.tgt_vocab) {
        printf("%lld %s:", (long long)j.tgt_symbols, job_traits_of(&j)->targets);
        for (int32_t c = 0; c < j.tgt_symbols; c++) printf("%s %s", c ? "," : "", heed_labels_name(j.tgt_vocab, c).bytes);
        printf("\n");
    }
    printf("\n");
    settings_print(&j.set, &e);
    printf("\n");
    heed_params_summary(j.params, stdout);
    job_free(&j);
    return e.code ? failure("inspect", &e) : STATUS_OK;
}

int verb_numbers(int argc, char **argv)
{
    const flag flags[] = {{0}};
    const char *text;
    int words, status = read_flags("numbers",
                                   "usage: heed numbers COUNT > dictionary\n\nPrints COUNT numbers and their English names, one TAB-separated pair a line, for\n"
                                   "`heed train --dict` where no dictionary is at hand.\n",
                                   flags, argc, argv, &text, 1, &words);
    if (status >= 0) return status;
    int64_t count;
    if (!words) return usage_error("numbers", "say how many");
    if (!flag_int("numbers", "COUNT", text, 1, 10000000, &count)) return STATUS_USAGE;
    char name[HEED_NUMBER_NAME];
    for (int64_t i = 0; i < count; i++) {
        heed_number_name((uint64_t)i * 37, name);
        printf("%lld\t%s\n", (long long)i * 37, name);
    }
    if (fflush(stdout) || ferror(stdout)) {
        heed_error e = {0};
        heed_fail_errno(&e, "standard output");
        return failure("numbers", &e);
    }
    return STATUS_OK;
}
