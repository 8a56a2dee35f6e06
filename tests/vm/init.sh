#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# The first and only program of a guest (guest.py makes the initramfs): runs the cases one
# after the other, each in a directory of its own, writes all that they left to the second
# serial port as one archive, and switches the guest off. `init case FILE` is one case.
export PATH=/bin HOME=/ LC_ALL=C

# ---- what cases are made of ----------------------------------------------------------------

# trace CALLS <<MODES: hostlat beside modes of the generator, one after the other, as the tests on
# the live kernel run it. A line of MODES is a name and a mode with its options. x.json is the
# document, NAME.json what the generator says. $options: more for hostlat.
trace() {
	cat >modes
	hostlat record -i 1000 --calls="$1" $options -o x.json -- /bin/sh /init modes
}

case $1 in
case)
	. "$2"
	exit
	;;
modes) # what hostlat traces; a shell that never waited for hostlat's word to go starts each
	while read -r name mode; do
		(work $mode --json "$name.json" </dev/null) || echo "$name: status $?" >&2
	done <modes
	exit
	;;
esac

# ---- the guest ------------------------------------------------------------------------------

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
ifconfig lo up
. /guest # LIMIT, MARK, PORT, and what this guest does before its cases
mkdir /out
for c in /cases/*; do
	name=${c##*/}
	name=${name#*-}
	mkdir "/out/$name"
	cd "/out/$name" || continue
	timeout -k 5 "$LIMIT" sh /init case "$c" >stdout 2>stderr </dev/null
	echo $? >status
	echo "$name: status $(cat status), up $(cut -d. -f1 /proc/uptime) s"
done
cd /
echo "$MARK" >/dev/kmsg # the log's reader must find this one
dmesg >/out/kernel.log
stty -F $PORT raw
tar -C /out -c . | gzip -1 >$PORT
poweroff -f
