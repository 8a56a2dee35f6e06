/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * libdw finds and decodes the rules that hold at an address (.eh_frame, else .debug_frame); they
 * are kept, as the same addresses come again and again. The rules are DWARF expressions; what of
 * that language unwind tables use is computed here. DWARF 5, sections 2.5 and 6.4. Used by child.c.
 */
#include <dwarf.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "sym/unwind.h"

#if defined(__aarch64__)
#define REG_FP      29
#define REG_SP      31
#define ADDRESS(pc) ((pc) & ((1ull << 48) - 1)) /* above stands a signature */
#else
#define REG_FP      6
#define REG_SP      7
#define ADDRESS(pc) (pc)
#endif
#define EXPR_STACK 32
#define EXPR_STEPS 512 /* operations that one rule may take: expressions can loop */

#define NARROW_SP   4
#define NARROW_FP   5
#define NARROW_PC   8
#define NARROW_REGS 9

static int sp_of(const struct cpu *c)
{
	return c->narrow ? NARROW_SP : REG_SP;
}

static int fp_of(const struct cpu *c)
{
	return c->narrow ? NARROW_FP : REG_FP;
}

static int regs_of(const struct cpu *c)
{
	return c->narrow ? NARROW_REGS : USTACK_REGS;
}

static size_t word_of(const struct cpu *c)
{
	return c->narrow ? 4 : 8;
}

void cpu_to_narrow(struct cpu *c)
{
	/* rax rdx rcx rbx rsi rdi rbp rsp is how 64-bit code has them */
	static const int from[NARROW_REGS] = { 0, 2, 1, 3, 7, 6, 4, 5, CPU_PC };
	struct cpu to = { .narrow = true };

	for (int i = 0; i < NARROW_REGS; i++) {
		to.r[i] = (uint32_t)c->r[from[i]];
		to.known[i] = true;
	}
	to.r[CPU_PC] = to.r[NARROW_PC];
	to.known[CPU_PC] = true;
	*c = to;
}

/* On x86 its third argument lies right above the address that it returns to, on arm64 the frame that it is
 * linked to above all that the kernel saved. */
bool cpu_begins_handler(const struct cpu *c)
{
#if defined(__x86_64__)
	const uint64_t *r = c->r; /* rax rdx rcx rbx rsi rdi … */

	return !c->narrow && !r[0] && r[1] == r[REG_SP] + 8 && r[4] > r[1] && r[5] - 1 < 64;
#elif defined(__aarch64__)
	return c->r[0] - 1 < 64 && c->r[REG_FP] > c->r[REG_SP] + sizeof(siginfo_t) + sizeof(ucontext_t);
#else
	return false;
#endif
}

/* bytes: 8, or fewer */
static bool read_word(const struct slice *s, size_t bytes, uint64_t addr, uint64_t *v)
{
	if (addr < s->addr || s->len < bytes || addr - s->addr > s->len - bytes)
		return false;
	*v = 0;
	memcpy(v, s->bytes + (addr - s->addr), bytes);
	return true;
}

/* ---- signals ------------------------------------------------------------------------------- */

#if defined(__aarch64__)
/*
 * Where handlers return to, a call that ends the signal, is known by its instructions. Tables for it tell
 * where the code that was interrupted would have returned to, and not where it was: the kernel left that
 * on the stack, with all registers.
 */
#define SAVED_REGS (sizeof(siginfo_t) + offsetof(ucontext_t, uc_mcontext.regs))

static bool ends_signal(const struct elf_file *f, uint64_t vaddr)
{
	static const uint32_t code[] = { 0xd2801168, 0xd4000001 }; /* mov x8, #139; svc #0 */
	uint64_t at = (vaddr + 3) & ~3ull; /* where a call returns to is looked up one before */

	for (size_t i = 0; f->map && i < f->n_loads; i++) {
		const struct load *l = &f->loads[i];
		uint64_t offset = at - l->vaddr + l->offset;

		if (l->exec && at >= l->vaddr && at - l->vaddr < l->size && offset < f->size)
			return f->size - offset >= sizeof(code) &&
			       !memcmp(f->map + offset, code, sizeof(code));
	}
	return false;
}

static enum unwound unwind_signal(struct cpu *c, const struct slice *s)
{
	struct cpu to = {};

	for (int i = 0; i < USTACK_REGS; i++) {
		if (!read_word(s, 8, c->r[REG_SP] + SAVED_REGS + 8 * i, &to.r[i]))
			return UNWIND_CUT;
		to.known[i] = true;
	}
	*c = to;
	return UNWOUND;
}
#else
static bool ends_signal(const struct elf_file *f, uint64_t vaddr)
{
	return false;
}

static enum unwound unwind_signal(struct cpu *c, const struct slice *s)
{
	return UNWIND_NOT;
}
#endif

/* ---- expressions ----------------------------------------------------------------------- */

struct expr {
	const struct cpu *cpu;
	const struct slice *slice;
	uint64_t cfa;
	uint64_t v[EXPR_STACK];
	size_t n;
	bool is_value; /* the result is the value itself, not where it stands */
	bool cut;      /* memory was asked for that is not in the slice */
};

static bool push(struct expr *e, uint64_t v)
{
	if (e->n == EXPR_STACK)
		return false;
	e->v[e->n++] = v;
	return true;
}

static bool push_reg(struct expr *e, uint64_t reg, uint64_t offset)
{
	return reg < USTACK_REGS && e->cpu->known[reg] && push(e, e->cpu->r[reg] + offset);
}

static bool deref(struct expr *e, size_t bytes)
{
	uint64_t v;

	if (!e->n || bytes > 8 || !bytes)
		return false;
	if (!read_word(e->slice, bytes, e->v[e->n - 1], &v)) {
		e->cut = true;
		return false;
	}
	e->v[e->n - 1] = v;
	return true;
}

static bool binary(struct expr *e, uint8_t op)
{
	int64_t a, b, r;

	if (e->n < 2)
		return false;
	b = (int64_t)e->v[--e->n];
	a = (int64_t)e->v[--e->n];
	switch (op) {
	case DW_OP_plus:
		r = (int64_t)((uint64_t)a + (uint64_t)b);
		break;
	case DW_OP_minus:
		r = (int64_t)((uint64_t)a - (uint64_t)b);
		break;
	case DW_OP_mul:
		r = (int64_t)((uint64_t)a * (uint64_t)b);
		break;
	case DW_OP_and:
		r = a & b;
		break;
	case DW_OP_or:
		r = a | b;
		break;
	case DW_OP_xor:
		r = a ^ b;
		break;
	case DW_OP_shl:
		r = (uint64_t)b < 64 ? (int64_t)((uint64_t)a << b) : 0;
		break;
	case DW_OP_shr:
		r = (uint64_t)b < 64 ? (int64_t)((uint64_t)a >> b) : 0;
		break;
	case DW_OP_shra:
		r = a >> ((uint64_t)b < 64 ? b : 63);
		break;
	case DW_OP_eq:
		r = a == b;
		break;
	case DW_OP_ne:
		r = a != b;
		break;
	case DW_OP_lt:
		r = a < b;
		break;
	case DW_OP_le:
		r = a <= b;
		break;
	case DW_OP_gt:
		r = a > b;
		break;
	case DW_OP_ge:
		r = a >= b;
		break;
	default:
		return false;
	}
	return push(e, (uint64_t)r);
}

/* Operations on the stack alone. */
static bool shuffle(struct expr *e, uint8_t op, uint64_t arg)
{
	uint64_t t;

	switch (op) {
	case DW_OP_dup:
		arg = 0; /* fall through */
	case DW_OP_pick:
		return arg < e->n && push(e, e->v[e->n - 1 - arg]);
	case DW_OP_over:
		return e->n > 1 && push(e, e->v[e->n - 2]);
	case DW_OP_drop:
		return e->n && e->n--;
	case DW_OP_swap:
		if (e->n < 2)
			return false;
		t = e->v[e->n - 1];
		e->v[e->n - 1] = e->v[e->n - 2];
		e->v[e->n - 2] = t;
		return true;
	case DW_OP_neg:
		return e->n && ((e->v[e->n - 1] = -e->v[e->n - 1]), true);
	case DW_OP_not:
		return e->n && ((e->v[e->n - 1] = ~e->v[e->n - 1]), true);
	default:
		return binary(e, op);
	}
}

static bool operate(struct expr *e, const Dwarf_Op *o)
{
	uint8_t op = o->atom;

	if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
		return push(e, op - DW_OP_lit0);
	if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
		return push_reg(e, op - DW_OP_breg0, o->number);
	if (op >= DW_OP_reg0 && op <= DW_OP_reg31) {
		e->is_value = true;
		return push_reg(e, op - DW_OP_reg0, 0);
	}
	if (op >= DW_OP_const1u && op <= DW_OP_consts)
		return push(e, o->number);
	switch (op) {
	case DW_OP_addr:
		return push(e, o->number);
	case DW_OP_bregx:
		return push_reg(e, o->number, o->number2);
	case DW_OP_regx:
		e->is_value = true;
		return push_reg(e, o->number, 0);
	case DW_OP_call_frame_cfa:
		return push(e, e->cfa);
	case DW_OP_plus_uconst:
		return e->n && ((e->v[e->n - 1] += o->number), true);
	case DW_OP_deref:
		return deref(e, word_of(e->cpu));
	case DW_OP_deref_size:
		return deref(e, o->number);
	case DW_OP_stack_value:
		e->is_value = true;
		return true;
	case DW_OP_nop:
		return true;
	default:
		return shuffle(e, op, o->number);
	}
}

/* Where a jump at ops[i] leads: its target is counted in bytes of the original. */
static bool jump(const Dwarf_Op *ops, size_t n, size_t *i)
{
	uint64_t to = ops[*i].offset + 3 + (uint64_t)(int16_t)ops[*i].number;

	for (size_t k = 0; k < n; k++)
		if (ops[k].offset == to) {
			*i = k;
			return true;
		}
	*i = n;
	return true;
}

static bool compute(struct expr *e, const Dwarf_Op *ops, size_t n, uint64_t *result)
{
	size_t steps = 0;

	e->n = 0;
	e->is_value = false;
	for (size_t i = 0; i < n;) {
		bool taken = ops[i].atom == DW_OP_skip;

		if (++steps > EXPR_STEPS)
			return false;
		if (ops[i].atom == DW_OP_bra) {
			if (!e->n)
				return false;
			taken = e->v[--e->n] != 0;
		} else if (!taken && !operate(e, &ops[i])) {
			return false;
		}
		if (taken)
			jump(ops, n, &i);
		else
			i++;
	}
	if (!e->n)
		return false;
	*result = e->v[e->n - 1];
	return true;
}

/* ---- tables ------------------------------------------------------------------------------ */

static Dwarf_Frame *find_debug_frame(struct elf_file *f, uint64_t vaddr)
{
	uint64_t before = elf_file_enter_debug(f);
	Dwarf *dwarf = elf_file_dwarf(f);
	Dwarf_CFI *cfi = dwarf ? dwarf_getcfi(dwarf) : NULL;
	Dwarf_Frame *frame = NULL;

	if (!cfi || dwarf_cfi_addrframe(cfi, vaddr, &frame))
		frame = NULL;
	elf_file_leave_debug(f, before);
	return frame;
}

static Dwarf_Frame *find_frame(struct elf_file *f, uint64_t vaddr)
{
	Dwarf_Frame *frame = NULL;

	if (!f->frames)
		f->frames = hash_new(sizeof(vaddr));
	frame = hash_get(f->frames, &vaddr);
	if (frame)
		return frame;
	if (!f->tried_eh) {
		f->tried_eh = true;
		f->eh = dwarf_getcfi_elf(f->elf);
	}
	if (!f->eh || dwarf_cfi_addrframe(f->eh, vaddr, &frame))
		frame = find_debug_frame(f, vaddr);
	if (frame)
		hash_put(f->frames, &vaddr, frame);
	return frame;
}

/* The caller's register: unknown when its rule cannot be followed. */
static bool find_reg(Dwarf_Frame *frame, int reg, struct expr *e, struct cpu *to)
{
	Dwarf_Op mem[3], *ops;
	size_t n;
	uint64_t v;

	if (dwarf_frame_register(frame, reg, mem, &ops, &n))
		return true;
	if (!n) {
		if (!ops) { /* this frame has not touched it */
			to->r[reg] = e->cpu->r[reg];
			to->known[reg] = e->cpu->known[reg];
		}
		return true;
	}
	if (!compute(e, ops, n, &v))
		return !e->cut;
	if (!e->is_value && !read_word(e->slice, word_of(e->cpu), v, &v)) {
		e->cut = true;
		return false;
	}
	to->r[reg] = v;
	to->known[reg] = true;
	return true;
}

enum unwound unwind_tables(struct elf_file *f, uint64_t vaddr, struct cpu *c, const struct slice *s,
			   bool *signal)
{
	struct expr e = { .cpu = c, .slice = s };
	struct cpu to = { .narrow = c->narrow };
	int ra, sp = sp_of(c);
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t n;

	if (!f->usable || !(c->narrow ? f->narrow : f->native))
		return UNWIND_NOT;
	if (c->known[sp] && ends_signal(f, vaddr)) {
		*signal = true;
		return unwind_signal(c, s);
	}
	if (!(frame = find_frame(f, vaddr)))
		return UNWIND_NOT;
	ra = dwarf_frame_info(frame, NULL, NULL, signal);
	if (ra < 0 || ra >= regs_of(c) || dwarf_frame_cfa(frame, &ops, &n))
		return UNWIND_NOT;
	if (!n || !compute(&e, ops, n, &e.cfa))
		return e.cut ? UNWIND_CUT : UNWIND_NOT;
	for (int reg = 0; reg < regs_of(c); reg++)
		if (!find_reg(frame, reg, &e, &to) && reg == ra)
			return UNWIND_CUT;
	if (!to.known[sp]) {
		to.r[sp] = e.cfa;
		to.known[sp] = true;
	}
	if (!to.known[ra])
		return e.cut ? UNWIND_CUT : UNWIND_END;
	to.r[CPU_PC] = ADDRESS(to.r[ra]);
	to.known[CPU_PC] = true;
	if (!to.r[CPU_PC])
		return UNWIND_END;
	/* a caller's frame is further up, except across a signal's own stack */
	if (to.r[sp] <= c->r[sp] && !*signal && (ra == CPU_PC || c->narrow))
		return UNWIND_NOT;
	*c = to;
	return UNWOUND;
}

/* A frame pointer leads to its caller's, and beside that stands the address to return to. */
enum unwound unwind_pointer(struct cpu *c, const struct slice *s)
{
	size_t word = word_of(c);
	int sp = sp_of(c), fp_reg = fp_of(c);
	uint64_t fp = c->r[fp_reg], next, pc;
	struct cpu to = { .narrow = c->narrow };

	if (!c->known[fp_reg] || fp % word)
		return UNWIND_NOT;
	if (!fp)
		return UNWIND_END;
	if (fp < c->r[sp])
		return UNWIND_NOT;
	if (!read_word(s, word, fp, &next) || !read_word(s, word, fp + word, &pc))
		return fp - c->r[sp] < (16u << 20) ? UNWIND_CUT : UNWIND_NOT;
	pc = ADDRESS(pc);
	if (!pc)
		return UNWIND_END;
	if (next >= c->r[sp] && next <= fp)
		return UNWIND_NOT;
	to.r[fp_reg] = next;
	to.r[sp] = fp + 2 * word;
	to.r[CPU_PC] = pc;
	/* whoever called the first function with a frame pointer had something else there */
	to.known[fp_reg] = !next || next > fp;
	to.known[sp] = to.known[CPU_PC] = true;
	*c = to;
	return UNWOUND;
}
