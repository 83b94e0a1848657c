/* Parameters: a store of named arrays with their gradients, owned by the store until it is freed.
 *
 * Names are dotted paths ("enc.0.attn.q.weight"); a name is created once. Initial values come from a stream keyed by the store's seed
 * and the name, so the order of creation does not matter. Errors stick to the store: a failed creation returns a living parameter
 * of size 0 and every later call does nothing. Optimizer, clipping and checkpoint are flat loops over the store.
 */
#ifndef HEED_PARAMS_H
#define HEED_PARAMS_H

#include "graph.h"

typedef struct heed_params heed_params;
typedef struct heed_param heed_param;

heed_params *heed_params_new(uint64_t seed); /* never NULL: without memory, a store that has failed already */
void heed_params_free(heed_params *ps);
const heed_error *heed_params_error(const heed_params *ps);
heed_code heed_params_fail(heed_params *ps, heed_code code, const char *format, ...) HEED_PRINTF(3, 4);

/* --- creation -------------------------------------------------------------------------------------------------------------- */

/* How a parameter starts. fan_in is the product of all axes but the last, fan_out the last axis: weights are [in, out]. */
typedef enum heed_init_kind {
    HEED_INIT_CONSTANT,        /* a */
    HEED_INIT_NORMAL,          /* mean a, standard deviation b */
    HEED_INIT_UNIFORM,         /* between a and b */
    HEED_INIT_XAVIER_UNIFORM,  /* +- a sqrt(6 / (fan_in + fan_out)); gain a (Glorot and Bengio 2010) */
    HEED_INIT_XAVIER_NORMAL,   /* standard deviation a sqrt(2 / (fan_in + fan_out)) */
    HEED_INIT_KAIMING_UNIFORM, /* +- a sqrt(3 / fan_in); gain a = sqrt(2) for relu (He et al. 2015) */
    HEED_INIT_KAIMING_NORMAL,  /* standard deviation a / sqrt(fan_in) */
    HEED_INIT_ORTHOGONAL       /* rows or columns orthonormal, times a (Saxe et al. 2014) */
} heed_init_kind;
typedef struct heed_init { heed_init_kind kind; double a, b; } heed_init;

#define HEED_ZEROS ((heed_init){HEED_INIT_CONSTANT, 0, 0})
#define HEED_ONES ((heed_init){HEED_INIT_CONSTANT, 1, 0})
#define HEED_NORMAL(mean, deviation) ((heed_init){HEED_INIT_NORMAL, mean, deviation})
#define HEED_UNIFORM(low, high) ((heed_init){HEED_INIT_UNIFORM, low, high})
#define HEED_XAVIER ((heed_init){HEED_INIT_XAVIER_UNIFORM, 1, 0})

/* Prefixes the names that follow ("enc.%d"), until its end. */
void heed_params_scope(heed_params *ps, const char *format, ...) HEED_PRINTF(2, 3);
void heed_params_scope_end(heed_params *ps);
/* A new parameter, float32 or float64. Never NULL. A name twice is an error. */
heed_param *heed_param_new(heed_params *ps, const char *name, heed_dtype dtype, int rank, const int64_t *shape, heed_init init);
/* dtype of the parameters that modules create: float32 at first; float64 for gradient checks and scientists. */
void heed_params_dtype(heed_params *ps, heed_dtype dtype);
heed_dtype heed_params_dtype_now(const heed_params *ps);

/* --- use ---------------------------------------------------------------------------------------------------------------------- */

/* The parameter as a leaf of the graph: the same tensor however often it is asked for between resets. One store a graph and reset. */
heed_tensor *heed_use(heed_graph *g, heed_param *p);

/* --- the store as a list ---------------------------------------------------------------------------------------------------------- */

int heed_params_count(const heed_params *ps);
heed_param *heed_params_at(const heed_params *ps, int i);       /* in order of creation; NULL out of range */
heed_param *heed_params_find(const heed_params *ps, const char *name); /* NULL when there is none */
int64_t heed_params_size(const heed_params *ps);                /* weights in all */
/* Shell-like match of a dotted name, * for any run of characters. */
bool heed_name_matches(const char *pattern, const char *name);
/* Trainable or frozen (no gradient, optimizers pass it over), by pattern; returns how many matched. All are trainable at first. */
int heed_params_trainable(heed_params *ps, const char *pattern, bool trainable);
/* A table of names, shapes and counts. */
void heed_params_summary(const heed_params *ps, FILE *out);

const char *heed_param_name(const heed_param *p);
heed_dtype heed_param_dtype(const heed_param *p);
int heed_param_rank(const heed_param *p);
const int64_t *heed_param_shape(const heed_param *p);
int64_t heed_param_size(const heed_param *p);
bool heed_param_is_trainable(const heed_param *p);
int heed_param_index(const heed_param *p);
heed_params *heed_param_store(const heed_param *p);
/* Values, row-major, to be written between runs. A graph that keeps weights packed (heed_graph_packed) learns from this call that they
 * change: there, ask again for every write after a run. */
void *heed_param_data(heed_param *p);
const void *heed_param_values(const heed_param *p);             /* to be read only */
uint64_t heed_param_version(const heed_param *p);               /* grows with every call of heed_param_data, so with every change */
/* The gradient, row-major, zeros when none was added since heed_params_zero_grad; NULL only when memory is refused. */
void *heed_param_grad(heed_param *p);
/* True when no gradient was added since the last heed_params_zero_grad: its values count as zeros. */
bool heed_param_grad_is_zero(const heed_param *p);
void heed_params_zero_grad(heed_params *ps);

#endif
