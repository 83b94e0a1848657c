/* Learning-rate schedules: pure functions of the step, which counts from 1. A checkpoint has to hold the step and nothing else.
 *
 * All warm up first: lr * step / warmup while step <= warmup. After that, with s = step - warmup and t = s / (steps - warmup),
 * which stays at 1 once there,
 *
 *   constant       lr
 *   linear         lr + (lowest - lr) t
 *   cosine         lowest + (lr - lowest) (1 + cos(pi t)) / 2         (Loshchilov and Hutter 2017, without restarts)
 *   inverse_sqrt   lr * sqrt(warmup / step); without warm-up lr / sqrt(step)
 *   step           lr * factor^floor(s / every)
 */
#ifndef HEED_SCHEDULE_H
#define HEED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum heed_schedule_kind {
    HEED_SCHEDULE_CONSTANT, HEED_SCHEDULE_LINEAR, HEED_SCHEDULE_COSINE, HEED_SCHEDULE_INVERSE_SQRT, HEED_SCHEDULE_STEP,
    HEED_SCHEDULES
} heed_schedule_kind;

typedef struct heed_schedule {
    heed_schedule_kind kind;
    double lr;      /* the highest rate */
    int64_t warmup; /* steps; 0: none */
    int64_t steps;  /* linear, cosine: the step that reaches `lowest`; later ones stay there */
    double lowest;  /* likewise */
    int64_t every;  /* step: how often the rate is multiplied by `factor` */
    double factor;
} heed_schedule;

/* The rate of a step. A step below 1 counts as 1, `steps` up to `warmup` as an end right after it, `every` below 1 as never. */
double heed_schedule_at(const heed_schedule *s, int64_t step);

/* "constant", "linear", "cosine", "inverse_sqrt", "step"; and back, false when there is none of that name. */
const char *heed_schedule_name(heed_schedule_kind kind);
bool heed_schedule_find(const char *name, heed_schedule_kind *kind);

/* The inverse_sqrt of "Attention Is All You Need" (Vaswani et al. 2017, section 5.3), times `factor`:
 * factor * d_model^-0.5 * min(step^-0.5, step * warmup^-1.5), which peaks at factor / sqrt(d_model * warmup). */
heed_schedule heed_schedule_paper(double factor, int64_t d_model, int64_t warmup);

/* --- plateau: the rate falls when a validation figure stops falling --------------------------------------------------------- */

/* All of it is plain data, to be stored as it is. Multiply a schedule's rate by `scale`. */
typedef struct heed_plateau {
    double factor;     /* scale is multiplied by it ... */
    int64_t patience;  /* ... at the first figure in a row beyond so many that were not better than the best */
    double threshold;  /* better: below best - threshold */
    double lowest;     /* of scale */
    double best, scale; /* state */
    int64_t bad;
} heed_plateau;

heed_plateau heed_plateau_new(double factor, int64_t patience); /* threshold and lowest 0 */
/* Takes the next figure, the lower the better (the negative of a BLEU); NaN is never better. True when scale has fallen. */
bool heed_plateau_see(heed_plateau *p, double figure);

#endif
