#include "claims.h"

void claim_lookup(void);
void claim_lookup(void)
{
    static const char scores[] = "lookup/scores.csv", heads[] = "lookup/heads.csv";
    claims_run("lookup", "");
    CLAIM(claims_cell(scores, "1024", "variance") > 900 && claims_cell(scores, "1024", "variance") < 1150);
    CLAIM(claims_cell(scores, "1024", "scaled_variance") > 0.9 && claims_cell(scores, "1024", "scaled_variance") < 1.15);
    CLAIM(claims_cell(scores, "1024", "entropy") < 0.2 * claims_cell(scores, "1024", "scaled_entropy"));
    CLAIM(claims_cell(scores, "1024", "scaled_entropy") > 0.9 * claims_cell(scores, "4", "scaled_entropy"));
    CLAIM(claims_cell(scores, "1024", "gradient") < 1e-2 * claims_cell(scores, "1024", "scaled_gradient"));
    CLAIM(claims_cell(heads, "d_k 64, scaled", "right") > 0.95);
    CLAIM(claims_cell(heads, "d_k 256, scaled", "right") > 1.3 * claims_cell(heads, "d_k 256, not scaled", "right"));
}
