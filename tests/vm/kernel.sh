#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# tests/vm/kernel.sh IMAGE FOLDER: builds a small kernel for guests, of what Debian's own are built without:
# CONFIG_IRQ_TIME_ACCOUNTING, as the kernels of most other distributions have it. From Debian's source, in FOLDER.
set -eu
image=$(realpath -m "$1")
mkdir -p "$2"
cd "$2"

apt-get download -q linux-source-6.1 >/dev/null
dpkg-deb --fsys-tarfile linux-source-6.1_*.deb | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | tar -xJ
cd linux-source-6.1

# All that is not asked for is left out, and its build takes minutes, not an hour.
cat >small.config <<END
CONFIG_64BIT=y
CONFIG_MODULES=y
CONFIG_SMP=y
CONFIG_ACPI=y
CONFIG_PCI=y
CONFIG_TTY=y
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_CONSOLE=y
CONFIG_PRINTK=y
CONFIG_MULTIUSER=y
CONFIG_BINFMT_ELF=y
CONFIG_BINFMT_SCRIPT=y
CONFIG_BLK_DEV_INITRD=y
CONFIG_RD_GZIP=y
CONFIG_BLOCK=y
CONFIG_PROC_FS=y
CONFIG_SYSFS=y
CONFIG_TMPFS=y
CONFIG_DEVTMPFS=y
CONFIG_NET=y
CONFIG_UNIX=y
CONFIG_INET=y
CONFIG_IPV6=y
CONFIG_NAMESPACES=y
CONFIG_PID_NS=y
CONFIG_SECCOMP=y
CONFIG_SECCOMP_FILTER=y
CONFIG_PSI=y
CONFIG_CGROUPS=y
CONFIG_CGROUP_SCHED=y
CONFIG_FAIR_GROUP_SCHED=y
CONFIG_CFS_BANDWIDTH=y
CONFIG_HIGH_RES_TIMERS=y
CONFIG_NO_HZ_IDLE=y
CONFIG_IRQ_TIME_ACCOUNTING=y
CONFIG_KALLSYMS=y
CONFIG_KALLSYMS_ALL=y
CONFIG_PERF_EVENTS=y
CONFIG_BPF_SYSCALL=y
CONFIG_BPF_JIT=y
CONFIG_KPROBES=y
CONFIG_FTRACE=y
CONFIG_FUNCTION_TRACER=y
CONFIG_FTRACE_SYSCALLS=y
CONFIG_KPROBE_EVENTS=y
CONFIG_UPROBE_EVENTS=y
CONFIG_DEBUG_KERNEL=y
CONFIG_SCHEDSTATS=y
CONFIG_SCHED_DEBUG=y
CONFIG_DEBUG_INFO_DWARF4=y
CONFIG_DEBUG_INFO_BTF=y
END
make -s KCONFIG_ALLCONFIG=small.config allnoconfig
for o in $(sed 's/=y//' small.config); do
	grep -q "^$o=y" .config || { echo "kernel.sh: $o is not to be had" >&2; exit 1; }
done
make -s -j"$(nproc)" bzImage
mkdir -p "$image.modules"
cp arch/x86/boot/bzImage "$image.new"
mv "$image.new" "$image"
