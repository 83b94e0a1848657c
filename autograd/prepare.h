/* Weights that products read in a form of their own, made once and kept over runs.
 *
 * An op may take, beside a parameter, a leaf that holds the same values in another order or precision: panels for the product's kernel, 8-bit
 * numbers. The parameter's store owns such a form and shares it among all graphs; it is made in the first run that needs it and made again
 * when the parameter has changed since. `heed_graph_packed` (graph.h) says when products ask for one.
 */
#ifndef HEED_PREPARE_H
#define HEED_PREPARE_H

#include "params.h"

/* How a form is made. A constant that lives as long as the program; forms are told apart by its address. */
typedef struct heed_preparation {
    size_t (*bytes)(const heed_param *p);                                /* 0: too many */
    int64_t (*tasks)(const heed_param *p);
    void (*run)(void *to, const heed_param *p, int64_t task);            /* serial; writes only what its task owns */
} heed_preparation;

/* The parameter whose whole memory t shows, in any order of its axes, or NULL. */
heed_param *heed_whole_param(const heed_graph *g, const heed_tensor *t);
/* The form of p as a leaf, uint8 [bytes]: its values are right in every run that begins after this call, also when p is changed in between. */
heed_tensor *heed_use_prepared(heed_graph *g, heed_param *p, const heed_preparation *how);

/* Frees all forms of a store. Not while a graph that uses them is between recording and reset; they are made again when they are needed. */
void heed_params_release(heed_params *ps);
/* Bytes that the forms of a store take. */
size_t heed_params_prepared_bytes(const heed_params *ps);

#endif
