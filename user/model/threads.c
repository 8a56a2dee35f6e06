/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Threads and their ledgers. A ledger's clocks are absolute: what is new in them goes to
 * the thread, its process and the host at once, so that all three always agree. Called
 * by model.c.
 *
 * A clock may become smaller within one ledger: a record of a thread that sleeps says
 * for the time being which state that is, and the kernel may know better at its end.
 * Then the difference is negative and moves the time to where it belongs. A ledger that
 * began later, or whose clocks add up to less, is a new one and counts whole. It may belong
 * to a thread that has ended: one that makes its process a new program takes the number and
 * the start time of the leader, whose ledger ends there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"
#include "rec/rec.h"

#define STATE_UNKNOWN 0xff

struct thread_key {
	uint64_t start, tid;
};

static struct thread_key key_of(uint32_t tid, uint64_t start)
{
	return (struct thread_key){ start, tid };
}

struct thread *thread_find(const struct model *m, uint32_t tid, uint64_t start)
{
	struct thread_key key = key_of(tid, start);

	return hash_get(m->thread_by_key, &key);
}

/* The thread, made when it is new; NULL: there is no room. */
static struct thread *thread_get(struct model *m, const struct hl_rec *rec, uint64_t start,
				 uint64_t proc_start)
{
	struct thread *t = thread_find(m, rec->tid, start);
	struct thread_key key = key_of(rec->tid, start);

	if (t || m->threads.n >= m->limits.max_threads)
		return t;
	t = xcalloc(1, sizeof(*t));
	*t = (struct thread){
		.tid = rec->tid, .start = start, .now_state = STATE_UNKNOWN, .now_nr = HL_NR_NONE
	};
	t->proc = proc_hold(proc_get(m, rec->pid, proc_start));
	t->proc->live++;
	t->proc->gone = false;
	hash_put(m->thread_by_key, &key, t);
	*vec_add(&m->threads) = t;
	return t;
}

static void thread_free(struct model *m, struct thread *t)
{
	intern_put(m->interns, t->comm);
	intern_put(m->interns, t->now_detail);
	proc_put(m, t->proc);
	free(t);
}

/* Another task goes on under the identity of one that has ended. */
static void revive(struct thread *t)
{
	if (!t->ended)
		return;
	t->ended = false;
	t->proc->live++;
	t->proc->gone = false;
}

static uint64_t sum(const uint64_t *clocks)
{
	uint64_t s = 0;

	for (int i = 0; i < NR_HL_STATES; i++)
		s += clocks[i];
	return s;
}

/* A new ledger begins behind what the old one reached. The old one's begin wobbles: its clock
 * is not CLOCK_BOOTTIME and was converted anew. */
static bool begins_later(const struct thread *t, uint64_t begin)
{
	return begin > t->begin + sum(t->last) / 2;
}

static void account(struct model *m, struct thread *t, uint64_t begin, const __u64 *state_ns)
{
	uint64_t now[NR_HL_STATES], diff[NR_HL_STATES];

	for (int i = 0; i < NR_HL_STATES; i++)
		now[i] = state_ns[i];
	if (begins_later(t, begin) || sum(now) < sum(t->last))
		memset(t->last, 0, sizeof(t->last));
	for (int i = 0; i < NR_HL_STATES; i++) {
		diff[i] = now[i] - t->last[i];
		t->clocks.total[i] += diff[i];
		t->clocks.ivl[i] += diff[i];
	}
	memcpy(t->last, now, sizeof(t->last));
	t->begin = begin;
	proc_charge(m, t->proc, diff);
}

int thread_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_thread *r = (const void *)rec;
	struct thread *t;

	if (!rec->pid || !rec->tid)
		return -EINVAL;
	t = thread_get(m, rec, r->start, r->proc_start);
	if (!t)
		return 0;
	revive(t);
	intern_set(m->interns, &t->comm, r->comm, comm_len(r->comm));
	/* until its own record comes a process is called like its first thread */
	if (rec->tid == rec->pid && !t->proc->comm)
		intern_set(m->interns, &t->proc->comm, r->comm, comm_len(r->comm));
	return 0;
}

int ledger_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_ledger *r = (const void *)rec;
	struct thread *t;

	if (!rec->pid || !rec->tid)
		return -EINVAL;
	t = thread_get(m, rec, r->start, r->proc_start);
	/* one without room counts when it ends or gets room: its clocks are absolute */
	if (!t || (t->ended && !begins_later(t, r->begin)))
		return 0;
	revive(t);
	account(m, t, r->begin, r->state_ns);
	t->now_since = r->now_since;
	t->now_nr = r->now_nr;
	t->now_state = r->now_state;
	t->now_abi = r->now_abi;
	t->lower_bound = r->lower_bound;
	t->switches = r->switches;
	return 0;
}

/* The end of a thread that had no room. */
static void end_other(struct model *m, const struct hl_rec_thread_end *r)
{
	uint64_t diff[NR_HL_STATES];

	for (int i = 0; i < NR_HL_STATES; i++) {
		diff[i] = r->state_ns[i];
		m->other_thread.clocks.total[i] += diff[i];
		m->other_thread.clocks.ivl[i] += diff[i];
	}
	m->other_threads++;
	proc_charge(m, proc_get(m, r->h.pid, r->proc_start), diff);
}

int thread_end_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_thread_end *r = (const void *)rec;
	struct thread *t;

	if (!rec->pid || !rec->tid)
		return -EINVAL;
	t = thread_get(m, rec, r->start, r->proc_start);
	if (!t) {
		end_other(m, r);
		return 0;
	}
	if (t->ended && !begins_later(t, r->begin))
		return -EINVAL;
	revive(t);
	account(m, t, r->begin, r->state_ns);
	t->ended = true;
	t->now_state = STATE_UNKNOWN;
	t->now_nr = HL_NR_NONE;
	if (!--t->proc->live && !proc_is_other(t->proc))
		t->proc->gone = true;
	return 0;
}

/* Who waits on a pipe or a socket for input, and gets none for all of an interval, may wait for work or be
 * stuck: that is not what time went on in it. The slow operations in progress have it. */
void threads_tick(struct model *m)
{
	uint64_t begin = m->ts - MIN(m->interval_ns, m->ts);

	for (size_t i = 0; i < m->threads.n; i++) {
		struct thread *t = m->threads.v[i];
		bool rests = !t->ended && t->now_state == HL_STATE_IPC && t->now_since <= begin;

		t->rest = rests ? not_negative(t->clocks.ivl[HL_STATE_IPC]) : 0;
		t->proc->rest += t->rest;
		m->rest += t->proc->flags & HL_PROC_KTHREAD ? 0 : t->rest;
	}
}

void threads_roll(struct model *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->threads.n; i++) {
		struct thread *t = m->threads.v[i];
		struct thread_key key = key_of(t->tid, t->start);

		if (t->ended) {
			hash_del(m->thread_by_key, &key);
			thread_free(m, t);
			continue;
		}
		memset(t->clocks.ivl, 0, sizeof(t->clocks.ivl));
		intern_put(m->interns, t->now_detail);
		t->now_detail = NULL;
		t->now_stack = 0;
		m->threads.v[kept++] = t;
	}
	m->threads.n = kept;
	memset(m->other_thread.clocks.ivl, 0, sizeof(m->other_thread.clocks.ivl));
}

void threads_init(struct model *m)
{
	m->thread_by_key = hash_new(sizeof(struct thread_key));
}

void threads_fini(struct model *m)
{
	for (size_t i = 0; i < m->threads.n; i++)
		thread_free(m, m->threads.v[i]);
	vec_free(&m->threads);
	hash_free(m->thread_by_key);
}
