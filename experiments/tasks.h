/* Tasks whose data are generated: pairs of symbol sequences, from a seed.
 *
 *     copy      a b c d          a b c d
 *     reverse   a b c d          d c b a
 *     sort      c a d a          a a c d            by id
 *     recall    a c b d c        a                  the first symbol, at a distance of length - 1
 *     lookup    k1 v1 k2 v2 k2   v2                 different keys (the lower half of the symbols) and their values (the upper half)
 *     brackets  ( [ ] {          } )                what closes a sequence of brackets; odd symbols close the even ones before them
 */
#ifndef HEED_EXPERIMENTS_TASKS_H
#define HEED_EXPERIMENTS_TASKS_H

#include "experiments/lab.h"

typedef enum task_kind { TASK_COPY, TASK_REVERSE, TASK_SORT, TASK_RECALL, TASK_LOOKUP, TASK_BRACKETS } task_kind;

typedef struct task {
    task_kind kind;
    int64_t symbols;           /* ids HEED_ID_FIRST ... HEED_ID_FIRST + symbols - 1; even for lookup and brackets */
    int64_t shortest, longest; /* sources; a length is drawn for each. Of lookup an odd number, of at most half the symbols' pairs */
    uint64_t seed;
} task;

/* `count` examples of a part of the task's data (0 to train with, others to test). Nothing is added after an error. */
void task_examples(lab *l, heed_examples *x, const task *t, uint64_t part, size_t count);
/* One of them: the source's length is returned, the target, of at most as many symbols, is in *answer. */
int64_t task_draw(const task *t, uint64_t part, uint64_t number, int32_t *source, int32_t *target, int64_t *answer);

#endif
