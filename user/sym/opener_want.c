/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the child asks for by name: separate debug information, and what a process wrote about
 * code that it made. The child is hostile: a name is a build id or one path element, and what is
 * found under it is a regular file below a root, which tells the child nothing that it may not
 * know. Files of a process are looked for in its own root first.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "host/file.h"
#include "sym/debug_file.h"
#include "sym/open_in.h"
#include "sym/opener.h"

int opener_send_missing(struct opener *o, const char *why)
{
	struct wire_file none = { .kind = WIRE_FILE, .state = FILE_MISSING };

	snprintf(none.why, sizeof(none.why), "%s", why);
	return opener_send_file(o, &none, "", NULL, 0, -1);
}

int opener_send_found(struct opener *o, int fd, const struct stat *st, enum file_type type)
{
	struct wire_file found = { .kind = WIRE_FILE,
				   .state = FILE_GOOD,
				   .type = type,
				   .key = opener_key(st),
				   .size = (uint64_t)st->st_size };
	int err = opener_send_file(o, &found, "", NULL, 0, fd);

	close(fd);
	return err;
}

/* ---- whose files are believed ---------------------------------------------------------------- */

struct owner {
	uint32_t euid;
	pid_t ns_pid; /* what the process calls itself */
};

static bool read_owner(pid_t pid, struct owner *w)
{
	char path[40], text[8192];
	const char *uid, *ns, *last;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(path, text, sizeof(text)) <= 0)
		return false;
	uid = find_key(text, "Uid:");
	ns = find_key(text, "NSpid:");
	if (!uid || !ns || sscanf(uid, "%*u %u", &w->euid) != 1)
		return false;
	for (last = ns; *ns && *ns != '\n'; ns++)
		if (isspace((unsigned char)ns[0]) && isdigit((unsigned char)ns[1]))
			last = ns + 1;
	w->ns_pid = atoi(last);
	return w->ns_pid > 0;
}

/* Anyone may write into /tmp: only what the process itself (or root) wrote is believed. */
static bool is_his(const struct stat *st, const struct owner *w)
{
	return (st->st_uid == w->euid || st->st_uid == 0) && st->st_nlink <= 1;
}

/* What the child may read: nothing that the process could not read itself. */
static bool is_readable(const struct stat *st, const struct owner *w)
{
	return st->st_mode & S_IROTH || st->st_uid == w->euid;
}

/* ---- debug information -------------------------------------------------------------------- */

/* The name in a link is often that of the file itself, which is not what is sought. */
static int open_place(struct opener *o, int root, const char *path, uint64_t self, const struct owner *who,
		      struct stat *st, const char **why)
{
	int fd = open_in(root, path, true, st);
	bool bad = fd >= 0 && opener_is_bad(o, opener_key(st), 0);

	if (bad)
		*why = NOT_READ;
	if (fd >= 0 && (opener_key(st) == self || !is_readable(st, who) || bad)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static int want_debug(struct opener *o, pid_t pid, const struct wire_want *w)
{
	const pid_t roots[] = { pid, 0 };
	struct debug_places *p = xcalloc(1, sizeof(*p));
	const struct ofile *f = hash_get(o->files, &w->key);
	struct owner who = { .euid = UINT32_MAX };
	const char *why = "";
	struct stat st;
	int fd = -1;

	read_owner(pid, &who); /* one that has ended: what everyone may read */
	debug_places(w, f ? f->path : NULL, p);
	for (size_t r = 0; r < ARRAY_SIZE(roots) && fd < 0; r++) {
		int root = open_root(roots[r]);

		for (size_t i = 0; i < p->n && fd < 0 && root >= 0; i++)
			fd = open_place(o, root, p->v[i], w->key, &who, &st, &why);
		if (root >= 0)
			close(root);
	}
	free(p);
	return fd < 0 ? opener_send_missing(o, why) : opener_send_found(o, fd, &st, FILE_ELF);
}

/* ---- code that a process made ---------------------------------------------------------------- */

#define CLOCK_STEP NSEC_PER_SEC /* by which the times of files and of processes differ, at most */

/* What was written last before the process began is of another one, which had its number. */
static bool is_older(const struct stat *st, uint64_t start_ns)
{
	uint64_t written = (uint64_t)st->st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_mtim.tv_nsec;

	return written + CLOCK_STEP < clock_real_ns() - clock_boot_ns() + start_ns;
}

static int open_perf_map(pid_t pid, const struct owner *w, struct stat *st)
{
	char path[40];
	int root = open_root(pid), fd;

	if (root < 0)
		return root;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)w->ns_pid);
	fd = open_in(root, path, false, st);
	close(root);
	return fd;
}

static int open_jitdump(pid_t pid, const struct oimage *i, struct stat *st)
{
	char path[80];

	if (!i || !i->jit_end)
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)pid, i->jit_start, i->jit_end);
	return open_regular(path, st);
}

static int want_made(struct opener *o, const struct wire_ask *ask, const struct oimage *image,
		     const struct wire_want *w)
{
	pid_t pid = (pid_t)ask->pid;
	enum file_type type = FILE_PERF_MAP;
	struct owner owner;
	struct stat st;
	int fd;

	if (!read_owner(pid, &owner))
		return opener_send_missing(o, "");
	fd = open_perf_map(pid, &owner, &st);
	if (fd < 0) {
		type = FILE_JITDUMP;
		fd = open_jitdump(pid, image, &st);
	}
	if (fd < 0)
		return opener_send_missing(o, "");
	if (!is_his(&st, &owner) || is_older(&st, ask->start_ns) || opener_key(&st) == w->key ||
	    opener_is_bad(o, opener_key(&st), 0)) {
		close(fd);
		return opener_send_missing(o, "");
	}
	return opener_send_found(o, fd, &st, type);
}

int opener_want(struct opener *o, const struct wire_ask *ask, const struct oimage *image,
		const struct wire_want *w)
{
	if (w->name[sizeof(w->name) - 1])
		return -EINVAL;
	if (w->type == WANT_FETCH || w->type == WANT_REFUSE)
		return opener_want_fetched(o, w);
	return w->type == WANT_PERF_MAP ? want_made(o, ask, image, w) : want_debug(o, (pid_t)ask->pid, w);
}
