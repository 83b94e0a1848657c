/* What matmul.c and packed.c share. */
#ifndef HEED_PRODUCT_H
#define HEED_PRODUCT_H

#include "ops/ops.h"

/* The product of a and a weight b that the graph keeps packed (heed_graph_packed); NULL when this is none, and nothing was recorded. */
heed_tensor *heed_packed_product(heed_graph *g, heed_tensor *a, heed_tensor *b);

#endif
