/* Derivatives recorded before are taken over by graphs that are the same up to there: the same graph comes of it, the same numbers, and nobody's
 * derivative is asked again. */
#include "autograd/node.h"
#include "check.h"
#include "ops/dropout.h"
#include "random_graph.h"
#include "refusals.h"

enum { SEEDS = 120, N = 6, MANY = 40 };

static double data[RANDOM_DATA + 1024];

static void make_data(void)
{
    heed_random r = {.seed = 11};
    for (int i = 0; i < RANDOM_DATA + 1024; i++) data[i] = 3 * heed_random_uniform(&r) - 1.5;
}

/* --- an op whose derivative counts how often it is asked ---------------------------------------------------------------------------- */

typedef enum asked { PLAIN, NAMES, FINDS, KEEPS, READS, DRAWS, SCOPES, NESTS } asked;
typedef struct cubed_attr { double factor; asked what; } cubed_attr;
static int times_asked;
static const double one_number[N] = {1, 1, 1, 1, 1, 1};

static bool cubed_shape(heed_shaping *s) { return heed_shape_like(s, s->x[0]); }
static void cubed_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase, (void)task, (void)scratch;
    const double *x = c->x[0].p;
    for (int64_t i = 0; i < c->y.size; i++) ((double *)c->y.p)[i] = ((const cubed_attr *)c->attr)->factor * x[i] * x[i] * x[i];
}
static void cubed_vjp(heed_graph *g, const heed_vjp *v)
{
    const cubed_attr *a = v->attr;
    times_asked++;
    heed_tensor *slope = heed_scale(g, heed_mul(g, v->x[0], v->x[0]), 3 * a->factor), *own = v->x[0], *inner;
    switch (a->what) {
    case NAMES: heed_name(g, slope, "slope"); break;
    case FINDS: heed_find(g, "slope"); break;
    case KEEPS: heed_keep(g, slope); break;
    case READS: slope = heed_mul(g, slope, heed_input(g, HEED_F64, 1, (int64_t[]){N}, one_number)); break;
    case DRAWS: slope = heed_dropout(g, slope, 0.5); break;
    case SCOPES:
        heed_scope(g, "within");
        slope = heed_scale(g, slope, 1);
        heed_scope_end(g);
        break;
    case NESTS: /* d(f x^3/3 . 3)/dx */
        inner = heed_scale(g, heed_mul(g, heed_mul(g, own, own), own), a->factor);
        heed_grad(g, heed_sum(g, inner, HEED_ALL, false), NULL, 1, &own, &slope);
        break;
    case PLAIN: break;
    }
    v->dx[0] = heed_mul(g, v->dy, slope);
}
static const heed_op cubed = {.name = "cubed", .kind = HEED_KERNEL, .operands = 1, .attr_size = sizeof(cubed_attr), .shape = cubed_shape, .vjp = cubed_vjp, .run = cubed_run};

static heed_tensor *numbers(heed_graph *g, int64_t n) { return heed_input(g, HEED_F64, 1, &n, data); }

/* d sum(factor x^3) / dx at x = data, with `more` to make other graphs of it; element 1 of it */
static double slope_of(heed_graph *g, double factor, asked what, int more, heed_tensor **dx)
{
    heed_tensor *x = numbers(g, N), *y = x;
    for (int i = 0; i < more; i++) y = heed_neg(g, heed_neg(g, y));
    cubed_attr a;
    memset(&a, 0, sizeof a);
    a.factor = factor;
    a.what = what;
    y = heed_sum(g, heed_apply(g, &cubed, 1, &y, &a), HEED_ALL, false);
    heed_grad(g, y, NULL, 1, &x, dx);
    const double *d = heed_data(g, *dx);
    return d ? d[1] : NAN;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-12 * (1 + fabs(b)); }

static void asked_once(void)
{
    make_data();
    heed_graph *g = heed_graph_new();
    heed_tensor *dx;
    const double exact = 3 * data[1] * data[1];
    times_asked = 0;
    for (int i = 0; i < 5; i++, heed_graph_reset(g)) CU_ASSERT(near(slope_of(g, 1, PLAIN, 0, &dx), exact));
    CU_ASSERT_EQUAL(times_asked, 1);
    for (int i = 0; i < 4; i++, heed_graph_reset(g)) CU_ASSERT(near(slope_of(g, 1 + i, PLAIN, 0, &dx), (1 + i) * exact));
    CU_ASSERT_EQUAL(times_asked, 4); /* another attribute is another derivative; the first is still known */
    for (int i = 0; i < 3; i++, heed_graph_reset(g)) CU_ASSERT(near(slope_of(g, 1, PLAIN, 1, &dx), exact));
    CU_ASSERT_EQUAL(times_asked, 5); /* so is another graph */
    heed_graph_training(g, true);
    slope_of(g, 1, PLAIN, 0, &dx);
    CU_ASSERT_EQUAL(times_asked, 6);
    heed_graph_reset(g);
    heed_scope(g, "elsewhere"); /* names of nodes */
    slope_of(g, 1, PLAIN, 0, &dx);
    CU_ASSERT_EQUAL(times_asked, 7);
    heed_graph_reset(g);
    heed_graph_eager(g, true);
    CU_ASSERT(near(slope_of(g, 1, PLAIN, 0, &dx), exact));
    CU_ASSERT_EQUAL(times_asked, 8);
    heed_graph_free(g);
}

static void what_cannot_be_taken_over_is_asked_again(void)
{
    static const asked all[] = {NAMES, FINDS, KEEPS, READS, DRAWS, SCOPES};
    make_data();
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        heed_graph *g = heed_graph_new();
        heed_tensor *dx;
        heed_graph_training(g, true);
        times_asked = 0;
        for (int i = 0; i < 3; i++) {
            heed_graph_reset(g);
            heed_graph_seed(g, 1, (uint64_t)i);
            slope_of(g, 2, all[k], 0, &dx);
            CU_ASSERT_EQUAL(times_asked, i + 1);
            if (all[k] == NAMES) CU_ASSERT_PTR_NOT_NULL(heed_find(g, "slope"));
        }
        CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
        heed_graph_free(g);
    }
}

static void one_within_another_is_part_of_it(void)
{
    make_data();
    heed_graph *g = heed_graph_new();
    heed_tensor *dx;
    times_asked = 0;
    for (int i = 0; i < 3; i++, heed_graph_reset(g)) CU_ASSERT(near(slope_of(g, 2, NESTS, 0, &dx), 6 * data[1] * data[1]));
    CU_ASSERT_EQUAL(times_asked, 1);
    heed_graph_free(g);
}

/* More derivatives than are kept: in one graph, which needs them all, and of as many graphs in turn. */
static void many(void)
{
    make_data();
    heed_graph *g = heed_graph_new();
    heed_tensor *dx[MANY];
    times_asked = 0;
    for (int turn = 0; turn < 3; turn++, heed_graph_reset(g)) {
        for (int i = 0; i < MANY; i++) slope_of(g, 1 + i, PLAIN, 0, &dx[i]);
        for (int i = 0; i < MANY; i++) CU_ASSERT(near(((const double *)heed_data(g, dx[i]))[1], (1 + i) * 3 * data[1] * data[1]));
    }
    CU_ASSERT(times_asked >= MANY && times_asked < 3 * MANY);
    for (int i = 0; i < 3 * MANY; i++, heed_graph_reset(g)) CU_ASSERT(near(slope_of(g, 1 + i % MANY, PLAIN, i % 3, dx), (1 + i % MANY) * 3 * data[1] * data[1]));
    heed_graph_free(g);
}

/* What a user marks, names and makes of a derivative is gone with the graph. */
static void nothing_of_a_graph_stays(void)
{
    make_data();
    heed_graph *g = heed_graph_new();
    heed_tensor *dx, *kept;
    slope_of(g, 1, PLAIN, 0, &dx);
    kept = heed_keep(g, dx->x[1]);
    heed_data(g, heed_sum(g, dx, HEED_ALL, false));
    CU_ASSERT_PTR_NOT_NULL(kept->data);
    heed_graph_reset(g);
    times_asked = 0;
    slope_of(g, 1, PLAIN, 0, &dx);
    CU_ASSERT_EQUAL(times_asked, 0);
    CU_ASSERT(dx->x[1] == kept && !kept->data && !(kept->flags & NODE_KEEP));
    heed_graph_free(g);
}

/* --- draws ------------------------------------------------------------------------------------------------------------------------------ */

/* The gradient of a dropout is zero where the dropout is, in every step. */
static void draws_are_those_of_the_step(void)
{
    enum { LENGTH = 4096 };
    make_data();
    heed_graph *g = heed_graph_new();
    const int64_t n = LENGTH;
    double first[LENGTH];
    heed_graph_training(g, true);
    for (uint64_t step = 0; step < 4; step++) {
        heed_graph_reset(g);
        heed_graph_seed(g, step == 3 ? 8 : 7, step);
        heed_tensor *x = numbers(g, n), *u = heed_dropout(g, x, 0.5), *y = heed_dropout(g, x, 0.25), *dx;
        heed_grad(g, heed_sum(g, heed_add(g, y, heed_scale(g, u, 0)), HEED_ALL, false), NULL, 1, &x, &dx);
        heed_run(g, 2, (heed_tensor *[]){y, dx});
        const double *value = heed_data(g, y), *slope = heed_data(g, dx);
        int same = 0;
        for (int i = 0; i < LENGTH; i++) {
            CU_ASSERT(slope[i] == (value[i] != 0 ? 1 / 0.75 : 0));
            same += step && slope[i] == first[i];
        }
        CU_ASSERT(same < LENGTH);
        if (step == 0) memcpy(first, slope, sizeof first);
    }
    heed_graph_free(g);
}

/* An attention that draws nothing is no draw, whatever the seed. */
static void no_draw_is_none(void)
{
    enum { T = 8, D = 8 };
    make_data();
    for (uint64_t seed = 0; seed < 2; seed++) {
        heed_graph *g = heed_graph_new();
        heed_graph_training(g, true);
        for (uint64_t step = 0; step < 4; step++) {
            heed_graph_reset(g);
            heed_graph_seed(g, seed, step);
            heed_tensor *x = heed_input(g, HEED_F64, 4, (int64_t[]){1, 1, T, D}, data), *a = heed_dropout(g, x, 0.5), *dx;
            heed_grad(g, heed_sum(g, heed_attention(g, a, a, a, NULL), HEED_ALL, false), NULL, 1, &x, &dx);
            heed_run(g, 2, (heed_tensor *[]){a, dx});
            for (int i = 0; i < T * D; i++) CU_ASSERT((((const double *)heed_data(g, a))[i] != 0) == (((const double *)heed_data(g, dx))[i] != 0));
        }
        heed_graph_free(g);
    }
}

/* Another seed in the middle of a graph: a draw from before is not what the same number would be now. */
static void draws_of_another_seed(void)
{
    make_data();
    heed_graph *g = heed_graph_new();
    const int64_t n = 64;
    heed_graph_training(g, true);
    for (uint64_t turn = 0; turn < 4; turn++) {
        heed_graph_reset(g);
        heed_graph_seed(g, 3, 0);
        heed_draw draw = heed_next_draw(g);
        heed_graph_seed(g, turn % 2 ? 4 : 3, 0);
        heed_tensor *x = numbers(g, n), *y = heed_dropout_by(g, x, 0.5, draw), *dx;
        heed_grad(g, heed_sum(g, y, HEED_ALL, false), NULL, 1, &x, &dx);
        heed_run(g, 2, (heed_tensor *[]){y, dx});
        for (int i = 0; i < n; i++) CU_ASSERT((((const double *)heed_data(g, y))[i] != 0) == (((const double *)heed_data(g, dx))[i] != 0));
    }
    heed_graph_free(g);
}

/* --- one derivative that takes part in another ---------------------------------------------------------------------------------------- */

static void differentiate_something_else(heed_graph *g)
{
    heed_tensor *x = numbers(g, N), *dx, *y = heed_sum(g, heed_exp(g, heed_slice(g, heed_tanh(g, x), 0, 2, 5, 1)), HEED_ALL, false);
    for (int i = 0; i < 6; i++) y = heed_scale(g, y, 2);
    heed_grad(g, y, NULL, 1, &x, &dx);
    heed_graph_reset(g);
}

/* The gradient of a slice from a derivative that is recorded each time goes into one that is kept. */
static void nothing_is_held_of_what_is_not_kept(void)
{
    make_data();
    heed_graph *g = heed_graph_new();
    double first[N];
    for (int turn = 0; turn < 4; turn++) {
        heed_tensor *x = numbers(g, N), *h = heed_add(g, x, x), *part = heed_slice(g, h, 0, 1, 4, 1), *dh, *dx;
        cubed_attr a;
        memset(&a, 0, sizeof a);
        a.factor = 1;
        a.what = NAMES;
        heed_grad(g, heed_sum(g, heed_apply(g, &cubed, 1, &part, &a), HEED_ALL, false), NULL, 1, &h, &dh);
        heed_grad(g, h, dh, 1, &x, &dx);
        const double *d = heed_data(g, dx);
        CU_ASSERT_PTR_NOT_NULL_FATAL(d);
        if (turn == 0) memcpy(first, d, sizeof first);
        CU_ASSERT(!memcmp(first, d, sizeof first));
        heed_graph_reset(g);
        if (turn) differentiate_something_else(g);
    }
    heed_graph_free(g);
}

/* --- random graphs ------------------------------------------------------------------------------------------------------------------------ */

typedef struct seen { uint64_t hash; size_t count; double value[3]; } seen;

/* Gradients of the first and the second order, and something made of them, of the random program `seed`. */
static seen differentiate(heed_graph *g, uint64_t seed, uint64_t values)
{
    seen s = {0};
    heed_tensor *dx[RANDOM_INPUTS], *sum[3];
    heed_graph_threads(g, 1);
    random_graph r = random_record(g, HEED_F64, seed, values, 4 + (int)(seed % 20), false, data);
    sum[0] = heed_sum(g, r.t[r.count - 1], HEED_ALL, false);
    for (int order = 1; order < 3; order++) {
        heed_grad(g, sum[order - 1], NULL, RANDOM_INPUTS, r.x, dx);
        sum[order] = heed_scalar(g, HEED_F64, 0);
        for (int i = 0; i < RANDOM_INPUTS; i++) { /* views and copies of what the derivative and the graph have */
            heed_tensor *turned = heed_rank(dx[i]) > 1 ? heed_transpose(g, dx[i], 0, 1) : dx[i];
            sum[order] = heed_add(g, sum[order], heed_sum(g, heed_mul(g, heed_contiguous(g, turned), turned), HEED_ALL, false));
            if (heed_rank(r.x[i]) > 1) sum[order] = heed_add(g, sum[order], heed_sum(g, heed_contiguous(g, heed_transpose(g, r.x[i], 0, 1)), HEED_ALL, false));
        }
    }
    s.hash = g->hash;
    s.count = g->count;
    heed_run(g, 3, sum);
    for (int i = 0; i < 3; i++) s.value[i] = heed_item(g, sum[i]);
    if (heed_graph_error(g)->code) fprintf(stderr, "\n    seed %llu: %s\n", (unsigned long long)seed, heed_graph_error(g)->message);
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
    return s;
}

static void graphs_are_the_same(void)
{
    make_data();
    heed_graph *g = heed_graph_new();
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (int turn = 0; turn < 5; turn++) {
            static const uint64_t values[] = {0, 0, 1, 0, 1};
            seen again = differentiate(g, seed, values[turn]);
            heed_graph *other = heed_graph_new();
            seen fresh = differentiate(other, seed, values[turn]);
            heed_graph_free(other);
            heed_graph_reset(g);
            bool same = again.hash == fresh.hash && again.count == fresh.count && !memcmp(again.value, fresh.value, sizeof fresh.value);
            if (!same) fprintf(stderr, "\n    seed %llu, turn %d: another graph\n", (unsigned long long)seed, turn);
            CU_ASSERT(same);
        }
    heed_graph_free(g);
}

/* --- parameters and memory ------------------------------------------------------------------------------------------------------------ */

/* Three steps of descent on sum (w x - 1)^2; the weight, or NaN if memory was refused. */
static bool descends(void *weight)
{
    bool ok = true;
    heed_params *ps = heed_params_new(1);
    heed_graph *g = heed_graph_new();
    heed_param *w = heed_param_new(ps, "w", HEED_F64, 1, (int64_t[]){N}, HEED_ONES);
    for (int i = 0; i < 3 && ok; i++) {
        heed_graph_reset(g);
        heed_params_zero_grad(ps);
        heed_tensor *miss = heed_add_scalar(g, heed_mul(g, heed_use(g, w), numbers(g, N)), -1);
        ok = !heed_backward(g, heed_sum(g, heed_mul(g, miss, miss), HEED_ALL, false));
        for (int k = 0; k < N && ok; k++) ((double *)heed_param_data(w))[k] -= 0.1 * ((const double *)heed_param_grad(w))[k];
    }
    if (ok) *(double *)weight = ((const double *)heed_param_values(w))[1];
    heed_graph_free(g);
    heed_params_free(ps);
    return ok;
}

static void backward_and_refused_memory(void)
{
    make_data();
    double exact = 1, weight = 0;
    for (int i = 0; i < 3; i++) exact -= 0.2 * data[1] * (exact * data[1] - 1);
    CU_ASSERT(check_refusals(descends, &weight) > 0);
    CU_ASSERT(near(weight, exact));
    check_budget b = {0};
    for (int nth = 0; b.left < 0 || nth == 0; nth++) { /* some can be done without */
        b = (check_budget){.left = nth, .one = true};
        heed_set_allocator(check_refuse, &b);
        if (descends(&weight)) CU_ASSERT(near(weight, exact));
        heed_set_allocator(NULL, NULL);
        CU_ASSERT_EQUAL(b.live, 0);
    }
}

CHECK_MAIN("recall", {"a derivative is asked once", asked_once}, {"what cannot be taken over is asked again", what_cannot_be_taken_over_is_asked_again},
           {"one within another", one_within_another_is_part_of_it}, {"more than are kept", many}, {"nothing of a graph stays", nothing_of_a_graph_stays},
           {"draws are those of the step", draws_are_those_of_the_step}, {"no draw is none", no_draw_is_none},
           {"draws of another seed", draws_of_another_seed}, {"nothing is held of what is not kept", nothing_is_held_of_what_is_not_kept},
           {"random graphs are the same", graphs_are_the_same},
           {"backward, and every allocation refused", backward_and_refused_memory})
