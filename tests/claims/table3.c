#include "claims.h"

#include <stddef.h>

/* The sizes are the paper's, and so is what narrowing and adding make of them; that label smoothing costs perplexity shows at once. */
void claim_table3(void);
void claim_table3(void)
{
    static const char file[] = "table3/rows.csv";
    static const struct { const char *row; double millions; } printed[] = {
        {"base", 65}, {"B dk=16", 58}, {"B dk=32", 60}, {"C N=2", 36}, {"C N=4", 50}, {"C N=8", 80}, {"C d=256", 28}, {"C d=1024", 168},
        {"C ff=1024", 53}, {"C ff=4096", 90}, {"big", 213}};
    static const char *const same[] = {"A h=1 dk=512", "A h=4 dk=128", "A h=16 dk=32", "A h=32 dk=16", "D dropout 0", "D dropout 0.2",
                                       "D smoothing 0", "D smoothing 0.2"};
    claims_run("table3", "");
    for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
        double weights = claims_cell(file, printed[i].row, "paper_weights");
        CLAIM(weights > (printed[i].millions - 0.5) * 1e6 && weights < (printed[i].millions + 0.5) * 1e6);
        CLAIM(claims_cell(file, printed[i].row, "paper_printed") == printed[i].millions);
        CLAIM(claims_cell(file, printed[i].row, "perplexity") > 1 && claims_cell(file, printed[i].row, "perplexity") < 40);
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        CLAIM(claims_cell(file, same[i], "paper_weights") == claims_cell(file, "base", "paper_weights"));
        CLAIM(claims_cell(file, same[i], "weights") == claims_cell(file, "base", "weights"));
    }
    CLAIM(claims_cell(file, "base", "paper_weights") == 65110016);
    CLAIM(claims_cell(file, "E learned positions", "paper_weights") == 65110016 + 2 * 1024 * 512);
    CLAIM(claims_cell(file, "D smoothing 0", "perplexity") < claims_cell(file, "D smoothing 0.2", "perplexity"));
    CLAIM(claims_cell(file, "C N=2", "weights") < claims_cell(file, "C N=4", "weights"));
}
