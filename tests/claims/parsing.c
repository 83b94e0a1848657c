#include "claims.h"

void claim_parsing(void);
void claim_parsing(void)
{
    static const char file[] = "parsing/searches.csv";
    claims_run("parsing", "");
    CLAIM(claims_cell(file, "greedy", "sentences") == 60 && claims_cell(file, "beam 4", "sentences") == 60);
    CLAIM(claims_cell(file, "greedy", "f1") > 75 && claims_cell(file, "beam 4", "f1") > 75);
    CLAIM(claims_cell(file, "greedy", "formed") > 55 && claims_cell(file, "beam 4", "formed") > 55);
    CLAIM(claims_cell(file, "beam 4", "exact") > 40);
    CLAIM(claims_cell("parsing/lengths.csv", "1 to 5", "f1") > claims_cell("parsing/lengths.csv", "11 to 15", "f1"));
}
