#include "number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The calling thread speaks C between enter and leave; other threads and the program's own setting are not touched. */
typedef struct { locale_t c, before; } c_locale;

static c_locale enter(void)
{
    c_locale l = {newlocale(LC_ALL_MASK, "C", (locale_t)0), (locale_t)0};
    if (l.c) l.before = uselocale(l.c);
    return l;
}

static void leave(c_locale l)
{
    if (!l.c) return;
    uselocale(l.before);
    freelocale(l.c);
}

const char *heed_real_text(double value, char text[HEED_NUMBER_SIZE])
{
    if (isnan(value)) return strcpy(text, "nan"); /* printf tells the sign of a NaN */
    c_locale l = enter();
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, HEED_NUMBER_SIZE, "%.*g", digits, value);
        if (isinf(value) || strtod(text, NULL) == value) break;
    }
    leave(l);
    return text;
}

const char *heed_fixed_text(double value, int decimals, char text[HEED_NUMBER_SIZE])
{
    if (!(fabs(value) < 1e15)) return heed_real_text(value, text);
    c_locale l = enter();
    snprintf(text, HEED_NUMBER_SIZE, "%.*f", decimals, value);
    leave(l);
    size_t n = strlen(text);
    if (strchr(text, '.')) {
        while (text[n - 1] == '0') n--;
        if (text[n - 1] == '.') n--;
        text[n] = 0;
    }
    return strcmp(text, "-0") ? text : strcpy(text, "0");
}

const char *heed_digits_text(double value, int digits, char text[HEED_NUMBER_SIZE])
{
    if (isnan(value)) return strcpy(text, "nan");
    c_locale l = enter();
    snprintf(text, HEED_NUMBER_SIZE, "%.*g", digits, value);
    leave(l);
    return text;
}

bool heed_real_parse(const char *text, double *value)
{
    if (!*text || text[strspn(text, "0123456789+-.eE")]) return false;
    c_locale l = enter();
    char *end;
    double parsed = strtod(text, &end);
    leave(l);
    if (*end || end == text || isinf(parsed)) return false;
    *value = parsed;
    return true;
}

bool heed_int_parse(const char *text, int64_t *value)
{
    if (!*text || text[strspn(text, "0123456789+-")]) return false;
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (*end || end == text || errno) return false;
    *value = parsed;
    return true;
}
