/* Recording and asking: nothing is computed before it is asked for, what was not kept is computed again, names and patterns find tensors,
 * explain and dot look without running, eager and anomaly mode. */
#include "autograd/params.h"
#include "check.h"
#include "own_ops.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static heed_graph *g;
static void begin(void) { g = heed_graph_new(); }
static void end(void)
{
    CU_ASSERT_STRING_EQUAL(heed_graph_error(g)->message, "");
    heed_graph_free(g);
}

/* --- an op that counts its executions -------------------------------------------------------------------------------------------------- */

static int executions;
static bool counted_shape(heed_shaping *s) { return heed_shape_like(s, s->x[0]); }
static void counted_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase, (void)task, (void)scratch;
    executions++;
    for (int64_t i = 0; i < c->y.size; i++) ((double *)c->y.p)[i] = ((const double *)c->x[0].p)[i] + 1;
}
static void counted_vjp(heed_graph *graph, const heed_vjp *v)
{
    (void)graph;
    v->dx[0] = v->dy;
}
static const heed_op counted_op = {.name = "counted", .kind = HEED_KERNEL, .operands = 1, .shape = counted_shape, .vjp = counted_vjp, .run = counted_run};
static heed_tensor *counted(heed_tensor *x) { return heed_apply(g, &counted_op, 1, &x, NULL); }

static const double numbers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static heed_tensor *matrix(void) { return heed_input(g, HEED_F64, 2, (int64_t[]){3, 4}, numbers); }

static void recording_computes_nothing(void)
{
    begin();
    executions = 0;
    heed_tensor *a = counted(matrix()), *b = counted(a), *unused = counted(b), *sum = heed_sum(g, b, HEED_ALL, false), *dx;
    heed_grad(g, sum, NULL, 1, &a, &dx);
    CU_ASSERT_EQUAL(executions, 0);
    CU_ASSERT(heed_rank(unused) == 2 && heed_dim(unused, -1) == 4 && heed_dim(unused, 0) == 3 && heed_size(unused) == 12 && heed_dim(unused, 2) == 0);
    CU_ASSERT_EQUAL(heed_item(g, sum), 78 + 24);
    CU_ASSERT_EQUAL(executions, 2); /* not the unused one */
    CU_ASSERT_EQUAL(heed_item(g, sum), 78 + 24);
    CU_ASSERT_EQUAL(executions, 2); /* the target was stored */
    CU_ASSERT_EQUAL(((const double *)heed_data(g, a))[11], 13); /* a was not: computed again */
    CU_ASSERT_EQUAL(executions, 3);
    CU_ASSERT_EQUAL(((const double *)heed_data(g, b))[0], 3); /* from the stored a */
    CU_ASSERT_EQUAL(executions, 4);
    CU_ASSERT_EQUAL(heed_run(g, 0, NULL), HEED_OK);
    CU_ASSERT_EQUAL(heed_run(g, 3, (heed_tensor *[]){a, b, sum}), HEED_OK);
    CU_ASSERT_EQUAL(executions, 4);
    CU_ASSERT_EQUAL(((const double *)heed_data(g, dx))[0], 1);
    end();
}

static void values_stay_until_reset(void)
{
    begin();
    heed_tensor *x = matrix(), *y = heed_scale(g, x, 2);
    const double *p = heed_data(g, y);
    for (int i = 0; i < 50; i++) y = heed_add(g, y, heed_full(g, HEED_F64, 2, (int64_t[]){3, 4}, 1)), heed_data(g, y);
    for (int i = 0; i < 12; i++) CU_ASSERT_EQUAL(p[i], 2 * numbers[i]);
    heed_tensor *t = heed_transpose(g, x, 0, 1);
    const double *q = heed_data(g, t);
    CU_ASSERT(q[1] == 5 && q[3] == 2 && q == heed_data(g, t)); /* row-major, and copied once */
    CU_ASSERT_PTR_EQUAL(heed_data(g, x), numbers);
    CU_ASSERT_PTR_EQUAL(heed_data(g, heed_reshape(g, x, 1, (int64_t[]){12})), numbers);
    CU_ASSERT_EQUAL(*(const double *)heed_data(g, own_part(g, x, 0, 2, 1, 1)), 9);
    end();
}

static void items_of_every_dtype(void)
{
    begin();
    CU_ASSERT_EQUAL(heed_item(g, heed_scalar(g, HEED_F32, 0.5)), 0.5);
    CU_ASSERT_EQUAL(heed_item(g, heed_scalar(g, HEED_F64, -1e300)), -1e300);
    CU_ASSERT_EQUAL(heed_item(g, heed_scalar(g, HEED_I32, -7)), -7);
    CU_ASSERT_EQUAL(heed_item(g, heed_scalar(g, HEED_U8, 3)), 1);
    CU_ASSERT_EQUAL(heed_item(g, heed_expand(g, heed_scalar(g, HEED_F32, 2), 3, (int64_t[]){1, 1, 1})), 2);
    CU_ASSERT_EQUAL(heed_item(g, heed_full(g, HEED_I32, 1, (int64_t[]){1}, 9)), 9);
    CU_ASSERT_EQUAL(heed_item(g, heed_sum(g, heed_input(g, HEED_F32, 2, (int64_t[]){0, 5}, NULL), HEED_ALL, false)), 0);
    CU_ASSERT_PTR_NOT_NULL(heed_data(g, heed_neg(g, heed_input(g, HEED_F64, 1, (int64_t[]){0}, NULL))));
    end();
}

static void kept_values(void)
{
    begin();
    executions = 0;
    heed_tensor *a = heed_keep(g, counted(matrix())), *sum = heed_sum(g, heed_mul(g, a, a), HEED_ALL, false);
    heed_item(g, sum);
    CU_ASSERT_EQUAL(executions, 1);
    CU_ASSERT_EQUAL(((const double *)heed_data(g, a))[3], 5);
    CU_ASSERT_EQUAL(executions, 1);
    end();
}

/* A plan is for what is stored already, and for strides: graphs that look alike but for these are planned anew. */
static void plans_are_not_confused(void)
{
    begin();
    for (int turn = 0; turn < 4; turn++) {
        heed_tensor *a = counted(matrix()), *b = counted(a);
        if (turn % 2 == 0) heed_data(g, a);
        CU_ASSERT_EQUAL(((const double *)heed_data(g, b))[5], 8);
        heed_graph_reset(g);
    }
    for (int turn = 0; turn < 4; turn++) {
        bool back = turn % 2;
        heed_tensor *y = heed_neg(g, own_part(g, matrix(), 1, back ? 3 : 0, back ? -2 : 2, 2));
        CU_ASSERT_EQUAL(((const double *)heed_data(g, y))[3], back ? -6 : -7);
        heed_graph_reset(g);
    }
    end();
}

/* The last view of a tensor is made once; another one is another, and the last one again when it comes back. */
static void views_are_made_once(void)
{
    begin();
    heed_tensor *x = matrix(), *flat = heed_reshape(g, x, 1, (int64_t[]){12}), *turned, *tall;
    CU_ASSERT_PTR_EQUAL(heed_reshape(g, x, 1, (int64_t[]){-1}), flat);
    turned = heed_transpose(g, x, 0, 1);
    CU_ASSERT_PTR_EQUAL(heed_permute(g, x, (int[]){1, 0}), turned);
    tall = heed_reshape(g, x, 2, (int64_t[]){6, 2});
    CU_ASSERT(tall != turned && heed_dim(tall, 0) == 6);
    CU_ASSERT(heed_expand(g, x, 3, (int64_t[]){2, heed_dim(x, 0), heed_dim(x, 1)}) != heed_expand(g, x, 3, (int64_t[]){3, heed_dim(x, 0), heed_dim(x, 1)}));
    /* as a matrix of one row it is the same both ways, and yet not the same for its derivative */
    heed_tensor *row = heed_reshape(g, x, 3, (int64_t[]){1, 1, 12}), *a = heed_permute(g, row, (int[]){1, 0, 2}), *b = heed_permute(g, row, (int[]){0, 1, 2});
    CU_ASSERT(a != b);
    end();
}

/* An op without a shape rule, as views by heed_view are, is refused where it is applied. */
static void no_shape_rule(void)
{
    static const heed_op bare = {.name = "bare", .kind = HEED_VIEW, .operands = 1};
    begin();
    heed_tensor *x = matrix();
    heed_apply(g, &bare, 1, &x, NULL);
    CU_ASSERT(check_says(heed_graph_error(g)->message, "bare: refused its operands"));
    heed_graph_free(g);
}

/* --- names ------------------------------------------------------------------------------------------------------------------------------- */

static heed_tensor *two_layers(void)
{
    heed_tensor *x = matrix();
    heed_scope(g, "enc");
    for (int i = 0; i < 2; i++) {
        heed_scope(g, "%d", i);
        heed_scope(g, "self");
        x = heed_name(g, counted(x), "weights");
        heed_scope_end(g);
        x = heed_name(g, heed_scale(g, x, 2), "out");
        heed_scope_end(g);
    }
    heed_scope_end(g);
    return heed_sum(g, x, HEED_ALL, false);
}

static void names_and_patterns(void)
{
    begin();
    heed_keep_named(g, "enc.*.self.weights");
    for (int turn = 0; turn < 3; turn++) {
        heed_tensor *y = two_layers();
        CU_ASSERT_PTR_NULL(heed_find(g, "weights"));
        CU_ASSERT_PTR_NULL(heed_find(g, "enc.2.self.weights"));
        heed_tensor *w = heed_find(g, "enc.1.self.weights"), *out = heed_find(g, "enc.1.out");
        CU_ASSERT_PTR_NOT_NULL_FATAL(w);
        executions = 0;
        CU_ASSERT_EQUAL(heed_item(g, y), 2 * (2 * (78 + 12) + 12));
        CU_ASSERT_EQUAL(executions, 2);
        const double *p = heed_data(g, w);
        CU_ASSERT_EQUAL(p[0], 2 * (1 + 1) + 1);
        CU_ASSERT_EQUAL(executions, turn < 2 ? 2 : 4); /* kept at first, later computed again */
        CU_ASSERT_EQUAL(((const double *)heed_data(g, out))[0], 10);
        heed_graph_reset(g);
        CU_ASSERT_PTR_NULL(heed_find(g, "enc.1.out"));
        if (turn == 1) heed_keep_clear(g);
    }
    heed_tensor *y = two_layers(); /* a pattern that comes after the names */
    heed_keep_named(g, "*.0.self.*");
    CU_ASSERT(!heed_wanted(g, "weights"));
    heed_scope(g, "dec.0.self");
    CU_ASSERT(heed_wanted(g, "weights"));
    heed_scope_end(g);
    executions = 0;
    heed_item(g, y);
    heed_data(g, heed_find(g, "enc.0.self.weights"));
    CU_ASSERT_EQUAL(executions, 2);
    heed_scope_end(g); /* more ends than begins do no harm */
    heed_name(g, y, "y");
    CU_ASSERT_PTR_EQUAL(heed_find(g, "y"), y);
    end();
}

/* Scopes are printed as printf does, up to 127 characters. */
static void printed_scopes(void)
{
    begin();
    char wide[200];
    heed_tensor *y = heed_scalar(g, HEED_F32, 1);
    for (int n = 100; n <= 130; n++) {
        memset(wide, 'w', sizeof wide);
        wide[n] = 0;
        heed_graph_reset(g);
        y = heed_scalar(g, HEED_F32, 1);
        heed_scope(g, "%s", wide);
        CU_ASSERT_EQUAL(heed_graph_error(g)->code, n < 128 ? HEED_OK : HEED_INVALID);
        if (n >= 128) continue;
        heed_name(g, y, "y");
        CU_ASSERT_PTR_EQUAL(heed_find(g, strcat(wide, ".y")), y);
    }
    heed_graph_reset(g);
    y = heed_scalar(g, HEED_F32, 1);
    heed_scope(g, "%s.%d.%d", "a", INT_MIN, 0);
    heed_scope(g, "%03d%%%c%zu", 7, 'b', (size_t)9);
    heed_name(g, y, "y");
    CU_ASSERT_PTR_EQUAL(heed_find(g, "a.-2147483648.0.007%b9.y"), y);
    end();
}

static void patterns_match(void)
{
    CU_ASSERT(heed_name_matches("a", "a") && heed_name_matches("*", "") && heed_name_matches("*", "a.b") && heed_name_matches("a*c*", "abcbc"));
    CU_ASSERT(heed_name_matches("enc.*.w", "enc.0.self.w") && heed_name_matches("**a", "banana") && heed_name_matches("", ""));
    CU_ASSERT(!heed_name_matches("a", "ab") && !heed_name_matches("a*b", "a") && !heed_name_matches("enc.*.w", "enc.w") && !heed_name_matches("", "a"));
}

/* --- looking at it ------------------------------------------------------------------------------------------------------------------------ */

static char *written(void (*write)(FILE *))
{
    static char text[20000];
    FILE *f = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    write(f);
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

static heed_tensor *shown;
static heed_cost shown_cost;
static void write_table(FILE *f) { CU_ASSERT_EQUAL(heed_graph_explain(g, shown, true, &shown_cost, f), HEED_OK); }
static void write_picture(FILE *f) { CU_ASSERT_EQUAL(heed_graph_dot(g, f), HEED_OK); }

static void explain_and_dot(void)
{
    begin();
    heed_params *ps = heed_params_new(1);
    heed_param *w = heed_param_new(ps, "dec.\"w\"", HEED_F64, 2, (int64_t[]){4, 5}, HEED_ONES);
    executions = 0;
    heed_tensor *x = matrix();
    heed_scope(g, "dec \"one\"\\");
    heed_scope(g, "inner");
    heed_tensor *h = heed_matmul(g, counted(x), heed_use(g, w));
    heed_scope_end(g);
    heed_scope_end(g);
    for (int i = 0; i < 10; i++) h = own_map(g, &own_tanh, h);
    shown = heed_sum(g, h, HEED_ALL, false);
    heed_cost c;
    CU_ASSERT_EQUAL(heed_graph_explain(g, h, false, &c, NULL), HEED_OK);
    CU_ASSERT(c.nodes == 12 && c.kernels == 2 && c.passes + c.kernels < 4 && c.depth == c.passes + c.kernels);
    CU_ASSERT_EQUAL(c.flops, 12 + 2 * 3 * 4 * 5 + 10 * 15); /* 2 m n k of the product */
    const char *table = written(write_table);
    CU_ASSERT(check_says(table, "dec \"one\"\\.inner"));
    CU_ASSERT(check_says(table, "FLOPs"));
    CU_ASSERT(shown_cost.nodes > c.nodes && shown_cost.flops >= 2 * c.flops && shown_cost.depth > c.depth);
    const char *picture = written(write_picture);
    int braces = 0, quotes = 0;
    for (const char *p = picture; *p; p++) {
        if (*p == '\\' && p[1]) p++;
        else if (*p == '"') quotes++;
        else if (quotes % 2 == 0) braces += *p == '{' ? 1 : *p == '}' ? -1 : 0;
    }
    CU_ASSERT(braces == 0 && quotes % 2 == 0);
    CU_ASSERT(check_says(picture, "subgraph cluster_2") && check_says(picture, "dec.\\\"w\\\"") && check_says(picture, "n1 -> "));
    CU_ASSERT_EQUAL(executions, 0); /* only looked at */
    CU_ASSERT_EQUAL(heed_backward(g, shown), HEED_OK);
    CU_ASSERT_EQUAL(executions, 1);
    CU_ASSERT(heed_graph_explain(g, shown, false, &c, NULL) == HEED_OK && c.nodes == 0); /* stored already */
    heed_params_free(ps);
    end();
}

/* --- eager and anomaly mode ---------------------------------------------------------------------------------------------------------------- */

static void eager_mode(void)
{
    for (int how = 0; how < 2; how++) {
        if (how) setenv("HEED_EAGER", "1", 1);
        begin();
        unsetenv("HEED_EAGER");
        if (!how) heed_graph_eager(g, true);
        executions = 0;
        heed_tensor *a = counted(matrix()), *y = heed_sum(g, heed_mul(g, a, a), HEED_ALL, false), *dx;
        CU_ASSERT_EQUAL(executions, 1);
        heed_grad(g, y, NULL, 1, &a, &dx);
        CU_ASSERT_EQUAL(heed_item(g, y), 818);
        CU_ASSERT_EQUAL(((const double *)heed_data(g, dx))[2], 8);
        heed_graph_reset(g);
        heed_graph_eager(g, false);
        counted(matrix());
        CU_ASSERT_EQUAL(executions, 1);
        end();
    }
    setenv("HEED_EAGER", "0", 1);
    begin();
    unsetenv("HEED_EAGER");
    counted(matrix());
    CU_ASSERT_EQUAL(executions, 1);
    end();
}

static void anomaly_mode(void)
{
    begin();
    heed_params *ps = heed_params_new(1);
    heed_param *p = heed_param_new(ps, "p", HEED_F64, 2, (int64_t[]){3, 4}, HEED_ZEROS);
    heed_graph_anomaly(g, true);
    static const double mask[] = {0, -INFINITY, 0, 0};
    heed_tensor *m = heed_input(g, HEED_F64, 1, (int64_t[]){4}, mask);
    heed_tensor *y = own_softmax(g, heed_add(g, matrix(), m)); /* an infinity that came in is no anomaly */
    CU_ASSERT_EQUAL(((const double *)heed_data(g, y))[1], 0);
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
    heed_scope(g, "dec");
    heed_scope(g, "ffn");
    heed_tensor *x = heed_use(g, p), *bad = heed_div(g, x, heed_add_scalar(g, x, 0));
    CU_ASSERT(isnan(heed_item(g, heed_sum(g, bad, HEED_ALL, false))));
    CU_ASSERT(check_says(heed_graph_error(g)->message, "dec.ffn: div: the result [3,4] is the first with a NaN; operands: leaf [3,4], add [3,4]"));
    heed_graph_reset(g);
    heed_div(g, heed_scalar(g, HEED_F32, 1), heed_scalar(g, HEED_F32, 0));
    CU_ASSERT(check_says(heed_graph_error(g)->message, "div: the result [] is the first with an infinity"));
    /* found on the way back: no gradient is left half done */
    heed_graph_reset(g);
    heed_graph_anomaly(g, false);
    CU_ASSERT_EQUAL(heed_backward(g, heed_sum(g, heed_use(g, p), HEED_ALL, false)), HEED_OK);
    heed_graph_reset(g);
    heed_graph_anomaly(g, true);
    x = heed_use(g, p);
    heed_scope(g, "root");
    y = heed_mul(g, heed_scalar(g, HEED_F64, 1e200), heed_add(g, x, heed_scalar(g, HEED_F64, 1e-300)));
    heed_scope_end(g);
    y = heed_mul(g, heed_scalar(g, HEED_F64, 1e200), y);
    CU_ASSERT_EQUAL(heed_backward(g, heed_sum(g, y, HEED_ALL, false)), HEED_INVALID);
    CU_ASSERT(check_says(heed_graph_error(g)->message, "root: mul: the result"));
    CU_ASSERT(heed_param_grad_is_zero(p));
    heed_params_free(ps);
    heed_graph_free(g);
}

CHECK_MAIN("graph", {"recording computes nothing", recording_computes_nothing}, {"views are made once", views_are_made_once},
           {"no shape rule", no_shape_rule}, {"values stay until reset", values_stay_until_reset},
           {"items of every dtype", items_of_every_dtype}, {"kept values", kept_values}, {"plans are not confused", plans_are_not_confused}, {"names and patterns", names_and_patterns},
           {"printed scopes", printed_scopes}, {"patterns match", patterns_match}, {"explain and dot", explain_and_dot}, {"eager mode", eager_mode}, {"anomaly mode", anomaly_mode})
