/* Sums: over the last axis (fold_sum), over all axes but the last (columns), and over any axes by way of these two. */
#include "ops/map.h"
#include "ops/ops.h"

/* fold_sum   y = sum_c x_c over the last axis, in a fixed order: eight vector accumulators, added as a tree      dx_c = dy */
#define FOLD_SUM(T, V, N)                                                                     \
    static inline T fold_##V(int64_t n, const T *x)                                           \
    {                                                                                         \
        V s[8] = {{0}};                                                                       \
        int64_t c = 0;                                                                        \
        for (; c + 8 * N <= n; c += 8 * N)                                                    \
            for (int i = 0; i < 8; i++) s[i] += V##_load(x + c + i * N);                      \
        for (int i = 0; c + N <= n; c += N, i++) s[i] += V##_load(x + c);                     \
        if (c < n) s[7] += V##_load_n(x + c, n - c);                                          \
        for (int k = 4; k > 0; k /= 2)                                                        \
            for (int i = 0; i < k; i++) s[i] += s[i + k];                                     \
        T lane[N];                                                                            \
        V##_store(lane, s[0]);                                                                \
        for (int k = N / 2; k > 0; k /= 2)                                                    \
            for (int i = 0; i < k; i++) lane[i] += lane[i + k];                               \
        return lane[0];                                                                       \
    }
FOLD_SUM(float, vf, VF)
FOLD_SUM(double, vd, VD)

/* columns   y_c = sum_r x_rc, rows in order      dx_rc = dy_c */
#define SUM_TILES(T, V, N, suffix)                                                            \
    HEED_ISA_DECLARE(heed_tile_fn, fold_sum_##suffix);                                        \
    void HEED_ISA_FN(fold_sum_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)  \
    {                                                                                         \
        for (int64_t r = 0; r < t->rows; r++) {                                               \
            const T *a = (const T *)x->p + r * x->row;                                        \
            ((T *)y.p)[r * y.row] = x->col ? fold_##V(t->cols, a) : *a * (T)t->cols;          \
        }                                                                                     \
    }                                                                                         \
    HEED_ISA_DECLARE(heed_tile_fn, columns_##suffix);                                         \
    void HEED_ISA_FN(columns_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)   \
    {                                                                                         \
        T *o = y.p;                                                                           \
        for (int64_t r = 0; r < t->rows; r++) {                                               \
            const T *a = (const T *)x->p + r * x->row;                                        \
            int64_t c = 0;                                                                    \
            if (x->col)                                                                       \
                for (; c + N <= t->cols; c += N) V##_store(o + c, V##_load(o + c) + V##_load(a + c)); \
            for (; c < t->cols; c++) o[c] += a[c * x->col];                                   \
        }                                                                                     \
    }
SUM_TILES(float, vf, VF, f32)
SUM_TILES(double, vd, VD, f64)

#if HEED_ISA_BASE
static bool fold_shape(heed_shaping *s)
{
    if (!heed_shape_float(s) || !heed_shape_like(s, s->x[0])) return false;
    if (s->rank == 0) return heed_reject(s, "a scalar has no last axis");
    s->shape[s->rank - 1] = 1;
    return true;
}

static bool columns_shape(heed_shaping *s)
{
    if (!heed_shape_float(s)) return false;
    if (heed_rank(s->x[0]) == 0) return heed_reject(s, "a scalar has no columns");
    s->rank = 1;
    s->shape[0] = heed_dim(s->x[0], -1);
    return true;
}

static void spread_vjp(heed_graph *g, const heed_vjp *v)
{
    int64_t shape[HEED_MAX_RANK];
    for (int i = 0; i < heed_rank(v->x[0]); i++) shape[i] = heed_dim(v->x[0], i);
    v->dx[0] = heed_expand(g, v->dy, heed_rank(v->x[0]), shape);
}

const heed_op heed_op_fold_sum = {.name = "fold_sum", .kind = HEED_FOLD, .operands = 1, .flags = HEED_SMOOTH, .shape = fold_shape,
                                     .vjp = spread_vjp, .tile = HEED_TILES(fold_sum)};
const heed_op heed_op_columns = {.name = "columns", .kind = HEED_COLUMNS, .operands = 1, .flags = HEED_SMOOTH, .shape = columns_shape,
                                    .vjp = spread_vjp, .tile = HEED_TILES(columns)};

static int axis_set(const heed_tensor *x, int axes)
{
    int rank = heed_rank(x);
    return axes == HEED_ALL ? (1 << rank) - 1 : axes == HEED_LAST ? (rank ? 1 << (rank - 1) : 0) : axes;
}

/* The summed axes that come first and those that come last need no move; others are moved to the end. Sums over trailing axes
 * are folds, sums over leading ones are columns, so both can be part of a pass; a sum over everything is columns, then a fold. */
heed_tensor *heed_sum(heed_graph *g, heed_tensor *x, int axes, bool keep)
{
    int rank = heed_rank(x), order[HEED_MAX_RANK], n = 0;
    int64_t shape[HEED_MAX_RANK], lead = 1, middle = 1, trail = 1;
    if (axes != HEED_ALL && axes != HEED_LAST && (axes < 0 || axes >= 1 << rank))
        return heed_graph_fail(g, HEED_INVALID, "sum: axes 0x%x of a tensor of rank %d", (unsigned)axes, rank);
    axes = axis_set(x, axes);
    if (!axes) return x;
    int first = 0, last = rank; /* axes below `first` and from `last` on are summed and stay where they are */
    while (first < rank && (axes >> first & 1)) first++;
    while (last > first && (axes >> (last - 1) & 1)) last--;
    for (int i = 0; i < first; i++) order[n++] = i, lead *= heed_dim(x, i);
    for (int i = first; i < last; i++)
        if (!(axes >> i & 1)) order[n++] = i, middle *= heed_dim(x, i);
    for (int i = first; i < rank; i++)
        if (axes >> i & 1) order[n++] = i, trail *= heed_dim(x, i);
    bool moved = false;
    for (int i = 0; i < rank; i++) moved |= order[i] != i;
    heed_tensor *y = moved ? heed_permute(g, x, order) : x;
    if (first == rank) { /* all axes: rows of the last axis, as many as there are */
        y = heed_apply(g, &heed_op_columns, 1, &y, NULL);
        y = heed_apply(g, &heed_op_fold_sum, 1, &y, NULL);
    } else {
        if (trail != 1 || last < rank || moved) {
            bool one = !moved && last == rank - 1;
            if (!one) y = heed_reshape(g, y, 3, (int64_t[]){lead, middle, trail});
            y = heed_apply(g, &heed_op_fold_sum, 1, &y, NULL);
        }
        if (first > 0) {
            y = heed_reshape(g, y, 2, (int64_t[]){lead, middle});
            y = heed_apply(g, &heed_op_columns, 1, &y, NULL);
        }
    }
    n = 0;
    for (int i = 0; i < rank; i++) {
        if (!(axes >> i & 1)) shape[n++] = heed_dim(x, i);
        else if (keep) shape[n++] = 1;
    }
    return heed_reshape(g, y, n, shape);
}
#endif
