/* Tensors: nodes of a graph with a dtype and a shape, row-major, at most HEED_MAX_RANK axes.
 *
 * A tensor is owned by its graph and dies with heed_graph_reset; a caller never frees one. An axis may be given from the end: -1
 * is the last. Sizes may be 0. Rank 0 is a scalar.
 */
#ifndef HEED_TENSOR_H
#define HEED_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heed_graph heed_graph;
typedef struct heed_tensor heed_tensor;

typedef enum heed_dtype {
    HEED_F32, /* float */
    HEED_F64, /* double */
    HEED_I32, /* int32_t: indices */
    HEED_U8,  /* uint8_t: masks, 0 or 1 */
    HEED_DTYPES
} heed_dtype;

enum { HEED_MAX_RANK = 8 };

size_t heed_dtype_size(heed_dtype dtype);      /* bytes of one element */
const char *heed_dtype_name(heed_dtype dtype); /* "float32", "float64", "int32", "uint8" */

heed_dtype heed_dtype_of(const heed_tensor *t);
int heed_rank(const heed_tensor *t);
int64_t heed_dim(const heed_tensor *t, int axis); /* 0 when there is no such axis */
int64_t heed_size(const heed_tensor *t);          /* number of elements */

#endif
