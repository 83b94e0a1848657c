/* Values that passes make anew instead of reading them: less memory, the same bits. */
#include "autograd/memory.h"
#include "check.h"
#include "models/score.h"

#include <math.h>

enum { B = 4, T = 24, S = 32, A = 64, D = 48 };

typedef struct world { heed_params *ps; heed_attend m; heed_param *h; float y[B * T * D]; } world;

static world *world_new(void)
{
    world *w = heed_calloc(1, sizeof *w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    w->ps = heed_params_new(2);
    heed_attend_init(&w->m, w->ps, "attend", heed_score_find("additive"), D, D, A, 0);
    w->h = heed_param_new(w->ps, "h", HEED_F32, 3, (int64_t[]){B, S, D}, HEED_NORMAL(0, 1));
    for (int i = 0; i < B * T * D; i++) w->y[i] = (float)sin(0.7 * i);
    return w;
}

static void world_free(world *w)
{
    heed_params_free(w->ps);
    heed_free(w);
}

/* sum_ts v . tanh(y_t + h_s), weighed; `kept` stores the tanh, which is read then and not made anew */
static heed_tensor *pairs(heed_graph *g, const world *w, bool kept)
{
    heed_tensor *y = heed_input(g, HEED_F32, 4, (int64_t[]){B, T, 1, D}, w->y), *wy = heed_use(g, w->m.w.weight), *u = heed_use(g, w->m.u.weight);
    heed_tensor *h = heed_unsqueeze(g, heed_matmul(g, heed_use(g, w->h), u), 1), *v = heed_use(g, w->m.v);
    heed_tensor *z = heed_tanh(g, heed_add(g, heed_matmul(g, y, wy), h));
    if (kept) heed_keep(g, z);
    heed_tensor *e = heed_sum(g, heed_mul(g, z, v), HEED_LAST, false);
    return heed_sum(g, heed_mul(g, e, heed_softmax(g, e, -1)), HEED_ALL, false);
}

static int64_t peak_of(bool kept)
{
    world *w = world_new();
    heed_graph *g = heed_graph_new();
    heed_cost c;
    heed_graph_explain(g, pairs(g, w, kept), true, &c, NULL);
    heed_graph_free(g);
    world_free(w);
    return c.peak;
}

static void pairs_are_not_stored(void)
{
    const int64_t all = (int64_t)B * T * S * A * (int64_t)sizeof(float);
    CU_ASSERT(peak_of(true) - peak_of(false) >= all);
}

static void the_same_bits(void)
{
    double loss[4];
    float *grads[4];
    size_t size = 0;
    for (int i = 0; i < 4; i++) { /* anew with 1, 2 and 3 threads, then stored */
        world *w = world_new();
        heed_graph *g = heed_graph_new();
        heed_graph_threads(g, i < 3 ? i + 1 : 1);
        heed_tensor *l = pairs(g, w, i == 3);
        CU_ASSERT_EQUAL(heed_backward(g, l), HEED_OK);
        loss[i] = heed_item(g, l);
        size = 0;
        grads[i] = heed_alloc((size_t)heed_params_size(w->ps) * sizeof **grads);
        CU_ASSERT_PTR_NOT_NULL_FATAL(grads[i]);
        for (int k = 0; k < heed_params_count(w->ps); k++) {
            heed_param *p = heed_params_at(w->ps, k);
            memcpy(grads[i] + size, heed_param_grad(p), (size_t)heed_param_size(p) * sizeof **grads);
            size += (size_t)heed_param_size(p);
        }
        heed_graph_free(g);
        world_free(w);
    }
    for (int i = 1; i < 4; i++) {
        CU_ASSERT_EQUAL(loss[i], loss[0]);
        CU_ASSERT_EQUAL(memcmp(grads[i], grads[0], size * sizeof **grads), 0);
    }
    for (int i = 0; i < 4; i++) heed_free(grads[i]);
}

/* Attention as the models use it, all queries at once and one by one: the T x S x d of the pairs is in no memory. */
static void attention_needs_no_memory_for_pairs(void)
{
    enum { MORE = 16 };
    const int64_t all = (int64_t)MORE * T * S * 2 * A * (int64_t)sizeof(float);
    for (int steps = 0; steps < 2; steps++) {
        heed_params *ps = heed_params_new(2);
        heed_attend m;
        heed_attend_init(&m, ps, "attend", heed_score_find("additive"), D, D, 2 * A, 0);
        heed_param *h = heed_param_new(ps, "h", HEED_F32, 3, (int64_t[]){MORE, S, D}, HEED_NORMAL(0, 1));
        heed_graph *g = heed_graph_new();
        float *y = heed_calloc(MORE * T * D, sizeof *y);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        heed_source source = heed_attend_source(g, &m, heed_use(g, h), NULL);
        heed_tensor *query = heed_input(g, HEED_F32, 3, (int64_t[]){MORE, T, D}, y), *c = heed_select(g, query, 1, 0);
        for (int t = 0; steps && t < T; t++) c = heed_attend_apply(g, &m, c, &source, NULL);
        if (!steps) c = heed_attend_apply(g, &m, query, &source, NULL);
        heed_cost cost;
        heed_graph_explain(g, heed_sum(g, c, HEED_ALL, false), true, &cost, NULL);
        CU_ASSERT(cost.peak < all / 2);
        heed_free(y);
        heed_graph_free(g);
        heed_params_free(ps);
    }
}

CHECK_MAIN("values made anew", {"pairs are not stored", pairs_are_not_stored}, {"the same bits", the_same_bits},
           {"additive attention needs no memory for pairs", attention_needs_no_memory_for_pairs})
