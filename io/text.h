/* Text files, read line by line and taken for hostile: what is not text is refused with a sentence that names file and line.
 *
 * A line ends with LF or CR LF; the last one need not end at all. A byte order mark at the beginning is skipped. Refused are:
 * folders, pipes and devices, NUL bytes (a binary file), bytes that are not UTF-8, lines longer than the limit.
 */
#ifndef HEED_TEXT_H
#define HEED_TEXT_H

#include "../autograd/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Bytes without a NUL, then a NUL that `length` does not count. Owned by what it was read from. */
typedef struct heed_line {
    const char *bytes;
    size_t length;
} heed_line;

#define HEED_MAX_LINE ((size_t)1 << 20) /* the limit of a line in bytes where a caller states none */

typedef struct heed_text_rules {
    size_t max_line;   /* bytes of a line; 0: HEED_MAX_LINE, SIZE_MAX: no limit */
    bool may_be_empty; /* or else a file without a line is refused */
} heed_text_rules;

/* Whole files */

/* The bytes of a regular file, any bytes, and a NUL after them; the caller frees them with heed_free. NULL: failed. */
char *heed_read_file(const char *path, size_t *length, heed_error *e);

typedef struct heed_text heed_text;

/* The lines of a file, or of a copy of bytes that messages call `name`. Rules NULL: all zero. */
heed_text *heed_text_read(const char *path, const heed_text_rules *rules, heed_error *e);
heed_text *heed_text_parse(const char *name, const char *bytes, size_t length, const heed_text_rules *rules, heed_error *e);
void heed_text_free(heed_text *t);

size_t heed_text_count(const heed_text *t);             /* of lines */
heed_line heed_text_line(const heed_text *t, size_t i); /* i from 0; messages count from 1 */
const char *heed_text_name(const heed_text *t);         /* the path */

/* Fails unless both have the same number of lines: line i of one belongs to line i of the other. */
heed_code heed_text_parallel(const heed_text *source, const heed_text *target, heed_error *e);

/* Streams such as standard input, one line at a time */

typedef struct heed_lines heed_lines;

heed_lines *heed_lines_open(FILE *in, const char *name, size_t max_line, heed_error *e); /* `in` stays the caller's */

/* The next line, valid until the next call. False: the end, or a failure, and then e->code is set. */
bool heed_lines_next(heed_lines *r, heed_line *line, heed_error *e);
void heed_lines_free(heed_lines *r);

#endif
