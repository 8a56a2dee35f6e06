/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Arguments of USDT probes as compilers write them. */
#include <stdio.h>

#include "sym/usdt_args.h"
#include "tests/test.h"

#define PC 0x1000

static bool variable(void *arg, const char *name, uint64_t *vaddr)
{
	*vaddr = 0x4010;
	return !strcmp(name, "counter") || !strcmp(name, "a.b_$1");
}

enum { CONSTANT, REGISTER, MEMORY };

static const struct row {
	const char *text;
	struct site_arg want; /* size 0: it cannot be read */
} x86[] = {
	{ "-4@%eax", { -4, REGISTER, 0, 0, 80, 0, 0 } },
	{ "8@%rdi", { 8, REGISTER, 0, 0, 112, 0, 0 } },
	{ "2@%bx", { 2, REGISTER, 0, 0, 40, 0, 0 } },
	{ "1@%r15b", { 1, REGISTER, 0, 0, 0, 0, 0 } },
	{ "1@%sil", { 1, REGISTER, 0, 0, 104, 0, 0 } },
	{ "8@%rsp", { 8, REGISTER, 0, 0, 152, 0, 0 } },
	{ "8@%r8", { 8, REGISTER, 0, 0, 72, 0, 0 } },
	{ "4@%r10d", { 4, REGISTER, 0, 0, 56, 0, 0 } },
	{ "%rax", { 8, REGISTER, 0, 0, 80, 0, 0 } },
	{ "8@$5", { 8, CONSTANT, 0, 0, 0, 0, 5 } },
	{ "-4@$-9", { -4, CONSTANT, 0, 0, 0, 0, -9 } },
	{ "8@$0x10", { 8, CONSTANT, 0, 0, 0, 0, 16 } },
	{ "8@$18446744073709551615", { 8, CONSTANT, 0, 0, 0, 0, -1 } },
	{ "8@-20(%rbp)", { 8, MEMORY, 0, 0, 32, 0, -20 } },
	{ "8@(%rax)", { 8, MEMORY, 0, 0, 80, 0, 0 } },
	{ "-8@0x18(%rsp)", { -8, MEMORY, 0, 0, 152, 0, 24 } },
	{ "8@8+16(%rsp)", { 8, MEMORY, 0, 0, 152, 0, 24 } },
	{ "8@(%rax,%rbx,8)", { 8, MEMORY, 8, 0, 80, 40, 0 } },
	{ "4@-4(%rax,%rbx,4)", { 4, MEMORY, 4, 0, 80, 40, -4 } },
	{ "1@(%rax,%rbx)", { 1, MEMORY, 1, 0, 80, 40, 0 } },
	{ "1@7(%r9, %r10, 2)", { 1, MEMORY, 2, 0, 64, 56, 7 } },
	{ "4@(,%rbx,1)", { 4, MEMORY, 0, 0, 40, 0, 0 } },
	{ "-4@counter(%rip)", { -4, MEMORY, 0, 0, 128, 0, 0x3010 } },
	{ "-4@counter+4(%rip)", { -4, MEMORY, 0, 0, 128, 0, 0x3014 } },
	{ "-4@4+counter(%rip)", { -4, MEMORY, 0, 0, 128, 0, 0x3014 } },
	{ "-4@counter-8(%rip)", { -4, MEMORY, 0, 0, 128, 0, 0x3008 } },
	{ "8@a.b_$1(%rip)", { 8, MEMORY, 0, 0, 128, 0, 0x3010 } },
	{ "8@counter", { 8, MEMORY, 0, 0, 128, 0, 0x3010 } },
	/* what cannot be read */
	{ "8@other(%rip)", {} },
	{ "8@4(%rip)", {} },
	{ "8@counter(%rax)", {} },
	{ "8@counter(,%rax,8)", {} },
	{ "4@(,%rbx,4)", {} },
	{ "8f@%xmm0", {} },
	{ "8@%xmm0", {} },
	{ "1@%ah", {} },
	{ "8@%fs:16", {} },
	{ "3@%eax", {} },
	{ "16@%rax", {} },
	{ "0@%rax", {} },
	{ "8@", {} },
	{ "8@%", {} },
	{ "8@()", {} },
	{ "8@(%rax", {} },
	{ "8@(%rax,%rbx,3)", {} },
	{ "8@(%rax,%rbx,8", {} },
	{ "8@(%rax)x", {} },
	{ "8@$", {} },
	{ "8@$5x", {} },
	{ "8@8", {} },
	{ "@", {} },
	{ "@@@", {} },
	{ "8@--(%rax)", {} },
}, arm[] = {
	{ "8@x0", { 8, REGISTER, 0, 0, 0, 0, 0 } },
	{ "-4@w19", { -4, REGISTER, 0, 0, 152, 0, 0 } },
	{ "8@x30", { 8, REGISTER, 0, 0, 240, 0, 0 } },
	{ "8@sp", { 8, REGISTER, 0, 0, 248, 0, 0 } },
	{ "4@wzr", { 4, CONSTANT, 0, 0, 0, 0, 0 } },
	{ "4@5", { 4, CONSTANT, 0, 0, 0, 0, 5 } },
	{ "-4@-5", { -4, CONSTANT, 0, 0, 0, 0, -5 } },
	{ "4@#5", { 4, CONSTANT, 0, 0, 0, 0, 5 } },
	{ "-4@[sp, 12]", { -4, MEMORY, 0, 0, 248, 0, 12 } },
	{ "8@[x29]", { 8, MEMORY, 0, 0, 232, 0, 0 } },
	{ "8@[x1,-8]", { 8, MEMORY, 0, 0, 8, 0, -8 } },
	{ "8@[x1, #16]", { 8, MEMORY, 0, 0, 8, 0, 16 } },
	{ "8@[x1, x2]", { 8, MEMORY, 1, 0, 8, 16, 0 } },
	{ "8@[x1, x2, lsl 3]", { 8, MEMORY, 8, 0, 8, 16, 0 } },
	{ "8@[x1, x2, lsl #3]", { 8, MEMORY, 8, 0, 8, 16, 0 } },
	{ "8@x31", {} },
	{ "8@x", {} },
	{ "8@v0", {} },
	{ "8@d0", {} },
	{ "8@[x1", {} },
	{ "8@[xzr]", {} },
	{ "8@[x1, w2, sxtw]", {} },
	{ "8@[x1, x2, lsl 9]", {} },
	{ "8@x0x", {} },
	{ "8@%rax", {} },
};

static void check(enum insn_arch arch, const struct row *row)
{
	const struct site_arg *w = &row->want;
	struct site_arg got[SITE_ARGS];

	if (!ASSERT_EQ(usdt_args(arch, row->text, PC, variable, NULL, got), 1) ||
	    !ASSERT_EQ(got->size, w->size) || !ASSERT_EQ(got->where, w->where) ||
	    !ASSERT_EQ(got->scale, w->scale) || !ASSERT_EQ(got->reg, w->reg) ||
	    !ASSERT_EQ(got->index, w->index) || !ASSERT_EQ(got->add, w->add))
		printf("# %s\n", row->text);
}

void test_sym_usdt_args(void)
{
	struct site_arg got[SITE_ARGS];
	char lengthy[2000];

	for (size_t i = 0; i < ARRAY_SIZE(x86); i++)
		check(INSN_X86_64, &x86[i]);
	for (size_t i = 0; i < ARRAY_SIZE(arm); i++)
		check(INSN_ARM64, &arm[i]);
	ASSERT_EQ(usdt_args(INSN_X86_64, "", PC, variable, NULL, got), 0);
	ASSERT_EQ(usdt_args(INSN_X86_64, "  ", PC, variable, NULL, got), 0);
	/* what cannot be read does not move the others */
	ASSERT_EQ(usdt_args(INSN_X86_64, " -4@%eax 8f@%xmm0  8@(%rax, %rbx, 8)", PC, variable, NULL, got), 3);
	ASSERT(got[0].size == -4 && got[1].size == 0 && got[2].scale == 8);
	ASSERT_EQ(usdt_args(INSN_ARM64, "-4@[sp, 12] 8@x1", PC, variable, NULL, got), 2);
	ASSERT(got[0].add == 12 && got[1].reg == 8);
	ASSERT_EQ(usdt_args(INSN_X86_64, "1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1 1@$1",
			    PC, variable, NULL, got),
		  SITE_ARGS);
	memset(lengthy, 'a', sizeof(lengthy));
	memcpy(lengthy, "8@", 2);
	lengthy[sizeof(lengthy) - 1] = '\0';
	ASSERT_EQ(usdt_args(INSN_X86_64, lengthy, PC, variable, NULL, got), 1);
	ASSERT_EQ(got[0].size, 0);
}
