/* Weights that are kept packed over runs: the products are right in every precision, and follow every change of a weight. */
#include "check.h"
#include "heed.h"
#include "refusals.h"

#include <math.h>
#include <stdlib.h>

static heed_param *weight_new(heed_params *ps, const char *name, int64_t rows, int64_t cols)
{
    return heed_param_new(ps, name, HEED_F32, 2, (int64_t[]){rows, cols}, HEED_NORMAL(0, 0.5));
}

static float *numbers_new(int64_t n)
{
    heed_random r = {7, 3, 0};
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = (float)heed_random_normal(&r);
    return x;
}

/* The largest difference between relu(x w + b) with packed weights and without, relative to the largest number there is. */
static double difference(heed_packing how, int64_t m, int64_t k, int64_t n, bool transposed, int threads, float *result)
{
    heed_params *ps = heed_params_new(3);
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, threads);
    heed_param *w = transposed ? weight_new(ps, "w", n, k) : weight_new(ps, "w", k, n);
    heed_param *b = heed_param_new(ps, "b", HEED_F32, 1, &n, HEED_NORMAL(0, 1));
    float *x = numbers_new(m * k), *plain = malloc((size_t)(m * n + 1) * sizeof *plain);
    double worst = 0, most = 1e-9;
    for (int pass = 0; pass < 2; pass++) {
        heed_graph_reset(g);
        heed_graph_packed(g, pass ? how : HEED_PACK_NONE);
        heed_tensor *in = heed_input(g, HEED_F32, 3, (int64_t[]){m, 1, k}, x), *weight = heed_use(g, w);
        heed_tensor *y = heed_relu(g, heed_linear(g, in, transposed ? heed_transpose(g, weight, 0, 1) : weight, heed_use(g, b)));
        const float *values = heed_data(g, y);
        CU_ASSERT_PTR_NOT_NULL_FATAL(values);
        for (int64_t i = 0; i < m * n && pass; i++) {
            worst = fmax(worst, fabs((double)values[i] - (double)plain[i]));
            most = fmax(most, fabs((double)plain[i]));
        }
        memcpy(pass && result ? result : plain, values, (size_t)(m * n) * sizeof *plain);
        CU_ASSERT_EQUAL(heed_params_prepared_bytes(ps) > 0, pass == 1);
    }
    free(x);
    free(plain);
    heed_graph_free(g);
    heed_params_free(ps);
    return worst / most;
}

static void products_are_right(void)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {1, 64, 96}, {2, 7, 33}, {3, 130, 31}, {5, 512, 40}, {13, 37, 70}, {32, 600, 64}, {130, 65, 45}, {200, 512, 40}, {90, 2000, 40}, {300, 20, 9}, {700, 1030, 70}};
    static const double bound[] = {0, 1e-5, 1e-2, 3e-2};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int how = HEED_PACK_SAME; how <= HEED_PACK_INT8; how++)
            for (int transposed = 0; transposed < 2; transposed++)
                CU_ASSERT(difference((heed_packing)how, sizes[i][0], sizes[i][1], sizes[i][2], transposed, 1, NULL) < bound[how]);
}

static void bits_do_not_depend_on_threads_or_rows(void)
{
    enum { M = 37, K = 200, N = 100, MANY = 300, DEEP = 2000 };
    float one[M * N], two[M * N], few[2 * N], *many = malloc(2 * MANY * N * sizeof *many);
    for (int how = HEED_PACK_SAME; how <= HEED_PACK_INT8; how++) {
        difference((heed_packing)how, M, K, N, false, 1, one);
        difference((heed_packing)how, M, K, N, false, 2, two);
        CU_ASSERT_EQUAL(memcmp(one, two, sizeof one), 0);
        difference((heed_packing)how, 2, K, N, false, 1, few); /* the same first rows */
        CU_ASSERT_EQUAL(memcmp(one, few, sizeof few), 0);
        difference((heed_packing)how, MANY, DEEP, N, false, 1, many);
        difference((heed_packing)how, MANY, DEEP, N, false, 2, many + MANY * N);
        CU_ASSERT_EQUAL(memcmp(many, many + MANY * N, MANY * N * sizeof *many), 0);
        difference((heed_packing)how, M, DEEP, N, false, 1, one);
        CU_ASSERT_EQUAL(memcmp(one, many, sizeof one), 0);
        for (int64_t rows = 90; rows <= 250; rows += 80) { /* those in between, by one way or the other */
            difference((heed_packing)how, rows, rows < 200 ? DEEP : K, N, false, 1, many);
            difference((heed_packing)how, M, rows < 200 ? DEEP : K, N, false, 1, one);
            CU_ASSERT_EQUAL(memcmp(one, many, sizeof one), 0);
        }
    }
    free(many);
}

/* --- changes ------------------------------------------------------------------------------------------------------------------- */

typedef struct bench { heed_graph *g; heed_params *ps; heed_param *w; float x[8]; } bench;

static heed_tensor *record(bench *b)
{
    heed_graph_reset(b->g);
    return heed_sum(b->g, heed_matmul(b->g, heed_input(b->g, HEED_F32, 2, (int64_t[]){2, 4}, b->x), heed_use(b->g, b->w)), HEED_ALL, false);
}

/* The sum of x w, computed here. */
static double expected(const bench *b)
{
    const float *w = heed_param_values(b->w);
    double sum = 0;
    for (int i = 0; i < 2; i++)
        for (int p = 0; p < 4; p++)
            for (int j = 0; j < 3; j++) sum += (double)b->x[4 * i + p] * (double)w[3 * p + j];
    return sum;
}

static void follows(bench *b)
{
    CU_ASSERT_DOUBLE_EQUAL(heed_item(b->g, record(b)), expected(b), 1e-4);
}

static void products_follow_the_weights(void)
{
    bench b = {.g = heed_graph_new(), .ps = heed_params_new(1)};
    b.w = weight_new(b.ps, "w", 4, 3);
    for (int i = 0; i < 8; i++) b.x[i] = (float)(i + 1);
    heed_graph_packed(b.g, HEED_PACK_SAME);
    follows(&b);
    uint64_t before = heed_param_version(b.w);
    follows(&b);
    CU_ASSERT_EQUAL(heed_param_version(b.w), before); /* running changes nothing */

    ((float *)heed_param_data(b.w))[5] += 3; /* the caller's pointer */
    follows(&b);
    heed_tensor *y = record(&b); /* between recording and running */
    ((float *)heed_param_data(b.w))[2] -= 7;
    CU_ASSERT_DOUBLE_EQUAL(heed_item(b.g, y), expected(&b), 1e-4);

    heed_ema *average = heed_ema_new(b.ps);
    heed_optimizer *o = heed_optimizer_new(b.ps, "sgd"); /* optimizer, backward */
    heed_optimizer_set(o, "lr", 0.1);
    heed_ema_update(average, 0.5, 1);
    heed_backward(b.g, record(&b));
    heed_optimizer_step(o, b.g);
    CU_ASSERT(heed_param_version(b.w) > before);
    follows(&b);
    CU_ASSERT_EQUAL(heed_ema_swap(average), HEED_OK); /* averages */
    follows(&b);
    heed_ema_free(average);
    heed_optimizer_free(o);

    heed_graph *other = heed_graph_new(); /* another graph shares the form */
    size_t bytes = heed_params_prepared_bytes(b.ps);
    heed_graph *own = b.g;
    heed_graph_packed(other, HEED_PACK_SAME);
    b.g = other;
    follows(&b);
    CU_ASSERT_EQUAL(heed_params_prepared_bytes(b.ps), bytes);
    b.g = own;
    heed_graph_reset(b.g);
    heed_graph_reset(other);
    heed_params_release(b.ps); /* and it comes back after it was freed */
    CU_ASSERT_EQUAL(heed_params_prepared_bytes(b.ps), 0);
    follows(&b);
    heed_graph_free(other);
    heed_graph_free(b.g);
    heed_params_free(b.ps);
}

static void training_and_other_types_are_left_alone(void)
{
    bench b = {.g = heed_graph_new(), .ps = heed_params_new(1), .x = {1, 2, 3, 4, 5, 6, 7, 8}};
    b.w = weight_new(b.ps, "w", 4, 3);
    heed_graph_packed(b.g, HEED_PACK_INT8);
    heed_graph_training(b.g, true);
    CU_ASSERT_EQUAL(heed_graph_packed_now(b.g), HEED_PACK_NONE);
    follows(&b);
    heed_graph_training(b.g, false);
    CU_ASSERT_EQUAL(heed_params_prepared_bytes(b.ps), 0);
    int64_t shape[] = {3, 4}; /* as many numbers, but not the weight's matrix */
    heed_graph_reset(b.g);
    heed_tensor *y = heed_matmul(b.g, heed_input(b.g, HEED_F32, 2, (int64_t[]){2, 3}, b.x), heed_reshape(b.g, heed_use(b.g, b.w), 2, shape));
    CU_ASSERT_PTR_NOT_NULL(heed_data(b.g, y));
    CU_ASSERT_EQUAL(heed_params_prepared_bytes(b.ps), 0);
    heed_graph_packed(b.g, (heed_packing)17);
    CU_ASSERT(check_says(heed_graph_error(b.g)->message, "packed: there is no way 17 to keep weights"));
    heed_graph_free(b.g);
    heed_params_free(b.ps);
}

/* Rows and weights with NaN or infinity give no numbers, whatever the precision. */
static void what_is_no_number_stays_none(void)
{
    for (int how = HEED_PACK_SAME; how <= HEED_PACK_INT8; how++)
        for (int where = 0; where < 2; where++) {
            bench b = {.g = heed_graph_new(), .ps = heed_params_new(1), .x = {1, 2, 3, 4, 5, 6, 7, 8}};
            b.w = weight_new(b.ps, "w", 4, 3);
            if (where) ((float *)heed_param_data(b.w))[4] = NAN;
            else b.x[1] = NAN;
            heed_graph_packed(b.g, (heed_packing)how);
            CU_ASSERT(isnan(heed_item(b.g, record(&b))));
            heed_graph_free(b.g);
            heed_params_free(b.ps);
        }
}

static void gradients_are_those_of_the_weights(void)
{
    bench b = {.g = heed_graph_new(), .ps = heed_params_new(1), .x = {1, 2, 3, 4, 5, 6, 7, 8}};
    b.w = weight_new(b.ps, "w", 4, 3);
    heed_graph_packed(b.g, HEED_PACK_SAME);
    heed_backward(b.g, record(&b));
    const float *dw = heed_param_grad(b.w);
    for (int p = 0; p < 4; p++) CU_ASSERT_DOUBLE_EQUAL(dw[3 * p + 1], b.x[p] + b.x[4 + p], 1e-5);
    heed_graph_free(b.g);
    heed_params_free(b.ps);
}

static bool runs_packed(void *context)
{
    (void)context;
    bench b = {.g = heed_graph_new(), .ps = heed_params_new(1), .x = {1, 2, 3, 4, 5, 6, 7, 8}};
    b.w = weight_new(b.ps, "w", 4, 3);
    heed_graph_packed(b.g, HEED_PACK_INT8);
    heed_item(b.g, record(&b));
    bool passed = heed_graph_error(b.g)->code == HEED_OK;
    heed_graph_free(b.g);
    heed_params_free(b.ps);
    return passed;
}

static void refused_memory_is_an_error(void) { CU_ASSERT(check_refusals(runs_packed, NULL) > 3); }

CHECK_MAIN("packed weights", {"products are right in every precision", products_are_right},
           {"bits do not depend on threads or rows", bits_do_not_depend_on_threads_or_rows},
           {"products follow the weights", products_follow_the_weights},
           {"training and other types are left alone", training_and_other_types_are_left_alone},
           {"what is no number stays none", what_is_no_number_stays_none},
           {"gradients are those of the weights", gradients_are_those_of_the_weights},
           {"refused memory is an error", refused_memory_is_an_error})
