/* A memory budget: values are let go and made again, so that those alive in any step stay within it.
 *
 * Values are functions of leaves and counters, so a step that runs a second time makes the same bits. What to let go is found by playing the
 * plan through with so much memory (dynamic tensor rematerialization, Kirisame et al. 2021, but the future is known here): where a step's
 * results do not fit, the value goes that is cheapest to make again, counting what has gone before it, for each byte and for each step
 * until it is read next. Before a step runs, what it reads and has gone is made again, from the end of the chain. Passes are cheap to
 * repeat and go first; with little memory some values in between stay and segments are repeated, as in sqrt(n) checkpointing (Chen et al.
 * 2016).
 *
 * The limits that are played are a fixed series of fractions of what the plan takes without a budget. A budget takes the first of them, from
 * its own size down, whose layout fits. So the result is a function of graph and budget, and the least of all layouts is a budget that
 * would do.
 *
 * Without a budget, a large plan takes one of the first limits where that costs less than a hundredth of its time.
 */
#include "autograd/plan.h"

#include <math.h>
#include <string.h>

enum { NEVER = INT32_MAX, DEEPEST = 400, FARTHEST = 200, LIMITS = 64, FAILURES = 3, SMALLEST_SHARE = 2048, SPARED = 3 /* limits */ };
static const double limit_ratio = 15.0 / 16, weights[] = {0, 0.5, 1}; /* of the distance to the next reader */

typedef struct list { int32_t *items; size_t count; } list; /* numbers of values */

typedef struct value {          /* a temporary that lies in memory */
    uint32_t node;
    size_t size;
    int32_t step;               /* that makes it */
    bool may_go;                /* column sums are taken once: they add to gradients, and their bits depend on the split into tasks; so do streams */
    list sources;               /* read to make it again */
    double seconds;             /* to do so from them */
    int32_t *readers;           /* steps, ascending */
    int32_t reader_count;
} value;

/* Of a group's step, or of all steps of a stream, which begins with the group. shared: bytes needed meanwhile, blocks of a stream's values too. */
typedef struct work { int32_t group; double seconds; size_t shared; list reads, makes; } work;

typedef struct play {
    planning *w;
    work *steps;    int32_t step_count;
    value *values;  size_t value_count;
    int32_t *value_of;          /* by node: or -1 */
    uint32_t *seen;  uint32_t stamp; /* by node: marks of a walk */
    /* the state */
    size_t limit, used;
    double weight, seconds;     /* spent again */
    double most;                /* of them */
    int32_t now;
    bool *here;
    int32_t *pins, *next;       /* by value: how many are about to read it; index of its next reader */
    plan_turn *turns;    size_t turn_count, turn_capacity;
    arena own;                  /* of one play */
    bool refused;               /* the system's memory, not the budget's */
} play;

static bool is_seen(play *p, uint32_t node)
{
    if (p->seen[node] == p->stamp) return true;
    p->seen[node] = p->stamp;
    return false;
}

/* --- the plan as it is without a budget ----------------------------------------------------------------------------------- */

static bool add(play *p, list *l, size_t *capacity, int32_t v)
{
    if (!arena_grow(&p->w->g->work, (void **)&l->items, capacity, l->count + 1, sizeof *l->items)) return false;
    l->items[l->count++] = v;
    return true;
}

/* The values in memory that group `here` reads to compute t, once each. With `inside`, for the members that t is made of as well. */
static bool find_sources(play *p, const heed_tensor *t, int32_t here, bool inside, list *l, size_t *capacity)
{
    const planning *w = p->w;
    for (int i = 0; i < t->count; i++) {
        const heed_tensor *r = t->x[i]->root;
        bool own = w->group_of[r->id] == here;
        if (own ? !inside : w->group_of[r->id] == NO_GROUP) continue;
        if (is_seen(p, r->id)) continue;
        if (own || w->again[r->id]) {
            if (!find_sources(p, r, here, inside, l, capacity)) return false;
        } else if (p->value_of[r->id] >= 0 && !add(p, l, capacity, p->value_of[r->id])) return false;
    }
    return true;
}

static double seconds_of(const plan_step *s) { return s->bytes / 1e10 + s->flops / (s->kernel ? 1e11 : 4e9) + 1e-6; }

/* A value comes from a pass by the members that it is made of, from a kernel by all. */
static bool describe_value(play *p, value *v)
{
    const planning *w = p->w;
    const heed_tensor *t = w->g->tape[v->node];
    const group *q = &w->groups[w->group_of[v->node]];
    const work *s = &p->steps[v->step];
    if (q->stream >= 0) return true;
    v->may_go = t->op->kind != HEED_COLUMNS && t->op != &heed_op_accumulate;
    v->sources = s->reads;
    v->seconds = s->seconds;
    if (!q->pass) return true;
    size_t capacity = 0;
    v->sources = (list){0};
    p->stamp++;
    if (!find_sources(p, t, w->group_of[v->node], true, &v->sources, &capacity)) return false;
    int32_t members = 1;
    uint32_t id = q->first;
    for (int k = 0; k < q->count; k++, id = w->next[id]) members += p->seen[id] == p->stamp;
    v->seconds *= (double)members / q->count;
    return true;
}

/* Most bytes alive in one of the steps [from, end) of what no other step sees. */
static size_t bytes_within(const planning *w, size_t at, int32_t from, int32_t end)
{
    size_t most = 0;
    for (int32_t k = from; k < end; k++) {
        size_t alive = 0;
        for (size_t i = at; i < w->life_count && w->lives[i].from < end; i++) {
            const life *l = &w->lives[i];
            if ((l->node == UINT32_MAX || w->streamed[l->node]) && l->from <= k && k <= l->to) alive += l->size;
        }
        if (alive > most) most = alive;
    }
    return most;
}

/* What group `number`, or the stream that begins with it, does in the plan's steps [from, end). */
static bool describe_step(play *p, int32_t number, int32_t from, int32_t end, size_t *at)
{
    const planning *w = p->w;
    int32_t index = p->step_count++;
    work *s = &p->steps[index];
    size_t reads = 0, makes = 0, own = 0;
    *s = (work){.group = number, .shared = bytes_within(w, *at, from, end)};
    for (int32_t k = from; k < end; k++) s->seconds += seconds_of(&w->p->steps[k]);
    for (; *at < w->life_count && w->lives[*at].from < end; ++*at) {
        const life *l = &w->lives[*at];
        if (l->node == UINT32_MAX || w->streamed[l->node]) continue;
        p->value_of[l->node] = (int32_t)p->value_count;
        p->values[p->value_count] = (value){.node = l->node, .size = l->size, .step = index};
        if (!add(p, &s->makes, &makes, (int32_t)p->value_count++)) return false;
    }
    p->stamp++;
    for (int32_t i = number; i < heed_end_of(w, number); i++) {
        uint32_t id = w->groups[i].first;
        for (int k = 0; k < w->groups[i].count; k++, id = w->next[id])
            if (!find_sources(p, w->g->tape[id], i, false, &s->reads, &reads)) return false;
    }
    for (size_t i = 0; i < s->reads.count; i++) /* not what one group of a stream leaves for another */
        if (p->values[s->reads.items[i]].step != index) s->reads.items[own++] = s->reads.items[i];
    s->reads.count = own;
    for (size_t i = 0; i < s->makes.count; i++)
        if (!describe_value(p, &p->values[s->makes.items[i]])) return false;
    for (size_t i = 0; i < s->reads.count; i++) p->values[s->reads.items[i]].reader_count++;
    return true;
}

static bool describe(play *p)
{
    planning *w = p->w;
    arena *a = &w->g->work;
    size_t n = w->g->count, steps = w->p->count, at = w->p->stored_count, most = w->life_count - at;
    p->steps = arena_alloc(a, (steps + 1) * sizeof *p->steps);
    p->values = arena_alloc(a, (most + 1) * sizeof *p->values);
    p->value_of = arena_alloc(a, n * sizeof *p->value_of);
    p->seen = arena_alloc(a, n * sizeof *p->seen);
    p->here = arena_alloc(a, most + 1);
    p->pins = arena_alloc(a, 2 * (most + 1) * sizeof *p->pins);
    if (!p->steps || !p->values || !p->value_of || !p->seen || !p->here || !p->pins) return false;
    p->next = p->pins + most + 1;
    memset(p->value_of, -1, n * sizeof *p->value_of);
    memset(p->seen, 0, n * sizeof *p->seen);
    int32_t step = 0; /* of the plan */
    for (int32_t i = 0; i < (int32_t)w->group_count; i = heed_end_of(w, i)) {
        int32_t from = step, blocks = 1;
        if (w->groups[i].stream >= 0) {
            const row_stream *r = &w->streams[w->groups[i].stream];
            blocks = (int32_t)((r->rows + r->block - 1) / r->block);
        }
        for (int32_t k = i; k < heed_end_of(w, i); k++) step += w->groups[k].count ? blocks : 0;
        if (step > from && !describe_step(p, i, from, step, &at)) return false;
    }
    size_t readers = 0;
    for (size_t v = 0; v < p->value_count; v++) readers += (size_t)p->values[v].reader_count;
    int32_t *room = arena_alloc(a, (readers + 1) * sizeof *room);
    if (!room) return false;
    for (size_t v = 0; v < p->value_count; v++) {
        p->values[v].readers = room;
        room += p->values[v].reader_count;
        p->values[v].reader_count = 0;
    }
    for (int32_t k = 0; k < p->step_count; k++)
        for (size_t i = 0; i < p->steps[k].reads.count; i++) {
            value *v = &p->values[p->steps[k].reads.items[i]];
            v->readers[v->reader_count++] = k;
        }
    return true;
}

/* --- playing it with less memory ---------------------------------------------------------------------------------------------- */

static int32_t next_reader(const play *p, int32_t v) { return p->next[v] < p->values[v].reader_count ? p->values[v].readers[p->next[v]] : NEVER; }

/* Seconds to have v again, with the sources that have gone too. */
static double price_of(play *p, int32_t v, int *far)
{
    double seconds = p->values[v].seconds;
    if (++*far > FARTHEST) return INFINITY;
    for (size_t i = 0; i < p->values[v].sources.count; i++) {
        int32_t s = p->values[v].sources.items[i];
        if (!p->here[s] && !is_seen(p, p->values[s].node)) seconds += price_of(p, s, far);
    }
    return seconds;
}

static bool make_room(play *p, size_t size)
{
    while (p->used > p->limit || size > p->limit - p->used) {
        double best = INFINITY;
        int32_t victim = -1;
        for (int32_t v = 0; v < (int32_t)p->value_count; v++) {
            const value *x = &p->values[v];
            if (!p->here[v] || p->pins[v] || !x->may_go || x->size < p->limit / SMALLEST_SHARE) continue;
            int far = 0;
            p->stamp++;
            double score = price_of(p, v, &far) / (double)x->size / pow((double)(next_reader(p, v) - p->now + 1), p->weight);
            if (score >= best) continue;
            best = score;
            victim = v;
        }
        if (victim < 0) return false;
        p->here[victim] = false;
        p->used -= p->values[victim].size;
    }
    return true;
}

static bool appear(play *p, int32_t v)
{
    if (p->here[v]) return true;
    if (!make_room(p, p->values[v].size)) return false;
    p->here[v] = true;
    p->used += p->values[v].size;
    return true;
}

static void unpin(play *p, const list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        int32_t v = l->items[i];
        if (--p->pins[v] || next_reader(p, v) != NEVER || !p->values[v].may_go) continue;
        p->here[v] = false;
        p->used -= p->values[v].size;
    }
}

static plan_turn *add_turn(play *p, int32_t step)
{
    if (!arena_grow(&p->own, (void **)&p->turns, &p->turn_capacity, p->turn_count + 1, sizeof *p->turns)) {
        p->refused = true;
        return NULL;
    }
    plan_turn *t = &p->turns[p->turn_count++];
    *t = (plan_turn){.group = p->steps[step].group};
    return t;
}

static bool make_again(play *p, int32_t v, int depth);

static bool gather(play *p, const list *sources, int depth)
{
    for (size_t i = 0; i < sources->count; i++) {
        int32_t s = sources->items[i];
        if (!p->here[s] && !make_again(p, s, depth)) return false;
        p->pins[s]++;
    }
    return true;
}

/* What a kernel's blocks are made in, whoever reads it: see host_of in plan.c. */
static uint32_t host_of(const planning *w, const group *q)
{
    return w->g->tape[q->first]->dtype != w->g->tape[q->last]->dtype ? q->first : q->last;
}

static bool make_again(play *p, int32_t v, int depth)
{
    planning *w = p->w;
    const value *x = &p->values[v];
    const work *s = &p->steps[x->step];
    const group *q = &w->groups[s->group];
    if (depth > DEEPEST || p->turn_count > 6 * (size_t)p->step_count + 64 || !gather(p, &x->sources, depth + 1)) return false;
    if (!appear(p, v)) return false;
    p->pins[v]++;
    uint32_t *wanted = arena_alloc(&p->own, s->makes.count * sizeof *wanted);
    if (!wanted) {
        p->refused = true;
        return false;
    }
    /* others that come of the same members, where there is room for them */
    p->stamp++;
    list none = {0};
    size_t unused = 0, count = 0;
    if (q->pass) find_sources(p, w->g->tape[x->node], s->group, true, &none, &unused);
    for (size_t i = 0; i < s->makes.count; i++) {
        int32_t other = s->makes.items[i];
        const value *y = &p->values[other];
        bool fits = p->used <= p->limit && y->size <= p->limit - p->used, host = !q->pass && y->node == host_of(w, q);
        bool comes = !p->here[other] && next_reader(p, other) != NEVER && fits && (!q->pass || p->seen[y->node] == p->stamp);
        if (other != v && host && !make_room(p, y->size)) return false;
        if (other == v || comes || host) wanted[count++] = y->node;
        if (comes && !appear(p, other)) return false;
    }
    if (!q->pass && !make_room(p, s->shared)) return false; /* passes share memory for column sums only */
    plan_turn *t = add_turn(p, x->step);
    if (!t) return false;
    t->wanted = wanted;
    t->wanted_count = (int32_t)count;
    p->seconds += x->seconds;
    p->pins[v]--;
    unpin(p, &x->sources);
    return true;
}

/* The turns with at most `limit` bytes at a time; false where that is too little. */
static bool play_through(play *p, size_t limit, double weight)
{
    p->limit = limit;
    p->weight = weight;
    p->used = p->w->p->stored_bytes;
    p->seconds = 0;
    p->turns = NULL;
    p->turn_count = p->turn_capacity = 0;
    memset(p->here, 0, p->value_count);
    memset(p->pins, 0, 2 * (size_t)(p->next - p->pins) * sizeof *p->pins);
    for (p->now = 0; p->now < p->step_count; p->now++) {
        const work *s = &p->steps[p->now];
        if (!gather(p, &s->reads, 0)) return false;
        for (size_t i = 0; i < s->makes.count; i++) {
            if (!appear(p, s->makes.items[i])) return false;
            p->pins[s->makes.items[i]]++;
        }
        if (!make_room(p, s->shared) || !add_turn(p, p->now)) return false;
        for (size_t i = 0; i < s->reads.count; i++) p->next[s->reads.items[i]]++;
        unpin(p, &s->reads);
        unpin(p, &s->makes);
    }
    return true;
}

/* --- what that takes ---------------------------------------------------------------------------------------------------------- */

/* The lives of the values under these turns, as the steps' bindings will make them. */
static bool lives_of(play *p, life **all, size_t *count)
{
    planning *w = p->w;
    arena *a = &p->own;
    size_t capacity = 0;
    int32_t *life_of = arena_alloc(a, (p->value_count + 1) * sizeof *life_of), *step_of = arena_alloc(a, (w->group_count + 1) * sizeof *step_of);
    if (!life_of || !step_of) return false;
    *all = NULL;
    *count = 0;
    for (int32_t k = 0; k < p->step_count; k++) step_of[p->steps[k].group] = k;
    for (size_t i = 0; i < p->turn_count; i++) {
        const plan_turn *t = &p->turns[i];
        const work *s = &p->steps[step_of[t->group]];
        size_t made = t->wanted ? (size_t)t->wanted_count : s->makes.count;
        if (!arena_grow(a, (void **)all, &capacity, *count + made + 1, sizeof **all)) return false;
        list reads = s->reads;
        for (size_t k = 0; k < made; k++) {
            int32_t v = t->wanted ? p->value_of[t->wanted[k]] : s->makes.items[k];
            life_of[v] = (int32_t)*count;
            (*all)[(*count)++] = (life){p->values[v].node, (int32_t)i, (int32_t)i, p->values[v].size, 0};
        }
        if (s->shared && !(t->wanted && w->groups[t->group].pass)) (*all)[(*count)++] = (life){UINT32_MAX, (int32_t)i, (int32_t)i, s->shared, 0};
        if (t->wanted && w->groups[t->group].pass) {
            for (size_t k = 0; k < made; k++) {
                reads = p->values[p->value_of[t->wanted[k]]].sources;
                for (size_t r = 0; r < reads.count; r++) (*all)[life_of[reads.items[r]]].to = (int32_t)i;
            }
        } else
            for (size_t r = 0; r < reads.count; r++) (*all)[life_of[reads.items[r]]].to = (int32_t)i;
    }
    return true;
}

typedef struct found { plan_turn *turns; size_t count; double seconds; } found;

/* The play's turns, to outlast it. */
static bool keep_turns(play *p, found *best)
{
    arena *a = &p->w->g->work;
    plan_turn *turns = arena_alloc(a, (p->turn_count + 1) * sizeof *turns);
    if (!turns) return false;
    for (size_t i = 0; i < p->turn_count; i++) {
        turns[i] = p->turns[i];
        if (!turns[i].wanted) continue;
        uint32_t *wanted = arena_alloc(a, (size_t)turns[i].wanted_count * sizeof *wanted);
        if (!wanted) return false;
        memcpy(wanted, turns[i].wanted, (size_t)turns[i].wanted_count * sizeof *wanted);
        turns[i].wanted = wanted;
    }
    *best = (found){turns, p->turn_count, p->seconds};
    return true;
}

/* The cheapest way with this limit that fits into `budget`; *least learns what any takes. False where no way was found. */
static bool try_limit(play *p, size_t limit, size_t budget, found *best, size_t *least)
{
    bool played = false;
    for (size_t i = 0; i < sizeof weights / sizeof *weights && !p->refused; i++) {
        life *lives;
        size_t count, top = p->w->p->stored_bytes;
        arena_reset(&p->own);
        if (!play_through(p, limit, weights[i])) continue;
        played = true;
        if (!lives_of(p, &lives, &count) || !heed_lay_out(&p->own, lives, count, &top)) p->refused = true;
        else if (top <= budget && p->seconds <= p->most && (!best->turns || p->seconds < best->seconds)) p->refused = !keep_turns(p, best);
        if (top < *least) *least = top;
    }
    return played;
}

bool heed_budget_turns(planning *w, size_t budget, size_t *least)
{
    play p = {.w = w, .most = INFINITY};
    found best = {0};
    size_t peak = w->p->peak, limits[LIMITS];
    *least = peak;
    if (!describe(&p)) return false;
    for (int i = 0; i < LIMITS; i++) limits[i] = (size_t)((double)peak * pow(limit_ratio, i + 1));
    if (!budget) { /* what costs next to nothing */
        p.most = 0;
        for (int32_t k = 0; k < p.step_count; k++) p.most += p.steps[k].seconds / 100;
        for (int i = SPARED; i-- > 0 && !best.turns && !p.refused;) try_limit(&p, limits[i], limits[0], &best, least);
    }
    for (int all = 0; budget && all < 2 && !best.turns; all++) /* from the budget's own size down, then from the top: for the least that would do */
        for (int i = 0, failed = 0; i < LIMITS && failed < FAILURES && !best.turns && !p.refused; i++)
            if (limits[i] <= budget || all) failed = try_limit(&p, limits[i], budget, &best, least) ? 0 : failed + 1;
    arena_free(&p.own);
    w->turns = best.turns;
    w->turn_count = best.count;
    return !p.refused;
}

/* --- running a group again ------------------------------------------------------------------------------------------------------ */

/* For the time of building its step, the group is what the turn wants of it: of a pass the members that this is made of, of a kernel all,
 * and only what is wanted lies in memory. */
bool heed_narrow(planning *w, const plan_turn *t, narrowed *n)
{
    group *q = &w->groups[t->group];
    int32_t count = q->count;
    *n = (narrowed){.whole = *q, .members = arena_alloc(&w->g->work, (size_t)count * sizeof *n->members),
                    .outside = arena_alloc(&w->g->work, (size_t)count)};
    uint8_t *taken = arena_alloc(&w->g->work, (size_t)count);
    if (!n->members || !n->outside || !taken) return false;
    uint32_t id = q->first;
    for (int32_t i = 0; i < count; i++, id = w->next[id]) {
        n->members[i] = id;
        n->outside[i] = w->outside[id];
        w->outside[id] = 0;
    }
    for (int32_t i = 0; i < t->wanted_count; i++) w->outside[t->wanted[i]] = 1;
    if (!q->pass) {
        uint32_t host = host_of(w, q);
        w->outside[host] |= (w->needed[host] & 2) != 0; /* stored: written once more */
        return true;
    }
    for (int32_t i = count; i-- > 0;) {
        taken[i] = w->outside[n->members[i]];
        for (int32_t k = i + 1; k < count && !taken[i]; k++) {
            const heed_tensor *t2 = w->g->tape[n->members[k]];
            for (int x = 0; taken[k] && x < t2->count; x++) taken[i] |= t2->x[x]->root->id == n->members[i];
        }
    }
    q->count = 0;
    for (int32_t i = 0; i < count; i++) {
        if (!taken[i]) continue;
        if (q->count++) w->next[q->last] = n->members[i];
        else q->first = n->members[i];
        q->last = n->members[i];
    }
    return true;
}

void heed_widen(planning *w, const plan_turn *t, const narrowed *n)
{
    w->groups[t->group] = n->whole;
    for (int32_t i = 0; i < n->whole.count; i++) {
        w->outside[n->members[i]] = n->outside[i];
        if (i) w->next[n->members[i - 1]] = n->members[i];
    }
}
