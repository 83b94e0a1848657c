/* Recurrent language models: windows with the state carried are the whole text, written is taught, gradients, sizes. */
#include "autograd/gradcheck.h"
#include "autograd/memory.h"
#include "check.h"
#include "models/decoding.h"
#include "models/recurrent_lm.h"
#include "refusals.h"

#include <math.h>

enum { V = 7, B = 2, T = 6 };
static const int32_t text[B * T] = {3, 4, 6, 5, 2, 3, 6, 6, 1, 4, 2, 5};

typedef struct world { heed_graph *g; heed_params *ps; heed_rnn_lm m; } world;

static heed_rnn_lm_config config_of(int i)
{
    return (heed_rnn_lm_config){.kind = (heed_rnn_kind)(i % 4), .vocab = V, .emb = 3, .hidden = i % 3 ? 4 : 3, .layers = 1 + i % 2, .tied = i / 2 % 2};
}

static world *world_new(const heed_rnn_lm_config *c)
{
    world *w = heed_calloc(1, sizeof *w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    w->g = heed_graph_new();
    w->ps = heed_params_new(4);
    heed_params_dtype(w->ps, HEED_F64);
    heed_rnn_lm_init(&w->m, w->ps, c);
    CU_ASSERT_EQUAL_FATAL(heed_params_error(w->ps)->code, HEED_OK);
    return w;
}

static void world_free(world *w)
{
    heed_graph_free(w->g);
    heed_params_free(w->ps);
    heed_free(w);
}

static void windows_with_state_are_the_text(void)
{
    for (int i = 0; i < 12; i++) {
        heed_rnn_lm_config c = config_of(i);
        world *w = world_new(&c);
        heed_model m = heed_rnn_lm_model(&w->m);
        CU_ASSERT_EQUAL(heed_rnn_lm_size(&c), heed_params_size(w->ps));
        CU_ASSERT_EQUAL(heed_model_state(m), heed_rnn_lm_state(&c));
        double whole[B * T * V], state[B * 16];
        heed_tensor *final;
        heed_teaching t = {.tgt = heed_input(w->g, HEED_I32, 2, (int64_t[]){B, T}, text)};
        memcpy(whole, heed_data(w->g, heed_model_logits(w->g, m, &t)), sizeof whole);
        for (int part = 0; part < 3; part++) {
            int32_t ids[B * 2];
            for (int b = 0; b < B; b++) memcpy(ids + 2 * b, text + b * T + 2 * part, 2 * sizeof *ids);
            heed_graph_reset(w->g);
            t = (heed_teaching){.tgt = heed_input(w->g, HEED_I32, 2, (int64_t[]){B, 2}, ids)};
            if (part) t.state = heed_input(w->g, HEED_F64, 2, (int64_t[]){B, heed_model_state(m)}, state);
            const double *y = heed_data(w->g, heed_model_logits_from(w->g, m, &t, &final));
            CU_ASSERT_PTR_NOT_NULL_FATAL(y);
            for (int k = 0; k < B * 2 * V; k++)
                CU_ASSERT_DOUBLE_EQUAL(y[k], whole[(k / (2 * V) * T + 2 * part + k / V % 2) * V + k % V], 1e-13);
            memcpy(state, heed_data(w->g, final), (size_t)heed_size(final) * sizeof *state);
        }
        world_free(w);
    }
}

static heed_tensor *apply(heed_graph *g, heed_tensor *const *x, void *context)
{
    heed_tensor *final, *y = heed_rnn_lm_apply(g, &((world *)context)->m, x[1], x[0], &final);
    return heed_concat(g, 2, (heed_tensor *[]){heed_flatten(g, y, 0, 2), heed_flatten(g, final, 0, 1)}, 0);
}

static void gradients(void)
{
    for (int i = 0; i < 8; i++) {
        heed_rnn_lm_config c = config_of(i);
        c.emb_dropout = c.dropout = c.out_dropout = 0.3;
        world *w = world_new(&c);
        double state[B * 16];
        for (int k = 0; k < B * 16; k++) state[k] = sin(2.3 * k + 0.4);
        heed_gradcheck_input x[] = {{HEED_F64, 2, {B, heed_rnn_lm_state(&c)}, state}, {HEED_I32, 2, {B, 3}, text}};
        heed_gradcheck_options how = {.params = w->ps, .training = true};
        heed_gradcheck_report r = heed_gradcheck(apply, w, 2, x, &how);
        if (!r.ok) fprintf(stderr, "\n    %d: %s\n", i, r.message);
        CU_ASSERT(r.ok);
        world_free(w);
    }
}

static void written_is_taught(void)
{
    for (int i = 0; i < 8; i++) {
        heed_rnn_lm_config c = config_of(i);
        world *w = world_new(&c);
        heed_model m = heed_rnn_lm_model(&w->m);
        heed_error e = {0};
        double whole[B * T * V];
        heed_teaching t = {.tgt = heed_input(w->g, HEED_I32, 2, (int64_t[]){B, T}, text)};
        memcpy(whole, heed_data(w->g, heed_model_logits(w->g, m, &t)), sizeof whole);
        heed_decoder *d = heed_decoder_new(w->g, m);
        for (int round = 0; round < 2; round++) { /* nothing is left of the first when the second begins */
            heed_decoder_start(d, 1, B, 0, NULL, NULL, &e);
            int32_t row[B] = {0, 1};
            for (int at = 0; at < T; at++) {
                int32_t ids[B];
                for (int b = 0; b < B; b++) ids[b] = text[row[b] * T + at];
                const double *y = heed_data(w->g, heed_decoder_step(d, ids));
                CU_ASSERT_PTR_NOT_NULL_FATAL(y);
                for (int k = 0; k < B * V; k++) CU_ASSERT_DOUBLE_EQUAL(y[k], whole[(row[k / V] * T + at) * V + k % V], 1e-13);
                if (at != 2) continue;
                heed_decoder_select(d, 1, (int32_t[]){1, 0}, &e); /* rows change places */
                row[0] = 1, row[1] = 0;
            }
        }
        CU_ASSERT_EQUAL(e.code, HEED_OK);
        heed_decoder_free(d);
        world_free(w);
    }
}

/* A step of training from a state, and two of writing. */
static bool trains_and_writes(void *which)
{
    heed_rnn_lm_config c = config_of(*(const int *)which);
    heed_graph *g = heed_graph_new();
    heed_params *ps = heed_params_new(4);
    heed_rnn_lm m;
    heed_rnn_lm_init(&m, ps, &c);
    heed_graph_threads(g, 1);
    heed_error e = {0};
    const float state[B * 16] = {0};
    bool worked = false;
    heed_decoder *d = NULL;
    if (!heed_params_error(ps)->code) {
        heed_tensor *final, *from = heed_input(g, HEED_F32, 2, (int64_t[]){B, heed_rnn_lm_state(&c)}, state);
        heed_tensor *y = heed_rnn_lm_apply(g, &m, heed_input(g, HEED_I32, 2, (int64_t[]){B, T}, text), from, &final);
        heed_keep(g, final);
        worked = heed_backward(g, heed_sum(g, y, HEED_ALL, false)) == HEED_OK && heed_data(g, final);
        d = heed_decoder_new(g, heed_rnn_lm_model(&m));
    }
    worked = worked && d && !heed_decoder_start(d, B, 1, 0, NULL, NULL, &e) && heed_data(g, heed_decoder_step(d, text)) &&
             !heed_decoder_select(d, 1, (int32_t[]){1}, &e) && heed_data(g, heed_decoder_step(d, text));
    heed_decoder_free(d);
    heed_graph_free(g);
    heed_params_free(ps);
    return worked;
}

static void every_allocation_may_be_refused(void)
{
    for (int i = 2; i < 4; i++) CU_ASSERT(check_refusals(trains_and_writes, &i) > 0);
}

static void refusals(void)
{
    heed_rnn_lm_config c = config_of(2);
    world *w = world_new(&c);
    double state[B * 3] = {0};
    heed_tensor *ids = heed_input(w->g, HEED_I32, 2, (int64_t[]){B, T}, text);
    heed_rnn_lm_apply(w->g, &w->m, ids, heed_input(w->g, HEED_F64, 2, (int64_t[]){B, 3}, state), NULL);
    CU_ASSERT(check_says(heed_graph_error(w->g)->message, "a state of shape [2,3], not [B,8]"));
    world_free(w);
    heed_params *ps = heed_params_new(1);
    heed_rnn_lm m;
    c.emb = 0;
    heed_rnn_lm_init(&m, ps, &c);
    CU_ASSERT(check_says(heed_params_error(ps)->message, "at least 1"));
    heed_params_free(ps);
}

CHECK_MAIN("recurrent language models", {"windows with the state carried are the whole text", windows_with_state_are_the_text},
           {"gradients", gradients}, {"what is written is what was taught", written_is_taught}, {"every allocation may be refused", every_allocation_may_be_refused},
           {"what cannot be is refused", refusals})
