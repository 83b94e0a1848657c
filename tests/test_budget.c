/* A memory budget: less memory, the same bits, and a sentence where it is too small. */
#include "check.h"
#include "heed.h"
#include "random_graph.h"

#include <stdlib.h>
#include <string.h>

/* --- models ---------------------------------------------------------------------------------------------------------------------- */

enum { ROWS = 8, LENGTH = 12, SYMBOLS = 29, MANY_SYMBOLS = 24000 }; /* with so many, logits are streamed: docs/engine.md */
static int32_t ids[ROWS * LENGTH], lengths[ROWS];

static void make_ids(void)
{
    for (int i = 0; i < ROWS * LENGTH; i++) ids[i] = 1 + i * 7 % (SYMBOLS - 1);
    for (int b = 0; b < ROWS; b++) lengths[b] = 4 + b;
}

typedef struct net {
    heed_params *ps;
    heed_transformer transformer;
    heed_seq2seq recurrent;
    bool is_recurrent;
} net;

static void net_begin(net *n, bool is_recurrent, bool pre, int64_t symbols)
{
    memset(n, 0, sizeof *n);
    n->ps = heed_params_new(3);
    n->is_recurrent = is_recurrent;
    if (is_recurrent)
        heed_seq2seq_init(&n->recurrent, n->ps, &(heed_seq2seq_config){.kind = HEED_GRU, .src_vocab = symbols, .tgt_vocab = symbols, .emb = 16,
            .enc_hidden = 16, .hidden = 32, .layers = 1, .bidirectional = true, .score = heed_score_find("additive"), .feed = HEED_FEED_CONTEXT,
            .initial = HEED_INITIAL_MEAN, .tie = HEED_TIE_ALL, .joint = true, .emb_dropout = 0.2, .out_dropout = 0.3});
    else
        heed_transformer_init(&n->transformer, n->ps, &(heed_transformer_config){.layer = {.d = 32, .heads = 4, .dk = 8, .dv = 8, .ff = 64,
            .activation = HEED_GELU, .dropout = 0.2, .attention_dropout = 0.1, .ff_dropout = 0.1, .pre_norm = pre}, .src_vocab = symbols,
            .tgt_vocab = symbols, .enc_layers = 3, .dec_layers = 2, .tie = HEED_TIE_ALL});
    CU_ASSERT_EQUAL(heed_params_error(n->ps)->code, HEED_OK);
}

static heed_tensor *net_loss(heed_graph *g, net *n)
{
    const int64_t shape[] = {ROWS, LENGTH}, rows = ROWS;
    heed_teaching t = {.src = heed_input(g, HEED_I32, 2, shape, ids), .tgt = heed_input(g, HEED_I32, 2, shape, ids),
                       .lengths = heed_input(g, HEED_I32, 1, &rows, lengths)};
    heed_model model = n->is_recurrent ? heed_seq2seq_model(&n->recurrent) : heed_transformer_model(&n->transformer);
    return heed_cross_entropy(g, heed_model_logits(g, model, &t), heed_input(g, HEED_I32, 2, shape, ids), -1, 0.1, HEED_MEAN);
}

typedef struct result { double loss; float *grads; size_t size; heed_cost cost; char message[512]; } result;

static result train(net *n, size_t budget, int threads)
{
    result r = {.size = (size_t)heed_params_size(n->ps)};
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, threads);
    heed_graph_training(g, true);
    heed_graph_budget(g, budget);
    heed_graph_seed(g, 5, 1);
    heed_params_zero_grad(n->ps);
    heed_graph_explain(g, net_loss(g, n), true, &r.cost, NULL);
    if (!heed_graph_error(g)->code) {
        heed_graph_reset(g);
        heed_graph_seed(g, 5, 1);
        heed_tensor *loss = net_loss(g, n);
        heed_backward(g, loss);
        r.loss = heed_item(g, loss);
    }
    snprintf(r.message, sizeof r.message, "%s", heed_graph_error(g)->code ? heed_graph_error(g)->message : "");
    r.grads = heed_calloc(r.size, sizeof *r.grads);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.grads);
    float *to = r.grads;
    for (int k = 0; k < heed_params_count(n->ps) && !*r.message; k++) {
        heed_param *p = heed_params_at(n->ps, k);
        const float *from = heed_param_grad(p);
        if (from) memcpy(to, from, (size_t)heed_param_size(p) * sizeof *to);
        to += heed_param_size(p);
    }
    heed_graph_free(g);
    return r;
}

/* The bytes at the end of the sentence about a budget that is too small. */
static double least_of(const char *message)
{
    const char *at = strstr(message, "at least ");
    return at ? strtod(at + 9, NULL) * (strstr(message, "MiB") ? 1048576 : 1024) : 0;
}

static void check_net(bool is_recurrent, bool pre, int64_t symbols, int64_t share)
{
    net n;
    net_begin(&n, is_recurrent, pre, symbols);
    result all = train(&n, 0, 1);
    CU_ASSERT_STRING_EQUAL(all.message, "");
    CU_ASSERT_EQUAL(all.cost.again, 0);
    result none = train(&n, 1, 1);
    CU_ASSERT(check_says(none.message, symbols == SYMBOLS ? "run: a memory budget of 0.0 KiB for values is too small: at least " : "is too small: at least "));
    for (int k = 0; k < heed_params_count(n.ps); k++) CU_ASSERT(heed_param_grad_is_zero(heed_params_at(n.ps, k)));
    int64_t least = (int64_t)least_of(none.message);
    CU_ASSERT(least > 0 && least * share < all.cost.peak);
    for (int64_t budget = least, i = 0; budget < all.cost.peak; budget += (all.cost.peak - least) / 4 + 1, i++) {
        result r = train(&n, (size_t)budget, i % 3 == 2 ? 4 : (int)(i % 3) + 1);
        CU_ASSERT_STRING_EQUAL(r.message, "");
        CU_ASSERT(r.cost.peak <= budget && (i || symbols > SYMBOLS || r.cost.again > 0));
        CU_ASSERT_EQUAL(r.loss, all.loss);
        CU_ASSERT(!memcmp(r.grads, all.grads, all.size * sizeof *all.grads));
        heed_free(r.grads);
    }
    heed_free(none.grads);
    heed_free(all.grads);
    heed_params_free(n.ps);
}

static void transformers(void)
{
    make_ids();
    check_net(false, false, SYMBOLS, 2);
    check_net(false, true, SYMBOLS, 2);
}

static void recurrent(void)
{
    make_ids();
    check_net(true, false, SYMBOLS, 1);
}

static void streamed_logits(void)
{
    make_ids();
    check_net(false, false, MANY_SYMBOLS, 1);
}

/* --- random programs ---------------------------------------------------------------------------------------------------------------- */

enum { SEEDS = 200, TARGETS = 4 };
static float data[RANDOM_DATA + 1024];

/* Gradients of the sum of a few tensors, and the tensors, of program `seed`. */
static double *run_random(uint64_t seed, size_t budget, bool eager, size_t *count, char *message)
{
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, 1 + (int)(seed % 3));
    heed_graph_eager(g, eager);
    heed_graph_budget(g, budget);
    random_graph r = random_record(g, HEED_F32, seed, 0, 6 + (int)(seed % 40), seed % 6 == 0, data);
    heed_tensor *y = heed_scalar(g, HEED_F32, 0), *dx[RANDOM_INPUTS];
    for (int i = 0; i < TARGETS; i++) {
        heed_tensor *t = r.t[r.count - 1 - i * (r.count / TARGETS - 1)];
        y = heed_add(g, y, heed_scale(g, heed_sum(g, heed_mul(g, t, t), HEED_ALL, false), 1 / (1 + (double)heed_size(t))));
    }
    heed_grad(g, y, NULL, RANDOM_INPUTS, r.x, dx);
    heed_run(g, RANDOM_INPUTS, dx);
    *count = 0;
    snprintf(message, 512, "%s", heed_graph_error(g)->code ? heed_graph_error(g)->message : "");
    double *all = heed_calloc(RANDOM_DATA, sizeof *all);
    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    for (int i = 0; i < RANDOM_INPUTS && !*message; i++) {
        const float *p = heed_data(g, dx[i]);
        for (int64_t k = 0; p && k < heed_size(dx[i]) && *count < RANDOM_DATA; k++) all[(*count)++] = p[k];
    }
    heed_graph_free(g);
    return all;
}

static void random_programs(void)
{
    heed_random random = {.seed = 11};
    int again = 0;
    for (int i = 0; i < RANDOM_DATA + 1024; i++) data[i] = (float)(3 * heed_random_uniform(&random) - 1.5);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        size_t n, m, o;
        char message[512];
        double *all = run_random(seed, 0, false, &n, message), *eager = run_random(seed, 1, true, &o, message);
        CU_ASSERT_STRING_EQUAL(message, ""); /* no budget for eager graphs */
        CU_ASSERT_EQUAL(n, o);
        for (size_t i = 0; i < n; i++) CU_ASSERT_FATAL(fabs(all[i] - eager[i]) <= 1e-3 * (1 + fabs(all[i])) || isnan(eager[i]));
        heed_free(run_random(seed, 1, false, &m, message));
        double least = least_of(message);
        double *tight = run_random(seed, (size_t)least, false, &m, message);
        CU_ASSERT_STRING_EQUAL(message, "");
        bool same = m == n && !memcmp(all, tight, n * sizeof *all);
        if (!same) fprintf(stderr, "\n    seed %llu\n", (unsigned long long)seed);
        CU_ASSERT(same);
        again += least > 0;
        heed_free(all);
        heed_free(eager);
        heed_free(tight);
    }
    CU_ASSERT(again > SEEDS / 2);
}

/* --- a chain ------------------------------------------------------------------------------------------------------------------------- */

/* A deep chain of products: its gradient reads all values in between. With a budget of some of them it is made in segments. */
static void a_chain_in_segments(void)
{
    enum { DEEP = 64, N = 64 };
    heed_params *ps = heed_params_new(1);
    heed_param *w = heed_param_new(ps, "w", HEED_F32, 2, (int64_t[]){N, N}, HEED_NORMAL(0, 0.1));
    int64_t peak = 0, flops = 0;
    for (int i = 0; i < 2; i++) {
        heed_graph *g = heed_graph_new();
        heed_cost c;
        heed_graph_budget(g, (size_t)peak / 3);
        heed_tensor *x = heed_full(g, HEED_F32, 2, (int64_t[]){512, N}, 1);
        for (int k = 0; k < DEEP; k++) x = heed_tanh(g, heed_matmul(g, x, heed_use(g, w)));
        CU_ASSERT_EQUAL(heed_graph_explain(g, heed_sum(g, x, HEED_ALL, false), true, &c, NULL), HEED_OK);
        if (i) CU_ASSERT(c.peak <= peak / 3 && c.again >= DEEP / 3 && c.flops < flops + flops / 2);
        peak = c.peak;
        flops = c.flops;
        heed_graph_free(g);
    }
    heed_params_free(ps);
}

/* A large plan lets go the norms' outputs, which are cheap, without being asked; and keeps them where there is room in a budget. */
static void large_plans_spare(void)
{
    enum { DEEP = 24, WIDE = 512 };
    heed_params *ps = heed_params_new(1);
    heed_param *w = heed_param_new(ps, "w", HEED_F32, 2, (int64_t[]){WIDE, WIDE}, HEED_NORMAL(0, 0.1));
    heed_param *gain = heed_param_new(ps, "gain", HEED_F32, 1, (int64_t[]){WIDE}, HEED_ONES);
    heed_cost kept = {0}, spared = {0};
    for (int i = 0; i < 2; i++) {
        heed_graph *g = heed_graph_new();
        heed_graph_budget(g, i ? 0 : SIZE_MAX);
        heed_tensor *x = heed_full(g, HEED_F32, 2, (int64_t[]){8192, WIDE}, 1);
        for (int k = 0; k < DEEP; k++) x = heed_add(g, x, heed_matmul(g, heed_layer_norm(g, x, heed_use(g, gain), NULL, 1e-5), heed_use(g, w)));
        CU_ASSERT_EQUAL(heed_graph_explain(g, heed_sum(g, x, HEED_ALL, false), true, i ? &spared : &kept, NULL), HEED_OK);
        heed_graph_free(g);
    }
    CU_ASSERT(kept.again == 0 && kept.peak > (int64_t)256 << 20);
    CU_ASSERT(spared.again > 0 && spared.peak <= kept.peak / 16 * 15 && spared.flops < kept.flops + kept.flops / 100);
    heed_params_free(ps);
}

CHECK_MAIN("memory budget", {"transformers: the same bits, and the least that would do", transformers}, {"a recurrent model", recurrent},
           {"streamed logits", streamed_logits},
           {"random programs", random_programs}, {"a chain in segments", a_chain_in_segments},
           {"large plans spare what is cheap", large_plans_spare})
