#include "claims.h"

void claim_positions(void);
void claim_positions(void)
{
    static const char file[] = "positions/criteria.csv";
    claims_run("positions", "");
    CLAIM(claims_cell(file, "sinusoidal", "map_error") < 1e-6);
    CLAIM(claims_cell(file, "learned", "map_error") > 1e-2);
    CLAIM(claims_cell(file, "sinusoidal", "spread") < 1e-6);
    CLAIM(claims_cell(file, "learned", "spread") > 0.1);
    CLAIM(claims_cell(file, "sinusoidal", "least_distance") > 0.5);
    CLAIM(claims_cell(file, "none", "least_distance") == 0);
    CLAIM(claims_cell(file, "sinusoidal", "largest") <= 1);
    CLAIM(claims_cell(file, "sinusoidal", "change") == 0);
    CLAIM(claims_cell(file, "learned", "change") > 0.1);
    CLAIM(claims_cell(file, "sinusoidal", "accuracy_L") > 2 * claims_cell(file, "none", "accuracy_L"));
    CLAIM(claims_cell(file, "sinusoidal", "beyond") > 1.5 * claims_cell(file, "learned", "beyond"));
    CLAIM(claims_cell(file, "sinusoidal", "accuracy_3L") > 1.5 * claims_cell(file, "none", "accuracy_3L"));
}
