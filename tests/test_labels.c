/* Labels and tags as examples, bare batches, masks of a language model, spans of tags. */
#include "autograd/memory.h"
#include "check.h"
#include "io/labels.h"
#include "io/masking.h"
#include "io/metrics.h"
#include "refusals.h"

#include <math.h>
#include <stdlib.h>

static heed_text *text(const char *name, const char *lines) { return heed_text_parse(name, lines, strlen(lines), NULL, NULL); }

static heed_vocab *words_of(const heed_text *t, heed_units *u)
{
    heed_counts *c = heed_counts_create(NULL);
    for (size_t i = 0; i < heed_text_count(t); i++) heed_counts_add_line(c, u, heed_text_line(t, i), NULL);
    heed_vocab *v = heed_vocab_create(c, 1, 0, NULL);
    heed_counts_free(c);
    return v;
}

/* --- labels ------------------------------------------------------------------------------------------------------------------- */

static void labels_are_classes(void)
{
    heed_text *labels = text("labels", "good\nvery bad\n good\t\nso so\nvery bad\ngood\n");
    heed_error e = {0};
    heed_vocab *v = heed_labels_vocabulary(labels, HEED_LABEL_LINES, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT_EQUAL(heed_labels_count(v), 3);
    static const char *const names[] = {"good", "very bad", "so so"};
    for (int32_t c = 0; c < 3; c++) CU_ASSERT_STRING_EQUAL(heed_labels_name(v, c).bytes, names[c]);
    CU_ASSERT_STRING_EQUAL(heed_labels_name(v, 3).bytes, "<unk>");
    CU_ASSERT_STRING_EQUAL(heed_labels_name(v, HEED_NO_CLASS).bytes, "<unk>");

    heed_text *source = text("source", "a b\nb\n\nc\na\nb c a\n");
    heed_units *u = heed_units_create("words", &e);
    heed_vocab *w = words_of(source, u);
    heed_side side = {u, w, false};
    heed_examples *x = heed_examples_create(&e);
    heed_label_rules rules = {.kind = HEED_LABEL_LINES, .part = HEED_ALL_WORDS, .begin = true};
    CU_ASSERT_EQUAL(heed_labels_add(x, source, labels, &side, v, &rules, &e), HEED_OK);
    CU_ASSERT_EQUAL(heed_examples_count(x), 5); /* the empty line is left out */
    static const int32_t classes[] = {0, 1, 2, 1, 0};
    for (size_t i = 0; i < 5; i++) {
        size_t n, m;
        CU_ASSERT_EQUAL(heed_examples_source(x, i, &n)[0], HEED_ID_BEGIN);
        CU_ASSERT_EQUAL(heed_examples_answer(x, i, 0, &m)[0], classes[i]);
        CU_ASSERT_EQUAL(m, 1);
    }
    /* in a batch: [B,1] */
    heed_batches *b = heed_batches_create(x, &(heed_batches_options){.tokens = 100, .in_order = true, .bare = true}, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    const heed_batch *batch = heed_batches_at(b, 0);
    CU_ASSERT_EQUAL(batch->rows, 5);
    CU_ASSERT_EQUAL(batch->source_steps, 4);
    CU_ASSERT_EQUAL(batch->target_steps, 1);
    CU_ASSERT_EQUAL(batch->target_tokens, 5);
    CU_ASSERT_PTR_NULL(batch->target_in);
    for (size_t r = 0; r < 5; r++) CU_ASSERT_EQUAL(batch->target_out[r], classes[batch->example[r]]);
    heed_batches_free(b);
    heed_examples_free(x);
    heed_vocab_free(w);
    heed_vocab_free(v);
    heed_units_free(u);
    heed_text_free(source);
    heed_text_free(labels);
}

static void tags_follow_tokens(void)
{
    heed_error e = {0};
    heed_text *tags = text("tags", "B I O\nO\n\nO  B\n"), *source = text("source", "x y z\nx\n\nz y\n");
    heed_vocab *v = heed_labels_vocabulary(tags, HEED_LABEL_TOKENS, &e);
    heed_units *u = heed_units_create("words", &e);
    heed_vocab *w = words_of(source, u);
    heed_side side = {u, w, false};
    heed_examples *x = heed_examples_create(&e);
    heed_label_rules rules = {.kind = HEED_LABEL_TOKENS};
    CU_ASSERT_EQUAL_FATAL(heed_labels_add(x, source, tags, &side, v, &rules, &e), HEED_OK);
    heed_batches *b = heed_batches_create(x, &(heed_batches_options){.tokens = 100, .in_order = true, .bare = true}, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    const heed_batch *batch = heed_batches_at(b, 0);
    static const int32_t expected[] = {0, -1, -1, 0, 1, -1, 1, 2, 0}; /* O 3 times, B twice, I once; shortest first */
    CU_ASSERT_EQUAL(batch->target_steps, 3);
    CU_ASSERT(!memcmp(batch->target_out, expected, sizeof expected));
    CU_ASSERT_EQUAL(batch->target_tokens, 6);
    heed_batches_free(b);
    heed_examples_free(x);
    heed_vocab_free(w);
    heed_vocab_free(v);
    heed_units_free(u);
    heed_text_free(source);
    heed_text_free(tags);
}

/* The sentence that refuses these labels for this source, the classes being those of `known`. */
static void refuses(const char *source, const char *labels, const char *known, heed_label_kind kind, const char *sentence)
{
    heed_error e = {0};
    heed_text *s = text("s.txt", source), *l = text("l.txt", labels), *k = text("k.txt", known);
    heed_vocab *v = heed_labels_vocabulary(k, kind, &e);
    heed_units *u = heed_units_create("words", NULL);
    heed_vocab *w = words_of(s, u);
    heed_examples *x = heed_examples_create(NULL);
    heed_side side = {u, w, false};
    if (v) CU_ASSERT_NOT_EQUAL(heed_labels_add(x, s, l, &side, v, &(heed_label_rules){.kind = kind}, &e), HEED_OK);
    CU_ASSERT(check_says(e.message, sentence));
    heed_examples_free(x);
    heed_vocab_free(w);
    heed_vocab_free(v);
    heed_units_free(u);
    heed_text_free(s);
    heed_text_free(l);
    heed_text_free(k);
}

static void wrong_labels_are_refused(void)
{
    refuses("a\nb\n", "x\n", "x\ny\n", HEED_LABEL_LINES, "s.txt has 2 lines but l.txt has 1");
    refuses("a\nb\n", "x\nz\n", "x\ny\n", HEED_LABEL_LINES, "l.txt:2: the label 'z' is not among the 2 that the model knows");
    refuses("a\nb\n", "x\n \t\n", "x\ny\n", HEED_LABEL_LINES, "l.txt:2: an empty line where a label was expected");
    refuses("a\nb\n", "x\n<s>\n", "x\ny\n", HEED_LABEL_LINES, "l.txt:2: the label '<s>' is not among");
    refuses("a\nb\n", "x\ny\n", "x\n\ny\n", HEED_LABEL_LINES, "k.txt:2: an empty line");
    refuses("a\nb\n", "x\ny\n", "x\nx\n", HEED_LABEL_LINES, "k.txt: all labels are 'x': there is nothing to learn");
    refuses("a\nb\n", "x\ny\n", "\n\n", HEED_LABEL_TOKENS, "k.txt: has no label");
    refuses("a\nb c\n", "O\nO\n", "O B\n", HEED_LABEL_TOKENS, "l.txt:2: 1 tag for 2 tokens of s.txt");
    refuses("a\nb\n", "O\nB O\n", "O B\n", HEED_LABEL_TOKENS, "l.txt:2: 2 tags for 1 token of s.txt");
    refuses("a\nb\n", "O\n\n", "O B\n", HEED_LABEL_TOKENS, "l.txt:2: 0 tags for 1 token of s.txt");
    refuses("a\nb\n", "O\nZ\n", "O B\n", HEED_LABEL_TOKENS, "l.txt:2: the tag 'Z' is not among the 2");
}

static bool without_memory(void *unused)
{
    (void)unused;
    heed_text *s = text("s", "a b\nc\n"), *l = text("l", "x\ny\n");
    heed_units *u = heed_units_create("words", NULL);
    heed_vocab *v = l ? heed_labels_vocabulary(l, HEED_LABEL_LINES, NULL) : NULL, *w = NULL;
    heed_examples *x = heed_examples_create(NULL);
    heed_batches *b = NULL;
    heed_masking *m = NULL;
    heed_counts *c = heed_counts_create(NULL);
    if (c) w = heed_vocab_create(c, 1, 0, NULL);
    heed_counts_free(c);
    heed_side side = {u, w, false};
    bool ok = s && l && u && v && w && x && !heed_labels_add(x, s, l, &side, v, &(heed_label_rules){.begin = true}, NULL);
    if (ok) b = heed_batches_create(x, &(heed_batches_options){.tokens = 9, .bare = true}, NULL);
    if (b) m = heed_masking_create(b, 9, 0.15, NULL);
    ok = m != NULL;
    heed_masking_free(m);
    heed_batches_free(b);
    heed_examples_free(x);
    heed_vocab_free(w);
    heed_vocab_free(v);
    heed_units_free(u);
    heed_text_free(s);
    heed_text_free(l);
    return ok;
}

static void memory_is_refused(void) { CU_ASSERT(check_refusals(without_memory, NULL) > 10); }

/* --- masks -------------------------------------------------------------------------------------------------------------------- */

enum { LINES = 200, LENGTH = 20, UNITS = 104 };

static void masks_are_as_published(void)
{
    heed_error e = {0};
    heed_examples *x = heed_examples_create(&e);
    for (size_t i = 0; i < LINES; i++) {
        int32_t ids[LENGTH + 1] = {HEED_ID_BEGIN};
        for (int32_t t = 1; t <= LENGTH; t++) ids[t] = HEED_ID_FIRST + (int32_t)(i + (size_t)t) % (UNITS - HEED_ID_FIRST);
        heed_examples_add(x, i, ids, i == 0 ? 1 : i == 1 ? 2 : i == 2 ? 5 : LENGTH + 1, &e); /* 0, 1 and 4 tokens; else 20 */
    }
    heed_batches *b = heed_batches_create(x, &(heed_batches_options){.tokens = LINES * (LENGTH + 1), .in_order = true, .bare = true}, &e);
    heed_masking *m = b ? heed_masking_create(b, UNITS, 0.15, &e) : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    int64_t chosen = 0, masked = 0, kept = 0, at[LENGTH + 1] = {0}, of_units[UNITS] = {0};
    for (uint64_t stream = 0; stream < 50; stream++) {
        const heed_batch *plain = heed_batches_at(b, 0), *with = heed_masked_batch(m, plain, 7, stream);
        size_t S = plain->source_steps, T = with->target_steps, tokens = 0;
        CU_ASSERT_EQUAL(T, 3); /* 15 % of 20 */
        for (size_t r = 0; r < plain->rows; r++) {
            size_t n = (size_t)plain->source_length[r], changed = 0;
            CU_ASSERT_EQUAL(with->target_length[r], n == 1 ? 0 : n <= 5 ? 1 : 3);
            tokens += (size_t)with->target_length[r];
            for (size_t t = 0; t < T; t++) {
                size_t place = (size_t)with->target_in[r * T + t];
                int32_t id = with->target_out[r * T + t], now = with->source[place];
                CU_ASSERT(place >= r * S && place < r * S + n);
                CU_ASSERT((id == HEED_NO_CLASS) == (t >= (size_t)with->target_length[r]));
                if (id == HEED_NO_CLASS) continue;
                CU_ASSERT_EQUAL(id, plain->source[place]);
                CU_ASSERT(t == 0 || place > (size_t)with->target_in[r * T + t - 1]);
                chosen++, masked += now == HEED_ID_MASK, kept += now == id, changed += now != id;
                if (now != HEED_ID_MASK && now != id) of_units[now]++;
                if (n > 5) at[place - r * S]++;
            }
            for (size_t t = 0; t < S; t++) changed -= with->source[r * S + t] != plain->source[r * S + t];
            CU_ASSERT_EQUAL(changed, 0);
            CU_ASSERT_EQUAL(with->source[r * S], HEED_ID_BEGIN);
        }
        CU_ASSERT_EQUAL(with->target_tokens, tokens);
    }
    /* 29,600 were chosen: four standard deviations */
    CU_ASSERT(fabs((double)masked / (double)chosen - 0.8) < 4 * sqrt(0.8 * 0.2 / (double)chosen));
    CU_ASSERT(fabs((double)kept / (double)chosen - 0.101) < 4 * sqrt(0.1 * 0.9 / (double)chosen)); /* a random unit may be the same */
    CU_ASSERT_EQUAL(at[0], 0);
    double each = 50.0 * (LINES - 3) * 3 / LENGTH;
    for (int t = 1; t <= LENGTH; t++) CU_ASSERT(fabs((double)at[t] - each) < 4.5 * sqrt(each * 0.85));
    for (int id = 0; id < UNITS; id++) CU_ASSERT((of_units[id] > 0) == (id >= HEED_ID_FIRST));

    /* a function of seed and stream alone */
    heed_masking *other = heed_masking_create(b, UNITS, 0.15, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    const heed_batch *plain = heed_batches_at(b, 0), *one = heed_masked_batch(m, plain, 7, 3), *two = heed_masked_batch(other, plain, 7, 3);
    size_t bytes = one->rows * one->source_steps * sizeof(int32_t);
    CU_ASSERT(!memcmp(one->source, two->source, bytes));
    CU_ASSERT(memcmp(one->source, heed_masked_batch(other, plain, 7, 4)->source, bytes));
    CU_ASSERT(memcmp(one->source, heed_masked_batch(other, plain, 8, 3)->source, bytes));
    heed_masking_free(other);

    /* and the example's, not the batch's */
    heed_batches *small = heed_batches_create(x, &(heed_batches_options){.tokens = 2 * (LENGTH + 1), .in_order = true, .bare = true}, &e);
    other = heed_masking_create(small, UNITS, 0.15, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    for (uint64_t i = 0; i < heed_batches_count(small).batches; i++) {
        one = heed_masked_batch(other, heed_batches_at(small, i), 7, 3);
        two = heed_masked_batch(m, heed_batches_at(b, 0), 7, 3);
        for (size_t r = 0; r < one->rows; r++)
            for (size_t k = 0; k < two->rows; k++)
                if (one->example[r] == two->example[k])
                    CU_ASSERT(!memcmp(one->source + r * one->source_steps, two->source + k * two->source_steps,
                                      (size_t)one->source_length[r] * sizeof(int32_t)));
    }
    heed_masking_free(other);
    heed_batches_free(small);
    CU_ASSERT_PTR_NULL(heed_masking_create(b, UNITS, 0, &e));
    CU_ASSERT(check_says(e.message, "a share of 0"));
    heed_masking_free(m);
    heed_batches_free(b);
    heed_examples_free(x);
}

/* --- spans -------------------------------------------------------------------------------------------------------------------- */

static int64_t split(char *line, const char **tags)
{
    int64_t n = 0;
    for (char *t = strtok(line, " "); t; t = strtok(NULL, " ")) tags[n++] = t;
    return n;
}

/* Predicted and right spans of a sentence, and how many agree. */
static void spans(const char *predicted, const char *target, int64_t right, int64_t said, int64_t wanted)
{
    char a[200], b[200];
    const char *p[32], *t[32];
    strcpy(a, predicted);
    strcpy(b, target);
    int64_t n = split(a, p);
    CU_ASSERT_EQUAL_FATAL(split(b, t), n);
    heed_spans m = {0};
    heed_spans_add(&m, p, t, n);
    if (m.right != right || m.predicted != said || m.target != wanted)
        fprintf(stderr, "\n    %s | %s: %lld of %lld and %lld\n", predicted, target, (long long)m.right, (long long)m.predicted, (long long)m.target);
    CU_ASSERT(m.right == right && m.predicted == said && m.target == wanted);
}

static void spans_by_hand(void)
{
    spans("O O", "O O", 0, 0, 0);
    spans("B-X I-X O", "B-X I-X O", 1, 1, 1);
    spans("B-X I-X O", "B-X O O", 0, 1, 1);       /* too long */
    spans("B-X O O", "B-X I-X O", 0, 1, 1);       /* too short */
    spans("B-Y I-Y O", "B-X I-X O", 0, 1, 1);     /* another type */
    spans("O B-X I-X", "O B-X I-X", 1, 1, 1);     /* up to the end */
    spans("B-X B-X", "B-X B-X", 2, 2, 2);         /* side by side */
    spans("B-X I-X", "B-X B-X", 0, 1, 2);
    spans("B-X B-X", "B-X I-X", 0, 2, 1);
    spans("I-X I-X O", "B-X I-X O", 1, 1, 1);     /* I- without B-: as IOB1 has it */
    spans("O I-X I-X", "O I-X I-X", 1, 1, 1);
    spans("I-X I-X B-X", "B-X I-X B-X", 2, 2, 2); /* IOB1 against IOB2 */
    spans("B-X I-Y", "B-X I-Y", 2, 2, 2);         /* a change of type begins a span */
    spans("B-X I-Y I-Y", "B-X B-Y I-Y", 2, 2, 2);
    spans("B-X I-Y", "B-X I-X", 0, 2, 1);
    spans("I-X I-Y I-X", "I-X I-X I-X", 0, 3, 1);
    spans("B-X I-X I-X", "B-X I-X B-X", 0, 1, 2);
    spans("B-X I-X O B-Y", "B-X I-X B-Y B-Y", 2, 2, 3);
    spans("B I O B", "B I O I", 2, 2, 2);         /* without types */
    spans("NN B-X", "VB B-X", 1, 1, 1);           /* anything else is outside */
    spans("B-X O", "O B-X", 0, 1, 1);
    spans("", "", 0, 0, 0);
}

/* The sums of several sentences; the numbers are those that conlleval prints for them. */
static void spans_of_a_corpus(void)
{
    heed_spans m = {0};
    CU_ASSERT(heed_spans_precision(&m) == 0 && heed_spans_recall(&m) == 0 && heed_spans_f1(&m) == 0);
    heed_spans_add(&m, (const char *const[]){"B-NP", "I-NP", "B-VP", "O"}, (const char *const[]){"B-NP", "I-NP", "B-VP", "B-NP"}, 4);
    heed_spans_add(&m, (const char *const[]){"B-NP", "B-NP", "O"}, (const char *const[]){"B-NP", "I-NP", "O"}, 3);
    CU_ASSERT_EQUAL(m.right, 2);
    CU_ASSERT_DOUBLE_EQUAL(heed_spans_precision(&m), 2.0 / 4, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(heed_spans_recall(&m), 2.0 / 4, 1e-15);
    heed_spans_add(&m, (const char *const[]){"O"}, (const char *const[]){"B-NP"}, 1);
    CU_ASSERT_DOUBLE_EQUAL(heed_spans_f1(&m), 4.0 / 9, 1e-15);
    CU_ASSERT(heed_spans_have((const char *const[]){"O", "B-NP", "I-NP"}, 3));
    CU_ASSERT(heed_spans_have((const char *const[]){"I-NP", "O"}, 2));
    CU_ASSERT(heed_spans_have((const char *const[]){"B", "I"}, 2));
    CU_ASSERT(!heed_spans_have((const char *const[]){"O", "NN"}, 2));
    CU_ASSERT(!heed_spans_have((const char *const[]){"O", "Bx", "IN"}, 3));
    CU_ASSERT(!heed_spans_have((const char *const[]){"O"}, 1));
}

CHECK_MAIN("labels", {"labels of lines are classes, the most frequent first", labels_are_classes},
           {"tags are classes of tokens", tags_follow_tokens}, {"wrong labels and tags are refused", wrong_labels_are_refused},
           {"without memory nothing is left behind", memory_is_refused},
           {"masks: 15 %, of these 80, 10 and 10 %, drawn by seed and stream", masks_are_as_published},
           {"spans by hand: I- without B-, changes of type, both IOB", spans_by_hand},
           {"precision, recall and F1 of a corpus", spans_of_a_corpus})
