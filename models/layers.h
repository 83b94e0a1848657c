/* The small parts every model is made of: each is a struct of parameters with an `init` that names and sizes them, and an `apply` that is its
 * equation. Names given to an `init` are kept as they are (string literals); they name the parameters and the scope of what `apply` records.
 */
#ifndef HEED_LAYERS_H
#define HEED_LAYERS_H

#include "../autograd/params.h"
#include "../ops/ops.h"

enum { HEED_MAX_LAYERS = 64 }; /* of a stack */

/* dense    y = x W + b        x [..., in], W [in, out], b [out] or absent.  W: Xavier uniform (Glorot and Bengio 2010), b: zeros */
typedef struct heed_dense { const char *name; heed_param *weight, *bias; } heed_dense;
void heed_dense_init(heed_dense *m, heed_params *ps, const char *name, int64_t in, int64_t out, bool bias);
heed_tensor *heed_dense_apply(heed_graph *g, const heed_dense *m, heed_tensor *x);

/* embed    y = E[ids]         ids int32 [...], E [vocabulary, d].  E: normal, standard deviation d^-1/2 */
typedef struct heed_embed { const char *name; heed_param *table; } heed_embed;
void heed_embed_init(heed_embed *m, heed_params *ps, const char *name, int64_t vocabulary, int64_t d);
heed_tensor *heed_embed_apply(heed_graph *g, const heed_embed *m, heed_tensor *ids);
/* logits = x E^T: the embedding as output projection (Press and Wolf 2017) */
heed_tensor *heed_embed_logits(heed_graph *g, const heed_embed *m, heed_tensor *x);

/* Which embeddings a model of sequences has */
typedef enum heed_tie {
    HEED_TIE_ALL,    /* one matrix for source and target embedding and for the output (Vaswani et al. 2017, 3.4): needs equal vocabularies */
    HEED_TIE_OUTPUT, /* one for target embedding and output */
    HEED_TIE_NONE    /* an output projection with bias of its own */
} heed_tie;

/* norm     y = gamma (x - mean) / sqrt(var + eps) + beta over the last axis (Ba, Kiros and Hinton 2016).  gamma: ones, beta: zeros, eps 1e-5 */
typedef struct heed_norm { const char *name; heed_param *gamma, *beta; double eps; } heed_norm;
void heed_norm_init(heed_norm *m, heed_params *ps, const char *name, int64_t d);
heed_tensor *heed_norm_apply(heed_graph *g, const heed_norm *m, heed_tensor *x);

/* ffn      y = f(x W1 + b1) W2 + b2      section 3.3 of "Attention Is All You Need", f = relu there */
typedef enum heed_activation { HEED_RELU, HEED_GELU, HEED_SILU } heed_activation;
typedef struct heed_ffn { const char *name; heed_dense up, down; heed_activation activation; double dropout; } heed_ffn;
void heed_ffn_init(heed_ffn *m, heed_params *ps, const char *name, int64_t d, int64_t inner, heed_activation activation, double dropout);
heed_tensor *heed_ffn_apply(heed_graph *g, const heed_ffn *m, heed_tensor *x);

/* positions    x_t + PE_t
 *   sinusoidal (section 3.5)    PE[t, 2i] = sin(t / 10000^(2i/d))    PE[t, 2i+1] = cos(t / 10000^(2i/d))
 *   learned                     PE a parameter [max_len, d], normal with standard deviation d^-1/2 */
typedef enum heed_position_kind { HEED_POSITIONS_SINUSOIDAL, HEED_POSITIONS_LEARNED, HEED_POSITIONS_NONE } heed_position_kind;
typedef struct heed_positions { const char *name; heed_position_kind kind; heed_param *table; } heed_positions;
void heed_positions_init(heed_positions *m, heed_params *ps, const char *name, heed_position_kind kind, int64_t max_len, int64_t d);
/* x [B, T, d], whose first element stands at position `start`. */
heed_tensor *heed_positions_apply(heed_graph *g, const heed_positions *m, heed_tensor *x, int64_t start);

#endif
