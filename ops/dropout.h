/* Dropout by a given draw: what attention in its two forms has in common. */
#ifndef HEED_DROPOUT_H
#define HEED_DROPOUT_H

#include "autograd/op.h"

/* p between 0 and 1, exclusive; the graph's training switch is not asked. */
heed_tensor *heed_dropout_by(heed_graph *g, heed_tensor *x, double p, heed_draw draw);

#endif
