/* Cases of positional encodings. */
#include "op_cases.h"

static heed_tensor *positions(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    (void)x;
    return heed_sinusoid(g, (heed_dtype)c->n[0], c->n[1], c->n[2], c->n[3]);
}

OP_CASES(sinusoid, {"float64", positions, .n = {HEED_F64, 0, 5, 6}}, {"float32, odd width", positions, .n = {HEED_F32, 3, 4, 7}},
         {"far", positions, .n = {HEED_F32, 100000, 3, 8}}, {"empty", positions, .n = {HEED_F32, 0, 0, 8}},
         {"large", positions, .n = {HEED_F32, 0, 300, 100}, .large = true})
