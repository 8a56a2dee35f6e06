/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions of programs: which ones are asked for, probes on and off, and what the kernel side leaves of them
 * (bpf/func.bpf.c) to records: FUNC for each that is traced, FUNC_OP for what was added to a process's calls,
 * FUNC_CALL for each call where they are asked for, SLOW for what was slow. Called by live.c, cells.c and
 * ring.c.
 *
 * Nothing here may hurt a program: where the kernel's way to see a return does, or where it cannot see it,
 * probes are put on the instructions that return (kern/func_sites.c says where); and a function that is
 * called so often that the probe costs more than it tells is left alone again (kern/func_guard.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "kern/func_files.h"
#include "kern/func_sites.h"
#include "kern/kern.h"

#define X(NAME, key, size, text) key,
const char *const func_arg_names[] = { FUNC_ARG_KINDS(X) NULL };
#undef X

/* ---- what the kernel side is told ------------------------------------------------------------ */

static struct hl_func *shared_of(struct live *l, uint32_t id)
{
	return &l->funcs.shared[id];
}

/* Where a function gets its first arguments. */
static const int16_t arg_regs[FUNC_ARG_REGS] = {
#if defined(__x86_64__)
	14 * 8, 13 * 8, 12 * 8, 11 * 8, 9 * 8, 8 * 8 /* rdi, rsi, rdx, rcx, r8, r9 in struct pt_regs */
#else
	0, 8, 16, 24, 32, 40
#endif
};

static bool set_arg(struct hl_func_arg *to, const struct func *f, const struct func_arg *a)
{
#define X(NAME, key, size, text) { size, text },
	static const struct {
		int8_t size;
		bool text;
	} kinds[] = { FUNC_ARG_KINDS(X) };
#undef X
	*to = (struct hl_func_arg){ .text = kinds[a->kind].text };
	if (f->flags & HL_FUNC_USDT) {
		const struct site_arg *s = &f->usdt_args[a->nr - 1];

		if (a->nr > f->n_usdt_args || !s->size)
			return false;
		to->add = s->add;
		to->reg = s->reg;
		to->index = s->index;
		to->size = s->size;
		to->where = s->where;
		to->scale = s->scale;
		return true;
	}
	to->size = kinds[a->kind].size;
	if (f->flags & HL_FUNC_KERNEL)
		return func_kernel_arg(f, a->nr, to);
	if (a->nr > FUNC_ARG_REGS)
		return false;
	to->where = HL_FUNC_REGISTER;
	to->reg = arg_regs[a->nr - 1];
	return true;
}

static void share(struct live *l, struct func *f)
{
	struct hl_func *to = shared_of(l, f->id);

	to->error_test = f->ask->error_test;
	to->error_value = f->ask->error_value;
	to->result = f->result == SITE_NO_RESULT ? HL_FUNC_NO_RESULT : f->result;
	for (uint32_t i = 0; i < f->ask->n_args; i++)
		if (set_arg(&to->args[f->n_args], f, &f->ask->args[i]))
			f->args[f->n_args++] = f->ask->args[i];
	to->n_args = (__u8)f->n_args;
}

static bool wants_texts(const struct live *l)
{
	for (size_t i = 0; i < l->cfg.nr_funcs; i++)
		for (uint32_t k = 0; k < l->cfg.funcs[i].n_args; k++)
			if (l->cfg.funcs[i].args[k].kind == FUNC_ARG_STR)
				return true;
	return false;
}

/* Called while the part is open and not loaded yet. */
void funcs_prepare(struct live *l, struct part *p)
{
	bpf_map__set_max_entries(object_map(&p->obj, "funcs"), FUNC_MOST + 1);
	bpf_map__set_max_entries(object_map(&p->obj, "func_cpus"), l->kcfg.nr_cpus * HL_FUNC_ROOM);
	bpf_map__set_max_entries(object_map(&p->obj, "func_counts"), l->kcfg.nr_cpus);
	if (wants_texts(l))
		bpf_map__set_max_entries(object_map(&p->obj, "texts"), HL_FUNC_KEPT);
	if (l->cfg.ring_bytes)
		bpf_map__set_max_entries(object_map(&p->obj, "calls"), l->cfg.ring_bytes);
	func_go_prepare(l, p);
	func_links_prepare(l, p);
	func_kernel_prepare(l, p);
}

/* NULL: it cannot be mapped, and errno says why. */
static void *map_of(struct object *o, const char *name, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(object_map(o, name)), 0);

	return at == MAP_FAILED ? NULL : at;
}

static size_t cpus_bytes(const struct live *l)
{
	return (size_t)l->kcfg.nr_cpus * HL_FUNC_ROOM * sizeof(struct hl_func_cpu);
}

static size_t counts_bytes(const struct live *l)
{
	return l->kcfg.nr_cpus * sizeof(struct hl_func_counts);
}

static void unmap_shared(struct live *l)
{
	struct funcs *k = &l->funcs;

	if (k->shared)
		munmap(k->shared, k->room * sizeof(struct hl_func));
	if (k->cpus)
		munmap(k->cpus, cpus_bytes(l));
	if (k->counts)
		munmap(k->counts, counts_bytes(l));
	k->shared = NULL;
	k->cpus = NULL;
	k->counts = NULL;
}

static int map_shared(struct live *l)
{
	struct object *o = &l->parts[PART_FUNC].obj;
	struct funcs *k = &l->funcs;
	int err;

	k->room = bpf_map__max_entries(object_map(o, "funcs"));
	k->shared = map_of(o, "funcs", k->room * sizeof(struct hl_func));
	k->cpus = map_of(o, "func_cpus", cpus_bytes(l));
	k->counts = map_of(o, "func_counts", counts_bytes(l));
	if (k->shared && k->cpus && k->counts)
		return 0;
	err = -errno;
	unmap_shared(l);
	return err;
}

uint64_t funcs_hits(const struct live *l, uint32_t id)
{
	uint64_t sum = 0;

	for (uint32_t c = 0; c < l->kcfg.nr_cpus; c++)
		sum += __atomic_load_n(&l->funcs.cpus[(size_t)c * HL_FUNC_ROOM + id].hits, __ATOMIC_RELAXED);
	return sum;
}

/* ---- on and off -------------------------------------------------------------------------------- */

static void send_func(struct live *l, const struct func *f)
{
	struct hl_rec_func *r = LIVE_BEGIN(l, FUNC, func);

	r->h.ts = clock_boot_ns();
	r->id = f->id;
	r->flags = f->flags;
	r->offset = f->probes.n ? f->probes.v[0].offset : 0;
	rec_add_str(&l->buf, f->name);
	rec_add_str(&l->buf, f->file->name);
	rec_add_str(&l->buf, f->ask->spec.text);
	live_emit(l);
}

/* Each takes a few descriptors. */
static void raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int funcs_attach_next(struct live *l, size_t most)
{
	struct funcs *k = &l->funcs;
	size_t n = func_links_batch(l, most);

	for (size_t i = k->attached; i < k->attached + n; i++) {
		share(l, k->v.v[i]);
		send_func(l, k->v.v[i]);
		func_go_attach(l, k->v.v[i]);
	}
	k->attached += n;
	return func_links_attach(l, k->attached - n, n);
}

int funcs_attach(struct live *l)
{
	struct funcs *k = &l->funcs;
	int err;

	if (!l->cfg.nr_funcs)
		return 0;
	if (!l->parts[PART_FUNC].obj.bpf) {
		pr_err("functions: %s", l->parts[PART_FUNC].reason);
		return -ENOTSUP;
	}
	raise_files();
	err = map_shared(l);
	if (!err)
		func_go_open(l);
	if (!err)
		err = ring_add(l, &l->parts[PART_FUNC].obj, "calls");
	while (!err && k->attached < k->v.n)
		err = funcs_attach_next(l, k->v.n);
	watch_set(l, HL_WATCH_FUNCTIONS, !err);
	return err;
}

void funcs_detach(struct live *l)
{
	watch_set(l, HL_WATCH_FUNCTIONS, false);
	func_links_detach(l);
	func_go_detach(l);
}

/* ---- cells ------------------------------------------------------------------------------------------ */

uint64_t funcs_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	uint32_t pid = HL_KEY_PID(c->key);
	struct hl_rec_func_op *r;
	uint64_t n;

	if (pid)
		life_meet(l, pid, c->start);
	r = LIVE_BEGIN(l, FUNC_OP, func_op);
	r->entered = cells_take_entered(c, was, &r->abandoned);
	r->deep = cells_take_phase(c, was, 0);
	r->unknown = cells_take_phase(c, was, 1);
	r->watched = cells_take_watched(c, was);
	r->nested_ns = cells_take_bytes(c, was);
	n = cells_fill_op(l, c, was, &r->o);
	r->o.h.ts = l->last_tick;
	r->o.h.pid = r->o.h.tid = pid;
	r->o.proc_start = c->start;
	r->o.nr = HL_KEY_NR(c->key);
	r->o.op = HL_OP_FUNCTION;
	/* it has returned, or it is a point and was reached */
	l->funcs.delivered += r->entered - r->abandoned - r->deep;
	n += r->entered;
	live_emit(l);
	return n;
}

/* Of a function that was left alone nobody knows any more when it is over. */
uint64_t funcs_send_syscall(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	uint32_t pid = HL_KEY_PID(c->key), func = pid ? HL_INSIDE_FUNC(c->start) : 0;
	bool is_off = func && func <= l->funcs.v.n && l->funcs.v.v[func - 1]->is_off;
	struct hl_rec_func_syscall *r;
	bool was_mute = l->mute;
	uint64_t n;

	if (pid)
		life_meet(l, pid, c->proc_start);
	r = LIVE_BEGIN(l, FUNC_SYSCALL, func_syscall);
	n = cells_fill_op(l, c, was, &r->o);
	r->o.h.ts = l->last_tick;
	r->o.h.pid = r->o.h.tid = pid;
	r->o.proc_start = pid ? c->proc_start : 0;
	r->o.nr = HL_KEY_NR(c->key);
	r->o.abi = HL_KEY_ABI(c->key);
	r->o.op = HL_OP_SYSCALL;
	r->func = func;
	l->mute |= is_off;
	live_emit(l);
	l->mute = was_mute;
	return n;
}

bool funcs_owner_gone(struct live *l, const struct hl_cell *c)
{
	struct kproc *p = life_proc(l, HL_KEY_PID(c->key), c->proc_start);

	return p && p->gone;
}

/* ---- calls ------------------------------------------------------------------------------------------- */

static const struct func *func_of(const struct live *l, uint32_t id)
{
	return id && id <= l->funcs.v.n ? l->funcs.v.v[id - 1] : NULL;
}

/* A value as its kind is written. */
static void add_value(struct str *to, uint8_t kind, uint64_t v)
{
	if (kind == FUNC_ARG_PTR)
		str_addf(to, "0x%" PRIx64, v);
	else if (kind == FUNC_ARG_UINT || kind == FUNC_ARG_ULONG)
		str_addf(to, "%" PRIu64, v);
	else
		str_addf(to, "%" PRId64, (int64_t)v);
}

/* A text as the call was given it, or why it is none. */
static void add_text(struct str *to, const char *text, uint64_t at)
{
	size_t n = strnlen(text, HL_FUNC_TEXT - 1);
	char how = text[HL_FUNC_TEXT - 1];

	if (how == HL_FUNC_TEXT_UNREAD && !at) {
		str_add(to, "NULL");
		return;
	}
	if (how == HL_FUNC_TEXT_UNREAD) {
		str_addf(to, "0x%" PRIx64 " (unreadable)", at);
		return;
	}
	str_addc(to, '"');
	str_addn(to, text, n);
	str_add(to, n >= HL_FUNC_TEXT - 2 ? "\"…" : "\"");
	str_add(to, how == HL_FUNC_TEXT_LATE ? " (at its end)" : "");
}

/* The arguments in words. */
static void add_args(struct str *to, const struct func *f, const struct hl_func_raw *raw, bool has_text)
{
	for (uint32_t i = 0; f && i < f->n_args; i++) {
		const struct func_arg *a = &f->args[i];

		str_addf(to, "%s%u=", i ? ", " : "", a->nr);
		if (a->kind == FUNC_ARG_STR && has_text)
			add_text(to, raw->text[i], raw->r.args[i]);
		else
			add_value(to, a->kind, raw->r.args[i]);
	}
}

static void send_call(struct live *l, const struct hl_rec_func_call *c, const char *args)
{
	const char *comm;
	struct hl_rec_func_call *r;

	life_meet(l, c->h.pid, c->proc_start);
	r = LIVE_BEGIN(l, FUNC_CALL, func_call);
	*r = *c;
	comm = life_comm(l, c->h.tid, c->start);
	if (comm)
		memcpy(r->comm, comm, HL_COMM_LEN);
	r->user_stack = 0;
	rec_add_str(&l->buf, args);
	live_emit(l);
}

static uint8_t longest_state(const struct hl_rec_func_call *c)
{
	uint8_t most = c->flags & HL_FUNC_CALL_STATES ? HL_STATE_CPU : HL_STATE_OTHER;

	for (uint8_t i = 0; i < NR_HL_STATES; i++)
		if (c->state_ns[i] > c->state_ns[most])
			most = i;
	return most;
}

/* The same among what is slow. */
static void send_slow(struct live *l, const struct hl_rec_func_call *c, const struct str *args)
{
	struct hl_slow_raw raw = { .r = {
					   .h = c->h,
					   .start = c->start,
					   .proc_start = c->proc_start,
					   .begin_ns = c->begin_ns,
					   .duration_ns = c->duration_ns,
					   .result = c->result,
					   .op = HL_OP_FUNCTION,
					   .nr = (__u16)c->func,
					   .state = longest_state(c),
					   .user_stack = c->user_stack,
				   } };

	raw.r.h.kind = HL_KIND_SLOW;
	raw.r.h.size = sizeof(raw);
	raw.r.flags = c->flags & HL_FUNC_CALL_RESULT ? 0 : HL_SLOW_NO_RESULT;
	memcpy(raw.r.state_ns, c->state_ns, sizeof(raw.r.state_ns));
	if (args->len) {
		raw.r.detail = HL_DETAIL_ARGS;
		raw.r.path_len = (__u16)MIN(args->len, sizeof(raw.path));
		memcpy(raw.path, args->s, raw.r.path_len);
	}
	l->funcs.slow++;
	slow_record(l, &raw, sizeof(raw));
}

void funcs_record(struct live *l, const struct hl_rec *rec, size_t n)
{
	const struct hl_func_raw *raw = (const void *)rec;
	struct str args = {};

	if (n < sizeof(raw->r)) {
		l->damaged++;
		return;
	}
	l->funcs.told++;
	add_args(&args, func_of(l, raw->r.func), raw, n >= sizeof(*raw));
	if (l->sh.ctl->func_calls)
		send_call(l, &raw->r, str_get(&args));
	if (raw->r.duration_ns >= l->cfg.slow_ns && !(raw->r.flags & HL_FUNC_CALL_POINT))
		send_slow(l, &raw->r, &args);
	str_free(&args);
}

/* ---- open, close ------------------------------------------------------------------------------------- */

bool funcs_of_files(const struct live *l)
{
	for (size_t i = 0; i < l->cfg.nr_funcs; i++)
		if (!l->cfg.funcs[i].spec.kernel)
			return true;
	return false;
}

int funcs_open(struct live *l)
{
	if (l->cfg.nr_funcs) {
		l->funcs.costs = func_costs_new(funcs_of_files(l));
		l->funcs.coming = funcs_of_files(l) ? func_files_new(l) : NULL;
	}
	for (size_t i = 0; i < l->cfg.nr_funcs; i++) {
		int err = func_sites_find(l, &l->cfg.funcs[i]);

		if (err)
			return err;
	}
	return 0;
}

void func_free(struct func *f)
{
	vec_free(&f->links);
	vec_free(&f->probes);
	free(f->name);
	free(f);
}

void kfuncs_fini(struct live *l)
{
	struct funcs *k = &l->funcs;

	func_files_free(k->coming);
	func_costs_free(k->costs);
	func_links_detach(l);
	for (size_t i = 0; i < k->v.n; i++)
		func_free(k->v.v[i]);
	vec_free(&k->v);
	func_go_fini(l);
	for (size_t i = 0; i < k->files.n; i++) {
		cleanup_close(&k->files.v[i]->fd);
		vec_free(&k->files.v[i]->asks);
		free(k->files.v[i]->name);
		free(k->files.v[i]);
	}
	vec_free(&k->files);
	unmap_shared(l);
	free(k->cell_calls);
}
