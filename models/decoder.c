#include "models/decoder.h"

#include "autograd/memory.h"

#include <math.h>
#include <string.h>

enum { FIRST_CAPACITY = 32, TASK_FLOATS = 1 << 14 };

/* --- an op of our own: keep the new position's keys and values -----------------------------------------------------------------
 *
 * cache_store   K[r, :, t, :] = k[r, :, 0, :]    V[r, :, t, :] = v[r, :, 0, :]    y[r] = t + 1
 *
 * It writes into the caller's memory behind the leaves K and V, the one thing in a graph that does. Attention takes y as lengths,
 * so it comes after, and running the node again writes the same. */
typedef struct store_attr { int64_t position; } store_attr;

static bool store_shape(heed_shaping *s)
{
    heed_tensor *const *x = s->x;
    for (int i = 0; i < 2; i++) {
        bool fits = heed_rank(x[i]) == 4 && heed_rank(x[i + 2]) == 4 && heed_dim(x[i + 2], 2) == 1 &&
                    heed_dtype_of(x[i]) == heed_dtype_of(x[i + 2]);
        for (int axis = 0; axis < 4; axis++) fits = fits && (axis == 2 || heed_dim(x[i], axis) == heed_dim(x[i + 2], axis));
        if (!fits) return heed_reject(s, "takes [R,h,C,d] and one new position [R,h,1,d]");
    }
    s->dtype = HEED_I32;
    s->rank = 1;
    s->shape[0] = heed_dim(x[0], 0);
    return true;
}

/* Rows that one task copies. */
static int64_t store_rows(const heed_call *c)
{
    int64_t row = c->x[2].shape[1] * (c->x[2].shape[3] + c->x[3].shape[3]);
    return row < TASK_FLOATS ? TASK_FLOATS / row : 1;
}

static int64_t store_tasks(const heed_call *c, int phase)
{
    (void)phase;
    return (c->y.shape[0] + store_rows(c) - 1) / store_rows(c);
}

static void store_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase;
    (void)scratch;
    int64_t position = ((const store_attr *)c->attr)->position, from = task * store_rows(c), end = from + store_rows(c);
    if (end > c->y.shape[0]) end = c->y.shape[0];
    for (int i = 0; i < 2; i++) {
        const heed_array *cache = &c->x[i], *new = &c->x[i + 2];
        int64_t heads = cache->shape[1], capacity = cache->shape[2];
        size_t bytes = (size_t)cache->shape[3] * heed_dtype_size(cache->dtype);
        for (int64_t k = from * heads; k < end * heads; k++)
            memcpy((char *)cache->p + (size_t)(k * capacity + position) * bytes, (const char *)new->p + (size_t)k * bytes, bytes);
    }
    for (int64_t r = from; r < end; r++) ((int32_t *)c->y.p)[r] = (int32_t)(position + 1);
}

static const heed_op op_cache_store = {
    .name = "cache_store", .kind = HEED_KERNEL, .operands = 4, .flags = HEED_NO_GRADIENT,
    .attr_size = sizeof(store_attr), .shape = store_shape, .tasks = store_tasks, .run = store_run};

/* --- the decoder ------------------------------------------------------------------------------------------------------------ */

typedef struct layer_cache {
    char *k, *v;             /* [R, h, capacity, dk], [R, h, capacity, dv] */
    char *cross_k, *cross_v; /* [sentences, h, steps, dk], [sentences, h, steps, dv] */
} layer_cache;

struct heed_decoder {
    heed_graph *g;
    const heed_transformer *m;
    heed_dtype dtype;
    int64_t sentences, width, steps, position, capacity;
    int32_t *lengths; /* [sentences] of the sources */
    char *spare;      /* one array more; rows change places by way of it */
    layer_cache layer[];
};

heed_decoder *heed_decoder_new(heed_graph *g, const heed_transformer *m)
{
    heed_decoder *d = heed_calloc(1, sizeof *d + (size_t)m->config.dec_layers * sizeof *d->layer);
    if (!d) return NULL;
    d->g = g;
    d->m = m;
    d->dtype = heed_param_dtype(m->tgt.table);
    return d;
}

static void forget(heed_decoder *d)
{
    for (int i = 0; i < d->m->config.dec_layers; i++) {
        layer_cache *c = &d->layer[i];
        heed_free(c->k);
        heed_free(c->v);
        heed_free(c->cross_k);
        heed_free(c->cross_v);
        *c = (layer_cache){NULL, NULL, NULL, NULL};
    }
    heed_free(d->lengths);
    heed_free(d->spare);
    d->lengths = NULL;
    d->spare = NULL;
    d->sentences = d->position = d->capacity = 0;
}

void heed_decoder_free(heed_decoder *d)
{
    if (!d) return;
    forget(d);
    heed_free(d);
}

int64_t heed_decoder_rows(const heed_decoder *d) { return d->sentences * d->width; }
int64_t heed_decoder_position(const heed_decoder *d) { return d->position; }
int64_t heed_decoder_symbols(const heed_decoder *d) { return d->m->config.tgt_vocab; }
heed_graph *heed_decoder_graph(const heed_decoder *d) { return d->g; }

int64_t heed_decoder_limit(const heed_decoder *d)
{
    return d->m->config.positions == HEED_POSITIONS_LEARNED ? d->m->config.max_len : INT64_MAX;
}

/* Bytes of `rows` rows of h heads, each of `length` positions of `width` numbers; 0 when that is too much. */
static size_t plane(const heed_decoder *d, int64_t rows, int64_t length, int64_t width)
{
    size_t bytes = heed_dtype_size(d->dtype);
    bool fits = heed_size_mul(bytes, (size_t)rows, &bytes) && heed_size_mul(bytes, (size_t)d->m->config.layer.heads, &bytes) &&
                heed_size_mul(bytes, (size_t)length, &bytes) && heed_size_mul(bytes, (size_t)width, &bytes);
    return fits ? bytes : 0;
}

static int64_t widest(const heed_decoder *d)
{
    const heed_layer_config *l = &d->m->config.layer;
    return l->dk > l->dv ? l->dk : l->dv;
}

/* --- the source ------------------------------------------------------------------------------------------------------------- */

static heed_code graph_failed(const heed_decoder *d, heed_error *e)
{
    const heed_error *failed = heed_graph_error(d->g);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : HEED_OK;
}

static char *copied(heed_decoder *d, heed_tensor *t, heed_error *e)
{
    const void *from = heed_data(d->g, t);
    size_t bytes = (size_t)heed_size(t) * heed_dtype_size(d->dtype);
    char *to = from ? heed_alloc(bytes) : NULL;
    if (to) memcpy(to, from, bytes);
    else if (!graph_failed(d, e)) heed_fail(e, HEED_NO_MEMORY, "decoder: no memory for the source's keys and values");
    return to;
}

heed_code heed_decoder_start(heed_decoder *d, int64_t sentences, int64_t width, int64_t steps, const int32_t *src,
                             const int32_t *lengths, heed_error *e)
{
    int layers = d->m->config.dec_layers;
    forget(d);
    heed_graph_reset(d->g);
    heed_graph_training(d->g, false);
    if (sentences < 1 || width < 1 || (steps < 1) != (d->m->config.enc_layers == 0))
        return heed_fail(e, HEED_INVALID, "decoder: %lld sentences of %lld symbols, %lld rows each", (long long)sentences,
                         (long long)steps, (long long)width);
    for (int64_t b = 0; steps && b < sentences; b++)
        if (lengths[b] < 1 || lengths[b] > steps)
            return heed_fail(e, HEED_INVALID, "decoder: sentence %lld has %d symbols in rows of %lld", (long long)b, lengths[b],
                             (long long)steps);
    d->width = width;
    d->steps = steps;
    if (steps) {
        d->lengths = heed_alloc((size_t)sentences * sizeof *d->lengths);
        if (!d->lengths) return heed_fail(e, HEED_NO_MEMORY, "decoder: no memory");
        memcpy(d->lengths, lengths, (size_t)sentences * sizeof *lengths);
        heed_tensor *length = heed_input(d->g, HEED_I32, 1, &sentences, d->lengths);
        heed_tensor *ids = heed_input(d->g, HEED_I32, 2, (int64_t[]){sentences, steps}, src);
        heed_tensor *memory = heed_transformer_encode(d->g, d->m, ids, length);
        heed_tensor *wanted[2 * HEED_MAX_LAYERS];
        for (int i = 0; i < layers; i++) {
            heed_scope(d->g, "dec.%d", i);
            heed_tensor *k, *v;
            heed_multihead_keys(d->g, &d->m->dec[i].cross, memory, &k, &v);
            wanted[2 * i] = heed_contiguous(d->g, k);
            wanted[2 * i + 1] = heed_contiguous(d->g, v);
            heed_scope_end(d->g);
        }
        heed_run(d->g, 2 * layers, wanted);
        for (int i = 0; i < layers && !e->code; i++) {
            d->layer[i].cross_k = copied(d, wanted[2 * i], e);
            d->layer[i].cross_v = e->code ? NULL : copied(d, wanted[2 * i + 1], e);
        }
    }
    if (!graph_failed(d, e)) d->sentences = sentences;
    return e->code;
}

/* --- room for positions ----------------------------------------------------------------------------------------------------- */

/* `array` with `capacity` positions: new ones are zeros, because 0 times a masked value has to be 0. All have the size of the
 * widest, so that any of them can change names with the spare one. */
static bool grow(const heed_decoder *d, char **array, int64_t capacity, int64_t width)
{
    int64_t rows = heed_decoder_rows(d);
    size_t bytes = plane(d, rows, capacity, widest(d)), item = (size_t)width * heed_dtype_size(d->dtype);
    char *new = bytes ? heed_calloc(1, bytes) : NULL;
    if (!new) return false;
    for (int64_t k = 0; *array && k < rows * d->m->config.layer.heads; k++)
        memcpy(new + (size_t)(k * capacity) * item, *array + (size_t)(k * d->capacity) * item, (size_t)d->position * item);
    heed_free(*array);
    *array = new;
    return true;
}

/* Room for one more position. */
static bool reserve(heed_decoder *d)
{
    if (d->position < d->capacity) return true;
    const heed_layer_config *l = &d->m->config.layer;
    int64_t capacity = d->capacity ? 2 * d->capacity : FIRST_CAPACITY;
    heed_free(d->spare);
    d->spare = NULL;
    for (int i = 0; i < d->m->config.dec_layers; i++)
        if (!grow(d, &d->layer[i].k, capacity, l->dk) || !grow(d, &d->layer[i].v, capacity, l->dv)) return false;
    d->capacity = capacity;
    return true;
}

/* --- a step ----------------------------------------------------------------------------------------------------------------- */

/* x [R, 1, d]: attention to all positions so far, this one included */
static heed_tensor *attend_to_past(heed_decoder *d, int i, heed_tensor *x)
{
    const heed_multihead *self = &d->m->dec[i].self;
    int64_t rows = heed_decoder_rows(d);
    heed_tensor *k, *v;
    heed_multihead_keys(d->g, self, x, &k, &v);
    heed_tensor *keys = heed_input(d->g, d->dtype, 4, (int64_t[]){rows, self->heads, d->capacity, self->dk}, d->layer[i].k);
    heed_tensor *values = heed_input(d->g, d->dtype, 4, (int64_t[]){rows, self->heads, d->capacity, self->dv}, d->layer[i].v);
    heed_tensor *store[] = {keys, values, k, v};
    heed_tensor *lengths = heed_apply(d->g, &op_cache_store, 4, store, &(store_attr){d->position});
    return heed_multihead_attend(d->g, self, x, keys, values, (heed_mask){.lengths = lengths});
}

/* x [R, 1, d]: attention to the source. The rows of a sentence are its queries, so that they share its keys. */
static heed_tensor *attend_to_source(heed_decoder *d, int i, heed_tensor *x)
{
    const heed_multihead *cross = &d->m->dec[i].cross;
    int64_t rows = heed_decoder_rows(d), width = heed_dim(x, 2);
    int64_t key_shape[] = {d->sentences, cross->heads, d->steps, cross->dk};
    int64_t value_shape[] = {d->sentences, cross->heads, d->steps, cross->dv};
    heed_tensor *keys = heed_input(d->g, d->dtype, 4, key_shape, d->layer[i].cross_k);
    heed_tensor *values = heed_input(d->g, d->dtype, 4, value_shape, d->layer[i].cross_v);
    heed_tensor *lengths = heed_input(d->g, HEED_I32, 1, &d->sentences, d->lengths);
    x = heed_reshape(d->g, x, 3, (int64_t[]){d->sentences, d->width, width});
    x = heed_multihead_attend(d->g, cross, x, keys, values, (heed_mask){.lengths = lengths});
    return heed_reshape(d->g, x, 3, (int64_t[]){rows, 1, width});
}

/* heed_decoder_layer_apply, for one position */
static heed_tensor *layer_step(heed_decoder *d, int i, heed_tensor *x)
{
    heed_graph *g = d->g;
    const heed_decoder_layer *m = &d->m->dec[i];
    heed_tensor *in = m->pre_norm ? heed_norm_apply(g, &m->norm1, x) : x;
    x = heed_add(g, x, attend_to_past(d, i, in));
    x = m->pre_norm ? x : heed_norm_apply(g, &m->norm1, x);
    if (m->has_cross) {
        in = m->pre_norm ? heed_norm_apply(g, &m->norm2, x) : x;
        x = heed_add(g, x, attend_to_source(d, i, in));
        x = m->pre_norm ? x : heed_norm_apply(g, &m->norm2, x);
    }
    in = m->pre_norm ? heed_norm_apply(g, &m->norm3, x) : x;
    x = heed_add(g, x, heed_ffn_apply(g, &m->ffn, in));
    return m->pre_norm ? x : heed_norm_apply(g, &m->norm3, x);
}

heed_tensor *heed_decoder_step(heed_decoder *d, const int32_t *ids)
{
    heed_graph *g = d->g;
    const heed_transformer_config *c = &d->m->config;
    int64_t rows = heed_decoder_rows(d);
    heed_graph_reset(g);
    if (!rows) return heed_graph_fail(g, HEED_STATE, "decoder: nothing was started");
    if (!reserve(d))
        return heed_graph_fail(g, HEED_NO_MEMORY, "decoder: no memory for the keys and values of %lld rows", (long long)rows);
    heed_tensor *x = heed_embed_apply(g, &d->m->tgt, heed_input(g, HEED_I32, 2, (int64_t[]){rows, 1}, ids));
    x = heed_positions_apply(g, &d->m->dec_positions, heed_scale(g, x, sqrt((double)c->layer.d)), d->position);
    for (int i = 0; i < c->dec_layers; i++) {
        heed_scope(g, "dec.%d", i);
        x = layer_step(d, i, x);
        heed_scope_end(g);
    }
    if (c->layer.pre_norm) x = heed_norm_apply(g, &d->m->dec_norm, x);
    heed_tensor *logits = heed_transformer_logits(g, d->m, heed_reshape(g, x, 2, (int64_t[]){rows, c->layer.d}));
    d->position++;
    return logits;
}

/* --- rows change places ----------------------------------------------------------------------------------------------------- */

/* What is filled of `rows` blocks of an array goes to the spare one in the new order; then the two change names. */
static void gather_past(heed_decoder *d, char **array, int64_t rows, const int32_t *from, int64_t width)
{
    int64_t heads = d->m->config.layer.heads;
    size_t item = (size_t)width * heed_dtype_size(d->dtype), head = (size_t)d->capacity * item;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t h = 0; h < heads; h++)
            memcpy(d->spare + (size_t)(r * heads + h) * head, *array + (size_t)(from[r] * heads + h) * head,
                   (size_t)d->position * item);
    char *old = *array;
    *array = d->spare;
    d->spare = old;
}

heed_code heed_decoder_select(heed_decoder *d, int64_t sentences, const int32_t *from, heed_error *e)
{
    const heed_layer_config *l = &d->m->config.layer;
    int64_t rows = sentences * d->width, old_rows = heed_decoder_rows(d);
    bool same = sentences == d->sentences, same_sources = same;
    if (sentences > d->sentences)
        return heed_fail(e, HEED_INVALID, "decoder: %lld sentences of %lld", (long long)sentences, (long long)d->sentences);
    for (int64_t i = 0; i < rows; i++) {
        if (from[i] < 0 || from[i] >= old_rows || from[i] / d->width < i / d->width ||
            from[i] / d->width != from[i / d->width * d->width] / d->width)
            return heed_fail(e, HEED_INVALID, "decoder: row %lld cannot go on from row %d", (long long)i, from[i]);
        same = same && from[i] == i;
        same_sources = same_sources && from[i] / d->width == i / d->width;
    }
    if (!same && d->position) {
        if (!d->spare) d->spare = heed_calloc(1, plane(d, old_rows, d->capacity, widest(d)));
        if (!d->spare)
            return heed_fail(e, HEED_NO_MEMORY, "decoder: no memory for the keys and values of %lld rows", (long long)rows);
        for (int i = 0; i < d->m->config.dec_layers; i++) {
            gather_past(d, &d->layer[i].k, rows, from, l->dk);
            gather_past(d, &d->layer[i].v, rows, from, l->dv);
        }
    }
    for (int64_t s = 0; d->steps && !same_sources && s < sentences; s++) { /* to the front, so nothing is overwritten too early */
        int64_t old = from[s * d->width] / d->width;
        size_t k = plane(d, 1, d->steps, l->dk), v = plane(d, 1, d->steps, l->dv);
        d->lengths[s] = d->lengths[old];
        for (int i = 0; i < d->m->config.dec_layers && s != old; i++) {
            memcpy(d->layer[i].cross_k + (size_t)s * k, d->layer[i].cross_k + (size_t)old * k, k);
            memcpy(d->layer[i].cross_v + (size_t)s * v, d->layer[i].cross_v + (size_t)old * v, v);
        }
    }
    d->sentences = sentences;
    return HEED_OK;
}

/* --- scores of given targets ------------------------------------------------------------------------------------------------ */

heed_tensor *heed_transformer_score(heed_graph *g, const heed_transformer *m, heed_tensor *src, heed_tensor *lengths,
                                    heed_tensor *tgt_in, heed_tensor *tgt_out, int32_t ignore)
{
    heed_tensor *memory = src ? heed_transformer_encode(g, m, src, lengths) : NULL;
    heed_tensor *logits = heed_transformer_logits(g, m, heed_transformer_decode(g, m, tgt_in, memory, lengths));
    heed_tensor *losses = heed_cross_entropy(g, logits, tgt_out, ignore, 0, HEED_EACH);
    return heed_neg(g, heed_sum(g, losses, HEED_LAST, false));
}
