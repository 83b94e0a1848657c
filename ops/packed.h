/* Matrix products with a packed weight: the forms, shared by the op (packed.c) and the kernels (packed_kernel.c).
 *
 * A weight w [k, n] (or its transpose, for an embedding that also gives logits) is cut into panels of 32 columns, the last one filled up with
 * zeros. A panel is contiguous and as deep as k, so that few rows stream it at the speed of memory and many rows find it in the cache:
 *
 *   float32   the panels of gemm_internal.h, whose width is that of the instruction set's tile
 *   bf16      for each p 16 words: column j in the low half, column j + 16 in the high one, so that a shift and a mask make floats of both
 *   int8      for each 4 p 32 words: of column j the four numbers p .. p + 3; w = scale[j] q, |q| <= 127
 *
 * int8: each row of x is rounded in the same way when it is used, x = s q, so that y = s scale[j] sum_p q_p q_pj, the sum exact in 32 bits. */
#ifndef HEED_PACKED_H
#define HEED_PACKED_H

#include "ops/gemm_internal.h"

enum { PACKED_COLS = 32, PACKED_QUAD = 4, PACKED_MOST_DEPTH = 131071 /* 127^2 of them fit 31 bits */ };

static inline int64_t packed_quads(int64_t k) { return gemm_parts(k, PACKED_QUAD); }
/* Bytes of an int8 panel: 32 scales, 32 sums of a column, the words. */
static inline int64_t packed_panel8(int64_t k) { return (2 + packed_quads(k)) * PACKED_COLS * 4; }
/* Bytes of a row of x in 8 bits. */
static inline int64_t packed_row8(int64_t k) { return gemm_parts(packed_quads(k) * PACKED_QUAD, 64) * 64; }

/* y [m, 32] = x [m, k] times a panel, m at most PACKED_ROWS; `cols` columns are written. A sum is taken in the order of k, whatever m is. */
typedef void packed_bf16_fn(int64_t m, int64_t k, const float *x, const uint32_t *panel, float *y, int64_t y_row, int64_t cols);
HEED_ISA_DECLARE(packed_bf16_fn, heed_packed_bf16);
typedef void packed_int8_fn(int64_t m, int64_t k, const int8_t *x, const float *x_scale, const void *panel, float *y, int64_t y_row, int64_t cols);
HEED_ISA_DECLARE(packed_int8_fn, heed_packed_int8);
/* One row of x in 8 bits, with zeros up to packed_row8, and its scale. */
typedef void packed_round_fn(int64_t k, const float *x, int8_t *to, float *scale);
HEED_ISA_DECLARE(packed_round_fn, heed_packed_round);

/* float32: m rows times as many columns as a panel of heed_gemm_pack_f32 has. */
enum { PACKED_ROWS = 256, PACKED_FEW = 4 };
typedef void packed_f32_fn(int64_t m, int64_t k, const float *x, const float *panel, float *y, int64_t y_row, int64_t cols);
HEED_ISA_DECLARE(packed_f32_fn, heed_packed_f32);
typedef void packed_pack_fn(float *panels, const float *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n);
HEED_ISA_DECLARE(packed_pack_fn, heed_gemm_pack_f32);

#endif
