#!/bin/sh
# Makes small.spm, the model of test_units: a few pieces, no normalisation (whose tables would be 240 kB).
set -e
data=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
cd "$folder"
for a in cat dog man; do for b in sat ran stood; do for c in mat hat log; do echo "the $a $b on the $c"; done; done; done >lines
spm_train --input=lines --model_prefix=small --vocab_size=40 --hard_vocab_limit=false --normalization_rule_name=identity
cp small.model "$data/small.spm"
rm -r "$folder"
