/* Elementary functions over vectors, and names that serve both dtypes.
 *
 * The float32 functions are ours: no branches but for rare arguments, the same bits on every machine with the same
 * instruction-set path. Their error on every path, in units in the last place of the true value, is at most (measured over every
 * ninth float there is; tests/test_vmath.c samples every exponent, and zeros, denormals, infinities and NaN):
 *
 *     exp, exp_neg 1.1   expm1 2   log 1   log1p 2   tanh 3   sigmoid 2.5   erf 1.5   sin, cos 1.7   pow 0.6 (sampled only)
 *
 * Special values are those of C's libm. Polynomials are minimax fits of our own unless a source is named. libm, lane by lane,
 * computes sin and cos beyond 1e5, and the float64 functions: float64 checks gradients, and accuracy is all it is asked for.
 */
#ifndef HEED_VMATH_H
#define HEED_VMATH_H

#include "vbasic.h"

#include <float.h>

/* 2^n for integers n in -126 ... 127 */
static inline vf vf_pow2(vu n) { return (vf)((n + 127) << 23); }

/* x = n ln 2 + r with |r| <= 0.347. Returns r; 355/512 times n is exact, with or without fused multiply-add. */
static inline vf vf_reduce_exp(vf x, vf *n)
{
    const vf magic = vf_set(0x1.8p23f); /* adding it rounds to an integer */
    *n = vf_fma(x, vf_set(1.44269504f), magic) - magic;
    return vf_fma(*n, vf_set(2.12194440e-4f), vf_fma(*n, vf_set(-0.693359375f), x));
}

/* an integer, modulo 2^32: NaN gives some value, without overflow on what follows */
static inline vu vu_from(vf x) { return (vu)__builtin_convertvector(x, vi); }

/* expm1(r) for |r| <= 0.347 */
static inline vf vf_expm1_small(vf r)
{
    vf p = vf_fma(vf_set(1.388251549e-3f), r, vf_set(8.366595954e-3f));
    p = vf_fma(p, r, vf_set(4.166720062e-2f));
    p = vf_fma(p, r, vf_set(1.666654348e-1f));
    p = vf_fma(p, r, vf_set(4.999999702e-1f));
    return vf_fma(p, r * r, r);
}

static inline vf vf_exp(vf x)
{
    vf n, r = vf_reduce_exp(vf_clamp(x, vf_set(-104), vf_set(89)), &n), y = vf_set(1) + vf_expm1_small(r);
#if defined(HEED_ISA_AVX512)
    return (vf)_mm512_scalef_ps((__m512)y, (__m512)n);
#else
    vu k = vu_from(n), half = (vu)((vi)k >> 1); /* 2^n itself may be out of range */
    return y * vf_pow2(half) * vf_pow2(k - half);
#endif
}

/* exp for arguments <= 0 (softmax, sigmoid): one multiplication and one clamp less */
static inline vf vf_exp_neg(vf x)
{
    vf n, r = vf_reduce_exp(vf_above(vf_set(-104), x), &n), y = vf_set(1) + vf_expm1_small(r);
#if defined(HEED_ISA_AVX512)
    return (vf)_mm512_scalef_ps((__m512)y, (__m512)n);
#else
    return y * vf_pow2(vu_from(n) + 64) * vf_set(0x1p-64f);
#endif
}

/* exp for arguments <= 0, and 0 below `least` >= -87: nothing subnormal comes about, so it costs less */
static inline vf vf_exp_weight(vf x, vf least)
{
    vf n, r = vf_reduce_exp(vf_above(least, x), &n), y = vf_set(1) + vf_expm1_small(r);
#if defined(HEED_ISA_AVX512)
    return (vf)_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask((__m512)x, (__m512)least, _CMP_NLT_UQ), (__m512)y, (__m512)n);
#else
    return vf_select(x < least, vf_set(0), y * vf_pow2(vu_from(n)));
#endif
}

/* 2^n (1 + q) - 1 = 2 (2^(n-1) q + 2^(n-1) - 1/2), where 2^128 would not fit */
static inline vf vf_expm1(vf x)
{
    vf n, r = vf_reduce_exp(vf_clamp(x, vf_set(-17.4f), vf_set(89)), &n), q = vf_expm1_small(r);
    vf s = vf_pow2(vu_from(n) - 1), y = vf_fma(s, q, s - vf_set(0.5f));
    return vf_copysign(vf_select(n == vf_set(0), q, y + y), x);
}

/* tanh |x| = q / (q + 2), q = expm1(2 |x|); 1 from 9.02 on */
static inline vf vf_tanh(vf x)
{
    vf n, a = vf_below(vf_set(9.1f), vf_abs(x)), r = vf_reduce_exp(a + a, &n), p = vf_expm1_small(r);
    vf s = vf_pow2(vu_from(n)), q = vf_fma(s, p, s - vf_set(1));
    return vf_copysign(q / (q + vf_set(2)), x);
}

/* with e = exp(-|x|): 1 / (1 + e) or e / (1 + e), neither of which overflows */
static inline vf vf_sigmoid(vf x)
{
    vf one = vf_set(1), e = vf_exp_neg(-vf_abs(x));
    return vf_select(x < vf_set(0), e, one) / (one + e);
}

/* log(2^e (1 + f)) for |f| <= 0.415, by the polynomial of Moshier's Cephes library (logf) */
static inline vf vf_log_parts(vf e, vf f)
{
    vf p = vf_fma(vf_set(7.0376836292e-2f), f, vf_set(-1.1514610310e-1f)), z = f * f;
    p = vf_fma(p, f, vf_set(1.1676998740e-1f));
    p = vf_fma(p, f, vf_set(-1.2420140846e-1f));
    p = vf_fma(p, f, vf_set(1.4249322787e-1f));
    p = vf_fma(p, f, vf_set(-1.6668057665e-1f));
    p = vf_fma(p, f, vf_set(2.0000714765e-1f));
    p = vf_fma(p, f, vf_set(-2.4999993993e-1f));
    p = vf_fma(p, f, vf_set(3.3333331174e-1f));
    vf y = vf_fma(e, vf_set(-2.12194440e-4f), p * f * z);
    return vf_fma(e, vf_set(0.693359375f), vf_fma(vf_set(-0.5f), z, y) + f);
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)); x normal and positive */
static inline vf vf_split(vf x, vi *e)
{
    *e = (vi)((vu)x - 0x3f3504f3u) >> 23;
    return (vf)((vu)x - ((vu)*e << 23));
}

/* `y` where x is positive and finite; else log's value at x: -inf at 0, NaN below, inf and NaN themselves */
static inline vf vf_log_special(vf x, vf y)
{
    vf zero = vf_set(0), special = vf_select(x < zero, vf_set(NAN), vf_select(x == zero, vf_set(-INFINITY), x));
    return vf_select((x > zero) & (x < vf_set(INFINITY)), y, special);
}

static inline vf vf_log(vf x)
{
    vi tiny = x < vf_set(FLT_MIN), e;
    vf m = vf_split(vf_select(tiny, x * vf_set(0x1p23f), x), &e);
    e += tiny & vi_set(-23);
    return vf_log_special(x, vf_log_parts(__builtin_convertvector(e, vf), m - vf_set(1)));
}

/* log(u) for u = 1 + x rounded; what the rounding lost is added to the mantissa */
static inline vf vf_log1p(vf x)
{
    vf one = vf_set(1), u = one + x, big = u - one, lost = (one - (u - big)) + (x - big);
    vi e;
    vf m = vf_split(u, &e);
    vf scale = (vf)((0x3f800000u - ((vu)e << 23)) & (vu)(u < vf_set(0x1p24f))); /* 2^-e, or 0 where nothing of weight is lost */
    vf y = vf_log_parts(__builtin_convertvector(e, vf), vf_fma(lost, scale, m - one));
    return vf_copysign(vf_log_special(u, y), x);
}

/* x + x P(x^2) up to 0.9277, then 1 - exp(-x + x Q(x)); 1 from 4 on */
static inline vf vf_erf(vf x)
{
    vf t = vf_below(vf_set(4), vf_abs(x)), s = t * t;
    vf p = vf_fma(vf_set(-5.964265438e-4f), s, vf_set(4.988006316e-3f));
    p = vf_fma(p, s, vf_set(-2.676312625e-2f));
    p = vf_fma(p, s, vf_set(1.128172129e-1f));
    p = vf_fma(p, s, vf_set(-3.761248589e-1f));
    p = vf_fma(p, s, vf_set(1.283791512e-1f));
    vf q = vf_fma(vf_set(2.137250558e-4f), t, vf_set(-3.212807467e-3f));
    q = vf_fma(q, t, vf_set(2.288305387e-2f));
    q = vf_fma(q, t, vf_set(-1.052510291e-1f));
    q = vf_fma(q, t, vf_set(-6.357265711e-1f));
    q = vf_fma(q, t, vf_set(-1.285119057e-1f));
    vf large = vf_set(1) - vf_exp_neg(vf_fma(q, t, -t));
    return vf_copysign(vf_select(t > vf_set(0.9277f), large, vf_fma(p, t, t)), x);
}

/* x = n pi/2 + r with |r| <= pi/4, for |x| <= 1e5: three parts of pi/2 with fused multiply-add, else two in float64 */
static inline vf vf_reduce_turn(vf x, vu *quadrant)
{
    const vf magic = vf_set(0x1.8p23f);
    vf n = vf_fma(x, vf_set(0.636619772f), magic) - magic;
    *quadrant = vu_from(n);
#if defined(HEED_ISA_AVX512) || defined(HEED_ISA_AVX2)
    return vf_fma(n, vf_set(0x1.ee59dap-50f), vf_fma(n, vf_set(0x1.777a5cp-25f), vf_fma(n, vf_set(-0x1.921fb6p0f), x)));
#else
    for (int lane = 0; lane < VF; lane++) {
        double whole = n[lane];
        x[lane] = (float)((x[lane] - whole * 0x1.921fb544p0) - whole * 0x1.0b4611a626331p-34);
    }
    return x;
#endif
}

/* sin (shift 0) or cos (shift 1), by the polynomials of Moshier's Cephes library (sinf) */
static inline vf vf_turn(vf x, int shift, double (*exact)(double))
{
    vi far = ~(vf_abs(x) <= vf_set(1e5f));
    vu quadrant;
    vf r = vf_reduce_turn(x, &quadrant), z = r * r;
    quadrant += (uint32_t)shift;
    vf s = vf_fma(vf_set(-1.9515295891e-4f), z, vf_set(8.3321608736e-3f));
    s = vf_fma(s, z, vf_set(-1.6666654611e-1f));
    s = vf_fma(s * z, r, r);
    vf c = vf_fma(vf_set(2.443315711809948e-5f), z, vf_set(-1.388731625493765e-3f));
    c = vf_fma(c, z, vf_set(4.166664568298827e-2f));
    c = vf_fma(c * z, z, vf_fma(vf_set(-0.5f), z, vf_set(1)));
    vf y = vf_select((quadrant & 1) != 0, c, s);
    y = (vf)((vu)y ^ ((quadrant & 2) << 30));
    if (vi_any(far))
        for (int lane = 0; lane < VF; lane++)
            if (far[lane]) y[lane] = (float)exact((double)x[lane]);
    return y;
}
static inline vf vf_sin(vf x) { return vf_select(x == vf_set(0), x, vf_turn(x, 0, sin)); }
static inline vf vf_cos(vf x) { return vf_turn(x, 1, cos); }

/* |x|^y in float64 to about 2^-35, for x not NaN: log2 by the series of atanh, 2^t by Taylor's. An infinite y counts as 1e30, an
 * infinite log2 as 1e60, so that 0 times either is 0. */
static inline vd vd_pow_core(vd x, vd y)
{
    vul bits = (vul)vd_abs(x), k = (bits + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu)) >> 52; /* exponent + 1023 */
    vd m = (vd)(bits - ((k - 1023) << 52)), e = (vd)(k | 0x4330000000000000u) - vd_set(0x1p52 + 1023);
    vd s = (m - vd_set(1)) / (m + vd_set(1)), z = s * s, p = vd_set(2.0 / 13);
    for (int i = 11; i > 0; i -= 2) p = vd_fma(p, z, vd_set(2.0 / i));
    vd log2 = vd_fma(p * s, vd_set(1.4426950408889634), e);
    log2 = vd_select(vd_abs(x) == vd_set(0), vd_set(-1e60), vd_select(vd_abs(x) == vd_set(INFINITY), vd_set(1e60), log2));
    vd t = vd_clamp(vd_clamp(y, vd_set(-1e30), vd_set(1e30)) * log2, vd_set(-160), vd_set(140));
    vd magic = vd_set(0x1.8p52), shifted = t + magic, r = (t - (shifted - magic)) * vd_set(0.6931471805599453), q = vd_set(1);
    for (int i = 10; i > 0; i--) q = vd_fma(q, r * vd_set(1.0 / i), vd_set(1));
    return q * (vd)(((vul)shifted + 1023) << 52);
}

/* float32 lanes as float64: the lower half in *low, the upper in *high; and back */
typedef float heed_half_vf __attribute__((vector_size(HEED_VBYTES / 2)));

static inline void vf_widen(vf x, vd *low, vd *high)
{
    heed_half_vf half[2];
    memcpy(half, &x, sizeof x);
    *low = __builtin_convertvector(half[0], vd);
    *high = __builtin_convertvector(half[1], vd);
}
static inline vf vf_narrow(vd low, vd high)
{
    heed_half_vf half[2] = {__builtin_convertvector(low, heed_half_vf), __builtin_convertvector(high, heed_half_vf)};
    vf x;
    memcpy(&x, half, sizeof x);
    return x;
}

static inline vf vf_pow(vf x, vf y)
{
    vf one = vf_set(1), zero = vf_set(0);
    vd x0, x1, y0, y1;
    vf_widen(x, &x0, &x1);
    vf_widen(y, &y0, &y1);
    vf z = vf_narrow(vd_pow_core(x0, y0), vd_pow_core(x1, y1));
    vf half = y * vf_set(0.5f);
    vi whole = vf_floor(y) == y, odd = whole & (vf_floor(half) != half); /* from 2^24 on, all floats are even */
    z = (vf)((vi)z | ((vi)x & odd & vi_set(INT32_MIN)));
    z = vf_select((x < zero) & (x > vf_set(-INFINITY)) & ~whole, vf_set(NAN), z);
    z = vf_select((x != x) | (y != y), x + y, z);
    return vf_select((x == one) | (y == zero), one, z);
}

static inline double heed_sigmoid_f64(double x)
{
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}
HEED_LANES(vd_exp, vd, VD, exp)
HEED_LANES(vd_exp_neg, vd, VD, exp)
static inline vd vd_exp_weight(vd x, vd least) { return vd_select(x < least, vd_set(0), vd_exp_neg(vd_above(least, x))); }
HEED_LANES(vd_expm1, vd, VD, expm1)
HEED_LANES(vd_log, vd, VD, log)
HEED_LANES(vd_log1p, vd, VD, log1p)
HEED_LANES(vd_tanh, vd, VD, tanh)
HEED_LANES(vd_erf, vd, VD, erf)
HEED_LANES(vd_sin, vd, VD, sin)
HEED_LANES(vd_cos, vd, VD, cos)
HEED_LANES(vd_sigmoid, vd, VD, heed_sigmoid_f64)
static inline vd vd_pow(vd x, vd y)
{
    for (int lane = 0; lane < VD; lane++) x[lane] = pow(x[lane], y[lane]);
    return x;
}

/* One text for both dtypes, `type` being vf or vd; masks come from the operators. Leaky ReLU and softplus:
 *
 *     v_select(x < V_SET(type, 0), x * V_SET(type, slope), x)
 *     v_max(x, V_SET(type, 0)) + v_log1p(v_exp_neg(-v_abs(x)))
 */
#define HEED_V(x, name) _Generic((x), vf: vf_##name, vd: vd_##name)
#define V_SET(type, x) _Generic((type){0}, vf: vf_set((float)(x)), vd: vd_set((double)(x)))
#define v_load(p) _Generic((p), float *: vf_load, const float *: vf_load, double *: vd_load, const double *: vd_load)(p)
#define v_load_n(p, n) \
    _Generic((p), float *: vf_load_n, const float *: vf_load_n, double *: vd_load_n, const double *: vd_load_n)(p, n)
#define v_store(p, v) HEED_V(v, store)(p, v)
#define v_store_n(p, v, n) HEED_V(v, store_n)(p, v, n)
#define v_fma(a, b, c) HEED_V(a, fma)(a, b, c)
#define v_select(mask, a, b) HEED_V(a, select)(mask, a, b)
#define v_max(a, b) HEED_V(a, max)(a, b)
#define v_min(a, b) HEED_V(a, min)(a, b)
#define v_clamp(x, low, high) HEED_V(x, clamp)(x, low, high)
#define v_copysign(x, sign) HEED_V(x, copysign)(x, sign)
#define v_pow(x, y) HEED_V(x, pow)(x, y)
#define v_abs(x) HEED_V(x, abs)(x)
#define v_floor(x) HEED_V(x, floor)(x)
#define v_round(x) HEED_V(x, round)(x)
#define v_sqrt(x) HEED_V(x, sqrt)(x)
#define v_rsqrt(x) HEED_V(x, rsqrt)(x)
#define v_exp(x) HEED_V(x, exp)(x)
#define v_exp_neg(x) HEED_V(x, exp_neg)(x)
#define v_expm1(x) HEED_V(x, expm1)(x)
#define v_log(x) HEED_V(x, log)(x)
#define v_log1p(x) HEED_V(x, log1p)(x)
#define v_tanh(x) HEED_V(x, tanh)(x)
#define v_erf(x) HEED_V(x, erf)(x)
#define v_sin(x) HEED_V(x, sin)(x)
#define v_cos(x) HEED_V(x, cos)(x)
#define v_sigmoid(x) HEED_V(x, sigmoid)(x)
#define v_sum(x) HEED_V(x, sum)(x)
#define v_hmax(x) HEED_V(x, hmax)(x)
#define v_hmin(x) HEED_V(x, hmin)(x)

#endif
