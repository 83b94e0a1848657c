/* The arithmetic of products with packed weights (packed.h) in 32, 16 and 8 bits, for one instruction set. */
#include "ops/packed.h"
#include "ops/unroll.h"

/* Weights come from far, and are asked for early: this many bytes ahead of few rows, which do nothing but wait for them. */
enum { AHEAD = 4096 };
#define FETCH(p, bytes) UNROLL(4) for (int fetched = 0; fetched < (bytes); fetched += 64) __builtin_prefetch((const char *)(p) + fetched, 0, 2)

/* --- float32 ----------------------------------------------------------------------------------------------------------------- */

enum { F32_COLS = 2 * VF, F32_DEPTH = 128 /* of a block */, F32_TILES = 4 /* beyond which L1 does not hold the rows anyway */ };

/* y = x times a panel's block, mr rows, added to their sums so far if there are any. In each row of the block a line at `ahead` is asked for, `step`
 * bytes farther each time; or, if `wide`, all lines of a row. */
ALWAYS_INLINE void f32_tile(const int mr, int64_t k, const float *x, int64_t x_row, const float *panel, const float *sums, float *y, int64_t y_row,
                            const char *ahead, int64_t step, const int wide)
{
    vf sum[GEMM_TILE][2];
    const float *row[(GEMM_TILE + 2) / 3]; /* one pointer for three rows: x86 adds 0, 1 or 2 strides for free */
    UNROLL(5) for (int i = 0; i < mr; i += 3) row[i / 3] = x + i * x_row;
    UNROLL(14) for (int i = 0; i < mr; i++) UNROLL(2) for (int v = 0; v < 2; v++) sum[i][v] = sums ? vf_load(sums + i * F32_COLS + v * VF) : (vf){0};
    for (int64_t p = 0; p < k; p++, panel += F32_COLS, ahead += step) {
        if (wide) {
            FETCH(ahead, 2 * HEED_VBYTES);
        } else {
            __builtin_prefetch(ahead, 0, 3);
        }
        vf a = vf_load(panel), b = vf_load(panel + VF);
        if (mr > 1) KEEP(a);
        if (mr > 1) KEEP(b);
        UNROLL(14) for (int i = 0; i < mr; i++) {
            vf xi = vf_set(row[i / 3][i % 3 * x_row]);
            KEEP(xi);
            sum[i][0] = vf_fma(xi, a, sum[i][0]);
            sum[i][1] = vf_fma(xi, b, sum[i][1]);
        }
        UNROLL(5) for (int i = 0; i < mr; i += 3) row[i / 3]++;
    }
    UNROLL(14) for (int i = 0; i < mr; i++) UNROLL(2) for (int v = 0; v < 2; v++) vf_store(y + i * y_row + v * VF, sum[i][v]);
}

typedef void f32_tile_fn(int64_t k, const float *x, int64_t x_row, const float *panel, const float *sums, float *y, int64_t y_row, const char *ahead,
                         int64_t step, int wide);
#define TILES_4(X) X(1) X(2) X(3) X(4)
#define TILES_6(X) TILES_4(X) X(5) X(6)
#define TILES_14(X) TILES_6(X) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#if defined(HEED_ISA_AVX512)
#define TILES TILES_14
#elif defined(HEED_ISA_AVX2)
#define TILES TILES_6
#else
#define TILES TILES_4
#endif
#define TILE_FUNCTION(mr)                                                                                                                   \
    static void f32_tile_##mr(int64_t k, const float *x, int64_t x_row, const float *panel, const float *sums, float *y, int64_t y_row,    \
                              const char *ahead, int64_t step, int wide)                                                                  \
    {                                                                                                                                      \
        if (wide) f32_tile(mr, k, x, x_row, panel, sums, y, y_row, ahead, step, 1);                                                         \
        else f32_tile(mr, k, x, x_row, panel, sums, y, y_row, ahead, step, 0);                                                              \
    }
TILES(TILE_FUNCTION)
#define TILE_ENTRY(mr) [mr] = f32_tile_##mr,
static f32_tile_fn *const f32_tiles[GEMM_TILE + 1] = {TILES(TILE_ENTRY)};

/* Many rows meet a block of a panel in turn, which stays in L1 with theirs, while the next block comes, its lines spread evenly over the tiles: as
 * many as wait at any time are presumably few enough for the CPU to keep them all in flight. */
void HEED_ISA_FN(heed_packed_f32)(int64_t m, int64_t k, const float *x, const float *panel, float *y, int64_t y_row, int64_t cols)
{
    const int64_t parts = gemm_parts(m, GEMM_TILE), height = gemm_parts(m, parts);
    const int64_t depth = parts > F32_TILES ? 4 * F32_DEPTH : parts > 1 ? F32_DEPTH : k;
    const int64_t block = depth * F32_COLS * 4, share = block / parts;
    _Alignas(HEED_VBYTES) float sums[PACKED_ROWS * F32_COLS]; /* so far: rows of y may lie so far apart that they share the sets of a cache */
    const int whole = cols == F32_COLS;
    for (int64_t q = 0; q < k; q += depth, panel += depth * F32_COLS) {
        const int64_t deep = k - q < depth ? k - q : depth;
        const int last = q + depth >= k && whole;
        const char *next = (const char *)panel + (parts > 1 ? block : AHEAD);
        for (int64_t i = 0; i < m; i += height, next += share)
            f32_tiles[m - i < height ? m - i : height](deep, x + i * k + q, k, panel, q > 0 ? sums + i * F32_COLS : NULL,
                                                       last ? y + i * y_row : sums + i * F32_COLS, last ? y_row : F32_COLS, next,
                                                       parts > 1 ? share / depth : F32_COLS * 4, parts == 1);
    }
    for (int64_t i = 0; i < m && !whole; i++) memcpy(y + i * y_row, sums + i * F32_COLS, (size_t)cols * sizeof *y);
}

/* --- bf16 -------------------------------------------------------------------------------------------------------------------- */

#if defined(HEED_ISA_AVX512)
enum { BF16_ROWS = 12 };
#elif defined(HEED_ISA_AVX2)
enum { BF16_ROWS = 4 };
#else
enum { BF16_ROWS = 2 };
#endif
enum { BF16_PARTS = 16 / VF }; /* vectors of words in a panel's row */

/* Columns part * VF .. and 16 more of mr rows: sums over all of k, in its order. */
ALWAYS_INLINE void bf16_tile(const int mr, int64_t k, const float *x, const uint32_t *panel, float *y)
{
    vf low[BF16_ROWS], high[BF16_ROWS];
    UNROLL(12) for (int i = 0; i < mr; i++) low[i] = high[i] = (vf){0};
    for (int64_t p = 0; p < k; p++, panel += 16) {
        if (mr <= PACKED_FEW) FETCH((const char *)panel + AHEAD, HEED_VBYTES);
        vi word;
        memcpy(&word, panel, sizeof word);
        vf a = (vf)(word << 16), b = (vf)(word & (int32_t)0xffff0000);
        UNROLL(12) for (int i = 0; i < mr; i++) {
            vf xi = vf_set(x[i * k + p]);
            low[i] = vf_fma(xi, a, low[i]);
            high[i] = vf_fma(xi, b, high[i]);
        }
    }
    UNROLL(12) for (int i = 0; i < mr; i++) {
        vf_store(y + i * PACKED_COLS, low[i]);
        vf_store(y + i * PACKED_COLS + 16, high[i]);
    }
}

void HEED_ISA_FN(heed_packed_bf16)(int64_t m, int64_t k, const float *x, const uint32_t *panel, float *y, int64_t y_row, int64_t cols)
{
    float tile[BF16_ROWS * PACKED_COLS];
    for (int64_t i = 0; i < m;) {
        int64_t left = m - i, rows = left >= BF16_ROWS ? BF16_ROWS : left >= 8 && BF16_ROWS > 8 ? 8 : left >= 4 && BF16_ROWS > 4 ? 4 : left >= 2 ? 2 : 1;
        for (int part = 0; part < BF16_PARTS; part++) {
            const float *xi = x + i * k;
            const uint32_t *from = panel + part * VF;
            float *to = tile + part * VF;
            if (rows == BF16_ROWS) bf16_tile(BF16_ROWS, k, xi, from, to);
#if defined(HEED_ISA_AVX512)
            else if (rows == 8) bf16_tile(8, k, xi, from, to);
            else if (rows == 4) bf16_tile(4, k, xi, from, to);
#endif
            else if (rows == 2) bf16_tile(2, k, xi, from, to);
            else bf16_tile(1, k, xi, from, to);
        }
        for (int64_t r = 0; r < rows; r++) memcpy(y + (i + r) * y_row, tile + r * PACKED_COLS, (size_t)cols * sizeof *y);
        i += rows;
    }
}

/* --- int8 -------------------------------------------------------------------------------------------------------------------- */

void HEED_ISA_FN(heed_packed_round)(int64_t k, const float *x, int8_t *to, float *scale)
{
    vi most = {0}; /* of non-negative floats, the order of their bits */
    int64_t p = 0;
    for (; p + VF <= k; p += VF) {
        vi bits = (vi)vf_load(x + p) & 0x7fffffff;
        vi more = bits > most;
        most = (more & bits) | (~more & most);
    }
    int32_t highest = 0;
    for (int i = 0; i < VF; i++)
        if (most[i] > highest) highest = most[i];
    for (; p < k; p++) {
        int32_t bits;
        memcpy(&bits, x + p, 4);
        if ((bits & 0x7fffffff) > highest) highest = bits & 0x7fffffff;
    }
    float top;
    memcpy(&top, &highest, 4);
    *scale = top / 127;
    float up = top > 1e-30f && top <= 3e38f ? 127 / top : 0; /* a row with an infinity or NaN: its scale makes NaN of all sums */
    const float magic = 12582912; /* 1.5 2^23: adding it rounds to the nearest even integer */
    for (p = 0; p < k; p++) {
        float q = x[p] * up + magic;
        int32_t bits;
        memcpy(&bits, &q, 4);
        to[p] = (int8_t)(bits & 0xff);
    }
    memset(to + k, 0, (size_t)(packed_row8(k) - k));
}

/* What a tile's sums become. */
static inline void int8_finish(int64_t rows, const float *x_scale, const float *w_scale, const int32_t *sum, float *y, int64_t y_row, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < cols; j++) y[r * y_row + j] = (float)sum[r * PACKED_COLS + j] * (x_scale[r] * w_scale[j]);
}

#if defined(HEED_ISA_AVX512) || defined(HEED_ISA_AVX2)

/* |x| times the sign of x times w: two products of at most 127^2 each fit 16 bits, so nothing saturates. */
ALWAYS_INLINE void int8_tile_256(const int mr, int64_t quads, const int8_t *x, int64_t x_row, const char *words, int32_t *sum)
{
    __m256i s[4][2];
    const __m256i ones = _mm256_set1_epi16(1);
    UNROLL(4) for (int i = 0; i < mr; i++) s[i][0] = s[i][1] = _mm256_setzero_si256();
    for (int64_t q = 0; q < quads; q++, words += PACKED_COLS * 4) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)words), b = _mm256_loadu_si256((const __m256i *)(const void *)(words + 32));
        UNROLL(4) for (int i = 0; i < mr; i++) {
            int32_t four;
            memcpy(&four, x + i * x_row + 4 * q, 4);
            __m256i v = _mm256_set1_epi32(four), u = _mm256_abs_epi8(v);
            s[i][0] = _mm256_add_epi32(s[i][0], _mm256_madd_epi16(_mm256_maddubs_epi16(u, _mm256_sign_epi8(a, v)), ones));
            s[i][1] = _mm256_add_epi32(s[i][1], _mm256_madd_epi16(_mm256_maddubs_epi16(u, _mm256_sign_epi8(b, v)), ones));
        }
    }
    UNROLL(4) for (int i = 0; i < mr; i++) {
        _mm256_storeu_si256((__m256i *)(void *)(sum + i * PACKED_COLS), s[i][0]);
        _mm256_storeu_si256((__m256i *)(void *)(sum + i * PACKED_COLS + 8), s[i][1]);
    }
}

static void int8_256(int64_t m, int64_t k, const int8_t *x, const float *x_scale, const void *panel, float *y, int64_t y_row, int64_t cols)
{
    const char *words = (const char *)panel + 8 * PACKED_COLS;
    const int64_t quads = packed_quads(k), x_row = packed_row8(k);
    for (int64_t i = 0; i < m;) {
        int32_t sum[4 * PACKED_COLS];
        int64_t rows = m - i >= 4 ? 4 : 1;
        for (int half = 0; half < 2; half++) {
            if (rows == 4) int8_tile_256(4, quads, x + i * x_row, x_row, words + 64 * half, sum + 16 * half);
            else int8_tile_256(1, quads, x + i * x_row, x_row, words + 64 * half, sum + 16 * half);
        }
        int8_finish(rows, x_scale + i, panel, sum, y + i * y_row, y_row, cols);
        i += rows;
    }
}
#endif

#if defined(HEED_ISA_AVX512)

/* The CPU multiplies unsigned by signed: x + 128 goes in, and 128 times the column's sum comes off. */
#define VNNI __attribute__((target("avx512vnni")))
#define INT8_TILE(mr)                                                                                                            \
    VNNI static void int8_tile_##mr(int64_t quads, const int8_t *x, int64_t x_row, const char *words, const int32_t *start, int32_t *sum) \
    {                                                                                                                            \
        __m512i s[mr][2];                                                                                                        \
        UNROLL(12) for (int i = 0; i < mr; i++) {                                                                                \
            s[i][0] = _mm512_loadu_si512(start);                                                                                 \
            s[i][1] = _mm512_loadu_si512(start + 16);                                                                            \
        }                                                                                                                        \
        for (int64_t q = 0; q < quads; q++, words += PACKED_COLS * 4) {                                                          \
            if (mr <= PACKED_FEW) FETCH(words + AHEAD, 128);                                                                             \
            __m512i a = _mm512_loadu_si512(words), b = _mm512_loadu_si512(words + 64);                                           \
            UNROLL(12) for (int i = 0; i < mr; i++) {                                                                            \
                int32_t four;                                                                                                    \
                memcpy(&four, x + i * x_row + 4 * q, 4);                                                                         \
                __m512i v = _mm512_set1_epi32(four ^ (int32_t)0x80808080);                                                       \
                s[i][0] = _mm512_dpbusd_epi32(s[i][0], v, a);                                                                    \
                s[i][1] = _mm512_dpbusd_epi32(s[i][1], v, b);                                                                    \
            }                                                                                                                    \
        }                                                                                                                        \
        UNROLL(12) for (int i = 0; i < mr; i++) {                                                                                \
            _mm512_storeu_si512(sum + i * PACKED_COLS, s[i][0]);                                                                 \
            _mm512_storeu_si512(sum + i * PACKED_COLS + 16, s[i][1]);                                                            \
        }                                                                                                                        \
    }
INT8_TILE(1)
INT8_TILE(2)
INT8_TILE(4)
INT8_TILE(8)
INT8_TILE(12)

static void int8_512(int64_t m, int64_t k, const int8_t *x, const float *x_scale, const void *panel, float *y, int64_t y_row, int64_t cols)
{
    const char *words = (const char *)panel + 8 * PACKED_COLS;
    const int64_t quads = packed_quads(k), x_row = packed_row8(k);
    int32_t start[PACKED_COLS], sum[12 * PACKED_COLS];
    memcpy(start, (const char *)panel + 4 * PACKED_COLS, sizeof start);
    for (int j = 0; j < PACKED_COLS; j++) start[j] *= -128;
    for (int64_t i = 0; i < m;) {
        int64_t left = m - i, rows = left >= 12 ? 12 : left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        const int8_t *xi = x + i * x_row;
        switch (rows) {
        case 12: int8_tile_12(quads, xi, x_row, words, start, sum); break;
        case 8: int8_tile_8(quads, xi, x_row, words, start, sum); break;
        case 4: int8_tile_4(quads, xi, x_row, words, start, sum); break;
        case 2: int8_tile_2(quads, xi, x_row, words, start, sum); break;
        default: int8_tile_1(quads, xi, x_row, words, start, sum);
        }
        int8_finish(rows, x_scale + i, panel, sum, y + i * y_row, y_row, cols);
        i += rows;
    }
}

void HEED_ISA_FN(heed_packed_int8)(int64_t m, int64_t k, const int8_t *x, const float *x_scale, const void *panel, float *y, int64_t y_row, int64_t cols)
{
    (__builtin_cpu_supports("avx512vnni") ? int8_512 : int8_256)(m, k, x, x_scale, panel, y, y_row, cols);
}

#elif defined(HEED_ISA_AVX2)

void HEED_ISA_FN(heed_packed_int8)(int64_t m, int64_t k, const int8_t *x, const float *x_scale, const void *panel, float *y, int64_t y_row, int64_t cols)
{
    int8_256(m, k, x, x_scale, panel, y, y_row, cols);
}

#else

void HEED_ISA_FN(heed_packed_int8)(int64_t m, int64_t k, const int8_t *x, const float *x_scale, const void *panel, float *y, int64_t y_row, int64_t cols)
{
    const int8_t *words = (const int8_t *)panel + 8 * PACKED_COLS;
    const int64_t quads = packed_quads(k), x_row = packed_row8(k);
    for (int64_t i = 0; i < m; i++) {
        int32_t sum[PACKED_COLS] = {0};
        for (int64_t q = 0; q < quads; q++) {
            const int8_t *four = x + i * x_row + 4 * q, *w = words + q * PACKED_COLS * 4;
            for (int j = 0; j < PACKED_COLS; j++, w += 4) sum[j] += four[0] * w[0] + four[1] * w[1] + four[2] * w[2] + four[3] * w[3];
        }
        int8_finish(1, x_scale + i, panel, sum, y + i * y_row, y_row, cols);
    }
}

#endif
