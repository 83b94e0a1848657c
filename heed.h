/* heed: sequence models in C. This header is the library's table of contents.
 *
 *     autograd/   the graph: tensors, recording, gradients, parameters, random numbers
 *     ops/        what can be computed
 *     models/     layers, recurrent networks, attention, Transformer, classification, decoding
 *     optim/      optimizers, schedules, averaging
 *     io/         checkpoints, text, vocabularies, batches, metrics, run log, figures, tables, pages
 */
#ifndef HEED_H
#define HEED_H

#include "autograd/gradcheck.h"
#include "autograd/graph.h"
#include "autograd/memory.h"
#include "autograd/op.h"
#include "autograd/params.h"
#include "autograd/prepare.h"
#include "autograd/profile.h"
#include "autograd/random.h"
#include "autograd/shards.h"
#include "autograd/status.h"
#include "autograd/tensor.h"

#include "ops/ops.h"
#include "ops/peak.h"

#include "models/attention.h"
#include "models/classify.h"
#include "models/decoder.h"
#include "models/decoding.h"
#include "models/encoder.h"
#include "models/kept.h"
#include "models/layers.h"
#include "models/model.h"
#include "models/recurrent.h"
#include "models/recurrent_lm.h"
#include "models/score.h"
#include "models/seq2seq.h"
#include "models/transformer.h"

#include "optim/average.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

#include "io/atomic.h"
#include "io/batches.h"
#include "io/brackets.h"
#include "io/checkpoint.h"
#include "io/dictionary.h"
#include "io/examples.h"
#include "io/figure.h"
#include "io/folder.h"
#include "io/labels.h"
#include "io/masking.h"
#include "io/metrics.h"
#include "io/number_names.h"
#include "io/options.h"
#include "io/page.h"
#include "io/profile_report.h"
#include "io/progress.h"
#include "io/runlog.h"
#include "io/table.h"
#include "io/text.h"
#include "io/treebank.h"
#include "io/units.h"
#include "io/vocab.h"
#include "io/windows.h"

#endif
