/* Cases of softmax, normalisation, dropout, losses and attention. */
#include "op_cases.h"

static heed_tensor *softmax(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_softmax(g, x[0], (int)c->n[0]);
}
static heed_tensor *log_softmax(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_log_softmax(g, x[0], (int)c->n[0]);
}
static heed_tensor *logsumexp(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_logsumexp(g, x[0], c->n[0] < 0 ? HEED_LAST : HEED_AXIS(c->n[0]), true);
}
#define SOFTMAX_CASES(name)                                                                                                     \
    OP_CASES(name, {"rows", name, .x = {REAL(-3, 3, 3, 5)}, .n = {-1}},                                                         \
             {"odd rows", name, .x = {REAL(-3, 3, 2, 3, 37)}, .n = {2}},                                                        \
             {"columns", name, .x = {REAL(-3, 3, 4, 3)}, .n = {0}},                                                             \
             {"the middle axis", name, .x = {REAL(-3, 3, 2, 5, 3)}, .n = {1}},                                                  \
             {"a vector", name, .x = {REAL(-3, 3, 9)}, .n = {0}}, {"rows of one", name, .x = {REAL(-3, 3, 4, 1)}, .n = {-1}},   \
             {"no rows", name, .x = {REAL(-3, 3, 0, 4)}, .n = {-1}}, {"empty rows", name, .x = {REAL(-3, 3, 4, 0)}, .n = {-1}}, \
             {"large", name, .x = {REAL(-9, 9, 301, 130)}, .n = {-1}, .large = true},                                           \
             {"large and wide", name, .x = {REAL(-9, 9, 7, 5003)}, .n = {-1}, .large = true})
SOFTMAX_CASES(softmax)
SOFTMAX_CASES(log_softmax)
SOFTMAX_CASES(logsumexp)

/* --- normalisation ---------------------------------------------------------------------------------------------------------- */

static int operands(const op_case *c)
{
    int n = 0;
    while (n < 8 && c->x[n].used) n++;
    return n;
}

static heed_tensor *layer_norm(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_layer_norm(g, x[0], operands(c) > 1 ? x[1] : NULL, operands(c) > 2 ? x[2] : NULL, 1e-3);
}
static heed_tensor *rms_norm(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_rms_norm(g, x[0], operands(c) > 1 ? x[1] : NULL, 1e-3);
}
static heed_tensor *shifted_norm(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    (void)c;
    return heed_layer_norm(g, x[0], NULL, x[1], 1e-3);
}
OP_CASES(norm, {"layer", layer_norm, .x = {REAL(-2, 3, 3, 5)}},
         {"layer, gain", layer_norm, .x = {REAL(-2, 3, 3, 5), REAL(0.5, 2, 5)}},
         {"layer, gain and shift", layer_norm, .x = {REAL(-2, 3, 2, 3, 19), REAL(0.5, 2, 19), REAL(-1, 1, 19)}},
         {"layer, shift", shifted_norm, .x = {REAL(-2, 3, 3, 5), REAL(-1, 1, 5)}}, {"rms", rms_norm, .x = {REAL(-2, 3, 3, 5)}},
         {"rms, gain", rms_norm, .x = {REAL(-2, 3, 2, 3, 19), REAL(0.5, 2, 19)}}, {"a vector", layer_norm, .x = {REAL(-2, 3, 6)}},
         {"rms, rows of one", rms_norm, .x = {REAL(1, 2, 3, 1), REAL(0.5, 2, 1)}},
         {"no rows", layer_norm, .x = {REAL(-2, 3, 0, 5), REAL(0.5, 2, 5), REAL(-1, 1, 5)}},
         {"empty rows", layer_norm, .x = {REAL(-2, 3, 3, 0), REAL(0.5, 2, 0), REAL(-1, 1, 0)}},
         {"large", layer_norm, .x = {REAL(-2, 3, 301, 130), REAL(0.5, 2, 130), REAL(-1, 1, 130)}, .large = true})

/* gradient of the norm by x, given dy = x[1] and perhaps gamma = x[2]; n[0]: rms */
static heed_tensor *norm_grad(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *gamma = operands(c) > 2 ? x[2] : NULL, *dx;
    heed_grad(g, c->n[0] ? heed_rms_norm(g, x[0], gamma, 1e-3) : heed_layer_norm(g, x[0], gamma, NULL, 1e-3), x[1], 1, x, &dx);
    return dx;
}
OP_CASES(norm_grad, {"layer", norm_grad, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 3, 5)}},
         {"layer, gain", norm_grad, .x = {REAL(-2, 3, 3, 19), REAL(-1, 2, 3, 19), REAL(0.5, 2, 19)}},
         {"rms", norm_grad, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 3, 5)}, .n = {1}},
         {"rms, gain", norm_grad, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 3, 5), REAL(0.5, 2, 5)}, .n = {1}},
         {"no rows", norm_grad, .x = {REAL(-2, 3, 0, 5), REAL(-1, 2, 0, 5)}, .n = {1}},
         {"large", norm_grad, .x = {REAL(-2, 3, 301, 130), REAL(-1, 2, 301, 130), REAL(0.5, 2, 130)}, .large = true})

/* gradient of the norm by its gain x[2], given dy = x[1]; n[0]: rms */
static heed_tensor *norm_gain(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *gain;
    heed_grad(g, c->n[0] ? heed_rms_norm(g, x[0], x[2], 1e-3) : heed_layer_norm(g, x[0], x[2], NULL, 1e-3), x[1], 1, x + 2, &gain);
    return gain;
}
OP_CASES(norm_gain, {"layer", norm_gain, .x = {REAL(-2, 3, 3, 19), REAL(-1, 2, 3, 19), REAL(0.5, 2, 19)}},
         {"layer, more axes", norm_gain, .x = {REAL(-2, 3, 2, 3, 5), REAL(-1, 2, 2, 3, 5), REAL(0.5, 2, 5)}},
         {"rms", norm_gain, .x = {REAL(-2, 3, 5, 5), REAL(-1, 2, 5, 5), REAL(0.5, 2, 5)}, .n = {1}},
         {"a vector", norm_gain, .x = {REAL(-2, 3, 6), REAL(-1, 2, 6), REAL(0.5, 2, 6)}},
         {"no rows", norm_gain, .x = {REAL(-2, 3, 0, 5), REAL(-1, 2, 0, 5), REAL(0.5, 2, 5)}, .n = {1}},
         {"large", norm_gain, .x = {REAL(-2, 3, 301, 130), REAL(-1, 2, 301, 130), REAL(0.5, 2, 130)}, .large = true})

static heed_tensor *norm_curvature(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *dx = norm_grad(g, x, c), *dxx;
    heed_grad(g, dx, x[1], 1, x, &dxx);
    return dxx;
}
OP_CASES(norm_scale, {"layer", norm_curvature, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 3, 5)}},
         {"rms", norm_curvature, .x = {REAL(-2, 3, 3, 5), REAL(-1, 2, 3, 5)}, .n = {1}},
         {"large", norm_curvature, .x = {REAL(-2, 3, 301, 130), REAL(-1, 2, 301, 130)}, .large = true})

static heed_tensor *dropout(heed_graph *g, heed_tensor *const *x, const op_case *c) { return heed_dropout(g, x[0], c->p[0]); }
OP_CASES(dropout, {"half", dropout, .x = {REAL(-2, 3, 3, 37)}, .p = {0.5}, .training = true},
         {"little", dropout, .x = {REAL(-2, 3, 2, 3, 5)}, .p = {0.1}, .training = true},
         {"empty", dropout, .x = {REAL(-2, 3, 0, 5)}, .p = {0.1}, .training = true},
         {"large", dropout, .x = {REAL(-2, 3, 301, 131)}, .p = {0.3}, .training = true, .large = true},
         {"large and wide", dropout, .x = {REAL(-2, 3, 9, 5003)}, .p = {0.3}, .training = true, .large = true})

/* --- losses ----------------------------------------------------------------------------------------------------------------- */

/* n: reduction, index to ignore; p: smoothing */
static heed_tensor *cross_entropy(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_cross_entropy(g, x[0], x[1], (int32_t)c->n[1], c->p[0], (heed_reduction)c->n[0]);
}
#define CROSS_ENTROPY_CASES(name, f)                                                                                         \
    OP_CASES(name, {"mean", f, .x = {REAL(-3, 3, 4, 5), INDEX(5, 4)}, .n = {HEED_MEAN, -1}},                                 \
             {"each, smooth, one ignored", f, .x = {REAL(-3, 3, 2, 7, 5), INDEX(5, 2, 7)}, .n = {HEED_EACH, 2}, .p = {0.1}}, \
             {"mean, smooth, one ignored", f, .x = {REAL(-3, 3, 2, 7, 5), INDEX(5, 2, 7)}, .n = {HEED_MEAN, 0}, .p = {0.3}}, \
             {"total", f, .x = {REAL(-3, 3, 3, 1, 37), INDEX(37, 3, 1)}, .n = {HEED_TOTAL, -1}},                             \
             {"one class", f, .x = {REAL(-3, 3, 3, 1), INDEX(1, 3)}, .n = {HEED_EACH, -1}},                                  \
             {"one token", f, .x = {REAL(-3, 3, 1, 5), INDEX(5, 1)}, .n = {HEED_TOTAL, -1}},                                 \
             {"none counts", f, .x = {REAL(-3, 3, 3, 4), INDEX(1, 3)}, .n = {HEED_MEAN, 0}},                                 \
             {"no token", f, .x = {REAL(-3, 3, 0, 4), INDEX(4, 0)}, .n = {HEED_MEAN, -1}},                                   \
             {"large", f, .x = {REAL(-9, 9, 301, 130), INDEX(130, 301)}, .n = {HEED_MEAN, 3}, .p = {0.1}, .large = true},    \
             {"large and wide", f, .x = {REAL(-9, 9, 7, 5003), INDEX(5003, 7)}, .n = {HEED_EACH, 3}, .p = {0.1}, .large = true})
CROSS_ENTROPY_CASES(cross_entropy, cross_entropy)

static heed_tensor *cross_entropy_grad(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *dx;
    heed_grad(g, cross_entropy(g, x, c), NULL, 1, x, &dx);
    return dx;
}
CROSS_ENTROPY_CASES(cross_entropy_grad, cross_entropy_grad)

static heed_tensor *nll(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_nll(g, x[0], x[1], (int32_t)c->n[1], (heed_reduction)c->n[0]);
}
CROSS_ENTROPY_CASES(pick, nll)

static heed_tensor *nll_grad(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *dx, *y = heed_mul(g, x[0], x[0]);
    heed_grad(g, nll(g, (heed_tensor *[]){y, x[1]}, c), NULL, 1, x, &dx);
    return dx;
}
CROSS_ENTROPY_CASES(unpick, nll_grad)
OP_CASES(tokens, {"some", cross_entropy, .x = {REAL(-3, 3, 9, 2), INDEX(2, 9)}, .n = {HEED_MEAN, 1}},
         {"large", cross_entropy, .x = {REAL(-3, 3, 301, 130), INDEX(9, 301)}, .n = {HEED_MEAN, 1}, .large = true})

static heed_tensor *kl(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_kl(g, x[0], x[1], (heed_reduction)c->n[0]);
}
OP_CASES(kl_term, {"mean", kl, .x = {REAL(0.1, 1, 3, 5), REAL(-3, 0, 3, 5)}, .n = {HEED_MEAN}},
         {"each, broadcast", kl, .x = {REAL(0.1, 1, 4, 1, 5), REAL(-3, 0, 3, 1)}, .n = {HEED_EACH}},
         {"empty", kl, .x = {REAL(0.1, 1, 0, 5), REAL(-3, 0, 5)}, .n = {HEED_TOTAL}},
         {"large", kl, .x = {REAL(0.1, 1, 301, 130), REAL(-3, 0, 301, 130)}, .n = {HEED_MEAN}, .large = true})

static heed_tensor *bce(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    return heed_bce_with_logits(g, x[0], x[1], (heed_reduction)c->n[0]);
}
OP_CASES(bce, {"mean", bce, .x = {REAL(-4, 4, 3, 5), REAL(0, 1, 3, 5)}, .n = {HEED_MEAN}},
         {"each, broadcast", bce, .x = {REAL(-4, 4, 3, 5), REAL(0, 1, 5)}, .n = {HEED_EACH}},
         {"empty", bce, .x = {REAL(-4, 4, 0, 5), REAL(0, 1, 5)}, .n = {HEED_TOTAL}},
         {"large", bce, .x = {REAL(-4, 4, 301, 130), REAL(0, 1, 301, 130)}, .n = {HEED_MEAN}, .large = true})

/* A gradient that is zero where values change is no case for differences: tests/test_nn.c has it. */
static heed_tensor *stopped(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    (void)c;
    return heed_mul(g, x[0], heed_stop_gradient(g, x[0]));
}
OP_CASES(stop_gradient, {"a matrix", stopped, .x = {REAL(-2, 3, 3, 5)}, .values_only = true},
         {"empty", stopped, .x = {REAL(-2, 3, 0, 5)}, .values_only = true},
         {"large", stopped, .x = {REAL(-2, 3, 301, 130)}, .values_only = true, .large = true})

/* --- attention -------------------------------------------------------------------------------------------------------------- */

/* n: 1 causal, 1 lengths, 1 mask, 1 composed; p: scale, dropout. Operands: query, key, value, lengths, mask, each if used. */
static heed_tensor *attention(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    int n = 3;
    heed_attention_options o = {.scale = c->p[0], .causal = c->n[0], .dropout = c->p[1]};
    if (c->n[1]) o.lengths = x[n++];
    if (c->n[2]) o.mask = x[n++];
    return (c->n[3] ? heed_attention_composed : heed_attention)(g, x[0], x[1], x[2], &o);
}
static heed_tensor *attention_grad(heed_graph *g, heed_tensor *const *x, const op_case *c)
{
    heed_tensor *d[3], *y = attention(g, x, c);
    heed_grad(g, heed_mul(g, y, y), NULL, 3, x, d);
    return heed_add(g, heed_sum(g, heed_mul(g, d[0], d[0]), 12, false),
                    heed_sum(g, heed_mul(g, d[1], heed_sum(g, d[2], HEED_LAST, true)), 12, false));
}
#define QKV(B, h, T, S, dk, dv) REAL(-1, 2, B, h, T, dk), REAL(-2, 1, B, h, S, dk), REAL(-1, 1, B, h, S, dv)
#define ATTENTION_CASES(name, f, form)                                                              \
    OP_CASES(name, {"plain", f, .x = {QKV(2, 2, 3, 4, 5, 3)}, .n = {0, 0, 0, form}},                \
             {"causal", f, .x = {QKV(1, 2, 4, 4, 3, 3)}, .n = {1, 0, 0, form}, .p = {0.5}},         \
             {"causal, more keys", f, .x = {QKV(1, 1, 3, 5, 3, 2)}, .n = {1, 0, 0, form}},          \
             {"causal, more queries", f, .x = {QKV(1, 1, 5, 3, 3, 2)}, .n = {1, 0, 0, form}},       \
             {"lengths", f, .x = {QKV(3, 2, 2, 4, 3, 2), INDEX(5, 3)}, .n = {0, 1, 0, form}},       \
             {"mask", f, .x = {QKV(2, 2, 3, 4, 3, 2), REAL(-1, 1, 2, 1, 4)}, .n = {0, 0, 1, form}}, \
             {"everything", f, .x = {QKV(2, 3, 3, 5, 3, 2), INDEX(6, 2), REAL(-1, 1, 2, 3, 3, 5)},  \
              .n = {1, 1, 1, form}, .p = {0.7, 0.3}, .training = true},                             \
             {"one query, one key", f, .x = {QKV(2, 1, 1, 1, 1, 1)}, .n = {1, 0, 0, form}},         \
             {"no queries", f, .x = {QKV(2, 1, 0, 3, 2, 2)}, .n = {0, 0, 0, form}},                 \
             {"no keys", f, .x = {QKV(2, 1, 3, 0, 2, 2)}, .n = {0, 0, 0, form}},                    \
             {"large", f, .x = {QKV(2, 3, 67, 71, 20, 36), INDEX(72, 2)}, .n = {1, 1, 0, form},     \
              .p = {0, 0.1}, .training = true, .large = true})
ATTENTION_CASES(attention, attention, 0)
ATTENTION_CASES(attention_pack, attention, 0)
ATTENTION_CASES(attention_weights, attention, 1)
ATTENTION_CASES(attention_part, attention_grad, 0)
ATTENTION_CASES(attention_pack_grad, attention_grad, 0)
ATTENTION_CASES(causal_attention_pack, attention, 0)
ATTENTION_CASES(causal_attention_pack_grad, attention_grad, 0)
ATTENTION_CASES(alias, attention_grad, 0)
