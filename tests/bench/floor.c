/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * floor calls|ledger|pair|sched|probes FILE:FUNCTION: loads the programs of floor.bpf.c whose names
 * begin with that word, says ready, and prints what they counted when SIGINT or SIGTERM ends it.
 * The bench starts it as it starts any other tracer.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/bench/floor.h"
#include "floor.skel.h"

static bool choose(struct bpf_object *obj, const char *word)
{
	struct bpf_program *p;
	bool any = false, on;

	bpf_object__for_each_program (p, obj) {
		on = !strncmp(bpf_program__name(p), word, strlen(word)) &&
		     bpf_program__name(p)[strlen(word)] == '_';
		bpf_program__set_autoload(p, on);
		any |= on;
	}
	return any;
}

static unsigned long long count(const struct floor_hist *h)
{
	unsigned long long n = 0;

	for (int i = 0; i < FLOOR_BUCKETS; i++)
		n += h->bucket[i];
	return n;
}

static void print_counts(const struct floor_bpf *f)
{
	unsigned long long calls = 0, getppid = 0, getppid_ns = 0, sleeps = 0, delays = 0;

	for (int cpu = 0; cpu < FLOOR_CPUS; cpu++) {
		for (int nr = 0; nr < FLOOR_CALLS; nr++) {
			calls += count(&f->bss->call_hist[cpu][nr]);
			sleeps += count(&f->bss->off_hist[cpu][nr]);
		}
		getppid += count(&f->bss->call_hist[cpu][SYS_getppid]);
		getppid_ns += f->bss->call_hist[cpu][SYS_getppid].sum_ns;
		delays += count(&f->bss->runqueue_hist[cpu]);
	}
	printf("{\"calls\":%llu,\"getppid\":%llu,\"getppid_ns\":%llu,\"sleeps\":%llu,\"delays\":%llu}\n",
	       calls, getppid, getppid_ns, sleeps, delays);
}

/* where: FILE:FUNCTION. */
static bool probe(struct bpf_program *p, bool returns, const char *where)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = returns);
	const char *name = strrchr(where, ':');
	char file[PATH_MAX];

	if (!name)
		return false;
	snprintf(file, sizeof(file), "%.*s", (int)(name - where), where);
	opts.func_name = name + 1;
	return bpf_program__attach_uprobe_opts(p, -1, file, 0, &opts) != NULL;
}

/* where: NULL, where the programs say it themselves. */
static int run(struct floor_bpf *f, const char *where)
{
	sigset_t ends;
	int sig;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	if (floor_bpf__load(f) || floor_bpf__attach(f) ||
	    (where &&
	     (!probe(f->progs.probes_leave, true, where) || !probe(f->progs.probes_enter, false, where)))) {
		fprintf(stderr, "floor: the programs cannot be loaded: %s\n", strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	sigwait(&ends, &sig);
	floor_bpf__detach(f);
	print_counts(f);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct floor_bpf *f;
	int status = 2;

	setrlimit(RLIMIT_MEMLOCK, &all); /* kernels before 5.11 count maps there */
	f = floor_bpf__open();
	if (!f) {
		fprintf(stderr, "floor: %s\n", strerror(errno));
		return 1;
	}
	if ((argc == 2 || argc == 3) && choose(f->obj, argv[1]))
		status = run(f, argv[2]);
	else
		fprintf(stderr, "usage: floor calls|ledger|pair|sched|probes FILE:FUNCTION\n");
	floor_bpf__destroy(f);
	return status;
}
