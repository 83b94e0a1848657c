/* Derivatives recorded before. Private to autograd/.
 *
 * What a derivative records follows from the structure of the graph, from the attributes and scalars in it and from nothing else (heed_vjp). So the
 * nodes of one are kept over resets, in a memory of their own, under a hash of all that; a later graph that is the same up to there takes them over
 * as they are. Only what lies elsewhere each time is set anew: pointers to nodes from before the derivative, and the numbers of random draws.
 *
 * A derivative that did what cannot be done again in this way (it drew, named, kept, or used data: graph.once) is not kept. */
#ifndef HEED_RECALL_H
#define HEED_RECALL_H

#include "autograd/node.h"

/* Before a derivative is recorded, unless it is part of another one: takes it over from a graph before, if one had this `key`; then true, and *out are
 * its *count results. Else what is recorded until heed_recall_end is kept for the key. */
bool heed_recall(heed_graph *g, uint64_t key, size_t *count, heed_tensor ***out);
/* It is there, taken over or recorded; these are the results of one that was recorded. */
void heed_recall_end(heed_graph *g, size_t count, heed_tensor *const *out);
void heed_recalls_free(heed_graph *g);

#endif
