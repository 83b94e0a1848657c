/* A matrix that takes part in many products has one gradient product of all their rows. */
#include "autograd/gradcheck.h"
#include "autograd/memory.h"
#include "check.h"
#include "ops/ops.h"

#include <math.h>

enum { STEPS = 6, B = 3, D = 5 };

static double values[B * D * D];
static void fill(void)
{
    for (int i = 0; i < B * D * D; i++) values[i] = sin(1.1 * i + 0.2);
}

/* h' = tanh(h W), with W straight and transposed; batched matrices in the third variant, other ones for half of the steps in the fourth */
static heed_tensor *steps(heed_graph *g, heed_tensor *const *x, void *context)
{
    int variant = *(const int *)context;
    heed_tensor *h = x[0], *w = variant == 1 ? heed_transpose(g, x[1], -1, -2) : x[1], *sum = NULL;
    for (int t = 0; t < STEPS; t++) {
        heed_tensor *m = variant == 3 && t % 2 ? heed_square(g, w) : w;
        h = heed_tanh(g, heed_matmul(g, h, m));
        sum = sum ? heed_add(g, sum, h) : h;
    }
    return sum;
}

static void gradients(void)
{
    fill();
    for (int variant = 0; variant < 4; variant++) {
        bool batched = variant == 2;
        heed_gradcheck_input x[] = {{HEED_F64, 3, {B, 2, D}, values + 7}, {HEED_F64, batched ? 3 : 2, {batched ? B : D, D, D}, values}};
        heed_gradcheck_options how = {.second = true};
        heed_gradcheck_report r = heed_gradcheck(steps, &variant, 2, x, &how);
        if (!r.ok) fprintf(stderr, "\n    variant %d: %s\n", variant, r.message);
        CU_ASSERT(r.ok);
    }
}

static int64_t kernels(int64_t rows, int count)
{
    heed_graph *g = heed_graph_new();
    heed_params *ps = heed_params_new(1);
    heed_param *w = heed_param_new(ps, "w", HEED_F32, 2, (int64_t[]){D, D}, HEED_XAVIER);
    float *zeros = heed_calloc((size_t)(rows * D), sizeof *zeros);
    heed_tensor *h = heed_input(g, HEED_F32, 2, (int64_t[]){rows, D}, zeros);
    for (int t = 0; t < count; t++) h = heed_tanh(g, heed_matmul(g, h, heed_use(g, w)));
    heed_cost c;
    heed_graph_explain(g, heed_sum(g, h, HEED_ALL, false), true, &c, NULL);
    heed_free(zeros);
    heed_params_free(ps);
    heed_graph_free(g);
    return c.kernels;
}

/* A step more is a product forwards and one backwards; of many rows it is a third one, which adds to the gradient. */
static void one_product_for_all(void)
{
    CU_ASSERT_EQUAL(kernels(4, STEPS + 1) - kernels(4, STEPS), 2);
    CU_ASSERT_EQUAL(kernels(1000, STEPS + 1) - kernels(1000, STEPS), 3);
}

CHECK_MAIN("products that share a matrix", {"gradients to the second order", gradients}, {"one gradient for all", one_product_for_all})
