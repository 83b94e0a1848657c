#include "claims.h"

void claim_heads(void);
void claim_heads(void)
{
    static const char file[] = "heads/picks.csv";
    static const char *const links[] = {"noun of determiners and adjectives", "subject of verbs", "particle of verbs",
                                        "antecedent of pronouns", "links over five words"};
    claims_run("heads", "");
    for (int i = 0; i < 5; i++) {
        CLAIM(claims_cell(file, links[i], "value") > 0.25);
        CLAIM(claims_cell(file, links[i], "value") > 1.5 * claims_cell(file, links[i], "mean"));
    }
    CLAIM(claims_cell(file, "antecedent of pronouns", "value") > 0.5);
    CLAIM(claims_cell(file, "most unlike (divergence, bits)", "value") > 0.3);
    CLAIM(claims_cell(file, "most unlike (divergence, bits)", "layer") == claims_cell(file, "most unlike, the other", "layer"));
    CLAIM(claims_cell("heads/heads.csv", "layer 2 head 4", "entropy") > 0);
}
