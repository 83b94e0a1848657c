# example_checkpoint.sh HEED EXAMPLE: the example reads what the command has written, and refuses what it has not.
set -eu
heed=$1 example=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$heed" numbers 400 >"$folder/numbers"
"$heed" train "$folder/run" --dict "$folder/numbers" --steps 2 --set d=16 --set heads=2 --set ff=16 --set enc_layers=1 \
    --set dec_layers=1 --set tie=output >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
"$example" "$folder/run/last.h5" hundred | tee "$folder/out"
grep -q '^enc.0.self.q.weight  *float32 \[16,16\]$' "$folder/out"
[ "$(sed -n '/^nearest/,$p' "$folder/out" | wc -l)" = 6 ]
! "$example" "$folder/run/last.h5" hundrd 2>"$folder/out"
grep -q "'hundrd' is no unit of the vocabulary" "$folder/out"
! "$example" "$folder/numbers" hundred 2>"$folder/out"
[ "$(wc -l <"$folder/out")" = 1 ]
