/* Files that are replaced whole or not at all.
 *
 * The new content goes to a temporary name in the same folder, is synced to the disk, takes the final name by rename, and the
 * folder is synced. Whoever opens the file, at any moment and also after a crash, finds the whole old or the whole new
 * content. When anything fails the temporary is removed and the old file stays as it was; what a killed process leaves behind
 * (names that start with HEED_TEMPORARY) disturbs nobody and is removed by the next heed_folder_open.
 */
#ifndef HEED_ATOMIC_H
#define HEED_ATOMIC_H

#include <stddef.h>
#include <stdint.h>

#include "../autograd/status.h"

/* Temporaries are called ".heed-tmp-PID-N" and are locked with flock while they are written. */
#define HEED_TEMPORARY ".heed-tmp-"

typedef struct heed_writer heed_writer;

/* Begins to replace `file`, whose folder must exist. NULL on failure; the other calls bear that NULL. */
heed_writer *heed_writer_open(const char *file, heed_error *e);
/* Appends. The first failure sticks, so that a chain of writes may be tested once, by the commit. */
heed_code heed_writer_write(heed_writer *w, const void *data, size_t size, heed_error *e);
/* Overwrites bytes that were written before. */
heed_code heed_writer_rewrite(heed_writer *w, uint64_t offset, const void *data, size_t size, heed_error *e);
/* Syncs, renames, syncs the folder and frees the writer; after a failed write it tidies up and returns that failure. */
heed_code heed_writer_commit(heed_writer *w, heed_error *e);
void heed_writer_cancel(heed_writer *w); /* NULL is fine */

/* The three steps in one, for small files. */
heed_code heed_write_file(const char *file, const void *data, size_t size, heed_error *e);

/* Makes `to` the same content as `from`: a hard link where the file system has them, else a copy. Atomic as above.
 * Safe for files that are only ever replaced, never changed in place. */
heed_code heed_link_file(const char *from, const char *to, heed_error *e);

#endif
