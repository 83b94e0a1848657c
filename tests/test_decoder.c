/* A decoder steps with kept keys and values to the logits of the plain model. */
#include "autograd/random.h"
#include "decoding_world.h"

/* --- the cache -------------------------------------------------------------------------------------------------------------- */

/* The largest difference of cached and plain logits over `steps` positions. */
static double cached_difference(const heed_transformer_config *c, heed_dtype dtype, int64_t steps)
{
    world w;
    heed_error e = {0};
    bool has_source = c->enc_layers > 0;
    CU_ASSERT_FATAL(world_new(&w, c, dtype));
    int32_t ids[3 * MOST], column[3];
    double *cached = calloc((size_t)(3 * steps * V), sizeof *cached), worst = 0;
    for (int64_t i = 0; i < 3 * steps; i++) ids[i] = (int32_t)(3 + (i * 7 + i / 5) % 8);
    heed_decoder_start(w.d, 3, 1, has_source ? 5 : 0, has_source ? source : NULL, has_source ? lengths : NULL, &e);
    for (int64_t t = 0; t < steps; t++) {
        for (int r = 0; r < 3; r++) column[r] = ids[r * steps + t];
        const void *logits = heed_data(w.g, heed_decoder_step(w.d, column));
        CU_ASSERT_PTR_NOT_NULL_FATAL(logits);
        for (int64_t i = 0; i < 3 * V; i++) cached[(i / V * steps + t) * V + i % V] = at(dtype, logits, i);
    }
    CU_ASSERT_EQUAL(heed_decoder_position(w.d), steps);
    const void *all = plain(&w, 3, steps, ids, has_source ? source : NULL, lengths, 5);
    for (int64_t i = 0; i < 3 * steps * V; i++) worst = fmax(worst, fabs(cached[i] - at(dtype, all, i)));
    CU_ASSERT_EQUAL(e.code, HEED_OK);
    free(cached);
    world_free(&w);
    return worst;
}

static void cached_logits_are_plain_logits(void)
{
    for (int i = 0; i < 12; i++) {
        heed_transformer_config c = small(i % 2);
        c.layer.pre_norm = i / 2 % 2;
        c.positions = (heed_position_kind)(i / 4);
        c.tie = (heed_tie)(i % 3);
        CU_ASSERT(cached_difference(&c, HEED_F64, 5) < 1e-12);
        CU_ASSERT(cached_difference(&c, HEED_F32, 5) < 1e-4);
    }
    heed_transformer_config c = small(true);
    CU_ASSERT(cached_difference(&c, HEED_F64, 40) < 1e-12); /* the store has grown */
    c = small(false);
    CU_ASSERT(cached_difference(&c, HEED_F32, 40) < 1e-4);
}

static void rows_change_places_and_leave(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(true);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    int32_t history[6][8] = {{0}}, next[6][8], ids[6], src[6 * 5], src_lengths[6];
    const int32_t first[] = {1, 0, 2, 2, 5, 4}, second[] = {3, 2, 4, 4}; /* sentence 0 leaves then */
    int64_t rows = 6;
    heed_decoder_start(w.d, 3, 2, 5, source, lengths, &e);
    int sentence[] = {0, 0, 1, 1, 2, 2};
    for (int t = 0; t < 6; t++) {
        for (int r = 0; r < rows; r++) history[r][t] = ids[r] = (int32_t)(4 + (r * 3 + t) % 7);
        const double *logits = heed_data(w.g, heed_decoder_step(w.d, ids));
        CU_ASSERT_PTR_NOT_NULL_FATAL(logits);
        double cached[6 * V];
        memcpy(cached, logits, (size_t)(rows * V) * sizeof *cached);
        int32_t flat[6 * 8];
        for (int r = 0; r < rows; r++) {
            memcpy(flat + r * (t + 1), history[r], (size_t)(t + 1) * sizeof *flat);
            memcpy(src + r * 5, source + sentence[r] * 5, 5 * sizeof *src);
            src_lengths[r] = lengths[sentence[r]];
        }
        const double *all = plain(&w, rows, t + 1, flat, src, src_lengths, 5);
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < V; v++) CU_ASSERT_DOUBLE_EQUAL(cached[r * V + v], all[(r * (t + 1) + t) * V + v], 1e-12);
        if (t == 1 || t == 3) {
            const int32_t *from = t == 1 ? first : second;
            int kept[6];
            rows = t == 1 ? 6 : 4;
            CU_ASSERT_EQUAL(heed_decoder_select(w.d, rows / 2, from, &e), HEED_OK);
            for (int r = 0; r < rows; r++) {
                memcpy(next[r], history[from[r]], sizeof *next);
                kept[r] = sentence[from[r]];
            }
            memcpy(history, next, sizeof history);
            memcpy(sentence, kept, sizeof kept);
            CU_ASSERT_EQUAL(heed_decoder_rows(w.d), rows);
        }
    }
    CU_ASSERT_EQUAL(heed_decoder_select(w.d, 1, (const int32_t[]){0, 2}, &e), HEED_INVALID); /* two sentences into one */
    CU_ASSERT(check_says(e.message, "row 1 cannot go on from row 2"));
    world_free(&w);
}

/* After every step rows go on from any others of their sentence: in cycles, from the same one, not at all; a sentence leaves now and then. */
static void rows_change_places_at_random(void)
{
    enum { WIDTH = 5, STEPS = 12, ROWS = 4 * WIDTH };
    heed_error e = {0};
    heed_transformer_config c = small(false);
    for (uint64_t seed = 0; seed < 8; seed++) {
        world w;
        heed_random random = {.seed = seed};
        int32_t history[ROWS][STEPS] = {{0}}, next[ROWS][STEPS], ids[ROWS], from[ROWS], flat[ROWS * STEPS];
        int64_t sentences = 4;
        CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
        heed_graph_threads(w.g, 2);
        heed_decoder_start(w.d, sentences, WIDTH, 0, NULL, NULL, &e);
        for (int t = 0; t < STEPS; t++) {
            const int64_t rows = sentences * WIDTH;
            double cached[ROWS * V];
            for (int r = 0; r < rows; r++) history[r][t] = ids[r] = (int32_t)heed_random_below(&random, V);
            const double *logits = heed_data(w.g, heed_decoder_step(w.d, ids));
            CU_ASSERT_PTR_NOT_NULL_FATAL(logits);
            memcpy(cached, logits, (size_t)(rows * V) * sizeof *cached);
            for (int r = 0; r < rows; r++) memcpy(flat + r * (t + 1), history[r], (size_t)(t + 1) * sizeof *flat);
            const double *all = plain(&w, rows, t + 1, flat, NULL, NULL, 0);
            for (int r = 0; r < rows; r++)
                for (int v = 0; v < V; v++) CU_ASSERT_DOUBLE_EQUAL(cached[r * V + v], all[(r * (t + 1) + t) * V + v], 1e-12);
            const int64_t gone = t % 4 == 3 && sentences > 1 ? (int64_t)heed_random_below(&random, (uint64_t)sentences) : sentences;
            sentences -= gone < sentences;
            for (int64_t r = 0; r < sentences * WIDTH; r++) {
                const int64_t was = r / WIDTH + (r / WIDTH >= gone);
                from[r] = (int32_t)(was * WIDTH + (int64_t)(seed % 2 ? (uint64_t)((r + 1 + t) % WIDTH) : heed_random_below(&random, WIDTH)));
                memcpy(next[r], history[from[r]], sizeof *next);
            }
            memcpy(history, next, sizeof history);
            CU_ASSERT_EQUAL(heed_decoder_select(w.d, sentences, from, &e), HEED_OK);
        }
        world_free(&w);
    }
}

static void steps_allocate_nothing(void)
{
    world w;
    heed_error e = {0};
    long count = 0, before = 0;
    heed_transformer_config c = small(true);
    heed_set_allocator(check_count, &count);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F32));
    heed_decoder_start(w.d, 3, 1, 5, source, lengths, &e);
    for (int t = 0; t < 30; t++) {
        if (t == 2) before = count;
        CU_ASSERT_PTR_NOT_NULL(heed_data(w.g, heed_decoder_step(w.d, (const int32_t[]){4, 5, 6})));
    }
    CU_ASSERT_EQUAL(count, before);
    world_free(&w);
    heed_set_allocator(NULL, NULL);
}

/* What a decoder says of three sentences in `width` rows each that change places after each of `steps` steps: the last logits. */
static void said(heed_decoder *d, int64_t width, int steps, bool swap, double *last)
{
    heed_error e = {0};
    int32_t ids[6] = {4, 5, 6, 7, 8, 9}, from[6] = {1, 0, 3, 2, 5, 4};
    heed_decoder_start(d, 3, width, 5, source, lengths, &e);
    for (int t = 0; t < steps; t++) {
        const double *logits = heed_data(heed_decoder_graph(d), heed_decoder_step(d, ids));
        CU_ASSERT_PTR_NOT_NULL_FATAL(logits);
        memcpy(last, logits, (size_t)(3 * width * V) * sizeof *last);
        if (swap) CU_ASSERT_EQUAL(heed_decoder_select(d, 3, from, &e), HEED_OK);
    }
}

/* Memory stays from one batch to the next, and what was in it does not: not even what is no number. */
static void a_batch_knows_nothing_of_those_before(void)
{
    world used, fresh;
    double with[6 * V], without[6 * V];
    heed_transformer_config c = small(true);
    CU_ASSERT_FATAL(world_new(&used, &c, HEED_F64));
    CU_ASSERT_FATAL(world_new(&fresh, &c, HEED_F64));
    said(used.d, 2, 40, true, with);
    double *norm = heed_param_data(heed_params_find(used.ps, "dec.0.norm1.gamma")), number = norm[0];
    norm[0] = NAN;
    said(used.d, 2, 40, true, with);
    CU_ASSERT(isnan(with[0]));
    ((double *)heed_param_data(heed_params_find(used.ps, "dec.0.norm1.gamma")))[0] = number;
    for (int width = 1; width <= 2; width++) {
        said(used.d, width, 3, width > 1, with);
        said(fresh.d, width, 3, width > 1, without);
        CU_ASSERT(!memcmp(with, without, (size_t)(3 * width * V) * sizeof *with));
    }
    world_free(&used);
    world_free(&fresh);
}

static void batches_of_a_size_allocate_once(void)
{
    world w;
    long count = 0, before = 0;
    double last[6 * V];
    heed_transformer_config c = small(true);
    heed_set_allocator(check_count, &count);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    for (int batch = 0; batch < 4; batch++) {
        before = count;
        said(w.d, 2, 8, true, last);
    }
    CU_ASSERT_EQUAL(count, before + 1); /* the decoder's own lengths */
    world_free(&w);
    heed_set_allocator(NULL, NULL);
}

/* Some arrays have grown and others have not: going on would read them wrongly. A new start is well again. */
static void refused_room_stays_refused(void)
{
    world w;
    heed_error e = {0};
    check_budget b = {.left = 1000000};
    const int32_t ids[] = {4, 5, 6};
    heed_transformer_config c = small(true);
    heed_set_allocator(check_refuse, &b);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F32));
    heed_decoder_start(w.d, 3, 1, 5, source, lengths, &e);
    for (int t = 0; t < 32; t++) CU_ASSERT_PTR_NOT_NULL(heed_data(w.g, heed_decoder_step(w.d, ids)));
    b.left = 1; /* the first layer's keys grow, its values do not */
    CU_ASSERT_PTR_NULL(heed_data(w.g, heed_decoder_step(w.d, ids)));
    b.left = 1000000;
    CU_ASSERT_PTR_NULL(heed_data(w.g, heed_decoder_step(w.d, ids)));
    CU_ASSERT(check_says(heed_graph_error(w.g)->message, "no memory for the keys and values of 3 rows"));
    heed_decoder_start(w.d, 3, 1, 5, source, lengths, &e);
    CU_ASSERT_PTR_NOT_NULL(heed_data(w.g, heed_decoder_step(w.d, ids)));
    world_free(&w);
    heed_set_allocator(NULL, NULL);
    CU_ASSERT_EQUAL(b.live, 0);
}

CHECK_MAIN("decoder", {"cached logits are plain logits", cached_logits_are_plain_logits},
           {"rows change places and leave", rows_change_places_and_leave}, {"rows change places at random", rows_change_places_at_random},
           {"steps allocate nothing", steps_allocate_nothing},
           {"a batch knows nothing of those before", a_batch_knows_nothing_of_those_before},
           {"batches of a size allocate once", batches_of_a_size_allocate_once},
           {"refused room stays refused", refused_room_stays_refused})
