/* The HDF5 side of a checkpoint: everything of the file but heed's user block and the elements of the arrays.
 *
 * libhdf5 builds the file in memory. The arrays get their places but are never written through it, so that what it holds is
 * metadata only; the caller lays the elements in between. Nothing of time, process or version of libhdf5 is recorded: no
 * object times, and the file format is pinned to that of HDF5 1.8.
 */
#include <hdf5.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/memory.h"
#include "io/checkpoint_format.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "array elements are written as they are in memory");

/* libhdf5 has state of its own and is not built thread-safe everywhere. */
static pthread_mutex_t hdf5_lock = PTHREAD_MUTEX_INITIALIZER;

enum { IMAGE_STEP = 1 << 16, OBJECT_ROOM = 512 };

/* ---- the image: libhdf5's core driver grows it and, at the end, leaves it to us ---- */

static void *image_malloc(size_t size, H5FD_file_image_op_t operation, void *context)
{
    (void)operation, (void)context;
    return malloc(size);
}

static void *image_realloc(void *p, size_t size, H5FD_file_image_op_t operation, void *context)
{
    (void)operation;
    checkpoint_skeleton *s = context;
    void *q = realloc(p, size);
    if (q) s->image = q, s->image_size = size;
    return q;
}

static herr_t image_free(void *p, H5FD_file_image_op_t operation, void *context)
{
    checkpoint_skeleton *s = context;
    if (operation != H5FD_FILE_IMAGE_OP_FILE_CLOSE || p != s->image) free(p);
    return 0;
}

static void *same_context(void *context) { return context; }

static herr_t keep_context(void *context)
{
    (void)context;
    return 0;
}

/* ---- property lists and objects; ids are 0 or more ---- */

typedef struct builder {
    const heed_checkpoint *c;
    hid_t access, creation, group_creation, set_creation, file;
    bool good; /* the first failure sticks */
} builder;

static bool did(builder *b, herr_t result) { return b->good = b->good && result >= 0; }

static hid_t made(builder *b, hid_t id)
{
    did(b, id < 0 ? -1 : 0);
    return id;
}

/* Room for all metadata, so that it lies in front of the arrays and the image stays small. More is no error. */
static size_t metadata_room(const heed_checkpoint *c)
{
    size_t room = 16 * OBJECT_ROOM;
    for (size_t i = 0; i < c->attribute_count; i++)
        room += OBJECT_ROOM + 2 * strlen(c->attributes[i].name) + (c->attributes[i].text ? strlen(c->attributes[i].text) : 0);
    for (size_t i = 0; i < c->array_count; i++) room += OBJECT_ROOM + 2 * strlen(c->arrays[i].array.name);
    return room;
}

static void make_lists(builder *b, size_t user_block, checkpoint_skeleton *s)
{
    H5FD_file_image_callbacks_t calls = {.image_malloc = image_malloc, .image_realloc = image_realloc, .image_free = image_free,
                                         .udata_copy = same_context, .udata_free = keep_context, .udata = s};
    b->access = made(b, H5Pcreate(H5P_FILE_ACCESS));
    b->creation = made(b, H5Pcreate(H5P_FILE_CREATE));
    b->group_creation = made(b, H5Pcreate(H5P_GROUP_CREATE));
    b->set_creation = made(b, H5Pcreate(H5P_DATASET_CREATE));
    if (!b->good) return;
    did(b, H5Pset_fapl_core(b->access, IMAGE_STEP, false));
    did(b, H5Pset_file_image_callbacks(b->access, &calls));
    did(b, H5Pset_libver_bounds(b->access, H5F_LIBVER_V18, H5F_LIBVER_V18));
    did(b, H5Pset_fclose_degree(b->access, H5F_CLOSE_STRONG));
    did(b, H5Pset_alignment(b->access, 1, CHECKPOINT_ALIGN));
    did(b, H5Pset_meta_block_size(b->access, metadata_room(b->c)));
    did(b, H5Pset_small_data_block_size(b->access, 0));
    did(b, H5Pset_userblock(b->creation, user_block));
    did(b, H5Pset_obj_track_times(b->creation, false));
    did(b, H5Pset_obj_track_times(b->group_creation, false));
    did(b, H5Pset_obj_track_times(b->set_creation, false));
    did(b, H5Pset_layout(b->set_creation, H5D_CONTIGUOUS));
    did(b, H5Pset_alloc_time(b->set_creation, H5D_ALLOC_TIME_EARLY));
    did(b, H5Pset_fill_time(b->set_creation, H5D_FILL_TIME_NEVER));
}

static void make_attribute(builder *b, const heed_checkpoint_attribute *a)
{
    const hid_t stored[] = {[HEED_CHECKPOINT_INT] = H5T_STD_I64LE, [HEED_CHECKPOINT_REAL] = H5T_IEEE_F64LE,
                            [HEED_CHECKPOINT_TEXT] = H5T_C_S1};
    const void *values[] = {[HEED_CHECKPOINT_INT] = &a->integer, [HEED_CHECKPOINT_REAL] = &a->real,
                            [HEED_CHECKPOINT_TEXT] = a->text};
    hid_t type = made(b, H5Tcopy(stored[a->kind]));
    if (b->good && a->kind == HEED_CHECKPOINT_TEXT) {
        size_t length = strlen(a->text);
        did(b, H5Tset_size(type, length ? length : 1)); /* HDF5 knows no empty string; one zero byte reads as one */
        did(b, H5Tset_strpad(type, H5T_STR_NULLPAD));
        did(b, H5Tset_cset(type, H5T_CSET_UTF8));
    }
    hid_t space = made(b, H5Screate(H5S_SCALAR));
    hid_t id = b->good ? made(b, H5Acreate2(b->file, a->name, type, space, H5P_DEFAULT, H5P_DEFAULT)) : -1;
    if (b->good) did(b, H5Awrite(id, type, values[a->kind]));
    if (id >= 0) H5Aclose(id);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
}

/* The folders of `name` that `before`, the name in front of it in name order, did not have. */
static void make_groups(builder *b, const char *name, const char *before)
{
    char path[HEED_CHECKPOINT_NAME + 1];
    for (const char *slash = strchr(name, '/'); b->good && slash; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - name);
        if (before && strncmp(name, before, length + 1) == 0) continue;
        memcpy(path, name, length);
        path[length] = 0;
        hid_t group = made(b, H5Gcreate2(b->file, path, H5P_DEFAULT, b->group_creation, H5P_DEFAULT));
        if (group >= 0) H5Gclose(group);
    }
}

static void make_array(builder *b, const heed_checkpoint_array *a, uint64_t *offset)
{
    const hid_t element[] = {[HEED_CHECKPOINT_F32] = H5T_IEEE_F32LE, [HEED_CHECKPOINT_F64] = H5T_IEEE_F64LE,
                             [HEED_CHECKPOINT_I32] = H5T_STD_I32LE, [HEED_CHECKPOINT_I64] = H5T_STD_I64LE,
                             [HEED_CHECKPOINT_U8] = H5T_STD_U8LE};
    hsize_t sizes[HEED_CHECKPOINT_RANK];
    for (int i = 0; i < a->rank; i++) sizes[i] = (hsize_t)a->shape[i];
    hid_t space = b->good ? made(b, a->rank ? H5Screate_simple(a->rank, sizes, NULL) : H5Screate(H5S_SCALAR)) : -1;
    hid_t set = -1;
    if (b->good)
        set = made(b, H5Dcreate2(b->file, a->name, element[a->type], space, H5P_DEFAULT, b->set_creation, H5P_DEFAULT));
    if (b->good && a->count > 0) {
        haddr_t at = H5Dget_offset(set);
        if (at == HADDR_UNDEF) b->good = false;
        else *offset = at;
    }
    if (set >= 0) H5Dclose(set);
    if (space >= 0) H5Sclose(space);
}

static bool make_file(builder *b, checkpoint_skeleton *s)
{
    const heed_checkpoint *c = b->c;
    /* libhdf5 looks whether a file of this name is there before it begins in memory: it cannot be. */
    if (b->good) b->file = made(b, H5Fcreate("/dev/null/checkpoint", H5F_ACC_TRUNC, b->creation, b->access));
    for (size_t i = 0; b->good && i < c->attribute_count; i++) make_attribute(b, &c->attributes[i]);
    for (size_t i = 0; b->good && i < c->array_count; i++) {
        make_groups(b, c->arrays[i].array.name, i ? c->arrays[i - 1].array.name : NULL);
        make_array(b, &c->arrays[i].array, &s->offsets[i]);
    }
    if (b->file >= 0) did(b, H5Fclose(b->file));
    return b->good;
}

heed_code checkpoint_skeleton_make(const heed_checkpoint *c, size_t user_block, checkpoint_skeleton *s, heed_error *e)
{
    *s = (checkpoint_skeleton){.offsets = heed_calloc(c->array_count, sizeof *s->offsets)};
    if (!s->offsets) return heed_fail(e, HEED_NO_MEMORY, "no memory for a checkpoint of %zu arrays", c->array_count);
    builder b = {.c = c, .access = -1, .creation = -1, .group_creation = -1, .set_creation = -1, .file = -1, .good = true};
    pthread_mutex_lock(&hdf5_lock);
    unsigned major, minor, release;
    /* Where they differ, libhdf5 would call abort. */
    bool same = H5get_libversion(&major, &minor, &release) >= 0 && major == H5_VERS_MAJOR && minor == H5_VERS_MINOR &&
                release == H5_VERS_RELEASE;
    if (same) {
        H5E_auto2_t print;
        void *context;
        bool silenced = H5Eget_auto2(H5E_DEFAULT, &print, &context) >= 0 && H5Eset_auto2(H5E_DEFAULT, NULL, NULL) >= 0;
        make_lists(&b, user_block, s);
        make_file(&b, s);
        hid_t lists[] = {b.access, b.creation, b.group_creation, b.set_creation};
        for (int i = 0; i < 4; i++)
            if (lists[i] >= 0) H5Pclose(lists[i]);
        if (silenced) H5Eset_auto2(H5E_DEFAULT, print, context);
    }
    pthread_mutex_unlock(&hdf5_lock);
    if (!same) return heed_fail(e, HEED_UNSUPPORTED, "heed was built with HDF5 %d.%d.%d and runs with %u.%u.%u; build it anew",
                                H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE, major, minor, release);
    size_t end = user_block + CHECKPOINT_SUPERBLOCK;
    if (!b.good || s->image_size < end) return heed_fail(e, HEED_NO_MEMORY, "libhdf5 cannot lay out a checkpoint of %zu arrays",
                                                         c->array_count);
    s->file_size = checkpoint_load(s->image + user_block + 28, 8); /* the superblock's end of file */
    return HEED_OK;
}

void checkpoint_skeleton_free(checkpoint_skeleton *s)
{
    free(s->image);
    heed_free(s->offsets);
}
