/* Prepared forms of parameters: who has one, whether it is still true, and making it. */
#include "autograd/prepare.h"
#include "autograd/node.h"
#include "autograd/parallel.h"

#include <sched.h>

struct heed_prepared {
    const heed_preparation *how;
    heed_param *param;
    struct heed_prepared *next; /* of the same parameter */
    void *data;
    size_t bytes;
    uint64_t version;           /* of the parameter when it was made; 0: never */
};

/* Graphs on different threads may share a store: a form is found and made under the store's lock, and read without it. */
static void lock(forms *f)
{
    while (__atomic_exchange_n(&f->lock, 1, __ATOMIC_ACQUIRE)) sched_yield();
}
static void unlock(forms *f) { __atomic_store_n(&f->lock, 0, __ATOMIC_RELEASE); }

/* --- memory: chunks of huge pages, each half as large as all before, because reading weights in pages of 4 KiB costs a third of the speed --- */

typedef struct form_chunk { struct form_chunk *next; void *block; char *at, *end; } form_chunk;

static void *take(forms *f, size_t size)
{
    size = (size + 63) & ~(size_t)63;
    form_chunk *c = f->chunks;
    if (!c || (size_t)(c->end - c->at) < size) {
        size_t whole = f->bytes / 2 > size ? f->bytes / 2 : size;
        void *block;
        c = heed_alloc(sizeof *c);
        if (!c) return NULL;
        char *base = heed_alloc_huge(&whole, &block);
        if (!base) {
            heed_free(c);
            return NULL;
        }
        *c = (form_chunk){f->chunks, block, base, base + whole};
        f->chunks = c;
        f->bytes += whole;
    }
    void *p = c->at;
    c->at += size;
    return p;
}

void heed_forms_free(forms *f)
{
    for (form_chunk *c = f->chunks, *next; c; c = next) {
        next = c->next;
        heed_free(c->block);
        heed_free(c);
    }
    f->chunks = NULL;
    f->bytes = 0;
}

/* --- forms --------------------------------------------------------------------------------------------------------------------- */

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
    void *data = bytes ? take(heed_params_forms(heed_param_store(p)), bytes) : NULL;
    q = data ? take(heed_params_forms(heed_param_store(p)), sizeof *q) : NULL;
    if (!q) return NULL;
    *q = (heed_prepared){.how = how, .param = p, .next = *list, .data = data, .bytes = bytes};
    return *list = q;
}

heed_tensor *heed_use_prepared(heed_graph *g, heed_param *p, const heed_preparation *how)
{
    if (g->error.code) return &g->failed;
    forms *f = heed_params_forms(heed_param_store(p));
    lock(f);
    heed_prepared *q = find(p, how);
    unlock(f);
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
        lock(f);
        if (q->version != heed_param_version(q->param)) {
            heed_parallel(g->threads, q->how->tasks(q->param), make_part, q);
            __atomic_store_n(&q->version, heed_param_version(q->param), __ATOMIC_RELEASE);
        }
        unlock(f);
    }
}

void heed_params_release(heed_params *ps)
{
    for (int i = 0; i < heed_params_count(ps); i++) *heed_param_prepared(heed_params_at(ps, i)) = NULL;
    heed_forms_free(heed_params_forms(ps));
}

size_t heed_params_prepared_bytes(const heed_params *ps)
{
    size_t bytes = 0;
    for (int i = 0; i < heed_params_count(ps); i++)
        for (const heed_prepared *q = *heed_param_prepared(heed_params_at(ps, i)); q; q = q->next) bytes += q->bytes;
    return bytes;
}
