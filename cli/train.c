/* heed train: the loop, its checkpoints, and going on where a run stopped. */
#include "cli/cli.h"
#include "cli/data.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { LOG_EVERY = 10, MOST_SETS = 128 };

static volatile sig_atomic_t stop_signal;
static void on_signal(int number) { stop_signal = number; }

typedef struct arguments {
    const char *run, *config, *steps, *minutes, *threads, *seed, *src_units, *tgt_units;
    data_files train, valid;
    const char *set_items[MOST_SETS];
    flag_list sets;
    int64_t step_count, thread_count;
    double minute_count;
} arguments;

typedef struct training {
    arguments a;
    job j;
    data train, valid;
    bool has_valid, fresh;
    heed_graph *g;
    heed_folder *folder;
    heed_runlog *log;
    heed_progress *progress;
    char *last;
    double started;
} training;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- settings ------------------------------------------------------------------------------------------------------------------ */

/* --config, then every --set in order, then --seed */
static heed_code apply_settings(const arguments *a, settings *s, heed_error *e)
{
    if (a->config && heed_options_load(settings_table, s, a->config, e)) return e->code;
    for (int i = 0; i < a->sets.count && !e->code; i++) heed_options_assign(settings_table, s, "--set", a->sets.items[i], e);
    if (a->seed && !e->code) heed_options_set(settings_table, s, "--seed", "seed", a->seed, e);
    return e->code;
}

/* A run keeps the settings it began with: anything else would be another run under its name. */
static heed_code same_settings(const training *t, heed_error *e)
{
    settings asked = t->j.set;
    if (apply_settings(&t->a, &asked, e)) return e->code;
    for (const heed_option *o = settings_table; o->key && !e->code; o++) {
        char *is = heed_options_value(o, &t->j.set, e), *want = heed_options_value(o, &asked, e);
        if (is && want && strcmp(is, want))
            heed_fail(e, HEED_INVALID, "%s was begun with %s=%s, which cannot become %s; start another run for that", t->a.run, o->key, is, want);
        heed_free(is);
        heed_free(want);
    }
    return e->code;
}

/* --- the two ways to begin ----------------------------------------------------------------------------------------------------------- */

static bool exists(const char *file)
{
    FILE *f = fopen(file, "rb");
    if (f) fclose(f);
    return f != NULL;
}

static heed_code begin(training *t, heed_error *e)
{
    arguments *a = &t->a;
    job *j = &t->j;
    job_kind kind;
    bool dictionary, valid_dictionary;
    if (data_kind(&a->train, &kind, &dictionary, e)) return e->code;
    bool valid_given = a->valid.src || a->valid.tgt || a->valid.dict || a->valid.text;
    if (valid_given) {
        job_kind valid_kind;
        if (data_kind(&a->valid, &valid_kind, &valid_dictionary, e) || valid_kind != kind)
            return heed_fail(e, HEED_INVALID, "the validation files must be of the same sort as the training files");
    }
    t->folder = heed_folder_open(a->run, e);
    t->last = t->folder ? heed_folder_file(t->folder, "last.h5", e) : NULL;
    if (!t->last) return e->code;
    t->fresh = !exists(t->last);
    if (t->fresh) {
        *j = (job){.kind = kind, .dictionary = dictionary, .best_loss = INFINITY};
        if (heed_options_defaults(settings_table, &j->set, e) || apply_settings(a, &j->set, e)) return e->code;
    } else {
        if (job_load(j, t->last, true, e) || same_settings(t, e)) return e->code;
        if (j->kind != kind || j->dictionary != dictionary)
            return heed_fail(e, HEED_INVALID, "%s was begun with %s", a->run, j->kind == JOB_TEXT ? "--text" : j->dictionary ? "--dict" : "--src and --tgt");
    }
    bool hold_out = !valid_given && j->set.hold_out > 0;
    if (data_read(&t->train, &a->train, e)) return e->code;
    if (t->fresh) {
        const char *target = a->tgt_units ? a->tgt_units : dictionary ? "words" : "chars";
        const char *source = a->src_units ? a->src_units : "chars";
        if (data_vocabularies(j, &t->train, hold_out, source, target, e) || job_build(j, true, e)) return e->code;
    }
    if (data_encode(&t->train, j, hold_out ? HEED_TRAINING_WORDS : HEED_ALL_WORDS, false, e)) return e->code;
    t->has_valid = valid_given || hold_out;
    if (t->has_valid &&
        (data_read(&t->valid, valid_given ? &a->valid : &a->train, e) ||
         data_encode(&t->valid, j, hold_out ? HEED_HELD_OUT_WORDS : HEED_ALL_WORDS, true, e)))
        return e->code;
    uint64_t hash = t->train.examples ? heed_examples_hash(t->train.examples) : heed_hash_name("");
    for (size_t i = 0; i < t->train.ids.count; i++) hash = (hash ^ (uint64_t)t->train.ids.items[i]) * 1099511628211u;
    if (!t->fresh && hash != j->data_hash)
        return heed_fail(e, HEED_INVALID, "%s was begun with other training data; give the same files", a->run);
    j->data_hash = hash;
    return HEED_OK;
}

/* --- one step --------------------------------------------------------------------------------------------------------------------------- */

static heed_code graph_failed(const training *t, heed_error *e)
{
    const heed_error *failed = heed_graph_error(t->g);
    return failed->code ? heed_fail(e, failed->code, "step %lld: %s", (long long)t->j.step + 1, failed->message) : HEED_OK;
}

/* Gradients of batch `i` are added to the parameters; its loss and symbols to the sums. */
static heed_code add_batch(training *t, uint64_t i, double *loss, int64_t *tokens, heed_error *e)
{
    const heed_batch *b = data_batch(&t->train, &t->j, i);
    heed_graph_reset(t->g);
    heed_graph_training(t->g, true);
    heed_graph_seed(t->g, (uint64_t)t->j.set.seed, i);
    heed_tensor *l = job_loss(&t->j, t->g, b, t->j.set.label_smoothing, NULL);
    heed_backward(t->g, l);
    *loss += heed_item(t->g, l);
    *tokens += (int64_t)b->target_tokens;
    return graph_failed(t, e);
}

static heed_code take_step(training *t, double *loss, int64_t *tokens, heed_error *e)
{
    job *j = &t->j;
    *loss = 0;
    *tokens = 0;
    for (int64_t k = 0; k < j->set.accumulate && !e->code; k++) add_batch(t, (uint64_t)(j->step * j->set.accumulate + k), loss, tokens, e);
    if (e->code) return e->code;
    *loss /= (double)*tokens;
    heed_optimizer_set(j->optimizer, "lr", job_rate(j, j->step + 1));
    heed_optimizer_set(j->optimizer, "gradient_scale", 1 / (double)*tokens);
    if (heed_optimizer_step(j->optimizer, t->g)) {
        const heed_error *failed = heed_optimizer_error(j->optimizer);
        return heed_fail(e, failed->code, "step %lld: %s; the last checkpoint is from before", (long long)j->step + 1, failed->message);
    }
    j->step++;
    return HEED_OK;
}

/* --- a budget of minutes ------------------------------------------------------------------------------------------------------------------- */

/* Steps that fit: batches from all over the first epoch are timed without changing anything, and so is a part of a validation. */
static int64_t plan_steps(training *t, heed_error *e)
{
    enum { SAMPLES = 8 };
    job *j = &t->j;
    int64_t batches = t->train.count > 0 ? t->train.count : 1, tokens;
    double loss, step_time = 0, valid_time = 0, begun = seconds();
    for (int round = 0; round < 2 && !e->code; round++) { /* the first round warms up */
        double start = seconds();
        for (int k = 0; k < SAMPLES && !e->code; k++) add_batch(t, (uint64_t)(j->step * j->set.accumulate + batches * k / SAMPLES), &loss, &tokens, e);
        heed_params_zero_grad(j->params);
        step_time = (seconds() - start) / SAMPLES * (double)j->set.accumulate;
    }
    for (int round = 0; round < 2 && t->has_valid && !e->code; round++) {
        double start = seconds();
        int64_t n = t->valid.count < 4 ? t->valid.count : 4;
        for (int64_t k = 0; k < n && !e->code; k++) {
            heed_graph_reset(t->g);
            heed_graph_training(t->g, false);
            heed_item(t->g, job_loss(j, t->g, data_valid_batch(&t->valid, t->valid.count * k / n), 0, NULL));
            graph_failed(t, e);
        }
        valid_time = (seconds() - start) / (double)n * (double)t->valid.count;
    }
    double left = t->a.minute_count * 60 - (seconds() - begun) - valid_time;
    double steps = left / (step_time * 1.03 + valid_time / (double)j->set.valid_every);
    return steps < 1 ? 1 : (int64_t)steps;
}

static heed_code plan(training *t, heed_error *e)
{
    job *j = &t->j;
    if (t->a.steps) j->planned = t->a.step_count;
    else if (t->a.minutes) {
        int64_t n = plan_steps(t, e);
        if (e->code) return e->code;
        j->planned = j->step + n;
        fprintf(stderr, "%g minutes are enough for about %lld steps; --steps %lld gives the same result\n", t->a.minute_count, (long long)n,
                (long long)j->planned);
    } else if (t->fresh) return heed_fail(e, HEED_INVALID, "say how long to train: --steps N or --minutes M");
    bool ends = j->set.schedule == SCHEDULE_COSINE || j->set.schedule == SCHEDULE_LINEAR;
    if (ends && !j->set.schedule_steps) j->set.schedule_steps = j->planned;
    return HEED_OK;
}

/* --- validation, saving ------------------------------------------------------------------------------------------------------------------------ */

static heed_code save(training *t, bool scheduled, heed_error *e)
{
    job *j = &t->j;
    if (job_save(j, t->last, e)) return e->code;
    if (j->best_step == j->step) heed_folder_keep(t->folder, "last.h5", "best.h5", e);
    int64_t keep = j->set.keep > j->set.average ? j->set.keep : j->set.average;
    if (scheduled && keep > 1) heed_folder_rotate(t->folder, "last.h5", j->step, (int)keep, e);
    return e->code;
}

static heed_code draw_curves(const training *t, heed_error *e)
{
    char *log = heed_folder_file(t->folder, "log.jsonl", e), *file = heed_folder_file(t->folder, "curves.svg", e);
    heed_log_column loss = {0}, valid = {0}, rate = {0}, norm = {0};
    if (log && file && !heed_runlog_column(log, "loss", &loss, e) && !heed_runlog_column(log, "valid_loss", &valid, e) &&
        !heed_runlog_column(log, "rate", &rate, e) && !heed_runlog_column(log, "gradient_norm", &norm, e)) {
        heed_curve losses[] = {{"training", loss.step, loss.value, loss.count}, {"validation", valid.step, valid.value, valid.count}};
        heed_curve rates = {"learning rate", rate.step, rate.value, rate.count}, norms = {"gradient norm", norm.step, norm.value, norm.count};
        heed_plot plots[] = {{"loss (nats a symbol)", losses, 2, false}, {"learning rate", &rates, 1, false}, {"gradient norm", &norms, 1, true}};
        char *svg = heed_figure_curves("Training", "step", plots, 3, e);
        if (svg) heed_figure_save(file, "Training", &(heed_picture){svg, NULL}, 1, e);
        heed_free(svg);
    }
    heed_log_column_free(&loss);
    heed_log_column_free(&valid);
    heed_log_column_free(&rate);
    heed_log_column_free(&norm);
    heed_free(log);
    heed_free(file);
    return e->code;
}

static heed_code validate(training *t, heed_error *e)
{
    job *j = &t->j;
    double loss;
    if (!t->has_valid || data_loss(&t->valid, j, t->g, &loss, e)) return e->code;
    bool better = loss < j->best_loss;
    if (better) {
        j->best_loss = loss;
        j->best_step = j->step;
    }
    j->bad_count = better ? 0 : j->bad_count + 1;
    if (j->set.schedule == SCHEDULE_PLATEAU) heed_plateau_see(&j->plateau, loss);
    heed_log_value values[] = {heed_log_real("valid_loss", loss), heed_log_real("valid_perplexity", exp(loss)), heed_log_bool("best", better),
                               heed_log_real("seconds", seconds() - t->started)};
    heed_runlog_write(t->log, j->step, values, 4, e);
    heed_progress_note(t->progress, "step %lld: validation loss %.4f, perplexity %.3f%s", (long long)j->step, loss, exp(loss), better ? " (best)" : "");
    return e->code;
}

static bool is_due(const job *j, int64_t every) { return j->step % every == 0 || j->step == j->planned; }
static bool is_over(const job *j) { return j->step >= j->planned || (j->set.patience && j->bad_count >= j->set.patience); }

static heed_code loop(training *t, heed_error *e)
{
    job *j = &t->j;
    double loss = NAN;
    int64_t tokens, saved = j->step;
    while (!is_over(j) && !stop_signal) {
        if (take_step(t, &loss, &tokens, e)) return e->code;
        double rate = job_rate(j, j->step);
        heed_progress_step(t->progress, j->step, tokens, loss, rate);
        if (is_due(j, LOG_EVERY)) {
            heed_log_value values[] = {heed_log_real("loss", loss), heed_log_real("rate", rate),
                                       heed_log_real("gradient_norm", heed_optimizer_norm(j->optimizer)),
                                       heed_log_real("tokens_per_second", heed_progress_tokens_per_second(t->progress)),
                                       heed_log_real("seconds", seconds() - t->started)};
            if (heed_runlog_write(t->log, j->step, values, 5, e)) return e->code;
        }
        if (is_due(j, j->set.valid_every) && validate(t, e)) return e->code;
        if (is_due(j, j->set.save_every) || is_due(j, j->set.valid_every) || is_over(j)) {
            if (save(t, is_due(j, j->set.save_every), e) || draw_curves(t, e)) return e->code;
            saved = j->step;
        }
    }
    if (saved != j->step && save(t, false, e)) return e->code;
    heed_progress_end(t->progress);
    return draw_curves(t, e);
}

/* --- the mean of the last checkpoints ------------------------------------------------------------------------------------------------------------ */

static heed_code write_average(training *t, heed_error *e)
{
    int64_t *steps = NULL;
    size_t count = 0;
    heed_average *mean = heed_average_new();
    heed_folder_steps(t->folder, &steps, &count, e);
    for (size_t i = 0; i < count && !e->code; i++) {
        job old;
        char *file = heed_folder_step_file(t->folder, steps[i], e);
        if (file && !job_load(&old, file, false, e)) {
            heed_average_add(mean, old.params);
            job_free(&old);
        }
        heed_free(file);
    }
    char *file = heed_folder_file(t->folder, "average.h5", e);
    if (!e->code && heed_average_write(mean, t->j.params)) heed_fail(e, heed_average_error(mean)->code, "%s", heed_average_error(mean)->message);
    if (!e->code && !job_save(&t->j, file, e)) {
        double loss = NAN;
        if (t->has_valid) data_loss(&t->valid, &t->j, t->g, &loss, e);
        fprintf(stderr, "the mean of the last %zu checkpoints: validation loss %.4f, in %s\n", count, loss, file);
    }
    heed_free(file);
    heed_free(steps);
    heed_average_free(mean);
    return e->code;
}

/* --- the verb -------------------------------------------------------------------------------------------------------------------------------------- */

static void print_beginning(training *t, heed_error *e)
{
    job *j = &t->j;
    char *text = heed_options_text(settings_table, &j->set, e);
    if (t->fresh) printf("%s", text ? text : "");
    heed_free(text);
    printf("%s: %s, %lld weights, ", t->a.run, j->kind == JOB_TEXT ? "language model" : "encoder-decoder", (long long)heed_params_size(j->params));
    if (j->src_vocab) printf("%zu source and ", heed_vocab_size(j->src_vocab));
    printf("%zu target symbols\n", heed_vocab_size(j->tgt_vocab));
    if (t->train.batches) {
        heed_batches_counts c = heed_batches_count(t->train.batches);
        printf("%zu examples in %zu batches an epoch, %.1f %% padding%s", c.examples, c.batches, 100 * c.padding, c.too_long ? "" : "\n");
        if (c.too_long) printf(", %zu left out as longer than max_length\n", c.too_long);
    } else printf("%zu symbols to learn from\n", t->train.ids.count);
    if (!t->fresh) printf("going on after step %lld\n", (long long)j->step);
    fflush(stdout);
}

static int run(training *t)
{
    heed_error e = {0};
    job *j = &t->j;
    t->g = heed_graph_new();
    heed_graph_threads(t->g, (int)t->a.thread_count);
    t->started = seconds();
    if (begin(t, &e)) return failure("train", &e);
    print_beginning(t, &e);
    if (plan(t, &e)) return failure("train", &e);
    char *log = heed_folder_file(t->folder, "log.jsonl", &e);
    t->log = log ? heed_runlog_open(log, t->fresh ? -1 : j->step, &e) : NULL;
    heed_free(log);
    t->progress = heed_progress_new(stderr, j->step, j->planned, NULL, NULL, &e);
    if (e.code) return failure("train", &e);
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    if (!t->fresh && j->best_step == j->step) heed_folder_keep(t->folder, "last.h5", "best.h5", &e); /* killed between the two */
    if (is_over(j)) fprintf(stderr, "nothing to do: %lld steps are done%s\n", (long long)j->step, j->step < j->planned ? " and patience has run out" : "");
    else loop(t, &e);
    if (!e.code && is_over(j) && j->set.average > 1 && !stop_signal) write_average(t, &e);
    if (e.code) return failure("train", &e);
    if (!stop_signal) return STATUS_OK;
    fprintf(stderr, "heed train: stopped by a signal after step %lld; the same command goes on from there\n", (long long)j->step);
    return 128 + stop_signal;
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
        {"text", "FILE", &a->train.text, NULL, NULL, "plain text for a language model"},
        {"valid-src", "FILE", &a->valid.src, NULL, NULL, "the same for validation; without them hold_out of"},
        {"valid-tgt", "FILE", &a->valid.tgt, NULL, NULL, "the training data is kept for it"},
        {"valid-dict", "FILE", &a->valid.dict, NULL, NULL, ""},
        {"valid-text", "FILE", &a->valid.text, NULL, NULL, ""},
        {"src-units", "UNITS", &a->src_units, NULL, NULL, "chars, words, bpe:CODES or spm:MODEL; chars at first"},
        {"tgt-units", "UNITS", &a->tgt_units, NULL, NULL, "likewise; words for --dict"},
        {"set", "KEY=VALUE", NULL, &a->sets, NULL, "a setting (below); any number of times"},
        {"config", "FILE", &a->config, NULL, NULL, "settings as lines of key = value, before those of --set"},
        {"steps", "N", &a->steps, NULL, NULL, "stop after step N"},
        {"minutes", "M", &a->minutes, NULL, NULL, "as many steps as fit in M minutes; the number is told"},
        {"threads", "N", &a->threads, NULL, NULL, "OMP_NUM_THREADS or all CPUs at first; the result is the same"},
        {"seed", "N", &a->seed, NULL, NULL, "as --set seed=N"},
        {0},
    };
    heed_error e = {0};
    char *keys = heed_options_help(settings_table, &e), about[16384];
    snprintf(about, sizeof about,
             "usage: heed train RUN --src FILE --tgt FILE | --dict FILE | --text FILE  (--steps N | --minutes M)  [option ...]\n\n"
             "Trains a Transformer in the folder RUN: last.h5, best.h5, log.jsonl, curves.svg. A RUN that exists goes on where it stopped.\n\n"
             "Settings:\n%s\nOptions:\n", keys ? keys : "");
    heed_free(keys);
    const char *word[1];
    int words, status = -1;
    if (argc > MOST_SETS) status = usage_error("train", "too many words");
    if (status < 0) status = read_flags("train", about, flags, argc, argv, word, 1, &words);
    if (status < 0 && !words) status = usage_error("train", "name the run's folder");
    if (status < 0 && a->steps && a->minutes) status = usage_error("train", "--steps and --minutes exclude each other");
    if (status < 0 && a->steps && !flag_int("train", "steps", a->steps, 1, 1000000000, &a->step_count)) status = STATUS_USAGE;
    if (status < 0 && a->threads && !flag_int("train", "threads", a->threads, 1, 256, &a->thread_count)) status = STATUS_USAGE;
    if (status < 0 && a->minutes && !flag_real("train", "minutes", a->minutes, 0.01, 1e6, &a->minute_count)) status = STATUS_USAGE;
    if (status < 0) {
        a->run = word[0];
        status = run(t);
    }
    heed_progress_free(t->progress);
    heed_runlog_close(t->log);
    heed_folder_close(t->folder);
    heed_free(t->last);
    data_free(&t->train);
    data_free(&t->valid);
    job_free(&t->j);
    heed_graph_free(t->g);
    heed_free(t);
    return status;
}
