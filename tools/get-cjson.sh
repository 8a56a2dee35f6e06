#!/bin/bash
# tools/get-cjson.sh DIR: puts cJSON.c and cJSON.h, from Debian's source package, into DIR. For the
# static build, since Debian's libcjson-dev has no archive. The package is the one that Debian 12
# ships, and its upstream tarball is pinned by its checksum, whatever patch level Debian is at.
set -eu
dir=$(realpath -m "$1")
file=cjson_1.7.15.orig.tar.gz
sum=5308fd4bd90cef7aa060558514de6a1a4a0819974a26e6ed13973c5f624c24b2

mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cat >"$work/sources.list" <<END
deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main
END
mkdir -p "$work/lists/partial" "$work/cache"
opts=(-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists"
	-o Dir::Cache="$work/cache" -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root)
cd "$work"
apt-get "${opts[@]}" -qq update
apt-get "${opts[@]}" -qq source --download-only cjson >/dev/null
if ! echo "$sum  $file" | sha256sum --quiet -c -; then
	echo "hostlat: $file is not the one that this program was tested with" >&2
	sha256sum cjson_* >&2
	exit 1
fi
tar -xzf "$file"
cp cJSON-*/cJSON.c cJSON-*/cJSON.h "$dir/"
