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

/* --- functions of one number ------------------------------------------------------------------------------------------------- */

heed_tensor *heed_square(heed_graph *g, heed_tensor *x);
heed_tensor *heed_sqrt(heed_graph *g, heed_tensor *x);
heed_tensor *heed_rsqrt(heed_graph *g, heed_tensor *x);      /* 1 / sqrt(x) */
heed_tensor *heed_reciprocal(heed_graph *g, heed_tensor *x); /* 1 / x */
heed_tensor *heed_exp(heed_graph *g, heed_tensor *x);
heed_tensor *heed_expm1(heed_graph *g, heed_tensor *x);      /* e^x - 1, exact near 0 */
heed_tensor *heed_log(heed_graph *g, heed_tensor *x);
heed_tensor *heed_log1p(heed_graph *g, heed_tensor *x);      /* log(1 + x), exact near 0 */
heed_tensor *heed_sin(heed_graph *g, heed_tensor *x);
heed_tensor *heed_cos(heed_graph *g, heed_tensor *x);
heed_tensor *heed_erf(heed_graph *g, heed_tensor *x);
/* a^b, as C's pow; the gradient by a is 0 where b is 0, that by b where a is 0 and b is not negative. */
heed_tensor *heed_pow(heed_graph *g, heed_tensor *a, heed_tensor *b);
/* x^p; 1, 2, 1/2, -1 and -1/2 by the ops above. */
heed_tensor *heed_pow_scalar(heed_graph *g, heed_tensor *x, double p);
heed_tensor *heed_abs(heed_graph *g, heed_tensor *x);        /* gradient 0 at 0 */
heed_tensor *heed_sign(heed_graph *g, heed_tensor *x);       /* -1, 0 or 1; no gradient */

/* --- activations ------------------------------------------------------------------------------------------------------------- */

heed_tensor *heed_tanh(heed_graph *g, heed_tensor *x);
heed_tensor *heed_sigmoid(heed_graph *g, heed_tensor *x);    /* 1 / (1 + e^-x) */
heed_tensor *heed_softplus(heed_graph *g, heed_tensor *x);   /* log(1 + e^x) */
heed_tensor *heed_relu(heed_graph *g, heed_tensor *x);       /* max(x, 0), gradient 0 at 0 */
heed_tensor *heed_leaky_relu(heed_graph *g, heed_tensor *x, double slope); /* x > 0 ? x : slope x */
heed_tensor *heed_elu(heed_graph *g, heed_tensor *x, double alpha);        /* x > 0 ? x : alpha (e^x - 1) */
heed_tensor *heed_silu(heed_graph *g, heed_tensor *x);       /* x sigmoid(x) */
heed_tensor *heed_gelu(heed_graph *g, heed_tensor *x);       /* x F(x), F the normal distribution (Hendrycks and Gimpel 2016) */
heed_tensor *heed_gelu_tanh(heed_graph *g, heed_tensor *x);  /* its approximation x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */

/* --- comparison and choice: masks are uint8, 0 or 1 ------------------------------------------------------------------------------ */

/* a == b, a != b, a < b, ... of operands of one dtype, any; the result is a mask. */
heed_tensor *heed_eq(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_ne(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_lt(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_le(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_gt(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_ge(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_and(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_or(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_not(heed_graph *g, heed_tensor *mask);
/* a where the mask is set, b elsewhere; a and b of one dtype, any. The gradient of what is not chosen is 0, whatever its value. */
heed_tensor *heed_where(heed_graph *g, heed_tensor *mask, heed_tensor *a, heed_tensor *b);
/* The larger, the smaller of two; NaN where either is NaN. Equal operands share the gradient. */
heed_tensor *heed_maximum(heed_graph *g, heed_tensor *a, heed_tensor *b);
heed_tensor *heed_minimum(heed_graph *g, heed_tensor *a, heed_tensor *b);
/* x between low and high; gradient 1 from bound to bound, 0 outside. */
heed_tensor *heed_clamp(heed_graph *g, heed_tensor *x, double low, double high);
/* x in another dtype. To int32: towards zero, NaN to 0, what does not fit to the nearest that does. To uint8: 0 if x is 0, else 1. */
heed_tensor *heed_cast(heed_graph *g, heed_tensor *x, heed_dtype dtype);

/* --- reductions -------------------------------------------------------------------------------------------------------------- */

/* Axes of a reduction: a bit set of axes from 0, or one of these. */
enum { HEED_ALL = -1, HEED_LAST = -2 };
#define HEED_AXIS(i) (1 << (i))
/* Sum over the axes; `keep` leaves them with size 1. The sum over nothing is 0. */
heed_tensor *heed_sum(heed_graph *g, heed_tensor *x, int axes, bool keep);
heed_tensor *heed_mean(heed_graph *g, heed_tensor *x, int axes, bool keep); /* of nothing: NaN */
/* sum (x - mean)^2 / (n - correction): correction 1 is Bessel's, 0 the mean square deviation; and its root. */
heed_tensor *heed_var(heed_graph *g, heed_tensor *x, int axes, bool keep, int correction);
heed_tensor *heed_std(heed_graph *g, heed_tensor *x, int axes, bool keep, int correction);
/* The largest, the smallest: of floats, indices or masks; NaN if there is one; of nothing, an error. Equal ones share the gradient (as
 * PyTorch's amax does). */
heed_tensor *heed_max(heed_graph *g, heed_tensor *x, int axes, bool keep);
heed_tensor *heed_min(heed_graph *g, heed_tensor *x, int axes, bool keep);
heed_tensor *heed_prod(heed_graph *g, heed_tensor *x, int axes, bool keep); /* of nothing: 1; the gradient is right at zeros too */
/* log sum exp(x), without overflow; of nothing: -inf */
heed_tensor *heed_logsumexp(heed_graph *g, heed_tensor *x, int axes, bool keep);
/* Where along one axis the largest, the smallest is, as int32: the first of equals, the first NaN if there is one. */
heed_tensor *heed_argmax(heed_graph *g, heed_tensor *x, int axis, bool keep);
heed_tensor *heed_argmin(heed_graph *g, heed_tensor *x, int axis, bool keep);
/* Whether any, whether all of a mask are set. */
heed_tensor *heed_any(heed_graph *g, heed_tensor *mask, int axes, bool keep);
heed_tensor *heed_all(heed_graph *g, heed_tensor *mask, int axes, bool keep);
/* Sums of the first 1, 2, 3, ... along an axis, added up in float64; with `back` of the last. */
heed_tensor *heed_cumsum(heed_graph *g, heed_tensor *x, int axis, bool back);

/* --- shapes (views: no data move unless said) ------------------------------------------------------------------------------------ */

/* The same elements in row-major order in another shape; one size may be -1 (found). Copies when x's strides do not allow a view. */
heed_tensor *heed_reshape(heed_graph *g, heed_tensor *x, int rank, const int64_t *shape);
heed_tensor *heed_squeeze(heed_graph *g, heed_tensor *x, int axis);             /* without an axis of size 1 */
heed_tensor *heed_unsqueeze(heed_graph *g, heed_tensor *x, int axis);           /* with a new axis of size 1 at `axis`; -1 puts it last */
heed_tensor *heed_flatten(heed_graph *g, heed_tensor *x, int first, int last);  /* axes first to last (both included) as one */
/* Axis i of the result is axis order[i] of x. */
heed_tensor *heed_permute(heed_graph *g, heed_tensor *x, const int *order);
/* Exchanges two axes. */
heed_tensor *heed_transpose(heed_graph *g, heed_tensor *x, int a, int b);
/* Repeats axes of size 1 (and leading axes) up to `shape`, without copying. */
heed_tensor *heed_expand(heed_graph *g, heed_tensor *x, int rank, const int64_t *shape);
/* A tensor full of one value. */
heed_tensor *heed_full(heed_graph *g, heed_dtype dtype, int rank, const int64_t *shape, double value);
bool heed_dtype_holds(heed_dtype dtype, double value); /* false where an integer dtype cannot be so large, or NaN */
/* start, start + step, ...: `count` numbers, each computed as start + i step in double. */
heed_tensor *heed_arange(heed_graph *g, heed_dtype dtype, int64_t count, double start, double step);
/* For functions that take an axis: true when x has it, made non-negative in place; else the graph fails with a sentence of `name`. */
bool heed_axis(heed_graph *g, const char *name, const heed_tensor *x, int *axis);

/* Sinusoidal positions [length, d] from position `start`: PE[t, 2i] = sin(t / 10000^(2i/d)), PE[t, 2i+1] = cos(t / 10000^(2i/d)). */
heed_tensor *heed_sinusoid(heed_graph *g, heed_dtype dtype, int64_t start, int64_t length, int64_t d);

/* --- parts (views: no data move) ---------------------------------------------------------------------------------------------------
 *
 * Gradients of several parts of one tensor are put together by one op, however many there are: by concat when the parts,
 * in the order in which they were taken, make up the whole tensor; else they are added into one tensor of zeros. */

#define HEED_END INT64_MAX
/* x[start:stop:step] along an axis. Negative start and stop count from the end; HEED_END as stop goes through the last element in the
 * direction of the step, which may be negative. Bounds outside the axis are an error. */
heed_tensor *heed_slice(heed_graph *g, heed_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);
/* The same along every axis at once; step NULL: ones. */
heed_tensor *heed_slice_all(heed_graph *g, heed_tensor *x, const int64_t *start, const int64_t *stop, const int64_t *step);
/* x at one index of an axis, which goes away. */
heed_tensor *heed_select(heed_graph *g, heed_tensor *x, int axis, int64_t index);
/* Axes (a bit set as in heed_sum) run backwards. */
heed_tensor *heed_flip(heed_graph *g, heed_tensor *x, int axes);
/* parts[0..count): x cut along an axis into parts of the given sizes; sizes NULL: into equal ones. */
void heed_split(heed_graph *g, heed_tensor *x, int axis, int count, const int64_t *sizes, heed_tensor **parts);
/* parts[i] = x at index i of the axis, for all of them. */
void heed_unstack(heed_graph *g, heed_tensor *x, int axis, heed_tensor **parts);

/* --- joining ----------------------------------------------------------------------------------------------------------------------- */

/* One after another along an axis; all other axes agree. */
heed_tensor *heed_concat(heed_graph *g, int count, heed_tensor *const *xs, int axis);
/* Tensors of one shape along a new axis. */
heed_tensor *heed_stack(heed_graph *g, int count, heed_tensor *const *xs, int axis);
/* `before` and `after` more elements of `value` on every axis. */
heed_tensor *heed_pad(heed_graph *g, heed_tensor *x, const int64_t *before, const int64_t *after, double value);
/* Every element along an axis `times` times: [a,b] -> [a,a,b,b]. */
heed_tensor *heed_repeat(heed_graph *g, heed_tensor *x, int axis, int64_t times);
/* The whole tensor times[k] times along every axis k: [a,b] -> [a,b,a,b]. */
heed_tensor *heed_repeat_whole(heed_graph *g, heed_tensor *x, const int64_t *times);

/* --- triangles and masks ------------------------------------------------------------------------------------------------------------ */

/* Zeros above (below) a diagonal of the last two axes: element (i, j) is kept where j - i <= diagonal (>=). */
heed_tensor *heed_tril(heed_graph *g, heed_tensor *x, int64_t diagonal);
heed_tensor *heed_triu(heed_graph *g, heed_tensor *x, int64_t diagonal);
/* x with `value` where the byte mask is not 0; they broadcast together. */
heed_tensor *heed_masked_fill(heed_graph *g, heed_tensor *x, heed_tensor *mask, double value);
/* ids[...] -> [..., classes]: 1 at the id's place, 0 elsewhere; an id outside 0..classes-1 gives a row of zeros. */
heed_tensor *heed_one_hot(heed_graph *g, heed_tensor *ids, int64_t classes, heed_dtype dtype);

/* --- by index ------------------------------------------------------------------------------------------------------------------------
 *
 * Indices are int32. One that is out of range fails the graph when its value is known on recording (an input, or computed by an earlier run);
 * one that is computed later cannot: it reads NaN (0 in integers and masks), and nothing is added for it. */

/* Whole slices: x at ids along an axis, [..., n, ...] and ids of any shape -> [..., ids' shape, ...]. */
heed_tensor *heed_take(heed_graph *g, heed_tensor *x, int axis, heed_tensor *ids);
/* Rows of a table: [V,d] and ids[...] -> [...,d]. The gradient of a parameter costs time in proportion to the ids, not to V, once
 * there is one to add to. */
heed_tensor *heed_embedding(heed_graph *g, heed_tensor *table, heed_tensor *ids);
/* y[i,j,k] = x[i, ids[i,j,k], k] for axis 1, and so on: x and ids have the same rank and differ in the axis only. */
heed_tensor *heed_gather(heed_graph *g, heed_tensor *x, int axis, heed_tensor *ids);
/* The adjoint of gather: zeros with `size` along the axis, and y[i, ids[i,j,k], k] += x[i,j,k], in the order of j. */
heed_tensor *heed_scatter_add(heed_graph *g, heed_tensor *x, int axis, heed_tensor *ids, int64_t size);

/* --- order ---------------------------------------------------------------------------------------------------------------------------
 *
 * Equal elements keep their order; NaN counts as larger than every number, -0 as equal to 0. */

/* int32 indices that sort x along an axis. */
heed_tensor *heed_argsort(heed_graph *g, heed_tensor *x, int axis, bool descending);
/* x sorted along an axis; `ids` (or NULL) gets the indices. */
heed_tensor *heed_sort(heed_graph *g, heed_tensor *x, int axis, bool descending, heed_tensor **ids);
/* The k largest along an axis, largest first; `ids` (or NULL) gets their indices. */
heed_tensor *heed_topk(heed_graph *g, heed_tensor *x, int axis, int64_t k, heed_tensor **ids);

/* --- products of matrices --------------------------------------------------------------------------------------------------- */

/* a [..., m, k] times b [..., k, n] -> [..., m, n]; leading axes broadcast. As in NumPy a of rank 1 counts as one row, b of rank
 * 1 as one column, and that axis is left out of the result. Transposed operands are not copied. One matrix b for many batches of
 * rows is one product over all rows, also in its gradient. */
heed_tensor *heed_matmul(heed_graph *g, heed_tensor *a, heed_tensor *b);
/* x [..., in] w [in, out] + bias [out] (or NULL) */
heed_tensor *heed_linear(heed_graph *g, heed_tensor *x, heed_tensor *w, heed_tensor *bias);
/* a [..., m] and b [..., n] -> a_i b_j [..., m, n] */
heed_tensor *heed_outer(heed_graph *g, heed_tensor *a, heed_tensor *b);

/* --- softmax and normalisation ---------------------------------------------------------------------------------------------- */

/* exp(x_i) / sum_j exp(x_j) along an axis, and its logarithm. Where all x are -inf, softmax is 0 and log_softmax -inf: a masked
 * row adds nothing. */
heed_tensor *heed_softmax(heed_graph *g, heed_tensor *x, int axis);
heed_tensor *heed_log_softmax(heed_graph *g, heed_tensor *x, int axis);
/* (x - mean) / sqrt(variance + eps) gamma + beta over the last axis, variance without Bessel's correction; gamma and beta [n] may
 * be NULL (Ba, Kiros and Hinton 2016). */
heed_tensor *heed_layer_norm(heed_graph *g, heed_tensor *x, heed_tensor *gamma, heed_tensor *beta, double eps);
/* x / sqrt(mean of squares + eps) gamma (Zhang and Sennrich 2019) */
heed_tensor *heed_rms_norm(heed_graph *g, heed_tensor *x, heed_tensor *gamma, double eps);
/* Zero with probability p, else x / (1 - p), while the graph is training; x itself otherwise. Makes a draw (heed_graph_seed). */
heed_tensor *heed_dropout(heed_graph *g, heed_tensor *x, double p);

/* --- attention (Vaswani et al. 2017, section 3.2.1) ------------------------------------------------------------------------- */

typedef struct heed_attention_options {
    double scale;         /* of the scores; 0: 1 / sqrt(dk) */
    bool causal;          /* query i of T sees keys up to i + S - T: the last query sees all */
    heed_tensor *lengths; /* int32 [B]: keys that count in each sequence; NULL: all */
    heed_tensor *mask;    /* added to the scaled scores, with which it broadcasts: [B,h,T,S]; NULL: none */
    double dropout;       /* of weights, while the graph is training */
} heed_attention_options;

/* softmax(scale q k^T + mask) v for query [B,h,T,dk], key [B,h,S,dk] and value [B,h,S,dv] -> [B,h,T,dv], blockwise (Dao et al.
 * 2022): no tensor of T x S is made. A query that sees no key gives 0. `options` may be NULL. The result lies in memory as
 * [B,T,h,dv]: to transpose axes 1 and 2 and reshape to [B,T,h dv] costs nothing. The weights before dropout, [B,h,T,S], can be
 * had under the name "weights" (heed_keep_named, heed_find): they are computed if asked for. The mask's gradient and second
 * derivatives go through the composition. */
heed_tensor *heed_attention(heed_graph *g, heed_tensor *q, heed_tensor *k, heed_tensor *v, const heed_attention_options *options);
/* The same composed of matmul, softmax and dropout, with the same draw. */
heed_tensor *heed_attention_composed(heed_graph *g, heed_tensor *q, heed_tensor *k, heed_tensor *v,
                                     const heed_attention_options *options);

/* --- recurrence -------------------------------------------------------------------------------------------------------------- */

/* Elman's network (1990) with tanh or relu, LSTM (Hochreiter and Schmidhuber 1997; with forget gate, Gers et al. 2000), GRU (Cho et al.
 * 2014, with the reset gate inside the product as in PyTorch and cuDNN). One step, from x (the input's product with its weights and its
 * bias added) and u = h W + b, both cut into G parts of the state's width H along the last axis:
 *
 *   HEED_RNN_TANH   G = 1    h' = tanh(x + u)
 *   HEED_RNN_RELU   G = 1    h' = max(x + u, 0)
 *   HEED_LSTM       G = 4    i, f, o = s(x_i + u_i), s(x_f + u_f), s(x_o + u_o)    g = tanh(x_g + u_g)    order i, f, g, o
 *                            c' = f c + i g                                        h' = o tanh(c')
 *   HEED_GRU        G = 3    r, z = s(x_r + u_r), s(x_z + u_z)                     order r, z, n
 *                            n = tanh(x_n + r u_n)                                 h' = (1 - z) n + z h
 */
typedef enum heed_rnn_kind { HEED_RNN_TANH, HEED_RNN_RELU, HEED_LSTM, HEED_GRU } heed_rnn_kind;
typedef struct heed_rnn_state { heed_tensor *h, *c; } heed_rnn_state; /* [B,H] each; c is NULL unless HEED_LSTM */
int heed_rnn_gates(heed_rnn_kind kind); /* G */

/* One step of B sequences: x [B, G H], w [H, G H], bias [G H] or NULL. */
heed_rnn_state heed_rnn_step(heed_graph *g, heed_rnn_kind kind, heed_tensor *x, heed_rnn_state state, heed_tensor *w, heed_tensor *bias);

/* The steps of whole sequences, x [B,T, G H] -> the states [B,T,H]. With lengths (int32 [B]; NULL: all T) a sequence's state stops at its end:
 * the states after it are given as zeros. `reverse` starts at each sequence's last step and ends at its first. `final` (or NULL) gets the state
 * each sequence ends with, `initial` is the one it begins with. */
heed_tensor *heed_recurrent(heed_graph *g, heed_rnn_kind kind, heed_tensor *x, heed_rnn_state initial, heed_tensor *w, heed_tensor *bias,
                            heed_tensor *lengths, bool reverse, heed_rnn_state *final);
/* The same composed of steps. */
heed_tensor *heed_recurrent_composed(heed_graph *g, heed_rnn_kind kind, heed_tensor *x, heed_rnn_state initial, heed_tensor *w,
                                     heed_tensor *bias, heed_tensor *lengths, bool reverse, heed_rnn_state *final);

/* --- losses ----------------------------------------------------------------------------------------------------------------- */

/* HEED_MEAN and HEED_TOTAL give a scalar, HEED_EACH one number for each element or token. */
typedef enum heed_reduction { HEED_MEAN, HEED_TOTAL, HEED_EACH } heed_reduction;

/* Of scores [..., V] against int32 targets [...]: -sum_c q_c log softmax(logits)_c, where q is 1 - smoothing at the target
 * plus smoothing / V everywhere. Tokens whose target is `ignore` cost 0, get no gradient and do not count in the mean (0 when
 * none counts). Any other target outside of 0 ... V-1 fails the graph where it is known on recording, else it gives NaN. */
heed_tensor *heed_cross_entropy(heed_graph *g, heed_tensor *logits, heed_tensor *targets, int32_t ignore, double smoothing,
                                heed_reduction reduction);
/* -log_p at the targets, otherwise like it */
heed_tensor *heed_nll(heed_graph *g, heed_tensor *log_p, heed_tensor *targets, int32_t ignore, heed_reduction reduction);
/* p (log p - log_q), elementwise; 0 where p is 0. Its sum over an axis is the Kullback-Leibler divergence along it. */
heed_tensor *heed_kl(heed_graph *g, heed_tensor *p, heed_tensor *log_q, heed_reduction reduction);
/* (x - target)^2 */
heed_tensor *heed_mse(heed_graph *g, heed_tensor *x, heed_tensor *target, heed_reduction reduction);
/* -t log sigmoid(x) - (1 - t) log sigmoid(-x) */
heed_tensor *heed_bce_with_logits(heed_graph *g, heed_tensor *logits, heed_tensor *target, heed_reduction reduction);
/* a.b / (max(|a|, eps) max(|b|, eps)) over the last axis, which goes away */
heed_tensor *heed_cosine_similarity(heed_graph *g, heed_tensor *a, heed_tensor *b, double eps);
/* x, through which no gradient goes */
heed_tensor *heed_stop_gradient(heed_graph *g, heed_tensor *x);

#endif
