/* The arithmetic of blockwise attention for one element type, included by attention_kernel.c with REAL, VEC, LANES, V(name),
 * FN(name), GEMM(name) (the block products of gemm_internal.h) and TASK. */

/* Cuts the next `count` elements off the scratch, aligned to vectors. */
static REAL *FN(take)(REAL **scratch, int64_t count)
{
    REAL *p = *scratch;
    *scratch += (count + LANES - 1) / LANES * LANES;
    return p;
}

/* B for GEMM(multiply), with few rows or more: where it lies if that is as good, else packed into `panels`. */
static const REAL *FN(operand)(REAL *panels, const REAL *b, int64_t b_row, int few, int64_t k, int64_t n, int64_t *row)
{
    *row = b_row;
    if (n % LANES == 0 && (k <= 16 || few)) return b;
    *row = 0;
    GEMM(pack)(panels, b, b_row, 1, k, n);
    return panels;
}

static inline VEC FN(iota)(void)
{
    VEC v;
    for (int i = 0; i < LANES; i++) v[i] = (REAL)i;
    return v;
}

/* exp for arguments <= 0, and 0 below -60: so little changes no sum, and what is multiplied by it could become subnormal, which is slow. */
static inline VEC FN(weight)(VEC x) { return V(exp_weight)(x, V(set)(-60)); }

/* The greatest lane; NaN does not count, for it comes back as a weight. */
static inline REAL FN(highest)(VEC x)
{
    for (int step = LANES / 2; step > 0; step /= 2) x = V(above)(x, V(swap)(x, step));
    return x[0];
}

/* Adds the mask's row to `count` scores. */
static void FN(add_mask)(const heed_sdpa *p, REAL *score, int64_t b, int64_t h, int64_t t, int64_t key, int64_t count)
{
    const REAL *mask = (const REAL *)p->mask + b * p->mask_batch + h * p->mask_head + t * p->mask_row + key * p->mask_col;
    for (int64_t j = 0; j < count; j++) score[j] += mask[j * p->mask_col];
}

/* A weight whose word is below the first becomes 0, others are multiplied by the second. */
static inline uint32_t FN(drop_threshold)(const heed_sdpa *p) { return p->dropout < 1 ? (uint32_t)(p->dropout * 0x1p32) : UINT32_MAX; }
static inline REAL FN(keep_factor)(const heed_sdpa *p) { return p->dropout < 1 ? (REAL)(1 / (1 - p->dropout)) : 0; }

/* The factors by which dropout multiplies weights key .. key + count - 1 of query t: 0 or 1 / (1 - p); key is a multiple of 4. */
static void FN(drop_factors)(const heed_sdpa *p, REAL *factor, int64_t b, int64_t h, int64_t t, int64_t key, int64_t count)
{
    const uint64_t row = (uint64_t)((b * p->heads + h) * p->queries + t), width = (uint64_t)(p->keys + 3) / 4;
    const uint32_t threshold = FN(drop_threshold)(p);
    const REAL keep = FN(keep_factor)(p);
    for (int64_t j = 0; j < count; j += 2 * VF) {
        union { vi v[2]; uint32_t word[2 * VF]; } draw;
        v_philox(p->seed, p->stream, row * width + (uint64_t)(key + j) / 4, &draw.v[0], &draw.v[1]);
        for (int i = 0; i < 2 * VF; i++) factor[j + i] = draw.word[i] >= threshold ? keep : 0;
    }
}

/* One step of the running softmax for up to LANES queries: rows of `count` scores, seen[i] of them visible, become exp(s - maximum);
 * `maximum` and `sum` are brought up to date, `before` is what earlier weights have to be multiplied by. Rows go together so that one need not wait for another's maximum. */
static void FN(softmax_step)(REAL *score, int64_t row, int64_t queries, int64_t count, const int64_t *seen, REAL *maximum, REAL *sum, REAL *before)
{
    const VEC hidden = V(set)(-INFINITY), none = {0};
    REAL lane[LANES], reference[LANES];
    for (int64_t i = 0; i < queries; i++) {
        REAL *s = score + i * row;
        VEC best = hidden;
        int64_t j = 0;
        for (; j < count && j + LANES <= seen[i]; j += LANES) best = V(above)(V(load)(s + j), best);
        for (; j < count; j += LANES) {
            VEC x = V(select)(FN(iota)() < V(set)((REAL)(seen[i] - j)), V(load)(s + j), hidden);
            V(store)(s + j, x);
            best = V(above)(x, best);
        }
        lane[i] = FN(highest)(best);
    }
    VEC old = V(load_edge)(maximum, queries), now = V(above)(V(load_edge)(lane, queries), old);
    VEC base = V(select)(now > hidden, now, none), factor = FN(weight)(old - base);
    V(store_edge)(maximum, now, queries);
    V(store)(reference, base);
    V(store)(before, factor);
    for (int64_t i = 0; i < queries; i++) {
        REAL *s = score + i * row;
        const VEC subtract = V(set)(reference[i]);
        VEC total = none;
        for (int64_t j = 0; j < count; j += LANES) {
            VEC x = FN(weight)(V(load)(s + j) - subtract);
            V(store)(s + j, x);
            total += x;
        }
        lane[i] = V(sum)(total);
    }
    V(store_edge)(sum, V(fma)(V(load_edge)(sum, queries), factor, V(load_edge)(lane, queries)), queries);
}

/* Rows next to each other, edges filled with zeros: to be read again and again, as either side of a product. */
static int64_t FN(pitch)(int64_t depth) { return gemm_pitch(depth, LANES); }
static void FN(copy_rows)(REAL *to, const REAL *from, int64_t from_row, int64_t rows, int64_t depth)
{
    for (; rows > 0; rows--, to += FN(pitch)(depth), from += from_row)
        for (int64_t d = 0; d < depth; d += LANES) V(store)(to + d, V(load_edge)(from + d, lower(depth - d, LANES)));
}

/* The products of a few queries, which read keys and values once, from far: between stretches of them those are asked for that are read next, for a
 * CPU waits once too many lines are on their way. */
static void FN(fetch)(const REAL *next, int64_t row, int64_t rows, int64_t depth)
{
    for (int64_t j = 0; j < rows; j++)
        for (int64_t d = 0; d < depth; d += 64 / (int64_t)sizeof(REAL)) __builtin_prefetch(next + j * row + d, 0, 2);
}

static void FN(few_scores)(const heed_sdpa *p, int64_t rows, int64_t count, const REAL *q, int64_t q_row, const REAL *k, const REAL *next, REAL *score,
                           int64_t s_row)
{
    for (int64_t at = 0; at < count; at += STRETCH) {
        const int64_t keys = lower(count - at, STRETCH);
        FN(fetch)(next + at * p->k.row, p->k.row, keys, p->qk_depth);
        GEMM(dots)(rows, keys, p->qk_depth, q, q_row, k + at * p->k.row, p->k.row, score + at, s_row, (REAL)p->scale, 0);
    }
}

static void FN(few_values)(const heed_sdpa *p, int64_t rows, int64_t count, const REAL *score, int64_t s_row, const REAL *v, const REAL *next, REAL *out,
                           int64_t o_row, int add)
{
    for (int64_t at = 0; at < count; at += STRETCH) {
        const int64_t keys = lower(count - at, STRETCH);
        FN(fetch)(next + at * p->v.row, p->v.row, keys, p->v_depth);
        GEMM(multiply)(rows, p->v_depth, keys, score + at, s_row, 1, v + at * p->v.row, p->v.row, keys, out, o_row, 1, add || at > 0);
    }
}

/* `next`: the number of the head that comes next */
static void FN(forward)(const heed_sdpa *p, int64_t b, int64_t h, gemm_span part, int64_t next, REAL *scratch)
{
    const int64_t dk = p->qk_depth, dv = p->v_depth, o_row = gemm_parts(dv, LANES) * LANES, s_row = score_row(p->key_block);
    const int bytes = sizeof(REAL);
    REAL *k_panels = FN(take)(&scratch, gemm_panels(p->key_block, dk, bytes)), *v_panels = FN(take)(&scratch, gemm_panels(dv, p->key_block, bytes));
    REAL *score = FN(take)(&scratch, p->query_block * s_row), *out = FN(take)(&scratch, part.count * o_row);
    REAL *maximum = FN(take)(&scratch, part.count), *sum = FN(take)(&scratch, part.count), *factor = FN(take)(&scratch, s_row + 2 * LANES);
    const REAL *queries = ROW(p->q, const REAL, b, h, part.at);
    int64_t q_row = p->q.row;
    if (!p->few) {
        REAL *copy = FN(take)(&scratch, part.count * FN(pitch)(dk));
        FN(copy_rows)(copy, queries, q_row, part.count, dk);
        queries = copy;
        q_row = FN(pitch)(dk);
    }
    for (int64_t i = 0; i < part.count; i++) {
        maximum[i] = -INFINITY;
        sum[i] = 0;
    }
    memset(out, 0, (size_t)(part.count * o_row) * sizeof(REAL));

    const int64_t seen_by_last = visible(p, b, part.at + part.count - 1);
    for (int64_t key = 0; key < seen_by_last; key += p->key_block) {
        int64_t keys = lower(seen_by_last - key, p->key_block), v_row;
        const bool more = key + keys < seen_by_last;
        const int64_t then = more ? key + keys : 0, b2 = more ? b : next / p->heads, h2 = more ? h : next % p->heads;
        const REAL *k = ROW(p->k, const REAL, b, h, key), *next_k = ROW(p->k, const REAL, b2, h2, then), *next_v = ROW(p->v, const REAL, b2, h2, then);
        if (!p->few) GEMM(pack)(k_panels, k, 1, p->k.row, dk, keys);
        const REAL *v = FN(operand)(v_panels, ROW(p->v, const REAL, b, h, key), p->v.row, p->few, keys, dv, &v_row);
        for (int64_t i0 = 0; i0 < part.count; i0 += p->query_block) {
            int64_t rows = lower(part.count - i0, p->query_block), count = lower(visible(p, b, part.at + i0 + rows - 1) - key, keys);
            if (count <= 0) continue;
            const REAL *q = queries + i0 * q_row;
            if (!p->few) GEMM(multiply)(rows, count, dk, q, q_row, 1, k_panels, 0, dk, score, s_row, (REAL)p->scale, 0);
            else FN(few_scores)(p, rows, count, q, q_row, k, next_k, score, s_row);
            for (int64_t i = 0; i < rows; i += LANES) {
                const int64_t t = part.at + i0 + i, n = lower(rows - i, LANES);
                REAL *s = score + i * s_row, *o = out + (i0 + i) * o_row, before[LANES];
                int64_t seen[LANES];
                for (int64_t r = 0; r < n; r++) {
                    seen[r] = lower(visible(p, b, t + r) - key, count);
                    if (p->mask) FN(add_mask)(p, s + r * s_row, b, h, t + r, key, count);
                }
                FN(softmax_step)(s, s_row, n, count, seen, &maximum[i0 + i], &sum[i0 + i], before);
                for (int64_t r = 0; r < n; r++, s += s_row, o += o_row) {
                    if (p->dropout > 0) {
                        FN(drop_factors)(p, factor, b, h, t + r, key, count);
                        for (int64_t j = 0; j < count; j += LANES) V(store)(s + j, V(load)(s + j) * V(load)(factor + j));
                    }
                    if (key > 0 && before[r] != 1)
                        for (int64_t d = 0; d < o_row; d += LANES) V(store)(o + d, V(set)(before[r]) * V(load)(o + d));
                }
            }
            if (v_row && p->few) FN(few_values)(p, rows, count, score, s_row, v, next_v, out + i0 * o_row, o_row, key > 0);
            else GEMM(multiply)(rows, dv, count, score, s_row, 1, v, v_row, keys, out + i0 * o_row, o_row, 1, key > 0);
        }
    }

    REAL *lse = (REAL *)p->lse + (b * p->heads + h) * p->queries + part.at;
    for (int64_t i = 0; i < part.count; i += LANES) {
        int64_t n = lower(part.count - i, LANES);
        VEC total = V(load_edge)(sum + i, n), some = V(select)(total == V(set)(0), V(set)(1), total);
        V(store_edge)(lse + i, V(load_edge)(maximum + i, n) + V(log)(some), n); /* -infinity + 0 where nothing was seen */
        V(store_edge)(sum + i, V(set)(1) / some, n);
    }
    for (int64_t i = 0; i < part.count; i++) {
        REAL *o = ROW(p->o, REAL, b, h, part.at + i);
        for (int64_t d = 0; d < dv; d += LANES) V(store_edge)(o + d, V(set)(sum[i]) * V(load)(out + i * o_row + d), lower(dv - d, LANES));
    }
}

static void FN(zero)(heed_rows rows, int64_t b, int64_t h, gemm_span span, int64_t depth)
{
    if (rows.at)
        for (int64_t t = span.at; t < span.at + span.count; t++) memset(ROW(rows, REAL, b, h, t), 0, (size_t)depth * sizeof(REAL));
}

/* weights = exp(s - lse), drops included; d_score = weights (dp - D), for one query */
static void FN(backward_row)(REAL *weight, REAL *d_score, const REAL *factor, int64_t count, int64_t seen, REAL lse, REAL dot)
{
    if (!(lse > -INFINITY) && lse == lse) seen = 0;
    const VEC reference = V(set)(seen > 0 ? lse : 0);
    for (int64_t j = 0; j < count; j += LANES) {
        VEC w = FN(weight)(V(load)(weight + j) - reference), dp = V(load)(d_score + j), kept = w;
        if (factor) {
            VEC f = V(load)(factor + j);
            dp *= f;
            kept *= f;
        }
        VEC ds = w * (dp - V(set)(dot));
        if (j + LANES > seen) {
            VEC limit = V(set)((REAL)(seen - j)), none = {0};
            kept = V(select)(FN(iota)() < limit, kept, none);
            ds = V(select)(FN(iota)() < limit, ds, none);
        }
        V(store)(weight + j, kept);
        V(store)(d_score + j, ds);
    }
}

static void FN(backward)(const heed_sdpa *p, int64_t b, int64_t h, gemm_span part, heed_rows d_q, REAL *scratch)
{
    const int64_t dk = p->qk_depth, dv = p->v_depth, s_row = score_row(p->key_block), bytes = sizeof(REAL), q_row = FN(pitch)(dk), do_row = FN(pitch)(dv);
    REAL *kt_panels = FN(take)(&scratch, gemm_panels(p->key_block, dk, bytes)), *vt_panels = FN(take)(&scratch, gemm_panels(p->key_block, dv, bytes));
    REAL *k_panels = FN(take)(&scratch, gemm_panels(dk, p->key_block, bytes)), *q = FN(take)(&scratch, p->query_block * q_row);
    REAL *d_o = FN(take)(&scratch, p->query_block * do_row), *weight = FN(take)(&scratch, p->query_block * s_row);
    REAL *d_score = FN(take)(&scratch, p->query_block * s_row), *dot = FN(take)(&scratch, p->queries), *factor = NULL;
    if (p->dropout > 0) factor = FN(take)(&scratch, s_row + 2 * LANES);
    const REAL *lse = (const REAL *)p->lse + (b * p->heads + h) * p->queries;

    for (int64_t t = 0; t < p->queries; t++) {
        const REAL *o = ROW(p->o, const REAL, b, h, t), *by = ROW(p->d_o, const REAL, b, h, t);
        VEC total = {0};
        for (int64_t d = 0; d < dv; d += LANES) {
            int64_t n = lower(dv - d, LANES);
            total = V(fma)(V(load_edge)(o + d, n), V(load_edge)(by + d, n), total);
        }
        dot[t] = V(sum)(total);
    }

    const int64_t stop = part.at + part.count, end = upper(part.at, lower(p->queries > 0 ? visible(p, b, p->queries - 1) : 0, stop));
    FN(zero)(d_q, b, h, (gemm_span){0, part.at < end ? first_to_see(p, part.at) : p->queries}, dk);
    FN(zero)(p->d_k, b, h, (gemm_span){end, stop - end}, dk);
    FN(zero)(p->d_v, b, h, (gemm_span){end, stop - end}, dv);
    for (int64_t key = part.at; key < end; key += p->key_block) {
        const int64_t keys = lower(end - key, p->key_block), first = first_to_see(p, key), blocks = gemm_parts(p->queries - first, p->query_block);
        int64_t k_row;
        const REAL *k = ROW(p->k, const REAL, b, h, key);
        GEMM(pack)(kt_panels, k, 1, p->k.row, dk, keys);
        GEMM(pack)(vt_panels, ROW(p->v, const REAL, b, h, key), 1, p->v.row, dv, keys);
        k = FN(operand)(k_panels, k, p->k.row, p->few, keys, dk, &k_row);
        for (int64_t block = blocks; block-- > 0;) { /* the last queries see all keys, so they come first: later ones add */
            int64_t t0 = first + block * p->query_block, rows = lower(p->queries - t0, p->query_block);
            int64_t count = lower(visible(p, b, t0 + rows - 1) - key, keys);
            int later = block + 1 < blocks;
            FN(copy_rows)(q, ROW(p->q, const REAL, b, h, t0), p->q.row, rows, dk);
            FN(copy_rows)(d_o, ROW(p->d_o, const REAL, b, h, t0), p->d_o.row, rows, dv);
            GEMM(multiply)(rows, count, dk, q, q_row, 1, kt_panels, 0, dk, weight, s_row, (REAL)p->scale, 0);
            GEMM(multiply)(rows, count, dv, d_o, do_row, 1, vt_panels, 0, dv, d_score, s_row, 1, 0);
            for (int64_t i = 0; i < rows; i++) {
                int64_t t = t0 + i, seen = lower(visible(p, b, t) - key, count);
                if (p->mask) FN(add_mask)(p, weight + i * s_row, b, h, t, key, count);
                if (factor) FN(drop_factors)(p, factor, b, h, t, key, count);
                FN(backward_row)(weight + i * s_row, d_score + i * s_row, factor, count, seen, lse[t], dot[t]);
            }
            if (p->d_v.at)
                GEMM(multiply)(count, dv, rows, weight, 1, s_row, d_o, do_row, rows, ROW(p->d_v, REAL, b, h, key), p->d_v.row, 1, later);
            if (p->d_k.at)
                GEMM(multiply)(count, dk, rows, d_score, 1, s_row, q, q_row, rows, ROW(p->d_k, REAL, b, h, key), p->d_k.row, (REAL)p->scale, later);
            if (d_q.at) GEMM(multiply)(rows, dk, count, d_score, s_row, 1, k, k_row, keys, ROW(d_q, REAL, b, h, t0), d_q.row, (REAL)p->scale, key > part.at);
        }
    }
}

#include "ops/attention_whole.h"

/* dq of one head from its parts' contributions, in order */
static void FN(add_parts)(const heed_sdpa *p, int64_t pair, int64_t parts, const REAL *shared)
{
    const int64_t one = p->queries * p->qk_depth;
    for (int64_t t = 0; t < p->queries; t++) {
        REAL *to = ROW(p->d_q, REAL, pair / p->heads, pair % p->heads, t);
        const REAL *from = shared + pair * parts * one + t * p->qk_depth;
        for (int64_t d = 0; d < p->qk_depth; d++) {
            REAL sum = from[d];
            for (int64_t i = 1; i < parts; i++) sum += from[i * one + d];
            to[d] = sum;
        }
    }
}

void TASK(const heed_sdpa *p, int phase, int64_t task, void *shared, void *scratch)
{
    const int64_t side = p->backward ? p->keys : p->queries, parts = side > p->part ? gemm_parts(side, p->part) : 1;
    if (phase == 1) {
        FN(add_parts)(p, task, parts, shared);
        return;
    }
    gemm_span span = gemm_cut(p->batch * p->heads * parts, p->group, task);
    for (int64_t u = span.at; u < span.at + span.count; u++) {
        int64_t b = u / parts / p->heads, h = u / parts % p->heads;
        gemm_span part = gemm_cut(side, p->part, u % parts);
        if (!p->backward || p->whole) {
            const int64_t next = lower(u / parts + 1, p->batch * p->heads - 1);
            if (!p->whole) FN(forward)(p, b, h, part, next, scratch);
            else if (!p->backward) FN(forward_whole)(p, b, h, part, scratch);
            else FN(backward_whole)(p, b, h, scratch);
            continue;
        }
        heed_rows d_q = p->d_q;
        if (p->phases == 2) { /* [pair, part, query, :] */
            int64_t one = p->queries * p->qk_depth;
            d_q = (heed_rows){(REAL *)shared + u % parts * one, p->heads * parts * one, parts * one, p->qk_depth};
        }
        FN(backward)(p, b, h, part, d_q, scratch);
    }
}
