/* A step: what is to be done is listed first (nothing changes when memory is refused), the norm is measured if asked for, then
 * every piece of every parameter is updated in one sweep. */
#include "optim/optimizer.h"
#include "autograd/memory.h"
#include "autograd/parallel.h"
#include "autograd/profile.h"
#include "autograd/slab.h"
#include "optim/rules.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { PIECE = 1 << 15, SERIAL_SIZE = 1 << 14, STEP = HEED_UPDATE_STATES }; /* STEP: the place of "step" among a slot's arrays */

typedef struct slot {               /* one parameter */
    void *state[HEED_UPDATE_STATES];
    double step;
    int set[SETTINGS];              /* the entry of `sets` that holds for a setting, or -1 */
    heed_update update;             /* of the step in progress */
    heed_update_fn *run;
    bool active;
} slot;

typedef struct set_for { char *pattern; int setting; double value; } set_for;

typedef struct piece { heed_param *param; slot *slot; int64_t from, size; double squares; } piece;

struct heed_optimizer {
    heed_error error;
    heed_params *params;
    const rule *rule;
    double value[SETTINGS], norm;
    int64_t steps;
    set_for *sets;  size_t set_count, set_capacity;
    heed_slab states;
    slot *slots;    size_t slot_count, slot_capacity, resolved; /* resolved: slots whose `set` is up to date */
    piece *pieces;  size_t piece_count, piece_capacity;
    bool immortal;
};

/* The first error sticks. */
#define fail(o, code, ...) heed_fail(&(o)->error, code, "optimizer: " __VA_ARGS__)

/* --- life ------------------------------------------------------------------------------------------------------------------- */

heed_optimizer *heed_optimizer_new(heed_params *ps, const char *name)
{
    static heed_optimizer refused = {.error = {HEED_NO_MEMORY, "optimizer: no memory"}, .rule = heed_rules, .immortal = true};
    heed_optimizer *o = heed_calloc(1, sizeof *o);
    if (!o) return &refused;
    o->params = ps;
    for (int i = 0; i < RULES; i++)
        if (!strcmp(name, heed_rules[i].name)) o->rule = &heed_rules[i];
    if (!o->rule) {
        o->rule = heed_rules;
        fail(o, HEED_INVALID, "there is no rule \"%.60s\"; there are sgd, adagrad, rmsprop, adam and adamw", name);
    }
    memcpy(o->value, o->rule->initial, sizeof o->value);
    return o;
}

void heed_optimizer_free(heed_optimizer *o)
{
    if (!o || o->immortal) return;
    heed_slab_free(&o->states);
    for (size_t i = 0; i < o->set_count; i++) heed_free(o->sets[i].pattern);
    heed_free(o->sets);
    heed_free(o->slots);
    heed_free(o->pieces);
    heed_free(o);
}

const heed_error *heed_optimizer_error(const heed_optimizer *o) { return &o->error; }

void heed_optimizer_clear(heed_optimizer *o)
{
    if (!o->immortal) o->error = (heed_error){HEED_OK, ""};
}

/* --- settings --------------------------------------------------------------------------------------------------------------- */

static bool has_setting(const rule *r, int i) { return i <= WEIGHT_DECAY || r->settings >> i & 1; }
static bool for_all_only(int i) { return i == GRADIENT_SCALE || i == CLIP_NORM || i == CLIP_VALUE; }

static int setting_of(const rule *r, const char *name)
{
    for (int i = 0; i < SETTINGS; i++)
        if (has_setting(r, i) && !strcmp(name, heed_settings[i].name)) return i;
    return -1;
}

/* The setting's number, or -1 and an error. */
static int checked_setting(heed_optimizer *o, const char *name, double value)
{
    int i = setting_of(o->rule, name);
    if (i < 0) fail(o, HEED_INVALID, "%s has no setting \"%.60s\"", o->rule->name, name);
    else if (!(value >= 0) || value >= heed_settings[i].below) {
        double below = heed_settings[i].below;
        if (below < HUGE_VAL) fail(o, HEED_INVALID, "%s is %g, it has to be at least 0 and below %g", name, value, below);
        else fail(o, HEED_INVALID, "%s is %g, it has to be a number from 0 on", name, value);
        return -1;
    }
    return i;
}

heed_code heed_optimizer_set(heed_optimizer *o, const char *name, double value)
{
    if (o->error.code) return o->error.code;
    int i = checked_setting(o, name, value);
    if (i >= 0) o->value[i] = value;
    return o->error.code;
}

heed_code heed_optimizer_set_for(heed_optimizer *o, const char *pattern, const char *name, double value)
{
    if (o->error.code) return o->error.code;
    int i = checked_setting(o, name, value);
    if (i < 0) return o->error.code;
    if (for_all_only(i)) return fail(o, HEED_INVALID, "%s cannot be set for \"%.200s\" alone, only for all", name, pattern);
    for (size_t k = 0; k < o->set_count; k++)
        if (o->sets[k].setting == i && !strcmp(o->sets[k].pattern, pattern)) {
            o->sets[k].value = value;
            return HEED_OK;
        }
    char *copy = heed_strdup(pattern);
    if (!copy || !heed_grow((void **)&o->sets, &o->set_capacity, o->set_count + 1, sizeof *o->sets)) {
        heed_free(copy);
        return fail(o, HEED_NO_MEMORY, "no memory for settings");
    }
    o->sets[o->set_count++] = (set_for){copy, i, value};
    o->resolved = 0;
    return HEED_OK;
}

double heed_optimizer_get(const heed_optimizer *o, const char *name, const heed_param *p)
{
    int i = setting_of(o->rule, name);
    if (i < 0) return NAN;
    for (size_t k = o->set_count; p && k-- > 0;)
        if (o->sets[k].setting == i && heed_name_matches(o->sets[k].pattern, heed_param_name(p))) return o->sets[k].value;
    return o->value[i];
}

const char *heed_optimizer_rule(const heed_optimizer *o) { return o->rule->name; }

const char *heed_optimizer_setting_at(const heed_optimizer *o, int i)
{
    for (int k = 0; k < SETTINGS; k++)
        if (has_setting(o->rule, k) && i-- == 0) return heed_settings[k].name;
    return NULL;
}

bool heed_optimizer_pattern_at(const heed_optimizer *o, int i, const char **pattern, const char **name, double *value)
{
    if (i < 0 || (size_t)i >= o->set_count) return false;
    *pattern = o->sets[i].pattern;
    *name = heed_settings[o->sets[i].setting].name;
    *value = o->sets[i].value;
    return true;
}

/* --- state ------------------------------------------------------------------------------------------------------------------ */

/* A slot for every parameter there is. */
static bool make_slots(heed_optimizer *o)
{
    size_t count = (size_t)heed_params_count(o->params);
    if (!heed_grow((void **)&o->slots, &o->slot_capacity, count, sizeof *o->slots)) return false;
    while (o->slot_count < count) o->slots[o->slot_count++] = (slot){.run = NULL};
    for (size_t i = o->resolved; i < count; i++) {
        const char *name = heed_param_name(heed_params_at(o->params, (int)i));
        for (int k = 0; k < SETTINGS; k++) o->slots[i].set[k] = -1;
        for (size_t k = 0; k < o->set_count; k++)
            if (heed_name_matches(o->sets[k].pattern, name)) o->slots[i].set[o->sets[k].setting] = (int)k;
    }
    o->resolved = count;
    return true;
}

static bool make_state(heed_optimizer *o, const heed_param *p, void **state)
{
    if (!*state) *state = heed_slab_zeroed(&o->states, (size_t)heed_param_size(p) * heed_dtype_size(heed_param_dtype(p)));
    return *state;
}

static bool array_at(const heed_optimizer *o, size_t i, int k, heed_optimizer_array *a)
{
    heed_param *p = heed_params_at(o->params, (int)i);
    slot *s = &o->slots[i];
    if (k == STEP) {
        if (!o->rule->counts || s->step == 0) return false;
        *a = (heed_optimizer_array){p, "step", HEED_F64, 0, heed_param_shape(p), 1, &s->step, 0};
    } else {
        if (!s->state[k]) return false;
        *a = (heed_optimizer_array){p, o->rule->widest->state[k], heed_param_dtype(p), heed_param_rank(p), heed_param_shape(p),
                                    heed_param_size(p), s->state[k], 0};
    }
    return true;
}

bool heed_optimizer_next(const heed_optimizer *o, heed_optimizer_array *a)
{
    int64_t each = STEP + 1, end = (int64_t)o->slot_count * each;
    for (int64_t place = a->place; place < end; place++)
        if (array_at(o, (size_t)(place / each), (int)(place % each), a)) {
            a->place = place + 1;
            return true;
        }
    return false;
}

bool heed_optimizer_restore(heed_optimizer *o, heed_param *p, const char *name, heed_optimizer_array *a)
{
    if (o->error.code) return false;
    int i = heed_param_index(p), k = 0;
    if (i < 0 || heed_params_at(o->params, i) != p) {
        fail(o, HEED_INVALID, "parameter %s is not of its store", heed_param_name(p));
        return false;
    }
    while (k < STEP && !(o->rule->widest->state[k] && !strcmp(name, o->rule->widest->state[k]))) k++;
    if (k == STEP && !(o->rule->counts && !strcmp(name, "step"))) {
        fail(o, HEED_INVALID, "%s keeps no \"%.60s\" for a parameter", o->rule->name, name);
        return false;
    }
    if (!make_slots(o) || (k < STEP && !make_state(o, p, &o->slots[i].state[k]))) {
        fail(o, HEED_NO_MEMORY, "no memory for %s of %s", name, heed_param_name(p));
        return false;
    }
    if (k == STEP) *a = (heed_optimizer_array){p, "step", HEED_F64, 0, heed_param_shape(p), 1, &o->slots[i].step, 0};
    else array_at(o, (size_t)i, k, a);
    return true;
}

int64_t heed_optimizer_steps(const heed_optimizer *o) { return o->steps; }

void heed_optimizer_set_steps(heed_optimizer *o, int64_t steps)
{
    if (o->error.code) return;
    if (steps < 0) fail(o, HEED_INVALID, "it cannot have made %" PRId64 " steps", steps);
    else o->steps = steps;
}

/* --- a step ----------------------------------------------------------------------------------------------------------------- */

/* Lists the pieces of all parameters that take part, with their numbers; false without memory. */
static bool prepare(heed_optimizer *o, int64_t *total)
{
    if (!make_slots(o)) return false;
    heed_isa isa = heed_isa_now();
    o->piece_count = 0;
    *total = 0;
    for (size_t i = 0; i < o->slot_count; i++) {
        heed_param *p = heed_params_at(o->params, (int)i);
        slot *s = &o->slots[i];
        double value[SETTINGS];
        for (int k = 0; k < SETTINGS; k++) value[k] = s->set[k] >= 0 ? o->sets[s->set[k]].value : o->value[k];
        s->active = heed_param_is_trainable(p) && !heed_param_grad_is_zero(p) && value[FROZEN] < 1;
        if (!s->active) continue;
        s->update = (heed_update){.scale = value[GRADIENT_SCALE], .limit = value[CLIP_VALUE] > 0 ? value[CLIP_VALUE] : HUGE_VAL};
        const heed_update_rule *kernel = o->rule->prepare(value, value[LR] * value[LR_FACTOR], s->step + 1, &s->update);
        s->run = kernel->run[heed_param_dtype(p) == HEED_F64][isa];
        for (int k = 0; kernel->state[k]; k++)
            if (!make_state(o, p, &s->state[k])) return false;
        int64_t size = heed_param_size(p), count = (size + PIECE - 1) / PIECE;
        if (!heed_grow((void **)&o->pieces, &o->piece_capacity, o->piece_count + (size_t)count, sizeof *o->pieces)) return false;
        for (int64_t from = 0; from < size; from += PIECE)
            o->pieces[o->piece_count++] = (piece){p, s, from, size - from < PIECE ? size - from : PIECE, 0};
        *total += size;
    }
    return true;
}

static void *at(heed_dtype dtype, void *array, int64_t from) { return (char *)array + (size_t)from * heed_dtype_size(dtype); }

static void measure_piece(void *context, int64_t i)
{
    piece *q = &((heed_optimizer *)context)->pieces[i];
    heed_dtype dtype = heed_param_dtype(q->param);
    q->squares = heed_square_sum[dtype == HEED_F64][heed_isa_now()](q->size, at(dtype, heed_param_grad(q->param), q->from));
}

static void update_piece(void *context, int64_t i)
{
    const piece *q = &((heed_optimizer *)context)->pieces[i];
    heed_dtype dtype = heed_param_dtype(q->param);
    void *w = at(dtype, heed_param_data(q->param), q->from), *g = at(dtype, heed_param_grad(q->param), q->from);
    void *state[HEED_UPDATE_STATES] = {NULL};
    for (int k = 0; k < HEED_UPDATE_STATES && q->slot->state[k]; k++) state[k] = at(dtype, q->slot->state[k], q->from);
    q->slot->run(q->size, w, g, state, &q->slot->update);
}

static heed_code make_step(heed_optimizer *o, const heed_graph *g)
{
    const heed_error *graph = heed_graph_error(g), *store = heed_params_error(o->params);
    if (graph->code) return fail(o, HEED_STATE, "no step is made, for the graph has failed: %s", graph->message);
    if (store->code) return fail(o, HEED_STATE, "no step is made, for the parameters have failed: %s", store->message);
    int64_t total;
    if (!prepare(o, &total)) return fail(o, HEED_NO_MEMORY, "no memory for what %s keeps for each parameter", o->rule->name);
    int threads = total < SERIAL_SIZE ? 1 : heed_graph_threads_now(g);

    double limit = o->value[CLIP_NORM], squares = 0;
    o->norm = 0;
    if (limit > 0) {
        heed_parallel(threads, (int64_t)o->piece_count, measure_piece, o);
        for (size_t i = 0; i < o->piece_count; i++) squares += o->pieces[i].squares;
        o->norm = sqrt(squares) * o->value[GRADIENT_SCALE];
        if (!isfinite(o->norm))
            return fail(o, HEED_STATE, "step %" PRId64 " is not made, for the gradients' norm is %g", o->steps + 1, o->norm);
        double factor = limit / (o->norm + 1e-6);
        for (size_t i = 0; factor < 1 && i < o->slot_count; i++) o->slots[i].update.scale *= factor;
    }
    heed_parallel(threads, (int64_t)o->piece_count, update_piece, o);
    for (size_t i = 0; i < o->slot_count; i++)
        if (o->slots[i].active) o->slots[i].step++;
    o->steps++;
    heed_params_zero_grad(o->params);
    return HEED_OK;
}

heed_code heed_optimizer_step(heed_optimizer *o, const heed_graph *g)
{
    if (o->error.code) return o->error.code;
    heed_profile_begin(g, "optimizer");
    make_step(o, g);
    heed_profile_end(g);
    return o->error.code;
}

double heed_optimizer_norm(const heed_optimizer *o) { return o->norm; }
