/* A small grammar of English that makes up a treebank. What tags leave open, words decide:
 *
 *     opened the box with a key        with + a tool belongs to verbs that are done with tools, to the noun after others
 *     opened the box with a lid        with + a feature belongs to the noun
 *     met a man near the river         a place belongs to verbs that happen somewhere,
 *     owned a house near the river     to the noun after verbs that last
 *     the king of the city and the queen / and the village      what is joined is of one sort
 *     saw the dog and the cat (slept)  one clause or two: the words after it decide
 *
 * with relative clauses, complements, chains such as (S (VP ...)) and (NP (NNP ...)), commas and full stops.
 */
#ifndef HEED_GRAMMAR_H
#define HEED_GRAMMAR_H

#include "heed.h"

/* `count` trees of at most `longest` words (8 at least), a line each; part 0 and part 1 have different ones. For heed_free; NULL: no memory. */
char *grammar_trees(uint64_t seed, uint64_t part, size_t count, size_t longest, size_t *length, heed_error *e);

#endif
