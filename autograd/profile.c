/* Profiles: times of steps and spans are added up as the engine tells them. */
#include "autograd/profiling.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MOST_OPEN = 32 };

typedef struct open_span { int32_t span; int64_t began, inner; } open_span;

struct heed_profile {
    heed_error error;
    heed_profile_step *steps;   size_t count, capacity;
    uint64_t *keys;             size_t key_capacity;    /* of the steps */
    int32_t *table;             size_t buckets;         /* by key: step or -1; a power of two, at most half full */
    heed_profile_span *spans;   size_t span_count, span_capacity;
    heed_profile_event *events; size_t event_count, event_capacity, event_most;
    work_log *logs;             size_t log_capacity;    /* of the threads in a run */
    work_time *work;            size_t work_capacity;
    int32_t *rows;              size_t row_capacity;    /* steps of the plan as rows of `steps` */
    open_span open[MOST_OPEN];  int depth, too_deep;
    bool recording;             /* the innermost open span is the engine's "record" */
    int64_t zero, first, last;  /* nanoseconds; first -1: nothing yet */
    heed_profile_totals total;
    bool immortal;
};

int64_t heed_profile_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- life ------------------------------------------------------------------------------------------------------------------------ */

heed_profile *heed_profile_new(size_t events)
{
    static heed_profile refused = {.error = {HEED_NO_MEMORY, "profile: no memory"}, .immortal = true};
    heed_profile *p = heed_calloc(1, sizeof *p);
    if (!p) return &refused;
    p->event_most = events;
    heed_profile_reset(p);
    return p;
}

void heed_profile_reset(heed_profile *p)
{
    if (p->immortal) return;
    for (size_t i = 0; i < p->count; i++) heed_free((void *)(uintptr_t)p->steps[i].kernel); /* one text with ops, shapes and scope */
    for (size_t i = 0; i < p->span_count; i++) heed_free((void *)(uintptr_t)p->spans[i].name);
    if (p->buckets) memset(p->table, -1, p->buckets * sizeof *p->table);
    p->count = p->span_count = p->event_count = 0;
    p->depth = p->too_deep = 0;
    p->recording = false;
    p->zero = heed_profile_now();
    p->first = p->last = -1;
    p->total = (heed_profile_totals){0};
    p->error = (heed_error){0};
}

void heed_profile_free(heed_profile *p)
{
    if (!p || p->immortal) return;
    heed_profile_reset(p);
    heed_free(p->steps);
    heed_free(p->keys);
    heed_free(p->table);
    heed_free(p->spans);
    heed_free(p->events);
    heed_free(p->logs);
    heed_free(p->work);
    heed_free(p->rows);
    heed_free(p);
}

const heed_error *heed_profile_error(const heed_profile *p) { return &p->error; }

void heed_graph_profile(heed_graph *g, heed_profile *p)
{
    if (g->immortal || g->profile == p) return;
    heed_profile_recorded(g);
    g->profile = p && !p->immortal ? p : NULL;
}

static bool failed(heed_profile *p)
{
    heed_fail(&p->error, HEED_NO_MEMORY, "profile: no memory; what was measured is incomplete");
    return false;
}

static heed_profile *of(const heed_graph *g) { return g->profile && !g->profile->error.code ? g->profile : NULL; }

static void note(heed_profile *p, int32_t step, int32_t span, int thread, int64_t begin, int64_t length)
{
    if (p->first < 0 || begin < p->first) p->first = begin;
    if (begin + length > p->last) p->last = begin + length;
    if (!p->event_most) return;
    if (p->event_count >= p->event_most) p->total.events_missed++;
    else if (!heed_grow((void **)&p->events, &p->event_capacity, p->event_count + 1, sizeof *p->events)) failed(p);
    else p->events[p->event_count++] = (heed_profile_event){step, span, thread, 1e-9 * (double)(begin - p->zero), 1e-9 * (double)length};
}

/* --- spans ----------------------------------------------------------------------------------------------------------------------- */

static int32_t find_span(heed_profile *p, const char *name)
{
    for (size_t i = 0; i < p->span_count; i++)
        if (!strcmp(p->spans[i].name, name)) return (int32_t)i;
    char *copy = heed_strdup(name);
    if (!copy || !heed_grow((void **)&p->spans, &p->span_capacity, p->span_count + 1, sizeof *p->spans)) {
        heed_free(copy);
        failed(p);
        return -1;
    }
    p->spans[p->span_count] = (heed_profile_span){.name = copy};
    return (int32_t)p->span_count++;
}

static void open_at(heed_profile *p, const char *name, int64_t now)
{
    int32_t span = p->depth < MOST_OPEN ? find_span(p, name) : -1;
    if (span < 0) p->too_deep++;
    else p->open[p->depth++] = (open_span){span, now, 0};
}

static void close_at(heed_profile *p, int64_t now)
{
    if (p->too_deep || !p->depth) {
        p->too_deep -= p->too_deep > 0;
        return;
    }
    const open_span *o = &p->open[--p->depth];
    int64_t length = now - o->began;
    p->spans[o->span].calls++;
    p->spans[o->span].seconds += 1e-9 * (double)(length - o->inner);
    if (p->depth) p->open[p->depth - 1].inner += length;
    note(p, -1, o->span, 0, o->began, length);
}

void heed_profile_recording(const heed_graph *g)
{
    heed_profile *p = of(g);
    if (!p || p->recording || g->sweeping) return;
    open_at(p, "record", heed_profile_now());
    p->recording = true;
}

void heed_profile_recorded(const heed_graph *g)
{
    heed_profile *p = of(g);
    if (!p || !p->recording) return;
    p->recording = false;
    close_at(p, heed_profile_now());
}

void heed_profile_begin(const heed_graph *g, const char *name)
{
    heed_profile_recorded(g);
    heed_profile *p = of(g);
    if (p) open_at(p, name, heed_profile_now());
}

void heed_profile_end(const heed_graph *g)
{
    heed_profile_recorded(g);
    heed_profile *p = of(g);
    if (p) close_at(p, heed_profile_now());
}

void heed_profile_planned(const heed_graph *g, bool reused)
{
    heed_profile *p = of(g);
    if (p) (*(reused ? &p->total.plans_reused : &p->total.plans_made))++;
}

/* --- steps ----------------------------------------------------------------------------------------------------------------------- */

static const pass *following(const plan_step *s) { return s->pass ? s->pass : s->kernel->call.following; }

static uint64_t hash_text(uint64_t h, const char *text)
{
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

static uint64_t hash_array(uint64_t h, const heed_array *a)
{
    for (int i = 0; i < a->rank; i++) h = heed_mix(h, (uint64_t)a->shape[i]);
    return heed_mix(h, (uint64_t)a->rank);
}

static uint64_t key_of(const plan_step *s, const char *scope, bool backward)
{
    uint64_t h = hash_text(backward, scope);
    const pass *f = following(s);
    if (s->kernel) {
        h = hash_array(heed_mix(h, (uint64_t)(uintptr_t)s->kernel->op), &s->kernel->call.y);
        for (int i = 0; i < s->kernel->call.count; i++) h = hash_array(h, &s->kernel->call.x[i]);
    }
    for (int i = 0; f && i < f->instructions; i++) h = heed_mix(h, (uint64_t)(uintptr_t)f->instruction[i].op);
    for (int i = 0; s->pass && i <= f->rank; i++) h = heed_mix(h, (uint64_t)f->dim[i]);
    return h;
}

typedef struct text { char *at; size_t size, used; } text;
static void HEED_PRINTF(2, 3) put(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->used, t->size - t->used, format, args);
    va_end(args);
    if (n > 0) t->used = t->used + (size_t)n < t->size ? t->used + (size_t)n : t->size - 1;
}

static void put_array(text *t, const heed_array *a)
{
    put(t, "[");
    for (int i = 0; i < a->rank; i++) put(t, "%s%" PRId64, i ? "," : "", a->shape[i]);
    put(t, "]");
}

/* each op once, with its number */
static void put_ops(text *t, const plan_step *s)
{
    t->at[0] = 0;
    const pass *f = following(s);
    const char *between = "";
    if (s->kernel) put(t, "%s", s->kernel->op->name);
    if (s->kernel) between = " + ";
    for (int i = 0; f && i < f->instructions; i++) {
        const heed_op *op = f->instruction[i].op;
        bool seen = !op; /* a gathered operand is no op */
        int times = 1;
        for (int k = 0; k < i; k++) seen |= f->instruction[k].op == op;
        if (seen) continue;
        for (int k = i + 1; k < f->instructions; k++) times += f->instruction[k].op == op;
        put(t, "%s%s", between, op->name);
        if (times > 1) put(t, " x%d", times);
        between = " + ";
    }
}

static void put_shapes(text *t, const plan_step *s)
{
    if (s->kernel) {
        const heed_call *c = &s->kernel->call;
        for (int i = 0; i < c->count && i < 4; i++) {
            put_array(t, &c->x[i]);
            put(t, " ");
        }
        put(t, c->count > 4 ? "... -> " : "-> ");
        put_array(t, &c->y);
    } else {
        put(t, "[");
        for (int i = 0; i < s->pass->rank; i++) put(t, "%s%" PRId64, i ? "," : "", s->pass->dim[i]);
        put(t, "]");
    }
}

static bool rehash(heed_profile *p)
{
    if (p->buckets > 2 * p->count) return true;
    size_t buckets = p->buckets ? 2 * p->buckets : 256;
    int32_t *table = heed_realloc(p->table, buckets * sizeof *table);
    if (!table) return failed(p);
    p->table = table;
    p->buckets = buckets;
    memset(table, -1, buckets * sizeof *table);
    for (size_t i = 0; i < p->count; i++) {
        size_t at = p->keys[i] & (buckets - 1);
        while (table[at] >= 0) at = (at + 1) & (buckets - 1);
        table[at] = (int32_t)i;
    }
    return true;
}

/* The row of this step, made where there is none yet; -1 without memory. */
static int32_t find_step(heed_profile *p, const plan_step *s, const char *scope, bool backward)
{
    uint64_t key = key_of(s, scope, backward);
    if (!rehash(p)) return -1;
    size_t at = key & (p->buckets - 1);
    for (; p->table[at] >= 0; at = (at + 1) & (p->buckets - 1))
        if (p->keys[p->table[at]] == key) return p->table[at];
    char ops[640], shapes[480], *texts = NULL;
    const char *kernel = s->kernel ? s->kernel->op->name : "pass";
    put_ops(&(text){.at = ops, .size = sizeof ops}, s);
    put_shapes(&(text){.at = shapes, .size = sizeof shapes}, s);
    size_t n[4] = {strlen(kernel) + 1, strlen(ops) + 1, strlen(shapes) + 1, strlen(scope) + 1};
    if (!heed_grow((void **)&p->steps, &p->capacity, p->count + 1, sizeof *p->steps) ||
        !heed_grow((void **)&p->keys, &p->key_capacity, p->count + 1, sizeof *p->keys) || !(texts = heed_alloc(n[0] + n[1] + n[2] + n[3]))) {
        failed(p);
        return -1;
    }
    memcpy(texts, kernel, n[0]);
    memcpy(texts + n[0], ops, n[1]);
    memcpy(texts + n[0] + n[1], shapes, n[2]);
    memcpy(texts + n[0] + n[1] + n[2], scope, n[3]);
    p->keys[p->count] = key;
    p->steps[p->count] = (heed_profile_step){.kernel = texts, .ops = texts + n[0], .shapes = texts + n[0] + n[1],
                                             .scope = texts + n[0] + n[1] + n[2], .backward = backward};
    p->table[at] = (int32_t)p->count;
    return (int32_t)p->count++;
}

work_log *heed_profile_logs(heed_graph *g, const plan *p, int threads, size_t most)
{
    heed_profile *q = of(g);
    size_t room;
    if (!q) return NULL;
    if (!heed_size_mul(most, (size_t)threads, &room) || !heed_grow((void **)&q->logs, &q->log_capacity, (size_t)threads, sizeof *q->logs) ||
        !heed_grow((void **)&q->work, &q->work_capacity, room, sizeof *q->work) ||
        !heed_grow((void **)&q->rows, &q->row_capacity, p->count, sizeof *q->rows)) {
        failed(q);
        return NULL;
    }
    for (int t = 0; t < threads; t++) q->logs[t] = (work_log){q->work + (size_t)t * most, 0};
    return q->logs;
}

/* Time goes to the steps that are worked on just then, in equal parts to the threads that work. */
static void share_out(heed_profile *q, int threads)
{
    for (int64_t now = INT64_MIN;;) {
        int64_t next = INT64_MAX;
        int working = 0;
        for (int t = 0; t < threads; t++) {
            work_log *l = &q->logs[t];
            while (l->count && l->work->ended <= now) l->work++, l->count--;
            if (!l->count) continue;
            bool on = l->work->began <= now;
            working += on;
            if ((on ? l->work->ended : l->work->began) < next) next = on ? l->work->ended : l->work->began;
        }
        if (next == INT64_MAX) return;
        double each = working ? 1e-9 * (double)(next - now) / working : 0;
        for (int t = 0; t < threads && working; t++) {
            const work_log *l = &q->logs[t];
            if (l->count && l->work->began <= now) q->steps[q->rows[l->work->step]].seconds += each;
        }
        q->total.steps += each * working;
        now = next;
    }
}

void heed_profile_run(heed_graph *g, const plan *p, int threads)
{
    heed_profile *q = of(g);
    if (!q) return;
    heed_profile_begin(g, "profile");
    q->total.runs++;
    if (threads > q->total.threads) q->total.threads = threads;
    if (q->error.code) return;
    for (size_t i = 0; i < p->count; i++) {
        const plan_step *s = &p->steps[i];
        uint32_t main = s->kernel ? s->first : s->node;
        q->rows[i] = find_step(q, s, heed_scope_path(g, g->tape[main]->scope), main >= g->derived);
        if (q->rows[i] < 0) return;
        heed_profile_step *r = &q->steps[q->rows[i]];
        r->calls++;
        r->nodes += s->nodes;
        r->flops += s->flops;
        r->bytes += s->bytes;
        q->total.flops += s->flops;
        q->total.bytes += s->bytes;
    }
    for (int t = 0; t < threads; t++)
        for (size_t i = 0; i < q->logs[t].count; i++) {
            const work_time *w = &q->logs[t].work[i];
            q->steps[q->rows[w->step]].busy += 1e-9 * (double)(w->ended - w->began);
            note(q, q->rows[w->step], -1, t, w->began, w->ended - w->began);
        }
    share_out(q, threads);
    heed_profile_end(g);
}

/* --- what was measured -------------------------------------------------------------------------------------------------------------- */

const heed_profile_step *heed_profile_steps(const heed_profile *p, size_t *count)
{
    *count = p->count;
    return p->count ? p->steps : NULL;
}

const heed_profile_span *heed_profile_spans(const heed_profile *p, size_t *count)
{
    *count = p->span_count;
    return p->span_count ? p->spans : NULL;
}

const heed_profile_event *heed_profile_events(const heed_profile *p, size_t *count)
{
    *count = p->event_count;
    return p->event_count ? p->events : NULL;
}

heed_profile_totals heed_profile_total(const heed_profile *p)
{
    heed_profile_totals t = p->total;
    t.seconds = p->first < 0 ? 0 : 1e-9 * (double)(p->last - p->first);
    return t;
}
