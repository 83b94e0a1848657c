/* Cases of arithmetic, views, copies and sums. */
#include "op_cases.h"

#define BINARY_CASES(name, low, high)                                                                          \
    OP_CASES(name, {"same shape", .binary = heed_##name, .x = {REAL(-2, 3, 3, 5), REAL(low, high, 3, 5)}},     \
             {"row and column", .binary = heed_##name, .x = {REAL(-2, 3, 4, 1), REAL(low, high, 1, 7)}},       \
             {"a vector on the left", .binary = heed_##name, .x = {REAL(-2, 3, 5), REAL(low, high, 2, 3, 5)}}, \
             {"a scalar on the right", .binary = heed_##name, .x = {REAL(-2, 3, 2, 1, 3), REAL0(low, high)}},  \
             {"middle axes", .binary = heed_##name, .x = {REAL(-2, 3, 2, 1, 3, 1), REAL(low, high, 4, 1, 5)}}, \
             {"scalars", .binary = heed_##name, .x = {REAL0(-2, 3), REAL0(low, high)}},                        \
             {"empty", .binary = heed_##name, .x = {REAL(-2, 3, 0, 5), REAL(low, high, 5)}},                   \
             {"large", .binary = heed_##name, .x = {REAL(-2, 3, 301, 67), REAL(low, high, 301, 67)}, .large = true}, \
             {"large and broadcast", .binary = heed_##name, .x = {REAL(-2, 3, 67, 301, 1), REAL(low, high, 1, 67)}, .large = true})
BINARY_CASES(add, -1, 2)
BINARY_CASES(sub, -1, 2)
BINARY_CASES(mul, -1, 2)
BINARY_CASES(div, 0.7, 2)

static heed_tensor *squared(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    (void)c;
    return heed_mul(g, x[0], x[0]);
}
OP_CASES(neg, {"a matrix", .unary = heed_neg, .x = {REAL(-2, 3, 3, 37)}}, {"a scalar", .unary = heed_neg, .x = {REAL0(-2, 3)}},
         {"one operand twice", squared, .x = {REAL(-2, 3, 3, 4)}}, {"empty", .unary = heed_neg, .x = {REAL(-2, 3, 3, 0)}},
         {"large", .unary = heed_neg, .x = {REAL(-2, 3, 40001)}, .large = true})

/* --- shapes ---------------------------------------------------------------------------------------------------------------------- */

static heed_tensor *transposed_copy(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_contiguous(g, heed_transpose(g, x[0], (int)c->n[0], (int)c->n[1]));
}
OP_CASES(copy, {"transposed", transposed_copy, .x = {REAL(-2, 3, 3, 5)}, .n = {0, 1}},
         {"outer axes", transposed_copy, .x = {REAL(-2, 3, 3, 4, 2)}, .n = {0, 1}}, {"empty", transposed_copy, .x = {REAL(-2, 3, 3, 0)}, .n = {0, 1}},
         {"indices", transposed_copy, .x = {INDEX(99, 3, 5)}, .n = {0, 1}}, {"masks", transposed_copy, .x = {MASK(3, 5)}, .n = {0, 1}},
         {"large", transposed_copy, .x = {REAL(-2, 3, 203, 301)}, .n = {0, 1}, .large = true})

static heed_tensor *filled(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    (void)x;
    return heed_full(g, (heed_dtype)c->n[0], (int)c->n[1], c->n + 2, c->p[0]);
}
OP_CASES(fill, {"float64", filled, .n = {HEED_F64, 2, 3, 5}, .p = {1.5}}, {"int32", filled, .n = {HEED_I32, 1, 7}, .p = {-3}},
         {"uint8", filled, .n = {HEED_U8, 1, 7}, .p = {1}}, {"a scalar", filled, .n = {HEED_F64, 0}, .p = {1.5}},
         {"empty", filled, .n = {HEED_F64, 1, 0}, .p = {1.5}}, {"large", filled, .n = {HEED_F32, 2, 301, 307}, .p = {1.5}, .large = true})

static heed_tensor *reshaped(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_neg(g, heed_reshape(g, x[0], (int)c->n[0], c->n + 1));
}
OP_CASES(reshape, {"split", reshaped, .x = {REAL(-2, 3, 4, 6)}, .n = {3, 2, 2, 6}}, {"found", reshaped, .x = {REAL(-2, 3, 4, 6)}, .n = {2, 3, -1}},
         {"to rank 1", reshaped, .x = {REAL0(-2, 3)}, .n = {1, 1}}, {"to a scalar", reshaped, .x = {REAL(-2, 3, 1, 1)}, .n = {0}},
         {"empty", reshaped, .x = {REAL(-2, 3, 0, 6)}, .n = {2, 3, 0}}, {"large", reshaped, .x = {REAL(-2, 3, 200, 300)}, .n = {1, -1}, .large = true})

static heed_tensor *permuted(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    int order[HEED_MAX_RANK];
    for (int i = 0; i < HEED_MAX_RANK; i++) order[i] = (int)c->n[i];
    heed_tensor *y = heed_permute(g, x[0], order);
    return heed_mul(g, y, y);
}
OP_CASES(permute, {"matrix", permuted, .x = {REAL(-2, 3, 3, 5)}, .n = {1, 0}}, {"three axes", permuted, .x = {REAL(-2, 3, 2, 3, 4)}, .n = {2, 0, 1}},
         {"negative", permuted, .x = {REAL(-2, 3, 2, 3, 4)}, .n = {-1, 1, 0}},
         {"rank 8", permuted, .x = {REAL(-2, 3, 2, 1, 3, 1, 2, 1, 2, 1)}, .n = {7, 2, 5, 0, 6, 1, 4, 3}},
         {"empty", permuted, .x = {REAL(-2, 3, 2, 0, 4)}, .n = {2, 0, 1}},
         {"large", permuted, .x = {REAL(-2, 3, 31, 20, 67)}, .n = {2, 0, 1}, .large = true})

static heed_tensor *expanded(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *y = heed_expand(g, x[0], (int)c->n[0], c->n + 1);
    return heed_mul(g, y, y);
}
OP_CASES(expand, {"a row", expanded, .x = {REAL(-2, 3, 5)}, .n = {2, 3, 5}}, {"a column", expanded, .x = {REAL(-2, 3, 4, 1)}, .n = {2, 4, 3}},
         {"a scalar", expanded, .x = {REAL0(-2, 3)}, .n = {3, 2, 1, 4}}, {"the middle", expanded, .x = {REAL(-2, 3, 2, 1, 3)}, .n = {4, 2, 2, 5, 3}},
         {"to nothing", expanded, .x = {REAL(-2, 3, 1, 3)}, .n = {2, 0, 3}},
         {"large", expanded, .x = {REAL(-2, 3, 301, 1)}, .n = {2, 301, 200}, .large = true})

/* --- sums ----------------------------------------------------------------------------------------------------------------------------- */

static heed_tensor *summed(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_sum(g, heed_mul(g, x[0], x[0]), (int)c->n[0], c->n[1]);
}
OP_CASES(fold_sum, {"last axis", summed, .x = {REAL(-2, 3, 3, 5)}, .n = {HEED_LAST}}, {"kept", summed, .x = {REAL(-2, 3, 3, 5)}, .n = {HEED_LAST, 1}},
         {"two axes", summed, .x = {REAL(-2, 3, 2, 3, 4)}, .n = {6}}, {"the middle", summed, .x = {REAL(-2, 3, 3, 4, 5)}, .n = {2, 1}},
         {"first and last", summed, .x = {REAL(-2, 3, 3, 4, 5)}, .n = {5}}, {"all", summed, .x = {REAL(-2, 3, 3, 4, 5)}, .n = {HEED_ALL}},
         {"a vector", summed, .x = {REAL(-2, 3, 41)}, .n = {HEED_ALL}}, {"one row of one", summed, .x = {REAL(-2, 3, 1, 1)}, .n = {HEED_LAST}},
         {"of nothing", summed, .x = {REAL(-2, 3, 3, 0)}, .n = {HEED_LAST}}, {"of no rows", summed, .x = {REAL(-2, 3, 0, 3)}, .n = {HEED_LAST}},
         {"nothing at all", summed, .x = {REAL(-2, 3, 0, 3)}, .n = {HEED_ALL}},
         {"large rows", summed, .x = {REAL(-2, 3, 301, 200)}, .n = {HEED_LAST}, .large = true},
         {"large vector", summed, .x = {REAL(-2, 3, 100003)}, .n = {HEED_ALL}, .large = true})

OP_CASES(columns, {"first axis", summed, .x = {REAL(-2, 3, 3, 5)}, .n = {1}}, {"kept", summed, .x = {REAL(-2, 3, 3, 5)}, .n = {1, 1}},
         {"two axes", summed, .x = {REAL(-2, 3, 2, 3, 4)}, .n = {3}}, {"the outer ones", summed, .x = {REAL(-2, 3, 2, 3, 4, 2)}, .n = {9}},
         {"of no rows", summed, .x = {REAL(-2, 3, 0, 3)}, .n = {1}}, {"of no columns", summed, .x = {REAL(-2, 3, 3, 0)}, .n = {1}},
         {"large", summed, .x = {REAL(-2, 3, 1301, 40)}, .n = {1}, .large = true},
         {"large and wide", summed, .x = {REAL(-2, 3, 40, 1301)}, .n = {1}, .large = true})
