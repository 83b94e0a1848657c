/* Numbers and their English names, "42" and "forty two": pairs to learn from where no dictionary is at hand. */
#ifndef HEED_NUMBER_NAMES_H
#define HEED_NUMBER_NAMES_H

#include "dictionary.h"

enum { HEED_NUMBER_NAME = 256 }; /* bytes that hold the name of any 64-bit number */

/* "zero", "forty two", "one million three hundred five": American, without "and" and hyphens. Returns the length. */
size_t heed_number_name(uint64_t number, char name[HEED_NUMBER_NAME]);

/* 0, step, 2 step, ...: `count` numbers below 2^64 and their names. A step such as 37 visits all endings early. */
heed_dictionary *heed_number_dictionary(size_t count, uint64_t step, heed_error *e);

#endif
