/* What a run of heed train leaves beside its checkpoints: the curves of its log, and the mean of its last checkpoints. */
#include "cli/training.h"

#include <math.h>
#include <stdio.h>

heed_code training_draw(const training *t, heed_error *e)
{
    char *log = heed_folder_file(t->folder, "log.jsonl", e), *file = heed_folder_file(t->folder, "curves.svg", e);
    heed_log_column loss = {0}, valid = {0}, rate = {0}, norm = {0};
    if (log && file && !heed_runlog_column(log, "loss", &loss, e) && !heed_runlog_column(log, "valid_loss", &valid, e) &&
        !heed_runlog_column(log, "rate", &rate, e) && !heed_runlog_column(log, "gradient_norm", &norm, e)) {
        heed_curve losses[] = {{"training", loss.step, loss.value, loss.count},
                               {"validation", valid.step, valid.value, valid.count}};
        heed_curve rates = {"learning rate", rate.step, rate.value, rate.count};
        heed_curve norms = {"gradient norm", norm.step, norm.value, norm.count};
        heed_plot plots[] = {{"loss (nats a symbol)", losses, 2, false}, {"learning rate", &rates, 1, false},
                             {"gradient norm", &norms, 1, true}};
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

static void add_checkpoint(heed_average *mean, const char *file, heed_error *e)
{
    job old;
    if (!file || job_load(&old, file, false, e)) return;
    heed_average_add(mean, old.params);
    job_free(&old);
}

heed_code training_average(training *t, heed_error *e)
{
    job *j = &t->j;
    int64_t *steps = NULL;
    heed_average *mean = heed_average_new();
    bool last = j->step % j->set.save_every != 0; /* not among the steps that are kept */
    size_t count = 0, wanted = (size_t)j->set.average - last;
    heed_folder_steps(t->folder, &steps, &count, e);
    for (size_t i = count > wanted ? count - wanted : 0; i < count && !e->code; i++) {
        char *file = heed_folder_step_file(t->folder, steps[i], e);
        add_checkpoint(mean, file, e);
        heed_free(file);
    }
    if (last && !e->code) add_checkpoint(mean, t->last, e);
    char *file = heed_folder_file(t->folder, "average.h5", e);
    if (!e->code && heed_average_write(mean, j->params))
        heed_fail(e, heed_average_error(mean)->code, "%s", heed_average_error(mean)->message);
    if (!e->code && !job_save(j, file, e)) {
        double loss = NAN, accuracy;
        if (t->has_valid) data_loss(&t->valid, j, t->g, &loss, &accuracy, e);
        fprintf(stderr, "the mean of the last %zu checkpoints", (count < wanted ? count : wanted) + last);
        if (t->has_valid) fprintf(stderr, ": validation loss %.4f", loss);
        fprintf(stderr, ", in %s\n", file);
    }
    heed_free(file);
    heed_free(steps);
    heed_average_free(mean);
    return e->code;
}
