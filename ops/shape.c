/* Shapes as views, and the copies that make strided operands contiguous. */
#include "ops/map.h"
#include "ops/ops.h"

/* copy   y = x, made row-major      dx = dy
 * fill   y = value                  no operand, no gradient */
#define COPY_TILE(name, T)                                                                \
    HEED_ISA_DECLARE(heed_tile_fn, name);                                                 \
    void HEED_ISA_FN(name)(const heed_tile *t, heed_span y, const heed_span *x)           \
    {                                                                                     \
        for (int64_t r = 0; r < t->rows; r++) {                                           \
            T *o = (T *)y.p + r * y.row;                                                  \
            const T *a = (const T *)x->p + r * x->row;                                    \
            if (x->col) memcpy(o, a, (size_t)t->cols * sizeof(T));                        \
            else for (int64_t c = 0; c < t->cols; c++) o[c] = *a;                         \
        }                                                                                 \
    }                                                                                     \
    HEED_ISA_DECLARE(heed_tile_fn, fill_##name);                                          \
    void HEED_ISA_FN(fill_##name)(const heed_tile *t, heed_span y, const heed_span *x)    \
    {                                                                                     \
        (void)x;                                                                          \
        T value = (T)((const double *)t->attr)[0];                                        \
        for (int64_t r = 0; r < t->rows; r++)                                             \
            for (int64_t c = 0; c < t->cols; c++) ((T *)y.p)[r * y.row + c] = value;      \
    }
COPY_TILE(copy_f32, float)
COPY_TILE(copy_f64, double)
COPY_TILE(copy_i32, int32_t)
COPY_TILE(copy_u8, uint8_t)

#if HEED_ISA_BASE
#define COPY_TABLE(prefix)                                                                                        \
    {HEED_ISA_TABLE(prefix##_f32), HEED_ISA_TABLE(prefix##_f64), HEED_ISA_TABLE(prefix##_i32), HEED_ISA_TABLE(prefix##_u8)}

static bool same_shape(heed_shaping *s) { return heed_shape_like(s, s->x[0]); }
static void copy_vjp(heed_graph *g, const heed_vjp *v)
{
    (void)g;
    v->dx[0] = v->dy;
}
const heed_op heed_op_copy = {.name = "copy", .kind = HEED_MAP, .operands = 1, .flags = HEED_SMOOTH, .shape = same_shape, .vjp = copy_vjp,
                                 .tile = COPY_TABLE(copy)};

typedef struct fill_attr { double value; heed_dtype dtype; int rank; int64_t shape[HEED_MAX_RANK]; } fill_attr;
static bool fill_shape(heed_shaping *s)
{
    const fill_attr *a = s->attr;
    s->dtype = a->dtype;
    s->rank = a->rank;
    memcpy(s->shape, a->shape, sizeof a->shape);
    return true;
}
const heed_op heed_op_fill = {.name = "fill", .kind = HEED_MAP, .flags = HEED_NO_GRADIENT, .attr_size = sizeof(fill_attr), .shape = fill_shape,
                                 .tile = COPY_TABLE(fill_copy)};

bool heed_dtype_holds(heed_dtype dtype, double value)
{
    return dtype == HEED_I32 ? value >= INT32_MIN && value <= INT32_MAX : dtype == HEED_U8 ? value >= 0 && value <= UINT8_MAX : true;
}

heed_tensor *heed_full(heed_graph *g, heed_dtype dtype, int rank, const int64_t *shape, double value)
{
    if (rank < 0 || rank > HEED_MAX_RANK) return heed_graph_fail(g, HEED_INVALID, "full: rank %d is not in 0..%d", rank, HEED_MAX_RANK);
    if (!heed_dtype_holds(dtype, value)) return heed_graph_fail(g, HEED_INVALID, "full: %g is no %s", value, heed_dtype_name(dtype));
    fill_attr a = {value, dtype, rank, {0}};
    for (int i = 0; i < rank; i++) a.shape[i] = shape[i];
    return heed_apply(g, &heed_op_fill, 0, NULL, &a);
}

heed_tensor *heed_contiguous(heed_graph *g, heed_tensor *x)
{
    return heed_is_contiguous(x) ? x : heed_apply(g, &heed_op_copy, 1, &x, NULL);
}

/* --- views -------------------------------------------------------------------------------------------------------------------- */

/* reshape    the same row-major elements in another shape, a view      dx = reshape(dy)
 *
 * Axes of x that lie one after another in memory form a run; the new axes must cut the runs, not cross them. */
static bool view_strides(const heed_tensor *x, int rank, const int64_t *shape, int64_t *stride)
{
    const int64_t *old = heed_shape(x), *old_stride = heed_strides(x);
    int from = heed_rank(x), to = rank;
    int64_t run = 1, step = 1; /* elements left in the run, and the stride of the next axis that is cut from it */
    if (heed_size(x) == 0 || heed_size(x) == 1) {
        for (int i = 0; i < rank; i++) stride[i] = 1;
        return true;
    }
    if (heed_is_contiguous(x)) {
        for (int i = rank; i-- > 0; step *= shape[i]) stride[i] = step;
        return true;
    }
    while (to > 0 || from > 0) {
        if (run == 1) {
            while (to > 0 && shape[to - 1] == 1) stride[--to] = step;
            while (from > 0 && old[from - 1] == 1) from--;
            if (!from) return true;
            run = old[--from];
            step = old_stride[from];
            for (; from > 0 && (old[from - 1] == 1 || old_stride[from - 1] == step * run); from--) run *= old[from - 1];
        }
        int64_t size = shape[--to];
        if (run % size) return false;
        stride[to] = step;
        step *= size;
        run /= size;
    }
    return true;
}

static void reshape_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_reshape(g, v->dy, heed_rank(v->x[0]), heed_shape(v->x[0]));
}

const heed_op heed_op_reshape = {.name = "reshape", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .vjp = reshape_vjp};

heed_tensor *heed_reshape(heed_graph *g, heed_tensor *x, int rank, const int64_t *shape)
{
    if (heed_graph_error(g)->code) return x;
    if (rank < 0 || rank > HEED_MAX_RANK) return heed_graph_fail(g, HEED_INVALID, "reshape: rank %d is not in 0..%d", rank, HEED_MAX_RANK);
    const int64_t *old = heed_shape(x);
    int64_t size[HEED_MAX_RANK], stride[HEED_MAX_RANK], known = 1;
    int open = -1;
    bool same = rank == heed_rank(x);
    for (int i = 0; i < rank; i++) {
        size[i] = shape[i];
        if (shape[i] == -1 && open < 0) open = i;
        else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known))
            return heed_graph_fail(g, HEED_INVALID, "reshape: axis %d cannot have size %lld", i, (long long)shape[i]);
        same = same && shape[i] == old[i];
    }
    if (same) return x;
    if (open >= 0 && known) known *= size[open] = heed_size(x) / known;
    if (known != heed_size(x) || (open >= 0 && size[open] < 0)) {
        char text[128];
        return heed_graph_fail(g, HEED_INVALID, "reshape: %s has %lld elements, the new shape has %lld", heed_shape_text(x, text, sizeof text),
                               (long long)heed_size(x), (long long)known);
    }
    if (!view_strides(x, rank, size, stride)) {
        x = heed_contiguous(g, x);
        view_strides(x, rank, size, stride);
    }
    return heed_view(g, &heed_op_reshape, x, NULL, rank, size, stride);
}

bool heed_axis(heed_graph *g, const char *name, const heed_tensor *x, int *axis)
{
    char text[96];
    int rank = heed_rank(x), given = *axis;
    if (heed_graph_error(g)->code) return false;
    if (given < 0) *axis += rank;
    if (*axis >= 0 && *axis < rank) return true;
    heed_graph_fail(g, HEED_INVALID, "%s: %s has no axis %d", name, heed_shape_text(x, text, sizeof text), given);
    return false;
}

heed_tensor *heed_squeeze(heed_graph *g, heed_tensor *x, int axis)
{
    char text[96];
    int64_t shape[HEED_MAX_RANK];
    int n = 0;
    if (!heed_axis(g, "squeeze", x, &axis)) return x;
    if (heed_dim(x, axis) != 1)
        return heed_graph_fail(g, HEED_INVALID, "squeeze: axis %d of %s is not of size 1", axis, heed_shape_text(x, text, sizeof text));
    for (int i = 0; i < heed_rank(x); i++)
        if (i != axis) shape[n++] = heed_dim(x, i);
    return heed_reshape(g, x, n, shape);
}

heed_tensor *heed_unsqueeze(heed_graph *g, heed_tensor *x, int axis)
{
    char text[96];
    int64_t shape[HEED_MAX_RANK];
    int rank = heed_rank(x), at = axis < 0 ? axis + rank + 1 : axis;
    if (rank == HEED_MAX_RANK || at < 0 || at > rank)
        return heed_graph_fail(g, HEED_INVALID, "unsqueeze: %s cannot get an axis %d of size 1", heed_shape_text(x, text, sizeof text), axis);
    for (int i = 0; i <= rank; i++) shape[i] = i == at ? 1 : heed_dim(x, i - (i > at));
    return heed_reshape(g, x, rank + 1, shape);
}

heed_tensor *heed_flatten(heed_graph *g, heed_tensor *x, int first, int last)
{
    int64_t shape[HEED_MAX_RANK];
    int n = 0;
    if (heed_rank(x) == 0) return heed_reshape(g, x, 1, (int64_t[]){1});
    if (!heed_axis(g, "flatten", x, &first) || !heed_axis(g, "flatten", x, &last)) return x;
    if (first > last) return heed_graph_fail(g, HEED_INVALID, "flatten: axis %d comes after axis %d", first, last);
    for (int i = 0; i < heed_rank(x); i++) {
        if (i > first && i <= last) shape[n - 1] *= heed_dim(x, i);
        else shape[n++] = heed_dim(x, i);
    }
    return heed_reshape(g, x, n, shape);
}

/* permute    y[i_0, ...] = x with its axes in another order      dx = permute back(dy) */
typedef struct order_attr { int order[HEED_MAX_RANK]; } order_attr;

static void permute_vjp(heed_graph *g, const heed_vjp *v)
{
    const order_attr *a = v->attr;
    int back[HEED_MAX_RANK];
    for (int i = 0; i < heed_rank(v->y); i++) back[a->order[i]] = i;
    v->dx[0] = heed_permute(g, v->dy, back);
}

const heed_op heed_op_permute = {.name = "permute", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(order_attr), .vjp = permute_vjp};

heed_tensor *heed_permute(heed_graph *g, heed_tensor *x, const int *order)
{
    const int rank = heed_rank(x);
    const int64_t *old = heed_shape(x), *old_stride = heed_strides(x);
    order_attr a = {{0}};
    int64_t shape[HEED_MAX_RANK], stride[HEED_MAX_RANK];
    int seen = 0;
    if (heed_graph_error(g)->code) return x;
    for (int i = 0; i < rank; i++) {
        const int from = a.order[i] = order[i] < 0 ? order[i] + rank : order[i];
        if (from < 0 || from >= rank || (seen >> from & 1)) return heed_graph_fail(g, HEED_INVALID, "permute: the order names axis %d wrongly or twice", from);
        seen |= 1 << from;
        shape[i] = old[from];
        stride[i] = old_stride[from];
    }
    return heed_view(g, &heed_op_permute, x, &a, rank, shape, stride);
}

heed_tensor *heed_transpose(heed_graph *g, heed_tensor *x, int a, int b)
{
    int rank = heed_rank(x), order[HEED_MAX_RANK];
    if (a < 0) a += rank;
    if (b < 0) b += rank;
    if (a < 0 || b < 0 || a >= rank || b >= rank) return heed_graph_fail(g, HEED_INVALID, "transpose: axes %d and %d of a tensor of rank %d", a, b, rank);
    for (int i = 0; i < rank; i++) order[i] = i == a ? b : i == b ? a : i;
    return heed_permute(g, x, order);
}

/* expand    axes of size 1 seen as larger, by stride 0      dx = dy summed over them (the engine does it) */
const heed_op heed_op_expand = {.name = "expand", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .vjp = copy_vjp};

heed_tensor *heed_expand(heed_graph *g, heed_tensor *x, int rank, const int64_t *shape)
{
    if (heed_graph_error(g)->code) return x;
    if (rank < 0 || rank > HEED_MAX_RANK) return heed_graph_fail(g, HEED_INVALID, "expand: rank %d is not in 0..%d", rank, HEED_MAX_RANK);
    const int more = rank - heed_rank(x);
    int64_t stride[HEED_MAX_RANK];
    bool same = more == 0;
    for (int i = 0; i < rank; i++) {
        const int64_t old = i < more ? 1 : heed_dim(x, i - more);
        if (more < 0 || shape[i] < 0 || (old != shape[i] && old != 1)) {
            char text[128];
            return heed_graph_fail(g, HEED_INVALID, "expand: %s does not broadcast to rank %d with axis %d of size %lld",
                                   heed_shape_text(x, text, sizeof text), rank, i, (long long)shape[i]);
        }
        stride[i] = old == shape[i] && i >= more ? heed_stride(x, i - more) : 0;
        same = same && shape[i] == old;
    }
    return same ? x : heed_view(g, &heed_op_expand, x, NULL, rank, shape, stride);
}
#endif
