/* The plan of a recurrent layer's kernels, and their arithmetic for one instruction set: recurrent_body.h for float and for double. */
#include "ops/recurrent_kernel.h"
#include "ops/gemm_internal.h"
#include "ops/rows.h"

typedef void recurrence_fn(const heed_recurrence *p, int phase, int64_t task, void *shared, void *scratch);
HEED_ISA_DECLARE(recurrence_fn, heed_recurrence_steps_f32);
HEED_ISA_DECLARE(recurrence_fn, heed_recurrence_steps_f64);
HEED_ISA_DECLARE(recurrence_fn, heed_recurrence_back_f32);
HEED_ISA_DECLARE(recurrence_fn, heed_recurrence_back_f64);

enum {
    KEPT = 4,       /* what a step of LSTM and GRU keeps of every unit */
    MANY_ROWS = 28, /* at most so many sequences are a task: their states should stay in the cache */
};

/* A task's sequences, longest first: at every step those that are not past their end come before all others. */
typedef struct row_of_task { int64_t b, length; } row_of_task;

static inline int64_t rows_of_task(const heed_recurrence *p, int64_t task, row_of_task rows[MANY_ROWS])
{
    const gemm_span span = gemm_cut(p->batch, p->rows, task);
    for (int64_t i = 0; i < span.count; i++) {
        int64_t b = span.at + i, length = p->lengths && p->lengths[b] < p->steps ? p->lengths[b] : p->steps, r = i;
        if (length < 0) length = 0;
        for (; r > 0 && rows[r - 1].length < length; r--) rows[r] = rows[r - 1];
        rows[r] = (row_of_task){b, length};
    }
    return span.count;
}

static inline int64_t rows_at(const row_of_task *rows, int64_t count, int64_t t)
{
    while (count > 0 && rows[count - 1].length <= t) count--;
    return count;
}

#define REAL float
#define VEC vf
#define LANES VF
#define V(name) HEED_CAT(vf_, name)
#define FN(name) HEED_CAT(name, _f32)
#define GEMM(name) HEED_ISA_FN(HEED_CAT(heed_gemm_##name, _f32))
#define PUBLIC(name) HEED_ISA_FN(HEED_CAT(heed_recurrence_##name, _f32))
#include "ops/recurrent_body.h"
#undef REAL
#undef VEC
#undef LANES
#undef V
#undef FN
#undef GEMM
#undef PUBLIC

#define REAL double
#define VEC vd
#define LANES VD
#define V(name) HEED_CAT(vd_, name)
#define FN(name) HEED_CAT(name, _f64)
#define GEMM(name) HEED_ISA_FN(HEED_CAT(heed_gemm_##name, _f64))
#define PUBLIC(name) HEED_ISA_FN(HEED_CAT(heed_recurrence_##name, _f64))
#include "ops/recurrent_body.h"

#if HEED_ISA_BASE

enum {
    FEW_ROWS = 12,          /* fewer are not halved for more tasks: each reads all weights at every step */
    FEWER_ROWS = 8,         /* the same where the weights are small: they come from a cache nearby */
    SMALL_WEIGHTS = 1 << 18, /* bytes */
    MANY_TASKS = 16,
    LARGE_WEIGHTS = 1 << 20, /* bytes: more come from far at every step, so fewer tasks read them */
    TASKS_OF_LARGE = 4,
    BLOCK_BYTES = 16 << 10, /* of products, to be in L1 when the gates' equations come */
};

void heed_recurrence_prepare(heed_recurrence *p, bool derivative)
{
    static const int vector[HEED_ISA_COUNT] = {16, 32, 64};
    const int64_t bytes = p->f64 ? 8 : 4, lanes = vector[p->isa] / bytes, width = 2 * lanes;
    const int64_t weights = p->gates * p->hidden * p->hidden * bytes, few = weights <= SMALL_WEIGHTS ? FEWER_ROWS : FEW_ROWS;
    const int64_t many = weights > LARGE_WEIGHTS ? TASKS_OF_LARGE : MANY_TASKS;
    p->rows = p->batch;
    while (p->rows > MANY_ROWS || (p->rows >= few && gemm_parts(p->batch, p->rows) < many)) p->rows = (p->rows + 1) / 2;
    p->pitch = gemm_parts(p->hidden, lanes) * lanes;
    if (gemm_collide(p->pitch, bytes)) p->pitch += lanes;
    int64_t padded = gemm_parts(p->hidden, width) * width;
    p->block = BLOCK_BYTES / bytes / (p->gates * (p->rows > 0 ? p->rows : 1)) / width * width;
    if (p->block < width) p->block = width;
    if (p->block > padded) p->block = padded;
    p->shared = (size_t)(p->gates * padded * p->hidden * bytes);
    int64_t elements = derivative ? (2 + p->gates) * p->rows * p->pitch : 3 * p->rows * p->pitch + p->rows * p->gates * p->block;
    p->scratch = (size_t)(elements * bytes);
}

int64_t heed_recurrence_tasks(const heed_recurrence *p, int phase) { return phase ? gemm_parts(p->batch, p->rows) : p->gates; }

void heed_recurrence_task(const heed_recurrence *p, bool derivative, int phase, int64_t task, void *shared, void *scratch)
{
    static recurrence_fn *const steps[2][HEED_ISA_COUNT] = {HEED_ISA_TABLE(heed_recurrence_steps_f32), HEED_ISA_TABLE(heed_recurrence_steps_f64)};
    static recurrence_fn *const back[2][HEED_ISA_COUNT] = {HEED_ISA_TABLE(heed_recurrence_back_f32), HEED_ISA_TABLE(heed_recurrence_back_f64)};
    (derivative ? back : steps)[p->f64][p->isa](p, phase, task, shared, scratch);
}

#endif
