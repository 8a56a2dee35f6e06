/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions of the kernel: which of them can be traced, what BTF says of their arguments and results, and
 * their programs on and off (bpf/func_kernel.bpf.h). Called by funcs.c and func_sites.c.
 *
 * They are seen by fentry and fexit, through the function's trampoline: that costs least, a call that sleeps
 * keeps what it needs on its own stack, and what is skipped is counted. What returns through kprobes needs
 * one of a few places for each call that is open (before 6.14 twice as many as there are CPUs), and calls for
 * which there is none are not seen to return.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "kern/func_sites.h"
#include "kern/kern.h"
#include "sym/find_kernel.h"

#define COST_NS 300 /* of a call, both programs: as measured of the like on one machine */

/* ---- what BTF says ------------------------------------------------------------------------- */

/* The types of the kernel, or of a module; fd: of the module, 0: the kernel. */
struct types {
	struct btf *vmlinux, *module;
	char *name; /* of the module */
	int fd;
};

/* The module's types as the kernel has them; 0: there are none. */
static int module_fd(const char *module)
{
	__u32 id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		char name[64] = "";
		struct bpf_btf_info info = { .name = (uintptr_t)name, .name_len = sizeof(name) };
		__u32 size = sizeof(info);
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.kernel_btf && !strcmp(name, module))
			return fd;
		close(fd);
	}
	return 0;
}

static void types_close_module(struct types *t)
{
	btf__free(t->module);
	t->module = NULL;
	cleanup_free(&t->name);
	if (t->fd > 0)
		close(t->fd);
	t->fd = 0;
}

/* The types that the function's module has; NULL: none are known. */
static const struct btf *types_of(struct types *t, const char *module)
{
	if (!module)
		return t->vmlinux;
	if (t->name && !strcmp(t->name, module))
		return t->module;
	types_close_module(t);
	t->name = xstrdup(module);
	t->module = btf__load_module_btf(module, t->vmlinux);
	t->fd = t->module ? module_fd(module) : 0;
	if (t->fd > 0)
		return t->module;
	btf__free(t->module);
	t->module = NULL;
	return NULL;
}

/* Behind names and const. */
static const struct btf_type *bare_type(const struct btf *btf, __u32 id)
{
	int at = btf__resolve_type(btf, id);

	return at >= 0 ? btf__type_by_id(btf, (__u32)at) : NULL;
}

/* What it returns, as it stands in a register. */
static void result_of(const struct btf *btf, __u32 id, struct func *f)
{
	const struct btf_type *t = id ? bare_type(btf, id) : NULL;

	f->result = HL_FUNC_NO_RESULT;
	if (!t)
		return;
	if (btf_is_ptr(t))
		f->result = HL_FUNC_ADDRESS;
	else if (btf_is_int(t) && t->size <= 8)
		f->result = (int8_t)(btf_int_encoding(t) & BTF_INT_SIGNED ? -(int)t->size : (int)t->size);
	else if (btf_is_any_enum(t))
		f->result = (int8_t) - (int)t->size;
}

/* Arguments that are structures take as many words as they have. */
static uint32_t words_of(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = bare_type(btf, id);

	return t && btf_is_composite(t) ? (t->size + 7) / 8 : 1;
}

static void describe(const struct btf *btf, __u32 id, struct func *f)
{
	const struct btf_type *proto = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);

	for (__u16 i = 0; i < btf_vlen(proto); i++)
		f->kernel.n_args += words_of(btf, btf_params(proto)[i].type);
	result_of(btf, proto->type, f);
}

/* ---- whether programs may hang on it -------------------------------------------------------- */

/* Tried with one that does nothing; attach: as far as that it hangs there. 0, or -errno. */
static int try(const struct types *t, __u32 id, enum bpf_attach_type type, bool attach)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type, .attach_btf_id = id,
		    .attach_btf_obj_fd = (__u32)t->fd);
	int prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", nothing, ARRAY_SIZE(nothing), &opts);
	int link, err = prog < 0 ? -errno : 0;

	if (err || !attach) {
		if (!err)
			close(prog);
		return err;
	}
	link = bpf_raw_tracepoint_open(NULL, prog);
	err = link < 0 ? -errno : 0;
	if (!err)
		close(link);
	close(prog);
	return err;
}

#define ENOTSUPP_KERNEL 524

/* In words, why this kernel lets nobody trace its functions. */
static const char *no_trampolines(int err)
{
	if (err == -ENOTSUPP_KERNEL || err == -EOPNOTSUPP || err == -EINVAL || err == -ENODEV)
		return "it is built without CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS, or ftrace is off";
	if (err == -EPERM || err == -EACCES)
		return "it permits no program on them (fentry): it is built without "
		       "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS, or locked down";
	return err_str(err);
}

static int may_hang(const struct types *t, char *why, size_t size)
{
	int id = t->vmlinux ? btf__find_by_name_kind(t->vmlinux, "vfs_read", BTF_KIND_FUNC) : -ENOENT;
	int err = id > 0 ? try(t, (__u32)id, BPF_TRACE_FEXIT, true) : 0;

	if (id <= 0)
		snprintf(why, size,
			 "functions of this kernel cannot be traced: its BTF does not tell of them");
	else if (err)
		snprintf(why, size, "functions of this kernel cannot be traced: %s", no_trampolines(err));
	return id > 0 && !err ? 0 : -EOPNOTSUPP;
}

int func_kernel_can(char *why, size_t size)
{
	struct types t = { .vmlinux = btf__load_vmlinux_btf() };
	int err = may_hang(&t, why, size);

	btf__free(t.vmlinux);
	return err;
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static struct func_file *file_of(struct live *l, const char *module)
{
	__free char *name = xasprintf("[%s]", module ? module : "kernel");
	struct func_file *f;

	for (size_t i = 0; i < l->funcs.files.n; i++)
		if (l->funcs.files.v[i]->fd < 0 && !strcmp(l->funcs.files.v[i]->name, name))
			return l->funcs.files.v[i];
	f = xcalloc(1, sizeof(*f));
	*f = (struct func_file){ .name = xstrdup(name), .fd = -1 };
	*vec_add(&l->funcs.files) = f;
	return f;
}

static uint32_t slots_used(const struct live *l)
{
	uint32_t n = 0;

	for (size_t i = 0; i < l->funcs.v.n; i++)
		n += (l->funcs.v.v[i]->flags & HL_FUNC_KERNEL) != 0;
	return n;
}

static bool is_known(const struct live *l, const char *name)
{
	for (size_t i = 0; i < l->funcs.v.n; i++)
		if (l->funcs.v.v[i]->flags & HL_FUNC_KERNEL && !strcmp(l->funcs.v.v[i]->name, name))
			return true;
	return false;
}

/* NULL: it was added; else why not. */
static const char *add_one(struct live *l, const struct func_ask *ask, struct types *t,
			   const struct kernel_site *s)
{
	const struct btf *btf = types_of(t, s->module);
	int id = btf ? btf__find_by_name_kind(btf, s->name, BTF_KIND_FUNC) : -1, fd = t->fd, err;
	struct func *f;

	if (id <= 0)
		return "BTF does not tell of it";
	if (is_known(l, s->name))
		return NULL;
	t->fd = s->module ? fd : 0;
	err = try(t, (__u32)id, BPF_TRACE_FENTRY, false);
	err = err ? err : try(t, (__u32)id, BPF_TRACE_FEXIT, false);
	t->fd = fd;
	if (err)
		return "the kernel takes no program there";
	f = func_new(l, ask, file_of(l, s->module), s->name, HL_FUNC_KERNEL);
	f->kernel.slot = slots_used(l) - 1;
	f->cost_ns = COST_NS;
	describe(btf, (__u32)id, f);
	return NULL;
}

static int tell_none(const struct func_ask *ask, const struct kernel_found *r)
{
	struct str near = {};

	for (size_t i = 0; i < r->n_nearest; i++)
		str_addf(&near, "%s%s", i ? ", " : "", r->nearest[i]);
	if (r->refused)
		pr_err("%s: it is not traced: %s", ask->spec.text, r->why_refused);
	else
		pr_err("%s: %s%s has no such function that can be traced%s%s", ask->spec.text,
		       ask->spec.file ? "the module " : "the kernel", ask->spec.file ? ask->spec.file : "",
		       near.len ? "; what is like it: " : "", str_get(&near));
	str_free(&near);
	return -ENOENT;
}

static int add_all(struct live *l, const struct func_ask *ask, struct types *t, const struct kernel_found *r)
{
	size_t refused = r->refused, was = l->funcs.v.n;
	char first[220];

	snprintf(first, sizeof(first), "%s", r->why_refused);
	for (size_t i = 0; i < r->n; i++) {
		const char *why = add_one(l, ask, t, &r->v[i]);

		if (why && !refused++)
			snprintf(first, sizeof(first), "%.100s: %s", r->v[i].name, why);
	}
	if (l->funcs.v.n == was && refused) {
		pr_err("%s: it is not traced: %s", ask->spec.text, first);
		return -ENOENT;
	}
	if (refused)
		pr_warn("%s: %zu left out: %s%s", ask->spec.text, refused, first, refused > 1 ? ", …" : "");
	return 0;
}

static int find(struct live *l, const struct func_ask *ask, struct types *t)
{
	struct kernel_query q = { .name = ask->spec.q.name,
				  .module = ask->spec.file,
				  .max = MIN(HL_FUNC_KERNELS - slots_used(l), FUNC_MOST - l->funcs.v.n) };
	struct kernel_found r;
	char why[200];
	/* what hangs on one may on another */
	int err = slots_used(l) ? 0 : may_hang(t, why, sizeof(why));

	if (!err)
		err = kernel_find(&q, &r, why, sizeof(why));
	if (err) {
		pr_err("%s: %s", ask->spec.text, why);
		return err;
	}
	if (r.all > r.n) {
		pr_err("%s: that are %zu functions; no more than %d of the kernel can be traced at once, "
		       "here %zu: "
		       "say more of the name",
		       ask->spec.text, r.all, HL_FUNC_KERNELS, (size_t)q.max);
		err = -E2BIG;
	}
	if (!err)
		err = r.n ? add_all(l, ask, t, &r) : tell_none(ask, &r);
	kernel_found_free(&r);
	return err;
}

int func_kernel_find(struct live *l, const struct func_ask *ask)
{
	struct types t = { .vmlinux = btf__load_vmlinux_btf() };
	int err = find(l, ask, &t);

	types_close_module(&t);
	btf__free(t.vmlinux);
	return err;
}

/* ---- programs --------------------------------------------------------------------------------- */

static struct bpf_program *prog_of(const struct object *o, const char *what, const struct func *f)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%03o", what, f->kernel.slot);
	return bpf_object__find_program_by_name(o->bpf, name);
}

static uint32_t *ids_of(const struct object *o)
{
	struct bpf_map *map;
	size_t size;

	bpf_object__for_each_map (map, o->bpf) {
		if (!strstr(bpf_map__name(map), ".rodata.kernel"))
			continue;
		return (uint32_t *)bpf_map__initial_value(map, &size);
	}
	return NULL;
}

/* Where nothing else is asked for, the programs of other functions are left out. */
static void only_kernel(const struct live *l, const struct object *o)
{
	static const char *const others[] = { "func_enter", "func_leave", "func_point", "func_call" };

	for (size_t i = 0; i < ARRAY_SIZE(others) && !funcs_of_files(l); i++)
		bpf_program__set_autoload(bpf_object__find_program_by_name(o->bpf, others[i]), false);
}

void func_kernel_prepare(struct live *l, struct part *p)
{
	static const char *const whats[] = { "begin", "end" };
	uint32_t *ids = ids_of(&p->obj);

	only_kernel(l, &p->obj);
	for (size_t i = 0; ids && i < l->funcs.v.n; i++) {
		const struct func *f = l->funcs.v.v[i];

		if (!(f->flags & HL_FUNC_KERNEL))
			continue;
		ids[f->kernel.slot] = f->id;
		for (size_t k = 0; k < ARRAY_SIZE(whats); k++) {
			struct bpf_program *prog = prog_of(&p->obj, whats[k], f);

			if (prog && !bpf_program__set_attach_target(prog, 0, f->name))
				bpf_program__set_autoload(prog, true);
		}
	}
}

static int attach_one(struct live *l, struct func *f, const char *what)
{
	struct bpf_link *link = bpf_program__attach(prog_of(&l->parts[PART_FUNC].obj, what, f));

	if (!link)
		return -errno;
	*vec_add(&f->links) = link;
	return 0;
}

/*
 * Its end first: a call that began before the other program was there is one whose end the kernel does not
 * show either. From the moment that both are, an end without a begin is a loss.
 */
int func_kernel_attach(struct live *l, struct func *f)
{
	struct hl_func *to = &l->funcs.shared[f->id];
	int err;

	to->result_at = (__u8)(8 * f->kernel.n_args);
	__atomic_store_n(&to->ready, HL_FUNC_COMING, __ATOMIC_RELEASE);
	err = attach_one(l, f, "end");
	return err ? err : attach_one(l, f, "begin");
}

bool func_kernel_arg(const struct func *f, uint8_t nr, struct hl_func_arg *to)
{
	if (nr > f->kernel.n_args)
		return false;
	to->where = HL_FUNC_REGISTER;
	to->reg = (__s16)(8 * (nr - 1));
	to->text = to->text ? HL_FUNC_TEXT_ANY : 0;
	return true;
}

uint64_t func_kernel_skipped(const struct live *l)
{
	const struct object *o = &l->parts[PART_FUNC].obj;
	uint64_t n = 0;

	for (size_t i = 0; o->bpf && i < l->funcs.v.n; i++) {
		const struct func *f = l->funcs.v.v[i];
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (f->flags & HL_FUNC_KERNEL &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog_of(o, "end", f)), &info, &size))
			n += info.recursion_misses;
	}
	return n;
}
