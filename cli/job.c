#include "cli/job.h"

#include <math.h>
#include <string.h>

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

heed_code job_build(job *j, bool training, heed_error *e)
{
    j->params = heed_params_new((uint64_t)j->set.seed);
    if (model_make(j, e)) return e->code;
    double best = j->plateau.best, scale = j->plateau.scale; /* from a checkpoint */
    int64_t bad = j->plateau.bad;
    j->plateau = heed_plateau_new(j->set.decay_factor, j->set.decay_every);
    if (j->step) j->plateau.best = best, j->plateau.scale = scale, j->plateau.bad = bad;
    return training && !carry_begin(&j->carry, j, e) ? build_optimizer(j, e) : e->code;
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
    carry_free(&j->carry);
    heed_free(j->modules);
    if (j->src_units != j->tgt_units) heed_units_free(j->src_units);
    heed_units_free(j->tgt_units);
    if (j->src_vocab != j->tgt_vocab) heed_vocab_free(j->src_vocab);
    heed_vocab_free(j->tgt_vocab);
    *j = (job){.best_loss = INFINITY};
}

/* The targets of an encoder: [B] classes of lines, [B, T] classes of tokens or masked symbols. */
static heed_tensor *classes(heed_graph *g, const heed_batch *b, int rank)
{
    return heed_input(g, HEED_I32, rank, (int64_t[]){(int64_t)b->rows, (int64_t)b->target_steps}, b->target_out);
}

heed_tensor *job_right(heed_graph *g, const heed_batch *b, heed_tensor *logits)
{
    heed_tensor *right = heed_eq(g, heed_argmax(g, logits, -1, false), classes(g, b, heed_rank(logits) - 1));
    return heed_sum(g, heed_cast(g, right, HEED_F32), HEED_ALL, false);
}

heed_tensor *job_loss(const job *j, heed_graph *g, const heed_batch *b, double label_smoothing, heed_tensor **logits, carry *c)
{
    int64_t rows = (int64_t)b->rows, target[] = {rows, (int64_t)b->target_steps};
    bool encoder = job_traits_of(j)->encoder;
    heed_teaching t = {.tgt = b->target_in ? heed_input(g, HEED_I32, 2, target, b->target_in) : NULL};
    if (job_reads(j)) {
        t.src = heed_input(g, HEED_I32, 2, (int64_t[]){rows, (int64_t)b->source_steps}, b->source);
        t.lengths = heed_input(g, HEED_I32, 1, &rows, b->source_length);
    }
    bool carries = c && c->state;
    if (carries) t.state = heed_input(g, HEED_F32, 2, (int64_t[]){c->rows, c->width}, c->state);
    heed_tensor *scores = carries ? heed_model_logits_from(g, j->model, &t, &c->next) : heed_model_logits(g, j->model, &t);
    if (carries) heed_keep(g, c->next);
    if (logits) *logits = scores;
    heed_tensor *out = encoder ? classes(g, b, heed_rank(scores) - 1) : heed_input(g, HEED_I32, 2, target, b->target_out);
    return heed_cross_entropy(g, scores, out, encoder ? HEED_NO_CLASS : HEED_ID_PAD, label_smoothing, HEED_TOTAL);
}

heed_code carry_begin(carry *c, const job *j, heed_error *e)
{
    *c = (carry){.width = heed_model_state(j->model), .rows = j->set.rows};
    if (!c->width) return HEED_OK;
    size_t numbers;
    bool fits = heed_size_mul((size_t)c->rows, (size_t)c->width, &numbers);
    c->state = fits ? heed_calloc(numbers, sizeof *c->state) : NULL;
    return c->state ? HEED_OK : heed_fail(e, HEED_NO_MEMORY, "no memory for the states of %lld rows", (long long)c->rows);
}

void carry_again(carry *c)
{
    if (c->state) memset(c->state, 0, (size_t)(c->rows * c->width) * sizeof *c->state);
}

carry carry_rows(const carry *c, int64_t from, int64_t rows)
{
    return (carry){.state = c->state ? c->state + from * c->width : NULL, .rows = rows, .width = c->width};
}

void carry_on(carry *c, heed_graph *g)
{
    const float *next = c->state ? heed_data(g, c->next) : NULL;
    if (next) memcpy(c->state, next, (size_t)(c->rows * c->width) * sizeof *c->state);
}

void carry_free(carry *c)
{
    heed_free(c->state);
    *c = (carry){.state = NULL};
}
