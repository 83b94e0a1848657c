#include "experiments/grammar.h"

#include <string.h>

/* --- words ---------------------------------------------------------------------------------------------------------------------- */

enum { PERSON, THING, TOOL, FEATURE, PLACE, NOUN_SORTS };
enum { BY_TOOL, SENSE, EVENT, STATE, VERB_SORTS }; /* of verbs with an object */

static const char *const nouns[NOUN_SORTS][13] = {
    {"man", "woman", "king", "queen", "doctor", "teacher", "child", "sailor", "farmer", "judge", "baker", "nurse", NULL},
    {"box", "house", "door", "letter", "boat", "clock", "table", "wall", "picture", "machine", "window", "bag", NULL},
    {"key", "hammer", "knife", "rope", "saw", "telescope", "stick", "wire", NULL},
    {"lid", "beard", "hat", "handle", "frame", "scar", "name", "pattern", NULL},
    {"river", "city", "village", "forest", "garden", "harbour", "station", "market", "bridge", "school", NULL}};
static const char *const verbs[VERB_SORTS][9] = {
    {"opened", "hit", "cut", "fixed", "built", "moved", "closed", NULL},
    {"watched", "heard", "noticed", "painted", "described", "remembered", NULL},
    {"met", "found", "left", "lost", "sold", "visited", NULL},
    {"owned", "liked", "wanted", "needed", "loved", "feared", NULL}};
static const char *const intransitive[] = {"slept", "laughed", "waited", "worked", "swam", "cried", "sang", NULL};
static const char *const saying[] = {"said", "thought", "believed", "hoped", "claimed", NULL};
static const char *const names[] = {"John", "Mary", "Anna", "Peter", "Clara", "Paul", "Rosa", "Ben", NULL};
static const char *const adjectives[] = {"old", "young", "small", "green", "heavy", "quiet", "strange", "bright", "broken", NULL};
static const char *const adverbs[] = {"quickly", "often", "yesterday", "slowly", "again", "today", NULL};
static const char *const determiners[] = {"the", "a", "every", "this", NULL};

/* --- a sentence on a line -------------------------------------------------------------------------------------------------------- */

enum { LINE = 8192, DEEPEST = 3 };

typedef struct sentence {
    heed_random r;
    char text[LINE];
    size_t used, words;
    bool full;
} sentence;

static void put(sentence *s, const char *text)
{
    size_t n = strlen(text);
    if (s->full || s->used + n + 2 > LINE) {
        s->full = true;
        return;
    }
    memcpy(s->text + s->used, text, n + 1);
    s->used += n;
}

static void open(sentence *s, const char *label)
{
    put(s, s->used && s->text[s->used - 1] != '\n' ? " (" : "(");
    put(s, label);
}

static void close(sentence *s) { put(s, ")"); }

static void word(sentence *s, const char *tag, const char *text)
{
    open(s, tag);
    put(s, " ");
    put(s, text);
    close(s);
    s->words++;
}

static void any(sentence *s, const char *tag, const char *const *list)
{
    uint64_t n = 0;
    while (list[n]) n++;
    word(s, tag, list[heed_random_below(&s->r, n)]);
}

/* True in so many of a hundred cases. */
static bool chance(sentence *s, uint64_t percent) { return heed_random_below(&s->r, 100) < percent; }
static int pick(sentence *s, int count) { return (int)heed_random_below(&s->r, (uint64_t)count); }

/* --- phrases ----------------------------------------------------------------------------------------------------------------------- */

static void noun_phrase(sentence *s, int sort, int depth);
static void verb_phrase(sentence *s, int depth);
static void clause(sentence *s, int depth);

/* (NP (DT the) (JJ old) (NN man)) or (NP (NNP John)) */
static void plain_noun(sentence *s, int sort)
{
    open(s, "NP");
    if (sort == PERSON && chance(s, 25)) any(s, "NNP", names);
    else {
        any(s, "DT", determiners);
        for (int i = 0; i < 2 && chance(s, 20); i++) any(s, "JJ", adjectives);
        any(s, "NN", nouns[sort]);
    }
    close(s);
}

static void preposition(sentence *s, const char *word_of_it, int sort, int depth)
{
    open(s, "PP");
    word(s, "IN", word_of_it);
    noun_phrase(s, sort, depth);
    close(s);
}

static void place(sentence *s, int depth)
{
    static const char *const words[] = {"near", "in", "behind"};
    preposition(s, words[pick(s, 3)], PLACE, depth);
}

/* (SBAR (WHNP (WP who)) (S (VP slept))) or (SBAR (WHNP (WP whom)) (S (NP Mary) (VP met))) */
static void relative_clause(sentence *s, bool person, int depth)
{
    open(s, "SBAR");
    bool object = chance(s, 35);
    open(s, "WHNP");
    word(s, "WDT", person ? object ? "whom" : "who" : "which");
    close(s);
    open(s, "S");
    if (object) plain_noun(s, PERSON);
    if (object) {
        open(s, "VP");
        any(s, "VBD", verbs[pick(s, VERB_SORTS)]);
        close(s);
    } else verb_phrase(s, depth + 2);
    close(s);
    close(s);
}

/* the king of the city and the village | the king of the city and the queen */
static void joined_nouns(sentence *s, int sort, int depth)
{
    bool low = sort != PLACE && chance(s, 50);
    open(s, "NP");
    if (sort == PLACE || chance(s, 40)) { /* without of */
        plain_noun(s, sort);
        word(s, "CC", chance(s, 70) ? "and" : "or");
        plain_noun(s, sort);
    } else if (low) {
        plain_noun(s, sort);
        open(s, "PP");
        word(s, "IN", "of");
        open(s, "NP");
        plain_noun(s, PLACE);
        word(s, "CC", "and");
        plain_noun(s, PLACE);
        close(s);
        close(s);
    } else {
        open(s, "NP");
        plain_noun(s, sort);
        preposition(s, "of", PLACE, DEEPEST);
        close(s);
        word(s, "CC", "and");
        noun_phrase(s, sort, depth + 2);
    }
    close(s);
}

static void noun_phrase(sentence *s, int sort, int depth)
{
    int way = depth >= DEEPEST ? 99 : pick(s, 100);
    if (way < 8) joined_nouns(s, sort, depth);
    else if (way < 26) {
        bool person = sort == PERSON;
        open(s, "NP");
        plain_noun(s, sort);
        if (way < 14) preposition(s, "of", PLACE, depth + 1);
        else if (way < 18) preposition(s, "with", FEATURE, DEEPEST);
        else relative_clause(s, person, depth + 1);
        close(s);
    } else plain_noun(s, sort);
}

/* An object and a phrase behind it; words and `sort` of the verb decide where that belongs. */
static void object_and_phrase(sentence *s, int sort, int depth)
{
    int object = pick(s, 2) ? THING : PERSON;
    bool tool = (sort == BY_TOOL || sort == SENSE) && chance(s, 60), with = tool || chance(s, 35);
    bool to_verb = with ? tool && sort == BY_TOOL : sort == EVENT || sort == BY_TOOL;
    if (!to_verb) open(s, "NP");
    plain_noun(s, object);
    if (with) preposition(s, "with", tool ? TOOL : FEATURE, DEEPEST);
    else place(s, depth + 1);
    if (!to_verb) close(s);
}

static void verb_with_object(sentence *s, int depth)
{
    int sort = pick(s, VERB_SORTS);
    any(s, "VBD", verbs[sort]);
    if (depth < DEEPEST && chance(s, 50)) object_and_phrase(s, sort, depth);
    else noun_phrase(s, pick(s, 2) ? THING : PERSON, depth + 1);
}

static void verb_phrase(sentence *s, int depth)
{
    int way = pick(s, 100);
    open(s, "VP");
    if (way < 20) {
        any(s, "VBD", intransitive);
        if (chance(s, 40)) place(s, DEEPEST);
    } else if (way < 32 && depth < DEEPEST) {
        any(s, "VBD", saying);
        open(s, "SBAR");
        if (chance(s, 70)) word(s, "IN", "that");
        clause(s, depth + 2);
        close(s);
    } else if (way < 40 && depth < DEEPEST) {
        verb_phrase(s, depth + 2);
        word(s, "CC", "and");
        verb_phrase(s, depth + 2);
    } else if (way < 48) {
        word(s, "MD", "had");
        open(s, "VP");
        verb_with_object(s, depth + 1);
        close(s);
    } else verb_with_object(s, depth);
    if (way >= 48 && chance(s, 15)) {
        open(s, "ADVP");
        any(s, "RB", adverbs);
        close(s);
    }
    close(s);
}

static void clause(sentence *s, int depth)
{
    open(s, "S");
    noun_phrase(s, PERSON, depth);
    verb_phrase(s, depth);
    close(s);
}

static void whole(sentence *s)
{
    int way = pick(s, 100);
    open(s, "S");
    if (way < 15) { /* two clauses */
        clause(s, 1);
        if (chance(s, 50)) word(s, ",", ",");
        word(s, "CC", chance(s, 60) ? "and" : "but");
        clause(s, 1);
    } else {
        if (way < 30) {
            open(s, "ADVP");
            any(s, "RB", adverbs);
            close(s);
            word(s, ",", ",");
        } else if (way < 38) {
            place(s, DEEPEST);
            word(s, ",", ",");
        }
        noun_phrase(s, PERSON, 0);
        verb_phrase(s, 0);
    }
    word(s, ".", ".");
    close(s);
    put(s, "\n");
}

char *grammar_trees(uint64_t seed, uint64_t part, size_t count, size_t longest, size_t *length, heed_error *e)
{
    char *all = NULL;
    size_t capacity = 0, used = 0;
    sentence *s = heed_alloc(sizeof *s);
    bool fine = s && longest >= 8;
    for (size_t i = 0; i < count && fine; i++) {
        for (uint64_t attempt = 0;; attempt++) {
            s->r = (heed_random){seed, heed_hash_name("grammar") + part, (i << 24) + (attempt << 14)};
            s->used = s->words = 0;
            s->full = false;
            whole(s);
            if (!s->full && s->words <= longest) break;
        }
        fine = heed_grow((void **)&all, &capacity, used + s->used + 1, 1);
        if (fine) memcpy(all + used, s->text, s->used + 1);
        used += s->used;
    }
    heed_free(s);
    *length = used;
    if (fine && all) return all;
    heed_fail(e, longest < 8 ? HEED_INVALID : HEED_NO_MEMORY, longest < 8 ? "a sentence needs room for 8 words" : "no memory for the treebank");
    heed_free(all);
    return NULL;
}
