/* SentencePiece in C, for units.c; not installed. In builds with HEED_SENTENCEPIECE only. */
#ifndef HEED_SENTENCEPIECE_H
#define HEED_SENTENCEPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "text.h"

typedef struct heed_sentencepiece heed_sentencepiece;

/* Is given one piece, or the line; false stops. */
typedef bool heed_sentencepiece_sink(void *context, const char *bytes, size_t length);

heed_sentencepiece *heed_sentencepiece_create(const char *name, const char *model, size_t length, heed_error *e);
void heed_sentencepiece_free(heed_sentencepiece *s);

heed_code heed_sentencepiece_split(heed_sentencepiece *s, heed_line line, heed_sentencepiece_sink *sink, void *context,
                                   heed_error *e);
heed_code heed_sentencepiece_join(heed_sentencepiece *s, const heed_line *pieces, size_t count, heed_sentencepiece_sink *sink,
                                  void *context, heed_error *e);

#ifdef __cplusplus
}
#endif

#endif
