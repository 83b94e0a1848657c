/* --profile and --trace FILE of the verbs that run models. */
#ifndef HEED_CLI_PROFILING_H
#define HEED_CLI_PROFILING_H

#include "cli/cli.h"

typedef struct profiling {
    bool wanted;         /* --profile: tables at the end */
    const char *trace;   /* --trace FILE, or NULL */
    heed_profile *profile;
} profiling;

#define PROFILING_FLAGS(p) \
    {"profile", NULL, NULL, NULL, &(p)->wanted, "tables of where the time goes, at the end"}, \
    {"trace", "FILE", &(p)->trace, NULL, NULL, "the same as events for chrome://tracing or ui.perfetto.dev"}

/* Measures g from now on, if asked for. A file that cannot be written is told here. */
heed_code profiling_begin(profiling *p, heed_graph *g, heed_error *e);
/* Ends it: tables on `out`, with times divided by `units`, and the trace. Frees the profile, also after a failure (then `units` 0 and no output). */
heed_code profiling_end(profiling *p, heed_graph *g, int64_t units, const char *unit, FILE *out, heed_error *e);

#endif
