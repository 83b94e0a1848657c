/* heed experiment: a stopped one goes on to the same results, wrong use is told, nothing is lost. What experiments claim: claims/. */
#include "command.h"
#include "csv.h"

static const char all_said[] = "of the work done"; /* after each piece */

static void begin(void)
{
    command_begin();
    CU_ASSERT_EQUAL(command("experiment lookup --quick --out lookup"), 0);
    CU_ASSERT(strstr(command_said, all_said) != NULL);
}

/* --- stopping and going on -------------------------------------------------------------------------------------------------- */

static void goes_on(void)
{
    unlink("err.txt");
    *command_said = 0;
    pid_t child = command_start("", "experiment lookup --quick --out stopped");
    for (int i = 0; i < 600 && !strstr(command_said, all_said); i++) {
        command_sleep(0.05);
        command_listen();
    }
    CU_ASSERT(child > 0 && !kill(child, SIGTERM));
    int status = command_end(child, NULL);
    CU_ASSERT(command_ends(status, 128 + SIGTERM, "what was finished of lookup is saved in stopped"));
    CU_ASSERT_EQUAL(command("experiment lookup --quick --out stopped --threads 1"), 0);
    CU_ASSERT(!strstr(command_said, "\nscores:")); /* it was finished before */
    CU_ASSERT(strstr(command_said, "d_k 256, not scaled") != NULL);
    const char *columns[] = {"right", "entropy", "steps"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        CU_ASSERT_EQUAL(csv_cell("stopped/heads.csv", "d_k 64, not scaled", columns[i]),
                        csv_cell("lookup/heads.csv", "d_k 64, not scaled", columns[i]));
    CU_ASSERT_EQUAL(command("experiment lookup --quick --out stopped"), 0); /* nothing to do: the same results once more */
    CU_ASSERT(!*command_said);
}

/* --- wrong use -------------------------------------------------------------------------------------------------------------- */

static void refusals(void)
{
    static const struct { int status; const char *words, *says; } list[] = {
        {2, "", "name an experiment before its options, or all; --list names them"},
        {2, "postions", "unknown experiment 'postions'; did you mean 'positions'?"},
        {2, "zzz", "unknown experiment 'zzz'; --list names them"},
        {2, "positions --quik", "unknown option '--quik'; did you mean '--quick'?"},
        {2, "lookup lookup", "one word too many"},
        {2, "positions --seed x", "--seed takes a whole number"},
        {2, "positions --minutes 0", "--minutes takes a number from 0.01"},
        {1, "lookup --quick --out lookup --seed 7", "lookup was begun with seed = 1, which cannot become 7"},
        {1, "lookup --out lookup", "lookup was begun with quick = yes, which cannot become no"},
        {1, "positions --quick --out foreign", "the folder foreign holds other files and no experiment"},
        {1, "positions --quick --out other", "the folder other holds the experiment lookup; give --out another one"},
        {1, "positions --quick --out foreign/file", "cannot create the folder foreign/file"},
        {1, "positions --quick --out ''", "the name of a run's folder is empty"},
    };
    CU_ASSERT(!mkdir("foreign", 0777) && !mkdir("other", 0777));
    command_write("foreign/file", "mine\n");
    command_write("other/experiment.conf", "experiment = lookup\nversion = 0\n");
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        CU_ASSERT(command_ends(command("experiment %s", list[i].words), list[i].status, list[i].says));
    size_t n = 0;
    unsigned char *kept = scratch_load("foreign/file", &n);
    CU_ASSERT(kept && n == 5 && !memcmp(kept, "mine\n", 5));
    free(kept);
}

/* What experiments' own options cannot be. */
static void own_options(void)
{
    static const struct { const char *words, *says; } list[] = {
        {"complexity --kernel 4", "kernel=4: an odd number is needed"},
        {"complexity --r 5", "r=5: an even number is needed"},
        {"complexity --n 8", "n=8: there are to be 16 positions at least"},
        {"table3 --src a", "--src and --tgt belong together"},
        {"table3 --dict a --src b --tgt c", "give either --dict or --src and --tgt"},
        {"table3 --valid-src a --valid-tgt b", "--valid-src and --valid-tgt belong together, and to --src and --tgt"},
        {"parsing --valid a", "--valid belongs to --treebank"},
        {"parsing --treebank open.trees", "open.trees:1: brackets do not balance: the tree that begins here is not closed"},
        {"parsing --treebank nowhere", "nowhere"},
        {"heads --src lines.txt", "--checkpoint and --src belong together"},
        {"heads --checkpoint lines.txt --src lines.txt", "lines.txt"},
        {"heads --checkpoint lm/last.h5 --src lines.txt", "lm/last.h5: no Transformer with an encoder that heed train made"},
        {"heads --checkpoint pair/last.h5 --src long.txt", "long.txt: has no line of 2 to 40 units to show"},
    };
    command_write("lines.txt", "a b c d e f g h\nb c , a d .\nc b a\nd e f\n");
    command_write("long.txt", "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a\n");
    const char *small = "--threads 1 --steps 2 --set d=8 --set heads=2 --set ff=8 --set dec_layers=1";
    CU_ASSERT_EQUAL(command("train lm --text lines.txt %s", small), 0);
    const char *words = "--src-units words --tgt-units words --set hold_out=0 --set enc_layers=2";
    CU_ASSERT_EQUAL(command("train pair --src lines.txt --tgt lines.txt %s %s", words, small), 0);
    CU_ASSERT_EQUAL(command("experiment heads --checkpoint pair/last.h5 --src lines.txt --out looked"), 0);
    double heads = csv_cell("looked/heads.csv", "layer 2 head 2", "entropy");
    CU_ASSERT(heads > 0 && heads < 2.1);
    CU_ASSERT(access("looked/far.svg", F_OK) == 0 && access("looked/anaphora.svg", F_OK) != 0);
    command_write("open.trees", "(S (NP (NN a))\n(S (NP (NN b)))\n");
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        CU_ASSERT(command_ends(command("experiment %s --quick --out own%zu", list[i].words, i), 1, list[i].says));
}

static void spoilt_pieces(void)
{
    CU_ASSERT(system("cp -r lookup spoilt && for f in spoilt/pieces/d_k-64-*; do echo x > $f; done") == 0);
    CU_ASSERT(command_ends(command("experiment lookup --quick --out spoilt"), 1, "spoilt/pieces/d_k-64-"));
}

static void no_space(void)
{
    CU_ASSERT(system("cp -r lookup full && rm full/*.svg full/*.csv full/index.html") == 0);
    int status = command_end(command_start("ulimit -f 4; exec", "experiment lookup --quick --out full"), NULL);
    CU_ASSERT(command_ends(status, 1, "File too large"));
    CU_ASSERT_EQUAL(command("experiment lookup --quick --out full"), 0);
    CU_ASSERT(scratch_same("full/heads.csv", "lookup/heads.csv"));
    CU_ASSERT(scratch_same("full/index.html", "lookup/index.html"));
}

CHECK_MAIN("heed experiment", {"a folder with results", begin}, {"a stopped one goes on to the same results", goes_on},
           {"wrong use and other folders", refusals}, {"own options", own_options}, {"pieces that are spoilt", spoilt_pieces}, {"a full disk", no_space})
