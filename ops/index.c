/* By index: take and embedding (whole slices), gather (single elements), and their adjoints. */
#include "ops/ops.h"
#include "ops/simd.h"

#include <math.h>

#if HEED_ISA_BASE

enum { TASK = 1 << 14, LANES = 64 };

typedef struct index_attr { int axis, filler; int64_t size; } index_attr; /* size: of the axis in an adjoint's result */

/* A shape around an axis: [outer, n, inner]. */
typedef struct around { int64_t outer, n, inner; } around;
static around around_axis(const heed_array *x, int axis)
{
    around a = {1, x->shape[axis], 1};
    for (int k = 0; k < x->rank; k++) {
        if (k < axis) a.outer *= x->shape[k];
        if (k > axis) a.inner *= x->shape[k];
    }
    return a;
}

/* an axis of y split into tasks of `each` */
static int64_t pieces(int64_t n, int64_t each) { return (n + each - 1) / each; }

static bool needs_ids(heed_shaping *s)
{
    heed_dtype of = heed_dtype_of(s->x[1]);
    s->dtype = heed_dtype_of(s->x[0]);
    return of == HEED_I32 || heed_reject(s, "ids are %s, they must be int32", heed_dtype_name(of));
}

/* false, and the graph has failed, when an id that is known by now is out of range */
static bool ids_fit(heed_graph *g, const char *name, heed_tensor *ids, int64_t n)
{
    const int32_t *id = heed_graph_error(g)->code || heed_dtype_of(ids) != HEED_I32 ? NULL : heed_known(ids);
    for (int64_t i = 0; id && i < heed_size(ids); i++)
        if (id[i] < 0 || id[i] >= n) {
            char text[96];
            heed_graph_fail(g, HEED_INVALID, "%s: id %d at place %lld of %s is not in 0..%lld", name, (int)id[i], (long long)i,
                            heed_shape_text(ids, text, sizeof text), (long long)n - 1);
            return false;
        }
    return true;
}

static void mark_missing(void *y, heed_dtype dtype, int64_t n)
{
    if (dtype == HEED_F32) for (int64_t i = 0; i < n; i++) ((float *)y)[i] = NAN;
    else if (dtype == HEED_F64) for (int64_t i = 0; i < n; i++) ((double *)y)[i] = NAN;
    else memset(y, 0, (size_t)n * heed_dtype_size(dtype));
}

/* --- take ----------------------------------------------------------------------------------------------------------------------
 *
 * take        y[o, m, i] = x[o, id_m, i]            dx = take_grad(dy)
 * take_grad   y = 0, then y[o, id_m, i] += x[o, m, i] for m in order      dx = take(dy)
 *
 * With ids of rank r, take replaces the axis by r axes, and take_grad undoes it. */
static bool take_shape(heed_shaping *s)
{
    const index_attr *a = s->attr;
    const heed_tensor *x = s->x[0], *ids = s->x[1];
    if (!needs_ids(s)) return false;
    if (heed_rank(x) + heed_rank(ids) - 1 > HEED_MAX_RANK)
        return heed_reject(s, "the result would have %d axes, at most %d are possible", heed_rank(x) + heed_rank(ids) - 1,
                           HEED_MAX_RANK);
    for (int k = 0; k < a->axis; k++) s->shape[s->rank++] = heed_dim(x, k);
    for (int k = 0; k < heed_rank(ids); k++) s->shape[s->rank++] = heed_dim(ids, k);
    for (int k = a->axis + 1; k < heed_rank(x); k++) s->shape[s->rank++] = heed_dim(x, k);
    return true;
}

static void take_vjp(heed_graph *g, const heed_vjp *v)
{
    index_attr a = *(const index_attr *)v->attr;
    a.size = heed_dim(v->x[0], a.axis);
    if (v->need[0]) v->dx[0] = heed_apply(g, &heed_op_take_grad, 2, (heed_tensor *[]){v->dy, v->x[1]}, &a);
}

static int64_t take_rows(const heed_call *c)
{
    return c->y.size ? c->y.size / around_axis(&c->x[0], ((const index_attr *)c->attr)->axis).inner : 0;
}
static int64_t rows_a_task(int64_t inner) { return inner < TASK ? TASK / (inner ? inner : 1) : 1; }

static int64_t take_tasks(const heed_call *c, int phase)
{
    (void)phase;
    int64_t rows = take_rows(c);
    return rows ? pieces(rows, rows_a_task(c->y.size / rows)) : 0;
}

static void take_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase;
    (void)scratch;
    around x = around_axis(&c->x[0], ((const index_attr *)c->attr)->axis);
    int64_t rows = take_rows(c), m = c->x[1].size, each = rows_a_task(x.inner);
    int64_t end = (task + 1) * each < rows ? (task + 1) * each : rows;
    size_t bytes = (size_t)x.inner * heed_dtype_size(c->y.dtype);
    for (int64_t r = task * each; r < end; r++) {
        int64_t id = ((const int32_t *)c->x[1].p)[r % m];
        char *to = (char *)c->y.p + (size_t)r * bytes;
        if (id < 0 || id >= x.n) mark_missing(to, c->y.dtype, x.inner);
        else memcpy(to, (const char *)c->x[0].p + (size_t)(r / m * x.n + id) * bytes, bytes);
    }
}

const heed_op heed_op_take = {.name = "take", .kind = HEED_KERNEL, .operands = 2, .flags = HEED_SMOOTH, .attr_size =
    sizeof(index_attr), .shape = take_shape, .vjp = take_vjp, .tasks = take_tasks, .run = take_run};

heed_tensor *heed_take(heed_graph *g, heed_tensor *x, int axis, heed_tensor *ids)
{
    index_attr a = {.axis = axis};
    if (heed_axis(g, "take", x, &a.axis)) ids_fit(g, "take", ids, heed_dim(x, a.axis));
    return heed_apply(g, &heed_op_take, 2, (heed_tensor *[]){x, ids}, &a);
}

heed_tensor *heed_embedding(heed_graph *g, heed_tensor *table, heed_tensor *ids)
{
    char text[96];
    if (heed_rank(table) != 2)
        return heed_graph_fail(g, HEED_INVALID, "embedding: the table is %s, it must be [vocabulary, size]",
                               heed_shape_text(table, text, sizeof text));
    ids_fit(g, "embedding", ids, heed_dim(table, 0));
    return heed_apply(g, &heed_op_take, 2, (heed_tensor *[]){table, ids}, &(index_attr){.axis = 0});
}

/* --- adjoints ------------------------------------------------------------------------------------------------------------------
 *
 * Phase 0 clears the result (nothing to do when it is added to). In phase 1 a task owns some lanes, which are pairs (o, i), with
 * all their elements along the axis: additions to one element are made by one task, in the order of the ids. */
static void adjoint_work(const heed_call *c, heed_work *w)
{
    (void)c;
    w->phases = 2;
}

static int64_t lanes_a_task(int64_t m) { return m * LANES < TASK ? TASK / (m ? m : 1) : LANES; }
static int64_t ids_along(const heed_call *c, around y) { return c->x[0].size ? c->x[0].size / (y.outer * y.inner) : 0; }

static int64_t adjoint_tasks(const heed_call *c, int phase)
{
    around y = around_axis(&c->y, ((const index_attr *)c->attr)->axis);
    if (phase == 0) return c->accumulate ? 0 : pieces(c->y.size, TASK);
    return c->x[0].size ? pieces(y.outer * y.inner, lanes_a_task(ids_along(c, y))) : 0;
}

static void clear_task(const heed_call *c, int64_t task)
{
    size_t size = heed_dtype_size(c->y.dtype);
    int64_t from = task * TASK, n = c->y.size - from < TASK ? c->y.size - from : TASK;
    memset((char *)c->y.p + (size_t)from * size, 0, (size_t)n * size);
}

/* Lanes [i0, i1) of outer index o: x[m, i] added to y[id, i]; the ids are one a row, or (each) one an element. */
#define ADD_LANES(T, name)                                                                                              \
    static void name(T *restrict y, const T *restrict x, const int32_t *id, bool each, around a, int64_t m, int64_t i0, \
                     int64_t i1)                                                                                        \
    {                                                                                                                   \
        for (int64_t j = 0; j < m; j++, x += a.inner, id += each ? a.inner : 1) {                                       \
            if (each) {                                                                                                 \
                for (int64_t i = i0; i < i1; i++)                                                                       \
                    if (id[i] >= 0 && id[i] < a.n) y[id[i] * a.inner + i] += x[i];                                      \
            } else if (*id >= 0 && *id < a.n) {                                                                         \
                T *restrict row = y + *id * a.inner;                                                                    \
                for (int64_t i = i0; i < i1; i++) row[i] += x[i];                                                       \
            }                                                                                                           \
        }                                                                                                               \
    }
ADD_LANES(float, add_lanes_f32)
ADD_LANES(double, add_lanes_f64)

static void adjoint_task(const heed_call *c, int64_t task, bool each)
{
    around y = around_axis(&c->y, ((const index_attr *)c->attr)->axis);
    int64_t m = ids_along(c, y), lanes = lanes_a_task(m), lane = task * lanes, end = lane + lanes;
    if (end > y.outer * y.inner) end = y.outer * y.inner;
    while (lane < end) {
        int64_t o = lane / y.inner, i0 = lane % y.inner, i1 = end - lane < y.inner - i0 ? i0 + end - lane : y.inner;
        const int32_t *id = (const int32_t *)c->x[1].p + (each ? o * m * y.inner : 0);
        int64_t to = o * y.n * y.inner, from = o * m * y.inner;
        if (c->y.dtype == HEED_F32) add_lanes_f32((float *)c->y.p + to, (const float *)c->x[0].p + from, id, each, y, m, i0, i1);
        else add_lanes_f64((double *)c->y.p + to, (const double *)c->x[0].p + from, id, each, y, m, i0, i1);
        lane += i1 - i0;
    }
}

static bool take_grad_shape(heed_shaping *s)
{
    const index_attr *a = s->attr;
    const heed_tensor *dy = s->x[0];
    int more = heed_rank(s->x[1]);
    needs_ids(s);
    for (int k = 0; k < a->axis; k++) s->shape[s->rank++] = heed_dim(dy, k);
    s->shape[s->rank++] = a->size;
    for (int k = a->axis + more; k < heed_rank(dy); k++) s->shape[s->rank++] = heed_dim(dy, k);
    return true;
}

static void take_grad_vjp(heed_graph *g, const heed_vjp *v)
{
    if (v->need[0]) v->dx[0] = heed_apply(g, &heed_op_take, 2, (heed_tensor *[]){v->dy, v->x[1]}, v->attr);
}

static void take_grad_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)scratch;
    if (phase == 0) clear_task(c, task);
    else adjoint_task(c, task, false);
}

const heed_op heed_op_take_grad = {.name = "take_grad", .kind = HEED_KERNEL, .operands = 2, .flags = HEED_SMOOTH | HEED_ADDS,
    .attr_size = sizeof(index_attr), .shape = take_grad_shape, .vjp = take_grad_vjp, .work = adjoint_work, .tasks =
    adjoint_tasks, .run = take_grad_run};

/* --- gather --------------------------------------------------------------------------------------------------------------------
 *
 * gather        y[o, m, i] = x[o, id[o, m, i], i]                        dx = scatter_add(dy)
 * scatter_add   y = 0, then y[o, id[o, m, i], i] += x[o, m, i] for m in order      dx = gather(dy) */
static bool gather_shape(heed_shaping *s)
{
    const index_attr *a = s->attr;
    const heed_tensor *x = s->x[0], *ids = s->x[1];
    char left[96], right[96];
    if (!needs_ids(s)) return false;
    bool fits = heed_rank(x) == heed_rank(ids);
    for (int k = 0; k < heed_rank(x) && fits; k++) fits = k == a->axis || heed_dim(x, k) == heed_dim(ids, k);
    return fits ? heed_shape_like(s, ids)
                : heed_reject(s, "%s by ids %s: all axes but %d must agree", heed_shape_text(x, left, sizeof left),
                              heed_shape_text(ids, right, sizeof right), a->axis);
}

static void gather_vjp(heed_graph *g, const heed_vjp *v)
{
    const int axis = ((const index_attr *)v->attr)->axis;
    const index_attr back = {.axis = axis, .size = heed_dim(v->x[0], axis)};
    if (v->need[0]) v->dx[0] = heed_apply(g, &heed_op_scatter_add, 2, (heed_tensor *[]){v->dy, v->x[1]}, &back);
}

static int64_t gather_tasks(const heed_call *c, int phase)
{
    (void)phase;
    return pieces(c->y.size, TASK);
}

#define GATHER(T, name)                                                                                   \
    static void name(T *y, const T *x, const int32_t *id, T missing, around a, int64_t m, int64_t from, int64_t end) \
    {                                                                                                     \
        for (int64_t i = from % a.inner, o = from / a.inner / m * a.n, j = from / a.inner % m; from < end; from++) { \
            y[from] = id[from] >= 0 && id[from] < a.n ? x[(o + id[from]) * a.inner + i] : missing;        \
            if (++i < a.inner) continue;                                                                  \
            i = 0;                                                                                        \
            if (++j < m) continue;                                                                        \
            j = 0;                                                                                        \
            o += a.n;                                                                                     \
        }                                                                                                 \
    }
GATHER(float, gather_f32)
GATHER(double, gather_f64)
GATHER(int32_t, gather_i32)
GATHER(uint8_t, gather_u8)

static void gather_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase;
    (void)scratch;
    int axis = ((const index_attr *)c->attr)->axis;
    around a = around_axis(&c->x[0], axis);
    int64_t m = c->y.shape[axis], from = task * TASK, end = from + TASK < c->y.size ? from + TASK : c->y.size;
    const int32_t *id = c->x[1].p;
    switch (c->y.dtype) {
    case HEED_F32: gather_f32(c->y.p, c->x[0].p, id, NAN, a, m, from, end); break;
    case HEED_F64: gather_f64(c->y.p, c->x[0].p, id, NAN, a, m, from, end); break;
    case HEED_I32: gather_i32(c->y.p, c->x[0].p, id, 0, a, m, from, end); break;
    default: gather_u8(c->y.p, c->x[0].p, id, 0, a, m, from, end);
    }
}

/* Of rows, if the ids' last axis differs from x's: then it is the axis. */
static bool gather_cut(int count, heed_tensor *const *x, heed_cut *cut, bool *sums)
{
    (void)count;
    *sums = false;
    if (cut[0] != HEED_BY_ROWS || cut[1] == HEED_BY_LAST || heed_rank(x[0]) < 2 || heed_dim(x[0], -1) == heed_dim(x[1], -1)) return false;
    cut[1] = HEED_BY_ROWS;
    return true;
}

const heed_op heed_op_gather = {.name = "gather", .kind = HEED_KERNEL, .operands = 2, .flags = HEED_SMOOTH, .attr_size =
    sizeof(index_attr), .shape = gather_shape, .vjp = gather_vjp, .tasks = gather_tasks, .run = gather_run, .cut = gather_cut};

heed_tensor *heed_gather(heed_graph *g, heed_tensor *x, int axis, heed_tensor *ids)
{
    index_attr a = {.axis = axis};
    if (heed_axis(g, "gather", x, &a.axis)) ids_fit(g, "gather", ids, heed_dim(x, a.axis));
    return heed_apply(g, &heed_op_gather, 2, (heed_tensor *[]){x, ids}, &a);
}

static bool scatter_add_shape(heed_shaping *s)
{
    const index_attr *a = s->attr;
    const heed_tensor *x = s->x[0], *ids = s->x[1];
    char left[96], right[96];
    if (!needs_ids(s)) return false;
    if (s->dtype > HEED_F64) return heed_reject(s, "operand 0 is %s, not a float", heed_dtype_name(s->dtype));
    bool fits = heed_rank(x) == heed_rank(ids);
    for (int k = 0; k < heed_rank(x) && fits; k++) fits = heed_dim(x, k) == heed_dim(ids, k);
    if (!fits)
        return heed_reject(s, "%s by ids %s: they must agree", heed_shape_text(x, left, sizeof left),
                           heed_shape_text(ids, right, sizeof right));
    heed_shape_like(s, x);
    s->shape[a->axis] = a->size;
    return true;
}

static void scatter_add_vjp(heed_graph *g, const heed_vjp *v)
{
    if (v->need[0]) v->dx[0] = heed_apply(g, &heed_op_gather, 2, (heed_tensor *[]){v->dy, v->x[1]}, v->attr);
}

static void scatter_add_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)scratch;
    if (phase == 0) clear_task(c, task);
    else adjoint_task(c, task, true);
}

const heed_op heed_op_scatter_add = {.name = "scatter_add", .kind = HEED_KERNEL, .operands = 2, .flags = HEED_SMOOTH |
    HEED_ADDS, .attr_size = sizeof(index_attr), .shape = scatter_add_shape, .vjp = scatter_add_vjp, .work = adjoint_work, .tasks
    = adjoint_tasks, .run = scatter_add_run};

heed_tensor *heed_scatter_add(heed_graph *g, heed_tensor *x, int axis, heed_tensor *ids, int64_t size)
{
    index_attr a = {.axis = axis, .size = size};
    if (size < 0) return heed_graph_fail(g, HEED_INVALID, "scatter_add: an axis of size %lld cannot be", (long long)size);
    if (heed_axis(g, "scatter_add", x, &a.axis)) ids_fit(g, "scatter_add", ids, size);
    return heed_apply(g, &heed_op_scatter_add, 2, (heed_tensor *[]){x, ids}, &a);
}
#endif
