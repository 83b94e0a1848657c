/* The first program: a function of two numbers, its value and its gradient.
 *
 *     y = a b + a^2 at a = 3, b = 4     dy/da = b + 2 a = 10     dy/db = a = 3
 */
#include <heed/heed.h>

int main(void)
{
    heed_graph *g = heed_graph_new();
    heed_tensor *a = heed_scalar(g, HEED_F32, 3), *b = heed_scalar(g, HEED_F32, 4), *d[2];
    heed_tensor *y = heed_add(g, heed_mul(g, a, b), heed_square(g, a));
    heed_grad(g, y, NULL, 2, (heed_tensor *[]){a, b}, d);
    printf("y = %g, dy/da = %g, dy/db = %g\n", heed_item(g, y), heed_item(g, d[0]), heed_item(g, d[1]));
    bool right = heed_item(g, y) == 21 && heed_item(g, d[0]) == 10 && heed_item(g, d[1]) == 3;
    heed_graph_free(g);
    return right ? 0 : 1;
}
