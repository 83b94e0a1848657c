#include "io/examples.h"

#include "autograd/memory.h"
#include "io/strings.h"

#include <string.h>

/* All ids lie one after the other; sequence s ends at ends[s] and begins where the one before ends. */
typedef struct example {
    size_t origin, source; /* its source is sequence `source`; its answers are the ones that follow */
} example;

struct heed_examples {
    heed_ids ids;
    size_t *ends;
    example *list;
    size_t count, sequences, list_capacity, ends_capacity, left_out, unknown;
};

static heed_code no_memory(heed_error *e) { return heed_fail(e, HEED_NO_MEMORY, "no memory for the examples"); }

heed_examples *heed_examples_create(heed_error *e)
{
    heed_examples *x = heed_calloc(1, sizeof *x);
    if (!x) no_memory(e);
    return x;
}

void heed_examples_free(heed_examples *x)
{
    if (!x) return;
    heed_free(x->ids.items);
    heed_free(x->ends);
    heed_free(x->list);
    heed_free(x);
}

/* Makes what was appended to x->ids a sequence; false: no memory. */
static bool end_sequence(heed_examples *x)
{
    if (!heed_grow((void **)&x->ends, &x->ends_capacity, x->sequences + 1, sizeof *x->ends)) return false;
    x->ends[x->sequences++] = x->ids.count;
    return true;
}

static bool begin_example(heed_examples *x, size_t origin)
{
    if (!heed_grow((void **)&x->list, &x->list_capacity, x->count + 1, sizeof *x->list)) return false;
    x->list[x->count++] = (example){origin, x->sequences};
    return true;
}

/* Back to where the examples ended before; nothing is freed. */
static void forget(heed_examples *x, size_t count, size_t sequences)
{
    x->count = count;
    x->sequences = sequences;
    x->ids.count = sequences ? x->ends[sequences - 1] : 0;
}

static heed_code add(heed_examples *x, const int32_t *ids, size_t length, heed_error *e)
{
    size_t need;
    if (!heed_size_add(x->ids.count, length, &need) ||
        !heed_grow((void **)&x->ids.items, &x->ids.capacity, need, sizeof *x->ids.items))
        return no_memory(e);
    if (length) memcpy(x->ids.items + x->ids.count, ids, length * sizeof *ids);
    x->ids.count = need;
    return end_sequence(x) ? HEED_OK : no_memory(e);
}

heed_code heed_examples_add(heed_examples *x, size_t origin, const int32_t *source, size_t length, heed_error *e)
{
    size_t count = x->count, sequences = x->sequences;
    heed_code code = begin_example(x, origin) ? add(x, source, length, e) : no_memory(e);
    if (code) forget(x, count, sequences);
    return code;
}

heed_code heed_examples_add_answer(heed_examples *x, const int32_t *ids, size_t length, heed_error *e)
{
    if (!x->count) return heed_fail(e, HEED_STATE, "an answer before the first example");
    size_t sequences = x->sequences;
    heed_code code = add(x, ids, length, e);
    if (code) forget(x, x->count, sequences);
    return code;
}

/* A line as one more sequence; *empty when it has no unit. */
static heed_code add_line(heed_examples *x, const heed_side *side, heed_line line, const char *file, size_t number, bool *empty,
                          heed_error *e)
{
    size_t before = x->ids.count;
    heed_code code =
        heed_vocab_encode(side->vocab, side->units, line, side->strict ? file : NULL, number, &x->ids, &x->unknown, e);
    if (code) return code;
    *empty |= x->ids.count == before;
    return end_sequence(x) ? HEED_OK : no_memory(e);
}

heed_code heed_examples_add_text(heed_examples *x, const heed_text *source, const heed_text *target, const heed_side *from,
                                 const heed_side *to, heed_error *e)
{
    heed_code code = target ? heed_text_parallel(source, target, e) : HEED_OK;
    for (size_t i = 0; !code && i < heed_text_count(source); i++) {
        size_t count = x->count, sequences = x->sequences, unknown = x->unknown;
        bool empty = false;
        code = begin_example(x, i) ? HEED_OK : no_memory(e);
        if (!code) code = add_line(x, from, heed_text_line(source, i), heed_text_name(source), i + 1, &empty, e);
        if (!code && target) code = add_line(x, to, heed_text_line(target, i), heed_text_name(target), i + 1, &empty, e);
        if (code || empty) {
            forget(x, count, sequences);
            x->unknown = unknown;
        }
        x->left_out += !code && empty;
    }
    return code;
}

heed_code heed_examples_add_dictionary(heed_examples *x, const heed_dictionary *d, heed_part part, double share,
                                       bool every_answer, const heed_side *from, const heed_side *to, heed_error *e)
{
    for (size_t i = 0; i < heed_dictionary_count(d); i++) {
        heed_line word = heed_dictionary_word(d, i);
        if (part != HEED_ALL_WORDS && heed_held_out(word, share) != (part == HEED_HELD_OUT_WORDS)) continue;
        for (size_t k = 0; k < heed_dictionary_answers(d, i); k++) {
            size_t count = x->count, sequences = x->sequences, number;
            heed_line answer = heed_dictionary_answer(d, i, k, &number);
            bool empty = false; /* a dictionary has nothing that is */
            heed_code code = HEED_OK;
            if (k == 0 || every_answer) {
                code = begin_example(x, i) ? HEED_OK : no_memory(e);
                if (!code) code = add_line(x, from, word, heed_dictionary_name(d), number, &empty, e);
            }
            if (!code) code = add_line(x, to, answer, heed_dictionary_name(d), number, &empty, e);
            if (!code) continue;
            forget(x, count, sequences);
            return code;
        }
    }
    return HEED_OK;
}

size_t heed_examples_count(const heed_examples *x) { return x->count; }
size_t heed_examples_left_out(const heed_examples *x) { return x->left_out; }
size_t heed_examples_unknown(const heed_examples *x) { return x->unknown; }
size_t heed_examples_origin(const heed_examples *x, size_t i) { return x->list[i].origin; }

size_t heed_examples_answers(const heed_examples *x, size_t i)
{
    return (i + 1 < x->count ? x->list[i + 1].source : x->sequences) - x->list[i].source - 1;
}

static const int32_t *sequence(const heed_examples *x, size_t s, size_t *length)
{
    size_t start = s ? x->ends[s - 1] : 0;
    *length = x->ends[s] - start;
    return x->ids.items + start;
}

const int32_t *heed_examples_source(const heed_examples *x, size_t i, size_t *length)
{
    return sequence(x, x->list[i].source, length);
}

const int32_t *heed_examples_answer(const heed_examples *x, size_t i, size_t k, size_t *length)
{
    return sequence(x, x->list[i].source + 1 + k, length);
}

uint64_t heed_examples_hash(const heed_examples *x)
{
    uint64_t parts[3] = {0};
    if (x->ids.count) parts[0] = heed_strings_hash((const char *)x->ids.items, x->ids.count * sizeof *x->ids.items);
    if (x->sequences) parts[1] = heed_strings_hash((const char *)x->ends, x->sequences * sizeof *x->ends);
    for (size_t i = 0; i < x->count; i++) parts[2] = 31 * parts[2] + x->list[i].source;
    return heed_strings_hash((const char *)parts, sizeof parts);
}
