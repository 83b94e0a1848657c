/* Speed of blockwise attention, forward and backward:      heed-bench-attention [B H T S D CAUSAL [DROPOUT]]
 * One line a shape: median times, GFLOP/s (causal: of what is visible), share of the FMA peak measured in turns with it. */
#include "bench/kernels/peak.h"
#include "ops/attention_kernel.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef struct shape { const char *name; int64_t batch, heads, queries, keys, depth; int causal; double dropout; } shape;

static const shape shapes[] = {
    {"attn-512", 8, 8, 512, 512, 64, 0, 0},        {"attn-2048", 2, 8, 2048, 2048, 64, 0, 0}, {"attn-2048-causal", 2, 8, 2048, 2048, 64, 1, 0},
    {"dropout", 8, 8, 512, 512, 64, 0, 0.1},       {"one head", 1, 1, 4096, 4096, 64, 0, 0},  {"short 10", 256, 4, 10, 10, 32, 0, 0},
    {"short 16", 256, 4, 16, 16, 32, 1, 0},        {"short 32", 64, 8, 32, 32, 64, 0, 0},     {"short 32 drop", 64, 8, 32, 32, 64, 0, 0.1},
    {"nano 64", 12, 4, 64, 64, 32, 1, 0},          {"lm 128", 32, 4, 128, 128, 32, 1, 0},     {"decode", 32, 8, 1, 64, 64, 0, 0},
    {"decode long", 1, 8, 1, 2048, 64, 0, 0},
};

typedef struct job { heed_sdpa p; void *shared; int phase; } job;

static void run(void *context, int64_t task, void *scratch)
{
    job *j = context;
    heed_sdpa_task(&j->p, j->phase, task, j->shared, scratch);
}

static void attend(job *j, void **scratch)
{
    for (j->phase = 0; j->phase < j->p.phases; j->phase++) bench_tasks(run, j, heed_sdpa_tasks(&j->p, j->phase), scratch);
}

/* Huge pages, as values of a graph live in. */
static float *filled(int64_t count)
{
    size_t huge = 2 << 20, bytes = ((size_t)count * 4 + huge - 1) / huge * huge;
    float *x = aligned_alloc(huge, bytes);
    if (x) madvise(x, bytes, MADV_HUGEPAGE);
    for (int64_t i = 0; x && i < count; i++) x[i] = (float)(i * 2654435761u % 1000) / 500 - 1;
    return x;
}

static void measure(const shape *s)
{
    int64_t width = s->heads * s->depth, q_count = s->batch * s->queries * width, k_count = s->batch * s->keys * width;
    float *memory[9]; /* q o do dq, k v dk dv, lse; [batch, length, heads, depth] */
    heed_rows rows[8];
    for (int i = 0; i < 8; i++) {
        memory[i] = filled(i < 4 ? q_count : k_count);
        rows[i] = (heed_rows){memory[i], (i < 4 ? s->queries : s->keys) * width, s->depth, width};
    }
    memory[8] = filled(s->batch * s->heads * s->queries);
    job j = {.p = {.batch = s->batch, .heads = s->heads, .queries = s->queries, .keys = s->keys, .qk_depth = s->depth, .v_depth = s->depth,
                     .q = rows[0], .o = rows[1], .d_o = rows[2], .d_q = rows[3], .k = rows[4], .v = rows[5], .d_k = rows[6], .d_v = rows[7],
                     .lse = memory[8], .scale = 0.125, .causal = s->causal, .dropout = s->dropout}};
    double work = 4.0 * (double)(s->batch * s->heads * s->queries * s->keys * s->depth) * (s->causal ? 0.5 : 1);
    printf("%-17s", s->name);
    double sum = 0;
    for (int backward = 0; backward < 2; backward++) {
        heed_sdpa_prepare(&j.p, backward);
        void *scratch[256];
        for (int t = 0; t < bench_threads() && t < 256; t++) scratch[t] = filled((int64_t)j.p.scratch / 4);
        j.shared = filled((int64_t)j.p.shared / 4);
        double times[9], peaks[9];
        attend(&j, scratch);
        double start = bench_seconds();
        attend(&j, scratch);
        int64_t repeat = (int64_t)(0.02 / (bench_seconds() - start + 1e-9)) + 1;
        for (int r = 0; r < 9; r++) {
            peaks[r] = 1e-9 * heed_peak_flops(0);
            start = bench_seconds();
            for (int64_t i = 0; i < repeat; i++) attend(&j, scratch);
            times[r] = (bench_seconds() - start) / (double)repeat;
        }
        double time = bench_median(times, 9), rate = 1e-9 * work * (backward ? 2.5 : 1) / time;
        printf(" %s %5lld tasks %10.1f us %7.1f GFLOP/s %5.1f %%", backward ? " backward" : "forward", (long long)heed_sdpa_tasks(&j.p, 0),
               1e6 * time, rate, 100 * rate / bench_median(peaks, 9));
        sum += time;
        for (int t = 0; t < bench_threads() && t < 256; t++) free(scratch[t]);
        free(j.shared);
    }
    printf("  both %.3f ms\n", 1e3 * sum);
    fflush(stdout);
    for (int i = 0; i < 9; i++) free(memory[i]);
}

int main(int argc, char **argv)
{
    printf("%s, %d threads\n", heed_isa_name(heed_isa_now()), bench_threads());
    if (argc >= 7) {
        measure(&(shape){"", atoll(argv[1]), atoll(argv[2]), atoll(argv[3]), atoll(argv[4]), atoll(argv[5]), atoi(argv[6]),
                         argc > 7 ? (double)atoll(argv[7]) / 100 : 0});
        return 0;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) measure(&shapes[i]);
    return 0;
}
