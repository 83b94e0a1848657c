/* Prepared forms of parameters: who has one, whether it is still true, and making it. Graphs on different threads may share a store: a form
 * is found and made under the store's lock, and read without it. */
#include "autograd/prepare.h"
#include "autograd/node.h"
#include "autograd/parallel.h"

struct heed_prepared {
    const heed_preparation *how;
    heed_param *param;
    struct heed_prepared *next; /* of the same parameter */
    void *data;
    size_t bytes;
    uint64_t version;           /* of the parameter when it was made; 0: never */
};

heed_param *heed_whole_param(const heed_graph *g, const heed_tensor *t)
{
    const heed_tensor *r = t->root;
    return (r->flags & NODE_PARAM) && g->params && t->size == r->size && t->rank == r->rank && t->offset == 0 ? heed_params_at(g->params, r->param)
                                                                                                              : NULL;
}

static heed_prepared *find(heed_param *p, const heed_preparation *how)
{
    heed_prepared **list = heed_param_prepared(p), *q = *list;
    while (q && q->how != how) q = q->next;
    if (q) return q;
    size_t bytes = how->bytes(p);
    void *data = bytes ? heed_slab_take(&heed_params_forms(heed_param_store(p))->memory, bytes) : NULL;
    q = data ? heed_slab_take(&heed_params_forms(heed_param_store(p))->memory, sizeof *q) : NULL;
    if (!q) return NULL;
    *q = (heed_prepared){.how = how, .param = p, .next = *list, .data = data, .bytes = bytes};
    return *list = q;
}

heed_tensor *heed_use_prepared(heed_graph *g, heed_param *p, const heed_preparation *how)
{
    if (g->error.code) return &g->failed;
    forms *f = heed_params_forms(heed_param_store(p));
    heed_lock(&f->lock);
    heed_prepared *q = find(p, how);
    heed_unlock(&f->lock);
    if (!q || !heed_grow((void **)&g->prepared, &g->prepared_capacity, g->prepared_count + 1, sizeof *g->prepared))
        return heed_graph_fail(g, HEED_NO_MEMORY, "%s: no memory for its packed form", heed_param_name(p));
    int64_t bytes = (int64_t)q->bytes;
    g->prepared[g->prepared_count++] = q;
    return heed_input(g, HEED_U8, 1, &bytes, q->data);
}

static void make_part(void *context, int64_t task)
{
    const heed_prepared *q = context;
    q->how->run(q->data, q->param, task);
}

void heed_prepare_all(heed_graph *g)
{
    for (size_t i = 0; i < g->prepared_count; i++) {
        heed_prepared *q = g->prepared[i];
        if (__atomic_load_n(&q->version, __ATOMIC_ACQUIRE) == heed_param_version(q->param)) continue;
        forms *f = heed_params_forms(heed_param_store(q->param));
        heed_lock(&f->lock);
        if (q->version != heed_param_version(q->param)) {
            heed_parallel(g->threads, q->how->tasks(q->param), make_part, q);
            __atomic_store_n(&q->version, heed_param_version(q->param), __ATOMIC_RELEASE);
        }
        heed_unlock(&f->lock);
    }
}

void heed_params_release(heed_params *ps)
{
    for (int i = 0; i < heed_params_count(ps); i++) *heed_param_prepared(heed_params_at(ps, i)) = NULL;
    heed_slab_free(&heed_params_forms(ps)->memory);
}

size_t heed_params_prepared_bytes(const heed_params *ps)
{
    size_t bytes = 0;
    for (int i = 0; i < heed_params_count(ps); i++)
        for (const heed_prepared *q = *heed_param_prepared(heed_params_at(ps, i)); q; q = q->next) bytes += q->bytes;
    return bytes;
}
