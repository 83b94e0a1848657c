#include "optim/schedule.h"

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* how far between the end of the warm-up and the last step */
static double progress(const heed_schedule *s, int64_t step)
{
    return step >= s->steps ? 1 : (double)(step - s->warmup) / (double)(s->steps - s->warmup);
}

static double constant(const heed_schedule *s, int64_t step)
{
    (void)step;
    return s->lr;
}

static double linear(const heed_schedule *s, int64_t step) { return s->lr + (s->lowest - s->lr) * progress(s, step); }

static double cosine(const heed_schedule *s, int64_t step)
{
    return s->lowest + (s->lr - s->lowest) * 0.5 * (1 + cos(PI * progress(s, step)));
}

static double inverse_sqrt(const heed_schedule *s, int64_t step)
{
    return s->lr * sqrt((double)(s->warmup > 0 ? s->warmup : 1) / (double)step);
}

static double stairs(const heed_schedule *s, int64_t step)
{
    return s->every < 1 ? s->lr : s->lr * pow(s->factor, (double)((step - s->warmup) / s->every));
}

static const struct { const char *name; double (*after_warmup)(const heed_schedule *, int64_t step); } kinds[HEED_SCHEDULES] = {
    [HEED_SCHEDULE_CONSTANT] = {"constant", constant},
    [HEED_SCHEDULE_LINEAR] = {"linear", linear},
    [HEED_SCHEDULE_COSINE] = {"cosine", cosine},
    [HEED_SCHEDULE_INVERSE_SQRT] = {"inverse_sqrt", inverse_sqrt},
    [HEED_SCHEDULE_STEP] = {"step", stairs},
};

double heed_schedule_at(const heed_schedule *s, int64_t step)
{
    if (step < 1) step = 1;
    return step <= s->warmup ? s->lr * (double)step / (double)s->warmup : kinds[s->kind].after_warmup(s, step);
}

const char *heed_schedule_name(heed_schedule_kind kind) { return kinds[kind].name; }

bool heed_schedule_find(const char *name, heed_schedule_kind *kind)
{
    for (int i = 0; i < HEED_SCHEDULES; i++)
        if (!strcmp(name, kinds[i].name)) {
            *kind = (heed_schedule_kind)i;
            return true;
        }
    return false;
}

heed_schedule heed_schedule_paper(double factor, int64_t d_model, int64_t warmup)
{
    double peak = factor / sqrt((double)d_model * (double)(warmup > 0 ? warmup : 1));
    return (heed_schedule){.kind = HEED_SCHEDULE_INVERSE_SQRT, .lr = peak, .warmup = warmup};
}

heed_plateau heed_plateau_new(double factor, int64_t patience)
{
    return (heed_plateau){.factor = factor, .patience = patience, .best = HUGE_VAL, .scale = 1};
}

bool heed_plateau_see(heed_plateau *p, double figure)
{
    if (figure < p->best - p->threshold) {
        p->best = figure;
        p->bad = 0;
        return false;
    }
    if (++p->bad <= p->patience) return false;
    p->bad = 0;
    double before = p->scale;
    p->scale = fmax(p->scale * p->factor, p->lowest);
    return p->scale < before;
}
