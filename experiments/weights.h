/* Weights of a model in a piece, so that what is measured of it is a piece of its own. */
#ifndef HEED_EXPERIMENTS_WEIGHTS_H
#define HEED_EXPERIMENTS_WEIGHTS_H

#include "experiments/lab.h"

/* Puts all float32 parameters into the running piece, under their names. */
void weights_keep(lab *l, heed_params *ps);
/* Fills parameters of the same names and shapes from a finished piece; other shapes fail the lab. */
void weights_take(lab *l, const char *piece, heed_params *ps);

#endif
