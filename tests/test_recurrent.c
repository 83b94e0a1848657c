/* Recurrent modules: values and all gradients are PyTorch's (tests/data/make_recurrent.py tells the file). */
#include "fixture.h"
#include "models/recurrent.h"

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

static void set_weights(bench *b)
{
    int gradients = 0;
    for (int i = 0; i < b->f->count; i++) gradients += !strncmp(b->f->items[i].name, "d.", 2);
    CU_ASSERT_EQUAL(gradients, heed_params_count(b->ps) + b->inputs);
    for (int i = 0; i < heed_params_count(b->ps); i++) {
        heed_param *p = heed_params_at(b->ps, i);
        const array *a = find(b->f, "", heed_param_name(p));
        CU_ASSERT_FATAL(same_shape(a, heed_param_rank(p), heed_param_shape(p)));
        memcpy(heed_param_data(p), a->values, (size_t)a->count * sizeof(double));
    }
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
        set_weights(&b);
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
        set_weights(&b);
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

CHECK_MAIN("recurrent", {"cells are PyTorch's", cells}, {"a layer is PyTorch's", plain},
           {"both directions over sentences of different lengths are PyTorch's", ragged}, {"two layers are PyTorch's", stacked},
           {"two layers in both directions over different lengths are PyTorch's", stacked_both},
           {"weights counted are weights made", counted_as_made}, {"initial values", initial_values})
