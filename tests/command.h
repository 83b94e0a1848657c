/* Runs the command in the test's folder, and what it said. */
#ifndef HEED_COMMAND_H
#define HEED_COMMAND_H

#include "autograd/status.h"
#include "check.h"
#include "scratch.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <time.h>

static char command_said[65536]; /* standard error of the last one */

/* The folder is made and entered; threads that wait do not spin, for tests share their CPUs. */
static inline void command_begin(void)
{
    setenv("OMP_WAIT_POLICY", "passive", 1);
    scratch("");
    CU_ASSERT_FATAL(chdir(scratch_folder) == 0);
}

static inline void command_write(const char *file, const char *text) { scratch_save(scratch(file), text, strlen(text)); }

/* Begins `heed WORDS` after `prefix` in the shell's line ("exec" where it is empty), and returns its process. */
static inline pid_t command_start(const char *prefix, const char *words)
{
    char line[4096];
    snprintf(line, sizeof line, "%s '%s' %s >out.txt 2>err.txt", *prefix ? prefix : "exec", HEED_COMMAND, words);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    return child;
}

static inline void command_listen(void)
{
    size_t n = 0;
    unsigned char *text = scratch_load("err.txt", &n);
    if (n >= sizeof command_said) n = sizeof command_said - 1;
    if (text) memcpy(command_said, text, n);
    command_said[n] = 0;
    free(text);
}

/* The exit status, 128 and the signal for a signal's death; the memory of the process in KiB in `*memory`, where it is wanted. */
static inline int command_end(pid_t child, long *memory)
{
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) return -1;
    if (memory) *memory = usage.ru_maxrss;
    command_listen();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* heed WORDS: the exit status */
HEED_PRINTF(1, 2) static inline int command(const char *format, ...)
{
    char words[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return command_end(command_start("", words), NULL);
}

/* True when it ended with `status` and said `part` in a last line of its own; or else tells what it did. */
static inline int command_ends(int status, int wanted, const char *part)
{
    size_t n = strlen(command_said);
    while (n && command_said[n - 1] == '\n') n--;
    command_said[n] = 0;
    const char *line = strrchr(command_said, '\n') ? strrchr(command_said, '\n') + 1 : command_said;
    if (status == wanted && strstr(line, part)) return 1;
    fprintf(stderr, "\n    expected status %d and \"%s\", got %d and \"%s\"\n", wanted, part, status, line);
    return 0;
}

/* Whether a file is the same in two runs' folders; or else tells. */
static inline int same_file(const char *a, const char *b, const char *file)
{
    char x[128], y[128];
    snprintf(x, sizeof x, "%s/%s", a, file);
    snprintf(y, sizeof y, "%s/%s", b, file);
    if (scratch_same(scratch(x), scratch(y))) return 1;
    fprintf(stderr, "\n    %s and %s differ\n", x, y);
    return 0;
}

static inline void command_sleep(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

#endif
