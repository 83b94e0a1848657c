/* heed-bench: the verb `heed bench` as a program of its own. */
#include "cli/cli.h"

int main(int argc, char **argv) { return verb_bench(argc, argv); }
