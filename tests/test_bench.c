/* The benchmarks' cases: the models are the peers' to the last weight, small shapes run, and what cannot be is told. */
#include "bench/bench.h"
#include "check.h"

static heed_error begun(bench_work *w, const char *name, const char *set)
{
    heed_error e = {0};
    const bench_case *c = bench_find(name, &e);
    if (c) bench_begin(w, c, set, 1, &e);
    return e;
}

static void weights_are_those_of_pytorch(void)
{
    static const struct { const char *name; int64_t weights; } list[] = {
        {"m30k-tiny", 2566656}, {"g2p", 1861632}, {"g2p-small", 238592}, {"lm-tiny", 562688},
        {"lm-nano", 801408}, {"lstm-lm", 6182672}, {"lstm-small", 43600}, {"encode-1", 24034304}, {"scalar", 1}, {"attn-512", 0},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        bench_work w;
        CU_ASSERT_EQUAL(begun(&w, list[i].name, NULL).code, HEED_OK);
        CU_ASSERT_EQUAL(heed_params_size(w.params), list[i].weights);
        bench_end(&w);
    }
}

/* Every case runs, in small: a unit, and another over the same memory. */
static void every_case_runs(void)
{
    static const struct { const bench_family *family; const char *set; } small[] = {
        {&bench_train, "vocab=11,d=8,h=2,ff=8,enc=1,dec=1,batch=3,src_len=4,tgt_len=3"},
        {&bench_encode, "vocab=11,d=8,h=2,ff=8,enc=1,batch=2,length=3"},
        {&bench_decode, "vocab=11,d=8,h=2,ff=8,layers=1,batch=3,src_len=4,new=5,beam=2"},
        {&bench_attention, "batch=2,heads=2,length=5,dk=4"},
        {&bench_lstm, "vocab=11,hid=5,layers=2,batch=3,length=4"},
        {&bench_scalar, "nodes=10"},
    };
    for (const bench_case *c = bench_cases; c->name; c++)
        for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
            if (c->family != small[i].family) continue;
            bench_work w;
            heed_error e = {0};
            bench_begin(&w, c, small[i].set, 1, &e);
            CU_ASSERT(!e.code && !bench_step(&w, c, &e) && !bench_step(&w, c, &e));
            CU_ASSERT(w.steps == 2 && c->family->units(&w.shape) > 0);
            bench_end(&w);
        }
}

static void what_cannot_be_is_told(void)
{
    static const struct { const char *name, *set, *says; } list[] = {
        {"g2q", NULL, "no case 'g2q'; did you mean 'g2p'?"},
        {"nonsense", NULL, "no case 'nonsense'; --list names them"},
        {"g2p", "vocabb=3", "vocab"},
        {"g2p", "d=30,h=4", "d=30 is not a multiple of h=4"},
        {"g2p", "src_len=0", "src_len=0 leaves the encoder nothing to read"},
        {"g2p", "d", "KEY=VALUE"},
        {"scalar", "nodes=1", "[2,"},
        {"decode-32-beam5", "beam=0", "[1,1000]"},
        {"decode-1", "beam=x", "beam"},
        {"lm-nano", "batch=-1", "batch"},
        {"lm-nano", "p=1", "p"},
        {"", NULL, "no case ''"},
        {"attn-512", "causal=perhaps", "causal"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        bench_work w = {0};
        heed_error e = begun(&w, list[i].name, list[i].set);
        CU_ASSERT_EQUAL(e.code, HEED_INVALID);
        CU_ASSERT(check_says(e.message, list[i].says));
        bench_end(&w);
    }
}

CHECK_MAIN("benchmarks", {"weights are those of PyTorch", weights_are_those_of_pytorch}, {"every case runs", every_case_runs},
           {"what cannot be is told", what_cannot_be_is_told})
