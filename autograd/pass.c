/* Building a pass: from the members of a group to slots, instructions and a tiling of the iteration space.
 *
 * A value that only the pass needs lives in a register: a tile's worth of scratch, reused as soon as its last reader has run.
 */
#include "autograd/plan.h"

#include <stdlib.h>
#include <string.h>

enum {
    TILE = 2048, BLOCK_COLS = 256, /* elements */
    TASK = 1 << 14,                /* elements, counted for each instruction */
    ROW_COUNTS = 4,                /* softmax and norms count as so many */
    SINK_TASKS = 32, SINK_COUNTS = 4, LINE = 32, AHEAD = 8
};

/* o[r * to + c] = a[r + c * from] for r and c below 4 */
static inline void turn_uint32_t(uint32_t *o, int64_t to, const uint32_t *a, int64_t from)
{
    typedef uint32_t four __attribute__((vector_size(16)));
    four x[4], y[4];
    for (int i = 0; i < 4; i++) memcpy(&x[i], a + i * from, sizeof x[i]);
    four a02 = __builtin_shufflevector(x[0], x[2], 0, 4, 1, 5), a13 = __builtin_shufflevector(x[1], x[3], 0, 4, 1, 5);
    four b02 = __builtin_shufflevector(x[0], x[2], 2, 6, 3, 7), b13 = __builtin_shufflevector(x[1], x[3], 2, 6, 3, 7);
    y[0] = __builtin_shufflevector(a02, a13, 0, 4, 1, 5);
    y[1] = __builtin_shufflevector(a02, a13, 2, 6, 3, 7);
    y[2] = __builtin_shufflevector(b02, b13, 0, 4, 1, 5);
    y[3] = __builtin_shufflevector(b02, b13, 2, 6, 3, 7);
    for (int i = 0; i < 4; i++) memcpy(o + i * to, &y[i], sizeof y[i]);
}
#define TURN(T)                                                                                      \
    static inline void turn_##T(T *o, int64_t to, const T *a, int64_t from)                          \
    {                                                                                                \
        for (int c = 0; c < 4; c++)                                                                  \
            for (int r = 0; r < 4; r++) o[r * to + c] = a[r + c * from];                             \
    }
TURN(uint8_t)
TURN(uint64_t)

/* Transposed operands are read along their rows, four by four. Every column is another stream to the memory: what comes AHEAD columns later
 * is asked for early. */
#define GATHER(T, name)                                                                              \
    static void name(const heed_tile *t, heed_span y, const heed_span *x)                            \
    {                                                                                                \
        T *o = y.p;                                                                                  \
        const T *a = x->p;                                                                           \
        int64_t rows = x->row == 1 ? t->rows & ~(int64_t)3 : 0, cols = x->row == 1 ? t->cols & ~(int64_t)3 : 0; \
        for (int64_t c = 0; c < cols; c += 4) {                                                      \
            for (int i = 0; i < 4; i++)                                                              \
                for (int64_t r = 0; r < rows; r += 64 / (int64_t)sizeof(T)) __builtin_prefetch((const char *)a + (r + (c + i + AHEAD) * x->col) * (int64_t)sizeof(T)); \
            for (int64_t r = 0; r < rows; r += 4) turn_##T(o + r * y.row + c, y.row, a + r + c * x->col, x->col); \
        }                                                                                            \
        for (int64_t r = 0; r < t->rows; r++)                                                        \
            for (int64_t c = r < rows ? cols : 0; c < t->cols; c++) o[r * y.row + c] = a[r * x->row + c * x->col]; \
    }
GATHER(uint8_t, gather_1)
GATHER(uint32_t, gather_4)
GATHER(uint64_t, gather_8)

static heed_tile_fn *gather_of(int32_t size) { return size == 1 ? gather_1 : size == 4 ? gather_4 : gather_8; }

typedef struct builder {
    planning *w;
    const group *q;            /* its space is one block of rows in a stream */
    const group *whole;
    int32_t number;
    pass *p;
    int32_t *slot_of;          /* by member position: slot of its value */
    struct copy { uint32_t id; int32_t slot; } *copies; /* values of other groups that are made anew here */
    size_t slot_capacity, instruction_capacity, sink_capacity, copy_capacity, copy_count;
    bool failed;
} builder;

static int32_t new_slot(builder *b, slot_kind kind, heed_dtype dtype)
{
    pass *p = b->p;
    size_t capacity = b->slot_capacity;
    if (!arena_grow(&b->w->g->work, (void **)&p->slot, &capacity, (size_t)p->slots + 1, sizeof *p->slot)) {
        b->failed = true;
        return 0;
    }
    b->slot_capacity = capacity;
    p->slot[p->slots] = (slot){.kind = kind, .size = (int32_t)heed_dtype_size(dtype)};
    return p->slots++;
}

static instruction *new_instruction(builder *b)
{
    pass *p = b->p;
    if (!arena_grow(&b->w->g->work, (void **)&p->instruction, &b->instruction_capacity, (size_t)p->instructions + 1, sizeof *p->instruction)) {
        b->failed = true;
        return NULL;
    }
    instruction *i = &p->instruction[p->instructions++];
    memset(i, 0, sizeof *i);
    return i;
}

/* strides of x over the group's iteration space: 0 where it is broadcast */
static void strides_over(const builder *b, const heed_tensor *x, int64_t *stride)
{
    const group *q = b->q;
    if (b->w->rows) {
        heed_row_stride(x, b->whole->rank, b->whole->shape, &stride[0]);
        stride[1] = x->rank && x->shape[x->rank - 1] != 1 ? x->stride[x->rank - 1] : 0;
        return;
    }
    for (int i = 0; i < q->rank; i++) {
        int axis = i - q->rank + x->rank;
        stride[i] = axis >= 0 && x->shape[axis] != 1 ? x->stride[axis] : 0;
    }
}

static int32_t add_instruction(builder *b, const heed_tensor *t, const heed_tensor **seen);

/* The register of a value of another group that is made anew. */
static int32_t copy_slot(builder *b, const heed_tensor *t, const heed_tensor **seen)
{
    for (size_t i = 0; i < b->copy_count; i++)
        if (b->copies[i].id == t->id) return b->copies[i].slot;
    int32_t made = add_instruction(b, t, seen);
    if (!arena_grow(&b->w->g->work, (void **)&b->copies, &b->copy_capacity, b->copy_count + 1, sizeof *b->copies)) b->failed = true;
    else b->copies[b->copy_count++] = (struct copy){t->id, made};
    return made;
}

/* The slot of an operand: where the pass computes it, or a place in memory. */
static int32_t operand_slot(builder *b, const heed_tensor *x, const heed_tensor **seen)
{
    const planning *w = b->w;
    if (w->group_of[x->root->id] == b->number) {
        int32_t at = 0;
        for (uint32_t id = b->q->first; id != x->root->id; id = w->next[id]) at++;
        return b->slot_of[at];
    }
    if (w->again[x->root->id]) return copy_slot(b, x->root, seen);
    for (int32_t i = 0; i < b->p->slots; i++)
        if (b->p->slot[i].kind == SLOT_MEMORY && seen[i] == x) return i;
    int32_t i = new_slot(b, SLOT_MEMORY, (heed_dtype)x->dtype);
    if (b->failed) return 0;
    strides_over(b, x, b->p->slot[i].stride);
    seen[i] = x;
    return i;
}

static heed_tile_fn *kernel_of(const heed_op *op, heed_dtype from)
{
    heed_tile_fn *const *paths = op->tile[from];
    heed_tile_fn *fn = paths[heed_isa_now()];
    return fn ? fn : paths[HEED_PORTABLE];
}

/* Appends the instruction of a node and returns the slot of its result. */
static int32_t add_instruction(builder *b, const heed_tensor *t, const heed_tensor **seen)
{
    planning *w = b->w;
    const group *q = b->q;
    int64_t cols = q->shape[q->rank - 1];
    bool one = t->rank == 0 || t->shape[t->rank - 1] == 1;
    bool fold = t->op->kind == HEED_FOLD, columns = t->op->kind == HEED_COLUMNS;
    bool by_row = q->rows && cols != 1 && one && t->op->kind == HEED_MAP;
    heed_dtype from = (heed_dtype)(t->count ? t->x[t->count - 1]->dtype : t->dtype);
    heed_tile_fn *run = kernel_of(t->op, from);
    if (!run) {
        heed_graph_fail(w->g, HEED_UNSUPPORTED, "%s: not defined for %s", t->op->name, heed_dtype_name(from));
        b->failed = true;
        return 0;
    }
    int32_t *x = arena_alloc(&w->p->memory, (size_t)(t->count + 1) * sizeof *x);
    int64_t *shape = arena_alloc(&w->p->memory, (size_t)(t->rank + 1) * sizeof *shape);
    if (!x || !shape) {
        b->failed = true;
        return 0;
    }
    for (int i = 0; i < t->count && !b->failed; i++) x[i] = operand_slot(b, t->x[i], seen);
    for (int i = 0; i < t->rank; i++) shape[i] = t->shape[i];
    slot_kind kind = columns ? SLOT_PARTIAL : w->outside[t->id] ? (by_row || fold ? SLOT_ROWS : SLOT_RESULT) : by_row || fold ? SLOT_ROW : SLOT_FULL;
    int32_t y = new_slot(b, kind, (heed_dtype)t->dtype);
    instruction *ins = b->failed ? NULL : new_instruction(b);
    if (!ins) return 0;
    seen[y] = t;
    *ins = (instruction){.run = run, .op = t->op, .shape = shape, .rank = t->rank, .count = t->count, .y = y, .x = x, .by_row = by_row,
                         .from = (uint8_t)from, .to = t->dtype, .node = t->id};
    if (columns) {
        pass *p = b->p;
        if (!arena_grow(&w->g->work, (void **)&p->sink, &b->sink_capacity, (size_t)p->sinks + 1, sizeof *p->sink)) {
            b->failed = true;
            return 0;
        }
        p->sink[p->sinks++] = (sink){.slot = y, .size = (int32_t)heed_dtype_size((heed_dtype)t->dtype), .dtype = (heed_dtype)t->dtype, .param = -1};
    }
    return y;
}

/* Merges neighbouring axes wherever all operands in memory allow it; `fixed` keeps the last axis to itself. Leaves at least two axes. */
static void collapse(pass *p, const group *q)
{
    int n = 0, last = q->rank - 1;
    for (int i = 0; i <= last; i++) {
        bool protect = q->rows && i == last;
        if (q->shape[i] == 1 && !protect) continue;
        bool merge = n > 0 && !protect;
        for (int s = 0; s < p->slots && merge; s++)
            if (p->slot[s].kind == SLOT_MEMORY) merge = p->slot[s].stride[n - 1] == p->slot[s].stride[i] * q->shape[i];
        if (merge) p->dim[n - 1] *= q->shape[i];
        else p->dim[n++] = q->shape[i];
        for (int s = 0; s < p->slots; s++) p->slot[s].stride[n - 1] = p->slot[s].stride[i];
    }
    while (n < 2) { /* a leading axis of one row, or a last axis of one column */
        bool front = n == 1;
        for (int i = n; i > 0 && front; i--) p->dim[i] = p->dim[i - 1];
        for (int s = 0; s < p->slots; s++) {
            if (front) p->slot[s].stride[1] = p->slot[s].stride[0];
            p->slot[s].stride[front ? 0 : n] = 0;
        }
        p->dim[front ? 0 : n] = 1;
        n++;
    }
    p->rank = n;
}

/* Operands that no kernel could read in place are gathered into registers right before their first use. */
static void insert_gathers(builder *b)
{
    pass *p = b->p;
    int slots = p->slots, old = p->instructions;
    instruction *list = p->instruction;
    bool any = false;
    for (int i = 0; i < slots && !any; i++) {
        const slot *s = &p->slot[i];
        any = s->kind == SLOT_MEMORY && ((s->stride[p->rank - 1] != 0 && s->stride[p->rank - 1] != 1) || s->stride[p->rank - 2] > 1 ||
                                         s->stride[p->rank - 2] < 0);
    }
    if (!any) return;
    int32_t *moved = arena_alloc(&b->w->g->work, (size_t)slots * 2 * sizeof *moved);
    if (!moved) {
        b->failed = true;
        return;
    }
    memset(moved, -1, (size_t)slots * 2 * sizeof *moved);
    p->instruction = NULL;
    p->instructions = 0;
    b->instruction_capacity = 0;
    for (int i = 0; i < old && !b->failed; i++) {
        for (int k = 0; k < list[i].count && !b->failed; k++) {
            int32_t x = list[i].x[k];
            const slot *s = &p->slot[x];
            if (x >= slots || s->kind != SLOT_MEMORY) continue;
            int64_t col = s->stride[p->rank - 1], row = s->stride[p->rank - 2];
            bool by_row = list[i].by_row;
            if (by_row ? row == 0 || row == 1 : col == 0 || col == 1) continue;
            int32_t *to = &moved[2 * x + by_row];
            if (*to < 0) {
                int32_t size = s->size;
                *to = new_slot(b, by_row ? SLOT_ROW : SLOT_FULL, size == 1 ? HEED_U8 : size == 4 ? HEED_F32 : HEED_F64);
                int32_t *from = arena_alloc(&b->w->p->memory, sizeof *from);
                instruction *ins = b->failed ? NULL : new_instruction(b);
                if (!ins || !from) {
                    b->failed = true;
                    return;
                }
                *from = x;
                *ins = (instruction){.run = gather_of(size), .count = 1, .y = *to, .x = from, .by_row = by_row, .node = list[i].node};
            }
            ((int32_t *)(uintptr_t)list[i].x)[k] = *to;
        }
        instruction *ins = b->failed ? NULL : new_instruction(b);
        if (ins) *ins = list[i];
    }
}

/* Is there an operand whose rows are closer to each other than its columns? */
static bool has_transposed(const pass *p)
{
    for (int i = 0; i < p->slots; i++) {
        int64_t down = llabs(p->slot[i].stride[p->rank - 2]), across = llabs(p->slot[i].stride[p->rank - 1]);
        if (p->slot[i].kind == SLOT_MEMORY && down && down < across) return true;
    }
    return false;
}

static int64_t work_of(const pass *p)
{
    int64_t work = 0;
    for (int i = 0; i < p->instructions; i++) work += p->instruction[i].op && p->instruction[i].op->kind == HEED_ROW ? ROW_COUNTS : 1;
    return work;
}

static void choose_tiles(pass *p, const group *q)
{
    int64_t rows = p->dim[p->rank - 2], cols = p->dim[p->rank - 1], outer = 1;
    for (int i = 0; i < p->rank - 2; i++) outer *= p->dim[i];
    p->cols = q->finishes ? (cols < BLOCK_COLS ? cols : BLOCK_COLS) : q->rows || cols < TILE ? cols : TILE;
    p->rows = p->cols ? TILE / p->cols : TILE;
    if (!q->finishes && has_transposed(p)) { /* as many rows as make whole cache lines of what lies one below the other */
        if (!q->rows && rows >= LINE && p->cols > TILE / LINE) p->cols = TILE / LINE;
        if (p->rows < LINE && p->cols * LINE <= 8 * TILE) p->rows = LINE;
        p->down_first = rows < cols; /* the fewer pages are come back to */
    }
    if (p->rows > rows) p->rows = rows;
    if (p->rows < 1) p->rows = 1;
    p->tiles_down = (rows + p->rows - 1) / p->rows;
    p->tiles_across = p->cols ? (cols + p->cols - 1) / p->cols : q->rows; /* an empty row still has a sum */
    p->tiles = outer * p->tiles_down * p->tiles_across;
    int64_t one = p->rows * p->cols * (p->sinks ? SINK_COUNTS : work_of(p)); /* what sums are split by does not depend on what is made anew */
    p->tiles_a_task = one > 0 && one < TASK ? TASK / one : 1;
    if (p->sinks && p->tiles_a_task * SINK_TASKS < p->tiles) p->tiles_a_task = (p->tiles + SINK_TASKS - 1) / SINK_TASKS;
    p->tasks = (p->tiles + p->tiles_a_task - 1) / p->tiles_a_task;
}

/* Registers: offsets in the scratch, taken again when their last reader has run. An elementwise result may take its operand's if every element
 * lies where its operand did: not a number a row, not another size. */
static bool assign_registers(builder *b)
{
    pass *p = b->p;
    arena *work = &b->w->g->work;
    int32_t *last = arena_alloc(work, (size_t)(p->slots + 1) * sizeof *last);
    struct hole { size_t at, size; } *hole = arena_alloc(work, (size_t)(p->slots + 1) * sizeof *hole);
    if (!last || !hole) return false;
    int holes = 0;
    for (int i = 0; i < p->slots; i++) last[i] = -1;
    for (int i = 0; i < p->instructions; i++) {
        last[p->instruction[i].y] = i;
        for (int k = 0; k < p->instruction[i].count; k++) last[p->instruction[i].x[k]] = i;
    }
    for (int i = 0; i < p->instructions; i++) {
        const instruction *ins = &p->instruction[i];
        bool map = !ins->op || ins->op->kind == HEED_MAP;
        slot *y = &p->slot[ins->y];
        for (int turn = 0; turn < 3; turn++) {
            if (turn == 1) { /* the result */
                if (y->kind == SLOT_FULL || y->kind == SLOT_ROW) {
                    size_t size = ((size_t)(y->kind == SLOT_FULL ? p->rows * p->cols : p->rows) * (size_t)y->size + 63) & ~(size_t)63;
                    if (!size) size = 64;
                    int h = 0;
                    while (h < holes && hole[h].size != size) h++;
                    if (h < holes) {
                        y->at = hole[h].at;
                        hole[h] = hole[--holes];
                    } else {
                        y->at = p->scratch;
                        p->scratch += size;
                    }
                }
            } else
                for (int k = 0; k < ins->count; k++) { /* operands that are read for the last time */
                    int32_t s = ins->x[k];
                    const slot *x = &p->slot[s];
                    if (last[s] != i || (x->kind != SLOT_FULL && x->kind != SLOT_ROW)) continue;
                    if (turn == 0 && !(map && x->kind == y->kind && x->size == y->size)) continue;
                    size_t size = ((size_t)(x->kind == SLOT_FULL ? p->rows * p->cols : p->rows) * (size_t)x->size + 63) & ~(size_t)63;
                    hole[holes++] = (struct hole){x->at, size ? size : 64};
                    last[s] = -1; /* once, however often this instruction names it */
                }
        }
    }
    return true;
}

static void *to_plan(plan *p, const void *items, size_t size)
{
    void *copy = arena_alloc(&p->memory, size ? size : 1);
    if (copy && size) memcpy(copy, items, size);
    return copy;
}

/* Slots that a node's instruction may take, with those of what is made anew for it. */
static size_t slots_of(const planning *w, const heed_tensor *t, int32_t number)
{
    size_t n = (size_t)t->count + 1;
    for (int i = 0; i < t->count; i++)
        if (w->group_of[t->x[i]->root->id] != number && w->again[t->x[i]->root->id]) n += slots_of(w, t->x[i]->root, number);
    return n;
}

pass *heed_pass_build(planning *w, int32_t number, plan_step *st)
{
    const group *whole = &w->groups[number];
    group block = *whole, *q = &block;
    plan *to = w->p;
    pass *p = arena_alloc(&to->memory, sizeof *p);
    size_t most = 0;
    if (w->rows) {
        block.shape[1] = whole->shape[whole->rank - 1];
        block.shape[0] = w->rows;
        block.rank = 2;
    }
    for (uint32_t at = q->first, i = 0; i < (uint32_t)q->count; i++, at = w->next[at]) most += slots_of(w, w->g->tape[at], number);
    const heed_tensor **seen = arena_alloc(&w->g->work, (most + 1) * sizeof *seen);
    builder b = {.w = w, .q = q, .whole = whole, .number = number, .p = p, .slot_of = arena_alloc(&w->g->work, (size_t)q->count * sizeof(int32_t))};
    if (!p || !seen || !b.slot_of) return NULL;
    memset(p, 0, sizeof *p);
    int32_t position = 0;
    uint32_t id = q->first;
    if (q->finishes) { /* the kernel's result comes in blocks */
        const heed_tensor *t = w->g->tape[id];
        b.slot_of[position++] = new_slot(&b, SLOT_BLOCK, (heed_dtype)t->dtype);
        seen[0] = t;
        id = w->next[id];
    }
    for (; position < q->count && !b.failed; id = w->next[id]) b.slot_of[position++] = add_instruction(&b, w->g->tape[id], seen);
    if (b.failed) return NULL;
    int own = p->slots;
    int64_t *row_stride = arena_alloc(&w->g->work, (size_t)(own + 1) * sizeof *row_stride); /* in a stream */
    if (!row_stride) return NULL;
    for (int i = 0; i < own; i++) {
        slot_kind kind = p->slot[i].kind;
        row_stride[i] = kind == SLOT_MEMORY ? p->slot[i].stride[0] : kind == SLOT_ROWS ? 1 : q->shape[q->rank - 1];
    }
    p->first = w->row * q->shape[q->rank - 1];
    collapse(p, q);
    insert_gathers(&b);
    if (b.failed) return NULL;
    choose_tiles(p, q);
    int64_t cols = p->dim[p->rank - 1];
    for (int i = 0; i < p->sinks; i++) {
        p->slot[p->sink[i].slot].at = p->shared;
        p->shared += (((size_t)cols * (size_t)p->sink[i].size + 63) & ~(size_t)63) * (size_t)(p->tasks ? p->tasks : 1);
    }
    if (!assign_registers(&b)) return NULL;
    /* from the workspace into the plan, where pointers stay */
    p->slot = to_plan(to, p->slot, (size_t)p->slots * sizeof *p->slot);
    p->instruction = to_plan(to, p->instruction, (size_t)p->instructions * sizeof *p->instruction);
    p->sink = to_plan(to, p->sink, (size_t)p->sinks * sizeof *p->sink);
    if (!p->slot || !p->instruction || !p->sink) return NULL;
    bool ok = true;
    for (int i = 0; i < own && ok; i++) {
        slot_kind kind = p->slot[i].kind;
        if (kind != SLOT_MEMORY && kind != SLOT_RESULT && kind != SLOT_ROWS) continue;
        double share = w->rows && row_stride[i] ? (double)w->rows / (double)w->all_rows : 1;
        ok = heed_bind_value(w, &p->slot[i].base, seen[i], row_stride[i]);
        st->bytes += (double)seen[i]->size * p->slot[i].size * share;
    }
    for (int i = 0; i < p->sinks && ok; i++) {
        const heed_tensor *t = seen[p->sink[i].slot];
        p->sink[i].param = w->into[t->id];
        p->sink[i].accumulate = w->row > 0;
        if (p->sink[i].param < 0) ok = heed_bind_value(w, &p->sink[i].out, t, 0);
        st->bytes += (double)t->size * p->sink[i].size;
    }
    for (int i = 0; i < p->instructions && ok; i++) {
        const instruction *ins = &p->instruction[i];
        if (ins->op && ins->op->attr_size) ok = heed_bind_attr(w, &p->instruction[i].attr, ins->node);
        double space = 1;
        for (int k = 0; k < p->rank - ins->by_row; k++) space *= (double)p->dim[k];
        if (ins->op) st->flops += space;
    }
    size_t spans = (size_t)p->slots * sizeof(heed_span); /* a large pass keeps them in the scratch */
    if (p->scratch + spans > to->scratch) to->scratch = p->scratch + spans;
    if (q->pass) st->phases = p->sinks ? 2 : 1;
    return ok ? p : NULL;
}
