/* Attention of a query to a source, with the scores that came before the Transformer and its own behind one interface.
 *
 *     e_s = score(y, h_s)        a = softmax(e) over the source        c = sum_s a_s h_s
 *
 * y is the query (a decoder's state), h_s the annotations of the source, c the context.
 *
 *     name         score(y, h_s)            from
 *     cosine       b cos(y, h_s)            Graves, Wayne and Danihelka 2014 (content-based; b is their key strength, one number, 1 at first)
 *     additive     v . tanh(W [y; h_s])     Bahdanau, Cho and Bengio 2015; computed as v . tanh(W_y y + W_h h_s + b), W_h h_s once a source
 *     location     (W y)_s                  Luong, Pham and Manning 2015: by position alone, up to max_len; further ones are not looked at
 *     general      y . W h_s                Luong et al. 2015
 *     dot          y . h_s                  Luong et al. 2015
 *     scaled_dot   y . h_s / sqrt(d)        Vaswani et al. 2017
 *
 * cosine, dot and scaled_dot need a query and annotations of one width. Where they differ (a bidirectional encoder's annotations are
 * twice as wide as its states) W h_s takes the place of h_s in the score: then dot is general.
 *
 * The table is open: a heed_score of a program's own is used like these.
 */
#ifndef HEED_SCORE_H
#define HEED_SCORE_H

#include "layers.h"

typedef struct heed_attend heed_attend;

/* What is prepared once a source. */
typedef struct heed_source {
    heed_tensor *memory; /* [B, S, memory]: the annotations */
    heed_tensor *keys;   /* what the score made of them */
    heed_tensor *masked; /* uint8 [B, 1, S], 1 beyond a sentence's end; NULL: nothing is */
} heed_source;

typedef struct heed_score {
    const char *name, *formula;
    void (*init)(heed_attend *m, heed_params *ps);                                  /* its parameters; NULL: none */
    /* [B, ...] of the annotations, or [1, ...] where it is the same for all sentences; NULL: the annotations themselves */
    heed_tensor *(*keys)(heed_graph *g, const heed_attend *m, heed_tensor *memory);
    heed_tensor *(*score)(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *s); /* [B, T, S] of [B, T, query] */
    int64_t (*size)(const heed_attend *m);                                          /* weights that init makes; NULL: none */
} heed_score;

extern const heed_score heed_scores[]; /* the table above, in its order; ended by a name of NULL */
const heed_score *heed_score_find(const char *name); /* NULL: there is none of that name */

struct heed_attend {
    const char *name;
    const heed_score *score;
    int64_t query, memory; /* widths of y and h */
    int64_t width;         /* of additive's hidden layer */
    int64_t max_len;       /* of location */
    heed_dense w, u;       /* what a score needs: w of y, u of h */
    heed_param *v;
    void *own;             /* for a score of a program's own */
};

/* width 0: that of the annotations. */
void heed_attend_init(heed_attend *m, heed_params *ps, const char *name, const heed_score *score, int64_t query, int64_t memory,
                      int64_t width, int64_t max_len);
/* The weights that such an init would make; INT64_MAX from 2^53 on. */
int64_t heed_attend_size(const heed_score *score, int64_t query, int64_t memory, int64_t width, int64_t max_len);

/* memory [B, S, memory] with lengths int32 [B], or NULL: all of S */
heed_source heed_attend_source(heed_graph *g, const heed_attend *m, heed_tensor *memory, heed_tensor *lengths);
/* uint8 [B, 1, S]: 1 where position s is not below lengths[b]; NULL of NULL. */
heed_tensor *heed_beyond(heed_graph *g, heed_tensor *lengths, int64_t steps);

/* query [B, d] gives the context [B, memory], query [B, T, d] gives [B, T, memory]. The weights, [B, T, S] (T = 1 of the first), are
 * named "weights" in the module's scope; `weights` may be NULL. */
heed_tensor *heed_attend_apply(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *source, heed_tensor **weights);

#endif
