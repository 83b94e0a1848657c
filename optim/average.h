/* Averages of parameters, which often generalise better than the last ones: a running one kept during training, and the mean of
 * the last checkpoints (Vaswani et al. 2017, section 6.1). Errors stick to the object. */
#ifndef HEED_AVERAGE_H
#define HEED_AVERAGE_H

#include "../autograd/params.h"

/* --- exponential moving average --------------------------------------------------------------------------------------------- */

typedef struct heed_ema heed_ema;

heed_ema *heed_ema_new(heed_params *ps); /* never NULL; the store has to live longer */
void heed_ema_free(heed_ema *a);         /* leaves the parameters as they are, swapped or not */
const heed_error *heed_ema_error(const heed_ema *a);

/* After a step, for every parameter:  average = decay * average + (1 - decay) * parameter.  It begins as a copy of the parameter.
 * `threads` as in heed_graph_threads; the bits do not depend on it. Refused while swapped. */
heed_code heed_ema_update(heed_ema *a, double decay, int threads);
/* Exchanges averages and parameters: once to evaluate by the averages, once more to train on. Refused before the first update. */
heed_code heed_ema_swap(heed_ema *a);
bool heed_ema_is_swapped(const heed_ema *a);
/* The average of a parameter, in its dtype and shape (the parameter itself while swapped); NULL when there is none yet. */
void *heed_ema_data(const heed_ema *a, const heed_param *p);
/* The same, made where it is not there yet, to be filled from a checkpoint; NULL on an error. */
void *heed_ema_restore(heed_ema *a, const heed_param *p);

/* --- mean of several sets of parameters ------------------------------------------------------------------------------------- */

typedef struct heed_average heed_average;

heed_average *heed_average_new(void); /* never NULL */
void heed_average_free(heed_average *m);
const heed_error *heed_average_error(const heed_average *m);
/* Adds all parameters of a store, by name, into sums of doubles. The first store decides the names and sizes, the others must
 * have the same; one store may be loaded from a file and added again and again. */
heed_code heed_average_add(heed_average *m, const heed_params *ps);
int64_t heed_average_count(const heed_average *m); /* how many were added */
/* Writes the mean into a store of the same names and sizes. Nothing is written when it has others. */
heed_code heed_average_write(heed_average *m, heed_params *ps);

#endif
