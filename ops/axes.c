#include "ops/axes.h"
#include "ops/simd.h"

#if HEED_ISA_BASE
bool heed_axes_set(heed_graph *g, const char *name, const heed_tensor *x, int *axes)
{
    int rank = heed_rank(x), all = (1 << rank) - 1;
    if (heed_graph_error(g)->code) return false;
    if (*axes == HEED_ALL) *axes = all;
    else if (*axes == HEED_LAST) *axes = rank ? 1 << (rank - 1) : 0;
    if (*axes >= 0 && *axes <= all) return true;
    heed_graph_fail(g, HEED_INVALID, "%s: axes 0x%x of a tensor of rank %d", name, (unsigned)*axes, rank);
    return false;
}

int64_t heed_axes_size(const heed_tensor *x, int axes)
{
    int64_t n = 1;
    for (int i = 0; i < heed_rank(x); i++)
        if (axes >> i & 1) n *= heed_dim(x, i);
    return n;
}

heed_tensor *heed_axes_last(heed_graph *g, heed_tensor *x, int axes)
{
    int rank = heed_rank(x), order[HEED_MAX_RANK], n = 0;
    int64_t shape[HEED_MAX_RANK];
    if (axes == 1 << (rank - 1)) return x;
    for (int i = 0; i < rank; i++)
        if (!(axes >> i & 1)) {
            shape[n] = heed_dim(x, i);
            order[n++] = i;
        }
    int kept = n;
    shape[kept] = heed_axes_size(x, axes);
    bool moved = false;
    for (int i = 0; i < rank; i++)
        if (axes >> i & 1) order[n++] = i;
    for (int i = 0; i < rank; i++) moved |= order[i] != i;
    return heed_reshape(g, moved ? heed_permute(g, x, order) : x, kept + 1, shape);
}

static int result_shape(const heed_tensor *x, int axes, bool keep, int64_t shape[HEED_MAX_RANK])
{
    const int64_t *old = heed_shape(x);
    const int rank = heed_rank(x);
    int n = 0;
    for (int i = 0; i < rank; i++) {
        if (!(axes >> i & 1)) shape[n++] = old[i];
        else if (keep) shape[n++] = 1;
    }
    return n;
}

heed_tensor *heed_axes_shape(heed_graph *g, heed_tensor *y, const heed_tensor *x, int axes, bool keep)
{
    int64_t shape[HEED_MAX_RANK];
    int rank = result_shape(x, axes, keep, shape);
    return heed_reshape(g, y, rank, shape);
}

heed_tensor *heed_axes_full(heed_graph *g, const heed_tensor *x, int axes, bool keep, double value)
{
    int64_t shape[HEED_MAX_RANK];
    int rank = result_shape(x, axes, keep, shape);
    return heed_full(g, heed_dtype_of(x), rank, shape, value);
}
#endif
