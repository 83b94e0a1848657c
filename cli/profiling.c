#include "cli/profiling.h"

enum { EVENTS = 1000000, ROWS = 25 };

heed_code profiling_begin(profiling *p, heed_graph *g, heed_error *e)
{
    if (!p->wanted && !p->trace) return HEED_OK;
    FILE *file = p->trace ? fopen(p->trace, "w") : NULL;
    if (p->trace && !file) return heed_fail_errno(e, "cannot write %s", p->trace);
    if (file) fclose(file);
    p->profile = heed_profile_new(p->trace ? EVENTS : 0);
    heed_graph_profile(g, p->profile);
    return HEED_OK;
}

static heed_code write_trace(const profiling *p, heed_error *e)
{
    FILE *file = fopen(p->trace, "w");
    if (!file) return heed_fail_errno(e, "cannot write %s", p->trace);
    heed_error own = {0};
    heed_profile_trace(p->profile, file, &own);
    if (fclose(file)) heed_fail_errno(&own, "cannot write %s", p->trace);
    if (own.code) return heed_fail(e, own.code, "%s: %s", p->trace, own.message);
    size_t missed = heed_profile_total(p->profile).events_missed;
    if (missed) fprintf(stderr, "%s has the first %d events; %zu came after them\n", p->trace, (int)EVENTS, missed);
    return HEED_OK;
}

heed_code profiling_end(profiling *p, heed_graph *g, int64_t units, const char *unit, FILE *out, heed_error *e)
{
    if (!p->profile) return e->code;
    heed_graph_profile(g, NULL);
    if (!e->code && p->wanted) {
        heed_profile_layout layout = {ROWS, units, unit, heed_peak_flops(heed_graph_threads_now(g))};
        heed_profile_print(p->profile, &layout, out, e);
    }
    if (!e->code && p->trace) write_trace(p, e);
    heed_profile_free(p->profile);
    p->profile = NULL;
    return e->code;
}
