/* Scaled dot-product attention without a queries x keys matrix (Dao et al., FlashAttention, 2022; Rabe and Staats, 2021)
 *
 *     s_ij = scale q_i . k_j + mask_ij      w_i = softmax over the visible j of s_i      o_i = sum_j drop(w_ij) v_j
 *     lse_i = log sum_j exp s_ij
 *
 * for every sequence of a batch and every head, as tasks like those of gemm.h: any thread, any order, a barrier between phases, the
 * same bits. Query i of T sees key j of S where
 *     j < lengths[b]  and, when causal, j <= i + S - T  (the last query sees the last key).
 * A query that sees no key gives o = 0, lse = -infinity and no gradient; keys nobody sees may hold anything but NaN and infinity.
 *
 * Backward, with D_i = do_i . o_i and p = drop(w):
 *     dv_j = sum_i p_ij do_i      dp_ij = do_i . v_j through the same drop      ds_ij = w_ij (dp_ij - D_i)
 *     dq_i = scale sum_j ds_ij k_j      dk_j = scale sum_i ds_ij q_i
 * The additive mask gets no gradient here: whoever needs one takes the composition.
 */
#ifndef HEED_ATTENTION_KERNEL_H
#define HEED_ATTENTION_KERNEL_H

#include "../autograd/isa.h"

#include <stddef.h>
#include <stdint.h>

/* [batch, head, row, :] of adjacent elements; strides in elements */
typedef struct heed_rows { void *at; int64_t batch, head, row; } heed_rows;

typedef struct heed_sdpa {
    int f64;                              /* elements are 0: float, 1: double */
    int64_t batch, heads, queries, keys;  /* B, h, T, S; any may be 0 */
    int64_t qk_depth, v_depth;            /* elements of a query and a key; of a value */
    heed_rows q, k, v, o;                 /* o is written by the forward, read by the backward */
    void *lse;                            /* [B, h, T], adjacent; likewise */
    heed_rows d_o, d_q, d_k, d_v;         /* backward: gradient of o, and what is wanted of the others (`at` NULL: not wanted) */
    double scale;
    int causal;
    const int32_t *lengths;               /* [B] keys that count, or NULL: all */
    const void *mask;                     /* added to the scores, elements like q's, or NULL */
    int64_t mask_batch, mask_head, mask_row, mask_col; /* its strides, 0: broadcast */
    double dropout;                       /* probability that a weight becomes 0; the others grow by 1 / (1 - dropout) */
    uint64_t seed, stream;                /* of autograd/random.h: weight (b, h, i, j) draws word ((b * heads + h) * T + i) * S' + j, S' = S
                                           * rounded up to a multiple of 4 */

    /* Written by heed_sdpa_prepare; read `phases`, `shared` and `scratch`, leave the rest. */
    int phases, backward, few, whole;     /* few queries: keys and values are read where they lie; whole: all keys are one block (attention_whole.h) */
    size_t shared, scratch;               /* bytes once a call and once a thread, both 64-byte aligned; 0: NULL will do */
    heed_isa isa;
    int64_t query_block, key_block;       /* what is multiplied at once */
    int64_t part;                         /* queries (forward) or keys (backward) of a task */
    int64_t group;                        /* (head, part) pairs of a task */
} heed_sdpa;

/* Fills the last part of `p` from shapes and the instruction set; no pointer but whether `d_q.at` is NULL, and no thread count. */
void heed_sdpa_prepare(heed_sdpa *p, int backward);
void heed_sdpa_prepare_isa(heed_sdpa *p, int backward, heed_isa isa); /* which the CPU must have (tests) */

int64_t heed_sdpa_tasks(const heed_sdpa *p, int phase);
void    heed_sdpa_task(const heed_sdpa *p, int phase, int64_t task, void *shared, void *scratch);

#endif
