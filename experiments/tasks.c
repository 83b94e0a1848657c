#include "experiments/tasks.h"

#include <stdlib.h>
#include <string.h>

static int32_t any(heed_random *r, int64_t low, int64_t count)
{
    return (int32_t)(HEED_ID_FIRST + low + (int64_t)heed_random_below(r, (uint64_t)count));
}

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Different keys with values, then one of the keys; its value is the answer. */
static void draw_lookup(heed_random *r, const task *t, int64_t length, int32_t *source, int32_t *target)
{
    int64_t half = t->symbols / 2, pairs = length / 2;
    for (int64_t i = 0; i < pairs; i++) {
        int32_t key;
        bool again;
        do {
            key = any(r, 0, half);
            again = false;
            for (int64_t k = 0; k < i; k++) again = again || source[2 * k] == key;
        } while (again);
        source[2 * i] = key;
        source[2 * i + 1] = any(r, half, half);
    }
    int64_t asked = (int64_t)heed_random_below(r, (uint64_t)pairs);
    source[length - 1] = source[2 * asked];
    target[0] = source[2 * asked + 1];
}

/* Opens (even symbols) or closes with equal chance where both can be; the last one opens if nothing is open. Returns what is open. */
static int64_t draw_brackets(heed_random *r, const task *t, int64_t length, int32_t *source, int32_t *target)
{
    int64_t open = 0;
    for (int64_t i = 0; i < length; i++) {
        bool closes = open > 1 || (open && i < length - 1) ? heed_random_below(r, 2) : false;
        if (closes) {
            source[i] = target[--open];
            continue;
        }
        int32_t kind = (int32_t)heed_random_below(r, (uint64_t)t->symbols / 2);
        source[i] = HEED_ID_FIRST + 2 * kind;
        target[open++] = source[i] + 1;
    }
    for (int64_t i = 0; i < open / 2; i++) {
        int32_t swap = target[i];
        target[i] = target[open - 1 - i];
        target[open - 1 - i] = swap;
    }
    return open;
}

int64_t task_draw(const task *t, uint64_t part, uint64_t number, int32_t *source, int32_t *target, int64_t *answer)
{
    heed_random r = {t->seed, heed_hash_name("task") + part, number << 20};
    int64_t span = t->longest - t->shortest, length = t->shortest;
    if (span > 0) length += t->kind == TASK_LOOKUP ? 2 * (int64_t)heed_random_below(&r, (uint64_t)span / 2 + 1)
                                                   : (int64_t)heed_random_below(&r, (uint64_t)span + 1);
    *answer = 1;
    if (t->kind == TASK_LOOKUP) draw_lookup(&r, t, length, source, target);
    else if (t->kind == TASK_BRACKETS) *answer = draw_brackets(&r, t, length, source, target);
    else for (int64_t i = 0; i < length; i++) source[i] = any(&r, 0, t->symbols);
    if (t->kind == TASK_RECALL) target[0] = source[0];
    if (t->kind == TASK_COPY || t->kind == TASK_REVERSE || t->kind == TASK_SORT) {
        *answer = length;
        for (int64_t i = 0; i < length; i++) target[i] = source[t->kind == TASK_REVERSE ? length - 1 - i : i];
        if (t->kind == TASK_SORT) qsort(target, (size_t)length, sizeof *target, by_id);
    }
    return length;
}

void task_examples(lab *l, heed_examples *x, const task *t, uint64_t part, size_t count)
{
    if (!lab_ok(l)) return;
    int32_t *source = lab_alloc(l, (size_t)t->longest, sizeof *source), *target = lab_alloc(l, (size_t)t->longest, sizeof *target);
    for (size_t i = 0; i < count && lab_ok(l); i++) {
        int64_t answer, length = task_draw(t, part, i, source, target, &answer);
        heed_examples_add(x, i, source, (size_t)length, lab_error(l));
        heed_examples_add_answer(x, target, (size_t)answer, lab_error(l));
    }
}
