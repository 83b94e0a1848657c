/* Others read our files: libhdf5 itself, and h5py where python3 (or the Python that HEED_PYTHON names) has it. */
#define H5_USE_110_API
#include <hdf5.h>
#include <unistd.h>

#include "check.h"
#include "checkpoint_sample.h"
#include "io/checkpoint_format.h"
#include "scratch.h"

static hid_t native(heed_checkpoint_type type)
{
    switch (type) {
    case HEED_CHECKPOINT_F32: return H5T_NATIVE_FLOAT;
    case HEED_CHECKPOINT_F64: return H5T_NATIVE_DOUBLE;
    case HEED_CHECKPOINT_I32: return H5T_NATIVE_INT32;
    case HEED_CHECKPOINT_I64: return H5T_NATIVE_INT64;
    case HEED_CHECKPOINT_U8: return H5T_NATIVE_UINT8;
    }
    return -1;
}

static void libhdf5_reads_arrays(void)
{
    heed_error e = {0};
    CU_ASSERT_EQUAL(sample_write(scratch("a.h5"), &e), HEED_OK);
    hid_t file = H5Fopen(scratch("a.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    CU_ASSERT_FATAL(file >= 0);
    for (int i = 0; i < SAMPLE_ARRAYS; i++) {
        const sample_array *a = &sample_arrays[i];
        hid_t set = H5Dopen2(file, a->name, H5P_DEFAULT);
        CU_ASSERT_FATAL(set >= 0);
        hid_t space = H5Dget_space(set), type = H5Dget_type(set);
        hsize_t sizes[HEED_CHECKPOINT_RANK];
        CU_ASSERT_EQUAL(H5Sget_simple_extent_dims(space, sizes, NULL), a->rank);
        for (int d = 0; d < a->rank; d++) CU_ASSERT_EQUAL(sizes[d], (hsize_t)a->shape[d]);
        CU_ASSERT(H5Tequal(type, native(a->type)) > 0);
        unsigned char have[sizeof sample_f64] = {0};
        size_t bytes = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
        CU_ASSERT_FATAL(bytes <= sizeof have);
        CU_ASSERT(H5Dread(set, native(a->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, have) >= 0);
        CU_ASSERT(bytes == 0 || memcmp(have, a->data, bytes) == 0);
        H5O_info_t info;
        CU_ASSERT(H5Oget_info1(set, &info) >= 0);
        CU_ASSERT(info.mtime == 0 && info.ctime == 0 && info.btime == 0 && info.atime == 0);
        H5Tclose(type);
        H5Sclose(space);
        H5Dclose(set);
    }
    H5Fclose(file);
}

static void libhdf5_reads_attributes(void)
{
    hid_t file = H5Fopen(scratch("a.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    CU_ASSERT_FATAL(file >= 0);
    int64_t step = 0;
    hid_t a = H5Aopen(file, "step", H5P_DEFAULT);
    CU_ASSERT(H5Aread(a, H5T_NATIVE_INT64, &step) >= 0 && step == -1234567890123456789);
    H5Aclose(a);
    double lr = 0;
    a = H5Aopen(file, "lr", H5P_DEFAULT);
    CU_ASSERT(H5Aread(a, H5T_NATIVE_DOUBLE, &lr) >= 0 && lr == 0.1);
    H5Aclose(a);
    char kind[64] = "";
    a = H5Aopen(file, "model.kind", H5P_DEFAULT);
    hid_t type = H5Aget_type(a);
    CU_ASSERT_FATAL(H5Tget_size(type) < sizeof kind);
    CU_ASSERT(H5Aread(a, type, kind) >= 0 && strcmp(kind, "transformer \xc3\xa9") == 0);
    H5Tclose(type);
    H5Aclose(a);
    H5O_info_t info;
    CU_ASSERT(H5Oget_info1(file, &info) >= 0 && info.num_attrs == SAMPLE_ATTRIBUTES + 2);
    H5Fclose(file);
}

/* Saving costs memory for names and numbers only, however large the arrays: they are never given to libhdf5. */
static void libhdf5_holds_no_elements(void)
{
    enum { COUNT = 3000 };
    heed_error e = {0};
    heed_checkpoint *c = heed_checkpoint_new(&e);
    for (int i = 0; i < COUNT; i++) {
        char name[300];
        snprintf(name, sizeof name, "%.*s/%d/array", 1 + i % 200, "an.unusually.long.and.winding.name.of.some.group.that.holds."
                 "a.great.many.other.groups.each.with.one.array.of.a.large.number.of.elements.none.of.which.is.ever.touched."
                 "at.all.for.want.of.need", i);
        heed_checkpoint_put(c, name, HEED_CHECKPOINT_F32, 2, (int64_t[]){1 + i % 7, 1 << 20}, c, &e);
        snprintf(name, sizeof name, "attribute.%d", i);
        heed_checkpoint_set_text(c, name, "some text", &e);
    }
    checkpoint_skeleton s;
    CU_ASSERT_EQUAL_FATAL(checkpoint_skeleton_make(c, 1 << 20, &s, &e), HEED_OK);
    CU_ASSERT(s.file_size > (uint64_t)COUNT * 4 << 20);
    CU_ASSERT(s.image_size <= s.offsets[0]);
    CU_ASSERT_STRING_EQUAL(e.message, "");
    checkpoint_skeleton_free(&s);
    heed_checkpoint_free(c);
}

static void a_program_that_uses_hdf5_keeps_its_errors(void)
{
    H5E_auto2_t before, after;
    void *a, *b;
    heed_error e = {0};
    H5Eget_auto2(H5E_DEFAULT, &before, &a);
    sample_write(scratch("b.h5"), &e);
    H5Eget_auto2(H5E_DEFAULT, &after, &b);
    CU_ASSERT(before == after && a == b && before != NULL);
    CU_ASSERT_EQUAL(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0); /* nothing stays open */
}

static void h5py_reads_all(void)
{
    const char *python = getenv("HEED_PYTHON");
    char command[2048];
    if (!python || !*python) python = "python3";
    snprintf(command, sizeof command, "'%s' -c 'import h5py' 2>/dev/null", python);
    if (system(command) != 0) {
        printf("(skipped: %s has no h5py; HEED_PYTHON may name one that has) ", python);
        return;
    }
    snprintf(command, sizeof command, "'%s' '" TEST_DATA "/checkpoint_h5py.py' '%s'", python, scratch("a.h5"));
    CU_ASSERT_EQUAL(system(command), 0);
}

CHECK_MAIN("checkpoints for others", {"libhdf5 reads arrays", libhdf5_reads_arrays},
           {"libhdf5 reads attributes", libhdf5_reads_attributes},
           {"libhdf5 holds no elements", libhdf5_holds_no_elements},
           {"a program that uses HDF5 keeps its errors", a_program_that_uses_hdf5_keeps_its_errors},
           {"h5py reads all", h5py_reads_all})
