/* The keys of --set and of configuration files: what a model is and how it is trained. One table (settings.c) reads, prints and explains them. */
#ifndef HEED_CLI_SETTINGS_H
#define HEED_CLI_SETTINGS_H

#include "io/options.h"

/* by their place in settings_table's choices */
enum { MODEL_TRANSFORMER, MODEL_RNN, MODEL_LSTM, MODEL_GRU };
enum { ATTENTION_NONE }; /* the others: heed_scores in their order */
enum { OBJECTIVE_NEXT, OBJECTIVE_MLM };
enum { TIE_YES, TIE_OUTPUT, TIE_NO };
enum { SCHEDULE_INVERSE_SQRT, SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_PLATEAU };

typedef struct settings {
    /* model */
    int64_t d, heads, ff, enc_layers, dec_layers, dk, dv, max_len;
    int norm, positions, tie, activation;
    double dropout, attention_dropout, ff_dropout;
    /* recurrent models */
    int64_t emb, hidden, enc_hidden, layers, attention_width;
    int model, attention, feed, initial, nonlinearity;
    bool bidirectional, cond, deep;
    double forget_bias, emb_dropout, memory_dropout, out_dropout;
    int objective, pooling;
    double mask_share;
    /* training */
    int optimizer, schedule;
    double lr, beta1, beta2, eps, momentum, weight_decay, clip, label_smoothing, final_lr;
    double decay_factor;
    int64_t schedule_steps, warmup, decay_every, accumulate, shards, seed;
    /* data */
    int64_t batch_tokens, batch_rows, max_length, min_count, vocab_size, rows, window;
    double hold_out;
    /* the run */
    int64_t save_every, valid_every, patience, average, keep;
} settings;

extern const heed_option settings_table[];

/* Refuses what was set although the model has no use for it. */
heed_code settings_check(const settings *s, heed_error *e);
/* The same of what a job of this name is without: keys, each between blanks. */
heed_code settings_without(const settings *s, const char *keys, const char *name, heed_error *e);
/* All that the model has a use for, as lines of a configuration file. */
void settings_print(const settings *s, heed_error *e);
/* The name of a choice by its number. */
const char *settings_choice(const char *key, int value, char text[32]);

#endif
