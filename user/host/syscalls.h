/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Names of system calls, by the table that a number belongs to (enum hl_abi), and back.
 * Called by the model's outputs and by the -x filter. Pure. */
#ifndef HOST_SYSCALLS_H
#define HOST_SYSCALLS_H

#include "base/base.h"
#include "bpf/abi.h"

#define SYSCALL_NAME_LEN 48

/*
 * The plain name: "read", "(user)" and the like for the HL_NR_* pseudo numbers, and
 * "syscall_9999" for what the table does not know. buf has SYSCALL_NAME_LEN bytes; what comes
 * back is static or buf.
 */
const char *syscall_name(unsigned int abi, unsigned int nr, char *buf);

/* The name as a row shows it: as above, with "/ia32" where the table is not the host's main one. */
const char *syscall_label(unsigned int abi, unsigned int nr, char *buf);

/* The number of a name (with or without "sys_" before it), as "syscall_9999" too.
 * -ENOENT: this table has no such call. Pseudo numbers have no name here. */
int syscall_number(unsigned int abi, const char *name);

/* The table of this build's own architecture; -1: it has none. */
int syscall_native_abi(void);

#endif
