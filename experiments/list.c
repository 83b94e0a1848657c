#include "experiments/list.h"

#define LAB_ENTRY(name) &lab_##name,
const lab_experiment *const lab_experiments[LAB_EXPERIMENT_COUNT] = {LAB_EXPERIMENTS(LAB_ENTRY)};
