/* experiment_claims NAME: the quick form of an experiment shows what the experiment claims. Under sanitizers, which are some ten times
 * slower, all of its code runs too, with a budget too small to show anything. */
#include "claims.h"
#include "../command.h"
#include "../csv.h"
#include "experiments/list.h"

#define DECLARE_CLAIM(name) void claim_##name(void);
LAB_EXPERIMENTS(DECLARE_CLAIM)

static const struct { const char *name; void (*claim)(void); } list[] = {
#define CLAIM_ENTRY(name) {#name, claim_##name},
    LAB_EXPERIMENTS(CLAIM_ENTRY)
};

void claims_run(const char *name, const char *words)
{
    char file[64];
    CU_ASSERT_EQUAL(command("experiment %s --quick --out %s %s %s", name, name, SANITIZED ? "--minutes 0.1" : "", words), 0);
    snprintf(file, sizeof file, "%s/index.html", name);
    CU_ASSERT(access(file, F_OK) == 0);
}

double claims_cell(const char *csv, const char *row, const char *column) { return csv_cell(csv, row, column); }

void claims_hold(bool holds, const char *what)
{
    if (SANITIZED) return;
    if (!holds) fprintf(stderr, "\n    this does not hold: %s\n", what);
    CU_ASSERT(holds);
}

int main(int argc, char **argv)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("the claim of the experiment", NULL, NULL);
    CU_add_test(suite, "a folder of its own", command_begin);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (argc < 2 || !strcmp(argv[1], list[i].name)) CU_add_test(suite, list[i].name, list[i].claim);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    bool bad = CU_get_number_of_failures() > 0 || CU_get_number_of_tests_run() < 2;
    CU_cleanup_registry();
    return bad;
}
