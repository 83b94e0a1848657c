/* Transformer cases: a training step, the encoder alone, and greedy decoding. Post-norm, one embedding for source, target and output. */
#include "bench/bench.h"

#define INT(member, range, help) HEED_OPTION_INT(bench_shape, member, range, "2", help)
#define SIZES \
    INT(vocab, "[2,100000000]", "symbols"), INT(d, "[2,65536]", "width"), INT(h, "[1,1024]", "heads"), \
    INT(ff, "[1,1048576]", "inner width of the feed-forward parts"), INT(batch, "[1,1000000]", "sentences")

#define WEIGHTS HEED_OPTION_CHOICE(bench_shape, weights, "float32|bf16|int8", "float32", "how the products' weights are kept")

static const heed_option train_keys[] = {
    SIZES,
    INT(enc, "[0,64]", "encoder layers; 0: a language model"),
    INT(dec, "[1,64]", "decoder layers"),
    INT(src_len, "[0,1000000]", "source symbols of a sentence"),
    INT(tgt_len, "[1,1000000]", "target symbols of a sentence"),
    HEED_OPTION_REAL(bench_shape, p, "[0,1)", "0", "dropout"),
    HEED_OPTION_BOOL(bench_shape, masked, "no", "the last third of every second source sentence is padding"),
    BENCH_SHARDS,
    {0},
};
static const heed_option encode_keys[] = {
    SIZES, INT(enc, "[1,64]", "encoder layers"), INT(length, "[1,1000000]", "symbols of a sentence"), WEIGHTS, {0},
};

static const heed_option decode_keys[] = {
    SIZES,
    INT(layers, "[1,64]", "layers of the encoder, and of the decoder"),
    INT(src_len, "[1,1000000]", "source symbols of a sentence"),
    INT(new, "[1,1000000]", "symbols that are said for each"),
    HEED_OPTION_INT(bench_shape, beam, "[1,1000]", "1", "hypotheses kept at each position; 1: greedy"),
    WEIGHTS,
    {0},
};

static heed_code make_model(bench_work *w, heed_error *e)
{
    const bench_shape *s = &w->shape;
    if (s->d % s->h) return heed_fail(e, HEED_INVALID, "--set: d=%lld is not a multiple of h=%lld", (long long)s->d, (long long)s->h);
    heed_transformer_config c = {
        .layer = {.d = s->d, .heads = s->h, .dk = s->d / s->h, .dv = s->d / s->h, .ff = s->ff, .activation = HEED_RELU, .dropout = s->p},
        .src_vocab = s->vocab, .tgt_vocab = s->vocab, .enc_layers = (int)s->enc, .dec_layers = (int)s->dec, .tie = HEED_TIE_ALL,
    };
    w->model = heed_calloc(1, sizeof *w->model);
    if (!w->model) return heed_fail(e, HEED_NO_MEMORY, "no memory for the model");
    heed_transformer_init(w->model, w->params, &c);
    const heed_error *failed = heed_params_error(w->params);
    return failed->code ? heed_fail(e, failed->code, "%s", failed->message) : HEED_OK;
}

/* --- training -------------------------------------------------------------------------------------------------------------------- */

static heed_code train_start(bench_work *w, heed_error *e)
{
    bench_shape *s = &w->shape;
    if (s->enc && !s->src_len) return heed_fail(e, HEED_INVALID, "--set: src_len=0 leaves the encoder nothing to read; set enc=0 too, or src_len");
    if (make_model(w, e)) return e->code;
    w->optimizer = heed_optimizer_new(w->params, "adam");
    heed_optimizer_set(w->optimizer, "lr", 1e-4);
    heed_optimizer_set(w->optimizer, "beta2", 0.98);
    heed_optimizer_set(w->optimizer, "eps", 1e-9);
    heed_graph_training(w->graph, true);
    w->src = bench_ids(s->batch * s->src_len, s->vocab, 1, e);
    w->tgt = bench_ids(s->batch * s->tgt_len, s->vocab, 2, e);
    w->out = bench_ids(s->batch * s->tgt_len, s->vocab, 3, e);
    if (s->masked && s->enc && !e->code) {
        w->lengths = heed_calloc((size_t)s->batch, sizeof *w->lengths);
        if (!w->lengths) return heed_fail(e, HEED_NO_MEMORY, "no memory for %lld lengths", (long long)s->batch);
        for (int64_t b = 0; b < s->batch; b++) w->lengths[b] = (int32_t)(b % 2 ? s->src_len : 2 * s->src_len / 3);
    }
    return e->code;
}

static heed_tensor *train_loss(const bench_work *w, heed_graph *g, int64_t from, int64_t rows)
{
    const bench_shape *s = &w->shape;
    const int64_t target[] = {rows, s->tgt_len};
    heed_tensor *memory = NULL, *lengths = w->lengths ? heed_input(g, HEED_I32, 1, &rows, w->lengths + from) : NULL;
    if (s->enc)
        memory = heed_transformer_encode(g, w->model, heed_input(g, HEED_I32, 2, (int64_t[]){rows, s->src_len}, w->src + from * s->src_len), lengths);
    heed_tensor *states = heed_transformer_decode(g, w->model, heed_input(g, HEED_I32, 2, target, w->tgt + from * s->tgt_len), memory, lengths);
    heed_tensor *logits = heed_transformer_logits(g, w->model, states), *out = heed_input(g, HEED_I32, 2, target, w->out + from * s->tgt_len);
    return heed_scale(g, heed_cross_entropy(g, logits, out, -1, 0.1, HEED_TOTAL), 1 / (double)(s->batch * s->tgt_len));
}

static void train_step(bench_work *w) { bench_teach(w, train_loss); }

static int64_t train_units(const bench_shape *s) { return s->batch * s->tgt_len; }

const bench_family bench_train = {train_keys, "target tokens", train_units, train_start, train_step};

/* --- the encoder alone -------------------------------------------------------------------------------------------------------------- */

static heed_code encode_start(bench_work *w, heed_error *e)
{
    if (make_model(w, e)) return e->code;
    w->src = bench_ids(w->shape.batch * w->shape.length, w->shape.vocab, 1, e);
    heed_graph_packed(w->graph, (heed_packing)((int)HEED_PACK_SAME + w->shape.weights));
    return e->code;
}

static void encode_step(bench_work *w)
{
    heed_tensor *src = heed_input(w->graph, HEED_I32, 2, (int64_t[]){w->shape.batch, w->shape.length}, w->src);
    heed_data(w->graph, heed_transformer_encode(w->graph, w->model, src, NULL));
}

static int64_t encode_units(const bench_shape *s) { return s->batch * s->length; }

const bench_family bench_encode = {encode_keys, "tokens", encode_units, encode_start, encode_step};

/* --- greedy and beam decoding with cached keys and values; every sentence runs to the full length ------------------------------------------------ */

static heed_code decode_start(bench_work *w, heed_error *e)
{
    bench_shape *s = &w->shape;
    s->enc = s->dec = s->layers;
    if (make_model(w, e)) return e->code;
    w->src = bench_ids(s->batch * s->src_len, s->vocab, 1, e);
    w->lengths = heed_calloc((size_t)s->batch, sizeof *w->lengths);
    w->decoder = heed_decoder_new(w->graph, heed_transformer_model(w->model));
    if (!e->code && (!w->lengths || !w->decoder)) heed_fail(e, HEED_NO_MEMORY, "no memory for decoding");
    for (int64_t b = 0; b < s->batch && !e->code; b++) w->lengths[b] = (int32_t)s->src_len;
    heed_graph_packed(w->graph, (heed_packing)((int)HEED_PACK_SAME + s->weights));
    return e->code;
}

static void decode_step(bench_work *w)
{
    const bench_shape *s = &w->shape;
    heed_error e = {0};
    heed_search how = heed_search_greedy(1, 0, 1); /* symbol 1 would end a sentence, and is never said */
    how.beam = s->beam;
    how.factor = 0;
    how.extra = s->new;
    heed_prompts prompts = {.sentences = s->batch, .steps = s->src_len, .source = w->src, .source_length = w->lengths};
    heed_found *found = heed_search_run(w->decoder, &how, &prompts, &e);
    if (found && heed_found_at(found, s->batch - 1, 0).length != s->new) heed_fail(&e, HEED_STATE, "a sentence ended early");
    heed_found_free(found);
    if (e.code) heed_graph_fail(w->graph, e.code, "%s", e.message);
}

static int64_t decode_units(const bench_shape *s) { return s->batch * s->new; }

const bench_family bench_decode = {decode_keys, "tokens", decode_units, decode_start, decode_step};
