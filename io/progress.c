#include "progress.h"

#include "autograd/memory.h"
#include "buffer.h"
#include "number.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct heed_progress {
    FILE *out;
    bool terminal;
    int64_t step, steps;
    double loss, rate;
    double (*clock)(void *context);
    void *context;
    double start, last_step, last_line; /* seconds */
    double recent_seconds, recent_steps, recent_tokens; /* sums in which the past fades */
    size_t width;                       /* columns of the line on the terminal that is to be overwritten */
};

static double monotonic(void *context)
{
    struct timespec t;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

heed_progress *heed_progress_new(FILE *out, int64_t done, int64_t steps, double (*clock)(void *context), void *context,
                                 heed_error *e)
{
    heed_progress *p = heed_calloc(1, sizeof *p);
    if (!p) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for the progress line");
        return NULL;
    }
    *p = (heed_progress){.out = out, .terminal = isatty(fileno(out)), .step = done, .steps = steps, .loss = NAN, .rate = NAN,
                         .clock = clock ? clock : monotonic, .context = context};
    p->start = p->last_step = p->last_line = p->clock(context);
    return p;
}

void heed_progress_free(heed_progress *p) { heed_free(p); }

double heed_progress_elapsed(const heed_progress *p) { return p->clock(p->context) - p->start; }
double heed_progress_tokens_per_second(const heed_progress *p)
{
    return p->recent_seconds > 0 ? p->recent_tokens / p->recent_seconds : NAN;
}

const char *heed_duration_text(double seconds, char text[HEED_DURATION_SIZE])
{
    if (!(seconds >= 0 && seconds < 1e12)) return strcpy(text, "?");
    char number[HEED_NUMBER_SIZE];
    long long s = (long long)(seconds + 0.5), minute = 60, hour = 3600, day = 86400;
    if (seconds < 9.95) snprintf(text, HEED_DURATION_SIZE, "%ss", heed_fixed_text(seconds, 1, number));
    else if (s < minute) snprintf(text, HEED_DURATION_SIZE, "%llds", s);
    else if (s < hour) snprintf(text, HEED_DURATION_SIZE, "%lldm %02llds", s / minute, s % minute);
    else if (s < day) snprintf(text, HEED_DURATION_SIZE, "%lldh %02lldm", s / hour, s % hour / minute);
    else snprintf(text, HEED_DURATION_SIZE, "%lldd %lldh", s / day, s % day / hour);
    return text;
}

/* 987, 51.2k, 3.4M */
static void put_short(heed_buffer *b, double value)
{
    const char *unit = value < 9999.5 ? "" : value < 9999.5e3 ? "k" : "M";
    double scaled = *unit == 'k' ? value / 1e3 : *unit == 'M' ? value / 1e6 : value;
    heed_buffer_fixed(b, scaled, scaled < 999.5 && *unit ? 1 : 0);
    heed_buffer_put(b, unit);
}

static void describe(const heed_progress *p, double now, heed_buffer *b)
{
    char text[HEED_DURATION_SIZE];
    heed_buffer_format(b, "step %lld", (long long)p->step);
    if (p->steps > 0) heed_buffer_format(b, "/%lld %d%%", (long long)p->steps, (int)(100 * ((double)p->step / (double)p->steps)));
    if (!isnan(p->loss)) {
        heed_buffer_put(b, "  loss ");
        heed_buffer_fixed(b, p->loss, p->loss < 0.1 ? 5 : 3);
    }
    if (!isnan(p->rate)) {
        char number[HEED_NUMBER_SIZE];
        heed_buffer_put(b, "  rate ");
        heed_buffer_put(b, heed_digits_text(p->rate, 3, number));
    }
    if (p->recent_seconds > 0 && p->recent_tokens > 0) {
        heed_buffer_put(b, "  ");
        put_short(b, p->recent_tokens / p->recent_seconds);
        heed_buffer_put(b, " tokens/s");
    }
    heed_buffer_format(b, "  %s", heed_duration_text(now - p->start, text));
    if (p->steps > p->step && p->recent_steps > 0)
        heed_buffer_format(b, ", %s left",
                           heed_duration_text((double)(p->steps - p->step) * p->recent_seconds / p->recent_steps, text));
}

static size_t columns(FILE *out)
{
    struct winsize w;
    return !ioctl(fileno(out), TIOCGWINSZ, &w) && w.ws_col > 1 ? w.ws_col - 1u : 79;
}

/* All that is written here is ASCII, so bytes are columns. */
static void show(heed_progress *p, double now, bool stays)
{
    heed_buffer b = {0};
    describe(p, now, &b);
    if (b.failed) {
        heed_buffer_free(&b);
        return;
    }
    if (p->terminal) {
        size_t fits = columns(p->out), length = b.length < fits || stays ? b.length : fits;
        size_t rest = p->width > length ? p->width - length : 0;
        fprintf(p->out, "\r%.*s%*s%s", (int)length, b.text, (int)rest, "", stays ? "\n" : "");
        p->width = stays ? 0 : length;
    } else {
        fprintf(p->out, "%s\n", b.text);
    }
    fflush(p->out);
    heed_buffer_free(&b);
    p->last_line = now;
}

void heed_progress_step(heed_progress *p, int64_t step, int64_t tokens, double loss, double rate)
{
    double now = p->clock(p->context), seconds = now - p->last_step, fade = exp(-seconds / 20);
    p->recent_seconds = p->recent_seconds * fade + seconds;
    p->recent_steps = p->recent_steps * fade + (double)(step - p->step);
    p->recent_tokens = p->recent_tokens * fade + (double)tokens;
    p->step = step;
    p->loss = loss;
    p->rate = rate;
    p->last_step = now;
    double gap = (p->last_line - p->start) / 4;
    if (p->terminal) gap = 0.1;
    else if (!(gap >= 1)) gap = 1;
    if (gap > 30) gap = 30;
    if (now - p->last_line >= gap) show(p, now, false);
}

void heed_progress_note(heed_progress *p, const char *format, ...)
{
    va_list args;
    if (p->terminal) fprintf(p->out, "\r%*s\r", (int)p->width, "");
    p->width = 0;
    va_start(args, format);
    vfprintf(p->out, format, args);
    va_end(args);
    fputc('\n', p->out);
    fflush(p->out);
}

void heed_progress_end(heed_progress *p)
{
    if (p->terminal || p->last_line < p->last_step) show(p, p->clock(p->context), true);
}
