/* Cases of elementwise functions, comparisons and choices. */
#include "op_cases.h"

#define UNARY_CASES(name, gap, low, high)                                                                       \
    OP_CASES(name, {"a matrix", .unary = heed_##name, .x = {GAPPED(gap, low, high, 3, 37)}},                    \
             {"three axes", .unary = heed_##name, .x = {GAPPED(gap, low, high, 2, 3, 5)}},                      \
             {"a number", .unary = heed_##name, .x = {GAPPED(gap, low, high, 1, 1)}},                           \
             {"a scalar", .unary = heed_##name, .x = {{true, HEED_F64, low, high, gap, 0, {0}}}},               \
             {"empty", .unary = heed_##name, .x = {GAPPED(gap, low, high, 3, 0)}},                              \
             {"large", .unary = heed_##name, .x = {GAPPED(gap, low, high, 301, 67)}, .large = true})

UNARY_CASES(square, 0, -2, 3)
UNARY_CASES(sqrt, 0, 0.3, 3)
UNARY_CASES(rsqrt, 0, 0.3, 3)
UNARY_CASES(reciprocal, 0.4, -2, 3)
UNARY_CASES(exp, 0, -3, 2)
UNARY_CASES(expm1, 0, -3, 2)
UNARY_CASES(log, 0, 0.2, 4)
UNARY_CASES(log1p, 0, -0.7, 3)
UNARY_CASES(sin, 0, -5, 6)
UNARY_CASES(cos, 0, -5, 6)
UNARY_CASES(erf, 0, -2, 2.5)
UNARY_CASES(tanh, 0, -2, 3)
UNARY_CASES(sigmoid, 0, -4, 6)
UNARY_CASES(softplus, 0, -4, 6)
UNARY_CASES(silu, 0, -4, 6)
UNARY_CASES(gelu, 0, -3, 3.5)
UNARY_CASES(gelu_tanh, 0, -3, 3.5)
UNARY_CASES(relu, 0.1, -2, 3)
UNARY_CASES(abs, 0.1, -2, 3)
UNARY_CASES(sign, 0.1, -2, 3)

/* --- with an attribute --------------------------------------------------------------------------------------------------------- */

static heed_tensor *leaky_relu(heed_graph *g, heed_tensor *const *x, const op_case *c) { return heed_leaky_relu(g, x[0], c->p[0]); }
static heed_tensor *elu(heed_graph *g, heed_tensor *const *x, const op_case *c) { return heed_elu(g, x[0], c->p[0]); }
static heed_tensor *clamp(heed_graph *g, heed_tensor *const *x, const op_case *c) { return heed_clamp(g, x[0], c->p[0], c->p[1]); }
static heed_tensor *power(heed_graph *g, heed_tensor *const *x, const op_case *c) { return heed_pow_scalar(g, x[0], c->p[0]); }
static heed_tensor *gate(heed_graph *g, heed_tensor *const *x, const op_case *c) { return heed_apply(g, &heed_op_gate, 2, x, c->p); }
static heed_tensor *slope(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    const heed_op *const op[] = {&heed_op_silu_slope, &heed_op_gelu_slope, &heed_op_gelu_tanh_slope};
    return heed_apply(g, op[c->n[0]], 1, x, NULL);
}

OP_CASES(leaky_relu, {"slope 0.01", leaky_relu, .x = {GAPPED(0.1, -2, 3, 3, 7)}, .p = {0.01}},
         {"slope 0", leaky_relu, .x = {GAPPED(0.1, -2, 3, 3, 7)}, .p = {0}},
         {"negative slope", leaky_relu, .x = {GAPPED(0.1, -2, 3, 3, 7)}, .p = {-0.3}},
         {"large", leaky_relu, .x = {GAPPED(0.1, -2, 3, 301, 67)}, .p = {0.2}, .large = true})
OP_CASES(elu, {"alpha 1", elu, .x = {GAPPED(0.1, -2, 3, 3, 7)}, .p = {1}}, {"alpha 0.3", elu, .x = {GAPPED(0.1, -2, 3, 21)}, .p = {0.3}},
         {"large", elu, .x = {GAPPED(0.1, -2, 3, 301, 67)}, .p = {1}, .large = true})
OP_CASES(clamp, {"both bounds", clamp, .x = {REAL(-2, 3, 3, 7)}, .p = {-0.71, 1.13}}, {"one value", clamp, .x = {REAL(-2, 3, 3, 7)}, .p = {1, 1}},
         {"no bounds", clamp, .x = {REAL(-2, 3, 3, 7)}, .p = {-1e30, 1e30}},
         {"large", clamp, .x = {REAL(-2, 3, 301, 67)}, .p = {-0.71, 1.13}, .large = true})
OP_CASES(pow_scalar, {"cube", power, .x = {GAPPED(0.1, -2, 3, 3, 7)}, .p = {3}}, {"1.7", power, .x = {REAL(0.3, 3, 3, 7)}, .p = {1.7}},
         {"-2.5", power, .x = {REAL(0.6, 3, 3, 7)}, .p = {-2.5}}, {"0", power, .x = {REAL(-2, 3, 3, 7)}, .p = {0}},
         {"1", power, .x = {REAL(-2, 3, 3, 7)}, .p = {1}}, {"2", power, .x = {REAL(-2, 3, 3, 7)}, .p = {2}},
         {"1/2", power, .x = {REAL(0.3, 3, 3, 7)}, .p = {0.5}}, {"-1", power, .x = {REAL(0.3, 3, 3, 7)}, .p = {-1}},
         {"-1/2", power, .x = {REAL(0.3, 3, 3, 7)}, .p = {-0.5}},
         {"large", power, .x = {REAL(0.3, 3, 301, 67)}, .p = {1.7}, .large = true})
OP_CASES(gate, {"slope 0", gate, .x = {GAPPED(0.1, -2, 3, 3, 7), REAL(-2, 3, 3, 7)}},
         {"slope 0.2, broadcast", gate, .x = {GAPPED(0.1, -2, 3, 3, 1), REAL(-2, 3, 7)}, .p = {0.2}},
         {"large", gate, .x = {GAPPED(0.1, -2, 3, 301, 67), REAL(-2, 3, 67)}, .large = true})
OP_CASES(silu_slope, {"a matrix", slope, .x = {REAL(-4, 6, 3, 7)}}, {"large", slope, .x = {REAL(-4, 6, 301, 67)}, .large = true})
OP_CASES(gelu_slope, {"a matrix", slope, .x = {REAL(-3, 3.5, 3, 7)}, .n = {1}}, {"large", slope, .x = {REAL(-4, 6, 301, 67)}, .n = {1}, .large = true})
OP_CASES(gelu_tanh_slope, {"a matrix", slope, .x = {REAL(-3, 3.5, 3, 7)}, .n = {2}},
         {"large", slope, .x = {REAL(-4, 6, 301, 67)}, .n = {2}, .large = true})

/* --- two operands ---------------------------------------------------------------------------------------------------------------- */

#define BINARY_CASES(name, low, high)                                                                            \
    OP_CASES(name, {"same shape", .binary = heed_##name, .x = {REAL(low, high, 3, 7), REAL(-1.5, 2.5, 3, 7)}},   \
             {"row and column", .binary = heed_##name, .x = {REAL(low, high, 4, 1), REAL(-1.5, 2.5, 1, 7)}},     \
             {"scalar and vector", .binary = heed_##name, .x = {REAL0(low, high), REAL(-1.5, 2.5, 37)}},         \
             {"vector and scalar", .binary = heed_##name, .x = {REAL(low, high, 2, 5), REAL0(-1.5, 2.5)}},       \
             {"empty", .binary = heed_##name, .x = {REAL(low, high, 0, 5), REAL(-1.5, 2.5, 5)}},                 \
             {"large", .binary = heed_##name, .x = {REAL(low, high, 301, 67), REAL(-1.5, 2.5, 67)}, .large = true})
BINARY_CASES(pow, 0.4, 2.2)
BINARY_CASES(maximum, -2, 3)
BINARY_CASES(minimum, -2, 3)

#define COMPARISON_CASES(name)                                                                                   \
    OP_CASES(name, {"reals", .binary = heed_##name, .x = {REAL(-2, 3, 3, 37), REAL(-1.5, 2.5, 37)}},             \
             {"scalar and vector", .binary = heed_##name, .x = {REAL0(-2, 3), REAL(-1.5, 2.5, 37)}},             \
             {"row and column", .binary = heed_##name, .x = {REAL(-2, 3, 1, 5), REAL(-1.5, 2.5, 4, 1)}},         \
             {"indices", .binary = heed_##name, .x = {INDEX(3, 4, 5), INDEX(3, 5)}},                             \
             {"index and scalar", .binary = heed_##name, .x = {INDEX(3, 4, 5), {true, HEED_I32, 0, 3, 0, 0, {0}}}}, \
             {"masks", .binary = heed_##name, .x = {MASK(4, 5), MASK(4, 1)}},                                    \
             {"empty", .binary = heed_##name, .x = {REAL(-2, 3, 0, 7), REAL(-1.5, 2.5, 7)}},                     \
             {"large", .binary = heed_##name, .x = {REAL(-2, 3, 301, 167), REAL(-1.5, 2.5, 167)}, .large = true})
COMPARISON_CASES(eq)
COMPARISON_CASES(ne)
COMPARISON_CASES(lt)
COMPARISON_CASES(le)
COMPARISON_CASES(gt)
COMPARISON_CASES(ge)
#define LOGIC_CASES(name)                                                                                        \
    OP_CASES(name, {"masks", .binary = heed_##name, .x = {MASK(4, 37), MASK(37)}},                               \
             {"row and column", .binary = heed_##name, .x = {MASK(1, 5), MASK(4, 1)}},                           \
             {"large", .binary = heed_##name, .x = {MASK(301, 367), MASK(301, 1)}, .large = true})
LOGIC_CASES(and)
LOGIC_CASES(or)

/* a comparison, a choice and a conversion in one pass, where registers of bytes and of reals take turns */
static heed_tensor *mixed(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    (void)c;
    heed_dtype real = heed_dtype_of(x[0]);
    heed_tensor *chosen = heed_where(g, heed_not(g, heed_gt(g, x[0], x[1])), heed_square(g, x[0]), x[1]);
    return heed_mul(g, chosen, heed_cast(g, heed_gt(g, heed_exp(g, x[0]), heed_scalar(g, real, 1.5)), real));
}
static heed_tensor *where(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    (void)c;
    return heed_where(g, x[0], x[1], x[2]);
}
OP_CASES(where, {"same shape", where, .x = {MASK(3, 37), REAL(-2, 3, 3, 37), REAL(-1, 2, 3, 37)}},
         {"a mask of rows", where, .x = {MASK(4, 1), REAL(-2, 3, 4, 7), REAL(-1, 2, 7)}},
         {"a mask of columns", where, .x = {MASK(7), REAL(-2, 3, 4, 1), REAL(-1, 2, 4, 7)}},
         {"scalars", where, .x = {MASK(4, 7), REAL0(-2, 3), REAL0(-1, 2)}}, {"indices", where, .x = {MASK(4, 7), INDEX(9, 4, 7), INDEX(9, 7)}},
         {"masks", where, .x = {MASK(4, 7), MASK(4, 7), MASK(4, 1)}}, {"empty", where, .x = {MASK(0, 7), REAL(-2, 3, 7), REAL(-1, 2, 7)}},
         {"mixed, 12", mixed, .x = {REAL(-2, 3, 12), REAL(-1, 2, 12)}}, {"mixed, 8", mixed, .x = {REAL(-2, 3, 8), REAL(-1, 2, 8)}},
         {"mixed, 5 by 3", mixed, .x = {REAL(-2, 3, 5, 3), REAL(-1, 2, 5, 1)}},
         {"large", where, .x = {MASK(301, 67), REAL(-2, 3, 301, 67), REAL(-1, 2, 67)}, .large = true},
         {"large and mixed", mixed, .x = {REAL(-2, 3, 301, 67), REAL(-1, 2, 67)}, .large = true})

static heed_tensor *cast(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *y = heed_cast(g, x[0], (heed_dtype)c->n[0]);
    return heed_dtype_of(x[0]) <= HEED_F64 ? heed_cast(g, y, heed_dtype_of(x[0])) : y;
}
OP_CASES(cast, {"to int32 and back", cast, .x = {REAL(-20, 30, 3, 7)}, .n = {HEED_I32}, .values_only = true},
         {"to uint8 and back", cast, .x = {REAL(-20, 30, 3, 7)}, .n = {HEED_U8}, .values_only = true},
         {"index to float64", cast, .x = {INDEX(9, 3, 7)}, .n = {HEED_F64}}, {"index to uint8", cast, .x = {INDEX(9, 3, 7)}, .n = {HEED_U8}},
         {"mask to float32", cast, .x = {MASK(3, 7)}, .n = {HEED_F32}, .values_only = true}, {"mask to int32", cast, .x = {MASK(3, 7)}, .n = {HEED_I32}},
         {"empty", cast, .x = {REAL(-2, 3, 0, 7)}, .n = {HEED_I32}, .values_only = true},
         {"large", cast, .x = {REAL(-20, 30, 301, 67)}, .n = {HEED_F32}, .large = true},
         {"large, to int32", cast, .x = {REAL(-20, 30, 301, 67)}, .n = {HEED_I32}, .large = true})
