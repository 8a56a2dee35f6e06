/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Files out of the kernel: FILE for each that a process has to do with, at its first operation,
 * and FILE_OP for what was added to its cells. A place in hl_files is given back when its
 * process is gone; when few are left, also those of files that were idle for a while. Called by
 * cells.c and live.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kern/kern.h"
#include "kern/path.h"

#define IDLE_TICKS 10 /* without an operation: another may need the place more */

/* What the records call the file at a place. */
struct file_sent {
	uint32_t number; /* 0: it was not sent yet */
	uint32_t used;   /* tick of its last operation */
	bool retired;    /* at a tick before this one */
};

void files_init(struct live *l)
{
	l->files.sent = xcalloc((size_t)l->kcfg.file_mask + 1, sizeof(*l->files.sent));
}

void files_fini(struct live *l)
{
	cleanup_free(&l->files.sent);
}

void live_set_files(struct live *l, bool on)
{
	l->files.on = on;
	l->files.ever |= on;
	if (l->nr_links) /* else live_start does it */
		parts_switch(l, FOR_FILES, on);
	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++)
		__atomic_store_n(&l->sh.cpus[i].files, on, __ATOMIC_RELAXED);
}

static struct hl_rec_file *begin_file(struct live *l, const struct hl_file_entry *f, uint32_t number)
{
	struct hl_rec_file *r = LIVE_BEGIN(l, FILE, file);

	r->h.ts = l->last_tick;
	r->h.pid = r->h.tid = f->id.pid;
	r->proc_start = f->id.start;
	r->ino = f->id.ino;
	r->dev = dev_of_kernel(f->id.dev);
	r->generation = f->id.generation;
	r->file = number;
	r->flags = f->id.flags;
	if (f->path_flags & HL_SLOW_PATH_CUT)
		r->flags |= HL_FILE_PATH_CUT;
	return r;
}

static void send_file(struct live *l, const struct hl_file_entry *f, uint32_t number)
{
	struct str path = {};

	begin_file(l, f, number);
	(f->id.flags & HL_FILE_BY_NAME ? path_given : path_turn)(
		&path, f->path, MIN(f->path_len, HL_FILE_PATH), f->path_flags & HL_SLOW_PATH_CUT);
	rec_add_str(&l->buf, str_get(&path));
	str_free(&path);
	live_emit(l);
}

/* Whose a cell is: of a file, or of those that had no room. 0: of all processes. */
static uint32_t pid_of(const struct live *l, uint64_t key)
{
	uint32_t at = HL_KEY_PID(key);

	if (at & HL_FILE_NO_ROOM)
		return at & ~HL_FILE_NO_ROOM;
	return at ? l->sh.files[at & l->kcfg.file_mask].id.pid : 0;
}

/* The file's number in records; 0: the "(other)" file. */
static uint32_t number_of(struct live *l, const struct hl_cell *c)
{
	uint32_t at = HL_KEY_PID(c->key);
	struct file_sent *sent = &l->files.sent[at & l->kcfg.file_mask];
	const struct hl_file_entry *f = &l->sh.files[at & l->kcfg.file_mask];

	if (!at || at & HL_FILE_NO_ROOM)
		return 0;
	sent->used = l->files.tick;
	if (sent->number)
		return sent->number;
	sent->number = ++l->files.next;
	send_file(l, f, sent->number);
	return sent->number;
}

uint64_t files_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	uint32_t pid = pid_of(l, c->key), number;
	struct hl_rec_file_op *r;
	uint64_t n;

	life_meet(l, pid, c->start);
	number = number_of(l, c);
	r = LIVE_BEGIN(l, FILE_OP, file_op);
	n = cells_fill_op(l, c, was, &r->o);
	r->o.h.ts = l->last_tick;
	r->o.h.pid = r->o.h.tid = pid;
	r->o.proc_start = c->start;
	r->o.nr = HL_KEY_NR(c->key);
	r->o.op = HL_KEY_OP(c->key) - HL_CELL_FILE;
	r->o.state = HL_KEY_STATE(c->key);
	r->o.abi = HL_KEY_ABI(c->key);
	r->file = number;
	r->bytes = cells_take_bytes(c, was);
	r->queue_ns = cells_take_phase(c, was, HL_BLOCK_QUEUE);
	r->device_ns = cells_take_phase(c, was, HL_BLOCK_DEVICE);
	live_emit(l);
	return n;
}

uint64_t files_counted(const struct live *l)
{
	uint64_t n = 0;

	for (int i = 0; i < NR_HL_FILE_OPS; i++)
		n += l->cells.counted[HL_CELL_FILE + i];
	return n;
}

static bool proc_gone(struct live *l, uint32_t pid, uint64_t start)
{
	struct kproc *p = life_proc(l, pid, start);

	return p && p->gone;
}

bool files_owner_gone(struct live *l, const struct hl_cell *c)
{
	uint32_t at = HL_KEY_PID(c->key);

	if (!(at & HL_FILE_NO_ROOM) && l->files.sent[at & l->kcfg.file_mask].retired)
		return true;
	return proc_gone(l, pid_of(l, c->key), c->start);
}

static uint32_t state_of(const struct hl_file_entry *f)
{
	return __atomic_load_n(&f->state, __ATOMIC_ACQUIRE);
}

static bool entry_gone(struct live *l, const struct hl_file_entry *f, const struct file_sent *sent)
{
	return sent->retired || (state_of(f) == HL_FILE_KNOWN && proc_gone(l, f->id.pid, f->id.start));
}

static uint32_t count_used(const struct live *l)
{
	uint32_t n = 0;

	for (uint32_t at = 1; at <= l->kcfg.file_mask; at++)
		n += state_of(&l->sh.files[at]) != HL_FILE_FREE;
	return n;
}

/* Those that were retired at the last tick may be freed at this one. */
void files_retire(struct live *l)
{
	const struct hl_ctl *ctl = l->sh.ctl;
	bool scarce, names_scarce;

	if (!l->files.ever)
		return;
	scarce = count_used(l) > l->kcfg.file_mask / 4 * 3;
	/* they have half of the places */
	names_scarce = ctl->names_taken - ctl->names_freed > l->kcfg.file_mask / 8 * 3;
	l->files.tick++;
	for (uint32_t at = 1; at <= l->kcfg.file_mask; at++) {
		struct hl_file_entry *f = &l->sh.files[at];
		struct file_sent *sent = &l->files.sent[at];

		if (state_of(f) == HL_FILE_RETIRED) {
			sent->retired = true;
		} else if ((scarce || (names_scarce && f->id.flags & HL_FILE_BY_NAME)) &&
			   state_of(f) == HL_FILE_KNOWN && sent->number &&
			   l->files.tick - sent->used > IDLE_TICKS) {
			__atomic_store_n(&f->state, HL_FILE_RETIRED, __ATOMIC_RELEASE);
			l->files.retired++;
		}
	}
}

void files_reclaim(struct live *l)
{
	if (!l->files.ever)
		return;
	for (uint32_t at = 1; at <= l->kcfg.file_mask; at++) {
		struct hl_file_entry *f = &l->sh.files[at];
		struct file_sent *sent = &l->files.sent[at];

		if (!entry_gone(l, f, sent))
			continue;
		if (sent->number) {
			begin_file(l, f, sent->number)->flags |= HL_FILE_GONE;
			live_emit(l);
		}
		l->files.retired -= sent->retired;
		if (f->id.flags & HL_FILE_BY_NAME)
			__atomic_fetch_add(&l->sh.ctl->names_freed, 1, __ATOMIC_RELAXED);
		*sent = (struct file_sent){};
		__atomic_store_n(&f->state, HL_FILE_FREE, __ATOMIC_RELEASE);
	}
}
