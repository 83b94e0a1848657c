#include "models/model.h"

heed_tensor *heed_model_logits(heed_graph *g, heed_model m, const heed_teaching *t)
{
    return m.kind->logits(g, m.self, t, NULL);
}

int64_t heed_model_state(heed_model m) { return m.kind->state ? m.kind->state(m.self) : 0; }

heed_tensor *heed_model_logits_from(heed_graph *g, heed_model m, const heed_teaching *t, heed_tensor **final)
{
    *final = NULL;
    if (!heed_model_state(m)) return heed_graph_fail(g, HEED_INVALID, "%s: a model that carries no state", m.kind->name);
    return m.kind->logits(g, m.self, t, final);
}

heed_tensor *heed_model_score(heed_graph *g, heed_model m, const heed_teaching *t, heed_tensor *tgt_out, int32_t ignore)
{
    heed_tensor *losses = heed_cross_entropy(g, heed_model_logits(g, m, t), tgt_out, ignore, 0, HEED_EACH);
    return heed_neg(g, heed_sum(g, losses, HEED_LAST, false));
}
