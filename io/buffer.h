/* A growing text. The first refused allocation sticks; later calls do nothing. Starts as {0}. For use inside io/. */
#ifndef HEED_BUFFER_H
#define HEED_BUFFER_H

#include "autograd/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct heed_buffer {
    char *text;              /* ends in 0 when length > 0 */
    size_t length, capacity;
    bool failed;
} heed_buffer;

void heed_buffer_bytes(heed_buffer *b, const char *bytes, size_t count);
void heed_buffer_put(heed_buffer *b, const char *text);
void heed_buffer_format(heed_buffer *b, const char *format, ...) HEED_PRINTF(2, 3); /* no %f, %g: they depend on the locale */
void heed_buffer_real(heed_buffer *b, double value);                                /* heed_real_text */
void heed_buffer_fixed(heed_buffer *b, double value, int decimals);                 /* heed_fixed_text */

/* The text, now the caller's (heed_free), or NULL with `e` set when an allocation was refused; `what` names the text there. */
char *heed_buffer_take(heed_buffer *b, const char *what, heed_error *e);
void heed_buffer_free(heed_buffer *b);

#endif
