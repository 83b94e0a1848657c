/* The steps of docs/tutorial.md as one program: from the recurrent network to the Transformer's attention, a function each. */
#include <heed/heed.h>

#include <math.h>

enum { B = 4, T = 48, D = 32 };

/* --- 1. a state that is handed on ----------------------------------------------------------------------------------------------- */

/* h_t = tanh(x_t W + h_{t-1} U + b)     x [B, T, D] -> the states h[0] ... h[T-1], each [B, D] */
static void elman(heed_graph *g, heed_tensor *x, heed_tensor *w, heed_tensor *u, heed_tensor *b, heed_tensor **h)
{
    heed_tensor *state = heed_full(g, HEED_F32, 2, (int64_t[]){B, D}, 0);
    heed_tensor *input = heed_linear(g, x, w, b); /* of all steps at once */
    for (int t = 0; t < T; t++) {
        heed_tensor *sum = heed_add(g, heed_select(g, input, 1, t), heed_matmul(g, state, u));
        h[t] = state = heed_tanh(g, sum);
    }
}

/* --- 2. how far a gradient reaches ------------------------------------------------------------------------------------------------ */

/* The norm of d loss / d h_t for every t, where the loss looks at the last state alone */
static void gradient_norms(heed_graph *g, heed_tensor *const *h, double *norm)
{
    heed_tensor *loss = heed_mean(g, heed_square(g, h[T - 1]), HEED_ALL, false), *dh[T];
    heed_grad(g, loss, NULL, T, h, dh);
    for (int t = 0; t < T; t++) dh[t] = heed_sqrt(g, heed_sum(g, heed_square(g, dh[t]), HEED_ALL, false));
    heed_run(g, T, dh); /* forward and backward, once */
    for (int t = 0; t < T; t++) norm[t] = heed_item(g, dh[t]);
}

/* --- 3. gates ------------------------------------------------------------------------------------------------------------------- */

/* c_t = f c_{t-1} + i tanh(...): what the forget gate lets through is handed on as it is */
static void lstm(heed_graph *g, heed_tensor *x, const heed_rnn_cell *cell, heed_tensor **h)
{
    heed_rnn_state state = heed_rnn_zeros(g, cell, B);
    heed_tensor *input = heed_rnn_cell_input(g, cell, x);
    for (int t = 0; t < T; t++) {
        state = heed_rnn_cell_step(g, cell, heed_select(g, input, 1, t), state);
        h[t] = state.h;
    }
}

/* --- 4. attention: a question to all states ---------------------------------------------------------------------------------------- */

/* softmax(Q K^T / sqrt(d_k)) V     q [T, D], k and v [S, D] -> [T, D] */
static heed_tensor *attend(heed_graph *g, heed_tensor *q, heed_tensor *k, heed_tensor *v)
{
    heed_tensor *scores = heed_matmul(g, q, heed_transpose(g, k, 0, 1));
    heed_tensor *weights = heed_softmax(g, heed_scale(g, scores, 1 / sqrt((double)heed_dim(k, 1))), 1);
    return heed_matmul(g, weights, v);
}

/* --- 5. positions ------------------------------------------------------------------------------------------------------------------ */

/* PE(p + k) = PE(p) M_k: in each pair of dimensions a turn by k times its frequency, whatever p */
static heed_tensor *turn(heed_graph *g, heed_tensor *pe, int64_t k)
{
    int64_t length = heed_dim(pe, 0), pairs = heed_dim(pe, 1) / 2;
    heed_tensor *x = heed_reshape(g, pe, 3, (int64_t[]){length, pairs, 2});
    heed_tensor *sine = heed_select(g, x, 2, 0), *cosine = heed_select(g, x, 2, 1);                 /* [length, pairs] */
    heed_tensor *by = heed_reshape(g, heed_sinusoid(g, HEED_F32, k, 1, 2 * pairs), 2, (int64_t[]){pairs, 2});
    heed_tensor *s = heed_select(g, by, 1, 0), *c = heed_select(g, by, 1, 1);                       /* sin and cos of k w_i */
    heed_tensor *turned[] = {heed_add(g, heed_mul(g, sine, c), heed_mul(g, cosine, s)),             /* sin(a + b) */
                             heed_sub(g, heed_mul(g, cosine, c), heed_mul(g, sine, s))};            /* cos(a + b) */
    return heed_reshape(g, heed_stack(g, 2, turned, 2), 2, (int64_t[]){length, 2 * pairs});
}

/* --------------------------------------------------------------------------------------------------------------------------------------- */

static double largest(heed_graph *g, heed_tensor *x) { return heed_item(g, heed_max(g, heed_abs(g, x), HEED_ALL, false)); }

int main(void)
{
    static float numbers[B * T * D];
    heed_random random = {.seed = 1};
    for (int i = 0; i < B * T * D; i++) numbers[i] = (float)heed_random_normal(&random);
    double simple[T], gated[T];
    heed_graph *g = heed_graph_new();
    heed_params *ps = heed_params_new(1);

    heed_param *w = heed_param_new(ps, "w", HEED_F32, 2, (int64_t[]){D, D}, HEED_XAVIER);
    heed_param *u = heed_param_new(ps, "u", HEED_F32, 2, (int64_t[]){D, D}, HEED_XAVIER);
    heed_param *b = heed_param_new(ps, "b", HEED_F32, 1, (int64_t[]){D}, HEED_ZEROS);
    heed_rnn_cell cell;
    heed_rnn_cell_init(&cell, ps, "lstm", HEED_LSTM, D, D);
    heed_rnn_cell_forget_bias(&cell, 2);

    heed_tensor *h[T], *x = heed_input(g, HEED_F32, 3, (int64_t[]){B, T, D}, numbers);
    heed_tensor *wt = heed_use(g, w), *ut = heed_use(g, u), *bt = heed_use(g, b);
    elman(g, x, wt, ut, bt, h);
    gradient_norms(g, h, simple);
    lstm(g, x, &cell, h);
    gradient_norms(g, h, gated);
    for (int t = T - 1; t > 0; t -= 12)
        printf("%2d steps back: gradient norm %8.1e (Elman)  %8.1e (LSTM)\n", T - 1 - t, simple[t], gated[t]);

    heed_tensor *q = heed_select(g, x, 0, 0), *k = heed_select(g, x, 0, 1), *v = heed_select(g, x, 0, 2);
    const int64_t heads[] = {1, 1, T, D};
    heed_tensor *fused = heed_attention(g, heed_reshape(g, q, 4, heads), heed_reshape(g, k, 4, heads), heed_reshape(g, v, 4, heads), NULL);
    double apart = largest(g, heed_sub(g, attend(g, q, k, v), heed_reshape(g, fused, 2, &heads[2])));
    printf("attention, formula against op: %.1e\n", apart);

    heed_tensor *pe = heed_sinusoid(g, HEED_F32, 0, T, D), *later = heed_sinusoid(g, HEED_F32, 7, T, D);
    double turned = largest(g, heed_sub(g, turn(g, pe, 7), later));
    printf("PE(p + 7) against PE(p) M_7:   %.1e\n", turned);

    const heed_error *failed = heed_graph_error(g);
    if (failed->code) fprintf(stderr, "%s\n", failed->message);
    bool right = !failed->code && simple[0] < 0.1 * gated[0] && apart < 1e-5 && turned < 1e-4;
    heed_graph_free(g);
    heed_params_free(ps);
    return right ? 0 : 1;
}
