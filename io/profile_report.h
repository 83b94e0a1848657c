/* What a profile (autograd/profile.h) measured, for readers and for chrome://tracing. */
#ifndef HEED_PROFILE_REPORT_H
#define HEED_PROFILE_REPORT_H

#include "../autograd/profile.h"

#include <stdio.h>

typedef struct heed_profile_layout {
    int rows;              /* of a table, at most; the rest is summed up in one more. 0: all */
    int64_t units;         /* what times, calls, FLOPs and bytes are divided by, as steps of a training; 0: nothing */
    const char *unit;      /* their name, "step"; NULL with units 0 */
    double peak;           /* floating-point operations a second that the machine can do, for the share of it; 0: not known */
} heed_profile_layout;

/* Four tables: what the time went to (recording, differentiating, planning, starting runs, steps, the program's spans, the rest), kinds of
 * kernels, steps by ops and shapes, and scopes, in whose names numbers are written * ("enc.*.self"), each by falling time. */
heed_code heed_profile_print(const heed_profile *p, const heed_profile_layout *layout, FILE *out, heed_error *e);

/* The events kept (heed_profile_new) in the Trace Event Format of chrome://tracing and Perfetto: spans in one row, the steps of each thread in a
 * row, with ops, shapes, scope, FLOPs and bytes as arguments. */
heed_code heed_profile_trace(const heed_profile *p, FILE *out, heed_error *e);

#endif
