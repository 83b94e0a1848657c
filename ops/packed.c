/* A matrix product with a parameter that is kept packed over runs (heed_graph_packed): what heed_matmul records where it can. */
#include "ops/packed.h"
#include "autograd/memory.h"
#include "autograd/prepare.h"
#include "ops/ops.h"
#include "ops/product.h"

#include <math.h>

#if HEED_ISA_BASE

/* --- the forms --------------------------------------------------------------------------------------------------------------- */

/* A weight as its panels see it: w(p, j) = data[p * row + j * col]. */
typedef struct weight { const float *data; int64_t k, n, row, col; } weight;

static weight weight_of(const heed_param *p, bool transposed)
{
    const int64_t *shape = heed_param_shape(p);
    const float *data = heed_param_values(p);
    return transposed ? (weight){data, shape[1], shape[0], 1, shape[1]} : (weight){data, shape[0], shape[1], shape[1], 1};
}

static int64_t panels_of(const heed_param *p, bool transposed) { return gemm_parts(weight_of(p, transposed).n, PACKED_COLS); }

static size_t bytes_of(int64_t panels, int64_t bytes)
{
    size_t all;
    return heed_size_mul((size_t)panels, (size_t)bytes, &all) && all < INT64_MAX ? all : 0;
}

/* A task packs 32 columns, in float32 too: whole panels of every instruction set. */
static void pack_f32(void *to, weight w, int64_t panel)
{
    static packed_pack_fn *const pack[] = HEED_ISA_TABLE(heed_gemm_pack_f32);
    gemm_span j = gemm_cut(w.n, PACKED_COLS, panel);
    pack[heed_isa_now()]((float *)to + j.at * w.k, w.data + j.at * w.col, w.row, w.col, w.k, j.count);
}

/* To the nearest, ties to even; a NaN stays one. */
static uint32_t bf16_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return bits >> 16 | 0x40;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static void pack_bf16(void *to, weight w, int64_t panel)
{
    gemm_span j = gemm_cut(w.n, PACKED_COLS, panel);
    uint32_t *word = (uint32_t *)to + panel * w.k * (PACKED_COLS / 2);
    const float *from = w.data + j.at * w.col;
    for (int64_t p = 0; p < w.k; p++)
        for (int64_t c = 0; c < PACKED_COLS / 2; c++) {
            uint32_t low = c < j.count ? bf16_of(from[p * w.row + c * w.col]) : 0, d = (uint32_t)(c + PACKED_COLS / 2);
            uint32_t high = d < j.count ? bf16_of(from[p * w.row + d * w.col]) : 0;
            *word++ = high << 16 | low;
        }
}

static void pack_int8(void *to, weight w, int64_t panel)
{
    gemm_span j = gemm_cut(w.n, PACKED_COLS, panel);
    char *own = (char *)to + panel * packed_panel8(w.k);
    float *scale = (float *)(void *)own;
    int32_t *sum = (int32_t *)(void *)own + PACKED_COLS;
    int8_t *word = (int8_t *)own + 8 * PACKED_COLS;
    memset(own, 0, (size_t)packed_panel8(w.k));
    for (int64_t c = 0; c < j.count; c++) {
        const float *from = w.data + (j.at + c) * w.col;
        float top = 0;
        for (int64_t p = 0; p < w.k; p++)
            if (!(fabsf(from[p * w.row]) <= top)) top = fabsf(from[p * w.row]);
        bool good = top > 1e-30f && top <= 3e38f; /* not NaN either, which would have stayed unless a number came later */
        for (int64_t p = 0; p < w.k && good; p++) good = from[p * w.row] == from[p * w.row];
        scale[c] = good ? top / 127 : top > 1e-30f || top != top ? NAN : 0;
        for (int64_t p = 0; p < w.k && good; p++) {
            int8_t q = (int8_t)lrintf(from[p * w.row] * (127 / top));
            word[(p / PACKED_QUAD * PACKED_COLS + c) * PACKED_QUAD + p % PACKED_QUAD] = q;
            sum[c] += q;
        }
    }
}

#define FORM(name, transposed, bytes_each, pack)                                                                                      \
    static size_t name##_bytes(const heed_param *p)                                                                                   \
    {                                                                                                                                 \
        const int64_t k = weight_of(p, transposed).k;                                                                                 \
        return bytes_of(panels_of(p, transposed), bytes_each);                                                                        \
    }                                                                                                                                 \
    static int64_t name##_tasks(const heed_param *p) { return panels_of(p, transposed); }                                             \
    static void name##_run(void *to, const heed_param *p, int64_t task) { pack(to, weight_of(p, transposed), task); }                 \
    static const heed_preparation name = {name##_bytes, name##_tasks, name##_run};
FORM(as_f32, false, 4 * PACKED_COLS * k, pack_f32)
FORM(as_f32_transposed, true, 4 * PACKED_COLS * k, pack_f32)
FORM(as_bf16, false, 2 * PACKED_COLS * k, pack_bf16)
FORM(as_bf16_transposed, true, 2 * PACKED_COLS * k, pack_bf16)
FORM(as_int8, false, packed_panel8(k), pack_int8)
FORM(as_int8_transposed, true, packed_panel8(k), pack_int8)
static const heed_preparation *const forms[][2] = {
    [HEED_PACK_SAME] = {&as_f32, &as_f32_transposed}, [HEED_PACK_BF16] = {&as_bf16, &as_bf16_transposed}, [HEED_PACK_INT8] = {&as_int8, &as_int8_transposed}};

/* --- the op ------------------------------------------------------------------------------------------------------------------- */

/* product   y[..,j] = sum_p a[..,p] w[p,j]      da = dy w^T      dw = a^T dy, as matmul has them
 *
 * Operands a (row-major), w (for its derivative alone) and w's packed form. */
/* That the plan depends on `how` does no harm: the size of the packed form tells the ways apart. */
typedef struct product_attr { heed_packing how; int64_t k; } product_attr;

enum {
    TASK_BYTES = 64 << 10,    /* of panels that a task reads, when rows are few */
    TASK_WORK = 1 << 19,      /* multiplications that outweigh fetching a task */
    MANY_ROWS = 64,           /* float32: beyond these gemm.h multiplies by the panels where a is too large to stay in L2 for all of them */
    NEAR = 1 << 17            /* elements of a that stay there */
};

typedef struct product {
    int64_t m, n, k, rows, panels; /* a task: this many rows and panels */
    int64_t down, across;
} product;

static product product_of(const heed_call *c)
{
    const product_attr *a = c->attr;
    product p = {.n = c->y.shape[c->y.rank - 1], .k = a->k};
    p.m = p.n ? c->y.size / p.n : 0;
    p.rows = p.m < PACKED_ROWS ? p.m : PACKED_ROWS;
    int64_t panel = PACKED_COLS * (p.k > 0 ? p.k : 1), bytes = panel * (a->how == HEED_PACK_INT8 ? 1 : a->how == HEED_PACK_BF16 ? 2 : 4);
    int64_t by_bytes = TASK_BYTES / bytes, by_work = TASK_WORK / (panel * (p.rows ? p.rows : 1));
    p.panels = by_bytes < by_work ? by_bytes : by_work;
    if (p.panels < 1) p.panels = 1;
    p.down = gemm_parts(p.m, p.rows);
    p.across = gemm_parts(gemm_parts(p.n, PACKED_COLS), p.panels);
    return p;
}

/* The product as gemm.h does it, where rows are many. */
static bool is_large(const heed_call *c, const product *p)
{
    if (((const product_attr *)c->attr)->how != HEED_PACK_SAME) return false;
    return p->m > PACKED_ROWS || (p->m > MANY_ROWS && p->m * p->k > NEAR);
}

static heed_gemm large_of(const heed_call *c, const product *p)
{
    heed_gemm q = {.m = p->m, .n = p->n, .k = p->k, .a = c->x[0].p, .a_row = p->k, .a_col = 1, .b = c->x[2].p, .packed = 1, .c = c->y.p,
                   .c_row = p->n, .alpha = 1};
    heed_gemm_prepare(&q);
    return q;
}

static bool product_shape(heed_shaping *s)
{
    s->dtype = heed_dtype_of(s->x[0]);
    heed_shape_like(s, s->x[0]);
    s->shape[s->rank - 1] = heed_dim(s->x[1], 1);
    return true;
}

/* int8: a phase that rounds the rows into `shared`, first their scales. */
static size_t scales_bytes(int64_t m) { return ((size_t)m * 4 + 63) & ~(size_t)63; }

static void product_work(const heed_call *c, heed_work *w)
{
    product p = product_of(c);
    bool rounds = ((const product_attr *)c->attr)->how == HEED_PACK_INT8;
    if (is_large(c, &p)) *w = (heed_work){1, 0, large_of(c, &p).scratch};
    if (rounds) *w = (heed_work){2, scales_bytes(p.m) + (size_t)(p.m * packed_row8(p.k)), 0};
}

enum { ROUND_ROWS = 16 };

static int64_t product_tasks(const heed_call *c, int phase)
{
    product p = product_of(c);
    bool rounds = ((const product_attr *)c->attr)->how == HEED_PACK_INT8 && phase == 0;
    if (is_large(c, &p)) {
        heed_gemm q = large_of(c, &p);
        return heed_gemm_tasks(&q, phase);
    }
    return rounds ? gemm_parts(p.m, ROUND_ROWS) : p.down * p.across;
}

static void multiply_f32(const product *p, gemm_span rows, gemm_span cols, const float *a, const float *panels, float *y)
{
    static packed_f32_fn *const multiply[] = HEED_ISA_TABLE(heed_packed_f32);
    static const int width[HEED_ISA_COUNT] = {8, 16, 32}; /* of the panels */
    const heed_isa isa = heed_isa_now();
    for (int64_t j = 0; j < cols.count; j += width[isa])
        multiply[isa](rows.count, p->k, a + rows.at * p->k, panels + (cols.at + j) * p->k, y + rows.at * p->n + cols.at + j, p->n,
                      cols.count - j < width[isa] ? cols.count - j : width[isa]);
}

static void product_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    static packed_bf16_fn *const bf16[] = HEED_ISA_TABLE(heed_packed_bf16);
    static packed_int8_fn *const int8[] = HEED_ISA_TABLE(heed_packed_int8);
    static packed_round_fn *const round[] = HEED_ISA_TABLE(heed_packed_round);
    const product p = product_of(c);
    if (is_large(c, &p)) {
        heed_gemm q = large_of(c, &p);
        heed_product_task(c, &q, phase, task, scratch);
        return;
    }
    const heed_packing how = ((const product_attr *)c->attr)->how;
    const heed_isa isa = heed_isa_now();
    const float *a = c->x[0].p;
    const char *panels = c->x[2].p;
    float *y = c->y.p, *scale = c->shared;
    int8_t *rounded = how == HEED_PACK_INT8 ? (int8_t *)c->shared + scales_bytes(p.m) : NULL;
    if (how == HEED_PACK_INT8 && phase == 0) {
        gemm_span i = gemm_cut(p.m, ROUND_ROWS, task);
        for (int64_t r = i.at; r < i.at + i.count; r++) round[isa](p.k, a + r * p.k, rounded + r * packed_row8(p.k), scale + r);
        return;
    }
    gemm_span i = gemm_cut(p.m, p.rows, task % p.down), j = gemm_cut(p.n, p.panels * PACKED_COLS, task / p.down);
    for (int64_t at = j.at; at < j.at + j.count; at += PACKED_COLS) {
        int64_t cols = p.n - at < PACKED_COLS ? p.n - at : PACKED_COLS, panel = at / PACKED_COLS;
        float *to = y + i.at * p.n + at;
        if (how == HEED_PACK_SAME) multiply_f32(&p, i, (gemm_span){at, cols}, a, (const float *)(const void *)panels, y);
        else if (how == HEED_PACK_BF16)
            bf16[isa](i.count, p.k, a + i.at * p.k, (const uint32_t *)(const void *)panels + panel * p.k * (PACKED_COLS / 2), to, p.n, cols);
        else int8[isa](i.count, p.k, rounded + i.at * packed_row8(p.k), scale + i.at, panels + panel * packed_panel8(p.k), to, p.n, cols);
    }
    if (c->finish) c->finish(c, scratch, i.at, i.count, j.at, j.count, y + i.at * p.n + j.at, p.n);
}

static double product_flops(const heed_call *c) { return 2.0 * (double)c->y.size * (double)((const product_attr *)c->attr)->k; }

static void product_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_vjp two = *v;
    two.count = 2;
    heed_op_matmul.vjp(g, &two);
}

static const heed_op op_product = {
    .name = "packed_matmul", .kind = HEED_KERNEL, .operands = 3, .flags = HEED_SMOOTH | HEED_ANY_STRIDE | HEED_FINISHES,
    .attr_size = sizeof(product_attr), .shape = product_shape, .vjp = product_vjp, .work = product_work, .tasks = product_tasks,
    .run = product_run, .flops = product_flops};

heed_tensor *heed_packed_product(heed_graph *g, heed_tensor *a, heed_tensor *b)
{
    const heed_packing how = heed_graph_packed_now(g);
    if (how == HEED_PACK_NONE || heed_rank(b) != 2 || heed_rank(a) < 2 || heed_dtype_of(a) != HEED_F32 || heed_dtype_of(b) != HEED_F32) return NULL;
    heed_param *w = heed_whole_param(g, b);
    const int64_t k = heed_dim(b, 0), n = heed_dim(b, 1);
    if (!w || heed_param_rank(w) != 2 || k != heed_dim(a, -1) || k < 1 || n < 1 || k > PACKED_MOST_DEPTH) return NULL;
    const int64_t *shape = heed_param_shape(w);
    bool plain = shape[0] == k && shape[1] == n && heed_is_contiguous(b);
    bool transposed = !plain && shape[0] == n && shape[1] == k && heed_stride(b, 0) == 1 && heed_stride(b, 1) == k;
    if (!plain && !transposed) return NULL;
    if (how == HEED_PACK_SAME && strcmp(heed_gemm_backend(), "own")) return NULL;
    heed_tensor *packed = heed_use_prepared(g, w, forms[how][transposed]);
    return heed_apply(g, &op_product, 3, (heed_tensor *[]){heed_contiguous(g, a), b, packed}, &(product_attr){how, k});
}

#endif
