/* A trained checkpoint from C: what it holds, and its weights at work.
 *
 *     checkpoint FILE UNIT     for a file written by `heed train`: lists the parameters, then the units of the target vocabulary
 *                              whose embeddings point most nearly where that of UNIT does (a phoneme, a letter, a word)
 */
#include <heed/heed.h>

#include <string.h>

static void list_parameters(const heed_checkpoint *c)
{
    const heed_checkpoint_array *a;
    for (size_t i = 0; (a = heed_checkpoint_array_at(c, i)); i++) {
        if (strncmp(a->name, "params/", 7)) continue;
        printf("%-40s %s [", a->name + 7, heed_checkpoint_type_name(a->type));
        for (int k = 0; k < a->rank; k++) printf("%s%lld", k ? "," : "", (long long)a->shape[k]);
        printf("]\n");
    }
}

/* similarity[v] = cos(E[unit], E[v]) over the embedding E [V, d]; prints the five highest */
static heed_code list_neighbours(const heed_checkpoint *c, const heed_vocab *vocab, const char *unit, heed_error *e)
{
    const heed_checkpoint_array *table = heed_checkpoint_find(c, "params/embed.weight"); /* tie=yes */
    if (!table) table = heed_checkpoint_find(c, "params/tgt.weight");
    if (!table || table->type != HEED_CHECKPOINT_F32 || table->rank != 2)
        return heed_fail(e, HEED_FORMAT, "no embedding in this checkpoint");
    int32_t id = heed_vocab_id(vocab, (heed_line){unit, strlen(unit)});
    if (id == HEED_ID_UNKNOWN) return heed_fail(e, HEED_INVALID, "'%s' is no unit of the vocabulary", unit);

    heed_graph *g = heed_graph_new();
    heed_tensor *all = heed_input(g, HEED_F32, 2, table->shape, table->data), *best;
    heed_tensor *near = heed_cosine_similarity(g, all, heed_select(g, all, 0, id), 1e-8);
    near = heed_topk(g, near, 0, table->shape[0] < 6 ? table->shape[0] : 6, &best);
    heed_run(g, 2, (heed_tensor *[]){near, best});
    const float *value = heed_data(g, near);
    const int32_t *ids = heed_data(g, best);
    for (int64_t i = 0; value && ids && i < heed_size(near); i++)
        if (ids[i] != id) printf("%-12s %.3f\n", heed_vocab_unit(vocab, ids[i]).bytes, (double)value[i]);
    const heed_error *failed = heed_graph_error(g);
    if (failed->code) heed_fail(e, failed->code, "%s", failed->message);
    heed_graph_free(g);
    return e->code;
}

int main(int argc, char **argv)
{
    if (argc != 3) return fprintf(stderr, "usage: checkpoint FILE UNIT\n"), 2;
    heed_error e = {0};
    heed_checkpoint *c = heed_checkpoint_read(argv[1], &e); /* the whole file, checked */
    const heed_checkpoint_array *text = c ? heed_checkpoint_find(c, "data/target_vocabulary") : NULL;
    heed_vocab *vocab = text ? heed_vocab_restore(argv[1], text->data, (size_t)text->count, &e) : NULL;
    if (c && !text) heed_fail(&e, HEED_FORMAT, "%s: has no vocabulary", argv[1]);
    if (vocab) {
        list_parameters(c);
        printf("\nnearest to %s:\n", argv[2]);
        list_neighbours(c, vocab, argv[2], &e);
    }
    if (e.code) fprintf(stderr, "%s\n", e.message);
    heed_vocab_free(vocab);
    heed_checkpoint_free(c);
    return e.code ? 1 : 0;
}
