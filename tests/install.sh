# install.sh CMAKE BUILD SOURCE CC [sanitized]: heed as it is installed. A program outside the tree finds it by pkg-config and by
# find_package, nothing but public headers is there, and every one of them compiles alone. Also with DESTDIR.
set -eu
cmake=$1 build=$2 source=$3 CC=$4
export CC
if [ "${5-}" ]; then
    echo "skipped: a library built with sanitizers is not installed"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "install: $*" >&2; exit 1; }

"$cmake" --install "$build" --prefix "$folder/usr" >"$folder/log" || { cat "$folder/log"; exit 1; }
DESTDIR=$folder/stage "$cmake" --install "$build" --prefix /opt/heed >"$folder/log" || { cat "$folder/log"; exit 1; }
[ -x "$folder/stage/opt/heed/bin/heed" ] || fail "DESTDIR is not heeded"
diff -r "$folder/usr" "$folder/stage/opt/heed" >"$folder/log" || fail "what is installed depends on DESTDIR: $(cat "$folder/log")"
"$folder/usr/bin/heed" --version | grep -q '^heed ' || fail "the installed command does not run"

# headers
include=$folder/usr/include
! grep -rl "Not a public header" "$include" || fail "these are not public"
: >"$folder/all.h"
for header in $(cd "$include" && find heed -name '*.h'); do
    echo "#include <$header>" | tee -a "$folder/all.h" >"$folder/one.c"
    echo "int nothing;" >>"$folder/one.c"
    "$CC" -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I "$include" "$folder/one.c" ||
        fail "$header does not compile alone"
done
if command -v c++ >/dev/null; then
    { echo 'extern "C" {'; cat "$folder/all.h"; echo '}'; } >"$folder/all.cpp"
    c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I "$include" "$folder/all.cpp" || fail "the headers are no C++"
fi

# the first program, by pkg-config
PKG_CONFIG_PATH=$(dirname "$(find "$folder/usr" -name heed.pc)")
export PKG_CONFIG_PATH
eval "set -- $(pkg-config --cflags --libs heed)" # a blank in a path comes escaped
"$CC" -std=c11 "$source/examples/first.c" -o "$folder/first" "$@"
"$folder/first" >"$folder/out" || fail "the first program, linked by pkg-config, failed"
[ -s "$folder/out" ] || fail "the first program says nothing"

# everything in the library finds what it needs
whole=-Wl,--whole-archive,$(find "$folder/usr" -name libheed.a),--no-whole-archive
"$CC" -std=c11 "$source/examples/first.c" -o "$folder/whole" "$whole" "$@" ||
    fail "heed.pc does not name all libraries"

# and by CMake, in a project that knows no language but C
mkdir "$folder/project"
cp "$source/examples/first.c" "$folder/project"
cat >"$folder/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(first C)
find_package(heed 0.1 REQUIRED)
add_executable(first first.c)
target_link_libraries(first PRIVATE heed::heed)
add_executable(whole first.c)
target_link_libraries(whole PRIVATE -Wl,--whole-archive heed::heed -Wl,--no-whole-archive)
END
"$cmake" -S "$folder/project" -B "$folder/project/build" -DCMAKE_PREFIX_PATH="$folder/usr" >"$folder/log" 2>&1 &&
    "$cmake" --build "$folder/project/build" >>"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
"$folder/project/build/first" | diff - "$folder/out" || fail "the first program, linked by CMake, says something else"
echo "installed: $(find "$include" -name '*.h' | wc -l) headers; pkg-config and find_package link"
