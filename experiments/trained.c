#include "experiments/trained.h"

#include "experiments/measures.h"

#include <stdlib.h>
#include <string.h>

/* The value of a key in lines of `key = value`; "" where there is none. */
static const char *setting(lab *l, const char *settings, const char *key)
{
    size_t n = strlen(key);
    for (const char *at = settings; *at; at += strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n')) {
        if (strncmp(at, key, n) || at[n] != ' ') continue;
        const char *value = at + n + strspn(at + n, " =");
        return lab_text(l, "%.*s", (int)strcspn(value, "\n"), value);
    }
    return "";
}

static int64_t number(lab *l, const char *settings, const char *key) { return strtoll(setting(l, settings, key), NULL, 10); }

static const char *text_of(lab *l, const heed_checkpoint *c, const char *name)
{
    const heed_checkpoint_array *a = heed_checkpoint_find(c, name);
    return a && a->type == HEED_CHECKPOINT_U8 ? lab_text(l, "%.*s", (int)a->count, (const char *)a->data) : NULL;
}

static heed_transformer_config config_of(lab *l, const char *s, int64_t vocabulary)
{
    static const char *const activations[] = {"relu", "gelu", "silu"}, *const positions[] = {"sinusoidal", "learned", "none"};
    heed_transformer_config c = {.src_vocab = vocabulary, .enc_layers = (int)number(l, s, "enc_layers"), .max_len = number(l, s, "max_len")};
    c.layer = (heed_layer_config){.d = number(l, s, "d"), .heads = number(l, s, "heads"), .dk = number(l, s, "dk"), .dv = number(l, s, "dv"),
                                  .ff = number(l, s, "ff"), .pre_norm = !strcmp(setting(l, s, "norm"), "pre")};
    if (!c.layer.dk && c.layer.heads > 0) c.layer.dk = c.layer.d / c.layer.heads;
    if (!c.layer.dv && c.layer.heads > 0) c.layer.dv = c.layer.d / c.layer.heads;
    for (int i = 0; i < 3; i++) {
        if (!strcmp(setting(l, s, "activation"), activations[i])) c.layer.activation = (heed_activation)i;
        if (!strcmp(setting(l, s, "positions"), positions[i])) c.positions = (heed_position_kind)i;
    }
    return c;
}

/* The encoder alone: its embedding is "embed" in the checkpoint where the decoder shares it. */
static void load(lab *l, const trained *t, const heed_checkpoint *c)
{
    bool shared = heed_checkpoint_find(c, "params/embed.weight") != NULL;
    for (int i = 0; i < heed_params_count(t->params) && lab_ok(l); i++) {
        heed_param *p = heed_params_at(t->params, i);
        const void *data;
        const char *name = heed_param_name(p);
        const char *stored = lab_text(l, "params/%s", shared && !strcmp(name, "src.weight") ? "embed.weight" : name);
        if (!heed_checkpoint_get(c, stored, HEED_CHECKPOINT_F32, heed_param_rank(p), heed_param_shape(p), &data, lab_error(l)))
            memcpy(heed_param_data(p), data, (size_t)heed_param_size(p) * sizeof(float));
    }
}

bool trained_open(lab *l, trained *t, const char *file)
{
    heed_error *e = lab_error(l);
    heed_checkpoint *c = lab_ok(l) ? heed_checkpoint_read(file, e) : NULL;
    const char *model = NULL;
    if (c) heed_checkpoint_get_text(c, "model", &model, e);
    const char *settings = c ? text_of(l, c, "settings") : NULL;
    bool shared = c && !heed_checkpoint_find(c, "data/source_vocabulary");
    const char *side = shared ? "target" : "source";
    const heed_checkpoint_array *units = c ? heed_checkpoint_find(c, lab_text(l, "data/%s_units", side)) : NULL,
                                *vocab = c ? heed_checkpoint_find(c, lab_text(l, "data/%s_vocabulary", side)) : NULL;
    if (lab_ok(l) && (!settings || !units || !vocab || number(l, settings, "enc_layers") < 1 ||
                      (strcmp(model, "transformer") && strcmp(model, "encoder")) || !heed_checkpoint_find(c, "params/enc.0.self.q.weight")))
        lab_fail(l, "%s: no Transformer with an encoder that heed train made", file);
    if (lab_ok(l)) t->units = heed_units_restore(units->data, (size_t)units->count, e);
    if (lab_ok(l)) t->vocab = heed_vocab_restore(file, vocab->data, (size_t)vocab->count, e);
    t->params = heed_params_new(1);
    t->model = lab_alloc(l, 1, sizeof *t->model);
    if (lab_ok(l)) {
        heed_transformer_config config = config_of(l, settings, (int64_t)heed_vocab_size(t->vocab));
        int64_t heads = config.enc_layers * config.layer.heads;
        if (heads > MOST_HEADS) lab_fail(l, "%s: has %lld heads; %d can be looked at", file, (long long)heads, MOST_HEADS);
        else heed_transformer_init(t->model, t->params, &config);
        if (lab_check(l, heed_params_error(t->params))) load(l, t, c);
    }
    heed_checkpoint_free(c);
    return lab_ok(l);
}

void trained_close(trained *t)
{
    heed_params_free(t->params);
    heed_units_free(t->units);
    heed_vocab_free(t->vocab);
}
