/* The steps of a recurrent layer for one element type, included by recurrent_kernel.c with REAL, VEC, LANES, V(name), FN(name),
 * GEMM(name) (the block products of gemm_internal.h) and PUBLIC(name).
 *
 * In the functions of one row n units are worked on; part q (a gate) of x, of the bias and of what is kept lies `hidden` further, that of the
 * products `block` further. Each takes the state h and c before the step and writes those after it. */

#define GET(p, part, step) V(get)((p) + (part) * (step), 1, at, k)
#define PUT(p, part, step, value) V(put)((p) + (part) * (step) + at, value, k)
/* part q of x + u + bias */
#define SUM(q) (GET(x, q, hidden) + GET(u, q, block) + (bias ? GET(bias, q, hidden) : none))

/* h' = tanh(x + u) or max(x + u, 0) */
static void FN(elman_row)(int64_t n, int relu, int64_t hidden, int64_t block, const REAL *x, const REAL *u, const REAL *bias, REAL *next)
{
    const VEC none = {0};
    if (relu) ROW_EACH(LANES, n, PUT(next, 0, 0, V(above)(SUM(0), none)));
    else ROW_EACH(LANES, n, PUT(next, 0, 0, V(tanh)(SUM(0))));
}

/* c' = f c + i g      h' = o tanh(c') */
static void FN(lstm_row)(int64_t n, int64_t hidden, int64_t block, const REAL *x, const REAL *u, const REAL *bias, REAL *c, REAL *next,
                         REAL *kept)
{
    const VEC none = {0};
    ROW_EACH(LANES, n, {
        VEC i = V(sigmoid)(SUM(0)), f = V(sigmoid)(SUM(1)), g = V(tanh)(SUM(2)), o = V(sigmoid)(SUM(3));
        VEC now = f * GET(c, 0, 0) + i * g;
        PUT(c, 0, 0, now);
        PUT(next, 0, 0, o * V(tanh)(now));
        PUT(kept, 0, hidden, i);
        PUT(kept, 1, hidden, f);
        PUT(kept, 2, hidden, g);
        PUT(kept, 3, hidden, o);
    });
}

/* n = tanh(x_n + r u_n)      h' = (1 - z) n + z h */
static void FN(gru_row)(int64_t n, int64_t hidden, int64_t block, const REAL *x, const REAL *u, const REAL *bias, const REAL *h, REAL *next,
                        REAL *kept)
{
    const VEC none = {0};
    ROW_EACH(LANES, n, {
        VEC r = V(sigmoid)(SUM(0)), z = V(sigmoid)(SUM(1)), un = GET(u, 2, block) + (bias ? GET(bias, 2, hidden) : none);
        VEC new = V(tanh)(GET(x, 2, hidden) + r * un);
        PUT(next, 0, 0, new + z * (GET(h, 0, 0) - new));
        PUT(kept, 0, hidden, r);
        PUT(kept, 1, hidden, z);
        PUT(kept, 2, hidden, new);
        PUT(kept, 3, hidden, un);
    });
}

/* --- all steps of some rows ---------------------------------------------------------------------------------------------------- */

static void FN(zero)(REAL *y, int64_t n) { memset(y, 0, (size_t)n * sizeof *y); }
static void FN(move)(REAL *y, const REAL *x, int64_t n) { memcpy(y, x, (size_t)n * sizeof *y); }

static const REAL *FN(panels)(const heed_recurrence *p, const void *shared, int gate)
{
    return (const REAL *)shared + gate * gemm_panels(p->hidden, p->hidden, sizeof(REAL));
}

/* Zeros where a row of [B,T, wide] is past its end. */
static void FN(clear)(const heed_recurrence *p, void *array, const row_of_task *row, int64_t wide)
{
    FN(zero)((REAL *)array + (row->b * p->steps + row->length) * wide, (p->steps - row->length) * wide);
}

/* Units [j, j + n) of sequence b at step t. */
static void FN(step_row)(const heed_recurrence *p, int64_t b, int64_t t, int64_t j, int64_t n, const REAL *u, const REAL *h, REAL *next, REAL *c)
{
    const int64_t hidden = p->hidden, at = b * p->steps + t;
    const REAL *x = (const REAL *)p->x + b * p->x_batch + t * p->x_step + j, *bias = p->bias ? (const REAL *)p->bias + j : NULL;
    REAL *kept = p->kept ? (REAL *)p->kept + at * KEPT * hidden + j : NULL;
    switch (p->kind) {
    case HEED_LSTM: FN(lstm_row)(n, hidden, p->block, x, u, bias, c, next, kept); break;
    case HEED_GRU: FN(gru_row)(n, hidden, p->block, x, u, bias, h, next, kept); break;
    default: FN(elman_row)(n, p->kind == HEED_RNN_RELU, hidden, p->block, x, u, bias, next);
    }
    FN(move)((REAL *)p->y + at * hidden + j, next, n);
    FN(move)((REAL *)p->before + at * hidden + j, h, n);
    if (p->c) FN(move)((REAL *)p->c + at * hidden + j, c, n);
}

void PUBLIC(steps)(const heed_recurrence *p, int phase, int64_t task, void *shared, void *scratch)
{
    const int64_t hidden = p->hidden, pitch = p->pitch, wide = p->gates * p->block;
    if (!phase) { /* gate by gate */
        GEMM(pack)((REAL *)FN(panels)(p, shared, (int)task), (const REAL *)p->w + task * hidden, p->w_row, 1, hidden, hidden);
        return;
    }
    row_of_task rows[MANY_ROWS];
    const int64_t count = rows_of_task(p, task, rows);
    REAL *h = scratch, *next = h + p->rows * pitch, *c = next + p->rows * pitch, *u = c + p->rows * pitch;
    for (int64_t r = 0; r < count; r++) {
        const int64_t b = rows[r].b;
        FN(move)(h + r * pitch, (const REAL *)p->h0 + b * p->h0_row, hidden);
        FN(move)(next + r * pitch, h + r * pitch, hidden); /* for those that begin later */
        if (p->c) FN(move)(c + r * pitch, (const REAL *)p->c0 + b * p->c0_row, hidden);
        if (!rows[r].length) FN(move)((REAL *)p->h_end + b * hidden, h + r * pitch, hidden);
        FN(clear)(p, p->y, &rows[r], hidden);
        FN(clear)(p, p->before, &rows[r], hidden);
        if (p->c) FN(clear)(p, p->c, &rows[r], hidden);
        if (p->kept) FN(clear)(p, p->kept, &rows[r], KEPT * hidden);
    }
    for (int64_t s = 0; s < p->steps; s++) {
        const int64_t t = p->reverse ? p->steps - 1 - s : s, active = rows_at(rows, count, t);
        for (int64_t j = 0; j < hidden && active; j += p->block) {
            const int64_t n = gemm_cut(hidden - j, p->block, 0).count;
            for (int q = 0; q < p->gates; q++)
                GEMM(multiply)(active, n, hidden, h, pitch, 1, FN(panels)(p, shared, q) + j * hidden, 0, hidden, u + q * p->block, wide, 1, 0);
            for (int64_t r = 0; r < active; r++)
                FN(step_row)(p, rows[r].b, t, j, n, u + r * wide, h + r * pitch + j, next + r * pitch + j, c + r * pitch + j);
        }
        for (int64_t r = 0; r < active; r++)
            if (t == (p->reverse ? 0 : rows[r].length - 1)) FN(move)((REAL *)p->h_end + rows[r].b * hidden, next + r * pitch, hidden);
        REAL *old = h;
        h = next;
        next = old;
    }
    for (int64_t r = 0; r < count && p->c; r++) FN(move)((REAL *)p->c_end + rows[r].b * hidden, c + r * pitch, hidden);
}

/* --- the derivative -------------------------------------------------------------------------------------------------------------- */

/* In the functions of one row dh is the gradient of the state after the step but for dy; afterwards it is that of the state before it but
 * for du W^T. `d` gets du in parts `step` apart. */

/* da = dh (1 - h'^2) or, where h' > 0, dh */
static void FN(elman_back)(int64_t n, int relu, const REAL *y, const REAL *dy, REAL *dh, REAL *dx, REAL *d)
{
    const VEC none = {0}, one = V(set)(1);
    ROW_EACH(LANES, n, {
        VEC out = GET(y, 0, 0), up = GET(dh, 0, 0) + GET(dy, 0, 0);
        VEC da = relu ? V(select)(out > none, up, none) : up * (one - out * out);
        PUT(dx, 0, 0, da);
        PUT(d, 0, 0, da);
        PUT(dh, 0, 0, none);
    });
}

static void FN(lstm_back)(int64_t n, int64_t hidden, int64_t step, const REAL *kept, const REAL *before, const REAL *after, const REAL *dy,
                          REAL *dh, REAL *dc, REAL *dx, REAL *d)
{
    const VEC none = {0}, one = V(set)(1);
    ROW_EACH(LANES, n, {
        VEC i = GET(kept, 0, hidden), f = GET(kept, 1, hidden), g = GET(kept, 2, hidden), o = GET(kept, 3, hidden);
        VEC up = GET(dh, 0, 0) + GET(dy, 0, 0), bent = V(tanh)(GET(after, 0, 0));
        VEC cell = GET(dc, 0, 0) + up * o * (one - bent * bent);
        VEC di = cell * g * i * (one - i), df = cell * GET(before, 0, 0) * f * (one - f), dg = cell * i * (one - g * g);
        VEC dout = up * bent * o * (one - o);
        PUT(dx, 0, hidden, di);
        PUT(dx, 1, hidden, df);
        PUT(dx, 2, hidden, dg);
        PUT(dx, 3, hidden, dout);
        PUT(d, 0, step, di);
        PUT(d, 1, step, df);
        PUT(d, 2, step, dg);
        PUT(d, 3, step, dout);
        PUT(dc, 0, 0, cell * f);
        PUT(dh, 0, 0, none);
    });
}

static void FN(gru_back)(int64_t n, int64_t hidden, int64_t step, const REAL *kept, const REAL *before, const REAL *dy, REAL *dh, REAL *dx,
                         REAL *du, REAL *d)
{
    const VEC one = V(set)(1);
    ROW_EACH(LANES, n, {
        VEC r = GET(kept, 0, hidden), z = GET(kept, 1, hidden), new = GET(kept, 2, hidden), un = GET(kept, 3, hidden);
        VEC up = GET(dh, 0, 0) + GET(dy, 0, 0), dn = up * (one - z) * (one - new * new);
        VEC dr = dn * un * r * (one - r), dz = up * (GET(before, 0, 0) - new) * z * (one - z), dun = dn * r;
        PUT(dx, 0, hidden, dr);
        PUT(dx, 1, hidden, dz);
        PUT(dx, 2, hidden, dn);
        PUT(du, 0, hidden, dr);
        PUT(du, 1, hidden, dz);
        PUT(du, 2, hidden, dun);
        PUT(d, 0, step, dr);
        PUT(d, 1, step, dz);
        PUT(d, 2, step, dun);
        PUT(dh, 0, 0, up * z);
    });
}

/* Sequence b at step t. */
static void FN(back_row)(const heed_recurrence *p, const row_of_task *row, int64_t t, int64_t step, REAL *dh, REAL *dc, REAL *d)
{
    const int64_t hidden = p->hidden, b = row->b, at = b * p->steps + t;
    const REAL *dy = (const REAL *)p->dy + b * p->dy_batch + t * p->dy_step;
    const REAL *kept = p->kept ? (const REAL *)p->kept + at * KEPT * hidden : NULL, *before = (const REAL *)p->before + at * hidden;
    REAL *dx = (REAL *)p->dx + at * p->gates * hidden, *du = p->du ? (REAL *)p->du + at * p->gates * hidden : NULL;
    if (p->kind == HEED_LSTM) {
        const REAL *c = (const REAL *)p->c + at * hidden, *first = (const REAL *)p->c0 + b * p->c0_row;
        const REAL *c_before = p->reverse ? t == row->length - 1 ? first : c + hidden : t == 0 ? first : c - hidden;
        FN(lstm_back)(hidden, hidden, step, kept, c_before, c, dy, dh, dc, dx, d);
    } else if (p->kind == HEED_GRU) FN(gru_back)(hidden, hidden, step, kept, before, dy, dh, dx, du, d);
    else FN(elman_back)(hidden, p->kind == HEED_RNN_RELU, (const REAL *)p->y + at * hidden, dy, dh, dx, d);
}

void PUBLIC(back)(const heed_recurrence *p, int phase, int64_t task, void *shared, void *scratch)
{
    const int64_t hidden = p->hidden, pitch = p->pitch, part = p->rows * pitch;
    if (!phase) { /* the transpose, gate by gate */
        GEMM(pack)((REAL *)FN(panels)(p, shared, (int)task), (const REAL *)p->w + task * hidden, 1, p->w_row, hidden, hidden);
        return;
    }
    row_of_task rows[MANY_ROWS];
    const int64_t count = rows_of_task(p, task, rows);
    REAL *dh = scratch, *dc = dh + part, *d = dc + part;
    FN(zero)(dh, 2 * part);
    for (int64_t r = 0; r < count; r++) {
        if (p->dh_end) FN(move)(dh + r * pitch, (const REAL *)p->dh_end + rows[r].b * hidden, hidden);
        if (p->dc_end) FN(move)(dc + r * pitch, (const REAL *)p->dc_end + rows[r].b * hidden, hidden);
        FN(clear)(p, p->dx, &rows[r], p->gates * hidden);
        if (p->du) FN(clear)(p, p->du, &rows[r], p->gates * hidden);
    }
    for (int64_t s = p->steps; s-- > 0;) {
        const int64_t t = p->reverse ? p->steps - 1 - s : s, active = rows_at(rows, count, t);
        for (int64_t r = 0; r < active; r++) FN(back_row)(p, &rows[r], t, part, dh + r * pitch, dc + r * pitch, d + r * pitch);
        for (int q = 0; q < p->gates && active; q++) /* dh += du W^T */
            GEMM(multiply)(active, hidden, hidden, d + q * part, pitch, 1, FN(panels)(p, shared, q), 0, hidden, dh, pitch, 1, 1);
    }
    for (int64_t r = 0; r < count; r++) {
        FN(move)((REAL *)p->dh0 + rows[r].b * hidden, dh + r * pitch, hidden);
        if (p->kind == HEED_LSTM) FN(move)((REAL *)p->dc0 + rows[r].b * hidden, dc + r * pitch, hidden);
    }
}

#undef GET
#undef PUT
#undef SUM
