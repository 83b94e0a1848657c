/* Decoding with kept keys and values, searches and draws, against the plain model. */
#include "check.h"
#include "models/decoding.h"
#include "models/transformer.h"
#include "refusals.h"

#include <math.h>
#include <stdlib.h>

enum { PAD, UNK, BEGIN, END, V = 11, MOST = 64 };

typedef struct world {
    heed_graph *g;
    heed_params *ps;
    heed_transformer *m;
    heed_decoder *d;
} world;

static heed_transformer_config small(bool source)
{
    return (heed_transformer_config){
        .layer = {.d = 12, .heads = 3, .dk = 4, .dv = 5, .ff = 16, .dropout = 0.3, .attention_dropout = 0.2},
        .src_vocab = V, .tgt_vocab = V, .enc_layers = source ? 2 : 0, .dec_layers = 2, .max_len = 70};
}

/* Weights larger than a model starts with, so that what was said before matters. */
static bool world_of(world *w, const heed_transformer_config *c, heed_dtype dtype, uint64_t seed, double gain)
{
    w->g = heed_graph_new();
    heed_graph_threads(w->g, 1);
    w->ps = heed_params_new(seed);
    heed_params_dtype(w->ps, dtype);
    w->m = heed_calloc(1, sizeof *w->m);
    w->d = NULL;
    if (!w->m) return false;
    heed_transformer_init(w->m, w->ps, c);
    if (heed_params_error(w->ps)->code) return false;
    for (int i = 0; i < heed_params_count(w->ps); i++) {
        heed_param *p = heed_params_at(w->ps, i);
        for (int64_t k = 0; heed_param_rank(p) == 2 && k < heed_param_size(p); k++) {
            if (dtype == HEED_F64) ((double *)heed_param_data(p))[k] *= gain;
            else ((float *)heed_param_data(p))[k] *= (float)gain;
        }
    }
    w->d = heed_decoder_new(w->g, heed_transformer_model(w->m));
    return w->d != NULL;
}

static bool world_new(world *w, const heed_transformer_config *c, heed_dtype dtype) { return world_of(w, c, dtype, 5, 2); }

static void world_free(world *w)
{
    heed_decoder_free(w->d);
    heed_graph_free(w->g);
    heed_params_free(w->ps);
    heed_free(w->m);
}

static const int32_t source[] = {4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 9, 9, 5, 4, 0}, lengths[] = {5, 2, 4};
static const heed_prompts three = {.sentences = 3, .steps = 5, .source = source, .source_length = lengths};

/* Logits [rows, T, V] of the model without a cache, for rows of ids [rows, T] and the sources of their sentences. */
static const void *plain(world *w, int64_t rows, int64_t steps, const int32_t *ids, const int32_t *src,
                         const int32_t *src_lengths, int64_t src_steps)
{
    heed_graph *g = w->g;
    heed_graph_reset(g);
    heed_tensor *memory = NULL, *length = NULL;
    if (src) {
        length = heed_input(g, HEED_I32, 1, &rows, src_lengths);
        memory = heed_transformer_encode(g, w->m, heed_input(g, HEED_I32, 2, (int64_t[]){rows, src_steps}, src), length);
    }
    heed_tensor *in = heed_input(g, HEED_I32, 2, (int64_t[]){rows, steps}, ids);
    return heed_data(g, heed_transformer_logits(g, w->m, heed_transformer_decode(g, w->m, in, memory, length)));
}

static double at(heed_dtype dtype, const void *values, int64_t i)
{
    return dtype == HEED_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

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

/* --- searches --------------------------------------------------------------------------------------------------------------- */

/* What a greedy loop says without a cache. */
static int64_t greedy_by_hand(world *w, int sentence, int64_t limit, int32_t *said)
{
    int32_t ids[MOST] = {BEGIN};
    for (int64_t n = 0; n < limit; n++) {
        const double *logits = plain(w, 1, n + 1, ids, source + 5 * sentence, lengths + sentence, 5);
        int32_t best = END;
        for (int32_t v = 0; v < V; v++)
            if (v != PAD && v != BEGIN && logits[n * V + v] > logits[n * V + best]) best = v;
        if (best == END) return n;
        said[n] = ids[n + 1] = best;
    }
    return limit;
}

static void beam_one_is_greedy(void)
{
    int ended = 0, cut = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        world w;
        heed_error e = {0};
        heed_transformer_config c = small(true);
        c.tie = seed % 2 ? HEED_TIE_NONE : HEED_TIE_ALL;
        CU_ASSERT_FATAL(world_of(&w, &c, HEED_F64, seed, 1.2));
        heed_search how = heed_search_greedy(PAD, BEGIN, END);
        heed_found *f = heed_search_run(w.d, &how, &three, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        for (int s = 0; s < 3; s++) {
            int32_t said[MOST];
            int64_t n = greedy_by_hand(&w, s, 2 * lengths[s] + 16, said);
            heed_hypothesis h = heed_found_at(f, s, 0);
            CU_ASSERT_EQUAL(heed_found_count(f, s), 1);
            CU_ASSERT_EQUAL_FATAL(h.length, n);
            CU_ASSERT_EQUAL(h.ended, n < 2 * lengths[s] + 16);
            CU_ASSERT(!memcmp(h.ids, said, (size_t)n * sizeof *said));
            ended += h.ended && n > 1;
            cut += !h.ended;
        }
        CU_ASSERT_EQUAL(heed_found_count(f, 3), 0);
        heed_found_free(f);
        world_free(&w);
    }
    CU_ASSERT(ended > 2 && cut > 2); /* both are seen */
}

/* log-probability of ids[length], and the end if `ended`, after the source of a sentence */
static double score_of(world *w, int sentence, const int32_t *ids, int64_t length, bool ended)
{
    int32_t in[MOST] = {BEGIN}, out[MOST] = {0};
    memcpy(in + 1, ids, (size_t)length * sizeof *ids);
    memcpy(out, ids, (size_t)length * sizeof *ids);
    out[length] = ended ? END : PAD;
    heed_graph *g = w->g;
    heed_graph_reset(g);
    int64_t one = 1, shape[] = {1, length + 1};
    heed_tensor *src = heed_input(g, HEED_I32, 2, (int64_t[]){1, 5}, source + 5 * sentence);
    heed_teaching t = {.src = src, .lengths = heed_input(g, HEED_I32, 1, &one, lengths + sentence), .tgt = heed_input(g, HEED_I32, 2, shape, in)};
    return heed_item(g, heed_model_score(g, heed_transformer_model(w->m), &t, heed_input(g, HEED_I32, 2, shape, out), PAD));
}

static void scores_are_log_probabilities_over_the_length_term(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(true);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    for (int rule = 0; rule < 2; rule++) {
        heed_search how = heed_search_greedy(PAD, BEGIN, END);
        how.beam = 4;
        how.rule = (heed_length_rule)rule;
        how.alpha = 0.7;
        heed_found *f = heed_search_run(w.d, &how, &three, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        for (int s = 0; s < 3; s++) {
            CU_ASSERT(heed_found_count(f, s) >= 1 && heed_found_count(f, s) <= 4);
            for (int64_t k = 0; k < heed_found_count(f, s); k++) {
                heed_hypothesis h = heed_found_at(f, s, k), before = heed_found_at(f, s, k - 1);
                double n = (double)h.length + h.ended, term = rule == HEED_LENGTH_GNMT ? pow((5 + n) / 6, 0.7) : pow(n, 0.7);
                CU_ASSERT_DOUBLE_EQUAL(h.log_probability, score_of(&w, s, h.ids, h.length, h.ended), 1e-4);
                CU_ASSERT_DOUBLE_EQUAL(h.score, h.log_probability / term, 1e-12);
                CU_ASSERT(k == 0 || before.ended > h.ended || before.score >= h.score);
            }
        }
        heed_found_free(f);
    }
    world_free(&w);
}

/* A model of its own: at each of the first six positions symbol 5 has probability 0.97 and the end 0.02, then the end has 0.97. */
enum { TOY_SYMBOLS = 8, TOY_LENGTH = 6 };
static float toy_logits[4 * TOY_SYMBOLS];

static int64_t toy_symbols(const void *m) { return m ? TOY_SYMBOLS : 0; }
static bool toy_reads(const void *m) { return !m; }
static void *toy_writer(const void *m) { return (void *)(uintptr_t)m; }
static void toy_free(void *writer) { (void)writer; }

static heed_code toy_begin(void *writer, const heed_rows *r, const int32_t *src, heed_error *e)
{
    (void)writer, (void)r, (void)src, (void)e;
    return HEED_OK;
}

static heed_code toy_select(void *writer, const heed_rows *r, int64_t sentences, const int32_t *from, heed_error *e)
{
    (void)writer, (void)r, (void)sentences, (void)from, (void)e;
    return HEED_OK;
}

static heed_tensor *toy_step(void *writer, const heed_rows *r, const int32_t *ids)
{
    (void)writer, (void)ids;
    int64_t rows = r->sentences * r->width;
    bool last = r->position >= TOY_LENGTH;
    for (int64_t i = 0; i < rows * TOY_SYMBOLS; i++) {
        int64_t id = i % TOY_SYMBOLS;
        toy_logits[i] = logf(id == (last ? END : 5) ? 0.97f : id == (last ? 5 : END) ? 0.02f : 0.01f / (TOY_SYMBOLS - 2));
    }
    return heed_input(r->g, HEED_F32, 2, (int64_t[]){rows, TOY_SYMBOLS}, toy_logits);
}

/* Unlikely outputs that end early do not end the search before the likely one has ended. */
static void early_ends_do_not_end_the_search(void)
{
    static const heed_model_kind kind = {.name = "toy", .symbols = toy_symbols, .reads = toy_reads, .writer = toy_writer, .free = toy_free,
                                         .begin = toy_begin, .step = toy_step, .select = toy_select};
    static const int model = 1;
    heed_error e = {0};
    heed_graph *g = heed_graph_new();
    heed_decoder *d = heed_decoder_new(g, (heed_model){&kind, &model});
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    for (int beam = 1; beam <= 4; beam++) {
        heed_search how = heed_search_greedy(PAD, BEGIN, END);
        how.beam = beam;
        how.alpha = beam % 2 ? 0.6 : 0;
        heed_found *f = heed_search_run(d, &how, &(heed_prompts){.sentences = 1}, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        heed_hypothesis h = heed_found_at(f, 0, 0);
        CU_ASSERT(h.ended && h.length == TOY_LENGTH);
        CU_ASSERT_DOUBLE_EQUAL(h.log_probability, 7 * log(0.97), 1e-5);
        heed_found_free(f);
    }
    heed_decoder_free(d);
    heed_graph_free(g);
}

/* The best of all outputs of up to three of the symbols from UNK on, by trying them all. */
static double best_by_hand(world *w, int sentence, int32_t *ids, int64_t length)
{
    double best = score_of(w, sentence, ids, length, true);
    for (int32_t v = 0; length < 2 && v < V; v++) {
        if (v == PAD || v == BEGIN || v == END) continue;
        ids[length] = v;
        best = fmax(best, best_by_hand(w, sentence, ids, length + 1));
    }
    return best;
}

static void a_beam_as_wide_as_all_outputs_finds_the_best(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(true);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    heed_search how = heed_search_greedy(PAD, BEGIN, END);
    how.beam = 100; /* outputs of up to two symbols and an end: 1 + 8 + 64 */
    how.factor = 0;
    how.extra = 3;
    heed_found *f = heed_search_run(w.d, &how, &three, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int s = 0; s < 3; s++) {
        int32_t ids[4];
        CU_ASSERT_DOUBLE_EQUAL(heed_found_at(f, s, 0).score, best_by_hand(&w, s, ids, 0), 1e-5);
    }
    heed_found_free(f);
    world_free(&w);
}

static bool same_found(const heed_found *a, int64_t i, const heed_found *b, int64_t k)
{
    bool same = heed_found_count(a, i) == heed_found_count(b, k);
    for (int64_t n = 0; same && n < heed_found_count(a, i); n++) {
        heed_hypothesis x = heed_found_at(a, i, n), y = heed_found_at(b, k, n);
        same = x.length == y.length && x.ended == y.ended && fabs(x.score - y.score) < 1e-5 &&
               !memcmp(x.ids, y.ids, (size_t)x.length * sizeof *x.ids);
    }
    return same;
}

static void a_batch_is_its_sentences(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(true);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    for (int draw = 0; draw < 2; draw++) {
        heed_search how = heed_search_greedy(PAD, BEGIN, END);
        how.beam = 3;
        how.alpha = 0.6;
        how.sample = draw;
        how.seed = 3;
        heed_found *all = heed_search_run(w.d, &how, &three, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(all);
        for (int s = 0; s < 3; s++) {
            heed_prompts one = {.sentences = 1, .steps = lengths[s], .source = source + 5 * s, .source_length = lengths + s,
                                .stream = (uint64_t[]){(uint64_t)s}};
            heed_found *f = heed_search_run(w.d, &how, &one, &e);
            CU_ASSERT_FATAL(f && same_found(all, s, f, 0));
            heed_found_free(f);
        }
        heed_graph_threads(w.g, 4);
        heed_graph_eager(w.g, true);
        heed_found *again = heed_search_run(w.d, &how, &three, &e);
        heed_graph_eager(w.g, false);
        heed_graph_threads(w.g, 1);
        for (int s = 0; s < 3; s++) CU_ASSERT(again && same_found(all, s, again, s));
        heed_found_free(again);
        heed_found_free(all);
    }
    world_free(&w);
}

/* --- language models -------------------------------------------------------------------------------------------------------- */

static const int32_t prompt_a[] = {4, 5, 6}, prompt_b[] = {9};
static const heed_prompts prompts = {
    .sentences = 3, .prefix = (const int32_t *const[]){prompt_a, prompt_b, NULL}, .prefix_length = (const int64_t[]){3, 1, 0}};

static void prompts_are_continued(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(false);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    heed_search how = heed_search_greedy(PAD, END, END);
    how.extra = 7;
    heed_found *f = heed_search_run(w.d, &how, &prompts, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int s = 0; s < 3; s++) {
        heed_hypothesis h = heed_found_at(f, s, 0);
        int64_t n = prompts.prefix_length[s];
        int32_t ids[MOST] = {END};
        CU_ASSERT(h.length >= n && h.length <= n + 7 && (h.ended || h.length == n + 7));
        CU_ASSERT(n == 0 || !memcmp(h.ids, prompts.prefix[s], (size_t)n * sizeof *h.ids));
        memcpy(ids + 1, h.ids, (size_t)h.length * sizeof *ids);
        const double *logits = plain(&w, 1, h.length + 1, ids, NULL, NULL, 0);
        for (int64_t t = n; t < h.length + h.ended; t++)
            for (int v = UNK; v < V; v++) CU_ASSERT(logits[t * V + v] <= logits[t * V + (t < h.length ? h.ids[t] : END)] + 1e-9);
    }
    how.extra = 0;
    heed_found_free(f);
    f = heed_search_run(w.d, &how, &prompts, &e);
    CU_ASSERT(f && heed_found_at(f, 0, 0).length == 3 && !heed_found_at(f, 0, 0).ended && heed_found_at(f, 2, 0).length == 0);
    heed_found_free(f);
    world_free(&w);
}

static void learned_positions_are_a_limit(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(false);
    c.positions = HEED_POSITIONS_LEARNED;
    c.max_len = 6;
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    heed_search how = heed_search_greedy(PAD, END, END);
    how.banned[1] = END; /* never ends by itself */
    how.extra = 50;
    heed_found *f = heed_search_run(w.d, &how, &prompts, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int s = 0; s < 3; s++) CU_ASSERT(heed_found_at(f, s, 0).length == 6 && !heed_found_at(f, s, 0).ended);
    heed_found_free(f);
    world_free(&w);
}

static void draws_follow_the_distribution(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(false);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    int32_t begin = END;
    double p[V], kept = 0;
    const double temperature = 1.5;
    heed_search how = heed_search_greedy(PAD, END, END);
    how.sample = true;
    how.beam = 4000;
    how.extra = 1;
    how.temperature = temperature;
    how.seed = 11;
    heed_prompts empty = {.sentences = 1};
    for (int variant = 0; variant < 3; variant++) { /* all; the 3 likeliest; those of 60 % */
        how.top_k = variant == 1 ? 3 : 0;
        how.top_p = variant == 2 ? 0.6 : 1;
        const double *logits = plain(&w, 1, 1, &begin, NULL, NULL, 0);
        double total = 0;
        for (int v = 0; v < V; v++) total += p[v] = v == PAD ? 0 : exp(logits[v] / temperature);
        kept = 0;
        for (int v = 0; v < V; v++) p[v] /= total;
        bool in[V] = {false};
        for (int n = 0; variant == 0 ? n < V : variant == 1 ? n < 3 : kept < 0.6; n++) {
            int best = -1;
            for (int v = 0; v < V; v++)
                if (!in[v] && (best < 0 || p[v] > p[best])) best = v;
            in[best] = true;
            kept += p[best];
        }
        heed_found *f = heed_search_run(w.d, &how, &empty, &e);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        int drawn[V] = {0};
        CU_ASSERT_EQUAL(heed_found_count(f, 0), 4000);
        for (int64_t k = 0; k < heed_found_count(f, 0); k++) {
            heed_hypothesis h = heed_found_at(f, 0, k);
            drawn[h.length ? h.ids[0] : END]++;
        }
        for (int v = 0; v < V; v++) {
            double share = in[v] ? p[v] / kept : 0;
            double deviation = sqrt(4000 * share * (1 - share));
            CU_ASSERT(fabs(drawn[v] - 4000 * share) <= 4.5 * deviation + 1e-9);
        }
        heed_found_free(f);
    }
    world_free(&w);
}

static void positions_are_drawn_for_separately(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(false);
    CU_ASSERT_FATAL(world_of(&w, &c, HEED_F32, 5, 0)); /* all symbols alike */
    heed_search how = heed_search_greedy(PAD, END, END);
    how.banned[1] = END;
    how.sample = true;
    how.beam = 3600;
    how.extra = 2;
    heed_found *f = heed_search_run(w.d, &how, &(heed_prompts){.sentences = 1}, &e);
    int same = 0;
    for (int64_t k = 0; f && k < 3600; k++) same += heed_found_at(f, 0, k).ids[0] == heed_found_at(f, 0, k).ids[1];
    CU_ASSERT(same > 300 && same < 500); /* a ninth */
    heed_found_free(f);
    world_free(&w);
}

/* --- cost and failure ------------------------------------------------------------------------------------------------------- */

static void *counting(void *context, void *p, size_t old, size_t size)
{
    (void)old;
    if (!size) {
        free(p);
        return NULL;
    }
    ++*(long *)context;
    return malloc(size);
}

static void steps_allocate_nothing(void)
{
    world w;
    heed_error e = {0};
    long count = 0, before = 0;
    heed_transformer_config c = small(true);
    heed_set_allocator(counting, &count);
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

static bool makes_it(void *unused)
{
    (void)unused;
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(true);
    heed_search how = heed_search_greedy(PAD, BEGIN, END);
    how.beam = 2;
    c.enc_layers = c.dec_layers = 1;
    heed_found *f = world_new(&w, &c, HEED_F32) ? heed_search_run(w.d, &how, &three, &e) : NULL;
    bool told = f || !w.d || e.code == HEED_NO_MEMORY;
    if (!told) printf("\n    refused, and said: %s\n", e.message);
    bool done = f != NULL;
    heed_found_free(f);
    world_free(&w);
    CU_ASSERT(told);
    return done;
}

static void every_allocation_may_be_refused(void) { CU_ASSERT(check_refusals(makes_it, NULL) > 0); }

static void refusal(const heed_search *how, const heed_prompts *p, bool has_source, const char *sentence)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(has_source);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F32));
    CU_ASSERT_PTR_NULL(heed_search_run(w.d, how, p, &e));
    CU_ASSERT(check_says(e.message, sentence));
    world_free(&w);
}

static void scores_that_are_no_numbers_are_told(void)
{
    for (int draw = 0; draw < 2; draw++) {
        world w;
        heed_error e = {0};
        heed_transformer_config c = small(true);
        CU_ASSERT_FATAL(world_new(&w, &c, HEED_F32));
        *(float *)heed_param_data(heed_params_find(w.ps, "dec.1.norm3.gamma")) = NAN;
        heed_search how = heed_search_greedy(PAD, BEGIN, END);
        how.sample = draw;
        CU_ASSERT_PTR_NULL(heed_search_run(w.d, &how, &three, &e));
        CU_ASSERT(check_says(e.message, "scores are not numbers after 0 symbols"));
        world_free(&w);
    }
}

static void what_cannot_be_is_refused(void)
{
    heed_search how = heed_search_greedy(PAD, BEGIN, END), wrong = how;
    wrong.beam = 0;
    refusal(&wrong, &three, true, "a beam of 0");
    wrong = how, wrong.end = V;
    refusal(&wrong, &three, true, "not both below 11 symbols");
    wrong = how, wrong.sample = true, wrong.temperature = 0;
    refusal(&wrong, &three, true, "temperature 0");
    wrong = how, wrong.extra = INT64_MAX / 2;
    refusal(&wrong, &three, true, "limit");
    refusal(&how, &three, false, "3 sentences of 5 symbols");
    refusal(&how, &prompts, true, "3 sentences of 0 symbols");
    heed_prompts bad = {
        .sentences = 1, .prefix = (const int32_t *const[]){(const int32_t[]){V}}, .prefix_length = (const int64_t[]){1}};
    refusal(&how, &bad, false, "begins with 11, no symbol");
    refusal(&how, &(heed_prompts){.sentences = 0}, false, "no sentences");
    heed_prompts unknown = three;
    unknown.source = (const int32_t[]){4, 5, 6, 7, 99, 9, 10, 0, 0, 0, 9, 9, 5, 4, 0};
    refusal(&how, &unknown, true, "99");
    unknown = three;
    unknown.source_length = (const int32_t[]){5, 0, 4};
    refusal(&how, &unknown, true, "sentence 1 has 0 symbols in rows of 5");
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(true);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F32));
    CU_ASSERT_EQUAL(heed_decoder_start(w.d, 3, 1, 5, source, (const int32_t[]){5, 6, 4}, &e), HEED_INVALID);
    CU_ASSERT(check_says(e.message, "sentence 1 has 6 symbols in rows of 5"));
    CU_ASSERT_PTR_NULL(heed_data(w.g, heed_decoder_step(w.d, (const int32_t[]){BEGIN})));
    CU_ASSERT(check_says(heed_graph_error(w.g)->message, "nothing was started"));
    world_free(&w);
}

CHECK_MAIN("decoding", {"cached logits are plain logits", cached_logits_are_plain_logits},
           {"rows change places and leave", rows_change_places_and_leave}, {"beam one is greedy", beam_one_is_greedy},
           {"scores are log-probabilities over the length term", scores_are_log_probabilities_over_the_length_term},
           {"early ends do not end the search", early_ends_do_not_end_the_search},
           {"a beam as wide as all outputs finds the best", a_beam_as_wide_as_all_outputs_finds_the_best},
           {"a batch is its sentences", a_batch_is_its_sentences}, {"prompts are continued", prompts_are_continued},
           {"learned positions are a limit", learned_positions_are_a_limit},
           {"draws follow the distribution", draws_follow_the_distribution},
           {"positions are drawn for separately", positions_are_drawn_for_separately},
           {"steps allocate nothing", steps_allocate_nothing},
           {"every allocation may be refused", every_allocation_may_be_refused},
           {"scores that are no numbers are told", scores_that_are_no_numbers_are_told},
           {"what cannot be is refused", what_cannot_be_is_refused})
