/* Parts, joins, triangles, masks, indices, order: exact values, what is copied, sentences of errors. Gradients:
 * tests/cases_shapes.c. */
#include "autograd/params.h"
#include "check.h"
#include "ops/ops.h"
#include "refusals.h"

#include <math.h>

static heed_graph *g;
static const double count_up[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};

static void begin(void) { g = heed_graph_new(); }
static void end(void)
{
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
    if (heed_graph_error(g)->code) fprintf(stderr, "\n    %s\n", heed_graph_error(g)->message);
    heed_graph_free(g);
}

#define SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define NUMBERS(...) (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (const double[]){__VA_ARGS__}
#define COUNT_UP(...) heed_input(g, HEED_F64, SHAPE(__VA_ARGS__), count_up)
#define IDS(n, ...) ids_of(n, (int32_t[]){__VA_ARGS__})

static int32_t zeros[4];

/* int32 values that stay where they are while a few more are asked for */
static heed_tensor *ids_of(int64_t n, const int32_t *values)
{
    static int32_t room[8][16];
    static unsigned turn;
    int32_t *p = room[turn++ % 8];
    memcpy(p, values, (size_t)n * sizeof *p);
    return heed_input(g, HEED_I32, 1, &n, p);
}

/* t has this shape and these values */
static bool is(heed_tensor *t, int rank, const int64_t *shape, int64_t n, const double *values)
{
    bool same = heed_rank(t) == rank && heed_size(t) == n;
    for (int k = 0; k < rank && same; k++) same = heed_dim(t, k) == shape[k];
    const void *p = heed_data(g, t);
    same = same && p;
    char text[96];
    if (!same)
        fprintf(stderr, "\n    the result is %s; %s\n", heed_shape_text(t, text, sizeof text), heed_graph_error(g)->message);
    for (int64_t i = 0; i < n && same; i++) {
        double v = heed_dtype_of(t) == HEED_F32   ? (double)((const float *)p)[i]
                   : heed_dtype_of(t) == HEED_F64 ? ((const double *)p)[i]
                   : heed_dtype_of(t) == HEED_I32 ? ((const int32_t *)p)[i]
                                                  : ((const uint8_t *)p)[i];
        same = v == values[i] || (isnan(v) && isnan(values[i]));
        if (!same) fprintf(stderr, "\n    element %lld is %g, not %g\n", (long long)i, v, values[i]);
    }
    return same;
}

/* The graph has failed with this sentence; it is reset. */
static bool says(const char *sentence)
{
    bool ok = heed_graph_error(g)->code == HEED_INVALID && check_says(heed_graph_error(g)->message, sentence);
    heed_graph_reset(g);
    return ok;
}

/* --- shapes ----------------------------------------------------------------------------------------------------------------- */

static void axes_of_one(void)
{
    begin();
    heed_tensor *x = COUNT_UP(2, 1, 3);
    CU_ASSERT(is(heed_squeeze(g, x, 1), SHAPE(2, 3), 6, count_up));
    CU_ASSERT(is(heed_squeeze(g, x, -2), SHAPE(2, 3), 6, count_up));
    CU_ASSERT(is(heed_unsqueeze(g, x, -1), SHAPE(2, 1, 3, 1), 6, count_up));
    CU_ASSERT(is(heed_unsqueeze(g, x, 0), SHAPE(1, 2, 1, 3), 6, count_up));
    CU_ASSERT(is(heed_flatten(g, COUNT_UP(2, 3, 2), 1, -1), SHAPE(2, 6), 12, count_up));
    CU_ASSERT(is(heed_flatten(g, COUNT_UP(2, 3, 2), 0, 1), SHAPE(6, 2), 12, count_up));
    CU_ASSERT(is(heed_flatten(g, heed_scalar(g, HEED_F64, 0), 0, -1), SHAPE(1), 1, count_up));
    heed_squeeze(g, COUNT_UP(2, 1, 3), 0);
    CU_ASSERT(says("squeeze: axis 0 of [2,1,3] is not of size 1"));
    heed_squeeze(g, COUNT_UP(2, 1, 3), 3);
    CU_ASSERT(says("squeeze: [2,1,3] has no axis 3"));
    heed_unsqueeze(g, COUNT_UP(2, 3), -4);
    CU_ASSERT(says("unsqueeze: [2,3] cannot get an axis -4 of size 1"));
    heed_flatten(g, COUNT_UP(2, 3), 1, 0);
    CU_ASSERT(says("flatten: axis 1 comes after axis 0"));
    end();
}

/* What is seen through strides: no copy is recorded, so the value lies in the caller's memory. */
static bool lies_in(heed_tensor *t, const double *at) { return heed_data(g, t) == (const void *)at; }

static int64_t work_of(heed_tensor *t)
{
    heed_cost cost = {0};
    heed_graph_explain(g, t, false, &cost, NULL);
    return cost.passes + cost.kernels;
}

static void views(void)
{
    begin();
    heed_tensor *x = COUNT_UP(4, 3, 2);
    CU_ASSERT(lies_in(heed_slice(g, x, 0, 1, 3, 1), count_up + 6));
    CU_ASSERT(lies_in(heed_select(g, heed_select(g, x, 0, 2), 0, 1), count_up + 14));
    /* a reshape of a view copies only where axes that are not next to each other in memory would have to be one */
    heed_tensor *t = heed_transpose(g, x, 0, 1); /* [3,4,2] */
    CU_ASSERT_EQUAL(work_of(heed_unsqueeze(g, t, 1)), 0);
    CU_ASSERT_EQUAL(work_of(heed_reshape(g, t, 4, (int64_t[]){3, 2, 2, 2})), 0);
    CU_ASSERT_EQUAL(work_of(heed_reshape(g, t, 2, (int64_t[]){12, 2})), 1);
    CU_ASSERT_EQUAL(work_of(heed_select(g, t, 1, 3)), 0);
    CU_ASSERT_EQUAL(work_of(heed_flip(g, t, HEED_ALL)), 0);
    heed_tensor *parts[2];
    heed_split(g, t, 1, 2, NULL, parts);
    CU_ASSERT_EQUAL(work_of(parts[1]), 0);
    CU_ASSERT(is(heed_reshape(g, t, 4, (int64_t[]){3, 2, 2, 2}), SHAPE(3, 2, 2, 2),
                 NUMBERS(0, 1, 6, 7, 12, 13, 18, 19, 2, 3, 8, 9, 14, 15, 20, 21, 4, 5, 10, 11, 16, 17, 22, 23)));
    CU_ASSERT(is(heed_reshape(g, t, 2, (int64_t[]){2, 12}), SHAPE(2, 12),
                 NUMBERS(0, 1, 6, 7, 12, 13, 18, 19, 2, 3, 8, 9, 14, 15, 20, 21, 4, 5, 10, 11, 16, 17, 22, 23)));
    CU_ASSERT(is(heed_reshape(g, heed_flip(g, COUNT_UP(2, 2), HEED_ALL), 1, (int64_t[]){4}), SHAPE(4), NUMBERS(3, 2, 1, 0)));
    CU_ASSERT(is(heed_reshape(g, heed_expand(g, COUNT_UP(3, 1), 2, (int64_t[]){3, 4}), 3, (int64_t[]){3, 2, 2}), SHAPE(3, 2, 2),
                 NUMBERS(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2)));
    end();
}

/* --- parts ------------------------------------------------------------------------------------------------------------------ */

static void slices(void)
{
    begin();
    heed_tensor *x = COUNT_UP(2, 5);
    CU_ASSERT(is(heed_slice(g, x, 1, 1, 4, 1), SHAPE(2, 3), NUMBERS(1, 2, 3, 6, 7, 8)));
    CU_ASSERT(is(heed_slice(g, x, -1, 0, HEED_END, 2), SHAPE(2, 3), NUMBERS(0, 2, 4, 5, 7, 9)));
    CU_ASSERT(is(heed_slice(g, x, 1, -2, HEED_END, -1), SHAPE(2, 4), NUMBERS(3, 2, 1, 0, 8, 7, 6, 5)));
    CU_ASSERT(is(heed_slice(g, x, 1, 5, 0, -2), SHAPE(2, 2), NUMBERS(4, 2, 9, 7)));
    CU_ASSERT(is(heed_slice(g, x, 1, 4, 1, 1), SHAPE(2, 0), 0, NULL));
    CU_ASSERT(is(heed_slice_all(g, x, (int64_t[]){1, 3}, (int64_t[]){HEED_END, HEED_END}, (int64_t[]){-1, -2}), SHAPE(2, 2),
                 NUMBERS(8, 6, 3, 1)));
    CU_ASSERT(is(heed_flip(g, x, HEED_AXIS(0)), SHAPE(2, 5), NUMBERS(5, 6, 7, 8, 9, 0, 1, 2, 3, 4)));
    CU_ASSERT(is(heed_flip(g, x, HEED_LAST), SHAPE(2, 5), NUMBERS(4, 3, 2, 1, 0, 9, 8, 7, 6, 5)));
    CU_ASSERT(is(heed_select(g, x, 1, -1), SHAPE(2), NUMBERS(4, 9)));
    heed_tensor *parts[3], *rows[2];
    heed_split(g, x, 1, 3, (int64_t[]){1, 0, 4}, parts);
    CU_ASSERT(is(parts[0], SHAPE(2, 1), NUMBERS(0, 5)) && is(parts[1], SHAPE(2, 0), 0, NULL) &&
              is(parts[2], SHAPE(2, 4), NUMBERS(1, 2, 3, 4, 6, 7, 8, 9)));
    heed_unstack(g, x, 0, rows);
    CU_ASSERT(is(rows[1], SHAPE(5), NUMBERS(5, 6, 7, 8, 9)));
    heed_slice(g, COUNT_UP(2, 5), 1, 1, 6, 1);
    CU_ASSERT(says("slice: 1:6 of axis 1 of [2,5]: start and stop must lie in -5..5"));
    heed_slice(g, COUNT_UP(2, 5), 1, -6, 3, 1);
    CU_ASSERT(says("start and stop must lie in -5..5"));
    heed_slice(g, COUNT_UP(2, 5), 1, 1, 3, 0);
    CU_ASSERT(says("slice: axis 1 of [2,5]: the step is 0"));
    heed_slice(g, COUNT_UP(2, 5), 2, 1, 3, 1);
    CU_ASSERT(says("slice: [2,5] has no axis 2"));
    heed_select(g, COUNT_UP(2, 5), 0, 2);
    CU_ASSERT(says("select: axis 0 of [2,5] has no index 2"));
    heed_flip(g, COUNT_UP(2, 5), HEED_AXIS(2));
    CU_ASSERT(says("flip: axes 0x4 of [2,5]"));
    heed_split(g, COUNT_UP(2, 5), 1, 2, NULL, parts);
    CU_ASSERT(says("split: axis 1 of [2,5] cannot be cut into 2 equal parts of 5 elements"));
    heed_split(g, COUNT_UP(2, 5), 1, 2, (int64_t[]){3, 3}, parts);
    CU_ASSERT(says("split: axis 1 of [2,5] cannot be cut into these 2 parts: their sizes must make up 5"));
    end();
}

/* A hundred steps of a sequence cost one gradient of the sequence, not a hundred. */
static void gradients_of_parts(void)
{
    enum { STEPS = 100, WIDTH = 3 };
    static float numbers[2 * STEPS * WIDTH];
    for (int way = 0; way < 2; way++) { /* 0: all steps make up the sequence; 1: all but the first, in reverse order */
        begin();
        heed_tensor *x = heed_input(g, HEED_F32, SHAPE(2, STEPS, WIDTH), numbers), *sum = NULL, *dx;
        for (int t = way; t < STEPS; t++) {
            heed_tensor *step = heed_scale(g, heed_select(g, x, 1, way ? STEPS - t : t), (double)t);
            sum = sum ? heed_add(g, sum, step) : step;
        }
        heed_grad(g, sum, NULL, 1, &x, &dx);
        heed_cost cost;
        heed_graph_explain(g, dx, false, &cost, NULL);
        CU_ASSERT(cost.bytes <
                  8 * (int64_t)sizeof numbers); /* a hundred scaled steps are written and read once, the whole is written */
        const float *d = heed_data(g, dx);
        bool right = d;
        for (int i = 0; i < 2 * STEPS * WIDTH && right; i++) {
            int t = i / WIDTH % STEPS;
            right = d[i] == (float)(way ? (t ? STEPS - t : 0) : t);
        }
        CU_ASSERT(right);
        end();
    }
}

/* Steps that do not fit the bands of the tasks, forwards and backwards, in parts that overlap: as a tensor, and added to a
 * parameter's gradient. */
enum { ROWS = 5000, WIDTH = 20 };

static heed_tensor *weighed_steps(heed_tensor *x)
{
    heed_tensor *a = heed_slice(g, x, 0, 1, HEED_END, 3), *b = heed_slice(g, x, 0, -1, HEED_END, -7);
    return heed_add(g, heed_sum(g, a, HEED_ALL, false), heed_scale(g, heed_sum(g, b, HEED_ALL, false), 10));
}

static bool steps_weigh(const float *d, int times)
{
    for (int i = 0; i < ROWS * WIDTH; i++)
        if (!d || d[i] != (float)(times * ((i / WIDTH % 3 == 1) + 10 * ((ROWS - 1 - i / WIDTH) % 7 == 0)))) return false;
    return true;
}

static void strided_gradients(void)
{
    heed_params *ps = heed_params_new(1);
    heed_param *p = heed_param_new(ps, "x", HEED_F32, SHAPE(ROWS, WIDTH), HEED_ONES);
    begin();
    heed_tensor *x = heed_input(g, HEED_F32, SHAPE(ROWS, WIDTH), heed_param_data(p)), *dx;
    heed_grad(g, weighed_steps(x), NULL, 1, &x, &dx);
    CU_ASSERT(steps_weigh(heed_data(g, dx), 1));
    for (int times = 1; times <= 2; times++) {
        heed_graph_reset(g);
        heed_backward(g, weighed_steps(heed_use(g, p)));
        CU_ASSERT(steps_weigh(heed_param_grad(p), times));
    }
    end();
    heed_params_free(ps);
}

/* Graphs that differ in a slice's place alone share a plan, and each reads and writes its own place. */
static void places_are_not_planned(void)
{
    begin();
    for (int64_t t = 0; t < 4; t++) {
        heed_graph_reset(g);
        heed_tensor *x = COUNT_UP(4, 2), *dx;
        heed_tensor *y = heed_mul(g, heed_select(g, x, 0, t), heed_select(g, x, 0, t));
        heed_grad(g, y, NULL, 1, &x, &dx);
        double expected[8] = {0};
        for (int64_t i = 2 * t; i < 2 * t + 2; i++) expected[i] = 2 * count_up[i];
        CU_ASSERT(is(dx, SHAPE(4, 2), 8, expected));
    }
    end();
}

/* --- joining ---------------------------------------------------------------------------------------------------------------- */

static void joins(void)
{
    begin();
    heed_tensor *a = COUNT_UP(2, 2), *b = heed_neg(g, COUNT_UP(2, 1)), *parts[] = {a, b};
    CU_ASSERT(is(heed_concat(g, 2, parts, 1), SHAPE(2, 3), NUMBERS(0, 1, 0, 2, 3, -1)));
    CU_ASSERT(is(heed_concat(g, 2, (heed_tensor *[]){heed_transpose(g, a, 0, 1), heed_flip(g, a, HEED_ALL)}, -2), SHAPE(4, 2),
                 NUMBERS(0, 2, 1, 3, 3, 2, 1, 0)));
    CU_ASSERT(is(heed_stack(g, 2, (heed_tensor *[]){a, a}, -1), SHAPE(2, 2, 2), NUMBERS(0, 0, 1, 1, 2, 2, 3, 3)));
    CU_ASSERT(is(heed_stack(g, 2, (heed_tensor *[]){a, a}, 0), SHAPE(2, 2, 2), NUMBERS(0, 1, 2, 3, 0, 1, 2, 3)));
    CU_ASSERT(is(heed_pad(g, a, (int64_t[]){1, 0}, (int64_t[]){0, 2}, -1), SHAPE(3, 4),
                 NUMBERS(-1, -1, -1, -1, 0, 1, -1, -1, 2, 3, -1, -1)));
    CU_ASSERT(is(heed_repeat(g, a, 1, 3), SHAPE(2, 6), NUMBERS(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3)));
    CU_ASSERT(is(heed_repeat(g, a, 0, 2), SHAPE(4, 2), NUMBERS(0, 1, 0, 1, 2, 3, 2, 3)));
    CU_ASSERT(
        is(heed_repeat_whole(g, a, (int64_t[]){2, 2}), SHAPE(4, 4), NUMBERS(0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3)));
    CU_ASSERT(is(heed_repeat_whole(g, a, (int64_t[]){0, 2}), SHAPE(0, 4), 0, NULL));
    heed_concat(g, 2, (heed_tensor *[]){COUNT_UP(2, 2), COUNT_UP(3, 1)}, 1);
    CU_ASSERT(says("concat: operand 1 is [3,1], operand 0 [2,2]: all axes but 1 must agree"));
    heed_concat(g, 2, (heed_tensor *[]){COUNT_UP(2, 2), heed_input(g, HEED_I32, SHAPE(2, 1), zeros)}, 1);
    CU_ASSERT(says("concat: operand 1 is int32, operand 0 float64"));
    heed_concat(g, 1, (heed_tensor *[]){COUNT_UP(2, 2)}, 2);
    CU_ASSERT(says("concat: [2,2] has no axis 2"));
    heed_concat(g, 0, NULL, 0);
    CU_ASSERT(says("concat: needs at least one tensor"));
    heed_stack(g, 2, (heed_tensor *[]){COUNT_UP(2, 2), COUNT_UP(2, 1)}, 0);
    CU_ASSERT(says("all axes but 0 must agree"));
    heed_stack(g, 0, NULL, 0);
    CU_ASSERT(says("stack: needs at least one tensor"));
    heed_pad(g, COUNT_UP(2, 2), (int64_t[]){0, -1}, (int64_t[]){0, 0}, 0);
    CU_ASSERT(says("pad: axis 1 of [2,2] cannot get -1 elements before and 0 after"));
    heed_pad(g, COUNT_UP(2, 2), (int64_t[]){0, INT64_MAX}, (int64_t[]){0, 0}, 0);
    CU_ASSERT(says("pad: axis 1 of [2,2] cannot get"));
    heed_pad(g, heed_input(g, HEED_U8, SHAPE(2), zeros), (int64_t[]){1}, (int64_t[]){0}, -1);
    CU_ASSERT(says("pad: -1 is no uint8"));
    heed_repeat(g, COUNT_UP(2, 2), 1, -1);
    CU_ASSERT(says("repeat: axis 1 of [2,2] cannot be repeated -1 times"));
    end();
}

static bool stack_works(void *unused)
{
    (void)unused;
    g = heed_graph_new();
    heed_tensor *y = heed_stack(g, 2, (heed_tensor *[]){COUNT_UP(2), COUNT_UP(2)}, 0), *x = COUNT_UP(3, 2), *dx, *rows[3];
    heed_unstack(g, x, 0, rows);
    heed_grad(g, heed_mul(g, rows[0], heed_mul(g, rows[1], rows[1])), NULL, 1, &x, &dx);
    const double *a = heed_data(g, y), *b = heed_data(g, dx);
    bool worked = a && b && a[3] == 1 && b[1] == 9 && b[3] == 6 && b[5] == 0;
    heed_graph_free(g);
    return worked;
}

static void refusals(void) { CU_ASSERT(check_refusals(stack_works, NULL) > 0); }

/* --- triangles and masks ---------------------------------------------------------------------------------------------------- */

static void masks(void)
{
    static const uint8_t mask[] = {0, 1, 0, 2, 0, 0};
    begin();
    heed_tensor *x = heed_add_scalar(g, COUNT_UP(2, 2, 3), 1), *m = heed_input(g, HEED_U8, SHAPE(2, 3), mask);
    CU_ASSERT(is(heed_tril(g, x, 0), SHAPE(2, 2, 3), NUMBERS(1, 0, 0, 4, 5, 0, 7, 0, 0, 10, 11, 0)));
    CU_ASSERT(is(heed_tril(g, x, 1), SHAPE(2, 2, 3), NUMBERS(1, 2, 0, 4, 5, 6, 7, 8, 0, 10, 11, 12)));
    CU_ASSERT(is(heed_triu(g, x, 1), SHAPE(2, 2, 3), NUMBERS(0, 2, 3, 0, 0, 6, 0, 8, 9, 0, 0, 12)));
    CU_ASSERT(is(heed_triu(g, x, -1), SHAPE(2, 2, 3), NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)));
    CU_ASSERT(is(heed_masked_fill(g, x, m, -INFINITY), SHAPE(2, 2, 3),
                 NUMBERS(1, -INFINITY, 3, -INFINITY, 5, 6, 7, -INFINITY, 9, -INFINITY, 11, 12)));
    CU_ASSERT(is(heed_masked_fill(g, heed_scalar(g, HEED_F32, 3), m, 0), SHAPE(2, 3), NUMBERS(3, 0, 3, 0, 3, 3)));
    CU_ASSERT(is(heed_one_hot(g, IDS(3, 1, 3, -1), 3, HEED_F32), SHAPE(3, 3), NUMBERS(0, 1, 0, 0, 0, 0, 0, 0, 0)));
    CU_ASSERT(is(heed_arange(g, HEED_I32, 4, 5, -2), SHAPE(4), NUMBERS(5, 3, 1, -1)));
    CU_ASSERT(is(heed_arange(g, HEED_F32, 3, 0.5, 0.25), SHAPE(3), NUMBERS(0.5, 0.75, 1)));
    heed_tril(g, COUNT_UP(3), 0);
    CU_ASSERT(says("tril: [3] is not a matrix"));
    heed_masked_fill(g, COUNT_UP(2, 3), COUNT_UP(2, 3), 0);
    CU_ASSERT(says("where: the mask is float64"));
    heed_masked_fill(g, COUNT_UP(2, 3), heed_input(g, HEED_U8, SHAPE(2), mask), 0);
    CU_ASSERT(says("where: shapes do not broadcast: [2] and [2,3]"));
    heed_masked_fill(g, IDS(2, 1, 2), heed_input(g, HEED_U8, SHAPE(2), mask), -INFINITY);
    CU_ASSERT(says("masked_fill: -inf is no int32"));
    heed_one_hot(g, COUNT_UP(2), 3, HEED_F32);
    CU_ASSERT(says("one_hot: ids are float64, they must be int32"));
    heed_one_hot(g, IDS(1, 1), -1, HEED_F32);
    CU_ASSERT(says("one_hot: -1 classes cannot be"));
    heed_arange(g, HEED_F32, -1, 0, 1);
    CU_ASSERT(says("arange: -1 numbers cannot be"));
    heed_arange(g, HEED_U8, 9, 250, 1);
    CU_ASSERT(says("arange: 250 to 258 does not fit uint8"));
    end();
}

/* --- by index --------------------------------------------------------------------------------------------------------------- */

static void indices(void)
{
    begin();
    heed_tensor *x = COUNT_UP(3, 2), *pairs = heed_reshape(g, IDS(4, 0, 1, 1, 0), 2, (int64_t[]){2, 2});
    CU_ASSERT(is(heed_embedding(g, x, pairs), SHAPE(2, 2, 2), NUMBERS(0, 1, 2, 3, 2, 3, 0, 1)));
    CU_ASSERT(is(heed_take(g, x, -1, IDS(3, 1, 0, 1)), SHAPE(3, 3), NUMBERS(1, 0, 1, 3, 2, 3, 5, 4, 5)));
    CU_ASSERT(
        is(heed_take(g, x, 0, heed_squeeze(g, IDS(1, 2), 0)), SHAPE(2), NUMBERS(4, 5))); /* an id of rank 0 takes the axis away */
    CU_ASSERT(is(heed_gather(g, x, 0, pairs), SHAPE(2, 2), NUMBERS(0, 3, 2, 1)));
    CU_ASSERT(is(heed_gather(g, COUNT_UP(2, 3), 1, pairs), SHAPE(2, 2), NUMBERS(0, 1, 4, 3)));
    CU_ASSERT(is(heed_scatter_add(g, COUNT_UP(2, 2), 1, heed_reshape(g, IDS(4, 2, 2, 0, 1), 2, (int64_t[]){2, 2}), 3),
                 SHAPE(2, 3), NUMBERS(0, 0, 1, 2, 3, 0)));
    /* out of range: told when known, NaN when computed, 0 in integers; nothing is added for them */
    heed_tensor *late = heed_concat(g, 2,
                                    (heed_tensor *[]){heed_arange(g, HEED_I32, 2, 1, 6), heed_arange(g, HEED_I32, 1, -4, 0)}, 0),
                *dx; /* 1, 7, -4 */
    heed_tensor *y = heed_embedding(g, x, late);
    heed_grad(g, y, NULL, 1, &x, &dx);
    CU_ASSERT(is(y, SHAPE(3, 2), NUMBERS(2, 3, NAN, NAN, NAN, NAN)));
    CU_ASSERT(is(dx, SHAPE(3, 2), NUMBERS(0, 0, 1, 1, 0, 0)));
    late = heed_reshape(g, heed_arange(g, HEED_I32, 2, 1, 6), 2, (int64_t[]){1, 2});
    CU_ASSERT(is(heed_gather(g, x, 0, late), SHAPE(1, 2), NUMBERS(2, NAN)));
    CU_ASSERT(is(heed_scatter_add(g, COUNT_UP(1, 2), 1, late, 2), SHAPE(1, 2), NUMBERS(0, 0)));
    CU_ASSERT(is(heed_take(g, IDS(3, 7, 8, 9), 0, heed_arange(g, HEED_I32, 2, 2, 1)), SHAPE(2), NUMBERS(9, 0)));
    heed_embedding(g, COUNT_UP(3, 2), IDS(3, 0, 2, 3));
    CU_ASSERT(says("embedding: id 3 at place 2 of [3] is not in 0..2"));
    heed_take(g, COUNT_UP(3, 2), 1, IDS(3, 0, -1, 0));
    CU_ASSERT(says("take: id -1 at place 1 of [3] is not in 0..1"));
    heed_gather(g, COUNT_UP(3), 0, IDS(2, 0, 3));
    CU_ASSERT(says("gather: id 3 at place 1 of [2] is not in 0..2"));
    heed_scatter_add(g, COUNT_UP(2), 0, IDS(2, 0, 3), 3);
    CU_ASSERT(says("scatter_add: id 3 at place 1 of [2] is not in 0..2"));
    heed_embedding(g, COUNT_UP(3), IDS(1, 0));
    CU_ASSERT(says("embedding: the table is [3], it must be [vocabulary, size]"));
    heed_embedding(g, COUNT_UP(3, 2), COUNT_UP(1));
    CU_ASSERT(says("take: ids are float64, they must be int32"));
    heed_gather(g, COUNT_UP(3, 2), 0, heed_input(g, HEED_I32, SHAPE(2, 1), zeros));
    CU_ASSERT(says("gather: [3,2] by ids [2,1]: all axes but 0 must agree"));
    heed_scatter_add(g, COUNT_UP(3, 2), 0, heed_input(g, HEED_I32, SHAPE(2, 2), zeros), 4);
    CU_ASSERT(says("scatter_add: [3,2] by ids [2,2]: they must agree"));
    heed_scatter_add(g, IDS(2, 1, 2), 0, IDS(2, 0, 0), 1);
    CU_ASSERT(says("scatter_add: operand 0 is int32, not a float"));
    heed_scatter_add(g, COUNT_UP(2), 0, IDS(2, 0, 0), -1);
    CU_ASSERT(says("scatter_add: an axis of size -1 cannot be"));
    heed_take(g, COUNT_UP(1, 1, 1, 1, 1), 0, heed_input(g, HEED_I32, SHAPE(1, 1, 1, 1, 1), zeros));
    CU_ASSERT(says("take: the result would have 9 axes, at most 8 are possible"));
    end();
}

/* Gradients of parts and rows of a parameter are added where they belong, over several calls. */
static void into_parameters(void)
{
    heed_params *ps = heed_params_new(1);
    heed_param *p = heed_param_new(ps, "table", HEED_F64, 2, (int64_t[]){4, 2}, HEED_ONES);
    begin();
    for (int turn = 1; turn <= 2; turn++) {
        heed_graph_reset(g);
        heed_tensor *table = heed_use(g, p);
        heed_tensor *a = heed_sum(g, heed_embedding(g, table, IDS(3, 1, 3, 1)), HEED_ALL, false);
        heed_tensor *b = heed_scale(g, heed_sum(g, heed_slice(g, table, 0, 3, 0, -2), HEED_ALL, false), 10); /* rows 3 and 1 */
        heed_tensor *c = heed_scale(
            g, heed_sum(g, heed_gather(g, table, 1, heed_reshape(g, IDS(4, 0, 0, 0, 1), 2, (int64_t[]){4, 1})), HEED_ALL, false),
            100);
        CU_ASSERT_EQUAL(heed_backward(g, heed_add(g, a, heed_add(g, b, c))), HEED_OK);
        const double *d = heed_param_grad(p), expected[] = {100, 0, 112, 12, 100, 0, 11, 111};
        for (int i = 0; i < 8; i++) CU_ASSERT_EQUAL(d[i], turn * expected[i]);
    }
    end();
    heed_params_free(ps);
}

/* --- order ------------------------------------------------------------------------------------------------------------------ */

static void order(void)
{
    static const double mixed[] = {3, NAN, -1, 3, 0, -0.0, INFINITY, -INFINITY};
    begin();
    heed_tensor *x = heed_input(g, HEED_F64, SHAPE(8), mixed), *ids;
    CU_ASSERT(is(heed_argsort(g, x, 0, false), SHAPE(8), NUMBERS(7, 2, 4, 5, 0, 3, 6, 1)));
    CU_ASSERT(is(heed_argsort(g, x, 0, true), SHAPE(8), NUMBERS(1, 6, 0, 3, 4, 5, 2, 7)));
    CU_ASSERT(is(heed_topk(g, x, -1, 4, &ids), SHAPE(4), NUMBERS(NAN, INFINITY, 3, 3)) && is(ids, SHAPE(4), NUMBERS(1, 6, 0, 3)));
    CU_ASSERT(is(heed_sort(g, heed_input(g, HEED_F64, SHAPE(4, 2), mixed), 0, true, &ids), SHAPE(4, 2),
                 NUMBERS(INFINITY, NAN, 3, 3, 0, -0.0, -1, -INFINITY)));
    CU_ASSERT(is(ids, SHAPE(4, 2), NUMBERS(3, 0, 0, 1, 2, 2, 1, 3)));
    CU_ASSERT(is(heed_topk(g, IDS(6, 5, 9, -3, 9, 5, 9), 0, 4, &ids), SHAPE(4), NUMBERS(9, 9, 9, 5)) &&
              is(ids, SHAPE(4), NUMBERS(1, 3, 5, 0)));
    /* the k best of many against a full sort */
    static float many[3][1000];
    for (int i = 0; i < 3000; i++) many[i / 1000][i % 1000] = (float)(i * 7919 % 613);
    heed_tensor *m = heed_input(g, HEED_F32, SHAPE(3, 1000), many);
    for (int64_t k = 1; k <= 1000; k += 333) {
        heed_tensor *few;
        heed_topk(g, m, 1, k, &few);
        heed_tensor *all = heed_argsort(g, m, 1, true);
        const int32_t *a = heed_data(g, few), *b = heed_data(g, all);
        for (int64_t i = 0; i < 3 * k; i++) CU_ASSERT_EQUAL(a[i], b[i / k * 1000 + i % k]);
    }
    heed_topk(g, COUNT_UP(2, 5), 1, 6, NULL);
    CU_ASSERT(says("topk: axis 1 of [2,5] has no 6 elements"));
    heed_sort(g, COUNT_UP(2, 5), 2, false, NULL);
    CU_ASSERT(says("sort: [2,5] has no axis 2"));
    heed_argsort(g, heed_scalar(g, HEED_F64, 1), 0, false);
    CU_ASSERT(says("argsort: [] has no axis 0"));
    end();
}

CHECK_MAIN("shapes", {"axes of size one", axes_of_one}, {"views", views}, {"slices", slices},
           {"gradients of parts", gradients_of_parts}, {"strided gradients", strided_gradients},
           {"places are not planned", places_are_not_planned}, {"joins", joins}, {"refused memory", refusals},
           {"triangles and masks", masks}, {"indices", indices}, {"into parameters", into_parameters}, {"order", order})
