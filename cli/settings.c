#include "cli/settings.h"

#include <stdio.h>
#include <string.h>

#define INT(member, range, standard, help) HEED_OPTION_INT(settings, member, range, standard, help)
#define REAL(member, range, standard, help) HEED_OPTION_REAL(settings, member, range, standard, help)
#define CHOICE(member, choices, standard, help) HEED_OPTION_CHOICE(settings, member, choices, standard, help)

const heed_option settings_table[] = {
    INT(d, "[1,65536]", "128", "width of the model"),
    INT(heads, "[1,1024]", "4", "attention heads"),
    INT(ff, "[1,1048576]", "512", "inner width of the feed-forward parts"),
    INT(enc_layers, "[1,64]", "3", "encoder layers (not for --text)"),
    INT(dec_layers, "[1,64]", "3", "decoder layers"),
    INT(dk, "[0,65536]", "0", "width of a head's queries and keys; 0: d / heads"),
    INT(dv, "[0,65536]", "0", "width of a head's values; 0: d / heads"),
    REAL(dropout, "[0,1)", "0.1", "on each part's output and on the embeddings"),
    REAL(attention_dropout, "[0,1)", "0", "on the attention weights"),
    REAL(ff_dropout, "[0,1)", "0", "inside the feed-forward parts"),
    CHOICE(norm, "post|pre", "post", "layer norm after each part (the paper's) or before it"),
    CHOICE(positions, "sinusoidal|learned|none", "sinusoidal", "positional encoding"),
    INT(max_len, "[1,1048576]", "1024", "longest sequence with learned positions"),
    CHOICE(activation, "relu|gelu|silu", "relu", "of the feed-forward parts"),
    CHOICE(tie, "yes|output|no", "yes", "one embedding for source, target and output; for target and output; none shared"),
    REAL(label_smoothing, "[0,1)", "0.1", "share of the target's probability given to all symbols alike"),
    CHOICE(optimizer, "adam|adamw|sgd|rmsprop|adagrad", "adam", "the rule that changes the weights"),
    REAL(lr, "(0,1000]", "0.001", "learning rate, the highest of its schedule"),
    CHOICE(schedule, "inverse_sqrt|cosine|linear|constant|step|plateau", "inverse_sqrt", "of the learning rate, after the warm-up"),
    INT(schedule_steps, "[0,1000000000]", "0", "length of the schedule; 0: the steps of the run's first start"),
    INT(warmup, "[0,1000000000]", "400", "steps in which the learning rate rises from 0"),
    REAL(final_lr, "[0,1000]", "0", "where linear and cosine end"),
    INT(decay_every, "[1,1000000000]", "1000", "schedule=step: steps, schedule=plateau: validations, between decays"),
    REAL(decay_factor, "(0,1)", "0.5", "schedule=step and plateau: what the rate is multiplied by"),
    REAL(beta1, "[0,1)", "0.9", "adam: decay of the mean of gradients"),
    REAL(beta2, "[0,1)", "0.98", "adam: decay of the mean of squares"),
    REAL(eps, "(0,1)", "1e-09", "adam, rmsprop, adagrad: added to the divisor"),
    REAL(momentum, "[0,1)", "0.9", "sgd, rmsprop"),
    REAL(weight_decay, "[0,1)", "0", "of all rules"),
    REAL(clip, "[0,1e+09]", "1", "largest norm of all gradients together; 0: any"),
    INT(batch_tokens, "[1,100000000]", "2048", "tokens in a batch, padding included (pairs)"),
    INT(accumulate, "[1,100000]", "1", "batches whose gradients are added up for a step"),
    INT(max_length, "[1,1000000]", "256", "longer sentences are left out of training"),
    INT(rows, "[1,1000000]", "12", "windows in a batch (--text)"),
    INT(window, "[1,1000000]", "64", "symbols in a window (--text)"),
    INT(min_count, "[1,1000000000]", "1", "rarer symbols are unknown"),
    INT(vocab_size, "[0,100000000]", "0", "at most so many symbols; 0: all"),
    REAL(hold_out, "[0,0.5]", "0.05", "share kept for validation when no validation files are given"),
    INT(save_every, "[1,1000000000]", "500", "steps between checkpoints"),
    INT(valid_every, "[1,1000000000]", "500", "steps between validations"),
    INT(patience, "[0,1000000]", "0", "stop after so many validations without a better one; 0: never"),
    INT(average, "[0,1000]", "0", "the mean of so many last checkpoints is written at the end; 0: none"),
    INT(keep, "[1,1000]", "1", "checkpoints of earlier steps to keep"),
    INT(seed, "[0,9007199254740992]", "1", "of initial weights, dropout and the order of the data"),
    {0},
};

const char *settings_choice(const char *key, int value, char text[32])
{
    text[0] = 0;
    for (const heed_option *o = settings_table; o->key; o++) {
        if (strcmp(o->key, key) || o->type != HEED_OPTION_IS_CHOICE) continue;
        const char *at = o->range;
        for (int i = 0; i < value && at; i++) at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL;
        if (at) snprintf(text, 32, "%.*s", (int)strcspn(at, "|"), at);
    }
    return text;
}
