/* A job: everything a checkpoint holds. Made from data files and settings by `heed train`, or from a checkpoint by every verb. */
#ifndef HEED_CLI_JOB_H
#define HEED_CLI_JOB_H

#include "cli/settings.h"
#include "heed.h"

typedef enum job_kind { JOB_PAIRS, JOB_DICTIONARY, JOB_TEXT, JOB_CLASSES, JOB_TAGS, JOB_MASKED, JOB_KINDS } job_kind;

/* What tells the kinds from each other (kinds.c). */
typedef struct job_traits {
    const char *task;                  /* its name in checkpoints */
    const char *files;                 /* the options that name what it learns from */
    const char *name, *title;          /* for people */
    const char *wants;                 /* a sentence to who gives other files */
    const char *targets;               /* what its target vocabulary holds; of a masked language model, what its source's does */
    const char *src_units, *tgt_units; /* by default; NULL: it has no such side */
    const char *without;               /* keys of settings that mean nothing to it, each between blanks */
    heed_encoder_task task_of_encoder; /* where it is one */
    bool encoder;                      /* an encoder-only model */
} job_traits;
extern const job_traits job_kinds[JOB_KINDS];
bool job_kind_named(const char *task, job_kind *kind);
bool job_kind_takes(job_kind kind, job_kind files); /* whether a job of this kind can use files of that one */
heed_code job_kind_of(job_kind files, const settings *s, job_kind *kind, heed_error *e);

/* What a recurrent language model carries from one batch of a text to the next; nothing of other models. */
typedef struct carry {
    float *state;      /* [rows, width]; NULL: nothing */
    int64_t rows, width;
    heed_tensor *next; /* the state after the batch that job_loss recorded last */
} carry;

typedef struct job {
    settings set;
    job_kind kind;
    heed_units *src_units, *tgt_units;
    heed_vocab *src_vocab, *tgt_vocab;  /* the same object when joint; of classes and tags the target's are the labels */
    int64_t src_symbols, tgt_symbols;   /* sizes of the vocabularies */
    heed_params *params;
    heed_model model;
    void *modules;                      /* what model.self points to */
    heed_optimizer *optimizer;          /* NULL in a job that is not trained */
    /* progress, all of it in the checkpoint */
    int64_t step;                       /* steps done */
    int64_t bad_count, best_step;       /* validations since the best one; the step of that */
    double best_loss;                   /* of validation; infinity before the first */
    heed_plateau plateau;               /* schedule=plateau */
    carry carry;                        /* of training */
    uint64_t data_hash;                 /* of the training and validation examples */
} job;

/* Makes parameters (and the optimizer, for training) for the settings and vocabularies (or their sizes) already in `j`. */
heed_code job_build(job *j, bool training, heed_error *e);
void job_free(job *j);
static inline const job_traits *job_traits_of(const job *j) { return &job_kinds[j->kind]; }
/* A begin symbol stands before every line. */
static inline bool job_begins(const job *j) { return job_kinds[j->kind].encoder && j->kind != JOB_TAGS && j->set.pooling == HEED_POOL_FIRST; }
static inline bool job_reads(const job *j) { return job_kinds[j->kind].src_units != NULL; } /* has a source */

/* What the settings make (model.c): the model of j->params, and the weights that it would have. */
heed_code model_make(job *j, heed_error *e);
heed_code model_weights(job *j, int64_t *count, heed_error *e);

/* Records the loss of a batch: the sum over its target symbols. `logits` and `c` may be NULL. */
heed_tensor *job_loss(const job *j, heed_graph *g, const heed_batch *b, double label_smoothing, heed_tensor **logits, carry *c);

/* A state of zeros for j->model; it begins again; it is what follows the last batch, whose loss was computed. */
heed_code carry_begin(carry *c, const job *j, heed_error *e);
void carry_again(carry *c);
carry carry_rows(const carry *c, int64_t from, int64_t rows); /* those rows of it, in the same memory */
void carry_on(carry *c, heed_graph *g);
void carry_free(carry *c);

/* How many targets are the likeliest class, as a scalar; logits [..., classes] of job_loss. */
heed_tensor *job_right(heed_graph *g, const heed_batch *b, heed_tensor *logits);

/* The learning rate of step `step`, counted from 1. */
double job_rate(const job *j, int64_t step);

/* Checkpoints (state.c). job_load makes a whole job of a file; with `training`, its optimizer too. */
heed_code job_save(job *j, const char *file, heed_error *e);
heed_code job_load(job *j, const char *file, bool training, heed_error *e);

#endif
