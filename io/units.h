/* Units: what a line of text is cut into, and how a line is put together from them again.
 *
 *     chars       characters (code points). A blank is shown as U+2581 (as SentencePiece does); that character itself and control
 *                 characters appear as `<U+0009>`, which no single character can be mistaken for. Any line comes back as it was.
 *     words       what blanks and TABs separate; back: joined by single blanks
 *     bpe:CODES   words, cut by the merges of a subword-nmt codes file (`#version: 0.2`); units that go on end in `@@`
 *                 Sennrich, Haddow, Birch: Neural Machine Translation of Rare Words with Subword Units (ACL 2016)
 *     spm:MODEL   pieces of a SentencePiece model, in builds that found the library
 *
 * A unit is never empty and has no NUL or line end. An object remembers words and results: it belongs to one thread at a time.
 */
#ifndef HEED_UNITS_H
#define HEED_UNITS_H

#include "text.h"

typedef struct heed_units heed_units;

heed_units *heed_units_create(const char *specification, heed_error *e); /* as in the first column above */
void heed_units_free(heed_units *u);
const char *heed_units_kind(const heed_units *u); /* "chars", "words", "bpe" or "spm" */
bool heed_units_have_sentencepiece(void);

/* The line's units, `*count` of them, valid until the next split on `u`. NULL: failed. A line may have none. */
const heed_line *heed_units_split(heed_units *u, heed_line line, size_t *count, heed_error *e);

/* Cuts off `*rest`, which is not empty, a part that has the same units alone: 64 KiB or a little more of a line that is longer
 * (all of it with SentencePiece). So a text of 100 MB in one line is encoded in little memory. */
heed_line heed_units_part(const heed_units *u, heed_line *rest);

/* The line that these units make, valid until the next join on `u`; bytes NULL: failed. */
heed_line heed_units_join(heed_units *u, const heed_line *units, size_t count, heed_error *e);

/* The line with words cut by BPE whole again, "pul@@ ley" as "pulley", as `sed -r 's/(@@ )|(@@ ?$)//g'` does: for models trained on lines
 * that were cut beforehand. `out` has room for line.length + 1 bytes and is returned; it may be the line's own memory. */
heed_line heed_remove_bpe(heed_line line, char *out);

/* As bytes for a checkpoint, merges or model included, so that no file is needed; the caller frees them with heed_free. NULL:
 * failed. */
char *heed_units_save(const heed_units *u, size_t *length, heed_error *e);
heed_units *heed_units_restore(const char *bytes, size_t length, heed_error *e);

#endif
