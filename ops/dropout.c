/* Dropout (Srivastava et al. 2014), scaled while training so that nothing changes when it is off. */
#include "ops/map.h"
#include "ops/ops.h"
#include "ops/vmath.h"
#include "ops/vphilox.h"

/* dropout   y_i = x_i / (1 - p) where word i of the draw is at least p 2^32, else 0      dx = the same op with the same draw on dy
 *
 * The mask is a function of (seed, stream, i) and is never stored: the derivative draws it again. */
typedef struct dropout_attr { uint64_t seed, stream; double p; } dropout_attr;

#define DROPOUT(T, suffix, KEEP)                                                                             \
    HEED_ISA_DECLARE(heed_tile_fn, dropout_##suffix);                                                        \
    void HEED_ISA_FN(dropout_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                  \
    {                                                                                                        \
        enum { WORDS = 2 * VF, CALLS = 8 }; /* of one call; calls before the words are used */               \
        const dropout_attr *p = t->attr;                                                                     \
        const T scale = (T)(1 / (1 - p->p));                                                                 \
        const uint32_t least = (uint32_t)(p->p * 0x1p32);                                                    \
        uint32_t word[WORDS * CALLS];                                                                        \
        for (int64_t r = 0; r < t->rows; r++)                                                                \
            for (int64_t from = 0, n; from < t->cols; from += n) {                                           \
                T *o = (T *)y.p + r * y.row + from;                                                          \
                const T *a = (const T *)x->p + r * x->row + from * x->col;                                   \
                uint64_t first = (uint64_t)(t->first + r * t->pitch + from);                                 \
                const uint32_t *w = word + first % 4;                                                        \
                n = WORDS * CALLS - (int64_t)(first % 4);                                                    \
                if (n > t->cols - from) n = t->cols - from;                                                  \
                for (int64_t i = 0; i < (int64_t)(first % 4) + n; i += WORDS) {                              \
                    vi low, high;                                                                            \
                    v_philox(p->seed, p->stream, (first + (uint64_t)i) / 4, &low, &high);                    \
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

const heed_op heed_op_dropout = {.name = "dropout", .kind = HEED_MAP, .operands = 1, .flags = HEED_SMOOTH, .attr_size = sizeof(dropout_attr),
                                 .shape = dropout_shape, .vjp = dropout_vjp, .tile = HEED_TILES(dropout)};

heed_tensor *heed_dropout(heed_graph *g, heed_tensor *x, double p)
{
    if (!(p >= 0 && p <= 1)) return heed_graph_fail(g, HEED_INVALID, "dropout: probability %g is not in 0 ... 1", p);
    if (p == 0 || !heed_graph_is_training(g)) return x;
    if (p == 1) return heed_scale(g, x, 0);
    heed_draw draw = heed_next_draw(g);
    return heed_apply(g, &heed_op_dropout, 1, &x, &(dropout_attr){draw.seed, draw.stream, p});
}
#endif
