/* The cases by which every op is tested. An op of ops/list.h without a list of cases does not link (tests/test_ops.c).
 *
 * To add an op's cases, put this into a tests/cases_FAMILY.c (any file of that pattern is compiled into test_ops):
 *
 *     static heed_tensor *shifted(heed_graph *g, heed_tensor *const *x, const op_case *c) { return heed_roll(g, x[0], c->n[0], c->p[0]); }
 *
 *     OP_CASES(exp, {"a matrix", .unary = heed_exp, .x = {REAL(-2, 3, 3, 5)}},                 range low, high; then the shape
 *                   {"empty", .unary = heed_exp, .x = {REAL(-2, 3, 0, 5)}},
 *                   {"large", .unary = heed_exp, .x = {REAL(-2, 3, 301, 200)}, .large = true})
 *     OP_CASES(roll, {"by two", shifted, .x = {REAL(-1, 2, 4, 3)}, .n = {2}, .p = {0.5}}, ...)
 *
 * One case a variant of attributes, broadcasting, odd shape, size 0 and 1. Operands: REAL(low, high, shape...), REAL0(low, high) for a scalar, INDEX(n,
 * shape...) for int32 below n, MASK(shape...) for bytes 0 and 1. Reals are spread evenly over their range in random order, so that all
 * differ; .gap = 0.1 in {REAL(...), .gap = 0.1}'s place, GAPPED(0.1, low, high, shape...), keeps them away from a kink at 0. A large case serves the
 * thread check only (every case takes part in it); each op needs one with 20,000 elements or more. The second order is checked if the
 * op is HEED_SMOOTH or .second is set; no gradient if the result is not real or .values_only is set. Values are tested elsewhere (test_maps.c, ...).
 */
#ifndef HEED_OP_CASES_H
#define HEED_OP_CASES_H

#include "ops/ops.h"

/* Public functions that are composed of ops: they have cases as well, second order included. */
#define OP_FORMULAS(X) X(mean) X(var) X(std) X(prod) X(any_all)

typedef struct op_input {
    bool used;
    heed_dtype dtype; /* HEED_F64 stands for the float type under test */
    double low, high, gap;
    int rank;
    int64_t shape[HEED_MAX_RANK];
} op_input;

typedef struct op_case op_case;
struct op_case {
    const char *label;
    heed_tensor *(*build)(heed_graph *g, heed_tensor *const *x, const op_case *c); /* or one of the next two */
    heed_tensor *(*unary)(heed_graph *g, heed_tensor *x);
    heed_tensor *(*binary)(heed_graph *g, heed_tensor *a, heed_tensor *b);
    op_input x[8];
    int64_t n[8]; /* whatever `build` needs */
    double p[4];
    bool large, second, values_only, training;
};

typedef struct op_case_list { const op_case *cases; size_t count; } op_case_list;

#define OP_RANK(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define GAPPED(gap_, low_, high_, ...) {true, HEED_F64, low_, high_, gap_, OP_RANK(__VA_ARGS__), {__VA_ARGS__}}
#define REAL(low_, high_, ...) GAPPED(0, low_, high_, __VA_ARGS__)
#define REAL0(low_, high_) {true, HEED_F64, low_, high_, 0, 0, {0}}
#define INDEX(n_, ...) {true, HEED_I32, 0, n_, 0, OP_RANK(__VA_ARGS__), {__VA_ARGS__}}
#define MASK(...) {true, HEED_U8, 0, 2, 0, OP_RANK(__VA_ARGS__), {__VA_ARGS__}}

#define OP_CASES(name, ...)                                      \
    extern const op_case_list heed_cases_##name;                 \
    static const op_case cases_of_##name[] = {__VA_ARGS__};      \
    const op_case_list heed_cases_##name = {cases_of_##name, sizeof cases_of_##name / sizeof *cases_of_##name};

#endif
