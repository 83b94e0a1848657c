/* Outputs that are drawn: from the distribution, and each from numbers of its own. */
#include "decoding_world.h"

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

CHECK_MAIN("drawing", {"draws follow the distribution", draws_follow_the_distribution},
           {"positions are drawn for separately", positions_are_drawn_for_separately})
