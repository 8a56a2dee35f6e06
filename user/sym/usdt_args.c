/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * An argument is SIZE@OPERAND, with the operand as the assembler writes it; a negative size is that of a
 * signed number. Registers are given as offsets into struct pt_regs of the architecture that the file is of.
 * Used by find_usdt.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sym/usdt_args.h"

#define OPERAND 256

struct reading {
	uint64_t pc;
	usdt_variable_fn variable;
	void *arg;
};

enum { CONSTANT, REGISTER, MEMORY };

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* A number at *s, which moves behind it. */
static bool take_number(const char **s, int64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoll(*s, &end, 0);
	if (end == *s || (errno && **s != '-')) {
		errno = 0;
		*v = (int64_t)strtoull(*s, &end, 0);
	}
	if (end == *s || errno)
		return false;
	*s = end;
	return true;
}

/* ---- x86-64 ------------------------------------------------------------------------------------- */

#define X86_RIP 128

/* The names of a register by its width; offset: in struct pt_regs. */
static const struct {
	const char *names[4];
	int16_t offset;
} x86_regs[] = {
	{ { "r15", "r15d", "r15w", "r15b" }, 0 },  { { "r14", "r14d", "r14w", "r14b" }, 8 },
	{ { "r13", "r13d", "r13w", "r13b" }, 16 }, { { "r12", "r12d", "r12w", "r12b" }, 24 },
	{ { "rbp", "ebp", "bp", "bpl" }, 32 },     { { "rbx", "ebx", "bx", "bl" }, 40 },
	{ { "r11", "r11d", "r11w", "r11b" }, 48 }, { { "r10", "r10d", "r10w", "r10b" }, 56 },
	{ { "r9", "r9d", "r9w", "r9b" }, 64 },     { { "r8", "r8d", "r8w", "r8b" }, 72 },
	{ { "rax", "eax", "ax", "al" }, 80 },      { { "rcx", "ecx", "cx", "cl" }, 88 },
	{ { "rdx", "edx", "dx", "dl" }, 96 },      { { "rsi", "esi", "si", "sil" }, 104 },
	{ { "rdi", "edi", "di", "dil" }, 112 },    { { "rip", "eip", "ip", "ip" }, X86_RIP },
	{ { "rsp", "esp", "sp", "spl" }, 152 },
};

/* "%rax" at *s, which moves behind it; its offset, -1: it is none that can be read. */
static int x86_reg(const char **s)
{
	size_t n;

	if (**s != '%')
		return -1;
	for (n = 1; isalnum((unsigned char)(*s)[n]); n++)
		;
	for (size_t i = 0; i < ARRAY_SIZE(x86_regs); i++)
		for (size_t k = 0; k < 4; k++)
			if (strlen(x86_regs[i].names[k]) == n - 1 &&
			    !memcmp(x86_regs[i].names[k], *s + 1, n - 1)) {
				*s += n;
				return x86_regs[i].offset;
			}
	return -1;
}

/* What stands before the bracket: -20, name, name+8, 8+name. *named: with a variable, of the whole address.
 */
static bool take_displacement(const struct reading *r, const char **s, int64_t *add, bool *named)
{
	char name[OPERAND];
	bool first = true;

	for (*add = 0; **s && **s != '('; first = false) {
		uint64_t vaddr;
		int64_t v;
		size_t n;

		if (**s == '+' && !first)
			++*s;
		if (isdigit((unsigned char)**s) || **s == '-') {
			if (!take_number(s, &v))
				return false;
			*add += v;
			continue;
		}
		for (n = 0; isalnum((unsigned char)(*s)[n]) || (strchr("_.$", (*s)[n]) && (*s)[n]); n++)
			name[n] = (*s)[n];
		name[n] = '\0';
		if (!n || *named || !r->variable(r->arg, name, &vaddr))
			return false;
		*s += n;
		*named = true;
		*add += (int64_t)vaddr;
	}
	return true;
}

/* "(%rax,%rbx,8)", "(%rax)", "(,%rbx,8)" to the end. */
static bool take_base(const char *s, struct site_arg *a)
{
	int reg = -1, index = -1;
	int64_t scale = 1;

	s++;
	if (*s == '%' && (reg = x86_reg(&s)) < 0)
		return false;
	if (*s == ',') {
		s = skip_blanks(s + 1);
		index = x86_reg(&s);
		if (index < 0)
			return false;
		if (*s == ',') {
			s = skip_blanks(s + 1);
			if (!take_number(&s, &scale) ||
			    (scale != 1 && scale != 2 && scale != 4 && scale != 8))
				return false;
		}
	}
	if (strcmp(s, ")") || (reg < 0 && index < 0))
		return false;
	/* an index without a base: a base of once, when that does */
	if (reg < 0 && scale != 1)
		return false;
	a->reg = (int16_t)(reg < 0 ? index : reg);
	a->index = (int16_t)(reg < 0 || index < 0 ? 0 : index);
	a->scale = reg < 0 || index < 0 ? 0 : (uint8_t)scale;
	return true;
}

static bool x86_memory(const struct reading *r, const char *s, struct site_arg *a)
{
	bool named = false;

	a->where = MEMORY;
	if (!take_displacement(r, &s, &a->add, &named))
		return false;
	if (*s ? !take_base(s, a) : !named)
		return false;
	if (named && *s && (a->reg != X86_RIP || a->scale))
		return false; /* an array of a program at a fixed place */
	if (!named && a->reg == X86_RIP)
		return false; /* it is not said from where it is counted */
	if (named) {          /* wherever the file is loaded, it is so far from the probe */
		a->reg = X86_RIP;
		a->add -= (int64_t)r->pc;
	}
	return true;
}

static bool x86_operand(const struct reading *r, const char *s, struct site_arg *a)
{
	int reg;

	if (*s == '$') {
		s++;
		return take_number(&s, &a->add) && !*s;
	}
	if (*s != '%')
		return x86_memory(r, s, a);
	a->where = REGISTER;
	reg = x86_reg(&s);
	a->reg = (int16_t)reg;
	return reg >= 0 && !*s;
}

/* ---- arm64 -------------------------------------------------------------------------------------- */

#define ARM_SP 248

/* x0 to x30, w0, sp at *s; its offset, -1: none. *zero: it is the one that is always 0. */
static int arm_reg(const char **s, bool *zero)
{
	char *end;
	long n;

	*zero = !strncmp(*s, "xzr", 3) || !strncmp(*s, "wzr", 3);
	if (*zero || !strncmp(*s, "wsp", 3)) {
		*s += 3;
		return ARM_SP;
	}
	if (!strncmp(*s, "sp", 2)) {
		*s += 2;
		return ARM_SP;
	}
	if ((**s != 'x' && **s != 'w') || !isdigit((unsigned char)(*s)[1]))
		return -1;
	n = strtol(*s + 1, &end, 10);
	*s = end;
	return n <= 30 ? (int)n * 8 : -1;
}

/* "[x0]", "[sp, 12]", "[x0, x1, lsl 3]" */
static bool arm_memory(const char *s, struct site_arg *a)
{
	bool zero;
	int64_t shift = 0;
	int reg;

	s = skip_blanks(s + 1);
	reg = arm_reg(&s, &zero);
	if (reg < 0 || zero)
		return false;
	a->where = MEMORY;
	a->reg = (int16_t)reg;
	s = skip_blanks(s);
	if (*s == ',') {
		s = skip_blanks(s + 1);
		s += *s == '#';
		if (*s == 'x') {
			reg = arm_reg(&s, &zero);
			s = skip_blanks(s);
			if (!strncmp(s, ", lsl ", 6) || !strncmp(s, ",lsl ", 5)) {
				s = skip_blanks(strstr(s, "lsl") + 3);
				s += *s == '#';
				if (!take_number(&s, &shift))
					return false;
			}
			if (reg < 0 || zero || shift < 0 || shift > 3)
				return false;
			a->index = (int16_t)reg;
			a->scale = (uint8_t)(1 << shift);
		} else if (!take_number(&s, &a->add)) {
			return false;
		}
	}
	return !strcmp(skip_blanks(s), "]");
}

static bool arm_operand(const struct reading *r, const char *s, struct site_arg *a)
{
	bool zero = false;
	int reg;

	if (*s == '[')
		return arm_memory(s, a);
	s += *s == '#';
	if (*s == '-' || isdigit((unsigned char)*s))
		return take_number(&s, &a->add) && !*s;
	reg = arm_reg(&s, &zero);
	a->where = zero ? CONSTANT : REGISTER;
	a->reg = (int16_t)(zero ? 0 : reg);
	return reg >= 0 && !*s;
}

/* ---- both --------------------------------------------------------------------------------------- */

/* How long the argument at s is: to a blank that is in no bracket. */
static size_t arg_len(const char *s)
{
	size_t n;
	int depth = 0;

	for (n = 0; s[n] && (depth > 0 || (s[n] != ' ' && s[n] != '\t')); n++)
		depth += (s[n] == '[' || s[n] == '(') - (s[n] == ']' || s[n] == ')');
	return n;
}

static bool is_size(int64_t size)
{
	size = size < 0 ? -size : size;
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool read_arg(enum insn_arch arch, const struct reading *r, const char *s, struct site_arg *a)
{
	int64_t size = 8;
	bool is;

	if (strchr(s, '@') &&
	    (!take_number(&s, &size) || *s++ != '@')) /* 8f@…: of a floating point register */
		return false;
	if (!is_size(size))
		return false;
	is = arch == INSN_X86_64 ? x86_operand(r, s, a) : arm_operand(r, s, a);
	a->size = (int8_t)size;
	return is;
}

uint32_t usdt_args(enum insn_arch arch, const char *text, uint64_t pc, usdt_variable_fn variable, void *arg,
		   struct site_arg out[SITE_ARGS])
{
	const struct reading r = { pc, variable, arg };
	uint32_t n = 0;
	size_t len;

	for (text = skip_blanks(text); *text && n < SITE_ARGS; text = skip_blanks(text + len), n++) {
		char one[OPERAND];

		len = arg_len(text);
		memcpy(one, text, MIN(len, sizeof(one) - 1));
		one[MIN(len, sizeof(one) - 1)] = '\0';
		out[n] = (struct site_arg){};
		if (len >= sizeof(one) || !read_arg(arch, &r, one, &out[n]))
			out[n] = (struct site_arg){};
	}
	return n;
}
