/* Life of a lab: its folder and manifest, memory, errors. */
#include "experiments/private.h"

#include <dirent.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char manifest_name[] = "experiment.conf";

double lab_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool lab_quick(const lab *l) { return l->asked->quick; }
uint64_t lab_seed(const lab *l) { return (uint64_t)l->asked->seed; }
const void *lab_options(const lab *l) { return l->asked->options; }
heed_error *lab_error(lab *l) { return &l->error; }

bool lab_ok(lab *l)
{
    if (!l->error.code && l->asked->stop && *l->asked->stop) heed_fail(&l->error, HEED_STOPPED, "stopped by a signal");
    return !l->error.code;
}

heed_code lab_fail(lab *l, const char *format, ...)
{
    char text[sizeof l->error.message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return heed_fail(&l->error, HEED_INVALID, "%s", text);
}

bool lab_check(lab *l, const heed_error *other)
{
    if (other->code) heed_fail(&l->error, other->code, "%s", other->message);
    return lab_ok(l);
}

heed_graph *lab_graph(lab *l) { return l->graph; }

void *lab_alloc(lab *l, size_t count, size_t size)
{
    enum { HEAD = 64 }; /* keeps the alignment */
    size_t bytes = 0;
    bool fits = heed_size_mul(count, size, &bytes) && heed_size_add(bytes, HEAD, &bytes);
    char *memory = fits ? heed_calloc(1, bytes) : NULL;
    if (!memory) {
        heed_fail(&l->error, HEED_NO_MEMORY, "no memory for %zu times %zu bytes", count, size);
        return NULL;
    }
    lab_block *block = (lab_block *)(void *)memory;
    block->next = l->blocks;
    l->blocks = block;
    return memory + HEAD;
}

const char *lab_text(lab *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : lab_alloc(l, (size_t)length + 1, 1);
    if (!text) return "";
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

/* --- the folder ------------------------------------------------------------------------------------------------------------- */

typedef struct manifest { char *experiment, *version; int64_t seed; bool quick; double minutes; } manifest;

static const heed_option manifest_table[] = {
    HEED_OPTION_TEXT(manifest, experiment, "", "its name"),
    HEED_OPTION_TEXT(manifest, version, "", "heed's"),
    HEED_OPTION_INT(manifest, seed, "[0,9007199254740992]", "1", "of all that is random"),
    HEED_OPTION_BOOL(manifest, quick, "no", "the quick form"),
    HEED_OPTION_REAL(manifest, minutes, "[0,1e+06]", "0", "budget; 0: none"),
    {0},
};

/* All that the results depend on, as lines of `key = value`. */
static const char *manifest_text(lab *l)
{
    const lab_request *r = l->asked;
    manifest m = {(char *)r->what->name, HEED_VERSION, r->seed, r->quick, r->minutes}; /* texts are only read */
    char *common = heed_options_text(manifest_table, &m, &l->error);
    char *own = r->what->options ? heed_options_text(r->what->options, r->options, &l->error) : NULL;
    const char *text = l->error.code ? "" : lab_text(l, "%s%s", common, own ? own : "");
    heed_free(common);
    heed_free(own);
    return text;
}

static size_t key_length(const char *line) { return strcspn(line, " =\n"); }

/* The line of `text` that has the same key as `line`; NULL: there is none. */
static const char *same_key(const char *text, const char *line)
{
    size_t n = key_length(line);
    for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
        if (key_length(at) == n && !strncmp(at, line, n)) return at;
        if (!at[strcspn(at, "\n")]) break;
    }
    return NULL;
}

static int value_length(const char *line) { return (int)strcspn(line, "\n"); }

static void compare(lab *l, const char *old, const char *new)
{
    const char *folder = l->asked->folder;
    for (const char *at = new; *at; at += value_length(at) + 1) {
        const char *was = same_key(old, at);
        size_t n = key_length(at);
        if (was && value_length(was) == value_length(at) && !strncmp(was, at, (size_t)value_length(at))) continue;
        if (was && !strncmp(at, "experiment", n))
            lab_fail(l, "the folder %s holds the experiment%.*s; give --out another one", folder, value_length(was + n) - 2, was + n + 2);
        else if (was)
            lab_fail(l, "%s was begun with %.*s, which cannot become%.*s; give --out another folder", folder, value_length(was), was,
                     value_length(at + n) - 2, at + n + 2);
        else lab_fail(l, "%s was begun without %.*s; give --out another folder", folder, (int)n, at);
        return;
    }
}

/* Only names that begin with a point, such as the folder's lock. */
static bool is_empty(lab *l)
{
    DIR *d = opendir(l->asked->folder);
    if (!d) {
        heed_fail_errno(&l->error, "cannot list the folder %s", l->asked->folder);
        return false;
    }
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) empty = empty && entry->d_name[0] == '.';
    closedir(d);
    return empty;
}

static void open_folder(lab *l)
{
    const char *path = l->asked->folder;
    struct stat info;
    char *file = NULL;
    l->folder = heed_folder_open(path, &l->error);
    if (l->folder) file = heed_folder_file(l->folder, manifest_name, &l->error);
    const char *new = manifest_text(l);
    if (!l->error.code && !stat(file, &info)) {
        size_t length;
        char *old = heed_read_file(file, &length, &l->error);
        if (old) compare(l, old, new);
        heed_free(old);
    } else if (!l->error.code) {
        if (!is_empty(l)) lab_fail(l, "the folder %s holds other files and no experiment; give --out a new one", path);
        else heed_write_file(file, new, strlen(new), &l->error);
    }
    heed_free(file);
}

/* --- a run ------------------------------------------------------------------------------------------------------------------ */

static void finish(lab *l)
{
    char *file = l->error.code ? NULL : heed_folder_file(l->folder, "index.html", &l->error);
    if (file && !heed_page_save(l->page, file, &l->error)) {
        printf("Tables, pictures and the page that collects them: %s\n", file);
        if (fflush(stdout) || ferror(stdout)) heed_fail_errno(&l->error, "cannot write the results to standard output");
    }
    heed_free(file);
}

heed_code lab_run(const lab_request *r, heed_page *page, heed_error *e)
{
    lab l = {.asked = r, .outer = page};
    open_folder(&l);
    l.graph = heed_graph_new();
    heed_graph_threads(l.graph, r->threads);
    l.page = heed_page_new(lab_text(&l, "%s: %s", r->what->name, r->what->title));
    heed_page_heading(page, lab_text(&l, "%s: %s", r->what->name, r->what->title));
    if (lab_ok(&l)) {
        printf("%s: %s\n\n", r->what->name, r->what->title);
        lab_say(&l, "%s", r->what->see);
        r->what->run(&l);
    }
    if (lab_ok(&l)) finish(&l);
    lab_pieces_free(&l);
    heed_page_free(l.page);
    heed_graph_free(l.graph);
    heed_folder_close(l.folder);
    for (lab_block *b = l.blocks, *next; b; b = next) {
        next = b->next;
        heed_free(b);
    }
    return l.error.code ? heed_fail(e, l.error.code, "%s", l.error.message) : HEED_OK;
}
