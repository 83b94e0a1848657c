/* Planning: what the targets need, in which groups, in which memory; and the cache of plans. */
#include "autograd/flow.h"
#include "autograd/profiling.h"

#include <math.h>
#include <string.h>

enum { PLANS = 32 };
static const size_t LARGE = (size_t)256 << 20; /* values in bytes: worth sparing some */

typedef struct plan_cache { plan plan[PLANS]; uint64_t clock; } plan_cache;

void heed_plans_free(heed_graph *g)
{
    for (int i = 0; g->plans && i < PLANS; i++) arena_free(&g->plans->plan[i].memory);
    heed_free(g->plans);
    g->plans = NULL;
}

static bool add_binding(planning *w, binding b)
{
    plan *p = w->p;
    if (!arena_grow(&p->memory, (void **)&p->bindings, &p->bound_capacity, p->bound + 1, sizeof *p->bindings)) return false;
    p->bindings[p->bound++] = b;
    return true;
}

bool heed_bind_attr(planning *w, void *where, uint32_t node) { return add_binding(w, (binding){where, node, BIND_ATTR, -1, 0}); }

bool heed_bind_value(planning *w, void *where, const heed_tensor *t, int64_t stride)
{
    int32_t at = w->life_of[t->root->id];
    int64_t rows = w->streamed[t->root->id] ? 0 : w->row; /* a streamed value's memory is the block itself */
    if (at >= 0) w->lives[at].to = (int32_t)w->p->count - 1;
    return add_binding(w, (binding){where, t->id, BIND_DATA, at, rows * stride * (int64_t)heed_dtype_size((heed_dtype)t->dtype)});
}

/* --- what is needed ---------------------------------------------------------------------------------------------------------- */

static bool is_computed(const heed_tensor *t) { return t->op->kind != HEED_LEAF && t->op->kind != HEED_VIEW && !t->data; }

static void mark_needed(planning *w, int count, heed_tensor *const *targets)
{
    heed_graph *g = w->g;
    for (int i = 0; i < count; i++) {
        w->needed[targets[i]->id] |= 1;
        w->needed[targets[i]->root->id] |= 3;
    }
    for (uint32_t id = (uint32_t)g->count; id-- > 0;) {
        const heed_tensor *t = g->tape[id];
        if ((t->flags & NODE_KEEP) && !t->data) w->needed[id] |= 3;
        if (!w->needed[id] || t->data) continue;
        int reads = t->op->kind == HEED_VIEW ? 1 : t->count; /* a view's memory is that of its first operand */
        for (int i = 0; i < reads; i++) {
            w->needed[t->x[i]->id] |= 1;
            w->needed[t->x[i]->root->id] |= 1;
        }
    }
}

/* Group `here` reads value r. What is made anew there is read in its place. */
static void use(planning *w, uint32_t r, int32_t here)
{
    bool elsewhere = w->group_of[r] != here;
    w->uses[r]++;
    if (elsewhere && w->again[r]) {
        const heed_tensor *t = w->g->tape[r];
        for (int i = 0; i < t->count; i++) use(w, t->x[i]->root->id, here);
        return;
    }
    if (elsewhere) w->outside[r] = 1;
}

/* Who reads what, and where: a value read by another group than its own has to be in memory. */
static void find_uses(planning *w)
{
    heed_graph *g = w->g;
    for (uint32_t id = 0; id < g->count; id++) {
        const heed_tensor *t = g->tape[id];
        int32_t here = w->group_of[id];
        if (here == NO_GROUP) continue;
        const group *q = &w->groups[here];
        bool hosted = q->finishes && q->count > 1 && t->dtype == g->tape[q->last]->dtype; /* see host_of */
        if ((w->needed[id] & 2) || (t->op->kind == HEED_KERNEL && !hosted)) w->outside[id] = 1;
        for (int i = 0; i < t->count; i++) use(w, t->x[i]->root->id, here);
    }
}

/* An accumulation whose operand nobody else reads is left to the kernel that makes it, if that one can add. */
static void fold_accumulations(planning *w)
{
    for (size_t i = 0; i < w->group_count; i++) {
        group *q = &w->groups[i];
        const heed_tensor *t = w->g->tape[q->first];
        if (q->pass || t->op != &heed_op_accumulate) continue;
        const heed_tensor *x = t->x[0], *r = x->root;
        int32_t from = w->group_of[r->id];
        if (from == NO_GROUP || w->uses[r->id] != 1 || (w->needed[r->id] & 2) || x->size != r->size || !w->fuse) continue;
        if (r->op->kind != HEED_COLUMNS && !(r->op->kind == HEED_KERNEL && (r->op->flags & HEED_ADDS))) continue;
        bool taken = false; /* two results of one pass must not go into one gradient at the same time */
        uint32_t id = w->groups[from].first;
        for (int k = 0; k < w->groups[from].count; k++, id = w->next[id]) taken |= w->into[id] == t->param;
        if (taken) continue;
        w->into[r->id] = t->param;
        q->count = 0;
    }
}

/* --- memory ------------------------------------------------------------------------------------------------------------------ */

static bool bytes_of(const heed_tensor *t, size_t *size)
{
    return heed_size_mul((size_t)t->size, heed_dtype_size((heed_dtype)t->dtype), size);
}

/* Something of `size` bytes begins to live in the step that is being built. */
static life *new_life(planning *w, size_t size, uint32_t node)
{
    if (w->life_count >= INT32_MAX || !arena_grow(&w->g->work, (void **)&w->lives, &w->life_capacity, w->life_count + 1, sizeof *w->lives)) return NULL;
    life *l = &w->lives[w->life_count++];
    int32_t now = (int32_t)w->p->count - 1;
    *l = (life){.node = node, .from = now, .to = now, .size = heed_padded(size)};
    return l;
}

static bool new_value(planning *w, const heed_tensor *t)
{
    size_t size;
    if (!bytes_of(t, &size)) return false;
    if (w->streamed[t->id]) size = size / (size_t)w->all_rows * (size_t)w->rows;
    if (!new_life(w, size, t->id)) return false;
    w->life_of[t->id] = (int32_t)w->life_count - 1;
    w->p->buffers += w->row == 0;
    return true;
}

/* Steps nearby need not wait for each other's memory if it is not taken again at once. So lives are drawn out where that costs little. */
enum { LONGER = 8, MOST_DRAWN_OUT = 1024, DEARER = 8, MOST_DEARER = 4 << 20 };

static bool draw_out(planning *w)
{
    plan *p = w->p;
    size_t count = w->life_count - p->stored_count, top = p->stored_bytes;
    if (!count || count > MOST_DRAWN_OUT) return true;
    const life *now = w->lives + p->stored_count;
    life *other = arena_alloc(&w->g->work, count * sizeof *other);
    if (!other) return false;
    for (size_t i = 0; i < count; i++) {
        other[i] = now[i];
        other[i].to += LONGER;
    }
    if (!heed_lay_out(&w->g->work, other, count, &top)) return false;
    if (top > p->peak + p->peak / DEARER || top > p->peak + MOST_DEARER || (w->g->budget && top > w->g->budget)) return true;
    for (size_t i = 0; i < count; i++) w->lives[p->stored_count + i].at = other[i].at;
    p->peak = top;
    return true;
}

/* Places for all lives; the bindings come to know them. */
static bool settle(planning *w)
{
    plan *p = w->p;
    p->peak = p->stored_bytes;
    if (!heed_lay_out(&w->g->work, w->lives + p->stored_count, w->life_count - p->stored_count, &p->peak)) return false;
    if (!draw_out(w) || !heed_flow_order(w)) return false;
    for (size_t i = 0; i < p->bound; i++) {
        binding *b = &p->bindings[i];
        if (b->at >= 0) b->at = (int64_t)w->lives[b->at].at;
    }
    for (size_t id = 0; id < p->placed; id++)
        if (w->life_of[id] >= 0) p->place[id] = (int64_t)w->lives[w->life_of[id]].at;
    return true;
}

/* --- kernels ------------------------------------------------------------------------------------------------------------------------ */

/* An operand or result; in a stream, as its blocks are cut. */
static bool describe_array(planning *w, heed_array *a, const heed_tensor *t, heed_cut cut)
{
    int64_t *axes = arena_alloc(&w->p->memory, (size_t)(2 * t->rank + 1) * sizeof *axes);
    if (!axes) return false;
    if (t->rank) {
        memcpy(axes, t->shape, t->rank * sizeof *axes);
        memcpy(axes + t->rank, t->stride, t->rank * sizeof *axes);
    }
    *a = (heed_array){NULL, (heed_dtype)t->dtype, t->rank, t->size, axes, axes + t->rank};
    if (cut == HEED_BY_ROWS) {
        heed_row_stride(t, t->rank, t->shape, &axes[2 * t->rank - 2]);
        for (int i = 0; i < t->rank - 2; i++) axes[i] = 1;
        axes[t->rank - 2] = w->rows;
        a->size = w->rows * t->shape[t->rank - 1];
    } else if (cut == HEED_BY_LAST) {
        axes[t->rank - 1] = w->rows;
        a->size = t->size / t->shape[t->rank - 1] * w->rows;
    }
    return true;
}

/* Where a kernel's blocks go before what follows them is run. If only that needs them, it is the memory of the last result, whose elements
 * are written after all others have been read; it must have the same dtype. */
static const heed_tensor *host_of(planning *w, const group *q)
{
    const heed_tensor *first = w->g->tape[q->first], *last = w->g->tape[q->last];
    return w->outside[first->id] || first->dtype != last->dtype ? first : last;
}

static kernel_step *build_kernel(planning *w, int32_t number, plan_step *st)
{
    const group *q = &w->groups[number];
    const heed_tensor *t = w->g->tape[q->first];
    plan *p = w->p;
    kernel_step *k = arena_alloc(&p->memory, sizeof *k);
    heed_array *x = arena_alloc(&p->memory, (size_t)(t->count + 1) * sizeof *x);
    if (!k || !x) return NULL;
    memset(k, 0, sizeof *k);
    k->op = t->op;
    k->param = t->op == &heed_op_accumulate ? t->param : w->into[t->id];
    k->call = (heed_call){.count = t->count, .x = x, .isa = heed_isa_now(), .attr = t->attr};
    heed_cut cut[MAX_CUT];
    bool sums = false;
    if (w->rows && !heed_stream_cuts(w, t, w->all_rows, cut, &sums)) return NULL;
    bool by_rows = w->rows && !sums, ok = describe_array(w, &k->call.y, t, by_rows ? HEED_BY_ROWS : HEED_UNCUT);
    k->call.accumulate = sums && w->row > 0;
    if (t->op != &heed_op_accumulate)
        st->bytes = (double)k->call.y.size * (double)heed_dtype_size((heed_dtype)t->dtype) * (k->call.accumulate ? 2 : 1);
    for (int i = 0; i < t->count && ok; i++) {
        heed_cut how = w->rows ? cut[i] : HEED_UNCUT;
        ok = describe_array(w, &x[i], t->x[i], how);
        int64_t stride = !ok || how == HEED_UNCUT ? 0 : x[i].stride[t->x[i]->rank - (how == HEED_BY_ROWS ? 2 : 1)];
        ok = ok && heed_bind_value(w, &x[i].p, t->x[i], stride);
        st->bytes += (double)x[i].size * (double)heed_dtype_size((heed_dtype)t->x[i]->dtype);
    }
    if (ok && k->param < 0) {
        const heed_tensor *host = host_of(w, q);
        ok = heed_bind_value(w, &k->call.y.p, host, by_rows ? host->shape[host->rank - 1] : 0);
    }
    if (ok && t->op->attr_size) ok = heed_bind_attr(w, &k->call.attr, t->id);
    k->work = (heed_work){1, 0, 0};
    if (!ok) return NULL;
    if (t->op->work) t->op->work(&k->call, &k->work);
    if (k->work.scratch > p->scratch) p->scratch = k->work.scratch;
    st->phases = k->work.phases;
    st->flops += t->op->flops ? t->op->flops(&k->call) : (double)t->size;
    if (ok && q->count > 1) {
        pass *following = heed_pass_build(w, number, st);
        size_t own = heed_padded(k->work.scratch), spans = following ? (size_t)following->slots * sizeof(heed_span) : 0;
        if (following && own + following->scratch + spans > p->scratch) p->scratch = own + following->scratch + spans;
        k->call.finish = heed_pass_block;
        k->call.following = following;
        ok = following;
    }
    return ok ? k : NULL;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------------ */

/* A group's step: its results begin to live, what it reads lives on. */
static bool build_step(planning *w, int32_t number)
{
    plan *p = w->p;
    const group *q = &w->groups[number];
    if (!arena_grow(&p->memory, (void **)&p->steps, &p->capacity, p->count + 1, sizeof *p->steps)) return false;
    plan_step *st = &p->steps[p->count++];
    *st = (plan_step){.first = q->first, .node = q->last, .nodes = w->row ? 0 : q->count, .later = w->row > 0, .bound = p->bound, .first_phase = (int)p->phases};
    uint32_t id = q->first;
    for (int k = 0; k < q->count; k++, id = w->next[id]) {
        if (!w->outside[id] || (w->needed[id] & 2) || w->into[id] >= 0 || (w->row && !w->streamed[id])) continue;
        if (!new_value(w, w->g->tape[id])) return false;
    }
    if (q->pass) st->pass = heed_pass_build(w, number, st);
    else st->kernel = build_kernel(w, number, st);
    if (!st->pass && !st->kernel) return false;
    size_t shared = q->pass ? st->pass->shared : st->kernel->work.shared;
    if (shared) {
        void *where = q->pass ? (void *)&st->pass->shared_base : (void *)&st->kernel->call.shared;
        if (!new_life(w, shared, UINT32_MAX) || !add_binding(w, (binding){where, 0, BIND_PLACE, (int64_t)w->life_count - 1, 0})) return false;
    }
    p->phases += (size_t)st->phases;
    p->work += st->flops + st->bytes / 4;
    return true;
}

/* The groups of a stream, block after block. */
static bool build_stream(planning *w, const row_stream *s)
{
    plan *p = w->p;
    if (!arena_grow(&p->memory, (void **)&p->streams, &p->stream_capacity, p->stream_count + 1, sizeof *p->streams)) return false;
    plan_stream *told = &p->streams[p->stream_count++];
    *told = (plan_stream){.node = w->groups[s->first].last, .rows = s->rows, .block = s->block};
    w->all_rows = s->rows;
    for (w->row = 0; w->row < s->rows; w->row += s->block) {
        w->rows = s->rows - w->row < s->block ? s->rows - w->row : s->block;
        for (int32_t i = s->first; i <= s->last; i++)
            if (w->groups[i].count && !build_step(w, i)) return false;
    }
    w->row = w->rows = 0;
    for (int32_t i = s->first; i <= s->last; i++) {
        uint32_t id = w->groups[i].first;
        for (int k = 0; k < w->groups[i].count; k++, id = w->next[id]) {
            const heed_tensor *t = w->g->tape[id];
            if (!w->streamed[id] || !w->outside[id]) continue;
            w->life_of[id] = -1; /* the whole value is nowhere */
            told->values++;
            told->whole += (double)t->size * (double)heed_dtype_size((heed_dtype)t->dtype);
        }
        told->groups += w->groups[i].count > 0;
    }
    told->part = told->whole / (double)s->rows * (double)s->block;
    return true;
}

/* Longest chain of groups that wait for each other; -1 without memory. */
static int64_t depth_of(planning *w)
{
    int32_t *depth = arena_alloc(&w->g->work, (w->group_count + 1) * sizeof *depth);
    int32_t most = 0;
    if (!depth) return -1;
    for (size_t i = 0; i < w->group_count; i++) {
        const group *q = &w->groups[i];
        int32_t before = 0;
        uint32_t id = q->first;
        for (int k = 0; k < q->count; k++, id = w->next[id])
            for (int j = 0; j < w->g->tape[id]->count; j++) {
                int32_t from = w->group_of[w->g->tape[id]->x[j]->root->id];
                if (from != NO_GROUP && from != (int32_t)i && depth[from] > before) before = depth[from];
            }
        depth[i] = before + (q->count > 0);
        if (depth[i] > most) most = depth[i];
    }
    return most;
}

/* A group's step, or the steps of the stream that begins with it. */
static bool build_groups(planning *w, int32_t i)
{
    if (w->groups[i].stream >= 0) return build_stream(w, &w->streams[w->groups[i].stream]);
    return !w->groups[i].count || build_step(w, i);
}

static bool build_turn(planning *w, const plan_turn *t)
{
    narrowed n;
    if (!t->wanted) return build_groups(w, t->group);
    if (!heed_narrow(w, t, &n) || !build_step(w, t->group)) return false;
    w->p->steps[w->p->count - 1].again = true;
    heed_widen(w, t, &n);
    return true;
}

/* Steps and places: stored values first, one after another, then the lives of all others. */
static bool build(planning *w)
{
    heed_graph *g = w->g;
    plan *p = w->p;
    size_t n = g->count;
    p->place = arena_alloc(&p->memory, n * sizeof *p->place);
    if (!p->place) return false;
    p->placed = n;
    memset(p->place, -1, n * sizeof *p->place);
    memset(w->life_of, -1, n * sizeof *w->life_of);
    w->lives = NULL;
    w->life_count = w->life_capacity = 0;
    for (uint32_t id = 0; id < n; id++) {
        size_t size;
        if (!(w->needed[id] & 2) || !is_computed(g->tape[id])) continue;
        if (!bytes_of(g->tape[id], &size) || !arena_grow(&p->memory, (void **)&p->stored, &p->stored_capacity, p->stored_count + 1, sizeof *p->stored))
            return false;
        p->stored[p->stored_count++] = id;
        if (!new_value(w, g->tape[id])) return false;
        w->lives[w->life_of[id]].at = p->stored_bytes;
        p->stored_bytes += heed_padded(size);
        if (p->stored_bytes > SIZE_MAX / 4) return false;
    }
    for (size_t i = 0; w->turns && i < w->turn_count; i++)
        if (!build_turn(w, &w->turns[i])) return false;
    for (int32_t i = 0; !w->turns && i < (int32_t)w->group_count; i = heed_end_of(w, i))
        if (!build_groups(w, i)) return false;
    return settle(w);
}

/* A plan that is larger than the budget, or large without one, is made again by turns. */
static bool keep_to_budget(planning *w, size_t budget)
{
    plan *p = w->p;
    size_t least, unlimited = p->peak;
    if (unlimited <= (budget ? budget : LARGE)) return true;
    if (!heed_budget_turns(w, budget, &least)) return false;
    if (!w->turns && !budget) return true;
    if (!w->turns) {
        const double all = w->g->sharers ? (double)w->g->sharers : 1, needed = (double)least * all;
        const bool large = needed >= 10 << 20;
        const double unit = large ? 1048576 : 1024;
        w->g->least = least;
        heed_graph_fail(w->g, HEED_INVALID, "run: a memory budget of %.1f %s for values is too small: at least %.1f are needed",
                        (double)budget * all / unit, large ? "MiB" : "KiB", ceil(needed / unit * 10) / 10);
        return false;
    }
    arena memory = p->memory;
    arena_reset(&memory);
    *p = (plan){.memory = memory, .key = p->key, .unlimited = unlimited};
    return build(w);
}

static bool make_plan(heed_graph *g, plan *p, int count, heed_tensor *const *targets, bool fuse)
{
    size_t n = g->count;
    arena_reset(&g->work);
    planning w = {.g = g, .p = p, .fuse = fuse};
    w.needed = arena_alloc(&g->work, 4 * n);
    w.group_of = arena_alloc(&g->work, 5 * n * sizeof *w.group_of);
    if (!w.needed || !w.group_of) return false;
    w.outside = w.needed + n;
    w.again = w.needed + 2 * n;
    w.streamed = w.needed + 3 * n;
    w.life_of = w.group_of + n;
    w.into = w.group_of + 2 * n;
    w.uses = w.group_of + 3 * n;
    w.next = (uint32_t *)w.group_of + 4 * n;
    memset(w.needed, 0, 4 * n);
    memset(w.group_of, -1, 3 * n * sizeof *w.group_of);
    memset(w.uses, 0, 2 * n * sizeof *w.uses);
    mark_needed(&w, count, targets);
    if (!heed_group_nodes(&w) || !heed_find_again(&w) || !heed_find_streams(&w)) return false;
    find_uses(&w);
    fold_accumulations(&w);
    if (!build(&w) || (fuse && !keep_to_budget(&w, g->budget))) return false;
    p->depth = depth_of(&w);
    return p->depth >= 0;
}

plan *heed_plan_for(heed_graph *g, int count, heed_tensor *const *targets, bool fuse)
{
    if (!g->plans && !(g->plans = heed_calloc(1, sizeof *g->plans))) {
        heed_graph_fail(g, HEED_NO_MEMORY, "run: no memory for a plan");
        return NULL;
    }
    plan_cache *c = g->plans;
    uint64_t key = heed_mix(g->hash, (uint64_t)g->count << 1 | fuse);
    if (g->budget && fuse) key = heed_mix(key, g->budget);
    for (int i = 0; i < count; i++) key = heed_mix(key, targets[i]->id);
    plan *oldest = &c->plan[0];
    for (int i = 0; i < PLANS; i++) {
        plan *p = &c->plan[i];
        if (p->age && p->key == key && p->placed == g->count) {
            p->age = ++c->clock;
            heed_profile_planned(g, true);
            return p;
        }
        if (p->age < oldest->age) oldest = p;
    }
    arena memory = oldest->memory;
    arena_reset(&memory);
    *oldest = (plan){.memory = memory, .key = key};
    if (!make_plan(g, oldest, count, targets, fuse)) {
        oldest->age = 0;
        heed_graph_fail(g, HEED_NO_MEMORY, "run: no memory for a plan");
        return NULL;
    }
    oldest->age = ++c->clock;
    heed_profile_planned(g, false);
    return oldest;
}
