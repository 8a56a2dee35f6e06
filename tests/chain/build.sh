#!/bin/bash
# tests/chain/build.sh VARIANT DIRECTORY: builds the program of known call chains, and its libraries, in one way.
# tests/chain/build.sh --list: the ways.
#
#   pie nopie static   what the linker makes of it; static: with the C library, which has no debug information.
#                      The latter two have no gaps between functions: where one ends with a call, that returns to
#                      the next one's address
#   cet                landing pads at every function (-fcf-protection)
#   dwarf4             an older version of debug information, its sections compressed
#   debuglink          stripped; the rest is in *.debug beside it, by name
#   buildid            stripped; the rest is in debug/.build-id, by build id
#   fp                 no tables to unwind the C code by, but frame pointers (C++ has tables for its exceptions)
# All but the last are without frame pointers.
set -eu

variants="pie nopie static cet dwarf4 debuglink buildid fp"
if [ "${1:-}" = --list ]; then
	echo "$variants"
	exit
fi
variant=$1
out=$2
src=$(dirname "$0")
cc=${CC:-gcc}
cxx=${CXX:-g++}

common="-O2 -g -Wall -Wextra -D_GNU_SOURCE -I$src"
frames=-fomit-frame-pointer
code=-fPIE
link=-pie
case $variant in
nopie) code=-fno-pie link=-no-pie frames="$frames -falign-functions=1" ;;
static) code="-fno-pie -DCHAIN_STATIC" link=-static frames="$frames -falign-functions=1" ;;
cet) [ "$(uname -m)" != x86_64 ] || frames="$frames -fcf-protection=full" ;;
dwarf4) frames="$frames -gdwarf-4 -gz" ;;
fp)
	frames="-fno-omit-frame-pointer -fno-asynchronous-unwind-tables"
	[ "$(uname -m)" != x86_64 ] || frames="$frames -mno-omit-leaf-frame-pointer"
	;;
esac

rm -rf "$out"
mkdir -p "$out/o"
"$src/gen.py" >"$out/o/paths.c"
objects=
for f in "$src"/*.c "$out/o/paths.c"; do
	o=$out/o/$(basename "$f" .c).o
	if [ "$(basename "$f")" != lib.c ]; then
		$cc -std=gnu11 $common $frames $code -c "$f" -o "$o"
	elif [ "$variant" = static ]; then
		$cc -std=gnu11 $common $frames $code -c "$f" -o "$o"
	else
		continue
	fi
	objects="$objects $o"
done
$cxx $common $frames $code -c "$src/cxx.cc" -o "$out/o/cxx.o"

if [ "$variant" = static ]; then
	$cxx $link $objects "$out/o/cxx.o" -pthread -o "$out/chain"
	built=chain
else
	for lib in libchain libchainplug; do
		$cc -std=gnu11 $common $frames -fPIC -shared -Wl,--build-id -Wl,-soname,$lib.so "$src/lib.c" -o "$out/$lib.so"
	done
	$cxx $link $objects "$out/o/cxx.o" -L"$out" -lchain -Wl,--build-id -Wl,-rpath,'$ORIGIN' -pthread -ldl -o "$out/chain"
	built="chain libchain.so libchainplug.so"
fi

for f in $built; do
	case $variant in
	debuglink | buildid)
		objcopy --only-keep-debug "$out/$f" "$out/$f.debug"
		objcopy --strip-all "$out/$f"
		;;
	fp) objcopy --remove-section .debug_frame "$out/$f" ;; # debug information has tables too
	esac
	case $variant in
	debuglink) (cd "$out" && objcopy --add-gnu-debuglink="$f.debug" "$f") ;;
	buildid)
		id=$(readelf -n "$out/$f" | sed -n 's/.*Build ID: //p')
		mkdir -p "$out/debug/.build-id/${id:0:2}"
		mv "$out/$f.debug" "$out/debug/.build-id/${id:0:2}/${id:2}.debug"
		;;
	esac
done
rm -rf "$out/o"
