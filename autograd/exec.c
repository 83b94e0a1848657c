/* The executor: binds a plan to this graph's memory, runs its steps, by several threads as flow.h says, and is the only place that opens a
 * parallel region. */
#include "autograd/flow.h"
#include "autograd/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { SERIAL_WORK = 60000, SMALL_WORK = 1 << 27, TRIAL = 4, FIRST_TURN = 128, TURN = 1024 /* runs */, ADD_CHUNK = 1 << 15, MOST_THREADS = 256 };

int heed_thread_count(int asked)
{
#ifdef _OPENMP
    int n = asked > 0 ? asked : omp_get_max_threads(); /* OMP_NUM_THREADS, else the CPUs of the affinity mask */
    return n < MOST_THREADS ? n : MOST_THREADS;
#else
    (void)asked;
    return 1;
#endif
}

/* Each thread begins with its own share of the tasks and then helps with the others: what a task works on stays in one cache from call to call. */
void heed_parallel(int threads, int64_t tasks, void (*task)(void *context, int64_t i), void *context)
{
    threads = heed_thread_count(threads);
    if (threads > tasks) threads = (int)tasks;
#ifdef _OPENMP
    if (threads > 1) {
        struct { _Alignas(64) int64_t next; } share[MOST_THREADS];
        for (int k = 0; k < threads; k++) share[k].next = tasks * k / threads;
#pragma omp parallel num_threads(threads)
        for (int k = 0, own = omp_get_thread_num(); k < threads; k++) {
            const int s = (own + k) % threads;
            const int64_t end = tasks * (s + 1) / threads;
            for (int64_t i; (i = __atomic_fetch_add(&share[s].next, 1, __ATOMIC_RELAXED)) < end;) task(context, i);
        }
        return;
    }
#endif
    for (int64_t i = 0; i < tasks; i++) task(context, i);
}

static int thread_count(const heed_graph *g, const plan *p) { return p->work < SERIAL_WORK ? 1 : heed_thread_count(g->threads); }

/* Whether threads pay for a small plan depends on how far the cores are from each other just then, which no bit of a result does: both ways are tried,
 * the faster one goes on, and now and then the other is tried again, for a few runs, since threads have to wake up. */
static bool choose_alone(plan *p)
{
    const uint32_t n = p->runs++, at = n % (n < TURN ? FIRST_TURN : TURN);
    if (n < 2 * TRIAL) p->by_one = n >= TRIAL;
    else if (n == 2 * TRIAL || at == TRIAL) p->by_one = p->alone < p->together;
    else if (at == 0) p->by_one = !p->by_one;
    return p->by_one;
}

/* The least that is seen, which slowly forgets: a run may be held up by something else. */
static void take_time(double *least, double seconds)
{
    if (*least == 0 || seconds < *least) *least = seconds;
    else *least += (fmin(seconds, 2 * *least) - *least) / 8;
}

/* --- one step ------------------------------------------------------------------------------------------------------------------ */

static void accumulate_task(const heed_call *c, int64_t task)
{
    int64_t from = task * ADD_CHUNK, end = from + ADD_CHUNK < c->x[0].size ? from + ADD_CHUNK : c->x[0].size;
    if (c->x[0].dtype == HEED_F32) {
        float *y = c->y.p;
        const float *x = c->x[0].p;
        for (int64_t i = from; i < end; i++) y[i] = c->accumulate ? y[i] + x[i] : x[i];
    } else {
        double *y = c->y.p;
        const double *x = c->x[0].p;
        for (int64_t i = from; i < end; i++) y[i] = c->accumulate ? y[i] + x[i] : x[i];
    }
}

int64_t heed_step_tasks(const plan_step *s, int phase)
{
    if (s->pass) return heed_pass_tasks(s->pass, phase);
    const kernel_step *k = s->kernel;
    if (k->op == &heed_op_accumulate) return (k->call.x[0].size + ADD_CHUNK - 1) / ADD_CHUNK;
    return k->op->tasks ? k->op->tasks(&k->call, phase) : 1;
}

void heed_step_task(const plan_step *s, int phase, int64_t task, char *scratch)
{
    if (s->pass) heed_pass_task(s->pass, phase, task, scratch);
    else if (s->kernel->op == &heed_op_accumulate) accumulate_task(&s->kernel->call, task);
    else s->kernel->op->run(&s->kernel->call, phase, task, scratch);
}

/* --- binding --------------------------------------------------------------------------------------------------------------------- */

/* A view's offset is read here, not planned: views that differ in their offset alone share a plan. */
static char *node_memory(const heed_graph *g, const plan *p, char *base, uint32_t id)
{
    const heed_tensor *t = g->tape[id], *r = t->root;
    char *memory = r->data ? r->data : p->place[r->id] >= 0 ? base + p->place[r->id] : NULL;
    return memory ? memory + t->offset * (int64_t)heed_dtype_size((heed_dtype)t->dtype) : NULL;
}

/* The first result that goes into an empty gradient is written, later ones are added. */
static char *bind_gradient(heed_graph *g, int32_t param, bool *accumulate)
{
    heed_param *q = heed_params_at(g->params, param);
    void *at = heed_gradient_memory(g, q);
    *accumulate = !heed_gradient_take(g, q);
    return at;
}

static void bind(heed_graph *g, plan *p, char *base)
{
    for (size_t i = 0; i < p->bound; i++) {
        const binding *b = &p->bindings[i];
        const heed_tensor *t = g->tape[b->node];
        char *at = b->kind == BIND_ATTR ? t->attr : b->at >= 0 ? base + b->at : t->root->data;
        if (b->kind == BIND_DATA && at) at += t->offset * (int64_t)heed_dtype_size((heed_dtype)t->dtype) + b->offset;
        memcpy(b->where, &at, sizeof at);
    }
    for (size_t i = 0; i < p->count; i++) {
        plan_step *s = &p->steps[i];
        if (s->kernel && s->kernel->param >= 0) s->kernel->call.y.p = bind_gradient(g, s->kernel->param, &s->kernel->call.accumulate);
        for (int k = 0; s->pass && k < s->pass->sinks; k++) {
            sink *out = &s->pass->sink[k];
            if (out->param >= 0) out->out = bind_gradient(g, out->param, &out->accumulate);
        }
    }
}

/* --- running ------------------------------------------------------------------------------------------------------------------------ */

static void run_step(const plan_step *s, char *scratch)
{
    for (int phase = 0; phase < s->phases; phase++) {
        int64_t tasks = heed_step_tasks(s, phase);
        for (int64_t t = 0; t < tasks; t++) heed_step_task(s, phase, t, scratch);
    }
}

/* `log`: of the graph's profile, or NULL */
static void run_serial(const plan *p, char *scratch, work_log *log)
{
    for (size_t i = 0; i < p->count; i++) {
        int64_t began = log ? heed_profile_now() : 0;
        run_step(&p->steps[i], scratch);
        if (log) heed_log_work(log, i, began);
    }
}

#ifdef _OPENMP
static void run_parallel(const plan *p, char *scratch, size_t each, int threads, void *counters, work_log *logs)
{
    memset(counters, 0, heed_flow_bytes(p, threads));
#pragma omp parallel num_threads(threads)
    {
        int thread = omp_get_thread_num();
        heed_flow_thread(p, counters, threads, thread, scratch + (size_t)thread * each, logs ? &logs[thread] : NULL);
    }
}
#endif

/* --- anomalies ------------------------------------------------------------------------------------------------------------------------ */

/* The worst among the elements of `memory` from axis k on: 0 finite, 1 infinite, 2 NaN. */
static int worst_of(const heed_tensor *t, int k, const char *memory)
{
    int worst = 0;
    if (t->dtype > HEED_F64 || t->size == 0) return 0;
    if (k == t->rank) {
        double x = t->dtype == HEED_F32 ? (double)*(const float *)(const void *)memory : *(const double *)(const void *)memory;
        return isnan(x) ? 2 : isinf(x) ? 1 : 0;
    }
    for (int64_t i = 0; i < t->shape[k] && worst < 2; i++) {
        int one = worst_of(t, k + 1, memory + i * t->stride[k] * (int64_t)heed_dtype_size((heed_dtype)t->dtype));
        if (one > worst) worst = one;
    }
    return worst;
}

/* After an unfused step: fails the graph if its result has a NaN and no operand has, or an infinity and all operands are finite. */
static void check_step(heed_graph *g, const plan *p, const plan_step *s, char *base)
{
    const heed_tensor *t = g->tape[s->node];
    if (t->op == &heed_op_accumulate) return;
    int worst = worst_of(t, 0, node_memory(g, p, base, t->id));
    for (int i = 0; i < t->count && worst; i++)
        if (worst_of(t->x[i], 0, node_memory(g, p, base, t->x[i]->id)) >= worst) worst = 0;
    if (!worst) return;
    char text[320] = "none", shape[96];
    size_t used = 0;
    for (int i = 0; i < t->count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s", i ? ", " : "", t->x[i]->op->name,
                                 heed_shape_text(t->x[i], shape, sizeof shape));
    const char *path = heed_scope_path(g, t->scope);
    heed_fail(&g->error, HEED_INVALID, "%s%s%s: the result %s is the first with %s; operands: %s", path, *path ? ": " : "", t->op->name,
              heed_shape_text(t, shape, sizeof shape), worst == 2 ? "a NaN" : "an infinity", text);
}

static heed_code execute(heed_graph *g, plan *p, int threads)
{
    size_t each = (p->scratch + 4095) & ~(size_t)4095, need;
    if (!heed_size_mul(each, (size_t)threads, &need) || !heed_size_add(need, heed_flow_bytes(p, threads), &need)) need = SIZE_MAX;
    if (need > g->scratch_size) {
        heed_free(g->scratch);
        g->scratch = need > SIZE_MAX / 2 ? NULL : heed_alloc(need + need / 4);
        g->scratch_size = g->scratch ? need + need / 4 : 0;
    }
    char *base = g->scratch ? pool_take(&g->values, p->peak ? p->peak : 1) : NULL;
    if (!base) {
        heed_graph_fail(g, HEED_NO_MEMORY, "run: %.1f MiB of values cannot be had", (double)p->peak / 1048576);
        return g->error.code;
    }
    heed_prepare_all(g);
    bind(g, p, base);
    char *scratch = g->scratch;
    work_log *logs = g->anomaly ? NULL : heed_profile_logs(g, p, threads, heed_flow_logged(p, threads));
    if (g->anomaly) {
        for (size_t i = 0; i < p->count && !g->error.code; i++) {
            run_step(&p->steps[i], scratch);
            check_step(g, p, &p->steps[i], base);
        }
        if (g->error.code) heed_gradients_zero(g); /* half a gradient must not be used */
    } else if (threads == 1) run_serial(p, scratch, logs);
#ifdef _OPENMP
    else run_parallel(p, scratch, each, threads, scratch + each * (size_t)threads, logs);
#endif
    if (g->error.code) return g->error.code;
    for (size_t i = 0; i < p->stored_count; i++) {
        heed_tensor *t = g->tape[p->stored[i]];
        t->data = base + p->place[t->id];
    }
    g->values.used += p->stored_bytes;
    g->hash = heed_mix(g->hash, p->key); /* a later plan of this graph depends on what is stored */
    return HEED_OK;
}

heed_code heed_execute(heed_graph *g, plan *p)
{
    if (!p->count) return HEED_OK;
    int threads = thread_count(g, p);
    const bool small = threads > 1 && p->work < SMALL_WORK, alone = small && choose_alone(p);
    if (alone) threads = 1;
    heed_profile_begin(g, "run");
    const int64_t began = small ? heed_profile_now() : 0;
    execute(g, p, threads);
    if (small) take_time(alone ? &p->alone : &p->together, 1e-9 * (double)(heed_profile_now() - began));
    heed_profile_end(g);
    if (!g->error.code && !g->anomaly) heed_profile_run(g, p, threads);
    return g->error.code;
}

/* --- asking for values ---------------------------------------------------------------------------------------------------------------- */

heed_code heed_run(heed_graph *g, int count, heed_tensor *const *targets)
{
    if (g->error.code) return g->error.code;
    g->once = true;
    bool missing = false;
    for (int i = 0; i < count; i++) {
        const heed_tensor *t = targets[i];
        if (!heed_is_of(g, t)) {
            heed_graph_fail(g, HEED_INVALID, "run: target %d is not of this graph since its last reset", i);
            return g->error.code;
        }
        missing |= !t->root->data;
    }
    if (!missing) return HEED_OK;
    heed_profile_begin(g, "plan");
    plan *p = heed_plan_for(g, count, targets, !g->eager && !g->anomaly);
    heed_profile_end(g);
    return p ? heed_execute(g, p) : g->error.code;
}

const void *heed_data(heed_graph *g, heed_tensor *t)
{
    if (g->error.code) return NULL;
    if (!heed_is_of(g, t)) {
        heed_graph_fail(g, HEED_INVALID, "data: the tensor is not of this graph since its last reset");
        return NULL;
    }
    heed_tensor *c = heed_copied(g, t);
    if (heed_run(g, 1, &c)) return NULL;
    return (const char *)c->root->data + (size_t)c->offset * heed_dtype_size((heed_dtype)c->dtype);
}

double heed_item(heed_graph *g, heed_tensor *t)
{
    if (!g->error.code && heed_is_of(g, t) && t->size != 1) {
        char text[96];
        heed_graph_fail(g, HEED_INVALID, "item: a tensor of shape %s is not one number", heed_shape_text(t, text, sizeof text));
    }
    const void *p = heed_data(g, t);
    if (!p) return NAN;
    switch (t->dtype) {
    case HEED_F32: return (double)*(const float *)p;
    case HEED_F64: return *(const double *)p;
    case HEED_I32: return (double)*(const int32_t *)p;
    default: return (double)*(const uint8_t *)p;
    }
}
