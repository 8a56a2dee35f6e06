/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns mountinfo and the search for tracefs. Called by kern/, cgroup.c, doctor. */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "host/mounts.h"

#define TRACEFS_DIR "/sys/kernel/tracing"
#define MOUNTS_MAX  65536 /* lines that are looked at: containers bring thousands of mounts */

/* The field of mountinfo, with its \ooo escapes undone. */
static bool copy_field(char *path, const char *field, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = field[i];

		if (c == '\\' && len - i > 3) {
			c = (char)(((field[i + 1] - '0') << 6) | ((field[i + 2] - '0') << 3) |
				   (field[i + 3] - '0'));
			i += 3;
		}
		if (n == MOUNT_PATH_LEN - 1)
			return false;
		path[n++] = c;
	}
	path[n] = '\0';
	return n > 0;
}

/* "36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/root rw": from the root on, and from the
 * options of its file system on, where that is of this type. */
static const char *parse(const char *line, const char *fstype, const char **options)
{
	const char *sep = strstr(line, " - "), *p = line;
	size_t len = strlen(fstype);

	if (!sep || strncmp(sep + 3, fstype, len) || sep[3 + len] != ' ')
		return NULL;
	*options = strrchr(sep, ' ') + 1;
	for (int i = 0; i < 3; i++) {
		p = strchr(p, ' ');
		if (!p)
			return NULL;
		p++;
	}
	return p;
}

bool mount_parse(const char *line, const char *fstype, char *path)
{
	const char *options, *p = parse(line, fstype, &options);

	if (!p || strncmp(p, "/ ", 2))
		return false;
	p += 2;
	return copy_field(path, p, strcspn(p, " "));
}

static bool has_option(const char *options, const char *want)
{
	size_t n = strlen(want);

	for (; *options; options += *options == ',') {
		size_t len = strcspn(options, ",");

		if (len == n && !memcmp(options, want, n))
			return true;
		options += len;
	}
	return false;
}

bool mount_parse_cgroup(const char *line, const char *controller, char *path, char *root)
{
	const char *options, *p = parse(line, controller ? "cgroup" : "cgroup2", &options), *at;

	if (!p || (controller && !has_option(options, controller)))
		return false;
	at = p + strcspn(p, " ");
	if (!*at || at[1] != '/' || !copy_field(root, p, (size_t)(at - p)))
		return false;
	if (!strcmp(root, "/"))
		root[0] = '\0';
	return copy_field(path, at + 1, strcspn(at + 1, " "));
}

int mount_find_cgroup(const char *controller, char *path, char *root)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], one[MOUNT_PATH_LEN], shows[MOUNT_PATH_LEN];
	bool found = false;

	if (!f)
		return -errno;
	for (int i = 0; !(found && !*root) && i < MOUNTS_MAX && fgets(line, sizeof(line), f); i++) {
		line[strcspn(line, "\n")] = '\0';
		if (!mount_parse_cgroup(line, controller, one, shows) || (found && *shows))
			continue;
		found = true;
		strcpy(path, one);
		strcpy(root, shows);
	}
	fclose(f);
	return found ? 0 : -ENOENT;
}

int mount_find(const char *fstype, char *path)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	bool found = false;

	if (!f)
		return -errno;
	for (int i = 0; !found && i < MOUNTS_MAX && fgets(line, sizeof(line), f); i++) {
		line[strcspn(line, "\n")] = '\0';
		found = mount_parse(line, fstype, path);
	}
	fclose(f);
	return found ? 0 : -ENOENT;
}

/* The magic number is asked for: an empty mount point is a directory too. */
static int check_tracefs(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return errno == EACCES ? -EACCES : -ENOENT;
	if (fs.f_type != TRACEFS_MAGIC)
		return -ENOENT;
	return access(path, X_OK) ? -EACCES : 0;
}

int tracefs_path(char *path)
{
	static const char *const usual[] = { TRACEFS_DIR, "/sys/kernel/debug/tracing" };
	int best = -ENOENT;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		err = check_tracefs(usual[i]);
		snprintf(path, MOUNT_PATH_LEN, "%s", usual[i]);
		if (!err)
			return 0;
		if (err == -EACCES)
			best = err;
	}
	if (mount_find("tracefs", path))
		return best;
	err = check_tracefs(path);
	return err == -ENOENT ? best : err;
}

int tracefs_mount(char *path)
{
	int err = tracefs_path(path);

	if (err != -ENOENT)
		return err;
	if (mount("tracefs", TRACEFS_DIR, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) {
		err = -errno;
		err = err == -ENODEV ? -ENOENT : err;
		pr_err("cannot mount tracefs on " TRACEFS_DIR ": %s", err_str(err));
		return err;
	}
	snprintf(path, MOUNT_PATH_LEN, "%s", TRACEFS_DIR);
	return 0;
}
