/* Multi-head attention, section 3.2 of "Attention Is All You Need" (Vaswani et al. 2017):
 *
 *     Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V
 *     MultiHead(x, m)    = Concat(head_1, ..., head_h) W_O       head_i = Attention(x W_Q_i, m W_K_i, m W_V_i)
 *
 * d_k and d_v are free of d_model / h (table 3, rows A and B). The weights are named "weights" in the module's scope:
 * heed_keep_named(g, "*.weights") keeps them.
 */
#ifndef HEED_ATTENTION_H
#define HEED_ATTENTION_H

#include "layers.h"

/* Who may be attended to. All zero: everybody. */
typedef struct heed_mask {
    heed_tensor *lengths;  /* int32 [B] or NULL: only the first lengths[b] keys of sentence b */
    heed_tensor *additive; /* float, broadcasts to [B, h, T, S], or NULL: added to the scores */
    bool causal;           /* position t sees keys 0 ... t */
} heed_mask;

typedef struct heed_multihead {
    const char *name;
    heed_dense q, k, v, o;
    int64_t heads, dk, dv;
    double dropout; /* on the weights */
} heed_multihead;

void heed_multihead_init(heed_multihead *m, heed_params *ps, const char *name, int64_t d, int64_t heads, int64_t dk, int64_t dv, double dropout);
/* x [B, T, d] asks, memory [B, S, d] answers (x itself in self-attention): [B, T, d] */
heed_tensor *heed_multihead_apply(heed_graph *g, const heed_multihead *m, heed_tensor *x, heed_tensor *memory, heed_mask mask);

/* Its two halves: the memory's keys [B, h, S, dk] and values [B, h, S, dv], and the attention of x to them. */
void heed_multihead_keys(heed_graph *g, const heed_multihead *m, heed_tensor *memory, heed_tensor **k, heed_tensor **v);
heed_tensor *heed_multihead_attend(heed_graph *g, const heed_multihead *m, heed_tensor *x, heed_tensor *k, heed_tensor *v, heed_mask mask);

/* [B, T, h dk] as heads [B, h, T, dk], and back: views */
heed_tensor *heed_split_heads(heed_graph *g, heed_tensor *x, int64_t heads);
heed_tensor *heed_join_heads(heed_graph *g, heed_tensor *x);

#endif
