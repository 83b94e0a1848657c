/* What is text and what is not, lines from files and streams, and every refusal's sentence. */
#include "check.h"
#include "files.h"
#include "io/text.h"
#include "io/utf8.h"
#include "refusals.h"

#include <sys/stat.h>

static heed_text *parse(const char *bytes, size_t length, heed_error *e)
{
    return heed_text_parse("some.txt", bytes, length, NULL, e);
}

static void utf8_is_strict(void)
{
    const struct {
        const char *bytes;
        size_t length, valid;
    } cases[] = {
        {"", 0, 0},
        {"plain", 5, 5},
        {"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80", 9, 9},       /* u umlaut, euro, a face */
        {"\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", 10, 10}, /* the ends of the ranges */
        {"\xED\x9F\xBF\xEE\x80\x80", 6, 6},                   /* around the surrogates */
        {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8, 8},
        {"a\x80", 2, 1}, /* a continuation alone */
        {"a\xC0\xAF", 3, 1},
        {"a\xC1\xBF", 3, 1}, /* overlong, two bytes */
        {"a\xE0\x9F\xBF", 4, 1},
        {"a\xF0\x8F\xBF\xBF", 5, 1}, /* overlong, three and four */
        {"a\xED\xA0\x80", 4, 1},
        {"a\xED\xBF\xBF", 4, 1}, /* surrogates */
        {"a\xF4\x90\x80\x80", 5, 1},
        {"a\xF5\x80\x80\x80", 5, 1}, /* beyond U+10FFFF */
        {"a\xC3", 2, 1},
        {"a\xE2\x82", 3, 1},
        {"a\xF0\x9F\x98", 4, 1}, /* truncated */
        {"a\xE2\x28\xA1", 4, 1},
        {"a\xE2\x82\x28", 4, 1},
        {"a\xF0\x9F\x98\x28", 5, 1},
        {"a\xFF", 2, 1},
        {"a\xFE", 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CU_ASSERT_EQUAL(heed_utf8_valid(cases[i].bytes, cases[i].length), cases[i].valid);
}

static void lines_end_as_they_like(void)
{
    const struct {
        const char *text;
        size_t count;
        const char *lines[3];
    } cases[] = {
        {"a\nb\n", 2, {"a", "b"}},     {"a\nb", 2, {"a", "b"}},       {"a\r\nb\r\n", 2, {"a", "b"}}, {"\n", 1, {""}},
        {"a\n\nb", 3, {"a", "", "b"}}, {"\xEF\xBB\xBFx\n", 1, {"x"}}, {"a\rb\r", 1, {"a\rb"}},       {"a\n\r\n", 2, {"a", ""}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heed_error e = {0};
        heed_text *t = parse(cases[i].text, strlen(cases[i].text), &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(t);
        CU_ASSERT_EQUAL(heed_text_count(t), cases[i].count);
        FILE *in = fmemopen((void *)(uintptr_t)cases[i].text, strlen(cases[i].text), "r");
        heed_lines *r = heed_lines_open(in, "stream", 0, &e);
        heed_line line;
        for (size_t k = 0; k < cases[i].count && k < heed_text_count(t); k++) {
            CU_ASSERT_STRING_EQUAL(heed_text_line(t, k).bytes, cases[i].lines[k]);
            CU_ASSERT_EQUAL(heed_text_line(t, k).length, strlen(cases[i].lines[k]));
            CU_ASSERT_FATAL(heed_lines_next(r, &line, &e));
            CU_ASSERT_STRING_EQUAL(line.bytes, cases[i].lines[k]);
            CU_ASSERT_EQUAL(line.length, strlen(cases[i].lines[k]));
        }
        CU_ASSERT_FALSE(heed_lines_next(r, &line, &e));
        CU_ASSERT_EQUAL(e.code, HEED_OK);
        heed_lines_free(r);
        fclose(in);
        heed_text_free(t);
    }
}

static void bad_text_is_named(void)
{
    const struct {
        const char *bytes;
        size_t length;
        const char *says;
    } cases[] = {
        {"", 0, "some.txt: the file is empty"},
        {"fine\nno\0t\n", 10, "some.txt:2: byte 3 of the line is NUL: this is a binary file"},
        {"fine\nfine\ncaf\xE9\n", 15, "some.txt:3: byte 4 of the line (0xE9) is not UTF-8"},
        {"\xFF\xFE", 2, "some.txt:1: byte 1 of the line (0xFF) is not UTF-8"},
        {"a\n12345678901\n", 14, "some.txt:2: the line is longer than the limit of 10 bytes"},
    };
    const heed_text_rules rules = {.max_line = 10};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heed_error e = {0};
        CU_ASSERT_PTR_NULL(heed_text_parse("some.txt", cases[i].bytes, cases[i].length, &rules, &e));
        CU_ASSERT(check_says(e.message, cases[i].says));
        CU_ASSERT_EQUAL(e.code, HEED_FORMAT);
        if (!cases[i].length) continue;
        heed_error f = {0};
        heed_line line;
        FILE *in = fmemopen((void *)(uintptr_t)cases[i].bytes, cases[i].length, "r");
        heed_lines *r = heed_lines_open(in, "some.txt", 10, &f);
        while (heed_lines_next(r, &line, &f)) {}
        CU_ASSERT_STRING_EQUAL(f.message, e.message);
        heed_lines_free(r);
        fclose(in);
    }
    heed_error e = {0};
    heed_text *t = heed_text_parse("some.txt", "1234567890\r\n", 12, &rules, &e); /* exactly the limit */
    CU_ASSERT_PTR_NOT_NULL(t);
    heed_text_free(t);
    t = heed_text_parse("some.txt", NULL, 0, &(heed_text_rules){.may_be_empty = true}, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(heed_text_count(t), 0);
    heed_text_free(t);
}

static void endless_lines_do_not_fill_memory(void)
{
    FILE *in = fopen("/dev/zero", "r");
    heed_error e = {0};
    heed_line line;
    heed_lines *r = heed_lines_open(in, "zeros", 1000, &e);
    CU_ASSERT_FALSE(heed_lines_next(r, &line, &e));
    CU_ASSERT(check_says(e.message, "zeros:1: the line is longer than the limit of 1000 bytes"));
    heed_lines_free(r);
    fclose(in);
}

static void only_regular_files(void)
{
    heed_error missing = {0}, folder = {0}, device = {0}, pipe = {0};
    CU_ASSERT_PTR_NULL(heed_text_read("/nowhere/at/all.txt", NULL, &missing));
    CU_ASSERT_STRING_EQUAL(missing.message, "/nowhere/at/all.txt: No such file or directory");
    CU_ASSERT_EQUAL(missing.code, HEED_IO);
    CU_ASSERT_PTR_NULL(heed_text_read("/tmp", NULL, &folder));
    CU_ASSERT_STRING_EQUAL(folder.message, "/tmp: a folder, not a regular file");
    CU_ASSERT_PTR_NULL(heed_text_read("/dev/null", NULL, &device));
    CU_ASSERT(check_says(device.message, "a pipe or device"));
    test_file f;
    write_text(&f, "pipe", "");
    unlink(f.path);
    CU_ASSERT_EQUAL(mkfifo(f.path, 0600), 0);
    CU_ASSERT_PTR_NULL(heed_text_read(f.path, NULL, &pipe)); /* must not wait for a writer */
    CU_ASSERT(check_says(pipe.message, "a pipe or device"));
    remove_file(&f);
}

static void files_run_in_parallel(void)
{
    heed_error e = {0};
    heed_text *a = heed_text_parse("a.de", "x\ny\nz\n", 6, NULL, &e), *b = heed_text_parse("b.en", "x\ny\n", 4, NULL, &e);
    CU_ASSERT_EQUAL(heed_text_parallel(a, a, &e), HEED_OK);
    CU_ASSERT_EQUAL(heed_text_parallel(a, b, &e), HEED_FORMAT);
    CU_ASSERT(check_says(e.message, "a.de has 3 lines but b.en has 2"));
    heed_text_free(a);
    heed_text_free(b);
}

static void random_bytes_do_no_harm(void)
{
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyz     \t\r\n\n\n\n\n\xC3\xBC\xE2\x82\xAC\xF0\x9F\xEF\xBB\xBF\xED\xA0\xFF";
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        char bytes[40];
        size_t n = (seed = seed * 1664525u + 1013904223u) >> 27;
        for (size_t i = 0; i < n; i++)
            bytes[i] = alphabet[((seed = seed * 1664525u + 1013904223u) >> 16) % (sizeof alphabet)]; /* NUL too */
        heed_error e = {0};
        heed_text *t = parse(bytes, n, &e);
        CU_ASSERT_EQUAL(t == NULL, e.code != HEED_OK);
        for (size_t i = 0; t && i < heed_text_count(t); i++) {
            heed_line line = heed_text_line(t, i);
            CU_ASSERT_EQUAL(strlen(line.bytes), line.length);
        }
        heed_text_free(t);
    }
}

static bool read_and_stream(void *unused)
{
    (void)unused;
    heed_error error = {0}, *e = &error;
    static char text[] = "one\ntwo\nthree\n";
    heed_text *t = parse(text, strlen(text), e);
    FILE *in = fmemopen(text, strlen(text), "r");
    heed_lines *r = t ? heed_lines_open(in, "stream", 0, e) : NULL;
    heed_line line;
    while (r && heed_lines_next(r, &line, e)) {}
    heed_lines_free(r);
    fclose(in);
    heed_text_free(t);
    CU_ASSERT(e->code == HEED_OK || e->code == HEED_NO_MEMORY);
    return e->code == HEED_OK;
}

static void refused_memory_is_told(void) { CU_ASSERT(check_refusals(read_and_stream, NULL) >= 5); }

CHECK_MAIN("text", {"UTF-8 is strict", utf8_is_strict}, {"lines end with LF, CR LF or the file", lines_end_as_they_like},
           {"bad text is named", bad_text_is_named}, {"endless lines do not fill memory", endless_lines_do_not_fill_memory},
           {"only regular files", only_regular_files}, {"parallel files", files_run_in_parallel},
           {"random bytes do no harm", random_bytes_do_no_harm}, {"refused memory is told", refused_memory_is_told})
