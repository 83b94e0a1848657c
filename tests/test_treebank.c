/* Trees in brackets: files, symbols and back, repairs of what a model wrote, and the measure by cases worked out by hand. */
#include "autograd/memory.h"
#include "check.h"
#include "io/brackets.h"
#include "refusals.h"

#include <math.h>

static heed_treebank *bank_of(const char *text)
{
    heed_error e = {0};
    heed_treebank *b = heed_treebank_parse("bank", text, strlen(text), &e);
    if (!b) fprintf(stderr, "\n    %s\n", e.message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    return b;
}

/* The line is `wanted`; frees it. */
static void same(char *line, const char *wanted)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    CU_ASSERT_STRING_EQUAL(line, wanted);
    if (strcmp(line, wanted)) fprintf(stderr, "\n    %s\n", line);
    heed_free(line);
}

static const char dog[] = "(S (NP (DT the) (NN dog)) (VP (VBZ barks)) (. .))";

static void a_tree_and_its_lines(void)
{
    heed_treebank *b = bank_of(dog);
    const heed_tree *t = heed_treebank_at(b, 0);
    CU_ASSERT_EQUAL(heed_treebank_count(b), 1);
    CU_ASSERT_EQUAL(t->count, 7);
    CU_ASSERT_EQUAL(t->words, 4);
    CU_ASSERT(t->nodes[0].parent == SIZE_MAX && t->nodes[0].begin == 0 && t->nodes[0].end == 4 && !t->nodes[0].word);
    CU_ASSERT(t->nodes[3].parent == 1 && t->nodes[3].begin == 1 && t->nodes[3].end == 2);
    CU_ASSERT_STRING_EQUAL(t->nodes[3].word, "dog");
    CU_ASSERT_STRING_EQUAL(t->nodes[3].label, "NN");
    same(heed_tree_sentence(t, NULL), "the dog barks .");
    same(heed_tree_symbols(t, NULL), "(S (NP XX XX )NP (VP XX )VP XX )S");
    same(heed_tree_brackets(t, NULL), dog);
    heed_treebank_free(b);
}

static void penn_files(void)
{
    heed_treebank *b = bank_of("( (S\n   (NP-SBJ-1 (-NONE- *T*-1) (PRP It))\n (VP(VBZ is)\n\t(NP=2 (-NONE- 0))) (-LRB- -LRB-)))\r\n"
                               "\n(X (Y y)) (Z (ADVP (RB so)))\n");
    CU_ASSERT_EQUAL_FATAL(heed_treebank_count(b), 3);
    same(heed_tree_brackets(heed_treebank_at(b, 0), NULL), "( (S (NP (PRP It)) (VP (VBZ is)) (-LRB- -LRB-)))");
    same(heed_tree_symbols(heed_treebank_at(b, 0), NULL), "(S (NP XX )NP (VP XX )VP XX )S");
    same(heed_tree_brackets(heed_treebank_at(b, 1), NULL), "(X (Y y))");
    same(heed_tree_brackets(heed_treebank_at(b, 2), NULL), "(Z (ADVP (RB so)))");
    CU_ASSERT_EQUAL(heed_treebank_at(b, 2)->line, 6);
    CU_ASSERT_EQUAL(heed_treebank_at(b, 0)->line, 1);
    heed_treebank_free(b);
}

static void bad_files_are_told_with_their_line(void)
{
    const struct { const char *text, *says; } cases[] = {
        {"(S (NP (NN a))\n(VP (VB b))\n", "bank:1: brackets do not balance: the tree that begins here is not closed"},
        {"(S (NN a))\n(S (NN b)))\n", "bank:2: brackets do not balance: this ')' closes nothing"},
        {"(S (NN a))\n\n(S (NP (DT a) dog))\n", "bank:3: a word needs brackets and a tag of its own, as in (NN dog): 'dog'"},
        {"(S (NN a b))\n", "bank:1: a word needs brackets and a tag of its own, as in (NN dog): 'b'"},
        {"(S (NN a (X b)))\n", "bank:1: a bracket within that of the word 'a'"},
        {"(S (NN))\n", "bank:1: there is nothing in the bracket '(NN'"},
        {"(S ( ))\n", "bank:1: there is nothing in the bracket '("},
        {"hello\n", "bank:1: outside of all brackets stands 'hello'"},
        {"(S (-NONE- *))\n", "bank:1: the tree that ends here has no word"},
        {"\n \n", "bank: there is no tree in it"},
        {"", "bank: the file is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heed_error e = {0};
        CU_ASSERT_PTR_NULL(heed_treebank_parse("bank", cases[i].text, strlen(cases[i].text), &e));
        CU_ASSERT_EQUAL(e.code, HEED_FORMAT);
        CU_ASSERT(check_says(e.message, cases[i].says));
    }
    heed_error e = {0};
    CU_ASSERT_PTR_NULL(heed_treebank_read("/nowhere/at/all", &e));
    CU_ASSERT_EQUAL(e.code, HEED_IO);
}

static void a_deep_tree_needs_no_stack(void)
{
    enum { DEPTH = 200000 };
    char *text = malloc(DEPTH * 4 + 16), *p = text;
    for (int i = 0; i < DEPTH; i++) p += sprintf(p, "(X ");
    p += sprintf(p, "(N a)");
    memset(p, ')', DEPTH);
    p[DEPTH] = 0;
    heed_treebank *b = bank_of(text);
    CU_ASSERT_EQUAL(heed_treebank_at(b, 0)->count, DEPTH + 1);
    char *line = heed_tree_symbols(heed_treebank_at(b, 0), NULL);
    heed_tree_repairs r;
    heed_tree *again = heed_tree_write(line, heed_treebank_at(b, 0), &r, NULL);
    CU_ASSERT(!heed_tree_repaired(&r) && again && again->count == DEPTH + 1);
    heed_tree_free(again);
    heed_free(line);
    heed_treebank_free(b);
    free(text);
}

/* The symbols over the dog's words give this tree after these repairs. */
static void writes(const char *symbols, const char *tree, heed_tree_repairs wanted)
{
    heed_treebank *b = bank_of(dog);
    heed_tree_repairs r;
    heed_tree *t = heed_tree_write(symbols, heed_treebank_at(b, 0), &r, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    same(heed_tree_brackets(t, NULL), tree);
    CU_ASSERT_EQUAL(t->words, 4);
    CU_ASSERT_EQUAL(r.dropped, wanted.dropped);
    CU_ASSERT_EQUAL(r.closed, wanted.closed);
    CU_ASSERT_EQUAL(r.missing, wanted.missing);
    CU_ASSERT_EQUAL(r.surplus, wanted.surplus);
    CU_ASSERT_EQUAL(heed_tree_repaired(&r), wanted.dropped + wanted.closed + wanted.missing + wanted.surplus > 0);
    heed_tree_free(t);
    heed_treebank_free(b);
}

static void what_a_model_wrote(void)
{
    const heed_tree_repairs none = {0};
    writes("(S (NP XX XX )NP (VP XX )VP XX )S", dog, none);
    writes("  (A XX XX )A\t(B (C XX )C XX )B ", "( (A (DT the) (NN dog)) (B (C (VBZ barks)) (. .)))", none);
    writes("XX XX XX XX", "( (DT the) (NN dog) (VBZ barks) (. .))", none);
    writes("(S XX XX XX XX", "(S (DT the) (NN dog) (VBZ barks) (. .))", (heed_tree_repairs){.closed = 1});
    writes("(S (NP XX XX )S XX XX", "( (S (NP (DT the) (NN dog))) (VBZ barks) (. .))", (heed_tree_repairs){.closed = 1});
    writes("(S XX XX )NP XX XX )S )S", "(S (DT the) (NN dog) (VBZ barks) (. .))", (heed_tree_repairs){.dropped = 2});
    writes("(S XX XX XX XX XX XX )S", "(S (DT the) (NN dog) (VBZ barks) (. .))", (heed_tree_repairs){.surplus = 2});
    writes("(S XX )S", "( (S (DT the)) (NN dog) (VBZ barks) (. .))", (heed_tree_repairs){.missing = 3});
    writes("(S (NP (X )X )NP XX XX XX XX )S", "(S (DT the) (NN dog) (VBZ barks) (. .))", (heed_tree_repairs){.dropped = 2});
    writes("( ) <unk> (S XX XX XX XX )S", "(S (DT the) (NN dog) (VBZ barks) (. .))", (heed_tree_repairs){.dropped = 3});
    writes("", "( (DT the) (NN dog) (VBZ barks) (. .))", (heed_tree_repairs){.missing = 4});
}

/* The second tree against the first: right, given, common and crossing brackets. */
static heed_brackets measure(const char *gold, const char *output)
{
    heed_treebank *a = bank_of(gold), *b = bank_of(output);
    heed_brackets m = {0};
    CU_ASSERT_EQUAL(heed_brackets_add(&m, heed_treebank_at(a, 0), heed_treebank_at(b, 0), NULL), HEED_OK);
    heed_treebank_free(a);
    heed_treebank_free(b);
    return m;
}

static void agrees(const char *gold, const char *output, int64_t golds, int64_t outputs, int64_t match, int64_t crossing)
{
    heed_brackets m = measure(gold, output);
    CU_ASSERT_EQUAL(m.gold, golds);
    CU_ASSERT_EQUAL(m.output, outputs);
    CU_ASSERT_EQUAL(m.match, match);
    CU_ASSERT_EQUAL(m.crossing, crossing);
    CU_ASSERT_EQUAL(m.exact, golds == outputs && match == golds);
    if (m.gold != golds || m.output != outputs || m.match != match || m.crossing != crossing)
        fprintf(stderr, "\n    %s: %d %d %d %d\n", output, (int)m.gold, (int)m.output, (int)m.match, (int)m.crossing);
}

static void brackets_by_hand(void)
{
    agrees(dog, dog, 3, 3, 3, 0);
    agrees(dog, "(S (NP (XX the) (XX dog)) (VP (XX barks)) (XX .))", 3, 3, 3, 0); /* tags do not count */
    agrees(dog, "(S (NP (DT the)) (VP (NN dog) (VBZ barks)) (. .))", 3, 3, 1, 1); /* VP [1,3) crosses NP [0,2) */
    agrees(dog, "(S (ADJP (DT the) (NN dog)) (VP (VBZ barks)) (. .))", 3, 3, 2, 0); /* a wrong label */
    /* a PP to the noun, and to the verb: only the NP around both is lost */
    agrees("(S (NP (PRP I)) (VP (VBD saw) (NP (NP (NN men)) (PP (IN with) (NP (NN eyes))))))",
           "(S (NP (PRP I)) (VP (VBD saw) (NP (NN men)) (PP (IN with) (NP (NN eyes)))))", 7, 6, 6, 0);
    /* both overlap the other's: [0,2) and [1,3) cross */
    agrees("(S (A (X a) (X b)) (X c))", "(S (X a) (A (X b) (X c)))", 2, 2, 1, 1);
}

static void unary_chains_match_one_by_one(void)
{
    agrees("(S (NP (NP (NN a))))", "(S (NP (NN a)))", 3, 2, 2, 0);
    agrees("(S (NP (NN a)))", "(S (NP (NP (NP (NN a)))))", 2, 4, 2, 0);
    agrees("(S (NP (QP (CD a))))", "(S (QP (NP (CD a))))", 3, 3, 3, 0); /* the order within a chain is not seen */
}

static void punctuation_roots_and_equal_labels(void)
{
    /* a comma inside or outside of a phrase is the same; a phrase of punctuation only is none */
    agrees("(S (NP (NN a)) (, ,) (VP (VB b)) (. .))", "(S (NP (NN a) (, ,)) (VP (VB b) (. .)))", 3, 3, 3, 0);
    agrees("(S (NP (NN a)) (PRN (: --)) (VP (VB b)))", "(S (NP (NN a) (: --)) (VP (VB b)))", 3, 3, 3, 0);
    agrees("(S (`` ``) (NP (NN a)) ('' ''))", "(S (NP (`` ``) (NN a) ('' '')))", 2, 2, 2, 0);
    agrees("(S (NP (NN a)) (. .))", "(S (NP (NN a) (NN .)))", 2, 2, 2, 0); /* by the right tree's tags */
    agrees("( (S (NP (NN a))))", "(TOP (S (NP (NN a))))", 2, 2, 2, 0);
    agrees("(ROOT (S (NP (NN a))))", "(S1 (S (NP (NN a))))", 2, 2, 2, 0);
    agrees("(S (PRT (RP up)) (NP (NN a)))", "(S (ADVP (RP up)) (NP (NN a)))", 3, 3, 3, 0);
    agrees("(S (. .))", "(S (. .))", 0, 0, 0, 0);
}

static void malformed_output_is_measured_as_repaired(void)
{
    heed_treebank *b = bank_of(dog);
    heed_tree_repairs r;
    /* S [0,3), NP [0,3), VP [2,3); the dot is in none */
    heed_tree *t = heed_tree_write("(S (NP XX XX (VP XX", heed_treebank_at(b, 0), &r, NULL);
    heed_brackets m = {0};
    CU_ASSERT_EQUAL(heed_brackets_add(&m, heed_treebank_at(b, 0), t, NULL), HEED_OK);
    CU_ASSERT(m.gold == 3 && m.output == 3 && m.match == 2 && m.exact == 0);
    heed_brackets_add(&m, heed_treebank_at(b, 0), heed_treebank_at(b, 0), NULL);
    CU_ASSERT(m.sentences == 2 && m.exact == 1);
    CU_ASSERT_DOUBLE_EQUAL(heed_brackets_precision(&m), 5.0 / 6, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(heed_brackets_recall(&m), 5.0 / 6, 1e-15);
    heed_tree_free(t);
    t = heed_tree_write("", heed_treebank_at(b, 0), &r, NULL);
    heed_brackets_add(&m, heed_treebank_at(b, 0), t, NULL); /* nothing given: recall falls, precision does not */
    CU_ASSERT_DOUBLE_EQUAL(heed_brackets_precision(&m), 5.0 / 6, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(heed_brackets_recall(&m), 5.0 / 9, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(heed_brackets_f1(&m), 2 * 5.0 / 15, 1e-15);
    heed_tree_free(t);
    heed_treebank_free(b);
    CU_ASSERT(isnan(heed_brackets_f1(&(heed_brackets){0})));
}

static void trees_of_other_sentences_are_refused(void)
{
    heed_treebank *b = bank_of("(S (X a)) (S (X a) (X b))");
    heed_error e = {0};
    heed_brackets m = {0};
    CU_ASSERT_EQUAL(heed_brackets_add(&m, heed_treebank_at(b, 0), heed_treebank_at(b, 1), &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "the right tree has 1 words and the other 2"));
    CU_ASSERT_EQUAL(m.sentences, 0);
    heed_treebank_free(b);
}

static bool everything(void *unused)
{
    (void)unused;
    bool done = false;
    heed_treebank *b = heed_treebank_parse("bank", dog, strlen(dog), NULL);
    char *line = b ? heed_tree_symbols(heed_treebank_at(b, 0), NULL) : NULL;
    heed_tree_repairs r;
    heed_tree *t = line ? heed_tree_write(line, heed_treebank_at(b, 0), &r, NULL) : NULL;
    heed_brackets m = {0};
    if (t) done = !heed_brackets_add(&m, heed_treebank_at(b, 0), t, NULL);
    heed_tree_free(t);
    heed_free(line);
    heed_treebank_free(b);
    return done;
}

static void refused_memory(void) { CU_ASSERT(check_refusals(everything, NULL) > 5); }

CHECK_MAIN("treebank", {"a tree and its lines", a_tree_and_its_lines}, {"files of the Penn Treebank's kind", penn_files},
           {"bad files are told with their line", bad_files_are_told_with_their_line},
           {"a deep tree needs no stack", a_deep_tree_needs_no_stack},
           {"what a model wrote, repaired", what_a_model_wrote}, {"brackets by hand", brackets_by_hand},
           {"unary chains match one by one", unary_chains_match_one_by_one},
           {"punctuation, roots, equal labels", punctuation_roots_and_equal_labels},
           {"malformed output is measured as repaired", malformed_output_is_measured_as_repaired},
           {"trees of other sentences are refused", trees_of_other_sentences_are_refused}, {"refused memory", refused_memory})
