/* The matrix product against its definition, summed in double precision: layouts, edges of tiles, batches, epilogue, task order. */
#include "autograd/memory.h"
#include "check.h"
#include "ops/gemm.h"

#include <math.h>
#include <stdlib.h>

static uint32_t state;
static int64_t below(int64_t n)
{
    state = state * 1664525u + 1013904223u;
    return (int64_t)(state >> 8) % n;
}

/* Memory whose every element is random; [lowest, highest] are the element indices in use, so strides may be negative. */
typedef struct matrix { void *memory, *at; } matrix;

static double get(const void *x, int f64, int64_t i) { return f64 ? ((const double *)x)[i] : (double)((const float *)x)[i]; }

static matrix random_matrix(int f64, int rank, const int64_t *size, const int64_t *stride)
{
    int64_t lowest = 0, highest = 0, bytes = f64 ? 8 : 4;
    for (int d = 0; d < rank; d++) *(stride[d] < 0 ? &lowest : &highest) += size[d] > 0 ? (size[d] - 1) * stride[d] : 0;
    int64_t count = highest - lowest + 1;
    char *memory = heed_alloc((size_t)(count * bytes));
    for (int64_t i = 0; i < count; i++) {
        double x = (double)below(2001) / 1000 - 1;
        if (f64) ((double *)(void *)memory)[i] = x;
        else ((float *)(void *)memory)[i] = (float)x;
    }
    return (matrix){memory, memory - lowest * bytes};
}

typedef struct seen { int64_t m, n; unsigned char *count; const heed_gemm *p; void *values; int wrong; } seen;

/* Every element is final once; what the epilogue sees is what C holds at the end. */
static void note(void *context, int64_t batch, int64_t row, int64_t rows, int64_t col, int64_t cols, void *c, int64_t c_stride)
{
    seen *s = context;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            int64_t at = (batch * s->m + row + i) * s->n + col + j;
            s->count[at]++;
            ((double *)s->values)[at] = get(c, s->p->f64, i * c_stride + j);
        }
}

enum { FORWARDS, BACKWARDS, INTERLEAVED };

static void run(const heed_gemm *p, int order)
{
    char *buffer[3]; /* shared, two scratches; what follows them must stay as it is */
    size_t size[3] = {p->shared, p->scratch, p->scratch};
    int spoilt = 0;
    for (int i = 0; i < 3; i++) {
        buffer[i] = heed_alloc(size[i] + 64);
        memset(buffer[i] + size[i], 0x5a, 64);
    }
    for (int phase = 0; phase < p->phases; phase++) {
        int64_t tasks = heed_gemm_tasks(p, phase);
        for (int64_t t = 0; t < tasks; t++) {
            int64_t half = (tasks + 1) / 2, task = order == FORWARDS ? t : order == BACKWARDS ? tasks - 1 - t : t % 2 * half + t / 2;
            heed_gemm_task(p, phase, task, buffer[0], buffer[order == INTERLEAVED ? 1 + t % 2 : 1]);
        }
    }
    for (int i = 0; i < 3; i++) {
        for (int g = 0; g < 64; g++) spoilt += buffer[i][size[i] + (size_t)g] != 0x5a;
        heed_free(buffer[i]);
    }
    CU_ASSERT_EQUAL(spoilt, 0);
}

static int64_t offset(const heed_gemm *p, const int64_t *stride, int64_t b)
{
    int64_t at = 0;
    for (int d = p->batch_rank; d-- > 0; b /= p->batch[d]) at += b % p->batch[d] * stride[d];
    return at;
}

/* Number of wrong elements; of a big product a sample is looked at. */
static int compare(const heed_gemm *p, const void *before, int64_t batches)
{
    int wrong = 0;
    int64_t all = batches * p->m * p->n, step = all * p->k > 2000000 ? all / 1500 + 1 : 1;
    for (int64_t e = 0; e < all; e += step) {
        int64_t b = e / (p->m * p->n), i = e / p->n % p->m, j = e % p->n;
        int64_t a0 = offset(p, p->a_batch, b) + i * p->a_row, b0 = offset(p, p->b_batch, b) + j * p->b_col;
        int64_t c0 = offset(p, p->c_batch, b) + i * p->c_row + j;
        double sum = 0, size = 0, old = p->accumulate ? get(before, p->f64, c0) : 0, got = get(p->c, p->f64, c0);
        for (int64_t q = 0; q < p->k; q++) {
            double x = get(p->a, p->f64, a0 + q * p->a_col) * get(p->b, p->f64, b0 + q * p->b_row);
            sum += x;
            size += fabs(x);
        }
        double want = old + p->alpha * sum, bound = (p->f64 ? 3e-16 : 1.2e-7) * (double)(p->k + 4) * (fabs(p->alpha) * size + fabs(old));
        wrong += !(fabs(got - want) <= bound);
    }
    return wrong;
}

/* The same product with B packed in advance, in two parts. */
static int packed(heed_gemm p, const matrix *b, const void *before, size_t bytes, const void *first, heed_isa isa)
{
    if (p.k == 0 || p.n == 0) return 0;
    int64_t element = p.f64 ? 8 : 4, width = (isa == HEED_AVX512 ? 128 : isa == HEED_AVX2 ? 64 : 32) / element;
    int64_t padded = (p.n + width - 1) / width * width, half = padded / width / 2 * width;
    char *panels = heed_alloc((size_t)(padded * p.k * element));
    heed_gemm_pack_isa(panels, p.f64, p.k, half, b->at, p.b_row, p.b_col, isa);
    heed_gemm_pack_isa(panels + half * p.k * element, p.f64, p.k, p.n - half, (char *)b->at + half * p.b_col * element, p.b_row, p.b_col, isa);
    heed_gemm q = p;
    q.packed = 1, q.b = panels, q.b_row = q.b_col = -1000, q.done = NULL;
    heed_gemm_prepare_isa(&q, isa);
    memcpy(p.c, before, bytes);
    run(&q, FORWARDS);
    q.b = b->at, q.b_row = p.b_row, q.b_col = p.b_col; /* for `compare` */
    int wrong = compare(&q, first, 1);
    heed_free(panels);
    return wrong;
}

/* Runs `p` (shapes, strides, flags given) on random operands, on every path of this CPU, in three orders. */
static void check(heed_gemm p)
{
    int64_t batches = 1, size[HEED_GEMM_BATCH_RANK + 2], stride[3][HEED_GEMM_BATCH_RANK + 2];
    int r = p.batch_rank;
    for (int d = 0; d < r; d++) {
        size[d] = p.batch[d];
        batches *= size[d];
        stride[0][d] = p.a_batch[d], stride[1][d] = p.b_batch[d], stride[2][d] = p.c_batch[d];
    }
    stride[0][r] = p.a_row, stride[0][r + 1] = p.a_col, stride[1][r] = p.b_row, stride[1][r + 1] = p.b_col;
    stride[2][r] = p.c_row, stride[2][r + 1] = 1;
    size[r] = p.m, size[r + 1] = p.k;
    matrix a = random_matrix(p.f64, r + 2, size, stride[0]);
    size[r] = p.k, size[r + 1] = p.n;
    matrix b = random_matrix(p.f64, r + 2, size, stride[1]);
    size[r] = p.m, size[r + 1] = p.n;
    matrix before = random_matrix(p.f64, r + 2, size, stride[2]), c = random_matrix(p.f64, r + 2, size, stride[2]);
    size_t bytes = p.f64 ? 8 : 4, count = 1, elements = (size_t)(batches * p.m * p.n);
    for (int d = 0; d < r + 2; d++) count += size[d] > 0 ? (size_t)((size[d] - 1) * stride[2][d]) : 0;
    void *first = heed_alloc(count * bytes);
    p.a = a.at, p.b = b.at, p.c = c.at;
    for (int isa = 0; isa <= (int)heed_isa_now(); isa++) {
        int wrong = 0;
        for (int order = FORWARDS; order <= INTERLEAVED; order++) {
            seen s = {p.m, p.n, heed_calloc(elements + 1, 1), &p, heed_calloc(elements + 1, 8), 0};
            memcpy(c.memory, before.memory, count * bytes);
            p.done = order == INTERLEAVED ? NULL : note, p.context = &s;
            heed_gemm_prepare_isa(&p, (heed_isa)isa);
            run(&p, order);
            if (order == FORWARDS) {
                wrong += compare(&p, before.at, batches);
                memcpy(first, c.memory, count * bytes);
            }
            wrong += memcmp(first, c.memory, count * bytes) != 0;
            for (size_t e = 0; p.done && e < elements; e++) {
                int64_t at = offset(&p, p.c_batch, (int64_t)e / (p.m * p.n)) + (int64_t)e / p.n % p.m * p.c_row + (int64_t)e % p.n;
                wrong += s.count[e] != 1 || ((double *)s.values)[e] != get(p.c, p.f64, at);
            }
            heed_free(s.count);
            heed_free(s.values);
        }
        if (!r) wrong += packed(p, &b, before.memory, count * bytes, before.at, (heed_isa)isa);
        if (wrong)
            fprintf(stderr, "\n    %lld x %lld x %lld, A %lld %lld, B %lld %lld, batches %lld, f64 %d, accumulate %d, %s: %d wrong\n",
                    (long long)p.m, (long long)p.n, (long long)p.k, (long long)p.a_row, (long long)p.a_col, (long long)p.b_row,
                    (long long)p.b_col, (long long)batches, p.f64, p.accumulate, heed_isa_name((heed_isa)isa), wrong);
        CU_ASSERT_EQUAL(wrong, 0);
    }
    heed_free(a.memory);
    heed_free(b.memory);
    heed_free(before.memory);
    heed_free(c.memory);
    heed_free(first);
}

/* layout: "NN" and so on; G is general strides, R reversed rows, Z all rows the same */
static heed_gemm product(int64_t m, int64_t n, int64_t k, const char *layout)
{
    heed_gemm p = {.m = m, .n = n, .k = k, .c_row = n + 3, .alpha = 1};
    for (int which = 0; which < 2; which++) {
        int64_t rows = which ? k : m, cols = which ? n : k, row, col;
        switch (layout[which]) {
        case 'N': row = cols + 1, col = 1; break;
        case 'T': row = 1, col = rows + 2; break;
        case 'G': row = 2 * cols + 3, col = 2; break;
        case 'R': row = -cols, col = 1; break;
        default: row = 0, col = 1; break;
        }
        if (which) p.b_row = row, p.b_col = col;
        else p.a_row = row, p.a_col = col;
    }
    return p;
}

static const char *const layouts[] = {"NN", "NT", "TN", "TT", "GN", "NG", "RR", "ZN", "NZ", "TZ", "GT"};

static void edges(void)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 28, 29, 31, 32, 33, 47, 64, 65, 100};
    const int64_t count = sizeof sizes / sizeof *sizes;
    state = 1;
    for (int round = 0; round < 400; round++) {
        heed_gemm p = product(sizes[below(count)], sizes[below(count)], sizes[below(count)], layouts[below(11)]);
        p.f64 = below(3) == 0;
        p.accumulate = (int)below(2);
        p.alpha = below(2) ? 1 : -0.75;
        check(p);
    }
}

static void few_rows(void)
{
    state = 2;
    for (int64_t m = 1; m <= 9; m++)
        for (int l = 0; l < 11; l++) {
            heed_gemm p = product(m, 1 + below(700), 1 + below(200), layouts[l]);
            p.accumulate = l % 2;
            p.f64 = (m + l) % 4 == 0;
            check(p);
        }
}

static void big(void)
{
    state = 3;
    for (int l = 0; l < 4; l++) {
        heed_gemm p = product(201 + l, 233, 301, layouts[l]);
        p.accumulate = l % 2;
        p.alpha = 0.5;
        check(p);
        p.f64 = 1;
        check(p);
    }
    check(product(129, 1031, 2101, "NN")); /* more than one chunk of k */
    check(product(140, 4200, 513, "NT"));  /* more than one chunk of columns */
    check(product(2100, 33, 2050, "TN"));  /* A too big to share */
    check(product(150, 140, 4096, "NN"));
    for (int64_t m = 200; m < 232; m += 3) check(product(m, 300, 600, m % 2 ? "TN" : "NN")); /* last tiles of all heights, k in stretches */
}

static void collisions(void) /* rows of A a multiple of 4 KiB apart */
{
    state = 4;
    heed_gemm p = product(33, 70, 50, "NN");
    p.a_row = 1024;
    check(p);
    p.f64 = 1;
    check(p);
}

static void batches(void)
{
    state = 5;
    for (int l = 0; l < 4; l++) { /* [B,T,h,d] seen as [B,h,T,d], B operand broadcast over one axis */
        int64_t heads = 3, m = 7 + 10 * l, n = 19, k = 16;
        heed_gemm p = {.m = m, .n = n, .k = k, .a_row = heads * k, .a_col = 1, .b_row = 1, .b_col = heads * k, .c_row = n, .alpha = 0.25,
                       .batch_rank = 3, .batch = {2, 5, heads}, .a_batch = {5 * m * heads * k, m * heads * k, k},
                       .b_batch = {0, n * heads * k, k}, .c_batch = {5 * heads * m * n, heads * m * n, m * n}, .accumulate = l % 2};
        check(p);
        p.f64 = 1;
        check(p);
        p.f64 = 0, p.m = 1 + l;
        check(p);
        p.b_row = heads * k, p.b_col = 1, p.n = 16, p.k = 19, p.a_row = 19 * heads;
        check(p);
    }
    heed_gemm p = product(150, 200, 170, "NT");
    p.batch_rank = 1, p.batch[0] = 5, p.a_batch[0] = 200 * 180, p.b_batch[0] = 0, p.c_batch[0] = 150 * 210;
    check(p);
    p = product(140, 1100, 1000, "NN"); /* several groups of matrices */
    p.batch_rank = 1, p.batch[0] = 3, p.a_batch[0] = 7, p.b_batch[0] = 11, p.c_batch[0] = 140 * p.c_row;
    check(p);
}

static void nothing(void)
{
    state = 6;
    for (int zero = 0; zero < 8; zero++)
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            heed_gemm p = product(zero & 1 ? 0 : 20, zero & 2 ? 0 : 30, zero & 4 ? 0 : 10, "NN");
            p.accumulate = accumulate;
            check(p);
            p.m = p.m ? 3 : 0;
            check(p);
        }
    heed_gemm p = product(3, 4, 5, "NN");
    p.batch_rank = 2, p.batch[0] = 4;
    heed_gemm_prepare(&p);
    CU_ASSERT_EQUAL(p.phases, 0);
    float c[6] = {1, 1, 1, 1, 1, 1};
    p = (heed_gemm){.m = 2, .n = 3, .k = 0, .c = c, .c_row = 3, .b_col = 1, .alpha = 1};
    heed_gemm_prepare(&p);
    run(&p, FORWARDS);
    for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(c[i], 0);
}

/* A NaN in row 1 of A and an infinity in column 2 of B reach exactly their row and column. */
static void nan_and_infinity(void)
{
    enum { N = 35 };
    static const int64_t heights[] = {4, 40, 300};
    static const int depths[] = {35, 600};
    for (int h = 0; h < 3; h++)
        for (int d = 0; d < 2; d++)
            for (int isa = 0; isa <= (int)heed_isa_now(); isa++) {
                int64_t m = heights[h], k = depths[d];
                float *a = heed_alloc((size_t)(m * k) * 4), *b = heed_alloc((size_t)(k * N) * 4), *c = heed_alloc((size_t)(m * N) * 4);
                for (int64_t i = 0; i < m * k; i++) a[i] = 1;
                for (int64_t i = 0; i < k * N; i++) b[i] = 1;
                a[k + 3] = NAN;
                b[5 * N + 2] = INFINITY;
                heed_gemm p = {.m = m, .n = N, .k = k, .a = a, .a_row = k, .a_col = 1, .b = b, .b_row = N, .b_col = 1, .c = c, .c_row = N,
                               .alpha = 1};
                heed_gemm_prepare_isa(&p, (heed_isa)isa);
                run(&p, FORWARDS);
                int wrong = 0;
                for (int64_t i = 0; i < m; i++)
                    for (int64_t j = 0; j < N; j++) {
                        float x = c[i * N + j];
                        wrong += i == 1 ? !isnan(x) : j == 2 ? x != INFINITY : x != (float)k;
                    }
                CU_ASSERT_EQUAL(wrong, 0);
                heed_free(a);
                heed_free(b);
                heed_free(c);
            }
}

CHECK_MAIN("gemm", {"odd sizes, layouts, alpha, accumulate", edges}, {"few rows", few_rows}, {"big products", big},
           {"colliding rows", collisions}, {"batches", batches}, {"nothing to do", nothing}, {"NaN and infinity", nan_and_infinity})
