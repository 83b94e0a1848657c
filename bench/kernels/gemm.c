/* Speed of the matrix product by shape:      heed-bench-gemm [--cold] [GROUP | NN|NT|TN|TT M N K]      (OMP_NUM_THREADS and HEED_ISA are heard)
 * --cold: every product has operands of its own, which no cache holds, as in a training step.
 * One line a shape: median time, GFLOP/s, share of the FMA peak measured in turns with it, GB/s of A, B and C. */
#include "autograd/memory.h"
#include "bench/kernels/peak.h"
#include "ops/gemm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct shape {
    const char *group, *layout; /* layout: A and B as stored, N as in the formula, T transposed */
    int64_t m, n, k, batch, heads; /* heads > 0: [batch, rows, heads, depth] seen as [batch, heads, rows, depth] */
} shape;

static const shape shapes[] = {
    {"base", "NN", 2048, 512, 512, 1, 0},     {"base", "NT", 2048, 512, 512, 1, 0},   {"base", "TN", 512, 512, 2048, 1, 0},
    {"base", "NN", 2048, 2048, 512, 1, 0},    {"base", "NT", 2048, 2048, 512, 1, 0},  {"base", "TN", 512, 2048, 2048, 1, 0},
    {"base", "NN", 2048, 512, 2048, 1, 0},    {"base", "NT", 2048, 512, 2048, 1, 0},  {"base", "TN", 2048, 512, 2048, 1, 0},
    {"vocab", "NN", 2048, 37000, 512, 1, 0},  {"vocab", "NT", 2048, 37000, 512, 1, 0}, {"vocab", "NN", 2048, 512, 37000, 1, 0},
    {"vocab", "TN", 37000, 512, 2048, 1, 0},  {"vocab", "TN", 512, 37000, 2048, 1, 0},
    {"tiny", "NN", 4096, 128, 128, 1, 0},     {"tiny", "NT", 4096, 128, 128, 1, 0},   {"tiny", "TN", 128, 128, 4096, 1, 0},
    {"tiny", "NN", 4096, 256, 128, 1, 0},     {"tiny", "NT", 4096, 128, 256, 1, 0},   {"tiny", "TN", 128, 256, 4096, 1, 0},
    {"tiny", "NT", 4096, 9700, 128, 1, 0},    {"tiny", "NN", 4096, 128, 9700, 1, 0},  {"tiny", "TN", 9700, 128, 4096, 1, 0},
    {"few", "NN", 1, 512, 512, 1, 0},         {"few", "NT", 1, 512, 512, 1, 0},       {"few", "NN", 1, 2048, 512, 1, 0},
    {"few", "NT", 1, 2048, 512, 1, 0},        {"few", "NN", 1, 512, 2048, 1, 0},      {"few", "NT", 1, 10000, 512, 1, 0},
    {"few", "NN", 1, 10000, 512, 1, 0},       {"few", "NN", 5, 512, 512, 1, 0},       {"few", "NT", 5, 10000, 512, 1, 0},
    {"few", "NN", 8, 2048, 512, 1, 0},        {"few", "NT", 8, 2048, 512, 1, 0},
    {"some", "NN", 32, 512, 512, 1, 0},       {"some", "NN", 32, 2048, 512, 1, 0},    {"some", "NN", 32, 512, 2048, 1, 0},
    {"some", "NT", 32, 10000, 512, 1, 0},     {"some", "NN", 64, 1024, 512, 1, 0},    {"some", "NN", 256, 256, 64, 1, 0},
    {"heads", "NT", 10, 10, 32, 256, 4},      {"heads", "NN", 10, 32, 10, 256, 4},    {"heads", "NT", 32, 32, 64, 64, 8},
    {"heads", "NN", 32, 64, 32, 64, 8},       {"heads", "NT", 128, 128, 64, 16, 8},   {"heads", "NN", 128, 64, 128, 16, 8},
    {"heads", "NT", 128, 128, 32, 32, 4},     {"heads", "NN", 128, 32, 128, 32, 4},   {"heads", "NT", 512, 512, 64, 1, 8},
    {"small", "NN", 2, 2, 2, 1, 0},           {"small", "NN", 4, 4, 4, 1, 0},         {"small", "NN", 8, 8, 8, 1, 0},
    {"small", "NN", 16, 16, 16, 1, 0},        {"small", "NN", 64, 64, 64, 1, 0},      {"small", "NT", 100, 100, 100, 1, 0},
};

typedef struct job { heed_gemm p; void *shared; int phase; } job;

static void run(void *context, int64_t task, void *scratch)
{
    job *j = context;
    heed_gemm_task(&j->p, j->phase, task, j->shared, scratch);
}

static void multiply(job *j, void **scratch)
{
    for (j->phase = 0; j->phase < j->p.phases; j->phase++) bench_tasks(run, j, heed_gemm_tasks(&j->p, j->phase), scratch);
}

/* Huge pages, as values of a graph live in. */
static float *filled(int64_t count)
{
    size_t huge = 2 << 20, bytes = ((size_t)count * 4 + huge - 1) / huge * huge;
    float *x = aligned_alloc(huge, bytes);
    if (x) madvise(x, bytes, MADV_HUGEPAGE);
    for (int64_t i = 0; x && i < count; i++) x[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
    return x;
}

enum { COLD_BYTES = 320 << 20 };

static double measure(const shape *s, int cold, double *log_share, double weight)
{
    int64_t heads = s->heads ? s->heads : 1, width = s->k * heads, many = s->batch * heads;
    const int64_t a_size = many * s->m * s->k, b_size = many * s->n * s->k, c_size = many * s->m * s->n;
    const int64_t sets = cold ? 1 + COLD_BYTES / (4 * (a_size + b_size + c_size)) : 1;
    float *a = filled(sets * a_size), *b = filled(sets * b_size), *c = filled(sets * c_size);
    job j = {.p = {.m = s->m, .n = s->n, .k = s->k, .a = a, .b = b, .c = c, .c_row = s->n, .alpha = 1}};
    heed_gemm *p = &j.p;
    if (s->layout[0] == 'N') p->a_row = s->k, p->a_col = 1;
    else p->a_row = 1, p->a_col = s->m;
    if (s->layout[1] == 'N') p->b_row = s->n, p->b_col = 1;
    else p->b_row = 1, p->b_col = s->k;
    if (s->heads) { /* scores = q k' for NT, o = weights v for NN */
        p->batch_rank = 2;
        int64_t scores = s->m * (s->layout[1] == 'T' ? s->n : s->k);
        p->batch[0] = s->batch, p->batch[1] = heads;
        if (s->layout[1] == 'T') {
            p->a_row = width, p->b_col = width;
            p->a_batch[0] = s->m * width, p->a_batch[1] = s->k, p->b_batch[0] = s->n * width, p->b_batch[1] = s->k;
            p->c_batch[0] = heads * scores, p->c_batch[1] = scores;
        } else {
            int64_t out = s->n * heads;
            p->a_batch[0] = heads * scores, p->a_batch[1] = scores, p->b_row = out, p->c_row = out;
            p->b_batch[0] = s->k * out, p->b_batch[1] = s->n, p->c_batch[0] = s->m * out, p->c_batch[1] = s->n;
        }
    }
    heed_gemm_prepare(p);
    int threads = bench_threads();
    void *scratch[256];
    for (int t = 0; t < threads && t < 256; t++) scratch[t] = heed_alloc(p->scratch);
    j.shared = filled((int64_t)p->shared / 4);

    double work = 2.0 * (double)(s->m * s->n * s->k * many), times[9], peaks[9];
    multiply(&j, scratch);
    double start = bench_seconds();
    multiply(&j, scratch);
    int64_t repeat = (int64_t)(0.02 / (bench_seconds() - start + 1e-9)) + 1, set = 0;
    for (int r = 0; r < 9; r++) {
        peaks[r] = 1e-9 * heed_peak_flops(0);
        start = bench_seconds();
        for (int64_t i = 0; i < repeat; i++) {
            p->a = a + set * a_size, p->b = b + set * b_size, p->c = c + set * c_size;
            multiply(&j, scratch);
            set = (set + 1) % sets;
        }
        times[r] = (bench_seconds() - start) / (double)repeat;
    }
    double time = bench_median(times, 9), peak = bench_median(peaks, 9), rate = 1e-9 * work / time;
    double bytes = 4.0 * (double)(many * (s->m * s->k + s->n * s->k + s->m * s->n));
    printf("%-6s %s %5lld x %5lld x %5lld  batch %4lld  tasks %5lld  %10.2f us %8.1f GFLOP/s %5.1f %% of %.0f %8.1f GB/s\n", s->group,
           s->layout, (long long)s->m, (long long)s->n, (long long)s->k, (long long)many,
           (long long)heed_gemm_tasks(p, p->phases - 1), 1e6 * time, rate, 100 * rate / peak, peak, 1e-9 * bytes / time);
    fflush(stdout);
    *log_share += weight * log(rate / peak);
    for (int t = 0; t < threads && t < 256; t++) heed_free(scratch[t]);
    free(j.shared);
    free(a);
    free(b);
    free(c);
    return time;
}

int main(int argc, char **argv)
{
    printf("%s, %d threads\n", heed_isa_name(heed_isa_now()), bench_threads());
    int cold = argc > 1 && !strcmp(argv[1], "--cold");
    argc -= cold;
    argv += cold;
    if (argc == 5) {
        double share = 0;
        measure(&(shape){"", argv[1], atoll(argv[2]), atoll(argv[3]), atoll(argv[4]), 1, 0}, cold, &share, 1);
        return 0;
    }
    const int count = (int)(sizeof shapes / sizeof *shapes);
    for (int first = 0; first < count;) {
        const char *group = shapes[first].group;
        int end = first;
        while (end < count && !strcmp(shapes[end].group, group)) end++;
        double share = 0;
        if (argc < 2 || !strcmp(argv[1], group)) {
            for (int i = first; i < end; i++) measure(&shapes[i], cold, &share, 1.0 / (end - first));
            printf("%-6s geometric mean %.1f %%\n", group, 100 * exp(share));
        }
        first = end;
    }
    return 0;
}
