/* The parameter store: names, scopes, initial values, gradients, freezing, and graphs on several threads of the program. */
#include "autograd/params.h"
#include "autograd/random.h"
#include "check.h"
#include "own_ops.h"

#include <pthread.h>

static heed_param *vector(heed_params *ps, const char *name, int64_t n, heed_init init)
{
    return heed_param_new(ps, name, HEED_F64, 1, &n, init);
}

static void names_and_scopes(void)
{
    heed_params *ps = heed_params_new(1);
    heed_params_scope(ps, "enc.%d", 3);
    heed_params_scope(ps, "attn");
    CU_ASSERT_STRING_EQUAL(heed_param_name(vector(ps, "q", 4, HEED_ZEROS)), "enc.3.attn.q");
    heed_params_scope_end(ps);
    CU_ASSERT_STRING_EQUAL(heed_param_name(vector(ps, "norm.scale", 2, HEED_ONES)), "enc.3.norm.scale");
    heed_params_scope_end(ps);
    heed_param *top = heed_param_new(ps, "top", HEED_F32, 2, (int64_t[]){2, 3}, HEED_ZEROS);
    CU_ASSERT_STRING_EQUAL(heed_param_name(top), "top");
    heed_params_scope_end(ps); /* one too many does no harm */
    CU_ASSERT(heed_params_count(ps) == 3 && heed_params_size(ps) == 12 && heed_params_at(ps, 2) == top && !heed_params_at(ps, 3) && !heed_params_at(ps, -1));
    CU_ASSERT(heed_params_find(ps, "enc.3.attn.q") == heed_params_at(ps, 0) && !heed_params_find(ps, "q"));
    CU_ASSERT(heed_param_rank(top) == 2 && heed_param_shape(top)[1] == 3 && heed_param_dtype(top) == HEED_F32 && heed_param_index(top) == 2);
    CU_ASSERT_PTR_EQUAL(heed_param_store(top), ps);
    CU_ASSERT(heed_params_trainable(ps, "enc.*", false) == 2 && !heed_param_is_trainable(heed_params_at(ps, 1)) && heed_param_is_trainable(top));
    FILE *f = tmpfile();
    char text[1000];
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    heed_params_summary(ps, f);
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    CU_ASSERT(check_says(text, "enc.3.attn.q") && check_says(text, "[2,3]") && check_says(text, "frozen") && check_says(text, "12"));
    heed_params_free(ps);
}

static bool refused(heed_params *ps, const char *sentence)
{
    bool ok = check_says(heed_params_error(ps)->message, sentence) && heed_param_size(vector(ps, "later", 1, HEED_ONES)) == 0;
    heed_params_free(ps);
    return ok;
}

static void parameters_that_cannot_be(void)
{
    heed_params *ps = heed_params_new(1);
    vector(ps, "a", 1, HEED_ONES);
    vector(ps, "a", 2, HEED_ONES);
    CU_ASSERT(refused(ps, "a: this parameter exists already"));
    ps = heed_params_new(1);
    vector(ps, "", 1, HEED_ONES);
    CU_ASSERT(refused(ps, "a parameter needs a name"));
    char name[500] = "";
    memset(name, 'n', sizeof name - 1);
    ps = heed_params_new(1);
    vector(ps, name, 1, HEED_ONES);
    CU_ASSERT(refused(ps, "of 399 bytes at most"));
    ps = heed_params_new(1);
    heed_params_scope(ps, "%s", name);
    CU_ASSERT(refused(ps, "the name of a scope is longer than 255 bytes"));
    ps = heed_params_new(1);
    for (int i = 0; i < 40; i++) heed_params_scope(ps, "s");
    CU_ASSERT(refused(ps, "too many scopes in one another"));
    ps = heed_params_new(1);
    vector(ps, "minus", -1, HEED_ONES);
    CU_ASSERT(refused(ps, "minus: a parameter cannot have this dtype or shape"));
    ps = heed_params_new(1);
    heed_param_new(ps, "whole", HEED_I32, 0, NULL, HEED_ONES);
    CU_ASSERT(refused(ps, "whole: a parameter cannot have this dtype or shape"));
    ps = heed_params_new(1);
    heed_params_dtype(ps, HEED_U8);
    CU_ASSERT(refused(ps, "parameters: dtype uint8 is not a float"));
}

/* --- initial values -------------------------------------------------------------------------------------------------------------------- */

static void moments(heed_init init, double mean, double deviation, double most)
{
    enum { IN = 60, OUT = 140 };
    heed_params *ps = heed_params_new(5);
    const double *x = heed_param_data(heed_param_new(ps, "w", HEED_F64, 2, (int64_t[]){IN, OUT}, init));
    double sum = 0, squares = 0, largest = 0;
    for (int i = 0; i < IN * OUT; i++) {
        sum += x[i];
        squares += x[i] * x[i];
        if (fabs(x[i]) > largest) largest = fabs(x[i]);
    }
    sum /= IN * OUT;
    CU_ASSERT(fabs(sum - mean) < 0.05 * deviation);
    CU_ASSERT(fabs(sqrt(squares / (IN * OUT) - sum * sum) / deviation - 1) < 0.03);
    CU_ASSERT(largest <= most);
    heed_params_free(ps);
}

static void initial_values(void)
{
    moments(HEED_NORMAL(0.5, 0.2), 0.5, 0.2, 3);
    moments(HEED_UNIFORM(-1, 3), 1, 4 / sqrt(12), 3);
    moments(HEED_XAVIER, 0, sqrt(2.0 / 200), sqrt(6.0 / 200));
    moments((heed_init){HEED_INIT_XAVIER_NORMAL, 2, 0}, 0, 2 * sqrt(2.0 / 200), 3);
    moments((heed_init){HEED_INIT_KAIMING_UNIFORM, sqrt(2), 0}, 0, sqrt(2.0 / 60), sqrt(6.0 / 60));
    moments((heed_init){HEED_INIT_KAIMING_NORMAL, 1, 0}, 0, sqrt(1.0 / 60), 3);
    static const int64_t shapes[][2] = {{7, 7}, {5, 9}, {9, 5}, {1, 4}, {3, 0}};
    heed_params *ps = heed_params_new(2);
    for (size_t s = 0; s < 5; s++) {
        int64_t rows = shapes[s][0], cols = shapes[s][1];
        char name[] = {(char)('a' + s), 0};
        const double *x = heed_param_data(heed_param_new(ps, name, HEED_F64, 2, shapes[s], (heed_init){HEED_INIT_ORTHOGONAL, 1.5, 0}));
        bool wide = rows <= cols;
        int64_t n = wide ? rows : cols, length = wide ? cols : rows;
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k <= i; k++) {
                double dot = 0;
                for (int64_t j = 0; j < length; j++) dot += wide ? x[i * cols + j] * x[k * cols + j] : x[j * cols + i] * x[j * cols + k];
                CU_ASSERT(fabs(dot - (i == k ? 2.25 : 0)) < 1e-12);
            }
    }
    heed_params_free(ps);
}

/* Values hang on seed and name alone; float32 values are float64 values rounded. */
static void values_come_from_names(void)
{
    heed_params *a = heed_params_new(9), *b = heed_params_new(9), *c = heed_params_new(10);
    heed_param *x = vector(a, "x", 50, HEED_XAVIER), *y = vector(a, "y", 50, HEED_XAVIER);
    heed_param *y2 = vector(b, "y", 50, HEED_XAVIER), *x2 = heed_param_new(b, "x", HEED_F32, 1, (int64_t[]){50}, HEED_XAVIER);
    heed_param *x3 = vector(c, "x", 50, HEED_XAVIER);
    CU_ASSERT(!memcmp(heed_param_data(y), heed_param_data(y2), 400) && memcmp(heed_param_data(x), heed_param_data(y), 400));
    CU_ASSERT(memcmp(heed_param_data(x), heed_param_data(x3), 400));
    for (int i = 0; i < 50; i++) CU_ASSERT(((float *)heed_param_data(x2))[i] == (float)((double *)heed_param_data(x))[i]);
    heed_params_free(a);
    heed_params_free(b);
    heed_params_free(c);
}

/* Values may be written between runs; zero means zero until something is added. */
static void gradients_and_values(void)
{
    heed_params *ps = heed_params_new(1);
    heed_graph *g = heed_graph_new();
    heed_param *p = vector(ps, "p", 3, HEED_ONES), *nothing = vector(ps, "nothing", 0, HEED_ONES);
    CU_ASSERT(heed_param_grad_is_zero(p) && ((double *)heed_param_grad(p))[2] == 0);
    for (int turn = 1; turn <= 3; turn++) {
        ((double *)heed_param_data(p))[0] = turn;
        heed_tensor *x = heed_use(g, p), *loss = heed_add(g, heed_sum(g, heed_mul(g, x, x), HEED_ALL, false), heed_sum(g, heed_use(g, nothing), HEED_ALL, false));
        CU_ASSERT(heed_backward(g, loss) == HEED_OK && heed_item(g, loss) == turn * turn + 2);
        heed_graph_reset(g);
    }
    const double *dx = heed_param_grad(p);
    CU_ASSERT(dx[0] == 2 * (1 + 2 + 3) && dx[1] == 6 && !heed_param_grad_is_zero(p) && heed_param_grad(nothing));
    heed_params_zero_grad(ps);
    CU_ASSERT(heed_param_grad_is_zero(p) && ((double *)heed_param_grad(p))[0] == 0);
    heed_graph_free(g);
    heed_params_free(ps);
}

/* --- two threads of a program -------------------------------------------------------------------------------------------------------------- */

enum { WIDTH = 40, ROUNDS = 20 };

static float x[30 * WIDTH];

typedef struct worker { heed_params *shared; uint64_t seed; double loss[ROUNDS], trained; } worker;

static heed_tensor *model(heed_graph *g, heed_params *ps, int64_t rows)
{
    heed_tensor *h = heed_input(g, HEED_F32, 2, (int64_t[]){rows, WIDTH}, x);
    for (int i = 0; i < 2; i++) h = own_map(g, &own_tanh, own_layer_norm(g, heed_linear(g, h, heed_use(g, heed_params_at(ps, 0)), heed_use(g, heed_params_at(ps, 1)))));
    return heed_sum(g, heed_mul(g, h, h), HEED_ALL, false);
}

static heed_params *make_model(uint64_t seed)
{
    heed_params *ps = heed_params_new(seed);
    heed_param_new(ps, "w", HEED_F32, 2, (int64_t[]){WIDTH, WIDTH}, HEED_XAVIER);
    heed_param_new(ps, "b", HEED_F32, 1, (int64_t[]){WIDTH}, HEED_ZEROS);
    return ps;
}

/* Forward with parameters that others read as well, training with parameters of its own, in turns. */
static void *work(void *context)
{
    worker *me = context;
    heed_graph *g = heed_graph_new(), *own = heed_graph_new();
    heed_params *ps = make_model(me->seed);
    heed_graph_threads(g, 2);
    heed_graph_threads(own, 1 + (int)me->seed % 2);
    for (int i = 0; i < ROUNDS; i++) {
        heed_graph_reset(g);
        me->loss[i] = heed_item(g, model(g, me->shared, 1 + i % 30));
        heed_graph_reset(own);
        heed_backward(own, model(own, ps, 5 + i));
        for (int k = 0; k < 2; k++) {
            heed_param *p = heed_params_at(ps, k);
            float *w = heed_param_data(p);
            const float *dw = heed_param_grad(p);
            for (int64_t j = 0; j < heed_param_size(p); j++) w[j] += 0.01f * (dw[j] + 1);
        }
        heed_params_zero_grad(ps);
        me->trained = heed_item(own, model(own, ps, 9));
    }
    heed_graph_free(g);
    heed_graph_free(own);
    heed_params_free(ps);
    return NULL;
}

static void graphs_are_independent(void)
{
    heed_params *shared = make_model(1);
    for (int i = 0; i < 30 * WIDTH; i++) x[i] = sinf(1 + 2.1f * (float)i);
    static worker alone[2], together[2];
    pthread_t thread[2];
    for (int i = 0; i < 2; i++) {
        alone[i] = together[i] = (worker){.shared = shared, .seed = 2 + (uint64_t)i};
        work(&alone[i]);
    }
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(pthread_create(&thread[i], NULL, work, &together[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT(!memcmp(alone[i].loss, together[i].loss, sizeof alone[i].loss));
        CU_ASSERT(alone[i].trained == together[i].trained && isfinite(alone[i].trained));
    }
    CU_ASSERT(alone[0].trained != alone[1].trained);
    CU_ASSERT(heed_param_grad_is_zero(heed_params_at(shared, 0)));
    heed_params_free(shared);
}

CHECK_MAIN("parameters", {"names and scopes", names_and_scopes}, {"parameters that cannot be", parameters_that_cannot_be},
           {"initial values", initial_values}, {"values come from names", values_come_from_names},
           {"gradients and values", gradients_and_values}, {"graphs on several threads", graphs_are_independent})
