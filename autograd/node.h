/* Inside the graph: nodes, the arena they lie in, and the graph itself. Private to autograd/.
 *
 * Invariants
 *   - A node's operands were recorded before it: ids grow along every edge, so creation order is a topological order.
 *   - A view's `root` is the node that owns its memory; a root's root is itself.
 *   - `data` is set for leaves, and for stored values (targets and kept ones) from their run until reset; of all others the value
 *     lives only while a run needs it.
 *   - Nothing here is freed singly: the arena forgets all nodes at reset and keeps its blocks.
 */
#ifndef HEED_NODE_H
#define HEED_NODE_H

#include "autograd/memory.h"
#include "autograd/op.h"
#include "autograd/params.h"
#include "autograd/slab.h"

enum { NODE_NEEDS_GRAD = 1, NODE_KEEP = 2, NODE_CONTIGUOUS = 4, NODE_PARAM = 8 };

struct heed_tensor {
    const heed_op *op;
    void *data;
    heed_tensor *root;
    heed_tensor **x;
    void *attr;
    const int64_t *shape, *stride;
    int64_t size, offset;      /* elements; offset of a view within its root */
    uint32_t id, scope;
    uint8_t dtype, rank, flags;
    int32_t count;             /* operands */
    int32_t param;             /* index of the parameter of a parameter's leaf, or of an accumulation */
    double value;              /* of a scalar leaf, and its bits in the tensor's dtype at `data` */
    heed_tensor *copied, *view; /* its contiguous copy, and the last view of it by heed_view, if there is one */
};

typedef struct arena_block { struct arena_block *next; size_t size, used; } arena_block;

/* Bump allocation in blocks; reset keeps them. */
typedef struct arena { arena_block *first, *now; } arena;
void *arena_next(arena *a, size_t size); /* from another block */
static inline void *arena_alloc(arena *a, size_t size) /* 16-byte aligned, or NULL */
{
    arena_block *b = a->now;
    size = (size + 15) & ~(size_t)15;
    if (!b || size > b->size - b->used) return arena_next(a, size);
    void *p = (char *)b + b->used;
    b->used += size;
    return p;
}
/* Like heed_grow, with items that lie in the arena. */
bool arena_grow(arena *a, void **items, size_t *capacity, size_t need, size_t size);
void arena_reset(arena *a);
void arena_free(arena *a);

typedef struct scope_name { uint32_t parent; const char *path; } scope_name; /* path: whole, dotted */
/* t, or what `make` records of t's operands and attribute when it is asked for */
typedef struct named { const char *path; heed_tensor *t; uint64_t hash; heed_make_fn *make; uint32_t scope; } named;

typedef struct pool_chunk { void *block; char *base; size_t size; struct pool_chunk *next; } pool_chunk;

/* Values: chunks of memory for one run after another; `used` bytes of the newest chunk hold stored values until reset. */
typedef struct pool { pool_chunk *chunk; size_t used, wish; } pool;
char *pool_take(pool *p, size_t size);  /* room for `size` bytes after what is used, 64-byte aligned, or NULL */
void pool_reset(pool *p);
void pool_free(pool *p);

struct plan_cache;
struct recall_cache;
struct heed_profile;
typedef struct heed_prepared heed_prepared;
typedef struct heed_gradients heed_gradients;

struct heed_graph {
    heed_error error;
    heed_tensor failed;
    arena nodes;
    arena work;                          /* of planning, forgotten after it */
    heed_tensor **tape;  size_t count, capacity;
    uint64_t hash, content;              /* of the structure recorded so far; of its attributes, scalars and scopes */
    uint64_t life;                       /* number of resets */
    scope_name *scopes;  size_t scope_count, scope_capacity;
    uint32_t scope;                      /* the open one; 0 is the root */
    named *names;        size_t name_count, name_capacity;
    char **patterns;     size_t pattern_count, pattern_capacity;
    heed_tensor **param_leaf; size_t param_capacity;  /* by index in the store; valid where id < count and it is that leaf */
    heed_params *params;                 /* the store in use since reset */
    heed_gradients *gradients;           /* where those of a shard go; NULL: into the store */
    heed_prepared **prepared; size_t prepared_count, prepared_capacity; /* in use since reset */
    heed_packing packing;
    pool values;
    struct plan_cache *plans;
    struct recall_cache *recalls;
    void *scratch;       size_t scratch_size; /* of all threads together */
    uint64_t seed, step, draws;
    size_t budget;                       /* bytes of values; 0: any */
    size_t sharers;                      /* the budget is this part of what the user gave: one of so many shards; 0: all */
    size_t least;                        /* budget that would have done, where this one was too small; else 0 */
    int threads;                         /* as asked for; 0: find out */
    struct heed_profile *profile;        /* or NULL; the caller's */
    uint32_t derived;                    /* nodes from this id on were recorded by derivatives, or after them */
    bool sweeping;                       /* a derivative is being recorded */
    bool once;                           /* it did what cannot be taken over from it: recall.h */
    bool eager, anomaly, training, running, immortal;
};

/* Is t a living node of g? Not so after a reset, in another graph, and for the failed tensor. */
static inline bool heed_is_of(const heed_graph *g, const heed_tensor *t) { return t && t->id < g->count && g->tape[t->id] == t; }
heed_tensor *heed_copied(heed_graph *g, heed_tensor *t); /* t, or its row-major copy, which is recorded once */
const char *heed_scope_path(const heed_graph *g, uint32_t scope);

/* The number of a draw in its step, for those that are the graph's own as it is seeded now. */
static inline uint64_t heed_number_of_draw(const heed_graph *g, heed_draw d) { return d.stream - (g->step << 20); }
static inline bool heed_is_own_draw(const heed_graph *g, heed_draw d) { return d.seed == g->seed && heed_number_of_draw(g, d) < g->draws; }

extern const heed_op heed_op_leaf;
extern const heed_op heed_op_accumulate; /* adds its operand to the gradient of parameter number `param` */

static inline uint64_t heed_mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

/* Records the gradients of all trainable parameters in use. The targets, which lie in the arena, are the accumulations and last the loss. */
heed_code heed_record_backward(heed_graph *g, heed_tensor *loss, size_t *count, heed_tensor ***targets);

/* Makes the prepared forms in use true (prepare.c); called before a run. */
void heed_prepare_all(heed_graph *g);
heed_prepared **heed_param_prepared(heed_param *p); /* the list of its forms */
/* Where the forms of a store lie. */
typedef struct forms { int lock; heed_slab memory; } forms;
forms *heed_params_forms(heed_params *ps);

/* params.c for the executor: takes note that a gradient is written now, and tells whether it was zero before. */
bool heed_param_take_grad(heed_param *p);
void *heed_param_grad_memory(heed_param *p); /* without making the zeros true */
/* The same for the graph that adds: to the store's gradients, or to those of its shard (shards.c). Memory comes first; NULL: refused. */
void *heed_gradient_memory(heed_graph *g, heed_param *p);
bool heed_gradient_take(heed_graph *g, heed_param *p);
void heed_gradients_zero(heed_graph *g);

#endif
