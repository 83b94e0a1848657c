/* What gemm.c (the plan) and gemm_kernel.c (the arithmetic) share. */
#ifndef HEED_GEMM_INTERNAL_H
#define HEED_GEMM_INTERNAL_H

#include "ops/gemm.h"
#include "ops/simd.h"

/* How a product is computed:
 * LOCAL   one phase; a task is a few blocks of C, and copies what it needs of B for itself
 * SHARED  B (and transposed A) in chunks: while a chunk is multiplied the next one is copied into panels for all tasks; big products
 * SPLIT   k in stretches, each giving a product of its own; a second phase adds these in order; small C, long k
 * ROWS    one phase; a few rows times a wide B that is read once, in place, at the speed of memory: decoding
 * CBLAS   one task calls the library (gemm_cblas.c) */
enum { GEMM_LOCAL, GEMM_SHARED, GEMM_SPLIT, GEMM_ROWS, GEMM_CBLAS };

/* pack_a: where it lies, rows copied next to each other, or tiles (p by p, for transposed A); pack_b: where it lies, panel by panel, or
 * all panels of a block before its first tile. */
enum { A_IN_PLACE, A_ROWS, A_TILES };
enum { B_IN_PLACE, B_PANEL, B_BLOCK };

/* The register tile: C rows x columns (in vectors) that stay in registers while k runs. */
#if defined(HEED_ISA_AVX512)
enum { GEMM_TILE = 14, GEMM_TILE_VECTORS = 2, GEMM_REGISTERS = 32 };
#elif defined(HEED_ISA_AVX2)
enum { GEMM_TILE = 6, GEMM_TILE_VECTORS = 2, GEMM_REGISTERS = 16 };
#else
enum { GEMM_TILE = 4, GEMM_TILE_VECTORS = 2, GEMM_REGISTERS = 16 };
#endif

typedef struct gemm_span { int64_t at, count; } gemm_span;

/* Part `i` of the parts of `step` that [0, whole) is cut into. */
static inline gemm_span gemm_cut(int64_t whole, int64_t step, int64_t i)
{
    int64_t left = whole - i * step;
    return (gemm_span){i * step, left < step ? left : step};
}
static inline int64_t gemm_parts(int64_t whole, int64_t step) { return step > 0 ? (whole + step - 1) / step : 0; }

/* Rows of A that lie a multiple of 4 KiB apart share the sets of an L1 cache, so only as many rows as it has ways are read together. */
enum { GEMM_WAYS = 8 };
static inline int gemm_collide(int64_t stride, int64_t bytes) { return stride && stride * bytes % 4096 == 0; }

/* Element offset of matrix `index` of the batch. */
static inline int64_t gemm_batch_offset(const heed_gemm *p, const int64_t *stride, int64_t index)
{
    int64_t offset = 0;
    for (int d = p->batch_rank; d-- > 0; index /= p->batch[d]) offset += index % p->batch[d] * stride[d];
    return offset;
}

/* SHARED: a part of B that is packed in one phase and multiplied in the next. */
typedef struct gemm_chunk {
    gemm_span n, k;              /* the part of B */
    int64_t first, matrices;     /* of the batch */
    int64_t padded;              /* columns of its panels */
    int64_t elements;            /* of one matrix in `shared`: panels of B, then tiles of A if they are shared too */
    int64_t b_cols, b_depth, b_units; /* what one task packs of B, and how many such tasks there are */
    int64_t a_rows, a_depth, a_units; /* the same for A */
    int64_t blocks;              /* of one matrix of C */
} gemm_chunk;

/* A task packs long lines of what is contiguous across panels (memory is fastest when read on and on), few panels of what is not. */
enum { GEMM_PACK_COLS = 512, GEMM_PACK_LINES = 64, GEMM_PACK_PANELS = 4, GEMM_PACK_DEPTH = 256 };

/* Two kinds of tasks, many and few, mixed evenly, so that any stretch of them has its share of both: how many of the few are before `task`. */
static inline int64_t gemm_mixed(int64_t task, int64_t few, int64_t all) { return task * few / all; }

static inline int64_t gemm_chunks(const heed_gemm *p)
{
    return gemm_parts(p->batches, p->group) * gemm_parts(p->n, p->chunk_cols) * (p->k > 0 ? gemm_parts(p->k, p->depth) : 1);
}

static inline gemm_chunk gemm_chunk_of(const heed_gemm *p, int64_t i, int64_t width)
{
    gemm_chunk c;
    int64_t k_parts = p->k > 0 ? gemm_parts(p->k, p->depth) : 1, n_parts = gemm_parts(p->n, p->chunk_cols);
    c.k = gemm_cut(p->k, p->depth, i % k_parts);
    c.n = gemm_cut(p->n, p->chunk_cols, i / k_parts % n_parts);
    c.first = i / k_parts / n_parts * p->group;
    c.matrices = gemm_cut(p->batches, p->group, i / k_parts / n_parts).count;
    c.padded = gemm_parts(c.n.count, width) * width;
    c.elements = (c.padded + (p->share_a ? p->m : 0)) * c.k.count;
    c.b_cols = p->b_col == 1 ? GEMM_PACK_COLS / width * width : GEMM_PACK_PANELS * width;
    c.b_depth = p->b_col == 1 ? GEMM_PACK_LINES : GEMM_PACK_DEPTH;
    c.b_units = gemm_parts(c.n.count, c.b_cols) * gemm_parts(c.k.count, c.b_depth);
    c.a_rows = (p->a_row == 1 ? GEMM_PACK_COLS : 8 * p->tile) / p->tile * p->tile;
    c.a_depth = p->a_row == 1 ? GEMM_PACK_LINES : GEMM_PACK_DEPTH;
    c.a_units = p->share_a ? gemm_parts(p->m, c.a_rows) * gemm_parts(c.k.count, c.a_depth) : 0;
    c.blocks = gemm_parts(p->m, p->rows) * gemm_parts(c.n.count, p->cols);
    return c;
}

static inline int64_t gemm_multiply_tasks(const heed_gemm *p, int phase, int64_t width)
{
    if (phase == 0) return 0;
    gemm_chunk c = gemm_chunk_of(p, phase - 1, width);
    return c.matrices * c.blocks;
}

static inline int64_t gemm_pack_tasks(const heed_gemm *p, int phase, int64_t width)
{
    if (phase >= gemm_chunks(p)) return 0;
    gemm_chunk c = gemm_chunk_of(p, phase, width);
    return c.matrices * (c.b_units + c.a_units);
}

typedef void gemm_task_fn(const heed_gemm *p, int phase, int64_t task, void *shared, void *scratch);
HEED_ISA_DECLARE(gemm_task_fn, heed_gemm_task_f32);
HEED_ISA_DECLARE(gemm_task_fn, heed_gemm_task_f64);

/* For kernels that multiply blocks of their own, on this file's instruction set; sizes in elements.
 *
 * pack: B (k x n, any strides) as panels, gemm_panels(n, k) elements at most. multiply: C (+)= alpha A B with A where it lies and B
 * in panels packed `b_depth` >= k deep (b_row 0), or where it lies with unit column stride and n a multiple of the vector's lanes. dots: the same for B
 * contiguous along k, and A too, without any copy: right for up to four rows. */
static inline int64_t gemm_panels(int64_t n, int64_t k, int64_t bytes)
{
    int64_t width = GEMM_TILE_VECTORS * HEED_VBYTES / bytes;
    return gemm_parts(n, width) * width * k;
}
static inline int64_t gemm_pitch(int64_t depth, int64_t lanes) { return (depth + 2 * lanes - 1) / lanes * lanes; } /* of copied rows */
#define GEMM_BLOCKS(real, type)                                                                                             \
    void HEED_ISA_FN(heed_gemm_multiply_##type)(int64_t m, int64_t n, int64_t k, const real *a, int64_t a_row, int64_t a_col,  \
                                                const real *b, int64_t b_row, int64_t b_depth, real *c, int64_t c_row,         \
                                                real alpha, int add);                                                          \
    void HEED_ISA_FN(heed_gemm_dots_##type)(int64_t m, int64_t n, int64_t k, const real *a, int64_t a_row, const real *b,      \
                                            int64_t b_col, real *c, int64_t c_row, real alpha, int add);
typedef void gemm_pack_f32(float *panels, const float *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n);
typedef void gemm_pack_f64(double *panels, const double *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n);
HEED_ISA_DECLARE(gemm_pack_f32, heed_gemm_pack_f32);
HEED_ISA_DECLARE(gemm_pack_f64, heed_gemm_pack_f64);
GEMM_BLOCKS(float, f32)
GEMM_BLOCKS(double, f64)

#if defined(HEED_CBLAS)
int  heed_gemm_cblas_wanted(const heed_gemm *p);
void heed_gemm_cblas(const heed_gemm *p);
#endif

#endif
