/* Streams: groups that are run together on one block of rows after the other, so that the large values between them are in memory as one
 * block only. The logits of a large vocabulary and their gradient are such values: a product makes them, a softmax reads them, their
 * gradient is multiplied with the weights and is summed over rows into the weights' gradient, and nothing else wants them.
 *
 * A stream begins with a product (the seed) whose result is much larger than what its rows are made of. All groups that read the result are
 * taken in, and their own large results as far as all readers can be taken in too. A group can be taken in if it works row by row: a pass,
 * a kernel whose op says how it is cut (heed_op.cut), a sum over rows. What is a sum over rows is known only when the stream is over:
 * if a member needs it, directly or not, there is no stream, and the values are kept. So the usual training step is streamed, since
 * the gradient of the rows' losses does not depend on the losses; a loss divided by the mean of the logits is not.
 *
 * How large a block is depends on shapes alone, and so does every sum over blocks.
 */
#include "autograd/plan.h"

#include <string.h>

enum {
    LEAST_BYTES = 8 << 20, /* of a seed: less is kept */
    SMALLER = 4,           /* what a seed's rows are made of is smaller by this */
    LEAST_ROWS = 512,      /* of a block: weights are read, and their gradients read and written, once a block */
    BLOCK_BYTES = 8 << 20, /* of the seed, if that makes more rows */
};

enum { MEMBER = 1, AFTER, PARTED }; /* of the stream; waits for it; some of its nodes wait */

typedef struct finder {
    planning *w;
    uint8_t *state;            /* by group */
    uint8_t *waits;            /* by id of nodes that are in no member: is what it computes known when the stream is over? */
    uint8_t *tried;            /* by id: values that cannot be streamed */
    int64_t rows;
    uint8_t number;            /* in planning.streamed, of the stream that is looked for */
} finder;

static int64_t columns_of(const heed_tensor *t) { return t->rank ? t->shape[t->rank - 1] : 1; }
static double bytes_of(const heed_tensor *t) { return (double)t->size * (double)heed_dtype_size((heed_dtype)t->dtype); }

/* [..., columns] of so many rows, which are as far from each other as the columns of its root are many? */
static bool is_by_rows(const heed_tensor *x, int64_t rows)
{
    int64_t stride, columns = columns_of(x);
    return x->rank >= 2 && x->size == x->root->size && x->size == rows * columns && columns == columns_of(x->root) && x->stride[x->rank - 1] == 1 &&
           heed_row_stride(x, x->rank, x->shape, &stride) && stride == columns;
}

static bool is_by_last(const heed_tensor *x, int64_t rows)
{
    return x->rank == 2 && x->size == x->root->size && x->shape[1] == rows && x->stride[0] == 1 && x->stride[1] == x->shape[0] &&
           x->shape[0] == columns_of(x->root);
}

bool heed_stream_cuts(const planning *w, const heed_tensor *t, int64_t rows, heed_cut *cut, bool *sums)
{
    bool any = false;
    if (!t->op->cut || t->count > MAX_CUT || t->count < 1) return false;
    for (int i = 0; i < t->count; i++) {
        const heed_tensor *x = t->x[i];
        cut[i] = HEED_UNCUT;
        if (!w->streamed[x->root->id]) continue;
        if (is_by_rows(x, rows)) cut[i] = HEED_BY_ROWS;
        else if (is_by_last(x, rows)) cut[i] = HEED_BY_LAST;
        else return false;
        any = true;
    }
    if (!any) cut[0] = HEED_BY_ROWS; /* it makes large values of small ones */
    if (!t->op->cut(t->count, t->x, cut, sums)) return false;
    for (int i = 0; i < t->count; i++) {
        const heed_tensor *x = t->x[i];
        int64_t stride;
        if (w->streamed[x->root->id] ? cut[i] == HEED_UNCUT : cut[i] == HEED_BY_ROWS) {
            if (w->streamed[x->root->id] || x->rank < 2 || x->size != rows * columns_of(x) || !heed_row_stride(x, x->rank, x->shape, &stride)) return false;
        } else if (cut[i] == HEED_BY_LAST && columns_of(x) != rows) return false;
    }
    return *sums ? (t->op->flags & HEED_ADDS) != 0 : t->rank >= 2 && t->size == rows * columns_of(t);
}

/* --- readers -------------------------------------------------------------------------------------------------------------------- */

typedef bool visit_fn(const finder *f, const heed_tensor *x, int32_t here);

/* Everything node t of group `here` reads from other groups, until `fn` says no. */
static bool visit(const finder *f, const heed_tensor *t, int32_t here, visit_fn *fn)
{
    const planning *w = f->w;
    for (int i = 0; i < t->count; i++) {
        const heed_tensor *r = t->x[i]->root;
        if (w->group_of[r->id] == here) continue;
        if (w->again[r->id] ? !visit(f, r, here, fn) : !fn(f, t->x[i], here)) return false;
    }
    return true;
}

static bool visit_group(const finder *f, int32_t i, visit_fn *fn)
{
    const group *q = &f->w->groups[i];
    uint32_t id = q->first;
    for (int k = 0; k < q->count; k++, id = f->w->next[id])
        if (!visit(f, f->w->g->tape[id], i, fn)) return false;
    return true;
}

static bool is_not_streamed(const finder *f, const heed_tensor *x, int32_t here)
{
    (void)here;
    return f->w->streamed[x->root->id] != f->number;
}

static bool does_not_wait(const finder *f, const heed_tensor *x, int32_t here)
{
    int32_t from = f->w->group_of[x->root->id];
    (void)here;
    return from == NO_GROUP || (f->state[from] != MEMBER && !f->waits[x->root->id]);
}

/* Can a member's operand be had while the stream runs? */
static bool is_in_time(const finder *f, const heed_tensor *x, int32_t here)
{
    const planning *w = f->w;
    const heed_tensor *r = x->root;
    int32_t from = w->group_of[r->id];
    heed_cut cut[MAX_CUT];
    bool sums = r->op->kind == HEED_COLUMNS;
    (void)here;
    if (from == NO_GROUP || f->state[from] != MEMBER) return from == NO_GROUP || !f->waits[r->id];
    if (r->op->kind == HEED_KERNEL && !heed_stream_cuts(w, r, f->rows, cut, &sums)) return false;
    return !sums;
}

/* An operand of elementwise and row ops: one row stride, and all rows of a streamed value. */
static bool is_in_rows(const finder *f, const heed_tensor *x, int32_t here)
{
    const group *q = &f->w->groups[here];
    int64_t stride;
    return heed_row_stride(x, q->rank, q->shape, &stride) && (!f->w->streamed[x->root->id] || is_by_rows(x, f->rows));
}

static bool can_be_member(const finder *f, int32_t i)
{
    const planning *w = f->w;
    const group *q = &w->groups[i];
    int64_t rows = 1;
    if (q->stream >= 0 || !visit_group(f, i, is_in_time)) return false;
    uint32_t id = q->first;
    int k = 0;
    if (!q->pass) {
        heed_cut cut[MAX_CUT];
        bool sums;
        if (!heed_stream_cuts(w, w->g->tape[id], f->rows, cut, &sums)) return false;
        if (sums) return q->count == 1;
        id = w->next[id];
        k++;
    }
    for (int a = 0; a < q->rank - 1; a++) rows *= q->shape[a];
    if (rows != f->rows) return false;
    for (; k < q->count; k++, id = w->next[id])
        if (!visit(f, w->g->tape[id], i, is_in_rows)) return false;
    return true;
}

/* --- growing a stream ------------------------------------------------------------------------------------------------------------ */

/* Which of its nodes wait, and so which part of group i; of a kernel, all or none. */
static void find_waiting(const finder *f, int32_t i)
{
    const planning *w = f->w;
    const group *q = &w->groups[i];
    int32_t waiting = 0;
    uint32_t id = q->first;
    for (int k = 0; k < q->count; k++, id = w->next[id]) {
        const heed_tensor *t = w->g->tape[id];
        bool waits = !visit(f, t, i, does_not_wait);
        for (int j = 0; j < t->count; j++) waits |= w->group_of[t->x[j]->root->id] == i && f->waits[t->x[j]->root->id];
        f->waits[id] = waits;
        waiting += waits;
    }
    f->state[i] = !waiting ? 0 : waiting == q->count ? AFTER : PARTED;
}

static void make_wait(const finder *f, int32_t i)
{
    const group *q = &f->w->groups[i];
    uint32_t id = q->first;
    for (int k = 0; k < q->count; k++, id = f->w->next[id]) f->waits[id] = 1;
    f->state[i] = AFTER;
}

/* Takes in all readers of streamed values, and finds what waits for them; false if one cannot be a member. */
static bool take_readers(const finder *f, const heed_tensor *seed)
{
    const planning *w = f->w;
    size_t n = w->group_count;
    for (size_t i = 0; i < n; i++) f->state[i] = visit_group(f, (int32_t)i, is_not_streamed) ? 0 : MEMBER;
    f->state[w->group_of[seed->id]] = MEMBER;
    for (size_t i = 0, end; i < n; i = end) {
        const group *q = &w->groups[i];
        end = q->stream >= 0 ? (size_t)w->streams[q->stream].last + 1 : i + 1; /* another stream stays in one piece */
        if (f->state[i] == MEMBER) {
            if (!can_be_member(f, (int32_t)i)) return false;
            continue;
        }
        bool waits = false;
        for (size_t k = i; k < end; k++) {
            find_waiting(f, (int32_t)k);
            waits |= f->state[k] != 0;
        }
        for (size_t k = i; k < end && waits; k++)
            if (q->stream >= 0 || !q->pass) make_wait(f, (int32_t)k);
    }
    return true;
}

/* A member's result that would be worth it, as large as the seed or about so. */
static bool is_candidate(const finder *f, const heed_tensor *t, const heed_tensor *seed)
{
    const planning *w = f->w;
    int32_t from = w->group_of[t->id];
    heed_cut cut[MAX_CUT];
    bool sums = t->op->kind == HEED_COLUMNS;
    if (from == NO_GROUP || f->state[from] != MEMBER || w->streamed[t->id] || f->tried[t->id] || w->again[t->id] || (w->needed[t->id] & 2)) return false;
    if (2 * bytes_of(t) < bytes_of(seed) || !is_by_rows(t, f->rows)) return false;
    return t->op->kind != HEED_KERNEL ? !sums : heed_stream_cuts(w, t, f->rows, cut, &sums) && !sums;
}

static bool grow(finder *f, const heed_tensor *seed)
{
    planning *w = f->w;
    size_t n = w->g->count;
    f->rows = seed->size / columns_of(seed);
    memset(f->tried, 0, n);
    w->streamed[seed->id] = f->number;
    if (!take_readers(f, seed)) {
        w->streamed[seed->id] = 0;
        return false;
    }
    for (bool more = true; more;) {
        more = false;
        for (uint32_t id = 0; id < n; id++) {
            if (!is_candidate(f, w->g->tape[id], seed)) continue;
            w->streamed[id] = f->number;
            f->tried[id] = 1;
            if (take_readers(f, seed)) more = true;
            else {
                w->streamed[id] = 0;
                take_readers(f, seed);
            }
        }
    }
    size_t members = 0;
    for (size_t i = 0; i < w->group_count; i++) members += f->state[i] == MEMBER;
    for (uint32_t id = 0; id < n && members < 2; id++) /* nothing is handed from one to another */
        if (w->streamed[id] == f->number) w->streamed[id] = 0;
    return members > 1;
}

/* --- making it so ---------------------------------------------------------------------------------------------------------------- */

static void append(planning *w, group *q, uint32_t id)
{
    if (q->count++) w->next[q->last] = id;
    else q->first = id;
    q->last = id;
}

/* Leaves in q the nodes that wait; those that do not, in order, are a group of their own. */
static group take_apart(const finder *f, group *q)
{
    group early = *q, late = *q;
    early.count = late.count = 0;
    uint32_t id = q->first, next;
    for (int32_t k = 0; k < q->count; k++, id = next) {
        next = f->w->next[id];
        append(f->w, f->waits[id] ? &late : &early, id);
    }
    *q = late;
    return early;
}

/* What must come before, the members, what waits for them: each in its old order. */
static bool put_in_order(finder *f, row_stream *s)
{
    planning *w = f->w;
    size_t n = w->group_count, last = n, at = 0;
    group *groups = arena_alloc(&w->g->work, 2 * n * sizeof *groups);
    int32_t *to = arena_alloc(&w->g->work, n * sizeof *to); /* of streams found before */
    if (!groups || !to) return false;
    while (f->state[last - 1] != MEMBER) last--;
    for (int turn = 0; turn < 3; turn++) {
        if (turn == 1) s->first = (int32_t)at;
        for (size_t i = 0; i < n; i++) {
            int when = i >= last ? 2 : f->state[i] == MEMBER ? 1 : f->state[i] == AFTER ? 2 : 0;
            bool parted = i < last && f->state[i] == PARTED;
            if (when != turn && !(parted && turn == 2)) continue;
            to[i] = (int32_t)at;
            groups[at++] = parted && turn == 0 ? take_apart(f, &w->groups[i]) : w->groups[i];
            if (turn == 1) groups[at - 1].stream = (int32_t)w->stream_count;
        }
        if (turn == 1) s->last = (int32_t)at - 1;
    }
    for (size_t i = 0; i < w->stream_count; i++) {
        w->streams[i].first = to[w->streams[i].first];
        w->streams[i].last = to[w->streams[i].last];
    }
    w->groups = groups;
    w->group_count = at;
    w->group_capacity = 2 * n;
    for (size_t i = 0; i < at; i++) {
        uint32_t id = groups[i].first;
        for (int32_t k = 0; k < groups[i].count; k++, id = w->next[id]) w->group_of[id] = (int32_t)i;
    }
    return true;
}

/* Passes next to each other become one, which reads a row once: sums over the logits and then their gradient. */
static void merge_passes(planning *w, const row_stream *s)
{
    int32_t to = s->first;
    for (int32_t i = s->first + 1; i <= s->last; i++) {
        group *q = &w->groups[to], *p = &w->groups[i];
        bool joins = q->pass && p->pass && q->rank == p->rank && !memcmp(q->shape, p->shape, (size_t)q->rank * sizeof *q->shape) &&
                     q->count + p->count <= MAX_PASS;
        uint32_t id = p->first;
        for (int k = 0; k < p->count && joins; k++, id = w->next[id]) {
            int64_t space[HEED_MAX_RANK];
            int rank = heed_space(w->g->tape[id], space);
            joins = heed_may_join(w, q, to, w->g->tape[id], rank, space);
        }
        if (!joins) {
            to = i;
            continue;
        }
        uint32_t next = p->first;
        for (int k = 0; k < p->count; k++) {
            id = next;
            next = w->next[id];
            heed_add_member(w, to, id);
        }
        q->rows |= p->rows;
        p->count = 0;
    }
}

static bool is_seed(const planning *w, const heed_tensor *t)
{
    if (w->group_of[t->id] == NO_GROUP || t->op->kind != HEED_KERNEL || !t->op->cut || t->rank < 2 || bytes_of(t) < LEAST_BYTES ||
        bytes_of(t) < SMALLER * bytes_of(t->x[0]))
        return false;
    return !(w->needed[t->id] & 2) && !w->streamed[t->id] && w->groups[w->group_of[t->id]].stream < 0;
}

/* Rows of a block: all blocks about the same, whole multiples of 16 rows. */
static int64_t block_of(const heed_tensor *seed)
{
    int64_t rows = seed->size / columns_of(seed), block = BLOCK_BYTES / (columns_of(seed) * (int64_t)heed_dtype_size((heed_dtype)seed->dtype));
    if (block < LEAST_ROWS) block = LEAST_ROWS;
    int64_t blocks = (rows + block - 1) / block;
    if (blocks < 2) return rows;
    return ((rows + blocks - 1) / blocks + 15) / 16 * 16;
}

bool heed_find_streams(planning *w)
{
    heed_graph *g = w->g;
    finder f = {.w = w};
    for (uint32_t id = 0; w->fuse && id < g->count && w->stream_count < UINT8_MAX; id++) {
        const heed_tensor *t = g->tape[id];
        if (!is_seed(w, t)) continue;
        row_stream s = {.rows = t->size / columns_of(t), .block = block_of(t)};
        if (s.block >= s.rows) continue;
        f.state = arena_alloc(&g->work, w->group_count + 2 * g->count);
        if (!f.state) return false;
        f.waits = f.state + w->group_count;
        f.tried = f.waits + g->count;
        memset(f.waits, 0, g->count);
        f.number = (uint8_t)(w->stream_count + 1);
        if (!grow(&f, t)) continue;
        if (!put_in_order(&f, &s)) return false;
        merge_passes(w, &s);
        if (!arena_grow(&g->work, (void **)&w->streams, &w->stream_capacity, w->stream_count + 1, sizeof *w->streams)) return false;
        w->streams[w->stream_count++] = s;
    }
    return true;
}
