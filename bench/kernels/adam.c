/* Nanoseconds a parameter of one Adam step over 20 million float32 parameters: the median of 15 steps, for 1 and 2 threads,
 * without and with clipping by norm, which reads the gradients once more. */
#include "autograd/node.h"
#include "optim/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ARRAYS = 40, ROWS = 512, COLS = 1024, STEPS = 15, WARM = 2 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_step(heed_params *ps, int threads, double clip)
{
    heed_optimizer *o = heed_optimizer_new(ps, "adam");
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, threads);
    heed_optimizer_set(o, "clip_norm", clip);
    double took[STEPS];
    for (int step = -WARM; step < STEPS; step++) {
        for (int i = 0; i < ARRAYS; i++) heed_param_take_grad(heed_params_at(ps, i)); /* the gradients count as new */
        double start = now();
        heed_optimizer_step(o, g);
        if (step >= 0) took[step] = now() - start;
    }
    if (heed_optimizer_error(o)->code) fprintf(stderr, "%s\n", heed_optimizer_error(o)->message);
    heed_graph_free(g);
    heed_optimizer_free(o);
    qsort(took, STEPS, sizeof *took, ascending);
    return took[STEPS / 2];
}

int main(void)
{
    heed_params *ps = heed_params_new(1);
    for (int i = 0; i < ARRAYS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        heed_param *p = heed_param_new(ps, name, HEED_F32, 2, (int64_t[]){ROWS, COLS}, HEED_UNIFORM(-1, 1));
        float *gradient = heed_param_grad(p);
        for (int64_t k = 0; gradient && k < ROWS * COLS; k++) gradient[k] = 1e-3f * (float)(k % 1000 - 500);
    }
    if (heed_params_error(ps)->code) return fprintf(stderr, "%s\n", heed_params_error(ps)->message), 1;
    double each = 1e9 / (double)heed_params_size(ps);
    for (int threads = 1; threads <= 2; threads++)
        printf("adam, %d thread%s: %.3f ns a parameter, with clipping %.3f\n", threads, threads > 1 ? "s" : "",
               each * median_step(ps, threads, 0), each * median_step(ps, threads, 1));
    heed_params_free(ps);
    return 0;
}
