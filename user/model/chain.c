/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Who a thread waited behind: the holder of its lock, what that one waited for meanwhile, and so on
 * to the root. Of a wait that is over the records tell, by the holder's own slow waits that lie in it.
 * Of one that lasts, the threads as they are now. Called by slow.c and picture.c.
 */
#include <stdlib.h>
#include <string.h>

#include "model/state.h"

#define LOOK_BACK 1024               /* slow operations in which a holder's waits are looked for */
#define LATE_NS   (3 * NSEC_PER_SEC) /* their records may come so much later: they wait for their stacks */

/* ---- of waits that are over --------------------------------------------------------------- */

static struct chain *chain_new(void)
{
	return xcalloc(1, sizeof(struct chain));
}

static struct hop *hop_add(struct chain *c)
{
	return c->n < HOPS_MAX ? &c->hops[c->n++] : NULL;
}

static void hops_copy(struct chain *to, const struct chain *from)
{
	for (uint32_t i = 0; from && i < from->n; i++) {
		struct hop *h = hop_add(to);

		if (!h)
			return;
		*h = from->hops[i];
		intern_hold(h->comm);
		intern_hold(h->name);
		intern_hold(h->text);
	}
}

void chain_drop(struct model *m, struct chain *c)
{
	for (uint32_t i = 0; c && i < c->n; i++) {
		intern_put(m->interns, c->hops[i].comm);
		intern_put(m->interns, c->hops[i].name);
		intern_put(m->interns, c->hops[i].text);
	}
	free(c);
}

static uint64_t overlap(const struct slow_row *r, uint64_t begin, uint64_t end)
{
	uint64_t from = MAX(r->begin_ns, begin), to = MIN(r->begin_ns + r->duration_ns, end);

	return to > from ? to - from : 0;
}

static uint64_t end_of(const struct slow *s)
{
	return s->row.begin_ns + s->row.duration_ns;
}

/* When it was woken: what it waited for a CPU after that is nothing that the holder did with the lock. */
static uint64_t woken_at(const struct slow *s)
{
	uint64_t queued = s->row.time[HL_STATE_RUNQUEUE] + s->row.time[HL_STATE_THROTTLED];

	return end_of(s) - MIN(queued, s->row.duration_ns);
}

/* Of a thread's slow waits the one that takes most of another operation, until `end`; *ns: how much. NULL:
 * there is none. until: only those that had begun by then. */
static struct slow *longest(struct model *m, uint32_t tid, const struct slow *of, uint64_t end,
			    uint64_t until, uint64_t *ns)
{
	uint64_t begin = of->row.begin_ns;
	struct slow *best = NULL;

	*ns = 0;
	for (size_t i = 1; i <= MIN(m->slow.n, (size_t)LOOK_BACK); i++) {
		struct slow *s = &m->slow.v[(m->slow_next + m->slow.n - i) % m->slow.n];
		uint64_t n;

		if (s == of || s->row.tid != tid || s->row.op != HL_OP_WAIT || s->row.begin_ns > until)
			continue;
		n = overlap(&s->row, begin, end);
		if (n <= *ns)
			continue;
		*ns = n;
		best = s;
	}
	return best;
}

/*
 * Until when the holder is known to have held the lock: to the end, if it is who ended the wait. Else
 * the lock may have gone from hand to hand, and what the first holder waited for after it let go is
 * nothing to the waiter; but what it was waiting for when the wait began it waited for with the lock.
 */
static uint64_t held_until(const struct slow *s)
{
	bool let_go_last = s->row.waker == HL_WAKER_THREAD && s->row.waker_tid == s->row.holder_tid;

	return s->row.begin_ns + (let_go_last ? s->row.duration_ns : 0);
}

static void chain_of_slow(struct model *m, struct slow *s);

/* The holder, with what it waited for meanwhile, and behind whom. */
static struct chain *behind(struct model *m, const struct slow *s, struct istr *comm)
{
	struct chain *c = chain_new();
	struct hop *h = hop_add(c);
	struct slow *held;
	uint64_t ns;

	*h = (struct hop){ .pid = s->row.holder_pid,
			   .tid = s->row.holder_tid,
			   .holder = s->row.holder,
			   .state = HOP_NO_STATE };
	h->comm = intern_hold(comm);
	held = longest(m, h->tid, s, woken_at(s), held_until(s), &ns);
	if (!held)
		return c;
	chain_of_slow(m, held);
	h->state = held->row.state;
	h->name = intern_hold(held->name);
	h->text = intern_hold(held->text);
	h->proc_start = held->row.proc_start_ns;
	h->lock = held->row.lock_addr;
	h->stack = held->stack;
	h->user_stack = held->user_stack;
	h->for_ns = ns;
	hops_copy(c, held->chain);
	return c;
}

/* A call has the chain of its longest wait. */
static struct chain *of_wait_within(struct model *m, struct slow *s)
{
	uint64_t ns;
	struct slow *w = longest(m, s->row.tid, s, end_of(s), UINT64_MAX, &ns);
	struct chain *c;

	if (w)
		chain_of_slow(m, w);
	if (!w || !w->chain)
		return NULL;
	s->row.holder = w->row.holder;
	s->row.holder_pid = w->row.holder_pid;
	s->row.holder_tid = w->row.holder_tid;
	s->holder_comm = intern_hold(w->holder_comm);
	c = chain_new();
	hops_copy(c, w->chain);
	return c;
}

/* Looked for once at a tick: what stands in a circle ends where it is come by again. */
static void chain_of_slow(struct model *m, struct slow *s)
{
	if (s->chained)
		return;
	s->chained = true;
	if ((s->row.op == HL_OP_SYSCALL || s->row.op == HL_OP_EXCHANGE) && s->row.time[HL_STATE_LOCK])
		s->chain = of_wait_within(m, s);
	else if (s->row.holder)
		s->chain = behind(m, s, s->holder_comm);
}

static void unchain(struct model *m, struct slow *s)
{
	chain_drop(m, s->chain);
	s->chain = NULL;
	s->chained = false;
	if (s->row.op != HL_OP_SYSCALL && s->row.op != HL_OP_EXCHANGE)
		return;
	intern_put(m->interns, s->holder_comm); /* that of its wait */
	s->holder_comm = NULL;
	s->row.holder = s->row.holder_pid = s->row.holder_tid = 0;
}

/* What came not long ago is looked at again: what it was behind may be told of later. */
void chains_tick(struct model *m)
{
	size_t n = MIN(m->slow.n, MAX(m->slow_fresh, (size_t)LOOK_BACK));

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 1; i <= n; i++) {
			struct slow *s = &m->slow.v[(m->slow_next + m->slow.n - i) % m->slow.n];

			if (i > m->slow_fresh && end_of(s) + LATE_NS < m->ts)
				continue;
			(pass ? chain_of_slow : unchain)(m, s);
		}
}

/* ---- in the snapshot ------------------------------------------------------------------------ */

static const struct snap_chain *copied(struct model *m, const struct chain *c, struct arena *a,
				       uint64_t stamp)
{
	struct snap_chain *to = arena_zalloc(a, sizeof(*to));
	struct snap_hop *hops = arena_zalloc(a, c->n * sizeof(*hops));

	for (uint32_t i = 0; i < c->n; i++) {
		const struct hop *h = &c->hops[i];

		hops[i] = (struct snap_hop){ .pid = h->pid,
					     .tid = h->tid,
					     .holder = h->holder,
					     .state = h->state,
					     .for_ns = h->for_ns,
					     .comm = intern_copy(h->comm, a, stamp),
					     .name = intern_copy(h->name, a, stamp),
					     .text = h->lock ? lock_text(m, h->pid, h->proc_start, h->lock, a)
							     : intern_copy(h->text, a, stamp),
					     .stack = stack_copy(m, h->stack, a, stamp),
					     .user_stack = stack_copy(m, h->user_stack, a, stamp) };
	}
	to->n = c->n;
	to->hops = hops;
	return to;
}

/* Those in progress, by thread. Made once for a picture. */
static struct hash *now_by_tid(struct model *m)
{
	if (m->now_by_tid)
		return m->now_by_tid;
	m->now_by_tid = hash_new(sizeof(uint32_t));
	for (size_t i = 0; i < m->now.n; i++)
		if (m->now.v[i].row.op == HL_OP_WAIT) /* else it is not the thread that waits */
			hash_put(m->now_by_tid, &m->now.v[i].row.tid, &m->now.v[i]);
	return m->now_by_tid;
}

void chains_roll(struct model *m)
{
	hash_free(m->now_by_tid);
	m->now_by_tid = NULL;
}

/* What a thread does now; its own holder, where it waits for a lock. */
static const struct slow *hop_now(struct model *m, struct snap_hop *h, uint64_t start, struct arena *a,
				  uint64_t stamp)
{
	struct thread *t = thread_find(m, h->tid, start);
	const struct slow *s = hash_get(now_by_tid(m), &h->tid);

	h->state = HOP_NO_STATE;
	if (!t || t->now_state >= NR_HL_STATES)
		return NULL;
	h->state = t->now_state;
	h->for_ns = m->ts > t->now_since ? m->ts - t->now_since : 0;
	h->least = t->lower_bound;
	if (h->state == HL_STATE_CPU)
		return NULL;
	h->name = intern_copy(op_name(m, HL_OP_WAIT, t->now_abi, t->now_nr), a, stamp);
	h->text = intern_copy(t->now_detail, a, stamp);
	h->stack = stack_copy(m, t->now_stack, a, stamp);
	if (s && s->row.lock_addr)
		h->text = lock_text(m, h->pid, s->row.proc_start_ns, s->row.lock_addr, a);
	h->user_stack = s ? stack_copy(m, s->user_stack, a, stamp) : NULL;
	if (!s || s->row.state != h->state)
		return NULL;
	/* of one that began before the capture both are lower bounds */
	h->for_ns = MAX(h->for_ns, s->row.duration_ns);
	return s;
}

/* Is that thread in the chain already, or its beginning? */
static bool comes_again(const struct slow *first, const struct snap_hop *hops, uint32_t n, uint32_t tid)
{
	if (tid == first->row.tid)
		return true;
	for (uint32_t i = 0; i < n; i++)
		if (hops[i].tid == tid)
			return true;
	return false;
}

static const struct snap_chain *current(struct model *m, const struct slow *first, struct arena *a,
					uint64_t stamp)
{
	struct snap_chain *c = arena_zalloc(a, sizeof(*c));
	struct snap_hop *hops = arena_zalloc(a, HOPS_MAX * sizeof(*hops));

	c->hops = hops;
	for (const struct slow *s = first; s && s->row.holder && c->n < HOPS_MAX;) {
		struct snap_hop *h = &hops[c->n];

		c->cycle = comes_again(first, hops, c->n, s->row.holder_tid);
		h->pid = s->row.holder_pid;
		h->tid = s->row.holder_tid;
		h->holder = s->row.holder;
		h->comm = intern_copy(s->holder_comm, a, stamp);
		s = hop_now(m, h, s->holder_start, a, stamp);
		c->n++;
		if (c->cycle)
			break;
	}
	return c;
}

const struct snap_chain *chain_copy(struct model *m, const struct slow *s, struct arena *a, uint64_t stamp)
{
	if (s->row.in_progress)
		return s->row.holder ? current(m, s, a, stamp) : NULL;
	return s->chain ? copied(m, s->chain, a, stamp) : NULL;
}
