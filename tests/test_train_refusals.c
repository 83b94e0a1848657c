/* heed train: whatever is wrong is told in one sentence, with a status, and nothing that was saved is lost. */
#include "command.h"
#include "io/checkpoint.h"
#include "io/folder.h"

#include <stdbool.h>

static void begin(void)
{
    command_begin();
    command_write("tiny.conf",
                  "d = 16\nheads = 2\nff = 32\nenc_layers = 1\ndec_layers = 1\nbatch_tokens = 256\n"
                  "save_every = 5\nvalid_every = 5\n");
    char line[64];
    FILE *out = fopen("pairs.tsv", "w"), *other = fopen("other.tsv", "w");
    CU_ASSERT_FATAL(out && other);
    for (int i = 0; i < 200; i++) {
        snprintf(line, sizeof line, "%d\t%c %c %c\n", 100 + i, 'a' + i % 26, 'a' + i / 9, 'a' + i % 5);
        fputs(line, out);
        fputs(i == 77 ? "177\ta b c d\n" : line, other);
    }
    CU_ASSERT(!fclose(out) && !fclose(other));
    CU_ASSERT_EQUAL(command("train run --dict pairs.tsv --config tiny.conf --threads 1 --steps 10"), 0);
    CU_ASSERT_EQUAL(command("train whole --dict pairs.tsv --config tiny.conf --threads 1 --steps 20"), 0);
    CU_ASSERT(system("cp run/last.h5 ten.h5") == 0);
}

/* --- usage ------------------------------------------------------------------------------------------------------------------ */

static void usage(void)
{
    static const struct { int status; const char *words, *says; } list[] = {
        {2, "", "usage"},
        {2, "trian x", "unknown verb 'trian'; did you mean 'train'?"},
        {2, "train", "name the run's folder"},
        {2, "train x", "give --src with --tgt, --labels or --tags; or --dict, or --text: none was given"},
        {2, "train x --dict pairs.tsv --text a", "only one of them"},
        {2, "train x --src a", "--src and --tgt, --labels or --tags belong together"},
        {2, "train x --dict pairs.tsv --valid-text a --steps 1", "of the same sort"},
        {2, "train x --dict pairs.tsv --setps 1", "unknown option '--setps'; did you mean '--set'?"},
        {2, "train x --dict pairs.tsv --stps 1", "did you mean '--steps'?"},
        {2, "train x --dict", "option '--dict' needs a value"},
        {2, "train x y --dict pairs.tsv", "one word too many: 'y'"},
        {2, "train x --dict pairs.tsv --steps 0", "--steps takes a whole number from 1 to 1000000000, not '0'"},
        {2, "train x --dict pairs.tsv --steps 3x", "not '3x'"},
        {2, "train x --dict pairs.tsv --steps 99999999999999999999", "--steps takes a whole number"},
        {2, "train x --dict pairs.tsv --minutes nan", "--minutes takes a number from 0.01"},
        {2, "train x --dict pairs.tsv --threads 0 --steps 1", "--threads takes a whole number from 1 to 256"},
        {2, "train x --dict pairs.tsv --memory 5X --steps 1", "--memory takes bytes, as 512M or 1.5G, not '5X'"},
        {2, "train x --dict pairs.tsv --memory -1G --steps 1", "not '-1G'"},
        {2, "bench g2p --memory 0", "--memory takes bytes, as 512M or 1.5G, not '0'"},
        {2, "bench lm-nano --memory 100K --set batch=1,vocab=9 --steps 1", "a memory budget of 100.0 KiB for values is too small: at least "},
        {2, "train x --dict pairs.tsv --steps 1 --minutes 1", "exclude each other"},
        {2, "train x --dict pairs.tsv --steps 1 --set hedas=2", "unknown key \"hedas\"; did you mean \"heads\"?"},
        {2, "train x --dict pairs.tsv --steps 1 --set heads=0", "heads = \"0\": must be a whole number in [1,1024]"},
        {2, "train x --dict pairs.tsv --steps 1 --set dropout=1", "must be a number in [0,1)"},
        {2, "train x --dict pairs.tsv --steps 1 --set norm=mid", "must be one of post|pre"},
        {2, "train x --dict pairs.tsv --steps 1 --set d", "--set"},
        {2, "train x --dict pairs.tsv --steps 1 --seed -1", "--seed"},
        {2, "train x --dict pairs.tsv", "say how long to train: --steps N or --minutes M"},
        {2, "explain --set hedas=2", "unknown key \"hedas\"; did you mean \"heads\"?"},
        {1, "explain --config none.conf", "none.conf: No such file"},
        {1, "train x --dict pairs.tsv --steps 1 --set d=30 --set heads=4", "d=30 is not a multiple of heads=4; set dk and dv"},
        {1, "train x --dict pairs.tsv --steps 1 --set positions=learned --set max_len=20",
         "max_length=256 is longer than the max_len=20"},
        {1, "train x --dict pairs.tsv --steps 1 --src-units letters", "letters"},
        {1, "train x --dict pairs.tsv --steps 1 --src-units bpe:none", "none: No such file"},
        {1, "train x --dict pairs.tsv --steps 1 --config none.conf", "none.conf: No such file"},
        {1, "train pairs.tsv --dict pairs.tsv --steps 1", "cannot create the folder pairs.tsv"},
        {1, "train '' --dict pairs.tsv --steps 1", "the name of a run's folder is empty"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        int status = command("%s", list[i].words);
        if (i) CU_ASSERT(command_ends(status, list[i].status, list[i].says));
        CU_ASSERT_EQUAL(status, list[i].status);
    }
    CU_ASSERT(access("x/last.h5", F_OK) != 0);
}

/* --- files of data ---------------------------------------------------------------------------------------------------------- */

static void data_files(void)
{
    static const struct { const char *text, *words, *says; } list[] = {
        {NULL, "--dict bad", "bad: No such file"},
        {"", "--dict bad", "bad"},
        {";;; nothing\n\n", "--dict bad", "bad"},
        {"one\tw o n\nalone\n", "--dict bad", "bad:2"},
        {"one\tw o n\n\xff\xfe\tx\n", "--dict bad", "bad:2"},
        {"", "--text bad", "bad"},
        {"\n", "--text bad", "bad"},
        {"caf\xe9\n", "--text bad", "bad:1"},
        {"a\nb\nc\n", "--src bad --tgt two", "3 lines"},
        {"\n\n", "--src bad --tgt two", "bad: no usable example"},
        {"one\tw o n\n", "--dict bad", "bad: no usable example: of 0"},
        {"one\tw o n\n", "--dict pairs.tsv --valid-dict none", "none: No such file"},
        {"d = 16\nhedas = 2\n", "--dict pairs.tsv --config bad", "bad:2: unknown key \"hedas\"; did you mean \"heads\"?"},
        {"d = 16\nd = 32\n", "--dict pairs.tsv --config bad", "bad:2: d is set in line 1 already"},
        {"d 16\n", "--dict pairs.tsv --config bad", "bad:1"},
        {"heads = many\n", "--dict pairs.tsv --config bad", "bad:1: heads = \"many\""},
        {"no merges\nat all here\n", "--dict pairs.tsv --src-units bpe:bad", "bad"},
        {"abc\tw o n\nabcd\tt w o\n", "--dict bad --set max_length=2 --set hold_out=0", "bad: no usable example"},
    };
    command_write("two", "x\ny\n");
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (list[i].text) command_write("bad", list[i].text);
        else unlink("bad");
        CU_ASSERT(command_ends(command("train y%zu %s --steps 2 --threads 1", i, list[i].words), 1, list[i].says));
    }
    scratch_save(scratch("bad"), "a\0b\tw\n", 6);
    CU_ASSERT(command_ends(command("train y --dict bad --steps 1"), 1, "bad:1"));
    CU_ASSERT(command_ends(command("train y --dict ten.h5 --steps 1"), 1, "ten.h5:1"));
    CU_ASSERT(command_ends(command("train y --text /dev/zero --steps 1"), 1, "/dev/zero"));
    CU_ASSERT(command_ends(command("train y --dict . --steps 1"), 1, ".: "));
    FILE *out = fopen("bad", "w");
    for (int i = 0; out && i < 300000; i++) fputs("x y ", out);
    CU_ASSERT_FATAL(out && !fclose(out));
    CU_ASSERT(command_ends(command("train y --src bad --tgt two --steps 1"), 1, "bad:1"));
}

/* --- another run under its name --------------------------------------------------------------------------------------------- */

static void another_run(void)
{
    static const struct { const char *words, *says; } list[] = {
        {"--dict pairs.tsv --set d=32", "run was begun with d=16, which cannot become 32; start another run for that"},
        {"--dict pairs.tsv --seed 7", "run was begun with seed=1, which cannot become 7"},
        {"--dict other.tsv", "run was begun with other data; give the same files"},
        {"--dict pairs.tsv --valid-dict pairs.tsv", "run was begun with other data"},
        {"--text pairs.tsv", "run was begun with --dict"},
        {"--dict pairs.tsv --src-units words", "run was begun with other units (chars) than --src-units words"},
        {"--dict pairs.tsv --tgt-units chars", "run was begun with other units (words) than --tgt-units chars"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        CU_ASSERT(command_ends(command("train run %s --steps 20", list[i].words), 1, list[i].says));
        CU_ASSERT(scratch_same("run/last.h5", "ten.h5"));
    }
}

static void two_runs(void)
{
    heed_error e = {0};
    heed_folder *f = heed_folder_open("run", &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT(command_ends(command("train run --dict pairs.tsv --steps 20"), 1, "the folder run is in use by another run"));
    heed_folder_close(f);
}

/* --- checkpoints that are none ---------------------------------------------------------------------------------------------- */

static void with_last(const void *bytes, size_t size, const char *says)
{
    scratch_save("spoilt/last.h5", bytes, size);
    CU_ASSERT(command_ends(command("train spoilt --dict pairs.tsv --steps 20 --threads 1"), 1, says));
    size_t n = 0;
    unsigned char *now = scratch_load("spoilt/last.h5", &n);
    CU_ASSERT(now && n == size && !memcmp(now, bytes, n));
    free(now);
}

static void rewrite(const char *text, heed_error *e)
{
    heed_checkpoint *c = heed_checkpoint_read("ten.h5", e), *d = heed_checkpoint_new(e);
    const heed_checkpoint_array *a;
    const heed_checkpoint_attribute *t;
    for (size_t i = 0; (a = heed_checkpoint_array_at(c, i)); i++) {
        bool change = !strcmp(a->name, "settings");
        int64_t length = (int64_t)strlen(text);
        heed_checkpoint_put(d, a->name, a->type, a->rank, change ? &length : a->shape, change ? (const void *)text : a->data, e);
    }
    for (size_t i = 0; (t = heed_checkpoint_attribute_at(c, i)); i++) {
        if (!strncmp(t->name, "heed.", 5)) continue;
        if (t->kind == HEED_CHECKPOINT_INT) heed_checkpoint_set_int(d, t->name, t->integer, e);
        else if (t->kind == HEED_CHECKPOINT_REAL) heed_checkpoint_set_real(d, t->name, t->real, e);
        else heed_checkpoint_set_text(d, t->name, t->text, e);
    }
    heed_checkpoint_write(d, "lies.h5", e);
    heed_checkpoint_free(d);
    heed_checkpoint_free(c);
}

static void checkpoints(void)
{
    size_t size = 0;
    unsigned char *good = scratch_load("ten.h5", &size);
    CU_ASSERT_FATAL(good && mkdir("spoilt", 0777) == 0);
    with_last("", 0, "spoilt/last.h5");
    with_last("not a checkpoint\n", 17, "spoilt/last.h5");
    with_last(good, size / 2, "put a good one such as best.h5 in its place");
    for (int i = 1; i < 8; i++) {
        size_t at = size * (size_t)i / 8;
        good[at] ^= 16;
        with_last(good, size, "spoilt/last.h5");
        good[at] ^= 16;
    }
    heed_error e = {0};
    static const char *const lies[] = {"d = 65536\nff = 1048576\n",
                                       "d = 16\nheads = 2\nff = 32\nenc_layers = 1\ndec_layers = 1\nnorm = pre\n",
                                       "d = many\n", "nothing\n"};
    for (int i = 0; i < 4; i++) {
        rewrite(lies[i], &e);
        CU_ASSERT_EQUAL_FATAL(e.code, HEED_OK);
        size_t n = 0;
        unsigned char *bytes = scratch_load("lies.h5", &n);
        with_last(bytes, n, i < 2 ? "but its settings make" : "spoilt/last.h5:1");
        free(bytes);
    }
    scratch_save("spoilt/last.h5", good, size);
    free(good);
    CU_ASSERT_EQUAL(command("train spoilt --dict pairs.tsv --steps 20 --threads 1"), 0);
    CU_ASSERT(scratch_same("spoilt/last.h5", "whole/last.h5"));
    CU_ASSERT(unlink("spoilt/last.h5") == 0 && mkdir("spoilt/last.h5", 0777) == 0);
    CU_ASSERT(command_ends(command("train spoilt --dict pairs.tsv --steps 20"), 1, "spoilt/last.h5"));
}

/* --- disks ------------------------------------------------------------------------------------------------------------------ */

static void full_disk(void)
{
    CU_ASSERT(system("rm -rf full; cp -r run full") == 0);
    int status = command_end(command_start("ulimit -f 16; exec", "train full --dict pairs.tsv --steps 20 --threads 1"), NULL);
    CU_ASSERT(command_ends(status, 1, "full/last.h5"));
    CU_ASSERT(scratch_same("full/last.h5", "ten.h5"));
    CU_ASSERT_EQUAL(scratch_count("full", ".heed-tmp-"), 0);
    CU_ASSERT_EQUAL(command("train full --dict pairs.tsv --steps 20 --threads 1"), 0);
    CU_ASSERT(scratch_same("full/last.h5", "whole/last.h5") && scratch_same("full/best.h5", "whole/best.h5"));
}

/* Root may write anywhere, so the command runs as somebody else then. */
static void read_only(void)
{
    const char *as = getuid() ? "" : "exec setpriv --reuid 65534 --regid 65534 --clear-groups";
    CU_ASSERT(system("cp -r run locked; chmod -R a+r,a-w locked; chmod a+x locked; touch out.txt err.txt; chmod a+w *.txt") == 0);
    if (command_end(command_start(as, "--version"), NULL) != 0) {
        fprintf(stderr, "(skipped: root, and nobody else may run the command) ");
        return;
    }
    int status = command_end(command_start(as, "train locked --dict pairs.tsv --steps 20"), NULL);
    CU_ASSERT(command_ends(status, 1, "cannot write in the folder locked"));
    CU_ASSERT(scratch_same("locked/last.h5", "ten.h5"));
    /* not to be taken for a new run */
    CU_ASSERT(system("cp -r run secret; chmod -R a+rwx secret; chmod a-rwx secret/last.h5") == 0);
    status = command_end(command_start(as, "train secret --dict pairs.tsv --steps 20"), NULL);
    CU_ASSERT(command_ends(status, 1, "secret/last.h5"));
    CU_ASSERT(chmod("secret/last.h5", 0644) == 0 && scratch_same("secret/last.h5", "ten.h5"));
}

/* --- numbers that run away -------------------------------------------------------------------------------------------------- */

static void not_a_number(void)
{
    int status = command("train nan --dict pairs.tsv --config tiny.conf --threads 1 --set optimizer=sgd --set norm=pre "
                         "--set clip=0 --set lr=1000 --set warmup=8 --set schedule=constant --set save_every=1 --steps 300");
    CU_ASSERT(command_ends(status, 1, "what was saved before is intact: try a lower lr or a longer warmup in another run"));
    CU_ASSERT_EQUAL(command("inspect nan/last.h5"), 0);
}

CHECK_MAIN("heed train refuses", {"a folder with data and a run", begin}, {"wrong use, with status 2", usage},
           {"files that are no data", data_files},
           {"to go on with other settings, units or data", another_run},
           {"two runs in one folder", two_runs},
           {"checkpoints that are truncated, altered, foreign, or lie", checkpoints}, {"a full disk", full_disk},
           {"a folder that is read-only, and a checkpoint that is unreadable", read_only},
           {"losses that are no numbers", not_a_number})
