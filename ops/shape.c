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

heed_tensor *heed_full(heed_graph *g, heed_dtype dtype, int rank, const int64_t *shape, double value)
{
    if (rank < 0 || rank > HEED_MAX_RANK) return heed_graph_fail(g, HEED_INVALID, "full: rank %d is not in 0..%d", rank, HEED_MAX_RANK);
    fill_attr a = {value, dtype, rank, {0}};
    for (int i = 0; i < rank; i++) a.shape[i] = shape[i];
    return heed_apply(g, &heed_op_fill, 0, NULL, &a);
}

heed_tensor *heed_contiguous(heed_graph *g, heed_tensor *x)
{
    return heed_is_contiguous(x) ? x : heed_apply(g, &heed_op_copy, 1, &x, NULL);
}

/* --- views -------------------------------------------------------------------------------------------------------------------- */

typedef struct shape_attr { int rank; int64_t shape[HEED_MAX_RANK]; } shape_attr;

static void row_major(heed_shaping *s)
{
    int64_t step = 1;
    for (int i = s->rank; i-- > 0; step *= s->shape[i]) s->stride[i] = step;
}

/* reshape    the same row-major elements in another shape      dx = reshape(dy) */
static bool reshape_shape(heed_shaping *s)
{
    const shape_attr *a = s->attr;
    s->rank = a->rank;
    memcpy(s->shape, a->shape, sizeof a->shape);
    row_major(s);
    return true;
}

static void reshape_vjp(heed_graph *g, const heed_vjp *v)
{
    int64_t shape[HEED_MAX_RANK];
    for (int i = 0; i < heed_rank(v->x[0]); i++) shape[i] = heed_dim(v->x[0], i);
    v->dx[0] = heed_reshape(g, v->dy, heed_rank(v->x[0]), shape);
}

const heed_op heed_op_reshape = {.name = "reshape", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(shape_attr),
    .shape = reshape_shape, .vjp = reshape_vjp};

heed_tensor *heed_reshape(heed_graph *g, heed_tensor *x, int rank, const int64_t *shape)
{
    if (heed_graph_error(g)->code) return x;
    if (rank < 0 || rank > HEED_MAX_RANK) return heed_graph_fail(g, HEED_INVALID, "reshape: rank %d is not in 0..%d", rank, HEED_MAX_RANK);
    shape_attr a = {rank, {0}};
    int64_t known = 1;
    int open = -1;
    bool same = rank == heed_rank(x);
    for (int i = 0; i < rank; i++) {
        a.shape[i] = shape[i];
        if (shape[i] == -1 && open < 0) open = i;
        else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known))
            return heed_graph_fail(g, HEED_INVALID, "reshape: axis %d cannot have size %lld", i, (long long)shape[i]);
        same = same && shape[i] == heed_dim(x, i);
    }
    if (same) return x;
    if (open >= 0 && known) known *= a.shape[open] = heed_size(x) / known;
    if (known != heed_size(x) || (open >= 0 && a.shape[open] < 0)) {
        char text[128];
        return heed_graph_fail(g, HEED_INVALID, "reshape: %s has %lld elements, the new shape has %lld", heed_shape_text(x, text, sizeof text),
                               (long long)heed_size(x), (long long)known);
    }
    x = heed_contiguous(g, x);
    return heed_apply(g, &heed_op_reshape, 1, &x, &a);
}

/* permute    y[i_0, ...] = x with its axes in another order      dx = permute back(dy) */
typedef struct order_attr { int order[HEED_MAX_RANK]; } order_attr;

static bool permute_shape(heed_shaping *s)
{
    const order_attr *a = s->attr;
    int seen = 0;
    s->rank = heed_rank(s->x[0]);
    for (int i = 0; i < s->rank; i++) {
        int from = a->order[i];
        if (from < 0 || from >= s->rank || (seen >> from & 1)) return heed_reject(s, "the order names axis %d wrongly or twice", from);
        seen |= 1 << from;
        s->shape[i] = heed_dim(s->x[0], from);
        s->stride[i] = heed_stride(s->x[0], from);
    }
    return true;
}

static void permute_vjp(heed_graph *g, const heed_vjp *v)
{
    const order_attr *a = v->attr;
    int back[HEED_MAX_RANK];
    for (int i = 0; i < heed_rank(v->y); i++) back[a->order[i]] = i;
    v->dx[0] = heed_permute(g, v->dy, back);
}

const heed_op heed_op_permute = {.name = "permute", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(order_attr),
    .shape = permute_shape, .vjp = permute_vjp};

heed_tensor *heed_permute(heed_graph *g, heed_tensor *x, const int *order)
{
    order_attr a = {{0}};
    for (int i = 0; i < heed_rank(x); i++) a.order[i] = order[i] < 0 ? order[i] + heed_rank(x) : order[i];
    return heed_apply(g, &heed_op_permute, 1, &x, &a);
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
static bool expand_shape(heed_shaping *s)
{
    const shape_attr *a = s->attr;
    const heed_tensor *x = s->x[0];
    int more = a->rank - heed_rank(x);
    s->rank = a->rank;
    for (int i = 0; i < a->rank; i++) {
        int64_t old = i < more ? 1 : heed_dim(x, i - more), size = a->shape[i];
        if (more < 0 || size < 0 || (old != size && old != 1)) {
            char text[128];
            return heed_reject(s, "%s does not broadcast to rank %d with axis %d of size %lld", heed_shape_text(x, text, sizeof text), a->rank, i,
                               (long long)size);
        }
        s->shape[i] = size;
        s->stride[i] = old == size && i >= more ? heed_stride(x, i - more) : 0;
    }
    return true;
}

const heed_op heed_op_expand = {.name = "expand", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(shape_attr),
    .shape = expand_shape, .vjp = copy_vjp};

heed_tensor *heed_expand(heed_graph *g, heed_tensor *x, int rank, const int64_t *shape)
{
    if (rank < 0 || rank > HEED_MAX_RANK) return heed_graph_fail(g, HEED_INVALID, "expand: rank %d is not in 0..%d", rank, HEED_MAX_RANK);
    shape_attr a = {rank, {0}};
    bool same = rank == heed_rank(x);
    for (int i = 0; i < rank; i++) {
        a.shape[i] = shape[i];
        same = same && shape[i] == heed_dim(x, i);
    }
    return same ? x : heed_apply(g, &heed_op_expand, 1, &x, &a);
}
#endif
