/* The Transformer as a model (model.h): teaching, and writing with the keys and values of earlier positions kept. */
#include "models/transformer.h"

#include "autograd/memory.h"
#include "autograd/parallel.h"
#include "autograd/slab.h"

#include <math.h>
#include <string.h>

enum { FIRST_CAPACITY = 32, TASK_FLOATS = 1 << 14 };

/* --- an op of our own: keep new positions' keys and values ---------------------------------------------------------------------
 *
 * cache_store   K[r, :, t + i, :] = k[r, :, i, :]    V[r, :, t + i, :] = v[r, :, i, :]    y[r] = t + n    for i < n
 *
 * It writes into the caller's memory behind the leaves K and V, the one thing in a graph that does. Attention takes y as lengths,
 * so it comes after, and running the node again writes the same. */
typedef struct store_attr { int64_t position; } store_attr;

static bool store_shape(heed_shaping *s)
{
    heed_tensor *const *x = s->x;
    for (int i = 0; i < 2; i++) {
        bool fits = heed_rank(x[i]) == 4 && heed_rank(x[i + 2]) == 4 && heed_dtype_of(x[i]) == heed_dtype_of(x[i + 2]) &&
                    heed_dim(x[i], 2) - ((const store_attr *)s->attr)->position >= heed_dim(x[i + 2], 2);
        for (int axis = 0; axis < 4; axis++) fits = fits && (axis == 2 || heed_dim(x[i], axis) == heed_dim(x[i + 2], axis));
        if (!fits) return heed_reject(s, "takes [R,h,C,d] and new positions [R,h,n,d]");
    }
    s->dtype = HEED_I32;
    s->rank = 1;
    s->shape[0] = heed_dim(x[0], 0);
    return true;
}

/* Rows that one task copies. */
static int64_t store_rows(const heed_call *c)
{
    int64_t row = c->x[2].shape[1] * c->x[2].shape[2] * (c->x[2].shape[3] + c->x[3].shape[3]);
    return row > 0 && row < TASK_FLOATS ? TASK_FLOATS / row : 1;
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
        const int64_t heads = cache->shape[1], capacity = cache->shape[2], count = new->shape[2], *step = new->stride;
        const size_t item = heed_dtype_size(cache->dtype), bytes = (size_t)cache->shape[3] * item;
        for (int64_t k = from * heads; k < end * heads; k++)
            for (int64_t j = 0; j < count; j++)
                memcpy((char *)cache->p + (size_t)(k * capacity + position + j) * bytes,
                       (const char *)new->p + (size_t)(k / heads * step[0] + k % heads * step[1] + j * step[2]) * item, bytes);
    }
    for (int64_t r = from; r < end; r++) ((int32_t *)c->y.p)[r] = (int32_t)(position + c->x[2].shape[2]);
}

static const heed_op op_cache_store = {
    .name = "cache_store", .kind = HEED_KERNEL, .operands = 4, .flags = HEED_NO_GRADIENT | HEED_LAST_CONTIGUOUS,
    .attr_size = sizeof(store_attr), .shape = store_shape, .tasks = store_tasks, .run = store_run};

static heed_tensor *store(heed_graph *g, heed_tensor *keys, heed_tensor *values, heed_tensor *k, heed_tensor *v, int64_t position)
{
    return heed_apply(g, &op_cache_store, 4, (heed_tensor *[]){keys, values, k, v}, &(store_attr){position});
}

/* --- teaching --------------------------------------------------------------------------------------------------------------- */

static heed_tensor *logits(heed_graph *g, const void *self, const heed_teaching *t, heed_tensor **final)
{
    const heed_transformer *m = self;
    (void)final;
    heed_tensor *memory = t->src ? heed_transformer_encode(g, m, t->src, t->lengths) : NULL;
    return heed_transformer_logits(g, m, heed_transformer_decode(g, m, t->tgt, memory, t->lengths));
}

static int64_t symbols(const void *self) { return ((const heed_transformer *)self)->config.tgt_vocab; }
static bool reads(const void *self) { return ((const heed_transformer *)self)->config.enc_layers > 0; }

static int64_t positions(const void *self)
{
    const heed_transformer_config *c = &((const heed_transformer *)self)->config;
    return c->positions == HEED_POSITIONS_LEARNED ? c->max_len : INT64_MAX;
}

/* The encoder's layers, the decoder's attention to itself, and that to the source. */
static bool attention(const void *self, int i, heed_attention_place *place)
{
    const heed_transformer_config *c = &((const heed_transformer *)self)->config;
    bool encoder = i < c->enc_layers, cross = i >= c->enc_layers + c->dec_layers;
    int layer = encoder ? i : (i - c->enc_layers) % (c->dec_layers + !c->dec_layers);
    if (i < 0 || i >= c->enc_layers + c->dec_layers * (c->enc_layers ? 2 : 1)) return false;
    *place = (heed_attention_place){.heads = c->layer.heads, .layer = layer, .layers = encoder ? c->enc_layers : c->dec_layers,
                                    .source_looks = encoder, .source_shown = encoder || cross};
    snprintf(place->name, sizeof place->name, "%s.%d.%s", encoder ? "enc" : "dec", layer, cross ? "cross" : "self");
    return true;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

/* Memory that stays from one batch of sentences to the next, so that pages are not asked for, and cleared, again and again. */
typedef struct room { char *at; void *block; size_t bytes; } room;

static void leave(room *r)
{
    heed_free(r->block);
    *r = (room){NULL, NULL, 0};
}

/* At least `bytes`; what was in it is lost. */
static bool enter(room *r, size_t bytes)
{
    if (r->at && bytes <= r->bytes) return true;
    leave(r);
    *r = (room){.bytes = bytes};
    r->at = heed_alloc_large(&r->bytes, &r->block);
    if (!r->at) *r = (room){NULL, NULL, 0};
    return r->at;
}

static bool zeros(room *r, size_t bytes)
{
    if (!enter(r, bytes)) return false;
    memset(r->at, 0, bytes);
    return true;
}

typedef struct layer_cache {
    room k, v;             /* [R, h, capacity, dk], [R, h, capacity, dv] */
    room cross_k, cross_v; /* [sentences, h, steps, dk], [sentences, h, steps, dv] */
} layer_cache;

typedef struct writer {
    const heed_transformer *m;
    heed_dtype dtype;
    int64_t capacity; /* positions there is room for */
    room spare;       /* one row of each array */
    room moves;       /* what plan_moves works on */
    layer_cache layer[];
} writer;

static void *writer_new(const void *self)
{
    const heed_transformer *m = self;
    writer *w = heed_calloc(1, sizeof *w + (size_t)m->config.dec_layers * sizeof *w->layer);
    if (!w) return NULL;
    w->m = m;
    w->dtype = heed_param_dtype(m->tgt.table);
    return w;
}

static void writer_free(void *self)
{
    writer *w = self;
    for (int i = 0; i < w->m->config.dec_layers; i++) {
        layer_cache *c = &w->layer[i];
        leave(&c->k);
        leave(&c->v);
        leave(&c->cross_k);
        leave(&c->cross_v);
    }
    leave(&w->spare);
    leave(&w->moves);
    heed_free(w);
}

/* Bytes of `rows` rows of h heads, each of `length` positions of `width` numbers; 0 when that is too much. */
static size_t plane(const writer *w, int64_t rows, int64_t length, int64_t width)
{
    size_t bytes = heed_dtype_size(w->dtype);
    bool fits = heed_size_mul(bytes, (size_t)rows, &bytes) && heed_size_mul(bytes, (size_t)w->m->config.layer.heads, &bytes) &&
                heed_size_mul(bytes, (size_t)length, &bytes) && heed_size_mul(bytes, (size_t)width, &bytes);
    return fits ? bytes : 0;
}

static int64_t widest(const writer *w)
{
    const heed_layer_config *l = &w->m->config.layer;
    return l->dk > l->dv ? l->dk : l->dv;
}

/* --- the source ------------------------------------------------------------------------------------------------------------- */

static heed_code graph_failed(const heed_graph *g, heed_error *e)
{
    const heed_error *failed = heed_graph_error(g);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : e->code;
}

/* The leaves behind which layer i's keys and values of the source lie. */
static void use_source(const writer *w, const heed_rows *r, int i, heed_tensor **keys, heed_tensor **values)
{
    const heed_layer_config *l = &w->m->config.layer;
    *keys = heed_input(r->g, w->dtype, 4, (int64_t[]){r->sentences, l->heads, r->steps, l->dk}, w->layer[i].cross_k.at);
    *values = heed_input(r->g, w->dtype, 4, (int64_t[]){r->sentences, l->heads, r->steps, l->dv}, w->layer[i].cross_v.at);
}

static heed_code begin(void *self, const heed_rows *r, const int32_t *src, heed_error *e)
{
    writer *w = self;
    heed_graph *g = r->g;
    int layers = w->m->config.dec_layers;
    w->capacity = 0;
    if (!r->steps) return HEED_OK;
    heed_tensor *length = heed_input(g, HEED_I32, 1, &r->sentences, r->lengths);
    heed_tensor *ids = heed_input(g, HEED_I32, 2, (int64_t[]){r->sentences, r->steps}, src);
    heed_tensor *memory = heed_transformer_encode(g, w->m, ids, length);
    heed_tensor *wanted[HEED_MAX_LAYERS];
    const size_t bytes = plane(w, r->sentences, r->steps, widest(w));
    for (int i = 0; i < layers; i++) {
        if (!bytes || !enter(&w->layer[i].cross_k, bytes) || !enter(&w->layer[i].cross_v, bytes))
            return heed_fail(e, HEED_NO_MEMORY, "decoder: no memory for the source's keys and values");
        heed_tensor *k, *v, *keys, *values;
        heed_scope(g, "dec.%d", i);
        heed_multihead_keys(g, &w->m->dec[i].cross, memory, &k, &v);
        use_source(w, r, i, &keys, &values);
        wanted[i] = store(g, keys, values, k, v, 0);
        heed_scope_end(g);
    }
    heed_run(g, layers, wanted);
    return graph_failed(g, e);
}

/* --- room for positions ----------------------------------------------------------------------------------------------------- */

/* `array` with `capacity` positions, those before r->position kept: new ones are zeros, so that what is masked is a number. */
static bool grow(const writer *w, const heed_rows *r, room *array, int64_t capacity, int64_t width)
{
    int64_t rows = r->sentences * r->width;
    size_t bytes = plane(w, rows, capacity, width), item = (size_t)width * heed_dtype_size(w->dtype);
    room old = *array;
    if (!bytes) return false;
    if (!r->position) return zeros(array, bytes);
    *array = (room){NULL, NULL, 0};
    if (!zeros(array, bytes)) {
        *array = old;
        return false;
    }
    for (int64_t k = 0; k < rows * w->m->config.layer.heads; k++)
        memcpy(array->at + (size_t)(k * capacity) * item, old.at + (size_t)(k * w->capacity) * item, (size_t)r->position * item);
    leave(&old);
    return true;
}

/* Room for one more position. Once refused, it is refused until sentences begin anew, for some arrays have grown and others have not. */
static bool reserve(writer *w, const heed_rows *r)
{
    if (r->position < w->capacity) return true;
    const heed_layer_config *l = &w->m->config.layer;
    int64_t capacity = r->position ? 2 * w->capacity : FIRST_CAPACITY;
    bool ok = capacity > 0;
    for (int i = 0; i < w->m->config.dec_layers && ok; i++)
        ok = grow(w, r, &w->layer[i].k, capacity, l->dk) && grow(w, r, &w->layer[i].v, capacity, l->dv);
    w->capacity = ok ? capacity : 0;
    return ok;
}

/* --- a step ----------------------------------------------------------------------------------------------------------------- */

/* x [R, 1, d]: attention to all positions so far, this one included */
static heed_tensor *attend_to_past(const writer *w, const heed_rows *r, int i, heed_tensor *x)
{
    const heed_multihead *self = &w->m->dec[i].self;
    int64_t rows = r->sentences * r->width;
    heed_tensor *k, *v;
    heed_multihead_keys(r->g, self, x, &k, &v);
    heed_tensor *keys = heed_input(r->g, w->dtype, 4, (int64_t[]){rows, self->heads, w->capacity, self->dk}, w->layer[i].k.at);
    heed_tensor *values = heed_input(r->g, w->dtype, 4, (int64_t[]){rows, self->heads, w->capacity, self->dv}, w->layer[i].v.at);
    heed_tensor *lengths = store(r->g, keys, values, k, v, r->position);
    return heed_multihead_attend(r->g, self, x, keys, values, (heed_mask){.lengths = lengths});
}

/* x [R, 1, d]: attention to the source. The rows of a sentence are its queries, so that they share its keys. */
static heed_tensor *attend_to_source(const writer *w, const heed_rows *r, int i, heed_tensor *x)
{
    const heed_multihead *cross = &w->m->dec[i].cross;
    int64_t rows = r->sentences * r->width, width = heed_dim(x, 2);
    heed_tensor *keys, *values;
    use_source(w, r, i, &keys, &values);
    heed_tensor *lengths = heed_input(r->g, HEED_I32, 1, &r->sentences, r->lengths);
    x = heed_reshape(r->g, x, 3, (int64_t[]){r->sentences, r->width, width});
    x = heed_multihead_attend(r->g, cross, x, keys, values, (heed_mask){.lengths = lengths});
    return heed_reshape(r->g, x, 3, (int64_t[]){rows, 1, width});
}

/* heed_decoder_layer_apply, for one position */
static heed_tensor *layer_step(const writer *w, const heed_rows *r, int i, heed_tensor *x)
{
    heed_graph *g = r->g;
    const heed_decoder_layer *m = &w->m->dec[i];
    heed_tensor *in = m->pre_norm ? heed_norm_apply(g, &m->norm1, x) : x;
    x = heed_add(g, x, attend_to_past(w, r, i, in));
    x = m->pre_norm ? x : heed_norm_apply(g, &m->norm1, x);
    if (m->has_cross) {
        in = m->pre_norm ? heed_norm_apply(g, &m->norm2, x) : x;
        x = heed_add(g, x, attend_to_source(w, r, i, in));
        x = m->pre_norm ? x : heed_norm_apply(g, &m->norm2, x);
    }
    in = m->pre_norm ? heed_norm_apply(g, &m->norm3, x) : x;
    x = heed_add(g, x, heed_ffn_apply(g, &m->ffn, in));
    return m->pre_norm ? x : heed_norm_apply(g, &m->norm3, x);
}

static heed_tensor *step(void *self, const heed_rows *r, const int32_t *ids)
{
    writer *w = self;
    heed_graph *g = r->g;
    const heed_transformer_config *c = &w->m->config;
    int64_t rows = r->sentences * r->width;
    if (!reserve(w, r))
        return heed_graph_fail(g, HEED_NO_MEMORY, "decoder: no memory for the keys and values of %lld rows", (long long)rows);
    heed_tensor *x = heed_embed_apply(g, &w->m->tgt, heed_input(g, HEED_I32, 2, (int64_t[]){rows, 1}, ids));
    x = heed_positions_apply(g, &w->m->dec_positions, heed_scale(g, x, sqrt((double)c->layer.d)), r->position);
    for (int i = 0; i < c->dec_layers; i++) {
        heed_scope(g, "dec.%d", i);
        x = layer_step(w, r, i, x);
        heed_scope_end(g);
    }
    if (c->layer.pre_norm) x = heed_norm_apply(g, &w->m->dec_norm, x);
    return heed_transformer_logits(g, w->m, heed_reshape(g, x, 2, (int64_t[]){rows, c->layer.d}));
}

/* --- rows change places ----------------------------------------------------------------------------------------------------- */

/* Rows are copied where they lie, in such an order that none is written before it has been read; the spare row breaks cycles. */
enum { SPARE = -1 };
typedef struct move { int32_t to, from; } move;
typedef struct moving { const writer *w; const move *moves; int64_t count, position; } moving;

/* Row r takes what `source` names, when nobody waits for what it holds; then so may the row that was read. */
static int64_t chase(move *m, int64_t n, int32_t r, int32_t *source, int32_t *readers)
{
    while (source[r] != r && !readers[r]) {
        const int32_t from = source[r];
        m[n++] = (move){r, from};
        source[r] = r;
        readers[from]--;
        r = from;
    }
    return n;
}

/* The moves that put from[i] in place i for all rows: each from the same sentence or a later one. At most two a row; `work` has room for two numbers
 * a row, of the old ones. */
static int64_t plan_moves(move *m, int64_t rows, int64_t old_rows, const int32_t *from, int32_t *work)
{
    int32_t *source = work, *readers = work + old_rows;
    int64_t n = 0;
    memset(readers, 0, (size_t)old_rows * sizeof *readers);
    for (int32_t i = 0; i < old_rows; i++) source[i] = i < rows ? from[i] : i;
    for (int64_t i = 0; i < rows; i++) readers[from[i]] += from[i] != i;
    for (int32_t i = 0; i < rows; i++) n = chase(m, n, i, source, readers);
    for (int32_t i = 0; i < rows; i++) { /* what is left are cycles */
        if (source[i] == i) continue;
        m[n++] = (move){SPARE, i};
        int32_t to = i;
        for (; source[to] != i; to = m[n - 1].from) {
            m[n++] = (move){to, source[to]};
            source[to] = to;
        }
        m[n++] = (move){to, SPARE};
        source[to] = to;
    }
    return n;
}

/* One head of one layer's keys or values. */
static void move_head(void *context, int64_t i)
{
    const moving *c = context;
    const heed_layer_config *l = &c->w->m->config.layer;
    const layer_cache *cache = &c->w->layer[i / 2 / l->heads];
    const bool value = i / l->heads % 2;
    const size_t item = (size_t)(value ? l->dv : l->dk) * heed_dtype_size(c->w->dtype), head = (size_t)c->w->capacity * item;
    const size_t widest_head = plane(c->w, 1, c->w->capacity, widest(c->w)) / (size_t)l->heads;
    char *at = (value ? cache->v.at : cache->k.at) + (size_t)(i % l->heads) * head, *spare = c->w->spare.at + (size_t)i * widest_head;
    for (int64_t k = 0; k < c->count; k++) {
        const move *m = &c->moves[k];
        char *to = m->to == SPARE ? spare : at + (size_t)(m->to * l->heads) * head;
        const char *from = m->from == SPARE ? spare : at + (size_t)(m->from * l->heads) * head;
        memcpy(to, from, (size_t)c->position * item);
    }
}

static heed_code select_rows(void *self, const heed_rows *r, int64_t sentences, const int32_t *from, heed_error *e)
{
    writer *w = self;
    const heed_layer_config *l = &w->m->config.layer;
    const int64_t rows = sentences * r->width, old_rows = r->sentences * r->width, layers = w->m->config.dec_layers;
    const size_t number = sizeof(int32_t), each = 2 * sizeof(move) + 2 * number;
    size_t bytes;
    if (r->position) {
        if (!heed_size_mul((size_t)old_rows, each, &bytes) || !enter(&w->moves, bytes) || !enter(&w->spare, plane(w, 2 * layers, w->capacity, widest(w))))
            return heed_fail(e, HEED_NO_MEMORY, "decoder: no memory for rows that change places");
        move *moves = (move *)(void *)w->moves.at;
        moving c = {w, moves, plan_moves(moves, rows, old_rows, from, (int32_t *)(void *)(moves + 2 * old_rows)), r->position};
        heed_parallel(heed_graph_threads_now(r->g), 2 * layers * l->heads, move_head, &c);
    }
    for (int64_t s = 0; r->steps && s < sentences; s++) { /* to the front, so nothing is overwritten too early */
        int64_t old = from[s * r->width] / r->width;
        size_t k = plane(w, 1, r->steps, l->dk), v = plane(w, 1, r->steps, l->dv);
        for (int i = 0; i < w->m->config.dec_layers && s != old; i++) {
            char *ck = w->layer[i].cross_k.at, *cv = w->layer[i].cross_v.at;
            memcpy(ck + (size_t)s * k, ck + (size_t)old * k, k);
            memcpy(cv + (size_t)s * v, cv + (size_t)old * v, v);
        }
    }
    return HEED_OK;
}

heed_model heed_transformer_model(const heed_transformer *m)
{
    static const heed_model_kind kind = {
        .name = "transformer", .logits = logits, .symbols = symbols, .reads = reads, .positions = positions,
        .attention = attention, .writer = writer_new, .free = writer_free, .begin = begin, .step = step, .select = select_rows};
    return (heed_model){&kind, m};
}
