#include "claims.h"

void claim_complexity(void);
void claim_complexity(void)
{
    static const char file[] = "complexity/layers.csv";
    static const struct { const char *layer; double n, d; } powers[] = {{"self-attention", 2, 1}, {"recurrent", 1, 2}, {"convolution", 1, 2},
                                                                       {"dilated", 1, 2},        {"restricted", 1, 1}};
    claims_run("complexity", "");
    for (int i = 0; i < 5; i++) {
        const char *layer = powers[i].layer;
        CLAIM(claims_cell(file, layer, "power_of_n") > powers[i].n - 0.05 && claims_cell(file, layer, "power_of_n") < powers[i].n + 0.05);
        CLAIM(claims_cell(file, layer, "power_of_d") > powers[i].d - 0.1 && claims_cell(file, layer, "power_of_d") < powers[i].d + 0.1);
        CLAIM(claims_cell(file, layer, "ratio") > 1 && claims_cell(file, layer, "ratio") < 9);
        CLAIM(claims_cell(file, layer, "milliseconds") > 0);
    }
    CLAIM(claims_cell(file, "recurrent", "steps") >= 512 && claims_cell(file, "self-attention", "steps") < 10);
    CLAIM(claims_cell(file, "convolution", "steps") < 10 && claims_cell(file, "restricted", "steps") < 20);
    /* paths in 32 positions: a recurrent layer's state goes through all; a kernel of 5 sees 2 to each side, a neighbourhood of 8 sees 4; with
     * dilation 1, 5, 25 it is 2, 12, 62 to each side */
    CLAIM(claims_cell(file, "self-attention", "path") == 1 && claims_cell(file, "multi-head", "path") == 1);
    CLAIM(claims_cell(file, "recurrent", "path") == 32);
    CLAIM(claims_cell(file, "convolution", "path") == 16);
    CLAIM(claims_cell(file, "restricted", "path") == 8);
    CLAIM(claims_cell(file, "dilated", "path") == 3);
}
