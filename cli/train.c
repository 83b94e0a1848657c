/* heed train: the loop, its checkpoints, and going on where a run stopped. */
#include "cli/training.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOG_EVERY = 10 };
#define SCHEDULED_BEST ".best.h5"

static volatile sig_atomic_t stop_signal;
static void on_signal(int number) { stop_signal = number; }

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- one step --------------------------------------------------------------------------------------------------------------- */

static heed_code graph_failed(const training *t, heed_error *e)
{
    const heed_error *failed = heed_graph_error(t->g);
    return failed->code ? heed_fail(e, failed->code, "step %lld: %s", (long long)t->j.step + 1, failed->message) : HEED_OK;
}

typedef struct lesson { training *t; const heed_batch *batch; } lesson;

static heed_tensor *part_loss(void *context, heed_graph *g, int shard)
{
    const lesson *l = context;
    training *t = l->t;
    const size_t n = (size_t)t->j.set.shards, from = l->batch->rows * (size_t)shard / n, rows = l->batch->rows * ((size_t)shard + 1) / n - from;
    const heed_batch part = heed_batch_rows(l->batch, from, rows);
    t->parts[shard] = carry_rows(&t->j.carry, (int64_t)from, (int64_t)rows);
    return rows ? job_loss(&t->j, g, &part, t->j.set.label_smoothing, NULL, &t->parts[shard]) : NULL;
}

/* Gradients of batch `i` are added to the parameters; its loss and symbols to the sums. */
static heed_code add_batch(training *t, uint64_t i, double *loss, int64_t *tokens, heed_error *e)
{
    heed_profile_begin(t->g, "data");
    const heed_batch *b = data_batch(&t->train, &t->j, i);
    heed_profile_end(t->g);
    heed_graph_reset(t->g);
    heed_graph_training(t->g, true);
    heed_graph_seed(t->g, (uint64_t)t->j.set.seed, i);
    if (data_starts_over(&t->train, i)) carry_again(&t->j.carry);
    *loss += heed_shards_backward(t->shards, t->g, part_loss, &(lesson){t, b});
    for (int k = 0; k < t->j.set.shards; k++)
        if (t->parts[k].rows) carry_on(&t->parts[k], heed_shards_graph(t->shards, k));
    *tokens += (int64_t)b->target_tokens;
    t->seen += (int64_t)(job_traits_of(&t->j)->encoder ? b->source_tokens : b->target_tokens);
    return graph_failed(t, e);
}

static heed_code take_step(training *t, double *loss, heed_error *e)
{
    job *j = &t->j;
    int64_t tokens = 0;
    *loss = 0;
    t->seen = 0;
    for (int64_t k = 0; k < j->set.accumulate && !e->code; k++)
        add_batch(t, (uint64_t)(j->step * j->set.accumulate + k), loss, &tokens, e);
    if (e->code) return e->code;
    *loss /= (double)tokens;
    heed_optimizer_set(j->optimizer, "lr", job_rate(j, j->step + 1));
    heed_optimizer_set(j->optimizer, "gradient_scale", 1 / (double)tokens);
    if (heed_optimizer_step(j->optimizer, t->g)) {
        const heed_error *failed = heed_optimizer_error(j->optimizer);
        return heed_fail(e, failed->code,
                         "step %lld: %s; what was saved before is intact: try a lower lr or a longer warmup in another run",
                         (long long)j->step + 1, failed->message);
    }
    j->step++;
    return HEED_OK;
}

/* --- a budget of minutes ---------------------------------------------------------------------------------------------------- */

/* Steps that fit: batches from all over the first epoch are timed without changing anything, and so is a part of a validation. */
static int64_t plan_steps(training *t, heed_error *e)
{
    enum { SAMPLES = 8 };
    job *j = &t->j;
    int64_t batches = t->train.count > 0 ? t->train.count : 1, tokens = 0;
    double loss = 0, step_time = 0, valid_time = 0, begun = seconds();
    carry kept = j->carry;
    if (carry_begin(&j->carry, j, e)) return 0;
    for (int round = 0; round < 2 && !e->code && !stop_signal; round++) { /* the first round warms up */
        double start = seconds();
        for (int k = 0; k < SAMPLES && !e->code; k++)
            add_batch(t, (uint64_t)(j->step * j->set.accumulate + batches * k / SAMPLES), &loss, &tokens, e);
        heed_params_zero_grad(j->params);
        step_time = (seconds() - start) / SAMPLES * (double)j->set.accumulate;
    }
    carry_free(&j->carry);
    j->carry = kept;
    for (int round = 0; round < 2 && t->has_valid && !e->code && !stop_signal; round++) {
        double start = seconds();
        int64_t n = t->valid.count < 4 ? t->valid.count : 4;
        for (int64_t k = 0; k < n && !e->code; k++) {
            heed_graph_reset(t->g);
            heed_graph_training(t->g, false);
            heed_item(t->g, job_loss(j, t->g, data_valid_batch(&t->valid, t->valid.count * k / n), 0, NULL, NULL));
            graph_failed(t, e);
        }
        valid_time = (seconds() - start) / (double)n * (double)t->valid.count;
    }
    double left = t->a.minute_count * 60 - (seconds() - begun) - valid_time;
    double steps = left / (step_time * 1.03 + valid_time / (double)j->set.valid_every);
    return steps < 1 ? 1 : (int64_t)steps;
}

/* The plan is kept in the log and not in checkpoints, which do not depend on where a run is stopped. */
static heed_code old_plan(training *t, heed_error *e)
{
    heed_log_column c = {0};
    if (!t->fresh && training_file_exists(t->log_file) && heed_runlog_column(t->log_file, "planned", &c, e)) return e->code;
    if (c.count && c.value[c.count - 1] >= 1 && c.value[c.count - 1] <= MOST_STEPS) t->planned = (int64_t)c.value[c.count - 1];
    heed_log_column_free(&c);
    return HEED_OK;
}

static heed_code plan(training *t, heed_error *e)
{
    job *j = &t->j;
    if (old_plan(t, e)) return e->code;
    int64_t old = t->planned;
    if (t->a.steps) t->planned = t->a.step_count;
    else if (t->a.minutes) {
        int64_t n = plan_steps(t, e);
        if (e->code) return e->code;
        if (stop_signal) return heed_fail(e, HEED_STOPPED, "stopped by a signal before the first step; nothing was changed");
        t->planned = j->step + n;
        fprintf(stderr, "%g minutes are enough for about %lld steps; --steps %lld gives the same result\n", t->a.minute_count,
                (long long)n, (long long)t->planned);
    } else if (!old) return heed_fail(e, HEED_INVALID, "say how long to train: --steps N or --minutes M");
    bool ends = j->set.schedule == SCHEDULE_COSINE || j->set.schedule == SCHEDULE_LINEAR;
    if (ends && !j->set.schedule_steps) j->set.schedule_steps = t->planned;
    t->log = heed_runlog_open(t->log_file, t->fresh ? -1 : j->step, e);
    heed_log_value planned = heed_log_int("planned", t->planned);
    return t->log && (t->fresh || t->planned != old) ? heed_runlog_write(t->log, j->step, &planned, 1, e) : e->code;
}

/* --- validation, saving ----------------------------------------------------------------------------------------------------- */

/* Between saving and this a run may be killed, so it is done again when the run goes on. */
static heed_code publish(training *t, heed_error *e)
{
    job *j = &t->j;
    int64_t keep = j->set.keep > j->set.average ? j->set.keep : j->set.average;
    if (t->has_valid && j->best_step == j->step) heed_folder_keep(t->folder, "last.h5", "best.h5", e);
    if (keep > 1 && !e->code && j->step % j->set.save_every == 0) heed_folder_rotate(t->folder, "last.h5", j->step, (int)keep, e);
    return e->code;
}

static heed_code save(training *t, heed_error *e)
{
    return job_save(&t->j, t->last, e) ? e->code : publish(t, e);
}

static heed_code validate(training *t, double *loss, heed_error *e)
{
    job *j = &t->j;
    double accuracy;
    if (data_loss(&t->valid, j, t->g, loss, &accuracy, e)) return e->code;
    bool better = *loss < j->best_loss, encoder = job_traits_of(j)->encoder;
    heed_log_value second = encoder ? heed_log_real("valid_accuracy", accuracy) : heed_log_real("valid_perplexity", exp(*loss));
    heed_log_value values[] = {heed_log_real("valid_loss", *loss), second, heed_log_bool("best", better),
                               heed_log_real("seconds", seconds() - t->started)};
    if (j->step > t->began) heed_runlog_write(t->log, j->step, values, 4, e);
    heed_progress_note(t->progress,
                       encoder ? "step %lld: validation loss %.4f, accuracy %.2f %%%s" : "step %lld: validation loss %.4f, perplexity %.3f%s",
                       (long long)j->step, *loss, encoder ? 100 * accuracy : exp(*loss), better ? " (best)" : "");
    return e->code;
}

static heed_code validate_on_schedule(training *t, heed_error *e)
{
    job *j = &t->j;
    double loss;
    if (!t->has_valid || validate(t, &loss, e)) return e->code;
    j->bad_count = loss < j->best_loss ? 0 : j->bad_count + 1;
    if (loss < j->best_loss) {
        j->best_loss = loss;
        j->best_step = j->step;
    }
    if (j->set.schedule == SCHEDULE_PLATEAU) heed_plateau_see(&j->plateau, loss);
    return e->code;
}

/* The end of a run is validated too. Where that is off the schedule it may make best.h5, but leaves no trace in the state: when
 * the run goes on, it is as if it had not been stopped, and the best one of the schedule comes back. */
static heed_code validate_end(training *t, heed_error *e)
{
    job *j = &t->j;
    double loss;
    if (!t->has_valid || j->step % j->set.valid_every == 0 || validate(t, &loss, e)) return e->code;
    char *scheduled = heed_folder_file(t->folder, SCHEDULED_BEST, e);
    if (loss < j->best_loss && scheduled) {
        if (j->best_step && !training_file_exists(scheduled)) heed_folder_keep(t->folder, "best.h5", SCHEDULED_BEST, e);
        if (!e->code) heed_folder_keep(t->folder, "last.h5", "best.h5", e);
    }
    heed_free(scheduled);
    return e->code;
}

static heed_code forget_end(training *t, heed_error *e)
{
    char *scheduled = heed_folder_file(t->folder, SCHEDULED_BEST, e), *best = heed_folder_file(t->folder, "best.h5", e);
    if (!e->code && training_file_exists(scheduled) && rename(scheduled, best))
        heed_fail_errno(e, "cannot rename %s to %s", scheduled, best);
    heed_free(scheduled);
    heed_free(best);
    return e->code;
}

static bool is_over(const training *t)
{
    return t->j.step >= t->planned || (t->j.set.patience && t->j.bad_count >= t->j.set.patience);
}

static heed_code loop(training *t, heed_error *e)
{
    job *j = &t->j;
    double loss = NAN;
    int64_t saved = j->step;
    while (!is_over(t) && !stop_signal) {
        if (take_step(t, &loss, e)) return e->code;
        double rate = job_rate(j, j->step);
        heed_progress_step(t->progress, j->step, t->seen, loss, rate);
        if (j->step % LOG_EVERY == 0 || j->step == t->planned) {
            heed_log_value values[] = {heed_log_real("loss", loss), heed_log_real("rate", rate),
                                       heed_log_real("gradient_norm", heed_optimizer_norm(j->optimizer)),
                                       heed_log_real("tokens_per_second", heed_progress_tokens_per_second(t->progress)),
                                       heed_log_real("seconds", seconds() - t->started)};
            if (heed_runlog_write(t->log, j->step, values, 5, e)) return e->code;
        }
        bool valid = j->step % j->set.valid_every == 0;
        if (valid && validate_on_schedule(t, e)) return e->code;
        if (valid || j->step % j->set.save_every == 0 || is_over(t)) {
            if (save(t, e) || training_draw(t, e)) return e->code;
            saved = j->step;
        }
    }
    return saved != j->step && !save(t, e) ? training_draw(t, e) : e->code;
}

/* --- the run --------------------------------------------------------------------------------------------------------------- */

static void print_beginning(training *t, heed_error *e)
{
    job *j = &t->j;
    if (t->fresh) settings_print(&j->set, e);
    printf("%s: %s, %lld weights, ", t->a.run, job_traits_of(j)->name, (long long)heed_params_size(j->params));
    if (j->tgt_vocab && j->src_vocab) printf("%lld source %sand ", (long long)j->src_symbols, job_traits_of(j)->encoder ? "symbols " : "");
    printf("%lld %s\n", (long long)(j->tgt_vocab ? j->tgt_symbols : j->src_symbols), job_traits_of(j)->targets);
    if (t->train.batches) {
        heed_batches_counts c = heed_batches_count(t->train.batches);
        printf("%zu examples in %zu batches an epoch, %.1f %% padding%s", c.examples, c.batches, 100 * c.padding,
               c.too_long ? "" : "\n");
        if (c.too_long) printf(", %zu left out as longer than max_length\n", c.too_long);
    } else printf("%zu symbols to learn from\n", t->train.ids.count);
    if (!t->fresh) printf("going on after step %lld\n", (long long)j->step);
    fflush(stdout);
}

static heed_code train(training *t, heed_error *e)
{
    job *j = &t->j;
    t->g = heed_graph_new();
    heed_graph_threads(t->g, (int)t->a.thread_count);
    heed_graph_budget(t->g, t->a.memory_bytes);
    t->started = seconds();
    if (training_begin(t, e)) return e->code;
    t->shards = heed_shards_new((int)j->set.shards);
    if (plan(t, e)) return e->code;
    print_beginning(t, e);
    t->progress = heed_progress_new(stderr, j->step, t->planned, NULL, NULL, e);
    if (e->code || (!t->fresh && publish(t, e))) return e->code;
    t->began = j->step;
    bool over = is_over(t);
    if (over)
        fprintf(stderr, "nothing to do: %lld steps are done%s\n", (long long)j->step,
                j->step < t->planned ? " and patience has run out" : "");
    else if (forget_end(t, e) || profiling_begin(&t->a.watch, t->g, e) || loop(t, e)) return e->code;
    if (!is_over(t) || validate_end(t, e)) return e->code;
    if (!over) heed_progress_end(t->progress);
    return training_draw(t, e) || j->set.average < 2 ? e->code : training_average(t, e);
}

/* After a signal too. */
static heed_code train_profiled(training *t, heed_error *e)
{
    train(t, e);
    return profiling_end(&t->a.watch, t->g, t->j.step - t->began, "step", stdout, e);
}

int training_run(training *t)
{
    /* a second signal ends it at once */
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGHUP, &act, NULL);
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL); /* a file over the limit is an error like a full disk */
    heed_error e = {0};
    if (training_check(&t->a, &e)) return usage_error("train", "%s", e.message);
    if (train_profiled(t, &e)) {
        failure("train", &e);
        return e.code == HEED_STOPPED ? 128 + stop_signal : STATUS_FAILED;
    }
    if (!stop_signal || is_over(t)) return STATUS_OK;
    fprintf(stderr, "heed train: stopped by a signal after step %lld of %lld; ", (long long)t->j.step, (long long)t->planned);
    if (t->j.step) fprintf(stderr, "it is saved, and --steps %lld goes on from there\n", (long long)t->planned);
    else fprintf(stderr, "nothing was learned yet\n");
    return 128 + stop_signal;
}
