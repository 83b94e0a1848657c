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

/* --- recurrent -------------------------------------------------------------------------------------------------------------- */

static heed_rnn_kind cell_of(const settings *s)
{
    if (s->model != MODEL_RNN) return s->model == MODEL_LSTM ? HEED_LSTM : HEED_GRU;
    return s->nonlinearity ? HEED_RNN_RELU : HEED_RNN_TANH;
}

static heed_code seq2seq_config(const job *j, heed_seq2seq_config *c, heed_error *e)
{
    static const heed_feed feeds[] = {HEED_FEED_NOTHING, HEED_FEED_CONTEXT, HEED_FEED_OUTPUT};
    static const heed_initial initials[] = {HEED_INITIAL_LAST, HEED_INITIAL_MEAN, HEED_INITIAL_ZERO};
    const settings *s = &j->set;
    if (!s->deep && s->tie != TIE_NO)
        return heed_fail(e, HEED_INVALID, "deep=no leaves nothing of the embeddings' width that tie=%s could tie; set tie=no",
                         s->tie == TIE_YES ? "yes" : "output");
    if (s->cond && (s->layers != 1 || s->attention == ATTENTION_NONE))
        return heed_fail(e, HEED_INVALID, "cond=yes needs layers=1 and attention");
    if (s->attention == ATTENTION_NONE && feeds[s->feed] == HEED_FEED_OUTPUT)
        return heed_fail(e, HEED_INVALID, "attention=none has feed=context or feed=none");
    *c = (heed_seq2seq_config){
        .kind = cell_of(s), .src_vocab = j->src_symbols, .tgt_vocab = j->tgt_symbols, .emb = s->emb,
        .enc_hidden = s->enc_hidden ? s->enc_hidden : s->hidden, .hidden = s->hidden, .layers = (int)s->layers,
        .bidirectional = s->bidirectional, .score = s->attention == ATTENTION_NONE ? NULL : &heed_scores[s->attention - 1],
        .attention_width = s->attention_width, .max_len = s->max_len, .feed = feeds[s->feed], .conditional = s->cond,
        .initial = initials[s->initial], .bridge = s->initial == 1, .plain = !s->deep,
        .tie = s->tie == TIE_YES ? HEED_TIE_ALL : s->tie == TIE_OUTPUT ? HEED_TIE_OUTPUT : HEED_TIE_NONE,
        .forget_bias = s->forget_bias, .emb_dropout = s->emb_dropout, .memory_dropout = s->memory_dropout, .dropout = s->dropout,
        .out_dropout = s->out_dropout,
    };
    return HEED_OK;
}

static heed_rnn_lm_config rnn_lm_config(const job *j)
{
    const settings *s = &j->set;
    return (heed_rnn_lm_config){.kind = cell_of(s), .vocab = j->tgt_symbols, .emb = s->emb, .hidden = s->hidden, .layers = (int)s->layers,
                                .tied = s->tie != TIE_NO, .forget_bias = s->forget_bias, .emb_dropout = s->emb_dropout,
                                .dropout = s->dropout, .out_dropout = s->out_dropout};
}

static heed_code rnn_lm_weights(const job *j, int64_t *count, heed_error *e)
{
    heed_rnn_lm_config c = rnn_lm_config(j);
    *count = heed_rnn_lm_size(&c);
    return e->code;
}

static heed_code rnn_lm_make(job *j, heed_error *e)
{
    heed_rnn_lm_config c = rnn_lm_config(j);
    heed_rnn_lm *m = j->modules = heed_calloc(1, sizeof *m);
    if (!m) return heed_fail(e, HEED_NO_MEMORY, "no memory for the model");
    heed_rnn_lm_init(m, j->params, &c);
    j->model = heed_rnn_lm_model(m);
    return HEED_OK;
}

static heed_code seq2seq_weights(const job *j, int64_t *count, heed_error *e)
{
    heed_seq2seq_config c;
    if (!seq2seq_config(j, &c, e)) *count = heed_seq2seq_size(&c);
    return e->code;
}

static heed_code seq2seq_make(job *j, heed_error *e)
{
    heed_seq2seq_config c;
    heed_seq2seq *m = j->modules = heed_calloc(1, sizeof *m);
    if (!m) return heed_fail(e, HEED_NO_MEMORY, "no memory for the model");
    if (seq2seq_config(j, &c, e)) return e->code;
    heed_seq2seq_init(m, j->params, &c);
    j->model = heed_seq2seq_model(m);
    return HEED_OK;
}

/* --- encoder ---------------------------------------------------------------------------------------------------------------- */

static heed_code encoder_config(const job *j, heed_encoder_config *c, heed_error *e)
{
    const settings *s = &j->set;
    bool recurrent = s->model != MODEL_TRANSFORMER, classes = j->kind == JOB_CLASSES;
    if (recurrent && !s->bidirectional && classes && s->pooling == HEED_POOL_FIRST)
        return heed_fail(e, HEED_INVALID,
                         "pooling=first needs bidirectional=yes: read forwards alone, the begin symbol knows nothing of the line");
    *c = (heed_encoder_config){
        .task = job_traits_of(j)->task_of_encoder, .vocabulary = j->src_symbols, .classes = j->tgt_symbols,
        .pooling = (heed_pooling)s->pooling, .dropout = recurrent ? s->out_dropout : s->dropout, .emb_dropout = s->emb_dropout,
        .recurrent = recurrent,
        .rnn = {.kind = cell_of(s), .in = s->emb, .hidden = s->enc_hidden ? s->enc_hidden : s->hidden, .layers = (int)s->layers, .bidirectional = s->bidirectional,
                .dropout = s->dropout, .forget_bias = s->forget_bias},
    };
    return recurrent ? HEED_OK : transformer_config(j, &c->transformer, e);
}

static heed_code encoder_weights(const job *j, int64_t *count, heed_error *e)
{
    heed_encoder_config c;
    if (!encoder_config(j, &c, e)) *count = heed_encoder_size(&c);
    return e->code;
}

static heed_code encoder_make(job *j, heed_error *e)
{
    heed_encoder_config c;
    heed_encoder *m = j->modules = heed_calloc(1, sizeof *m);
    if (!m) return heed_fail(e, HEED_NO_MEMORY, "no memory for the model");
    if (encoder_config(j, &c, e)) return e->code;
    heed_encoder_init(m, j->params, &c);
    j->model = heed_encoder_model(m);
    return HEED_OK;
}

/* --- all -------------------------------------------------------------------------------------------------------------------- */

static void count_symbols(job *j)
{
    if (j->src_vocab) j->src_symbols = (int64_t)heed_vocab_size(j->src_vocab);
    if (j->tgt_vocab) j->tgt_symbols = (int64_t)(job_traits_of(j)->encoder ? heed_labels_count(j->tgt_vocab) : heed_vocab_size(j->tgt_vocab));
}

/* How a model is counted and made. */
typedef struct maker {
    heed_code (*weights)(const job *j, int64_t *count, heed_error *e);
    heed_code (*make)(job *j, heed_error *e);
} maker;

static maker maker_of(const job *j)
{
    if (job_traits_of(j)->encoder) return (maker){encoder_weights, encoder_make};
    if (j->set.model == MODEL_TRANSFORMER) return (maker){transformer_weights, transformer_make};
    if (j->kind == JOB_TEXT) return (maker){rnn_lm_weights, rnn_lm_make};
    return (maker){seq2seq_weights, seq2seq_make};
}

heed_code model_weights(job *j, int64_t *count, heed_error *e)
{
    count_symbols(j);
    return maker_of(j).weights(j, count, e);
}

heed_code model_make(job *j, heed_error *e)
{
    count_symbols(j);
    if (maker_of(j).make(j, e)) return e->code;
    const heed_error *failed = heed_params_error(j->params);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : HEED_OK;
}
