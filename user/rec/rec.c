/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The check of one record and access to its parts. What is particular to a kind is
 * a row in `rules`; a kind without numbers to bound and without a tail needs none. */
#include <errno.h>
#include <string.h>

#include "rec/rec.h"

#define REC_ALIGN 8

static const struct {
	const char *name;
	size_t body;
} kinds[HL_KIND_MAX] = {
#define X(id, NAME, body, bytes) [id] = { #NAME, sizeof(struct hl_rec_##body) },
	HL_KINDS(X)
#undef X
};

/* ---- what a kind needs beyond its size --------------------------------------- */

enum field_type {
	FIELD_END,
	FIELD_BELOW, /* a number that must be below `limit` */
	FIELD_COMM,  /* bytes behind the NUL mean nothing */
	FIELD_PAD,
};

struct field {
	enum field_type type;
	unsigned short off, size;
	unsigned int limit;
};

/* clang-format off */
#define AT(body, member)           offsetof(struct hl_rec_##body, member)
#define SIZE(body, member)         sizeof(((struct hl_rec_##body *)0)->member)
#define BELOW(body, member, limit) { FIELD_BELOW, AT(body, member), SIZE(body, member), limit }
#define COMM(body, member)         { FIELD_COMM, AT(body, member), SIZE(body, member), 0 }
#define PAD(body, member)          { FIELD_PAD, AT(body, member), SIZE(body, member), 0 }
#define END                        { FIELD_END, 0, 0, 0 }
/* Of a record that begins as OP does. */
#define OF_OP(body)                                                                                          \
	BELOW(body, o.op, NR_HL_OPS), BELOW(body, o.state, NR_HL_STATES), BELOW(body, o.abi, NR_HL_ABIS),    \
		PAD(body, o.pad)
/* clang-format on */

static const struct field process_fields[] = { COMM(process, comm), PAD(process, pad), END };
static const struct field thread_fields[] = { COMM(thread, comm), END };
static const struct field ledger_fields[] = {
	BELOW(ledger, now_state, NR_HL_STATES),
	BELOW(ledger, now_abi, NR_HL_ABIS),
	PAD(ledger, pad),
	END,
};
static const struct field op_fields[] = {
	BELOW(op, op, NR_HL_OPS),
	BELOW(op, state, NR_HL_STATES),
	BELOW(op, abi, NR_HL_ABIS),
	PAD(op, pad),
	END,
};
static const struct field slow_fields[] = {
	BELOW(slow, op, NR_HL_OPS),
	BELOW(slow, state, NR_HL_STATES),
	BELOW(slow, abi, NR_HL_ABIS),
	BELOW(slow, detail, NR_HL_DETAILS),
	BELOW(slow, waker, NR_HL_WAKERS),
	BELOW(slow, holder, NR_HL_HOLDERS),
	BELOW(slow, waker_abi, NR_HL_ABIS),
	COMM(slow, holder_comm),
	PAD(slow, pad2),
	PAD(slow, pad3),
	COMM(slow, waker_comm),
	COMM(slow, comm),
	PAD(slow, pad),
	END,
};
static const struct field acct_fields[] = {
	BELOW(acct, class_id, NR_HL_CLASSES),
	PAD(acct, pad),
	END,
};
static const struct field collector_fields[] = {
	BELOW(collector, state, NR_HL_COLLECTOR_STATES),
	PAD(collector, pad),
	END,
};
static const struct field watched_fields[] = { BELOW(watched, what, NR_HL_WATCHES), PAD(watched, pad), END };
static const struct field psi_fields[] = { BELOW(psi, resource, 3), PAD(psi, pad), PAD(psi, pad2), END };
static const struct field self_fields[] = { PAD(self, pad), END };
static const struct field op_io_fields[] = {
	BELOW(op_io, op, NR_HL_OPS),
	BELOW(op_io, state, NR_HL_STATES),
	BELOW(op_io, abi, NR_HL_ABIS),
	PAD(op_io, pad),
	END,
};
static const struct field stack_fields[] = { PAD(stack, pad), END };
static const struct field ustack_fields[] = { BELOW(ustack, unwind, NR_HL_UNWINDS), PAD(ustack, pad), END };
static const struct field occupants_fields[] = { PAD(occupants, pad), PAD(occupants, pad2), END };
static const struct field disk_fields[] = { PAD(disk, pad), END };
static const struct field disk_op_fields[] = {
	BELOW(disk_op, phase, NR_HL_BLOCK_PHASES),
	PAD(disk_op, pad),
	END,
};
static const struct field file_fields[] = { PAD(file, pad), END };
static const struct field file_op_fields[] = {
	OF_OP(file_op),
	PAD(file_op, pad),
	END,
};
static const struct field lock_op_fields[] = {
	OF_OP(lock_op),
	END,
};
static const struct field exchange_op_fields[] = {
	OF_OP(exchange_op),
	BELOW(exchange_op, role, NR_HL_ROLES),
	BELOW(exchange_op, part, NR_HL_EXCHANGE_PARTS),
	PAD(exchange_op, pad),
	END,
};
static const struct field cgroup_fields[] = { PAD(cgroup, pad), END };
static const struct field conn_fields[] = {
	BELOW(conn, role, NR_HL_ROLES),
	BELOW(conn, state, NR_HL_TCP_STATES),
	BELOW(conn, end, NR_HL_ENDS),
	END,
};
static const struct field conn_op_fields[] = { BELOW(conn_op, role, NR_HL_ROLES), PAD(conn_op, pad), END };
static const struct field listen_fields[] = { PAD(listen, pad), END };
static const struct field func_op_fields[] = {
	OF_OP(func_op),
	END,
};
static const struct field func_syscall_fields[] = {
	OF_OP(func_syscall),
	PAD(func_syscall, pad),
	END,
};
static const struct field func_call_fields[] = { COMM(func_call, comm), END };
static const struct field dns_fields[] = { BELOW(dns, end, NR_HL_DNS_ENDS), PAD(dns, pad), END };
static const struct field life_fields[] = {
	BELOW(life, what, NR_HL_LIFE), COMM(life, comm), PAD(life, pad), PAD(life, pad2), END,
};

/* Tails: each returns the bytes that mean something, or -EINVAL. */

static long strings_used(const unsigned char *tail, size_t n, unsigned int count)
{
	const unsigned char *p = tail, *end = tail + n, *nul;

	while (count-- && p < end) {
		nul = memchr(p, 0, (size_t)(end - p));
		if (!nul)
			return -EINVAL;
		p = nul + 1;
	}
	return p - tail;
}

static long one_string(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	return strings_used(tail, n, 1);
}

static long two_strings(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	return strings_used(tail, n, 2);
}

static long three_strings(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	return strings_used(tail, n, 3);
}

static long four_strings(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	return strings_used(tail, n, 4);
}

static long seven_strings(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	return strings_used(tail, n, 7);
}

static long buckets_used(__u32 first, __u32 nr, size_t n)
{
	if ((__u64)first + nr > HL_HIST_CELLS || nr * sizeof(__u32) > n)
		return -EINVAL;
	return (long)(nr * sizeof(__u32));
}

static long op_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_op *op = (const void *)rec;

	return buckets_used(op->first, op->nr_buckets, n);
}

static long disk_op_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_disk_op *op = (const void *)rec;

	return buckets_used(op->first, op->nr_buckets, n);
}

static long slow_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_slow *s = (const void *)rec;

	return s->path_len > n ? -EINVAL : s->path_len;
}

/* All that the frames point at ends with a NUL inside the text. */
static long stack_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_stack *s = (const void *)rec;
	const struct hl_frame *f = (const void *)tail;
	size_t frames = s->nr_frames * sizeof(*f);

	if (!s->id || !s->text_len || frames > n || s->text_len > n - frames ||
	    tail[frames + s->text_len - 1])
		return -EINVAL;
	for (unsigned int i = 0; i < s->nr_frames; i++)
		if (f[i].function >= s->text_len || f[i].module >= s->text_len)
			return -EINVAL;
	return (long)(frames + s->text_len);
}

static long ustack_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_ustack *s = (const void *)rec;
	const struct hl_uframe *f = (const void *)tail;
	size_t frames = s->nr_frames * sizeof(*f);

	if (!s->id || !s->text_len || frames > n || s->text_len > n - frames ||
	    tail[frames + s->text_len - 1])
		return -EINVAL;
	for (unsigned int i = 0; i < s->nr_frames; i++)
		if (f[i].function >= s->text_len || f[i].module >= s->text_len || f[i].file >= s->text_len)
			return -EINVAL;
	return (long)(frames + s->text_len);
}

static long occupants_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_occupants *o = (const void *)rec;

	if (!o->id || o->nr > HL_OCCUPANTS || o->nr * sizeof(struct hl_occupant) > n)
		return -EINVAL;
	return (long)(o->nr * sizeof(struct hl_occupant));
}

/* Addresses, then the name. */
static long dns_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_dns *d = (const void *)rec;
	size_t addrs = d->nr_addrs * sizeof(struct hl_dns_addr);
	long name;

	if (d->nr_addrs > HL_DNS_ADDRS || addrs > n)
		return -EINVAL;
	name = strings_used(tail + addrs, n - addrs, 1);
	return name < 0 ? name : (long)addrs + name;
}

static long peers_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_peers *p = (const void *)rec;

	if (!p->id || p->nr > HL_PEERS || p->nr * sizeof(struct hl_peer_ns) > n)
		return -EINVAL;
	return (long)(p->nr * sizeof(struct hl_peer_ns));
}

static long life_tail(const struct hl_rec *rec, const unsigned char *tail, size_t n)
{
	const struct hl_rec_life *l = (const void *)rec;
	size_t used = (size_t)l->name_len + l->args_len;

	return used > n || !l->what ? -EINVAL : (long)used;
}

static const struct rule {
	const struct field *fields;
	long (*tail)(const struct hl_rec *rec, const unsigned char *tail, size_t n);
	bool strings;
} rules[HL_KIND_MAX] = {
	[HL_KIND_META] = { NULL, two_strings, true },
	[HL_KIND_PROCESS] = { process_fields, seven_strings, true },
	[HL_KIND_THREAD] = { thread_fields, NULL, false },
	[HL_KIND_LEDGER] = { ledger_fields, NULL, false },
	[HL_KIND_OP] = { op_fields, op_tail, false },
	[HL_KIND_SLOW] = { slow_fields, slow_tail, false },
	[HL_KIND_NOW] = { slow_fields, slow_tail, false },
	[HL_KIND_ACCT] = { acct_fields, NULL, false },
	[HL_KIND_COLLECTOR] = { collector_fields, two_strings, true },
	[HL_KIND_WATCHED] = { watched_fields, NULL, false },
	[HL_KIND_PSI] = { psi_fields, NULL, false },
	[HL_KIND_SELF] = { self_fields, NULL, false },
	[HL_KIND_DISK] = { disk_fields, four_strings, true },
	[HL_KIND_OP_IO] = { op_io_fields, NULL, false },
	[HL_KIND_DISK_OP] = { disk_op_fields, disk_op_tail, false },
	[HL_KIND_FILE] = { file_fields, one_string, true },
	[HL_KIND_FILE_OP] = { file_op_fields, op_tail, false },
	[HL_KIND_LOCK_OP] = { lock_op_fields, op_tail, false },
	[HL_KIND_LOCK_NAME] = { NULL, two_strings, true },
	[HL_KIND_CGROUP] = { cgroup_fields, two_strings, true },
	[HL_KIND_LIFE] = { life_fields, life_tail, false },
	[HL_KIND_STACK] = { stack_fields, stack_tail, false },
	[HL_KIND_USTACK] = { ustack_fields, ustack_tail, false },
	[HL_KIND_OCCUPANTS] = { occupants_fields, occupants_tail, false },
	[HL_KIND_CONN] = { conn_fields, NULL, false },
	[HL_KIND_CONN_OP] = { conn_op_fields, NULL, false },
	[HL_KIND_LISTEN] = { listen_fields, NULL, false },
	[HL_KIND_DNS] = { dns_fields, dns_tail, false },
	[HL_KIND_EXCHANGE_OP] = { exchange_op_fields, op_tail, false },
	[HL_KIND_RESENT_OP] = { exchange_op_fields, op_tail, false },
	[HL_KIND_PEERS] = { NULL, peers_tail, false },
	[HL_KIND_FUNC] = { NULL, three_strings, true },
	[HL_KIND_FUNC_OP] = { func_op_fields, op_tail, false },
	[HL_KIND_FUNC_CALL] = { func_call_fields, one_string, true },
	[HL_KIND_FUNC_SYSCALL] = { func_syscall_fields, op_tail, false },
};

/* ---- check -------------------------------------------------------------------- */

const char *rec_kind_name(unsigned int kind)
{
	return kind < HL_KIND_MAX ? kinds[kind].name : NULL;
}

size_t rec_body_size(unsigned int kind)
{
	return kind < HL_KIND_MAX ? kinds[kind].body : 0;
}

bool rec_skippable(const struct hl_rec *rec, size_t avail)
{
	return avail >= sizeof(*rec) && rec->size >= sizeof(*rec) && rec->size <= avail &&
	       rec->size <= REC_MAX && rec->size % REC_ALIGN == 0;
}

static unsigned int field_value(const void *rec, const struct field *f)
{
	const unsigned char *p = (const unsigned char *)rec + f->off;
	__u32 v32 = 0;

	if (f->size == 1)
		return *p;
	memcpy(&v32, p, sizeof(v32));
	return v32;
}

static int fields_check(const struct hl_rec *rec, const struct field *f)
{
	for (; f && f->type != FIELD_END; f++)
		if (f->type == FIELD_BELOW && field_value(rec, f) >= f->limit)
			return -EOPNOTSUPP;
	return 0;
}

int rec_check(const void *buf, size_t avail)
{
	const struct hl_rec *rec = buf;
	const struct rule *rule;
	size_t body;
	int err;

	if (((uintptr_t)buf & (REC_ALIGN - 1)) || !rec_skippable(rec, avail) || !rec->kind)
		return -EINVAL;
	body = rec_body_size(rec->kind);
	if (!body)
		return (int)rec->size;
	if (rec->size < body)
		return -EINVAL;
	rule = &rules[rec->kind];
	if (rule->tail && rule->tail(rec, (const unsigned char *)buf + body, rec->size - body) < 0)
		return -EINVAL;
	err = fields_check(rec, rule->fields);
	return err ? err : (int)rec->size;
}

/* ---- parts -------------------------------------------------------------------- */

const void *rec_tail(const struct hl_rec *rec, size_t *len)
{
	size_t body = rec_body_size(rec->kind);

	*len = rec->size > body ? rec->size - body : 0;
	return (const unsigned char *)rec + body;
}

const char *rec_tail_str(const struct hl_rec *rec, unsigned int i)
{
	const char *p, *end, *nul;
	size_t n;

	if (!rec || !rec_kind_name(rec->kind) || !rules[rec->kind].strings)
		return "";
	p = rec_tail(rec, &n);
	for (end = p + n; p < end; p = nul + 1) {
		nul = memchr(p, 0, (size_t)(end - p));
		if (!nul)
			return "";
		if (!i--)
			return p;
	}
	return "";
}

const char *rec_slow_path(const struct hl_rec_slow *s, size_t *len)
{
	*len = s->path_len;
	return (const char *)(s + 1);
}

const struct hl_frame *rec_stack_frames(const struct hl_rec_stack *s, const char **text)
{
	const struct hl_frame *f = (const void *)(s + 1);

	*text = (const char *)(f + s->nr_frames);
	return f;
}

const struct hl_uframe *rec_ustack_frames(const struct hl_rec_ustack *s, const char **text)
{
	const struct hl_uframe *f = (const void *)(s + 1);

	*text = (const char *)(f + s->nr_frames);
	return f;
}

const struct hl_occupant *rec_occupants(const struct hl_rec_occupants *o)
{
	return (const struct hl_occupant *)(o + 1);
}

const struct hl_dns_addr *rec_dns_addrs(const struct hl_rec_dns *d, const char **name)
{
	const struct hl_dns_addr *a = (const void *)(d + 1);
	const char *text = (const char *)(a + d->nr_addrs), *end = (const char *)d + d->h.size;

	*name = text < end ? text : "";
	return a;
}

const __u32 *rec_disk_buckets(const struct hl_rec_disk_op *op)
{
	return (const __u32 *)(op + 1);
}

const __u32 *rec_file_buckets(const struct hl_rec_file_op *op)
{
	return (const __u32 *)(op + 1);
}

const __u32 *rec_lock_buckets(const struct hl_rec_lock_op *op)
{
	return (const __u32 *)(op + 1);
}

const __u32 *rec_func_syscall_buckets(const struct hl_rec_func_syscall *op)
{
	return (const __u32 *)(op + 1);
}

const __u32 *rec_func_buckets(const struct hl_rec_func_op *op)
{
	return (const void *)(op + 1);
}

const __u32 *rec_exchange_buckets(const struct hl_rec_exchange_op *op)
{
	return (const __u32 *)(op + 1);
}

const struct hl_peer_ns *rec_peers(const struct hl_rec_peers *p)
{
	return (const struct hl_peer_ns *)(p + 1);
}

const __u32 *rec_op_buckets(const struct hl_rec_op *op)
{
	return (const __u32 *)(op + 1);
}

size_t comm_len(const char comm[HL_COMM_LEN])
{
	return strnlen(comm, HL_COMM_LEN);
}

void rec_clean(struct hl_rec *rec)
{
	size_t body = rec_body_size(rec->kind), len, keep;
	unsigned char *p = (unsigned char *)rec;
	const struct field *f;
	long used;

	if (!body)
		return;
	for (f = rules[rec->kind].fields; f && f->type != FIELD_END; f++) {
		if (f->type == FIELD_BELOW)
			continue;
		keep = f->type == FIELD_COMM ? strnlen((char *)p + f->off, f->size) : 0;
		memset(p + f->off + keep, 0, f->size - keep);
	}
	len = rec->size - body;
	used = rules[rec->kind].tail ? rules[rec->kind].tail(rec, p + body, len) : 0;
	if (used >= 0)
		memset(p + body + used, 0, len - (size_t)used);
}
