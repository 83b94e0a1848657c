/* Grouping: which nodes are executed together.
 *
 * Groups are executed in the order of their numbers. A node may join the latest group that computes one of its operands, if that group is a
 * pass over the same iteration space, or a kernel that lets elementwise ops follow; otherwise it opens a new group at the end. So every operand comes from an earlier group or from the
 * same one, and no cycle can arise.
 */
#include "autograd/plan.h"

static int strip(int rank, const int64_t *from, int64_t shape[HEED_MAX_RANK])
{
    int skip = 0;
    while (skip < rank - 1 && from[skip] == 1) skip++;
    for (int i = skip; i < rank; i++) shape[i - skip] = from[i];
    if (rank > 0) return rank - skip;
    shape[0] = 1;
    return 1;
}

int heed_space(const heed_tensor *t, int64_t shape[HEED_MAX_RANK])
{
    const heed_tensor *space = t->op->kind == HEED_FOLD || t->op->kind == HEED_COLUMNS ? t->x[0] : t;
    return strip(space->rank, space->shape, shape);
}

/* the same axes but the last? */
static bool same_lead(int rank, const int64_t *a, int other, const int64_t *b)
{
    if (rank != other) return false;
    for (int i = 0; i < rank - 1; i++)
        if (a[i] != b[i]) return false;
    return true;
}

bool heed_row_stride(const heed_tensor *x, int rank, const int64_t *space, int64_t *found)
{
    int64_t row = 0, rows = 1; /* the stride of a row, known once an axis has more than one */
    for (int i = rank - 1; i-- > 0;) {
        int axis = i - rank + x->rank;
        int64_t stride = axis >= 0 && x->shape[axis] != 1 ? x->stride[axis] : 0;
        if (space[i] == 1) continue;
        if (rows > 1 && stride != row * rows) return false;
        if (rows == 1) row = stride;
        rows *= space[i];
    }
    *found = row;
    return true;
}

/* Can a block of rows and columns of the space find the operand's elements by one row stride, with neighbours next to each other? */
static bool is_matrix_over(const heed_tensor *x, int rank, const int64_t *space)
{
    int64_t row;
    if (!heed_row_stride(x, rank, space, &row)) return false;
    int64_t last = x->rank && x->shape[x->rank - 1] != 1 ? x->stride[x->rank - 1] : 0;
    return last == 0 || last == 1;
}

bool heed_may_join(const planning *w, const group *q, int32_t number, const heed_tensor *t, int rank, const int64_t *space)
{
    bool map = t->op->kind == HEED_MAP;
    if ((!q->pass && !q->finishes) || q->count >= (q->pass ? MAX_PASS : MAX_FINISH) || !same_lead(rank, space, q->rank, q->shape)) return false;
    int64_t cols = space[rank - 1], group_cols = q->shape[q->rank - 1];
    if (q->finishes && (!map || cols != group_cols || t->size == 0)) return false;
    if (cols != group_cols && !(cols == 1 && map) && !(group_cols == 1 && !q->rows)) return false;
    /* what the group itself computes must be used element for element, or row for row */
    for (int i = 0; i < t->count; i++) {
        const heed_tensor *x = t->x[i];
        if (w->group_of[x->root->id] != number) {
            if (q->finishes && !is_matrix_over(x, rank, space)) return false;
            continue;
        }
        int64_t shape[HEED_MAX_RANK];
        if (!(x->flags & NODE_CONTIGUOUS) || x->size != x->root->size) return false;
        if (!same_lead(strip(x->rank, x->shape, shape), shape, rank, space)) return false;
    }
    return true;
}

static group *open_group(planning *w)
{
    if (!arena_grow(&w->g->work, (void **)&w->groups, &w->group_capacity, w->group_count + 1, sizeof *w->groups)) return NULL;
    group *q = &w->groups[w->group_count++];
    *q = (group){.stream = -1};
    return q;
}

void heed_add_member(planning *w, int32_t number, uint32_t id)
{
    group *q = &w->groups[number];
    if (q->count++) w->next[q->last] = id;
    else q->first = id;
    q->last = id;
    w->group_of[id] = number;
}

bool heed_group_nodes(planning *w)
{
    heed_graph *g = w->g;
    for (uint32_t id = 0; id < g->count; id++) {
        const heed_tensor *t = g->tape[id];
        if (!w->needed[id] || t->data || t->op->kind == HEED_LEAF || t->op->kind == HEED_VIEW) continue;
        if (t->op->kind == HEED_KERNEL) {
            group *q = open_group(w);
            if (!q) return false;
            q->finishes = w->fuse && (t->op->flags & HEED_FINISHES) && t->rank > 0;
            q->rows = true;
            q->rank = strip(t->rank, t->shape, q->shape);
            heed_add_member(w, (int32_t)w->group_count - 1, id);
            continue;
        }
        int32_t latest = NO_GROUP; /* the first group in which all operands can be had */
        for (int i = 0; i < t->count; i++) {
            const heed_tensor *r = t->x[i]->root;
            int32_t from = w->group_of[r->id];
            if (from == NO_GROUP) continue;
            if ((!w->groups[from].pass && !w->groups[from].finishes) || r->op->kind == HEED_COLUMNS) from++;
            if (from > latest) latest = from;
        }
        int64_t space[HEED_MAX_RANK];
        int rank = heed_space(t, space);
        int32_t groups = (int32_t)w->group_count;
        bool known = w->fuse && latest != NO_GROUP, joins = known && latest < groups && heed_may_join(w, &w->groups[latest], latest, t, rank, space);
        if (!joins && known && latest < groups && w->groups[latest].finishes && ++latest < groups) /* not on its blocks, but right after it */
            joins = heed_may_join(w, &w->groups[latest], latest, t, rank, space);
        if (!joins) {
            group *q = open_group(w);
            if (!q) return false;
            q->pass = true;
            q->rank = rank;
            for (int i = 0; i < rank; i++) q->shape[i] = space[i];
            latest = (int32_t)w->group_count - 1;
        }
        group *q = &w->groups[latest];
        int64_t *cols = &q->shape[q->rank - 1];
        if (*cols != space[rank - 1] || t->op->kind != HEED_MAP) q->rows = true;
        if (*cols == 1) *cols = space[rank - 1];
        heed_add_member(w, latest, id);
    }
    return true;
}
