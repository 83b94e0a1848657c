/* Numbers of units: by count and bytes, the same after writing and reading, and what is said of what is missing. */
#include "check.h"
#include "files.h"
#include "io/vocab.h"
#include "refusals.h"

static heed_line line_of(const char *text) { return (heed_line){text, strlen(text)}; }

/* The vocabulary of words of a text. */
static heed_vocab *build(const char *text, uint64_t min_count, size_t max_size, heed_error *e)
{
    heed_units *u = heed_units_create("words", e);
    heed_counts *c = u ? heed_counts_create(e) : NULL;
    heed_vocab *v = c && !heed_counts_add_line(c, u, line_of(text), e) ? heed_vocab_create(c, min_count, max_size, e) : NULL;
    heed_counts_free(c);
    heed_units_free(u);
    return v;
}

static const char *told(const heed_vocab *v)
{
    static char text[1000];
    size_t at = 0;
    for (int32_t id = 0; (size_t)id < heed_vocab_size(v); id++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", id ? " " : "", heed_vocab_unit(v, id).bytes);
    return text;
}

static void ids_go_by_count_then_bytes(void)
{
    const struct {
        const char *text;
        uint64_t min_count;
        size_t max_size;
        const char *units;
    } cases[] = {
        {"b a c b a b", 0, 0, "<pad> <unk> <s> </s> b a c"},
        {"z y \xC3\xBC x A z", 1, 0, "<pad> <unk> <s> </s> z A x y \xC3\xBC"},
        {"b a c b a b", 2, 0, "<pad> <unk> <s> </s> b a"},
        {"b a c b a b", 0, 5, "<pad> <unk> <s> </s> b"},
        {"<s> </s> <unk> <pad> a <s>", 0, 0, "<pad> <unk> <s> </s> a"},
        {"", 0, 0, "<pad> <unk> <s> </s>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heed_error e = {0};
        heed_vocab *v = build(cases[i].text, cases[i].min_count, cases[i].max_size, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(v);
        CU_ASSERT_STRING_EQUAL(told(v), cases[i].units);
        for (int32_t id = HEED_ID_FIRST; (size_t)id < heed_vocab_size(v); id++)
            CU_ASSERT_EQUAL(heed_vocab_id(v, heed_vocab_unit(v, id)), id);
        heed_vocab_free(v);
    }
    heed_error e = {0};
    CU_ASSERT_PTR_NULL(build("a", 0, 4, &e));
    CU_ASSERT(check_says(e.message, "a vocabulary of at most 4 has no room for units"));
}

static void lookups_know_their_limits(void)
{
    heed_error e = {0};
    heed_vocab *v = build("b a b", 0, 0, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT_EQUAL(heed_vocab_id(v, line_of("c")), HEED_ID_UNKNOWN);
    CU_ASSERT_EQUAL(heed_vocab_id(v, line_of("</s>")), HEED_ID_UNKNOWN);
    CU_ASSERT_EQUAL(heed_vocab_id(v, line_of("")), HEED_ID_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(heed_vocab_unit(v, -1).bytes, "<unk>");
    CU_ASSERT_STRING_EQUAL(heed_vocab_unit(v, 6).bytes, "<unk>");
    CU_ASSERT_EQUAL(heed_vocab_count(v, HEED_ID_FIRST), 2);
    CU_ASSERT_EQUAL(heed_vocab_count(v, HEED_ID_END), 0);
    CU_ASSERT_EQUAL(heed_vocab_count(v, 6), 0);
    heed_vocab_free(v);
}

static void many_units_are_found(void)
{
    heed_error e = {0};
    heed_counts *c = heed_counts_create(&e);
    char word[16];
    for (unsigned i = 0; i < 20000; i++) /* counts 1 to 20000, in no order */
        heed_counts_add(c, (heed_line){word, (size_t)snprintf(word, sizeof word, "w%u", i)}, i * 7919u % 20000u + 1, &e);
    heed_vocab *v = heed_vocab_create(c, 0, 0, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT_EQUAL(heed_vocab_size(v), 20004);
    for (unsigned i = 0; i < 20000; i++) {
        heed_line unit = {word, (size_t)snprintf(word, sizeof word, "w%u", i)};
        int32_t id = heed_vocab_id(v, unit);
        CU_ASSERT_EQUAL(id, 20003 - (int32_t)(i * 7919u % 20000u));
        CU_ASSERT_STRING_EQUAL(heed_vocab_unit(v, id).bytes, word);
    }
    heed_vocab_free(v);
    heed_counts_free(c);
}

static void lines_become_ids_and_lines(void)
{
    heed_error e = {0};
    heed_vocab *v = build("b a b", 0, 0, &e);
    heed_units *u = heed_units_create("words", &e);
    heed_ids ids = {0};
    size_t unknown = 0;
    CU_ASSERT_EQUAL(heed_vocab_encode(v, u, line_of("a b c a"), NULL, 0, &ids, &unknown, &e), HEED_OK);
    const int32_t want[] = {5, 4, HEED_ID_UNKNOWN, 5};
    CU_ASSERT_EQUAL_FATAL(ids.count, 4);
    CU_ASSERT_EQUAL(memcmp(ids.items, want, sizeof want), 0);
    CU_ASSERT_EQUAL(unknown, 1);
    CU_ASSERT_EQUAL(heed_vocab_encode(v, u, line_of("a c"), "some.dict", 7, &ids, NULL, &e), HEED_FORMAT);
    CU_ASSERT_STRING_EQUAL(e.message, "some.dict:7: the symbol 'c' is not in the vocabulary");
    CU_ASSERT_EQUAL(ids.count, 4);
    const int32_t decoded[] = {HEED_ID_BEGIN, 5, HEED_ID_UNKNOWN, HEED_ID_PAD, 4, 99, HEED_ID_END, 4};
    heed_error f = {0};
    CU_ASSERT_STRING_EQUAL(heed_vocab_decode(v, u, decoded, 8, &f).bytes, "a <unk> b <unk>");
    CU_ASSERT_STRING_EQUAL(heed_vocab_decode(v, u, NULL, 0, &f).bytes, "");
    heed_free(ids.items);
    heed_units_free(u);
    heed_vocab_free(v);
}

static void endless_lines_are_encoded_in_parts(void)
{
    static char text[300001]; /* words of 1 to 4 characters of 3 bytes, then one word of 100,000 of them */
    size_t words = 1, length = 300000;
    for (size_t i = 0; i < length; i++) text[i] = "\xE2\x82\xAC"[i % 3];
    for (size_t i = 3, gap = 1; i < 100000; i += 3 * (gap = gap % 4 + 1) + 3) {
        memcpy(text + i, " ab", 3);
        words++;
    }
    heed_line line = {text, length};
    const char *kinds[] = {"chars", "words"};
    for (size_t k = 0; k < 2; k++) {
        heed_error e = {0};
        heed_units *u = heed_units_create(kinds[k], &e);
        heed_counts *c = heed_counts_create(&e);
        heed_ids ids = {0};
        size_t count, unknown = 0;
        CU_ASSERT_EQUAL(heed_counts_add_line(c, u, line, &e), HEED_OK);
        heed_vocab *v = heed_vocab_create(c, 0, 0, &e);
        CU_ASSERT_EQUAL(heed_vocab_encode(v, u, line, NULL, 0, &ids, &unknown, &e), HEED_OK);
        const heed_line *units = heed_units_split(u, line, &count, &e);
        CU_ASSERT_EQUAL_FATAL(ids.count, count);
        CU_ASSERT(k == 0 || count == words);
        size_t same = 0;
        for (size_t i = 0; i < count; i++) same += heed_vocab_id(v, units[i]) == ids.items[i];
        CU_ASSERT(same == count && unknown == 0);
        CU_ASSERT_STRING_EQUAL(heed_vocab_decode(v, u, ids.items, ids.count, &e).bytes, text);
        heed_free(ids.items);
        heed_vocab_free(v);
        heed_counts_free(c);
        heed_units_free(u);
    }
}

static void files_keep_everything(void)
{
    heed_error e = {0};
    test_file f;
    write_text(&f, "vocab", "");
    heed_vocab *v = build("b a b \xC3\xBC", 0, 0, &e);
    CU_ASSERT_EQUAL(heed_vocab_write(v, f.path, &e), HEED_OK);
    heed_vocab *again = heed_vocab_read(f.path, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_STRING_EQUAL(told(again), "<pad> <unk> <s> </s> b a \xC3\xBC");
    CU_ASSERT_EQUAL(heed_vocab_count(again, HEED_ID_FIRST), 2);
    size_t n, m;
    char *one = heed_vocab_save(v, &n, &e), *two = heed_vocab_save(again, &m, &e);
    CU_ASSERT_STRING_EQUAL(one, "b\t2\na\t1\n\xC3\xBC\t1\n");
    CU_ASSERT(n == m && memcmp(one, two, n) == 0);
    heed_vocab *none = heed_vocab_restore("empty", "", 0, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(none);
    CU_ASSERT_EQUAL(heed_vocab_size(none), HEED_ID_FIRST);
    CU_ASSERT_EQUAL(heed_vocab_write(v, "/nowhere/at/all", &e), HEED_IO);
    CU_ASSERT(check_says(e.message, "/nowhere/at/all"));
    heed_vocab_free(none);
    heed_free(one);
    heed_free(two);
    heed_vocab_free(v);
    heed_vocab_free(again);
    remove_file(&f);
}

static void bad_vocabularies_are_named(void)
{
    const struct {
        const char *text, *says;
    } cases[] = {
        {"a\t1\nb\n", "v:2: expected `unit TAB count`"},
        {"a\t1\n\t1\n", "v:2: expected `unit TAB count`"},
        {"a\t\n", "v:1: expected `unit TAB count`"},
        {"a\t-1\n", "v:1: expected `unit TAB count`"},
        {"a\t1x\n", "v:1: expected `unit TAB count`"},
        {"a\t18446744073709551616\n", "v:1: expected `unit TAB count`"},
        {"a\t2\nb\t1\na\t1\n", "v:3: the unit 'a' is listed twice"},
        {"<s>\t2\n", "v:1: the unit '<s>' is always there and must not be listed"},
        {"a\t1\n\xC0\t1\n", "v:2: byte 1 of the line (0xC0) is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heed_error e = {0};
        CU_ASSERT_PTR_NULL(heed_vocab_restore("v", cases[i].text, strlen(cases[i].text), &e));
        CU_ASSERT(check_says(e.message, cases[i].says));
        CU_ASSERT_EQUAL(e.code, HEED_FORMAT);
    }
    heed_error e = {0};
    heed_vocab *v = heed_vocab_restore("v", "a\tb\t18446744073709551615\n", 25, &e); /* a unit with a TAB */
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT_STRING_EQUAL(heed_vocab_unit(v, HEED_ID_FIRST).bytes, "a\tb");
    CU_ASSERT_EQUAL(heed_vocab_count(v, HEED_ID_FIRST), UINT64_MAX);
    heed_vocab_free(v);
}

static bool whole_life(void *unused)
{
    (void)unused;
    heed_error error = {0}, *e = &error;
    heed_vocab *v = build("a few words and a few more words", 0, 0, e), *again = NULL;
    heed_units *u = v ? heed_units_create("chars", e) : NULL;
    heed_ids ids = {0};
    size_t length;
    if (u && !heed_vocab_encode(v, u, line_of("a few words, and then many more of them"), NULL, 0, &ids, NULL, e))
        heed_vocab_decode(v, u, ids.items, ids.count, e);
    char *text = u && !e->code ? heed_vocab_save(v, &length, e) : NULL;
    if (text) again = heed_vocab_restore("v", text, length, e);
    heed_free(text);
    heed_free(ids.items);
    heed_units_free(u);
    heed_vocab_free(again);
    heed_vocab_free(v);
    CU_ASSERT(e->code == HEED_OK || e->code == HEED_NO_MEMORY);
    return e->code == HEED_OK;
}

static void refused_memory_is_told(void) { CU_ASSERT(check_refusals(whole_life, NULL) >= 25); }

CHECK_MAIN("vocab", {"ids go by count, then bytes", ids_go_by_count_then_bytes},
           {"lookups know their limits", lookups_know_their_limits}, {"many units are found", many_units_are_found},
           {"lines become ids, and lines again", lines_become_ids_and_lines},
           {"endless lines are encoded in parts", endless_lines_are_encoded_in_parts},
           {"files keep everything", files_keep_everything}, {"bad vocabularies are named", bad_vocabularies_are_named},
           {"refused memory is told", refused_memory_is_told})
