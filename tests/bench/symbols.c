/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What names cost: addresses of a program with debug information, cold and again, beside
 * eu-addr2line with the same addresses, whose answers are compared.
 *
 *   make bench-symbols [PROGRAM=…]     or build/bench-symbols PROGRAM [COUNT]
 */
#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sym/helper.h"
#include "sym/ustack.h"

#define BATCH USTACK_ADDRS
#define ROOM  512

struct bench {
	const char *program, *map;
	size_t size, n;
	uint64_t *addrs;     /* as the program numbers them */
	uint64_t base;       /* what the mapping adds */
	char (*names)[ROOM]; /* of each address: its functions and lines, innermost first */
	struct ustacks *u;
};

static void find_addrs(struct bench *b)
{
	const Elf64_Ehdr *h = (const void *)b->map;
	const Elf64_Shdr *s = (const void *)(b->map + h->e_shoff);
	const char *names = b->map + s[h->e_shstrndx].sh_offset;

	b->addrs = xcalloc(b->n, sizeof(*b->addrs));
	for (int i = 0; i < h->e_shnum; i++) {
		if (strcmp(names + s[i].sh_name, ".text"))
			continue;
		b->base = (uint64_t)b->map + s[i].sh_offset - s[i].sh_addr;
		for (size_t k = 0; k < b->n; k++)
			b->addrs[k] = s[i].sh_addr + s[i].sh_size / b->n * k;
	}
}

static void on_answer(void *arg, const struct ustack_answer *a)
{
	struct bench *b = arg;
	size_t at = a->ref, len = strlen(b->names[at]);

	for (size_t i = 0; i < a->n; i++) {
		const struct ustack_frame *f = &a->frames[i];
		const char *file = f->file ? strrchr(f->file, '/') : NULL;

		if (i && f->pc != a->frames[i - 1].pc) {
			at++;
			len = 0;
		}
		len += (size_t)snprintf(b->names[at] + len, ROOM - len, "%s %s:%u ",
					f->function ? f->function : "??",
					file      ? file + 1
					: f->file ? f->file
						  : "??",
					f->line);
		len = MIN(len, (size_t)ROOM - 1);
	}
	if (a->why)
		printf("  %s\n", a->why);
}

static uint64_t ask_all(struct bench *b)
{
	uint64_t begin = clock_mono_ns(), pcs[BATCH];
	struct ustacks_stats s = { .waiting = 1 };

	memset(b->names, 0, b->n * ROOM);
	for (size_t at = 0; at < b->n; at += BATCH) {
		struct ustack_question q = { .ref = at, .pid = getpid(), .addrs = pcs };

		/* the first is exact, the others are looked up one before */
		for (q.n_addrs = 0; q.n_addrs < MIN((size_t)BATCH, b->n - at); q.n_addrs++)
			pcs[q.n_addrs] = b->addrs[at + q.n_addrs] + b->base + (q.n_addrs > 0);
		ustacks_ask(b->u, &q);
	}
	while (s.waiting) {
		struct pollfd p = { ustacks_fd(b->u), POLLIN, 0 };

		poll(&p, 1, 100);
		ustacks_take(b->u, on_answer, b);
		ustacks_tick(b->u, clock_mono_ns());
		ustacks_stats(b->u, &s);
	}
	return clock_mono_ns() - begin;
}

/* The compiler's copies of a function have a mark behind its name in the symbol table, not in DWARF. */
static void unmark(char *s)
{
	static const char *const marks[] = { ".part.", ".constprop.", ".isra.", ".cold" };
	char *at;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		while ((at = strstr(s, marks[i]))) {
			size_t n = strlen(marks[i]) + strspn(at + strlen(marks[i]), "0123456789");

			memmove(at, at + n, strlen(at + n) + 1);
		}
}

static bool is_same(const char *row, const char *name, size_t *marked)
{
	char bare[ROOM];

	if (!strcmp(row, name))
		return true;
	strcpy(bare, name);
	unmark(bare);
	if (!strcmp(row, bare))
		(*marked)++;
	else if (getenv("VERBOSE"))
		printf("    %s\n    %s\n", name, row);
	return false;
}

/* "0xADDR", then function and file:line in turn. Returns how many addresses are the same. */
static size_t compare(const struct bench *b, FILE *f, size_t *marked)
{
	char line[4096], row[ROOM] = "";
	size_t at = 0, same = 0, len = 0;
	bool function = true, begun = false;

	while (at < b->n) {
		bool more = fgets(line, sizeof(line), f);
		const char *base;

		line[strcspn(line, "\n")] = '\0';
		if (!more || !strncmp(line, "0x", 2)) {
			if (begun) {
				same += is_same(row, b->names[at++], marked);
			}
			begun = function = true;
			len = 0;
			row[0] = '\0';
			if (!more)
				break;
			continue;
		}
		base = strrchr(line, '/');
		if (!function)
			line[(base ? (size_t)(base - line) : 0) + strcspn(base ? base : line, " (")] =
				'\0'; /* (discriminator …), columns */
		if (!function && strchr(base ? base : line, ':') != strrchr(base ? base : line, ':'))
			*strrchr(line, ':') = '\0';
		if (function)
			line[strcspn(line, " ")] = '\0'; /* "inlined at …" */
		len += (size_t)snprintf(row + len, ROOM - len, "%s ", base && !function ? base + 1 : line);
		len = MIN(len, (size_t)ROOM - 1);
		function = !function;
	}
	return same;
}

static void beside(const struct bench *b)
{
	char in[] = "/tmp/hostlat-addrs-XXXXXX", out[64], cmd[512];
	uint64_t begin;
	FILE *f = fdopen(mkstemp(in), "w"), *p;
	size_t same, marked = 0;
	struct stat st;

	for (size_t i = 0; i < b->n; i++)
		fprintf(f, "0x%lx\n", b->addrs[i]);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "eu-addr2line -a -f -i -e '%s' < %s > %s.out", b->program, in, in);
	begin = clock_mono_ns();
	(void)!system(cmd); /* its status is 1 when one address has no name */
	begin = clock_mono_ns() - begin;
	snprintf(out, sizeof(out), "%s.out", in);
	p = fopen(out, "r");
	if (!p || fstat(fileno(p), &st) || !st.st_size) {
		printf("eu-addr2line printed nothing (package elfutils)\n");
		b = NULL;
	}
	same = b ? compare(b, p, &marked) : 0;
	if (p)
		fclose(p);
	unlink(in);
	unlink(out);
	if (b)
		printf("eu-addr2line -f -i:  %8.1f ms; %zu of %zu answers are the same, %zu more but for "
		       "marks as .cold\n",
		       (double)begin / 1e6, same, b->n, marked);
}

int main(int argc, char **argv)
{
	struct ustacks_options o = { .deadline_ns = 60 * NSEC_PER_SEC };
	struct ustacks_stats s;
	struct bench b = { .n = 10000 };
	struct stat st;
	int fd;

	sym_helper(argc, argv);
	b.program = argc > 1 ? argv[1] : "/proc/self/exe";
	if (argc > 2)
		b.n = (size_t)atoi(argv[2]);
	fd = open(b.program, O_RDONLY);
	if (fd < 0 || fstat(fd, &st)) {
		perror(b.program);
		return 1;
	}
	b.size = (size_t)st.st_size;
	b.map = mmap(NULL, b.size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	b.names = xcalloc(b.n, ROOM);
	find_addrs(&b);
	b.u = ustacks_new(&o);
	if (!b.u)
		return 1;
	printf("%zu addresses of %s (%.1f MB)\n", b.n, b.program, (double)b.size / 1e6);
	printf("cold:                %8.1f ms\n", (double)ask_all(&b) / 1e6);
	printf("again:               %8.1f ms\n", (double)ask_all(&b) / 1e6);
	ustacks_stats(b.u, &s);
	printf("both children:       %8.1f MB resident, %.1f ms of CPU, %lu deaths\n",
	       (double)s.rss_bytes / 1e6, (double)s.cpu_ns / 1e6, s.deaths);
	beside(&b);
	ustacks_free(b.u);
	return 0;
}
