/* The axes of a reduction: what is reduced becomes the last axis, and the result gets its shape. */
#ifndef HEED_AXES_H
#define HEED_AXES_H

#include "ops/ops.h"

/* HEED_ALL and HEED_LAST as bit sets; false, and a failed graph, if there is no such axis. */
bool heed_axes_set(heed_graph *g, const char *name, const heed_tensor *x, int *axes);
/* The number of elements that are reduced to one. */
int64_t heed_axes_size(const heed_tensor *x, int axes);
/* x with the axes merged into one and moved to the end: a view, where they are last in a contiguous x. */
heed_tensor *heed_axes_last(heed_graph *g, heed_tensor *x, int axes);
/* A result of one number for each of the other axes of x in the shape it has to have. */
heed_tensor *heed_axes_shape(heed_graph *g, heed_tensor *y, const heed_tensor *x, int axes, bool keep);
/* A constant in that shape: the reduction of nothing. */
heed_tensor *heed_axes_full(heed_graph *g, const heed_tensor *x, int axes, bool keep, double value);

#endif
