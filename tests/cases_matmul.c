/* Cases of matrix products. */
#include "op_cases.h"

static heed_tensor *product(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *a = c->n[0] ? heed_transpose(g, x[0], -1, -2) : x[0], *b = c->n[1] ? heed_transpose(g, x[1], -1, -2) : x[1];
    return heed_matmul(g, a, b);
}
static heed_tensor *linear(heed_graph *g, heed_tensor *const *x, const op_case *c) { return heed_linear(g, x[0], x[1], c->x[2].used ? x[2] : NULL); }

OP_CASES(matmul, {"matrices", product, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 5, 4)}},
         {"left transposed", product, .x = {REAL(-2, 3, 5, 3), REAL(-1, 2, 5, 4)}, .n = {1, 0}},
         {"right transposed", product, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 4, 5)}, .n = {0, 1}},
         {"both transposed", product, .x = {REAL(-2, 3, 5, 3), REAL(-1, 2, 4, 5)}, .n = {1, 1}},
         {"a batch", product, .x = {REAL(-2, 3, 2, 3, 5), REAL(-1, 2, 2, 5, 4)}},
         {"a batch by one matrix", product, .x = {REAL(-2, 3, 2, 3, 5), REAL(-1, 2, 5, 4)}},
         {"a matrix by a batch", product, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 2, 5, 4)}},
         {"broadcast batches", product, .x = {REAL(-2, 3, 2, 1, 3, 2), REAL(-1, 2, 3, 2, 4)}},
         {"sizes of one", product, .x = {REAL(-2, 3, 1, 1), REAL(-1, 2, 1, 1)}},
         {"a row by a column", product, .x = {REAL(-2, 3, 1, 7), REAL(-1, 2, 7, 1)}},
         {"nothing to sum", product, .x = {REAL(-2, 3, 3, 0), REAL(-1, 2, 0, 4)}},
         {"no rows", product, .x = {REAL(-2, 3, 0, 5), REAL(-1, 2, 5, 4)}},
         {"no batch", product, .x = {REAL(-2, 3, 0, 3, 5), REAL(-1, 2, 5, 4)}},
         {"linear", linear, .x = {REAL(-2, 3, 2, 3, 5), REAL(-1, 2, 5, 4), REAL(-1, 1, 4)}},
         {"linear without bias", linear, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 5, 4)}},
         {"outer", .binary = heed_outer, .x = {REAL(-2, 3, 5), REAL(-1, 2, 4)}},
         {"large", product, .x = {REAL(-2, 3, 201, 130), REAL(-1, 2, 130, 170)}, .large = true},
         {"large batch", product, .x = {REAL(-2, 3, 40, 31, 20), REAL(-1, 2, 40, 20, 33)}, .large = true})
