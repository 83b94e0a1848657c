/* The gradient of a gradient: Newton's method, whose step asks for second derivatives.
 *
 *     f(p) = (1 - p_0)^2 + 100 (p_1 - p_0^2)^2            Rosenbrock's function: a bent valley, lowest at (1, 1)
 *     p'   = p - H^-1 f'(p)                               H_i = the gradient of f'(p)_i, since a gradient is graph like all else
 */
#include <heed/heed.h>

#include <math.h>

static heed_tensor *rosenbrock(heed_graph *g, heed_tensor *p)
{
    heed_tensor *x = heed_select(g, p, 0, 0), *y = heed_select(g, p, 0, 1);
    heed_tensor *height = heed_square(g, heed_add_scalar(g, heed_neg(g, x), 1));
    heed_tensor *bend = heed_square(g, heed_sub(g, y, heed_square(g, x)));
    return heed_add(g, height, heed_scale(g, bend, 100));
}

int main(void)
{
    double p[2] = {-1.2, 1}, f = 0;
    heed_graph *g = heed_graph_new();
    for (int step = 0; step < 8; step++) {
        heed_tensor *at = heed_input(g, HEED_F64, 1, (int64_t[]){2}, p), *slope, *row[2];
        heed_tensor *height = rosenbrock(g, at);
        heed_grad(g, height, NULL, 1, &at, &slope);
        for (int i = 0; i < 2; i++) heed_grad(g, heed_select(g, slope, 0, i), NULL, 1, &at, &row[i]);
        heed_run(g, 4, (heed_tensor *[]){height, slope, row[0], row[1]}); /* all of it planned and computed at once */
        if (heed_graph_error(g)->code) break;
        const double *d = heed_data(g, slope), *a = heed_data(g, row[0]), *b = heed_data(g, row[1]);
        f = heed_item(g, height);
        printf("f(%9.6f, %9.6f) = %.3e\n", p[0], p[1], f);
        double determinant = a[0] * b[1] - a[1] * b[0];
        double move[2] = {(b[1] * d[0] - a[1] * d[1]) / determinant, (a[0] * d[1] - b[0] * d[0]) / determinant};
        p[0] -= move[0];
        p[1] -= move[1];
        heed_graph_reset(g);
    }
    const heed_error *failed = heed_graph_error(g);
    if (failed->code) fprintf(stderr, "%s\n", failed->message);
    bool found = !failed->code && fabs(p[0] - 1) < 1e-9 && fabs(p[1] - 1) < 1e-9;
    heed_graph_free(g);
    return found ? 0 : 1;
}
