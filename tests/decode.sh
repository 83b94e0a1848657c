# decode.sh HEED: heed decode, eval and attend on small runs, and what they say about bad input
set -eu
heed=$1
OMP_NUM_THREADS=2
export OMP_NUM_THREADS
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "decode: $*" >&2; exit 1; }
same() { [ "$1" = "$2" ] || fail "$3: '$1' and '$2'"; }
# says STATUS SENTENCE COMMAND ...: standard input is that of the shell
says() {
    wanted=$1 sentence=$2 got=0
    shift 2
    "$@" >said.out 2>said || got=$?
    [ "$got" = "$wanted" ] || fail "$*: status $got, not $wanted: $(cat said)"
    grep -qF -- "$sentence" said || fail "$*: said '$(cat said)', not '$sentence'"
    [ "$(wc -l <said)" = 1 ] || fail "$*: said more than a sentence: $(cat said)"
}

# three small runs: a dictionary, pairs of lines, a text
small="--set d=16 --set heads=2 --set ff=32 --set enc_layers=1 --set dec_layers=2 --set warmup=10 --set lr=0.01 --set batch_tokens=256 --set rows=4 --set window=16"
"$heed" numbers 80 >dict
cut -f 1 dict >src
cut -f 2 dict >tgt
"$heed" train d --dict dict $small --steps 30 >log 2>&1 || fail "$(cat log)"
"$heed" train p --src src --tgt tgt --set hold_out=0 $small --steps 2 >log 2>&1 || fail "$(cat log)"
"$heed" train t --text tgt --tgt-units words $small --steps 20 >log 2>&1 || fail "$(cat log)"

# decode: a line for a line, in order, empty for empty, whatever the batch and the number of threads
printf '12\n\n345\n6\n\n' >lines
"$heed" decode d/last.h5 <lines >out
same "$(wc -l <out)" 5 "lines"
same "$(sed -n '2p;5p' out)" "" "empty lines"
for how in "--batch 1" "--batch 2" "--threads 1" "--length-penalty 0.6" "--weights float32"; do
    "$heed" decode d/last.h5 $how <lines >other
    cmp -s out other || fail "$how changes the output"
done
for kind in bf16 int8; do
    "$heed" decode d/last.h5 --weights $kind <lines >other
    same "$(wc -l <other)" 5 "lines with --weights $kind"
done
"$heed" decode d/last.h5 --nbest 3 <lines >best
same "$(cut -f 1 best | tr '\n' ' ')" "1 1 1 3 3 3 4 4 4 " "numbers of n-best lines"
same "$(awk -F '\t' '$1 != n { n = $1; print $3 }' best)" "$(grep . out)" "the best of the n-best"
awk -F '\t' '$1 == n && $2 > s { exit 1 } { n = $1; s = $2 }' best || fail "n-best lines are not sorted"
"$heed" decode d/last.h5 --max-len 1 <lines | awk 'NF > 1 { exit 1 }' || fail "--max-len 1 gives more than a word"
"$heed" decode p/last.h5 --raw --max-len 3 <lines | awk 'NF > 3 { exit 1 }' || fail "--raw gives no units"

# a language model goes on with its prompts; draws are repeated by their seed
printf 'one hundred\n' | "$heed" decode t/last.h5 --max-len 4 >out
grep -q '^one hundred' out || fail "the prompt is not continued: $(cat out)"
printf 'one\n\n' | "$heed" decode t/last.h5 --sample --nbest 4 --seed 3 --top-k 9 --top-p 0.9 --temperature 1.2 --max-len 5 >out
printf 'one\n\n' | "$heed" decode t/last.h5 --sample --nbest 4 --seed 3 --top-k 9 --top-p 0.9 --temperature 1.2 --max-len 5 --batch 1 --threads 1 >other
cmp -s out other || fail "draws differ"
same "$(wc -l <out)" 8 "draws"

# --symbols: so many of them behind the prompt, line ends included; windows (here of 16) follow each other
"$heed" train r --text tgt --model gru --tgt-units words --set emb=8 --set hidden=8 --set rows=4 --set window=16 --steps 5 >log 2>&1 || fail "$(cat log)"
for model in t r; do
    printf 'one hundred\n' | "$heed" decode $model/last.h5 --symbols 100 --sample --temperature 2 --seed 5 >out
    sed -n '1{/^one hundred/!q1}' out || fail "--symbols: the prompt is not continued: $(cat out)"
    awk '{ n += NF + 1 } END { exit n - 1 != 102 }' out || fail "--symbols: not 102 words and line ends: $(cat out)"
    [ "$(wc -l <out)" -gt 1 ] || fail "--symbols: one line: $(cat out)"
    printf 'one hundred\n' | "$heed" decode $model/last.h5 --symbols 100 --sample --temperature 2 --seed 5 --threads 1 | cmp -s - out || fail "--symbols: draws differ"
done
says 2 "--symbols is for language models" "$heed" decode d/last.h5 --symbols 10 </dev/null
says 2 "--symbols excludes" "$heed" decode t/last.h5 --symbols 10 --max-len 3 </dev/null

# eval
"$heed" eval d/last.h5 --dict dict --json >out
same "$(wc -l <out)" 1 "lines of --json"
keys() { grep -o '"[a-z_]*"' | tr -d '"' | tr '\n' ' '; }
same "$(keys <out)" "loss perplexity token_accuracy sequence_accuracy wer per " "keys for a dictionary"
same "$("$heed" eval p/last.h5 --src src --tgt tgt --max-len 4 --json | keys)" \
    "loss perplexity token_accuracy sequence_accuracy wer bleu chrf " "keys for lines"
same "$("$heed" eval t/last.h5 --text tgt --json | keys)" "loss perplexity token_accuracy " "keys for a text"
"$heed" eval d/last.h5 --dict dict --held-out >part
"$heed" eval d/last.h5 --dict dict >all
[ "$(awk '/^decoded/ { print $2 }' part)" -lt "$(awk '/^decoded/ { print $2 }' all)" ] || fail "--held-out holds nothing out"
# lines that were cut by BPE beforehand: the model's words are pieces, its sources may come whole, its outputs are joined
printf '#version: 0.2\na b\n' >codes
printf 'ab@@ c\nc@@ ab@@ ab\nab\n' | tee pieces >pieces.tgt
"$heed" train b --src pieces --tgt pieces.tgt --src-units words --tgt-units words --set hold_out=0 $small --steps 40 >log 2>&1 || fail "$(cat log)"
"$heed" decode b/last.h5 --max-len 5 <pieces >out
"$heed" decode b/last.h5 --max-len 5 --remove-bpe <pieces >joined
grep -q '@@' out || fail "no pieces in $(cat out)"
same "$(sed -r 's/(@@ )|(@@ ?$)//g' out)" "$(cat joined)" "--remove-bpe"
printf 'abc\ncabab\nab\n' >whole
"$heed" decode b/last.h5 --max-len 5 --src-units bpe:codes <whole >other
cmp -s out other || fail "--src-units bpe:CODES gives other pieces"
"$heed" eval b/last.h5 --src pieces --tgt pieces.tgt --remove-bpe --tokens none --json >one
"$heed" eval b/last.h5 --src pieces --tgt pieces.tgt --tokens none --json >two
same "$(keys <one)" "$(keys <two)" "keys with --remove-bpe"
says 2 "--tokens is 13a or none" "$heed" eval b/last.h5 --src pieces --tgt pieces.tgt --tokens 14
says 1 "has no source" "$heed" decode t/last.h5 --src-units words </dev/null
says 1 "no-such-codes" "$heed" decode b/last.h5 --src-units bpe:no-such-codes </dev/null

loss=$(grep -o '"valid_loss": *[0-9.]*' d/log.jsonl | tail -1 | grep -o '[0-9.]*$') || fail "no validation loss in the log"
awk -v a="$loss" '/^loss/ { exit !(($2 - a) ^ 2 < 1e-6) }' part || fail "validation loss $loss, and eval says $(cat part)"
"$heed" decode d/last.h5 <src >said.all
right=$(cut -f 2 dict | paste - said.all | awk -F '\t' '$1 == $2 { n++ } END { printf "%.4f", 100 * n / NR }')
same "$(awk '/^sequence_accuracy/ { print $2 }' all)" "$right" "sequence accuracy"

# attend
"$heed" attend d/last.h5 123 -o a.html >out
grep -q '<svg' a.html || fail "no picture on the page"
"$heed" attend d/last.h5 123 --target 'one two three' -o a.svg >out
for part in '' -enc.0.self -dec.0.self -dec.1.self -dec.0.cross -dec.1.cross; do [ -s "a$part.svg" ] || fail "a$part.svg is missing"; done
grep -q '>three<' a-dec.1.cross.svg || fail "no label"
"$heed" attend t/last.h5 'one hundred two' -o t.svg >out
[ -s t-dec.1.self.svg ] || fail "no picture of a language model"

# bad input
says 2 "did you mean '--beam'" "$heed" decode d/last.h5 --bem 3 </dev/null
says 2 "--beam takes a whole number" "$heed" decode d/last.h5 --beam 0 </dev/null
says 2 "--weights: 'int4' is not float32, bf16 or int8" "$heed" decode d/last.h5 --weights int4 </dev/null
says 2 "exclude each other" "$heed" decode d/last.h5 --sample --beam 2 </dev/null
says 2 "go with --sample" "$heed" decode d/last.h5 --top-k 2 </dev/null
says 2 "name a checkpoint" "$heed" decode </dev/null
says 1 "is not a checkpoint" "$heed" decode dict </dev/null
says 1 "no-such" "$heed" decode no-such.h5 </dev/null
printf '1\n2\n\377\n' >bad
says 1 "standard input:3:" "$heed" decode d/last.h5 <bad
same "$(wc -l <said.out)" 2 "lines before the bad one"
printf '1x2\nyy\n' >strange
says 0 "line 1 has symbols that the vocabulary lacks (1)" "$heed" decode d/last.h5 <strange
says 1 "this is a language model: give --text" "$heed" eval t/last.h5 --dict dict
says 1 "give --src and --tgt, or --dict" "$heed" eval d/last.h5 --text tgt
says 1 "belong together" "$heed" eval d/last.h5 --src src
says 1 "nothing was kept back" "$heed" eval p/last.h5 --src src --tgt tgt --held-out
says 2 "has to end in .html or .svg" "$heed" attend d/last.h5 1 -o a.png
says 1 "nowhere/a.svg" "$heed" attend d/last.h5 1 -o nowhere/a.svg
says 1 "UTF-8" "$heed" attend d/last.h5 "$(printf '\377')" -o a.svg
says 1 "one is drawn at a time" "$heed" attend d/last.h5 '' -o a.svg
says 2 "--target" "$heed" attend t/last.h5 one --target two -o a.svg
if [ -w /dev/full ]; then
    "$heed" decode d/last.h5 <lines >/dev/full 2>said && fail "a full disk is no error"
    grep -q 'standard output: No space left on device' said || fail "full disk: $(cat said)"
fi
{ "$heed" decode d/last.h5 --batch 1 2>said || echo $? >status; } <src | :
same "$(cat status 2>/dev/null)" 1 "status when the reader has gone"
grep -q 'standard output: Broken pipe' said || fail "closed output: $(cat said)"
