#include "buffer.h"

#include "autograd/memory.h"
#include "number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char *reserve(heed_buffer *b, size_t more)
{
    size_t need;
    if (b->failed || !heed_size_add(b->length + 1, more, &need)) b->failed = true;
    else if (!heed_grow((void **)&b->text, &b->capacity, need, 1)) b->failed = true;
    return b->failed ? NULL : b->text + b->length;
}

void heed_buffer_bytes(heed_buffer *b, const char *bytes, size_t count)
{
    char *end = reserve(b, count);
    if (!end) return;
    memcpy(end, bytes, count);
    end[count] = 0;
    b->length += count;
}

void heed_buffer_put(heed_buffer *b, const char *text) { heed_buffer_bytes(b, text, strlen(text)); }

void heed_buffer_format(heed_buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *end = length < 0 ? NULL : reserve(b, (size_t)length);
    if (!end) { b->failed = true; return; }
    va_start(args, format);
    vsnprintf(end, (size_t)length + 1, format, args);
    va_end(args);
    b->length += (size_t)length;
}

void heed_buffer_real(heed_buffer *b, double value)
{
    char text[HEED_NUMBER_SIZE];
    heed_buffer_put(b, heed_real_text(value, text));
}

void heed_buffer_fixed(heed_buffer *b, double value, int decimals)
{
    char text[HEED_NUMBER_SIZE];
    heed_buffer_put(b, heed_fixed_text(value, decimals, text));
}

char *heed_buffer_take(heed_buffer *b, const char *what, heed_error *e)
{
    heed_buffer_bytes(b, "", 0);
    if (b->failed) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for %s", what);
        heed_buffer_free(b);
        return NULL;
    }
    char *text = b->text;
    *b = (heed_buffer){0};
    return text;
}

void heed_buffer_free(heed_buffer *b)
{
    heed_free(b->text);
    *b = (heed_buffer){0};
}
