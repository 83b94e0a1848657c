/* Inside the engine: how recording, planning and running tell a graph's profile what they do. Private to autograd/. */
#ifndef HEED_PROFILING_H
#define HEED_PROFILING_H

#include "autograd/plan.h"
#include "autograd/profile.h"

/* What a thread did in a run, in order: from when to when it worked on tasks of a step, in nanoseconds of a monotonic clock. */
typedef struct work_time { int64_t began, ended; size_t step; } work_time;
typedef struct work_log { work_time *work; size_t count; } work_log;

int64_t heed_profile_now(void);
static inline void heed_log_work(work_log *l, size_t step, int64_t began) { l->work[l->count++] = (work_time){began, heed_profile_now(), step}; }

/* An empty log for each thread of a run, with room for `most` entries; NULL without a profile. Read by heed_profile_run when the run is done. */
work_log *heed_profile_logs(heed_graph *g, const plan *p, int threads, size_t most);
void heed_profile_run(heed_graph *g, const plan *p, int threads);
void heed_profile_planned(const heed_graph *g, bool reused);

/* Recording begins by itself with a node, outside of derivatives, and ends where something else begins. */
void heed_profile_recording(const heed_graph *g);
void heed_profile_recorded(const heed_graph *g);

#endif
