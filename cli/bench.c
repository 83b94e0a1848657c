/* heed bench: the time of a case of bench/, as a line of JSON or on demand. */
#include "autograd/parallel.h"
#include "bench/bench.h"
#include "cli/profiling.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST_STEPS = 100000, MOST_THREADS = 1024 };

typedef struct how {
    const char *set;
    int64_t threads, steps, warmup;
    double flops;   /* of a unit */
    size_t memory;
    bool serve;
    profiling watch;
} how;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int smaller(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* seconds of each of n steps */
static heed_code measure(bench_work *w, const bench_case *c, int64_t n, double *seconds, heed_error *e)
{
    for (int64_t i = 0; i < n; i++) {
        double start = now();
        if (bench_step(w, c, e)) break;
        seconds[i] = now() - start;
    }
    return e->code;
}

/* One more unit, whose floating-point operations are counted: shard after shard, since a profile serves one graph at a time. */
static double count_flops(bench_work *w, const bench_case *c, heed_error *e)
{
    heed_profile *p = heed_profile_new(0);
    const int threads = heed_graph_threads_now(w->graph), shards = (int)w->shape.shards;
    heed_graph_profile(w->graph, p);
    for (int i = 1; i < shards; i++) heed_graph_profile(heed_shards_graph(w->shards, i), p);
    if (shards > 1) heed_graph_threads(w->graph, 1);
    bench_step(w, c, e);
    heed_graph_threads(w->graph, threads);
    heed_graph_profile(w->graph, NULL);
    for (int i = 1; i < shards; i++) heed_graph_profile(heed_shards_graph(w->shards, i), NULL);
    double flops = heed_profile_total(p).flops;
    heed_profile_free(p);
    return flops;
}

static heed_code report(bench_work *w, const bench_case *c, int64_t n, how *h, heed_error *e)
{
    double *seconds = heed_calloc((size_t)n, sizeof *seconds);
    if (!seconds) return heed_fail(e, HEED_NO_MEMORY, "no memory for %lld times", (long long)n);
    profiling_begin(&h->watch, w->graph, e);
    if (!e->code && !measure(w, c, n, seconds, e)) {
        qsort(seconds, (size_t)n, sizeof *seconds, smaller);
        double median = (seconds[(n - 1) / 2] + seconds[n / 2]) / 2;
        struct rusage use;
        getrusage(RUSAGE_SELF, &use);
        long long units = c->family->units(&w->shape);
        printf("{\"peer\": \"heed %s\", \"case\": \"%s\", \"threads\": %d, \"median_s\": %.6f, \"min_s\": %.6f, \"max_s\": %.6f, "
               "\"units\": %lld, \"unit\": \"%s\", \"per_s\": %.1f, \"gflop\": %.4g, \"weights\": %lld, \"peak_mib\": %ld}\n",
               HEED_VERSION, c->name, heed_thread_count(heed_graph_threads_now(w->graph)), median, seconds[0], seconds[n - 1], units,
               c->family->unit, (double)units / median, 1e-9 * h->flops, (long long)heed_params_size(w->params), use.ru_maxrss / 1024);
        fflush(stdout);
    }
    profiling_end(&h->watch, w->graph, n, "step", stdout, e);
    heed_free(seconds);
    return e->code;
}

/* Says "ready", then does as many units as each line of the input asks for and answers with the seconds of one. */
static heed_code serve(bench_work *w, const bench_case *c, const how *h, heed_error *e)
{
    char line[64];
    printf("ready %lld %s, %lld weights, %.4g GFLOP\n", (long long)c->family->units(&w->shape), c->family->unit,
           (long long)heed_params_size(w->params), 1e-9 * h->flops);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        char *end;
        long n = strtol(line, &end, 10);
        if (end == line || *end != '\n' || n < 1)
            return heed_fail(e, HEED_INVALID, "--serve: a line of the input is a number of units, 1 or more, not '%.*s'",
                             (int)strcspn(line, "\n"), line);
        double start = now();
        for (long i = 0; i < n; i++)
            if (bench_step(w, c, e)) return e->code;
        printf("%.9f\n", (now() - start) / (double)n);
        fflush(stdout);
    }
    return HEED_OK;
}

static heed_code run(const bench_case *c, how *h, heed_error *e)
{
    bench_work w;
    bench_begin(&w, c, h->set, (int)h->threads, e);
    if (!e->code) heed_graph_budget(w.graph, h->memory);
    for (int64_t i = 0; i < h->warmup && !e->code; i++) bench_step(&w, c, e);
    if (!e->code) h->flops = count_flops(&w, c, e);
    if (!e->code) h->serve ? serve(&w, c, h, e) : report(&w, c, h->steps ? h->steps : c->steps, h, e);
    bench_end(&w);
    return e->code;
}

static int list(void)
{
    for (const bench_case *c = bench_cases; c->name; c++) printf("%-17s %s\n", c->name, c->shape);
    return STATUS_OK;
}

/* Each case of "NAME,NAME" or "all" in turn; with `h` NULL names are only looked up. */
static heed_code each_case(const char *names, how *h, heed_error *e)
{
    if (!strcmp(names, "all")) {
        for (const bench_case *c = bench_cases; c->name && h && !e->code; c++) run(c, h, e);
        return e->code;
    }
    for (const char *at = names; !e->code; at += strcspn(at, ",") + 1) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ","), at);
        const bench_case *c = bench_find(name, e);
        if (c && h) run(c, h, e);
        if (!at[strcspn(at, ",")]) break;
    }
    return e->code;
}

static int run_all(const char *names, how *h)
{
    heed_error e = {0};
    if (!each_case(names, NULL, &e)) each_case(names, h, &e);
    if (e.code == HEED_INVALID) return usage_error("bench", "%s", e.message);
    return e.code ? failure("bench", &e) : STATUS_OK;
}

int verb_bench(int argc, char **argv)
{
    const char *words[1], *threads = NULL, *steps = NULL, *warmup = "2", *memory = NULL;
    how h = {0};
    bool listed = false, peak = false;
    const flag flags[] = {
        {"set", "KEY=VALUE,...", &h.set, NULL, NULL, "changes of the case's shape"},
        {"threads", "N", &threads, NULL, NULL, "threads (OMP_NUM_THREADS, else all cores)"},
        {"steps", "N", &steps, NULL, NULL, "units to measure (the case's own number)"},
        {"warmup", "N", &warmup, NULL, NULL, "units before that (2)"},
        {"memory", "SIZE", &memory, NULL, NULL, "values of a step take at most so much (512M, 2G): what does not fit is computed again"},
        {"serve", NULL, NULL, NULL, &h.serve, "read a number of units a line, answer with the seconds of one"},
        PROFILING_FLAGS(&h.watch),
        {"list", NULL, NULL, NULL, &listed, "the cases and their shapes"},
        {"peak", NULL, NULL, NULL, &peak, "fused multiply-adds in registers instead of a case: GFLOP/s"},
        {0},
    };
    int count, status = read_flags("bench",
                                   "usage: heed bench CASE[,CASE...] | all [option ...]\n\nMeasures a unit of work of each case; one JSON line "
                                   "a case. bench/README.md tells more.\n\n",
                                   flags, argc, argv, words, 1, &count);
    if (status >= 0) return status;
    if (listed) return list();
    if ((threads && !flag_int("bench", "threads", threads, 1, MOST_THREADS, &h.threads)) ||
        (steps && !flag_int("bench", "steps", steps, 1, MOST_STEPS, &h.steps)) || !flag_int("bench", "warmup", warmup, 0, MOST_STEPS, &h.warmup))
        return STATUS_USAGE;
    const char *isa = getenv("HEED_ISA");
    if (isa && *isa && strcmp(isa, heed_isa_name(heed_isa_now())))
        return usage_error("bench", "HEED_ISA=%s is not a path of this CPU; the best it has is %s", isa, heed_isa_name(heed_isa_now()));
    if (peak) return printf("%.1f\n", 1e-9 * heed_peak_flops((int)h.threads)) < 0 ? STATUS_FAILED : STATUS_OK;
    if (!count) return usage_error("bench", "name a case, several with commas, or all; --list names them");
    if (h.serve && (h.watch.wanted || h.watch.trace)) return usage_error("bench", "--serve answers with times only: no --profile, no --trace");
    if (h.watch.trace && (strchr(words[0], ',') || !strcmp(words[0], "all"))) return usage_error("bench", "--trace FILE is for one case");
    if (memory && !flag_size("bench", "memory", memory, &h.memory)) return STATUS_USAGE;
    return run_all(words[0], &h);
}
