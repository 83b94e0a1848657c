/* The layers of table 1 of "Attention Is All You Need", through which positions learn of each other: x [B, n, d] -> [B, n, d].
 *
 *     layer                 operations of a layer    in sequence    longest path
 *     self-attention        n^2 d                    1              1
 *     recurrent             n d^2                    n              n
 *     convolution           k n d^2                  1              n/k, with growing dilation log_k n
 *     restricted attention  r n d                    1              n/r
 */
#ifndef HEED_TABLE1_H
#define HEED_TABLE1_H

#include "heed.h"

typedef enum table1_kind {
    TABLE1_ATTENTION,   /* softmax(x x^T / sqrt(d_k)) x, as table 1 counts it: heads, but no projections */
    TABLE1_MULTI_HEAD,  /* the same with its four projections: n^2 d + n d^2 */
    TABLE1_RECURRENT,   /* h_t = tanh(x_t W + h_(t-1) U + b) */
    TABLE1_CONVOLUTION, /* y_t = sum_j x_(t+j) W_j + b over k positions around t */
    TABLE1_DILATED,     /* the same over every (k^i)-th position, i = 0, 1, 2, ... in a stack */
    TABLE1_RESTRICTED,  /* self-attention to the r/2 positions on each side, by blocks: never n^2 */
    TABLE1_KINDS
} table1_kind;

typedef struct table1 {
    table1_kind kind;
    int64_t d, heads, kernel, r;
    heed_multihead attention;
    heed_rnn rnn;
    heed_dense filter;
} table1;

const char *table1_name(table1_kind kind);
const char *table1_formula(table1_kind kind); /* its operations in table 1 */
/* The formula's values. */
double table1_operations(const table1 *m, int64_t n);
double table1_path(const table1 *m, int64_t n);

/* Heads are 64 wide where d allows it, else there is one. */
void table1_init(table1 *m, heed_params *ps, table1_kind kind, int64_t d, int64_t kernel, int64_t r);
/* As layer `i` of a stack, from 0. */
heed_tensor *table1_apply(heed_graph *g, const table1 *m, heed_tensor *x, int i);

/* The same with every step in time a node of its own, for counting; it differs for recurrent layers only. */
heed_tensor *table1_stepwise(heed_graph *g, const table1 *m, heed_tensor *x);

/* One exchange between positions, the unit in which paths are counted: a layer; of a recurrent layer one step in time, in which every position
 * hands its state to the next. `state` is what the last exchange gave (NULL: the first), x the layer's input. */
heed_tensor *table1_exchange(heed_graph *g, const table1 *m, heed_tensor *x, heed_tensor *state, int i);

#endif
