#include "claims.h"

void claim_vanishing(void);
void claim_vanishing(void)
{
    static const char file[] = "vanishing/recall.csv";
    claims_run("vanishing", "");
    CLAIM(claims_cell(file, "RNN, 1 layer", "ratio_start") < 1e-10);
    CLAIM(claims_cell(file, "GRU, 1 layer", "ratio_start") < 1e-6);
    CLAIM(claims_cell(file, "LSTM, 1 layer", "ratio_trained") > 1e3 * claims_cell(file, "LSTM, 1 layer", "ratio_start"));
    CLAIM(claims_cell("vanishing/single.csv", "Transformer", "at_10") > 3 * claims_cell("vanishing/single.csv", "RNN", "at_10"));
    CLAIM(claims_cell(file, "Transformer, 2 layers", "ratio_start") > 1e-3);
    CLAIM(claims_cell(file, "Transformer, 2 layers", "recall_200") > 0.8 && claims_cell(file, "RNN, 2 layers", "recall_200") < 0.3);
}
