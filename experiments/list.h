/* The experiments: a line each, in the order in which they are told. */
#ifndef HEED_EXPERIMENTS_LIST_H
#define HEED_EXPERIMENTS_LIST_H

#include "experiments/lab.h"

#define LAB_EXPERIMENTS(X) \
    X(vanishing) \
    X(bottleneck) \
    X(scores) \
    X(positions) \
    X(lookup) \
    X(complexity) \
    X(table3) \
    X(regularisation) \
    X(heads) \
    X(parsing)

#define LAB_DECLARE(name) extern const lab_experiment lab_##name;
LAB_EXPERIMENTS(LAB_DECLARE)

#define LAB_COUNT_ONE(name) +1
enum { LAB_EXPERIMENT_COUNT = 0 LAB_EXPERIMENTS(LAB_COUNT_ONE) };
extern const lab_experiment *const lab_experiments[LAB_EXPERIMENT_COUNT];

#endif
