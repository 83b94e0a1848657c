/* Reading trusts nothing: whatever a file holds, it is refused with a sentence or read within its bounds. The fuzzing proves
 * something only with the address sanitizer on. */
#include "autograd/memory.h"
#include "check.h"
#include "checkpoint_sample.h"
#include "io/digest.h"
#include "scratch.h"

static unsigned char *good; /* the sample's file */
static size_t good_size;

static void load_sample(void)
{
    heed_error e = {0};
    if (!good && !sample_write(scratch("good.h5"), &e)) good = scratch_load(scratch("good.h5"), &good_size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(good);
}

/* The file is refused as HEED_FORMAT, in a sentence that names it and says `part`. */
static int refused(const char *file, const char *part)
{
    heed_error e = {0};
    heed_checkpoint *c = heed_checkpoint_read(file, &e);
    heed_checkpoint_free(c);
    return !c && e.code == HEED_FORMAT && check_says(e.message, file) && check_says(e.message, part);
}

static int refused_bytes(const void *bytes, size_t size, const char *part)
{
    scratch_save(scratch("bad.h5"), bytes, size);
    return refused(scratch("bad.h5"), part);
}

/* ---- accidents ---- */

static void foreign_files(void)
{
    load_sample();
    CU_ASSERT(refused_bytes("", 0, "is empty"));
    CU_ASSERT(refused_bytes("\x89PNG\r\n\x1a\n rest", 13, "is not a checkpoint of heed"));
    CU_ASSERT(refused_bytes("step = 10\n", 10, "is not a checkpoint of heed"));
    CU_ASSERT(refused_bytes("x", 1, "is not a checkpoint of heed"));
    CU_ASSERT(refused_bytes("\x89HEE", 4, "is truncated to 4 bytes"));
    CU_ASSERT(refused_bytes("\x89HDF\r\n\x1a\n more of it", 19, "is an HDF5 file, but not"));
    CU_ASSERT(refused(scratch_folder, "is not a file"));
    CU_ASSERT_EQUAL(mkfifo(scratch("fifo"), 0600), 0);
    CU_ASSERT(refused(scratch("fifo"), "is not a file"));
    heed_error e = {0};
    CU_ASSERT_PTR_NULL(heed_checkpoint_read(scratch("nothing.h5"), &e));
    CU_ASSERT_EQUAL(e.code, HEED_IO);
    CU_ASSERT(check_says(e.message, "nothing.h5: No such file"));
    /* as large as no machine: nothing is read, nothing allocated */
    scratch_save(scratch("sparse.h5"), good, good_size);
    if (truncate(scratch("sparse.h5"), (off_t)1 << 42) == 0) {
        e = (heed_error){0};
        CU_ASSERT_PTR_NULL(heed_checkpoint_read(scratch("sparse.h5"), &e));
        int enough = sysconf(_SC_PHYS_PAGES) >= 1L << 30;
        CU_ASSERT(check_says(e.message, enough ? "its header says" : "more than this machine's memory"));
    }
}

static void every_truncation(void)
{
    load_sample();
    scratch_save(scratch("bad.h5"), good, good_size);
    for (size_t size = good_size; size-- > 0; size -= size > 2000 ? 7 : 0) {
        CU_ASSERT_EQUAL(truncate(scratch("bad.h5"), (off_t)size), 0);
        CU_ASSERT(refused(scratch("bad.h5"), size ? "truncated" : "empty"));
    }
    unsigned char *longer = calloc(good_size + 1, 1);
    memcpy(longer, good, good_size);
    CU_ASSERT(refused_bytes(longer, good_size + 1, "damaged"));
    free(longer);
}

static void every_byte_altered(void)
{
    load_sample();
    scratch_save(scratch("bad.h5"), good, good_size);
    FILE *out = fopen(scratch("bad.h5"), "r+b");
    setvbuf(out, NULL, _IONBF, 0);
    unsigned bits = 1;
    for (size_t i = 0; i < good_size; i++) {
        bits = bits * 1103515245 + 12345;
        fseek(out, (long)i, SEEK_SET);
        fputc(good[i] ^ (int)(bits >> 16 & 0xff ? bits >> 16 & 0xff : 1), out);
        if (!refused(scratch("bad.h5"), "bad.h5")) CU_FAIL_FATAL("an altered byte went unnoticed");
        fseek(out, (long)i, SEEK_SET);
        fputc(good[i], out);
    }
    fclose(out);
    heed_error e = {0};
    heed_checkpoint *c = heed_checkpoint_read(scratch("bad.h5"), &e);
    CU_ASSERT(c && sample_holds(c));
    heed_checkpoint_free(c);
}

/* ---- malice: the digest is made anew, so that only the checks of structure are left ---- */

static void sign(unsigned char *bytes, size_t size)
{
    heed_sha256 *s = heed_sha256_new(NULL);
    heed_sha256_add(s, bytes, 32);
    heed_sha256_add(s, bytes + 64, size - 64);
    heed_sha256_end(s, bytes + 32, NULL);
}

static size_t place_of(const char *name)
{
    size_t at = 64;
    while (at + strlen(name) < good_size && memcmp(good + at, name, strlen(name) + 1) != 0) at++;
    CU_ASSERT_FATAL(at + strlen(name) < good_size);
    return at;
}

/* Where the entry of an array begins in the user block: type, rank, offset, sizes, name. */
static size_t entry_of(const char *name, int rank) { return place_of(name) - 10 - 8 * (size_t)rank; }

static int forged(size_t at, const void *bytes, size_t size, const char *part)
{
    unsigned char *copy = malloc(good_size);
    memcpy(copy, good, good_size);
    memcpy(copy + at, bytes, size);
    sign(copy, good_size);
    int is = refused_bytes(copy, good_size, part);
    free(copy);
    return is;
}

static int forged_number(size_t at, uint64_t value, size_t size, const char *part) { return forged(at, &value, size, part); }

static void forged_headers(void)
{
    load_sample();
    CU_ASSERT(forged_number(8, 2, 4, "has checkpoint format 2; this heed reads 1"));
    CU_ASSERT(forged_number(8, 0, 4, "no checkpoint format 0"));
    CU_ASSERT(forged_number(12, 0, 4, "user block of 0 bytes"));
    CU_ASSERT(forged_number(12, 1000, 4, "user block of 1000 bytes"));
    CU_ASSERT(forged_number(12, 1u << 31, 4, "user block of 2147483648 bytes"));
    CU_ASSERT(forged_number(12, 512, 4, "does not begin where it should"));
    CU_ASSERT(forged_number(16, good_size + 1, 8, "truncated"));
    CU_ASSERT(forged_number(16, 1, 8, "damaged"));
    CU_ASSERT(forged_number(24, UINT32_MAX, 4, "cannot be as long"));
    CU_ASSERT(forged_number(28, UINT32_MAX, 4, "cannot be as long"));
    CU_ASSERT(forged_number(24, SAMPLE_ATTRIBUTES + 3, 4, "not a checkpoint that heed wrote"));
    CU_ASSERT(forged_number(28, SAMPLE_ARRAYS + 1, 4, "not a checkpoint that heed wrote"));
    CU_ASSERT(forged_number(28, SAMPLE_ARRAYS - 1, 4, "something follows"));
    size_t block = good[12] | (size_t)good[13] << 8;
    CU_ASSERT(forged_number(block - 1, 1, 1, "something follows"));
    CU_ASSERT(forged_number(block, 0, 1, "does not begin where it should"));
    CU_ASSERT(forged_number(block + 8, 0, 1, "not of version 2"));
    CU_ASSERT(forged_number(block + 8, 3, 1, "not of version 2"));
    CU_ASSERT(forged_number(block + 9, 4, 1, "not of 8 bytes"));
    CU_ASSERT(forged_number(block + 12, 0, 8, "base address"));
    CU_ASSERT(forged_number(block + 20, 512, 8, "extension"));
    CU_ASSERT(forged_number(block + 28, good_size + 8, 8, "end-of-file address"));
}

static void forged_entries(void)
{
    load_sample();
    const char *q = "params/enc.0.attn.q", *k = "params/enc.0.attn.k";
    size_t at = entry_of(q, 2), name = at + 26, before = entry_of(k, 3);
    CU_ASSERT(forged_number(at, 0, 1, "no known type"));
    CU_ASSERT(forged_number(at, 6, 1, "no known type"));
    CU_ASSERT(forged_number(at, 255, 1, "no known type"));
    CU_ASSERT(forged_number(at + 1, 9, 1, "too many axes"));
    CU_ASSERT(forged_number(at + 2, 0, 8, "out of place"));
    CU_ASSERT(forged_number(at + 2, 64, 8, "out of place"));
    CU_ASSERT(forged(at + 2, good + before + 2, 8, "out of place")); /* on another array */
    CU_ASSERT(forged_number(at + 2, good[at + 2] + 1u, 1, "out of place")); /* not aligned */
    CU_ASSERT(forged_number(at + 2, UINT64_MAX - 63, 8, "beyond the end"));
    CU_ASSERT(forged_number(at + 2, good_size + 64 - good_size % 64, 8, "beyond the end"));
    CU_ASSERT(forged_number(at + 10, INT64_MAX, 8, "size cannot be"));
    CU_ASSERT(forged_number(at + 10, UINT64_MAX, 8, "size cannot be"));
    CU_ASSERT(forged_number(at + 10, INT64_MAX / 12, 8, "beyond the end"));
    CU_ASSERT(forged_number(at + 10, 1u << 30, 8, "beyond the end"));
    CU_ASSERT(forged_number(at + 10, UINT64_C(1) << 62, 8, "size cannot be")); /* times 12 is 0 in 64 bits */
    CU_ASSERT(forged_number(at + 10, 0, 8, "empty array has a place"));
    CU_ASSERT(forged(name, "/", 1, "name cannot be"));
    CU_ASSERT(forged(name + 7, "/", 1, "name cannot be"));
    CU_ASSERT(forged(name + 7, "../", 3, "name cannot be"));
    CU_ASSERT(forged(name + 7, "e\nc", 3, "name cannot be"));
    CU_ASSERT(forged(name, "aarams", 6, "arrays are out of order"));
    CU_ASSERT(forged(place_of("vocabulary.merges") + 10, "/", 1, "an array is a folder of another"));
    CU_ASSERT(forged(name, k, strlen(k), "out of order")); /* twice the same name */
    size_t step = place_of("step");
    CU_ASSERT(forged_number(step - 9, 0, 1, "no known kind"));
    CU_ASSERT(forged_number(step - 9, 4, 1, "no known kind"));
    CU_ASSERT(forged(step, "st/p", 4, "attribute's name cannot be"));
    CU_ASSERT(forged(step, "lr\0\0", 4, "not a checkpoint that heed wrote"));
    CU_ASSERT(forged(step, "aaaa", 4, "attributes are out of order"));
    size_t block = good[12] | (size_t)good[13] << 8;
    size_t last = place_of("vocabulary.merges");
    unsigned char ones[1024];
    memset(ones, 0x33, sizeof ones); /* no string ends */
    CU_ASSERT(forged(last, ones, block - last, "is cut"));
    memset(ones, 'w', sizeof ones); /* the last name ends shortly before the block; one entry more is begun */
    memcpy(ones + (block - last) - 4, "\0\1\4\0", 4);
    unsigned char more[2048];
    memcpy(more, good, block);
    memcpy(more + last, ones, block - last);
    more[28]++;
    CU_ASSERT(forged(0, more, block, "is cut"));
}

/* Reads every byte that an accepted file offers. */
static unsigned long touch(const heed_checkpoint *c)
{
    unsigned long sum = 0;
    for (size_t i = 0; heed_checkpoint_attribute_at(c, i); i++) {
        const heed_checkpoint_attribute *a = heed_checkpoint_attribute_at(c, i);
        sum += strlen(a->name) + (a->text ? strlen(a->text) : 0);
    }
    for (size_t i = 0; heed_checkpoint_array_at(c, i); i++) {
        const heed_checkpoint_array *a = heed_checkpoint_array_at(c, i);
        const unsigned char *bytes = a->data;
        for (size_t j = 0; j < (size_t)a->count * heed_checkpoint_type_size(a->type); j++) sum += bytes[j];
        sum += strlen(a->name);
    }
    return sum;
}

static uint64_t chance(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state >> 11;
}

static void signed_rubbish(void)
{
    load_sample();
    static const uint64_t nasty[] = {0, 1, 7, 8, 63, 64, 255, 512, 1024, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, 1u << 31};
    size_t block = good[12] | (size_t)good[13] << 8;
    const char *rounds = getenv("HEED_FUZZ_ROUNDS");
    long count = rounds ? atol(rounds) : 10000, accepted = 0;
    unsigned char *copy = malloc(good_size);
    unsigned long sum = 0;
    for (long i = 0; i < count; i++) {
        size_t size = good_size;
        memcpy(copy, good, size);
        for (uint64_t n = 1 + chance() % 3; n > 0; n--) {
            size_t at = chance() % 8 ? 8 + chance() % (block - 8) : chance() % (good_size - 8);
            if (at > good_size - 8) continue;
            uint64_t value = nasty[chance() % (sizeof nasty / sizeof *nasty)];
            if (chance() % 2) copy[at] = (unsigned char)chance();
            else memcpy(copy + at, &value, (size_t)1 << chance() % 4);
        }
        if (chance() % 8 == 0) { /* shorter, and it says so */
            size = block + 48 + chance() % (good_size - block - 48);
            memcpy(copy + 16, &(uint64_t){size}, 8);
            memcpy(copy + block + 28, &(uint64_t){size}, 8);
        }
        sign(copy, size);
        scratch_save(scratch("bad.h5"), copy, size);
        heed_error e = {0};
        heed_checkpoint *c = heed_checkpoint_read(scratch("bad.h5"), &e);
        CU_ASSERT_FATAL(c ? e.code == HEED_OK : e.code == HEED_FORMAT && strlen(e.message) > 20);
        if (!c) continue;
        accepted++;
        sum += touch(c);
        heed_checkpoint_free(c);
    }
    free(copy);
    free(good);
    good = NULL;
    CU_ASSERT(sum > 0 && accepted > 0 && accepted < count);
    printf("(%ld of %ld accepted) ", accepted, count);
}

CHECK_MAIN("hostile checkpoints", {"foreign files", foreign_files}, {"every truncation", every_truncation},
           {"every byte altered", every_byte_altered}, {"forged headers", forged_headers}, {"forged entries", forged_entries},
           {"signed rubbish", signed_rubbish})
