/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Files out of the kernel: FILE for each that a process has to do with, at its first operation,
 * and FILE_OP for what was added to its cells. A place in hl_files is given back when its
 * process is gone. Called by cells.c and live.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kern/kern.h"
#include "kern/path.h"

/* What the records call the file at a place. */
struct file_sent {
	uint32_t number; /* 0: it was not sent yet */
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
	__atomic_store_n(&l->sh.ctl->files, on, __ATOMIC_RELEASE);
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
	path_turn(&path, f->path, MIN(f->path_len, HL_FILE_PATH), f->path_flags & HL_SLOW_PATH_CUT);
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
	live_emit(l);
	return n;
}

uint64_t files_counted(const struct live *l)
{
	uint64_t n = 0;

	for (int i = 0; i < NR_HL_OPS; i++)
		n += l->cells.counted[HL_CELL_FILE + i];
	return n;
}

bool files_owner_gone(struct live *l, const struct hl_cell *c)
{
	struct kproc *p = life_proc(l, pid_of(l, c->key), c->start);

	return p && p->gone;
}

static bool entry_gone(struct live *l, const struct hl_file_entry *f)
{
	struct kproc *p = NULL;

	if (__atomic_load_n(&f->state, __ATOMIC_ACQUIRE) == HL_FILE_KNOWN)
		p = life_proc(l, f->id.pid, f->id.start);
	return p && p->gone;
}

void files_reclaim(struct live *l)
{
	for (uint32_t at = 1; at <= l->kcfg.file_mask; at++) {
		struct hl_file_entry *f = &l->sh.files[at];
		uint32_t *number = &l->files.sent[at].number;

		if (!entry_gone(l, f))
			continue;
		if (*number) {
			begin_file(l, f, *number)->flags |= HL_FILE_GONE;
			live_emit(l);
		}
		*number = 0;
		__atomic_store_n(&f->state, HL_FILE_FREE, __ATOMIC_RELEASE);
	}
}
