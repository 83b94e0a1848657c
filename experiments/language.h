/* A generated language in which the translation of a word depends on other words, near and far, so that a model that translates it word by
 * word has to look at them; and for each word the one on which it depends.
 *
 *     the old man that the queen followed picked the red book up , and it found its horse .
 *
 *     the, old, that      the gender of their noun
 *     picked              the gender of its subject "man", and its particle "up"
 *     it, its             the gender of the first clause's subject
 */
#ifndef HEED_LANGUAGE_H
#define HEED_LANGUAGE_H

#include "heed.h"

enum { LANGUAGE_LONGEST = 40 };

typedef enum language_link { LINK_NONE, LINK_NOUN, LINK_SUBJECT, LINK_PARTICLE, LINK_ANTECEDENT, LINKS } language_link;

typedef struct language_sentence {
    int length;
    int32_t words[LANGUAGE_LONGEST];        /* below language_words() */
    int32_t translation[LANGUAGE_LONGEST];  /* below language_translations() */
    language_link link[LANGUAGE_LONGEST];   /* the sort of */
    int to[LANGUAGE_LONGEST];               /* the word this one depends on; -1: none */
    int particle[LANGUAGE_LONGEST];         /* of a verb that has one; -1 */
} language_sentence;

int language_words(void);
int language_translations(void);
const char *language_word(int32_t word);
bool language_is_delimiter(int32_t word); /* , and . */
void language_draw(language_sentence *s, uint64_t seed, uint64_t part, uint64_t number);

#endif
