/* Treebanks: sentences with their phrases in brackets, as in the Penn Treebank (Marcus et al. 1993), and the same trees as a
 * sequence of symbols that a model can write (Vinyals et al. 2015, "Grammar as a Foreign Language").
 *
 *     (S (NP (DT the) (NN dog)) (VP (VBZ barks)) (. .))          a tree; over one or several lines, also several in a line
 *     (S (NP XX XX )NP (VP XX )VP XX )S                          its symbols: XX is a word
 *
 * A bracket holds a label and then either one word, whose tag the label is, or brackets. Labels lose what follows a `-` or `=`
 * ("NP-SBJ" is "NP", "-LRB-" stays); the outermost bracket may be without a label. Traces (tag -NONE-) are left out, and so are phrases
 * that then hold no word. Nothing recurses: a tree may be as deep as memory allows.
 */
#ifndef HEED_TREEBANK_H
#define HEED_TREEBANK_H

#include "text.h"

typedef struct heed_tree_node {
    const char *label; /* of a phrase, or the tag of a word; "" where there is none */
    const char *word;  /* NULL: a phrase */
    size_t parent;     /* its index; SIZE_MAX: the top */
    size_t begin, end; /* the words below it: begin ... end - 1; of a word, itself */
} heed_tree_node;

typedef struct heed_tree {
    const heed_tree_node *nodes; /* a node before those below it, left before right: nodes[0] is the top */
    size_t count, words;         /* 1 word at least */
    size_t line;                 /* of the file, from 1 */
} heed_tree;

/* --- files -------------------------------------------------------------------------------------------------------------------- */

typedef struct heed_treebank heed_treebank;

/* Refused with a sentence that names file and line: brackets that do not balance, words without a tag, a bracket without content, a file
 * without a tree. `bytes` are copied; messages call them `name`. */
heed_treebank *heed_treebank_read(const char *path, heed_error *e);
heed_treebank *heed_treebank_parse(const char *name, const char *bytes, size_t length, heed_error *e);
void heed_treebank_free(heed_treebank *b); /* and its trees */

size_t heed_treebank_count(const heed_treebank *b);
const heed_tree *heed_treebank_at(const heed_treebank *b, size_t i);

/* --- trees as lines ------------------------------------------------------------------------------------------------------------ */

/* Blanks between words or symbols; to be freed with heed_free. NULL: no memory. */
char *heed_tree_sentence(const heed_tree *t, heed_error *e); /* "the dog barks ." */
char *heed_tree_symbols(const heed_tree *t, heed_error *e);  /* as above; a bracket without a label is left out */
char *heed_tree_brackets(const heed_tree *t, heed_error *e); /* as in a file, on one line */

/* --- and back: what a model wrote ---------------------------------------------------------------------------------------------- */

/* What had to be done to make a tree of symbols. */
typedef struct heed_tree_repairs {
    size_t dropped;   /* ")X" without an open "(X", symbols of no such form, and phrases without a word */
    size_t closed;    /* "(X" that were closed where a bracket above them was, or at the end */
    size_t missing;   /* words of the sentence that no XX stands for: they come last, outside of its brackets */
    size_t surplus;   /* XX without a word: left out */
} heed_tree_repairs;

bool heed_tree_repaired(const heed_tree_repairs *r); /* false: the symbols were well-formed */

/* The tree that `symbols` describe over the words and tags of `sentence`, whatever they are; where they have not one top, one without a
 * label is added. Its words are those of `sentence`, which has to outlive it. To be freed with heed_tree_free. NULL: no memory. */
heed_tree *heed_tree_write(const char *symbols, const heed_tree *sentence, heed_tree_repairs *r, heed_error *e);
void heed_tree_free(heed_tree *t); /* of heed_tree_write only */

#endif
