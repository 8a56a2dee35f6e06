/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One-line messages. Everybody calls pr_*; only user/cmd sets level and sink.
 * The level and the sink are the one state of the process that lives here: a
 * message must be possible where there is no context to hand on. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

static struct {
	enum log_level max;
	void (*sink)(void *arg, enum log_level l, const char *line);
	void *arg;
} logger = { .max = LOG_INFO };

void log_set_level(enum log_level max)
{
	logger.max = max;
}

void log_set_sink(void (*sink)(void *arg, enum log_level l, const char *line), void *arg)
{
	logger.sink = sink;
	logger.arg = arg;
}

static void write_all(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t done = write(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* nobody is left to be told */
		s += done;
		n -= (size_t)done;
	}
}

void log_printf(enum log_level l, const char *fmt, ...)
{
	int saved = errno, n;
	struct str line = {};
	char *raw;
	va_list ap;

	if (l > logger.max)
		return;
	va_start(ap, fmt);
	n = vasprintf(&raw, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	/* Messages quote paths and arguments: escaped here once, nobody can
	 * forget it, and what was escaped before passes unchanged. */
	if (!logger.sink)
		str_add(&line, "hostlat: ");
	enc_text(&line, raw, (size_t)n, false);
	if (logger.sink) {
		logger.sink(logger.arg, l, str_get(&line));
	} else {
		str_addc(&line, '\n');
		write_all(STDERR_FILENO, line.s, line.len);
	}
	free(raw);
	str_free(&line);
	errno = saved;
}
