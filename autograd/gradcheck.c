/* Gradient check. Every value is found by recording the function anew over the checker's own copies of the data. */
#include "autograd/gradcheck.h"
#include "autograd/memory.h"
#include "autograd/random.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

typedef enum mode { PLAIN, EAGER, COLUMN_MAJOR, PADDED, REVERSED, FLOAT32, MODES } mode;
static const char *const mode_name[] = {"planned", "eager", "column-major inputs", "padded inputs", "reversed inputs", "float32"};

/* What is differentiated by: an input, a parameter, or the weights w. */
typedef struct variable {
    char name[96];
    int input;          /* or -1 */
    heed_param *param;  /* or NULL; neither: w */
    double *data;       /* perturbed in place */
    int64_t size, at;   /* `at`: where its gradient lies among those of all variables */
} variable;

typedef struct check {
    heed_gradcheck_fn *f;
    void *context;
    int count;
    const heed_gradcheck_input *in;
    heed_gradcheck_options o;
    heed_gradcheck_report r;
    double ratio;              /* largest error so far by what is allowed */
    heed_error error;
    heed_graph *g;
    void **copy, **moved;      /* of the inputs: as given, and converted for a mode */
    heed_tensor **x, **leaf, **dx, **subset; /* recorded: operands, the variables' leaves, their gradients; room for a choice of leaves */
    variable *v;
    int variables;             /* without w, which comes after them */
    int64_t numbers, result;   /* elements of all variables without w; of y */
    double *w, *direction;     /* weights of y, and of the first gradient */
    float *w32;
    double *base, *other;      /* y and its gradients: planned, and from another mode */
    double floor;              /* what errors are relative to at least */
} check;

/* --- inputs in other strides ----------------------------------------------------------------------------------------------- */

typedef struct layout { int rank; int64_t shape[HEED_MAX_RANK], stride[HEED_MAX_RANK], offset; } layout;

static bool layout_shape(heed_shaping *s)
{
    const layout *a = s->attr;
    s->rank = a->rank;
    memcpy(s->shape, a->shape, sizeof a->shape);
    memcpy(s->stride, a->stride, sizeof a->stride);
    s->offset = a->offset;
    return true;
}
static const heed_op op_layout = {.name = "layout", .kind = HEED_VIEW, .operands = 1, .attr_size = sizeof(layout), .shape = layout_shape};

/* Lays out a tensor of this shape; returns the elements of memory it needs. */
static int64_t lay_out(layout *a, mode m)
{
    int64_t step = m == COLUMN_MAJOR ? 2 : 1, length = 1;
    for (int i = 0; i < a->rank; i++) {
        int k = m == COLUMN_MAJOR ? i : a->rank - 1 - i;
        a->stride[k] = m == REVERSED ? -step : step;
        length += step * (a->shape[k] > 0 ? a->shape[k] - 1 : 0);
        step = step * a->shape[k] + (m == PADDED ? 3 : 0);
    }
    a->offset = m == REVERSED ? length - 1 : 0;
    return length;
}

static heed_tensor *strided_input(check *c, int i, mode m)
{
    const heed_gradcheck_input *in = &c->in[i];
    layout a = {.rank = in->rank};
    memcpy(a.shape, in->shape, sizeof a.shape);
    int64_t length = lay_out(&a, m), size = 1, at[HEED_MAX_RANK] = {0};
    size_t bytes = heed_dtype_size(in->dtype);
    for (int k = 0; k < in->rank; k++) size *= in->shape[k];
    char *to = c->moved[i] = heed_calloc((size_t)length, bytes);
    if (!to) return heed_graph_fail(c->g, HEED_NO_MEMORY, "gradcheck: no memory");
    for (int64_t e = 0; e < size; e++) {
        int64_t where = a.offset;
        for (int k = 0; k < in->rank; k++) where += at[k] * a.stride[k];
        memcpy(to + where * (int64_t)bytes, (const char *)c->copy[i] + e * (int64_t)bytes, bytes);
        for (int k = in->rank; k-- > 0 && ++at[k] == in->shape[k];) at[k] = 0;
    }
    heed_tensor *base = heed_input(c->g, in->dtype, 1, &length, to);
    return heed_apply(c->g, &op_layout, 1, &base, &a);
}

static heed_tensor *float_input(check *c, int i)
{
    const heed_gradcheck_input *in = &c->in[i];
    const double *from = c->copy[i];
    int64_t size = 1;
    for (int k = 0; k < in->rank; k++) size *= in->shape[k];
    float *to = c->moved[i] = heed_alloc((size_t)size * sizeof *to);
    if (!to) return heed_graph_fail(c->g, HEED_NO_MEMORY, "gradcheck: no memory");
    for (int64_t e = 0; e < size; e++) to[e] = (float)from[e];
    return heed_input(c->g, HEED_F32, in->rank, in->shape, to);
}

/* --- recording ------------------------------------------------------------------------------------------------------------------ */

/* The function's result on a fresh graph; the leaves of all variables but w. */
static heed_tensor *record(check *c, mode m)
{
    heed_graph *g = c->g;
    heed_graph_reset(g);
    heed_graph_eager(g, m == EAGER);
    for (int i = 0; i < c->count; i++) {
        const heed_gradcheck_input *in = &c->in[i];
        heed_free(c->moved[i]);
        c->moved[i] = NULL;
        if (m == FLOAT32 && in->dtype == HEED_F64) c->x[i] = float_input(c, i);
        else if (m >= COLUMN_MAJOR && m <= REVERSED) c->x[i] = strided_input(c, i, m);
        else c->x[i] = heed_input(g, in->dtype, in->rank, in->shape, c->copy[i]);
    }
    heed_tensor *y = c->f(g, c->x, c->context);
    for (int i = 0; i < c->variables; i++) c->leaf[i] = c->v[i].param ? heed_use(g, c->v[i].param) : c->x[c->v[i].input];
    return y;
}

/* s = sum of w_i y_i; w's leaf is the last variable's. */
static heed_tensor *weigh(check *c, heed_tensor *y)
{
    heed_graph *g = c->g;
    int64_t shape[HEED_MAX_RANK];
    for (int i = 0; i < heed_rank(y); i++) shape[i] = heed_dim(y, i);
    if (heed_size(y) != c->result) return heed_graph_fail(g, HEED_INVALID, "gradcheck: the result's size varies between calls");
    bool single = heed_dtype_of(y) == HEED_F32;
    c->leaf[c->variables] = heed_input(g, heed_dtype_of(y), heed_rank(y), shape, single ? (const void *)c->w32 : c->w);
    return heed_sum(g, heed_mul(g, y, c->leaf[c->variables]), HEED_ALL, false);
}

/* s, or for the second order the projection of s's gradient. */
static heed_tensor *scalar_of(check *c, int order)
{
    heed_graph *g = c->g;
    heed_tensor *s = weigh(c, record(c, PLAIN)), *total = NULL;
    if (order == 1 || c->variables == 0) return s;
    heed_grad(g, s, NULL, c->variables, c->leaf, c->dx);
    for (int i = 0; i < c->variables; i++) {
        heed_tensor *d = c->dx[i];
        int64_t shape[HEED_MAX_RANK];
        for (int k = 0; k < heed_rank(d); k++) shape[k] = heed_dim(d, k);
        heed_tensor *along = heed_input(g, HEED_F64, heed_rank(d), shape, c->direction + c->v[i].at);
        heed_tensor *part = heed_sum(g, heed_mul(g, d, along), HEED_ALL, false);
        total = total ? heed_add(g, total, part) : part;
    }
    return total;
}

static bool failed(check *c)
{
    const heed_error *e = heed_graph_error(c->g);
    if (e->code) heed_fail(&c->error, e->code, "%s", e->message);
    return c->error.code;
}

/* The values of t as float64, to `out`. */
static void fetch(check *c, heed_tensor *t, double *out)
{
    const void *p = heed_data(c->g, t);
    if (!p) return;
    for (int64_t i = 0; i < heed_size(t); i++) switch (heed_dtype_of(t)) {
        case HEED_F32: out[i] = (double)((const float *)p)[i]; break;
        case HEED_I32: out[i] = ((const int32_t *)p)[i]; break;
        case HEED_U8: out[i] = ((const uint8_t *)p)[i]; break;
        default: out[i] = ((const double *)p)[i];
        }
}

/* --- comparing ---------------------------------------------------------------------------------------------------------------------- */

static void note(check *c, double analytic, double numeric, double scale, double allowed, const char *what, const char *name,
                 const char *unit, int64_t i)
{
    double error = fabs(analytic - numeric);
    if (error > 0) error /= scale > 0 ? scale : 1;
    if (!(error >= 0)) error = analytic == numeric || (isnan(analytic) && isnan(numeric)) ? 0 : INFINITY;
    c->r.count++;
    double *worst = !strcmp(what, "first order") ? &c->r.first : !strcmp(what, "second order") ? &c->r.second : NULL;
    if (worst && error > *worst) *worst = error;
    if (error / allowed <= c->ratio) return;
    c->ratio = error / allowed;
    c->r.error = error;
    c->r.analytic = analytic;
    c->r.numeric = numeric;
    snprintf(c->r.where, sizeof c->r.where, "%s: %s, %s %lld", what, name, unit, (long long)i);
}

static double largest(int64_t n, const double *x, double floor)
{
    for (int64_t i = 0; i < n; i++)
        if (fabs(x[i]) > floor) floor = fabs(x[i]);
    return floor;
}

/* y and the gradients of the variables in `mask`: into `out`, y first. */
static bool evaluate(check *c, mode m, uint32_t mask, double *out)
{
    heed_tensor *y = record(c, m);
    if (failed(c)) return false;
    if (!c->o.values_only) {
        heed_tensor *s = weigh(c, y);
        int n = 0;
        for (int i = 0; i < c->variables; i++)
            if (i >= 32 || mask >> i & 1) c->subset[n++] = c->leaf[i];
        heed_grad(c->g, s, NULL, n, c->subset, c->dx);
        for (int i = 0, k = 0; i < c->variables; i++)
            if (i >= 32 || mask >> i & 1) fetch(c, c->dx[k++], out + c->result + c->v[i].at);
    }
    fetch(c, y, out);
    return !failed(c);
}

static void compare(check *c, const char *what, uint32_t mask, double allowed)
{
    double scale = largest(c->result, c->base, 0);
    for (int64_t i = 0; i < c->result; i++) note(c, c->base[i], c->other[i], scale, allowed, what, "result", "element", i);
    for (int i = 0; i < c->variables && !c->o.values_only; i++) {
        const variable *v = &c->v[i];
        const double *a = c->base + c->result + v->at, *b = c->other + c->result + v->at;
        if (i < 32 && !(mask >> i & 1)) continue;
        scale = largest(v->size, a, c->floor);
        for (int64_t k = 0; k < v->size; k++) note(c, a[k], b[k], scale, allowed, what, v->name, "element", k);
    }
}

static void check_modes(check *c)
{
    for (mode m = EAGER; m < MODES && !c->error.code; m++) {
        if (m == FLOAT32 && (c->o.only_float64 || c->o.params)) continue;
        if (evaluate(c, m, UINT32_MAX, c->other)) compare(c, mode_name[m], UINT32_MAX, m == FLOAT32 ? 5e-4 : 1e-11);
    }
    heed_graph_eager(c->g, false);
}

static void check_subsets(check *c)
{
    int n = c->variables;
    uint32_t all = n >= 32 ? UINT32_MAX : (1u << n) - 1;
    for (uint32_t mask = 1; mask && mask < all && !c->error.code; mask = n <= 6 ? mask + 1 : mask << 1)
        if (evaluate(c, PLAIN, mask, c->other)) compare(c, "by a part of the inputs", mask, 1e-11);
}

/* heed_backward leaves the same gradients in the store. */
static void check_backward(check *c)
{
    if (!c->o.params || c->error.code) return;
    heed_tensor *s = weigh(c, record(c, PLAIN));
    heed_params_zero_grad(c->o.params);
    heed_backward(c->g, s);
    if (failed(c)) return;
    for (int i = 0; i < c->variables; i++) {
        const variable *v = &c->v[i];
        const double *a = c->base + c->result + v->at, *b = v->param ? heed_param_grad(v->param) : NULL;
        double scale = largest(v->size, a, c->floor);
        for (int64_t k = 0; b && k < v->size; k++) note(c, a[k], b[k], scale, 1e-11, "heed_backward", v->name, "element", k);
    }
    heed_params_zero_grad(c->o.params);
}

/* --- differences ----------------------------------------------------------------------------------------------------------------------- */

static double value_at(check *c, int order, const variable *v, const double *saved, const double *along, double step)
{
    for (int64_t i = 0; i < v->size; i++) v->data[i] = saved[i] + step * along[i];
    double s = heed_item(c->g, scalar_of(c, order));
    memcpy(v->data, saved, (size_t)v->size * sizeof *saved);
    return s;
}

/* (8 (s(h) - s(-h)) - (s(2h) - s(-2h))) / 12h, whose error is of the order h^4 */
static double difference(check *c, int order, const variable *v, const double *saved, const double *along)
{
    double h = c->o.step, near = value_at(c, order, v, saved, along, h) - value_at(c, order, v, saved, along, -h);
    return (8 * near - (value_at(c, order, v, saved, along, 2 * h) - value_at(c, order, v, saved, along, -2 * h))) / (12 * h);
}

static void random_direction(heed_random *random, int64_t n, double *along)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        along[i] = heed_random_normal(random);
        sum += along[i] * along[i];
    }
    for (int64_t i = 0; i < n; i++) along[i] /= sqrt(sum);
}

static void check_variable(check *c, int order, int number, const double *gradient)
{
    const variable *v = &c->v[number];
    heed_random random = {.seed = 4, .stream = (uint64_t)number};
    bool each = v->size <= c->o.elementwise;
    int64_t probes = v->size == 0 ? 0 : each ? v->size : c->o.directions;
    double *saved = heed_alloc((size_t)v->size * sizeof *saved), *along = heed_calloc((size_t)v->size, sizeof *along);
    double *a = heed_calloc((size_t)probes * 2, sizeof *a), *n = a + probes;
    if (!saved || !along || !a) heed_fail(&c->error, HEED_NO_MEMORY, "gradcheck: no memory");
    else if (v->size) memcpy(saved, v->data, (size_t)v->size * sizeof *saved);
    for (int64_t p = 0; p < probes && !c->error.code; p++) {
        if (each) {
            along[p] = 1;
            if (p) along[p - 1] = 0;
        } else random_direction(&random, v->size, along);
        for (int64_t i = 0; i < v->size; i++) a[p] += gradient[i] * along[i];
        n[p] = difference(c, order, v, saved, along);
        failed(c);
    }
    double scale = c->error.code ? 0 : largest(2 * probes, a, c->floor);
    for (int64_t p = 0; p < probes && !c->error.code; p++)
        note(c, a[p], n[p], scale, c->o.tolerance, order == 1 ? "first order" : "second order", v->name, each ? "element" : "direction", p);
    heed_free(saved);
    heed_free(along);
    heed_free(a);
}

static void check_order(check *c, int order)
{
    int n = c->variables + (order == 2); /* the second order depends on w too: the derivative by dy */
    if (c->error.code || (order == 2 && c->variables == 0)) return;
    double *gradient = heed_alloc((size_t)(c->numbers + c->result) * sizeof *gradient);
    heed_tensor *s = scalar_of(c, order);
    memcpy(c->subset, c->leaf, (size_t)n * sizeof *c->leaf);
    heed_grad(c->g, s, NULL, n, c->subset, c->dx);
    heed_run(c->g, n, c->dx);
    for (int i = 0; i < n && gradient; i++) fetch(c, c->dx[i], gradient + c->v[i].at);
    if (!gradient) heed_fail(&c->error, HEED_NO_MEMORY, "gradcheck: no memory");
    for (int i = 0; i < n && !failed(c); i++) check_variable(c, order, i, gradient + c->v[i].at);
    heed_free(gradient);
}

/* --- the whole ----------------------------------------------------------------------------------------------------------------------------- */

static void add_variable(check *c, int input, heed_param *param, void *data, int64_t size)
{
    variable *v = &c->v[c->variables++];
    *v = (variable){.input = input, .param = param, .data = data, .size = size, .at = c->numbers};
    if (param) snprintf(v->name, sizeof v->name, "parameter %s", heed_param_name(param));
    else snprintf(v->name, sizeof v->name, "input %d", input);
    c->numbers += size;
    if (param && heed_param_dtype(param) != HEED_F64)
        heed_fail(&c->error, HEED_INVALID, "gradcheck: %s is %s, it has to be float64", v->name, heed_dtype_name(heed_param_dtype(param)));
}

static void copy_input(check *c, int i)
{
    const heed_gradcheck_input *in = &c->in[i];
    size_t size = 1, bytes;
    if (in->dtype == HEED_F32 || (unsigned)in->dtype >= HEED_DTYPES || in->rank < 0 || in->rank > HEED_MAX_RANK) {
        heed_fail(&c->error, HEED_INVALID, "gradcheck: input %d has to be float64, int32 or uint8, of rank 0 to %d", i, HEED_MAX_RANK);
        return;
    }
    for (int k = 0; k < in->rank; k++)
        if (in->shape[k] < 0 || !heed_size_mul(size, (size_t)in->shape[k], &size))
            heed_fail(&c->error, HEED_INVALID, "gradcheck: input %d: axis %d cannot have size %lld", i, k, (long long)in->shape[k]);
    if (size && !in->data) heed_fail(&c->error, HEED_INVALID, "gradcheck: input %d has no data", i);
    if (c->error.code) return;
    if (!heed_size_mul(size, heed_dtype_size(in->dtype), &bytes) || !(c->copy[i] = heed_alloc(bytes))) {
        heed_fail(&c->error, HEED_NO_MEMORY, "gradcheck: no memory");
        return;
    }
    if (bytes) memcpy(c->copy[i], in->data, bytes);
    if (in->dtype == HEED_F64) add_variable(c, i, NULL, c->copy[i], (int64_t)size);
}

/* Room for everything, once the first call has told the result's size. */
static bool prepare(check *c)
{
    int parameters = c->o.params ? heed_params_count(c->o.params) : 0;
    size_t all = (size_t)c->count + (size_t)parameters + 1;
    c->v = heed_calloc(all, sizeof *c->v);
    c->copy = heed_calloc(2 * all, sizeof *c->copy);
    c->x = heed_calloc(4 * all, sizeof *c->x);
    if (!c->v || !c->copy || !c->x) return heed_fail(&c->error, HEED_NO_MEMORY, "gradcheck: no memory"), false;
    c->moved = c->copy + all;
    c->leaf = c->x + all;
    c->dx = c->leaf + all;
    c->subset = c->dx + all;
    for (int i = 0; i < c->count && !c->error.code; i++) copy_input(c, i);
    for (int i = 0; i < parameters && !c->error.code; i++) {
        heed_param *p = heed_params_at(c->o.params, i);
        if (heed_param_is_trainable(p)) add_variable(c, -1, p, heed_param_data(p), heed_param_size(p));
    }
    heed_graph_training(c->g, c->o.training);
    heed_tensor *y = c->error.code ? NULL : record(c, PLAIN);
    if (failed(c)) return false;
    if (heed_dtype_of(y) != HEED_F64 && !c->o.values_only)
        return heed_fail(&c->error, HEED_INVALID, "gradcheck: the result is %s, not float64", heed_dtype_name(heed_dtype_of(y))), false;
    c->result = heed_size(y);
    size_t numbers = (size_t)(c->numbers + c->result);
    c->w = heed_alloc(4 * numbers * sizeof *c->w);
    if (!c->w) return heed_fail(&c->error, HEED_NO_MEMORY, "gradcheck: no memory"), false;
    c->direction = c->w + c->result;
    c->base = c->w + numbers;
    c->other = c->base + numbers;
    c->w32 = (float *)(void *)(c->other + numbers);
    heed_random random = {.seed = 4, .stream = 1u << 20};
    for (size_t i = 0; i < numbers; i++) { /* of both signs, none near zero */
        double u = 2 * heed_random_uniform(&random) - 1;
        c->w[i] = u + (u < 0 ? -0.5 : 0.5);
    }
    for (int64_t i = 0; i < c->result; i++) c->w32[i] = (float)c->w[i];
    c->v[c->variables] = (variable){.name = "weights of the result", .input = -1, .data = c->w, .size = c->result, .at = c->numbers};
    return true;
}

static void check_all(check *c)
{
    if (!prepare(c) || !evaluate(c, PLAIN, UINT32_MAX, c->base)) return;
    for (int64_t i = 0; i < c->result; i++) c->floor += 1e-4 * fabs(c->w[i] * c->base[i]);
    if (!isfinite(c->floor)) c->floor = 0;
    check_modes(c);
    if (c->o.values_only) return;
    check_subsets(c);
    check_backward(c);
    check_order(c, 1);
    if (c->o.second) check_order(c, 2);
}

heed_gradcheck_report heed_gradcheck(heed_gradcheck_fn *f, void *context, int count, const heed_gradcheck_input *x,
                                     const heed_gradcheck_options *options)
{
    check c = {.f = f, .context = context, .count = count, .in = x, .g = heed_graph_new()};
    if (options) c.o = *options;
    if (c.o.tolerance <= 0) c.o.tolerance = 1e-7;
    if (c.o.step <= 0) c.o.step = 0x1p-10;
    if (c.o.elementwise <= 0) c.o.elementwise = 100;
    if (c.o.directions <= 0) c.o.directions = 8;
    if (!failed(&c)) check_all(&c);
    c.r.ok = !c.error.code && c.ratio <= 1;
    if (c.error.code) snprintf(c.r.message, sizeof c.r.message, "%s", c.error.message);
    else
        snprintf(c.r.message, sizeof c.r.message, "%lld numbers compared, %s: %s: analytic %.10g, numeric %.10g, error %.2g",
                 (long long)c.r.count, c.r.ok ? "all agree, least" : "they differ, most", *c.r.where ? c.r.where : "no difference",
                 c.r.analytic, c.r.numeric, c.r.error);
    heed_graph_free(c.g);
    for (int i = 0; i < count && c.copy; i++) {
        heed_free(c.copy[i]);
        heed_free(c.moved[i]);
    }
    heed_free(c.copy);
    heed_free(c.v);
    heed_free(c.x);
    heed_free(c.w);
    return c.r;
}
