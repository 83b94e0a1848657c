/* A run of heed train: what was asked for, and the job with its data and folder. Asked for in verb_train.c, begun by start.c,
 * done by train.c. */
#ifndef HEED_CLI_TRAINING_H
#define HEED_CLI_TRAINING_H

#include "cli/cli.h"
#include "cli/data.h"
#include "cli/profiling.h"

enum { MOST_SETS = 128, MOST_STEPS = 1000000000 };

typedef struct arguments {
    const char *run, *config, *model, *steps, *minutes, *threads, *memory, *seed, *src_units, *tgt_units, *from;
    data_files train, valid;
    const char *set_items[MOST_SETS];
    flag_list sets;
    bool keys;
    profiling watch;
    int64_t step_count, thread_count;
    double minute_count;
    size_t memory_bytes;
} arguments;

typedef struct training {
    arguments a;
    job j, base; /* base: of --from, while a new run begins */
    data train, valid;
    bool has_valid, fresh;
    int64_t began, planned; /* the step at which this process took over, and where the run is to end */
    heed_graph *g;
    heed_shards *shards;
    carry parts[HEED_MOST_SHARDS]; /* of the job's, by shard: of the batch that was added last */
    heed_folder *folder;
    heed_runlog *log;
    heed_progress *progress;
    char *last, *log_file;
    double started;
    int64_t seen;           /* symbols of the last step, for the speed: targets, of encoders the source */
} training;

/* What can be told to be wrong before anything is read or made: the choice of files, --set and --seed, how long. */
heed_code training_check(const arguments *a, heed_error *e);
/* Reads the data, opens the folder and makes the job: a new one, or that of last.h5 where it is found. */
heed_code training_begin(training *t, heed_error *e);
bool training_file_exists(const char *file);
/* All of it (train.c), after the arguments were read; an exit status. */
int training_run(training *t);
/* curves.svg and average.h5 (train_files.c). */
heed_code training_draw(const training *t, heed_error *e);
heed_code training_average(training *t, heed_error *e);

/* --from (from.c), for a new run, in this order: loads its job as t->base and gives its units, vocabulary and sizes to t->j and `set`; refuses
 * settings that make another encoder; copies the weights and frees t->base. */
heed_code from_read(training *t, settings *set, heed_error *e);
heed_code from_check(const training *t, heed_error *e);
heed_code from_copy(training *t, heed_error *e);

#endif
