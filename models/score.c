#include "models/score.h"

#include "autograd/memory.h"

#include <math.h>
#include <string.h>

/* --- what several scores share ---------------------------------------------------------------------------------------------- */

/* W h, or h itself where it is as wide as the query */
static bool fits(const heed_attend *m) { return m->memory == m->query; }
static heed_tensor *projected(heed_graph *g, const heed_attend *m, heed_tensor *memory) { return heed_dense_apply(g, &m->u, memory); }
static heed_tensor *matching(heed_graph *g, const heed_attend *m, heed_tensor *memory) { return fits(m) ? memory : projected(g, m, memory); }

static void general_init(heed_attend *m, heed_params *ps) { heed_dense_init(&m->u, ps, "memory", m->memory, m->query, false); }
static int64_t general_size(const heed_attend *m) { return m->memory * m->query; }

static void dot_init(heed_attend *m, heed_params *ps)
{
    if (!fits(m)) general_init(m, ps);
}

static int64_t dot_size(const heed_attend *m) { return fits(m) ? 0 : general_size(m); }

/* [B, S, d] as columns [B, d, S], for products with queries [B, T, d] */
static heed_tensor *columns(heed_graph *g, heed_tensor *x) { return heed_transpose(g, x, 1, 2); }

/* --- b cos(y, h) ------------------------------------------------------------------------------------------------------------ */

/* x / |x|, and 0 of 0 */
static heed_tensor *direction(heed_graph *g, heed_tensor *x)
{
    heed_tensor *square = heed_sum(g, heed_square(g, x), HEED_LAST, true);
    return heed_mul(g, x, heed_rsqrt(g, heed_maximum(g, square, heed_scalar(g, heed_dtype_of(x), 1e-16))));
}

static void cosine_init(heed_attend *m, heed_params *ps)
{
    dot_init(m, ps);
    m->v = heed_param_new(ps, "strength", heed_params_dtype_now(ps), 1, (int64_t[]){1}, HEED_ONES);
}

static heed_tensor *cosine_keys(heed_graph *g, const heed_attend *m, heed_tensor *memory)
{
    return columns(g, direction(g, matching(g, m, memory)));
}

static heed_tensor *cosine_score(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *s)
{
    heed_tensor *strength = heed_use(g, m->v);
    return heed_mul(g, heed_matmul(g, direction(g, query), s->keys), strength);
}

static int64_t cosine_size(const heed_attend *m) { return dot_size(m) + 1; }

/* --- v . tanh(W_y y + b + W_h h) -------------------------------------------------------------------------------------------- */

static void additive_init(heed_attend *m, heed_params *ps)
{
    double bound = sqrt(6 / (double)(m->width + 1)); /* Xavier, as a matrix [width, 1] */
    heed_dense_init(&m->w, ps, "query", m->query, m->width, true);
    heed_dense_init(&m->u, ps, "memory", m->memory, m->width, false);
    m->v = heed_param_new(ps, "v", heed_params_dtype_now(ps), 1, &m->width, HEED_UNIFORM(-bound, bound));
}

/* y [B, T, 1, a], h [B, 1, S, a] -> [B, T, S] */
static heed_tensor *additive(heed_graph *g, const heed_attend *m, heed_tensor *y, heed_tensor *h)
{
    heed_tensor *v = heed_use(g, m->v);
    return heed_sum(g, heed_mul(g, heed_tanh(g, heed_add(g, y, h)), v), HEED_LAST, false);
}

/* Many pairs are taken query by query: the backward pass needs the gradients of all y + h of a query at once, but not of all queries. */
static heed_tensor *additive_score(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *s)
{
    enum { MANY = 1 << 20 };
    heed_tensor *y = heed_unsqueeze(g, heed_dense_apply(g, &m->w, query), 2), *h = heed_unsqueeze(g, s->keys, 1);
    int64_t queries = heed_dim(y, 1);
    if (queries < 2 || queries * heed_size(h) <= MANY) return additive(g, m, y, h);
    heed_tensor **e = heed_alloc((size_t)queries * sizeof *e);
    if (!e) return heed_graph_fail(g, HEED_NO_MEMORY, "attention: no memory for %lld queries", (long long)queries);
    for (int64_t t = 0; t < queries; t++) e[t] = additive(g, m, heed_slice(g, y, 1, t, t + 1, 1), h);
    heed_tensor *all = heed_concat(g, (int)queries, e, 1);
    heed_free(e);
    return all;
}

static int64_t additive_size(const heed_attend *m) { return (m->query + m->memory + 2) * m->width; }

/* --- (W y)_s ---------------------------------------------------------------------------------------------------------------- */

static void location_init(heed_attend *m, heed_params *ps) { heed_dense_init(&m->w, ps, "query", m->query, m->max_len, false); }

/* The columns of the source's positions */
static heed_tensor *location_keys(heed_graph *g, const heed_attend *m, heed_tensor *memory)
{
    int64_t steps = heed_dim(memory, 1);
    heed_tensor *w = heed_use(g, m->w.weight);
    return heed_unsqueeze(g, heed_slice(g, w, 1, 0, steps < m->max_len ? steps : m->max_len, 1), 0);
}

static heed_tensor *location_score(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *s)
{
    (void)m;
    heed_tensor *e = heed_matmul(g, query, s->keys);
    int64_t beyond = heed_dim(s->memory, 1) - heed_dim(e, 2);
    return beyond > 0 ? heed_pad(g, e, (int64_t[]){0, 0, 0}, (int64_t[]){0, 0, beyond}, -INFINITY) : e;
}

static int64_t location_size(const heed_attend *m) { return m->query * m->max_len; }

/* --- y . W h,   y . h,   y . h / sqrt(d) ------------------------------------------------------------------------------------- */

static heed_tensor *general_keys(heed_graph *g, const heed_attend *m, heed_tensor *memory) { return columns(g, projected(g, m, memory)); }
static heed_tensor *dot_keys(heed_graph *g, const heed_attend *m, heed_tensor *memory) { return columns(g, matching(g, m, memory)); }

static heed_tensor *dot_score(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *s)
{
    (void)m;
    return heed_matmul(g, query, s->keys);
}

static heed_tensor *scaled_dot_score(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *s)
{
    return heed_scale(g, dot_score(g, m, query, s), 1 / sqrt((double)m->query));
}

const heed_score heed_scores[] = {
    {"cosine", "b cos(y, h)", cosine_init, cosine_keys, cosine_score, cosine_size},
    {"additive", "v . tanh(W [y; h])", additive_init, projected, additive_score, additive_size},
    {"location", "W y", location_init, location_keys, location_score, location_size},
    {"general", "y . W h", general_init, general_keys, dot_score, general_size},
    {"dot", "y . h", dot_init, dot_keys, dot_score, dot_size},
    {"scaled_dot", "y . h / sqrt(d)", dot_init, dot_keys, scaled_dot_score, dot_size},
    {0},
};

const heed_score *heed_score_find(const char *name)
{
    for (const heed_score *s = heed_scores; s->name; s++)
        if (!strcmp(s->name, name)) return s;
    return NULL;
}

/* --- attention by any of them ----------------------------------------------------------------------------------------------- */

void heed_attend_init(heed_attend *m, heed_params *ps, const char *name, const heed_score *score, int64_t query, int64_t memory,
                      int64_t width, int64_t max_len)
{
    *m = (heed_attend){.name = name, .score = score, .query = query, .memory = memory, .width = width ? width : memory, .max_len = max_len};
    heed_params_scope(ps, "%s", name);
    if (score->init) score->init(m, ps);
    heed_params_scope_end(ps);
}

int64_t heed_attend_size(const heed_score *score, int64_t query, int64_t memory, int64_t width, int64_t max_len)
{
    const int64_t most = (int64_t)1 << 25; /* products of two of these are exact */
    if (query > most || memory > most || width > most || max_len > most) return INT64_MAX;
    heed_attend m = {.score = score, .query = query, .memory = memory, .width = width ? width : memory, .max_len = max_len};
    return score->size ? score->size(&m) : 0;
}

heed_tensor *heed_beyond(heed_graph *g, heed_tensor *lengths, int64_t steps)
{
    if (!lengths) return NULL;
    heed_tensor *ends = heed_reshape(g, lengths, 3, (int64_t[]){heed_dim(lengths, 0), 1, 1});
    return heed_ge(g, heed_arange(g, HEED_I32, steps, 0, 1), ends);
}

heed_source heed_attend_source(heed_graph *g, const heed_attend *m, heed_tensor *memory, heed_tensor *lengths)
{
    heed_scope(g, "%s", m->name);
    heed_source s = {.memory = memory, .keys = m->score->keys ? m->score->keys(g, m, memory) : memory};
    s.masked = heed_beyond(g, lengths, heed_dim(memory, 1));
    heed_scope_end(g);
    return s;
}

heed_tensor *heed_attend_apply(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *source, heed_tensor **weights)
{
    bool one = heed_rank(query) == 2;
    heed_scope(g, "%s", m->name);
    heed_tensor *e = m->score->score(g, m, one ? heed_unsqueeze(g, query, 1) : query, source);
    if (source->masked) e = heed_masked_fill(g, e, source->masked, -INFINITY);
    heed_tensor *a = heed_name(g, heed_softmax(g, e, -1), "weights");
    heed_tensor *c = heed_matmul(g, a, source->memory);
    heed_scope_end(g);
    if (weights) *weights = a;
    return one ? heed_squeeze(g, c, 1) : c;
}
