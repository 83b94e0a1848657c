/* A test program: `TEST(name) { ... CU_ASSERT... }` in a list, one main, the verdict as exit status.
 *
 *     static void adds_up(void) { CU_ASSERT_EQUAL(1 + 1, 2); }
 *     CHECK_MAIN("arithmetic", {"one and one are two", adds_up})
 */
#ifndef HEED_CHECK_H
#define HEED_CHECK_H

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#define CHECK_MAIN(suite_name, ...)                                                                  \
    int main(void)                                                                                   \
    {                                                                                                \
        const struct { const char *name; CU_TestFunc run; } list[] = {__VA_ARGS__};                  \
        if (CU_initialize_registry() != CUE_SUCCESS) return 2;                                       \
        CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);                                      \
        for (size_t i = 0; suite && i < sizeof list / sizeof *list; i++)                             \
            if (!CU_add_test(suite, list[i].name, list[i].run)) return 2;                            \
        CU_basic_set_mode(CU_BRM_VERBOSE);                                                           \
        CU_basic_run_tests();                                                                        \
        unsigned bad = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);            \
        CU_cleanup_registry();                                                                       \
        return bad ? 1 : 0;                                                                          \
    }

/* True when a message was set and contains `part`; prints the message when it does not. */
static inline int check_says(const char *message, const char *part)
{
    if (strstr(message, part)) return 1;
    fprintf(stderr, "\n    expected \"%s\" in \"%s\"\n", part, message);
    return 0;
}

#endif
