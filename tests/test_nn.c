/* The ops of neural networks: values against plain loops and PyTorch, sentences of errors. Gradients are in tests/cases_nn.c. */
#include "autograd/node.h"
#include "check.h"
#include "ops/ops.h"

#include <inttypes.h>
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

/* --- products of matrices --------------------------------------------------------------------------------------------------- */

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

/* --- softmax and normalisation ---------------------------------------------------------------------------------------------- */

static heed_tensor *input(const double *x, int rank, const int64_t *shape) { return heed_input(g, HEED_F64, rank, shape, x); }

static void softmaxes(void)
{
    begin();
    enum { R = 5, C = 37 };
    const double *x = numbers(R * C, 5);
    heed_tensor *t = input(x, SHAPE(R, C));
    const double *p = heed_data(g, heed_softmax(g, t, 1)), *l = heed_data(g, heed_log_softmax(g, t, 1)),
                 *s = heed_data(g, heed_logsumexp(g, t, HEED_LAST, true));
    for (int r = 0; r < R; r++) {
        double sum = 0;
        for (int c = 0; c < C; c++) sum += exp(x[r * C + c]);
        CU_ASSERT(near(s[r], log(sum), 1e-14));
        for (int c = 0; c < C; c++)
            CU_ASSERT(near(p[r * C + c], exp(x[r * C + c]) / sum, 1e-14) && near(l[r * C + c], x[r * C + c] - log(sum), 1e-14));
    }
    heed_softmax(g, t, 2);
    CU_ASSERT(fails_with("softmax: axis 2 of a tensor of rank 2"));
    end();
}

/* Rows with masked scores, a row of nothing but masked ones, large scores, NaN. */
static void softmax_extremes(void)
{
    begin();
    const float rows[5][3] = {
        {-INFINITY, 0, -INFINITY}, {-INFINITY, -INFINITY, -INFINITY}, {1e30f, 1e30f, -1e30f}, {300, 200, 100}, {0, NAN, 0}};
    heed_tensor *t = heed_input(g, HEED_F32, 2, (int64_t[]){5, 3}, rows);
    const float want[4][3] = {{0, 1, 0}, {0, 0, 0}, {0.5, 0.5, 0}, {1, 0, 0}};
    const float *p = heed_data(g, heed_softmax(g, t, 1)), *l = heed_data(g, heed_log_softmax(g, t, 1)),
                *s = heed_data(g, heed_logsumexp(g, t, HEED_LAST, true));
    for (int i = 0; i < 12; i++) CU_ASSERT(near((double)p[i], (double)want[i / 3][i % 3], 1e-7));
    for (int i = 12; i < 15; i++) CU_ASSERT(isnan(p[i]) && isnan(l[i]));
    CU_ASSERT(!memcmp(l, (float[]){-INFINITY, 0, -INFINITY, -INFINITY, -INFINITY, -INFINITY}, 24));
    CU_ASSERT(l[9] == 0 && l[10] == -100 && l[11] == -200);
    CU_ASSERT(s[0] == 0 && s[1] == -INFINITY && s[2] == 1e30f && s[3] == 300 && isnan(s[4]));
    end();
}

static void norms(void)
{
    begin();
    enum { R = 4, C = 21 };
    const double *x = numbers(R * C, 6), *gamma = numbers(C, 7), *beta = numbers(C, 8);
    heed_tensor *t = input(x, SHAPE(R, C)), *a = input(gamma, SHAPE(C)), *b = input(beta, SHAPE(C));
    const double *layer = heed_data(g, heed_layer_norm(g, t, a, b, 1e-5)), *rms = heed_data(g, heed_rms_norm(g, t, a, 1e-5));
    for (int r = 0; r < R; r++) {
        double mean = 0, variance = 0, square = 0;
        for (int c = 0; c < C; c++) mean += x[r * C + c] / C;
        for (int c = 0; c < C; c++)
            variance += (x[r * C + c] - mean) * (x[r * C + c] - mean) / C, square += x[r * C + c] * x[r * C + c] / C;
        for (int c = 0; c < C; c++) {
            CU_ASSERT(near(layer[r * C + c], (x[r * C + c] - mean) / sqrt(variance + 1e-5) * gamma[c] + beta[c], 1e-13));
            CU_ASSERT(near(rms[r * C + c], x[r * C + c] / sqrt(square + 1e-5) * gamma[c], 1e-13));
        }
    }
    heed_layer_norm(g, t, input(gamma, SHAPE(3)), NULL, 1e-5);
    CU_ASSERT(fails_with("layer_norm: gamma of shape [3] for rows of [4,21]"));
    end();
}

/* About p of the elements fall out, the others are scaled; the same words for the gradient, other words for another draw. */
static void dropouts(void)
{
    begin();
    enum { R = 64, C = 500 };
    const double *x = numbers(R * C, 9);
    heed_graph_training(g, true);
    heed_graph_seed(g, 7, 3);
    heed_tensor *t = input(x, SHAPE(R, C)), *y = heed_dropout(g, t, 0.25), *other = heed_dropout(g, t, 0.25), *dx;
    heed_grad(g, y, NULL, 1, &t, &dx);
    const double *a = heed_data(g, y), *b = heed_data(g, dx), *o = heed_data(g, other);
    int out = 0, both = 0;
    for (int i = 0; i < R * C; i++) {
        CU_ASSERT(b[i] == 0 ? a[i] == 0 : near(b[i], 1 / 0.75, 1e-15) && near(a[i], x[i] / 0.75, 1e-15));
        out += b[i] == 0;
        both += b[i] == 0 && o[i] == 0;
    }
    CU_ASSERT(abs(out - R * C / 4) < 320 && abs(both - R * C / 16) < 180); /* four standard deviations */
    heed_graph_training(g, false);
    CU_ASSERT_PTR_EQUAL(heed_dropout(g, t, 0.25), t);
    heed_dropout(g, t, 1.5);
    CU_ASSERT(fails_with("dropout: probability 1.5 is not in 0 ... 1"));
    heed_graph_training(g, true);
    CU_ASSERT_EQUAL(heed_item(g, heed_sum(g, heed_dropout(g, input(x, SHAPE(4)), 1), HEED_ALL, false)), 0);
    end();
}

/* --- losses ----------------------------------------------------------------------------------------------------------------- */

static void cross_entropies(void)
{
    begin();
    enum { R = 6, V = 23 };
    const double *x = numbers(R * V, 10), smoothing = 0.1;
    const int32_t targets[R] = {3, -100, 22, 0, 7, -100};
    heed_tensor *t = input(x, SHAPE(R, V)), *k = heed_input(g, HEED_I32, SHAPE(R), targets);
    heed_tensor *each = heed_cross_entropy(g, t, k, -100, smoothing, HEED_EACH),
                *mean = heed_cross_entropy(g, t, k, -100, smoothing, HEED_MEAN);
    heed_tensor *nll = heed_nll(g, heed_log_softmax(g, t, -1), k, -100, HEED_EACH),
                *plain = heed_cross_entropy(g, t, k, -100, 0, HEED_EACH);
    const double *got = heed_data(g, each), *a = heed_data(g, nll), *b = heed_data(g, plain);
    double total = 0;
    for (int r = 0; r < R; r++) {
        double sum = 0, loss = 0;
        for (int c = 0; c < V; c++) sum += exp(x[r * V + c]);
        for (int c = 0; c < V; c++) loss -= ((c == targets[r] ? 1 - smoothing : 0) + smoothing / V) * (x[r * V + c] - log(sum));
        if (targets[r] < 0) loss = 0;
        total += loss;
        CU_ASSERT(near(got[r], loss, 1e-13) && near(a[r], b[r], 1e-13));
        CU_ASSERT(near(b[r], targets[r] < 0 ? 0 : log(sum) - x[r * V + targets[r]], 1e-13));
    }
    CU_ASSERT(near(heed_item(g, mean), total / 4, 1e-13));
    CU_ASSERT(near(heed_item(g, heed_cross_entropy(g, t, k, -100, smoothing, HEED_TOTAL)), total, 1e-13));
    /* a target that is no class, and computed too late to be refused, is not passed over in silence */
    heed_tensor *names = input((const double[]){3, -100, 22, 0, 7, -100}, SHAPE(R)), *late = heed_cast(g, names, HEED_I32), *dx;
    CU_ASSERT(isnan(heed_item(g, heed_cross_entropy(g, t, late, -1, smoothing, HEED_TOTAL))));
    late = heed_cast(g, names, HEED_I32);
    CU_ASSERT(isnan(heed_item(g, heed_nll(g, t, late, -1, HEED_MEAN))));
    late = heed_cast(g, names, HEED_I32);
    heed_grad(g, heed_cross_entropy(g, t, late, -1, 0, HEED_TOTAL), NULL, 1, &t, &dx);
    CU_ASSERT(isnan(((const double *)heed_data(g, dx))[V]));
    CU_ASSERT(heed_item(g, heed_cross_entropy(g, input(x, SHAPE(1, V)), heed_input(g, HEED_I32, SHAPE(1), targets + 1), -100, 0,
                                              HEED_MEAN)) == 0);
    heed_cross_entropy(g, t, heed_input(g, HEED_I32, SHAPE(2), targets + 3), -100, 0, HEED_MEAN);
    CU_ASSERT(
        fails_with("cross_entropy: targets are int32 of shape [2] for scores of [6,23], which want int32 without the last axis"));
    heed_nll(g, input(x, SHAPE(R, V)), input(x, SHAPE(R)), -100, HEED_MEAN);
    CU_ASSERT(fails_with("nll: targets are float64 of shape [6]"));
    heed_cross_entropy(g, input(x, SHAPE(R, V)), heed_input(g, HEED_I32, SHAPE(R), targets), -100, 2, HEED_MEAN);
    CU_ASSERT(fails_with("cross_entropy: smoothing 2 is not in 0 ... 1"));
    heed_cross_entropy(g, input(x, SHAPE(R, V)), heed_input(g, HEED_I32, SHAPE(R), targets), -1, 0, HEED_MEAN);
    CU_ASSERT(fails_with("cross_entropy: target -100 at place 1 of [6] is neither -1 nor in 0..22"));
    end();
}

static void other_losses(void)
{
    begin();
    const double x[] = {1, 2, 3, 4}, y[] = {1, 0, 5, 1};
    heed_tensor *a = input(x, SHAPE(2, 2)), *b = input(y, SHAPE(2, 2));
    CU_ASSERT(near(heed_item(g, heed_mse(g, a, b, HEED_MEAN)), 17.0 / 4, 1e-15));
    CU_ASSERT(near(heed_item(g, heed_mse(g, a, b, HEED_TOTAL)), 17, 1e-15));
    const double p[] = {0, 0.25, 0.75, 0}, kl = 0.25 * (log(0.25) - 2) + 0.75 * (log(0.75) - 3);
    CU_ASSERT(near(heed_item(g, heed_kl(g, input(p, SHAPE(2, 2)), a, HEED_TOTAL)), kl, 1e-15));
    double bce = 0;
    const double *cosine = heed_data(g, heed_cosine_similarity(g, a, b, 1e-8));
    CU_ASSERT(near(cosine[0], 1 / sqrt(5), 1e-15) && near(cosine[1], 19 / sqrt(25 * 26), 1e-15));
    CU_ASSERT(heed_item(g, heed_cosine_similarity(g, input(p, SHAPE(1)), input(y, SHAPE(1)), 1e-8)) == 0);
    for (int i = 0; i < 4; i++) bce += log(1 + exp(x[i])) - x[i] * p[i];
    CU_ASSERT(near(heed_item(g, heed_bce_with_logits(g, a, input(p, SHAPE(2, 2)), HEED_MEAN)), bce / 4, 1e-15));
    heed_tensor *far = input((const double[]){800, -800}, SHAPE(2));
    CU_ASSERT(heed_item(g, heed_bce_with_logits(g, far, input(y, SHAPE(2)), HEED_TOTAL)) == 0);
    heed_tensor *dx;
    heed_grad(g, heed_mul(g, a, heed_stop_gradient(g, a)), NULL, 1, &a, &dx);
    CU_ASSERT(!memcmp(heed_data(g, dx), x, sizeof x));
    end();
}

/* --- attention -------------------------------------------------------------------------------------------------------------- */

enum { B = 2, H = 3, T = 19, S = 23, DK = 8, DV = 12 };
typedef heed_tensor *attend_fn(heed_graph *, heed_tensor *, heed_tensor *, heed_tensor *, const heed_attention_options *);

/* Result and gradients of one form, in a graph of its own: so both make the same draw. Heads are cut out of the last axis, as in
 * modules. */
static void attend(attend_fn *form, int kind, double out[4][B * S * H * DV])
{
    begin();
    heed_graph_training(g, true);
    const int32_t lengths[B] = {17, 0};
    heed_attention_options o = {.causal = kind & 1, .dropout = kind & 8 ? 0.3 : 0, .scale = kind & 16 ? 0.2 : 0};
    if (kind & 2) o.lengths = heed_input(g, HEED_I32, SHAPE(B), lengths);
    if (kind & 4) o.mask = input(numbers(H * T * S, 20), SHAPE(H, T, S));
    heed_tensor *t[4] = {input(numbers(B * T * H * DK, 21), SHAPE(B, T, H, DK)),
                         input(numbers(B * S * H * DK, 22), SHAPE(B, S, H, DK)),
                         input(numbers(B * S * H * DV, 23), SHAPE(B, S, H, DV))},
                *d[3];
    t[3] = form(g, heed_transpose(g, t[0], 1, 2), heed_transpose(g, t[1], 1, 2), heed_transpose(g, t[2], 1, 2), &o);
    heed_grad(g, t[3], input(numbers(B * T * H * DV, 24), SHAPE(B, H, T, DV)), 3, t, d);
    for (int i = 0; i < 4; i++) {
        heed_tensor *value = i < 3 ? d[i] : t[3];
        const void *data = heed_data(g, value);
        CU_ASSERT_PTR_NOT_NULL_FATAL(data);
        memcpy(out[i], data, (size_t)heed_size(value) * 8);
    }
    end();
}

static void forms_agree(void)
{
    static double a[4][B * S * H * DV], b[4][B * S * H * DV]; /* zeros where a result is shorter */
    for (int kind = 0; kind < 32; kind++) {
        attend(heed_attention, kind, a);
        attend(heed_attention_composed, kind, b);
        bool same = true;
        for (int i = 0; i < 4; i++)
            for (int k = 0; k < B * S * H * DV; k++) same = same && near(a[i][k], b[i][k], 1e-12);
        CU_ASSERT(same);
    }
}

/* The result is laid out for the next step, and the weights can be had by name: before dropout, each row summing to 1. */
static void weights_by_name(void)
{
    begin();
    heed_graph_training(g, true);
    heed_keep_named(g, "*.weights");
    heed_tensor *q = input(numbers(B * H * T * DK, 25), SHAPE(B, H, T, DK)),
                *k = input(numbers(B * H * S * DK, 26), SHAPE(B, H, S, DK));
    heed_scope(g, "enc.%d", 0);
    heed_tensor *y = heed_attention(g, q, k, k, &(heed_attention_options){.causal = true, .dropout = 0.5});
    heed_scope_end(g);
    CU_ASSERT(!heed_is_contiguous(y) && heed_is_contiguous(heed_transpose(g, y, 1, 2)));
    CU_ASSERT_PTR_NOT_NULL(heed_data(g, y));
    heed_tensor *w = heed_find(g, "enc.0.weights");
    const double *p = w ? heed_known(w) : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    for (int r = 0; r < B * H * T; r++) {
        double sum = 0;
        int seen = r % T + S - T + 1;
        for (int c = 0; c < seen; c++) sum += p[r * S + c];
        CU_ASSERT(near(sum, 1, 1e-13) && (seen == S || p[r * S + seen] == 0));
    }
    end();
}

/* Whoever asks for the weights after the run has them too, under the scope of the call; for others they are not recorded. */
static void weights_on_demand(void)
{
    begin();
    heed_tensor *q = input(numbers(B * H * T * DK, 25), SHAPE(B, H, T, DK)), *k = input(numbers(B * H * S * DK, 26), SHAPE(B, H, S, DK));
    heed_scope(g, "enc.%d", 0);
    heed_data(g, heed_attention(g, q, k, k, NULL));
    heed_scope_end(g);
    heed_scope(g, "other");
    const size_t nodes = g->count;
    heed_tensor *w = heed_find(g, "enc.0.weights"), *again = heed_find(g, "enc.0.weights");
    CU_ASSERT(g->count > nodes && w == again);
    CU_ASSERT_STRING_EQUAL(heed_scope_path(g, w->scope), "enc.0");
    CU_ASSERT_STRING_EQUAL(heed_scope_path(g, g->scope), "other");
    heed_tensor *same = heed_softmax(g, heed_scale(g, heed_matmul(g, q, heed_transpose(g, k, 2, 3)), 1 / sqrt((double)DK)), 3);
    const double *p = heed_data(g, w), *r = heed_data(g, same);
    CU_ASSERT_FATAL(p && r);
    for (int i = 0; i < B * H * T * S; i++) CU_ASSERT(near(p[i], r[i], 1e-13));
    end();
}

/* Work that is planned: causal calls count what is visible, though the others of the same shapes came first. */
static void attention_work(void)
{
    const int64_t at[][3] = {{4, 4, 16}, {4, 4, 10}, {3, 5, 3 * 5}, {3, 5, 3 + 4 + 5}, {5, 3, 5 * 3}, {5, 3, 1 + 2 + 3}}; /* T, S, pairs */
    for (int i = 0; i < 6; i++) {
        begin();
        heed_tensor *q = input(numbers(2 * 6 * at[i][0], 25), SHAPE(1, 2, at[i][0], 6)), *k = input(numbers(2 * 6 * at[i][1], 26), SHAPE(1, 2, at[i][1], 6));
        heed_cost c;
        heed_tensor *y = heed_attention(g, q, k, k, &(heed_attention_options){.causal = i % 2});
        CU_ASSERT_EQUAL(heed_graph_explain(g, y, false, &c, NULL), HEED_OK);
        CU_ASSERT_EQUAL(c.flops, 2 * 2 * at[i][2] * (6 + 6)); /* two products of depth 6 for each of two heads */
        end();
    }
}

static void attention_errors(void)
{
    begin();
    const double *x = numbers(512, 27);
    heed_attention(g, input(x, SHAPE(2, 2, 3, 4)), input(x, SHAPE(2, 2, 5, 3)), input(x, SHAPE(2, 2, 5, 3)), NULL);
    CU_ASSERT(
        fails_with("attention: query [2,2,3,4], key [2,2,5,3] and value [2,2,5,3] should be [B,h,T,dk], [B,h,S,dk], [B,h,S,dv]"));
    heed_tensor *q = input(x, SHAPE(2, 2, 3, 4));
    heed_attention(g, q, q, q, &(heed_attention_options){.dropout = 1});
    CU_ASSERT(fails_with("attention: dropout 1 is not in 0 ... 1, without 1"));
    q = input(x, SHAPE(2, 2, 3, 4));
    heed_attention(g, q, q, q, &(heed_attention_options){.mask = input(x, SHAPE(2, 3, 4))});
    CU_ASSERT(fails_with("attention: a mask of shape [2,3,4] for query [2,2,3,4] and key [2,2,3,4]"));
    q = input(x, SHAPE(2, 2, 3, 4));
    heed_attention(g, q, q, q, &(heed_attention_options){.lengths = input(x, SHAPE(2))});
    CU_ASSERT(fails_with("attention: lengths of shape [2] and dtype float64, not one int32 for each of 2 sequences"));
    end();
}

/* --- against PyTorch: tests/data/nn.txt, made by make_nn.py ----------------------------------------------------------------- */

typedef struct array { int rank; int64_t shape[HEED_MAX_RANK], size; double x[256]; } array;

static bool read_array(const char *name, array *a)
{
    char word[64];
    FILE *f = fopen(TEST_DATA "/nn.txt", "r");
    bool found = false, ok = f != NULL;
    while (ok && !found && fscanf(f, "%63s %d", word, &a->rank) == 2) {
        a->size = 1;
        for (int i = 0; i < a->rank && ok; i++) {
            ok = fscanf(f, "%" SCNd64, &a->shape[i]) == 1;
            a->size *= a->shape[i];
        }
        ok = ok && a->size <= 256;
        for (int64_t i = 0; i < a->size && ok; i++) ok = fscanf(f, "%lf", &a->x[i]) == 1;
        found = ok && !strcmp(word, name);
    }
    if (f) fclose(f);
    return found;
}

static heed_tensor *fixture(const char *op, const char *name)
{
    static array room[8];
    static int turn;
    array *a = &room[turn++ % 8];
    char path[64];
    snprintf(path, sizeof path, "%s.%s", op, name);
    return read_array(path, a) ? heed_input(g, HEED_F64, a->rank, a->shape, a->x)
                               : heed_graph_fail(g, HEED_INVALID, "no %s", path);
}

static void compare(const char *op, const char *name, heed_tensor *t)
{
    static array want;
    char path[64];
    snprintf(path, sizeof path, "%s.%s", op, name);
    const double *got = heed_data(g, t);
    CU_ASSERT_FATAL(got && read_array(path, &want) && want.size == heed_size(t));
    for (int64_t i = 0; i < want.size; i++)
        if (!near(got[i], want.x[i], 1e-13)) {
            fprintf(stderr, "\n    %s, element %lld: %.17g instead of %.17g\n", path, (long long)i, got[i], want.x[i]);
            CU_FAIL("a value differs");
            return;
        }
}

/* y and its gradients by the named inputs x */
static void compare_all(const char *op, heed_tensor *y, int count, heed_tensor *const *x, const char *const *names)
{
    heed_tensor *dx[4];
    compare(op, "y", y);
    heed_grad(g, y, fixture(op, "dy"), count, x, dx);
    for (int i = 0; i < count; i++) compare(op, names[i], dx[i]);
}

static void same_as_pytorch(void)
{
    begin();
    heed_tensor *x[4] = {fixture("entropy", "x")}, *t = heed_cast(g, fixture("entropy", "t"), HEED_I32);
    compare_all("entropy", heed_cross_entropy(g, x[0], t, -100, 0.1, HEED_MEAN), 1, x, (const char *[]){"dx"});
    for (int i = 0; i < 3; i++) x[i] = fixture("layer_norm", (const char *[]){"x", "gamma", "beta"}[i]);
    compare_all("layer_norm", heed_layer_norm(g, x[0], x[1], x[2], 1e-5), 3, x, (const char *[]){"dx", "dgamma", "dbeta"});
    x[0] = fixture("gelu", "x");
    compare_all("gelu", heed_gelu(g, heed_scale(g, x[0], 3)), 1, x, (const char *[]){"dx"});
    compare_all("gelu_tanh", heed_gelu_tanh(g, heed_scale(g, x[0], 3)), 1, x, (const char *[]){"dx"});
    for (int i = 0; i < 4; i++) x[i] = fixture("attention", (const char *[]){"q", "k", "v", "mask"}[i]);
    compare_all("attention", heed_attention(g, x[0], x[1], x[2], &(heed_attention_options){.mask = x[3]}), 4, x,
                (const char *[]){"dq", "dk", "dv", "dmask"});
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
    end();
}

CHECK_MAIN("neural networks", {"products of matrices, any layout and broadcasting", products},
           {"products of vectors", products_of_vectors}, {"gradients of weights add up", weight_gradients},
           {"products: sentences", product_errors}, {"softmax and its kin", softmaxes},
           {"softmax of masked, large and missing numbers", softmax_extremes},
           {"layer and root mean square normalisation", norms}, {"dropout", dropouts},
           {"cross-entropy and likelihood", cross_entropies}, {"other losses", other_losses},
           {"attention: both forms agree", forms_agree}, {"attention: layout and weights", weights_by_name},
           {"attention: weights on demand", weights_on_demand},
           {"attention: work", attention_work}, {"attention: sentences", attention_errors}, {"the same as PyTorch", same_as_pytorch})
