/* One checkpoint with everything in it, as the tests of writing, reading and h5py expect it. */
#ifndef HEED_CHECKPOINT_SAMPLE_H
#define HEED_CHECKPOINT_SAMPLE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint.h"

static float sample_f32[6] = {0.5f, -1.25f, 3e-39f, 1e38f, -0.0f, 7};
static double sample_f64[256]; /* of rank 8 */
static int32_t sample_i32[3] = {INT32_MIN, 0, INT32_MAX};
static int64_t sample_i64 = INT64_MIN;
static const char sample_bytes[] = "a\0b\nc\xff";

typedef struct sample_array {
    const char *name;
    heed_checkpoint_type type;
    int rank;
    int64_t shape[HEED_CHECKPOINT_RANK];
    const void *data;
} sample_array;

static const sample_array sample_arrays[] = {
    {"params/enc.0.attn.q", HEED_CHECKPOINT_F32, 2, {2, 3}, sample_f32},
    {"params/enc.0.attn.k", HEED_CHECKPOINT_F32, 3, {1, 6, 1}, sample_f32},
    {"params/dec.bias", HEED_CHECKPOINT_F64, 1, {256}, sample_f64},
    {"optimizer/adam/m/enc.0.attn.q", HEED_CHECKPOINT_F64, 8, {2, 2, 2, 2, 2, 2, 2, 2}, sample_f64},
    {"optimizer/steps", HEED_CHECKPOINT_I64, 0, {0}, &sample_i64},
    {"data/order", HEED_CHECKPOINT_I32, 1, {3}, sample_i32},
    {"data/none", HEED_CHECKPOINT_I32, 2, {0, 5}, NULL},
    {"vocabulary", HEED_CHECKPOINT_U8, 1, {sizeof sample_bytes - 1}, sample_bytes},
    {"vocabulary.merges", HEED_CHECKPOINT_U8, 1, {0}, NULL},
};
enum { SAMPLE_ARRAYS = sizeof sample_arrays / sizeof *sample_arrays, SAMPLE_ATTRIBUTES = 6 };

static inline void sample_attribute(heed_checkpoint *c, int i, heed_error *e)
{
    switch (i) {
    case 0: heed_checkpoint_set_int(c, "step", -1234567890123456789, e); break;
    case 1: heed_checkpoint_set_real(c, "lr", 0.1, e); break;
    case 2: heed_checkpoint_set_real(c, "worst", (double)NAN, e); break;
    case 3: heed_checkpoint_set_text(c, "model.kind", "transformer \xc3\xa9", e); break;
    case 4: heed_checkpoint_set_text(c, "note", "", e); break;
    case 5: heed_checkpoint_set_text(c, "config", "d = 64\nheads = 4\n", e); break;
    }
}

/* The sample, set and put from its `first` item on and around, so that each `first` is another order of calls. */
static inline heed_checkpoint *sample_make(int first, heed_error *e)
{
    for (int i = 0; i < 256 && sample_f64[255] == 0; i++) sample_f64[i] = 1.0 / (i + 1);
    heed_checkpoint *c = heed_checkpoint_new(e);
    for (int i = 0; i < SAMPLE_ATTRIBUTES; i++) sample_attribute(c, (i + first) % SAMPLE_ATTRIBUTES, e);
    for (int i = 0; i < SAMPLE_ARRAYS; i++) {
        const sample_array *a = &sample_arrays[(i + first) % SAMPLE_ARRAYS];
        heed_checkpoint_put(c, a->name, a->type, a->rank, a->shape, a->data, e);
    }
    return c;
}

/* Writes the sample; the status tells. */
static inline heed_code sample_write(const char *file, heed_error *e)
{
    heed_checkpoint *c = sample_make(0, e);
    heed_code code = heed_checkpoint_write(c, file, e);
    heed_checkpoint_free(c);
    return code;
}

/* True when `c` has all of the sample and nothing else. */
static inline int sample_holds(const heed_checkpoint *c)
{
    int good = 1;
    int64_t step = 0, format = 0;
    double lr = 0, worst = 0;
    const char *kind = "", *note = "x", *config = "";
    for (int i = 0; i < SAMPLE_ARRAYS; i++) {
        const sample_array *a = &sample_arrays[i];
        const void *data = NULL;
        good &= !heed_checkpoint_get(c, a->name, a->type, a->rank, a->shape, &data, NULL) && data;
        const heed_checkpoint_array *found = heed_checkpoint_find(c, a->name);
        if (!good || !found) return 0;
        if (found->count > 0)
            good &= memcmp(data, a->data, (size_t)found->count * heed_checkpoint_type_size(a->type)) == 0;
    }
    good &= !heed_checkpoint_get_int(c, "step", &step, NULL) && step == -1234567890123456789;
    good &= !heed_checkpoint_get_int(c, "heed.format", &format, NULL) && format == 1;
    good &= !heed_checkpoint_get_real(c, "lr", &lr, NULL) && lr == 0.1;
    good &= !heed_checkpoint_get_real(c, "worst", &worst, NULL) && isnan(worst);
    good &= !heed_checkpoint_get_text(c, "model.kind", &kind, NULL) && !strcmp(kind, "transformer \xc3\xa9");
    good &= !heed_checkpoint_get_text(c, "note", &note, NULL) && !*note;
    good &= !heed_checkpoint_get_text(c, "config", &config, NULL) && !strcmp(config, "d = 64\nheads = 4\n");
    return good && !heed_checkpoint_array_at(c, SAMPLE_ARRAYS) && heed_checkpoint_array_at(c, SAMPLE_ARRAYS - 1) &&
           !heed_checkpoint_attribute_at(c, SAMPLE_ATTRIBUTES + 2) && heed_checkpoint_attribute_at(c, SAMPLE_ATTRIBUTES + 1);
}

#endif
