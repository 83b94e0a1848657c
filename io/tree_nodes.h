/* The last step of making a tree. Private to io/. */
#ifndef HEED_TREE_NODES_H
#define HEED_TREE_NODES_H

#include "io/treebank.h"

/* Given labels, words and parents in order, fills in begin and end, and leaves out the words with the label `gone` (or NULL) and
 * all phrases without a word. `map` is scratch for one number a node. Returns how many nodes are left and, in `*words`, how many words. */
size_t heed_tree_settle(heed_tree_node *nodes, size_t count, const char *gone, size_t *map, size_t *words);

#endif
