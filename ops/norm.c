/* Layer normalisation (Ba, Kiros and Hinton 2016) and root mean square normalisation (Zhang and Sennrich 2019) of rows. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/rows.h"

#include <math.h>

/* With m the row's mean (0 for the root mean square), r = 1 / sqrt(mean (x - m)^2 + eps) and h = (x - m) r:
 *
 * norm        y = h gamma + beta      dx = norm_grad, dgamma = dy h and dbeta = dy, summed over the rows
 * norm_scale  y = r                   dx = -dy r^2 h / n
 * norm_grad   y = G(v) = r (v - mean v - h mean(v h)), v = dy gamma
 *
 * G is linear and symmetric, so with u the gradient of y, a = mean(u h) and b = mean(v h)
 *             dv = G(u),   dx = -r (b G(u) + a G(v)) - r^2 h (mean(u v) - mean u mean v - a b)
 * (the products with mean v are missing for the root mean square). */
typedef struct norm_attr { double eps; int center; } norm_attr;

#define NORM(T, V, N, suffix)                                                                                                  \
    static inline T norm_stats_##V(int64_t n, const T *x, int64_t cx, const norm_attr *p, T *mean)                             \
    {                                                                                                                          \
        T sum = 0;                                                                                                             \
        if (p->center) ROW_SUM(V, N, n, sum, V##_get(x, cx, at, k));                                                           \
        *mean = sum / (T)n;                                                                                                    \
        V m = V##_set(*mean), d;                                                                                               \
        ROW_SUM(V, N, n, sum, (d = V##_get(x, cx, at, k) - m, d * d));                                                         \
        return 1 / V##_sqrt(V##_set(sum / (T)n + (T)p->eps))[0];                                                               \
    }                                                                                                                          \
    static inline void norm_row_##V(int64_t n, T *y, const T *x, int64_t cx, const T *gamma, int64_t cg, const T *beta,        \
                                    int64_t cb, const norm_attr *p)                                                            \
    {                                                                                                                          \
        T mean, scale = norm_stats_##V(n, x, cx, p, &mean);                                                                    \
        V m = V##_set(mean), r = V##_set(scale), h;                                                                            \
        if (!gamma) ROW_EACH(N, n, V##_put(y + at, (V##_get(x, cx, at, k) - m) * r, k));                                       \
        else if (!beta) ROW_EACH(N, n, V##_put(y + at, (V##_get(x, cx, at, k) - m) * r * V##_get(gamma, cg, at, k), k));       \
        else ROW_EACH(N, n, h = (V##_get(x, cx, at, k) - m) * r;                                                               \
                      V##_put(y + at, V##_fma(h, V##_get(gamma, cg, at, k), V##_get(beta, cb, at, k)), k));                    \
    }                                                                                                                          \
    HEED_ISA_DECLARE(heed_tile_fn, norm_##suffix);                                                                             \
    void HEED_ISA_FN(norm_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                                       \
    {                                                                                                                          \
        heed_span none = {0}, sg = t->count > 1 ? x[1] : none, sb = t->count > 2 ? x[2] : none;                                \
        for (int64_t r = 0; r < t->rows; r++) {                                                                                \
            T *o = (T *)y.p + r * y.row;                                                                                       \
            const T *a = (const T *)x->p + r * x->row;                                                                         \
            const T *gamma = sg.p ? (const T *)sg.p + r * sg.row : NULL, *beta = sb.p ? (const T *)sb.p + r * sb.row : NULL;   \
            if (x->col && (sg.col || !gamma) && (sb.col || !beta)) norm_row_##V(t->cols, o, a, 1, gamma, 1, beta, 1, t->attr); \
            else norm_row_##V(t->cols, o, a, x->col, gamma, sg.col, beta, sb.col, t->attr);                                    \
        }                                                                                                                      \
    }                                                                                                                          \
    HEED_ISA_DECLARE(heed_tile_fn, norm_scale_##suffix);                                                                       \
    void HEED_ISA_FN(norm_scale_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                                 \
    {                                                                                                                          \
        T mean;                                                                                                                \
        for (int64_t r = 0; r < t->rows; r++)                                                                                  \
            ((T *)y.p)[r * y.row] = norm_stats_##V(t->cols, (const T *)x->p + r * x->row, x->col, t->attr, &mean);             \
    }                                                                                                                          \
    static inline void norm_grad_row_##V(int64_t n, T *y, const T *x, int64_t cx, const T *dy, int64_t cd, const T *gamma,     \
                                         int64_t cg, const norm_attr *p)                                                       \
    {                                                                                                                          \
        T mean, scale = norm_stats_##V(n, x, cx, p, &mean), sum = 0, dot;                                                      \
        V m = V##_set(mean), r = V##_set(scale), v;                                                                            \
        /* v, then h: y holds v on the way */                                                                                  \
        if (gamma) ROW_EACH(N, n, V##_put(y + at, V##_get(dy, cd, at, k) * V##_get(gamma, cg, at, k), k));                     \
        else ROW_EACH(N, n, V##_put(y + at, V##_get(dy, cd, at, k), k));                                                       \
        if (p->center) ROW_SUM(V, N, n, sum, V##_get(y, 1, at, k));                                                            \
        ROW_SUM(V, N, n, dot, (v = V##_get(y, 1, at, k), v * ((V##_get(x, cx, at, k) - m) * r)));                              \
        V a = V##_set(sum / (T)n), b = V##_set(dot / (T)n);                                                                    \
        ROW_EACH(N, n, V##_put(y + at, (V##_get(y, 1, at, k) - a - (V##_get(x, cx, at, k) - m) * r * b) * r, k));              \
    }                                                                                                                          \
    HEED_ISA_DECLARE(heed_tile_fn, norm_grad_##suffix);                                                                        \
    void HEED_ISA_FN(norm_grad_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                                  \
    {                                                                                                                          \
        heed_span none = {0}, sg = t->count > 2 ? x[2] : none;                                                                 \
        for (int64_t r = 0; r < t->rows; r++) {                                                                                \
            T *o = (T *)y.p + r * y.row;                                                                                       \
            const T *a = (const T *)x->p + r * x->row, *d = (const T *)x[1].p + r * x[1].row;                                  \
            const T *gamma = sg.p ? (const T *)sg.p + r * sg.row : NULL;                                                       \
            if (x->col && x[1].col && (sg.col || !gamma)) norm_grad_row_##V(t->cols, o, a, 1, d, 1, gamma, 1, t->attr);        \
            else norm_grad_row_##V(t->cols, o, a, x->col, d, x[1].col, gamma, sg.col, t->attr);                                \
        }                                                                                                                      \
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

extern const heed_op heed_op_norm, heed_op_norm_scale, heed_op_norm_grad;

static heed_tensor *mean_of(heed_graph *g, heed_tensor *x)
{
    return heed_scale(g, heed_sum(g, x, HEED_LAST, true), 1 / (double)heed_dim(x, -1));
}

static void norm_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *x = v->x[0], *in[] = {x, v->dy, v->count > 1 ? v->x[1] : NULL};
    if (v->need[0]) v->dx[0] = heed_apply(g, &heed_op_norm_grad, v->count > 1 ? 3 : 2, in, v->attr);
    if (v->count > 1 && v->need[1]) v->dx[1] = heed_mul(g, v->dy, heed_apply(g, &heed_op_norm, 1, &x, v->attr));
    if (v->count > 2) v->dx[2] = v->dy;
}

static void norm_scale_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *x = v->x[0], *h = heed_apply(g, &heed_op_norm, 1, &x, v->attr);
    heed_tensor *factor = heed_scale(g, heed_mul(g, v->dy, heed_mul(g, v->y, v->y)), -1 / (double)heed_dim(x, -1));
    v->dx[0] = heed_mul(g, factor, h);
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
