#include "svg.h"

#include "utf8.h"

#include <string.h>

/* Okabe and Ito 2008: told apart by the colour blind, visible on light and dark. */
static const char *const colours[] = {"0072b2", "d55e00", "009e73", "cc79a7", "e69f00", "56b4e9", "7f7f7f"};

const char *heed_svg_colour(size_t i) { return colours[i % (sizeof colours / sizeof *colours)]; }

/* Colours of GitHub's light and dark themes: good contrast of text in both (above 7:1, soft text above 4.5:1). */
static const char style[] =
    "<style>.heed text{fill:#1f2328}.heed .soft{fill:#59636e}.heed .grid{stroke:#d1d9e0;fill:none}"
    ".heed .frame{stroke:#818b98;fill:none}.heed .void{fill:#c8ced6}.heed .back{fill:#ffffff}.heed .other{fill:#d55e00}"
    "@media (prefers-color-scheme:dark){.heed text{fill:#f0f6fc}.heed .soft{fill:#9198a1}.heed .grid{stroke:#3d444d}"
    ".heed .frame{stroke:#656c76}.heed .void{fill:#3d444d}.heed .back{fill:#0d1117}}</style>\n";

static void put_character(heed_buffer *b, const char *bytes, size_t length, int32_t c)
{
    if (c == '&') heed_buffer_put(b, "&amp;");
    else if (c == '<') heed_buffer_put(b, "&lt;");
    else if (c == '>') heed_buffer_put(b, "&gt;");
    else if (c == '"') heed_buffer_put(b, "&quot;");
    else if (c < 0x20) heed_buffer_bytes(b, (const char[]){'\xe2', '\x90', (char)(0x80 + c)}, 3); /* U+2400.. show controls */
    else if ((c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff || c >= HEED_UTF8_INVALID) heed_buffer_put(b, "\xef\xbf\xbd");
    else heed_buffer_bytes(b, bytes, length);
}

static void escape(heed_buffer *b, const char *text, const char *end, bool label)
{
    for (const char *p = text, *q = p; p < end; p = q) {
        int32_t c = heed_utf8_next(&q);
        bool at_an_end = p == text || q == end;
        if (label && at_an_end && heed_utf8_is_space(c) && c >= 0x20) {
            heed_buffer_put(b, "\xe2\x90\xa3"); /* an open box */
            continue;
        }
        if (label && p == text && !heed_utf8_width(c)) heed_buffer_put(b, "\xe2\x97\x8c"); /* a circle for a mark to stand on */
        put_character(b, p, (size_t)(q - p), c);
    }
}

void heed_svg_escape(heed_buffer *b, const char *text, bool label) { escape(b, text, text + strlen(text), label); }

void heed_svg_begin(heed_buffer *b, double width, double height, const char *title)
{
    heed_buffer_put(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"heed\" width=\"");
    heed_buffer_fixed(b, width, 0);
    heed_buffer_put(b, "\" height=\"");
    heed_buffer_fixed(b, height, 0);
    heed_buffer_put(b, "\" viewBox=\"0 0 ");
    heed_buffer_fixed(b, width, 0);
    heed_buffer_put(b, " ");
    heed_buffer_fixed(b, height, 0);
    heed_buffer_put(b, "\" font-family=\"Helvetica,Arial,'DejaVu Sans','Noto Sans',sans-serif\" role=\"img\">\n<title>");
    heed_svg_escape(b, title, false);
    heed_buffer_put(b, "</title>\n");
    heed_buffer_put(b, style);
    heed_svg_rect(b, 0, 0, width, height, "class=\"back\" fill=\"#fff\"");
}

void heed_svg_end(heed_buffer *b) { heed_buffer_put(b, "</svg>\n"); }

static double em_width(int32_t c)
{
    int width = heed_utf8_width(c);
    if (width == 1)
        return c < 0x80 && strchr("ijlt.,:;'|!()[] ", c) ? 0.33 : (c >= 'A' && c <= 'Z') || c == 'm' || c == 'w' ? 0.74 : 0.58;
    return width ? 1.02 : 0;
}

double heed_svg_text_width(const char *text, double size)
{
    double width = 0;
    while (*text) width += em_width(heed_utf8_next(&text));
    return width * size;
}

/* Where to cut so that the beginning and an ellipsis are at most `widest` wide; marks stay with their letter. */
static const char *cut(const char *text, double size, double widest)
{
    double width = size; /* the ellipsis */
    const char *p = text;
    for (const char *q = p; *p; p = q) {
        double more = em_width(heed_utf8_next(&q)) * size;
        if (more > 0 && width + more > widest) break;
        width += more;
    }
    return p;
}

void heed_svg_put_text(heed_buffer *b, double x, double y, heed_svg_text how, const char *text)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    bool whole = how.widest <= 0 || heed_svg_text_width(text, how.size) <= how.widest;
    if (how.upright) {
        heed_buffer_put(b, "<text transform=\"translate(");
        heed_buffer_fixed(b, x, 1);
        heed_buffer_put(b, " ");
        heed_buffer_fixed(b, y, 1);
        heed_buffer_put(b, ") rotate(-90)\" font-size=\"");
    } else {
        heed_buffer_put(b, "<text x=\"");
        heed_buffer_fixed(b, x, 1);
        heed_buffer_put(b, "\" y=\"");
        heed_buffer_fixed(b, y, 1);
        heed_buffer_put(b, "\" font-size=\"");
    }
    heed_buffer_fixed(b, how.size, 1);
    heed_buffer_format(b, "\"%s%s", anchors[how.anchor], how.bold ? " font-weight=\"600\"" : "");
    if (how.class) heed_buffer_format(b, " class=\"%s\"", how.class);
    heed_buffer_put(b, ">");
    if (!whole) {
        heed_buffer_put(b, "<title>");
        heed_svg_escape(b, text, false);
        heed_buffer_put(b, "</title>");
    }
    escape(b, text, whole ? text + strlen(text) : cut(text, how.size, how.widest), true);
    heed_buffer_put(b, whole ? "</text>\n" : "\xe2\x80\xa6</text>\n");
}

void heed_svg_rect(heed_buffer *b, double x, double y, double width, double height, const char *attributes)
{
    heed_buffer_put(b, "<rect x=\"");
    heed_buffer_fixed(b, x, 1);
    heed_buffer_put(b, "\" y=\"");
    heed_buffer_fixed(b, y, 1);
    heed_buffer_put(b, "\" width=\"");
    heed_buffer_fixed(b, width, 1);
    heed_buffer_put(b, "\" height=\"");
    heed_buffer_fixed(b, height, 1);
    heed_buffer_format(b, "\" %s/>\n", attributes);
}

void heed_svg_point(heed_buffer *b, const char *command, double x, double y)
{
    heed_buffer_put(b, command);
    heed_buffer_fixed(b, x, 1);
    heed_buffer_put(b, " ");
    heed_buffer_fixed(b, y, 1);
}
