/* A model that writes (heed_model), trained on pairs, and how well it does. */
#ifndef HEED_EXPERIMENTS_TEACH_H
#define HEED_EXPERIMENTS_TEACH_H

#include "experiments/learn.h"
#include "experiments/pairs.h"

typedef struct teach {
    learn how;               /* name, params, steps and so on; loss, context and look are set here */
    heed_model model;
    const pairs *data;
    double label_smoothing;
    const char *curve;       /* the piece gets arrays CURVE_step, CURVE_train and CURVE_valid, how.looks points; NULL: none */
    /* results */
    double tokens_per_second; /* target symbols, of training */
    double *steps, *train, *valid; /* the curve, mean losses of a target symbol: of the latest batch as it is trained with, and of what is held out */
    int64_t points, tokens;
} teach;

/* False: the lab has failed. */
bool teach_run(lab *l, teach *t);

/* With the right beginning given: mean loss of a target symbol (nats, no smoothing) share of those that were the likeliest, and the mean probability
 * of the likeliest. */
typedef struct teach_loss { double loss, token_accuracy, confidence; } teach_loss;
teach_loss teach_measure(lab *l, const teach *t, heed_batches *batches);

/* What the model writes by itself for the held-out sources, compared with the right answer that is nearest. */
typedef struct teach_errors {
    int64_t outputs;
    double wrong; /* share of outputs that are not entirely right (a dictionary's WER) */
    double edits; /* edits for a symbol of the right answers (its PER) */
    double bleu;  /* of symbols, with all answers as references where all sources have as many; NaN otherwise */
} teach_errors;
teach_errors teach_write(lab *l, const teach *t, int64_t beam);
/* The same by length of the source: e[0] of lengths 1 to `width`, e[1] of the next `width`, ...; the last group has all longer ones. */
void teach_write_by_length(lab *l, const teach *t, int64_t beam, int64_t width, int groups, teach_errors *e);

/* A batch's source and target as leaves of the graph. */
heed_teaching teach_batch(heed_graph *g, const heed_batch *b);

#endif
