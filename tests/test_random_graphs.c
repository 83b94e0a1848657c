/* What holds for every graph, tried on random ones: fused, op by op, on any number of threads, asked for in pieces, run by a plan of an
 * earlier graph, differentiated once and twice. */
#include "autograd/memory.h"
#include "autograd/node.h"
#include "check.h"
#include "random_graph.h"

enum { SEEDS = 150, LARGE_SEEDS = 12, TARGETS = 6 };

static float data32[RANDOM_DATA + 1024];
static double data64[RANDOM_DATA + 1024];

/* The same numbers in both dtypes. */
static void make_data(void)
{
    heed_random r = {.seed = 11};
    for (int i = 0; i < RANDOM_DATA + 1024; i++) data64[i] = data32[i] = (float)(3 * heed_random_uniform(&r) - 1.5);
}

static const void *data_of(heed_dtype dtype) { return dtype == HEED_F32 ? (const void *)data32 : (const void *)data64; }

typedef struct values { double *v; size_t count, capacity; char *bits; size_t size, room; } values;

static void take(values *v, heed_graph *g, heed_tensor *t)
{
    const void *p = heed_data(g, t);
    size_t n = (size_t)heed_size(t), bytes = n * heed_dtype_size(heed_dtype_of(t));
    if (!p || !heed_grow((void **)&v->v, &v->capacity, v->count + n, sizeof *v->v) || !heed_grow((void **)&v->bits, &v->room, v->size + bytes, 1)) return;
    for (size_t i = 0; i < n; i++) v->v[v->count++] = heed_dtype_of(t) == HEED_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
    if (bytes) memcpy(v->bits + v->size, p, bytes);
    v->size += bytes;
}

static void drop(values *v)
{
    heed_free(v->v);
    heed_free(v->bits);
}

static bool close_to(const values *a, const values *b, double tolerance)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!(fabs(a->v[i] - b->v[i]) <= tolerance * (1 + fabs(b->v[i])))) {
            fprintf(stderr, "\n    number %zu of %zu: %.9g and %.9g\n", i, a->count, a->v[i], b->v[i]);
            return false;
        }
    return true;
}

static bool same_bits(const values *a, const values *b) { return a->size == b->size && (!a->size || !memcmp(a->bits, b->bits, a->size)); }

static int ops_of(uint64_t seed, bool large) { return large ? 8 : 4 + (int)(seed % 50); }

/* A few of the program's tensors: the last, and others by the seed. */
static int choose_targets(const random_graph *r, uint64_t seed, heed_tensor **targets)
{
    heed_random random = {.seed = seed, .stream = 77};
    int n = 1 + (int)heed_random_below(&random, TARGETS - 1);
    targets[0] = r->t[r->count - 1];
    for (int i = 1; i < n; i++) targets[i] = r->t[heed_random_below(&random, (uint64_t)r->count)];
    return n;
}

typedef struct how { heed_dtype dtype; int threads; bool eager, pieces, keep; uint64_t values; } how;

static values run_on(heed_graph *g, uint64_t seed, bool large, how h)
{
    values v = {0};
    heed_tensor *targets[TARGETS];
    heed_graph_threads(g, h.threads);
    heed_graph_eager(g, h.eager);
    random_graph r = random_record(g, h.dtype, seed, h.values, ops_of(seed, large), large, data_of(h.dtype));
    int n = choose_targets(&r, seed, targets);
    if (h.keep)
        for (int i = 0; i < r.count; i += 3) heed_keep(g, r.t[i]);
    if (h.pieces) /* one after another, an inner one first, then values that were not stored */
        for (int i = n; i-- > 0;) heed_data(g, targets[i]);
    else heed_run(g, n, targets);
    for (int i = 0; i < n; i++) take(&v, g, targets[i]);
    if (!large)
        for (int i = 0; i < r.count; i += 5) take(&v, g, r.t[i]);
    if (heed_graph_error(g)->code) fprintf(stderr, "\n    seed %llu: %s\n", (unsigned long long)seed, heed_graph_error(g)->message);
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
    return v;
}

static values run_seed(uint64_t seed, bool large, how h)
{
    heed_graph *g = heed_graph_new();
    values v = run_on(g, seed, large, h);
    heed_graph_free(g);
    return v;
}

static void check(bool ok, uint64_t seed, const char *what)
{
    if (!ok) fprintf(stderr, "\n    seed %llu: %s\n", (unsigned long long)seed, what);
    CU_ASSERT(ok);
}

static void check_values(uint64_t seed, bool large)
{
    values eager = run_seed(seed, large, (how){.dtype = HEED_F64, .threads = 1, .eager = true});
    values fused = run_seed(seed, large, (how){.dtype = HEED_F64, .threads = 1});
    values small = run_seed(seed, large, (how){.dtype = HEED_F32, .threads = 1});
    values alone = run_seed(seed, large, (how){.dtype = HEED_F32, .threads = 1, .eager = true});
    values parts = run_seed(seed, large, (how){.dtype = HEED_F64, .threads = 1, .pieces = true});
    values kept = run_seed(seed, large, (how){.dtype = HEED_F64, .threads = 1, .keep = true});
    check(close_to(&fused, &eager, 1e-11), seed, "fused and eager differ");
    check(close_to(&parts, &eager, 1e-11), seed, "asked for in pieces and eager differ");
    check(close_to(&kept, &eager, 1e-11), seed, "kept values and eager differ");
    check(close_to(&small, &eager, 2e-3), seed, "float32 and float64 differ");
    check(close_to(&small, &alone, 2e-3), seed, "float32: fused and eager differ");
    for (int threads = 2; threads <= 8; threads += threads < 4 ? 1 : 4) {
        values other = run_seed(seed, large, (how){.dtype = HEED_F32, .threads = threads});
        check(same_bits(&small, &other), seed, "the bits depend on the number of threads");
        drop(&other);
    }
    drop(&eager), drop(&fused), drop(&small), drop(&alone), drop(&parts), drop(&kept);
}

static void values_agree(void)
{
    make_data();
    for (uint64_t seed = 0; seed < SEEDS; seed++) check_values(seed, false);
    for (uint64_t seed = 0; seed < LARGE_SEEDS; seed++) check_values(1000 + seed, true);
}

/* One graph object runs everything: other structures, and the same structure with other numbers, scalars, attributes and view offsets. */
static void plans_are_reused(void)
{
    make_data();
    heed_graph *g = heed_graph_new();
    for (uint64_t seed = 0; seed < SEEDS / 2; seed++) {
        for (uint64_t turn = 0; turn < 3; turn++) {
            how h = {.dtype = HEED_F64, .threads = 1, .values = turn, .pieces = seed % 2};
            values again = run_on(g, seed, false, h), fresh = run_seed(seed, false, h);
            check(same_bits(&again, &fresh), seed, "a plan that was used before gives other bits");
            drop(&again), drop(&fresh);
            heed_graph_reset(g);
        }
    }
    heed_graph_free(g);
}

/* --- gradients --------------------------------------------------------------------------------------------------------------------- */

enum { MOST = 6000 };

typedef struct point { double x[RANDOM_DATA + 1024]; } point;

/* sum of w y over the targets, a scalar */
static heed_tensor *project(heed_graph *g, int n, heed_tensor *const *t, const double *weights)
{
    heed_tensor *s = heed_scalar(g, HEED_F64, 0);
    for (int i = 0; i < n; i++) {
        int64_t shape[HEED_MAX_RANK];
        for (int k = 0; k < heed_rank(t[i]); k++) shape[k] = heed_dim(t[i], k);
        heed_tensor *w = heed_input(g, HEED_F64, heed_rank(t[i]), shape, weights + 100 * i);
        s = heed_add(g, s, heed_sum(g, heed_mul(g, w, t[i]), HEED_ALL, false));
    }
    return s;
}

/* The value (order 0), or the first gradient projected on `direction` (order 1), or the second projected twice (order 2), at `at`. */
static double derivative(uint64_t seed, int order, bool eager, const double *at, const double *direction, double *size)
{
    heed_graph *g = heed_graph_new();
    heed_tensor *targets[TARGETS], *dx[RANDOM_INPUTS];
    heed_graph_eager(g, eager);
    heed_graph_threads(g, 1);
    random_graph r = random_record(g, HEED_F64, seed, 0, ops_of(seed, false) / 2 + 2, false, at);
    int n = choose_targets(&r, seed, targets);
    heed_tensor *s = project(g, n, targets, data64);
    for (int i = 0; i < order; i++) {
        heed_grad(g, s, NULL, RANDOM_INPUTS, r.x, dx);
        s = heed_scalar(g, HEED_F64, 0);
        for (int k = 0; k < RANDOM_INPUTS; k++) {
            /* the leaf lies in `at`; its part of the direction in the same place */
            const double *d = direction + ((const double *)r.x[k]->data - at);
            heed_tensor *v = heed_input(g, HEED_F64, heed_rank(r.x[k]), r.x[k]->shape, d);
            s = heed_add(g, s, heed_sum(g, heed_mul(g, v, dx[k]), HEED_ALL, false));
        }
    }
    double value = heed_item(g, s);
    if (heed_graph_error(g)->code) fprintf(stderr, "\n    seed %llu: %s\n", (unsigned long long)seed, heed_graph_error(g)->message);
    *size = 0;
    for (int i = 0; i < n; i++) *size += (double)heed_size(targets[i]);
    heed_graph_free(g);
    return value;
}

static void gradients_agree(void)
{
    make_data();
    static double at[RANDOM_DATA + 1024], direction[RANDOM_DATA + 1024];
    heed_random random = {.seed = 5};
    for (int i = 0; i < RANDOM_DATA + 1024; i++) direction[i] = heed_random_uniform(&random) - 0.4;
    const double step = 1e-4;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double size;
        for (int order = 1; order <= 2; order++) {
            double exact = derivative(seed, order, false, data64, direction, &size), eager = derivative(seed, order, true, data64, direction, &size);
            double differences = 0, scale = 1 + fabs(exact);
            if (size > MOST) continue;
            static const double weight[] = {8, -8, -1, 1}, place[] = {1, -1, 2, -2};
            for (int k = 0; k < 4; k++) { /* fourth order */
                for (int i = 0; i < RANDOM_DATA + 1024; i++) at[i] = data64[i] + place[k] * step * direction[i];
                double f = derivative(seed, order - 1, false, at, direction, &size);
                differences += weight[k] * f / (12 * step);
                if (fabs(f) > scale) scale = fabs(f);
            }
            if (!(fabs(exact - differences) <= 1e-7 * scale))
                fprintf(stderr, "\n    seed %llu, order %d: %.12g, by differences %.12g\n", (unsigned long long)seed, order, exact, differences);
            CU_ASSERT(fabs(exact - differences) <= 1e-7 * scale);
            CU_ASSERT(fabs(exact - eager) <= 1e-10 * scale);
        }
    }
}

CHECK_MAIN("random graphs", {"fused, eager, in pieces, kept, on any number of threads", values_agree},
           {"plans are used again", plans_are_reused}, {"gradients, first and second order", gradients_agree})
