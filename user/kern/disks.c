/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The disks' own figures, where they moved: DISK records. What a disk is made of is asked once,
 * and again when its number has another name. Called by live.c at a tick. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "host/disks.h"
#include "host/file.h"
#include "kern/kern.h"

#define STATS_ROOM (256 << 10) /* some thousand disks */
#define MAX_DISKS  1024

struct disk {
	struct disk_stat was;
	struct disk_about about;
	char *below;
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
		free(d->below);
		free(d);
	}
	hash_free(l->disks);
	l->disks = NULL;
}

/* NULL: there are too many. */
static struct disk *disk_get(struct live *l, const struct disk_stat *s)
{
	struct disk *d = hash_get(l->disks, &s->dev);
	struct str below = {};

	if (d && !strcmp(d->was.name, s->name))
		return d;
	if (!d) {
		if (hash_count(l->disks) >= MAX_DISKS)
			return NULL;
		d = xcalloc(1, sizeof(*d));
		hash_put(l->disks, &s->dev, d);
	}
	disk_about(s->dev, &d->about, &below);
	free(d->below);
	d->below = xstrdup(str_get(&below));
	str_free(&below);
	memset(&d->was, 0, sizeof(d->was));
	return d;
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
	rec_add_str(&l->buf, d->below);
	live_emit(l);
}

void disks_send(struct live *l)
{
	__free char *text = xmalloc(STATS_ROOM);
	struct disk_stat s = {}; /* bytes behind a name are compared too */
	const char *at = text;
	struct disk *d;
	int err;

	if (l->parts[PART_BLOCK].state == HL_COLLECTOR_UNAVAILABLE)
		return;
	if (file_read("/proc/diskstats", text, STATS_ROOM) <= 0)
		return;
	for (; (err = disk_stat_parse(&at, &s)) != -ENOENT; memset(&s, 0, sizeof(s))) {
		if (err || !(s.reads | s.writes))
			continue;
		d = disk_get(l, &s);
		if (!d || !memcmp(&d->was, &s, sizeof(s)))
			continue;
		d->was = s;
		send(l, &s, d);
	}
}
