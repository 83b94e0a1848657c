/* Order along an axis: argsort, sort, topk. Sorted values are gathered by the indices, so their gradient is gather's. */
#include "ops/ops.h"
#include "ops/simd.h"

#include <math.h>

#if HEED_ISA_BASE

/* argsort   the indices of the k first elements along the last axis in the order wanted, equal ones by index; no gradient */
typedef struct argsort_attr { int64_t k, descending; } argsort_attr;

/* An element by key: keys as unsigned integers order as the elements do, and `index` decides between equal ones. */
typedef struct item { uint64_t key; int64_t index; } item;

static bool before(item a, item b) { return a.key != b.key ? a.key < b.key : a.index < b.index; }

static uint64_t key_of(double value, bool descending)
{
    uint64_t bits, sign = (uint64_t)1 << 63;
    if (value == 0) value = 0; /* -0 as 0 */
    memcpy(&bits, &value, sizeof bits);
    uint64_t key = isnan(value) ? UINT64_MAX : bits & sign ? ~bits : bits | sign;
    return descending ? ~key : key;
}

static double element(const heed_array *x, int64_t i)
{
    switch (x->dtype) {
    case HEED_F32: return (double)((const float *)x->p)[i];
    case HEED_F64: return ((const double *)x->p)[i];
    case HEED_I32: return (double)((const int32_t *)x->p)[i];
    default: return (double)((const uint8_t *)x->p)[i];
    }
}

/* Merges runs of 1, 2, 4, ... items; returns where the sorted items are: in `a` or in `b`. */
static item *merge_sort(item *a, item *b, int64_t n)
{
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t from = 0; from < n; from += 2 * run) {
            int64_t i = from, middle = from + run < n ? from + run : n, j = middle, end = middle + run < n ? middle + run : n;
            for (int64_t to = from; to < end; to++) b[to] = i < middle && (j == end || before(a[i], a[j])) ? a[i++] : a[j++];
        }
        item *swap = a;
        a = b;
        b = swap;
    }
    return a;
}

/* The item at place i of a heap whose root is the last in order sinks to where it belongs. */
static void sink(item *heap, int64_t n, int64_t i)
{
    item x = heap[i];
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(heap[child], heap[child + 1])) child++;
        if (!before(x, heap[child])) break;
        heap[i] = heap[child];
    }
    heap[i] = x;
}

static void argsort_work(const heed_call *c, heed_work *w)
{
    w->scratch = 2 * (size_t)c->y.shape[c->y.rank - 1] * sizeof(item);
}

static int64_t rows_a_task(const heed_call *c)
{
    int64_t n = c->x[0].shape[c->x[0].rank - 1];
    return n < 2048 ? 2048 / (n + 1) + 1 : 1;
}

static int64_t argsort_tasks(const heed_call *c, int phase)
{
    (void)phase;
    int64_t k = c->y.shape[c->y.rank - 1], each = rows_a_task(c);
    return k ? (c->y.size / k + each - 1) / each : 0;
}

static void argsort_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    (void)phase;
    const heed_array *x = &c->x[0];
    int64_t n = x->shape[x->rank - 1], k = c->y.shape[x->rank - 1], rows = c->y.size / k, each = rows_a_task(c);
    int64_t end = (task + 1) * each < rows ? (task + 1) * each : rows;
    bool descending = ((const argsort_attr *)c->attr)->descending;
    item *first = scratch, *second = first + k;
    for (int64_t r = task * each; r < end; r++) {
        for (int64_t i = 0; i < n; i++) {
            item it = {key_of(element(x, r * n + i), descending), i};
            if (i < k) {
                first[i] = it;
                if (i == k - 1 && k < n)
                    for (int64_t at = k / 2; at-- > 0;) sink(first, k, at);
            } else if (before(it, first[0])) { /* better than the last of the best k */
                first[0] = it;
                sink(first, k, 0);
            }
        }
        const item *sorted = merge_sort(first, second, k);
        for (int64_t i = 0; i < k; i++) ((int32_t *)c->y.p)[r * k + i] = (int32_t)sorted[i].index;
    }
}

static bool argsort_shape(heed_shaping *s)
{
    heed_shape_like(s, s->x[0]);
    if (s->shape[s->rank - 1] > INT32_MAX)
        return heed_reject(s, "an axis of %lld elements has no int32 indices", (long long)s->shape[s->rank - 1]);
    s->shape[s->rank - 1] = ((const argsort_attr *)s->attr)->k;
    s->dtype = HEED_I32;
    return true;
}

static double argsort_flops(const heed_call *c)
{
    return (double)c->x[0].size * 8 + (double)c->y.size * 4 * log2(2 + (double)c->y.shape[c->y.rank - 1]);
}

const heed_op heed_op_argsort = {.name = "argsort", .kind = HEED_KERNEL, .operands = 1, .flags = HEED_NO_GRADIENT, .attr_size =
    sizeof(argsort_attr), .shape = argsort_shape, .work = argsort_work, .tasks = argsort_tasks, .run = argsort_run, .flops =
    argsort_flops};

/* --- public forms ----------------------------------------------------------------------------------------------------------- */

static heed_tensor *first_in_order(heed_graph *g, heed_tensor *x, int axis, int64_t k, bool descending)
{
    x = heed_transpose(g, x, axis, -1);
    return heed_transpose(g, heed_apply(g, &heed_op_argsort, 1, &x, &(argsort_attr){k, descending}), axis, -1);
}

heed_tensor *heed_argsort(heed_graph *g, heed_tensor *x, int axis, bool descending)
{
    return heed_axis(g, "argsort", x, &axis) ? first_in_order(g, x, axis, heed_dim(x, axis), descending) : x;
}

heed_tensor *heed_sort(heed_graph *g, heed_tensor *x, int axis, bool descending, heed_tensor **ids)
{
    heed_tensor *order = heed_axis(g, "sort", x, &axis) ? first_in_order(g, x, axis, heed_dim(x, axis), descending) : x;
    if (ids) *ids = order;
    return heed_gather(g, x, axis, order);
}

heed_tensor *heed_topk(heed_graph *g, heed_tensor *x, int axis, int64_t k, heed_tensor **ids)
{
    char text[96];
    heed_tensor *order = x;
    if (heed_axis(g, "topk", x, &axis)) {
        if (k >= 0 && k <= heed_dim(x, axis)) order = first_in_order(g, x, axis, k, true);
        else
            heed_graph_fail(g, HEED_INVALID, "topk: axis %d of %s has no %lld elements", axis,
                            heed_shape_text(x, text, sizeof text), (long long)k);
    }
    if (ids) *ids = order;
    return heed_gather(g, x, axis, order);
}
#endif
