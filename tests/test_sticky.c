/* Errors stick: after the first failure nothing is computed or changed, every call returns at once, and the sentence names scope, op, shapes. */
#include "autograd/node.h"
#include "check.h"
#include "own_ops.h"

#include <stdlib.h>

static const double numbers[24];
static heed_tensor *input(heed_graph *g, int64_t rows, int64_t cols) { return heed_input(g, HEED_F64, 2, (int64_t[]){rows, cols}, numbers); }

static bool failed_with(heed_graph *g, heed_code code, const char *sentence)
{
    bool ok = heed_graph_error(g)->code == code && check_says(heed_graph_error(g)->message, sentence);
    heed_graph_reset(g);
    return ok && heed_graph_error(g)->code == HEED_OK && !*heed_graph_error(g)->message;
}

static bool is_failed(heed_graph *g, heed_tensor *t) { return t && heed_rank(t) == 0 && heed_size(t) == 1 && isnan(heed_item(g, t)); }

/* Every public function on a graph that has failed. */
static void check_failed(heed_graph *g, heed_params *ps)
{
    static char before[508];
    strcpy(before, heed_graph_error(g)->message);
    heed_code code = heed_graph_error(g)->code;
    heed_tensor *x = heed_input(g, HEED_F64, 2, (int64_t[]){2, 3}, numbers), *dx[1];
    CU_ASSERT(is_failed(g, x) && is_failed(g, heed_scalar(g, HEED_F32, 1)) && is_failed(g, heed_full(g, HEED_F32, 0, NULL, 1)));
    CU_ASSERT(is_failed(g, heed_add(g, x, x)) && is_failed(g, heed_matmul(g, x, x)) && is_failed(g, heed_sum(g, x, HEED_ALL, false)));
    CU_ASSERT(is_failed(g, heed_reshape(g, x, 1, (int64_t[]){6})) && is_failed(g, heed_transpose(g, x, -1, -2)) && is_failed(g, own_softmax(g, x)));
    CU_ASSERT(is_failed(g, heed_linear(g, x, x, x)) && is_failed(g, heed_outer(g, x, x)) && is_failed(g, heed_expand(g, x, 1, (int64_t[]){3})));
    CU_ASSERT(is_failed(g, heed_keep(g, x)) && is_failed(g, heed_name(g, x, "x")) && is_failed(g, heed_apply(g, &own_exp, 1, &x, NULL)));
    CU_ASSERT(is_failed(g, heed_graph_fail(g, HEED_IO, "another")) && heed_find(g, "x") == NULL && !heed_wanted(g, "x"));
    if (ps && heed_params_count(ps)) CU_ASSERT(is_failed(g, heed_use(g, heed_params_at(ps, 0))));
    heed_grad(g, x, NULL, 1, &x, dx);
    CU_ASSERT(is_failed(g, dx[0]) && heed_data(g, x) == NULL && heed_run(g, 1, &x) == code && heed_backward(g, x) == code);
    heed_cost c;
    CU_ASSERT(heed_graph_explain(g, x, true, &c, NULL) == code && c.nodes == 0 && heed_graph_dot(g, stdout) == code);
    heed_scope(g, "s%d", 1);
    heed_scope_end(g);
    heed_scope_end(g);
    heed_keep_named(g, "*");
    heed_graph_threads(g, -1);
    heed_graph_training(g, heed_graph_is_training(g));
    heed_graph_seed(g, 1, 2);
    heed_next_draw(g);
    CU_ASSERT(heed_graph_threads_now(g) == 0);
    CU_ASSERT_STRING_EQUAL(heed_graph_error(g)->message, before);
}

static void the_first_failure_sticks(void)
{
    heed_graph *g = heed_graph_new();
    heed_params *ps = heed_params_new(1);
    heed_param *p = heed_param_new(ps, "p", HEED_F64, 0, NULL, HEED_ONES);
    heed_tensor *loss = heed_mul(g, heed_use(g, p), heed_use(g, p));
    heed_scope(g, "enc.%d", 2);
    heed_scope(g, "attn");
    heed_tensor *y = heed_add(g, input(g, 2, 3), input(g, 4, 3));
    CU_ASSERT(is_failed(g, y));
    CU_ASSERT_STRING_EQUAL(heed_graph_error(g)->message, "enc.2.attn: add: shapes do not broadcast: [2,3] and [4,3]");
    check_failed(g, ps);
    CU_ASSERT_EQUAL(heed_backward(g, loss), HEED_INVALID);
    CU_ASSERT(isnan(heed_item(g, loss)) && heed_param_grad_is_zero(p)); /* a failed graph gives nothing, though the loss was fine */
    heed_graph_reset(g);
    CU_ASSERT_EQUAL(heed_backward(g, heed_mul(g, heed_use(g, p), heed_use(g, p))), HEED_OK);
    CU_ASSERT_EQUAL(*(double *)heed_param_grad(p), 2);
    heed_params_free(ps);
    heed_graph_free(g);
}

/* --- without memory from the start ---------------------------------------------------------------------------------------------------- */

static void *none(void *context, void *p, size_t old, size_t size)
{
    (void)context, (void)old, (void)size;
    free(p);
    return NULL;
}

static void failed_constructors(void)
{
    heed_set_allocator(none, NULL);
    heed_graph *g = heed_graph_new();
    heed_params *ps = heed_params_new(1);
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_NO_MEMORY);
    CU_ASSERT_EQUAL(heed_params_error(ps)->code, HEED_NO_MEMORY);
    check_failed(g, ps);
    heed_graph_threads(g, 3);
    heed_graph_eager(g, true);
    heed_graph_anomaly(g, true);
    heed_graph_reset(g);
    CU_ASSERT_EQUAL(heed_graph_error(g)->code, HEED_NO_MEMORY); /* for good */
    heed_params_scope(ps, "a");
    heed_param *p = heed_param_new(ps, "p", HEED_F32, 1, (int64_t[]){3}, HEED_ONES);
    heed_params_scope_end(ps);
    CU_ASSERT(p && heed_param_size(p) == 0 && heed_param_rank(p) == 0 && !heed_param_data(p) && !heed_param_grad(p) && !*heed_param_name(p));
    CU_ASSERT(heed_params_count(ps) == 0 && !heed_params_find(ps, "p") && heed_params_size(ps) == 0 && heed_params_trainable(ps, "*", false) == 0);
    heed_params_dtype(ps, HEED_F64);
    heed_params_zero_grad(ps);
    heed_params_free(ps);
    heed_graph_free(g);
    heed_set_allocator(NULL, NULL);
    g = heed_graph_new();
    heed_use(g, p); /* of the store that never was */
    CU_ASSERT(failed_with(g, HEED_NO_MEMORY, "parameters: no memory"));
    heed_graph_free(g);
    heed_graph_free(NULL);
    heed_params_free(NULL);
}

/* --- tensors that are not this graph's ------------------------------------------------------------------------------------------------- */

static void strangers(void)
{
    heed_graph *g = heed_graph_new(), *other = heed_graph_new();
    for (int i = 0; i < 3; i++) input(other, 2, 3);
    heed_tensor *stranger = input(other, 2, 3), *dx[2];
    for (int what = 0; what < 11; what++) {
        heed_tensor *x = input(g, 2, 3), *both[] = {x, stranger};
        switch (what) {
        case 0: heed_add(g, x, stranger); break;
        case 1: heed_run(g, 2, both); break;
        case 2: heed_data(g, stranger); break;
        case 3: CU_ASSERT(isnan(heed_item(g, stranger))); break;
        case 4: heed_keep(g, stranger); break;
        case 5: heed_name(g, stranger, "x"); break;
        case 6: heed_grad(g, stranger, NULL, 1, both, dx); break;
        case 7: heed_grad(g, x, NULL, 2, both, dx); break;
        case 8: heed_grad(g, x, stranger, 1, both, dx); break;
        case 9: heed_backward(g, stranger); break;
        default: heed_graph_explain(g, stranger, false, NULL, NULL);
        }
        CU_ASSERT(failed_with(g, HEED_INVALID, "not of this graph since its last reset"));
    }
    CU_ASSERT(heed_graph_error(other)->code == HEED_OK && !(stranger->flags & NODE_KEEP));
    heed_tensor *old = heed_neg(g, input(g, 2, 3)); /* from before a reset */
    heed_graph_reset(g);
    heed_neg(g, old);
    CU_ASSERT(failed_with(g, HEED_INVALID, "neg: operand 0 is not of this graph since its last reset"));
    heed_data(g, NULL);
    CU_ASSERT(failed_with(g, HEED_INVALID, "not of this graph"));
    CU_ASSERT(isnan(heed_item(g, NULL)));
    CU_ASSERT(failed_with(g, HEED_INVALID, "not of this graph"));
    heed_add(g, input(g, 2, 3), NULL);
    CU_ASSERT(failed_with(g, HEED_INVALID, "add: operand 1 is not of this graph"));
    heed_graph_free(other);
    heed_graph_free(g);
}

/* --- sentences ------------------------------------------------------------------------------------------------------------------------------ */

static void gradients_that_cannot_be(void)
{
    heed_graph *g = heed_graph_new();
    heed_backward(g, input(g, 2, 3));
    CU_ASSERT(failed_with(g, HEED_INVALID, "backward: the loss must be one float, it is float64 of shape [2,3]"));
    heed_backward(g, heed_scalar(g, HEED_I32, 3));
    CU_ASSERT(failed_with(g, HEED_INVALID, "backward: the loss must be one float, it is int32 of shape []"));
    heed_tensor *x = input(g, 2, 3), *y = heed_neg(g, x), *mask = own_map(g, &own_above, x), *dx[2];
    heed_grad(g, y, input(g, 3, 2), 1, &x, dx);
    CU_ASSERT(failed_with(g, HEED_INVALID, "grad: dy is float64[3,2], y is float64[2,3]"));
    x = input(g, 2, 3), y = heed_neg(g, x);
    heed_grad(g, y, heed_full(g, HEED_F32, 2, (int64_t[]){2, 3}, 1), 1, &x, dx);
    CU_ASSERT(failed_with(g, HEED_INVALID, "grad: dy is float32[2,3], y is float64[2,3]"));
    x = input(g, 2, 3), y = heed_neg(g, x), mask = own_map(g, &own_above, x);
    heed_grad(g, y, NULL, 2, (heed_tensor *[]){x, mask}, dx);
    CU_ASSERT(failed_with(g, HEED_INVALID, "grad: operand 1 is uint8, which has no gradient"));
    x = input(g, 2, 3), mask = own_map(g, &own_above, x);
    heed_grad(g, mask, NULL, 1, &x, dx);
    CU_ASSERT(failed_with(g, HEED_INVALID, "grad: a value of uint8 has no gradient"));
    static const heed_op flat = {.name = "flat", .kind = HEED_MAP, .operands = 1, .shape = heed_shape_broadcast, .tile = {[HEED_F32] = {own_exp_f32}}};
    x = input(g, 2, 3);
    heed_grad(g, own_map(g, &flat, x), NULL, 1, &x, dx);
    CU_ASSERT(failed_with(g, HEED_UNSUPPORTED, "flat: has no derivative"));
    heed_data(g, own_map(g, &flat, input(g, 2, 3)));
    CU_ASSERT(failed_with(g, HEED_UNSUPPORTED, "flat: not defined for float64"));
    heed_graph_free(g);
}

static void leaves_that_cannot_be(void)
{
    heed_graph *g = heed_graph_new();
    heed_input(g, HEED_F64, 9, (int64_t[9]){1}, numbers);
    CU_ASSERT(failed_with(g, HEED_INVALID, "rank 9 is not in 0..8"));
    heed_input(g, (heed_dtype)7, 0, NULL, numbers);
    CU_ASSERT(failed_with(g, HEED_INVALID, "there is no dtype 7"));
    heed_full(g, (heed_dtype)4, 0, NULL, 1);
    CU_ASSERT(failed_with(g, HEED_INVALID, "there is no dtype 4"));
    heed_input(g, HEED_F64, 1, (int64_t[]){-1}, numbers);
    CU_ASSERT(failed_with(g, HEED_INVALID, "too many elements or axes"));
    heed_input(g, HEED_F32, 1, (int64_t[]){3}, NULL);
    CU_ASSERT(failed_with(g, HEED_INVALID, "input: no data"));
    heed_input(g, HEED_F32, 1, (int64_t[]){3}, (const char *)numbers + 1);
    CU_ASSERT(failed_with(g, HEED_INVALID, "input: the data of float32 are not aligned to 4 bytes"));
    heed_scalar(g, HEED_I32, 3e9);
    CU_ASSERT(failed_with(g, HEED_INVALID, "scalar: 3e+09 is not an int32"));
    heed_item(g, input(g, 2, 3));
    CU_ASSERT(failed_with(g, HEED_INVALID, "item: a tensor of shape [2,3] is not one number"));
    heed_graph_threads(g, -2);
    CU_ASSERT(failed_with(g, HEED_INVALID, "threads: -2 is negative"));
    heed_scope(g, "%0200d", 1);
    CU_ASSERT(failed_with(g, HEED_INVALID, "is longer than 127 bytes"));
    static const heed_op many = {.name = "many", .kind = HEED_MAP, .operands = -1, .shape = heed_shape_broadcast, .tile = {[HEED_F64] = {own_exp_f64}}};
    heed_tensor *x[17];
    for (int i = 0; i < 17; i++) x[i] = input(g, 1, 1);
    heed_apply(g, &many, 17, x, NULL);
    CU_ASSERT(failed_with(g, HEED_INVALID, "many: 17 operands, at most 16 can be"));
    heed_apply(g, &own_exp, 2, (heed_tensor *[]){input(g, 1, 1), input(g, 1, 1)}, NULL);
    CU_ASSERT(failed_with(g, HEED_INVALID, "own_exp: takes 1 operands, got 2"));
    heed_graph_free(g);
}

static void two_stores(void)
{
    heed_graph *g = heed_graph_new();
    heed_params *a = heed_params_new(1), *b = heed_params_new(2);
    heed_param *p = heed_param_new(a, "one", HEED_F32, 0, NULL, HEED_ONES), *q = heed_param_new(b, "two", HEED_F32, 0, NULL, HEED_ONES);
    CU_ASSERT_PTR_EQUAL(heed_use(g, p), heed_use(g, p));
    heed_use(g, q);
    CU_ASSERT(failed_with(g, HEED_INVALID, "two: parameters of two stores in one graph"));
    CU_ASSERT_EQUAL(heed_item(g, heed_use(g, q)), 1); /* after a reset the other one */
    heed_graph_reset(g);
    heed_param_new(b, "two", HEED_F32, 0, NULL, HEED_ONES);
    heed_use(g, q);
    CU_ASSERT(failed_with(g, HEED_INVALID, "two: this parameter exists already"));
    heed_params_free(a);
    heed_params_free(b);
    heed_graph_free(g);
}

CHECK_MAIN("errors", {"the first failure sticks", the_first_failure_sticks}, {"failed constructors", failed_constructors},
           {"tensors of other graphs and times", strangers}, {"gradients that cannot be", gradients_that_cannot_be},
           {"leaves that cannot be", leaves_that_cannot_be}, {"two stores in one graph", two_stores})
