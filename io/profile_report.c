/* Tables of a profile: its steps are summed up by what they have in common, and sorted by time. */
#include "io/profile_report.h"

#include "autograd/memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct row { char *name; double seconds, backward, busy, calls, flops, bytes; } row;
typedef struct rows { row *row; size_t count, capacity; } rows;

static void free_rows(rows *r)
{
    for (size_t i = 0; i < r->count; i++) heed_free(r->row[i].name);
    heed_free(r->row);
}

static heed_code no_memory(heed_error *e) { return heed_fail(e, HEED_NO_MEMORY, "no memory for the tables of a profile"); }

/* Adds to the row of that name. */
static heed_code add(rows *r, const char *name, const row *more, heed_error *e)
{
    size_t i = 0;
    while (i < r->count && strcmp(r->row[i].name, name)) i++;
    if (i == r->count) {
        char *copy = heed_strdup(name);
        if (!copy || !heed_grow((void **)&r->row, &r->capacity, i + 1, sizeof *r->row)) {
            heed_free(copy);
            return no_memory(e);
        }
        r->row[r->count++] = (row){.name = copy};
    }
    row *s = &r->row[i];
    s->seconds += more->seconds;
    s->backward += more->backward;
    s->busy += more->busy;
    s->calls += more->calls;
    s->flops += more->flops;
    s->bytes += more->bytes;
    return e->code;
}

/* --- what a row is named by ------------------------------------------------------------------------------------------------------ */

enum { NAME_SIZE = 1400 };
typedef void name_fn(const heed_profile_step *s, char name[NAME_SIZE]);

static void by_kernel(const heed_profile_step *s, char name[NAME_SIZE]) { snprintf(name, NAME_SIZE, "%s", s->kernel); }
static void by_step(const heed_profile_step *s, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%s%s  %s", s->shapes[0] == '[' && !strcmp(s->kernel, "pass") ? "pass: " : "", s->ops, s->shapes);
}

/* numbers between dots as *: "enc.0.self" and "enc.1.self" are enc.*.self */
static void by_scope(const heed_profile_step *s, char name[NAME_SIZE])
{
    size_t n = 0;
    for (const char *at = s->scope; *at && n + 2 < NAME_SIZE;) {
        size_t digits = strspn(at, "0123456789"), length = strcspn(at, ".");
        bool number = digits && digits == length;
        if (number) name[n++] = '*';
        for (size_t i = 0; i < length && !number && n + 2 < NAME_SIZE; i++) name[n++] = at[i];
        at += length;
        if (*at) name[n++] = *at++;
    }
    name[n] = 0;
    if (!n) strcpy(name, "-");
}

static heed_code collect(rows *r, const heed_profile *p, name_fn *name_of, heed_error *e)
{
    size_t count;
    const heed_profile_step *s = heed_profile_steps(p, &count);
    for (size_t i = 0; i < count && !e->code; i++) {
        char name[NAME_SIZE];
        name_of(&s[i], name);
        add(r, name, &(row){NULL, s[i].seconds, s[i].backward ? s[i].seconds : 0, s[i].busy, (double)s[i].calls, s[i].flops, s[i].bytes}, e);
    }
    return e->code;
}

/* --- printing -------------------------------------------------------------------------------------------------------------------- */

static int slower_first(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return x->seconds != y->seconds ? (x->seconds < y->seconds) - (x->seconds > y->seconds) : strcmp(x->name, y->name);
}

static void print_share(FILE *out, double part, double whole)
{
    if (whole > 0) fprintf(out, " %6.1f", 100 * part / whole);
    else fprintf(out, " %6s", "-");
}

static void print_steps(rows *r, const char *title, const heed_profile *p, const heed_profile_layout *l, FILE *out)
{
    heed_profile_totals t = heed_profile_total(p);
    double units = l->units > 0 ? (double)l->units : 1;
    qsort(r->row, r->count, sizeof *r->row, slower_first);
    fprintf(out, "\n%9s %6s %6s %9s %8s %6s %8s %6s  %s\n", "ms", "%", "back %", "calls", "GFLOP/s", "% peak", "GB/s", "busy %", title);
    size_t shown = l->rows > 0 && (size_t)l->rows < r->count ? (size_t)l->rows : r->count;
    row rest = {0};
    for (size_t i = 0; i <= r->count; i++) {
        row *s = i < r->count ? &r->row[i] : &rest;
        if (i >= shown && i < r->count) {
            rest.seconds += s->seconds, rest.backward += s->backward, rest.busy += s->busy;
            rest.calls += s->calls, rest.flops += s->flops, rest.bytes += s->bytes;
            continue;
        }
        if (i == r->count && shown == r->count) break;
        fprintf(out, "%9.3f", 1e3 * s->seconds / units);
        print_share(out, s->seconds, t.steps);
        print_share(out, s->backward, s->seconds);
        fprintf(out, " %9.4g %8.1f", s->calls / units, s->seconds > 0 ? 1e-9 * s->flops / s->seconds : 0);
        print_share(out, s->flops, s->seconds * l->peak);
        fprintf(out, " %8.1f", s->seconds > 0 ? 1e-9 * s->bytes / s->seconds : 0);
        print_share(out, s->busy, s->seconds * t.threads);
        if (i < r->count) fprintf(out, "  %s\n", s->name);
        else fprintf(out, "  (%zu more)\n", r->count - shown);
    }
}

/* The engine's "run" holds the steps; what is left of it is their start. */
static void print_spans(const heed_profile *p, const heed_profile_layout *l, FILE *out)
{
    size_t count;
    const heed_profile_span *s = heed_profile_spans(p, &count);
    heed_profile_totals t = heed_profile_total(p);
    double units = l->units > 0 ? (double)l->units : 1, rest = t.seconds;
    fprintf(out, "%9s %6s %9s  %s\n", "ms", "%", "calls", l->units > 0 ? l->unit : "time");
    for (size_t i = 0; i < count; i++) {
        bool run = !strcmp(s[i].name, "run");
        double own = run ? s[i].seconds - t.steps : s[i].seconds;
        rest -= s[i].seconds;
        if (run) {
            fprintf(out, "%9.3f", 1e3 * t.steps / units);
            print_share(out, t.steps, t.seconds);
            fprintf(out, " %9.4g  run: steps\n", (double)s[i].calls / units);
        }
        fprintf(out, "%9.3f", 1e3 * own / units);
        print_share(out, own, t.seconds);
        fprintf(out, " %9.4g  %s", (double)s[i].calls / units, run ? "run: starting and binding" : s[i].name);
        if (!strcmp(s[i].name, "plan")) fprintf(out, " (%lld made, %lld reused)", (long long)t.plans_made, (long long)t.plans_reused);
        if (!strcmp(s[i].name, "profile")) fprintf(out, " (adding up what is told here)");
        fprintf(out, "\n");
    }
    fprintf(out, "%9.3f", 1e3 * rest / units);
    print_share(out, rest, t.seconds);
    fprintf(out, " %9s  the rest of the program\n%9.3f %6.1f %9s  all: %.4g GFLOP, %.4g GB, %.1f GFLOP/s", "", 1e3 * t.seconds / units, 100.0, "",
            1e-9 * t.flops / units, 1e-9 * t.bytes / units, t.seconds > 0 ? 1e-9 * t.flops / t.seconds : 0);
    if (l->peak > 0 && t.seconds > 0) fprintf(out, ", %.1f %% of the FMA peak of %.0f", 100 * t.flops / t.seconds / l->peak, 1e-9 * l->peak);
    fprintf(out, "; %d thread%s\n", t.threads, t.threads == 1 ? "" : "s");
}

heed_code heed_profile_print(const heed_profile *p, const heed_profile_layout *layout, FILE *out, heed_error *e)
{
    static const struct { name_fn *name; const char *title; } tables[] = {{by_kernel, "kernel"}, {by_step, "step"}, {by_scope, "scope"}};
    const heed_error *failed = heed_profile_error(p);
    if (failed->code) return heed_fail(e, failed->code, "%s", failed->message);
    print_spans(p, layout, out);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !e->code; i++) {
        rows r = {0};
        if (!collect(&r, p, tables[i].name, e)) print_steps(&r, tables[i].title, p, layout, out);
        free_rows(&r);
    }
    if (!e->code && (fflush(out) || ferror(out))) heed_fail(e, HEED_IO, "the tables of a profile could not be written");
    return e->code;
}
