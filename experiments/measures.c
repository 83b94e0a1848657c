#include "experiments/measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void measures_begin(measures *m, int layers, int heads)
{
    memset(m, 0, sizeof *m);
    m->layers = layers;
    m->heads = heads;
}

/* --- one sentence ------------------------------------------------------------------------------------------------------------------- */

/* Weight on word j, for one more row that has such a word; head 0 counts the rows. */
static void add_weight(measures *m, int head, measure what, const float *row, int j)
{
    if (j < 0) return;
    m->sum[head][what] += (double)row[j];
    if (!head) m->count[what]++;
}

static void add_value(measures *m, int head, measure what, double value)
{
    m->sum[head][what] += value;
    if (!head) m->count[what]++;
}

static void add_row(measures *m, const measured_sentence *s, int head, const float *row, int i)
{
    static const measure of_link[LINKS] = {MEASURES, MEASURE_NOUN, MEASURE_SUBJECT, MEASURE_PARTICLE, MEASURE_ANTECEDENT};
    double distance = 0, entropy = 0, delimiter = 0, far = 0;
    for (int j = 0; j < s->length; j++) {
        double w = (double)row[j];
        distance += w * abs(i - j);
        entropy -= w > 0 ? w * log(w) : 0;
        delimiter += s->delimiter[j] ? w : 0;
        if (abs(i - j) >= FAR) far = fmax(far, w);
    }
    add_value(m, head, MEASURE_DISTANCE, distance);
    add_value(m, head, MEASURE_ENTROPY, entropy);
    add_value(m, head, MEASURE_DELIMITER, delimiter);
    add_value(m, head, MEASURE_FAR, far);
    add_weight(m, head, MEASURE_SELF, row, i);
    add_weight(m, head, MEASURE_PREVIOUS, row, i - 1);
    add_weight(m, head, MEASURE_NEXT, row, i + 1 < s->length ? i + 1 : -1);
    if (s->link[i] != LINK_NONE) add_weight(m, head, of_link[s->link[i]], row, s->to[i]);
    add_weight(m, head, MEASURE_PARTICLE, row, s->particle[i]);
    if (s->link[i] == LINK_SUBJECT && abs(s->to[i] - i) >= FAR) add_weight(m, head, MEASURE_FAR_LINK, row, s->to[i]);
    if (s->particle[i] >= 0 && s->particle[i] - i >= FAR) add_weight(m, head, MEASURE_FAR_LINK, row, s->particle[i]);
}

static double divergence(const float *p, const float *q, int n)
{
    double bits = 0;
    for (int j = 0; j < n; j++) {
        double a = (double)p[j], b = (double)q[j], middle = (a + b) / 2;
        if (a > 0) bits += a / 2 * log2(a / middle);
        if (b > 0) bits += b / 2 * log2(b / middle);
    }
    return bits;
}

void measures_add(measures *m, const measured_sentence *s, const float *const *maps)
{
    for (int head = 0; head < m->layers * m->heads; head++)
        for (int i = 0; i < s->length; i++) {
            const float *row = maps[head] + (ptrdiff_t)i * s->length;
            add_row(m, s, head, row, i);
            for (int other = head / m->heads * m->heads; other < head; other++)
                m->unlike[head][other] += divergence(row, maps[other] + (ptrdiff_t)i * s->length, s->length);
        }
    m->rows += s->length;
}

/* --- in a piece --------------------------------------------------------------------------------------------------------------------- */

void measures_put(lab *l, const measures *m)
{
    int64_t heads = m->layers * m->heads;
    double *means = lab_alloc(l, (size_t)(heads * MEASURES), sizeof *means), *unlike = lab_alloc(l, (size_t)(heads * heads), sizeof *unlike);
    if (!means || !unlike) return;
    for (int64_t h = 0; h < heads; h++) {
        for (int k = 0; k < MEASURES; k++) means[h * MEASURES + k] = m->sum[h][k] / m->count[k];
        for (int64_t o = 0; o < h; o++) unlike[h * heads + o] = m->unlike[h][o] / m->rows;
    }
    lab_put(l, "layers", m->layers);
    lab_put(l, "heads", m->heads);
    lab_put_array(l, "means", 2, (int64_t[]){heads, MEASURES}, means);
    lab_put_array(l, "unlike", 2, (int64_t[]){heads, heads}, unlike);
}

static int heads_of_layer(lab *l, const char *piece) { return (int)lab_get(l, piece, "heads"); }

/* The best of heads first ... end - 1 but `not`. */
static int best_of(lab *l, const char *piece, measure what, int64_t first, int64_t end, int64_t not)
{
    int64_t shape[2], best = -1;
    const double *means = lab_array(l, piece, "means", 2, shape);
    for (int64_t h = first; means && h < end && h < shape[0]; h++)
        if (h != not && (best < 0 || means[h * MEASURES + what] > means[best * MEASURES + what])) best = h;
    return best < 0 ? (int)first : (int)best;
}

int measures_best(lab *l, const char *piece, measure what) { return best_of(l, piece, what, 0, MOST_HEADS, -1); }

int measures_next_best(lab *l, const char *piece, measure what, int best)
{
    int heads = heads_of_layer(l, piece), first = best / heads * heads;
    return best_of(l, piece, what, first, first + heads, best);
}

void measures_most_unlike(lab *l, const char *piece, int *a, int *b)
{
    int64_t shape[2];
    const double *unlike = lab_array(l, piece, "unlike", 2, shape);
    double most = -1;
    *a = *b = 0;
    for (int64_t h = 0; unlike && h < shape[0]; h++)
        for (int64_t o = 0; o < h; o++)
            if (unlike[h * shape[0] + o] > most) most = unlike[h * shape[0] + o], *a = (int)o, *b = (int)h;
}

/* --- tables -------------------------------------------------------------------------------------------------------------------------- */

static const heed_table_column columns[MEASURES] = {
    {"distance", "distance", 2}, {"entropy", "entropy, nats", 2}, {"self", "itself", 3}, {"previous", "before", 3}, {"next", "behind", 3},
    {"delimiter", "delimiters", 3}, {"far", "far", 3}, {"noun", "noun", 3}, {"subject", "subject", 3}, {"particle", "particle", 3},
    {"antecedent", "antecedent", 3}, {"far_link", "far link", 3}};

static void table_of_heads(lab *l, const double *means, int64_t heads, int in_layer, size_t shown)
{
    const char *names[MOST_HEADS];
    double *values = lab_alloc(l, (size_t)heads * shown, sizeof *values);
    if (!values) return;
    for (int64_t h = 0; h < heads; h++) {
        names[h] = lab_text(l, "layer %d head %d", (int)h / in_layer + 1, (int)h % in_layer + 1);
        for (size_t k = 0; k < shown; k++) values[(size_t)h * shown + k] = means[h * MEASURES + (int64_t)k];
    }
    lab_table(l, "heads", &(heed_table){"What each head looks at", "head", columns, shown, names, values, (size_t)heads});
}

static void table_of_picks(lab *l, const char *piece, const double *means, int64_t heads, int in_layer, size_t shown)
{
    static const heed_table_column of_picks[] = {{"layer", "layer", 0}, {"head", "head", 0}, {"value", "value", 3}, {"mean", "mean of all", 3}};
    static const char *const what[MEASURES] = {
        "farthest on the average", "highest entropy", "the word itself", "the word before", "the word behind", "delimiters", "far words",
        "noun of determiners and adjectives", "subject of verbs", "particle of verbs", "antecedent of pronouns", "links over five words"};
    const char *names[MEASURES + 2];
    double values[(MEASURES + 2) * 4];
    size_t n = 0;
    for (; n < shown; n++) {
        int best = measures_best(l, piece, (measure)n);
        double mean = 0;
        for (int64_t h = 0; h < heads; h++) mean += means[h * MEASURES + (int64_t)n] / (double)heads;
        names[n] = what[n];
        double row[] = {best / in_layer + 1, best % in_layer + 1, means[best * MEASURES + (int64_t)n], mean};
        memcpy(values + n * 4, row, sizeof row);
    }
    int64_t shape[2];
    int pair[2];
    const double *unlike = lab_array(l, piece, "unlike", 2, shape);
    measures_most_unlike(l, piece, &pair[0], &pair[1]);
    for (int i = 0; i < 2 && unlike; i++, n++) {
        names[n] = i ? "most unlike, the other" : "most unlike (divergence, bits)";
        double row[] = {pair[i] / in_layer + 1, pair[i] % in_layer + 1, unlike[pair[1] * shape[0] + pair[0]], NAN};
        memcpy(values + n * 4, row, sizeof row);
    }
    lab_table(l, "picks", &(heed_table){"Heads found by measure", "measure", of_picks, 4, names, values, n});
}

void measures_tables(lab *l, const char *piece, bool links)
{
    int64_t shape[2];
    const double *means = lab_array(l, piece, "means", 2, shape);
    if (!means) return;
    size_t shown = links ? MEASURES : MEASURE_NOUN;
    table_of_heads(l, means, shape[0], heads_of_layer(l, piece), shown);
    table_of_picks(l, piece, means, shape[0], heads_of_layer(l, piece), shown);
}
