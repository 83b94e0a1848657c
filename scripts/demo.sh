#!/bin/sh
# Installs what is missing (Debian), builds heed and trains a Transformer to pronounce English: letters in, phonemes out.
#
#     scripts/demo.sh [MINUTES]     about so many minutes of training, 5 if none are given
#
# The run is the folder runs/pronounce. An interrupted one goes on to its planned end when the script is run again; a finished one
# is only shown again: remove its folder to begin anew. Where the CMU pronouncing dictionary cannot be had, the model learns to
# read numbers out instead, in runs/numbers.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

# --- what is learned, and how -------------------------------------------------------------------------------------------------
minutes=5
settings="d=128 heads=4 ff=512 enc_layers=3 dec_layers=3 norm=pre dropout=0 label_smoothing=0.1 batch_tokens=2048
          lr=0.003 schedule=cosine warmup=200 valid_every=1000 save_every=500"
beam=4
run=runs/pronounce
dictionary=/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict
words="hello rhythm though through thorough colonel queue heed attention quizzaciously blorptastic snarfle"
show=thorough
# --------------------------------------------------------------------------------------------------------------------------------

case ${1-} in
'') ;;
*[!0-9.]* | .) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; [ "$1" = --help ]; exit ;;
*) minutes=$1 ;;
esac

packages $build_packages
[ -e "$dictionary" ] || packages pocketsphinx-en-us || true
options=
[ -e build/CMakeCache.txt ] || options="-G Ninja -DHEED_TESTS=OFF"
cmake -S . -B build $options >/dev/null
cmake --build build -j "$(nproc)"
heed=build/heed

mkdir -p runs
if [ ! -e "$dictionary" ]; then
    echo "The CMU pronouncing dictionary (Debian package pocketsphinx-en-us) cannot be had: learning to read numbers out instead."
    run=runs/numbers
    dictionary=runs/numbers.dict
    words="0 7 12 40 99 100 512 1066 1905 2026 31415 65536"
    show=1905
    $heed numbers 20000 >$dictionary
fi

if [ -e $run/last.h5 ]; then
    echo "$run is there already: going on to its planned end. To begin anew, remove it first:  rm -r $run"
    $heed train $run --dict "$dictionary"
else
    sets=
    for setting in $settings; do sets="$sets --set $setting"; done
    $heed train $run --dict "$dictionary" --minutes "$minutes" $sets
fi

echo
echo "Words that were held out of training, decoded by beam search ($beam):"
$heed eval $run/best.h5 --dict "$dictionary" --held-out --beam $beam
echo
echo "Some words:"
for word in $words; do echo "$word"; done >$run/words.txt
$heed decode $run/best.h5 --beam $beam <$run/words.txt >$run/spoken.txt
paste $run/words.txt $run/spoken.txt | while IFS="$(printf '\t')" read -r word spoken; do
    grep -q "^$word[[:blank:]]" "$dictionary" && known= || known=" (in no dictionary)"
    printf '    %-16s %s%s\n' "$word" "$spoken" "$known"
done
$heed attend $run/best.h5 "$show" -o $run/attention.html >/dev/null
echo
echo "Where the model looks while it speaks \"$show\":  $PWD/$run/attention.html"
