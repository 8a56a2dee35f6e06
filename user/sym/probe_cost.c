/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Measures what the kernel takes for a probe, by the kind of instruction that it stands on: perf's own
 * uprobes, on three functions here, of this process only. Counting them stands for what our programs do.
 * Called by kern/func_cost.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sym/helper.h"
#include "sym/probe_cost.h"
#include "sym/wire.h"

#define SOCK    STDIN_FILENO
#define TIME_NS (20 * NSEC_PER_SEC)
#define ROUNDS  8 /* the shortest counts: others take the CPU meanwhile */
#define CALLS   100

struct probe_cost {
	int sock;
	pid_t pid;
	uint64_t deadline;
	struct probe_costs costs;
	bool done;
	int err;
};

/* ---- asking ---------------------------------------------------------------------------------- */

struct probe_cost *probe_cost_begin(void)
{
	struct probe_cost *p = xcalloc(1, sizeof(*p));

	p->sock = -1;
	p->deadline = clock_mono_ns() + TIME_NS;
	p->err = helper_ask(SYM_PROBES, &p->sock, &p->pid);
	return p;
}

bool probe_cost_step(struct probe_cost *p)
{
	struct pollfd poll_it = { p->sock, POLLIN, 0 };
	int fd;

	if (!p->done && !p->err && poll(&poll_it, 1, 0) > 0) {
		ssize_t n = wire_get(p->sock, &p->costs, sizeof(p->costs), &fd);

		p->done = n == sizeof(p->costs);
		p->err = p->done ? 0 : -EPIPE;
	} else if (!p->done && !p->err && clock_mono_ns() >= p->deadline) {
		p->err = -ETIMEDOUT;
	}
	/* it ends when its probes are off */
	if (p->done && p->pid > 0 && waitpid(p->pid, NULL, WNOHANG) == p->pid)
		p->pid = 0;
	return p->err || (p->done && !p->pid);
}

int probe_cost_end(struct probe_cost *p, struct probe_costs *out)
{
	int err = p->err ? p->err : p->done ? 0 : -ECANCELED;

	if (p->sock >= 0)
		close(p->sock);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, WNOHANG);
	}
	*out = p->costs;
	free(p);
	return err;
}

/* ---- the child --------------------------------------------------------------------------------- */

#if defined(__x86_64__)
extern const char probe_on_nop[], probe_on_push[], probe_on_xor[];
__asm__(".text\n"
	".p2align 4\nprobe_on_nop: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n\tret\n"
	".p2align 4\nprobe_on_push: push %rbp\n\tpop %rbp\n\tret\n"
	".p2align 4\nprobe_on_xor: xor %eax, %eax\n\tret\n");

static const struct {
	const char *code;
	enum site_cost cost;
} places[] = {
	{ probe_on_nop, SITE_CALL },
	{ probe_on_push, SITE_EMULATED },
	{ probe_on_xor, SITE_STEPPED },
};

/* Where that is in the file that is run; 0: not found. */
static uint64_t offset_of(const char *code)
{
	unsigned long at = (unsigned long)code, start, end, offset;
	FILE *f = fopen("/proc/self/maps", "re");
	uint64_t found = 0;
	char line[512], perms[8];

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %7s %lx", &start, &end, perms, &offset) == 4 && start <= at &&
		    at < end)
			found = at - start + offset;
	if (f)
		fclose(f);
	return found;
}

static int probe_type(void)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type = -1;

	if (f && fscanf(f, "%d", &type) != 1)
		type = -1;
	if (f)
		fclose(f);
	return type;
}

static uint32_t call_ns(const char *code)
{
	void (*const call)(void) = (void (*)(void))(uintptr_t)code;
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t begin = clock_mono_ns();

		for (int k = 0; k < CALLS; k++)
			call();
		best = MIN(best, clock_mono_ns() - begin);
	}
	return (uint32_t)(best / CALLS);
}

/* More of a call with a probe, of its begin or its return; 0: there can be none. */
static uint32_t probe_ns(int type, const char *code, bool is_return)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = (uint32_t)type,
		.config = is_return,
		.uprobe_path = (uintptr_t) "/proc/self/exe",
		.probe_offset = offset_of(code),
	};
	uint32_t without = call_ns(code), with;

	if (type < 0 || syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC) < 0)
		return 0;
	with = call_ns(code);
	return with > without ? with - without : 1;
}

static void measure(struct probe_costs *c)
{
	int type = probe_type();

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		c->ns[places[i].cost] = probe_ns(type, places[i].code, false);
	/* there is one already where it begins */
	c->ns[PROBE_RETURN] = probe_ns(type, probe_on_push, true);
}
#else
static void measure(struct probe_costs *c)
{
}
#endif

void probe_cost_main(void)
{
	struct probe_costs c = {};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	wire_only_these(SOCK);
	measure(&c);
	wire_put(SOCK, &c, sizeof(c));
	_exit(0);
}
