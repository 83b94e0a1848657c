#include "cli/settings.h"

#include "autograd/memory.h"

#include <stdio.h>
#include <string.h>

#define INT(member, range, standard, help) HEED_OPTION_INT(settings, member, range, standard, help)
#define REAL(member, range, standard, help) HEED_OPTION_REAL(settings, member, range, standard, help)
#define CHOICE(member, choices, standard, help) HEED_OPTION_CHOICE(settings, member, choices, standard, help)
#define BOOL(member, standard, help) HEED_OPTION_BOOL(settings, member, standard, help)

/* How the help of a key begins that concerns one sort of model only; settings_check goes by it. */
#define TRANSFORMER "transformer: "
#define RECURRENT "recurrent: "

const heed_option settings_table[] = {
    CHOICE(model, "transformer|rnn|lstm|gru", "transformer", "what learns, also --model; the last three are recurrent"),
    INT(d, "[1,65536]", "128", TRANSFORMER "width of the model"),
    INT(heads, "[1,1024]", "4", TRANSFORMER "attention heads"),
    INT(ff, "[1,1048576]", "512", TRANSFORMER "inner width of the feed-forward parts"),
    INT(enc_layers, "[1,64]", "3", TRANSFORMER "encoder layers (not for --text)"),
    INT(dec_layers, "[1,64]", "3", TRANSFORMER "decoder layers"),
    INT(dk, "[0,65536]", "0", TRANSFORMER "width of a head's queries and keys; 0: d / heads"),
    INT(dv, "[0,65536]", "0", TRANSFORMER "width of a head's values; 0: d / heads"),
    REAL(dropout, "[0,1)", "0.1", "transformer: on each part's output and on the embeddings; recurrent: between layers"),
    REAL(attention_dropout, "[0,1)", "0", TRANSFORMER "on the attention weights"),
    REAL(ff_dropout, "[0,1)", "0", TRANSFORMER "inside the feed-forward parts"),
    CHOICE(norm, "post|pre", "post", TRANSFORMER "layer norm after each part (the paper's) or before it"),
    CHOICE(positions, "sinusoidal|learned|none", "sinusoidal", TRANSFORMER "positional encoding"),
    INT(max_len, "[1,1048576]", "1024", "longest sequence with learned positions; positions that attention=location knows"),
    CHOICE(activation, "relu|gelu|silu", "relu", TRANSFORMER "of the feed-forward parts"),
    INT(emb, "[1,65536]", "128", RECURRENT "width of the embeddings"),
    INT(hidden, "[1,65536]", "256", RECURRENT "width of a layer's state"),
    INT(enc_hidden, "[0,65536]", "0", RECURRENT "the same of each direction of the encoder; 0: hidden"),
    INT(layers, "[1,64]", "1", RECURRENT "layers of the encoder, and of the decoder"),
    BOOL(bidirectional, "yes", RECURRENT "the encoder reads in both directions"),
    CHOICE(attention, "none|cosine|additive|location|general|dot|scaled_dot", "additive",
           RECURRENT "score of the attention; none: a context of fixed size"),
    INT(attention_width, "[0,65536]", "0", RECURRENT "inner width of attention=additive; 0: that of the encoder's states"),
    CHOICE(feed, "none|context|output", "context",
           RECURRENT "what steps get of the one before: what was read, or the output; attention=none: the fixed context"),
    BOOL(cond, "no", RECURRENT "conditional: two cells a step, attention between them; feed does not count"),
    CHOICE(initial, "last|mean|zero", "last", RECURRENT "the decoder begins with the encoder's last state, the mean of all, or zeros"),
    BOOL(deep, "yes", RECURRENT "a hidden layer of width emb before the output; no needs tie=no"),
    CHOICE(nonlinearity, "tanh|relu", "tanh", RECURRENT "of model=rnn"),
    REAL(forget_bias, "[0,100]", "1", RECURRENT "of model=lstm at first; 0: random"),
    REAL(emb_dropout, "[0,1)", "0", RECURRENT "on the source's embeddings; of --text on all"),
    REAL(memory_dropout, "[0,1)", "0", RECURRENT "on the encoder's states"),
    REAL(out_dropout, "[0,1)", "0", RECURRENT "before the output"),
    CHOICE(tie, "yes|output|no", "yes", "one embedding for source, target and output; for target and output; none shared"),
    CHOICE(objective, "next|mlm", "next", "of --text: the symbol that follows, or masked ones (an encoder)"),
    REAL(mask_share, "(0,1]", "0.15", "objective=mlm: share of the symbols that are to be guessed"),
    CHOICE(pooling, "mean|first", "mean", "of --labels: the mean of all states, or the state of a begin symbol put first"),
    REAL(label_smoothing, "[0,1)", "0.1", "share of the target's probability given to all symbols alike; encoders: 0"),
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
    INT(batch_rows, "[0,1000000]", "0", "sentences in a batch at most (pairs); 0: as many as batch_tokens allows"),
    INT(accumulate, "[1,100000]", "1", "batches whose gradients are added up for a step"),
    INT(shards, "[1,64]", "1", "parts of a batch that run side by side, one thread each: faster for small models"),
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

static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

/* Not with the model that is set? */
static bool is_foreign(const heed_option *o, const settings *s)
{
    bool of_one = begins(o->help, TRANSFORMER) != begins(o->help, RECURRENT) && !strstr(o->help, "; " RECURRENT);
    return of_one && !begins(o->help, s->model == MODEL_TRANSFORMER ? TRANSFORMER : RECURRENT);
}

/* The option's value where it is not the default, for heed_free; else NULL. */
static char *changed(const heed_option *o, const settings *s, heed_error *e)
{
    settings standard;
    if (heed_options_defaults(settings_table, &standard, e)) return NULL;
    char *is = heed_options_value(o, s, e), *by_default = heed_options_value(o, &standard, e);
    bool same = !is || !by_default || !strcmp(is, by_default);
    heed_free(by_default);
    if (same) heed_free(is);
    return same ? NULL : is;
}

heed_code settings_check(const settings *s, heed_error *e)
{
    char model[32];
    for (const heed_option *o = settings_table; o->key && !e->code; o++) {
        char *is = is_foreign(o, s) ? changed(o, s, e) : NULL;
        if (is)
            heed_fail(e, HEED_INVALID, "%s=%s does not concern model=%s: it is a setting of %s", o->key, is,
                      settings_choice("model", s->model, model), s->model == MODEL_TRANSFORMER ? "recurrent models" : "the transformer");
        heed_free(is);
    }
    return e->code;
}

heed_code settings_without(const settings *s, const char *keys, const char *name, heed_error *e)
{
    char key[64];
    for (const heed_option *o = settings_table; o->key && !e->code; o++) {
        snprintf(key, sizeof key, " %s ", o->key);
        char *is = strstr(keys, key) ? changed(o, s, e) : NULL;
        if (is) heed_fail(e, HEED_INVALID, "%s=%s does not concern the %s", o->key, is, name);
        heed_free(is);
    }
    return e->code;
}

void settings_print(const settings *s, heed_error *e)
{
    char *text = heed_options_text(settings_table, s, e), *line = text;
    for (const heed_option *o = settings_table; o->key && line; o++) { /* a line an option, in the table's order */
        int length = (int)strcspn(line, "\n") + 1;
        if (!is_foreign(o, s)) printf("%.*s", length, line);
        line += length;
    }
    heed_free(text);
}

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
