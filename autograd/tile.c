/* Running a pass: one task is a row of tiles, and every tile goes through the whole chain of instructions while it is in the cache. */
#include "autograd/plan.h"

#include <string.h>

enum { MAX_OPERANDS = 16, SUM_COLUMNS = 512 };

int64_t heed_pass_tasks(const pass *p, int phase)
{
    int64_t cols = p->dim[p->rank - 1];
    return phase == 0 ? p->tasks : p->sinks * ((cols + SUM_COLUMNS - 1) / SUM_COLUMNS);
}

/* Phase 1: the partial column sums of all tasks, added task by task. */
#define ADD_PARTIALS(T, name)                                                                         \
    static void name(T *out, const T *partial, int64_t stride, int64_t tasks, int64_t n, bool accumulate) \
    {                                                                                                 \
        T sum[SUM_COLUMNS] = {0};                                                                     \
        for (int64_t t = 0; t < tasks; t++)                                                           \
            for (int64_t c = 0; c < n; c++) sum[c] += partial[t * stride + c];                        \
        for (int64_t c = 0; c < n; c++) out[c] = accumulate ? out[c] + sum[c] : sum[c];               \
    }
ADD_PARTIALS(float, add_partials_f32)
ADD_PARTIALS(double, add_partials_f64)

static size_t partial_bytes(const pass *p, int32_t size) { return ((size_t)p->dim[p->rank - 1] * (size_t)size + 63) & ~(size_t)63; }

static void finish_sinks(const pass *p, int64_t task)
{
    int64_t cols = p->dim[p->rank - 1], chunks = (cols + SUM_COLUMNS - 1) / SUM_COLUMNS, from = task % chunks * SUM_COLUMNS;
    const sink *s = &p->sink[task / chunks];
    int64_t n = cols - from < SUM_COLUMNS ? cols - from : SUM_COLUMNS, stride = (int64_t)partial_bytes(p, s->size) / s->size;
    const char *partial = p->shared_base + p->slot[s->slot].at + from * s->size;
    char *out = s->out + from * s->size;
    if (s->dtype == HEED_F32) add_partials_f32((float *)(void *)out, (const float *)(const void *)partial, stride, p->tasks, n, s->accumulate);
    else add_partials_f64((double *)(void *)out, (const double *)(const void *)partial, stride, p->tasks, n, s->accumulate);
}

/* Where each slot's element (0, 0) of this tile is, and how far it is to the next row and column. */
static void place_slots(const pass *p, heed_span *span, char *scratch, int64_t task, int64_t outer, int64_t row, int64_t col, int64_t cols)
{
    int64_t flat_row = outer * p->dim[p->rank - 2] + row, all = p->dim[p->rank - 1], at[HEED_MAX_RANK];
    for (int k = p->rank - 2; k-- > 0; outer /= p->dim[k]) at[k] = outer % p->dim[k];
    for (int i = 0; i < p->slots; i++) {
        const slot *s = &p->slot[i];
        switch (s->kind) {
        case SLOT_FULL: span[i] = (heed_span){scratch + s->at, cols, 1}; break;
        case SLOT_ROW: span[i] = (heed_span){scratch + s->at, 1, 0}; break;
        case SLOT_RESULT: span[i] = (heed_span){s->base + (flat_row * all + col) * s->size, all, 1}; break;
        case SLOT_ROWS: span[i] = (heed_span){s->base + flat_row * s->size, 1, 0}; break;
        case SLOT_PARTIAL:
            span[i] = (heed_span){p->shared_base + s->at + (size_t)task * partial_bytes(p, s->size), 0, 1};
            break;
        case SLOT_BLOCK: break; /* heed_pass_block knows */
        case SLOT_MEMORY: {
            int64_t down = s->stride[p->rank - 2], across = s->stride[p->rank - 1], offset = row * down + col * across;
            for (int k = 0; k < p->rank - 2; k++) offset += at[k] * s->stride[k];
            span[i] = (heed_span){s->base + offset * s->size, down, across};
        }
        }
    }
}

/* What is passed on by value is made where it is passed: reading back what was just written in pieces is slow. */
static void run_tile(const pass *p, const heed_span *span, heed_tile whole)
{
    const int64_t first_row = whole.first / (whole.pitch ? whole.pitch : 1);
    heed_tile t = whole;
    heed_span x[MAX_OPERANDS];
    for (int i = 0; i < p->instructions; i++) {
        const instruction *ins = &p->instruction[i];
        const heed_span *y = &span[ins->y];
        t.attr = ins->attr;
        t.count = ins->count;
        t.rank = ins->rank;
        t.shape = ins->shape;
        t.from = (heed_dtype)ins->from;
        t.to = (heed_dtype)ins->to;
        if (ins->by_row) { /* one number a row: a single long row */
            for (int k = 0; k < ins->count; k++) {
                const heed_span *from = &span[ins->x[k]];
                x[k].p = from->p;
                x[k].row = 0;
                x[k].col = p->slot[ins->x[k]].kind == SLOT_MEMORY ? from->row : 1;
            }
            t.first = first_row;
            t.pitch = t.cols = whole.rows;
            t.rows = 1;
            ins->run(&t, (heed_span){y->p, 0, 1}, x);
            continue;
        }
        t.rows = whole.rows;
        t.cols = whole.cols;
        t.first = whole.first;
        t.pitch = whole.pitch;
        bool dense = t.rows > 1 && y->row == t.cols && y->col == 1 && t.pitch == t.cols && ins->op && ins->op->kind == HEED_MAP;
        for (int k = 0; k < ins->count; k++) {
            x[k] = span[ins->x[k]];
            dense = dense && ((x[k].row == t.cols && x[k].col == 1) || (x[k].row == 0 && x[k].col == 0));
        }
        if (dense) {
            t.cols *= t.rows;
            t.rows = 1;
        }
        ins->run(&t, *y, x);
    }
}

void heed_pass_task(const pass *p, int phase, int64_t task, char *scratch)
{
    if (phase == 1) {
        finish_sinks(p, task);
        return;
    }
    heed_span few[128], *span = few;
    int64_t rows = p->dim[p->rank - 2], cols = p->dim[p->rank - 1];
    if (p->slots > 128) span = (heed_span *)(void *)(scratch + p->scratch);
    for (int i = 0; cols && i < p->sinks; i++)
        memset(p->shared_base + p->slot[p->sink[i].slot].at + (size_t)task * partial_bytes(p, p->sink[i].size), 0, partial_bytes(p, p->sink[i].size));
    int64_t end = (task + 1) * p->tiles_a_task < p->tiles ? (task + 1) * p->tiles_a_task : p->tiles;
    for (int64_t i = task * p->tiles_a_task; i < end; i++) {
        int64_t inner = p->down_first ? p->tiles_down : p->tiles_across, plane = p->tiles_down * p->tiles_across;
        int64_t fast = i % inner, slow = i % plane / inner, outer = i / plane;
        int64_t down = p->down_first ? fast : slow, across = p->down_first ? slow : fast;
        int64_t row = down * p->rows, col = across * p->cols;
        heed_tile t = {.rows = rows - row < p->rows ? rows - row : p->rows, .cols = cols - col < p->cols ? cols - col : p->cols, .pitch = cols};
        t.first = p->first + (outer * rows + row) * cols + col;
        place_slots(p, span, scratch, task, outer, row, col, t.cols);
        run_tile(p, span, t);
    }
}

/* The pass that follows a kernel, on one block of its result: slot 0. */
void heed_pass_block(const heed_call *c, void *scratch, int64_t row, int64_t rows, int64_t col, int64_t cols, void *block, int64_t stride)
{
    const pass *p = c->following;
    heed_span few[128], *span = p->slots > 128 ? (heed_span *)(void *)((char *)scratch + p->scratch) : few;
    int64_t all = p->dim[p->rank - 1];
    for (int64_t r = 0; r < rows; r += p->rows)
        for (int64_t k = 0; k < cols; k += p->cols) {
            heed_tile t = {.rows = rows - r < p->rows ? rows - r : p->rows, .cols = cols - k < p->cols ? cols - k : p->cols, .pitch = all};
            t.first = p->first + (row + r) * all + col + k;
            place_slots(p, span, scratch, 0, 0, row + r, col + k, t.cols);
            span[0] = (heed_span){(char *)block + (r * stride + k) * p->slot[0].size, stride, 1};
            run_tile(p, span, t);
        }
}
