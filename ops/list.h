/* The list of all ops: it drives the table (ops/table.c), the documentation and the tests. An op that is listed without a gradient case
 * in tests/ does not link. */
#ifndef HEED_LIST_H
#define HEED_LIST_H

#define HEED_OPS(X)                                              \
    X(add) X(sub) X(mul) X(div) X(neg)                           \
    X(copy) X(fill) X(fold_sum) X(columns)                       \
    X(reshape) X(permute) X(expand)                              \
    X(matmul)                                                    \
    X(softmax) X(log_softmax) X(logsumexp)                       \
    X(norm) X(norm_scale) X(norm_grad) X(dropout)                \
    X(cross_entropy) X(cross_entropy_grad) X(pick) X(unpick)     \
    X(tokens) X(stop_gradient)

#endif
