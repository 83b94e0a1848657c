/* The ops: what can be computed. Every function records a node (or a few) and returns at once.
 *
 * Operands broadcast as in NumPy unless said otherwise; floating operands of one op have the same dtype, float32 or float64.
 * An axis may be negative (-1 is the last). Shape errors make the graph fail with "scope: op: sentence with shapes".
 */
#ifndef HEED_OPS_H
#define HEED_OPS_H

#include "../autograd/op.h"
#include "list.h"

/* Descriptors, heed_op_add and so on, for tables and tests. */
#define HEED_DECLARE_OP(name) extern const heed_op heed_op_##name;
HEED_OPS(HEED_DECLARE_OP)

/* --- arithmetic ------------------------------------------------------------------------------------------------------------ */

heed_tensor *heed_add(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_sub(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_mul(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_div(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_neg(heed_graph *g, heed_tensor *x);
heed_tensor *heed_add_scalar(heed_graph *g, heed_tensor *x, double s); /* x + s */
heed_tensor *heed_scale(heed_graph *g, heed_tensor *x, double s);      /* s x */

/* --- reductions -------------------------------------------------------------------------------------------------------------- */

/* Axes of a reduction: a bit set of axes from 0, or one of these. */
enum { HEED_ALL = -1, HEED_LAST = -2 };
#define HEED_AXIS(i) (1 << (i))
/* Sum over the axes; `keep` leaves them with size 1. The sum over nothing is 0. */
heed_tensor *heed_sum(heed_graph *g, heed_tensor *x, int axes, bool keep);

/* --- shapes (views: no data move unless said) ------------------------------------------------------------------------------------ */

/* The same elements in row-major order in another shape; one size may be -1 (found). Copies when x's strides do not allow a view. */
heed_tensor *heed_reshape(heed_graph *g, heed_tensor *x, int rank, const int64_t *shape);
/* Axis i of the result is axis order[i] of x. */
heed_tensor *heed_permute(heed_graph *g, heed_tensor *x, const int *order);
/* Exchanges two axes. */
heed_tensor *heed_transpose(heed_graph *g, heed_tensor *x, int a, int b);
/* Repeats axes of size 1 (and leading axes) up to `shape`, without copying. */
heed_tensor *heed_expand(heed_graph *g, heed_tensor *x, int rank, const int64_t *shape);
/* A tensor full of one value. */
heed_tensor *heed_full(heed_graph *g, heed_dtype dtype, int rank, const int64_t *shape, double value);

/* --- products of matrices -------------------------------------------------------------------------------------------------------- */

/* a [..., m, k] times b [..., k, n] -> [..., m, n]; leading axes broadcast. As in NumPy a of rank 1 counts as one row, b of rank 1
 * as one column, and that axis is left out of the result. Transposed operands are not copied. One matrix b for many batches of rows is one
 * product over all rows, also in its gradient. */
heed_tensor *heed_matmul(heed_graph *g, heed_tensor *a, heed_tensor *b);
/* x [..., in] w [in, out] + bias [out] (or NULL) */
heed_tensor *heed_linear(heed_graph *g, heed_tensor *x, heed_tensor *w, heed_tensor *bias);
/* a [..., m] and b [..., n] -> a_i b_j [..., m, n] */
heed_tensor *heed_outer(heed_graph *g, heed_tensor *a, heed_tensor *b);

#endif
