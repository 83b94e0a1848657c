/* The ops of neural networks: values against plain loops in double precision, sentences of errors. Gradients: tests/cases_nn.c. */
#include "autograd/params.h"
#include "check.h"
#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>

static heed_graph *g;
static void begin(void) { g = heed_graph_new(); }
static void end(void)
{
    heed_graph_free(g);
    g = NULL;
}

/* `n` numbers between -2 and 2 that look random, the same for the same start; live until the next call that comes round */
static double *numbers(int64_t n, unsigned start)
{
    static double room[8][1 << 16];
    static int turn;
    double *x = room[turn++ % 8];
    for (int64_t i = 0; i < n; i++) {
        start = start * 1664525u + 1013904223u;
        x[i] = (double)(start >> 8) / (1 << 22) - 2;
    }
    return x;
}

static bool near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * (1 + fabs(b)); }

static bool fails_with(const char *sentence)
{
    bool ok = heed_graph_error(g)->code == HEED_INVALID && check_says(heed_graph_error(g)->message, sentence);
    heed_graph_reset(g);
    return ok;
}

/* --- products of matrices ---------------------------------------------------------------------------------------------------------- */

/* Row-major strides of `x` over the batch axes of a result of rank `rank`, 0 where it is broadcast. */
static int64_t offset_of(const heed_tensor *x, int64_t batch, int rank, const int64_t *shape)
{
    int64_t offset = 0, step = heed_dim(x, -1) * heed_dim(x, -2);
    for (int i = rank - 3; i >= 0; batch /= shape[i--]) {
        int axis = i - rank + heed_rank(x);
        if (axis < 0) continue;
        offset += heed_dim(x, axis) == 1 ? 0 : batch % shape[i] * step;
        step *= heed_dim(x, axis);
    }
    return offset;
}

/* a x b, both in memory as given or with their last two axes exchanged */
static void check_product(int ar, const int64_t *as, bool at, int br, const int64_t *bs, bool bt)
{
    begin();
    int64_t na = 1, nb = 1;
    for (int i = 0; i < ar; i++) na *= as[i];
    for (int i = 0; i < br; i++) nb *= bs[i];
    const double *a = numbers(na, 1), *b = numbers(nb, 2);
    heed_tensor *ta = heed_input(g, HEED_F64, ar, as, a), *tb = heed_input(g, HEED_F64, br, bs, b);
    if (at) ta = heed_transpose(g, ta, -1, -2);
    if (bt) tb = heed_transpose(g, tb, -1, -2);
    heed_tensor *y = heed_matmul(g, ta, tb);
    const double *got = heed_data(g, y);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    int rank = heed_rank(y);
    int64_t m = heed_dim(ta, -2), n = heed_dim(tb, -1), k = heed_dim(ta, -1), shape[HEED_MAX_RANK];
    for (int i = 0; i < rank; i++) shape[i] = heed_dim(y, i);
    for (int64_t i = 0; i < heed_size(y); i++) {
        const double *p = a + offset_of(ta, i / (m * n), rank, shape), *q = b + offset_of(tb, i / (m * n), rank, shape);
        double sum = 0;
        for (int64_t j = 0; j < k; j++)
            sum += (at ? p[j * m + i / n % m] : p[i / n % m * k + j]) * (bt ? q[i % n * k + j] : q[j * n + i % n]);
        if (!near(got[i], sum, 1e-12)) {
            CU_FAIL("a product is wrong");
            break;
        }
    }
    end();
}
#define SHAPE(...) (int)(sizeof(int64_t[]){__VA_ARGS__} / 8), (int64_t[]){__VA_ARGS__}

static void products(void)
{
    check_product(SHAPE(3, 4), false, SHAPE(4, 5), false);
    check_product(SHAPE(4, 3), true, SHAPE(5, 4), true);
    check_product(SHAPE(1, 1), false, SHAPE(1, 1), false);
    check_product(SHAPE(2, 0), false, SHAPE(0, 3), false);
    check_product(SHAPE(0, 4), false, SHAPE(4, 3), false);
    check_product(SHAPE(3, 7, 5), false, SHAPE(5, 6), false);          /* rows of one product */
    check_product(SHAPE(2, 3, 1, 5), false, SHAPE(5, 6), false);
    check_product(SHAPE(3, 5, 7), true, SHAPE(5, 6), false);           /* batches that do not merge */
    check_product(SHAPE(2, 3, 4, 5), false, SHAPE(2, 3, 6, 5), true);  /* heads */
    check_product(SHAPE(2, 1, 4, 5), false, SHAPE(3, 5, 2), false);    /* broadcast on both sides */
    check_product(SHAPE(4, 5), false, SHAPE(3, 2, 5, 6), false);
    check_product(SHAPE(2, 3, 1, 5), false, SHAPE(2, 1, 5, 6), false);
    check_product(SHAPE(2, 1, 2, 1, 2, 1, 3, 4), false, SHAPE(1, 2, 1, 2, 1, 2, 4, 3), false);
    check_product(SHAPE(9, 17, 33), false, SHAPE(33, 40), false);
    check_product(SHAPE(150, 40), false, SHAPE(40, 160), false);
}

static void products_of_vectors(void)
{
    begin();
    const double a[] = {1, 2, 3}, b[] = {4, 5, 6}, m[] = {1, 2, 3, 4, 5, 6};
    heed_tensor *x = heed_input(g, HEED_F64, 1, (int64_t[]){3}, a), *y = heed_input(g, HEED_F64, 1, (int64_t[]){3}, b);
    heed_tensor *w = heed_input(g, HEED_F64, 2, (int64_t[]){2, 3}, m);
    CU_ASSERT_EQUAL(heed_item(g, heed_matmul(g, x, y)), 32);
    heed_tensor *rows = heed_matmul(g, w, x), *cols = heed_matmul(g, x, heed_transpose(g, w, 0, 1)), *outer = heed_outer(g, x, y);
    CU_ASSERT(heed_rank(rows) == 1 && heed_rank(cols) == 1 && heed_dim(rows, 0) == 2);
    CU_ASSERT(!memcmp(heed_data(g, rows), (double[]){14, 32}, 16));
    CU_ASSERT(!memcmp(heed_data(g, cols), (double[]){14, 32}, 16));
    CU_ASSERT(!memcmp(heed_data(g, outer), (double[]){4, 5, 6, 8, 10, 12, 12, 15, 18}, 72));
    heed_tensor *bias = heed_input(g, HEED_F64, 1, (int64_t[]){2}, a);
    CU_ASSERT(!memcmp(heed_data(g, heed_linear(g, x, heed_transpose(g, w, 0, 1), bias)), (double[]){15, 34}, 16));
    end();
}

/* The gradient of a weight of a linear map is one product, which adds to the parameter's gradient without a copy. */
static void weight_gradients(void)
{
    begin();
    heed_params *ps = heed_params_new(1);
    heed_param *w = heed_param_new(ps, "w", HEED_F64, 2, (int64_t[]){3, 2}, HEED_ONES);
    const double *x = numbers(2 * 5 * 3, 3);
    for (int turn = 0; turn < 2; turn++) {
        heed_tensor *y = heed_linear(g, heed_input(g, HEED_F64, 3, (int64_t[]){2, 5, 3}, x), heed_use(g, w), NULL);
        heed_tensor *loss = heed_sum(g, y, HEED_ALL, false);
        heed_cost cost;
        CU_ASSERT_EQUAL(heed_graph_explain(g, loss, true, &cost, NULL), HEED_OK);
        CU_ASSERT_EQUAL(cost.kernels, 2); /* the product and the gradient: nothing is copied or added afterwards */
        CU_ASSERT_EQUAL(heed_backward(g, loss), HEED_OK);
        heed_graph_reset(g);
    }
    const double *dw = heed_param_grad(w);
    for (int i = 0; i < 3; i++) {
        double sum = 0;
        for (int r = 0; r < 10; r++) sum += x[r * 3 + i];
        CU_ASSERT(near(dw[2 * i], 2 * sum, 1e-12) && near(dw[2 * i + 1], 2 * sum, 1e-12));
    }
    heed_params_free(ps);
    end();
}

static void product_errors(void)
{
    begin();
    const double *x = numbers(64, 4);
    heed_tensor *a = heed_input(g, HEED_F64, 2, (int64_t[]){3, 4}, x), *b = heed_input(g, HEED_F64, 2, (int64_t[]){5, 3}, x);
    heed_matmul(g, a, b);
    CU_ASSERT(fails_with("matmul: inner sizes differ: [3,4] x [5,3]"));
    a = heed_input(g, HEED_F64, 3, (int64_t[]){2, 3, 4}, x);
    b = heed_input(g, HEED_F64, 3, (int64_t[]){3, 4, 2}, x);
    heed_matmul(g, a, b);
    CU_ASSERT(fails_with("matmul: leading axes do not broadcast: [2,3,4] x [3,4,2]"));
    heed_matmul(g, heed_input(g, HEED_F64, 0, NULL, x), heed_input(g, HEED_F64, 2, (int64_t[]){2, 2}, x));
    CU_ASSERT(fails_with("matmul: operands are matrices: [] x [2,2]"));
    heed_matmul(g, heed_input(g, HEED_F32, 2, (int64_t[]){2, 2}, x), heed_input(g, HEED_F64, 2, (int64_t[]){2, 2}, x));
    CU_ASSERT(fails_with("matmul: operands differ in dtype: float32 and float64"));
    heed_outer(g, heed_scalar(g, HEED_F64, 1), heed_input(g, HEED_F64, 1, (int64_t[]){2}, x));
    CU_ASSERT(fails_with("outer: operands of rank 0 and 1"));
    end();
}

CHECK_MAIN("neural networks", {"products of matrices, any layout and broadcasting", products}, {"products of vectors", products_of_vectors},
           {"gradients of weights add up", weight_gradients}, {"products: sentences", product_errors})
