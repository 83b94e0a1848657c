/* A loaded checkpoint that writes: lines in, hypotheses out. What decode, eval and attend share. */
#ifndef HEED_CLI_WRITER_H
#define HEED_CLI_WRITER_H

#include "cli/cli.h"
#include "cli/job.h"

typedef struct search_flags {
    const char *beam, *length_penalty, *length_mean, *max_len, *threads, *src_units;
    bool remove_bpe;
} search_flags;

/* The options of a search, for a verb's table of flags. */
#define SEARCH_FLAGS(f)                                                                                               \
    {"beam", "N", &(f).beam, NULL, NULL, "hypotheses kept at each position; 1 is greedy (5; after a prompt 1)"},      \
    {"length-penalty", "A", &(f).length_penalty, NULL, NULL, "scores are divided by ((5 + length) / 6)^A (0.6)"},     \
    {"length-mean", "A", &(f).length_mean, NULL, NULL, "or by length^A"},                                             \
    {"max-len", "N", &(f).max_len, NULL, NULL, "most symbols of an output (2 source + 16; 200 after a prompt)"},      \
    {"src-units", "UNITS", &(f).src_units, NULL, NULL, "how the input is cut, where that is not as in training: words, bpe:CODES ..."}, \
    {"remove-bpe", NULL, NULL, NULL, &(f).remove_bpe, "join words that BPE has cut (`@@ `) in outputs, and in the targets of eval"}, \
    {"threads", "N", &(f).threads, NULL, NULL, "OMP_NUM_THREADS or all CPUs at first; the result is the same"}

typedef struct writer {
    job j;
    heed_graph *g;
    heed_decoder *d;
    heed_search how;
    char *joined;            /* --remove-bpe: the output that writer_text gave last */
    bool remove_bpe;
    /* the batch: sources of pairs, prompts of a language model, end to end */
    heed_ids ids;
    int64_t rows, capacity, longest;
    bool pending;            /* a line too long for this batch is kept for the next */
    int64_t *start, *length; /* [rows] */
    uint64_t *stream;        /* [rows] */
    heed_found *found;       /* of the batch */
    int64_t *place;          /* [rows] sentence in `found`; -1: the line was empty */
    /* of an encoder, which has no decoder (labels.h) */
    const float *logits;
    int64_t next_mask;       /* of those in the batch, the next to be printed */
} writer;

/* Loads the checkpoint; -1 to go on, or an exit status after a sentence. writer_free in any case. */
int writer_open(writer *w, const char *verb, const char *file, const search_flags *f, heed_error *e);
void writer_free(writer *w);

/* One batch: begin, add lines (`number` draws its random numbers), run, read. Units that the vocabulary lacks add to *unknown. */
void writer_begin(writer *w);
heed_code writer_add(writer *w, heed_line line, uint64_t number, size_t *unknown, heed_error *e);
bool writer_is_full(const writer *w, int64_t rows); /* so many lines, or memory sets the end: then the last line added waits */
/* The rows that are not empty, `rows` of them, as one array filled up with pads, for heed_free; NULL: no memory. */
int32_t *writer_padded(const writer *w, int64_t rows, int32_t *lengths);
heed_code writer_run(writer *w, heed_error *e);
int64_t writer_count(const writer *w, int64_t row);                    /* hypotheses of a line: 0 when it was empty */
heed_hypothesis writer_at(const writer *w, int64_t row, int64_t rank);
heed_line writer_text(writer *w, heed_hypothesis h, heed_error *e);    /* valid until the next call */
void writer_print(writer *w, heed_hypothesis h, bool raw, FILE *out, heed_error *e); /* that, or with `raw` its units with blanks between */

/* Prints a row's prompt and what a language model adds to it, `symbols` of them, line ends among them (write_on.c). */
heed_code writer_go_on(writer *w, int64_t row, int64_t symbols, bool raw, FILE *out, heed_error *e);

#endif
