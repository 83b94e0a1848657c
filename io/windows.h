/* Language-model batches: windows of one long sequence of ids, each with the ids that follow.
 *
 * In a heed_batch, row r of target_in is ids[s], ids[s+1], ..., and target_out the same one id later; `example` is s. There is no
 * source.
 */
#ifndef HEED_WINDOWS_H
#define HEED_WINDOWS_H

#include "batches.h"

/* Appends the ids of all lines, with HEED_ID_END after every line, empty ones too: of characters, as many ids as the file has. */
heed_code heed_windows_add_text(heed_ids *ids, const heed_text *text, const heed_side *side, size_t *unknown, heed_error *e);

typedef struct heed_windows heed_windows;

/* `count` ids, 2 at least, which must outlive the object; `rows` windows a batch, `length` ids a window. */
heed_windows *heed_windows_create(const int32_t *ids, size_t count, size_t rows, size_t length, heed_error *e);
void heed_windows_free(heed_windows *w);

/* Each call's batch is valid until the next call; none allocates.
 *
 * random: every window begins anywhere, as (seed, step) has it. Where the sequence is too short for one, windows are shorter.
 * streams: the sequence is cut into `rows` equal streams; batch i holds window i of each, so that a model may carry its state
 *     from batch to batch. Steps count on through the epochs; the last window of a stream may be shorter.
 * in_order: windows one after the other, so that every id but the first is predicted once; `i` below heed_windows_count. The
 *     last batch may have fewer rows; the last window is filled up with HEED_ID_PAD.
 * through: streams for a model that carries its state, in which every id but the first is predicted once; `i` below
 *     heed_windows_through_count. What lies beyond the end of the last streams is HEED_ID_PAD.
 */
const heed_batch *heed_windows_random(heed_windows *w, uint64_t seed, uint64_t step);
const heed_batch *heed_windows_streams(heed_windows *w, uint64_t step);
const heed_batch *heed_windows_in_order(heed_windows *w, size_t i);
const heed_batch *heed_windows_through(heed_windows *w, size_t i);

size_t heed_windows_count(const heed_windows *w);        /* batches of in_order */
size_t heed_windows_through_count(const heed_windows *w); /* batches of through */
size_t heed_windows_stream_count(const heed_windows *w); /* batches of streams an epoch; 0 when there are more rows than ids */

#endif
