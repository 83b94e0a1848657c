/* Options by table: files, assignments, errors, round trips; numbers as text in any locale. */
#include "check.h"
#include "io/number.h"
#include "io/options.h"
#include "refusals.h"

#include <locale.h>
#include <math.h>
#include <unistd.h>

typedef struct {
    int64_t heads, seed;
    double dropout, lr;
    int norm;
    bool tie;
    char *note;
} config;

static const heed_option table[] = {
    HEED_OPTION_INT(config, heads, "[1,64]", "8", "attention heads"),
    HEED_OPTION_INT(config, seed, "[0,inf)", "1", "of all random numbers"),
    HEED_OPTION_REAL(config, dropout, "[0,1)", "0.1", "share of values that are dropped"),
    HEED_OPTION_REAL(config, lr, "(0,inf)", "0.0005", "learning rate"),
    HEED_OPTION_CHOICE(config, norm, "post|pre|none", "post", "place of layer norm"),
    HEED_OPTION_BOOL(config, tie, "no", "one embedding for source and target"),
    HEED_OPTION_TEXT(config, note, "", "what this run is about"),
    {0}};

static const char *says(heed_code code, const heed_error *e) { return code == e->code ? e->message : "(code and error differ)"; }

static const char *assign(const char *text, heed_error *e)
{
    config c = {0};
    *e = (heed_error){0};
    heed_options_defaults(table, &c, e);
    const char *message = says(heed_options_assign(table, &c, "--set", text, e), e);
    heed_options_free(table, &c);
    return message;
}

static const char *parse(const char *text, size_t length, heed_error *e)
{
    config c = {0};
    *e = (heed_error){0};
    heed_options_defaults(table, &c, e);
    const char *message = says(heed_options_parse(table, &c, "a.conf", text, length, e), e);
    heed_options_free(table, &c);
    return message;
}

#define PARSE(text) parse(text, sizeof(text) - 1, &e)

static void files_and_assignments(void)
{
    const char *text = "\xef\xbb\xbf# a model\r\n  heads=4\t# four\n\n\tlr =  1e-3\nnorm = pre\nnote = a=b c#d\n dropout = 0";
    config c = {0};
    heed_error e = {0};
    heed_options_defaults(table, &c, &e);
    CU_ASSERT(c.heads == 8 && c.dropout == 0.1 && c.norm == 0 && !c.tie && c.note && !*c.note);
    CU_ASSERT_EQUAL(heed_options_parse(table, &c, "a.conf", text, strlen(text), &e), HEED_OK);
    CU_ASSERT(c.heads == 4 && c.lr == 1e-3 && c.norm == 1 && c.dropout == 0);
    CU_ASSERT_STRING_EQUAL(c.note, "a=b c#d");
    heed_options_assign(table, &c, "--set", "tie=yes", &e);
    heed_options_assign(table, &c, "--set", "note=", &e);
    heed_options_set(table, &c, "--set", "seed", "9223372036854775807", &e);
    CU_ASSERT(c.tie && !*c.note && c.seed == INT64_MAX);
    CU_ASSERT_EQUAL(e.code, HEED_OK);
    CU_ASSERT_STRING_EQUAL(e.message, "");
    heed_options_free(table, &c);
    CU_ASSERT_PTR_NULL(c.note);
}

static void errors_say_where_what_and_what_is_allowed(void)
{
    heed_error e;
    CU_ASSERT(check_says(assign("heads=0", &e), "--set: heads = \"0\": must be a whole number in [1,64]"));
    CU_ASSERT(check_says(assign("heads=65", &e), "[1,64]"));
    CU_ASSERT(!*assign("heads=1", &e) && !*assign("heads=64", &e));
    CU_ASSERT(check_says(assign("heads=4x", &e), "[1,64]"));
    CU_ASSERT(check_says(assign("heads=", &e), "[1,64]"));
    CU_ASSERT(check_says(assign("seed=9223372036854775808", &e), "must be a whole number in [0,inf)"));
    CU_ASSERT(check_says(assign("dropout=1", &e), "--set: dropout = \"1\": must be a number in [0,1)"));
    CU_ASSERT(check_says(assign("dropout=nan", &e), "[0,1)"));
    CU_ASSERT(check_says(assign("dropout=0x1p-2", &e), "[0,1)"));
    CU_ASSERT(check_says(assign("dropout=0,1", &e), "[0,1)"));
    CU_ASSERT(check_says(assign("lr=0", &e), "(0,inf)"));
    CU_ASSERT(check_says(assign("lr=1e999", &e), "(0,inf)"));
    CU_ASSERT(check_says(assign("norm=middle", &e), "norm = \"middle\": must be one of post|pre|none"));
    CU_ASSERT(check_says(assign("norm=p", &e), "must be one of"));
    CU_ASSERT(check_says(assign("tie=maybe", &e), "must be one of yes|no"));
    CU_ASSERT(check_says(assign("note=a # b", &e), "must be one line without blanks at its ends or \" #\" in it"));
    CU_ASSERT(check_says(assign("note=a\nb", &e), "must be one line"));
    CU_ASSERT(check_says(assign("head=3", &e), "--set: unknown key \"head\"; did you mean \"heads\"?"));
    CU_ASSERT(check_says(assign("zzzzz=3", &e), "unknown key \"zzzzz\""));
    CU_ASSERT_PTR_NULL(strstr(e.message, "mean"));
    CU_ASSERT(check_says(assign("heads", &e), "--set: \"heads\" is not KEY=VALUE"));
    CU_ASSERT(check_says(PARSE("\n\nDropuot = 0.5"), "a.conf:3: unknown key \"Dropuot\"; did you mean \"dropout\"?"));
    CU_ASSERT(check_says(PARSE("heads = 2\nheads = 3\n"), "a.conf:2: heads is set in line 1 already"));
    CU_ASSERT(check_says(PARSE("just words\n"), "a.conf:1: \"just words\" is not \"key = value\""));
    CU_ASSERT(check_says(PARSE("heads = 2\0\n"), "a.conf:1: byte 10 of the line is NUL"));
    CU_ASSERT(check_says(PARSE("note = \xff\n"), "a.conf:1: byte 8 of the line (0xFF) is not UTF-8"));
    CU_ASSERT(check_says(PARSE("note = \x1b[0m\n"), "a.conf:1: note = \"\x1b[0m\": must be one line"));
    CU_ASSERT_STRING_EQUAL(PARSE(""), "");
}

static void files_that_cannot_be_read(void)
{
    config c = {0};
    heed_error e = {0};
    CU_ASSERT_EQUAL(heed_options_load(table, &c, "/nowhere/a.conf", &e), HEED_IO);
    CU_ASSERT(check_says(e.message, "/nowhere/a.conf: No such file"));
    e = (heed_error){0};
    CU_ASSERT_EQUAL(heed_options_load(table, &c, "/", &e), HEED_IO);
    CU_ASSERT(check_says(e.message, "/: a folder, not a regular file"));
    char path[] = "/tmp/heed-options-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    fputs("heads = 3\ntie = on\n", f);
    fclose(f);
    e = (heed_error){0};
    CU_ASSERT_EQUAL(heed_options_load(table, &c, path, &e), HEED_OK);
    CU_ASSERT(c.heads == 3 && c.tie);
    unlink(path);
}

static void text_and_back(void)
{
    config c = {0}, d = {0};
    heed_error e = {0};
    heed_options_defaults(table, &c, &e);
    heed_options_defaults(table, &d, &e);
    char *text = heed_options_text(table, &c, &e);
    CU_ASSERT_STRING_EQUAL(text, "heads = 8\nseed = 1\ndropout = 0.1\nlr = 0.0005\nnorm = post\ntie = no\nnote =\n");
    heed_free(text);
    heed_options_free(table, &c);
    c = (config){
        .heads = 64, .seed = INT64_MAX, .dropout = 1.0 / 3, .lr = 5e-324, .norm = 2, .tie = true, .note = heed_strdup("é = ü#")};
    text = heed_options_text(table, &c, &e);
    CU_ASSERT_EQUAL(heed_options_parse(table, &d, "text", text, strlen(text), &e), HEED_OK);
    CU_ASSERT(d.heads == 64 && d.seed == INT64_MAX && d.dropout == 1.0 / 3 && d.lr == 5e-324 && d.norm == 2 && d.tie);
    CU_ASSERT_STRING_EQUAL(d.note, c.note);
    heed_free(text);
    text = heed_options_value(&table[4], &c, &e);
    CU_ASSERT_STRING_EQUAL(text, "none");
    heed_free(text);
    text = heed_options_help(table, &e);
    CU_ASSERT(check_says(text, "  heads    [1,64]         attention heads (8)\n"));
    CU_ASSERT(check_says(text, "  note     text           what this run is about\n"));
    heed_free(text);
    heed_options_free(table, &c);
    heed_options_free(table, &d);
}

static void a_wrong_table_is_told(void)
{
    static const heed_option wrong[] = {HEED_OPTION_INT(config, heads, "[1,64", "8", ""), {0}};
    static const heed_option outside[] = {HEED_OPTION_REAL(config, lr, "[0,1]", "2", ""), {0}};
    config c = {0};
    heed_error e = {0};
    CU_ASSERT_EQUAL(heed_options_defaults(wrong, &c, &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "default: heads"));
    e = (heed_error){0};
    CU_ASSERT_EQUAL(heed_options_defaults(outside, &c, &e), HEED_INVALID);
}

static void nearest_names(void)
{
    const char *const names[] = {"train", "decode", "eval", "label_smoothing", NULL};
    CU_ASSERT_STRING_EQUAL(heed_nearest("trian", names), "train");
    CU_ASSERT_STRING_EQUAL(heed_nearest("Decod", names), "decode");
    CU_ASSERT_STRING_EQUAL(heed_nearest("label-smoothing", names), "label_smoothing");
    CU_ASSERT_STRING_EQUAL(heed_nearest("a-B-c-d", (const char *const[]){"a_b_c_d", NULL}), "a_b_c_d");
    CU_ASSERT_STRING_EQUAL(heed_nearest("smoothing", names), "label_smoothing");
    CU_ASSERT_PTR_NULL(heed_nearest("bench", names));
    CU_ASSERT_PTR_NULL(heed_nearest("", names));
    CU_ASSERT_PTR_NULL(heed_nearest("a name that is longer than all the names that a program of this kind has", names));
}

static void numbers_in_any_locale(void)
{
    char text[HEED_NUMBER_SIZE];
    double x;
    int64_t i;
    const char *const locales[] = {"C", "de_DE.UTF-8", "C.UTF-8"}; /* the second only where it is installed */
    for (int k = 0; k < 3; k++) {
        if (!setlocale(LC_ALL, locales[k])) continue;
        CU_ASSERT_STRING_EQUAL(heed_real_text(0.1, text), "0.1");
        CU_ASSERT_STRING_EQUAL(heed_real_text(-1e-9, text), "-1e-09");
        CU_ASSERT_STRING_EQUAL(heed_real_text(-NAN, text), "nan");
        CU_ASSERT_STRING_EQUAL(heed_real_text(-INFINITY, text), "-inf");
        CU_ASSERT_STRING_EQUAL(heed_fixed_text(12.50, 2, text), "12.5");
        CU_ASSERT_STRING_EQUAL(heed_fixed_text(-0.001, 2, text), "0");
        CU_ASSERT_STRING_EQUAL(heed_fixed_text(100, 2, text), "100");
        CU_ASSERT_STRING_EQUAL(heed_fixed_text(1e300, 2, text), "1e+300");
        CU_ASSERT(heed_real_parse("-2.5e3", &x) && x == -2500);
        CU_ASSERT(!heed_real_parse("2,5", &x) && !heed_real_parse("", &x) && !heed_real_parse(" 1", &x) &&
                  !heed_real_parse("1e", &x));
        CU_ASSERT(heed_int_parse("-12", &i) && i == -12);
        CU_ASSERT(!heed_int_parse("1.0", &i) && !heed_int_parse("99999999999999999999", &i) && !heed_int_parse("-", &i));
    }
    setlocale(LC_ALL, "C");
    for (double y = 1e-300; y < 1e300; y *= -1234.56789) CU_ASSERT(heed_real_parse(heed_real_text(y, text), &x) && x == y);
}

static bool reads_and_prints(void *unused)
{
    (void)unused;
    config c = {0};
    heed_error e = {0};
    const char *text = "heads = 2\nnote = memory\n";
    heed_options_defaults(table, &c, &e);
    if (!e.code) heed_options_parse(table, &c, "a.conf", text, strlen(text), &e);
    if (!e.code) heed_options_assign(table, &c, "--set", "note=more", &e);
    char *out = e.code ? NULL : heed_options_text(table, &c, &e);
    char *help = e.code ? NULL : heed_options_help(table, &e);
    CU_ASSERT(e.code == HEED_OK || e.code == HEED_NO_MEMORY);
    CU_ASSERT_EQUAL(out && help, !e.code);
    heed_free(out);
    heed_free(help);
    heed_options_free(table, &c);
    return !e.code;
}

static void refused_memory_is_an_error(void) { CU_ASSERT(check_refusals(reads_and_prints, NULL) > 8); }

CHECK_MAIN("options", {"files and assignments", files_and_assignments},
           {"errors say where, what and what is allowed", errors_say_where_what_and_what_is_allowed},
           {"files that cannot be read", files_that_cannot_be_read}, {"text and back", text_and_back},
           {"a wrong table is told", a_wrong_table_is_told}, {"nearest names", nearest_names},
           {"numbers in any locale", numbers_in_any_locale}, {"refused memory is an error", refused_memory_is_an_error})
