/* The list of all ops: it drives the table (ops/table.c), the documentation and the tests. An op that is listed without a gradient case
 * in tests/ does not link. */
#ifndef HEED_LIST_H
#define HEED_LIST_H

#define HEED_OPS(X)                                              \
    X(add) X(sub) X(mul) X(div) X(neg)                           \
    X(square) X(sqrt) X(rsqrt) X(reciprocal) X(exp) X(expm1) X(log) X(log1p) X(sin) X(cos) X(erf) X(pow) X(pow_scalar) \
    X(tanh) X(sigmoid) X(softplus) X(relu) X(gate) X(leaky_relu) X(elu) X(silu) X(silu_slope) X(gelu) X(gelu_slope) \
    X(gelu_tanh) X(gelu_tanh_slope)                              \
    X(abs) X(sign) X(maximum) X(minimum) X(clamp) X(where)       \
    X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(and) X(or) X(cast)     \
    X(copy) X(fill) X(fold_sum) X(columns) X(sum_middle) X(fold_max) X(fold_min) X(fold_argmax) X(cumsum)                       \
    X(reshape) X(permute) X(expand)                              \
    X(slice) X(slice_grad) X(concat) X(pad)                      \
    X(tril) X(triu) X(one_hot) X(arange)                         \
    X(take) X(take_grad) X(gather) X(scatter_add) X(argsort)     \
    X(sinusoid)                                                  \
    X(matmul)                                                    \
    X(softmax) X(log_softmax) X(logsumexp)                       \
    X(norm) X(norm_scale) X(norm_grad) X(norm_gain) X(dropout)   \
    X(cross_entropy) X(cross_entropy_grad) X(pick) X(unpick)     \
    X(tokens) X(kl_term) X(bce) X(stop_gradient) X(alias)         \
    X(attention_weights) X(attention_pack) X(attention)          \
    X(attention_pack_grad) X(attention_part)                     \
    X(causal_attention_pack) X(causal_attention_pack_grad)       \
    X(recurrent_pack) X(recurrent) X(recurrent_pack_grad)        \
    X(recurrent_part) X(recurrent_rows)

#endif
