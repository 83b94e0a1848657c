/* A model that is trained and that writes, whatever it is made of: what training, scoring, search and the command ask of it.
 *
 * A kind of model is a table of functions over a struct of parameters; a heed_model is a pointer to both. The library has
 * heed_transformer_model (transformer.h), heed_seq2seq_model (seq2seq.h) and heed_encoder_model (encoder.h); a program may add its own.
 */
#ifndef HEED_MODEL_H
#define HEED_MODEL_H

#include "../autograd/params.h"
#include "../ops/ops.h"

/* A batch whose targets are known: B rows, S source and T target positions, padded at the end. */
typedef struct heed_teaching {
    heed_tensor *src;     /* int32 [B, S]; NULL for a language model */
    heed_tensor *lengths; /* int32 [B], 1 at least, or NULL: all of S */
    heed_tensor *tgt;     /* int32 [B, T], the begin symbol first */
    heed_tensor *state;   /* [B, N] where the rows go on from, for models that carry a state; NULL: from the start */
} heed_teaching;

/* The rows that a decoder writes: R = sentences * width, those of a sentence next to each other. */
typedef struct heed_rows {
    heed_graph *g;
    int64_t sentences, width;
    int64_t steps;          /* S; 0 without a source */
    const int32_t *lengths; /* [sentences] of the sources */
    int64_t position;       /* how many symbols stand in every row */
} heed_rows;

/* A place where a model attends. Its weights, [B, heads, rows, columns] or [B, rows, columns], are named "NAME.weights" in the
 * graph that heed_model_logits records. */
typedef struct heed_attention_place {
    char name[40];
    int64_t heads;
    int layer, layers;               /* which one of how many of its sort, from 0 */
    bool source_looks, source_shown; /* rows and columns are source positions, else target positions */
} heed_attention_place;

typedef struct heed_model_kind {
    const char *name;
    /* The logits [B, T, V] of what follows each target position. With `final` not NULL, the state [B, N] at the rows' end. */
    heed_tensor *(*logits)(heed_graph *g, const void *m, const heed_teaching *t, heed_tensor **final);
    int64_t (*symbols)(const void *m);   /* V */
    bool (*reads)(const void *m);        /* it has a source: an encoder-decoder */
    int64_t (*positions)(const void *m); /* that a target may have; NULL: any number */
    int64_t (*state)(const void *m);     /* N: what a language model carries from one batch of a text to the next; NULL: nothing */
    bool (*attention)(const void *m, int i, heed_attention_place *place); /* its i-th place; false: it has no more. NULL: none */

    /* Writing, position by position, with all that need not be computed again kept in a `writer`. NULL: no memory. A kind that does
     * not write has NULL for all of these. */
    void *(*writer)(const void *m);
    void (*free)(void *writer);
    /* Reads src [sentences, steps] (NULL without a source), forgetting what was before. The graph has been reset. */
    heed_code (*begin)(void *writer, const heed_rows *r, const int32_t *src, heed_error *e);
    /* `keep` is called before the graph is reset for the next step, once the step's logits have been computed; may be NULL. */
    heed_code (*keep)(void *writer, const heed_rows *r, heed_error *e);
    /* Records the logits [R, V] after ids int32 [R], which stand at r->position. The graph has been reset. */
    heed_tensor *(*step)(void *writer, const heed_rows *r, const int32_t *ids);
    /* Row i of `sentences` * width rows goes on from row from[i]; *r still describes the old ones. Checked before. */
    heed_code (*select)(void *writer, const heed_rows *r, int64_t sentences, const int32_t *from, heed_error *e);
} heed_model_kind;

typedef struct heed_model {
    const heed_model_kind *kind;
    const void *self;
} heed_model;

heed_tensor *heed_model_logits(heed_graph *g, heed_model m, const heed_teaching *t);
/* From batch to batch of one text: t->state is where the rows begin, *final where they end, [B, N]. */
heed_tensor *heed_model_logits_from(heed_graph *g, heed_model m, const heed_teaching *t, heed_tensor **final);
int64_t heed_model_state(heed_model m); /* N; 0: it carries none */

/* The log-probability of each row's target, [B]: tgt_out int32 [B, T] follows t->tgt as in training; positions whose tgt_out is
 * `ignore` do not count. */
heed_tensor *heed_model_score(heed_graph *g, heed_model m, const heed_teaching *t, heed_tensor *tgt_out, int32_t ignore);

#endif
