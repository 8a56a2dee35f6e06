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

	if (n < sizeof(struct hl_ustack_raw))
		l->damaged++;
	else
		ustack_record(l, data, n);
	return 0;
}

static int on_record(void *arg, void *data, size_t n)
{
	const struct hl_rec *rec = data;
	struct live *l = arg;

	if (n < sizeof(*rec)) {
		l->damaged++;
	} else if (rec->kind == HL_KIND_SLOW) {
		/* Going through the others may have taken a while, in which its thread may have got
		 * another name, or was made at all. */
		if (rec->ts >= l->life_at)
			ring_life(l);
		slow_record(l, data, n);
	} else {
		l->life_delivered++;
		life_record(l, rec, n);
	}
	return 0;
}

int ring_life(struct live *l)
{
	l->life_at = clock_boot_ns();
	return ring_buffer__consume(l->life_ring);
}

int ring_drain(struct live *l)
{
	int n = ring_life(l), more;

	if (n < 0)
		return n;
	more = ring_buffer__consume(l->ring);
	return more < 0 ? more : n + more;
}

/* A ring of lifecycle records alone: both objects see how far the other has read. */
static struct ring_buffer *open_life(struct live *l)
{
	return ring_buffer__new(bpf_map__fd(object_map(&l->core, "hl_life")), on_record, l, NULL);
}

int ring_open(struct live *l)
{
	int err;

	l->life_ring = open_life(l);
	l->ring = open_life(l);
	if (!l->ring || !l->life_ring) {
		err = -errno;
		pr_err("rings: %s", err_str(err));
		return err;
	}
	err = ring_buffer__add(l->ring, bpf_map__fd(object_map(&l->core, "hl_ustacks")), on_ustack, l);
	if (!err)
		err = ring_buffer__add(l->ring, bpf_map__fd(object_map(&l->core, "hl_events")), on_record, l);
	if (err)
		pr_err("rings: %s", err_str(err));
	return err;
}

void ring_close(struct live *l)
{
	ring_buffer__free(l->ring);
	ring_buffer__free(l->life_ring);
	l->ring = l->life_ring = NULL;
}
