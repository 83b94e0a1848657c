/* What a model says: greedy and beam search, and sampling, over heed_decoder. */
#ifndef HEED_DECODING_H
#define HEED_DECODING_H

#include "decoder.h"

/* What the log-probability of n symbols (the end counts as one) is divided by, so that long outputs may win */
typedef enum heed_length_rule {
    HEED_LENGTH_GNMT, /* ((5 + n) / 6)^alpha, equation 14 of Wu et al. 2016; "Attention Is All You Need" has alpha 0.6 */
    HEED_LENGTH_POWER /* n^alpha; alpha 1: the mean */
} heed_length_rule;

typedef struct heed_search {
    int64_t beam;      /* hypotheses kept at each position; 1: greedy */
    heed_length_rule rule;
    double alpha;      /* 0: the log-probability itself */
    double factor;     /* at most factor * source length + extra symbols are said, the end included, */
    int64_t extra;     /* and never more than the model has positions for */
    int32_t begin;     /* said before the first symbol, unseen */
    int32_t end;       /* ends an output; -1: nothing does but its limit */
    int32_t banned[2]; /* never said, such as pad and begin; -1: none */
    /* sampling: `beam` independent draws a sentence instead of a search */
    bool sample;
    double temperature; /* logits are divided by it */
    int64_t top_k;      /* only the k likeliest; 0: all */
    double top_p;       /* only the fewest likeliest whose probabilities make up p (Holtzman et al. 2020); 1: all */
    uint64_t seed;
} heed_search;

/* Beam 1, no length penalty, 2 source length + 16 symbols, sampling off and of everything. */
heed_search heed_search_greedy(int32_t pad, int32_t begin, int32_t end);

/* What is to be continued. A language model has no source, an encoder-decoder may have a prefix too. */
typedef struct heed_prompts {
    int64_t sentences, steps;     /* steps: of the source's rows */
    const int32_t *source;        /* [sentences, steps] */
    const int32_t *source_length; /* [sentences], 1 at least */
    const int32_t *const *prefix; /* [sentences] symbols that the output has to begin with, or NULL */
    const int64_t *prefix_length; /* [sentences] */
    const uint64_t *stream; /* [sentences]: random draws depend on the seed, this and the position; NULL: the sentence's number */
} heed_prompts;

typedef struct heed_hypothesis {
    const int32_t *ids;     /* prefix included, begin and end not */
    int64_t length;
    double log_probability; /* of what follows the prefix, the end included */
    double score;           /* that, divided by the length rule's term */
    bool ended;             /* false: the limit came first */
} heed_hypothesis;

typedef struct heed_found heed_found;

/* A sentence's search ends when `beam` hypotheses have ended and none that goes on can become better than the best of them, or at its
 * limit; then it leaves the batch. Equal scores: the smaller id, the better beam. The result does not depend on the number of
 * threads, and on the other sentences of the batch only by rounding. NULL: failed. */
heed_found *heed_search_run(heed_decoder *d, const heed_search *how, const heed_prompts *p, heed_error *e);
void heed_found_free(heed_found *f);

int64_t heed_found_count(const heed_found *f, int64_t sentence); /* 1 to `beam`, ended ones first, best first; draws in order */
heed_hypothesis heed_found_at(const heed_found *f, int64_t sentence, int64_t rank);

#endif
