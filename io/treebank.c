#include "io/treebank.h"

#include "autograd/memory.h"
#include "io/tree_nodes.h"

#include <string.h>

static const char trace[] = "-NONE-";

struct heed_treebank {
    char *pool;            /* all labels and words, each with a NUL */
    heed_tree_node *nodes; /* of all trees, one tree after the other */
    size_t node_count, node_capacity;
    heed_tree *trees;
    size_t count, capacity;
};

typedef struct reading {
    heed_treebank *b;
    const char *name;
    size_t number;        /* of the line */
    size_t first;         /* node of the tree that is being read */
    size_t open;          /* the innermost open bracket, SIZE_MAX: none */
    size_t opened_in;     /* the line in which the tree began */
    char *pool;           /* where the next string goes */
    bool labelled;        /* the next word can be a label: a bracket has just been opened */
    heed_error *e;
} reading;

size_t heed_tree_settle(heed_tree_node *nodes, size_t count, const char *gone, size_t *map, size_t *words)
{
    *words = 0;
    for (size_t i = 0; i < count; i++) {
        heed_tree_node *n = &nodes[i];
        n->begin = n->end = *words;
        if (n->word && !(gone && !strcmp(n->label, gone))) n->end = ++*words;
    }
    for (size_t i = count; i-- > 1;)
        if (nodes[i].parent != SIZE_MAX && nodes[nodes[i].parent].end < nodes[i].end) nodes[nodes[i].parent].end = nodes[i].end;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        map[i] = kept;
        if (nodes[i].end == nodes[i].begin) continue;
        nodes[kept] = nodes[i];
        if (nodes[i].parent != SIZE_MAX) nodes[kept].parent = map[nodes[i].parent];
        kept++;
    }
    return kept;
}

static heed_code refuse(reading *r, const char *what, const char *word, size_t length)
{
    int shown = (int)(length > 60 ? 60 : length);
    return heed_fail(r->e, HEED_FORMAT, "%s:%zu: %s%.*s%s", r->name, r->number, what, shown, word, length ? "'" : "");
}

static const char *keep(reading *r, const char *bytes, size_t length)
{
    char *text = r->pool;
    memcpy(text, bytes, length);
    text[length] = 0;
    r->pool += length + 1;
    return text;
}

static heed_code open_bracket(reading *r)
{
    heed_treebank *b = r->b;
    if (!heed_grow((void **)&b->nodes, &b->node_capacity, b->node_count + 1, sizeof *b->nodes))
        return heed_fail(r->e, HEED_NO_MEMORY, "%s:%zu: no memory for the trees", r->name, r->number);
    const char *word = r->open == SIZE_MAX ? NULL : b->nodes[r->open].word;
    if (word) return refuse(r, "a bracket within that of the word '", word, strlen(word));
    if (r->open == SIZE_MAX) {
        r->first = b->node_count;
        r->opened_in = r->number;
    }
    b->nodes[b->node_count] = (heed_tree_node){.label = "", .parent = r->open == SIZE_MAX ? SIZE_MAX : r->open - r->first};
    r->open = b->node_count++;
    r->labelled = true;
    return HEED_OK;
}

static heed_code end_tree(reading *r)
{
    heed_treebank *b = r->b;
    size_t *map = heed_alloc((b->node_count - r->first) * sizeof *map);
    if (!map || !heed_grow((void **)&b->trees, &b->capacity, b->count + 1, sizeof *b->trees)) {
        heed_free(map);
        return heed_fail(r->e, HEED_NO_MEMORY, "%s:%zu: no memory for the trees", r->name, r->number);
    }
    heed_tree t = {.line = r->opened_in};
    t.count = heed_tree_settle(b->nodes + r->first, b->node_count - r->first, trace, map, &t.words);
    heed_free(map);
    if (!t.words) return refuse(r, "the tree that ends here has no word", "", 0);
    b->node_count = r->first + t.count;
    b->trees[b->count++] = t; /* its nodes when they no longer move */
    return HEED_OK;
}

static heed_code close_bracket(reading *r)
{
    if (r->open == SIZE_MAX) return refuse(r, "brackets do not balance: this ')' closes nothing", "", 0);
    const heed_tree_node *n = &r->b->nodes[r->open];
    if (!n->word && r->open + 1 == r->b->node_count) return refuse(r, "there is nothing in the bracket '(", n->label, strlen(n->label));
    r->labelled = false;
    if (n->parent == SIZE_MAX) {
        r->open = SIZE_MAX;
        return end_tree(r);
    }
    r->open = r->first + n->parent;
    return HEED_OK;
}

/* "NP-SBJ=2" is "NP" */
static size_t label_length(const char *bytes, size_t length)
{
    size_t n = 1;
    if (*bytes == '-') return length;
    while (n < length && bytes[n] != '-' && bytes[n] != '=') n++;
    return n;
}

static heed_code put_word(reading *r, const char *bytes, size_t length)
{
    if (r->open == SIZE_MAX) return refuse(r, "outside of all brackets stands '", bytes, length);
    heed_tree_node *n = &r->b->nodes[r->open];
    if (r->labelled) {
        n->label = keep(r, bytes, label_length(bytes, length));
        r->labelled = false;
        return HEED_OK;
    }
    if (n->word || !*n->label || r->open + 1 != r->b->node_count)
        return refuse(r, "a word needs brackets and a tag of its own, as in (NN dog): '", bytes, length);
    n->word = keep(r, bytes, length);
    return HEED_OK;
}

static heed_code read_line(reading *r, heed_line line)
{
    const char *p = line.bytes, *end = p + line.length;
    while (p < end && !r->e->code) {
        size_t n = strcspn(p, " \t\r\f\v()");
        if (n) put_word(r, p, n);
        else if (*p == '(') open_bracket(r);
        else if (*p == ')') close_bracket(r);
        p += n ? n : 1;
    }
    return r->e->code;
}

static heed_code read_lines(heed_treebank *b, const heed_text *t, heed_error *e)
{
    size_t bytes = 0;
    for (size_t i = 0; i < heed_text_count(t); i++) bytes += heed_text_line(t, i).length + 1; /* a NUL takes the place of what ends a word */
    reading r = {.b = b, .name = heed_text_name(t), .open = SIZE_MAX, .e = e};
    b->pool = r.pool = heed_alloc(bytes + 1);
    if (!b->pool) return heed_fail(e, HEED_NO_MEMORY, "%s: no memory for %zu bytes", r.name, bytes);
    for (size_t i = 0; i < heed_text_count(t) && !e->code; i++) {
        r.number = i + 1;
        read_line(&r, heed_text_line(t, i));
    }
    if (e->code) return e->code;
    if (r.open != SIZE_MAX)
        return heed_fail(e, HEED_FORMAT, "%s:%zu: brackets do not balance: the tree that begins here is not closed until the file ends",
                         r.name, r.opened_in);
    if (!b->count) return heed_fail(e, HEED_FORMAT, "%s: there is no tree in it", r.name);
    const heed_tree_node *at = b->nodes;
    for (size_t i = 0; i < b->count; at += b->trees[i++].count) b->trees[i].nodes = at;
    return HEED_OK;
}

/* Takes `t`; NULL: reading it has failed. */
static heed_treebank *make(heed_text *t, heed_error *e)
{
    heed_treebank *b = t ? heed_calloc(1, sizeof *b) : NULL;
    if (t && !b) heed_fail(e, HEED_NO_MEMORY, "%s: no memory", heed_text_name(t));
    if (b && read_lines(b, t, e)) {
        heed_treebank_free(b);
        b = NULL;
    }
    heed_text_free(t);
    return b;
}

heed_treebank *heed_treebank_read(const char *path, heed_error *e)
{
    heed_error own = {0};
    heed_treebank *b = make(heed_text_read(path, NULL, &own), &own);
    if (own.code) heed_fail(e, own.code, "%s", own.message);
    return b;
}

heed_treebank *heed_treebank_parse(const char *name, const char *bytes, size_t length, heed_error *e)
{
    heed_error own = {0};
    heed_treebank *b = make(heed_text_parse(name, bytes, length, NULL, &own), &own);
    if (own.code) heed_fail(e, own.code, "%s", own.message);
    return b;
}

void heed_treebank_free(heed_treebank *b)
{
    if (!b) return;
    heed_free(b->pool);
    heed_free(b->nodes);
    heed_free(b->trees);
    heed_free(b);
}

size_t heed_treebank_count(const heed_treebank *b) { return b->count; }
const heed_tree *heed_treebank_at(const heed_treebank *b, size_t i) { return &b->trees[i]; }
