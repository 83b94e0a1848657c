/* Fixtures: what PyTorch makes of small modules (tests/data/make_*.py tell the format): cases of named arrays. */
#ifndef HEED_TESTS_FIXTURE_H
#define HEED_TESTS_FIXTURE_H

#include "autograd/params.h"
#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { MOST_ARRAYS = 96, MOST_NUMBERS = 4096 };
typedef struct array { char name[40]; int rank; int64_t shape[4], count; double *values; } array;
typedef struct fixture { array items[MOST_ARRAYS]; int count; double numbers[MOST_NUMBERS]; } fixture;

static inline bool read_array(FILE *in, array *a, double *numbers, const double *end)
{
    if (fscanf(in, "%39s", a->name) != 1 || !strcmp(a->name, "case") || fscanf(in, "%d", &a->rank) != 1 || a->rank > 4)
        return false;
    a->count = 1;
    a->values = numbers;
    for (int i = 0; i < a->rank; i++) {
        long long size;
        if (fscanf(in, "%lld", &size) != 1) return false;
        a->count *= a->shape[i] = size;
    }
    if (a->count > end - numbers) return false;
    for (int64_t i = 0; i < a->count; i++)
        if (fscanf(in, "%lf", &numbers[i]) != 1) return false;
    return true;
}

static inline fixture *load(const char *file, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", TEST_DATA, file);
    FILE *in = fopen(path, "r");
    fixture *f = calloc(1, sizeof *f);
    CU_ASSERT_FATAL(in && f);
    char head[72], line[72] = "";
    snprintf(head, sizeof head, "case %s\n", name);
    while (strcmp(line, head) && fgets(line, sizeof line, in)) {}
    double *at = f->numbers;
    while (f->count < MOST_ARRAYS && read_array(in, &f->items[f->count], at, f->numbers + MOST_NUMBERS))
        at += f->items[f->count++].count;
    fclose(in);
    CU_ASSERT_FATAL(f->count > 0);
    return f;
}

static inline const array *find(const fixture *f, const char *prefix, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    for (int i = 0; i < f->count; i++)
        if (!strcmp(f->items[i].name, full)) return &f->items[i];
    return NULL;
}

static inline double number(const fixture *f, const char *name) { return find(f, "", name)->values[0]; }

static inline bool same_shape(const array *a, int rank, const int64_t *shape)
{
    return a && a->rank == rank && (!rank || !memcmp(a->shape, shape, (size_t)rank * sizeof *shape));
}

/* Every parameter takes its values from the fixture, which has gradients ("d.NAME") for them and for so many inputs, and for nothing else. */
static inline void set_weights(const fixture *f, heed_params *ps, int inputs)
{
    int gradients = 0;
    for (int i = 0; i < f->count; i++) gradients += !strncmp(f->items[i].name, "d.", 2);
    CU_ASSERT_EQUAL(gradients, heed_params_count(ps) + inputs);
    for (int i = 0; i < heed_params_count(ps); i++) {
        heed_param *p = heed_params_at(ps, i);
        const array *a = find(f, "", heed_param_name(p));
        CU_ASSERT_FATAL(same_shape(a, heed_param_rank(p), heed_param_shape(p)));
        memcpy(heed_param_data(p), a->values, (size_t)a->count * sizeof(double));
    }
}

static inline void compare(const char *name, const array *expected, const double *got)
{
    double worst = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(expected);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    for (int64_t i = 0; i < expected->count; i++) {
        double off = fabs(got[i] - expected->values[i]) / fmax(1, fabs(expected->values[i]));
        if (!(off <= worst)) worst = off; /* a NaN too */
    }
    if (!(worst <= 1e-10)) fprintf(stderr, "\n    %s is off by %g\n", name, worst);
    CU_ASSERT(worst <= 1e-10);
}

#endif
