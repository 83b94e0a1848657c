/* Reverse mode: one sweep down the tape. An op's derivative is recorded as nodes of the same graph, so it can be differentiated again. */
#include "autograd/node.h"
#include "autograd/profiling.h"
#include "autograd/recall.h"
#include "ops/ops.h"
#include "ops/place.h"

#include <string.h>

static bool same_shape(const heed_tensor *t, int rank, const int64_t *shape)
{
    if (t->rank != rank) return false;
    for (int i = 0; i < rank; i++)
        if (t->shape[i] != shape[i]) return false;
    return true;
}

heed_tensor *heed_sum_to(heed_graph *g, heed_tensor *dy, int rank, const int64_t *shape)
{
    if (g->error.code || same_shape(dy, rank, shape)) return dy;
    int more = dy->rank - rank, axes = 0;
    for (int i = 0; i < dy->rank; i++)
        if (i < more || (shape[i - more] == 1 && dy->shape[i] != 1)) axes |= HEED_AXIS(i);
    heed_tensor *dx = axes ? heed_sum(g, dy, axes, false) : dy;
    return heed_reshape(g, dx, rank, shape);
}

/* Gradients of slices wait until their tensor is visited and are put together then: each alone would be a tensor of full size. */
typedef struct part { heed_tensor *slice_grad; struct part *next; } part;

/* A matrix that takes part in many products of few rows each, as the weights of a recurrent step do, gets one gradient of all rows together:
 * a^T dy of the rows one below the other, instead of a sum of as many matrices. So such products wait too. */
enum { FEW_ROWS = 256 };
typedef struct product { heed_tensor *a, *dy; struct product *next; } product;

/* What a sweep works on: the gradient so far of every node, by id, and which nodes lead to something wanted. */
typedef struct sweep {
    heed_graph *g;
    heed_tensor **dy;
    part **parts;
    product **products;        /* of which the node is the second operand */
    uint32_t *uses;            /* as second operand of products */
    const uint8_t *leads;
    bool to_params;            /* gradients of parameters are accumulated contribution by contribution, not summed in the graph */
    size_t count, capacity;
    heed_tensor **target;      /* the accumulations, in order */
} sweep;

static bool leads(const sweep *s, const heed_tensor *t)
{
    return s->to_params ? t->flags & NODE_NEEDS_GRAD : s->leads[t->id];
}

static void add_target(sweep *s, heed_tensor *t)
{
    if (arena_grow(&s->g->nodes, (void **)&s->target, &s->capacity, s->count + 1, sizeof *s->target)) s->target[s->count++] = t;
    else heed_graph_fail(s->g, HEED_NO_MEMORY, "backward: no memory");
}

static void contribute(sweep *s, heed_tensor *x, heed_tensor *dx)
{
    heed_graph *g = s->g;
    if (dx->dtype != x->dtype) {
        heed_graph_fail(g, HEED_INVALID, "gradient: dtype %s for an operand of %s", heed_dtype_name((heed_dtype)dx->dtype),
                        heed_dtype_name((heed_dtype)x->dtype));
        return;
    }
    dx = heed_sum_to(g, dx, x->rank, x->shape);
    if (s->to_params && (x->flags & NODE_PARAM)) {
        heed_tensor *a = heed_apply(g, &heed_op_accumulate, 1, &dx, NULL);
        if (g->error.code) return;
        a->param = x->param;
        g->hash = heed_mix(g->hash, (uint64_t)(uint32_t)x->param);
        add_target(s, a);
    } else if (dx->op == &heed_op_slice_grad && dx->count == 1) {
        part *p = arena_alloc(&g->nodes, sizeof *p);
        if (p) *p = (part){dx, s->parts[x->id]};
        else heed_graph_fail(g, HEED_NO_MEMORY, "gradient: no memory for the graph");
        if (p) s->parts[x->id] = p;
    } else s->dy[x->id] = s->dy[x->id] ? heed_add(g, s->dy[x->id], dx) : dx;
}

/* Gradients of several slices as one op. Places are copied: a slice's gradient may be from before this derivative, and may lie elsewhere when this is
 * taken over (recall.h). */
static heed_tensor *together(heed_graph *g, const part *parts)
{
    size_t count = 0;
    for (const part *p = parts; p; p = p->next) count++;
    heed_tensor **dys = arena_alloc(&g->nodes, count * sizeof *dys);
    const slice_grad_attr **all = arena_alloc(&g->nodes, count * sizeof *all);
    slice_grad_attr *own = arena_alloc(&g->nodes, count * sizeof *own);
    if (!dys || !all || !own) return heed_graph_fail(g, HEED_NO_MEMORY, "gradient: no memory for the graph");
    for (size_t i = 0; i < count; i++, parts = parts->next) {
        dys[i] = parts->slice_grad->x[0];
        own[i] = *(const slice_grad_attr *)parts->slice_grad->attr;
        all[i] = &own[i];
    }
    return heed_slice_grads(g, (int)count, dys, all);
}

/* The whole gradient of a node, or NULL. The sweep has met the slices last to first, so the list runs in the order of recording. */
static heed_tensor *collect(sweep *s, uint32_t id)
{
    heed_graph *g = s->g;
    if (!s->parts[id]) return s->dy[id];
    heed_tensor *sum = s->parts[id]->next ? together(g, s->parts[id]) : s->parts[id]->slice_grad;
    s->parts[id] = NULL;
    return s->dy[id] = s->dy[id] ? heed_add(g, s->dy[id], sum) : sum;
}

/* --- products that share their second operand ------------------------------------------------------------------------------- */

/* Can the rows of a and of dy be put below those of other products with b? */
static bool is_of_few_rows(const heed_tensor *a, const heed_tensor *b, const heed_tensor *dy)
{
    if (a->size == 0 || dy->size == 0) return false;
    if (b->rank == 2) return a->size / a->shape[a->rank - 1] <= FEW_ROWS;
    for (int i = 0; i < b->rank - 2; i++)
        if (a->rank != b->rank || a->shape[i] != b->shape[i]) return false;
    return a->shape[a->rank - 2] <= FEW_ROWS;
}

/* True where the gradient of t's second operand waits for the others'. */
static bool put_off(sweep *s, const heed_tensor *t, heed_tensor *dy)
{
    heed_tensor *b = t->x[1];
    if (s->uses[b->id] < 2 || !is_of_few_rows(t->x[0], b, dy)) return false;
    product *p = arena_alloc(&s->g->nodes, sizeof *p);
    if (!p) {
        heed_graph_fail(s->g, HEED_NO_MEMORY, "gradient: no memory for the graph");
        return false;
    }
    *p = (product){t->x[0], dy, s->products[b->id]};
    s->products[b->id] = p;
    return true;
}

/* Rows of all products one below the other, in the order of recording: [..., rows, columns]. */
static heed_tensor *rows_of_all(sweep *s, const product *p, int count, bool matrix, bool of_dy)
{
    heed_graph *g = s->g;
    heed_tensor **xs = arena_alloc(&g->nodes, (size_t)count * sizeof *xs);
    if (!xs) return heed_graph_fail(g, HEED_NO_MEMORY, "gradient: no memory for the graph");
    for (int i = 0; i < count; i++, p = p->next) {
        xs[i] = of_dy ? p->dy : p->a;
        int64_t columns = xs[i]->shape[xs[i]->rank - 1];
        if (matrix && xs[i]->rank != 2) xs[i] = heed_reshape(g, xs[i], 2, (int64_t[]){xs[i]->size / columns, columns});
        if (g->error.code) return &g->failed;
    }
    return heed_concat(g, count, xs, -2);
}

static void contribute_products(sweep *s, heed_tensor *b)
{
    heed_graph *g = s->g;
    int count = 0;
    const product *p = s->products[b->id];
    s->products[b->id] = NULL;
    for (const product *q = p; q; q = q->next) count++;
    heed_tensor *a = rows_of_all(s, p, count, b->rank == 2, false), *dy = rows_of_all(s, p, count, b->rank == 2, true);
    if (g->error.code) return;
    /* as the product's own derivative does it: in the order in which b lies in memory */
    bool turned = b->stride[b->rank - 1] > b->stride[b->rank - 2];
    heed_tensor *db = turned ? heed_matmul(g, heed_transpose(g, dy, -1, -2), a) : heed_matmul(g, heed_transpose(g, a, -1, -2), dy);
    contribute(s, b, turned ? heed_transpose(g, db, -1, -2) : db);
}

/* --- the sweep -------------------------------------------------------------------------------------------------------------- */

static bool start(sweep *s, uint32_t top)
{
    size_t n = (size_t)top + 1, each = sizeof *s->dy + sizeof *s->parts + sizeof *s->products + sizeof *s->uses;
    s->dy = arena_alloc(&s->g->nodes, n * each);
    if (!s->dy) return false;
    memset(s->dy, 0, n * each);
    s->parts = (part **)(void *)(s->dy + n);
    s->products = (product **)(void *)(s->parts + n);
    s->uses = (uint32_t *)(void *)(s->products + n);
    for (uint32_t id = 0; id <= top; id++)
        if (s->g->tape[id]->op == &heed_op_matmul) s->uses[s->g->tape[id]->x[1]->id]++;
    return true;
}

static void sweep_down(sweep *s, uint32_t from)
{
    heed_graph *g = s->g;
    uint32_t outer = g->scope;
    enum { FEW = 16 };
    bool few_need[FEW];
    heed_tensor *few_dx[FEW];
    for (uint32_t id = from + 1; id-- > 0 && !g->error.code;) {
        heed_tensor *t = g->tape[id];
        if (s->products[id]) {
            g->scope = t->scope;
            contribute_products(s, t);
            if (g->error.code) break;
        }
        if (!(s->dy[id] || s->parts[id]) || !leads(s, t) || t->op->kind == HEED_LEAF || (t->op->flags & HEED_NO_GRADIENT)) continue;
        bool many = t->count > FEW;
        heed_tensor **dx = many ? arena_alloc(&g->nodes, (size_t)t->count * sizeof *dx) : few_dx;
        bool *need = many ? arena_alloc(&g->nodes, (size_t)t->count * sizeof *need) : few_need, any = false;
        if (!dx || !need) {
            heed_graph_fail(g, HEED_NO_MEMORY, "gradient: no memory for the graph");
            break;
        }
        for (int i = 0; i < t->count; i++) {
            dx[i] = NULL;
            need[i] = leads(s, t->x[i]);
            any |= need[i];
        }
        if (!any) continue;
        g->scope = t->scope;
        if (!t->op->vjp) {
            heed_graph_fail(g, HEED_UNSUPPORTED, "%s: has no derivative", t->op->name);
            break;
        }
        heed_tensor *dy = collect(s, id);
        if (t->op == &heed_op_matmul && need[1] && put_off(s, t, dy)) need[1] = false;
        t->op->vjp(g, &(heed_vjp){t->count, t->x, t, dy, t->attr, need, dx});
        for (int i = 0; i < t->count && !g->error.code; i++)
            if (need[i] && dx[i]) contribute(s, t->x[i], dx[i]);
    }
    g->scope = outer;
}

static bool usable(heed_graph *g, const heed_tensor *t, const char *what)
{
    if (g->error.code) return false;
    if (!heed_is_of(g, t)) {
        heed_graph_fail(g, HEED_INVALID, "%s is not of this graph since its last reset", what);
        return false;
    }
    return true;
}

static heed_tensor *ones_like(heed_graph *g, const heed_tensor *y) { return heed_full(g, (heed_dtype)y->dtype, y->rank, y->shape, 1); }

/* A vjp may differentiate as well: what it records is part of the derivative that asked it. */
static bool begin_sweep(heed_graph *g)
{
    const bool within = g->sweeping;
    if (!within) heed_profile_begin(g, "differentiate");
    if (g->derived > g->count) g->derived = (uint32_t)g->count;
    g->sweeping = true;
    return within;
}

/* `out`: what has been recorded for */
static void end_sweep(heed_graph *g, bool within, size_t count, heed_tensor *const *out)
{
    if (within) return;
    heed_recall_end(g, count, out);
    g->sweeping = false;
    heed_profile_end(g);
}

/* Tells a derivative from all others: the graph so far, what is differentiated by what, and how the graph is set. */
static uint64_t key_of(const heed_graph *g, const heed_tensor *y, const heed_tensor *dy, int count, heed_tensor *const *xs)
{
    uint64_t key = heed_mix(heed_mix(g->hash, g->content), (uint64_t)g->packing << 33 | (uint64_t)g->training << 32 | g->scope);
    key = heed_mix(key, (uint64_t)y->id << 32 | (dy ? dy->id : UINT32_MAX));
    for (int i = 0; i < count; i++) key = heed_mix(key, xs[i]->id);
    return heed_mix(key, (uint64_t)count);
}

void heed_grad(heed_graph *g, heed_tensor *y, heed_tensor *dy, int count, heed_tensor *const *xs, heed_tensor **dxs)
{
    for (int i = 0; i < count; i++) dxs[i] = &g->failed;
    if (!usable(g, y, "grad: the value")) return;
    if (y->dtype > HEED_F64) {
        heed_graph_fail(g, HEED_INVALID, "grad: a value of %s has no gradient", heed_dtype_name((heed_dtype)y->dtype));
        return;
    }
    if (dy && !usable(g, dy, "grad: dy")) return;
    if (dy && (!same_shape(dy, y->rank, y->shape) || dy->dtype != y->dtype)) {
        char a[96], b[96];
        heed_graph_fail(g, HEED_INVALID, "grad: dy is %s%s, y is %s%s", heed_dtype_name((heed_dtype)dy->dtype), heed_shape_text(dy, a, sizeof a),
                        heed_dtype_name((heed_dtype)y->dtype), heed_shape_text(y, b, sizeof b));
        return;
    }
    for (int i = 0; i < count; i++) {
        if (!usable(g, xs[i], "grad: an operand to differentiate by")) return;
        if (xs[i]->dtype <= HEED_F64) continue;
        heed_graph_fail(g, HEED_INVALID, "grad: operand %d is %s, which has no gradient", i, heed_dtype_name((heed_dtype)xs[i]->dtype));
        return;
    }
    size_t results;
    heed_tensor **known;
    const bool within = begin_sweep(g);
    if (!within && heed_recall(g, key_of(g, y, dy, count, xs), &results, &known)) {
        if (count) memcpy(dxs, known, results * sizeof *dxs);
        end_sweep(g, within, 0, NULL);
        return;
    }
    if (!dy) dy = ones_like(g, y);
    uint32_t top = y->id;
    sweep s = {.g = g};
    uint8_t *mark = arena_alloc(&g->nodes, top + 1);
    if (!mark || !start(&s, top)) {
        heed_graph_fail(g, HEED_NO_MEMORY, "grad: no memory");
        end_sweep(g, within, 0, NULL);
        return;
    }
    memset(mark, 0, top + 1);
    for (int i = 0; i < count; i++)
        if (xs[i]->id <= top) mark[xs[i]->id] = 1;
    for (uint32_t id = 0; id <= top; id++)
        for (int i = 0; !mark[id] && i < g->tape[id]->count; i++) mark[id] = mark[g->tape[id]->x[i]->id];
    s.leads = mark;
    s.dy[top] = dy;
    if (mark[top]) sweep_down(&s, top);
    for (int i = 0; i < count && !g->error.code; i++) {
        heed_tensor *d = xs[i]->id <= top && mark[top] ? collect(&s, xs[i]->id) : NULL;
        dxs[i] = d ? d : heed_full(g, (heed_dtype)xs[i]->dtype, xs[i]->rank, xs[i]->shape, 0);
    }
    for (int i = 0; i < count && g->error.code; i++) dxs[i] = &g->failed;
    end_sweep(g, within, (size_t)count, dxs);
}

heed_code heed_record_backward(heed_graph *g, heed_tensor *loss, size_t *count, heed_tensor ***targets)
{
    *count = 0;
    *targets = NULL;
    if (!usable(g, loss, "backward: the loss")) return g->error.code;
    if (loss->size != 1 || loss->dtype > HEED_F64) {
        char text[96];
        heed_graph_fail(g, HEED_INVALID, "backward: the loss must be one float, it is %s of shape %s", heed_dtype_name((heed_dtype)loss->dtype),
                        heed_shape_text(loss, text, sizeof text));
        return g->error.code;
    }
    const bool within = begin_sweep(g);
    if (!within && heed_recall(g, key_of(g, loss, NULL, -1, NULL), count, targets)) {
        end_sweep(g, within, 0, NULL);
        return g->error.code;
    }
    sweep s = {.g = g, .to_params = true};
    heed_tensor *one = ones_like(g, loss);
    if (!start(&s, loss->id)) heed_graph_fail(g, HEED_NO_MEMORY, "backward: no memory");
    if (!g->error.code) {
        contribute(&s, loss, one);
        if (loss->flags & NODE_NEEDS_GRAD) sweep_down(&s, loss->id);
        if (!g->error.code) add_target(&s, loss);
    }
    end_sweep(g, within, s.count, s.target);
    *count = s.count;
    *targets = s.target;
    return g->error.code;
}

heed_code heed_backward(heed_graph *g, heed_tensor *loss)
{
    size_t count;
    heed_tensor **targets;
    bool outer = g->running;
    if (!g->immortal) g->running = true; /* eager mode must not run accumulations one by one: the gradients change together or not at all */
    heed_record_backward(g, loss, &count, &targets);
    if (!g->immortal) g->running = outer;
    for (size_t i = 0; i + 1 < count && !g->error.code; i++)
        if (!heed_gradient_memory(g, heed_params_at(g->params, targets[i]->param))) heed_graph_fail(g, HEED_NO_MEMORY, "backward: no memory for gradients");
    return g->error.code ? g->error.code : heed_run(g, (int)count, targets);
}
