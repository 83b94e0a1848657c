/* The forms a dictionary comes in, what they mean, and what is refused. */
#include "check.h"
#include "files.h"
#include "io/dictionary.h"
#include "io/strings.h"
#include "refusals.h"

static heed_dictionary *load(const char *text, heed_error *e)
{
    test_file f;
    heed_dictionary *d = heed_dictionary_read(write_text(&f, "d.dict", text), e);
    remove_file(&f);
    return d;
}

/* All of it in one line: word=answer|answer, word=... */
static const char *told(const heed_dictionary *d)
{
    static char text[1000];
    size_t at = 0;
    for (size_t i = 0; i < heed_dictionary_count(d); i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s=", i ? ", " : "", heed_dictionary_word(d, i).bytes);
        for (size_t k = 0; k < heed_dictionary_answers(d, i); k++)
            at +=
                (size_t)snprintf(text + at, sizeof text - at, "%s%s", k ? "|" : "", heed_dictionary_answer(d, i, k, NULL).bytes);
    }
    return text;
}

static void all_forms_are_read(void)
{
    const struct {
        const char *text, *means;
    } cases[] = {
        {"cat\tK AE T\ndog\tD AO G\n", "cat=K AE T, dog=D AO G"},
        {"a AH\nab AE B\na(2) EY\n", "a=AH|EY, ab=AE B"},
        {"READ  R EH D\nREAD(1)  R IY D\n", "READ=R EH D|R IY D"},
        {"read\tR EH D\tR IY D\nred\tR EH D\nread\tR EH D\nread\tR AH D\n", "read=R EH D|R IY D|R AH D, red=R EH D"},
        {"42\tforty two\nnew york\tN UW  Y AO R K \n", "42=forty two, new york=N UW Y AO R K"},
        {";;; a comment\n\n# another\n##\n#\na AH # place, danish\n#hash HH AE SH\n   \n", "a=AH, #hash=HH AE SH"},
        {"#\thash\n;semi SEMI\n", "#=hash, ;semi=SEMI"},
        {"x(2)\tX\nxx()\tY\n(23)\tZ\nx(2a)\tW\n", "x=X, xx()=Y, (23)=Z, x(2a)=W"},
        {"a\t\tAH\t\n", "a=AH"},
        {"  a   AH   B \r\nb B", "a=AH B, b=B"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heed_error e = {0};
        heed_dictionary *d = load(cases[i].text, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(d);
        CU_ASSERT_STRING_EQUAL(told(d), cases[i].means);
        heed_dictionary_free(d);
    }
}

static void words_are_found(void)
{
    heed_error e = {0};
    heed_dictionary *d = load("a A\nb B\nc C\n", &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    CU_ASSERT_EQUAL(heed_dictionary_find(d, "c"), 2);
    CU_ASSERT_EQUAL(heed_dictionary_find(d, "d"), SIZE_MAX);
    heed_dictionary_free(d);
}

static void bad_lines_are_named(void)
{
    const struct {
        const char *text, *says;
    } cases[] = {
        {"a AH\nlonely\n", "d.dict:2: the word 'lonely' has no symbols after it; expected `word TAB symbols`"},
        {"a AH\nlonely\t \n", "d.dict:2: the word 'lonely' has no symbols"},
        {"a # nothing else\n", "d.dict:1: the word 'a' has no symbols"},
        {"\tAH\n", "d.dict:1: no word before the TAB"},
        {";;; only\n# comments\n\n", "d.dict: no words in this dictionary"},
        {"", "d.dict: the file is empty"},
        {"a \xFF\n", "d.dict:1: byte 3 of the line (0xFF) is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heed_error e = {0};
        CU_ASSERT_PTR_NULL(load(cases[i].text, &e));
        CU_ASSERT(check_says(e.message, cases[i].says));
    }
}

static void writing_and_reading_agree(void)
{
    heed_error e = {0};
    test_file f;
    write_text(&f, "copy", "");
    heed_dictionary *d = load("a A\nb B\na(2) C D\n", &e);
    CU_ASSERT_EQUAL(heed_dictionary_write(d, f.path, &e), HEED_OK);
    heed_dictionary *again = heed_dictionary_read(f.path, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_STRING_EQUAL(told(again), "a=A|C D, b=B");
    CU_ASSERT_EQUAL(heed_dictionary_write(d, "/nowhere/at/all", &e), HEED_IO);
    CU_ASSERT(check_says(e.message, "/nowhere/at/all"));
    heed_dictionary_free(again);
    heed_dictionary_free(d);
    remove_file(&f);
}

static void the_share_held_out_is_fixed(void)
{
    CU_ASSERT_EQUAL(heed_strings_hash("heed", 4), UINT64_C(0x759D6CD76D2DD885)); /* or every split changes */
    size_t five = 0, ten = 0;
    for (int i = 0; i < 20000; i++) {
        char word[16];
        heed_line line = {word, (size_t)snprintf(word, sizeof word, "word%d", i)};
        bool in_five = heed_held_out(line, 0.05), in_ten = heed_held_out(line, 0.1);
        CU_ASSERT(in_ten || !in_five);
        CU_ASSERT_FALSE(heed_held_out(line, 0));
        CU_ASSERT(heed_held_out(line, 1));
        five += in_five;
        ten += in_ten;
    }
    CU_ASSERT(five > 850 && five < 1150); /* 1000 and five standard deviations */
    CU_ASSERT(ten > 1780 && ten < 2220);
}

static void random_lines_do_no_harm(void)
{
    static const char alphabet[] = "ab \t\t\n\n#;()12";
    uint32_t seed = 1;
    for (int round = 0; round < 1000; round++) {
        char text[64];
        size_t n = (seed = seed * 1664525u + 1013904223u) >> 26;
        for (size_t i = 0; i < n; i++) text[i] = alphabet[((seed = seed * 1664525u + 1013904223u) >> 16) % (sizeof alphabet - 1)];
        text[n] = 0;
        heed_error e = {0};
        heed_dictionary *d = load(text, &e);
        CU_ASSERT_EQUAL(d == NULL, e.code != HEED_OK);
        heed_dictionary_free(d);
    }
}

static test_file refused_file;

static bool read_dictionary(void *unused)
{
    (void)unused;
    heed_error error = {0}, *e = &error;
    heed_dictionary_free(heed_dictionary_read(refused_file.path, e));
    CU_ASSERT(e->code == HEED_OK || e->code == HEED_NO_MEMORY);
    return e->code == HEED_OK;
}

static void refused_memory_is_told(void)
{
    write_text(&refused_file, "d.dict", "a A\nb B\na(2) C\nc a very much longer answer\n");
    CU_ASSERT(check_refusals(read_dictionary, NULL) >= 12);
    remove_file(&refused_file);
}

CHECK_MAIN("dictionary", {"all forms are read", all_forms_are_read}, {"words are found", words_are_found},
           {"bad lines are named", bad_lines_are_named}, {"writing and reading agree", writing_and_reading_agree},
           {"the share held out is fixed", the_share_held_out_is_fixed}, {"random lines do no harm", random_lines_do_no_harm},
           {"refused memory is told", refused_memory_is_told})
