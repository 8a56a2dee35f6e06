/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The socket call that the current thread is in, and at its end the socket that it was on: for those who look
 * at what goes over sockets (dns.bpf.c, exchanges.bpf.c). Where the kernel tells of that itself
 * (HL_CFG_SOCK_TP) the socket is the tracepoint's; else it is found from the descriptor, and is a number to
 * the verifier.
 */
#ifndef HL_SOCKCALL_BPF_H
#define HL_SOCKCALL_BPF_H

#include "bpf/file.bpf.h"
#include "bpf/sockcall.h"

#define HL_NR_CALLS 512

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
#define AT(nr)           ((nr) < 0 ? HL_NR_CALLS : (nr))
#define KIND(way, shape) (HL_SOCK_##way << 4 | HL_SOCK_##shape)

static const __u8 native_kinds[HL_NR_CALLS + 1] = {
#if defined(__TARGET_ARCH_x86)
#define X(x86, ia32, generic, way, shape) [AT(x86)] = KIND(way, shape),
#else
#define X(x86, ia32, generic, way, shape) [AT(generic)] = KIND(way, shape),
#endif
	HL_SOCK_CALLS(X)
#undef X
		[HL_NR_CALLS] = 0,
};
static const __u8 compat_kinds[HL_NR_CALLS + 1] = {
#define X(x86, ia32, generic, way, shape) [AT(ia32)] = KIND(way, shape),
	HL_SOCK_CALLS(X)
#undef X
		[HL_NR_CALLS] = 0,
};
static const __u8 socketcall_kinds[HL_NR_SOCKETCALLS + 1] = {
#define X(nr, way, shape) [nr] = KIND(way, shape),
	HL_SOCKETCALLS(X)
#undef X
};
#undef AT
#undef KIND
#pragma clang diagnostic pop

struct sock_call {
	__u64 a[5];
	__u64 nr_message; /* of several, which one */
	__u8 way, shape;  /* enum hl_sock_way, hl_sock_shape; 0: it is none of them */
	bool compat;
	__u8 pad[5]; /* the verifier wants all of it */
};

/* A word of the program's memory: of 32 bits where it is a program of these. */
__hot __u64 user_word(const struct sock_call *c, __u64 at, __u64 i)
{
	__u64 word = 0;

	if (c->compat)
		bpf_probe_read_user(&word, 4, (void *)(at + 4 * i));
	else
		bpf_probe_read_user(&word, 8, (void *)(at + 8 * i));
	return word;
}

__hot void call_is(struct sock_call *c, __u8 kind)
{
	c->way = kind >> 4;
	c->shape = kind & 0xf;
}

__hot void socketcall_look(struct sock_call *c)
{
	__u64 args = c->a[1];
	__u32 nr = c->a[0];

	call_is(c, nr < HL_NR_SOCKETCALLS ? socketcall_kinds[nr] : 0);
	for (int i = 0; i < 5; i++)
		c->a[i] = user_word(c, args, i);
}

/* False: it is no call that sends or receives. */
__hot bool call_look(struct sock_call *c)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(cur);
	__u64 nr = regs_nr(regs);

	if (has_no_calls(cur) || nr >= HL_NR_CALLS)
		return false;
	c->compat = in_compat_call(cur);
	call_is(c, c->compat ? compat_kinds[nr] : native_kinds[nr]);
	if (!c->shape)
		return false;
	regs_args(regs, c->compat, c->a, 5);
	if (c->shape == HL_SOCK_SOCKETCALL)
		socketcall_look(c);
	return c->way != HL_SOCK_NONE;
}

/* What a call that only looks brings is brought again. */
__hot bool call_peeks(const struct sock_call *c)
{
	__u64 flags = c->way == HL_SOCK_RECV_3 ? c->a[2] : c->way == HL_SOCK_RECV_4 ? c->a[3] : 0;

	return flags & (HL_MSG_PEEK | HL_MSG_ERRQUEUE);
}

__hot __u32 call_fd(const struct sock_call *c)
{
	return c->shape == HL_SOCK_SPLICE ? c->a[2] : c->a[0];
}

/* The socket's file (its address); 0: it was on none. */
__hot __u64 call_file(const struct sock_call *c)
{
	__u64 file = fd_file((__u64)bpf_get_current_task_btf(), call_fd(c));

	return file && is_socket_file(file) ? file : 0;
}

#endif
