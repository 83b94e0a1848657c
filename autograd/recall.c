#include "autograd/recall.h"

#include <string.h>

enum { RECALLS = 32 };

typedef struct link { heed_tensor **where; uint32_t id; } link; /* a pointer to a node from before */
typedef struct drawn { heed_draw *to; uint64_t number; } drawn;
typedef struct beside { uint32_t id; heed_tensor *view, *copied; } beside; /* what a node remembers, NULL for what it did already */

typedef struct recall {
    uint64_t key, age, hash, content; /* age 0: nothing is kept; hashes of the graph with it */
    uint64_t life;                    /* of the graph that used it last: may do so until reset */
    arena memory;
    heed_tensor **node, **out;        /* its nodes, its results */
    size_t outs;
    uint32_t first, count;            /* ids of the nodes */
    link *links;         size_t link_count;
    drawn *draws;        size_t draw_count;
    beside *besides;     size_t beside_count;
} recall;

struct recall_cache { recall recall[RECALLS]; uint64_t clock; recall *now; arena outer; };

void heed_recalls_free(heed_graph *g)
{
    for (int i = 0; g->recalls && i < RECALLS; i++) arena_free(&g->recalls->recall[i].memory);
    heed_free(g->recalls);
    g->recalls = NULL;
}

static heed_draw *draw_of(const heed_tensor *t)
{
    return t->op->draw && t->attr ? (heed_draw *)(void *)((char *)t->attr + t->op->draw - 1) : NULL;
}

/* --- taking over ------------------------------------------------------------------------------------------------------------- */

static bool take_over(heed_graph *g, const recall *r)
{
    const size_t end = (size_t)r->first + r->count;
    if (!heed_grow((void **)&g->tape, &g->capacity, end, sizeof *g->tape)) return false;
    heed_tensor **tape = g->tape;
    for (uint32_t i = 0; i < r->count; i++) {
        heed_tensor *t = r->node[i];
        t->data = t->op->kind == HEED_LEAF ? &t->value : NULL;
        t->flags &= (uint8_t)~NODE_KEEP;
        t->view = t->copied = NULL;
        tape[r->first + i] = t;
    }
    for (size_t i = 0; i < r->link_count; i++) *r->links[i].where = tape[r->links[i].id];
    for (size_t i = 0; i < r->draw_count; i++) *r->draws[i].to = (heed_draw){g->seed, (g->step << 20) + r->draws[i].number};
    for (size_t i = 0; i < r->beside_count; i++) {
        const beside *b = &r->besides[i];
        if (b->view) tape[b->id]->view = b->view;
        if (b->copied) tape[b->id]->copied = b->copied;
    }
    g->count = end;
    g->hash = r->hash;
    g->content = r->content;
    return true;
}

/* Nodes are recorded into the memory of the oldest that this graph does not use. */
static void begin(heed_graph *g, uint64_t key)
{
    struct recall_cache *c = g->recalls;
    recall *r = NULL;
    for (int i = 0; i < RECALLS; i++)
        if (c->recall[i].life != g->life && (!r || c->recall[i].age < r->age)) r = &c->recall[i];
    if (!r) return;
    arena memory = r->memory;
    arena_reset(&memory);
    *r = (recall){.key = key, .life = g->life, .first = (uint32_t)g->count};
    c->outer = g->nodes;
    c->now = r;
    g->nodes = memory;
    g->once = false;
}

bool heed_recall(heed_graph *g, uint64_t key, size_t *count, heed_tensor ***out)
{
    if (!g->recalls) g->recalls = heed_calloc(1, sizeof *g->recalls);
    struct recall_cache *c = g->recalls;
    if (!c || g->eager || g->anomaly) return false;
    for (int i = 0; i < RECALLS; i++) {
        recall *r = &c->recall[i];
        if (!r->age || r->key != key || r->first != g->count || !take_over(g, r)) continue;
        r->age = ++c->clock;
        r->life = g->life;
        *count = r->outs;
        *out = r->out;
        return true;
    }
    begin(g, key);
    return false;
}

/* --- keeping ----------------------------------------------------------------------------------------------------------------- */

/* Pointers from the nodes and the results to nodes from before. */
static bool find_links(heed_graph *g, recall *r, size_t count, heed_tensor *const *out)
{
    size_t most = count + r->count; /* results, roots of views */
    for (uint32_t i = 0; i < r->count; i++) most += (size_t)r->node[i]->count;
    link *l = r->links = arena_alloc(&g->nodes, (most + 1) * sizeof *l);
    r->out = arena_alloc(&g->nodes, (count + 1) * sizeof *r->out);
    if (!l || !r->out) return false;
    for (uint32_t i = 0; i < r->count; i++) {
        heed_tensor *t = r->node[i];
        for (int k = 0; k < t->count; k++)
            if (t->x[k]->id < r->first) *l++ = (link){&t->x[k], t->x[k]->id};
        if (t->root->id < r->first) *l++ = (link){&t->root, t->root->id};
    }
    for (size_t i = 0; i < count; i++) {
        r->out[i] = out[i];
        if (out[i]->id < r->first) *l++ = (link){&r->out[i], out[i]->id};
    }
    r->link_count = (size_t)(l - r->links);
    r->outs = count;
    return true;
}

/* False too if a draw is not the graph's own: it cannot be known what it will be the next time. */
static bool find_draws(heed_graph *g, recall *r)
{
    size_t count = 0;
    for (uint32_t i = 0; i < r->count; i++) count += draw_of(r->node[i]) != NULL;
    r->draws = arena_alloc(&g->nodes, (count + 1) * sizeof *r->draws);
    if (!r->draws) return false;
    for (uint32_t i = 0; i < r->count; i++) {
        heed_draw *d = draw_of(r->node[i]);
        if (!d || d->stream == HEED_NO_DRAW.stream) continue;
        if (!heed_is_own_draw(g, *d)) return false;
        r->draws[r->draw_count++] = (drawn){d, heed_number_of_draw(g, *d)};
    }
    return true;
}

/* The views and copies that nodes remember since: of a node from before, those that are new. */
static bool find_besides(heed_graph *g, recall *r)
{
    size_t count = 0;
    for (uint32_t id = 0; id < g->count; id++) {
        const heed_tensor *t = g->tape[id];
        count += (t->view && t->view->id >= r->first) || (t->copied && t->copied->id >= r->first);
    }
    r->besides = arena_alloc(&g->nodes, (count + 1) * sizeof *r->besides);
    if (!r->besides) return false;
    for (uint32_t id = 0; id < g->count; id++) {
        const heed_tensor *t = g->tape[id];
        beside b = {id, t->view && t->view->id >= r->first ? t->view : NULL, t->copied && t->copied->id >= r->first ? t->copied : NULL};
        if (b.view || b.copied) r->besides[r->beside_count++] = b;
    }
    return true;
}

static bool keep(heed_graph *g, recall *r, size_t count, heed_tensor *const *out)
{
    r->count = (uint32_t)g->count - r->first;
    r->hash = g->hash;
    r->content = g->content;
    r->node = arena_alloc(&g->nodes, (r->count + 1) * sizeof *r->node);
    if (!r->node) return false;
    memcpy(r->node, g->tape + r->first, r->count * sizeof *r->node);
    return find_links(g, r, count, out) && find_draws(g, r) && find_besides(g, r);
}

void heed_recall_end(heed_graph *g, size_t count, heed_tensor *const *out)
{
    struct recall_cache *c = g->recalls;
    recall *r = c ? c->now : NULL;
    if (!r) return;
    if (!g->error.code && !g->once && keep(g, r, count, out)) r->age = ++c->clock;
    r->memory = g->nodes;
    g->nodes = c->outer;
    c->now = NULL;
}
