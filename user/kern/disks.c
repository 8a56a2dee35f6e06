/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The disks' own figures, where they moved: DISK records. What a disk is made of and what is made
 * of it is asked again when any device came or went, and now and then, for a device may be given
 * other parts. Called by live.c at a tick. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/disks.h"
#include "host/file.h"
#include "kern/kern.h"

#define STATS_ROOM (256 << 10) /* some thousand disks */
#define MAX_DISKS  1024
#define ASK_AGAIN  (10 * NSEC_PER_SEC)

struct disk {
	struct disk_stat was;
	struct disk_about about;
	uint64_t set, asked; /* when that was asked: the devices that there were, and the time */
};

void disks_init(struct live *l)
{
	l->disks = hash_new(sizeof(uint32_t));
}

void disks_fini(struct live *l)
{
	struct disk *d;
	size_t pos = 0;

	while (l->disks && (d = hash_next(l->disks, &pos, NULL))) {
		disk_about_fini(&d->about);
		free(d);
	}
	hash_free(l->disks);
	l->disks = NULL;
}

/* NULL: there are too many. */
static struct disk *disk_get(struct live *l, uint32_t dev)
{
	struct disk *d = hash_get(l->disks, &dev);

	if (d || hash_count(l->disks) >= MAX_DISKS)
		return d;
	d = xcalloc(1, sizeof(*d));
	hash_put(l->disks, &dev, d);
	return d;
}

static void ask(struct live *l, struct disk *d, uint32_t dev, uint64_t set)
{
	disk_about(dev, &d->about);
	d->set = set;
	d->asked = l->last_tick;
}

static void send(struct live *l, const struct disk_stat *s, const struct disk *d)
{
	struct hl_rec_disk *r = LIVE_BEGIN(l, DISK, disk);

	r->h.ts = l->last_tick;
	r->dev = s->dev;
	r->whole = d->about.whole;
	r->size_bytes = d->about.size_bytes;
	r->merged[0] = s->merged[0];
	r->merged[1] = s->merged[1];
	r->busy_ns = s->busy_ns;
	r->weighted_ns = s->weighted_ns;
	r->in_flight = s->in_flight;
	r->flags = (d->about.rotates ? HL_DISK_ROTATES : 0) | (d->about.stacked ? HL_DISK_STACKED : 0);
	rec_add_str(&l->buf, s->name);
	rec_add_str(&l->buf, str_get(&d->about.below));
	rec_add_str(&l->buf, str_get(&d->about.above));
	rec_add_str(&l->buf, str_get(&d->about.label));
	live_emit(l);
}

const char *disks_name(struct live *l, uint32_t dev)
{
	struct disk *d = disk_get(l, dev);

	if (d && !d->was.name[0]) /* newer than the last tick */
		disk_name(dev, d->was.name);
	return d && d->was.name[0] ? d->was.name : NULL;
}

void disks_send(struct live *l)
{
	__free char *text = xmalloc(STATS_ROOM);
	struct disk_stat s = {}; /* bytes behind a name are compared too */
	const char *at = text;
	struct disk *d;
	uint64_t set;
	int err;

	if (l->parts[PART_BLOCK].state == HL_COLLECTOR_UNAVAILABLE)
		return;
	if (file_read("/proc/diskstats", text, STATS_ROOM) <= 0)
		return;
	set = disk_set(text);
	for (; (err = disk_stat_parse(&at, &s)) != -ENOENT; memset(&s, 0, sizeof(s))) {
		if (err || !(s.reads | s.writes) || !(d = disk_get(l, s.dev)))
			continue;
		if (d->set == set && !memcmp(&d->was, &s, sizeof(s)))
			continue;
		if (d->set != set || l->last_tick - d->asked >= ASK_AGAIN)
			ask(l, d, s.dev, set);
		d->was = s;
		send(l, &s, d);
	}
}
