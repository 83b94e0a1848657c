/* The graph: what is to be computed, recorded as data and computed when a value is asked for.
 *
 *     heed_graph *g = heed_graph_new();
 *     heed_tensor *x = heed_input(g, HEED_F32, 2, (int64_t[]){2, 3}, numbers);
 *     heed_tensor *y = heed_sum(g, heed_exp(g, x), HEED_ALL, false);       recorded, nothing computed
 *     double total = heed_item(g, y);                                      planned and computed
 *     heed_graph_reset(g);                                                 ready for the next one; memory is kept
 *     heed_graph_free(g);
 *
 * Errors stick: after the first failure every call returns at once (a failed tensor of rank 0 and value NaN), so a program tests
 * heed_graph_error once a step. A graph belongs to one thread at a time; different graphs are independent.
 */
#ifndef HEED_GRAPH_H
#define HEED_GRAPH_H

#include "status.h"
#include "tensor.h"

#include <stdio.h>

/* --- life ------------------------------------------------------------------------------------------------------------ */

heed_graph *heed_graph_new(void);   /* never NULL: without memory, a graph that has failed already */
void heed_graph_free(heed_graph *g);
void heed_graph_reset(heed_graph *g); /* forgets all nodes and the error, keeps memory, plans, settings and kept patterns */

/* The sticky error; code HEED_OK (0) when all is well. */
const heed_error *heed_graph_error(const heed_graph *g);
/* Makes the graph fail with a sentence of the caller's, prefixed by the current scope; returns the failed tensor. */
heed_tensor *heed_graph_fail(heed_graph *g, heed_code code, const char *format, ...) HEED_PRINTF(3, 4);

/* --- settings (they outlive a reset) ------------------------------------------------------------------------------------ */

/* Threads to use from now on, at most; 0 (at first) takes OMP_NUM_THREADS, else the CPUs this process may run on. The bits do not depend on it. */
void heed_graph_threads(heed_graph *g, int threads);
int heed_graph_threads_now(const heed_graph *g); /* the number so set */
/* At most so many bytes of values (activations, their gradients) in a run. What does not fit is let go and computed again when it is read, with
 * the same bits. 0 (at first): any number, but of more than 256 MiB some are let go where that costs less than about 1 % of the time; SIZE_MAX
 * keeps all. Leaves, parameters and their gradients are not counted. A budget that is too small fails the run, with a sentence that says the
 * least that would do. Eager graphs and those in search of anomalies take no notice of it. */
void heed_graph_budget(heed_graph *g, size_t bytes);
/* Training switches dropout on (at first: off). */
void heed_graph_training(heed_graph *g, bool training);
bool heed_graph_is_training(const heed_graph *g);
/* How a graph that is not training keeps the weights of products (float32 parameters that a matrix is multiplied with): packed once into the
 * form that the kernel reads, in the first run, and kept by the parameters' store over steps and graphs until they change. Right when many
 * runs meet the same weights: evaluation, decoding. The packed form takes memory of its own; heed_params_release (prepare.h) frees it. With
 * less than 32 bits the products are rounded, by what is said here, and all else is as before. */
typedef enum heed_packing {
    HEED_PACK_NONE, /* as they are; at first */
    HEED_PACK_SAME, /* in float32: same results up to rounding */
    HEED_PACK_BF16, /* weights rounded to bfloat16 (8 bits of fraction), half the memory; sums in float32 */
    HEED_PACK_INT8  /* weights rounded to 8 bits, a scale for each output; operands too, a scale for each row; exact integer sums, a quarter */
} heed_packing;
void heed_graph_packed(heed_graph *g, heed_packing how);
heed_packing heed_graph_packed_now(const heed_graph *g); /* HEED_PACK_NONE while training */
/* The place in the random stream: a draw depends on the seed, the step, its number within the graph since reset, and the element. */
void heed_graph_seed(heed_graph *g, uint64_t seed, uint64_t step);
/* Eager: every op runs as soon as it is recorded, unfused (the environment's HEED_EAGER=1 does the same). Same values up to rounding. */
void heed_graph_eager(heed_graph *g, bool eager);
/* Anomaly: ops run unfused, and the first NaN that comes out of operands without one, or infinity out of finite ones, fails the graph by op,
 * scope and operands and leaves all gradients of the parameters in use zero. */
void heed_graph_anomaly(heed_graph *g, bool anomaly);

/* --- leaves -------------------------------------------------------------------------------------------------------------- */

/* A tensor over the caller's memory, row-major, which must stay unchanged and alive until reset. No gradient is accumulated for it,
 * heed_grad can still be asked for one. */
heed_tensor *heed_input(heed_graph *g, heed_dtype dtype, int rank, const int64_t *shape, const void *data);
/* A rank-0 constant held by the graph. */
heed_tensor *heed_scalar(heed_graph *g, heed_dtype dtype, double value);

/* --- values -------------------------------------------------------------------------------------------------------------- */

/* Computes what is needed for the targets and stores their values until reset. */
heed_code heed_run(heed_graph *g, int count, heed_tensor *const *targets);
/* The values of t, row-major, valid until reset; NULL when the graph has failed. Computes what is missing. */
const void *heed_data(heed_graph *g, heed_tensor *t);
/* The value of a tensor of one element; NaN when the graph has failed. */
double heed_item(heed_graph *g, heed_tensor *t);

/* Values are a cache: only targets, leaves and kept tensors are stored; anything else asked for later is computed again. Keeping
 * by pattern takes names as in heed_name, with * for any run of characters ("enc.*.self.weights"), and holds over resets. */
heed_tensor *heed_keep(heed_graph *g, heed_tensor *t);
void heed_keep_named(heed_graph *g, const char *pattern);
void heed_keep_clear(heed_graph *g);

/* --- gradients ------------------------------------------------------------------------------------------------------------ */

/* dxs[i] = d(sum of y) / d xs[i], recorded as graph, so that it can be differentiated again. `dy` (or NULL for ones) has y's shape.
 * An x that y does not depend on gets zeros. */
void heed_grad(heed_graph *g, heed_tensor *y, heed_tensor *dy, int count, heed_tensor *const *xs, heed_tensor **dxs);
/* Computes the loss and adds its gradient to that of every trainable parameter in use (see params.h). The loss is stored. */
heed_code heed_backward(heed_graph *g, heed_tensor *loss);

/* --- names ---------------------------------------------------------------------------------------------------------------- */

/* Opens a scope below the current one ("enc.%d"); what is recorded in it is told by that name in errors, plans and pictures. */
void heed_scope(heed_graph *g, const char *format, ...) HEED_PRINTF(2, 3);
void heed_scope_end(heed_graph *g);
/* Names t within the current scope ("weights" in scope "enc.0.self": "enc.0.self.weights"); returns t. */
heed_tensor *heed_name(heed_graph *g, heed_tensor *t, const char *name);
/* The last tensor so named since reset, or NULL. */
heed_tensor *heed_find(heed_graph *g, const char *name);

/* --- looking at it -------------------------------------------------------------------------------------------------------- */

/* What a run would do, without running: totals in numbers, and on `out` (or NULL) a table of passes, buffers, FLOPs, bytes
 * and sequential depth per scope. With `backward`, the gradients of all parameters are part of it. */
typedef struct heed_cost {
    int64_t nodes, passes, kernels; /* nodes computed; fused passes and other kernels for them, each counted once if it is run on blocks of rows */
    int64_t flops;                  /* floating-point operations */
    int64_t bytes;                  /* read and written by passes and kernels */
    int64_t peak;                   /* bytes of values alive at the worst moment, leaves not counted */
    int64_t depth;                  /* longest chain of passes and kernels that wait for each other */
    int64_t again;                  /* passes and kernels that run a second time to save memory; they count above too */
} heed_cost;
heed_code heed_graph_explain(heed_graph *g, heed_tensor *target, bool backward, heed_cost *cost, FILE *out);
/* The recorded graph in Graphviz' language, grouped by scope. */
heed_code heed_graph_dot(heed_graph *g, FILE *out);

#endif
