/* heed train: a run that is stopped, killed, continued, or given other threads ends with the same bytes. */
#include "command.h"
#include "io/runlog.h"

#include <math.h>
#include <stdbool.h>

static void begin(void)
{
    command_begin();
    command_write("tiny.conf", "d = 16\nheads = 2\nff = 32\nenc_layers = 1\ndec_layers = 1\nbatch_tokens = 256\nwarmup = 10\n"
                               "save_every = 5\nvalid_every = 7\n");
    static const char *const digit[] = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
    FILE *out = fopen("pairs.tsv", "w"), *src = fopen("src.txt", "w"), *tgt = fopen("tgt.txt", "w");
    CU_ASSERT_FATAL(out && src && tgt);
    for (int i = 100; i < 500; i++) {
        fprintf(out, "%d\t%s %s %s\n", i, digit[i / 100], digit[i / 10 % 10], digit[i % 10]);
        fprintf(src, "%d\n", i);
        fprintf(tgt, "%s %s %s\n", digit[i / 100], digit[i / 10 % 10], digit[i % 10]);
    }
    CU_ASSERT(!fclose(out) && !fclose(src) && !fclose(tgt));
}

#define TINY "--dict pairs.tsv --config tiny.conf --threads 1 "

static bool exists(const char *file) { return access(scratch(file), F_OK) == 0; }

static bool printed(const char *part)
{
    size_t n = 0;
    unsigned char *text = scratch_load(scratch("out.txt"), &n);
    bool has = false;
    if (text) {
        text[n] = 0;
        has = strstr((char *)text, part) != NULL;
    }
    free(text);
    return has;
}

/* --- stop and go on --------------------------------------------------------------------------------------------------------- */

static void stop_and_go_on(void)
{
    static const char *const variants[] = {
        "--set average=3",
        "--set schedule=plateau --set decay_every=1 --set optimizer=sgd --set lr=0.5 --set label_smoothing=0 --set keep=2",
        "--set schedule=linear --set schedule_steps=25 --set accumulate=3 --set optimizer=adamw --set weight_decay=0.1",
        "--set optimizer=rmsprop --set schedule=cosine --set schedule_steps=30 --set hold_out=0 --set tie=no --set norm=pre",
        "--set shards=3 --set accumulate=2",
    };
    for (int v = 0; v < 5; v++) {
        CU_ASSERT_EQUAL(command("train whole%d " TINY "%s --steps 23", v, variants[v]), 0);
        CU_ASSERT_EQUAL(command("train parts%d " TINY "%s --steps 9", v, variants[v]), 0);
        CU_ASSERT_EQUAL(command("train parts%d " TINY "%s --steps 9", v, variants[v]), 0); /* nothing to do, nothing changed */
        CU_ASSERT_EQUAL(command("train parts%d --dict pairs.tsv --steps 16", v), 0);
        CU_ASSERT_EQUAL(command("train parts%d --dict pairs.tsv --seed 1 --steps 23", v), 0);
        char whole[16], parts[16];
        snprintf(whole, sizeof whole, "whole%d", v);
        snprintf(parts, sizeof parts, "parts%d", v);
        CU_ASSERT(same_file(whole, parts, "last.h5"));
        if (v != 3) CU_ASSERT(same_file(whole, parts, "best.h5"));
        if (v == 0) CU_ASSERT(same_file(whole, parts, "average.h5"));
        if (v == 1) CU_ASSERT(same_file(whole, parts, "step-000000015.h5") && same_file(whole, parts, "step-000000020.h5"));
    }
    CU_ASSERT(!exists("whole3/best.h5"));
    CU_ASSERT(!exists("parts1/step-000000009.h5") && !exists("parts1/step-000000010.h5"));
    CU_ASSERT_EQUAL(command("train parts0 --dict pairs.tsv"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(command_said, "nothing to do: 23 steps are done"));
}

/* The step at which to stop so that a validation every `every` steps finds the end better than all of the schedule before it and
 * after it. */
static int64_t good_end(const double *loss, int64_t steps, int64_t every)
{
    double best = INFINITY;
    for (int64_t i = every; i <= steps; i += every) best = fmin(best, loss[i]);
    for (int64_t end = every + 1; end < steps; end++) {
        double before = INFINITY;
        for (int64_t i = every; i <= end; i += every) before = fmin(before, loss[i]);
        if (end % every && loss[end] < best && before == best) return end;
    }
    return 0;
}

/* best.h5 may be that of a run's end, until the run goes on. */
static void best_of_the_schedule(void)
{
    static const char how[] = TINY "--set optimizer=sgd --set lr=0.5 --set momentum=0.99 --set clip=0 --set warmup=0 "
                                   "--set schedule=constant";
    enum { STEPS = 40 };
    CU_ASSERT_EQUAL(command("train each %s --set valid_every=1 --set save_every=100 --steps %d", how, STEPS), 0);
    heed_error e = {0};
    heed_log_column c = {0};
    CU_ASSERT_FATAL(!heed_runlog_column("each/log.jsonl", "valid_loss", &c, &e) && c.count == STEPS);
    int64_t every = 1, end = 0;
    while (!end && every++ < 15) end = good_end(c.value - 1, STEPS, every);
    heed_log_column_free(&c);
    CU_ASSERT_FATAL(end > 0);
    CU_ASSERT_EQUAL(command("train b1 %s --set valid_every=%d --steps %d", how, (int)every, STEPS), 0);
    CU_ASSERT_EQUAL(command("train b2 %s --set valid_every=%d --steps %d", how, (int)every, (int)end), 0);
    CU_ASSERT(scratch_same("b2/last.h5", "b2/best.h5"));
    CU_ASSERT_EQUAL(command("train b2 %s --set valid_every=%d --steps %d", how, (int)every, STEPS), 0);
    CU_ASSERT(same_file("b1", "b2", "best.h5") && same_file("b1", "b2", "last.h5"));
}

static void any_threads(void)
{
    static const int threads[] = {1, 2, 3, 4, 8};
    for (int shards = 1; shards <= 3; shards += 2)
        for (int i = 0; i < 5; i++) {
            CU_ASSERT_EQUAL(command("train t%d.%d --dict pairs.tsv --steps 3 --threads %d --set d=64 --set ff=256 --set enc_layers=2 "
                                    "--set dec_layers=1 --set batch_tokens=1500 --set warmup=1 --set valid_every=1 --set shards=%d",
                                    shards, threads[i], threads[i], shards), 0);
            char first[16], other[16];
            snprintf(first, sizeof first, "t%d.1", shards);
            snprintf(other, sizeof other, "t%d.%d", shards, threads[i]);
            CU_ASSERT(same_file(first, other, "last.h5") && same_file(first, other, "best.h5"));
        }
}

/* Without dropout shards learn what the whole batch does, up to rounding: rows of a text and what a recurrent model carries, too. */
static void shards_learn_the_same(void)
{
    static const char *const how[] = {
        "--dict pairs.tsv --config tiny.conf --set dropout=0",
        "--text src.txt --config tiny.conf --set dropout=0 --set rows=5 --set window=9",
        "--text src.txt --model gru --set hidden=12 --set emb=8 --set rows=5 --set window=9 --set valid_every=7",
    };
    for (int i = 0; i < 3; i++) {
        double last[2] = {0, 0};
        for (int k = 0; k < 2; k++) {
            char log[64];
            heed_error e = {0};
            heed_log_column c = {0};
            CU_ASSERT_EQUAL(command("train same%d.%d %s --threads 2 --set shards=%d --steps 20", i, k, how[i], k ? 4 : 1), 0);
            snprintf(log, sizeof log, "same%d.%d/log.jsonl", i, k);
            CU_ASSERT_FATAL(!heed_runlog_column(log, "loss", &c, &e) && c.count > 0);
            last[k] = c.value[c.count - 1];
            heed_log_column_free(&c);
        }
        CU_ASSERT(last[0] > 0.1 && fabs(last[1] / last[0] - 1) < 1e-4);
    }
}

/* --- signals ---------------------------------------------------------------------------------------------------------------- */

enum { LONG = 200 };

static pid_t start_long(const char *run)
{
    char words[256];
    snprintf(words, sizeof words, "train %s " TINY "--set save_every=8 --set valid_every=20 --set average=2 --steps 200", run);
    unlink("out.txt");
    return command_start("", words);
}

/* Steps with a loss rise: none is told twice. */
static bool log_rises(const char *file)
{
    FILE *in = fopen(scratch(file), "r");
    char line[512];
    long last = 0, step;
    bool rises = in != NULL;
    while (in && fgets(line, sizeof line, in)) {
        if (!strstr(line, "\"loss\"")) continue;
        rises &= sscanf(line, "{\"step\":%ld", &step) == 1 && step > last;
        last = step;
    }
    if (in) fclose(in);
    return rises && last == LONG;
}

static void undisturbed(void)
{
    if (!exists("calm/average.h5")) CU_ASSERT_EQUAL(command_end(start_long("calm"), NULL), 0);
}

static void like_undisturbed(const char *run)
{
    char file[64];
    CU_ASSERT(same_file("calm", run, "last.h5") && same_file("calm", run, "best.h5") && same_file("calm", run, "average.h5"));
    snprintf(file, sizeof file, "%s/log.jsonl", run);
    CU_ASSERT(log_rises(file));
}

static void asked_to_stop(void)
{
    undisturbed();
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    int status = 0, stopped = 0;
    for (int i = 0; i < 30 && (i < 3 || status); i++) {
        pid_t child = start_long("asked");
        while (!printed("weights")) command_sleep(0.002); /* before that a signal ends it without a word */
        command_sleep(0.01 + 0.01 * i);
        kill(child, signals[i % 3]);
        status = command_end(child, NULL);
        if (status) {
            CU_ASSERT(command_ends(status, 128 + signals[i % 3], " of 200; it is saved, and --steps 200 goes on from there"));
            CU_ASSERT_EQUAL(command("inspect asked/last.h5"), 0);
            stopped++;
        }
    }
    CU_ASSERT(stopped > 0);
    CU_ASSERT_EQUAL(command("train asked --dict pairs.tsv --threads 1"), 0); /* to where it was to end */
    like_undisturbed("asked");
}

/* HEED_TEST_KILLS=50 kills it 50 times. */
static void killed(void)
{
    undisturbed();
    const char *text = getenv("HEED_TEST_KILLS");
    int kills = 0, wanted = text ? atoi(text) : 10;
    unsigned state = (unsigned)getpid();
    for (int run = 0; kills < wanted && run < 10 * wanted; run++) {
        if (exists("killed/average.h5")) {
            like_undisturbed("killed");
            scratch_remove_tree(scratch("killed"));
        }
        pid_t child = start_long("killed");
        state = state * 1664525u + 1013904223u;
        command_sleep(0.25 * (state >> 8) / 16777216.0);
        kill(child, SIGKILL);
        kills += command_end(child, NULL) == 128 + SIGKILL;
    }
    CU_ASSERT_EQUAL(kills, wanted);
    CU_ASSERT_EQUAL(command_end(start_long("killed"), NULL), 0);
    like_undisturbed("killed");
    CU_ASSERT_EQUAL(scratch_count(scratch("killed"), ".heed-tmp-"), 0);
}

/* --- how long --------------------------------------------------------------------------------------------------------------- */

static void minutes(void)
{
    CU_ASSERT_EQUAL(command("train budget " TINY "--set schedule=cosine --minutes 0.01"), 0);
    const char *told = strstr(command_said, "--steps ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    long steps = atol(told + 8);
    CU_ASSERT(steps > 0);
    CU_ASSERT_EQUAL(command("train counted " TINY "--set schedule=cosine --steps %ld", steps), 0);
    CU_ASSERT(same_file("budget", "counted", "last.h5") && same_file("budget", "counted", "best.h5"));
}

/* Weights that hardly change give no better validation. */
static void patience(void)
{
    static const char how[] = TINY "--set optimizer=sgd --set momentum=0 --set lr=1e-30 --set patience=2 --set valid_every=4 "
                                   "--steps 100";
    CU_ASSERT_EQUAL(command("train patient %s", how), 0);
    CU_ASSERT_EQUAL(command("train patient %s", how), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(command_said, "12 steps are done and patience has run out"));
}

/* --- kinds of data ---------------------------------------------------------------------------------------------------------- */

static void kinds(void)
{
    static const struct { const char *run, *files, *more; } list[] = {
        {"lines", "--src src.txt --tgt tgt.txt", "--tgt-units words"},
        {"text", "--text tgt.txt", "--set window=9 --set rows=3"},
        {"subwords", "--src src.txt --tgt tgt.txt",
         "--set optimizer=adagrad --tgt-units bpe:codes --valid-src src.txt --valid-tgt tgt.txt"},
    };
    command_write("codes", "#version: 0.2\no n\nn e</w>\nt w\ntw o</w>\n");
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(command("train %s %s %s --config tiny.conf --threads 1 --steps 14", list[i].run, list[i].files,
                                list[i].more), 0);
        CU_ASSERT_EQUAL(command("train %s-2 %s %s --config tiny.conf --threads 2 --steps 6", list[i].run, list[i].files,
                                list[i].more), 0);
        CU_ASSERT_EQUAL(command("train %s-2 %s %s --threads 1 --steps 14", list[i].run, list[i].files, list[i].more), 0);
        char other[32];
        snprintf(other, sizeof other, "%s-2", list[i].run);
        CU_ASSERT(same_file(list[i].run, other, "last.h5") && same_file(list[i].run, other, "best.h5"));
    }
}

/* --- what is told, and what it takes ---------------------------------------------------------------------------------------- */

static void told(void)
{
    CU_ASSERT_EQUAL(command("train told " TINY "--set schedule=linear --set dropout=0.25 --steps 8"), 0);
    CU_ASSERT(printed("dropout = 0.25\n") && printed("schedule_steps = 8\n") && printed("d = 16\n") && printed(" weights, "));
    CU_ASSERT_PTR_NOT_NULL(strstr(command_said, "step 7: validation loss "));
    CU_ASSERT_PTR_NOT_NULL(strstr(command_said, "step 8/8 100%"));
    CU_ASSERT(exists("told/curves.svg"));
    CU_ASSERT_EQUAL(command("train --help"), 0);
    CU_ASSERT(printed("usage: heed train RUN") && printed("--minutes M"));
    CU_ASSERT_EQUAL(command("train --keys"), 0);
    CU_ASSERT(printed("label_smoothing") && printed("schedule_steps"));
}

/* After the first shapes no more memory is taken. */
static void flat_memory(void)
{
#if defined(__SANITIZE_ADDRESS__)
    fprintf(stderr, "(not measured under AddressSanitizer, which keeps what is freed) ");
#else
    static const char how[] = TINY "--set batch_tokens=90 --set save_every=200 --set valid_every=200";
    long memory[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        char words[256];
        snprintf(words, sizeof words, "train flat%d %s --steps %d", i, how, i ? 900 : 300);
        CU_ASSERT_EQUAL(command_end(command_start("", words), &memory[i]), 0);
    }
    CU_ASSERT(memory[0] > 0 && memory[1] - memory[0] < 2048);
#endif
}

CHECK_MAIN("heed train", {"a folder with data", begin}, {"a run that was stopped ends as one that was not", stop_and_go_on},
           {"the best checkpoint does not depend on where a run was stopped", best_of_the_schedule},
           {"any number of threads gives the same files", any_threads},
           {"shards learn the same", shards_learn_the_same},
           {"signals save, end and tell; the run goes on", asked_to_stop},
           {"a run that is killed at any moment loses nothing", killed},
           {"minutes become steps, which give the same files", minutes},
           {"patience ends a run", patience},
           {"lines, texts and subwords", kinds},
           {"settings, progress and help are printed", told},
           {"memory stays as it is", flat_memory})
