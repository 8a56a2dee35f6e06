/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Locks out of the kernel: LOCK_OP for a process's waits for each, and who holds the lock that a
 * thread waits for. The kernel side reads a lock's memory when a wait for it begins. For what still
 * waits it is read again at each refresh, by the child that may wait in our place. Called by
 * cells.c, slow.c and stacks.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kern/kern.h"

#define NAMES_MAX 4096                 /* locks whose names are known, or are known not to be */
#define NAME_LEN  512                  /* bytes of one */
#define ASKED_MAX 256                  /* locks whose memory is read at one refresh */
#define ASKED_NS  (20 * NSEC_PER_MSEC) /* for how long that may keep us */

/* One lock whose memory was asked for at this refresh; owned by the table. */
struct word {
	struct hl_mutex m;
	ssize_t n; /* bytes that were read; 0: no answer yet */
};

struct word_key { /* no padding that is not zeroed */
	uint64_t at;
	uint32_t pid, pad;
};

/* A lock that may have a name; owned by the table of names. */
struct lock_name {
	struct lock_id {
		uint64_t start, at;
		uint32_t pid, execs; /* which of its programs */
	} id;                        /* no padding that is not zeroed */
	uint32_t number;
};

void locks_init(struct locks *k)
{
	k->names = hash_new(sizeof(struct lock_id));
	k->asked = hash_new(sizeof(uint32_t));
	k->words = hash_new(sizeof(struct word_key));
}

static void clear(struct hash **h, size_t key_size)
{
	void *v;

	for (size_t i = 0; *h && (v = hash_next(*h, &i, NULL));)
		free(v);
	hash_free(*h);
	*h = key_size ? hash_new(key_size) : NULL;
}

void locks_fini(struct locks *k)
{
	vec_free(&k->waiting);
	clear(&k->words, 0);
	clear(&k->names, 0);
	hash_free(k->asked);
}

/* ---- what a lock is called ------------------------------------------------------------------ */

/* Once for each lock; what was forgotten for want of room is asked again. */
static void want_name(struct live *l, uint32_t pid, uint64_t start, uint64_t addr)
{
	struct locks *k = &l->locks;
	const struct kproc *p = life_proc(l, pid, start);
	struct lock_id id = { .start = start, .at = addr, .pid = pid, .execs = p ? p->execs : 0 };
	struct ustack_question q = {
		.pid = (pid_t)pid, .start_ns = start, .addrs = &addr, .n_addrs = 1, .data = true
	};
	struct lock_name *n;

	if (!l->ustacks.u || !pid || !addr || hash_get(k->names, &id))
		return;
	if (hash_count(k->names) >= NAMES_MAX) {
		hash_free(k->asked);
		k->asked = hash_new(sizeof(uint32_t));
		clear(&k->names, sizeof(struct lock_id));
	}
	q.ref = USTACK_OF_LOCK | (k->last_asked + 1);
	if (!ustacks_ask(l->ustacks.u, &q))
		return;
	n = xcalloc(1, sizeof(*n));
	n->id = id;
	n->number = ++k->last_asked;
	hash_put(k->names, &n->id, n);
	hash_put(k->asked, &n->number, n);
}

void locks_named(struct live *l, const struct ustack_answer *a)
{
	uint32_t number = (uint32_t)a->ref;
	struct lock_name *n = hash_del(l->locks.asked, &number);
	const struct ustack_frame *f = a->n ? &a->frames[0] : NULL;
	struct hl_rec_lock_name *r;
	struct str name = {};

	if (!n || !f || !f->module)
		return;
	/* without a symbol, where in the file it is */
	str_add(&name, f->function               ? f->function
		       : strrchr(f->module, '/') ? strrchr(f->module, '/') + 1
						 : f->module);
	if (f->offset)
		str_addf(&name, f->offset < 4096 && f->function ? "+%llu" : "+0x%llx",
			 (unsigned long long)f->offset);
	r = LIVE_BEGIN(l, LOCK_NAME, lock_name);
	r->h.ts = clock_boot_ns();
	r->h.pid = r->h.tid = n->id.pid;
	r->proc_start = n->id.start;
	r->addr = n->id.at;
	rec_add_strn(&l->buf, str_get(&name), MIN(name.len, (size_t)NAME_LEN));
	rec_add_strn(&l->buf, f->module, strnlen(f->module, NAME_LEN));
	live_emit(l);
	str_free(&name);
}

/* ---- cells ---------------------------------------------------------------------------- */

uint64_t locks_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	uint32_t pid = HL_KEY_PID(c->key);
	struct hl_rec_lock_op *r;
	uint64_t n;

	if (pid)
		life_meet(l, pid, c->proc_start);
	want_name(l, pid, c->proc_start, c->start);
	r = LIVE_BEGIN(l, LOCK_OP, lock_op);
	n = cells_fill_op(l, c, was, &r->o);
	r->o.h.ts = l->last_tick;
	r->o.h.pid = r->o.h.tid = pid;
	r->o.proc_start = pid ? c->proc_start : 0;
	r->o.nr = HL_NR_OTHER;
	r->o.op = HL_OP_WAIT;
	r->o.state = HL_STATE_LOCK;
	r->addr = pid ? c->start : 0;
	live_emit(l);
	return n;
}

bool locks_owner_gone(struct live *l, const struct hl_cell *c)
{
	struct kproc *p = life_proc(l, HL_KEY_PID(c->key), c->proc_start);

	return p && p->gone;
}

/* ---- who holds it ----------------------------------------------------------------------- */

/*
 * Is it a thread that can hold a lock of this process? Of one that is shared between processes the
 * number may be of any pid namespace, and nobody says of which: where several threads have it, it is
 * nobody's. A thread of the host's own is taken for one of another process only if the waiter is too.
 */
static bool find_holder(struct live *l, const struct hl_rec_slow *r, bool any, struct who *out)
{
	bool own = life_inner(l, r->h.pid, r->holder_tid, out), of_host;

	if (any && life_bearers(l, r->holder_tid, r->begin_ns, &of_host) > 1)
		return false;
	if (!own && (!any || !of_host || life_is_inner(l, r->h.tid) || !life_who(l, r->holder_tid, out)))
		return false;
	return out->tid != r->h.tid;
}

static void set_holder(struct hl_rec_slow *r, const struct who *w, enum hl_holder how)
{
	r->holder = how;
	r->holder_start = w->start;
	r->holder_pid = w->pid;
	r->holder_tid = w->tid;
	memcpy(r->holder_comm, w->comm, HL_COMM_LEN);
}

void locks_name(struct live *l, struct hl_rec_slow *r)
{
	bool any = r->holder & HL_HOLDER_ANY;
	enum hl_holder how = r->holder & ~HL_HOLDER_ANY;
	struct who w;

	if (r->detail == HL_DETAIL_LOCK)
		want_name(l, r->h.pid, r->proc_start, r->detail_addr);
	if (how && find_holder(l, r, any, &w)) {
		set_holder(r, &w, how);
		return;
	}
	r->holder = HL_HOLDER_UNKNOWN;
	r->holder_tid = 0;
	/* who sends a signal has not let go of the lock */
	if (r->waker == HL_WAKER_THREAD && !(r->flags & HL_SLOW_SIGNALLED) && life_who(l, r->waker_tid, &w))
		set_holder(r, &w, HL_HOLDER_WAKER);
}

/* ---- of what still waits ------------------------------------------------------------------ */

ssize_t lock_memory(const struct question *q, char *buf)
{
	struct hl_mutex m = {};
	ssize_t n;

	if (q->at % HL_MUTEX_PAGE)
		n = proc_memory(q->pid, q->at - HL_MUTEX_BEFORE, &m, sizeof(m));
	else
		n = proc_memory(q->pid, q->at, &m.word, sizeof(m) - HL_MUTEX_BEFORE);
	memcpy(buf, &m, sizeof(m));
	return n < 0 ? n : (ssize_t)sizeof(m);
}

static struct word_key key_of(const struct hl_rec_slow *r)
{
	return (struct word_key){ .at = r->detail_addr, .pid = r->h.pid };
}

bool locks_take(struct live *l, const struct hl_now_raw *raw)
{
	struct word_key key = key_of(&raw->r);

	if (!l->asker || raw->r.state != HL_STATE_LOCK || raw->r.detail != HL_DETAIL_LOCK)
		return false;
	*vec_add(&l->locks.waiting) = *raw;
	if (hash_get(l->locks.words, &key) || hash_count(l->locks.words) >= ASKED_MAX)
		return true;
	hash_put(l->locks.words, &key, xcalloc(1, sizeof(struct word)));
	asker_put(l->asker, (pid_t)key.pid, key.at);
	return true;
}

void locks_answer(struct live *l, const struct question *q, const char *buf, ssize_t n)
{
	struct word_key key = { .at = q->at, .pid = (uint32_t)q->pid };
	struct word *w = hash_get(l->locks.words, &key);

	if (!w) /* of a refresh that did not wait for it */
		return;
	w->n = n;
	if (n == sizeof(w->m))
		memcpy(&w->m, buf, sizeof(w->m));
}

/* As its memory says now; the wait's begin may be long ago. Where that cannot be read, what was
 * read then is not known to hold still. */
static void look_again(struct hl_rec_slow *r, const struct word *w)
{
	__u32 op = r->holder & HL_HOLDER_ANY ? 0 : HL_FUTEX_PRIVATE;
	enum hl_holder was = r->holder & ~HL_HOLDER_ANY;

	r->holder_tid = 0;
	if (!w || w->n != sizeof(w->m)) {
		r->holder = HL_HOLDER_UNKNOWN;
		return;
	}
	if (was == HL_HOLDER_WORD && !(w->m.word & HL_FUTEX_WAITERS)) /* nobody waits any more */
		return;
	if (was == HL_HOLDER_WORD) /* whichever of them it is: its word is its owner */
		op |= HL_FUTEX_LOCK_PI;
	r->holder_tid = hl_mutex_holder(&w->m, op, r->abi != HL_ABI_IA32, &r->holder);
}

void locks_refresh(struct live *l)
{
	if (hash_count(l->locks.words))
		live_asked(l, clock_mono_ns() + ASKED_NS);
	for (size_t i = 0; i < l->locks.waiting.n; i++) {
		struct hl_now_raw *raw = &l->locks.waiting.v[i];
		struct word_key key = key_of(&raw->r);

		look_again(&raw->r, hash_get(l->locks.words, &key));
		slow_send_now(l, raw);
	}
	l->locks.waiting.n = 0;
	clear(&l->locks.words, sizeof(struct word_key));
}
