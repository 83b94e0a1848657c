/* A profile: where the time of a graph goes, step by step, scope by scope, while it does its work.
 *
 *     heed_profile *p = heed_profile_new(0);
 *     heed_graph_profile(g, p);              from now on; NULL ends it
 *     ... record, differentiate, run ...
 *     const heed_profile_step *s = heed_profile_steps(p, &count);
 *     heed_graph_profile(g, NULL);
 *     heed_profile_free(p);
 *
 * What a plan executes at once is a step: a kernel with the ops that finish its blocks, or a pass of fused ops (heed_graph_explain). Equal
 * steps of one scope add up, over runs and graphs. Spans tell the time of what else is done: the engine's own are "record" (from the first
 * node after a reset or a run to the next derivative or run, and with it the program that records), "differentiate", "plan" and "run"; a
 * program adds its own. A graph without a profile pays one comparison a node. The bits do not depend on it.
 *
 * io/profile_report.h prints a profile and writes it for chrome://tracing.
 */
#ifndef HEED_PROFILE_H
#define HEED_PROFILE_H

#include "status.h"
#include "tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heed_profile heed_profile;

/* Never NULL: without memory, a profile that has failed already. With `events` above 0 the first so many steps and spans are kept one by
 * one too, with their begin and end, each step for every thread. */
heed_profile *heed_profile_new(size_t events);
void heed_profile_free(heed_profile *p);
/* Forgets what was measured, as after a warm-up. */
void heed_profile_reset(heed_profile *p);
/* Set when memory was refused: then what is told is incomplete. The graph goes on. */
const heed_error *heed_profile_error(const heed_profile *p);

/* Measures g into p until told otherwise; p may serve several graphs, one after another, and lives longer than its use. NULL: no more. */
void heed_graph_profile(heed_graph *g, heed_profile *p);

/* A span of the program's own: "data", "optimizer" (heed_optimizer_step does it), "search". Spans may lie within each other, and the time of
 * the inner one does not count for the outer one. An end without a begin does nothing; so do both without a profile. */
void heed_profile_begin(const heed_graph *g, const char *name);
void heed_profile_end(const heed_graph *g);

/* --- what was measured ---------------------------------------------------------------------------------------------------------- */

typedef struct heed_profile_step {
    const char *kernel;    /* the kernel's op, or "pass" */
    const char *ops;       /* all ops of the step, in order of their first appearance: "matmul + add + relu", "mul x3 + sum" */
    const char *shapes;    /* kernel: its operands and the result, "[64,512] [512,512] -> [64,512]"; pass: rows and columns */
    const char *scope;     /* of the kernel's own node, of a pass' last one; "" for the outermost */
    bool backward;         /* recorded by heed_grad or heed_backward or after them */
    int64_t calls, nodes;  /* runs of the step; nodes computed by all of them */
    double seconds;        /* the time of a run goes to the steps that are worked on just then, in equal parts to the threads that work */
    double busy;           /* of all threads together, in tasks of the step */
    double flops, bytes;   /* floating-point operations; bytes of operands and results, as if each was read or written once */
} heed_profile_step;

typedef struct heed_profile_span {
    const char *name;
    int64_t calls;
    double seconds;        /* without the spans within it */
} heed_profile_span;

typedef struct heed_profile_event {
    int32_t step, span;    /* index of a step, or of a span; the other is -1 */
    int32_t thread;        /* of a step; 0 is the one that asked */
    double begin, seconds; /* since the profile was made or reset; a step may have several for a thread */
} heed_profile_event;

typedef struct heed_profile_totals {
    double seconds;                   /* from the first event to the last: steps and spans leave a rest, which is the program's own */
    double steps, flops, bytes;       /* sums over all steps, `steps` in seconds */
    int64_t runs, plans_made, plans_reused;
    int threads;                      /* the most that a run had */
    size_t events_missed;             /* beyond the number to keep */
} heed_profile_totals;

/* Valid until the next measurement; NULL where there are none. */
const heed_profile_step *heed_profile_steps(const heed_profile *p, size_t *count);
const heed_profile_span *heed_profile_spans(const heed_profile *p, size_t *count);
const heed_profile_event *heed_profile_events(const heed_profile *p, size_t *count);
heed_profile_totals heed_profile_total(const heed_profile *p);

#endif
