/* The cases, and what they share. */
#include "bench/bench.h"

#include <string.h>

const bench_case bench_cases[] = {
    {"base", &bench_train, 4, "vocab=37000,d=512,h=8,ff=2048,enc=6,dec=6,batch=64,src_len=32,tgt_len=32,p=0.1,masked=yes"},
    {"base-v10k", &bench_train, 4, "vocab=10000,d=512,h=8,ff=2048,enc=6,dec=6,batch=64,src_len=32,tgt_len=32,p=0.1,masked=yes"},
    {"m30k-tiny", &bench_train, 12, "vocab=9700,d=128,h=4,ff=256,enc=4,dec=4,batch=256,src_len=16,tgt_len=16,p=0.3,masked=yes,shards=2"},
    {"g2p", &bench_train, 20, "vocab=80,d=128,h=4,ff=512,enc=4,dec=4,batch=256,src_len=10,tgt_len=8,p=0.1,masked=yes,shards=2"},
    {"g2p-small", &bench_train, 60, "vocab=80,d=64,h=4,ff=256,enc=2,dec=2,batch=32,src_len=10,tgt_len=8,p=0.1,masked=yes,shards=2"},
    {"lm-tiny", &bench_train, 20, "vocab=256,d=128,h=4,ff=256,enc=0,dec=4,batch=32,src_len=0,tgt_len=128,p=0.1,masked=no,shards=2"},
    {"lm-nano", &bench_train, 60, "vocab=65,d=128,h=4,ff=512,enc=0,dec=4,batch=12,src_len=0,tgt_len=64,p=0,masked=no,shards=2"},
    {"seq2seq", &bench_seq2seq, 20, "vocab=9700,emb=128,hid=256,batch=32,src_len=16,tgt_len=16"},
    {"seq2seq-small", &bench_seq2seq, 40, "vocab=80,emb=64,hid=64,batch=16,src_len=10,tgt_len=8,shards=2"},
    {"lstm-lm", &bench_lstm, 12, "vocab=10000,hid=256,layers=2,batch=20,length=35"},
    {"lstm-small", &bench_lstm, 60, "vocab=80,hid=64,layers=1,batch=8,length=20,shards=2"},
    {"scalar", &bench_scalar, 20, "nodes=10000"},
    {"attn-512", &bench_attention, 10, "batch=8,heads=8,length=512,dk=64,causal=no"},
    {"attn-2048", &bench_attention, 6, "batch=2,heads=8,length=2048,dk=64,causal=no"},
    {"attn-2048-causal", &bench_attention, 6, "batch=2,heads=8,length=2048,dk=64,causal=yes"},
    {"encode-1", &bench_encode, 40, "vocab=10000,d=512,h=8,ff=2048,enc=6,batch=1,length=32"},
    {"encode-32", &bench_encode, 10, "vocab=10000,d=512,h=8,ff=2048,enc=6,batch=32,length=32"},
    {"decode-1", &bench_decode, 6, "vocab=10000,d=512,h=8,ff=2048,layers=6,batch=1,src_len=32,new=32"},
    {"decode-32", &bench_decode, 4, "vocab=10000,d=512,h=8,ff=2048,layers=6,batch=32,src_len=32,new=32"},
    {"decode-32-beam5", &bench_decode, 3, "vocab=10000,d=512,h=8,ff=2048,layers=6,batch=32,src_len=32,new=32,beam=5"},
    {0},
};

const bench_case *bench_find(const char *name, heed_error *e)
{
    const char *names[sizeof bench_cases / sizeof *bench_cases];
    int n = 0;
    for (const bench_case *c = bench_cases; c->name; c++) {
        if (!strcmp(c->name, name)) return c;
        names[n++] = c->name;
    }
    names[n] = NULL;
    const char *near = heed_nearest(name, names);
    if (near) heed_fail(e, HEED_INVALID, "no case '%s'; did you mean '%s'?", name, near);
    else heed_fail(e, HEED_INVALID, "no case '%s'; --list names them", name);
    return NULL;
}

/* "key=value,key=value" */
static heed_code assign_all(const heed_option *keys, bench_shape *s, const char *text, heed_error *e)
{
    while (*text && !e->code) {
        size_t n = strcspn(text, ",");
        char *pair = heed_strndup(text, n);
        if (!pair) return heed_fail(e, HEED_NO_MEMORY, "no memory");
        if (n) heed_options_assign(keys, s, "--set", pair, e);
        heed_free(pair);
        text += n + (text[n] == ',');
    }
    return e->code;
}

heed_code bench_begin(bench_work *w, const bench_case *c, const char *set, int threads, heed_error *e)
{
    *w = (bench_work){0};
    if (heed_options_defaults(c->family->keys, &w->shape, e) || assign_all(c->family->keys, &w->shape, c->shape, e) ||
        assign_all(c->family->keys, &w->shape, set ? set : "", e))
        return e->code;
    w->graph = heed_graph_new();
    w->params = heed_params_new(1);
    w->shards = heed_shards_new(w->shape.shards ? (int)w->shape.shards : 1);
    heed_graph_threads(w->graph, threads);
    return c->family->start(w, e);
}

heed_code bench_step(bench_work *w, const bench_case *c, heed_error *e)
{
    heed_graph_reset(w->graph);
    heed_graph_seed(w->graph, 1, w->steps++);
    c->family->step(w);
    const heed_error *failed = heed_graph_error(w->graph);
    if (!failed->code) failed = heed_params_error(w->params);
    if (!failed->code && w->optimizer) failed = heed_optimizer_error(w->optimizer);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : HEED_OK;
}

void bench_end(bench_work *w)
{
    heed_decoder_free(w->decoder);
    heed_shards_free(w->shards);
    heed_optimizer_free(w->optimizer);
    heed_graph_free(w->graph);
    heed_params_free(w->params);
    void *owned[] = {w->model, w->modules, w->src, w->tgt, w->out, w->lengths, w->q, w->k, w->v, w->dy};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) heed_free(owned[i]);
    *w = (bench_work){0};
}

typedef struct lesson { const bench_work *w; bench_loss *loss; } lesson;

static heed_tensor *part_of(void *context, heed_graph *g, int shard)
{
    const lesson *l = context;
    const int64_t batch = l->w->shape.batch, n = l->w->shape.shards, from = batch * shard / n, rows = batch * (shard + 1) / n - from;
    return rows ? l->loss(l->w, g, from, rows) : NULL;
}

void bench_teach(bench_work *w, bench_loss *loss)
{
    heed_shards_backward(w->shards, w->graph, part_of, &(lesson){w, loss});
    heed_optimizer_step(w->optimizer, w->graph);
}

int32_t *bench_ids(int64_t n, int64_t below, uint64_t stream, heed_error *e)
{
    heed_random r = {.seed = 1, .stream = stream};
    int32_t *ids = heed_calloc((size_t)n, sizeof *ids);
    if (!ids) heed_fail(e, HEED_NO_MEMORY, "no memory for %lld symbols", (long long)n);
    else
        for (int64_t i = 0; i < n; i++) ids[i] = (int32_t)heed_random_below(&r, (uint64_t)below);
    return ids;
}

float *bench_normal(int64_t n, uint64_t stream, heed_error *e)
{
    heed_random r = {.seed = 1, .stream = stream};
    float *x = heed_calloc((size_t)n, sizeof *x);
    if (!x) heed_fail(e, HEED_NO_MEMORY, "no memory for %lld numbers", (long long)n);
    else
        for (int64_t i = 0; i < n; i++) x[i] = (float)heed_random_normal(&r);
    return x;
}
