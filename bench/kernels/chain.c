/* What a node costs: a chain of scalar multiply and add nodes is recorded, differentiated and run, many times over.
 *
 *     heed-bench-chain [nodes [rounds]]        10000 and 200; medians in nanoseconds for each node of the chain
 */
#include "autograd/params.h"
#include "bench/kernels/peak.h"
#include "ops/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_ROUNDS = 10000 };

static heed_tensor *record(heed_graph *g, heed_param *p, int nodes)
{
    heed_tensor *x = heed_use(g, p), *y = x, *half = heed_scalar(g, HEED_F64, 0.5);
    for (int i = 0; i < nodes; i += 2) y = heed_add(g, heed_mul(g, y, half), x);
    return y;
}

int main(int argc, char **argv)
{
    static double recorded[MOST_ROUNDS], forward[MOST_ROUNDS], whole[MOST_ROUNDS];
    int nodes = argc > 1 ? atoi(argv[1]) : 10000, rounds = argc > 2 ? atoi(argv[2]) : 200;
    if (nodes < 2 || rounds < 1 || rounds > MOST_ROUNDS) return 2;
    heed_graph *g = heed_graph_new();
    heed_params *ps = heed_params_new(1);
    heed_param *p = heed_param_new(ps, "p", HEED_F64, 0, NULL, HEED_ONES);
    double start, first = 0;
    for (int i = 0; i < rounds && !heed_graph_error(g)->code; i++) {
        heed_graph_reset(g);
        start = bench_seconds();
        heed_tensor *y = record(g, p, nodes);
        recorded[i] = 1e9 * (bench_seconds() - start) / nodes;
        heed_item(g, y);
        forward[i] = 1e9 * (bench_seconds() - start) / nodes;
        heed_graph_reset(g);
        start = bench_seconds();
        heed_backward(g, record(g, p, nodes));
        whole[i] = 1e9 * (bench_seconds() - start) / nodes;
        if (i == 0) first = whole[i];
        heed_params_zero_grad(ps);
    }
    if (heed_graph_error(g)->code) fprintf(stderr, "%s\n", heed_graph_error(g)->message);
    printf("%d nodes: recorded %.0f ns a node, with the value %.0f, with value and gradient %.0f (the first time, unplanned: %.0f)\n", nodes,
           bench_median(recorded, rounds), bench_median(forward, rounds), bench_median(whole, rounds), first);
    int status = heed_graph_error(g)->code ? 1 : 0;
    heed_params_free(ps);
    heed_graph_free(g);
    return status;
}
