/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a slow operation was on, in words: a file, a peer, a lock, descriptors, a disk. Called by
 * slow.c. Reads a record only; what a path or an address means on this host is for others. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/state.h"
#include "rec/rec.h"

static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {
	{ IPPROTO_TCP, "tcp" },      { IPPROTO_UDP, "udp" },   { IPPROTO_ICMP, "icmp" },
	{ IPPROTO_ICMPV6, "icmp6" }, { IPPROTO_SCTP, "sctp" }, { IPPROTO_UDPLITE, "udplite" },
	{ IPPROTO_RAW, "raw" },
};

static const char *protocol_name(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == number)
			return protocols[i].name;
	return NULL;
}

const char *host_text(char buf[HOST_LEN], uint8_t family, const uint8_t *addr, bool *is_v6)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	buf[0] = '\0';
	if (family == AF_INET6 && !memcmp(addr, mapped, sizeof(mapped))) {
		family = AF_INET;
		addr += sizeof(mapped);
	}
	*is_v6 = family == AF_INET6;
	if ((family == AF_INET || family == AF_INET6) && !inet_ntop(family, addr, buf, HOST_LEN))
		buf[0] = '\0';
	return buf;
}

const char *addr_text(char buf[ADDR_LEN], uint8_t family, const uint8_t *addr, uint16_t port)
{
	static const uint8_t none[16];
	char host[HOST_LEN];
	bool is_v6;

	buf[0] = '\0';
	if (!port && !memcmp(addr, none, family == AF_INET ? 4 : 16))
		return buf;
	if (*host_text(host, family, addr, &is_v6))
		snprintf(buf, ADDR_LEN, is_v6 ? "[%s]:%u" : "%s:%u", host, port);
	return buf;
}

static void set(struct model *m, struct istr **slot, const char *s)
{
	intern_set(m->interns, slot, s, strlen(s));
}

/* new_encode_dev of the kernel, backwards */
static unsigned int dev_major(uint32_t dev)
{
	return (dev & 0xfff00) >> 8;
}

static unsigned int dev_minor(uint32_t dev)
{
	return (dev & 0xff) | ((dev >> 12) & 0xfff00);
}

static void detail_file(struct model *m, struct slow *s, const struct hl_rec_slow *r, struct str *text)
{
	size_t len;
	const char *path = rec_slow_path(r, &len);

	len = strnlen(path, len);
	s->row.dev = r->detail_dev;
	s->row.ino = r->detail_ino;
	if (!len) {
		str_addf(text, "inode %" PRIu64 " on %u:%u", (uint64_t)r->detail_ino,
			 dev_major(r->detail_dev), dev_minor(r->detail_dev));
		return;
	}
	intern_set(m->interns, &s->path, path, len);
	str_add(text, r->flags & HL_SLOW_PATH_CUT ? "..." : "");
	str_addn(text, path, len);
	str_add(text, r->flags & HL_SLOW_DELETED ? " (deleted)" : "");
}

static void detail_reason(struct model *m, struct slow *s, const struct hl_rec_slow *r)
{
	size_t len;
	const char *reason = rec_slow_path(r, &len);

	intern_set(m->interns, &s->reason, reason, strnlen(reason, len));
}

static void detail_peer(struct model *m, struct slow *s, const struct hl_rec_slow *r, struct str *text)
{
	char local[ADDR_LEN], remote[ADDR_LEN];
	const char *protocol = protocol_name(r->protocol);

	addr_text(local, r->family, r->local_addr, r->local_port);
	addr_text(remote, r->family, r->remote_addr, r->remote_port);
	set(m, &s->local, local);
	set(m, &s->remote, remote);
	s->row.protocol = protocol;
	s->row.accepted = r->accepted;
	s->row.ino = r->detail_ino;
	if (r->op == HL_OP_TCP)
		detail_reason(m, s, r);
	str_add(text, protocol ? protocol : "socket");
	if (*remote)
		str_addf(text, " %s", remote);
	else if (*local)
		str_addf(text, " on %s", local);
}

/* Where there is little room the end is seen. */
static void detail_name(struct model *m, struct slow *s, const struct hl_rec_slow *r, struct str *text)
{
	char remote[ADDR_LEN];
	size_t len, n;
	const char *name = rec_slow_path(r, &len);

	n = strnlen(name, len);
	intern_set(m->interns, &s->asked, name, n);
	if (n < len)
		intern_set(m->interns, &s->reason, name + n + 1, strnlen(name + n + 1, len - n - 1));
	set(m, &s->remote, addr_text(remote, r->family, r->remote_addr, r->remote_port));
	s->row.protocol = protocol_name(r->protocol);
	if (s->reason)
		str_addf(text, "%s: ", s->reason->s);
	if (*remote)
		str_addf(text, "%s ", remote);
	str_addn(text, name, n);
}

static void detail_args(struct model *m, struct slow *s, const struct hl_rec_slow *r, struct str *text)
{
	size_t len;
	const char *args = rec_slow_path(r, &len);

	str_addn(text, args, strnlen(args, len));
}

static void detail_lock(struct model *m, struct slow *s, const struct hl_rec_slow *r, struct str *text)
{
	s->row.lock_addr = r->detail_addr;
	str_addf(text, "0x%" PRIx64, (uint64_t)r->detail_addr);
}

static void detail_count(struct model *m, struct slow *s, const struct hl_rec_slow *r, struct str *text)
{
	s->row.fds = r->detail_addr;
	str_addf(text, "%" PRIu64 " fds", (uint64_t)r->detail_addr);
}

static void set_dev(struct model *m, struct istr **slot, uint32_t dev)
{
	char text[24];

	snprintf(text, sizeof(text), "%u:%u", dev_major(dev), dev_minor(dev));
	set(m, slot, text);
}

static void detail_disk(struct model *m, struct slow *s, const struct hl_rec_slow *r, struct str *text)
{
	size_t len;
	const char *name = rec_slow_path(r, &len);

	len = strnlen(name, len);
	if (len)
		intern_set(m->interns, &s->disk, name, len);
	else
		set_dev(m, &s->disk, r->detail_dev);
	s->row.dev = r->detail_dev;
	s->row.sector = r->detail_addr;
	s->row.bytes = r->bytes;
	/* where there is little room the end is seen */
	if (r->bytes)
		str_addf(text, "sector %" PRIu64 ", %" PRIu64 " B of ", (uint64_t)r->detail_addr,
			 (uint64_t)r->bytes);
	str_add(text, s->disk->s);
}

static void (*const details[NR_HL_DETAILS])(struct model *m, struct slow *s, const struct hl_rec_slow *r,
					    struct str *text) = {
	[HL_DETAIL_NONE] = NULL,        [HL_DETAIL_FILE] = detail_file,   [HL_DETAIL_PEER] = detail_peer,
	[HL_DETAIL_LOCK] = detail_lock, [HL_DETAIL_COUNT] = detail_count, [HL_DETAIL_DISK] = detail_disk,
	[HL_DETAIL_NAME] = detail_name, [HL_DETAIL_ARGS] = detail_args,
};

void slow_detail(struct model *m, struct slow *s, const struct hl_rec_slow *rec)
{
	struct str text = {};

	s->row.detail = rec->detail;
	if (rec->detail >= NR_HL_DETAILS || !details[rec->detail])
		return;
	details[rec->detail](m, s, rec, &text);
	intern_set(m->interns, &s->text, str_get(&text), text.len);
	str_free(&text);
}

/* ---- disks by number -------------------------------------------------------------------- */

void disk_names_init(struct model *m)
{
	m->disk_names = hash_new(sizeof(uint32_t));
}

void disk_names_fini(struct model *m)
{
	struct istr *name;

	for (size_t i = 0; (name = hash_next(m->disk_names, &i, NULL));)
		intern_put(m->interns, name);
	hash_free(m->disk_names);
}

void disk_name_apply(struct model *m, const struct hl_rec_disk *r)
{
	struct istr *was = hash_get(m->disk_names, &r->dev), *name = was;

	if (!was && hash_count(m->disk_names) >= m->limits.max_disks)
		return;
	set(m, &name, rec_tail_str(&r->h, 0));
	if (name == was)
		return;
	hash_del(m->disk_names, &r->dev);
	if (name)
		hash_put(m->disk_names, &r->dev, name);
}

struct istr *disk_called(struct model *m, uint32_t dev)
{
	return dev ? hash_get(m->disk_names, &dev) : NULL;
}
