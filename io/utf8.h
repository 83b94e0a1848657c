/* UTF-8 as the Unicode Standard defines it (version 15, table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef HEED_UTF8_H
#define HEED_UTF8_H

#include <stddef.h>

/* How many leading bytes are valid UTF-8: `length`, or the offset of the first character that is not. */
size_t heed_utf8_valid(const char *bytes, size_t length);

/* Bytes of the character that begins with `lead`, in text that is valid: 1 to 4. */
static inline size_t heed_utf8_size(char lead)
{
    unsigned char c = (unsigned char)lead;
    return c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

#endif
