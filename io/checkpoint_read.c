/* Reads a checkpoint: whole into memory, then header, digest, HDF5's superblock and table of contents, in this order, before
 * anything of it is used. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/memory.h"
#include "io/checkpoint_format.h"
#include "io/digest.h"

#define HDF5_SIGNATURE "\x89HDF\r\n\x1a\n"

/* ---- the user block, from memory; every step is checked against the block's end ---- */

typedef struct cursor {
    unsigned char *at, *end;
    bool good;
} cursor;

static uint64_t take_number(cursor *c, int bytes)
{
    if (!c->good || c->end - c->at < bytes) {
        c->good = false;
        return 0;
    }
    c->at += bytes;
    return checkpoint_load(c->at - bytes, bytes);
}

static const char *take_string(cursor *c)
{
    unsigned char *zero = c->good ? memchr(c->at, 0, (size_t)(c->end - c->at)) : NULL;
    if (!zero) {
        c->good = false;
        return "";
    }
    const char *text = (const char *)c->at;
    c->at = zero + 1;
    return text;
}

static const char *take_attribute(cursor *from, heed_checkpoint_attribute *a)
{
    uint64_t kind = take_number(from, 1), bits = 0;
    if (kind < HEED_CHECKPOINT_INT || kind > HEED_CHECKPOINT_TEXT) return "an attribute is of no known kind";
    a->kind = (heed_checkpoint_kind)kind;
    if (kind == HEED_CHECKPOINT_TEXT) a->text = take_string(from);
    else bits = take_number(from, 8);
    if (kind == HEED_CHECKPOINT_INT) memcpy(&a->integer, &bits, sizeof bits);
    if (kind == HEED_CHECKPOINT_REAL) memcpy(&a->real, &bits, sizeof bits);
    a->name = take_string(from);
    if (!from->good) return "its table of contents is cut";
    return checkpoint_name_fits(a->name, 1) ? NULL : "an attribute's name cannot be";
}

/* `*start` is where the first array that has elements may begin, then the end of the last. */
static const char *take_array(cursor *from, checkpoint_entry *entry, uint64_t *start, uint64_t file_size)
{
    heed_checkpoint_array *a = &entry->array;
    a->type = (heed_checkpoint_type)take_number(from, 1);
    a->rank = (int)take_number(from, 1);
    entry->offset = take_number(from, 8);
    if (!heed_checkpoint_type_name(a->type)) return "an array is of no known type";
    if (a->rank > HEED_CHECKPOINT_RANK) return "an array has too many axes";
    for (int i = 0; i < a->rank; i++) a->shape[i] = (int64_t)take_number(from, 8);
    a->name = take_string(from);
    if (!from->good) return "its table of contents is cut";
    if (!checkpoint_name_fits(a->name, HEED_CHECKPOINT_DEPTH)) return "an array's name cannot be";
    if (!checkpoint_count(a)) return "an array's size cannot be";
    if (a->count == 0) return entry->offset ? "an empty array has a place" : NULL;
    uint64_t bytes = (uint64_t)a->count * heed_checkpoint_type_size(a->type);
    if (entry->offset % CHECKPOINT_ALIGN || entry->offset < *start) return "arrays overlap or are out of place";
    if (entry->offset > file_size || bytes > file_size - entry->offset) return "an array reaches beyond the end of the file";
    *start = entry->offset + bytes;
    return NULL;
}

static const char *take_all(cursor *from, heed_checkpoint *c, uint64_t start, uint64_t file_size)
{
    for (size_t i = 0; i < c->attribute_count; i++) {
        const char *why = take_attribute(from, &c->attributes[i]);
        if (why) return why;
        if (i && strcmp(c->attributes[i - 1].name, c->attributes[i].name) >= 0) return "its attributes are out of order";
    }
    for (size_t i = 0; i < c->array_count; i++) {
        const char *why = take_array(from, &c->arrays[i], &start, file_size);
        if (why) return why;
        if (i && strcmp(c->arrays[i - 1].array.name, c->arrays[i].array.name) >= 0) return "its arrays are out of order";
    }
    if (checkpoint_conflict(c)) return "an array is a folder of another";
    for (; from->at < from->end; from->at++)
        if (*from->at) return "something follows its table of contents";
    return NULL;
}

heed_code checkpoint_decode(unsigned char *block, size_t size, uint64_t file_size, heed_checkpoint *c, const char **why)
{
    uint64_t attributes = checkpoint_load(block + 24, 4), arrays = checkpoint_load(block + 28, 4);
    *why = "its table of contents cannot be as long as it says";
    if (attributes + arrays > size / 4) return HEED_FORMAT; /* none is that short: bounds what is allocated */
    c->attributes = heed_calloc((size_t)attributes, sizeof *c->attributes);
    c->arrays = heed_calloc((size_t)arrays, sizeof *c->arrays);
    if (!c->attributes || !c->arrays) return HEED_NO_MEMORY;
    c->attribute_count = (size_t)attributes;
    c->array_count = (size_t)arrays;
    cursor from = {.at = block + CHECKPOINT_HEADER, .end = block + size, .good = true};
    *why = take_all(&from, c, size + CHECKPOINT_SUPERBLOCK, file_size);
    return *why ? HEED_FORMAT : HEED_OK;
}

/* HDF5 file format specification 3.0, section II.A: signature, version 2, sizes of offsets and lengths, flags, base address,
 * extension, end of file, root group, checksum. */
const char *checkpoint_superblock_fault(const unsigned char *superblock, size_t user_block, uint64_t file_size)
{
    if (memcmp(superblock, HDF5_SIGNATURE, 8) != 0) return "its HDF5 part does not begin where it should";
    if (superblock[8] != 2) return "its HDF5 superblock is not of version 2";
    if (superblock[9] != 8 || superblock[10] != 8) return "its HDF5 addresses are not of 8 bytes";
    if (checkpoint_load(superblock + 12, 8) != user_block) return "its HDF5 base address is not the end of the user block";
    if (checkpoint_load(superblock + 20, 8) != UINT64_MAX) return "its HDF5 superblock has an extension";
    if (checkpoint_load(superblock + 28, 8) != file_size) return "its HDF5 end-of-file address is not its size";
    return NULL;
}

/* ---- the file ---- */

/* Reads exactly `size` bytes. */
static heed_code read_bytes(int fd, unsigned char *to, size_t size, const char *file, heed_error *e)
{
    while (size > 0) {
        ssize_t n = read(fd, to, size);
        if (n == 0) return heed_fail(e, HEED_FORMAT, "%s became shorter while it was read", file);
        if (n < 0 && errno != EINTR) return heed_fail_errno(e, "cannot read %s", file);
        if (n > 0) to += n, size -= (size_t)n;
    }
    return HEED_OK;
}

/* Whether the first bytes can be those of a checkpoint of this size at all. */
static heed_code check_header(const unsigned char *head, size_t got, uint64_t file_size, const char *file, heed_error *e)
{
    if (file_size == 0) return heed_fail(e, HEED_FORMAT, "%s is empty, not a checkpoint", file);
    if (got >= 8 && memcmp(head, HDF5_SIGNATURE, 8) == 0)
        return heed_fail(e, HEED_FORMAT, "%s is an HDF5 file, but not a checkpoint that heed wrote", file);
    if (memcmp(head, CHECKPOINT_SIGNATURE, got < 8 ? got : 8) != 0)
        return heed_fail(e, HEED_FORMAT, "%s is not a checkpoint of heed (it does not begin like one)", file);
    if (got < CHECKPOINT_HEADER) return heed_fail(e, HEED_FORMAT, "%s is truncated to %zu bytes", file, got);
    uint64_t format = checkpoint_load(head + 8, 4), block = checkpoint_load(head + 12, 4), size = checkpoint_load(head + 16, 8);
    if (format > CHECKPOINT_FORMAT)
        return heed_fail(e, HEED_FORMAT, "%s has checkpoint format %" PRIu64 "; this heed reads %d: a newer heed is needed, or "
                         "the file is damaged", file, format, CHECKPOINT_FORMAT);
    if (format < CHECKPOINT_FORMAT)
        return heed_fail(e, HEED_FORMAT, "%s is damaged: there is no checkpoint format %" PRIu64, file, format);
    if (size != file_size) return heed_fail(e, HEED_FORMAT, "%s is %s: it has %" PRIu64 " bytes, its header says %" PRIu64, file,
                                            size > file_size ? "truncated" : "damaged", file_size, size);
    if (block < CHECKPOINT_SMALLEST_BLOCK || (block & (block - 1)) || block + CHECKPOINT_SUPERBLOCK > file_size)
        return heed_fail(e, HEED_FORMAT, "%s is damaged: a user block of %" PRIu64 " bytes cannot be", file, block);
    return HEED_OK;
}

/* Opens without hanging at a pipe; `*size` is what may be asked for in memory. */
static heed_code open_regular(const char *file, int *fd, uint64_t *size, heed_error *e)
{
    struct stat info;
    *fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) return heed_fail_errno(e, "cannot open the checkpoint %s", file);
    if (fstat(*fd, &info) < 0) return heed_fail_errno(e, "cannot open the checkpoint %s", file);
    if (!S_ISREG(info.st_mode)) return heed_fail(e, HEED_FORMAT, "%s is not a file, so it is no checkpoint", file);
    *size = (uint64_t)info.st_size;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0 && *size / (uint64_t)page >= (uint64_t)pages)
        return heed_fail(e, HEED_NO_MEMORY, "%s has %" PRIu64 " bytes, more than this machine's memory", file, *size);
    return HEED_OK;
}

static heed_code check_digest(const unsigned char *block, uint64_t size, const char *file, heed_error *e)
{
    unsigned char digest[HEED_SHA256_SIZE];
    heed_sha256 *s = heed_sha256_new(e);
    if (!s) return HEED_NO_MEMORY;
    heed_sha256_add(s, block, CHECKPOINT_DIGEST_AT);
    heed_sha256_add(s, block + CHECKPOINT_HEADER, (size_t)size - CHECKPOINT_HEADER);
    heed_code code = heed_sha256_end(s, digest, e);
    if (code) return code;
    if (memcmp(digest, block + CHECKPOINT_DIGEST_AT, sizeof digest) == 0) return HEED_OK;
    return heed_fail(e, HEED_FORMAT, "%s is damaged or was altered: its content does not have the SHA-256 it says", file);
}

static heed_code read_file(heed_checkpoint *c, int fd, uint64_t size, heed_error *e)
{
    unsigned char head[CHECKPOINT_HEADER];
    size_t got = size < sizeof head ? (size_t)size : sizeof head;
    heed_code code = read_bytes(fd, head, got, c->file, e);
    if (!code) code = check_header(head, got, size, c->file, e);
    if (code) return code;
    c->block = heed_alloc((size_t)size);
    if (!c->block) return heed_fail(e, HEED_NO_MEMORY, "no memory to read %s (%" PRIu64 " bytes)", c->file, size);
    memcpy(c->block, head, got);
    code = read_bytes(fd, c->block + got, (size_t)size - got, c->file, e);
    if (!code) code = check_digest(c->block, size, c->file, e);
    if (code) return code;
    size_t block = (size_t)checkpoint_load(head + 12, 4);
    const char *why = checkpoint_superblock_fault(c->block + block, block, size);
    code = why ? HEED_FORMAT : checkpoint_decode(c->block, block, size, c, &why);
    if (code == HEED_NO_MEMORY) return heed_fail(e, code, "no memory to read %s", c->file);
    if (code) return heed_fail(e, code, "%s is not a checkpoint that heed wrote: %s", c->file, why);
    for (size_t i = 0; i < c->array_count; i++) c->arrays[i].array.data = c->block + c->arrays[i].offset;
    return HEED_OK;
}

heed_checkpoint *heed_checkpoint_read(const char *file, heed_error *e)
{
    int fd = -1;
    uint64_t size = 0;
    heed_checkpoint *c = heed_calloc(1, sizeof *c);
    heed_code code = c && (c->file = heed_strdup(file)) ? HEED_OK : heed_fail(e, HEED_NO_MEMORY, "no memory to read %s", file);
    if (!code) code = open_regular(file, &fd, &size, e);
    if (!code) code = read_file(c, fd, size, e);
    if (fd >= 0) close(fd);
    if (!code) return c;
    heed_checkpoint_free(c);
    return NULL;
}
