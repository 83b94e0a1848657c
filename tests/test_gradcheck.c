/* The gradient check passes what is right, and finds a wrong constant, a wrong second order, a forgotten operand, a stride ignored. */
#include "autograd/gradcheck.h"
#include "check.h"
#include "ops/ops.h"

/* y = x^3 as a user's op, written outside the library; `wrong` spoils its derivative. */
typedef struct cube_attr { int wrong; } cube_attr;
enum { RIGHT, WRONG_CONSTANT, WRONG_SECOND, NO_DERIVATIVE };

static heed_tensor *cube(heed_graph *g, heed_tensor *x, int wrong);

#define CUBE_TILE(T, name)                                                                      \
    static void name(const heed_tile *t, heed_span y, const heed_span *x)                       \
    {                                                                                           \
        for (int64_t r = 0; r < t->rows; r++)                                                   \
            for (int64_t c = 0; c < t->cols; c++) {                                             \
                T a = ((const T *)x->p)[r * x->row + c * x->col];                               \
                ((T *)y.p)[r * y.row + c] = a * a * a;                                          \
            }                                                                                   \
    }
CUBE_TILE(float, cube_f32)
CUBE_TILE(double, cube_f64)

static void cube_vjp(heed_graph *g, const heed_vjp *v)
{
    int wrong = ((const cube_attr *)v->attr)->wrong;
    heed_tensor *x = v->x[0];
    if (wrong == WRONG_SECOND) { /* right in value, but the gradient stops at a leaf that looks like x */
        int64_t n = heed_size(x);
        x = heed_input(g, heed_dtype_of(x), 1, &n, heed_data(g, x));
    }
    if (wrong != NO_DERIVATIVE) v->dx[0] = heed_mul(g, v->dy, heed_scale(g, heed_mul(g, x, x), wrong == WRONG_CONSTANT ? 3.00001 : 3));
}

static const heed_op op_cube = {.name = "cube", .kind = HEED_MAP, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(cube_attr),
                                .shape = heed_shape_broadcast, .vjp = cube_vjp,
                                .tile = {[HEED_F32] = {cube_f32}, [HEED_F64] = {cube_f64}}};

static heed_tensor *cube(heed_graph *g, heed_tensor *x, int wrong) { return heed_apply(g, &op_cube, 1, &x, &(cube_attr){wrong}); }

static heed_tensor *cubed(heed_graph *g, heed_tensor *const *x, void *context) { return cube(g, x[0], *(int *)context); }

static const double data[] = {0.3, -1.2, 2.1, 0.9, -0.4, 1.7, 0.05, -2.2, 1.1, 0.6, -0.7, 1.4};

static heed_gradcheck_report check_cube(int wrong, bool second)
{
    heed_gradcheck_input x = {HEED_F64, 1, {12}, data};
    return heed_gradcheck(cubed, &wrong, 1, &x, &(heed_gradcheck_options){.second = second});
}

static void right_is_right(void)
{
    heed_gradcheck_report r = check_cube(RIGHT, true);
    CU_ASSERT(r.ok && r.first < 1e-10 && r.second < 1e-10 && r.count > 12 * 5);
    CU_ASSERT(check_says(r.message, "all agree"));
}

static void wrong_is_found(void)
{
    heed_gradcheck_report r = check_cube(WRONG_CONSTANT, false);
    CU_ASSERT(!r.ok && r.first > 1e-6 && r.first < 1e-5);
    CU_ASSERT(check_says(r.message, "first order: input 0, element 7"));
    CU_ASSERT(check_cube(WRONG_SECOND, false).ok);
    r = check_cube(WRONG_SECOND, true);
    CU_ASSERT(!r.ok && check_says(r.message, "second order: input 0"));
    CU_ASSERT(!check_cube(NO_DERIVATIVE, false).ok);
}

/* A large tensor is checked along directions. */
static heed_tensor *cubed_wide(heed_graph *g, heed_tensor *const *x, void *context)
{
    return cube(g, heed_mul(g, heed_expand(g, x[0], 2, (int64_t[]){40, 12}), x[1]), *(int *)context);
}

static void large_tensors(void)
{
    double wide[480];
    for (int i = 0; i < 480; i++) wide[i] = 0.5 + (i * 37 % 480) / 480.0;
    heed_gradcheck_input x[] = {{HEED_F64, 1, {12}, data}, {HEED_F64, 2, {40, 12}, wide}};
    heed_gradcheck_report r = heed_gradcheck(cubed_wide, &(int){RIGHT}, 2, x, &(heed_gradcheck_options){.second = true});
    CU_ASSERT(r.ok && r.first < 1e-9 && r.second < 1e-9);
    CU_ASSERT(!heed_gradcheck(cubed_wide, &(int){WRONG_CONSTANT}, 1 + 1, x, NULL).ok);
}

/* A model: parameters are checked like inputs, frozen ones are not. */
static heed_tensor *model(heed_graph *g, heed_tensor *const *x, void *context)
{
    heed_params *ps = context;
    heed_tensor *w = heed_use(g, heed_params_find(ps, "m.w")), *b = heed_use(g, heed_params_find(ps, "m.b"));
    return heed_add(g, heed_mul(g, cube(g, w, RIGHT), x[0]), b);
}

static void parameters(void)
{
    heed_params *ps = heed_params_new(1);
    heed_params_dtype(ps, HEED_F64);
    heed_param *w = heed_param_new(ps, "m.w", HEED_F64, 2, (int64_t[]){3, 4}, HEED_NORMAL(0, 1));
    heed_param_new(ps, "m.b", HEED_F64, 1, (int64_t[]){4}, HEED_ZEROS);
    heed_gradcheck_input x = {HEED_F64, 2, {3, 4}, data};
    heed_gradcheck_options o = {.params = ps, .second = true};
    double before = ((double *)heed_param_data(w))[5];
    heed_gradcheck_report r = heed_gradcheck(model, ps, 1, &x, &o);
    CU_ASSERT(r.ok && r.first > 0 && r.first < 1e-9);
    CU_ASSERT(((double *)heed_param_data(w))[5] == before && heed_param_grad_is_zero(w));
    int64_t all = r.count;
    heed_params_trainable(ps, "m.b", false);
    r = heed_gradcheck(model, ps, 1, &x, &o);
    CU_ASSERT(r.ok && r.count < all);
    heed_param_new(ps, "m.c", HEED_F32, 1, (int64_t[]){4}, HEED_ZEROS);
    r = heed_gradcheck(model, ps, 1, &x, &o);
    CU_ASSERT(!r.ok && check_says(r.message, "parameter m.c is float32, it has to be float64"));
    heed_params_free(ps);
}

/* A function whose value depends on the mode it is run in is found, too. */
static heed_tensor *depends_on_dtype(heed_graph *g, heed_tensor *const *x, void *context)
{
    (void)context;
    return heed_scale(g, x[0], heed_dtype_of(x[0]) == HEED_F32 ? 1.01 : 1);
}
static heed_tensor *fails(heed_graph *g, heed_tensor *const *x, void *context)
{
    (void)context;
    return heed_add(g, x[0], x[1]);
}
static heed_tensor *identity(heed_graph *g, heed_tensor *const *x, void *context)
{
    (void)g;
    (void)context;
    return x[0];
}

static void other_reports(void)
{
    heed_gradcheck_input x[] = {{HEED_F64, 1, {12}, data}, {HEED_F64, 1, {5}, data}};
    heed_gradcheck_report r = heed_gradcheck(depends_on_dtype, NULL, 1, x, NULL);
    CU_ASSERT(!r.ok && check_says(r.message, "float32"));
    CU_ASSERT(heed_gradcheck(depends_on_dtype, NULL, 1, x, &(heed_gradcheck_options){.only_float64 = true}).ok);
    r = heed_gradcheck(fails, NULL, 2, x, NULL);
    CU_ASSERT(!r.ok && check_says(r.message, "add: shapes do not broadcast: [12] and [5]"));
    x[0].dtype = HEED_F32;
    r = heed_gradcheck(identity, NULL, 1, x, NULL);
    CU_ASSERT(!r.ok && check_says(r.message, "input 0 has to be float64"));
    x[0] = (heed_gradcheck_input){HEED_I32, 1, {4}, data};
    r = heed_gradcheck(identity, NULL, 1, x, NULL);
    CU_ASSERT(!r.ok && check_says(r.message, "the result is int32, not float64"));
    CU_ASSERT(heed_gradcheck(identity, NULL, 1, x, &(heed_gradcheck_options){.values_only = true}).ok);
    x[0] = (heed_gradcheck_input){HEED_F64, 1, {-4}, data};
    r = heed_gradcheck(identity, NULL, 1, x, NULL);
    CU_ASSERT(!r.ok && check_says(r.message, "axis 0 cannot have size -4"));
    x[0] = (heed_gradcheck_input){HEED_F64, 1, {4}, NULL};
    r = heed_gradcheck(identity, NULL, 1, x, NULL);
    CU_ASSERT(!r.ok && check_says(r.message, "input 0 has no data"));
}

CHECK_MAIN("gradcheck", {"what is right passes", right_is_right}, {"what is wrong is found", wrong_is_found},
           {"large tensors, along directions", large_tensors}, {"parameters", parameters}, {"other reports", other_reports})
