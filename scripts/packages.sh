# Debian packages, for the scripts beside this file, which read it with "." and call
#
#     packages NAME...     installs those that are missing, or says which they are; false when some remain missing

packages()
{
    if ! command -v dpkg-query >/dev/null; then
        echo "This is no Debian system: nothing is installed. The Debian packages needed are: $*" >&2
        return 0 # cmake tells what it does not find
    fi
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then as_root=
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"
    else
        echo "Missing packages; as root:  apt-get install$missing" >&2
        return 1
    fi
    echo "Installing$missing"
    # lists of packages are fetched only where the ones at hand do not do
    apt_get="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0"
    install="install -y --no-install-recommends$missing"
    $apt_get $install >/dev/null 2>&1 || { $apt_get update && $apt_get $install >/dev/null; } && return 0
    echo "apt-get could not install$missing" >&2
    return 1
}

build_packages="gcc libc6-dev cmake ninja-build pkg-config libhdf5-dev libjansson-dev libssl-dev"
