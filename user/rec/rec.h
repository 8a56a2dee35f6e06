/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * One record: its check, its parts, and how to build one. Every record that did
 * not originate in this process passes rec_check before anything else reads it.
 * Used by the live source, the recording's reader and writer, and all that makes
 * records of /proc and the like.
 */
#ifndef REC_REC_H
#define REC_REC_H

#include "base/base.h"
#include "bpf/abi.h"
#include "bpf/hist.h"

#define REC_MAX 65536 /* bytes of the longest record */

/* "SLOW"; NULL for a kind that this program does not know. */
const char *rec_kind_name(unsigned int kind);
/* Bytes of a record of this kind without its tail; 0 for an unknown kind. */
size_t rec_body_size(unsigned int kind);

/*
 * Is the record at buf (8-aligned, avail bytes) sound? Returns its size in bytes, or
 *   -EINVAL      broken: a length or a number that cannot be;
 *   -EOPNOTSUPP  whole, but with a state, operation, … that only a newer program has:
 *                skip h.size bytes.
 * A kind that is not known is sound as long as it can be skipped: look at
 * rec_kind_name before reading more than the header. What is checked: size, that
 * tails lie inside the record and their strings end there, and every number that
 * may be used as an index. What is not: comm need not hold a NUL (use comm_len), a
 * path is not NUL-terminated, address families, pids and times may be anything.
 */
int rec_check(const void *buf, size_t avail);

/* Whether h.size can be trusted to step over the record, whatever else is wrong. */
bool rec_skippable(const struct hl_rec *rec, size_t avail);

/* The tail of a checked record of a known kind and its length in bytes (with padding). */
const void *rec_tail(const struct hl_rec *rec, size_t *len);
/* String i of the tail of a META, PROCESS, COLLECTOR, DISK, FILE, LOCK_NAME, CGROUP, FUNC or FUNC_CALL: never
 * NULL, "" when it is not there or rec is NULL. */
const char *rec_tail_str(const struct hl_rec *rec, unsigned int i);
/* The path of a SLOW or NOW: *len bytes without a NUL, which need not be text. */
const char *rec_slow_path(const struct hl_rec_slow *s, size_t *len);
/* The nr_buckets counts of an OP, a FILE_OP, a LOCK_OP, an EXCHANGE_OP and a DISK_OP. */
const __u32 *rec_op_buckets(const struct hl_rec_op *op);
const __u32 *rec_file_buckets(const struct hl_rec_file_op *op);
const __u32 *rec_lock_buckets(const struct hl_rec_lock_op *op);
const __u32 *rec_func_buckets(const struct hl_rec_func_op *op);
const __u32 *rec_func_syscall_buckets(const struct hl_rec_func_syscall *op);
const __u32 *rec_exchange_buckets(const struct hl_rec_exchange_op *op);
const __u32 *rec_disk_buckets(const struct hl_rec_disk_op *op);
/* The nr_frames frames of a STACK, and the text that their names begin in. */
const struct hl_frame *rec_stack_frames(const struct hl_rec_stack *s, const char **text);
const struct hl_occupant *rec_occupants(const struct hl_rec_occupants *o);
const struct hl_peer_ns *rec_peers(const struct hl_rec_peers *p);
const struct hl_uframe *rec_ustack_frames(const struct hl_rec_ustack *s, const char **text);
/* The nr_addrs addresses of a DNS, and the name, never NULL. */
const struct hl_dns_addr *rec_dns_addrs(const struct hl_rec_dns *d, const char **name);
/* Bytes of a comm field before its NUL; HL_COMM_LEN when it has none. */
size_t comm_len(const char comm[HL_COMM_LEN]);

/* Zeroes what carries no meaning in a checked record: padding, comm behind its NUL,
 * the rest of the tail. So no stale byte reaches a file. */
void rec_clean(struct hl_rec *rec);

/*
 * Builds records into one growable buffer, one behind the other:
 *
 *	struct recbuf b = {};
 *	struct hl_rec_meta *m = rec_begin(&b, HL_KIND_META, sizeof(*m));
 *	m->h.ts = now;
 *	rec_add_str(&b, "kernel");
 *	rec_add_str(&b, release);
 *	rec = rec_end(&b);
 *	recbuf_free(&b);
 *
 * rec_begin returns the body, zeroed, with h.kind set; it stays in place until the
 * next rec_begin. rec_end sets h.size and returns the record, valid until the next
 * rec_begin, recbuf_reset or recbuf_free. A tail that would pass REC_MAX is cut, its
 * strings stay terminated. Records lie from buf to buf + len.
 */
struct recbuf {
	unsigned char *buf; /* owned */
	size_t len, cap;    /* bytes of finished records; bytes allocated */
	size_t used;        /* of the record being built */
};

void *rec_begin(struct recbuf *b, unsigned int kind, size_t body_size);
void rec_add_str(struct recbuf *b, const char *s);             /* NULL is "" */
void rec_add_strn(struct recbuf *b, const char *s, size_t n);  /* ends at a NUL inside */
void rec_add_bytes(struct recbuf *b, const void *p, size_t n); /* raw, no NUL: paths, buckets */
const struct hl_rec *rec_end(struct recbuf *b);
void recbuf_reset(struct recbuf *b); /* empty, memory kept */
void recbuf_free(struct recbuf *b);

#endif
