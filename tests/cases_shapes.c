/* Cases of parts, joins, triangles, indices and order. */
#include "op_cases.h"

#define BUILD(name) static heed_tensor *name(heed_graph *g, heed_tensor *const *x, const op_case *c)

/* --- parts ------------------------------------------------------------------------------------------------------------------ */

BUILD(sliced) { heed_tensor *y = heed_slice(g, x[0], (int)c->n[0], c->n[1], c->n[2], c->n[3]); return heed_mul(g, y, y); }
BUILD(sliced_twice) /* two axes, one after the other, and all at once */
{
    heed_tensor *a = heed_slice(g, heed_slice(g, x[0], 0, c->n[0], c->n[1], 1), 1, c->n[2], c->n[3], 1);
    heed_tensor *b = heed_slice_all(g, x[0], (int64_t[]){c->n[0], c->n[2]}, (int64_t[]){c->n[1], c->n[3]}, NULL);
    return heed_mul(g, a, b);
}
BUILD(flipped) { heed_tensor *y = heed_flip(g, x[0], (int)c->n[0]); return heed_mul(g, y, y); }
BUILD(selected) { heed_tensor *y = heed_select(g, x[0], (int)c->n[0], c->n[1]); return heed_mul(g, y, y); }

OP_CASES(slice, {"the middle", sliced, .x = {REAL(-2, 3, 6, 5)}, .n = {0, 1, 4, 1}},
         {"a step", sliced, .x = {REAL(-2, 3, 4, 7)}, .n = {1, 1, 7, 2}},
         {"backwards by two", sliced, .x = {REAL(-2, 3, 3, 7, 2)}, .n = {-2, 6, 0, -2}},
         {"from the end", sliced, .x = {REAL(-2, 3, 4, 7)}, .n = {-1, -3, HEED_END, 1}},
         {"backwards to the start", sliced, .x = {REAL(-2, 3, 7)}, .n = {0, 4, HEED_END, -3}},
         {"one element", sliced, .x = {REAL(-2, 3, 7)}, .n = {0, 3, 4, 5}},
         {"nothing", sliced, .x = {REAL(-2, 3, 4, 7)}, .n = {1, 5, 2, 1}},
         {"of nothing", sliced, .x = {REAL(-2, 3, 0, 7)}, .n = {1, 5, 7, 1}},
         {"rank 8", sliced, .x = {REAL(-2, 3, 2, 1, 2, 1, 2, 1, 3, 1)}, .n = {6, 2, HEED_END, -2}},
         {"two axes", sliced_twice, .x = {REAL(-2, 3, 5, 6)}, .n = {1, 4, 2, 5}},
         {"flipped rows", flipped, .x = {REAL(-2, 3, 3, 5)}, .n = {1}},
         {"flipped last", flipped, .x = {REAL(-2, 3, 3, 5)}, .n = {HEED_LAST}},
         {"flipped all", flipped, .x = {REAL(-2, 3, 2, 1, 4)}, .n = {HEED_ALL}},
         {"flipped empty", flipped, .x = {REAL(-2, 3, 2, 0)}, .n = {HEED_ALL}},
         {"a flipped scalar", flipped, .x = {REAL0(-2, 3)}, .n = {HEED_ALL}},
         {"a row", selected, .x = {REAL(-2, 3, 4, 5)}, .n = {0, -1}},
         {"a column", selected, .x = {REAL(-2, 3, 4, 5)}, .n = {1, 2}},
         {"large", sliced, .x = {REAL(-2, 3, 301, 200)}, .n = {1, 199, HEED_END, -3}, .large = true})

/* parts that overlap, leave gaps, cover everything, come in odd order */
BUILD(overlapping)
{
    int axis = (int)c->n[0];
    heed_tensor *a = heed_slice(g, x[0], axis, 0, 3, 1), *b = heed_slice(g, x[0], axis, 1, 4, 1),
                *back = heed_slice(g, x[0], axis, 3, 0, -1);
    return heed_mul(g, heed_mul(g, a, b), back);
}
BUILD(all_parts)
{
    heed_tensor *part[8];
    heed_unstack(g, x[0], (int)c->n[0], part);
    heed_tensor *y = part[0];
    for (int i = 1; i < heed_dim(x[0], (int)c->n[0]); i++) y = heed_add(g, heed_mul(g, y, part[i]), part[i]);
    return y;
}
BUILD(gates) /* unequal parts, one of them unused or empty */
{
    heed_tensor *part[3];
    heed_split(g, x[0], (int)c->n[0], 3, c->n + 1, part);
    heed_tensor *a = heed_sum(g, heed_mul(g, part[0], part[0]), HEED_LAST, false),
                *b = heed_sum(g, heed_mul(g, part[1], part[1]), HEED_LAST, false);
    return c->n[4] ? heed_mul(g, a, b) : heed_mul(g, heed_mul(g, a, b), heed_sum(g, part[2], HEED_LAST, false));
}
BUILD(halves_and_whole)
{
    heed_tensor *part[2];
    heed_split(g, x[0], (int)c->n[0], 2, NULL, part);
    return heed_mul(g, heed_concat(g, 2, (heed_tensor *[]){heed_mul(g, part[0], part[1]), part[1]}, (int)c->n[0]), x[0]);
}
OP_CASES(slice_grad, {"overlapping", overlapping, .x = {REAL(-2, 3, 4, 5)}, .n = {0}},
         {"overlapping inside", overlapping, .x = {REAL(-2, 3, 2, 4, 3)}, .n = {1}},
         {"one part unused", gates, .x = {REAL(-2, 3, 3, 7)}, .n = {1, 2, 4, 1, 1}},
         {"every other", sliced, .x = {REAL(-2, 3, 5, 4)}, .n = {0, 0, 5, 2}},
         {"backwards", sliced, .x = {REAL(-2, 3, 6, 4)}, .n = {0, 5, 1, -2}},
         {"inner axis", sliced, .x = {REAL(-2, 3, 3, 6, 2)}, .n = {1, 2, 5, 1}},
         {"one element", selected, .x = {REAL(-2, 3, 5)}, .n = {0, 2}},
         {"an empty part", sliced, .x = {REAL(-2, 3, 3, 4)}, .n = {0, 2, 2, 1}},
         {"large", sliced, .x = {REAL(-2, 3, 37, 41, 20)}, .n = {1, 3, 40, 2}, .large = true},
         {"large and overlapping", overlapping, .x = {REAL(-2, 3, 4, 61, 200)}, .n = {0}, .large = true},
         {"large backwards", sliced, .x = {REAL(-2, 3, 401, 67)}, .n = {0, 400, 3, -3}, .large = true})

/* --- joining ---------------------------------------------------------------------------------------------------------------- */

BUILD(joined)
{
    int count = c->x[2].used ? 3 : c->x[1].used ? 2 : 1;
    heed_tensor *y = c->n[1] ? heed_stack(g, count, x, (int)c->n[0]) : heed_concat(g, count, x, (int)c->n[0]);
    return heed_mul(g, y, y);
}
BUILD(joined_views)
{
    return heed_concat(g, 2, (heed_tensor *[]){heed_transpose(g, x[0], 0, 1), heed_flip(g, x[1], HEED_ALL)}, (int)c->n[0]);
}
BUILD(joined_twice) { return heed_concat(g, 3, (heed_tensor *[]){x[0], x[1], x[0]}, (int)c->n[0]); }
BUILD(joined_ids) { return heed_concat(g, 2, (heed_tensor *[]){x[0], x[1]}, (int)c->n[0]); }
OP_CASES(concat, {"rows", joined, .x = {REAL(-2, 3, 2, 5), REAL(-1, 2, 3, 5)}, .n = {0}},
         {"columns", joined, .x = {REAL(-2, 3, 3, 1), REAL(-1, 2, 3, 4), REAL(-1, 2, 3, 2)}, .n = {-1}},
         {"the middle", joined, .x = {REAL(-2, 3, 2, 1, 3), REAL(-1, 2, 2, 3, 3)}, .n = {1}},
         {"an empty one", joined, .x = {REAL(-2, 3, 0, 3), REAL(-1, 2, 2, 3)}, .n = {0}},
         {"all empty", joined, .x = {REAL(-2, 3, 0, 3), REAL(-1, 2, 0, 3)}, .n = {1}},
         {"one alone", joined, .x = {REAL(-2, 3, 2, 3)}, .n = {1}},
         {"views", joined_views, .x = {REAL(-2, 3, 4, 2), REAL(-1, 2, 2, 3)}, .n = {1}},
         {"one twice", joined_twice, .x = {REAL(-2, 3, 2, 2), REAL(-1, 2, 2, 3)}, .n = {1}},
         {"stacked", joined, .x = {REAL(-2, 3, 2, 3), REAL(-1, 2, 2, 3), REAL(-1, 1, 2, 3)}, .n = {1, 1}},
         {"stacked last", joined, .x = {REAL(-2, 3, 2, 3), REAL(-1, 2, 2, 3)}, .n = {-1, 1}},
         {"stacked scalars", joined, .x = {REAL0(-2, 3), REAL0(-1, 2)}, .n = {0, 1}},
         {"stacked once", joined, .x = {REAL(-2, 3, 2, 3)}, .n = {0, 1}},
         {"indices", joined_ids, .x = {INDEX(9, 2, 3), INDEX(9, 2, 2)}, .n = {1}},
         {"masks", joined_ids, .x = {MASK(2, 3), MASK(1, 3)}, .n = {0}},
         {"unstacked", all_parts, .x = {REAL(0.5, 1.5, 3, 4)}, .n = {0}},
         {"unstacked inner", all_parts, .x = {REAL(0.5, 1.5, 2, 3, 2)}, .n = {1}},
         {"split and used whole", halves_and_whole, .x = {REAL(-2, 3, 3, 6)}, .n = {1}},
         {"unequal parts", gates, .x = {REAL(-2, 3, 3, 7)}, .n = {1, 2, 4, 1}},
         {"an empty part", gates, .x = {REAL(-2, 3, 3, 7)}, .n = {1, 3, 4, 0}},
         {"large", joined, .x = {REAL(-2, 3, 41, 301), REAL(-1, 2, 41, 500)}, .n = {1}, .large = true},
         {"large split", halves_and_whole, .x = {REAL(-2, 3, 302, 200)}, .n = {0}, .large = true})

BUILD(padded)
{
    int64_t end[] = {c->n[0] + heed_dim(x[0], 0), c->n[1] + heed_dim(x[0], 1)};
    return heed_mul(g, x[0], heed_slice_all(g, heed_pad(g, x[0], c->n, c->n + 4, c->p[0]), c->n, end, NULL));
}
BUILD(padded_whole)
{
    heed_tensor *y = heed_pad(g, x[0], c->n, c->n + 4, c->p[0]);
    return heed_dtype_of(y) <= HEED_F64 ? heed_mul(g, y, y) : y;
}
OP_CASES(pad, {"all sides", padded_whole, .x = {REAL(-2, 3, 2, 3)}, .n = {1, 2, 0, 0, 3, 1}, .p = {0.5}},
         {"one side", padded_whole, .x = {REAL(-2, 3, 2, 3)}, .n = {0, 2}},
         {"not at all", padded_whole, .x = {REAL(-2, 3, 2, 3)}},
         {"and cut again", padded, .x = {REAL(-2, 3, 2, 3)}, .n = {1, 2, 0, 0, 3, 1}},
         {"nothing", padded_whole, .x = {REAL(-2, 3, 0, 3)}, .n = {1, 1, 0, 0, 1, 0}, .p = {2}},
         {"three axes", padded_whole, .x = {REAL(-2, 3, 2, 1, 2)}, .n = {0, 1, 2, 0, 1, 0, 1}},
         {"a scalar", padded_whole, .x = {REAL0(-2, 3)}},
         {"indices", padded_whole, .x = {INDEX(9, 2, 3)}, .n = {1, 0, 0, 0, 0, 2}, .p = {-1}},
         {"masks", padded_whole, .x = {MASK(2, 3)}, .n = {1, 0, 0, 0, 0, 2}, .p = {1}},
         {"large", padded_whole, .x = {REAL(-2, 3, 131, 200)}, .n = {3, 5, 0, 0, 7, 9}, .p = {0.5}, .large = true})

/* --- triangles and ranges --------------------------------------------------------------------------------------------------- */

BUILD(lower) { return heed_tril(g, heed_dtype_of(x[0]) <= HEED_F64 ? heed_mul(g, x[0], x[0]) : x[0], c->n[0]); }
BUILD(upper) { return heed_triu(g, heed_dtype_of(x[0]) <= HEED_F64 ? heed_mul(g, x[0], x[0]) : x[0], c->n[0]); }
#define TRIANGLE_CASES(name, build)                                                                                \
    OP_CASES(name, {"square", build, .x = {REAL(-2, 3, 4, 4)}}, {"above", build, .x = {REAL(-2, 3, 4, 5)}, .n = {1}}, \
             {"below", build, .x = {REAL(-2, 3, 5, 3)}, .n = {-2}}, {"far above", build, .x = {REAL(-2, 3, 3, 4)}, .n = {9}}, \
             {"far below", build, .x = {REAL(-2, 3, 3, 4)}, .n = {-9}}, {"a batch", build, .x = {REAL(-2, 3, 2, 3, 3, 4)}}, \
             {"a row", build, .x = {REAL(-2, 3, 1, 4)}}, {"a column", build, .x = {REAL(-2, 3, 4, 1)}},            \
             {"columns of a batch", build, .x = {REAL(-2, 3, 3, 4, 1)}, .n = {-1}},                                \
             {"empty", build, .x = {REAL(-2, 3, 0, 4)}}, {"no columns", build, .x = {REAL(-2, 3, 4, 0)}},          \
             {"indices", build, .x = {INDEX(9, 3, 4)}}, {"masks", build, .x = {MASK(3, 4)}},                       \
             {"large", build, .x = {REAL(-2, 3, 3, 131, 67)}, .n = {-3}, .large = true},                           \
             {"large and wide", build, .x = {REAL(-2, 3, 21, 2500)}, .n = {7}, .large = true})
TRIANGLE_CASES(tril, lower)
TRIANGLE_CASES(triu, upper)

BUILD(hot) { return heed_one_hot(g, x[0], c->n[0], (heed_dtype)c->n[1]); }
OP_CASES(one_hot, {"a vector", hot, .x = {INDEX(5, 7)}, .n = {5, HEED_F64}},
         {"a matrix", hot, .x = {INDEX(4, 3, 2)}, .n = {4, HEED_F32}}, {"one class", hot, .x = {INDEX(1, 3)}, .n = {1, HEED_F64}},
         {"too large", hot, .x = {INDEX(9, 7)}, .n = {4, HEED_I32}}, {"bytes", hot, .x = {INDEX(4, 7)}, .n = {4, HEED_U8}},
         {"no classes", hot, .x = {INDEX(4, 7)}, .n = {0, HEED_F64}},
         {"no ids", hot, .x = {INDEX(4, 0)}, .n = {4, HEED_F64}},
         {"large", hot, .x = {INDEX(99, 301)}, .n = {99, HEED_F64}, .large = true})

BUILD(range) { (void)x; return heed_arange(g, (heed_dtype)c->n[0], c->n[1], c->p[0], c->p[1]); }
OP_CASES(arange, {"float64", range, .n = {HEED_F64, 7}, .p = {0.5, -0.25}},
         {"float32", range, .n = {HEED_F32, 7}, .p = {0.5, 0.1}}, {"int32", range, .n = {HEED_I32, 5}, .p = {9, -3}},
         {"uint8", range, .n = {HEED_U8, 5}, .p = {3, 2}}, {"empty", range, .n = {HEED_F64, 0}},
         {"large", range, .n = {HEED_F32, 50000}, .p = {1, 0.5}, .large = true})

/* --- by index --------------------------------------------------------------------------------------------------------------- */

BUILD(taken)
{
    heed_tensor *y = heed_take(g, x[0], (int)c->n[0], x[1]);
    return heed_dtype_of(y) <= HEED_F64 ? heed_mul(g, y, y) : y;
}
static heed_tensor *embedded(heed_graph *g, heed_tensor *table, heed_tensor *ids)
{
    heed_tensor *y = heed_embedding(g, table, ids);
    return heed_mul(g, y, y);
}
#define TAKE_CASES                                                                                                 \
    {"embedding", .binary = embedded, .x = {REAL(-2, 3, 5, 3), INDEX(5, 2, 4)}},                                   \
        {"one id", .binary = embedded, .x = {REAL(-2, 3, 5, 3), INDEX(5, 1)}},                                     \
        {"rows", taken, .x = {REAL(-2, 3, 4, 3), INDEX(4, 6)}, .n = {0}},                                          \
        {"columns", taken, .x = {REAL(-2, 3, 4, 3), INDEX(3, 5)}, .n = {-1}},                                      \
        {"the middle by a matrix", taken, .x = {REAL(-2, 3, 2, 4, 3), INDEX(4, 2, 3)}, .n = {1}},                  \
        {"of a vector", taken, .x = {REAL(-2, 3, 6), INDEX(6, 9)}, .n = {0}},                                      \
        {"by no ids", taken, .x = {REAL(-2, 3, 4, 3), INDEX(4, 0)}, .n = {0}},                                     \
        {"of no columns", taken, .x = {REAL(-2, 3, 4, 0), INDEX(4, 3)}, .n = {0}},                                 \
        {"large", .binary = embedded, .x = {REAL(-2, 3, 301, 130), INDEX(301, 700)}, .large = true},               \
        {"large columns", taken, .x = {REAL(-2, 3, 301, 90), INDEX(90, 41)}, .n = {1}, .large = true}
OP_CASES(take, TAKE_CASES, {"indices", taken, .x = {INDEX(9, 4, 3), INDEX(4, 6)}},
         {"masks", taken, .x = {MASK(4, 3), INDEX(4, 6)}})
OP_CASES(take_grad, TAKE_CASES)

BUILD(gathered)
{
    heed_tensor *y = heed_gather(g, x[0], (int)c->n[0], x[1]);
    return heed_dtype_of(y) <= HEED_F64 ? heed_mul(g, y, y) : y;
}
BUILD(scattered) { return heed_scatter_add(g, heed_mul(g, x[0], x[0]), (int)c->n[0], x[1], c->n[1]); }
OP_CASES(gather, {"last axis", gathered, .x = {REAL(-2, 3, 3, 5), INDEX(5, 3, 2)}, .n = {-1}},
         {"first axis", gathered, .x = {REAL(-2, 3, 3, 4), INDEX(3, 6, 4)}, .n = {0}},
         {"the middle", gathered, .x = {REAL(-2, 3, 2, 3, 2), INDEX(3, 2, 4, 2)}, .n = {1}},
         {"a vector", gathered, .x = {REAL(-2, 3, 5), INDEX(5, 7)}, .n = {0}},
         {"by no ids", gathered, .x = {REAL(-2, 3, 3, 5), INDEX(5, 3, 0)}, .n = {1}},
         {"of no rows", gathered, .x = {REAL(-2, 3, 0, 5), INDEX(5, 0, 2)}, .n = {1}},
         {"indices", gathered, .x = {INDEX(9, 3, 5), INDEX(5, 3, 2)}, .n = {1}},
         {"masks", gathered, .x = {MASK(3, 5), INDEX(5, 3, 2)}, .n = {1}},
         {"large", gathered, .x = {REAL(-2, 3, 301, 67), INDEX(67, 301, 100)}, .n = {1}, .large = true},
         {"large rows", gathered, .x = {REAL(-2, 3, 67, 301), INDEX(67, 100, 301)}, .n = {0}, .large = true})
OP_CASES(scatter_add, {"last axis", scattered, .x = {REAL(-2, 3, 3, 5), INDEX(4, 3, 5)}, .n = {-1, 4}},
         {"first axis", scattered, .x = {REAL(-2, 3, 6, 4), INDEX(3, 6, 4)}, .n = {0, 3}},
         {"the middle", scattered, .x = {REAL(-2, 3, 2, 4, 2), INDEX(3, 2, 4, 2)}, .n = {1, 5}},
         {"a vector", scattered, .x = {REAL(-2, 3, 9), INDEX(5, 9)}, .n = {0, 5}},
         {"nothing", scattered, .x = {REAL(-2, 3, 3, 0), INDEX(5, 3, 0)}, .n = {1, 4}},
         {"to nothing", scattered, .x = {REAL(-2, 3, 0, 2), INDEX(5, 0, 2)}, .n = {1, 4}},
         {"large", scattered, .x = {REAL(-2, 3, 301, 100), INDEX(67, 301, 100)}, .n = {1, 67}, .large = true},
         {"large rows", scattered, .x = {REAL(-2, 3, 100, 301), INDEX(67, 100, 301)}, .n = {0, 67}, .large = true})

/* --- order ------------------------------------------------------------------------------------------------------------------ */

BUILD(ordered) { heed_tensor *y = heed_sort(g, x[0], (int)c->n[0], c->n[1], NULL); return heed_mul(g, y, y); }
BUILD(order) { return heed_argsort(g, x[0], (int)c->n[0], c->n[1]); }
BUILD(largest) { heed_tensor *y = heed_topk(g, x[0], (int)c->n[0], c->n[1], NULL); return heed_mul(g, y, y); }
OP_CASES(argsort, {"last axis", ordered, .x = {REAL(-2, 3, 3, 5)}, .n = {-1}},
         {"descending", ordered, .x = {REAL(-2, 3, 3, 5)}, .n = {1, 1}},
         {"first axis", ordered, .x = {REAL(-2, 3, 4, 3)}, .n = {0}},
         {"one", ordered, .x = {REAL(-2, 3, 3, 1)}, .n = {1}}, {"nothing", ordered, .x = {REAL(-2, 3, 3, 0)}, .n = {1}},
         {"no rows", ordered, .x = {REAL(-2, 3, 0, 3)}, .n = {1}},
         {"the largest three", largest, .x = {REAL(-2, 3, 3, 7)}, .n = {1, 3}},
         {"the largest", largest, .x = {REAL(-2, 3, 7, 2)}, .n = {0, 1}},
         {"all as largest", largest, .x = {REAL(-2, 3, 5)}, .n = {0, 5}},
         {"none as largest", largest, .x = {REAL(-2, 3, 5)}, .n = {0, 0}}, {"indices", order, .x = {INDEX(4, 3, 9)}, .n = {1}},
         {"masks", order, .x = {MASK(3, 9)}, .n = {1, 1}},
         {"order", order, .x = {REAL(-2, 3, 3, 9)}, .n = {1, 1}},
         {"large", ordered, .x = {REAL(-2, 3, 41, 700)}, .n = {1}, .large = true},
         {"large rows", largest, .x = {REAL(-2, 3, 9, 5000)}, .n = {1, 20}, .large = true})
