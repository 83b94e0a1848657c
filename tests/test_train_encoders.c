/* Encoder-only models through the command: labels, tags, masked texts, --from; the same bytes however a run is stopped and on any threads. */
#include "command.h"

#include <stdbool.h>
#include <stdint.h>

/* 300 lines of 3 to 8 words. A line's label is its first word's letter; its tags are spans: a word of n has n - 1 words after it inside. */
static void begin(void)
{
    command_begin();
    command_write("tiny.conf", "d = 16\nheads = 2\nff = 32\nenc_layers = 1\nbatch_tokens = 128\nwarmup = 10\nsave_every = 5\nvalid_every = 7\n");
    command_write("lstm.conf", "emb = 12\nhidden = 10\nbatch_tokens = 128\nwarmup = 10\nsave_every = 5\nvalid_every = 7\n");
    static const char *const word[] = {"ape", "bee", "two", "cat", "three", "dog", "elk"};
    FILE *src = fopen("src.txt", "w"), *labels = fopen("labels.txt", "w"), *tags = fopen("tags.txt", "w");
    CU_ASSERT_FATAL(src && labels && tags);
    uint32_t random = 1;
    for (int i = 0; i < 300; i++) {
        int inside = 0, length = 3 + i % 6;
        for (int t = 0; t < length; t++) {
            random = random * 1664525 + 1013904223;
            const char *w = word[(random >> 16) % 7], *end = t < length - 1 ? " " : "\n";
            if (t == 0) fprintf(labels, "animal %c\n", w[0]);
            int span = !strcmp(w, "two") ? 2 : !strcmp(w, "three") ? 3 : 0;
            fprintf(src, "%s%s", w, end);
            fprintf(tags, "%s%s", span ? "B-N" : inside > 0 ? "I-N" : "O", end);
            inside = span ? span - 1 : inside - 1;
        }
    }
    CU_ASSERT(!fclose(src) && !fclose(labels) && !fclose(tags));
}

static bool says(const char *file, const char *part)
{
    size_t n = 0;
    unsigned char *text = scratch_load(scratch(file), &n);
    bool has = false;
    if (text) {
        text[n] = 0;
        has = strstr((char *)text, part) != NULL;
        if (!has) fprintf(stderr, "\n    \"%s\" is not in \"%.400s\"\n", part, (char *)text);
    }
    free(text);
    return has;
}

/* --- the same bytes ---------------------------------------------------------------------------------------------------------- */

#define LSTM "--config lstm.conf --model lstm "
static const struct { const char *files, *first; } variants[] = {
    {"--src src.txt --labels labels.txt", ""},
    {"--src src.txt --labels labels.txt", "--set pooling=first --set norm=pre --set positions=learned --set average=2"},
    {"--src src.txt --tags tags.txt", "--set shards=3"},
    {"--text src.txt", "--set objective=mlm"},
    {"--text src.txt", "--set objective=mlm --src-units chars --set pooling=first --set max_length=10 --set mask_share=0.3"},
    {"--src src.txt --labels labels.txt", "--from guesser.h5"},
    {"--src src.txt --labels labels.txt", LSTM "--set pooling=first --set layers=2 --set dropout=0.3 --set emb_dropout=0.2 --set out_dropout=0.2"},
    {"--src src.txt --tags tags.txt", LSTM "--model gru --set bidirectional=no"},
    {"--text src.txt", LSTM "--set objective=mlm"},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void make_guesser(void)
{
    CU_ASSERT_EQUAL_FATAL(command("train guesser --text src.txt --set objective=mlm --config tiny.conf --steps 10"), 0);
    CU_ASSERT(system("cp guesser/last.h5 guesser.h5") == 0);
}

static void stop_and_go_on(void)
{
    make_guesser();
    for (int v = 0; v < VARIANTS; v++) {
        const char *files = variants[v].files, *first = variants[v].first;
        char whole[32], parts[32];
        snprintf(whole, sizeof whole, "whole%d", v);
        snprintf(parts, sizeof parts, "parts%d", v);
        CU_ASSERT_EQUAL(command("train %s %s --config tiny.conf %s --threads 1 --steps 23", whole, files, first), 0);
        CU_ASSERT_EQUAL(command("train %s %s --config tiny.conf %s --threads 1 --steps 9", parts, files, first), 0);
        CU_ASSERT_EQUAL(command("train %s %s --threads 1 --steps 16", parts, files), 0);
        CU_ASSERT_EQUAL(command("train %s %s --config tiny.conf %s --threads 1 --steps 23", parts, files, first), 0);
        CU_ASSERT(same_file(whole, parts, "last.h5") && same_file(whole, parts, "best.h5"));
    }
}

static void any_threads(void)
{
    static const int threads[] = {1, 2, 4};
    make_guesser();
    for (int v = 0; v < VARIANTS; v++)
        for (int i = 0; i < 3; i++) {
            char first[48], now[48];
            snprintf(first, sizeof first, "t%d-1", v);
            snprintf(now, sizeof now, "t%d-%d", v, threads[i]);
            CU_ASSERT_EQUAL(command("train %s %s --config tiny.conf %s --threads %d --steps 4 --set batch_tokens=1024 --set valid_every=2",
                                    now, variants[v].files, variants[v].first, threads[i]), 0);
            CU_ASSERT(same_file(first, now, "last.h5") && same_file(first, now, "best.h5"));
        }
}

/* --- --from ------------------------------------------------------------------------------------------------------------------ */

static void from_another_run(void)
{
    make_guesser();
    CU_ASSERT_EQUAL(command("train tuned --src src.txt --tags tags.txt --from guesser.h5 --steps 1 --set lr=1e-9"), 0);
    CU_ASSERT(says("err.txt", "the encoder of guesser.h5: masked language model after 10 steps"));
    CU_ASSERT_EQUAL(command("train more --text src.txt --set objective=mlm --from guesser.h5 --steps 1 --set lr=1e-9"), 0);
    CU_ASSERT_EQUAL(command("inspect tuned/last.h5"), 0);
    CU_ASSERT(says("out.txt", "tagger of tokens, after 1 steps") && says("out.txt", "3 tags: O, B-N, I-N") && says("out.txt", "\nd = 16\n"));

    static const struct { const char *words, *says; } list[] = {
        {"--src src.txt --tags tags.txt --set d=32", "--from guesser.h5: its encoder has d=16, which cannot become 32; leave d out"},
        {"--src src.txt --tags tags.txt --set norm=pre", "its encoder has norm=post, which cannot become pre"},
        {"--src src.txt --tags tags.txt --src-units chars", "begun with other units (words) than --src-units chars"},
        {"--src src.txt --tags tags.txt --model lstm", "its encoder has model=transformer, which cannot become lstm"},
        {"--src src.txt --tgt src.txt", "--from goes with --labels, --tags and objective=mlm"},
        {"--text src.txt", "--from goes with --labels, --tags and objective=mlm"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        CU_ASSERT(command_ends(command("train f%zu %s --from guesser.h5 --steps 1", i, list[i].words), 1, list[i].says));
    CU_ASSERT_EQUAL(command("train pairs --src src.txt --tgt labels.txt --config tiny.conf --set dec_layers=1 --steps 1"), 0);
    CU_ASSERT(command_ends(command("train x --src src.txt --tags tags.txt --from pairs/last.h5 --steps 1"), 1,
                           "not a masked language model, a classifier or a tagger, but"));
    CU_ASSERT(command_ends(command("train x --src src.txt --tags tags.txt --from none.h5 --steps 1"), 1, "none.h5"));
}

/* --- bad input --------------------------------------------------------------------------------------------------------------- */

static void bad_input(void)
{
    CU_ASSERT(system("head -299 labels.txt > short.txt; sed '7s/.*//' labels.txt > empty.txt; sed '9s/.*/plant/' labels.txt > plant.txt") == 0);
    CU_ASSERT(system("sed 's/.*/same/' labels.txt > one.txt; sed '5s/ .*//' tags.txt > few.txt; sed '6s/$/ O/' tags.txt > many.txt") == 0);
    CU_ASSERT(system("sed '8s/O/B-M/;8s/[BI]-N/B-M/' tags.txt > type.txt; tac src.txt > tac.txt; printf '\\n\\n' > blank.txt") == 0);
    static const struct { int status; const char *words, *says; } list[] = {
        {1, "--src src.txt --labels short.txt", "src.txt has 300 lines but short.txt has 299"},
        {1, "--src src.txt --labels empty.txt", "empty.txt:7: an empty line where a label was expected"},
        {1, "--src src.txt --labels one.txt", "one.txt: all labels are 'same': there is nothing to learn"},
        {1, "--src src.txt --labels labels.txt --valid-src src.txt --valid-labels plant.txt", "plant.txt:9: the label 'plant' is not among the 6"},
        {1, "--src src.txt --labels labels.txt --valid-src src.txt --valid-labels empty.txt", "empty.txt:7: an empty line"},
        {1, "--src src.txt --labels labels.txt --valid-src src.txt --valid-labels short.txt", "src.txt has 300 lines but short.txt has 299"},
        {1, "--src src.txt --tags few.txt", "few.txt:5: 1 tag for 7 tokens of src.txt"},
        {1, "--src src.txt --tags many.txt", "many.txt:6: 9 tags for 8 tokens of src.txt"},
        {1, "--src src.txt --tags short.txt", "src.txt has 300 lines but short.txt has 299"},
        {1, "--src blank.txt --tags blank.txt", "blank.txt: has no label"},
        {1, "--src src.txt --tags tags.txt --valid-src src.txt --valid-tags type.txt", "type.txt:8: the tag 'B-M' is not among the 3"},
        {1, "--src src.txt --tags tags.txt --src-units chars", "tags.txt:1: 3 tags for 11 tokens of src.txt"},
        {1, "--src src.txt --labels labels.txt --model gru --set bidirectional=no --set pooling=first", "pooling=first needs bidirectional=yes"},
        {1, "--src src.txt --tags tags.txt --set objective=mlm", "objective=mlm goes with --text, not with --src and --tags"},
        {1, "--src src.txt --tags tags.txt --set dec_layers=2", "dec_layers=2 does not concern the tagger"},
        {1, "--text src.txt --set objective=mlm --set shards=2", "shards=2 does not concern the masked language model"},
        {2, "--src src.txt --labels labels.txt --tags tags.txt", "give one of --tgt, --labels and --tags"},
        {2, "--labels labels.txt", "--src and --labels belong together"},
        {2, "--src src.txt --labels labels.txt --valid-src src.txt --valid-tags tags.txt", "of the same sort as the training files"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        CU_ASSERT(command_ends(command("train bad%zu %s --set batch_tokens=128 --steps 1", i, list[i].words), list[i].status, list[i].says));
        char file[48];
        snprintf(file, sizeof file, "bad%zu/last.h5", i);
        CU_ASSERT(access(file, F_OK) != 0);
    }
    CU_ASSERT_EQUAL(command("train run --src src.txt --labels labels.txt --config tiny.conf --steps 3"), 0);
    CU_ASSERT(system("cp run/last.h5 three.h5") == 0);
    static const struct { const char *words, *says; } later[] = {
        {"--src src.txt --labels plant.txt", "plant.txt:9: the label 'plant' is not among the 6"},
        {"--src src.txt --labels labels.txt --set pooling=first", "run was begun with pooling=mean, which cannot become first"},
        {"--src src.txt --tags tags.txt", "run was begun with --src and --labels; start another run for other data"},
        {"--text src.txt", "run was begun with --src and --labels"},
        {"--src tac.txt --labels labels.txt", "run was begun with other data; give the same files"},
    };
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        CU_ASSERT(command_ends(command("train run %s --steps 5", later[i].words), 1, later[i].says));
    CU_ASSERT(scratch_same("run/last.h5", "three.h5"));
}

/* --- eval, decode, attend ---------------------------------------------------------------------------------------------------- */

/* What the shell makes of a line, with the command as $H. */
static bool shell(const char *line)
{
    char all[2048];
    snprintf(all, sizeof all, "H='%s'; %s", HEED_COMMAND, line);
    return system(all) == 0;
}

/* Runs that have learned their task: the right labels and tags come out, and the numbers agree with what is printed. */
static void what_they_say(void)
{
    CU_ASSERT_EQUAL(command("train lines --src src.txt --labels labels.txt --config tiny.conf --set pooling=first --set lr=0.01 --set hold_out=0 "
                            "--set dropout=0 --set batch_tokens=512 --steps 150"), 0);
    CU_ASSERT_EQUAL(command("train tokens --src src.txt --tags tags.txt " LSTM "--set lr=0.02 --set batch_tokens=512 --steps 120"), 0);
    CU_ASSERT(shell("\"$H\" decode lines/last.h5 < src.txt > said.txt && cmp said.txt labels.txt"));
    CU_ASSERT(shell("\"$H\" decode tokens/last.h5 --batch 7 < src.txt > said.txt && cmp said.txt tags.txt"));
    CU_ASSERT_EQUAL(command("eval lines/last.h5 --src src.txt --labels labels.txt --json --confusion c.svg"), 0);
    CU_ASSERT(says("out.txt", "\"accuracy\": 1}") && says("c.svg", "animal t"));
    CU_ASSERT_EQUAL(command("eval tokens/last.h5 --src src.txt --tags tags.txt --json"), 0);
    CU_ASSERT(says("out.txt", "\"accuracy\": 1, \"sequence_accuracy\": 1, \"precision\": 1, \"recall\": 1, \"f1\": 1}"));
    /* one right span too many: 1 of 2 lines; precision 1, recall 1 / 2 */
    CU_ASSERT(shell("printf 'two ape cat\\nape dog\\n' > s2.txt; printf 'B-N I-N O\\nO I-N\\n' > t2.txt"));
    CU_ASSERT_EQUAL(command("eval tokens/last.h5 --src s2.txt --tags t2.txt --json"), 0);
    CU_ASSERT(says("out.txt", "\"accuracy\": 0.8, \"sequence_accuracy\": 0.5, \"precision\": 1, \"recall\": 0.5, \"f1\": 0.666666667}"));
    CU_ASSERT_EQUAL(command("eval tokens/last.h5 --src s2.txt --tags t2.txt"), 0);
    CU_ASSERT(says("out.txt", "2 right, 1 predicted, 1 found"));
    CU_ASSERT_EQUAL(command("eval tokens/last.h5 --src src.txt --tags tags.txt --held-out"), 0);
    CU_ASSERT(says("out.txt", "of tags") && !shell("grep -q 'tags  *1650' out.txt")); /* there are 300 (3 + ... + 8) / 6 in all */
    /* empty lines stay; an unknown word is told of */
    CU_ASSERT(shell("printf 'ape cat\\n\\nbee\\n' | \"$H\" decode lines/last.h5 > out.txt; printf 'animal a\\n\\nanimal b\\n' | cmp - out.txt"));
    CU_ASSERT(shell("printf 'ape cat\\n\\nbee\\n' | \"$H\" decode tokens/last.h5 > out.txt; printf 'O O\\n\\nO\\n' | cmp - out.txt"));
    CU_ASSERT(shell("printf '\\nelk ape\\n' | \"$H\" decode lines/last.h5 --nbest 9 > out.txt; test $(wc -l < out.txt) = 6"));
    CU_ASSERT(says("out.txt", "2\t0.9") && says("out.txt", "\tanimal e\n2\t0.0"));
    CU_ASSERT(shell("printf 'zebra\\n' | \"$H\" decode tokens/last.h5 2>&1 >out.txt | grep -q 'line 1 has symbols that the vocabulary lacks'"));
    CU_ASSERT_EQUAL(command("attend lines/last.h5 'elk two ape' -o a.svg"), 0);
    CU_ASSERT(says("out.txt", "animal e\na.svg") && says("a-enc.0.self.svg", "elk"));
    CU_ASSERT(command_ends(command("attend tokens/last.h5 'elk two' -o a.svg"), 1, "tokens/last.h5: this model has no attention"));
    CU_ASSERT_EQUAL(command("inspect tokens/last.h5"), 0);
    CU_ASSERT(says("out.txt", "tagger of tokens, after 120 steps") && says("out.txt", "enc.0.backward.w_hh"));
    CU_ASSERT_EQUAL(command("explain --labels 5 --vocab 100 --model lstm --set emb=8 --set hidden=8"), 0);
    CU_ASSERT(says("out.txt", "head.weight") && says("out.txt", "32 source and 1 labels each"));
    CU_ASSERT_EQUAL(command("explain --text --set objective=mlm --vocab 100"), 0);
    CU_ASSERT(says("out.txt", "mlm.norm.gamma") && says("out.txt", "32 source and 5 masked symbols each"));
}

/* "N one N two ... N": the number that is masked can be told from the others. */
static void masks_are_filled(void)
{
    CU_ASSERT(shell("for i in 1 2 3 4 5 6 7 8 9; do for w in ape bee cat dog; do for k in 1 2 3 4; do echo $w$i and $w$i or $w$i; "
                    "done; done; done > same.txt"));
    CU_ASSERT_EQUAL(command("train same --text same.txt --set objective=mlm --set mask_share=0.4 --config tiny.conf --set lr=0.01 "
                            "--set norm=pre --set hold_out=0 --set enc_layers=2 "
                            "--set dropout=0 --set batch_tokens=512 --steps 300"), 0);
    CU_ASSERT(shell("printf 'bee3 and <mask> or bee3\\n\\ncat7 <mask> cat7 or <mask>\\nape1 or\\n' > in.txt; "
                    "\"$H\" decode same/last.h5 < in.txt > out.txt"));
    CU_ASSERT(says("out.txt", "bee3 and bee3 or bee3\n\ncat7 and cat7 or cat7\nape1 or\n"));
    CU_ASSERT(shell("\"$H\" decode same/last.h5 --nbest 2 < in.txt > out.txt; test $(wc -l < out.txt) = 6"));
    CU_ASSERT(says("out.txt", "\tbee3\n1\t0.") && says("out.txt", "\tcat7\n3\t0."));
    CU_ASSERT_EQUAL(command("eval same/last.h5 --text same.txt --json"), 0);
    CU_ASSERT(says("out.txt", "\"accuracy\": 0.9") || says("out.txt", "\"accuracy\": 1"));
    CU_ASSERT(shell("cp out.txt first.txt; \"$H\" eval same/last.h5 --text same.txt --json --threads 2 | cmp - first.txt"));
    CU_ASSERT_EQUAL(command("attend same/last.h5 'bee3 and <mask> or bee3' -o m.html"), 0);
    CU_ASSERT(says("out.txt", "bee3 and bee3 or bee3\nm.html") && says("m.html", "&lt;mask&gt;"));
}

static void wrong_use(void)
{
    static const struct { int status; const char *words, *says; } list[] = {
        {1, "eval lines/last.h5 --src src.txt --tags tags.txt", "this model labels lines: give --src and --labels"},
        {1, "eval lines/last.h5 --text src.txt", "this model labels lines: give --src and --labels"},
        {1, "eval tokens/last.h5 --src src.txt --labels labels.txt", "this model tags tokens: give --src and --tags"},
        {1, "eval same/last.h5 --src src.txt --tgt src.txt", "this is a masked language model: give --text"},
        {1, "eval same/last.h5 --text same.txt --confusion c.svg", "--confusion is for labels and tags"},
        {1, "eval lines/last.h5 --src src.txt --labels plant.txt", "plant.txt:9: the label 'plant' is not among the 6"},
        {1, "eval lines/last.h5 --src src.txt --labels short.txt", "src.txt has 300 lines but short.txt has 299"},
        {1, "eval tokens/last.h5 --src src.txt --tags few.txt", "few.txt:5: 1 tag for 7 tokens of src.txt"},
        {1, "eval tokens/last.h5 --src src.txt --tags type.txt", "type.txt:8: the tag 'B-M' is not among the 3"},
        {1, "eval lines/last.h5 --src src.txt --labels labels.txt --held-out", "nothing was kept back"},
        {2, "decode lines/last.h5 --beam 3", "this is a classifier: it does not search"},
        {2, "decode tokens/last.h5 --sample", "this is a tagger: it does not draw"},
        {2, "decode tokens/last.h5 --nbest 3", "a tagger gives every token its likeliest tag"},
        {2, "attend lines/last.h5 ape --target bee -o a.svg", "--target: a classifier has none"},
        {2, "explain --labels 3 --tags 4", "exclude each other"},
        {2, "explain --labels 3 --set objective=mlm", "objective=mlm goes with --text"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        CU_ASSERT(command_ends(command("%s", list[i].words), list[i].status, list[i].says));
    CU_ASSERT(shell("printf 'plain\\n' > bad.h5; ! \"$H\" decode bad.h5 < src.txt 2> err.txt") && says("err.txt", "bad.h5"));
}

CHECK_MAIN("heed train: encoders", {"a folder with data", begin}, {"a run that was stopped ends as one that was not", stop_and_go_on},
           {"any number of threads gives the same files", any_threads},
           {"a run may begin with the encoder of another", from_another_run},
           {"bad input is one sentence, and nothing is lost", bad_input},
           {"labels and tags are decoded, counted and drawn", what_they_say}, {"masks are filled in", masks_are_filled},
           {"what does not fit a model is refused", wrong_use})
