/* A plan's steps by several threads: a step begins when those it has to wait for are done, so steps of few tasks run side by side.
 *
 * heed_flow_order says at planning time for whom a step has to wait: for those among the HEED_FLOW_WINDOW before it that write what it reads or
 * writes, or read what it writes. This is read off the memory alone (places in the run's room, gradients of parameters), so it holds however
 * places were given. Those further back are done before it may begin.
 *
 * At run time threads look for a task from the oldest unfinished step on. Which thread runs a task, and when, changes no bit: tasks and the order
 * of all sums are functions of shapes.
 */
#ifndef HEED_FLOW_H
#define HEED_FLOW_H

#include "autograd/profiling.h"

bool heed_flow_order(planning *w); /* fills `after` of all steps, whose places are known; false without memory */

/* Bytes of counters that a run by several threads needs, and one thread's part in it; they all get the same zeroed counters. With `log` (or NULL)
 * it takes note of its work: at most heed_flow_logged times. */
size_t heed_flow_bytes(const plan *p, int threads);
size_t heed_flow_logged(const plan *p, int threads);
void heed_flow_thread(const plan *p, void *counters, int threads, int thread, char *scratch, work_log *log);

/* exec.c */
int64_t heed_step_tasks(const plan_step *s, int phase);
void heed_step_task(const plan_step *s, int phase, int64_t task, char *scratch);

#endif
