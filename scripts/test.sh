#!/bin/sh
# Installs what is missing (Debian), builds heed and runs all its tests.
#
#     scripts/test.sh               as it is used: optimised, in build/
#     scripts/test.sh --sanitize    under AddressSanitizer and UndefinedBehaviorSanitizer, in build-sanitize/
#     scripts/test.sh --clang       built by clang, in build-clang/
#
# --werror makes warnings errors. Words after these go to ctest ("-R gemm"). The status is that of the tests.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

folder=build
wanted="$build_packages libcunit1-dev"
welcome="g++ libsentencepiece-dev"
options=-DHEED_TESTS=ON
while [ $# -gt 0 ]; do
    case $1 in
    --sanitize) folder=$folder-sanitize options="$options -DHEED_SANITIZE=ON" ;;
    --clang)
        folder=$folder-clang wanted="$wanted clang" welcome="$welcome libomp-dev"
        options="$options -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++"
        ;;
    --werror) options="$options -DHEED_WERROR=ON" ;;
    --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit ;;
    *) break ;;
    esac
    shift
done

packages $wanted
packages $welcome || echo "Going on without these." >&2
if [ ! -e $folder/CMakeCache.txt ]; then options="$options -G Ninja"
elif grep -q '^CMAKE_CXX_COMPILER:.*NOTFOUND' $folder/CMakeCache.txt; then options="$options -U CMAKE_CXX_COMPILER"
fi
cmake -S . -B $folder $options
cmake --build $folder -j "$(nproc)"
exec ctest --test-dir $folder --output-on-failure --timeout 900 "$@"
