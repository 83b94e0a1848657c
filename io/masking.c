#include "io/masking.h"

#include "autograd/memory.h"
#include "autograd/random.h"

#include <math.h>
#include <string.h>

enum { WORDS = 24 }; /* 2^24 random words for an example: more than a million tokens need */

struct heed_masking {
    size_t vocabulary;
    double share;
    heed_batch batch;
    int32_t *source, *where, *what, *lengths; /* what batch shows */
};

heed_masking *heed_masking_create(const heed_batches *b, size_t vocabulary, double share, heed_error *e)
{
    heed_batches_counts most = heed_batches_count(b);
    heed_masking *m = share > 0 && share <= 1 ? heed_calloc(1, sizeof *m) : NULL;
    if (m) {
        *m = (heed_masking){.vocabulary = vocabulary, .share = share};
        m->source = heed_calloc(most.most_places, sizeof *m->source);
        m->where = heed_calloc(most.most_places, sizeof *m->where);
        m->what = heed_calloc(most.most_places, sizeof *m->what);
        m->lengths = heed_calloc(most.most_rows, sizeof *m->lengths);
        if (m->source && m->where && m->what && m->lengths) return m;
    }
    if (!(share > 0 && share <= 1)) heed_fail(e, HEED_INVALID, "masking: a share of %g; it must be above 0 and at most 1", share);
    else heed_fail(e, HEED_NO_MEMORY, "no memory for masked batches of %zu tokens", most.most_places);
    heed_masking_free(m);
    return NULL;
}

void heed_masking_free(heed_masking *m)
{
    if (!m) return;
    heed_free(m->source);
    heed_free(m->where);
    heed_free(m->what);
    heed_free(m->lengths);
    heed_free(m);
}

static size_t tokens_in(const heed_batch *b, size_t row)
{
    size_t n = (size_t)b->source_length[row];
    return n - (n && b->source[row * b->source_steps] == HEED_ID_BEGIN);
}

/* How many of a sequence's tokens are chosen. */
static size_t wanted(const heed_masking *m, size_t tokens)
{
    size_t n = (size_t)lround(m->share * (double)tokens);
    return n < 1 ? tokens > 0 : n;
}

static int32_t replaced(const heed_masking *m, heed_random *random, int32_t id)
{
    uint64_t draw = heed_random_below(random, 10);
    if (draw == 1 && m->vocabulary > HEED_ID_FIRST)
        return HEED_ID_FIRST + (int32_t)heed_random_below(random, m->vocabulary - HEED_ID_FIRST);
    return draw == 0 ? id : HEED_ID_MASK;
}

/* Selection sampling (Knuth, The Art of Computer Programming 2, algorithm 3.4.2 S): a token is taken with probability
 * (still wanted) / (still to come). */
static void mask_row(heed_masking *m, uint64_t seed, uint64_t stream, size_t row, int32_t *ids)
{
    heed_batch *b = &m->batch;
    heed_random words = {seed, heed_hash_name("masked tokens") + stream, (uint64_t)b->example[row] << WORDS}, *random = &words;
    size_t S = b->source_steps, T = b->target_steps, length = (size_t)b->source_length[row], left = tokens_in(b, row), taken = 0;
    size_t need = wanted(m, left);
    int32_t *where = m->where + row * T, *what = m->what + row * T;
    for (size_t t = length - left; t < length; t++, left--) {
        if (heed_random_below(random, left) >= need - taken) continue;
        where[taken] = (int32_t)(row * S + t);
        what[taken++] = ids[t];
        ids[t] = replaced(m, random, ids[t]);
    }
    m->lengths[row] = (int32_t)taken;
    b->target_tokens += taken;
    for (; taken < T; taken++) where[taken] = (int32_t)(row * S), what[taken] = HEED_NO_CLASS;
}

const heed_batch *heed_masked_batch(heed_masking *m, const heed_batch *b, uint64_t seed, uint64_t stream)
{
    size_t most = 0;
    for (size_t r = 0; r < b->rows; r++) {
        size_t n = wanted(m, tokens_in(b, r));
        if (n > most) most = n;
    }
    m->batch = *b;
    m->batch.target_steps = most;
    m->batch.target_tokens = 0;
    memcpy(m->source, b->source, b->rows * b->source_steps * sizeof *m->source);
    for (size_t r = 0; r < b->rows; r++) mask_row(m, seed, stream, r, m->source + r * b->source_steps);
    m->batch.source = m->source;
    m->batch.target_in = m->where;
    m->batch.target_out = m->what;
    m->batch.target_length = m->lengths;
    return &m->batch;
}
