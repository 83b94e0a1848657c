/* The data of a job: files given on the command line, as examples or as one long text, for training and for validation. */
#ifndef HEED_CLI_DATA_H
#define HEED_CLI_DATA_H

#include "cli/job.h"

typedef struct data_files { const char *src, *tgt, *dict, *text, *labels, *tags; } data_files;

/* What was read, and the batches made of it. Pairs have examples and batches, a text has ids and windows. */
typedef struct data {
    heed_text *src, *tgt, *text; /* tgt: also labels and tags */
    heed_dictionary *dict;
    heed_examples *examples;
    heed_batches *batches;
    heed_ids ids;
    heed_windows *windows;
    bool streams;          /* windows follow each other from batch to batch, for a model that carries its state */
    heed_masking *masking;
    int64_t count;         /* batches in a round of validation */
} data;

/* Refuses a wrong choice of files with a sentence; says which kind of job they make. */
heed_code data_kind(const data_files *f, job_kind *kind, heed_error *e);
heed_code data_read(data *d, const data_files *f, heed_error *e);
void data_free(data *d);

/* Units and vocabularies of a new job, counted over the training part. What the job has of them already is kept. */
heed_code data_vocabularies(job *j, const data *train, bool hold_out, const char *src_units, const char *tgt_units, heed_error *e);

/* Ids and batches. `part` says which share of `d` is wanted: all of it, or what is left or taken by holding out. */
heed_code data_encode(data *d, const job *j, heed_part part, bool in_order, heed_error *e);

/* Batch `i` of training (endless), or of validation (below d->count). */
const heed_batch *data_batch(data *d, const job *j, uint64_t i);
const heed_batch *data_valid_batch(data *d, int64_t i);
/* Whether nothing is carried from the batch before into batch `i` of training. */
bool data_starts_over(const data *d, uint64_t i);

/* Mean loss a target symbol over a validation set, without smoothing and dropout; of encoders, the share of right targets too (else NaN). */
heed_code data_loss(data *d, const job *j, heed_graph *g, double *loss, double *accuracy, heed_error *e);

#endif
