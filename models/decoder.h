/* A model that writes: one position at a time, with all that earlier positions left behind kept, so that a step costs one position
 * however many came before (but for attention to them).
 *
 *     heed_decoder *d = heed_decoder_new(g, heed_transformer_model(model));
 *     heed_decoder_start(d, sentences, width, steps, src, lengths, &e);
 *     for (;;) {
 *         heed_tensor *logits = heed_decoder_step(d, ids);           recorded after a reset of the graph
 *         const float *scores = heed_data(g, logits);                computed
 *         ... choose ids; when rows changed places: heed_decoder_select(d, count, from, &e);
 *     }
 *
 * There are `width` rows a sentence (the beams), R = sentences * width in all. Rows of one sentence share what the encoder made of
 * it. Steps of one R share one plan, and a step allocates next to nothing. Memory for what is kept stays with the decoder from one start to the
 * next, until it is freed.
 */
#ifndef HEED_DECODER_H
#define HEED_DECODER_H

#include "model.h"

typedef struct heed_decoder heed_decoder;

/* Works in `g`, which it resets and takes out of training, and where weights are kept packed from now on: for another precision, call
 * heed_graph_packed afterwards. Graph and model are the caller's and outlive it. NULL: refused. */
heed_decoder *heed_decoder_new(heed_graph *g, heed_model m);
void heed_decoder_free(heed_decoder *d);

/* Runs the encoder on src [sentences, steps] with lengths [sentences], each at least 1, and begins at position 0. For a language
 * model steps is 0 and src and lengths are NULL. */
heed_code heed_decoder_start(heed_decoder *d, int64_t sentences, int64_t width, int64_t steps, const int32_t *src,
                             const int32_t *lengths, heed_error *e);

/* Resets the graph and records the next position: ids [R] stand there (the begin symbol at first), the result is the logits
 * [R, V] of the symbols that follow. To be computed before the next call; `ids` must live as long. Errors are the graph's. */
heed_tensor *heed_decoder_step(heed_decoder *d, const int32_t *ids);

/* Row i of the rows to come goes on from what is now row from[i], for i below sentences * width. Rows of one new sentence come
 * from rows of one old sentence, whose source comes along; sentences keep their order, and those without successors leave. */
heed_code heed_decoder_select(heed_decoder *d, int64_t sentences, const int32_t *from, heed_error *e);

int64_t heed_decoder_rows(const heed_decoder *d);
int64_t heed_decoder_position(const heed_decoder *d); /* how many positions were recorded */
int64_t heed_decoder_limit(const heed_decoder *d);    /* positions the model has; INT64_MAX: any number */
int64_t heed_decoder_symbols(const heed_decoder *d);  /* V */
heed_graph *heed_decoder_graph(const heed_decoder *d);

#endif
