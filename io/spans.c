/* conlleval's reading (Tjong Kim Sang and Buchholz 2000): where a span begins and ends is decided by two tags in a row. */
#include "metrics.h"

#include <string.h>

typedef struct tag { char kind; const char *type; } tag; /* kind 'B', 'I' or 'O' */

static tag read_tag(const char *name)
{
    bool in = (name[0] == 'B' || name[0] == 'I') && (name[1] == '-' || !name[1]);
    return in ? (tag){name[0], name[1] ? name + 2 : ""} : (tag){'O', ""};
}

bool heed_spans_have(const char *const *names, size_t count)
{
    size_t inside = 0;
    for (size_t i = 0; i < count; i++) {
        bool in = read_tag(names[i]).kind != 'O';
        if (!in && strcmp(names[i], "O")) return false;
        inside += in;
    }
    return inside > 0;
}

/* A span ends between two tags where the second is outside, begins one or has another type. */
static bool ends(tag a, tag b) { return a.kind != 'O' && (b.kind != 'I' || strcmp(a.type, b.type)); }
/* One begins with B-, with I- behind a tag outside, or with I- of another type. */
static bool begins(tag a, tag b) { return b.kind == 'B' || (b.kind == 'I' && (a.kind == 'O' || strcmp(a.type, b.type))); }

void heed_spans_add(heed_spans *m, const char *const *predicted, const char *const *target, int64_t length)
{
    const tag outside = {'O', ""};
    tag p = outside, t = outside;
    bool same = false; /* both have a span that began at the same token, of the same type */
    for (int64_t i = 0; i <= length; i++) {
        tag next_p = i < length ? read_tag(predicted[i]) : outside, next_t = i < length ? read_tag(target[i]) : outside;
        bool end_p = ends(p, next_p), end_t = ends(t, next_t), begin_p = begins(p, next_p), begin_t = begins(t, next_t);
        m->right += same && end_p && end_t;
        if (end_p || end_t) same = false;
        if (begin_p && begin_t) same = !strcmp(next_p.type, next_t.type);
        m->predicted += begin_p;
        m->target += begin_t;
        p = next_p, t = next_t;
    }
}

static double share(int64_t part, int64_t whole) { return whole ? (double)part / (double)whole : 0; }

double heed_spans_precision(const heed_spans *m) { return share(m->right, m->predicted); }
double heed_spans_recall(const heed_spans *m) { return share(m->right, m->target); }
double heed_spans_f1(const heed_spans *m) { return share(2 * m->right, m->predicted + m->target); }
