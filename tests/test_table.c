/* Tables and pages: columns that stand below each other, CSV that spreadsheets read, HTML that is escaped; no memory is an error. */
#include "check.h"
#include "csv.h"
#include "io/page.h"
#include "refusals.h"

#include <locale.h>
#include <unistd.h>

static const heed_table_column columns[] = {{"loss", "loss", 3}, {"steps", "steps", 0}, {"any", "size \xc3\xa4", -3}};
static const char *const names[] = {"plain", "with, \"quotes\"", "\xc3\xa4"};
static const double values[] = {1.5, 12345678, 0.000123456, -0.0004, 0, 1e30, NAN, INFINITY, 2};
static const heed_table table = {"A <title>", "row", columns, 3, names, values, 3};

static void text_stands_in_columns(void)
{
    char *text = heed_table_text(&table, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_STRING_EQUAL(text, "A <title>\n\n"
                                 "row              loss     steps    size \xc3\xa4\n"
                                 "plain           1.500  12345678  0.000123\n"
                                 "with, \"quotes\"  0.000         0     1e+30\n"
                                 "\xc3\xa4                   -       inf         2\n");
    heed_free(text);
}

static void csv_reads_back(void)
{
    heed_error e = {0};
    char *csv = heed_table_csv(&table, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(csv);
    CU_ASSERT(check_says(csv, "row,loss,steps,any\nplain,1.5,12345678,0.000123456\n\"with, \"\"quotes\"\"\",-0.0004,0,1e+30\n\xc3\xa4,,inf,2\n"));
    scratch_save(scratch("a.csv"), csv, strlen(csv));
    CU_ASSERT_EQUAL(csv_cell(scratch("a.csv"), "plain", "any"), 0.000123456);
    CU_ASSERT(isnan(csv_cell(scratch("a.csv"), "\xc3\xa4", "loss")));
    heed_free(csv);
    char *plain = heed_table_csv(&table, &e);
    const char *old = setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed */
    char *german = heed_table_csv(&table, &e);
    if (old) setlocale(LC_ALL, "C");
    CU_ASSERT_STRING_EQUAL(plain, german);
    heed_free(plain);
    heed_free(german);
}

static void empty_tables(void)
{
    heed_table none = {"t", "row", columns, 3, NULL, NULL, 0}, bare = {"t", "row", NULL, 0, names, NULL, 3};
    char *a = heed_table_text(&none, NULL), *b = heed_table_csv(&bare, NULL);
    CU_ASSERT(a && strstr(a, "loss"));
    CU_ASSERT_STRING_EQUAL(b, "row\nplain\n\"with, \"\"quotes\"\"\"\n\xc3\xa4\n");
    heed_free(a);
    heed_free(b);
}

static void pages_escape(void)
{
    heed_error e = {0};
    heed_page *p = heed_page_new("a & b");
    size_t n = 0;
    heed_page_heading(p, "<h>");
    heed_page_text(p, "1 < 2");
    heed_page_table(p, &table);
    heed_page_picture(p, "<svg/>", "c > d");
    CU_ASSERT_EQUAL(heed_page_save(p, scratch("p.html"), &e), HEED_OK);
    heed_page_text(p, "more"); /* a page goes on */
    CU_ASSERT_EQUAL(heed_page_save(p, scratch("q.html"), &e), HEED_OK);
    char *page = (char *)scratch_load(scratch("p.html"), &n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(page);
    page[n] = 0;
    const char *parts[] = {"<title>a &amp; b</title>", "<h2>&lt;h&gt;</h2>", "<p>1 &lt; 2</p>", "<caption>A &lt;title&gt;</caption>",
                           "<td>with, &quot;quotes&quot;</td><td>0.000</td>", "<figcaption>c &gt; d</figcaption>", "</html>\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) CU_ASSERT(check_says(page, parts[i]));
    CU_ASSERT(!strstr(page, "more"));
    free(page);
    CU_ASSERT_EQUAL(heed_page_save(p, "/nowhere/p.html", &e), HEED_IO);
    heed_page_free(p);
    heed_page_text(NULL, "x"); /* a page that could not be made bears it and tells when it is saved */
    CU_ASSERT_EQUAL(heed_page_save(NULL, scratch("r.html"), NULL), HEED_NO_MEMORY);
}

static bool all_of_it(void *unused)
{
    heed_error e = {0};
    (void)unused;
    char *text = heed_table_text(&table, &e), *csv = heed_table_csv(&table, &e);
    heed_page *p = heed_page_new("t");
    heed_page_table(p, &table);
    bool fine = !heed_page_save(p, scratch("m.html"), &e) && text && csv;
    CU_ASSERT(fine || e.code == HEED_NO_MEMORY);
    heed_page_free(p);
    heed_free(text);
    heed_free(csv);
    return fine;
}

static void no_memory(void) { CU_ASSERT(check_refusals(all_of_it, NULL) > 5); }

CHECK_MAIN("tables and pages", {"text stands in columns", text_stands_in_columns}, {"CSV reads back", csv_reads_back}, {"empty tables", empty_tables},
           {"pages escape", pages_escape}, {"no memory is an error", no_memory})
