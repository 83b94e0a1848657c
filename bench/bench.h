/* Benchmarks: cases of a stated shape, each a unit of work that is done again and again and whose time is told.
 *
 * The names, the shapes, the work of a unit, the line of JSON and the answers of --serve are those of peers/torch_peer.py, so that both can
 * be run side by side. Data are random with a fixed seed: time does not depend on their values.
 */
#ifndef HEED_BENCH_H
#define HEED_BENCH_H

#include "heed.h"

/* Sizes by the names that --set takes; a family of cases uses some of them. */
typedef struct bench_shape {
    int64_t vocab, d, h, heads, ff, enc, dec, layers, batch, src_len, tgt_len, length, new, beam, dk, nodes, emb, hid, shards;
    int weights, cell;
    double p;
    bool masked, causal, both;
} bench_shape;

/* A case that has been set up. */
typedef struct bench_work {
    bench_shape shape;
    heed_graph *graph;
    heed_params *params;
    heed_transformer *model;
    void *modules;                      /* another model */
    heed_optimizer *optimizer;
    heed_decoder *decoder;
    heed_shards *shards;
    int32_t *src, *tgt, *out, *lengths; /* [batch, src_len], [batch, tgt_len] twice, [batch] or NULL */
    float *q, *k, *v, *dy;              /* [batch, heads, length, dk] */
    uint64_t steps;
} bench_work;

typedef struct bench_family {
    const heed_option *keys;
    const char *unit;
    int64_t (*units)(const bench_shape *s); /* of a step */
    heed_code (*start)(bench_work *w, heed_error *e);
    void (*step)(bench_work *w); /* errors stick to the graph, the parameters or the optimizer */
} bench_family;

typedef struct bench_case {
    const char *name;
    const bench_family *family;
    int64_t steps; /* by default */
    const char *shape;
} bench_case;

extern const bench_case bench_cases[]; /* ended by a name of NULL */
extern const bench_family bench_train, bench_encode, bench_decode, bench_attention, bench_scalar, bench_seq2seq, bench_lstm;

/* NULL and a sentence that tells the nearest name. */
const bench_case *bench_find(const char *name, heed_error *e);
/* Sets up a case; `set`: changes of its shape, "key=value,...", or NULL. After a failure too it wants bench_end. */
heed_code bench_begin(bench_work *w, const bench_case *c, const char *set, int threads, heed_error *e);
heed_code bench_step(bench_work *w, const bench_case *c, heed_error *e);
void bench_end(bench_work *w);

/* --- for the families ------------------------------------------------------------------------------------------------------------ */

#define BENCH_SHARDS HEED_OPTION_INT(bench_shape, shards, "[1,64]", "1", "parts of the batch that run side by side, one thread each")

/* A training step: the loss is recorded for sentences from .. from + rows - 1, as their part of the mean over the batch. */
typedef heed_tensor *bench_loss(const bench_work *w, heed_graph *g, int64_t from, int64_t rows);
void bench_teach(bench_work *w, bench_loss *loss);

/* n random numbers, below `below` and normal. NULL and an error without memory. */
int32_t *bench_ids(int64_t n, int64_t below, uint64_t stream, heed_error *e);
float *bench_normal(int64_t n, uint64_t stream, heed_error *e);

#endif
