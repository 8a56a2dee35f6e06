/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Slow system calls and waits as lines under the functions that they were made in. Called by trace_lines.c.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "cmd/trace_inside.h"
#include "host/syscalls.h"
#include "rec/rec.h"

static void add_file(const struct hl_rec_slow *r, struct str *out)
{
	size_t n;
	const char *path = rec_slow_path(r, &n);

	str_addn(out, path, n);
}

static void add_peer(const struct hl_rec_slow *r, struct str *out)
{
	char host[INET6_ADDRSTRLEN];

	if (r->remote_port && inet_ntop(r->family, r->remote_addr, host, sizeof(host)))
		str_addf(out, r->family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, r->remote_port);
}

static void add_lock(const struct hl_rec_slow *r, struct str *out)
{
	str_addf(out, "0x%" PRIx64, (uint64_t)r->detail_addr);
}

static void add_fds(const struct hl_rec_slow *r, struct str *out)
{
	str_addf(out, "%" PRIu64 " descriptors", (uint64_t)r->detail_addr);
}

/* What it was on, as far as a line has room. */
static void (*const details[NR_HL_DETAILS])(const struct hl_rec_slow *r, struct str *out) = {
	[HL_DETAIL_FILE] = add_file,
	[HL_DETAIL_PEER] = add_peer,
	[HL_DETAIL_LOCK] = add_lock,
	[HL_DETAIL_COUNT] = add_fds,
};

/* The kernel's own for the probes. */
static bool is_of_probe(const char *name)
{
	return !strcmp(name, "uretprobe") || !strcmp(name, "uprobe");
}

bool trace_inside(const struct hl_rec *rec, struct hl_rec_func_call *c, struct str *what)
{
	const struct hl_rec_slow *r = (const void *)rec;
	char buf[SYSCALL_NAME_LEN];
	const char *name = syscall_label(r->abi, r->nr, buf);

	if ((r->op != HL_OP_SYSCALL && r->op != HL_OP_WAIT) || is_of_probe(name))
		return false;
	*c = (struct hl_rec_func_call){ .h = r->h,
					.start = r->start,
					.proc_start = r->proc_start,
					.begin_ns = r->begin_ns,
					.duration_ns = r->duration_ns,
					.result = r->result,
					.flags = HL_FUNC_CALL_STATES };
	if (!(r->flags & HL_SLOW_NO_RESULT))
		c->flags |= HL_FUNC_CALL_RESULT;
	if (c->flags & HL_FUNC_CALL_RESULT && r->result < 0 && r->result >= -HL_MAX_ERRNO)
		c->flags |= HL_FUNC_CALL_ERROR;
	memcpy(c->state_ns, r->state_ns, sizeof(c->state_ns));
	memcpy(c->comm, r->comm, sizeof(c->comm));
	str_add(what, name);
	str_addc(what, '(');
	if (r->detail < NR_HL_DETAILS && details[r->detail])
		details[r->detail](r, what);
	str_addc(what, ')');
	return true;
}
