/* What an encoder-only model says of lines: labels, tags, symbols in place of masks. */
#ifndef HEED_CLI_LABELS_H
#define HEED_CLI_LABELS_H

#include "cli/data.h"
#include "cli/writer.h"

/* Of the batch that the writer holds; its logits stay until the graph is reset. */
heed_code labels_run(writer *w, heed_error *e);
/* Prints a line of the batch, in the order of rows: a label, tags with blanks between them, or the line with its masks filled in. With `many`
 * not 0, lines of "number TAB probability TAB label" for so many of the likeliest, or of "... TAB unit" for every mask. */
heed_code labels_print(writer *w, int64_t row, int64_t number, int64_t many, bool raw, FILE *out, heed_error *e);

/* heed eval: prints accuracy and what else there is; `confusion` (or NULL) becomes a picture. */
heed_code labels_eval(writer *w, data *d, bool json, const char *confusion, heed_error *e);

#endif
