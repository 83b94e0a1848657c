/* What comes before the arithmetic of a training step: microseconds to record a Transformer of base depth (6 + 6 layers, tiny width), to
 * differentiate it, to find its plan again, and a run of all that with arithmetic that hardly counts; and to make a plan. Medians. Nanoseconds
 * a node of the graph beside them. */
#include "autograd/plan.h"
#include "models/transformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { STEPS = 500, PARTS = 5, VOCAB = 8, LENGTH = 2 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static heed_tensor *loss_of(heed_graph *g, const heed_transformer *m)
{
    static const int32_t ids[LENGTH] = {1, 2}, lengths[1] = {LENGTH};
    const int64_t shape[] = {1, LENGTH};
    heed_tensor *read = heed_input(g, HEED_I32, 1, (int64_t[]){1}, lengths);
    heed_tensor *memory = heed_transformer_encode(g, m, heed_input(g, HEED_I32, 2, shape, ids), read);
    heed_tensor *states = heed_transformer_decode(g, m, heed_input(g, HEED_I32, 2, shape, ids), memory, read);
    return heed_cross_entropy(g, heed_transformer_logits(g, m, states), heed_input(g, HEED_I32, 2, shape, ids), -1, 0.1, HEED_MEAN);
}

int main(void)
{
    static double took[PARTS][STEPS];
    static const char *const names[PARTS] = {"recorded", "differentiated", "plan made", "plan found", "run"};
    heed_params *ps = heed_params_new(1);
    heed_transformer *m = calloc(1, sizeof *m);
    heed_transformer_config c = {.layer = {.d = 8, .heads = 1, .dk = 8, .dv = 8, .ff = 8, .activation = HEED_RELU, .dropout = 0.1},
                                 .src_vocab = VOCAB, .tgt_vocab = VOCAB, .enc_layers = 6, .dec_layers = 6, .tie = HEED_TIE_ALL};
    if (!m) return 1;
    heed_transformer_init(m, ps, &c);
    heed_graph *g = heed_graph_new();
    heed_graph_threads(g, 1);
    heed_graph_training(g, true);
    size_t nodes = 0, steps = 0;
    for (int i = 0; i < STEPS && !heed_graph_error(g)->code; i++) {
        double t[PARTS + 1];
        size_t count = 0;
        heed_tensor **targets = NULL;
        if (i % 50 == 0) heed_plans_free(g);
        heed_graph_reset(g);
        heed_graph_seed(g, 1, (uint64_t)i);
        t[0] = now();
        heed_tensor *loss = loss_of(g, m);
        t[1] = now();
        heed_record_backward(g, loss, &count, &targets);
        t[2] = now();
        plan *p = heed_plan_for(g, (int)count, targets, true);
        t[3] = now();
        heed_plan_for(g, (int)count, targets, true);
        t[4] = now();
        heed_run(g, (int)count, targets);
        t[5] = now();
        for (int k = 0; k < PARTS; k++) took[k][i] = t[k + 1] - t[k];
        if (i % 50) took[2][i] = 0; /* not made */
        nodes = g->count;
        steps = p ? p->count : 0;
    }
    if (heed_graph_error(g)->code) return fprintf(stderr, "%s\n", heed_graph_error(g)->message), 1;
    printf("%zu nodes, %zu steps\n", nodes, steps);
    for (int k = 0; k < PARTS; k++) {
        qsort(took[k], STEPS, sizeof **took, ascending);
        double median = took[k][k == 2 ? STEPS - STEPS / 100 : STEPS / 2]; /* of those made */
        printf("%-14s %8.2f us %6.1f ns a node\n", names[k], median, 1e3 * median / (double)nodes);
    }
    heed_graph_free(g);
    heed_params_free(ps);
    free(m);
    return 0;
}
