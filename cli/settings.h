/* The keys of --set and of configuration files: what a model is and how it is trained. One table (settings.c) reads, prints and explains them. */
#ifndef HEED_CLI_SETTINGS_H
#define HEED_CLI_SETTINGS_H

#include "io/options.h"

/* by their place in settings_table's choices */
enum { TIE_YES, TIE_OUTPUT, TIE_NO };
enum { SCHEDULE_INVERSE_SQRT, SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_PLATEAU };

typedef struct settings {
    /* model */
    int64_t d, heads, ff, enc_layers, dec_layers, dk, dv, max_len;
    int norm, positions, tie, activation;
    double dropout, attention_dropout, ff_dropout;
    /* training */
    int optimizer, schedule;
    double lr, beta1, beta2, eps, momentum, weight_decay, clip, label_smoothing, final_lr;
    double decay_factor;
    int64_t schedule_steps, warmup, decay_every, accumulate, seed;
    /* data */
    int64_t batch_tokens, max_length, min_count, vocab_size, rows, window;
    double hold_out;
    /* the run */
    int64_t save_every, valid_every, patience, average, keep;
} settings;

extern const heed_option settings_table[];

/* The name of a choice by its number. */
const char *settings_choice(const char *key, int value, char text[32]);

#endif
