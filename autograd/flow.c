#include "autograd/flow.h"

#include <sched.h>

/* --- planning: who waits for whom -------------------------------------------------------------------------------------------- */

/* What a step touches while it runs: bytes [from, end) of the room, or with `gradient` nothing but the gradient of parameter number `from`. */
typedef struct touch { size_t from, end; bool gradient, writes; } touch;
typedef struct touches { arena *work; touch *all; size_t count, capacity; } touches;

static bool add(touches *t, touch one)
{
    if (!arena_grow(t->work, (void **)&t->all, &t->capacity, t->count + 1, sizeof *t->all)) return false;
    t->all[t->count++] = one;
    return true;
}

static bool collide(const touch *a, const touch *b)
{
    return (a->writes || b->writes) && a->gradient == b->gradient && a->from < b->end && b->from < a->end;
}

/* The memory behind the bindings of step i, and the gradients it adds to. What it computes it writes. */
static bool add_touches(planning *w, touches *t, size_t i)
{
    const plan *p = w->p;
    const int32_t own = w->group_of[p->steps[i].node];
    const group *q = &w->groups[own];
    size_t end = i + 1 < p->count ? p->steps[i + 1].bound : p->bound;
    bool ok = true;
    for (size_t k = p->steps[i].bound; k < end && ok; k++) {
        const binding *b = &p->bindings[k];
        if (b->kind == BIND_ATTR || b->at < 0) continue;
        const life *l = &w->lives[b->at];
        bool writes = b->kind == BIND_PLACE || l->from == (int32_t)i || w->group_of[l->node] == own;
        ok = add(t, (touch){.from = l->at, .end = l->at + l->size, .writes = writes});
    }
    uint32_t id = q->first;
    for (int k = 0; k < q->count && ok; k++, id = w->next[id]) {
        const heed_tensor *x = w->g->tape[id];
        int32_t into = x->op == &heed_op_accumulate ? x->param : w->into[id];
        if (into >= 0) ok = add(t, (touch){.from = (size_t)into, .end = (size_t)into + 1, .gradient = true, .writes = true});
    }
    return ok;
}

bool heed_flow_order(planning *w)
{
    plan *p = w->p;
    touches t = {.work = &w->g->work};
    size_t *first = arena_alloc(t.work, (p->count + 1) * sizeof *first); /* of a step's touches */
    if (!first) return false;
    for (size_t i = 0; i < p->count; i++) {
        plan_step *s = &p->steps[i];
        first[i] = t.count;
        if (!add_touches(w, &t, i)) return false;
        first[i + 1] = t.count;
        s->after = 0;
        for (size_t k = 0; k < HEED_FLOW_WINDOW && k < i; k++) {
            bool waits = false;
            for (size_t a = first[i - 1 - k]; a < first[i - k] && !waits; a++)
                for (size_t b = first[i]; b < t.count && !waits; b++) waits = collide(&t.all[a], &t.all[b]);
            s->after |= (uint32_t)waits << k;
        }
    }
    return true;
}

/* --- running ------------------------------------------------------------------------------------------------------------------- */

enum { CLOSED, OPENING, OPEN, DONE, PHASE_SHIFT = 40, LINE = 64, MOST_SHARES = 16, PATIENCE = 500 };

/* Tasks of a phase are handed out in as many shares of neighbours as there are threads. A thread begins with the share of its number and then
 * helps with the others: what lies in its cache from one step is near the same place in the next.
 *
 * A ticket is a share's phase and the next of its tasks in one number, so that a late thread cannot mistake one phase's task for another's. Tickets,
 * and a step's state, have cache lines of their own. */
typedef struct flow_phase { int64_t tasks, done; } flow_phase;
typedef struct flow_line { _Alignas(LINE) uint64_t value; } flow_line;
typedef struct flow {
    const plan *p;
    int shares;
    flow_line *step; /* of each step: its state, then its tickets */
    flow_phase *phase;
} flow;

static int shares_of(int threads) { return threads < MOST_SHARES ? threads : MOST_SHARES; }

size_t heed_flow_bytes(const plan *p, int threads)
{
    return (1 + p->count * (size_t)(1 + shares_of(threads))) * sizeof(flow_line) + p->phases * sizeof(flow_phase);
}

/* Whoever has worked on a share has left no task of that phase in it. */
size_t heed_flow_logged(const plan *p, int threads) { return p->phases * (size_t)shares_of(threads); }

static uint64_t *state_of(const flow *f, size_t i) { return &f->step[i * (size_t)(1 + f->shares)].value; }
static uint64_t *ticket_of(const flow *f, size_t i, int share) { return &f->step[i * (size_t)(1 + f->shares) + 1 + (size_t)share].value; }

/* The next phase that has tasks, if there is one; a single task is run at once. Only one thread is here for a step at a time; the last share is never
 * empty, so no thread is done with the phase before all tickets are there. */
static void open_phase(const flow *f, size_t i, int phase, char *scratch)
{
    const plan_step *s = &f->p->steps[i];
    for (; phase < s->phases; phase++) {
        int64_t tasks = heed_step_tasks(s, phase);
        if (tasks == 1) heed_step_task(s, phase, 0, scratch);
        if (tasks <= 1) continue;
        bool first = __atomic_load_n(state_of(f, i), __ATOMIC_RELAXED) == OPENING; /* else it may be done before this thread goes on */
        f->phase[s->first_phase + phase].tasks = tasks;
        for (int k = 0; k < f->shares; k++)
            __atomic_store_n(ticket_of(f, i, k), (uint64_t)phase << PHASE_SHIFT | (uint64_t)(tasks * k / f->shares), __ATOMIC_RELEASE);
        if (first) __atomic_store_n(state_of(f, i), OPEN, __ATOMIC_RELEASE);
        return;
    }
    __atomic_store_n(state_of(f, i), DONE, __ATOMIC_RELEASE);
}

static bool may_open(const flow *f, size_t i)
{
    for (uint32_t after = f->p->steps[i].after; after; after &= after - 1)
        if (__atomic_load_n(state_of(f, i - 1 - (size_t)__builtin_ctz(after)), __ATOMIC_ACQUIRE) != DONE) return false;
    return true;
}

/* One thread gets it. */
static bool opened(const flow *f, size_t i)
{
    uint64_t closed = CLOSED;
    return __atomic_compare_exchange_n(state_of(f, i), &closed, OPENING, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Takes tasks of a share of step i until there are none left; false if there was none. */
static bool work_on(const flow *f, size_t i, int share, char *scratch)
{
    const plan_step *s = &f->p->steps[i];
    const uint64_t mask = ((uint64_t)1 << PHASE_SHIFT) - 1;
    uint64_t *ticket = ticket_of(f, i, share), t = __atomic_load_n(ticket, __ATOMIC_ACQUIRE);
    for (bool any = false;; any = true) {
        flow_phase *h = &f->phase[s->first_phase + (int)(t >> PHASE_SHIFT)];
        if ((int64_t)(t & mask) >= h->tasks * (share + 1) / f->shares) return any;
        t = __atomic_fetch_add(ticket, 1, __ATOMIC_ACQ_REL);
        int phase = (int)(t >> PHASE_SHIFT);
        h = &f->phase[s->first_phase + phase];
        int64_t task = (int64_t)(t & mask), tasks = h->tasks;
        if (task >= tasks * (share + 1) / f->shares) return any;
        heed_step_task(s, phase, task, scratch);
        if (__atomic_add_fetch(&h->done, 1, __ATOMIC_ACQ_REL) == tasks) open_phase(f, i, phase + 1, scratch);
        t = __atomic_load_n(ticket, __ATOMIC_ACQUIRE);
    }
}

static void rest(int turns)
{
    if (turns > PATIENCE) sched_yield();
#if defined(__x86_64__)
    else for (int i = 0; i < 4; i++) __builtin_ia32_pause();
#endif
}

/* Nobody but the thread itself needs to know from which step on it looks. One that has nothing to do leaves a step that has just become free to
 * the thread that has done the one before, in whose cache its operands are: it takes it when it comes by a second time. */
void heed_flow_thread(const plan *p, void *counters, int threads, int thread, char *scratch, work_log *log)
{
    flow f = {.p = p, .shares = shares_of(threads), .step = (flow_line *)(((uintptr_t)counters + LINE - 1) & ~(uintptr_t)(LINE - 1))};
    f.phase = (flow_phase *)(void *)(f.step + p->count * (size_t)(1 + f.shares));
    size_t from = 0, seen = SIZE_MAX;
    for (int idle = 0;;) {
        while (from < p->count && __atomic_load_n(state_of(&f, from), __ATOMIC_ACQUIRE) == DONE) from++;
        if (from == p->count) return;
        size_t end = from + HEED_FLOW_WINDOW < p->count ? from + HEED_FLOW_WINDOW : p->count;
        bool worked = false;
        for (size_t i = from; i < end && !worked; i++) {
            uint64_t state = __atomic_load_n(state_of(&f, i), __ATOMIC_ACQUIRE);
            if (state == DONE || state == OPENING || (state == CLOSED && !may_open(&f, i))) continue;
            if (state == CLOSED && idle && seen != i) {
                seen = i;
                break;
            }
            int64_t began = log ? heed_profile_now() : 0;
            if (state == CLOSED && opened(&f, i)) {
                open_phase(&f, i, 0, scratch);
                worked = __atomic_load_n(state_of(&f, i), __ATOMIC_ACQUIRE) == DONE;
            }
            if (__atomic_load_n(state_of(&f, i), __ATOMIC_ACQUIRE) == OPEN)
                for (int k = 0; k < f.shares && !worked; k++) worked = work_on(&f, i, (thread + k) % f.shares, scratch);
            if (log && worked) heed_log_work(log, i, began);
        }
        if (worked) idle = 0;
        else rest(++idle);
    }
}
