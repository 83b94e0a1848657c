#include "random.h"

#include <math.h>

void heed_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1], c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void heed_random_words(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, uint32_t *out)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t block[4];
    for (int64_t i = 0; i < n; i++) {
        uint64_t p = first + (uint64_t)i, b = p / 4;
        if (i == 0 || p % 4 == 0)
            heed_philox(key, (uint32_t[]){(uint32_t)b, (uint32_t)(b >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}, block);
        out[i] = block[p % 4];
    }
}

/* FNV-1a, then splitmix64's finaliser, since FNV leaves the upper bits of short names alike */
uint64_t heed_hash_name(const char *name)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (const unsigned char *s = (const unsigned char *)name; *s; s++) h = (h ^ *s) * 0x100000001B3u;
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
    return h ^ (h >> 31);
}

uint32_t heed_random_u32(heed_random *r)
{
    uint32_t word;
    heed_random_words(r->seed, r->stream, r->position, 1, &word);
    r->position++;
    return word;
}

uint64_t heed_random_u64(heed_random *r)
{
    uint32_t words[2];
    heed_random_words(r->seed, r->stream, r->position, 2, words);
    r->position += 2;
    return words[0] | (uint64_t)words[1] << 32;
}

/* Draws below 2^64 mod n are refused, so that n divides the number of those that remain. */
uint64_t heed_random_below(heed_random *r, uint64_t n)
{
    if (n == 0) return 0;
    uint64_t x, refused = (0 - n) % n;
    do x = heed_random_u64(r);
    while (x < refused);
    return x % n;
}

static double unit(uint32_t low, uint32_t high) { return (double)((low | (uint64_t)high << 32) >> 11) * 0x1p-53; }

double heed_random_uniform(heed_random *r)
{
    uint64_t x = heed_random_u64(r);
    return unit((uint32_t)x, (uint32_t)(x >> 32));
}

double heed_random_normal(heed_random *r)
{
    uint32_t word[4]; /* at once: mostly they are of one block */
    heed_random_words(r->seed, r->stream, r->position, 4, word);
    r->position += 4;
    double u = 1 - unit(word[0], word[1]), v = unit(word[2], word[3]); /* u in (0, 1] */
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

void heed_shuffle(heed_random *r, int64_t n, int64_t *items)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)heed_random_below(r, (uint64_t)i + 1), kept = items[i];
        items[i] = items[j];
        items[j] = kept;
    }
}
