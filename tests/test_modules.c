/* Modules: values and all gradients are PyTorch's (tests/data/make_modules.py tells the file); sizes are the paper's. */
#include "autograd/gradcheck.h"
#include "fixture.h"
#include "models/classify.h"
#include "models/transformer.h"

/* --- one case: y(x, memory) and the gradients of sum(y dy) ------------------------------------------------------------------ */

typedef struct bench {
    fixture *f;
    heed_params *ps;
    heed_graph *g;
    heed_tensor *x, *memory, *lengths;
    int32_t ids[16];
} bench;

static heed_tensor *input(bench *b, const char *name)
{
    const array *a = find(b->f, "", name);
    return a ? heed_input(b->g, HEED_F64, a->rank, a->shape, a->values) : NULL;
}

static heed_tensor *indices(bench *b, const char *name)
{
    const array *a = find(b->f, "", name);
    for (int64_t i = 0; a && i < a->count; i++) b->ids[i] = (int32_t)a->values[i];
    return a ? heed_input(b->g, HEED_I32, a->rank, a->shape, b->ids) : NULL;
}

static bench begin(const char *name)
{
    bench b = {.f = load("modules.expected", name), .ps = heed_params_new(1), .g = heed_graph_new()};
    heed_params_dtype(b.ps, HEED_F64);
    b.x = input(&b, "x");
    b.memory = input(&b, "memory");
    return b;
}

static void finish(bench *b, heed_tensor *y)
{
    heed_tensor *xs[] = {b->x, b->memory}, *dxs[2] = {NULL, NULL};
    const array *out = find(b->f, "", "y");
    int64_t shape[4];
    for (int i = 0; i < 4; i++) shape[i] = heed_dim(y, i);
    CU_ASSERT_FATAL(same_shape(out, heed_rank(y), shape));
    heed_tensor *dy = input(b, "dy");
    heed_grad(b->g, y, dy, b->memory ? 2 : 1, xs, dxs);
    heed_backward(b->g, heed_sum(b->g, heed_mul(b->g, y, dy), HEED_ALL, false));
    compare("y", out, heed_data(b->g, y));
    compare("d.x", find(b->f, "d.", "x"), heed_data(b->g, dxs[0]));
    if (b->memory) compare("d.memory", find(b->f, "d.", "memory"), heed_data(b->g, dxs[1]));
    for (int i = 0; i < heed_params_count(b->ps); i++) {
        heed_param *p = heed_params_at(b->ps, i);
        compare(heed_param_name(p), find(b->f, "d.", heed_param_name(p)), heed_param_grad(p));
    }
    CU_ASSERT_EQUAL(heed_graph_error(b->g)->code, HEED_OK);
    heed_graph_free(b->g);
    heed_params_free(b->ps);
    free(b->f);
}

/* --- modules ---------------------------------------------------------------------------------------------------------------- */

static void multihead(const char *name, int64_t dk, int64_t dv, bool causal)
{
    bench b = begin(name);
    heed_multihead m;
    heed_multihead_init(&m, b.ps, "self", 4, 2, dk, dv, 0);
    set_weights(b.f, b.ps, (b.x != NULL) + (b.memory != NULL));
    heed_mask mask = {.lengths = indices(&b, "lengths"), .causal = causal};
    finish(&b, heed_multihead_apply(b.g, &m, b.x, b.memory ? b.memory : b.x, mask));
}

static void multihead_attention(void)
{
    multihead("multihead.padded", 2, 2, false);
    multihead("multihead.causal", 2, 2, true);
    multihead("multihead.cross", 2, 2, false);
    multihead("multihead.free", 3, 5, false);
}

/* The same masks as a sum on the scores. */
static void additive_masks(void)
{
    bench b = begin("multihead.padded");
    heed_multihead m;
    heed_multihead_init(&m, b.ps, "self", 4, 2, 2, 2, 0);
    set_weights(b.f, b.ps, (b.x != NULL) + (b.memory != NULL));
    const double hidden[2][3] = {{0, 0, 0}, {0, 0, -INFINITY}};
    heed_mask mask = {.additive = heed_input(b.g, HEED_F64, 4, (int64_t[]){2, 1, 1, 3}, hidden)};
    finish(&b, heed_multihead_apply(b.g, &m, b.x, b.x, mask));
}

static heed_layer_config layer(bool pre_norm)
{
    return (heed_layer_config){.d = 4, .heads = 2, .dk = 2, .dv = 2, .ff = 6, .activation = pre_norm ? HEED_GELU : HEED_RELU,
                               .pre_norm = pre_norm};
}

static void encoder_layers(void)
{
    for (int pre = 0; pre < 2; pre++) {
        bench b = begin(pre ? "encoder.pre" : "encoder.post");
        heed_encoder_layer m;
        heed_layer_config c = layer(pre);
        heed_encoder_layer_init(&m, b.ps, &c);
        set_weights(b.f, b.ps, (b.x != NULL) + (b.memory != NULL));
        finish(&b, heed_encoder_layer_apply(b.g, &m, b.x, (heed_mask){.lengths = indices(&b, "lengths")}));
    }
}

static void decoder_layers(void)
{
    for (int pre = 0; pre < 2; pre++) {
        bench b = begin(pre ? "decoder.pre" : "decoder.post");
        heed_decoder_layer m;
        heed_layer_config c = layer(pre);
        heed_decoder_layer_init(&m, b.ps, &c, true);
        set_weights(b.f, b.ps, (b.x != NULL) + (b.memory != NULL));
        finish(&b, heed_decoder_layer_apply(b.g, &m, b.x, b.memory, indices(&b, "lengths")));
    }
}

static void layer_norm(void)
{
    bench b = begin("norm");
    heed_norm m;
    heed_norm_init(&m, b.ps, "norm", 7);
    set_weights(b.f, b.ps, (b.x != NULL) + (b.memory != NULL));
    finish(&b, heed_norm_apply(b.g, &m, b.x));
}

static void gelu(void)
{
    bench b = begin("gelu.erf");
    finish(&b, heed_gelu(b.g, b.x));
    b = begin("gelu.tanh");
    finish(&b, heed_gelu_tanh(b.g, b.x));
}

static void cross_entropy(void)
{
    static const struct { const char *name; heed_reduction reduction; } cases[] = {
        {"cross_entropy.sum", HEED_TOTAL}, {"cross_entropy.mean", HEED_MEAN}, {"cross_entropy.plain", HEED_MEAN}};
    for (int i = 0; i < 3; i++) {
        bench b = begin(cases[i].name);
        heed_tensor *targets = indices(&b, "targets");
        finish(&b, heed_cross_entropy(b.g, b.x, targets, 0, number(b.f, "smoothing"), cases[i].reduction));
    }
}

static void positions(void)
{
    bench b = begin("positions");
    heed_positions m;
    heed_positions_init(&m, b.ps, "positions", HEED_POSITIONS_SINUSOIDAL, 0, 6);
    finish(&b, heed_positions_apply(b.g, &m, b.x, (int64_t)number(b.f, "start")));
}

static void classifier(void)
{
    for (int first = 0; first < 2; first++) {
        bench b = begin(first ? "classifier.first" : "classifier.mean");
        heed_classifier m;
        heed_classifier_init(&m, b.ps, "head", 4, 3, 0.5); /* no dropout: the graph is not training */
        set_weights(b.f, b.ps, (b.x != NULL) + (b.memory != NULL));
        heed_tensor *pooled = heed_pool(b.g, b.x, indices(&b, "lengths"), first ? HEED_POOL_FIRST : HEED_POOL_MEAN);
        finish(&b, heed_classifier_apply(b.g, &m, pooled));
    }
}

static void guesser(void)
{
    bench b = begin("guesser");
    heed_embed embed;
    heed_guesser m;
    heed_embed_init(&embed, b.ps, "src", 5, 4);
    heed_guesser_init(&m, b.ps, "mlm", 6, &embed);
    set_weights(b.f, b.ps, (b.x != NULL) + (b.memory != NULL));
    finish(&b, heed_guesser_apply(b.g, &m, b.x));
}

static heed_tensor *pooled(heed_graph *g, heed_tensor *const *x, void *context)
{
    return heed_pool(g, x[0], context ? NULL : x[1], HEED_POOL_MEAN);
}

/* Lengths 0 and 1, no lengths, one step; what is behind the end may even be NaN. */
static void pooling_at_its_edges(void)
{
    double x[24];
    for (int i = 0; i < 24; i++) x[i] = (i * 7 % 11) * 0.3 - 1;
    const int32_t lengths[] = {4, 0, 1};
    const heed_gradcheck_input in[] = {{HEED_F64, 3, {3, 4, 2}, x}, {HEED_I32, 1, {3}, lengths}};
    heed_gradcheck_options second = {.second = true};
    heed_gradcheck_report r = heed_gradcheck(pooled, NULL, 2, in, &second);
    CU_ASSERT(check_says(r.message, "") && r.ok);
    r = heed_gradcheck(pooled, &r, 1, in, &second);
    CU_ASSERT(r.ok);
    x[23] = x[22] = NAN; /* of the third sequence, whose length is 1 */
    heed_graph *g = heed_graph_new();
    heed_tensor *states = heed_input(g, HEED_F64, 3, (int64_t[]){3, 4, 2}, x), *n = heed_input(g, HEED_I32, 1, (int64_t[]){3}, lengths);
    const double *y = heed_data(g, heed_pool(g, states, n, HEED_POOL_MEAN));
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT(y[2] == 0 && y[3] == 0); /* the mean of nothing */
    CU_ASSERT(y[4] == x[16] && y[5] == x[17]);
    heed_pool(g, n, NULL, HEED_POOL_MEAN);
    CU_ASSERT(check_says(heed_graph_error(g)->message, "[B, T, d]"));
    heed_graph_free(g);
}

/* --- sizes ------------------------------------------------------------------------------------------------------------------ */

/* Table 3 of the paper, in millions of parameters; its printed numbers fit 40,960 symbols, and 36,000 in the big model. */
static void table_3(void)
{
    static const struct { int layers, d, ff, heads, dk, dv, vocabulary, millions; } rows[] = {
        {6, 512, 2048, 8, 64, 64, 40960, 65},  {6, 512, 2048, 8, 16, 64, 40960, 58},     {6, 512, 2048, 8, 32, 64, 40960, 60},
        {2, 512, 2048, 8, 64, 64, 40960, 36},  {4, 512, 2048, 8, 64, 64, 40960, 50},     {8, 512, 2048, 8, 64, 64, 40960, 80},
        {6, 256, 2048, 8, 32, 32, 40960, 28},  {6, 1024, 2048, 8, 128, 128, 40960, 168}, {6, 512, 1024, 8, 64, 64, 40960, 53},
        {6, 512, 4096, 8, 64, 64, 40960, 90},  {6, 1024, 4096, 16, 64, 64, 36000, 213},
    };
    heed_transformer_config base = heed_transformer_base(40960);
    CU_ASSERT_EQUAL(heed_transformer_size(&base) / 1000000, 65);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        heed_transformer_config c = heed_transformer_base(rows[i].vocabulary);
        c.enc_layers = c.dec_layers = rows[i].layers;
        c.layer.d = rows[i].d, c.layer.ff = rows[i].ff, c.layer.heads = rows[i].heads;
        c.layer.dk = rows[i].dk, c.layer.dv = rows[i].dv;
        double millions = (double)heed_transformer_size(&c) / 1e6;
        if (lround(millions) != rows[i].millions)
            fprintf(stderr, "\n    row %zu: %.2f million, not %d\n", i, millions, rows[i].millions);
        CU_ASSERT_EQUAL(lround(millions), rows[i].millions);
    }
}

/* What is counted is what is made, in every variant. */
static void counted_as_made(void)
{
    heed_transformer *m = malloc(sizeof *m);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    static const int layers[][2] = {{2, 3}, {2, 0}, {0, 3}};
    for (int v = 0; v < 3 * 3 * 2 * 2; v++) {
        const int *n = layers[v % 3];
        heed_tie tie = (heed_tie)(v / 3 % 3);
        heed_transformer_config c = {
            .layer = {.d = 6, .heads = 3, .dk = 5, .dv = 4, .ff = 7, .pre_norm = v / 9 % 2},
            .src_vocab = 11, .tgt_vocab = tie == HEED_TIE_ALL ? 11 : 13, .enc_layers = n[0], .dec_layers = n[1],
            .positions = v / 18 ? HEED_POSITIONS_LEARNED : HEED_POSITIONS_SINUSOIDAL, .max_len = 9, .tie = tie};
        heed_params *ps = heed_params_new(1);
        heed_transformer_init(m, ps, &c);
        CU_ASSERT_EQUAL(heed_params_error(ps)->code, HEED_OK);
        CU_ASSERT_EQUAL(heed_params_size(ps), heed_transformer_size(&c));
        heed_params_free(ps);
    }
    free(m);
}

CHECK_MAIN("modules", {"multi-head attention is PyTorch's, with padding, causal, across, and with free d_k and d_v",
                       multihead_attention},
           {"masks that are added say the same as lengths", additive_masks},
           {"the encoder's layer is PyTorch's, post- and pre-norm", encoder_layers},
           {"the decoder's layer is PyTorch's, post- and pre-norm", decoder_layers},
           {"layer norm is PyTorch's", layer_norm},
           {"GELU is PyTorch's, exact and by tanh", gelu},
           {"cross-entropy is PyTorch's, with label smoothing and targets to ignore, as sum and mean", cross_entropy},
           {"sinusoidal positions are the paper's", positions},
           {"a pooled classifier is PyTorch's, by the mean and by the first state", classifier},
           {"the head of a masked language model is PyTorch's, tied to the embedding", guesser},
           {"pooling sequences of 0, 1 and all steps", pooling_at_its_edges},
           {"models have as many parameters as table 3 says", table_3},
           {"parameters counted are parameters made", counted_as_made})
