/* A new model, written against the ops: one attention head that learns to find.
 *
 *     A sequence of symbols holds one marker (symbol 0); the class is the symbol right after it. Each position sees itself and
 *     its predecessor, a learned query looks over all positions, and what it finds is classified:
 *
 *     h_t = relu(E[x_t] A + E[x_{t-1}] B + c)     w = softmax(h q)     logits = (sum_t w_t h_t) V
 */
#include <heed/heed.h>

enum { ROWS = 64, LENGTH = 12, SYMBOLS = 10, WIDTH = 32 };

typedef struct finder { heed_embed embed; heed_dense here, before, query, out; } finder;

static void finder_init(finder *m, heed_params *ps)
{
    heed_embed_init(&m->embed, ps, "embed", SYMBOLS, WIDTH);
    heed_dense_init(&m->here, ps, "here", WIDTH, WIDTH, true);
    heed_dense_init(&m->before, ps, "before", WIDTH, WIDTH, false);
    heed_dense_init(&m->query, ps, "query", WIDTH, 1, false);
    heed_dense_init(&m->out, ps, "out", WIDTH, SYMBOLS, false);
}

/* ids [B, T] -> logits [B, SYMBOLS]; the shapes of the steps stand beside them */
static heed_tensor *finder_apply(heed_graph *g, const finder *m, heed_tensor *ids)
{
    heed_tensor *x = heed_embed_apply(g, &m->embed, ids);                                        /* [B, T, WIDTH] */
    heed_tensor *last = heed_pad(g, heed_slice(g, x, 1, 0, -1, 1), (int64_t[]){0, 1, 0}, (int64_t[]){0, 0, 0}, 0);
    heed_tensor *h = heed_relu(g, heed_add(g, heed_dense_apply(g, &m->here, x), heed_dense_apply(g, &m->before, last)));
    heed_tensor *w = heed_name(g, heed_softmax(g, heed_dense_apply(g, &m->query, h), 1), "weights"); /* [B, T, 1] */
    return heed_dense_apply(g, &m->out, heed_sum(g, heed_mul(g, w, h), HEED_AXIS(1), false));    /* [B, SYMBOLS] */
}

static void make_batch(uint64_t number, int32_t *ids, int32_t *classes)
{
    heed_random r = {.seed = 1, .stream = number};
    for (int b = 0; b < ROWS; b++) {
        int32_t *row = ids + b * LENGTH;
        for (int t = 0; t < LENGTH; t++) row[t] = 1 + (int32_t)heed_random_below(&r, SYMBOLS - 1);
        int marker = (int)heed_random_below(&r, LENGTH - 1);
        row[marker] = 0;
        classes[b] = row[marker + 1];
    }
}

int main(void)
{
    enum { STEPS = 200 };
    static int32_t ids[ROWS * LENGTH], classes[ROWS];
    finder m;
    heed_params *ps = heed_params_new(1);
    finder_init(&m, ps);
    heed_optimizer *o = heed_optimizer_new(ps, "adam");
    heed_optimizer_set(o, "lr", 0.005);
    heed_graph *g = heed_graph_new();
    bool failed = false;
    for (int step = 1; step <= STEPS && !failed; step++) {
        make_batch((uint64_t)step, ids, classes);
        heed_tensor *logits = finder_apply(g, &m, heed_input(g, HEED_I32, 2, (int64_t[]){ROWS, LENGTH}, ids));
        heed_tensor *right = heed_input(g, HEED_I32, 1, (int64_t[]){ROWS}, classes);
        heed_tensor *loss = heed_cross_entropy(g, logits, right, -1, 0, HEED_MEAN);
        heed_backward(g, loss);
        failed = heed_optimizer_step(o, g); /* refuses if anything before it has failed */
        if (step % 50 == 0) printf("step %d: loss %.4f\n", step, heed_item(g, loss));
        heed_graph_reset(g);
    }
    if (failed) fprintf(stderr, "%s\n", heed_optimizer_error(o)->message);

    make_batch(0, ids, classes); /* never seen */
    const float *score = heed_data(g, finder_apply(g, &m, heed_input(g, HEED_I32, 2, (int64_t[]){ROWS, LENGTH}, ids)));
    int right = 0;
    for (int b = 0; score && b < ROWS; b++) {
        int best = 0;
        for (int k = 1; k < SYMBOLS; k++)
            if (score[b * SYMBOLS + k] > score[b * SYMBOLS + best]) best = k;
        right += best == classes[b];
    }
    printf("%d of %d new sequences right\n", right, ROWS);
    heed_graph_free(g);
    heed_optimizer_free(o);
    heed_params_free(ps);
    return right == ROWS ? 0 : 1;
}
