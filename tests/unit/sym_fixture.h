/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Programs built and stopped for the tests of user stacks, and questions asked until answered. */
#ifndef TESTS_SYM_FIXTURE_H
#define TESTS_SYM_FIXTURE_H

#include <sys/types.h>

#include "sym/ustack.h"

/* A folder of the test's own, below /tmp; removed by sym_clean. */
struct sym_dir {
	char path[64];
};
bool sym_dir_make(struct sym_dir *d);
void sym_dir_clean(struct sym_dir *d);
/* A shell command in the folder, repository paths as "$T"; whether it succeeded. */
bool sym_run(const struct sym_dir *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A process that was started and has come to rest in a system call; and its stack. */
struct sym_target {
	pid_t pid;
	uint64_t start_ns;
	uint64_t regs[USTACK_REGS];
	uint64_t slice_addr;
	size_t slice_len;
	char slice[USTACK_SLICE];
};
/* Runs program (of the folder) with an argument or NULL, waits until it sleeps, copies its stack. */
bool sym_target_start(struct sym_target *t, const struct sym_dir *d, const char *program, const char *arg);
/* The same with a process that runs. */
bool sym_target_look(struct sym_target *t, pid_t pid);
void sym_target_stop(struct sym_target *t);

/* An answer that was kept. */
struct sym_answer {
	uint64_t ref;
	enum ustack_how how;
	bool got, truncated;
	char why[160];
	size_t n;
	uint64_t took_ns;
	struct {
		uint64_t pc, offset;
		char function[200], module[200], file[200];
		uint32_t line;
		bool inlined;
	} v[160];
};
struct ustacks *sym_new(uint64_t deadline_ns);
void sym_question(const struct sym_target *t, struct ustack_question *q);
/* Asks about the target and waits, at most 10 s. Checks that no call took long. */
bool sym_ask(struct ustacks *u, const struct sym_target *t, struct sym_answer *a);
bool sym_ask_this(struct ustacks *u, const struct ustack_question *q, struct sym_answer *a);
/* Waits for the answer to what was asked. */
bool sym_wait(struct ustacks *u, struct sym_answer *a);
/* The frame of that function; -1: none. */
int sym_frame(const struct sym_answer *a, const char *function);
void sym_print(const struct sym_answer *a);
/* The line of a source file that ends in a comment saying just this. */
int sym_line(const char *path, const char *mark);

/* A file of the folder. */
size_t sym_load(const struct sym_dir *d, const char *name, char *to, size_t room);
void sym_store(const struct sym_dir *d, const char *name, const char *from, size_t n);
/* Where a section of an ELF file is; unchanged: it has none of that name. */
void sym_section(const char *elf, size_t n, const char *name, size_t *offset, size_t *size);
/* Changes a few bytes of the headers, of one section, or anywhere. */
void sym_mutate(char *elf, size_t n, const char *good);

#endif
