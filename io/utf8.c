#include "utf8.h"

int32_t heed_utf8_next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    int more = s[0] < 0x80 ? 0 : s[0] < 0xc2 ? -1 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : s[0] < 0xf5 ? 3 : -1;
    int32_t c = more <= 0 ? s[0] : s[0] & (0x3f >> more);
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) { more = -1; break; }
        c = c << 6 | (s[i] & 0x3f);
    }
    if ((more == 2 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) || (more == 3 && (c < 0x10000 || c > 0x10ffff))) more = -1;
    *text += more < 0 ? 1 : more + 1;
    return more < 0 ? HEED_UTF8_INVALID + s[0] : c;
}

size_t heed_utf8_valid(const char *bytes, size_t length)
{
    const char *p = bytes;
    while (p < bytes + length) {
        const char *start = p;
        if (heed_utf8_next(&p) >= HEED_UTF8_INVALID) return (size_t)(start - bytes);
    }
    return length;
}

typedef struct { int32_t first, last; } range;

static bool within(const range *r, size_t count, int32_t c)
{
    for (size_t i = 0; i < count; i++)
        if (c >= r[i].first && c <= r[i].last) return true;
    return false;
}

bool heed_utf8_is_space(int32_t c)
{
    static const range spaces[] = {{0x09, 0x0d}, {0x1c, 0x20}, {0x85, 0x85}, {0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a},
                                   {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
    return within(spaces, sizeof spaces / sizeof *spaces, c);
}

int heed_utf8_width(int32_t c)
{
    /* Blocks of marks and of wide characters (Unicode 15, EastAsianWidth.txt): coarse, for layout only. */
    static const range marks[] = {{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x5bf, 0x5bf}, {0x5c1, 0x5c2}, {0x610, 0x61a},
                                  {0x64b, 0x65f}, {0x670, 0x670}, {0x6d6, 0x6dc}, {0x93c, 0x93c}, {0x941, 0x948}, {0x94d, 0x94d},
                                  {0xe31, 0xe31}, {0xe34, 0xe3a}, {0xe47, 0xe4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
                                  {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2069}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f},
                                  {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};
    static const range wide[] = {{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xa960, 0xa97f}, {0xac00, 0xd7a3},
                                 {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff},
                                 {0x20000, 0x3fffd}};
    if (within(marks, sizeof marks / sizeof *marks, c)) return 0;
    return within(wide, sizeof wide / sizeof *wide, c) ? 2 : 1;
}
