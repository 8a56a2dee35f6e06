/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Files that a recording is not written to or read from, each with one clear line, and the
 * mode of those that are. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rec/crc32c.h"
#include "rec/file.h"
#include "rec/reader.h"
#include "rec/writer.h"
#include "tests/test.h"
#include "tests/unit/rec_util.h"

static void expect_refusal(const char *path, int err, const char *words, int line)
{
	struct rec_writer *w = NULL;
	struct heard h;
	int ret;

	heard_begin(&h);
	ret = rec_writer_open(path, &w);
	heard_end();
	test_eq(ret, err, path, __FILE__, line);
	test_eq(h.lines, 1, path, __FILE__, line);
	if (!test_true(strstr(h.last, words) != NULL, words, __FILE__, line))
		test_streq(h.last, words, path, __FILE__, line);
	if (!ret)
		rec_writer_close(w, NULL);
}

void test_rec_writer_refuses_names(void)
{
	char *file, *dir, *link, *dangling, *fifo, *missing, *below;
	struct stat st;
	size_t n;

	tmp_begin();
	file = tmp_path("file");
	dir = tmp_path("dir");
	link = tmp_path("link");
	dangling = tmp_path("dangling");
	fifo = tmp_path("fifo");
	missing = tmp_path("missing/r.hostlat");
	below = tmp_path("file/r.hostlat");
	ASSERT(file_put(file, "precious", 8));
	ASSERT(!mkdir(dir, 0700) && !symlink(file, link) && !symlink("nowhere", dangling) &&
	       !mkfifo(fifo, 0600));
	expect_refusal(file, -EEXIST, "exists already", __LINE__);
	expect_refusal(dir, -EEXIST, "is a directory", __LINE__);
	expect_refusal(link, -EEXIST, "symbolic link", __LINE__);
	expect_refusal(dangling, -EEXIST, "symbolic link", __LINE__);
	expect_refusal(fifo, -EEXIST, "not a regular file", __LINE__);
	expect_refusal(missing, -ENOENT, "its directory does not exist", __LINE__);
	expect_refusal(below, -ENOTDIR, "parent is not a directory", __LINE__);
	expect_refusal("/dev/full", -EEXIST, "not a regular file", __LINE__);
	expect_refusal("/proc/r.hostlat", -ENOENT, "cannot record to /proc/r.hostlat", __LINE__);
	expect_refusal("", -ENOENT, "the name is empty", __LINE__);
	expect_refusal("/no\x1b[2Jsuch/r", -ENOENT, "/no\\x1b[2Jsuch/r", __LINE__);
	/* nothing was touched */
	free(file_bytes(file, &n));
	ASSERT_EQ(n, 8);
	ASSERT(lstat("nowhere", &st) != 0);
	free(file);
	free(dir);
	free(link);
	free(dangling);
	free(fifo);
	free(missing);
	free(below);
	tmp_end();
}

/* In a process of its own, which gives up root first. */
void test_rec_writer_not_writable(void)
{
	struct rec_writer *w = NULL;
	char *path, *dir;
	int status = -1;
	struct heard h;
	pid_t pid;

	tmp_begin();
	path = tmp_path("r.hostlat");
	dir = tmp_path(".");
	ASSERT(!chmod(dir, 0500));
	pid = fork();
	if (!pid) {
		if (getuid() == 0 && (setgid(65534) || setuid(65534)))
			_exit(2);
		heard_begin(&h);
		_exit(rec_writer_open(path, &w) == -EACCES && strstr(h.last, "not writable") ? 0 : 1);
	}
	ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	ASSERT(WIFEXITED(status));
	ASSERT_EQ(WEXITSTATUS(status), 0);
	ASSERT(!chmod(dir, 0700));
	free(path);
	free(dir);
	tmp_end();
}

void test_rec_writer_mode(void)
{
	static const mode_t masks[] = { 0, 022, 0777 };
	struct rec_writer *w = NULL;
	struct stat st = { 0 };
	mode_t before;
	char *path;

	tmp_begin();
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		path = tmp_path("r.hostlat");
		before = umask(masks[i]);
		ASSERT_EQ(rec_writer_open(path, &w), 0);
		umask(before);
		ASSERT_EQ(rec_writer_close(w, NULL), 0);
		ASSERT_EQ(stat(path, &st), 0);
		ASSERT_EQ(st.st_mode, S_IFREG | 0600);
		unlink(path);
		free(path);
	}
	tmp_end();
}

static void expect_unreadable(const char *path, int err, const char *words, int line)
{
	struct rec_reader *r = NULL;
	struct heard h;
	int ret;

	heard_begin(&h);
	ret = rec_reader_open(path, &r);
	heard_end();
	test_eq(ret, err, path, __FILE__, line);
	test_eq(h.lines, 1, path, __FILE__, line);
	if (!test_true(strstr(h.last, words) != NULL, words, __FILE__, line))
		test_streq(h.last, words, path, __FILE__, line);
	if (!ret)
		rec_reader_close(r);
}

void test_rec_reader_refuses(void)
{
	struct rec_file_header h = { .byte_order = __builtin_bswap32(REC_BYTE_ORDER), .size = sizeof(h) };
	char *path, *fifo, *dir;

	tmp_begin();
	path = tmp_path("f");
	fifo = tmp_path("fifo");
	dir = tmp_path("");
	ASSERT(!mkfifo(fifo, 0600));
	expect_unreadable(path, -ENOENT, "No such file", __LINE__);
	expect_unreadable(fifo, -EINVAL, "not a regular file", __LINE__);
	expect_unreadable("/dev/zero", -EINVAL, "not a regular file", __LINE__);
	expect_unreadable(dir, -EISDIR, "is a directory", __LINE__);
	ASSERT(file_put(path, "", 0));
	expect_unreadable(path, -ENODATA, "is empty", __LINE__);
	ASSERT(file_put(path, "HOS", 3));
	expect_unreadable(path, -EBADMSG, "is not a hostlat recording", __LINE__);
	ASSERT(file_put(path, "#!/bin/sh\nexit 0\n# and some more text", 36));
	expect_unreadable(path, -EBADMSG, "is not a hostlat recording", __LINE__);
	memcpy(h.magic, REC_FILE_MAGIC, sizeof(h.magic));
	ASSERT(file_put(path, &h, 20));
	expect_unreadable(path, -EBADMSG, "cut off within its header", __LINE__);
	ASSERT(file_put(path, &h, sizeof(h)));
	expect_unreadable(path, -EPROTONOSUPPORT, "other byte order", __LINE__);
	h.byte_order = REC_BYTE_ORDER;
	h.version = HL_ABI_VERSION + 1;
	h.crc = crc32c(0, &h, sizeof(h));
	ASSERT(file_put(path, &h, sizeof(h)));
	expect_unreadable(path, -EPROTONOSUPPORT, "needs a hostlat that reads version 2", __LINE__);
	free(path);
	free(fifo);
	free(dir);
	tmp_end();
}
