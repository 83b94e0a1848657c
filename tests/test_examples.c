/* From texts and dictionaries to examples; and the numbers a demo can learn from. */
#include "check.h"
#include "io/batches.h"
#include "io/number_names.h"
#include "io/windows.h"
#include "refusals.h"

typedef struct pair { /* what a test needs to turn "a b" into ids */
    heed_units *units;
    heed_counts *counts;
    heed_vocab *vocab;
    heed_side side;
} pair;

static bool make_pair(pair *p, const char *known, heed_error *e)
{
    *p = (pair){.units = heed_units_create("words", e), .counts = heed_counts_create(e)};
    if (p->units && p->counts && !heed_counts_add_line(p->counts, p->units, (heed_line){known, strlen(known)}, e))
        p->vocab = heed_vocab_create(p->counts, 0, 0, e);
    p->side = (heed_side){p->units, p->vocab, false};
    return p->vocab != NULL;
}

static void free_pair(pair *p)
{
    heed_vocab_free(p->vocab);
    heed_counts_free(p->counts);
    heed_units_free(p->units);
}

static heed_text *text(const char *name, const char *content, heed_error *e)
{
    return heed_text_parse(name, content, strlen(content), NULL, e);
}

static void lines_become_examples(void)
{
    heed_error e = {0};
    pair p;
    CU_ASSERT_FATAL(make_pair(&p, "a a a b b c", &e));
    heed_text *source = text("s.txt", "a b\n\nc d\nb\n", &e), *target = text("t.txt", "b\na\nd d a\n \n", &e);
    heed_examples *x = heed_examples_create(&e);
    CU_ASSERT_EQUAL(heed_examples_add_text(x, source, target, &p.side, &p.side, &e), HEED_OK);
    CU_ASSERT_EQUAL_FATAL(heed_examples_count(x), 2);
    CU_ASSERT_EQUAL(heed_examples_left_out(x), 2);
    CU_ASSERT_EQUAL(heed_examples_unknown(x), 3);
    CU_ASSERT_EQUAL(heed_examples_origin(x, 1), 2);
    CU_ASSERT_EQUAL(heed_examples_answers(x, 0), 1);
    size_t n;
    const int32_t *ids = heed_examples_source(x, 1, &n);
    CU_ASSERT(n == 2 && ids[0] == 6 && ids[1] == HEED_ID_UNKNOWN);
    ids = heed_examples_answer(x, 1, 0, &n);
    CU_ASSERT(n == 3 && ids[0] == HEED_ID_UNKNOWN && ids[2] == 4);
    uint64_t before = heed_examples_hash(x);
    CU_ASSERT_EQUAL(heed_examples_add_text(x, source, NULL, &p.side, NULL, &e), HEED_OK);
    CU_ASSERT_EQUAL(heed_examples_count(x), 5);
    CU_ASSERT_EQUAL(heed_examples_answers(x, 4), 0);
    CU_ASSERT_NOT_EQUAL(heed_examples_hash(x), before);
    p.side.strict = true;
    CU_ASSERT_EQUAL(heed_examples_add_text(x, source, target, &p.side, &p.side, &e), HEED_FORMAT);
    CU_ASSERT_STRING_EQUAL(e.message, "s.txt:3: the symbol 'd' is not in the vocabulary");
    CU_ASSERT_EQUAL(heed_examples_count(x), 6); /* what came before the bad line */
    heed_error f = {0};
    heed_text *shorter = text("u.txt", "a\n", &f);
    CU_ASSERT_EQUAL(heed_examples_add_text(x, source, shorter, &p.side, &p.side, &f), HEED_FORMAT);
    CU_ASSERT(check_says(f.message, "s.txt has 4 lines but u.txt has 1"));
    heed_error g = {0};
    heed_examples *none = heed_examples_create(&g);
    CU_ASSERT_EQUAL(heed_examples_add_answer(none, ids, 1, &g), HEED_STATE);
    heed_examples_free(none);
    heed_text_free(shorter);
    heed_text_free(source);
    heed_text_free(target);
    heed_examples_free(x);
    free_pair(&p);
}

static void dictionaries_become_examples(void)
{
    heed_error e = {0};
    pair p;
    CU_ASSERT_FATAL(make_pair(&p, "one two three", &e));
    heed_dictionary *d = heed_dictionary_create("d.dict", &e);
    const struct {
        const char *word, *answer;
    } lines[] = {{"one", "two"}, {"two", "three"}, {"one", "three two"}, {"six", "one"}};
    for (size_t i = 0; i < 4; i++)
        heed_dictionary_add(d, (heed_line){lines[i].word, strlen(lines[i].word)},
                            (heed_line){lines[i].answer, strlen(lines[i].answer)}, i + 1, &e);
    heed_examples *words = heed_examples_create(&e), *answers = heed_examples_create(&e);
    CU_ASSERT_EQUAL(heed_examples_add_dictionary(words, d, HEED_ALL_WORDS, 0, false, &p.side, &p.side, &e), HEED_OK);
    CU_ASSERT_EQUAL(heed_examples_add_dictionary(answers, d, HEED_ALL_WORDS, 0, true, &p.side, &p.side, &e), HEED_OK);
    CU_ASSERT_EQUAL_FATAL(heed_examples_count(words), 3);
    CU_ASSERT_EQUAL_FATAL(heed_examples_count(answers), 4);
    CU_ASSERT_EQUAL(heed_examples_answers(words, 0), 2);
    CU_ASSERT_EQUAL(heed_examples_answers(answers, 0), 1);
    size_t n, m;
    const int32_t *a = heed_examples_answer(words, 0, 1, &n), *b = heed_examples_answer(answers, 1, 0, &m);
    CU_ASSERT(n == 2 && m == 2 && memcmp(a, b, 2 * sizeof *a) == 0);
    CU_ASSERT_EQUAL(heed_examples_origin(answers, 1), 0);
    p.side.strict = true;
    CU_ASSERT_EQUAL(heed_examples_add_dictionary(words, d, HEED_ALL_WORDS, 0, false, &p.side, &p.side, &e), HEED_FORMAT);
    CU_ASSERT_STRING_EQUAL(e.message, "d.dict:4: the symbol 'six' is not in the vocabulary");
    heed_examples_free(words);
    heed_examples_free(answers);
    heed_dictionary_free(d);
    free_pair(&p);
}

static void held_out_words_are_not_trained_on(void)
{
    heed_error e = {0};
    pair p;
    CU_ASSERT_FATAL(make_pair(&p, "one", &e));
    heed_dictionary *d = heed_number_dictionary(2000, 37, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    heed_examples *training = heed_examples_create(&e), *held_out = heed_examples_create(&e);
    heed_examples_add_dictionary(training, d, HEED_TRAINING_WORDS, 0.1, true, &p.side, &p.side, &e);
    heed_examples_add_dictionary(held_out, d, HEED_HELD_OUT_WORDS, 0.1, false, &p.side, &p.side, &e);
    CU_ASSERT_EQUAL(e.code, HEED_OK);
    CU_ASSERT_EQUAL(heed_examples_count(training) + heed_examples_count(held_out), 2000);
    CU_ASSERT(heed_examples_count(held_out) > 120 && heed_examples_count(held_out) < 280);
    for (size_t i = 0; i < heed_examples_count(held_out); i++)
        CU_ASSERT(heed_held_out(heed_dictionary_word(d, heed_examples_origin(held_out, i)), 0.1));
    heed_examples_free(training);
    heed_examples_free(held_out);
    heed_dictionary_free(d);
    free_pair(&p);
}

static void plain_text_is_one_sequence(void)
{
    heed_error e = {0};
    pair p;
    CU_ASSERT_FATAL(make_pair(&p, "a a b", &e));
    heed_text *t = text("t.txt", "a b\n\nb c\n", &e);
    heed_ids ids = {0};
    size_t unknown = 0;
    CU_ASSERT_EQUAL(heed_windows_add_text(&ids, t, &p.side, &unknown, &e), HEED_OK);
    const int32_t want[] = {4, 5, HEED_ID_END, HEED_ID_END, 5, HEED_ID_UNKNOWN, HEED_ID_END};
    CU_ASSERT(ids.count == 7 && memcmp(ids.items, want, sizeof want) == 0);
    CU_ASSERT_EQUAL(unknown, 1);
    p.side.strict = true;
    CU_ASSERT_EQUAL(heed_windows_add_text(&ids, t, &p.side, NULL, &e), HEED_FORMAT);
    CU_ASSERT_STRING_EQUAL(e.message, "t.txt:3: the symbol 'c' is not in the vocabulary");
    heed_free(ids.items);
    heed_text_free(t);
    free_pair(&p);
}

static void numbers_have_names(void)
{
    const struct {
        uint64_t number;
        const char *name;
    } cases[] = {
        {0, "zero"},
        {7, "seven"},
        {10, "ten"},
        {13, "thirteen"},
        {20, "twenty"},
        {42, "forty two"},
        {100, "one hundred"},
        {105, "one hundred five"},
        {999, "nine hundred ninety nine"},
        {1000, "one thousand"},
        {12019, "twelve thousand nineteen"},
        {1000000, "one million"},
        {3000040000, "three billion forty thousand"},
        {UINT64_MAX,
         "eighteen quintillion four hundred forty six quadrillion seven hundred forty four trillion seventy three billion "
         "seven hundred nine million five hundred fifty one thousand six hundred fifteen"},
    };
    char name[HEED_NUMBER_NAME];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CU_ASSERT_EQUAL(heed_number_name(cases[i].number, name), strlen(cases[i].name));
        CU_ASSERT_STRING_EQUAL(name, cases[i].name);
    }
    CU_ASSERT(heed_number_name(777777777777777777u, name) + 30 < HEED_NUMBER_NAME); /* near the longest there is */
    heed_error e = {0};
    heed_dictionary *d = heed_number_dictionary(3, 21, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    CU_ASSERT_EQUAL(heed_dictionary_count(d), 3);
    CU_ASSERT_STRING_EQUAL(heed_dictionary_word(d, 2).bytes, "42");
    CU_ASSERT_STRING_EQUAL(heed_dictionary_answer(d, 2, 0, NULL).bytes, "forty two");
    heed_dictionary_free(d);
    CU_ASSERT_PTR_NULL(heed_number_dictionary(3, UINT64_MAX, &e));
    CU_ASSERT_EQUAL(e.code, HEED_INVALID);
}

static bool whole_life(void *unused)
{
    (void)unused;
    heed_error e = {0};
    pair p = {0};
    heed_text *t = NULL;
    heed_dictionary *d = NULL;
    heed_examples *x = NULL;
    heed_batches *b = NULL;
    heed_windows *w = NULL;
    heed_ids ids = {0};
    if (make_pair(&p, "one two", &e) && (t = text("t", "one two\ntwo\nthree one\n", &e)) &&
        (d = heed_number_dictionary(40, 3, &e)) && (x = heed_examples_create(&e)) &&
        !heed_examples_add_text(x, t, t, &p.side, &p.side, &e) &&
        !heed_examples_add_dictionary(x, d, HEED_ALL_WORDS, 0, true, &p.side, &p.side, &e) &&
        (b = heed_batches_create(x, &(heed_batches_options){.tokens = 50}, &e)) &&
        !heed_windows_add_text(&ids, t, &p.side, NULL, &e))
        w = heed_windows_create(ids.items, ids.count, 2, 2, &e);
    heed_windows_free(w);
    heed_batches_free(b);
    heed_examples_free(x);
    heed_dictionary_free(d);
    heed_text_free(t);
    heed_free(ids.items);
    free_pair(&p);
    CU_ASSERT(e.code == HEED_OK || e.code == HEED_NO_MEMORY);
    CU_ASSERT((w == NULL) == (e.code != HEED_OK));
    return e.code == HEED_OK;
}

static void refused_memory_is_told(void) { CU_ASSERT(check_refusals(whole_life, NULL) > 60); }

CHECK_MAIN("examples", {"lines become examples", lines_become_examples},
           {"dictionaries become examples", dictionaries_become_examples},
           {"held-out words are not trained on", held_out_words_are_not_trained_on},
           {"plain text is one sequence", plain_text_is_one_sequence}, {"numbers have names", numbers_have_names},
           {"refused memory is told", refused_memory_is_told})
