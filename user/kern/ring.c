/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Records out of the two rings, lifecycle first. Drained by timer: no record wakes anybody
 * but the one that crosses the high-water mark. Called by live.c. */
#include <errno.h>

#include "base/err.h"
#include "base/log.h"
#include "kern/kern.h"

static int on_record(void *arg, void *data, size_t n)
{
	const struct hl_rec *rec = data;
	struct live *l = arg;

	if (n < sizeof(*rec))
		l->damaged++;
	else if (rec->kind == HL_KIND_SLOW)
		slow_record(l, data, n);
	else {
		l->life_delivered++;
		life_record(l, rec, n);
	}
	return 0;
}

int ring_open(struct live *l)
{
	int err;

	l->ring = ring_buffer__new(bpf_map__fd(object_map(&l->core, "hl_life")), on_record, l, NULL);
	if (!l->ring) {
		err = -errno;
		pr_err("rings: %s", err_str(err));
		return err;
	}
	err = ring_buffer__add(l->ring, bpf_map__fd(object_map(&l->core, "hl_events")), on_record, l);
	if (err)
		pr_err("rings: %s", err_str(err));
	return err;
}

void ring_close(struct live *l)
{
	ring_buffer__free(l->ring);
	l->ring = NULL;
}
