/* The parameter store and its initialisers. */
#include "autograd/params.h"
#include "autograd/node.h"
#include "autograd/parallel.h"
#include "autograd/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

struct heed_param {
    heed_params *store;
    char *name;
    void *data, *grad;
    int64_t size, shape[HEED_MAX_RANK];
    int rank, index;
    heed_dtype dtype;
    bool trainable, grad_zero;
    uint64_t version;          /* grows with every write to the values; 1 at first */
    heed_prepared *prepared;   /* forms that products read */
};

struct heed_params {
    heed_error error;
    uint64_t seed;
    heed_param **list;
    size_t count, capacity;
    char scope[256];
    uint8_t outer[32];         /* by depth: how long the scope was before */
    int depth;
    heed_dtype dtype;
    bool immortal;
    heed_slab values, grads;
    forms forms;
    heed_param failed; /* what a failed creation returns */
};

heed_params *heed_params_new(uint64_t seed)
{
    static heed_params refused = {.error = {HEED_NO_MEMORY, "parameters: no memory"}, .immortal = true,
                                  .failed = {.store = &refused, .name = "", .index = -1}};
    heed_params *ps = heed_calloc(1, sizeof *ps);
    if (!ps) return &refused;
    ps->seed = seed;
    ps->failed = (heed_param){.store = ps, .name = "", .index = -1};
    return ps;
}

void heed_params_free(heed_params *ps)
{
    if (!ps || ps->immortal) return;
    for (size_t i = 0; i < ps->count; i++) {
        heed_free(ps->list[i]->name);
        heed_free(ps->list[i]);
    }
    heed_slab_free(&ps->values);
    heed_slab_free(&ps->grads);
    heed_slab_free(&ps->forms.memory);
    heed_free(ps->list);
    heed_free(ps);
}

const heed_error *heed_params_error(const heed_params *ps) { return &ps->error; }

heed_code heed_params_fail(heed_params *ps, heed_code code, const char *format, ...)
{
    if (ps->error.code) return ps->error.code;
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return heed_fail(&ps->error, code, "%s", text);
}

/* --- initial values ---------------------------------------------------------------------------------------------------------- */

static void put(void *data, heed_dtype dtype, int64_t i, double value)
{
    if (dtype == HEED_F32) ((float *)data)[i] = (float)value;
    else ((double *)data)[i] = value;
}

/* Rows (or columns, whichever are fewer) made orthonormal one after another by the modified Gram-Schmidt process. */
static bool fill_orthogonal(heed_param *p, int64_t rows, int64_t cols, double gain, heed_random *r)
{
    bool wide = rows <= cols;
    int64_t n = wide ? rows : cols, length = wide ? cols : rows;
    double *q = heed_alloc((size_t)p->size * sizeof *q);
    if (!q) return false;
    for (int64_t i = 0; i < p->size; i++) q[i] = heed_random_normal(r);
    for (int64_t i = 0; i < n; i++) {
        double *v = q + i * length;
        for (int pass = 0; pass < 2; pass++) /* twice is enough (Parlett) */
            for (int64_t k = 0; k < i; k++) {
                const double *u = q + k * length;
                double dot = 0;
                for (int64_t j = 0; j < length; j++) dot += u[j] * v[j];
                for (int64_t j = 0; j < length; j++) v[j] -= dot * u[j];
            }
        double norm = 0;
        for (int64_t j = 0; j < length; j++) norm += v[j] * v[j];
        norm = sqrt(norm);
        for (int64_t j = 0; j < length; j++) v[j] /= norm;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) put(p->data, p->dtype, i * cols + j, gain * (wide ? q[i * cols + j] : q[j * rows + i]));
    heed_free(q);
    return true;
}

/* Element i is base + scale times draw i of the name's stream: normal draws have four words each, uniform ones two. */
typedef struct draws { heed_param *p; bool normal; double base, scale; } draws;
enum { DRAWS = 1 << 15 }; /* of a task */

static void fill_some(void *context, int64_t task)
{
    const draws *d = context;
    const int64_t from = task * DRAWS, end = from + DRAWS < d->p->size ? from + DRAWS : d->p->size;
    heed_random r = {d->p->store->seed, heed_hash_name(d->p->name), (uint64_t)from * (d->normal ? 4 : 2)};
    for (int64_t i = from; i < end; i++)
        put(d->p->data, d->p->dtype, i, d->base + d->scale * (d->normal ? heed_random_normal(&r) : heed_random_uniform(&r)));
}

static bool fill(heed_param *p, heed_init init)
{
    heed_random r = {p->store->seed, heed_hash_name(p->name), 0};
    int64_t fan_out = p->rank ? p->shape[p->rank - 1] : 1, fan_in = fan_out ? p->size / fan_out : 0;
    double in = fan_in ? (double)fan_in : 1, both = (double)(fan_in + fan_out), high;
    draws d = {.p = p};
    switch (init.kind) {
    case HEED_INIT_CONSTANT:
        for (int64_t i = 0; i < p->size; i++) put(p->data, p->dtype, i, init.a);
        return true;
    case HEED_INIT_ORTHOGONAL: return fill_orthogonal(p, fan_in, fan_out, init.a, &r);
    case HEED_INIT_NORMAL: d = (draws){p, true, init.a, init.b}; break;
    case HEED_INIT_UNIFORM: d = (draws){p, false, init.a, init.b - init.a}; break;
    case HEED_INIT_XAVIER_UNIFORM: high = init.a * sqrt(6 / both); d = (draws){p, false, -high, 2 * high}; break;
    case HEED_INIT_XAVIER_NORMAL: d = (draws){p, true, 0, init.a * sqrt(2 / both)}; break;
    case HEED_INIT_KAIMING_UNIFORM: high = init.a * sqrt(3 / in); d = (draws){p, false, -high, 2 * high}; break;
    case HEED_INIT_KAIMING_NORMAL: d = (draws){p, true, 0, init.a / sqrt(in)}; break;
    }
    heed_parallel(0, (p->size + DRAWS - 1) / DRAWS, fill_some, &d);
    return true;
}

/* --- creation -------------------------------------------------------------------------------------------------------------------- */

void heed_params_scope(heed_params *ps, const char *format, ...)
{
    if (ps->error.code) return;
    size_t used = strlen(ps->scope), dot = used > 0, room = sizeof ps->scope - used - dot;
    if (ps->depth == (int)sizeof ps->outer || room < 2) {
        heed_params_fail(ps, HEED_INVALID, "%s: too many scopes in one another", ps->scope);
        return;
    }
    ps->outer[ps->depth++] = (uint8_t)used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(ps->scope + used + dot, room, format, args);
    va_end(args);
    if (dot) ps->scope[used] = '.';
    if (n < 0 || (size_t)n >= room) heed_params_fail(ps, HEED_INVALID, "%s...: the name of a scope is longer than %zu bytes", ps->scope, sizeof ps->scope - 1);
}

void heed_params_scope_end(heed_params *ps)
{
    if (!ps->error.code && ps->depth) ps->scope[ps->outer[--ps->depth]] = 0;
}

heed_param *heed_param_new(heed_params *ps, const char *name, heed_dtype dtype, int rank, const int64_t *shape, heed_init init)
{
    if (ps->error.code) return &ps->failed;
    char path[400];
    int length = snprintf(path, sizeof path, "%s%s%s", ps->scope, *ps->scope ? "." : "", name);
    if (!*name || length < 0 || (size_t)length >= sizeof path) {
        heed_params_fail(ps, HEED_INVALID, "%.300s%s: a parameter needs a name, of %zu bytes at most", path, *name ? "..." : "", sizeof path - 1);
        return &ps->failed;
    }
    size_t size = 1, bytes;
    bool fits = rank >= 0 && rank <= HEED_MAX_RANK && dtype <= HEED_F64;
    for (int i = 0; i < rank && fits; i++) fits = shape[i] >= 0 && heed_size_mul(size, (size_t)shape[i], &size);
    if (!fits || !heed_size_mul(size, heed_dtype_size(dtype), &bytes) || bytes > INT64_MAX) {
        heed_params_fail(ps, HEED_INVALID, "%s: a parameter cannot have this dtype or shape", path);
        return &ps->failed;
    }
    if (heed_params_find(ps, path)) {
        heed_params_fail(ps, HEED_INVALID, "%s: this parameter exists already", path);
        return &ps->failed;
    }
    heed_param *p = heed_calloc(1, sizeof *p);
    if (!p) goto refused;
    *p = (heed_param){.store = ps, .dtype = dtype, .rank = rank, .size = (int64_t)size, .index = (int)ps->count, .trainable = true, .grad_zero = true, .version = 1};
    for (int i = 0; i < rank; i++) p->shape[i] = shape[i];
    p->name = heed_strdup(path);
    p->data = heed_slab_take(&ps->values, bytes);
    if (!p->name || !p->data || !heed_grow((void **)&ps->list, &ps->capacity, ps->count + 1, sizeof *ps->list) || !fill(p, init)) goto refused;
    return ps->list[ps->count++] = p;
refused:
    if (p) {
        heed_free(p->name);
        heed_free(p);
    }
    heed_params_fail(ps, HEED_NO_MEMORY, "%s: no memory for the parameter", path);
    return &ps->failed;
}

void heed_params_dtype(heed_params *ps, heed_dtype dtype)
{
    if (dtype > HEED_F64) heed_params_fail(ps, HEED_INVALID, "parameters: dtype %s is not a float", heed_dtype_name(dtype));
    else if (!ps->immortal) ps->dtype = dtype;
}

heed_dtype heed_params_dtype_now(const heed_params *ps) { return ps->dtype; }

/* --- the list ------------------------------------------------------------------------------------------------------------------------ */

int heed_params_count(const heed_params *ps) { return (int)ps->count; }
heed_param *heed_params_at(const heed_params *ps, int i) { return i >= 0 && (size_t)i < ps->count ? ps->list[i] : NULL; }

heed_param *heed_params_find(const heed_params *ps, const char *name)
{
    for (size_t i = 0; i < ps->count; i++)
        if (!strcmp(ps->list[i]->name, name)) return ps->list[i];
    return NULL;
}

int64_t heed_params_size(const heed_params *ps)
{
    int64_t n = 0;
    for (size_t i = 0; i < ps->count; i++) n += ps->list[i]->size;
    return n;
}

int heed_params_trainable(heed_params *ps, const char *pattern, bool trainable)
{
    int matched = 0;
    for (size_t i = 0; i < ps->count; i++)
        if (heed_name_matches(pattern, ps->list[i]->name)) {
            ps->list[i]->trainable = trainable;
            matched++;
        }
    return matched;
}

void heed_params_summary(const heed_params *ps, FILE *out)
{
    int width = 4;
    for (size_t i = 0; i < ps->count; i++)
        if ((int)strlen(ps->list[i]->name) > width) width = (int)strlen(ps->list[i]->name);
    fprintf(out, "%-*s  %-16s  %12s\n", width, "name", "shape", "weights");
    for (size_t i = 0; i < ps->count; i++) {
        const heed_param *p = ps->list[i];
        char shape[24 * HEED_MAX_RANK] = "[", *at = shape + 1;
        for (int k = 0; k < p->rank; k++) at += snprintf(at, (size_t)(shape + sizeof shape - at), "%s%" PRId64, k ? "," : "", p->shape[k]);
        fprintf(out, "%-*s  %s]%*s  %12" PRId64 "%s\n", width, p->name, shape, (int)(15 - strlen(shape) > 15 ? 0 : 15 - strlen(shape)), "", p->size,
                p->trainable ? "" : "  frozen");
    }
    fprintf(out, "%-*s  %-16s  %12" PRId64 "\n", width, "all", "", heed_params_size(ps));
}

const char *heed_param_name(const heed_param *p) { return p->name; }
heed_dtype heed_param_dtype(const heed_param *p) { return p->dtype; }
int heed_param_rank(const heed_param *p) { return p->rank; }
const int64_t *heed_param_shape(const heed_param *p) { return p->shape; }
int64_t heed_param_size(const heed_param *p) { return p->size; }
bool heed_param_is_trainable(const heed_param *p) { return p->trainable; }
int heed_param_index(const heed_param *p) { return p->index; }
heed_params *heed_param_store(const heed_param *p) { return p->store; }
const void *heed_param_values(const heed_param *p) { return p->data; }
uint64_t heed_param_version(const heed_param *p) { return __atomic_load_n(&p->version, __ATOMIC_RELAXED); }

void *heed_param_data(heed_param *p)
{
    if (p->index >= 0) __atomic_fetch_add(&p->version, 1, __ATOMIC_RELAXED); /* parts of one may be written by several threads */
    return p->data;
}

heed_prepared **heed_param_prepared(heed_param *p) { return &p->prepared; }
forms *heed_params_forms(heed_params *ps) { return &ps->forms; }

static size_t bytes_of(const heed_param *p) { return (size_t)p->size * heed_dtype_size(p->dtype); }

void *heed_param_grad_memory(heed_param *p)
{
    if (!p->grad && p->index >= 0) p->grad = heed_slab_take(&p->store->grads, bytes_of(p));
    return p->grad;
}

void *heed_param_grad(heed_param *p)
{
    if (heed_param_grad_memory(p) && p->grad_zero) memset(p->grad, 0, bytes_of(p));
    return p->grad;
}

bool heed_param_grad_is_zero(const heed_param *p) { return p->grad_zero; }

void heed_params_zero_grad(heed_params *ps)
{
    for (size_t i = 0; i < ps->count; i++) ps->list[i]->grad_zero = true;
}

bool heed_param_take_grad(heed_param *p)
{
    bool zero = p->grad_zero;
    p->grad_zero = false;
    return zero;
}
