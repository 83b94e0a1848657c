/* A profile in the Trace Event Format: "X" events have a begin and a duration in microseconds; process 1, thread 0 has the spans, thread n + 1 the
 * steps of the engine's thread n. */
#include "io/profile_report.h"

#include <jansson.h>

static heed_code refused(heed_error *e) { return heed_fail(e, HEED_IO, "the trace of a profile could not be written"); }

static heed_code put(json_t *event, bool first, FILE *out, heed_error *e)
{
    if (!event) return heed_fail(e, HEED_NO_MEMORY, "no memory for the trace of a profile");
    if (fputs(first ? "\n" : ",\n", out) < 0 || json_dumpf(event, out, JSON_COMPACT | JSON_REAL_PRECISION(12))) refused(e);
    json_decref(event);
    return e->code;
}

static json_t *row_name(int thread)
{
    char name[32] = "graph";
    if (thread) snprintf(name, sizeof name, "thread %d", thread - 1);
    return json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", "thread_name", "ph", "M", "pid", 1, "tid", thread, "args", "name", name);
}

static json_t *event_of(const heed_profile_event *v, const heed_profile_step *steps, const heed_profile_span *spans)
{
    double begin = 1e6 * v->begin, length = 1e6 * v->seconds;
    if (v->span >= 0)
        return json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f}", "name", spans[v->span].name, "cat", "span", "ph", "X", "pid", 1, "tid", 0, "ts", begin,
                         "dur", length);
    const heed_profile_step *s = &steps[v->step];
    double calls = (double)s->calls;
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:{s:s, s:s, s:f, s:f}}", "name", s->ops, "cat", s->backward ? "backward" : "forward",
                     "ph", "X", "pid", 1, "tid", v->thread + 1, "ts", begin, "dur", length, "args", "scope", s->scope, "shapes", s->shapes,
                     "flops", s->flops / calls, "bytes", s->bytes / calls);
}

heed_code heed_profile_trace(const heed_profile *p, FILE *out, heed_error *e)
{
    size_t count, some;
    const heed_error *failed = heed_profile_error(p);
    if (failed->code) return heed_fail(e, failed->code, "%s", failed->message);
    const heed_profile_event *v = heed_profile_events(p, &count);
    const heed_profile_step *steps = heed_profile_steps(p, &some);
    const heed_profile_span *spans = heed_profile_spans(p, &some);
    if (fputs("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [", out) < 0) return refused(e);
    for (int i = 0; i <= heed_profile_total(p).threads && !e->code; i++) put(row_name(i), i == 0, out, e);
    for (size_t i = 0; i < count && !e->code; i++) put(event_of(&v[i], steps, spans), false, out, e);
    if (!e->code && (fputs("\n]}\n", out) < 0 || fflush(out) || ferror(out))) refused(e);
    return e->code;
}
