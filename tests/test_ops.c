/* Every op by its cases (op_cases.h): gradients, strides, eager mode, float32, and the same bits for any number of threads. */
#include "autograd/gradcheck.h"
#include "autograd/memory.h"
#include "autograd/node.h"
#include "autograd/random.h"
#include "check.h"
#include "op_cases.h"

#include <math.h>

#define DECLARE_CASES(name) extern const op_case_list heed_cases_##name;
HEED_OPS(DECLARE_CASES)

OP_FORMULAS(DECLARE_CASES)

#define TABLE_ROW(name) {#name, &heed_op_##name, &heed_cases_##name},
#define FORMULA_ROW(name) {#name, NULL, &heed_cases_##name},
static const struct { const char *name; const heed_op *op; const op_case_list *list; } table[] = {HEED_OPS(TABLE_ROW) OP_FORMULAS(FORMULA_ROW)};
enum { OPS = sizeof table / sizeof *table, MOST_INPUTS = 8, LARGE = 20000 };

/* --- data ---------------------------------------------------------------------------------------------------------------------- */

static int input_count(const op_case *c)
{
    int n = 0;
    while (n < MOST_INPUTS && c->x[n].used) n++;
    return n;
}

static int64_t input_size(const op_input *x)
{
    int64_t n = 1;
    for (int i = 0; i < x->rank; i++) n *= x->shape[i];
    return n;
}

/* Reals: one in the middle part of each of n equal pieces of the range, in random order. */
static void *make_input(const op_input *x, heed_dtype real, uint64_t stream)
{
    int64_t n = input_size(x);
    heed_dtype dtype = x->dtype == HEED_F64 ? real : x->dtype;
    heed_random random = {.seed = 6, .stream = stream};
    char *data = heed_calloc((size_t)n + 1, heed_dtype_size(dtype));
    int64_t *order = heed_alloc((size_t)n * sizeof *order);
    for (int64_t i = 0; i < n; i++) order[i] = i;
    heed_shuffle(&random, n, order);
    for (int64_t i = 0; i < n; i++) {
        double value = x->low + (x->high - x->low) * ((double)order[i] + 0.3 + 0.4 * heed_random_uniform(&random)) / (double)n;
        if (fabs(value) < x->gap) value = value < 0 ? value - x->gap : value + x->gap;
        int64_t whole = (int64_t)x->low + (int64_t)heed_random_below(&random, (uint64_t)(x->high - x->low));
        switch (dtype) {
        case HEED_F32: ((float *)(void *)data)[i] = (float)value; break;
        case HEED_F64: ((double *)(void *)data)[i] = value; break;
        case HEED_I32: ((int32_t *)(void *)data)[i] = (int32_t)whole; break;
        default: ((uint8_t *)data)[i] = (uint8_t)whole;
        }
    }
    heed_free(order);
    return data;
}

static heed_tensor *build(heed_graph *g, heed_tensor *const *x, void *context)
{
    const op_case *c = context;
    return c->build ? c->build(g, x, c) : c->unary ? c->unary(g, x[0]) : c->binary(g, x[0], x[1]);
}

/* --- the same bits for any number of threads ---------------------------------------------------------------------------------- */

typedef struct bits { unsigned char *p; size_t size, capacity; } bits;

static void keep_bits(bits *b, heed_graph *g, heed_tensor *t)
{
    const void *data = heed_data(g, t);
    size_t size = (size_t)heed_size(t) * heed_dtype_size(heed_dtype_of(t));
    if (!data || !heed_grow((void **)&b->p, &b->capacity, b->size + size + 1, 1)) return;
    memcpy(b->p + b->size, data, size);
    b->size += size;
}

/* The result and its gradients; whether the op was recorded, and the largest tensor's size. */
static bool run_on(heed_graph *g, const char *name, const heed_op *op, const op_case *c, heed_dtype real, void *const *data, bits *b, bool *found, int64_t *largest)
{
    heed_tensor *x[MOST_INPUTS], *reals[MOST_INPUTS], *dx[MOST_INPUTS];
    int n = input_count(c), count = 0;
    heed_graph_training(g, c->training);
    for (int i = 0; i < n; i++) {
        x[i] = heed_input(g, c->x[i].dtype == HEED_F64 ? real : c->x[i].dtype, c->x[i].rank, c->x[i].shape, data[i]);
        if (c->x[i].dtype == HEED_F64) reals[count++] = x[i];
    }
    heed_tensor *y = build(g, x, (void *)(uintptr_t)c);
    if (heed_dtype_of(y) <= HEED_F64 && !c->values_only) {
        heed_tensor *weight = heed_input(g, heed_dtype_of(y), heed_rank(y), heed_graph_error(g)->code ? NULL : y->shape, data[n]);
        heed_grad(g, y, heed_size(y) <= LARGE * 8 ? weight : NULL, count, reals, dx);
        heed_tensor *all[MOST_INPUTS + 1] = {y};
        for (int i = 0; i < count; i++) all[i + 1] = dx[i];
        heed_run(g, count + 1, all);
        for (int i = 0; i < count; i++) keep_bits(b, g, dx[i]);
    }
    keep_bits(b, g, y);
    for (size_t i = 0; i < g->count; i++) {
        *found |= !op || g->tape[i]->op == op;
        if (g->tape[i]->size > *largest) *largest = g->tape[i]->size;
    }
    bool ok = !heed_graph_error(g)->code;
    if (!ok) fprintf(stderr, "\n    %s, %s: %s\n", name, c->label, heed_graph_error(g)->message);
    return ok;
}

static bool run_case(const char *name, const heed_op *op, const op_case *c, heed_dtype real, void *const *data, int threads, bits *b, bool *found, int64_t *largest)
{
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, threads);
    bool ok = run_on(g, name, op, c, real, data, b, found, largest);
    heed_graph_free(g);
    return ok;
}

/* --- taken over from a graph before ----------------------------------------------------------------------------------------------- */

/* What functions called next find on the stack. */
static __attribute__((noinline)) void scribble(int byte)
{
    unsigned char stack[1 << 14];
    memset(stack, byte, sizeof stack);
    __asm__ volatile("" : : "r"(stack) : "memory");
}

/* The derivative that a graph before recorded gives the same bits; and it is known again: there are no bytes between an attribute's members. */
static void check_again(const char *name, const heed_op *op, const op_case *c, void *const weight[2], bool *found, int64_t *largest)
{
    void *data[MOST_INPUTS + 1];
    int n = input_count(c);
    for (int i = 0; i < n; i++) data[i] = make_input(&c->x[i], HEED_F64, (uint64_t)i);
    data[n] = weight[HEED_F64];
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, 1);
    bits first = {0}, again = {0};
    CU_ASSERT(run_on(g, name, op, c, HEED_F64, data, &first, found, largest));
    for (int turn = 0; turn < 3; turn++) {
        const uint64_t content = g->content, hash = g->hash;
        heed_graph_reset(g);
        again.size = 0;
        scribble(turn % 2 ? 0 : 255);
        CU_ASSERT(run_on(g, name, op, c, HEED_F64, data, &again, found, largest));
        bool same = first.size == again.size && !memcmp(first.p, again.p, first.size) && hash == g->hash;
        if (!same || content != g->content) fprintf(stderr, "\n    %s, %s: another %s the next time\n", name, c->label, same ? "content" : "graph");
        CU_ASSERT(same && content == g->content);
    }
    heed_graph_free(g);
    heed_free(first.p);
    heed_free(again.p);
    for (int i = 0; i < n; i++) heed_free(data[i]);
}

static void check_threads(const char *name, const heed_op *op, const op_case *c, void *const weight[2], bool *found, int64_t *largest)
{
    static const int threads[] = {2, 3, 4, 8};
    int n = input_count(c);
    for (heed_dtype real = HEED_F32; real <= HEED_F64; real++) {
        void *data[MOST_INPUTS + 1];
        for (int i = 0; i < n; i++) data[i] = make_input(&c->x[i], real, (uint64_t)i);
        data[n] = weight[real];
        bits one = {0};
        CU_ASSERT(run_case(name, op, c, real, data, 1, &one, found, largest));
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            bits other = {0};
            CU_ASSERT(run_case(name, op, c, real, data, threads[k], &other, found, largest));
            bool same = one.size == other.size && !memcmp(one.p, other.p, one.size);
            if (!same) fprintf(stderr, "\n    %s, %s: other bits with %d threads in %s\n", name, c->label, threads[k], heed_dtype_name(real));
            CU_ASSERT(same);
            heed_free(other.p);
        }
        heed_free(one.p);
        for (int i = 0; i < n; i++) heed_free(data[i]);
    }
}

/* --- gradients ---------------------------------------------------------------------------------------------------------------------- */

static bool has_real_result(const op_case *c, const heed_gradcheck_input *in, int n)
{
    heed_graph *g = heed_graph_new();
    heed_tensor *x[MOST_INPUTS];
    for (int i = 0; i < n; i++) x[i] = heed_input(g, in[i].dtype, in[i].rank, in[i].shape, in[i].data);
    bool real = heed_dtype_of(build(g, x, (void *)(uintptr_t)c)) == HEED_F64;
    heed_graph_free(g);
    return real;
}

static heed_gradcheck_report check_gradients(const char *name, const heed_op *op, const op_case *c)
{
    heed_gradcheck_input in[MOST_INPUTS];
    int n = input_count(c);
    for (int i = 0; i < n; i++) {
        in[i] = (heed_gradcheck_input){c->x[i].dtype, c->x[i].rank, {0}, make_input(&c->x[i], HEED_F64, (uint64_t)i)};
        memcpy(in[i].shape, c->x[i].shape, sizeof in[i].shape);
    }
    heed_gradcheck_options o = {.second = c->second || !op || op->flags & HEED_SMOOTH, .training = c->training};
    o.values_only = c->values_only || !has_real_result(c, in, n);
    heed_gradcheck_report r = heed_gradcheck(build, (void *)(uintptr_t)c, n, in, &o);
    if (!r.ok) fprintf(stderr, "\n    %s, %s: %s\n", name, c->label, r.message);
    CU_ASSERT(r.ok);
    for (int i = 0; i < n; i++) heed_free((void *)(uintptr_t)in[i].data);
    return r;
}

static void every_op(void)
{
    const op_input weight = {true, HEED_F64, -1, 1.5, 0, 1, {LARGE * 8}};
    void *weights[] = {make_input(&weight, HEED_F32, 99), make_input(&weight, HEED_F64, 99)};
    printf("\n    %-24s %5s %9s %11s %11s\n", "op", "cases", "numbers", "first", "second");
    for (int i = 0; i < OPS; i++) {
        const heed_op *op = table[i].op;
        const char *name = table[i].name;
        double first = 0, second = 0;
        int64_t numbers = 0, largest = 0;
        bool found = false;
        for (size_t k = 0; k < table[i].list->count; k++) {
            const op_case *c = &table[i].list->cases[k];
            check_threads(name, op, c, weights, &found, &largest);
            if (c->large) continue;
            check_again(name, op, c, weights, &found, &largest);
            heed_gradcheck_report r = check_gradients(name, op, c);
            first = fmax(first, r.first);
            second = fmax(second, r.second);
            numbers += r.count;
        }
        if (!found) fprintf(stderr, "\n    %s: no case records this op\n", name);
        if (largest < LARGE) fprintf(stderr, "\n    %s: no case is large enough for several threads\n", name);
        CU_ASSERT(found && largest >= LARGE);
        printf("    %-24s %5zu %9lld %11.1e %11.1e\n", name, table[i].list->count, (long long)numbers, first, second);
    }
    heed_free(weights[0]);
    heed_free(weights[1]);
}

CHECK_MAIN("ops", {"every op, by its cases", every_op})
