/* A graph's life, settings, names and leaves. */
#include "autograd/node.h"
#include "autograd/plan.h"
#include "autograd/profiling.h"
#include "autograd/recall.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const double not_a_number = NAN;

static void init_failed(heed_tensor *t)
{
    *t = (heed_tensor){.op = &heed_op_leaf, .root = t, .size = 1, .dtype = HEED_F64, .flags = NODE_CONTIGUOUS, .value = NAN, .param = -1};
    t->data = (void *)(uintptr_t)&not_a_number;
}

heed_graph *heed_graph_new(void)
{
    /* what a refused allocation returns: a graph that has failed for good and is never written to */
    static heed_graph refused = {.error = {HEED_NO_MEMORY, "graph: no memory"}, .immortal = true,
                                 .failed = {.op = &heed_op_leaf, .root = &refused.failed, .size = 1, .dtype = HEED_F64,
                                            .flags = NODE_CONTIGUOUS, .data = (void *)(uintptr_t)&not_a_number, .param = -1}};
    heed_graph *g = heed_calloc(1, sizeof *g);
    if (!g) return &refused;
    init_failed(&g->failed);
    const char *eager = getenv("HEED_EAGER");
    g->eager = eager && *eager && strcmp(eager, "0");
    heed_graph_reset(g);
    return g;
}

void heed_graph_free(heed_graph *g)
{
    if (!g || g->immortal) return;
    heed_keep_clear(g);
    heed_plans_free(g);
    heed_recalls_free(g);
    arena_free(&g->nodes);
    arena_free(&g->work);
    pool_free(&g->values);
    heed_free(g->tape);
    heed_free(g->scopes);
    heed_free(g->names);
    heed_free(g->patterns);
    heed_free(g->param_leaf);
    heed_free(g->prepared);
    heed_free(g->scratch);
    heed_free(g);
}

void heed_graph_reset(heed_graph *g)
{
    if (g->immortal) return;
    heed_profile_recorded(g);
    g->derived = UINT32_MAX;
    g->sweeping = false;
    g->error.code = HEED_OK;
    g->error.message[0] = 0;
    arena_reset(&g->nodes);
    pool_reset(&g->values);
    g->count = g->name_count = 0;
    g->hash = g->content = 0;
    g->life++;
    g->draws = g->least = 0;
    g->params = NULL;
    g->prepared_count = 0;
    g->scope = 0;
    g->scope_count = 0;
    if (heed_grow((void **)&g->scopes, &g->scope_capacity, 1, sizeof *g->scopes)) g->scopes[g->scope_count++] = (scope_name){0, ""};
    else heed_fail(&g->error, HEED_NO_MEMORY, "graph: no memory");
}

const heed_error *heed_graph_error(const heed_graph *g) { return &g->error; }

heed_tensor *heed_graph_fail(heed_graph *g, heed_code code, const char *format, ...)
{
    if (g->error.code) return &g->failed;
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *path = heed_scope_path(g, g->scope);
    heed_fail(&g->error, code, "%s%s%s", path, *path ? ": " : "", text);
    return &g->failed;
}

void heed_graph_threads(heed_graph *g, int threads)
{
    if (threads < 0) heed_graph_fail(g, HEED_INVALID, "threads: %d is negative", threads);
    else if (!g->immortal) g->threads = threads;
}

int heed_graph_threads_now(const heed_graph *g) { return g->threads; }

void heed_graph_budget(heed_graph *g, size_t bytes)
{
    if (!g->immortal) g->budget = bytes;
}

void heed_graph_training(heed_graph *g, bool training)
{
    if (!g->immortal) g->training = training;
}

bool heed_graph_is_training(const heed_graph *g) { return g->training; }

void heed_graph_packed(heed_graph *g, heed_packing how)
{
    if ((unsigned)how > HEED_PACK_INT8) heed_graph_fail(g, HEED_INVALID, "packed: there is no way %d to keep weights", (int)how);
    else if (!g->immortal) g->packing = how;
}

heed_packing heed_graph_packed_now(const heed_graph *g) { return g->training ? HEED_PACK_NONE : g->packing; }

void heed_graph_seed(heed_graph *g, uint64_t seed, uint64_t step)
{
    if (g->immortal) return;
    if (g->draws) g->content = heed_mix(heed_mix(g->content, seed), step); /* what was drawn is not as it would be drawn now */
    g->seed = seed;
    g->step = step;
}

heed_draw heed_next_draw(heed_graph *g)
{
    /* 2^20 draws a step before streams of neighbouring steps meet */
    uint64_t stream = (g->step << 20) + g->draws;
    if (!g->immortal) {
        g->draws++;
        g->once = true;
    }
    return (heed_draw){g->seed, stream};
}

void heed_graph_eager(heed_graph *g, bool eager)
{
    if (!g->immortal) g->eager = eager;
}

void heed_graph_anomaly(heed_graph *g, bool anomaly)
{
    if (!g->immortal) g->anomaly = anomaly;
}

/* --- scopes and names ------------------------------------------------------------------------------------------------------ */

const char *heed_scope_path(const heed_graph *g, uint32_t scope) { return scope < g->scope_count ? g->scopes[scope].path : ""; }

/* "parent.name" in the arena, or NULL */
static char *join_path(heed_graph *g, const char *parent, const char *name)
{
    size_t a = strlen(parent), b = strlen(name);
    char *path = arena_alloc(&g->nodes, a + b + 2);
    if (!path) return NULL;
    memcpy(path, parent, a);
    if (a) path[a++] = '.';
    memcpy(path + a, name, b + 1);
    return path;
}

/* What vsnprintf does, at once for texts with no more than %s and %d: a graph has as many scopes as nodes. */
static int print_name(char *name, int size, const char *format, va_list args)
{
    int n = 0;
    va_list again;
    va_copy(again, args);
    for (const char *f = format; *f && n < size - 12; f++) {
        if (*f != '%') name[n++] = *f;
        else if (f[1] == 's' || f[1] == 'd') {
            char digits[12], *end = digits + sizeof digits - 1, *from = end;
            const char *text = *++f == 's' ? va_arg(args, const char *) : NULL;
            if (!text) {
                int value = va_arg(args, int);
                unsigned rest = value < 0 ? 0u - (unsigned)value : (unsigned)value;
                *end = 0;
                do *--from = (char)('0' + rest % 10);
                while (rest /= 10);
                if (value < 0) *--from = '-';
                text = from;
            }
            while (*text && n < size - 12) name[n++] = *text++;
        } else {
            n = size;
            break;
        }
    }
    name[n < size ? n : 0] = 0;
    if (n >= size - 12) n = vsnprintf(name, (size_t)size, format, again);
    va_end(again);
    return n;
}

void heed_scope(heed_graph *g, const char *format, ...)
{
    if (g->error.code) return;
    char name[128];
    va_list args;
    va_start(args, format);
    int length = print_name(name, sizeof name, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof name) {
        heed_graph_fail(g, HEED_INVALID, "scope: the name %.40s... is longer than %zu bytes", name, sizeof name - 1);
        return;
    }
    char *path = join_path(g, heed_scope_path(g, g->scope), name);
    if (!path || !heed_grow((void **)&g->scopes, &g->scope_capacity, g->scope_count + 1, sizeof *g->scopes)) {
        heed_graph_fail(g, HEED_NO_MEMORY, "scope: no memory");
        return;
    }
    g->once = true;
    g->scopes[g->scope_count] = (scope_name){g->scope, path};
    g->scope = (uint32_t)g->scope_count++;
}

void heed_scope_end(heed_graph *g)
{
    if (!g->error.code) g->scope = g->scopes[g->scope].parent;
}

static uint64_t text_hash(const char *text)
{
    uint64_t h = 1469598103934665603u;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

bool heed_name_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *from = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++from;
        } else return false;
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

static bool is_wanted(const heed_graph *g, const char *path)
{
    for (size_t i = 0; i < g->pattern_count; i++)
        if (heed_name_matches(g->patterns[i], path)) return true;
    return false;
}

bool heed_wanted(heed_graph *g, const char *name)
{
    if (g->error.code) return false;
    g->once = true;
    if (!g->pattern_count) return false;
    char path[512];
    const char *scope = heed_scope_path(g, g->scope);
    snprintf(path, sizeof path, "%s%s%s", scope, *scope ? "." : "", name);
    return is_wanted(g, path);
}

static heed_tensor *made(heed_graph *g, size_t i)
{
    const named n = g->names[i]; /* names may move while it is made */
    if (!n.make) return n.t;
    const uint32_t scope = g->scope;
    g->scope = n.scope;
    heed_tensor *t = n.make(g, n.t->x, n.t->attr);
    g->scope = scope;
    g->names[i].t = t;
    g->names[i].make = NULL;
    return t;
}

static bool add_name(heed_graph *g, heed_tensor *t, const char *name, heed_make_fn *make)
{
    if (g->error.code) return false;
    if (!heed_is_of(g, t)) {
        heed_graph_fail(g, HEED_INVALID, "name: %s is not of this graph since its last reset", name);
        return false;
    }
    char *path = join_path(g, heed_scope_path(g, g->scope), name);
    if (!path || !heed_grow((void **)&g->names, &g->name_capacity, g->name_count + 1, sizeof *g->names)) {
        heed_graph_fail(g, HEED_NO_MEMORY, "name: no memory");
        return false;
    }
    g->once = true;
    g->names[g->name_count++] = (named){path, t, text_hash(path), make, g->scope};
    return true;
}

heed_tensor *heed_name(heed_graph *g, heed_tensor *t, const char *name)
{
    if (!add_name(g, t, name, NULL)) return &g->failed;
    return is_wanted(g, g->names[g->name_count - 1].path) ? heed_keep(g, t) : t;
}

void heed_name_later(heed_graph *g, const char *name, heed_tensor *of, heed_make_fn *make)
{
    if (add_name(g, of, name, make) && is_wanted(g, g->names[g->name_count - 1].path)) heed_keep(g, made(g, g->name_count - 1));
}

heed_tensor *heed_find(heed_graph *g, const char *name)
{
    if (g->error.code) return NULL;
    g->once = true;
    uint64_t hash = text_hash(name);
    for (size_t i = g->name_count; i-- > 0;)
        if (g->names[i].hash == hash && !strcmp(g->names[i].path, name)) return made(g, i);
    return NULL;
}

void heed_keep_named(heed_graph *g, const char *pattern)
{
    if (g->error.code) return;
    char *copy = heed_strdup(pattern);
    if (!copy || !heed_grow((void **)&g->patterns, &g->pattern_capacity, g->pattern_count + 1, sizeof *g->patterns)) {
        heed_free(copy);
        heed_graph_fail(g, HEED_NO_MEMORY, "keep: no memory");
        return;
    }
    g->patterns[g->pattern_count++] = copy;
    for (size_t i = 0; i < g->name_count; i++)
        if (heed_name_matches(copy, g->names[i].path)) heed_keep(g, made(g, i));
}

void heed_keep_clear(heed_graph *g)
{
    for (size_t i = 0; i < g->pattern_count; i++) heed_free(g->patterns[i]);
    if (!g->immortal) g->pattern_count = 0;
}

/* --- tensors as seen from outside ---------------------------------------------------------------------------------------------- */

size_t heed_dtype_size(heed_dtype dtype)
{
    static const size_t sizes[] = {4, 8, 4, 1};
    return (unsigned)dtype < HEED_DTYPES ? sizes[dtype] : 0;
}

const char *heed_dtype_name(heed_dtype dtype)
{
    static const char *const names[] = {"float32", "float64", "int32", "uint8"};
    return (unsigned)dtype < HEED_DTYPES ? names[dtype] : "unknown";
}

heed_dtype heed_dtype_of(const heed_tensor *t) { return (heed_dtype)t->dtype; }
int heed_rank(const heed_tensor *t) { return t->rank; }
int64_t heed_size(const heed_tensor *t) { return t->size; }

int64_t heed_dim(const heed_tensor *t, int axis)
{
    if (axis < 0) axis += t->rank;
    return axis >= 0 && axis < t->rank ? t->shape[axis] : 0;
}

int64_t heed_stride(const heed_tensor *t, int axis)
{
    if (axis < 0) axis += t->rank;
    return axis >= 0 && axis < t->rank ? t->stride[axis] : 0;
}

const int64_t *heed_shape(const heed_tensor *t) { return t->shape; }
const int64_t *heed_strides(const heed_tensor *t) { return t->stride; }

bool heed_is_contiguous(const heed_tensor *x) { return x->flags & NODE_CONTIGUOUS; }

const void *heed_known(const heed_tensor *x)
{
    const char *data = x->root->data;
    return data && heed_is_contiguous(x) ? data + (size_t)x->offset * heed_dtype_size((heed_dtype)x->dtype) : NULL;
}

char *heed_shape_text(const heed_tensor *t, char *text, size_t size)
{
    size_t used = 0;
    if (size) text[0] = 0;
    used += (size_t)snprintf(text, size, "[");
    for (int i = 0; i < t->rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? "," : "", (long long)t->shape[i]);
    if (used < size) snprintf(text + used, size - used, "]");
    return text;
}
