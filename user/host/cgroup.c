/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the way from a process or a cgroup id to the cgroup's path. Called by the live source. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "host/cgroup.h"
#include "host/file.h"
#include "host/mounts.h"
#include "host/proc.h"

#define CGROUP_TEXT_LEN  16384
#define CGROUPS_MAX      16384
#define HANDLE_KERNFS_ID 0xfe /* FILEID_KERNFS: the handle is the 64-bit id */

static bool has_word(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	while (len >= n) {
		size_t here = 0;

		while (here < len && list[here] != ',')
			here++;
		if (here == n && !memcmp(list, word, n))
			return true;
		if (here == len)
			return false;
		list += here + 1;
		len -= here + 1;
	}
	return false;
}

/* Whether the hierarchy of these controllers is one that managers of containers use. */
static bool telling(const char *controllers, size_t len)
{
	static const char *const words[] = { "name=systemd", "memory", "cpu", "pids" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (has_word(controllers, len, words[i]))
			return true;
	}
	return false;
}

struct span {
	const char *s;
	size_t len;
};

/* One line, "4:memory:/path": whether it is the unified hierarchy's, or else which controllers it has. */
static bool parse_line(const char *line, size_t len, bool *unified, struct span *controllers,
		       struct span *path)
{
	const char *first = memchr(line, ':', len), *second, *end = line + len;

	second = first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
	if (!second || second + 1 == end || second[1] != '/')
		return false;
	*path = (struct span){ second + 1, (size_t)(end - second - 1) };
	*controllers = (struct span){ first + 1, (size_t)(second - first - 1) };
	*unified = first == line + 1 && *line == '0' && second == first + 1;
	return true;
}

static void copy_path(char *path, struct span from)
{
	static const char deleted[] = " (deleted)";
	const size_t n = sizeof(deleted) - 1;

	if (from.len > n && !memcmp(from.s + from.len - n, deleted, n))
		from.len -= n;
	from.len = MIN(from.len, (size_t)CGROUP_PATH_LEN - 1);
	memcpy(path, from.s, from.len);
	path[from.len] = '\0';
}

int cgroup_parse(const char *text, char *path)
{
	struct span v2 = { 0 }, v1 = { 0 }, words, this;
	size_t len;

	for (; *text; text += len + (text[len] == '\n')) {
		bool unified = false;

		len = strcspn(text, "\n");
		if (!parse_line(text, len, &unified, &words, &this))
			continue;
		if (unified)
			v2 = this;
		else if (telling(words.s, words.len) && this.len > v1.len)
			v1 = this;
	}
	path[0] = '\0';
	if (!v2.s && !v1.s)
		return -ENOENT;
	copy_path(path, v2.len > 1 || !v1.s ? v2 : v1);
	return 0;
}

int cgroup_parse_controller(const char *text, const char *controller, char *path)
{
	struct span words, this;
	size_t len;

	path[0] = '\0';
	for (; *text; text += len + (text[len] == '\n')) {
		bool unified = false;

		len = strcspn(text, "\n");
		if (!parse_line(text, len, &unified, &words, &this))
			continue;
		if (controller ? !unified && has_word(words.s, words.len, controller) : unified) {
			copy_path(path, this);
			return 0;
		}
	}
	return -ENOENT;
}

/* Of a process that ends the kernel says "/" in every hierarchy but the unified one. */
static bool is_leaving(pid_t pid)
{
	struct proc_info p;

	return proc_read(pid, &p) || p.exiting;
}

static int read_cgroups(pid_t pid, char *text)
{
	char name[48];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	n = file_read(name, text, CGROUP_TEXT_LEN);
	return n >= 0 ? 0 : n == -ENOENT ? -ESRCH : (int)n;
}

int cgroup_of_pid(pid_t pid, char *path)
{
	char text[CGROUP_TEXT_LEN];
	int err = read_cgroups(pid, text);

	path[0] = '\0';
	if (!err)
		err = cgroup_parse(text, path);
	if (err || strcmp(path, "/") || !is_leaving(pid))
		return err;
	path[0] = '\0';
	return -ESRCH;
}

int cgroup_of_controller(pid_t pid, const char *controller, char *path)
{
	char text[CGROUP_TEXT_LEN];
	int err = read_cgroups(pid, text);

	path[0] = '\0';
	return err ? err : cgroup_parse_controller(text, controller, path);
}

struct cgroups {
	struct hash *by_id; /* uint64_t -> char *, owned */
	int mount_fd;       /* the cgroup2 mount; negative: none, or closed to us */
	char mount[MOUNT_PATH_LEN];
};

struct cgroups *cgroups_new(void)
{
	struct cgroups *c = xcalloc(1, sizeof(*c));

	c->by_id = hash_new(sizeof(uint64_t));
	c->mount_fd = -1;
	if (!mount_find("cgroup2", c->mount))
		c->mount_fd = open(c->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	return c;
}

static void forget_all(struct cgroups *c)
{
	size_t pos = 0;
	void *path;

	while ((path = hash_next(c->by_id, &pos, NULL)))
		cleanup_free(&path);
	hash_free(c->by_id);
	c->by_id = NULL;
}

void cgroups_free(struct cgroups *c)
{
	if (!c)
		return;
	forget_all(c);
	cleanup_close(&c->mount_fd);
	cleanup_free(&c);
}

/* The kernel opens a cgroup by its id; where that led, the descriptor's link tells. */
static int path_of_id(const struct cgroups *c, uint64_t id, char *path)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} u = { .h = { .handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS_ID } };
	char name[48], link[MOUNT_PATH_LEN + CGROUP_PATH_LEN];
	size_t skip = strcmp(c->mount, "/") ? strlen(c->mount) : 0;
	__close int fd = -1;
	ssize_t n;

	if (c->mount_fd < 0)
		return -ENOENT;
	memcpy(u.room + offsetof(struct file_handle, f_handle), &id, sizeof(id));
	fd = open_by_handle_at(c->mount_fd, &u.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = file_read_link(name, link, sizeof(link));
	if (n < 0)
		return (int)n;
	if (strncmp(link, c->mount, skip) || (link[skip] && link[skip] != '/'))
		return -ENOENT;
	copy_path(path, (struct span){ link + skip, (size_t)n - skip });
	return path[0] ? 0 : -ENOENT; /* the root: "" */
}

int cgroups_path(struct cgroups *c, uint64_t id, pid_t pid, char *path)
{
	const char *known = id ? hash_get(c->by_id, &id) : NULL;

	path[0] = '\0';
	if (known) {
		snprintf(path, CGROUP_PATH_LEN, "%s", known);
		return 0;
	}
	if (id && !path_of_id(c, id, path)) {
		if (hash_count(c->by_id) >= CGROUPS_MAX) {
			forget_all(c);
			c->by_id = hash_new(sizeof(uint64_t));
		}
		hash_put(c->by_id, &id, xstrdup(path));
		return 0;
	}
	return pid > 0 ? cgroup_of_pid(pid, path) : -ENOENT;
}

int cgroups_id(const struct cgroups *c, const char *path, uint64_t *id)
{
	struct stat st;

	while (*path == '/')
		path++;
	if (c->mount_fd < 0)
		return -ENOENT;
	if (fstatat(c->mount_fd, *path ? path : ".", &st, 0))
		return -errno;
	*id = st.st_ino; /* kernfs gives both the same number where an inode's has 64 bits */
	return 0;
}
