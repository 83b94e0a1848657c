/* Numbers as text, the same in every locale: 0.1 is written with a point and the fewest digits that read back as 0.1. */
#ifndef HEED_NUMBER_H
#define HEED_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

enum { HEED_NUMBER_SIZE = 32 }; /* bytes that hold any number written here */

/* The shortest of %.1g to %.17g that reads back as `value`; "nan", "inf", "-inf". Returns `text`. */
const char *heed_real_text(double value, char text[HEED_NUMBER_SIZE]);

/* At most `decimals` digits after the point, zeros at the end dropped ("12.5", "-0" becomes "0"). Returns `text`. */
const char *heed_fixed_text(double value, int decimals, char text[HEED_NUMBER_SIZE]);

/* At most `digits` (1 to 17) digits that count: 0.000314, 3.1e-05. Returns `text`. */
const char *heed_digits_text(double value, int digits, char text[HEED_NUMBER_SIZE]);

/* True when all of `text` is a decimal number (no blanks, no hexadecimal, no nan, no inf) that a double or int64_t can hold. */
bool heed_real_parse(const char *text, double *value);
bool heed_int_parse(const char *text, int64_t *value);

#endif
