/* A small Transformer with its decoder, and the logits it gives without one: what tests of decoding start from. */
#ifndef HEED_TESTS_DECODING_WORLD_H
#define HEED_TESTS_DECODING_WORLD_H

#include "check.h"
#include "models/decoding.h"
#include "models/transformer.h"
#include "refusals.h"

#include <math.h>
#include <stdlib.h>

enum { PAD, UNK, BEGIN, END, V = 11, MOST = 64 };

typedef struct world {
    heed_graph *g;
    heed_params *ps;
    heed_transformer *m;
    heed_decoder *d;
} world;

static inline heed_transformer_config small(bool source)
{
    return (heed_transformer_config){
        .layer = {.d = 12, .heads = 3, .dk = 4, .dv = 5, .ff = 16, .dropout = 0.3, .attention_dropout = 0.2},
        .src_vocab = V, .tgt_vocab = V, .enc_layers = source ? 2 : 0, .dec_layers = 2, .max_len = 70};
}

/* Weights larger than a model starts with, so that what was said before matters. */
static inline bool world_of(world *w, const heed_transformer_config *c, heed_dtype dtype, uint64_t seed, double gain)
{
    w->g = heed_graph_new();
    heed_graph_threads(w->g, 1);
    w->ps = heed_params_new(seed);
    heed_params_dtype(w->ps, dtype);
    w->m = heed_calloc(1, sizeof *w->m);
    w->d = NULL;
    if (!w->m) return false;
    heed_transformer_init(w->m, w->ps, c);
    if (heed_params_error(w->ps)->code) return false;
    for (int i = 0; i < heed_params_count(w->ps); i++) {
        heed_param *p = heed_params_at(w->ps, i);
        for (int64_t k = 0; heed_param_rank(p) == 2 && k < heed_param_size(p); k++) {
            if (dtype == HEED_F64) ((double *)heed_param_data(p))[k] *= gain;
            else ((float *)heed_param_data(p))[k] *= (float)gain;
        }
    }
    w->d = heed_decoder_new(w->g, heed_transformer_model(w->m));
    return w->d != NULL;
}

static inline bool world_new(world *w, const heed_transformer_config *c, heed_dtype dtype) { return world_of(w, c, dtype, 5, 2); }

static inline void world_free(world *w)
{
    heed_decoder_free(w->d);
    heed_graph_free(w->g);
    heed_params_free(w->ps);
    heed_free(w->m);
}

static const int32_t source[] = {4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 9, 9, 5, 4, 0}, lengths[] = {5, 2, 4};
static const heed_prompts three = {.sentences = 3, .steps = 5, .source = source, .source_length = lengths};

/* Logits [rows, T, V] of the model without a cache, for rows of ids [rows, T] and the sources of their sentences. */
static inline const void *plain(world *w, int64_t rows, int64_t steps, const int32_t *ids, const int32_t *src,
                         const int32_t *src_lengths, int64_t src_steps)
{
    heed_graph *g = w->g;
    heed_graph_reset(g);
    heed_tensor *memory = NULL, *length = NULL;
    if (src) {
        length = heed_input(g, HEED_I32, 1, &rows, src_lengths);
        memory = heed_transformer_encode(g, w->m, heed_input(g, HEED_I32, 2, (int64_t[]){rows, src_steps}, src), length);
    }
    heed_tensor *in = heed_input(g, HEED_I32, 2, (int64_t[]){rows, steps}, ids);
    return heed_data(g, heed_transformer_logits(g, w->m, heed_transformer_decode(g, w->m, in, memory, length)));
}

static inline double at(heed_dtype dtype, const void *values, int64_t i)
{
    return dtype == HEED_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

#endif
