/* sinusoid   PE[t, 2i] = sin(t / 10000^(2i/d)),  PE[t, 2i+1] = cos(t / 10000^(2i/d)), t from `start`: section 3.5 of Vaswani et al. 2017
 *
 * Made anew where it is used: a few microseconds for a sentence, no table to own, no longest length. Angles are reduced in double, so far
 * positions are as exact as near ones. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/vmath.h"

#include <math.h>

typedef struct sinusoid_attr { int64_t dtype, start, length, d; } sinusoid_attr;

typedef void sinusoid_row(int64_t n, float *y, const double *angle);
HEED_ISA_DECLARE(sinusoid_row, sinusoid_f32);
/* y[2i] = sin(angle[i]), y[2i+1] = cos(angle[i]); the last cosine is left out when n is odd */
void HEED_ISA_FN(sinusoid_f32)(int64_t n, float *y, const double *angle)
{
    const double turn = 6.283185307179586;
    for (int64_t i = 0; 2 * i < n; i += VF) {
        float reduced[VF] = {0}, s[VF], c[VF];
        for (int64_t k = 0; k < VF && 2 * (i + k) < n; k++) reduced[k] = (float)(angle[i + k] - turn * nearbyint(angle[i + k] / turn));
        vf_store(s, vf_sin(vf_load(reduced)));
        vf_store(c, vf_cos(vf_load(reduced)));
        for (int64_t k = 0; k < VF && 2 * (i + k) < n; k++) {
            y[2 * (i + k)] = s[k];
            if (2 * (i + k) + 1 < n) y[2 * (i + k) + 1] = c[k];
        }
    }
}

#if HEED_ISA_BASE
enum { ROWS = 64 };

static bool sinusoid_shape(heed_shaping *s)
{
    const sinusoid_attr *a = s->attr;
    if (a->dtype > HEED_F64) return heed_reject(s, "dtype %s is not a float", heed_dtype_name((heed_dtype)a->dtype));
    if (a->length < 0 || a->d < 0 || a->start < 0)
        return heed_reject(s, "start %lld, length %lld and width %lld must not be negative", (long long)a->start, (long long)a->length, (long long)a->d);
    s->dtype = (heed_dtype)a->dtype;
    s->rank = 2;
    s->shape[0] = a->length;
    s->shape[1] = a->d;
    return true;
}

static void sinusoid_work(const heed_call *c, heed_work *w) { w->scratch = (size_t)(c->y.shape[1] + 2) * sizeof(double); }

static int64_t sinusoid_tasks(const heed_call *c, int phase)
{
    (void)phase;
    return (c->y.shape[0] + ROWS - 1) / ROWS;
}

static void sinusoid_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase;
    static sinusoid_row *const paths[] = HEED_ISA_TABLE(sinusoid_f32);
    const sinusoid_attr *a = c->attr;
    int64_t d = a->d, half = (d + 1) / 2, end = (task + 1) * ROWS < a->length ? (task + 1) * ROWS : a->length;
    double *frequency = scratch, *angle = frequency + half;
    for (int64_t i = 0; i < half; i++) frequency[i] = pow(10000, -2 * (double)i / (double)d);
    for (int64_t t = task * ROWS; t < end; t++) {
        for (int64_t i = 0; i < half; i++) angle[i] = (double)(a->start + t) * frequency[i];
        if (c->y.dtype == HEED_F32) paths[c->isa](d, (float *)c->y.p + t * d, angle);
        else
            for (int64_t k = 0; k < d; k++) ((double *)c->y.p)[t * d + k] = k % 2 ? cos(angle[k / 2]) : sin(angle[k / 2]);
    }
}

const heed_op heed_op_sinusoid = {.name = "sinusoid", .kind = HEED_KERNEL, .flags = HEED_NO_GRADIENT, .attr_size = sizeof(sinusoid_attr),
                                  .shape = sinusoid_shape, .work = sinusoid_work, .tasks = sinusoid_tasks, .run = sinusoid_run};

heed_tensor *heed_sinusoid(heed_graph *g, heed_dtype dtype, int64_t start, int64_t length, int64_t d)
{
    return heed_apply(g, &heed_op_sinusoid, 0, NULL, &(sinusoid_attr){dtype, start, length, d});
}
#endif
