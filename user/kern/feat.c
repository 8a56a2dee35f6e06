/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What this kernel has, asked of its BTF: never of its version. Called by live.c and doctor. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "kern/kern.h"

/* Parameters of a tracepoint's handler, without the leading data pointer; -1: no such one. */
static int tp_params(const struct btf *btf, const char *name)
{
	char type[64];
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -1;
	id = btf__type_by_id(btf, id)->type;                                       /* the pointer */
	return btf_vlen(btf__type_by_id(btf, btf__type_by_id(btf, id)->type)) - 1; /* the prototype */
}

static bool has_func(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

static bool has_enumerator(const struct btf *btf, const char *type, const char *name)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	for (unsigned int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(t)[i].name_off), name))
			return true;
	return false;
}

/*
 * Many probes with one link are there since v6.6, but saw one thread alone of a process that they are limited
 * to until v6.10 (46ba0e49b642), and others that share its memory until v6.12 (900f362e2062). That is since
 * when the kernel waits for each link that goes (uprobe_unregister_sync, v6.12), which is what they are for.
 */
static uint32_t probe_flags(const struct btf *btf)
{
	if (!has_func(btf, "uprobe_unregister_sync") ||
	    !has_enumerator(btf, "bpf_attach_type", "BPF_TRACE_UPROBE_MULTI"))
		return 0;
	return HL_CFG_MULTI |
	       (has_enumerator(btf, "bpf_attach_type", "BPF_TRACE_UPROBE_SESSION") ? HL_CFG_SESSION : 0);
}

static bool has_member(const struct btf *btf, const char *type, const char *name)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	for (unsigned int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), name))
			return true;
	return false;
}

/* Since v6.10, but around functions that are verified by themselves only since the kernel knows which of them
 * may sleep (v6.15, e2d8f560d178). */
static bool may_hold(const struct btf *btf)
{
	return has_func(btf, "bpf_preempt_disable") && has_member(btf, "bpf_subprog_info", "might_sleep");
}

/* The newest of the helpers that all of the kernel side needs: v5.15, dd6e10fbd9fb. */
bool feat_supported(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "bpf_func_id", BTF_KIND_ENUM);

	return id > 0 && btf_vlen(btf__type_by_id(btf, id)) > BPF_FUNC_task_pt_regs;
}

/* v5.15 to v5.17 tell of a completion without saying of which request. */
static uint32_t uring_flags(const struct btf *btf)
{
	int end = tp_params(btf, "io_uring_complete"), begin = tp_params(btf, "io_uring_submit_req");
	uint32_t flags = 0;

	if (begin < 0)
		begin = tp_params(btf, "io_uring_submit_sqe");
	if (begin > 0 && (end == 3 || end > 4))
		flags |= HL_CFG_URING;
	if (begin <= 2)
		flags |= HL_CFG_URING_REQ;
	if (end == 3)
		flags |= HL_CFG_URING_CQE;
	return flags;
}

/* The prototype of a function that programs may call; NULL: there is none of that name. */
static const struct btf_type *proto_of(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);

	return id > 0 ? btf__type_by_id(btf, btf__type_by_id(btf, id)->type) : NULL;
}

/* v6.18 has it with a last argument that is a void pointer; later ones give that themselves. */
static uint32_t task_work_flags(const struct btf *btf)
{
	const struct btf_type *old = proto_of(btf, "bpf_task_work_schedule_resume_impl"), *last;
	const struct btf_type *now = proto_of(btf, "bpf_task_work_schedule_resume");

	if (now && btf_vlen(now) == 4)
		return HL_CFG_RESUME4;
	if (!old || btf_vlen(old) != 5)
		return 0;
	last = btf__type_by_id(btf, btf_params(old)[4].type);
	return btf_is_ptr(last) && !last->type ? HL_CFG_RESUME5 : 0;
}

int feat_flags(uint32_t *flags)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int err;

	if (!btf) {
		err = -errno;
		return err;
	}
	if (!feat_supported(btf)) {
		btf__free(btf);
		return -EOPNOTSUPP;
	}
	*flags = 0;
	if (tp_params(btf, "sched_switch") >= 4)
		*flags |= HL_CFG_PREV_STATE;
	if (has_func(btf, "bpf_rdonly_cast"))
		*flags |= HL_CFG_CAST;
	/* v7.2 runs what hangs on a system call preemptible, and came with this function; before,
	 * tracepoints hold preemption off themselves (4aadde89d81f) */
	if (has_func(btf, "trace_call_bpf_faultable") && has_func(btf, "bpf_preempt_disable"))
		*flags |= HL_CFG_PREEMPT;
	if (may_hold(btf))
		*flags |= HL_CFG_HOLD;
	*flags |= task_work_flags(btf);
	*flags |= probe_flags(btf);
	if (tp_params(btf, "cgroup_attach_task") > 0)
		*flags |= HL_CFG_CGROUPS;
	if (!has_member(btf, "task_struct", "throttled"))
		*flags |= HL_CFG_QUEUE_OUT;
	*flags |= uring_flags(btf);
	if (tp_params(btf, "tcp_retransmit_skb") >= 3)
		*flags |= HL_CFG_RESENT_ERR;
	if (tp_params(btf, "tcp_send_reset") >= 3)
		*flags |= HL_CFG_RST_REASON;
	if (tp_params(btf, "tcp_cong_state_set") > 0)
		*flags |= HL_CFG_CONG_STATE;
	if (tp_params(btf, "sock_send_length") >= 0)
		*flags |= HL_CFG_SOCK_TP;
	btf__free(btf);
	return 0;
}

/* May programs hang on this function of the kernel's? Some are built without that, some forbid it: it
 * is tried, with one that does nothing. */
static bool may_hang_on(const struct btf *btf, const char *name)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC), prog, link;

	if (id <= 0)
		return false;
	opts.attach_btf_id = (uint32_t)id;
	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", nothing, ARRAY_SIZE(nothing), &opts);
	if (prog < 0)
		return false;
	link = bpf_raw_tracepoint_open(NULL, prog);
	if (link >= 0)
		close(link);
	close(prog);
	return link >= 0;
}

uint32_t feat_hooks(const char *const *names, uint32_t *known)
{
	struct btf *btf = btf__load_vmlinux_btf();
	uint32_t have = 0;

	*known = 0;
	for (unsigned int i = 0; btf && names[i]; i++) {
		bool is_tp = tp_params(btf, names[i]) >= 0;

		if (is_tp || may_hang_on(btf, names[i]))
			have |= 1u << i;
		if (is_tp || has_func(btf, names[i]))
			*known |= 1u << i;
	}
	btf__free(btf);
	return have;
}

static void put_name(char (*name)[48], const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (!strncmp(s, prefix, n))
		s += n;
	snprintf(*name, sizeof(*name), "%s", s);
}

size_t feat_enum(const char *type, const char *prefix, char (*names)[48], size_t max)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, type, BTF_KIND_ENUM) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
	size_t n = 0;

	for (unsigned int i = 0; t && i < btf_vlen(t); i++) {
		__u32 value = (__u32)btf_enum(t)[i].val;

		if (value >= max)
			continue;
		put_name(&names[value], btf__name_by_offset(btf, btf_enum(t)[i].name_off), prefix);
		n = MAX(n, (size_t)value + 1);
	}
	btf__free(btf);
	return n;
}
