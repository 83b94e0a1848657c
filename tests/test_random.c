/* Philox against its published vectors; draws depend on seed, stream and position only, and have the distribution they claim. */
#include "autograd/random.h"
#include "check.h"

#include <math.h>

/* kat_vectors of Random123, the lines "philox4x32 10" */
static void published_vectors(void)
{
    static const struct { uint32_t counter[4], key[2], out[4]; } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        heed_philox(known[i].key, known[i].counter, out);
        CU_ASSERT(!memcmp(out, known[i].out, sizeof out));
    }
}

static void a_word_has_an_address(void)
{
    const uint64_t seed = 0x123456789abcdef0, stream = 0xfedcba9876543210;
    const uint64_t far = 0x100000000u * 4 - 6; /* crosses a carry into counter[1] */
    uint32_t all[40], part[40], block[4];
    heed_random_words(seed, stream, far, 40, all);
    for (int first = 0; first < 9; first++)
        for (int n = 0; n < 20; n++) {
            heed_random_words(seed, stream, far + (uint64_t)first, n, part);
            CU_ASSERT(!memcmp(part, all + first, (size_t)n * 4));
        }
    heed_philox((uint32_t[]){0x9abcdef0, 0x12345678}, (uint32_t[]){0, 1, 0x76543210, 0xfedcba98}, block);
    CU_ASSERT(!memcmp(block, all + 6, sizeof block));
}

static void any_position_is_found_again(void)
{
    heed_random r = {.seed = 7, .stream = heed_hash_name("enc.0.attn.query")}, other = r;
    for (int i = 0; i < 101; i++) heed_random_u32(&r);
    CU_ASSERT_EQUAL(r.position, 101);
    heed_random mark = r;
    double normal = heed_random_normal(&r), uniform = heed_random_uniform(&r);
    uint64_t below = heed_random_below(&r, 1000);
    CU_ASSERT_EQUAL(r.position, 101 + 4 + 2 + 2);
    r.position = mark.position;
    CU_ASSERT_EQUAL(heed_random_normal(&r), normal);
    CU_ASSERT_EQUAL(heed_random_uniform(&r), uniform);
    CU_ASSERT_EQUAL(heed_random_below(&r, 1000), below);
    other.stream++;
    CU_ASSERT_NOT_EQUAL(heed_random_u64(&other), heed_random_u64(&(heed_random){r.seed, r.stream, 0}));
    other = (heed_random){r.seed + 1, r.stream, 0};
    CU_ASSERT_NOT_EQUAL(heed_random_u64(&other), heed_random_u64(&(heed_random){r.seed, r.stream, 0}));
}

/* The hash is part of every checkpoint's meaning: it must never change. */
static void names_have_stable_streams(void)
{
    CU_ASSERT_EQUAL(heed_hash_name(""), 0xf52a15e9a9b5e89b);
    CU_ASSERT_EQUAL(heed_hash_name("enc.0.attn.query"), 0x8040743daed8b2ff);
    CU_ASSERT_NOT_EQUAL(heed_hash_name("a") >> 48, heed_hash_name("b") >> 48);
}

/* Each bucket's count has variance about draws/buckets; chi-square stays within 5 deviations of its mean. */
static double chi_square_deviation(const int64_t *count, int buckets, double draws)
{
    double chi = 0, expected = draws / buckets, free = buckets - 1;
    for (int i = 0; i < buckets; i++) chi += (((double)count[i] - expected) * ((double)count[i] - expected)) / expected;
    return fabs(chi - free) / sqrt(2 * free);
}

static void below_is_unbiased(void)
{
    heed_random r = {.seed = 1};
    CU_ASSERT_EQUAL(heed_random_below(&r, 0), 0);
    CU_ASSERT_EQUAL(heed_random_below(&r, 1), 0);
    const int sizes[] = {2, 3, 7, 100, 1000};
    for (int s = 0; s < 5; s++) {
        int64_t count[1000] = {0};
        for (int i = 0; i < 200000; i++) {
            uint64_t x = heed_random_below(&r, (uint64_t)sizes[s]);
            CU_ASSERT_FATAL(x < (uint64_t)sizes[s]);
            count[x]++;
        }
        CU_ASSERT(chi_square_deviation(count, sizes[s], 200000) < 5);
    }
    /* a bare remainder would fall into the first third half of the time */
    int64_t third[3] = {0};
    const uint64_t n = 0xC000000000000000;
    for (int i = 0; i < 60000; i++) {
        uint64_t x = heed_random_below(&r, n);
        CU_ASSERT_FATAL(x < n);
        third[x / (n / 3)]++;
    }
    CU_ASSERT(chi_square_deviation(third, 3, 60000) < 5);
}

static void moments_are_right(void)
{
    enum { N = 400000 };
    heed_random r = {.seed = 2};
    int64_t count[256] = {0};
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double u = heed_random_uniform(&r);
        CU_ASSERT_FATAL(u >= 0 && u < 1);
        count[(int)(u * 256)]++;
        sum += u;
    }
    CU_ASSERT(chi_square_deviation(count, 256, N) < 5);
    CU_ASSERT(fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
    double m[5] = {0}, lag = 0, last = 0;
    for (int i = 0; i < N; i++) {
        double z = heed_random_normal(&r), p = 1;
        for (int k = 0; k < 5; k++, p *= z) m[k] += p / N;
        lag += z * last / N;
        last = z;
    }
    CU_ASSERT(fabs(m[1]) < 5 * sqrt(1.0 / N));
    CU_ASSERT(fabs(m[2] - 1) < 5 * sqrt(2.0 / N));
    CU_ASSERT(fabs(m[3]) < 5 * sqrt(15.0 / N));
    CU_ASSERT(fabs(m[4] - 3) < 5 * sqrt(96.0 / N));
    CU_ASSERT(fabs(lag) < 5 * sqrt(1.0 / N));
}

static void shuffles_are_permutations_all_alike(void)
{
    heed_random r = {.seed = 3};
    int64_t count[24] = {0};
    for (int i = 0; i < 48000; i++) {
        int64_t p[4] = {0, 1, 2, 3}, rank = 0, seen = 0;
        heed_shuffle(&r, 4, p);
        for (int a = 0; a < 4; a++) {
            int64_t smaller = 0;
            for (int b = a + 1; b < 4; b++) smaller += p[b] < p[a];
            rank = rank * (4 - a) + smaller;
            seen |= 1 << p[a];
        }
        CU_ASSERT_EQUAL_FATAL(seen, 15);
        count[rank]++;
    }
    CU_ASSERT(chi_square_deviation(count, 24, 48000) < 5);
    heed_random still = r;
    int64_t one = 5;
    heed_shuffle(&r, 0, NULL);
    heed_shuffle(&r, 1, &one);
    CU_ASSERT(one == 5 && r.position == still.position);
}

CHECK_MAIN("random", {"Philox 4x32-10 gives the published words", published_vectors},
           {"a word depends on its address only", a_word_has_an_address},
           {"any position is found again", any_position_is_found_again},
           {"names have stable streams", names_have_stable_streams},
           {"below is unbiased", below_is_unbiased},
           {"uniform and normal have their moments", moments_are_right},
           {"shuffles are permutations, all alike", shuffles_are_permutations_all_alike})
