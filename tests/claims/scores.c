#include "claims.h"

void claim_scores(void);
void claim_scores(void)
{
    static const char file[] = "scores/scores.csv", *const sharp[] = {"additive", "general", "dot"}, *const others[] = {"cosine", "location", "scaled_dot"};
    claims_run("scores", "");
    for (int i = 0; i < 3; i++) CLAIM(claims_cell(file, sharp[i], "edits") < 0.5 * claims_cell(file, "none", "edits"));
    for (int i = 0; i < 3; i++) CLAIM(claims_cell(file, others[i], "loss") > 0 && claims_cell(file, others[i], "speed") > 0);
    CLAIM(claims_cell(file, "dot", "weights") == claims_cell(file, "scaled_dot", "weights"));
    CLAIM(claims_cell(file, "additive", "weights") > claims_cell(file, "general", "weights"));
}
