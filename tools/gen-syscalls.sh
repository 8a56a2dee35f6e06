#!/bin/sh
# Writes user/host/syscalls_{x86_64,ia32,arm64}.h from the kernel headers of this machine: one
# X(number, name) a row, in the order of the numbers. Needs Debian's linux-libc-dev of amd64 (for
# arm64 the generic table suffices, which every architecture installs). The rows are checked in;
# run it again, from the top of the tree, when the headers know new calls.
#
#   tools/gen-syscalls.sh [include directory of x86 headers]
set -eu
CC=${CC:-gcc}
x86=${1:-/usr/include/x86_64-linux-gnu}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Calls that are newer than Debian 12's headers. From number 424 on, a number means the same call
# on every architecture; below, each has its own.
newer_x86_64='
335 uretprobe
336 uprobe
'
newer='
451 cachestat
452 fchmodat2
453 map_shadow_stack
454 futex_wake
455 futex_wait
456 futex_requeue
457 statmount
458 listmount
459 lsm_get_self_attr
460 lsm_set_self_attr
461 lsm_list_modules
462 mseal
463 setxattrat
464 getxattrat
465 listxattrat
466 removexattrat
467 open_tree_attr
468 file_getattr
469 file_setattr
470 listns
471 rseq_slice_yield
'
# What arm64 defines before it includes the generic table.
arm64='-D__ARCH_WANT_RENAMEAT -D__ARCH_WANT_NEW_STAT -D__ARCH_WANT_SET_GET_RLIMIT
	-D__ARCH_WANT_TIME32_SYSCALLS -D__ARCH_WANT_SYS_CLONE3 -D__ARCH_WANT_MEMFD_SECRET'

# rows HEADER [preprocessor flags]: "number name" of each call in it
rows() {
	header=$1
	shift
	"$CC" -E -dM "$@" "$header" | sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/\1/p' |
		grep -vx -e syscalls -e arch_specific_syscall > "$tmp/names"
	{
		echo "#include \"$header\""
		sed 's/.*/ROW __NR_& "&"/' "$tmp/names"
	} > "$tmp/in.c"
	"$CC" -E -P "$@" "$tmp/in.c" | sed -n 's/^ROW (*\([0-9]*\))* "\(.*\)"$/\1 \2/p'
}

# table NAME WHAT HEADER [flags]
table() {
	name=$1 what=$2 out=user/host/syscalls_$1.h
	shift 2
	{
		rows "$@"
		echo "$newer"
		[ "$name" != x86_64 ] || echo "$newer_x86_64"
	} | grep . | sort -n -u -k1,1 > "$tmp/rows"
	{
		echo '/* SPDX-License-Identifier: GPL-2.0 OR MIT */'
		echo "/* $what: X(number, name). Made by tools/gen-syscalls.sh. */"
		sed 's/\([0-9]*\) \(.*\)/X(\1, \2)/' "$tmp/rows"
	} > "$out"
	echo "$out: $(grep -c '^X' "$out") calls"
}

table x86_64 'System calls of x86-64' "$x86/asm/unistd_64.h"
table ia32 'System calls of 32-bit x86 programs' "$x86/asm/unistd_32.h"
# shellcheck disable=SC2086
table arm64 'System calls of arm64' /usr/include/asm-generic/unistd.h $arm64
