/* The beginning of heed train: a new run, or one that goes on, which has to be given the same settings, units and data. */
#include "cli/training.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- settings and units ----------------------------------------------------------------------------------------------------- */

/* Every --set in order, then --model and --seed */
static heed_code apply_flags(const arguments *a, settings *s, heed_error *e)
{
    for (int i = 0; i < a->sets.count && !e->code; i++) heed_options_assign(settings_table, s, "--set", a->sets.items[i], e);
    if (a->model && !e->code) heed_options_set(settings_table, s, "--model", "model", a->model, e);
    if (a->seed && !e->code) heed_options_set(settings_table, s, "--seed", "seed", a->seed, e);
    return e->code;
}

static heed_code read_settings(const arguments *a, settings *s, heed_error *e)
{
    return a->config && heed_options_load(settings_table, s, a->config, e) ? e->code : apply_flags(a, s, e);
}

static heed_code apply_settings(const arguments *a, settings *s, heed_error *e)
{
    return read_settings(a, s, e) ? e->code : settings_check(s, e);
}

/* A run keeps the settings it began with: anything else would be another run under its name. */
static heed_code same_settings(const training *t, heed_error *e)
{
    settings asked = t->j.set;
    if (apply_settings(&t->a, &asked, e)) return e->code;
    if (!asked.schedule_steps) asked.schedule_steps = t->j.set.schedule_steps; /* 0 stands for what the first start made of it */
    for (const heed_option *o = settings_table; o->key && !e->code; o++) {
        char *is = heed_options_value(o, &t->j.set, e), *want = heed_options_value(o, &asked, e);
        if (is && want && strcmp(is, want))
            heed_fail(e, HEED_INVALID, "%s was begun with %s=%s, which cannot become %s; start another run for that", t->a.run,
                      o->key, is, want);
        heed_free(is);
        heed_free(want);
    }
    return e->code;
}

static heed_code same_units(const training *t, const char *option, const char *given, const heed_units *units, heed_error *e)
{
    if (!given || !units || e->code) return e->code;
    size_t n = 0, m = 0;
    heed_units *asked = heed_units_create(given, e);
    char *want = asked ? heed_units_save(asked, &n, e) : NULL, *is = asked ? heed_units_save(units, &m, e) : NULL;
    if (want && is && (n != m || memcmp(want, is, n)))
        heed_fail(e, HEED_INVALID, "%s was begun with other units (%s) than --%s %s; start another run for that", t->a.run,
                  heed_units_kind(units), option, given);
    heed_free(want);
    heed_free(is);
    heed_units_free(asked);
    return e->code;
}

/* Sentences that learned positions do not reach would stop the run when they come up. */
static heed_code check_lengths(const job *j, heed_error *e)
{
    const settings *s = &j->set;
    int64_t longest = j->kind == JOB_TEXT ? s->window : s->max_length;
    if (s->positions != HEED_POSITIONS_LEARNED || longest <= s->max_len) return HEED_OK;
    return heed_fail(e, HEED_INVALID, "%s=%lld is longer than the max_len=%lld learned positions",
                     j->kind == JOB_TEXT ? "window" : "max_length", (long long)longest, (long long)s->max_len);
}

/* --- data ------------------------------------------------------------------------------------------------------------------- */

static bool valid_given(const arguments *a)
{
    const data_files *v = &a->valid;
    return v->src || v->tgt || v->dict || v->text || v->labels || v->tags;
}

static uint64_t data_hash(const data *d)
{
    uint64_t hash = d->examples ? heed_examples_hash(d->examples) : heed_hash_name("");
    for (size_t i = 0; i < d->ids.count; i++) hash = (hash ^ (uint64_t)d->ids.items[i]) * 1099511628211u;
    return hash;
}

static heed_code encode(training *t, bool hold_out, heed_error *e)
{
    job *j = &t->j;
    if (data_encode(&t->train, j, hold_out ? HEED_TRAINING_WORDS : HEED_ALL_WORDS, false, e)) return e->code;
    uint64_t hash = data_hash(&t->train);
    t->has_valid = valid_given(&t->a) || hold_out;
    if (t->has_valid) {
        if (data_encode(&t->valid, j, hold_out ? HEED_HELD_OUT_WORDS : HEED_ALL_WORDS, true, e)) return e->code;
        hash = hash * 1099511628211u ^ data_hash(&t->valid);
    }
    if (!t->fresh && hash != j->data_hash)
        return heed_fail(e, HEED_INVALID, "%s was begun with other data; give the same files", t->a.run);
    j->data_hash = hash;
    return HEED_OK;
}

/* --- the two ways to begin -------------------------------------------------------------------------------------------------- */

bool training_file_exists(const char *file)
{
    struct stat info; /* what cannot be looked at is there: it must not be taken for a new run */
    return !lstat(file, &info) || errno != ENOENT;
}

heed_code training_check(const arguments *a, heed_error *e)
{
    job_kind kind, valid_kind;
    settings s;
    if (data_kind(&a->train, &kind, e)) return e->code;
    heed_error valid = {0};
    if (valid_given(a) && (data_kind(&a->valid, &valid_kind, &valid) || valid_kind != kind))
        return heed_fail(e, HEED_INVALID, "the validation files must be of the same sort as the training files");
    if (heed_options_defaults(settings_table, &s, e) || apply_flags(a, &s, e) || a->steps || a->minutes) return e->code;
    char last[4096];
    snprintf(last, sizeof last, "%s/last.h5", a->run);
    return training_file_exists(last) ? HEED_OK : heed_fail(e, HEED_INVALID, "say how long to train: --steps N or --minutes M");
}

static heed_code begin_new(training *t, job_kind kind, bool *hold_out, heed_error *e)
{
    arguments *a = &t->a;
    job *j = &t->j;
    *j = (job){.kind = kind, .best_loss = INFINITY};
    settings s;
    if (heed_options_defaults(settings_table, &s, e)) return e->code;
    j->set = s;
    if (apply_settings(a, &j->set, e) || job_kind_of(kind, &j->set, &j->kind, e)) return e->code;
    bool encoder = job_traits_of(j)->encoder;
    if (a->from && !encoder)
        return heed_fail(e, HEED_INVALID, "--from goes with --labels, --tags and objective=mlm, whose models are encoders");
    if (encoder) { /* other defaults, over which the settings go once more */
        s.label_smoothing = 0;
        if (a->from && from_read(t, &s, e)) return e->code;
        j->set = s;
        if (read_settings(a, &j->set, e) || (a->from && from_check(t, e))) return e->code;
    }
    if (check_lengths(j, e)) return e->code;
    *hold_out = !valid_given(a) && j->set.hold_out > 0;
    const char *given = a->src_units || j->kind != JOB_MASKED ? a->src_units : a->tgt_units; /* --text has one side, whatever it is called */
    const char *source = given ? given : job_traits_of(j)->src_units;
    const char *target = a->tgt_units ? a->tgt_units : job_traits_of(j)->tgt_units;
    if (a->from) same_units(t, "src-units", given, j->src_units, e);
    if (e->code || data_vocabularies(j, &t->train, *hold_out, source, target, e) || job_build(j, true, e)) return e->code;
    return a->from ? from_copy(t, e) : HEED_OK;
}

static heed_code go_on(training *t, job_kind kind, bool *hold_out, heed_error *e)
{
    arguments *a = &t->a;
    job *j = &t->j;
    heed_error bad = {0};
    if (job_load(j, t->last, true, &bad))
        return heed_fail(e, bad.code, "%s%s", bad.message,
                         bad.code == HEED_FORMAT ? "; put a good one such as best.h5 in its place, or start another run" : "");
    if (same_settings(t, e)) return e->code;
    if (!job_kind_takes(j->kind, kind) || (kind != JOB_TEXT && j->kind != kind))
        return heed_fail(e, HEED_INVALID, "%s was begun with %s; start another run for other data", a->run,
                         job_traits_of(j)->files);
    *hold_out = !valid_given(a) && j->set.hold_out > 0;
    same_units(t, "src-units", a->src_units, j->src_units, e);
    return same_units(t, "tgt-units", a->tgt_units, j->tgt_units, e);
}

heed_code training_begin(training *t, heed_error *e)
{
    arguments *a = &t->a;
    job_kind kind;
    bool hold_out;
    if (data_kind(&a->train, &kind, e) || data_read(&t->train, &a->train, e)) return e->code;
    t->folder = heed_folder_open(a->run, e);
    t->last = t->folder ? heed_folder_file(t->folder, "last.h5", e) : NULL;
    t->log_file = t->folder ? heed_folder_file(t->folder, "log.jsonl", e) : NULL;
    if (e->code) return e->code;
    t->fresh = !training_file_exists(t->last);
    if ((t->fresh ? begin_new : go_on)(t, kind, &hold_out, e)) return e->code;
    if ((valid_given(a) || hold_out) && data_read(&t->valid, valid_given(a) ? &a->valid : &a->train, e)) return e->code;
    return encode(t, hold_out, e);
}
