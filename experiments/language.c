#include "experiments/language.h"

#include <string.h>

/* --- words: each sort is a range --------------------------------------------------------------------------------------------------- */

static const char *const words[] = {
    "the", "a", "this",                                                     /* determiners */
    "old", "small", "red", "loud", "young",                                 /* adjectives */
    "man", "king", "dog", "boat", "tree", "friend",                         /* nouns, six of each gender */
    "woman", "queen", "cat", "lamp", "street", "bird",
    "child", "girl", "horse", "house", "book", "car",
    "saw", "heard", "found", "liked", "followed", "watched",                /* verbs with an object */
    "picked", "turned", "gave",                                             /* with a particle too */
    "slept", "laughed", "waited",                                           /* without either */
    "up", "out", "on", "off",                                               /* particles */
    "that", "it", "its", ",", "and", "."};
enum {
    DETERMINER = 0, DETERMINERS = 3, ADJECTIVE = 3, ADJECTIVES = 5, NOUN = 8, NOUNS = 18, VERB = 26, VERBS = 6, SPLIT = 32, SPLITS = 3,
    ALONE = 35, ALONES = 3, PARTICLE = 38, PARTICLES = 4, THAT = 42, IT, ITS, COMMA, AND, STOP, WORDS, GENDERS = 3
};
_Static_assert(sizeof words / sizeof *words == WORDS, "a name for every word");

int language_words(void) { return WORDS; }
int language_translations(void) { return WORDS * GENDERS * (1 + PARTICLES); }
const char *language_word(int32_t word) { return words[word]; }
bool language_is_delimiter(int32_t word) { return word >= COMMA; }

static int gender(int32_t noun) { return (noun - NOUN) / (NOUNS / GENDERS); }

/* A word in a gender, of a verb with a particle (0: none). */
static int32_t translate(int32_t word, int of, int32_t particle)
{
    return (word * GENDERS + of) * (1 + PARTICLES) + (particle ? particle - PARTICLE + 1 : 0);
}

/* --- sentences ---------------------------------------------------------------------------------------------------------------------- */

typedef struct drawing { language_sentence *s; heed_random r; } drawing;

static bool chance(drawing *d, uint64_t percent) { return heed_random_below(&d->r, 100) < percent; }
static int32_t any(drawing *d, int32_t first, uint64_t count) { return first + (int32_t)heed_random_below(&d->r, count); }

static int put(drawing *d, int32_t word, language_link link, int to)
{
    language_sentence *s = d->s;
    int at = s->length++;
    s->words[at] = word;
    s->link[at] = link;
    s->to[at] = to;
    s->particle[at] = -1;
    return at;
}

/* [determiner adjective* noun] or [its noun]: where the noun is */
static int noun_phrase(drawing *d, int owner, uint64_t adjectives)
{
    language_sentence *s = d->s;
    int first = s->length;
    put(d, owner >= 0 ? ITS : any(d, DETERMINER, DETERMINERS), owner >= 0 ? LINK_ANTECEDENT : LINK_NOUN, owner);
    for (int i = 0; i < 2 && chance(d, adjectives); i++) put(d, any(d, ADJECTIVE, ADJECTIVES), LINK_NOUN, -1);
    int noun = put(d, any(d, NOUN, NOUNS), LINK_NONE, -1);
    for (int i = first; i < noun; i++)
        if (s->link[i] == LINK_NOUN) s->to[i] = noun;
    return noun;
}

/* that slept | that found a book | that the queen found */
static void relative_clause(drawing *d, int noun)
{
    put(d, THAT, LINK_NOUN, noun);
    int way = (int)heed_random_below(&d->r, 3), subject = noun;
    if (way == 2) subject = noun_phrase(d, -1, 25);
    put(d, way == 0 ? any(d, ALONE, ALONES) : any(d, VERB, VERBS), LINK_SUBJECT, subject);
    if (way == 1) noun_phrase(d, -1, 25);
}

static void verb_phrase(drawing *d, int subject, int owner)
{
    uint64_t way = heed_random_below(&d->r, 10);
    if (way < 2) {
        put(d, any(d, ALONE, ALONES), LINK_SUBJECT, subject);
        return;
    }
    bool split = way < 7;
    int verb = put(d, split ? any(d, SPLIT, SPLITS) : any(d, VERB, VERBS), LINK_SUBJECT, subject);
    noun_phrase(d, chance(d, 40) ? owner : -1, 40);
    if (split) d->s->particle[verb] = put(d, any(d, PARTICLE, PARTICLES), LINK_NONE, -1);
}

/* What a word's gender comes from: itself, or what it depends on. */
static int gender_at(const language_sentence *s, int i)
{
    for (int steps = 0; i >= 0 && steps < 4; steps++, i = s->to[i])
        if (s->words[i] >= NOUN && s->words[i] < NOUN + NOUNS) return gender(s->words[i]);
    return 0;
}

void language_draw(language_sentence *s, uint64_t seed, uint64_t part, uint64_t number)
{
    drawing d = {s, {seed, heed_hash_name("language") + part, number << 10}};
    s->length = 0;
    int subject = noun_phrase(&d, -1, 30);
    if (chance(&d, 60)) relative_clause(&d, subject);
    verb_phrase(&d, subject, -1);
    if (chance(&d, 60)) {
        put(&d, COMMA, LINK_NONE, -1);
        put(&d, AND, LINK_NONE, -1);
        int it = put(&d, IT, LINK_ANTECEDENT, subject);
        verb_phrase(&d, it, subject);
    }
    put(&d, STOP, LINK_NONE, -1);
    for (int i = 0; i < s->length; i++)
        s->translation[i] = translate(s->words[i], gender_at(s, i), s->particle[i] < 0 ? 0 : s->words[s->particle[i]]);
}
