#!/bin/sh
# bench.sh HEED-BENCH: what the command line of the benchmarks refuses, and the profile and the trace it writes.
set -eu
bench=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refuses STATUS SENTENCE ARGUMENT...
refuses() {
    want=$1 says=$2
    shift 2
    status=0
    "$bench" "$@" > "$work/out" 2> "$work/err" < /dev/null || status=$?
    [ "$status" = "$want" ] && grep -qF -- "$says" "$work/err" && [ "$(wc -l < "$work/err")" = 1 ] && [ ! -s "$work/out" ] && return
    echo "heed-bench $*: status $status instead of $want, or not '$says' alone:"
    cat "$work/err"
    exit 1
}
refuses 2 'name a case'
refuses 2 "no case 'g2q'; did you mean 'g2p'?" g2q
refuses 2 "no case ''" ''
refuses 2 "no case ''" g2p-small,,
refuses 2 'one word too many' g2p base
refuses 2 'takes a whole number from 1 to' g2p --threads 0
refuses 2 'takes a whole number from 1 to' g2p --threads 1e3
refuses 2 'takes a whole number from 1 to' g2p --steps 0
refuses 2 'takes a whole number from 0 to' g2p --warmup -1
refuses 2 "needs a value" g2p --set
refuses 2 'KEY=VALUE' g2p --set d
refuses 2 'nodes' g2p --set nodes=10
refuses 2 'unknown key "d"' scalar --set d=8
HEED_ISA=sse refuses 2 'HEED_ISA=sse is not a path' scalar
refuses 2 "unknown option '--profle'; did you mean '--profile'?" g2p --profle
refuses 2 'no --profile, no --trace' g2p --serve --profile
refuses 2 'is for one case' g2p,base --trace "$work/trace"
refuses 1 'cannot write' lstm-small --trace "$work/none/trace"

size=vocab=11,d=8,h=2,ff=8,enc=1,dec=1,batch=3,src_len=4,tgt_len=3
"$bench" g2p-small --set $size --steps 2 --profile --trace "$work/trace" > "$work/out"
for part in '"case": "g2p-small"' 'optimizer' 'differentiate' '  matmul' '  scope' '% of the FMA peak'; do
    grep -qF -- "$part" "$work/out" || { echo "the profile does not have '$part'"; cat "$work/out"; exit 1; }
done
grep -q '"ph":"X".*"scope":"enc.0.self' "$work/trace" || { echo 'the trace has no step of enc.0.self'; exit 1; }
echo 2 | "$bench" g2p-small --set $size --serve > "$work/out"
grep -q '^ready 9 target tokens, [0-9]* weights, [0-9.e-]* GFLOP$' "$work/out" || { echo 'ready?'; cat "$work/out"; exit 1; }
status=0
echo two | "$bench" g2p-small --set $size --serve > "$work/out" 2> "$work/err" || status=$?
[ $status != 0 ] && grep -q "number of units, 1 or more, not 'two'" "$work/err" || { echo "--serve: status $status"; exit 1; }
