/* The list of all ops: it drives the table (ops/table.c), the documentation and the tests. An op that is listed without a gradient case
 * in tests/ does not link. */
#ifndef HEED_LIST_H
#define HEED_LIST_H

#define HEED_OPS(X)                                              \
    X(add) X(sub) X(mul) X(div) X(neg)                           \
    X(copy) X(fill) X(fold_sum) X(columns)                       \
    X(reshape) X(permute) X(expand)                              \
    X(slice) X(slice_grad) X(concat) X(pad)                      \
    X(tril) X(triu) X(masked_fill) X(one_hot) X(arange)          \
    X(take) X(take_grad) X(gather) X(scatter_add) X(argsort)     \
    X(matmul)

#endif
