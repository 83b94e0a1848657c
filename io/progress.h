/* How far a run is, for a person: on a terminal one line that is rewritten, elsewhere a plain line now and then.
 *
 *     step 1200/5000 24%  loss 1.234  rate 3e-04  51.2k tokens/s  2m 05s, 6m 30s left
 *
 * Writing fails silently: progress is no result.
 */
#ifndef HEED_PROGRESS_H
#define HEED_PROGRESS_H

#include "../autograd/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct heed_progress heed_progress;

/* `out` stays the caller's. The run has `steps` steps (0: no end known), of which `done` are behind it when it starts (again).
 * `clock` gives seconds from any fixed moment; NULL is CLOCK_MONOTONIC. */
heed_progress *heed_progress_new(FILE *out, int64_t done, int64_t steps, double (*clock)(void *context), void *context,
                                 heed_error *e);
void           heed_progress_free(heed_progress *p);

/* To be called after every step: whether a line is due is decided here (a terminal: ten a second at most; elsewhere first after a
 * second, then whenever the time so far has grown by a quarter, but at least every 30 s). `tokens` are those of this step, `loss`
 * and `rate` the latest; NaN leaves a figure out. */
void heed_progress_step(heed_progress *p, int64_t step, int64_t tokens, double loss, double rate);

/* A line of its own that stays, such as the result of a validation. */
void heed_progress_note(heed_progress *p, const char *format, ...) HEED_PRINTF(2, 3);

/* The last state as a line that stays. */
void heed_progress_end(heed_progress *p);

double heed_progress_tokens_per_second(const heed_progress *p); /* of the last half minute or so; NaN before the first step */
double heed_progress_elapsed(const heed_progress *p);           /* seconds since heed_progress_new */

/* Seconds as a person says them: "0.4s", "12s", "4m 05s", "1h 30m", "2d 3h". Returns `text`. */
enum { HEED_DURATION_SIZE = 32 };
const char *heed_duration_text(double seconds, char text[HEED_DURATION_SIZE]);

#endif
