/* Reductions: values against plain loops over every set of axes, empties, NaN, ties, zeros, and sums that several threads share. */
#include "autograd/memory.h"
#include "check.h"
#include "ops/ops.h"

#include <math.h>

enum { A = 3, B = 4, C = 2, D = 5, N = A * B * C * D };
static const int64_t shape[] = {A, B, C, D};
static double numbers[N];

static void fill(void)
{
    for (int i = 0; i < N; i++) numbers[i] = (i * 37 % 101) / 40.0 - 1.1;
}

/* --- against plain loops ------------------------------------------------------------------------------------------------------------ */

typedef enum kind { SUM, MEAN, MAX, MIN, PROD, VAR, STD, LOGSUMEXP, KINDS } kind;
static const char *const names[] = {"sum", "mean", "max", "min", "prod", "var", "std", "logsumexp"};

static heed_tensor *reduce(heed_graph *g, heed_tensor *x, kind k, int axes, bool keep)
{
    switch (k) {
    case SUM: return heed_sum(g, x, axes, keep);
    case MEAN: return heed_mean(g, x, axes, keep);
    case MAX: return heed_max(g, x, axes, keep);
    case MIN: return heed_min(g, x, axes, keep);
    case PROD: return heed_prod(g, x, axes, keep);
    case VAR: return heed_var(g, x, axes, keep, 1);
    case STD: return heed_std(g, x, axes, keep, 0);
    default: return heed_logsumexp(g, x, axes, keep);
    }
}

static double plain(kind k, int n, const double *x)
{
    double sum = 0, product = 1, high = -INFINITY, low = INFINITY, square = 0, e = 0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
        product *= x[i];
        high = fmax(high, x[i]);
        low = fmin(low, x[i]);
        e += exp(x[i]);
    }
    for (int i = 0; i < n; i++) square += (x[i] - sum / n) * (x[i] - sum / n);
    const double results[] = {sum, sum / n, high, low, product, square / (n - 1), sqrt(square / n), log(e)};
    return results[k];
}

/* The numbers that are reduced to result number `at`, in order. */
static int members(int axes, int64_t at, double *out)
{
    int n = 0;
    for (int i = 0; i < N; i++) {
        int64_t index[] = {i / (B * C * D), i / (C * D) % B, i / D % C, i % D}, number = 0;
        for (int k = 0; k < 4; k++)
            if (!(axes >> k & 1)) number = number * shape[k] + index[k];
        if (number == at) out[n++] = numbers[i];
    }
    return n;
}

static void every_set_of_axes(void)
{
    heed_graph *g = heed_graph_new();
    fill();
    for (int axes = 1; axes < 16; axes++)
        for (kind k = 0; k < KINDS; k++) {
            heed_graph_reset(g);
            heed_tensor *x = heed_input(g, HEED_F64, 4, shape, numbers), *y = reduce(g, x, k, axes, false), *kept = reduce(g, x, k, axes, true);
            const double *values = heed_data(g, y);
            CU_ASSERT_FATAL(values && heed_rank(kept) == 4 && heed_size(kept) == heed_size(y));
            for (int i = 0, at = 0; i < 4; i++) {
                CU_ASSERT(heed_dim(kept, i) == (axes >> i & 1 ? 1 : shape[i]));
                if (!(axes >> i & 1)) CU_ASSERT(heed_dim(y, at++) == shape[i]);
            }
            for (int64_t i = 0; i < heed_size(y); i++) {
                double some[N];
                int n = members(axes, i, some);
                double want = plain(k, n, some);
                bool ok = fabs(values[i] - want) <= 1e-13 * fmax(1, fabs(want));
                if (!ok) fprintf(stderr, "\n    %s over 0x%x, number %d: %g, not %g\n", names[k], (unsigned)axes, (int)i, values[i], want);
                CU_ASSERT(ok);
            }
        }
    heed_graph_free(g);
}

static void all_and_last(void)
{
    heed_graph *g = heed_graph_new();
    fill();
    heed_tensor *x = heed_input(g, HEED_F64, 4, shape, numbers);
    CU_ASSERT(fabs(heed_item(g, heed_mean(g, x, HEED_ALL, false)) - plain(MEAN, N, numbers)) < 1e-15);
    CU_ASSERT(heed_rank(heed_max(g, x, HEED_LAST, false)) == 3 && heed_rank(heed_sum(g, x, HEED_ALL, true)) == 4);
    CU_ASSERT(heed_sum(g, x, 0, false) == x && heed_max(g, x, 0, true) == x);
    heed_tensor *one = heed_scalar(g, HEED_F64, 3);
    CU_ASSERT(heed_item(g, heed_sum(g, one, HEED_ALL, false)) == 3 && heed_item(g, heed_logsumexp(g, one, HEED_LAST, true)) == 3);
    heed_graph_free(g);
}

/* --- special values ---------------------------------------------------------------------------------------------------------------------- */

static void of_nothing(void)
{
    heed_graph *g = heed_graph_new();
    const int64_t none[] = {2, 0};
    heed_tensor *x = heed_input(g, HEED_F64, 2, none, NULL), *m = heed_input(g, HEED_U8, 2, none, NULL);
    const double *sum = heed_data(g, heed_sum(g, x, HEED_LAST, false)), *product = heed_data(g, heed_prod(g, x, HEED_LAST, false));
    const double *mean = heed_data(g, heed_mean(g, x, HEED_LAST, false)), *lse = heed_data(g, heed_logsumexp(g, x, HEED_LAST, false));
    const uint8_t *any = heed_data(g, heed_any(g, m, HEED_LAST, false)), *all = heed_data(g, heed_all(g, m, HEED_LAST, false));
    CU_ASSERT_FATAL(sum && product && mean && lse && any && all);
    CU_ASSERT(sum[1] == 0 && product[1] == 1 && isnan(mean[1]) && lse[1] == -INFINITY && any[1] == 0 && all[1] == 1);
    CU_ASSERT(heed_size(heed_max(g, x, HEED_AXIS(0), false)) == 0);
    heed_max(g, x, HEED_LAST, false);
    CU_ASSERT(check_says(heed_graph_error(g)->message, "fold_max: there is no element to choose from"));
    heed_graph_free(g);
}

static void nan_and_ties(void)
{
    enum { ROW = 70 };
    float x[ROW];
    heed_graph *g = heed_graph_new();
    const int64_t n = ROW;
    for (int at = 0; at < ROW; at++) { /* a NaN anywhere, then a maximum anywhere, twice */
        for (int i = 0; i < ROW; i++) x[i] = i == at ? NAN : (float)i;
        heed_graph_reset(g);
        heed_tensor *t = heed_input(g, HEED_F32, 1, &n, x);
        CU_ASSERT(isnan(heed_item(g, heed_max(g, t, HEED_ALL, false))) && isnan(heed_item(g, heed_min(g, t, HEED_ALL, false))));
        CU_ASSERT(heed_item(g, heed_argmax(g, t, 0, false)) == at && heed_item(g, heed_argmin(g, t, 0, false)) == at);
        for (int i = 0; i < ROW; i++) x[i] = i == at || i == ROW - 1 ? 7 : -3 - (float)i;
        heed_graph_reset(g);
        t = heed_input(g, HEED_F32, 1, &n, x);
        CU_ASSERT(heed_item(g, heed_max(g, t, HEED_ALL, false)) == 7 && heed_item(g, heed_argmax(g, t, 0, false)) == at);
        CU_ASSERT(heed_item(g, heed_argmin(g, t, -1, true)) == (at == ROW - 2 ? ROW - 3 : ROW - 2));
        heed_tensor *dx;
        heed_grad(g, heed_max(g, t, HEED_ALL, false), NULL, 1, &t, &dx);
        const float *d = heed_data(g, dx);
        CU_ASSERT(d && d[at] == (at == ROW - 1 ? 1 : 0.5f) && d[ROW - 1] == d[at] && d[at ? 0 : 1] == (at == 0 ? 0 : d[0]));
    }
    const int32_t whole[] = {5, INT32_MIN, INT32_MAX};
    heed_tensor *i = heed_input(g, HEED_I32, 1, &(int64_t){3}, whole);
    CU_ASSERT(heed_item(g, heed_max(g, i, HEED_ALL, false)) == INT32_MAX && heed_item(g, heed_min(g, i, HEED_ALL, false)) == INT32_MIN);
    heed_graph_free(g);
}

/* The derivative of a product by one factor is the product of the others, zeros among them or not. */
static void products_of_zeros(void)
{
    heed_graph *g = heed_graph_new();
    const double x[] = {2, 0, 3, 5, 4, 0, 0, 6}, want[] = {0, 30, 0, 0, 0, 0, 0, 0};
    heed_tensor *t = heed_input(g, HEED_F64, 2, (int64_t[]){2, 4}, x), *dx;
    heed_grad(g, heed_prod(g, t, HEED_LAST, false), NULL, 1, &t, &dx);
    const double *d = heed_data(g, dx);
    CU_ASSERT(d && !memcmp(d, want, sizeof want));
    heed_graph_free(g);
}

static void running_sums(void)
{
    heed_graph *g = heed_graph_new();
    const double x[] = {1, 2, 4, 8, 16, 32}, along[] = {1, 3, 7, 8, 24, 56}, down[] = {9, 18, 36, 8, 16, 32};
    heed_tensor *t = heed_input(g, HEED_F64, 2, (int64_t[]){2, 3}, x);
    const double *a = heed_data(g, heed_cumsum(g, t, 1, false)), *b = heed_data(g, heed_cumsum(g, t, 0, true));
    CU_ASSERT(a && b && !memcmp(a, along, sizeof along) && !memcmp(b, down, sizeof down));
    heed_cumsum(g, t, 2, false);
    CU_ASSERT(check_says(heed_graph_error(g)->message, "cumsum: axis 2 of a tensor of rank 2"));
    heed_graph_free(g);
}

/* --- long sums ---------------------------------------------------------------------------------------------------------------------------- */

/* A long vector is summed by many tasks, with a small error and the same bits for any number of threads. */
static void long_vectors(void)
{
    enum { LONG = 1000003 };
    float *x = heed_alloc(LONG * sizeof *x);
    double exact = 0, first = 0;
    for (int i = 0; i < LONG; i++) {
        x[i] = (float)(i % 10007) / 10007;
        exact += (double)x[i];
    }
    const int64_t n = LONG;
    for (int threads = 1; threads <= 8; threads++) {
        heed_graph *g = heed_graph_new();
        heed_graph_threads(g, threads);
        double sum = heed_item(g, heed_sum(g, heed_input(g, HEED_F32, 1, &n, x), HEED_ALL, false));
        if (threads == 1) first = sum;
        CU_ASSERT(sum == first && fabs(sum / exact - 1) < 1e-6);
        heed_graph_free(g);
    }
    heed_free(x);
}

static void refusals(void)
{
    heed_graph *g = heed_graph_new();
    const int32_t whole[] = {5, 3};
    const int64_t n = 2;
    for (int k = 0; k < 4; k++) {
        static const char *const says[] = {"mean: axes 0x2 of a tensor of rank 1", "argmax: axis 1 of a tensor of rank 1",
                                           "max: axes 0xfffffffd of a tensor of rank 1", "fold_argmax: operand 0 is int32, not a float"};
        heed_graph_reset(g);
        const double real[] = {1, 2};
        heed_tensor *x = heed_input(g, HEED_F64, 1, &n, real);
        if (k == 0) heed_mean(g, x, HEED_AXIS(1), false);
        if (k == 1) heed_argmax(g, x, 1, false);
        if (k == 2) heed_max(g, x, -3, false);
        if (k == 3) heed_argmax(g, heed_input(g, HEED_I32, 1, &n, whole), 0, false);
        CU_ASSERT(check_says(heed_graph_error(g)->message, says[k]));
    }
    heed_graph_free(g);
}

CHECK_MAIN("reductions", {"every set of axes", every_set_of_axes}, {"all axes, the last, none", all_and_last}, {"of nothing", of_nothing},
           {"NaN and ties", nan_and_ties}, {"products with zeros", products_of_zeros}, {"running sums", running_sums},
           {"long vectors", long_vectors}, {"refusals", refusals})
