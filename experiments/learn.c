#include "experiments/learn.h"

#include "experiments/private.h"

#include <math.h>

enum { WARM = 2, TRIALS = 5 };

/* Records and runs one step up to the gradients; the loss, NaN after an error. */
static double gradients(lab *l, learn *t, int64_t step)
{
    heed_graph *g = lab_graph(l);
    heed_graph_reset(g);
    heed_graph_training(g, true);
    heed_graph_seed(g, lab_seed(l), (uint64_t)step);
    heed_tensor *loss = t->loss(g, t->context, step);
    heed_backward(g, loss);
    double value = heed_item(g, loss);
    if (!lab_check(l, heed_graph_error(g)) || !lab_check(l, heed_params_error(t->params))) return NAN;
    return value;
}

/* As many steps as fit the budget: after two that warm up, those of a twentieth of it tell, five at least. */
static int64_t steps_in(lab *l, learn *t, double seconds)
{
    double began = lab_clock(), start = began;
    int count = 0;
    for (int i = 0; lab_ok(l) && (count < TRIALS || lab_clock() - began < seconds / 20); i++) {
        if (i == WARM) start = lab_clock();
        count = i + 1 - WARM;
        gradients(l, t, i + 1);
        heed_params_zero_grad(t->params);
    }
    double each = 1.1 * (lab_clock() - start) / count; /* a tenth for the optimizer */
    double n = (seconds - (lab_clock() - began)) / each;
    return n > 1 ? (int64_t)fmin(n, 1e9) : 1;
}

static bool step(lab *l, learn *t, heed_optimizer *o, int64_t i, double *loss)
{
    *loss = gradients(l, t, i);
    if (!lab_ok(l)) return false;
    if (!isfinite(*loss)) {
        if (!t->may_diverge) lab_fail(l, "%s: the loss of step %lld is not a number", t->name, (long long)i);
        return false;
    }
    heed_optimizer_set(o, "lr", heed_schedule_at(&t->schedule, i));
    heed_optimizer_step(o, lab_graph(l));
    return lab_check(l, heed_optimizer_error(o));
}

/* The share of all looks that are due after i steps, rounded down, has grown. */
static bool is_due(const learn *t, int64_t i)
{
    double share = (double)t->looks / (double)t->steps;
    return i == t->steps ? t->looks > 0 : floor((double)i * share) > floor((double)(i - 1) * share);
}

bool learn_run(lab *l, learn *t)
{
    if (!lab_ok(l)) return false;
    double budget = lab_budget(l), sum = 0;
    int64_t count = 0;
    t->done = 0;
    t->last = NAN;
    double began = lab_clock();
    if (budget > 0) t->steps = steps_in(l, t, budget * (t->budget > 0 ? t->budget : 1));
    if (t->schedule.steps == 0) t->schedule.steps = t->steps;
    heed_optimizer *o = heed_optimizer_new(t->params, t->rule ? t->rule : "adam");
    if (!t->rule) {
        heed_optimizer_set(o, "beta2", 0.98);
        heed_optimizer_set(o, "eps", 1e-9);
    }
    heed_optimizer_set(o, "clip_norm", t->clip > 0 ? t->clip : 1);
    heed_progress *p = heed_progress_new(stderr, 0, t->steps, NULL, NULL, lab_error(l));
    for (int64_t i = 1; i <= t->steps && lab_ok(l); i++) {
        double loss;
        if (!step(l, t, o, i, &loss)) break;
        t->done = i;
        if (i > t->steps - t->steps / 10 - 1) sum += loss, count++;
        heed_progress_step(p, i, 0, loss, heed_schedule_at(&t->schedule, i));
        if (t->look && is_due(t, i)) {
            double start = lab_clock();
            heed_graph_reset(lab_graph(l));
            heed_graph_training(lab_graph(l), false);
            t->look(l, t->context, i, loss);
            began += lab_clock() - start;
        }
    }
    if (count) t->last = sum / (double)count;
    t->seconds = lab_clock() - began;
    heed_graph_reset(lab_graph(l));
    heed_graph_training(lab_graph(l), false);
    heed_progress_free(p);
    heed_optimizer_free(o);
    return lab_ok(l);
}
