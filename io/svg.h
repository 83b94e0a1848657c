/* The pieces of an SVG picture that figures are made of. Lengths are pixels, x to the right, y down. For use inside io/. */
#ifndef HEED_SVG_H
#define HEED_SVG_H

#include "buffer.h"

/* Text as XML content: escaped, characters that XML forbids replaced, blanks at the ends made visible when `label`. */
void heed_svg_escape(heed_buffer *b, const char *text, bool label);

/* Everything up to the first shape. Classes for shapes and text: soft (text that matters less), other (text that differs), grid,
 * frame, void, back. */
void heed_svg_begin(heed_buffer *b, double width, double height, const char *title);
void heed_svg_end(heed_buffer *b);

typedef enum heed_svg_anchor { HEED_SVG_START, HEED_SVG_MIDDLE, HEED_SVG_END } heed_svg_anchor;

typedef struct heed_svg_text {
    double size;   /* of the font */
    double widest; /* longer text is cut and shown whole when the pointer rests on it; 0: no limit */
    heed_svg_anchor anchor;
    const char *class; /* NULL for plain text */
    bool bold, upright; /* upright: turned to be read from below */
} heed_svg_text;

/* Text that stands on the line y (x when upright). */
void heed_svg_put_text(heed_buffer *b, double x, double y, heed_svg_text how, const char *text);

/* About how wide it gets. */
double heed_svg_text_width(const char *text, double size);

/* "0072b2" and so on for the first, second, ... of several things; the seventh is grey, the eighth like the first. */
const char *heed_svg_colour(size_t i);

/* <rect .../> with further attributes such as `class="frame"`, and the same with a text for the resting pointer. */
void heed_svg_rect(heed_buffer *b, double x, double y, double width, double height, const char *attributes);
void heed_svg_point(heed_buffer *b, const char *command, double x, double y); /* "M12.5 3", for the d of a path */

#endif
