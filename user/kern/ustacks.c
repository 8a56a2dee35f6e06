/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * User stacks: what the kernel side copied of a thread goes to the children of sym/, and their
 * frames come back as USTACK, once for each distinct stack. A slow operation whose stack is on its
 * way is held until then, so that it comes whole. Called by ring.c, slow.c and live.c.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "kern/kern.h"

#define MAX_USTACKS 4096                  /* distinct ones in a capture */
#define STOP_NS     (100 * NSEC_PER_MSEC) /* for a stack that is being copied then */
#define LAST_NS     (3 * NSEC_PER_SEC)    /* for answers, when the capture is over */
#define NAME_BYTES  512                   /* bytes of one function, module or file */
#define TEXT_MAX    (48 << 10)            /* … of all of a stack: with the frames it fits into a record */
#define HOLD_NS     (2 * NSEC_PER_SEC)    /* a thread that has waited may go on to wait before it returns */
#define LOOK_NS     (4 * NSEC_PER_MSEC)   /* after an exec: the program has its libraries by then */
#define LOOK_AGAIN  (100 * NSEC_PER_MSEC) /* … on a busy host by then */
#define LOOK_EACH   (10 * NSEC_PER_MSEC)  /* one program each so often, beyond a burst of: */
#define LOOK_BURST  32
#define LOOK_MAX    64
#define OLD_TICKS   3 /* what was told, or whose record was lost, is forgotten then */

/* A slow record that waits for stacks. */
struct held {
	struct slow_refs refs;
	unsigned int missing; /* how many */
	size_t n;             /* bytes of it */
	struct hl_slow_raw raw;
};

/* A stack that was taken, by its token; owned by the table. */
struct pending {
	uint32_t token, id;
	uint32_t tick;
	uint32_t tid; /* of one that is blocked */
	bool asked, answered;
	uint64_t since; /* CLOCK_MONOTONIC */
	VEC(struct claim {
		struct held *by;
		uint32_t *to; /* where its number goes */
	})
	claims;
};

void ustacks_init(struct live *l)
{
	struct ustacks_options o = { .urls = l->cfg.debuginfod,
				     .fetch_ns = l->cfg.fetch_ns,
				     .fetch_bytes = l->cfg.fetch_bytes };
	struct user_stacks *s = &l->ustacks;

	s->pending = hash_new(sizeof(uint32_t));
	s->blocked = hash_new(sizeof(uint32_t));
	wakers_init(s);
	s->ids = hash_new(sizeof(uint64_t[2]));
	if (l->kcfg.ustack_bytes)
		s->u = ustacks_new(&o);
	if (!s->u) /* nobody could unwind them */
		l->kcfg.ustack_bytes = 0;
}

/* The last stack that a held record waits for frees it too. */
static void pending_free(struct pending *p)
{
	for (size_t i = 0; i < p->claims.n; i++)
		if (!--p->claims.v[i].by->missing)
			free(p->claims.v[i].by);
	vec_free(&p->claims);
	free(p);
}

void ustacks_fini(struct live *l)
{
	struct user_stacks *s = &l->ustacks;
	struct pending *p;

	for (size_t i = 0; s->pending && (p = hash_next(s->pending, &i, NULL));)
		pending_free(p);
	wakers_fini(s);
	for (size_t i = 0; s->blocked && (p = hash_next(s->blocked, &i, NULL));)
		free(p);
	hash_free(s->blocked);
	hash_free(s->pending);
	hash_free(s->ids);
	vec_free(&s->looks);
	ustacks_free(s->u);
}

static struct pending *pending_get(struct user_stacks *s, uint32_t token)
{
	struct pending *p = hash_get(s->pending, &token);

	if (p)
		return p;
	p = xcalloc(1, sizeof(*p));
	p->token = token;
	p->tick = s->tick;
	p->since = clock_mono_ns();
	hash_put(s->pending, &p->token, p);
	return p;
}

static void forget(struct user_stacks *s, struct pending *p)
{
	hash_del(s->pending, &p->token);
	pending_free(p);
}

/* It has all that it waited for. */
static void release(struct live *l, struct held *h)
{
	slow_send(l, &h->raw, h->n, h->refs);
	l->ustacks.held--;
	free(h);
}

/* The stack is known, or it is known that there is none. What may come for it later is of nobody:
 * it is forgotten after a while. */
static void answered(struct live *l, struct pending *p, uint32_t id)
{
	p->answered = true;
	p->id = id;
	for (size_t i = 0; i < p->claims.n; i++) {
		struct claim c = p->claims.v[i];

		*c.to = id;
		if (!--c.by->missing)
			release(l, c.by);
	}
	vec_free(&p->claims);
}

/* ---- questions ---------------------------------------------------------------------------- */

void ustack_ask(struct live *l, const struct hl_ustack_raw *raw, size_t n)
{
	struct user_stacks *s = &l->ustacks;
	struct ustack_question q = {
		.ref = raw->token,
		.pid = (pid_t)raw->pid,
		.start_ns = raw->proc_start,
		.regs = (const uint64_t *)raw->regs,
		.slice = raw->slice,
		.slice_len = MIN(raw->len, n - sizeof(*raw)),
		.slice_addr = raw->sp,
	};
	struct pending *p = pending_get(s, raw->token);
	const struct kproc *parent = life_parent_image(l, raw->pid, raw->proc_start);
	const struct kproc *own = life_proc(l, raw->pid, raw->proc_start);

	if (p->answered) { /* too late */
		s->unreadable++;
		return;
	}
	/* nobody is shown where hostlat's own helpers wait, and while they read themselves others end unseen
	 */
	if (own && own->flags & HL_PROC_SELF) {
		s->delivered++;
		answered(l, p, 0);
		return;
	}
	if (parent) {
		q.parent = (pid_t)parent->pid;
		q.parent_start_ns = parent->start;
	}
	p->asked = s->u && ustacks_ask(s->u, &q);
	if (p->asked)
		return;
	s->over++;
	answered(l, p, 0);
}

void ustack_record(struct live *l, const struct hl_ustack_raw *raw, size_t n)
{
	if (raw->woke)
		waker_record(l, raw, n);
	else
		ustack_ask(l, raw, n);
}

/* 0 is the number of none. */
static void await(struct user_stacks *s, struct held *h, uint32_t token, uint32_t *to)
{
	struct pending *p = token ? pending_get(s, token) : NULL;

	if (p && p->answered)
		*to = p->id;
	if (!p || p->answered)
		return;
	*vec_add(&p->claims) = (struct claim){ h, to };
	h->missing++;
}

void ustack_hold(struct live *l, const struct hl_slow_raw *raw, size_t n, struct slow_refs refs,
		 uint32_t waker)
{
	struct held *h = xmalloc(offsetof(struct held, raw) + MAX(n, sizeof(raw->r)));

	h->refs = refs;
	h->missing = 0;
	h->n = n;
	memcpy(&h->raw, raw, n);
	l->ustacks.held++;
	await(&l->ustacks, h, raw->r.user_stack, &h->refs.user_stack);
	await(&l->ustacks, h, waker, &h->refs.waker.user_stack);
	if (!h->missing)
		release(l, h);
}

#define LOOKED (1ull << 32) /* in the reference of a question about a blocked thread */

uint32_t ustack_look(struct live *l, const struct hl_now_raw *raw)
{
	struct user_stacks *s = &l->ustacks;
	struct ustack_question q = {
		.pid = (pid_t)raw->r.h.pid,
		.start_ns = raw->r.proc_start,
		.regs = (const uint64_t *)raw->regs,
		.slice_len = l->kcfg.ustack_bytes,
		.slice_addr = raw->regs[HL_USER_SP],
	};
	struct pending *p;

	s->looked = s->looked + 1 ? s->looked + 1 : 1;
	q.ref = LOOKED | s->looked;
	if (!s->u || !ustacks_ask(s->u, &q))
		return 0;
	p = xcalloc(1, sizeof(*p));
	p->token = s->looked;
	p->tid = raw->r.h.tid;
	hash_put(s->blocked, &p->token, p);
	s->looks_asked++;
	return p->token;
}

/* Its mappings are looked at early, for when somebody asks for them it may have ended. */
void ustack_execed(struct live *l, uint32_t pid, uint64_t start)
{
	struct user_stacks *s = &l->ustacks;
	uint64_t now = clock_mono_ns();

	s->look_free = MAX(s->look_free, now);
	if (!s->u || s->looks.n >= LOOK_MAX || s->look_free - now > LOOK_BURST * LOOK_EACH)
		return;
	s->look_free += LOOK_EACH;
	*vec_add(&s->looks) = (struct ustack_look){ now + LOOK_NS, start, pid, false };
}

bool ustacks_hurry(const struct live *l)
{
	uint64_t soon = clock_mono_ns() + 2 * LOOK_NS;

	for (size_t i = 0; i < l->ustacks.looks.n; i++)
		if (l->ustacks.looks.v[i].due < soon)
			return true;
	return false;
}

/* The question is for one address, of which nothing is known. */
static void look(struct user_stacks *s)
{
	static const uint64_t nowhere = 1;
	uint64_t now = clock_mono_ns();
	size_t kept = 0;

	for (size_t i = 0; i < s->looks.n; i++) {
		struct ustack_look k = s->looks.v[i];
		struct ustack_question q = {
			.pid = (pid_t)k.pid, .start_ns = k.start, .addrs = &nowhere, .n_addrs = 1
		};

		if (k.due <= now) {
			ustacks_ask(s->u, &q);
			if (k.again)
				continue;
			k.again = true;
			k.due = now + LOOK_AGAIN;
		}
		s->looks.v[kept++] = k;
	}
	s->looks.n = kept;
}

/* ---- answers ------------------------------------------------------------------------------ */

static const enum hl_unwind unwinds[] = {
	[USTACK_NONE] = HL_UNWIND_NONE,
	[USTACK_DWARF] = HL_UNWIND_DWARF,
	[USTACK_FRAME_POINTER] = HL_UNWIND_FRAME_POINTERS,
	[USTACK_MIXED] = HL_UNWIND_MIXED,
	[USTACK_GIVEN] = HL_UNWIND_NONE,
};

/* Strings that follow each other often are the same: modules and files. */
struct texts {
	struct str s;
	const char *last[2];
	uint16_t at[2];
};

static uint16_t add_text(struct texts *t, const char *s)
{
	uint16_t at = (uint16_t)t->s.len;

	if (!s)
		return 0; /* the first one; callers see that it is no name */
	str_addn(&t->s, s, strnlen(s, NAME_BYTES - 1));
	str_addc(&t->s, '\0');
	return at;
}

static uint16_t add_again(struct texts *t, int which, const char *s)
{
	if (s && t->last[which] && !strcmp(t->last[which], s))
		return t->at[which];
	t->last[which] = s;
	t->at[which] = add_text(t, s);
	return t->at[which];
}

/* Is there room for another frame's strings? One without its name would be another place. */
static bool has_room(const struct texts *t)
{
	return t->s.len + 3 * NAME_BYTES <= TEXT_MAX;
}

/* How many of n frames, from the innermost, have room with their strings. Empty ones are at the end
 * of the text's first one. */
static size_t frames_fill(struct texts *t, struct hl_uframe *to, const struct ustack_answer *a, size_t n)
{
	uint16_t none = (uint16_t)(t->s.len - 1);
	size_t i;

	for (i = 0; i < n && has_room(t); i++) {
		const struct ustack_frame *f = &a->frames[i];
		uint16_t at;

		to[i] = (struct hl_uframe){ .offset = f->offset, .line = f->line, .inlined = f->inlined };
		at = add_text(t, f->function);
		to[i].function = at ? at : none;
		at = add_again(t, 0, f->module);
		to[i].module = at ? at : none;
		at = add_again(t, 1, f->file);
		to[i].file = at ? at : none;
	}
	return i;
}

static void send(struct live *l, const struct ustack_answer *a, const struct hl_uframe *frames, size_t n,
		 const struct str *text, uint32_t id)
{
	struct hl_rec_ustack *r = LIVE_BEGIN(l, USTACK, ustack);

	r->h.ts = clock_boot_ns();
	r->id = id;
	r->nr_frames = (uint16_t)n;
	r->flags = a->truncated || n < a->n ? HL_STACK_CUT : 0;
	r->unwind = unwinds[a->how];
	r->text_len = (uint32_t)text->len;
	rec_add_bytes(&l->buf, frames, n * sizeof(*frames));
	rec_add_bytes(&l->buf, text->s, text->len);
	live_emit(l);
}

#define MAX_UFRAMES 512 /* inlined ones too */

/* The number of a stack: of the same frames, found in the same way, it is the same. 0: there are too many. */
static uint32_t number_of(struct live *l, const struct ustack_answer *a)
{
	struct hl_uframe frames[MAX_UFRAMES] = {};
	struct texts t = {};
	uint64_t key[2];
	uint32_t id;
	size_t n;

	str_add(&t.s, a->why ? a->why : "");
	str_addc(&t.s, '\0');
	n = frames_fill(&t, frames, a, MIN(a->n, (size_t)MAX_UFRAMES));
	key[0] = hash_bytes(frames, n * sizeof(*frames)) + a->truncated;
	key[1] = hash_bytes(t.s.s, t.s.len) + a->how;
	id = (uint32_t)(uintptr_t)hash_get(l->ustacks.ids, key);
	if (!id && hash_count(l->ustacks.ids) < MAX_USTACKS) {
		id = ++l->stacks.last_id;
		hash_put(l->ustacks.ids, key, (void *)(uintptr_t)id);
		send(l, a, frames, n, &t.s, id);
	}
	str_free(&t.s);
	return id;
}

static bool is_nothing(const struct ustack_answer *a)
{
	return !a->n || (!a->frames[0].module && !a->frames[0].function);
}

/* Of a thread that was blocked, and perhaps is no more. */
static void on_looked(struct live *l, const struct ustack_answer *a)
{
	struct user_stacks *s = &l->ustacks;
	uint32_t token = (uint32_t)a->ref, id;
	struct pending *p = hash_del(s->blocked, &token);

	if (!p)
		return;
	id = is_nothing(a) ? 0 : number_of(l, a);
	if (id && stack_user_found(l, p->tid, token, id))
		s->delivered++;
	else
		s->unreadable++;
	free(p);
}

static void on_taken(struct live *l, const struct ustack_answer *a)
{
	struct user_stacks *s = &l->ustacks;
	uint32_t token = (uint32_t)a->ref, id = 0;
	struct pending *p = hash_get(s->pending, &token);

	if (!p || p->answered)
		return;
	if (is_nothing(a)) {
		s->unreadable++;
		pr_dbg("user stack %u: %s", token, a->why ? a->why : "none");
	} else {
		id = number_of(l, a);
		s->delivered += id != 0;
		s->over += !id;
	}
	answered(l, p, id);
}

static void on_answer(void *arg, const struct ustack_answer *a)
{
	if (a->ref & USTACK_OF_LOCK)
		locks_named(arg, a);
	else if (a->ref & LOOKED)
		on_looked(arg, a);
	else
		on_taken(arg, a);
}

/* A thread that has not returned to user mode by now: its wait is told without. */
static void give_up_late(struct live *l)
{
	uint64_t now = clock_mono_ns();
	struct pending *p;

	for (size_t i = 0; (p = hash_next(l->ustacks.pending, &i, NULL));) {
		if (!p->answered && !p->asked && now - p->since >= HOLD_NS)
			answered(l, p, 0);
	}
}

void ustacks_drain(struct live *l)
{
	if (!l->ustacks.u)
		return;
	look(&l->ustacks);
	ustacks_tick(l->ustacks.u, clock_mono_ns());
	ustacks_take(l->ustacks.u, on_answer, l);
	give_up_late(l);
}

/* Answers whose records were lost, or were told. */
static void forget_old(struct user_stacks *s)
{
	VEC(struct pending *) old = {};
	struct pending *p;

	for (size_t i = 0; (p = hash_next(s->pending, &i, NULL));)
		if (p->answered && s->tick - p->tick > OLD_TICKS)
			*vec_add(&old) = p;
	for (size_t i = 0; i < old.n; i++)
		forget(s, old.v[i]);
	vec_free(&old);
}

/* What comes no more is not waited for. */
static void give_up(struct live *l)
{
	struct pending *p;

	while (hash_count(l->ustacks.blocked)) {
		size_t first = 0;

		p = hash_next(l->ustacks.blocked, &first, NULL);
		hash_del(l->ustacks.blocked, &p->token);
		l->ustacks.unreadable++;
		free(p);
	}

	for (size_t i = 0; (p = hash_next(l->ustacks.pending, &i, NULL));) {
		if (p->answered)
			continue;
		l->ustacks.unreadable += p->asked;
		answered(l, p, 0);
	}
}

uint64_t ustacks_waiting(const struct live *l)
{
	struct pending *p;
	uint64_t n = 0;

	for (size_t i = 0; (p = hash_next(l->ustacks.pending, &i, NULL));)
		n += p->asked && !p->answered;
	return n + hash_count(l->ustacks.blocked);
}

/*
 * The children may use COST_SHARE of a CPU over time, and COST_AHEAD at once, as when they meet programs
 * for the first time. When that is used up there are fewer stacks.
 */
#define COST_SHARE 50 /* one in so many ns: 2 % */
#define COST_AHEAD (2 * (int64_t)NSEC_PER_SEC)

static void set_gaps(struct live *l, uint64_t gap)
{
	static const unsigned int gaps[HL_USTACK_KINDS] = {
#define X(NAME, gap) gap,
		HL_USTACK_LIST(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++)
		__atomic_store_n(&l->sh.ctl->ustack_ns[i], gap * gaps[i], __ATOMIC_RELAXED);
}

void ustacks_pace(struct live *l)
{
	struct user_stacks *s = &l->ustacks;
	uint64_t now = clock_mono_ns(), gap = 64 * NSEC_PER_MSEC;
	struct ustacks_stats stats = {};

	if (s->u)
		ustacks_stats(s->u, &stats);
	if (!s->paced)
		s->credit = COST_AHEAD;
	else
		s->credit += (int64_t)((now - s->paced) / COST_SHARE) - (int64_t)(stats.cpu_ns - s->cost);
	s->credit = MIN(s->credit, COST_AHEAD);
	s->cost = stats.cpu_ns;
	s->paced = now;
	if (s->credit > COST_AHEAD / 4)
		gap = 4 * NSEC_PER_MSEC;
	else if (s->credit > 0)
		gap = 16 * NSEC_PER_MSEC;
	set_gaps(l, l->stopped ? 0 : gap);
}

/* How many there are in the ring. One that is being copied holds up all behind it. */
static uint64_t in_ring(const struct live *l)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++) {
		const struct hl_cpu *c = &l->sh.cpus[i];

		n += __atomic_load_n(&c->ustacks_seen, __ATOMIC_RELAXED) -
		     __atomic_load_n(&c->ustacks_full, __ATOMIC_RELAXED);
	}
	return n - MIN(n, l->ustacks.arrived);
}

void ustacks_stop(struct live *l)
{
	uint64_t end = clock_mono_ns() + STOP_NS;

	set_gaps(l, 0);
	while (in_ring(l) && clock_mono_ns() < end) {
		ring_drain(l);
		if (in_ring(l))
			usleep(1000);
	}
}

void ustacks_refresh(struct live *l, bool final)
{
	uint64_t end = clock_mono_ns() + LAST_NS;

	if (!l->ustacks.u)
		return;
	ustacks_pace(l);
	ustacks_drain(l);
	l->ustacks.tick++;
	forget_old(&l->ustacks);
	wakers_forget(&l->ustacks, l->ustacks.tick - OLD_TICKS);
	if (!final)
		return;
	while (ustacks_waiting(l) && clock_mono_ns() < end) {
		struct pollfd p = { ustacks_fd(l->ustacks.u), POLLIN, 0 };

		poll(&p, 1, 50);
		ustacks_drain(l);
	}
	give_up(l);
}
