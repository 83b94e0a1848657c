/* What attention heads do, as numbers: means over the rows (words) of many sentences. */
#ifndef HEED_EXPERIMENTS_MEASURES_H
#define HEED_EXPERIMENTS_MEASURES_H

#include "experiments/language.h"
#include "experiments/lab.h"

enum { MOST_HEADS = 256, MEASURED_LONGEST = 128, FAR = 5 };

typedef enum measure {
    MEASURE_DISTANCE,   /* sum_j w_ij |i - j| */
    MEASURE_ENTROPY,    /* -sum_j w_ij ln w_ij, nats */
    MEASURE_SELF,       /* weight on the word itself, */
    MEASURE_PREVIOUS,   /* on the one before, */
    MEASURE_NEXT,       /* behind, */
    MEASURE_DELIMITER,  /* on all delimiters together */
    MEASURE_FAR,        /* the largest weight at a distance of FAR or more */
    MEASURE_NOUN,       /* weight on the word that this one depends on: determiners, adjectives to their noun, */
    MEASURE_SUBJECT,    /* verbs to their subject, */
    MEASURE_PARTICLE,   /* to their particle, */
    MEASURE_ANTECEDENT, /* pronouns to the subject they stand for, */
    MEASURE_FAR_LINK,   /* verbs to subject or particle at a distance of FAR or more */
    MEASURES
} measure;

typedef struct measured_sentence {
    int length; /* up to MEASURED_LONGEST */
    bool delimiter[MEASURED_LONGEST];
    language_link link[MEASURED_LONGEST];
    int to[MEASURED_LONGEST], particle[MEASURED_LONGEST]; /* -1: none */
} measured_sentence;

typedef struct measures {
    int layers, heads; /* heads of each layer */
    double sum[MOST_HEADS][MEASURES], count[MEASURES];
    double unlike[MOST_HEADS][MOST_HEADS], rows; /* of heads of one layer: Jensen-Shannon divergence of their rows, bits: 0 equal, 1 disjoint */
} measures;

void measures_begin(measures *m, int layers, int heads);
/* maps[layer * heads + head]: weights [length, length] */
void measures_add(measures *m, const measured_sentence *s, const float *const *maps);
/* Into the running piece, to be asked for from the finished one. */
void measures_put(lab *l, const measures *m);

int measures_best(lab *l, const char *piece, measure what);                     /* the head, as layer * heads + head */
int measures_next_best(lab *l, const char *piece, measure what, int best);      /* the best other one of its layer */
void measures_most_unlike(lab *l, const char *piece, int *a, int *b);
/* heads.csv and picks.csv; without `links` those measures are left out. */
void measures_tables(lab *l, const char *piece, bool links);

#endif
