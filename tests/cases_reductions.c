/* Cases of reductions over axes and of cumulative sums. n: the axes, whether they are kept, the variant. */
#include "op_cases.h"

static heed_tensor *summed(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_sum(g, heed_mul(g, x[0], x[0]), (int)c->n[0], c->n[1]);
}
OP_CASES(sum_middle, {"the middle", summed, .x = {REAL(-2, 3, 3, 4, 5)}, .n = {2}}, {"kept", summed, .x = {REAL(-2, 3, 3, 4, 5)}, .n = {2, 1}},
         {"two neighbours", summed, .x = {REAL(-2, 3, 2, 3, 4, 2)}, .n = {6}}, {"two apart", summed, .x = {REAL(-2, 3, 2, 3, 2, 3, 2)}, .n = {10}},
         {"all but two", summed, .x = {REAL(-2, 3, 2, 3, 2, 3, 2)}, .n = {21, 1}}, {"odd many", summed, .x = {REAL(-2, 3, 2, 7, 1)}, .n = {2}},
         {"of nothing", summed, .x = {REAL(-2, 3, 3, 0, 5)}, .n = {2}}, {"nothing to do", summed, .x = {REAL(-2, 3, 3, 4, 0)}, .n = {2}},
         {"no outer", summed, .x = {REAL(-2, 3, 0, 4, 5)}, .n = {2}}, {"large", summed, .x = {REAL(-2, 3, 31, 40, 67)}, .n = {2}, .large = true},
         {"large and wide", summed, .x = {REAL(-2, 3, 3, 9, 1901)}, .n = {2}, .large = true},
         {"many small", summed, .x = {REAL(-2, 3, 9001, 3, 4)}, .n = {2}, .large = true})

#define REDUCTION(name, call)                                                                        \
    static heed_tensor *name(heed_graph *g, heed_tensor *const *x, const op_case *c)                 \
    {                                                                                                \
        int axes = (int)c->n[0], how = (int)c->n[2];                                                 \
        bool keep = c->n[1];                                                                         \
        (void)how;                                                                                   \
        (void)keep;                                                                                  \
        return call;                                                                                 \
    }
REDUCTION(max_of, heed_max(g, x[0], axes, keep))
REDUCTION(min_of, heed_min(g, x[0], axes, keep))
REDUCTION(mean_of, heed_mean(g, x[0], axes, keep))
REDUCTION(var_of, heed_var(g, x[0], axes, keep, how))
REDUCTION(std_of, heed_std(g, x[0], axes, keep, how))
REDUCTION(prod_of, heed_prod(g, x[0], axes, keep))
REDUCTION(argmax_of, how ? heed_argmin(g, x[0], axes, keep) : heed_argmax(g, x[0], axes, keep))
REDUCTION(cumsum_of, heed_cumsum(g, x[0], axes, how))
REDUCTION(any_all_of, how ? heed_all(g, x[0], axes, keep) : heed_any(g, x[0], axes, keep))

#define VARIANTS(f, low, high, how)                                                                                           \
    {"last axis", f, .x = {REAL(low, high, 3, 5)}, .n = {HEED_LAST, 0, how}}, {"kept", f, .x = {REAL(low, high, 3, 37)}, .n = {HEED_LAST, 1, how}}, \
    {"first axis", f, .x = {REAL(low, high, 5, 3)}, .n = {1, 0, how}}, {"the middle", f, .x = {REAL(low, high, 2, 5, 3)}, .n = {2, 1, how}},        \
    {"first and last", f, .x = {REAL(low, high, 3, 2, 3)}, .n = {5, 0, how}}, {"all", f, .x = {REAL(low, high, 2, 3, 3)}, .n = {HEED_ALL, 0, how}}, \
    {"a vector", f, .x = {REAL(low, high, 17)}, .n = {HEED_ALL, 1, how}}, {"no rows", f, .x = {REAL(low, high, 0, 3)}, .n = {2, 0, how}},           \
    {"large", f, .x = {REAL(low, high, 301, 130)}, .n = {HEED_LAST, 0, how}, .large = true}
#define OF_ONE(f, low, high, how)                                                                                             \
    {"of one", f, .x = {REAL(low, high, 4, 1)}, .n = {HEED_LAST, 0, how}}, {"of a scalar", f, .x = {REAL0(low, high)}, .n = {HEED_ALL, 0, how}}

OP_CASES(fold_max, VARIANTS(max_of, -2, 3, 0), OF_ONE(max_of, -2, 3, 0), {"indices", max_of, .x = {INDEX(9, 3, 5)}, .n = {HEED_LAST}},
         {"masks", max_of, .x = {MASK(9, 2)}, .n = {HEED_LAST}}, {"long", max_of, .x = {REAL(-2, 3, 2, 80)}, .n = {HEED_LAST}},
         {"large and wide", max_of, .x = {REAL(-2, 3, 5, 9001)}, .n = {HEED_LAST}, .large = true})
OP_CASES(fold_min, VARIANTS(min_of, -2, 3, 0), OF_ONE(min_of, -2, 3, 0), {"indices", min_of, .x = {INDEX(9, 3, 5)}, .n = {HEED_LAST}},
         {"masks", min_of, .x = {MASK(9, 2)}, .n = {HEED_LAST}}, {"long", min_of, .x = {REAL(-2, 3, 2, 80)}, .n = {HEED_LAST}})
OP_CASES(mean, VARIANTS(mean_of, -2, 3, 0), OF_ONE(mean_of, -2, 3, 0))
OP_CASES(var, VARIANTS(var_of, -2, 3, 1), {"no correction", var_of, .x = {REAL(-2, 3, 3, 5)}, .n = {HEED_LAST}}, OF_ONE(var_of, -2, 3, 0))
OP_CASES(std, VARIANTS(std_of, -2, 3, 1), {"no correction", std_of, .x = {REAL(-2, 3, 3, 5)}, .n = {HEED_LAST}})
OP_CASES(prod, VARIANTS(prod_of, 0.4, 1.7, 0), OF_ONE(prod_of, -2, 3, 0), {"of nothing", prod_of, .x = {REAL(-2, 3, 3, 0)}, .n = {HEED_LAST}},
         {"of two", prod_of, .x = {REAL(-2, 3, 3, 2)}, .n = {HEED_LAST}}, {"of zeros", prod_of, .x = {REAL(0, 0, 3, 3)}, .n = {HEED_LAST}},
         {"of a zero", prod_of, .x = {REAL(-1.5, 1.5, 1)}, .n = {HEED_LAST}})

#define ARG_CASES(low, high, how)                                                                                              \
    {"last axis", argmax_of, .x = {REAL(low, high, 3, 5)}, .n = {-1, 0, how}}, {"kept", argmax_of, .x = {REAL(low, high, 3, 37)}, .n = {1, 1, how}}, \
    {"first axis", argmax_of, .x = {REAL(low, high, 5, 3)}, .n = {0, 0, how}}, {"the middle", argmax_of, .x = {REAL(low, high, 2, 5, 3)}, .n = {-2, 1, how}}
OP_CASES(fold_argmax, ARG_CASES(-2, 3, 0), ARG_CASES(-2, 3, 1), {"large", argmax_of, .x = {REAL(-2, 3, 301, 130)}, .n = {-1}, .large = true})

OP_CASES(cumsum, {"last axis", cumsum_of, .x = {REAL(-2, 3, 3, 5)}, .n = {-1}}, {"backwards", cumsum_of, .x = {REAL(-2, 3, 3, 5)}, .n = {-1, 0, 1}},
         {"first axis", cumsum_of, .x = {REAL(-2, 3, 5, 3)}, .n = {0}}, {"the middle", cumsum_of, .x = {REAL(-2, 3, 2, 5, 3)}, .n = {1, 0, 1}},
         {"of one", cumsum_of, .x = {REAL(-2, 3, 3, 1)}, .n = {-1}}, {"of nothing", cumsum_of, .x = {REAL(-2, 3, 3, 0)}, .n = {-1}},
         {"large", cumsum_of, .x = {REAL(-2, 3, 301, 130)}, .n = {-1}, .large = true})

OP_CASES(any_all, {"any", any_all_of, .x = {MASK(9, 3)}, .n = {HEED_LAST}}, {"all", any_all_of, .x = {MASK(9, 2)}, .n = {HEED_LAST, 1, 1}},
         {"any, first axis", any_all_of, .x = {MASK(2, 9)}, .n = {1}}, {"all of all", any_all_of, .x = {MASK(2, 9)}, .n = {HEED_ALL, 0, 1}},
         {"any of nothing", any_all_of, .x = {MASK(2, 0)}, .n = {HEED_LAST}}, {"large", any_all_of, .x = {MASK(301, 130)}, .n = {HEED_LAST}, .large = true})
