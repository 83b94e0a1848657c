/* One character of UTF-8 at a time. For use inside io/. */
#ifndef HEED_UTF8_H
#define HEED_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEED_UTF8_INVALID = 0x110000 }; /* a byte that is no UTF-8 decodes to this plus the byte, so that all differ */

/* The character at *text, which moves behind it; text must not be at its end. Overlong forms and surrogates are invalid. */
int32_t heed_utf8_next(const char **text);

/* How many leading bytes are UTF-8: `length`, or the offset of the first character that is not. A NUL or line end must follow. */
size_t heed_utf8_valid(const char *bytes, size_t length);

/* The characters that Unicode and Python's str.split() take for white space. */
bool heed_utf8_is_space(int32_t character);

/* Columns of a terminal or halves of an em a character takes: 0 (combining, joiners, marks), 1, or 2 (East Asian wide, emoji). */
int heed_utf8_width(int32_t character);

#endif
