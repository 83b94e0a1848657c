/* Losses of classes: cross-entropy from scores, and the negative log-likelihood from log-probabilities. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/rows.h"

/* With s the smoothing, t the target of the row, V its length, L = log sum_j exp(x_j), and q_c = (1 - s) [c = t] + s / V:
 *
 * cross_entropy       y = L - sum_c q_c x_c             dx = cross_entropy_grad
 * cross_entropy_grad  y_c = (exp(x_c - L) - q_c) w      dx_c = exp(x_c - L) w dy_c, dL = -sum_c dx_c,
 *                                                       dw = sum_c (exp(x_c - L) - q_c) dy_c
 *
 * and zeros in rows whose target is to be ignored. L is an operand that must be logsumexp(x): it is computed once and serves
 * both, so that scores are read once forward and once backward. cross_entropy's whole derivative is given through x; through L
 * there is none. `plain`: q = 0, which the second derivative needs. A target that is no column gives NaN. */
typedef struct entropy_attr { int64_t ignore; double smoothing; int64_t plain; } entropy_attr;

#define ENTROPY(T, V, N, suffix)                                                                                  \
    HEED_ISA_DECLARE(heed_tile_fn, cross_entropy_##suffix);                                                       \
    void HEED_ISA_FN(cross_entropy_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                 \
    {                                                                                                             \
        const entropy_attr *p = t->attr;                                                                          \
        for (int64_t r = 0; r < t->rows; r++) {                                                                   \
            const T *a = (const T *)x->p + r * x->row, whole = ((const T *)x[2].p)[r * x[2].row];                 \
            const int32_t target = ((const int32_t *)x[1].p)[r * x[1].row];                                       \
            T sum = 0, *o = (T *)y.p + r * y.row;                                                                 \
            if (target == p->ignore) *o = 0;                                                                      \
            else if (target < 0 || target >= t->cols) *o = NAN;                                                   \
            else if (p->smoothing == 0) *o = whole - a[target * x->col];                                          \
            else {                                                                                                \
                if (x->col) ROW_SUM(V, N, t->cols, sum, V##_get(a, 1, at, k));                                    \
                else sum = *a * (T)t->cols;                                                                       \
                *o = whole - (T)(1 - p->smoothing) * a[target * x->col] - (T)(p->smoothing / (double)t->cols) * sum; \
            }                                                                                                     \
        }                                                                                                         \
    }                                                                                                             \
    HEED_ISA_DECLARE(heed_tile_fn, cross_entropy_grad_##suffix);                                                  \
    void HEED_ISA_FN(cross_entropy_grad_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)            \
    {                                                                                                             \
        const entropy_attr *p = t->attr;                                                                          \
        const int64_t width = t->shape[t->rank - 1];                                                              \
        const double share = p->plain ? 0 : p->smoothing / (double)width, rest = p->plain ? 0 : 1 - p->smoothing; \
        for (int64_t r = 0; r < t->rows; r++)                                                                     \
            for (int64_t from = 0, n; from < t->cols; from += n) { /* the part of one row of scores in this row of the tile */ \
                int64_t column = (t->first + r * t->pitch + from) % width;                                        \
                n = width - column < t->cols - from ? width - column : t->cols - from;                            \
                T *o = (T *)y.p + r * y.row + from;                                                               \
                const T *a = (const T *)x->p + r * x->row + from * x->col;                                        \
                const int32_t target = ((const int32_t *)x[1].p)[r * x[1].row + from * x[1].col];                 \
                const T whole = ((const T *)x[2].p)[r * x[2].row + from * x[2].col];                              \
                const T weight = ((const T *)x[3].p)[r * x[3].row + from * x[3].col];                             \
                const V top = V##_set(whole), less = V##_set((T)share), w = V##_set(weight);                      \
                if (target == p->ignore) ROW_EACH(N, n, V##_put(o + at, V##_set(0), k));                          \
                else if (target < 0 || target >= width) ROW_EACH(N, n, V##_put(o + at, V##_set(NAN), k));         \
                else {                                                                                            \
                    if (x->col) ROW_EACH(N, n, V##_put(o + at, (V##_exp_neg(V##_get(a, 1, at, k) - top) - less) * w, k)); \
                    else ROW_EACH(N, n, V##_put(o + at, (V##_exp_neg(V##_get(a, 0, at, k) - top) - less) * w, k)); \
                    if (target >= column && target < column + n) o[target - column] -= (T)rest * weight;          \
                }                                                                                                 \
            }                                                                                                     \
    }
ENTROPY(float, vf, VF, f32)
ENTROPY(double, vd, VD, f64)

#if HEED_ISA_BASE
/* Operands: scores [..., V], then targets, logsumexp and weights [..., 1]. */
static bool entropy_operands(heed_shaping *s)
{
    const heed_tensor *x = s->x[0];
    char text[96], other[96];
    if (heed_rank(x) == 0) return heed_reject(s, "a scalar has no last axis");
    if (heed_dtype_of(x) > HEED_F64) return heed_reject(s, "scores are %s, not floats", heed_dtype_name(heed_dtype_of(x)));
    for (int i = 1; i < s->count; i++) {
        heed_dtype want = i == 1 ? HEED_I32 : heed_dtype_of(x);
        if (heed_dtype_of(s->x[i]) != want)
            return heed_reject(s, "%s are %s, not %s", i == 1 ? "targets" : "sums and weights",
                               heed_dtype_name(heed_dtype_of(s->x[i])), heed_dtype_name(want));
        bool fits = heed_rank(s->x[i]) == heed_rank(x) && heed_dim(s->x[i], -1) == 1;
        for (int k = 0; fits && k < heed_rank(x) - 1; k++) fits = heed_dim(s->x[i], k) == heed_dim(x, k);
        if (!fits)
            return heed_reject(s, "operand %d of shape %s for scores of %s", i, heed_shape_text(s->x[i], text, sizeof text),
                               heed_shape_text(x, other, sizeof other));
    }
    s->dtype = heed_dtype_of(x);
    return heed_shape_like(s, x);
}

static bool one_a_row(heed_shaping *s)
{
    if (!entropy_operands(s)) return false;
    s->shape[s->rank - 1] = 1;
    return true;
}

static void cross_entropy_vjp(heed_graph *g, const heed_vjp *v)
{
    if (v->need[0])
        v->dx[0] = heed_apply(g, &heed_op_cross_entropy_grad, 4, (heed_tensor *[]){v->x[0], v->x[1], v->x[2], v->dy}, v->attr);
}

static void cross_entropy_grad_vjp(heed_graph *g, const heed_vjp *v)
{
    entropy_attr plain = *(const entropy_attr *)v->attr;
    plain.plain = true;
    heed_tensor *x = v->x[0], *target = v->x[1], *whole = v->x[2], *weight = v->x[3];
    if (v->need[0] || v->need[2]) {
        v->dx[0] = heed_mul(g, v->dy,
                            heed_apply(g, &heed_op_cross_entropy_grad, 4, (heed_tensor *[]){x, target, whole, weight}, &plain));
        v->dx[2] = heed_neg(g, v->dx[0]);
    }
    if (!v->need[3]) return;
    int64_t shape[HEED_MAX_RANK];
    for (int i = 0; i < heed_rank(weight); i++) shape[i] = heed_dim(weight, i);
    heed_tensor *ones = heed_full(g, heed_dtype_of(x), heed_rank(weight), shape, 1);
    v->dx[3] =
        heed_mul(g, v->dy, heed_apply(g, &heed_op_cross_entropy_grad, 4, (heed_tensor *[]){x, target, whole, ones}, v->attr));
}

const heed_op heed_op_cross_entropy = {.name = "cross_entropy", .kind = HEED_FOLD, .operands = 3, .flags = HEED_SMOOTH,
    .attr_size = sizeof(entropy_attr), .shape = one_a_row, .vjp = cross_entropy_vjp, .tile = HEED_TILES(cross_entropy)};
const heed_op heed_op_cross_entropy_grad = {.name = "cross_entropy_grad", .kind = HEED_MAP, .operands = 4, .flags = HEED_SMOOTH,
    .attr_size = sizeof(entropy_attr), .shape = entropy_operands, .vjp = cross_entropy_grad_vjp,
    .tile = HEED_TILES(cross_entropy_grad)};

/* pick     y = x_t, 0 where the target is to be ignored      dx = unpick(dy)
 * unpick   y_c = x where c = t, else 0                       dx = pick(dy)
 * tokens   y = the number of targets in a row that are not to be ignored, or 1 if there is none */
typedef struct pick_attr { int64_t ignore, width; } pick_attr;

#define PICK(T, suffix)                                                                                                   \
    static void pick_##suffix(const heed_tile *t, heed_span y, const heed_span *x)                                        \
    {                                                                                                                     \
        const pick_attr *p = t->attr;                                                                                     \
        for (int64_t r = 0; r < t->rows; r++) {                                                                           \
            int32_t c = ((const int32_t *)x[1].p)[r * x[1].row];                                                          \
            const T *a = (const T *)x->p + r * x->row;                                                                    \
            ((T *)y.p)[r * y.row] = c == p->ignore ? 0 : c < 0 || c >= t->cols ? (T)NAN : a[c * x->col];                  \
        }                                                                                                                 \
    }                                                                                                                     \
    static void unpick_##suffix(const heed_tile *t, heed_span y, const heed_span *x)                                      \
    {                                                                                                                     \
        const pick_attr *p = t->attr;                                                                                     \
        for (int64_t r = 0; r < t->rows; r++)                                                                             \
            for (int64_t c = 0; c < t->cols; c++) {                                                                       \
                int64_t column = (t->first + r * t->pitch + c) % p->width;                                                \
                int32_t target = ((const int32_t *)x->p)[r * x->row + c * x->col];                                        \
                T value = ((const T *)x[1].p)[r * x[1].row + c * x[1].col];                                               \
                ((T *)y.p)[r * y.row + c] = target == column && target != p->ignore ? value : 0;                          \
            }                                                                                                             \
    }                                                                                                                     \
    static void tokens_##suffix(const heed_tile *t, heed_span y, const heed_span *x)                                      \
    {                                                                                                                     \
        const pick_attr *p = t->attr;                                                                                     \
        for (int64_t r = 0; r < t->rows; r++) {                                                                           \
            int64_t count = 0;                                                                                            \
            for (int64_t c = 0; c < t->cols; c++) count += ((const int32_t *)x->p)[r * x->row + c * x->col] != p->ignore; \
            ((T *)y.p)[r * y.row] = (T)(count ? count : 1);                                                               \
        }                                                                                                                 \
    }
PICK(float, f32)
PICK(double, f64)
static void pick_any(const heed_tile *t, heed_span y, const heed_span *x) { (t->to == HEED_F32 ? pick_f32 : pick_f64)(t, y, x); }
static void tokens_any(const heed_tile *t, heed_span y, const heed_span *x)
{
    (t->to == HEED_F32 ? tokens_f32 : tokens_f64)(t, y, x);
}

static bool unpick_shape(heed_shaping *s)
{
    if (!heed_shape_like(s, s->x[0])) return false;
    s->shape[s->rank - 1] = ((const pick_attr *)s->attr)->width;
    return true;
}

typedef struct tokens_attr { pick_attr pick; int64_t dtype; } tokens_attr;
static bool tokens_shape(heed_shaping *s)
{
    s->dtype = (heed_dtype)((const tokens_attr *)s->attr)->dtype;
    s->rank = 2;
    s->shape[0] = s->shape[1] = 1;
    return true;
}

static void pick_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_apply(g, &heed_op_unpick, 2, (heed_tensor *[]){v->x[1], v->dy}, v->attr);
}
static void unpick_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[1] = heed_apply(g, &heed_op_pick, 2, (heed_tensor *[]){v->dy, v->x[0]}, v->attr);
}

const heed_op heed_op_pick = {.name = "pick", .kind = HEED_FOLD, .operands = 2, .flags = HEED_SMOOTH,
    .attr_size = sizeof(pick_attr), .shape = one_a_row, .vjp = pick_vjp, .tile = {[HEED_I32] = {pick_any}}};
const heed_op heed_op_unpick = {.name = "unpick", .kind = HEED_MAP, .operands = 2, .flags = HEED_SMOOTH,
    .attr_size = sizeof(pick_attr), .shape = unpick_shape, .vjp = unpick_vjp,
    .tile = {[HEED_F32] = {unpick_f32}, [HEED_F64] = {unpick_f64}}};
const heed_op heed_op_tokens = {.name = "tokens", .kind = HEED_FOLD, .operands = 1, .flags = HEED_NO_GRADIENT,
    .attr_size = sizeof(tokens_attr), .shape = tokens_shape, .tile = {[HEED_I32] = {tokens_any}}};

/* --- public functions ------------------------------------------------------------------------------------------------------- */

/* Targets [...] as [..., 1], or NULL, and the graph has failed, when they do not fit the scores [..., V]. */
static heed_tensor *target_column(heed_graph *g, const char *name, heed_tensor *scores, heed_tensor *targets, int32_t ignore)
{
    int64_t shape[HEED_MAX_RANK], width = heed_dim(scores, -1);
    int rank = heed_rank(targets);
    char text[96], other[96];
    bool fits = heed_dtype_of(targets) == HEED_I32 && heed_rank(scores) == rank + 1;
    for (int i = 0; fits && i < rank; i++) fits = (shape[i] = heed_dim(targets, i)) == heed_dim(scores, i);
    if (!fits) {
        heed_graph_fail(g, HEED_INVALID,
                        "%s: targets are %s of shape %s for scores of %s, which want int32 without the last axis", name,
                        heed_dtype_name(heed_dtype_of(targets)), heed_shape_text(targets, text, sizeof text),
                        heed_shape_text(scores, other, sizeof other));
        return NULL;
    }
    const int32_t *t = heed_known(targets);
    for (int64_t i = 0; t && i < heed_size(targets); i++)
        if (t[i] != ignore && (t[i] < 0 || t[i] >= width)) {
            heed_graph_fail(g, HEED_INVALID, "%s: target %d at place %lld of %s is neither %d nor in 0..%lld", name, (int)t[i],
                            (long long)i, heed_shape_text(targets, text, sizeof text), (int)ignore, (long long)width - 1);
            return NULL;
        }
    shape[rank] = 1;
    return heed_reshape(g, targets, rank + 1, shape);
}

/* Losses of tokens [..., 1] as asked for; the mean is over the tokens that count. */
static heed_tensor *reduced_tokens(heed_graph *g, heed_tensor *each, heed_tensor *targets, int32_t ignore,
                                   heed_reduction reduction)
{
    if (reduction == HEED_EACH) {
        int64_t shape[HEED_MAX_RANK];
        for (int i = 0; i < heed_rank(targets); i++) shape[i] = heed_dim(targets, i);
        return heed_reshape(g, each, heed_rank(targets), shape);
    }
    heed_tensor *sum = heed_sum(g, each, HEED_ALL, false);
    if (reduction == HEED_TOTAL) return sum;
    tokens_attr attr = {{ignore, 0}, heed_dtype_of(each)};
    heed_tensor *row = heed_reshape(g, targets, 2, (int64_t[]){1, heed_size(targets)});
    heed_tensor *count = heed_apply(g, &heed_op_tokens, 1, &row, &attr);
    return heed_div(g, sum, heed_reshape(g, count, 0, NULL));
}

heed_tensor *heed_cross_entropy(heed_graph *g, heed_tensor *logits, heed_tensor *targets, int32_t ignore, double smoothing,
                                heed_reduction reduction)
{
    if (heed_graph_error(g)->code) return logits;
    if (!(smoothing >= 0 && smoothing <= 1))
        return heed_graph_fail(g, HEED_INVALID, "cross_entropy: smoothing %g is not in 0 ... 1", smoothing);
    heed_tensor *column = target_column(g, "cross_entropy", logits, targets, ignore),
                *whole = column ? heed_logsumexp(g, logits, HEED_LAST, true) : NULL;
    if (!column) return logits;
    entropy_attr attr = {.ignore = ignore, .smoothing = smoothing};
    heed_tensor *each = heed_apply(g, &heed_op_cross_entropy, 3, (heed_tensor *[]){logits, column, whole}, &attr);
    return reduced_tokens(g, each, targets, ignore, reduction);
}

heed_tensor *heed_nll(heed_graph *g, heed_tensor *log_p, heed_tensor *targets, int32_t ignore, heed_reduction reduction)
{
    if (heed_graph_error(g)->code) return log_p;
    heed_tensor *column = target_column(g, "nll", log_p, targets, ignore);
    if (!column) return log_p;
    pick_attr attr = {ignore, heed_dim(log_p, -1)};
    heed_tensor *each = heed_neg(g, heed_apply(g, &heed_op_pick, 2, (heed_tensor *[]){log_p, column}, &attr));
    return reduced_tokens(g, each, targets, ignore, reduction);
}
#endif
