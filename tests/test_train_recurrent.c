/* Recurrent models through the command: stopped and continued, in any number of threads, evaluated, decoded, looked at, refused. */
#include "command.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define TINY "--config tiny.conf --threads 1 "

/* Every family, and what of its settings makes another graph. */
static const struct family { const char *name, *data, *more; bool attends; } families[] = {
    {"cgru", "--dict pairs.tsv", "--model gru --set cond=yes --set initial=mean --set emb_dropout=0.3 --set memory_dropout=0.5 "
                                 "--set out_dropout=0.5 --set tie=output", true},
    {"lstm", "--dict pairs.tsv", "--model lstm --set layers=2", true},
    {"luong", "--dict pairs.tsv", "--model lstm --set bidirectional=no --set attention=general --set feed=output", true},
    {"rnn", "--dict pairs.tsv", "--model rnn --set attention=scaled_dot --set feed=none --set deep=no --set tie=no", true},
    {"cosine", "--src src.txt --tgt tgt.txt", "--model gru --set attention=cosine --set enc_hidden=6", true},
    {"dot", "--dict pairs.tsv", "--model gru --set attention=dot --set enc_hidden=6 --set accumulate=2", true},
    {"location", "--dict pairs.tsv", "--model gru --set attention=location --set max_len=2 --set initial=zero", true},
    {"cho", "--dict pairs.tsv", "--model gru --set attention=none", false},
    {"sutskever", "--dict pairs.tsv", "--model lstm --set attention=none --set feed=none --set bidirectional=no --set layers=2", false},
    {"lstm-lm", "--text text.txt", "--model lstm --set layers=2 --set emb_dropout=0.2 --set out_dropout=0.2 --set rows=3 --set window=7", false},
    {"gru-lm", "--text text.txt", "--model gru --set tie=no --set accumulate=3 --set rows=4 --set window=9", false},
    {"lstm-lm-shards", "--text text.txt", "--model lstm --set shards=3 --set rows=5 --set window=9", false},
    {"rnn-lm", "--text text.txt", "--model rnn --set nonlinearity=relu --set rows=2 --set window=500", false},
};
enum { FAMILIES = sizeof families / sizeof *families };

static void begin(void)
{
    command_begin();
    command_write("tiny.conf", "hidden = 12\nemb = 8\nbatch_tokens = 256\nwarmup = 5\nsave_every = 4\nvalid_every = 5\n");
    static const char *const digit[] = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
    FILE *out = fopen("pairs.tsv", "w"), *src = fopen("src.txt", "w"), *tgt = fopen("tgt.txt", "w"), *text = fopen("text.txt", "w");
    CU_ASSERT_FATAL(out && src && tgt && text);
    for (int i = 0; i < 200; i++) {
        int length = 1 + i % 4;
        for (int k = 0, n = 37 * i + 5; k < length; k++, n = n / 7 + 11 * k) {
            fprintf(out, "%d", n % 10);
            fprintf(src, "%d", n % 10);
        }
        fprintf(out, "\t");
        for (int k = 0, n = 37 * i + 5; k < length; k++, n = n / 7 + 11 * k) {
            fprintf(out, "%s%s", k ? " " : "", digit[n % 10]);
            fprintf(tgt, "%s%s", k ? " " : "", digit[n % 10]);
        }
        fprintf(out, "\n");
        fprintf(src, "\n");
        fprintf(tgt, "\n");
        fprintf(text, "%s and %s\n", digit[i % 10], digit[i * 7 % 10]);
    }
    CU_ASSERT(!fclose(out) && !fclose(src) && !fclose(tgt) && !fclose(text));
}

static const char *printed(void)
{
    static char text[65536];
    size_t n = 0;
    unsigned char *out = scratch_load(scratch("out.txt"), &n);
    if (n >= sizeof text) n = sizeof text - 1;
    if (out) memcpy(text, out, n);
    text[n] = 0;
    free(out);
    return text;
}

static void stop_and_go_on(void)
{
    begin();
    for (int i = 0; i < FAMILIES; i++) {
        const struct family *f = &families[i];
        char whole[32], parts[32];
        snprintf(whole, sizeof whole, "%s", f->name);
        snprintf(parts, sizeof parts, "%s-parts", f->name);
        CU_ASSERT_EQUAL(command("train %s %s " TINY "%s --steps 13", whole, f->data, f->more), 0);
        CU_ASSERT_EQUAL(command("train %s %s " TINY "%s --steps 6", parts, f->data, f->more), 0);
        CU_ASSERT_EQUAL(command("train %s %s --steps 9 --threads 2", parts, f->data), 0);
        CU_ASSERT_EQUAL(command("train %s %s --steps 13 --threads 1", parts, f->data), 0);
        CU_ASSERT(same_file(whole, parts, "last.h5"));
    }
}

/* The widths make plans that several threads share. */
static void any_threads(void)
{
    static const int threads[] = {1, 2, 4};
    for (int i = 0; i < FAMILIES; i++)
        for (int k = 0; k < 3; k++) {
            const struct family *f = &families[i];
            char one[32], other[32];
            snprintf(one, sizeof one, "%s-t1", f->name);
            snprintf(other, sizeof other, "%s-t%d", f->name, threads[k]);
            CU_ASSERT_EQUAL(command("train %s %s --config tiny.conf %s --set hidden=40 --threads %d --steps 3", other, f->data, f->more, threads[k]), 0);
            CU_ASSERT(same_file(one, other, "last.h5"));
        }
}

static double value_of(const char *key)
{
    const char *at = strstr(printed(), key);
    return at ? strtod(at + strlen(key), NULL) : NAN;
}

static void used(void)
{
    for (int i = 0; i < FAMILIES; i++) {
        const struct family *f = &families[i];
        bool text = strstr(f->data, "--text"), pairs = strstr(f->data, "--src");
        CU_ASSERT_EQUAL(command("eval %s/last.h5 %s --json --threads 1", f->name, f->data), 0);
        CU_ASSERT(value_of("\"loss\": ") > 0 && value_of("\"loss\": ") < 4);
        CU_ASSERT_EQUAL(isnan(value_of("\"wer\": ")), text);
        CU_ASSERT_EQUAL(isnan(value_of("\"bleu\": ")), !pairs);
        command_write("in.txt", text ? "one a\n" : "12\n\n7\n");
        CU_ASSERT_EQUAL(command("decode %s/last.h5 --beam 3 --nbest 3 --max-len 9 < in.txt", f->name), 0);
        CU_ASSERT(strchr(printed(), '\t') != NULL);
        CU_ASSERT_EQUAL(command("decode %s/last.h5 --sample --seed 4 --max-len 9 < in.txt", f->name), 0);
        if (text) CU_ASSERT(!strncmp(printed(), "one a", 5));
        CU_ASSERT_EQUAL(command("inspect %s/last.h5", f->name), 0);
        if (f->attends) {
            CU_ASSERT_EQUAL(command("attend %s/last.h5 123 -o picture.html", f->name), 0);
            CU_ASSERT(access("picture.html", R_OK) == 0);
            unlink("picture.html");
        } else CU_ASSERT(command_ends(command("attend %s/last.h5 one -o picture.html", f->name), 1, "has no attention"));
    }
}

static void learns(void)
{
    CU_ASSERT_EQUAL(command("train ten --src src.txt --tgt tgt.txt --config tiny.conf --model gru --set batch_rows=10 --set batch_tokens=9999 "
                            "--set hold_out=0 --steps 1"), 0);
    CU_ASSERT(strstr(printed(), "200 examples in 20 batches") != NULL);
    CU_ASSERT_EQUAL(command("train learns --dict pairs.tsv --model gru --set cond=yes --set hidden=32 --set emb=16 --set lr=0.02 "
                            "--set warmup=10 --set hold_out=0 --set batch_tokens=400 --steps 120"), 0);
    CU_ASSERT_EQUAL(command("eval learns/last.h5 --dict pairs.tsv --json"), 0);
    CU_ASSERT(value_of("\"sequence_accuracy\": ") > 0.95);
    CU_ASSERT_EQUAL(command("train speaks --text text.txt --model lstm --set hidden=32 --set emb=16 --set lr=0.02 --set warmup=10 "
                            "--set rows=4 --set window=20 --set label_smoothing=0 --steps 120"), 0);
    CU_ASSERT_EQUAL(command("eval speaks/last.h5 --text text.txt --json"), 0);
    CU_ASSERT(value_of("\"token_accuracy\": ") > 0.7);
}

static void refusals(void)
{
    static const struct { const char *words, *says; } list[] = {
        {"--model gru --set heads=8", "heads=8 does not concern model=gru: it is a setting of the transformer"},
        {"--set hidden=64", "hidden=64 does not concern model=transformer: it is a setting of recurrent models"},
        {"--model elman", "model = \"elman\""},
        {"--model gru --set cond=yes --set layers=2", "cond=yes needs layers=1 and attention"},
        {"--model gru --set cond=yes --set attention=none", "cond=yes needs layers=1 and attention"},
        {"--model gru --set attention=none --set feed=output", "attention=none has feed=context or feed=none"},
        {"--model gru --set attention=none --set feed=none --set initial=zero", "nothing of the source would reach the decoder"},
        {"--model gru --set deep=no", "set tie=no"},
        {"--model gru --set attention=bahdanau", "bahdanau"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        int status = command("train bad --dict pairs.tsv --threads 1 --steps 2 %s", list[i].words);
        CU_ASSERT(status == 1 || status == 2);
        CU_ASSERT(command_ends(status, status, list[i].says));
    }
    CU_ASSERT(command_ends(command("train bad --text text.txt --model lstm --set attention=dot --steps 2"), 1,
                           "attention=dot does not concern the language model"));
    CU_ASSERT(command_ends(command("train bad --text text.txt --model lstm --set rows=100000 --steps 2"), 1, "too short"));
    CU_ASSERT(command_ends(command("train gru-lm --text text.txt --model lstm --steps 20"), 1, "begun with model=gru, which cannot become lstm"));
    CU_ASSERT(access("bad/last.h5", F_OK) != 0);
    CU_ASSERT_EQUAL(command("explain --model gru --set cond=yes --vocab 50 --rows 2 --src-len 3 --tgt-len 4"), 0);
    CU_ASSERT(strstr(printed(), "second.w_ih") != NULL);
    CU_ASSERT_EQUAL(command("explain --model lstm --set heads=2"), 2);
}

CHECK_MAIN("recurrent models, trained and used", {"stopping is not noticed", stop_and_go_on}, {"nor are threads", any_threads},
           {"evaluated, decoded and looked at", used}, {"they learn", learns}, {"what is refused", refusals})
