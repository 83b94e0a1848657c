/* Operands put at places of a larger tensor: what concat, pad and the gradient of slices have in common. */
#ifndef HEED_PLACE_H
#define HEED_PLACE_H

#include "autograd/op.h"

/* Element j along axis k of the operand stands at start[k] + j * step[k] of the result. */
typedef struct heed_place { int64_t start[HEED_MAX_RANK], step[HEED_MAX_RANK]; } heed_place;

/* Tasks own bands of the result along one axis: their number depends on its shape alone. */
int64_t heed_place_tasks(const heed_call *c, int phase);
/* Sets the task's band of the result to `value`. */
void heed_place_fill(const heed_call *c, int64_t task, double value);
/* Writes (or adds, floats only) what of operand i falls into the task's band. Strides are free. */
void heed_place_put(const heed_call *c, int64_t task, int i, const heed_place *at, bool add);

/* slice_grad, of one slice or of several slices of one tensor: `all` names the places of several. */
typedef struct slice_grad_attr {
    int64_t rank;
    int64_t shape[HEED_MAX_RANK];
    heed_place place;
    const struct slice_grad_attr *const *all;
} slice_grad_attr;

/* The gradient of a tensor of which `count` slices were taken: their slice_grads together, recorded as one op. `all` must live as
 * long as the graph's nodes. */
heed_tensor *heed_slice_grads(heed_graph *g, int count, heed_tensor *const *dys, const slice_grad_attr *const *all);

#endif
