/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The filters that every live command and every replay takes: option rows, what they mean
 * for the model and the kernel side, and how they are written down in a recording, so that
 * it is shown with the filters that it was made with.
 */
#ifndef CMD_FILTER_H
#define CMD_FILTER_H

#include "base/mem.h"
#include "base/opt.h"
#include "model/model.h"

struct filter_opts {
	struct opt_list pids, comms, cgroups, containers, calls;
	bool target; /* a command was started: written into its recording only */
	bool none;   /* replay: show all that was recorded */
};

/* clang-format off */
#define FILTER_ROWS(where, m) \
	{ .type = OPT_LIST, .short_name = 'p', .long_name = "pid", .arg = "PID", \
	  .help = "only these processes", .offset = offsetof(where, m.pids) }, \
	{ .type = OPT_LIST, .short_name = 'c', .long_name = "comm", .arg = "COMM", \
	  .help = "only processes of this name", .offset = offsetof(where, m.comms) }, \
	{ .type = OPT_LIST, .long_name = "cgroup", .arg = "PATH", \
	  .help = "only processes in this cgroup and those below it", .offset = offsetof(where, m.cgroups) }, \
	{ .type = OPT_LIST, .long_name = "container", .arg = "NAME", \
	  .help = "only processes in this container", .offset = offsetof(where, m.containers) }, \
	{ .type = OPT_LIST, .short_name = 'x', .long_name = "syscall", .arg = "SYSCALL", \
	  .help = "only these system calls", .offset = offsetof(where, m.calls) }, \
	{ .type = OPT_FLAG, .long_name = "target", .help = "only the command's processes", .hidden = true, \
	  .offset = offsetof(where, m.target) }

/* Of commands that read a recording. */
#define REPLAY_FILTER_ROWS(where, m) \
	FILTER_ROWS(where, m), \
	{ .type = OPT_FLAG, .long_name = "no-filter", \
	  .help = "of a recording, also what the filters that it was made with leave out", \
	  .offset = offsetof(where, m.none) }
/* clang-format on */

struct filter {
	struct model_filter model; /* points into what follows */
	VEC(uint32_t) pids;
	VEC(uint16_t) nrs;
	VEC(const char *) comms, cgroups, containers; /* NULL-ended; words of the options */
	VEC(char *) words; /* NULL-ended: the filters as options, for the recording */
};

/* 0, or -EINVAL after one printed line. The options must outlive the filter. */
int filter_init(struct filter *f, const struct filter_opts *o);
void filter_free(struct filter *f);
bool filter_given(const struct filter_opts *o); /* whether any is */
/* Whether the processes of -p are there: 0, or -ESRCH after one printed line. */
int filter_check_pids(const struct filter *f);

/* Filters from the words that a recording holds; unknown ones are passed over.
 * filter_opts_free gives back what it made. */
void filter_parse_words(struct filter_opts *o, const char *const *words);
void filter_opts_free(struct filter_opts *o);

#endif
