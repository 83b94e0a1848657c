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
    CHUNK_BYTES = 4 << 20,   /* what one phase packs for the next */
    LONGEST = 4096,          /* rows of a block of a very wide C */
    BAND = 1024,             /* rows of a transposed A that are packed together: its lines are read on and on */
    SHARED_ROWS = 4096,      /* more rows of a transposed A than this are packed by the tasks that need them */
    LOW = 256,               /* stretch of k where a band of A has to stay near */
    STRETCH = 512,           /* of k, which outweighs writing and adding a product of its own */
    SPLIT_SIZE = 1 << 17,    /* elements of C up to which k is split */
    PACKED_DEPTH = 4096,     /* of B packed in advance: sums are taken in the order of k, as packed_kernel.c takes them */
};

/* By instruction set: the register tile's rows and vector bytes (GEMM_TILE, HEED_VBYTES); the stretch of k that is summed in registers, so that tiles
 * of A stay in L1 (and with AVX2, where L2 is small, a panel of B); the bytes of B that stay in L2 while tiles of A go by. */
static const int tile_rows[HEED_ISA_COUNT] = {4, 6, 14}, vector_bytes[HEED_ISA_COUNT] = {16, 32, 64};
static const int tile_depth[HEED_ISA_COUNT] = {512, 384, 512}, near_bytes[HEED_ISA_COUNT] = {256 << 10, 256 << 10, 512 << 10};

static void plan_rows(heed_gemm *p, int64_t width)
{
    p->kind = GEMM_ROWS;
    p->rows = p->m;
    int64_t cols = 4 * width; /* the widest tile */
    p->cols = lower(p->n, upper(cols, TASK_WORK / 16 / upper(p->k, 1) / cols * cols));
    p->group = upper(1, TASK_WORK / 16 / upper(p->cols * upper(p->k, 1), 1));
}

static int64_t panel_of(int f64, heed_isa isa) { return 2 * vector_bytes[isa] / (f64 ? 8 : 4); }

/* How A is read: rows where they lie, unless they share the sets of L1; its transpose in tiles. */
static int copy_of_a(const heed_gemm *p, int64_t bytes)
{
    if (p->a_col != 1) return A_TILES;
    return p->tile > GEMM_WAYS && gemm_collide(p->a_row, bytes) ? A_ROWS : A_IN_PLACE;
}

static void plan_local(heed_gemm *p, int64_t width, int64_t bytes)
{
    p->kind = GEMM_LOCAL;
    p->pack_b = p->b_col != 1 || p->m > 2 * p->tile || p->b_row * bytes >= FAR_BYTES ? B_PANEL : B_IN_PLACE;
    p->rows = even(p->m, p->batches >= MANY_TASKS ? 256 : 128, p->tile);
    int64_t blocks = p->batches * gemm_parts(p->m, p->rows), work = lower(p->rows, p->m) * upper(p->k, 1);
    int64_t cols = upper(gemm_parts(p->n * blocks, MANY_TASKS), TASK_WORK / work); /* enough tasks, but none too small */
    p->cols = even(p->n, upper(cols, 1), width);
    if (lower(p->cols, p->n) >= 16 * width || (p->a_col != 1 && p->a_row != 1 && lower(p->cols, p->n) > 2 * width)) p->pack_a = A_TILES;
    p->band = p->rows;
    p->group = upper(1, TASK_WORK / (work * lower(p->cols, p->n)));
}

/* Columns of B, `depth` deep, that stay near; all of C's if these are fewer. */
static int64_t near_cols(const heed_gemm *p, int64_t width, int64_t bytes)
{
    return upper(width, near_bytes[p->isa] / bytes / upper(1, p->depth) / width * width);
}

/* Every task packs the columns of B it multiplies all of A with. */
static void plan_wide(heed_gemm *p, int64_t width, int64_t bytes)
{
    p->kind = GEMM_LOCAL;
    p->pack_a = copy_of_a(p, bytes);
    p->pack_b = B_BLOCK;
    p->rows = even(p->m, LONGEST, p->tile);
    p->cols = even(p->n, lower(near_cols(p, width, bytes), upper(4 * width, p->n / MANY_TASKS)), width);
    if (p->pack_a == A_TILES) p->depth = even(p->k, LOW, 4);
    p->band = p->pack_a == A_TILES ? even(p->rows, BAND, p->tile) : p->tile;
    p->group = 1;
}

static void plan_split(heed_gemm *p, int64_t width, int64_t bytes)
{
    p->kind = GEMM_SPLIT;
    p->pack_a = copy_of_a(p, bytes);
    p->pack_b = B_BLOCK;
    p->rows = even(p->m, 256, p->tile);
    p->cols = even(p->n, lower(near_cols(p, width, bytes), 256), width);
    p->band = p->pack_a == A_TILES ? p->rows : p->tile;
    p->stretch = even(p->k, STRETCH, 4);
    p->group = 1;
}

static void plan_shared(heed_gemm *p, int64_t width, int64_t bytes)
{
    p->kind = GEMM_SHARED;
    p->pack_a = copy_of_a(p, bytes);
    p->share_a = p->pack_a == A_TILES && p->m <= SHARED_ROWS && !p->packed;
    if (p->pack_a == A_TILES && !p->share_a) p->depth = even(p->k, LOW, 4);
    int64_t packed = CHUNK_BYTES / bytes / upper(1, lower(p->k, p->depth)); /* columns */
    p->chunk_cols = even(p->n, packed, width);
    p->group = p->chunk_cols < p->n || p->depth < p->k ? 1 : lower(p->batches, upper(1, packed / p->chunk_cols));
    p->cols = even(p->chunk_cols, near_cols(p, width, bytes), width);
    int64_t work = p->group * p->m * p->chunk_cols * lower(p->k, p->depth);
    int64_t wanted = lower(upper(work / BIG_TASK, MANY_TASKS / 2), 2 * MANY_TASKS);
    int64_t parts = gemm_parts(wanted, p->group * gemm_parts(p->chunk_cols, p->cols));
    p->rows = even(p->m, upper(2 * p->tile, gemm_parts(p->m, parts)), p->tile);
    if (p->pack_a == A_TILES && !p->share_a) p->rows = even(p->m, upper(p->rows, lower(BAND, gemm_parts(p->m, MANY_TASKS / 2))), p->tile);
    p->band = p->pack_a == A_TILES && !p->share_a ? even(p->rows, BAND, p->tile) : p->tile;
}

void heed_gemm_prepare_isa(heed_gemm *p, heed_isa isa)
{
    const int64_t bytes = p->f64 ? 8 : 4, vec = vector_bytes[isa] / bytes, width = 2 * vec;
    p->isa = isa;
    p->tile = tile_rows[isa];
    p->phases = 0;
    p->shared = p->scratch = 0;
    p->pack_a = p->pack_b = p->share_a = 0;
    p->rows = p->cols = p->group = p->stretch = p->chunk_cols = p->band = 0;
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
    p->depth = even(p->k, p->packed ? PACKED_DEPTH : tile_depth[isa], 4);
    const int64_t work = p->m * p->n * p->k;
    int few = p->m <= FEW_ROWS && (p->b_col == 1 || p->b_row == 1 || p->packed);
    if (few) plan_rows(p, width);
    else if (p->k >= 2 * STRETCH && work >= SHARED_WORK && p->batches * p->m * p->n <= SPLIT_SIZE && !p->packed) plan_split(p, width, bytes);
    else if (p->m > (p->n < 1024 ? 64 : 128) && work >= SHARED_WORK && p->batches < MANY_TASKS) {
        if (p->n >= 4 * MANY_TASKS * width) plan_wide(p, width, bytes);
        else plan_shared(p, width, bytes);
    } else plan_local(p, width, bytes);
    if (p->packed) p->pack_b = B_IN_PLACE;

    const int64_t padded = gemm_parts(lower(p->n, p->cols), width) * width;
    if (p->kind == GEMM_SHARED && !p->packed) {
        int64_t chunks = gemm_chunks(p);
        p->phases = (int)(chunks + 1);
        p->shared = (size_t)(lower(chunks, 2) * p->group * (p->chunk_cols + (p->share_a ? p->m : 0)) * lower(p->k, p->depth) * bytes);
    } else if (p->kind == GEMM_SPLIT) {
        p->phases = 2;
        p->shared = (size_t)(p->batches * gemm_parts(p->k, p->stretch) * p->m * p->n * bytes);
    }
    if (p->pack_a == A_IN_PLACE && gemm_collide(p->a_row, bytes)) p->tile = (int)lower(p->tile, GEMM_WAYS);
    /* for a few rows a copy of A or an edge of B; else packed B, then packed A */
    if (few) p->scratch = (size_t)(p->k * upper(vec, p->m) * bytes);
    else {
        int64_t a = p->pack_a == A_TILES ? p->depth : p->pack_a == A_ROWS ? gemm_pitch(p->depth, vec) : 0;
        p->scratch = (size_t)((p->depth * (p->pack_b == B_BLOCK ? padded : p->kind == GEMM_SHARED || p->packed ? 0 : width) + (p->share_a ? 0 : p->band * a)) * bytes);
    }
}

void heed_gemm_prepare(heed_gemm *p) { heed_gemm_prepare_isa(p, heed_isa_now()); }

int64_t heed_gemm_tasks(const heed_gemm *p, int phase)
{
    if (p->kind == GEMM_CBLAS) return 1;
    const int64_t rows = gemm_parts(p->m, p->rows), blocks = rows * gemm_parts(p->n, p->cols);
    if (p->kind == GEMM_SPLIT) return p->batches * (phase ? rows : blocks * gemm_parts(p->k, p->stretch));
    if (p->kind != GEMM_SHARED || p->packed) return gemm_parts(p->batches * blocks, p->group);
    const int64_t width = panel_of(p->f64, p->isa);
    return gemm_multiply_tasks(p, phase, width) + gemm_pack_tasks(p, phase, width);
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

int64_t heed_gemm_panel(int f64) { return panel_of(f64, heed_isa_now()); }

size_t heed_gemm_packed_bytes(int f64, int64_t k, int64_t n)
{
    int64_t width = heed_gemm_panel(f64);
    return (size_t)(gemm_parts(n, width) * width * k * (f64 ? 8 : 4));
}

void heed_gemm_pack_isa(void *panels, int f64, int64_t k, int64_t n, const void *b, int64_t b_row, int64_t b_col, heed_isa isa)
{
    static gemm_pack_f32 *const pack_f32[] = HEED_ISA_TABLE(heed_gemm_pack_f32);
    static gemm_pack_f64 *const pack_f64[] = HEED_ISA_TABLE(heed_gemm_pack_f64);
    if (f64) pack_f64[isa](panels, b, b_row, b_col, k, n);
    else pack_f32[isa](panels, b, b_row, b_col, k, n);
}

void heed_gemm_pack(void *panels, int f64, int64_t k, int64_t n, const void *b, int64_t b_row, int64_t b_col)
{
    heed_gemm_pack_isa(panels, f64, k, n, b, b_row, b_col, heed_isa_now());
}

#endif
