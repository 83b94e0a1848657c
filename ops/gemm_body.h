/* The arithmetic of matrix products for one element type, included by gemm_kernel.c with
 * REAL, VEC, LANES (type, its vector, lanes), V(name) (vf_name or vd_name), FN(name) (name with the type's suffix) and PUBLIC(name). */

/* C tile (+)= alpha * A tile * B tile. A(i,p) = a[i * a_row + p * a_col], B(p, :) = nv whole vectors at b + p * b_row; the first `cols`
 * columns are written. Meanwhile k elements `ahead_step` apart are fetched into L2: the next tile. mr and nv are constants where this is inlined, so that `sum` lives in registers. */
ALWAYS_INLINE void FN(tile)(const int mr, const int nv, int64_t k, const REAL *a, int64_t a_row, int64_t a_col,
                            const REAL *b, int64_t b_row, REAL *c, int64_t c_row, int64_t cols, REAL alpha, int add,
                            const REAL *ahead, int64_t ahead_step)
{
    VEC sum[GEMM_TILE][8];
    const REAL *row[(GEMM_TILE + 2) / 3]; /* one pointer for three rows: x86 adds 0, 1 or 2 strides for free */
    UNROLL(5) for (int i = 0; i < mr; i += 3) {
        row[i / 3] = a + i * a_row;
        KEEP_POINTER(row[i / 3]);
    }
    UNROLL(14) for (int i = 0; i < mr; i++) UNROLL(8) for (int v = 0; v < nv; v++) {
        sum[i][v] = (VEC){0};
        __builtin_prefetch(c + i * c_row + v * LANES, 1); /* C is often in no cache, and the loop below leaves time to fetch it */
    }

    for (; k > 0; k--) {
        VEC y[8];
        if (2 * mr > GEMM_TILE) {
            __builtin_prefetch(ahead, 0, 2);
            ahead += ahead_step;
        }
        UNROLL(8) for (int v = 0; v < nv; v++) {
            y[v] = V(load)(b + v * LANES);
            if (mr > 1) KEEP(y[v]);
        }
        UNROLL(14) for (int i = 0; i < mr; i++) {
            VEC x = V(set)(row[i / 3][i % 3 * a_row]);
            KEEP(x);
            UNROLL(8) for (int v = 0; v < nv; v++) sum[i][v] = V(fma)(x, y[v], sum[i][v]);
        }
        UNROLL(5) for (int i = 0; i < mr; i += 3) row[i / 3] += a_col;
        b += b_row;
    }

    VEC scale = V(set)(alpha);
    if (cols == nv * LANES) {
        UNROLL(14) for (int i = 0; i < mr; i++, c += c_row) UNROLL(8) for (int v = 0; v < nv; v++)
            V(store)(c + v * LANES, add ? V(fma)(scale, sum[i][v], V(load)(c + v * LANES)) : scale * sum[i][v]);
        return;
    }
    UNROLL(14) for (int i = 0; i < mr; i++, c += c_row) UNROLL(8) for (int v = 0; v < nv; v++) {
        int64_t n = cols - v * LANES < LANES ? cols - v * LANES : LANES;
        if (n <= 0) continue;
        VEC x = add ? V(fma)(scale, sum[i][v], V(load_edge)(c + v * LANES, n)) : scale * sum[i][v];
        V(store_edge)(c + v * LANES, x, n);
    }
}

typedef void FN(tile_fn)(int64_t k, const REAL *a, int64_t a_row, int64_t a_col, const REAL *b, int64_t b_row,
                         REAL *c, int64_t c_row, int64_t cols, REAL alpha, int add, const REAL *ahead, int64_t ahead_step);

/* The tiles that fit the registers, as rows and the logarithm of vectors: each becomes a function, and the table finds it. */
#define TILES_4(X) X(1, 0) X(2, 0) X(3, 0) X(4, 0) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(1, 2) X(2, 2) X(1, 3)
#define TILES_6(X) TILES_4(X) X(5, 0) X(6, 0) X(5, 1) X(6, 1)
#define TILES_14(X) TILES_6(X) X(7, 0) X(8, 0) X(9, 0) X(10, 0) X(11, 0) X(12, 0) X(13, 0) X(14, 0) X(7, 1) X(8, 1) X(9, 1) \
    X(10, 1) X(11, 1) X(12, 1) X(13, 1) X(14, 1) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(2, 3)
#if defined(HEED_ISA_AVX512)
#define TILES TILES_14
#elif defined(HEED_ISA_AVX2)
#define TILES TILES_6
#else
#define TILES TILES_4
#endif
#define TILE_NAME(mr, lg) FN(HEED_CAT(tile_##mr##_, lg))
#define TILE_FUNCTION(mr, lg)                                                                                               \
    static void TILE_NAME(mr, lg)(int64_t k, const REAL *a, int64_t a_row, int64_t a_col, const REAL *b, int64_t b_row,    \
                                  REAL *c, int64_t c_row, int64_t cols, REAL alpha, int add, const REAL *ahead,             \
                                  int64_t ahead_step)                                                                      \
    {                                                                                                                      \
        FN(tile)(mr, 1 << lg, k, a, a_row, a_col, b, b_row, c, c_row, cols, alpha, add, ahead, ahead_step);                \
    }
#define TILE_ENTRY(mr, lg) [mr][lg] = TILE_NAME(mr, lg),
TILES(TILE_FUNCTION)
static FN(tile_fn) *const FN(tiles)[GEMM_TILE + 1][4] = {TILES(TILE_ENTRY)}; /* NULL where there is none */
#undef TILES_4
#undef TILES_6
#undef TILES_14
#undef TILES
#undef TILE_NAME
#undef TILE_FUNCTION
#undef TILE_ENTRY

/* out[p * step + i] = in(i, p) for i < count <= step, p < k. Lanes beyond `count` are written, never used. */
static void FN(pack)(REAL *out, int64_t step, const REAL *in, int64_t i_stride, int64_t p_stride, int64_t count, int64_t k)
{
    if (i_stride == 1 && count == 2 * LANES && step == count) {
        for (int64_t p = 0; p < k; p++, in += p_stride, out += step) {
            __builtin_prefetch(in + GEMM_AHEAD * p_stride);
            __builtin_prefetch(in + GEMM_AHEAD * p_stride + LANES);
            V(store)(out, V(load)(in));
            V(store)(out + LANES, V(load)(in + LANES));
        }
    } else if (i_stride == 1 && count <= LANES && step == count) { /* a whole vector reaches into the next p, but not beyond the last */
        const REAL *end = out + k * step;
        for (; end - out >= LANES; in += p_stride, out += step) {
            __builtin_prefetch(in + GEMM_AHEAD * p_stride);
            V(store)(out, V(load_edge)(in, count));
        }
        for (; out < end; in += p_stride, out += step) V(store_edge)(out, V(load_edge)(in, count), count);
    } else if (i_stride == 1) {
        const REAL *end = out + k * step; /* a whole vector may reach into the next p, but not beyond the last */
        for (int64_t p = 0; p < k; p++, in += p_stride, out += step) {
            for (int64_t i = 0; i < count; i += LANES) {
                __builtin_prefetch(in + i + GEMM_AHEAD * p_stride);
                VEC x = count - i >= LANES ? V(load)(in + i) : V(load_edge)(in + i, count - i);
                if (end - out - i >= LANES) V(store)(out + i, x);
                else V(store_edge)(out + i, x, step - i);
            }
        }
    } else if (p_stride == 1 && count <= 2 * LANES) {
        for (int64_t i = 0; i < count; i += LANES)
            FN(transpose)(out + i, step, step - i, in + i * i_stride, i_stride, count - i < LANES ? count - i : LANES, k);
    } else {
        for (int64_t p = 0; p < k; p++)
            for (int64_t i = 0; i < step; i++) out[p * step + i] = i < count ? in[i * i_stride + p * p_stride] : 0;
    }
}

/* Lanes of the panel that holds `cols` columns of B. */
static inline int64_t FN(panel)(int64_t cols) { return cols > LANES ? 2 * LANES : LANES; }

/* Packs `count` rows of A (or columns of B) as tiles, or panels, of `tile`, each `whole` deep, for p in `k`. Where the source is contiguous
 * across tiles it is read along its lines: a few p, all tiles, the next p. */
static void FN(pack_tiles)(REAL *out, const REAL *in, int64_t i_stride, int64_t p_stride, int64_t tile, int layout, int64_t count,
                           gemm_span k, int64_t whole)
{
    int64_t slice = i_stride == 1 ? GEMM_SLICE : k.count;
    for (int64_t p = 0; p < k.count; p += slice)
        for (int64_t i = 0; i < count; i += tile) {
            int64_t n = count - i < tile ? count - i : tile, step = layout == TILES_OF_A ? n : layout == PANELS ? FN(panel)(n) : tile;
            FN(pack)(out + i * whole + (k.at + p) * step, step, in + i * i_stride + p * p_stride, i_stride, p_stride, n,
                     k.count - p < slice ? k.count - p : slice);
        }
}

/* Rows of A next to each other. */
static void FN(copy_rows)(REAL *out, int64_t pitch, const REAL *a, int64_t a_row, int64_t rows, int64_t depth)
{
    for (int64_t i = 0; i < rows; i++, out += pitch, a += a_row)
        for (int64_t p = 0; p < depth; p += LANES) {
            if (depth - p >= LANES) V(store)(out + p, V(load)(a + p));
            else V(store_edge)(out + p, V(load_edge)(a + p, depth - p), depth - p);
        }
}

/* One block of C: all stretches of k in turn; in each, bands of A, panels of B, tiles of a band, so that the band stays in L1 or L2, B
 * in L2. `panels` holds B already packed, `whole` deep, every panel of full width if `wide`; or is NULL. `packed` holds A so, or is NULL. */
static void FN(block)(const heed_gemm *p, const REAL *a, const REAL *b, REAL *c, int64_t c_row, int64_t rows, int64_t cols, int64_t k,
                      REAL alpha, int add, const REAL *panels, int64_t whole, int wide, const REAL *packed, REAL *scratch)
{
    const int64_t width = GEMM_TILE_VECTORS * LANES, pitch = gemm_pitch(p->depth, LANES);
    const int64_t tile = !packed && p->band >= rows ? gemm_parts(rows, gemm_parts(rows, p->tile)) : p->tile;
    const int64_t block_depth = k < p->depth ? k : p->depth, padded = gemm_parts(cols, width) * width;
    REAL *own_b = scratch, *own_a = scratch + (panels ? 0 : block_depth * (p->pack_b == B_BLOCK ? padded : width));
    for (int64_t p0 = 0; p0 < k || p0 == 0; p0 += p->depth) {
        const int64_t depth = k - p0 < p->depth ? k - p0 : p->depth;
        const gemm_span all = {0, depth};
        if (!panels && p->pack_b == B_BLOCK)
            FN(pack_tiles)(own_b, b + p0 * p->b_row, p->b_col, p->b_row, width, PANELS, cols, all, depth);
        for (int64_t i0 = 0; i0 < rows; i0 += p->band) {
            const int64_t band = rows - i0 < p->band ? rows - i0 : p->band;
            const REAL *a0 = a + i0 * p->a_row + p0 * p->a_col;
            const REAL *tiles = packed ? packed + i0 * whole : own_a;
            if (packed) ;
            else if (p->pack_a == A_TILES) FN(pack_tiles)(own_a, a0, p->a_row, p->a_col, tile, TILES_OF_A, band, all, depth);
            else if (p->pack_a == A_ROWS) FN(copy_rows)(own_a, pitch, a0, p->a_row, band, depth);
            /* while a band of one tile meets the panels, each fetches its share of the next band: rows, or what lies on end */
            const int64_t panels_here = padded / width, line = packed || p->a_row == depth ? depth : p->a_row;
            const int64_t step = line == depth ? gemm_parts(tile, panels_here) : 1, share = step * line;
            const REAL *next = p->band > tile ? NULL : packed ? tiles + tile * whole : p->a_col == 1 ? a0 + tile * p->a_row : NULL;
            for (int64_t j = 0; j < cols; j += width) {
                const int64_t part = j / width < tile ? j / width : 0;
                const int64_t count = cols - j < width ? cols - j : width;
                int64_t b_row = wide ? width : FN(panel)(count);
                const REAL *bj = b + j * p->b_col + p0 * p->b_row;
                if (panels) {
                    bj = panels + j * whole + p0 * b_row;
                } else if (p->pack_b == B_BLOCK) {
                    bj = own_b + j * depth;
                } else if (p->pack_b == B_PANEL || count % LANES) {
                    FN(pack)(own_b, b_row, bj, p->b_col, p->b_row, count, depth);
                    bj = own_b;
                } else {
                    b_row = p->b_row;
                }
                for (int64_t i = 0; i < band; i += tile) {
                    const int64_t m = band - i < tile ? band - i : tile;
                    const REAL *ai = p->pack_a == A_TILES ? tiles + i * depth : p->pack_a == A_ROWS ? own_a + i * pitch : a0 + i * p->a_row;
                    const int64_t a_row = p->pack_a == A_TILES ? 1 : p->pack_a == A_ROWS ? pitch : p->a_row;
                    FN(tiles)[m][count > LANES](depth, ai, a_row, p->pack_a == A_TILES ? m : p->a_col, bj, b_row,
                                                c + (i0 + i) * c_row + j, c_row, count, alpha, add, next ? next + part * share : ai, next ? step : 0);
                }
            }
        }
        add = 1;
    }
}

/* C(i, j) = A(i, :) . B(:, j) for mr rows and nc columns, all contiguous along k; constants where this is inlined. */
ALWAYS_INLINE void FN(dots)(const int mr, const int nc, int64_t k, const REAL *a, int64_t a_row, const REAL *b, int64_t b_col,
                            REAL *c, int64_t c_row, REAL alpha, int add)
{
    VEC sum[4][4];
    UNROLL(4) for (int i = 0; i < mr; i++) UNROLL(4) for (int j = 0; j < nc; j++) sum[i][j] = (VEC){0};
    for (int64_t p = 0; p < k; p += LANES) {
        VEC x[4], y[4];
        int64_t left = k - p;
        UNROLL(4) for (int i = 0; i < mr; i++) x[i] = left >= LANES ? V(load)(a + i * a_row + p) : V(load_edge)(a + i * a_row + p, left);
        UNROLL(4) for (int j = 0; j < nc; j++) y[j] = left >= LANES ? V(load)(b + j * b_col + p) : V(load_edge)(b + j * b_col + p, left);
        UNROLL(4) for (int i = 0; i < mr; i++) UNROLL(4) for (int j = 0; j < nc; j++) sum[i][j] = V(fma)(x[i], y[j], sum[i][j]);
    }
    UNROLL(4) for (int i = 0; i < mr; i++) UNROLL(4) for (int j = 0; j < nc; j++) {
        REAL *to = c + i * c_row + j;
        *to = alpha * V(sum)(sum[i][j]) + (add ? *to : 0);
    }
}

void PUBLIC(dots)(int64_t m, int64_t n, int64_t k, const REAL *a, int64_t a_row, const REAL *b, int64_t b_col, REAL *c, int64_t c_row,
                  REAL alpha, int add)
{
    enum { NC = GEMM_REGISTERS / 8 };
    for (int64_t j = 0; j < n;) {
        int64_t count = n - j < NC ? 1 : NC;
        for (int64_t i = 0; i < m;) {
            int64_t left = m - i, rows = left < 4 ? left : 4;
            const REAL *ai = a + i * a_row, *bj = b + j * b_col;
            REAL *to = c + i * c_row + j;
#define DOTS(r, many) FN(dots)(r, many, k, ai, a_row, bj, b_col, to, c_row, alpha, add)
            if (count == 1) {
                if (rows == 4) DOTS(4, 1);
                else if (rows == 3) DOTS(3, 1);
                else if (rows == 2) DOTS(2, 1);
                else DOTS(1, 1);
            } else {
                if (rows == 4) DOTS(4, NC);
                else if (rows == 3) DOTS(3, NC);
                else if (rows == 2) DOTS(2, NC);
                else DOTS(1, NC);
            }
#undef DOTS
            i += rows;
        }
        j += count;
    }
}

void PUBLIC(pack)(REAL *panels, const REAL *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n)
{
    FN(pack_tiles)(panels, b, b_col, b_row, GEMM_TILE_VECTORS * LANES, WIDE_PANELS, n, (gemm_span){0, k}, k);
}

void PUBLIC(multiply)(int64_t m, int64_t n, int64_t k, const REAL *a, int64_t a_row, int64_t a_col, const REAL *b, int64_t b_row,
                      int64_t b_depth, REAL *c, int64_t c_row, REAL alpha, int add)
{
    const int64_t most = gemm_collide(a_row, sizeof(REAL)) && (int)GEMM_TILE > (int)GEMM_WAYS ? (int)GEMM_WAYS : (int)GEMM_TILE;
    const int64_t tile = gemm_parts(m, gemm_parts(m, most)), width = GEMM_TILE_VECTORS * LANES;
    for (int64_t j = 0; j < n; j += width) {
        int64_t count = n - j < width ? n - j : width;
        const REAL *bj = b_row ? b + j : b + j * b_depth;
        for (int64_t i = 0; i < m; i += tile)
            FN(tiles)[m - i < tile ? m - i : tile][count > LANES](k, a + i * a_row, a_row, a_col, bj, b_row ? b_row : width,
                                                                 c + i * c_row + j, c_row, count, alpha, add, a, 0);
    }
}

/* A few rows: every element of B is read once, where it lies. */
static void FN(few_rows)(const heed_gemm *p, const REAL *a, const REAL *b, REAL *c, int64_t cols, REAL *scratch)
{
    if (p->packed) {
        const int64_t width = GEMM_TILE_VECTORS * LANES, most = gemm_parts(p->m, gemm_parts(p->m, p->tile));
        for (int64_t j = 0; j < cols; j += width)
            for (int64_t i = 0; i < p->m; i += most) {
                const int64_t m = p->m - i < most ? p->m - i : most, count = cols - j < width ? cols - j : width;
                FN(tiles)[m][count > LANES](p->k, a + i * p->a_row, p->a_row, p->a_col, b + j * p->k, width, c + i * p->c_row + j, p->c_row,
                                            count, (REAL)p->alpha, p->accumulate, a, 0);
            }
        return;
    }
    if (p->b_col != 1) { /* then B is contiguous along k */
        int64_t a_row = p->a_row;
        if (p->a_col != 1) {
            for (int64_t i = 0; i < p->m; i++)
                for (int64_t q = 0; q < p->k; q++) scratch[i * p->k + q] = a[i * p->a_row + q * p->a_col];
            a = scratch;
            a_row = p->k;
        }
        PUBLIC(dots)(p->m, cols, p->k, a, a_row, b, p->b_col, c, p->c_row, (REAL)p->alpha, p->accumulate);
        return;
    }
    const int64_t tiles = gemm_parts(p->m, p->tile), tile = gemm_parts(p->m, tiles);
    int widest = 3; /* as many vectors at once as the registers allow: long reads along B's rows */
    while (!FN(tiles)[tile][widest]) widest--;
    for (int64_t j = 0; j < cols;) {
        int v = widest;
        while (v > 0 && (int64_t)LANES << v > cols - j) v--;
        int64_t count = (int64_t)LANES << v, b_row = p->b_row;
        const REAL *bj = b + j;
        if (count > cols - j) {
            count = cols - j;
            FN(pack)(scratch, LANES, bj, 1, b_row, count, p->k);
            bj = scratch;
            b_row = LANES;
        }
        for (int64_t i = 0; i < p->m; i += tile) {
            int64_t m = p->m - i < tile ? p->m - i : tile;
            FN(tiles)[m][v](p->k, a + i * p->a_row, p->a_row, p->a_col, bj, b_row, c + i * p->c_row + j, p->c_row, count,
                            (REAL)p->alpha, p->accumulate, a, 0);
        }
        j += count;
    }
}

/* LOCAL, ROWS, and SHARED with B packed in advance: `group` blocks of C, counted over (matrix, columns, rows). */
static void FN(local_task)(const heed_gemm *p, int64_t task, REAL *scratch)
{
    const int64_t row_parts = gemm_parts(p->m, p->rows), units = row_parts * gemm_parts(p->n, p->cols);
    gemm_span span = gemm_cut(p->batches * units, p->group, task);
    for (int64_t u = span.at; u < span.at + span.count; u++) {
        int64_t batch = u / units;
        gemm_span i = gemm_cut(p->m, p->rows, u % row_parts), j = gemm_cut(p->n, p->cols, u % units / row_parts);
        const REAL *a = (const REAL *)p->a + gemm_batch_offset(p, p->a_batch, batch) + i.at * p->a_row;
        const REAL *b = (const REAL *)p->b + gemm_batch_offset(p, p->b_batch, batch) + j.at * (p->packed ? p->k : p->b_col);
        REAL *c = (REAL *)p->c + gemm_batch_offset(p, p->c_batch, batch) + i.at * p->c_row + j.at;
        if (p->kind == GEMM_ROWS) FN(few_rows)(p, a, b, c, j.count, scratch);
        else FN(block)(p, a, b, c, p->c_row, i.count, j.count, p->k, (REAL)p->alpha, p->accumulate, p->packed ? b : NULL, p->k, p->packed, NULL, scratch);
        if (p->done) p->done(p->context, batch, i.at, i.count, j.at, j.count, c, p->c_row);
    }
}

/* SPLIT: `shared` holds for every matrix the products of the stretches of k, which phase 1 adds, a block of rows a task. */
static void FN(split_task)(const heed_gemm *p, int phase, int64_t task, REAL *shared, REAL *scratch)
{
    const int64_t stretches = gemm_parts(p->k, p->stretch), rows = gemm_parts(p->m, p->rows), cols = gemm_parts(p->n, p->cols);
    const int64_t size = p->m * p->n, blocks = phase ? rows : stretches * rows * cols, batch = task / blocks;
    REAL *part = shared + batch * stretches * size;
    task %= blocks;
    gemm_span i = gemm_cut(p->m, p->rows, task % rows);
    if (phase == 0) {
        gemm_span j = gemm_cut(p->n, p->cols, task / rows % cols), k = gemm_cut(p->k, p->stretch, task / rows / cols);
        const REAL *a = (const REAL *)p->a + gemm_batch_offset(p, p->a_batch, batch) + i.at * p->a_row + k.at * p->a_col;
        const REAL *b = (const REAL *)p->b + gemm_batch_offset(p, p->b_batch, batch) + j.at * p->b_col + k.at * p->b_row;
        FN(block)(p, a, b, part + k.at / p->stretch * size + i.at * p->n + j.at, p->n, i.count, j.count, k.count, 1, 0, NULL, 0, 0, NULL, scratch);
        return;
    }
    REAL *c = (REAL *)p->c + gemm_batch_offset(p, p->c_batch, batch) + i.at * p->c_row;
    const VEC alpha = V(set)((REAL)p->alpha);
    for (int64_t r = 0; r < i.count; r++)
        for (int64_t j = 0; j < p->n; j += LANES) {
            const int64_t count = p->n - j < LANES ? p->n - j : LANES;
            const REAL *from = part + (i.at + r) * p->n + j;
            REAL *to = c + r * p->c_row + j;
            VEC sum = V(load_edge)(from, count);
            for (int64_t s = 1; s < stretches; s++) sum += V(load_edge)(from + s * size, count);
            V(store_edge)(to, p->accumulate ? V(fma)(alpha, sum, V(load_edge)(to, count)) : alpha * sum, count);
        }
    if (p->done) p->done(p->context, batch, i.at, i.count, 0, p->n, c, p->c_row);
}

/* Elements of a chunk at most. */
static inline int64_t FN(half)(const heed_gemm *p)
{
    return p->group * (p->chunk_cols + (p->share_a ? p->m : 0)) * (p->k < p->depth ? p->k : p->depth);
}

/* SHARED: phase q multiplies chunk q - 1 and packs chunk q, each chunk in its half of `shared`; chunks are counted over (group of matrices,
 * columns, k), k fastest. */
static void FN(shared_multiply)(const heed_gemm *p, int64_t at, int64_t task, REAL *shared, REAL *scratch)
{
    const gemm_chunk chunk = gemm_chunk_of(p, at, GEMM_TILE_VECTORS * LANES);
    const gemm_span k = chunk.k, n = chunk.n;
    const int64_t matrix = task / chunk.blocks, unit = task % chunk.blocks, batch = chunk.first + matrix;
    const int64_t row_parts = gemm_parts(p->m, p->rows); /* rows fastest: consecutive tasks share columns of B in L2 */
    const gemm_span i = gemm_cut(p->m, p->rows, unit % row_parts), j = gemm_cut(n.count, p->cols, unit / row_parts);
    const REAL *half = shared + at % 2 * FN(half)(p) + matrix * chunk.elements;
    const REAL *a = (const REAL *)p->a + gemm_batch_offset(p, p->a_batch, batch) + i.at * p->a_row + k.at * p->a_col;
    REAL *c = (REAL *)p->c + gemm_batch_offset(p, p->c_batch, batch) + i.at * p->c_row + n.at + j.at;
    FN(block)(p, a, NULL, c, p->c_row, i.count, j.count, k.count, (REAL)p->alpha, p->accumulate || k.at > 0, half + j.at * k.count, k.count, 0,
              p->share_a ? half + (chunk.padded + i.at) * k.count : NULL, scratch);
    if (p->done && k.at + k.count == p->k) p->done(p->context, batch, i.at, i.count, n.at + j.at, j.count, c, p->c_row);
}

static void FN(shared_pack)(const heed_gemm *p, int64_t at, int64_t task, REAL *shared)
{
    const gemm_chunk chunk = gemm_chunk_of(p, at, GEMM_TILE_VECTORS * LANES);
    const gemm_span k = chunk.k, n = chunk.n;
    const int64_t units = chunk.b_units + chunk.a_units, matrix = task / units, batch = chunk.first + matrix, u = task % units;
    const int64_t of_a = gemm_mixed(u, chunk.a_units, units);
    REAL *panels = shared + at % 2 * FN(half)(p) + matrix * chunk.elements;
    if (gemm_mixed(u + 1, chunk.a_units, units) == of_a) {
        const int64_t parts = gemm_parts(k.count, chunk.b_depth), unit = u - of_a;
        const gemm_span q = gemm_cut(k.count, chunk.b_depth, unit % parts), j = gemm_cut(n.count, chunk.b_cols, unit / parts);
        const REAL *b = (const REAL *)p->b + gemm_batch_offset(p, p->b_batch, batch) + (k.at + q.at) * p->b_row + (n.at + j.at) * p->b_col;
        FN(pack_tiles)(panels + j.at * k.count, b, p->b_col, p->b_row, GEMM_TILE_VECTORS * LANES, PANELS, j.count, q, k.count);
    } else {
        const int64_t parts = gemm_parts(k.count, chunk.a_depth);
        const gemm_span q = gemm_cut(k.count, chunk.a_depth, of_a % parts), i = gemm_cut(p->m, chunk.a_rows, of_a / parts);
        const REAL *a = (const REAL *)p->a + gemm_batch_offset(p, p->a_batch, batch) + (k.at + q.at) * p->a_col + i.at * p->a_row;
        FN(pack_tiles)(panels + (chunk.padded + i.at) * k.count, a, p->a_row, p->a_col, p->tile, TILES_OF_A, i.count, q, k.count);
    }
}

static void FN(shared_task)(const heed_gemm *p, int phase, int64_t task, REAL *shared, REAL *scratch)
{
    const int64_t packs = gemm_pack_tasks(p, phase, GEMM_TILE_VECTORS * LANES);
    const int64_t all = packs + gemm_multiply_tasks(p, phase, GEMM_TILE_VECTORS * LANES), before = gemm_mixed(task, packs, all);
    if (gemm_mixed(task + 1, packs, all) > before) FN(shared_pack)(p, phase, before, shared);
    else FN(shared_multiply)(p, phase - 1, task - before, shared, scratch);
}

void PUBLIC(task)(const heed_gemm *p, int phase, int64_t task, void *shared, void *scratch)
{
    if (p->kind == GEMM_SPLIT) FN(split_task)(p, phase, task, shared, scratch);
    else if (p->kind == GEMM_SHARED && !p->packed) FN(shared_task)(p, phase, task, shared, scratch);
    else FN(local_task)(p, task, scratch);
}
