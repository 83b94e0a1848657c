/* Parts of a tensor as views: slice, select, flip, split, unstack; and their gradient. */
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/simd.h"

#if HEED_ISA_BASE

/* slice         y[j] = x[start + j step] along every axis, a view
 *               dx = slice_grad(dy); a slice that only reverses is its own inverse
 * slice_grad    y = 0, then y[start + j step] += x_i[j] for every operand in order, each with its place
 *               dx_i = slice(dy) */
typedef struct slice_attr { heed_place place; int64_t count[HEED_MAX_RANK]; } slice_attr;

static bool slice_shape(heed_shaping *s)
{
    const slice_attr *a = s->attr;
    s->rank = heed_rank(s->x[0]);
    for (int k = 0; k < s->rank; k++) {
        int64_t stride = heed_stride(s->x[0], k);
        s->shape[k] = a->count[k];
        s->stride[k] = stride * a->place.step[k];
        s->offset += stride * a->place.start[k];
    }
    return true;
}

static void slice_vjp(heed_graph *g, const heed_vjp *v)
{
    const slice_attr *a = v->attr;
    slice_grad_attr back = {.rank = heed_rank(v->x[0]), .place = a->place};
    bool whole = true;
    for (int k = 0; k < back.rank; k++) {
        back.shape[k] = heed_dim(v->x[0], k);
        whole = whole && back.shape[k] == a->count[k];
    }
    v->dx[0] = whole ? heed_apply(g, &heed_op_slice, 1, &v->dy, a) : heed_apply(g, &heed_op_slice_grad, 1, &v->dy, &back);
}

const heed_op heed_op_slice = {.name = "slice", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .attr_size =
    sizeof(slice_attr), .shape = slice_shape, .vjp = slice_vjp};

static bool slice_grad_shape(heed_shaping *s)
{
    const slice_grad_attr *a = s->attr;
    if (!heed_shape_float(s)) return false;
    s->rank = (int)a->rank;
    memcpy(s->shape, a->shape, sizeof a->shape);
    return true;
}

static const heed_place *slice_place(const slice_grad_attr *a, int i) { return a->all ? &a->all[i]->place : &a->place; }

static void slice_grad_vjp(heed_graph *g, const heed_vjp *v)
{
    for (int i = 0; i < v->count; i++) {
        if (!v->need[i]) continue;
        slice_attr a = {.place = *slice_place(v->attr, i)};
        for (int k = 0; k < heed_rank(v->y); k++) a.count[k] = heed_dim(v->x[i], k);
        v->dx[i] = heed_apply(g, &heed_op_slice, 1, &v->dy, &a);
    }
}

static void slice_grad_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase;
    (void)scratch;
    if (!c->accumulate) heed_place_fill(c, task, 0);
    for (int i = 0; i < c->count; i++) heed_place_put(c, task, i, slice_place(c->attr, i), c->accumulate || c->count > 1);
}

const heed_op heed_op_slice_grad = {.name = "slice_grad", .kind = HEED_KERNEL, .operands = -1, .flags = HEED_SMOOTH |
    HEED_ANY_STRIDE | HEED_ADDS, .attr_size = sizeof(slice_grad_attr), .shape = slice_grad_shape, .vjp = slice_grad_vjp, .tasks
    = heed_place_tasks, .run = slice_grad_run};

/* The axis along which the slices, one after another, make up the whole tensor; -1: they do not. */
static int joint_axis(int count, heed_tensor *const *dys, const slice_grad_attr *const *all)
{
    int axis = -1;
    for (int k = 0; k < all[0]->rank; k++)
        if (heed_dim(dys[0], k) != all[0]->shape[k]) axis = axis < 0 ? k : HEED_MAX_RANK;
    if (axis < 0 || axis == HEED_MAX_RANK) return -1;
    int64_t end = 0;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < all[i]->rank; k++) {
            int64_t n = heed_dim(dys[i], k);
            if (all[i]->place.start[k] != (k == axis ? end : 0) || (all[i]->place.step[k] != 1 && n != 1)) return -1;
            if (k != axis && n != all[i]->shape[k]) return -1;
        }
        end += heed_dim(dys[i], axis);
    }
    return end == all[0]->shape[axis] ? axis : -1;
}

heed_tensor *heed_slice_grads(heed_graph *g, int count, heed_tensor *const *dys, const slice_grad_attr *const *all)
{
    int axis = joint_axis(count, dys, all);
    if (axis >= 0) return heed_concat(g, count, dys, axis);
    slice_grad_attr a = *all[0];
    a.all = all;
    return heed_apply(g, &heed_op_slice_grad, count, dys, &a);
}

/* --- public forms ----------------------------------------------------------------------------------------------------------- */

/* One axis, as in Python but without silent clamping; false: the graph has failed. */
static bool slice_axis(heed_graph *g, const heed_tensor *x, int axis, int64_t start, int64_t stop, int64_t step, slice_attr *a)
{
    char text[96];
    int64_t n = heed_dim(x, axis), first = start < 0 ? start + n : start, end = stop < 0 ? stop + n : stop;
    if (stop == HEED_END) end = step < 0 ? -1 : n;
    if (step == 0 || step == INT64_MIN) {
        heed_graph_fail(g, HEED_INVALID, "slice: axis %d of %s: the step is %lld, it must not be", axis,
                        heed_shape_text(x, text, sizeof text), (long long)step);
        return false;
    }
    if (first < 0 || first > n || end < -1 || end > n || (end < 0 && stop != HEED_END)) {
        heed_graph_fail(g, HEED_INVALID, "slice: %lld:%lld of axis %d of %s: start and stop must lie in -%lld..%lld",
                        (long long)start, (long long)stop, axis, heed_shape_text(x, text, sizeof text), (long long)n,
                        (long long)n);
        return false;
    }
    if (step < 0 && first == n) first--; /* x[n:...:-1] starts with the last element */
    int64_t reach = step > 0 ? end - first : first - end, by = step > 0 ? step : -step;
    a->count[axis] = reach > 0 ? (reach - 1) / by + 1 : 0;
    a->place.start[axis] = a->count[axis] ? first : 0;
    a->place.step[axis] = a->count[axis] > 1 ? step : 1;
    return true;
}

static slice_attr whole_of(const heed_tensor *x)
{
    slice_attr a = {.count = {0}};
    for (int k = 0; k < heed_rank(x); k++) {
        a.place.step[k] = 1;
        a.count[k] = heed_dim(x, k);
    }
    return a;
}

/* x itself when the part is all of it; on a failed graph the failed tensor. */
static heed_tensor *part(heed_graph *g, heed_tensor *x, const slice_attr *a)
{
    bool whole = !heed_graph_error(g)->code;
    for (int k = 0; k < heed_rank(x) && whole; k++) whole = a->count[k] == heed_dim(x, k) && a->place.step[k] == 1;
    return whole ? x : heed_apply(g, &heed_op_slice, 1, &x, a);
}

heed_tensor *heed_slice(heed_graph *g, heed_tensor *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    slice_attr a = whole_of(x);
    if (heed_axis(g, "slice", x, &axis)) slice_axis(g, x, axis, start, stop, step, &a);
    return part(g, x, &a);
}

heed_tensor *heed_slice_all(heed_graph *g, heed_tensor *x, const int64_t *start, const int64_t *stop, const int64_t *step)
{
    slice_attr a = whole_of(x);
    for (int k = 0; k < heed_rank(x) && !heed_graph_error(g)->code; k++)
        slice_axis(g, x, k, start[k], stop[k], step ? step[k] : 1, &a);
    return part(g, x, &a);
}

heed_tensor *heed_select(heed_graph *g, heed_tensor *x, int axis, int64_t index)
{
    char text[96];
    if (!heed_axis(g, "select", x, &axis)) return part(g, x, NULL);
    int64_t n = heed_dim(x, axis), at = index < 0 ? index + n : index;
    if (at < 0 || at >= n)
        return heed_graph_fail(g, HEED_INVALID, "select: axis %d of %s has no index %lld", axis,
                               heed_shape_text(x, text, sizeof text), (long long)index);
    return heed_squeeze(g, heed_slice(g, x, axis, at, at + 1, 1), axis);
}

heed_tensor *heed_flip(heed_graph *g, heed_tensor *x, int axes)
{
    char text[96];
    slice_attr a = whole_of(x);
    int rank = heed_rank(x);
    if (axes == HEED_ALL) axes = (1 << rank) - 1;
    if (axes == HEED_LAST) axes = rank ? 1 << (rank - 1) : 0;
    if (axes < 0 || axes >= 1 << rank)
        return heed_graph_fail(g, HEED_INVALID, "flip: axes 0x%x of %s", (unsigned)axes, heed_shape_text(x, text, sizeof text));
    for (int k = 0; k < rank; k++)
        if (axes >> k & 1) slice_axis(g, x, k, -1 + (a.count[k] == 0), HEED_END, -1, &a);
    return part(g, x, &a);
}

void heed_split(heed_graph *g, heed_tensor *x, int axis, int count, const int64_t *sizes, heed_tensor **parts)
{
    char text[96];
    for (int i = 0; i < count; i++) parts[i] = x;
    if (heed_axis(g, "split", x, &axis)) {
        int64_t n = heed_dim(x, axis), sum = 0;
        bool fits = count > 0 && (sizes || n % count == 0);
        for (int i = 0; i < count && fits && sizes; i++) fits = sizes[i] >= 0 && !__builtin_add_overflow(sum, sizes[i], &sum);
        if (!fits || (sizes && sum != n))
            heed_graph_fail(g, HEED_INVALID,
                            sizes ? "split: axis %d of %s cannot be cut into these %d parts: their sizes must make up %lld"
                                  : "split: axis %d of %s cannot be cut into %d equal parts of %lld elements",
                            axis, heed_shape_text(x, text, sizeof text), count, (long long)n);
        for (int64_t i = 0, at = 0; i < count && !heed_graph_error(g)->code; i++) {
            int64_t end = at + (sizes ? sizes[i] : n / count);
            parts[i] = heed_slice(g, x, axis, at, end, 1);
            at = end;
        }
    }
    for (int i = 0; i < count && heed_graph_error(g)->code; i++) parts[i] = part(g, x, NULL);
}

void heed_unstack(heed_graph *g, heed_tensor *x, int axis, heed_tensor **parts)
{
    if (!heed_axis(g, "unstack", x, &axis)) return;
    int64_t n = heed_dim(x, axis);
    for (int64_t i = 0; i < n; i++) parts[i] = heed_select(g, x, axis, i);
}
#endif
