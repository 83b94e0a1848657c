/* Values that are computed again where they are read, and never stored.
 *
 * An elementwise result may be much larger than what it is made of: tanh(y + h) of all pairs of a query and an annotation. Where other
 * passes over the same space read it (the backward pass does, much later), they make it anew in a register instead of keeping it in
 * memory. That pays if what it is made of is small, or is there anyhow for many readers; and if it is not in a cache by then.
 */
#include "autograd/plan.h"

#include <string.h>

enum { LEAST_SIZE = 1 << 16, MOST_OPS = 4, SMALLER = 4 };

/* What making a value anew takes: ops, and bytes of memory that stay longer; each reader of a source bears its share. */
typedef struct price { double bytes; int ops; bool possible; } price;

static bool same_space(const heed_tensor *x, const group *q)
{
    int64_t shape[HEED_MAX_RANK];
    int rank = heed_space(x, shape);
    return rank == q->rank && !memcmp(shape, q->shape, (size_t)rank * sizeof *shape);
}

/* Does x, an operand within the space of group q, show all of its root, element for element? */
static bool is_whole(const heed_tensor *x, const group *q)
{
    return (x->flags & NODE_CONTIGUOUS) && x->size == x->root->size && same_space(x->root, q) &&
           (x == x->root || (x->op->kind == HEED_VIEW && x->rank == x->root->rank && !memcmp(x->shape, x->root->shape, x->rank * sizeof *x->shape)));
}

/* Is the operand made anew together with what is made of it in group `here`? */
static bool goes_along(const planning *w, const price *prices, const heed_tensor *x, int32_t here)
{
    return w->group_of[x->root->id] == here && prices[x->root->id].possible && is_whole(x, &w->groups[here]);
}

static void mark(planning *w, const price *prices, const heed_tensor *t)
{
    w->again[t->id] = 1;
    for (int i = 0; i < t->count; i++)
        if (goes_along(w, prices, t->x[i], w->group_of[t->id])) mark(w, prices, t->x[i]->root);
}

bool heed_find_again(planning *w)
{
    heed_graph *g = w->g;
    size_t n = g->count;
    if (!w->fuse) return true;
    price *prices = arena_alloc(&g->work, n * sizeof *prices);
    uint32_t *readers = arena_alloc(&g->work, n * sizeof *readers);
    uint8_t *elsewhere = arena_alloc(&g->work, n); /* read in other groups: 1 by passes over the same space, 2 in other ways too */
    if (!prices || !readers || !elsewhere) return false;
    memset(prices, 0, n * sizeof *prices);
    memset(readers, 0, n * sizeof *readers);
    memset(elsewhere, 0, n);
    for (uint32_t id = 0; id < n; id++) {
        const heed_tensor *t = g->tape[id];
        int32_t here = w->group_of[id];
        for (int i = 0; here != NO_GROUP && i < t->count; i++) {
            const heed_tensor *x = t->x[i], *r = x->root;
            readers[r->id]++;
            if (w->group_of[r->id] == NO_GROUP || w->group_of[r->id] == here) continue;
            elsewhere[r->id] |= w->groups[here].pass && r->op->kind == HEED_MAP && is_whole(x, &w->groups[here]) ? 1 : 2;
        }
    }
    for (uint32_t id = 0; id < n; id++) {
        const heed_tensor *t = g->tape[id];
        int32_t here = w->group_of[id];
        if (here == NO_GROUP || !w->groups[here].pass || t->op->kind != HEED_MAP || !t->count || (w->needed[id] & 2) || (elsewhere[id] & 2) ||
            !same_space(t, &w->groups[here]))
            continue;
        price *p = &prices[id];
        p->ops = 1;
        for (int i = 0; i < t->count; i++) {
            const heed_tensor *r = t->x[i]->root;
            const price *of = &prices[r->id];
            bool along = goes_along(w, prices, t->x[i], here);
            if (along) p->ops += of->ops;
            if (w->group_of[r->id] != NO_GROUP)
                p->bytes += along ? of->bytes : (double)r->size * (double)heed_dtype_size((heed_dtype)r->dtype) / readers[r->id];
        }
        p->possible = p->ops <= MOST_OPS;
        double size = (double)t->size * (double)heed_dtype_size((heed_dtype)t->dtype);
        if (p->possible && elsewhere[id] == 1 && t->size >= LEAST_SIZE && p->bytes * SMALLER <= size) mark(w, prices, t);
    }
    return true;
}
