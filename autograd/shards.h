/* Shards: a batch cut into parts that run side by side, each on one thread and in memory of its own. Their gradients are added up.
 *
 *     static heed_tensor *loss(void *context, heed_graph *g, int shard)      records the loss of the shard's rows
 *     ...
 *     heed_shards *s = heed_shards_new(2);
 *     for (...) {
 *         double total = heed_shards_backward(s, g, loss, &batch);
 *         if (heed_optimizer_step(o, g)) break;
 *         heed_graph_reset(g);
 *     }
 *     heed_shards_free(s);
 *
 * Right for small models: threads that share every step of a graph wait for each other and for each other's cache lines, shards meet once a step
 * of training. How many there are is the caller's choice, not the number of threads: that many threads can work at once, fewer do one shard
 * after another. The gradients are added pairwise, (0 + 1) + (2 + 3), so the bits depend on the number of shards and on no thread.
 */
#ifndef HEED_SHARDS_H
#define HEED_SHARDS_H

#include "graph.h"

enum { HEED_MOST_SHARDS = 64 };

typedef struct heed_shards heed_shards;

/* 1 to HEED_MOST_SHARDS. Never NULL: without memory, or with another count, shards that fail every graph they are used with. */
heed_shards *heed_shards_new(int count);
void heed_shards_free(heed_shards *s);

/* Records the shard's part of the loss and returns it, a scalar whose sum over the shards is the whole; NULL: it has no part. Several are called at
 * once, on different threads, so it writes nothing that another shard writes or reads. Random draws differ from shard to shard. */
typedef heed_tensor *heed_shard_loss(void *context, heed_graph *g, int shard);

/* Computes the losses and adds the gradient of their sum to that of every trainable parameter in use; returns the sum. Shard 0 is recorded in g, the
 * others in graphs of their own with g's settings (not its profile and kept patterns); a budget is for all of them together, in equal parts. When one
 * shard fails, g fails with its sentence, no gradient was changed, and the sum is NaN. */
double heed_shards_backward(heed_shards *s, heed_graph *g, heed_shard_loss *loss, void *context);
/* The graph of shard i, for what the last step computed in it: until the next one, for shard 0 until g is reset. NULL: there is none (yet, for shard 0). */
heed_graph *heed_shards_graph(const heed_shards *s, int i);

#endif
