/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the tests of user stacks share: targets with a known stack, and asking. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <elf.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/proc.h"
#include "tests/test.h"
#include "tests/unit/sym_fixture.h"

/* CPU time that a call may take, for it must not wait; sanitizers and a busy host are slow. */
#ifdef __SANITIZE_ADDRESS__
#define CALL_NS (200 * NSEC_PER_MSEC)
#else
#define CALL_NS (20 * NSEC_PER_MSEC)
#endif

bool sym_dir_make(struct sym_dir *d)
{
	strcpy(d->path, "/tmp/hostlat-sym-XXXXXX");
	return ASSERT(mkdtemp(d->path) != NULL) && ASSERT(chmod(d->path, 0755) == 0);
}

bool sym_run(const struct sym_dir *d, const char *fmt, ...)
{
	char cmd[2048], cwd[256];
	va_list ap;
	int n;

	n = snprintf(cmd, sizeof(cmd), "T='%s/tests/data' && cd '%s' && ", getcwd(cwd, sizeof(cwd)), d->path);
	va_start(ap, fmt);
	vsnprintf(cmd + n, sizeof(cmd) - (size_t)n, fmt, ap);
	va_end(ap);
	if (system(cmd) == 0)
		return true;
	printf("# failed: %s\n", cmd);
	return ASSERT(false);
}

void sym_dir_clean(struct sym_dir *d)
{
	sym_run(d, "rm -rf '%s'", d->path);
}

/* ---- targets ------------------------------------------------------------------------------ */

static bool take_regs(pid_t pid, uint64_t *regs)
{
#if defined(__x86_64__)
	struct user_regs_struct r;
	struct iovec v = { &r, sizeof(r) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &v))
		return false;
	if (v.iov_len != sizeof(r)) { /* a 32-bit one: what a 64-bit program would find in its registers */
		uint32_t n[17];

		memcpy(n, &r, sizeof(n)); /* ebx ecx edx esi edi ebp eax … orig_eax eip cs eflags esp */
		const uint64_t same[USTACK_REGS] = { n[6], n[2], n[1],  n[0],        n[3],
						     n[4], n[5], n[15], [16] = n[12] };
		memcpy(regs, same, sizeof(same));
		return true;
	}
	const uint64_t order[USTACK_REGS] = { r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8,
					      r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip };
	memcpy(regs, order, sizeof(order));
	return true;
#else
	struct user_regs_struct r;
	struct iovec v = { &r, sizeof(r) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &v))
		return false;
	memcpy(regs, r.regs, sizeof(r.regs));
	regs[31] = r.sp;
	regs[32] = r.pc;
	return true;
#endif
}

#if defined(__x86_64__)
#define SP 7
#else
#define SP 31
#endif

static void take_slice(struct sym_target *t)
{
	t->slice_addr = t->regs[SP];
	t->slice_len = 0;
	/* up to where the stack ends, a page at a time */
	while (t->slice_len < sizeof(t->slice)) {
		uint64_t at = t->slice_addr + t->slice_len;
		size_t n = MIN(4096 - at % 4096, sizeof(t->slice) - t->slice_len);
		struct iovec to = { t->slice + t->slice_len, n }, from = { (void *)at, n };

		if (process_vm_readv(t->pid, &to, 1, &from, 1, 0) != (ssize_t)n)
			break;
		t->slice_len += n;
	}
}

static bool at_rest(pid_t pid)
{
	struct proc_info p;
	char exe[64], path[256];
	int still = 0;

	for (int i = 0; i < 3000; i++) {
		snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
		still = !proc_read(pid, &p) && p.state == 'S' && readlink(exe, path, sizeof(path)) > 0
				? still + 1
				: 0;
		if (still > 20)
			return true;
		usleep(1000);
	}
	return false;
}

bool sym_target_look(struct sym_target *t, pid_t pid)
{
	struct proc_info p;

	t->pid = pid;
	if (!ASSERT(at_rest(pid)) || !ASSERT(ptrace(PTRACE_SEIZE, t->pid, 0, 0) == 0) ||
	    !ASSERT(ptrace(PTRACE_INTERRUPT, t->pid, 0, 0) == 0) ||
	    !ASSERT(waitpid(t->pid, NULL, __WALL) == t->pid) || !ASSERT(take_regs(t->pid, t->regs)))
		return false;
	take_slice(t);
	ptrace(PTRACE_DETACH, t->pid, 0, 0);
	proc_read(t->pid, &p);
	t->start_ns = p.start;
	return true;
}

bool sym_target_start(struct sym_target *t, const struct sym_dir *d, const char *program, const char *arg)
{
	char path[128];

	memset(t, 0, sizeof(*t));
	snprintf(path, sizeof(path), "%s/%s", d->path, program);
	t->pid = fork();
	if (!t->pid) {
		setenv("LD_LIBRARY_PATH", d->path, 1);
		execl(path, program, arg, NULL);
		_exit(127);
	}
	return sym_target_look(t, t->pid);
}

void sym_target_stop(struct sym_target *t)
{
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
}

/* ---- asking --------------------------------------------------------------------------------- */

struct ustacks *sym_new(uint64_t deadline_ns)
{
	struct ustacks_options o = { .deadline_ns = deadline_ns };
	struct ustacks *u = ustacks_new(&o);

	ASSERT(u != NULL);
	return u;
}

void sym_question(const struct sym_target *t, struct ustack_question *q)
{
	*q = (struct ustack_question){ .ref = 42,
				       .pid = t->pid,
				       .start_ns = t->start_ns,
				       .regs = t->regs,
				       .slice = t->slice,
				       .slice_len = t->slice_len,
				       .slice_addr = t->slice_addr };
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void keep(void *arg, const struct ustack_answer *from)
{
	struct sym_answer *a = arg;

	a->got = true;
	a->ref = from->ref;
	a->how = from->how;
	a->truncated = from->truncated;
	copy(a->why, sizeof(a->why), from->why);
	a->n = MIN(from->n, ARRAY_SIZE(a->v));
	for (size_t i = 0; i < a->n; i++) {
		const struct ustack_frame *f = &from->frames[i];

		a->v[i].pc = f->pc;
		a->v[i].offset = f->offset;
		a->v[i].line = f->line;
		a->v[i].inlined = f->inlined;
		copy(a->v[i].function, sizeof(a->v[i].function), f->function);
		copy(a->v[i].module, sizeof(a->v[i].module), f->module);
		copy(a->v[i].file, sizeof(a->v[i].file), f->file);
	}
}

bool sym_wait(struct ustacks *u, struct sym_answer *a)
{
	uint64_t begin = clock_mono_ns(), longest = 0, now = begin;

	a->got = false;
	while (!a->got && now - begin < 10 * NSEC_PER_SEC) {
		struct pollfd p = { ustacks_fd(u), POLLIN, 0 };
		uint64_t before;

		poll(&p, 1, 10);
		before = clock_cpu_ns();
		ustacks_take(u, keep, a);
		ustacks_tick(u, clock_mono_ns());
		longest = MAX(longest, clock_cpu_ns() - before);
		now = clock_mono_ns();
	}
	a->took_ns = now - begin;
	ASSERT(longest < CALL_NS);
	return ASSERT(a->got);
}

bool sym_ask_this(struct ustacks *u, const struct ustack_question *q, struct sym_answer *a)
{
	memset(a, 0, sizeof(*a));
	return ASSERT(ustacks_ask(u, q)) && sym_wait(u, a) && ASSERT_EQ(a->ref, q->ref);
}

bool sym_ask(struct ustacks *u, const struct sym_target *t, struct sym_answer *a)
{
	struct ustack_question q;

	sym_question(t, &q);
	return sym_ask_this(u, &q, a);
}

int sym_frame(const struct sym_answer *a, const char *function)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->v[i].function, function))
			return (int)i;
	return -1;
}

void sym_print(const struct sym_answer *a)
{
	printf("# %s%s %s in %.1f ms\n", ustack_how_names[a->how], a->truncated ? " truncated" : "", a->why,
	       (double)a->took_ns / 1e6);
	for (size_t i = 0; i < a->n; i++)
		printf("#  %016llx %s+0x%llx%s %s %s:%u\n", (unsigned long long)a->v[i].pc, a->v[i].function,
		       (unsigned long long)a->v[i].offset, a->v[i].inlined ? " (inlined)" : "",
		       a->v[i].module, a->v[i].file, a->v[i].line);
}

int sym_line(const char *path, const char *mark)
{
	char line[512], want[128];
	FILE *f = fopen(path, "r");
	int n = 0;

	snprintf(want, sizeof(want), "/* %s */\n", mark);
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, want);

		n++;
		if (at && !at[strlen(want)]) {
			fclose(f);
			return n;
		}
	}
	if (f)
		fclose(f);
	return 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

size_t sym_load(const struct sym_dir *d, const char *name, char *to, size_t room)
{
	char path[128];
	FILE *f;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(to, 1, room, f);
		fclose(f);
	}
	return n;
}

void sym_store(const struct sym_dir *d, const char *name, const char *from, size_t n)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	unlink(path);
	f = fopen(path, "w");
	if (!ASSERT(f != NULL))
		return;
	ASSERT_EQ(fwrite(from, 1, n, f), n);
	fclose(f);
}

void sym_section(const char *elf, size_t n, const char *name, size_t *offset, size_t *size)
{
	const Elf64_Ehdr *h = (const void *)elf;
	const Elf64_Shdr *s = (const void *)(elf + h->e_shoff);

	for (int i = 0; i < h->e_shnum; i++)
		if (!strcmp(elf + s[h->e_shstrndx].sh_offset + s[i].sh_name, name)) {
			*offset = s[i].sh_offset;
			*size = s[i].sh_size;
		}
}

static const char *const sections[] = { ".eh_frame",       ".eh_frame_hdr", ".debug_info",
					".debug_abbrev",   ".debug_line",   ".symtab",
					".debug_rnglists", ".note.stapsdt", ".dynsym" };

void sym_mutate(char *elf, size_t n, const char *good)
{
	size_t offset = 0, size = n, times = 1 + (size_t)random() % 8;
	const Elf64_Ehdr *h = (const void *)good;
	long kind = random() % 10;

	if (kind == 0)
		size = 64 + 56 * 13;
	else if (kind == 1)
		offset = h->e_shoff, size = n - offset;
	else if (kind < 9)
		sym_section(good, n, sections[random() % ARRAY_SIZE(sections)], &offset, &size);
	for (size_t i = 0; i < times && size; i++) {
		size_t at = offset + (size_t)random() % size;

		elf[at] = random() % 3 ? (char)random() : (char)(random() % 2 ? 0xff : 0);
	}
}
