/* Recurrent layers over sequences, in two forms that agree: composed of steps (rnn_step.c), and one op whose kernels (recurrent_kernel.h)
 * go through all steps. */
#include "autograd/memory.h"
#include "ops/recurrent_kernel.h"
#include "ops/simd.h"

#if HEED_ISA_BASE

/* --- the composition -------------------------------------------------------------------------------------------------------- */

/* What a call is besides its operands. Operands of all ops below: what an op adds of its own, then x, w, h and, of an LSTM, c at the start,
 * then bias and lengths if given. */
typedef struct recurrent_attr {
    heed_rnn_kind kind;
    bool reverse, bias, lengths, ends;
    int which; /* recurrent_part: the operand whose gradient it is */
} recurrent_attr;

enum { OF_X, OF_W, OF_H, OF_C, MOST = 8 }; /* places of the operands; bias and lengths come after them */
static int at_bias(const recurrent_attr *a) { return OF_H + 1 + (a->kind == HEED_LSTM); }
static int operands_of(const recurrent_attr *a) { return at_bias(a) + a->bias + a->lengths; }
static heed_tensor *lengths_of(const recurrent_attr *a, heed_tensor *const *x) { return a->lengths ? x[at_bias(a) + a->bias] : NULL; }

static heed_tensor *composed(heed_graph *g, const recurrent_attr *a, heed_tensor *const *x, heed_rnn_state *final)
{
    int64_t batch = heed_dim(x[OF_X], 0), steps = heed_dim(x[OF_X], 1);
    heed_tensor **ys = heed_calloc((size_t)(steps > 0 ? steps : 1), sizeof *ys), *lengths = lengths_of(a, x);
    if (!ys) return heed_graph_fail(g, HEED_NO_MEMORY, "recurrent: no memory for %lld steps", (long long)steps);
    heed_tensor *ends = lengths ? heed_reshape(g, lengths, 2, (int64_t[]){batch, 1}) : NULL;
    heed_tensor *zero = heed_scalar(g, heed_dtype_of(x[OF_X]), 0);
    heed_rnn_state s = {x[OF_H], a->kind == HEED_LSTM ? x[OF_C] : NULL};
    for (int64_t i = 0; i < steps && !heed_graph_error(g)->code; i++) {
        int64_t t = a->reverse ? steps - 1 - i : i;
        heed_tensor *now = heed_select(g, x[OF_X], 1, t);
        heed_rnn_state next = heed_rnn_step(g, a->kind, now, s, x[OF_W], a->bias ? x[at_bias(a)] : NULL);
        ys[t] = next.h;
        if (ends) {
            heed_tensor *inside = heed_gt(g, ends, heed_scalar(g, HEED_I32, (double)t));
            ys[t] = heed_where(g, inside, next.h, zero);
            next.h = heed_where(g, inside, next.h, s.h);
            if (s.c) next.c = heed_where(g, inside, next.c, s.c);
        }
        s = next;
    }
    heed_tensor *y = heed_graph_error(g)->code ? x[OF_X]
                     : steps ? heed_stack(g, (int)steps, ys, 1)
                             : heed_full(g, heed_dtype_of(x[OF_X]), 3, (int64_t[]){batch, 0, heed_dim(x[OF_H], 1)}, 0);
    heed_free(ys);
    if (final) *final = s;
    return y;
}

/* --- one op ----------------------------------------------------------------------------------------------------------------- */

/* Results and gradients of the kernels are packed: a node has one result.
 *
 * recurrent_pack        y [B,T,H], the last h [B,H] and c [B,H]; then what the derivative needs: h before each step [B,T,H], c after it
 *                       [B,T,H], the gates [B,T,4H] (c of an LSTM only, gates of LSTM and GRU)
 * recurrent             y seen in it, or with the last states as one vector (operands: the pack first)
 *                       dx, dh, dc = recurrent_part of recurrent_pack_grad      dw = before^T du      dbias = sum of du
 * recurrent_pack_grad   dx [B,T,G H], dh [B,H], dc [B,H]; of a GRU du [B,T,G H], the gradient of h W + b, which otherwise is dx
 *                       (operands: pack and dy first)
 * recurrent_part        the gradient of one operand, seen in the tensor that has it (operands: that tensor and dy first)
 * recurrent_rows        rows [n, m] of a pack, from an element on
 *
 * The packs have no derivative: the views know of what operands their values are functions. Second derivatives come from the composition. */
typedef struct rows_attr { int64_t offset, rows, cols; } rows_attr;

/* Sizes, and where in the packs everything is. The number of gates tells the kinds apart as far as sizes go. */
typedef struct layout {
    int64_t batch, steps, hidden, gates;
    int64_t h_end, c_end, before, c, kept, size; /* of the pack; `before` is also the size of y with the last states */
    int64_t dh, dc, du, grad_size;
} layout;

static layout layout_of(int64_t batch, int64_t steps, int64_t hidden, int64_t wide)
{
    layout l = {.batch = batch, .steps = steps, .hidden = hidden, .gates = wide / hidden};
    int64_t all = batch * steps * hidden, one = batch * hidden, cell = l.gates == 4;
    l.h_end = all;
    l.c_end = l.h_end + one;
    l.before = l.c_end + cell * one;
    l.c = l.before + all;
    l.kept = l.c + cell * all;
    l.size = l.kept + (l.gates > 1 ? 4 * all : 0);
    l.dh = batch * steps * wide;
    l.dc = l.dh + one;
    l.du = l.dc + cell * one;
    l.grad_size = l.du + (l.gates == 3 ? batch * steps * wide : 0);
    return l;
}

static layout layout_of_operands(heed_tensor *const *x)
{
    return layout_of(heed_dim(x[OF_X], 0), heed_dim(x[OF_X], 1), heed_dim(x[OF_W], 0), heed_dim(x[OF_W], 1));
}

static heed_recurrence sizes_of(const heed_call *c, const heed_array *x, bool derivative)
{
    heed_recurrence p = {.f64 = c->y.dtype == HEED_F64, .isa = c->isa, .batch = x[OF_X].shape[0], .steps = x[OF_X].shape[1],
                         .hidden = x[OF_W].shape[0], .gates = (int)(x[OF_W].shape[1] / x[OF_W].shape[0])};
    heed_recurrence_prepare(&p, derivative);
    return p;
}

static void *element(const heed_array *a, int64_t at) { return (char *)a->p + at * (a->dtype == HEED_F64 ? 8 : 4); }

/* The operands and what lies in the pack. */
static heed_recurrence recurrence_of(const heed_call *c, const heed_array *x, const heed_array *pack, bool derivative)
{
    const recurrent_attr *a = c->attr;
    heed_recurrence p = sizes_of(c, x, derivative);
    layout l = layout_of(p.batch, p.steps, p.hidden, p.gates * p.hidden);
    p.kind = a->kind;
    p.reverse = a->reverse;
    p.x = x[OF_X].p;
    p.x_batch = x[OF_X].stride[0];
    p.x_step = x[OF_X].stride[1];
    p.w = x[OF_W].p;
    p.w_row = x[OF_W].stride[0];
    p.h0 = x[OF_H].p;
    p.h0_row = x[OF_H].stride[0];
    if (a->kind == HEED_LSTM) {
        p.c0 = x[OF_C].p;
        p.c0_row = x[OF_C].stride[0];
    }
    if (a->bias) p.bias = x[at_bias(a)].p;
    if (a->lengths) p.lengths = x[at_bias(a) + a->bias].p;
    p.y = pack->p;
    p.h_end = element(pack, l.h_end);
    p.c_end = element(pack, l.c_end);
    p.before = element(pack, l.before);
    if (a->kind == HEED_LSTM) p.c = element(pack, l.c);
    if (p.gates > 1) p.kept = element(pack, l.kept);
    return p;
}

static heed_recurrence backward_of(const heed_call *c)
{
    const recurrent_attr *a = c->attr;
    const heed_array *dy = &c->x[1];
    heed_recurrence p = recurrence_of(c, c->x + 2, &c->x[0], true);
    layout l = layout_of(p.batch, p.steps, p.hidden, p.gates * p.hidden);
    p.dy = dy->p;
    p.dy_batch = a->ends ? p.steps * p.hidden : dy->stride[0];
    p.dy_step = a->ends ? p.hidden : dy->stride[1];
    if (a->ends) p.dh_end = element(dy, l.h_end);
    if (a->ends && a->kind == HEED_LSTM) p.dc_end = element(dy, l.c_end);
    p.dx = c->y.p;
    p.dh0 = element(&c->y, l.dh);
    p.dc0 = element(&c->y, l.dc);
    if (a->kind == HEED_GRU) p.du = element(&c->y, l.du);
    return p;
}

static void pack_work(const heed_call *c, heed_work *w)
{
    heed_recurrence p = sizes_of(c, c->x, false);
    *w = (heed_work){2, p.shared, p.scratch};
}
static void pack_grad_work(const heed_call *c, heed_work *w)
{
    heed_recurrence p = sizes_of(c, c->x + 2, true);
    *w = (heed_work){2, p.shared, p.scratch};
}
static int64_t pack_tasks(const heed_call *c, int phase)
{
    heed_recurrence p = sizes_of(c, c->x, false);
    return heed_recurrence_tasks(&p, phase);
}
static int64_t pack_grad_tasks(const heed_call *c, int phase)
{
    heed_recurrence p = sizes_of(c, c->x + 2, true);
    return heed_recurrence_tasks(&p, phase);
}
static void pack_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    heed_recurrence p = recurrence_of(c, c->x, &c->y, false);
    heed_recurrence_task(&p, false, phase, task, c->shared, scratch);
}
static void pack_grad_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    heed_recurrence p = backward_of(c);
    heed_recurrence_task(&p, true, phase, task, c->shared, scratch);
}

/* The products, and some 30 operations for a unit's functions. */
static double work_of(const heed_array *x)
{
    return (double)x[OF_X].size * (2.0 * (double)x[OF_W].shape[0] + 30);
}
static double pack_flops(const heed_call *c) { return work_of(c->x); }
static double pack_grad_flops(const heed_call *c) { return work_of(c->x + 2); }

/* --- shapes and derivatives ------------------------------------------------------------------------------------------------- */

static bool vector_of(heed_shaping *s, heed_tensor *const *x, int64_t size)
{
    s->dtype = heed_dtype_of(x[OF_X]);
    s->rank = 1;
    s->shape[0] = size;
    s->stride[0] = 1;
    return true;
}
static bool pack_shape(heed_shaping *s) { return vector_of(s, s->x, layout_of_operands(s->x).size); }
static bool pack_grad_shape(heed_shaping *s) { return vector_of(s, s->x + 2, layout_of_operands(s->x + 2).grad_size); }

/* `like`'s shape, row-major */
static bool dense_like(heed_shaping *s, const heed_tensor *like)
{
    s->dtype = heed_dtype_of(like);
    heed_shape_like(s, like);
    for (int64_t i = s->rank, step = 1; i-- > 0; step *= s->shape[i]) s->stride[i] = step;
    return true;
}

static bool recurrent_shape(heed_shaping *s)
{
    layout l = layout_of_operands(s->x + 1);
    if (((const recurrent_attr *)s->attr)->ends) return vector_of(s, s->x + 1, l.before);
    s->dtype = heed_dtype_of(s->x[0]);
    s->rank = 3;
    memcpy(s->shape, (int64_t[]){l.batch, l.steps, l.hidden}, 3 * sizeof *s->shape);
    memcpy(s->stride, (int64_t[]){l.steps * l.hidden, l.hidden, 1}, 3 * sizeof *s->stride);
    return true;
}

static bool part_shape(heed_shaping *s)
{
    const recurrent_attr *a = s->attr;
    layout l = layout_of_operands(s->x + 2);
    s->offset = a->which == OF_H ? l.dh : a->which == OF_C && a->kind == HEED_LSTM ? l.dc : 0;
    return dense_like(s, s->x[2 + a->which]);
}

static bool rows_shape(heed_shaping *s)
{
    const rows_attr *a = s->attr;
    s->offset = a->offset;
    s->rank = 2;
    memcpy(s->shape, (int64_t[]){a->rows, a->cols}, 2 * sizeof *s->shape);
    memcpy(s->stride, (int64_t[]){a->cols, 1}, 2 * sizeof *s->stride);
    return true;
}

static heed_tensor *rows_of(heed_graph *g, heed_tensor *pack, int64_t offset, const layout *l, int64_t cols)
{
    return heed_apply(g, &heed_op_recurrent_rows, 1, &pack, &(rows_attr){offset, l->batch * l->steps, cols});
}

static void recurrent_vjp(heed_graph *g, const heed_vjp *v)
{
    recurrent_attr a = *(const recurrent_attr *)v->attr;
    const int n = operands_of(&a);
    const layout l = layout_of_operands(v->x + 1);
    heed_tensor *in[MOST + 2] = {v->x[0], v->dy}, *part[MOST + 2], *pack;
    for (int i = 0; i < n; i++) in[2 + i] = v->x[1 + i];
    for (int i = 0; i < n + 2; i++) part[i] = in[i];
    pack = heed_apply(g, &heed_op_recurrent_pack_grad, 2 + n, in, &a);
    heed_tensor *du = rows_of(g, pack, a.kind == HEED_GRU ? l.du : 0, &l, l.gates * l.hidden);
    for (a.which = 0; a.which < n - a.lengths; a.which++) {
        if (!v->need[1 + a.which]) continue;
        part[0] = pack;
        if (a.which == OF_W) part[0] = heed_matmul(g, heed_transpose(g, rows_of(g, v->x[0], l.before, &l, l.hidden), 0, 1), du);
        if (a.which == at_bias(&a)) part[0] = heed_sum(g, du, HEED_AXIS(0), false);
        v->dx[1 + a.which] = heed_apply(g, &heed_op_recurrent_part, 2 + n, part, &a);
    }
}

/* y, or y and the last states as one vector */
static heed_tensor *composed_result(heed_graph *g, const recurrent_attr *a, heed_tensor *const *x)
{
    heed_rnn_state end;
    heed_tensor *y = composed(g, a, x, &end);
    if (!a->ends) return y;
    heed_tensor *flat[] = {heed_flatten(g, y, 0, -1), heed_flatten(g, end.h, 0, -1), end.c ? heed_flatten(g, end.c, 0, -1) : NULL};
    return heed_concat(g, end.c ? 3 : 2, flat, 0);
}

/* The gradient of one operand, composed, and differentiated by dy and all floating operands. */
static void part_vjp(heed_graph *g, const heed_vjp *v)
{
    const recurrent_attr *a = v->attr;
    int n = operands_of(a), count = 0, at[MOST + 1];
    heed_tensor *x[MOST + 1], *by[MOST + 1], *dx[MOST + 1], *first;
    for (int i = 0; i <= n; i++) x[i] = heed_apply(g, &heed_op_alias, 1, &v->x[1 + i], NULL); /* dy and the operands */
    for (int i = 0; i <= n; i++)
        if (v->need[1 + i] && heed_dtype_of(x[i]) <= HEED_F64) {
            at[count] = 1 + i;
            by[count++] = x[i];
        }
    heed_grad(g, composed_result(g, a, x + 1), x[0], 1, &x[1 + a->which], &first);
    heed_grad(g, first, v->dy, count, by, dx);
    for (int i = 0; i < count; i++) v->dx[at[i]] = dx[i];
}

const heed_op heed_op_recurrent_pack = {.name = "recurrent_pack", .kind = HEED_KERNEL, .operands = -1,
    .flags = HEED_NO_GRADIENT | HEED_LAST_CONTIGUOUS, .attr_size = sizeof(recurrent_attr), .shape = pack_shape, .work = pack_work,
    .tasks = pack_tasks, .run = pack_run, .flops = pack_flops};
const heed_op heed_op_recurrent_pack_grad = {.name = "recurrent_pack_grad", .kind = HEED_KERNEL, .operands = -1,
    .flags = HEED_NO_GRADIENT | HEED_LAST_CONTIGUOUS, .attr_size = sizeof(recurrent_attr), .shape = pack_grad_shape,
    .work = pack_grad_work, .tasks = pack_grad_tasks, .run = pack_grad_run, .flops = pack_grad_flops};
const heed_op heed_op_recurrent = {.name = "recurrent", .kind = HEED_VIEW, .operands = -1, .flags = HEED_SMOOTH,
    .attr_size = sizeof(recurrent_attr), .shape = recurrent_shape, .vjp = recurrent_vjp};
const heed_op heed_op_recurrent_part = {.name = "recurrent_part", .kind = HEED_VIEW, .operands = -1, .flags = HEED_SMOOTH,
    .attr_size = sizeof(recurrent_attr), .shape = part_shape, .vjp = part_vjp};
const heed_op heed_op_recurrent_rows = {.name = "recurrent_rows", .kind = HEED_VIEW, .operands = 1, .flags = HEED_NO_GRADIENT,
    .attr_size = sizeof(rows_attr), .shape = rows_shape};

/* --- public functions ------------------------------------------------------------------------------------------------------- */

/* Operands and attributes of a call; false, and the graph has failed, when they do not fit. */
static bool take_operands(heed_graph *g, heed_rnn_kind kind, heed_tensor *x, heed_rnn_state initial, heed_tensor *w, heed_tensor *bias,
                          heed_tensor *lengths, bool reverse, recurrent_attr *a, heed_tensor **in)
{
    char tx[96], th[96], tw[96];
    if (heed_graph_error(g)->code) return false;
    int64_t batch = heed_dim(x, 0), hidden = heed_dim(w, 0), wide = heed_rnn_gates(kind) * hidden;
    const heed_tensor *states[] = {initial.h, kind == HEED_LSTM ? initial.c : initial.h};
    bool fits = heed_rank(x) == 3 && heed_rank(w) == 2 && heed_dim(x, 2) == wide && heed_dim(w, 1) == wide;
    for (int i = 0; i < 2; i++)
        fits = fits && states[i] && heed_rank(states[i]) == 2 && heed_dim(states[i], 0) == batch && heed_dim(states[i], 1) == hidden &&
               heed_dtype_of(states[i]) == heed_dtype_of(x);
    fits = fits && heed_dtype_of(x) <= HEED_F64 && heed_dtype_of(w) == heed_dtype_of(x);
    if (bias) fits = fits && heed_rank(bias) == 1 && heed_dim(bias, 0) == wide && heed_dtype_of(bias) == heed_dtype_of(x);
    if (!fits) {
        heed_graph_fail(g, HEED_INVALID, "recurrent: x %s, state %s and weights %s should be [B,T,G H], [B,H] and [H,G H] with G = %d, of "
                                         "one float dtype", heed_shape_text(x, tx, sizeof tx),
                        heed_shape_text(initial.h, th, sizeof th), heed_shape_text(w, tw, sizeof tw), heed_rnn_gates(kind));
        return false;
    }
    if (lengths && (heed_rank(lengths) != 1 || heed_dim(lengths, 0) != batch || heed_dtype_of(lengths) != HEED_I32)) {
        heed_graph_fail(g, HEED_INVALID, "recurrent: lengths of shape %s and dtype %s, not one int32 for each of %lld sequences",
                        heed_shape_text(lengths, tx, sizeof tx), heed_dtype_name(heed_dtype_of(lengths)), (long long)batch);
        return false;
    }
    if (heed_size(x) > INT64_MAX / 64) { /* the packs are not 8 times as large */
        heed_graph_fail(g, HEED_INVALID, "recurrent: x %s is too large", heed_shape_text(x, tx, sizeof tx));
        return false;
    }
    *a = (recurrent_attr){.kind = kind, .reverse = reverse, .bias = bias != NULL, .lengths = lengths != NULL};
    int n = 0;
    in[n++] = x;
    in[n++] = w;
    in[n++] = initial.h;
    if (kind == HEED_LSTM) in[n++] = initial.c;
    if (bias) in[n++] = bias;
    if (lengths) in[n++] = heed_contiguous(g, lengths);
    return true;
}

heed_tensor *heed_recurrent_composed(heed_graph *g, heed_rnn_kind kind, heed_tensor *x, heed_rnn_state initial, heed_tensor *w,
                                     heed_tensor *bias, heed_tensor *lengths, bool reverse, heed_rnn_state *final)
{
    recurrent_attr a;
    heed_tensor *in[MOST];
    if (final) *final = initial;
    if (!take_operands(g, kind, x, initial, w, bias, lengths, reverse, &a, in)) return x;
    return composed(g, &a, in, final);
}

/* [B,H] or [B,T,H] in a vector, from element `from` on */
static heed_tensor *cut(heed_graph *g, heed_tensor *all, int64_t from, int rank, const int64_t *shape)
{
    int64_t size = 1;
    for (int i = 0; i < rank; i++) size *= shape[i];
    return heed_reshape(g, heed_slice(g, all, 0, from, from + size, 1), rank, shape);
}

heed_tensor *heed_recurrent(heed_graph *g, heed_rnn_kind kind, heed_tensor *x, heed_rnn_state initial, heed_tensor *w, heed_tensor *bias,
                            heed_tensor *lengths, bool reverse, heed_rnn_state *final)
{
    recurrent_attr a;
    heed_tensor *in[MOST + 1];
    if (final) *final = initial;
    if (!take_operands(g, kind, x, initial, w, bias, lengths, reverse, &a, in + 1)) return x;
    if (heed_size(x) == 0 || heed_dim(x, 1) == 1) return composed(g, &a, in + 1, final); /* packing the weights would not pay */
    int n = operands_of(&a);
    layout l = layout_of_operands(in + 1);
    a.ends = final != NULL;
    in[0] = heed_apply(g, &heed_op_recurrent_pack, n, in + 1, &a);
    heed_tensor *y = heed_apply(g, &heed_op_recurrent, 1 + n, in, &a);
    if (!final) return y;
    final->h = cut(g, y, l.h_end, 2, (int64_t[]){l.batch, l.hidden});
    if (kind == HEED_LSTM) final->c = cut(g, y, l.c_end, 2, (int64_t[]){l.batch, l.hidden});
    return cut(g, y, 0, 3, (int64_t[]){l.batch, l.steps, l.hidden});
}
#endif
