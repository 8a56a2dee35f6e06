/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * libdw finds and decodes the rules that hold at an address (.eh_frame, else .debug_frame); they
 * are kept, as the same addresses come again and again. The rules are DWARF expressions; what of
 * that language unwind tables use is computed here. DWARF 5, sections 2.5 and 6.4. Used by child.c.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

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

uint64_t cpu_sp(const struct cpu *c)
{
	return c->r[REG_SP];
}

/* Its third argument lies right above the address that it returns to. */
bool cpu_begins_handler(const struct cpu *c)
{
#if defined(__x86_64__)
	const uint64_t *r = c->r; /* rax rdx rcx rbx rsi rdi … */

	return !r[0] && r[1] == r[REG_SP] + 8 && r[4] > r[1] && r[5] - 1 < 64;
#else
	return false;
#endif
}

static bool read_word(const struct slice *s, uint64_t addr, uint64_t *v)
{
	if (addr < s->addr || s->len < sizeof(*v) || addr - s->addr > s->len - sizeof(*v))
		return false;
	memcpy(v, s->bytes + (addr - s->addr), sizeof(*v));
	return true;
}

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
	if (!read_word(e->slice, e->v[e->n - 1], &v)) {
		e->cut = true;
		return false;
	}
	e->v[e->n - 1] = bytes == 8 ? v : v & ((1ull << bytes * 8) - 1);
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
		return deref(e, 8);
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
	if (!e->is_value && !read_word(e->slice, v, &v)) {
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
	struct cpu to = {};
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t n;
	int ra;

	if (!f->usable || !f->native || !(frame = find_frame(f, vaddr)))
		return UNWIND_NOT;
	ra = dwarf_frame_info(frame, NULL, NULL, signal);
	if (ra < 0 || ra >= USTACK_REGS || dwarf_frame_cfa(frame, &ops, &n))
		return UNWIND_NOT;
	if (!n || !compute(&e, ops, n, &e.cfa))
		return e.cut ? UNWIND_CUT : UNWIND_NOT;
	for (int reg = 0; reg < USTACK_REGS; reg++)
		if (!find_reg(frame, reg, &e, &to) && reg == ra)
			return UNWIND_CUT;
	if (!to.known[REG_SP]) {
		to.r[REG_SP] = e.cfa;
		to.known[REG_SP] = true;
	}
	if (!to.known[ra])
		return e.cut ? UNWIND_CUT : UNWIND_END;
	to.r[CPU_PC] = ADDRESS(to.r[ra]);
	to.known[CPU_PC] = true;
	if (!to.r[CPU_PC])
		return UNWIND_END;
	/* a caller's frame is further up, except across a signal's own stack */
	if (to.r[REG_SP] <= c->r[REG_SP] && !*signal && ra == CPU_PC)
		return UNWIND_NOT;
	*c = to;
	return UNWOUND;
}

/* A frame pointer leads to its caller's, and beside that stands the address to return to. */
enum unwound unwind_pointer(struct cpu *c, const struct slice *s)
{
	uint64_t fp = c->r[REG_FP], next, pc;
	struct cpu to = {};

	if (!c->known[REG_FP] || fp % 8)
		return UNWIND_NOT;
	if (!fp)
		return UNWIND_END;
	if (fp < c->r[REG_SP])
		return UNWIND_NOT;
	if (!read_word(s, fp, &next) || !read_word(s, fp + 8, &pc))
		return fp - c->r[REG_SP] < (16u << 20) ? UNWIND_CUT : UNWIND_NOT;
	pc = ADDRESS(pc);
	if (!pc)
		return UNWIND_END;
	if (next >= c->r[REG_SP] && next <= fp)
		return UNWIND_NOT;
	to.r[REG_FP] = next;
	to.r[REG_SP] = fp + 16;
	to.r[CPU_PC] = pc;
	/* whoever called the first function with a frame pointer had something else there */
	to.known[REG_FP] = !next || next > fp;
	to.known[REG_SP] = to.known[CPU_PC] = true;
	*c = to;
	return UNWOUND;
}
