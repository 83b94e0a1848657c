/* Tensors put together: concat, stack, pad, repeat, tile. */
#include "autograd/memory.h"
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/simd.h"

#if HEED_ISA_BASE

/* concat     the operands one after another along an axis      dx_i = slice(dy) */
typedef struct concat_attr { int axis; } concat_attr;

static bool concat_shape(heed_shaping *s)
{
    const concat_attr *a = s->attr;
    char first[96], other[96];
    heed_shape_like(s, s->x[0]);
    for (int i = 1; i < s->count; i++) {
        const heed_tensor *x = s->x[i];
        bool fits = heed_rank(x) == s->rank;
        for (int k = 0; k < s->rank && fits; k++) fits = k == a->axis || heed_dim(x, k) == s->shape[k];
        if (!fits || __builtin_add_overflow(s->shape[a->axis], heed_dim(x, a->axis), &s->shape[a->axis]))
            return heed_reject(s, "operand %d is %s, operand 0 %s: all axes but %d must agree", i,
                               heed_shape_text(x, other, sizeof other), heed_shape_text(s->x[0], first, sizeof first), a->axis);
        if (heed_dtype_of(x) != heed_dtype_of(s->x[0]))
            return heed_reject(s, "operand %d is %s, operand 0 %s", i, heed_dtype_name(heed_dtype_of(x)),
                               heed_dtype_name(heed_dtype_of(s->x[0])));
    }
    return true;
}

static void concat_vjp(heed_graph *g, const heed_vjp *v)
{
    int axis = ((const concat_attr *)v->attr)->axis;
    int64_t at = 0;
    for (int i = 0; i < v->count; i++) {
        int64_t end = at + heed_dim(v->x[i], axis);
        if (v->need[i]) v->dx[i] = heed_slice(g, v->dy, axis, at, end, 1);
        at = end;
    }
}

static void concat_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase;
    (void)scratch;
    int axis = ((const concat_attr *)c->attr)->axis;
    heed_place at = {{0}, {1, 1, 1, 1, 1, 1, 1, 1}};
    for (int i = 0; i < c->count; i++) {
        heed_place_put(c, task, i, &at, false);
        at.start[axis] += c->x[i].shape[axis];
    }
}

const heed_op heed_op_concat = {.name = "concat", .kind = HEED_KERNEL, .operands = -1, .flags = HEED_SMOOTH | HEED_ANY_STRIDE,
    .attr_size = sizeof(concat_attr), .shape = concat_shape, .vjp = concat_vjp, .tasks = heed_place_tasks, .run = concat_run};

heed_tensor *heed_concat(heed_graph *g, int count, heed_tensor *const *xs, int axis)
{
    if (count < 1) return heed_graph_fail(g, HEED_INVALID, "concat: needs at least one tensor");
    concat_attr a = {axis};
    return !heed_axis(g, "concat", xs[0], &a.axis) || count > 1 ? heed_apply(g, &heed_op_concat, count, xs, &a) : xs[0];
}

/* pad        y = value, then y[before + j] = x[j] along every axis      dx = slice(dy) */
typedef struct pad_attr { heed_place place; int64_t shape[HEED_MAX_RANK]; double value; } pad_attr;

static bool pad_shape(heed_shaping *s)
{
    const pad_attr *a = s->attr;
    s->rank = heed_rank(s->x[0]);
    memcpy(s->shape, a->shape, sizeof a->shape);
    return true;
}

static void pad_vjp(heed_graph *g, const heed_vjp *v)
{
    const pad_attr *a = v->attr;
    int64_t end[HEED_MAX_RANK];
    for (int k = 0; k < heed_rank(v->y); k++) end[k] = a->place.start[k] + heed_dim(v->x[0], k);
    v->dx[0] = heed_slice_all(g, v->dy, a->place.start, end, NULL);
}

static void pad_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase;
    (void)scratch;
    const pad_attr *a = c->attr;
    heed_place_fill(c, task, a->value);
    heed_place_put(c, task, 0, &a->place, false);
}

const heed_op heed_op_pad = {.name = "pad", .kind = HEED_KERNEL, .operands = 1, .flags = HEED_SMOOTH | HEED_ANY_STRIDE,
    .attr_size = sizeof(pad_attr), .shape = pad_shape, .vjp = pad_vjp, .tasks = heed_place_tasks, .run = pad_run};

heed_tensor *heed_pad(heed_graph *g, heed_tensor *x, const int64_t *before, const int64_t *after, double value)
{
    char text[96];
    pad_attr a = {.value = value};
    bool same = true;
    if (!heed_dtype_holds(heed_dtype_of(x), value))
        return heed_graph_fail(g, HEED_INVALID, "pad: %g is no %s", value, heed_dtype_name(heed_dtype_of(x)));
    for (int k = 0; k < heed_rank(x); k++) {
        bool fits = before[k] >= 0 && after[k] >= 0 && !__builtin_add_overflow(heed_dim(x, k), before[k], &a.shape[k]);
        if (!fits || __builtin_add_overflow(a.shape[k], after[k], &a.shape[k]))
            return heed_graph_fail(g, HEED_INVALID, "pad: axis %d of %s cannot get %lld elements before and %lld after", k,
                                   heed_shape_text(x, text, sizeof text), (long long)before[k], (long long)after[k]);
        a.place.start[k] = before[k];
        a.place.step[k] = 1;
        same = same && a.shape[k] == heed_dim(x, k);
    }
    return same ? x : heed_apply(g, &heed_op_pad, 1, &x, &a);
}

/* --- by other ops ----------------------------------------------------------------------------------------------------------- */

heed_tensor *heed_stack(heed_graph *g, int count, heed_tensor *const *xs, int axis)
{
    if (count < 1) return heed_graph_fail(g, HEED_INVALID, "stack: needs at least one tensor");
    heed_tensor **rows = heed_alloc((size_t)count * sizeof *rows);
    if (!rows) return heed_graph_fail(g, HEED_NO_MEMORY, "stack: no memory");
    for (int i = 0; i < count; i++) rows[i] = heed_unsqueeze(g, xs[i], axis);
    heed_tensor *y = heed_concat(g, count, rows, axis < 0 ? axis + heed_rank(rows[0]) : axis);
    heed_free(rows);
    return y;
}

/* x as [outer, n, inner] seen as [outer, times, n, inner], or for `each` as [outer, n, times, inner] */
static heed_tensor *repeated(heed_graph *g, const char *name, heed_tensor *x, int axis, int64_t times, bool each)
{
    char text[96];
    int64_t shape[HEED_MAX_RANK], outer = 1, inner = 1, n = heed_dim(x, axis), all;
    if (times < 0 || __builtin_mul_overflow(n, times, &all))
        return heed_graph_fail(g, HEED_INVALID, "%s: axis %d of %s cannot be repeated %lld times", name, axis,
                               heed_shape_text(x, text, sizeof text), (long long)times);
    if (times == 1 || heed_graph_error(g)->code) return x;
    for (int k = 0; k < heed_rank(x); k++) {
        shape[k] = k == axis ? all : heed_dim(x, k);
        outer *= k < axis ? heed_dim(x, k) : 1;
        inner *= k > axis ? heed_dim(x, k) : 1;
    }
    int64_t before = each ? outer * n : outer, after = each ? inner : n * inner;
    heed_tensor *y = heed_reshape(g, x, 3, (int64_t[]){before, 1, after});
    y = heed_expand(g, y, 3, (int64_t[]){before, times, after});
    return heed_reshape(g, y, heed_rank(x), shape);
}

heed_tensor *heed_repeat(heed_graph *g, heed_tensor *x, int axis, int64_t times)
{
    return heed_axis(g, "repeat", x, &axis) ? repeated(g, "repeat", x, axis, times, true) : x;
}

heed_tensor *heed_repeat_whole(heed_graph *g, heed_tensor *x, const int64_t *times)
{
    for (int k = heed_rank(x); k-- > 0;) x = repeated(g, "repeat", x, k, times[k], false);
    return x;
}
#endif
