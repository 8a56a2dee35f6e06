/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * On x86 Capstone says how long an instruction is; what it is stands in its bytes, which is what the kernel
 * goes by as well. On arm64 each has four bytes. Which instructions the kernel emulates and which it
 * refuses was tried on each opcode with Linux 6.18. Used by find_function.c.
 */
#include <capstone/capstone.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sym/insn.h"

struct decoder {
	enum insn_arch arch;
	csh capstone;
	cs_insn *insn;
};

struct decoder *decoder_new(enum insn_arch arch)
{
	struct decoder *d = xcalloc(1, sizeof(*d));

	d->arch = arch;
	if (arch != INSN_X86_64)
		return d;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &d->capstone)) {
		free(d);
		return NULL;
	}
	d->insn = cs_malloc(d->capstone);
	return d;
}

void decoder_free(struct decoder *d)
{
	if (d && d->insn)
		cs_free(d->insn, 1);
	if (d && d->capstone)
		cs_close(&d->capstone);
	free(d);
}

/* ---- x86 -------------------------------------------------------------------------------------- */

#define MAX_X86 15

enum prefix { PREFIX_66 = 1, PREFIX_BAD = 2, PREFIX_REP = 4 };

/* What stands before the opcode; 0: it is none. 26, 2e, 36, 3e: segments; f0: lock. */
static unsigned int prefix_of(uint8_t b)
{
	switch (b) {
	case 0x66:
		return PREFIX_66;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0xf0:
		return PREFIX_BAD;
	case 0xf2:
	case 0xf3:
		return PREFIX_REP;
	case 0x64:
	case 0x65:
	case 0x67:
		return 8;
	}
	return 0;
}

struct x86 {
	unsigned int prefixes;
	bool rex, vector; /* vector: VEX or EVEX */
	size_t at;        /* of the opcode */
	uint8_t op, op2;  /* op2: behind 0f */
};

static struct x86 take_apart(const uint8_t *b, size_t n)
{
	struct x86 x = {};
	size_t skip;

	while (x.at + 1 < n && prefix_of(b[x.at]))
		x.prefixes |= prefix_of(b[x.at++]);
	if (x.at + 1 < n && (b[x.at] & 0xf0) == 0x40) {
		x.rex = true;
		x.at++;
	}
	skip = b[x.at] == 0xc5 ? 2 : b[x.at] == 0xc4 ? 3 : b[x.at] == 0x62 ? 4 : 0;
	if (skip && x.at + skip < n) {
		x.vector = true;
		x.at += skip;
	}
	x.op = b[x.at];
	x.op2 = !x.vector && x.op == 0x0f && x.at + 1 < n ? b[x.at + 1] : 0;
	return x;
}

/* The kernel looks at the opcode alone, also at one that is a vector instruction's. */
static bool is_refused_op(uint8_t op)
{
	static const uint8_t ranges[][2] = { { 0x06, 0x07 }, { 0x0e, 0x0e }, { 0x16, 0x17 }, { 0x1e, 0x1f },
					     { 0x27, 0x27 }, { 0x2f, 0x2f }, { 0x37, 0x37 }, { 0x3f, 0x3f },
					     { 0x60, 0x62 }, { 0x6c, 0x6f }, { 0x82, 0x82 }, { 0x9a, 0x9a },
					     { 0xcc, 0xcf }, { 0xd4, 0xd6 }, { 0xe4, 0xe7 }, { 0xea, 0xea },
					     { 0xec, 0xef }, { 0xf1, 0xf1 }, { 0xf4, 0xf4 }, { 0xfa, 0xfb } };

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (op >= ranges[i][0] && op <= ranges[i][1])
			return true;
	return false;
}

/* A jump or call whose target is in the instruction: how many bytes of it; 0: it is none. */
static size_t relative_size(const struct x86 *x)
{
	if (x->vector)
		return 0;
	if (x->op == 0xe8 || x->op == 0xe9 || (x->op == 0x0f && (x->op2 & 0xf0) == 0x80))
		return 4;
	return x->op == 0xeb || (x->op & 0xf0) == 0x70 || (x->op >= 0xe0 && x->op <= 0xe3) ? 1 : 0;
}

static uint64_t target_of(const uint8_t *b, size_t len, size_t size, uint64_t vaddr)
{
	int32_t rel32;

	if (size == 1)
		return vaddr + len + (uint64_t)(int64_t)(int8_t)b[len - 1];
	memcpy(&rel32, b + len - 4, sizeof(rel32));
	return vaddr + len + (uint64_t)(int64_t)rel32;
}

static enum insn_kind x86_kind(const uint8_t *b, size_t len, const struct x86 *x)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t reg = x->at + 1 < len ? b[x->at + 1] >> 3 & 7 : 0;

	if (len == sizeof(endbr64) && !memcmp(b, endbr64, sizeof(endbr64)))
		return INSN_MARK;
	if (x->vector)
		return INSN_OTHER;
	if (x->op == 0xc2 || x->op == 0xc3 || x->op == 0xca || x->op == 0xcb || x->op == 0xcf)
		return INSN_RET;
	if (x->op == 0xe8 || (x->op == 0xff && (reg == 2 || reg == 3)))
		return INSN_CALL;
	if (x->op == 0xe9 || x->op == 0xeb || (x->op == 0xff && (reg == 4 || reg == 5)))
		return INSN_JUMP;
	return relative_size(x) ? INSN_BRANCH : INSN_OTHER;
}

/* A comparison; and where Go looks whether its stack is large enough, what it compares (lea …, %r12). */
static bool is_quiet(const uint8_t *b, size_t len, const struct x86 *x)
{
	uint8_t reg = x->at + 1 < len ? b[x->at + 1] >> 3 & 7 : 0;
	bool rex_r = x->rex && b[x->at - 1] & 4;

	if (x->vector)
		return false;
	if ((x->op >= 0x38 && x->op <= 0x3d) || x->op == 0x84 || x->op == 0x85 || x->op == 0xa8 ||
	    x->op == 0xa9)
		return true;
	if (x->op == 0x80 || x->op == 0x81 || x->op == 0x83)
		return reg == 7;
	if (x->op == 0xf6 || x->op == 0xf7)
		return reg < 2;
	return x->op == 0x8d && rex_r && reg == 4;
}

/* The nops that the kernel knows as such: of up to eight bytes, in the form that compilers use. */
static bool is_known_nop(const uint8_t *b, size_t len, const struct x86 *x)
{
	if (x->op == 0x90)
		return !x->rex;
	return len <= 8 && x->op == 0x0f && x->op2 == 0x1f && !x->rex &&
	       (x->at == 0 || (x->at == 1 && len == 6 && b[0] == 0x66));
}

static enum site_cost x86_cost(const uint8_t *b, size_t len, const struct x86 *x)
{
	bool plain = !x->prefixes;

	if (x->vector)
		return SITE_STEPPED;
	if (len == 5 && x->op == 0x0f && x->op2 == 0x1f && x->at == 0)
		return SITE_CALL;
	if (is_known_nop(b, len, x))
		return SITE_EMULATED;
	if ((x->op & 0xf8) == 0x50) /* push of a register */
		return plain ? SITE_EMULATED : SITE_STEPPED;
	return relative_size(x) && (x->op < 0xe0 || x->op > 0xe3) ? SITE_EMULATED : SITE_STEPPED;
}

static const char *x86_refused(const uint8_t *b, size_t len, const struct x86 *x)
{
	bool to_ss = !x->vector && x->op == 0x8e && x->at + 1 < len && (b[x->at + 1] >> 3 & 7) == 2;

	if (x->prefixes & PREFIX_BAD)
		return "it has a lock or segment prefix, which the kernel does not put a probe on";
	if (to_ss || is_refused_op(x->op))
		return "the kernel puts no probe on such an instruction";
	if (x->prefixes & PREFIX_66 && relative_size(x) && (x->op < 0xe0 || x->op > 0xe3))
		return "the kernel puts no probe on a jump with an operand size";
	if (!x->vector && x->op == 0x9c)
		return "a probe on pushf leaves the trap flag in what it pushed, of which the program would "
		       "die";
	return NULL;
}

static bool x86_next(struct decoder *d, const uint8_t *code, size_t n, uint64_t vaddr, struct insn *out)
{
	const uint8_t *at = code;
	size_t left = MIN(n, (size_t)MAX_X86), size;
	uint64_t address = vaddr;
	struct x86 x;

	if (!n || !cs_disasm_iter(d->capstone, &at, &left, &address, d->insn) || d->insn->size > n)
		return false;
	out->len = (uint8_t)d->insn->size;
	x = take_apart(code, out->len);
	out->kind = x86_kind(code, out->len, &x);
	out->quiet = out->kind == INSN_MARK || is_quiet(code, out->len, &x);
	size = relative_size(&x);
	out->target = size ? target_of(code, out->len, size, vaddr) : 0;
	out->cost = x86_cost(code, out->len, &x);
	out->refused = x86_refused(code, out->len, &x);
	return true;
}

/* ---- arm64 ------------------------------------------------------------------------------------ */

enum arm_fate { ARM_STEPPED, ARM_EMULATED, ARM_REFUSED };

/* The first row that fits. bits, shift: where the target is, in words. */
static const struct arm {
	uint32_t mask, value;
	enum insn_kind kind;
	enum arm_fate fate;
	uint8_t bits, shift;
} arm_rows[] = {
	{ 0xffffff3f, 0xd503241f, INSN_MARK, ARM_STEPPED, 0, 0 },     /* bti */
	{ 0xffffffff, 0xd503201f, INSN_OTHER, ARM_EMULATED, 0, 0 },   /* nop */
	{ 0xfffffbff, 0xd65f0bff, INSN_RET, ARM_REFUSED, 0, 0 },      /* retaa, retab */
	{ 0xfffffc1f, 0xd65f0000, INSN_RET, ARM_EMULATED, 0, 0 },     /* ret */
	{ 0xfffffc1f, 0xd61f0000, INSN_JUMP, ARM_EMULATED, 0, 0 },    /* br */
	{ 0xfffffc1f, 0xd63f0000, INSN_CALL, ARM_EMULATED, 0, 0 },    /* blr */
	{ 0xfefff800, 0xd61f0800, INSN_JUMP, ARM_REFUSED, 0, 0 },     /* braa and its like */
	{ 0xfefff800, 0xd63f0800, INSN_CALL, ARM_REFUSED, 0, 0 },     /* blraa and its like */
	{ 0xffffffff, 0xd69f03e0, INSN_RET, ARM_REFUSED, 0, 0 },      /* eret */
	{ 0xfc000000, 0x14000000, INSN_JUMP, ARM_EMULATED, 26, 0 },   /* b */
	{ 0xfc000000, 0x94000000, INSN_CALL, ARM_EMULATED, 26, 0 },   /* bl */
	{ 0xff000010, 0x54000000, INSN_BRANCH, ARM_EMULATED, 19, 5 }, /* b.COND */
	{ 0x7e000000, 0x34000000, INSN_BRANCH, ARM_EMULATED, 19, 5 }, /* cbz, cbnz */
	{ 0x7e000000, 0x36000000, INSN_BRANCH, ARM_EMULATED, 14, 5 }, /* tbz, tbnz */
	{ 0x1f000000, 0x10000000, INSN_OTHER, ARM_EMULATED, 0, 0 },   /* adr, adrp */
	{ 0xbf000000, 0x18000000, INSN_OTHER, ARM_EMULATED, 0, 0 },   /* ldr of a literal */
	{ 0xff000000, 0x98000000, INSN_OTHER, ARM_EMULATED, 0, 0 },   /* ldrsw of a literal */
	{ 0x3b000000, 0x18000000, INSN_OTHER, ARM_REFUSED, 0, 0 },    /* others of a literal */
	{ 0xff000000, 0xd4000000, INSN_OTHER, ARM_REFUSED, 0, 0 },    /* svc, brk, hlt: exceptions */
	{ 0x3f000000, 0x08000000, INSN_OTHER, ARM_REFUSED, 0, 0 },    /* exclusive loads and stores */
	{ 0xfff00000, 0xd5100000, INSN_OTHER, ARM_REFUSED, 0, 0 },    /* msr */
	{ 0xfff8f01f, 0xd500401f, INSN_OTHER, ARM_REFUSED, 0, 0 },    /* msr of an immediate */
	{ 0xfff00000, 0xd5300000, INSN_OTHER, ARM_STEPPED, 0, 0 },    /* mrs */
	{ 0xffff0000, 0x00000000, INSN_OTHER, ARM_REFUSED, 0, 0 },    /* udf */
	{ 0, 0, INSN_OTHER, ARM_STEPPED, 0, 0 },
};

static bool arm_next(const uint8_t *code, size_t n, uint64_t vaddr, struct insn *out)
{
	const struct arm *a = arm_rows;
	uint32_t word;

	if (n < sizeof(word))
		return false;
	memcpy(&word, code, sizeof(word));
	while ((word & a->mask) != a->value)
		a++;
	*out = (struct insn){ .len = sizeof(word), .kind = a->kind, .quiet = a->kind == INSN_MARK };
	if (a->bits) { /* shifted up to the sign, and down again */
		int32_t words = (int32_t)(word >> a->shift << (32 - a->bits)) >> (32 - a->bits);

		out->target = vaddr + (uint64_t)((int64_t)words * 4);
	}
	out->cost = a->fate == ARM_EMULATED ? SITE_EMULATED : SITE_STEPPED;
	out->refused = a->fate == ARM_REFUSED ? "the kernel puts no probe on such an instruction" : NULL;
	return true;
}

bool decoder_next(struct decoder *d, const uint8_t *code, size_t n, uint64_t vaddr, struct insn *out)
{
	return d->arch == INSN_X86_64 ? x86_next(d, code, n, vaddr, out) : arm_next(code, n, vaddr, out);
}
