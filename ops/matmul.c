/* Matrix products over batches of matrices; the arithmetic is in gemm.h. */
#include "ops/gemm.h"
#include "ops/ops.h"
#include "ops/product.h"
#include "ops/simd.h"

#if HEED_ISA_BASE

/* matmul   y[b,i,j] = sum_p a[b,i,p] b[b,p,j]      da = dy b^T      db = a^T dy
 *
 * Leading axes broadcast. Operands may have any strides, so a transposed one is a view. */

static bool do_not_fit(heed_shaping *s, const char *why)
{
    char left[96], right[96];
    return heed_reject(s, "%s: %s x %s", why, heed_shape_text(s->x[0], left, sizeof left), heed_shape_text(s->x[1], right, sizeof right));
}

static bool matmul_shape(heed_shaping *s)
{
    const int64_t *a = heed_shape(s->x[0]), *b = heed_shape(s->x[1]);
    const int p = heed_rank(s->x[0]), q = heed_rank(s->x[1]);
    if (!heed_shape_float(s)) return false;
    if (p < 2 || q < 2) return do_not_fit(s, "operands are matrices");
    if (a[p - 1] != b[q - 2]) return do_not_fit(s, "inner sizes differ");
    s->rank = p > q ? p : q;
    for (int i = 3; i <= s->rank; i++) { /* from the last batch axis to the first */
        int64_t m = i <= p ? a[p - i] : 1, n = i <= q ? b[q - i] : 1;
        if (m != n && m != 1 && n != 1) return do_not_fit(s, "leading axes do not broadcast");
        s->shape[s->rank - i] = m == 1 ? n : m;
    }
    s->shape[s->rank - 2] = a[p - 2];
    s->shape[s->rank - 1] = b[q - 1];
    return true;
}

/* stride of the operand along axis `i` of the result; 0 where it is broadcast */
static int64_t batch_stride(const heed_array *x, int i, int rank)
{
    int axis = i - rank + x->rank;
    return axis < 0 || x->shape[axis] == 1 ? 0 : x->stride[axis];
}

/* The product of a call, ready to run. Built anew for every task, which costs less than keeping it: the planner asks for its size before
 * any memory exists. */
static heed_gemm product_of(const heed_call *c)
{
    const heed_array *a = &c->x[0], *b = &c->x[1], *y = &c->y;
    heed_gemm p = {.f64 = y->dtype == HEED_F64, .m = y->shape[y->rank - 2], .n = y->shape[y->rank - 1], .k = a->shape[a->rank - 1],
                   .a = a->p, .a_row = a->stride[a->rank - 2], .a_col = a->stride[a->rank - 1],
                   .b = b->p, .b_row = b->stride[b->rank - 2], .b_col = b->stride[b->rank - 1],
                   .c = y->p, .c_row = y->shape[y->rank - 1], .accumulate = c->accumulate, .alpha = 1};
    int64_t size[HEED_MAX_RANK], as[HEED_MAX_RANK], bs[HEED_MAX_RANK];
    int n = 0;
    for (int i = y->rank - 2; i-- > 0;) { /* innermost first; axes merge where both operands go on evenly */
        int64_t more = y->shape[i], sa = batch_stride(a, i, y->rank), sb = batch_stride(b, i, y->rank);
        if (more == 1) continue;
        if (n == 0 && sb == 0 && (p.m == 1 || sa == p.m * p.a_row)) { /* rows of one larger product */
            if (p.m == 1) p.a_row = sa;
            p.m *= more;
        } else if (n > 0 && sa == as[n - 1] * size[n - 1] && sb == bs[n - 1] * size[n - 1]) size[n - 1] *= more;
        else {
            size[n] = more;
            as[n] = sa;
            bs[n++] = sb;
        }
    }
    int64_t step = p.m * p.n;
    p.batch_rank = n;
    for (int i = 0; i < n; step *= size[i++]) {
        p.batch[n - 1 - i] = size[i];
        p.a_batch[n - 1 - i] = as[i];
        p.b_batch[n - 1 - i] = bs[i];
        p.c_batch[n - 1 - i] = step;
    }
    heed_gemm_prepare(&p);
    return p;
}

static void matmul_work(const heed_call *c, heed_work *w)
{
    heed_gemm p = product_of(c);
    *w = (heed_work){p.phases, p.shared, p.scratch};
}

static int64_t matmul_tasks(const heed_call *c, int phase)
{
    heed_gemm p = product_of(c);
    return heed_gemm_tasks(&p, phase);
}

/* Bias, activation and residual, on a block of the product that is still in the cache. */
typedef struct finish_context { const heed_call *call; void *scratch; int64_t m; } finish_context;

static void finish_block(void *context, int64_t batch, int64_t row, int64_t rows, int64_t col, int64_t cols, void *block, int64_t stride)
{
    const finish_context *f = context;
    f->call->finish(f->call, f->scratch, batch * f->m + row, rows, col, cols, block, stride);
}

void heed_product_task(const heed_call *c, heed_gemm *p, int phase, int64_t task, void *scratch)
{
    finish_context f = {c, (char *)scratch + ((p->scratch + 63) & ~(size_t)63), p->m};
    if (c->finish) {
        p->done = finish_block;
        p->context = &f;
    }
    heed_gemm_task(p, phase, task, c->shared, scratch);
}

static void matmul_run(const heed_call *c, int phase, int64_t task, void *scratch)
{
    heed_gemm p = product_of(c);
    heed_product_task(c, &p, phase, task, scratch);
}

static double matmul_flops(const heed_call *c) { return 2.0 * (double)c->y.size * (double)c->x[0].shape[c->x[0].rank - 1]; }

/* Rows of a give rows of the product; a sum over rows of both operands, as the gradient of b is, goes on from block to block. */
static bool matmul_cut(int count, heed_tensor *const *x, heed_cut *cut, bool *sums)
{
    (void)count;
    *sums = cut[0] != HEED_BY_ROWS;
    if (!*sums) return cut[1] == HEED_UNCUT && heed_size(x[1]) == heed_dim(x[1], -1) * heed_dim(x[1], -2);
    if ((cut[0] != HEED_BY_LAST && cut[1] != HEED_BY_ROWS) || cut[1] == HEED_BY_LAST || heed_rank(x[0]) != 2 || heed_rank(x[1]) != 2) return false;
    cut[0] = HEED_BY_LAST;
    cut[1] = HEED_BY_ROWS;
    return true;
}

static heed_tensor *rows_of(heed_graph *g, heed_tensor *x)
{
    const int64_t columns = heed_shape(x)[heed_rank(x) - 1];
    return heed_reshape(g, x, 2, (int64_t[]){heed_size(x) / columns, columns});
}

static void matmul_vjp(heed_graph *g, const heed_vjp *v)
{
    heed_tensor *a = v->x[0], *b = v->x[1], *dy = v->dy;
    if (v->need[0]) v->dx[0] = heed_matmul(g, dy, heed_transpose(g, b, -1, -2));
    if (!v->need[1]) return;
    int64_t matrix = heed_dim(b, -1) * heed_dim(b, -2);
    if (matrix && heed_size(b) == matrix && heed_size(dy)) { /* one matrix for all rows: one product over all rows */
        a = rows_of(g, a);
        dy = rows_of(g, dy);
    }
    /* in the order in which b lies in memory: for a transposed parameter the result is its gradient as it is */
    if (heed_stride(b, -1) > heed_stride(b, -2)) v->dx[1] = heed_transpose(g, heed_matmul(g, heed_transpose(g, dy, -1, -2), a), -1, -2);
    else v->dx[1] = heed_matmul(g, heed_transpose(g, a, -1, -2), dy);
}

const heed_op heed_op_matmul = {.name = "matmul", .kind = HEED_KERNEL, .operands = 2, .flags = HEED_SMOOTH | HEED_ANY_STRIDE | HEED_ADDS | HEED_FINISHES,
    .shape = matmul_shape, .vjp = matmul_vjp, .work = matmul_work, .tasks = matmul_tasks, .run = matmul_run, .flops = matmul_flops, .cut = matmul_cut};

heed_tensor *heed_matmul(heed_graph *g, heed_tensor *a, heed_tensor *b)
{
    if (heed_graph_error(g)->code) return a;
    bool row = heed_rank(a) == 1, col = heed_rank(b) == 1;
    if (row) a = heed_reshape(g, a, 2, (int64_t[]){1, heed_dim(a, 0)});
    if (col) b = heed_reshape(g, b, 2, (int64_t[]){heed_dim(b, 0), 1});
    heed_tensor *y = heed_packed_product(g, a, b);
    if (!y) y = heed_apply(g, &heed_op_matmul, 2, (heed_tensor *[]){a, b}, NULL);
    if (!row && !col) return y;
    int64_t shape[HEED_MAX_RANK];
    int n = 0;
    for (int i = 0; i < heed_rank(y); i++)
        if (!(row && i == heed_rank(y) - 2) && !(col && i == heed_rank(y) - 1)) shape[n++] = heed_dim(y, i);
    return heed_reshape(g, y, n, shape);
}

heed_tensor *heed_linear(heed_graph *g, heed_tensor *x, heed_tensor *w, heed_tensor *bias)
{
    heed_tensor *y = heed_matmul(g, x, w);
    return bias ? heed_add(g, y, bias) : y;
}

heed_tensor *heed_outer(heed_graph *g, heed_tensor *a, heed_tensor *b)
{
    if (heed_graph_error(g)->code) return a;
    int64_t col[HEED_MAX_RANK], row[HEED_MAX_RANK];
    int m = heed_rank(a), n = heed_rank(b);
    if (m < 1 || n < 1 || m >= HEED_MAX_RANK || n >= HEED_MAX_RANK)
        return heed_graph_fail(g, HEED_INVALID, "outer: operands of rank %d and %d, not 1 to %d", m, n, HEED_MAX_RANK - 1);
    for (int i = 0; i < m; i++) col[i] = heed_dim(a, i);
    for (int i = 0; i < n; i++) row[i] = heed_dim(b, i);
    col[m] = 1;
    row[n] = row[n - 1];
    row[n - 1] = 1;
    return heed_mul(g, heed_reshape(g, a, m + 1, col), heed_reshape(g, b, n + 1, row));
}
#endif
