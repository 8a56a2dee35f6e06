/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What holds a snapshot: its memory and how many hold it. For picture.c. */
#ifndef MODEL_BOX_H
#define MODEL_BOX_H

#include "model/arena.h"
#include "model/snap.h"

struct snap_pool;

struct snap_box {
	struct snap snap;
	struct arena arena;
	unsigned int refs;
	struct snap_pool *pool;
};

/* A pool keeps the memory of one snapshot that nobody holds any more, for the next. */
struct snap_pool *snap_pool_new(void);
void snap_pool_free(struct snap_pool *p); /* snapshots that are still held live on */
/* An empty snapshot with one holder: the caller, who gives it up with snap_put. */
struct snap_box *snap_box_new(struct snap_pool *p);

#endif
