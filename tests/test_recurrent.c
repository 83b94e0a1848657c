/* Recurrent modules: values and all gradients are PyTorch's (tests/data/make_recurrent.py tells the file). */
#include "fixture.h"
#include "autograd/random.h"
#include "models/recurrent.h"
#include "optim/optimizer.h"

static const struct { const char *name; heed_rnn_kind kind; } kinds[] = {
    {"tanh", HEED_RNN_TANH}, {"relu", HEED_RNN_RELU}, {"lstm", HEED_LSTM}, {"gru", HEED_GRU}};
enum { KINDS = sizeof kinds / sizeof *kinds, MOST_STATES = 4, MOST_INPUTS = 1 + 2 * MOST_STATES };

/* --- one case: outputs, final states, and the gradients of their sum weighed by what comes from above ------------------------- */

typedef struct bench {
    fixture *f;
    heed_params *ps;
    heed_graph *g;
    heed_tensor *x[MOST_INPUTS], *loss;
    const char *names[MOST_INPUTS];
    int inputs;
    int32_t lengths[8];
} bench;

static bench begin(const char *kind, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", kind, name);
    bench b = {.f = load("recurrent.expected", full), .ps = heed_params_new(1), .g = heed_graph_new()};
    heed_params_dtype(b.ps, HEED_F64);
    return b;
}

static heed_tensor *constant(bench *b, const array *a) { return a ? heed_input(b->g, HEED_F64, a->rank, a->shape, a->values) : NULL; }

/* An input whose gradient is compared at the end; NULL when the case has none of the name. */
static heed_tensor *input(bench *b, const char *prefix, const char *name)
{
    const array *a = find(b->f, prefix, name);
    if (!a) return NULL;
    b->names[b->inputs] = a->name;
    return b->x[b->inputs++] = constant(b, a);
}

/* A result takes part in the loss. */
static void output(bench *b, const char *name, heed_tensor *y)
{
    const array *expected = find(b->f, "", name);
    heed_tensor *part = heed_sum(b->g, heed_mul(b->g, y, constant(b, find(b->f, "d", name))), HEED_ALL, false);
    b->loss = b->loss ? heed_add(b->g, b->loss, part) : part;
    compare(name, expected, heed_data(b->g, y));
}

static void finish(bench *b)
{
    heed_tensor *dxs[MOST_INPUTS];
    heed_grad(b->g, b->loss, NULL, b->inputs, b->x, dxs);
    heed_backward(b->g, b->loss);
    for (int i = 0; i < b->inputs; i++) compare(b->names[i], find(b->f, "d.", b->names[i]), heed_data(b->g, dxs[i]));
    for (int i = 0; i < heed_params_count(b->ps); i++) {
        heed_param *p = heed_params_at(b->ps, i);
        compare(heed_param_name(p), find(b->f, "d.", heed_param_name(p)), heed_param_grad(p));
    }
    CU_ASSERT_EQUAL(heed_graph_error(b->g)->code, HEED_OK);
    heed_graph_free(b->g);
    heed_params_free(b->ps);
    free(b->f);
}

static const char *of(const char *letter, int i)
{
    static const char *const names[2][MOST_STATES] = {{"h.0", "h.1", "h.2", "h.3"}, {"c.0", "c.1", "c.2", "c.3"}};
    return names[*letter == 'c'][i];
}

/* --- modules ------------------------------------------------------------------------------------------------------------------ */

static void cells(void)
{
    for (int k = 0; k < KINDS; k++) {
        bench b = begin(kinds[k].name, "cell");
        heed_rnn_cell m;
        heed_rnn_cell_init(&m, b.ps, "cell", kinds[k].kind, 3, 2);
        heed_tensor *x = input(&b, "", "x");
        heed_rnn_state s = {.h = input(&b, "", "h.0")};
        s.c = input(&b, "", "c.0");
        set_weights(b.f, b.ps, b.inputs);
        s = heed_rnn_cell_apply(b.g, &m, x, s);
        output(&b, "end.h.0", s.h);
        if (s.c) output(&b, "end.c.0", s.c);
        finish(&b);
    }
}

static void layers(const char *name, int count, bool both)
{
    static heed_rnn m;
    for (int k = 0; k < KINDS; k++) {
        bench b = begin(kinds[k].name, name);
        heed_rnn_config c = {.kind = kinds[k].kind, .in = 3, .hidden = 2, .layers = count, .bidirectional = both};
        heed_rnn_init(&m, b.ps, "rnn", &c);
        heed_rnn_state begins[MOST_STATES] = {{0}}, ends[MOST_STATES] = {{0}};
        heed_tensor *x = input(&b, "", "x"), *lengths = NULL;
        for (int i = 0; i < count * (1 + both); i++) {
            begins[i].h = input(&b, "", of("h", i));
            begins[i].c = input(&b, "", of("c", i));
        }
        const array *a = find(b.f, "", "lengths");
        for (int64_t i = 0; a && i < a->count; i++) b.lengths[i] = (int32_t)a->values[i];
        if (a) lengths = heed_input(b.g, HEED_I32, 1, a->shape, b.lengths);
        set_weights(b.f, b.ps, b.inputs);
        heed_tensor *y = heed_rnn_apply(b.g, &m, x, lengths, begins[0].h ? begins : NULL, ends);
        output(&b, "y", y);
        for (int i = 0; i < count * (1 + both); i++) {
            char full[16];
            snprintf(full, sizeof full, "end.%s", of("h", i));
            output(&b, full, ends[i].h);
            CU_ASSERT_EQUAL(ends[i].c != NULL, c.kind == HEED_LSTM);
            snprintf(full, sizeof full, "end.%s", of("c", i));
            if (ends[i].c) output(&b, full, ends[i].c);
        }
        finish(&b);
    }
}

static void plain(void) { layers("plain", 1, false); }
static void ragged(void) { layers("ragged", 1, true); }
static void stacked(void) { layers("stacked", 2, false); }
static void stacked_both(void) { layers("both", 2, true); }

/* --- sizes and beginnings ------------------------------------------------------------------------------------------------------ */

static void counted_as_made(void)
{
    static heed_rnn m;
    for (int v = 0; v < KINDS * 2 * 3; v++) {
        heed_rnn_config c = {.kind = kinds[v % KINDS].kind, .in = 3, .hidden = 5, .layers = 1 + v / 8, .bidirectional = v / 4 % 2};
        heed_params *ps = heed_params_new(1);
        heed_rnn_init(&m, ps, "rnn", &c);
        CU_ASSERT_EQUAL(heed_params_error(ps)->code, HEED_OK);
        CU_ASSERT_EQUAL(heed_params_size(ps), heed_rnn_size(&c));
        heed_params_free(ps);
    }
}

/* Uniform in +- 1/sqrt(H), and an LSTM's forget bias as wished. */
static void initial_values(void)
{
    static heed_rnn m;
    heed_params *ps = heed_params_new(1);
    heed_rnn_config c = {.kind = HEED_LSTM, .in = 30, .hidden = 16, .layers = 1, .forget_bias = 1.5};
    heed_rnn_init(&m, ps, "rnn", &c);
    const heed_rnn_cell *cell = &m.cells[0][0];
    const float *w = heed_param_data(cell->w_ih), *bi = heed_param_data(cell->b_ih), *bh = heed_param_data(cell->b_hh);
    float least = 0, most = 0;
    for (int64_t i = 0; i < heed_param_size(cell->w_ih); i++) {
        if (w[i] < least) least = w[i];
        if (w[i] > most) most = w[i];
    }
    CU_ASSERT(least >= -0.25f && least < -0.24f && most <= 0.25f && most > 0.24f);
    for (int j = 0; j < 64; j++) CU_ASSERT(j / 16 == 1 ? bi[j] == 1.5f && bh[j] == 0 : fabsf(bi[j]) <= 0.25f && bh[j] != 0);
    heed_params_free(ps);
}

/* --- one op ---------------------------------------------------------------------------------------------------------------------- */

/* Results are views of one tensor; asking for one after the other computes nothing that nobody reads. */
static void results_one_by_one(void)
{
    heed_graph *g = heed_graph_new();
    double numbers[24];
    for (int i = 0; i < 24; i++) numbers[i] = i % 7 * 0.3 - 1;
    heed_tensor *x = heed_input(g, HEED_F64, 3, (int64_t[]){2, 3, 4}, numbers), *w = heed_input(g, HEED_F64, 2, (int64_t[]){4, 4}, numbers);
    heed_tensor *b = heed_input(g, HEED_F64, 1, (int64_t[]){4}, numbers);
    heed_rnn_state start = {.h = heed_full(g, HEED_F64, 2, (int64_t[]){2, 4}, 0)}, end;
    heed_tensor *y = heed_recurrent(g, HEED_RNN_TANH, heed_linear(g, x, w, b), start, w, b, NULL, false, &end);
    const double *all = heed_data(g, y), *last = heed_data(g, end.h);
    CU_ASSERT_FATAL(all && last);
    for (int i = 0; i < 8; i++) CU_ASSERT_EQUAL(last[i], all[i / 4 * 12 + 8 + i % 4]);
    heed_graph_free(g);
}

enum { BATCH = 27, STEPS = 6, HIDDEN = 37, WIDE = 4 * HIDDEN, RESULTS = 3 + 5 };

/* Operands of a layer and what comes from above, random, in one dtype; lengths 0 ... STEPS + 1. */
typedef struct operands {
    double data[BATCH * STEPS * WIDE + HIDDEN * WIDE + WIDE + 4 * BATCH * HIDDEN + BATCH * STEPS * HIDDEN];
    int32_t lengths[BATCH];
} operands;

static heed_tensor *drawn(heed_graph *g, heed_dtype dtype, heed_random *r, double **at, int rank, const int64_t *shape)
{
    double *first = *at;
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= shape[i];
    for (int64_t i = 0; i < n; i++)
        if (dtype == HEED_F64) first[i] = 0.5 * heed_random_normal(r);
        else ((float *)first)[i] = 0.5f * (float)heed_random_normal(r);
    *at += n;
    return heed_input(g, dtype, rank, shape, first);
}

/* Results and gradients of x, h, w, bias and c; those that a kind does not have are NULL. */
static void layer_of(heed_graph *g, operands *o, heed_rnn_kind kind, heed_dtype dtype, bool reverse, bool ragged, bool one, heed_tensor **out)
{
    heed_random r = {.seed = 5, .stream = 1};
    double *at = o->data;
    const int64_t wide = heed_rnn_gates(kind) * HIDDEN, state[] = {BATCH, HIDDEN};
    for (int i = 0; i < BATCH; i++) o->lengths[i] = i * 5 % (STEPS + 2);
    heed_tensor *in[5] = {drawn(g, dtype, &r, &at, 3, (int64_t[]){BATCH, STEPS, wide}), drawn(g, dtype, &r, &at, 2, state),
                          drawn(g, dtype, &r, &at, 2, (int64_t[]){HIDDEN, wide}), drawn(g, dtype, &r, &at, 1, &wide), NULL};
    heed_tensor *dy = drawn(g, dtype, &r, &at, 3, (int64_t[]){BATCH, STEPS, HIDDEN}), *dh = drawn(g, dtype, &r, &at, 2, state);
    if (kind == HEED_LSTM) in[4] = drawn(g, dtype, &r, &at, 2, state);
    heed_tensor *lengths = ragged ? heed_input(g, HEED_I32, 1, state, o->lengths) : NULL;
    heed_rnn_state end;
    out[0] = (one ? heed_recurrent : heed_recurrent_composed)(g, kind, in[0], (heed_rnn_state){in[1], in[4]}, in[2], in[3], lengths, reverse, &end);
    out[1] = end.h;
    out[2] = end.c;
    heed_tensor *loss = heed_add(g, heed_sum(g, heed_mul(g, out[0], dy), HEED_ALL, false), heed_sum(g, heed_mul(g, end.h, dh), HEED_ALL, false));
    if (end.c) loss = heed_add(g, loss, heed_sum(g, heed_mul(g, end.c, dh), HEED_ALL, false));
    out[7] = NULL;
    heed_grad(g, loss, NULL, in[4] ? 5 : 4, in, out + 3);
}

static double value(const void *p, heed_dtype dtype, int64_t i)
{
    return dtype == HEED_F64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

static void as_composed(void)
{
    static operands o;
    for (int v = 0; v < KINDS * 8; v++) {
        heed_rnn_kind kind = kinds[v % KINDS].kind;
        heed_dtype dtype = v / KINDS % 2 ? HEED_F32 : HEED_F64;
        bool reverse = v / KINDS / 2 % 2, ragged = v / KINDS / 4;
        heed_graph *g = heed_graph_new();
        heed_tensor *one[RESULTS], *many[RESULTS];
        layer_of(g, &o, kind, dtype, reverse, ragged, true, one);
        layer_of(g, &o, kind, dtype, reverse, ragged, false, many);
        for (int k = 0; k < RESULTS; k++) {
            if (!one[k]) continue;
            const void *a = heed_data(g, one[k]), *b = heed_data(g, many[k]);
            CU_ASSERT_FATAL(a && b && heed_size(one[k]) == heed_size(many[k]));
            double worst = 0, most = 1;
            for (int64_t i = 0; i < heed_size(one[k]); i++) {
                worst = fmax(worst, fabs(value(a, dtype, i) - value(b, dtype, i)));
                most = fmax(most, fabs(value(b, dtype, i)));
            }
            if (!(worst <= most * (dtype == HEED_F64 ? 1e-14 : 4e-6)))
                fprintf(stderr, "\n    %s, %s, result %d: off by %g of %g\n", kinds[v % KINDS].name, heed_dtype_name(dtype), k, worst, most);
            CU_ASSERT(worst <= most * (dtype == HEED_F64 ? 1e-14 : 4e-6));
        }
        CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
        heed_graph_free(g);
    }
}

/* Some steps of gradient descent end in the same bits for 1, 2 and 4 threads. */
static void threads(void)
{
    enum { IN = 24, UNITS = 40, SENTENCES = 25, LENGTH = 12 };
    static float x[SENTENCES * LENGTH * IN];
    static heed_rnn m;
    int32_t lengths[SENTENCES];
    heed_random r = {.seed = 3, .stream = 2};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = (float)heed_random_normal(&r);
    for (int i = 0; i < SENTENCES; i++) lengths[i] = 1 + i * 7 % LENGTH;
    for (int k = 0; k < KINDS; k++) {
        float *first = NULL;
        int64_t size = 0;
        for (int n = 1; n <= 4; n *= 2) {
            heed_params *ps = heed_params_new(1);
            heed_graph *g = heed_graph_new();
            heed_rnn_config c = {.kind = kinds[k].kind, .in = IN, .hidden = UNITS, .layers = 2, .bidirectional = true, .dropout = 0.2};
            heed_rnn_init(&m, ps, "rnn", &c);
            heed_optimizer *descent = heed_optimizer_new(ps, "sgd");
            heed_graph_threads(g, n);
            heed_graph_training(g, true);
            for (int step = 0; step < 3; step++) {
                heed_graph_reset(g);
                heed_graph_seed(g, 1, (uint64_t)step);
                heed_rnn_state end[4];
                heed_tensor *ends = heed_input(g, HEED_I32, 1, (int64_t[]){SENTENCES}, lengths);
                heed_tensor *y = heed_rnn_apply(g, &m, heed_input(g, HEED_F32, 3, (int64_t[]){SENTENCES, LENGTH, IN}, x), ends, NULL, end);
                heed_backward(g, heed_add(g, heed_mean(g, heed_square(g, y), HEED_ALL, false), heed_mean(g, end[3].h, HEED_ALL, false)));
                heed_optimizer_step(descent, g);
            }
            CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_OK);
            if (!first) CU_ASSERT_PTR_NOT_NULL_FATAL(first = malloc((size_t)heed_params_size(ps) * sizeof *first));
            size = 0;
            for (int i = 0; i < heed_params_count(ps); i++) {
                heed_param *p = heed_params_at(ps, i);
                size_t bytes = (size_t)heed_param_size(p) * sizeof *first;
                if (n == 1) memcpy(first + size, heed_param_data(p), bytes);
                CU_ASSERT(!memcmp(first + size, heed_param_data(p), bytes));
                size += heed_param_size(p);
            }
            heed_optimizer_free(descent);
            heed_graph_free(g);
            heed_params_free(ps);
        }
        free(first);
    }
}

/* What stands in x behind a sentence's end changes nothing, be it NaN; nor does it in the op's gradient. */
static void padding_is_not_read(void)
{
    for (int one = 0; one < 2; one++)
        for (int k = 0; k < KINDS; k++) {
            heed_graph *g = heed_graph_new();
            const int64_t gates = heed_rnn_gates(kinds[k].kind);
            double x[2 * 3 * 8], w[2 * 8] = {0.1, 0.2};
            for (int64_t i = 0; i < 6 * 2 * gates; i++) x[i] = i / (2 * gates) == 1 || i / (2 * gates) == 2 ? NAN : 0.5;
            heed_tensor *in = heed_input(g, HEED_F64, 3, (int64_t[]){2, 3, 2 * gates}, x), *h = heed_full(g, HEED_F64, 2, (int64_t[]){2, 2}, 0.3), *dx;
            heed_rnn_state end;
            heed_tensor *y = (one ? heed_recurrent : heed_recurrent_composed)(
                g, kinds[k].kind, in, (heed_rnn_state){h, h}, heed_input(g, HEED_F64, 2, (int64_t[]){2, 2 * gates}, w), NULL,
                heed_input(g, HEED_I32, 1, (int64_t[]){2}, (int32_t[]){1, 3}), true, &end);
            heed_grad(g, heed_add(g, heed_sum(g, y, HEED_ALL, false), heed_sum(g, end.h, HEED_ALL, false)), NULL, 1, &in, &dx);
            const double *values = heed_data(g, y), *d = heed_data(g, dx);
            CU_ASSERT_FATAL(values && d);
            for (int i = 0; i < 12; i++) CU_ASSERT(isfinite(values[i]) && (values[i] == 0) == (i >= 2 && i < 6));
            for (int64_t i = 0; one && i < 6 * 2 * gates; i++) CU_ASSERT(isfinite(d[i]) && (!isnan(x[i]) || d[i] == 0));
            heed_graph_free(g);
        }
}

static void refused(void)
{
    double numbers[64] = {0};
    const struct { heed_rnn_kind kind; int64_t wide, batch, hidden; bool lengths, ids; const char *says; } bad[] = {
        {HEED_LSTM, 6, 2, 2, false, false, "recurrent: x [2,3,6], state [2,2] and weights [2,6] should be [B,T,G H], [B,H] and [H,G H] with G = 4"},
        {HEED_GRU, 6, 3, 2, false, false, "state [3,2]"},
        {HEED_RNN_TANH, 2, 2, 2, true, false, "lengths of shape [2] and dtype float64"},
        {HEED_RNN_TANH, 2, 2, 2, true, true, "lengths of shape [3] and dtype int32, not one int32 for each of 2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int one = 0; one < 2; one++) {
            heed_graph *g = heed_graph_new();
            heed_tensor *x = heed_full(g, HEED_F64, 3, (int64_t[]){2, 3, bad[i].wide}, 0), *h = heed_full(g, HEED_F64, 2, (int64_t[]){bad[i].batch, bad[i].hidden}, 0);
            heed_tensor *w = heed_full(g, HEED_F64, 2, (int64_t[]){bad[i].hidden, bad[i].wide}, 0);
            heed_tensor *n = bad[i].ids ? heed_full(g, HEED_I32, 1, (int64_t[]){3}, 1) : heed_input(g, HEED_F64, 1, (int64_t[]){2}, numbers);
            heed_rnn_state end;
            (one ? heed_recurrent : heed_recurrent_composed)(g, bad[i].kind, x, (heed_rnn_state){h, h}, w, NULL, bad[i].lengths ? n : NULL, false, &end);
            CU_ASSERT(check_says(heed_graph_error(g)->message, bad[i].says));
            heed_graph_free(g);
        }
    heed_graph *g = heed_graph_new();
    heed_tensor *x = heed_input(g, HEED_F64, 2, (int64_t[]){2, 8}, numbers), *h = heed_input(g, HEED_F64, 2, (int64_t[]){2, 2}, numbers);
    heed_rnn_step(g, HEED_LSTM, x, (heed_rnn_state){h, NULL}, heed_input(g, HEED_F64, 2, (int64_t[]){2, 8}, numbers), NULL);
    CU_ASSERT(check_says(heed_graph_error(g)->message, "rnn_step: x [2,8], state [2,2] and weights [2,8]"));
    heed_graph_free(g);
    static heed_rnn m;
    const struct { heed_rnn_config c; const char *says; } configs[] = {
        {{.kind = HEED_GRU, .in = 0, .hidden = 2, .layers = 1}, "rnn: in and hidden must be at least 1, they are 0 and 2"},
        {{.kind = HEED_GRU, .in = 2, .hidden = 2, .layers = 65}, "rnn: 65 layers; there may be 1 to 64"},
        {{.kind = HEED_GRU, .in = 2, .hidden = 2, .layers = 1, .dropout = 1}, "rnn: dropout 1 is not in 0 ... 1"}};
    for (int i = 0; i < 3; i++) {
        heed_params *ps = heed_params_new(1);
        heed_rnn_init(&m, ps, "rnn", &configs[i].c);
        CU_ASSERT(check_says(heed_params_error(ps)->message, configs[i].says));
        heed_params_free(ps);
    }
}

CHECK_MAIN("recurrent", {"cells are PyTorch's", cells}, {"a layer is PyTorch's", plain},
           {"both directions over sentences of different lengths are PyTorch's", ragged}, {"two layers are PyTorch's", stacked},
           {"two layers in both directions over different lengths are PyTorch's", stacked_both},
           {"weights counted are weights made", counted_as_made}, {"initial values", initial_values},
           {"results can be asked for one by one", results_one_by_one},
           {"one op is the composition of steps, values and gradients, in both dtypes", as_composed},
           {"same bits for 1, 2 and 4 threads", threads}, {"what is padding is not read", padding_is_not_read},
           {"what does not fit is refused", refused})
