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

/* --- softmax and normalisation ------------------------------------------------------------------------------------------------------ */

/* exp(x_i) / sum_j exp(x_j) along an axis, its logarithm, and log sum_j exp(x_j) (the axis stays, with size 1). Where all x are -inf, softmax is
 * 0 and log_softmax -inf: a masked row adds nothing. */
heed_tensor *heed_softmax(heed_graph *g, heed_tensor *x, int axis);
heed_tensor *heed_log_softmax(heed_graph *g, heed_tensor *x, int axis);
heed_tensor *heed_logsumexp(heed_graph *g, heed_tensor *x, int axis);
/* (x - mean) / sqrt(variance + eps) gamma + beta over the last axis, variance without Bessel's correction; gamma and beta [n] may be NULL
 * (Ba, Kiros and Hinton 2016). */
heed_tensor *heed_layer_norm(heed_graph *g, heed_tensor *x, heed_tensor *gamma, heed_tensor *beta, double eps);
/* x / sqrt(mean of squares + eps) gamma (Zhang and Sennrich 2019) */
heed_tensor *heed_rms_norm(heed_graph *g, heed_tensor *x, heed_tensor *gamma, double eps);
/* Zero with probability p, else x / (1 - p), while the graph is training; x itself otherwise. Makes one draw (heed_graph_seed). */
heed_tensor *heed_dropout(heed_graph *g, heed_tensor *x, double p);

/* --- losses ---------------------------------------------------------------------------------------------------------------------- */

/* HEED_MEAN and HEED_TOTAL give a scalar, HEED_EACH one number for each element or token. */
typedef enum heed_reduction { HEED_MEAN, HEED_TOTAL, HEED_EACH } heed_reduction;

/* Of scores [..., V] against int32 targets [...]: -sum_c q_c log softmax(logits)_c, where q is 1 - smoothing at the target plus smoothing / V everywhere.
 * Tokens whose target is `ignore` cost 0, get no gradient and do not count in the mean (0 when none counts); any other target outside of
 * 0 ... V-1 gives NaN. */
heed_tensor *heed_cross_entropy(heed_graph *g, heed_tensor *logits, heed_tensor *targets, int32_t ignore, double smoothing, heed_reduction reduction);
/* -log_p at the targets, otherwise like it */
heed_tensor *heed_nll(heed_graph *g, heed_tensor *log_p, heed_tensor *targets, int32_t ignore, heed_reduction reduction);
/* (x - target)^2 */
heed_tensor *heed_mse(heed_graph *g, heed_tensor *x, heed_tensor *target, heed_reduction reduction);
/* x, through which no gradient goes */
heed_tensor *heed_stop_gradient(heed_graph *g, heed_tensor *x);

#endif
