/* An op: one `const` descriptor that tells its shape rule, kernel, derivative and cost. The library's own ops and a user's are the same.
 *
 * Kinds, by how the engine may run them:
 *   HEED_MAP        elementwise with NumPy broadcasting; runs inside passes, rectangle by rectangle
 *   HEED_ROW        a whole last-axis row in, a whole row out (softmax, layer norm); runs inside passes
 *   HEED_FOLD       a last-axis row in, one number out: the last axis becomes 1; runs inside passes
 *   HEED_COLUMNS    sum over all axes but the last: [..., C] -> [C]; its partial sums are taken inside a pass
 *   HEED_VIEW       the operand's memory seen through another shape, offset and strides; costs nothing
 *   HEED_KERNEL     anything else: tasks in phases
 */
#ifndef HEED_OP_H
#define HEED_OP_H

#include "graph.h"
#include "isa.h"

typedef enum heed_kind { HEED_MAP, HEED_ROW, HEED_FOLD, HEED_COLUMNS, HEED_VIEW, HEED_KERNEL, HEED_LEAF } heed_kind;

enum {
    HEED_SMOOTH = 1,      /* differentiable to any order where it is defined: the second derivative is tested too */
    HEED_ANY_STRIDE = 2,  /* HEED_KERNEL only: takes operands of any strides; others get contiguous copies where needed */
    HEED_ADDS = 4,        /* HEED_KERNEL only: can add to its result's memory (heed_call.accumulate) */
    HEED_NO_GRADIENT = 8, /* no derivative by definition (comparisons, argmax): gradients stop here */
    HEED_LAST_CONTIGUOUS = 16, /* HEED_KERNEL only: takes any strides as long as the last axis has stride 1 (or size 1) */
    HEED_FINISHES = 32    /* HEED_KERNEL only: calls heed_call.finish, so elementwise ops that follow can be run on its blocks */
};

/* --- shape rule ------------------------------------------------------------------------------------------------------------- */

/* What a shape rule sees and fills in. It returns false through heed_reject, which makes the graph fail with
 * "scope: op: sentence". Before the call dtype is that of the last operand. */
typedef struct heed_shaping {
    heed_graph *g;
    const struct heed_op *op;
    int count;
    heed_tensor *const *x;
    void *attr;                     /* the op's own copy; the rule may normalise it (negative axes) */
    heed_dtype dtype;
    int rank;
    int64_t shape[HEED_MAX_RANK];
    int64_t stride[HEED_MAX_RANK], offset; /* HEED_VIEW only: relative to x[0]'s own strides and offset, in elements */
} heed_shaping;

bool heed_reject(heed_shaping *s, const char *format, ...) HEED_PRINTF(2, 3);
bool heed_shape_like(heed_shaping *s, const heed_tensor *x);      /* the result has x's shape */
bool heed_shape_broadcast(heed_shaping *s);                       /* all operands broadcast together; same dtype demanded (masks excepted) */
bool heed_shape_float(heed_shaping *s);                           /* rejects unless every operand is float32 or float64, all the same */
int64_t heed_stride(const heed_tensor *t, int axis);              /* in elements */
const int64_t *heed_shape(const heed_tensor *t);                  /* the sizes of all axes, and the strides, until reset; NULL with rank 0 */
const int64_t *heed_strides(const heed_tensor *t);
/* "[16,31,64]" into text[size]; returns text. */
char *heed_shape_text(const heed_tensor *t, char *text, size_t size);

/* --- derivative ---------------------------------------------------------------------------------------------------------------- */

/* Given dy, a vjp sets dx[i] for every i with need[i], in public ops. dx[i] may have a shape that x[i] broadcasts to: it is summed. A dx left
 * NULL means zero. What it records follows from dtypes, shapes, strides and attr alone, not from numbers in memory: it is not asked again for a graph
 * like one before. */
typedef struct heed_vjp {
    int count;
    heed_tensor *const *x;
    heed_tensor *y, *dy;
    const void *attr;
    const bool *need;
    heed_tensor **dx;
} heed_vjp;

/* --- kernels of passes ------------------------------------------------------------------------------------------------------- */

/* A rectangle of rows x cols elements. Operand i of element (r, c) is at x[i].p + r * x[i].row + c * x[i].col (in elements); col is 0 or 1.
 * HEED_FOLD writes y at r * y.row; HEED_COLUMNS adds to y at c. `first` is the flat index of element (0, 0) in the result, and
 * a row further is `pitch` further: for what depends on the index (dropout, triangles). */
typedef struct heed_span { void *p; int64_t row, col; } heed_span;
typedef struct heed_tile {
    int64_t rows, cols, first, pitch;
    const void *attr;
    int count;                    /* operands */
    int rank;                     /* of the result */
    const int64_t *shape;         /* of the result */
    heed_dtype from, to;          /* dtype of the last operand and of the result */
} heed_tile;
typedef void heed_tile_fn(const heed_tile *t, heed_span y, const heed_span *x);

/* --- kernels of tasks ---------------------------------------------------------------------------------------------------------- */

typedef struct heed_array {        /* an operand or the result of a kernel */
    void *p;
    heed_dtype dtype;
    int rank;
    int64_t size;
    const int64_t *shape, *stride; /* strides in elements; the result is always contiguous */
} heed_array;

typedef struct heed_call heed_call;
/* What follows the kernel, on a block of the result (seen as a matrix of its last axis' rows) that has its final values: bias, activation,
 * residual. `block` is element (row, col), rows are `stride` elements apart; every element is in exactly one block. `scratch` lies behind the
 * bytes that work() asked for, rounded up to 64. */
typedef void heed_finish_fn(const heed_call *c, void *scratch, int64_t row, int64_t rows, int64_t col, int64_t cols, void *block, int64_t stride);

struct heed_call {                 /* one execution of one node; pointers are NULL while planning */
    heed_array y;
    int count;
    const heed_array *x;
    const void *attr;
    bool accumulate;               /* HEED_ADDS: y += ... */
    void *shared;                  /* scratch of the whole call, 64-byte aligned */
    heed_finish_fn *finish;        /* HEED_FINISHES; NULL: nothing follows */
    const void *following;         /* the engine's */
    heed_isa isa;
};

typedef struct heed_work {         /* how a call is split: from shapes and strides alone; a plan is kept for other attributes and any number of threads */
    int phases;                    /* one begins when the tasks of the one before are done; 1 at first */
    size_t shared, scratch;        /* bytes shared by all tasks, and bytes for each thread; 0 at first */
} heed_work;

/* Blocks of rows: where a value is large, the engine may run the steps that make and read it on some of its rows at a time, so that only a
 * block of it is ever in memory (autograd/stream.c). How an operand is cut for that: not at all, by its rows (all axes but the last, as one; in
 * a call they are axis -2, and those before it are 1), or by its last axis. */
typedef enum heed_cut { HEED_UNCUT, HEED_BY_ROWS, HEED_BY_LAST } heed_cut;

/* --- the descriptor ---------------------------------------------------------------------------------------------------------------- */

typedef struct heed_op {
    const char *name;
    heed_kind kind;
    int operands;                                             /* exact number, or -1 for any */
    unsigned flags;
    size_t attr_size;                                         /* bytes copied from heed_apply's attr; best without any between members */
    size_t draw;                                              /* 1 + offset of a heed_draw in attr, a multiple of 8; 0: there is none */
    bool (*shape)(heed_shaping *s);                           /* NULL: views that heed_view alone records */
    void (*vjp)(heed_graph *g, const heed_vjp *v);            /* NULL with HEED_NO_GRADIENT */
    /* HEED_MAP, HEED_ROW, HEED_FOLD, HEED_COLUMNS: the kernel by dtype of the last operand (of the result if there is none) and path;
     * a missing path takes the portable one */
    heed_tile_fn *tile[HEED_DTYPES][HEED_ISA_COUNT];
    /* HEED_KERNEL */
    void (*work)(const heed_call *c, heed_work *w);           /* NULL: one phase, no scratch */
    int64_t (*tasks)(const heed_call *c, int phase);          /* NULL: one task */
    void (*run)(const heed_call *c, int phase, int64_t task, void *scratch);
    double (*flops)(const heed_call *c);                      /* NULL: one for each element of the result */
    /* Can blocks of rows be made alone? NULL: no. cut[i] comes as large operands have to be cut, HEED_UNCUT for the others, and leaves as
     * each has to be. The result is cut by rows, or, with *sums set, it is the sum over all blocks (HEED_ADDS). From shapes alone. */
    bool (*cut)(int count, heed_tensor *const *x, heed_cut *cut, bool *sums);
} heed_op;

/* Records a node. Copies attr_size bytes of attr. */
heed_tensor *heed_apply(heed_graph *g, const heed_op *op, int count, heed_tensor *const *x, const void *attr);
/* A view of x from its first element, of known shape and strides: what heed_apply records, without asking the shape rule; the last one again, if it is
 * the same. `attr` NULL: the node has none. */
heed_tensor *heed_view(heed_graph *g, const heed_op *op, heed_tensor *x, const void *attr, int rank, const int64_t *shape, const int64_t *stride);
/* x itself if its elements lie in row-major order, else a copy that does. */
heed_tensor *heed_contiguous(heed_graph *g, heed_tensor *x);
bool heed_is_contiguous(const heed_tensor *x);
/* The values, row-major, where they are known without computing (inputs, parameters, and what a run has stored), else NULL. */
const void *heed_known(const heed_tensor *x);
/* Sums a broadcast gradient back: dy to `shape`. */
heed_tensor *heed_sum_to(heed_graph *g, heed_tensor *dy, int rank, const int64_t *shape);
/* True when a tensor so named in the current scope is to be kept (heed_keep_named). */
bool heed_wanted(heed_graph *g, const char *name);
/* Gives a name in the current scope to what is recorded only for whoever asks for it (heed_find, heed_keep_named), from the operands and the
 * attribute of node `of`. */
typedef heed_tensor *heed_make_fn(heed_graph *g, heed_tensor *const *x, const void *attr);
void heed_name_later(heed_graph *g, const char *name, heed_tensor *of, heed_make_fn *make);
/* The number of this draw for a random op: unique within the graph since reset, the same for equal programs. Seeds by heed_graph_seed. */
typedef struct heed_draw { uint64_t seed, stream; } heed_draw;
#define HEED_NO_DRAW ((heed_draw){0, UINT64_MAX}) /* of an op that could draw and does not */
heed_draw heed_next_draw(heed_graph *g);

#endif
