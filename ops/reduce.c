/* Sums over the last axis (fold_sum), all axes but the last (columns), a middle one (sum_middle); over any axes by way of these. */
#include "ops/axes.h"
#include "ops/map.h"
#include "ops/vbasic.h"

/* fold_sum   y = sum_c x_c over the last axis      dx_c = dy
 * The order is fixed by the length: eight vector accumulators, added as a tree; one for shorter rows; the shortest from left to right. */
#define FOLD_SUM(T, V, N)                                                                     \
    static inline T fold_##V(int64_t n, const T *x)                                           \
    {                                                                                         \
        if (n < N) { /* too short for vectors */                                              \
            T sum = 0;                                                                        \
            for (int64_t k = 0; k < n; k++) sum += x[k];                                      \
            return sum;                                                                       \
        }                                                                                     \
        if (n < 8 * N) {                                                                      \
            V s = V##_load(x);                                                                \
            int64_t c = N;                                                                    \
            for (; c + N <= n; c += N) s += V##_load(x + c);                                  \
            if (c < n) s += V##_load_n(x + c, n - c);                                         \
            return V##_sum(s);                                                                \
        }                                                                                     \
        V s[8] = {{0}};                                                                       \
        int64_t c = 0;                                                                        \
        for (; c + 8 * N <= n; c += 8 * N)                                                    \
            for (int i = 0; i < 8; i++) s[i] += V##_load(x + c + i * N);                      \
        for (int i = 0; c + N <= n; c += N, i++) s[i] += V##_load(x + c);                     \
        if (c < n) s[7] += V##_load_n(x + c, n - c);                                          \
        for (int k = 4; k > 0; k /= 2)                                                        \
            for (int i = 0; i < k; i++) s[i] += s[i + k];                                     \
        return V##_sum(s[0]);                                                                 \
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
        if (t->cols == 1 && x->row == 1) { /* one column of neighbours: a row */              \
            *o += fold_##V(t->rows, x->p);                                                    \
            return;                                                                           \
        }                                                                                     \
        int64_t r = 0;                                                                        \
        for (; x->col && r + 4 <= t->rows; r += 4) { /* four rows at once: fewer loads and stores of the sums */                              \
            const T *a = (const T *)x->p + r * x->row, *b = a + 2 * x->row;                   \
            int64_t c = 0;                                                                    \
            for (; c + N <= t->cols; c += N)                                                  \
                V##_store(o + c, V##_load(o + c) + V##_load(a + c) + V##_load(a + x->row + c) + V##_load(b + c) + V##_load(b + x->row + c));  \
            for (; c < t->cols; c++) o[c] = o[c] + a[c] + a[x->row + c] + b[c] + b[x->row + c];                                               \
        }                                                                                     \
        for (; r < t->rows; r++) {                                                            \
            const T *a = (const T *)x->p + r * x->row;                                        \
            int64_t c = 0;                                                                    \
            if (x->col)                                                                       \
                for (; c + N <= t->cols; c += N) V##_store(o + c, V##_load(o + c) + V##_load(a + c));                                         \
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
    v->dx[0] = heed_expand(g, v->dy, heed_rank(v->x[0]), heed_shape(v->x[0]));
}

const heed_op heed_op_fold_sum = {.name = "fold_sum", .kind = HEED_FOLD, .operands = 1, .flags = HEED_SMOOTH, .shape = fold_shape,
                                     .vjp = spread_vjp, .tile = HEED_TILES(fold_sum)};
const heed_op heed_op_columns = {.name = "columns", .kind = HEED_COLUMNS, .operands = 1, .flags = HEED_SMOOTH, .shape = columns_shape,
                                    .vjp = spread_vjp, .tile = HEED_TILES(columns)};

/* sum_middle   y_ac = sum_b x_abc, rows in order: [A, B, C] -> [A, C], a task for some thousand numbers      dx_abc = dy_ac */
enum { MIDDLE_COLUMNS = 512, MIDDLE_TASK = 1 << 15 };

typedef struct middle { int64_t a, b, c, columns, blocks, group; } middle; /* a task: `group` of a, or one a and some columns */
static middle middle_of(const heed_call *call)
{
    const int64_t *n = call->x[0].shape;
    middle m = {n[0], n[1], n[2], n[2] < MIDDLE_COLUMNS ? n[2] : MIDDLE_COLUMNS, 1, 1};
    if (m.columns) m.blocks = (m.c + m.columns - 1) / m.columns;
    if (m.blocks == 1 && m.b * m.c < MIDDLE_TASK) m.group = MIDDLE_TASK / (m.b * m.c + 1) + 1;
    return m;
}

static int64_t middle_tasks(const heed_call *call, int phase)
{
    (void)phase;
    middle m = middle_of(call);
    return (m.a + m.group - 1) / m.group * m.blocks;
}

#define MIDDLE_RUN(T)                                                                                   \
    static void middle_##T(const middle *m, T *restrict y, const T *restrict x, int64_t n)              \
    {                                                                                                   \
        for (int64_t c = 0; c < n; c++) y[c] = 0;                                                       \
        int64_t b = 0;                                                                                  \
        for (; b + 4 <= m->b; b += 4) {                                                                 \
            const T *p = x + b * m->c, *q = p + m->c, *r = q + m->c, *s = r + m->c;                     \
            for (int64_t c = 0; c < n; c++) y[c] = (((y[c] + p[c]) + q[c]) + r[c]) + s[c];              \
        }                                                                                               \
        for (; b < m->b; b++)                                                                           \
            for (int64_t c = 0; c < n; c++) y[c] += x[b * m->c + c];                                    \
    }
MIDDLE_RUN(float)
MIDDLE_RUN(double)

static void middle_run(const heed_call *call, int phase, int64_t task, void *scratch)
{
    (void)phase;
    (void)scratch;
    middle m = middle_of(call);
    int64_t from = task / m.blocks * m.group, end = from + m.group < m.a ? from + m.group : m.a, c = task % m.blocks * m.columns;
    int64_t n = m.c - c < m.columns ? m.c - c : m.columns;
    for (int64_t a = from; a < end; a++) {
        if (call->y.dtype == HEED_F32) middle_float(&m, (float *)call->y.p + a * m.c + c, (const float *)call->x[0].p + a * m.b * m.c + c, n);
        else middle_double(&m, (double *)call->y.p + a * m.c + c, (const double *)call->x[0].p + a * m.b * m.c + c, n);
    }
}

static bool middle_shape(heed_shaping *s)
{
    if (!heed_shape_float(s)) return false;
    if (heed_rank(s->x[0]) != 3) return heed_reject(s, "the operand has rank %d, not 3", heed_rank(s->x[0]));
    s->rank = 2;
    s->shape[0] = heed_dim(s->x[0], 0);
    s->shape[1] = heed_dim(s->x[0], 2);
    return true;
}

static void middle_vjp(heed_graph *g, const heed_vjp *v)
{
    int64_t a = heed_dim(v->x[0], 0), b = heed_dim(v->x[0], 1), c = heed_dim(v->x[0], 2);
    v->dx[0] = heed_expand(g, heed_reshape(g, v->dy, 3, (int64_t[]){a, 1, c}), 3, (int64_t[]){a, b, c});
}

static double middle_flops(const heed_call *c) { return (double)c->x[0].size; }

const heed_op heed_op_sum_middle = {.name = "sum_middle", .kind = HEED_KERNEL, .operands = 1, .flags = HEED_SMOOTH, .shape = middle_shape,
                                    .vjp = middle_vjp, .tasks = middle_tasks, .run = middle_run, .flops = middle_flops};

/* --- over any axes ---------------------------------------------------------------------------------------------------------------- */

enum { LONG_ROW = 1 << 13 };

/* Columns, then a fold. Long rows are seen as one column, which many tasks can share. */
static heed_tensor *sum_all(heed_graph *g, heed_tensor *x)
{
    if (heed_dim(x, -1) > LONG_ROW && heed_is_contiguous(x)) x = heed_reshape(g, x, 2, (int64_t[]){heed_size(x), 1});
    x = heed_apply(g, &heed_op_columns, 1, &x, NULL);
    return heed_dim(x, 0) == 1 ? x : heed_apply(g, &heed_op_fold_sum, 1, &x, NULL);
}

/* Runs of neighbouring axes are summed one after the other: trailing axes by a fold, which can be part of a pass, those in the middle by
 * sum_middle, leading ones by columns, which can again be part of a pass. */
heed_tensor *heed_sum(heed_graph *g, heed_tensor *x, int axes, bool keep)
{
    int rank = heed_rank(x), last = rank, first = 0;
    if (!heed_axes_set(g, "sum", x, &axes)) return heed_graph_fail(g, HEED_INVALID, "sum");
    if (!axes) return x;
    int64_t shape[HEED_MAX_RANK], part[3] = {1, 1, 1};
    for (int i = 0; i < rank; i++) shape[i] = heed_shape(x)[i];
    while (first < rank && (axes >> first & 1)) first++;
    while (last > first && (axes >> (last - 1) & 1)) last--;
    if (first == rank) return heed_axes_shape(g, sum_all(g, x), x, axes, keep);
    heed_tensor *y = x;
    if (last < rank) {
        int64_t rows[HEED_MAX_RANK];
        memcpy(rows, shape, sizeof rows);
        rows[last] = heed_axes_size(x, axes & ~((1 << last) - 1));
        if (last < rank - 1) y = heed_reshape(g, y, last + 1, rows);
        y = heed_apply(g, &heed_op_fold_sum, 1, &y, NULL);
        y = heed_reshape(g, y, last, shape);
    }
    for (int i = last; i > first;) { /* y is [part[0], part[1], part[2]], of which the middle is summed if its axes are to be */
        int end = i--;
        if (!(axes >> i & 1)) continue;
        while (axes >> (i - 1) & 1) i--;
        part[0] = part[1] = part[2] = 1;
        for (int k = 0; k < i; k++) part[0] *= shape[k];
        for (int k = i; k < end; k++) part[1] *= shape[k];
        for (int k = end; k < last; k++) part[2] *= shape[k];
        y = heed_reshape(g, y, 3, part);
        y = heed_apply(g, &heed_op_sum_middle, 1, &y, NULL);
        for (int k = i; k < end; k++) shape[k] = 1;
        y = heed_reshape(g, y, last, shape);
    }
    if (first > 0) {
        part[0] = part[1] = 1;
        for (int k = 0; k < first; k++) part[0] *= shape[k];
        for (int k = first; k < last; k++) part[1] *= shape[k];
        if (last > first + 1) y = heed_reshape(g, y, 2, part);
        y = heed_apply(g, &heed_op_columns, 1, &y, NULL);
    }
    return heed_axes_shape(g, y, x, axes, keep);
}
#endif
