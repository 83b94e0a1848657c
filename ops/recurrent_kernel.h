/* A recurrent layer over whole sequences, and its derivative: the steps that cannot be one product (ops.h has the equations).
 *
 * The recurrent weights are packed once. Then the sequences are cut into groups of rows, a task each, which goes through all steps:
 * the product with the weights, gate by gate, and the gates' equations on its result while that is in the cache. The cut is a function
 * of the number of sequences, so the bits do not depend on threads.
 */
#ifndef HEED_RECURRENT_KERNEL_H
#define HEED_RECURRENT_KERNEL_H

#include "ops/ops.h"

typedef struct heed_recurrence {
    heed_rnn_kind kind;
    int f64, gates, reverse;
    int64_t batch, steps, hidden;
    heed_isa isa;
    const void *x; int64_t x_batch, x_step;     /* [B,T, G H], not read by the derivative; strides in elements */
    const void *w; int64_t w_row;               /* [H, G H] */
    const void *bias, *h0, *c0;                 /* [G H] or NULL, [B,H], [B,H] of an LSTM */
    int64_t h0_row, c0_row;
    const int32_t *lengths;                     /* [B] or NULL */
    /* results of all steps: y [B,T,H], the last states [B,H] */
    void *y, *h_end, *c_end;
    /* kept for the derivative: h before each step [B,T,H]; an LSTM's c after it [B,T,H]; [B,T,4H] an LSTM's i f g o, a GRU's r z n u_n. NULL
     * where a kind has none */
    void *before, *c, *kept;
    /* the derivative: gradients of y and of the last states (or NULL) in; of x, the states at the start and, for a GRU, of u = h W + b out
     * (else NULL) */
    const void *dy; int64_t dy_batch, dy_step;
    const void *dh_end, *dc_end;
    void *dx, *du, *dh0, *dc0;
    /* by heed_recurrence_prepare */
    int64_t rows, pitch, block;                 /* sequences of a task; elements from row to row of its state; units worked on at once */
    size_t shared, scratch;
} heed_recurrence;

/* Fills the last group from sizes alone. */
void heed_recurrence_prepare(heed_recurrence *p, bool derivative);
/* Phase 0 packs the weights, phase 1 does the steps. */
int64_t heed_recurrence_tasks(const heed_recurrence *p, int phase);
void heed_recurrence_task(const heed_recurrence *p, bool derivative, int phase, int64_t task, void *shared, void *scratch);

#endif
