/* The plan of a matrix product: which path, which blocks, how many tasks. The arithmetic is in gemm_kernel.c. */
#include "ops/gemm_internal.h"

#if HEED_ISA_BASE

static int64_t lower(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t upper(int64_t a, int64_t b) { return a > b ? a : b; }

/* The smallest multiple of `step` that cuts `whole` into as many parts as `most` would. */
static int64_t even(int64_t whole, int64_t most, int64_t step)
{
    int64_t part = gemm_parts(whole, upper(gemm_parts(whole, most), 1));
    return upper(gemm_parts(part, step), 1) * step;
}

enum {
    FEW_ROWS = 8,            /* up to here a product is a matter of reading B */
    MANY_TASKS = 32,         /* a phase should have, so that 16 threads end together */
    TASK_WORK = 1 << 19,     /* multiplications that outweigh fetching a task */
    BIG_TASK = 1 << 23,      /* multiplications of a task beyond which a thread that comes late is waited for too long */
    SHARED_WORK = 1 << 22,   /* multiplications that outweigh a barrier */
    FAR_BYTES = 1 << 10,     /* from one row of B to the next: when it comes from memory, copying is faster than reading with gaps */
    PANEL_BYTES = 32 << 10,  /* a panel of B, to stay in L1 */
    CHUNK_BYTES = 2 << 20,   /* what one phase packs for the next, to stay in L2 */
    CHUNK_COLS = 2048,       /* columns of C in one phase: A is packed again for the next ones */
    SHARED_ROWS = 8192,      /* more rows than this are not packed in advance */
    L2_BYTES = 1 << 20,      /* the part of them that consecutive tasks share */
};

static void plan_rows(heed_gemm *p, int64_t width)
{
    p->kind = GEMM_ROWS;
    p->rows = p->m;
    int64_t cols = 4 * width; /* the widest tile */
    p->cols = lower(p->n, upper(cols, TASK_WORK / 16 / upper(p->k, 1) / cols * cols));
    p->group = upper(1, TASK_WORK / 16 / upper(p->cols * upper(p->k, 1), 1));
}

static void plan_local(heed_gemm *p, int64_t width, int64_t bytes)
{
    p->kind = GEMM_LOCAL;
    p->pack_b = p->b_col != 1 || p->m > 2 * p->tile || p->b_row * bytes >= FAR_BYTES;
    p->rows = even(p->m, p->batches >= MANY_TASKS ? 256 : 128, p->tile);
    int64_t blocks = p->batches * gemm_parts(p->m, p->rows), work = lower(p->rows, p->m) * upper(p->k, 1);
    int64_t cols = upper(gemm_parts(p->n * blocks, MANY_TASKS), TASK_WORK / work); /* enough tasks, but none too small */
    p->cols = even(p->n, upper(cols, 1), width);
    p->pack_a = lower(p->cols, p->n) >= 16 * width || (p->a_col != 1 && p->a_row != 1 && lower(p->cols, p->n) > 2 * width);
    p->group = upper(1, TASK_WORK / (work * lower(p->cols, p->n)));
}

static void plan_shared(heed_gemm *p, int64_t width, int64_t bytes)
{
    p->kind = GEMM_SHARED;
    p->pack_a = 1;
    p->chunk_cols = even(p->n, CHUNK_COLS, width);
    p->share_a = (p->n > 8 * width || p->a_col != 1) && p->m <= SHARED_ROWS; /* else packing A once a task is no loss */
    int64_t packed = CHUNK_BYTES / bytes / (p->chunk_cols + (p->share_a ? p->m : 0)); /* this deep */
    p->chunk_k = even(p->k, lower(4, upper(1, packed / p->depth)) * p->depth, p->depth);
    p->group = p->chunk_cols < p->n || p->chunk_k < p->k ? 1 : lower(p->batches, upper(1, packed / p->chunk_k));

    /* A task's block: as square as may be, since a row costs packing A and a column costs fetching B from far. */
    int64_t tiles = p->share_a || p->a_row != 1 ? 8 : 32; /* of transposed rows, long stretches */
    p->rows = even(p->m, upper(96, tiles * p->tile), p->tile);
    p->cols = even(p->chunk_cols, upper(256, L2_BYTES / bytes / lower(p->k, p->chunk_k)), width);
    int64_t work = p->group * p->m * p->chunk_cols * lower(p->k, p->chunk_k);
    int64_t wanted = lower(upper(work / BIG_TASK, MANY_TASKS / 2), 2 * MANY_TASKS);
    while (p->group * gemm_parts(p->m, p->rows) * gemm_parts(p->chunk_cols, p->cols) < wanted) {
        if (p->cols > (p->share_a ? p->rows : 4 * p->rows) && p->cols > width) p->cols = even(p->cols, gemm_parts(p->cols, 2), width);
        else if (p->rows > 2 * p->tile) p->rows = even(p->rows, gemm_parts(p->rows, 2), p->tile);
        else break;
    }
    if (!p->share_a && p->a_col == 1 && p->cols <= 4 * width) p->pack_a = 0;
}

void heed_gemm_prepare_isa(heed_gemm *p, heed_isa isa)
{
    static const int tile[HEED_ISA_COUNT] = {4, 6, 14}, vector[HEED_ISA_COUNT] = {16, 32, 64}; /* GEMM_TILE, HEED_VBYTES */
    const int64_t bytes = p->f64 ? 8 : 4, width = 2 * vector[isa] / bytes;
    p->isa = isa;
    p->tile = tile[isa];
    p->phases = 0;
    p->shared = p->scratch = 0;
    p->pack_a = p->pack_b = p->share_a = 0;
    p->rows = p->cols = p->group = p->chunk_k = p->chunk_cols = 0;
    p->batches = 1;
    for (int d = 0; d < p->batch_rank; d++) p->batches *= p->batch[d];
    if (p->m <= 0 || p->n <= 0 || p->batches <= 0) return;
    p->phases = 1;
#if defined(HEED_CBLAS)
    if (heed_gemm_cblas_wanted(p)) {
        p->kind = GEMM_CBLAS;
        return;
    }
#endif
    p->depth = even(p->k, lower(512, PANEL_BYTES / (width * bytes)), 4);
    int few = p->m <= FEW_ROWS && (p->b_col == 1 || p->b_row == 1);
    if (few) plan_rows(p, width);
    else if (p->m > (p->n < 1024 ? 64 : 128) && p->m * p->n * p->k >= SHARED_WORK && p->batches < MANY_TASKS) plan_shared(p, width, bytes);
    else plan_local(p, width, bytes);

    if (p->kind == GEMM_SHARED) {
        p->phases = (int)(2 * gemm_parts(p->batches, p->group) * gemm_parts(p->n, p->chunk_cols) * gemm_parts(p->k, p->chunk_k));
        p->shared = (size_t)(p->group * (p->chunk_cols + (p->share_a ? p->m : 0)) * lower(p->k, p->chunk_k) * bytes);
    } else if (!p->pack_a && gemm_collide(p->a_row, bytes)) {
        p->tile = (int)lower(p->tile, GEMM_WAYS);
    }
    int64_t vec = vector[isa] / bytes; /* a panel of B and tiles of A; for a few rows an edge of B or a copy of A */
    if (few) p->scratch = (size_t)(p->k * upper(vec, p->m) * bytes);
    else p->scratch = (size_t)(p->depth * (width + (p->pack_a && !p->share_a ? p->rows : 0)) * bytes);
}

void heed_gemm_prepare(heed_gemm *p) { heed_gemm_prepare_isa(p, heed_isa_now()); }

int64_t heed_gemm_tasks(const heed_gemm *p, int phase)
{
    if (p->kind == GEMM_CBLAS) return 1;
    if (p->kind != GEMM_SHARED)
        return gemm_parts(p->batches * gemm_parts(p->m, p->rows) * gemm_parts(p->n, p->cols), p->group);
    static const int vector[HEED_ISA_COUNT] = {16, 32, 64};
    gemm_chunk chunk = gemm_chunk_of(p, phase, 2 * vector[p->isa] / (p->f64 ? 8 : 4));
    return chunk.matrices * chunk.units;
}

void heed_gemm_task(const heed_gemm *p, int phase, int64_t task, void *shared, void *scratch)
{
    static gemm_task_fn *const f32[] = HEED_ISA_TABLE(heed_gemm_task_f32), *const f64[] = HEED_ISA_TABLE(heed_gemm_task_f64);
#if defined(HEED_CBLAS)
    if (p->kind == GEMM_CBLAS) {
        heed_gemm_cblas(p);
        return;
    }
#endif
    (p->f64 ? f64 : f32)[p->isa](p, phase, task, shared, scratch);
}

#endif
