/* Writes a checkpoint: libhdf5 lays it out, heed's table of contents tells where everything is, and all goes to the file in
 * one pass from where it lies in memory. */
#include <string.h>

#include "autograd/memory.h"
#include "io/atomic.h"
#include "io/checkpoint_format.h"
#include "io/digest.h"

/* ---- the user block ---- */

static unsigned char *put_bytes(unsigned char *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static unsigned char *put_number(unsigned char *at, uint64_t value, int bytes)
{
    checkpoint_store(at, value, bytes);
    return at + bytes;
}

static unsigned char *put_string(unsigned char *at, const char *text) { return put_bytes(at, text, strlen(text) + 1); }

/* The least power of two that holds the header and the contents. */
static size_t block_size(const heed_checkpoint *c)
{
    size_t need = CHECKPOINT_HEADER, size = CHECKPOINT_SMALLEST_BLOCK;
    for (size_t i = 0; i < c->attribute_count; i++) {
        const heed_checkpoint_attribute *a = &c->attributes[i];
        need += 1 + (a->kind == HEED_CHECKPOINT_TEXT ? strlen(a->text) + 1 : 8) + strlen(a->name) + 1;
    }
    for (size_t i = 0; i < c->array_count; i++)
        need += 2 + 8 + 8 * (size_t)c->arrays[i].array.rank + strlen(c->arrays[i].array.name) + 1;
    while (size < need) size *= 2;
    return size;
}

static void encode(unsigned char *block, size_t size, const heed_checkpoint *c, const checkpoint_skeleton *s)
{
    unsigned char *at = put_bytes(block, CHECKPOINT_SIGNATURE, 8);
    at = put_number(at, CHECKPOINT_FORMAT, 4);
    at = put_number(at, size, 4);
    at = put_number(at, s->file_size, 8);
    at = put_number(at, c->attribute_count, 4);
    put_number(at, c->array_count, 4);
    at = block + CHECKPOINT_HEADER;
    for (size_t i = 0; i < c->attribute_count; i++) {
        const heed_checkpoint_attribute *a = &c->attributes[i];
        uint64_t bits = (uint64_t)a->integer;
        if (a->kind == HEED_CHECKPOINT_REAL) memcpy(&bits, &a->real, sizeof bits);
        at = put_number(at, a->kind, 1);
        at = a->kind == HEED_CHECKPOINT_TEXT ? put_string(at, a->text) : put_number(at, bits, 8);
        at = put_string(at, a->name);
    }
    for (size_t i = 0; i < c->array_count; i++) {
        const heed_checkpoint_array *a = &c->arrays[i].array;
        at = put_number(at, a->type, 1);
        at = put_number(at, (uint64_t)a->rank, 1);
        at = put_number(at, s->offsets[i], 8);
        for (int d = 0; d < a->rank; d++) at = put_number(at, (uint64_t)a->shape[d], 8);
        at = put_string(at, a->name);
    }
}

/* A file that could not be read back shall not be written: heed's reader judges what libhdf5 of this system laid out. */
static heed_code check_encoded(unsigned char *block, size_t size, const checkpoint_skeleton *s, heed_error *e)
{
    heed_checkpoint again = {0};
    const char *why = checkpoint_superblock_fault(s->image + size, size, s->file_size);
    heed_code code = why ? HEED_FORMAT : checkpoint_decode(block, size, s->file_size, &again, &why);
    heed_free(again.arrays);
    heed_free(again.attributes);
    if (code == HEED_NO_MEMORY) return heed_fail(e, code, "no memory to write a checkpoint");
    if (!code) return HEED_OK;
    return heed_fail(e, HEED_UNSUPPORTED, "this libhdf5 lays out checkpoints in a way heed does not read: %s", why);
}

/* ---- the stream: all bytes in order, through the digest and to the file ---- */

typedef struct stream {
    const checkpoint_skeleton *s;
    heed_sha256 *digest;
    heed_writer *writer;
    uint64_t at;
    heed_error *e;
} stream;

static void emit(stream *to, const void *data, uint64_t size)
{
    heed_sha256_add(to->digest, data, (size_t)size);
    heed_writer_write(to->writer, data, (size_t)size, to->e);
    to->at += size;
}

/* HDF5's own bytes up to `end`; where the image has none, zeros. */
static void emit_image(stream *to, uint64_t end)
{
    static const unsigned char zeros[4096];
    while (to->at < end) {
        uint64_t n = end - to->at;
        if (to->at < to->s->image_size) {
            if (n > to->s->image_size - to->at) n = to->s->image_size - to->at;
            emit(to, to->s->image + to->at, n);
        } else {
            if (n > sizeof zeros) n = sizeof zeros;
            emit(to, zeros, n);
        }
    }
}

static heed_code write_stream(const heed_checkpoint *c, const checkpoint_skeleton *s, const unsigned char *block, size_t size,
                              const char *file, heed_error *e)
{
    unsigned char digest[HEED_SHA256_SIZE] = {0};
    stream to = {.s = s, .digest = heed_sha256_new(e), .e = e};
    if (!to.digest) return HEED_NO_MEMORY;
    to.writer = heed_writer_open(file, e);
    if (!to.writer) {
        heed_sha256_free(to.digest);
        return e ? e->code : HEED_IO;
    }
    emit(&to, block, CHECKPOINT_DIGEST_AT);
    to.at += HEED_SHA256_SIZE;
    heed_writer_write(to.writer, digest, sizeof digest, e); /* its place */
    emit(&to, block + CHECKPOINT_HEADER, size - CHECKPOINT_HEADER);
    for (size_t i = 0; i < c->array_count; i++) {
        const heed_checkpoint_array *a = &c->arrays[i].array;
        if (a->count == 0) continue;
        emit_image(&to, s->offsets[i]);
        emit(&to, a->data, (uint64_t)a->count * heed_checkpoint_type_size(a->type));
    }
    emit_image(&to, s->file_size);
    heed_code code = heed_sha256_end(to.digest, digest, e);
    if (code) {
        heed_writer_cancel(to.writer);
        return code;
    }
    heed_writer_rewrite(to.writer, CHECKPOINT_DIGEST_AT, digest, sizeof digest, e);
    return heed_writer_commit(to.writer, e);
}

heed_code heed_checkpoint_write(const heed_checkpoint *c, const char *file, heed_error *e)
{
    if (e && e->code) return e->code;
    if (!c || c->failed) return heed_fail(e, HEED_STATE, "%s is not written, for its content is incomplete", file);
    const char *conflict = checkpoint_conflict(c);
    if (conflict)
        return heed_fail(e, HEED_INVALID, "%s is not written: \"%s\" is an array and a folder of others", file, conflict);
    size_t size = block_size(c);
    if (size > UINT32_MAX / 2 || c->array_count > UINT32_MAX || c->attribute_count > UINT32_MAX)
        return heed_fail(e, HEED_INVALID, "%s is not written: %zu arrays are too many", file, c->array_count);
    checkpoint_skeleton s = {0};
    unsigned char *block = heed_calloc(1, size);
    heed_code code = block ? HEED_OK : heed_fail(e, HEED_NO_MEMORY, "no memory to write %s", file);
    if (!code) code = checkpoint_skeleton_make(c, size, &s, e);
    if (!code) {
        encode(block, size, c, &s);
        code = check_encoded(block, size, &s, e);
    }
    if (!code) code = write_stream(c, &s, block, size, file, e);
    checkpoint_skeleton_free(&s);
    heed_free(block);
    return code;
}
