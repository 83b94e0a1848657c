/* heed experiment: the programs of experiments/, one by name or all of them. */
#include "cli/cli.h"
#include "experiments/list.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t stop_signal;
static void on_signal(int number) { stop_signal = number; }

enum { MOST_OWN = 32, MOST_COMMON = 8, MOST_NAME = 32 };

/* Own options of an experiment as flags: `--max-length VALUE` for the key max_length. */
typedef struct own_options {
    const heed_option *list[MOST_OWN];
    const char *text[MOST_OWN];
    char name[MOST_OWN][MOST_NAME], help[MOST_OWN][160];
    int count;
} own_options;

typedef struct arguments {
    const char *out, *minutes, *seed, *threads;
    bool quick, listed;
    double minute_count;
    int64_t seed_number, thread_count;
    own_options own;
} arguments;

static const lab_experiment *find(const char *name)
{
    for (int i = 0; i < LAB_EXPERIMENT_COUNT; i++)
        if (!strcmp(name, lab_experiments[i]->name)) return lab_experiments[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[LAB_EXPERIMENT_COUNT + 2] = {NULL};
    for (int i = 0; i < LAB_EXPERIMENT_COUNT; i++) names[i] = lab_experiments[i]->name;
    names[LAB_EXPERIMENT_COUNT] = "all";
    const char *near = heed_nearest(name, names);
    return near ? usage_error("experiment", "unknown experiment '%s'; did you mean '%s'?", name, near)
                : usage_error("experiment", "unknown experiment '%s'; --list names them", name);
}

static int list(void)
{
    for (int i = 0; i < LAB_EXPERIMENT_COUNT; i++) printf("%-15s %s\n", lab_experiments[i]->name, lab_experiments[i]->title);
    return STATUS_OK;
}

static void add_own(own_options *own, const lab_experiment *x)
{
    for (const heed_option *o = x->options; o && o->key && own->count < MOST_OWN; o++) {
        char *name = own->name[own->count];
        snprintf(name, MOST_NAME, "%s", o->key);
        for (char *p = name; *p; p++) *p = *p == '_' ? '-' : *p;
        bool there = false;
        for (int i = 0; i < own->count; i++) there = there || !strcmp(own->name[i], name);
        if (there) continue;
        snprintf(own->help[own->count], sizeof own->help[0], *o->standard ? "%s (%s)" : "%s", o->help, o->standard);
        own->list[own->count++] = o;
    }
}

/* An experiment's values: its defaults, and what was given of its own options. NULL where it has none, or after an error. */
static void *own_values(const own_options *own, const lab_experiment *x, heed_error *e)
{
    if (!x->options) return NULL;
    void *values = heed_calloc(1, x->options_size);
    if (!values) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for the options of %s", x->name);
        return NULL;
    }
    heed_options_defaults(x->options, values, e);
    for (int i = 0; i < own->count && !e->code; i++)
        for (const heed_option *o = x->options; own->text[i] && o->key; o++)
            if (!strcmp(o->key, own->list[i]->key)) heed_options_set(x->options, values, "options", o->key, own->text[i], e);
    return values;
}

static int run_one(const lab_experiment *x, const arguments *a, const char *folder, heed_page *page)
{
    heed_error e = {0};
    void *values = own_values(&a->own, x, &e);
    bool usage = e.code == HEED_INVALID;
    lab_request r = {.what = x, .folder = folder, .options = values, .quick = a->quick, .minutes = a->minute_count, .seed = a->seed_number,
                     .threads = (int)a->thread_count, .stop = &stop_signal};
    if (!e.code) lab_run(&r, page, &e);
    if (values) heed_options_free(x->options, values);
    heed_free(values);
    if (usage) return usage_error("experiment", "%s", e.message);
    if (e.code == HEED_STOPPED) {
        fprintf(stderr, "heed experiment: stopped by a signal; what was finished of %s is saved in %s, and the same command goes on from there\n",
                x->name, folder);
        return 128 + stop_signal;
    }
    return e.code ? failure("experiment", &e) : STATUS_OK;
}

/* Each in its folder below `out`, and a page of all. */
static int run_all(const arguments *a, const char *out)
{
    heed_error e = {0};
    heed_page *page = heed_page_new("Experiments");
    char path[4096];
    int status = STATUS_OK;
    for (int i = 0; i < LAB_EXPERIMENT_COUNT && !status; i++) {
        if (snprintf(path, sizeof path, "%s/%s", out, lab_experiments[i]->name) >= (int)sizeof path)
            heed_fail(&e, HEED_INVALID, "the name of the folder is too long");
        if (e.code) break;
        status = run_one(lab_experiments[i], a, path, page);
        putchar('\n');
    }
    if (!status && !e.code && snprintf(path, sizeof path, "%s/index.html", out) < (int)sizeof path && !heed_page_save(page, path, &e))
        printf("All of them on one page: %s\n", path);
    heed_page_free(page);
    return e.code ? failure("experiment", &e) : status;
}

static int run(const char *name, const lab_experiment *x, const arguments *a)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART}; /* a second signal ends it at once */
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGHUP, &act, NULL);
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL); /* a file over the limit is an error like a full disk */
    char out[64];
    snprintf(out, sizeof out, "%s%s%s", x ? "experiment-" : "experiments", x ? name : "", a->quick ? "-quick" : "");
    const char *folder = a->out ? a->out : out;
    return x ? run_one(x, a, folder, NULL) : run_all(a, folder);
}

static int read_numbers(arguments *a)
{
    a->seed_number = 1;
    if (a->seed && !flag_int("experiment", "seed", a->seed, 0, INT64_C(1) << 53, &a->seed_number)) return STATUS_USAGE;
    if (a->threads && !flag_int("experiment", "threads", a->threads, 1, 256, &a->thread_count)) return STATUS_USAGE;
    if (a->minutes && !flag_real("experiment", "minutes", a->minutes, 0.01, 1e6, &a->minute_count)) return STATUS_USAGE;
    return -1;
}

int verb_experiment(int argc, char **argv)
{
    arguments a = {0};
    const char *name = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
    const lab_experiment *x = name ? find(name) : NULL;
    if (name && !x && strcmp(name, "all")) return unknown(name);
    for (int i = 0; i < LAB_EXPERIMENT_COUNT && name; i++)
        if (!x || x == lab_experiments[i]) add_own(&a.own, lab_experiments[i]);
    flag flags[MOST_COMMON + MOST_OWN] = {
        {"out", "DIR", &a.out, NULL, NULL, "folder of the results (experiment-NAME); one that holds a part of them is gone on with"},
        {"quick", NULL, NULL, NULL, &a.quick, "the quick form, well below a minute"},
        {"minutes", "M", &a.minutes, NULL, NULL, "budget: training steps follow from the speed that is measured, not from the experiment"},
        {"seed", "N", &a.seed, NULL, NULL, "of all that is random (1)"},
        {"threads", "N", &a.threads, NULL, NULL, "by default OMP_NUM_THREADS or all CPUs; the result is the same"},
        {"list", NULL, NULL, NULL, &a.listed, "the experiments, a line each"},
    };
    int n = 0;
    while (flags[n].name) n++;
    for (int i = 0; i < a.own.count; i++)
        flags[n++] = (flag){a.own.name[i], "VALUE", &a.own.text[i], NULL, NULL, a.own.help[i]};
    char about[2048];
    size_t used = (size_t)snprintf(about, sizeof about, "usage: heed experiment NAME | all [option ...]\n\n");
    for (int i = 0; i < LAB_EXPERIMENT_COUNT && (!name || !x); i++)
        used += (size_t)snprintf(about + used, sizeof about - used, "  %-15s %s\n", lab_experiments[i]->name, lab_experiments[i]->title);
    if (x) used += (size_t)snprintf(about + used, sizeof about - used, "  %s: %s\n", x->name, x->title);
    snprintf(about + used, sizeof about - used,
             "\nPrints tables, writes them as CSV with pictures as SVG, and collects all on index.html. The same command goes on with what\n"
             "is unfinished. docs/experiments.md tells what to see.\n\n");
    const char *word[1];
    int words, status = read_flags("experiment", about, flags, argc, argv, word, 1, &words);
    if (status < 0 && a.listed) status = list();
    if (status < 0 && !name) status = usage_error("experiment", "name an experiment before its options, or all; --list names them");
    if (status < 0) status = read_numbers(&a);
    return status < 0 ? run(name, x, &a) : status;
}
