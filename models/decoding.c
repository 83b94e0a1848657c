#include "models/decoding.h"

#include "autograd/memory.h"
#include "autograd/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- results ---------------------------------------------------------------------------------------------------------------- */

struct heed_found {
    int64_t sentences, beam, room; /* room: ids of a hypothesis */
    heed_hypothesis *list;         /* [sentences, beam] */
    int64_t *count;                /* [sentences] */
    int32_t *ids;                  /* [sentences, beam, room] */
};

static heed_found *found_new(int64_t sentences, int64_t beam, int64_t room)
{
    heed_found *f = heed_calloc(1, sizeof *f);
    size_t slots, ids;
    bool fits = heed_size_mul((size_t)sentences, (size_t)beam, &slots) && heed_size_mul(slots, (size_t)room, &ids) &&
                ids < SIZE_MAX / sizeof(int32_t);
    if (!f || !fits) {
        heed_free(f);
        return NULL;
    }
    *f = (heed_found){sentences, beam, room, heed_calloc(slots, sizeof *f->list),
                      heed_calloc((size_t)sentences, sizeof *f->count), heed_alloc(ids * sizeof *f->ids)};
    if (f->list && f->count && f->ids) return f;
    heed_found_free(f);
    return NULL;
}

void heed_found_free(heed_found *f)
{
    if (!f) return;
    heed_free(f->list);
    heed_free(f->count);
    heed_free(f->ids);
    heed_free(f);
}

int64_t heed_found_count(const heed_found *f, int64_t sentence)
{
    return sentence >= 0 && sentence < f->sentences ? f->count[sentence] : 0;
}

heed_hypothesis heed_found_at(const heed_found *f, int64_t sentence, int64_t rank)
{
    return rank >= 0 && rank < heed_found_count(f, sentence) ? f->list[sentence * f->beam + rank]
                                                             : (heed_hypothesis){.score = -INFINITY};
}

static bool better(const heed_hypothesis *a, const heed_hypothesis *b)
{
    return a->ended != b->ended ? a->ended : a->score > b->score;
}

/* Puts h among the sentence's best, unless these are `beam` better ones. `sorted` false: behind the others. */
static void found_add(heed_found *f, int64_t sentence, heed_hypothesis h, bool sorted)
{
    heed_hypothesis *list = f->list + sentence * f->beam;
    int64_t n = f->count[sentence], at = n;
    while (sorted && at > 0 && better(&h, &list[at - 1])) at--;
    if (at == f->beam) return;
    /* the ids go to a new place, or to that of the one that drops out */
    int32_t *place = n < f->beam ? f->ids + (sentence * f->beam + n) * f->room : (int32_t *)(uintptr_t)list[n - 1].ids;
    if (n < f->beam) f->count[sentence] = ++n;
    memmove(list + at + 1, list + at, (size_t)(n - 1 - at) * sizeof *list);
    memcpy(place, h.ids, (size_t)h.length * sizeof *place);
    list[at] = h;
    list[at].ids = place;
}

/* --- a search under way ----------------------------------------------------------------------------------------------------- */

typedef struct candidate { double score; int32_t row, id; } candidate;
typedef struct choice { float log_p; int32_t id; } choice;

typedef struct search {
    const heed_search *how;
    const heed_prompts *p;
    heed_decoder *d;
    heed_found *found;
    int64_t symbols, room, live; /* live: sentences not over */
    int64_t *sentence;           /* [sentences in the batch] which one it is */
    int64_t *limit;              /* [sentences] symbols of its output at most, prefix included */
    bool *over;                  /* [sentences in the batch] */
    double *score;               /* [R] log-probability; -infinity: no hypothesis */
    int32_t *ids, *from;         /* [R] what stands at the next position, and which row it continues */
    int32_t *history, *spare;    /* [R, room] what was said, in two generations */
    candidate *best;             /* [2 beam] */
    choice *choices;             /* [symbols] for sampling */
    bool lost;                   /* there was nothing to choose from */
} search;

heed_search heed_search_greedy(int32_t pad, int32_t begin, int32_t end)
{
    return (heed_search){.beam = 1, .factor = 2, .extra = 16, .begin = begin, .end = end, .temperature = 1, .top_p = 1,
                         .banned = {pad, begin == end ? -1 : begin}};
}

static double length_term(const heed_search *how, int64_t n)
{
    if (how->alpha == 0) return 1;
    return pow(how->rule == HEED_LENGTH_GNMT ? (5 + (double)n) / 6 : (double)n, how->alpha);
}

static int64_t prefix_length(const search *s, int64_t sentence)
{
    return s->p->prefix_length ? s->p->prefix_length[sentence] : 0;
}

/* Keeps `said` symbols of row r as a hypothesis of its sentence. */
static void finish(search *s, int64_t sentence, int64_t r, int64_t said, double log_probability, bool ended)
{
    int64_t n = said - prefix_length(s, sentence) + ended;
    heed_hypothesis h = {s->history + r * s->room, said, log_probability, log_probability / length_term(s->how, n > 0 ? n : 1),
                         ended};
    found_add(s->found, sentence, h, !s->how->sample);
}

static bool is_banned(const heed_search *how, int32_t id) { return id == how->banned[0] || id == how->banned[1]; }

/* Whether one of `count` numbers is above the bar: what the compiler makes a few vectors of. */
static bool any_above(const float *x, int64_t count, float bar)
{
    int above = 0;
    for (int64_t i = 0; i < count; i++) above |= x[i] > bar;
    return above;
}

enum { STRETCH = 256 }; /* of symbols, most of which have none that is good enough */

/* The best 2 beam continuations of a sentence's rows, best first: among them are `beam` that do not end. */
static int64_t best_candidates(search *s, int64_t first, const float *log_p)
{
    int64_t most = 2 * s->how->beam, n = 0;
    for (int64_t r = first; r < first + s->how->beam; r++) {
        const float *row = log_p + r * s->symbols;
        double base = s->score[r];
        if (base == -INFINITY) continue;
        double bar = n == most ? s->best[n - 1].score : -INFINITY; /* equal scores: the earlier one stays */
        for (int32_t at = 0, end; at < s->symbols; at = end) {
            end = s->symbols - at < STRETCH ? (int32_t)s->symbols : at + STRETCH;
            /* a float below what would reach the bar: no rounding of the sum leads above it */
            if (!any_above(row + at, end - at, nextafterf((float)(bar - base), -INFINITY))) continue;
            for (int32_t id = at; id < end; id++) {
                double score = base + (double)row[id];
                if (!(score > bar) || is_banned(s->how, id)) continue;
                int64_t place = n < most ? n++ : n - 1;
                for (; place > 0 && score > s->best[place - 1].score; place--) s->best[place] = s->best[place - 1];
                s->best[place] = (candidate){score, (int32_t)r, id};
                bar = n == most ? s->best[n - 1].score : -INFINITY;
            }
        }
    }
    return n;
}

/* What follows row r is known: the row goes on as it is. */
static void go_on(search *s, int64_t r, int32_t id)
{
    s->from[r] = (int32_t)r;
    s->ids[r] = id;
}

/* Nothing lives in row r: it says anything. */
static void idle(search *s, int64_t r) { go_on(s, r, s->how->begin); }

/* Whether some row could still become better than the best hypothesis that has ended: log-probabilities only fall, so none gets beyond
 * what it has now divided by the term of the longest output. */
static bool may_improve(const search *s, int64_t b, int64_t said)
{
    int64_t sentence = s->sentence[b], first = b * s->how->beam, before = prefix_length(s, sentence);
    double term = fmax(length_term(s->how, said - before + 1), length_term(s->how, s->limit[sentence] - before));
    for (int64_t r = first; r < first + s->how->beam; r++)
        if (s->score[r] / term > heed_found_at(s->found, sentence, 0).score) return true;
    return false;
}

static void take(search *s, int64_t r, const candidate *c)
{
    s->from[r] = c->row;
    s->ids[r] = c->id;
    s->score[r] = c->score;
}

/* The `rows` best candidates get the sentence's rows, the first child of a row the row itself: what the decoder keeps of it need not move. */
static void settle(search *s, int64_t first, int64_t rows)
{
    const int64_t end = first + s->how->beam;
    int64_t later = 0, r = first;
    for (int64_t k = first; k < end; k++) {
        idle(s, k);
        s->score[k] = -INFINITY;
    }
    for (int64_t i = 0; i < rows; i++) {
        const candidate c = s->best[i];
        if (s->score[c.row] == -INFINITY) take(s, c.row, &c);
        else s->best[later++] = c;
    }
    for (int64_t i = 0; i < later; i++) {
        while (s->score[r] != -INFINITY) r++;
        take(s, r, &s->best[i]);
    }
}

/* One sentence, `said` symbols long so far, chooses what comes next. */
static void advance_beam(search *s, int64_t b, int64_t said, const float *log_p)
{
    const heed_search *how = s->how;
    int64_t first = b * how->beam, sentence = s->sentence[b], n = best_candidates(s, first, log_p), rows = 0;
    for (int64_t i = 0; i < n; i++) {
        const candidate *c = &s->best[i];
        if (c->id == how->end) {
            if (i < how->beam) finish(s, sentence, c->row, said, c->score, true);
        } else if (rows < how->beam) s->best[rows++] = *c; /* rows <= i: already read */
    }
    int64_t ended = 0;
    for (int64_t k = 0; k < s->found->count[sentence]; k++) ended += heed_found_at(s->found, sentence, k).ended;
    settle(s, first, rows);
    s->over[b] = rows == 0 || (ended >= how->beam && !may_improve(s, b, said));
    s->lost = s->lost || !n;
}

static int by_probability(const void *a, const void *b)
{
    const choice *x = a, *y = b;
    return x->log_p != y->log_p ? (x->log_p < y->log_p ? 1 : -1) : (x->id > y->id) - (x->id < y->id);
}

/* Draws from row r. The draw is a function of the seed, the sentence's stream, which of its rows it is, and the position. */
static int32_t draw(search *s, int64_t b, int64_t r, int64_t said, const float *row, float *log_probability)
{
    const heed_search *how = s->how;
    uint64_t stream = s->p->stream ? s->p->stream[s->sentence[b]] : (uint64_t)s->sentence[b];
    heed_random random = {how->seed, stream * (uint64_t)how->beam + (uint64_t)(r - b * how->beam), 2 * (uint64_t)said};
    int64_t n = 0;
    for (int32_t id = 0; id < s->symbols; id++)
        if (!is_banned(how, id)) s->choices[n++] = (choice){row[id], id};
    if (how->top_k || how->top_p < 1) qsort(s->choices, (size_t)n, sizeof *s->choices, by_probability);
    if (how->top_k && how->top_k < n) n = how->top_k;
    double total = 0, highest = -INFINITY;
    for (int64_t i = 0; i < n; i++) highest = fmax(highest, (double)s->choices[i].log_p);
    for (int64_t i = 0; i < n; i++) total += exp(((double)s->choices[i].log_p - highest) / how->temperature);
    s->lost = s->lost || !(total > 0);
    if (how->top_p < 1) {
        double part = 0;
        int64_t most = n;
        for (n = 0; n < most && part < how->top_p * total; n++)
            part += exp(((double)s->choices[n].log_p - highest) / how->temperature);
        total = part;
    }
    double at = heed_random_uniform(&random) * total;
    int64_t i = 0;
    for (; i < n - 1; i++)
        if ((at -= exp(((double)s->choices[i].log_p - highest) / how->temperature)) < 0) break;
    *log_probability = s->choices[i].log_p;
    return s->choices[i].id;
}

static void advance_draws(search *s, int64_t b, int64_t said, const float *log_p)
{
    bool any = false;
    for (int64_t r = b * s->how->beam; r < (b + 1) * s->how->beam; r++) {
        idle(s, r);
        if (s->score[r] == -INFINITY) continue;
        float p;
        int32_t id = draw(s, b, r, said, log_p + r * s->symbols, &p);
        s->score[r] += (double)p;
        if (id == s->how->end) {
            finish(s, s->sentence[b], r, said, s->score[r], true);
            s->score[r] = -INFINITY;
        } else {
            s->ids[r] = id;
            any = true;
        }
    }
    s->over[b] = !any;
}

/* What was said goes on with the chosen ids. */
static void extend(search *s, int64_t rows, int64_t said)
{
    bool same = true;
    for (int64_t r = 0; r < rows; r++) same = same && s->from[r] == r;
    if (!same) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(s->spare + r * s->room, s->history + s->from[r] * s->room, (size_t)said * sizeof *s->history);
        int32_t *old = s->history;
        s->history = s->spare;
        s->spare = old;
    }
    for (int64_t r = 0; r < rows; r++) s->history[r * s->room + said] = s->ids[r];
}

/* Sentences that are over leave: at once from a small batch, in groups of an eighth from a large one, since every number of rows
 * has a plan of its own. */
static int64_t leave(search *s, int64_t sentences)
{
    int64_t beam = s->how->beam, kept = 0;
    if (s->live == sentences || s->live * 8 > sentences * 7) return sentences;
    for (int64_t b = 0; b < sentences; b++) {
        if (s->over[b]) continue;
        for (int64_t k = 0; k < beam; k++) {
            s->score[kept * beam + k] = s->score[b * beam + k];
            s->ids[kept * beam + k] = s->ids[b * beam + k];
            s->from[kept * beam + k] = s->from[b * beam + k];
        }
        s->sentence[kept] = s->sentence[b];
        s->over[kept++] = false;
    }
    return kept;
}

static void advance(search *s, int64_t b, int64_t said, const float *log_p)
{
    int64_t sentence = s->sentence[b], first = b * s->how->beam, beam = s->how->beam;
    if (s->over[b]) {
        for (int64_t r = first; r < first + beam; r++) idle(s, r);
        return;
    }
    if (said < prefix_length(s, sentence))
        for (int64_t r = first; r < first + beam; r++) go_on(s, r, s->p->prefix[sentence][said]);
    else if (s->how->sample) advance_draws(s, b, said, log_p);
    else advance_beam(s, b, said, log_p);
    if (s->over[b]) s->live--;
}

/* Hypotheses that have reached their sentence's limit are what they are. */
static void cut(search *s, int64_t b, int64_t said)
{
    if (s->over[b] || said < s->limit[s->sentence[b]]) return;
    for (int64_t r = b * s->how->beam; r < (b + 1) * s->how->beam; r++)
        if (s->score[r] > -INFINITY) finish(s, s->sentence[b], r, said, s->score[r], false);
    s->over[b] = true;
    s->live--;
}

static heed_code loop(search *s, heed_error *e)
{
    int64_t sentences = s->p->sentences, beam = s->how->beam;
    heed_graph *g = heed_decoder_graph(s->d);
    for (int64_t b = 0; b < sentences; b++) cut(s, b, 0);
    for (int64_t said = 0; s->live; said++) {
        heed_tensor *logits = heed_decoder_step(s->d, s->ids);
        const float *log_p = heed_data(g, heed_cast(g, heed_log_softmax(g, logits, -1), HEED_F32));
        if (!log_p) return heed_fail(e, heed_graph_error(g)->code, "%s", heed_graph_error(g)->message);
        for (int64_t b = 0; b < sentences; b++) advance(s, b, said, log_p);
        if (s->lost)
            return heed_fail(e, HEED_STATE, "search: the model's scores are not numbers after %lld symbols", (long long)said);
        sentences = leave(s, sentences);
        extend(s, sentences * beam, said);
        for (int64_t b = 0; b < sentences; b++) cut(s, b, said + 1);
        if (s->live && heed_decoder_select(s->d, sentences, s->from, e)) return e->code;
    }
    return HEED_OK;
}

/* --- begin and end ---------------------------------------------------------------------------------------------------------- */

static heed_code check(const heed_decoder *d, const heed_search *how, const heed_prompts *p, heed_error *e)
{
    int64_t symbols = heed_decoder_symbols(d);
    if (how->beam < 1 || how->beam > 4096)
        return heed_fail(e, HEED_INVALID, "search: a beam of %lld; 1 to 4096 can be", (long long)how->beam);
    if (how->begin < 0 || how->begin >= symbols || how->end < -1 || how->end >= symbols)
        return heed_fail(e, HEED_INVALID, "search: begin %d and end %d are not both below %lld symbols", how->begin, how->end,
                         (long long)symbols);
    if (how->factor < 0 || how->extra < 0 || !(how->factor * (double)p->steps + (double)how->extra < 1e9))
        return heed_fail(e, HEED_INVALID, "search: a limit of %g source lengths + %lld", how->factor, (long long)how->extra);
    if (how->sample && (!(how->temperature > 0) || how->top_k < 0 || !(how->top_p > 0 && how->top_p <= 1)))
        return heed_fail(e, HEED_INVALID, "search: temperature %g, top-k %lld, top-p %g", how->temperature, (long long)how->top_k,
                         how->top_p);
    if (p->sentences < 1) return heed_fail(e, HEED_INVALID, "search: no sentences");
    for (int64_t b = 0; p->prefix_length && b < p->sentences; b++)
        for (int64_t k = 0; k < p->prefix_length[b]; k++)
            if (p->prefix[b][k] < 0 || p->prefix[b][k] >= symbols)
                return heed_fail(e, HEED_INVALID, "search: sentence %lld begins with %d, no symbol", (long long)b,
                                 p->prefix[b][k]);
    return HEED_OK;
}

/* The sentences' limits, and room for the longest output. */
static int64_t set_limits(const search *s)
{
    int64_t longest = 1, positions = heed_decoder_limit(s->d);
    for (int64_t b = 0; b < s->p->sentences; b++) {
        int64_t source = s->p->steps ? s->p->source_length[b] : 0, prefix = prefix_length(s, b);
        int64_t limit = prefix + (int64_t)(s->how->factor * (double)source) + s->how->extra;
        if (limit > positions) limit = positions > prefix ? positions : prefix;
        s->limit[b] = limit;
        if (limit > longest) longest = limit;
    }
    return longest;
}

static bool allocate(search *s)
{
    size_t sentences = (size_t)s->p->sentences, rows = sentences * (size_t)s->how->beam;
    s->limit = heed_alloc(sentences * sizeof *s->limit);
    if (!s->limit) return false;
    s->room = set_limits(s);
    s->found = found_new(s->p->sentences, s->how->beam, s->room);
    if (!s->found) return false; /* from here on rows * room fits */
    s->sentence = heed_alloc(sentences * sizeof *s->sentence);
    s->over = heed_calloc(sentences, sizeof *s->over);
    s->score = heed_alloc(rows * sizeof *s->score);
    s->ids = heed_alloc(rows * sizeof *s->ids);
    s->from = heed_alloc(rows * sizeof *s->from);
    s->history = heed_alloc(rows * (size_t)s->room * sizeof *s->history);
    s->spare = heed_alloc(rows * (size_t)s->room * sizeof *s->spare);
    s->best = heed_alloc(2 * (size_t)s->how->beam * sizeof *s->best);
    s->choices = heed_alloc((size_t)s->symbols * sizeof *s->choices);
    return s->sentence && s->over && s->score && s->ids && s->from && s->history && s->spare && s->best && s->choices;
}

heed_found *heed_search_run(heed_decoder *d, const heed_search *how, const heed_prompts *p, heed_error *e)
{
    if (check(d, how, p, e)) return NULL;
    if (heed_decoder_start(d, p->sentences, how->beam, p->steps, p->source, p->source_length, e)) return NULL;
    search s = {.how = how, .p = p, .d = d, .symbols = heed_decoder_symbols(d), .live = p->sentences};
    if (!allocate(&s)) heed_fail(e, HEED_NO_MEMORY, "search: no memory for %lld sentences", (long long)p->sentences);
    else {
        for (int64_t b = 0; b < p->sentences; b++) s.sentence[b] = b;
        for (int64_t r = 0; r < p->sentences * how->beam; r++) {
            s.ids[r] = how->begin;
            s.score[r] = how->sample || r % how->beam == 0 ? 0 : -INFINITY; /* a search starts from one hypothesis */
        }
        loop(&s, e);
    }
    heed_free(s.limit);
    heed_free(s.sentence);
    heed_free(s.over);
    heed_free(s.score);
    heed_free(s.ids);
    heed_free(s.from);
    heed_free(s.history);
    heed_free(s.spare);
    heed_free(s.best);
    heed_free(s.choices);
    if (!e->code) return s.found;
    heed_found_free(s.found);
    return NULL;
}
