#include "experiments/weights.h"

#include <string.h>

void weights_keep(lab *l, heed_params *ps)
{
    for (int i = 0; i < heed_params_count(ps); i++) {
        heed_param *p = heed_params_at(ps, i);
        lab_put_floats(l, heed_param_name(p), heed_param_rank(p), heed_param_shape(p), heed_param_values(p));
    }
}

void weights_take(lab *l, const char *piece, heed_params *ps)
{
    int64_t shape[HEED_MAX_RANK];
    for (int i = 0; i < heed_params_count(ps) && lab_ok(l); i++) {
        heed_param *p = heed_params_at(ps, i);
        const float *values = lab_floats(l, piece, heed_param_name(p), heed_param_rank(p), shape);
        bool same = values != NULL;
        for (int k = 0; same && k < heed_param_rank(p); k++) same = shape[k] == heed_param_shape(p)[k];
        if (same) memcpy(heed_param_data(p), values, (size_t)heed_param_size(p) * sizeof *values);
        else lab_fail(l, "the trained weights are those of other data; give --out another folder");
    }
}
