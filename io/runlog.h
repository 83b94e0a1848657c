/* The log of a run: a text file with one JSON object a line, such as
 *
 *     {"step":100,"loss":2.31,"rate":0.0003,"tokens_per_second":51234.5}
 *
 * "step" comes first, the other keys in the order they were given. Numbers read the same in every locale, a NaN or an infinity is
 * null. A record is written with one call of the system as soon as it is given, so a killed process loses none; a line that was
 * torn when the machine died is dropped at the next opening and ignored by readers.
 */
#ifndef HEED_RUNLOG_H
#define HEED_RUNLOG_H

#include "../autograd/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heed_runlog heed_runlog;

/* Opens or creates `path` to go on after `last_step`: the records from the first later one on are cut away, so that a resumed run
 * repeats none. Steps never fall within a file; several records may have the same step. -1 begins afresh. NULL on failure. */
heed_runlog *heed_runlog_open(const char *path, int64_t last_step, heed_error *e);
void         heed_runlog_close(heed_runlog *log);

typedef enum heed_log_type { HEED_LOG_INT, HEED_LOG_REAL, HEED_LOG_BOOL, HEED_LOG_TEXT } heed_log_type;
typedef struct heed_log_value {
    const char *key;
    heed_log_type type;
    union { int64_t i; double r; bool b; const char *t; };
} heed_log_value;

static inline heed_log_value heed_log_int(const char *k, int64_t i) { return (heed_log_value){k, HEED_LOG_INT, {.i = i}}; }
static inline heed_log_value heed_log_real(const char *k, double r) { return (heed_log_value){k, HEED_LOG_REAL, {.r = r}}; }
static inline heed_log_value heed_log_bool(const char *k, bool b) { return (heed_log_value){k, HEED_LOG_BOOL, {.b = b}}; }
static inline heed_log_value heed_log_text(const char *k, const char *t) { return (heed_log_value){k, HEED_LOG_TEXT, {.t = t}}; }

/* Appends one record. A failed write (a full disk) leaves the file as it was. Keys and texts are UTF-8, NULL is null. */
heed_code heed_runlog_write(heed_runlog *log, int64_t step, const heed_log_value *values, size_t count, heed_error *e);

/* What the records of a file say under one key: records without it are skipped, null is NaN, true is 1, a text is an error. */
typedef struct heed_log_column {
    double *step, *value;
    size_t count;
} heed_log_column;

heed_code heed_runlog_column(const char *path, const char *key, heed_log_column *column, heed_error *e);
void      heed_log_column_free(heed_log_column *column);

#endif
