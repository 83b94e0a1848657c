#include "io/number_names.h"

#include <inttypes.h>
#include <string.h>

static const char *const small[] = {"zero",     "one",     "two",     "three",     "four",     "five",    "six",
                                    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
                                    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};

static size_t say(char *name, size_t at, const char *word)
{
    if (at) name[at++] = ' ';
    strcpy(name + at, word);
    return at + strlen(word);
}

static size_t say_below_thousand(char *name, size_t at, unsigned n)
{
    if (n >= 100) at = say(name, say(name, at, small[n / 100]), "hundred");
    n %= 100;
    if (n >= 20) at = say(name, at, tens[n / 10]), n %= 10;
    return n ? say(name, at, small[n]) : at;
}

size_t heed_number_name(uint64_t number, char name[HEED_NUMBER_NAME])
{
    static const struct {
        uint64_t size;
        const char *name;
    } powers[] = {{1000000000000000000u, "quintillion"},
                  {1000000000000000u, "quadrillion"},
                  {1000000000000u, "trillion"},
                  {1000000000u, "billion"},
                  {1000000u, "million"},
                  {1000u, "thousand"}};
    size_t at = 0;
    if (!number) return say(name, 0, small[0]);
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        unsigned n = (unsigned)(number / powers[i].size);
        if (n) at = say(name, say_below_thousand(name, at, n), powers[i].name);
        number %= powers[i].size;
    }
    return say_below_thousand(name, at, (unsigned)number);
}

heed_dictionary *heed_number_dictionary(size_t count, uint64_t step, heed_error *e)
{
    if (!count || !step || count - 1 > UINT64_MAX / step) {
        heed_fail(e, HEED_INVALID, "%zu numbers in steps of %" PRIu64 ": 1 or more of both, below 2^64, are needed", count, step);
        return NULL;
    }
    heed_dictionary *d = heed_dictionary_create("numbers", e);
    for (size_t i = 0; d && i < count; i++) {
        char digits[24], name[HEED_NUMBER_NAME];
        heed_line word = {digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, i * step)};
        heed_line symbols = {name, heed_number_name(i * step, name)};
        if (!heed_dictionary_add(d, word, symbols, i + 1, e)) continue;
        heed_dictionary_free(d);
        d = NULL;
    }
    return d;
}
