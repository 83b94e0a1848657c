#include "metrics.h"

#include "autograd/memory.h"
#include "symbols.h"

#include <stdio.h>

enum { ORDERS = 6 };

/* F = (1 + beta^2) P R / (beta^2 P + R) of the precisions and recalls averaged over the orders that both sides have */
static double f_score(const int64_t *hypothesis, const int64_t *reference, const int64_t *match)
{
    double precision = 0, recall = 0, beta2 = 4;
    int orders = 0;
    for (int n = 0; n < ORDERS; n++) {
        if (!hypothesis[n] || !reference[n]) continue;
        precision += (double)match[n] / (double)hypothesis[n];
        recall += (double)match[n] / (double)reference[n];
        orders++;
    }
    if (!(precision + recall > 0)) return 0;
    precision /= orders;
    recall /= orders;
    return 100 * ((1 + beta2) * precision * recall / (beta2 * precision + recall));
}

heed_code heed_chrf_add(heed_chrf *m, const char *hypothesis, const char *const *references, size_t count, heed_error *e)
{
    if (!count) return heed_fail(e, HEED_INVALID, "chrF: sentence %lld has no reference", (long long)m->sentences + 1);
    heed_chrf best = {0};
    double best_score = -1;
    for (size_t i = 0; i < count; i++) {
        heed_symbols s[2];
        heed_chrf one = {0};
        bool counted = heed_symbols_of_characters(s, (const char *const[]){hypothesis, references[i]}, 2);
        if (counted) {
            counted = heed_ngram_matches(&s[0], &s[1], 1, ORDERS, one.match);
            for (size_t n = 0; n < ORDERS; n++) {
                one.reference[n] = s[1].length > n ? (int64_t)(s[1].length - n) : 0;
                one.hypothesis[n] = s[0].length > n && one.reference[n] ? (int64_t)(s[0].length - n) : 0; /* as sacrebleu */
            }
            heed_symbols_free(s, 2);
        }
        if (!counted)
            return heed_fail(e, HEED_NO_MEMORY, "no memory to count the n-grams of sentence %lld", (long long)m->sentences + 1);
        double score = f_score(one.hypothesis, one.reference, one.match);
        if (score > best_score) {
            best_score = score;
            best = one;
        }
    }
    for (int n = 0; n < ORDERS; n++) {
        m->hypothesis[n] += best.hypothesis[n];
        m->reference[n] += best.reference[n];
        m->match[n] += best.match[n];
    }
    m->references = m->sentences && m->references != (int64_t)count ? -1 : (int64_t)count;
    m->sentences++;
    return HEED_OK;
}

double heed_chrf_score(const heed_chrf *m) { return f_score(m->hypothesis, m->reference, m->match); }

const char *heed_chrf_signature(const heed_chrf *m, char text[HEED_SIGNATURE_SIZE])
{
    char references[24] = "var";
    if (m->references >= 0) snprintf(references, sizeof references, "%lld", (long long)m->references);
    snprintf(text, HEED_SIGNATURE_SIZE, "nrefs:%s|case:mixed|eff:yes|nc:6|nw:0|space:no|version:heed-" HEED_VERSION, references);
    return text;
}
