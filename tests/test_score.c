/* Attention scores: each against its formula in plain loops, gradients, ragged sources, and one from outside the library. */
#include "check.h"
#include "autograd/gradcheck.h"
#include "autograd/memory.h"
#include "models/score.h"

#include <math.h>

enum { B = 3, T = 2, S = 5, MOST_LEN = 4 };
static const int32_t lengths[B] = {3, 5, 1};

typedef struct setting {
    heed_params *ps;
    heed_attend m;
    int64_t query, memory;
    double y[B * T * 4], h[B * S * 6];
} setting;

static void set_up(setting *s, const heed_score *score, int64_t query, int64_t memory, int64_t max_len)
{
    *s = (setting){.ps = heed_params_new(3), .query = query, .memory = memory};
    heed_params_dtype(s->ps, HEED_F64);
    heed_attend_init(&s->m, s->ps, "attend", score, query, memory, 3, max_len);
    CU_ASSERT_EQUAL(heed_params_size(s->ps), heed_attend_size(score, query, memory, 3, max_len));
    for (int i = 0; i < heed_params_count(s->ps); i++) {
        double *w = heed_param_data(heed_params_at(s->ps, i));
        for (int64_t k = 0; k < heed_param_size(heed_params_at(s->ps, i)); k++) w[k] = sin(1.7 * (double)(k + 3 * i) + 0.3);
    }
    for (int i = 0; i < B * T * query; i++) s->y[i] = cos(2.1 * i) - 0.1;
    for (int i = 0; i < B * S * memory; i++) s->h[i] = sin(1.3 * i + 1);
}

static heed_tensor *context_of(heed_graph *g, heed_tensor *const *x, void *context)
{
    const setting *s = context;
    heed_source source = heed_attend_source(g, &s->m, x[1], x[2]);
    return heed_attend_apply(g, &s->m, x[0], &source, NULL);
}

/* --- the table's formulas --------------------------------------------------------------------------------------------------- */

static const double *weight_of(const setting *s, const char *name)
{
    heed_param *p = heed_params_find(s->ps, name);
    return p ? heed_param_data(p) : NULL;
}

/* k = W h where the score has a W for it, else h */
static double key(const setting *s, const double *h, int64_t j)
{
    const double *w = weight_of(s, "attend.memory.weight");
    double sum = 0;
    for (int64_t i = 0; w && i < s->memory; i++) sum += h[i] * w[i * s->query + j];
    return w ? sum : h[j];
}

static double expected(const setting *s, const char *name, const double *y, const double *h, int position)
{
    double dot = 0, yy = 0, kk = 0, sum = 0;
    if (!strcmp(name, "location")) {
        if (position >= MOST_LEN) return -INFINITY;
        for (int64_t i = 0; i < s->query; i++) sum += y[i] * weight_of(s, "attend.query.weight")[i * MOST_LEN + position];
        return sum;
    }
    if (!strcmp(name, "additive")) {
        for (int j = 0; j < 3; j++) {
            double z = weight_of(s, "attend.query.bias")[j];
            for (int64_t i = 0; i < s->query; i++) z += y[i] * weight_of(s, "attend.query.weight")[i * 3 + j];
            for (int64_t i = 0; i < s->memory; i++) z += h[i] * weight_of(s, "attend.memory.weight")[i * 3 + j];
            sum += weight_of(s, "attend.v")[j] * tanh(z);
        }
        return sum;
    }
    for (int64_t j = 0; j < s->query; j++) {
        double k = key(s, h, j);
        dot += y[j] * k;
        yy += y[j] * y[j];
        kk += k * k;
    }
    if (!strcmp(name, "cosine")) return *weight_of(s, "attend.strength") * dot / sqrt(yy * kk);
    return !strcmp(name, "scaled_dot") ? dot / sqrt((double)s->query) : dot;
}

static void check_values(const heed_score *score, int64_t query, int64_t memory)
{
    setting s;
    set_up(&s, score, query, memory, MOST_LEN);
    heed_graph *g = heed_graph_new();
    heed_keep_named(g, "*.weights");
    heed_tensor *x[] = {heed_input(g, HEED_F64, 3, (int64_t[]){B, T, query}, s.y), heed_input(g, HEED_F64, 3, (int64_t[]){B, S, memory}, s.h),
                        heed_input(g, HEED_I32, 1, (int64_t[]){B}, lengths)};
    const double *c = heed_data(g, context_of(g, x, &s));
    heed_tensor *kept = heed_find(g, "attend.weights");
    CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
    const double *a = heed_data(g, kept);
    CU_ASSERT_FATAL(a && c);
    for (int b = 0; b < B; b++)
        for (int t = 0; t < T; t++) {
            double e[S], total = 0;
            for (int i = 0; i < S; i++) {
                e[i] = i < lengths[b] ? exp(expected(&s, score->name, s.y + (b * T + t) * query, s.h + (b * S + i) * memory, i)) : 0;
                total += e[i];
            }
            for (int i = 0; i < S; i++) CU_ASSERT_DOUBLE_EQUAL(a[(b * T + t) * S + i], e[i] / total, 1e-12);
            for (int64_t j = 0; j < memory; j++) {
                double sum = 0;
                for (int i = 0; i < S; i++) sum += e[i] / total * s.h[(b * S + i) * memory + j];
                CU_ASSERT_DOUBLE_EQUAL(c[(b * T + t) * memory + j], sum, 1e-12);
            }
        }
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
    heed_graph_free(g);
    heed_params_free(s.ps);
}

static void values(void)
{
    for (const heed_score *score = heed_scores; score->name; score++) {
        check_values(score, 4, 4);
        check_values(score, 4, 6);
        CU_ASSERT_PTR_EQUAL(heed_score_find(score->name), score);
    }
    CU_ASSERT_PTR_NULL(heed_score_find("bilinear"));
}

static void gradients(void)
{
    for (const heed_score *score = heed_scores; score->name; score++) {
        setting s;
        set_up(&s, score, 4, 6, 8);
        heed_gradcheck_input x[] = {{HEED_F64, 3, {B, T, 4}, s.y}, {HEED_F64, 3, {B, S, 6}, s.h}, {HEED_I32, 1, {B}, lengths}};
        heed_gradcheck_options how = {.params = s.ps, .second = true};
        heed_gradcheck_report r = heed_gradcheck(context_of, &s, 3, x, &how);
        if (!r.ok) fprintf(stderr, "\n    %s: %s\n", score->name, r.message);
        CU_ASSERT(r.ok);
        heed_params_free(s.ps);
    }
}

/* One query a sentence is the first of several. */
static void single_query(void)
{
    setting s;
    set_up(&s, heed_score_find("additive"), 4, 6, 8);
    heed_graph *g = heed_graph_new();
    heed_tensor *memory = heed_input(g, HEED_F64, 3, (int64_t[]){B, S, 6}, s.h);
    heed_tensor *all = heed_input(g, HEED_F64, 3, (int64_t[]){B, T, 4}, s.y), *weights;
    heed_source source = heed_attend_source(g, &s.m, memory, heed_input(g, HEED_I32, 1, (int64_t[]){B}, lengths));
    heed_tensor *c = heed_attend_apply(g, &s.m, all, &source, NULL);
    heed_tensor *one = heed_attend_apply(g, &s.m, heed_select(g, all, 1, 0), &source, &weights);
    CU_ASSERT_EQUAL(heed_rank(one), 2);
    CU_ASSERT_EQUAL(heed_rank(weights), 3);
    const double *x = heed_data(g, c), *y = heed_data(g, one);
    for (int b = 0; b < B; b++)
        for (int j = 0; j < 6; j++) CU_ASSERT_DOUBLE_EQUAL(y[b * 6 + j], x[b * T * 6 + j], 1e-14);
    heed_graph_free(g);
    heed_params_free(s.ps);
}

/* --- a score of a program's own: the negative distance |y - h|^2 -------------------------------------------------------------- */

static heed_tensor *distance_score(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *s)
{
    (void)m;
    heed_tensor *off = heed_sub(g, heed_unsqueeze(g, query, 2), heed_unsqueeze(g, s->keys, 1));
    return heed_neg(g, heed_sum(g, heed_square(g, off), HEED_LAST, false));
}

static void own_score(void)
{
    static const heed_score distance = {.name = "distance", .formula = "-|y - h|^2", .score = distance_score};
    heed_params *ps = heed_params_new(1);
    heed_attend m;
    heed_attend_init(&m, ps, "near", &distance, 1, 1, 0, 0);
    CU_ASSERT_EQUAL(heed_params_count(ps), 0);
    heed_graph *g = heed_graph_new();
    const float y[] = {1}, h[] = {0, 1, 3};
    heed_source source = heed_attend_source(g, &m, heed_input(g, HEED_F32, 3, (int64_t[]){1, 3, 1}, h), NULL);
    double c = heed_item(g, heed_attend_apply(g, &m, heed_input(g, HEED_F32, 2, (int64_t[]){1, 1}, y), &source, NULL));
    CU_ASSERT_DOUBLE_EQUAL(c, (1 + 3 * exp(-4)) / (exp(-1) + 1 + exp(-4)), 1e-6);
    heed_graph_free(g);
    heed_params_free(ps);
}

CHECK_MAIN("scores", {"every score is its formula, on ragged sources", values}, {"gradients to the second order", gradients},
           {"one query is a row of several", single_query}, {"a score from outside", own_score})
