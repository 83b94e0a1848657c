/* The run log: records, resuming, torn and bad lines, full disks; the progress line with a clock of our own. */
#define _XOPEN_SOURCE 700 /* posix_openpt */

#include "check.h"
#include "io/progress.h"
#include "io/runlog.h"
#include "refusals.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static char path[] = "/tmp/heed-runlog-XXXXXX";

static void begin(const char *content)
{
    static int made;
    if (!made) close(mkstemp(path));
    made = 1;
    FILE *f = fopen(path, "w");
    fputs(content, f);
    fclose(f);
}

static const char *content(void)
{
    static char text[4096];
    FILE *f = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

static void records(void)
{
    begin("old\nrubbish\n");
    heed_error e = {0};
    heed_runlog *log = heed_runlog_open(path, -1, &e); /* afresh */
    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    heed_log_value first[] = {heed_log_real("loss", 2.5), heed_log_real("rate", 3e-4), heed_log_int("tokens", INT64_MIN)};
    heed_log_value second[] = {heed_log_real("loss", NAN), heed_log_real("norm", -INFINITY), heed_log_bool("best", true),
                               heed_log_text("note", "a \"b\"\n\\ é"), heed_log_text("none", NULL)};
    CU_ASSERT_EQUAL(heed_runlog_write(log, 0, NULL, 0, &e), HEED_OK);
    CU_ASSERT_EQUAL(heed_runlog_write(log, 1, first, 3, &e), HEED_OK);
    CU_ASSERT_STRING_EQUAL(content(),
                           "{\"step\":0}\n{\"step\":1,\"loss\":2.5,\"rate\":0.0003,\"tokens\":-9223372036854775808}\n");
    CU_ASSERT_EQUAL(heed_runlog_write(log, 1, second, 5, &e), HEED_OK);
    CU_ASSERT(check_says(
        content(), "\n{\"step\":1,\"loss\":null,\"norm\":null,\"best\":true,\"note\":\"a \\\"b\\\"\\n\\\\ é\",\"none\":null}\n"));
    CU_ASSERT_EQUAL(heed_runlog_write(log, 0, NULL, 0, &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "step 0 after step 1"));
    e = (heed_error){0};
    CU_ASSERT_EQUAL(heed_runlog_write(log, 2, (heed_log_value[]){heed_log_text("note", "\xff")}, 1, &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "key 1 of a record or its text is not UTF-8"));
    heed_runlog_close(log);

    heed_log_column c;
    CU_ASSERT_EQUAL(heed_runlog_column(path, "loss", &c, NULL), HEED_OK);
    CU_ASSERT(c.count == 2 && c.step[0] == 1 && c.value[0] == 2.5 && c.step[1] == 1 && isnan(c.value[1]));
    heed_log_column_free(&c);
    CU_ASSERT_EQUAL(heed_runlog_column(path, "best", &c, NULL), HEED_OK);
    CU_ASSERT(c.count == 1 && c.value[0] == 1);
    heed_log_column_free(&c);
    CU_ASSERT_EQUAL(heed_runlog_column(path, "absent", &c, NULL), HEED_OK);
    CU_ASSERT_EQUAL(c.count, 0);
    e = (heed_error){0};
    CU_ASSERT_EQUAL(heed_runlog_column(path, "note", &c, &e), HEED_FORMAT);
    CU_ASSERT(check_says(e.message, ":3: \"note\" is not a number"));
}

static void resuming_cuts_what_came_later(void)
{
    const char *whole = "{\"step\":1}\n{\"step\":2,\"a\":1}\n{\"step\":2,\"b\":1}\n{\"step\":3}\n{\"step\":4}\n";
    const char *const kept[] = {"", "{\"step\":1}\n", "{\"step\":1}\n{\"step\":2,\"a\":1}\n{\"step\":2,\"b\":1}\n"};
    for (int step = 0; step < 3; step++) {
        begin(whole);
        heed_runlog *log = heed_runlog_open(path, step, NULL);
        CU_ASSERT_STRING_EQUAL(content(), kept[step]);
        CU_ASSERT_EQUAL(heed_runlog_write(log, step + 1, NULL, 0, NULL), HEED_OK);
        heed_runlog_close(log);
        CU_ASSERT_EQUAL(strlen(content()), strlen(kept[step]) + strlen("{\"step\":1}\n"));
    }
    begin(whole);
    heed_runlog_close(heed_runlog_open(path, 99, NULL));
    CU_ASSERT_STRING_EQUAL(content(), whole);
}

static void a_torn_last_line_is_dropped(void)
{
    const char *const torn[] = {"{\"step\":1}\n{\"st", "{\"step\":1}\n{\"step\":2}", "{\"step\":1}\n{\"step\":2,\"lo\n"};
    for (int i = 0; i < 3; i++) {
        begin(torn[i]);
        heed_log_column c;
        CU_ASSERT_EQUAL(heed_runlog_column(path, "step", &c, NULL), HEED_OK);
        CU_ASSERT_EQUAL(c.count, 1);
        heed_log_column_free(&c);
        heed_runlog_close(heed_runlog_open(path, 5, NULL));
        CU_ASSERT_STRING_EQUAL(content(), "{\"step\":1}\n");
    }
}

static const char *refusal(const char *where, int64_t step)
{
    static heed_error e;
    e = (heed_error){0};
    heed_runlog *log = heed_runlog_open(where, step, &e);
    CU_ASSERT_PTR_NULL(log);
    heed_runlog_close(log);
    return e.message;
}

static void bad_files_are_told(void)
{
    begin("{\"step\":1}\nrubbish\n{\"step\":2}\n");
    CU_ASSERT(check_says(refusal(path, 5), ":2: not a JSON object with a whole number \"step\"; remove the line or the file"));
    CU_ASSERT_STRING_EQUAL(content(), "{\"step\":1}\nrubbish\n{\"step\":2}\n");
    begin("{\"step\":3}\n{\"step\":2}\n");
    CU_ASSERT(check_says(refusal(path, 5), ":2: step 2 after step 3"));
    CU_ASSERT(check_says(refusal("/nowhere/log.jsonl", 5), "cannot open the run log /nowhere/log.jsonl: No such file"));
    CU_ASSERT(check_says(refusal("/dev/null", 5), "/dev/null is not a regular file"));
    heed_log_column c;
    heed_error e = {0};
    CU_ASSERT_EQUAL(heed_runlog_column("/nowhere/log.jsonl", "loss", &c, &e), HEED_IO);
    CU_ASSERT_EQUAL(e.code, HEED_IO);
}

static void a_full_disk_leaves_the_file_whole(void)
{
    begin("{\"step\":1}\n");
    heed_runlog *log = heed_runlog_open(path, 1, NULL);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 20; /* half a record more */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    heed_error e = {0};
    CU_ASSERT_EQUAL(heed_runlog_write(log, 2, (heed_log_value[]){heed_log_real("loss", 1.5)}, 1, &e), HEED_IO);
    setrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT(check_says(e.message, "cannot write the run log"));
    CU_ASSERT_STRING_EQUAL(content(), "{\"step\":1}\n");
    CU_ASSERT_EQUAL(heed_runlog_write(log, 2, NULL, 0, NULL), HEED_OK);
    CU_ASSERT_STRING_EQUAL(content(), "{\"step\":1}\n{\"step\":2}\n");
    heed_runlog_close(log);
    unlink(path);
}

static bool writes_and_reads(void *unused)
{
    (void)unused;
    heed_error e = {0};
    heed_log_column c = {0};
    heed_runlog *log = heed_runlog_open(path, 1, &e);
    if (log) heed_runlog_write(log, 1, (heed_log_value[]){heed_log_text("text", "value"), heed_log_real("loss", 1)}, 2, &e);
    if (!e.code) heed_runlog_column(path, "loss", &c, &e);
    heed_progress *p = e.code ? NULL : heed_progress_new(stderr, 0, 0, NULL, NULL, &e);
    CU_ASSERT(e.code == HEED_OK || e.code == HEED_NO_MEMORY);
    CU_ASSERT_EQUAL(log && p && c.count, !e.code);
    heed_progress_free(p);
    heed_log_column_free(&c);
    heed_runlog_close(log);
    return !e.code;
}

static void refused_memory_is_an_error(void)
{
    CU_ASSERT(check_refusals(writes_and_reads, NULL) > 4);
    unlink(path);
}

/* Progress. */

static double now;
static double clock_of_ours(void *context) { return *(double *)context; }

static void plain_lines_come_now_and_then(void)
{
    char *text = NULL, duration[HEED_DURATION_SIZE];
    size_t size;
    FILE *out = tmpfile();
    heed_progress *p = heed_progress_new(out, 100, 2100, clock_of_ours, &now, NULL);
    CU_ASSERT(isnan(heed_progress_tokens_per_second(p)));
    for (int step = 101; step <= 1100; step++) {
        now += 0.125;
        heed_progress_step(p, step, 6250, 2.34567, 3.14159e-4);
    }
    heed_progress_note(p, "valid %d", 7);
    heed_progress_end(p);
    CU_ASSERT_DOUBLE_EQUAL(heed_progress_tokens_per_second(p), 50000, 1);
    CU_ASSERT_DOUBLE_EQUAL(heed_progress_elapsed(p), 125, 1e-6);
    heed_progress_free(p);
    size = (size_t)ftell(out);
    text = heed_calloc(size + 1, 1);
    rewind(out);
    CU_ASSERT_EQUAL(fread(text, 1, size, out), size);
    fclose(out);
    CU_ASSERT(check_says(text, "step 108/2100 5%  loss 2.346  rate 0.000314  50k tokens/s  1s, 4m 09s left\n"));
    CU_ASSERT(check_says(text, "\nvalid 7\nstep 1100/2100 52%"));
    int lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    CU_ASSERT(lines > 15 && lines < 25);
    CU_ASSERT_PTR_NULL(strchr(text, '\r'));
    heed_free(text);
    CU_ASSERT_STRING_EQUAL(heed_duration_text(0.04, duration), "0s");
    CU_ASSERT_STRING_EQUAL(heed_duration_text(0.44, duration), "0.4s");
    CU_ASSERT_STRING_EQUAL(heed_duration_text(59.4, duration), "59s");
    CU_ASSERT_STRING_EQUAL(heed_duration_text(59.6, duration), "1m 00s");
    CU_ASSERT_STRING_EQUAL(heed_duration_text(245, duration), "4m 05s");
    CU_ASSERT_STRING_EQUAL(heed_duration_text(5400, duration), "1h 30m");
    CU_ASSERT_STRING_EQUAL(heed_duration_text(200000, duration), "2d 7h");
    CU_ASSERT_STRING_EQUAL(heed_duration_text(NAN, duration), "?");
}

static void a_terminal_has_one_line(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master)) return; /* no terminals here */
    FILE *out = fopen(ptsname(master), "w");
    if (!out) return;
    heed_progress *p = heed_progress_new(out, 0, 10, clock_of_ours, &now, NULL);
    for (int step = 1; step <= 10; step++) {
        now += 0.06; /* every second one is shown */
        heed_progress_step(p, step, 1, 0.05, NAN);
    }
    heed_progress_note(p, "a note");
    heed_progress_end(p);
    heed_progress_free(p);
    fclose(out); /* so that reading ends */
    char text[2048];
    size_t n = 0;
    for (ssize_t got; n < sizeof text - 1 && (got = read(master, text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    text[n] = 0;
    int returns = 0;
    for (size_t i = 0; i < n; i++) returns += text[i] == '\r' && text[i + 1] != '\n';
    CU_ASSERT_EQUAL(returns, 5 + 2 + 1); /* lines, note, end */
    CU_ASSERT(check_says(text, "\rstep 2/10 20%  loss 0.05  17 tokens/s  0.1s, 0.5s left"));
    CU_ASSERT(check_says(text, "a note\r\n\rstep 10/10 100%  loss 0.05  17 tokens/s  0.6s"));
    close(master);
}

CHECK_MAIN("run log", {"records", records}, {"resuming cuts what came later", resuming_cuts_what_came_later},
           {"a torn last line is dropped", a_torn_last_line_is_dropped}, {"bad files are told", bad_files_are_told},
           {"a full disk leaves the file whole", a_full_disk_leaves_the_file_whole},
           {"refused memory is an error", refused_memory_is_an_error},
           {"plain lines come now and then", plain_lines_come_now_and_then}, {"a terminal has one line", a_terminal_has_one_line})
