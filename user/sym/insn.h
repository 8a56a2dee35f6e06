/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Instructions as far as probes have to do with them: how long they are, where they lead, how the kernel
 * carries them out with a probe on them. In the sandbox: code is hostile too.
 */
#ifndef SYM_INSN_H
#define SYM_INSN_H

#include "sym/find.h"

enum insn_arch { INSN_X86_64, INSN_ARM64 };

#if defined(__aarch64__)
#define INSN_HERE INSN_ARM64
#else
#define INSN_HERE INSN_X86_64
#endif

enum insn_kind {
	INSN_OTHER,
	INSN_MARK, /* where a jump may land (endbr64, bti): does nothing else */
	INSN_RET,
	INSN_JUMP,   /* always; target 0: it is not in the instruction */
	INSN_BRANCH, /* perhaps */
	INSN_CALL,
};

struct insn {
	uint8_t len;
	enum insn_kind kind;
	bool quiet;      /* it leaves memory, the stack and what is passed in registers as they are */
	uint64_t target; /* of a jump or branch; 0: not known */
	enum site_cost cost;
	const char *refused; /* why no probe may be there; NULL: one may */
};

struct decoder;
struct decoder *decoder_new(enum insn_arch arch); /* NULL: out of memory */
void decoder_free(struct decoder *d);
/* The instruction at the beginning of n bytes; false: none that is known. */
bool decoder_next(struct decoder *d, const uint8_t *code, size_t n, uint64_t vaddr, struct insn *out);

#endif
