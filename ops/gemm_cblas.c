/* Matrix products by a CBLAS library: built with -DHEED_CBLAS=blis or openblas, used when the environment says HEED_GEMM=cblas.
 *
 * A product is one task, so the library may use its own threads; whether bits depend on their number is then up to it. OpenBLAS
 * is taken in its OpenMP build only: the others give wrong results when several threads call them at once. */
#include "ops/gemm_internal.h"

#if HEED_ISA_BASE

#include <stdlib.h>
#include <string.h>

#if defined(HEED_CBLAS)

#include <cblas.h>
#include <limits.h>

static const char *refusal(void)
{
#if defined(OPENBLAS_OPENMP)
    if (openblas_get_parallel() != OPENBLAS_OPENMP) return "own (openblas refused: not its OpenMP build)";
#endif
    return NULL;
}

const char *heed_gemm_backend(void)
{
    const char *wish = getenv("HEED_GEMM");
    if (!wish || strcmp(wish, "cblas")) return "own";
    return refusal() ? refusal() : HEED_CBLAS;
}

/* Whether rows or columns are adjacent and the other stride can be a leading dimension. */
static int fits(int64_t row, int64_t col, int64_t rows, int64_t cols)
{
    return (col == 1 && row >= cols && row <= INT_MAX) || (row == 1 && col >= rows && col <= INT_MAX);
}

int heed_gemm_cblas_wanted(const heed_gemm *p)
{
    if (strcmp(heed_gemm_backend(), HEED_CBLAS)) return 0;
    if (p->k <= 0 || p->m > INT_MAX || p->n > INT_MAX || p->k > INT_MAX) return 0;
    return fits(p->a_row, p->a_col, p->m, p->k) && fits(p->b_row, p->b_col, p->k, p->n) && p->c_row >= p->n && p->c_row <= INT_MAX;
}

void heed_gemm_cblas(const heed_gemm *p)
{
    const int a_plain = p->a_col == 1 && p->a_row >= p->k, b_plain = p->b_col == 1 && p->b_row >= p->n;
    const enum CBLAS_TRANSPOSE ta = a_plain ? CblasNoTrans : CblasTrans, tb = b_plain ? CblasNoTrans : CblasTrans;
    const int m = (int)p->m, n = (int)p->n, k = (int)p->k, ldc = (int)p->c_row;
    const int lda = (int)(a_plain ? p->a_row : p->a_col), ldb = (int)(b_plain ? p->b_row : p->b_col);
    for (int64_t i = 0; i < p->batches; i++) {
        const int64_t at_a = gemm_batch_offset(p, p->a_batch, i), at_b = gemm_batch_offset(p, p->b_batch, i);
        const int64_t at_c = gemm_batch_offset(p, p->c_batch, i);
        void *c = (char *)p->c + at_c * (p->f64 ? 8 : 4);
        if (p->f64)
            cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, p->alpha, (const double *)p->a + at_a, lda, (const double *)p->b + at_b, ldb,
                        p->accumulate ? 1 : 0, c, ldc);
        else
            cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, (float)p->alpha, (const float *)p->a + at_a, lda, (const float *)p->b + at_b, ldb,
                        p->accumulate ? 1 : 0, c, ldc);
        if (p->done) p->done(p->context, i, 0, p->m, 0, p->n, c, p->c_row);
    }
}

#else

const char *heed_gemm_backend(void) { return "own"; }

#endif

#endif
