/* Layer normalisation (Ba, Kiros and Hinton 2016) and root mean square normalisation (Zhang and Sennrich 2019) of rows. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/rows.h"

#include <math.h>

/* With m the row's mean (0 for the root mean square), r = 1 / sqrt(mean (x - m)^2 + eps) and h = (x - m) r:
 *
 * norm        y = h gamma + beta      dx = norm_grad, dgamma = norm_gain, dbeta = dy summed over the rows
 * norm_scale  y = r                   dx = -dy r^2 h / n
 * norm_grad   y = G(v) = r (v - mean v - h mean(v h)), v = dy gamma
 * norm_gain   y = sum of dy h over the rows      with u the gradient of y:  dx = G(dy u), ddy = u h
 *
 * G is linear and symmetric, so with u the gradient of y, a = mean(u h) and b = mean(v h)
 *             dv = G(u),   dx = -r (b G(u) + a G(v)) - r^2 h (mean(u v) - mean u mean v - a b)
 * (the products with mean v are missing for the root mean square). */
typedef struct norm_attr { double eps; int64_t center; } norm_attr;

static inline float norm_root_vf(float x) { return sqrtf(x); }
static inline double norm_root_vd(double x) { return sqrt(x); }

/* Rows at once, so that they do not wait for their sums one after another. A row's arithmetic does not depend on its place among them; where
 * fewer are left the last one is done again. */
#if defined(HEED_ISA_AVX512)
enum { ROWS = 4 };
#else
enum { ROWS = 2 };
#endif
#define EACH_ROW for (int i = 0; i < ROWS; i++)
#define ROWS_AT(T, p_, s, r, left) EACH_ROW p_[i] = (T *)(s).p + ((r) + (i < (left) ? i : (left) - 1)) * (s).row

#define NORM(T, V, N, suffix)                                                                                                                   \
    static inline void norm_means_##V(int64_t n, const T *const x[ROWS], int64_t cx, const norm_attr *p, V mean[ROWS])                          \
    {                                                                                                                                           \
        V sum[ROWS] = {{0}};                                                                                                                    \
        if (p->center) ROW_EACH(N, n, EACH_ROW sum[i] += V##_first(V##_get(x[i], cx, at, k), k));                                               \
        EACH_ROW mean[i] = V##_set(V##_sum(sum[i]) / (T)n);                                                                                     \
    }                                                                                                                                           \
    static inline V norm_factor_##V(int64_t n, V squares, const norm_attr *p)                                                                   \
    {                                                                                                                                           \
        return V##_set(1 / norm_root_##V(V##_sum(squares) / (T)n + (T)p->eps));                                                                 \
    }                                                                                                                                           \
    static inline void norm_stats_##V(int64_t n, const T *const x[ROWS], int64_t cx, const norm_attr *p, V mean[ROWS], V scale[ROWS])           \
    {                                                                                                                                           \
        V squares[ROWS] = {{0}}, d;                                                                                                             \
        norm_means_##V(n, x, cx, p, mean);                                                                                                      \
        ROW_EACH(N, n, EACH_ROW (d = V##_first(V##_get(x[i], cx, at, k) - mean[i], k), squares[i] = V##_fma(d, d, squares[i])));                \
        EACH_ROW scale[i] = norm_factor_##V(n, squares[i], p);                                                                                  \
    }                                                                                                                                           \
    static inline void norm_row_##V(int64_t n, T *y, const T *x, int64_t cx, const T *gamma, int64_t cg, const T *beta, int64_t cb,             \
                                    V m, V r)                                                                                                   \
    {                                                                                                                                           \
        V h;                                                                                                                                    \
        if (!gamma) ROW_EACH(N, n, V##_put(y + at, (V##_get(x, cx, at, k) - m) * r, k));                                                        \
        else if (!beta) ROW_EACH(N, n, V##_put(y + at, (V##_get(x, cx, at, k) - m) * r * V##_get(gamma, cg, at, k), k));                        \
        else ROW_EACH(N, n, h = (V##_get(x, cx, at, k) - m) * r;                                                                                \
                      V##_put(y + at, V##_fma(h, V##_get(gamma, cg, at, k), V##_get(beta, cb, at, k)), k));                                     \
    }                                                                                                                                           \
    HEED_ISA_DECLARE(heed_tile_fn, norm_##suffix);                                                                                              \
    void HEED_ISA_FN(norm_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                                                        \
    {                                                                                                                                           \
        heed_span none = {0}, sg = t->count > 1 ? x[1] : none, sb = t->count > 2 ? x[2] : none;                                                 \
        for (int64_t r = 0; r < t->rows; r += ROWS) {                                                                                           \
            const int64_t left = t->rows - r;                                                                                                   \
            const T *a[ROWS];                                                                                                                   \
            V mean[ROWS], scale[ROWS];                                                                                                          \
            ROWS_AT(const T, a, *x, r, left);                                                                                                   \
            if (x->col) norm_stats_##V(t->cols, a, 1, t->attr, mean, scale);                                                                    \
            else norm_stats_##V(t->cols, a, 0, t->attr, mean, scale);                                                                           \
            for (int64_t i = 0; i < ROWS && i < left; i++) {                                                                                    \
                T *o = (T *)y.p + (r + i) * y.row;                                                                                              \
                const T *gamma = sg.p ? (const T *)sg.p + (r + i) * sg.row : NULL, *beta = sb.p ? (const T *)sb.p + (r + i) * sb.row : NULL;    \
                if (x->col && (sg.col || !gamma) && (sb.col || !beta))                                                                          \
                    norm_row_##V(t->cols, o, a[i], 1, gamma, 1, beta, 1, mean[i], scale[i]);                                                    \
                else norm_row_##V(t->cols, o, a[i], x->col, gamma, sg.col, beta, sb.col, mean[i], scale[i]);                                    \
            }                                                                                                                                   \
        }                                                                                                                                       \
    }                                                                                                                                           \
    HEED_ISA_DECLARE(heed_tile_fn, norm_scale_##suffix);                                                                                        \
    void HEED_ISA_FN(norm_scale_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                                                  \
    {                                                                                                                                           \
        for (int64_t r = 0; r < t->rows; r += ROWS) {                                                                                           \
            const int64_t left = t->rows - r;                                                                                                   \
            const T *a[ROWS];                                                                                                                   \
            V mean[ROWS], scale[ROWS];                                                                                                          \
            ROWS_AT(const T, a, *x, r, left);                                                                                                   \
            norm_stats_##V(t->cols, a, x->col, t->attr, mean, scale);                                                                           \
            for (int64_t i = 0; i < ROWS && i < left; i++) ((T *)y.p)[(r + i) * y.row] = scale[i][0];                                           \
        }                                                                                                                                       \
    }                                                                                                                                           \
    /* sums of (x - m)^2, v and v (x - m) of all rows, then y = (v - mean v) r - (x - m) r^2 mean(v h) */                                       \
    static inline void norm_grad_rows_##V(int64_t n, int64_t left, T *const y[ROWS], const T *const x[ROWS], int64_t cx, const T *const dy[ROWS], \
                                          int64_t cd, const T *const gamma[ROWS], int64_t cg, const norm_attr *p)                               \
    {                                                                                                                                           \
        V m[ROWS], squares[ROWS] = {{0}}, sum[ROWS] = {{0}}, dot[ROWS] = {{0}};                                                                 \
        norm_means_##V(n, x, cx, p, m);                                                                                                         \
        ROW_EACH(N, n, EACH_ROW {                                                                                                               \
            V d = V##_first(V##_get(x[i], cx, at, k) - m[i], k), v = V##_get(dy[i], cd, at, k);                                                 \
            if (gamma[0]) v *= V##_get(gamma[i], cg, at, k);                                                                                    \
            v = V##_first(v, k);                                                                                                                \
            squares[i] = V##_fma(d, d, squares[i]);                                                                                             \
            sum[i] += v;                                                                                                                        \
            dot[i] = V##_fma(v, d, dot[i]);                                                                                                     \
        });                                                                                                                                     \
        for (int64_t i = 0; i < ROWS && i < left; i++) {                                                                                        \
            V r = norm_factor_##V(n, squares[i], p), a = {0}, b = r * r * r * V##_set(V##_sum(dot[i]) / (T)n), v;                               \
            if (p->center) a = V##_set(V##_sum(sum[i]) / (T)n);                                                                                 \
            if (gamma[0]) ROW_EACH(N, n, v = V##_get(dy[i], cd, at, k) * V##_get(gamma[i], cg, at, k) - a;                                      \
                                   V##_put(y[i] + at, v * r - (V##_get(x[i], cx, at, k) - m[i]) * b, k));                                       \
            else ROW_EACH(N, n, v = V##_get(dy[i], cd, at, k) - a;                                                                              \
                          V##_put(y[i] + at, v * r - (V##_get(x[i], cx, at, k) - m[i]) * b, k));                                                \
        }                                                                                                                                       \
    }                                                                                                                                           \
    HEED_ISA_DECLARE(heed_tile_fn, norm_grad_##suffix);                                                                                         \
    void HEED_ISA_FN(norm_grad_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                                                   \
    {                                                                                                                                           \
        heed_span none = {0}, sg = t->count > 2 ? x[2] : none;                                                                                  \
        for (int64_t r = 0; r < t->rows; r += ROWS) {                                                                                           \
            const int64_t left = t->rows - r;                                                                                                   \
            T *o[ROWS];                                                                                                                         \
            const T *a[ROWS], *d[ROWS], *gamma[ROWS] = {NULL};                                                                                  \
            ROWS_AT(T, o, y, r, left);                                                                                                          \
            ROWS_AT(const T, a, *x, r, left);                                                                                                   \
            ROWS_AT(const T, d, x[1], r, left);                                                                                                 \
            if (sg.p) ROWS_AT(const T, gamma, sg, r, left);                                                                                     \
            if (x->col && x[1].col && (sg.col || !sg.p)) norm_grad_rows_##V(t->cols, left, o, a, 1, d, 1, gamma, 1, t->attr);                   \
            else norm_grad_rows_##V(t->cols, left, o, a, x->col, d, x[1].col, gamma, sg.col, t->attr);                                          \
        }                                                                                                                                       \
    }                                                                                                                                           \
    HEED_ISA_DECLARE(heed_tile_fn, norm_gain_##suffix);                                                                                         \
    void HEED_ISA_FN(norm_gain_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                                                   \
    {                                                                                                                                           \
        const int64_t n = t->cols, cx = x->col, cd = x[1].col;                                                                                  \
        T *o = y.p;                                                                                                                             \
        for (int64_t r = 0; r < t->rows; r += ROWS) {                                                                                           \
            const int64_t left = t->rows - r;                                                                                                   \
            const T *a[ROWS], *d[ROWS];                                                                                                         \
            V mean[ROWS], scale[ROWS], sum;                                                                                                     \
            ROWS_AT(const T, a, *x, r, left);                                                                                                   \
            ROWS_AT(const T, d, x[1], r, left);                                                                                                 \
            if (cx) norm_stats_##V(n, a, 1, t->attr, mean, scale);                                                                              \
            else norm_stats_##V(n, a, 0, t->attr, mean, scale);                                                                                 \
            if (left >= ROWS && cx && cd)                                                                                                       \
                ROW_EACH(N, n, sum = V##_get(o, 1, at, k);                                                                                      \
                         EACH_ROW sum = V##_fma(V##_get(d[i], 1, at, k), (V##_get(a[i], 1, at, k) - mean[i]) * scale[i], sum);                  \
                         V##_put(o + at, sum, k));                                                                                              \
            else                                                                                                                                \
                for (int64_t i = 0; i < ROWS && i < left; i++)                                                                                  \
                    ROW_EACH(N, n, sum = V##_fma(V##_get(d[i], cd, at, k), (V##_get(a[i], cx, at, k) - mean[i]) * scale[i], V##_get(o, 1, at, k)); \
                             V##_put(o + at, sum, k));                                                                                          \
        }                                                                                                                                       \
    }
NORM(float, vf, VF, f32)
NORM(double, vd, VD, f64)

#if HEED_ISA_BASE
/* Gains and shifts are rows as long as x's, or one number. */
static bool norm_shape(heed_shaping *s)
{
    return heed_shape_float(s) && heed_shape_like(s, s->x[0]);
}

static bool norm_scale_shape(heed_shaping *s)
{
    if (!norm_shape(s)) return false;
    s->shape[s->rank - 1] = 1;
    return true;
}

/* Made where dy is at hand: h is neither stored by the forward pass nor read again. */
static bool norm_gain_shape(heed_shaping *s)
{
    if (!heed_shape_float(s)) return false;
    s->rank = 1;
    s->shape[0] = heed_dim(s->x[0], -1);
    return true;
}

extern const heed_op heed_op_norm, heed_op_norm_scale, heed_op_norm_grad, heed_op_norm_gain;

static heed_tensor *mean_of(heed_graph *g, heed_tensor *x)
{
    return heed_scale(g, heed_sum(g, x, HEED_LAST, true), 1 / (double)heed_dim(x, -1));
}

static void norm_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *x = v->x[0], *in[] = {x, v->dy, v->count > 1 ? v->x[1] : NULL};
    if (v->need[0]) v->dx[0] = heed_apply(g, &heed_op_norm_grad, v->count > 1 ? 3 : 2, in, v->attr);
    if (v->count > 1 && v->need[1]) v->dx[1] = heed_apply(g, &heed_op_norm_gain, 2, in, v->attr);
    if (v->count > 2) v->dx[2] = v->dy;
}

static void norm_scale_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *x = v->x[0], *h = heed_apply(g, &heed_op_norm, 1, &x, v->attr);
    heed_tensor *factor = heed_scale(g, heed_mul(g, v->dy, heed_mul(g, v->y, v->y)), -1 / (double)heed_dim(x, -1));
    v->dx[0] = heed_mul(g, factor, h);
}

static void norm_gain_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *x = v->x[0], *in[] = {x, v->x[1], v->dy};
    if (v->need[0]) v->dx[0] = heed_apply(g, &heed_op_norm_grad, 3, in, v->attr);
    if (v->need[1]) v->dx[1] = heed_mul(g, v->dy, heed_apply(g, &heed_op_norm, 1, &x, v->attr));
}

static void norm_grad_vjp(heed_graph *g, const heed_vjp *v)
{
    const norm_attr *attr = v->attr;
    heed_tensor *x = v->x[0], *dy = v->x[1], *gamma = v->count > 2 ? v->x[2] : NULL, *u = v->dy;
    heed_tensor *gu = heed_apply(g, &heed_op_norm_grad, 2, (heed_tensor *[]){x, u}, attr);
    if (v->need[1]) v->dx[1] = gamma ? heed_mul(g, gu, gamma) : gu;
    if (gamma && v->need[2]) v->dx[2] = heed_mul(g, gu, dy);
    if (!v->need[0]) return;
    heed_tensor *w = gamma ? heed_mul(g, dy, gamma) : dy, *h = heed_apply(g, &heed_op_norm, 1, &x, attr);
    heed_tensor *r = heed_apply(g, &heed_op_norm_scale, 1, &x, attr);
    heed_tensor *a = mean_of(g, heed_mul(g, u, h)), *b = mean_of(g, heed_mul(g, w, h));
    heed_tensor *q = heed_sub(g, mean_of(g, heed_mul(g, u, w)), heed_mul(g, a, b));
    if (attr->center) q = heed_sub(g, q, heed_mul(g, mean_of(g, u), mean_of(g, w)));
    heed_tensor *inner = heed_add(g, heed_mul(g, b, gu), heed_mul(g, a, v->y));
    v->dx[0] = heed_neg(g, heed_mul(g, r, heed_add(g, inner, heed_mul(g, heed_mul(g, r, q), h))));
}

const heed_op heed_op_norm = {.name = "norm", .kind = HEED_ROW, .operands = -1, .flags = HEED_SMOOTH,
    .attr_size = sizeof(norm_attr), .shape = norm_shape, .vjp = norm_vjp, .tile = HEED_TILES(norm)};
const heed_op heed_op_norm_scale = {.name = "norm_scale", .kind = HEED_FOLD, .operands = 1, .flags = HEED_SMOOTH,
    .attr_size = sizeof(norm_attr), .shape = norm_scale_shape, .vjp = norm_scale_vjp, .tile = HEED_TILES(norm_scale)};
const heed_op heed_op_norm_grad = {.name = "norm_grad", .kind = HEED_ROW, .operands = -1, .flags = HEED_SMOOTH,
    .attr_size = sizeof(norm_attr), .shape = norm_shape, .vjp = norm_grad_vjp, .tile = HEED_TILES(norm_grad)};
const heed_op heed_op_norm_gain = {.name = "norm_gain", .kind = HEED_COLUMNS, .operands = 2, .flags = HEED_SMOOTH,
    .attr_size = sizeof(norm_attr), .shape = norm_gain_shape, .vjp = norm_gain_vjp, .tile = HEED_TILES(norm_gain)};

static heed_tensor *normalise(heed_graph *g, const char *name, heed_tensor *x, heed_tensor *gamma, heed_tensor *beta,
                              norm_attr attr)
{
    if (heed_graph_error(g)->code) return x;
    heed_tensor *in[3] = {x, gamma, beta};
    char text[96], other[96];
    if (heed_rank(x) == 0) return heed_graph_fail(g, HEED_INVALID, "%s: a scalar has no last axis", name);
    for (int i = 1; i < 3; i++)
        if (in[i] && (heed_rank(in[i]) != 1 || heed_dim(in[i], 0) != heed_dim(x, -1)))
            return heed_graph_fail(g, HEED_INVALID, "%s: %s of shape %s for rows of %s", name, i == 1 ? "gamma" : "beta",
                                   heed_shape_text(in[i], text, sizeof text), heed_shape_text(x, other, sizeof other));
    heed_tensor *y = heed_apply(g, &heed_op_norm, !gamma ? 1 : !beta ? 2 : 3, in, &attr);
    return beta && !gamma ? heed_add(g, y, beta) : y;
}

heed_tensor *heed_layer_norm(heed_graph *g, heed_tensor *x, heed_tensor *gamma, heed_tensor *beta, double eps)
{
    return normalise(g, "layer_norm", x, gamma, beta, (norm_attr){eps, true});
}

heed_tensor *heed_rms_norm(heed_graph *g, heed_tensor *x, heed_tensor *gamma, double eps)
{
    return normalise(g, "rms_norm", x, gamma, NULL, (norm_attr){eps, false});
}
#endif
