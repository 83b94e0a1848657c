/* heed train --from CKPT: a new run that begins with the encoder of another. Its units, vocabulary and sizes are taken over, its weights
 * copied by name; what stands on it starts anew, but for a masked language model that goes on as one. */
#include "cli/training.h"

#include <string.h>

/* The settings that make an encoder what it is. */
static const char *const encoder_keys[] = {"model", "d", "heads", "ff", "enc_layers", "dk", "dv", "max_len", "norm", "positions",
                                           "activation", "emb", "hidden", "enc_hidden", "layers", "bidirectional", "nonlinearity", "pooling"};
enum { KEYS = sizeof encoder_keys / sizeof *encoder_keys };

static const heed_option *option(const char *key)
{
    const heed_option *o = settings_table;
    while (strcmp(o->key, key)) o++;
    return o;
}

heed_code from_read(training *t, settings *set, heed_error *e)
{
    const char *file = t->a.from;
    job *base = &t->base;
    if (job_load(base, file, false, e)) return e->code;
    if (!job_traits_of(base)->encoder)
        return heed_fail(e, HEED_INVALID, "--from %s: not a masked language model, a classifier or a tagger, but: %s", file,
                         job_traits_of(base)->title);
    for (int i = 0; i < KEYS && !e->code; i++) {
        char *value = heed_options_value(option(encoder_keys[i]), &base->set, e);
        if (value) heed_options_set(settings_table, set, "--from", encoder_keys[i], value, e);
        heed_free(value);
    }
    t->j.src_units = base->src_units;
    t->j.src_vocab = base->src_vocab;
    base->src_units = NULL;
    base->src_vocab = NULL;
    return e->code;
}

/* Sizes that --set or --config gave and the encoder has not. */
heed_code from_check(const training *t, heed_error *e)
{
    for (int i = 0; i < KEYS && !e->code; i++) {
        const char *key = encoder_keys[i];
        char *is = heed_options_value(option(key), &t->base.set, e), *want = heed_options_value(option(key), &t->j.set, e);
        if (is && want && strcmp(is, want) && strcmp(key, "pooling"))
            heed_fail(e, HEED_INVALID, "--from %s: its encoder has %s=%s, which cannot become %s; leave %s out", t->a.from, key, is, want, key);
        heed_free(is);
        heed_free(want);
    }
    return e->code;
}

heed_code from_copy(training *t, heed_error *e)
{
    bool same_head = t->j.kind == JOB_MASKED && t->base.kind == JOB_MASKED;
    for (int i = 0; i < heed_params_count(t->j.params); i++) {
        heed_param *p = heed_params_at(t->j.params, i), *from = heed_params_find(t->base.params, heed_param_name(p));
        const char *name = heed_param_name(p);
        bool head = !strncmp(name, "head.", 5) || !strncmp(name, "mlm.", 4);
        if (head && !same_head) continue;
        if (!from || heed_param_size(from) != heed_param_size(p))
            return heed_fail(e, HEED_INVALID, "--from %s: its encoder has no '%s' of this size", t->a.from, name);
        memcpy(heed_param_data(p), heed_param_values(from), (size_t)heed_param_size(p) * heed_dtype_size(heed_param_dtype(p)));
    }
    fprintf(stderr, "the encoder of %s: %s after %lld steps\n", t->a.from, job_traits_of(&t->base)->name, (long long)t->base.step);
    job_free(&t->base);
    return HEED_OK;
}
