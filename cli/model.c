/* The models of the command: what the settings make of each, by its name. */
#include "cli/job.h"

#include <math.h>

/* --- transformer ------------------------------------------------------------------------------------------------------------ */

static heed_code transformer_config(const job *j, heed_transformer_config *c, heed_error *e)
{
    const settings *s = &j->set;
    if ((!s->dk || !s->dv) && s->d % s->heads)
        return heed_fail(e, HEED_INVALID, "d=%lld is not a multiple of heads=%lld; set dk and dv, or other sizes", (long long)s->d, (long long)s->heads);
    if (s->positions == HEED_POSITIONS_SINUSOIDAL && s->d < 2) return heed_fail(e, HEED_INVALID, "positions=sinusoidal needs d of at least 2");
    *c = (heed_transformer_config){
        .layer = {.d = s->d, .heads = s->heads, .dk = s->dk ? s->dk : s->d / s->heads, .dv = s->dv ? s->dv : s->d / s->heads, .ff = s->ff,
                  .activation = (heed_activation)s->activation, .dropout = s->dropout, .attention_dropout = s->attention_dropout,
                  .ff_dropout = s->ff_dropout, .pre_norm = s->norm == 1},
        .src_vocab = j->src_symbols,
        .tgt_vocab = j->tgt_symbols,
        .enc_layers = job_reads(j) ? (int)s->enc_layers : 0,
        .dec_layers = (int)s->dec_layers,
        .positions = (heed_position_kind)s->positions,
        .max_len = s->max_len,
        .tie = s->tie == TIE_YES ? HEED_TIE_ALL : s->tie == TIE_OUTPUT ? HEED_TIE_OUTPUT : HEED_TIE_NONE,
    };
    return HEED_OK;
}

static heed_code transformer_weights(const job *j, int64_t *count, heed_error *e)
{
    heed_transformer_config c;
    if (!transformer_config(j, &c, e)) *count = heed_transformer_size(&c);
    return e->code;
}

static heed_code transformer_make(job *j, heed_error *e)
{
    heed_transformer_config c;
    heed_transformer *m = j->modules = heed_calloc(1, sizeof *m);
    if (!m) return heed_fail(e, HEED_NO_MEMORY, "no memory for the model");
    if (transformer_config(j, &c, e)) return e->code;
    heed_transformer_init(m, j->params, &c);
    j->model = heed_transformer_model(m);
    return HEED_OK;
}

/* --- all -------------------------------------------------------------------------------------------------------------------- */

static void count_symbols(job *j)
{
    if (j->src_vocab) j->src_symbols = (int64_t)heed_vocab_size(j->src_vocab);
    if (j->tgt_vocab) j->tgt_symbols = (int64_t)heed_vocab_size(j->tgt_vocab);
}

heed_code model_weights(job *j, int64_t *count, heed_error *e)
{
    count_symbols(j);
    return transformer_weights(j, count, e);
}

heed_code model_make(job *j, heed_error *e)
{
    count_symbols(j);
    if (transformer_make(j, e)) return e->code;
    const heed_error *failed = heed_params_error(j->params);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : HEED_OK;
}
