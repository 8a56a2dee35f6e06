/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the reading of the CPU controller's files. Called by the live source. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "host/cgroup.h"
#include "host/file.h"
#include "host/mounts.h"
#include "host/quota.h"

#define STAT_ROOM 1024 /* bytes of cpu.stat: some ten lines */
#define NO_LIMIT  "-1"
#define MAX_DEPTH 32 /* of cgroups in each other: the kernel allows for any */

/* ---- the files' text --------------------------------------------------------------- */

/* A number of microseconds with nothing but white space behind it. */
static int parse_us(const char *s, uint64_t *ns)
{
	uint64_t us;

	if (parse_u64(&s, &us) || (*s && *s != '\n' && *s != ' ') || us > UINT64_MAX / NSEC_PER_USEC)
		return -EINVAL;
	*ns = us * NSEC_PER_USEC;
	return 0;
}

static int set_limit(struct quota *q, uint64_t quota_ns, uint64_t period_ns)
{
	if (!period_ns)
		return -EINVAL;
	q->quota_ns = quota_ns;
	q->period_ns = period_ns;
	return 0;
}

int quota_parse_max(const char *text, struct quota *q)
{
	const char *second = strchr(text, ' ');
	uint64_t quota = 0, period;

	if (!second || parse_us(second + 1, &period))
		return -EINVAL;
	if (strncmp(text, "max ", 4) && (parse_us(text, &quota) || !quota))
		return -EINVAL;
	return set_limit(q, quota, period);
}

int quota_parse_cfs(const char *quota, const char *period, struct quota *q)
{
	uint64_t quota_ns = 0, period_ns;

	if (parse_us(period, &period_ns))
		return -EINVAL;
	if (strncmp(quota, NO_LIMIT, sizeof(NO_LIMIT) - 1) && (parse_us(quota, &quota_ns) || !quota_ns))
		return -EINVAL;
	return set_limit(q, quota_ns, period_ns);
}

void quota_parse_stat(const char *text, struct quota *q)
{
	static const struct {
		const char *key;
		size_t offset;
		uint64_t unit;
	} rows[] = {
		{ "nr_periods ", offsetof(struct quota, periods), 1 },
		{ "nr_throttled ", offsetof(struct quota, throttled), 1 },
		{ "throttled_time ", offsetof(struct quota, throttled_ns), 1 },
		{ "throttled_usec ", offsetof(struct quota, throttled_ns), NSEC_PER_USEC },
		{ "usage_usec ", offsetof(struct quota, usage_ns), NSEC_PER_USEC },
	};

	q->periods = q->throttled = q->throttled_ns = q->usage_ns = QUOTA_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *s = find_key(text, rows[i].key);
		uint64_t v;

		/* a line without its end may be half a number */
		if (s && !parse_u64(&s, &v) && *s == '\n' && v <= UINT64_MAX / rows[i].unit)
			*(uint64_t *)(void *)((char *)q + rows[i].offset) = v * rows[i].unit;
	}
}

/* ---- the hierarchy ------------------------------------------------------------------- */

struct cpu_tree {
	int fd; /* of the directory where it is mounted */
	bool unified;
	char root[MOUNT_PATH_LEN]; /* the cgroup that is mounted there; "": the root */
};

static bool has_controller(int fd)
{
	char text[512];
	__close int list = openat(fd, "cgroup.controllers", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = list < 0 ? -1 : read(list, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	for (char *save, *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		if (!strcmp(word, "cpu"))
			return true;
	return false;
}

struct cpu_tree *cpu_tree_open(void)
{
	struct cpu_tree *t = xcalloc(1, sizeof(*t));
	char path[MOUNT_PATH_LEN];

	t->fd = -1;
	if (!mount_find_cgroup("cpu", path, t->root))
		t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (t->fd >= 0)
		return t;
	t->unified = true;
	if (!mount_find_cgroup(NULL, path, t->root))
		t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (t->fd >= 0 && has_controller(t->fd))
		return t;
	cpu_tree_close(t);
	return NULL;
}

void cpu_tree_close(struct cpu_tree *t)
{
	if (!t)
		return;
	cleanup_close(&t->fd);
	cleanup_free(&t);
}

bool cpu_tree_unified(const struct cpu_tree *t)
{
	return t->unified;
}

int cpu_tree_path(const struct cpu_tree *t, int pid, char *path)
{
	return cgroup_of_controller(pid, t->unified ? NULL : "cpu", path);
}

/* Does it lead upwards? Of who is outside of our cgroup namespace the kernel says "/../elsewhere". */
static bool leads_out(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/..")); p += 3)
		if (!p[3] || p[3] == '/')
			return true;
	return false;
}

/* A file of a cgroup: a descriptor or -errno. */
static int open_in(const struct cpu_tree *t, const char *path, const char *name)
{
	char file[CGROUP_PATH_LEN + 32];
	size_t n = strlen(t->root);
	int fd;

	if (*path != '/' || strncmp(path, t->root, n) || (path[n] && path[n] != '/') || leads_out(path + n))
		return -ENOENT;
	path += n;
	path += strspn(path, "/");
	snprintf(file, sizeof(file), "%s%s%s", path, *path ? "/" : "", name);
	fd = openat(t->fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

static int read_text(int fd, char *text, size_t size)
{
	ssize_t n;

	do
		n = pread(fd, text, size - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return 0;
}

static int read_in(const struct cpu_tree *t, const char *path, const char *name, char *text, size_t size)
{
	__close int fd = open_in(t, path, name);

	return fd < 0 ? fd : read_text(fd, text, size);
}

struct walk {
	cpu_tree_fn fn;
	void *arg;
	size_t left;
	struct str path;
};

/* All directories in this one, which it closes. */
static int walk_dir(struct walk *w, int fd, int depth)
{
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t len = w->path.len;
	struct dirent *e;
	int err = 0;

	if (!d)
		return -errno;
	while (!err && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (!w->left-- || depth == MAX_DEPTH) {
			err = -E2BIG;
			break;
		}
		str_addf(&w->path, "/%s", e->d_name);
		w->fn(w->arg, w->path.s);
		err = walk_dir(w, openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), depth + 1);
		err = err == -ENOENT ? 0 : err; /* it was removed meanwhile */
		w->path.s[w->path.len = len] = '\0';
	}
	closedir(d);
	return err;
}

int cpu_tree_each(const struct cpu_tree *t, size_t most, cpu_tree_fn fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg, .left = most };
	int err;

	str_add(&w.path, t->root);
	err = walk_dir(&w, openat(t->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
	str_free(&w.path);
	return err;
}

int cpu_tree_quota(const struct cpu_tree *t, const char *path, struct quota *q)
{
	char quota[64], period[64];
	int err;

	if (t->unified) {
		err = read_in(t, path, "cpu.max", quota, sizeof(quota));
		return err ? err : quota_parse_max(quota, q);
	}
	err = read_in(t, path, "cpu.cfs_quota_us", quota, sizeof(quota));
	if (!err)
		err = read_in(t, path, "cpu.cfs_period_us", period, sizeof(period));
	return err ? err : quota_parse_cfs(quota, period, q);
}

int cpu_tree_open_stat(const struct cpu_tree *t, const char *path)
{
	return open_in(t, path, "cpu.stat");
}

int cpu_stat_read(int fd, struct quota *q)
{
	char text[STAT_ROOM];
	int err = read_text(fd, text, sizeof(text));

	if (err)
		return err;
	quota_parse_stat(text, q);
	return 0;
}
