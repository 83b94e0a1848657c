/* A job as a checkpoint, and back. Nothing of the clock, of paths or of threads is in it: the same state gives the same bytes. */
#include "cli/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static heed_checkpoint_type type_of(heed_dtype dtype) { return dtype == HEED_F32 ? HEED_CHECKPOINT_F32 : HEED_CHECKPOINT_F64; }

/* Texts that a checkpoint borrows until it is written. */
typedef struct texts { char *item[8]; int count; } texts;

static void put_text(heed_checkpoint *c, texts *t, const char *name, char *text, size_t length, heed_error *e)
{
    if (!text) return; /* the error is set */
    t->item[t->count++] = text;
    heed_checkpoint_put(c, name, HEED_CHECKPOINT_U8, 1, (int64_t[]){(int64_t)length}, text, e);
}

static void put_side(heed_checkpoint *c, texts *t, const char *side, const heed_units *u, const heed_vocab *v, heed_error *e)
{
    char name[64];
    size_t length = 0;
    snprintf(name, sizeof name, "data/%s_units", side);
    char *text = u ? heed_units_save(u, &length, e) : NULL; /* labels have none */
    put_text(c, t, name, text, length, e);
    snprintf(name, sizeof name, "data/%s_vocabulary", side);
    text = heed_vocab_save(v, &length, e);
    put_text(c, t, name, text, length, e);
}

static void put_params(heed_checkpoint *c, const job *j, heed_error *e)
{
    char name[600];
    for (int i = 0; i < heed_params_count(j->params); i++) {
        heed_param *p = heed_params_at(j->params, i);
        snprintf(name, sizeof name, "params/%s", heed_param_name(p));
        heed_checkpoint_put(c, name, type_of(heed_param_dtype(p)), heed_param_rank(p), heed_param_shape(p), heed_param_values(p),
                            e);
    }
    heed_optimizer_array a = {0};
    while (j->optimizer && heed_optimizer_next(j->optimizer, &a)) {
        snprintf(name, sizeof name, "optimizer/%s/%s", a.name, heed_param_name(a.param));
        heed_checkpoint_put(c, name, type_of(a.dtype), a.rank, a.shape, a.data, e);
    }
}

heed_code job_save(job *j, const char *file, heed_error *e)
{
    texts t = {{0}, 0};
    heed_checkpoint *c = heed_checkpoint_new(e);
    char *text = heed_options_text(settings_table, &j->set, e);
    put_text(c, &t, "settings", text, text ? strlen(text) : 0, e);
    if (j->src_vocab && j->src_vocab != j->tgt_vocab) put_side(c, &t, "source", j->src_units, j->src_vocab, e);
    else if (j->src_units && j->src_units != j->tgt_units) {
        size_t length = 0;
        text = heed_units_save(j->src_units, &length, e);
        put_text(c, &t, "data/source_units", text, length, e);
    }
    if (j->tgt_vocab) put_side(c, &t, "target", j->tgt_units, j->tgt_vocab, e);
    put_params(c, j, e);
    const carry *k = &j->carry;
    if (k->state) heed_checkpoint_put(c, "carried", HEED_CHECKPOINT_F32, 2, (int64_t[]){k->rows, k->width}, k->state, e);
    heed_checkpoint_set_text(c, "model", j->model.kind->name, e);
    heed_checkpoint_set_text(c, "task", job_traits_of(j)->task, e);
    heed_checkpoint_set_int(c, "step", j->step, e);
    heed_checkpoint_set_int(c, "best_step", j->best_step, e);
    heed_checkpoint_set_int(c, "bad_count", j->bad_count, e);
    heed_checkpoint_set_real(c, "best_loss", j->best_loss, e);
    heed_checkpoint_set_real(c, "plateau_best", j->plateau.best, e);
    heed_checkpoint_set_real(c, "plateau_scale", j->plateau.scale, e);
    heed_checkpoint_set_int(c, "plateau_bad", j->plateau.bad, e);
    heed_checkpoint_set_int(c, "data_hash", (int64_t)j->data_hash, e);
    if (!e->code) heed_checkpoint_write(c, file, e);
    heed_checkpoint_free(c);
    for (int i = 0; i < t.count; i++) heed_free(t.item[i]);
    return e->code;
}

/* --- back ------------------------------------------------------------------------------------------------------------------- */

static const heed_checkpoint_array *bytes_at(const heed_checkpoint *c, const char *name)
{
    const heed_checkpoint_array *a = heed_checkpoint_find(c, name);
    return a && a->type == HEED_CHECKPOINT_U8 && a->rank == 1 ? a : NULL;
}

static heed_code load_data(job *j, const heed_checkpoint *c, const char *file, heed_error *e)
{
    const heed_checkpoint_array *set = bytes_at(c, "settings"), *units = bytes_at(c, "data/target_units");
    const heed_checkpoint_array *vocab = bytes_at(c, "data/target_vocabulary");
    const heed_checkpoint_array *src_units = bytes_at(c, "data/source_units"), *src_vocab = bytes_at(c, "data/source_vocabulary");
    bool encoder = job_traits_of(j)->encoder, labels = j->kind == JOB_CLASSES || j->kind == JOB_TAGS;
    if (!set || (encoder ? !src_units || !src_vocab || (labels && !vocab) : !units || !vocab))
        return heed_fail(e, HEED_FORMAT, "%s: has no settings or vocabulary: not a checkpoint of heed train", file);
    if (heed_options_defaults(settings_table, &j->set, e) ||
        heed_options_parse(settings_table, &j->set, file, set->data, (size_t)set->count, e))
        return e->code;
    if (!encoder) j->tgt_units = heed_units_restore(units->data, (size_t)units->count, e);
    if (!e->code && (!encoder || labels)) j->tgt_vocab = heed_vocab_restore(file, vocab->data, (size_t)vocab->count, e);
    if (e->code || !job_reads(j)) return e->code;
    j->src_units = src_units ? heed_units_restore(src_units->data, (size_t)src_units->count, e) : j->tgt_units;
    j->src_vocab = src_vocab ? heed_vocab_restore(file, src_vocab->data, (size_t)src_vocab->count, e) : j->tgt_vocab;
    return e->code;
}

static heed_code load_params(job *j, const heed_checkpoint *c, const char *file, bool training, heed_error *e)
{
    char name[600];
    const void *data;
    for (int i = 0; i < heed_params_count(j->params) && !e->code; i++) {
        heed_param *p = heed_params_at(j->params, i);
        snprintf(name, sizeof name, "params/%s", heed_param_name(p));
        if (!heed_checkpoint_get(c, name, type_of(heed_param_dtype(p)), heed_param_rank(p), heed_param_shape(p), &data, e))
            memcpy(heed_param_data(p), data, (size_t)heed_param_size(p) * heed_dtype_size(heed_param_dtype(p)));
    }
    const heed_checkpoint_array *a;
    for (size_t i = 0; !e->code && (a = heed_checkpoint_array_at(c, i)); i++) {
        if (!strncmp(a->name, "params/", 7) && !heed_params_find(j->params, a->name + 7))
            heed_fail(e, HEED_FORMAT, "%s: holds '%s', which this model has not", file, a->name);
        if (!training || strncmp(a->name, "optimizer/", 10)) continue;
        const char *state = a->name + 10, *slash = strchr(state, '/');
        heed_param *p = slash ? heed_params_find(j->params, slash + 1) : NULL;
        char what[32];
        snprintf(what, sizeof what, "%.*s", slash ? (int)(slash - state) : 0, state);
        heed_optimizer_array to = {0};
        if (!p || !heed_optimizer_restore(j->optimizer, p, what, &to))
            heed_fail(e, HEED_FORMAT, "%s: holds '%s', which this optimizer has not", file, a->name);
        else if (!heed_checkpoint_get(c, a->name, type_of(to.dtype), to.rank, to.shape, &data, e))
            memcpy(to.data, data, (size_t)to.size * heed_dtype_size(to.dtype));
    }
    return e->code;
}

/* Where the text goes on. */
static heed_code load_carried(job *j, const heed_checkpoint *c, heed_error *e)
{
    carry *k = &j->carry;
    const void *data;
    if (k->state && !heed_checkpoint_get(c, "carried", HEED_CHECKPOINT_F32, 2, (int64_t[]){k->rows, k->width}, &data, e))
        memcpy(k->state, data, (size_t)(k->rows * k->width) * sizeof *k->state);
    return e->code;
}

/* The settings of a file that lies must not make a model that is larger than the file. */
static heed_code check_size(job *j, const heed_checkpoint *c, const char *file, heed_error *e)
{
    int64_t held = 0, wanted;
    const heed_checkpoint_array *a;
    for (size_t i = 0; (a = heed_checkpoint_array_at(c, i)); i++) held += !strncmp(a->name, "params/", 7) ? a->count : 0;
    if (j->step < 0 || j->best_step < 0 || j->best_step > j->step || j->bad_count < 0)
        return heed_fail(e, HEED_FORMAT, "%s: its steps cannot be: not a checkpoint of heed train", file);
    if (model_weights(j, &wanted, e) || wanted == held) return e->code;
    return heed_fail(e, HEED_FORMAT, "%s: holds %lld weights, but its settings make %lld", file, (long long)held,
                     (long long)wanted);
}

heed_code job_load(job *j, const char *file, bool training, heed_error *e)
{
    *j = (job){.best_loss = INFINITY};
    heed_checkpoint *c = heed_checkpoint_read(file, e);
    const char *model = NULL, *task = NULL;
    int64_t hash = 0;
    if (c) {
        heed_checkpoint_get_text(c, "model", &model, e);
        heed_checkpoint_get_text(c, "task", &task, e);
        heed_checkpoint_get_int(c, "step", &j->step, e);
        heed_checkpoint_get_int(c, "best_step", &j->best_step, e);
        heed_checkpoint_get_int(c, "bad_count", &j->bad_count, e);
        heed_checkpoint_get_real(c, "best_loss", &j->best_loss, e);
        heed_checkpoint_get_real(c, "plateau_best", &j->plateau.best, e);
        heed_checkpoint_get_real(c, "plateau_scale", &j->plateau.scale, e);
        heed_checkpoint_get_int(c, "plateau_bad", &j->plateau.bad, e);
        heed_checkpoint_get_int(c, "data_hash", &hash, e);
    }
    if (!e->code && !job_kind_named(task, &j->kind))
        heed_fail(e, HEED_UNSUPPORTED, "%s: trained for '%s', which this version does not know", file, task);
    if (!e->code) {
        j->data_hash = (uint64_t)hash;
        if (!load_data(j, c, file, e) && !check_size(j, c, file, e) && !job_build(j, training, e) && strcmp(model, j->model.kind->name))
            heed_fail(e, HEED_UNSUPPORTED, "%s: a model of kind '%s', but its settings make a %s", file, model, j->model.kind->name);
        if (!e->code) {
            load_params(j, c, file, training, e);
            if (training) load_carried(j, c, e);
            if (training) heed_optimizer_set_steps(j->optimizer, j->step);
        }
    }
    heed_checkpoint_free(c);
    if (e->code) job_free(j);
    return e->code;
}
