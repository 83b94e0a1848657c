#include "status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

heed_code heed_fail(heed_error *e, heed_code code, const char *format, ...)
{
    if (!e || e->code) return code;
    e->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(e->message, sizeof e->message, format, args);
    va_end(args);
    return code;
}

heed_code heed_fail_errno(heed_error *e, const char *format, ...)
{
    int number = errno;
    heed_code code = number == ENOMEM ? HEED_NO_MEMORY : HEED_IO;
    if (!e || e->code) return code;
    e->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(e->message, sizeof e->message, format, args);
    va_end(args);
    size_t used = strlen(e->message);
    snprintf(e->message + used, sizeof e->message - used, ": %s", strerror(number));
    return code;
}

const char *heed_code_name(heed_code code)
{
    static const char *const names[] = {"ok", "invalid", "no memory", "io", "format", "state", "unsupported", "stopped"};
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "unknown";
}
