/* Scaled dot-product attention, in two forms that agree: composed of ops, and blockwise (attention_kernel.h), which never holds a
 * tensor of queries x keys. */
#include "ops/attention_kernel.h"
#include "ops/dropout.h"
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/rows.h"

#include <math.h>

/* attention_weights   w_ij = softmax over the visible keys j of x_ij, 0 elsewhere      dx = w (dy - sum_j dy_j w_j)
 *
 * Query i of T sees key j of S where j < lengths[b] and, when causal, j <= i + S - T. Operands: lengths [B,1,1,1] if given, then
 * scores [B,h,T,S]. */
typedef struct weights_attr { bool causal; } weights_attr;

#define WEIGHTS(T, V, N, suffix)                                                                               \
    HEED_ISA_DECLARE(heed_tile_fn, attention_weights_##suffix);                                                \
    void HEED_ISA_FN(attention_weights_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)          \
    {                                                                                                          \
        const weights_attr *p = t->attr;                                                                       \
        const int64_t queries = t->shape[t->rank - 2], keys = t->cols;                                         \
        const heed_span scores = x[t->count - 1];                                                              \
        for (int64_t r = 0; r < t->rows; r++) {                                                                \
            T *o = (T *)y.p + r * y.row;                                                                       \
            int64_t query = keys ? (t->first / keys + r) % queries : 0, seen = keys;                           \
            if (t->count > 1) seen = ((const int32_t *)x->p)[r * x->row];                                      \
            if (p->causal && seen > query + keys - queries + 1) seen = query + keys - queries + 1;             \
            seen = seen < 0 ? 0 : seen > keys ? keys : seen;                                                   \
            V##_row_softmax(seen, o, (const T *)scores.p + r * scores.row, scores.col);                        \
            ROW_EACH(N, keys - seen, V##_put(o + seen + at, V##_set(0), k));                                   \
        }                                                                                                      \
    }
WEIGHTS(float, vf, VF, f32)
WEIGHTS(double, vd, VD, f64)

#if HEED_ISA_BASE
static bool weights_shape(heed_shaping *s) { return heed_shape_like(s, s->x[s->count - 1]); }

static void weights_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *dot = heed_sum(g, heed_mul(g, v->dy, v->y), HEED_LAST, true);
    v->dx[v->count - 1] = heed_mul(g, v->y, heed_sub(g, v->dy, dot));
}

const heed_op heed_op_attention_weights = {.name = "attention_weights", .kind = HEED_ROW, .operands = -1, .flags = HEED_SMOOTH,
    .attr_size = sizeof(weights_attr), .shape = weights_shape, .vjp = weights_vjp, .tile = HEED_TILES(attention_weights)};

/* --- the composition -------------------------------------------------------------------------------------------------------- */

/* What a call is besides its operands. Operands of all ops below: what an op adds of its own, then query, key and value, then
 * lengths and mask if given. */
typedef struct attention_attr {
    double scale, dropout;
    heed_draw draw;
    int16_t causal, lengths, mask, which; /* attention_part: 0 query, 1 key, 2 value */
} attention_attr;
#define ATTENTION_ATTR .attr_size = sizeof(attention_attr), .draw = 1 + offsetof(attention_attr, draw)

enum { MOST = 7 };
static int operands_of(const attention_attr *a) { return 3 + a->lengths + a->mask; }

static heed_tensor *weights(heed_graph *g, const attention_attr *a, heed_tensor *const *x)
{
    heed_tensor *scores = heed_scale(g, heed_matmul(g, x[0], heed_transpose(g, x[1], -1, -2)), a->scale);
    if (a->mask) scores = heed_add(g, scores, x[3 + a->lengths]);
    heed_tensor *in[] = {a->lengths ? heed_reshape(g, x[3], 4, (int64_t[]){heed_size(x[3]), 1, 1, 1}) : scores, scores};
    return heed_apply(g, &heed_op_attention_weights, 1 + a->lengths, in, &(weights_attr){a->causal});
}

static heed_tensor *weigh(heed_graph *g, const attention_attr *a, heed_tensor *w, heed_tensor *value)
{
    if (a->dropout > 0) w = heed_dropout_by(g, w, a->dropout, a->draw);
    return heed_matmul(g, w, value);
}

static heed_tensor *composed(heed_graph *g, const attention_attr *a, heed_tensor *const *x)
{
    return weigh(g, a, weights(g, a, x), x[2]);
}

/* alias   y = x      dx = dy
 *
 * A node of its own in x's memory: to differentiate by an operand alone, whatever other operands come from it. */
static bool alias_shape(heed_shaping *s)
{
    for (int i = 0; i < heed_rank(s->x[0]); i++) s->stride[i] = heed_stride(s->x[0], i);
    return heed_shape_like(s, s->x[0]);
}
static void alias_vjp(heed_graph *g, const heed_vjp *v)
{
    (void)g;
    v->dx[0] = v->dy;
}
const heed_op heed_op_alias = {.name = "alias", .kind = HEED_VIEW, .operands = 1, .flags = HEED_SMOOTH, .shape = alias_shape,
    .vjp = alias_vjp};

static void aliases(heed_graph *g, int count, heed_tensor *const *x, heed_tensor **y)
{
    for (int i = 0; i < count; i++) y[i] = heed_apply(g, &heed_op_alias, 1, &x[i], NULL);
}

/* --- blockwise -------------------------------------------------------------------------------------------------------------- */

/* Result and gradients of the kernels are packed: a node has one result.
 *
 * attention_pack        o [B,T,h,dv], then the logarithms of the sums [B,h,T], which the backward would have to find again by
 *                       half of the forward's work; they cost 1/dv of o's memory
 * attention             o [B,h,T,dv] seen in it (operands: the pack first)   dq, dk, dv = attention_part of attention_pack_grad
 * attention_pack_grad   dq [B,T,h,dk], dk [B,S,h,dk], dv [B,S,h,dv] (operands: pack and do first)
 * causal_...            the same where a.causal
 * attention_part        one of them seen in it (operands: the pack of gradients and do first)
 *
 * The packs have no derivative: the views know of what operands their values are functions. A mask's gradient and second
 * derivatives come from the composition. */
static heed_sdpa sdpa_of(const heed_call *c, const heed_array *x, bool causal)
{
    const heed_array *q = &x[0], *k = &x[1], *v = &x[2];
    heed_sdpa p = {.f64 = c->y.dtype == HEED_F64, .batch = q->shape[0], .heads = q->shape[1], .queries = q->shape[2],
                   .keys = k->shape[2], .qk_depth = q->shape[3], .v_depth = v->shape[3], .causal = causal,
                   .q = {q->p, q->stride[0], q->stride[1], q->stride[2]}, .k = {k->p, k->stride[0], k->stride[1], k->stride[2]},
                   .v = {v->p, v->stride[0], v->stride[1], v->stride[2]}};
    return p;
}

/* rows [B, rows, h, depth] of a pack, from element `from` on */
static heed_rows packed_rows(const heed_sdpa *p, void *pack, int64_t from, int64_t rows, int64_t depth)
{
    return (heed_rows){(char *)pack + from * (p->f64 ? 8 : 4), rows * p->heads * depth, depth, p->heads * depth};
}

/* what is in the attributes and what depends on them */
static void fill(heed_sdpa *p, const heed_call *c, const heed_array *x)
{
    const attention_attr *a = c->attr;
    p->scale = a->scale;
    p->dropout = a->dropout;
    p->seed = a->draw.seed;
    p->stream = a->draw.stream;
    if (a->lengths) p->lengths = x[3].p;
    if (!a->mask) return;
    const heed_array *m = &x[3 + a->lengths];
    int64_t stride[4] = {0};
    for (int i = 0; i < m->rank; i++) stride[i + 4 - m->rank] = m->shape[i] == 1 ? 0 : m->stride[i];
    p->mask = m->p;
    p->mask_batch = stride[0];
    p->mask_head = stride[1];
    p->mask_row = stride[2];
    p->mask_col = stride[3];
}

static heed_sdpa forward_of(const heed_call *c)
{
    const attention_attr *a = c->attr;
    heed_sdpa p = sdpa_of(c, c->x, a->causal);
    fill(&p, c, c->x);
    int64_t o = p.batch * p.queries * p.heads * p.v_depth;
    p.o = packed_rows(&p, c->y.p, 0, p.queries, p.v_depth);
    p.lse = (char *)c->y.p + o * (p.f64 ? 8 : 4);
    heed_sdpa_prepare(&p, false);
    return p;
}

static heed_sdpa backward_of(const heed_call *c)
{
    const attention_attr *a = c->attr;
    const heed_array *pack = &c->x[0], *d = &c->x[1];
    heed_sdpa p = sdpa_of(c, c->x + 2, a->causal);
    fill(&p, c, c->x + 2);
    int64_t o = p.batch * p.queries * p.heads * p.v_depth, dq = p.batch * p.queries * p.heads * p.qk_depth;
    int64_t dk = p.batch * p.keys * p.heads * p.qk_depth;
    p.o = packed_rows(&p, pack->p, 0, p.queries, p.v_depth);
    p.lse = (char *)pack->p + o * (p.f64 ? 8 : 4);
    p.d_o = (heed_rows){d->p, d->stride[0], d->stride[1], d->stride[2]};
    p.d_q = packed_rows(&p, c->y.p, 0, p.queries, p.qk_depth);
    p.d_k = packed_rows(&p, c->y.p, dq, p.keys, p.qk_depth);
    p.d_v = packed_rows(&p, c->y.p, dq + dk, p.keys, p.v_depth);
    heed_sdpa_prepare(&p, true);
    return p;
}

/* Causal calls have ops of their own, for a plan serves all calls of its ops and shapes, and a causal call is split otherwise and does less. */
static heed_sdpa planned(const heed_call *c, bool backward)
{
    const attention_attr *a = c->attr;
    return sdpa_of(c, c->x + (backward ? 2 : 0), a->causal);
}

static void pack_work(const heed_call *c, heed_work *w)
{
    heed_sdpa p = planned(c, false);
    heed_sdpa_prepare(&p, false);
    *w = (heed_work){p.phases, p.shared, p.scratch};
}
static void pack_grad_work(const heed_call *c, heed_work *w)
{
    heed_sdpa p = planned(c, true);
    p.d_q.at = &p; /* in planning there is no memory yet */
    heed_sdpa_prepare(&p, true);
    *w = (heed_work){p.phases, p.shared, p.scratch};
}

static int64_t pack_tasks(const heed_call *c, int phase)
{
    heed_sdpa p = forward_of(c);
    return heed_sdpa_tasks(&p, phase);
}
static int64_t pack_grad_tasks(const heed_call *c, int phase)
{
    heed_sdpa p = backward_of(c);
    return heed_sdpa_tasks(&p, phase);
}
static void pack_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    heed_sdpa p = forward_of(c);
    heed_sdpa_task(&p, phase, task, c->shared, scratch);
}
static void pack_grad_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    heed_sdpa p = backward_of(c);
    heed_sdpa_task(&p, phase, task, c->shared, scratch);
}

/* Forward: q k^T and w v. Backward: q k^T again, do v^T, and one product for each gradient. Only what is visible counts; lengths are not known here. */
static double work_of(const heed_sdpa *p, double scores, double values)
{
    const double queries = (double)p->queries, keys = (double)p->keys, square = queries < keys ? queries : keys;
    const double seen = p->causal ? square * (keys - square) + square * (square + 1) / 2 : queries * keys;
    return 2.0 * (double)(p->batch * p->heads) * seen * (scores * (double)p->qk_depth + values * (double)p->v_depth);
}
static double pack_flops(const heed_call *c)
{
    heed_sdpa p = planned(c, false);
    return work_of(&p, 1, 1);
}
static double pack_grad_flops(const heed_call *c)
{
    heed_sdpa p = planned(c, true);
    return work_of(&p, 3, 2);
}

/* --- shapes and derivatives ------------------------------------------------------------------------------------------------- */

static bool pack_shape(heed_shaping *s)
{
    const heed_tensor *q = s->x[0], *v = s->x[2];
    s->dtype = heed_dtype_of(q);
    s->rank = 4;
    memcpy(s->shape, (int64_t[]){heed_dim(q, 0), heed_dim(q, 2), heed_dim(q, 1), heed_dim(v, 3) + 1}, 4 * sizeof *s->shape);
    return true;
}

static bool pack_grad_shape(heed_shaping *s)
{
    s->dtype = heed_dtype_of(s->x[2]);
    s->rank = 1;
    s->shape[0] = heed_size(s->x[2]) + heed_size(s->x[3]) + heed_size(s->x[4]);
    return true;
}

/* [B, h, rows, depth] seen in a pack's [B, rows, h, depth] from `offset` on */
static bool seen_in_pack(heed_shaping *s, int64_t offset, const heed_tensor *rows, const heed_tensor *depth)
{
    const int64_t *of = heed_shape(rows), b = of[0], h = of[1], n = of[2], d = heed_shape(depth)[3];
    s->dtype = heed_dtype_of(rows);
    s->rank = 4;
    s->offset = offset;
    memcpy(s->shape, (int64_t[]){b, h, n, d}, 4 * sizeof *s->shape);
    memcpy(s->stride, (int64_t[]){n * h * d, d, h * d, 1}, 4 * sizeof *s->stride);
    return true;
}

static bool attention_shape(heed_shaping *s) { return seen_in_pack(s, 0, s->x[1], s->x[3]); }

static bool part_shape(heed_shaping *s)
{
    int which = ((const attention_attr *)s->attr)->which;
    int64_t offset = 0;
    for (int i = 0; i < which; i++) offset += heed_size(s->x[2 + i]);
    return seen_in_pack(s, offset, s->x[2 + which], s->x[2 + which]);
}

static void attention_vjp(heed_graph *g, const heed_vjp *v)
{
    attention_attr a = *(const attention_attr *)v->attr;
    int n = operands_of(&a), mask = 1 + 3 + a.lengths;
    heed_tensor *in[MOST] = {v->x[0], v->dy};
    for (int i = 0; i < n; i++) in[2 + i] = v->x[1 + i];
    if (v->need[1] || v->need[2] || v->need[3]) {
        heed_tensor *part[MOST] = {heed_apply(g, a.causal ? &heed_op_causal_attention_pack_grad : &heed_op_attention_pack_grad, 2 + n, in, &a)};
        for (int i = 0; i <= n; i++) part[1 + i] = in[1 + i];
        for (a.which = 0; a.which < 3; a.which++)
            if (v->need[1 + a.which]) v->dx[1 + a.which] = heed_apply(g, &heed_op_attention_part, 2 + n, part, &a);
    }
    if (a.mask && v->need[mask]) {
        heed_tensor *x[MOST];
        aliases(g, n, v->x + 1, x);
        heed_grad(g, composed(g, &a, x), v->dy, 1, &x[mask - 1], &v->dx[mask]);
    }
}

/* The gradient of one operand, composed, and differentiated by do and all floating operands. */
static void part_vjp(heed_graph *g, const heed_vjp *v)
{
    const attention_attr *a = v->attr;
    int n = operands_of(a), count = 0, at[MOST];
    heed_tensor *x[MOST], *by[MOST], *dx[MOST], *first;
    aliases(g, 1 + n, v->x + 1, x); /* do and the operands */
    for (int i = 0; i <= n; i++)
        if (v->need[1 + i] && heed_dtype_of(x[i]) <= HEED_F64) {
            at[count] = 1 + i;
            by[count++] = x[i];
        }
    heed_grad(g, composed(g, a, x + 1), x[0], 1, &x[1 + a->which], &first);
    heed_grad(g, first, v->dy, count, by, dx);
    for (int i = 0; i < count; i++) v->dx[at[i]] = dx[i];
}

#define PACKS(prefix)                                                                                                          \
    const heed_op heed_op_##prefix##attention_pack = {.name = #prefix "attention_pack", .kind = HEED_KERNEL, .operands = -1,   \
        .flags = HEED_NO_GRADIENT | HEED_LAST_CONTIGUOUS, ATTENTION_ATTR, .shape = pack_shape,                                 \
        .work = pack_work, .tasks = pack_tasks, .run = pack_run, .flops = pack_flops};                                         \
    const heed_op heed_op_##prefix##attention_pack_grad = {.name = #prefix "attention_pack_grad", .kind = HEED_KERNEL,         \
        .operands = -1, .flags = HEED_NO_GRADIENT | HEED_LAST_CONTIGUOUS, ATTENTION_ATTR,                                      \
        .shape = pack_grad_shape, .work = pack_grad_work, .tasks = pack_grad_tasks, .run = pack_grad_run,                      \
        .flops = pack_grad_flops};
PACKS()
PACKS(causal_)
const heed_op heed_op_attention = {.name = "attention", .kind = HEED_VIEW, .operands = -1, .flags = HEED_SMOOTH,
    ATTENTION_ATTR, .shape = attention_shape, .vjp = attention_vjp};
const heed_op heed_op_attention_part = {.name = "attention_part", .kind = HEED_VIEW, .operands = -1, .flags = HEED_SMOOTH,
    ATTENTION_ATTR, .shape = part_shape, .vjp = part_vjp};

/* --- public functions ------------------------------------------------------------------------------------------------------- */

/* Operands and attributes of a call; false, and the graph has failed, when they do not fit. */
static bool take_operands(heed_graph *g, heed_tensor *q, heed_tensor *k, heed_tensor *v, const heed_attention_options *o,
                          attention_attr *a, heed_tensor **x)
{
    const heed_attention_options none = {0};
    char tq[96], tk[96], tv[96];
    if (heed_graph_error(g)->code) return false;
    if (!o) o = &none;
    bool fits = heed_rank(q) == 4 && heed_rank(k) == 4 && heed_rank(v) == 4 && heed_dim(q, 3) == heed_dim(k, 3) &&
                heed_dim(k, 2) == heed_dim(v, 2);
    for (int i = 0; i < 2 && fits; i++) fits = heed_dim(q, i) == heed_dim(k, i) && heed_dim(q, i) == heed_dim(v, i);
    if (!fits || heed_dtype_of(q) > HEED_F64 || heed_dtype_of(k) != heed_dtype_of(q) || heed_dtype_of(v) != heed_dtype_of(q)) {
        heed_graph_fail(g, HEED_INVALID, "attention: query %s, key %s and value %s should be [B,h,T,dk], [B,h,S,dk], [B,h,S,dv] "
                                         "of one float dtype", heed_shape_text(q, tq, sizeof tq), heed_shape_text(k, tk, sizeof tk),
                        heed_shape_text(v, tv, sizeof tv));
        return false;
    }
    if (!(o->dropout >= 0 && o->dropout < 1)) {
        heed_graph_fail(g, HEED_INVALID, "attention: dropout %g is not in 0 ... 1, without 1", o->dropout);
        return false;
    }
    if (o->lengths &&
        (heed_dtype_of(o->lengths) != HEED_I32 || heed_rank(o->lengths) != 1 || heed_dim(o->lengths, 0) != heed_dim(q, 0))) {
        heed_graph_fail(g, HEED_INVALID, "attention: lengths of shape %s and dtype %s, not one int32 for each of %lld sequences",
                        heed_shape_text(o->lengths, tk, sizeof tk), heed_dtype_name(heed_dtype_of(o->lengths)),
                        (long long)heed_dim(q, 0));
        return false;
    }
    int64_t scores[] = {heed_dim(q, 0), heed_dim(q, 1), heed_dim(q, 2), heed_dim(k, 2)};
    fits = !o->mask || (heed_dtype_of(o->mask) == heed_dtype_of(q) && heed_rank(o->mask) <= 4);
    for (int i = 1; o->mask && fits && i <= heed_rank(o->mask); i++)
        fits = heed_dim(o->mask, -i) == 1 || heed_dim(o->mask, -i) == scores[4 - i];
    if (!fits) {
        heed_graph_fail(g, HEED_INVALID, "attention: a mask of shape %s for query %s and key %s",
                        heed_shape_text(o->mask, tv, sizeof tv), heed_shape_text(q, tq, sizeof tq), heed_shape_text(k, tk, sizeof tk));
        return false;
    }
    *a = (attention_attr){.scale = o->scale != 0 ? o->scale : 1 / sqrt((double)heed_dim(q, 3)), .draw = HEED_NO_DRAW,
                          .causal = o->causal, .lengths = o->lengths != NULL, .mask = o->mask != NULL};
    if (o->dropout > 0 && heed_graph_is_training(g)) {
        a->dropout = o->dropout;
        a->draw = heed_next_draw(g);
    }
    int n = 3;
    x[0] = q;
    x[1] = k;
    x[2] = v;
    if (o->lengths) x[n++] = heed_contiguous(g, o->lengths);
    if (o->mask) x[n++] = o->mask;
    return !heed_graph_error(g)->code;
}

heed_tensor *heed_attention_composed(heed_graph *g, heed_tensor *q, heed_tensor *k, heed_tensor *v,
                                     const heed_attention_options *options)
{
    attention_attr a;
    heed_tensor *x[MOST];
    if (!take_operands(g, q, k, v, options, &a, x)) return q;
    return weigh(g, &a, heed_name(g, weights(g, &a, x), "weights"), v);
}

static heed_tensor *weights_of_pack(heed_graph *g, heed_tensor *const *x, const void *attr) { return weights(g, attr, x); }

heed_tensor *heed_attention(heed_graph *g, heed_tensor *q, heed_tensor *k, heed_tensor *v, const heed_attention_options *options)
{
    attention_attr a;
    heed_tensor *x[MOST];
    if (!take_operands(g, q, k, v, options, &a, x + 1)) return q;
    int n = operands_of(&a);
    x[0] = heed_apply(g, a.causal ? &heed_op_causal_attention_pack : &heed_op_attention_pack, n, x + 1, &a);
    heed_name_later(g, "weights", x[0], weights_of_pack);
    return heed_apply(g, &heed_op_attention, 1 + n, x, &a);
}
#endif
