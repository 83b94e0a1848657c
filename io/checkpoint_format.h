/* What a checkpoint file is made of, and what the checkpoint's sources share. Not a public header.
 *
 * A file is an HDF5 file with a user block (bytes in front that HDF5 leaves to the application). The user block holds heed's
 * header and its table of contents; the HDF5 part says the same to everybody else. All numbers are little-endian.
 *
 *      0   8  signature 89 48 45 45 44 0d 0a 1a
 *      8   4  format (1)
 *     12   4  size of the user block: the least power of two from 512 on that holds header and contents
 *     16   8  size of the file
 *     24   4  number of attributes
 *     28   4  number of arrays
 *     32  32  SHA-256 of all other bytes of the file in their order
 *     64      attributes: kind (1 byte), value (int, real: 8 bytes; text: bytes, 0), name (bytes, 0)
 *             arrays: type (1), rank (1), offset in the file (8), sizes (8 each), name (bytes, 0)
 *             zeros up to the end of the user block
 *
 * Attributes and arrays stand in the order of their names, array data in the same order in the file, each at a multiple of 64,
 * none overlapping; an array without elements has offset 0.
 *
 * Why a table of our own: libhdf5 has had memory errors on crafted metadata in most releases. The table is some hundred bytes
 * of the plainest structure, so the reader is short enough to be checked by eye and by fuzzing, allocates nothing that the
 * file's size does not bound, and cannot be led to follow a link or run a filter, for it knows none.
 */
#ifndef HEED_CHECKPOINT_FORMAT_H
#define HEED_CHECKPOINT_FORMAT_H

#include <stdbool.h>

#include "io/checkpoint.h"

enum {
    CHECKPOINT_FORMAT = 1,
    CHECKPOINT_HEADER = 64,
    CHECKPOINT_DIGEST_AT = 32,
    CHECKPOINT_ALIGN = 64,
    CHECKPOINT_SUPERBLOCK = 48, /* bytes of HDF5's superblock, version 2 */
    CHECKPOINT_SMALLEST_BLOCK = 512
};
#define CHECKPOINT_SIGNATURE "\x89HEED\r\n\x1a"

typedef struct checkpoint_entry {
    heed_checkpoint_array array; /* first, so that an entry is looked up like its array */
    uint64_t offset;             /* in the file it was read from */
} checkpoint_entry;

struct heed_checkpoint {
    checkpoint_entry *arrays; /* by name */
    size_t array_count, array_capacity;
    heed_checkpoint_attribute *attributes; /* by name */
    size_t attribute_count, attribute_capacity;
    const char *file;      /* read from there, else NULL */
    unsigned char *block;  /* the file's bytes, into which names, texts and data point, else NULL: names and texts are our own */
    bool failed;
};

/* Where HDF5 wants everything: the image holds all of its metadata at their places in the file; the arrays go between. */
typedef struct checkpoint_skeleton {
    unsigned char *image; /* from malloc; bytes beyond image_size are zeros */
    size_t image_size;
    uint64_t file_size;
    uint64_t *offsets; /* one for each array; 0 for one without elements */
} checkpoint_skeleton;

heed_code checkpoint_skeleton_make(const heed_checkpoint *c, size_t user_block, checkpoint_skeleton *s, heed_error *e);
void checkpoint_skeleton_free(checkpoint_skeleton *s);

/* Decodes a user block into an empty `c`, whose names and texts then point into it; array data are left NULL. `why` gets what is
 * wrong. The header's signature, format and sizes have been checked before. */
heed_code checkpoint_decode(unsigned char *block, size_t size, uint64_t file_size, heed_checkpoint *c, const char **why);
/* What is wrong with HDF5's superblock after the user block, or NULL. */
const char *checkpoint_superblock_fault(const unsigned char *superblock, size_t user_block, uint64_t file_size);

/* Sets array.count from type, rank and shape; false when they cannot be or the bytes overflow. */
bool checkpoint_count(heed_checkpoint_array *a);
bool checkpoint_name_fits(const char *name, int depth);
/* The name of an array that is a folder of another array too, or NULL. */
const char *checkpoint_conflict(const heed_checkpoint *c);

static inline void checkpoint_store(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> 8 * i);
}

static inline uint64_t checkpoint_load(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)from[i] << 8 * i;
    return value;
}

#endif
