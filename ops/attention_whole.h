/* Attention where all keys of a head are one block, for one element type, included by attention_kernel.c after attention_body.h's helpers.
 *
 * Scores lie transposed, [key][query of a panel of two vectors]: maximum, sum and D of every query are then sums over rows, lane by lane,
 * and short sequences spend nothing on sums across a vector. */

/* Of a vector of queries from t on: how many of `count` keys all its queries see, and how many some of them see. */
static inline gemm_span FN(seen_by)(const heed_sdpa *p, int64_t t, int64_t count)
{
    if (!p->causal) return (gemm_span){count, count};
    int64_t first = t + p->keys - p->queries + 1;
    return (gemm_span){upper(0, lower(count, first)), upper(0, lower(count, first + LANES - 1))};
}

/* x where query t + lane sees key j, elsewhere `hidden` */
static inline VEC FN(where_seen)(const heed_sdpa *p, VEC x, int64_t t, int64_t j, VEC hidden)
{
    VEC first = V(set)((REAL)(j - (p->keys - p->queries) - t));
    return V(select)(FN(iota)() >= first, x, hidden);
}

static void FN(add_mask_columns)(const heed_sdpa *p, REAL *score, int64_t b, int64_t h, int64_t t, int64_t rows, int64_t count)
{
    const REAL *mask = (const REAL *)p->mask + b * p->mask_batch + h * p->mask_head + t * p->mask_row;
    for (int64_t j = 0; j < count; j++)
        for (int64_t i = 0; i < rows; i++) score[j * 2 * LANES + i] += mask[j * p->mask_col + i * p->mask_row];
}

/* The factors of drop_factors for keys j .. j + 3 (j a multiple of 4) of queries t .. t + LANES - 1, as [key][query]. */
static inline void FN(drop_columns)(const heed_sdpa *p, REAL factor[4][LANES], int64_t pair, int64_t t, int64_t j)
{
    const uint64_t width = (uint64_t)(p->keys + 3) / 4, block = (uint64_t)(pair * p->queries + t) * width + (uint64_t)j / 4;
    const uint32_t threshold = FN(drop_threshold)(p);
    const REAL keep = FN(keep_factor)(p);
    uint32_t word[4][LANES];
    for (int half = 0; half < LANES; half += VD) {
        vul at, drawn[4];
        for (int lane = 0; lane < VD; lane++) at[lane] = block + (uint64_t)(half + lane) * width;
        v_philox_each(p->seed, p->stream, at, drawn);
        for (int i = 0; i < 4; i++) {
            heed_half_vu low = __builtin_convertvector(drawn[i], heed_half_vu);
            memcpy(&word[i][half], &low, sizeof low);
        }
    }
    for (int i = 0; i < 4; i++)
        for (int lane = 0; lane < LANES; lane++) factor[i][lane] = word[i][lane] >= threshold ? keep : 0;
}

/* Scores of a vector of queries become exp(s - maximum), drops included. Returns the sum without drops. */
static VEC FN(softmax_columns)(const heed_sdpa *p, REAL *score, int64_t pair, int64_t t, int64_t count, VEC *maximum)
{
    enum { W = 2 * LANES };
    const VEC hidden = V(set)(-INFINITY), zero = {0};
    const gemm_span seen = FN(seen_by)(p, t, count); /* .at by all, .count by some */
    VEC best = hidden, other = hidden, total = zero, rest = zero;
    int64_t j = 0;
    for (; j + 1 < seen.at; j += 2) {
        best = V(above)(V(load)(score + j * W), best);
        other = V(above)(V(load)(score + (j + 1) * W), other);
    }
    for (; j < seen.count; j++) {
        VEC x = V(load)(score + j * W);
        if (j >= seen.at) {
            x = FN(where_seen)(p, x, t, j, hidden);
            V(store)(score + j * W, x);
        }
        best = V(above)(x, best);
    }
    best = V(above)(best, other);
    *maximum = best;
    const VEC reference = V(select)(best > hidden, best, zero);
    for (j = 0; j + 1 < seen.count; j += 2) {
        VEC x = FN(weight)(V(load)(score + j * W) - reference), y = FN(weight)(V(load)(score + (j + 1) * W) - reference);
        V(store)(score + j * W, x);
        V(store)(score + (j + 1) * W, y);
        total += x;
        rest += y;
    }
    if (j < seen.count) {
        VEC x = FN(weight)(V(load)(score + j * W) - reference);
        V(store)(score + j * W, x);
        total += x;
    }
    for (j = seen.count; j < count; j++) V(store)(score + j * W, zero);
    for (j = 0; p->dropout > 0 && j < seen.count; j += 4) {
        REAL factor[4][LANES];
        FN(drop_columns)(p, factor, pair, t, j);
        for (int i = 0; i < 4 && j + i < seen.count; i++) V(store)(score + (j + i) * W, V(load)(score + (j + i) * W) * V(load)(factor[i]));
    }
    return total + rest;
}

static void FN(zero_rows)(heed_rows rows, int64_t b, int64_t h, int64_t from, int64_t to, int64_t depth)
{
    if (rows.at)
        for (int64_t t = from; t < to; t++) memset(ROW(rows, REAL, b, h, t), 0, (size_t)depth * sizeof(REAL));
}

static void FN(forward_whole)(const heed_sdpa *p, int64_t b, int64_t h, gemm_span part, REAL *scratch)
{
    enum { W = 2 * LANES };
    const int64_t dk = p->qk_depth, dv = p->v_depth, pair = b * p->heads + h, stop = part.at + part.count;
    const int64_t seen = visible(p, b, stop - 1), bytes = sizeof(REAL);
    REAL *q_panel = FN(take)(&scratch, W * dk), *score = FN(take)(&scratch, W * p->keys), *factor = FN(take)(&scratch, W);
    REAL *v_panels = FN(take)(&scratch, gemm_panels(dv, p->keys, bytes)), *lse = (REAL *)p->lse + pair * p->queries;
    const REAL *k = ROW(p->k, const REAL, b, h, 0), *v = ROW(p->v, const REAL, b, h, 0);
    int64_t v_row = p->v.row;
    if (seen > 0) v = FN(operand)(v_panels, v, p->v.row, part.count <= FEW_QUERIES, seen, dv, &v_row);
    for (int64_t t = part.at; t < stop; t += W) {
        const int64_t rows = lower(stop - t, W), wide = gemm_parts(rows, LANES) * LANES, count = visible(p, b, t + rows - 1);
        if (count <= 0) {
            FN(zero_rows)(p->o, b, h, t, t + rows, dv);
            for (int64_t i = t; i < t + rows; i++) lse[i] = -INFINITY;
            continue;
        }
        GEMM(pack)(q_panel, ROW(p->q, const REAL, b, h, t), 1, p->q.row, dk, rows);
        GEMM(multiply)(count, wide, dk, k, p->k.row, 1, q_panel, 0, dk, score, W, (REAL)p->scale, 0);
        if (p->mask) FN(add_mask_columns)(p, score, b, h, t, rows, count);
        for (int64_t i = 0; i < wide; i += LANES) {
            VEC maximum, sum = FN(softmax_columns)(p, score + i, pair, t + i, count, &maximum);
            VEC some = V(select)(sum == V(set)(0), V(set)(1), sum);
            V(store_edge)(lse + t + i, maximum + V(log)(some), lower(rows - i, LANES)); /* -infinity + 0 where nothing was seen */
            V(store)(factor + i, V(set)(1) / some);
        }
        REAL *o = ROW(p->o, REAL, b, h, t);
        GEMM(multiply)(rows, dv, count, score, 1, W, v, v_row, seen, o, p->o.row, 1, 0);
        for (int64_t i = 0; i < rows; i++, o += p->o.row)
            for (int64_t d = 0; d < dv; d += LANES) {
                int64_t n = lower(dv - d, LANES);
                V(store_edge)(o + d, V(load_edge)(o + d, n) * V(set)(factor[i]), n);
            }
    }
}

/* weights = exp(s - lse); D = sum_j p dp; scores' gradient w (dp - D) takes the place of `d`, and p = drop(w) that of `kept`, which may be `score`. */
static void FN(backward_columns)(const heed_sdpa *p, REAL *score, REAL *kept, REAL *d, int64_t pair, int64_t t, int64_t count, VEC lse)
{
    enum { W = 2 * LANES };
    const VEC zero = {0}, least = V(set)(-INFINITY), reference = V(select)(lse == least, zero, lse);
    const gemm_span seen = FN(seen_by)(p, t, count);
    REAL factor[4][LANES];
    VEC dot = zero, other = zero;
    for (int64_t j = 0; j < seen.count; j++) {
        VEC w = FN(weight)(V(load)(score + j * W) - reference), dp = V(load)(d + j * W);
        w = V(select)(lse == least, zero, w);
        if (j >= seen.at) w = FN(where_seen)(p, w, t, j, zero);
        if (p->dropout > 0) {
            if (j % 4 == 0) FN(drop_columns)(p, factor, pair, t, j);
            VEC f = V(load)(factor[j % 4]);
            dp *= f;
            V(store)(d + j * W, dp);
            V(store)(kept + j * W, w * f);
        }
        V(store)(score + j * W, w);
        if (j % 2) dot = V(fma)(w, dp, dot);
        else other = V(fma)(w, dp, other);
    }
    dot += other;
    for (int64_t j = 0; j < seen.count; j++) V(store)(d + j * W, V(load)(score + j * W) * (V(load)(d + j * W) - dot));
    for (int64_t j = seen.count; j < count; j++) {
        V(store)(d + j * W, zero);
        V(store)(kept + j * W, zero);
    }
}

static void FN(backward_whole)(const heed_sdpa *p, int64_t b, int64_t h, REAL *scratch)
{
    enum { W = 2 * LANES };
    const int64_t dk = p->qk_depth, dv = p->v_depth, pair = b * p->heads + h, bytes = sizeof(REAL);
    const int64_t seen = p->queries > 0 ? visible(p, b, p->queries - 1) : 0;
    REAL *qt = FN(take)(&scratch, W * dk), *dot = FN(take)(&scratch, W * dv), *score = FN(take)(&scratch, W * p->keys);
    REAL *d = FN(take)(&scratch, W * p->keys), *kept = p->dropout > 0 ? FN(take)(&scratch, W * p->keys) : score;
    REAL *q_panels = FN(take)(&scratch, gemm_panels(dk, W, bytes)), *do_panels = FN(take)(&scratch, gemm_panels(dv, W, bytes));
    REAL *k_panels = FN(take)(&scratch, gemm_panels(dk, p->keys, bytes));
    const REAL *lse = (const REAL *)p->lse + pair * p->queries, *k = ROW(p->k, const REAL, b, h, 0), *v = ROW(p->v, const REAL, b, h, 0), *kb = k;
    int64_t k_row = p->k.row, q_row, do_row;
    FN(zero_rows)(p->d_k, b, h, seen, p->keys, dk);
    FN(zero_rows)(p->d_v, b, h, seen, p->keys, dv);
    if (seen > 0) kb = FN(operand)(k_panels, k, p->k.row, p->few, seen, dk, &k_row);
    int later = 0; /* the last queries see all keys that are seen, so they come first */
    for (int64_t panel = gemm_parts(p->queries, W); panel-- > 0;) {
        const int64_t t = panel * W, rows = lower(p->queries - t, W), wide = gemm_parts(rows, LANES) * LANES, count = visible(p, b, t + rows - 1);
        if (count <= 0) {
            FN(zero_rows)(p->d_q, b, h, t, t + rows, dk);
            continue;
        }
        const REAL *q = ROW(p->q, const REAL, b, h, t), *d_o = ROW(p->d_o, const REAL, b, h, t);
        GEMM(pack)(qt, q, 1, p->q.row, dk, rows);
        GEMM(pack)(dot, d_o, 1, p->d_o.row, dv, rows);
        GEMM(multiply)(count, wide, dk, k, p->k.row, 1, qt, 0, dk, score, W, (REAL)p->scale, 0);
        GEMM(multiply)(count, wide, dv, v, p->v.row, 1, dot, 0, dv, d, W, 1, 0);
        if (p->mask) FN(add_mask_columns)(p, score, b, h, t, rows, count);
        for (int64_t i = 0; i < wide; i += LANES)
            FN(backward_columns)(p, score + i, kept + i, d + i, pair, t + i, count, V(load_edge)(lse + t + i, lower(rows - i, LANES)));
        if (p->d_v.at) {
            d_o = FN(operand)(do_panels, d_o, p->d_o.row, count <= FEW_QUERIES, rows, dv, &do_row);
            GEMM(multiply)(count, dv, rows, kept, W, 1, d_o, do_row, rows, ROW(p->d_v, REAL, b, h, 0), p->d_v.row, 1, later);
        }
        if (p->d_k.at) {
            q = FN(operand)(q_panels, q, p->q.row, count <= FEW_QUERIES, rows, dk, &q_row);
            GEMM(multiply)(count, dk, rows, d, W, 1, q, q_row, rows, ROW(p->d_k, REAL, b, h, 0), p->d_k.row, (REAL)p->scale, later);
        }
        if (p->d_q.at) GEMM(multiply)(rows, dk, count, d, 1, W, kb, k_row, seen, ROW(p->d_q, REAL, b, h, t), p->d_q.row, (REAL)p->scale, 0);
        later = 1;
    }
}
