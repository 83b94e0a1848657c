/* A model from scratch in one file: a GRU (Cho et al. 2014) that tags each symbol of a text.
 *
 *     A symbol is a letter or a quotation mark; its tag says whether it stands outside, inside, or is a mark that opens or
 *     closes. What a mark does depends on all marks before it, so the state has to remember.
 *
 *     z_t = s(x_t W_z + h_{t-1} U_z + b_z)                update gate
 *     r_t = s(x_t W_r + h_{t-1} U_r + b_r)                reset gate
 *     c_t = tanh(x_t W_c + (r_t h_{t-1}) U_c + b_c)       candidate
 *     h_t = (1 - z_t) h_{t-1} + z_t c_t                   tag_t = argmax h_t V
 */
#include <heed/heed.h>

enum { ROWS = 32, LENGTH = 24, SYMBOLS = 12, MARK = 0, WIDTH = 24 };
enum { OUTSIDE, INSIDE, OPENS, CLOSES, TAGS };

typedef struct gate { heed_dense w, u; } gate; /* the bias is w's */
typedef struct tagger { heed_embed embed; gate z, r, c; heed_dense out; } tagger;

static void gate_init(gate *m, heed_params *ps, const char *name)
{
    heed_params_scope(ps, "%s", name);
    heed_dense_init(&m->w, ps, "w", WIDTH, WIDTH, true);
    heed_dense_init(&m->u, ps, "u", WIDTH, WIDTH, false);
    heed_params_scope_end(ps);
}

static void tagger_init(tagger *m, heed_params *ps)
{
    heed_embed_init(&m->embed, ps, "embed", SYMBOLS, WIDTH);
    gate_init(&m->z, ps, "z");
    gate_init(&m->r, ps, "r");
    gate_init(&m->c, ps, "c");
    heed_dense_init(&m->out, ps, "out", WIDTH, TAGS, true);
}

static heed_tensor *gate_apply(heed_graph *g, const gate *m, heed_tensor *x, heed_tensor *h)
{
    return heed_add(g, heed_dense_apply(g, &m->w, x), heed_dense_apply(g, &m->u, h));
}

/* x [B, WIDTH], h [B, WIDTH] -> the next h */
static heed_tensor *gru(heed_graph *g, const tagger *m, heed_tensor *x, heed_tensor *h)
{
    heed_tensor *z = heed_sigmoid(g, gate_apply(g, &m->z, x, h));
    heed_tensor *r = heed_sigmoid(g, gate_apply(g, &m->r, x, h));
    heed_tensor *c = heed_tanh(g, gate_apply(g, &m->c, x, heed_mul(g, r, h)));
    return heed_add(g, h, heed_mul(g, z, heed_sub(g, c, h)));
}

/* ids [B, T] -> logits [B, T, TAGS] */
static heed_tensor *tagger_apply(heed_graph *g, const tagger *m, heed_tensor *ids)
{
    heed_tensor *x = heed_embed_apply(g, &m->embed, ids), *states[LENGTH]; /* [B, T, WIDTH] */
    heed_tensor *h = heed_full(g, HEED_F32, 2, (int64_t[]){heed_dim(ids, 0), WIDTH}, 0);
    for (int t = 0; t < LENGTH; t++) states[t] = h = gru(g, m, heed_select(g, x, 1, t), h);
    return heed_dense_apply(g, &m->out, heed_stack(g, LENGTH, states, 1));
}

static void make_batch(uint64_t number, int32_t *ids, int32_t *tags)
{
    heed_random r = {.seed = 1, .stream = number};
    for (int b = 0; b < ROWS; b++)
        for (int t = 0, inside = 0; t < LENGTH; t++) {
            int32_t *id = &ids[b * LENGTH + t], *tag = &tags[b * LENGTH + t];
            *id = heed_random_below(&r, 5) ? 1 + (int32_t)heed_random_below(&r, SYMBOLS - 1) : MARK;
            *tag = *id == MARK ? (inside ? CLOSES : OPENS) : inside ? INSIDE : OUTSIDE;
            inside ^= *id == MARK;
        }
}

/* The share of tags that are the likeliest */
static double accuracy(const float *logits, const int32_t *tags)
{
    int right = 0;
    for (int i = 0; i < ROWS * LENGTH; i++) {
        int best = 0;
        for (int k = 1; k < TAGS; k++)
            if (logits[i * TAGS + k] > logits[i * TAGS + best]) best = k;
        right += best == tags[i];
    }
    return (double)right / (ROWS * LENGTH);
}

int main(void)
{
    enum { STEPS = 300 };
    static int32_t ids[ROWS * LENGTH], tags[ROWS * LENGTH];
    const int64_t shape[] = {ROWS, LENGTH};
    tagger m;
    heed_params *ps = heed_params_new(1);
    tagger_init(&m, ps);
    heed_optimizer *o = heed_optimizer_new(ps, "adam");
    heed_optimizer_set(o, "lr", 0.01);
    heed_optimizer_set(o, "clip_norm", 1);
    heed_graph *g = heed_graph_new();
    bool failed = false;
    for (int step = 1; step <= STEPS && !failed; step++) {
        make_batch((uint64_t)step, ids, tags);
        heed_tensor *logits = tagger_apply(g, &m, heed_input(g, HEED_I32, 2, shape, ids));
        heed_tensor *loss = heed_cross_entropy(g, logits, heed_input(g, HEED_I32, 2, shape, tags), -1, 0, HEED_MEAN);
        heed_backward(g, loss);
        failed = heed_optimizer_step(o, g);
        if (step % 50 == 0) printf("step %3d: loss %.4f\n", step, heed_item(g, loss));
        heed_graph_reset(g);
    }
    if (failed) fprintf(stderr, "%s\n", heed_optimizer_error(o)->message);

    make_batch(0, ids, tags); /* never seen */
    const float *logits = heed_data(g, tagger_apply(g, &m, heed_input(g, HEED_I32, 2, shape, ids)));
    double share = logits ? accuracy(logits, tags) : 0;
    printf("%.1f %% of the tags of new sequences right\n", 100 * share);
    heed_graph_free(g);
    heed_optimizer_free(o);
    heed_params_free(ps);
    return share > 0.99 ? 0 : 1;
}
