#include "cli/job.h"

#include <math.h>
#include <string.h>

static heed_code transformer_config(const job *j, heed_transformer_config *c, heed_error *e)
{
    const settings *s = &j->set;
    if ((!s->dk || !s->dv) && s->d % s->heads)
        return heed_fail(e, HEED_INVALID, "d=%lld is not a multiple of heads=%lld; set dk and dv, or other sizes", (long long)s->d, (long long)s->heads);
    if (s->positions == HEED_POSITIONS_SINUSOIDAL && s->d < 2) return heed_fail(e, HEED_INVALID, "positions=sinusoidal needs d of at least 2");
    *c = (heed_transformer_config){
        .layer = {.d = s->d, .heads = s->heads, .dk = s->dk ? s->dk : s->d / s->heads, .dv = s->dv ? s->dv : s->d / s->heads, .ff = s->ff,
                  .activation = (heed_activation)s->activation, .dropout = s->dropout, .attention_dropout = s->attention_dropout,
                  .ff_dropout = s->ff_dropout, .pre_norm = s->norm == 1},
        .src_vocab = j->src_vocab ? (int64_t)heed_vocab_size(j->src_vocab) : j->src_symbols,
        .tgt_vocab = j->tgt_vocab ? (int64_t)heed_vocab_size(j->tgt_vocab) : j->tgt_symbols,
        .enc_layers = j->kind == JOB_PAIRS ? (int)s->enc_layers : 0,
        .dec_layers = (int)s->dec_layers,
        .positions = (heed_position_kind)s->positions,
        .max_len = s->max_len,
        .tie = s->tie == TIE_YES ? HEED_TIE_ALL : s->tie == TIE_OUTPUT ? HEED_TIE_OUTPUT : HEED_TIE_NONE,
    };
    return HEED_OK;
}

static heed_code build_optimizer(job *j, heed_error *e)
{
    const settings *s = &j->set;
    char rule[32];
    j->optimizer = heed_optimizer_new(j->params, settings_choice("optimizer", s->optimizer, rule));
    const struct { const char *name; double value; } list[] = {
        {"beta1", s->beta1}, {"beta2", s->beta2}, {"eps", s->eps}, {"momentum", s->momentum}, {"weight_decay", s->weight_decay},
        {"clip_norm", s->clip > 0 ? s->clip : INFINITY}, /* infinity: measured, not clipped */
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!isnan(heed_optimizer_get(j->optimizer, list[i].name, NULL))) heed_optimizer_set(j->optimizer, list[i].name, list[i].value);
    const heed_error *failed = heed_optimizer_error(j->optimizer);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : HEED_OK;
}

heed_code job_weights(const job *j, int64_t *count, heed_error *e)
{
    heed_transformer_config c;
    if (transformer_config(j, &c, e)) return e->code;
    *count = heed_transformer_size(&c);
    return HEED_OK;
}

heed_code job_build(job *j, bool training, heed_error *e)
{
    heed_transformer_config c;
    if (transformer_config(j, &c, e)) return e->code;
    j->src_symbols = c.src_vocab;
    j->tgt_symbols = c.tgt_vocab;
    j->params = heed_params_new((uint64_t)j->set.seed);
    j->model = heed_calloc(1, sizeof *j->model);
    if (!j->model) return heed_fail(e, HEED_NO_MEMORY, "no memory for the model");
    heed_transformer_init(j->model, j->params, &c);
    const heed_error *failed = heed_params_error(j->params);
    if (failed->code) return heed_fail(e, failed->code, "%s", failed->message);
    double best = j->plateau.best, scale = j->plateau.scale; /* from a checkpoint */
    int64_t bad = j->plateau.bad;
    j->plateau = heed_plateau_new(j->set.decay_factor, j->set.decay_every);
    if (j->step) j->plateau.best = best, j->plateau.scale = scale, j->plateau.bad = bad;
    return training ? build_optimizer(j, e) : HEED_OK;
}

double job_rate(const job *j, int64_t step)
{
    static const heed_schedule_kind kinds[] = {HEED_SCHEDULE_INVERSE_SQRT, HEED_SCHEDULE_COSINE, HEED_SCHEDULE_LINEAR,
                                               HEED_SCHEDULE_CONSTANT, HEED_SCHEDULE_STEP, HEED_SCHEDULE_CONSTANT};
    const settings *s = &j->set;
    heed_schedule schedule = {.kind = kinds[s->schedule], .lr = s->lr, .warmup = s->warmup, .steps = s->schedule_steps, .lowest = s->final_lr,
                              .every = s->decay_every, .factor = s->decay_factor};
    return heed_schedule_at(&schedule, step) * (s->schedule == SCHEDULE_PLATEAU ? j->plateau.scale : 1);
}

void job_free(job *j)
{
    heed_optimizer_free(j->optimizer);
    heed_params_free(j->params);
    heed_free(j->model);
    if (j->src_units != j->tgt_units) heed_units_free(j->src_units);
    heed_units_free(j->tgt_units);
    if (j->src_vocab != j->tgt_vocab) heed_vocab_free(j->src_vocab);
    heed_vocab_free(j->tgt_vocab);
    *j = (job){.best_loss = INFINITY};
}

heed_tensor *job_loss(const job *j, heed_graph *g, const heed_batch *b, double label_smoothing, heed_tensor **logits)
{
    int64_t rows = (int64_t)b->rows, target[] = {rows, (int64_t)b->target_steps};
    heed_tensor *memory = NULL, *lengths = NULL;
    if (j->kind == JOB_PAIRS) {
        heed_tensor *src = heed_input(g, HEED_I32, 2, (int64_t[]){rows, (int64_t)b->source_steps}, b->source);
        lengths = heed_input(g, HEED_I32, 1, &rows, b->source_length);
        memory = heed_transformer_encode(g, j->model, src, lengths);
    }
    heed_tensor *states = heed_transformer_decode(g, j->model, heed_input(g, HEED_I32, 2, target, b->target_in), memory, lengths);
    heed_tensor *scores = heed_transformer_logits(g, j->model, states);
    if (logits) *logits = scores;
    return heed_cross_entropy(g, scores, heed_input(g, HEED_I32, 2, target, b->target_out), HEED_ID_PAD, label_smoothing, HEED_TOTAL);
}
