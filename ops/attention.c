/* Scaled dot-product attention as the composition of its formula. */
#include "ops/ops.h"
#include "ops/simd.h"

#if HEED_ISA_BASE
/* softmax(scale q k^T + mask) v     q [B,h,T,dk], k [B,h,S,dk], v [B,h,S,dv]: [B,h,T,dv] */
heed_tensor *heed_attention(heed_graph *g, heed_tensor *q, heed_tensor *k, heed_tensor *v, const heed_attention_options *o)
{
    int64_t queries = heed_dim(q, 2), keys = heed_dim(k, 2), batch = heed_dim(q, 0);
    heed_tensor *scores = heed_scale(g, heed_matmul(g, q, heed_transpose(g, k, -1, -2)), o->scale);
    heed_tensor *key = heed_arange(g, HEED_I32, keys, 0, 1);
    if (o->mask) scores = heed_add(g, scores, o->mask);
    if (o->causal) {
        heed_tensor *query = heed_unsqueeze(g, heed_arange(g, HEED_I32, queries, (double)(keys - queries), 1), 1);
        scores = heed_masked_fill(g, scores, heed_gt(g, key, query), -1e30);
    }
    if (o->lengths) {
        heed_tensor *length = heed_reshape(g, o->lengths, 4, (int64_t[]){batch, 1, 1, 1});
        scores = heed_masked_fill(g, scores, heed_ge(g, key, length), -1e30);
    }
    heed_tensor *weights = heed_name(g, heed_softmax(g, scores, -1), "weights");
    return heed_matmul(g, heed_dropout(g, weights, o->dropout), v);
}
#endif
