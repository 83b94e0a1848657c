/* Encoder-only models: sizes, padding, places, gradients, and that each of them learns. */
#include "autograd/gradcheck.h"
#include "check.h"
#include "models/decoder.h"
#include "models/encoder.h"
#include "optim/optimizer.h"

#include <math.h>
#include <stdlib.h>

enum { SYMBOLS = 11, CLASSES = 3, VARIANTS = 12 };

/* Every task with every pooling, with a Transformer, an LSTM and a bidirectional GRU of two layers. */
static heed_encoder_config variant(int v)
{
    static const struct { heed_encoder_task task; heed_pooling pooling; } tasks[] = {
        {HEED_ENCODER_CLASSES, HEED_POOL_MEAN}, {HEED_ENCODER_CLASSES, HEED_POOL_FIRST},
        {HEED_ENCODER_TAGS, HEED_POOL_MEAN}, {HEED_ENCODER_MASKED, HEED_POOL_MEAN}};
    int kind = v / 4;
    return (heed_encoder_config){
        .task = tasks[v % 4].task, .pooling = tasks[v % 4].pooling, .vocabulary = SYMBOLS, .classes = CLASSES, .dropout = 0.1, .emb_dropout = 0.1, .recurrent = kind > 0,
        .rnn = {.kind = kind == 1 ? HEED_LSTM : HEED_GRU, .in = 5, .hidden = 4, .layers = kind, .bidirectional = kind == 2},
        .transformer = {.layer = {.d = 6, .heads = 2, .dk = 3, .dv = 3, .ff = 7, .activation = HEED_GELU, .pre_norm = true}, .enc_layers = 2,
                        .positions = HEED_POSITIONS_LEARNED, .max_len = 8}};
}

static heed_encoder *make(int v, heed_params *ps)
{
    heed_encoder *m = malloc(sizeof *m);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    heed_encoder_config c = variant(v);
    heed_encoder_init(m, ps, &c);
    CU_ASSERT_EQUAL_FATAL(heed_params_error(ps)->code, HEED_OK);
    return m;
}

static void counted_as_made(void)
{
    for (int v = 0; v < VARIANTS; v++) {
        heed_params *ps = heed_params_new(1);
        heed_encoder *m = make(v, ps);
        CU_ASSERT_EQUAL(heed_params_size(ps), heed_encoder_size(&m->config));
        free(m);
        heed_params_free(ps);
    }
    heed_params *ps = heed_params_new(1);
    heed_encoder_config c = variant(0);
    heed_encoder *m = malloc(sizeof *m);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    c.classes = 0;
    heed_encoder_init(m, ps, &c);
    CU_ASSERT(check_says(heed_params_error(ps)->message, "0 classes"));
    free(m);
    heed_params_free(ps);
}

static const int32_t ids[] = {2, 5, 7, 10, 4, 3, 9, 0, 0, 0}, lengths[] = {5, 2}, places[] = {1, 3, 4, 6, 5, 5};

static heed_tensor *record(heed_graph *g, const heed_encoder *m, int64_t rows, int64_t steps)
{
    heed_tensor *src = heed_input(g, HEED_I32, 2, (int64_t[]){rows, steps}, ids), *n = heed_input(g, HEED_I32, 1, &rows, lengths);
    heed_tensor *at = m->config.task == HEED_ENCODER_MASKED ? heed_input(g, HEED_I32, 2, (int64_t[]){rows, 3}, places) : NULL;
    return heed_encoder_logits(g, m, src, n, at);
}

/* A row of a batch and the same sentence alone have the same logits; nothing behind a sentence's end is looked at. */
static void padding_is_not_seen(void)
{
    for (int v = 0; v < VARIANTS; v++) {
        heed_params *ps = heed_params_new(3);
        heed_params_dtype(ps, HEED_F64);
        heed_encoder *m = make(v, ps);
        heed_graph *g = heed_graph_new(), *alone = heed_graph_new();
        heed_tensor *y = record(g, m, 2, 5);
        int64_t one = 1, two = 2, n = heed_size(y) / 2;
        heed_tensor *src = heed_input(alone, HEED_I32, 2, (int64_t[]){1, 2}, ids + 5), *length = heed_input(alone, HEED_I32, 1, &one, &lengths[1]);
        const int32_t inside[] = {1, 0, 0}; /* what 6, 5 and 5 are there */
        heed_tensor *at = m->config.task == HEED_ENCODER_MASKED ? heed_input(alone, HEED_I32, 2, (int64_t[]){1, 3}, inside) : NULL;
        heed_tensor *z = heed_encoder_logits(alone, m, src, length, at);
        const double *a = heed_data(g, y), *b = heed_data(alone, z);
        CU_ASSERT_FATAL(a && b);
        int64_t same = m->config.task == HEED_ENCODER_TAGS ? two * CLASSES : n;
        CU_ASSERT_EQUAL(heed_size(z), same);
        for (int64_t i = 0; i < same; i++) CU_ASSERT_DOUBLE_EQUAL(a[n + i], b[i], 1e-12);
        heed_graph_free(g);
        heed_graph_free(alone);
        free(m);
        heed_params_free(ps);
    }
}

static heed_tensor *logits_of(heed_graph *g, heed_tensor *const *x, void *context)
{
    const heed_encoder *m = context;
    return heed_encoder_logits(g, m, x[0], x[1], m->config.task == HEED_ENCODER_MASKED ? x[2] : NULL);
}

static void gradients(void)
{
    const heed_gradcheck_input in[] = {{HEED_I32, 2, {2, 5}, ids}, {HEED_I32, 1, {2}, lengths}, {HEED_I32, 2, {2, 3}, places}};
    for (int v = 0; v < VARIANTS; v++) {
        heed_params *ps = heed_params_new(5);
        heed_params_dtype(ps, HEED_F64);
        heed_encoder *m = make(v, ps);
        heed_gradcheck_report r = heed_gradcheck(logits_of, m, 3, in, &(heed_gradcheck_options){.params = ps});
        if (!r.ok) fprintf(stderr, "\n    variant %d: %s\n", v, r.message);
        CU_ASSERT(r.ok);
        free(m);
        heed_params_free(ps);
    }
}

/* At chosen places are the logits of all places. */
static void places_are_rows(void)
{
    heed_params *ps = heed_params_new(3);
    heed_encoder *m = make(3, ps);
    heed_graph *g = heed_graph_new();
    int64_t rows = 2;
    heed_tensor *src = heed_input(g, HEED_I32, 2, (int64_t[]){2, 5}, ids), *n = heed_input(g, HEED_I32, 1, &rows, lengths);
    heed_tensor *all = heed_guesser_apply(g, &m->guesser, heed_encoder_states(g, m, src, n)), *some = record(g, m, 2, 5);
    heed_run(g, 2, (heed_tensor *[]){all, some});
    const float *a = heed_data(g, all), *s = heed_data(g, some);
    CU_ASSERT_FATAL(a && s);
    for (int k = 0; k < 6; k++)
        for (int c = 0; c < SYMBOLS; c++) CU_ASSERT_DOUBLE_EQUAL(s[k * SYMBOLS + c], a[places[k] * SYMBOLS + c], 1e-5);
    heed_encoder_logits(g, m, src, n, NULL);
    CU_ASSERT(check_says(heed_graph_error(g)->message, "needs their places"));
    heed_graph_free(g);
    free(m);
    heed_params_free(ps);
}

/* Each variant learns two sentences by heart. */
static void they_learn(void)
{
    static const int32_t classes[] = {2, 0}, tags[] = {0, 1, 2, 1, 0, 2, 1, -1, -1, -1}, guessed[] = {5, 10, 4, 9, -1, -1};
    for (int v = 0; v < VARIANTS; v++) {
        heed_params *ps = heed_params_new(9);
        heed_encoder *m = make(v, ps);
        heed_optimizer *o = heed_optimizer_new(ps, "adam");
        heed_optimizer_set(o, "lr", 0.02);
        heed_graph *g = heed_graph_new();
        heed_graph_threads(g, 1);
        double loss = 0;
        for (int step = 0; step < 150; step++) {
            heed_graph_reset(g);
            heed_tensor *y = record(g, m, 2, 5);
            heed_encoder_task task = m->config.task;
            const int32_t *target = task == HEED_ENCODER_CLASSES ? classes : task == HEED_ENCODER_TAGS ? tags : guessed;
            int64_t shape[] = {heed_dim(y, 0), heed_dim(y, 1)};
            heed_tensor *t = heed_input(g, HEED_I32, heed_rank(y) - 1, shape, target);
            heed_tensor *l = heed_cross_entropy(g, y, t, -1, 0, HEED_MEAN);
            heed_backward(g, l);
            loss = heed_item(g, l);
            heed_optimizer_step(o, g);
        }
        if (!(loss < 0.1)) fprintf(stderr, "\n    variant %d: loss %g\n", v, loss);
        CU_ASSERT(loss < 0.1);
        heed_graph_free(g);
        heed_optimizer_free(o);
        free(m);
        heed_params_free(ps);
    }
}

/* The model that training knows: the same logits, where it attends; it does not write. */
static void as_a_model(void)
{
    for (int v = 0; v < VARIANTS; v++) {
        heed_params *ps = heed_params_new(3);
        heed_encoder *m = make(v, ps);
        heed_model model = heed_encoder_model(m);
        heed_graph *g = heed_graph_new();
        int64_t rows = 2;
        bool masked = m->config.task == HEED_ENCODER_MASKED;
        heed_teaching t = {.src = heed_input(g, HEED_I32, 2, (int64_t[]){2, 5}, ids), .lengths = heed_input(g, HEED_I32, 1, &rows, lengths),
                           .tgt = masked ? heed_input(g, HEED_I32, 2, (int64_t[]){2, 3}, places) : NULL};
        heed_tensor *ys[] = {heed_model_logits(g, model, &t), record(g, m, 2, 5)};
        heed_run(g, 2, ys);
        const float *a = heed_data(g, ys[0]), *b = heed_data(g, ys[1]);
        CU_ASSERT_FATAL(a && b);
        CU_ASSERT(!memcmp(a, b, (size_t)heed_size(ys[0]) * sizeof *a));
        CU_ASSERT_EQUAL(model.kind->symbols(m), masked ? SYMBOLS : CLASSES);
        CU_ASSERT_EQUAL(model.kind->positions(m), v / 4 ? INT64_MAX : 8);
        heed_attention_place place;
        CU_ASSERT_EQUAL(model.kind->attention != NULL, v / 4 == 0);
        for (int i = 0; model.kind->attention && i < 2; i++) {
            CU_ASSERT_FATAL(model.kind->attention(m, i, &place));
            strcat(place.name, ".weights");
            CU_ASSERT_PTR_NOT_NULL(heed_find(g, place.name));
        }
        CU_ASSERT(!model.kind->attention || !model.kind->attention(m, 2, &place));
        CU_ASSERT_PTR_NULL(heed_decoder_new(g, model));
        heed_graph_free(g);
        free(m);
        heed_params_free(ps);
    }
}

CHECK_MAIN("encoder", {"parameters counted are parameters made", counted_as_made},
           {"padding is not seen", padding_is_not_seen}, {"all gradients", gradients},
           {"chosen places are rows of all", places_are_rows}, {"every variant learns", they_learn}, {"as a model that is trained and does not write", as_a_model})
