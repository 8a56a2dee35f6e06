/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Where names come from: separate debug files, files that are gone, maps of made code; and what is refused.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/proc.h"
#include "tests/test.h"
#include "tests/unit/sym_fixture.h"

#define LIB   "cc -O2 -fPIC -shared -o libchain.so \"$T/sym_lib.c\" && "
#define BUILD LIB "cc -O2 -g -o chain \"$T/sym_chain.c\" -L. -lchain"

struct files {
	struct sym_target *t;
	struct sym_answer *a;
	struct ustacks *u;
	struct sym_dir d;
};

static bool begin(struct files *f)
{
	f->t = calloc(1, sizeof(*f->t));
	f->a = calloc(1, sizeof(*f->a));
	f->u = sym_new(0);
	return sym_dir_make(&f->d);
}

static void end(struct files *f)
{
	if (f->t->pid)
		sym_target_stop(f->t);
	ustacks_free(f->u);
	sym_dir_clean(&f->d);
	free(f->t);
	free(f->a);
}

static void check_middle(const struct sym_answer *a)
{
	int at = sym_frame(a, "middle");

	if (!ASSERT(at > 1)) {
		sym_print(a);
		return;
	}
	ASSERT_EQ(a->v[at].line, sym_line("tests/data/sym_chain.c", "middle"));
	ASSERT_STR(a->v[at - 1].function, "folded");
	ASSERT(a->v[at - 1].inlined);
}

/* Beside the program, by the link; and one that is of another program is not believed. */
void test_sym_files_debuglink(void)
{
	struct files f;

	if (begin(&f) &&
	    sym_run(&f.d,
		    "%s -Wl,--build-id=none && objcopy --only-keep-debug chain chain.debug && strip chain && "
		    "objcopy --add-gnu-debuglink=chain.debug chain",
		    BUILD) &&
	    sym_target_start(f.t, &f.d, "chain", NULL) && sym_ask(f.u, f.t, f.a))
		check_middle(f.a);
	end(&f);
	if (begin(&f) &&
	    sym_run(&f.d,
		    "%s -Wl,--build-id=none && objcopy --only-keep-debug chain chain.debug && strip chain && "
		    "objcopy --add-gnu-debuglink=chain.debug chain && echo >> chain.debug",
		    BUILD) &&
	    sym_target_start(f.t, &f.d, "chain", NULL) && sym_ask(f.u, f.t, f.a))
		ASSERT_EQ(sym_frame(f.a, "middle"), -1);
	end(&f);
}

/* By build id, below the root of the process: here a file is put into the host's. */
void test_sym_files_build_id(void)
{
	struct files f;

	if (begin(&f) &&
	    sym_run(&f.d,
		    "%s && objcopy --only-keep-debug chain chain.debug && strip chain && id=$(readelf -n "
		    "chain | "
		    "sed -n 's/.*Build ID: //p') && mkdir -p /usr/lib/debug/.build-id/${id%%${id#??}} && "
		    "echo /usr/lib/debug/.build-id/${id%%${id#??}}/${id#??}.debug > where && "
		    "mv chain.debug $(cat where)",
		    BUILD) &&
	    sym_target_start(f.t, &f.d, "chain", NULL) && sym_ask(f.u, f.t, f.a))
		check_middle(f.a);
	sym_run(&f.d, "w=$(cat where) && rm -f $w && rmdir -p --ignore-fail-on-non-empty ${w%%/*}");
	end(&f);
}

/* A file of that name with another build id names nothing. */
void test_sym_files_wrong_build_id(void)
{
	struct files f;

	if (begin(&f) &&
	    sym_run(&f.d,
		    "%s && id=$(readelf -n chain | sed -n 's/.*Build ID: //p') && "
		    "cc -O1 -g -o other \"$T/sym_chain.c\" -L. -lchain && strip chain && "
		    "mkdir -p /usr/lib/debug/.build-id/${id%%${id#??}} && "
		    "echo /usr/lib/debug/.build-id/${id%%${id#??}}/${id#??}.debug > where && "
		    "mv other $(cat where)",
		    BUILD) &&
	    sym_target_start(f.t, &f.d, "chain", NULL) && sym_ask(f.u, f.t, f.a)) {
		ASSERT_EQ(f.a->how, USTACK_DWARF);
		ASSERT(f.a->n >= 5);
		ASSERT_EQ(sym_frame(f.a, "middle"), -1);
	}
	sym_run(&f.d, "w=$(cat where) && rm -f $w && rmdir -p --ignore-fail-on-non-empty ${w%%/*}");
	end(&f);
}

/* What debug files of one package share is in a file of its own. */
void test_sym_files_dwz(void)
{
	struct files f;

	if (system("command -v dwz > /dev/null")) {
		printf("# not tested: no dwz here\n");
		return;
	}
	if (begin(&f) &&
	    sym_run(&f.d,
		    "%s && cc -O1 -g -o other \"$T/sym_chain.c\" -L. -lchain && mkdir -p /usr/lib/debug/.dwz "
		    "&& "
		    "dwz -q -m shared -M /usr/lib/debug/.dwz/hostlat-test.debug chain other && "
		    "cp shared /usr/lib/debug/.dwz/hostlat-test.debug && readelf -S chain | grep -q "
		    "debugaltlink",
		    BUILD) &&
	    sym_target_start(f.t, &f.d, "chain", NULL) && sym_ask(f.u, f.t, f.a))
		check_middle(f.a);
	sym_run(&f.d, "rm -f /usr/lib/debug/.dwz/hostlat-test.debug");
	end(&f);
}

/* The compressed table that distributions leave in stripped programs. */
void test_sym_files_debugdata(void)
{
	struct files f;

	if (begin(&f) &&
	    sym_run(&f.d,
		    "%s && objcopy -S --keep-symbol=middle --keep-symbol=leaf chain mini && xz mini && "
		    "strip chain && objcopy --add-section .gnu_debugdata=mini.xz chain",
		    BUILD) &&
	    sym_target_start(f.t, &f.d, "chain", NULL) && sym_ask(f.u, f.t, f.a)) {
		ASSERT(sym_frame(f.a, "middle") > 0);
		ASSERT(sym_frame(f.a, "leaf") > 0);
		ASSERT_EQ(sym_frame(f.a, "outer"), -1);
	}
	end(&f);
}

/* Both were replaced while the program runs: its own file counts, not the path. */
void test_sym_files_deleted(void)
{
	struct files f;

	if (begin(&f) && sym_run(&f.d, BUILD) && sym_target_start(f.t, &f.d, "chain", NULL) &&
	    sym_run(&f.d, "rm libchain.so chain && cp /bin/true chain") && sym_ask(f.u, f.t, f.a)) {
		check_middle(f.a);
		ASSERT(sym_frame(f.a, "lib_call") > 0);
	}
	end(&f);
}

/* A process that was seen is known after its end; one that was not has addresses only. */
void test_sym_files_exited(void)
{
	struct files f;

	if (begin(&f) && sym_run(&f.d, BUILD) && sym_target_start(f.t, &f.d, "chain", NULL) &&
	    sym_ask(f.u, f.t, f.a)) {
		sym_target_stop(f.t);
		sym_run(&f.d, "rm chain libchain.so");
		f.t->slice[0] ^= 0; /* the same stack */
		if (sym_ask(f.u, f.t, f.a))
			check_middle(f.a);
		f.t->start_ns += NSEC_PER_SEC;
		if (sym_ask(f.u, f.t, f.a)) {
			ASSERT_EQ(f.a->how, USTACK_NONE);
			ASSERT_EQ(f.a->n, 1);
			ASSERT_EQ(f.a->v[0].pc, f.t->regs[USTACK_REGS - 1]);
		}
		f.t->pid = 0;
	}
	end(&f);
}

/* A process that runs another program is read again. */
void test_sym_files_exec(void)
{
	struct files f;

	if (begin(&f) &&
	    sym_run(&f.d,
		    "%s && mkfifo go && printf '#!/bin/sh\ncd ${0%%%%/*}\nread x < go\nexec ./chain\n' > run "
		    "&& "
		    "chmod +x run",
		    BUILD) &&
	    sym_target_start(f.t, &f.d, "run", NULL) && sym_ask(f.u, f.t, f.a)) {
		ASSERT_EQ(sym_frame(f.a, "middle"), -1);
		sym_run(&f.d, "echo > go");
		usleep(100000);
		if (sym_target_look(f.t, f.t->pid) && sym_ask(f.u, f.t, f.a))
			check_middle(f.a);
	}
	end(&f);
}

/* What stands at the path now is never opened when it is no file. */
void test_sym_files_fifo(void)
{
	struct files f;

	if (begin(&f) && sym_run(&f.d, BUILD) && sym_target_start(f.t, &f.d, "chain", NULL) &&
	    sym_run(&f.d, "rm chain && mkfifo chain && rm libchain.so && mkdir libchain.so") &&
	    sym_ask(f.u, f.t, f.a))
		check_middle(f.a);
	end(&f);
}

/* ---- code that was made ------------------------------------------------------------------- */

#define MADE 0x5a5a000

/* A process with anonymous code at MADE and, perhaps, its own map as a file. */
static pid_t start_maker(const char *cmd, uid_t uid, const char *root)
{
	char done, line[512];
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid) {
		mmap((void *)MADE, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (root && (chroot(root) || chdir("/")))
			_exit(1);
		if (uid && setresuid(uid, uid, uid))
			_exit(1);
		snprintf(line, sizeof(line), "m=/tmp/perf-%d.map; rm -f $m; %s", (int)getpid(), cmd);
		if (write(fds[1], root || system(line) == 0 ? "y" : "n", 1) == 1)
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

static void check_made(const char *cmd, uid_t uid, const char *function, const char *module)
{
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	uint64_t addrs[] = { MADE + 0x104 };
	struct ustack_question q = { .pid = start_maker(cmd, uid, NULL), .addrs = addrs, .n_addrs = 1 };
	struct proc_info info = {};
	char path[64];

	ASSERT_EQ(proc_read(q.pid, &info), 0);
	q.start_ns = info.start;
	if (sym_ask_this(u, &q, a)) {
		ASSERT_STR(a->v[0].function, function);
		ASSERT_STR(a->v[0].module, module);
		ASSERT_EQ(a->v[0].offset, *function ? 4 : 0);
	}
	kill(q.pid, SIGKILL);
	waitpid(q.pid, NULL, 0);
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)q.pid);
	unlink(path);
	ustacks_free(u);
	free(a);
}

#define LINES "'5a5a000 100 first\\n5a5a100 20 second one\\n5a5a100 30 Class.third(int)\\n5a5a200 10 cut'"

void test_sym_files_perf_map(void)
{
	check_made("printf " LINES " > $m", 0, "Class.third(int)", "perf-map");
	check_made("printf " LINES " > $m", 1234, "Class.third(int)", "perf-map");
	check_made("true", 0, "", "[anon]");
	/* of another process that had the number */
	check_made("printf " LINES " > $m; touch -d '1 hour ago' $m", 0, "", "[anon]");
}

void test_sym_files_perf_map_refused(void)
{
	/* a link, one that leads to itself by two names, a FIFO, a folder, garbage */
	check_made("printf " LINES
		   " > $m.real; ln -s $m.real $m; sleep 0.1; mv $m.real /tmp/hostlat-sym-real",
		   0, "", "[anon]");
	check_made("printf " LINES " > $m.real; ln $m.real $m", 0, "", "[anon]");
	check_made("mkfifo $m", 0, "", "[anon]");
	check_made("printf 'zz 1 a\\n\\n5a5a100\\n5a5a100 \\n5a5a100 10\\n5a5a100 10 ' > $m", 0, "",
		   "[anon]");
	unlink("/tmp/hostlat-sym-real");
	if (system("rm -f /tmp/perf-*.map.real"))
		return;
}

static void check_others_map(uid_t owner, const char *function)
{
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	uint64_t addrs[] = { MADE + 0x104 };
	struct ustack_question q = { .pid = start_maker("true", 1234, NULL), .addrs = addrs, .n_addrs = 1 };
	char path[64], cmd[256];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)q.pid);
	snprintf(cmd, sizeof(cmd), "printf " LINES " > %s", path);
	ASSERT_EQ(system(cmd), 0);
	ASSERT_EQ(chown(path, owner, 0), 0);
	if (sym_ask_this(u, &q, a))
		ASSERT_STR(a->v[0].function, function);
	/* more was made meanwhile */
	snprintf(cmd, sizeof(cmd), "printf '\\n5a5a100 80 newer\\n' >> %s", path);
	ASSERT_EQ(system(cmd), 0);
	addrs[0] = MADE + 0x140;
	if (*function && sym_ask_this(u, &q, a))
		ASSERT_EQ(a->v[0].function[0], 'n');
	/* and made again where something was that is known */
	snprintf(cmd, sizeof(cmd), "printf '5a5a100 80 again\\n' >> %s", path);
	ASSERT_EQ(system(cmd), 0);
	usleep(150000);
	if (*function && sym_ask_this(u, &q, a))
		ASSERT_EQ(a->v[0].function[0], 'a');
	kill(q.pid, SIGKILL);
	waitpid(q.pid, NULL, 0);
	unlink(path);
	ustacks_free(u);
	free(a);
}

void test_sym_files_perf_map_owner(void)
{
	check_others_map(1234, "Class.third(int)");
	check_others_map(0, "Class.third(int)");
	check_others_map(4321, "");
}

/* A process in a root of its own: that is where its map is, however its links lead. */
static void check_root(const char *cmd, const char *map, const char *function)
{
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	uint64_t addrs[] = { MADE + 0x104 };
	struct ustack_question q = { .addrs = addrs, .n_addrs = 1 };
	struct sym_dir d;

	if (sym_dir_make(&d) && sym_run(&d, "%s", cmd)) {
		q.pid = start_maker("true", 0, d.path);
		sym_run(&d, "printf " LINES " > %s/perf-%d.map", map, (int)q.pid);
		if (sym_ask_this(u, &q, a))
			ASSERT_STR(a->v[0].function, function);
		kill(q.pid, SIGKILL);
		waitpid(q.pid, NULL, 0);
		sym_run(&d, "rm -f %s/perf-%d.map", map, (int)q.pid);
	}
	sym_dir_clean(&d);
	ustacks_free(u);
	free(a);
}

void test_sym_files_perf_map_root(void)
{
	check_root("mkdir tmp", "tmp", "Class.third(int)");
	check_root("mkdir x && ln -s /x tmp", "x", "Class.third(int)");
	check_root("mkdir tmp", "/tmp", "");
	/* links out of it lead back into it */
	check_root("ln -s /tmp tmp", "/tmp", "");
	check_root("ln -s ../../../tmp tmp", "/tmp", "");
	check_root("ln -s /proc/1/root/tmp tmp", "/tmp", "");
}

/* A jitdump file is mapped as code by who writes it, so that it is found. */
void test_sym_files_jitdump(void)
{
	struct {
		uint32_t magic, version, size, mach, pad, pid;
		uint64_t time, flags;
		struct {
			uint32_t id, size;
			uint64_t time;
			uint32_t pid, tid;
			uint64_t vma, addr, bytes, index;
			char name[8];
		} load[2];
	} dump = { .magic = 0x4a695444, .version = 1, .size = 40 };
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	uint64_t addrs[] = { MADE + 0x104 };
	struct ustack_question q = { .addrs = addrs, .n_addrs = 1 };
	struct sym_dir d;

	for (int i = 0; i < 2; i++) {
		dump.load[i].size = sizeof(dump.load[i]);
		dump.load[i].addr = MADE + 0x100 * (uint64_t)i;
		dump.load[i].bytes = 0x80;
		strcpy(dump.load[i].name, i ? "made" : "other");
	}
	if (sym_dir_make(&d)) {
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "%s/jit-77.dump", d.path);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		ASSERT_EQ(write(fd, &dump, sizeof(dump)), sizeof(dump));
		/* a child inherits the mapping */
		void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

		q.pid = start_maker("true", 0, NULL);
		munmap(at, 4096);
		close(fd);
		if (sym_ask_this(u, &q, a))
			ASSERT_STR(a->v[0].function, "made");
		kill(q.pid, SIGKILL);
		waitpid(q.pid, NULL, 0);
	}
	sym_dir_clean(&d);
	ustacks_free(u);
	free(a);
}

/* Maps the file as code at MADE, and nothing any more when it is told so. */
static pid_t start_unloader(const char *path, int *tell)
{
	char byte = 'y';
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return -1;
	pid = fork();
	if (!pid) {
		int fd = open(path, O_RDONLY);

		mmap((void *)MADE, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0);
		if (write(fds[1], &byte, 1) == 1 && read(fds[1], &byte, 1) == 1)
			munmap((void *)MADE, 8192);
		if (write(fds[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	close(fds[1]);
	*tell = fds[0];
	ASSERT_EQ(read(fds[0], &byte, 1), 1);
	return pid;
}

/* A stack may be of when a library was there that is unloaded by now. */
void test_sym_files_unloaded(void)
{
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	uint64_t addrs[] = { MADE + 0x104 };
	struct ustack_question q = { .addrs = addrs, .n_addrs = 1 };
	struct proc_info info = {};
	char byte = 'u';
	int tell = -1;

	q.pid = start_unloader("/proc/self/exe", &tell);
	ASSERT_EQ(proc_read(q.pid, &info), 0);
	q.start_ns = info.start;
	for (int i = 0; i < 2; i++) {
		if (sym_ask_this(u, &q, a))
			ASSERT(strstr(a->v[0].module, "unit"));
		ASSERT(i || write(tell, &byte, 1) == 1);
		ASSERT(i || read(tell, &byte, 1) == 1);
		usleep(150000); /* for which mappings are believed */
	}
	kill(q.pid, SIGKILL);
	waitpid(q.pid, NULL, 0);
	close(tell);
	ustacks_free(u);
	free(a);
}
