/* Profiles: steps, scopes, calls and FLOPs are those of the plan; spans nest; tables and traces say it; nothing without one. */
#include "check.h"
#include "heed.h"
#include "refusals.h"

#include <jansson.h>
#include <math.h>

enum { ROWS = 5, IN = 7, OUT = 3 };
static const float numbers[IN * OUT + ROWS * IN] = {1, 2, -3, 4, 0.5f, 6, 7};

static heed_params *parameters(void)
{
    heed_params *ps = heed_params_new(1);
    heed_param_new(ps, "w", HEED_F32, 2, (int64_t[]){IN, OUT}, HEED_ONES);
    return ps;
}

/* mean of relu(x w)^2 in scope "up", and its gradient */
static heed_tensor *record(heed_graph *g, heed_params *ps)
{
    heed_graph_reset(g);
    heed_tensor *x = heed_input(g, HEED_F32, 2, (int64_t[]){ROWS, IN}, numbers);
    heed_scope(g, "enc");
    heed_scope(g, "3");
    heed_scope(g, "up");
    heed_tensor *y = heed_relu(g, heed_matmul(g, x, heed_use(g, heed_params_at(ps, 0))));
    heed_scope_end(g);
    heed_scope_end(g);
    heed_scope_end(g);
    return heed_mean(g, heed_square(g, y), HEED_ALL, false);
}

static const heed_profile_step *find(const heed_profile *p, const char *kernel, const char *scope, bool backward)
{
    size_t n;
    const heed_profile_step *s = heed_profile_steps(p, &n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(s[i].kernel, kernel) && !strcmp(s[i].scope, scope) && s[i].backward == backward) return &s[i];
    return NULL;
}

static const heed_profile_span *span(const heed_profile *p, const char *name)
{
    size_t n;
    const heed_profile_span *s = heed_profile_spans(p, &n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(s[i].name, name)) return &s[i];
    return NULL;
}

static void steps_are_those_of_the_plan(void)
{
    heed_graph *g = heed_graph_new();
    heed_params *ps = parameters();
    heed_profile *p = heed_profile_new(0);
    heed_cost cost;
    heed_graph_explain(g, record(g, ps), true, &cost, NULL);
    heed_graph_profile(g, p);
    for (int i = 0; i < 3; i++) heed_backward(g, record(g, ps));
    heed_graph_profile(g, NULL);
    heed_backward(g, record(g, ps)); /* is not measured */

    size_t n;
    const heed_profile_step *s = heed_profile_steps(p, &n);
    double seconds = 0, flops = 0, bytes = 0;
    int64_t calls = 0, nodes = 0;
    for (size_t i = 0; i < n; i++) {
        calls += s[i].calls, nodes += s[i].nodes;
        seconds += s[i].seconds, flops += s[i].flops, bytes += s[i].bytes;
        CU_ASSERT(s[i].seconds >= 0 && s[i].busy >= 0);
    }
    CU_ASSERT_EQUAL(calls, 3 * (cost.passes + cost.kernels));
    CU_ASSERT_EQUAL(nodes, 3 * cost.nodes);
    CU_ASSERT_EQUAL((int64_t)flops, 3 * cost.flops);
    CU_ASSERT_EQUAL((int64_t)bytes, 3 * cost.bytes);
    heed_profile_totals t = heed_profile_total(p);
    CU_ASSERT_DOUBLE_EQUAL(t.flops, flops, 0);
    CU_ASSERT_DOUBLE_EQUAL(t.steps, seconds, 1e-12);
    CU_ASSERT(t.steps <= t.seconds && t.runs == 3 && t.threads == 1);
    CU_ASSERT(t.plans_made == 0 && t.plans_reused == 3); /* explaining has made it */
    CU_ASSERT_EQUAL(span(p, "record")->calls, 3);
    CU_ASSERT_EQUAL(span(p, "differentiate")->calls, 3);
    CU_ASSERT_EQUAL(span(p, "plan")->calls, 3);
    CU_ASSERT_EQUAL(span(p, "run")->calls, 3);

    const heed_profile_step *product = find(p, "matmul", "enc.3.up", false), *back = find(p, "matmul", "enc.3.up", true);
    CU_ASSERT_FATAL(product && back);
    CU_ASSERT(product->calls == 3 && back->calls == 3);
    CU_ASSERT(product->flops >= back->flops && product->nodes == 3 * 4); /* with what follows it, from backward too */
    CU_ASSERT_DOUBLE_EQUAL(back->flops, 3.0 * 2 * ROWS * IN * OUT, 0);
    CU_ASSERT(check_says(product->ops, "matmul + relu"));
    CU_ASSERT_STRING_EQUAL(product->shapes, "[5,7] [7,3] -> [5,3]");
    CU_ASSERT_STRING_EQUAL(back->shapes, "[7,5] [5,3] -> [7,3]");
    heed_profile_free(p);
    heed_params_free(ps);
    heed_graph_free(g);
}

/* Large enough for several tasks: the threads' events, and the same bits as without a profile. */
static void threads_have_events(void)
{
    enum { SIDE = 300 };
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, 2);
    float *a = heed_calloc(SIDE * SIDE, sizeof *a), *plain = heed_calloc(SIDE * SIDE, sizeof *plain);
    for (int i = 0; i < SIDE * SIDE; i++) a[i] = (float)(i % 17) - 8.3f;
    heed_profile *p = heed_profile_new(5);
    for (int round = 0; round < 2; round++) {
        if (round) heed_graph_profile(g, p);
        heed_graph_reset(g);
        heed_tensor *x = heed_input(g, HEED_F32, 2, (int64_t[]){SIDE, SIDE}, a);
        const float *y = heed_data(g, heed_softmax(g, heed_matmul(g, x, heed_transpose(g, x, 0, 1)), 1));
        CU_ASSERT_FATAL(y != NULL);
        if (!round) memcpy(plain, y, SIDE * SIDE * sizeof *y);
        else CU_ASSERT(!memcmp(plain, y, SIDE * SIDE * sizeof *y));
    }
    size_t n;
    const heed_profile_event *v = heed_profile_events(p, &n);
    bool record_first = n > 0 && v[0].span >= 0 && v[0].step < 0 && v[0].thread == 0;
    CU_ASSERT(record_first);
    int steps = 0;
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT((v[i].step < 0) != (v[i].span < 0));
        CU_ASSERT(v[i].begin >= 0 && v[i].seconds >= 0 && v[i].thread >= 0 && v[i].thread < 2);
        steps += v[i].step >= 0;
    }
    CU_ASSERT(n == 5 && steps >= 2); /* record, plan, run, and the steps of the first thread at least */
    CU_ASSERT(heed_profile_total(p).runs == 1);
    heed_profile_reset(p);
    heed_profile_totals t = heed_profile_total(p);
    CU_ASSERT(t.runs == 0 && t.flops == 0 && t.seconds == 0 && !heed_profile_steps(p, &n) && !n && !heed_profile_events(p, &n) && !n);
    heed_graph_free(g);
    heed_profile_free(p);
    heed_free(a);
    heed_free(plain);
}

static void spans_lie_within_each_other(void)
{
    heed_graph *g = heed_graph_new();
    heed_profile *p = heed_profile_new(0);
    heed_profile_begin(g, "before"); /* without a profile: nothing */
    heed_graph_profile(g, p);
    heed_profile_end(g);             /* one too many: nothing */
    heed_profile_begin(g, "outer");
    heed_scalar(g, HEED_F32, 1);     /* recording begins */
    heed_profile_begin(g, "inner");  /* and ends */
    heed_profile_end(g);
    heed_profile_begin(g, "inner");
    heed_profile_end(g);
    heed_profile_end(g);
    CU_ASSERT(!span(p, "before"));
    CU_ASSERT(span(p, "outer")->calls == 1 && span(p, "inner")->calls == 2 && span(p, "record")->calls == 1);
    double sum = span(p, "outer")->seconds + span(p, "inner")->seconds + span(p, "record")->seconds;
    CU_ASSERT_DOUBLE_EQUAL(sum, heed_profile_total(p).seconds, 1e-9); /* each moment once */
    for (int i = 0; i < 100; i++) heed_profile_begin(g, "deep");
    for (int i = 0; i < 100; i++) heed_profile_end(g);
    heed_profile_begin(g, "after");
    heed_profile_end(g);
    CU_ASSERT(span(p, "after") && span(p, "after")->calls == 1);
    heed_graph_free(g);
    heed_profile_free(p);
}

static char *printed(const heed_profile *p, const heed_profile_layout *l, heed_error *e)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (l) heed_profile_print(p, l, out, e);
    else heed_profile_trace(p, out, e);
    fclose(out);
    return text;
}

static void tables_and_trace_say_it(void)
{
    heed_graph *g = heed_graph_new();
    heed_params *ps = parameters();
    heed_profile *p = heed_profile_new(1000);
    heed_optimizer *o = heed_optimizer_new(ps, "adam");
    heed_graph_profile(g, p);
    heed_profile_begin(g, "a \"name\"\n");
    heed_profile_end(g);
    for (int i = 0; i < 2; i++) {
        heed_backward(g, record(g, ps));
        heed_optimizer_step(o, g);
    }
    heed_error e = {0};
    char *text = printed(p, &(heed_profile_layout){.rows = 1, .units = 2, .unit = "training step", .peak = 1e9}, &e);
    CU_ASSERT(!e.code && check_says(text, "training step") && check_says(text, "record\n") && check_says(text, "optimizer\n"));
    CU_ASSERT(check_says(text, "plan (1 made, 1 reused)") && check_says(text, "% of the FMA peak of 1; 1 thread") && check_says(text, "more)"));
    free(text);
    text = printed(p, &(heed_profile_layout){0}, &e);
    CU_ASSERT(!e.code && check_says(text, "enc.*.up\n") && check_says(text, "matmul + relu + square + mul  [5,7] [7,3] -> [5,3]\n") && !strstr(text, "more)"));
    free(text);
    text = printed(p, NULL, &e);
    json_error_t wrong;
    json_t *root = json_loads(text, 0, &wrong), *events = json_object_get(root, "traceEvents"), *v;
    CU_ASSERT_FATAL(!e.code && json_is_array(events));
    size_t i, spans = 0, steps = 0, names = 0;
    json_array_foreach(events, i, v) {
        const char *kind = json_string_value(json_object_get(v, "ph"));
        if (!strcmp(kind, "M")) {
            names++;
            continue;
        }
        CU_ASSERT(!strcmp(kind, "X") && json_is_real(json_object_get(v, "ts")) && json_number_value(json_object_get(v, "dur")) >= 0);
        json_t *scope = json_object_get(json_object_get(v, "args"), "scope");
        steps += scope != NULL;
        spans += !scope;
    }
    size_t n;
    heed_profile_events(p, &n);
    CU_ASSERT(names == 2 && spans + steps == n && spans == 1 + 2 * 6); /* record, differentiate, plan, run, profile, optimizer */
    json_decref(root);
    free(text);
    FILE *full = fopen("/dev/full", "w");
    CU_ASSERT_EQUAL(heed_profile_trace(p, full, &e), HEED_IO);
    CU_ASSERT(check_says(e.message, "could not be written"));
    fclose(full);
    heed_optimizer_free(o);
    heed_graph_free(g);
    heed_params_free(ps);
    heed_profile_free(p);
}

/* A graph of another structure under the same names is told apart; what a failed graph did before it failed is kept. */
static void failures_and_other_graphs(void)
{
    heed_graph *g = heed_graph_new(), *h = heed_graph_new();
    heed_profile *p = heed_profile_new(0);
    heed_graph_profile(g, p);
    heed_tensor *x = heed_input(g, HEED_F32, 2, (int64_t[]){ROWS, IN}, numbers);
    heed_data(g, heed_exp(g, x));
    heed_matmul(g, x, x);
    CU_ASSERT(heed_graph_error(g)->code && !heed_backward(h, heed_scalar(h, HEED_F32, 1)));
    heed_graph_profile(h, p);
    heed_data(h, heed_exp(h, heed_input(h, HEED_F32, 1, (int64_t[]){IN}, numbers)));
    size_t n;
    heed_profile_steps(p, &n);
    CU_ASSERT(n == 2 && heed_profile_total(p).runs == 2 && !heed_profile_error(p)->code);
    heed_graph_free(g);
    heed_graph_free(h);
    heed_profile_free(p);
}

/* The graph does its work whatever the profile is refused. */
static bool profiled(void *given)
{
    heed_graph *g = given;
    heed_profile *p = heed_profile_new(100);
    heed_graph_reset(g);
    heed_graph_profile(g, p);
    double y = heed_item(g, heed_square(g, heed_scalar(g, HEED_F32, 3)));
    heed_graph_profile(g, NULL);
    heed_error e = {0};
    free(printed(p, &(heed_profile_layout){0}, &e));
    bool right = !e.code;
    CU_ASSERT(y == 9);
    if (!right) CU_ASSERT_EQUAL(e.code, HEED_NO_MEMORY);
    heed_profile_free(p);
    return right;
}

static void memory_is_refused(void)
{
    heed_graph *g = heed_graph_new();
    CU_ASSERT(profiled(g)); /* the graph has what it needs */
    CU_ASSERT(check_refusals(profiled, g) > 5);
    heed_graph_free(g);
}

static void peak_is_a_number(void) { CU_ASSERT(isfinite(heed_peak_flops(1)) && heed_peak_flops(2) > 1e6); }

CHECK_MAIN("profile", {"steps are those of the plan", steps_are_those_of_the_plan}, {"threads have events", threads_have_events},
           {"spans lie within each other", spans_lie_within_each_other}, {"tables and trace say it", tables_and_trace_say_it},
           {"failures and other graphs", failures_and_other_graphs}, {"memory is refused", memory_is_refused}, {"peak is a number", peak_is_a_number})
