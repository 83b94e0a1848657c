/* heed decode --symbols: a language model goes on with a prompt for so many symbols, through the ends of lines. */
#include "cli/writer.h"

#include <string.h>

/* One search: text[from .. *have) is what the model sees, what it adds is put behind, `until` symbols at most. */
static heed_code add_part(writer *w, int32_t *text, int64_t from, int64_t *have, int64_t until, uint64_t stream, heed_error *e)
{
    int64_t length = *have - from - 1;
    const int32_t *prefix = text + from + 1;
    heed_search how = w->how;
    how.begin = text[from];
    how.end = -1;
    how.factor = 0;
    how.extra = until - *have;
    heed_found *found = heed_search_run(w->d, &how, &(heed_prompts){.sentences = 1, .prefix = &prefix, .prefix_length = &length, .stream = &stream}, e);
    if (!found) return e->code;
    heed_hypothesis h = heed_found_at(found, 0, 0);
    if (h.length <= length) heed_fail(e, HEED_STATE, "the model has no positions left after %lld symbols", (long long)h.length);
    else {
        memcpy(text + from + 1, h.ids, (size_t)h.length * sizeof *text);
        *have = from + 1 + h.length;
    }
    heed_found_free(found);
    return e->code;
}

/* Line ends are symbols, which stand where a line has ended. */
static void put_text(writer *w, const int32_t *text, int64_t n, bool raw, FILE *out, heed_error *e)
{
    for (int64_t at = 0, end; at <= n && !e->code; at = end + 1) {
        for (end = at; end < n && text[end] != HEED_ID_END; end++) {}
        heed_hypothesis line = {.ids = text + at, .length = end - at};
        writer_print(w, line, raw, out, e);
        putc('\n', out);
    }
}

/* A Transformer was trained on windows of so many symbols, and further positions mean nothing to it: when a window is full, another
 * begins with its later half. A recurrent model has no such end; its state goes on. */
heed_code writer_go_on(writer *w, int64_t row, int64_t symbols, bool raw, FILE *out, heed_error *e)
{
    int64_t have = w->length[row] + 1, until = have + symbols;
    int64_t window = w->j.set.model == MODEL_TRANSFORMER ? w->j.set.window : INT64_MAX;
    int32_t *text = heed_alloc((size_t)until * sizeof *text);
    if (!text) return heed_fail(e, HEED_NO_MEMORY, "no memory for a text of %lld symbols", (long long)until);
    text[0] = HEED_ID_END; /* what comes before a line */
    memcpy(text + 1, w->ids.items + w->start[row], (size_t)w->length[row] * sizeof *text);
    for (uint64_t part = 0; have < until && !e->code; part++) {
        int64_t from = have < window ? 0 : have - (window + 1) / 2;
        int64_t to = window < until - from ? from + window : until;
        add_part(w, text, from, &have, to > have ? to : have + 1, w->stream[row] + (part << 32), e);
    }
    if (!e->code) put_text(w, text + 1, until - 1, raw, out, e);
    heed_free(text);
    return e->code;
}
