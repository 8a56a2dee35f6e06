/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Collectors beside the core: each an object of its own, which shares the core's maps. One
 * that does not load is a line in the collectors' list, never a failed start. A program is
 * named after its tracepoint, or the kernel's function that it hangs on, where there are not two on one;
 * one in a section with `?` is left out where the kernel lacks that. Called by live.c.
 */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "kern/kern.h"

#define BY_CALLS "a kernel before 6.3: by system calls, and what goes over io_uring is not seen"

/* In the order of attaching: an end without its begin must not be. */
static const struct part_desc {
	const char *name; /* of the object, and of the collector */
	const char *gives;
	uint32_t needs; /* HL_CFG_* of the kernel */
	enum part_switch when;
	const char *progs[PART_PROGS + 1];
	struct {
		uint32_t have,
			drop; /* bits of progs: where the first is there, the second tells nothing new */
	} spare;
	uint32_t socks; /* bits of progs: those that tell what goes over sockets, see HL_CFG_SOCK_TP */
	struct {
		uint32_t without; /* bits of progs: all of them missing */
		bool if_known;    /* … in a kernel that has such a function, where none may hang on it */
		const char *less; /* what is missing then */
	} less[3];
	const char *takes;                               /* a map of the collector tcp */
	void (*prepare)(struct live *l, struct part *p); /* before it is loaded; may be NULL */
} descs[NR_PARTS] = {
	[PART_BLOCK] = {
		"block",
		"every request of every disk: in the queue and in the device, and whose it is",
		0, ALWAYS,
		{ "block_rq_complete", "block_rq_issue", "block_rq_insert", "block_rq_requeue", "block_io_start",
		  "writeback_dirty_folio", "writeback_dirty_page", "block_bio_complete",
		  "block_bio_queue", "block_bio_backmerge", "block_bio_frontmerge", "block_bio_remap",
		  "block_rq_merge", "__blk_throtl_bio" },
		.spare = { 1u << 4, 1u << 2 },
		.less = { { 3u << 5, false, "no writeback_dirty_folio: writeback is charged to the kernel" },
		          { 1u << 13, true,
		            "no fentry: what a limit of io.max on a whole disk holds back is not seen waiting" } },
	},
	[PART_URING] = {
		"uring",
		"every request of io_uring: from its submission to its completion, whose, on which file",
		HL_CFG_URING, ALWAYS,
		{ "io_uring_complete", "io_uring_queue_async_work", "io_uring_submit_req", "io_uring_submit_sqe" },
		.spare = {},
	},
	[PART_TCP] = {
		"tcp",
		"every TCP connection: its handshake, its figures, what was sent again and reset, and whose it is",
		0, ALWAYS,
		{ "tcp_destroy_sock", "tcp_packet_step", "tcp_process_step", "tcp_retransmit_skb", "tcp_send_reset",
		  "tcp_receive_reset", "tcp_cong_state_set" },
		.less = { { 1u << 6, false, "no tcp_cong_state_set (5.19): how long lost data waited is not measured" },
			  { 1u << 3, false, "no tcp_retransmit_skb: when something was sent again is not seen" },
		  { 3u << 4, false, "no tcp_send_reset: when a connection was reset is not seen" } },
	},
	[PART_FAULT] = {
		"fault",
		"the mapped file that a page fault waits for, while files are counted",
		0, FOR_FILES,
		{ "page_fault_user", "sched_switch" },
		.spare = {},
	},
	[PART_DNS] = {
		"dns",
		"every DNS query over port 53: by whom, of which server, with what result, and how long it took",
		0, FOR_DNS,
		{ "sock_recv_length", "sock_send_length", "socket_call" },
		.spare = { 3u << 0, 1u << 2 },
		.socks = 3u << 0,
		.less = { { 3u << 0, false, BY_CALLS } },
		.prepare = dns_prepare,
	},
	[PART_EXCHANGES] = {
		"exchanges",
		"requests on TCP connections, until the first byte of their answers, while they are asked for",
		0, FOR_EXCHANGES,
		{ "exchange_over", "exchange_step", "sock_send_length", "sock_recv_length", "sk_data_ready",
		  "tcp_probe", "socket_call" },
		.spare = { 7u << 2, 3u << 5 },
		.socks = 7u << 2,
		.less = { { 7u << 2, false, BY_CALLS } },
		.takes = "socks",
		.prepare = exchanges_prepare,
	},
	[PART_FUNC] = {
		"func",
		"calls of functions of programs, and USDT probes: those that are asked for",
		0, FOR_FUNCS,
		{ "func_thread_ends", "func_program_ends" },
		.prepare = funcs_prepare,
	},
};

static void refuse(struct part *p, const char *what, const char *why)
{
	p->state = HL_COLLECTOR_UNAVAILABLE;
	snprintf(p->reason, sizeof(p->reason), "%s: %s", what, why);
	object_close(&p->obj);
}

/* Programs whose tracepoint is there; false: one that it cannot do without is not. */
static bool choose(struct part *p, const struct part_desc *d, uint32_t have)
{
	for (unsigned int i = 0; d->progs[i]; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(p->obj.bpf, d->progs[i]);
		bool is_there = have >> i & 1;

		if (prog && d->spare.drop >> i & 1 && have & d->spare.have) {
			bpf_program__set_autoload(prog, false);
			continue;
		}
		if (!prog || (!is_there && bpf_program__autoload(prog))) {
			refuse(p, d->progs[i], "this kernel has no such tracepoint");
			return false;
		}
		bpf_program__set_autoload(prog, is_there);
	}
	return true;
}

/* What each of its programs hangs on, by the section that it is in. */
static void hooks_of(const struct part *p, const struct part_desc *d, const char **hooks)
{
	for (unsigned int i = 0; d->progs[i]; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(p->obj.bpf, d->progs[i]);
		const char *at = prog ? strrchr(bpf_program__section_name(prog), '/') : NULL;

		hooks[i] = at ? at + 1 : d->progs[i];
	}
}

/* What another collector keeps of each socket. */
static int take_map(struct live *l, struct part *p, const char *name)
{
	struct object *from = &l->parts[PART_TCP].obj;

	return from->bpf ? bpf_map__reuse_fd(object_map(&p->obj, name), bpf_map__fd(object_map(from, name)))
			 : -ENOENT;
}

void parts_room(struct live *l, struct part *p, uint32_t sockets)
{
	if (!(l->kcfg.flags & HL_CFG_SOCK_TP))
		bpf_map__set_max_entries(object_map(&p->obj, "by_socket"), sockets);
}

static void open_one(struct live *l, struct part *p, const struct part_desc *d)
{
	const char *hooks[PART_PROGS + 1] = {};
	uint32_t known = 0, have = 0;
	int err;

	p->gives = d->gives;
	p->state = d->when == ALWAYS ? HL_COLLECTOR_ON : HL_COLLECTOR_OFF;
	if ((l->kcfg.flags & d->needs) != d->needs) {
		refuse(p, d->progs[0], "this kernel does not tell of which request");
		return;
	}
	err = object_open(&p->obj, d->name, &l->kcfg, &l->core);
	if (!err) {
		hooks_of(p, d, hooks);
		have = feat_hooks(hooks, &known);
		if (!(l->kcfg.flags & HL_CFG_SOCK_TP))
			have &= ~d->socks;
	}
	if (!err && !choose(p, d, have))
		return;
	if (!err && d->takes && take_map(l, p, d->takes)) {
		refuse(p, "without the collector tcp", "not known");
		return;
	}
	if (!err && d->prepare)
		d->prepare(l, p);
	if (!err)
		err = object_load(&p->obj);
	if (err) {
		refuse(p, "the kernel refuses its programs", err_str(err));
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(d->less); i++)
		if (d->less[i].less && !(have & d->less[i].without) &&
		    (!d->less[i].if_known || known & d->less[i].without)) {
			p->state = HL_COLLECTOR_LESS;
			snprintf(p->reason, sizeof(p->reason), "%s", d->less[i].less);
		}
	l->sh.bytes += object_map_bytes(&p->obj);
}

/* What is not always on is loaded when it is asked for first. */
void parts_open(struct live *l)
{
	for (unsigned int i = 0; i < NR_PARTS; i++) {
		l->parts[i].name = descs[i].name;
		l->parts[i].gives = descs[i].gives;
		if (descs[i].when == ALWAYS)
			open_one(l, &l->parts[i], &descs[i]);
		else
			l->parts[i].state = HL_COLLECTOR_OFF;
	}
}

static void detach_one(struct part *p)
{
	while (p->nr_links)
		bpf_link__destroy(p->links[--p->nr_links]);
}

static void attach_one(struct part *p, const struct part_desc *d)
{
	for (unsigned int i = 0; p->obj.bpf && d->progs[i]; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(p->obj.bpf, d->progs[i]);

		if (!bpf_program__autoload(prog))
			continue;
		if (object_attach(&p->obj, d->progs[i], &p->links[p->nr_links])) {
			detach_one(p);
			refuse(p, d->progs[i], "cannot be attached");
			return;
		}
		p->nr_links++;
	}
}

void parts_switch(struct live *l, enum part_switch what, bool on)
{
	static const unsigned int watches[] = {
		[FOR_FILES] = 1 + HL_WATCH_FILES, [FOR_EXCHANGES] = 1 + HL_WATCH_EXCHANGES
	};

	if ((size_t)what < ARRAY_SIZE(watches) && watches[what])
		watch_set(l, watches[what] - 1, on);
	for (unsigned int i = 0; i < NR_PARTS; i++) {
		struct part *p = &l->parts[i];

		if (descs[i].when != what || p->state == HL_COLLECTOR_UNAVAILABLE)
			continue;
		if (on && !p->obj.bpf)
			open_one(l, p, &descs[i]);
		if (!on)
			detach_one(p);
		else if (!p->nr_links)
			attach_one(p, &descs[i]);
		if (p->state != HL_COLLECTOR_UNAVAILABLE)
			p->state = !p->nr_links ? HL_COLLECTOR_OFF
				   : *p->reason ? HL_COLLECTOR_LESS
						: HL_COLLECTOR_ON;
	}
}

void parts_attach(struct live *l)
{
	for (unsigned int i = 0; i < NR_PARTS; i++)
		if (descs[i].when == ALWAYS)
			attach_one(&l->parts[i], &descs[i]);
	parts_switch(l, FOR_FILES, l->files.on);
	parts_switch(l, FOR_DNS, l->dns.on);
	parts_switch(l, FOR_EXCHANGES, l->exchanges.on);
	parts_switch(l, FOR_FUNCS, l->cfg.nr_funcs);
}

void parts_detach(struct live *l)
{
	for (unsigned int i = 0; i < NR_PARTS; i++)
		detach_one(&l->parts[i]);
}

void parts_close(struct live *l)
{
	parts_detach(l);
	for (unsigned int i = 0; i < NR_PARTS; i++)
		object_close(&l->parts[i].obj);
}
