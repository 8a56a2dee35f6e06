/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Standard output, and files that appear whole. Called by all commands. */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/output.h"

static int write_all(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t done = write(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		s += done;
		n -= (size_t)done;
	}
	return 0;
}

int output_stdout(const struct str *text)
{
	int err = write_all(STDOUT_FILENO, str_get(text), text->len);

	if (err && err != -EPIPE)
		pr_err("standard output: cannot write: %s", err_str(err));
	return err;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* What stands there already. */
static int check_there(const char *path, unsigned int flags)
{
	struct stat st;

	if (lstat(path, &st)) {
		if (errno == ENOENT)
			return 0;
		pr_err("%s: %s", path, err_str(errno));
		return -errno;
	}
	if (S_ISDIR(st.st_mode)) {
		pr_err("%s: is a directory; name a file", path);
		return -EISDIR;
	}
	if (!S_ISREG(st.st_mode)) {
		pr_err("%s: is no regular file%s; name a new file", path,
		       S_ISLNK(st.st_mode) ? " but a link" : "");
		return -EINVAL;
	}
	if (flags & OUTPUT_NEW) {
		pr_err("%s: exists already; name a new file, or remove it first", path);
		return -EEXIST;
	}
	return 0;
}

int output_check(const char *path, unsigned int flags)
{
	__free char *folder = folder_of(path), *temp = xasprintf("%s.XXXXXX", path);
	size_t n = strlen(path);
	int err, fd;

	if (!n || path[n - 1] == '/') {
		pr_err("\"%s\": is no name of a file", path);
		return -EINVAL;
	}
	err = check_there(path, flags);
	if (err)
		return err;
	/* only trying tells: permissions, a read-only file system, a folder that takes no files */
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		pr_err("%s: cannot write in %s: %s", path, folder, err_str(err));
		return err;
	}
	close(fd);
	unlink(temp);
	return 0;
}

/* Where nothing may be replaced, nothing is: also what appeared meanwhile. */
static int put_in_place(const char *temp, const char *path, unsigned int flags)
{
	if (!(flags & OUTPUT_NEW))
		return rename(temp, path) ? -errno : 0;
	if (!renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* a file system without that: a hard link is as good */
	if (link(temp, path))
		return -errno;
	unlink(temp);
	return 0;
}

static int write_temp(int fd, const struct str *text)
{
	int err = fchmod(fd, 0600) ? -errno : write_all(fd, str_get(text), text->len);

	/* a full disk may say so only now */
	if (!err && fsync(fd) && errno != EINVAL && errno != EROFS)
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

int output_file(const char *path, const struct str *text, unsigned int flags)
{
	__free char *temp = xasprintf("%s.XXXXXX", path);
	int err = output_check(path, flags), fd;

	if (err)
		return err;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
	} else {
		err = write_temp(fd, text);
		if (!err)
			err = put_in_place(temp, path, flags);
		if (err)
			unlink(temp);
	}
	if (err)
		pr_err("%s: cannot write: %s", path, err_str(err));
	return err;
}

bool output_ascii(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

int output_width(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws))
		return 0;
	return ws.ws_col ? ws.ws_col : 80;
}
