/* What is fused, and that gradients are accumulated as they should: passes and peaks from explain, values against plain loops. */
#include "autograd/params.h"
#include "check.h"
#include "own_ops.h"

enum { ROWS = 300, COLS = 70, N = ROWS * COLS, MORE = 8 };

static double data[N + MORE];
static heed_graph *g;

static void begin(void)
{
    for (int i = 0; i < N + MORE; i++) data[i] = sin(1 + 7.3 * i);
    g = heed_graph_new();
    heed_graph_threads(g, 2);
}

static void end(void)
{
    CU_ASSERT_STRING_EQUAL(heed_graph_error(g)->message, "");
    heed_graph_free(g);
}

static heed_tensor *matrix(int64_t rows, int64_t cols) { return heed_input(g, HEED_F64, 2, (int64_t[]){rows, cols}, data); }

static heed_cost cost_of(heed_tensor *t, bool backward)
{
    heed_cost c = {0};
    CU_ASSERT_EQUAL(heed_graph_explain(g, t, backward, &c, NULL), HEED_OK);
    return c;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-12 * (1 + fabs(b)); }

/* --- formulas become one pass ------------------------------------------------------------------------------------------------------ */

static void softmax_is_one_pass(void)
{
    begin();
    heed_tensor *y = own_softmax(g, matrix(ROWS, COLS));
    heed_cost c = cost_of(y, false);
    CU_ASSERT(c.nodes == 5 && c.passes == 1 && c.kernels == 0 && c.depth == 1);
    CU_ASSERT(c.peak <= N * 8 + 64); /* the result and nothing else */
    CU_ASSERT_EQUAL(c.bytes, 2 * N * 8);
    const double *p = heed_data(g, y);
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int k = 0; k < COLS; k++) sum += exp(data[r * COLS + k]);
        CU_ASSERT(near(p[r * COLS + 5], exp(data[r * COLS + 5]) / sum));
    }
    end();
}

static void layer_norm_is_one_pass(void)
{
    begin();
    heed_tensor *scale = heed_input(g, HEED_F64, 1, (int64_t[]){COLS}, data), *y = heed_mul(g, own_layer_norm(g, matrix(ROWS, COLS)), scale);
    heed_cost c = cost_of(y, false);
    CU_ASSERT(c.passes == 1 && c.kernels == 0 && c.peak <= N * 8 + 64);
    const double *p = heed_data(g, y);
    for (int r = 0; r < ROWS; r++) {
        double mean = 0, variance = 0;
        for (int k = 0; k < COLS; k++) mean += data[r * COLS + k] / COLS;
        for (int k = 0; k < COLS; k++) variance += (data[r * COLS + k] - mean) * (data[r * COLS + k] - mean) / COLS;
        CU_ASSERT(near(p[r * COLS + 9], (data[r * COLS + 9] - mean) / sqrt(variance + 0.1) * data[9]));
    }
    end();
}

/* Only what is asked for reaches memory; every result is computed once. */
static void only_results_are_stored(void)
{
    begin();
    heed_tensor *x = matrix(ROWS, COLS), *y = x, *inner = NULL;
    for (int i = 0; i < 20; i++) {
        y = own_map(g, &own_tanh, heed_scale(g, y, 1.5));
        if (i == 10) inner = y;
    }
    CU_ASSERT(cost_of(y, false).peak <= N * 8 + 64);
    heed_keep(g, inner);
    heed_cost c = cost_of(y, false);
    CU_ASSERT(c.passes == 1 && c.nodes == 40 && c.peak > N * 15 && c.peak <= 2 * (N * 8 + 64));
    end();
}

static void long_chains(void)
{
    begin();
    heed_tensor *x = matrix(ROWS, COLS), *y = x;
    for (int i = 0; i < 500; i++) y = heed_add(g, y, x);
    heed_cost c = cost_of(y, false);
    CU_ASSERT(c.nodes == 500 && c.passes > 1 && c.passes <= 500 / 50);
    CU_ASSERT(c.peak <= 3 * (N * 8 + 64));
    const double *p = heed_data(g, y);
    for (int i = 0; i < N; i += 97) CU_ASSERT(near(p[i], 501 * data[i]));
    end();
}

/* A pass of many operands and of values that all live to its end. */
static void wide_passes(void)
{
    begin();
    heed_tensor *part[60], *sum = NULL;
    for (int i = 0; i < 60; i++) part[i] = heed_scale(g, heed_input(g, HEED_F64, 2, (int64_t[]){10, 20}, data + i * 200), i + 1);
    for (int i = 0; i < 60; i++) sum = sum ? heed_add(g, sum, part[i]) : part[i];
    const double *p = heed_data(g, sum);
    for (int k = 0; k < 200; k++) {
        double expected = 0;
        for (int i = 0; i < 60; i++) expected += (i + 1) * data[i * 200 + k];
        CU_ASSERT(near(p[k], expected));
    }
    end();
}

/* Values of one number a row and full ones in the same pass, in small shapes where their registers have the same size; bytes and reals. */
static void rows_and_full_values(void)
{
    begin();
    for (int64_t rows = 1; rows <= 9; rows++)
        for (int64_t cols = 1; cols <= 9; cols++) {
            heed_tensor *x = matrix(rows, cols), *s = heed_sum(g, x, HEED_LAST, true);
            heed_tensor *t = heed_add_scalar(g, heed_scale(g, s, 0.5), 1);               /* a row's number */
            heed_tensor *u = heed_sub(g, t, heed_mul(g, x, x));                         /* takes t's last use */
            heed_tensor *mask = own_map(g, &own_above, x);
            heed_tensor *y = heed_apply(g, &own_choose, 3, (heed_tensor *[]){mask, u, heed_neg(g, t)}, NULL);
            const double *p = heed_data(g, heed_add(g, y, s));
            for (int64_t r = 0; r < rows; r++) {
                double sum = 0;
                for (int64_t c = 0; c < cols; c++) sum += data[r * cols + c];
                for (int64_t c = 0; c < cols; c++) {
                    double v = data[r * cols + c], row = 0.5 * sum + 1;
                    CU_ASSERT(near(p[r * cols + c], (v > 0.3 ? row - v * v : -row) + sum));
                }
            }
        }
    end();
}

static void column_sums_of_several_results(void)
{
    begin();
    heed_tensor *x = matrix(ROWS, COLS), *e = own_map(g, &own_exp, x), *q = heed_mul(g, x, e);
    heed_tensor *all[] = {heed_sum(g, x, HEED_AXIS(0), false), heed_sum(g, e, HEED_AXIS(0), true), heed_sum(g, q, HEED_AXIS(0), false), q,
                          heed_sum(g, q, HEED_LAST, false)};
    CU_ASSERT_EQUAL(heed_run(g, 5, all), HEED_OK);
    const double *a = heed_data(g, all[0]), *b = heed_data(g, all[1]), *c = heed_data(g, all[2]);
    for (int k = 0; k < COLS; k++) {
        double sx = 0, se = 0, sq = 0;
        for (int r = 0; r < ROWS; r++) {
            double v = data[r * COLS + k];
            sx += v, se += exp(v), sq += v * exp(v);
        }
        CU_ASSERT(near(a[k], sx) && near(b[k], se) && near(c[k], sq));
    }
    end();
}

/* --- what follows a matrix product ------------------------------------------------------------------------------------------------- */

static void products_and_what_follows(void)
{
    static const int64_t sizes[][3] = {{3, 4, 5}, {1, 7, 300}, {130, 70, 33}, {300, 20, 70}, {64, 64, 257}, {1, 1, 1}, {4, 0, 6}, {0, 3, 2}};
    begin();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t m = sizes[i][0], k = sizes[i][1], n = sizes[i][2];
        heed_tensor *a = matrix(m, k), *b = heed_input(g, HEED_F64, 2, (int64_t[]){k, n}, data + 1), *product = heed_matmul(g, a, b);
        heed_tensor *bias = heed_input(g, HEED_F64, 1, (int64_t[]){n}, data + 2), *rest = heed_input(g, HEED_F64, 2, (int64_t[]){m, n}, data + 3);
        heed_tensor *column = heed_input(g, HEED_F64, 2, (int64_t[]){m, 1}, data + 4);
        heed_tensor *h = own_map(g, &own_tanh, heed_add(g, product, bias)), *y = heed_add(g, heed_mul(g, h, column), heed_mul(g, rest, product));
        heed_tensor *turned = heed_mul(g, y, heed_transpose(g, heed_input(g, HEED_F64, 2, (int64_t[]){n, m}, data + 5), 0, 1));
        if (i % 2) heed_keep(g, h);
        CU_ASSERT_EQUAL(heed_run(g, 2, (heed_tensor *[]){y, turned}), HEED_OK);
        const double *p = heed_data(g, y), *q = heed_data(g, turned);
        for (int64_t r = 0; r < m; r++)
            for (int64_t c = 0; c < n; c++) {
                double sum = 0;
                for (int64_t j = 0; j < k; j++) sum += data[r * k + j] * data[1 + j * n + c];
                double expected = tanh(sum + data[2 + c]) * data[4 + r] + data[3 + r * n + c] * sum;
                CU_ASSERT(near(p[r * n + c], expected) && near(q[r * n + c], expected * data[5 + c * m + r]));
            }
    }
    end();
}

/* --- accumulation ----------------------------------------------------------------------------------------------------------------------- */

static heed_params *ps;
static heed_param *w, *bias, *frozen;

static void begin_params(void)
{
    begin();
    ps = heed_params_new(3);
    w = heed_param_new(ps, "w", HEED_F64, 2, (int64_t[]){COLS, COLS}, HEED_NORMAL(0, 0.1));
    bias = heed_param_new(ps, "bias", HEED_F64, 1, (int64_t[]){COLS}, HEED_ZEROS);
    frozen = heed_param_new(ps, "frozen", HEED_F64, 1, (int64_t[]){COLS}, HEED_ONES);
    heed_params_trainable(ps, "frozen", false);
}

static void end_params(void)
{
    end();
    heed_params_free(ps);
}

/* sum of tanh((x w) w^T frozen + bias) bias over rows from..to: w twice, by two kinds of gradient; bias twice, as columns */
static heed_tensor *loss_of(int64_t from, int64_t rows)
{
    heed_tensor *x = heed_input(g, HEED_F64, 2, (int64_t[]){rows, COLS}, data + from * COLS), *weight = heed_use(g, w), *b = heed_use(g, bias);
    heed_tensor *h = heed_matmul(g, heed_linear(g, x, weight, b), heed_transpose(g, weight, 0, 1));
    h = own_map(g, &own_tanh, heed_add(g, heed_mul(g, h, heed_use(g, frozen)), b));
    return heed_sum(g, heed_mul(g, h, heed_add_scalar(g, b, 1)), HEED_ALL, false);
}

static void micro_batches_add_up(void)
{
    begin_params();
    static double once[COLS * COLS], bias_once[COLS];
    CU_ASSERT_EQUAL(heed_backward(g, loss_of(0, ROWS)), HEED_OK);
    memcpy(once, heed_param_grad(w), sizeof once);
    memcpy(bias_once, heed_param_grad(bias), sizeof bias_once);
    CU_ASSERT(!heed_param_grad_is_zero(w) && !heed_param_grad_is_zero(bias) && heed_param_grad_is_zero(frozen));
    for (int how = 0; how < 3; how++) { /* in graphs of their own, in one graph, and half of the sum twice */
        heed_params_zero_grad(ps);
        CU_ASSERT(heed_param_grad_is_zero(w) && ((double *)heed_param_grad(w))[3] == 0);
        for (int64_t part = 0; part < 3; part++) {
            if (how == 0) heed_graph_reset(g);
            heed_tensor *loss = loss_of(part * 100, 100);
            if (how == 2) {
                loss = heed_scale(g, loss, 0.5);
                CU_ASSERT_EQUAL(heed_backward(g, loss), HEED_OK);
            }
            CU_ASSERT_EQUAL(heed_backward(g, loss), HEED_OK);
        }
        const double *dw = heed_param_grad(w), *db = heed_param_grad(bias), *df = heed_param_grad(frozen);
        for (int i = 0; i < COLS * COLS; i++) CU_ASSERT(near(dw[i], once[i]));
        for (int i = 0; i < COLS; i++) CU_ASSERT(near(db[i], bias_once[i]) && df[i] == 0);
    }
    end_params();
}

/* Gradients of parameters agree with heed_grad by the same leaves, and the sum of the parameters alone has the gradient 1. */
static void both_kinds_of_gradient_agree(void)
{
    begin_params();
    heed_tensor *loss = loss_of(0, 40), *dx[2], *x[] = {heed_use(g, w), heed_use(g, bias)};
    heed_grad(g, loss, NULL, 2, x, dx);
    CU_ASSERT_EQUAL(heed_backward(g, loss), HEED_OK);
    for (int k = 0; k < 2; k++) {
        const double *a = heed_data(g, dx[k]), *b = heed_param_grad(k ? bias : w);
        for (int64_t i = 0; i < heed_size(dx[k]); i++) CU_ASSERT(near(a[i], b[i]));
    }
    heed_params_zero_grad(ps);
    heed_tensor *b = heed_use(g, bias), *sum = heed_add(g, heed_sum(g, b, HEED_ALL, false), heed_sum(g, heed_reshape(g, b, 2, (int64_t[]){2, COLS / 2}), HEED_ALL, false));
    CU_ASSERT_EQUAL(heed_backward(g, sum), HEED_OK);
    for (int i = 0; i < COLS; i++) CU_ASSERT_EQUAL(((double *)heed_param_grad(bias))[i], 2);
    CU_ASSERT(heed_param_grad_is_zero(w));
    heed_param *one = heed_param_new(ps, "one", HEED_F64, 0, NULL, HEED_ONES);
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(heed_backward(g, heed_use(g, one)), HEED_OK); /* the loss is the parameter */
    CU_ASSERT_EQUAL(*(double *)heed_param_grad(one), 2);
    end_params();
}

/* Two column sums of one pass that go into the same gradient. */
static void one_parameter_twice_in_a_pass(void)
{
    begin_params();
    heed_tensor *b = heed_use(g, bias), *x = matrix(ROWS, COLS);
    heed_tensor *y = own_map(g, &own_tanh, heed_add(g, heed_mul(g, x, b), b));
    CU_ASSERT_EQUAL(heed_backward(g, heed_sum(g, y, HEED_ALL, false)), HEED_OK); /* at b = 0 */
    for (int c = 0; c < COLS; c++) {
        double sum = ROWS;
        for (int r = 0; r < ROWS; r++) sum += data[r * COLS + c];
        CU_ASSERT(near(((double *)heed_param_grad(bias))[c], sum));
    }
    end_params();
}

/* Frozen parameters are no part of a cached plan for trainable ones, and the other way round. */
static void freezing_between_steps(void)
{
    begin_params();
    for (int turn = 0; turn < 6; turn++) {
        bool train = turn % 2;
        heed_params_trainable(ps, "w", train);
        heed_params_zero_grad(ps);
        heed_graph_reset(g);
        CU_ASSERT_EQUAL(heed_backward(g, loss_of(0, 50)), HEED_OK);
        CU_ASSERT(heed_param_grad_is_zero(w) == !train && !heed_param_grad_is_zero(bias));
    }
    heed_graph_reset(g);
    heed_params_trainable(ps, "*", false);
    heed_tensor *loss = loss_of(0, 50);
    CU_ASSERT_EQUAL(heed_backward(g, loss), HEED_OK); /* nothing to learn, but the loss is computed */
    CU_ASSERT(isfinite(heed_item(g, loss)));
    end_params();
}

CHECK_MAIN("passes", {"softmax as a formula is one pass", softmax_is_one_pass}, {"layer norm as a formula is one pass", layer_norm_is_one_pass},
           {"only results are stored", only_results_are_stored}, {"long chains", long_chains}, {"many operands", wide_passes},
           {"numbers a row, full values, bytes", rows_and_full_values}, {"column sums", column_sums_of_several_results},
           {"what follows a matrix product", products_and_what_follows}, {"micro-batches add up", micro_batches_add_up},
           {"both kinds of gradient agree", both_kinds_of_gradient_agree}, {"a parameter twice in a pass", one_parameter_twice_in_a_pass},
           {"freezing between steps", freezing_between_steps})
