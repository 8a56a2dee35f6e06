/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a hostile file, a dying and a stalled child do to hostlat: nothing but a late answer. */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/file.h"
#include "host/proc.h"
#include "sym/opener.h"
#include "tests/test.h"
#include "tests/unit/sym_fixture.h"

#define BUILD                                                                                                \
	"cc -O2 -fPIC -shared -o libchain.so \"$T/sym_lib.c\" && cc -O2 -g -o chain \"$T/sym_chain.c\" -L. " \
	"-lchain"
#define DEADLINE (400 * NSEC_PER_MSEC)
#define SLACK    (600 * NSEC_PER_MSEC) /* of a busy host, and of starting children with sanitizers */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct hostile {
	struct sym_target *t;
	struct sym_answer *a;
	struct ustacks *u;
	struct sym_dir d;
	struct ustacks_stats stats;
};

static bool begin(struct hostile *h)
{
	h->t = calloc(1, sizeof(*h->t));
	h->a = calloc(1, sizeof(*h->a));
	h->u = sym_new(DEADLINE);
	return sym_dir_make(&h->d);
}

static void end(struct hostile *h)
{
	if (h->t->pid)
		sym_target_stop(h->t);
	ustacks_free(h->u);
	sym_dir_clean(&h->d);
	free(h->t);
	free(h->a);
}

static bool begin_chain(struct hostile *h)
{
	if (!begin(h) || !sym_run(&h->d, BUILD) || !sym_target_start(h->t, &h->d, "chain", NULL) ||
	    !sym_ask(h->u, h->t, h->a) || !ASSERT(sym_frame(h->a, "middle") > 0))
		return false;
	ustacks_stats(h->u, &h->stats);
	return ASSERT(h->stats.opener > 0) && ASSERT(h->stats.child > 0) && ASSERT_EQ(h->stats.deaths, 0);
}

/* ---- the sandbox ------------------------------------------------------------------------ */

static void check_status(pid_t pid)
{
	static const char *const want[][2] = {
		{ "Uid:", "65534\t65534\t65534\t65534\n" },
		{ "Gid:", "65534\t65534\t65534\t65534\n" },
		{ "Groups:", "\n" },
		{ "CapInh:", "0000000000000000\n" },
		{ "CapPrm:", "0000000000000000\n" },
		{ "CapEff:", "0000000000000000\n" },
		{ "CapBnd:", "0000000000000000\n" },
		{ "CapAmb:", "0000000000000000\n" },
		{ "NoNewPrivs:", "1\n" },
		{ "Seccomp:", "2\n" },
	};
	char path[40], text[8192];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!ASSERT(file_read(path, text, sizeof(text)) > 0))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const char *is = find_key(text, want[i][0]);

		if (!ASSERT(is && !strncmp(is, want[i][1], strlen(want[i][1]))))
			printf("# %s %.40s\n", want[i][0], is ? is : "");
	}
}

static void check_limits(pid_t pid)
{
	static const struct {
		const char *what;
		uint64_t most;
		bool memory;
	} want[] = { { "Max core file size", 0, false },   { "Max file size", 0, false },
		     { "Max processes", 0, false },        { "Max open files", 16, false },
		     { "Max locked memory", 0, false },    { "Max msgqueue size", 0, false },
		     { "Max data size", 256 << 20, true }, { "Max address space", 64ull << 30, true } };
	char path[40], text[8192];

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	if (!ASSERT(file_read(path, text, sizeof(text)) > 0))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const char *is = find_key(text, want[i].what);
		uint64_t soft, hard;

		if (SANITIZED && want[i].memory)
			continue;
		if (ASSERT(is && sscanf(is, "%lu %lu", &soft, &hard) == 2))
			ASSERT(soft <= want[i].most && hard <= want[i].most);
	}
}

/* Nothing is open but the socket; the memory of the others is its own. */
static void check_open(pid_t pid)
{
	char path[40], link[256];
	int n = 0;

	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		if (file_read_link(path, link, sizeof(link)) <= 0)
			continue;
		n++;
		ASSERT(fd ? !strcmp(link, "/dev/null") : !strncmp(link, "socket:", 7));
	}
	ASSERT_EQ(n, 3);
}

void test_sym_hostile_sandbox(void)
{
	struct hostile h;

	if (begin_chain(&h)) {
		check_status(h.stats.child);
		check_limits(h.stats.child);
		check_open(h.stats.child);
		ASSERT(h.stats.cpu_ns > 0);
		ASSERT(h.stats.rss_bytes > 0);
	}
	end(&h);
}

/* ---- children that die and stall -------------------------------------------------------------- */

/* Whoever was its parent may not have noticed. */
static bool has_ended(pid_t pid)
{
	struct proc_info p;

	for (int i = 0; i < 500; i++) {
		if (proc_read(pid, &p) || p.state == 'Z' || p.state == 'X')
			return true;
		usleep(1000);
	}
	return false;
}

/* The signal to one of the two while it has a question; the answer comes, and so does the next. */
static void check_signal(bool child, int sig, bool named)
{
	struct ustack_question q;
	struct hostile h;
	pid_t pid;

	if (begin_chain(&h)) {
		sym_question(h.t, &q);
		pid = child ? h.stats.child : h.stats.opener;
		kill(pid, sig);
		if (sym_ask_this(h.u, &q, h.a)) {
			ASSERT(h.a->took_ns < DEADLINE + SLACK);
			if (named)
				ASSERT(sym_frame(h.a, "middle") > 0);
			else
				ASSERT_EQ(h.a->how, USTACK_NONE);
		}
		if (sym_ask_this(h.u, &q, h.a))
			ASSERT(sym_frame(h.a, "middle") > 0);
		ustacks_stats(h.u, &h.stats);
		ASSERT_EQ(h.stats.deaths, 1);
		ASSERT_EQ(h.stats.answered, 3);
		ASSERT_EQ(h.stats.late, !named);
		ASSERT_EQ(h.stats.bad_files, 0);
		ASSERT(has_ended(pid));
	}
	end(&h);
}

void test_sym_hostile_child_killed(void)
{
	check_signal(true, SIGKILL, true);
}

void test_sym_hostile_child_stopped(void)
{
	check_signal(true, SIGSTOP, false);
}

void test_sym_hostile_opener_killed(void)
{
	check_signal(false, SIGKILL, true);
}

void test_sym_hostile_opener_stopped(void)
{
	check_signal(false, SIGSTOP, false);
}

/* The opener is held where it opens the maps of a process: as by a lock that is never given back.
 * It is given up, and the process is not asked about again. */
void test_sym_hostile_process_stalls(void)
{
	struct ustack_question q;
	struct hostile h;
	int status, stops;

	if (begin_chain(&h)) {
		sym_question(h.t, &q);
		q.start_ns = 0; /* nothing is known of it under this name */
		ASSERT_EQ(ptrace(PTRACE_SEIZE, h.stats.opener, 0, PTRACE_O_TRACESYSGOOD), 0);
		ASSERT_EQ(ptrace(PTRACE_INTERRUPT, h.stats.opener, 0, 0), 0);
		ASSERT(ustacks_ask(h.u, &q));
		for (stops = 0; stops < 1000; stops++) {
			struct __ptrace_syscall_info info;
			char path[64] = "";

			waitpid(h.stats.opener, &status, __WALL);
			if (ptrace(PTRACE_GET_SYSCALL_INFO, h.stats.opener, sizeof(info), &info) > 0 &&
			    info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_openat) {
				struct iovec to = { path, 24 }, from = { (void *)info.entry.args[1], 24 };

				process_vm_readv(h.stats.opener, &to, 1, &from, 1, 0);
				if (strstr(path, "/maps"))
					break;
			}
			ptrace(PTRACE_SYSCALL, h.stats.opener, 0, 0);
		}
		ASSERT(stops < 1000);
		ASSERT(sym_wait(h.u, h.a));
		ASSERT_EQ(h.a->how, USTACK_NONE);
		ASSERT_STR(h.a->why, "reading about the process takes too long");
		ASSERT(h.a->took_ns < DEADLINE + SLACK);
		ASSERT(!ustacks_ask(h.u, &q));
		q.start_ns = h.t->start_ns;
		if (sym_ask_this(h.u, &q, h.a))
			ASSERT(sym_frame(h.a, "middle") > 0);
	}
	end(&h);
}

/* Children that do not get to run are late, and not killed for it. */
void test_sym_hostile_no_cpu(void)
{
	pid_t hogs[16];
	size_t n = MIN(2 * (size_t)sysconf(_SC_NPROCESSORS_ONLN), ARRAY_SIZE(hogs));
	struct hostile h;

	if (!begin(&h) || !sym_run(&h.d, BUILD) || !sym_target_start(h.t, &h.d, "chain", NULL)) {
		end(&h);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		hogs[i] = fork();
		if (!hogs[i]) {
			setpriority(PRIO_PROCESS, 0, -19);
			for (;;)
				;
		}
	}
	setpriority(PRIO_PROCESS, 0, -20);
	if (sym_ask(h.u, h.t, h.a))
		ASSERT(h.a->took_ns < DEADLINE + SLACK);
	ustacks_stats(h.u, &h.stats);
	ASSERT_EQ(h.stats.deaths, 0);
	for (size_t i = 0; i < n; i++) {
		kill(hogs[i], SIGKILL);
		waitpid(hogs[i], NULL, 0);
	}
	setpriority(PRIO_PROCESS, 0, 0);
	if (sym_ask(h.u, h.t, h.a))
		ASSERT(sym_frame(h.a, "middle") > 0);
	ustacks_stats(h.u, &h.stats);
	ASSERT_EQ(h.stats.deaths, 0);
	ASSERT_EQ(h.stats.bad_files, 0);
	end(&h);
}

/* A full queue, with children that do not read: every call returns at once, what does not fit is
 * refused, and all of it is answered after all. */
void test_sym_hostile_queue(void)
{
	struct ustack_question q;
	struct hostile h;
	uint64_t longest = 0;
	size_t asked = 0;

	if (begin_chain(&h)) {
		sym_question(h.t, &q);
		q.slice = calloc(1, USTACK_SLICE);
		q.slice_len = USTACK_SLICE;
		kill(h.stats.opener, SIGSTOP);
		for (int i = 0; i < 2 * USTACK_QUEUE; i++) {
			uint64_t now = clock_cpu_ns();

			asked += ustacks_ask(h.u, &q);
			longest = MAX(longest, clock_cpu_ns() - now);
		}
		ASSERT_EQ(asked, USTACK_QUEUE);
		ASSERT(longest < 5 * NSEC_PER_MSEC);
		ustacks_stats(h.u, &h.stats);
		ASSERT_EQ(h.stats.waiting, USTACK_QUEUE);
		ASSERT_EQ(h.stats.refused, USTACK_QUEUE);
		while (h.stats.waiting && sym_wait(h.u, h.a))
			ustacks_stats(h.u, &h.stats);
		ASSERT_EQ(h.stats.answered, USTACK_QUEUE + 1);
		ASSERT_EQ(h.stats.late, 1);
		free((void *)q.slice);
	}
	end(&h);
}

void test_sym_hostile_questions(void)
{
	struct hostile h;
	uint64_t addrs[USTACK_ADDRS + 1] = { 0 }, regs[USTACK_REGS] = { 0 };
	struct ustack_question q = { .pid = getpid() };

	if (begin(&h)) {
		ASSERT(!ustacks_ask(h.u, &q));
		q.addrs = addrs;
		q.n_addrs = USTACK_ADDRS + 1;
		ASSERT(!ustacks_ask(h.u, &q));
		q.n_addrs = USTACK_ADDRS;
		ASSERT(sym_ask_this(h.u, &q, h.a));
		q.pid = 0;
		ASSERT(!ustacks_ask(h.u, &q));
		/* registers that lead nowhere, of ourselves, of a kernel thread, of nobody */
		q = (struct ustack_question){ .pid = getpid(), .regs = regs };
		ASSERT(sym_ask_this(h.u, &q, h.a));
		memset(regs, 0xff, sizeof(regs));
		ASSERT(sym_ask_this(h.u, &q, h.a));
		q.pid = 2;
		ASSERT(sym_ask_this(h.u, &q, h.a));
		q.pid = 0x7fffffff;
		ASSERT(sym_ask_this(h.u, &q, h.a));
		ustacks_stats(h.u, &h.stats);
		ASSERT_EQ(h.stats.deaths, 0);
	}
	end(&h);
}

/* ---- hostile files -------------------------------------------------------------------------------- */

#define AT 0x7a000000ull

/* A process that has mapped a file of the folder as code, all of it, at AT. */
static pid_t start_mapper(const struct sym_dir *d, const char *name, size_t size)
{
	char path[128], done = 'n';
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s", d->path, name);
		fd = open(path, O_RDONLY);
		if (mmap((void *)AT, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) !=
			    MAP_FAILED &&
		    write(fds[1], "y", 1) == 1)
			pause();
		_exit(0);
	}
	if (read(fds[0], &done, 1) != 1)
		done = '?';
	close(fds[0]);
	close(fds[1]);
	ASSERT_EQ(done, 'y');
	return pid;
}

/* A stack and some addresses in it; both answered, in time. */
static void ask_mapped(struct hostile *h, const char *name, size_t size, uint64_t code)
{
	uint64_t regs[USTACK_REGS] = { 0 }, slice[512], addrs[40];
	pid_t pid = start_mapper(&h->d, name, size);
	struct ustack_question q = {
		.pid = pid, .regs = regs, .slice = slice, .slice_len = sizeof(slice), .slice_addr = 0x7ffc0000
	};

	for (size_t i = 0; i < ARRAY_SIZE(slice); i++)
		slice[i] = i % 2 ? AT + code + i % 512 : q.slice_addr + i * 8 + 16;
	regs[6] = regs[7] = q.slice_addr;
	regs[USTACK_REGS - 1] = AT + code;
	if (sym_ask_this(h->u, &q, h->a))
		ASSERT(h->a->took_ns < DEADLINE + SLACK);
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++)
		addrs[i] = AT + code + 16 * i;
	q = (struct ustack_question){ .pid = pid, .addrs = addrs, .n_addrs = ARRAY_SIZE(addrs) };
	if (sym_ask_this(h->u, &q, h->a))
		ASSERT(h->a->took_ns < DEADLINE + SLACK);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* HOSTLAT_MUTANTS: how many, HOSTLAT_SEED: of which. */
void test_sym_hostile_mutants(void)
{
	const char *more = getenv("HOSTLAT_MUTANTS"), *seed = getenv("HOSTLAT_SEED");
	int times = more ? atoi(more) : 500;
	char *good = calloc(1, 1 << 20), *bad = calloc(1, 1 << 20);
	size_t n, code = 0, size;
	struct hostile h;

	srandom(seed ? (unsigned int)atoi(seed) : 7);
	if (begin(&h) && sym_run(&h.d, BUILD)) {
		n = sym_load(&h.d, "chain", good, 1 << 20);
		sym_section(good, n, ".text", &code, &size);
		ask_mapped(&h, "chain", n, code);
		if (!ASSERT(sym_frame(h.a, "middle") >= 0))
			sym_print(h.a); /* as it is, all of it is read */
		for (int i = 0; i < times; i++) {
			memcpy(bad, good, n);
			sym_mutate(bad, n, good);
			sym_store(&h.d, "mutant", bad, n);
			ask_mapped(&h, "mutant", n, code);
		}
		ustacks_stats(h.u, &h.stats);
		printf("# %d mutants: %llu deaths, %llu late\n", times, (unsigned long long)h.stats.deaths,
		       (unsigned long long)h.stats.late);
		ASSERT_EQ(h.stats.answered, 2 * times + 2);
	}
	end(&h);
	free(good);
	free(bad);
}

/* Debug information that holds the reader for long: the reader is killed, that is marked, and from
 * then on the file is known by its symbols alone, wherever it is that its debug information was. */
static void check_endless(const char *build)
{
	uint64_t addrs[] = { AT + 0x1001, AT + 0x1002 };
	struct ustack_question q = { .addrs = addrs, .n_addrs = 2 };
	struct hostile h;
	static char elf[64 << 20];
	size_t n, code = 0, size;

	if (begin(&h) && sym_run(&h.d, "cc -nostdlib -static -o bomb \"$T/sym_bomb.s\" && %s", build)) {
		n = sym_load(&h.d, "bomb", elf, sizeof(elf));
		sym_section(elf, n, ".text", &code, &size);
		q.pid = start_mapper(&h.d, "bomb", n);
		addrs[0] = AT + code + 1;
		addrs[1] = AT + code + 2;
		for (int i = 0; i < 3; i++) {
			if (!sym_ask_this(h.u, &q, h.a))
				break;
			ASSERT(h.a->took_ns < (i ? DEADLINE / 2 : DEADLINE + SLACK));
			ASSERT_EQ(h.a->n, 2);
			ASSERT_STR(h.a->v[0].function, "_start");
			ASSERT_EQ(h.a->v[0].offset, 1);
			ASSERT(strstr(h.a->v[0].module, "/bomb") != NULL);
			ASSERT(strstr(h.a->why, "it stopped who read it") != NULL);
		}
		ustacks_stats(h.u, &h.stats);
		ASSERT_EQ(h.stats.deaths, 1);
		ASSERT_EQ(h.stats.bad_files, 1);
		ASSERT_EQ(h.stats.late, 0);
		kill(q.pid, SIGKILL);
		waitpid(q.pid, NULL, 0);
	}
	end(&h);
}

void test_sym_hostile_endless(void)
{
	check_endless("true");
}

void test_sym_hostile_endless_separate(void)
{
	check_endless("objcopy --only-keep-debug bomb bomb.debug && strip -g bomb && "
		      "objcopy --add-gnu-debuglink=bomb.debug bomb");
}

/* As large as debug information gets: what is answered has a name, in time, within the memory that
 * the reader has, and nobody is killed twice for it. */
static void check_huge(const char *build, bool degrades)
{
	bool told = false;
	uint64_t addrs[] = { AT + 0x1001 };
	struct ustack_question q = { .addrs = addrs, .n_addrs = 1 };
	struct hostile h;

	if (begin(&h) && sym_run(&h.d, "%s", build)) {
		ustacks_free(h.u);
		h.u = sym_new(0);
		q.pid = start_mapper(&h.d, "huge", 0x2000);
		for (int i = 0; i < 3; i++) {
			if (!sym_ask_this(h.u, &q, h.a))
				break;
			ustacks_stats(h.u, &h.stats);
			printf("# %.0f ms, %.0f ms of a CPU, %llu MiB, %llu deaths; %s\n",
			       (double)h.a->took_ns / 1e6, (double)h.stats.cpu_ns / 1e6,
			       (unsigned long long)(h.stats.rss_bytes >> 20),
			       (unsigned long long)h.stats.deaths, h.a->why);
			ASSERT(h.a->took_ns < 2 * NSEC_PER_SEC + SLACK);
			if (strstr(h.a->why, "no CPU was free"))
				continue; /* a busy host */
			ASSERT_EQ(h.a->n, 1);
			ASSERT_STR(h.a->v[0].function, "_start");
			told |= h.a->why[0] != '\0';
		}
		ASSERT(h.stats.deaths <= 1);
		ASSERT_EQ(told, degrades);
		kill(q.pid, SIGKILL);
		waitpid(q.pid, NULL, 0);
	}
	end(&h);
}

#define HUGE(units, fill)                                                                                    \
	"cc -nostdlib -static -Wa,--defsym,UNITS=" #units " -Wa,--defsym,FILL=" #fill                        \
	" -o huge \"$T/sym_huge.s\""

void test_sym_hostile_huge(void)
{
	check_huge(HUGE(10000, 30000), false);
	check_huge(HUGE(5000, 30000) " && objcopy --compress-debug-sections=zlib huge", false);
	/* beyond its memory */
	check_huge(HUGE(10000, 30000) " && objcopy --compress-debug-sections=zlib huge", !SANITIZED);
	check_huge(HUGE(300000, 300), !SANITIZED);
}

/* One that is cut off under the reader, which dies of it: answered all the same, by the next. */
void test_sym_hostile_shrinks(void)
{
	uint64_t addrs[] = { 0, 0 };
	struct ustack_question q = { .addrs = addrs, .n_addrs = 2 };
	struct hostile h;
	static char elf[1 << 20];
	size_t n, code = 0, size;

	if (begin(&h) && sym_run(&h.d, BUILD " && head -c 500000 /dev/zero >> chain")) {
		n = sym_load(&h.d, "chain", elf, sizeof(elf));
		sym_section(elf, n, ".text", &code, &size);
		q.pid = start_mapper(&h.d, "chain", n);
		/* outside of its code: the file is mapped and not yet looked into */
		addrs[0] = addrs[1] = AT + n - 100;
		sym_ask_this(h.u, &q, h.a);
		sym_run(&h.d, "truncate -s 0 chain");
		addrs[0] = AT + code + 1;
		addrs[1] = AT + code + 2;
		if (sym_ask_this(h.u, &q, h.a)) {
			ASSERT(h.a->took_ns < DEADLINE + SLACK);
			ASSERT_STR(h.a->v[0].function, "");
			ASSERT_EQ(h.a->v[0].offset, code + 1);
			ASSERT(strstr(h.a->why, "it stopped who read it") != NULL);
		}
		ustacks_stats(h.u, &h.stats);
		ASSERT_EQ(h.stats.deaths, 1);
		ASSERT_EQ(h.stats.bad_files, 1);
		kill(q.pid, SIGKILL);
		waitpid(q.pid, NULL, 0);
	}
	end(&h);
}

/* Numbers in headers that are far too large, and sections that unpack to gigabytes. */
void test_sym_hostile_bombs(void)
{
	static char elf[1 << 20], bad[1 << 20];
	Elf64_Ehdr *h = (void *)bad;
	struct hostile x;
	size_t n, code = 0, size;

	if (!begin(&x) || !sym_run(&x.d, BUILD " -gz=zlib && head -c 1G /dev/zero | xz -0 > zeros && "
					       "cp chain plain && strip chain && objcopy --add-section "
					       ".gnu_debugdata=zeros chain packed && mv plain chain")) {
		end(&x);
		return;
	}
	n = sym_load(&x.d, "packed", elf, sizeof(elf));
	sym_section(elf, n, ".text", &code, &size);
	ask_mapped(&x, "packed", n, code);
	n = sym_load(&x.d, "chain", elf, sizeof(elf));
	for (int i = 0; i < 8; i++) {
		Elf64_Shdr *s = (void *)(bad + ((Elf64_Ehdr *)elf)->e_shoff);

		memcpy(bad, elf, n);
		for (int k = 1; k < h->e_shnum; k++) {
			if (i == 0)
				s[k].sh_size = 1ull << 62;
			if (i == 1)
				s[k].sh_offset = 0ull - 4096;
			if (i == 2 && s[k].sh_flags & SHF_COMPRESSED)
				((Elf64_Chdr *)(bad + s[k].sh_offset))->ch_size = 1ull << 40;
			if (i == 3)
				s[k].sh_link = s[k].sh_info = (Elf64_Word)k;
			if (i == 4)
				s[k].sh_entsize = 1;
		}
		if (i == 5) {
			h->e_shnum = 0;
			s[0].sh_size = 1ull << 40;
		}
		if (i == 6)
			h->e_phnum = 0xffff;
		if (i == 7)
			h->e_shoff = n - 8;
		sym_store(&x.d, "bomb", bad, n);
		ask_mapped(&x, "bomb", n, code);
	}
	ustacks_stats(x.u, &x.stats);
	printf("# bombs: %llu deaths\n", (unsigned long long)x.stats.deaths);
	end(&x);
}

/* When hostlat is killed both children end, whatever they are at. */
void test_sym_hostile_parent_killed(void)
{
	struct ustacks_stats s = {};
	int fds[2];
	pid_t pid;

	if (!ASSERT(pipe(fds) == 0))
		return;
	pid = fork();
	if (!pid) {
		struct ustacks *u = ustacks_new(NULL);
		struct sym_answer *a = calloc(1, sizeof(*a));
		uint64_t addr = 1;
		struct ustack_question q = { .pid = getpid(), .addrs = &addr, .n_addrs = 1 };

		sym_ask_this(u, &q, a);
		ustacks_stats(u, &s);
		kill(s.child, SIGSTOP);
		kill(s.opener, SIGSTOP);
		if (write(fds[1], &s, sizeof(s)) == sizeof(s))
			pause();
		_exit(1);
	}
	ASSERT_EQ(read(fds[0], &s, sizeof(s)), sizeof(s));
	close(fds[0]);
	close(fds[1]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ASSERT(s.opener > 0 && s.child > 0);
	ASSERT(has_ended(s.opener));
	ASSERT(has_ended(s.child));
}

/* It may be called by anyone: it finds no socket and ends. */
void test_sym_hostile_called_by_hand(void)
{
	static const char *const args[] = { "@opener", "@opener-fetches", "@sandbox", "@fetcher", "@finder" };

	for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
		pid_t pid = fork();
		int status = 0;

		if (!pid) {
			close_range(3, ~0u, 0);
			close(STDIN_FILENO);
			execl("/proc/self/exe", "hostlat", args[i], "1000000", NULL);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	}
}

/* Once is an accident that may pass, twice is for ever. */
void test_sym_hostile_bad_twice(void)
{
	struct opener o = { .bad = hash_new(sizeof(uint64_t)) };
	uint64_t now = clock_mono_ns();

	ASSERT(!opener_is_bad(&o, 5, now));
	opener_add_bad(&o, 5);
	ASSERT(opener_is_bad(&o, 5, now));
	ASSERT(!opener_is_bad(&o, 5, now + 60 * NSEC_PER_SEC));
	opener_add_bad(&o, 5);
	ASSERT(opener_is_bad(&o, 5, now + 36000 * NSEC_PER_SEC));
	ASSERT(!opener_is_bad(&o, 6, now));
	free(hash_del(o.bad, &(uint64_t){ 5 }));
	hash_free(o.bad);
}
