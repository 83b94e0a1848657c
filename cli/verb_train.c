/* heed train: its options. */
#include "cli/training.h"

static int print_keys(void)
{
    heed_error e = {0};
    char *keys = heed_options_help(settings_table, &e);
    if (keys) printf("Settings of --set KEY=VALUE and of --config files: values allowed, meaning, (default)\n\n%s", keys);
    heed_free(keys);
    return e.code ? failure("train", &e) : STATUS_OK;
}

int verb_train(int argc, char **argv)
{
    training *t = heed_calloc(1, sizeof *t);
    if (!t) return failure("train", &(heed_error){HEED_NO_MEMORY, "no memory"});
    arguments *a = &t->a;
    a->sets.items = a->set_items;
    const flag flags[] = {
        {"src", "FILE", &a->train.src, NULL, NULL, "source lines"},
        {"tgt", "FILE", &a->train.tgt, NULL, NULL, "target lines, one for every source line"},
        {"dict", "FILE", &a->train.dict, NULL, NULL, "dictionary: word TAB symbols, or as the CMU's"},
        {"text", "FILE", &a->train.text, NULL, NULL, "plain text for a language model; with --set objective=mlm for a masked one"},
        {"labels", "FILE", &a->train.labels, NULL, NULL, "one label for every source line"},
        {"tags", "FILE", &a->train.tags, NULL, NULL, "one tag for every source token"},
        {"valid-src", "FILE", &a->valid.src, NULL, NULL, "source lines to validate with"},
        {"valid-tgt", "FILE", &a->valid.tgt, NULL, NULL, "their target lines"},
        {"valid-dict", "FILE", &a->valid.dict, NULL, NULL, "dictionary to validate with"},
        {"valid-text", "FILE", &a->valid.text, NULL, NULL, "text to validate with"},
        {"valid-labels", "FILE", &a->valid.labels, NULL, NULL, "labels to validate with"},
        {"valid-tags", "FILE", &a->valid.tags, NULL, NULL, "tags to validate with"},
        {"from", "CHECKPOINT", &a->from, NULL, NULL, "begin with the encoder of another run: units, vocabulary, sizes and weights"},
        {"src-units", "UNITS", &a->src_units, NULL, NULL, "chars, words, bpe:CODES or spm:MODEL; by default chars, of encoders words"},
        {"tgt-units", "UNITS", &a->tgt_units, NULL, NULL, "the same for the target; with --dict the default is words"},
        {"model", "NAME", &a->model, NULL, NULL, "transformer (the default), rnn, lstm or gru: as --set model=NAME"},
        {"set", "KEY=VALUE", NULL, &a->sets, NULL, "a setting; any number of times"},
        {"config", "FILE", &a->config, NULL, NULL, "settings as lines of key = value; --set overrides them"},
        {"steps", "N", &a->steps, NULL, NULL, "train up to step N; a run that exists may be given more"},
        {"minutes", "M", &a->minutes, NULL, NULL, "train as many steps as fit in M minutes; the number is told"},
        {"memory", "SIZE", &a->memory, NULL, NULL, "values of a step take at most so much (512M, 2G): what does not fit is computed again, with the same result"},
        {"threads", "N", &a->threads, NULL, NULL, "by default OMP_NUM_THREADS or all CPUs; the result is the same"},
        {"seed", "N", &a->seed, NULL, NULL, "as --set seed=N"},
        PROFILING_FLAGS(&a->watch),
        {"keys", NULL, NULL, NULL, &a->keys, "print the settings, their ranges and defaults, and end"},
        {0},
    };
    static const char about[] =
        "usage: heed train RUN --src FILE --tgt FILE | --dict FILE | --text FILE\n"
        "                      | --src FILE --labels FILE | --src FILE --tags FILE  --steps N | --minutes M  [option ...]\n\n"
        "Trains a model in the folder RUN, which gets last.h5, best.h5, log.jsonl and curves.svg.\n"
        "A RUN that exists goes on where it stopped; a killed one loses nothing that was saved.\n"
        "Without --valid-... files a share of the data (hold_out) is kept for validation.\n\n";
    const char *word[1];
    int words, status = -1;
    if (argc > MOST_SETS) status = usage_error("train", "too many words");
    if (status < 0) status = read_flags("train", about, flags, argc, argv, word, 1, &words);
    if (status < 0 && a->keys) status = print_keys();
    if (status < 0 && !words) status = usage_error("train", "name the run's folder");
    if (status < 0 && a->steps && a->minutes) status = usage_error("train", "--steps and --minutes exclude each other");
    if (status < 0 && a->steps && !flag_int("train", "steps", a->steps, 1, MOST_STEPS, &a->step_count)) status = STATUS_USAGE;
    if (status < 0 && a->memory && !flag_size("train", "memory", a->memory, &a->memory_bytes)) status = STATUS_USAGE;
    if (status < 0 && a->threads && !flag_int("train", "threads", a->threads, 1, 256, &a->thread_count)) status = STATUS_USAGE;
    if (status < 0 && a->minutes && !flag_real("train", "minutes", a->minutes, 0.01, 1e6, &a->minute_count))
        status = STATUS_USAGE;
    if (status < 0) {
        a->run = word[0];
        status = training_run(t);
    }
    heed_progress_free(t->progress);
    heed_free(t->log_file);
    heed_runlog_close(t->log);
    heed_folder_close(t->folder);
    heed_free(t->last);
    data_free(&t->train);
    data_free(&t->valid);
    job_free(&t->j);
    job_free(&t->base);
    heed_shards_free(t->shards);
    heed_graph_free(t->g);
    heed_free(t);
    return status;
}
