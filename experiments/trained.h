/* The Transformer of a checkpoint that `heed train` made, with what its encoder reads. */
#ifndef HEED_EXPERIMENTS_TRAINED_H
#define HEED_EXPERIMENTS_TRAINED_H

#include "experiments/lab.h"

typedef struct trained {
    heed_params *params;
    heed_transformer *model; /* the lab's */
    heed_units *units;       /* of the source */
    heed_vocab *vocab;
} trained;

/* False, and an error of the lab, where the file is no Transformer with an encoder. trained_close in any case. */
bool trained_open(lab *l, trained *t, const char *file);
void trained_close(trained *t);

#endif
