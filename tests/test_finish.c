/* What follows a matrix product elementwise runs on its blocks, and gives what op by op gives. */
#include "autograd/memory.h"
#include "check.h"
#include "ops/ops.h"

#include <math.h>

enum { B = 3, T = 37, IN = 45, OUT = 70 };

static float x[B * T * IN], w[IN * OUT], bias[OUT], residual[B * T * OUT], positions[T * OUT], rows[B * T];

static void fill(float *p, int n, int seed)
{
    for (int i = 0; i < n; i++) p[i] = (float)sin(0.7 * i + seed) * 0.5f;
}

typedef struct results { heed_tensor *raw, *last; } results;

/* ((x w + bias) * a number a row + residual), squared; `spread` adds what no block can be given by one row stride */
static results build(heed_graph *g, bool spread)
{
    heed_tensor *tx = heed_input(g, HEED_F32, 3, (int64_t[]){B, T, IN}, x), *tw = heed_input(g, HEED_F32, 2, (int64_t[]){IN, OUT}, w);
    heed_tensor *tb = heed_input(g, HEED_F32, 1, (int64_t[]){OUT}, bias), *tr = heed_input(g, HEED_F32, 3, (int64_t[]){B, T, OUT}, residual);
    heed_tensor *tn = heed_input(g, HEED_F32, 3, (int64_t[]){B, T, 1}, rows), *tp = heed_input(g, HEED_F32, 2, (int64_t[]){T, OUT}, positions);
    heed_tensor *raw = heed_matmul(g, tx, tw);
    heed_tensor *y = heed_add(g, heed_mul(g, heed_add(g, raw, tb), tn), tr);
    if (spread) y = heed_add(g, y, tp);
    return (results){raw, heed_mul(g, y, y)};
}

static void fused_equals_eager(bool spread, bool keep_raw, int64_t kernels, int64_t passes)
{
    heed_graph *g = heed_graph_new(), *eager = heed_graph_new();
    heed_graph_eager(eager, true);
    results a = build(g, spread), b = build(eager, spread);
    if (keep_raw) heed_keep(g, a.raw);
    heed_cost c;
    heed_graph_explain(g, a.last, false, &c, NULL);
    CU_ASSERT_EQUAL(c.kernels, kernels);
    CU_ASSERT_EQUAL(c.passes, passes);
    const float *p = heed_data(g, a.last), *q = heed_data(eager, b.last);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    for (int i = 0; i < B * T * OUT; i++) CU_ASSERT_DOUBLE_EQUAL(p[i], q[i], 1e-6);
    p = heed_data(g, a.raw);
    q = heed_data(eager, b.raw);
    for (int i = 0; i < B * T * OUT; i++) CU_ASSERT_DOUBLE_EQUAL(p[i], q[i], 1e-6);
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
    heed_graph_free(g);
    heed_graph_free(eager);
}

static void epilogue(void)
{
    fill(x, B * T * IN, 1);
    fill(w, IN * OUT, 2);
    fill(bias, OUT, 3);
    fill(residual, B * T * OUT, 4);
    fill(positions, T * OUT, 5);
    fill(rows, B * T, 6);
    fused_equals_eager(false, false, 1, 0);
    fused_equals_eager(false, true, 1, 0);
}

/* positions repeat for every sentence: a pass of its own after the product's blocks */
static void not_by_rows(void) { fused_equals_eager(true, false, 1, 1); }

CHECK_MAIN("finish", {"bias, rows and residual join the product", epilogue}, {"a repeated operand does not", not_by_rows})
