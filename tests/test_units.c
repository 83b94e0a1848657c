/* Lines cut into units and put together again; subwords as subword-nmt cuts them; what is kept in a checkpoint. */
#include "check.h"
#include "files.h"
#include "io/units.h"
#include "refusals.h"

static heed_line line_of(const char *text) { return (heed_line){text, strlen(text)}; }

/* The line's units with `|` between them. */
static const char *cut(heed_units *u, const char *text)
{
    static char shown[1000];
    heed_error e = {0};
    size_t count, at = 0;
    const heed_line *units = heed_units_split(u, line_of(text), &count, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(units);
    shown[0] = 0;
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(strlen(units[i].bytes), units[i].length);
        at += (size_t)snprintf(shown + at, sizeof shown - at, "%s%s", i ? "|" : "", units[i].bytes);
    }
    return shown;
}

static const char *there_and_back(heed_units *u, const char *text)
{
    heed_error e = {0};
    size_t count;
    const heed_line *units = heed_units_split(u, line_of(text), &count, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(units);
    heed_line back = heed_units_join(u, units, count, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(back.bytes);
    CU_ASSERT_EQUAL(strlen(back.bytes), back.length);
    return back.bytes;
}

static void characters_come_back(void)
{
    heed_error e = {0};
    heed_units *u = heed_units_create("chars", &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(u);
    CU_ASSERT_STRING_EQUAL(cut(u, "a\xC3\xBC \xE2\x82\xAC\xF0\x9F\x98\x80"),
                           "a|\xC3\xBC|\xE2\x96\x81|\xE2\x82\xAC|\xF0\x9F\x98\x80");
    CU_ASSERT_STRING_EQUAL(cut(u, "\t\xE2\x96\x81\x7F\x1F"), "<U+0009>|<U+2581>|<U+007F>|<U+001F>");
    CU_ASSERT_STRING_EQUAL(cut(u, ""), "");
    const char *lines[] = {
        "", " ", "  two  blanks ", "tab\tand \xE2\x96\x81 and <U+2581>", "\x01\x1F\x7F", "\xF0\x9F\x98\x80\xC3\xBC"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) CU_ASSERT_STRING_EQUAL(there_and_back(u, lines[i]), lines[i]);
    const heed_line odd[] = {
        {"<U+0000>", 8}, {"<U+000A>", 8}, {"<U+00FF>", 8}, {"<U+001x>", 8}, {"<unk>", 5}}; /* none is a character */
    CU_ASSERT_STRING_EQUAL(heed_units_join(u, odd, 5, &e).bytes, "<U+0000><U+000A><U+00FF><U+001x><unk>");
    heed_units_free(u);
}

static void words_are_joined_by_blanks(void)
{
    heed_error e = {0};
    heed_units *u = heed_units_create("words", &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(u);
    CU_ASSERT_STRING_EQUAL(cut(u, "  K  AE\tT "), "K|AE|T");
    CU_ASSERT_STRING_EQUAL(there_and_back(u, "  K  AE\tT "), "K AE T");
    CU_ASSERT_STRING_EQUAL(there_and_back(u, ""), "");
    heed_units_free(u);
}

/* What subword-nmt 0.3.8 makes of these lines with these codes. */
static const char codes[] = "#version: 0.2\nl o\nlo w</w>\ne r</w>\nn e\nne w\na a\naa a\nw er</w>\n\xC3\xBC b\no v</w>\nl o\n"
                            "x y\nw x\n";

static heed_units *bpe(heed_error *e)
{
    test_file f;
    char specification[80];
    snprintf(specification, sizeof specification, "bpe:%s", write_text(&f, "codes", codes));
    heed_units *u = heed_units_create(specification, e);
    remove_file(&f);
    return u;
}

static void subwords_follow_the_merges(void)
{
    const struct {
        const char *line, *units;
    } cases[] = {
        {"low lower newer", "low|lo@@|wer|new@@|er"},
        {"new wer w low", "ne@@|w|wer|w|low"}, /* a last `w` is `w</w>`: no `ne w` there */
        {"aaaaa aaaaaa", "aa@@|aa@@|a|aa@@|aaa@@|a"},
        {"\xC3\xBC"
         "b\xC3\xBC"
         "ber x",
         "\xC3\xBC"
         "b@@|\xC3\xBC"
         "b@@|er|x"},
        {"lov wxyz", "lo@@|v|w@@|xy@@|z"}, /* the first `l o` counts; `x y` comes before `w x` */
        {"unseen", "u@@|n@@|s@@|e@@|e@@|n"},
        {"", ""},
        {"  two   blanks ", "t@@|w@@|o|b@@|l@@|a@@|n@@|k@@|s"},
    };
    heed_error e = {0};
    heed_units *u = bpe(&e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(u);
    for (int round = 0; round < 2; round++) /* cut, then remembered */
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) CU_ASSERT_STRING_EQUAL(cut(u, cases[i].line), cases[i].units);
    CU_ASSERT_STRING_EQUAL(there_and_back(u, " low  lower unseen"), "low lower unseen");
    const heed_line odd[] = {{"lo@@", 4}, {"@@", 2}, {"x", 1}, {"y@@", 3}};
    CU_ASSERT_STRING_EQUAL(heed_units_join(u, odd, 4, &e).bytes, "lo@@ x y@@");
    heed_units_free(u);
}

/* sed -r 's/(@@ )|(@@ ?$)//g' */
static void cut_words_are_joined(void)
{
    const struct { const char *line, *whole; } cases[] = {
        {"a pul@@ ley sys@@ tem .", "a pulley system ."}, {"end@@", "end"}, {"end@@ ", "end"}, {"@@ a", "a"}, {"a@@b @@", "a@@b "},
        {"@ a@ b@@@ c", "@ a@ b@c"}, {"", ""},
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heed_line whole = heed_remove_bpe(line_of(cases[i].line), out);
        CU_ASSERT_STRING_EQUAL(whole.bytes, cases[i].whole);
        CU_ASSERT_EQUAL(whole.length, strlen(cases[i].whole));
    }
}

static void bad_units_are_named(void)
{
    const struct {
        const char *codes, *says;
    } files[] = {
        {"l o\n", "codes:1: not a merges file of subword-nmt: its first line must be `#version: 0.2`"},
        {"#version: 0.1\nl o\n", "codes:1: not a merges file"},
        {"#version: 0.2\nl o\nlo\n", "codes:3: expected a merge, two symbols with a blank between them"},
        {"#version: 0.2\nl o w\n", "codes:2: expected a merge"},
        {"#version: 0.2\n o\n", "codes:2: expected a merge"},
        {"#version: 0.2\nl o\n\n", "codes:3: expected a merge"},
        {"", "codes: the file is empty"},
        {"#version: 0.2\n\xFF o\n", "codes:2: byte 1 of the line (0xFF) is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        test_file f;
        char specification[80];
        heed_error e = {0};
        snprintf(specification, sizeof specification, "bpe:%s", write_text(&f, "codes", files[i].codes));
        CU_ASSERT_PTR_NULL(heed_units_create(specification, &e));
        CU_ASSERT(check_says(e.message, files[i].says));
        remove_file(&f);
    }
    const char *specifications[] = {"", "char", "chars:x", "words:", "bpe", "spm", "bpex:y"};
    for (size_t i = 0; i < sizeof specifications / sizeof *specifications; i++) {
        heed_error e = {0};
        CU_ASSERT_PTR_NULL(heed_units_create(specifications[i], &e));
        CU_ASSERT(check_says(e.message, "expected chars, words, bpe:CODES or spm:MODEL"));
    }
    heed_error e = {0};
    CU_ASSERT_PTR_NULL(heed_units_create("bpe:", &e));
    CU_ASSERT_EQUAL(e.code, HEED_IO);
}

static void stored_units_need_no_file(void)
{
    heed_error e = {0};
    heed_units *list[] = {heed_units_create("chars", &e), heed_units_create("words", &e), bpe(&e)};
    for (size_t i = 0; i < 3; i++) {
        size_t length;
        char *bytes = heed_units_save(list[i], &length, &e), text[100];
        heed_units *again = heed_units_restore(bytes, length, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(again);
        CU_ASSERT_STRING_EQUAL(heed_units_kind(again), heed_units_kind(list[i]));
        strcpy(text, cut(list[i], "lower newer \xC3\xBC"));
        CU_ASSERT_STRING_EQUAL(cut(again, "lower newer \xC3\xBC"), text);
        heed_free(bytes);
        heed_units_free(again);
        heed_units_free(list[i]);
    }
    const char *bad[] = {"", "bpe", "chars\n", "words x", "nothing", "bpe\nnonsense", "bpe\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        heed_error f = {0};
        CU_ASSERT_PTR_NULL(heed_units_restore(bad[i], strlen(bad[i]), &f));
        CU_ASSERT_EQUAL(f.code, HEED_FORMAT);
    }
}

static void sentencepiece_is_there_or_says_so(void)
{
    test_file f;
    char specification[80];
    heed_error e = {0};
    snprintf(specification, sizeof specification, "spm:%s", write_text(&f, "model", "no model"));
    CU_ASSERT_PTR_NULL(heed_units_create(specification, &e));
    CU_ASSERT(check_says(e.message, heed_units_have_sentencepiece() ? "model: not a SentencePiece model"
                                                                    : "this build is without SentencePiece"));
    CU_ASSERT_EQUAL(e.code, heed_units_have_sentencepiece() ? HEED_FORMAT : HEED_UNSUPPORTED);
    remove_file(&f);
    if (!heed_units_have_sentencepiece()) return;
    heed_error g = {0};
    heed_units *u = heed_units_create("spm:" TEST_DATA "/small.spm", &g);
    CU_ASSERT_PTR_NOT_NULL_FATAL(u);
    size_t length;
    char *bytes = heed_units_save(u, &length, &g), text[200];
    heed_units *again = heed_units_restore(bytes, length, &g);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    const char *line = "the cat sat on the mat \xE2\x82\xAC";
    strcpy(text, cut(u, line));
    CU_ASSERT_STRING_EQUAL(
        text, "\xE2\x96\x81|t|h|e|\xE2\x96\x81|c|at|\xE2\x96\x81s|at|\xE2\x96\x81|o|n|\xE2\x96\x81|t|h|e|\xE2\x96\x81ma|t|"
              "\xE2\x96\x81|\xE2\x82\xAC"); /* as spm_encode says */
    CU_ASSERT_STRING_EQUAL(cut(again, line), text);
    CU_ASSERT_STRING_EQUAL(there_and_back(again, line), line);
    CU_ASSERT_STRING_EQUAL(there_and_back(u, ""), "");
    heed_free(bytes);
    heed_units_free(u);
    heed_units_free(again);
}

static void random_codes_do_no_harm(void)
{
    static const char alphabet[] = "aaabbb   \n\n\n<>/w\xC3\xBC";
    uint32_t seed = 1;
    heed_units *survivor = NULL;
    for (int round = 0; round < 5000; round++) {
        char text[110] = "bpe\n#version: 0.2\n";
        size_t head = strlen(text), n = (seed = seed * 1664525u + 1013904223u) >> 27;
        for (size_t i = 0; i < n; i++)
            text[head + i] = alphabet[((seed = seed * 1664525u + 1013904223u) >> 16) % (sizeof alphabet - 1)];
        heed_error e = {0};
        heed_units *u = heed_units_restore(text, head + n, &e);
        CU_ASSERT_EQUAL(u == NULL, e.code != HEED_OK);
        if (!u) continue;
        CU_ASSERT_STRING_EQUAL(there_and_back(u, "abba aaabbb a</w> \xC3\xBC<"), "abba aaabbb a</w> \xC3\xBC<");
        heed_units_free(survivor);
        survivor = u;
    }
    CU_ASSERT_PTR_NOT_NULL(survivor);
    heed_units_free(survivor);
}

static const char *refused_kind;

static bool cut_and_join(void *unused)
{
    (void)unused;
    heed_error error = {0}, *e = &error;
    heed_units *u = heed_units_restore(refused_kind, strlen(refused_kind), e);
    size_t count, length;
    const heed_line *units =
        u ? heed_units_split(u, line_of("a longer line, to be cut into many units, and newer ones"), &count, e) : NULL;
    if (units) heed_units_join(u, units, count, e);
    if (units && !e->code) heed_free(heed_units_save(u, &length, e));
    heed_units_free(u);
    CU_ASSERT(e->code == HEED_OK || e->code == HEED_NO_MEMORY);
    return e->code == HEED_OK;
}

static void refused_memory_is_told(void)
{
    char stored[sizeof codes + 4] = "bpe\n";
    strcat(stored, codes);
    const char *kinds[] = {"chars", "words", stored};
    for (size_t i = 0; i < 3; i++) {
        refused_kind = kinds[i];
        CU_ASSERT(check_refusals(cut_and_join, NULL) >= 5);
    }
}

CHECK_MAIN("units", {"characters come back as they were", characters_come_back},
           {"words are joined by blanks", words_are_joined_by_blanks}, {"subwords follow the merges", subwords_follow_the_merges},
           {"words that BPE has cut are joined", cut_words_are_joined},
           {"bad units are named", bad_units_are_named}, {"stored units need no file", stored_units_need_no_file},
           {"SentencePiece is there or says so", sentencepiece_is_there_or_says_so},
           {"random codes do no harm", random_codes_do_no_harm}, {"refused memory is told", refused_memory_is_told})
