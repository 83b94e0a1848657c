#include "claims.h"

void claim_regularisation(void);
void claim_regularisation(void)
{
    static const char rates[] = "regularisation/rates.csv", smoothing[] = "regularisation/smoothing.csv", file[] = "regularisation/training.csv";
    claims_run("regularisation", "");
    CLAIM(claims_cell(rates, "width 512, warm-up 4000", "at") == 4000);
    CLAIM(claims_cell(rates, "width 512, warm-up 4000", "peak") > 6.9e-4 && claims_cell(rates, "width 512, warm-up 4000", "peak") < 7.1e-4);
    CLAIM(claims_cell(rates, "width 256, warm-up 4000", "peak") > claims_cell(rates, "width 512, warm-up 4000", "peak"));
    CLAIM(claims_cell(rates, "width 512, warm-up 8000", "peak") < claims_cell(rates, "width 512, warm-up 4000", "peak"));
    CLAIM(claims_cell(smoothing, "smoothing 0", "right") > 0.9999 && claims_cell(smoothing, "smoothing 0", "sure") == 0);
    CLAIM(claims_cell(smoothing, "smoothing 0.1", "best") > 0.85 && claims_cell(smoothing, "smoothing 0.1", "best") < 0.95);
    CLAIM(claims_cell(smoothing, "smoothing 0.4", "sure") > claims_cell(smoothing, "smoothing 0.1", "sure"));
    CLAIM(claims_cell(file, "neither", "train_loss") < claims_cell(file, "dropout", "train_loss"));
    CLAIM(claims_cell(file, "neither", "surer") > claims_cell(file, "label smoothing", "surer"));
    CLAIM(claims_cell(file, "neither", "surer") > claims_cell(file, "dropout", "surer"));
}
