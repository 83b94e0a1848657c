/* Searches, against searches by hand over the plain model. */
#include "decoding_world.h"

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

/* A vocabulary larger than the stretches that are passed over: two positions, each with probabilities of its own, whatever was said before. */
enum { MANY = 1000, MANY_BEAM = 4 };
static float many_logits[2 * MANY], many_rows[MANY_BEAM * MANY];

static int64_t many_symbols(const void *m) { return m ? MANY : 0; }

static heed_tensor *many_step(void *writer, const heed_rows *r, const int32_t *ids)
{
    (void)writer, (void)ids;
    int64_t rows = r->sentences * r->width;
    for (int64_t i = 0; i < rows * MANY; i++) many_rows[i] = many_logits[r->position * MANY + i % MANY];
    return heed_input(r->g, HEED_F32, 2, (int64_t[]){rows, MANY}, many_rows);
}

static void the_best_are_found_among_many_symbols(void)
{
    static const heed_model_kind kind = {.name = "many", .symbols = many_symbols, .reads = toy_reads, .writer = toy_writer, .free = toy_free,
                                         .begin = toy_begin, .step = many_step, .select = toy_select};
    static const int model = 1;
    heed_error e = {0};
    heed_graph *g = heed_graph_new();
    heed_decoder *d = heed_decoder_new(g, (heed_model){&kind, &model});
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    for (uint32_t seed = 1; seed <= 30; seed++) {
        uint32_t state = seed;
        double sum[2] = {0}, best[MANY_BEAM];
        int said[MANY_BEAM][2];
        for (int i = 0; i < 2 * MANY; i++) {
            state = state * 1664525u + 1013904223u;
            many_logits[i] = (float)(state >> 8) / (1 << 22);
            sum[i / MANY] += exp(many_logits[i]);
        }
        int found = 0;
        for (int a = 0; a < MANY; a++)
            for (int b = 0; b < MANY; b++) {
                double p = (double)many_logits[a] - log(sum[0]) + (double)many_logits[MANY + b] - log(sum[1]);
                if (a == PAD || a == BEGIN || b == PAD || b == BEGIN || (found == MANY_BEAM && p <= best[found - 1])) continue;
                int at = found < MANY_BEAM ? found++ : found - 1;
                for (; at > 0 && p > best[at - 1]; at--) best[at] = best[at - 1], memcpy(said[at], said[at - 1], sizeof *said);
                best[at] = p, said[at][0] = a, said[at][1] = b;
            }
        for (int beam = 1; beam <= MANY_BEAM; beam += MANY_BEAM - 1) {
            heed_search how = heed_search_greedy(PAD, BEGIN, -1);
            how.beam = beam;
            how.factor = 0;
            how.extra = 2;
            heed_found *f = heed_search_run(d, &how, &(heed_prompts){.sentences = 1}, &e);
            CU_ASSERT_FATAL(f && heed_found_count(f, 0) == beam);
            for (int k = 0; k < beam; k++) {
                heed_hypothesis h = heed_found_at(f, 0, k);
                CU_ASSERT(h.length == 2 && h.ids[0] == said[k][0] && h.ids[1] == said[k][1]);
                CU_ASSERT_DOUBLE_EQUAL(h.log_probability, best[k], 1e-4);
            }
            heed_found_free(f);
        }
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

/* Without an end symbol every output goes to its limit, and that symbol is one like others; also when it is the likeliest. */
static void nothing_ends_without_an_end(void)
{
    world w;
    heed_error e = {0};
    heed_transformer_config c = small(false);
    CU_ASSERT_FATAL(world_new(&w, &c, HEED_F64));
    bool ends = false;
    for (int32_t end = UNK + 1; end < V; end++) {
        heed_search how = heed_search_greedy(PAD, UNK, end);
        how.extra = 9;
        heed_found *before = heed_search_run(w.d, &how, &prompts, &e);
        how.end = -1;
        heed_found *f = heed_search_run(w.d, &how, &prompts, &e);
        CU_ASSERT_FATAL(before && f);
        for (int s = 0; s < 3; s++) {
            heed_hypothesis h = heed_found_at(f, s, 0), b = heed_found_at(before, s, 0);
            CU_ASSERT(!h.ended && h.length == prompts.prefix_length[s] + 9);
            CU_ASSERT(!memcmp(h.ids, b.ids, (size_t)b.length * sizeof *h.ids) && (!b.ended || h.ids[b.length] == end));
            ends = ends || b.ended;
        }
        heed_found_free(before);
        heed_found_free(f);
    }
    CU_ASSERT(ends);
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

/* --- failure ---------------------------------------------------------------------------------------------------------------- */

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

CHECK_MAIN("decoding", {"beam one is greedy", beam_one_is_greedy},
           {"scores are log-probabilities over the length term", scores_are_log_probabilities_over_the_length_term},
           {"early ends do not end the search", early_ends_do_not_end_the_search},
           {"the best are found among many symbols", the_best_are_found_among_many_symbols},
           {"a beam as wide as all outputs finds the best", a_beam_as_wide_as_all_outputs_finds_the_best},
           {"a batch is its sentences", a_batch_is_its_sentences}, {"prompts are continued", prompts_are_continued},
           {"nothing ends without an end", nothing_ends_without_an_end},
           {"learned positions are a limit", learned_positions_are_a_limit},
           {"every allocation may be refused", every_allocation_may_be_refused},
           {"scores that are no numbers are told", scores_that_are_no_numbers_are_told},
           {"what cannot be is refused", what_cannot_be_is_refused})
