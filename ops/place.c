#include "ops/place.h"
#include "ops/simd.h"

#if HEED_ISA_BASE
enum { TASK = 1 << 15, WIDE = 32 };

/* A task's band: indices [from, to) of axis `axis` of the result (axis -1: a scalar). */
typedef struct band { int axis; int64_t from, to; } band;

/* The first axis that gives enough bands, else the longest. */
static int band_axis(const heed_array *y)
{
    int longest = y->rank - 1;
    for (int k = 0; k < y->rank; k++) {
        if (y->shape[k] >= WIDE) return k;
        if (y->shape[k] > y->shape[longest]) longest = k;
    }
    return longest;
}

static int64_t band_width(const heed_array *y, int axis)
{
    int64_t slab = y->size / y->shape[axis];
    return slab < TASK ? TASK / slab : 1;
}

int64_t heed_place_tasks(const heed_call *c, int phase)
{
    (void)phase;
    int axis = band_axis(&c->y);
    if (axis < 0 || c->y.size == 0) return c->y.size;
    int64_t width = band_width(&c->y, axis);
    return (c->y.shape[axis] + width - 1) / width;
}

static band band_of(const heed_array *y, int64_t task)
{
    int axis = band_axis(y);
    if (axis < 0) return (band){-1, 0, 1};
    int64_t width = band_width(y, axis), from = task * width, to = from + width;
    return (band){axis, from, to < y->shape[axis] ? to : y->shape[axis]};
}

static void fill_row(void *y, heed_dtype dtype, int64_t n, double value)
{
    switch (dtype) {
    case HEED_F32: for (int64_t i = 0; i < n; i++) ((float *)y)[i] = (float)value; break;
    case HEED_F64: for (int64_t i = 0; i < n; i++) ((double *)y)[i] = value; break;
    case HEED_I32: for (int64_t i = 0; i < n; i++) ((int32_t *)y)[i] = (int32_t)value; break;
    default: memset(y, (uint8_t)value, (size_t)n);
    }
}

void heed_place_fill(const heed_call *c, int64_t task, double value)
{
    const heed_array *y = &c->y;
    band b = band_of(y, task);
    int64_t inner = b.axis < 0 ? 1 : y->stride[b.axis], all = b.axis < 0 ? 1 : y->shape[b.axis] * inner;
    size_t size = heed_dtype_size(y->dtype);
    for (int64_t at = b.from * inner; at < y->size; at += all)
        fill_row((char *)y->p + (size_t)at * size, y->dtype, (b.to - b.from) * inner, value);
}

#define MOVE(T, name, op)                                                                         \
    static void name(void *restrict y, int64_t to, const void *restrict x, int64_t from, int64_t n) \
    {                                                                                             \
        T *restrict o = y;                                                                        \
        const T *restrict a = x;                                                                  \
        if (to == 1 && from == 1)                                                                 \
            for (int64_t i = 0; i < n; i++) o[i] op a[i];                                         \
        else                                                                                      \
            for (int64_t i = 0; i < n; i++) o[i * to] op a[i * from];                             \
    }
MOVE(uint8_t, write_1, =)
MOVE(uint32_t, write_4, =)
MOVE(uint64_t, write_8, =)
MOVE(float, add_f32, +=)
MOVE(double, add_f64, +=)

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); } /* b > 0 */

/* The indices j in [*from, *to) with lo <= start + j * step < hi. */
static void clip(int64_t start, int64_t step, int64_t lo, int64_t hi, int64_t *from, int64_t *to)
{
    int64_t first = step > 0 ? floor_div(lo - start - 1, step) + 1 : floor_div(start - hi, -step) + 1;
    int64_t end = step > 0 ? floor_div(hi - start - 1, step) + 1 : floor_div(start - lo, -step) + 1;
    if (first > *from) *from = first;
    if (end < *to) *to = end;
}

void heed_place_put(const heed_call *c, int64_t task, int i, const heed_place *at, bool add)
{
    const heed_array *y = &c->y, *x = &c->x[i];
    band b = band_of(y, task);
    size_t size = heed_dtype_size(y->dtype);
    int64_t count[HEED_MAX_RANK + 1], to[HEED_MAX_RANK + 1], from[HEED_MAX_RANK + 1], index[HEED_MAX_RANK + 1] = {0}, rows = 1;
    char *o = y->p;
    const char *a = x->p;
    int n = 0;
    for (int k = 0; k < y->rank; k++) { /* axes of length above 1, merged with the one before where both sides allow it */
        int64_t first = 0, end = x->shape[k];
        if (k == b.axis) clip(at->start[k], at->step[k], b.from, b.to, &first, &end);
        if (end <= first) return;
        int64_t down = y->stride[k] * at->step[k], length = end - first;
        o += (at->start[k] * y->stride[k] + first * down) * (int64_t)size;
        a += first * x->stride[k] * (int64_t)size;
        if (length == 1) continue;
        bool merge = n > 0 && to[n - 1] == down * length && from[n - 1] == x->stride[k] * length;
        if (!merge) count[n++] = 1;
        count[n - 1] *= length;
        to[n - 1] = down;
        from[n - 1] = x->stride[k];
    }
    if (!n) {
        count[n] = to[n] = from[n] = 1;
        n++;
    }
    for (int k = 0; k < n - 1; k++) rows *= count[k];
    void (*move)(void *, int64_t, const void *, int64_t, int64_t) = size == 1 ? write_1 : size == 4 ? write_4 : write_8;
    if (add) move = size == 4 ? add_f32 : add_f64;
    while (rows-- > 0) {
        move(o, to[n - 1], a, from[n - 1], count[n - 1]);
        for (int k = n - 2; k >= 0; k--) {
            o += to[k] * (int64_t)size;
            a += from[k] * (int64_t)size;
            if (++index[k] < count[k]) break;
            o -= to[k] * count[k] * (int64_t)size;
            a -= from[k] * count[k] * (int64_t)size;
            index[k] = 0;
        }
    }
}
#endif
