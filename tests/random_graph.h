/* Random programs: compositions of all kinds of ops over random shapes. The same seed records the same program on any graph, in float32
 * or float64; what a plan must not depend on (numbers, scalar constants, offsets of views) comes from a second seed. */
#ifndef HEED_RANDOM_GRAPH_H
#define HEED_RANDOM_GRAPH_H

#include "autograd/random.h"
#include "own_ops.h"

enum { RANDOM_INPUTS = 4, RANDOM_TENSORS = 64, RANDOM_DATA = 1 << 17 };

typedef struct random_graph {
    heed_graph *g;
    heed_dtype dtype;
    heed_random shape, value;
    int rank;
    int64_t axes[4];                       /* the whole space; inputs broadcast over it */
    heed_tensor *x[RANDOM_INPUTS];         /* the leaves */
    heed_tensor *t[RANDOM_TENSORS];        /* everything, leaves first */
    int count;
} random_graph;

static inline int random_below(random_graph *r, int n) { return (int)heed_random_below(&r->shape, (uint64_t)n); }
static inline heed_tensor *random_pick(random_graph *r)
{
    int recent = r->count < 6 ? r->count : 6;
    return random_below(r, 3) ? r->t[r->count - 1 - random_below(r, recent)] : r->t[random_below(r, r->count)];
}

static inline bool random_fits(const heed_tensor *a, const heed_tensor *b)
{
    int64_t size = 1;
    for (int i = 1; i <= heed_rank(a) || i <= heed_rank(b); i++) {
        int64_t m = i <= heed_rank(a) ? heed_dim(a, -i) : 1, n = i <= heed_rank(b) ? heed_dim(b, -i) : 1;
        if (m != n && m != 1 && n != 1) return false;
        size *= m == 1 ? n : m;
    }
    return size <= RANDOM_DATA;
}

/* a tensor that broadcasts with a, `a` itself if none is found soon */
static inline heed_tensor *random_partner(random_graph *r, heed_tensor *a)
{
    for (int i = 0; i < 8; i++) {
        heed_tensor *b = random_pick(r);
        if (random_fits(a, b)) return b;
    }
    return a;
}

static inline heed_tensor *random_view(random_graph *r, heed_tensor *x)
{
    int rank = heed_rank(x), axis = rank ? random_below(r, rank) : 0;
    int64_t shape[HEED_MAX_RANK], size = rank ? heed_dim(x, axis) : 0;
    for (int i = 0; i < rank; i++) shape[i] = heed_dim(x, i);
    switch (random_below(r, 6)) {
    case 0: return rank > 1 ? heed_transpose(r->g, x, axis, random_below(r, rank)) : x;
    case 1: return size ? own_part(r->g, x, axis, size - 1, -1, size) : x;
    case 2: { /* two thirds of an axis, from anywhere */
        int64_t count = (2 * size + 2) / 3, from = (int64_t)heed_random_below(&r->value, (uint64_t)(size - count + 1));
        return size ? own_part(r->g, x, axis, from, 1, count) : x;
    }
    case 3: return size > 1 ? own_part(r->g, x, axis, (int64_t)heed_random_below(&r->value, (uint64_t)(1 + (size + 1) % 2)), 2, size / 2 + size % 2) : x;
    case 4: /* the last axis apart, or all in one */
        return random_below(r, 2) ? heed_reshape(r->g, x, 1, (int64_t[]){heed_size(x)})
                                  : rank ? heed_reshape(r->g, x, 2, (int64_t[]){shape[rank - 1] ? heed_size(x) / shape[rank - 1] : 0, shape[rank - 1]}) : x;
    default:
        if (rank >= 4 || heed_size(x) * 3 > RANDOM_DATA) return x;
        for (int i = rank; i > 0; i--) shape[i] = shape[i - 1];
        shape[0] = 3;
        return heed_expand(r->g, x, rank + 1, shape);
    }
}

static inline heed_tensor *random_op(random_graph *r)
{
    heed_graph *g = r->g;
    heed_tensor *a = random_pick(r), *b = random_partner(r, a);
    int rank = heed_rank(a);
    double s = 0.5 + heed_random_uniform(&r->value);
    switch (random_below(r, 16)) {
    case 0: case 1: return own_map(g, &own_tanh, a);
    case 2: return heed_scale(g, a, s);
    case 3: return heed_neg(g, heed_add_scalar(g, a, s));
    case 4: case 5: return own_map(g, &own_tanh, heed_mul(g, a, b));
    case 6: return heed_scale(g, heed_add(g, a, b), 0.7);
    case 7: return heed_div(g, a, heed_add_scalar(g, heed_mul(g, b, b), s));
    case 8: { /* masks come from leaves, so that rounding never turns one over */
        heed_tensor *x = r->x[random_below(r, RANDOM_INPUTS)];
        if (!random_fits(x, a) || !random_fits(x, b)) return heed_sub(g, a, b);
        heed_tensor *mask = own_map(g, &own_above, x);
        if (random_below(r, 2)) b = heed_scalar(g, r->dtype, s);
        heed_tensor *y = heed_apply(g, &own_choose, 3, (heed_tensor *[]){mask, a, b}, NULL);
        return y;
    }
    case 9: return rank ? own_softmax(g, a) : heed_sub(g, a, b);
    case 10: return rank ? own_layer_norm(g, a) : heed_sub(g, a, b);
    case 11: case 12: { /* a mean over some axes */
        int axes = random_below(r, 3) ? random_below(r, 1 << rank) : rank ? HEED_LAST : HEED_ALL;
        heed_tensor *y = heed_sum(g, a, axes, random_below(r, 2));
        return heed_scale(g, y, 1 / (1 + (double)heed_size(a) / (double)(heed_size(y) ? heed_size(y) : 1)));
    }
    case 13: case 14: return random_view(r, a);
    default:
        if (rank == 0) return heed_sub(g, a, b);
        if (rank >= 2 && heed_dim(a, -1) <= 64 && heed_size(a) * heed_dim(a, -2) < 1 << 20 && heed_dim(a, -2) <= 64 && random_below(r, 2))
            return heed_scale(g, heed_matmul(g, a, heed_transpose(g, a, -1, -2)), 1 / (1 + (double)heed_dim(a, -1)));
        int back = random_below(r, 2);
        return heed_scale(g, heed_apply(g, &own_running, 1, &a, &back), 1 / (1 + (double)heed_dim(a, -1)));
    }
}

/* Records the leaves and `ops` steps. The data (float32 or float64 as dtype is) are at least RANDOM_DATA numbers. */
static inline random_graph random_record(heed_graph *g, heed_dtype dtype, uint64_t seed, uint64_t values, int ops, bool large, const void *data)
{
    static const int64_t small[] = {1, 2, 3, 5, 7, 16, 17, 33, 2, 3, 5, 1};
    random_graph r = {.g = g, .dtype = dtype, .shape = {.seed = seed, .stream = 1}, .value = {.seed = seed, .stream = 2 + values}};
    r.rank = 1 + random_below(&r, 3);
    for (int i = 0; i < r.rank; i++) r.axes[i] = random_below(&r, 40) ? small[random_below(&r, 12)] : 0;
    if (large) {
        r.rank = 2;
        r.axes[0] = 40 + random_below(&r, 300);
        r.axes[1] = 30 + random_below(&r, 200);
    }
    for (int i = 0; i < RANDOM_INPUTS; i++) {
        int drop = i && !random_below(&r, 3) ? random_below(&r, r.rank + 1) : 0, n = 0;
        int64_t shape[4];
        for (int k = drop; k < r.rank; k++) shape[n++] = i && !random_below(&r, 4) ? 1 : r.axes[k];
        const char *at = (const char *)data + heed_random_below(&r.value, 1000) * heed_dtype_size(dtype);
        r.x[i] = r.t[i] = heed_input(g, dtype, n, shape, at);
        r.count++;
    }
    while (r.count < RANDOM_INPUTS + ops && !heed_graph_error(g)->code) {
        heed_tensor *t = random_op(&r);
        r.t[r.count++] = t;
    }
    return r;
}

#endif
