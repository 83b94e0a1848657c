/* heed: train, use and look at sequence models. */
#include "cli/cli.h"

#include <string.h>

static const struct verb { const char *name; int (*run)(int argc, char **argv); const char *help; } verbs[] = {
    {"train", verb_train, "learn from pairs of lines, a dictionary or a text; go on with a run"},
    {"decode", verb_decode, "what a model makes of lines; continuations and samples of a language model"},
    {"eval", verb_eval, "loss, accuracy, word error rate, BLEU ... on files"},
    {"attend", verb_attend, "pictures of the attention of every layer and head"},
    {"inspect", verb_inspect, "what a checkpoint holds"},
    {"explain", verb_explain, "parameters, memory and FLOPs of a model before it runs"},
    {"experiment", verb_experiment, "sequence models shown at work: tables, pictures, and what to see in them"},
    {"bench", verb_bench, "time training steps and parts of them"},
    {"numbers", verb_numbers, "numbers and their English names, as a dictionary to learn from"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static void help(void)
{
    printf("usage: heed VERB ...\n\n");
    for (int i = 0; i < VERBS; i++) printf("  %-10s %s\n", verbs[i].name, verbs[i].help);
    printf("\nheed VERB --help tells the options; heed --version what this build has.\n");
}

static void version(void)
{
    printf("heed %s\nkernels: %s\nOpenMP: %s\nSentencePiece: %s\nCBLAS: %s\n", HEED_VERSION, heed_isa_name(heed_isa_now()),
#ifdef _OPENMP
           "yes",
#else
           "no",
#endif
           heed_units_have_sentencepiece() ? "yes" : "no",
#ifdef HEED_HAVE_CBLAS
           "yes (HEED_GEMM=cblas)"
#else
           "no"
#endif
    );
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        help();
        return argc > 1 ? STATUS_OK : STATUS_USAGE;
    }
    if (!strcmp(name, "--version")) {
        version();
        return STATUS_OK;
    }
    const char *names[VERBS + 1] = {NULL};
    for (int i = 0; i < VERBS; i++) {
        names[i] = verbs[i].name;
        if (!strcmp(name, verbs[i].name)) return verbs[i].run(argc - 1, argv + 1);
    }
    const char *near = heed_nearest(name, names);
    if (near) fprintf(stderr, "heed: unknown verb '%s'; did you mean '%s'?\n", name, near);
    else fprintf(stderr, "heed: unknown verb '%s'; see heed --help\n", name);
    return STATUS_USAGE;
}
