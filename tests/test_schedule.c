/* Schedules at points worked out by hand, and the plateau's bookkeeping. */
#include "check.h"
#include "optim/schedule.h"

#include <math.h>

#define AT(s, step, expected) CU_ASSERT_DOUBLE_EQUAL(heed_schedule_at(&s, step), expected, 1e-15)

static void shapes(void)
{
    heed_schedule s = {.kind = HEED_SCHEDULE_CONSTANT, .lr = 0.5};
    AT(s, 0, 0.5);
    AT(s, 1000000, 0.5);
    s.warmup = 4; /* the same for all kinds */
    for (int kind = 0; kind < HEED_SCHEDULES; kind++) {
        s.kind = (heed_schedule_kind)kind;
        AT(s, -7, 0.125);
        AT(s, 1, 0.125);
        AT(s, 3, 0.375);
        AT(s, 4, 0.5);
    }

    s = (heed_schedule){.kind = HEED_SCHEDULE_LINEAR, .lr = 1, .warmup = 10, .steps = 20, .lowest = 0.5};
    AT(s, 10, 1);
    AT(s, 11, 0.95);
    AT(s, 15, 0.75);
    AT(s, 20, 0.5);
    AT(s, 2000, 0.5);
    s.steps = 5; /* ends within the warm-up */
    AT(s, 5, 0.5);
    AT(s, 10, 1);
    AT(s, 11, 0.5);

    s = (heed_schedule){.kind = HEED_SCHEDULE_COSINE, .lr = 1, .steps = 12, .lowest = 0.2};
    AT(s, 2, 0.2 + 0.4 * (1 + sqrt(3) / 2)); /* cos(pi / 6) */
    AT(s, 4, 0.8);                           /* cos(pi / 3) = 1/2 */
    AT(s, 6, 0.6);
    AT(s, 8, 0.4);
    AT(s, 12, 0.2);
    AT(s, 13, 0.2);

    s = (heed_schedule){.kind = HEED_SCHEDULE_INVERSE_SQRT, .lr = 0.25, .warmup = 100};
    AT(s, 50, 0.125);
    AT(s, 100, 0.25);
    AT(s, 400, 0.125);
    AT(s, 10000, 0.025);
    s.warmup = 0;
    AT(s, 4, 0.125);

    s = (heed_schedule){.kind = HEED_SCHEDULE_STEP, .lr = 1, .warmup = 2, .every = 3, .factor = 0.5};
    AT(s, 2, 1);
    AT(s, 4, 1);
    AT(s, 5, 0.5);
    AT(s, 7, 0.5);
    AT(s, 8, 0.25);
    s.every = 0;
    AT(s, 8, 1);
}

/* Written as in the paper. */
static void attention_is_all_you_need(void)
{
    heed_schedule s = heed_schedule_paper(2, 512, 4000);
    for (int64_t step = 1; step < 100000; step += 333) {
        double t = (double)step, expected = 2 * pow(512, -0.5) * fmin(pow(t, -0.5), t * pow(4000, -1.5));
        CU_ASSERT_DOUBLE_EQUAL(heed_schedule_at(&s, step), expected, 1e-15);
    }
    s = heed_schedule_paper(1, 256, 0);
    AT(s, 1, 0.0625);
    AT(s, 4, 0.03125);
}

static void by_name(void)
{
    heed_schedule_kind kind;
    for (int i = 0; i < HEED_SCHEDULES; i++)
        CU_ASSERT(heed_schedule_find(heed_schedule_name((heed_schedule_kind)i), &kind) && kind == (heed_schedule_kind)i);
    CU_ASSERT(heed_schedule_find("inverse_sqrt", &kind) && kind == HEED_SCHEDULE_INVERSE_SQRT);
    CU_ASSERT(!heed_schedule_find("noam", &kind));
}

static void plateau(void)
{
    heed_plateau p = heed_plateau_new(0.5, 2);
    const double figures[] = {5, 4, 4, NAN, 4.5, 3, 3, 3, 3, 3, 3, 3};
    const bool falls[] = {0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1};
    for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(heed_plateau_see(&p, figures[i]), falls[i]);
    CU_ASSERT(p.scale == 0.5 && p.best == 3 && p.bad == 0);
    heed_plateau stored = p; /* plain data */
    for (int i = 6; i < 12; i++) {
        CU_ASSERT_EQUAL(heed_plateau_see(&p, figures[i]), falls[i]);
        CU_ASSERT_EQUAL(heed_plateau_see(&stored, figures[i]), falls[i]);
    }
    CU_ASSERT(p.scale == 0.125 && stored.scale == 0.125);

    p = heed_plateau_new(0.1, 0);
    p.threshold = 0.5;
    p.lowest = 0.05;
    CU_ASSERT(!heed_plateau_see(&p, -20)); /* a BLEU of 20 */
    CU_ASSERT(heed_plateau_see(&p, -20.4)); /* too little */
    CU_ASSERT(!heed_plateau_see(&p, -20.6));
    CU_ASSERT(heed_plateau_see(&p, -20));
    CU_ASSERT(p.scale == 0.05);
    CU_ASSERT(!heed_plateau_see(&p, -20)); /* cannot fall below the lowest */
}

CHECK_MAIN("schedules", {"shapes", shapes}, {"the paper's", attention_is_all_you_need}, {"by name", by_name},
           {"plateau", plateau})
