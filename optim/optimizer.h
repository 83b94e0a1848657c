/* Optimizers: from the gradients in a parameter store to new parameters.
 *
 *     heed_optimizer *o = heed_optimizer_new(params, "adam");
 *     heed_optimizer_set(o, "beta2", 0.98);
 *     heed_optimizer_set(o, "clip_norm", 1);
 *     heed_optimizer_set_for(o, "*.bias", "weight_decay", 0);
 *     for (...) {
 *         heed_backward(g, loss);
 *         heed_optimizer_set(o, "lr", heed_schedule_at(&schedule, heed_optimizer_steps(o) + 1));
 *         if (heed_optimizer_step(o, g)) break;      the sentence: heed_optimizer_error(o)->message
 *         heed_graph_reset(g);
 *     }
 *     heed_optimizer_free(o);
 *
 * Rules and their settings, with the defaults; w a weight, g its gradient plus weight_decay w (adamw: without), t the parameter's
 * step from 1. They are those of PyTorch 2, without its rarer options:
 *
 *   sgd      lr 1e-3, momentum 0, nesterov 0, weight_decay 0
 *            b = momentum b + g     w -= lr b     nesterov 1: w -= lr (g + momentum b)             (Sutskever et al. 2013)
 *   adagrad  lr 1e-2, eps 1e-10, weight_decay 0
 *            sum += g^2     w -= lr g / (sqrt(sum) + eps)                                         (Duchi et al. 2011)
 *   rmsprop  lr 1e-2, alpha 0.99, eps 1e-8, momentum 0, weight_decay 0
 *            v = alpha v + (1 - alpha) g^2     b = momentum b + g / (sqrt(v) + eps)     w -= lr b  (Hinton 2012)
 *   adam     lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0
 *            m = beta1 m + (1 - beta1) g     v = beta2 v + (1 - beta2) g^2
 *            w -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)                       (Kingma and Ba 2015)
 *   adamw    lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0.01
 *            w = (1 - lr weight_decay) w, then as adam                                            (Loshchilov and Hutter 2019)
 *
 * and for every rule
 *
 *   lr_factor 1         lr is multiplied by it: for some parameters, by name
 *   frozen 0            1: passed over, likewise
 *   gradient_scale 1    gradients are multiplied by it first: 1 / n for the mean of n micro-batches
 *   clip_norm 0         above 0: all gradients are multiplied by min(1, clip_norm / (norm + 1e-6)), norm being the Euclidean norm
 *                       of all of them together (Pascanu et al. 2013); INFINITY only measures it
 *   clip_value 0        above 0: then every gradient is held within +-clip_value
 *
 * A step has a fixed split and order of sums: its bits do not depend on the number of threads. Errors stick to the optimizer.
 */
#ifndef HEED_OPTIMIZER_H
#define HEED_OPTIMIZER_H

#include "../autograd/graph.h"
#include "../autograd/params.h"

typedef struct heed_optimizer heed_optimizer;

/* For all parameters of a store, which has to live longer; those created later are seen too. Never NULL. */
heed_optimizer *heed_optimizer_new(heed_params *ps, const char *rule);
void heed_optimizer_free(heed_optimizer *o);
const heed_error *heed_optimizer_error(const heed_optimizer *o);
/* Forgets the error, for a program that goes on after a refused step. Not that of an optimizer that could not be made. */
void heed_optimizer_clear(heed_optimizer *o);

/* --- settings --------------------------------------------------------------------------------------------------------------- */

heed_code heed_optimizer_set(heed_optimizer *o, const char *setting, double value);
/* For the parameters whose name matches: any setting but gradient_scale and the clips. Where several patterns match, the one that
 * was added last wins; setting it again leaves it in its place. */
heed_code heed_optimizer_set_for(heed_optimizer *o, const char *pattern, const char *setting, double value);
/* What holds for all, or with `p` for one parameter; NaN where the rule has no such setting. */
double heed_optimizer_get(const heed_optimizer *o, const char *setting, const heed_param *p);

/* For a checkpoint: the rule, the names of its settings (NULL after the last), and what was set by pattern, in order. */
const char *heed_optimizer_rule(const heed_optimizer *o);
const char *heed_optimizer_setting_at(const heed_optimizer *o, int i);
bool heed_optimizer_pattern_at(const heed_optimizer *o, int i, const char **pattern, const char **setting, double *value);

/* --- a step ----------------------------------------------------------------------------------------------------------------- */

/* Changes every trainable parameter that has a gradient and is not frozen, then marks the gradients of the whole store as zero. A
 * parameter to which none was added since is passed over, as PyTorch does with None: no decay, no momentum, no count. Uses as
 * many threads as the graph. Refused, with parameters, state and gradients as they were, when the graph or the store has failed,
 * when the norm is asked for and not finite, and when memory is refused. */
heed_code heed_optimizer_step(heed_optimizer *o, const heed_graph *g);
/* The norm that the last step measured, before clipping; also where it refused for it. 0 where clip_norm is 0. */
double heed_optimizer_norm(const heed_optimizer *o);

/* --- state ------------------------------------------------------------------------------------------------------------------ */

/* Steps so far. Nothing is computed from it: the count that adam corrects by is kept for each parameter. */
int64_t heed_optimizer_steps(const heed_optimizer *o);
void heed_optimizer_set_steps(heed_optimizer *o, int64_t steps);

/* An array kept for a parameter: "momentum", "sum", "v", "m" in the parameter's dtype and shape; "step" (adam, adamw), float64 of
 * rank 0. Made at the parameter's first step. With these, the settings and the parameters, the next steps have the same bits. */
typedef struct heed_optimizer_array {
    heed_param *param;
    const char *name;
    heed_dtype dtype;
    int rank;
    const int64_t *shape;
    int64_t size;
    void *data;
    int64_t place; /* of the search */
} heed_optimizer_array;

/* All that are there: `heed_optimizer_array a = {0}; while (heed_optimizer_next(o, &a)) ...`, by parameter. */
bool heed_optimizer_next(const heed_optimizer *o, heed_optimizer_array *a);
/* One by name, to be filled from a checkpoint: made of zeros where it is not there yet. False: an error. */
bool heed_optimizer_restore(heed_optimizer *o, heed_param *p, const char *name, heed_optimizer_array *a);

#endif
