/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The program of known call chains: makes the sites that it is told, and prints
 * a line of JSON for each slow call that was made, in the order of their ends:
 *
 *   chain [all|NUMBER|NAME]…     chain --list
 *
 *   {"site", "name", "pid", "tid", "call", "begin_ns" (since boot), "duration_ns",
 *    "frames": [...] innermost first, to main or to what a thread or a coroutine
 *    begins with, "inlined": [...], "lines": [...] null: none, "files": [...],
 *    "cut": whether there may be fewer, "least": how many there have to be}
 *
 * Frames of libraries that are not the family's own are left out. "<signal>" is
 * where the kernel called a handler.
 *
 * Its threads wait for nothing but the calls that they print.
 */
#include "sites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS 1000000L

const struct timespec chain_pause = { 0, 15 * MS };
struct chain *chain_of_signal;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void chain_fail(const char *what)
{
	fprintf(stderr, "chain: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- the truth ------------------------------------------------------------- */

static const char *site_name(int site);

static void print_list(const struct chain *c, const char *key, void (*one)(const struct chain_frame *f))
{
	printf(", \"%s\": [", key);
	for (int i = c->n - 1; i >= 0; i--) {
		one(&c->f[i]);
		if (i)
			printf(", ");
	}
	printf("]");
}

static void print_name(const struct chain_frame *f)
{
	printf("\"%s\"", f->name);
}

static void print_inlined(const struct chain_frame *f)
{
	printf(f->inlined ? "true" : "false");
}

static void print_line(const struct chain_frame *f)
{
	if (f->line)
		printf("%d", f->line);
	else
		printf("null");
}

static void print_file(const struct chain_frame *f)
{
	const char *base = f->file ? strrchr(f->file, '/') : NULL;

	if (f->file)
		printf("\"%s\"", base ? base + 1 : f->file);
	else
		printf("null");
}

void chain_begin(struct chain *c, const char *call)
{
	c->f[c->n - 1].call = call;
	c->f[c->n - 1].begin_ns = now();
}

/* What the call left behind is still there: the function that made it has not left. */
long chain_end(struct chain *c, long result)
{
	const struct chain_frame *f = &c->f[c->n - 1];
	uint64_t end = now();

	flockfile(stdout);
	printf("{\"site\": %d, \"name\": \"%s\", \"pid\": %d, \"tid\": %ld, \"call\": \"%s\", \"begin_ns\": "
	       "%llu, "
	       "\"duration_ns\": %llu",
	       c->site, site_name(c->site), getpid(), syscall(SYS_gettid), f->call,
	       (unsigned long long)f->begin_ns, (unsigned long long)(end - f->begin_ns));
	print_list(c, "frames", print_name);
	print_list(c, "inlined", print_inlined);
	print_list(c, "lines", print_line);
	print_list(c, "files", print_file);
	printf(", \"cut\": %s, \"least\": %d}\n", c->least ? "true" : "false", c->least ? c->least : c->n);
	funlockfile(stdout);
	if (result < 0) {
		fprintf(stderr, "chain: site %d: %s failed\n", c->site, f->call);
		exit(1);
	}
	return result;
}

struct chain *chain_new(const struct chain *from)
{
	struct chain *c = calloc(1, sizeof(*c));

	if (!c)
		chain_fail("calloc");
	c->site = from->site;
	return c;
}

/* ---- a pipe that is filled later ---------------------------------------------- */

struct filler {
	struct chain *c;
	int fd;
};

static NOINLINE void *fill_later(void *arg)
{
	struct filler *f = arg;
	struct chain *c = f->c;
	long r;

	ENTER(c);
	r = SLEEP(c);
	if (write(f->fd, "", 1) != 1)
		chain_fail("write");
	free(f);
	c->sum = r;
	return LEAVE(c, c);
}

void chain_fill(struct chain *c)
{
	struct filler *f = malloc(sizeof(*f));

	if (!f || pipe(c->pipe))
		chain_fail("pipe");
	f->c = chain_new(c);
	f->fd = c->pipe[1];
	if (pthread_create(&c->fill, NULL, fill_later, f))
		chain_fail("pthread_create");
}

void chain_filled(struct chain *c)
{
	void *of_thread;

	pthread_join(c->fill, &of_thread);
	free(of_thread);
	close(c->pipe[0]);
	close(c->pipe[1]);
}

/* ---- the sites ------------------------------------------------------------------ */

struct site {
	const char *name;
	long (*run)(struct chain *c);
};

static const struct site sites[] = {
#define X(name) { #name, site_##name },
	CHAIN_SITES(X)
#undef X
};

#define NR_SITES (CHAIN_PATHS + (int)(sizeof(sites) / sizeof(sites[0])))

static const char *site_name(int site)
{
	return site <= CHAIN_PATHS ? "path" : sites[site - CHAIN_PATHS - 1].name;
}

/* How the word chooses sites: a number, a name, or all. */
static bool is_chosen(const char *word, int site)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", site);
	return !strcmp(word, "all") || !strcmp(word, number) || !strcmp(word, site_name(site));
}

int main(int argc, char **argv)
{
	static struct chain chain;
	struct chain *c = &chain;
	static char buf[1 << 20];
	int made = 0;

	setvbuf(stdout, buf, _IOFBF, sizeof(buf));
	for (int site = 1; site <= NR_SITES && argc == 2 && !strcmp(argv[1], "--list"); site++)
		made += printf("%d %s\n", site, site_name(site)) > 0;
	ENTER(c);
	for (int i = 1; i < argc; i++)
		for (int site = 1; site <= NR_SITES; site++) {
			if (!is_chosen(argv[i], site))
				continue;
			c->site = site;
			c->least = 0;
			if (site <= CHAIN_PATHS)
				c->sum += AT(c, chain_path(c, site));
			else
				c->sum += AT(c, sites[site - CHAIN_PATHS - 1].run(c));
			made++;
		}
	if (!made)
		fprintf(stderr, "usage: chain --list | chain [all|NUMBER|NAME]...\n");
	return LEAVE(c, made ? 0 : 2);
}
