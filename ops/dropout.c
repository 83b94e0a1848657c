/* Dropout (Srivastava et al. 2014), scaled while training so that nothing changes when it is off. */
#include "ops/dropout.h"
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/vmath.h"
#include "ops/vphilox.h"

/* dropout   y_rc = x_rc / (1 - p) where word r C' + c of the draw is at least p 2^32, else 0; C' is the last axis' size rounded
 *           up to a multiple of 4, as in attention_kernel.h      dx = the same op with the same draw on dy
 *
 * The mask is a function of (seed, stream, place) and is never stored: the derivative draws it again. */
typedef struct dropout_attr { heed_draw draw; double p; } dropout_attr;

#define DROPOUT(T, suffix, KEEP)                                                                             \
    HEED_ISA_DECLARE(heed_tile_fn, dropout_##suffix);                                                        \
    void HEED_ISA_FN(dropout_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                  \
    {                                                                                                        \
        enum { WORDS = 2 * VF, CALLS = 8 }; /* of one call; calls before the words are used */               \
        const dropout_attr *p = t->attr;                                                                     \
        const T scale = (T)(1 / (1 - p->p));                                                                 \
        const uint32_t least = (uint32_t)(p->p * 0x1p32);                                                    \
        const int64_t width = t->rank ? t->shape[t->rank - 1] : 1;                                           \
        uint32_t word[WORDS * CALLS];                                                                        \
        for (int64_t r = 0; r < t->rows; r++)                                                                \
            for (int64_t from = 0, n; from < t->cols; from += n) {                                           \
                T *o = (T *)y.p + r * y.row + from;                                                          \
                const T *a = (const T *)x->p + r * x->row + from * x->col;                                   \
                int64_t first = t->first + r * t->pitch + from, end = t->cols - from;                        \
                if (width % 4) { /* word by word up to the end of a row of the whole tensor */               \
                    int64_t row = first / width, column = first % width;                                     \
                    if (end > width - column) end = width - column;                                          \
                    first = row * (width + 4 - width % 4) + column;                                          \
                }                                                                                            \
                const uint32_t *w = word + first % 4;                                                        \
                n = WORDS * CALLS - first % 4;                                                               \
                if (n > end) n = end;                                                                        \
                for (int64_t i = 0; i < first % 4 + n; i += WORDS) {                                         \
                    vi low, high;                                                                            \
                    v_philox(p->draw.seed, p->draw.stream, (uint64_t)(first + i) / 4, &low, &high);                    \
                    memcpy(word + i, &low, sizeof low);                                                      \
                    memcpy(word + i + VF, &high, sizeof high);                                               \
                }                                                                                            \
                KEEP                                                                                         \
            }                                                                                                \
    }

#define KEEP_F32                                                                                             \
    int64_t i = 0;                                                                                           \
    for (; i + VF <= n; i += VF) {                                                                           \
        vu bits;                                                                                             \
        memcpy(&bits, w + i, sizeof bits);                                                                   \
        vf kept = heed_get_vf(a, x->col, i) * vf_set(scale);                                                 \
        vf_store(o + i, (vf)((vi)kept & (vi)(bits >= least)));                                               \
    }                                                                                                        \
    for (; i < n; i++) o[i] = w[i] >= least ? a[i * x->col] * scale : 0;
#define KEEP_F64 for (int64_t i = 0; i < n; i++) o[i] = w[i] >= least ? a[i * x->col] * scale : 0;

DROPOUT(float, f32, KEEP_F32)
DROPOUT(double, f64, KEEP_F64)

#if HEED_ISA_BASE
static bool dropout_shape(heed_shaping *s) { return heed_shape_float(s) && heed_shape_like(s, s->x[0]); }

static void dropout_vjp(heed_graph *g, const heed_vjp *v) { v->dx[0] = heed_apply(g, &heed_op_dropout, 1, &v->dy, v->attr); }

const heed_op heed_op_dropout = {.name = "dropout", .kind = HEED_MAP, .operands = 1, .flags = HEED_SMOOTH,
    .attr_size = sizeof(dropout_attr), .draw = 1, .shape = dropout_shape, .vjp = dropout_vjp, .tile = HEED_TILES(dropout)};

heed_tensor *heed_dropout_by(heed_graph *g, heed_tensor *x, double p, heed_draw draw)
{
    return heed_apply(g, &heed_op_dropout, 1, &x, &(dropout_attr){draw, p});
}

heed_tensor *heed_dropout(heed_graph *g, heed_tensor *x, double p)
{
    if (!(p >= 0 && p <= 1)) return heed_graph_fail(g, HEED_INVALID, "dropout: probability %g is not in 0 ... 1", p);
    if (p == 0 || !heed_graph_is_training(g)) return x;
    return p == 1 ? heed_scale(g, x, 0) : heed_dropout_by(g, x, p, heed_next_draw(g));
}
#endif
