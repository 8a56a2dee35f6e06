/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Functions of the kernel by name: those that may be traced, and why others may not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sym/find_kernel.h"
#include "tests/test.h"
#include "tests/unit/rec_util.h"

static const char functions[] = "vfs_read\n"
				"vfs_readv\n"
				"vfs_write\n"
				"schedule\n"
				"schedule_timeout\n"
				"do_exit\n"
				"bpf_map_lookup\n"
				"hurts\n"
				"twice\n"
				"twice [ext4]\n"
				"ext4_sync_file [ext4]\n"
				"ext4_sync_fs [ext4]\n"
				"bpf_prog_1 [bpf]\n"
				"__ftrace_invalid_address___16\n";
static const char kallsyms[] = "ffffffff81000000 T vfs_read\n"
			       "ffffffff81000100 t vfs_readv\n"
			       "ffffffff81000200 D vfs_data\n"
			       "ffffffff810001f0 t __pfx_vfs_write\n"
			       "ffffffffc0000100 t ext4_sync_file\t[ext4]\n";
static const char blacklist[] = "0xffffffff81000000-0xffffffff81000010\thurts\n";

static const struct {
	const char *module, *name;
	const char *want; /* what is found, a word each; "": nothing */
	const char *part; /* of why others are refused, or of what is like it; NULL: nothing */
} cases[] = {
	{ NULL, "vfs_read", "vfs_read", NULL },
	{ NULL, "vfs_*", "vfs_read vfs_readv vfs_write", NULL },
	{ NULL, "sched*", "schedule_timeout", "schedule: threads are switched" },
	{ NULL, "do_exit", "", "do_exit: it never returns" },
	{ NULL, "bpf_*", "", "what traces runs in it" },
	{ NULL, "hurts", "", "hurts: the kernel forbids" },
	{ NULL, "twice", "", "several functions" },
	{ "ext4", "*", "ext4_sync_file ext4_sync_fs", "twice: several functions" },
	{ "ext*", "ext4_sync_f?le", "ext4_sync_file", NULL },
	{ "kernel", "*sync*", "", "ext4_sync_fs" },
	{ "xfs", "vfs_read", "", "vfs_read" },
	{ NULL, "vfs_reax", "", "vfs_read" },
};

static void check_case(size_t i, const char *path, const char *forbidden)
{
	struct kernel_query q = { cases[i].name, cases[i].module, 100, path, forbidden };
	struct kernel_found r;
	char why[200], got[200] = "", said[400] = "";

	if (!ASSERT_EQ(kernel_find(&q, &r, why, sizeof(why)), 0))
		return;
	for (size_t k = 0; k < r.n; k++) {
		strcat(got, k ? " " : "");
		strcat(got, r.v[k].name);
	}
	strcat(said, r.why_refused);
	for (size_t k = 0; k < r.n_nearest; k++) {
		strcat(said, " ");
		strcat(said, r.nearest[k]);
	}
	if (!ASSERT_STR(got, cases[i].want) || !ASSERT(!cases[i].part == !*said) ||
	    !ASSERT(!cases[i].part || strstr(said, cases[i].part)))
		printf("# %s: %s\n", cases[i].name, said);
	kernel_found_free(&r);
}

void test_sym_find_kernel_names(void)
{
	__free char *path = NULL, *forbidden = NULL;

	tmp_begin();
	path = tmp_path("functions");
	forbidden = tmp_path("blacklist");
	ASSERT(file_put(path, functions, strlen(functions)));
	ASSERT(file_put(forbidden, blacklist, strlen(blacklist)));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_case(i, path, forbidden);
	tmp_end();
}

/* Where tracefs cannot be read, names stand behind addresses and kinds; and no more come than are wanted. */
void test_sym_find_kernel_kallsyms(void)
{
	struct kernel_query q = { .name = "*", .max = 2 };
	__free char *path = NULL;
	struct kernel_found r;
	char why[200] = "";

	tmp_begin();
	path = tmp_path("kallsyms");
	ASSERT(file_put(path, kallsyms, strlen(kallsyms)));
	q.functions = path;
	if (ASSERT_EQ(kernel_find(&q, &r, why, sizeof(why)), 0)) {
		ASSERT_EQ(r.n, 2);
		ASSERT_EQ(r.all, 3);
		ASSERT_STR(r.v[0].name, "ext4_sync_file");
		ASSERT_STR(r.v[0].module, "ext4");
		ASSERT_STR(r.v[1].name, "vfs_read");
		kernel_found_free(&r);
	}
	q.functions = "/no/such/file";
	ASSERT_EQ(kernel_find(&q, &r, why, sizeof(why)), -ENOENT);
	ASSERT(strstr(why, "/no/such/file") != NULL);
	tmp_end();
}
