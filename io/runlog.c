#include "runlog.h"

#include "autograd/memory.h"
#include "buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct heed_runlog {
    int file;
    int64_t step;
    off_t size;
    char *path;
};

/* Reading. */

typedef struct {
    const char *path;
    FILE *file;
    char *line;
    size_t capacity;
    long long number, torn; /* of the line; `torn`: the line before was no record, which only the last line may be */
    off_t at, next;         /* where the line begins and ends */
    int64_t step;
} reader;

/* The next record, to be released with json_decref; NULL at the end or with `e` set. */
static json_t *next_record(reader *r, heed_error *e)
{
    ssize_t length;
    while (errno = 0, (length = getline(&r->line, &r->capacity, r->file)) > 0) {
        if (r->torn) break;
        r->number++;
        r->at = r->next;
        json_t *record = r->line[length - 1] == '\n' ? json_loadb(r->line, (size_t)length, 0, NULL) : NULL;
        json_t *step = json_object_get(record, "step");
        if (!json_is_integer(step)) {
            json_decref(record);
            r->torn = r->number;
            continue;
        }
        r->next += length;
        if (json_integer_value(step) >= r->step) {
            r->step = json_integer_value(step);
            return record;
        }
        heed_fail(e, HEED_FORMAT, "%s:%lld: step %lld after step %lld; a run log's steps never fall", r->path, r->number,
                  (long long)json_integer_value(step), (long long)r->step);
        json_decref(record);
        return NULL;
    }
    if (ferror(r->file) || errno) heed_fail_errno(e, "cannot read %s", r->path);
    else if (r->torn && length > 0)
        heed_fail(e, HEED_FORMAT, "%s:%lld: not a JSON object with a whole number \"step\"; remove the line or the file", r->path,
                  r->torn);
    return NULL;
}

static bool reader_open(reader *r, const char *path, heed_error *e)
{
    *r = (reader){.path = path, .step = INT64_MIN, .file = fopen(path, "r")};
    if (!r->file) heed_fail_errno(e, "cannot open the run log %s", path);
    return r->file;
}

static void reader_close(reader *r)
{
    free(r->line);
    if (r->file) fclose(r->file);
}

heed_code heed_runlog_column(const char *path, const char *key, heed_log_column *column, heed_error *e)
{
    heed_error own = {0};
    size_t steps = 0, values = 0;
    reader r;
    *column = (heed_log_column){0};
    if (reader_open(&r, path, &own))
        for (json_t *record; !own.code && (record = next_record(&r, &own)); json_decref(record)) {
            const json_t *value = json_object_get(record, key);
            if (!value) continue;
            if (!json_is_number(value) && !json_is_null(value) && !json_is_boolean(value)) {
                heed_fail(&own, HEED_FORMAT, "%s:%lld: \"%s\" is not a number", path, r.number, key);
            } else if (!heed_grow((void **)&column->step, &steps, column->count + 1, sizeof(double)) ||
                       !heed_grow((void **)&column->value, &values, column->count + 1, sizeof(double))) {
                heed_fail(&own, HEED_NO_MEMORY, "no memory for the column \"%s\" of %s", key, path);
            } else {
                column->step[column->count] = (double)r.step;
                column->value[column->count++] = json_is_null(value) ? NAN : json_is_true(value) ? 1 : json_number_value(value);
            }
        }
    reader_close(&r);
    if (own.code) heed_log_column_free(column);
    return own.code ? heed_fail(e, own.code, "%s", own.message) : HEED_OK;
}

void heed_log_column_free(heed_log_column *column)
{
    heed_free(column->step);
    heed_free(column->value);
    *column = (heed_log_column){0};
}

/* Writing. */

/* The file's size up to the last record that is not after `last_step`; -1 with `e` set. */
static off_t size_to_keep(const char *path, int64_t last_step, heed_error *e)
{
    reader r;
    heed_error own = {0};
    off_t size = -1;
    if (reader_open(&r, path, &own)) {
        bool later = false;
        for (json_t *record; !later && (record = next_record(&r, &own)); json_decref(record)) later = r.step > last_step;
        size = later ? r.at : r.next;
    }
    reader_close(&r);
    if (own.code) heed_fail(e, own.code, "%s", own.message);
    return own.code ? -1 : size;
}

heed_runlog *heed_runlog_open(const char *path, int64_t last_step, heed_error *e)
{
    heed_runlog *log = heed_calloc(1, sizeof *log);
    char *name = heed_strdup(path);
    struct stat s;
    if (!log || !name) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for the run log %s", path);
        heed_free(log);
        heed_free(name);
        return NULL;
    }
    *log = (heed_runlog){.path = name, .step = last_step, .file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
    if (log->file < 0 || fstat(log->file, &s)) heed_fail_errno(e, "cannot open the run log %s", path);
    else if (!S_ISREG(s.st_mode)) heed_fail(e, HEED_INVALID, "the run log %s is not a regular file", path);
    else if ((log->size = last_step < 0 ? 0 : size_to_keep(path, last_step, e)) >= 0) {
        if (log->size == s.st_size || !ftruncate(log->file, log->size)) return log;
        heed_fail_errno(e, "cannot shorten the run log %s", path);
    }
    heed_runlog_close(log);
    return NULL;
}

void heed_runlog_close(heed_runlog *log)
{
    if (!log) return;
    if (log->file >= 0) close(log->file);
    heed_free(log->path);
    heed_free(log);
}

static bool put_text(heed_buffer *b, const char *text)
{
    json_t *value = json_string(text); /* refuses what is not UTF-8 */
    char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (quoted) heed_buffer_put(b, quoted);
    free(quoted);
    json_decref(value);
    return quoted;
}

static bool put_value(heed_buffer *b, const heed_log_value *v)
{
    heed_buffer_put(b, ",");
    if (!put_text(b, v->key)) return false;
    heed_buffer_put(b, ":");
    if (v->type == HEED_LOG_INT) heed_buffer_format(b, "%lld", (long long)v->i);
    else if (v->type == HEED_LOG_BOOL) heed_buffer_put(b, v->b ? "true" : "false");
    else if (v->type == HEED_LOG_REAL && isfinite(v->r)) heed_buffer_real(b, v->r);
    else if (v->type == HEED_LOG_TEXT && v->t) return put_text(b, v->t);
    else heed_buffer_put(b, "null");
    return true;
}

static heed_code append(heed_runlog *log, const char *text, size_t length, heed_error *e)
{
    ssize_t written = 0;
    for (size_t done = 0; done < length; done += (size_t)written) {
        written = write(log->file, text + done, length - done);
        if (written < 0 && errno == EINTR) written = 0;
        if (written >= 0) continue;
        heed_code code = heed_fail_errno(e, "cannot write the run log %s", log->path);
        if (done && ftruncate(log->file, log->size)) return code; /* the torn line stays; readers know */
        return code;
    }
    log->size += (off_t)length;
    return HEED_OK;
}

heed_code heed_runlog_write(heed_runlog *log, int64_t step, const heed_log_value *values, size_t count, heed_error *e)
{
    if (step < log->step)
        return heed_fail(e, HEED_INVALID, "%s: step %lld after step %lld; a run log's steps never fall", log->path,
                         (long long)step, (long long)log->step);
    heed_buffer b = {0};
    heed_buffer_format(&b, "{\"step\":%lld", (long long)step);
    for (size_t i = 0; i < count; i++) {
        if (put_value(&b, &values[i])) continue;
        heed_buffer_free(&b);
        return heed_fail(e, HEED_INVALID, "%s: key %zu of a record or its text is not UTF-8", log->path, i + 1);
    }
    heed_buffer_put(&b, "}\n");
    size_t length = b.length;
    char *text = heed_buffer_take(&b, "a record of the run log", e);
    if (!text) return HEED_NO_MEMORY;
    heed_code code = append(log, text, length, e);
    heed_free(text);
    if (!code) log->step = step;
    return code;
}
