/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What instructions are to a probe. That the kernel does so with them was measured on Linux 6.18, for x86-64.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sym/insn.h"
#include "tests/test.h"

#define AT 0x401000

#define REFUSED NR_SITE_COSTS

struct row {
	const char *bytes; /* hex */
	uint8_t len;       /* 0: it is none that is known */
	enum insn_kind kind;
	int64_t target; /* from where it begins; 0: none */
	enum site_cost cost;
};

static const struct row x86[] = {
	{ "0f1f440000", 5, INSN_OTHER, 0, SITE_CALL },
	{ "90", 1, INSN_OTHER, 0, SITE_EMULATED },
	{ "6690", 2, INSN_OTHER, 0, SITE_EMULATED },
	{ "f390", 2, INSN_OTHER, 0, SITE_EMULATED },
	{ "0f1f00", 3, INSN_OTHER, 0, SITE_EMULATED },
	{ "0f1f4000", 4, INSN_OTHER, 0, SITE_EMULATED },
	{ "660f1f440000", 6, INSN_OTHER, 0, SITE_EMULATED },
	{ "0f1f8000000000", 7, INSN_OTHER, 0, SITE_EMULATED },
	{ "0f1f840000000000", 8, INSN_OTHER, 0, SITE_EMULATED },
	{ "660f1f840000000000", 9, INSN_OTHER, 0, SITE_STEPPED },
	{ "662e0f1f840000000000", 10, INSN_OTHER, 0, REFUSED },
	{ "f30f1efa", 4, INSN_MARK, 0, SITE_STEPPED },
	{ "55", 1, INSN_OTHER, 0, SITE_EMULATED },
	{ "4154", 2, INSN_OTHER, 0, SITE_EMULATED },
	{ "6655", 2, INSN_OTHER, 0, SITE_STEPPED },
	{ "6a05", 2, INSN_OTHER, 0, SITE_STEPPED },
	{ "6805000000", 5, INSN_OTHER, 0, SITE_STEPPED },
	{ "ff742408", 4, INSN_OTHER, 0, SITE_STEPPED },
	{ "5d", 1, INSN_OTHER, 0, SITE_STEPPED },
	{ "31c0", 2, INSN_OTHER, 0, SITE_STEPPED },
	{ "4883ec08", 4, INSN_OTHER, 0, SITE_STEPPED },
	{ "4889e5", 3, INSN_OTHER, 0, SITE_STEPPED },
	{ "eb00", 2, INSN_JUMP, 2, SITE_EMULATED },
	{ "ebfe", 2, INSN_JUMP, 0, SITE_EMULATED }, /* to itself */
	{ "e9fbffffff", 5, INSN_JUMP, 0, SITE_EMULATED },
	{ "e900010000", 5, INSN_JUMP, 261, SITE_EMULATED },
	{ "66e900000000", 4, INSN_JUMP, 0, REFUSED },
	{ "75f0", 2, INSN_BRANCH, -14, SITE_EMULATED },
	{ "0f85f0ffffff", 6, INSN_BRANCH, -10, SITE_EMULATED },
	{ "e310", 2, INSN_BRANCH, 18, SITE_STEPPED },
	{ "e800000000", 5, INSN_CALL, 5, SITE_EMULATED },
	{ "ffd0", 2, INSN_CALL, 0, SITE_STEPPED },
	{ "ffe0", 2, INSN_JUMP, 0, SITE_STEPPED },
	{ "ff2500000000", 6, INSN_JUMP, 0, SITE_STEPPED },
	{ "3effe0", 3, INSN_JUMP, 0, REFUSED },
	{ "c3", 1, INSN_RET, 0, SITE_STEPPED },
	{ "f3c3", 2, INSN_RET, 0, SITE_STEPPED },
	{ "c20800", 3, INSN_RET, 0, SITE_STEPPED },
	{ "cc", 1, INSN_OTHER, 0, REFUSED },
	{ "cd80", 2, INSN_OTHER, 0, REFUSED },
	{ "f4", 1, INSN_OTHER, 0, REFUSED },
	{ "fa", 1, INSN_OTHER, 0, REFUSED },
	{ "e480", 2, INSN_OTHER, 0, REFUSED },
	{ "f048ff00", 4, INSN_OTHER, 0, REFUSED },
	{ "9c", 1, INSN_OTHER, 0, REFUSED },
	{ "8ed0", 2, INSN_OTHER, 0, REFUSED },
	{ "c5f9efc0", 4, INSN_OTHER, 0, REFUSED }, /* vpxor: the opcode alone counts */
	{ "c5fe6f07", 4, INSN_OTHER, 0, REFUSED },
	{ "c5f877", 3, INSN_OTHER, 0, SITE_STEPPED },     /* vzeroupper: no jump */
	{ "c5f8c2c000", 5, INSN_OTHER, 0, SITE_STEPPED }, /* vcmpps: no return */
	{ "62f17c481007", 6, INSN_OTHER, 0, SITE_STEPPED },
	{ "64488b042528000000", 9, INSN_OTHER, 0, SITE_STEPPED },
	{ "0f0b", 2, INSN_OTHER, 0, SITE_STEPPED },
	{ "06", 0, INSN_OTHER, 0, SITE_CALL },
	{ "e80000", 0, INSN_OTHER, 0, SITE_CALL }, /* cut */
	{ "", 0, INSN_OTHER, 0, SITE_CALL },
};

/* As the assembler writes them, the lowest byte first. */
static const struct row arm[] = {
	{ "5f2403d5", 4, INSN_MARK, 0, SITE_STEPPED },      /* bti c */
	{ "3f2303d5", 4, INSN_OTHER, 0, SITE_STEPPED },     /* paciasp */
	{ "1f2003d5", 4, INSN_OTHER, 0, SITE_EMULATED },    /* nop */
	{ "c0035fd6", 4, INSN_RET, 0, SITE_EMULATED },      /* ret */
	{ "ff0b5fd6", 4, INSN_RET, 0, REFUSED },            /* retaa */
	{ "00001fd6", 4, INSN_JUMP, 0, SITE_EMULATED },     /* br x0 */
	{ "20003fd6", 4, INSN_CALL, 0, SITE_EMULATED },     /* blr x1 */
	{ "02000014", 4, INSN_JUMP, 8, SITE_EMULATED },     /* b .+8 */
	{ "ffffff17", 4, INSN_JUMP, -4, SITE_EMULATED },    /* b .-4 */
	{ "00010094", 4, INSN_CALL, 0x400, SITE_EMULATED }, /* bl .+0x400 */
	{ "41000054", 4, INSN_BRANCH, 8, SITE_EMULATED },   /* b.ne .+8 */
	{ "c1ffff54", 4, INSN_BRANCH, -8, SITE_EMULATED },  /* b.ne .-8 */
	{ "400000b4", 4, INSN_BRANCH, 8, SITE_EMULATED },   /* cbz x0, .+8 */
	{ "40000036", 4, INSN_BRANCH, 8, SITE_EMULATED },   /* tbz w0, 0, .+8 */
	{ "00000090", 4, INSN_OTHER, 0, SITE_EMULATED },    /* adrp x0, . */
	{ "40000058", 4, INSN_OTHER, 0, SITE_EMULATED },    /* ldr x0, .+8 */
	{ "fd7bbfa9", 4, INSN_OTHER, 0, SITE_STEPPED },     /* stp x29, x30, [sp, -16]! */
	{ "fd030091", 4, INSN_OTHER, 0, SITE_STEPPED },     /* mov x29, sp */
	{ "010000d4", 4, INSN_OTHER, 0, REFUSED },          /* svc 0 */
	{ "000020d4", 4, INSN_OTHER, 0, REFUSED },          /* brk 0 */
	{ "007c5fc8", 4, INSN_OTHER, 0, REFUSED },          /* ldxr x0, [x0] */
	{ "40d03bd5", 4, INSN_OTHER, 0, SITE_STEPPED },     /* mrs x0, tpidr_el0 */
	{ "40d01bd5", 4, INSN_OTHER, 0, REFUSED },          /* msr tpidr_el0, x0 */
	{ "00000000", 4, INSN_OTHER, 0, REFUSED },          /* udf */
	{ "c0035f", 0, INSN_OTHER, 0, SITE_CALL },
};

static void check(struct decoder *d, const struct row *r)
{
	uint8_t bytes[32];
	size_t n = strlen(r->bytes) / 2;
	struct insn i = {};

	for (size_t k = 0; k < n; k++)
		sscanf(r->bytes + 2 * k, "%2hhx", &bytes[k]);
	if (!decoder_next(d, bytes, n, AT, &i)) {
		if (!ASSERT_EQ(r->len, 0))
			printf("# %s\n", r->bytes);
		return;
	}
	/* of a jump with an operand size only that it is refused matters */
	if (!(r->cost == REFUSED || ASSERT_EQ(i.len, r->len)) || !ASSERT_EQ(i.kind, r->kind) ||
	    !(r->cost == REFUSED || ASSERT_EQ(i.target ? (int64_t)(i.target - AT) : 0, r->target)) ||
	    !ASSERT_EQ(i.refused ? REFUSED : i.cost, r->cost))
		printf("# %s\n", r->bytes);
}

void test_sym_insn(void)
{
	struct decoder *d = decoder_new(INSN_X86_64);

	for (size_t i = 0; i < ARRAY_SIZE(x86); i++)
		check(d, &x86[i]);
	decoder_free(d);
	d = decoder_new(INSN_ARM64);
	for (size_t i = 0; i < ARRAY_SIZE(arm); i++)
		check(d, &arm[i]);
	decoder_free(d);
}
