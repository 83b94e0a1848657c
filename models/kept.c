#include "models/kept.h"

#include "autograd/memory.h"

#include <string.h>

void heed_kept_free(heed_kept *k)
{
    heed_free(k->data);
    heed_free(k->spare);
    *k = (heed_kept){.rank = 0};
}

static size_t item_bytes(const heed_kept *k)
{
    size_t bytes = heed_dtype_size(k->dtype);
    for (int i = 0; i < k->rank; i++) bytes *= (size_t)k->shape[i];
    return bytes;
}

heed_code heed_kept_set(heed_kept *k, heed_graph *g, heed_tensor *t, int64_t copies, heed_error *e)
{
    const char *from = heed_data(g, t);
    if (!from) return heed_fail(e, heed_graph_error(g)->code, "%s", heed_graph_error(g)->message);
    int64_t n = heed_dim(t, 0);
    heed_kept now = {.dtype = heed_dtype_of(t), .rank = heed_rank(t) - 1, .data = k->data, .spare = k->spare, .room = k->room};
    for (int i = 0; i < now.rank; i++) now.shape[i] = heed_dim(t, i + 1);
    size_t bytes = item_bytes(&now), all = 0;
    bool same = k->data && n * copies <= k->room && item_bytes(k) == bytes;
    if (!same) {
        bool fits = heed_size_mul(bytes, (size_t)n, &all) && heed_size_mul(all, (size_t)copies, &all);
        heed_kept_free(k);
        now.data = fits ? heed_alloc(all + !all) : NULL;
        now.spare = NULL;
        now.room = n * copies;
        if (!now.data) return heed_fail(e, HEED_NO_MEMORY, "decoder: no memory for %lld items of %zu bytes", (long long)now.room, bytes);
    }
    *k = now;
    for (int64_t i = 0; i < n * copies; i++) memcpy(k->data + (size_t)i * bytes, from + (size_t)(i / copies) * bytes, bytes);
    return HEED_OK;
}

heed_tensor *heed_kept_use(const heed_kept *k, heed_graph *g, int64_t n)
{
    int64_t shape[HEED_MAX_RANK + 1] = {n};
    for (int i = 0; i < k->rank; i++) shape[i + 1] = k->shape[i];
    return heed_input(g, k->dtype, k->rank + 1, shape, k->data);
}

heed_code heed_kept_select(heed_kept *k, int64_t n, const int32_t *from, int64_t stride, heed_error *e)
{
    size_t bytes = item_bytes(k);
    if (!k->data) return HEED_OK;
    if (!k->spare) k->spare = heed_alloc(bytes * (size_t)k->room + !bytes);
    if (!k->spare) return heed_fail(e, HEED_NO_MEMORY, "decoder: no memory for %lld items of %zu bytes", (long long)k->room, bytes);
    for (int64_t i = 0; i < n; i++) memcpy(k->spare + (size_t)i * bytes, k->data + (size_t)(from[i * stride] / stride) * bytes, bytes);
    char *old = k->data;
    k->data = k->spare;
    k->spare = old;
    return HEED_OK;
}
