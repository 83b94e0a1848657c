/* Training inside an experiment: so many steps of a loss that the caller records, with progress, in the piece's budget. */
#ifndef HEED_EXPERIMENTS_LEARN_H
#define HEED_EXPERIMENTS_LEARN_H

#include "experiments/lab.h"

typedef struct learn {
    const char *name;            /* for the progress line */
    heed_params *params;
    heed_tensor *(*loss)(heed_graph *g, void *context, int64_t step); /* records the loss of batch `step`, from 1; one number */
    /* `looks` times, evenly, the last one at the end; out of training. May reset the graph; its time does not count. */
    void (*look)(lab *l, void *context, int64_t step, double loss);
    void *context;
    int64_t looks;
    const char *rule;            /* of optimizer.h; NULL: adam with beta2 0.98 and eps 1e-9 */
    heed_schedule schedule;      /* its `steps`, where 0, are those of the training */
    double clip;                 /* norm of the gradients; 0: 1 */
    int64_t steps;               /* where there is no budget */
    double budget;               /* share of the piece's budget that is left; 0: all of it */
    bool may_diverge;            /* a loss that is no number ends the training without an error */
    /* results */
    int64_t done;                /* steps */
    double last;                 /* mean loss of the last tenth of them */
    double seconds;
} learn;

/* False: the lab has failed, or was stopped. With a budget the number of steps follows from the time of the first few, which are
 * then forgotten. Draws of step s depend on the lab's seed and s. */
bool learn_run(lab *l, learn *t);

#endif
