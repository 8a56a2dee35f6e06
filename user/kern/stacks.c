/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Kernel stacks: from addresses to STACK, once for each distinct one, and the number by which
 * the records of threads name it. The stack of a wait is taken once, and both sides remember
 * which waits that was done for: those beyond what one refresh takes have theirs at the next
 * ones. Called by live.c and slow.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kern/kern.h"

#define MAX_STACKS 4096                /* distinct ones in a capture */
#define SAME_WAIT  (2 * NSEC_PER_MSEC) /* as the clocks' offset wavers */

/* A wait of a thread; owned by the table. */
struct wait {
	struct hl_wait_id wait;
	uint32_t tid, id;
	uint32_t round; /* in which it was there last */
	bool pending;   /* its stack is still to be taken */
	uint32_t token; /* of the question for its user stack; 0: none was asked */
	uint32_t user_id;
};

#define MAX_RECENT 8192 /* threads */
#define RECENT     4    /* slow waits of each */

/* A thread's last slow waits; owned by the table. */
struct recent {
	uint32_t tid, next;
	struct {
		uint64_t begin, end;
		uint32_t id;
	} waits[RECENT];
};

static void recent_clear(struct stacks *s)
{
	struct recent *r;

	for (size_t i = 0; s->recent && (r = hash_next(s->recent, &i, NULL));)
		free(r);
}

/* What makes two stacks the same. Compared as bytes. */
struct stack_key {
	uint64_t ip[HL_STACK_FRAMES];
	uint64_t modules; /* which were loaded; 0: it is all in the kernel itself */
};

void kstacks_init(struct stacks *s)
{
	s->syms = ksyms_new(NULL, NULL);
	s->ids = hash_new(sizeof(struct stack_key));
	s->waits = hash_new(sizeof(uint32_t));
	s->recent = hash_new(sizeof(uint32_t));
}

void kstacks_fini(struct stacks *s)
{
	struct wait *w;

	for (size_t i = 0; s->waits && (w = hash_next(s->waits, &i, NULL));)
		free(w);
	hash_free(s->waits);
	recent_clear(s);
	hash_free(s->recent);
	ksyms_free(s->syms);
	hash_free(s->ids);
}

static void key_of(struct stacks *s, const struct hl_stack_raw *raw, struct stack_key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->ip, raw->ip, raw->nr * sizeof(*raw->ip));
	for (uint32_t i = 0; i < raw->nr && !key->modules; i++)
		if (!ksyms_fixed(s->syms, raw->ip[i]))
			key->modules = ksyms_modules(s->syms);
}

static uint16_t add_text(struct str *text, const char *s)
{
	uint16_t at = (uint16_t)text->len;

	str_addn(text, s ? s : "", s ? strlen(s) : 0);
	str_addc(text, '\0');
	return at;
}

/* The frames, and the reason for those that have no name at the head of the text. */
static void name_frames(struct stacks *s, const struct hl_stack_raw *raw, struct hl_frame *frames,
			struct str *text)
{
	const char *why = NULL;
	struct ksym sym;

	for (uint32_t i = 0; i < raw->nr && !why; i++) {
		ksyms_find(s->syms, raw->ip[i], &sym);
		why = sym.why;
	}
	add_text(text, why);
	for (uint32_t i = 0; i < raw->nr; i++) {
		ksyms_find(s->syms, raw->ip[i], &sym);
		frames[i].offset = sym.offset;
		frames[i].function = add_text(text, sym.function);
		frames[i].module = add_text(text, sym.module);
	}
}

static void send(struct live *l, const struct hl_stack_raw *raw, uint32_t id)
{
	struct hl_frame frames[HL_STACK_FRAMES] = {};
	struct hl_rec_stack *r;
	struct str text = {};

	name_frames(&l->stacks, raw, frames, &text);
	r = LIVE_BEGIN(l, STACK, stack);
	r->h.ts = clock_boot_ns();
	r->id = id;
	r->nr_frames = (uint16_t)raw->nr;
	r->flags = raw->nr == HL_STACK_FRAMES ? HL_STACK_CUT : 0;
	r->text_len = (uint32_t)text.len;
	rec_add_bytes(&l->buf, frames, raw->nr * sizeof(*frames));
	rec_add_bytes(&l->buf, text.s, text.len);
	live_emit(l);
	str_free(&text);
}

/* Of what a stack that a program took of itself begins with: the program, and how it was called. */
#define TRACING_FRAMES 8

static bool is_tracing(const char *function)
{
	static const char *const heads[] = { "bpf_trace_run", "__bpf_trace_", "__traceiter_" };

	for (size_t i = 0; function && i < ARRAY_SIZE(heads); i++)
		if (!strncmp(function, heads[i], strlen(heads[i])))
			return true;
	return false;
}

void stack_skip_tracing(struct live *l, struct hl_stack_raw *raw)
{
	struct ksym sym;
	uint32_t skip = 0;

	for (uint32_t i = 0; i < MIN(raw->nr, TRACING_FRAMES); i++) {
		ksyms_find(l->stacks.syms, raw->ip[i], &sym);
		if (is_tracing(sym.function))
			skip = i + 1;
	}
	raw->nr -= skip;
	memmove(raw->ip, raw->ip + skip, raw->nr * sizeof(*raw->ip));
}

uint32_t stack_number(struct live *l, const struct hl_stack_raw *raw)
{
	struct stacks *s = &l->stacks;
	struct stack_key key;
	uint32_t id;

	key_of(s, raw, &key);
	id = (uint32_t)(uintptr_t)hash_get(s->ids, &key);
	if (id || hash_count(s->ids) >= MAX_STACKS)
		return id;
	id = ++s->last_id;
	hash_put(s->ids, &key, (void *)(uintptr_t)id);
	send(l, raw, id);
	return id;
}

/* ---- waits ------------------------------------------------------------------------------ */

static int memo(struct live *l)
{
	return bpf_map__fd(object_map(&l->iter, "known"));
}

static bool same_wait(const struct hl_wait_id *a, const struct hl_wait_id *b)
{
	return a->owner == b->owner && a->since == b->since;
}

static struct wait *wait_get(struct stacks *s, uint32_t tid)
{
	struct wait *w = hash_get(s->waits, &tid);

	if (w)
		return w;
	w = xcalloc(1, sizeof(*w));
	w->tid = tid;
	hash_put(s->waits, &tid, w);
	return w;
}

/* Both sides know it from here on. */
static void take(struct live *l, struct wait *w, const struct hl_stack_raw *raw)
{
	struct stacks *s = &l->stacks;
	bool taken = raw->fate == HL_STACK_TAKEN && raw->nr && raw->nr <= HL_STACK_FRAMES;

	w->pending = false;
	w->id = taken ? stack_number(l, raw) : 0;
	s->delivered += w->id != 0;
	s->over += taken && !w->id;
	s->unreadable += !taken;
	bpf_map_update_elem(memo(l), &w->tid, &raw->wait, BPF_ANY);
}

uint32_t stack_id(struct live *l, uint32_t tid, const struct hl_stack_raw *raw)
{
	struct stacks *s = &l->stacks;
	struct wait *w;

	if (raw->fate == HL_STACK_NONE)
		return 0;
	w = wait_get(s, tid);
	if (!same_wait(&w->wait, &raw->wait)) {
		s->over += w->pending;
		*w = (struct wait){ .wait = raw->wait, .tid = tid, .pending = true };
	}
	w->round = s->round;
	if (w->pending && raw->fate != HL_STACK_OVER && raw->fate != HL_STACK_KNOWN)
		take(l, w, raw);
	return w->id;
}

uint32_t stack_user_id(struct live *l, const struct hl_now_raw *raw)
{
	struct wait *w = hash_get(l->stacks.waits, &raw->r.h.tid);

	if (!w || raw->stack.fate == HL_STACK_NONE)
		return 0;
	if (raw->has_regs && !w->token)
		w->token = ustack_look(l, raw);
	return w->user_id;
}

/* Its slot is as it was when its registers were read: it has not run since. */
static bool sleeps_on(struct live *l, const struct wait *w)
{
	const struct hl_slot *s = &l->sh.slots[w->tid & l->kcfg.slot_mask];

	return s->owner == w->wait.owner && s->since == w->wait.since && s->flags & HL_SLOT_OFF_CPU;
}

bool stack_user_found(struct live *l, uint32_t tid, uint32_t token, uint32_t id)
{
	struct wait *w = hash_get(l->stacks.waits, &tid);

	if (!w || w->token != token || !sleeps_on(l, w))
		return false;
	w->user_id = id;
	return true;
}

/* Waits that are over, and were so a refresh ago: the record of a slow one may still come. */
static void forget(struct live *l)
{
	struct stacks *s = &l->stacks;
	VEC(struct wait *) over = {};
	struct wait *w;

	for (size_t i = 0; (w = hash_next(s->waits, &i, NULL));)
		if (w->round + 1 < s->round)
			*vec_add(&over) = w;
	for (size_t i = 0; i < over.n; i++) {
		w = over.v[i];
		s->over += w->pending;
		hash_del(s->waits, &w->tid);
		bpf_map_delete_elem(memo(l), &w->tid);
		free(w);
	}
	vec_free(&over);
}

void stacks_refresh(struct live *l)
{
	int err;

	l->stacks.round++;
	err = object_iterate(&l->iter, "hl_blocked", sizeof(struct hl_now_raw), slow_now, l);
	locks_refresh(l);
	if (!err)
		forget(l);
}

/* ---- waits that are over ------------------------------------------------------------------ */

static struct recent *recent_get(struct stacks *s, uint32_t tid)
{
	struct recent *n = hash_get(s->recent, &tid);

	if (n)
		return n;
	if (hash_count(s->recent) >= MAX_RECENT) { /* whoever is in a slow call comes again */
		recent_clear(s);
		hash_free(s->recent);
		s->recent = hash_new(sizeof(uint32_t));
	}
	n = xcalloc(1, sizeof(*n));
	n->tid = tid;
	hash_put(s->recent, &n->tid, n);
	return n;
}

void stack_note(struct live *l, const struct hl_rec_slow *r, uint32_t id, bool unreadable)
{
	struct stacks *s = &l->stacks;
	struct recent *n = recent_get(s, r->h.tid);
	uint32_t at = n->next++ % RECENT;

	s->delivered += id != 0;
	s->unreadable += unreadable;
	s->over += !id && !unreadable;
	n->waits[at].begin = r->begin_ns;
	n->waits[at].end = r->h.ts;
	n->waits[at].id = id;
}

/* Of the waits that lie within it, the longest. */
static uint32_t stack_within(struct stacks *s, const struct hl_rec_slow *r)
{
	struct recent *n = hash_get(s->recent, &r->h.tid);
	uint64_t most = 0;
	uint32_t id = 0;

	for (int i = 0; n && i < RECENT; i++)
		if (n->waits[i].begin + SAME_WAIT > r->begin_ns && n->waits[i].end < r->h.ts + SAME_WAIT &&
		    n->waits[i].end - n->waits[i].begin > most) {
			most = n->waits[i].end - n->waits[i].begin;
			id = n->waits[i].id;
		}
	return id;
}

uint32_t stack_user_of_slow(struct live *l, const struct hl_rec_slow *r)
{
	struct wait *w = hash_get(l->stacks.waits, &r->h.tid);
	uint64_t since = w ? live_boot(l, w->wait.since) : 0;

	return w && since + SAME_WAIT > r->begin_ns && since < r->h.ts ? w->user_id : 0;
}

uint32_t stack_of_slow(struct live *l, const struct hl_rec_slow *r)
{
	bool may_hold = r->op == HL_OP_SYSCALL || r->op == HL_OP_EXCHANGE;
	uint32_t id = may_hold ? stack_within(&l->stacks, r) : 0;
	struct wait *w = hash_get(l->stacks.waits, &r->h.tid);
	uint64_t since = w ? live_boot(l, w->wait.since) : 0;

	if (id)
		return id;
	return w && since + SAME_WAIT > r->begin_ns && since < r->h.ts ? w->id : 0;
}
