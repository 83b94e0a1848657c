/* Random numbers that are addressed, not generated: a draw is a function of (seed, stream, position) and of nothing else.
 *
 * Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011) turns a key and a counter of
 * 128 bits into four words of 32 bits. Here the key is the seed, the counter's upper half the stream, its lower half the block:
 *
 *     word p of (seed, stream) = philox(key = seed, counter = {p / 4, stream})[p % 4]          low halves first
 *
 * So threads may draw in any order, a dropout mask can be drawn again instead of stored, and a checkpoint keeps three integers.
 */
#ifndef HEED_RANDOM_H
#define HEED_RANDOM_H

#include <stdint.h>

void heed_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* Words first, first + 1, ..., first + n - 1 of (seed, stream). */
void heed_random_words(uint64_t seed, uint64_t stream, uint64_t first, int64_t n, uint32_t *out);

/* A stable 64-bit hash of a name: the stream of the parameter, op or purpose that bears it. */
uint64_t heed_hash_name(const char *name);

/* One draw after the other. A plain value: copy it, store it, set `position` to return to any point. */
typedef struct heed_random {
    uint64_t seed, stream;
    uint64_t position; /* the next word */
} heed_random;

uint32_t heed_random_u32(heed_random *r);               /* 1 word */
uint64_t heed_random_u64(heed_random *r);               /* 2 words */
uint64_t heed_random_below(heed_random *r, uint64_t n); /* unbiased in 0 ... n-1; 2 words, seldom more; 0 for n = 0 */
double heed_random_uniform(heed_random *r);             /* in [0, 1), a multiple of 2^-53; 2 words */
double heed_random_normal(heed_random *r);              /* mean 0, variance 1, by Box and Muller (1958); 4 words */

/* Permutes items, all orders equally likely (Fisher and Yates, Durstenfeld's form). */
void heed_shuffle(heed_random *r, int64_t n, int64_t *items);

#endif
