/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a thread that leaves the CPU to the facts that classify.h judges: which call it
 * is in, by its saved registers; what the call's descriptor is; what a futex wait is for.
 */
#ifndef HL_WAIT_BPF_H
#define HL_WAIT_BPF_H

#include "bpf/slot.bpf.h"
#include "bpf/file.bpf.h"
#include "bpf/calls.h"

#define HL_CLONE_VFORK 0x4000
#define HL_NR_CLONE3   435  /* in every table */
#define HL_POLL_IN     0xc3 /* POLLIN, POLLPRI, POLLRDNORM, POLLRDBAND */
#define HL_POLL_OUT    4
#define HL_MAX_FEW     8 /* descriptors that are looked at one by one */

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
#define AT(nr) ((nr) < 0 ? HL_MAX_NR : (nr))
static const __u8 native_calls[HL_MAX_NR + 1] = {
	[0 ... HL_MAX_NR] = CALL_PLAIN,
#if defined(__TARGET_ARCH_x86)
#define X(x64, x32, generic, call) [AT(x64)] = CALL_##call,
#else
#define X(x64, x32, generic, call) [AT(generic)] = CALL_##call,
#endif
	HL_CALL_LIST(X)
#undef X
		[HL_MAX_NR] = CALL_PLAIN,
};
static const __u8 compat_calls[HL_MAX_NR + 1] = {
	[0 ... HL_MAX_NR] = CALL_PLAIN,
#define X(x64, x32, generic, call) [AT(x32)] = CALL_##call,
	HL_CALL_LIST(X)
#undef X
		[HL_MAX_NR] = CALL_PLAIN,
};
#undef AT
#pragma clang diagnostic pop

#if defined(__TARGET_ARCH_x86)
#define HL_NR_CLONE    56
#define HL_NR_EXECVE   59
#define HL_NR_EXECVEAT 322
#define HL_NR_RESTART  219
#define HL_NR_ACCEPT   43
#define HL_NR_ACCEPT4  288
#else
#define HL_NR_CLONE    220
#define HL_NR_EXECVE   221
#define HL_NR_EXECVEAT 281
#define HL_NR_RESTART  128
#define HL_NR_ACCEPT   202
#define HL_NR_ACCEPT4  242
#endif
#define HL_NR_CLONE_IA32    120
#define HL_NR_RESTART_IA32  0
#define HL_NR_IA32_EXECVE   11
#define HL_NR_IA32_EXECVEAT 358

struct hl_pollfd {
	int fd;
	short events, revents;
};

/* User memory of the thread that waits: the current one, but for the task iterator. */
#ifndef HL_READ_USER
#define HL_READ_USER(p, dst, bytes, src) bpf_probe_read_user(dst, bytes, (void *)(src))
#endif

/* Numbers beyond any table are kept as they are, up to here. */
#define HL_NR_LIMIT HL_NR_UNKNOWN

/*
 * Whether the program's stack at the end of a call is the one that it was made with, and can be unwound:
 * after an exec the thread is at the first instruction of another program.
 */
__hot bool keeps_stack(__u8 abi, __u16 nr)
{
	if (!HL_STACK_ABI(abi))
		return false;
	if (abi == HL_ABI_IA32)
		return nr != HL_NR_IA32_EXECVE && nr != HL_NR_IA32_EXECVEAT;
	return nr != HL_NR_EXECVE && nr != HL_NR_EXECVEAT;
}

/* What is learned about a wait beside its state. */
struct hl_wait {
	struct hl_facts f;
	__u64 task;      /* whose wait it is: its address */
	__u64 object;    /* file or socket, futex word, or number of descriptors: by detail */
	__u32 holder;    /* of a lock: who holds it, as its pid namespace says; 0: not known */
	__u8 holder_how; /* enum hl_holder; HL_HOLDER_ANY */
	__u8 abi, detail;
	__u16 nr;
	__u32 futex_op; /* of a mutex */
};

__hot __u8 call_of(__u16 nr, bool compat)
{
	__u32 at = nr;

	if (at >= HL_MAX_NR)
		return CALL_PLAIN;
	asm volatile("%0 &= 511" : "+r"(at)); /* for the verifier: a copy may lose the bound */
	return compat ? compat_calls[at] : native_calls[at];
}

/* Detail of a wait on what a descriptor leads to. */
__hot __u8 detail_of(__u8 kind)
{
	return kind >= FILE_LISTEN ? HL_DETAIL_PEER : kind == FILE_NONE ? HL_DETAIL_NONE : HL_DETAIL_FILE;
}

__hot void wait_on_fd(__u64 task, struct hl_wait *w, __u32 fd)
{
	w->f.file = fd_look(task, fd, &w->object);
	w->detail = detail_of(w->f.file);
}

/* What a poll's descriptors are: opened from here, or such by which the program wakes itself. */
struct poll_seen {
	__u32 used, opened, own;
};

/* Whether it is one of those. */
__global int poll_one(__u64 task, struct hl_wait *w, struct poll_seen *seen, const struct hl_pollfd *pfd)
{
	__u64 object = 0;
	__u8 kind;
	bool own;

	if (!w || !seen || !pfd)
		return 0;
	kind = fd_kind(task, pfd->fd, &object);
	own = fd_wakes_self(task, pfd->fd, kind, object);
	seen->own += own;
	if (own && seen->opened)
		return 1;
	seen->opened += kind == FILE_OPENED;
	w->f.file = kind;
	w->object = object;
	w->f.sending = (pfd->events & (HL_POLL_IN | HL_POLL_OUT)) == HL_POLL_OUT;
	return own || kind == FILE_OPENED;
}

/* poll on one descriptor is a wait on that; on a few, a wait for peers if all are but those by
 * which the program wakes itself. */
__global int wait_poll(__u64 task, struct hl_wait *w, __u64 fds, __u64 nr)
{
	struct hl_pollfd pfd[HL_MAX_FEW];
	struct poll_seen seen = {};

	if (!w)
		return 0;
	w->object = nr;
	w->detail = HL_DETAIL_COUNT;
	w->f.fds = FDS_MANY;
	if (nr > HL_MAX_FEW || HL_READ_USER(task, pfd, nr * sizeof(pfd[0]), fds))
		return 0;
	for (__u32 i = 0; i < HL_MAX_FEW && i < nr; i++)
		seen.used += pfd[i].fd >= 0;
	for (__u32 i = 0; i < HL_MAX_FEW && i < nr; i++)
		if (pfd[i].fd >= 0 && !poll_one(task, w, &seen, &pfd[i]) && seen.used > 1)
			break;
	if (seen.used <= 1 || (seen.opened == 1 && seen.own == seen.used - 1)) {
		w->f.fds = seen.used ? FDS_ONE : FDS_NONE;
		w->detail = detail_of(w->f.file);
		return 0;
	}
	w->object = seen.used;
	if (seen.opened && seen.opened + seen.own == seen.used)
		w->f.fds = FDS_FEW_OPENED;
	return 0;
}

struct call_args {
	__u64 a[4];
};

/* The bits of up to three descriptor sets, as one; only the first 1024 descriptors. */
__global int wait_select(__u64 task, struct hl_wait *w, const struct call_args *args)
{
	__u64 bits, one, fd = 0, other = 0; /* other: than for room to send */
	__u32 used = 0, words;

	if (!w || !args)
		return 0;
	words = (args->a[0] + 63) / 64;
	w->detail = HL_DETAIL_COUNT;
	w->f.fds = FDS_MANY;
	if (words > 16)
		return 0;
	for (__u32 i = 0; i < 16 && i < words; i++) {
		bits = 0;
		for (int j = 1; j < 4; j++) {
			one = 0;
			if (args->a[j] && HL_READ_USER(task, &one, sizeof(one), args->a[j] + i * 8))
				return 0;
			bits |= one;
			if (j != 2)
				other |= one;
		}
		if (!bits)
			continue;
		used += bits & (bits - 1) ? 2 : 1;
		if (used > 1)
			return 0;
		fd = i * 64 + hl_log2(bits);
	}
	w->f.fds = used ? FDS_ONE : FDS_NONE;
	if (used) {
		w->f.file = fd_kind(task, fd, &w->object);
		w->f.sending = !other;
		w->detail = detail_of(w->f.file);
	}
	return 0;
}

static const __u8 socket_calls[33] = {
	/* 32 would go to a section that BTF cannot describe */
	[3] = CALL_CONNECT, [5] = CALL_ACCEPT, [9] = CALL_SEND,  [10] = CALL_RECV,
	[11] = CALL_SEND,   [12] = CALL_RECV,  [16] = CALL_SEND, [17] = CALL_RECV,
	[18] = CALL_ACCEPT, [19] = CALL_RECV,  [20] = CALL_SEND,
};

/* i386's one call for all socket calls: the descriptor stands in memory. */
__global int wait_socketcall(__u64 task, struct hl_wait *w, __u32 what, __u64 args)
{
	__u32 fd = 0;

	if (!w)
		return 0;
	w->f.call = socket_calls[what & 31] ?: CALL_PLAIN;
	if (w->f.call != CALL_PLAIN && !HL_READ_USER(task, &fd, sizeof(fd), args)) {
		w->f.file = fd_kind(task, fd, &w->object);
		w->detail = detail_of(w->f.file);
	}
	return 0;
}

/* clone3 waits for the child like vfork, or not: its flags are what its arguments begin with.
 * Where they cannot be read: that wait can be killed, those for the kernel's locks cannot. */
__global int wait_clone3(__u64 task, struct hl_wait *w, __u64 args)
{
	__u64 flags = 0;

	if (!w)
		return 0;
	if (HL_READ_USER(task, &flags, sizeof(flags), args))
		flags = w->f.task_state & HL_TASK_WAKEKILL ? HL_CLONE_VFORK : 0;
	if (!(flags & HL_CLONE_VFORK))
		w->f.call = CALL_PLAIN;
	return 0;
}

/* Does it wait for a thread's end, as musl does that? */
__global int is_musl_join(__u64 task, __u64 uaddr)
{
	__u64 thread = uaddr - HL_MUSL_JOINED, self = 0;

	return !HL_READ_USER(task, &self, sizeof(self), thread) && self == thread;
}

/* The facts that depend on the call's arguments. */
__hot void wait_args(__u64 task, struct hl_wait *w, struct pt_regs *regs, bool compat)
{
	struct call_args args;
	__u64 *a = args.a;

	switch (w->f.call) {
	case CALL_PLAIN:
	case CALL_EPOLL:
	case CALL_URING:
	case CALL_SLEEP:
	case CALL_SIGNAL:
	case CALL_IPC:
		return;
	}
	regs_args(regs, compat, a, 4);
	switch (w->f.call) {
	case CALL_POLL:
		wait_poll(task, w, a[0], a[1]);
		return;
	case CALL_SELECT:
		wait_select(task, w, &args);
		return;
	case CALL_SOCKET:
		wait_socketcall(task, w, a[0], a[1]);
		return;
	case CALL_FUTEX:
		w->object = a[0];
		w->detail = HL_DETAIL_LOCK;
		w->f.mutex = hl_futex_is_mutex(a[1], a[2], a[3], a[0], regs_sp(regs)) &&
			     (a[2] != 2 || !is_musl_join(task, a[0]));
		w->futex_op = a[1];
		return;
	case CALL_FUTEX2:
		w->object = a[0];
		w->detail = HL_DETAIL_LOCK;
		w->f.mutex = w->nr == 455 && a[1] == 2;
		return;
	case CALL_CHILD:
		if (w->nr == HL_NR_CLONE3)
			wait_clone3(task, w, a[0]);
		else if (w->nr == (compat ? HL_NR_CLONE_IA32 : HL_NR_CLONE) && !(a[0] & HL_CLONE_VFORK))
			w->f.call = CALL_PLAIN;
		return;
	case CALL_FCNTL: /* F_SETLKW, F_SETLKW64, F_OFD_SETLKW */
		if (a[1] != 7 && a[1] != 14 && a[1] != 38)
			w->f.call = CALL_PLAIN;
		else
			w->f.call = CALL_FLOCK;
	}
	wait_on_fd(task, w, a[0]);
}

/* restart_syscall stands for the call that it restarts: the last one this thread slept in. */
__hot void wait_restarted(struct hl_slot *s, struct hl_wait *w, bool compat)
{
	if (s->call_key >= HL_MAX_NR)
		return;
	w->nr = s->call_key;
	w->f.call = call_of(w->nr, compat);
}

/* Which call p is in. false: none. */
__hot bool wait_call(struct task_struct *p, struct hl_slot *s, struct hl_wait *w, struct pt_regs *regs)
{
	long nr = regs_nr(regs);
	bool compat;

	if (nr < 0) {
		w->nr = HL_NR_NONE;
		w->f.call = is_dying(p) ? CALL_PLAIN : CALL_NONE;
		return false;
	}
	compat = in_compat_call(p);
	w->abi = compat ? HL_COMPAT_ABI : HL_NATIVE_ABI;
	w->nr = nr < HL_NR_LIMIT ? nr : HL_NR_LIMIT;
	w->f.call = is_dying(p) ? CALL_PLAIN : call_of(w->nr, compat);
	if (w->f.call == CALL_RESTART)
		wait_restarted(s, w, compat);
	return true;
}

/* Which call p is in, and what that makes of its sleep. s: its slot, for what it did before. */
__hot void wait_gather(struct task_struct *p, struct hl_slot *s, struct hl_wait *w)
{
	struct pt_regs *regs;

	w->abi = HL_NATIVE_ABI;
	if (has_no_calls(p)) {
		w->nr = HL_NR_KTHREAD;
		w->f.kthread = 1;
		return;
	}
	regs = saved_regs(p, s);
	if (wait_call(p, s, w, regs) && w->f.asleep)
		wait_args(w->task, w, regs, w->abi == HL_COMPAT_ABI);
}

#endif
