#include "metrics.h"

#include <math.h>

static double share(int64_t part, int64_t whole) { return whole ? (double)part / (double)whole : NAN; }

void heed_accuracy_add(heed_accuracy *m, const int32_t *predicted, const int32_t *target, int64_t length, int32_t ignore)
{
    int64_t counted = 0, right = 0;
    for (int64_t i = 0; i < length; i++) {
        counted += target[i] != ignore;
        right += target[i] != ignore && predicted[i] == target[i];
    }
    m->tokens += counted;
    m->right_tokens += right;
    m->sequences += counted > 0;
    m->right_sequences += counted > 0 && right == counted;
}

double heed_token_accuracy(const heed_accuracy *m) { return share(m->right_tokens, m->tokens); }
double heed_sequence_accuracy(const heed_accuracy *m) { return share(m->right_sequences, m->sequences); }
double heed_wrong_rate(const heed_edits *m) { return share(m->wrong, m->sequences); }
double heed_edit_rate(const heed_edits *m) { return share(m->edits, m->length); }
