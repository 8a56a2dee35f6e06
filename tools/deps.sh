#!/bin/bash
# tools/deps.sh build [test] [bench]: installs what is missing to build, to test, and to measure, on Debian 12.
# Nothing missing: nothing is asked of the network. Elsewhere it names the packages and stops.
set -eu

build="gcc libc6-dev make clang llvm libbpf-dev bpftool libelf-dev libdw-dev liblzma-dev libbz2-dev libseccomp-dev libiberty-dev libcapstone-dev libncurses-dev libcjson-dev pkg-config zlib1g-dev libzstd-dev"
# what the tests run beside or against hostlat; no service of theirs is started
test="python3 python3-jsonschema g++ gdb binutils qemu-system-x86 busybox-static dmsetup dwarves flex bison bc cpio curl jq tmux strace fio e2fsprogs xfsprogs iproute2 bind9-dnsutils kmod util-linux procps xz-utils zstd dwz libclang-rt-14-dev elfutils debuginfod libc6-dev-i386 lib32gcc-12-dev postgresql postgresql-contrib nodejs redis-server redis-tools nginx-light wrk openssl golang-go"
# the tracers and servers that the bench measures beside hostlat
bench="python3 strace bpftrace libbpf-tools linux-perf redis-server redis-tools postgresql postgresql-contrib util-linux fio nginx-light wrk iperf3 qemu-system-x86 busybox-static dmsetup xz-utils"

want=
for set in "$@"; do
	case $set in
	build) want="$want $build" ;;
	test) want="$want $test" ;;
	bench) want="$want $bench" ;;
	*) echo "deps.sh: no such set of packages: $set" >&2; exit 2 ;;
	esac
done

missing=
for p in $want; do
	dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -q '^installed$' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

# package names are those of Debian 12
release=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}" || true)
if [ "$release" != "debian 12" ] || [ "$(id -u)" != 0 ]; then
	echo "hostlat: these Debian packages (or their like) are missing; install them as root:$missing" >&2
	exit 1
fi
echo "installing:$missing"
# a package that brings a server must not start it on this host
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends $missing >/dev/null
