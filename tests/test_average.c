/* Running averages and means of parameters. */
#include "check.h"
#include "optim/average.h"
#include "refusals.h"

#include <math.h>

enum { LONG = 70001 };

static heed_params *store(int64_t n)
{
    heed_params *ps = heed_params_new(2);
    heed_param_new(ps, "a", HEED_F32, 1, &n, HEED_NORMAL(0, 1));
    heed_param_new(ps, "b", HEED_F64, 1, (int64_t[]){3}, HEED_ONES);
    return ps;
}

static float *a_of(heed_params *ps) { return heed_param_data(heed_params_at(ps, 0)); }
static double *b_of(heed_params *ps) { return heed_param_data(heed_params_at(ps, 1)); }

static bool says(const heed_error *e, heed_code code, const char *part)
{
    return e->code == code && check_says(e->message, part);
}

static void running(void)
{
    heed_params *ps = store(LONG);
    heed_ema *one = heed_ema_new(ps), *many = heed_ema_new(ps);
    heed_param *a = heed_params_at(ps, 0), *b = heed_params_at(ps, 1);
    CU_ASSERT_PTR_NULL(heed_ema_data(one, a));
    CU_ASSERT_EQUAL(heed_ema_update(one, 0.75, 1), HEED_OK); /* a copy at first */
    heed_ema_update(many, 0.75, 5);
    CU_ASSERT(!memcmp(heed_ema_data(one, a), a_of(ps), LONG * sizeof(float)));
    for (int step = 0; step < 2; step++) {
        for (int i = 0; i < LONG; i++) a_of(ps)[i] *= -2;
        b_of(ps)[2] = 5 + 4 * step;
        heed_ema_update(one, 0.75, 1);
        heed_ema_update(many, 0.75, 5);
    }
    const double *average = heed_ema_data(one, b);
    CU_ASSERT(average[0] == 1 && average[2] == 0.75 * (0.75 * 1 + 0.25 * 5) + 0.25 * 9);
    CU_ASSERT(!memcmp(heed_ema_data(one, a), heed_ema_data(many, a), LONG * sizeof(float)));

    int far = 0; /* with w at first: 0.75 (0.75 w - 0.25 2 w) + 0.25 4 w */
    for (int i = 0; i < LONG; i++) far += fabsf(((float *)heed_ema_data(one, a))[i] / a_of(ps)[i] - 1.1875f / 4) > 1e-6f;
    CU_ASSERT_EQUAL(far, 0);

    float last = a_of(ps)[LONG - 1], mean = ((float *)heed_ema_data(one, a))[LONG - 1];
    CU_ASSERT(last != mean);
    CU_ASSERT_EQUAL(heed_ema_swap(one), HEED_OK);
    CU_ASSERT(heed_ema_is_swapped(one) && a_of(ps)[LONG - 1] == mean && b_of(ps)[2] == 3.75 && average[2] == 9);
    CU_ASSERT_EQUAL(heed_ema_swap(one), HEED_OK);
    CU_ASSERT(!heed_ema_is_swapped(one) && a_of(ps)[LONG - 1] == last && b_of(ps)[2] == 9);

    heed_ema *restored = heed_ema_new(ps); /* from a checkpoint */
    memcpy(heed_ema_restore(restored, a), heed_ema_data(one, a), LONG * sizeof(float));
    memcpy(heed_ema_restore(restored, b), heed_ema_data(one, b), 3 * sizeof(double));
    heed_ema_update(one, 0.9, 2);
    heed_ema_update(restored, 0.9, 1);
    CU_ASSERT(!memcmp(heed_ema_data(one, a), heed_ema_data(restored, a), LONG * sizeof(float)));
    heed_ema_free(restored);

    heed_ema_swap(one);
    CU_ASSERT_EQUAL(heed_ema_update(one, 0.9, 1), HEED_STATE);
    CU_ASSERT(says(heed_ema_error(one), HEED_STATE, "cannot be updated while it is swapped"));
    heed_ema_update(many, 1.5, 1);
    CU_ASSERT(says(heed_ema_error(many), HEED_INVALID, "a decay of 1.5 is not between 0 and 1"));
    heed_ema_free(one);
    heed_ema_free(many);
    one = heed_ema_new(ps);
    CU_ASSERT_EQUAL(heed_ema_swap(one), HEED_STATE);
    CU_ASSERT(says(heed_ema_error(one), HEED_STATE, "there is none of a to swap with"));
    heed_ema_free(one);
    heed_params_free(ps);
}

static void mean(void)
{
    heed_params *ps = store(4), *other = store(4);
    heed_average *m = heed_average_new();
    CU_ASSERT_EQUAL(heed_average_write(m, ps), HEED_STATE);
    CU_ASSERT(says(heed_average_error(m), HEED_STATE, "nothing was added"));
    heed_average_free(m);
    m = heed_average_new();
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 4; i++) a_of(ps)[i] = k == 0 ? 16777216 : (float)k; /* 2^24 + 1 is no float */
        b_of(ps)[1] = k;
        CU_ASSERT_EQUAL(heed_average_add(m, ps), HEED_OK);
    }
    CU_ASSERT_EQUAL(heed_average_count(m), 3);
    CU_ASSERT_EQUAL(heed_average_write(m, other), HEED_OK);
    CU_ASSERT(a_of(other)[3] == (float)(16777219.0 / 3) && b_of(other)[1] == 1 && b_of(other)[0] == 1);

    heed_param_new(other, "c", HEED_F32, 0, NULL, HEED_ONES);
    CU_ASSERT_EQUAL(heed_average_add(m, other), HEED_INVALID);
    CU_ASSERT(says(heed_average_error(m), HEED_INVALID, "there are 3 parameters, before there were 2"));
    heed_average_free(m);
    heed_params_free(other);

    other = store(5);
    m = heed_average_new();
    heed_average_add(m, ps);
    CU_ASSERT_EQUAL(heed_average_write(m, other), HEED_INVALID);
    CU_ASSERT(says(heed_average_error(m), HEED_INVALID, "parameter a has 5 weights, before it had 4"));
    heed_average_free(m);
    heed_params_free(other);
    heed_params_free(ps);
}

static bool refused_memory(void *unused)
{
    (void)unused;
    heed_params *ps = store(4);
    heed_ema *a = heed_ema_new(ps);
    heed_average *m = heed_average_new();
    bool passed = !heed_params_error(ps)->code;
    passed &= heed_ema_update(a, 0.5, 1) == HEED_OK;
    passed &= heed_ema_swap(a) == HEED_OK;
    passed &= heed_average_add(m, ps) == HEED_OK;
    passed &= heed_average_write(m, ps) == HEED_OK;
    heed_ema_free(a);
    heed_average_free(m);
    heed_params_free(ps);
    return passed;
}

static void memory(void) { CU_ASSERT(check_refusals(refused_memory, NULL) > 10); }

CHECK_MAIN("averages", {"exponential moving average", running}, {"mean", mean}, {"memory refused in turn", memory})
