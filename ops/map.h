/* How an elementwise op states its kernel: one expression over vectors, for float32 and float64 and every instruction set.
 *
 *     HEED_MAP1(square, x * x)                     y = x * x
 *     HEED_MAP2(mul, a * b)                        y = a * b
 *
 * defines square_f32 and square_f64 (for HEED_ISA_TABLE). In the expression the operands are vectors (vf or vd), `p` is the op's attribute
 * as `const double *`. Plain constants that a float holds exactly may stand in it (0.5f); others through V_LIKE(x, 0.7071067811865476).
 */
#ifndef HEED_MAP_H
#define HEED_MAP_H

#include "autograd/op.h"
#include "ops/simd.h"

#define V_LIKE(x, constant) _Generic((x), vf: vf_set((float)(constant)), vd: vd_set(constant))

/* masks of bytes, one for each lane: any but 0 is true, 1 is written */
typedef uint8_t vf_bytes __attribute__((vector_size(VF)));
typedef uint8_t vd_bytes __attribute__((vector_size(VD)));
static inline vi vf_load_mask(const uint8_t *p, int64_t n) { vf_bytes m = {0}; memcpy(&m, p, (size_t)n); return __builtin_convertvector(m, vi) != 0; }
static inline vl vd_load_mask(const uint8_t *p, int64_t n) { vd_bytes m = {0}; memcpy(&m, p, (size_t)n); return __builtin_convertvector(m, vl) != 0; }
static inline void vf_store_mask(uint8_t *p, vi m, int64_t n) { vf_bytes b = __builtin_convertvector(m & 1, vf_bytes); memcpy(p, &b, (size_t)n); }
static inline void vd_store_mask(uint8_t *p, vl m, int64_t n) { vd_bytes b = __builtin_convertvector(m & 1, vd_bytes); memcpy(p, &b, (size_t)n); }

static inline vf heed_get_vf(const float *p, int64_t col, int64_t c) { return col ? vf_load(p + c) : vf_set(*p); }
static inline vd heed_get_vd(const double *p, int64_t col, int64_t c) { return col ? vd_load(p + c) : vd_set(*p); }
static inline vf heed_get_n_vf(const float *p, int64_t col, int64_t c, int64_t n) { return col ? vf_load_n(p + c, n) : vf_set(*p); }
static inline vd heed_get_n_vd(const double *p, int64_t col, int64_t c, int64_t n) { return col ? vd_load_n(p + c, n) : vd_set(*p); }

/* One row; `ca` and `cb` are constants wherever this is inlined, so each kind of operand gets its own loop. */
#define HEED_MAP1_ROW(name, T, V, N)                                                                            \
    static inline void name##_row_##V(int64_t n, T *y, const T *a, int64_t ca, const double *p)                 \
    {                                                                                                           \
        int64_t c = 0;                                                                                          \
        for (; c + N <= n; c += N) V##_store(y + c, name##_at_##V(heed_get_##V(a, ca, c), p));                  \
        if (c < n) V##_store_n(y + c, name##_at_##V(heed_get_n_##V(a, ca, c, n - c), p), n - c);                \
    }
#define HEED_MAP1_TILE(name, T, V, suffix)                                                                      \
    HEED_ISA_DECLARE(heed_tile_fn, name##_##suffix);                                                            \
    void HEED_ISA_FN(name##_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                      \
    {                                                                                                           \
        for (int64_t r = 0; r < t->rows; r++) {                                                                 \
            T *o = (T *)y.p + r * y.row;                                                                        \
            const T *a = (const T *)x[0].p + r * x[0].row;                                                      \
            if (x[0].col) name##_row_##V(t->cols, o, a, 1, t->attr);                                            \
            else name##_row_##V(t->cols, o, a, 0, t->attr);                                                     \
        }                                                                                                       \
    }
#define HEED_MAP1(name, expression)                                                                             \
    static inline vf name##_at_vf(vf x, const double *p) { (void)p; return expression; }                        \
    static inline vd name##_at_vd(vd x, const double *p) { (void)p; return expression; }                        \
    HEED_MAP1_ROW(name, float, vf, VF)                                                                          \
    HEED_MAP1_ROW(name, double, vd, VD)                                                                         \
    HEED_MAP1_TILE(name, float, vf, f32)                                                                        \
    HEED_MAP1_TILE(name, double, vd, f64)

#define HEED_MAP2_ROW(name, T, V, N)                                                                            \
    static inline void name##_row_##V(int64_t n, T *y, const T *a, int64_t ca, const T *b, int64_t cb, const double *p) \
    {                                                                                                           \
        int64_t c = 0;                                                                                          \
        for (; c + N <= n; c += N) V##_store(y + c, name##_at_##V(heed_get_##V(a, ca, c), heed_get_##V(b, cb, c), p)); \
        if (c < n) V##_store_n(y + c, name##_at_##V(heed_get_n_##V(a, ca, c, n - c), heed_get_n_##V(b, cb, c, n - c), p), n - c); \
    }
#define HEED_MAP2_TILE(name, T, V, suffix)                                                                      \
    HEED_ISA_DECLARE(heed_tile_fn, name##_##suffix);                                                            \
    void HEED_ISA_FN(name##_##suffix)(const heed_tile *t, heed_span y, const heed_span *x)                      \
    {                                                                                                           \
        for (int64_t r = 0; r < t->rows; r++) {                                                                 \
            T *o = (T *)y.p + r * y.row;                                                                        \
            const T *a = (const T *)x[0].p + r * x[0].row, *b = (const T *)x[1].p + r * x[1].row;               \
            if (x[0].col && x[1].col) name##_row_##V(t->cols, o, a, 1, b, 1, t->attr);                          \
            else if (x[0].col) name##_row_##V(t->cols, o, a, 1, b, 0, t->attr);                                 \
            else if (x[1].col) name##_row_##V(t->cols, o, a, 0, b, 1, t->attr);                                 \
            else name##_row_##V(t->cols, o, a, 0, b, 0, t->attr);                                               \
        }                                                                                                       \
    }
#define HEED_MAP2(name, expression)                                                                             \
    static inline vf name##_at_vf(vf a, vf b, const double *p) { (void)p; return expression; }                  \
    static inline vd name##_at_vd(vd a, vd b, const double *p) { (void)p; return expression; }                  \
    HEED_MAP2_ROW(name, float, vf, VF)                                                                          \
    HEED_MAP2_ROW(name, double, vd, VD)                                                                         \
    HEED_MAP2_TILE(name, float, vf, f32)                                                                        \
    HEED_MAP2_TILE(name, double, vd, f64)

/* the `.tile` of a descriptor whose kernels were made by HEED_MAP1 or HEED_MAP2 */
#define HEED_TILES(name) {[HEED_F32] = HEED_ISA_TABLE(name##_f32), [HEED_F64] = HEED_ISA_TABLE(name##_f64)}

/* the descriptor of a smooth elementwise op without attribute, with kernels `name`, derivative name_vjp and n operands */
#define HEED_MAP_OP(name_, n)                                                                                   \
    const heed_op heed_op_##name_ = {.name = #name_, .kind = HEED_MAP, .operands = n, .flags = HEED_SMOOTH,     \
                                     .shape = heed_shape_real, .vjp = name_##_vjp, .tile = HEED_TILES(name_)};

/* the same with an attribute of so many doubles */
#define HEED_MAP_ATTR_OP(name_, n, doubles)                                                                     \
    const heed_op heed_op_##name_ = {.name = #name_, .kind = HEED_MAP, .operands = n, .flags = HEED_SMOOTH,     \
                                     .attr_size = doubles * sizeof(double), .shape = heed_shape_real,           \
                                     .vjp = name_##_vjp, .tile = HEED_TILES(name_)};

/* a descriptor, and its public function heed_NAME */
#define HEED_UNARY(name)                                                                                        \
    HEED_MAP_OP(name, 1)                                                                                        \
    heed_tensor *heed_##name(heed_graph *g, heed_tensor *x) { return heed_apply(g, &heed_op_##name, 1, &x, NULL); }
#define HEED_BINARY(name)                                                                                       \
    HEED_MAP_OP(name, 2)                                                                                        \
    heed_tensor *heed_##name(heed_graph *g, heed_tensor *a, heed_tensor *b)                                     \
    {                                                                                                           \
        return heed_apply(g, &heed_op_##name, 2, (heed_tensor *[]){a, b}, NULL);                                \
    }

/* floating operands of one dtype that broadcast together */
bool heed_shape_real(heed_shaping *s);

#endif
