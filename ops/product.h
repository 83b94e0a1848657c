/* What matmul.c and packed.c share. */
#ifndef HEED_PRODUCT_H
#define HEED_PRODUCT_H

#include "ops/gemm.h"
#include "ops/ops.h"

/* The product of a and a weight b that the graph keeps packed (heed_graph_packed); NULL when this is none, and nothing was recorded. */
heed_tensor *heed_packed_product(heed_graph *g, heed_tensor *a, heed_tensor *b);

/* A task of a prepared product whose result is c's, with what follows on its blocks (heed_call.finish). */
void heed_product_task(const heed_call *c, heed_gemm *p, int phase, int64_t task, void *scratch);

#endif
