/* Checkpoints: a set of named arrays and attributes in one HDF5 file.
 *
 *     heed_checkpoint *c = heed_checkpoint_new(&e);
 *     heed_checkpoint_set_int(c, "step", 1000, &e);
 *     heed_checkpoint_put(c, "params/enc.0.attn.q", HEED_CHECKPOINT_F32, 2, (int64_t[]){512, 512}, weights, &e);
 *     heed_checkpoint_write(c, "last.h5", &e);
 *     heed_checkpoint_free(c);
 *     ...
 *     c = heed_checkpoint_read("last.h5", &e);
 *     heed_checkpoint_get(c, "params/enc.0.attn.q", HEED_CHECKPOINT_F32, 2, (int64_t[]){512, 512}, &data, &e);
 *
 * The container knows nothing of models: what goes into it is the caller's. Python reads it as h5py.File("last.h5") with
 * f["params/enc.0.attn.q"][:] and f.attrs["step"]; h5ls and h5dump open it too.
 *
 * - The same content gives the same bytes: order of calls, time, process and addresses leave no trace in the file.
 * - Writing replaces the file whole or not at all (atomic.h). Nothing of the arrays is copied in memory.
 * - Reading trusts nothing. A file that is truncated, altered in any byte, foreign or from a later format is HEED_FORMAT and
 *   one sentence that names the file and the reason. Every byte is under a SHA-256; that tells accidents, not enemies, so
 *   all structure is checked as well. libhdf5 takes no part in reading: a file carries heed's own table of contents in front
 *   of the HDF5 part, so that nothing an HDF5 file can ask for (links, external storage, filters, virtual data sets, types)
 *   is ever asked. io/checkpoint_format.h tells the bytes.
 * - One checkpoint belongs to one thread at a time. Threads may write different ones at once: heed's use of libhdf5, which
 *   is not thread-safe as Debian builds it, is behind a lock. A program that calls libhdf5 itself must not do so meanwhile.
 */
#ifndef HEED_CHECKPOINT_H
#define HEED_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "../autograd/status.h"

typedef struct heed_checkpoint heed_checkpoint;

/* The numbers are those in the file. */
typedef enum heed_checkpoint_type {
    HEED_CHECKPOINT_F32 = 1,
    HEED_CHECKPOINT_F64,
    HEED_CHECKPOINT_I32,
    HEED_CHECKPOINT_I64,
    HEED_CHECKPOINT_U8 /* also byte strings of any length and content: vocabulary, merges, long texts */
} heed_checkpoint_type;

typedef enum heed_checkpoint_kind { HEED_CHECKPOINT_INT = 1, HEED_CHECKPOINT_REAL, HEED_CHECKPOINT_TEXT } heed_checkpoint_kind;

enum {
    HEED_CHECKPOINT_RANK = 8,
    HEED_CHECKPOINT_NAME = 1023,    /* longest name, in bytes */
    HEED_CHECKPOINT_DEPTH = 8,      /* parts between slashes */
    HEED_CHECKPOINT_TEXT_MAX = 60000 /* longest text attribute, in bytes; HDF5 bounds it */
};

typedef struct heed_checkpoint_array {
    const char *name;
    heed_checkpoint_type type;
    int rank; /* 0: one number */
    int64_t shape[HEED_CHECKPOINT_RANK];
    int64_t count;    /* of elements */
    const void *data; /* row-major; 64-byte aligned when it was read from a file; never NULL then */
} heed_checkpoint_array;

typedef struct heed_checkpoint_attribute {
    const char *name;
    heed_checkpoint_kind kind;
    int64_t integer;
    double real;
    const char *text;
} heed_checkpoint_attribute;

/* ---- making one ----
 * Names are paths of parts between '/', each of printable ASCII without blanks and neither "." nor ".."; attributes have one
 * part. A name can be set once, and the name of an array cannot be a folder of another. An object after a failed call
 * refuses to be written, so the calls may be tested once, by the write. `c` may be NULL after a failed heed_checkpoint_new. */

/* Empty but for the attributes "heed.version" and "heed.format". */
heed_checkpoint *heed_checkpoint_new(heed_error *e);
void heed_checkpoint_free(heed_checkpoint *c); /* NULL is fine */

/* `data` is borrowed: it must stay until the checkpoint is written and is read at that moment; all else is copied. */
heed_code heed_checkpoint_put(heed_checkpoint *c, const char *name, heed_checkpoint_type type, int rank, const int64_t *shape,
                              const void *data, heed_error *e);
heed_code heed_checkpoint_set_int(heed_checkpoint *c, const char *name, int64_t value, heed_error *e);
heed_code heed_checkpoint_set_real(heed_checkpoint *c, const char *name, double value, heed_error *e);
heed_code heed_checkpoint_set_text(heed_checkpoint *c, const char *name, const char *value, heed_error *e);

/* ---- files ---- */

/* Refuses when `e` tells of an earlier failure, for the content may then be incomplete. On failure the file that was there
 * before is untouched. A checkpoint that was read can be written again, to the same bytes. */
heed_code heed_checkpoint_write(const heed_checkpoint *c, const char *file, heed_error *e);
/* The whole file, verified, in memory: as many bytes as the file has, owned by the object, which takes no more puts or sets. */
heed_checkpoint *heed_checkpoint_read(const char *file, heed_error *e);

/* ---- looking things up ----
 * Pointers into the object live as long as it does. */

/* In name order (that of strcmp). NULL beyond the last. */
const heed_checkpoint_array *heed_checkpoint_array_at(const heed_checkpoint *c, size_t i);
const heed_checkpoint_attribute *heed_checkpoint_attribute_at(const heed_checkpoint *c, size_t i);

/* NULL when there is none of that name. */
const heed_checkpoint_array *heed_checkpoint_find(const heed_checkpoint *c, const char *name);
const heed_checkpoint_attribute *heed_checkpoint_find_attribute(const heed_checkpoint *c, const char *name);

/* The data of an array that must be there with this type and shape (-1 for any size of an axis), else HEED_FORMAT and a
 * sentence that names the file, what it holds and what was expected. */
heed_code heed_checkpoint_get(const heed_checkpoint *c, const char *name, heed_checkpoint_type type, int rank,
                              const int64_t *shape, const void **data, heed_error *e);
heed_code heed_checkpoint_get_int(const heed_checkpoint *c, const char *name, int64_t *value, heed_error *e);
heed_code heed_checkpoint_get_real(const heed_checkpoint *c, const char *name, double *value, heed_error *e);
heed_code heed_checkpoint_get_text(const heed_checkpoint *c, const char *name, const char **value, heed_error *e);

const char *heed_checkpoint_type_name(heed_checkpoint_type type); /* "float32"; NULL for a number that is no type */
size_t heed_checkpoint_type_size(heed_checkpoint_type type);      /* bytes of an element; 0 likewise */

#endif
