/* What moving data costs on one thread, as a multiple of memcpy of as many bytes: copies of transposes, joins, rows by index.
 * Takes turns with memcpy and tells the best of each. */
#include "autograd/memory.h"
#include "ops/ops.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SIZE = 1 << 24, ROUNDS = 60 };
static float *data, *other;
static int32_t *ids;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define INPUT(...) heed_input(g, HEED_F32, SHAPE(__VA_ARGS__), data)

static heed_tensor *transpose(heed_graph *g) { return heed_contiguous(g, heed_transpose(g, INPUT(512, 4096), 0, 1)); }
static heed_tensor *transpose_back(heed_graph *g) { return heed_contiguous(g, heed_transpose(g, INPUT(4096, 512), 0, 1)); }
static heed_tensor *odd(heed_graph *g) { return heed_contiguous(g, heed_transpose(g, INPUT(1999, 1001), 0, 1)); }
static heed_tensor *heads(heed_graph *g) { return heed_contiguous(g, heed_transpose(g, INPUT(32, 128, 8, 64), 1, 2)); }
static heed_tensor *keys(heed_graph *g)
{
    return heed_contiguous(g, heed_transpose(g, heed_transpose(g, INPUT(32, 128, 8, 64), 1, 2), 2, 3));
}
static heed_tensor *added(heed_graph *g) { return heed_add(g, heed_transpose(g, INPUT(512, 4096), 0, 1), INPUT(4096, 512)); }
static heed_tensor *sum(heed_graph *g) { return heed_sum(g, INPUT(32, 128, 512), HEED_AXIS(1), false); }
static heed_tensor *outer(heed_graph *g) { return heed_contiguous(g, heed_transpose(g, INPUT(32, 128, 512), 0, 1)); }
static heed_tensor *flip(heed_graph *g) { return heed_contiguous(g, heed_flip(g, INPUT(4096, 512), HEED_LAST)); }
static heed_tensor *concat(heed_graph *g)
{
    heed_tensor *x = INPUT(4096, 128);
    return heed_concat(g, 4, (heed_tensor *[]){x, x, x, x}, 1);
}
static heed_tensor *slices(heed_graph *g) /* the gradient of 128 steps of a sequence */
{
    heed_tensor *x = INPUT(32, 128, 512), *step[128], *dx;
    heed_unstack(g, x, 1, step);
    heed_grad(g, heed_stack(g, 128, step, 0), heed_input(g, HEED_F32, SHAPE(128, 32, 512), other), 1, &x, &dx);
    return dx;
}
static heed_tensor *embedding(heed_graph *g)
{
    return heed_embedding(g, INPUT(8192, 512), heed_input(g, HEED_I32, SHAPE(4096), ids));
}
static heed_tensor *embedding_grad(heed_graph *g)
{
    heed_tensor *table = INPUT(8192, 512), *dx;
    heed_tensor *y = heed_embedding(g, table, heed_input(g, HEED_I32, SHAPE(4096), ids));
    heed_grad(g, y, heed_input(g, HEED_F32, SHAPE(4096, 512), other), 1, &table, &dx);
    return dx;
}

static const struct { const char *name; heed_tensor *(*record)(heed_graph *g); } list[] = {
    {"copy [512,4096] transposed", transpose},
    {"copy [4096,512] transposed", transpose_back},
    {"copy [1999,1001] transposed", odd},
    {"copy [B,T,h,dk] as [B,h,T,dk]", heads},
    {"copy [B,T,h,dk] as [B,h,dk,T]", keys},
    {"copy [B,T,d] as [T,B,d]", outer},
    {"copy, last axis flipped", flip},
    {"add a transposed matrix", added},
    {"sum over the middle of [B,T,d]", sum},
    {"concat of 4 x [4096,128]", concat},
    {"gradient of 128 slices", slices},
    {"embedding of 4096 x 512", embedding},
    {"its gradient to 8192 x 512", embedding_grad}};

int main(void)
{
    data = heed_calloc(SIZE, sizeof *data);
    other = heed_calloc(SIZE, sizeof *other);
    ids = heed_alloc(4096 * sizeof *ids);
    if (!data || !other || !ids) return 1;
    for (int i = 0; i < SIZE; i++) data[i] = (float)i;
    for (uint32_t i = 0; i < 4096; i++) ids[i] = (int32_t)(i * 2654435761u >> 19);
    printf("%-32s %10s %10s %8s\n", "one thread", "ms", "memcpy ms", "ratio");
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        heed_graph *g = heed_graph_new();
        heed_graph_threads(g, 1);
        double ours = 1, copy = 1;
        for (int r = 0; r < ROUNDS; r++) {
            heed_graph_reset(g);
            heed_tensor *y = list[k].record(g);
            size_t size = list[k].record == sum ? (size_t)1 << 21 : (size_t)heed_size(y);
            double start = now();
            if (heed_run(g, 1, &y)) return 1;
            double middle = now();
            memcpy(other, data, size * sizeof *data);
            double end = now();
            if (middle - start < ours) ours = middle - start;
            if (end - middle < copy) copy = end - middle;
        }
        printf("%-32s %10.3f %10.3f %8.2f\n", list[k].name, 1e3 * ours, 1e3 * copy, ours / copy);
        heed_graph_free(g);
    }
    return 0;
}
