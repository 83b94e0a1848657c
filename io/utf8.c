#include "io/utf8.h"

size_t heed_utf8_valid(const char *bytes, size_t length)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t i = 0;
    while (i < length) {
        unsigned lead = p[i], low = 0x80, high = 0xBF; /* what the second byte may be */
        size_t more;
        if (lead < 0x80) {
            i++;
            continue;
        } else if (lead >= 0xC2 && lead <= 0xDF) {
            more = 1;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            more = 2;
            if (lead == 0xE0) low = 0xA0;  /* below: overlong */
            if (lead == 0xED) high = 0x9F; /* above: surrogates */
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            more = 3;
            if (lead == 0xF0) low = 0x90;  /* below: overlong */
            if (lead == 0xF4) high = 0x8F; /* above: beyond U+10FFFF */
        } else {
            return i;
        }
        if (length - i <= more || p[i + 1] < low || p[i + 1] > high) return i;
        for (size_t k = 2; k <= more; k++)
            if ((p[i + k] & 0xC0) != 0x80) return i;
        i += more + 1;
    }
    return i;
}
