#include "claims.h"

void claim_bottleneck(void);
void claim_bottleneck(void)
{
    static const char file[] = "bottleneck/lengths.csv";
    claims_run("bottleneck", "");
    CLAIM(claims_cell(file, "attention, hidden 64", "to_30") > 2 * claims_cell(file, "fixed context, hidden 64", "to_30"));
    CLAIM(claims_cell(file, "Transformer, hidden 64", "to_30") > 1.5 * claims_cell(file, "fixed context, hidden 64", "to_30"));
    CLAIM(claims_cell(file, "fixed context, hidden 64", "to_5") > 1.5 * claims_cell(file, "fixed context, hidden 64", "to_30"));
}
