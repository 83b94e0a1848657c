/* An attention score of one's own, from outside the library: it looks where the annotation is nearest to the query.
 *
 *     score(y, h_s) = -b |W y - h_s|^2 = -b (|W y|^2 - 2 W y . h_s + |h_s|^2)         b: one number that is learned, 1 / width at first
 *
 * An LSTM encoder-decoder with this score learns to write digits in reverse.
 */
#include <heed/heed.h>

enum { ROWS = 32, LENGTH = 6, DIGITS = 10, BEGIN = DIGITS, SYMBOLS = DIGITS + 1 };

/* What the score learns: W, and b as m->v. */
static void distance_init(heed_attend *m, heed_params *ps)
{
    heed_dense_init(&m->w, ps, "query", m->query, m->memory, true);
    m->v = heed_param_new(ps, "strength", heed_params_dtype_now(ps), 1, (int64_t[]){1}, HEED_UNIFORM(1.0 / (double)m->memory, 1.0 / (double)m->memory));
}

/* query [B, T, d], annotations [B, S, m] -> [B, T, S] */
static heed_tensor *distance_score(heed_graph *g, const heed_attend *m, heed_tensor *query, const heed_source *source)
{
    heed_tensor *h = source->memory;
    heed_tensor *y = heed_dense_apply(g, &m->w, query);
    heed_tensor *product = heed_matmul(g, y, heed_transpose(g, h, 1, 2));
    heed_tensor *yy = heed_sum(g, heed_square(g, y), HEED_LAST, true);                                      /* [B, T, 1] */
    heed_tensor *hh = heed_unsqueeze(g, heed_sum(g, heed_square(g, h), HEED_LAST, false), 1);            /* [B, 1, S] */
    heed_tensor *distance = heed_add(g, heed_sub(g, yy, heed_scale(g, product, 2)), hh);
    heed_tensor *b = heed_use(g, m->v);
    return heed_neg(g, heed_mul(g, distance, b));
}

static int64_t distance_size(const heed_attend *m) { return (m->query + 1) * m->memory + 1; }

static const heed_score distance = {"distance", "-b |W y - h|^2", distance_init, NULL, distance_score, distance_size};

typedef struct batch { int32_t src[ROWS * LENGTH], in[ROWS * LENGTH], out[ROWS * LENGTH]; } batch;

static void make_batch(batch *b, uint64_t number)
{
    heed_random r = {.seed = 1, .stream = number};
    for (int i = 0; i < ROWS * LENGTH; i++) b->src[i] = (int32_t)heed_random_below(&r, DIGITS);
    for (int i = 0; i < ROWS; i++)
        for (int t = 0; t < LENGTH; t++) {
            b->out[i * LENGTH + t] = b->src[i * LENGTH + LENGTH - 1 - t];
            b->in[i * LENGTH + t] = t ? b->out[i * LENGTH + t - 1] : BEGIN;
        }
}

static heed_tensor *logits_of(heed_graph *g, const heed_seq2seq *m, const batch *b)
{
    const int64_t shape[] = {ROWS, LENGTH};
    heed_teaching t = {.src = heed_input(g, HEED_I32, 2, shape, b->src), .tgt = heed_input(g, HEED_I32, 2, shape, b->in)};
    return heed_model_logits(g, heed_seq2seq_model(m), &t);
}

int main(void)
{
    enum { STEPS = 300 };
    static batch b;
    const heed_seq2seq_config config = {
        .kind = HEED_LSTM, .src_vocab = SYMBOLS, .tgt_vocab = SYMBOLS, .emb = 24, .enc_hidden = 24, .hidden = 32, .layers = 1,
        .bidirectional = true, .score = &distance, .feed = HEED_FEED_CONTEXT, .tie = HEED_TIE_NONE, .forget_bias = 1,
    };
    heed_seq2seq m;
    heed_params *ps = heed_params_new(1);
    heed_seq2seq_init(&m, ps, &config);
    heed_optimizer *o = heed_optimizer_new(ps, "adam");
    heed_optimizer_set(o, "lr", 0.005);
    heed_optimizer_set(o, "clip_norm", 1);
    heed_graph *g = heed_graph_new();
    bool failed = false;
    for (int step = 1; step <= STEPS && !failed; step++) {
        make_batch(&b, (uint64_t)step);
        heed_tensor *right = heed_input(g, HEED_I32, 2, (int64_t[]){ROWS, LENGTH}, b.out);
        heed_tensor *loss = heed_cross_entropy(g, logits_of(g, &m, &b), right, -1, 0, HEED_MEAN);
        heed_backward(g, loss);
        failed = heed_optimizer_step(o, g);
        if (step % 100 == 0) printf("step %d: loss %.4f\n", step, heed_item(g, loss));
        heed_graph_reset(g);
    }
    if (failed) fprintf(stderr, "%s\n", heed_optimizer_error(o)->message);

    make_batch(&b, 0); /* never seen */
    heed_tensor *said = heed_argmax(g, logits_of(g, &m, &b), 2, false);
    const int32_t *digit = heed_data(g, said);
    int right = 0;
    for (int i = 0; digit && i < ROWS * LENGTH; i++) right += digit[i] == b.out[i];
    printf("%d of %d digits right\n", right, ROWS * LENGTH);
    heed_graph_free(g);
    heed_optimizer_free(o);
    heed_params_free(ps);
    return right > 0.98 * ROWS * LENGTH ? 0 : 1;
}
