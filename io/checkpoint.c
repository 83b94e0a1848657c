#include "io/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "autograd/memory.h"
#include "io/checkpoint_format.h"

enum { SHAPE_TEXT = 200 };

static const struct { const char *name; size_t size; } types[] = {
    [HEED_CHECKPOINT_F32] = {"float32", 4}, [HEED_CHECKPOINT_F64] = {"float64", 8}, [HEED_CHECKPOINT_I32] = {"int32", 4},
    [HEED_CHECKPOINT_I64] = {"int64", 8},   [HEED_CHECKPOINT_U8] = {"uint8", 1},
};

const char *heed_checkpoint_type_name(heed_checkpoint_type type)
{
    return (size_t)type < sizeof types / sizeof *types ? types[type].name : NULL;
}

size_t heed_checkpoint_type_size(heed_checkpoint_type type)
{
    return (size_t)type < sizeof types / sizeof *types ? types[type].size : 0;
}

/* ---- names ---- */

bool checkpoint_name_fits(const char *name, int depth)
{
    if (strlen(name) > HEED_CHECKPOINT_NAME) return false;
    for (;; depth--) {
        size_t n = strcspn(name, "/");
        if (depth == 0 || n == 0 || (n <= 2 && strncmp(name, "..", n) == 0)) return false;
        for (size_t i = 0; i < n; i++)
            if (name[i] < '!' || name[i] > '~') return false;
        if (!name[n]) return true;
        name += n + 1;
    }
}

/* The place of the first item whose name is not below the first `length` bytes of `name`. Items begin with their name. */
static size_t place_of(const void *items, size_t count, size_t size, const char *name, size_t length)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        const char *have = *(const char *const *)((const char *)items + middle * size);
        int order = strncmp(have, name, length);
        if (order < 0) low = middle + 1;
        else count = middle;
    }
    return low;
}

static const void *lookup(const void *items, size_t count, size_t size, const char *name, size_t length)
{
    size_t at = place_of(items, count, size, name, length);
    if (at == count) return NULL;
    const void *item = (const char *)items + at * size;
    const char *have = *(const char *const *)item;
    return strncmp(have, name, length) == 0 && !have[length] ? item : NULL;
}

const char *checkpoint_conflict(const heed_checkpoint *c)
{
    for (size_t i = 0; i < c->array_count; i++) {
        const char *name = c->arrays[i].array.name;
        for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
            const checkpoint_entry *folder =
                lookup(c->arrays, c->array_count, sizeof *c->arrays, name, (size_t)(slash - name));
            if (folder) return folder->array.name;
        }
    }
    return NULL;
}

/* ---- making one ---- */

static heed_checkpoint *failed(heed_checkpoint *c)
{
    c->failed = true;
    return NULL;
}

heed_checkpoint *heed_checkpoint_new(heed_error *e)
{
    heed_checkpoint *c = heed_calloc(1, sizeof *c);
    if (!c) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for a checkpoint");
        return NULL;
    }
    if (!heed_checkpoint_set_text(c, "heed.version", HEED_VERSION, e) &&
        !heed_checkpoint_set_int(c, "heed.format", CHECKPOINT_FORMAT, e)) return c;
    heed_checkpoint_free(c);
    return NULL;
}

void heed_checkpoint_free(heed_checkpoint *c)
{
    if (!c) return;
    for (size_t i = 0; !c->block && i < c->array_count; i++) heed_free((char *)c->arrays[i].array.name);
    for (size_t i = 0; !c->block && i < c->attribute_count; i++) {
        heed_free((char *)c->attributes[i].name);
        heed_free((char *)c->attributes[i].text);
    }
    heed_free(c->arrays);
    heed_free(c->attributes);
    heed_free(c->block);
    heed_free((char *)c->file);
    heed_free(c);
}

/* Makes room for a new item in the order of names; NULL, with the object failed, when it cannot be. */
static void *insert(heed_checkpoint *c, const char *what, void **items, size_t *count, size_t *capacity, size_t size,
                    const char *name, int depth, heed_error *e)
{
    size_t length = strlen(name) + 1; /* with its end, so that "a" does not match "ab" */
    if (c->block) {
        heed_fail(e, HEED_STATE, "%s: a checkpoint that was read takes no more %ss", c->file, what);
        return failed(c);
    }
    if (!checkpoint_name_fits(name, depth)) {
        heed_fail(e, HEED_INVALID, "\"%.80s\" cannot name %s %s of a checkpoint: 1 to %d parts of printable ASCII without "
                  "blanks, together at most %d bytes", name, *what == 'a' ? "an" : "a", what, depth, HEED_CHECKPOINT_NAME);
        return failed(c);
    }
    size_t at = place_of(*items, *count, size, name, length);
    if (at < *count && strcmp(*(char **)((char *)*items + at * size), name) == 0) {
        heed_fail(e, HEED_INVALID, "the checkpoint has an %s \"%s\" already", what, name);
        return failed(c);
    }
    char *copy = heed_strdup(name);
    if (!copy || !heed_grow(items, capacity, *count + 1, size)) {
        heed_free(copy);
        heed_fail(e, HEED_NO_MEMORY, "no memory for the %s \"%s\" of a checkpoint", what, name);
        return failed(c);
    }
    char *item = (char *)*items + at * size;
    memmove(item + size, item, (*count - at) * size);
    memset(item, 0, size);
    *(char **)item = copy;
    *count += 1;
    return item;
}

bool checkpoint_count(heed_checkpoint_array *a)
{
    size_t size = heed_checkpoint_type_size(a->type), bytes = size;
    if (size == 0 || a->rank < 0 || a->rank > HEED_CHECKPOINT_RANK) return false;
    bool empty = false;
    for (int i = 0; i < a->rank; i++) {
        if (a->shape[i] < 0) return false;
        if (a->shape[i] == 0) empty = true;
        else if (!heed_size_mul(bytes, (size_t)a->shape[i], &bytes) || bytes > INT64_MAX) return false;
    }
    a->count = empty ? 0 : (int64_t)(bytes / size);
    return true;
}

heed_code heed_checkpoint_put(heed_checkpoint *c, const char *name, heed_checkpoint_type type, int rank, const int64_t *shape,
                              const void *data, heed_error *e)
{
    if (!c) return heed_fail(e, HEED_STATE, "there is no checkpoint to put \"%s\" into", name);
    heed_checkpoint_array a = {.type = type, .rank = rank, .data = data};
    if (rank > 0 && rank <= HEED_CHECKPOINT_RANK) memcpy(a.shape, shape, (size_t)rank * sizeof *shape);
    if (!checkpoint_count(&a) || (a.count > 0 && !data)) {
        failed(c);
        return heed_fail(e, HEED_INVALID, "the array \"%s\" of a checkpoint cannot be: type %d, rank %d%s", name, (int)type, rank,
                         data ? "" : ", no data");
    }
    checkpoint_entry *entry = insert(c, "array", (void **)&c->arrays, &c->array_count, &c->array_capacity, sizeof *c->arrays,
                                     name, HEED_CHECKPOINT_DEPTH, e);
    if (!entry) return e ? e->code : HEED_INVALID;
    a.name = entry->array.name;
    entry->array = a;
    return HEED_OK;
}

static heed_code set(heed_checkpoint *c, heed_checkpoint_attribute value, heed_error *e)
{
    if (!c) return heed_fail(e, HEED_STATE, "there is no checkpoint to set \"%s\" in", value.name);
    char *text = NULL;
    if (value.text) {
        if (strlen(value.text) > HEED_CHECKPOINT_TEXT_MAX) {
            failed(c);
            return heed_fail(e, HEED_INVALID, "the text \"%s\" of a checkpoint has %zu bytes, more than the %d an attribute may "
                             "have: make it an array of bytes", value.name, strlen(value.text), HEED_CHECKPOINT_TEXT_MAX);
        }
        text = heed_strdup(value.text);
        if (!text) {
            failed(c);
            return heed_fail(e, HEED_NO_MEMORY, "no memory for the attribute \"%s\" of a checkpoint", value.name);
        }
    }
    heed_checkpoint_attribute *a = insert(c, "attribute", (void **)&c->attributes, &c->attribute_count, &c->attribute_capacity,
                                          sizeof *c->attributes, value.name, 1, e);
    if (!a) {
        heed_free(text);
        return e ? e->code : HEED_INVALID;
    }
    value.name = a->name;
    value.text = text;
    *a = value;
    return HEED_OK;
}

heed_code heed_checkpoint_set_int(heed_checkpoint *c, const char *name, int64_t value, heed_error *e)
{
    return set(c, (heed_checkpoint_attribute){.name = name, .kind = HEED_CHECKPOINT_INT, .integer = value}, e);
}

heed_code heed_checkpoint_set_real(heed_checkpoint *c, const char *name, double value, heed_error *e)
{
    return set(c, (heed_checkpoint_attribute){.name = name, .kind = HEED_CHECKPOINT_REAL, .real = value}, e);
}

heed_code heed_checkpoint_set_text(heed_checkpoint *c, const char *name, const char *value, heed_error *e)
{
    return set(c, (heed_checkpoint_attribute){.name = name, .kind = HEED_CHECKPOINT_TEXT, .text = value}, e);
}

/* ---- looking things up ---- */

const heed_checkpoint_array *heed_checkpoint_array_at(const heed_checkpoint *c, size_t i)
{
    return i < c->array_count ? &c->arrays[i].array : NULL;
}

const heed_checkpoint_attribute *heed_checkpoint_attribute_at(const heed_checkpoint *c, size_t i)
{
    return i < c->attribute_count ? &c->attributes[i] : NULL;
}

const heed_checkpoint_array *heed_checkpoint_find(const heed_checkpoint *c, const char *name)
{
    const checkpoint_entry *entry = lookup(c->arrays, c->array_count, sizeof *c->arrays, name, strlen(name));
    return entry ? &entry->array : NULL;
}

const heed_checkpoint_attribute *heed_checkpoint_find_attribute(const heed_checkpoint *c, const char *name)
{
    return lookup(c->attributes, c->attribute_count, sizeof *c->attributes, name, strlen(name));
}

static const char *origin(const heed_checkpoint *c) { return c->file ? c->file : "a checkpoint"; }

static const char *shape_text(char text[SHAPE_TEXT], int rank, const int64_t *shape)
{
    size_t used = (size_t)snprintf(text, SHAPE_TEXT, "[");
    for (int i = 0; i < rank && i < HEED_CHECKPOINT_RANK; i++) {
        const char *comma = i ? "," : "";
        used += (size_t)(shape[i] < 0 ? snprintf(text + used, SHAPE_TEXT - used, "%s*", comma)
                                      : snprintf(text + used, SHAPE_TEXT - used, "%s%" PRId64, comma, shape[i]));
    }
    snprintf(text + used, SHAPE_TEXT - used, "]");
    return text;
}

heed_code heed_checkpoint_get(const heed_checkpoint *c, const char *name, heed_checkpoint_type type, int rank,
                              const int64_t *shape, const void **data, heed_error *e)
{
    const char *wanted = heed_checkpoint_type_name(type);
    if (!c || !wanted || rank < 0 || rank > HEED_CHECKPOINT_RANK)
        return heed_fail(e, HEED_INVALID, "no checkpoint can have an array \"%s\" of type %d and rank %d", name, (int)type,
                         rank);
    const heed_checkpoint_array *a = heed_checkpoint_find(c, name);
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    if (!a) return heed_fail(e, HEED_FORMAT, "%s: no array \"%s\" (%s %s is expected)", origin(c), name, wanted,
                             shape_text(want, rank, shape));
    bool same = a->type == type && a->rank == rank;
    for (int i = 0; same && i < rank; i++) same = shape[i] < 0 || shape[i] == a->shape[i];
    if (!same) return heed_fail(e, HEED_FORMAT, "%s: the array \"%s\" is %s %s, expected is %s %s", origin(c), name,
                                heed_checkpoint_type_name(a->type), shape_text(have, a->rank, a->shape), wanted,
                                shape_text(want, rank, shape));
    *data = a->data;
    return HEED_OK;
}

static const heed_checkpoint_attribute *get(const heed_checkpoint *c, const char *name, heed_checkpoint_kind kind, heed_error *e)
{
    static const char *const kinds[] = {"", "an integer", "a real number", "a text"};
    const heed_checkpoint_attribute *a = c ? heed_checkpoint_find_attribute(c, name) : NULL;
    if (!c) heed_fail(e, HEED_INVALID, "there is no checkpoint to find \"%s\" in", name);
    else if (!a) heed_fail(e, HEED_FORMAT, "%s: no attribute \"%s\" (%s is expected)", origin(c), name, kinds[kind]);
    else if (a->kind != kind)
        heed_fail(e, HEED_FORMAT, "%s: the attribute \"%s\" is %s, expected is %s", origin(c), name, kinds[a->kind], kinds[kind]);
    else return a;
    return NULL;
}

heed_code heed_checkpoint_get_int(const heed_checkpoint *c, const char *name, int64_t *value, heed_error *e)
{
    const heed_checkpoint_attribute *a = get(c, name, HEED_CHECKPOINT_INT, e);
    if (!a) return HEED_FORMAT;
    *value = a->integer;
    return HEED_OK;
}

heed_code heed_checkpoint_get_real(const heed_checkpoint *c, const char *name, double *value, heed_error *e)
{
    const heed_checkpoint_attribute *a = get(c, name, HEED_CHECKPOINT_REAL, e);
    if (!a) return HEED_FORMAT;
    *value = a->real;
    return HEED_OK;
}

heed_code heed_checkpoint_get_text(const heed_checkpoint *c, const char *name, const char **value, heed_error *e)
{
    const heed_checkpoint_attribute *a = get(c, name, HEED_CHECKPOINT_TEXT, e);
    if (!a) return HEED_FORMAT;
    *value = a->text;
    return HEED_OK;
}
