#include "models/score.h"

#include <math.h>
#include <string.h>

/* --- what several scores share ---------------------------------------------------------------------------------------------- */

static heed_tensor *transposed(heed_graph *g, heed_tensor *x) { return heed_transpose(g, x, 1, 2); }

/* y . k_s for all of them: [B, T, d] x [B, d, S] */
static heed_tensor *products(heed_graph *g, heed_tensor *query, heed_tensor *keys)
{
    return heed_matmul(g, query, transposed(g, keys));
}

static void project_memory(heed_attend *m, heed_params *ps) { heed_dense_init(&m->u, ps, "memory", m->memory, m->query, false); }
static heed_tensor *projected_memory(heed_graph *g, const heed_attend *m, heed_tensor *memory) { return heed_dense_apply(g, &m->u, memory); }
static int64_t projection_size(const heed_attend *m) { return m->memory * m->query; }

/* Annotations as wide as the query: h, or W h. */
static void match_init(heed_attend *m, heed_params *ps)
{
    if (m->memory != m->query) project_memory(m, ps);
}

static heed_tensor *match_keys(heed_graph *g, const heed_attend *m, heed_tensor *memory)
{
    return m->memory == m->query ? memory : projected_memory(g, m, memory);
}

static int64_t match_size(const heed_attend *m) { return m->memory == m->query ? 0 : projection_size(m); }

/* --- b cos(y, h) ------------------------------------------------------------------------------------------------------------ */

/* x / |x|, and 0 of 0 */
static heed_tensor *direction(heed_graph *g, heed_tensor *x)
{
    heed_tensor *square = heed_sum(g, heed_square(g, x), HEED_LAST, true);
    return heed_mul(g, x, heed_rsqrt(g, heed_maximum(g, square, heed_scalar(g, heed_dtype_of(x), 1e-16))));
}

static void cosine_init(heed_attend *m, heed_params *ps)
{
    match_init(m, ps);
    m->v = heed_param_new(ps, "strength", heed_params_dtype_now(ps), 1, (int64_t[]){1}, HEED_ONES);
}

static heed_tensor *cosine_keys(heed_graph *g, const heed_attend *m, heed_tensor *memory) { return direction(g, match_keys(g, m, memory)); }

static heed_tensor *cosine_score(heed_graph *g, const heed_attend *m, heed_tensor *query, heed_tensor *keys)
{
    heed_tensor *strength = heed_use(g, m->v);
    return heed_mul(g, products(g, direction(g, query), keys), strength);
}

static int64_t cosine_size(const heed_attend *m) { return match_size(m) + 1; }

/* --- v . tanh(W_y y + b + W_h h) -------------------------------------------------------------------------------------------- */

static void additive_init(heed_attend *m, heed_params *ps)
{
    double bound = sqrt(6 / (double)(m->width + 1)); /* Xavier, as a matrix [width, 1] */
    heed_dense_init(&m->w, ps, "query", m->query, m->width, true);
    heed_dense_init(&m->u, ps, "memory", m->memory, m->width, false);
    m->v = heed_param_new(ps, "v", heed_params_dtype_now(ps), 1, &m->width, HEED_UNIFORM(-bound, bound));
}

static heed_tensor *additive_score(heed_graph *g, const heed_attend *m, heed_tensor *query, heed_tensor *keys)
{
    heed_tensor *y = heed_unsqueeze(g, heed_dense_apply(g, &m->w, query), 2); /* [B, T, 1, a] */
    heed_tensor *h = heed_unsqueeze(g, keys, 1);                             /* [B, 1, S, a] */
    heed_tensor *v = heed_use(g, m->v);
    return heed_sum(g, heed_mul(g, heed_tanh(g, heed_add(g, y, h)), v), HEED_LAST, false);
}

static int64_t additive_size(const heed_attend *m) { return (m->query + m->memory + 2) * m->width; }

/* --- (W y)_s ---------------------------------------------------------------------------------------------------------------- */

static void location_init(heed_attend *m, heed_params *ps) { heed_dense_init(&m->w, ps, "query", m->query, m->max_len, true); }

static heed_tensor *location_score(heed_graph *g, const heed_attend *m, heed_tensor *query, heed_tensor *keys)
{
    int64_t steps = heed_dim(keys, 1), known = steps < m->max_len ? steps : m->max_len, before[3] = {0};
    heed_tensor *w = heed_use(g, m->w.weight), *b = heed_use(g, m->w.bias);
    heed_tensor *e = heed_linear(g, query, heed_slice(g, w, 1, 0, known, 1), heed_slice(g, b, 0, 0, known, 1));
    return known < steps ? heed_pad(g, e, before, (int64_t[]){0, 0, steps - known}, -INFINITY) : e;
}

static int64_t location_size(const heed_attend *m) { return (m->query + 1) * m->max_len; }

/* --- y . W h,   y . h,   y . h / sqrt(d) ------------------------------------------------------------------------------------- */

static heed_tensor *dot_score(heed_graph *g, const heed_attend *m, heed_tensor *query, heed_tensor *keys)
{
    (void)m;
    return products(g, query, keys);
}

static heed_tensor *scaled_dot_score(heed_graph *g, const heed_attend *m, heed_tensor *query, heed_tensor *keys)
{
    return heed_scale(g, products(g, query, keys), 1 / sqrt((double)m->query));
}

const heed_score heed_scores[] = {
    {"cosine", "b cos(y, h)", cosine_init, cosine_keys, cosine_score, cosine_size},
    {"additive", "v . tanh(W [y; h])", additive_init, projected_memory, additive_score, additive_size},
    {"location", "W y", location_init, NULL, location_score, location_size},
    {"general", "y . W h", project_memory, projected_memory, dot_score, projection_size},
    {"dot", "y . h", match_init, match_keys, dot_score, match_size},
    {"scaled_dot", "y . h / sqrt(d)", match_init, match_keys, scaled_dot_score, match_size},
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
    heed_tensor *e = m->score->score(g, m, one ? heed_unsqueeze(g, query, 1) : query, source->keys);
    if (source->masked) e = heed_masked_fill(g, e, source->masked, -INFINITY);
    heed_tensor *a = heed_name(g, heed_softmax(g, e, -1), "weights");
    heed_tensor *c = heed_matmul(g, a, source->memory);
    heed_scope_end(g);
    if (weights) *weights = a;
    return one ? heed_squeeze(g, c, 1) : c;
}
