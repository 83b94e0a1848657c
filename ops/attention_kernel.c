/* The plan of blockwise attention, and its arithmetic for one instruction set: attention_body.h for float and for double; attention_whole.h
 * where one block holds all keys. */
#include "ops/attention_kernel.h"
#include "ops/gemm_internal.h"
#include "ops/simd_edge.h"
#include "ops/vmath.h"
#include "ops/vphilox.h"

typedef void sdpa_task_fn(const heed_sdpa *p, int phase, int64_t task, void *shared, void *scratch);
HEED_ISA_DECLARE(sdpa_task_fn, heed_sdpa_task_f32);
HEED_ISA_DECLARE(sdpa_task_fn, heed_sdpa_task_f64);

static inline int64_t lower(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t upper(int64_t a, int64_t b) { return a > b ? a : b; }

/* Keys that some query up to t may see. */
static inline int64_t visible(const heed_sdpa *p, int64_t batch, int64_t t)
{
    int64_t n = p->keys;
    if (p->lengths && p->lengths[batch] < n) n = p->lengths[batch];
    if (p->causal) n = lower(n, t + p->keys - p->queries + 1);
    return n < 0 ? 0 : n;
}

/* The first query that may see `key`. */
static inline int64_t first_to_see(const heed_sdpa *p, int64_t key) { return p->causal ? upper(0, key - (p->keys - p->queries)) : 0; }

/* Distance of the rows of a block of scores: whole vectors, and no multiple of a page. */
static inline int64_t score_row(int64_t keys) { return (keys + 15) / 16 * 16 + 16; }

/* Queries so few that keys and values are better read where they lie, STRETCH of these at a time; the same for more queries if a row is LONG, where
 * there are enough registers. */
enum { FEW_QUERIES = 4, MORE_QUERIES = 6, LONG = 256 /* bytes */, STRETCH = 8 };

#define ROW(rows, type, b, h, t) ((type *)(rows).at + (b) * (rows).batch + (h) * (rows).head + (t) * (rows).row)

#define REAL float
#define VEC vf
#define LANES VF
#define V(name) HEED_CAT(vf_, name)
#define FN(name) HEED_CAT(name, _f32)
#define GEMM(name) HEED_ISA_FN(HEED_CAT(heed_gemm_##name, _f32))
#define TASK HEED_ISA_FN(heed_sdpa_task_f32)
#include "ops/attention_body.h"
#undef REAL
#undef VEC
#undef LANES
#undef V
#undef FN
#undef GEMM
#undef TASK

#define REAL double
#define VEC vd
#define LANES VD
#define V(name) HEED_CAT(vd_, name)
#define FN(name) HEED_CAT(name, _f64)
#define GEMM(name) HEED_ISA_FN(HEED_CAT(heed_gemm_##name, _f64))
#define TASK HEED_ISA_FN(heed_sdpa_task_f64)
#include "ops/attention_body.h"

#if HEED_ISA_BASE

enum {
    MANY_TASKS = 32,       /* so that 16 threads end together */
    TASK_WORK = 1 << 18,   /* multiplications that outweigh fetching a task */
    LEAST_PART = 128,      /* queries or keys, below which packing the other side for each part costs too much */
    WHOLE = 512,           /* forward: keys up to which they are one block, */
    WHOLE_PANELS = 5120,   /* and elements of scores, keys and values for each lane of a vector */
};

/* See attention_whole.h; `width`: queries of a panel, and columns of one of gemm_internal.h. */
static void prepare_whole(heed_sdpa *p, int64_t bytes, int64_t width)
{
    const int64_t pairs = p->batch * p->heads, dk = gemm_parts(p->qk_depth, width) * width, dv = gemm_parts(p->v_depth, width) * width;
    int64_t elements = width * (p->qk_depth + 1), side = p->backward ? p->keys : p->queries, parts = 1;
    if (!p->backward) parts = upper(1, lower(gemm_parts(MANY_TASKS, pairs), side / LEAST_PART));
    p->query_block = width;
    p->key_block = upper(1, p->keys);
    p->part = p->backward ? upper(1, side) : gemm_parts(gemm_parts(side, parts), width) * width;
    p->group = parts > 1 ? 1 : upper(1, TASK_WORK / upper(p->queries * p->keys * (p->qk_depth + p->v_depth), 1));
    if (p->backward) elements += width * (p->v_depth + 3 * p->keys + dk + dv) + dk * p->keys; /* q', do'; scores, their gradient, weights; q, do; k */
    else elements += (width + dv) * p->keys;
    p->scratch = (size_t)((elements + 8 * width) * bytes);
}

void heed_sdpa_prepare_isa(heed_sdpa *p, int backward, heed_isa isa)
{
    static const int tile[HEED_ISA_COUNT] = {4, 6, 14}, vector[HEED_ISA_COUNT] = {16, 32, 64};
    const int64_t bytes = p->f64 ? 8 : 4, width = 2 * vector[isa] / bytes, lanes = vector[isa] / bytes;
    const int64_t pairs = p->batch * p->heads, side = backward ? p->keys : p->queries;
    p->isa = isa;
    p->backward = backward;
    p->phases = pairs <= 0 || (!backward && p->queries <= 0) ? 0 : 1;
    p->shared = p->scratch = 0;
    if (!p->phases) return;

    int64_t most = backward ? (p->causal ? 8 : 4) * lanes : lower(WHOLE, WHOLE_PANELS * lanes / (width + p->qk_depth + p->v_depth));
    p->few = p->queries <= (isa == HEED_AVX512 && !backward && p->qk_depth * bytes >= LONG ? MORE_QUERIES : FEW_QUERIES);
    p->whole = !p->few && p->keys <= most && (!backward || p->queries <= most);
    if (p->whole) {
        prepare_whole(p, bytes, width);
        return;
    }
    int64_t tiles = !p->causal || p->queries > 512 ? 8 : backward ? 4 : 2; /* scores of a block stay in L2; a causal one is half in vain */
    p->query_block = upper(1, lower(p->queries, tiles * tile[isa]));
    p->key_block = upper(1, lower(p->keys, backward && isa != HEED_AVX512 ? 128 : 256));
    int64_t parts = upper(1, lower(gemm_parts(MANY_TASKS, pairs), side / LEAST_PART)), step = backward ? p->key_block : p->query_block;
    p->part = upper(1, gemm_parts(gemm_parts(upper(side, 1), parts), step)) * step;
    parts = upper(1, gemm_parts(side, p->part));
    int64_t work = p->part * (backward ? p->queries : p->keys) * (p->qk_depth + p->v_depth);
    p->group = upper(1, TASK_WORK / upper(work, 1));
    if (parts > 1) p->group = 1;

    int64_t wide = gemm_parts(p->key_block, width) * width, row = score_row(p->key_block);
    int64_t dk = gemm_parts(p->qk_depth, width) * width, dv = gemm_parts(p->v_depth, width) * width, elements;
    if (backward) { /* k', v' and k as panels; q and do; weights and their gradient; D; a row of factors */
        elements = wide * (p->qk_depth + p->v_depth) + dk * p->key_block + (gemm_pitch(p->qk_depth, lanes) + gemm_pitch(p->v_depth, lanes)) * p->query_block + 2 * p->query_block * row;
        elements += p->queries + row + 4 * lanes;
        if (parts > 1 && p->d_q.at) { /* every part has its own dq; the second phase adds them in order */
            p->phases = 2;
            p->shared = (size_t)(pairs * parts * p->queries * p->qk_depth * bytes);
        }
    } else { /* k' and v as panels; scores; q; o; maximum and sum of every query; a row of factors */
        elements = wide * p->qk_depth + dv * p->key_block + p->query_block * row + p->part * (gemm_pitch(p->qk_depth, lanes) + gemm_parts(p->v_depth, lanes) * lanes + 2);
        elements += row + 4 * lanes;
    }
    p->scratch = (size_t)((elements + 16 * lanes) * bytes);
}

void heed_sdpa_prepare(heed_sdpa *p, int backward) { heed_sdpa_prepare_isa(p, backward, heed_isa_now()); }

int64_t heed_sdpa_tasks(const heed_sdpa *p, int phase)
{
    int64_t pairs = p->batch * p->heads;
    if (phase == 1) return pairs;
    return gemm_parts(pairs * upper(1, gemm_parts(p->backward ? p->keys : p->queries, p->part)), p->group);
}

void heed_sdpa_task(const heed_sdpa *p, int phase, int64_t task, void *shared, void *scratch)
{
    static sdpa_task_fn *const f32[] = HEED_ISA_TABLE(heed_sdpa_task_f32), *const f64[] = HEED_ISA_TABLE(heed_sdpa_task_f64);
    (p->f64 ? f64 : f32)[p->isa](p, phase, task, shared, scratch);
}

#endif
