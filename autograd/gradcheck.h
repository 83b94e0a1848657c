/* Gradient check: are the derivatives of a function of tensors the derivatives of its values? For users' ops and models as for ours.
 *
 *     static heed_tensor *f(heed_graph *g, heed_tensor *const *x, void *context) { return heed_mul(g, x[0], heed_exp(g, x[1])); }
 *
 *     heed_gradcheck_input x[] = {{HEED_F64, 2, {2, 3}, a}, {HEED_F64, 1, {3}, b}};
 *     heed_gradcheck_report r = heed_gradcheck(f, NULL, 2, x, NULL);
 *     if (!r.ok) puts(r.message);
 *
 * The result y is made a number by irregular weights, s = sum_i w_i y_i, so that no symmetry hides an error. Gradients of s are
 * compared with fourth-order central differences, element by element for small tensors and along random unit directions for
 * larger ones; gradients by every subset of the inputs must agree with those by all of them (beyond 6 inputs: by each alone). The second
 * order does the same with a random projection of the first gradient, by the inputs and by w.
 *
 * An error is relative to the largest gradient of the tensor it is in (or to 1e-4 sum |w_i y_i|, if that is larger: rounding of s).
 * Besides, y and its gradients must be the same, up to rounding, in eager mode and from inputs in other strides
 * (column-major, padded, reversed), and loosely the same in float32 (5e-4).
 */
#ifndef HEED_GRADCHECK_H
#define HEED_GRADCHECK_H

#include "graph.h"
#include "params.h"

/* Records the function on a graph. It must depend on nothing but its operands, the context and the parameters: it is called many times,
 * with float64 operands and (unless only_float64) with float32 ones. */
typedef heed_tensor *heed_gradcheck_fn(heed_graph *g, heed_tensor *const *x, void *context);

typedef struct heed_gradcheck_input {
    heed_dtype dtype; /* HEED_F64: differentiated; HEED_I32 and HEED_U8 are given as they are */
    int rank;
    int64_t shape[HEED_MAX_RANK];
    const void *data; /* row-major; copied */
} heed_gradcheck_input;

typedef struct heed_gradcheck_options { /* all zero: the second order is not checked, and the values named below */
    bool values_only;    /* no derivatives: eager, strided and float32 results only; the result may be int32 or uint8 */
    bool second;         /* the second order too */
    bool only_float64;   /* no comparison with float32 (there is none either when params are given) */
    bool training;       /* as heed_graph_training; draws are the same in every call */
    double tolerance;    /* 1e-7 */
    double step;         /* of the differences: 2^-10 */
    int64_t elementwise; /* tensors of more elements are checked along directions: 100 */
    int directions;      /* 8 */
    heed_params *params; /* its trainable parameters, all float64, are checked like inputs; heed_backward too. Gradients are zeroed */
} heed_gradcheck_options;

typedef struct heed_gradcheck_report {
    bool ok;
    double first, second;             /* worst error of the first and of the second order */
    int64_t count;                    /* numbers compared */
    double error, analytic, numeric;  /* where the error is largest compared with what is allowed there */
    char where[200];                  /* such as "first order: input 1, element 5" */
    char message[508];                /* one sentence, also when all is well */
} heed_gradcheck_report;

/* `options` may be NULL. Needs no graph: it makes its own. */
heed_gradcheck_report heed_gradcheck(heed_gradcheck_fn *f, void *context, int count, const heed_gradcheck_input *x,
                                     const heed_gradcheck_options *options);

#endif
