/* A run's folder: one run at a time in it, and the last few checkpoints beside the newest and the best.
 *
 *     heed_folder *run = heed_folder_open("runs/first", &e);          creates it, locks it, sweeps up after killed runs
 *     char *last = heed_folder_file(run, "last.h5", &e);              "runs/first/last.h5"
 *     heed_checkpoint_write(state, last, &e);
 *     heed_folder_keep(run, "last.h5", "best.h5", &e);                it is the best one so far
 *     heed_folder_rotate(run, "last.h5", step, 5, &e);                the last five as step-000001000.h5 and so on
 */
#ifndef HEED_FOLDER_H
#define HEED_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "../autograd/status.h"

typedef struct heed_folder heed_folder;

/* Creates the folder (and those above it) unless it is there, and locks it until heed_folder_close: a second open, from this
 * or another process, is HEED_STATE. The lock is the system's, on the file ".lock": it ends with the process, however that
 * ends. A child made by fork shares it. Temporaries of processes that live no more are removed. */
heed_folder *heed_folder_open(const char *path, heed_error *e);
void heed_folder_close(heed_folder *f); /* NULL is fine */

const char *heed_folder_path(const heed_folder *f);
/* The path of a file in the folder; to be freed with heed_free. NULL: no memory. */
char *heed_folder_file(const heed_folder *f, const char *name, heed_error *e);
/* The path under which the checkpoint of a step (0 or more) is kept: "step-000001000.h5"; to be freed with heed_free. */
char *heed_folder_step_file(const heed_folder *f, int64_t step, heed_error *e);

/* Keeps the present content of `name` as `as` too, atomically; `name` may then be replaced (see heed_link_file). */
heed_code heed_folder_keep(const heed_folder *f, const char *name, const char *as, heed_error *e);
/* Keeps the present content of `name` as that of `step`, then removes all but the last `keep` steps. Steps beyond `step`
 * belong to a history that the run went back behind, so they are removed as well. */
heed_code heed_folder_rotate(const heed_folder *f, const char *name, int64_t step, int keep, heed_error *e);
/* The steps kept, ascending, for averaging them: `*steps` is to be freed with heed_free. */
heed_code heed_folder_steps(const heed_folder *f, int64_t **steps, size_t *count, heed_error *e);

#endif
