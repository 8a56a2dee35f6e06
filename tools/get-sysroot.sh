#!/bin/bash
# tools/get-sysroot.sh ARCH DIR: unpacks into DIR what a static hostlat of another machine is linked with, out of
# Debian 12's packages for it (and a busybox, for guests), and says where that is. Nothing is installed.
set -eu
arch=$1
dir=$(realpath -m "$2")
packages="libbpf-dev libelf-dev libdw-dev zlib1g-dev liblzma-dev libbz2-dev libzstd-dev libseccomp-dev libiberty-dev libcapstone-dev libncurses-dev libcjson-dev busybox-static"

if [ ! -e "$dir/complete" ]; then
	mkdir -p "$dir"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work"
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	cat >"$work/sources.list" <<END
deb [signed-by=$key] http://deb.debian.org/debian bookworm main
deb [signed-by=$key] http://deb.debian.org/debian-security bookworm-security main
END
	mkdir -p "$work/lists/partial" "$work/cache"
	opts=(-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists"
		-o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Acquire::Languages=none)
	cd "$work"
	apt-get "${opts[@]}" -qq update
	apt-get "${opts[@]}" -qq download $packages >/dev/null
	for deb in *.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	touch "$dir/complete"
fi
echo "$dir"
