/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the memory of a lock says about who holds it. One function, compiled into both sides: the
 * kernel side asks when a wait begins, user space while it lasts.
 */
#ifndef HL_LOCK_H
#define HL_LOCK_H

#include "bpf/slot.h"

#define HL_FUTEX_LOCK_PI  6
#define HL_FUTEX_PRIVATE  128
#define HL_FUTEX_TID_MASK 0x3fffffff
#define HL_FUTEX_WAITERS  0x80000000u

/* What glibc's pthread_mutex_t begins with, on 64-bit machines, and the word in front of it. */
struct hl_mutex {
	__u32 before; /* musl's mutexes begin with their kind, and their futex word is the second; 0: not read
		       */
	__u32 word;   /* 2: it is held, and awaited */
	__u32 count, owner;
	__u32 users; /* who holds it, or got it from a condition variable */
	__u32 kind;
};
#define HL_MUTEX_BYTES  24
#define HL_MUTEX_BEFORE 4
#define HL_MUTEX_PAGE   4096 /* in front of one may be nothing */
#define HL_MUTEX_ROBUST 16   /* in kind … */
#define HL_MUTEX_OWNED  48   /* … or with priority inheritance */
#define HL_MUTEX_SHARED 128  /* … between processes */
#define HL_MUTEX_LOCAL  (HL_MUTEX_SHARED | HL_MUTEX_ROBUST)
#define HL_MUTEX_PLAIN  0x383 /* what may stand in it where the word is 0, 1 or 2 */
#define HL_MUTEX_USERS  (1u << 22)
_Static_assert(sizeof(struct hl_mutex) == HL_MUTEX_BYTES, "it is read as a whole");

static inline __attribute__((always_inline)) int hl_futex_is_pi(__u32 op)
{
	op &= 0x7f;
	return op == HL_FUTEX_LOCK_PI || op == 13; /* FUTEX_LOCK_PI2 */
}

/* In 32 bits it comes before users. */
static inline __attribute__((always_inline)) __u32 hl_mutex_kind(const struct hl_mutex *m, int native)
{
	return native ? m->kind : m->users;
}

/*
 * Is the futex word that of a mutex which has its owner there? Others put numbers of their own below
 * the topmost bit: musl's read-write locks and Rust's how many readers there are, musl's inner locks
 * how many threads want it. In a container there are threads with such numbers.
 */
static inline __attribute__((always_inline)) int hl_word_is_owner(const struct hl_mutex *m, int native)
{
	if ((hl_mutex_kind(m, native) & HL_MUTEX_OWNED) && m->owner == (m->word & HL_FUTEX_TID_MASK))
		return 1; /* glibc */
	/* musl: a kind other than plain, and how many wait, which is here called count */
	return (m->before & 15) && m->before < 256 && m->count && m->count < HL_MUTEX_USERS;
}

/*
 * The holder's number in its pid namespace; 0: not known. *how: enum hl_holder, with HL_HOLDER_ANY.
 * Memory that is no mutex of the C library may look like one: it is a claim, to be believed only
 * when there is such a thread.
 */
static inline __attribute__((always_inline)) __u32 hl_mutex_holder(const struct hl_mutex *m, __u32 op,
								   int native, __u8 *how)
{
	__u32 tid = m->word & HL_FUTEX_TID_MASK;
	int any;

	*how = HL_HOLDER_UNKNOWN;
	if (hl_futex_is_pi(op) || (m->word & HL_FUTEX_WAITERS)) {
		if (!hl_futex_is_pi(op) && !hl_word_is_owner(m, native))
			return 0;
		/* glibc's robust ones wait as if they were shared, whether they are or not */
		any = !(op & HL_FUTEX_PRIVATE) &&
		      (hl_mutex_kind(m, native) & HL_MUTEX_LOCAL) != HL_MUTEX_ROBUST;
		*how = HL_HOLDER_WORD | (any ? HL_HOLDER_ANY : 0);
		return tid;
	}
	if (!native || m->word != 2 || !m->users || m->users >= HL_MUTEX_USERS || (m->kind & ~HL_MUTEX_PLAIN))
		return 0;
	*how = HL_HOLDER_FIELD | (m->kind & HL_MUTEX_SHARED ? HL_HOLDER_ANY : 0);
	return m->owner;
}

#endif
