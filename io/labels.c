#include "io/labels.h"

#include "autograd/memory.h"

static bool blank(char c) { return c == ' ' || c == '\t'; }

/* The next label of the rest of a line, which it is cut off from: what blanks separate, or all of it without blanks around. */
static heed_line next_label(heed_line *rest, heed_label_kind kind)
{
    const char *p = rest->bytes, *end = p + rest->length, *stop;
    while (p < end && blank(*p)) p++;
    for (stop = p; stop < end && (kind == HEED_LABEL_LINES || !blank(*stop));) stop++;
    *rest = (heed_line){stop, (size_t)(end - stop)};
    if (kind == HEED_LABEL_LINES) while (stop > p && blank(stop[-1])) stop--;
    return (heed_line){p, (size_t)(stop - p)};
}

static heed_code empty_label(const heed_text *labels, size_t i, heed_error *e)
{
    return heed_fail(e, HEED_FORMAT, "%s:%zu: an empty line where a label was expected", heed_text_name(labels), i + 1);
}

heed_vocab *heed_labels_vocabulary(const heed_text *labels, heed_label_kind kind, heed_error *e)
{
    heed_counts *counts = heed_counts_create(e);
    heed_code code = counts ? HEED_OK : HEED_NO_MEMORY;
    for (size_t i = 0; i < heed_text_count(labels) && !code; i++) {
        heed_line rest = heed_text_line(labels, i), label = next_label(&rest, kind);
        if (!label.length && kind == HEED_LABEL_LINES) code = empty_label(labels, i, e);
        for (; label.length && !code; label = next_label(&rest, kind)) code = heed_counts_add(counts, label, 1, e);
    }
    heed_vocab *v = code ? NULL : heed_vocab_create(counts, 1, 0, e);
    heed_counts_free(counts);
    if (!v || heed_labels_count(v) > 1) return v;
    const char *name = heed_text_name(labels);
    if (heed_labels_count(v)) heed_fail(e, HEED_INVALID, "%s: all labels are '%s': there is nothing to learn", name, heed_labels_name(v, 0).bytes);
    else heed_fail(e, HEED_INVALID, "%s: has no label", name);
    heed_vocab_free(v);
    return NULL;
}

size_t heed_labels_count(const heed_vocab *labels) { return heed_vocab_size(labels) - HEED_ID_FIRST; }
heed_line heed_labels_name(const heed_vocab *labels, int32_t number)
{
    return heed_vocab_unit(labels, number < 0 ? number : number + HEED_ID_FIRST);
}

/* The classes of line i, appended. */
static heed_code classes_of(const heed_text *labels, size_t i, heed_label_kind kind, const heed_vocab *classes, heed_ids *out, heed_error *e)
{
    heed_line rest = heed_text_line(labels, i), label = next_label(&rest, kind);
    if (!label.length && kind == HEED_LABEL_LINES) return empty_label(labels, i, e);
    for (; label.length; label = next_label(&rest, kind)) {
        int32_t id = heed_vocab_id(classes, label);
        if (id == HEED_ID_UNKNOWN)
            return heed_fail(e, HEED_FORMAT, "%s:%zu: the %s '%.*s' is not among the %zu that the model knows", heed_text_name(labels), i + 1,
                             kind == HEED_LABEL_LINES ? "label" : "tag", (int)(label.length < 80 ? label.length : 80), label.bytes,
                             heed_labels_count(classes));
        if (!heed_grow((void **)&out->items, &out->capacity, out->count + 1, sizeof *out->items))
            return heed_fail(e, HEED_NO_MEMORY, "no memory for labels");
        out->items[out->count++] = id - HEED_ID_FIRST;
    }
    return HEED_OK;
}

heed_code heed_labels_add(heed_examples *x, const heed_text *source, const heed_text *labels, const heed_side *from, const heed_vocab *classes,
                          const heed_label_rules *rules, heed_error *e)
{
    heed_ids tokens = {0}, answer = {0};
    heed_code code = heed_text_parallel(source, labels, e);
    for (size_t i = 0; i < heed_text_count(source) && !code; i++) {
        heed_line line = heed_text_line(source, i);
        if (rules->part != HEED_ALL_WORDS && heed_held_out(line, rules->share) != (rules->part == HEED_HELD_OUT_WORDS)) continue;
        tokens.count = answer.count = 0;
        if (rules->begin) {
            if (heed_grow((void **)&tokens.items, &tokens.capacity, 1, sizeof *tokens.items)) tokens.items[tokens.count++] = HEED_ID_BEGIN;
            else code = heed_fail(e, HEED_NO_MEMORY, "no memory for tokens");
        }
        if (!code) code = heed_vocab_encode(from->vocab, from->units, line, from->strict ? heed_text_name(source) : NULL, i + 1, &tokens, NULL, e);
        if (!code) code = classes_of(labels, i, rules->kind, classes, &answer, e);
        size_t count = tokens.count - (rules->begin && tokens.count);
        if (!code && rules->kind == HEED_LABEL_TOKENS && answer.count != count)
            code = heed_fail(e, HEED_FORMAT, "%s:%zu: %zu tag%s for %zu token%s of %s", heed_text_name(labels), i + 1, answer.count,
                             answer.count == 1 ? "" : "s", count, count == 1 ? "" : "s", heed_text_name(source));
        if (code || !count) continue;
        code = heed_examples_add(x, i, tokens.items, tokens.count, e);
        if (!code) code = heed_examples_add_answer(x, answer.items, answer.count, e);
    }
    heed_free(tokens.items);
    heed_free(answer.items);
    return code;
}
