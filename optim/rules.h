/* The rules of the optimizers as data. Private to optim/. */
#ifndef HEED_RULES_H
#define HEED_RULES_H

#include "ops/update.h"

#include <stdbool.h>

/* Those of every rule first. */
enum { LR, LR_FACTOR, FROZEN, GRADIENT_SCALE, CLIP_NORM, CLIP_VALUE, WEIGHT_DECAY, MOMENTUM, NESTEROV, ALPHA, BETA1, BETA2, EPS,
       SETTINGS };

/* A value v is allowed when 0 <= v < below. */
typedef struct setting { const char *name; double below; } setting;
extern const setting heed_settings[SETTINGS];

typedef struct rule {
    const char *name;
    double initial[SETTINGS];       /* of those in `settings` */
    unsigned settings;              /* 1 << MOMENTUM | ...: what it has beside those that all have */
    const heed_update_rule *widest; /* the kernel with all state that the rule may keep; others keep the first of it */
    bool counts;                    /* keeps the parameter's steps */
    /* The numbers of a parameter's step `t` (from 1) with learning rate `lr`, and the kernel for them. */
    const heed_update_rule *(*prepare)(const double *s, double lr, double t, heed_update *u);
} rule;

extern const rule heed_rules[];
enum { RULES = 5 };

#endif
