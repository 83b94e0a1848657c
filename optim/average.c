#include "optim/average.h"
#include "autograd/memory.h"
#include "autograd/parallel.h"
#include "autograd/slab.h"
#include "ops/update.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { PIECE = 1 << 15 };

/* --- exponential moving average --------------------------------------------------------------------------------------------- */

struct heed_ema {
    heed_error error;
    heed_params *params;
    void **data; /* by index of the parameter */
    size_t count, capacity;
    heed_slab memory;
    heed_update update;
    bool swapped, immortal;
};

heed_ema *heed_ema_new(heed_params *ps)
{
    static heed_ema refused = {.error = {HEED_NO_MEMORY, "average: no memory"}, .immortal = true};
    heed_ema *a = heed_calloc(1, sizeof *a);
    if (!a) return &refused;
    a->params = ps;
    return a;
}

void heed_ema_free(heed_ema *a)
{
    if (!a || a->immortal) return;
    heed_slab_free(&a->memory);
    heed_free(a->data);
    heed_free(a);
}

const heed_error *heed_ema_error(const heed_ema *a) { return &a->error; }
bool heed_ema_is_swapped(const heed_ema *a) { return a->swapped; }

static size_t bytes_of(const heed_param *p) { return (size_t)heed_param_size(p) * heed_dtype_size(heed_param_dtype(p)); }

void *heed_ema_data(const heed_ema *a, const heed_param *p)
{
    int i = heed_param_index(p);
    return i >= 0 && (size_t)i < a->count && heed_params_at(a->params, i) == p ? a->data[i] : NULL;
}

void *heed_ema_restore(heed_ema *a, const heed_param *p)
{
    if (a->error.code) return NULL;
    int i = heed_param_index(p);
    heed_param *own = heed_params_at(a->params, i);
    if (own != p) {
        heed_fail(&a->error, HEED_INVALID, "average: parameter %s is not of its store", heed_param_name(p));
        return NULL;
    }
    size_t count = (size_t)heed_params_count(a->params);
    bool there = heed_grow((void **)&a->data, &a->capacity, count, sizeof *a->data);
    while (there && a->count < count) a->data[a->count++] = NULL;
    if (there && !a->data[i] && (a->data[i] = heed_slab_take(&a->memory, bytes_of(p)))) memcpy(a->data[i], heed_param_values(own), bytes_of(p));
    if (!there || !a->data[i]) heed_fail(&a->error, HEED_NO_MEMORY, "average: no memory for that of %s", heed_param_name(p));
    return a->error.code ? NULL : a->data[i];
}

/* One parameter, piece by piece. To the kernel the average is the weight and the parameter the gradient. */
typedef struct sweep { heed_ema *a; heed_param *p; } sweep;

static void update_piece(void *context, int64_t i)
{
    const sweep *s = context;
    int64_t from = i * PIECE, size = heed_param_size(s->p) - from;
    heed_dtype dtype = heed_param_dtype(s->p);
    size_t skip = (size_t)from * heed_dtype_size(dtype);
    char *average = heed_ema_data(s->a, s->p), *value = heed_param_data(s->p);
    heed_update_fn *run = heed_update_towards.run[dtype == HEED_F64][heed_isa_now()];
    run(size < PIECE ? size : PIECE, average + skip, value + skip, NULL, &s->a->update);
}

heed_code heed_ema_update(heed_ema *a, double decay, int threads)
{
    if (a->error.code) return a->error.code;
    if (a->swapped)
        return heed_fail(&a->error, HEED_STATE, "average: it cannot be updated while it is swapped with the parameters");
    if (!(decay >= 0 && decay <= 1))
        return heed_fail(&a->error, HEED_INVALID, "average: a decay of %g is not between 0 and 1", decay);
    for (int i = 0; i < heed_params_count(a->params); i++)
        if (!heed_ema_restore(a, heed_params_at(a->params, i))) return a->error.code;
    a->update = (heed_update){.scale = 1, .limit = HUGE_VAL, .c = {1 - decay}};
    for (int i = 0; i < heed_params_count(a->params); i++) {
        sweep s = {a, heed_params_at(a->params, i)};
        heed_parallel(threads, (heed_param_size(s.p) + PIECE - 1) / PIECE, update_piece, &s);
    }
    return HEED_OK;
}

heed_code heed_ema_swap(heed_ema *a)
{
    if (a->error.code) return a->error.code;
    int count = heed_params_count(a->params);
    for (int i = 0; i < count; i++) {
        const heed_param *p = heed_params_at(a->params, i);
        if (!heed_ema_data(a, p))
            return heed_fail(&a->error, HEED_STATE, "average: there is none of %s to swap with", heed_param_name(p));
    }
    for (int i = 0; i < count; i++) {
        heed_param *p = heed_params_at(a->params, i);
        char *x = heed_param_data(p), *y = a->data[i], buffer[4096];
        for (size_t left = bytes_of(p), n; left; left -= n, x += n, y += n) {
            n = left < sizeof buffer ? left : sizeof buffer;
            memcpy(buffer, x, n);
            memcpy(x, y, n);
            memcpy(y, buffer, n);
        }
    }
    a->swapped = !a->swapped;
    return HEED_OK;
}

/* --- mean ------------------------------------------------------------------------------------------------------------------- */

typedef struct sum { char *name; double *value; int64_t size; } sum;

struct heed_average {
    heed_error error;
    sum *sums;
    size_t count, capacity;
    int64_t added;
    bool immortal;
};

heed_average *heed_average_new(void)
{
    static heed_average refused = {.error = {HEED_NO_MEMORY, "mean: no memory"}, .immortal = true};
    heed_average *m = heed_calloc(1, sizeof *m);
    return m ? m : &refused;
}

void heed_average_free(heed_average *m)
{
    if (!m || m->immortal) return;
    for (size_t i = 0; i < m->count; i++) {
        heed_free(m->sums[i].name);
        heed_free(m->sums[i].value);
    }
    heed_free(m->sums);
    heed_free(m);
}

const heed_error *heed_average_error(const heed_average *m) { return &m->error; }
int64_t heed_average_count(const heed_average *m) { return m->added; }

/* A sum of zeros for every parameter. */
static heed_code begin(heed_average *m, const heed_params *ps)
{
    for (int i = 0; i < heed_params_count(ps); i++) {
        const heed_param *p = heed_params_at(ps, i);
        if (!heed_grow((void **)&m->sums, &m->capacity, m->count + 1, sizeof *m->sums)) goto refused;
        sum *s = &m->sums[m->count++];
        *s = (sum){heed_strdup(heed_param_name(p)), heed_calloc((size_t)heed_param_size(p), sizeof(double)), heed_param_size(p)};
        if (!s->name || !s->value) goto refused;
    }
    return HEED_OK;
refused:
    return heed_fail(&m->error, HEED_NO_MEMORY, "mean: no memory for the sums of %" PRId64 " weights", heed_params_size(ps));
}

static heed_code check(heed_average *m, const heed_params *ps)
{
    const heed_error *e = heed_params_error(ps);
    if (m->error.code) return m->error.code;
    if (e->code) return heed_fail(&m->error, HEED_STATE, "mean: the parameters have failed: %s", e->message);
    if (m->added && (size_t)heed_params_count(ps) != m->count)
        return heed_fail(&m->error, HEED_INVALID, "mean: there are %d parameters, before there were %zu", heed_params_count(ps),
                         m->count);
    for (size_t i = 0; m->added && i < m->count; i++) {
        const sum *s = &m->sums[i];
        const heed_param *p = heed_params_find(ps, s->name);
        if (!p) return heed_fail(&m->error, HEED_INVALID, "mean: there is no parameter %s, before there was one", s->name);
        if (heed_param_size(p) != s->size)
            return heed_fail(&m->error, HEED_INVALID, "mean: parameter %s has %" PRId64 " weights, before it had %" PRId64,
                             s->name, heed_param_size(p), s->size);
    }
    return HEED_OK;
}

heed_code heed_average_add(heed_average *m, const heed_params *ps)
{
    if (check(m, ps) || (!m->added && begin(m, ps))) return m->error.code;
    for (size_t i = 0; i < m->count; i++) {
        sum *s = &m->sums[i];
        heed_param *p = heed_params_find(ps, s->name);
        const void *x = heed_param_values(p);
        for (int64_t k = 0; k < s->size; k++)
            s->value[k] += heed_param_dtype(p) == HEED_F32 ? (double)((const float *)x)[k] : ((const double *)x)[k];
    }
    m->added++;
    return HEED_OK;
}

heed_code heed_average_write(heed_average *m, heed_params *ps)
{
    if (!m->error.code && !m->added) heed_fail(&m->error, HEED_STATE, "mean: nothing was added");
    if (check(m, ps)) return m->error.code;
    double count = (double)m->added;
    for (size_t i = 0; i < m->count; i++) {
        const sum *s = &m->sums[i];
        heed_param *p = heed_params_find(ps, s->name);
        void *x = heed_param_data(p);
        for (int64_t k = 0; k < s->size; k++)
            if (heed_param_dtype(p) == HEED_F32) ((float *)x)[k] = (float)(s->value[k] / count);
            else ((double *)x)[k] = s->value[k] / count;
    }
    return HEED_OK;
}
