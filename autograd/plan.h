/* Inside a run: what is computed, in which order, and where. Private to autograd/.
 *
 * A plan is made from the structure of the graph alone (ops, shapes, strides, who wants what) and is kept under a hash of that structure: a
 * later graph of the same structure runs by it at once. It refers to nodes by id; `bindings` say which of its pointers have to be
 * set to which node's memory or attribute before a run.
 *
 *   group   what is executed together: one pass of fused ops, or one kernel
 *   pass    a chain of elementwise and row ops over one iteration space, executed tile by tile (pass.c); or, of elementwise
 *           ops alone, on the blocks of a kernel's result while they are in the cache (a matrix product's epilogue)
 *   place   where a node's value lies, in bytes from the run's base; stored values first, then temporaries by live range
 */
#ifndef HEED_PLAN_H
#define HEED_PLAN_H

#include "autograd/node.h"

typedef enum slot_kind {
    SLOT_FULL,    /* a register of rows x cols */
    SLOT_ROW,     /* a register of one number a row */
    SLOT_MEMORY,  /* an operand in memory, by strides over the iteration space */
    SLOT_RESULT,  /* a result in memory, whole rows */
    SLOT_ROWS,    /* a result in memory, one number a row */
    SLOT_PARTIAL, /* a task's partial column sums */
    SLOT_BLOCK    /* the result of the kernel that the pass follows */
} slot_kind;

typedef struct slot {
    char *base;                /* bound before the run: memory of operands and results */
    int64_t stride[HEED_MAX_RANK]; /* SLOT_MEMORY: elements along each collapsed axis */
    size_t at;                 /* registers: offset within the scratch; SLOT_PARTIAL: within the shared scratch */
    int32_t size;              /* bytes of an element */
    slot_kind kind;
} slot;

typedef struct instruction {
    heed_tile_fn *run;
    const void *attr;
    const heed_op *op;         /* NULL: gather a strided operand into a register */
    const int64_t *shape;      /* of the result, in the plan */
    int32_t rank;
    int32_t count, y;          /* operands; slot of the result */
    const int32_t *x;          /* slots of the operands */
    uint8_t by_row;            /* works on numbers of one a row: presented as one long row */
    uint8_t from, to;          /* dtypes of the last operand and of the result */
    uint32_t node;
} instruction;

typedef struct sink {          /* column sums: partial sums of each task, then their sum */
    int32_t slot, size;
    char *out;                 /* bound */
    heed_dtype dtype;
    int32_t param;             /* index of the parameter whose gradient it is added to, or -1 */
    bool accumulate;
} sink;

typedef struct pass {
    int rank;                  /* collapsed axes: outer ones, rows, columns */
    int64_t dim[HEED_MAX_RANK + 1];
    int64_t rows, cols;        /* of a tile */
    int64_t first;             /* flat index of the element it begins with: not 0 in a later block of a stream */
    int64_t tiles_down, tiles_across, tiles, tiles_a_task, tasks;
    bool down_first;           /* the order of tiles */
    int slots, instructions, sinks;
    slot *slot;
    instruction *instruction;
    sink *sink;
    size_t scratch, shared;
    char *shared_base;
} pass;

typedef struct kernel_step {
    const heed_op *op;
    heed_call call;
    heed_work work;
    int32_t param;             /* HEED_ADDS and accumulate: index of the parameter whose gradient is the result, or -1 */
} kernel_step;

enum { HEED_FLOW_WINDOW = 32 }; /* so many steps may be under way at once: the bits of `after` */

typedef struct plan_step {
    pass *pass;                /* one of the two */
    kernel_step *kernel;
    uint32_t first, node;      /* the first and the last node computed: for messages */
    int phases, first_phase;   /* the first one's number among those of all steps */
    size_t bound;              /* its first binding */
    uint32_t after;            /* steps it waits for: bit k is the one k + 1 before it; flow.h */
    int32_t nodes;             /* computed by it */
    bool again;                /* ran before: its results were let go to save memory */
    bool later;                /* a later block of a stream: the same group once more */
    double flops, bytes;
} plan_step;

/* BIND_DATA: `at` is the place of the node's root, -1 where it was computed by an earlier run or is a leaf; BIND_PLACE: `at` itself. While the
 * plan is made, `at` is a life's number. `offset`, in bytes, leads to the block of rows that a step of a stream works on. */
typedef enum bind_kind { BIND_DATA, BIND_ATTR, BIND_PLACE } bind_kind;
typedef struct binding { void *where; uint32_t node; bind_kind kind; int64_t at, offset; } binding;

/* A stream as explain tells it: so many groups in blocks of rows; what its large values would take, and take. */
typedef struct plan_stream { uint32_t node; int32_t groups, values; int64_t rows, block; double whole, part; } plan_stream;

typedef struct plan {
    uint64_t key, age;
    arena memory;
    plan_step *steps;         size_t count, capacity, phases;
    binding *bindings;   size_t bound, bound_capacity;
    int64_t *place;      size_t placed, place_capacity; /* by node id; -1: not computed by this plan */
    uint32_t *stored;    size_t stored_count, stored_capacity;
    plan_stream *streams; size_t stream_count, stream_capacity;
    size_t stored_bytes, peak, scratch;
    size_t unlimited;          /* the peak if nothing ran again; 0: nothing does */
    size_t buffers;
    int64_t depth;
    double work;               /* rough operations: decides whether threads pay */
    double alone, together;    /* seconds of a run by one thread and by all, of a small plan; 0: not known */
    uint32_t runs;
    bool by_one;
} plan;

/* The plan for these targets, from the cache or made now; NULL when memory is refused (the graph has failed). `fuse` false: every op alone. */
plan *heed_plan_for(heed_graph *g, int count, heed_tensor *const *targets, bool fuse);
void heed_plans_free(heed_graph *g);

/* --- the pieces of planning -------------------------------------------------------------------------------------------------- */

enum { NO_GROUP = -1 };
typedef struct group {
    bool pass, rows;           /* a pass; with ops that need whole rows */
    bool finishes;             /* a kernel, its first member, and what is run on its blocks */
    int rank;                  /* iteration space without leading ones: rank axes, the last is the columns */
    int64_t shape[HEED_MAX_RANK];
    uint32_t first, last;      /* members in order, linked by planning.next */
    int32_t count;
    int32_t stream;            /* its number, or -1 */
} group;

typedef struct row_stream {    /* groups that are run together, on one block of rows after the other */
    int32_t first, last;       /* these groups and all between them */
    int64_t rows, block;       /* of the large values; of a block */
} row_stream;

/* What lies in memory during steps from ... to: a value, or what the tasks of a step share. */
typedef struct life { uint32_t node; int32_t from, to; size_t size, at; } life;

/* A group's step; with `wanted`, run again for these values only. */
typedef struct plan_turn { int32_t group, wanted_count; const uint32_t *wanted; } plan_turn;
typedef struct narrowed { group whole; uint32_t *members; uint8_t *outside; } narrowed; /* what heed_widen brings back */

typedef struct planning {      /* lives while a plan is made */
    heed_graph *g;
    plan *p;
    bool fuse;
    uint8_t *needed;           /* by id: 1 value needed, 2 target or kept (stored) */
    int32_t *group_of;         /* by id: the group that computes it, or NO_GROUP */
    uint32_t *next;            /* by id: the next member of its group */
    int32_t *uses;             /* by root id: how many nodes read it */
    uint8_t *outside;          /* by root id: needed in memory, not only within its pass */
    uint8_t *again;            /* by root id: made anew in every pass that reads it */
    uint8_t *streamed;         /* by root id: 1 + number of the stream in which one block of it at a time is in memory, or 0 */
    int32_t *into;             /* by root id: parameter whose gradient takes the value directly, or -1 */
    group *groups;
    size_t group_count, group_capacity;
    life *lives;               /* stored values first */
    size_t life_count, life_capacity;
    plan_turn *turns;               /* to keep to a budget; NULL: every group once */
    size_t turn_count;
    int32_t *life_of;          /* by root id: the life that steps from here on read, or -1 */
    row_stream *streams;
    size_t stream_count, stream_capacity;
    int64_t row, rows, all_rows; /* the block of rows that steps are built for, and of how many; rows 0: whole values */
} planning;

enum { MAX_PASS = 64, MAX_FINISH = 16, MAX_CUT = 16 };

bool heed_group_nodes(planning *w);                         /* group.c: fills groups, group_of, next; false without memory */
bool heed_find_again(planning *w);                          /* again.c: fills again; false without memory */
static inline int32_t heed_end_of(const planning *w, int32_t i) { return w->groups[i].stream >= 0 ? w->streams[w->groups[i].stream].last + 1 : i + 1; }
bool heed_find_streams(planning *w);                        /* stream.c: fills streams and streamed, and puts groups in another order */
/* How node t of a stream of so many rows has its operands cut, and whether its result is a sum over blocks; false if it cannot be in a stream. */
bool heed_stream_cuts(const planning *w, const heed_tensor *t, int64_t rows, heed_cut *cut, bool *sums);
pass *heed_pass_build(planning *w, int32_t group, plan_step *s); /* pass.c: slots, instructions, tiling; NULL without memory */
/* The axes of the iteration space of a node (FOLD, COLUMNS: its operand's) without leading ones; rank at least 1. */
int heed_space(const heed_tensor *t, int64_t shape[HEED_MAX_RANK]);
/* Are the rows of the space, as x sees them, all as far from each other? Then this far, in elements. */
bool heed_row_stride(const heed_tensor *x, int rank, const int64_t *space, int64_t *stride);
/* May node t with this space become a member of group `number`? */
bool heed_may_join(const planning *w, const group *q, int32_t number, const heed_tensor *t, int rank, const int64_t *space);
void heed_add_member(planning *w, int32_t number, uint32_t id);
bool heed_bind_attr(planning *w, void *where, uint32_t node);
/* The step that is being built reads or writes t: it lives as long. Rows are `stride` elements apart; a step of a stream begins at its block's. */
bool heed_bind_value(planning *w, void *where, const heed_tensor *t, int64_t stride);
/* Gives every life its place from *top on, so that no two that overlap in time share a byte; *top becomes the end. False without memory. */
bool heed_lay_out(arena *work, life *lives, size_t count, size_t *top);
/* budget.c: fills turns, for a plan that was built without a budget and is larger; none where the budget is too small, *least would do. A
 * budget of 0 asks for what can be spared at next to no cost, maybe nothing. False without memory. */
bool heed_budget_turns(planning *w, size_t budget, size_t *least);
bool heed_narrow(planning *w, const plan_turn *t, narrowed *n);
void heed_widen(planning *w, const plan_turn *t, const narrowed *n);
size_t heed_padded(size_t size); /* what a value of so many bytes takes */

/* --- execution ---------------------------------------------------------------------------------------------------------------- */

heed_finish_fn heed_pass_block;
void heed_pass_task(const pass *p, int phase, int64_t task, char *scratch);
int64_t heed_pass_tasks(const pass *p, int phase);
heed_code heed_execute(heed_graph *g, plan *p);

#endif
