#include "cli/report.h"

#include <math.h>
#include <stdio.h>

void report_print(const report_line *lines, size_t count, bool json)
{
    const char *comma = "{";
    for (const report_line *l = lines; l < lines + count; l++) {
        if (isnan(l->value)) continue;
        if (json && isfinite(l->value)) printf("%s\"%s\": %.9g", comma, l->key, l->value);
        else if (json) printf("%s\"%s\": null", comma, l->key);
        else printf("%-18s %9.4f%-2s  %s\n", l->key, l->value * l->scale, l->unit, l->what);
        comma = ", ";
    }
    if (json) printf("}\n");
}
