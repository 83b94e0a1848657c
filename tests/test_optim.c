/* Optimizers: the numbers are PyTorch's, the bits do not depend on threads, and what goes into a checkpoint is all there is. */
#include "autograd/node.h"
#include "check.h"
#include "ops/ops.h"
#include "ops/update.h"
#include "optim/optimizer.h"
#include "refusals.h"

#include <math.h>

static void set_gradient(heed_param *p, heed_dtype from, const void *values)
{
    void *gradient = heed_param_grad(p);
    for (int64_t i = 0; i < heed_param_size(p); i++) {
        double v = from == HEED_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
        if (heed_param_dtype(p) == HEED_F64) ((double *)gradient)[i] = v;
        else ((float *)gradient)[i] = (float)v;
    }
    heed_param_take_grad(p);
}

static double weight(heed_param *p, int64_t i)
{
    return heed_param_dtype(p) == HEED_F64 ? ((double *)heed_param_data(p))[i] : (double)((float *)heed_param_data(p))[i];
}

static bool near(double a, double b, double most) { return fabs(a - b) <= most * (1 + fabs(b)); }

/* --- PyTorch's numbers (tests/data/make_optim.py tells the file) ------------------------------------------------------------ */

enum { A = 7, B = 3, TIMES = 5, CASES = 15 };
typedef struct reference { double start[A + B], gradient[TIMES][A + B]; bool none[TIMES]; } reference;

static bool read_numbers(FILE *f, int count, double *out)
{
    for (int i = 0; i < count; i++)
        if (fscanf(f, "%lf", &out[i]) != 1) return false;
    return true;
}

/* Runs the case that `line` tells and compares every step. */
static void run_case(FILE *f, const reference *r, char *line, heed_dtype dtype, double most)
{
    const char *rule = strtok(line, " \n"), *setting, *value;
    heed_params *ps = heed_params_new(1);
    heed_param *a = heed_param_new(ps, "a", dtype, 1, (int64_t[]){A}, HEED_ZEROS);
    heed_param *b = heed_param_new(ps, "b", dtype, 1, (int64_t[]){B}, HEED_ZEROS);
    heed_optimizer *o = heed_optimizer_new(ps, rule);
    while ((setting = strtok(NULL, " \n")) && (value = strtok(NULL, " \n"))) heed_optimizer_set(o, setting, atof(value));
    for (int i = 0; i < A + B; i++) {
        heed_param *p = i < A ? a : b;
        if (dtype == HEED_F64) ((double *)heed_param_data(p))[i < A ? i : i - A] = r->start[i];
        else ((float *)heed_param_data(p))[i < A ? i : i - A] = (float)r->start[i];
    }
    heed_graph *g = heed_graph_new();
    int wrong = 0;
    for (int t = 0; t < TIMES; t++) {
        set_gradient(a, HEED_F64, r->gradient[t]);
        if (!r->none[t]) set_gradient(b, HEED_F64, r->gradient[t] + A);
        CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_OK);
        CU_ASSERT(heed_param_grad_is_zero(a) && heed_param_grad_is_zero(b));
        double expected[A + B];
        CU_ASSERT_FATAL(read_numbers(f, A + B, expected));
        for (int i = 0; i < A; i++) wrong += !near(weight(a, i), expected[i], most);
        for (int i = 0; i < B; i++) wrong += !near(weight(b, i), expected[A + i], most);
    }
    double norm = -1;
    CU_ASSERT_FATAL(read_numbers(f, 1, &norm));
    CU_ASSERT(near(heed_optimizer_norm(o), norm, most));
    CU_ASSERT_EQUAL(heed_optimizer_steps(o), TIMES);
    if (wrong) fprintf(stderr, "\n    %s: %d weights differ\n", rule, wrong);
    CU_ASSERT_EQUAL(wrong, 0);
    heed_graph_free(g);
    heed_optimizer_free(o);
    heed_params_free(ps);
}

static void as_pytorch(void)
{
    for (heed_dtype dtype = HEED_F32; dtype <= HEED_F64; dtype++) {
        FILE *f = fopen(TEST_DATA "/optim.expected", "r");
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        reference r = {0};
        CU_ASSERT_FATAL(read_numbers(f, A + B, r.start));
        for (int t = 0; t < TIMES; t++) {
            CU_ASSERT_FATAL(read_numbers(f, A, r.gradient[t]));
            r.none[t] = !read_numbers(f, B, r.gradient[t] + A);
            if (r.none[t]) CU_ASSERT_EQUAL(fscanf(f, " missing"), 0);
        }
        char line[256];
        int cases = 0;
        while (fscanf(f, " case ") == 0 && fgets(line, sizeof line, f)) {
            run_case(f, &r, line, dtype, dtype == HEED_F64 ? 2e-15 : 4e-7);
            cases++;
        }
        CU_ASSERT_EQUAL(cases, CASES);
        fclose(f);
    }
}

/* --- bits ------------------------------------------------------------------------------------------------------------------- */

enum { SIZES = 4 };
static const int64_t size_of[SIZES] = {100003, 1, 40000, 33};
static const char *const names[SIZES] = {"enc.weight", "enc.bias", "dec.weight", "dec.bias"};

static heed_params *some_params(heed_dtype dtype)
{
    heed_params *ps = heed_params_new(3);
    for (int i = 0; i < SIZES; i++) heed_param_new(ps, names[i], dtype, 1, &size_of[i], HEED_NORMAL(0, 1));
    return ps;
}

/* Other gradients for every step. */
static void some_gradients(heed_params *ps, int step)
{
    for (int i = 0; i < SIZES; i++) {
        heed_param *p = heed_params_at(ps, i);
        void *gradient = heed_param_grad(p);
        for (int64_t k = 0; k < heed_param_size(p); k++) {
            double v = (double)((k * 7919 + step * 104729 + i) % 2003 - 1000) * 1e-3;
            if (heed_param_dtype(p) == HEED_F64) ((double *)gradient)[k] = v;
            else ((float *)gradient)[k] = (float)v;
        }
        heed_param_take_grad(p);
    }
}

static bool same_bits(const heed_params *a, const heed_params *b)
{
    bool same = true;
    for (int i = 0; i < SIZES; i++) {
        heed_param *p = heed_params_at(a, i), *q = heed_params_at(b, i);
        size_t bytes = (size_t)heed_param_size(p) * heed_dtype_size(heed_param_dtype(p));
        same &= !memcmp(heed_param_data(p), heed_param_data(q), bytes);
    }
    return same;
}

static void steps(heed_optimizer *o, heed_params *ps, int threads, int from, int count)
{
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, threads);
    for (int t = from; t < from + count; t++) {
        some_gradients(ps, t);
        CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_OK);
    }
    heed_graph_free(g);
}

static const char *const rules[] = {"sgd", "adagrad", "rmsprop", "adam", "adamw"};
enum { RULE_COUNT = 5 };

static heed_optimizer *some_optimizer(heed_params *ps, int rule)
{
    heed_optimizer *o = heed_optimizer_new(ps, rules[rule]);
    if (rule == 0 || rule == 2) heed_optimizer_set(o, "momentum", 0.9);
    heed_optimizer_set(o, "clip_norm", 3);
    heed_optimizer_set_for(o, "*.bias", "weight_decay", 0);
    return o;
}

static void any_threads(void)
{
    for (int rule = 0; rule < RULE_COUNT; rule++)
        for (heed_dtype dtype = HEED_F32; dtype <= HEED_F64; dtype++) {
            heed_params *one = some_params(dtype);
            heed_optimizer *o = some_optimizer(one, rule);
            steps(o, one, 1, 0, 2);
            double norm = heed_optimizer_norm(o);
            for (int threads = 2; threads <= 7; threads += 5) {
                heed_params *many = some_params(dtype);
                CU_ASSERT(!same_bits(one, many));
                heed_optimizer *q = some_optimizer(many, rule);
                steps(q, many, threads, 0, 2);
                CU_ASSERT(same_bits(one, many));
                CU_ASSERT(heed_optimizer_norm(q) == norm);
                heed_optimizer_free(q);
                heed_params_free(many);
            }
            heed_optimizer_free(o);
            heed_params_free(one);
        }
}

/* What a checkpoint would hold goes from one optimizer to another: settings, patterns, arrays, steps. */
static void copy_optimizer(const heed_optimizer *from, heed_optimizer *to, heed_params *ps)
{
    const char *pattern, *name;
    double value;
    for (int i = 0; (name = heed_optimizer_setting_at(from, i)); i++)
        heed_optimizer_set(to, name, heed_optimizer_get(from, name, NULL));
    for (int i = 0; heed_optimizer_pattern_at(from, i, &pattern, &name, &value); i++)
        heed_optimizer_set_for(to, pattern, name, value);
    heed_optimizer_array a = {0}, b;
    while (heed_optimizer_next(from, &a)) {
        CU_ASSERT(heed_optimizer_restore(to, heed_params_find(ps, heed_param_name(a.param)), a.name, &b));
        CU_ASSERT(b.size == a.size && b.dtype == a.dtype && b.rank == a.rank && !strcmp(a.name, b.name));
        memcpy(b.data, a.data, (size_t)a.size * heed_dtype_size(a.dtype));
    }
    heed_optimizer_set_steps(to, heed_optimizer_steps(from));
}

static void resumed(void)
{
    static const int arrays[RULE_COUNT] = {1, 1, 2, 3, 3}; /* for each parameter */
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        heed_params *whole = some_params(HEED_F32), *halves = some_params(HEED_F32);
        heed_optimizer *o = some_optimizer(whole, rule), *first = some_optimizer(halves, rule);
        heed_optimizer *second = heed_optimizer_new(halves, rules[rule]);
        steps(o, whole, 2, 0, 5);
        steps(first, halves, 2, 0, 3);
        int count = 0;
        for (heed_optimizer_array a = {0}; heed_optimizer_next(first, &a);) count++;
        CU_ASSERT_EQUAL(count, SIZES * arrays[rule]);
        copy_optimizer(first, second, halves);
        heed_optimizer_free(first);
        steps(second, halves, 1, 3, 2);
        CU_ASSERT(same_bits(whole, halves));
        CU_ASSERT_EQUAL(heed_optimizer_steps(second), 5);
        CU_ASSERT_STRING_EQUAL(heed_optimizer_rule(second), rules[rule]);
        heed_optimizer_free(o);
        heed_optimizer_free(second);
        heed_params_free(whole);
        heed_params_free(halves);
    }
}

/* Every instruction-set path, every length around a vector: near the portable one, and nothing written beyond the end. */
static void paths_agree(void)
{
    enum { MOST = 70 };
    const heed_update_rule *const kernels[] = {&heed_update_sgd, &heed_update_momentum, &heed_update_adagrad,
                                               &heed_update_rmsprop, &heed_update_rmsprop_momentum, &heed_update_adam,
                                               &heed_update_towards};
    heed_update u = {0.5, 0.8, 0.1, {0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1}};
    for (int isa = HEED_PORTABLE; isa <= (int)heed_isa_now(); isa++)
        for (size_t rule = 0; rule < sizeof kernels / sizeof *kernels; rule++)
            for (int n = 0; n < MOST; n++) {
                float x[2][4][MOST + 1];
                double y[2][4][MOST + 1];
                for (int i = 0; i < 2 * 4 * (MOST + 1); i++) {
                    int k = i % (4 * (MOST + 1));
                    (&x[0][0][0])[i] = (float)((&y[0][0][0])[i] = k / (MOST + 1) < 2 ? 3 * sin(k) : 1 + cos(k));
                }
                for (int k = 0; k < 2; k++) {
                    int path = k ? isa : HEED_PORTABLE;
                    kernels[rule]->run[0][path](n, x[k][0], x[k][1], (void *[]){x[k][2], x[k][3]}, &u);
                    kernels[rule]->run[1][path](n, y[k][0], y[k][1], (void *[]){y[k][2], y[k][3]}, &u);
                }
                int far = 0;
                for (int a = 0; a < 4; a++)
                    for (int i = 0; i <= MOST; i++) {
                        bool inside = i < n;
                        far += !near((double)x[1][a][i], (double)x[0][a][i], inside ? 1e-6 : 0);
                        far += !near(y[1][a][i], y[0][a][i], inside ? 1e-14 : 0);
                    }
                CU_ASSERT_EQUAL(far, 0);
                CU_ASSERT(heed_square_sum[0][isa](n, x[0][1]) == heed_square_sum[0][HEED_PORTABLE](n, x[0][1]));
                CU_ASSERT(heed_square_sum[1][isa](n, y[0][1]) == heed_square_sum[1][HEED_PORTABLE](n, y[0][1]));
            }
    CU_ASSERT(heed_square_sum[0][HEED_PORTABLE](3, (float[]){1, 2, -3}) == 14);
}

/* --- groups ----------------------------------------------------------------------------------------------------------------- */

static void by_name(void)
{
    heed_params *ps = some_params(HEED_F64), *before = some_params(HEED_F64);
    heed_optimizer *o = heed_optimizer_new(ps, "sgd");
    heed_optimizer_set(o, "lr", 1);
    heed_optimizer_set_for(o, "enc.*", "lr_factor", 0.5);
    heed_optimizer_set_for(o, "*.bias", "lr_factor", 2);
    heed_optimizer_set_for(o, "enc.*", "lr_factor", 0.25); /* keeps its place before the biases */
    heed_optimizer_set_for(o, "dec.weight", "frozen", 1);
    heed_optimizer_set(o, "clip_norm", HUGE_VAL);
    some_gradients(ps, 0);
    some_gradients(before, 0);
    heed_graph *g = heed_graph_new();
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_OK);
    const double rate[SIZES] = {0.25, 2, 0, 2};
    double squares = 0;
    int far = 0;
    for (int i = 0; i < SIZES; i++) {
        heed_param *p = heed_params_at(ps, i), *q = heed_params_at(before, i);
        const double *gradient = heed_param_grad(q);
        for (int64_t k = 0; k < heed_param_size(p); k++) {
            far += !near(weight(p, k), weight(q, k) - rate[i] * gradient[k], 1e-14);
            if (rate[i] > 0) squares += gradient[k] * gradient[k]; /* the frozen one is no part of the norm */
        }
    }
    CU_ASSERT_EQUAL(far, 0);
    CU_ASSERT_DOUBLE_EQUAL(heed_optimizer_norm(o), sqrt(squares), 1e-9);
    heed_param *first = heed_params_at(ps, 0);
    CU_ASSERT_EQUAL(heed_optimizer_get(o, "lr_factor", first), 0.25);
    CU_ASSERT_EQUAL(heed_optimizer_get(o, "lr_factor", heed_params_at(ps, 1)), 2);
    CU_ASSERT_EQUAL(heed_optimizer_get(o, "lr_factor", NULL), 1);
    CU_ASSERT(isnan(heed_optimizer_get(o, "beta1", NULL)));

    heed_params_trainable(ps, "enc.*", false); /* and one that comes later */
    heed_param *late = heed_param_new(ps, "late.bias", HEED_F64, 0, NULL, HEED_ZEROS);
    some_gradients(ps, 0);
    set_gradient(late, HEED_F64, (double[]){3});
    double unchanged = weight(first, 0);
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_OK);
    CU_ASSERT_EQUAL(weight(first, 0), unchanged);
    CU_ASSERT_EQUAL(weight(late, 0), -6);
    heed_graph_free(g);
    heed_optimizer_free(o);
    heed_params_free(before);
    heed_params_free(ps);
}

/* Two micro-batches with gradient_scale 1/2 are their mean; the gradients come from a graph. */
static void micro_batches(void)
{
    heed_params *ps = heed_params_new(1);
    heed_param *p = heed_param_new(ps, "w", HEED_F64, 1, (int64_t[]){2}, HEED_ZEROS);
    heed_optimizer *o = heed_optimizer_new(ps, "sgd");
    heed_optimizer_set(o, "lr", 0.5);
    heed_optimizer_set(o, "gradient_scale", 0.5);
    heed_graph *g = heed_graph_new();
    const double x[2][2] = {{1, 2}, {3, -4}};
    for (int i = 0; i < 2; i++) {
        heed_tensor *batch = heed_input(g, HEED_F64, 1, (int64_t[]){2}, x[i]);
        CU_ASSERT_EQUAL(heed_backward(g, heed_sum(g, heed_mul(g, heed_use(g, p), batch), HEED_ALL, false)), HEED_OK);
        heed_graph_reset(g);
    }
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_OK);
    CU_ASSERT_EQUAL(weight(p, 0), -1);
    CU_ASSERT_EQUAL(weight(p, 1), 0.5);
    heed_graph_free(g);
    heed_optimizer_free(o);
    heed_params_free(ps);
}

/* --- errors ----------------------------------------------------------------------------------------------------------------- */

static bool says(heed_optimizer *o, heed_code code, const char *part)
{
    const heed_error *e = heed_optimizer_error(o);
    bool right = e->code == code && check_says(e->message, part);
    heed_optimizer_clear(o);
    return right;
}

static void refused(void)
{
    heed_params *ps = some_params(HEED_F32), *untouched = some_params(HEED_F32);
    heed_optimizer *o = heed_optimizer_new(ps, "adm");
    CU_ASSERT(says(o, HEED_INVALID, "there is no rule \"adm\"; there are sgd, adagrad"));
    heed_optimizer_free(o);
    o = heed_optimizer_new(ps, "adam");
    heed_optimizer_set(o, "momentum", 0.9);
    heed_optimizer_set(o, "nothing", 1);
    CU_ASSERT(says(o, HEED_INVALID, "adam has no setting \"momentum\"")); /* the first sticks */
    heed_optimizer_set(o, "beta2", 1);
    CU_ASSERT(says(o, HEED_INVALID, "beta2 is 1, it has to be at least 0 and below 1"));
    heed_optimizer_set(o, "lr", NAN);
    CU_ASSERT(says(o, HEED_INVALID, "lr is nan, it has to be a number from 0 on"));
    heed_optimizer_set(o, "lr", HUGE_VAL);
    CU_ASSERT(says(o, HEED_INVALID, "lr is inf"));
    heed_optimizer_set_for(o, "enc.*", "eps", -1);
    CU_ASSERT(says(o, HEED_INVALID, "eps is -1"));
    heed_optimizer_set_for(o, "enc.*", "clip_norm", 1);
    CU_ASSERT(says(o, HEED_INVALID, "clip_norm cannot be set for \"enc.*\" alone"));
    heed_optimizer_set_steps(o, -1);
    CU_ASSERT(says(o, HEED_INVALID, "-1 steps"));
    heed_optimizer_array a;
    CU_ASSERT(!heed_optimizer_restore(o, heed_params_at(ps, 0), "momentum", &a));
    CU_ASSERT(says(o, HEED_INVALID, "adam keeps no \"momentum\""));
    CU_ASSERT(!heed_optimizer_restore(o, heed_params_at(untouched, 0), "m", &a));
    CU_ASSERT(says(o, HEED_INVALID, "enc.weight is not of its store"));

    heed_graph *g = heed_graph_new();
    some_gradients(ps, 0);
    heed_graph_fail(g, HEED_INVALID, "two and three");
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_STATE);
    heed_graph_reset(g);
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_STATE); /* sticks */
    CU_ASSERT(says(o, HEED_STATE, "the graph has failed: two and three"));

    heed_optimizer_set(o, "clip_norm", 1);
    ((float *)heed_param_grad(heed_params_at(ps, 2)))[39999] = NAN;
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_STATE);
    CU_ASSERT(isnan(heed_optimizer_norm(o)));
    CU_ASSERT(says(o, HEED_STATE, "step 1 is not made, for the gradients' norm is nan"));
    ((float *)heed_param_grad(heed_params_at(ps, 2)))[39999] = INFINITY;
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_STATE);
    CU_ASSERT(says(o, HEED_STATE, "is inf"));
    CU_ASSERT(same_bits(ps, untouched));
    CU_ASSERT_EQUAL(heed_optimizer_steps(o), 0);
    some_gradients(ps, 0);
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_OK);

    heed_params_fail(ps, HEED_INVALID, "a name twice");
    CU_ASSERT_EQUAL(heed_optimizer_step(o, g), HEED_STATE);
    CU_ASSERT(says(o, HEED_STATE, "the parameters have failed: a name twice"));
    heed_graph_free(g);
    heed_optimizer_free(o);
    heed_params_free(ps);
    heed_params_free(untouched);
}

static bool refused_memory(void *unused)
{
    (void)unused;
    heed_params *ps = heed_params_new(1);
    heed_param *p = heed_param_new(ps, "w", HEED_F32, 1, (int64_t[]){5}, HEED_ONES);
    heed_graph *g = heed_graph_new();
    heed_optimizer *o = heed_optimizer_new(ps, "adam");
    heed_optimizer_set_for(o, "w", "lr", 0.1);
    if (heed_param_grad(p)) set_gradient(p, HEED_F32, (float[]){1, 2, 3, 4, 5});
    bool ready = heed_param_grad(p), passed = heed_optimizer_step(o, g) == HEED_OK && ready;
    if (!passed && heed_param_size(p)) CU_ASSERT_EQUAL(weight(p, 0), 1);
    heed_optimizer_array a;
    passed = passed && heed_optimizer_restore(o, p, "m", &a);
    heed_optimizer_free(o);
    o = heed_optimizer_new(ps, "rmsprop");
    passed = passed && heed_optimizer_restore(o, p, "momentum", &a) && heed_optimizer_set(o, "lr", 1) == HEED_OK;
    heed_optimizer_free(o);
    heed_graph_free(g);
    heed_params_free(ps);
    return passed;
}

static void memory(void) { CU_ASSERT(check_refusals(refused_memory, NULL) > 8); }

CHECK_MAIN("optimizers", {"weights and norms are PyTorch's", as_pytorch},
           {"any number of threads gives the same bits", any_threads}, {"stopped and resumed is the same", resumed},
           {"all paths agree", paths_agree}, {"settings by name", by_name}, {"micro-batches", micro_batches},
           {"what is refused", refused}, {"memory refused in turn", memory})
