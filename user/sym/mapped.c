/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A file is known by device and inode as stat says them: /proc/PID/maps may say others (overlayfs, btrfs).
 * Of overlays, of which each container has one, many show the same file of a layer, and probes are on that.
 * It is opened through the mapping, so that one which was deleted or replaced is still the right one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "host/proc.h"
#include "sym/mapped.h"
#include "sym/open_in.h"
#include "sym/space.h"

#define MAPPINGS 4096 /* of a process that are looked at */

struct looking {
	const struct spec *s;
	struct mapped *out;
	struct space space;
	struct stat target; /* is_path: the file of that path in the process's own root */
	bool has_target;
};

/* The device; in an overlay, whose number is its own, what two files of one number have in common if they are
 * the same one. */
static uint64_t device(int fd, const struct stat *st)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) || fs.f_type != OVERLAYFS_SUPER_MAGIC)
		return st->st_dev;
	return 1ull << 63 |
	       ((uint64_t)st->st_ctim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_ctim.tv_nsec) >> 1;
}

static struct mapped_file *known(struct mapped *m, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < m->v.n; i++)
		if (m->v.v[i].dev == dev && m->v.v[i].ino == ino)
			return &m->v.v[i];
	return NULL;
}

/* fd is taken over. The file; NULL: there are too many. */
static struct mapped_file *add(struct mapped *m, int fd, const struct stat *st, const char *name, pid_t pid)
{
	uint64_t dev = device(fd, st);
	struct mapped_file *f = known(m, dev, st->st_ino);

	if (f || m->v.n >= MAPPED_FILES) {
		close(fd);
		return f;
	}
	f = vec_add(&m->v);
	*f = (struct mapped_file){ .dev = dev,
				   .ino = st->st_ino,
				   .fd = fd,
				   .name = xstrdup(name),
				   .pid = pid,
				   .set_id = (st->st_mode & (S_ISUID | S_ISGID)) != 0 };
	snprintf(f->open_path, sizeof(f->open_path), "/proc/self/fd/%d", fd);
	return f;
}

/* ---- processes --------------------------------------------------------------------------------- */

static bool is_meant(const struct looking *l, const struct mapping *m)
{
	if (m->type != MAPPING_FILE)
		return false;
	if (!l->s->is_path)
		return spec_is_file(l->s, m->path);
	return spec_is_file(l->s, m->path) || (l->has_target && m->inode == l->target.st_ino);
}

static int open_mapping(pid_t pid, const struct mapping *m, struct stat *st)
{
	char path[80];
	int fd, root;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)pid, m->start, m->end);
	fd = open_regular(path, st);
	if (fd >= 0)
		return fd;
	root = open_root(pid);
	if (root < 0)
		return root;
	fd = open_in(root, m->path, false, st);
	close(root);
	if (fd >= 0 && st->st_ino != m->inode)
		cleanup_close(&fd);
	return fd;
}

/* Path in the root of the process, links followed. */
static void find_target(struct looking *l, pid_t pid)
{
	int root = open_root(pid), fd;

	l->has_target = false;
	if (root < 0)
		return;
	fd = open_in(root, l->s->file, true, &l->target);
	l->has_target = fd >= 0;
	if (fd >= 0)
		close(fd);
	close(root);
}

static void take_mapping(struct looking *l, pid_t pid, const struct mapping *m, struct stat *before)
{
	struct mapped_file *f;
	struct stat st;
	int fd = open_mapping(pid, m, &st);

	if (fd < 0)
		return;
	if (l->s->is_path && l->has_target && strcmp(m->path, l->s->file) &&
	    (st.st_dev != l->target.st_dev || st.st_ino != l->target.st_ino)) {
		close(fd);
		return;
	}
	f = add(l->out, fd, &st, m->path, pid);
	if (f && (before->st_dev != st.st_dev || before->st_ino != st.st_ino))
		f->processes++;
	*before = st;
}

static int look_at(void *arg, pid_t pid)
{
	struct looking *l = arg;
	struct stat before = {};

	if (space_read(&l->space, pid, MAPPINGS) || !l->space.n)
		return 0;
	if (l->s->is_path)
		find_target(l, pid);
	for (size_t i = 0; i < l->space.n; i++)
		if (is_meant(l, &l->space.v[i]))
			take_mapping(l, pid, &l->space.v[i], &before);
	return 0;
}

/* ---- where there is no process ----------------------------------------------------------------- */

static int look_at_path(struct mapped *m, const char *path)
{
	char real[PATH_MAX];
	struct stat st;
	int fd = open_regular(path, &st);

	if (fd < 0)
		return fd;
	add(m, fd, &st, realpath(path, real) ? real : path, 0);
	return 0;
}

/* Those of a folder that are meant; whether there are some. */
static bool look_in(struct looking *l, const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[PATH_MAX];

		if (spec_is_file(l->s, e->d_name) &&
		    snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) < (int)sizeof(path))
			look_at_path(l->out, path);
	}
	if (d)
		closedir(d);
	return l->out->v.n > 0;
}

/* A file of the loader's configuration: a folder a line. */
static bool look_in_folders_of(struct looking *l, const char *conf)
{
	FILE *f = fopen(conf, "re");
	char line[PATH_MAX];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, " \t#\n")] = '\0';
		found = line[0] == '/' && look_in(l, line);
	}
	if (f)
		fclose(f);
	return found;
}

static bool look_for_library(struct looking *l)
{
	static const char *const folders[] = { "/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib" };
	bool found = look_in_folders_of(l, "/etc/ld.so.conf");
	glob_t g = {};

	if (!found && !glob("/etc/ld.so.conf.d/*.conf", 0, NULL, &g))
		for (size_t i = 0; i < g.gl_pathc && !found; i++)
			found = look_in_folders_of(l, g.gl_pathv[i]);
	globfree(&g);
	for (size_t i = 0; i < ARRAY_SIZE(folders) && !found; i++)
		found = look_in(l, folders[i]);
	return found;
}

static void look_for_program(struct looking *l)
{
	const char *path = getenv("PATH");
	char *copy = xasprintf("%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", path ? path : ""),
	     *rest, *folder = strtok_r(copy, ":", &rest);

	while (folder && !look_in(l, folder))
		folder = strtok_r(NULL, ":", &rest);
	free(copy);
}

void mapped_add_path(struct mapped *m, const char *path, uint64_t ino)
{
	struct stat st;
	int fd = open_regular(path, &st);

	if (fd >= 0 && st.st_ino == ino)
		add(m, fd, &st, path, 0);
	else if (fd >= 0)
		close(fd);
}

/* How much of a file's name is neither its version nor its ending. */
static size_t stem(const char *path)
{
	return strcspn(path, ".-0123456789");
}

bool mapped_may_be(const struct spec *s, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *meant;

	if (spec_is_file(s, path))
		return true;
	if (!s->is_path)
		return false;
	meant = strrchr(s->file, '/') + 1;
	return stem(base) == stem(meant) && !strncmp(base, meant, stem(base));
}

int mapped_find(const struct spec *s, const pid_t *pids, size_t n, struct mapped *out)
{
	struct looking l = { .s = s, .out = out };
	int err = 0;

	*out = (struct mapped){};
	for (size_t i = 0; i < n; i++)
		look_at(&l, pids[i]);
	if (!n)
		proc_each(look_at, &l);
	/* a path is also that of programs that start later */
	if (s->is_path && (!n || !out->v.n))
		err = look_at_path(out, s->file);
	else if (!n && !out->v.n && !look_for_library(&l))
		look_for_program(&l);
	space_free(&l.space);
	return out->v.n ? 0 : err;
}

void mapped_free(struct mapped *m)
{
	for (size_t i = 0; i < m->v.n; i++) {
		close(m->v.v[i].fd);
		free(m->v.v[i].name);
	}
	vec_free(&m->v);
}
