/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the memory of a lock says about who holds it. One function, compiled into both sides: the
 * kernel side asks when a wait begins, user space while it lasts.
 */
#ifndef HL_LOCK_H
#define HL_LOCK_H

#include "bpf/slot.h"

#define HL_FUTEX_PRIVATE  128
#define HL_FUTEX_TID_MASK 0x3fffffff
#define HL_FUTEX_WAITERS  0x80000000u
#define HL_MUSL_PLAIN     16 /* musl's word of a mutex that does not know its owner */

/* What glibc's pthread_mutex_t begins with, on 64-bit machines. */
struct hl_mutex {
	__u32 word; /* 2: it is held, and awaited */
	__u32 count, owner;
	__u32 users; /* who holds it, or got it from a condition variable */
	__u32 kind;
};
#define HL_MUTEX_BYTES  20
#define HL_MUTEX_SHARED 128 /* in kind: between processes */
#define HL_MUTEX_KINDS  1024
#define HL_MUTEX_USERS  (1u << 22)
_Static_assert(sizeof(struct hl_mutex) == HL_MUTEX_BYTES, "it is read as a whole");

static inline __attribute__((always_inline)) int hl_futex_is_pi(__u32 op)
{
	op &= 0x7f;
	return op == 6 || op == 13; /* FUTEX_LOCK_PI, FUTEX_LOCK_PI2 */
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

	*how = HL_HOLDER_UNKNOWN;
	if (hl_futex_is_pi(op) || (m->word & HL_FUTEX_WAITERS)) {
		if (tid == HL_MUSL_PLAIN && !hl_futex_is_pi(op))
			return 0;
		*how = HL_HOLDER_WORD | (op & HL_FUTEX_PRIVATE ? 0 : HL_HOLDER_ANY);
		return tid;
	}
	if (!native || m->word != 2 || !m->users || m->users >= HL_MUTEX_USERS || m->kind >= HL_MUTEX_KINDS)
		return 0;
	*how = HL_HOLDER_FIELD | (m->kind & HL_MUTEX_SHARED ? HL_HOLDER_ANY : 0);
	return m->owner;
}

#endif
