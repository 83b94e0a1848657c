/* Matrix product       C[b,i,j] = (accumulate ? C[b,i,j] : 0) + alpha * sum_p A[b,i,p] B[b,p,j]
 *
 * A product is prepared from its shapes and strides, then run as tasks: serial functions that any thread may call in any order, with
 * a barrier between phases. How C is cut into tasks, and the order in which every element is summed, never depends on
 * threads or addresses, so neither do the bits.
 *
 *     heed_gemm p = {.m = m, .n = n, .k = k, .a = a, .a_row = k, .a_col = 1, .b = b, .b_row = n, .b_col = 1, .c = c, .c_row = n,
 *                    .alpha = 1};
 *     heed_gemm_prepare(&p);
 *     void *shared = heed_alloc(p.shared), *scratch = heed_alloc(p.scratch);
 *     for (int phase = 0; phase < p.phases; phase++)
 *         for (int64_t t = 0; t < heed_gemm_tasks(&p, phase); t++) heed_gemm_task(&p, phase, t, shared, scratch);
 *
 * Blocking after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008).
 */
#ifndef HEED_GEMM_H
#define HEED_GEMM_H

#include "../autograd/isa.h"

#include <stddef.h>
#include <stdint.h>

/* Called inside a task when a block of C has its final values: `c` is element (row, col) of matrix `batch` (the flat index over the
 * batch axes), rows are `c_stride` elements apart. Every element is in exactly one block. The place for bias, activation, residual. */
typedef void heed_gemm_done(void *context, int64_t batch, int64_t row, int64_t rows, int64_t col, int64_t cols, void *c, int64_t c_stride);

enum { HEED_GEMM_BATCH_RANK = 6 };

typedef struct heed_gemm {
    int f64;                     /* elements are 0: float, 1: double */
    int64_t m, n, k;             /* C is m x n; any of them may be 0, and k = 0 gives zeros (or leaves C with `accumulate`) */
    const void *a; int64_t a_row, a_col; /* strides in elements, any: transposed, broadcast (0), reversed (negative) */
    const void *b; int64_t b_row, b_col;
    void *c; int64_t c_row;      /* C's columns are adjacent; C overlaps neither A nor B */
    int batch_rank;              /* number of leading axes, 0 for a single product */
    int64_t batch[HEED_GEMM_BATCH_RANK], a_batch[HEED_GEMM_BATCH_RANK], b_batch[HEED_GEMM_BATCH_RANK], c_batch[HEED_GEMM_BATCH_RANK];
    int packed;                  /* B was packed in advance: `b` points to what heed_gemm_pack made, b_row and b_col are not read */
    int accumulate;
    double alpha;
    heed_gemm_done *done; void *context; /* may be NULL */

    /* Written by heed_gemm_prepare; read `phases`, `shared` and `scratch`, leave the rest. */
    int phases;                  /* 0 when C has no elements */
    size_t shared, scratch;      /* bytes needed once a product and once a thread, both 64-byte aligned; 0: NULL will do */
    heed_isa isa;
    int kind;                    /* how it is computed: see gemm.c */
    int tile, pack_a, pack_b, share_a; /* rows of a register tile; what is copied of A and B first; A once for all tasks? */
    int64_t batches, group;      /* product of `batch`; blocks (or, with shared panels, matrices) in one go */
    int64_t rows, cols, depth;   /* a block of C, and the stretch of k it is summed over before the next */
    int64_t band;                /* rows of A that meet a panel of B before the next one does */
    int64_t chunk_cols;          /* columns of B that are packed in one phase, `depth` deep */
    int64_t stretch;             /* of k, which one task sums */
} heed_gemm;

/* Chooses the path and fills the second half of `p`. Reads shapes, strides, flags and the CPU's instruction set; no pointer and no
 * thread count. Pointers, `done` and `context` may change afterwards. */
void heed_gemm_prepare(heed_gemm *p);

/* The same for a given instruction set, which the CPU must have (tests). */
void heed_gemm_prepare_isa(heed_gemm *p, heed_isa isa);

/* B packed in advance, for a matrix that many products use: panels of heed_gemm_panel columns (the last one filled up with zeros), each
 * k rows deep, row after row; that is what the kernels read, for the instruction set in use. Columns j .. of a whole number of
 * panels may be packed by themselves: they begin j * k elements into the panels. A batch of packed matrices has b_batch as distance. */
int64_t heed_gemm_panel(int f64);
size_t  heed_gemm_packed_bytes(int f64, int64_t k, int64_t n);
void    heed_gemm_pack(void *panels, int f64, int64_t k, int64_t n, const void *b, int64_t b_row, int64_t b_col);
void    heed_gemm_pack_isa(void *panels, int f64, int64_t k, int64_t n, const void *b, int64_t b_row, int64_t b_col, heed_isa isa);

/* Who multiplies: "own", or "blis" or "openblas" in a build that has one of them (-DHEED_CBLAS=...) when the environment says
 * HEED_GEMM=cblas; it then takes every product whose strides it can express. */
const char *heed_gemm_backend(void);

int64_t heed_gemm_tasks(const heed_gemm *p, int phase);
void    heed_gemm_task(const heed_gemm *p, int phase, int64_t task, void *shared, void *scratch);

#endif
