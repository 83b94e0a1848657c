/* Where values lie: offsets for lives of known length, so that what lives at the same time does not overlap and the whole is small.
 *
 * No layout can be smaller than the most bytes alive in one step. Two ways are tried. In the order of time, each life takes the best
 * fitting hole among those alive: quick, and mostly near that bound. Where it is not, largest first (Pisarchyk and Lee 2020, "Efficient
 * memory management for deep neural net inference", greedy by size): each takes the best fitting gap between those that it overlaps
 * in time. The smaller of the two is kept.
 */
#include "autograd/plan.h"

#include <string.h>

enum { MOST_BY_SIZE = 4096, NEAR = 64 }; /* lives; the bound is met up to a NEARth of it */

size_t heed_padded(size_t size) { return size ? (size + 63) & ~(size_t)63 : 64; }

/* --- in the order of time ---------------------------------------------------------------------------------------------------- */

typedef struct hole { size_t at, size; } hole;
typedef struct room { arena *work; hole *holes; size_t count, capacity, top; } room; /* holes sorted by place, none touching another */

/* Best fit among the holes, else at the top, taking the hole that ends there; false where no memory is that large. */
static bool room_take(room *m, size_t size, size_t *at)
{
    size_t best = m->count;
    for (size_t i = 0; i < m->count; i++)
        if (m->holes[i].size >= size && (best == m->count || m->holes[i].size < m->holes[best].size)) best = i;
    if (best == m->count) {
        if (m->count && m->holes[m->count - 1].at + m->holes[m->count - 1].size == m->top) m->top = m->holes[--m->count].at;
        *at = m->top;
        return heed_size_add(m->top, size, &m->top) && m->top <= SIZE_MAX / 4;
    }
    *at = m->holes[best].at;
    m->holes[best].at += size;
    m->holes[best].size -= size;
    if (!m->holes[best].size) memmove(m->holes + best, m->holes + best + 1, (--m->count - best) * sizeof *m->holes);
    return true;
}

static bool room_give(room *m, size_t at, size_t size)
{
    size_t i = 0;
    while (i < m->count && m->holes[i].at < at) i++;
    bool before = i > 0 && m->holes[i - 1].at + m->holes[i - 1].size == at;
    bool after = i < m->count && at + size == m->holes[i].at;
    if (before && after) {
        m->holes[i - 1].size += size + m->holes[i].size;
        memmove(m->holes + i, m->holes + i + 1, (--m->count - i) * sizeof *m->holes);
    } else if (before) m->holes[i - 1].size += size;
    else if (after) {
        m->holes[i].at = at;
        m->holes[i].size += size;
    } else {
        if (!arena_grow(m->work, (void **)&m->holes, &m->capacity, m->count + 1, sizeof *m->holes)) return false;
        memmove(m->holes + i + 1, m->holes + i, (m->count++ - i) * sizeof *m->holes);
        m->holes[i] = (hole){at, size};
    }
    return true;
}

/* Lives come in the order of their first step. `most`: bytes alive in the worst step, with what lies below `from`. */
static bool lay_by_time(arena *work, life *lives, size_t count, size_t from, size_t *top, size_t *most)
{
    room m = {.work = work, .top = from};
    int32_t steps = 0;
    for (size_t i = 0; i < count; i++)
        if (lives[i].to >= steps) steps = lives[i].to + 1;
    int32_t *dying = arena_alloc(work, ((size_t)steps + count) * sizeof *dying), *next = dying + steps; /* lists by last step */
    if (!dying) return false;
    memset(dying, -1, (size_t)steps * sizeof *dying);
    size_t alive = from, high = from, i = 0;
    *most = from;
    for (int32_t s = 0; s < steps; s++) {
        for (; i < count && lives[i].from == s; i++) {
            if (!room_take(&m, lives[i].size, &lives[i].at)) return false;
            next[i] = dying[lives[i].to];
            dying[lives[i].to] = (int32_t)i;
            alive += lives[i].size;
        }
        if (alive > *most) *most = alive;
        if (m.top > high) high = m.top;
        for (int32_t d = dying[s]; d >= 0; d = next[d]) {
            alive -= lives[d].size;
            if (!room_give(&m, lives[d].at, lives[d].size)) return false;
        }
    }
    *top = high;
    return true;
}

/* --- largest first -------------------------------------------------------------------------------------------------------------- */

typedef struct sized { size_t size, at; int32_t from, to, index; } sized;

static bool is_before(const sized *x, const sized *y) { return x->size != y->size ? x->size > y->size : x->index < y->index; }

/* Largest first. Shell's sort with Ciura's gaps, for qsort of the C library may ask the system for memory. */
static void sort(sized *all, size_t count)
{
    static const size_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t k = 0; k < sizeof gaps / sizeof *gaps; k++)
        for (size_t i = gaps[k]; i < count; i++) {
            sized one = all[i];
            size_t at = i;
            for (; at >= gaps[k] && is_before(&one, &all[at - gaps[k]]); at -= gaps[k]) all[at] = all[at - gaps[k]];
            all[at] = one;
        }
}

static bool lay_by_size(arena *work, const life *lives, size_t count, size_t from, size_t limit, sized *all, size_t *top)
{
    sized *placed = arena_alloc(work, (count + 1) * sizeof *placed); /* by place */
    if (!placed) return false;
    for (size_t i = 0; i < count; i++) all[i] = (sized){lives[i].size, 0, lives[i].from, lives[i].to, (int32_t)i};
    sort(all, count);
    *top = from;
    for (size_t i = 0; i < count && *top < limit; i++) {
        sized *l = &all[i];
        size_t end = from, best = SIZE_MAX, at = from, k = i; /* `end` of what is placed below and overlaps in time */
        for (size_t j = 0; j < i; j++) {
            const sized *p = &placed[j];
            if (p->to < l->from || p->from > l->to) continue;
            if (p->at >= end && p->at - end >= l->size && p->at - end < best) {
                best = p->at - end;
                at = end;
            }
            if (p->at + p->size > end) end = p->at + p->size;
        }
        l->at = best == SIZE_MAX ? end : at;
        if (l->at + l->size > *top) *top = l->at + l->size;
        while (k > 0 && placed[k - 1].at > l->at) k--;
        memmove(placed + k + 1, placed + k, (i - k) * sizeof *placed);
        placed[k] = *l;
    }
    return true;
}

bool heed_lay_out(arena *work, life *lives, size_t count, size_t *top)
{
    size_t from = *top, most, other;
    if (!lay_by_time(work, lives, count, from, top, &most)) return false;
    if (*top - most <= most / NEAR || count > MOST_BY_SIZE) return true;
    sized *all = arena_alloc(work, (count + 1) * sizeof *all);
    if (!all || !lay_by_size(work, lives, count, from, *top, all, &other)) return false;
    if (other >= *top) return true;
    for (size_t i = 0; i < count; i++) lives[all[i].index].at = all[i].at;
    *top = other;
    return true;
}
