# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The guests: which kernel, how it is booted, what runs there. `make test` boots those with
in_test, `make test-kernels` all."""
import cases
import cases_net  # noqa: F401: its cases are among the others


class Guest:
    def __init__(self, name, kernel, what, in_test=False, **boot):
        self.name, self.kernel, self.what, self.in_test, self.boot = name, kernel, what, in_test, boot
        for w in what:
            assert w in cases.ALL, w


BASIC = ["doctor", "interrupts-off", "blocked", "files", "dns", "exchanges", "functions", "waits", "occupants", "quota", "quota-wake", "calls", "pairing"]
REFUSED = ["no-btf", "hidden-btf", "not-root", "not-capable"]
# A tracefs that is not there, and one that cannot be had: nothing of /sys/kernel but BTF.
NO_TRACEFS = "umount /sys/kernel/tracing"
NEVER_TRACEFS = """umount /sys/kernel/tracing
mkdir /btf
mount -o bind /sys/kernel/btf /btf
mount -t tmpfs t /sys/kernel
mkdir /sys/kernel/btf
mount -o bind /btf /sys/kernel/btf"""
# Disks of 64 MiB: two that are done at once, one that takes 20 ms for everything, one that keeps
# what is written to it: a table with one partition; one that does one thing at a time; one that
# takes a second and a half for that, and puts together what comes meanwhile; and one that does a
# megabyte a second, and gives back what it is given beyond that.
DISKS = """mount -t configfs none /sys/kernel/config
disk() {
	at=/sys/kernel/config/nullb/nullb$1
	mkdir $at
	echo 64 >$at/size
	shift
	for a; do
		echo ${a#*=} >$at/${a%%=*}
	done
	echo 1 >$at/power
}
disk 0 irqmode=0
disk 1 irqmode=0
disk 2 irqmode=2 completion_nsec=20000000
disk 3 irqmode=0 memory_backed=1
disk 4 irqmode=2 completion_nsec=20000000 submit_queues=1 hw_queue_depth=1
echo none >/sys/block/nullb4/queue/scheduler
disk 5 irqmode=2 completion_nsec=1500000000 submit_queues=1 hw_queue_depth=1
echo mq-deadline >/sys/block/nullb5/queue/scheduler
echo 4 >/sys/block/nullb5/queue/nr_requests
disk 6 irqmode=0 mbps=1
{
	head -c 446 /dev/zero
	printf '\\0\\0\\0\\0\\203\\0\\0\\0\\0\\010\\0\\0\\0\\0\\1\\0'
	head -c 48 /dev/zero
	printf '\\125\\252'
} | dd of=/dev/nullb3 bs=512 2>/dev/null
blockdev --rereadpt /dev/nullb3
mount -t cgroup2 none /sys/fs/cgroup
echo +io >/sys/fs/cgroup/cgroup.subtree_control"""
DISK_CASES = ["dm-delay", "null-blk", "io-max", "lock-chain"]
MORE_DISK_CASES = ["one-tag", "io-max-whole", "requeues", "flusher", "kernel-module"]
DISK_BOOT = {"setup": DISKS, "modules": ["null_blk nr_devices=0", "dm_delay"]}
# A network of two, in namespaces, 50 ms from each other; a server in the other one. (busybox has commands of
# these names that know less, and takes those where no path is given.)
NET = """mkdir -p /run /www
/bin/ip netns add b
/bin/ip link add va type veth peer name vb
/bin/ip link set vb netns b
/bin/ip addr add 10.9.0.1/24 dev va
/bin/ip link set va up
/bin/ip -n b addr add 10.9.0.2/24 dev vb
/bin/ip -n b link set vb up
/bin/ip -n b link set lo up
/bin/tc qdisc add dev va root netem delay 50ms
/bin/ip netns exec b /bin/tc qdisc add dev vb root netem delay 50ms
head -c 65536 /dev/zero >/www/small
head -c 1000000 /dev/zero >/www/large
/bin/ip netns exec b httpd -p 8080 -h /www"""
NET_BOOT = {"setup": NET, "modules": ["veth", "sch_netem"], "tools": ["/sbin/ip", "/sbin/tc"]}
LONG = {"case_limit": 900, "limit": 1200}
SLOW = {"case_limit": 300, "limit": 1200}  # emulated, these take twice as long as 6.1

GUESTS = [
    Guest("6.1", "6.1", [*(c for c in BASIC if c != "exchanges"), "kernel-functions", *REFUSED], in_test=True),
    Guest("6.1-more", "6.1", ["exchanges"]),
    Guest("6.12", "6.12", [*BASIC, "kernel-functions", *REFUSED]),
    Guest("7.2", "7.2", BASIC, **SLOW),
    Guest("7.3", "7.3", [*BASIC, "kernel-functions"], **SLOW),
    Guest("5.10", "5.10", ["too-old"]),
    Guest("6.12-rt", "6.12-rt", BASIC),
    Guest("6.1-disks", "6.1", DISK_CASES, in_test=True, **DISK_BOOT),
    Guest("6.1-net-more", "6.1", ["net-late"], **NET_BOOT),
    Guest("6.1-net", "6.1", ["net-delay", "net-loss", "net-rate", "net-exchange"], in_test=True, **NET_BOOT),
    Guest("7.3-net", "7.3", ["net-late", "net-delay", "net-loss", "net-rate", "net-exchange"], **NET_BOOT),
    Guest("6.1-disks-more", "6.1", [*MORE_DISK_CASES, "merged"], **DISK_BOOT),
    Guest("7.3-disks", "7.3", DISK_CASES + MORE_DISK_CASES, **DISK_BOOT),
    Guest("6.1-preempt", "6.1", ["many"], cmdline="preempt=full", **LONG),
    Guest("7.3-preempt", "7.3", ["many", "pairing"], cmdline="preempt=full", **LONG),
    Guest("6.1-hotplug", "6.1", ["hotplug"]),
    Guest("7.3-hotplug", "7.3", ["hotplug"]),
    Guest("6.1-cpus", "6.1", ["memory", "memory-more", "memory-less", "calls"], cpus="2,maxcpus=64"),
    Guest("6.1-tracefs", "6.1", ["waits", "calls", "tracefs"], setup=NO_TRACEFS),
    Guest("6.1-no-tracefs", "6.1", ["waits", "calls"], setup=NEVER_TRACEFS),
    Guest("6.1-lockdown", "6.1", ["lockdown", "doctor-lockdown"], cmdline="lockdown=confidentiality"),
    Guest("6.1-irqtime", "6.1-irqtime", ["waits", "occupants", "interrupts", "calls"], cmdline="tsc=reliable"),
    Guest("6.1-no-irqtime", "6.1-irqtime", ["interrupts-off"], cmdline="tsc=reliable tsc=noirqtime"),
    Guest("6.1-integrity", "6.1", ["doctor", "calls"], cmdline="lockdown=integrity"),
    # left out where there is no cross compiler; functions of the kernel can be traced since 6.4
    Guest("6.1-arm64", "6.1-arm64", [*BASIC, *REFUSED], **SLOW),
    Guest("6.12-arm64", "6.12-arm64", [*BASIC, "kernel-functions"], **SLOW),
]
