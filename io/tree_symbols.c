#include "autograd/memory.h"
#include "io/buffer.h"
#include "io/tree_nodes.h"

#include <string.h>

static const char blanks[] = " \t\r\n\f\v";

/* --- trees as lines ------------------------------------------------------------------------------------------------------------ */

typedef void put_fn(heed_buffer *b, const heed_tree_node *n);

static void put_symbol(heed_buffer *b, const char *before, const char *text)
{
    if (b->length) heed_buffer_put(b, " ");
    heed_buffer_put(b, before);
    heed_buffer_put(b, text);
}

/* Every node in order, `close` where it ends. */
static char *walk(const heed_tree *t, put_fn *open, put_fn *close, const char *what, heed_error *e)
{
    heed_buffer b = {0};
    size_t above = SIZE_MAX; /* the innermost open phrase */
    for (size_t i = 0; i <= t->count; i++) {
        size_t parent = i < t->count ? t->nodes[i].parent : SIZE_MAX;
        for (; above != parent && above != SIZE_MAX; above = t->nodes[above].parent) close(&b, &t->nodes[above]);
        if (i == t->count) break;
        open(&b, &t->nodes[i]);
        if (t->nodes[i].word) close(&b, &t->nodes[i]);
        else above = i;
    }
    return heed_buffer_take(&b, what, e);
}

static void put_nothing(heed_buffer *b, const heed_tree_node *n) { (void)b, (void)n; }

static void put_word(heed_buffer *b, const heed_tree_node *n)
{
    if (n->word) put_symbol(b, "", n->word);
}

static void open_symbol(heed_buffer *b, const heed_tree_node *n)
{
    if (n->word) put_symbol(b, "", "XX");
    else if (*n->label) put_symbol(b, "(", n->label);
}

static void close_symbol(heed_buffer *b, const heed_tree_node *n)
{
    if (!n->word && *n->label) put_symbol(b, ")", n->label);
}

static void open_bracket(heed_buffer *b, const heed_tree_node *n)
{
    put_symbol(b, "(", n->label);
    if (n->word) put_symbol(b, "", n->word);
}

static void close_bracket(heed_buffer *b, const heed_tree_node *n)
{
    (void)n;
    heed_buffer_put(b, ")");
}

char *heed_tree_sentence(const heed_tree *t, heed_error *e) { return walk(t, put_word, put_nothing, "a sentence", e); }
char *heed_tree_symbols(const heed_tree *t, heed_error *e) { return walk(t, open_symbol, close_symbol, "a tree's symbols", e); }
char *heed_tree_brackets(const heed_tree *t, heed_error *e) { return walk(t, open_bracket, close_bracket, "a tree", e); }

/* --- and back ------------------------------------------------------------------------------------------------------------------- */

typedef struct written { /* what heed_tree_write gives: the tree stands first */
    heed_tree tree;
    heed_tree_node *nodes;
    char *text;
} written;

bool heed_tree_repaired(const heed_tree_repairs *r) { return r->dropped || r->closed || r->missing || r->surplus; }

static size_t count_symbols(const char *p)
{
    size_t n = 0;
    for (p += strspn(p, blanks); *p; n++) {
        p += strcspn(p, blanks);
        p += strspn(p, blanks);
    }
    return n;
}

/* Node 0 is a top without a label, to be left out where it is not needed. */
typedef struct writing {
    heed_tree_node *nodes;
    size_t count, open;     /* open: the innermost open bracket */
    const heed_tree *from;
    size_t next;            /* node of `from`, at or before its next word */
    heed_tree_repairs *r;
} writing;

/* The next word of the sentence; false: there is none left. */
static bool take_word(writing *w, size_t parent)
{
    while (w->next < w->from->count && !w->from->nodes[w->next].word) w->next++;
    if (w->next == w->from->count) return false;
    const heed_tree_node *n = &w->from->nodes[w->next++];
    w->nodes[w->count++] = (heed_tree_node){.label = n->label, .word = n->word, .parent = parent};
    return true;
}

static void close_symbol_named(writing *w, const char *label)
{
    size_t above = w->open, between = 0;
    for (; above && strcmp(w->nodes[above].label, label); above = w->nodes[above].parent) between++;
    if (!above) {
        w->r->dropped++;
        return;
    }
    w->r->closed += between;
    w->open = w->nodes[above].parent;
}

static void take_symbol(writing *w, const char *symbol)
{
    if (!strcmp(symbol, "XX")) {
        if (!take_word(w, w->open)) w->r->surplus++;
    } else if (*symbol == '(' && symbol[1]) {
        w->nodes[w->count] = (heed_tree_node){.label = symbol + 1, .parent = w->open};
        w->open = w->count++;
    } else if (*symbol == ')' && symbol[1]) close_symbol_named(w, symbol + 1);
    else w->r->dropped++;
}

static void finish(written *o, writing *w, size_t *map)
{
    for (; w->open; w->open = w->nodes[w->open].parent) w->r->closed++;
    while (take_word(w, 0)) w->r->missing++;
    o->tree.count = heed_tree_settle(w->nodes, w->count, NULL, map, &o->tree.words);
    w->r->dropped += w->count - o->tree.count; /* phrases without a word */
    size_t tops = 0;
    for (size_t i = 1; i < o->tree.count; i++) tops += w->nodes[i].parent == 0;
    o->tree.nodes = o->nodes;
    if (tops != 1 || w->nodes[1].word) return;
    o->tree.nodes++; /* without node 0 */
    o->tree.count--;
    for (size_t i = 1; i <= o->tree.count; i++) w->nodes[i].parent = i == 1 ? SIZE_MAX : w->nodes[i].parent - 1;
}

heed_tree *heed_tree_write(const char *symbols, const heed_tree *sentence, heed_tree_repairs *r, heed_error *e)
{
    *r = (heed_tree_repairs){0};
    size_t most = 1 + count_symbols(symbols) + sentence->words;
    written *o = heed_calloc(1, sizeof *o);
    size_t *map = heed_alloc(most * sizeof *map);
    if (o) {
        o->nodes = heed_alloc(most * sizeof *o->nodes);
        o->text = heed_strdup(symbols);
    }
    if (!map || !o || !o->nodes || !o->text) {
        heed_fail(e, HEED_NO_MEMORY, "no memory for a tree");
        heed_tree_free(o ? &o->tree : NULL);
        heed_free(map);
        return NULL;
    }
    o->nodes[0] = (heed_tree_node){.label = "", .parent = SIZE_MAX};
    writing w = {.nodes = o->nodes, .count = 1, .from = sentence, .r = r};
    for (char *p = o->text + strspn(o->text, blanks), *next; *p; p = next) {
        next = p + strcspn(p, blanks);
        if (*next) *next++ = 0;
        next += strspn(next, blanks);
        take_symbol(&w, p);
    }
    finish(o, &w, map);
    o->tree.line = sentence->line;
    heed_free(map);
    return &o->tree;
}

void heed_tree_free(heed_tree *t)
{
    if (!t) return;
    written *o = (written *)t;
    heed_free(o->nodes);
    heed_free(o->text);
    heed_free(o);
}
