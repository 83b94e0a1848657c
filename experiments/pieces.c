/* Pieces of work: computed once, then kept as files of the folder. */
#include "experiments/private.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

void lab_plan(lab *l, double shares) { l->shares = shares; }

void lab_note(lab *l, const char *format, ...)
{
    va_list args;
    (void)l;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* The piece's file, in a folder of their own: what a file name had better not hold becomes '-', and a hash tells names apart that
 * then are the same. */
static const char *file_of(lab *l, const char *name)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+_-";
    size_t n = strlen(name);
    char *plain = lab_alloc(l, n + 1, 1);
    if (!plain) return NULL;
    for (size_t i = 0; i < n; i++) plain[i] = strchr(fine, name[i]) ? name[i] : '-';
    return lab_text(l, "%s/pieces/%s-%08x.h5", heed_folder_path(l->folder), plain, (unsigned)heed_hash_name(name));
}

static const lab_piece *find(const lab *l, const char *name)
{
    const lab_piece *p = l->pieces;
    while (p && strcmp(p->name, name)) p = p->next;
    return p;
}

/* Takes the checkpoint over. */
static void add(lab *l, const char *name, heed_checkpoint *data)
{
    lab_piece *p = lab_alloc(l, 1, sizeof *p);
    if (!p) {
        heed_checkpoint_free(data);
        return;
    }
    *p = (lab_piece){(char *)lab_text(l, "%s", name), data, l->pieces};
    l->pieces = p;
}

void lab_pieces_free(lab *l)
{
    heed_checkpoint_free(l->now);
    for (lab_piece *p = l->pieces; p; p = p->next) heed_checkpoint_free(p->data);
}

bool lab_begin(lab *l, double share, const char *name)
{
    struct stat info;
    const char *file = lab_ok(l) ? file_of(l, name) : NULL;
    if (!lab_ok(l)) return false;
    if (!stat(file, &info)) {
        heed_checkpoint *done = heed_checkpoint_read(file, &l->error);
        if (done) add(l, name, done);
        l->shares_done += share;
        double seconds = lab_get(l, name, "seconds");
        if (seconds > 0) l->seconds_before += seconds;
        return false;
    }
    l->now = heed_checkpoint_new(&l->error);
    l->now_name = lab_text(l, "%s", name);
    l->now_share = share;
    l->now_began = lab_clock();
    heed_graph_reset(l->graph);
    heed_graph_training(l->graph, false);
    return lab_ok(l);
}

void lab_put(lab *l, const char *key, double value) { heed_checkpoint_set_real(l->now, key, value, &l->error); }
void lab_put_text(lab *l, const char *key, const char *text) { heed_checkpoint_set_text(l->now, key, text, &l->error); }

static void put_array(lab *l, const char *key, heed_checkpoint_type type, int rank, const int64_t *shape, const void *values, size_t size)
{
    if (l->error.code) return;
    size_t bytes = size;
    for (int i = 0; i < rank; i++) bytes *= (size_t)shape[i];
    void *copy = lab_alloc(l, bytes, 1); /* the checkpoint borrows */
    if (!copy) return;
    memcpy(copy, values, bytes);
    heed_checkpoint_put(l->now, key, type, rank, shape, copy, &l->error);
}

void lab_put_array(lab *l, const char *key, int rank, const int64_t *shape, const double *values)
{
    put_array(l, key, HEED_CHECKPOINT_F64, rank, shape, values, sizeof *values);
}

void lab_put_floats(lab *l, const char *key, int rank, const int64_t *shape, const float *values)
{
    put_array(l, key, HEED_CHECKPOINT_F32, rank, shape, values, sizeof *values);
}

void lab_end(lab *l)
{
    if (!lab_ok(l)) return;
    char text[HEED_DURATION_SIZE], left[HEED_DURATION_SIZE];
    double seconds = lab_clock() - l->now_began;
    lab_put(l, "seconds", seconds);
    const char *file = file_of(l, l->now_name), *folder = lab_text(l, "%s/pieces", heed_folder_path(l->folder));
    if (!l->error.code && mkdir(folder, 0777) && errno != EEXIST) heed_fail_errno(&l->error, "cannot create the folder %s", folder);
    if (!l->error.code) heed_checkpoint_write(l->now, file, &l->error);
    if (l->error.code) return;
    add(l, l->now_name, l->now);
    l->now = NULL;
    l->shares_done += l->now_share;
    l->shares_worked += l->now_share;
    l->seconds += seconds;
    double rest = fmax(0, l->shares - l->shares_done) * l->seconds / l->shares_worked;
    lab_note(l, "%s: %s, %.0f %% of the work done, about %s left", l->now_name, heed_duration_text(seconds, text),
             l->shares > 0 ? fmin(100, 100 * l->shares_done / l->shares) : 100, heed_duration_text(rest, left));
}

double lab_budget(lab *l)
{
    if (!(l->asked->minutes > 0)) return 0;
    double rest = 60 * l->asked->minutes - l->seconds - l->seconds_before, shares = fmax(l->now_share, l->shares - l->shares_done);
    return fmax(0.1, rest * l->now_share / shares - (lab_clock() - l->now_began));
}

/* --- what they hold --------------------------------------------------------------------------------------------------------- */

double lab_get(lab *l, const char *piece, const char *key)
{
    const lab_piece *p = find(l, piece);
    const heed_checkpoint_attribute *a = p ? heed_checkpoint_find_attribute(p->data, key) : NULL;
    return a && a->kind == HEED_CHECKPOINT_REAL ? a->real : NAN;
}

const char *lab_get_text(lab *l, const char *piece, const char *key)
{
    const lab_piece *p = find(l, piece);
    const heed_checkpoint_attribute *a = p ? heed_checkpoint_find_attribute(p->data, key) : NULL;
    return a && a->kind == HEED_CHECKPOINT_TEXT ? a->text : NULL;
}

static const void *array(lab *l, const char *piece, const char *key, heed_checkpoint_type type, int rank, int64_t *shape)
{
    const lab_piece *p = find(l, piece);
    const heed_checkpoint_array *a = p ? heed_checkpoint_find(p->data, key) : NULL;
    if (!a || a->type != type || a->rank != rank) return NULL;
    for (int i = 0; i < rank; i++) shape[i] = a->shape[i];
    return a->data;
}

const double *lab_array(lab *l, const char *piece, const char *key, int rank, int64_t *shape)
{
    return array(l, piece, key, HEED_CHECKPOINT_F64, rank, shape);
}

const float *lab_floats(lab *l, const char *piece, const char *key, int rank, int64_t *shape)
{
    return array(l, piece, key, HEED_CHECKPOINT_F32, rank, shape);
}
