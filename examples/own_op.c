/* An op of one's own, from outside the library: the descriptor is the same as that of heed's own ops.
 *
 *     softsign   y = x / (1 + |x|)     dx = dy / (1 + |x|)^2
 */
#include <heed/heed.h>

#include <math.h>

/* A kernel works on a rectangle of elements; one for each dtype. An operand's `col` is 0 where it is broadcast along the row. */
#define SOFTSIGN(name, T, absolute)                                                              \
    static void name(const heed_tile *t, heed_span y, const heed_span *x)                        \
    {                                                                                            \
        for (int64_t r = 0; r < t->rows; r++)                                                    \
            for (int64_t c = 0; c < t->cols; c++) {                                              \
                T v = ((const T *)x->p)[r * x->row + c * x->col];                                \
                ((T *)y.p)[r * y.row + c] = v / (1 + absolute(v));                               \
            }                                                                                    \
    }
SOFTSIGN(softsign_f32, float, fabsf)
SOFTSIGN(softsign_f64, double, fabs)

/* The derivative is written in ops, so it can be differentiated again. */
static void softsign_vjp(heed_graph *g, const heed_vjp *v)
{
    v->dx[0] = heed_div(g, v->dy, heed_square(g, heed_add_scalar(g, heed_abs(g, v->x[0]), 1)));
}

static const heed_op softsign_op = {
    .name = "softsign", .kind = HEED_MAP, .operands = 1, .flags = HEED_SMOOTH, .shape = heed_shape_broadcast, .vjp = softsign_vjp,
    .tile = {[HEED_F32] = {softsign_f32}, [HEED_F64] = {softsign_f64}},
};

static heed_tensor *softsign(heed_graph *g, heed_tensor *x) { return heed_apply(g, &softsign_op, 1, &x, NULL); }

/* heed_gradcheck asks for a function of tensors. */
static heed_tensor *checked(heed_graph *g, heed_tensor *const *x, void *context)
{
    (void)context;
    return softsign(g, x[0]);
}

int main(void)
{
    const double numbers[2][3] = {{-2.5, -0.7, -0.1}, {0.2, 1.3, 4.0}};
    const heed_gradcheck_input x = {HEED_F64, 2, {2, 3}, numbers};
    heed_gradcheck_report report = heed_gradcheck(checked, NULL, 1, &x, &(heed_gradcheck_options){.second = true});
    puts(report.message);
    return report.ok ? 0 : 1;
}
