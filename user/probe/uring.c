/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * io_uring, its user half: the names of its operations. Its requests are rows of Operations,
 * and of Files where they are on a file. The kernel half is bpf/uring.bpf.c. Handed to the
 * model by the commands.
 */
#include <stdio.h>

#include "bpf/uring.h"
#include "probe/probe.h"

static const char *const names[NR_HL_URING_OPS] = {
#define X(opcode, name, call) [opcode] = name,
	HL_URING_OPS(X)
#undef X
};

static const char *name_uring(unsigned int op, unsigned int abi, unsigned int nr, char *buf)
{
	unsigned int opcode = nr & ~HL_URING_PUNTED;
	const char *name = opcode < NR_HL_URING_OPS ? names[opcode] : NULL;

	if (op != HL_OP_URING)
		return NULL;
	if (nr == HL_NR_OTHER)
		return "(other)";
	if (name)
		snprintf(buf, MODEL_NAME_LEN, "%s%s", name, nr & HL_URING_PUNTED ? " (worker)" : "");
	else
		snprintf(buf, MODEL_NAME_LEN, "opcode %u%s", opcode, nr & HL_URING_PUNTED ? " (worker)" : "");
	return buf;
}

const struct collector uring_collector = { "io_uring", NULL, name_uring, NULL };
