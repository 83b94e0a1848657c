/* Looking at a graph: what a run would cost, scope by scope, and the graph as a picture. Nothing is computed. */
#include "autograd/plan.h"

#include <inttypes.h>
#include <string.h>

/* 1234567 as "1.23 M" */
static const char *human(double x, char text[16])
{
    static const char *const unit[] = {"", "k", "M", "G", "T", "P"};
    int i = 0;
    while (x >= 1000 && i < 5) x /= 1000, i++;
    snprintf(text, 16, i ? "%.3g %s" : "%.0f%s", x, unit[i]);
    return text;
}

typedef struct row { int64_t nodes, passes, kernels, again; double flops, bytes; } row;

static void add_step(row *r, const plan_step *s)
{
    r->nodes += s->nodes;
    r->passes += s->pass && !s->later;
    r->kernels += s->kernel && !s->later;
    r->again += s->again;
    r->flops += s->flops;
    r->bytes += s->bytes;
}

static void print_row(FILE *out, int width, const char *name, const row *r, bool again)
{
    char flops[16], bytes[16];
    fprintf(out, "%-*s  %7" PRId64 "  %7" PRId64 "  %7" PRId64 "  %9s  %9s", width, name, r->nodes, r->passes, r->kernels, human(r->flops, flops),
            human(r->bytes, bytes));
    if (again) fprintf(out, "  %7" PRId64, r->again);
    fprintf(out, "\n");
}

static void print_table(const heed_graph *g, const plan *p, row *rows, const row *total, FILE *out)
{
    int width = 5;
    bool again = p->unlimited > 0;
    for (size_t i = 0; i < p->count; i++) add_step(&rows[g->tape[p->steps[i].node]->scope], &p->steps[i]);
    for (size_t s = 0; s < g->scope_count; s++)
        if (rows[s].nodes && (int)strlen(g->scopes[s].path) > width) width = (int)strlen(g->scopes[s].path);
    fprintf(out, "%-*s  %7s  %7s  %7s  %9s  %9s%s\n", width, "scope", "nodes", "passes", "kernels", "FLOPs", "bytes", again ? "    again" : "");
    for (size_t s = 0; s < g->scope_count; s++)
        if (rows[s].nodes) print_row(out, width, s ? g->scopes[s].path : "-", &rows[s], again);
    print_row(out, width, "all", total, again);
    fprintf(out, "values at most %.2f MiB (%.2f MiB of them stored), %zu buffers, scratch %.2f MiB a thread, %" PRId64 " steps in sequence\n",
            (double)p->peak / 1048576, (double)p->stored_bytes / 1048576, p->buffers, (double)p->scratch / 1048576, p->depth);
    if (again)
        fprintf(out, "%s %.2f MiB: %" PRId64 " passes and kernels run again; without that values take %.2f MiB\n",
                g->budget ? "within a budget of" : "spared at little cost", (double)(g->budget ? g->budget : p->unlimited - p->peak) / 1048576,
                total->again, (double)p->unlimited / 1048576);
    for (size_t i = 0; i < p->stream_count; i++) {
        const plan_stream *s = &p->streams[i];
        const char *path = heed_scope_path(g, g->tape[s->node]->scope);
        fprintf(out, "stream%s%s: %d passes and kernels on %" PRId64 " of %" PRId64 " rows at a time: %d values of %.2f MiB in %.2f MiB\n", *path ? " " : "", path,
                s->groups, s->block, s->rows, s->values, s->whole / 1048576, s->part / 1048576);
    }
}

heed_code heed_graph_explain(heed_graph *g, heed_tensor *target, bool backward, heed_cost *cost, FILE *out)
{
    size_t count = 1;
    heed_tensor **targets = &target;
    bool outer = g->running;
    if (!g->immortal) g->running = true;
    if (backward) heed_record_backward(g, target, &count, &targets);
    if (!g->immortal) g->running = outer;
    if (cost) *cost = (heed_cost){0};
    if (g->error.code) return g->error.code;
    if (!heed_is_of(g, target)) {
        heed_graph_fail(g, HEED_INVALID, "explain: the target is not of this graph since its last reset");
        return g->error.code;
    }
    const plan *p = heed_plan_for(g, (int)count, targets, !g->eager && !g->anomaly);
    if (!p) return g->error.code;
    row total = {0};
    for (size_t i = 0; i < p->count; i++) add_step(&total, &p->steps[i]);
    if (cost)
        *cost = (heed_cost){total.nodes, total.passes, total.kernels, (int64_t)total.flops, (int64_t)total.bytes, (int64_t)p->peak, p->depth, total.again};
    if (!out) return HEED_OK;
    row *rows = arena_alloc(&g->nodes, g->scope_count * sizeof *rows);
    if (!rows) {
        heed_graph_fail(g, HEED_NO_MEMORY, "explain: no memory");
        return g->error.code;
    }
    memset(rows, 0, g->scope_count * sizeof *rows);
    print_table(g, p, rows, &total, out);
    return HEED_OK;
}

/* --- Graphviz -------------------------------------------------------------------------------------------------------------------- */

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* text within a quoted label */
static void dot_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
}

static void dot_scope(const heed_graph *g, uint32_t scope, FILE *out)
{
    char shape[96];
    for (size_t i = 0; i < g->count; i++) {
        const heed_tensor *t = g->tape[i];
        if (t->scope != scope) continue;
        const char *name = t->flags & NODE_PARAM ? heed_param_name(heed_params_at(g->params, t->param)) : t->op == &heed_op_leaf ? "input" : t->op->name;
        fprintf(out, "  n%zu [label=\"", i);
        dot_text(name, out);
        fprintf(out, "\\n%s\"%s];\n", heed_shape_text(t, shape, sizeof shape),
                t->flags & NODE_PARAM ? ", style=filled, fillcolor=\"#cfe2f3\"" : t->op == &heed_op_leaf ? ", style=filled, fillcolor=\"#eeeeee\"" : "");
    }
}

heed_code heed_graph_dot(heed_graph *g, FILE *out)
{
    if (g->error.code) return g->error.code;
    fprintf(out, "digraph heed {\n  rankdir=BT;\n  node [shape=box, fontname=\"Helvetica\", fontsize=10];\n  graph [fontname=\"Helvetica\", fontsize=11];\n");
    dot_scope(g, 0, out);
    /* scopes are made after their parents and before their parents' next sibling, so open clusters form a path */
    uint32_t open = 0;
    for (uint32_t s = 1; s < g->scope_count; s++) {
        while (open != g->scopes[s].parent && open) {
            fprintf(out, "}\n");
            open = g->scopes[open].parent;
        }
        fprintf(out, "subgraph cluster_%u {\n  color=\"#888888\"; label=\"", s);
        dot_text(last_part(g->scopes[s].path), out);
        fprintf(out, "\";\n");
        dot_scope(g, s, out);
        open = s;
    }
    for (; open; open = g->scopes[open].parent) fprintf(out, "}\n");
    for (size_t i = 0; i < g->count; i++)
        for (int k = 0; k < g->tape[i]->count; k++) fprintf(out, "  n%u -> n%zu;\n", g->tape[i]->x[k]->id, i);
    fprintf(out, "}\n");
    if (fflush(out) || ferror(out)) heed_graph_fail(g, HEED_IO, "dot: the picture could not be written");
    return g->error.code;
}
