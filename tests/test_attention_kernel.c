/* Blockwise attention, forward and backward, against the formulas of attention_kernel.h in double precision. */
#include "autograd/memory.h"
#include "autograd/random.h"
#include "check.h"
#include "ops/attention_kernel.h"

#include <math.h>
#include <stdlib.h>

enum { Q, K, V, O, DO, DQ, DK, DV, ROWS };
enum { MASK = 1, ROW_MASK = 2, LENGTHS = 4, CAUSAL = 8, DROP = 16 };

typedef struct setting {
    int64_t batch, heads, queries, keys, qk_depth, v_depth;
    int options, f64;
    double scores; /* size of queries: how peaked the softmax is */
} setting;

static uint32_t state;
static double uniform(void)
{
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

static double get(const void *x, int f64, int64_t i) { return f64 ? ((const double *)x)[i] : (double)((const float *)x)[i]; }
static void put(void *x, int f64, int64_t i, double value)
{
    if (f64) ((double *)x)[i] = value;
    else ((float *)x)[i] = (float)value;
}

/* Everything of a call: values as [batch, length, heads, depth + 1] in memory, so that no two rows are adjacent. */
typedef struct problem {
    setting s;
    heed_sdpa p;
    void *memory[ROWS], *lse, *mask;
    int64_t count[ROWS], lse_count;
    int32_t *lengths;
} problem;

static int64_t length_of(const setting *s, int which) { return which == K || which == V || which == DK || which == DV ? s->keys : s->queries; }
static int64_t depth_of(const setting *s, int which) { return which == Q || which == K || which == DQ || which == DK ? s->qk_depth : s->v_depth; }

static problem set_up(setting s)
{
    problem x = {.s = s};
    size_t bytes = s.f64 ? 8 : 4;
    heed_rows rows[ROWS];
    for (int i = 0; i < ROWS; i++) {
        int64_t depth = depth_of(&s, i) + 1;
        x.count[i] = s.batch * length_of(&s, i) * s.heads * depth;
        x.memory[i] = heed_alloc((size_t)x.count[i] * bytes);
        for (int64_t e = 0; e < x.count[i]; e++) put(x.memory[i], s.f64, e, uniform() * (i == Q ? s.scores : 1));
        rows[i] = (heed_rows){x.memory[i], length_of(&s, i) * s.heads * depth, depth, s.heads * depth};
    }
    x.lse_count = s.batch * s.heads * s.queries;
    x.lse = heed_alloc((size_t)x.lse_count * bytes);
    heed_sdpa p = {.f64 = s.f64, .batch = s.batch, .heads = s.heads, .queries = s.queries, .keys = s.keys, .qk_depth = s.qk_depth,
                   .v_depth = s.v_depth, .q = rows[Q], .k = rows[K], .v = rows[V], .o = rows[O], .lse = x.lse, .d_o = rows[DO],
                   .d_q = rows[DQ], .d_k = rows[DK], .d_v = rows[DV], .scale = 0.3, .causal = (s.options & CAUSAL) != 0};
    if (s.options & (MASK | ROW_MASK)) { /* [T,S], or [B,1,1,S] with some keys hidden by -infinity */
        int64_t n = (s.options & MASK ? s.queries : s.batch) * s.keys;
        x.mask = heed_alloc((size_t)n * bytes + 1);
        for (int64_t e = 0; e < n; e++) put(x.mask, s.f64, e, e % 5 == 3 ? -INFINITY : uniform());
        p.mask = x.mask;
        p.mask_col = 1;
        *(s.options & MASK ? &p.mask_row : &p.mask_batch) = s.keys;
    }
    if (s.options & LENGTHS) {
        x.lengths = heed_alloc((size_t)s.batch * sizeof(int32_t) + 1);
        for (int64_t b = 0; b < s.batch; b++) x.lengths[b] = (int32_t)(b % 3 == 0 ? s.keys * 2 / 3 : b % 3 == 1 ? s.keys + 9 : 0);
        p.lengths = x.lengths;
    }
    if (s.options & DROP) p.dropout = 0.3, p.seed = 12345, p.stream = 67;
    x.p = p;
    return x;
}

static void tear_down(problem *x)
{
    for (int i = 0; i < ROWS; i++) heed_free(x->memory[i]);
    heed_free(x->lse);
    heed_free(x->mask);
    heed_free(x->lengths);
}

enum { FORWARDS, BACKWARDS, INTERLEAVED };

/* Runs all tasks in some order; what follows the buffers must stay as it is. */
static void run(const heed_sdpa *p, int order)
{
    char *buffer[3];
    size_t size[3] = {p->shared, p->scratch, p->scratch};
    int spoilt = 0;
    for (int i = 0; i < 3; i++) {
        buffer[i] = heed_alloc(size[i] + 64);
        memset(buffer[i], 0xff, size[i]); /* NaN: nothing may be read that was not written */
        memset(buffer[i] + size[i], 0x5a, 64);
    }
    for (int phase = 0; phase < p->phases; phase++) {
        int64_t tasks = heed_sdpa_tasks(p, phase);
        for (int64_t t = 0; t < tasks; t++) {
            int64_t half = (tasks + 1) / 2, task = order == FORWARDS ? t : order == BACKWARDS ? tasks - 1 - t : t % 2 * half + t / 2;
            heed_sdpa_task(p, phase, task, buffer[0], buffer[order == INTERLEAVED ? 1 + t % 2 : 1]);
        }
    }
    for (int i = 0; i < 3; i++) {
        for (int g = 0; g < 64; g++) spoilt += buffer[i][size[i] + (size_t)g] != 0x5a;
        heed_free(buffer[i]);
    }
    CU_ASSERT_EQUAL(spoilt, 0);
}

static int64_t index_of(const problem *x, int which, int64_t b, int64_t h, int64_t t)
{
    int64_t depth = depth_of(&x->s, which) + 1;
    return ((b * length_of(&x->s, which) + t) * x->s.heads + h) * depth;
}

/* The formulas, literally: want[] has the layout of memory[]. */
static void define(const problem *x, double *want[ROWS], double *lse)
{
    const setting *s = &x->s;
    const heed_sdpa *p = &x->p;
    int64_t T = s->queries, S = s->keys;
    double *w = heed_alloc((size_t)(S + 1) * 8), *drop = heed_alloc((size_t)(S + 1) * 8), *d_w = heed_alloc((size_t)(S + 1) * 8);
#define AT(which, t, d) get(x->memory[which], s->f64, index_of(x, which, b, h, t) + (d))
#define WANT(which, t, d) want[which][index_of(x, which, b, h, t) + (d)]
    for (int64_t b = 0; b < s->batch; b++)
        for (int64_t h = 0; h < s->heads; h++)
            for (int64_t i = 0; i < T; i++) {
                double best = -INFINITY, sum = 0, dot = 0;
                for (int64_t j = 0; j < S; j++) {
                    w[j] = 0;
                    for (int64_t d = 0; d < s->qk_depth; d++) w[j] += AT(Q, i, d) * AT(K, j, d);
                    w[j] *= p->scale;
                    if (p->mask) w[j] += get(p->mask, s->f64, b * p->mask_batch + i * p->mask_row + j);
                    if ((p->lengths && j >= p->lengths[b]) || (p->causal && j > i + S - T)) w[j] = -INFINITY;
                    best = fmax(best, w[j]);
                    uint32_t word;
                    uint64_t row = (uint64_t)((b * s->heads + h) * T + i), width = (uint64_t)(S + 3) / 4 * 4;
                    heed_random_words(p->seed, p->stream, row * width + (uint64_t)j, 1, &word);
                    drop[j] = p->dropout > 0 ? ((double)word >= floor(p->dropout * 0x1p32) ? 1 / (1 - p->dropout) : 0) : 1;
                }
                for (int64_t j = 0; j < S; j++) {
                    w[j] = best > -INFINITY ? exp(w[j] - best) : 0;
                    sum += w[j];
                }
                lse[(b * s->heads + h) * T + i] = best + log(sum > 0 ? sum : 1);
                for (int64_t j = 0; j < S; j++) w[j] /= sum > 0 ? sum : 1;
                for (int64_t j = 0; j < S; j++)
                    for (int64_t d = 0; d < s->v_depth; d++) WANT(O, i, d) += w[j] * drop[j] * AT(V, j, d);
                for (int64_t j = 0; j < S; j++) {
                    d_w[j] = 0;
                    for (int64_t d = 0; d < s->v_depth; d++) {
                        d_w[j] += AT(DO, i, d) * AT(V, j, d) * drop[j];
                        WANT(DV, j, d) += w[j] * drop[j] * AT(DO, i, d);
                    }
                    dot += w[j] * d_w[j];
                }
                for (int64_t j = 0; j < S; j++)
                    for (int64_t d = 0; d < s->qk_depth; d++) {
                        WANT(DQ, i, d) += p->scale * w[j] * (d_w[j] - dot) * AT(K, j, d);
                        WANT(DK, j, d) += p->scale * w[j] * (d_w[j] - dot) * AT(Q, i, d);
                    }
            }
    heed_free(w);
    heed_free(drop);
    heed_free(d_w);
}

static void check(setting s)
{
    problem x = set_up(s);
    double *want[ROWS], *want_lse = heed_calloc((size_t)x.lse_count + 1, 8);
    size_t bytes = s.f64 ? 8 : 4;
    void *before[ROWS], *first[ROWS];
    for (int i = 0; i < ROWS; i++) {
        want[i] = heed_calloc((size_t)x.count[i] + 1, 8);
        before[i] = heed_alloc((size_t)x.count[i] * bytes);
        first[i] = heed_alloc((size_t)x.count[i] * bytes);
        memcpy(before[i], x.memory[i], (size_t)x.count[i] * bytes);
    }
    define(&x, want, want_lse);
    for (int isa = 0; isa <= (int)heed_isa_now(); isa++) {
        int wrong[ROWS + 1] = {0}, unlike = 0, spoilt = 0, all = 0;
        for (int order = FORWARDS; order <= INTERLEAVED; order++) {
            for (int i = O; i < ROWS; i++) memcpy(x.memory[i], before[i], (size_t)x.count[i] * bytes);
            for (int backward = 0; backward < 2; backward++) {
                heed_sdpa_prepare_isa(&x.p, backward, (heed_isa)isa);
                run(&x.p, order);
            }
            for (int i = 0; i < ROWS; i++) {
                if (order == FORWARDS) memcpy(first[i], x.memory[i], (size_t)x.count[i] * bytes);
                unlike += memcmp(first[i], x.memory[i], (size_t)x.count[i] * bytes) != 0;
            }
        }
        double relative = s.f64 ? 1e-11 : 4e-6 * (1 + s.scores);
        for (int i = O; i < ROWS; i++) {
            int64_t depth = depth_of(&s, i);
            double size = 0;
            for (int64_t e = 0; e < x.count[i]; e++) size = fmax(size, fabs(want[i][e]));
            for (int64_t e = 0; i != DO && e < x.count[i]; e++) {
                double got = get(x.memory[i], s.f64, e);
                if (e % (depth + 1) == depth) spoilt += got != get(before[i], s.f64, e); /* between rows */
                else wrong[i] += !(fabs(got - want[i][e]) <= relative * (size + 1));
            }
        }
        for (int64_t e = 0; e < x.lse_count; e++) {
            double got = get(x.lse, s.f64, e);
            wrong[ROWS] += want_lse[e] == -INFINITY ? got != want_lse[e] : !(fabs(got - want_lse[e]) <= relative * (1 + fabs(want_lse[e])));
        }
        for (int i = 0; i <= ROWS; i++) all += wrong[i];
        if (all + unlike + spoilt)
            fprintf(stderr, "\n    B %lld h %lld T %lld S %lld dk %lld dv %lld options %d f64 %d %s: o %d dq %d dk %d dv %d lse %d unlike %d spoilt %d\n",
                    (long long)s.batch, (long long)s.heads, (long long)s.queries, (long long)s.keys, (long long)s.qk_depth,
                    (long long)s.v_depth, s.options, s.f64, heed_isa_name((heed_isa)isa), wrong[O], wrong[DQ], wrong[DK], wrong[DV],
                    wrong[ROWS], unlike, spoilt);
        CU_ASSERT_EQUAL(all + unlike + spoilt, 0);
    }
    for (int i = 0; i < ROWS; i++) {
        heed_free(want[i]);
        heed_free(before[i]);
        heed_free(first[i]);
    }
    heed_free(want_lse);
    tear_down(&x);
}

static void every_option(void)
{
    state = 1;
    for (int options = 0; options < 32; options++)
        for (int f64 = 0; f64 < 2; f64++) {
            if ((options & MASK) && (options & ROW_MASK)) continue;
            check((setting){3, 2, 19, 37, 24, 17, options, f64, 1});
            check((setting){3, 2, 37, 19, 16, 32, options, f64, 3});
            check((setting){1, 1, 33, 33, 64, 64, options, f64, 1});
            for (int64_t few = 3; few <= 7; few++) check((setting){2, 2, few, 29, 64, 48, options, f64, 1}); /* keys of long rows */
        }
}

static void odd_sizes(void)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 13, 14, 15, 16, 17, 28, 29, 31, 32, 33, 48, 49, 63, 64, 65};
    state = 2;
    for (int round = 0; round < 150; round++) {
        int64_t n[4];
        for (int i = 0; i < 4; i++) n[i] = sizes[(int)((uniform() + 1) * 10.99)];
        check((setting){1 + round % 2, 1 + round % 3, n[0], n[1], n[2], n[3], round % 32 & ~MASK, round % 4 == 3, 1});
    }
}

static void several_blocks(void)
{
    state = 3;
    for (int options = 0; options < 32; options += 4) check((setting){1, 1, 290, 530, 8, 9, options, options % 8 == 4, 1});
    check((setting){1, 2, 530, 290, 16, 16, CAUSAL, 0, 10});
    check((setting){1, 1, 300, 300, 16, 16, CAUSAL | MASK, 0, 1});
    check((setting){1, 1, 40, 520, 16, 16, CAUSAL | MASK, 0, 1});
    check((setting){2, 1, 3, 600, 32, 32, LENGTHS, 0, 30});
}

static void nothing(void)
{
    state = 4;
    for (int zero = 1; zero < 64; zero++)
        check((setting){zero & 1 ? 0 : 2, zero & 2 ? 0 : 2, zero & 4 ? 0 : 5, zero & 8 ? 0 : 6, zero & 16 ? 0 : 7, zero & 32 ? 0 : 8,
                        zero % 5 ? 0 : CAUSAL | LENGTHS, zero % 2, 1});
}

/* Gradients not asked for are neither computed nor missed by the others. */
static void some_gradients(void)
{
    for (int wanted = 0; wanted < 8; wanted++) {
        state = 5;
        problem x = set_up((setting){2, 2, 40, 300, 16, 16, CAUSAL, 0, 1});
        state = 5;
        problem y = set_up(x.s);
        heed_sdpa_prepare(&x.p, 0);
        run(&x.p, FORWARDS);
        heed_sdpa_prepare(&x.p, 1);
        run(&x.p, FORWARDS);
        if (!(wanted & 1)) y.p.d_q.at = NULL;
        if (!(wanted & 2)) y.p.d_k.at = NULL;
        if (!(wanted & 4)) y.p.d_v.at = NULL;
        heed_sdpa_prepare(&y.p, 0);
        run(&y.p, FORWARDS);
        heed_sdpa_prepare(&y.p, 1);
        run(&y.p, FORWARDS);
        for (int i = 0; i < 3; i++)
            if (wanted >> i & 1) CU_ASSERT(!memcmp(x.memory[DQ + i], y.memory[DQ + i], (size_t)x.count[DQ + i] * 4));
        tear_down(&x);
        tear_down(&y);
    }
}

/* A NaN query spoils its own row alone; values of hidden keys do not matter; all weights may be dropped. */
static void not_a_number(void)
{
    for (int isa = 0; isa <= (int)heed_isa_now(); isa++) {
        state = 6;
        problem x = set_up((setting){1, 1, 20, 20, 16, 16, LENGTHS, 0, 1});
        for (int64_t j = 13; j < 20; j++) ((float *)x.memory[V])[index_of(&x, V, 0, 0, j)] = NAN;
        ((float *)x.memory[Q])[index_of(&x, Q, 0, 0, 7)] = NAN;
        heed_sdpa_prepare_isa(&x.p, 0, (heed_isa)isa);
        run(&x.p, FORWARDS);
        for (int64_t t = 0; t < 20; t++)
            for (int64_t d = 0; d < 16; d++) CU_ASSERT_EQUAL(!!isnan(((float *)x.memory[O])[index_of(&x, O, 0, 0, t) + d]), t == 7);
        x.p.dropout = 1;
        ((float *)x.memory[Q])[index_of(&x, Q, 0, 0, 7)] = 0;
        for (int backward = 0; backward < 2; backward++) {
            heed_sdpa_prepare_isa(&x.p, backward, (heed_isa)isa);
            run(&x.p, FORWARDS);
        }
        for (int which = O; which < ROWS; which++)
            for (int64_t t = 0; which != DO && t < 13; t++) CU_ASSERT_EQUAL(((float *)x.memory[which])[index_of(&x, which, 0, 0, t)], 0);
        tear_down(&x);
    }
}

CHECK_MAIN("attention kernel", {"every option", every_option}, {"odd sizes", odd_sizes}, {"several blocks", several_blocks},
           {"nothing to do", nothing}, {"some gradients", some_gradients}, {"NaN and dropping everything", not_a_number})
