#include "autograd/shards.h"
#include "autograd/node.h"
#include "autograd/parallel.h"
#include "autograd/profile.h"

#include <math.h>
#include <string.h>

enum { PIECE = 1 << 12, SERIAL_SIZE = 1 << 14 /* weights that one thread adds up */ };

/* Gradients that wait to be added to those of the store, by a parameter's index. */
struct heed_gradients {
    void **at;
    bool *written;
    size_t capacity, flags;
    heed_slab memory;
};

typedef struct shard { heed_graph *g; heed_gradients gradients; double loss; } shard;

/* Elements of a parameter's gradient that one task adds up. */
typedef struct piece { heed_param *param; int64_t from, size; bool add; } piece;

struct heed_shards {
    int count;
    bool refused;
    shard *shards;
    piece *pieces;
    size_t piece_count, capacity;
    heed_shard_loss *loss; /* of the step that is being made */
    void *context;
};

heed_shards *heed_shards_new(int count)
{
    static heed_shards refused = {.refused = true};
    const bool fits = count >= 1 && count <= HEED_MOST_SHARDS;
    heed_shards *s = fits ? heed_calloc(1, sizeof *s) : NULL;
    if (!s) return &refused;
    s->shards = heed_calloc((size_t)count, sizeof *s->shards);
    if (!s->shards) {
        heed_free(s);
        return &refused;
    }
    s->count = count;
    for (int i = 1; i < count; i++) s->shards[i].g = heed_graph_new();
    return s;
}

void heed_shards_free(heed_shards *s)
{
    if (!s || s->refused) return;
    for (int i = 0; i < s->count; i++) {
        shard *q = &s->shards[i];
        heed_free(q->gradients.at);
        heed_free(q->gradients.written);
        heed_slab_free(&q->gradients.memory);
        if (i) heed_graph_free(q->g);
    }
    heed_free(s->shards);
    heed_free(s->pieces);
    heed_free(s);
}

heed_graph *heed_shards_graph(const heed_shards *s, int i) { return i >= 0 && i < s->count ? s->shards[i].g : NULL; }

/* --- where a graph's gradients go -------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const heed_param *p) { return (size_t)heed_param_size(p) * heed_dtype_size(heed_param_dtype(p)); }

void *heed_gradient_memory(heed_graph *g, heed_param *p)
{
    heed_gradients *own = g->gradients;
    if (!own) return heed_param_grad_memory(p);
    const size_t i = (size_t)heed_param_index(p), old = own->capacity, known = own->flags;
    if (!heed_grow((void **)&own->at, &own->capacity, i + 1, sizeof *own->at)) return NULL;
    memset(own->at + old, 0, (own->capacity - old) * sizeof *own->at);
    if (!heed_grow((void **)&own->written, &own->flags, i + 1, sizeof *own->written)) return NULL;
    memset(own->written + known, 0, (own->flags - known) * sizeof *own->written);
    if (!own->at[i]) own->at[i] = heed_slab_take(&own->memory, bytes_of(p));
    return own->at[i];
}

bool heed_gradient_take(heed_graph *g, heed_param *p)
{
    if (!g->gradients) return heed_param_take_grad(p);
    bool *written = &g->gradients->written[heed_param_index(p)], zero = !*written;
    *written = true;
    return zero;
}

static void forget(heed_gradients *own)
{
    if (own->flags) memset(own->written, 0, own->flags * sizeof *own->written);
}

void heed_gradients_zero(heed_graph *g)
{
    if (g->gradients) forget(g->gradients);
    else if (g->params) heed_params_zero_grad(g->params);
}

static void *written(const heed_gradients *own, int index)
{
    return (size_t)index < own->flags && own->written[index] ? own->at[index] : NULL;
}

/* --- a step ---------------------------------------------------------------------------------------------------------------------------- */

/* Shard 0 has drawn as a graph without shards would. */
static void set_up(const heed_shards *s, int i)
{
    const heed_graph *from = s->shards[0].g;
    heed_graph *g = s->shards[i].g;
    heed_graph_reset(g);
    heed_graph_training(g, from->training);
    heed_graph_packed(g, from->packing);
    heed_graph_seed(g, heed_mix(from->seed, (uint64_t)i), from->step);
    heed_graph_eager(g, from->eager);
    heed_graph_anomaly(g, from->anomaly);
    heed_graph_budget(g, from->budget);
    g->sharers = from->sharers;
    heed_graph_threads(g, 1);
}

static void run_shard(void *context, int64_t i)
{
    heed_shards *s = context;
    shard *q = &s->shards[i];
    heed_graph *g = q->g;
    g->gradients = &q->gradients;
    forget(&q->gradients);
    heed_tensor *loss = s->loss(s->context, g, (int)i);
    q->loss = 0;
    if (loss && !heed_backward(g, loss)) q->loss = heed_item(g, loss);
    g->gradients = NULL;
}

/* All or nothing: memory for the sums comes before the first of them is touched. */
static bool list_pieces(heed_shards *s, heed_params *ps, int64_t *total)
{
    s->piece_count = 0;
    *total = 0;
    for (int k = 0; k < heed_params_count(ps); k++) {
        heed_param *p = heed_params_at(ps, k);
        bool any = false;
        for (int i = 0; i < s->count; i++) any |= written(&s->shards[i].gradients, k) != NULL;
        if (!any) continue;
        const int64_t size = heed_param_size(p), n = (size + PIECE - 1) / PIECE;
        if (!heed_param_grad_memory(p) || !heed_grow((void **)&s->pieces, &s->capacity, s->piece_count + (size_t)n, sizeof *s->pieces)) return false;
        for (int64_t from = 0; from < size; from += PIECE)
            s->pieces[s->piece_count++] = (piece){p, from, size - from < PIECE ? size - from : PIECE, !heed_param_grad_is_zero(p)};
        *total += size;
    }
    for (size_t i = 0; i < s->piece_count; i++) heed_param_take_grad(s->pieces[i].param);
    return true;
}

/* y = a + b, where y may be a */
static void add(heed_dtype dtype, int64_t n, void *y, const void *a, const void *b)
{
    if (dtype == HEED_F32)
        for (int64_t i = 0; i < n; i++) ((float *)y)[i] = ((const float *)a)[i] + ((const float *)b)[i];
    else
        for (int64_t i = 0; i < n; i++) ((double *)y)[i] = ((const double *)a)[i] + ((const double *)b)[i];
}

/* Pairwise, over the shards that have a gradient for it, in memory of the first of each pair; the last sum goes to the store, so that two shards
 * keep theirs in their caches. */
static void add_piece(void *context, int64_t i)
{
    const heed_shards *s = context;
    const piece *q = &s->pieces[i];
    const heed_dtype dtype = heed_param_dtype(q->param);
    const size_t each = heed_dtype_size(dtype), skip = (size_t)q->from * each;
    char *part[HEED_MOST_SHARDS], *to = (char *)heed_param_grad_memory(q->param) + skip;
    for (int k = 0; k < s->count; k++) {
        char *own = written(&s->shards[k].gradients, heed_param_index(q->param));
        part[k] = own ? own + skip : NULL;
    }
    for (int apart = 1; apart < s->count; apart *= 2)
        for (int k = 0; k + apart < s->count; k += 2 * apart) {
            char *sum = 2 * apart >= s->count && !q->add ? to : part[k];
            if (!part[k] || !part[k + apart]) part[k] = part[k] ? part[k] : part[k + apart];
            else {
                add(dtype, q->size, sum, part[k], part[k + apart]);
                part[k] = sum;
            }
        }
    if (q->add) add(dtype, q->size, to, to, part[0]);
    else if (part[0] != to) memcpy(to, part[0], (size_t)q->size * each);
}

static double add_up(heed_shards *s, int threads)
{
    heed_graph *g = s->shards[0].g;
    heed_params *ps = NULL;
    double sum = 0;
    for (int i = 0; i < s->count; i++) {
        const heed_graph *h = s->shards[i].g;
        if (h->error.code && (!g->error.code || (g->least && h->least > g->least))) { /* of budgets, that of the shard that needs most */
            g->error = h->error;
            g->least = h->least;
        }
        if (ps && h->params && h->params != ps) heed_graph_fail(g, HEED_INVALID, "shards: parameters of two stores");
        if (h->params) ps = h->params;
        sum += s->shards[i].loss;
    }
    int64_t total;
    if (g->error.code) return NAN;
    if (!ps) return sum;
    if (!list_pieces(s, ps, &total)) {
        heed_graph_fail(g, HEED_NO_MEMORY, "shards: no memory for gradients");
        return NAN;
    }
    heed_parallel(total < SERIAL_SIZE ? 1 : threads, (int64_t)s->piece_count, add_piece, s);
    return sum;
}

double heed_shards_backward(heed_shards *s, heed_graph *g, heed_shard_loss *loss, void *context)
{
    if (s->refused) heed_graph_fail(g, HEED_INVALID, "shards: no memory, or not 1 to %d of them", HEED_MOST_SHARDS);
    if (g->error.code) return NAN;
    s->shards[0].g = g;
    if (s->count == 1) { /* all threads for the one, and nothing to add up */
        heed_tensor *whole = loss(context, g, 0);
        return whole && !heed_backward(g, whole) ? heed_item(g, whole) : g->error.code ? NAN : 0;
    }
    const int threads = g->threads;
    const size_t budget = g->budget;
    if (budget && budget < SIZE_MAX) {
        g->sharers = (size_t)s->count;
        g->budget = budget < g->sharers ? 1 : budget / g->sharers;
    }
    for (int i = 1; i < s->count; i++) set_up(s, i);
    g->threads = 1;
    s->loss = loss;
    s->context = context;
    heed_parallel(threads, s->count, run_shard, s);
    g->threads = threads;
    g->budget = budget;
    g->sharers = 0;
    heed_profile_begin(g, "shards");
    double sum = add_up(s, threads);
    heed_profile_end(g);
    return sum;
}
