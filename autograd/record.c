/* Recording: an op's shape rule is asked, a node is made, nothing is computed. */
#include "autograd/node.h"
#include "autograd/plan.h"
#include "autograd/profiling.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

const heed_op heed_op_leaf = {.name = "leaf", .kind = HEED_LEAF};

bool heed_reject(heed_shaping *s, const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    heed_graph_fail(s->g, HEED_INVALID, "%s: %s", s->op->name, text);
    return false;
}

bool heed_shape_like(heed_shaping *s, const heed_tensor *x)
{
    s->rank = x->rank;
    for (int i = 0; i < x->rank; i++) s->shape[i] = x->shape[i];
    return true;
}

bool heed_shape_float(heed_shaping *s)
{
    for (int i = 0; i < s->count; i++) {
        if (s->x[i]->dtype > HEED_F64) return heed_reject(s, "operand %d is %s, not a float", i, heed_dtype_name(s->x[i]->dtype));
        if (s->x[i]->dtype != s->x[0]->dtype)
            return heed_reject(s, "operands differ in dtype: %s and %s", heed_dtype_name(s->x[0]->dtype), heed_dtype_name(s->x[i]->dtype));
    }
    return true;
}

bool heed_shape_broadcast(heed_shaping *s)
{
    s->rank = 0;
    for (int i = 0; i < s->count; i++) {
        const heed_tensor *x = s->x[i];
        if (x->dtype == HEED_U8) {
            if (s->dtype == HEED_U8 && s->count > 1 && s->x[s->count - 1]->dtype != HEED_U8) s->dtype = s->x[s->count - 1]->dtype;
        } else if (x->dtype != s->dtype)
            return heed_reject(s, "operands differ in dtype: %s and %s", heed_dtype_name(x->dtype), heed_dtype_name(s->dtype));
        if (x->rank > s->rank) { /* shift what is known to the right */
            int more = x->rank - s->rank;
            for (int k = s->rank; k-- > 0;) s->shape[k + more] = s->shape[k];
            for (int k = 0; k < more; k++) s->shape[k] = 1;
            s->rank = x->rank;
        }
        for (int k = 1; k <= x->rank; k++) {
            int64_t a = s->shape[s->rank - k], b = x->shape[x->rank - k];
            if (a == b || b == 1) continue;
            if (a != 1) {
                char left[96], right[96];
                return heed_reject(s, "shapes do not broadcast: %s and %s", heed_shape_text(s->x[0], left, sizeof left),
                                   heed_shape_text(x, right, sizeof right));
            }
            s->shape[s->rank - k] = b;
        }
    }
    return true;
}

enum { MOST_OPERANDS = 16 };     /* of an op in a pass: tile.c */
static const int64_t most_bytes = (int64_t)1 << 47; /* of one tensor, half of an address space: sums of a few sizes cannot overflow */

/* Numbers by which the parts of a node are multiplied for the structure's hash; their sum is that of the node, so no part waits for another. */
enum { FEW_OPERANDS = 4 };
static const uint64_t by_shape[HEED_MAX_RANK] = {0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93, 0xa0761d6478bd642f,
                                                 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3, 0x589965cc75374cc3, 0x1d8e4e27c47d124f};
static const uint64_t by_stride[HEED_MAX_RANK] = {0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53, 0x87c37b91114253d5, 0x4cf5ad432745937f,
                                                  0x52dce729da3ac5c1, 0x38495ab5b492b66d, 0x9fb21c651e98df25, 0xc2b2ae3d27d4eb4f};
static const uint64_t by_operand[FEW_OPERANDS] = {0x9e6c63d0676a9a99, 0xb492b66fbe98f273, 0xd1b54a32d192ed03, 0xaef17502108ef2d9};
static const uint64_t by_op = 0x9e3779b97f4a7c15, by_kind = 0xd3833e804f4c574b;

/* What a derivative may depend on beyond the structure. A draw counts by its number in the graph, which is the same in every step. Bytes between the
 * members of an attribute count too: where they differ, a derivative is recorded that could have been taken over. */
static uint64_t content_of(const heed_graph *g, const heed_op *op, const char *attr)
{
    uint64_t h = g->scope;
    for (size_t i = 0; attr && i < op->attr_size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, attr + i, op->attr_size - i < 8 ? op->attr_size - i : 8);
        if (op->draw && i == op->draw - 1) {
            heed_draw d;
            memcpy(&d, attr + i, sizeof d);
            const bool own = heed_is_own_draw(g, d);
            h = heed_mix(heed_mix(h, own), own ? heed_number_of_draw(g, d) : d.seed);
            word = own ? 0 : d.stream;
            i += 8;
        }
        h = heed_mix(h, word);
    }
    return h;
}

/* Makes the node of a shaped op whose struct, operands and attribute lie at `t`. */
static heed_tensor *finish(heed_graph *g, heed_tensor *t, const heed_shaping *s)
{
    if (g->profile) heed_profile_recording(g);
    if ((unsigned)s->dtype >= HEED_DTYPES) {
        heed_graph_fail(g, HEED_INVALID, "%s: there is no dtype %d", s->op->name, (int)s->dtype);
        return &g->failed;
    }
    const int rank = s->rank;
    const bool view = s->op->kind == HEED_VIEW;
    int64_t n = 1, bytes, *shape = NULL, *strides = NULL;
    bool fits = rank <= HEED_MAX_RANK, empty = false, row_major = true;
    uint64_t h = (uint64_t)(uintptr_t)s->op * by_op;
    if (fits && rank) {
        if (!(shape = arena_alloc(&g->nodes, (size_t)rank * 2 * sizeof *shape))) goto refused;
        strides = shape + rank;
    }
    for (int i = fits ? rank - 1 : -1; i >= 0; i--) {
        const int64_t size = s->shape[i], step = empty ? 0 : n, stride = view ? s->stride[i] : step;
        row_major &= (stride == step) | (size == 1);
        shape[i] = size;
        strides[i] = stride;
        h += (uint64_t)size * by_shape[i] + (uint64_t)stride * by_stride[i];
        if (size > 0) fits &= !__builtin_mul_overflow(n, size, &n);
        else if (size == 0) empty = true;
        else fits = false;
    }
    if (!fits || __builtin_mul_overflow(n, (int64_t)heed_dtype_size(s->dtype), &bytes) || bytes > most_bytes) {
        heed_graph_fail(g, HEED_INVALID, "%s: the result would have too many elements or axes", s->op->name);
        return &g->failed;
    }
    if (g->count == g->capacity && !heed_grow((void **)&g->tape, &g->capacity, g->count + 1, sizeof *g->tape)) goto refused;
    const uint32_t id = (uint32_t)g->count;
    uint8_t flags = empty || row_major ? NODE_CONTIGUOUS : 0, wanted = 0;
    for (int i = 0; i < t->count; i++) {
        const uint64_t back = id - s->x[i]->id;
        wanted |= s->x[i]->flags & NODE_NEEDS_GRAD;
        h = i < FEW_OPERANDS ? h + back * by_operand[i] : heed_mix(h, back);
    }
    if (s->op->kind != HEED_LEAF && !(s->op->flags & HEED_NO_GRADIENT)) flags |= wanted;
    h += ((uint64_t)s->dtype | (uint64_t)rank << 8 | (uint64_t)flags << 16 | (uint64_t)(uint32_t)t->count << 32) * by_kind;
    g->hash = heed_mix(g->hash, h);
    g->content = heed_mix(g->content, content_of(g, s->op, t->attr));
    t->op = s->op;
    t->data = NULL;
    t->root = view ? s->x[0]->root : t;
    t->shape = shape;
    t->stride = strides;
    t->size = empty ? 0 : n;
    t->offset = view ? s->x[0]->offset + s->offset : 0;
    t->id = id;
    t->scope = g->scope;
    t->dtype = (uint8_t)s->dtype;
    t->rank = (uint8_t)rank;
    t->flags = flags;
    t->param = -1;
    t->copied = t->view = NULL;
    g->tape[g->count++] = t;
    return t;
refused:
    return heed_graph_fail(g, HEED_NO_MEMORY, "%s: no memory for the graph", s->op->name);
}

heed_tensor *heed_apply(heed_graph *g, const heed_op *op, int count, heed_tensor *const *x, const void *attr)
{
    if (g->error.code) return &g->failed;
    if (op->operands >= 0 ? count != op->operands : count < 0)
        return heed_graph_fail(g, HEED_INVALID, "%s: takes %d operands, got %d", op->name, op->operands, count);
    if (count > MOST_OPERANDS && op->kind != HEED_KERNEL)
        return heed_graph_fail(g, HEED_INVALID, "%s: %d operands, at most %d can be", op->name, count, MOST_OPERANDS);
    bool copies = op->kind == HEED_KERNEL && !(op->flags & HEED_ANY_STRIDE);
    size_t links = ((size_t)count * sizeof *x + 15) & ~(size_t)15, head = (sizeof(heed_tensor) + 15) & ~(size_t)15;
    char *memory = arena_alloc(&g->nodes, head + links + op->attr_size);
    if (!memory) return heed_graph_fail(g, HEED_NO_MEMORY, "%s: no memory for the graph", op->name);
    heed_tensor *t = (heed_tensor *)(void *)memory, **own = (heed_tensor **)(void *)(memory + head), *last = NULL;
    void *copy = op->attr_size ? memory + head + links : NULL;
    t->x = own; /* what was just written is not read back from the node: that is slow */
    t->attr = copy;
    t->count = count;
    if (copy) memcpy(copy, attr, op->attr_size);
    for (int i = 0; i < count; i++) {
        heed_tensor *in = x[i];
        if (!heed_is_of(g, in))
            return heed_graph_fail(g, HEED_INVALID, "%s: operand %d is not of this graph since its last reset", op->name, i);
        if (copies && !(in->flags & NODE_CONTIGUOUS) &&
            !((op->flags & HEED_LAST_CONTIGUOUS) && (in->shape[in->rank - 1] <= 1 || in->stride[in->rank - 1] == 1))) {
            in = heed_copied(g, in);
            if (g->error.code) return &g->failed;
        }
        own[i] = last = in;
    }
    heed_shaping s;
    s.g = g;
    s.op = op;
    s.count = count;
    s.x = own;
    s.attr = copy;
    s.dtype = last ? (heed_dtype)last->dtype : HEED_F32;
    s.rank = 0;
    s.offset = 0;
    if (!op->shape || !op->shape(&s)) {
        if (!g->error.code) heed_graph_fail(g, HEED_INVALID, "%s: refused its operands", op->name);
        return &g->failed;
    }
    t = finish(g, t, &s);
    if ((g->eager || g->anomaly) && !g->running && !g->error.code && op->kind != HEED_VIEW) heed_run(g, 1, &t);
    return g->error.code ? &g->failed : t;
}

static bool is_same_view(const heed_tensor *t, const heed_op *op, const void *attr, int rank, const int64_t *shape, const int64_t *stride)
{
    if (!t || t->op != op || t->rank != rank) return false;
    for (int i = 0; i < rank; i++)
        if (t->shape[i] != shape[i] || t->stride[i] != stride[i]) return false;
    return !attr || !memcmp(t->attr, attr, op->attr_size);
}

heed_tensor *heed_view(heed_graph *g, const heed_op *op, heed_tensor *x, const void *attr, int rank, const int64_t *shape, const int64_t *stride)
{
    if (g->error.code) return &g->failed;
    if (!heed_is_of(g, x)) return heed_graph_fail(g, HEED_INVALID, "%s: operand 0 is not of this graph since its last reset", op->name);
    if (is_same_view(x->view, op, attr, rank, shape, stride)) return x->view;
    const size_t head = (sizeof(heed_tensor) + 15) & ~(size_t)15;
    char *memory = arena_alloc(&g->nodes, head + 16 + (attr ? op->attr_size : 0));
    if (!memory) return heed_graph_fail(g, HEED_NO_MEMORY, "%s: no memory for the graph", op->name);
    heed_tensor *t = (heed_tensor *)(void *)memory;
    t->x = (heed_tensor **)(void *)(memory + head);
    t->x[0] = x;
    t->count = 1;
    t->attr = attr ? memcpy(memory + head + 16, attr, op->attr_size) : NULL;
    heed_shaping s;
    s.g = g;
    s.op = op;
    s.count = 1;
    s.x = t->x;
    s.dtype = (heed_dtype)x->dtype;
    s.rank = rank;
    s.offset = 0;
    for (int i = 0; i < rank; i++) {
        s.shape[i] = shape[i];
        s.stride[i] = stride[i];
    }
    t = finish(g, t, &s);
    if (g->error.code) return &g->failed;
    g->content = heed_mix(g->content, x->id);
    return x->view = t;
}

heed_tensor *heed_copied(heed_graph *g, heed_tensor *t)
{
    if (t->flags & NODE_CONTIGUOUS) return t;
    if (t->copied) return t->copied;
    t->copied = heed_contiguous(g, t);
    g->content = heed_mix(g->content, t->id);
    return t->copied;
}

static heed_tensor *leaf(heed_graph *g, heed_dtype dtype, int rank, const int64_t *shape)
{
    if (g->error.code) return &g->failed;
    if (rank < 0 || rank > HEED_MAX_RANK) return heed_graph_fail(g, HEED_INVALID, "input: rank %d is not in 0..%d", rank, HEED_MAX_RANK);
    heed_tensor *t = arena_alloc(&g->nodes, sizeof *t);
    if (!t) return heed_graph_fail(g, HEED_NO_MEMORY, "input: no memory for the graph");
    t->x = NULL;
    t->attr = NULL;
    t->count = 0;
    heed_shaping s;
    s.g = g;
    s.op = &heed_op_leaf;
    s.count = 0;
    s.x = NULL;
    s.dtype = dtype;
    s.rank = rank;
    for (int i = 0; i < rank; i++) s.shape[i] = shape[i];
    return finish(g, t, &s);
}

heed_tensor *heed_input(heed_graph *g, heed_dtype dtype, int rank, const int64_t *shape, const void *data)
{
    heed_tensor *t = leaf(g, dtype, rank, shape);
    if (g->error.code) return t;
    if (!data && t->size) return heed_graph_fail(g, HEED_INVALID, "input: no data");
    if ((uintptr_t)data % heed_dtype_size(dtype))
        return heed_graph_fail(g, HEED_INVALID, "input: the data of %s are not aligned to %zu bytes", heed_dtype_name(dtype), heed_dtype_size(dtype));
    t->data = (void *)(uintptr_t)(data ? data : (const void *)&t->value);
    g->once = true;
    return t;
}

heed_tensor *heed_scalar(heed_graph *g, heed_dtype dtype, double value)
{
    if (dtype == HEED_I32 && !(value >= INT32_MIN && value <= INT32_MAX))
        return heed_graph_fail(g, HEED_INVALID, "scalar: %g is not an int32", value);
    heed_tensor *t = leaf(g, dtype, 0, NULL);
    if (g->error.code) return t;
    switch (dtype) {
    case HEED_F32: memcpy(&t->value, &(float){(float)value}, 4); break;
    case HEED_I32: memcpy(&t->value, &(int32_t){(int32_t)value}, 4); break;
    case HEED_U8: memcpy(&t->value, &(uint8_t){value != 0}, 1); break;
    default: t->value = value;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    g->content = heed_mix(g->content, bits);
    t->data = &t->value;
    return t;
}

heed_tensor *heed_use(heed_graph *g, heed_param *p)
{
    if (g->error.code) return &g->failed;
    heed_params *ps = heed_param_store(p);
    if (heed_params_error(ps)->code) return heed_graph_fail(g, heed_params_error(ps)->code, "%s", heed_params_error(ps)->message);
    if (g->params && g->params != ps)
        return heed_graph_fail(g, HEED_INVALID, "%s: parameters of two stores in one graph", heed_param_name(p));
    size_t i = (size_t)heed_param_index(p), old = g->param_capacity;
    if (!heed_grow((void **)&g->param_leaf, &g->param_capacity, i + 1, sizeof *g->param_leaf))
        return heed_graph_fail(g, HEED_NO_MEMORY, "%s: no memory", heed_param_name(p));
    if (old < g->param_capacity) memset(g->param_leaf + old, 0, (g->param_capacity - old) * sizeof *g->param_leaf);
    if (!g->params) memset(g->param_leaf, 0, g->param_capacity * sizeof *g->param_leaf);
    g->params = ps;
    if (g->param_leaf[i]) return g->param_leaf[i];
    heed_tensor *t = leaf(g, heed_param_dtype(p), heed_param_rank(p), heed_param_shape(p));
    if (g->error.code) return t;
    t->data = (void *)(uintptr_t)heed_param_values(p);
    t->param = (int32_t)i;
    t->flags |= NODE_PARAM | (heed_param_is_trainable(p) ? NODE_NEEDS_GRAD : 0);
    g->hash = heed_mix(g->hash, (uint64_t)t->flags << 32 | i);
    g->once = true;
    return g->param_leaf[i] = t;
}

heed_tensor *heed_keep(heed_graph *g, heed_tensor *t)
{
    if (g->error.code) return &g->failed;
    if (!heed_is_of(g, t)) return heed_graph_fail(g, HEED_INVALID, "keep: the tensor is not of this graph since its last reset");
    t->root->flags |= NODE_KEEP;
    g->once = true;
    g->hash = heed_mix(g->hash, (uint64_t)NODE_KEEP << 32 | t->root->id);
    return t;
}

/* --- accumulation into a parameter's gradient: recorded by heed_backward, run by the plan ---------------------------------------- */

static bool accumulate_shape(heed_shaping *s)
{
    s->rank = 0;
    return true;
}

const heed_op heed_op_accumulate = {.name = "accumulate", .kind = HEED_KERNEL, .operands = 1, .flags = HEED_NO_GRADIENT, .shape = accumulate_shape};
