/* Kernels that change parameters in place, for the optimizers: one sweep over weights, gradients and what is kept for each. */
#ifndef HEED_UPDATE_H
#define HEED_UPDATE_H

#include "autograd/isa.h"

#include <stdint.h>

enum { HEED_UPDATE_STATES = 2, HEED_UPDATE_NUMBERS = 8 };

/* The numbers of one step. Every rule sees the gradient as  clamp(scale * g, -limit, limit) + decay * w. */
typedef struct heed_update {
    double scale, limit, decay;
    double c[HEED_UPDATE_NUMBERS]; /* the rule's own: see update.c */
} heed_update;

typedef void heed_update_fn(int64_t n, void *w, const void *g, void *const *state, const heed_update *u);
typedef double heed_square_sum_fn(int64_t n, const void *x); /* in double, in the same order on every path */

typedef struct heed_update_rule {
    const char *state[HEED_UPDATE_STATES + 1]; /* names of the arrays kept, NULL after the last */
    heed_update_fn *run[2][HEED_ISA_COUNT];    /* float32, float64 */
} heed_update_rule;

extern const heed_update_rule heed_update_sgd, heed_update_momentum, heed_update_adagrad, heed_update_rmsprop,
    heed_update_rmsprop_momentum, heed_update_adam, heed_update_towards;
extern heed_square_sum_fn *const heed_square_sum[2][HEED_ISA_COUNT];

#endif
