/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Records out of the rings, lifecycle first. Drained by timer: no record wakes anybody
 * but the one that crosses the high-water mark. Called by live.c. */
#include <errno.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "kern/kern.h"

static int on_ustack(void *arg, void *data, size_t n)
{
	struct live *l = arg;

	l->ustacks.arrived++;
	if (n < sizeof(struct hl_ustack_raw))
		l->damaged++;
	else
		ustack_record(l, data, n);
	return 0;
}

static void take_slow(struct live *l, const struct hl_rec *rec, size_t n)
{
	slow_record(l, (const void *)rec, n);
}

/* By kind; the others are of lives. */
static void (*const takers[HL_KIND_MAX])(struct live *l, const struct hl_rec *rec, size_t n) = {
	[HL_KIND_SLOW] = take_slow,
	[HL_KIND_CONN] = conns_record,
	[HL_KIND_LISTEN] = conns_record,
	[HL_KIND_DNS] = dns_record,
	[HL_KIND_CONN_EXCHANGES] = exchanges_record,
	[HL_KIND_FUNC_CALL] = funcs_record,
};

static int on_record(void *arg, void *data, size_t n)
{
	const struct hl_rec *rec = data;
	struct live *l = arg;

	if (n < sizeof(*rec)) {
		l->damaged++;
	} else if (rec->kind < HL_KIND_MAX && takers[rec->kind]) {
		/* Going through the others may have taken a while, in which its thread may have got
		 * another name, or was made at all; or it was waked. */
		if (rec->ts >= l->early_at)
			ring_early(l);
		takers[rec->kind](l, rec, n);
	} else {
		l->life_delivered++;
		life_record(l, rec, n);
	}
	return 0;
}

int ring_early(struct live *l)
{
	l->early_at = clock_boot_ns();
	return ring_buffer__consume(l->early_ring);
}

int ring_drain(struct live *l)
{
	int n = ring_early(l), more;

	if (n < 0)
		return n;
	more = ring_buffer__consume(l->ring);
	return more < 0 ? more : n + more;
}

/* What belongs to the records of hl_events comes before them. */
static struct ring_buffer *open_early(struct live *l)
{
	struct ring_buffer *r =
		ring_buffer__new(bpf_map__fd(object_map(&l->core, "hl_life")), on_record, l, NULL);

	if (r && ring_buffer__add(r, bpf_map__fd(object_map(&l->core, "hl_ustacks")), on_ustack, l)) {
		ring_buffer__free(r);
		return NULL;
	}
	return r;
}

/* Both objects see how far the other has read. */
int ring_open(struct live *l)
{
	int err = 0;

	l->early_ring = open_early(l);
	l->ring = open_early(l);
	if (!l->ring || !l->early_ring)
		err = -errno;
	else
		err = ring_buffer__add(l->ring, bpf_map__fd(object_map(&l->core, "hl_events")), on_record, l);
	if (err)
		pr_err("rings: %s", err_str(err));
	return err;
}

int ring_add(struct live *l, struct object *o, const char *map)
{
	return ring_buffer__add(l->ring, bpf_map__fd(object_map(o, map)), on_record, l);
}

void ring_close(struct live *l)
{
	ring_buffer__free(l->ring);
	ring_buffer__free(l->early_ring);
	l->ring = l->early_ring = NULL;
}
